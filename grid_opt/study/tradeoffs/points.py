"""Solve the points of a study of one case, keep each with its checksums, and never solve the same twice.

The folder of a study holds ``points/<digest>/`` with ``plan.nc``, ``summary.json`` and ``point.json``, the record of
the point, written last. A point counts as solved only by its record, and only while the checksums in it are those of
its files; so the same command, given again after a crash, goes on where the first one ended.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.config import Case, with_overrides
from grid_opt.config.sections_tradeoff import CRITERIA, Criterion
from grid_opt.errors import ExitCode, InfeasibleError, InputError, InterruptedRunError, SolverError
from grid_opt.inputs.geography import outline_rings
from grid_opt.inputs.tradeoff import with_criteria
from grid_opt.inputs.world import build_world
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.io import open_plan, write_plan
from grid_opt.plan.summary import it_mw, summarize
from grid_opt.study.folder import held
from grid_opt.study.plan_case import hash_inputs, plan_case
from grid_opt.study.progress import Listener, Log
from grid_opt.study.sweeps.cases import Digests
from grid_opt.study.sweeps.manifest import checksums
from grid_opt.verify import verify
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.tradeoff import RECOMPUTED

RECORD: Final = "point.json"
PLAN: Final = "plan.nc"
_OPEN: Final = 0.5
_USD_PER_MUSD: Final = 1e6


@dataclass(frozen=True)
class Point:
    """What came of one program of a study; ``plan`` is missing where there is none."""

    label: str
    folder: Path
    exit_code: ExitCode
    reason: str = ""
    plan: xr.Dataset | None = None

    @property
    def objective(self) -> float:
        """What was minimized [million USD]."""
        assert self.plan is not None
        return float(self.plan.attrs["objective"])

    @property
    def bound(self) -> float:
        """What is proven of all plans of the program [million USD]."""
        assert self.plan is not None
        return float(self.plan.attrs["bound"])

    @property
    def cost(self) -> float:
        """All costs of the case [million USD], by the arrays of the plan."""
        assert self.plan is not None
        terms = [name for name in self.plan.data_vars if str(name).startswith("cost_")]
        return sum(float(self.plan[name].sum()) for name in terms) / _USD_PER_MUSD

    @property
    def sites(self) -> tuple[str, ...]:
        """Regions with a campus at the end."""
        assert self.plan is not None
        final = self.plan["site"].isel(quarter=-1)
        return tuple(str(r) for r in final["region"].values[final.values > _OPEN])

    def site_mw(self, case: Case) -> xr.DataArray:
        """IT power at the end by region [MW]."""
        assert self.plan is not None
        return it_mw(self.plan, case).isel(quarter=-1)


def measured(plan: xr.Dataset, names: Sequence[Criterion]) -> dict[Criterion, float]:
    """Return what a plan comes to by criteria, worked out once more from its arrays."""
    evidence = Evidence(plan, compare_tables=False)
    return {name: RECOMPUTED[name](evidence) for name in names}


class Points:
    """Solve variants of one case over one world."""

    def __init__(self, folder: Path, case: Case, log: Log, stop: threading.Event) -> None:
        self.folder, self.case, self.log, self.stop = folder, case, log, stop
        self.solved = self.reused = 0
        self._digests = Digests()
        self._world: xr.Dataset | None = None
        self._inputs: dict[str, str] = {}
        self.outlines: Outlines = outline_rings(case.tables_dir)

    def solve(self, label: str, changes: Mapping[str, Any], known: xr.Dataset | None = None) -> Point:
        """Return the answer of the case with changed knobs of its trade-off, solved or from the folder.

        ``known`` is a plan to begin with. A program for which no plan was found in the time limit is no answer: it is
        recorded nowhere, so that the same command tries it again.

        Raises:
            InterruptedRunError: the user stopped; the same command goes on.
        """
        case = with_overrides(self.case, [f"tradeoff.{key}={json.dumps(value)}" for key, value in changes.items()])
        digest = self._digests.of(case)
        there = self.folder / "points" / digest[:16]
        answered = _read(there, digest, label)
        if answered is not None:
            self.reused += 1
            return answered
        self.log.stage(f"{label}")
        self._clear(there)
        there.mkdir(parents=True)
        point = self._run(case, label, there, known)
        self.solved += 1
        if point.exit_code == ExitCode.NO_PLAN:
            self._clear(there)
            return point
        files = checksums(there)
        record = {"digest": digest, "exit_code": int(point.exit_code), "reason": point.reason, "files": files}
        write_text(there / RECORD, json.dumps(record, indent=1) + "\n")
        return point

    def _run(self, case: Case, label: str, there: Path, known: xr.Dataset | None) -> Point:
        if self._world is None:
            self._world, self._inputs = build_world(self.case), hash_inputs(self.case)
        try:
            planned = plan_case(case, with_criteria(case, self._world), self._inputs, self.log, self.stop, known)
        except InfeasibleError as error:
            return Point(label, there, ExitCode.INFEASIBLE, str(error).splitlines()[0])
        except SolverError as error:
            self.log.stage(f"{label}: {error}")
            return Point(label, there, ExitCode.NO_PLAN, str(error))
        if self.stop.is_set():
            self._clear(there)
            raise InterruptedRunError("interrupted; the same command goes on where this one ended")
        write_plan(planned.plan, self.outlines, there / PLAN)
        report = verify(there / PLAN, case_folder=case.resolve("."))
        summary = summarize(planned.plan) | {"verification": report.to_dict(), "model_size": planned.size}
        text = json.dumps(summary, indent=2, sort_keys=True, allow_nan=False)
        write_text(there / "summary.json", text + "\n")
        plan = open_plan(there / PLAN)
        if not report.ok:
            return Point(label, there, ExitCode.VERIFICATION_FAILED, report.closing, plan)
        code = ExitCode.DONE if planned.answer.status == "optimal" else ExitCode.GAP_NOT_REACHED
        return Point(label, there, code, "", plan)

    def _clear(self, there: Path) -> None:
        if there.exists():
            shutil.rmtree(there)


def _read(there: Path, digest: str, label: str) -> Point | None:
    """Return a point as its record tells of it, or ``None`` where it is to be solved."""
    try:
        record = json.loads((there / RECORD).read_text(encoding="utf-8"))
        files = {name: found for name, found in checksums(there).items() if name != RECORD}
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("digest") != digest or record.get("files") != files:
        return None
    code = ExitCode(record["exit_code"])
    if code == ExitCode.INFEASIBLE:
        return Point(label, there, code, record["reason"])
    return Point(label, there, code, record["reason"], open_plan(there / PLAN))


@contextmanager
def study(folder: Path, case: Case, progress: Listener | None) -> Iterator[Points]:
    """Give the points of a study in a folder that nobody else writes into.

    Raises:
        InputError: the folder holds something else, or another study is at work in it.
    """
    with held(folder) as stop:
        yield Points(folder, case, Log(progress), stop)


def refuse_other_goals(case: Case) -> None:
    """Refuse a case that asks for something else than the least costs already.

    Raises:
        InputError: naming the knob.
    """
    if case.objective.goal == "most_tokens":
        raise InputError(
            "this study is of plans by their costs", file=case.source, field="objective.goal", value="most_tokens",
            expected="'least_cost' or 'net_value'", fix="--set 'objective.goal=\"least_cost\"'",
        )  # fmt: skip
    if case.is_nodal:
        raise InputError(
            "this study is of campuses in regions", file=case.source, field="nodal.network", value=case.nodal.network,
            expected="no network of buses",
        )  # fmt: skip
    if case.tradeoff.weighs or "alike" in case.tradeoff.most:
        raise InputError(
            "this case has a trade-off of its own", file=case.source, field="tradeoff",
            value=", ".join(name for name in CRITERIA if name in case.tradeoff.criteria),
            expected="no weights and no references: the study sets them",
        )  # fmt: skip


def gravest(points: Sequence[Point]) -> ExitCode:
    """Return the exit code of a study whose plans ended so: a proof that there is none is an answer, too."""
    codes = {point.exit_code for point in points}
    for code in (ExitCode.VERIFICATION_FAILED, ExitCode.NO_PLAN, ExitCode.GAP_NOT_REACHED):
        if code in codes:
            return code
    return ExitCode.DONE
