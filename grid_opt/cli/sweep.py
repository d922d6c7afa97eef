"""Commands that run many cases: sweeps and batches, resumable, here or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grid_opt.cli.common import JsonOption, make_console, print_json, print_path, reporting, tell
from grid_opt.cli.runs import SetOption

if TYPE_CHECKING:
    from grid_opt.study.sweeps.conduct import Watcher
    from grid_opt.study.sweeps.schema import Limits

WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", "-n", metavar="N", min=1, help="Cases at a time [default: cores over solve.threads]."),
]
DaskOption = Annotated[
    str | None,
    typer.Option("--dask", metavar="ADDRESS", help="Run on the cluster of this dask scheduler (extra: dask)."),
]
SecondsOption = Annotated[
    float | None, typer.Option("--case-seconds", metavar="S", min=0.1, help="End a case that takes longer.")
]
MemoryOption = Annotated[
    float | None, typer.Option("--case-memory-mb", metavar="MB", min=1, help="End a case that takes more memory.")
]
ParquetOption = Annotated[bool, typer.Option("--parquet", help="Write cases.parquet, too (extra: parquet).")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no table.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Validate everything and print the cases; run none.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a sweep or batch.")]


def sweep(
    file: Annotated[str, typer.Argument(metavar="SWEEP", help="Name of a bundled sweep, or a sweep file (TOML).")],
    workers: WorkersOption = None,
    dask: DaskOption = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="Base case instead of the one that the file names.")
    ] = None,
    set_: SetOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of results [default: outputs/<sweep>].")
    ] = None,
    case_seconds: SecondsOption = None,
    case_memory_mb: MemoryOption = None,
    parquet: ParquetOption = False,
    dry: DryOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the cases of a sweep file, and gather them in one data cube."""
    with reporting(as_json):
        from grid_opt.study.sweeps import study  # noqa: PLC0415

        with _watching(quiet) as watcher:
            if dry:
                rows = study.dry_run(file, case=case, overrides=set_ or (), watcher=watcher)
            else:
                summary = study.sweep(
                    file, case=case, overrides=set_ or (), out=out, workers=workers, dask=dask, parquet=parquet,
                    watcher=watcher, limits=_limits(case_seconds, case_memory_mb),
                )  # fmt: skip
        code = _print_cases(rows, as_json) if dry else _print_summary(summary, quiet, as_json)
    raise typer.Exit(code)


def batch(
    cases: Annotated[list[str], typer.Argument(metavar="CASE...", help="Bundled cases or case files (TOML).")],
    workers: WorkersOption = None,
    dask: DaskOption = None,
    set_: SetOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of results [default: outputs/batch].")
    ] = None,
    case_seconds: SecondsOption = None,
    case_memory_mb: MemoryOption = None,
    parquet: ParquetOption = False,
    dry: DryOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a list of cases, as a sweep is run."""
    with reporting(as_json):
        from grid_opt.study.sweeps import study  # noqa: PLC0415

        if dry:
            rows = study.dry_batch(cases, overrides=set_ or ())
        else:
            with _watching(quiet) as watcher:
                summary = study.batch(
                    cases, overrides=set_ or (), out=out, workers=workers, dask=dask, parquet=parquet, watcher=watcher,
                    limits=_limits(case_seconds, case_memory_mb),
                )  # fmt: skip
        code = _print_cases(rows, as_json) if dry else _print_summary(summary, quiet, as_json)
    raise typer.Exit(code)


def resume(
    folder: FolderArgument,
    workers: WorkersOption = None,
    dask: DaskOption = None,
    case_seconds: SecondsOption = None,
    case_memory_mb: MemoryOption = None,
    parquet: ParquetOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a sweep or batch that was interrupted or killed; try again what failed."""
    with reporting(as_json):
        from grid_opt.study.sweeps import study  # noqa: PLC0415

        with _watching(quiet) as watcher:
            summary = study.resume(
                folder, workers=workers, dask=dask, parquet=parquet, watcher=watcher,
                limits=_limits(case_seconds, case_memory_mb),
            )  # fmt: skip
        code = _print_summary(summary, quiet, as_json)
    raise typer.Exit(code)


