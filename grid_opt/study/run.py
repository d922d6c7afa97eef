"""Run one case from its file to a verified plan folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.config import Case
from grid_opt.errors import ExitCode
from grid_opt.inputs.geography import outline_rings
from grid_opt.inputs.world import build_world
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.io import digest, open_plan, write_plan
from grid_opt.plan.summary import summarize
from grid_opt.report import charts
from grid_opt.report.geopackage import write_geopackage
from grid_opt.report.map_html import write_map_html
from grid_opt.report.map_static import write_map
from grid_opt.report.report_html import write_report
from grid_opt.solve.answer import Answer
from grid_opt.solve.learnt import Memory
from grid_opt.study.cases import resolve_case
from grid_opt.study.interrupt import interruptible
from grid_opt.study.plan_case import hash_inputs, plan_case
from grid_opt.study.progress import Listener, Log
from grid_opt.verify import Report, verify


@dataclass(frozen=True)
class RunResult:
    """A finished run: the plan, where it was written, what the verifier said and what the command should exit with."""

    plan: xr.Dataset
    folder: Path
    exit_code: ExitCode
    report: Report
    summary: dict[str, Any]


def run(
    case: str | Path | Case,
    *,
    overrides: Sequence[str] = (),
    hours_file: str | Path | None = None,
    out: str | Path | None = None,
    progress: Listener | None = None,
    pictures: bool = True,
    start: str | Path | None = None,
    inputs_twice: bool = True,
    limit_prices: bool = True,
    memory: Memory | None = None,
) -> RunResult:
    """Solve a case, verify the plan, and write the plan folder (default ``outputs/<case name>``).

    The folder gets ``plan.nc``, ``plan.gpkg``, ``map.png``, ``map.html``, ``summary.json`` and ``run.log``, and
    with the extra ``report`` also ``report.html``, each written atomically. The plan is verified from its file. Without
    ``pictures`` GeoPackage, maps and report are left out. ``start`` is a plan file of another case to begin with: where
    its decisions are proven within the asked gap here too, nothing is searched; the plan remembers its digest. The
    inputs are made twice, to verify that they come out the same, unless ``inputs_twice`` is false; what limits are
    worth is told unless ``limit_prices`` is. ``memory`` brings what another case learnt, and takes what this one does;
    only how long the search takes depends on it, and which of several answers within the asked gap it finds.

    Raises:
        InputError: the case, a table, the hours or the plan to start from are not sound.
        InfeasibleError: no plan meets every limit.
        SolverError: no plan was found, or the solver failed.
    """
    log = Log(progress)
    asked = resolve_case(case, overrides, hours_file)
    folder = Path(out) if out is not None else Path("outputs") / asked.name
    with _folder(folder), interruptible() as stop:
        log.stage(f"reading the inputs of {asked.name}")
        known = None if start is None else open_plan(start)
        outlines = outline_rings(asked.tables_dir)
        world = build_world(asked)
        planned = plan_case(
            asked, world, hash_inputs(asked), log, stop, known, limit_prices=limit_prices, memory=memory
        )
        if known is not None:
            planned = replace(planned, plan=planned.plan.assign_attrs(started_from=digest(known)))
        log.stage("writing and verifying the plan")
        write_plan(planned.plan, outlines, folder / "plan.nc")
        report = verify(
            folder / "plan.nc", case_folder=asked.resolve("."), made=None if inputs_twice else (asked, world)
        )
        summary = summarize(planned.plan) | {"verification": report.to_dict(), "model_size": planned.size}
        if pictures:
            _draw(planned.plan, folder, outlines, report, log)
        write_text(folder / "summary.json", json.dumps(summary, indent=2, sort_keys=True, allow_nan=False) + "\n")
        log.stage(f"wrote {folder}")
        write_text(folder / "run.log", log.text())
        interrupted = stop.is_set()
    return RunResult(planned.plan, folder, _exit_code(planned.answer, report, interrupted), report, summary)


def _draw(plan: xr.Dataset, folder: Path, outlines: Outlines, report: Report, log: Log) -> None:
    """Write what people look at: GeoPackage, maps, and the report where its charts are installed."""
    log.stage("drawing the maps")
    write_geopackage(plan, folder / "plan.gpkg", outlines)
    write_map(plan, folder / "map.png", outlines=outlines)
    write_map_html(plan, folder / "map.html", outlines)
    if charts.available():
        log.stage("writing the report")
        write_report(plan, folder / "report.html", report.to_dict(), outlines, folder / "map.png")
    else:
        log.stage(f"no report.html, for its charts are not installed: {charts.INSTALL}")


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Make the folder before the long work, so that a bad ``out`` fails at once; leave no empty one behind."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for path in made:
            if not any(path.iterdir()):
                path.rmdir()


def _exit_code(answer: Answer, report: Report, interrupted: bool) -> ExitCode:
    if not report.ok:
        return ExitCode.VERIFICATION_FAILED
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if answer.status == "optimal" else ExitCode.GAP_NOT_REACHED
