"""Solve the optimal power flow of a network in the DC model, its curved costs by tangents."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import scipy.sparse as sp

from grid_opt.errors import SolverError
from grid_opt.formulation.model import Model
from grid_opt.formulation.opf import CRAD_PER_RAD, Cuts, Grid, build_opf
from grid_opt.network.checks import check_network
from grid_opt.network.convention import Convention, lines_of
from grid_opt.network.elements import Costs, Numbers, Places, Topology
from grid_opt.network.islands import active, angle_reach, find_islands
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.highs import Session
from grid_opt.solve.standard_form import Matrix, to_matrix

TOLERANCE = 1e-6
"""Largest difference, relative to the cost, between the tangents and the curves that they stand for."""
_FIRST_TANGENTS = 33
_MOST_ROUNDS = 60
_CROSSED_MW = 1e-6
"""Limits of a flow that cross by less are rounding: HiGHS's own tolerance settles them."""


def _nothing() -> Numbers:
    return np.zeros(0)


@dataclass(frozen=True)
class PowerFlow:
    """The optimal power flow of the active part of a network; arrays follow its elements.

    ``objective`` is the true cost of ``dispatch_mw`` [USD/h]; ``bound`` the proven least cost. ``price`` [USD/MWh]
    (bus,) is the dual of the balance. Without a solution (``infeasible``) the arrays are empty and ``reason``
    says what is known.
    """

    status: Literal["optimal", "infeasible"]
    convention: Convention
    grid: Grid
    objective: float = float("nan")
    bound: float = float("nan")
    dispatch_mw: Numbers = field(default_factory=_nothing)
    flow_mw: Numbers = field(default_factory=_nothing)
    dc_mw: Numbers = field(default_factory=_nothing)
    angle: Numbers = field(default_factory=_nothing)
    price: Numbers = field(default_factory=_nothing)
    rounds: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def net(self) -> Topology:
        """The active network."""
        return self.grid.net


def prepare(net: Topology, convention: Convention) -> Grid:
    """Check a network and return its active part in a convention.

    Errors: InputError, naming the element, for anything that cannot be right.
    """
    check_network(net)
    live = active(net)
    islands, lines = find_islands(live), lines_of(live, convention)
    return Grid(live, lines, islands.is_reference, angle_reach(live, lines, islands))


def solve_opf(net: Topology, convention: Convention = "powermodels", options: Options | None = None) -> PowerFlow:
    """Return the cheapest dispatch that the network carries.

    Errors: InputError for a bad network; SolverError when HiGHS fails or stops early.
    """
    began = time.monotonic()
    options = options or Options(threads=1)
    grid = prepare(net, convention)
    crossed = _crossed(grid)
    if crossed:
        return PowerFlow("infeasible", convention, grid, reason=crossed)
    cuts = first_cuts(grid.net)
    model = build_opf(grid, cuts)
    matrix = to_matrix(model.pyomo)
    session = Session(matrix, options)
    tangents = _Tangents(grid.net, cuts, model, matrix)
    answer, rounds = _refine(session, tangents)
    if answer.x is None or answer.row_dual is None:
        return PowerFlow("infeasible", convention, grid, seconds=time.monotonic() - began, reason=_shortage(grid.net))
    x = np.clip(answer.x, session.matrix.col_lower, session.matrix.col_upper)
    cost = tangents.true_cost(x)
    row, sign = balance_rows(model, matrix, grid.net)
    place = {name: columns_of(model, matrix, f"opf.{name}") for name in ("dispatch", "flow", "dc_flow", "angle")}
    found = {name: np.where(at >= 0, x[at], 0.0) for name, at in place.items()}
    return PowerFlow(
        "optimal", convention, grid,
        objective=cost, bound=min(answer.objective, cost),
        dispatch_mw=found["dispatch"], flow_mw=found["flow"], dc_mw=found["dc_flow"],
        angle=found["angle"] / CRAD_PER_RAD,
        price=sign * answer.row_dual[row], rounds=rounds, seconds=time.monotonic() - began,
    )  # fmt: skip


def _crossed(grid: Grid) -> str:
    """Name the first branch whose rating and angle limits leave no flow; none if there is none."""
    gap = grid.lines.low_mw - grid.lines.high_mw
    if gap.size == 0 or gap.max() <= _CROSSED_MW:
        return ""
    return f"branch {grid.net.branches.name[int(gap.argmax())]} can carry no flow within its rating and angle limits"


def _shortage(net: Topology) -> str:
    """Say whether generation falls short as a whole, the plainest reason why a load cannot be served."""
    most, least, drawn = net.generators.p_max_mw.sum(), net.generators.p_min_mw.sum(), net.demand_mw.sum()
    if drawn > most:
        return f"load and shunts draw {drawn:,.1f} MW, and all generators together give {most:,.1f} MW"
    if drawn < least:
        return f"load and shunts draw {drawn:,.1f} MW, and the generators give {least:,.1f} MW at least"
    return "generation suffices; limits of branches or of angles stand in the way"


