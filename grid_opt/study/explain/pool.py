"""Examine regions in worker processes, each of which builds the plan's program once; or here, with one worker."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Protocol

from grid_opt.plan.explanation import Reason
from grid_opt.study.explain.asker import Asker, Known, know
from grid_opt.study.explain.examine import Bound, bound, examine

_LOOK_EVERY_S = 0.5
_ORPHANED = 113


@dataclass(frozen=True)
class Task:
    """One region to examine: by the relaxation, or, with what that said, for so many seconds, by solving ``again``."""

    region: str
    known: Bound | None = None
    seconds: float = 0.0
    again: bool = True


Result = Bound | Reason


class Pool(Protocol):
    """Take tasks, and give back what came of them in whichever order they end."""

    def run(self, tasks: Iterator[Task], hear: Callable[[Result], None]) -> None:
        """Run tasks, taking the next only when there is a worker for it, and tell of each result."""
        ...


def do(asker: Asker, task: Task) -> Result:
    """Do one task."""
    if task.known is None:
        return bound(asker, task.region)
    return examine(asker, task.known, task.seconds, again=task.again)


class Here:
    """Run tasks one after the other in this process."""

    def __init__(self, known: Known, threads: int, longest_s: float, stop: threading.Event) -> None:
        self._asker, self._stop = Asker(known, threads, longest_s, stop), stop

    def run(self, tasks: Iterator[Task], hear: Callable[[Result], None]) -> None:
        """Run tasks until there are no more or the user stops."""
        for task in tasks:
            if self._stop.is_set():
                return
            hear(do(self._asker, task))


class Processes:
    """Run tasks in spawned processes: forking after HiGHS was used was measured to give wrong answers."""

    def __init__(self, path: Path, folder: Path | None, workers: int, longest_s: float, stop: threading.Event) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers, self._stop, self._halt = workers, stop, context.Event()
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(path, folder, longest_s, self._halt)
        )

    def run(self, tasks: Iterator[Task], hear: Callable[[Result], None]) -> None:
        """Keep every worker busy until there are no more tasks or the user stops."""
        running: set[Future[Result]] = set()
        while True:
            while len(running) < self._workers and not self._stop.is_set():
                task = next(tasks, None)
                if task is None:
                    break
                running.add(self._pool.submit(_work, task))
            if not running:
                return
            if self._stop.is_set():
                self._halt.set()
            done, running = wait(running, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
            for one in done:
                hear(one.result())

    def close(self) -> None:
        """End the workers; one that still computes stops at its next look."""
        self._halt.set()
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def pool(
    known: Known, path: Path, folder: Path | None, workers: int, longest_s: float, stop: threading.Event
) -> Iterator[Pool]:
    """Give the pool for so many workers. Several workers solve with one thread each."""
    if workers == 1:
        yield Here(known, known.case.solve.threads, longest_s, stop)
        return
    processes = Processes(path, folder, workers, longest_s, stop)
    try:
        yield processes
    finally:
        processes.close()


_worker: dict[str, Any] = {}


def _begin(path: Path, folder: Path | None, longest_s: float, halt: Event) -> None:
    """Make a worker ready: its program is built with its first task, so that a failure there is told as one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides
    stop = threading.Event()
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            if halt.wait(_LOOK_EVERY_S):
                stop.set()
                time.sleep(_LOOK_EVERY_S)
        os._exit(_ORPHANED)

    threading.Thread(target=watch, daemon=True).start()
    _worker.update(path=path, folder=folder, longest_s=longest_s, stop=stop)


def _work(task: Task) -> Result:
    if "asker" not in _worker:
        known = know(_worker["path"], _worker["folder"])
        _worker["asker"] = Asker(known, 1, _worker["longest_s"], _worker["stop"])
        gc.collect()
        gc.freeze()  # half a million small objects of the program, which stay: not to be looked through time and again
    return do(_worker["asker"], task)


def seconds_until(end: float) -> float:
    """Return the seconds left until a moment, none when it has passed."""
    return max(0.0, end - time.monotonic())
