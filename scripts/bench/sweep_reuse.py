"""Compare a sweep of prices that keeps plans it can prove with its cases run cold, one by one.

    python scripts/bench/sweep_reuse.py us_750mw --table

runs a grid of power and gas prices with ``reuse = true``, and a random sample of its cases cold, each by a run of its
own, with its pages, one at a time. Printed, and with ``--table`` written into ``docs/sweeps.md``: the time of the
sweep as a multiple of that of one cold run, and its ratio to as many cold runs as it has cases (by the mean of the
sample); the same of processor time; how many cases were certified without a search; and how far the objectives of a
case, cold and in the sweep, are apart at most. Cold and kept plan agree where neither is better than the other's bound.
Exit code 1 if any pair does not.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

KEYS = {"price": "energy.price_scale", "gas": "supply.gas_price_scale"}
PAGE = Path(__file__).parents[2] / "docs" / "sweeps.md"
BEGIN, END = "<!-- sweep_reuse: begin -->", "<!-- sweep_reuse: end -->"
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Took:
    """Seconds by the clock and of the processor."""

    clock_s: float
    processor_s: float


@dataclass(frozen=True)
class Pair:
    """One case, cold and from the sweep: objectives and bounds."""

    cold: tuple[float, float]
    kept: tuple[float, float]

    @property
    def apart(self) -> float:
        """How far the objectives are apart, as a share."""
        return abs(self.kept[0] - self.cold[0]) / abs(self.cold[0])

    @property
    def agrees(self) -> bool:
        """Whether neither plan is better than what is proven by the other."""
        slack = _ROUNDING * abs(self.cold[0])
        return self.kept[1] <= self.cold[0] + slack and self.cold[1] <= self.kept[0] + slack


def sweep_file(case: str, base: Sequence[str], values: Sequence[float]) -> str:
    """Return the text of a sweep over a grid of both prices, from the case with some knobs set."""
    axes = "".join(f'\n[axes.{name}]\nkey = "{key}"\nvalues = {list(values)}\n' for name, key in KEYS.items())
    knobs = "".join(f'"{key}" = {value}\n' for key, value in (one.split("=", 1) for one in base))
    head = f'name = "prices"\ntitle = "Prices of power and gas"\ncase = "{case}"\nreuse = true\n'
    return f"{head}\n[base]\n{knobs}{axes}"


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(command: Sequence[str]) -> Took:
    """Run grid-opt and return the time it took; a run that found no plan is an error."""
    began, before = time.monotonic(), _spent()
    ended = subprocess.run([sys.executable, "-m", "grid_opt", *command], check=False, stdout=subprocess.DEVNULL)
    if ended.returncode not in (0, 4):  # done, or the gap was not reached
        raise SystemExit(f"grid-opt {' '.join(command)} ended with code {ended.returncode}")
    return Took(time.monotonic() - began, _spent() - before)


def cold_run(case: str, base: Sequence[str], place: tuple[float, float], out: Path) -> tuple[Took, tuple[float, float]]:
    """Run one case by itself, and return the time it took, its objective and its bound."""
    knobs = [*base, *(f"{key}={value}" for key, value in zip(KEYS.values(), place, strict=True))]
    asked = [word for knob in knobs for word in ("--set", knob)]
    took = timed(["run", case, *asked, "--out", str(out), "--quiet"])
    with xr.open_dataset(out / "plan.nc") as opened:
        return took, (float(opened.attrs["objective"]), float(opened.attrs["bound"]))


@contextmanager
def folder_of(given: Path | None) -> Iterator[Path]:
    """Give the folder that was asked for, or one that is taken away at the end."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def told(case: str, cube: xr.Dataset, whole: Took, cold: Sequence[Took], pairs: Sequence[Pair], workers: int) -> str:
    """Return the table of what was found, as Markdown."""
    count = cube["objective"].size
    clock, processor = (float(np.mean([getattr(one, name) for one in cold])) for name in ("clock_s", "processor_s"))
    states = {str(s): int((cube["state"] == s).sum()) for s in np.unique(cube["state"].values)}
    kept = int((cube["repriced"] == 1).sum())
    rows = [
        ("cases", f"{count}: {', '.join(f'{n} {state}' for state, n in states.items())}"),
        ("certified without a search", f"{kept} of {count}"),
        ("time of the sweep", f"{whole.clock_s:,.0f} s, {workers} workers; {whole.clock_s / count:.1f} s a case"),
        ("one cold run, mean of the sample", f"{clock:.1f} s ({len(cold)} runs)"),
        ("the sweep in cold runs", f"{whole.clock_s / clock:.1f}"),
        (f"ratio to {count} cold runs", f"{whole.clock_s / (count * clock):.3f}"),
        ("the same of processor time", f"{whole.processor_s / (count * processor):.3f} "
         f"({whole.processor_s / count:.0f} s a case, cold {processor:.0f} s)"),
        ("sample run cold", f"{len(pairs)}: objectives at most {100 * max(p.apart for p in pairs):.3f} % apart; "
         f"{sum(p.agrees for p in pairs)} agree within their proven bounds"),
        ("gap in the sweep",
         f"{100 * float(cube['gap'].mean()):.2g} % on average, {100 * float(cube['gap'].max()):.2g} % at most"),
    ]  # fmt: skip
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    lines = [f"`{case}`, {count} prices of power and gas; {machine}.", "", "| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows)])


def put_into_page(table: str) -> None:
    """Write the table into the page between its markers."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


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
    parser.add_argument("--out", type=Path, help="folder that keeps all plans; a sweep in it is resumed, not timed")
    parser.add_argument("--table", action="store_true", help=f"write the table into {PAGE.name}")
    options = parser.parse_args(arguments)
    values = [round(float(v), 4) for v in np.linspace(options.range[0], options.range[1], options.steps)]
    places = random.Random(options.seed).sample([(p, g) for p in values for g in values], options.sample)
    with folder_of(options.out) as folder:
        file, out = folder / "prices.toml", folder / "sweep"
        file.write_text(sweep_file(options.case, options.base, values), encoding="utf-8")
        asked = ["sweep", str(file), "--out", str(out)]
        whole = timed([*asked, "--workers", str(options.workers), "--quiet"])
        with xr.open_dataset(out / "cube.nc") as opened:
            cube = opened.load()
        print(f"the sweep took {whole.clock_s:.0f} s", flush=True)
        cold, pairs = [], []
        for n, place in enumerate(places):
            took, found = cold_run(options.case, options.base, place, folder / f"cold{n}")
            here = cube.sel(dict(zip(KEYS, place, strict=True)))
            pair = Pair(found, (float(here["objective"]), float(here["bound"])))
            print(f"{place}: cold {took.clock_s:.0f} s, {pair.apart:.1e} apart, agrees: {pair.agrees}", flush=True)
            cold.append(took)
            pairs.append(pair)
    table = told(options.case, cube, whole, cold, pairs, options.workers)
    print(table)
    if options.table:
        put_into_page(table)
    return int(not all(pair.agrees for pair in pairs))


if __name__ == "__main__":
    sys.exit(main())
