"""Write the bills of a plan by its tariffs: region by region, month by month, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.config import Case
from grid_opt.inputs.offers import UNCOUNTED
from grid_opt.inputs.tariff_terms import TariffTerms
from grid_opt.inputs.tariffs import price_at_meter, prices_of, slices_of, tariffs_of
from grid_opt.plan.schema import BILLS
from grid_opt.plan.supply_summary import by_region
from grid_opt.tariffs.bill import evaluate
from grid_opt.tariffs.clock import Floats
from grid_opt.tariffs.compile import compile_terms
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.months import MONTHS_PER_YEAR, month_text
from grid_opt.tariffs.operating import Layout
from grid_opt.tariffs.peaks import declared_hours
from grid_opt.tariffs.periods import HOURS
from grid_opt.tariffs.terms import Term, Terms

TEXT = ("region", "month", "schedule", "kind", "charge", "part", "unit", "detail")
NUMBERS = ("quantity", "rate", "usd", "cash")


@dataclass(frozen=True)
class Customer:
    """What a campus is to its utility: load, contract by quarter, level of size by quarter, and start of service."""

    demand: Floats
    """Load of every slice and declared peak day [MW at the meter], in the order of the layout."""
    at_peaks: Floats
    """The same with the declared hours of peak days as they are measured."""
    delivered: Floats | None
    """Part of it that contracts deliver; ``None`` in a plan without such contracts."""
    contract_mw: dict[str, float]
    level: dict[str, int]
    start: int


def bill_arrays(case: Case, plan: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the bills of a solved plan as arrays over ``entry``, named ``bill_*``."""
    table = bill_table(case, plan)
    arrays: dict[str, xr.DataArray] = {}
    for name in (*TEXT, *NUMBERS):
        values = table[name].to_numpy(dtype=object if name in TEXT else float)
        values = np.array(values.tolist(), dtype=str) if name in TEXT else values
        arrays[f"bill_{name}"] = xr.DataArray(values, dims=("entry",))
    entry = np.arange(len(table))
    return {
        name: array.assign_coords(entry=entry).assign_attrs(units=BILLS[name].unit, long_name=BILLS[name].long_name)
        for name, array in arrays.items()
    }


def bill_table(case: Case, plan: xr.Dataset) -> pd.DataFrame:
    """Return all lines of all bills of a solved plan, deposits included (``cash`` is 1 for them)."""
    found, tariffs = [], tariffs_of(plan)
    made: dict[str, TariffTerms] = {}
    for region, name in zip(plan["region"].values.tolist(), plan["region_tariff"].values.tolist(), strict=True):
        if float(plan["site"].sel(region=region).max()) < 0.5:
            continue
        if name not in made:
            made[name] = TariffTerms(case, tariffs[name], slices_of(plan), prices_of(plan))
        customer = customer_of(case, plan, region, made[name])
        lines = _lines(made[name], customer, price_at_meter(plan, region))
        found.append(lines.assign(region=region))
    columns = ["region", *(n for n in TEXT if n != "region"), *NUMBERS]
    if not found:
        return pd.DataFrame(columns=columns)
    table = pd.concat(found, ignore_index=True).rename(columns={"rate_usd": "rate"})
    return table.assign(cash=table["cash"].astype(float))[columns]


def customer_of(case: Case, plan: xr.Dataset, region: str, terms: TariffTerms) -> Customer:
    """Return what the campus of a region is to its utility."""
    quarters = list(case.quarters)
    here = plan.sel(region=region)
    it = here["halls"].sel(quarter=quarters).values.astype(float) * case.campus.hall_mw
    it_mw = dict(zip(quarters, np.round(it, 9).tolist(), strict=True))
    opened = here["site"].sel(quarter=quarters).values > 0.5
    kept = here["peak_shed"] + (here["kept_off"] if "kept_off" in plan else 0.0)
    off = dict(zip(quarters, kept.sel(quarter=quarters).values.tolist(), strict=True))
    delivered = _delivered(plan, region, terms)
    demand, at_peaks = _load(case, here, terms, it_mw, off)
    if delivered is not None:
        demand, at_peaks = demand + delivered, at_peaks + delivered
    mine = [str(s) for s in plan["size"].values[plan["size_region"].values == region]]
    level = plan["above"].sel(size=mine).round().sum("size") if mine else xr.zeros_like(here["site"])
    return Customer(
        demand=demand,
        at_peaks=at_peaks,
        delivered=delivered,
        contract_mw=_contracts(plan, region, it_mw),
        level={q: int(level.sel(quarter=q)) for q in quarters},
        start=int(np.argmax(opened)),
    )


