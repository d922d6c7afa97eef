#!/bin/sh
# How do sites and cost change with the size of the tranches, and with the size of a hall that they are built of?
# Usage: scripts/sweeps/tranche_size.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/tranche_size.toml
exec "$(dirname "$0")/run.sh" tranche_size "$@"
