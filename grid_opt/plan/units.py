"""Translate grid-opt's units to the ones that UDUNITS, and so CF, can parse.

UDUNITS knows neither ``MWh`` nor ``USD``: energy becomes ``MW h``, and money a pure number whose currency and
price base year stand in attributes of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class CFUnit:
    """One unit as CF spells it, and whether it counts money."""

    text: str
    money: bool = False


CF_UNITS: Final[dict[str, CFUnit]] = {
    "": CFUnit("1"),
    "1": CFUnit("1"),
    "MW": CFUnit("MW"),
    "MWh": CFUnit("MW h"),
    "MW/rad": CFUnit("MW rad-1"),
    "rad": CFUnit("rad"),
    "h": CFUnit("h"),
    "year": CFUnit("1"),
    "1/year": CFUnit("year-1"),
    "yr": CFUnit("year"),
    "t/MWh": CFUnit("t MW-1 h-1"),
    "1/s": CFUnit("s-1"),
    "ms": CFUnit("ms"),
    "million tokens/s": CFUnit("1e6 s-1"),
    "USD/Mtok": CFUnit("1e-6", money=True),
    "t": CFUnit("t"),
    "kg/MWh": CFUnit("kg MW-1 h-1"),
    "GWh": CFUnit("GW h"),
    "L/kWh": CFUnit("L kW-1 h-1"),
    "m3": CFUnit("m3"),
    "USD/t": CFUnit("t-1", money=True),
    "USD/m3": CFUnit("m-3", money=True),
    "quarters": CFUnit("3 month"),
    "degrees_north": CFUnit("degrees_north"),
    "degrees_east": CFUnit("degrees_east"),
    "USD": CFUnit("1", money=True),
    "million USD": CFUnit("1e6", money=True),
    "USD/MWh": CFUnit("MW-1 h-1", money=True),
    "USD/MW": CFUnit("MW-1", money=True),
    "USD/MW/month": CFUnit("MW-1 month-1", money=True),
}
"""grid-opt's unit -> CF's unit."""


def cf_unit(unit: str, variable: str) -> CFUnit:
    """Return the CF spelling of ``unit``.

    Raises: ValueError, naming the variable, for a unit that nobody has given a CF spelling.
    """
    try:
        return CF_UNITS[unit]
    except KeyError:
        known = ", ".join(sorted(u for u in CF_UNITS if u))
        raise ValueError(f"{variable} has the unit {unit!r}; a plan file can carry: {known}") from None
