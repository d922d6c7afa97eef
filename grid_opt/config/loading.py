"""Load a case by its bundled name or from a file, and change single knobs of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grid_opt.config.case import Case
from grid_opt.config.reading import nearest, parse_toml, read_text, validate
from grid_opt.config.toml_text import key_rows
from grid_opt.errors import InputError
from grid_opt.resources import models_dir


def load_case(ref: str | Path, overrides: Sequence[str] = ()) -> Case:
    """Load a bundled case (``us_750mw``) or a case file, with ``section.key=value`` overrides on top.

    Raises :class:`InputError` naming file, line, field, value and what was expected.
    """
    path = _find(ref)
    text = read_text(path)
    values = parse_toml(text, path)
    values.setdefault("name", _name_from(path))
    changed = _apply(values, overrides)
    rows = key_rows(text)
    case = validate(Case, values, file=path, rows=rows, from_options=changed)
    case._source = path
    case._rows = {key: row for key, row in rows.items() if key not in changed}
    _require_files(case, changed)
    return case


def case_from_toml(text: str, source: Path | None = None) -> Case:
    """Read a case from TOML text, such as the one that a plan carries. Raises :class:`InputError`."""
    rows = key_rows(text)
    file = source or "case text"
    case = validate(Case, parse_toml(text, file), file=file, rows=rows)
    case._source = source
    case._rows = rows
    return case


def with_overrides(case: Case, overrides: Sequence[str]) -> Case:
    """Return the case with ``section.key=value`` overrides, validated like the case itself."""
    if not overrides:
        return case
    values = case.model_dump(exclude_none=True)
    changed = _apply(values, overrides)
    new = validate(Case, values, file=case.source, rows=case._rows, from_options=changed)
    new._source = case._source
    new._rows = {key: row for key, row in case._rows.items() if key not in changed}
    _require_files(new, changed)
    return new


def bundled_cases() -> tuple[str, ...]:
    """Names of the cases that come with grid-opt."""
    return tuple(sorted(path.stem for path in (models_dir() / "cases").glob("*.toml")))


def _require_files(case: Case, from_options: Sequence[str]) -> None:
    """Refuse a folder of tables or a file of hours that is not there, at the line that names it."""
    named = (
        ("data.tables_dir", case.data.tables_dir, case.tables_dir, "a folder of tables", Path.is_dir),
        ("energy.hours_file", case.energy.hours_file, case.hours_path, "a NetCDF or CSV file of hours", Path.is_file),
        *(
            (f"nodal.{key}", getattr(case.nodal, key), path, "a file", Path.is_file)
            for key, path in case.nodal_paths.items()
        ),
    )
    for field, given, path, expected, is_there in named:
        if path is not None and not is_there(path):
            raise InputError(
                f"{path} does not exist" if not path.exists() else f"{path} is not {expected}",
                file="--set" if field in from_options else case.source,
                row=case.row(field),
                field=field,
                value=given,
                expected=f"{expected}; a relative path starts at the case file",
                fix="correct the path"
                + ("" if field.startswith("nodal.") else f", or leave {field} out to use what comes with grid-opt"),
            )


def _find(ref: str | Path) -> Path:
    text = str(ref)
    if isinstance(ref, str) and ref in bundled_cases():
        return models_dir() / "cases" / f"{ref}.toml"
    path = Path(text)
    if path.is_file():
        return path
    if path.suffix == ".toml" or path.name != text:
        raise InputError("there is no such case file", file=path, fix=_suggest(path.stem))
    raise InputError(
        f"there is no case called {text!r}",
        expected=f"a bundled case ({', '.join(bundled_cases())}) or the path of a TOML file",
        fix=_suggest(text),
    )


def _suggest(name: str) -> str | None:
    suggestion = nearest(name, bundled_cases())
    return f"did you mean {suggestion!r}?" if suggestion else None


def _name_from(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-")[:64] or "case"


def _apply(values: dict[str, Any], overrides: Sequence[str]) -> tuple[str, ...]:
    """Write ``section.key=value`` overrides into ``values``; return the dotted keys that they set."""
    changed = []
    for override in overrides:
        dotted, equals, text = override.partition("=")
        keys = [key.strip().strip("\"'") for key in dotted.split(".")]
        if not equals or not all(keys):
            raise InputError(
                "not an override",
                file="--set",
                field=dotted or None,
                value=override,
                expected="section.key=value, such as campus.hall_mw=12",
                fix=f"write {dotted or 'campus.hall_mw'}=VALUE, without spaces around the =",
            )
        _put(values, keys, _parse_value(text), override)
        changed.append(".".join(keys))
    return tuple(changed)


def _put(values: dict[str, Any], keys: Sequence[str], value: Any, override: str) -> None:
    at = values
    for depth, key in enumerate(keys[:-1], start=1):
        inner = at.setdefault(key, {})
        if not isinstance(inner, Mapping):
            raise InputError(
                f"{'.'.join(keys[:depth])} has no keys inside it",
                file="--set",
                field=".".join(keys),
                value=override,
                expected="section.key=value, such as campus.hall_mw=12",
                fix=f"leave out what follows {'.'.join(keys[:depth])}",
            )
        at[key] = dict(inner)
        at = at[key]
    at[keys[-1]] = value


def _parse_value(text: str) -> Any:
    """Read a value as TOML; what is not TOML is text, so that quotes may be left out."""
    text = text.strip()
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if set(parsed) == {"value"} else text
