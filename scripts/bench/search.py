"""Compare ways to search for the same plan: region by region with the hours behind cuts or in the program, and HiGHS.

HiGHS gets our tightened arrays in one way, and the program as an MPS file in another.

All are given the same program, whole systems and all, and the same time, and stop at the same gap; the last one has
HiGHS's default options, as a user would run it on the file. The program is built once; each search runs in turn, the
last in a process of its own.

    python scripts/bench/search.py us_750mw --markdown
    python scripts/bench/search.py us_750mw --set connection.max_curtailment_fraction_of_energy=0
    python scripts/bench/search.py us_750mw --gap 0.001 --seconds 120 --curve outputs/gap-by-time.png
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from grid_opt.atomic import write_text
from grid_opt.config import load_case
from grid_opt.formulation.model import build_arrays
from grid_opt.inputs.world import build_world
from grid_opt.solve.answer import Answer, Options, Progress, relative_gap
from grid_opt.solve.arrays import matrix_of
from grid_opt.solve.extract import counted, layout
from grid_opt.solve.highs import solve, write_mps
from grid_opt.solve.kernel import search_sites
from grid_opt.solve.search import search
from grid_opt.solve.standard_form import Matrix
from grid_opt.solve.tighten import tightened

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- search: begin -->", "<!-- search: end -->"
FROM_FILE = """
import json, sys, time, highspy
engine, news, began = highspy.Highs(), [], time.monotonic()
engine.setOptionValue("log_to_console", False)
engine.setOptionValue("time_limit", float(sys.argv[2]))
engine.readModel(sys.argv[1])
def hear(event):
    data = event.data_out
    news.append((time.monotonic() - began, data.mip_primal_bound, data.mip_dual_bound))
engine.cbMipLogging += hear
engine.run()
info = engine.getInfo()
news.append((time.monotonic() - began, info.objective_function_value, info.mip_dual_bound))
print(json.dumps({"news": news, "plan": info.primal_solution_status == 2}))
"""
Point = tuple[float, float, float]
"""Seconds, incumbent and bound."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", default="us_750mw", help="bundled case or path (default: us_750mw)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a knob of the case")
    parser.add_argument("--gap", type=float, help="asked gap (default: that of the case)")
    parser.add_argument("--seconds", type=float, help="time for each search (default: that of the case)")
    parser.add_argument("--curve", type=Path, metavar="FILE", help="draw the gap against time")
    parser.add_argument("--markdown", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args(arguments)
    text, curves = compare(options.case, options.set, options.gap, options.seconds)
    print(text)
    if options.curve is not None:
        draw(curves, options.curve)
    if options.markdown:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN, 1)
        write_text(PAGE, f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")
    return 0


def compare(
    name: str, overrides: Sequence[str], gap: float | None, seconds: float | None
) -> tuple[str, dict[str, list[Point]]]:
    """Search in all ways; return the table, and how bound and plan came closer."""
    case = load_case(name, list(overrides))
    model = build_arrays(case, build_world(case))
    matrix = matrix_of(model)
    where, counts, program = layout(matrix, model), counted(matrix, model), tightened(matrix)
    wanted = Options(
        gap=case.solve.gap if gap is None else gap,
        time_limit_s=case.solve.time_limit_s if seconds is None else seconds,
        threads=case.solve.threads,
        seed=case.solve.seed,
    )
    lines = [
        f"`{name}`{''.join(f', `{one}`' for one in overrides)}: {matrix.shape[0]:,} rows, {matrix.shape[1]:,} columns, "
        f"{int(program.integer.sum()):,} integers, asked gap {wanted.gap:.2%}, limit {wanted.time_limit_s:.0f} s.",
        "",
        "| search | first plan, s | end, s | objective | bound | gap |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    curves: dict[str, list[Point]] = {}
    ways: dict[str, Callable[[Options], Answer]] = {
        "region by region, hours behind cuts": lambda options: search(program, counts, where, options),
        "region by region, hours in the program": lambda options: search_sites(program, where.places, options),
        "HiGHS on the tightened program": lambda options: solve(program, options),
    }
    for words, way in ways.items():
        heard: list[Point] = []
        answer = way(replace(wanted, progress=_listener(heard)))
        heard.append((answer.seconds, answer.objective, answer.bound))
        curves[words] = heard
    words = "HiGHS, default options, from the MPS file"
    curves[words] = from_mps(matrix, wanted.time_limit_s)
    lines += [_row(words, heard) for words, heard in curves.items()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0**2 if sys.platform == "darwin" else 1024.0)
    return "\n".join([*lines, "", f"Peak memory of the process with model and first two: {peak:,.0f} MB."]), curves


def from_mps(matrix: Matrix, seconds: float) -> list[Point]:
    """Write the program as an MPS file and give it to HiGHS in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.mps"
        write_mps(matrix, path)
        run = subprocess.run(
            [sys.executable, "-c", FROM_FILE, str(path), str(seconds)], capture_output=True, text=True, check=True
        )
    found = json.loads(run.stdout.splitlines()[-1])
    points = [(float(t), float(x) if x < 1e29 else np.inf, float(b)) for t, x, b in found["news"]]
    return points if found["plan"] else [(t, np.inf, b) for t, _, b in points]


def draw(curves: dict[str, list[Point]], path: Path) -> None:
    """Draw the gap of every search against time."""
    figure, axes = plt.subplots(figsize=(7.5, 4.0), layout="constrained", dpi=150)
    for words, points in curves.items():
        known = [(t, 100 * relative_gap(x, b)) for t, x, b in points if np.isfinite(x) and np.isfinite(b)]
        if known:
            axes.step(*zip(*known, strict=True), where="post", marker="o", markersize=3, label=words)
        else:
            axes.plot([], [], label=f"{words}: no plan")
    axes.set(xlabel="seconds", ylabel="gap, %", xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower left")
    figure.savefig(path)


def _listener(heard: list[Point]) -> Callable[[Progress], None]:
    def hear(news: Progress) -> None:
        heard.append((news.seconds, news.incumbent if news.incumbent < 1e29 else np.inf, news.bound))

    return hear


def _row(words: str, heard: list[Point]) -> str:
    first = next((f"{t:.0f}" for t, x, _ in heard if np.isfinite(x)), "none")
    end, plan, bound = heard[-1]
    gap = relative_gap(plan, bound)
    shown = (f"{plan:,.1f}", f"{gap:.2%}") if np.isfinite(plan) else ("none", "open")
    proven = f"{bound:,.1f}" if np.isfinite(bound) else "none"
    return f"| {words} | {first} | {end:.0f} | {shown[0]} | {proven} | {shown[1]} |"


if __name__ == "__main__":
    raise SystemExit(main())
