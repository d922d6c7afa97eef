"""Compare grid-opt's road to HiGHS with Pyomo's own interfaces, on the same model and in one run.

A run builds arrays straight from the rules of the blocks; the other roads begin with the Pyomo model of the same rules.

Every measurement runs in its own fresh process, and the roads take turns (A B C, B C A, ...), so that a
machine that warms up or slows down treats all alike. Reported are seconds and peak memory, and each road's
ratio to grid-opt's in the same round as minimum, median and maximum over the rounds.

    python scripts/bench/build_and_handover.py --case us_750mw --runs 3
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pyomo.contrib.appsi.solvers.highs import Highs as AppsiHighs
from pyomo.contrib.solver.solvers.highs import Highs as SolverHighs

from grid_opt.atomic import write_text
from grid_opt.config import Case, load_case
from grid_opt.errors import SolverError
from grid_opt.formulation.model import Model, build_arrays, build_model
from grid_opt.inputs.world import build_world
from grid_opt.solve import highs
from grid_opt.solve.answer import Options
from grid_opt.solve.arrays import matrix_of
from grid_opt.solve.extract import store

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
OURS = "grid-opt"
ROADS = {
    OURS: "arrays from the rules, then highspy",
    "standard_form": "Pyomo model, its standard form, then highspy",
    "highs": "pyomo.contrib.solver Highs (persistent)",
    "appsi_highs": "pyomo.contrib.appsi Highs",
}
STAGES = ("build_s", "handover_s", "solve_s", "total_s", "peak_mb")
WORDS = {
    "build_s": "build the model, s",
    "handover_s": "hand it over to HiGHS, s",
    "solve_s": "solve and read back, s",
    "total_s": "all three, s",
    "peak_mb": "peak memory of the process, MB",
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.road is not None:
        print(json.dumps(measure(options)))
        return 0
    roads = [OURS, *options.against]
    rounds = []
    for number in range(options.runs):
        turn = roads[number % len(roads) :] + roads[: number % len(roads)]
        rounds.append({road: _in_fresh_process(road, options) for road in turn})
        print(f"round {number + 1} of {options.runs} done", file=sys.stderr)
    report = summarize(rounds, roads, options)
    text = to_markdown(report)
    print(text)
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if options.markdown is not None:
        replace_section(options.markdown, text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", default="us_750mw", help="bundled case or path (default: us_750mw)")
    parser.add_argument("--runs", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a knob of the case")
    parser.add_argument("--against", nargs="+", choices=list(ROADS)[1:], default=list(ROADS)[1:])
    parser.add_argument("--no-solve", action="store_true", help="stop when HiGHS holds the model")
    parser.add_argument("--json", type=Path, help="write all measurements here")
    parser.add_argument(
        "--markdown",
        type=Path,
        nargs="?",
        const=PAGE,
        help="put the table into this page (docs/performance.md)",
    )
    parser.add_argument("--road", choices=list(ROADS), help=argparse.SUPPRESS)
    return parser


def _in_fresh_process(road: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), "--road", road, "--case", options.case]
    for override in options.set:
        command += ["--set", override]
    if options.no_solve:
        command.append("--no-solve")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{road} failed:\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Build, hand over and solve by one road; the inputs are read before the clock starts."""
    case = load_case(options.case, options.set)
    world = build_world(case)
    gc.collect()
    _forget_peak()
    clock = time.perf_counter
    began = clock()
    model = build_arrays(case, world) if options.road == OURS else build_model(case, world)
    built = clock()
    road: Callable[..., tuple[float, float | None]] = _ours if options.road in (OURS, "standard_form") else _pyomos
    handed_over, objective = road(case, model, options)
    ended = clock()
    return {
        "build_s": built - began,
        "handover_s": handed_over - built,
        "solve_s": None if options.no_solve else ended - handed_over,
        "total_s": ended - began,
        "peak_mb": _peak_mb(),
        "objective_musd": objective,
    }


def _ours(case: Case, model: Model, options: argparse.Namespace) -> tuple[float, float | None]:
    wanted = Options(
        gap=case.solve.gap,
        time_limit_s=case.solve.time_limit_s,
        threads=case.solve.threads,
        seed=case.solve.seed,
    )
    matrix = matrix_of(model)
    if options.no_solve:
        highs._load(highs._engine(wanted), matrix)
        return time.perf_counter(), None
    compiled = time.perf_counter()
    answer = highs.solve(matrix, wanted)
    # solve() passes the arrays itself: what it took beyond the search belongs to the hand-over.
    passed = time.perf_counter() - compiled - answer.seconds
    if answer.x is None:
        raise SolverError(f"no plan: {answer.detail}")
    store(matrix, answer.x, model)
    return compiled + passed, answer.objective


