"""Compare with PyPSA and linopy on the same linear problem: one site that matches its load with carbon-free power.

The problem is that of scripts/studies/hourly_matching.py, whose costs both agree on. Each road runs in a fresh process,
and the inputs are read before the clock starts: build the model, hand it over to HiGHS, solve with HiGHS's defaults.
It needs the extra: pip install '.[pypsa]'.

    python scripts/bench/with_pypsa.py --days 24 96 365 --runs 3 --markdown
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from grid_opt.atomic import write_text
from grid_opt.formulation.model import build_arrays
from grid_opt.solve import highs
from grid_opt.solve.answer import Options
from grid_opt.solve.arrays import matrix_of
from grid_opt.solve.extract import costs, store
from grid_opt.units import USD_PER_MUSD

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- pypsa: begin -->", "<!-- pypsa: end -->"
SHARE = 0.95
OURS, THEIRS = "grid-opt", "PyPSA and linopy"
STAGES = {"build": "build", "handover": "hand over", "solve": "solve", "total": "all three", "peak_mb": "peak MB"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, nargs="+", default=[24, 96], help="representative days (default: 24 96)")
    parser.add_argument("--runs", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--markdown", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--road", choices=(OURS, THEIRS), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.road is not None:
        print(json.dumps(measure(options.road, options.days[0])))
        return 0
    text = table(options.days, options.runs)
    print(text)
    if options.markdown:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN, 1)
        write_text(PAGE, f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")
    return 0


def table(days: Sequence[int], runs: int) -> str:
    """Measure both roads in turns and return medians, with PyPSA's ratio to ours in the same round in brackets."""
    lines = [
        f"| days | road | rows | {' | '.join(STAGES.values())} |",
        "|---:|---|---:|" + "---:|" * len(STAGES),
    ]
    for count in days:
        rounds = [{road: _fresh(road, count) for road in _turn(number)} for number in range(runs)]
        costs = [found["objective"] for one in rounds for found in one.values()]
        if max(costs) - min(costs) > 1e-4 * abs(min(costs)):
            raise SystemExit(f"the roads disagree: {costs}")
        for road in (OURS, THEIRS):
            cells = []
            for stage in STAGES:
                median = statistics.median(one[road][stage] for one in rounds)
                ratio = statistics.median(one[THEIRS][stage] / one[OURS][stage] for one in rounds)
                shown = f"{median:,.0f}" if stage == "peak_mb" else f"{median:.2f}"
                cells.append(shown if road == OURS else f"{shown} [{ratio:.2f}]")
            lines.append(f"| {count} | {road} | {rounds[0][road]['rows']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _turn(number: int) -> tuple[str, str]:
    return (OURS, THEIRS) if number % 2 == 0 else (THEIRS, OURS)


def _fresh(road: str, days: int) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), "--road", road, "--days", str(days)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{road} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(road: str, days: int) -> dict[str, Any]:
    """Build, hand over and solve by one road; return seconds, peak memory [MB] and the cost [million USD]."""
    study = _study()
    with tempfile.TemporaryDirectory() as folder:
        study.write_offers(Path(folder))
        case, world = study.site(SHARE, days, Path(folder))
        with contextlib.suppress(OSError):  # reading the inputs is no part of the comparison
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return (_ours if road == OURS else _theirs)(study, case, world)


def _ours(study: ModuleType, case: Any, world: Any) -> dict[str, Any]:
    clock = time.perf_counter
    began = clock()
    model = build_arrays(case, world)
    built = clock()
    matrix = matrix_of(model)
    halls = np.array([c.parent_component().local_name == "campus__halls" for c in matrix.columns])
    # with the one campus built, as in the network, what is left is linear
    lower = np.where(halls, study.IT_MW / case.campus.hall_mw, matrix.col_lower)
    matrix = replace(matrix, col_lower=lower, integer=np.zeros_like(matrix.integer))
    compiled = clock()
    answer = highs.solve(matrix, Options(threads=case.solve.threads))
    ended = clock()
    assert answer.x is not None, answer.detail
    store(matrix, answer.x, model)
    usd = sum(float(array.sum()) for name, array in costs(model, world).items() if name[5:] in study.COSTS)
    measured = _measured(began, built, ended - answer.seconds, ended, matrix.shape[0], usd / USD_PER_MUSD)
    return measured | {"compiled": compiled - built}


def _theirs(study: ModuleType, case: Any, world: Any) -> dict[str, Any]:
    from linopy.io import to_highspy  # noqa: PLC0415 -- an optional extra, for this comparison alone

    clock = time.perf_counter
    began = clock()
    network = study.pypsa_network(case, world, SHARE)
    built = clock()
    engine = to_highspy(network.model)
    engine.setOptionValue("output_flag", False)
    engine.setOptionValue("threads", case.solve.threads)
    passed = clock()
    engine.run()
    ended = clock()
    cost = engine.getInfo().objective_function_value
    constant = float(getattr(network, "objective_constant", 0.0) or 0.0)
    return _measured(began, built, passed, ended, engine.getNumRow(), (cost + constant) / 1e6)


def _measured(began: float, built: float, passed: float, ended: float, rows: int, objective: float) -> dict[str, Any]:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return {
        "build": built - began, "handover": passed - built, "solve": ended - passed, "total": ended - began,
        "peak_mb": float(peak.split()[1]) / 1024.0, "rows": rows, "objective": objective,
    }  # fmt: skip


def _study() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "hourly_matching", ROOT / "scripts" / "studies" / "hourly_matching.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    raise SystemExit(main())
