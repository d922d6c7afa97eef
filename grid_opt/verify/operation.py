"""Check the power balance of every region in every slice, and the bounds of its operation."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, not_negative
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.supply import supplied_mw

not_negative("operation.purchase", "Power is bought, never sold.", "MW")
not_negative("operation.curtailment", "Curtailed power is not negative.", "MW")


def drawn_mw(e: Evidence) -> xr.DataArray:
    """Return the IT power wanted in every slice [MW], (region, year, slice)."""
    if not e.case.has_fleet:
        return e.running_mw() * e.case.demand.utilization_fraction
    at = {"slice": e.plan["slice"]}
    season = xr.DataArray(e["slice_season"].values.astype(int), dims="slice", coords=at)
    block = xr.DataArray(e["slice_block"].values.astype(int), dims="slice", coords=at)
    load = e["it_load"].sel(season=season).isel(block=block)
    return load.drop_vars(["season", "block"]).transpose("region", "year", "slice")


@check("operation.curtailment_limit", "No more compute is shed than its users tolerate.", "MW")
def curtailment_limit(e: Evidence) -> Excess:
    """Compare the curtailed power with the tolerated share of the power wanted."""
    return at_most(e["curtailment"], e.case.flexibility.max_curtailment_fraction * drawn_mw(e))


@check("operation.power_balance", "Power bought or supplied otherwise covers IT, cooling and delivery losses.", "MW")
def power_balance(e: Evidence) -> Excess:
    """Follow the power from the computers back to the market: cooling first, then losses, then what others supply."""
    computers = drawn_mw(e) - e["curtailment"]
    season = xr.DataArray(e["slice_season"].values.astype(int), dims="slice", coords={"slice": e.plan["slice"]})
    cooled = computers * e["pue"].sel(season=season).drop_vars("season")
    lost = cooled * e["loss"]
    needed = (cooled + lost).transpose("region", "year", "slice")
    if not e.case.supply.has_sources:
        return equal(e["purchase"], needed)
    return equal(e["purchase"] + supplied_mw(e), needed, e["purchase"])


HOURS_OF_SEASON = {1: 90 * 24, 2: 91 * 24, 3: 92 * 24, 4: 92 * 24}


@check("time.slice_weights", "The slices of a year stand for 8760 hours.", "h")
def slice_weights(e: Evidence) -> Excess:
    """Add up all weights; the sum is exact, so nothing is allowed for rounding."""
    weights = e["slice_weight"]
    total = xr.DataArray(abs(float(np.sum(weights.values)) - 8760.0))
    return Excess(total, 0.0)


@check("time.slice_seasons", "The slices of a calendar quarter stand for its hours.", "h")
def slice_seasons(e: Evidence) -> Excess:
    """Add up the weights of every calendar quarter; none may be negative."""
    weights, season = e["slice_weight"].values, e["slice_season"].values.astype(int)
    totals = [float(weights[season == s].sum()) for s in HOURS_OF_SEASON]
    missing = [abs(total - hours) for total, hours in zip(totals, HOURS_OF_SEASON.values(), strict=True)]
    missing = [max(miss, -float(weights.min(initial=0.0))) for miss in missing]
    return Excess(xr.DataArray(missing, dims="season", coords={"season": list(HOURS_OF_SEASON)}), 1e-9)


@check("time.slice_days", "A slice is one hour of a day, and every day has its 24 hours in order.", "1",
       when=lambda e: not e.case.is_nodal)  # fmt: skip
def slice_days(e: Evidence) -> Excess:
    """Compare the day and hour of every slice with its position, and the season within each day."""
    number = np.arange(e.plan.sizes["slice"])
    season = e["slice_season"].values
    first_of_day = season[24 * (number // 24)]
    wrong = (e["slice_hour"].values != number % 24) | (e["slice_day"].values != number // 24)
    wrong |= season != first_of_day
    return Excess(xr.DataArray(wrong.astype(float), coords={"slice": e.plan["slice"]}), 0.5)


@check("time.calendar", "Quarters and operating years are those of the case.", "1")
def calendar(e: Evidence) -> Excess:
    """Count the labels that differ."""
    wrong = 0.0
    for dim, wanted in (("quarter", list(e.case.quarters)), ("year", list(e.case.years))):
        found = e.labels(dim)
        wrong += abs(len(found) - len(wanted)) + sum(a != b for a, b in zip(found, wanted, strict=False))
    return Excess(xr.DataArray(wrong), 0.5)
