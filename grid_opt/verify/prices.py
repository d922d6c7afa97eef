"""Check the local prices of a plan: what a price must be, whichever program it is the dual of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt.verify.check import FEASIBILITY, Excess, check
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.footprint_prices import emission_price
from grid_opt.verify.supply import connected_mw, has_stores, hourly, metered_mw

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
        rider = e["delivery_rider"] / (1.0 + e["loss"])
        energy = e["local_price"] if e.case.is_nodal else e["price"]
        wanted = (energy + rider).transpose("region", "year", "slice").values
        least, most = emission_price(e)
        beyond = np.maximum(e["dual_power"].values - (wanted + most), wanted + least - e["dual_power"].values)
        bought = (e["purchase"].values > 0) & ~_at_the_limit(e)
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
    most = hourly(e, connected_mw(e)).transpose("region", "year", "slice") * (1.0 + e["loss"])
    return np.asarray((metered_mw(e) >= most - FEASIBILITY * most.clip(min=1.0)).values)


def _nothing_there(e: Evidence) -> dict[str, npt.NDArray[np.bool_] | bool]:
    """Return where the worth of a limit must be zero, by array."""
    named = set(e.case.demand.targets_mw)
    return {
        "dual_headroom": e["site"].values == 0,
        "dual_target": np.array([str(quarter) not in named for quarter in e.labels("quarter")]),
        "dual_link": False,
        "dual_surplus": False,
    }
