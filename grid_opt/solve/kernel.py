"""Search for campuses where the linear relaxation builds first, then wherever a campus could still be worth it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

import numpy as np

from grid_opt.solve.answer import Answer, Options, Progress, Status, relative_gap
from grid_opt.solve.highs import solve
from grid_opt.solve.lanes import side_by_side
from grid_opt.solve.proving import eased
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.regions import FIRST, OPEN, Regions, Relaxed
from grid_opt.solve.sites import closing, halls_of, sites_of
from grid_opt.solve.standard_form import Array, Flags, Matrix, Numbers, narrowed

_FEW_SHARE = 0.5
"""Share of the time left that the search among the few regions may take."""
REPRICED = "Known plan at new prices"
"""What is said of a plan that was known before, and proven good enough without a search."""
_START_GAP, _NEAR_GAP = 1e-2, 2.5e-3
"""Smallest gap asked of the first search among them, or next to the relaxation, where no plan of it will do: what comes
after is better, sooner."""
_AGREE = 1e-6
"""Rounding of the whole numbers of a relaxation."""
_ROUNDING = 1e-7
"""Gap that two roads to the same number may show."""
_HOPED = 1.1
"""Part of the asked gap that the plan that is made of the best may leave to the proof, as is hoped: more than what is
asked of one with fractions. Regions that are closed for this are opened again where it costs more."""
_BETTER = 0.05
"""Share of the asked gap by which a plan is better enough to make another one of it."""

Ended = Callable[[float, float], bool]
"""Whether a search is to end, given its incumbent and bound."""
Proven = Callable[[], float]
"""What is proven of all plans by now."""
Enough = Callable[[Answer, Proven, bool], float]
"""The bound at which a plan is good enough, where that is not a matter of its own objective, but of the plan that is
made of it. Where a proof goes on meanwhile (``True``), time may be taken to make that a better one, until it is enough.
"""


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
    enough: Enough | None = None,
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
        enough: gives the bound at which a plan is good enough, where that is a matter of the plan that is made of it.

    Raises:
        SolverError: HiGHS failed, or an answer of its does not satisfy the program.
    """
    began = time.monotonic()
    regions = Regions(matrix, places, sites_of(matrix, places), recourse)
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
                search.near(closed, steps, linear.x, until=search.begins)
        if search.best.x is None and not search.best.interrupted:
            stage("no plan next to the relaxation: searching all of these regions")
            search.among(closed, _FEW_SHARE, max(options.gap, _START_GAP))
        search.raise_floor(closed)
        search.improve(closed)
        if not search.done:
            closed = search.hopeless(closed)
    if not search.done:
        search.finish(closed)
    return search.answer()


