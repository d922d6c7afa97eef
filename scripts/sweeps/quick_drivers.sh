#!/bin/sh
# What drives the small case? Minutes, for trying out.
# Usage: scripts/sweeps/quick_drivers.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/quick_drivers.toml
exec "$(dirname "$0")/run.sh" quick_drivers "$@"
