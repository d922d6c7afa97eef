#!/bin/sh
# What drives the plan? The base, and every driver alone at both ends of its range. All ranges are ASSUMPTIONs.
# Usage: scripts/sweeps/drivers.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/drivers.toml
exec "$(dirname "$0")/run.sh" drivers "$@"
