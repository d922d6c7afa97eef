"""Run sweeps and batches from their declaration to their results, resume them, and report on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grid_opt.errors import InputError
from grid_opt.study.sweeps.cases import shown
from grid_opt.study.sweeps.conduct import Status, Watcher, conduct
from grid_opt.study.sweeps.cube import require_parquet
from grid_opt.study.sweeps.executor import executor
from grid_opt.study.sweeps.layout import (
    Prepared,
    batched,
    case_of,
    check_unchanged,
    lay_out,
    prepared,
    refuse_used,
)
from grid_opt.study.sweeps.lock import locked
from grid_opt.study.sweeps.manifest import Manifest, Run, read_manifest
from grid_opt.study.sweeps.results import write_regrets, write_results
from grid_opt.study.sweeps.schema import Limits


class Quiet:
    """A watcher that says nothing."""

    def say(self, text: str) -> None:
        """Say nothing of a stage."""

    def update(self, status: Status) -> None:
        """Say nothing of how far it is."""

    def ended(self, label: str, run: Run, status: Status) -> None:
        """Say nothing of a run."""


def sweep(
    ref: str | Path,
    *,
    case: str | None = None,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    workers: int | None = None,
    dask: str | None = None,
    limits: Limits | None = None,
    parquet: bool = False,
    watcher: Watcher | None = None,
) -> dict[str, Any]:
    """Run every case of a sweep file, and write the results into ``out`` (default ``outputs/<sweep name>``).

    ``case``, a bundled name or a path, takes the place of the base case of the file, and ``overrides`` change it. Each
    case is a process of its own, ``workers`` at a time (default: as many as this machine has cores for), or on the
    cluster of the scheduler at ``dask``. Returns the summary: exit code, counts by state, a row per case.

    Raises:
        InputError: the file, or anything it changes, is refused; the folder holds a sweep already, or is in use.
        InterruptedRunError: Ctrl-C; ``resume`` goes on.
    """
    watch = watcher or Quiet()
    with prepared(ref, overrides, limits or Limits(), watch.say, case) as ready:
        return _begin(ready, Path(out or Path("outputs") / ready.sweep.name), workers, dask, parquet, watch)


def batch(
    refs: Sequence[str],
    *,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    workers: int | None = None,
    dask: str | None = None,
    limits: Limits | None = None,
    parquet: bool = False,
    watcher: Watcher | None = None,
) -> dict[str, Any]:
    """Run a list of cases with the machinery of sweeps; see :func:`sweep`. Default folder: ``outputs/batch``."""
    with batched("batch", refs, overrides, limits or Limits()) as ready:
        return _begin(ready, Path(out or "outputs/batch"), workers, dask, parquet, watcher or Quiet())


def _begin(
    ready: Prepared, folder: Path, workers: int | None, dask: str | None, parquet: bool, watch: Watcher
) -> dict[str, Any]:
    if parquet:
        require_parquet()
    refuse_used(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        refuse_used(folder)
        with executor(workers, dask, max(one.case.solve.threads for one in ready.cases)) as jobs:
            manifest = lay_out(ready, folder)
            conduct(folder, manifest, jobs, watch)
        watch.say("gathering the results")
        return write_results(manifest, folder, parquet)


def resume(
    folder: str | Path,
    *,
    workers: int | None = None,
    dask: str | None = None,
    limits: Limits | None = None,
    parquet: bool = False,
    watcher: Watcher | None = None,
) -> dict[str, Any]:
    """Go on with a sweep or batch: run what has no answer, or whose results are not whole by their checksums.

    Cases that were killed or failed are tried again, under new ``limits`` where these are given.

    Raises:
        InputError: no sweep is there, its account is damaged, or its inputs are not what they were.
    """
    there, watch = Path(folder), watcher or Quiet()
    manifest = read_manifest(there)
    if parquet:
        require_parquet()
    with locked(there):
        manifest = read_manifest(there)
        check_unchanged(manifest, there)
        given = {} if limits is None else {k: v for k, v in limits.model_dump().items() if v is not None}
        manifest.limits |= given
        threads = max(case_of(run, there).solve.threads for run in manifest.runs.values())
        with executor(workers, dask, threads) as jobs:
            conduct(there, manifest, jobs, watch)
        watch.say("gathering the results")
        return write_results(manifest, there, parquet)


def report(
    folder: str | Path, *, parquet: bool = False, regret: int = 0, watcher: Watcher | None = None
) -> dict[str, Any]:
    """Write the results of a sweep anew from what ran so far.

    With ``regret`` so many plans, those that come most often, are priced under every case (``regret.csv``).

    Raises: InputError while it is at work, or where plans cannot be priced under other cases.
    """
    there, watch = Path(folder), watcher or Quiet()
    read_manifest(there)
    with locked(there):
        manifest = read_manifest(there)
        if regret:
            check_unchanged(manifest, there)
        found = write_results(manifest, there, parquet)
        if regret:
            found["notes"] += write_regrets(manifest, there, regret, watch.say)
        return found


def dry_run(
    ref: str | Path, *, case: str | None = None, overrides: Sequence[str] = (), watcher: Watcher | None = None
) -> list[dict[str, Any]]:
    """Return the table of cases of a sweep, validated like a sweep that runs: label, place, and the run it shares."""
    with prepared(ref, overrides, Limits(), (watcher or Quiet()).say, case) as ready:
        return [
            {
                "case": one.label,
                **({"scenario": one.scenario} if ready.sweep.scenarios else {}),
                **{name: None if name not in one.place else shown(one.place[name]) for name in ready.sweep.axes},
                "run": digest[:16],
            }
            for one, digest in zip(ready.cases, ready.digests, strict=True)
        ]


def dry_batch(refs: Sequence[str], *, overrides: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the table of cases of a batch."""
    with batched("batch", refs, overrides, Limits()) as ready:
        return [{"case": one.label, "run": d[:16]} for one, d in zip(ready.cases, ready.digests, strict=True)]


def manifest_of(folder: str | Path) -> Manifest:
    """Return the account of a sweep. Raises :class:`InputError` where there is none."""
    path = Path(folder)
    if not path.is_dir():
        raise InputError("there is no such folder", file=path, expected="the folder of a sweep")
    return read_manifest(path)
