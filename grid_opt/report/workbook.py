"""Write the plan as an Excel workbook: a sheet of contents, one for each table, fields, assumptions and provenance."""

from __future__ import annotations

import datetime as dt
import importlib.util
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from grid_opt.atomic import write_bytes
from grid_opt.errors import InputError
from grid_opt.plan.schema import PROVENANCE
from grid_opt.plan.summary import summarize
from grid_opt.report import charts
from grid_opt.report.csv_text import FORMULA_STARTS
from grid_opt.report.fields import field_of
from grid_opt.report.style import REGION_COLORS
from grid_opt.report.tables import tables_of
from grid_opt.report.terminal import facts
from grid_opt.report.workbook_pen import GREY, INK, LINE_POINTS, PALE, Column, Pen, clean, number_format
from grid_opt.resources import data_dir

MADE = dt.datetime(2000, 1, 1)  # what a workbook stores has no time zone
"""Stands where the format asks for a time of writing, so that the same plan gives the same bytes."""
CONTENTS = "contents"
LINE_WIDTH = 96
"""Characters in a line of the notes."""
BESIDE = (2, 4)
"""Row and column of the contents at which the build-out stands."""
_IT_MW = re.compile(r"it_mw_\d{4}q\d")

SHEETS = {
    "sites": "The campuses: IT power by quarter, every cost, and the all-in price of their electricity",
    "build_out": "Halls, power and what the grid holds, by campus and quarter",
    "costs": "Every cost by region, item and quarter or year, present value",
    "energy": "What each campus buys at wholesale and does not use, by year",
    "prices": "Mean price and shadow price of power, by region and year",
    "contracts": "Service of the grid under contract, by campus, offer and quarter",
    "bills": "What the utilities bill, by month and line, not discounted",
    "upgrades": "Upgrades of the network that the plan builds",
    "power_contracts": "Long contracts for power, physical and financial",
    "forward_blocks": "Power bought ahead, in blocks of hours",
    "onsite": "Plant on the campuses, by quarter",
    "carbon_and_water": "Ledgers of carbon and water, by campus and year",
    "lines": "Branches of the network, their flows and what binds",
    "links": "Links between zones: flows of the stress hours, limits and what binds",
    "link_flows": "Links between zones, quarter by quarter",
    "why": "What forcing a region in would cost, or leaving it out, and what would turn that",
    "fleet": "Systems in service, by accelerator, campus and quarter",
    "deliveries": "Systems by accelerator and quarter: offered, delivered, waiting, price",
    "requests": "Tokens served, by stream, accelerator, campus and year",
    "unserved": "Tokens wanted and not served, by stream and year",
    "fields": "What every field means, and its unit",
    "assumptions": "Where every number of the input tables is from; assumptions first",
    "provenance": "The complete case, checksums of the inputs, versions, and how good the plan is proven to be",
}
"""What every sheet holds, in the order of its tables."""

NOTES = (
    "Costs are present values in the dollars of the year named above, unless the heading says otherwise.",
    "Units stand in square brackets in the headings; point at a heading to read what it means. A dash is a zero.",
    "Power counts as IT power (it_mw), towards the targets (counted_mw), or as draw from the grid (peak_draw_mw).",
    "A text with an apostrophe in front would be run as a formula without it; nothing in this workbook is a formula.",
)


def write_workbook(plan: xr.Dataset, path: str | Path) -> None:
    """Write the tables of ``plan`` as one workbook at ``path``, whole or not at all.

    Raises: InputError when the extra ``report`` is not installed; OSError when it cannot be written.
    """
    if importlib.util.find_spec("xlsxwriter") is None:
        raise InputError(
            "a workbook needs the package XlsxWriter, which is not installed", field="--format", value="xlsx",
            expected="the extra `report`", fix=charts.INSTALL,
        )  # fmt: skip
    import xlsxwriter  # noqa: PLC0415  # an extra

    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": clean(plan.attrs.get("title", "grid-opt plan"))[:200], "created": MADE})
    pen, tables = Pen(book), tables_of(plan)
    cover = book.add_worksheet(CONTENTS)
    rows = {name: _table(pen, name, table) for name, table in tables.items()} | _documents(pen, plan, tables)
    _contents(pen, cover, plan, rows)
    _build_out(pen, cover, tables["sites"])
    book.close()
    write_bytes(path, made.getvalue())


def _table(pen: Pen, name: str, table: pd.DataFrame) -> int:
    fields = {str(column): field_of(str(column)) for column in table.columns}
    columns = [Column(column, told.unit, told.title) for column, told in fields.items()]
    sheet = pen.sheet(name, columns, table.to_numpy(dtype=object).tolist(), still=1)
    sheet.set_tab_color(INK)
    return len(table)


