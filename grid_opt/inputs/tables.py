"""Read the input tables as text, convert them cell by cell, and say where and what is wrong."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from grid_opt.errors import InputError
from grid_opt.inputs.schema_tables import OUTLINE_FILE, TABLES, Column, Table
from grid_opt.inputs.table_checks import check_tables
from grid_opt.resources import data_dir as bundled_data_dir

__all__ = [
    "check_tables",
    "input_path",
    "inputs_sha256",
    "read_csv_table",
    "read_table",
    "read_tables",
    "read_utf8",
]

MISSING_LOOKALIKES = frozenset({"", "na", "n/a", "nan", "null", "none", "#n/a", "<na>", "nat"})
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
HEADER_LINE = 1
_COMMAS = "save the table with commas between the cells"
_USE_BUNDLED = "fill the table, or remove the file to use the bundled one"


def input_path(file: str, data_dir: Path | None = None) -> Path:
    """Return the path of an input file: the one in ``data_dir`` if it is there, else the bundled one.

    Errors: InputError when ``data_dir`` is no folder, when it holds a file whose name is nearly that of an
    input (it would be ignored without a word), or when the file is nowhere.
    """
    if data_dir is not None:
        data_dir = Path(data_dir)
        if not data_dir.is_dir():
            raise InputError(
                "the folder of tables does not exist",
                file=data_dir,
                field="data.tables_dir",
                fix="name an existing folder, or leave data.tables_dir out to use the bundled tables",
            )
        _refuse_misspelled(data_dir)
        if (data_dir / file).is_file():
            return data_dir / file
    path = bundled_data_dir() / file
    if not path.is_file():
        raise InputError("the file is missing", file=path, fix="reinstall grid-opt or restore the file")
    return path


def _refuse_misspelled(folder: Path) -> None:
    """Refuse a file that is almost, but not quite, named like an input, and any unknown one in ``hours``."""
    statistics = sorted(path.name for path in (bundled_data_dir() / "hours").glob("*.csv"))
    for path in sorted((folder / "hours").glob("*")):
        if path.name not in statistics:
            raise InputError(
                "this file is not an input of grid-opt and would be ignored",
                file=path,
                expected=f"one of {', '.join(statistics)}",
                fix=_near(path.name, statistics) or "move it to another folder",
            )
    known = [table.file for table in TABLES.values()] + [OUTLINE_FILE]
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".geojson", ".json")):
        near = difflib.get_close_matches(path.name.lower(), known, n=1, cutoff=0.85)
        if near and path.name not in known:
            raise InputError(
                "this file is not an input of grid-opt and would be ignored",
                file=path,
                expected=f"a file named {near[0]}",
                fix=f"rename it to {near[0]}, or move it to another folder",
            )


def read_table(name: str, data_dir: Path | None = None) -> pd.DataFrame:
    """Return the table ``name`` ("zones", "links", ...) with typed columns; ``attrs["file"]`` is its path.

    A file of that name in ``data_dir`` replaces the bundled one. Optional cells that are empty become "" in
    text columns and NaN in numeric ones. Errors: InputError naming file, row, field, value, what was
    expected and the fix.
    """
    if name not in TABLES:
        raise InputError("there is no such table", field=name, expected=f"one of {', '.join(TABLES)}", fix=_near(name))
    return read_csv_table(input_path(TABLES[name].file, data_dir), TABLES[name])


def read_tables(data_dir: Path | None = None) -> dict[str, pd.DataFrame]:
    """Return every table by name, each read by :func:`read_table`."""
    return {name: read_table(name, data_dir) for name in TABLES}


def read_csv_table(path: Path, table: Table) -> pd.DataFrame:
    """Return the CSV file ``path`` as the declared ``table``; see :func:`read_table`."""
    records = _records(path)
    header = [cell.strip() for cell in records[0][1]]
    _check_header(path, table, header)
    body = records[1:]
    if not body:
        raise InputError("the table has no rows", file=path, row=HEADER_LINE, expected=table.rows, fix=_USE_BUNDLED)
    for line, cells in body:
        _check_width(path, line, cells, header)
    columns: dict[str, list[object]] = {}
    for column in table.columns:
        place = header.index(column.name)
        columns[column.name] = [_convert(_Cell(path, line, column, cells[place].strip())) for line, cells in body]
    frame = pd.DataFrame(columns)
    for column in table.columns:
        if column.kind == "float":
            frame[column.name] = frame[column.name].astype(float)
    lines = [line for line, _ in body]
    _check_swapped(path, lines, frame)
    _check_bounds(path, lines, table, frame)
    _check_key(path, lines, table, frame)
    frame.attrs["file"] = str(path)
    return frame


def inputs_sha256(data_dir: Path | None = None) -> dict[str, str]:
    """Return the SHA-256 of every input file in use, by path relative to the data folder, sorted."""
    bundled = bundled_data_dir()
    names = {table.file for table in TABLES.values()} | {OUTLINE_FILE}
    names |= {path.relative_to(bundled).as_posix() for path in (bundled / "hours").rglob("*.csv")}
    return {name: hashlib.sha256(input_path(name, data_dir).read_bytes()).hexdigest() for name in sorted(names)}


def read_utf8(path: Path) -> str:
    """Return the text of a UTF-8 file (a byte-order mark is dropped); errors: InputError naming the line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", file=path) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "the file is not UTF-8 text",
            file=path,
            row=raw[: error.start].count(b"\n") + 1,
            value=raw[error.start : error.start + 4],
            expected="UTF-8",
            fix='save it again as "CSV UTF-8"',
        ) from error


