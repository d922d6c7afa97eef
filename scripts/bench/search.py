"""Compare the search region by region with HiGHS alone, on the same program, gap and time limit, in one run.

Both stop at the gap that the first step of a run asks for. The program is built once; each search runs in turn.

    python scripts/bench/search.py us_750mw --markdown
    python scripts/bench/search.py us_750mw --set connection.max_curtailment_fraction_of_energy=0
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grid_opt.atomic import write_text
from grid_opt.config import load_case
from grid_opt.formulation.model import build_model
from grid_opt.inputs.world import build_world
from grid_opt.solve.extract import counted, places
from grid_opt.solve.highs import Answer, Options, Progress, solve
from grid_opt.solve.kernel import search_sites
from grid_opt.solve.standard_form import Matrix, to_matrix
from grid_opt.solve.tighten import tightened

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- search: begin -->", "<!-- search: end -->"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", default="us_750mw", help="bundled case or path (default: us_750mw)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a knob of the case")
    parser.add_argument("--markdown", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args(arguments)
    text = compare(options.case, options.set)
    print(text)
    if options.markdown:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN, 1)
        write_text(PAGE, f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")
    return 0


def compare(name: str, overrides: Sequence[str]) -> str:
    """Search in both ways and return the table."""
    case = load_case(name, list(overrides))
    model = build_model(case, build_world(case))
    matrix = to_matrix(model.pyomo)
    program = replace(tightened(matrix), integer=matrix.integer & ~counted(matrix, model))
    wanted = Options(
        gap=0.8 * case.solve.gap, time_limit_s=case.solve.time_limit_s, threads=case.solve.threads, seed=case.solve.seed
    )
    lines = [
        f"`{name}`{''.join(f', `{one}`' for one in overrides)}: {matrix.shape[0]:,} rows, {matrix.shape[1]:,} columns, "
        f"{int(program.integer.sum()):,} integers, asked gap {wanted.gap:.2%}, limit {wanted.time_limit_s:.0f} s.",
        "",
        "| search | first plan, s | end, s | objective | bound | gap |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    where = places(matrix, model)

    def by_regions(program: Matrix, options: Options) -> Answer:
        return search_sites(program, where, options)

    for words, road in (("region by region", by_regions), ("HiGHS alone", solve)):
        first: list[float] = []

        def hear(news: Progress, first: list[float] = first) -> None:
            if not first and news.incumbent < 1e15:
                first.append(news.seconds)

        lines.append(_row(words, road(program, replace(wanted, progress=hear)), first))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0**2 if sys.platform == "darwin" else 1024.0)
    return "\n".join([*lines, "", f"Peak memory of the process, model and both searches: {peak:,.0f} MB."])


def _row(words: str, answer: Answer, first: list[float]) -> str:
    sooner = f"{first[0]:.0f}" if first else "none"
    plan = f"{answer.objective:,.1f}" if answer.x is not None else "none"
    gap = f"{answer.gap:.2%}" if answer.x is not None else "open"
    return f"| {words} | {sooner} | {answer.seconds:.0f} | {plan} | {answer.bound:,.1f} | {gap} |"


if __name__ == "__main__":
    raise SystemExit(main())
