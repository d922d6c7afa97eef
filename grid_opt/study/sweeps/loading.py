"""Read a sweep file, and say where in it something is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from grid_opt.config.case import Case
from grid_opt.config.loading import bundled_cases, load_case
from grid_opt.config.reading import nearest, parse_toml, read_text, validate
from grid_opt.config.toml_text import key_rows
from grid_opt.errors import InputError
from grid_opt.resources import models_dir
from grid_opt.study.sweeps.schema import Sweep


@dataclass(frozen=True)
class Source:
    """Where a sweep was read from: its file, and the line of every key."""

    file: Path | str
    text: str = ""
    rows: dict[str, int] = field(default_factory=dict)

    def error(
        self, problem: str, at: str, *, value: object = None, expected: str | None = None, fix: str | None = None
    ) -> InputError:
        """Make an error at a dotted field of the file."""
        place = at
        while place and place not in self.rows:
            place = place.rpartition(".")[0]
        return InputError(
            problem, file=self.file, row=self.rows.get(place), field=at, value=value, expected=expected, fix=fix
        )

    def passed_on(self, error: InputError, at: str, about: str) -> InputError:
        """Tell an error of a case or of a table as one of the sweep that made it."""
        inner = f"{about}: {error.problem}" + (f" ({error.field})" if error.field else "")
        return self.error(inner, at, value=error.value, expected=error.expected, fix=error.fix)


def bundled_sweeps() -> tuple[str, ...]:
    """Names of the sweeps that come with grid-opt."""
    return tuple(sorted(path.stem for path in (models_dir() / "sweeps").glob("*.toml")))


def find_sweep(ref: str | Path) -> Path:
    """Return the file of a bundled sweep or of a path. Raises :class:`InputError` with the nearest name."""
    if str(ref) in bundled_sweeps():
        return models_dir() / "sweeps" / f"{ref}.toml"
    path = Path(ref)
    if path.is_file():
        return path
    close = nearest(path.stem, bundled_sweeps())
    raise InputError(
        "there is no such sweep file",
        file=path,
        expected=f"a bundled sweep ({', '.join(bundled_sweeps())}) or the path of a TOML file",
        fix=f"did you mean {close!r}?" if close else None,
    )


def load_sweep(ref: str | Path) -> tuple[Sweep, Source]:
    """Read a sweep by its bundled name or path. Raises :class:`InputError` naming file, line, field and value."""
    path = find_sweep(ref)
    text = read_text(path)
    values = parse_toml(text, path)
    values.setdefault("name", re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-")[:40] or "sweep")
    source = Source(path, text, key_rows(text))
    return validate(Sweep, values, file=path, rows=source.rows), source


class Based(Protocol):
    """What names a base case."""

    @property
    def case(self) -> str:
        """A bundled name, or a path relative to the file."""
        ...


def load_base(sweep: Based, source: Source, overrides: Sequence[str] = ()) -> Case:
    """Load the base case of a sweep, from beside its file unless it is a bundled one."""
    bundled = sweep.case in bundled_cases()
    path: str | Path = sweep.case if bundled else Path(source.file).parent / sweep.case
    try:
        return load_case(path, overrides)
    except InputError as error:
        if error.file == str(path) and not Path(path).is_file():
            raise source.error("there is no such case", "case", value=sweep.case,
                               expected=f"a bundled case ({', '.join(bundled_cases())}) or the path of a TOML file, "
                               "relative to this file", fix=error.fix) from None  # fmt: skip
        if not Path(path).is_file() and not bundled:
            raise source.passed_on(error, "case", "the base case") from None
        raise


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as dotted keys; a table without entries stays as it is."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            found |= flatten(value, f"{dotted}.")
        else:
            found[dotted] = value
    return found
