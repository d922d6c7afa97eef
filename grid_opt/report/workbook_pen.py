"""Draw the sheets of a workbook: headings that stay in sight, formats by unit, columns as wide as their cells, pages.

Every text goes in as text. A cell that would be a formula if somebody typed it is also marked so that editing it leaves
it text; control and direction marks become spaces, and what no cell can hold is cut.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from grid_opt.report.csv_text import FORMULA_STARTS

MOST_CHARACTERS = 32_767
"""What a cell of a workbook can hold."""
WIDEST, NARROWEST, PAGE_WIDEST = 60, 8, 240
"""Characters across a column, and across a printed page."""
ROWS_LOOKED_AT = 400
"""Rows that say how wide a column must be."""
INK, PALE, GREY = "#1f3a5f", "#eef2f7", "#5b6673"
LINE_POINTS, MOST_LINES = 15, 25
_NO_ZERO = '{0};-{0};"–"'
"""A zero is shown as a dash, so that a table full of them can be read."""
_PLACES = {"USD/MWh": 2, "million USD": 2, "MW": 1, "GWh": 2, "USD/MW": 2, "USD/(MW yr)": 2, "USD/unit": 2}
_WHOLE = {"MWh", "USD", "t", "m3"}
"""Units of which thousands and more are usual, so that no decimal place is needed."""


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its heading, its unit (empty for text) and a note on the heading."""

    head: str
    unit: str = ""
    note: str = ""

    @property
    def title(self) -> str:
        """Return the heading with its unit."""
        return f"{self.head} [{self.unit}]" if self.unit not in ("", "1") else self.head


def clean(value: object) -> str:
    """Return a text that a cell can hold, without control or direction marks."""
    text = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in str(value))
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def number_format(name: str, unit: str, values: Iterable[float]) -> str:
    """Return how the numbers of a column are shown: shares in percent, tokens by powers of ten, else by the unit.

    A column of whole numbers gets no decimal places; one of small numbers gets as many as show three digits of its
    largest.
    """
    found = [abs(value) for value in values]
    largest = max(found, default=0.0)
    if unit == "yr" or name in ("season", "hour", "is_deposit", "candidate", "chosen") or name.startswith("binds"):
        return "0"
    if unit == "1" and (name.endswith("_share") or name.startswith("utilization") or name == "loading"):
        return _NO_ZERO.format("0.0%")
    if largest >= 1e12:
        return _NO_ZERO.format("0.000E+00")
    if (unit in _WHOLE and largest >= 1000) or all(value.is_integer() for value in found):
        return _NO_ZERO.format("#,##0")
    places = max(_PLACES.get(unit, 2), 2 - math.floor(math.log10(largest)) if largest < 1.0 else 0)
    return _NO_ZERO.format(f"#,##0.{'0' * min(places, 6)}")


def _places(form: str) -> int:
    head = form.partition(";")[0]
    return 99 if "E" in head else len(head.partition(".")[2].rstrip("%")) + (2 if "%" in head else 0)


def shown(value: float, form: str) -> str:
    """Return about how a number looks in its format, to know how wide it is."""
    head = form.partition(";")[0]
    if "E" in head:
        return f"{value:.3E}"
    places = _places(form)
    return f"{100 * value:.1f}%" if "%" in head else f"{value:,.{places}f}"


