"""Recompute what campuses, shells and computers cost, asset by asset, and compare with the plan."""

from __future__ import annotations

import xarray as xr

from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books


def new_sites(e: Evidence) -> xr.DataArray:
    """Return the campuses opened in every quarter, (region, quarter)."""
    return e["site"] - e.before(e["site"])


def new_mw(e: Evidence) -> xr.DataArray:
    """Return the IT nameplate that enters service in every quarter [MW], (region, quarter)."""
    return e.it_mw - e.before(e.it_mw)


def site_usd(e: Evidence) -> xr.DataArray:
    """Return the overnight cost of what is opened in every quarter [USD]; building costs differ."""
    return new_sites(e) * e["construction_multiplier"] * e.case.costs.site_fixed_musd * 1e6


def shell_usd(e: Evidence) -> xr.DataArray:
    """Return the overnight cost of the shells that enter service in every quarter [USD]."""
    kilowatts = new_mw(e) * 1000.0
    return kilowatts * e["construction_multiplier"] * e.case.costs.shell_usd_per_kw


def hardware_usd(e: Evidence) -> xr.DataArray:
    """Return the price of the systems that enter every quarter [USD], the same everywhere."""
    if e.case.has_fleet:
        return (e["bought"] * e["system_price"]).sum("accelerator").transpose("region", "quarter")
    return new_mw(e) * hardware_usd_per_mw(e)


def hardware_usd_per_mw(e: Evidence) -> float:
    """Return the price of the systems that fill one MW of IT [USD/MW], from the accelerator's own figures."""
    systems = 1000.0 / e.accelerator.it_kw.value
    return systems * e.accelerator.price_musd.value * 1e6


def outlay_usd(e: Evidence) -> xr.DataArray:
    """Return all overnight money spent in every quarter [USD], (region, quarter)."""
    return site_usd(e) + shell_usd(e) + hardware_usd(e)


def _owned(e: Evidence, overnight: xr.DataArray, life: float) -> xr.DataArray:
    """Return the present value of owning what every quarter bought, to the end of the horizon [USD]."""
    books = Books.of(e.case)
    worth = [books.asset(str(quarter), life) for quarter in e.labels("quarter")]
    return overnight * xr.DataArray(worth, coords={"quarter": e.plan["quarter"]})


def recomputed_site(e: Evidence) -> xr.DataArray:
    """Return the present value of opening campuses [USD], (region, quarter)."""
    return _owned(e, site_usd(e), e.case.costs.shell_life_years)


def recomputed_shell(e: Evidence) -> xr.DataArray:
    """Return the present value of shells [USD], (region, quarter)."""
    return _owned(e, shell_usd(e), e.case.costs.shell_life_years)


def recomputed_hardware(e: Evidence) -> xr.DataArray:
    """Return the present value of computers [USD], (region, quarter)."""
    if e.case.has_fleet:
        return _owned_systems(e)
    return _owned(e, hardware_usd(e), e.case.costs.hardware_life_years)


def _owned_systems(e: Evidence) -> xr.DataArray:
    """Return the present value of systems [USD]: each pays for its life, and its like after it at a lower price."""
    books = Books.of(e.case)
    lives, falls = e["system_life"].values, e["system_decline"].values
    worth = [
        [books.system(str(quarter), round(float(life)), float(fall)) for quarter in e.labels("quarter")]
        for life, fall in zip(lives, falls, strict=True)
    ]
    weight = xr.DataArray(worth, coords={"accelerator": e.plan["accelerator"], "quarter": e.plan["quarter"]})
    return (e["bought"] * e["system_price"] * weight).sum("accelerator").transpose("region", "quarter")


def recomputed_idle(e: Evidence) -> xr.DataArray:
    """Return what systems that wait cost [USD], (accelerator, quarter): a payment, and the fall of their price."""
    books = Books.of(e.case)
    lives, falls = e["system_life"].values, e["system_decline"].values
    rows = [
        [books.wait(str(quarter), round(float(life)), float(fall)) for quarter in e.labels("quarter")]
        for life, fall in zip(lives, falls, strict=True)
    ]
    return (
        e["waiting"]
        * e["system_price"]
        * xr.DataArray(rows, coords={"accelerator": e.plan["accelerator"], "quarter": e.plan["quarter"]})
    )
