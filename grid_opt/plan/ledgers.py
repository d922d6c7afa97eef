"""Keep the ledgers of a plan side by side: carbon by three rules and at the margin, carbon-free shares, and water."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.config.case import Case
from grid_opt.inputs.environment import at_slices
from grid_opt.plan.schema_footprint import LEDGERS
from grid_opt.units import KG_PER_T, MWH_PER_GWH


def with_ledgers(plan: xr.Dataset, case: Case) -> xr.Dataset:
    """Return the plan with its ledgers, each (region, year), as :data:`~grid_opt.plan.schema_footprint.LEDGERS` says.

    Scope 2 is of grid power at the meter. Contracts, own plant and certificates count as far as there is load to cover:
    by the year on the market ledger, in each hour on the hourly one.
    """
    hours = plan["slice_weight"]

    def yearly(power: xr.DataArray) -> xr.DataArray:
        return (power * hours).sum("slice")

    load, grid = facility_mw(plan), plan["purchase"] / (1.0 + plan["loss"])
    granular = plan["granular"] if "granular" in plan else xr.zeros_like(load)
    certificates = plan["certificates"] * MWH_PER_GWH if "certificates" in plan else xr.zeros_like(yearly(load))
    unmatched = (load - granular).clip(min=0.0)
    uncovered = (yearly(load - granular) - certificates).clip(min=0.0)
    rate = {name: at_slices(plan[f"emission_{name}"], plan) / KG_PER_T for name in ("average", "residual", "marginal")}
    total = yearly(load)
    fossil = 1.0 - at_slices(plan["grid_carbon_free"], plan)
    found = {
        "scope1": xr.zeros_like(total),
        "scope2_location": yearly(grid * rate["average"]),
        "scope2_market": uncovered * plan["residual_mix"] / KG_PER_T,
        "scope2_hourly": yearly(unmatched * rate["residual"]),
        "induced": yearly(plan["purchase"] * rate["marginal"]),
        "facility_load": total / MWH_PER_GWH,
        "covered_share": _share(total - uncovered, total),
        "matched_share": _share(total - yearly(unmatched), total),
        "carbon_free_share": _share(total - yearly(unmatched * fossil), total),
        "water": yearly(running_mw(plan) * _at_seasons(plan["water_intensity"], plan)),
    }
    arrays = {}
    for name, spec in LEDGERS.items():
        array = found[name].reset_coords(drop=True).transpose(*spec.dims)
        arrays[name] = array.assign_attrs(units=spec.unit, long_name=spec.long_name)
    return plan.assign(arrays)


def running_mw(plan: xr.Dataset) -> xr.DataArray:
    """Return the IT power that runs [MW], (region, year, slice): what is bought, less losses and cooling."""
    return facility_mw(plan) / _at_seasons(plan["pue"], plan)


def facility_mw(plan: xr.Dataset) -> xr.DataArray:
    """Return the load of every campus at its meter [MW], (region, year, slice)."""
    return (plan["purchase"] / (1.0 + plan["loss"])).transpose("region", "year", "slice")


def _at_seasons(array: xr.DataArray, plan: xr.Dataset) -> xr.DataArray:
    season = xr.DataArray(plan["slice_season"].values.astype(int), dims="slice")
    found: xr.DataArray = array.sel(season=season).drop_vars("season").assign_coords(slice=plan["slice"])
    return found


def _share(part: xr.DataArray, whole: xr.DataArray) -> xr.DataArray:
    """Return a share, missing (NaN) where there is no load."""
    return part / whole.where(whole > 0, np.nan)
