r"""Plan campuses at the buses of a network, with line limits added to the model only when a dispatch breaks them.

1. **Without campuses**: the cheapest dispatch of every hour by itself, overloads at a penalty. It says what the system
   costs anyway, and which branches are over their limits already.
2. **Campuses as fractions**: the linear relaxation, solved again and again with the limits that its flows break.
3. **Whole campuses**: the mixed-integer program with these limits, again until no limit is broken.

After each solve every branch is looked at in the base case and after every outage, in every hour
(:mod:`grid_opt.network.screening`). A model with some of the limits is a relaxation of that with all, so its bound is a
bound; a plan that breaks none of them is a plan of the whole. What was added is data of the world (``watch_*``), from
which the model of record is built with the same limits as constraints of its block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr

from grid_opt.config import Case
from grid_opt.errors import SolverError
from grid_opt.formulation.model import Model, build_base, build_model
from grid_opt.formulation.nodal import LEAST, NO_OUTAGE, unwatched
from grid_opt.network.elements import Numbers, Places
from grid_opt.network.screening import Pairs, Screen, join
from grid_opt.network.siting import Response, load_mw
from grid_opt.plan.schema import NODAL_DECISIONS
from grid_opt.solve.extract import fix_integers, polish
from grid_opt.solve.highs import Answer, Options, Session, solve
from grid_opt.solve.opf import columns_of
from grid_opt.solve.standard_form import Array, Matrix, to_matrix

Stage = Callable[[str], None]
_MOST_ROUNDS = 60
_MET_MW = 1e-3
_BASE_LIMIT_S = 120.0
_AGREE = 1e-6
"""Relative agreement asked of the model of record and of the program of the search."""


@dataclass(frozen=True)
class Columns:
    """Where the variables of the dispatch stand in a program, (label, snapshot); ``bought`` and ``over`` may lack."""

    dispatch: Places
    shed: Places
    bought: Places | None = None
    over: Places | None = None

    @classmethod
    def of(cls, model: Model, matrix: Matrix) -> Columns:
        """Find them by their names."""
        found = {}
        names = {"dispatch": "nodal.dispatch", "shed": "nodal.shed", "bought": "operation.purchase",
                 "over": "base.overload"}  # fmt: skip
        for key, name in names.items():
            if name in model.declarations:
                first = model.declarations[name].dims[0]
                found[key] = columns_of(model, matrix, name).reshape(len(model.builder.index(first)), -1)
        return cls(**found)

    def rows(self, response: Response, pairs: Pairs, share: Numbers, width: int) -> sp.csr_array:
        """Return the rows of limits as numbers; ``share`` is the LODF of the pairs."""
        at = pairs.snapshot
        blocks = [
            (self.dispatch[:, at].T, pairs.combine(response.offers, share)),
            (self.shed[:, at].T, pairs.combine(response.areas, share)),
        ]
        if self.bought is not None:
            blocks.append((self.bought[:, at].T, -pairs.combine(response.regions, share)))
        if self.over is not None:
            blocks.append((self.over[pairs.branch, at][:, None], -np.ones((len(pairs), 1))))
        column = np.concatenate([block[0] for block in blocks], axis=1)
        value = np.concatenate([block[1] for block in blocks], axis=1)
        row = np.repeat(np.arange(len(pairs)), column.shape[1])
        kept = (column.ravel() >= 0) & (np.abs(value.ravel()) >= LEAST)
        place = (row[kept], column.ravel()[kept])
        return sp.csr_array((value.ravel()[kept], place), shape=(len(pairs), width))

    def values(self, x: Array) -> tuple[Numbers, Numbers, Numbers | None]:
        """Return dispatch, shed load and what is bought [MW], (label, snapshot)."""

        def of(at: Places) -> Numbers:
            return np.where(at >= 0, x[np.maximum(at, 0)], 0.0)

        return of(self.dispatch), of(self.shed), None if self.bought is None else of(self.bought)


@dataclass
class Grid:
    """A world with its network made ready: to turn dispatch into flows and flows into broken limits."""

    case: Case
    world: xr.Dataset
    response: Response
    screen: Screen

    @classmethod
    def of(cls, case: Case, world: xr.Dataset) -> Grid:
        """Factorise the network of a world."""
        response = Response.of(world)
        screen = Screen(response.factors, case.nodal.n_1, case.nodal.outage_rating)
        return cls(case, unwatched(world), response, screen)

    @property
    def snapshots(self) -> int:
        """Hours of all operating years."""
        return int(self.response.alone.shape[1])

    def rows(self, columns: Columns, pairs: Pairs, width: int) -> tuple[sp.csr_array, Numbers]:
        """Return the rows of limits, and their right-hand sides: the limits less the flows of load alone."""
        share = self.screen.lodf(pairs.branch, pairs.outage)
        rows = columns.rows(self.response, pairs, share, width)
        return rows, pairs.limit_mw - pairs.in_snapshot(self.response.alone, share)

    def watching(self, pairs: Pairs) -> xr.Dataset:
        """Return the world with these limits watched."""
        world = self.world
        names = np.append(world["branch"].values.astype(object), NO_OUTAGE)
        years, slices = world["year"].values, world["slice"].values
        found = {
            "watch_branch": names[pairs.branch].astype(str), "watch_outage": names[pairs.outage].astype(str),
            "watch_sign": pairs.sign, "watch_year": years[pairs.snapshot // len(slices)],
            "watch_slice": slices[pairs.snapshot % len(slices)], "watch_limit": pairs.limit_mw,
        }  # fmt: skip
        watch = world.drop_dims("watch").assign_coords(watch=np.arange(len(pairs)))
        about = {name: {"units": spec.unit, "long_name": spec.long_name} for name, spec in NODAL_DECISIONS.items()}
        return watch.assign({name: (("watch",), values, about[name]) for name, values in found.items()})


def without_campuses(grid: Grid, options: Options, stage: Stage) -> tuple[Numbers, Pairs]:
    """Fill in the dispatch without campuses; return its flows (branch, snapshot) and the limits that bind in it.

    Errors: SolverError when HiGHS fails or stops early.
    """
    world, case = grid.world, grid.case
    one = world.isel(year=[0], slice=[0])
    model = build_base(case, one)
    matrix = to_matrix(model.pyomo)
    columns = Columns.of(model, matrix)
    available, load = world["offer_available"].values, load_mw(world)
    dispatch = np.zeros((world.sizes["offer"], grid.snapshots))
    shed = np.zeros((world.sizes["area"], grid.snapshots))
    flow = np.zeros((world.sizes["branch"], grid.snapshots))
    kept: list[Pairs] = []
    near = join([])
    for snapshot in range(grid.snapshots):
        year, slice_ = divmod(snapshot, world.sizes["slice"])
        here = world.isel(year=[year], slice=[slice_])
        program = _with_bounds(matrix, columns, available[:, slice_], load.values[:, year, slice_], here)
        part = _Hour(grid, snapshot, program, columns, options)
        near = part.settle(near)
        dispatch[:, [snapshot]], shed[:, [snapshot]], flow[:, [snapshot]] = part.found()
        kept.append(near)
        if (snapshot + 1) % world.sizes["slice"] == 0:
            stage(f"dispatch without campuses in {world['year'].values[year]} found")
    shape = (-1, world.sizes["year"], world.sizes["slice"])
    grid.world = world.assign(
        base_dispatch=(("offer", "year", "slice"), dispatch.reshape(shape), {"units": "MW"}),
        base_shed=(("area", "year", "slice"), shed.reshape(shape), {"units": "MW"}),
    )
    return flow, join(kept)


def _with_bounds(matrix: Matrix, columns: Columns, available: Numbers, load: Numbers, here: xr.Dataset) -> Matrix:
    """Return the program of another hour: offers and load have other bounds, and the balance another right side."""
    upper = matrix.col_upper.copy()
    upper[columns.dispatch[:, 0]], upper[columns.shed[:, 0]] = available, load
    names = [row.index() if isinstance(row.index(), tuple) else (row.index(),) for row in matrix.rows]
    islands = {str(one): k for k, one in enumerate(here["island"].values.tolist())}
    lower, top = matrix.row_lower.copy(), matrix.row_upper.copy()
    area_of = {str(a): str(i) for a, i in zip(here["bus_area"].values, here["bus_island"].values, strict=True)}
    drawn = np.zeros(len(islands))
    for area, mw in zip(here["area"].values.tolist(), load.tolist(), strict=True):
        drawn[islands[area_of[str(area)]]] += mw
    for island, mw in zip(here["bus_island"].values.tolist(), here["bus_shunt"].values.tolist(), strict=True):
        drawn[islands[str(island)]] += mw
    for number, key in enumerate(names):
        lower[number] = top[number] = drawn[islands[str(key[0])]]
    return replace(matrix, col_upper=upper, row_lower=lower, row_upper=top)


class _Hour:
    """The dispatch of one hour without campuses."""

    def __init__(self, grid: Grid, snapshot: int, matrix: Matrix, columns: Columns, options: Options) -> None:
        self._grid, self._snapshot, self._columns = grid, snapshot, columns
        self._session = Session(matrix, replace(options.quietly(_BASE_LIMIT_S), threads=1))
        self._first = len(matrix.row_lower)
        self._pairs = join([])

    def settle(self, near: Pairs) -> Pairs:
        """Solve with the limits of the hour before, add what is broken until nothing is, and return what binds."""
        self._add(near)
        for _ in range(_MOST_ROUNDS):
            answer = self._session.solve()
            if answer.x is None or answer.row_dual is None:
                raise SolverError(f"the dispatch without campuses ended '{answer.detail}'")
            self._x = np.clip(answer.x, self._session.matrix.col_lower, self._session.matrix.col_upper)
            dispatch, shed, _ = self._columns.values(self._x)
            self._flow = self._grid.response.flows(dispatch, shed, at=np.array([self._snapshot]))
            broken = self._grid.screen.violated(self._flow)
            assert self._columns.over is not None
            allowed = self._x[self._columns.over[broken.branch, 0]]
            broken = broken.take(np.flatnonzero(broken.over_mw > allowed + _MET_MW))
            if len(broken) == 0:
                binds = np.abs(answer.row_dual[self._first :]) > 0
                return self._pairs.take(np.flatnonzero(binds))
            self._add(broken)
        raise SolverError(f"the screening of the dispatch without campuses did not end in {_MOST_ROUNDS} rounds")

    def _add(self, pairs: Pairs) -> None:
        if len(pairs) == 0:
            return
        here = replace(pairs, snapshot=np.full(len(pairs), self._snapshot, dtype=np.int64))
        columns = replace(pairs, snapshot=np.zeros(len(pairs), dtype=np.int64))
        rows, _ = self._grid.rows(self._columns, columns, len(self._session.matrix.col_lower))
        share = self._grid.screen.lodf(pairs.branch, pairs.outage)
        upper = pairs.limit_mw - here.in_snapshot(self._grid.response.alone, share)
        names = _names(pairs)
        self._session.add_rows(rows, np.full(len(pairs), -np.inf), upper, names)
        self._pairs = join([self._pairs, here])

    def found(self) -> tuple[Numbers, Numbers, Numbers]:
        """Return dispatch, shed load and flows."""
        dispatch, shed, _ = self._columns.values(self._x)
        return dispatch, shed, self._flow


@dataclass(frozen=True)
class Sited:
    """A plan at the buses: the world with its watched limits, the model of record, and its linear program solved.

    ``answer`` is of the mixed-integer program, ``linear`` of the model of record with whole numbers fixed. ``rounds``
    counts the solves of each kind that it took until no limit was broken.
    """

    world: xr.Dataset
    model: Model
    matrix: Matrix
    answer: Answer
    linear: Answer | None
    rounds: dict[str, int]


class Siting:
    """The program of campuses and dispatch, and the limits that are added to it."""

    def __init__(self, grid: Grid, base_flow: Numbers, seeds: Pairs, options: Options, stage: Stage) -> None:
        self._grid, self._before, self._options, self._stage = grid, base_flow, options, stage
        model = build_model(grid.case, grid.world)
        self.matrix = to_matrix(model.pyomo)
        self._integer = self.matrix.integer
        self._columns = Columns.of(model, self.matrix)
        self.pairs = join([])
        share = grid.screen.lodf(seeds.branch, seeds.outage)
        self._seeds = replace(seeds, limit_mw=np.maximum(seeds.limit_mw, seeds.in_snapshot(base_flow, share)))
        self.rounds = {"relaxation": 0, "whole": 0, "record": 0}

    def relax(self) -> Answer:
        """Solve the linear relaxation with every limit that its flows break; return the last answer.

        Errors: SolverError when limits go on being broken.
        """
        relaxed = replace(self.matrix, integer=np.zeros_like(self._integer))
        session = Session(relaxed, self._options.quietly(self._options.time_limit_s))
        broken = self._seeds
        while True:
            self._watch(broken)
            if len(broken):
                session.add_rows(*self._rows(broken))
            answer = session.solve()
            self.rounds["relaxation"] += 1
            if answer.x is None or answer.status != "optimal":
                return answer
            broken = self.broken(answer.x, self._columns)
            number = self.rounds["relaxation"]
            self._stage(f"limits of lines, round {number}: {len(self.pairs):,} watched, {len(broken):,} broken")
            if len(broken) == 0:
                break
            self._count_rounds("relaxation")
        self.matrix = replace(session.matrix, integer=self._integer)
        return answer

    def whole(self) -> Answer:
        """Solve the mixed-integer program until its plan, dispatched anew within all limits, is within the asked gap.

        A plan whose flows break limits is dispatched anew with its campuses fixed. Where that costs more than the gap
        allows, or cannot be done, the search goes on with the limits. Without a plan the answer has none.
        """
        seconds, bound, start = 0.0, -np.inf, None
        while True:
            options = replace(self._options, time_limit_s=max(1.0, self._options.time_limit_s - seconds))
            answer = solve(self.matrix, options, start)
            self.rounds["whole"] += 1
            seconds, bound = seconds + answer.seconds, max(bound, answer.bound)
            if answer.x is None:
                return replace(answer, seconds=seconds)
            dispatched = self._dispatched(answer)
            if dispatched is answer:  # no limit was broken: what HiGHS says of the plan holds
                return replace(answer, seconds=seconds)
            over = answer.interrupted or seconds >= self._options.time_limit_s
            if dispatched is not None:
                found = replace(dispatched, bound=min(bound, dispatched.objective), seconds=seconds)
                good = found.gap <= self._options.gap + _AGREE
                if good or over:
                    return replace(found, status="optimal" if good else "feasible")
                start = found.x
            elif over:
                return replace(answer, x=None, status="no_plan", seconds=seconds)
            self._count_rounds("whole")

    def _dispatched(self, answer: Answer) -> Answer | None:
        """Return a plan with its campuses as they are and its flows within all limits; none where there is none."""
        assert answer.x is not None
        broken = self.broken(answer.x, self._columns)
        if len(broken) == 0:
            return answer
        self._stage(f"the plan breaks {len(broken):,} limits of lines: dispatching it anew within them")
        session = Session(fix_integers(self.matrix, answer.x), self._options.quietly(_BASE_LIMIT_S))
        found = answer
        while len(broken):
            self._watch(broken)
            self.matrix = _with_rows(self.matrix, *self._rows(broken))
            session.add_rows(*self._rows(broken))
            solved = session.solve()
            if solved.x is None:
                return None
            found = replace(answer, x=solved.x, objective=solved.objective)
            broken = self.broken(solved.x, self._columns)
        return found

    def record(self, answer: Answer) -> Sited:
        """Build the model of record with the watched limits, and solve it with the whole numbers of a plan fixed.

        Its dispatch may be another one of the same cost, and break a further limit; then that is watched as well. The
        program of the search is solved in the same way first, which is the same linear program, row for row, and
        quicker to change. Errors: SolverError when the two programs disagree.
        """
        assert answer.x is not None
        while True:
            linear = polish(self.matrix, answer, self._options)
            assert linear.x is not None
            broken = self.broken(linear.x, self._columns)
            self.rounds["record"] += 1
            if len(broken) == 0:
                break
            self._count_rounds("record")
            self._watch(broken)
            self.matrix = _with_rows(self.matrix, *self._rows(broken))
        self._stage(f"building the model of record with {len(self.pairs):,} limits of lines")
        value = {_key(column): number for column, number in zip(self.matrix.columns, answer.x.tolist(), strict=True)}
        world = self._grid.watching(self.pairs)
        model = build_model(self._grid.case, world)
        matrix = to_matrix(model.pyomo)
        same = replace(answer, x=np.array([value[_key(column)] for column in matrix.columns]))
        final = polish(matrix, same, self._options)
        assert final.x is not None
        broken = self.broken(final.x, Columns.of(model, matrix))
        if len(broken):
            self._watch(broken)
            self.matrix = _with_rows(self.matrix, *self._rows(broken))
            return self.record(answer)
        self._require_equal(linear, final)
        return Sited(world, model, matrix, same, final, self.rounds)

    @staticmethod
    def _require_equal(search: Answer, record: Answer) -> None:
        """Refuse a model of record whose optimum is not that of the rows that were added as numbers."""
        if abs(search.objective - record.objective) > _AGREE * max(1.0, abs(search.objective)):
            raise SolverError(
                f"the model of record costs {record.objective:.6f}, the program of the search {search.objective:.6f}"
            )

    def broken(self, x: Array, columns: Columns) -> Pairs:
        """Return the worst broken limit of every branch in every hour at a solution."""
        flow = self._grid.response.flows(*columns.values(x))
        found = self._grid.screen.violated(flow, self._before)
        known = set(self.pairs.keys())
        new = [k for k, key in enumerate(found.keys()) if key not in known or found.over_mw[k] > _MET_MW]
        return found.take(np.array(new, dtype=np.int64))

    def _rows(self, pairs: Pairs) -> tuple[sp.csr_array, Numbers, Numbers, list[str]]:
        rows, upper = self._grid.rows(self._columns, pairs, len(self.matrix.col_lower))
        names = _names(pairs)
        return rows, np.full(len(pairs), -np.inf), upper, names

    def _watch(self, pairs: Pairs) -> None:
        self.pairs = join([self.pairs, pairs])

    def _count_rounds(self, kind: str) -> None:
        if self.rounds[kind] >= _MOST_ROUNDS:
            raise SolverError(f"limits of lines were still broken after {_MOST_ROUNDS} solves of the {kind}")


def _names(pairs: Pairs) -> list[str]:
    rows = zip(pairs.branch.tolist(), pairs.outage.tolist(), strict=True)
    return [f"limit of branch {branch} after the outage of {outage}" for branch, outage in rows]


def _with_rows(matrix: Matrix, rows: sp.csr_array, lower: Numbers, upper: Numbers, names: list[str]) -> Matrix:
    return replace(
        matrix,
        rows_matrix=sp.csr_array(sp.vstack([matrix.rows_matrix, rows], format="csr")),
        row_lower=np.concatenate([matrix.row_lower, lower]),
        row_upper=np.concatenate([matrix.row_upper, upper]),
        rows=[*matrix.rows, *names],
    )


def _key(column: Any) -> tuple[str, Any]:
    """Name a column by its variable and index, the same in every model that is built of a case."""
    return column.parent_component().local_name, column.index()


def site(case: Case, world: xr.Dataset, options: Options, stage: Stage) -> Sited:
    """Plan campuses and dispatch of a case whose regions are buses; ``linear`` is missing where there is no plan.

    Errors: SolverError when HiGHS fails, or limits go on being broken.
    """
    grid = Grid.of(case, world)
    before, binding = without_campuses(grid, options, stage)
    siting = Siting(grid, before, binding, options, stage)
    relaxed = siting.relax()
    answer = relaxed if relaxed.status in ("infeasible", "unbounded") else siting.whole()
    if answer.x is None:
        world = grid.watching(siting.pairs)
        return Sited(world, build_model(case, world), siting.matrix, answer, None, siting.rounds)
    stage(f"certified: no limit of {len(before):,} branches is broken in {grid.snapshots:,} hours, "
          f"{len(grid.screen.outages):,} outages each; {len(siting.pairs):,} limits are in the model")  # fmt: skip
    return siting.record(answer)
