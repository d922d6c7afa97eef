"""Conduct the runs of a sweep: start them, take in what ends, keep the account, and tell how far it is."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from grid_opt.errors import InterruptedRunError
from grid_opt.study.interrupt import interruptible
from grid_opt.study.sweeps.executor import Executor
from grid_opt.study.sweeps.jobs import RESULTS, Job, Outcome
from grid_opt.study.sweeps.layout import case_of
from grid_opt.study.sweeps.manifest import Manifest, Run, checksums, unanswered
from grid_opt.study.sweeps.nearest import lineage

WORK = "work"
PLAN = "plan.nc"
_NEWS_EVERY_S = 0.5
_ENOUGH_FOR_A_RANGE = 2


@dataclass(frozen=True)
class Status:
    """How far a sweep is."""

    counts: dict[str, int]
    cases: int
    left: int
    running: tuple[tuple[str, float], ...]
    where: str
    seconds: float
    left_s: tuple[float, float, float] | None


class Watcher(Protocol):
    """Hear how far a sweep is."""

    def say(self, text: str) -> None:
        """Hear of a stage."""
        ...

    def update(self, status: Status) -> None:
        """Hear, about twice a second, how far it is."""
        ...

    def ended(self, label: str, run: Run, status: Status) -> None:
        """Hear what came of a run."""
        ...


@dataclass
class _Course:
    """What a sweep knows while it runs."""

    waiting: Sequence[Run]
    lineage: dict[str, str | None]
    labels: dict[str, str]
    todo: dict[str, Run] = field(init=False)
    struck: set[str] = field(default_factory=set)
    start: float = field(default_factory=time.monotonic)
    began: dict[str, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        waiting = {run.digest: run for run in self.waiting}
        self.todo = {digest: waiting[digest] for digest in self.lineage if digest in waiting}

    def tries_again(self, run: Run, outcome: Outcome) -> bool:
        """Put a run whose process was struck down back in front, once: others may begin with its plan."""
        if not outcome.struck or run.digest in self.struck:
            return False
        self.struck.add(run.digest)
        self.todo = {run.digest: run, **self.todo}
        run.attempts += 1
        return True

    def next(self) -> Run | None:
        """Take the next run, of which the one whose plan it begins with is neither still to run nor under way."""
        for digest in self.todo:
            parent = self.lineage[digest]
            if parent is None or (parent not in self.todo and parent not in self.began):
                return self.todo.pop(digest)
        return None

    def status(self, manifest: Manifest, executor: Executor) -> Status:
        now = time.monotonic()
        running = tuple((self.labels[key], now - at) for key, at in self.began.items())
        left = left_s(self.took, [seconds for _, seconds in running], len(self.todo), executor.slots())
        return Status(
            manifest.counts(), len(manifest.cases), len(self.todo), running, executor.where(), now - self.start, left
        )


def left_s(
    took: Sequence[float], running: Sequence[float], waiting: int, slots: int
) -> tuple[float, float, float] | None:
    """Return how long a sweep will still take [s]: likely, and the ends of a range; ``None`` while nothing is known.

    With ``n`` runs ended of mean ``m`` and deviation ``s``, ``R`` runs left on ``W`` slots take
    ``(R m - running so far) / W``, give or take ``2 s sqrt(R + R^2 / n) / W``: the spread of what is left, and how
    badly ``m`` is known. A run that is longer under way than the mean counts as one that is about to end.
    """
    if not took or not (waiting or running):
        return None if waiting or running else (0.0, 0.0, 0.0)
    mean = statistics.fmean(took)
    rest = [max(mean - seconds, 0.0) for seconds in running]
    likely = max((waiting * mean + sum(rest)) / slots, max(rest, default=0.0))
    if len(took) < _ENOUGH_FOR_A_RANGE:
        return likely, 0.0, math.inf
    count = waiting + len(running)
    spread = 2.0 * statistics.stdev(took) * math.sqrt(count + count**2 / len(took)) / slots
    return likely, max(0.0, likely - spread), likely + spread


def conduct(folder: Path, manifest: Manifest, executor: Executor, watcher: Watcher) -> None:
    """Run whatever has no answer yet, and write the account after every run that ends.

    Raises:
        InterruptedRunError: Ctrl-C; what ran is called back, and ``resume`` goes on.
    """
    clear_work(folder)
    labels: dict[str, str] = {}
    for entry in manifest.cases:
        labels.setdefault(entry.run, entry.label)
    course = _Course(unanswered(manifest, folder), lineage(manifest), labels)
    for run in course.todo.values():
        _forget(run, folder)
    manifest.write(folder)
    # A flag for the first Ctrl-C: an exception is lost where Python is in code whose exceptions it ignores.
    with interruptible() as stop, contextlib.suppress(KeyboardInterrupt):
        while (course.todo or course.began) and not stop.is_set():
            while len(course.began) < executor.slots() and (ready := course.next()) is not None:
                course.began[ready.digest] = time.monotonic()
                executor.submit(job_of(ready, folder, manifest, course.lineage))
            for outcome in executor.wait(_NEWS_EVERY_S):
                run = manifest.runs[outcome.digest]
                took = time.monotonic() - course.began.pop(run.digest)
                if manifest.reuse and course.tries_again(run, outcome):
                    continue
                course.took.append(took)
                settle(run, outcome, folder)
                manifest.write(folder)
                watcher.ended(labels[run.digest], run, course.status(manifest, executor))
            watcher.update(course.status(manifest, executor))
    clear_work(folder)
    if course.todo or course.began:
        raise InterruptedRunError(f"interrupted; to go on: grid-opt resume {folder}")


def _plan_to_begin_with(run: Run, folder: Path, manifest: Manifest, lineage: Mapping[str, str | None]) -> str | None:
    """Return the plan that a run begins with: of the run before it in its line, or the last before that has one."""
    parent = lineage[run.digest]
    while parent is not None:
        before = manifest.runs[parent]
        if PLAN in before.files:
            return str(folder / before.folder / PLAN)
        parent = lineage[parent]
    return None


def job_of(run: Run, folder: Path, manifest: Manifest, lineage: Mapping[str, str | None]) -> Job:
    """Return the job of a run, with the paths of this machine."""
    here = folder.resolve()
    threads = case_of(run, here).solve.threads if manifest.reuse else 0
    return Job(
        run.digest,
        str(here / "cases" / f"{run.id}.toml"),
        os.path.normpath(here / run.base_folder),
        None if run.tables is None else str(here / run.tables),
        str(here / WORK / run.id),
        manifest.limits["seconds"],
        manifest.limits["memory_mb"],
        _plan_to_begin_with(run, here, manifest, lineage),
        threads,
        manifest.reuse,
    )


def settle(run: Run, outcome: Outcome, folder: Path) -> None:
    """Take over the results of a job, and write into its record what came of it."""
    results = Path(outcome.work) / RESULTS
    there = folder / run.folder
    if there.exists():
        shutil.rmtree(there)
    if results.is_dir() and outcome.state != "killed":
        there.parent.mkdir(exist_ok=True)
        results.replace(there)
        run.files = checksums(there)
    run.state, run.reason = outcome.state, outcome.reason
    run.seconds, run.peak_mb = round(outcome.seconds, 3), round(outcome.peak_mb, 1)
    run.attempts += 1


def _forget(run: Run, folder: Path) -> None:
    """Take away what a run left without an answer."""
    run.state, run.reason, run.files = "pending", "", {}
    if (folder / run.folder).exists():
        shutil.rmtree(folder / run.folder)


def clear_work(folder: Path) -> None:
    """Take away the folders of jobs under way, which ends them wherever they are."""
    work = folder / WORK
    for _ in range(20):
        with contextlib.suppress(OSError):  # a process may still be writing into it
            shutil.rmtree(work)
        if not work.exists():
            return
        time.sleep(0.1)
