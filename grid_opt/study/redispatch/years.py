"""Run the operating years of a plan, each a program of its own, in processes side by side."""

from __future__ import annotations

import math
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

import xarray as xr

from grid_opt.config import Case
from grid_opt.errors import SolverError
from grid_opt.inputs.full_year import one_year
from grid_opt.solve.answer import Options
from grid_opt.solve.dispatch import HOURLY, Dispatched, dispatch

_BYTES_PER_MB = 1024 * 1024


@dataclass(frozen=True)
class Job:
    """One operating year to run; ``world`` and ``plan`` have that year and the regions with campuses only."""

    key: str
    case: Case
    world: xr.Dataset
    plan: xr.Dataset


@dataclass(frozen=True)
class Effort:
    """What running the years took; ``peak_mb`` adds up the processes, ``nan`` where the system does not tell."""

    rows: int
    columns: int
    seconds: float
    peak_mb: float
    workers: int


def jobs_of(key: str, case: Case, world: xr.Dataset, plan: xr.Dataset) -> list[Job]:
    """Return a job for every operating year."""
    years = world["year"].values.tolist()
    return [Job(f"{key} {year}", case, one_year(world, year), one_year(plan, year)) for year in years]


def run_jobs(
    jobs: Sequence[Job], workers: int, tell: Callable[[str], None]
) -> tuple[dict[str, Dispatched], float, int]:
    """Run all jobs; return what came of them by key, the memory of the workers together [MB], and their number.

    With one worker they run in this process. More are spawned, never forked: HiGHS does not survive a fork.

    Raises:
        SolverError: a program was not solved to optimality, or a process of it was killed.
    """
    workers = max(1, min(workers, len(jobs)))
    found: dict[str, Dispatched] = {}
    if workers == 1:
        for job in jobs:
            found[job.key] = _run(job)[0]
            tell(_told(job.key, found[job.key], len(found), len(jobs)))
        return found, 0.0, 1
    peaks: dict[int, float] = {}
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures: dict[Future[tuple[Dispatched, int, float]], Job] = {pool.submit(_run, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                key = futures[future].key
                found[key], process, peak = future.result()
                peaks[process] = max(peak, peaks.get(process, 0.0))
                tell(_told(key, found[key], len(found), len(jobs)))
        except BrokenProcessPool as error:
            raise SolverError("a process that ran a year was killed; is there enough memory?") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return found, math.fsum(peaks.values()), workers


def _told(key: str, one: Dispatched, done: int, of: int) -> str:
    size = f"{one.rows:,} rows, {one.columns:,} columns"
    return f"ran {key} in {one.seconds:.1f} s ({size}); {done} of {of}"


def _run(job: Job) -> tuple[Dispatched, int, float]:
    options = Options(gap=0.0, threads=1, seed=job.case.solve.seed, time_limit_s=math.inf)
    return dispatch(job.case, job.world, job.plan, options), os.getpid(), peak_mb()


def together(parts: Sequence[Dispatched], world: xr.Dataset) -> Dispatched:
    """Join the years of a plan into one, by the labels of the whole world."""
    first = parts[0]

    def joined(names: Sequence[str], kind: str) -> dict[str, xr.DataArray]:
        found = {}
        for name in names:
            arrays = [getattr(part, kind)[name] for part in parts]
            has_year = "year" in arrays[0].dims
            found[name] = xr.concat(arrays, dim="year") if has_year else _billed(arrays, world)
            found[name] = found[name].transpose(*arrays[0].dims).assign_attrs(arrays[0].attrs)
        return found

    return replace(
        first,
        variables=joined(list(first.variables), "variables"),
        shortfalls=joined(list(first.shortfalls), "shortfalls"),
        costs=joined(list(first.costs), "costs"),
        hourly=xr.concat([part.hourly for part in parts], dim="year").transpose(*HOURLY),
        objective_usd=math.fsum(part.objective_usd for part in parts),
        rows=sum(part.rows for part in parts),
        columns=sum(part.columns for part in parts),
        seconds=math.fsum(part.seconds for part in parts),
    )


def _billed(arrays: Sequence[xr.DataArray], world: xr.Dataset) -> xr.DataArray:
    """Join quantities of bills: what several years pay for is the same in each, and 0 where none does."""
    (dim,) = (str(d) for d in arrays[0].dims)
    found = dict.fromkeys(world[dim].values.tolist(), 0.0)
    for array in arrays:
        for label, value in zip(array[dim].values.tolist(), array.values.tolist(), strict=True):
            found[label] = max(found[label], value)
    return xr.DataArray(list(found.values()), coords={dim: list(found)}, dims=(dim,))


def peak_mb() -> float:
    """Return the most memory that this process had [MB]; NaN where the system does not tell."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _BYTES_PER_MB if sys.platform == "darwin" else peak / 1024
