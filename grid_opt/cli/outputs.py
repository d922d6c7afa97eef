"""Commands that draw and export from a plan."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grid_opt.cli.common import JsonOption, make_console, print_json, print_path, reporting, tell
from grid_opt.cli.runs import CaseFolderOption, PlanArgument
from grid_opt.errors import ExitCode, InputError

if TYPE_CHECKING:
    import xarray as xr

    from grid_opt.plan.geometry import Outlines


class Format(StrEnum):
    """What a plan is exported to."""

    gpkg = "gpkg"
    geoparquet = "geoparquet"
    geojson = "geojson"
    csv = "csv"
    xlsx = "xlsx"
    iamc = "iamc"
    bills = "bills"


class Picture(StrEnum):
    """What the map of a plan is drawn as."""

    png = "png"
    svg = "svg"
    html = "html"


def draw_map(
    plan: PlanArgument,
    format_: Annotated[
        list[Picture] | None,
        typer.Option(
            "--format",
            help="png or svg: a still picture; html: a page that opens offline, with time slider and layers. "
            "May be repeated [default: png and html, or what the name of --out says].",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="File [default: map.png and map.html beside the plan]."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the map of a plan: a still picture, and a page to explore it in."""
    with reporting(as_json):
        from grid_opt.plan.explanation import with_explanation  # noqa: PLC0415
        from grid_opt.plan.io import open_plan, read_outlines  # noqa: PLC0415
        from grid_opt.report.map_html import write_map_html  # noqa: PLC0415
        from grid_opt.report.map_static import write_map  # noqa: PLC0415

        targets = _pictures(plan, format_, out)
        opened, outlines = with_explanation(open_plan(plan), plan), read_outlines(plan) or None
        for target in targets:
            if target.suffix.lower() == ".html":
                write_map_html(opened, target, outlines)
            else:
                write_map(opened, target, outlines=outlines)
        _say_written(targets, as_json)


def _pictures(plan: Path, asked: list[Picture] | None, out: Path | None) -> list[Path]:
    """Return the files to write, for the formats asked for or by the suffix of ``out``."""
    if out is None:
        return [plan.with_name(f"map.{picture}") for picture in dict.fromkeys(asked or (Picture.png, Picture.html))]
    known = [f".{picture}" for picture in Picture]
    if out.suffix.lower() not in known:
        raise InputError(
            "the map cannot be written under this name", field="--out", value=str(out),
            expected=f"a name that ends in {', '.join(known)}", fix=f"write {out.with_suffix('.png').name}",
        )  # fmt: skip
    if asked and [f".{picture}" for picture in dict.fromkeys(asked)] != [out.suffix.lower()]:
        raise InputError(
            "--format and --out disagree", field="--format", value=", ".join(asked), expected=out.suffix[1:].lower(),
            fix="leave one of them out",
        )  # fmt: skip
    return [out]