class Pen:
    """Write sheets into a workbook of XlsxWriter."""

    def __init__(self, book: Any) -> None:
        self.book = book
        white = {"valign": "top", "text_wrap": True, "bold": True, "font_color": "white", "bg_color": INK}
        left = {"valign": "top", "align": "left", "indent": 1}  # away from the number before it
        self.head, self.head_right = book.add_format(white | left), book.add_format(white | {"align": "right"})
        self.text, self.quoted = book.add_format(left), book.add_format(left | {"quote_prefix": True})
        wrapped = left | {"text_wrap": True}
        self.wrapped, self.wrapped_quoted = book.add_format(wrapped), book.add_format(wrapped | {"quote_prefix": True})
        self._formats: dict[str, Any] = {}

    def format(self, number: str) -> Any:
        """Return the format of the workbook for a number format."""
        if number not in self._formats:
            self._formats[number] = self.book.add_format({"num_format": number, "valign": "top"})
        return self._formats[number]

    def sheet(
        self, name: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, wrap: bool = False, still: int = 0
    ) -> Any:
        """Add a sheet with one line of headings, which stays in sight, explains itself when pointed at, and filters.

        ``wrap`` breaks long texts into lines instead of letting them run on; ``still`` columns stay in sight as well.
        """
        sheet = self.book.add_worksheet(name[:31])
        lines, wide, tall = 1, 0.0, [1] * len(rows)
        for place, column in enumerate(columns):
            cells = [row[place] for row in rows]
            width, form = self._column(sheet, place, column, cells, wrap)
            lines, wide = max(lines, 1 if len(column.title) + 2 < width else len(_parts(column))), wide + width
            if wrap:
                tall = [max(high, _lines(cell, width)) for high, cell in zip(tall, cells, strict=True)]
            sheet.write_string(0, place, clean(column.title), self.head if form is None else self.head_right)
            if column.note:
                size = {"x_scale": 2.2, "y_scale": 0.6, "font_size": 9}
                sheet.write_comment(0, place, clean(column.note), {"author": "grid-opt", **size})
        sheet.set_row(0, LINE_POINTS * lines + 3)
        for row, high in enumerate(tall, start=1):
            if high > 1:
                sheet.set_row(row, LINE_POINTS * min(high, MOST_LINES))
        sheet.freeze_panes(1, still)
        if rows:
            sheet.autofilter(0, 0, len(rows), len(columns) - 1)
        self.page(sheet, name, wide)
        sheet.repeat_rows(0)
        if still:
            sheet.repeat_columns(0, still - 1)
        return sheet

    def page(self, sheet: Any, name: str, wide: float) -> None:
        """Say how a sheet is printed: across, as wide as the page, with its name and the number of pages."""
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.fit_to_pages(math.ceil(wide / PAGE_WIDEST), 0)
        sheet.set_footer(f"&L&8{name}&R&8Page &P of &N")

    def _column(self, sheet: Any, place: int, column: Column, cells: list[Any], wrap: bool) -> tuple[float, str | None]:
        """Write the cells of a column; return its width [characters] and number format, None for texts."""
        numbers = [float(cell) for cell in cells if _is_number(cell)]
        form = number_format(column.head, column.unit, numbers) if numbers else None
        looks = [_looks(cell, form) for cell in cells[:ROWS_LOOKED_AT]]
        widest = max((len(text) for text in looks), default=0)
        head = max((len(part) for part in _parts(column)), default=0) + 2  # bold, and the arrow of the filter
        width = min(max(widest + 1, head, NARROWEST) + 1, WIDEST)
        sheet.set_column(place, place, width)
        for row, cell in enumerate(cells, start=1):
            self._cell(sheet, row, place, cell, form, wrap)
        return width, form

    def _cell(self, sheet: Any, row: int, place: int, cell: Any, form: str | None, wrap: bool) -> None:
        if cell is None or cell is pd.NA:
            return
        if not _is_text(cell):
            if math.isfinite(cell):
                form = form or "General"
                hidden = 0 < abs(cell) < 0.5 * 10.0 ** -_places(form)  # the format of the column would show a zero
                sheet.write_number(row, place, cell, self.format("0.0E+00" if hidden else form))
            return
        self.words(sheet, row, place, cell, wrap)

    def words(self, sheet: Any, row: int, place: int, value: object, wrap: bool = False) -> None:
        """Write a text into a cell, marked so that it stays text where a formula would begin so."""
        text = clean(value)
        if text.lstrip(" ").startswith(FORMULA_STARTS):
            sheet.write_string(row, place, text, self.wrapped_quoted if wrap else self.quoted)
        elif text:
            sheet.write_string(row, place, text, self.wrapped if wrap else self.text)


def _is_text(cell: Any) -> bool:
    return isinstance(cell, bool | str) or not isinstance(cell, int | float)


def _is_number(cell: Any) -> bool:
    return not _is_text(cell) and cell is not None and math.isfinite(cell)


def _looks(cell: Any, form: str | None) -> str:
    if _is_number(cell) and form is not None:
        return shown(float(cell), form)
    return "" if cell is None else str(cell)[:WIDEST]


def _parts(column: Column) -> list[str]:
    """Return the lines of a heading that does not fit into one: name and unit."""
    return [column.head, *([f"[{column.unit}]"] if column.unit not in ("", "1") else [])]


def _lines(cell: Any, width: float) -> int:
    """Return about how many lines a text takes in a column of ``width`` characters."""
    return (
        sum(max(1, math.ceil(len(line) / (width - 2))) for line in str(cell).split("\n"))
        if isinstance(cell, str)
        else 1
    )
