r"""Solve the relaxation region by region: a few regions together, all others against the prices of what they share.

Regions meet in few rows: targets, requests, deliveries of systems, the network. Let :math:`A_0 x \le b_0` be those,
with prices :math:`y`, and :math:`X_r` what the rows and columns of region :math:`r` alone allow. For any :math:`y`,

.. math:: L(y) = b_0^\top y + \sum_r v_r(y), \qquad v_r(y) = \min_{x_r \in X_r} (c_r - A_{0r}^\top y)^\top x_r

is a bound of the whole (Lagrangian relaxation; Geoffrion, Mathematical Programming Study 2, 1974), and a small program
for each region finds its part. At the prices of the program of some regions, a region outside that would save
something, :math:`v_r(y) < 0`, is let in; when none would, that program's answer is that of the whole relaxation (column
generation in the sense of Dantzig and Wolfe, Operations Research 8, 1960, with whole regions as columns).

With whole numbers in :math:`X_r` the same sum is a better bound than the relaxation. And with its campus held open,
:math:`v_r(y)` says what opening a region costs at least: a region for which that is more than a plan is worth improving
need not be searched. Each is proven for every plan there is, not only for those of the few regions.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.highs import Session, solve
from grid_opt.solve.lanes import side_by_side
from grid_opt.solve.lone_region import bounded
from grid_opt.solve.recourse import ROUNDS, Cut, Recourse
from grid_opt.solve.standard_form import Array, Matrix, Numbers, part

FIRST = 14
"""Regions with which the relaxation begins: those with the most room for halls."""
_JOIN = 8
"""Most regions that are let in at a time: the first prices are high, and would let in many."""
OPEN = 1e-6
"""A region whose campus is open by less than this over all quarters is one where the relaxation builds nothing."""
_SETTLED, _SHARE = 1e-6, 0.01
"""Share of the objective that regions outside may still save, or so much of the asked gap; the bound allows for it."""
_WHOLE_S = 3.0
"""Longest search for the whole numbers of one region; what it has proven by then counts."""
_PART_S = 3.0
"""Longest time of the simplex method for the relaxation of one region, many times the usual; it was seen to lose its
way for minutes, where interior points do not."""
_INTERIOR_S = 60.0
"""Longest time of interior points for it. What is not known by then is a bound that is not raised."""
_MANY = 40_000
"""Columns from which a region's hours are many: where the region is not solved with them in time, they are left behind
cuts. Two in three regions have nothing to gain, and then that is a matter of a fifth of a second."""
_CUTS_S = 30.0
"""Longest time for all rounds of cuts of one region."""
_TOLD = 1e-6
"""Cost of its hours that cuts may have missed in the relaxation, as a share of the objective of the whole."""
_WHOLE_GAP = 1e-5
"""Gap asked of it, as a share of the objective of the whole."""
UNPLACED, EVERYWHERE = -1, -2
"""Places of columns that are declared over no region: to be found out, or of all regions by their nature."""


@dataclass(frozen=True)
class Relaxed:
    """The relaxation's answer: a solution, a bound of the program, and the prices of the rows between regions."""

    answer: Answer
    prices: Array