def _pyomos(case: Case, model: Model, options: argparse.Namespace) -> tuple[float, float | None]:
    if options.road == "highs":
        engine: Any = SolverHighs()
        engine.config.rel_gap, engine.config.abs_gap = case.solve.gap, 0.0
        engine.config.time_limit, engine.config.threads = case.solve.time_limit_s, case.solve.threads
        engine.config.solver_options["random_seed"] = case.solve.seed
    else:
        engine = AppsiHighs()
        engine.config.mip_gap, engine.config.time_limit = case.solve.gap, case.solve.time_limit_s
        engine.highs_options = {
            "threads": case.solve.threads,
            "random_seed": case.solve.seed,
            "mip_abs_gap": 0.0,
        }
    engine.set_instance(model.pyomo)
    handed_over = time.perf_counter()
    if options.no_solve:
        return handed_over, None
    result = engine.solve(model.pyomo)
    found = result.incumbent_objective if options.road == "highs" else result.best_feasible_objective
    return handed_over, None if found is None else float(found)


def _forget_peak() -> None:
    """Let the peak begin now, where the system can: reading the inputs is no part of the comparison."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text(encoding="ascii").splitlines() if row.startswith("VmHWM:"))
        return float(line.split()[1]) / 1024.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024.0**2 if sys.platform == "darwin" else 1024.0)


def summarize(
    rounds: Sequence[dict[str, dict[str, Any]]], roads: Sequence[str], options: argparse.Namespace
) -> dict[str, Any]:
    """Return medians by road and stage, and the ratios to grid-opt's own road within each round."""
    medians, ratios = {}, {}
    stages = [stage for stage in STAGES if not (options.no_solve and stage == "solve_s")]
    for road in roads:
        medians[road] = {stage: statistics.median(turn[road][stage] for turn in rounds) for stage in stages}
        if road != OURS:
            by_stage = {stage: sorted(turn[road][stage] / turn[OURS][stage] for turn in rounds) for stage in stages}
            ratios[road] = {
                stage: {"min": values[0], "median": statistics.median(values), "max": values[-1]}
                for stage, values in by_stage.items()
            }
    versions = {name: importlib.metadata.version(name) for name in ("pyomo", "highspy")}
    return {
        "case": options.case,
        "overrides": options.set,
        "runs": len(rounds),
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version(), **versions},
        "median": medians,
        "ratio_to_grid_opt": ratios,
        "rounds": list(rounds),
    }


def to_markdown(report: dict[str, Any]) -> str:
    """Return the report as a table: medians, and in brackets the ratio to grid-opt (minimum to maximum)."""
    versions, machine = report["versions"], report["machine"]
    roads = list(report["median"])
    changed = f" with {', '.join(report['overrides'])}" if report["overrides"] else ""
    lines = [
        f"Case `{report['case']}`{changed}, median of {report['runs']} rounds, each measurement in a fresh "
        "process; "
        f"Pyomo {versions['pyomo']}, HiGHS {versions['highspy']}, Python {versions['python']}, "
        f"{machine['system']} {machine['processor']}, {machine['cores']} cores. In brackets the ratio to "
        f"{OURS} in the same round: median (minimum to maximum); above 1 is slower or larger.",
        "",
        "| | " + " | ".join(f"{road}: {ROADS[road]}" for road in roads) + " |",
        "|---|" + "---|" * len(roads),
    ]
    for stage in report["median"][OURS]:
        cells = [_cell(report, road, stage) for road in roads]
        lines.append(f"| {WORDS[stage]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(report: dict[str, Any], road: str, stage: str) -> str:
    median = report["median"][road][stage]
    value = f"{median:,.0f}" if stage == "peak_mb" else f"{median:.2f}"
    if road == OURS:
        return value
    ratio = report["ratio_to_grid_opt"][road][stage]
    return f"{value} [{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})]"


def replace_section(page: Path, text: str) -> None:
    """Put ``text`` between this benchmark's marks on ``page``, which is started when it is missing."""
    begin, end = "<!-- build_and_handover: begin -->", "<!-- build_and_handover: end -->"
    old = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    if begin not in old:
        old = f"{old.rstrip()}\n\n## From the model to HiGHS\n\n{begin}\n{end}\n"
    head, rest = old.split(begin, 1)
    write_text(page, f"{head}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}")


if __name__ == "__main__":
    raise SystemExit(main())
