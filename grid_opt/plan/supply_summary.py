"""Put in short which power a plan contracts, buys ahead, and makes on site, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.config import Case
from grid_opt.units import USD_PER_MUSD

_NOTHING_MW = 1e-6
_ABOUT = {"wheeled": "ppa", "plant": "own", "store": "own"}
"""Dimensions whose labels are those of another."""


def by_region(plan: xr.Dataset, amount: xr.DataArray, dim: str) -> xr.DataArray:
    """Add up an amount by contract, block, plant or battery within each region: the dimension becomes ``region``."""
    home, found = _ABOUT.get(dim, dim), plan.variables  # an array of a data set looks through all its labels
    places = dict(zip(found[home].values.tolist(), found[f"{home}_region"].values.tolist(), strict=True))
    regions, labels = np.array(found["region"].values.tolist()), found[dim].values
    mine = regions[:, None] == np.array([places[one] for one in labels.tolist()])
    belongs = xr.DataArray(mine.astype(float), coords={"region": regions, dim: labels}, dims=("region", dim))
    total: xr.DataArray = xr.dot(belongs, amount, dim=dim)
    return total


def sources_mw(plan: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the power of every source at the meter of the campus [MW], (region, year, slice).

    ``wholesale`` and ``physical_contracts`` less delivery losses; ``made_on_site``, ``batteries`` (less charging) and
    ``exported`` (below 0), as far as the plan has them. Their sum is what the campus uses.
    """
    over = ("region", "year", "slice")
    found = {"wholesale": plan["purchase"] / (1.0 + plan["loss"])}
    if "delivered_ppa" in plan:
        found["physical_contracts"] = by_region(plan, plan["delivered_ppa"], "wheeled") / (1.0 + plan["loss"])
    if "own_output" in plan:
        found["made_on_site"] = by_region(plan, plan["own_output"], "plant")
    if "store_charge" in plan:
        found["batteries"] = by_region(plan, plan["store_discharge"] - plan["store_charge"], "store")
    if "exported" in plan:
        found["exported"] = -plan["exported"]
    return {name: mw.transpose(*over) for name, mw in found.items()}


def used_mw(plan: xr.Dataset) -> xr.DataArray:
    """Return the power that campuses use at the meter, from whichever source [MW], (region, year, slice)."""
    first, *rest = sources_mw(plan).values()
    return sum(rest, start=first)


_BILLS = {
    "settlement": "ppa", "wheeling": "wheeled", "forward_premium": "forward", "own_capex": "own", "own_upkeep": "own",
    "own_running": "plant", "store_capex": "store", "store_upkeep": "store", "store_wear_cost": "store",
    "export_revenue": "region",
}  # fmt: skip
"""Cost terms of sources beside wholesale, and the dimension that names whose they are."""


def supply_bill(plan: xr.Dataset) -> xr.DataArray | None:
    """Return what all sources beside wholesale cost [USD], present value, (region); ``None`` in a plan without."""
    total: xr.DataArray | None = None
    for term, dim in _BILLS.items():
        if f"cost_{term}" in plan:
            cost = _usd(plan, term)
            mine = cost.sum([d for d in cost.dims if d != dim])
            mine = mine if dim == "region" else by_region(plan, mine, dim)
            total = mine if total is None else total + mine
    return total


def _usd(plan: xr.Dataset, term: str) -> xr.DataArray:
    array = plan[f"cost_{term}"]
    return array * (USD_PER_MUSD if array.attrs.get("units") == "million USD" else 1.0)


def _musd(plan: xr.Dataset, terms: Iterable[str], dim: str, label: str) -> float:
    """Return what some terms cost of one label [million USD]; 0 where they do not name it."""
    total = 0.0
    for term in terms:
        if f"cost_{term}" in plan and label in plan[_BILLS[term]].values:
            total += float(_usd(plan, term).sel({_BILLS[term]: label}).sum())
    return total / USD_PER_MUSD


