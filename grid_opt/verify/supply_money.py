"""Keep the accounts of contracts, blocks and what stands on site once more."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.batteries import installed
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books, worth_today
from grid_opt.verify.supply import has_own, has_stores
from grid_opt.verify.supply_contracts import contracted_production


def _worth_by_slice(e: Evidence) -> xr.DataArray:
    """Return what 1 USD per MWh and MW in every slice is worth over all its years [h], (year, slice)."""
    books, season = Books.of(e.case), e["slice_season"].values.astype(int)
    rows = [[books.bill(int(year), int(c)) for c in season] for year in e.labels("year")]
    worth = xr.DataArray(rows, dims=("year", "slice"), coords={"year": e.plan["year"], "slice": e.plan["slice"]})
    return worth * e["slice_weight"]


def _by_slice(e: Evidence, by_season: xr.DataArray) -> xr.DataArray:
    season = xr.DataArray(e["slice_season"].values.astype(int), dims="slice", coords={"slice": e.plan["slice"]})
    return by_season.sel(season=season).drop_vars("season")


def recomputed_settlement(e: Evidence) -> xr.DataArray:
    """Return what long contracts settle [USD], (ppa, year): paid at the strike for all that is made.

    Received for it is the price at the project, less what that is above its hub where it settles there; under a
    physical contract that of a sale, less the margin, as if nothing were delivered: what is delivered gives it back
    (:func:`recomputed_wheeling`).
    """
    price, margin = e["ppa_price"], e.case.supply.sale_margin_usd_per_mwh
    sale = (price - margin).clip(min=0.0)
    received = sale.where(e["ppa_physical"] > 0, price - e["ppa_hub_basis"])
    each = contracted_production(e) * (_by_slice(e, e["ppa_strike"]) - received)
    return (each * _worth_by_slice(e)).sum("slice").transpose("ppa", "year")


def recomputed_wheeling(e: Evidence) -> xr.DataArray:
    """Return what delivery costs [USD], (wheeled, year): the sale that is not made, and the basis."""
    labels = e.labels("wheeled")

    def mine(name: str) -> xr.DataArray:
        return e[name].sel(ppa=labels).rename(ppa="wheeled").assign_coords(wheeled=labels)

    sale = (mine("ppa_price") - e.case.supply.sale_margin_usd_per_mwh).clip(min=0.0)
    each = e["delivered_ppa"] * (sale + mine("ppa_basis"))
    return (each * _worth_by_slice(e)).sum("slice").transpose("wheeled", "year")


def recomputed_forwards(e: Evidence) -> xr.DataArray:
    """Return what blocks cost [USD], (forward, year): their price less that of the hub in every hour of them."""
    regions = [str(r) for r in e.labels("region")]
    at = [regions.index(str(r)) for r in e["forward_region"].values]
    spot = (e["price"] - e["basis"]).isel(
        region=xr.DataArray(at, dims="forward", coords={"forward": e.plan["forward"]})
    )
    each = _by_slice(e, e["forward_mw"] * e["forward_price"]) - _by_slice(e, e["forward_mw"]) * spot.drop_vars("region")
    return (each * e["forward_in"] * _worth_by_slice(e)).sum("slice").transpose("forward", "year")


def own_usd(e: Evidence) -> xr.DataArray:
    """Return the overnight money for what enters service on site, less credits [USD], (own, quarter)."""
    new = e["own_mw"] - e.before(e["own_mw"])
    full = new * e["own_cost"]
    return (full - full * e["own_credit"]).transpose("own", "quarter")


def cells_usd(e: Evidence) -> xr.DataArray:
    """Return the overnight money for energy of batteries that enters service, less credits [USD], (store, quarter)."""
    full, labels = installed(e) * e["store_cost"], e.labels("store")
    credit = e["own_credit"].sel(own=labels).rename(own="store").assign_coords(store=labels)
    return (full - full * credit).transpose("store", "quarter")


def own_outlay(e: Evidence) -> xr.DataArray:
    """Return all such money by quarter [USD]; 0 in a case without."""
    if not has_own(e):
        return xr.zeros_like(e["site"].sum("region"))
    power = own_usd(e).sum("own")
    return power + cells_usd(e).sum("store") if has_stores(e) else power


def recomputed_own(e: Evidence) -> xr.DataArray:
    """Return the present value of owning it [USD], (own, quarter), renewed at the end of its life."""
    return _owned(e, own_usd(e), "own")


def recomputed_cells(e: Evidence) -> xr.DataArray:
    """Return the same of the energy of batteries [USD], (store, quarter), renewed with the battery."""
    return _owned(e, cells_usd(e), "store")


def _owned(e: Evidence, usd: xr.DataArray, dim: str) -> xr.DataArray:
    books, labels = Books.of(e.case), e.labels(dim)
    lives = e["own_life"].sel(own=labels).values
    rows = [[books.asset(str(q), float(life)) for q in e.labels("quarter")] for life in lives]
    return usd * xr.DataArray(rows, dims=(dim, "quarter"), coords={d: e.plan[d] for d in (dim, "quarter")})


def recomputed_upkeep(e: Evidence) -> xr.DataArray:
    """Return fixed upkeep on site [USD], (own, quarter): a quarter of the yearly rate while the quarter's MW run."""
    return (e["own_mw"] * e["own_fixed"] / 4.0 * _runs(e)).transpose("own", "quarter")


def recomputed_cells_upkeep(e: Evidence) -> xr.DataArray:
    """Return the same of the energy of batteries [USD], (store, quarter)."""
    return (e["store_capacity"] * e["store_fixed"] / 4.0 * _runs(e)).transpose("store", "quarter")


def _runs(e: Evidence) -> xr.DataArray:
    """Return what 1 USD a quarter is worth while the capacity of every quarter runs, (quarter)."""
    books, last = Books.of(e.case), e.last_quarter
    worth = dict.fromkeys([str(q) for q in e.labels("quarter")], 0.0)
    for year, season in books.quarters_from(books.first_quarter):
        name = f"{year}Q{season}"
        worth[name if name in worth else last] += worth_today(books.rate, books.middle(year, season))
    return xr.DataArray(list(worth.values()), dims="quarter", coords={"quarter": e.plan["quarter"]})


def recomputed_running(e: Evidence) -> xr.DataArray:
    """Return fuel and running cost [USD], (plant, year)."""
    each = e["own_output"] * e["plant_running"] * _worth_by_slice(e)
    return each.sum("slice").transpose("plant", "year")


def recomputed_wear(e: Evidence) -> xr.DataArray:
    """Return the wear of batteries [USD], (store, year): for every MWh that they give."""
    each = e["store_discharge"] * e["store_wear"] * _worth_by_slice(e)
    return each.sum("slice").transpose("store", "year")


def recomputed_exports(e: Evidence) -> xr.DataArray:
    """Return what sales bring [USD], negative, (region, year)."""
    brings = e["price"] - e.case.supply.sale_margin_usd_per_mwh
    return -(e["exported"] * brings * _worth_by_slice(e)).sum("slice").transpose("region", "year")


def present_years(e: Evidence) -> dict[int, dict[int, float]]:
    """Return the calendar years of every operating year with their shares of its present value."""
    books = Books.of(e.case)
    found = {}
    for year in map(int, e.labels("year")):
        worth = {y: worth_today(books.rate, float(y - year)) for y in books.calendar_years(year)}
        found[year] = {y: w / float(np.sum(list(worth.values()))) for y, w in worth.items()}
    return found
