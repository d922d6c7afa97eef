"""Run a plan through the full year: from its file to a folder with the re-dispatch, tables and a chart."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from grid_opt.atomic import write_text
from grid_opt.config import Case, case_from_toml, case_to_toml, with_overrides
from grid_opt.config.days import day_text
from grid_opt.errors import ExitCode, InputError
from grid_opt.inputs.full_year import full_year_case, full_year_world, restrict, standing_days
from grid_opt.plan.io import open_plan
from grid_opt.plan.redispatch import write_redispatch
from grid_opt.report.csv_text import to_csv
from grid_opt.report.redispatch_charts import write_chart
from grid_opt.solve.canary import trust_solver
from grid_opt.study.plan_case import hash_inputs
from grid_opt.study.progress import Listener, Log
from grid_opt.study.redispatch.account import account, cost_frame, summary, text_of
from grid_opt.study.redispatch.compare import day_table
from grid_opt.study.redispatch.years import Effort, jobs_of, peak_mb, run_jobs, together
from grid_opt.verify import Report
from grid_opt.verify.redispatch import verify_redispatch

FOLDER = "full_year"
_MOST_DAYS = 60
_OPEN_HALLS = 0.5


@dataclass(frozen=True)
class Redispatch:
    """A finished re-dispatch: its arrays, where it was written, what the verifier said, and its main numbers."""

    result: xr.Dataset
    folder: Path
    exit_code: ExitCode
    report: Report
    summary: dict[str, Any]


def redispatch(
    plan: str | Path,
    *,
    out: str | Path | None = None,
    case_folder: str | Path | None = None,
    add_days: int = 0,
    across_days: bool = False,
    workers: int = 1,
    progress: Listener | None = None,
) -> Redispatch:
    """Run a plan through all 8,760 hours of its operating years and write what that says of it.

    The plan's choices are kept and only its operation is solved: the folder (default ``full_year`` beside the plan)
    gets ``redispatch.nc``, ``redispatch.json``, ``costs.csv``, ``days.csv`` and ``redispatch.png``; with ``add_days``
    also ``with_days.toml``, the case with the days added on which the plan is most wrong. ``workers`` processes run
    the years side by side; ``across_days`` lets batteries carry energy from day to day.

    Raises:
        InputError: the plan, its tables or hours are not sound, or are not those that it was made from.
        SolverError: the solver failed.
    """
    log, began, path = Log(progress), time.monotonic(), Path(plan)
    made = open_plan(path)
    case = _case_of(made, path, case_folder)
    if not 0 <= add_days <= _MOST_DAYS:
        raise InputError("out of range", field="--add-days", value=add_days, expected=f"0 to {_MOST_DAYS}")
    _require_same_inputs(made, case, path)
    folder = Path(out) if out is not None else path.parent / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    log.stage("reading all hours of the year")
    whole = full_year_case(case, across_days=across_days)
    world = full_year_world(whole, made)
    standing = standing_days(case, made["region"].values.tolist())
    result, effort = run_plan(case, made, whole, world, standing, workers, log.stage, began)
    log.stage("writing and verifying the re-dispatch")
    result.attrs["plan_file"] = path.name
    write_redispatch(result, folder / "redispatch.nc")
    report = verify_redispatch(folder / "redispatch.nc", path, case.resolve("."))
    found = summary(result, effort) | {"plan": path.name, "verification": report.to_dict()}
    found |= _worst_days(result, add_days)
    table = day_table(result)
    write_text(folder / "days.csv", to_csv(table, "%.2f"))
    write_text(folder / "costs.csv", to_csv(cost_frame(found), "%.2f"))
    write_chart(result, folder / "redispatch.png")
    if add_days:
        further = _found_from(folder, case, with_days(case, found["add_days"]))
        write_text(folder / "with_days.toml", case_to_toml(further))
    write_text(folder / "redispatch.json", text_of(_plain(found)))
    log.stage(f"wrote {folder}")
    code = ExitCode.DONE if report.ok else ExitCode.VERIFICATION_FAILED
    return Redispatch(result, folder, code, report, found)


def run_plan(
    case: Case, plan: xr.Dataset, whole: Case, world: xr.Dataset, standing: NDArray[np.int64], workers: int = 1,
    tell: Callable[[str], None] = lambda text: None, began: float | None = None,
) -> tuple[xr.Dataset, Effort]:  # fmt: skip
    """Run a plan over its own days and over a world of all hours.

    ``standing`` gives for every day of ``world`` the number of the plan's day that stands for it. The plan's own days
    tell whether the same model is run: they cost what the plan says.

    Raises:
        SolverError: the solver failed.
    """
    began = time.monotonic() if began is None else began
    trust_solver(1)
    regions = with_campus(plan)
    own, some = restrict(plan, regions), restrict(world, regions)
    chosen = _by_labels(own, some)
    tell(
        f"running {len(regions)} regions with campuses through {some.sizes['slice']:,} hours of {len(case.years)} years"
    )
    jobs = jobs_of("all hours", whole, some, chosen) + jobs_of("its own days", case, own, own)
    found, memory, used = run_jobs(jobs, workers, tell)
    full, few = (
        together([found[job.key] for job in jobs if job.key.startswith(key)], of)
        for key, of in (("all hours", some), ("its own days", own))
    )
    result = account(whole, some, chosen, full, own, few, standing, plan)
    effort = Effort(full.rows, full.columns, time.monotonic() - began, memory + peak_mb(), used)
    return result, effort


def with_campus(plan: xr.Dataset) -> list[str]:
    """Return the regions in which a hall ever stands; of a plan without any, the first, where nothing runs."""
    most = plan["halls"].max("quarter")
    regions = plan["region"].values.tolist()
    found = [r for r, halls in zip(regions, most.values.tolist(), strict=True) if halls > _OPEN_HALLS]
    return found or regions[:1]


def with_days(case: Case, days: Sequence[str]) -> Case:
    """Return the case with further days that stand for themselves."""
    every = sorted({*case.energy.extra_days, *days})
    return with_overrides(case, [f"energy.extra_days={json.dumps(every)}"])


def _found_from(folder: Path, case: Case, changed: Case) -> Case:
    """Return the changed case with its tables and hours named from another folder."""
    places = {"data.tables_dir": case.tables_dir, "energy.hours_file": case.hours_path}
    moved = {key: Path(os.path.relpath(path, folder)).as_posix() for key, path in places.items() if path is not None}
    return with_overrides(changed, [f"{key}={json.dumps(path)}" for key, path in moved.items()])


def _worst_days(result: xr.Dataset, count: int) -> dict[str, Any]:
    table = day_table(result)
    plain = [name for name in table.columns if not name.startswith("difference_usd_")]
    worst = table[plain].head(max(count, 10))
    stands_alone = table["day"] == table["stood_for_by"]
    chosen = table.loc[~stands_alone | (table["error_usd"] > 0), "day"].head(count).tolist() if count else []
    return {"worst_days": worst.to_dict(orient="records"), "add_days": sorted(chosen)}


def _by_labels(plan: xr.Dataset, world: xr.Dataset) -> xr.Dataset:
    """Return what the plan chose by the labels of the world; it has none of a kind that the world has more of."""
    labels = {d: world[d].values for d in ("ppa", "wheeled", "forward", "own", "plant", "store", "size")
              if d in world.dims and d in plan.dims}  # fmt: skip
    return plan.drop_dims(["slice", "line", "bound", "meter", "fall", "tie"], errors="ignore").sel(labels)


def _case_of(plan: xr.Dataset, path: Path, case_folder: str | Path | None) -> Case:
    source = None if case_folder is None else Path(case_folder) / "case.toml"
    case = case_from_toml(str(plan.attrs["case_toml"]), source)
    if case.is_nodal:
        raise InputError(
            "campuses of this plan stand at buses of a network, whose hours are those of its file",
            file=path, field="grid.network", value=case.grid.network,
            expected="a plan whose campuses stand in regions, with hours of a whole year",
            fix="give a network's file of hours as many hours as are to be run",
        )  # fmt: skip
    return case


def _require_same_inputs(plan: xr.Dataset, case: Case, path: Path) -> None:
    """Refuse a plan whose tables were changed since: the difference would be theirs, not that of the days."""
    then, now = json.loads(str(plan.attrs["inputs_sha256"])), hash_inputs(case)
    changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if changed:
        raise InputError(
            "the plan was made from other inputs than there are now",
            file=path, field="inputs_sha256", value=", ".join(changed),
            expected="the same tables, definitions and hours as when the plan was made",
            fix="make the plan again with `grid-opt run`, or name its folder with --case-folder",
        )  # fmt: skip


def _plain(value: Any) -> Any:
    """Replace numbers that JSON lacks by null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def default_workers() -> int:
    """Return how many years this machine runs side by side."""
    return max(1, os.cpu_count() or 1)


__all__ = ["Redispatch", "day_text", "default_workers", "redispatch", "run_plan", "with_days"]
