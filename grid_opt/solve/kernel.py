"""Search for campuses where the linear relaxation builds first, then wherever a campus could still be worth it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from grid_opt.solve.highs import Answer, Options, Progress, Status, relative_gap, solve
from grid_opt.solve.proving import eased
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.regions import FIRST, OPEN, Regions, Relaxed
from grid_opt.solve.standard_form import Array, Flags, Matrix, Numbers

_FEW_SHARE = 0.5
"""Share of the time left that the search among the few regions may take."""
REPRICED = "Known plan at new prices"
"""What is said of a plan that was known before, and proven good enough without a search."""
_START_GAP = 1e-2
"""Smallest gap asked of the first search among them: what comes after it does better, sooner."""
_AGREE = 1e-6
"""Rounding of the whole numbers of a relaxation."""
_ROUNDING = 1e-7
"""Gap that two roads to the same number may show."""


def search_sites(
    matrix: Matrix,
    places: Numbers,
    options: Options,
    stage: Callable[[str], None] = lambda text: None,
    first: int = FIRST,
    start: Callable[[], Answer | None] = lambda: None,
    kept: tuple[Answer, float] | None = None,
    recourse: Recourse | None = None,
    free: Flags | None = None,
    enough: Callable[[Answer], float] | None = None,
) -> Answer:
    """Solve a mixed-integer program of siting, from a plan for the regions in which its relaxation builds.

    1. The linear relaxation, solved region by region, says where it would build; its objective is a bound.
    2. The program with all other regions closed is much smaller, and a plan of it is one of the whole. It is looked for
       among the whole numbers next to those of the relaxation first. Where it is further from what is proven of
       these regions than asked, the search takes in one whole number more on either side of plan and relaxation.
    3. What opening each of the other regions costs at least is proven region by region. Those for which it is more than
       the plan could be improved by, the asked gap aside, stay closed.
    4. The program with the others that are left is bounded (:mod:`~grid_opt.solve.proving`). That bound, and those of
       the regions that stay closed, are together a bound of the whole.
    5. Where that is not enough, there may be a better plan: it is looked for next to the point that the bound was
       proven at, then in all of that program.

    The few regions are the kernel of kernel search (Angelelli, Mansini and Speranza, Computers & Operations Research
    37, 2010); the best rounding of a relaxation is relaxation enforced neighborhood search (Berthold, Mathematical
    Programming Computation 6, 2014); closing the others is reduced-cost fixing of whole regions, with
    :mod:`~grid_opt.solve.regions` for their reduced costs. Where the relaxation builds everywhere there is nothing to
    close and the whole is searched at once.

    Args:
        matrix: the program; columns ``campus.site`` open the campuses.
        places: the region of every column (:func:`~grid_opt.solve.extract.layout`).
        options: asked gap, limit of time, listener.
        stage: hears what is done next.
        first: number of regions with which the relaxation begins.
        start: gives a plan that is known. It is returned, with proof, where it is within the asked gap already; else
            the regions where it builds are among the few.
        kept: a plan to be returned where it is proven within a gap of its own; else ``start`` is asked.
        recourse: what stands for the hours, where the program is its ``master``.
        free: columns that cost nothing and may be left out of what is bounded.
        enough: gives the bound at which a plan is good enough, where that is not a matter of its own objective, but of
            the plan that will be made of it.

    Raises:
        SolverError: HiGHS failed, or an answer of its does not satisfy the program.
    """
    began = time.monotonic()
    regions = Regions(matrix, places, _sites(matrix, places), recourse)
    relaxed = regions.relaxation(options, first)
    linear = relaxed.answer
    if linear.x is None or not np.isfinite(linear.bound):  # it was stopped, and is no bound
        no_plan = linear.status if linear.status in ("infeasible", "unbounded") else "no_plan"
        return replace(linear, status=no_plan, x=None, objective=float("inf"), bound=float("-inf"))
    search = _Search(regions, relaxed, options, stage, began, free, enough)
    if kept is not None and search.proves(*kept):
        return search.answer()
    begin = start()
    built = linear.x if begin is None or begin.x is None else np.maximum(linear.x, begin.x)
    closed = [r for r, columns in regions.sites.items() if built[columns].sum() <= OPEN]
    if begin is not None and begin.x is not None:
        search.best = replace(begin, status="feasible", detail=REPRICED)
        search.raise_floor(closed)
        if search.done:
            return search.answer()
    if closed:
        stage(f"bound {linear.bound:,.6g}: searching the {len(regions.sites) - len(closed)} regions where it builds")
        for steps in (0.0, 1.0):
            if search.best.x is None and not search.best.interrupted:
                search.near(closed, steps, linear.x)
        if search.best.x is None and not search.best.interrupted:
            stage("no plan next to the relaxation: searching all of these regions")
            search.among(closed, _FEW_SHARE, max(options.gap, _START_GAP))
        search.raise_floor(closed)
        search.improve(closed, linear.x)
        if not search.done:
            closed = search.hopeless(closed)
    if not search.done:
        search.finish(closed)
    return search.answer()


class _Search:
    """Hold the best plan while more regions are searched, and what is proven of all plans."""

    def __init__(
        self, regions: Regions, relaxed: Relaxed, options: Options, stage: Callable[[str], None], began: float,
        free: Flags | None = None, enough: Callable[[Answer], float] | None = None,
    ) -> None:  # fmt: skip
        self.regions, self.prices, self.options, self.stage = regions, relaxed.prices, options, stage
        self.began, self._free = began, np.zeros(regions.matrix.shape[1], dtype=bool) if free is None else free
        self._enough, self._wanted = enough, float("-inf")
        self._judged: Array | None = None  # the plan that is wanted so much of
        self.floor = relaxed.answer.bound  # of all plans
        self.linear: Array = np.zeros(0) if relaxed.answer.x is None else relaxed.answer.x
        self.closed: list[int] = []  # regions closed in the last search
        self.inside = float("-inf")  # of the plans that open none of them
        self.opening: dict[int, float] = {}  # of the plans that open a region
        self.best = replace(relaxed.answer, status="no_plan", objective=float("inf"), x=None)
        self.nodes = 0
        self.raised: set[int] = set()
        self._seen: dict[tuple[bool, bool], dict[int, Array]] = {}  # what regions do by themselves

    @property
    def seconds(self) -> float:
        """Time spent."""
        return time.monotonic() - self.began

    @property
    def bound(self) -> float:
        """What is proven of all plans: each opens none of the regions closed in the last search, or one of them."""
        return max(self.floor, min(self.inside, self._outside(self.closed)))

    @property
    def done(self) -> bool:
        """Whether the best plan is good enough, or the user wants no better."""
        near = relative_gap(self.best.objective, self.bound) <= self.options.gap + _ROUNDING
        if self.best.interrupted or self._enough is None or self.best.x is None:
            return self.best.interrupted or near
        return (near or self._judged is self.best.x) and self.bound >= self.enough

    @property
    def enough(self) -> float:
        """The bound at which the best plan is good enough."""
        best = self.best
        if self._enough is None or best.x is None:
            return best.objective - self.options.gap * abs(best.objective)
        if self._judged is not best.x:
            self._judged, self._wanted = best.x, self._enough(best)
        return self._wanted

    def among(self, closed: list[int], share: float, gap: float) -> None:
        """Search with some regions closed, in a share of the time left: what is found is a plan of the whole."""
        self._proven(self._solved(_closing(self.regions, closed), closed, share, gap), closed)

    def finish(self, closed: list[int]) -> None:
        """Bound all plans with some regions closed; look for better ones where that is not enough."""
        regions = f"{len(self.regions.sites) - len(closed)} of {len(self.regions.sites)} regions"
        while True:
            self.stage(f"bounding {regions}")
            point, before = self.prove(closed), self.best.objective
            if point is None or self.done:
                break
            self.near(closed, 0.0, point)
            if self.best.objective >= before:
                break
        if not self.done:
            self.stage(f"searching {regions}")
            self.among(closed, 1.0, self.options.gap)

    def prove(self, closed: list[int]) -> Array | None:
        """Bound the plans with some regions closed; return the point that is best but for what was left out, if any."""
        best, regions = self.best, self.regions
        if best.x is None:
            return None
        for points in self._seen.values():  # a plan may do likewise, and the cuts should tell what that costs
            regions.learn(points)
        self._seen.clear()
        closing = _closing(regions, closed)
        program = eased(closing, self._free, regions.by_row(self.prices), _halls(closing))
        wanted = max((best.objective - self.enough) / max(abs(best.objective), 1e-9), 0.0)
        listener = self._listener(closed, plans=False)
        options = replace(
            self.options, gap=wanted, time_limit_s=max(1.0, self.options.time_limit_s - self.seconds),
            progress=listener, proving=True,
        )  # fmt: skip
        found = solve(program.program, options, program.of(best.x))
        self.nodes += found.nodes
        self._proven(found, closed)
        self.best = replace(best, detail=found.detail, interrupted=found.interrupted)
        return None if found.x is None or found.objective >= best.objective else program.back(found.x)

    def near(self, closed: list[int], steps: float, *points: Array) -> None:
        """Search with whole numbers next to those of some points, or as many steps beyond."""
        program = _closing(self.regions, closed)
        low = np.min([np.floor(point + _AGREE) for point in points], axis=0) - steps
        high = np.max([np.ceil(point - _AGREE) for point in points], axis=0) + steps
        upper = np.where(program.integer, np.minimum(program.col_upper, high), program.col_upper)
        lower = np.where(program.integer, np.maximum(program.col_lower, low), program.col_lower)
        few = replace(program, col_lower=np.minimum(lower, upper), col_upper=upper)
        self._solved(few, closed, _FEW_SHARE, 0.5 * self.options.gap)

    def improve(self, closed: list[int], linear: Array) -> None:
        """Search around the best plan and the relaxation."""
        if self.best.x is not None and not self.done:
            self.stage(f"plan of {self.best.objective:,.6g}: searching around it")
            self.near(closed, 1.0, self.best.x, linear)

    def _proven(self, found: Answer, closed: list[int]) -> None:
        """Take note of what was proven of the plans with some regions closed."""
        proven = float("inf") if found.status == "infeasible" else found.bound
        self.inside = max(self.inside, proven) if closed == self.closed else proven
        self.closed = list(closed)

    def _solved(self, program: Matrix, closed: list[int], share: float, gap: float) -> Answer:
        """Solve a program whose plans are plans of the whole, from the best, and keep what is better."""
        left = share * (self.options.time_limit_s - self.seconds)
        listener = self._listener(closed)
        enough = self.floor + self.options.gap / (1 + self.options.gap) * abs(self.floor)  # proven good enough as it is
        chosen = replace(self.options, gap=gap, target=enough, time_limit_s=max(1.0, left), progress=listener)
        found = self.regions.solve(program, chosen, self.best.x)
        self.nodes += found.nodes
        known = replace(self.best, detail=found.detail, interrupted=found.interrupted)
        self.best = found if found.x is not None and found.objective <= self.best.objective else known
        return found

    def proves(self, plan: Answer, gap: float) -> bool:
        """Whether a plan is proven within a gap; the bound is raised no further than that takes."""
        assert plan.x is not None
        built = np.maximum(self.linear, plan.x)
        for r in [None, *(r for r, columns in self.regions.sites.items() if built[columns].sum() > OPEN)]:
            if r is not None:
                self.raise_floor([other for other in self.regions.sites if other != r])
            if relative_gap(plan.objective, self.floor) <= gap + _ROUNDING:
                self.best = replace(plan, status="feasible", detail=REPRICED)
                self.options = replace(self.options, gap=gap)
                return True
        return False

    def raise_floor(self, closed: list[int]) -> None:
        """Raise the bound of all plans by whole numbers in every region that is not closed, once for each."""
        for r in sorted(self.regions.sites.keys() - set(closed) - self.raised):
            self.raised.add(r)
            linear = self._worth(r)
            if np.isfinite(linear):  # where it is not known, nothing is known of what whole numbers add to it
                self.floor += max(0.0, self._worth(r, whole=True) - linear)

    def hopeless(self, closed: list[int]) -> list[int]:
        """Return the closed regions that no plan opens that is better than the best by more than the asked gap."""
        self.stage("proving what it costs to open another region")
        self.raise_floor(closed)
        enough = self.enough
        for r in closed:
            linear = self._worth(r)
            if not np.isfinite(linear):  # then nothing is known of what is left of the bound without the region
                self.opening[r] = self.floor
                continue
            others = self.floor - min(0.0, linear)
            self.opening[r] = others + self._worth(r, opened=True)
            if self.opening[r] < enough:
                self.opening[r] = max(self.opening[r], others + self._worth(r, opened=True, whole=True))
        return [r for r in closed if self.opening[r] >= enough]

    def answer(self) -> Answer:
        """Return the best plan with what is proven of all, and the status that follows."""
        proven, best = self.bound, self.best
        if best.x is None:
            status: Status = "infeasible" if proven == float("inf") else "no_plan"
            return replace(best, status=status, bound=proven, nodes=self.nodes, seconds=self.seconds)
        found = replace(best, bound=min(proven, best.objective), nodes=self.nodes, seconds=self.seconds)
        return replace(found, status="optimal" if found.gap <= self.options.gap + _ROUNDING else "feasible")

    def _outside(self, closed: list[int]) -> float:
        """Return the bound of the plans that open one of some regions."""
        return min((self.opening.get(r, self.floor) for r in closed), default=float("inf"))

    def _worth(self, region: int, *, whole: bool = False, opened: bool = False) -> float:
        found = self.regions.worth(region, self.prices, self.options, whole=whole, opened=opened)
        if found.x is not None:
            self._seen.setdefault((whole, opened), {})[region] = found.x
        return found.bound

    def _listener(self, closed: list[int], *, plans: bool = True) -> Callable[[Progress], None] | None:
        """Return a listener to a search, with the time since the first step and a bound of all plans.

        Where what is searched is no program of ``plans``, its incumbents are not news.
        """
        listener, before, best = self.options.progress, self.seconds, self.best.objective
        if listener is None:
            return None
        outside = self._outside(closed)

        def tell(news: Progress) -> None:
            bound = max(self.floor, min(news.bound, outside))
            incumbent = min(news.incumbent, best) if plans else best
            listener(replace(news, seconds=news.seconds + before, bound=bound, incumbent=incumbent))

        return tell


def _closing(regions: Regions, closed: list[int]) -> Matrix:
    """Return the program without the campuses of some regions."""
    upper = regions.matrix.col_upper.copy()
    for r in closed:
        upper[regions.sites[r]] = 0.0
    return replace(regions.matrix, col_upper=upper)


def _sites(matrix: Matrix, places: Numbers) -> dict[int, list[int]]:
    """Return the columns of ``campus.site`` by region."""
    found: dict[int, list[int]] = {}
    for number, column in enumerate(matrix.columns):
        if not isinstance(column, str) and column.parent_component().local_name == "campus__site":
            found.setdefault(int(places[number]), []).append(number)
    return found


def _halls(matrix: Matrix) -> list[list[int]]:
    """Return the columns of ``campus.halls`` by quarter: how many halls stand in one region each."""
    found: dict[object, list[int]] = {}
    for number, column in enumerate(matrix.columns):
        if not isinstance(column, str) and column.parent_component().local_name == "campus__halls":
            found.setdefault(column.index()[-1], []).append(number)
    return list(found.values())