def first_cuts(net: Topology) -> Cuts:
    """Return the lines of piecewise costs, and tangents of squares spread over the range of every element."""
    kinds = (
        (net.generator_costs, net.generators.p_min_mw, net.generators.p_max_mw),
        (net.dc_costs, net.dc_lines.p_min_mw, net.dc_lines.p_max_mw),
    )
    curved = [np.flatnonzero(costs.curved) for costs, _, _ in kinds]
    curve, at_zero, slope = [], [], []
    first = 0
    for (costs, low, high), members in zip(kinds, curved, strict=True):
        number = np.full(len(low), -1, dtype=np.int64)
        number[members] = first + np.arange(len(members))
        first += len(members)
        squares = np.flatnonzero(costs.quadratic[:, 2] != 0)
        points = np.linspace(low[squares], high[squares], _FIRST_TANGENTS)
        c2 = costs.quadratic[squares, 2]
        curve += [number[costs.line_of], np.tile(number[squares], _FIRST_TANGENTS)]
        at_zero += [costs.line_at_zero, (-c2 * points**2).ravel()]
        slope += [costs.line_slope, (2 * c2 * points).ravel()]
    lines = np.column_stack([np.concatenate(curve).astype(float), np.concatenate(at_zero), np.concatenate(slope)])
    lines = np.unique(lines, axis=0)  # a generator that cannot move has one tangent
    return Cuts(curved[0], curved[1], lines[:, 0].astype(np.int64), lines[:, 1], lines[:, 2])


def _refine(session: Session, tangents: _Tangents) -> tuple[Answer, int]:
    """Solve, and again with tangents at the dispatch found, until they meet the curves."""
    for number in range(1, _MOST_ROUNDS + 1):
        answer = session.solve()
        if answer.status == "infeasible":
            return answer, number
        if answer.x is None or answer.status != "optimal":
            raise SolverError(f"the optimal power flow ended '{answer.detail}'")
        if tangents.gap(answer.x) <= TOLERANCE * abs(answer.objective):
            return answer, number
        tangents.add(session, answer.x)
    raise SolverError(f"the tangents of the costs did not meet the curves in {_MOST_ROUNDS} rounds")


class _Tangents:
    """The squares among the costs, and where their power and their epigraph stand in the program."""

    def __init__(self, net: Topology, cuts: Cuts, model: Model, matrix: Matrix) -> None:
        power = (columns_of(model, matrix, "opf.dispatch"), columns_of(model, matrix, "opf.dc_flow"))
        cost = columns_of(model, matrix, "opf.curve_cost")
        self._all = [(net.generator_costs, power[0]), (net.dc_costs, power[1])]
        members = np.concatenate([power[0][cuts.generator], power[1][cuts.dc_line]])
        square = np.concatenate([_squares(net.generator_costs, cuts.generator), _squares(net.dc_costs, cuts.dc_line)])
        kept = square != 0
        self._power, self._cost, self._c2 = members[kept], cost[kept], square[kept]

    def true_cost(self, x: Numbers) -> float:
        """Return the cost of the dispatch by the curves themselves [USD/h]."""
        return float(sum(costs.at(np.where(at >= 0, x[at], 0.0)).sum() for costs, at in self._all))

    def _short(self, x: Numbers) -> Numbers:
        return np.asarray(self._c2 * x[self._power] ** 2 - x[self._cost])

    def gap(self, x: Numbers) -> float:
        """Return by how much the tangents understate the cost [USD/h]."""
        return float(np.maximum(self._short(x), 0.0).sum())

    def add(self, session: Session, x: Numbers) -> None:
        """Add a tangent at the power found of every curve that is understated by its share of the tolerance."""
        short = self._short(x)
        rows = np.flatnonzero(short > 0.1 * TOLERANCE * np.abs(short).sum())
        p, c2 = x[self._power[rows]], self._c2[rows]
        count = len(rows)
        entries = np.column_stack([np.ones(count), -2 * c2 * p]).ravel()
        columns = np.column_stack([self._cost[rows], self._power[rows]]).ravel()
        matrix = sp.csr_array(
            (entries, columns, np.arange(0, 2 * count + 1, 2)), shape=(count, len(session.matrix.col_lower))
        )
        names = [f"tangent at {value:.6g} MW" for value in p.tolist()]
        session.add_rows(matrix, -c2 * p**2, np.full(count, np.inf), names)


def _squares(costs: Costs, members: Places) -> Numbers:
    return np.asarray(costs.quadratic[members, 2])


def columns_of(model: Model, matrix: Matrix, name: str) -> Places:
    """Return the column of every element of a declared variable, -1 where the program does not use it."""
    number = {id(column): position for position, column in enumerate(matrix.columns)}
    return np.array([number.get(id(data), -1) for data in model.component(name).values()], dtype=np.int64)


def rows_of(model: Model, matrix: Matrix, name: str, count: int) -> Places:
    """Return the row of a declared constraint at each of ``count`` indices, -1 where it has none."""
    number = {id(row): position for position, row in enumerate(matrix.rows)}
    found = np.full(count, -1, dtype=np.int64)
    for index, data in model.component(name).items():
        found[index] = number.get(id(data), -1)
    return found


def balance_rows(model: Model, matrix: Matrix, net: Topology) -> tuple[Places, Numbers]:
    """Return the row of the balance of every bus and the sign of its dual as a price; 0 at a bus that nothing joins.

    The price is by how much the objective rises per MW more drawn. Pyomo may write an equation with either side first,
    which turns the sign of its dual. Which it was is read off a coefficient of each row: what a generator makes or a
    branch brings in counts positive.
    """
    row = rows_of(model, matrix, "opf.balance", len(net.buses))
    flow = columns_of(model, matrix, "opf.flow")
    joined = (
        (net.generators.bus, columns_of(model, matrix, "opf.dispatch"), 1.0),
        (net.branches.end, flow, 1.0),
        (net.branches.start, flow, -1.0),
        (net.dc_lines.start, columns_of(model, matrix, "opf.dc_flow"), -1.0),
        (net.dc_lines.end, columns_of(model, matrix, "opf.dc_flow"), 1.0),
    )
    sign = np.zeros(len(row))
    for bus, column, wanted in joined:
        if len(bus):
            sign[bus] = wanted * np.sign(np.asarray(matrix.rows_matrix[row[bus], column]).ravel())
    return np.maximum(row, 0), np.where(row >= 0, sign, 0.0)
