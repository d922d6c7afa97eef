"""Add to a world the sources of power that its case admits beside wholesale."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.inputs.contracts import Market, Tables, contract_arrays, forward_arrays
from grid_opt.inputs.onsite import onsite_arrays
from grid_opt.inputs.retail import LEFT_OUT, without_access
from grid_opt.inputs.schema_supply import supply_arrays
from grid_opt.inputs.supply_screen import screened


def supply_world(case: Case, world: xr.Dataset, tables: Tables, market: Market) -> xr.Dataset:
    """Return the world with long contracts, forward blocks and technologies on site, those that can pay.

    Offers of energy for campuses whose tariff lets nobody else deliver are left out, and noted in the attributes.

    Raises:
        InputError: the case admits a kind for which no table has a row that applies.
    """
    regions: list[str] = world["region"].values.tolist()
    parts: dict[str, Any] = {}
    shut: dict[str, str] = {}
    coords: dict[str, list[str]] = {}
    if case.supply.contracts:
        closed = without_access(case, world) if case.supply.delivers else {}
        arrays, coords["ppa"], shut = contract_arrays(case, regions, tables, market, closed)
        parts |= arrays
    if case.supply.forwards:
        arrays, coords["forward"] = forward_arrays(case, regions, tables, market)
        parts |= arrays
    if case.supply.onsite:
        arrays, labels = onsite_arrays(case, world, tables, market)
        parts, coords = parts | arrays, coords | labels
    declared = supply_arrays(case)
    found = world.assign_coords(coords).assign({n: (declared[n].dims, np.asarray(v)) for n, v in parts.items()})
    if case.supply.screen and not case.carbon.asks:
        kinds = [dim for dim in ("ppa", "forward", "own") if dim in coords]
        found = screened(case, found)
        found.attrs["power_offers_left_out"] = sum(len(coords[dim]) - found.sizes[dim] for dim in kinds)
    if shut:
        found.attrs[LEFT_OUT] = json.dumps(shut, sort_keys=True)
    found = with_sales(case, found)
    for name, array in declared.items():
        found[name].attrs = {"units": array.unit, "long_name": array.meaning}
    return found


def with_sales(case: Case, world: xr.Dataset) -> xr.Dataset:
    """Return the world with what energy brings that is bought under physical contracts and not delivered."""
    if not case.supply.delivers:
        return world
    physical = world["ppa"].values[world["ppa_physical"].values > 0]
    price = world["ppa_price"].transpose("ppa", "year", "slice").sel(ppa=physical)
    sale = np.maximum(0.0, price.values - case.supply.sale_margin_usd_per_mwh)
    found = world.assign_coords(wheeled=physical)
    return found.assign(wheeled_sale=(("wheeled", "year", "slice"), sale))
