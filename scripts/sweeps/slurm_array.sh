#!/bin/bash
# One case file per task of a SLURM array. Submit from the folder with the case files:
#
#     ls *.toml > cases.txt && sbatch --array=1-$(wc -l < cases.txt) slurm_array.sh
#
# Every task has a folder of its own under results/, and beside it the summary of its case as JSON. A task that ran out of time is
# submitted again with the same line: what has an answer is not run twice.
#SBATCH --job-name=grid-opt
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --time=01:00:00
#SBATCH --output=slurm-%A_%a.log
set -euo pipefail
case_file="$(sed -n "${SLURM_ARRAY_TASK_ID}p" cases.txt)"
out="results/$(basename "$case_file" .toml)"
threads="${SLURM_CPUS_PER_TASK:-2}"

mkdir -p results
if [[ -f "$out/manifest.json" ]]; then
    grid-opt resume "$out" --workers 1 --quiet --json > "$out.json"
else
    grid-opt batch "$case_file" --out "$out" --workers 1 --set "solve.threads=$threads" --quiet --json > "$out.json"
fi
