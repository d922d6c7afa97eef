"""Write the plan as an Excel workbook: one sheet for each table, units in the headings, assumptions and provenance.

Every text goes in as text. A cell that would be a formula if somebody typed it is also marked so that editing it leaves
it text; control and direction marks become spaces, and what no cell can hold is cut.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import io
import json
import math
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from grid_opt.atomic import write_bytes
from grid_opt.errors import InputError
from grid_opt.plan.schema import PROVENANCE
from grid_opt.plan.summary import summarize
from grid_opt.report import charts
from grid_opt.report.fields import field_of
from grid_opt.report.tables import FORMULA_STARTS, tables_of
from grid_opt.report.terminal import facts
from grid_opt.resources import data_dir

MOST_CHARACTERS = 32_767
"""What a cell of a workbook can hold."""
WIDEST = 60
MADE = dt.datetime(2000, 1, 1)  # what a workbook stores has no time zone
"""Stands where the format asks for a time of writing, so that the same plan gives the same bytes."""
_WHOLE = {"1", "yr"}
_NOTE = "What the fields mean is on the sheet fields; costs are present values unless said otherwise."


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
    pen = _Pen(book)
    tables = tables_of(plan)
    pen.sheet("summary", ["", ""], [list(row) for row in facts(summarize(plan))] + [["Note", _NOTE]])
    for name, table in tables.items():
        units = [field_of(str(column)).unit for column in table.columns]
        heads = [f"{column} [{unit}]" if unit not in ("", "1") else str(column)
                 for column, unit in zip(table.columns, units, strict=True)]  # fmt: skip
        pen.sheet(name, heads, table.to_numpy(dtype=object).tolist(), units)
    pen.sheet("fields", ["table", "field", "unit", "meaning"], list(_fields(tables)))
    sources = pd.read_csv(data_dir() / "SOURCES.csv", dtype=str, keep_default_na=False)
    assumed_first = sources.sort_values("assumption", key=lambda column: column == "", kind="stable")
    pen.sheet("assumptions", [str(column) for column in sources.columns], assumed_first.to_numpy().tolist())
    pen.sheet("provenance", ["key", "value", "meaning"], list(_provenance(plan)))
    book.close()
    write_bytes(path, made.getvalue())


def clean(value: object) -> str:
    """Return a text that a cell can hold, without control or direction marks."""
    text = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in str(value))
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


class _Pen:
    """Write sheets into a workbook."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.text = book.add_format({"quote_prefix": True})
        self.whole = book.add_format({"num_format": "0"})
        self.number = book.add_format({"num_format": "#,##0.00"})

    def sheet(self, name: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], units: Sequence[str] = ()) -> None:
        """Add a sheet with one line of headings, which stays in sight and filters."""
        sheet = self.book.add_worksheet(name[:31])
        for column, head in enumerate(heads):
            sheet.write_string(0, column, clean(head), self.head)
            cells = [row[column] for row in rows]
            widest = max((len(_short(cell)) for cell in cells[:200]), default=0)
            sheet.set_column(column, column, min(max(widest, min(len(head), 18), 8) + 1, WIDEST))
            whole = bool(units) and units[column] in _WHOLE
            for row, cell in enumerate(cells, start=1):
                self._write(sheet, row, column, cell, whole)
        sheet.freeze_panes(1, 0)
        if rows:
            sheet.autofilter(0, 0, len(rows), len(heads) - 1)

    def _write(self, sheet: Any, row: int, column: int, cell: Any, whole: bool) -> None:
        if cell is None or cell is pd.NA:
            return
        if isinstance(cell, bool | str) or not isinstance(cell, int | float):
            text = clean(cell)
            looks_like_formula = text.lstrip(" ").startswith(FORMULA_STARTS)
            sheet.write_string(row, column, text, *([self.text] if looks_like_formula else []))
        elif math.isfinite(cell):
            small = 0.0 < abs(cell) < 1.0  # two decimal places would hide it
            form = self.whole if whole and float(cell).is_integer() else self.number
            sheet.write_number(row, column, cell, *([] if small else [form]))


def _short(cell: Any) -> str:
    return f"{cell:,.2f}" if isinstance(cell, float) else str(cell)[:WIDEST]


def _fields(tables: dict[str, pd.DataFrame]) -> Iterator[list[str]]:
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
