#!/bin/sh
# A nightly batch: run every case file of a folder, keep the results by date, and fail for what a person should look at.
#
#     scripts/sweeps/nightly.sh CASES_DIR RESULTS_DIR
#
# Exit codes are those of `grid-opt batch`, of the gravest case: 0 all done; 3 some case has no plan; 4 some gap is wider
# than asked; 5 some case failed or was killed; 6 a plan failed its verification. The JSON summary names every case.
set -eu
cases="$1"
out="$2/$(date +%Y-%m-%d)"
grid_opt="${GRID_OPT:-grid-opt}"

mkdir -p "$2"
code=0
if [ -f "$out/manifest.json" ]; then # an earlier try of the same night
    "$grid_opt" resume "$out" --quiet --json > "$out.json" || code=$?
else
    "$grid_opt" batch "$cases"/*.toml --out "$out" --case-seconds 3600 --quiet --json > "$out.json" || code=$?
fi
echo "exit $code; summary: $out.json"
exit "$code"
