"""Turn a tariff, a calendar and a context into terms: what is billed in each month, for any load."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from grid_opt.errors import InputError
from grid_opt.tariffs.cash import cash_terms
from grid_opt.tariffs.charges import DemandCharge, EnergyCharge
from grid_opt.tariffs.clock import Calendar, Floats
from grid_opt.tariffs.context import Context, ordinal_of
from grid_opt.tariffs.delivery import delivered_terms
from grid_opt.tariffs.months import MONTHS_PER_YEAR, days_of, month_text
from grid_opt.tariffs.peaks import peak_terms
from grid_opt.tariffs.periods import Mask, one_rate
from grid_opt.tariffs.schema import Schedule, Tariff
from grid_opt.tariffs.setting import Setting
from grid_opt.tariffs.terms import Candidate, Highest, LeastBill, Linear, Term, Terms, constant

Choice = Callable[[int], str]
"""Name of the schedule of a month."""


def compile_terms(tariff: Tariff, calendar: Calendar, context: Context, choice: Choice) -> Terms:
    """Write all that a tariff bills over a calendar as terms.

    ``choice`` names the schedule of every month; :func:`grid_opt.tariffs.bill.bill` chooses by the contract demand, and
    a model that decides on the contract compiles once for each schedule. Months before the start of service and from
    the month of leaving on are not billed.
    Raises :class:`InputError` where a price or a peak that the tariff needs is not there.
    """
    start = calendar.months[0] if context.start is None else ordinal_of(context.start, "start")
    leaves = None if context.leaves is None else ordinal_of(context.leaves, "leaves")
    if leaves is not None and leaves <= start:
        raise InputError(
            "the customer leaves before service starts",
            field="leaves",
            value=context.leaves,
            expected=f"after {month_text(start)}",
        )
    if start > calendar.months[-1]:
        raise InputError(
            "service starts after the last month of the load",
            field="start",
            value=context.start,
            expected=f"{month_text(calendar.months[-1])} or earlier",
        )
    setting = Setting(tariff, calendar, context, start, leaves)
    served = [month for month in calendar.months if start <= month and (leaves is None or month < leaves)]
    names = {month: choice(month) for month in served}
    terms: list[Term] = list(cash_terms(setting, names))
    least: list[LeastBill] = []
    for month, name in names.items():
        schedule = tariff.schedules[name]
        terms.extend(_month_terms(setting, schedule, name, month - calendar.months[0]))
        for charge, bill in schedule.minimum_bill.items():
            least.append(LeastBill(month, name, charge, bill.usd_per_month + bill.usd_per_day * days_of(month)))
    return Terms(calendar, tuple(sorted(terms, key=lambda term: term.month)), tuple(least))


def _month_terms(setting: Setting, schedule: Schedule, name: str, index: int) -> Iterator[Term]:
    calendar = setting.calendar
    month, slots = calendar.months[index], calendar.slots(index)
    whole = Linear(slots, calendar.weight_h[slots])
    for charge, energy in schedule.energy.items():
        yield from _energy(setting, energy, name, charge, index)
    for charge, indexed in schedule.indexed.items():
        price = _wholesale(setting, name, charge)[calendar.source[slots]]
        detail = f"{indexed.multiplier:g} x wholesale + {indexed.adder_usd_per_mwh:g} USD/MWh"
        prices = indexed.multiplier * price + indexed.adder_usd_per_mwh
        yield Term(month, name, "indexed", charge, "", whole, "MWh", prices=prices, detail=detail)
    yield from delivered_terms(setting, schedule, name, index)
    for charge, rider in schedule.rider.items():
        yield Term(month, name, "rider", charge, "", whole, "MWh", one_rate(rider.usd_per_mwh))
    for charge, demand in schedule.demand.items():
        yield from _demand(setting, demand, name, charge, index)
    yield from peak_terms(setting, schedule, name, month)
    for charge, fixed in schedule.fixed.items():
        usd = fixed.usd_per_month + fixed.usd_per_day * days_of(month)
        yield Term(month, name, "fixed", charge, "", constant(1.0), "1", one_rate(usd))


def _energy(setting: Setting, energy: EnergyCharge, name: str, charge: str, index: int) -> Iterator[Term]:
    calendar = setting.calendar
    for part, mask in energy.masks.items():
        slots = calendar.within(index, mask)
        if len(slots):
            quantity = Linear(slots, calendar.weight_h[slots])
            blocks = energy.periods[part].blocks()
            yield Term(calendar.months[index], name, "energy", charge, part, quantity, "MWh", blocks)


def _wholesale(setting: Setting, name: str, charge: str) -> Floats:
    prices = setting.context.wholesale_usd_per_mwh
    if prices is None or len(prices) != setting.calendar.size:
        raise InputError(
            "the tariff bills energy at a wholesale price, and no price for every hour of the load is given",
            file=setting.tariff.name,
            field=f"schedules.{name}.indexed.{charge}",
            value=None if prices is None else f"{len(prices)} prices for {setting.calendar.size} hours",
            expected="a wholesale price [USD/MWh] for every hour",
            fix="grid-opt tariff bill: --price USD_PER_MWH, or a column price_usd_per_mwh in the load file",
        )
    if not np.isfinite(prices).all():
        at = int(np.flatnonzero(~np.isfinite(prices))[0])
        raise InputError("not a price", field=f"wholesale_usd_per_mwh[{at}]", value=prices[at], expected="USD/MWh")
    return prices


def _demand(setting: Setting, demand: DemandCharge, name: str, charge: str, index: int) -> Iterator[Term]:
    calendar = setting.calendar
    month = calendar.months[index]
    take = demand.minimum_take
    contract = take.share_in(month - setting.start) if take is not None else 0.0
    for part, mask in demand.masks.items():
        slots = calendar.within(index, mask)
        if not mask[month % MONTHS_PER_YEAR].any():
            continue
        earlier, recorded = _ratchet(setting, demand, mask, index)
        quantity = Highest((Candidate(1.0, month, slots), *earlier), contract, month, max(demand.least_mw, recorded))
        blocks = demand.periods[part].blocks()
        yield Term(month, name, "demand", charge, part, quantity, "MW", blocks)


def _ratchet(setting: Setting, demand: DemandCharge, mask: Mask, index: int) -> tuple[tuple[Candidate, ...], float]:
    """Return the look-back months as candidates, and the highest recorded demand times the share [MW]."""
    ratchet = demand.ratchet
    if ratchet is None:
        return (), 0.0
    month, found, recorded = setting.calendar.months[index], [], 0.0
    for earlier in range(month - ratchet.lookback_months, month):
        if earlier % MONTHS_PER_YEAR + 1 not in ratchet.of_months:
            continue
        peak = setting.context.earlier_peak(earlier)
        at = setting.calendar.index(earlier)
        if peak is not None and at is None:
            recorded = max(recorded, ratchet.share * peak)
            continue
        if at is None:
            at = _same_month_later(setting, earlier)
        if at is not None and setting.calendar.months[at] != month:
            slots = setting.calendar.within(at, mask, of_index=index)
            found.append(Candidate(ratchet.share, setting.calendar.months[at], slots))
    return tuple(found), recorded


def _same_month_later(setting: Setting, earlier: int) -> int | None:
    """Return the month of the first twelve that stands for one before the load, if the context says that one does."""
    if setting.context.before == "nothing":
        return None
    first = setting.calendar.months[0]
    return setting.calendar.index(first + (earlier - first) % MONTHS_PER_YEAR)
