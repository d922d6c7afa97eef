r"""Say exactly how much new load the network carries, by few linear programs.

See :mod:`grid_opt.network.hosting` for the definition. The program is that of the optimal power flow, with the load of
one bus as a variable to be made large. From bus to bus only a cost and two bounds change, so that HiGHS goes on from
the basis of the bus before. Rows for outages are added when a solution violates them, until none does, and stay for the
buses that follow.

One program tells of all buses: with the duals :math:`y` of the balance at the optimum for bus m, where
:math:`y_m = 1`, weak duality bounds every other bus, :math:`d_n \le d_m / y_n` wherever :math:`y_n > 0`, since the
programs differ only in where the new load stands. Without outages, its redispatch is also tried at the buses that it
bounds so, which bounds them from below. So the next program is that of the bus whose bounds are furthest apart, and
the rest is exact as soon as the bounds meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from grid_opt.errors import SolverError
from grid_opt.formulation.opf import Grid, build_hosting
from grid_opt.network.elements import Flags, Numbers, Places
from grid_opt.network.factors import Factors
from grid_opt.network.hosting import TOLERANCE_MW, Base, Bounds, Pairs, bound_hosting, follow_pattern
from grid_opt.network.islands import find_islands
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.highs import Session
from grid_opt.solve.opf import balance_rows, columns_of
from grid_opt.solve.standard_form import to_matrix

_MOST_ROUNDS = 100
_PAIRS_AT_ONCE = 50
"""Most rows that are added after one solve; the worst come first."""
_CACHED_BRANCHES = 5000
"""Networks of more branches do not keep their LODF (200 MB here) but make it anew for every screening."""
_VIOLATED_MW = 10 * TOLERANCE_MW
_MET_MW, _MET = 1e-3, 1e-4
_UNIT_PRICE = 1e-6
_ROUNDING = 1e-7
"""Added to bounds from duals, for the tolerance with which HiGHS meets them."""
_ROOM_STEPS = 6
_FOLLOWERS = 500
"""Most buses that are tried with the redispatch that served another one: half a second on 10,000 buses."""


@dataclass
class Hosting:
    """Hosting of every bus between two proven bounds [MW] (bus,), equal where it is exact; see ``Bounds``."""

    lower: Bounds
    upper_mw: Numbers
    solved: int = 0

    @property
    def is_exact(self) -> Flags:
        """Where the bounds meet, to a thousandth of a MW or a ten-thousandth of their size."""
        return np.asarray(self.upper_mw - self.lower.mw <= np.maximum(_MET_MW, _MET * self.upper_mw))


def host(
    grid: Grid, factors: Factors, base: Base, found: Hosting, buses: Places, most_solves: int, *,
    n_1: bool, options: Options | None = None,
) -> None:  # fmt: skip
    """Close the bounds of the given buses by at most so many linear programs, widest first; changes ``found``.

    Errors: SolverError when HiGHS fails or stops early.
    """
    program = _Program(grid, options or Options(threads=1))
    if not n_1:
        base = program.roomiest(grid, factors, base)
        found.lower.raise_to(bound_hosting(factors, base), np.arange(len(grid.net.buses)))
    screen = _Screen(factors, base) if n_1 else None
    island = find_islands(grid.net).of_bus
    while found.solved < most_solves:
        open_ = buses[~found.is_exact[buses]]
        if len(open_) == 0:
            return
        bus = int(open_[np.argmax((found.upper_mw - found.lower.mw)[open_])])
        answer, improved = _settle(program, screen, factors, found, bus)
        mw = found.lower.mw[bus]
        near = np.flatnonzero(improved & ~found.is_exact & (island == island[bus]))[:_FOLLOWERS]
        if screen is None and mw > _MET_MW and len(near):
            found.lower.raise_to(follow_pattern(factors, base, program.state(answer), bus, mw, near), near)


def _settle(
    program: _Program, screen: _Screen | None, factors: Factors, found: Hosting, bus: int
) -> tuple[Answer, Flags]:
    """Solve for one bus, let its duals bound the others, and return where they did so better than before."""
    answer = program.study(bus)
    for _ in range(_MOST_ROUNDS):
        pairs = None if screen is None else screen.violated(program.flows(answer))
        if pairs is None or len(pairs) == 0:
            break
        program.add(pairs, factors)
        answer = program.solve()
    else:
        raise SolverError(f"the screening of outages did not end in {_MOST_ROUNDS} rounds")
    mw = max(program.load(answer, bus), 0.0)
    found.solved += 1
    above = program.bound_others(answer, bus, mw)
    improved = above < found.upper_mw
    np.minimum(found.upper_mw, above, out=found.upper_mw)
    found.lower.mw[bus] = found.upper_mw[bus] = mw
    found.lower.branch[bus], found.lower.outage[bus] = program.limit(answer)
    return answer, improved


class _Program:
    """The linear program of the largest new load, and where its columns stand."""

    def __init__(self, grid: Grid, options: Options) -> None:
        model = build_hosting(grid)
        matrix = to_matrix(model.pyomo)
        self._session = Session(matrix, options)
        self._flow = columns_of(model, matrix, "opf.flow")
        self._load = columns_of(model, matrix, "opf.new_load")
        self._power = columns_of(model, matrix, "opf.dispatch")
        self._dc = columns_of(model, matrix, "opf.dc_flow")
        self._balance, self._sign = balance_rows(model, matrix, grid.net)
        self._most = float(np.sum(grid.net.generators.p_max_mw) - np.sum(grid.net.demand_mw)) + 1.0
        self._first_row = len(matrix.row_lower)
        self._pairs: list[tuple[int, int]] = []
        self._studied: int | None = None

    def study(self, bus: int) -> Answer:
        """Let new load stand at one bus, and solve."""
        now, zero = self._load[[bus]], np.zeros(1)
        if self._studied is not None:
            self._session.change_columns(self._load[[self._studied]], zero, zero, zero)
        self._session.change_columns(now, np.array([-1.0]), zero, np.array([max(self._most, 0.0)]))
        self._studied = bus
        return self.solve()

    def solve(self) -> Answer:
        """Solve, and refuse anything but an optimum."""
        answer = self._session.solve()
        if answer.status != "optimal" or answer.x is None:
            raise SolverError(f"the largest new load ended '{answer.detail}'")
        return answer

    def add(self, pairs: Pairs, factors: Factors) -> None:
        """Keep these pairs of branch and outage within the limits of the branch."""
        count = len(pairs)
        entries = np.column_stack([np.ones(count), pairs.share]).ravel()
        columns = np.column_stack([self._flow[pairs.branch], self._flow[pairs.outage]]).ravel()
        width = len(self._session.matrix.col_lower)
        rows = sp.csr_array((entries, columns, np.arange(0, 2 * count + 1, 2)), shape=(count, width))
        named = list(zip(pairs.branch.tolist(), pairs.outage.tolist(), strict=True))
        limits = factors.lines.low_mw[pairs.branch], factors.lines.high_mw[pairs.branch]
        self._session.add_rows(rows, *limits, [f"branch {line} after outage {out}" for line, out in named])
        self._pairs += named

    def flows(self, answer: Answer) -> Numbers:
        """Return the flows of a solution [MW]."""
        assert answer.x is not None
        return np.asarray(answer.x[self._flow])

    def state(self, answer: Answer) -> Base:
        """Return the dispatch of a solution."""
        assert answer.x is not None
        return Base(answer.x[self._power], answer.x[self._flow], answer.x[self._dc])

    def load(self, answer: Answer, bus: int) -> float:
        """Return the new load of a solution [MW]."""
        assert answer.x is not None
        return float(answer.x[self._load[bus]])

    def bound_others(self, answer: Answer, bus: int, mw: float) -> Numbers:
        """Return what the duals of this solution leave for every bus at most [MW] (bus,), infinite where nothing."""
        assert answer.row_dual is not None
        price = self._sign * answer.row_dual[self._balance]
        found = np.full(len(price), np.inf)
        if abs(price[bus] - 1.0) > _UNIT_PRICE:  # the load met its own bound, and says nothing of others
            return found
        known = price > _UNIT_PRICE
        found[known] = mw / price[known] * (1.0 + _ROUNDING) + _ROUNDING
        return found

    def roomiest(self, grid: Grid, factors: Factors, base: Base) -> Base:
        """Return a dispatch whose flows stay as far within their limits as halving the steps finds.

        New load can be served from any dispatch; from the cheapest, lines are often at their limit already.
        """
        low, high = factors.lines.low_mw, factors.lines.high_mw
        zero, share, step, best = np.zeros(len(low)), 0.5, 0.25, base
        for _ in range(_ROOM_STEPS):
            self._session.change_columns(self._flow, zero, share * np.minimum(low, 0.0), share * np.maximum(high, 0.0))
            answer = self._session.solve()
            if answer.x is not None and answer.status == "optimal" and _straddle(low, high):
                best = self.state(answer)
                share -= step
            else:
                share += step
            step /= 2
        self._session.change_columns(self._flow, zero, low, high)
        return best

    def limit(self, answer: Answer) -> tuple[int, int]:
        """Return the branch and outage whose limit has the largest dual, -1 where there is none."""
        assert answer.reduced_cost is not None and answer.row_dual is not None
        on_flow = np.abs(answer.reduced_cost[self._flow])
        on_pair = np.abs(answer.row_dual[self._first_row :])
        best = max(on_flow.max(initial=0.0), on_pair.max(initial=0.0))
        if best < TOLERANCE_MW:
            return -1, -1
        if on_pair.max(initial=0.0) == best:
            return self._pairs[int(on_pair.argmax())]
        return int(on_flow.argmax()), -1


def _straddle(low: Numbers, high: Numbers) -> bool:
    """Whether no flow is a flow within all limits: only then does shrinking them leave flows within them."""
    return bool((low <= 0).all() and (high >= 0).all())


@dataclass
class _Screen:
    """Look for pairs of branch and outage over their limit, those left out that are over it without new load."""

    factors: Factors
    base: Base

    def __post_init__(self) -> None:
        small = len(self.factors.net.branches) <= _CACHED_BRANCHES
        self._kept = list(self._blocks()) if small else None

    def _blocks(self) -> Iterator[tuple[Places, Numbers]]:
        for outages, share in self.factors.lodf_blocks():
            kept = ~np.isnan(share[0])
            yield outages[kept], np.ascontiguousarray(share[:, kept])

    def violated(self, flow_mw: Numbers) -> Pairs:
        """Return the worst violated pairs at these flows."""
        low, high = self.factors.lines.low_mw, self.factors.lines.high_mw
        least, most = (low - _VIOLATED_MW)[:, None], (high + _VIOLATED_MW)[:, None]
        found: list[tuple[float, int, int, float]] = []
        for outages, share in self._kept if self._kept is not None else self._blocks():
            after = share * flow_mw[outages]
            after += flow_mw[:, None]
            after[outages, np.arange(len(outages))] = np.nan  # the outaged branch carries nothing
            rows, columns = np.nonzero((after > most) | (after < least))
            before = self.base.flow_mw[rows] + share[rows, columns] * self.base.flow_mw[outages[columns]]
            sound = np.maximum(before - high[rows], low[rows] - before) <= TOLERANCE_MW
            rows, columns = rows[sound], columns[sound]
            over = np.maximum(after[rows, columns] - high[rows], low[rows] - after[rows, columns])
            found += zip(
                over.tolist(), rows.tolist(), outages[columns].tolist(), share[rows, columns].tolist(),
                strict=True,
            )  # fmt: skip
        worst = sorted(found, reverse=True)[:_PAIRS_AT_ONCE]
        return Pairs(
            np.array([w[1] for w in worst], dtype=np.int64), np.array([w[2] for w in worst], dtype=np.int64),
            np.array([w[3] for w in worst]),
        )  # fmt: skip
