r"""Ask what forcing a region in costs where the program is large: region by region, the hours behind cuts.

With the prices :math:`y` of what regions share, forcing region :math:`r` in costs at least
:math:`v_r^{open}(y) - v_r(y)` more than the bound at these prices (:mod:`grid_opt.solve.regions`), and one small
program tells. The same holds where that region's own program is another one, with more headroom or cheaper power:
:math:`v_r^{open}` is then that of the other program, at the same prices. Leaving a region out changes the prices, so
that the relaxation is solved again without it. Cuts that stand for hours hold for every question, and are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from grid_opt.solve.answer import Answer, Options, Status
from grid_opt.solve.highs import solve
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.regions import UNPLACED, Regions
from grid_opt.solve.standard_form import Array, Flags, Layout, Matrix, Numbers, part
from grid_opt.solve.tighten import tightened
from grid_opt.solve.whatif import Side, site_columns

_EXACT = 0.1
"""Share of the asked gap that the relaxation is solved for."""
_NEAR_GAP = 0.25
"""Share of the asked gap that is left open between plans near a known one."""
_STEP_SHARE = 0.5
"""Share of the time left that one step of a search may take."""
_MORE = 3.0
"""How many more on either side are searched where no rounding of what is counted is a plan."""
_AGREE = 1e-6
"""Rounding of whole numbers."""


@dataclass(frozen=True)
class _Mine:
    """What is one region's alone in the base program, by the names of its columns and rows."""

    paid: dict[Any, float]  # by column: what it pays at the prices
    rows: set[Any]


