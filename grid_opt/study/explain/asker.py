"""Hold a plan's program and answer questions about one region at a time: from the relaxation, or by solving again."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt.config import Case, case_from_toml
from grid_opt.errors import InputError
from grid_opt.formulation.model import Model, build_model
from grid_opt.plan.io import digest, open_plan
from grid_opt.plan.summary import BUILT_MW
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.canary import trust_solver
from grid_opt.solve.extract import costs, counted, layout, store, variables
from grid_opt.solve.highs import solve
from grid_opt.solve.parted import PartedRelaxation
from grid_opt.solve.search import search
from grid_opt.solve.standard_form import Layout, Matrix, to_matrix
from grid_opt.solve.tighten import tightened
from grid_opt.solve.whatif import (
    Relaxation,
    Side,
    Standing,
    WholeRelaxation,
    around,
    asked,
    opened,
    solve_near,
    without,
)
from grid_opt.study.explain.few import few_regions
from grid_opt.study.explain.levers import Change, changed, stored_world, tables_of
from grid_opt.study.plan_case import decomposes
from grid_opt.units import USD_PER_MUSD

_SMALLEST_CHANGE_MUSD = 1e-4


@dataclass(frozen=True)
class Known:
    """A plan as its file tells of it: its case, its world, what it costs, and where it builds."""

    plan: xr.Dataset
    case: Case
    objective: float
    bound: float
    unit: str
    sites: frozenset[str]
    standing: Standing
    sha256: str


@dataclass(frozen=True)
class Program:
    """A built program and its arrays."""

    world: xr.Dataset
    model: Model
    matrix: Matrix
    counts: npt.NDArray[np.bool_]
    layout: Layout | None


@dataclass(frozen=True)
class Relaxed:
    """What the relaxation says to a question: its objective, infinite where it has no solution, and who is open."""

    objective: float
    open: frozenset[str]
    status: str


@dataclass(frozen=True)
class Solved:
    """What solving again says: the answer, and how power [MW of IT] and cost terms [million USD] differ."""

    answer: Answer
    it_mw_changes: dict[str, float]
    cost_changes_musd: dict[str, float]


def know(path: str | Path, case_folder: str | Path | None = None) -> Known:
    """Read a plan to be explained.

    Raises:
        InputError: the file is no plan, or its campuses stand at the buses of a network.
    """
    plan = open_plan(path)
    folder = Path(case_folder) if case_folder is not None else Path()
    case = case_from_toml(str(plan.attrs["case_toml"]), source=folder / "case.toml")
    if case.is_nodal:
        raise InputError(
            "a plan at the buses of a network is not explained yet", file=path, field="nodal.network",
            value=case.nodal.network, expected="a plan of regions",
            fix="compare plans with and without a candidate (nodal.candidates) by `grid-opt compare`",
        )  # fmt: skip
    final = case.campus.hall_mw * plan["halls"].isel(quarter=-1)
    sites = frozenset(str(r) for r in plan["region"].values[(final > BUILT_MW).values])
    return Known(
        plan, case, float(plan.attrs["objective"]), float(plan.attrs["bound"]), str(plan.attrs["objective_unit"]),
        sites, Standing(_by_quarter(plan["site"]), _by_quarter(plan["halls"])), digest(plan),
    )  # fmt: skip


def _by_quarter(array: xr.DataArray) -> dict[tuple[str, str], float]:
    values = np.round(array.transpose("region", "quarter").values)
    return {
        (str(r), str(q)): float(values[i, j])
        for i, r in enumerate(array["region"].values)
        for j, q in enumerate(array["quarter"].values)
    }


class Asker:
    """Answer questions about the plan of one file; a relaxation takes no longer than ``longest_s``.

    Building takes as long as the model does.
    """

    def __init__(self, known: Known, threads: int, longest_s: float, stop: threading.Event | None = None) -> None:
        self.known, self.case = known, known.case
        self.options = Options(
            gap=self.case.solve.gap, time_limit_s=longest_s, threads=threads, seed=self.case.solve.seed,
            stop=stop,
        )  # fmt: skip
        trust_solver(threads)
        self.tables = tables_of(self.case, known.plan)
        self.base = self._program(stored_world(self.case, known.plan))
        self._relaxation: Relaxation | None = None
        self._last: tuple[Change, Program] | None = None

    @property
    def relaxation(self) -> Relaxation:
        """The relaxation of the plan's program, solved when it is first asked for."""
        if self._relaxation is None:
            matrix, where = tightened(self.base.matrix), self.base.layout
            options = replace(self.options, stop=None)
            self._relaxation = (
                WholeRelaxation(matrix, options) if where is None else PartedRelaxation(matrix, where, options)
            )
        return self._relaxation

    @property
    def parted(self) -> bool:
        """Whether the program is so large that it is solved region by region."""
        return self.base.layout is not None

    @property
    def stopped(self) -> bool:
        """Whether the user wants an end."""
        return self.options.stop is not None and self.options.stop.is_set()

    @property
    def relaxed_plan(self) -> float:
        """Objective of the relaxation with nothing forced."""
        return self.relaxation.base.objective

    def relax(self, region: str, side: Side) -> Relaxed:
        """Ask the relaxation."""
        return _relaxed(self.relaxation.ask(region, side), self.base.matrix)

    def relax_changed(self, change: Change, near: frozenset[str], seconds: float) -> Relaxed:
        """Ask the relaxation of the program with a change, its region forced in.

        Where the program is solved region by region, that region's own program tells, at the prices of the others;
        else the whole is solved with all regions but ``near`` closed.
        """
        if isinstance(self.relaxation, PartedRelaxation):
            world = changed(self.case, few_regions(self.base.world, change.region), self.tables, change)
            model = build_model(self.case, world)
            own = to_matrix(model.pyomo)
            answer = self.relaxation.ask_other(change.region, own, layout(own, model))
            return Relaxed(_value(answer), frozenset(), answer.status)
        program = self._changed(change)
        part = asked(tightened(self._among(program.matrix, near | {change.region})), change.region, "in")
        linear = replace(part, integer=np.zeros_like(part.integer))
        return _relaxed(solve(linear, replace(self.options, time_limit_s=max(1.0, seconds))), linear)

    def solve_again(
        self, region: str, side: Side, near: frozenset[str], bound: float, seconds: float,
        change: Change | None = None, enough: float = -math.inf,
    ) -> Solved:  # fmt: skip
        """Solve the program with the region forced in or left out, and with a change if one is given.

        A plan near the known one that costs no more than ``enough`` ends the search.
        """
        program = self.base if change is None else self._changed(change)
        options = replace(self.options, time_limit_s=max(1.0, seconds))
        matrix = asked(program.matrix, region, side)
        campus = self.case.campus
        moved = max(campus.min_campus_mw, campus.hall_mw) / campus.hall_mw
        if side == "out":
            moved += max(n for (r, _), n in self.known.standing.halls.items() if r == region)
        free = (near - self.known.sites) | {region}

        def narrowed(whole: Matrix) -> Matrix:
            return around(asked(whole, region, side), self.known.standing, free, math.ceil(moved))

        def look_near(few: Options) -> Answer:
            if change is None and isinstance(self.relaxation, PartedRelaxation):
                return self.relaxation.near(program.counts, narrowed, few)
            return search(tightened(narrowed(program.matrix)), program.counts, program.layout, few)

        answer = solve_near(matrix, program.counts, program.layout, look_near, bound, options, enough)
        if answer.x is None or change is not None:
            return Solved(answer, {}, {})
        store(program.matrix, answer.x, program.model)
        return Solved(answer, self._power(program), self._costs(program))

    def near(self, *relaxed: Relaxed) -> frozenset[str]:
        """Return the regions of the plan and those that some relaxations open."""
        base = self.relaxation.base.x
        own = set() if base is None else opened(self.base.matrix, base)
        return self.known.sites.union(own, *(one.open for one in relaxed))

    def _program(self, world: xr.Dataset) -> Program:
        model = build_model(self.case, world)
        matrix = to_matrix(model.pyomo)
        where = layout(matrix, model) if decomposes(self.case, world.sizes["region"]) else None
        return Program(world, model, matrix, counted(matrix, model), where)

    def _changed(self, change: Change) -> Program:
        """Return the program with a change; the last one is kept, for it is often asked for twice."""
        if self._last is None or self._last[0] != change:
            self._last = None  # gives its memory back first
            self._last = (change, self._program(changed(self.case, self.base.world, self.tables, change)))
        return self._last[1]

    def _among(self, matrix: Matrix, near: frozenset[str]) -> Matrix:
        return without(matrix, {str(r) for r in self.base.world["region"].values} - near)

    def _power(self, program: Program) -> dict[str, float]:
        halls = variables(program.model, program.world)["halls"].isel(quarter=-1)
        more = self.case.campus.hall_mw * (halls - self.known.plan["halls"].isel(quarter=-1))
        found = zip(more["region"].values.tolist(), more.values.tolist(), strict=True)
        return {str(r): round(mw, 6) for r, mw in found if abs(mw) > BUILT_MW}

    def _costs(self, program: Program) -> dict[str, float]:
        found = {}
        for name, new in costs(program.model, program.world).items():
            change = float(new.sum() - self.known.plan[name].sum()) / USD_PER_MUSD
            if abs(change) > _SMALLEST_CHANGE_MUSD:
                found[name.removeprefix("cost_")] = round(change, 6)
        return dict(sorted(found.items(), key=lambda item: -abs(item[1])))


def _relaxed(answer: Answer, matrix: Matrix) -> Relaxed:
    """Read an answer of a relaxation; one that was stopped in time is not a number."""
    if answer.x is None or answer.status != "optimal":
        return Relaxed(_value(answer), frozenset(), answer.status)
    return Relaxed(answer.objective, frozenset(opened(matrix, answer.x)), answer.status)


def _value(answer: Answer) -> float:
    if answer.status == "infeasible":
        return float("inf")
    return answer.objective if answer.status == "optimal" and answer.x is not None else float("nan")
