"""Change cells of input tables: write the changed tables of a case into a folder of their own."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grid_opt.atomic import write_text
from grid_opt.config.reading import nearest
from grid_opt.errors import InputError
from grid_opt.inputs.schema_tables import TABLES, Column, Table
from grid_opt.inputs.tables import check_tables, input_path, read_csv_table, read_tables, read_utf8
from grid_opt.study.sweeps.loading import Source
from grid_opt.study.sweeps.schema import Change

_SHOWN = 8
_NEUTRAL = {"scale": 1, "shift": 0}


@dataclass(frozen=True)
class CellChange:
    """Cells of one column, changed by one amount; ``at`` is where the sweep file says so."""

    table: str
    column: str
    where: tuple[tuple[str, tuple[str, ...]], ...]
    change: str
    amount: Any
    at: str

    @property
    def neutral(self) -> bool:
        """Whether the amount leaves every cell as it is."""
        return self.change in _NEUTRAL and bool(self.amount == _NEUTRAL[self.change])

    def key(self) -> str:
        """Return what is changed and how, whoever says so: equal keys make equal tables."""
        return json.dumps([self.table, self.column, self.where, self.change, self.amount])


def cell_change(change: Change, amount: Any, source: Source, at: str) -> CellChange:
    """Check a change of a table against its declaration. Raises :class:`InputError` with the nearest name."""
    name, column_name = str(change.table), str(change.column)
    place = at.rpartition(".")[0] if at.endswith((".values", ".low", ".high", ".value")) else at
    if name not in TABLES:
        raise _unknown(source, "input table", name, list(TABLES), f"{place}.table")
    names = [column.name for column in TABLES[name].columns]
    if column_name not in names:
        raise _unknown(source, f"column of {name}.csv", column_name, names, f"{place}.column")
    column = TABLES[name].column(column_name)
    if column_name in TABLES[name].key:
        raise source.error("this column says which row it is; changing it would make another row", f"{place}.column",
                           value=column_name, expected="a column of values")  # fmt: skip
    if change.change != "set" and column.kind == "str":
        raise source.error(f"text cannot be changed by '{change.change}'", f"{place}.column", value=column_name,
                           expected="a column of numbers, or change = 'set'")  # fmt: skip
    _check_amount(column, change.change, amount, source, at)
    where = []
    for key, wanted in change.where.items():
        if key not in names:
            raise _unknown(source, f"column of {name}.csv", key, names, f"{place}.where.{key}")
        listed = wanted if isinstance(wanted, list) else [wanted]
        if not listed or any(isinstance(one, bool | dict | list) for one in listed):
            raise source.error("no row can hold this", f"{place}.where.{key}", value=wanted,
                               expected="a number, a text, or a list of them")  # fmt: skip
        where.append((key, tuple(str(one) for one in listed)))
    return CellChange(name, column_name, tuple(where), change.change, amount, at)


def _check_amount(column: Column, change: str, amount: Any, source: Source, at: str) -> None:
    number = isinstance(amount, int | float) and not isinstance(amount, bool)
    wanted_text = change == "set" and column.kind == "str"
    if wanted_text and isinstance(amount, str):
        return
    if wanted_text or not number or not math.isfinite(amount):
        raise source.error(f"not a value for {column.name}", at, value=amount,
                           expected="a text" if wanted_text else "a number")  # fmt: skip


def _unknown(source: Source, what: str, name: str, known: Sequence[str], at: str) -> InputError:
    close = next((one for one in known if name in one), None) or nearest(name, known)
    return source.error(f"no {what} is called so", at, value=name, expected=f"one of {', '.join(known)}",
                        fix=f"did you mean {close!r}?" if close else None)  # fmt: skip


class Overlays:
    """Make folders of changed tables, each combination of changes once."""

    def __init__(self, own: Path | None, source: Source) -> None:
        self._own = own
        self._source = source
        self._tables: dict[str, Any] | None = None
        self._done: dict[str, Path] = {}

    def name(self, changes: Sequence[CellChange]) -> str:
        """Return the name of the folder of some changes."""
        return hashlib.sha256("\n".join(one.key() for one in changes).encode()).hexdigest()[:12]

    def write(self, changes: Sequence[CellChange], parent: Path) -> Path:
        """Write the tables that the base has of its own, changed, and those that change, into a folder of ``parent``.

        Raises:
            InputError: no row is meant, or a changed table is refused; at its place in the sweep file.
        """
        name = self.name(changes)
        if name in self._done:
            return self._done[name]
        folder = parent / name
        if self._own is not None:
            shutil.copytree(self._own, folder, dirs_exist_ok=True, ignore=_no_input)
        folder.mkdir(parents=True, exist_ok=True)
        for table in dict.fromkeys(one.table for one in changes):
            mine = [one for one in changes if one.table == table]
            write_text(folder / TABLES[table].file, self._changed(TABLES[table], mine))
            self._check(folder, TABLES[table], mine[-1])
        self._done[name] = folder
        return folder

    def _changed(self, table: Table, changes: Sequence[CellChange]) -> str:
        rows = list(csv.reader(io.StringIO(read_utf8(input_path(table.file, self._own)), newline="")))
        header, body = [cell.strip() for cell in rows[0]], [row for row in rows[1:] if row]
        for change in changes:
            picked = _pick(header, body, change, self._source)
            at = header.index(change.column)
            for row in picked:
                row[at] = _cell(table.column(change.column), row[at].strip(), change, self._source)
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows([header, *body])
        return out.getvalue()

    def _check(self, folder: Path, table: Table, change: CellChange) -> None:
        try:
            if self._tables is None:
                self._tables = read_tables(self._own)
            tables = {**self._tables, table.name: read_csv_table(folder / table.file, table)}
            check_tables(tables)
        except InputError as error:
            row = f", row {error.row}," if error.row else ""
            raise self._source.passed_on(error, change.at, f"the changed {table.file}{row} is refused") from None


def _no_input(folder: str, names: list[str]) -> list[str]:
    """Leave out what no input is: hidden files and half-written ones."""
    return [name for name in names if name.startswith(".")]


def _pick(header: Sequence[str], body: Sequence[list[str]], change: CellChange, source: Source) -> list[list[str]]:
    picked = list(body)
    place = change.at.rpartition(".")[0]
    for key, wanted in change.where:
        at = header.index(key)
        there = {_plain(row[at]) for row in body}
        for one in wanted:
            if _plain(one) not in there:
                shown = ", ".join(sorted(there)[:_SHOWN]) + (" ..." if len(there) > _SHOWN else "")
                close = nearest(one, there)
                raise source.error(
                    f"no row of {change.table}.csv has this {key}", f"{place}.where.{key}", value=one,
                    expected=f"one of {shown}", fix=f"did you mean {close!r}?" if close else None,
                )  # fmt: skip
        picked = [row for row in picked if _plain(row[at]) in {_plain(one) for one in wanted}]
    if not picked:
        raise source.error(f"no row of {change.table}.csv fits all conditions", f"{place}.where",
                           value=dict(change.where), expected="conditions that some row fits")  # fmt: skip
    return picked


def _plain(text: str) -> str:
    """Return a cell as it is compared: 2027, 2027.0 and ' 2027' are the same."""
    stripped = text.strip()
    try:
        return f"{float(stripped):.12g}"
    except ValueError:
        return stripped


def _cell(column: Column, text: str, change: CellChange, source: Source) -> str:
    if change.change == "set":
        return str(change.amount)
    if text == "":
        return text  # an optional cell that holds nothing has nothing to scale
    now = float(text)
    value = now * change.amount if change.change == "scale" else now + change.amount
    if column.kind == "int":
        if abs(value - round(value)) > 1e-9:
            raise source.error(f"{column.name} takes whole numbers, and {now:g} would become {value:g}", change.at,
                               value=change.amount, expected="what keeps every cell whole")  # fmt: skip
        return str(round(value))
    return repr(float(value))
