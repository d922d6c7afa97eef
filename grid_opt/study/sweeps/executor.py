"""Where the jobs of a sweep run: processes of this machine, behind the interface that a cluster has, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Protocol

from grid_opt.errors import InputError
from grid_opt.study.sweeps.jobs import Crew, Job, Outcome


class Executor(Protocol):
    """Take jobs, and give back what came of them in whichever order they end."""

    def slots(self) -> int:
        """Return how many jobs can run at a time now; a cluster may grow and shrink."""
        ...

    def submit(self, job: Job) -> None:
        """Start a job."""
        ...

    def wait(self, seconds: float) -> list[Outcome]:
        """Return the jobs that ended, waiting up to so many seconds for one."""
        ...

    def where(self) -> str:
        """Say in a few words where the jobs run."""
        ...


class LocalExecutor:
    """Run jobs as processes of this machine, so many at a time."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._crew = Crew()
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="case")
        self._running: set[Future[Outcome]] = set()

    def slots(self) -> int:
        """Return the number of workers."""
        return self._workers

    def submit(self, job: Job) -> None:
        """Start the process of a job, from a thread that watches over it."""
        self._running.add(self._pool.submit(self._crew.supervise, job))

    def wait(self, seconds: float) -> list[Outcome]:
        """Return the jobs that ended."""
        ended, self._running = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        return [one.result() for one in ended]

    def where(self) -> str:
        """Say how many processes there are."""
        return f"{self._workers} process{'es' if self._workers > 1 else ''} of this machine"

    def close(self) -> None:
        """Wait for the threads; their processes end when the sweep takes their folders away."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._crew.dismiss()


@contextmanager
def executor(workers: int | None, dask: str | None, threads: int) -> Iterator[Executor]:
    """Give the executor that a command asked for; ``threads`` is what a case takes, for the default of workers.

    Raises:
        InputError: the scheduler does not answer, or its library is not installed.
    """
    if dask is not None:
        if workers is not None:
            raise InputError("the workers of a cluster are its own", field="--workers", value=workers,
                             expected="either --workers or --dask")  # fmt: skip
        from grid_opt.study.sweeps.cluster import DaskExecutor  # noqa: PLC0415 - an extra

        cluster = DaskExecutor(dask)
        try:
            yield cluster
        finally:
            cluster.close()
        return
    local = LocalExecutor(workers or default_workers(threads))
    try:
        yield local
    finally:
        local.close()


def default_workers(threads: int) -> int:
    """Return how many cases of so many threads this machine has cores for."""
    return max(1, (os.cpu_count() or 1) // threads)
