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
from grid_opt.solve.highs import interruptible
from grid_opt.study.explain.asker import Known, know
from grid_opt.study.explain.examine import Bound
from grid_opt.study.explain.pool import Result, Task, pool, seconds_until
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

    Every region is first examined by the relaxation; then they are solved again, those whose decision is closest
    first, as far as the time in all allows. ``case_folder`` is the folder of the case file, from which tables of its
    own are found.

    Raises:
        InputError: the file is no plan, a region is none of its case, or a table is not that of the plan.
        SolverError: HiGHS failed.
    """
    asked, log, limits = Path(path), Log(progress), limits or Limits()
    folder = None if case_folder is None else Path(case_folder)
    known = know(asked, folder)
    names = _named(known, regions)
    end = time.monotonic() + limits.overall
    bounds: dict[str, Bound] = {}
    reasons: dict[str, Reason] = {}
    log.stage(f"examining {len(names)} regions of {known.case.name}: the relaxation first")
    count = min(limits.workers, len(names))
    with interruptible() as stop, pool(known, asked, folder, count, limits.overall, stop) as workers:

        def hear(result: Result) -> None:
            reason = result.reason if isinstance(result, Bound) else result
            if isinstance(result, Bound):
                bounds[reason.region] = result
            reasons[reason.region] = reason
            done = len(bounds) if isinstance(result, Bound) else sum(_again(one) for one in reasons.values())
            log.stage(f"{done} of {len(names)}  {reason.region}: {reason.words}")

        quick_first = sorted(names, key=lambda region: region in known.sites)  # leaving one out takes far longer
        workers.run((Task(region) for region in quick_first if time.monotonic() < end), hear)
        if limits.solve_again and not stop.is_set():
            log.stage("solving again, those that are closest first")
            workers.run(_closest_first(bounds, limits, end), hear)
        interrupted = stop.is_set()
    found = [reasons[region] for region in names if region in reasons]
    complete = len(found) == len(names) and (not limits.solve_again or all(map(_settled, found)))
    return Explained(_explanation(known, found, complete and not interrupted, limits), interrupted)


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


def _closest_first(bounds: dict[str, Bound], limits: Limits, end: float) -> Iterator[Task]:
    """Yield the regions, smallest estimate first; each gets its time, or what is left of all."""
    order = sorted(bounds.values(), key=lambda one: math.inf if one.reason.estimate is None else one.reason.estimate)
    for one in order:
        left = min(limits.seconds, seconds_until(end))
        if left < min(_LEAST_S, limits.seconds):
            return
        yield Task(one.reason.region, one, left)


def _again(reason: Reason) -> bool:
    return reason.method.startswith("re-solved") or bool(reason.turns)


def _settled(reason: Reason) -> bool:
    return reason.state == "impossible" or reason.method == "re-solved"


def _explanation(known: Known, found: list[Reason], complete: bool, limits: Limits) -> Explanation:
    gap = abs(known.objective - known.bound)
    notes = [
        "Regret is by how much the best plan with a region forced in is worse than this plan; saving, by how much it "
        "is with a region left out: in costs and in the worth of tokens not served. All money is present value.",
        f"This plan is proven to within {gap:,.1f} {known.unit}: differences below that may be the search's.",
    ]
    if not complete:
        notes.append("The time was not enough for everything: what was not solved again is told by the relaxation.")
    if not limits.solve_again:
        notes.append("Nothing was solved again, as was asked.")
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
