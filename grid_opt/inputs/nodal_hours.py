"""Read the hours of a case of buses: their weights, and series that loads and generators follow."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grid_opt.errors import InputError
from grid_opt.inputs.schema_tables import Column, Table
from grid_opt.inputs.tables import read_csv_table, read_utf8
from grid_opt.network.elements import Numbers, Places

HOURS_OF_SEASON = {1: 2160, 2: 2184, 3: 2208, 4: 2208}
_EXACT_H = 1e-6
_MOST = 100.0
"""Largest value of a series: shares of a peak or of a maximum are seldom above 1."""
_KEYS = ("season", "weight_h")


@dataclass(frozen=True)
class Series:
    """Hours (slice,) with the calendar quarter that they are of, the hours that they stand for, and series by name."""

    season: Places
    weight_h: Numbers
    shares: Mapping[str, Numbers]

    def of(self, name: str) -> Numbers:
        """Return a series; one that is not there is 1 in every hour."""
        return self.shares.get(name, np.ones(len(self.weight_h)))

    def table(self, names: Sequence[str]) -> Numbers:
        """Return the series named (name, slice)."""
        return np.array([self.of(name) for name in names]).reshape(len(names), len(self.weight_h))


def read_series(path: Path) -> Series:
    """Read the hours.

    Errors: InputError for cells that are no numbers, and weights that do not add up to a calendar quarter's hours.
    """
    header = next(csv.reader(read_utf8(path).splitlines()[:1]), [])
    names = [name.strip() for name in header if name.strip() not in _KEYS]
    table = read_csv_table(path, _declared(names))
    season = table["season"].to_numpy(dtype=np.int64)
    weight = table["weight_h"].to_numpy(dtype=float)
    for one, hours in HOURS_OF_SEASON.items():
        total = float(weight[season == one].sum())
        if abs(total - hours) > _EXACT_H:
            raise InputError(
                f"the hours of calendar quarter {one} stand for {total:g} hours", file=path, field="weight_h",
                value=total, expected=f"{hours} hours in all: a year of 365 days",
                fix="give every calendar quarter hours whose weights add up to its own",
            )  # fmt: skip
    return Series(season, weight, {name: table[name].to_numpy(dtype=float) for name in names})


def _declared(names: Sequence[str]) -> Table:
    keys = (
        Column("season", "int", "", "calendar quarter", 1, 4),
        Column("weight_h", "float", "h", "hours that it stands for", 1e-6, 2208),
    )
    series = (Column(name, "float", "1", "share of a load or of a generator's maximum", 0, _MOST) for name in names)
    return Table("hours", (), (*keys, *series), "hours of every calendar quarter", "Hours that stand for a year.")
