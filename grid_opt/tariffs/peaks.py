"""Bill demand at the hours in which a system peaks: coincident-peak charges and capacity obligations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid_opt.errors import InputError
from grid_opt.tariffs.charges import CapacityCharge, CoincidentCharge, peak_hour
from grid_opt.tariffs.clock import Floats, Ints
from grid_opt.tariffs.months import JUNE, MONTHS_PER_YEAR, days_of, delivery_year, year_of
from grid_opt.tariffs.periods import one_rate
from grid_opt.tariffs.schema import Schedule, Tariff
from grid_opt.tariffs.setting import Setting
from grid_opt.tariffs.terms import Linear, Term, constant, of_contract
from grid_opt.units import KW_PER_MW

Hour = tuple[int, int, int]
"""Running number of the month, day, hour of the local day."""


def peak_terms(setting: Setting, schedule: Schedule, name: str, month: int) -> Iterator[Term]:
    """Write the coincident-peak and capacity charges of a month."""
    for charge, coincident in schedule.coincident.items():
        quantity, detail = _measured(setting, coincident, f"schedules.{name}.coincident.{charge}", month)
        rate = coincident.usd_per_kw_year * KW_PER_MW / MONTHS_PER_YEAR
        yield Term(month, name, "coincident", charge, "", quantity, "MW", one_rate(rate), detail=detail)
    for charge, capacity in schedule.capacity.items():
        quantity, detail = _measured(setting, capacity, f"schedules.{name}.capacity.{charge}", month)
        price = _capacity_price(setting, capacity, f"schedules.{name}.capacity.{charge}", month)
        days = days_of(month)
        rate = days * price * capacity.factor
        detail += f"; {days} days x {price:g} USD/(MW day) of {delivery_year(month)} x {capacity.factor:g}"
        yield Term(month, name, "capacity", charge, "", quantity, "MW", one_rate(rate), detail=detail)


def declared_hours(tariff: Tariff) -> dict[int, set[int]]:
    """Return the declared hours of the local day by month, 0 to 11, of all charges of a tariff."""
    found: dict[int, set[int]] = {}
    for schedule in tariff.schedules.values():
        for charge in (*schedule.coincident.values(), *schedule.capacity.values()):
            for text in charge.declared:
                month, _, hour = peak_hour(text)
                found.setdefault(month - 1, set()).add(hour)
    return found


def _measured(
    setting: Setting, charge: CoincidentCharge | CapacityCharge, field: str, month: int
) -> tuple[Linear, str]:
    """Return the demand that is billed in a month as a function of the load, and say which it is.

    Peaks before the start of service are not a customer's own: they are no history.
    """
    if isinstance(charge, CoincidentCharge) and charge.charged == "same_month":
        hours = [hour for hour in _hours(setting, charge, year_of(month)) if hour[0] == month]
        return _mean(setting, hours, field), "mean at the peak hours of the month"
    starts = charge.charge_year_starts if isinstance(charge, CoincidentCharge) else JUNE
    measured = year_of(month - (starts - 1)) - 1
    told = f"mean at the peaks of {measured}"
    hours = _hours(setting, charge, measured)
    served = all(hour[0] >= setting.start for hour in hours)
    if served and hours and all(len(setting.calendar.peak_slots(*hour)) for hour in hours):
        return _mean(setting, hours, field), told
    recorded = setting.context.coincident_mw.get((charge.program, measured))
    if recorded is not None:
        return constant(recorded), told
    if setting.context.before == "same":
        first = year_of(setting.calendar.months[0])
        return _mean(setting, _hours(setting, charge, first), field), f"{told}, taken to be as in {first}"
    return _without_history(setting, charge, field, month)


def _without_history(
    setting: Setting, charge: CoincidentCharge | CapacityCharge, field: str, month: int
) -> tuple[Linear, str]:
    if charge.without_history == "contract":
        return of_contract(1.0, month), "contract demand, as no earlier peaks are known"
    if charge.without_history == "none":
        return constant(0.0), "nothing, as no earlier peaks are known"
    year = year_of(month)
    return _mean(
        setting, _hours(setting, charge, year), field
    ), f"mean at the peaks of {year}, as no earlier ones are known"


def _hours(setting: Setting, charge: CoincidentCharge | CapacityCharge, year: int) -> list[Hour]:
    """Return the peak hours of a calendar year: those that came true if they are known, else the declared ones."""
    known = setting.context.peak_hours.get(charge.program, ())
    true = [hour for text in known for hour in _true_hour(charge.program, text) if year_of(hour[0]) == year]
    if true:
        return true
    return [(MONTHS_PER_YEAR * year + month - 1, day, hour) for month, day, hour in charge.hours]


def _true_hour(program: str, text: str) -> Iterator[Hour]:
    year, _, rest = text.partition("-")
    try:
        month, day, hour = peak_hour(rest, int(year))
    except ValueError:
        raise InputError(
            "not an hour", field=f"peak_hours.{program}", value=text, expected="a local hour like 2026-07-18T16"
        ) from None
    yield MONTHS_PER_YEAR * int(year) + month - 1, day, hour


def _mean(setting: Setting, hours: list[Hour], field: str) -> Linear:
    slots: list[Ints] = []
    weights: list[Floats] = []
    for month, day, hour in hours:
        found = setting.calendar.peak_slots(month, day, hour)
        if not len(found):
            text = f"{year_of(month)}-{month % MONTHS_PER_YEAR + 1:02d}-{day:02d}T{hour:02d}"
            raise InputError(
                "the load has no such peak hour",
                file=setting.tariff.name,
                field=field,
                value=text,
                expected="a load that covers the peak hours; of representative days, a peak day declared for the month",
            )
        slots.append(found)
        weights.append(np.full(len(found), 1.0 / len(found) / len(hours)))
    if not hours:
        raise InputError("no peak hour is known for the month", file=setting.tariff.name, field=field)
    return Linear(np.concatenate(slots), np.concatenate(weights))


def _capacity_price(setting: Setting, charge: CapacityCharge, field: str, month: int) -> float:
    year = delivery_year(month)
    own = charge.usd_per_mw_day.get(year)
    price = own if own is not None else setting.context.capacity_usd_per_mw_day.get((charge.zone, year))
    if price is None:
        known = sorted(
            {y for z, y in setting.context.capacity_usd_per_mw_day if z == charge.zone} | {*charge.usd_per_mw_day}
        )
        raise InputError(
            f"no capacity price of zone {charge.zone} for the delivery year {year}",
            file=setting.tariff.name,
            field=field,
            value=year,
            expected=f"one of {', '.join(known)}" if known else "a price by zone and delivery year",
            fix="bill another year, or give usd_per_mw_day in the tariff",
        )
    return price