def _records(path: Path) -> list[tuple[int, list[str]]]:
    """Return the non-empty records of a CSV file, each with the line it starts on."""
    reader = csv.reader(io.StringIO(read_utf8(path), newline=""), strict=True)
    records: list[tuple[int, list[str]]] = []
    start = HEADER_LINE
    try:
        for cells in reader:
            if cells:
                records.append((start, cells))
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"the line is not CSV: {error}", file=path, row=start, fix="check the quotes") from error
    if not records:
        raise InputError(
            "the file is empty", file=path, row=HEADER_LINE, expected="a header line and rows", fix=_USE_BUNDLED
        )
    return records


def _near(word: str, known: Sequence[str] = tuple(TABLES)) -> str | None:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else None


def _check_header(path: Path, table: Table, header: list[str]) -> None:
    names = [column.name for column in table.columns]
    for index, cell in enumerate(header):
        if cell not in names:
            raise InputError(
                "unknown column",
                file=path,
                row=HEADER_LINE,
                field=cell,
                expected=f"the columns {', '.join(names)}",
                fix=_COMMAS if ";" in cell or "\t" in cell else _near(cell, names) or "remove the column",
            )
        if cell in header[:index]:
            raise InputError("the column is there twice", file=path, row=HEADER_LINE, field=cell, fix="remove one")
    for name in names:
        if name not in header:
            raise InputError(
                "missing column",
                file=path,
                row=HEADER_LINE,
                field=name,
                expected=f"the columns {', '.join(names)}",
                fix=f"add the column: {table.column(name).meaning}",
            )


def _check_width(path: Path, line: int, cells: list[str], header: list[str]) -> None:
    if len(cells) == len(header):
        return
    many = len(cells) > len(header)
    pairs = [f"{first.strip()},{second.strip()}" for first, second in pairwise(cells)]
    split = next((at for at, pair in enumerate(pairs) if _THOUSANDS.fullmatch(pair)), None) if many else None
    raise InputError(
        f"the row has {len(cells)} cells",
        file=path,
        row=line,
        field=None if split is None or split >= len(header) else header[split],
        value=",".join(cells),
        expected=f"{len(header)} cells: {', '.join(header)}",
        fix="write numbers without a thousands comma and quote texts with commas" if many else "fill the missing cells",
    )


@dataclass(frozen=True)
class _Cell:
    """One cell: where it is, what it holds and what its column takes."""

    path: Path
    line: int
    column: Column
    text: str

    def error(self, problem: str, fix: str | None = None, expected: str | None = None) -> InputError:
        return InputError(
            problem,
            file=self.path,
            row=self.line,
            field=self.column.name,
            value=self.text or None,
            expected=expected or _wanted(self.column),
            fix=fix,
        )


