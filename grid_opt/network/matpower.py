"""Read MATPOWER cases (format version 2) into a topology.

Source of the format: MATPOWER User's Manual, appendix B (R. D. Zimmerman, C. E. Murillo-Sanchez).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grid_opt.errors import InputError
from grid_opt.network.costs import read_costs
from grid_opt.network.elements import (
    Branches,
    Buses,
    Costs,
    DcLines,
    Flags,
    Generators,
    Numbers,
    Places,
    Topology,
    no_dc_lines,
    text_array,
)
from grid_opt.network.matpower_text import one_row_a_line, read_text, tables_of

_NEEDED = {"bus": 13, "branch": 11, "gen": 10, "gencost": 5, "dcline": 17, "dclinecost": 5}
"""Tables that are read, with the least number of columns that they must have."""
_ISOLATED, _REFERENCE = 4, 3
_UNLIMITED_MW = 1e10
"""Ratings of this size mean no limit in MATPOWER."""


@dataclass(frozen=True)
class Cells:
    """One table of a case with what is needed to name a bad cell."""

    file: Path
    table: str
    values: Numbers

    def column(self, position: int) -> Numbers:
        """Return a column by its position from 0."""
        return self.values[:, position]

    def error(self, row: int, field: str, problem: str, expected: str, fix: str | None = None) -> InputError:
        """Return an error that names the row (from 1) and the field of the table."""
        return InputError(
            problem, file=self.file, row=f"{row + 1} of mpc.{self.table}", field=field, expected=expected, fix=fix
        )


def read_matpower(path: str | Path) -> Topology:
    """Read a ``.m`` case.

    Errors: InputError naming file, row and field for anything that is not a case of format version 2 or does not fit
    together: unreadable files, computed cases, text for numbers, buses that do not exist.
    """
    file = Path(path)
    found = tables_of(read_text(file), file)
    _check_version(found, file)
    tables = {name: _cells(name, found[name], file) for name in _NEEDED if name in found and found[name][:1] == "["}
    for name in ("bus", "branch", "gen"):
        if name not in tables or (name == "bus" and len(tables[name].values) == 0):
            raise InputError(
                f"the case has no mpc.{name}", file=file, field=f"mpc.{name}", expected="a MATPOWER case, version 2"
            )
    return _assemble(file, _base(found, file), tables)


def _check_version(found: dict[str, str], file: Path) -> None:
    version = found.get("version", "'1'").strip("'\" ")
    if "bus" in found and version != "2":
        raise InputError(
            "only format version 2 is read", file=file, field="mpc.version", value=version, expected="'2'",
            fix="convert the case with MATPOWER's savecase",
        )  # fmt: skip


def _base(found: dict[str, str], file: Path) -> float:
    try:
        base = float(found["baseMVA"])
    except (KeyError, ValueError):
        base = float("nan")
    if not (np.isfinite(base) and base > 0):
        raise InputError(
            "the base power is missing or not positive", file=file, field="mpc.baseMVA",
            value=found.get("baseMVA"), expected="a positive number of MVA, usually 100",
        )  # fmt: skip
    return base


def _cells(name: str, body: str, file: Path) -> Cells:
    """Parse one table and refuse rows of different lengths and cells that are no numbers."""
    rows = _parse(name, one_row_a_line(name, body))
    width = len(rows[0]) if rows else _NEEDED[name]
    for number, row in enumerate(rows):
        place = f"{number + 1} of mpc.{name}"
        if len(row) != width and name not in ("gencost", "dclinecost"):
            raise InputError(
                f"the row has {len(row)} cells, the first one {width}", file=file, row=place, field=f"mpc.{name}",
                expected="rows of one length",
            )  # fmt: skip
        word = next((cell for cell in row if isinstance(cell, str)), None)
        if word is not None:
            raise InputError("a cell is not a number", file=file, row=place, field=f"mpc.{name}", value=word)
    if width < _NEEDED[name]:
        raise InputError(
            f"the table has {width} columns", file=file, field=f"mpc.{name}",
            expected=f"at least {_NEEDED[name]} columns",
        )  # fmt: skip
    full = max((len(row) for row in rows), default=width)
    values = np.array([[*row, *[0.0] * (full - len(row))] for row in rows], dtype=float).reshape(len(rows), full)
    return Cells(file, name, values)


def _parse(name: str, text: str) -> list[list[float | str]]:
    try:
        from matpowercaseframes.reader import parse_file  # noqa: PLC0415 -- an optional extra
    except ImportError as error:
        raise InputError(
            "reading MATPOWER cases needs the package matpowercaseframes", fix="pip install 'grid-opt[network]'"
        ) from error
    rows: list[list[float | str]] = parse_file(name, text) or []
    return rows


def _assemble(file: Path, base: float, tables: dict[str, Cells]) -> Topology:
    bus = tables["bus"]
    place_of = _bus_places(bus)
    online = bus.column(1) != _ISOLATED
    generator, notes = tables["gen"], []
    costs = Costs.none(len(generator.values))
    if "gencost" in tables:
        costs = read_costs(tables["gencost"].values, len(generator.values), file, "gencost")
    else:
        notes.append("the case has no mpc.gencost: generation costs nothing")
    dc, dc_costs = _dc_lines(tables, place_of, file)
    return Topology(
        source=str(file),
        base_mva=base,
        buses=_buses(bus, online),
        branches=_branches(tables["branch"], place_of),
        generators=_generators(generator, place_of),
        generator_costs=costs,
        dc_lines=dc,
        dc_costs=dc_costs,
        notes=tuple(notes),
    )


def _bus_places(bus: Cells) -> dict[int, int]:
    numbers = bus.column(0)
    whole = np.isfinite(numbers) & (numbers == np.round(numbers)) & (numbers > 0)
    if not whole.all():
        row = int(np.argmin(whole))
        raise bus.error(row, "BUS_I", f"the bus number {numbers[row]:g} is not a positive integer", "1, 2, 3, ...")
    place_of: dict[int, int] = {}
    for row, number in enumerate(numbers.astype(int).tolist()):
        if number in place_of:
            raise bus.error(
                row, "BUS_I", f"bus {number} is there twice, first in row {place_of[number] + 1}",
                "every bus number once", "number the buses anew or remove one of the two",
            )  # fmt: skip
        place_of[number] = row
    return place_of


def _buses(bus: Cells, online: Flags) -> Buses:
    count = len(bus.values)
    unknown = np.full(count, np.nan)
    return Buses(
        name=text_array(bus.column(0).astype(int)), load_mw=bus.column(2), shunt_mw=bus.column(4),
        reference=bus.column(1) == _REFERENCE, angle=np.deg2rad(bus.column(8)), online=online,
        longitude=unknown, latitude=unknown,
    )  # fmt: skip


def _at(cells: Cells, column: int, field: str, place_of: dict[int, int]) -> Places:
    """Turn bus numbers into positions, refusing a number that is no bus."""
    numbers = cells.column(column).tolist()
    missing = next((row for row, number in enumerate(numbers) if number not in place_of), None)
    if missing is not None:
        raise cells.error(
            missing, field, f"bus {numbers[missing]:.12g} is not in mpc.bus", "the number of a bus of the case",
            "correct the number or add the bus",
        )  # fmt: skip
    return np.array([place_of[int(number)] for number in numbers], dtype=np.int64)


def _branches(cells: Cells, place_of: dict[int, int]) -> Branches:
    ends = [cells.column(k).tolist() for k in (0, 1)]
    names = [f"{k + 1} ({i:.0f}-{j:.0f})" for k, (i, j) in enumerate(zip(*ends, strict=True))]
    rating = cells.column(5)
    limit = np.where((rating == 0) | (rating >= _UNLIMITED_MW), np.inf, rating)
    tap = cells.column(8)
    limited = cells.values.shape[1] > 12
    none = np.full(len(rating), np.nan)
    return Branches(
        name=text_array(names), start=_at(cells, 0, "F_BUS", place_of), end=_at(cells, 1, "T_BUS", place_of),
        r=cells.column(2), x=cells.column(3), tap=np.where(tap == 0, 1.0, tap), shift=np.deg2rad(cells.column(9)),
        forward_mw=limit, reverse_mw=limit,
        angle_min=np.deg2rad(cells.column(11)) if limited else none,
        angle_max=np.deg2rad(cells.column(12)) if limited else none,
        online=cells.column(10) > 0,
    )  # fmt: skip


def _generators(cells: Cells, place_of: dict[int, int]) -> Generators:
    names = [f"{k + 1} (bus {bus:.0f})" for k, bus in enumerate(cells.column(0).tolist())]
    return Generators(
        name=text_array(names), bus=_at(cells, 0, "GEN_BUS", place_of), p_min_mw=cells.column(9),
        p_max_mw=cells.column(8), online=cells.column(7) > 0,
    )  # fmt: skip


def _dc_lines(tables: dict[str, Cells], place_of: dict[int, int], file: Path) -> tuple[DcLines, Costs]:
    if "dcline" not in tables:
        return no_dc_lines(), Costs.none(0)
    cells = tables["dcline"]
    ends = [cells.column(k).tolist() for k in (0, 1)]
    names = [f"{k + 1} ({i:.0f}-{j:.0f})" for k, (i, j) in enumerate(zip(*ends, strict=True))]
    count = len(names)
    costs = Costs.none(count)
    if "dclinecost" in tables:
        costs = read_costs(tables["dclinecost"].values, count, file, "dclinecost")
    low, high = (_at_start(cells.column(k), cells.column(15), cells.column(16)) for k in (9, 10))
    lines = DcLines(
        name=text_array(names), start=_at(cells, 0, "F_BUS", place_of), end=_at(cells, 1, "T_BUS", place_of),
        p_min_mw=low, p_max_mw=high, loss_mw=cells.column(15),
        loss_fraction=cells.column(16), online=cells.column(2) > 0,
    )  # fmt: skip
    return lines, costs


def _at_start(limit: Numbers, loss: Numbers, fraction: Numbers) -> Numbers:
    """Return a limit of a DC line as power at its start; MATPOWER means a negative one as power at its end."""
    delivered = np.where(fraction < 1, 1 - fraction, 1.0)
    return np.where(limit < 0, (limit + loss) / delivered, limit)
