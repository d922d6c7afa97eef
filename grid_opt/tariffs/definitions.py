"""Read tariffs by name or from a file, and write them as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grid_opt.config.reading import nearest, parse_toml, read_text, validate
from grid_opt.config.toml_text import key_rows, toml_literal, toml_table
from grid_opt.errors import InputError
from grid_opt.resources import models_dir
from grid_opt.tariffs.schema import Tariff


def bundled_tariffs() -> tuple[str, ...]:
    """Names of the bundled tariffs."""
    return tuple(sorted(path.name.removesuffix(".toml") for path in _folder().glob("*.toml")))


def tariff_path(name: str, base: Path | None = None) -> Path:
    """Return the file of a tariff: a bundled one by its name, or a TOML file relative to ``base``."""
    return _folder() / f"{name}.toml" if name in bundled_tariffs() else (base or Path()) / name


def load_tariff(name: str, base: Path | None = None) -> Tariff:
    """Read a tariff by its bundled name, or from a TOML file (relative to ``base``).

    Raises :class:`InputError` naming the file, line and field, or the nearest name.
    """
    known = bundled_tariffs()
    bundled = name in known
    path = tariff_path(name, base)
    if not bundled and not path.is_file():
        suggestion = nearest(name, known)
        raise InputError(
            f"there is no tariff called {name!r}",
            field="tariff",
            value=name,
            expected=f"one of {', '.join(known)}, or the path of a TOML file",
            fix=f"did you mean {suggestion!r}?" if suggestion else None,
        )
    tariff = tariff_from_toml(read_text(path), path)
    if bundled and tariff.name != name:
        raise InputError("the name is not the file's", file=path, field="name", value=tariff.name, expected=name)
    return tariff


def tariff_from_toml(text: str, file: str | Path) -> Tariff:
    """Read a tariff from TOML. Raises :class:`InputError` naming the file, line and field."""
    return validate(Tariff, parse_toml(text, file), file=file, rows=key_rows(text))


def tariff_to_toml(tariff: Tariff, comment: str = "") -> str:
    """Write a tariff as TOML, what is at its default left out; reading the text gives an equal tariff."""
    values: Mapping[str, Any] = tariff.model_dump(exclude_defaults=True)
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += [f"{key} = {toml_literal(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    for name, schedule in tariff.schedules.items():
        lines += toml_table(f"schedules.{name}", schedule.model_dump(exclude_defaults=True))
    return "\n".join(lines) + "\n"


def _folder() -> Path:
    return models_dir() / "tariffs"
