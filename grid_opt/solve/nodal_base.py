"""Dispatch the network of a siting case without campuses, hour by hour, overloads at a penalty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import xarray as xr

from grid_opt.errors import SolverError
from grid_opt.formulation.model import build_base
from grid_opt.network.elements import Numbers
from grid_opt.network.screening import Pairs, join
from grid_opt.network.siting import load_mw
from grid_opt.solve.answer import Options
from grid_opt.solve.highs import Session
from grid_opt.solve.nodal_grid import MET_MW, Columns, Grid, names_of
from grid_opt.solve.standard_form import Matrix, to_matrix

Stage = Callable[[str], None]
_MOST_ROUNDS = 60
_LIMIT_S = 120.0


def without_campuses(grid: Grid, options: Options, stage: Stage) -> tuple[Numbers, Pairs]:
    """Fill in the dispatch without campuses; return its flows (branch, snapshot) and the limits that bind in it.

    Errors: SolverError when HiGHS fails or stops early.
    """
    world, case = grid.world, grid.case
    one = world.isel(year=[0], slice=[0])
    model = build_base(case, one)
    matrix = to_matrix(model.pyomo)
    columns = Columns.of(model, matrix)
    available, load = world["step_available"].values, load_mw(world)
    dispatch = np.zeros((world.sizes["step"], grid.snapshots))
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
        base_dispatch=(("step", "year", "slice"), dispatch.reshape(shape), {"units": "MW"}),
        base_shed=(("area", "year", "slice"), shed.reshape(shape), {"units": "MW"}),
    )
    return flow, join(kept)


def _with_bounds(matrix: Matrix, columns: Columns, available: Numbers, load: Numbers, here: xr.Dataset) -> Matrix:
    """Return the program of another hour: steps and load have other bounds, and the balance another right side."""
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
        self._session = Session(matrix, replace(options.quietly(_LIMIT_S), threads=1))
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
            broken = broken.take(np.flatnonzero(broken.over_mw > allowed + MET_MW))
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
        names = names_of(pairs)
        self._session.add_rows(rows, np.full(len(pairs), -np.inf), upper, names)
        self._pairs = join([self._pairs, here])

    def found(self) -> tuple[Numbers, Numbers, Numbers]:
        """Return dispatch, shed load and flows."""
        dispatch, shed, _ = self._columns.values(self._x)
        return dispatch, shed, self._flow
