#!/bin/sh
# Which accelerators are bought when wafer-scale systems cost more or less, or yield more or fewer tokens?
# Usage: scripts/sweeps/accelerator.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/accelerator.toml
exec "$(dirname "$0")/run.sh" accelerator "$@"
