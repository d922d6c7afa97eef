"""The command that runs a plan through the full year."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grid_opt.cli.common import JsonOption, make_console, print_json, print_path, reporting, tell
from grid_opt.cli.runs import CaseFolderOption, PlanArgument


def redispatch(
    plan: PlanArgument,
    add_days: Annotated[
        int,
        typer.Option("--add-days", metavar="N", help="Write the case with the N days added that the plan has wrong."),
    ] = 0,
    across_days: Annotated[
        bool, typer.Option("--across-days", help="Let batteries carry energy from day to day through the year.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Processes that run years side by side [default: cores]."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of results [default: full_year beside the plan]."),
    ] = None,
    case_folder: CaseFolderOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no summary.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a plan through all 8,760 hours of its years, and say what its representative days got wrong."""
    with reporting(as_json):
        from grid_opt.cli.progress import ProgressLine  # noqa: PLC0415
        from grid_opt.study.redispatch.run import default_workers  # noqa: PLC0415
        from grid_opt.study.redispatch.run import redispatch as run_full_year  # noqa: PLC0415

        line = None if quiet else ProgressLine()
        try:
            done = run_full_year(
                plan, out=out, case_folder=case_folder, add_days=add_days, across_days=across_days,
                workers=workers or default_workers(), progress=line,
            )  # fmt: skip
        finally:
            if line is not None:
                line.close()
        if as_json:
            print_json({"exit_code": int(done.exit_code), "folder": str(done.folder), **done.summary})
        elif not quiet:
            from grid_opt.report.terminal_redispatch import print_redispatch  # noqa: PLC0415

            print_redispatch(done.summary, make_console())
        if not as_json:
            for check in done.report.failed:
                tell(f"BROKEN: {check.name} at {check.place}: off by {check.violation:.6g} {check.unit}", err=True)
            for warning in done.report.warnings:
                tell(f"note: {warning}")
            tell(done.report.closing, err=not done.report.ok)
            if add_days:
                print_path("case with these days", done.folder / "with_days.toml")
            print_path("results", done.folder)
    raise typer.Exit(int(done.exit_code))
