"""Check the local prices of a plan: what a price must be, whichever program it is the dual of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt.verify.check import FEASIBILITY, Excess, check
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.footprint_prices import emission_price
from grid_opt.verify.ledger import Books
from grid_opt.verify.supply import has_stores, metered_mw, most_drawn_mw

BELOW_ZERO_USD = 1e-3
"""By how much [USD/MW] a worth may be below zero, or beside it, for the sake of rounding."""

Values = npt.NDArray[np.float64]


@check("plan.duals", "Local prices are those of a buyer whom the market does not notice.", "USD")
def duals(e: Evidence) -> Excess:
    """Look at the worst element of every array of prices; a plan may lack them.

    Where power is bought, one MWh more costs its wholesale price and the rider on the part that reaches the meter, and
    where emissions are priced or capped what it emits.
    No limit and no target is worth less than nothing; headroom is worth nothing where no campus stands, and a
    target nothing in a quarter for which the case names none.
    """
    amounts: dict[str, float] = {}
    allowed: list[float] = []

    def ask(name: str, beyond: Values, tolerance: Values) -> None:
        worst = np.where(np.isnan(beyond), np.inf, beyond)
        at = np.unravel_index(int(np.argmax(worst / tolerance)), worst.shape)
        place = ", ".join(f"{d} {e.plan[d].values[i]}" for d, i in zip(e[name].dims, at, strict=True))
        amounts[f"{name} at {place}"] = float(worst[at])
        allowed.append(float(tolerance[at]))

    if "dual_power" in e.plan.variables:
        wanted = _of_one_more(e).transpose("region", "year", "slice").values
        least, most = emission_price(e)
        beyond = np.maximum(e["dual_power"].values - (wanted + most), wanted + least - e["dual_power"].values)
        bought = (e["purchase"].values > 0) & ~_at_the_limit(e) & ~_tiered(e)
        apart = np.where(bought, beyond, 0.0)
        ask("dual_power", apart, FEASIBILITY * np.maximum(1.0, abs(wanted)))
    for name, must_be_zero in _nothing_there(e).items():
        if name in e.plan.variables:
            value = e[name].values
            ask(name, np.where(must_be_zero, abs(value), -value), np.full(value.shape, BELOW_ZERO_USD))
    coords = {"price": list(amounts)}
    tolerance = xr.DataArray(allowed, dims="price", coords=coords)
    return Excess(xr.DataArray(list(amounts.values()), dims="price", coords=coords), tolerance)


def _at_the_limit(e: Evidence) -> npt.NDArray[np.bool_]:
    """Return where batteries have filled the connection: there a MWh more is worth more than it costs to buy."""
    if not has_stores(e):
        return np.zeros(e["purchase"].shape, dtype=bool)
    most = (most_drawn_mw(e) * (1.0 + e["loss"])).transpose("region", "year", "slice")
    return np.asarray((metered_mw(e) >= most - FEASIBILITY * most.clip(min=1.0)).values)


def _of_one_more(e: Evidence) -> xr.DataArray:
    """Return what one MWh more costs, (region, year, slice)."""
    if not e.case.tariffs.charge:
        energy = e["local_price"] if e.case.is_nodal else e["price"]
        return energy + e["delivery_rider"] / (1.0 + e["loss"])
    books, season = Books.of(e.case), e["slice_season"].values.astype(int)
    worth = [[books.bill(int(a), c) for c in (1, 2, 3, 4)] for a in e.labels("year")]
    weight = xr.DataArray(np.array(worth)[:, season - 1], dims=("year", "slice"),
                          coords={"year": e.plan["year"], "slice": e.plan["slice"]})  # fmt: skip
    return (e["tariff_energy"] + e["tariff_rider"]) / (1.0 + e["loss"]) / (weight * e["slice_weight"])


def _tiered(e: Evidence) -> npt.NDArray[np.bool_]:
    """Return where a MWh more may cross into another tier or fill a least bill, so that its price hangs on others."""
    hangs = np.zeros(e["purchase"].shape, dtype=bool)
    if e.case.tariffs.charge:
        regions, years = [str(r) for r in e.labels("region")], [int(a) for a in e.labels("year")]
        for region, year in zip(e["meter_region"].values.tolist(), e["meter_year"].values, strict=True):
            hangs[regions.index(region), years.index(int(year))] = True
    return hangs


def _nothing_there(e: Evidence) -> dict[str, npt.NDArray[np.bool_] | bool]:
    """Return where the worth of a limit must be zero, by array."""
    named = set(e.case.demand.targets_mw)
    return {
        "dual_headroom": e["site"].values == 0,
        "dual_target": np.array([str(quarter) not in named for quarter in e.labels("quarter")]),
        "dual_link": False,
        "dual_surplus": False,
    }
