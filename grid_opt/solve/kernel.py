"""Search for campuses where the linear relaxation builds first, then everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from grid_opt.solve.highs import Answer, Options, Progress, relative_gap, solve
from grid_opt.solve.standard_form import Array, Matrix

_OPEN = 1e-6
"""A region whose campus is open by less than this over all quarters is one where the relaxation builds nothing."""
_START_GAP = 1e-2
"""Smallest gap asked of the search among the few regions: what comes after it does better, sooner."""
_START_SHARE = 0.5
"""Share of the time left that this search, and that between plan and relaxation, may take."""
_AGREE = 1e-6
"""Difference up to which plan and relaxation agree on a whole number."""


def search_sites(matrix: Matrix, options: Options, stage: Callable[[str], None] = lambda text: None) -> Answer:
    """Solve a mixed-integer program of siting, from a plan for the regions in which its relaxation builds.

    1. The linear relaxation says in which regions it would build; its objective is a bound.
    2. The program with all other regions closed is much smaller, and a plan of it, soon found, is one of the whole.
    3. Whole numbers on which that plan and the relaxation agree are kept, and the rest is searched again.
    4. Where the plan is still further from the bound than asked, the whole program is searched from it.

    The few regions are the kernel of kernel search (Angelelli, Mansini and Speranza, Computers & Operations Research
    37, 2010), with one bucket: all regions. The third step is relaxation induced neighborhood search (Danna, Rothberg
    and Le Pape, Mathematical Programming 102, 2005). Without columns ``campus.site``, or where the relaxation builds
    everywhere, there is nothing to close and the whole program is searched at once.

    Raises:
        SolverError: HiGHS failed, or an answer of its does not satisfy the program.
    """
    linear = solve(replace(matrix, integer=np.zeros_like(matrix.integer)), replace(options, progress=None))
    if linear.x is None or linear.row_dual is None:  # without duals it was stopped, and is no bound
        no_plan = linear.status if linear.status in ("infeasible", "unbounded") else "no_plan"
        return replace(linear, status=no_plan, x=None, objective=float("inf"), bound=float("-inf"))
    sites = _sites(matrix)
    closed = [columns for columns in sites.values() if linear.x[columns].sum() <= _OPEN]
    start: Answer | None = None
    spent = linear.seconds
    if closed:
        stage(f"bound {linear.objective:,.6g}: searching the {len(sites) - len(closed)} regions where it builds")
        few = _closing(matrix, np.concatenate(closed))
        start = _first(few, max(options.gap, _START_GAP), linear.objective, spent, options)
        spent += start.seconds
        if start.x is not None and not _enough(start, options):
            stage("searching between that plan and the relaxation")
            between = _fixing(few, start.x, np.abs(linear.x - start.x) <= _AGREE)
            better = _first(between, 0.5 * options.gap, linear.objective, spent, options, start.x)
            spent += better.seconds
            start = better if better.objective < start.objective else replace(start, interrupted=better.interrupted)
        if start.x is not None and _enough(start, options):
            return replace(start, seconds=spent)
        stage(f"searching all {len(sites)} regions")
    progress = _later(options, spent, linear.objective, max)
    left = replace(options, time_limit_s=max(1.0, options.time_limit_s - spent), progress=progress)
    whole = solve(matrix, left, None if start is None else start.x)
    settled = whole if whole.status == "optimal" else _judged(whole, max(whole.bound, linear.objective), options)
    return replace(settled, seconds=spent + whole.seconds)


def _enough(answer: Answer, options: Options) -> bool:
    return answer.interrupted or answer.gap <= options.gap


def _closing(matrix: Matrix, sites: npt.NDArray[np.int64]) -> Matrix:
    """Return the program without some sites."""
    few = matrix.col_upper.copy()
    few[sites] = 0.0
    return replace(matrix, col_upper=few)


def _fixing(matrix: Matrix, x: Array, agreed: npt.NDArray[np.bool_]) -> Matrix:
    """Return the program with the whole numbers of ``x`` that are agreed on."""
    fixed, value = matrix.integer & agreed, np.round(x)
    return replace(
        matrix,
        col_lower=np.where(fixed, value, matrix.col_lower),
        col_upper=np.where(fixed, value, matrix.col_upper),
    )


def _first(
    part: Matrix, gap: float, bound: float, spent: float, options: Options, start: Array | None = None
) -> Answer:
    """Return a plan of a part of the program, with the bound of the whole."""
    chosen = replace(
        options,
        gap=gap,
        time_limit_s=max(1.0, _START_SHARE * (options.time_limit_s - spent)),
        progress=_later(options, spent, bound, lambda known, _own: known),
    )
    return _judged(solve(part, chosen, start), bound, options)


def _judged(answer: Answer, bound: float, options: Options) -> Answer:
    """Return the answer with a bound of the whole program, and the status that follows."""
    if answer.x is None:
        return replace(answer, bound=bound)
    reached = relative_gap(answer.objective, bound) <= options.gap
    return replace(answer, bound=min(bound, answer.objective), status="optimal" if reached else "feasible")


def _later(
    options: Options, seconds: float, known: float, bound: Callable[[float, float], float]
) -> Callable[[Progress], None] | None:
    """Return a listener to a step that began ``seconds`` after the first, with a bound of the known one and its own."""
    listener = options.progress
    if listener is None:
        return None

    def tell(news: Progress) -> None:
        listener(replace(news, seconds=news.seconds + seconds, bound=bound(known, news.bound)))

    return tell


def _sites(matrix: Matrix) -> dict[str, list[int]]:
    """Return the columns of ``campus.site`` by region."""
    found: dict[str, list[int]] = {}
    for number, column in enumerate(matrix.columns):
        if column.parent_component().local_name == "campus__site":
            found.setdefault(column.index()[0], []).append(number)
    return found