class Regions:
    """A program as its regions see it: what is one region's alone, and what several share.

    ``places`` says for every column the number of the region that it is declared over, ``UNPLACED`` or ``EVERYWHERE``
    (:func:`~grid_opt.solve.extract.layout`). Unplaced columns (contracts, bills, plant) that share rows with one region
    only are counted to it. ``sites`` gives the columns of every region that open its campus, the last one at the end.

    With ``recourse``, the program is one with cuts in the place of hours, and grows with them; a region by itself is
    solved with its hours, or, where they are too many, with cuts of its own (:mod:`~grid_opt.solve.lone_region`).
    """

    def __init__(
        self, matrix: Matrix, places: Numbers, sites: dict[int, list[int]], recourse: Recourse | None = None
    ) -> None:
        self.matrix, self.sites, self.recourse, self._scale = matrix, sites, recourse, 1.0
        self.of_column = _placed(matrix.rows_matrix, places)
        if recourse is not None:
            recourse.place(self.of_column)
        self.of_row = _of_rows(matrix.rows_matrix, self.of_column)
        self._columns = {r: np.flatnonzero(self.of_column == r) for r in sites}
        self._rows = {r: np.flatnonzero(self.of_row == r) for r in sites}
        self._parts = {r: self._alone(r) for r in sites}
        self._behind: set[int] = set()  # regions whose hours are behind cuts when they are by themselves, too
        self._cuts: dict[int, list[Cut]] = {r: [] for r in sites}
        self._linear: dict[int, tuple[Array, Answer]] = {}  # worth in the relaxation at the last prices

    def solve(self, program: Matrix, options: Options, start: Array | None = None) -> Answer:
        """Solve a program that differs from the whole in bounds and whole numbers only; its hours are settled.

        Raises:
            SolverError: HiGHS failed, or an answer of its does not satisfy the program.
        """
        if self.recourse is None:
            return solve(program, options, start)
        answer = self.recourse.solve(program, options, start)
        self._grow()
        return answer

    def relaxation(self, options: Options, first: int = FIRST) -> Relaxed:
        """Solve the linear relaxation.

        Raises:
            SolverError: HiGHS failed.
        """
        order, began = self._by_room(), time.monotonic()
        must, before, enough = self._must(), np.inf, max(_SETTLED, _SHARE * options.gap)
        inside = set(order[:first]) | must | self._known()
        while True:
            left = max(1.0, options.time_limit_s - (time.monotonic() - began))
            answer, prices = self._among(inside, replace(options, time_limit_s=left))
            outside = [r for r in order if r not in inside]
            if answer.status == "infeasible" and outside:
                inside |= set(outside[:first])
                continue
            if prices is None or answer.x is None:
                return Relaxed(replace(answer, bound=float("-inf")), np.zeros(0))
            self._scale = max(1.0, abs(answer.objective))
            saved = self._saved(outside, prices, options)
            missing = -sum(saved.values())
            stopped = answer.interrupted or time.monotonic() - began >= options.time_limit_s
            if stopped or missing <= enough * abs(answer.objective):
                return Relaxed(replace(answer, bound=answer.objective - missing), prices)
            if answer.objective < before - enough * abs(answer.objective):  # else it might go round in circles
                inside = must | {r for r in inside if answer.x[self.sites[r]].sum() > OPEN}
            before = answer.objective
            inside |= set(sorted(outside, key=lambda r: saved[r])[:_JOIN])

    def _saved(self, outside: list[int], prices: Array, options: Options) -> dict[int, float]:
        """Return what each of some regions would save at most, as a number below zero."""
        found = side_by_side(lambda r, alone: self.worth(r, prices, alone).bound, outside, options)
        return {r: min(0.0, bound) for r, bound in zip(outside, found, strict=True)}

    def worth(
        self, region: int, prices: Array, options: Options, *, whole: bool = False, opened: bool = False
    ) -> Answer:
        """Return the least that a region costs at prices of what is shared; ``bound`` is what is proven of it.

        With ``whole``, its whole numbers are whole, for a limited time; with ``opened``, its campus stands at the end.
        Of a region whose hours are behind cuts, the solution says nothing of them. What is asked again of the
        relaxation is what was said before: it was counted. Several regions may be asked for in several threads.
        """
        before = None if whole or opened else self._linear.get(region)
        if before is not None and before[0] is prices:
            return before[1]
        found = self._worth(region, prices, options, whole=whole, opened=opened)
        if not whole and not opened:
            self._linear[region] = prices, found
        return found

    def _worth(self, region: int, prices: Array, options: Options, *, whole: bool, opened: bool) -> Answer:
        many, scale = self.recourse is not None and self._parts[region].shape[1] > _MANY, self._scale
        quiet = replace(options.quietly(_WHOLE_S if whole else _PART_S), gap=_WHOLE_GAP, stop=options.stop)
        answer = Answer("no_plan", "hours behind cuts")
        if region not in self._behind:
            program = self._priced(region, self._parts[region], prices, whole=whole, opened=opened)
            answer = solve(program, quiet)
        unknown = not np.isfinite(answer.bound) and answer.status in ("feasible", "no_plan") and not answer.interrupted
        if unknown and many:
            self._behind.add(region)
            few = part(self.matrix, np.flatnonzero(self.of_row == region), self._columns[region])
            program = self._priced(region, few, prices, whole=whole, opened=opened)
            enough, limited = (_WHOLE_GAP if whole else _TOLD) * scale, replace(quiet, time_limit_s=_CUTS_S)
            assert self.recourse is not None
            answer = bounded(self.recourse, program, self._columns[region], self._cuts[region], limited, enough)
        elif unknown and not whole:
            answer = solve(program, replace(quiet, interior=True, time_limit_s=_INTERIOR_S))
        if answer.status == "infeasible":
            return replace(answer, objective=np.inf, bound=np.inf)
        return replace(answer, objective=answer.objective - scale, bound=answer.bound - scale)

    def _priced(self, region: int, mine: Matrix, prices: Array, *, whole: bool, opened: bool) -> Matrix:
        """Return the program of a region, with its hours or with cuts, at prices of what is shared."""
        stay, lower, cost = self._staying(region), mine.col_lower.copy(), mine.cost.copy()
        if opened:
            lower[np.searchsorted(self._columns[region], self.sites[region][-1])] = 1.0
        cost[: len(stay)] -= self._paid(prices)[stay]
        integer = mine.integer if whole else np.zeros_like(mine.integer)
        # The scale is an offset, so that the gap is one of the whole.
        return replace(mine, cost=cost, col_lower=lower, integer=integer, offset=self._scale)

    def learn(self, points: Mapping[int, Array]) -> None:
        """Add the cuts of the hours at what some regions do by themselves: answers of :meth:`worth`."""
        if self.recourse is None:
            return
        x = np.zeros(self.recourse.whole.shape[1])
        for region, point in points.items():
            self.recourse.take(self._cuts[region])
            self._cuts[region].clear()
            stay = self._staying(region)
            x[self.recourse.kept[stay]] = point[: len(stay)]  # what they hang on; its hours may be behind cuts
        self.recourse.learn(x)
        self._grow()

    def _staying(self, region: int) -> Numbers:
        """Return the columns of a region, in the program and in its part alike: costs of hours are at their end."""
        columns = self._columns[region]
        return columns if self.recourse is None else columns[columns < len(self.recourse.kept)]

    def _alone(self, region: int) -> Matrix:
        """Return the program of a region by itself, with its hours."""
        columns, rows = self._columns[region], self._rows[region]
        if self.recourse is None:
            return part(self.matrix, rows, columns)
        with_hours = part(self.recourse.whole, *reversed(self.recourse.behind(columns, rows)))
        stay, count = self._staying(region), len(self._staying(region))
        lower, upper, integer = with_hours.col_lower.copy(), with_hours.col_upper.copy(), with_hours.integer.copy()
        lower[:count], upper[:count] = self.matrix.col_lower[stay], self.matrix.col_upper[stay]
        integer[:count] = self.matrix.integer[stay]
        return replace(with_hours, col_lower=lower, col_upper=upper, integer=integer)

    def _paid(self, prices: Array) -> Array:
        """Return what every column pays at prices of the rows that are shared."""
        paid: Array = self.matrix.rows_matrix.T @ self.by_row(prices)
        return paid

    def by_row(self, prices: Array) -> Array:
        """Return the prices of all rows for those of the rows that are shared: of others, and of later cuts, none."""
        whole = np.zeros(len(self.of_row))
        whole[np.flatnonzero(self.of_row == UNPLACED)[: len(prices)]] = prices
        return whole

    def _grow(self) -> None:
        """Take in the cuts that were found since."""
        assert self.recourse is not None
        have = len(self.of_row)
        if self.recourse.size > have:
            self.matrix = self.recourse.with_cuts(self.matrix)
            added = _of_rows(sp.csr_array(self.matrix.rows_matrix[have:]), self.of_column)
            self.of_row = np.concatenate([self.of_row, added])

    def _by_room(self) -> list[int]:
        """Return all regions, those with the most room for halls first."""
        upper, integer = self.matrix.col_upper, self.matrix.integer
        room = {r: float(upper[c[integer[c]]].sum()) for r, c in self._columns.items()}
        return sorted(self.sites, key=lambda r: (-room[r], r))

    def _must(self) -> set[int]:
        """Return the regions in which nothing at all is not allowed."""
        matrix = self.matrix
        columns = (matrix.col_lower > 0) | (matrix.col_upper < 0)
        rows = (matrix.row_lower > 0) | (matrix.row_upper < 0)
        return {r for r in self.sites if columns[self._columns[r]].any() or rows[self._rows[r]].any()}

    def _known(self) -> set[int]:
        """Return the regions where another case built."""
        if self.recourse is None or self.recourse.memory is None:
            return set()
        names, _ = self.recourse.names(np.arange(self.matrix.shape[1]), np.zeros(0, dtype=np.int64))
        used = self.recourse.memory.used(names)
        return {r for r, columns in self.sites.items() if used[columns].any()}

    def _session(self, program: Matrix, options: Options, columns: Numbers, rows: Numbers) -> Session:
        """Return a session for the program of some columns and rows, with the last basis where there is one."""
        if self.recourse is None or self.recourse.memory is None:
            return Session(program, options)
        return Session(program, options, self.recourse.memory.basis(*self.recourse.names(columns, rows)))

    def _among(self, regions: Iterable[int], options: Options) -> tuple[Answer, Array | None]:
        """Solve the relaxation with nothing in all other regions; return its answer, and prices where it has any."""
        inside = np.zeros(len(self.sites) + 1, dtype=bool)  # the last is what is shared
        inside[[*regions, UNPLACED]] = True
        rows, columns = np.flatnonzero(inside[self.of_row]), np.flatnonzero(inside[self.of_column])
        program = part(self.matrix, rows, columns)
        program = replace(program, offset=self.matrix.offset, integer=np.zeros_like(program.integer))
        session = self._session(program, options, columns, rows)
        for _ in range(ROUNDS):
            answer, x = session.solve(), np.zeros(self.matrix.shape[1])
            if answer.x is None or answer.row_dual is None:
                return answer, None
            x[columns], duals = answer.x, answer.row_dual
            if self.recourse is None:
                break
            # There are cuts where these regions build, and many more are not needed when they are by themselves.
            self._behind |= {r for r in self._parts if inside[r] and self._parts[r].shape[1] > _MANY}
            have = self.recourse.size
            _, told = self.recourse.cut(x, _SHARE * options.gap)
            if told or self.recourse.size == have:
                break
            self._grow()
            session.add_rows(*self.recourse.cuts_from(have, columns))
            rows = np.concatenate([rows, np.arange(have, self.recourse.size)])
        if self.recourse is not None and self.recourse.memory is not None:
            self.recourse.memory.keep(*self.recourse.names(columns, rows), session.basis(), x)
        return replace(answer, x=x), duals[self.of_row[rows] == UNPLACED]


