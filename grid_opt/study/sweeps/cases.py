"""Make the cases of a sweep, and tell by their content which of them are the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grid_opt import __version__
from grid_opt.config.case import Case
from grid_opt.config.loading import with_overrides
from grid_opt.config.toml_text import toml_literal
from grid_opt.study.plan_case import hash_inputs
from grid_opt.study.sweeps.design import BASE, Point, points_of
from grid_opt.study.sweeps.knobs import allowed, changed_case, check_key, is_whole, new_value
from grid_opt.study.sweeps.loading import Source, flatten
from grid_opt.study.sweeps.schema import Change, Sweep
from grid_opt.study.sweeps.tables import CellChange, cell_change

_UNTOLD = ("name", "title", "description")
"""Knobs that change no plan."""

_PLACES = (("data", "tables_dir"), ("energy", "hours_file"))
"""Knobs that say where a file is; what is in it counts, not where it is."""


@dataclass(frozen=True)
class OneCase:
    """A case of a sweep: its label, its place on the axes, its scenario, and what it is."""

    label: str
    case: Case
    place: Mapping[str, Any]
    scenario: str = BASE
    cells: tuple[CellChange, ...] = ()
    keys: tuple[str, ...] = ()


def make_cases(sweep: Sweep, source: Source, base: Case) -> list[OneCase]:
    """Return every case of a sweep, validated as a case file is.

    Raises:
        InputError: a key, a table, a column or a value is refused; at its place in the sweep file.
    """
    base = _with_base(sweep, source, base)
    whole = frozenset(_whole_axes(sweep, source, base))
    made = [_make(sweep, source, base, point) for point in points_of(sweep, whole)]
    labels = Counter(one.label for one in made)
    if max(labels.values()) == 1:
        return made
    width = len(str(len(made)))
    return [replace(one, label=f"{n:0{width}d}") for n, one in enumerate(made, start=1)]


def _with_base(sweep: Sweep, source: Source, base: Case) -> Case:
    return _set(base, flatten(sweep.base), source, "base")


def _set(case: Case, values: Mapping[str, Any], source: Source, at: str) -> Case:
    """Set knobs that the file gives as sections under ``at``; together, for some only fit together."""
    for key in values:
        check_key(case, key, source, f"{at}.{key}")
        allowed([key], source, f"{at}.{key}")
    return changed_case(case, values, source, {key: f"{at}.{key}" for key in values})


def _whole_axes(sweep: Sweep, source: Source, base: Case) -> list[str]:
    found: list[str] = []
    seen: dict[str, str] = {}
    for name, axis in sweep.axes.items():
        if axis.key is None:
            continue
        if axis.key in seen:
            raise source.error(f"the axis {seen[axis.key]} changes this knob already", f"axes.{name}.key",
                               value=axis.key, expected="each knob in one axis")  # fmt: skip
        seen[axis.key] = name
        check_key(base, axis.key, source, f"axes.{name}.key")
        allowed([axis.key], source, f"axes.{name}.key")
        if axis.change == "set" and is_whole(base, axis.key):
            found.append(name)
            for bound in ("low", "high"):
                value = getattr(axis, bound)
                if value is not None and value != int(value):
                    raise source.error(f"{axis.key} takes whole numbers", f"axes.{name}.{bound}", value=value,
                                       expected="a whole number")  # fmt: skip
    return found


def _make(sweep: Sweep, source: Source, base: Case, point: Point) -> OneCase:
    case, cells, keys = _in_scenario(sweep, source, base, point.scenario)
    values, places = {}, {}
    for name, amount in point.place.items():
        axis, at = sweep.axes[name], f"axes.{name}.{_given(sweep.axes[name], amount)}"
        if axis.key is None:
            cells.append(cell_change(axis, amount, source, at))
        else:
            values[axis.key] = new_value(case, axis.key, axis.change, amount, source, at)
            places[axis.key] = at
    case = changed_case(case, values, source, places)
    moved = tuple(cell for cell in cells if not cell.neutral)
    return OneCase(_label(point), case, point.place, point.scenario, moved, (*keys, *values))


def _given(axis: Change, amount: Any) -> str:
    if getattr(axis, "values", None) is not None:
        return "values"
    return "low" if amount == getattr(axis, "low", None) else "high"


def _in_scenario(sweep: Sweep, source: Source, base: Case, name: str) -> tuple[Case, list[CellChange], list[str]]:
    if name == BASE:
        return base, [], []
    scenario, at = sweep.scenarios[name], f"scenarios.{name}"
    values = flatten(scenario.set)
    case = _set(base, values, source, f"{at}.set")
    cells, keys = [], list(values)
    for label, change in scenario.changes.items():
        place = f"{at}.changes.{label}.value"
        if change.key is None:
            cells.append(cell_change(change, change.value, source, place))
            continue
        check_key(case, change.key, source, f"{at}.changes.{label}.key")
        allowed([change.key], source, f"{at}.changes.{label}.key")
        keys.append(change.key)
        value = new_value(case, change.key, change.change, change.value, source, place)
        case = changed_case(case, {change.key: value}, source, {change.key: place})
    return case, cells, keys


def _label(point: Point) -> str:
    if point.label:
        return point.label
    parts = [] if point.scenario == BASE and point.place else [point.scenario]
    return ", ".join([*parts, *(f"{name}={shown(value)}" for name, value in point.place.items())])


def shown(value: Any) -> str:
    """Write a value of an axis for tables and pictures."""
    if isinstance(value, bool) or not isinstance(value, float):
        return value if isinstance(value, str) else toml_literal(value)
    return f"{value:.6g}"


class Digests:
    """Tell by the content of a case and of all files that it reads whether two cases are the same."""

    def __init__(self) -> None:
        self._files: dict[str, dict[str, str]] = {}
        self._versions = versions()

    def of(self, case: Case) -> str:
        """Return the SHA-256 of the knobs that count, the content of every input, and the programs' versions."""
        knobs = case.model_dump(mode="json", exclude=set(_UNTOLD))
        for section, key in _PLACES:
            del knobs[section][key]
        content = {"knobs": knobs, "inputs": self._hashes(case), "versions": self._versions}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def _hashes(self, case: Case) -> dict[str, str]:
        named = [str(case.resolve(".")), case.data.model_dump(), case.energy.hours_file, case.nodal.model_dump(),
                 case.fleet.members, case.service.classes, case.compute.model_dump(), case.tariffs.charge]  # fmt: skip
        key = json.dumps(named, sort_keys=True)
        if key not in self._files:
            self._files[key] = hash_inputs(case)
        return self._files[key]


def versions() -> dict[str, str]:
    """Return the versions of the programs by which a plan may differ."""
    return {"grid-opt": __version__, **{name: importlib.metadata.version(name) for name in ("highspy", "tsam")}}


def with_tables(case: Case, folder: Path | None) -> Case:
    """Return the case with its tables in a folder; the path is kept relative to where the case is."""
    if folder is None:
        return case
    path = Path(os.path.relpath(folder, case.resolve("."))).as_posix()
    return with_overrides(case, [f"data.tables_dir={json.dumps(path)}"])


def keys_of(cases: Sequence[OneCase]) -> tuple[str, ...]:
    """Return every knob that some case of a sweep changes."""
    return tuple(dict.fromkeys(key for one in cases for key in one.keys))