def _convert(cell: _Cell) -> object:
    """Return one cell as its type; refuse what is no such value."""
    if cell.text == "" and cell.column.optional:
        return "" if cell.column.kind == "str" else math.nan
    if cell.column.kind == "str":
        return _text_value(cell)
    if cell.text == "":
        raise cell.error("empty cell", "fill in the value")
    if _THOUSANDS.fullmatch(cell.text):
        raise cell.error("thousands comma in a number", f"write {cell.text.replace(',', '')}")
    try:
        value = float(cell.text) if "_" not in cell.text else math.nan
    except ValueError:
        raise cell.error("not a number") from None
    if not math.isfinite(value):
        raise cell.error("not a finite number", "write the number; there is no default for a missing one")
    if cell.column.kind == "int":
        if value != int(value):
            raise cell.error("not a whole number", "write a whole number")
        return int(value)
    return value


def _text_value(cell: _Cell) -> str:
    """Return a text cell; refuse empty ones, unknown choices and ids that tools read as missing."""
    column, text = cell.column, cell.text
    if column.identifier and text.lower() in MISSING_LOOKALIKES:
        raise cell.error(
            f'"{text}" cannot be the name of a {column.name.removeprefix("from_").removeprefix("to_")}',
            'give it another name, such as "N_A" or "NAM"',
            "a name that spreadsheets and data tools do not read as a missing value",
        )
    if text == "":
        raise cell.error("empty cell", "fill in the value")
    if column.choices and text not in column.choices:
        raise cell.error(
            "unknown value", _near(text, column.choices) or "write one of them", f"one of {', '.join(column.choices)}"
        )
    if column.pattern and not re.fullmatch(column.pattern, text):
        raise cell.error("not of the right form")
    return text


def _wanted(column: Column) -> str:
    """Return in words what a column takes."""
    kinds = {"str": "a text", "float": "a number", "int": "a whole number"}
    words = kinds[column.kind]
    if column.unit not in ("", "1"):
        words += f" in {column.unit}"
    if column.lower is not None and column.upper is not None:
        words += f" from {column.lower:g} to {column.upper:g}"
        words += " or 0" if column.zero_allowed else ""
    if column.pattern:
        words += f" of the form {column.pattern}"
    return f"{words} ({column.meaning})"


def _check_swapped(path: Path, lines: list[int], frame: pd.DataFrame) -> None:
    """Refuse a point whose two coordinates fit each other's range: they are swapped."""
    if "latitude_deg" not in frame or "longitude_deg" not in frame:
        return
    latitude, longitude = TABLES["zones"].column("latitude_deg"), TABLES["zones"].column("longitude_deg")
    for line, lat, lon in zip(lines, frame["latitude_deg"], frame["longitude_deg"], strict=True):
        if _inside(longitude, lat) and _inside(latitude, lon):
            raise InputError(
                "latitude and longitude look swapped",
                file=path,
                row=line,
                field="latitude_deg",
                value=f"latitude_deg {lat:g}, longitude_deg {lon:g}",
                expected="latitude 24 to 50, longitude -125 to -66",
                fix="exchange the two columns",
            )


def _inside(column: Column, value: float) -> bool:
    low = -math.inf if column.lower is None else column.lower
    high = math.inf if column.upper is None else column.upper
    return low <= value <= high


def _check_bounds(path: Path, lines: list[int], table: Table, frame: pd.DataFrame) -> None:
    for column in table.columns:
        if column.kind == "str" or column.lower is None or column.upper is None:
            continue
        for line, value in zip(lines, frame[column.name], strict=True):
            if math.isnan(value) or _inside(column, value) or (column.zero_allowed and value == 0):
                continue
            hint = column.below if 0 <= value < column.lower else column.above if value > column.upper else ""
            raise InputError(
                "the value is outside its physical bounds",
                file=path,
                row=line,
                field=column.name,
                value=value,
                expected=_wanted(column),
                fix=hint or "correct the value or its unit",
            )


def _check_key(path: Path, lines: list[int], table: Table, frame: pd.DataFrame) -> None:
    if not table.key:
        return
    seen: dict[tuple[object, ...], int] = {}
    keys = zip(*(frame[name] for name in table.key), strict=True)
    for line, key in zip(lines, keys, strict=True):
        if key in seen:
            raise InputError(
                f"duplicate {' x '.join(table.key)}",
                file=path,
                row=line,
                field=", ".join(table.key),
                value=", ".join(str(part) for part in key),
                expected="each only once",
                fix=f"remove this row or row {seen[key]}",
            )
        seen[key] = line