def _placed(entries: sp.csr_array, places: Numbers) -> Numbers:
    """Return the region of every column, ``UNPLACED`` for what several share or none has."""
    row = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr))
    column, place = entries.indices, places.copy()
    while True:
        low, high = _range(row, place[column], entries.shape[0])
        known = high[row] >= 0
        least, _ = _range(column[known], low[row[known]], entries.shape[1])
        _, most = _range(column[known], high[row[known]], entries.shape[1])
        found = (place == UNPLACED) & (most >= 0) & (least == most)
        if not found.any():
            return np.maximum(place, UNPLACED)
        place[found] = most[found]


def _of_rows(entries: sp.csr_array, place: Numbers) -> Numbers:
    """Return the region of every row, ``UNPLACED`` for those with columns of several or of none."""
    row, count = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr)), entries.shape[0]
    low, high = _range(row, place[entries.indices], count)
    shared = np.bincount(row, place[entries.indices] < 0, minlength=count) > 0
    return np.where(~shared & (low == high), high, UNPLACED)


def _range(group: Numbers, number: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """Return the least and the largest number from 0 on of every group; the largest is -1 where there is none."""
    least, most = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    known = number >= 0
    np.minimum.at(least, group[known], number[known])
    np.maximum.at(most, group[known], number[known])
    return least, most