def sweep_report(
    folder: FolderArgument,
    parquet: ParquetOption = False,
    regret: Annotated[
        int,
        typer.Option(
            "--regret",
            min=0,
            metavar="N",
            help="Price the N plans that come most often under every case: their campuses kept, all else decided anew.",
        ),
    ] = 0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the data cube, tables and pictures of a sweep anew, from what ran so far."""
    with reporting(as_json):
        from grid_opt.study.sweeps import study  # noqa: PLC0415

        with _watching(quiet or not regret) as watcher:
            summary = study.report(folder, parquet=parquet, regret=regret, watcher=watcher)
        code = _print_summary(summary, False, as_json)
    raise typer.Exit(code)


def _limits(seconds: float | None, memory_mb: float | None) -> Limits:
    from grid_opt.study.sweeps.schema import Limits  # noqa: PLC0415

    return Limits(seconds=seconds, memory_mb=memory_mb)


@contextmanager
def _watching(quiet: bool) -> Iterator[Watcher | None]:
    """Give a watcher that shows the progress on stderr, and end what it shows."""
    from grid_opt.cli.sweep_progress import SweepProgress  # noqa: PLC0415

    if quiet:
        yield None
        return
    progress = SweepProgress()
    try:
        yield progress
    finally:
        progress.close()


def _print_cases(rows: list[dict[str, Any]], as_json: bool) -> int:
    shared = len(rows) - len({row["run"] for row in rows})
    if as_json:
        print_json({"cases": rows, "runs": len(rows) - shared, "exit_code": 0})
        return 0
    shown = [_narrow(row, set(row) - {"case", "scenario", "run"}) for row in rows]
    _print_table(shown, lambda _: "")
    also = f", {shared} of them the same as another one" if shared else ""
    tell(f"{len(rows)} cases{also}; everything in the file is valid")
    return 0


def _print_summary(summary: dict[str, Any], quiet: bool, as_json: bool) -> int:
    code = int(summary["exit_code"])
    if as_json:
        print_json(summary)
        return code
    if not quiet:
        hidden = {"bound", "exit_code", "run", "peak_mb", "reason", "usd_per_million_tokens", "tokens_last_year"}
        rows = [_narrow(row, set(summary["axes"])) for row in summary["cases"]]
        rows = [{key: value for key, value in row.items() if key not in hidden} for row in rows]
        _print_table(rows, _color_of)
        for row in summary["cases"]:
            if row["reason"]:
                tell(f"{row['label']}: {row['state']}: {row['reason'][:300]}")
    for note in summary["notes"]:
        tell(f"note: {note}")
    counts = ", ".join(f"{count} {state}" for state, count in summary["counts"].items())
    tell(f"{len(summary['cases'])} cases, {summary['runs']} different: {counts}")
    print_path("results", summary["folder"])
    return code


_MOST_ROWS = 60
_MOST_CHARACTERS = 400
_MOST_AXES = 4


def _narrow(row: dict[str, Any], axes: set[str]) -> dict[str, Any]:
    """Leave out the columns of many axes: the label of the case names those that moved."""
    return row if len(axes) <= _MOST_AXES else {key: value for key, value in row.items() if key not in axes}


def _print_table(rows: list[dict[str, Any]], color_of: Callable[[dict[str, Any]], str]) -> None:
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from grid_opt.report.words import plain  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for key in rows[0]:
        table.add_column(
            escape(plain(key, 60)), justify="right" if isinstance(rows[0][key], float) else "left", overflow="fold"
        )
    for row in rows[:_MOST_ROWS]:
        table.add_row(
            *(escape(plain(_cell(value), _MOST_CHARACTERS)) for value in row.values()), style=color_of(row) or None
        )
    make_console().print(table)
    if len(rows) > _MOST_ROWS:
        tell(f"... and {len(rows) - _MOST_ROWS} more: all of them are in cases.csv or --json")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _color_of(row: dict[str, Any]) -> str:
    return {"done": "", "gap": "yellow", "pending": "dim"}.get(str(row["state"]), "red")
