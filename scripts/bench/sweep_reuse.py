"""Compare a sweep of prices that keeps plans it can prove with its cases run cold, one by one.

    python scripts/bench/sweep_reuse.py quick --base solve.gap=0.005 --base 'supply.onsite=["engine", "fuel_cell"]'

runs a grid of power and gas prices with ``reuse = true``, then a random sample of its cases cold, each by a run of its
own with one process at a time. Printed: the time of the sweep as a multiple of that of one cold run and of as many cold
runs as it has cases, how many cases were certified without a search, and how far objectives are apart at most, beside
the sum of the gaps that both prove. Exit code 1 if any pair differs by more than that.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

KEYS = {"price": "energy.price_scale", "gas": "supply.gas_price_scale"}


def sweep_file(case: str, base: Sequence[str], values: Sequence[float]) -> str:
    """Return the text of a sweep over a grid of both prices, from the case with some knobs set."""
    axes = "".join(f'\n[axes.{name}]\nkey = "{key}"\nvalues = {list(values)}\n' for name, key in KEYS.items())
    knobs = "".join(f'"{key}" = {value}\n' for key, value in (one.split("=", 1) for one in base))
    head = f'name = "prices"\ntitle = "Prices of power and gas"\ncase = "{case}"\nreuse = true\n'
    return f"{head}\n[base]\n{knobs}{axes}"


def timed(command: Sequence[str]) -> float:
    """Run grid-opt and return the seconds it took; a run that found no plan is an error."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "grid_opt", *command], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sweep and the sample, compare, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", default="quick", help="bundled case or path (default: quick)")
    parser.add_argument("--base", action="append", default=[], metavar="KEY=VALUE", help="knob of all cases, as TOML")
    parser.add_argument("--steps", type=int, default=10, help="values of each price (default: 10)")
    parser.add_argument("--range", type=float, nargs=2, default=(1.0, 1.18), metavar=("FROM", "TO"))
    parser.add_argument("--sample", type=int, default=10, help="cases to run cold (default: 10)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args(arguments)
    values = [round(float(v), 4) for v in np.linspace(options.range[0], options.range[1], options.steps)]
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "prices.toml", Path(folder) / "out"
        file.write_text(sweep_file(options.case, options.base, values), encoding="utf-8")
        whole_s = timed(["sweep", str(file), "--workers", str(options.workers), "--out", str(out), "--quiet"])
        with xr.open_dataset(out / "cube.nc") as opened:
            cube = opened.load()
        places = random.Random(options.seed).sample([(p, g) for p in values for g in values], options.sample)
        worst, differ, cold_s = 0.0, 0, []
        for n, (price, gas) in enumerate(places):
            plan = Path(folder) / f"cold{n}"
            knobs = [*options.base, f"{KEYS['price']}={price}", f"{KEYS['gas']}={gas}"]
            asked = [word for knob in knobs for word in ("--set", knob)]
            cold_s.append(timed(["run", options.case, *asked, "--out", str(plan), "--quiet"]))
            with xr.open_dataset(plan / "plan.nc") as opened:
                objective, gap = float(opened.attrs["objective"]), float(opened.attrs["gap"])
            kept = cube.sel(price=price, gas=gas)
            apart = abs(float(kept["objective"]) - objective) / abs(objective)
            worst, differ = max(worst, apart), differ + (apart > gap + float(kept["gap"]) + 1e-6)
    count, mean = len(values) ** 2, float(np.mean(cold_s))
    print(f"{options.case}: {count} cases in {whole_s:.0f} s, {options.workers} workers")
    share = whole_s / (count * mean)
    print(
        f"one cold run: {mean:.1f} s; the sweep takes {whole_s / mean:.1f} times that, {share:.2f} of {count} cold runs"
    )
    print(f"kept with proof, no search: {int((cube['repriced'] == 1).sum())} of {count}")
    print(f"{options.sample} cases run cold: at most {worst:.2e} apart; {differ} by more than their gaps")
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
