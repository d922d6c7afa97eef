"""Run the jobs of a sweep on a cluster of dask.distributed, whose workers share the folder of the sweep.

Every job is a process of its own there, too, watched by the worker that got it. A job whose worker dies is given to
another one by the scheduler; after three deaths it is recorded as killed.
"""

from __future__ import annotations

from typing import Any

from grid_opt.errors import InputError
from grid_opt.study.sweeps.jobs import Job, Outcome, supervise

_PATIENCE_S = 20.0
_EXTRA = "pip install 'grid-opt[dask]'"


class DaskExecutor:
    """Hand jobs to a scheduler of dask.distributed."""

    def __init__(self, address: str) -> None:
        try:
            import distributed  # noqa: PLC0415 - an extra
        except ImportError:
            raise InputError("--dask needs dask.distributed, which is not installed", field="--dask", value=address,
                             expected="grid-opt with its extra 'dask'", fix=_EXTRA) from None  # fmt: skip
        self._address = address
        self._jobs: dict[Any, Job] = {}
        try:
            connect: Any = distributed.Client
            self._client: Any = connect(address, timeout=_PATIENCE_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(f"no scheduler answers: {error}", field="--dask", value=address,
                             expected="the address of a running scheduler, such as tcp://host:8786",
                             fix="start one with: dask scheduler") from None  # fmt: skip

    def slots(self) -> int:
        """Return the threads of all workers there are now; each runs one job at a time."""
        return max(1, sum(int(count) for count in self._client.nthreads().values()))

    def submit(self, job: Job) -> None:
        """Give a job to the scheduler."""
        self._jobs[self._client.submit(supervise, job, pure=False)] = job

    def wait(self, seconds: float) -> list[Outcome]:
        """Return the jobs that ended; one that no worker survived is recorded as killed."""
        import distributed  # noqa: PLC0415 - an extra

        wait_for: Any = distributed.wait
        try:
            with self._client.as_current():
                ended = wait_for(list(self._jobs), timeout=seconds, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return []
        return [self._outcome(one, self._jobs.pop(one)) for one in ended]

    def where(self) -> str:
        """Say where the scheduler is and how many workers it has."""
        return f"{len(self._client.nthreads())} workers of {self._address}"

    def close(self) -> None:
        """Leave the scheduler, taking back what has not begun."""
        if self._jobs:
            self._client.cancel(list(self._jobs), force=True)
        self._client.close()

    def _outcome(self, future: Any, job: Job) -> Outcome:
        if future.status == "finished":
            outcome: Outcome = future.result()
            return outcome
        error = future.exception() if future.status == "error" else None
        what = f"{type(error).__name__}: {error}" if error is not None else future.status
        return Outcome(job.digest, job.work, "killed", f"its worker was lost: {what}")
