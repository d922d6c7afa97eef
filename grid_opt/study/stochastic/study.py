"""Run a stochastic study from its file to its folder, and replay a plan's first stage in other scenarios."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from grid_opt.atomic import write_text
from grid_opt.errors import ExitCode, InputError
from grid_opt.plan.first_stage import first_stage_of
from grid_opt.plan.io import digest, open_plan
from grid_opt.plan.stochastic import FILE
from grid_opt.report.risk_html import write_risk_report
from grid_opt.study.folder import held
from grid_opt.study.progress import Listener, Log
from grid_opt.study.stochastic.conduct import PLAN, Conduct, Done, costs_of
from grid_opt.study.stochastic.loading import load_study, prepare
from grid_opt.study.stochastic.results import dataset, exit_code, summary_of, table_text, worths_of
from grid_opt.study.sweeps.cube import write_cube
from grid_opt.study.sweeps.loading import flatten
from grid_opt.study.sweeps.lock import FILE as LOCK
from grid_opt.study.sweeps.schema import Change
from grid_opt.verify import verify
from grid_opt.verify.risk import verify_stochastic

SUMMARY, TABLE, REPORT, PICTURE, STUDY, REPLAY = (
    "summary.json", "scenarios.csv", "report.html", "risk.png", "study.toml", "replay.json"
)  # fmt: skip
TABLES, REPLAYED = "tables", "replayed"


def stochastic(
    ref: str | Path,
    *,
    case: str | None = None,
    overrides: Sequence[str] = (),
    hours: str | Path | None = None,
    out: str | Path | None = None,
    progress: Listener | None = None,
) -> dict[str, Any]:
    """Plan for all scenarios of a study, and write what was found into ``out`` (default ``outputs/<study>``).

    ``case``, a bundled name or a path, takes the place of the base case of the file, ``overrides`` change it, and
    ``hours`` is a file of real hours for it. The folder gets ``stochastic.nc``, ``scenarios.csv``, ``summary.json``,
    ``report.html``, ``risk.png``, ``run.log``, and under ``scenarios``, ``wait_and_see``, ``reference`` and
    ``reference_kept`` the plans, each verified.

    Raises:
        InputError: the file, or anything that a scenario changes, is refused.
        InfeasibleError: a scenario has no plan, or all together have none with one first stage.
        SolverError: no plan was found, or the solver failed.
    """
    study, _ = load_study(ref)
    folder, log = Path(out) if out is not None else Path("outputs") / study.name, Log(progress)
    with _at_work(folder) as stop:
        ready = prepare(ref, folder / TABLES, log.stage, overrides, case, hours)
        conduct = Conduct(ready, folder, log, stop)
        conduct.wait_and_see()
        conduct.follow_reference()
        conduct.all_at_once()
        return _finish(conduct)


def _finish(conduct: Conduct) -> dict[str, Any]:
    """Weigh, write and verify what was found."""
    folder, log, ready = conduct.folder, conduct.log, conduct.ready
    worths = worths_of(conduct.found, conduct.measure, list(ready.futures))
    gap = max(one.case.solve.gap for one in ready.futures.values())
    code = exit_code(conduct.found, worths, gap)
    table = dataset(conduct, worths)
    table.attrs["exit_code"] = int(code)
    log.stage("writing and verifying the study")
    write_cube(table, folder / FILE)
    report = verify_stochastic(folder)
    if not report.ok:
        code = ExitCode.VERIFICATION_FAILED
    summary = summary_of(conduct, worths, code) | {"verification": report.to_dict()}
    write_text(folder / TABLE, table_text(summary["scenarios"]))
    write_text(folder / SUMMARY, json.dumps(summary, indent=2, sort_keys=True, allow_nan=False) + "\n")
    write_risk_report(table, summary, folder / REPORT, folder / PICTURE)
    write_text(folder / STUDY, ready.source.text)
    log.stage(f"wrote {folder}")
    write_text(folder / "run.log", log.text())
    return summary


def dry_run(
    ref: str | Path,
    *,
    case: str | None = None,
    overrides: Sequence[str] = (),
    hours: str | Path | None = None,
    progress: Listener | None = None,
) -> list[dict[str, Any]]:
    """Return the scenarios and the reference, validated as for a study that runs: what each changes, and its size."""
    with TemporaryDirectory(prefix="grid-opt-") as scratch:
        ready = prepare(ref, Path(scratch), Log(progress).stage, overrides, case, hours)
        return [
            {
                "scenario": name,
                "probability": one.probability,
                "changes": ", ".join([*flatten(one.set), *(_target(change) for change in one.changes.values())]),
                "title": one.title,
            }
            for name, one in ready.study.scenarios.items()
        ]


def _target(change: Change) -> str:
    return change.key or f"{change.table}.{change.column}"


def replay(
    plan: str | Path,
    ref: str | Path,
    *,
    case: str | None = None,
    overrides: Sequence[str] = (),
    hours: str | Path | None = None,
    out: str | Path | None = None,
    progress: Listener | None = None,
) -> dict[str, Any]:
    """Keep the first stage of a plan in every scenario of a study, and tell what that costs.

    The scenarios may be ones that the plan was not made for, such as other years of hours; ``hours`` is a file of real
    hours for their base case. The folder (default
    ``replay`` beside the plan) gets ``replay.json`` and, under ``replayed``, a plan of every scenario that the first
    stage can be kept in.

    Raises:
        InputError: the plan or the study is refused, or the plan is of other regions or quarters.
    """
    given, (study, source) = open_plan(plan), load_study(ref)
    folder, log = Path(out) if out is not None else Path(plan).parent / "replay", Log(progress)
    with _at_work(folder) as stop:
        ready = prepare(ref, folder / TABLES, log.stage, overrides, case, hours, with_reference=False)
        world = next(iter(ready.futures.values())).world
        for dim in ("region", "quarter"):
            if given[dim].values.tolist() != world[dim].values.tolist():
                raise InputError(
                    f"the plan has another {dim} than the scenarios", file=plan, field=dim,
                    value=given[dim].values.tolist()[:3], expected=f"the {dim}s of {study.case}, as {source.file} has",
                    fix="name the case of the plan with --case, or set its horizon and regions in [base]",
                )  # fmt: skip
        conduct = Conduct(ready, folder, log, stop)
        kept = conduct.keep(Path(plan).name, first_stage_of(given, study.first_stage), REPLAYED)
        costs, bounds = costs_of(kept, list(kept))
        measure, every = conduct.measure, all(map(math.isfinite, costs))
        done = [one for one in kept.values() if isinstance(one, Done)]
        reports = [verify(folder / REPLAYED / name / PLAN, ready.futures[name].case.resolve("."))
                   for name, one in kept.items() if isinstance(one, Done)]  # fmt: skip
        failed = any(not report.ok for report in reports)
        short = any(one.code == ExitCode.GAP_NOT_REACHED for one in done)
        code = ExitCode.DONE if every else ExitCode.INFEASIBLE
        code = ExitCode.GAP_NOT_REACHED if every and short else code
        found = {
            "study": study.name,
            "plan": Path(plan).name,
            "plan_sha256": digest(given),
            "folder": str(folder),
            "exit_code": int(ExitCode.VERIFICATION_FAILED if failed else code),
            "expected_cost_musd": measure.expected(costs) if every else None,
            "value_at_risk_musd": measure.value_at_risk(costs) if every else None,
            "conditional_value_at_risk_musd": measure.tail(costs) if every else None,
            "objective_musd": measure(costs) if every else None,
            "scenarios": [
                {
                    "scenario": name,
                    "probability": chance,
                    "cost_musd": cost if math.isfinite(cost) else None,
                    "bound_musd": bound if math.isfinite(bound) else None,
                    "why_not": "" if isinstance(one, Done) else one.reason,
                }
                for (name, one), chance, cost, bound in zip(
                    kept.items(), ready.probabilities, costs, bounds, strict=True
                )
            ],
        }
        write_text(folder / REPLAY, json.dumps(found, indent=2, sort_keys=True, allow_nan=False) + "\n")
    return found


@contextmanager
def _at_work(folder: Path) -> Iterator[Event]:
    """Hold a folder that nobody else writes into; leave none behind that holds nothing but changed tables.

    Raises:
        InputError: the folder holds something else, or another study is at work in it.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with held(folder) as stop:
            yield stop
    finally:
        if folder in made and folder.exists() and {path.name for path in folder.iterdir()} <= {LOCK, TABLES}:
            shutil.rmtree(folder / TABLES, ignore_errors=True)
            (folder / LOCK).unlink(missing_ok=True)
        for path in made:
            if path.exists() and not any(path.iterdir()):
                path.rmdir()
