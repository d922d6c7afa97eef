"""Check what is signed for and bought ahead, row by row."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, not_negative, stack
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.supply import has_contracts, has_forwards, has_wheeled, to_regions


@check("contracts.ppa_mw", "Contracts are not negative, nor more than the project has.", "MW", when=has_contracts)
def ppa_mw(e: Evidence) -> Excess:
    """Compare every contract with the nameplate that is left."""
    return stack(at_most(-e["ppa_mw"], 0.0), at_most(e["ppa_mw"], e["ppa_most"]))


@check("contracts.project", "All regions together sign for no more than the project has left.", "MW",
       when=has_contracts)  # fmt: skip
def project(e: Evidence) -> Excess:
    """Add up the contracts of every project."""
    offers = [str(o) for o in e["ppa_offer"].values]
    names = sorted(set(offers))
    signed, left = [], []
    for name in names:
        mine = [n for n, o in enumerate(offers) if o == name]
        signed.append(float(e["ppa_mw"].values[mine].sum()))
        left.append(float(e["ppa_most"].values[mine].max()))
    coords = {"project": names}
    return at_most(xr.DataArray(signed, dims="project", coords=coords), xr.DataArray(left, dims="project",
                   coords=coords))  # fmt: skip


def contracted_production(e: Evidence) -> xr.DataArray:
    """Return what projects make under contract [MW], (ppa, year, slice)."""
    return e["ppa_production"] * e["ppa_mw"]


not_negative("contracts.delivered_ppa", "Delivered energy is not negative.", "MW", when=has_wheeled)


@check("contracts.delivery", "No more is delivered than the project makes, and under physical contracts only.", "MW",
       when=has_wheeled)  # fmt: skip
def delivery(e: Evidence) -> Excess:
    """Compare every slice with the project's production."""
    made = contracted_production(e).where(e["ppa_physical"] > 0, 0.0)
    labels = e.labels("wheeled")
    mine = made.sel(ppa=labels).rename(ppa="wheeled").assign_coords(wheeled=labels)
    return at_most(e["delivered_ppa"], mine)


def drawn_mwh(e: Evidence) -> xr.DataArray:
    """Return what computers want with cooling and losses, by region and year [MWh]."""
    from grid_opt.verify.operation import drawn_mw  # noqa: PLC0415 - operation looks at supply as well

    season = xr.DataArray(e["slice_season"].values.astype(int), dims="slice", coords={"slice": e.plan["slice"]})
    cooled = drawn_mw(e) * e["pue"].sel(season=season).drop_vars("season")
    total = (cooled * (1.0 + e["loss"]) * e["slice_weight"]).sum("slice")
    return total.transpose("region", "year")


def contracted_mwh(e: Evidence) -> xr.DataArray:
    """Return what projects make under contract for every region [MWh], (region, year)."""
    made = (contracted_production(e) * e["slice_weight"]).sum("slice")
    return to_regions(e, made, "ppa").transpose("region", "year")


@check("supply.contracted_most", "Over the plan long contracts make no more than the campuses of the region draw.",
       "GWh", when=has_contracts)  # fmt: skip
def contracted_most(e: Evidence) -> Excess:
    """Add up the calendar years that operating years stand for."""
    from grid_opt.verify.ledger import Books  # noqa: PLC0415 - only here

    books = Books.of(e.case)
    count = [float(len(books.calendar_years(int(a)))) for a in e.labels("year")]
    years = xr.DataArray(count, dims="year", coords={"year": e.plan["year"]})
    made, drawn = (contracted_mwh(e) * years).sum("year") / 1e3, (drawn_mwh(e) * years).sum("year") / 1e3
    return at_most(made, e.case.supply.most_contracted_share * drawn)


def _hedge_asked(e: Evidence) -> bool:
    return e.case.supply.least_hedged_share > 0


@check("supply.hedged", "Long contracts and blocks fix the price of so much of the year's energy.", "GWh",
       when=_hedge_asked)  # fmt: skip
def hedged(e: Evidence) -> Excess:
    """Add up the energy under both and compare it with the share that was asked."""
    fixed = xr.zeros_like(drawn_mwh(e))
    if has_contracts(e):
        fixed = fixed + contracted_mwh(e)
    if has_forwards(e):
        hours = _block_mwh(e).sum("season")
        fixed = fixed + to_regions(e, hours, "forward").transpose("region", "year")
    return at_most(e.case.supply.least_hedged_share * drawn_mwh(e) / 1e3, fixed / 1e3)


def _block_mwh(e: Evidence) -> xr.DataArray:
    """Return the energy of every block in every calendar quarter [MWh], (forward, year, season)."""
    hours = e["forward_in"] * e["slice_weight"]
    season = e["slice_season"].values.astype(int)
    parts = [hours.isel(slice=np.flatnonzero(season == c)).sum("slice") for c in e.labels("season")]
    labels = xr.DataArray(e.labels("season"), dims="season", name="season")
    return e["forward_mw"] * xr.concat(parts, dim=labels, coords="minimal")


@check("forwards.forward_mw", "Blocks are not negative, nor more than the market has.", "MW", when=has_forwards)
def forward_mw(e: Evidence) -> Excess:
    """Compare every block with what is traded."""
    return stack(at_most(-e["forward_mw"], 0.0), at_most(e["forward_mw"], e["forward_most"]))


@check("forwards.yearly", "A block that is bought by the year is the same in all its quarters.", "MW",
       when=has_forwards)  # fmt: skip
def yearly(e: Evidence) -> Excess:
    """Compare the most with the least of the year."""
    apart = e["forward_mw"].max("season") - e["forward_mw"].min("season")
    return at_most(apart.where(e["forward_yearly"] > 0, 0.0), 0.0)
