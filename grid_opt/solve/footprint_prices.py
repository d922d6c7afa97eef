"""State what it costs to ask for one more unit of strictness: a tonne, a point of a share, a cubic metre."""

from __future__ import annotations

import xarray as xr

from grid_opt.config.case import Case
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.model import Model
from grid_opt.plan.ledgers import facility_mw
from grid_opt.plan.schema_footprint import FOOTPRINT_DUALS
from grid_opt.solve.extract import row_values, variables
from grid_opt.solve.prices import usd_weight
from grid_opt.solve.standard_form import Array, Matrix
from grid_opt.units import MWH_PER_GWH, T_PER_KT, USD_PER_MUSD

_POINT = 0.01


def footprint_prices(
    case: Case, matrix: Matrix, row_dual: Array, model: Model, world: xr.Dataset, suffix: str = ""
) -> dict[str, xr.DataArray]:
    r"""Return the prices of the limits on carbon and water that the case has, by the duals of a linear program.

    That is the one with all whole numbers fixed; or, with the suffix ``_divisible``, the one with sites fixed and halls
    divisible, in which power may also be moved from site to site.

    The dual of a cap is money of the plan per tonne of the operating year; over the present value of a USD paid in
    that year it is a price of the year, as ``carbon.price_usd_per_t`` is. A point of a share is a hundredth of the
    year's load more to be matched: the dual of the row times a hundredth of the load, present value of the plan.
    """
    rows = {name for name, one in model.declarations.items() if one.kind == "constraint"}
    worth = operating_weights(case).mean("season")

    def dual(name: str) -> xr.DataArray:
        return abs(row_values(name, matrix, row_dual, model, world)) * USD_PER_MUSD / usd_weight(case)

    found: dict[str, xr.DataArray] = {}
    if "carbon.cap_year" in rows:
        found["dual_carbon"] = dual("carbon.cap_year") / worth
    if "tradeoff.carbon" in rows:  # million USD of the objective per kt
        found["dual_carbon_horizon"] = dual("tradeoff.carbon").sel(criterion="carbon", drop=True) / T_PER_KT
    if "water.cap_stress" in rows:
        found["dual_water"] = (dual("water.cap_stress") / worth).transpose("basin", "year")
    for kind in ("annual", "hourly"):
        for scope, ending in (("portfolio", ""), ("region", "_region")):
            if f"matching.{kind}_{scope}" in rows:
                load = _load_gwh(case, model, world)
                load = load.sum("region") if scope == "portfolio" else load
                found[f"dual_{kind}_share{ending}"] = _POINT * load * dual(f"matching.{kind}_{scope}")
    named = {f"{name}{suffix}": array for name, array in found.items()}
    return {
        name: array.assign_attrs(units=FOOTPRINT_DUALS[name].unit, long_name=FOOTPRINT_DUALS[name].long_name)
        for name, array in named.items()
    }


def _load_gwh(case: Case, model: Model, world: xr.Dataset) -> xr.DataArray:
    """Return the load of every year at the meter in the plan that the model holds [GWh], (region, year)."""
    held = world.assign(variables(model, world))
    return (facility_mw(held, case) * world["slice_weight"]).sum("slice") / MWH_PER_GWH
