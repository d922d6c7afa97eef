#!/bin/sh
# What does a carbon price on the location-based ledger move? The prices, from 2026 on, are ASSUMPTIONs.
# Usage: scripts/sweeps/carbon_price.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/carbon_price.toml
exec "$(dirname "$0")/run.sh" carbon_price "$@"
