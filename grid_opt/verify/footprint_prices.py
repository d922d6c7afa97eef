"""Check the prices of limits on carbon and water: never negative, and nothing where the limit leaves room."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.plan.schema_footprint import DIVISIBLE, FOOTPRINT_DUALS
from grid_opt.verify.check import CHECKS, Excess, check
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.footprint import KILO, Values, at_hours
from grid_opt.verify.footprint_money import paid_price
from grid_opt.verify.ledger import Books

LIMIT_OF = {
    "dual_carbon": "carbon.cap_year",
    "dual_annual_share": "matching.annual_portfolio",
    "dual_hourly_share": "matching.hourly_portfolio",
    "dual_annual_share_region": "matching.annual_region",
    "dual_hourly_share_region": "matching.hourly_region",
    "dual_water": "water.cap_stress",
}
"""The check of the limit that each price is of."""

ROOM = 1e-4
"""Share of its row by which a limit must be missed to count as leaving room."""


@check("plan.strictness", "A limit on carbon or water has a price only where it binds, and none below zero.", "USD",
       when=lambda e: any(name in e.plan.variables for name in FOOTPRINT_DUALS))  # fmt: skip
def strictness(e: Evidence) -> Excess:
    """Look at every price, and at how much room its limit leaves."""
    found: dict[str, float] = {}
    for name, limit in LIMIT_OF.items():
        loose = f"{name}{DIVISIBLE}"
        if loose in e.plan.variables:  # of a program in which the limit may bind though it does not in the plan
            found[loose] = _below_zero(e[loose].values)
        if name not in e.plan.variables:
            continue
        price, rule = e[name], CHECKS[limit]
        if rule.when is None or not rule.when(e):
            found[f"{name} without a limit"] = float(abs(price).max())
            continue
        rows = rule.rule(e)
        size = xr.zeros_like(rows.amount) + rows.tolerance
        free = (rows.amount < -ROOM / 1e-6 * size).reindex_like(price, fill_value=True)
        wrong = np.where(free.transpose(*price.dims).values, -abs(price.values), price.values)
        found[name] = _below_zero(wrong)
    if "dual_carbon_horizon" in e.plan.variables:
        found["dual_carbon_horizon"] = _horizon(e)
    values = xr.DataArray(list(found.values()), dims="price", coords={"price": list(found)})
    return Excess(values, 1e-2 + 0.0 * values)


def _horizon(e: Evidence) -> float:
    """Return by how much the price of a tonne of all years is below its weight, or beside it where there is room."""
    price, weight = float(e["dual_carbon_horizon"]), 1e3 * e.case.tradeoff.weights.get("carbon", 0.0)
    most, emitted = e.case.tradeoff.most.get("carbon", np.inf), float(e["reached"].sel(criterion="carbon"))
    if emitted < most * (1.0 - ROOM):
        return abs(price - weight) - ROOM * weight
    return weight - price - ROOM * weight


def _below_zero(price: Values) -> float:
    """Return by how much the worst price is below zero; infinite where one is missing."""
    return float(np.max(np.where(np.isnan(price), np.inf, -price), initial=0.0))


def emission_price(e: Evidence) -> tuple[Values, Values]:
    """Return the least and the most that emissions add to the price of a MWh bought [USD/MWh], (region, year, slice).

    On the ledger of the location every MWh emits the rate of its hour. On the others one emits the residual rate, or
    nothing where certificates or contracts to spare cover it.
    """
    nothing = np.zeros_like(e["purchase"].values)
    carbon = e.case.carbon
    horizon = "carbon" in (*e.case.tradeoff.most, *e.case.tradeoff.weights)
    if not (horizon or carbon.cap_t or any(price > 0 for price in carbon.price_usd_per_t.values())):
        return nothing, nothing
    lacks = horizon and "dual_carbon_horizon" not in e.plan.variables
    if lacks or (carbon.cap_t and "dual_carbon" not in e.plan.variables):
        return nothing - np.inf, nothing + np.inf
    books, season = Books.of(e.case), e["slice_season"].values.astype(int)
    dual = e["dual_carbon"].values if carbon.cap_t else np.zeros(len(e.labels("year")))
    if carbon.ledger == "market":
        rate = nothing + e["residual_mix"].values[:, :, None]
    else:
        rate = at_hours(e, "emission_average" if carbon.ledger == "location" else "emission_residual")
    rate = rate / KILO / (1.0 + e["loss"].values[:, None, None])
    for n, a in enumerate(e.labels("year")):
        worth = np.array([books.bill(int(a), c) for c in (1, 2, 3, 4)])
        all_years = float(e["dual_carbon_horizon"]) * len(e.case.represented_years(int(a))) if horizon else 0.0
        rate[:, n] *= ((paid_price(e, int(a)) + dual[n]) * worth.mean() + all_years) / worth[season - 1]
    return (rate if carbon.ledger == "location" else nothing), rate
