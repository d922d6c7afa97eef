#!/bin/sh
# What if gas is cheaper or dearer than the outlook from 2026 on? Power prices follow by energy.gas_elasticity.
# Usage: scripts/sweeps/gas_price.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/gas_price.toml
exec "$(dirname "$0")/run.sh" gas_price "$@"
