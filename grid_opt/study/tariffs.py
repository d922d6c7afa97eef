"""Put a tariff, a load and a market together for a bill, and say what a tariff consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grid_opt.errors import InputError
from grid_opt.inputs.hours_csv import LoadHours, read_load_csv
from grid_opt.inputs.tables import read_table
from grid_opt.tariffs.bill import Bill, bill
from grid_opt.tariffs.clock import local_year
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.periods import EnergyPeriod
from grid_opt.tariffs.schema import Schedule, Tariff
from grid_opt.tariffs.terms import falling

CASH = ("collateral", "exit_fee")
KINDS = (
    "energy", "indexed", "rider", "demand", "coincident", "capacity", "fixed", "minimum_bill", *CASH,
)  # fmt: skip


def capacity_prices() -> dict[tuple[str, str], float]:
    """Return the bundled capacity prices by zone and delivery year [USD/(MW day)]."""
    table = read_table("capacity_prices")
    keys = zip(table["capacity_zone"].astype(str), table["delivery_year"].astype(str), strict=True)
    return dict(zip(keys, table["usd_per_mw_day"].astype(float), strict=True))


def bill_year(
    tariff: Tariff,
    context: Context,
    *,
    mw: float | None = None,
    file: Path | None = None,
    year: int | None = None,
    price: float | None = None,
    delivered_mw: float | None = None,
    wrap: bool = False,
) -> Bill:
    """Bill a flat load or one from a CSV file, at the bundled capacity prices.

    ``year`` is a calendar year by the tariff's clock: of a flat load the year itself (2026 if absent), of a file the
    part of it that is billed (all if absent). ``wrap`` fills hours of the year that the file lacks from its other end.
    ``price`` is a flat wholesale price [USD/MWh], ``delivered_mw`` a flat delivery under contracts with others [MW];
    without them the file's columns of prices and deliveries are taken, if it has them.
    """
    if (mw is None) == (file is None):
        raise InputError("what load?", field="--load", expected="either --load FILE.csv or --mw FLAT")
    if file is not None:
        load = read_load_csv(file)
        if year is not None:
            load = _of_year(file, load, local_year(year, tariff.timezone), wrap)
        elif wrap:
            raise InputError("wrap into which year?", field="--wrap", expected="--year beside it")
    else:
        times = local_year(year or 2026, tariff.timezone)
        load = LoadHours(times, np.full(len(times), mw, dtype=float), None, None)
    prices = load.price if price is None else np.full(len(load.times), price)
    delivered = load.delivered_mw if delivered_mw is None else np.full(len(load.times), delivered_mw)
    known = {**capacity_prices(), **context.capacity_usd_per_mw_day}
    given = replace(context, wholesale_usd_per_mwh=prices, delivered_mw=delivered, capacity_usd_per_mw_day=known)
    return bill(tariff, pd.Series(load.mw, index=load.times), given)


def _of_year(file: Path, load: LoadHours, year: pd.DatetimeIndex, wrap: bool) -> LoadHours:
    """Cut a year out of a file, or fill it from the file's other end."""
    times = load.times
    place = pd.Series(np.arange(len(times)), index=times)
    if not place.index.is_unique:
        twice = place.index[place.index.duplicated()][0]
        raise InputError(
            "an hour is there twice", file=file, row=int(place[twice].iloc[1]) + 2, field="time", value=twice
        )
    step = times[1] - times[0] if len(times) > 1 else pd.Timedelta(hours=1)
    wanted = pd.date_range(year[0], year[-1] + pd.Timedelta(hours=1), freq=step, inclusive="left") if step else year
    at = place.reindex(wanted).to_numpy(dtype=float)
    lacking = np.isnan(at)
    if lacking.any() and wrap:
        span = times[-1] - times[0] + step
        for shift in (-span, span):
            at = np.where(np.isnan(at), place.reindex(wanted + shift).to_numpy(dtype=float), at)
    if np.isnan(at).any():
        raise InputError(
            f"{int(np.isnan(at).sum())} hours of the year are not in the file",
            file=file,
            field="time",
            value=f"{times[0]} to {times[-1]}",
            expected=f"{wanted[0]} to {wanted[-1]} (UTC)",
            fix="give these hours, or --wrap to take them from the other end of the file",
        )
    return load.at(wanted, at.astype(np.int64))


def describe(tariff: Tariff) -> list[dict[str, Any]]:
    """Say what every charge of a tariff is: schedule, kind, name, rates, source, and whether it needs binaries."""
    rows = []
    for name, schedule in tariff.schedules.items():
        for kind in KINDS:
            charges: Mapping[str, Any] = getattr(schedule, kind)
            for charge, made in charges.items():
                values = made.model_dump(exclude_defaults=True)
                head = {"schedule": name, "kind": kind, "charge": charge}
                cited = {key: values.pop(key) for key in ("source", "certainty", "date")}
                rows.append({**head, "terms": values, **cited, "needs_binaries": _binaries(kind, made)})
    return rows


def size_limits(tariff: Tariff) -> tuple[float, ...]:
    """Return the contract demands at which another schedule begins [MW]: each is a binary choice of a model."""
    ends = {s.from_mw for s in tariff.schedules.values()} | {s.most_mw for s in tariff.schedules.values()}
    return tuple(sorted(end for end in ends if 0 < end < np.inf))


def _binaries(kind: str, charge: Any) -> str | None:
    if kind not in ("energy", "demand"):
        return None
    periods: Mapping[str, EnergyPeriod] = charge.periods
    return next((why for period in periods.values() if (why := falling(period.blocks()))), None)


def in_force(schedule: Schedule) -> str:
    """Say when and for which sizes a schedule is in force."""
    size = f"{schedule.from_mw:g} MW"
    size += " and more" if schedule.below_mw is None else f" to below {schedule.below_mw:g} MW"
    return f"{schedule.first_month} to {schedule.last_month or 'further notice'}, {size}"