def _contracts(plan: xr.Dataset, region: str, it_mw: dict[str, float]) -> dict[str, float]:
    if "contract" not in plan:
        return {q: mw * float(plan["pue_peak"].sel(region=region)) for q, mw in it_mw.items()}
    mine = (plan["offer_region"].values == region) & ~np.isin(plan["offer_kind"].values, UNCOUNTED)
    counted = plan["contract"].isel(offer=np.flatnonzero(mine)).sum("offer")
    return {q: float(counted.sel(quarter=q)) for q in it_mw}


def _load(
    case: Case, here: xr.Dataset, terms: TariffTerms, it_mw: dict[str, float], off: dict[str, float]
) -> tuple[Floats, Floats]:
    """Lay out what is bought in every slice and used on every peak day, for demand and as measured at the peaks."""
    layout: Layout = terms.full[1]
    bought = (here["purchase"] / (1.0 + here["loss"])).transpose("year", "slice").values
    pue = here["design_pue"].values
    demand = np.zeros(layout.size)
    measured = np.zeros(layout.size)
    hours = declared_hours(terms.tariff)
    for number in range(len(case.years)):
        at = number * layout.step
        demand[at : at + layout.slices] = measured[at : at + layout.slices] = bought[number]
        for month in range(MONTHS_PER_YEAR):
            quarter = terms.horizon.quarter_at(number, month)
            day = slice(layout.peak_day(number, month), layout.peak_day(number, month) + HOURS)
            demand[day] = measured[day] = it_mw[quarter] * pue[month]
            for hour in hours.get(month, ()):
                peak = case.connection.coincident_share * it_mw[quarter] * pue[month] - off[quarter]
                measured[layout.peak_day(number, month) + hour] = max(peak, 0.0)
    return demand, measured


def _delivered(plan: xr.Dataset, region: str, terms: TariffTerms) -> Floats | None:
    """Lay out what contracts deliver in every slice [MW at the meter]; on peak days, which have no energy, nothing."""
    if "delivered_ppa" not in plan:
        return None
    layout: Layout = terms.full[1]
    here = by_region(plan, plan["delivered_ppa"], "wheeled").sel(region=region).transpose("year", "slice").values
    found = np.zeros(layout.size)
    for number, mw in enumerate(here / (1.0 + float(plan["loss"].sel(region=region)))):
        found[number * layout.step : number * layout.step + layout.slices] = mw
    return found


def _lines(terms: TariffTerms, customer: Customer, price: Floats) -> pd.DataFrame:
    """Bill a customer: every month by the schedule of its size then, as if it had always been of that size."""
    horizon, layout = terms.horizon, terms.full[1]
    contract = {month: customer.contract_mw[horizon.quarter(month)] for month in horizon.months}
    contract[horizon.months[-1] + 1] = contract[horizon.months[-1]]
    wholesale = np.zeros(layout.size)
    for number in range(len(price)):
        wholesale[number * layout.step : number * layout.step + layout.slices] = price[number]
    first = horizon.starts[customer.start]
    context = Context(
        contract_mw={month_text(month): mw if month >= first else 0.0 for month, mw in contract.items()},
        start=month_text(first), capacity_usd_per_mw_day=terms.prices, wholesale_usd_per_mwh=wholesale,
        delivered_mw=customer.delivered,
    )  # fmt: skip
    calendar = terms.full[0]
    levels = {month: customer.level[horizon.quarter(month)] for month in horizon.months if month >= first}
    kept, least = [], []
    for level in sorted(set(levels.values())):
        made = compile_terms(terms.tariff, calendar, context, lambda month, k=level: terms.schedule(month, k))  # type: ignore[misc]
        kept += [term for term in made.terms if levels[term.month] == level]
        least += [bill for bill in made.least if levels[bill.month] == level]
    kept += list(_leaving(terms, customer, levels))
    whole = Terms(calendar, tuple(sorted(kept, key=lambda term: term.month)), tuple(least))
    load, peaks = customer.demand[calendar.source], customer.at_peaks[calendar.source]
    return evaluate(whole, load, contract, peaks)


def _leaving(terms: TariffTerms, customer: Customer, levels: dict[int, int]) -> Iterator[Term]:
    yield from terms.leaving(customer.start, levels[max(levels)])