def _documents(pen: Pen, plan: xr.Dataset, tables: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Write the sheets that tell of the others: fields, assumptions and provenance; return their rows."""
    sources = pd.read_csv(data_dir() / "SOURCES.csv", dtype=str, keep_default_na=False)
    assumed_first = sources.sort_values("assumption", key=lambda column: column == "", kind="stable")
    found = {
        "fields": (["table", "field", "unit", "meaning"], list(_fields(tables))),
        "assumptions": ([str(column) for column in sources.columns], assumed_first.to_numpy().tolist()),
        "provenance": (["key", "value", "meaning"], list(_provenance(plan))),
    }
    for name, (heads, rows) in found.items():
        pen.sheet(name, [Column(head) for head in heads], rows, wrap=True).set_tab_color(GREY)
    return {name: len(rows) for name, (_, rows) in found.items()}


def _contents(pen: Pen, sheet: Any, plan: xr.Dataset, rows: Mapping[str, int]) -> None:
    """Fill the first sheet: what the plan is, what each sheet holds, and how to read them."""
    book = pen.book
    title = book.add_format({"bold": True, "font_size": 16, "font_color": INK, "quote_prefix": True})
    label = book.add_format({"bold": True, "valign": "top", "font_color": GREY})
    part = book.add_format({"bold": True, "font_size": 12, "font_color": INK, "bottom": 1, "bottom_color": INK})
    link = book.add_format({"font_color": "#0b57a4", "underline": 1, "valign": "top"})
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 10)
    sheet.set_column(2, 2, LINE_WIDTH - 10)
    sheet.set_row(0, 24)
    sheet.write_string(0, 0, clean(plan.attrs.get("title", "grid-opt plan"))[:200], title)
    at = 2
    for name, told in facts(summarize(plan) | {"verification": None}):
        if name == "Verified":  # what is not known here is not told here
            continue
        sheet.write_string(at, 0, name, label)
        at = _lines(pen, sheet, at, str(told))
    at = _heading(sheet, at + 1, ("Sheet", "Rows", "   What it holds"), part)
    count = pen.format("#,##0")
    for name, number in rows.items():
        sheet.write_url(at, 0, f"internal:'{name}'!A1", link, name)
        sheet.write_number(at, 1, number, count)
        pen.words(sheet, at, 2, SHEETS[name] + ("" if number else " (nothing in this plan)"))
        at += 1
    at = _heading(sheet, at + 1, ("Notes", "", ""), part)
    for note in NOTES:
        at = _lines(pen, sheet, at, note, first=0)
    sheet.set_tab_color("#c8641b")
    pen.page(sheet, CONTENTS, LINE_WIDTH)


def _heading(sheet: Any, at: int, words: Sequence[str], form: Any) -> int:
    for place, word in enumerate(words):
        sheet.write_string(at, place, word, form)
    return at + 1


def _lines(pen: Pen, sheet: Any, at: int, text: str, first: int = 1) -> int:
    """Write a text that may take several lines across the columns of the contents; return the next row."""
    cleaned = "\n".join(clean(line) for line in text.split("\n"))[:2000]
    width = LINE_WIDTH + (20 if first == 0 else 0)
    lines = sum(1 + len(line) // width for line in cleaned.split("\n"))
    quoted = cleaned.lstrip(" ").startswith(FORMULA_STARTS)
    sheet.merge_range(at, first, at, 2, "", pen.wrapped)
    sheet.write_string(at, first, cleaned, pen.wrapped_quoted if quoted else pen.wrapped)
    sheet.set_row(at, LINE_POINTS * min(lines, 20))
    return at + 1


def _build_out(pen: Pen, sheet: Any, sites: pd.DataFrame) -> None:
    """Show the IT power of every campus by quarter, as a table and, campus on campus, as a chart."""
    columns = [str(name) for name in sites.columns if _IT_MW.fullmatch(str(name))]
    if not columns or sites.empty:
        return
    head = pen.book.add_format({"bold": True, "bottom": 1, "align": "right", "font_color": INK, "bottom_color": INK})
    number, last = pen.format(number_format("it_mw", "MW", sites[columns].to_numpy(dtype=float).ravel())), len(columns)
    sheet.write_string(BESIDE[0], BESIDE[1], "IT power [MW]", head)
    sheet.set_column(BESIDE[1] - 1, BESIDE[1] - 1, 3)
    sheet.set_column(BESIDE[1], BESIDE[1], 14)
    sheet.set_column(BESIDE[1] + 1, BESIDE[1] + last, 8)
    for place, column in enumerate(columns, start=1):
        sheet.write_string(BESIDE[0], BESIDE[1] + place, column.removeprefix("it_mw_").upper(), head)
    chart = pen.book.add_chart({"type": "column", "subtype": "stacked"})
    for row, (region, values) in enumerate(zip(sites["region"], sites[columns].to_numpy(), strict=True), BESIDE[0] + 1):
        pen.words(sheet, row, BESIDE[1], str(region)[:60])
        for place, value in enumerate(values, start=1):
            sheet.write_number(row, BESIDE[1] + place, float(value), number)
        color = REGION_COLORS[(row - BESIDE[0] - 1) % len(REGION_COLORS)]
        across = BESIDE[1] + 1, BESIDE[1] + last
        chart.add_series({
            "name": [CONTENTS, row, BESIDE[1]], "values": [CONTENTS, row, across[0], row, across[1]],
            "categories": [CONTENTS, BESIDE[0], across[0], BESIDE[0], across[1]], "fill": {"color": color}, "gap": 40,
        })  # fmt: skip
    chart.set_title({"name": "IT power in service [MW]", "name_font": {"size": 11, "color": INK}})
    chart.set_legend({"position": "right"})
    chart.set_y_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": PALE}}})
    chart.set_size({"width": 760, "height": 380})
    sheet.insert_chart(BESIDE[0] + len(sites) + 2, BESIDE[1], chart)


def _fields(tables: Mapping[str, pd.DataFrame]) -> Iterator[list[str]]:
    for name, table in tables.items():
        for column in table.columns:
            told = field_of(str(column))
            yield [name, str(column), told.unit, told.meaning]


def _provenance(plan: xr.Dataset) -> Iterator[list[str]]:
    """Give what the plan says of itself, the case and the lists of files and programs line by line."""
    for key, meaning in PROVENANCE.items():
        value = str(plan.attrs.get(key, ""))
        if key == "case_toml":
            lines = value.splitlines()
        elif key in ("inputs_sha256", "versions"):
            lines = [f"{name}: {item}" for name, item in json.loads(value or "{}").items()]
        else:
            lines = [value]
        for number, line in enumerate(lines or [""]):
            yield [key, line, "" if number else meaning]
