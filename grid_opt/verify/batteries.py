"""Check the energy of batteries: how much stands beside their power, what age leaves of it, what it answers for."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, not_negative
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.supply import has_stores, to_regions


def _power(e: Evidence) -> xr.DataArray:
    """Return the MW of every battery by quarter."""
    labels = e.labels("store")
    mine = e["own_mw"].sel(own=labels).rename(own="store").assign_coords(store=labels)
    return mine.transpose("store", "quarter")


def installed(e: Evidence) -> xr.DataArray:
    """Return the MWh that are new in every quarter, (store, quarter)."""
    return (e["store_capacity"] - e.before(e["store_capacity"])).transpose("store", "quarter")


def _left_mwh(e: Evidence) -> xr.DataArray:
    """Walk through what every quarter installed, and add up what is left of it, (store, year, season)."""
    new, left = installed(e), e["store_left"]
    total = xr.zeros_like(left.isel(quarter=0, drop=True))
    for quarter in e.labels("quarter"):
        total = total + left.sel(quarter=quarter, drop=True) * new.sel(quarter=quarter, drop=True)
    return total.transpose("store", "year", "season")


not_negative("battery.store_capacity", "Energy installed is not negative.", "MWh", when=has_stores)
not_negative("battery.store_usable", "Energy that can be used is not negative.", "MWh", when=has_stores)


@check("battery.least_energy", "A battery has no less energy than its power asks for.", "MWh", when=has_stores)
def least_energy(e: Evidence) -> Excess:
    """Multiply its power by the fewest hours."""
    return at_most((_power(e) * e["store_least_hours"]).transpose("store", "quarter"), e["store_capacity"])


@check("battery.most_energy", "A battery has no more energy than its power can use.", "MWh", when=has_stores)
def most_energy(e: Evidence) -> Excess:
    """Multiply its power by the most hours."""
    return at_most(e["store_capacity"], (_power(e) * e["store_most_hours"]).transpose("store", "quarter"))


@check("battery.energy_lasting", "Energy that is installed stays.", "MWh", when=has_stores)
def energy_lasting(e: Evidence) -> Excess:
    """Ask that none disappear."""
    return at_most(e.before(e["store_capacity"]), e["store_capacity"])


@check("battery.aged_energy", "What can be used of a battery is what is left of all that was installed.", "MWh",
       when=has_stores)  # fmt: skip
def aged_energy(e: Evidence) -> Excess:
    """Age what every quarter installed, and compare."""
    return equal(e["store_usable"].transpose("store", "year", "season"), _left_mwh(e))


@check("battery.accredited_energy", "Batteries take away no more obligation than their energy stands behind.", "MW",
       when=has_stores)  # fmt: skip
def accredited_energy(e: Evidence) -> Excess:
    """Give every battery the less of its power and its usable energy, in every calendar quarter of every year."""
    labels, own = e.labels("store"), e["own_mw"] * e["own_accredited"]
    quarters = np.array([e.quarter_rows(int(year)) for year in e.labels("year")], dtype=object)
    rows = xr.DataArray(quarters, dims=("year", "season"), coords={d: e.plan[d] for d in ("year", "season")})
    by_power = own.sel(own=labels).rename(own="store").assign_coords(store=labels).sel(quarter=rows)
    hours = e["store_accredited_hours"]
    by_energy = (_left_mwh(e) / hours.where(hours > 0, 1.0)).where(hours > 0, np.inf)
    by_power = by_power.drop_vars("quarter")
    batteries = by_power.where(by_power < by_energy, by_energy)
    plants = own.where(~own["own"].isin(labels), 0.0).sel(quarter=rows).drop_vars("quarter")
    most = to_regions(e, batteries, "store") + to_regions(e, plants, "own")
    taken = e["own_capacity"].sel(quarter=rows).drop_vars("quarter")
    over = ("region", "year", "season")
    return at_most(taken.transpose(*over), most.transpose(*over))
