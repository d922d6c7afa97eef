"""Solve separate programs of hours at given capacities and loads: at least cost, or with the least that they lack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
import scipy.sparse as sp

from grid_opt.errors import SolverError
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.duality import Separate
from grid_opt.solve.highs import Session, solve
from grid_opt.solve.standard_form import Array, Flags, Matrix, Numbers, slackened

LACK = 1e-6
"""Power that hours may lack, as a share of what they move."""
_PRECISE = 1e3
"""Factor by which costs are larger while hours are solved: HiGHS's tolerance of prices is absolute."""
LARGE = 4000
"""Columns from which a set is a program of its own, kept in HiGHS: solved again from its last basis, at capacities and
loads near those before, it takes a tenth of the time. Of smaller sets, many are one program, which is solved anew."""
_TOGETHER = 400_000
"""Columns of the sets that are solved in one program: all the hours of a year at once need gigabytes more."""
_HELD = 2_500_000
"""Columns of the sets that are kept in HiGHS, some 1.5 kB each; those that were not asked for longest make room."""


@dataclass(frozen=True)
class Hours:
    """What the hours of some sets come to at a point, and what follows from the prices of their rows."""

    sets: Numbers
    columns: Numbers  # of these sets, among those left out
    x: Array  # over those
    price: Array  # of the rows of these sets
    cost: Array  # by set; infinite where there are none
    lack: Array  # by set: the least sum by which rows are broken, as a share of what they move
    cuts: sp.csr_array  # by set, over the columns that stay
    least: Array  # by set: the right side of its cut
    at: Array  # for every link of every set, what its column comes to
    of: int  # how many sets there are in all

    def rows(self, wanted: Flags) -> tuple[Numbers, sp.csr_array, Array]:
        """Return the cuts of some of these sets as rows over the columns that stay and the costs of all sets.

        Those that prove nothing are none. The first number of each is that of its set, the last its right side.
        """
        chosen = np.flatnonzero(wanted & np.isfinite(self.least))
        sets, costs = self.sets[chosen], np.where(self.lack[chosen] <= LACK, 1.0, 0.0)
        beside = sp.csr_array((costs, (np.arange(len(chosen)), sets)), shape=(len(chosen), self.of))
        entries = sp.csr_array(sp.hstack([self.cuts[chosen], beside], format="csr"))
        entries.eliminate_zeros()
        return sets, entries, self.least[chosen]


