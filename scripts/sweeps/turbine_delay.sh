#!/bin/sh
# When are gas turbines in the plan, and when are they gone? Slots reserved by others, and eight quarters later.
# Usage: scripts/sweeps/turbine_delay.sh [--workers N] [--set key=value] ...; the sweep itself: models/sweeps/turbine_delay.toml
exec "$(dirname "$0")/run.sh" turbine_delay "$@"
