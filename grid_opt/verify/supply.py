"""Say which sources of power a case admits, and add up what they give."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.evidence import Evidence


def has_contracts(e: Evidence) -> bool:
    """Whether campuses of the case may sign long contracts."""
    return bool(e.case.supply.contracts)


def has_wheeled(e: Evidence) -> bool:
    """Whether energy may be delivered under them."""
    return "physical" in e.case.supply.contracts


def has_forwards(e: Evidence) -> bool:
    """Whether blocks may be bought ahead."""
    return e.case.supply.forwards


def has_own(e: Evidence) -> bool:
    """Whether campuses may build on site."""
    return bool(e.case.supply.onsite)


def has_plants(e: Evidence) -> bool:
    """Whether they may build plant."""
    return bool(e.case.supply.plants)


def has_stores(e: Evidence) -> bool:
    """Whether they may build batteries."""
    return bool(e.case.supply.stores)


def has_exports(e: Evidence) -> bool:
    """Whether own power may be sold."""
    return e.case.supply.exports


def hourly(e: Evidence, by_quarter: xr.DataArray) -> xr.DataArray:
    """Spread what stands through quarters over the slices in which it runs: (..., year, slice)."""
    season = e["slice_season"].values.astype(int)
    quarters = np.array([e.quarter_rows(int(year)) for year in e.labels("year")], dtype=object)
    wanted = xr.DataArray(
        quarters[:, season - 1], dims=("year", "slice"), coords={"year": e.plan["year"], "slice": e.plan["slice"]}
    )
    return by_quarter.sel(quarter=wanted).drop_vars("quarter")


def to_regions(e: Evidence, amount: xr.DataArray, dim: str) -> xr.DataArray:
    """Add up an amount by contract, block, plant or battery within each region: region first."""
    places = e["own_region" if dim in ("plant", "store", "own") else f"{_home(dim)}_region"]
    home = dict(zip(map(str, places[places.dims[0]].values), map(str, places.values), strict=True))
    mine = [home[str(one)] for one in e.labels(dim)]
    parts = []
    for region in map(str, e.labels("region")):
        at = [n for n, other in enumerate(mine) if other == region]
        parts.append(amount.isel({dim: at}).sum(dim))
    return xr.concat(parts, dim=xr.DataArray(e.labels("region"), dims="region", name="region"), coords="minimal")


def _home(dim: str) -> str:
    return {"wheeled": "ppa"}.get(dim, dim)


def wheeled_mw(e: Evidence) -> xr.DataArray:
    """Return what physical contracts deliver to every region [MW], (region, year, slice)."""
    if not has_wheeled(e):
        return xr.zeros_like(e["purchase"])
    return to_regions(e, e["delivered_ppa"], "wheeled").transpose("region", "year", "slice")


def made_on_site(e: Evidence) -> xr.DataArray:
    """Return what plant and batteries give [MW], (region, year, slice)."""
    total = xr.zeros_like(e["purchase"])
    if has_plants(e):
        total = total + to_regions(e, e["own_output"], "plant")
    if has_stores(e):
        total = total + to_regions(e, e["store_discharge"], "store")
    return total.transpose("region", "year", "slice")


def supplied_mw(e: Evidence) -> xr.DataArray:
    """Return what stands in for purchases [MW]: deliveries, and what is made inside, which spares losses on the way."""
    inside = made_on_site(e)
    if has_stores(e):
        inside = inside - to_regions(e, e["store_charge"], "store")
    if has_exports(e):
        inside = inside - e["exported"]
    spared = inside + inside * e["loss"]
    return (wheeled_mw(e) + spared).transpose("region", "year", "slice")


def metered_mw(e: Evidence) -> xr.DataArray:
    """Return what comes over the grid, losses included [MW]."""
    return e["purchase"] + wheeled_mw(e)


def connected_mw(e: Evidence) -> xr.DataArray:
    """Return what the connection of every campus carries [MW], (region, quarter)."""
    if not e.case.connection.menu:
        return (e["headroom"] * e["site"]).transpose("region", "quarter")
    at = [str(r) for r in e["offer_region"].values]
    parts = []
    for region in map(str, e.labels("region")):
        parts.append(e["contract"].isel(offer=[n for n, r in enumerate(at) if r == region]).sum("offer"))
    labels = xr.DataArray(e.labels("region"), dims="region", name="region")
    return xr.concat(parts, dim=labels, coords="minimal").transpose("region", "quarter")


def most_drawn_mw(e: Evidence) -> xr.DataArray:
    """Return what a campus with batteries may draw at the meter [MW], (region, year, slice).

    Its connection; where a tariff bills demand, what it bills: the least declared peak day of the calendar quarter.
    """
    if not e.case.tariffs.charge:
        return hourly(e, connected_mw(e)).transpose("region", "year", "slice")
    day = e["design_pue"].transpose("region", "month").values.reshape(-1, 4, 3).min(axis=2)
    season = e["slice_season"].values.astype(int)
    pue = xr.DataArray(day[:, season - 1], dims=("region", "slice"),
                       coords={"region": e.plan["region"], "slice": e.plan["slice"]})  # fmt: skip
    return (hourly(e, e.it_mw) * pue).transpose("region", "year", "slice")
