"""Commands that draw and export from a plan."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from grid_opt.cli.common import JsonOption, print_json, print_path, reporting
from grid_opt.cli.runs import PlanArgument


class Format(StrEnum):
    """What a plan is exported to."""

    gpkg = "gpkg"
    csv = "csv"
    bills = "bills"


def draw_map(
    plan: PlanArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.png", help="Picture [default: map.png beside the plan]."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the map of a plan."""
    with reporting(as_json):
        from grid_opt.plan.io import open_plan, read_outlines  # noqa: PLC0415
        from grid_opt.report.map_static import write_map  # noqa: PLC0415

        target = out or plan.with_name("map.png")
        write_map(open_plan(plan), target, outlines=read_outlines(plan) or None)
        _say_written(target, as_json)


def export(
    plan: PlanArgument,
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="gpkg: layers for a GIS; csv: a folder of tables; bills: every line of every month, as CSV.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="PATH", help="File or folder [default: plan.gpkg, tables or bills.csv, beside the plan]."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Export a plan to a GeoPackage, to CSV tables, or its bills alone."""
    with reporting(as_json):
        from grid_opt.plan.io import open_plan, read_outlines  # noqa: PLC0415

        opened = open_plan(plan)
        if format_ is Format.gpkg:
            from grid_opt.report.geopackage import write_geopackage  # noqa: PLC0415

            target = out or plan.with_suffix(".gpkg")
            write_geopackage(opened, target, read_outlines(plan) or None)
        elif format_ is Format.bills:
            from grid_opt.report.tables import write_bills  # noqa: PLC0415

            target = out or plan.with_name("bills.csv")
            write_bills(opened, target)
        else:
            from grid_opt.report.tables import write_csv  # noqa: PLC0415

            target = out or plan.with_name("tables")
            write_csv(opened, target)
        _say_written(target, as_json)


def _say_written(target: Path, as_json: bool) -> None:
    if as_json:
        print_json({"written": str(target), "exit_code": 0})
    else:
        print_path("written", target)