class _Search:
    """Hold the best plan while more regions are searched, and what is proven of all plans."""

    def __init__(
        self, regions: Regions, relaxed: Relaxed, options: Options, stage: Callable[[str], None], began: float,
        free: Flags | None = None, enough: Enough | None = None,
    ) -> None:  # fmt: skip
        self.regions, self.prices, self.options, self.stage = regions, relaxed.prices, options, stage
        self.began, self._free = began, np.zeros(regions.matrix.shape[1], dtype=bool) if free is None else free
        self._enough, self._wanted = enough, float("inf")
        self._judged: Array | None = None  # the plan that is wanted so much of: without any, no bound is enough
        self.floor = relaxed.answer.bound  # of all plans
        self.linear: Array = np.zeros(0) if relaxed.answer.x is None else relaxed.answer.x
        self.proven = float("-inf")  # of all plans, by the searches before the last
        self.closed: list[int] = []  # regions closed in the last search
        self.inside = float("-inf")  # of the plans that open none of them
        self.opening: dict[int, float] = {}  # of the plans that open a region
        self.best = replace(relaxed.answer, status="no_plan", objective=float("inf"), x=None)
        self.nodes = 0
        self.raised: set[int] = set()
        self._seen: dict[tuple[bool, bool], dict[int, Array]] = {}  # what regions do by themselves
        self._telling = Lock()

    @property
    def seconds(self) -> float:
        """Time spent."""
        return time.monotonic() - self.began

    @property
    def bound(self) -> float:
        """What is proven of all plans: each opens none of the regions closed in the last search, or one of them."""
        return max(self.floor, self.proven, min(self.inside, self._outside(self.closed)))

    @property
    def done(self) -> bool:
        """Whether the best plan is good enough, or the user wants no better."""
        if self.best.interrupted or self._enough is None or self.best.x is None:
            near = relative_gap(self.best.objective, self.bound) <= self.options.gap + _ROUNDING
            return self.best.interrupted or near
        return self.bound >= self.hoped and self.bound >= self.enough

    @property
    def enough(self) -> float:
        """The bound at which the best plan is good enough."""
        return self._wanted if self._judged is self.best.x else self._judge()

    @property
    def target(self) -> float:
        """What a plan may cost that is proven good enough as it is."""
        return self.floor + self.options.gap / (1 + self.options.gap) * abs(self.floor)

    def begins(self, incumbent: float, bound: float) -> bool:
        """Whether a search of few plans may end: none is good enough as it is, but one will do to begin with."""
        return bound > self.target and relative_gap(incumbent, bound) <= _NEAR_GAP

    @property
    def hoped(self) -> float:
        """The bound at which the best plan may be good enough, as far as is known."""
        if self._enough is None:
            return self.enough
        judged = self._wanted if self._judged is self.best.x else float("inf")
        return min(judged, self.best.objective - _HOPED * self.options.gap * abs(self.best.objective))

    def among(self, closed: list[int], share: float, gap: float) -> None:
        """Search with some regions closed, in a share of the time left: what is found is a plan of the whole."""
        found = self._solved(self._without(closed), share, gap, self._listener(closed))
        self._proven(found, closed)

    def finish(self, closed: list[int]) -> None:
        """Bound all plans with some regions closed; where that is not enough, open some, or look for better plans."""
        while True:
            regions = f"{len(self.regions.sites) - len(closed)} of {len(self.regions.sites)} regions"
            self.stage(f"bounding {regions}")
            point, before = self.prove(closed), self.best.objective
            if self.done:
                return
            if point is not None:
                self.near(closed, 0.0, point)
            still = [r for r in closed if self.opening[r] >= self.enough]
            if self.best.objective >= before and still == closed:
                break
            closed = still
        self.stage(f"searching {regions}")
        self.among(closed, 1.0, self.options.gap)

    def prove(self, closed: list[int]) -> Array | None:
        """Bound the plans with some regions closed; return the point that is best but for what was left out, if any.

        With more than one thread, better plans are looked for meanwhile. The proof ends when it is enough for the best.
        """
        best, regions = self.best, self.regions
        if best.x is None:
            return None
        for points in self._seen.values():  # a plan may do likewise, and the cuts should tell what that costs
            regions.learn(points)
        self._seen.clear()
        few = self._without(closed)
        program = eased(few, self._free, regions.by_row(self.prices), halls_of(few))
        wanted, looked, outside = float("inf"), False, self._outside(closed)
        self._note(float("-inf"), closed)

        def enough(_incumbent: float, bound: float) -> bool:
            self._note(bound, closed)
            return self.bound >= wanted or (looked and outside < wanted)

        options = replace(
            self.options, gap=0.0, time_limit_s=max(1.0, self.options.time_limit_s - self.seconds),
            progress=self._listener(closed, plans=False), proving=True, until=enough,
        )  # fmt: skip
        if self.options.threads == 1:
            wanted, looked = self._judge(effort=True), True
        with ThreadPoolExecutor(1) as lane:
            proof = lane.submit(solve, program.program, options, program.of(best.x))
            try:
                while not looked:
                    better = self._better(closed, proof.done)
                    wanted = self._judge(effort=True)
                    looked = self.bound >= wanted or not better
                found = proof.result()
            except BaseException:
                wanted = float("-inf")  # or the proof would go on
                raise
        self.nodes += found.nodes
        self._proven(found, closed)
        reached = self.bound >= wanted
        self.best = replace(
            self.best, detail="Optimal" if reached else found.detail, interrupted=found.interrupted and not reached
        )
        return None if found.x is None or found.objective >= best.objective else program.back(found.x)

    def near(self, closed: list[int], steps: float, *points: Array, until: Ended | None = None) -> None:
        """Search with whole numbers next to those of some points, or as many steps beyond."""
        program = self._without(closed)
        low = np.min([np.floor(point + _AGREE) for point in points], axis=0) - steps
        high = np.max([np.ceil(point - _AGREE) for point in points], axis=0) + steps
        few = narrowed(program, program.integer, low, high)
        self._solved(few, _FEW_SHARE, 0.5 * self.options.gap, self._listener(), until)

    def improve(self, closed: list[int]) -> None:
        """Search around the best plan and the relaxation."""
        if self.best.x is not None and not self.done:
            self.stage(f"plan of {self.best.objective:,.6g}: searching around it")
            self.near(closed, 1.0, self.best.x, self.linear)

    def _better(self, closed: list[int], ended: Callable[[], bool]) -> bool:
        """Search around the best plan until it is worth another look, or something ended; return whether it is."""
        before = self.best
        assert before.x is not None
        worth = before.objective - _BETTER * self.options.gap * abs(before.objective)
        self.near(closed, 1.0, before.x, until=lambda incumbent, _bound: incumbent <= worth or ended())
        return self.best.objective < before.objective

    def _judge(self, *, effort: bool = False) -> float:
        """Ask at which bound the best plan is good enough."""
        best = self.best
        wanted = best.objective - self.options.gap * abs(best.objective)
        if self._enough is not None and best.x is not None:
            wanted = self._enough(best, lambda: self.bound, effort)
        self._judged, self._wanted = best.x, wanted
        return wanted

    def _proven(self, found: Answer, closed: list[int]) -> None:
        """Take note of what a search of all plans with some regions closed has proven."""
        self._note(float("inf") if found.status == "infeasible" else found.bound, closed)

    def _note(self, bound: float, closed: list[int]) -> None:
        """Take note of a bound of all plans with some regions closed."""
        if closed != self.closed:
            self.proven, self.inside, self.closed = self.bound, float("-inf"), list(closed)
        self.inside = max(self.inside, bound)

    def _solved(
        self, program: Matrix, share: float, gap: float, listener: Callable[[Progress], None] | None,
        until: Ended | None = None,
    ) -> Answer:  # fmt: skip
        """Solve a program whose plans are plans of the whole, from the best, and keep what is better."""
        left = share * (self.options.time_limit_s - self.seconds)
        chosen = replace(
            self.options, gap=gap, target=self.target, time_limit_s=max(1.0, left), progress=listener, until=until
        )
        found = self.regions.solve(program, chosen, self.best.x)
        self.nodes += found.nodes
        known = replace(self.best, detail=found.detail, interrupted=found.interrupted)
        self.best = found if found.x is not None and found.objective < self.best.objective else known
        return found

    def proves(self, plan: Answer, gap: float) -> bool:
        """Whether a plan is proven within a gap; the bound is raised no further than that takes."""
        assert plan.x is not None
        built, few = np.maximum(self.linear, plan.x), self.options.threads
        where = [r for r, columns in self.regions.sites.items() if built[columns].sum() > OPEN]
        for n in range(0, len(where) + few, few):
            if relative_gap(plan.objective, self.floor) <= gap + _ROUNDING:
                self.best = replace(plan, status="feasible", detail=REPRICED)
                self.options = replace(self.options, gap=gap)
                return True
            self._raise(where[n : n + few])
        return False

    def raise_floor(self, closed: list[int]) -> None:
        """Raise the bound of all plans by whole numbers in regions that are not closed, until that is enough."""
        left, lanes = sorted(self.regions.sites.keys() - set(closed) - self.raised), self.options.threads
        for n in range(0, len(left), lanes):
            if self.done:
                return
            self._raise(left[n : n + lanes])

    def _raise(self, regions: list[int]) -> None:
        self.raised.update(regions)
        linear = self._worth(regions)
        known = [r for r in regions if np.isfinite(linear[r])]  # else nothing is known of what whole numbers add to it
        whole = self._worth(known, whole=True)
        for r in known:
            self.floor += max(0.0, whole[r] - linear[r])

    def hopeless(self, closed: list[int]) -> list[int]:
        """Return the closed regions that no plan opens that is better than the best by more than the asked gap."""
        self.stage("proving what it costs to open another region")
        self.raise_floor(closed)
        enough, linear = self.hoped, self._worth(closed)
        known = [r for r in closed if linear[r] > float("-inf")]  # else it is not known what is left without the region
        others = {r: self.floor - min(0.0, linear[r]) for r in known}
        opened = self._worth(known, opened=True)
        self.opening = dict.fromkeys(closed, self.floor) | {r: others[r] + opened[r] for r in known}
        low = [r for r in known if self.opening[r] < enough]
        whole = self._worth(low, opened=True, whole=True)
        self.opening |= {r: max(self.opening[r], others[r] + whole[r]) for r in low}
        return [r for r in closed if self.opening[r] >= enough]

    def answer(self) -> Answer:
        """Return the best plan with what is proven of all, and the status that follows."""
        proven, best = self.bound, self.best
        if best.x is None:
            status: Status = "infeasible" if proven == float("inf") else "no_plan"
            return replace(best, status=status, bound=proven, nodes=self.nodes, seconds=self.seconds)
        found = replace(best, bound=min(proven, best.objective), nodes=self.nodes, seconds=self.seconds)
        return replace(found, status="optimal" if found.gap <= self.options.gap + _ROUNDING else "feasible")

    def _without(self, closed: list[int]) -> Matrix:
        """Return the program without the campuses of some regions."""
        return closing(self.regions.matrix, [self.regions.sites[r] for r in closed])

    def _outside(self, closed: list[int]) -> float:
        """Return the bound of the plans that open one of some regions."""
        return min((self.opening.get(r, self.floor) for r in closed), default=float("inf"))

    def _worth(self, regions: list[int], *, whole: bool = False, opened: bool = False) -> dict[int, float]:
        """Return what is proven of the least that each of some regions costs at the prices of what is shared."""

        def of(region: int, alone: Options) -> Answer:
            return self.regions.worth(region, self.prices, alone, whole=whole, opened=opened)

        found = dict(zip(regions, side_by_side(of, regions, self.options), strict=True))
        seen = self._seen.setdefault((whole, opened), {})
        seen.update({r: answer.x for r, answer in found.items() if answer.x is not None})
        return {r: answer.bound for r, answer in found.items()}

    def _listener(self, closed: list[int] | None = None, *, plans: bool = True) -> Callable[[Progress], None] | None:
        """Return a listener to a search, with the time since the first step and a bound of all plans.

        What is searched are all plans with some regions closed, or a few plans only, the bound of which is not news.
        Where it is no program of ``plans``, its incumbents are not.
        """
        listener = self.options.progress
        if listener is None:
            return None
        outside = float("-inf") if closed is None else self._outside(closed)

        def tell(news: Progress) -> None:
            with self._telling:  # in the order of time, whichever of two searches has news
                bound, best = max(self.bound, min(news.bound, outside)), self.best.objective
                incumbent = min(news.incumbent, best) if plans else best
                listener(replace(news, seconds=self.seconds, bound=bound, incumbent=incumbent))

        return tell
