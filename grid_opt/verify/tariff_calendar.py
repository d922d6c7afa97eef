"""Count days and hours as a tariff does: a plain calendar, and the windows of rate periods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

Period = Mapping[str, Any]


def month_name(year: int, month: int) -> str:
    """Write a month as bills do."""
    return f"{year}-{month:02d}"


def days_in(year: int, month: int) -> list[dt.date]:
    """List the days of a month."""
    day, found = dt.date(year, month, 1), []
    while day.month == month:
        found.append(day)
        day += dt.timedelta(days=1)
    return found


def months_between(first: str, last: str) -> int:
    """Count the months from one to another, both like 2026-01."""
    return 12 * (int(last[:4]) - int(first[:4])) + int(last[5:7]) - int(first[5:7])


def later(month: str, by: int) -> str:
    """Return the month so many months later."""
    number = 12 * int(month[:4]) + int(month[5:7]) - 1 + by
    return month_name(number // 12, number % 12 + 1)


def holidays(year: int) -> set[dt.date]:
    """List the six NERC holidays; one on a Sunday is kept on Monday."""
    found = {dt.date(year, *day) for day in ((1, 1), (7, 4), (12, 25))}
    found = {d + dt.timedelta(days=1) if d.isoweekday() == 7 else d for d in found}
    mondays = [d for d in days_in(year, 5) if d.isoweekday() == 1]
    first_monday = next(d for d in days_in(year, 9) if d.isoweekday() == 1)
    thursdays = [d for d in days_in(year, 11) if d.isoweekday() == 4]
    return found | {mondays[-1], first_monday, thursdays[3]}


def day_kinds(year: int, month: int, kept: str) -> dict[str, int]:
    """Count the workdays and the other days of a month."""
    free = holidays(year) if kept == "nerc" else set()
    work = sum(1 for d in days_in(year, month) if d.isoweekday() <= 5 and d not in free)
    return {"workday": work, "weekend": len(days_in(year, month)) - work}


def local_hour(utc_hour: int, year: int, month: int, zone: str) -> int:
    """Return the local hour by the clock of the month's middle."""
    noon = dt.datetime(year, month, 15, 12, tzinfo=ZoneInfo(zone))
    shift = noon.utcoffset()
    return (utc_hour + round(shift.total_seconds() / 3600)) % 24 if shift is not None else utc_hour


def _windows(period: Period, month: int, kind: str, hour: int) -> bool:
    for window in period["windows"]:
        if month not in window["months"] or window["days"] not in ("all", kind):
            continue
        for start, end in window["hours"]:
            if start < end and start <= hour < end:
                return True
            if start > end and (hour >= start or hour < end):
                return True
    return False


def period_of(periods: Mapping[str, Period], month: int, kind: str, hour: int) -> str | None:
    """Name the period of an hour: the one with a window on it, or else the one without windows."""
    for name, period in periods.items():
        if _windows(period, month, kind, hour):
            return name
    return next((name for name, period in periods.items() if not period["windows"]), None)


def periods_in(periods: Mapping[str, Period], month: int) -> Iterator[str]:
    """Name the periods that have any hour in a month."""
    there = {period_of(periods, month, kind, hour) for kind in ("workday", "weekend") for hour in range(24)}
    yield from (name for name in periods if name in there)


def tiers(period: Period, one: str, many: str, upto: str, per_unit: float) -> list[tuple[float, float]]:
    """List the tiers of a period as (end, USD per unit)."""
    if period[one] is not None:
        return [(float("inf"), per_unit * period[one])]
    return [(float("inf") if tier[upto] is None else float(tier[upto]), per_unit * tier[one]) for tier in period[many]]


def tiered(quantity: float, ends: list[tuple[float, float]]) -> float:
    """Return the cost of a quantity, each part of it at the rate of its tier."""
    cost, start = 0.0, 0.0
    for end, rate in ends:
        if quantity > start or start == 0.0:
            cost += (min(quantity, end) - start) * rate
        start = end
    return cost


def delivery_year(year: int, month: int) -> str:
    """Name the capacity delivery year of a month: June to May."""
    first = year if month >= 6 else year - 1
    return f"{first}/{(first + 1) % 100:02d}"
