"""Turn the period tables of the Utility Rate Database into periods with windows and tiers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from grid_opt.errors import InputError
from grid_opt.units import KW_PER_MW

Structure = Literal["energy", "demand", "flatdemand"]
Runs = tuple[tuple[int, int], ...]
_RATES = {"energy": "energyratestructure", "demand": "demandratestructure", "flatdemand": "flatdemandstructure"}
_OPEN = 1e30
"""A ``max`` from which the database means that a tier has no end."""


@dataclass(frozen=True)
class Named:
    """A rate, its file, the source of its figures, and the notes on it."""

    file: Path
    values: Mapping[str, Any]
    cited: Mapping[str, str]
    notes: list[str]

    def bad(self, key: str, problem: str, value: object, expected: str) -> InputError:
        """Make an error that names the file and the key."""
        return InputError(problem, file=self.file, field=key, value=value, expected=expected)


def rate_periods(rate: Named, structure: Structure) -> dict[str, Any]:
    """Return the periods of a structure of rates, with the windows of its schedules."""
    key = _RATES[structure]
    rates = rate.values[key]
    if not isinstance(rates, list) or not all(isinstance(p, list) and p for p in rates):
        raise rate.bad(key, "not a list of periods with tiers", rates, "[[{rate: ...}], ...]")
    days = _schedules(rate, structure, len(rates))
    used = {number for table in days for row in table for number in row}
    periods: dict[str, Any] = {}
    for number, tiers in enumerate(rates):
        if number not in used:
            rate.notes.append(f"{key}, period {number}: in no hour of its schedules")
            continue
        windows = {} if len(used) == 1 else {"windows": _windows(days, number)}
        periods[f"period_{number}"] = windows | _tiers(rate, structure, key, number, tiers)
    return periods


def month_periods(rate: Named, key: str) -> dict[str, Any]:
    """Return periods of an adder [USD/kWh] that is given for every month."""
    values = rate.values[key]
    if not isinstance(values, list) or len(values) != 12:
        raise rate.bad(key, "not a value for every month", values, "12 numbers")
    months: dict[float, list[int]] = defaultdict(list)
    for number, value in enumerate(values):
        months[_number(rate, key, value)].append(number + 1)
    return {
        f"period_{number}": ({} if len(months) == 1 else {"windows": [{"months": which}]})
        | {"usd_per_mwh": round(value * KW_PER_MW, 9)}
        for number, (value, which) in enumerate(months.items())
    }


def _schedules(rate: Named, structure: Structure, periods: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return the tables of periods, 12 months by 24 hours, of workdays and of weekends."""
    if structure == "flatdemand":
        months = rate.values.get("flatdemandmonths") or [0] * 12
        if not isinstance(months, list) or len(months) != 12:
            raise rate.bad("flatdemandmonths", "not a period for every month", months, "12 whole numbers")
        table = [[month] * 24 for month in months]
        _check_table(rate, "flatdemandmonths", table, periods)
        return table, table
    keys = (f"{structure}weekdayschedule", f"{structure}weekendschedule")
    tables = [rate.values.get(key) or ([[0] * 24] * 12 if periods == 1 else None) for key in keys]
    for key, found in zip(keys, tables, strict=True):
        _check_table(rate, key, found, periods)
    return tables[0] or [], tables[1] or []


def _check_table(rate: Named, key: str, table: Any, periods: int) -> None:
    if not isinstance(table, list) or len(table) != 12 or not all(isinstance(r, list) and len(r) == 24 for r in table):
        raise rate.bad(key, "not a table of 12 months by 24 hours", table, "12 lists of 24 periods")
    for month, row in enumerate(table, start=1):
        for number in row:
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < periods:
                raise rate.bad(f"{key}.{month - 1}", "no such period", number, f"0 to {periods - 1}")


def _windows(days: tuple[list[list[int]], list[list[int]]], number: int) -> list[dict[str, Any]]:
    """Gather the hours of a period: months alike in one window, and workdays with weekends where they are alike."""
    months: dict[tuple[str, Runs], list[int]] = defaultdict(list)
    for month in range(12):
        work, end = (_runs(table[month], number) for table in days)
        kinds = [("all", work)] if work == end else [("workday", work), ("weekend", end)]
        for kind, runs in kinds:
            if runs:
                months[kind, runs].append(month + 1)
    return [
        {"months": which, "days": kind, "hours": [list(run) for run in runs]} for (kind, runs), which in months.items()
    ]


def _runs(row: Sequence[int], number: int) -> Runs:
    edges = [
        hour for hour in range(25) if (hour < 24 and row[hour] == number) != (hour > 0 and row[hour - 1] == number)
    ]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def _tiers(rate: Named, structure: Structure, key: str, number: int, tiers: Sequence[Any]) -> dict[str, Any]:
    energy = structure == "energy"
    _check_unit(rate, structure, key, tiers)
    name, end = ("usd_per_mwh", "upto_mwh") if energy else ("usd_per_kw_month", "upto_mw")
    scale = KW_PER_MW if energy else 1.0
    found = []
    for count, tier in enumerate(tiers):
        where = f"{key}.{number}.{count}"
        if tier.get("sell"):
            rate.notes.append(f"{where}.sell ({tier['sell']:g}): power fed back is not billed")
        if "rate" not in tier and "adj" not in tier:
            rate.notes.append(f"{where}: no rate, taken as 0")
        usd = _number(rate, f"{where}.rate", tier.get("rate", 0)) + _number(rate, f"{where}.adj", tier.get("adj", 0))
        most = _number(rate, f"{where}.max", tier.get("max", 0))
        found.append({name: round(usd * scale, 9)} | ({end: most / KW_PER_MW} if 0 < most < _OPEN else {}))
    if end in found[-1]:
        rate.notes.append(f"{key}, period {number}: the last tier ends at {tiers[-1]['max']:g}; billed as open")
        del found[-1][end]
    return found[0] if len(found) == 1 else {"tiers": found}


def _check_unit(rate: Named, structure: Structure, key: str, tiers: Sequence[Any]) -> None:
    if structure != "energy":
        unit = rate.values.get(f"{structure}unit" if structure == "flatdemand" else "demandrateunit") or "kW"
        if unit != "kW":
            raise rate.bad(
                "flatdemandunit" if structure == "flatdemand" else "demandrateunit",
                "demand in a unit that cannot be billed",
                unit,
                "kW by the month",
            )
    for tier in tiers:
        if not isinstance(tier, dict):
            raise rate.bad(key, "not a tier", tier, "{rate: ..., adj: ..., max: ...}")
        if structure == "energy" and tier.get("unit", "kWh") not in ("kWh", "", None):
            raise rate.bad(key, "tiers that cannot be represented", tier["unit"], "tiers in kWh of the month")


def _number(rate: Named, key: str, value: object) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise rate.bad(key, "not a number", value, "a number")
    return float(value)
