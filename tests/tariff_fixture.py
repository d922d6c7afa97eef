"""Short ways to write a tariff and a load, for the tests of tariffs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from grid_opt.config.reading import validate
from grid_opt.tariffs.bill import Bill
from grid_opt.tariffs.schema import Tariff

CITED = {"source": "made up for a test", "certainty": "L", "date": "2026"}
EAST = "America/New_York"


def flat_rate(usd: float, key: str = "usd_per_mwh", **more: Any) -> dict[str, Any]:
    """Write a charge with one rate at all times."""
    return {**CITED, "periods": {"all": {key: usd}}, **more}


def demand_rate(usd_per_kw_month: float, **more: Any) -> dict[str, Any]:
    return flat_rate(usd_per_kw_month, "usd_per_kw_month", **more)


def schedule(**parts: Any) -> dict[str, Any]:
    return {**CITED, "title": "Schedule", "first_month": "2025-01", **parts}


def tariff(timezone: str = EAST, holidays: str = "nerc", schedules: Any = None, **parts: Any) -> Tariff:
    """Write a tariff of one schedule with these charges, or of several schedules."""
    values = {
        "name": "test", "title": "Test", "utility": "Utility", "market": "Market", "timezone": timezone,
        "holidays": holidays, "schedules": schedules or {"only": schedule(**parts)},
    }  # fmt: skip
    return validate(Tariff, values, file="test.toml")


def hours(first: str, end: str, timezone: str = EAST) -> pd.DatetimeIndex:
    """Return the hours from the local midnight of a day up to that of another, in UTC."""
    start, stop = (pd.Timestamp(text, tz=timezone).tz_convert("UTC") for text in (first, end))
    return pd.date_range(start, stop, freq="h", inclusive="left")


def load(mw: float, first: str, end: str, timezone: str = EAST) -> pd.Series[float]:
    index = hours(first, end, timezone)
    return pd.Series(np.full(len(index), mw), index=index)


def at(series: pd.Series[float], local: str, mw: float, timezone: str = EAST) -> None:
    """Set the load of the hour that begins at a local time."""
    when = pd.Timestamp(local, tz=timezone).tz_convert("UTC")
    assert when in series.index
    series[when] = mw


def cost(bill: Bill, month: str, charge: str, part: str | None = None) -> float:
    """Return what a charge costs in a month, to the cent."""
    lines = bill.lines[(bill.lines["month"] == month) & (bill.lines["charge"] == charge)]
    if part is not None:
        lines = lines[lines["part"] == part]
    assert len(lines), (month, charge, part)
    return round(float(lines["usd"].sum()), 2)
