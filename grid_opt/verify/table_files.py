"""Read the input tables anew, row by row, and tell whether they are those that a plan was made from."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grid_opt.resources import data_dir

Row = dict[str, str]


class NotMadeError(Exception):
    """Say why a check cannot be made here, though nothing is wrong with the plan."""


@dataclass
class TableFiles:
    """The CSV tables of a case: those in its own folder, the bundled ones for the rest.

    ``sha256`` gives, by file name, the sums of the files that the plan was made from.
    """

    own: Path | None
    sha256: Mapping[str, str]
    _read: dict[str, list[Row]] = field(default_factory=dict)
    _by: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], list[Row]]] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table, every cell as text, by the names in its header.

        Raises: NotMadeError when the file is not at hand, or not the one that the plan was made from.
        """
        if table not in self._read:
            self._read[table] = self._rows_of(f"{table}.csv")
        return self._read[table]

    def row(self, table: str, **key: str) -> Row:
        """Return the one row whose cells are ``key``. Raises: ValueError when there is none, or several."""
        names = tuple(key)
        if (table, names) not in self._by:
            index: dict[tuple[str, ...], list[Row]] = {}
            for row in self.rows(table):
                index.setdefault(tuple(row[name] for name in names), []).append(row)
            self._by[table, names] = index
        found = self._by[table, names].get(tuple(key.values()), [])
        if len(found) != 1:
            raise ValueError(f"{table}.csv has {len(found)} rows with {key}")
        return found[0]

    def require_folder(self) -> None:
        """Raise NotMadeError when the case has a folder of tables of its own and it is not at hand."""
        if self.own is not None and not self.own.is_dir():
            raise NotMadeError(f"the case's folder of tables {str(self.own)!r} is not at hand")

    def _rows_of(self, name: str) -> list[Row]:
        self.require_folder()
        path = data_dir() / name
        if self.own is not None and (self.own / name).is_file():
            path = self.own / name
        return self._rows_in(path, name)

    def rows_at(self, path: Path) -> list[Row]:
        """Return the rows of another file that the case names. Raises: NotMadeError as :meth:`rows` does."""
        key = f"at {path}"
        if key not in self._read:
            self._read[key] = self._rows_in(path, path.name)
        return self._read[key]

    def _rows_in(self, path: Path, name: str) -> list[Row]:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NotMadeError(f"{name} cannot be read: {error.strerror}") from error
        if name not in self.sha256:
            raise NotMadeError(f"the plan does not say which {name} it was made from")
        if hashlib.sha256(content).hexdigest() != self.sha256[name]:
            raise NotMadeError(f"tables have changed since the plan was made: {name}")
        lines = content.decode("utf-8-sig").splitlines()
        reader = csv.DictReader(lines, skipinitialspace=True)
        return [{column.strip(): (cell or "").strip() for column, cell in row.items()} for row in reader]
