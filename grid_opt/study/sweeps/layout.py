"""Prepare a sweep or a batch: make and check its cases, and lay out the folder that it runs in.

The folder holds ``sweep.toml`` (the file as given), ``cases/`` (every different case, whole), ``tables/`` (the changed
tables), ``manifest.json``, and later ``runs/``.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from grid_opt.atomic import write_text
from grid_opt.config.case import Case
from grid_opt.config.loading import bundled_cases, case_from_toml, load_case
from grid_opt.config.toml_text import case_to_toml
from grid_opt.errors import InputError
from grid_opt.inputs.remembered import remembering
from grid_opt.study.sweeps.cases import Digests, OneCase, make_cases, shown, versions, with_tables
from grid_opt.study.sweeps.design import BASE
from grid_opt.study.sweeps.effects import Probe, Say, check_effects
from grid_opt.study.sweeps.loading import Source, load_base, load_sweep
from grid_opt.study.sweeps.lock import FILE as LOCK
from grid_opt.study.sweeps.manifest import FILE, Entry, Manifest, Run, file_sha256
from grid_opt.study.sweeps.schema import Limits, Sweep
from grid_opt.study.sweeps.tables import Overlays

TABLES = "tables"
CASES = "cases"
_HINT = "grid-opt resume {folder}"


@dataclass(frozen=True)
class Prepared:
    """The cases of a sweep, checked, with their changed tables in a folder for the time being."""

    kind: Literal["sweep", "batch"]
    sweep: Sweep
    text: str
    cases: list[OneCase]
    digests: list[str]
    scratch: Path
    overlays: Overlays

    def tables(self, one: OneCase) -> str | None:
        """Return the folder of the changed tables of a case, within that of the sweep."""
        return f"{TABLES}/{self.overlays.name(one.cells)}" if one.cells else None


@contextmanager
def prepared(
    ref: str | Path, overrides: Sequence[str], limits: Limits, say: Say, case: str | None = None
) -> Iterator[Prepared]:
    """Give the cases of a sweep file, all of them validated; ``case`` takes the place of its base case.

    Raises:
        InputError: anything in the file is refused, at its line; or nothing reads what it changes.
    """
    sweep, source = load_sweep(ref)
    changes: dict[str, Any] = {"limits": _limits(sweep.limits, limits)}
    if case is not None:
        changes["case"] = case if case in bundled_cases() else str(Path(case).resolve())
    sweep = sweep.model_copy(update=changes)
    base = load_base(sweep, source, overrides)
    cases = make_cases(sweep, source, base)
    with TemporaryDirectory(prefix="grid-opt-") as scratch:
        overlays = Overlays(base.tables_dir, source)
        probe = Probe(source, overlays, Path(scratch), say)
        digests = Digests()
        found = [digests.of(probe.with_cells(one)) for one in cases]
        with remembering():
            check_effects(sweep, source, cases, probe)
        yield Prepared("sweep", sweep, source.text, cases, found, Path(scratch), overlays)


@contextmanager
def batched(name: str, refs: Sequence[str], overrides: Sequence[str], limits: Limits) -> Iterator[Prepared]:
    """Give the cases of a batch, each read and validated as ``grid-opt run`` does.

    Raises:
        InputError: a case is refused.
    """
    loaded = [load_case(ref, overrides) for ref in refs]
    names = Counter(case.name for case in loaded)
    labels = [
        case.name if names[case.name] == 1 else f"{case.name} ({ref})" for case, ref in zip(loaded, refs, strict=True)
    ]
    repeated = [ref for ref, count in Counter(refs).items() if count > 1]
    if repeated:
        raise InputError("this case is named twice", field="CASE", value=repeated[0], expected="each case once")
    cases = [OneCase(label, case, {}) for label, case in zip(labels, loaded, strict=True)]
    sweep = Sweep.model_construct(name=name, title="", limits=limits, axes={}, scenarios={}, reuse=False)
    with TemporaryDirectory(prefix="grid-opt-") as scratch:
        digests = Digests()
        found = [digests.of(case) for case in loaded]
        yield Prepared("batch", sweep, "", cases, found, Path(scratch), Overlays(None, Source("batch")))


def _limits(given: Limits, asked: Limits) -> Limits:
    """Return the limits of the file, as far as the command asks for no others."""
    return given.model_copy(update={key: value for key, value in asked.model_dump().items() if value is not None})


def refuse_used(folder: Path) -> None:
    """Refuse a folder that holds a sweep already, or anything else: what a killed sweep left may be cleared away."""
    if folder.exists() and not (folder / LOCK).exists() and any(folder.iterdir()):
        raise InputError(
            "this folder is not empty, and holds no sweep", file=folder, expected="a new or an empty folder",
            fix="give another folder with --out",
        )  # fmt: skip
    if (folder / FILE).exists():
        raise InputError(
            "this folder holds a sweep already", file=folder / FILE, expected="a new or an empty folder",
            fix=f"go on with it: {_HINT.format(folder=folder)}; or give another folder with --out",
        )  # fmt: skip


def lay_out(ready: Prepared, folder: Path) -> Manifest:
    """Write the cases, the tables and the account of a sweep into its folder; the account last."""
    for name in (CASES, TABLES, "runs"):
        if (folder / name).exists():  # of a sweep that was killed before it had an account
            shutil.rmtree(folder / name)
    (folder / CASES).mkdir(parents=True)
    if any(one.cells for one in ready.cases):
        for made in sorted(ready.scratch.iterdir()):
            shutil.copytree(made, folder / TABLES / made.name)
    if ready.text:
        write_text(folder / "sweep.toml", ready.text)
    runs: dict[str, Run] = {}
    for one, digest in zip(ready.cases, ready.digests, strict=True):
        if digest not in runs:
            runs[digest] = _lay_out_run(ready, one, digest, folder)
    entries = [
        Entry(one.label, digest, one.scenario, dict(one.place))
        for one, digest in zip(ready.cases, ready.digests, strict=True)
    ]
    manifest = Manifest(
        ready.kind, ready.sweep.name, ready.sweep.title, _method(ready), _axes(ready),
        [BASE, *ready.sweep.scenarios] if ready.sweep.scenarios else [],
        ready.sweep.limits.model_dump(), versions(), entries, runs, ready.sweep.reuse,
    )  # fmt: skip
    manifest.write(folder)
    return manifest


def _lay_out_run(ready: Prepared, one: OneCase, digest: str, folder: Path) -> Run:
    base = one.case.resolve(".").resolve()
    run = Run(digest, "", Path(os.path.relpath(base, folder.resolve())).as_posix(), ready.tables(one))
    path = folder / CASES / f"{run.id}.toml"
    write_text(path, case_to_toml(one.case))
    run.case_sha256 = file_sha256(path)
    return run


def _method(ready: Prepared) -> str:
    return "list" if ready.kind == "batch" else ready.sweep.design.method


def _axes(ready: Prepared) -> dict[str, list[object]]:
    """Return the values of the axes of a grid, in order; of other methods the names only."""
    sweep = ready.sweep
    if ready.kind == "batch" or sweep.design.method != "grid":
        return {name: [] for name in sweep.axes}
    found: dict[str, list[object]] = {}
    for name in sweep.axes:
        found[name] = list({shown(one.place[name]): one.place[name] for one in ready.cases}.values())
    return found


def check_unchanged(manifest: Manifest, folder: Path) -> None:
    """Refuse to go on with a sweep whose cases, inputs or programs are no longer what they were.

    Raises:
        InputError: naming the case, and what to do.
    """
    now = versions()
    for name, version in manifest.versions.items():
        if now.get(name) != version:
            raise InputError(f"the sweep was begun with {name} {version}", file=folder / FILE, field=f"versions.{name}",
                             value=now.get(name), expected=version,
                             fix="install that version, or start the sweep anew in another folder")  # fmt: skip
    digests = Digests()
    for run in manifest.runs.values():
        path = folder / CASES / f"{run.id}.toml"
        if not path.is_file() or file_sha256(path) != run.case_sha256 or digests.of(case_of(run, folder)) != run.digest:
            label = next(entry.label for entry in manifest.cases if entry.run == run.digest)
            raise InputError(f"the case {label}, or an input that it reads, is not what it was when the sweep began",
                             file=path, expected=f"a case and inputs with the digest {run.id}",
                             fix="restore them, or start the sweep anew in another folder")  # fmt: skip


def case_of(run: Run, folder: Path) -> Case:
    """Return the case of a run, with its tables."""
    path = folder / CASES / f"{run.id}.toml"
    source = Path(os.path.normpath(folder.resolve() / run.base_folder)) / path.name
    case = case_from_toml(path.read_text(encoding="utf-8"), source=source)
    return with_tables(case, None if run.tables is None else folder.resolve() / run.tables)
