#!/bin/sh
# What does the plan do when wholesale power is cheaper or dearer everywhere?
# Usage: scripts/sweeps/energy_price.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/energy_price.toml
exec "$(dirname "$0")/run.sh" energy_price "$@"