class HourPrograms:
    """Sets of hours as separate programs, what their columns cost, and how to solve them.

    The rows and the columns of ``separate`` are in the order of their sets. Different sets may be solved in several
    threads.
    """

    def __init__(self, separate: Separate, own: Array, options: Options) -> None:
        self._all, self._own, self._options = separate, own, options
        numbers = np.arange(separate.count + 1)
        self._row_ends = np.searchsorted(separate.of_row, numbers)
        self._column_ends = np.searchsorted(separate.of_column, numbers)
        self._held: dict[int, Session] = {}
        self._lock = Lock()

    def rows(self, sets: Numbers) -> Numbers:
        """Return the rows of some sets, by their numbers among those left out."""
        return _ranges(self._row_ends, sets)

    def columns(self, sets: Numbers) -> Numbers:
        """Return the columns of some sets, by their numbers among those left out."""
        return _ranges(self._column_ends, sets)

    def prices(self, hours: Hours, sets: Numbers) -> sp.csr_array:
        """Return the prices of all rows that the cuts of some sets were made of, one row for each."""
        ends, rows = _joined(self._row_ends, hours.sets), self.rows(sets)
        own = hours.price[_ranges(ends, np.searchsorted(hours.sets, sets))]
        return sp.csr_array((own, rows, _joined(self._row_ends, sets)), shape=(len(sets), len(self._all.rows)))

    def resting(self) -> Flags:
        """Return the sets whose hours may all do nothing where they hang on nothing."""
        return ~self._any(lambda low, high: np.less(0.0, low) | np.less(high, 0.0))

    def scalable(self) -> Flags:
        """Return the sets whose hours may do twice as much where what they hang on is twice as much."""
        ends = (0.0, np.inf, -np.inf)
        return ~self._any(lambda low, high: ~np.isin(low, ends) | ~np.isin(high, ends))

    def _any(self, of: Callable[[Array, Array], Flags]) -> Flags:
        """Return the sets in which something holds of the bounds of any row or column."""
        some, matrix, found = self._all, self._all.whole, np.zeros(self._all.count, dtype=bool)
        found[some.of_row[of(matrix.row_lower[some.rows], matrix.row_upper[some.rows])]] = True
        found[some.of_column[of(matrix.col_lower[some.columns], matrix.col_upper[some.columns])]] = True
        return found

    def at(self, sets: Numbers, moved: Array, at: Array, *, again: bool = True) -> Hours:
        """Solve some sets, given what the columns that stay put into each of their rows: at least cost if at all.

        Large ones are kept in HiGHS to be solved ``again``.

        Raises:
            SolverError: HiGHS failed.
        """
        some, columns, count = self._of(sets), self.columns(sets), len(sets)
        x, lack, price = np.zeros(len(columns)), np.zeros(count), np.zeros(len(moved))
        if not self._cheapest(sets, np.arange(count), moved, x, price, again):
            self._least_lack(some, moved, x, lack, price)
            if not self._cheapest(sets, np.flatnonzero(lack <= LACK), moved, x, price, again):
                raise SolverError("hours that lack nothing were found to be infeasible")
        own = self._own[columns]
        cost = np.where(lack > LACK, np.inf, np.bincount(some.of_column, own * x, minlength=count))
        cuts, least = some.cuts(price, np.where((lack > LACK)[some.of_column], 0.0, own))
        return Hours(sets, columns, x, price, cost, lack, cuts, least, at, self._all.count)

    def _cheapest(
        self, sets: Numbers, chosen: Numbers, moved: Array, x: Array, price: Array, again: bool
    ) -> bool:  # fmt: skip
        """Solve some of the sets at least cost into ``x`` and ``price``; return whether they can be solved."""
        row_ends, column_ends = _joined(self._row_ends, sets), _joined(self._column_ends, sets)
        width = np.diff(column_ends)
        alone = again & (width[chosen] >= LARGE)
        for group in [*chosen[alone][:, None], *_in_turn(chosen[~alone], width)]:
            rows, columns = _ranges(row_ends, group), _ranges(column_ends, group)
            if again and width[group[0]] >= LARGE:
                answer = self._again(int(sets[group[0]]), moved[rows])
            else:
                answer = solve(self._program(sets[group], moved[rows]), self._options)
            if answer.status == "infeasible":
                return False
            if answer.status != "optimal" or answer.x is None or answer.row_dual is None:
                raise SolverError(f"the cost of hours was not found: HiGHS ended with {answer.detail!r}")
            x[columns], price[rows] = answer.x, answer.row_dual / _PRECISE
        return True

    def _again(self, one: int, moved: Array) -> Answer:
        """Solve a set from where it was solved before."""
        alone = np.array([one])
        with self._lock:
            session = self._held.pop(one, None)
        if session is None:
            session = Session(self._program(alone, moved), self._options)
        else:
            rows = self._all.rows[self.rows(alone)]
            lower, upper = self._all.whole.row_lower[rows] - moved, self._all.whole.row_upper[rows] - moved
            session.change_rows(np.arange(len(rows)), lower, upper)
        answer = session.solve()
        with self._lock:
            self._held[one] = session  # the last of all
            width = np.diff(self._column_ends)
            while sum(width[held] for held in self._held) > _HELD:
                del self._held[next(iter(self._held))]
        return answer

    def _least_lack(self, some: Separate, moved: Array, x: Array, lack: Array, price: Array) -> None:
        """Solve sets with rows broken by the least sum."""
        elastic = slackened(_program(some, np.zeros(len(x)), moved), np.arange(len(moved)), np.ones(len(moved)))
        answer = solve(elastic, self._options)
        if answer.status != "optimal" or answer.x is None or answer.row_dual is None:
            raise SolverError(f"what hours lack was not found: HiGHS ended with {answer.detail!r}")
        broken = answer.x[len(x) :].reshape(2, len(moved)).sum(axis=0)
        size = np.bincount(some.of_row, np.abs(moved), minlength=some.count)
        x[:], price[:] = answer.x[: len(x)], np.clip(answer.row_dual, -1.0, 1.0)
        lack[:] = np.bincount(some.of_row, broken, minlength=some.count) / (1.0 + size)

    def _program(self, sets: Numbers, moved: Array) -> Matrix:
        """Return the program of some sets at least cost."""
        return _program(self._of(sets), _PRECISE * self._own[self.columns(sets)], moved)

    def _of(self, sets: Numbers) -> Separate:
        """Return the separate programs of some sets alone."""
        rows, columns, whole = self.rows(sets), self.columns(sets), self._all
        heights, widths = (np.diff(ends)[sets] for ends in (self._row_ends, self._column_ends))
        inner, of_row = sp.csr_array(whole.inner[rows]), np.repeat(np.arange(len(sets)), heights)
        before = self._column_ends[sets] - np.cumsum(widths) + widths  # columns that are left out in front of each set
        index = inner.indices - np.repeat(before[of_row], np.diff(inner.indptr))
        return Separate(
            whole.whole, whole.rows[rows], whole.columns[columns],
            sp.csr_array((inner.data, index, inner.indptr), shape=(len(rows), len(columns))),
            sp.csr_array(whole.outer[rows]), of_row, np.repeat(np.arange(len(sets)), widths), len(sets),
        )  # fmt: skip


def _program(some: Separate, cost: Array, moved: Array) -> Matrix:
    """Return separate programs as one."""
    matrix = some.whole
    return Matrix(
        cost=cost,
        offset=0.0,
        rows_matrix=some.inner,
        row_lower=matrix.row_lower[some.rows] - moved,
        row_upper=matrix.row_upper[some.rows] - moved,
        col_lower=matrix.col_lower[some.columns],
        col_upper=matrix.col_upper[some.columns],
        integer=np.zeros(len(some.columns), dtype=bool),
        rows=["row of hours"] * len(some.rows),
        columns=["column of hours"] * len(some.columns),
    )


def _joined(ends: Numbers, sets: Numbers) -> Numbers:
    """Return where each of some sets ends where these alone are one after the other."""
    return np.concatenate([[0], np.cumsum(np.diff(ends)[sets])])


def _ranges(ends: Numbers, sets: Numbers) -> Numbers:
    """Return the numbers in some sets, those of each between its ends."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *(np.arange(ends[one], ends[one + 1]) for one in sets)])


def _in_turn(sets: Numbers, width: Numbers) -> list[Numbers]:
    """Return sets by turns, so many columns at a time."""
    turn = np.cumsum(width[sets]) // _TOGETHER
    return [sets[turn == one] for one in np.unique(turn)]
