"""The command that checks an installation."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from grid_opt.cli.common import JsonOption, print_json, reporting, tell
from grid_opt.errors import ExitCode

_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


def doctor(as_json: JsonOption = False) -> None:
    """Check Python, packages, the solver, the bundled data and the output folder."""
    with reporting(as_json):
        findings = list(examine())
        well = all(finding.ok for finding in findings)
        code = ExitCode.DONE if well else ExitCode.NO_PLAN
        if as_json:
            checks = [vars(finding) for finding in findings]
            print_json({"ok": well, "checks": checks, "exit_code": int(code)})
        else:
            for finding in findings:
                mark = "ok  " if finding.ok else "FAIL"
                tell(f"{mark}  {finding.name:<28} {finding.detail}")
            tell(
                "all is well" if well else "grid-opt cannot be trusted here until this is mended",
                err=not well,
            )
    raise typer.Exit(int(code))


def examine() -> Iterator[Finding]:
    """Look at everything that a run needs. A part that breaks is a finding, not the end."""
    yield _python()
    yield from _packages()
    yield from _each(_solver, "solver")
    yield from _each(_definitions, "cases and definitions")
    yield from _each(_tables, "input tables")
    yield from _each(_output_folder, "output folder")


def _each(look: Callable[[], Iterator[Finding]], name: str) -> Iterator[Finding]:
    try:
        yield from look()
    except Exception as error:  # whatever it is, the user must see it beside the other findings
        yield Finding(name, False, f"{type(error).__name__}: {error}")


def _python() -> Finding:
    wanted = ".".join(map(str, _OLDEST_PYTHON))
    return Finding("Python", sys.version_info >= _OLDEST_PYTHON, f"{platform.python_version()} (needs {wanted})")


def _packages() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, requires, version  # noqa: PLC0415

    from packaging.requirements import Requirement  # noqa: PLC0415

    try:
        wanted = [Requirement(text) for text in requires("grid-opt") or ()]
    except PackageNotFoundError:
        yield Finding("grid-opt", False, "not installed; run `pip install .`")
        return
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Finding(requirement.name, False, f"missing (needs {requirement.specifier})")
            continue
        yield Finding(
            requirement.name,
            requirement.specifier.contains(found, prereleases=True),
            f"{found} (needs {requirement.specifier})",
        )


def _solver() -> Iterator[Finding]:
    from grid_opt.solve.canary import check_solver  # noqa: PLC0415

    for name, ok, detail in check_solver():
        yield Finding(f"solver: {name}", bool(ok), str(detail))


def _definitions() -> Iterator[Finding]:
    from grid_opt.compute import bundled_definitions, load_accelerator, load_workload  # noqa: PLC0415
    from grid_opt.config import bundled_cases, load_case  # noqa: PLC0415

    cases = [load_case(name).name for name in bundled_cases()]
    accelerators = [load_accelerator(name).name for name in bundled_definitions("accelerator")]
    workloads = [load_workload(name).name for name in bundled_definitions("workload")]
    for what, names in (("cases", cases), ("accelerators", accelerators), ("workloads", workloads)):
        yield Finding(what, bool(names), ", ".join(names) or "none found")


def _tables() -> Iterator[Finding]:
    from grid_opt.inputs.tables import read_table  # noqa: PLC0415
    from grid_opt.resources import data_dir  # noqa: PLC0415

    names = sorted(path.stem for path in data_dir().glob("*.csv") if path.stem != "SOURCES")
    rows = sum(len(read_table(name)) for name in names)
    yield Finding("input tables", bool(names), f"{len(names)} tables, {rows} rows")


def _output_folder() -> Iterator[Finding]:
    import tempfile  # noqa: PLC0415

    folder = Path("outputs")
    place = folder if folder.is_dir() else Path()
    with tempfile.TemporaryFile(dir=place) as probe:
        probe.write(b"grid-opt")
        probe.flush()
    yield Finding("output folder", True, f"{folder} can be written")
