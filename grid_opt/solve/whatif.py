"""Ask what a plan would cost with a region forced in or left out: the same program with other bounds of its sites."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from grid_opt.solve.answer import Answer, Options, relative_gap
from grid_opt.solve.highs import Session
from grid_opt.solve.search import search
from grid_opt.solve.standard_form import Array, Layout, Matrix
from grid_opt.solve.tighten import tightened

Side = Literal["in", "out"]
"""``in``: the region has a campus by the end. ``out``: it never has one."""

_OPEN, _HALF = 1e-6, 0.5
_ROUNDING = 1e-9
_NEAR_SHARE = 0.5
"""Share of the time that the search near the known plan may take."""


def site_columns(matrix: Matrix) -> dict[str, dict[str, int]]:
    """Return the columns of ``campus.site`` by region and quarter, quarters in the order of the plan."""
    found: dict[str, dict[str, int]] = {}
    for number, column in enumerate(matrix.columns):
        if not isinstance(column, str) and column.parent_component().local_name == "campus__site":
            region, quarter = column.index()
            found.setdefault(region, {})[quarter] = number
    return found


def asked(matrix: Matrix, region: str, side: Side) -> Matrix:
    """Return the program in which a region must have a campus by the end of the plan, or may have none.

    A campus reaches its smallest size by the end and opens with a hall, so that forcing its ``site`` in forces in the
    smallest unit of the case. A region whose site is closed already cannot be forced in: that program is infeasible.
    """
    columns = site_columns(matrix)[region]
    lower, upper = matrix.col_lower.copy(), matrix.col_upper.copy()
    if side == "in":
        lower[list(columns.values())[-1]] = 1.0
    else:
        upper[list(columns.values())] = 0.0
    return replace(matrix, col_lower=lower, col_upper=upper)


def without(matrix: Matrix, regions: Collection[str]) -> Matrix:
    """Return the program in which none of some regions ever has a campus."""
    upper = matrix.col_upper.copy()
    for region, columns in site_columns(matrix).items():
        if region in regions:
            upper[list(columns.values())] = 0.0
    return replace(matrix, col_upper=upper)


def opened(matrix: Matrix, x: Array) -> set[str]:
    """Return the regions whose campus is open, be it by a sliver, in a point of the program."""
    return {region for region, columns in site_columns(matrix).items() if x[list(columns.values())].sum() > _OPEN}


@dataclass(frozen=True)
class Standing:
    """What a plan has by region and quarter: whether its campus is open, and its halls."""

    site: Mapping[tuple[str, str], float]
    halls: Mapping[tuple[str, str], float]

    @property
    def regions(self) -> frozenset[str]:
        """Regions with a campus in any quarter."""
        return frozenset(region for (region, _), open_ in self.site.items() if open_ > _HALF)


def around(matrix: Matrix, plan: Standing, free: Collection[str], steps: float) -> Matrix:
    """Return the program near a plan: its campuses open as they do, with up to so many halls more or less in a quarter.

    Regions of ``free`` are decided anew; of the others, those without a campus in the plan stay without.
    """
    lower, upper = matrix.col_lower.copy(), matrix.col_upper.copy()
    for number, column in enumerate(matrix.columns):
        if isinstance(column, str):  # the cost of hours that are left out
            continue
        name, key = column.parent_component().local_name, column.index()
        if name not in ("campus__site", "campus__halls") or key[0] in free:
            continue
        value, slack = (plan.site[key], 0.0) if name == "campus__site" else (plan.halls[key], steps)
        slack = slack if key[0] in plan.regions else 0.0
        lower[number] = max(lower[number], min(value - slack, upper[number]))
        upper[number] = max(lower[number], min(upper[number], value + slack))
    return replace(matrix, col_lower=lower, col_upper=upper)


class Relaxation(Protocol):
    """The linear relaxation of a program: with nothing forced, and with a region forced in or left out.

    ``objective`` of an answer bounds the cost of every plan that does as was asked; of ``base``, of every plan.
    """

    base: Answer

    def ask(self, region: str, side: Side) -> Answer:
        """Return the answer to one question."""
        ...


class WholeRelaxation:
    """The relaxation kept in the solver, so that every question starts from the last basis."""

    def __init__(self, matrix: Matrix, options: Options) -> None:
        self._sites = site_columns(matrix)
        self._matrix = matrix
        self._session = Session(replace(matrix, integer=np.zeros_like(matrix.integer)), options)
        self.base = self._session.solve()

    def ask(self, region: str, side: Side) -> Answer:
        """Return the answer to one question; the next one starts from the program as it was."""
        columns = np.array(list(self._sites[region].values()))
        cost, lower, upper = self._matrix.cost, self._matrix.col_lower, self._matrix.col_upper
        forced = asked(self._matrix, region, side)
        if (forced.col_lower > forced.col_upper).any():
            return Answer("infeasible", "the site is closed in every quarter")
        self._session.change_columns(columns, cost[columns], forced.col_lower[columns], forced.col_upper[columns])
        answer = self._session.solve()
        self._session.change_columns(columns, cost[columns], lower[columns], upper[columns])
        return answer


def solve_near(
    matrix: Matrix, counts: npt.NDArray[np.bool_], layout: Layout | None, near: Callable[[Options], Answer],
    bound: float, options: Options, enough: float = -np.inf,
) -> Answer:  # fmt: skip
    """Search for the best plan: by ``near``, in a part of the program, then, where that is not enough, in all of it.

    ``bound`` is a proven bound of the whole program, as of its relaxation; the answer's bound is never weaker. What is
    near a known plan is a good first guess for a question that differs from it in one region. A plan there that costs
    no more than ``enough`` ends the search.

    Raises:
        SolverError: HiGHS failed, or an answer of its does not satisfy the program.
    """
    few = replace(options, time_limit_s=_NEAR_SHARE * options.time_limit_s)
    best = _bounded(near(few), bound, options, proves=False)
    spent = best.seconds
    if best.interrupted or (best.x is not None and (best.status == "optimal" or best.objective <= enough)):
        return best
    left = replace(options, time_limit_s=max(1.0, options.time_limit_s - spent))
    last = search(tightened(matrix), counts, layout, left, known=best.x)
    if last.status in ("infeasible", "unbounded"):
        return last
    last = _bounded(last, bound, options, proves=True)
    better = last if last.objective <= best.objective else replace(best, bound=min(last.bound, best.objective))
    return replace(_judged(better, options), seconds=spent + last.seconds, interrupted=last.interrupted)


def _bounded(answer: Answer, bound: float, options: Options, *, proves: bool) -> Answer:
    """Return an answer with a bound of the whole program; that of a part of it ``proves`` nothing."""
    if answer.x is None:
        own = answer.bound if proves and np.isfinite(answer.bound) else -np.inf
        return replace(answer, status="no_plan", bound=max(bound, own))
    own = max(bound, answer.bound) if proves else bound
    return _judged(replace(answer, bound=min(own, answer.objective)), options)


def _judged(answer: Answer, options: Options) -> Answer:
    if answer.x is None:
        return answer
    reached = relative_gap(answer.objective, answer.bound) <= options.gap + _ROUNDING
    return replace(answer, status="optimal" if reached else "feasible")
