"""Say what a column and a table of input are, in the words that the declarations of tables are written in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["str", "float", "int"]

QUARTER_PATTERN = r"20\d\dQ[1-4]"
DELIVERY_YEAR_PATTERN = r"20\d\d/\d\d"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``lower`` and ``upper`` are physical bounds, both allowed values; ``below`` and ``above`` are what a
    value outside them probably is. ``zero_allowed`` lets 0 pass under a positive ``lower`` (no capacity
    market, no such charge). ``optional`` lets a cell be empty. ``identifier`` refuses texts that
    spreadsheets and pandas read as missing.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    lower: float | None = None
    upper: float | None = None
    below: str = ""
    above: str = ""
    zero_allowed: bool = False
    optional: bool = False
    identifier: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True)
class Table:
    """One CSV file: its key columns (unique together), its columns and how many rows it should have."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: str
    meaning: str

    @property
    def file(self) -> str:
        """Return the file name."""
        return f"{self.name}.csv"

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)


PERCENT = "looks like a percentage; divide by 100"
KILOWATT = "looks like kW; divide by 1000"
PER_KWH = "looks like USD/kWh; multiply by 1000"
PER_KWH_TIMES_1000 = "looks like USD/GWh or cents/MWh; divide until it is USD/MWh"


def text(name: str, meaning: str, *, choices: Iterable[str] = (), pattern: str = "", optional: bool = False) -> Column:
    """Declare a column of text."""
    return Column(name, "str", "", meaning, choices=tuple(choices), pattern=pattern, optional=optional)


def ident(name: str, meaning: str) -> Column:
    """Declare a column of names that spreadsheets must not take for missing values."""
    return Column(name, "str", "", meaning, identifier=True)


def share(name: str, meaning: str, lower: float = 0.0, upper: float = 1.0) -> Column:
    """Declare a share of 1."""
    return Column(name, "float", "1", meaning, lower, upper, above=PERCENT)


def power(name: str, meaning: str, lower: float = 0.0, upper: float = 200_000.0) -> Column:
    """Declare power in MW."""
    return Column(name, "float", "MW", meaning, lower, upper, above=KILOWATT)


def price(name: str, meaning: str, lower: float, upper: float) -> Column:
    """Declare a price in USD/MWh."""
    return Column(name, "float", "USD/MWh", meaning, lower, upper, below=PER_KWH, above=PER_KWH_TIMES_1000)


def pue(name: str, meaning: str) -> Column:
    """Declare a power usage effectiveness."""
    return Column(
        name,
        "float",
        "1",
        meaning,
        1.0,
        2.5,
        below="facility power over IT power is never below 1",
        above=PERCENT,
    )


def year(lower: int, upper: int) -> Column:
    """Declare a calendar year."""
    return Column("year", "int", "yr", "calendar year", lower, upper)
