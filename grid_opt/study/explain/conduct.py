"""Explain a plan: what every region chosen saves, what every other would cost, and what would turn the decision."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grid_opt.config import nearest
from grid_opt.errors import InputError
from grid_opt.plan.explanation import Explanation, Reason
from grid_opt.study.explain.asker import Known, know
from grid_opt.study.explain.examine import Bound
from grid_opt.study.explain.pool import Result, Task, pool, seconds_until
from grid_opt.study.interrupt import interruptible
from grid_opt.study.plan_case import decomposes
from grid_opt.study.progress import Listener, Log

_LEAST_S = 2.0
"""Shortest time for which solving again is begun."""


@dataclass(frozen=True)
class Limits:
    """How long to search: for one region, in all, with how many workers; and whether to solve again at all."""

    seconds: float = 120.0
    overall: float = 600.0
    workers: int = 2
    solve_again: bool = True


@dataclass(frozen=True)
class Explained:
    """An explanation, and whether the user interrupted it."""

    explanation: Explanation
    interrupted: bool


def explain_plan(
    path: str | Path,
    *,
    regions: Sequence[str] = (),
    limits: Limits | None = None,
    case_folder: str | Path | None = None,
    progress: Listener | None = None,
) -> Explained:
    """Explain the plan of a file, region by region: all of them, or those named.

    Every region is first examined by the relaxation. Then those whose decision is closest are taken first, as far as
    the time in all allows: solved again, where the case is small or regions are named; else only what would turn the
    decision is estimated. ``case_folder`` is the folder of the case file, from which tables of its
    own are found.

    Raises:
        InputError: the file is no plan, a region is none of its case, or a table is not that of the plan.
        SolverError: HiGHS failed.
    """
    asked, log, limits = Path(path), Log(progress), limits or Limits()
    folder = None if case_folder is None else Path(case_folder)
    known = know(asked, folder)
    names = _named(known, regions)
    again = limits.solve_again and (bool(regions) or not decomposes(known.case, known.plan.sizes["region"]))
    end = time.monotonic() + limits.overall
    bounds: dict[str, Bound] = {}
    reasons: dict[str, Reason] = {}
    log.stage(f"examining {len(names)} regions of {known.case.name}: the relaxation first")
    count = min(limits.workers, len(names))
    pace = Pace(names, known.sites, count, end)
    with interruptible() as stop, pool(known, asked, folder, count, limits.overall, stop) as workers:

        def hear(result: Result) -> None:
            reason = result.reason if isinstance(result, Bound) else result
            took = reason.seconds
            if isinstance(result, Bound):
                bounds[reason.region] = result
            else:
                took -= bounds[reason.region].reason.seconds
            reasons[reason.region] = reason
            log.stage(f"{pace.after(reason, took)}  {reason.region}: {reason.words}")

        quick_first = sorted(names, key=lambda region: region in known.sites)  # leaving one out takes far longer
        workers.run((Task(region) for region in quick_first if time.monotonic() < end), hear)
        if limits.solve_again and not stop.is_set():
            doing = "solving again" if again else "looking for what would turn the decision"
            log.stage(f"{doing}, those that are closest first")
            todo = [one for one in bounds.values() if again or not one.reason.chosen]
            pace = Pace([one.reason.region for one in todo], known.sites, count, end)
            workers.run(_closest_first(todo, limits, end, again=again), hear)
        interrupted = stop.is_set()
    found = [reasons[region] for region in names if region in reasons]
    complete = len(found) == len(names) and (not limits.solve_again or all(_settled(one, again) for one in found))
    return Explained(_explanation(known, found, complete and not interrupted, limits, again), interrupted)


class Pace:
    """Say how far the work is, and how long the rest takes at the pace so far: that of its kind, where it has one."""

    def __init__(self, regions: Sequence[str], chosen: frozenset[str], workers: int, end: float) -> None:
        self._left = {True: 0, False: 0}
        for region in regions:
            self._left[region in chosen] += 1
        self._all, self._workers, self._end = len(regions), workers, end
        self._took: dict[bool, list[float]] = {True: [], False: []}

    def after(self, reason: Reason, seconds: float) -> str:
        """Take note of a region that is done; return how many are, and the time left where it is known."""
        self._left[reason.chosen] -= 1
        self._took[reason.chosen].append(seconds)
        done = self._all - sum(self._left.values())
        told = f"{done} of {self._all}"
        pending = [kind for kind, left in self._left.items() if left]
        if not pending or not all(self._took[kind] for kind in pending):
            return told
        rest = sum(self._left[kind] * sum(self._took[kind]) / len(self._took[kind]) for kind in pending)
        left = min(rest / self._workers, seconds_until(self._end))
        return f"{told}, about {max(1.0, left):,.0f} s left"


def _named(known: Known, regions: Sequence[str]) -> list[str]:
    every = [str(region) for region in known.plan["region"].values]
    for name in regions:
        if name not in every:
            close = nearest(name, every)
            raise InputError(
                f"{name!r} is no region of this plan", field="--region", value=name,
                expected=f"one of {', '.join(every)}", fix=f"did you mean {close!r}?" if close else None,
            )  # fmt: skip
    return list(dict.fromkeys(regions)) or every


def _closest_first(bounds: Sequence[Bound], limits: Limits, end: float, *, again: bool) -> Iterator[Task]:
    """Yield the regions, smallest estimate first; each gets its time, or what is left of all."""
    order = sorted(bounds, key=lambda one: math.inf if one.reason.estimate is None else one.reason.estimate)
    for one in order:
        left = min(limits.seconds, seconds_until(end))
        if left < min(_LEAST_S, limits.seconds):
            return
        yield Task(one.reason.region, one, left, again)


def _settled(reason: Reason, again: bool) -> bool:
    if not again:
        return reason.chosen or (bool(reason.turns) and all(turn.method != "not known" for turn in reason.turns))
    return reason.state == "impossible" or reason.method == "re-solved"


def _explanation(known: Known, found: list[Reason], complete: bool, limits: Limits, again: bool) -> Explanation:
    gap = abs(known.objective - known.bound)
    notes = [
        "Regret is by how much the best plan with a region forced in is worse than this plan; saving, by how much it "
        "is with a region left out: in costs and in the worth of tokens not served. All money is present value.",
        f"This plan is proven to within {gap:,.1f} {known.unit}: differences below that may be the search's.",
    ]
    if any(one.method == "relaxation" for one in found):
        notes.append(
            "What the relaxation estimates is proven only where the sentence says so: elsewhere the plan is further "
            "from its bound than the difference is large."
        )
    if not complete:
        notes.append(
            "The time was not enough for everything: what is missing is told by the relaxation, or not at all."
        )
    if not again:
        how = "as was asked" if not limits.solve_again else "for the case is large; name regions with --region for that"
        notes.append(f"Nothing was solved again, {how}.")
    better = min((one.difference for one in found if one.difference is not None), default=0.0)
    if better < -0.005:
        more = f"{-better:,.1f} {known.unit}"
        notes.append(f"Solving again found a plan that is {more} better: within this one's gap.")
    order = sorted(found, key=_rank)
    return Explanation(
        known.case.name, known.sha256, known.unit, known.objective, known.bound, tuple(order), complete, tuple(notes)
    )


def _rank(reason: Reason) -> tuple[bool, float, str]:
    size = reason.difference if reason.difference is not None else reason.estimate
    size = math.inf if size is None else size
    return (not reason.chosen, -size if reason.chosen else size, reason.region)