class PartedRelaxation:
    """The relaxation of a large program, solved region by region."""

    def __init__(self, matrix: Matrix, layout: Layout, options: Options) -> None:
        self._options = options = replace(options, gap=_EXACT * options.gap)  # what is missed blurs every difference
        self._recourse = recourse = Recourse(matrix, layout.hourly, options)
        places = recourse.joined(layout.places, UNPLACED)
        sites = site_columns(matrix)
        self._sites = {name: np.searchsorted(recourse.kept, list(columns.values())) for name, columns in sites.items()}
        self._numbers = {name: int(places[columns[0]]) for name, columns in self._sites.items()}
        by_number = {self._numbers[name]: columns.tolist() for name, columns in self._sites.items()}
        self._regions = Regions(recourse.master, places, by_number, recourse)
        self._relaxed = self._regions.relaxation(options)
        self.base = self._told(self._relaxed.answer)

    def ask(self, region: str, side: Side) -> Answer:
        """Return the answer to one question; a solution of it is known only where the relaxation was solved again."""
        if side == "out":
            return self._without(region)
        if self.base.x is None:
            return self.base
        number, prices = self._numbers[region], self._relaxed.prices
        opened_ = self._regions.worth(number, prices, self._options, opened=True)
        if opened_.status != "optimal":
            return replace(opened_, x=None)
        more = max(0.0, opened_.bound - self._free(region))
        return Answer("optimal", "at the prices of the relaxation", self.base.objective + more, x=self.base.x)

    def ask_other(self, region: str, matrix: Matrix, layout: Layout) -> Answer:
        """Return what forcing a region in costs at least where its own program is that of another, smaller ``matrix``.

        ``matrix`` is the program of a few regions, this one among them; its columns and rows are known by their names.
        Prices of what regions share are those of the base. ``objective`` may be below that of the base.
        """
        if self.base.x is None:
            return self.base
        program, last = self._other(region, matrix, layout)
        lower = program.col_lower.copy()
        lower[last] = 1.0
        if lower[last] > program.col_upper[last]:
            return Answer("infeasible", "the site is closed in every quarter")
        scale = max(1.0, abs(self.base.objective))  # as an offset: the gap is then one of the whole
        forced = replace(program, col_lower=lower, integer=np.zeros_like(program.integer), offset=scale)
        answer = solve(forced, self._options.quietly(self._options.time_limit_s))
        if answer.status != "optimal":
            return replace(answer, x=None)
        more = answer.objective - scale - self._free(region)
        return Answer("optimal", "at the prices of the relaxation", self.base.objective + more, x=self.base.x)

    def near(self, counts: Flags, change: Callable[[Matrix], Matrix], options: Options) -> Answer:
        """Search a part of the program, with whole numbers of what ``counts`` counts next to the best fractions.

        ``change`` narrows the bounds of a program. Its answer is a plan of the whole, and no bound of it.

        Raises:
            SolverError: HiGHS failed, or an answer of its does not satisfy the program.
        """
        began, counted = time.monotonic(), self._recourse.joined(counts, False)
        end = began + options.time_limit_s
        program = change(self._recourse.master)
        close = replace(options, gap=_NEAR_GAP * options.gap)
        fractions = replace(program, integer=program.integer & ~counted)
        best = self._next_to_relaxation(fractions, close, end)
        if best.x is not None and counted.any():
            fixed = replace(program, integer=program.integer & counted)
            kept = program.integer & ~counted
            point = best.x
            for steps in (0.0, _MORE):  # rounding may break a limit
                best = self._solved(_within(fixed, steps, [point], kept), close, end)
                if best.x is not None or best.interrupted:
                    break
        x = None if best.x is None else self._recourse.complete(best.x)
        status: Status = "no_plan" if x is None else "feasible"
        spent = time.monotonic() - began
        return replace(best, x=x, status=status, bound=-np.inf, seconds=spent, row_dual=None, reduced_cost=None)

    def _next_to_relaxation(self, program: Matrix, options: Options, end: float) -> Answer:
        """Search next to the relaxation of a program, then one whole number more on either side of what was found."""
        linear = self._solved(replace(program, integer=np.zeros_like(program.integer)), options, end, share=1.0)
        if linear.x is None:
            return linear
        best = self._solved(_within(program, 0.0, [linear.x]), options, end)
        if best.interrupted:
            return best
        points = [linear.x] if best.x is None else [linear.x, best.x]
        again = self._solved(_within(program, 1.0, points), options, end, best.x)
        return again if again.objective <= best.objective else replace(best, interrupted=again.interrupted)

    def _solved(
        self, program: Matrix, options: Options, end: float, start: Array | None = None, share: float = _STEP_SHARE
    ) -> Answer:
        left = replace(options, time_limit_s=max(1.0, share * (end - time.monotonic())))
        return self._recourse.solve(program, left, start)

    def _without(self, region: str) -> Answer:
        """Solve the relaxation without a region; its cuts stay for the next question."""
        regions, upper = self._regions, self._regions.matrix.col_upper
        closed = upper.copy()
        closed[self._sites[region]] = 0.0
        regions.matrix = replace(regions.matrix, col_upper=closed)
        try:
            return self._told(regions.relaxation(self._options).answer)
        finally:
            regions.matrix = replace(regions.matrix, col_upper=upper)

    def _free(self, region: str) -> float:
        """Return what a region costs at the prices, with its campus open or not."""
        return self._regions.worth(self._numbers[region], self._relaxed.prices, self._options).objective

    def _told(self, answer: Answer) -> Answer:
        """Return what a relaxation proves, of the whole program; without a bound it was stopped."""
        status = answer.status if answer.status != "optimal" or np.isfinite(answer.bound) else "no_plan"
        x = None if answer.x is None else self._recourse.complete(answer.x)
        return replace(answer, objective=answer.bound, status=status, x=x, row_dual=None, reduced_cost=None)

    def _other(self, region: str, matrix: Matrix, layout: Layout) -> tuple[Matrix, int]:
        """Return the region's own part of another program, costs at the prices, and the column of its last site."""
        mine, shared = self._mine(region), self._shared
        sites = site_columns(matrix)
        numbers = {name: int(layout.places[next(iter(columns.values()))]) for name, columns in sites.items()}
        place = Regions(matrix, layout.places, {numbers[name]: list(sites[name].values()) for name in sites})
        here = numbers[region]
        names = [_name(column) for column in matrix.columns]
        columns = np.array(
            [n in mine.paid or (at == here and n not in shared.columns)
             for n, at in zip(names, place.of_column.tolist(), strict=True)]
        )  # fmt: skip
        row_names = [_name(row) for row in matrix.rows]
        rows = np.array(
            [n in mine.rows or (at == here and n not in shared.rows)
             for n, at in zip(row_names, place.of_row.tolist(), strict=True)]
        )  # fmt: skip
        price = np.array([shared.rows.get(n, 0.0) for n in row_names])
        named = sp.csr_array(matrix.rows_matrix).T @ price
        chosen = np.flatnonzero(columns)
        paid = np.array([mine.paid.get(names[j], named[j]) for j in chosen.tolist()])
        program = tightened(part(matrix, np.flatnonzero(rows), chosen))
        last = int(np.searchsorted(chosen, list(sites[region].values())[-1]))
        return replace(program, cost=program.cost - paid), last

    def _mine(self, region: str) -> _Mine:
        columns, rows = self._own(self._numbers[region])
        stay = self._of_kept[columns]
        names = [_name(self._recourse.whole.columns[j]) for j in columns.tolist()]
        paid = np.where(stay < 0, 0.0, self._paid[stay])
        return _Mine(
            dict(zip(names, paid.tolist(), strict=True)),
            {_name(self._recourse.whole.rows[i]) for i in rows.tolist()},
        )

    def _own(self, number: int) -> tuple[Numbers, Numbers]:
        """Return the columns and rows of the whole that are one region's alone, its hours among them."""
        regions = self._regions
        return self._recourse.behind(
            np.flatnonzero(regions.of_column == number), np.flatnonzero(regions.of_row == number)
        )

    @cached_property
    def _of_kept(self) -> Numbers:
        """For every column of the whole its number in the program with cuts; -1 for hours left out."""
        found = np.full(self._recourse.whole.shape[1], -1, dtype=np.int64)
        found[self._recourse.kept] = np.arange(len(self._recourse.kept))
        return found

    @cached_property
    def _paid(self) -> Array:
        """What every column of the program with cuts pays at the prices of the rows that are shared."""
        regions, prices = self._regions, self._relaxed.prices
        whole = np.zeros(len(regions.of_row))
        whole[np.flatnonzero(regions.of_row == UNPLACED)[: len(prices)]] = prices
        paid: Array = regions.matrix.rows_matrix.T @ whole
        return paid

    @cached_property
    def _shared(self) -> _Shared:
        """Columns that are no region's alone, and prices of the rows that several share, by name."""
        whole, regions = self._recourse.whole, self._regions
        alone = np.zeros(whole.shape[1], dtype=bool)
        for number in self._numbers.values():
            alone[self._own(number)[0]] = True
        rows = np.flatnonzero(regions.of_row == UNPLACED)[: len(self._relaxed.prices)]
        priced = zip(rows.tolist(), self._relaxed.prices.tolist(), strict=True)
        return _Shared(
            {_name(whole.columns[j]) for j in np.flatnonzero(~alone).tolist()},
            {
                _name(regions.matrix.rows[i]): price
                for i, price in priced
                if not isinstance(regions.matrix.rows[i], str)
            },
        )


@dataclass(frozen=True)
class _Shared:
    """What regions share in the base program, by name: columns, and rows with their prices."""

    columns: set[Any]
    rows: dict[Any, float]


def _within(program: Matrix, steps: float, points: list[Array], kept: Flags | None = None) -> Matrix:
    """Return a program with its whole numbers next to those of some points, or so many steps beyond.

    Those of ``kept`` are as they are in the first point.
    """
    low = np.min([np.floor(point + _AGREE) for point in points], axis=0) - steps
    high = np.max([np.ceil(point - _AGREE) for point in points], axis=0) + steps
    lower, upper = program.col_lower, program.col_upper
    upper = np.where(program.integer, np.maximum(lower, np.minimum(upper, high)), upper)
    lower = np.where(program.integer, np.minimum(np.maximum(lower, low), upper), lower)
    if kept is not None:
        lower, upper = (np.where(kept, np.round(points[0]), ends) for ends in (lower, upper))
    return replace(program, col_lower=lower, col_upper=upper)


def _name(one: Any) -> tuple[str, Any]:
    """Return what a column or row is called in every program of the case."""
    return one.parent_component().local_name, one.index()