def hub_and_basis(plan: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return what the energy bought at wholesale costs at the hubs, and the basis on it [USD], (region, year).

    Of a year of 8,760 h, undiscounted. A hedge at the hub fixes the first and leaves the second open.
    """
    mwh = plan["purchase"] * plan["slice_weight"]
    basis = (mwh * plan["basis"]).sum("slice").transpose("region", "year")
    return (mwh * plan["price"]).sum("slice").transpose("region", "year") - basis, basis


def _by_place(plan: xr.Dataset, years: list[str]) -> dict[str, dict[str, float | None]]:
    """Return the mean price paid at wholesale by year, in its two parts [USD/MWh]; ``None`` where nothing is bought."""
    mwh = (plan["purchase"] * plan["slice_weight"]).sum(("region", "slice")).values
    parts = zip(("hub", "basis"), hub_and_basis(plan), strict=True)
    return {
        name: {year: float(paid) / float(n) if n > 0 else None
               for year, paid, n in zip(years, usd.sum("region").values, mwh, strict=True)}
        for name, usd in parts
    }  # fmt: skip


def _last_mwh(plan: xr.Dataset, mw: xr.DataArray) -> float:
    return float((mw.isel(year=-1) * plan["slice_weight"]).sum())


def power_contract_table(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per long contract that is signed.

    Columns: ``region``, ``offer``, ``technology``, ``settlement``, ``contract_mw``, ``made_mwh``, ``delivered_mwh`` (of
    the last operating year), ``cost_musd``: strike, less what the market pays, and delivery, present value.
    """
    rows = []
    for n, label in enumerate(plan["ppa"].values.tolist()):
        mw = float(plan["ppa_mw"].values[n])
        if mw <= _NOTHING_MW:
            continue
        physical = bool(plan["ppa_physical"].values[n] > 0)
        delivered = _last_mwh(plan, plan["delivered_ppa"].sel(wheeled=label)) if physical else 0.0
        rows.append({
            "region": str(plan["ppa_region"].values[n]), "offer": str(plan["ppa_offer"].values[n]),
            "technology": str(plan["ppa_technology"].values[n]),
            "settlement": "physical" if physical else "financial", "contract_mw": mw,
            "made_mwh": mw * _last_mwh(plan, plan["ppa_production"].sel(ppa=label)), "delivered_mwh": delivered,
            "cost_musd": _musd(plan, ("settlement", "wheeling"), "ppa", label),
        })  # fmt: skip
    columns = ("region", "offer", "technology", "settlement", "contract_mw", "made_mwh", "delivered_mwh", "cost_musd")
    return pd.DataFrame(rows, columns=list(columns))


def forward_table(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per block, year and calendar quarter that is bought ahead: its MW, hours, MWh and price."""
    mw = plan["forward_mw"].transpose("forward", "year", "season")
    season, rows = plan["slice_season"].values.astype(int), []
    for at in np.argwhere(mw.values > _NOTHING_MW):
        y, a, c = (int(one) for one in at)
        hours = float((plan["forward_in"].values[y] * plan["slice_weight"].values)[season == c + 1].sum())
        rows.append({
            "region": str(plan["forward_region"].values[y]), "block": str(plan["forward_block"].values[y]),
            "year": int(plan["year"].values[a]), "season": c + 1, "block_mw": float(mw.values[y, a, c]),
            "block_mwh": hours * float(mw.values[y, a, c]),
            "price_usd_per_mwh": float(plan["forward_price"].values[y, a, c]),
        })  # fmt: skip
    columns = ("region", "block", "year", "season", "block_mw", "block_mwh", "price_usd_per_mwh")
    return pd.DataFrame(rows, columns=list(columns))


def onsite_table(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per technology on site and quarter in which it stands.

    Columns: ``region``, ``technology``, ``quarter``, ``own_mw``, ``own_units`` (0 where any size will do), ``own_mwh``
    (energy of a battery as installed; 0 for plant), ``given_mwh`` and ``emitted_t`` of the last operating year (on the
    row of the last quarter; else 0), and ``cost_musd`` of all years (likewise): capital less credits, upkeep, fuel and
    wear, present value.
    """
    mw, units = (plan[name].transpose("own", "quarter") for name in ("own_mw", "own_units"))
    quarters, rows = [str(q) for q in plan["quarter"].values], []
    for d, label in enumerate(plan["own"].values.tolist()):
        given, emitted = _given(plan, label)
        energy, cost = _installed(plan, label), _musd(plan, _OF_ONSITE, "own", label)
        for q, quarter in enumerate(quarters):
            if float(mw.values[d, q]) > _NOTHING_MW:
                last = float(q == len(quarters) - 1)
                rows.append({
                    "region": str(plan["own_region"].values[d]), "technology": str(plan["own_technology"].values[d]),
                    "quarter": quarter, "own_mw": float(mw.values[d, q]), "own_units": float(units.values[d, q]),
                    "own_mwh": energy[q], "given_mwh": last * given, "emitted_t": last * emitted,
                    "cost_musd": last * cost,
                })  # fmt: skip
    columns = (
        "region", "technology", "quarter", "own_mw", "own_units", "own_mwh", "given_mwh", "emitted_t", "cost_musd",
    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns))


_OF_ONSITE = ("own_capex", "own_upkeep", "own_running", "store_capex", "store_upkeep", "store_wear_cost")


def _installed(plan: xr.Dataset, label: str) -> list[float]:
    """Return the energy of a battery in every quarter, as installed [MWh]; 0 for plant."""
    if "store_capacity" not in plan or label not in plan["store"].values:
        return [0.0] * plan.sizes["quarter"]
    energy: list[float] = plan["store_capacity"].sel(store=label).values.tolist()
    return energy


def _given(plan: xr.Dataset, label: str) -> tuple[float, float]:
    """Return what a plant or battery gives in the last operating year [MWh], and what it emits [t]."""
    if "plant" in plan.dims and label in plan["plant"].values:
        mwh = _last_mwh(plan, plan["own_output"].sel(plant=label))
        return mwh, mwh * float(plan["plant_emission"].sel(plant=label))
    return _last_mwh(plan, plan["store_discharge"].sel(store=label)), 0.0


def supply_tables(plan: xr.Dataset) -> dict[str, pd.DataFrame]:
    """Return the tables of sources beside wholesale that a plan has."""
    made = {
        "power_contracts": ("ppa_mw", power_contract_table),
        "forward_blocks": ("forward_mw", forward_table),
        "onsite": ("own_mw", onsite_table),
    }
    return {name: make(plan) for name, (array, make) in made.items() if array in plan}


def summarize_supply(plan: xr.Dataset, case: Case) -> dict[str, Any]:
    """Return contracts, blocks and what stands on site, and the energy of every source by operating year."""
    tables, years = supply_tables(plan), [str(year) for year in case.years]
    energy = {
        name: dict(zip(years, (mw * plan["slice_weight"]).sum(("region", "slice")).values.tolist(), strict=True))
        for name, mw in sources_mw(plan).items()
    }
    onsite = tables.get("onsite")
    by_quarter: dict[str, dict[str, float]] = {}
    if onsite is not None:
        for technology, rows in onsite.groupby("technology", sort=True):
            sums = rows.groupby("quarter")["own_mw"].sum()
            by_quarter[str(technology)] = {str(q): float(sums.get(str(q), 0.0)) for q in plan["quarter"].values}
    blocks = tables.get("forward_blocks")
    bill = supply_bill(plan)
    return {
        "energy_mwh_by_year": energy,
        "wholesale_usd_per_mwh_by_year": _by_place(plan, years),
        "power_contracts": [] if "power_contracts" not in tables else tables["power_contracts"].to_dict("records"),
        "forward_mwh_by_year": {} if blocks is None else {
            year: float(blocks.loc[blocks["year"] == int(year), "block_mwh"].sum()) for year in years
        },
        "onsite_mw_by_technology": by_quarter,
        "onsite": [] if onsite is None else onsite[onsite["quarter"] == str(plan["quarter"].values[-1])].drop(
            columns="quarter").to_dict("records"),
        "cost_musd": 0.0 if bill is None else float(bill.sum()) / USD_PER_MUSD,
    }  # fmt: skip
