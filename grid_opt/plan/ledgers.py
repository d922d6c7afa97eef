"""Keep the ledgers of a plan side by side: carbon by three rules and at the margin, carbon-free shares, and water."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.config.case import Case
from grid_opt.inputs.environment import at_slices
from grid_opt.plan.schema_footprint import LEDGERS
from grid_opt.plan.supply_summary import by_region
from grid_opt.units import KG_PER_T, MWH_PER_GWH


def with_ledgers(plan: xr.Dataset, case: Case) -> xr.Dataset:
    """Return the plan with its ledgers, each (region, year), as :data:`~grid_opt.plan.schema_footprint.LEDGERS` says.

    Scope 2 is of grid power at the meter; own carbon-free output lowers it. Contracts and certificates count as far as
    there is something to cover: by the year on the market ledger, in each hour on the hourly one. Shares are of the
    whole load, and what batteries lose counts against them.
    """
    hours = plan["slice_weight"]

    def yearly(power: xr.DataArray) -> xr.DataArray:
        return (power * hours).sum("slice")

    power = _powers(plan, case)
    certificates = MWH_PER_GWH * plan["certificates"] if "certificates" in plan else 0.0 * yearly(power["load"])
    unclaimed = power["drawn"] - power["contracted"] - power["granular"]
    left = power["load"] - power["contracted"] - power["own_clean"] - power["stored"] - power["granular"]
    uncovered, unmatched = (yearly(left) - certificates).clip(min=0.0), left.clip(min=0.0)
    rate = {name: at_slices(plan[f"emission_{name}"], plan) / KG_PER_T for name in ("average", "residual", "marginal")}
    total, scope1 = yearly(power["load"]), _own_t(plan, yearly(power["load"]))
    found = {
        "scope1": scope1,
        "scope2_location": yearly(power["drawn"] * rate["average"]),
        "scope2_market": (yearly(unclaimed) - certificates).clip(min=0.0) * plan["residual_mix"] / KG_PER_T,
        "scope2_hourly": yearly(unclaimed.clip(min=0.0) * rate["residual"]),
        "induced": scope1 + yearly(power["drawn"] * (1.0 + plan["loss"]) * rate["marginal"]),
        "avoided": yearly(power["contracted"] * rate["marginal"]),
        "facility_load": total / MWH_PER_GWH,
        "covered_share": _share(total - uncovered, total),
        "matched_share": _share(total - yearly(unmatched), total),
        "carbon_free_share": _share(
            total - yearly(unmatched * (1.0 - at_slices(plan["grid_carbon_free"], plan))), total
        ),
        "water": yearly(power["load"] / at_seasons(plan["pue"], plan) * at_seasons(plan["water_intensity"], plan)),
    }
    arrays = {}
    for name, spec in LEDGERS.items():
        array = found[name].reset_coords(drop=True).transpose(*spec.dims)
        arrays[name] = array.assign_attrs(units=spec.unit, long_name=spec.long_name)
    return plan.assign(arrays)


def _powers(plan: xr.Dataset, case: Case) -> dict[str, xr.DataArray]:
    """Return load, grid power, carbon-free power, storage and certificates at the meter [MW], by region and slice."""
    purchase = plan["purchase"].transpose("region", "year", "slice")
    nothing = xr.zeros_like(purchase)
    grid, own, contracted, own_clean, stored = purchase, nothing, nothing, nothing, nothing
    if case.supply.contracts:
        made = plan["ppa_mw"] * plan["ppa_production"] * plan["ppa_clean"]
        contracted = by_region(plan, made, "ppa")
    if "delivered_ppa" in plan:
        grid = grid + by_region(plan, plan["delivered_ppa"], "wheeled")
    if "own_output" in plan:
        own = by_region(plan, plan["own_output"], "plant")
        own_clean = by_region(plan, plan["own_output"].where(plan["plant_emission"] == 0, 0.0), "plant")
    if "store_discharge" in plan:
        stored = by_region(plan, plan["store_discharge"] - plan["store_charge"], "store")
    drawn = grid / (1.0 + plan["loss"])
    sold = plan.get("exported", nothing)
    return {
        "drawn": drawn, "load": drawn + own + stored - sold, "contracted": contracted, "own_clean": own_clean,
        "stored": stored, "granular": plan.get("granular", nothing),
    }  # fmt: skip


def facility_mw(plan: xr.Dataset, case: Case) -> xr.DataArray:
    """Return the load of every campus at its meter [MW], (region, year, slice), wherever its power comes from."""
    return _powers(plan, case)["load"]


def _own_t(plan: xr.Dataset, like: xr.DataArray) -> xr.DataArray:
    if "own_output" not in plan:
        return 0.0 * like
    emitted = plan["own_output"] * plan["plant_emission"] * plan["slice_weight"]
    return by_region(plan, emitted, "plant").sum("slice")


def at_seasons(array: xr.DataArray, plan: xr.Dataset) -> xr.DataArray:
    """Return an array by calendar quarter at the slices of a plan."""
    season = xr.DataArray(plan["slice_season"].values.astype(int), dims="slice")
    found: xr.DataArray = array.sel(season=season).drop_vars("season").assign_coords(slice=plan["slice"])
    return found


def _share(part: xr.DataArray, whole: xr.DataArray) -> xr.DataArray:
    """Return a share, missing (NaN) where there is no load."""
    return part / whole.where(whole > 0, np.nan)