def report(
    plan: PlanArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.html", help="File [default: report.html beside the plan]."),
    ] = None,
    case_folder: CaseFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a plan and write its report: one page that opens offline (extra: report)."""
    with reporting(as_json):
        from grid_opt.study.report import report as write_report  # noqa: PLC0415

        target, found = write_report(plan, out, case_folder=case_folder)
        code = ExitCode.DONE if found.ok else ExitCode.VERIFICATION_FAILED
        if as_json:
            print_json({"written": str(target), "verified": found.ok, "exit_code": int(code)})
        else:
            print_path("written", target)
            tell(found.closing, err=not found.ok)
    raise typer.Exit(int(code))


def compare(
    plans: Annotated[list[Path], typer.Argument(metavar="A.nc B.nc ...", help="Plans written by `grid-opt run`.")],
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE.csv", help="Write the rows as CSV, too.")] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE.html", help="Write a page with the maps, too.")
    ] = None,
    map_: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE.png", help="Draw where the MW differ from the first plan, as PNG or SVG."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare plans side by side: megawatts, dollars, tokens, sites and contracts."""
    with reporting(as_json):
        from grid_opt.plan.io import open_plan, read_outlines  # noqa: PLC0415
        from grid_opt.report import comparison  # noqa: PLC0415
        from grid_opt.report.map_difference import write_difference_map  # noqa: PLC0415

        if len(plans) < 2:
            raise InputError(
                "there is one plan to compare", field="A.nc B.nc ...", value=str(plans[0]),
                expected="two plans or more", fix="name another plan.nc, too",
            )  # fmt: skip
        if map_ is not None and map_.suffix.lower() not in (".png", ".svg"):
            raise InputError(
                "the map cannot be written under this name", field="--map", value=str(map_),
                expected="a name that ends in .png or .svg", fix=f"write {map_.with_suffix('.png').name}",
            )  # fmt: skip
        opened, outlines = [open_plan(path) for path in plans], [read_outlines(path) or None for path in plans]
        found = comparison.compare(dict(zip(comparison.labels_of(plans), opened, strict=True)))
        if csv is not None:
            comparison.write_comparison_csv(found, csv)
        if html is not None:
            comparison.write_comparison_html(found, opened, html, outlines)
        if map_ is not None:
            write_difference_map(found.labels, opened, map_, outlines)
        written = [path for path in (csv, html, map_) if path is not None]
        if as_json:
            files = [str(path) for path in plans]
            print_json({**found.to_dict(), "files": files, "written": [str(path) for path in written], "exit_code": 0})
            return
        comparison.print_comparison(found, make_console())
        for path in written:
            print_path("written", path)


_BESIDE = {
    Format.gpkg: "plan.gpkg", Format.geoparquet: "geoparquet", Format.geojson: "geojson", Format.csv: "tables",
    Format.xlsx: "plan.xlsx", Format.iamc: "iamc.csv", Format.bills: "bills.csv",
}  # fmt: skip
"""What an export is called beside the plan."""


def export(
    plan: PlanArgument,
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="gpkg: styled layers for QGIS; geoparquet, geojson: a folder of layers; csv: a folder "
            "of tables; xlsx: the same as a workbook (extra: report); iamc: variables by region and year, as the IAMC "
            "has them; bills: every line of every month, as CSV.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help=f"File or folder [default: {', '.join(dict.fromkeys(_BESIDE.values()))}, beside the plan].",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Export a plan to a GIS, to tables, to a workbook, or its bills alone."""
    with reporting(as_json):
        from grid_opt.plan.explanation import with_explanation  # noqa: PLC0415
        from grid_opt.plan.io import open_plan, read_outlines  # noqa: PLC0415

        target = out or plan.with_name(plan.stem + ".gpkg" if format_ is Format.gpkg else _BESIDE[format_])
        _write_as(format_, with_explanation(open_plan(plan), plan), target, read_outlines(plan) or None)
        _say_written([target], as_json)


def _write_as(format_: Format, plan: xr.Dataset, target: Path, outlines: Outlines | None) -> None:
    """Write a plan in one form; only what writes it is loaded."""
    if format_ is Format.gpkg:
        from grid_opt.report.geopackage import write_geopackage  # noqa: PLC0415

        write_geopackage(plan, target, outlines)
    elif format_ is Format.geoparquet:
        from grid_opt.report.gis_files import write_geoparquet  # noqa: PLC0415

        write_geoparquet(plan, target, outlines)
    elif format_ is Format.geojson:
        from grid_opt.report.gis_files import write_geojson  # noqa: PLC0415

        write_geojson(plan, target, outlines)
    elif format_ is Format.xlsx:
        from grid_opt.report.workbook import write_workbook  # noqa: PLC0415

        write_workbook(plan, target)
    elif format_ is Format.iamc:
        from grid_opt.report.iamc import write_iamc  # noqa: PLC0415

        write_iamc(plan, target)
    elif format_ is Format.bills:
        from grid_opt.report.tables import write_bills  # noqa: PLC0415

        write_bills(plan, target)
    else:
        from grid_opt.report.tables import write_csv  # noqa: PLC0415

        write_csv(plan, target)


def _say_written(targets: Sequence[Path], as_json: bool) -> None:
    if as_json:
        every = {"all_written": [str(target) for target in targets]} if len(targets) > 1 else {}
        print_json({"written": str(targets[0]), **every, "exit_code": 0})
        return
    for target in targets:
        print_path("written", target)
