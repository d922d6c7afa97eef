#!/bin/sh
# Run a sweep, or go on with it where it was left, and print where the plan switches from one set of sites to another.
#
#     scripts/sweeps/run.sh SWEEP [OPTION of grid-opt sweep ...]
#
# SWEEP is a bundled name (models/sweeps) or a file. Results: outputs/SWEEP. An exit code other than 0 is that of the
# gravest case, as `grid-opt sweep` says it; 3, some cases without any plan, is no failure of the sweep.
set -eu
sweep="$1"
shift
grid_opt="${GRID_OPT:-grid-opt}"
out="outputs/$(basename "$sweep" .toml)"

code=0
if [ -f "$out/manifest.json" ]; then
    "$grid_opt" resume "$out" || code=$?
else
    "$grid_opt" sweep "$sweep" --out "$out" "$@" || code=$?
fi
if [ -f "$out/cube.nc" ]; then
    "${PYTHON:-python3}" "$(dirname "$0")/switching.py" "$out"
fi
exit "$code"
