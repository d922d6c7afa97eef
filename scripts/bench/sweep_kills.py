"""Kill a sweep, or one process of a case, at random moments; resume; and compare the cube with an undisturbed one.

    python scripts/bench/sweep_kills.py mysweep.toml --times 20 --workers 2 --out outputs/sweep_kills

runs the sweep once without disturbance, and then until so many kills have hit: SIGKILL at a moment drawn evenly from
the time that it took, on the sweep itself or on one of its processes in turn. Where no process of a case is there at
that moment, the next one is waited for; where the sweep has ended by then, nothing was hit, and another moment is
drawn. A sweep that was killed before it had an account is begun again, any other one resumed. Exit code 1 if any cube
differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

WORKER = "grid_opt.study.sweeps.worker"


def cube_of(folder: Path) -> xr.Dataset:
    """Return the cube of a sweep."""
    with xr.open_dataset(folder / "cube.nc") as opened:
        return opened.load()


def started(out: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a sweep, or go on with it where it has an account."""
    again = (out / "manifest.json").exists()
    asked = ["resume", str(out)] if again else ["sweep", arguments[0], "--out", str(out)]
    command = [sys.executable, "-m", "grid_opt", *asked, *arguments[1:], "--quiet"]
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".log").open("ab") as log:  # beside the folder, which must be new
        return subprocess.Popen(command, stdout=log, stderr=log)


def children(parent: int) -> list[int]:
    """Return the processes of cases that a process started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                mine = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent
                if mine and WORKER in (entry / "cmdline").read_bytes().decode(errors="replace"):
                    found.append(int(entry.name))
            except (OSError, ValueError, IndexError):
                continue
    return found


def hit(process: subprocess.Popen[bytes], target: str, rng: random.Random) -> bool:
    """Kill the sweep, or the first process of a case that there is; return whether one was there to be killed."""
    while process.poll() is None:
        there = [process.pid] if target == "sweep" else children(process.pid)
        if there:
            try:
                os.kill(rng.choice(there), signal.SIGKILL)
            except ProcessLookupError:
                continue
            return True
        time.sleep(0.01)
    return False


def disturbed(out: Path, arguments: Sequence[str], target: str, moment_s: float, rng: random.Random) -> str | None:
    """Run a sweep that is disturbed once, resume it to its end, and say what was killed when; ``None`` if nothing."""
    began, process = time.monotonic(), started(out, arguments)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment_s)
    struck = hit(process, target, rng)
    after_s, code = time.monotonic() - began, process.wait()
    if not struck or (target == "sweep" and code != -signal.SIGKILL):
        return None
    begun, lost = (out / "manifest.json").exists(), lost_runs(out)
    started(out, arguments).wait()
    told = f"{target} killed after {after_s:.1f} s" + (f", {lost} case lost" if lost else "")
    return f"{told}; {'resumed' if begun else 'begun again'}"


def lost_runs(out: Path) -> int:
    """Return how many runs of a sweep so far lost their process: killed, or tried again; none without an account."""
    try:
        account = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    return sum(run["state"] == "killed" or run["attempts"] > 1 for run in account["runs"].values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, kill, resume, compare, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", help="sweep file")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, default=Path("outputs/sweep_kills"))
    options = parser.parse_args(arguments)
    rng, asked = random.Random(options.seed), [options.sweep, "--workers", str(options.workers)]
    shutil.rmtree(options.out, ignore_errors=True)
    start = time.monotonic()
    started(options.out / "undisturbed", asked).wait()
    whole_s = time.monotonic() - start
    print(f"undisturbed: {whole_s:.1f} s", flush=True)
    expected, differ, hits, missed = cube_of(options.out / "undisturbed"), 0, 0, 0
    while hits < options.times:
        out = options.out / f"{hits:02d}"
        told = disturbed(out, asked, ("sweep", "case")[hits % 2], rng.uniform(0.0, whole_s), rng)
        if told is None:
            missed += 1
            shutil.rmtree(out)
            continue
        hits += 1
        same = cube_of(out).identical(expected)
        differ += not same
        print(f"{hits:3d}: {told}: {'the same cube' if same else 'ANOTHER CUBE'}", flush=True)
    print(f"{hits - differ} of {hits} cubes equal that of the undisturbed sweep; {missed} moments hit nothing")
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
