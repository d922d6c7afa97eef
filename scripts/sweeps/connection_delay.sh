#!/bin/sh
# What does it cost when every connection comes later than data/headroom.csv says, and when there is less of it?
# Usage: scripts/sweeps/connection_delay.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/connection_delay.toml
exec "$(dirname "$0")/run.sh" connection_delay "$@"
