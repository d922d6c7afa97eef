"""Commands that make many plans of one case: fronts of what trades off, and plans that stand elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grid_opt.cli.common import JsonOption, make_console, print_json, print_path, reporting, tell
from grid_opt.cli.runs import DEFAULT_CASE, CaseArgument, CaseFolderOption, HoursOption, SetOption

if TYPE_CHECKING:
    from grid_opt.cli.progress import ProgressLine

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder of results [default: under outputs].")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no table.")]


def pareto(
    case: CaseArgument = DEFAULT_CASE,
    of: Annotated[
        str,
        typer.Option(
            "--of",
            metavar="LIST",
            help="cost and one to three of carbon, tokens, waiting, water, concentration, with commas between.",
        ),
    ] = "cost,carbon",
    points: Annotated[
        int, typer.Option("--points", metavar="N", min=2, max=1000, help="Limits of each criterion beside the costs.")
    ] = 8,
    set_: SetOption = None,
    hours: HoursOption = None,
    out: OutOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find what less carbon, water or waiting costs: a front of plans that no other one beats."""
    with reporting(as_json):
        from grid_opt.study.cases import resolve_case  # noqa: PLC0415

        asked = resolve_case(case, set_ or (), hours)
        from grid_opt.study.tradeoffs.pareto import pareto as find  # noqa: PLC0415

        names = [name.strip() for name in of.split(",") if name.strip()]
        with progress_line(quiet) as line:
            found = find(asked, names, points, out=out, progress=line)
        if as_json:
            print_json(found)
        else:
            if not quiet:
                hidden = {f"{name}_limit" for name in names} | {"plan", "exit_code"}
                print_rows([{k: v for k, v in row.items() if k not in hidden} for row in found["front"]])
            left = f", {found['left_out']} beaten by others and left out" if found["left_out"] else ""
            for label, reason in found["without_plan"].items():
                tell(f"{label}: {reason}", err=True)
            tell(f"{len(found['front'])} points{left}; largest gap {100 * found['largest_gap']:.2g} %")
            _end(found)
    raise typer.Exit(int(found["exit_code"]))


def alternatives(
    case: Annotated[
        str, typer.Argument(metavar="CASE|PLAN.nc", help="A bundled case, a case file, or a plan to start from.")
    ] = DEFAULT_CASE,
    within: Annotated[
        str, typer.Option("--within", metavar="SHARE", help="Most costs beyond the cheapest plan's, as 2% or 0.02.")
    ] = "2%",
    count: Annotated[
        int, typer.Option("--count", metavar="K", min=1, max=100, help="Plans in all, the cheapest among them.")
    ] = 5,
    distance: Annotated[
        int, typer.Option("--distance", metavar="D", min=1, help="Regions in which each two plans differ at least.")
    ] = 1,
    set_: SetOption = None,
    hours: HoursOption = None,
    case_folder: CaseFolderOption = None,
    out: OutOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find plans that cost nearly the same and stand elsewhere, the farthest first."""
    with reporting(as_json):
        from grid_opt.study.tradeoffs.alternatives import alternatives as find  # noqa: PLC0415
        from grid_opt.study.tradeoffs.alternatives import share_of  # noqa: PLC0415

        with progress_line(quiet) as line:
            found = find(
                case, share_of(within), count, distance=distance, overrides=set_ or (), hours_file=hours,
                case_folder=case_folder, out=out, progress=line,
            )  # fmt: skip
        if as_json:
            print_json(found)
        else:
            if not quiet:
                hidden = {"plan", "exit_code", "cost_bound"}
                print_rows([{k: v for k, v in row.items() if k not in hidden} for row in found["alternatives"]])
            tell(f"{len(found['alternatives'])} plans within {100 * found['within']:g} % of the first one's costs")
            _end(found)
    raise typer.Exit(int(found["exit_code"]))


def _end(found: dict[str, Any]) -> None:
    tell(f"{found['solved']} programs solved, {found['reused']} taken from the folder")
    print_path("results", found["folder"])


@contextmanager
def progress_line(quiet: bool) -> Iterator[ProgressLine | None]:
    """Give a line of progress on stderr, and end it."""
    from grid_opt.cli.progress import ProgressLine  # noqa: PLC0415

    line = None if quiet else ProgressLine()
    try:
        yield line
    finally:
        if line is not None:
            line.close()


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print rows of the same keys as a table."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from grid_opt.report.words import plain  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for key, value in rows[0].items():
        table.add_column(key, justify="left" if isinstance(value, str) else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(f"{v:,.6g}" if isinstance(v, float) else plain(v, 400)) for v in row.values()))
    make_console().print(table)
