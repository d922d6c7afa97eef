"""Check what is built on site, run there and sold from there, row by row."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, not_negative, stack
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.supply import (
    connected_mw,
    has_exports,
    has_own,
    has_plants,
    has_stores,
    hourly,
    made_on_site,
    metered_mw,
    most_drawn_mw,
    to_regions,
)

WHOLE = 1e-6


@check("onsite.own_mw", "What stands on site is not negative, nor there before equipment, permits and works.", "MW",
       when=has_own)  # fmt: skip
def own_mw(e: Evidence) -> Excess:
    """Compare every technology with the most that can be in service by then."""
    return stack(at_most(-e["own_mw"], 0.0), at_most(e["own_mw"], e["own_most"]))


@check("onsite.own_units", "Units are whole.", "1", when=has_own)
def own_units(e: Evidence) -> Excess:
    """Measure how far every count is from a whole number that is not negative."""
    units = e["own_units"]
    return Excess(abs(units - units.round().clip(min=0.0)), WHOLE)


@check("onsite.whole", "Technologies with a unit size come in whole units.", "MW", when=has_own)
def whole(e: Evidence) -> Excess:
    """Multiply units by their size."""
    built = (e["own_unit"] * e["own_units"]).transpose("own", "quarter")
    return equal(e["own_mw"].where(e["own_unit"] > 0, 0.0), built)


@check("onsite.campus", "Plant stands where a campus does.", "MW", when=has_own)
def campus(e: Evidence) -> Excess:
    """Ask for nothing where the region has no open campus."""
    labels = [str(r) for r in e["own_region"].values]
    site = e["site"].sel(region=xr.DataArray(labels, dims="own", coords={"own": e.plan["own"]})).drop_vars("region")
    return at_most(e["own_mw"], (e["own_most"] * site).transpose("own", "quarter"))


@check("onsite.lasting", "What is built stays.", "MW", when=has_own)
def lasting(e: Evidence) -> Excess:
    """Ask that none disappear."""
    return at_most(e.before(e["own_mw"]), e["own_mw"])


not_negative("onsite.own_capacity", "What own supply takes off the obligation is not negative.", "MW", when=has_own)


@check("onsite.accredited_most", "No more obligation is taken away than own supply is accredited with.", "MW",
       when=has_own)  # fmt: skip
def accredited_most(e: Evidence) -> Excess:
    """Add up what stands, each technology at its accreditation."""
    worth = to_regions(e, e["own_mw"] * e["own_accredited"], "own").transpose("region", "quarter")
    return at_most(e["own_capacity"], worth)


@check("onsite.accredited_load", "No more obligation is taken away than there is.", "MW", when=has_own)
def accredited_load(e: Evidence) -> Excess:
    """Compare with the coincident load."""
    return at_most(e["own_capacity"], e.case.connection.coincident_share * e.facility_mw)


def _standing(e: Evidence, dim: str) -> xr.DataArray:
    """Return the MW that stand of every plant or battery in every slice."""
    labels = e.labels(dim)
    mine = e["own_mw"].sel(own=labels).rename(own=dim).assign_coords({dim: labels})
    return hourly(e, mine).transpose(dim, "year", "slice")


not_negative("plant.own_output", "Power made on site is not negative.", "MW", when=has_plants)


@check("plant.within_plant", "No more is made than what stands can.", "MW", when=has_plants)
def within_plant(e: Evidence) -> Excess:
    """Multiply what stands by what is available."""
    most = (_standing(e, "plant") * e["plant_available"]).transpose("plant", "year", "slice")
    return at_most(e["own_output"], most)


def _battery_mw(e: Evidence) -> xr.DataArray:
    return _standing(e, "store") * e["store_available"]


not_negative("store.store_charge", "Charging is not negative.", "MW", when=has_stores)


@check("store.store_charge_most", "A battery charges with no more than its power.", "MW", when=has_stores)
def store_charge_most(e: Evidence) -> Excess:
    """Compare with the power that stands."""
    return at_most(e["store_charge"], _battery_mw(e))


not_negative("store.store_discharge", "Discharging is not negative.", "MW", when=has_stores)


@check("store.store_discharge_most", "A battery gives no more than its power.", "MW", when=has_stores)
def store_discharge_most(e: Evidence) -> Excess:
    """Compare with the power that stands."""
    return at_most(e["store_discharge"], _battery_mw(e))


not_negative("store.store_energy", "What is stored is not negative.", "MWh", when=has_stores)


@check("store.store_energy_most", "A battery stores no more than can be used of its energy.", "MWh", when=has_stores)
def store_energy_most(e: Evidence) -> Excess:
    """Compare with what can be used in the calendar quarter, as far as it is available."""
    season = xr.DataArray(e["slice_season"].values.astype(int), dims="slice", coords={"slice": e.plan["slice"]})
    usable = e["store_usable"].sel(season=season).drop_vars("season") * e["store_available"]
    return at_most(e["store_energy"], usable.transpose("store", "year", "slice"))


@check("store.store_balance", "What is stored follows from what goes in and comes out; a day ends as it began.", "MWh",
       when=has_stores)  # fmt: skip
def store_balance(e: Evidence) -> Excess:
    """Walk through every day, or through the year where batteries span days, from its last slice to its last."""
    day = e["slice_day"].values.astype(int)
    length = np.array([24.0 / np.sum(day == one) for one in day])
    group = np.zeros_like(day) if e.case.supply.store_across_days else day
    before = np.arange(len(day)) - 1
    for one in np.unique(group):
        mine = np.flatnonzero(group == one)
        before[mine[0]] = mine[-1]
    stored, through = e["store_energy"], e["store_efficiency"]
    hours = xr.DataArray(length, dims="slice", coords={"slice": e.plan["slice"]})
    change = hours * (e["store_charge"] * through - e["store_discharge"] / through)
    earlier = stored.isel(slice=before).assign_coords(slice=e.plan["slice"])
    return equal(stored, (earlier + change).transpose("store", "year", "slice"))


not_negative("supply.exported", "What leaves over the connection is not negative.", "MW", when=has_exports)


@check("supply.export_made", "No more leaves than is made or given on site.", "MW", when=has_exports)
def export_made(e: Evidence) -> Excess:
    """Compare with plant and batteries."""
    return at_most(e["exported"], made_on_site(e))


@check("supply.export_limit", "No more leaves than the connection takes.", "MW", when=has_exports)
def export_limit(e: Evidence) -> Excess:
    """Compare with the case's share of the connection."""
    most = hourly(e, connected_mw(e)).transpose("region", "year", "slice")
    return at_most(e["exported"], e.case.supply.export_share * most)


@check("supply.within_connection", "No more is drawn from the grid than is connected, charging included.", "MW",
       when=has_stores)  # fmt: skip
def within_connection(e: Evidence) -> Excess:
    """Compare what arrives at the meter with what may be drawn, wherever a battery stands."""
    stands = to_regions(e, _standing(e, "store"), "store").transpose("region", "year", "slice") > 0
    most = most_drawn_mw(e)
    arrives = metered_mw(e) / (1.0 + e["loss"])
    return at_most(arrives.where(stands, 0.0).transpose("region", "year", "slice"), most)
