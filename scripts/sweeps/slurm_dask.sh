#!/bin/bash
# One sweep over many nodes of SLURM: a scheduler of dask on the first task, workers on all. The folder of the sweep must
# be on a file system that all nodes share, and grid-opt with its extra `dask` installed on all.
#
#     sbatch slurm_dask.sh drivers
#
# Run out of time? Submit the same line again: the sweep goes on.
#SBATCH --job-name=grid-opt-sweep
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=2
#SBATCH --mem-per-cpu=4G
#SBATCH --time=04:00:00
set -euo pipefail
sweep="$1"
out="results/$(basename "$sweep" .toml)"
file="$PWD/scheduler-$SLURM_JOB_ID.json"

dask scheduler --scheduler-file "$file" --no-dashboard &
srun dask worker --scheduler-file "$file" --nthreads 1 --no-dashboard &
until [[ -s "$file" ]]; do sleep 1; done
address="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' "$file")"

code=0
if [[ -f "$out/manifest.json" ]]; then
    grid-opt resume "$out" --dask "$address" || code=$?
else
    grid-opt sweep "$sweep" --out "$out" --dask "$address" || code=$?
fi
kill %1 %2
rm -f "$file"
exit "$code"
