"""Refuse a sweep over something that nothing reads: build the worlds of a few of its cases and look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from grid_opt.config.case import Case
from grid_opt.config.reads import ALWAYS, watched
from grid_opt.errors import InputError
from grid_opt.formulation.model import build_arrays
from grid_opt.formulation.nodal import unwatched
from grid_opt.inputs.world import build_world
from grid_opt.study.sweeps.cases import OneCase, keys_of, with_tables
from grid_opt.study.sweeps.knobs import head_of
from grid_opt.study.sweeps.loading import Source, flatten
from grid_opt.study.sweeps.schema import Sweep
from grid_opt.study.sweeps.tables import CellChange, Overlays

_MOST_TRIES = 6
"""Cases in which a changed table is looked at before it is said that nothing reads it."""

Say = Callable[[str], None]


class Probe:
    """Build the worlds of cases of a sweep, and note which knobs are read on the way."""

    def __init__(self, source: Source, overlays: Overlays, scratch: Path, say: Say) -> None:
        self.read: set[str] = set()
        self._source, self._overlays, self._scratch, self._say = source, overlays, scratch, say
        self._worlds: dict[str, xr.Dataset] = {}

    def look(self, one: OneCase, at: str, *, model: bool) -> xr.Dataset:
        """Return the world of a case; ``model`` builds its program, too."""
        key = repr((one.case.model_dump(), [cell.key() for cell in one.cells]))
        if key in self._worlds and not model:
            return self._worlds[key]
        self._say(f"checking {one.label}")
        case = self.with_cells(one)
        spied, seen = watched(case)
        try:
            world = build_world(spied)
        except InputError as error:
            raise self._source.passed_on(error, at, f"the case {one.label} is refused") from None
        if model:
            build_arrays(spied, unwatched(world) if case.is_nodal else world)
        self.read |= seen | (set() if case.has_fleet else {"compute.workload"})
        self._worlds[key] = world
        return world

    def with_cells(self, one: OneCase) -> Case:
        """Return the case with its changed tables written."""
        return with_tables(one.case, self._overlays.write(one.cells, self._scratch) if one.cells else None)


def check_effects(sweep: Sweep, source: Source, cases: Sequence[OneCase], probe: Probe) -> None:
    """Build the first case, one case for every axis and scenario, and refuse what changes nothing.

    Raises:
        InputError: the world of one of them is not sound, or nothing reads a key or a column.
    """
    probe.look(cases[0], "case", model=True)
    for at, one in _moved(sweep, cases):
        probe.look(one, at, model=_changes_words(cases[0], one))
    for key in keys_of(cases):
        head = head_of(key)
        if head not in probe.read and head.partition(".")[0] not in ALWAYS:
            raise source.error(
                "nothing reads this knob in any case of the sweep", _said_at(sweep, key), value=key,
                expected="a knob that the plan depends on",
                fix="see docs/reference/case.md for what turns it on, and set that in [base]",
            )  # fmt: skip
    for cell in _distinct_cells(cases):
        _check_cell(cell, source, cases, probe)


def _moved(sweep: Sweep, cases: Sequence[OneCase]) -> Iterator[tuple[str, OneCase]]:
    """Yield one case for every axis that is off its first value there, and one for every scenario."""
    first = cases[0]
    for name in sweep.axes:
        found = next((one for one in cases if name in one.place and one.place[name] != first.place.get(name)), None)
        if found is not None:
            yield f"axes.{name}", found
    for name in sweep.scenarios:
        yield f"scenarios.{name}", next(one for one in cases if one.scenario == name)


def _changes_words(first: OneCase, one: OneCase) -> bool:
    """Whether a case differs in more than numbers, which may switch parts of the program on."""
    return _words(first) != _words(one)


def _words(one: OneCase) -> dict[str, Any]:
    values = flatten(one.case.model_dump())
    return {key: value for key, value in values.items() if isinstance(value, bool | str | list | tuple)}


def _said_at(sweep: Sweep, key: str) -> str:
    for name, axis in sweep.axes.items():
        if axis.key == key:
            return f"axes.{name}.key"
    for name, scenario in sweep.scenarios.items():
        if key in flatten(scenario.set):
            return f"scenarios.{name}.set.{key}"
        for label, change in scenario.changes.items():
            if change.key == key:
                return f"scenarios.{name}.changes.{label}.key"
    return "base"


def _distinct_cells(cases: Sequence[OneCase]) -> list[CellChange]:
    """Return one change for every place in the sweep file that changes a table."""
    return list({_place(cell): cell for one in cases for cell in one.cells}.values())


def _place(cell: CellChange) -> str:
    return cell.at.rpartition(".")[0]


def _check_cell(cell: CellChange, source: Source, cases: Sequence[OneCase], probe: Probe) -> None:
    """Refuse a change of a table that changes no world."""
    tried: list[dict[str, Any]] = []
    for one in cases:
        mine = [it for it in one.cells if _place(it) == _place(cell)]
        words = _words(one)
        if not mine or words in tried:
            continue
        tried.append(words)
        without = tuple(it for it in one.cells if it not in mine)
        here = probe.look(one, cell.at, model=False)
        before = probe.look(replace(one, cells=without, label=f"{one.label} without it"), cell.at, model=False)
        if not here.equals(before):
            return
        if len(tried) == _MOST_TRIES:
            break
    raise source.error(
        f"nothing in the case reads these cells of {cell.table}.csv", _place(cell), value=cell.column,
        expected="cells that some array of the model is made from",
        fix="choose rows of regions and years that the case has, or turn on what reads the table",
    )  # fmt: skip
