"""Search for the best plan: campuses first with systems as fractions, then whole systems in them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from grid_opt.solve.answer import Answer, Options, relative_gap
from grid_opt.solve.budget import dense_budget, search_priced
from grid_opt.solve.highs import solve
from grid_opt.solve.kernel import REPRICED, Ended, Enough, Proven, search_sites
from grid_opt.solve.learnt import Memory
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.regions import EVERYWHERE, UNPLACED
from grid_opt.solve.standard_form import Array, Flags, Layout, Matrix, Numbers, fix_integers, narrowed

_FIRST_SHARE = 0.8
"""Share of the asked gap that the first step may use; rounding thousands of systems takes less than the rest."""
_WHOLE_SHARE = 0.03
"""Share of the asked gap that the second step may use: what it leaves must be proven, which takes longer."""
_WHOLE_S = 60.0
"""Longest search for whole systems in given campuses."""
_MORE = 3.0
"""How many more on either side are searched where no rounding is a plan."""
_WHOLE_ROUNDING = 1e-6
_SPARE = 0.98
"""Share of the asked gap at which a search for whole systems ends: they may cost a little more than told."""
_ROUGH = 0.1
"""Share of the asked gap that such a search need not go below, where what it has is good enough."""
_ROUNDING = 1e-7
"""Gap that two roads to the same number may show."""


def search(
    matrix: Matrix,
    counts: Flags,
    layout: Layout | None,
    options: Options,
    stage: Callable[[str], None] = lambda text: None,
    known: Array | None = None,
    memory: Memory | None = None,
) -> Answer:
    """Solve a mixed-integer program in which the columns of ``counts`` are whole numbers of many alike things.

    1. Those columns may be fractions. The bound of this program is a bound of the whole one.
    2. What was decided on the others is fixed, and whole numbers beside the fractions are found: a plan of the whole.
    3. Where plan and bound are further apart than asked, the whole program is searched from that plan.

    The answer's objective is that of a plan with whole numbers, its bound the best proven by any step. Without such
    columns the first step is all.

    With a ``layout`` (:func:`~grid_opt.solve.extract.layout`), the hours are left out of the program and stood for by
    cuts (:mod:`~grid_opt.solve.recourse`), and the first step is solved region by region
    (:func:`~grid_opt.solve.kernel.search_sites`); without it, HiGHS gets it whole. ``known`` gives the whole numbers of
    a plan to begin with (:func:`~grid_opt.solve.start.decisions_of`); where they satisfy this program and are proven
    within the asked gap, there is no search at all. ``memory`` brings what another case learnt of its hours and its
    relaxation, and takes what this one did (:mod:`~grid_opt.solve.learnt`); without a layout there is none of it.

    Raises:
        SolverError: HiGHS failed, or an answer of its does not satisfy the program.
    """
    if layout is None or dense_budget(matrix) is not None:
        return _Search(options, stage).among(matrix, counts, known)
    began = time.monotonic()
    recourse = Recourse(matrix, layout.hourly, options, memory=memory)
    spent = time.monotonic() - began
    left = replace(options, time_limit_s=max(1.0, options.time_limit_s - spent))
    places = recourse.joined(layout.places, UNPLACED)
    start = None if known is None else recourse.joined(known, 0.0)
    free = recourse.joined(layout.hourly & (layout.places == EVERYWHERE), False)
    parted = _Search(left, stage, places, recourse, free)
    answer = parted.among(recourse.master, recourse.joined(counts, False), start)
    if memory is not None:
        recourse.leave(memory, *(() if answer.x is None else (answer.x,)))
    x = None if answer.x is None else recourse.complete(answer.x)
    return replace(answer, x=x, row_dual=None, reduced_cost=None, seconds=answer.seconds + spent)


@dataclass(frozen=True)
class _Search:
    """How to search: whole, or, with ``places``, region by region; with ``recourse``, a program with cuts."""

    options: Options
    stage: Callable[[str], None]
    places: Numbers | None = None
    recourse: Recourse | None = None
    free: Flags | None = None

    def among(self, matrix: Matrix, counts: Flags, known: Array | None) -> Answer:
        """Search in all steps."""
        options = self.options
        if not counts.any():
            return self._sites(matrix, options, known)
        fractions = replace(matrix, integer=matrix.integer & ~counts)
        asked = replace(options, gap=_FIRST_SHARE * options.gap)
        made = _Made(self, matrix, counts)
        row = dense_budget(matrix) if self.places is None else None
        if row is not None:
            first = search_priced(fractions, row, asked, self.stage)
        else:
            # With its systems as they are, the known plan is one of the whole, for which the whole gap is enough.
            kept = None if known is None or self.places is None else self._repriced(matrix, known)
            first = self._sites(fractions, asked, known, kept, made.enough)
            if kept is not None and first.x is kept.x:
                return first
        if first.x is None:
            return first
        second = made.of(first, lambda: first.bound)
        if second.x is None and known is not None:  # rounding may break a limit that the known plan keeps
            second = self._repriced(matrix, known) or second
        left = options.time_limit_s - first.seconds - second.seconds
        if second.x is not None:
            plan = _judged(second, first.bound, first, options)
            if plan.status == "optimal" or first.interrupted or left <= 0:
                return plan
            self.stage("whole systems cost more than the asked gap: searching on from them")
        third = self._solve(matrix, replace(options, time_limit_s=max(1.0, left)), second.x)
        seconds, bound = second.seconds + third.seconds, max(first.bound, third.bound)
        if third.x is None:
            return replace(third, seconds=first.seconds + seconds)
        return _judged(replace(third, seconds=seconds), bound, first, options)

    def _solve(self, matrix: Matrix, options: Options, start: Array | None = None) -> Answer:
        if self.recourse is None:
            return solve(matrix, options, start)
        return self.recourse.solve(matrix, options, start)

    def _sites(
        self, matrix: Matrix, options: Options, known: Array | None, kept: Answer | None = None,
        enough: Enough | None = None,
    ) -> Answer:  # fmt: skip
        """Search with the strategy of the case; ``kept`` is a whole plan that may be good enough.

        ``enough`` gives the bound that is asked for a plan with fractions.
        """

        def start() -> Answer | None:
            return None if known is None else self._repriced(matrix, known)

        if self.places is None:
            begin = start()
            return solve(matrix, options, None if begin is None else begin.x)
        return search_sites(
            matrix, self.places, options, self.stage, start=start,
            kept=None if kept is None else (kept, self.options.gap),
            recourse=self.recourse, free=self.free, enough=enough,
        )  # fmt: skip

    def _repriced(self, matrix: Matrix, known: Array) -> Answer | None:
        """Return the best plan with the whole numbers of a known one; ``None`` where it is none of this program."""
        fixed = fix_integers(matrix, known)
        if (fixed.col_lower < matrix.col_lower).any() or (fixed.col_upper > matrix.col_upper).any():
            self.stage("the known plan is none of this case: searching anew")
            return None
        answer = self._solve(fixed, self.options.quietly(self.options.time_limit_s))
        if answer.x is None:
            self.stage("the known plan is none of this case: searching anew")
            return None
        self.stage(f"the known plan comes to {answer.objective:,.6g} here")
        return answer

    def whole(self, matrix: Matrix, counts: Flags, x: Array, limit_s: float, until: Ended, *, effort: bool) -> Answer:
        """Find whole numbers beside the fractions of ``x``, all else that is whole kept as it is.

        Rounded down they usually satisfy the program, as fewer systems need less of everything; that is where the
        search for the best choice between each number's two neighbors starts. Where no such choice is a plan, as where
        one kind must stand beside another, some more on either side are searched; and where there is time for more
        ``effort``, some more of what is not zero: systems of several kinds fill a hall better if more than one of each
        is moved, and what little new kinds and places add is not worth the time that their thousands of columns take.
        """
        down, options, others = np.floor(x + _WHOLE_ROUNDING), self.options, matrix.integer & ~counts
        kept = narrowed(matrix, others, np.round(x), np.round(x))
        wanted = replace(options.quietly(limit_s), gap=_WHOLE_SHARE * options.gap, until=until)
        low, high = down - _MORE, down + 1.0 + _MORE
        if effort:
            return self._solve(narrowed(kept, counts, low, np.where(x > _WHOLE_ROUNDING, high, 0.0)), wanted)
        floor = narrowed(kept, counts, down, down)
        start = self._solve(replace(floor, integer=np.zeros_like(matrix.integer)), options.quietly(limit_s))
        found = self._solve(narrowed(kept, counts, down, down + 1.0), wanted, start.x)
        if found.x is None and start.x is not None:
            return replace(start, status="feasible", bound=-np.inf)
        return self._solve(narrowed(kept, counts, low, high), wanted) if found.x is None else found


class _Made:
    """The best plan with whole systems made of plans with fractions, each of which one is made of once.

    Where there is time, as a proof goes on meanwhile, it is made once more, with more effort.
    """

    def __init__(self, search: _Search, matrix: Matrix, counts: Flags) -> None:
        self._search, self._matrix, self._counts = search, matrix, counts
        self._end = time.monotonic() + search.options.time_limit_s
        self._last: tuple[Array | None, bool] = (None, False)  # what it was made of, and whether with more effort
        self._best = Answer("no_plan", "")

    def of(self, first: Answer, proven: Proven, *, effort: bool = False) -> Answer:
        """Return the best plan with whole systems; the time counts for the step that asks first."""
        assert first.x is not None
        last, tried = self._last
        if last is first.x and (tried or not effort):
            return replace(self._best, seconds=0.0)
        self._last = first.x, effort
        gap, stop = self._search.options.gap, self._search.options.stop

        def ended(incumbent: float, bound: float) -> bool:
            if not np.isfinite(incumbent):
                return False
            if stop is not None and stop.is_set():
                return True
            good = incumbent - _SPARE * gap * abs(incumbent) <= proven()
            return good and (effort or relative_gap(incumbent, bound) <= _ROUGH * gap)

        self._search.stage(f"whole systems next: objective {first.objective:,.6g} with fractions")
        made = Answer("no_plan", "no time")
        if effort:
            left = min(_WHOLE_S, max(1.0, self._end - time.monotonic()))
            made = self._search.whole(self._matrix, self._counts, first.x, left, ended, effort=True)
        if not effort or (made.x is None and self._best.x is None):  # whatever time is left: fractions are no plan
            made = self._search.whole(self._matrix, self._counts, first.x, _WHOLE_S, ended, effort=False)
        if made.x is not None:
            self._search.stage(f"{made.objective:,.6g} with whole systems")
        if self._best.x is None or (made.x is not None and made.objective < self._best.objective):
            self._best = made
        return replace(self._best, seconds=made.seconds)

    def enough(self, first: Answer, proven: Proven, effort: bool) -> float:
        """Return the bound at which the plan made of one with fractions is good enough: none where none is made."""
        second = self.of(first, proven, effort=effort)
        return -np.inf if second.x is None else second.objective - self._search.options.gap * abs(second.objective)


def _judged(answer: Answer, bound: float, first: Answer, options: Options) -> Answer:
    """Return a plan with a bound of the whole program, the effort of the first step, and the status that follows."""
    found = replace(
        answer,
        bound=min(bound, answer.objective),
        nodes=answer.nodes + first.nodes,
        seconds=answer.seconds + first.seconds,
        interrupted=answer.interrupted or first.interrupted,
    )
    reached = found.gap <= options.gap + _ROUNDING
    detail = "Optimal" if reached else (first.detail if first.status == "feasible" else answer.detail)
    if reached and first.detail == REPRICED:  # only systems were chosen anew, in its campuses
        detail = REPRICED
    return replace(found, status="optimal" if reached else "feasible", detail=detail)
