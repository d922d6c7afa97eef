"""Run one case from its file to a verified plan folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.config import Case, load_case, with_overrides
from grid_opt.errors import ExitCode
from grid_opt.inputs.geography import outline_rings, read_outlines
from grid_opt.inputs.world import build_world
from grid_opt.plan.io import write_plan
from grid_opt.plan.summary import summarize
from grid_opt.report.geopackage import write_geopackage
from grid_opt.report.map_static import write_map
from grid_opt.solve.highs import Answer
from grid_opt.study.plan_case import built, hash_inputs, model_size, plan_case
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


def resolve_case(case: str | Path | Case, overrides: Sequence[str] = ()) -> Case:
    """Return the case itself, or load it by bundled name or path; then apply ``key=value`` overrides."""
    if isinstance(case, Case):
        return with_overrides(case, overrides) if overrides else case
    return load_case(case, overrides)


def run(
    case: str | Path | Case,
    *,
    overrides: Sequence[str] = (),
    hours_file: str | Path | None = None,
    out: str | Path | None = None,
    progress: Listener | None = None,
) -> RunResult:
    """Solve a case, verify the plan, and write the plan folder (default ``outputs/<case name>``).

    The folder gets ``plan.nc``, ``plan.gpkg``, ``map.png``, ``summary.json`` and ``run.log``, each written
    atomically. The plan is verified from its file.

    Raises:
        InputError: the case, a table or the hours are not sound.
        InfeasibleError: no plan meets every limit.
        SolverError: no plan was found, or the solver failed.
    """
    log = Log(progress)
    asked = resolve_case(case, overrides)
    folder = Path(out) if out is not None else Path("outputs") / asked.name
    hours = Path(hours_file) if hours_file is not None else asked.hours_path
    log.stage(f"reading the inputs of {asked.name}")
    world = build_world(asked, hours)
    planned = plan_case(asked, world, hash_inputs(asked, hours), log)
    folder.mkdir(parents=True, exist_ok=True)
    log.stage("writing and verifying the plan")
    write_plan(planned.plan, outline_rings(asked.tables_dir), folder / "plan.nc")
    report = verify(folder / "plan.nc")
    summary = summarize(planned.plan) | {"verification": report.to_dict(), "model_size": planned.size}
    log.stage("drawing the map")
    write_geopackage(planned.plan, folder / "plan.gpkg")
    write_map(planned.plan, folder / "map.png")
    write_text(folder / "summary.json", json.dumps(summary, indent=2, sort_keys=True, allow_nan=False) + "\n")
    log.stage(f"wrote {folder}")
    write_text(folder / "run.log", log.text())
    return RunResult(planned.plan, folder, _exit_code(planned.answer, report), report, summary)


def _exit_code(answer: Answer, report: Report) -> ExitCode:
    if not report.ok:
        return ExitCode.VERIFICATION_FAILED
    if answer.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if answer.status == "optimal" else ExitCode.GAP_NOT_REACHED


_SIZES = ("zone", "region", "link", "quarter", "year", "slice")


def check(
    case: str | Path | Case, *, overrides: Sequence[str] = (), hours_file: str | Path | None = None
) -> dict[str, Any]:
    """Validate everything without solving: return the sizes of the model and warnings for the planner."""
    asked = resolve_case(case, overrides)
    world = build_world(asked, hours_file)
    read_outlines(asked.tables_dir)
    _, matrix = built(asked, world)
    sizes = {dim: int(world.sizes[dim]) for dim in _SIZES}
    return {"case": asked.name, **model_size(matrix), **sizes, "warnings": warnings(asked, world)}


def warnings(case: Case, world: xr.Dataset) -> list[str]:
    """Return what a planner should know of the inputs before trusting a plan made from them."""
    tests: list[Callable[[], str | None]] = [
        lambda: _targets_over_headroom(world),
        lambda: _unused_regions(world),
        lambda: f"hours: {world.attrs['hours_source']}",
        lambda: None if case.grid.network else "grid.network is false: deliverability is not checked",
    ]
    return [text for test in tests if (text := test()) is not None]


def _targets_over_headroom(world: xr.Dataset) -> str | None:
    short = world["target"] - world["headroom"].sum("region")
    if float(short.max()) <= 0:
        return None
    quarter = world["quarter"].values[int(short.argmax())]
    return (
        f"the target of {quarter} exceeds the headroom of all regions by {float(short.max()):,.0f} MW: no plan exists"
    )


def _unused_regions(world: xr.Dataset) -> str | None:
    empty = world["region"].values[(world["headroom"].max("quarter") <= 0).values].tolist()
    return f"no headroom at any time in: {', '.join(empty)}" if empty else None
