"""Check what is contracted, bought ahead, built on site and run there, row by row."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, stack
from grid_opt.verify.evidence import Evidence

WHOLE = 1e-6


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


# --- contracts


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


@check("contracts.delivered_ppa", "Delivered energy is not negative.", "MW", when=has_wheeled)
def delivered(e: Evidence) -> Excess:
    """Ask for at least 0."""
    return at_most(-e["delivered_ppa"], 0.0)


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


# --- on site


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


@check("onsite.own_capacity", "What own supply takes off the obligation is not negative.", "MW", when=has_own)
def own_capacity(e: Evidence) -> Excess:
    """Ask for at least 0."""
    return at_most(-e["own_capacity"], 0.0)


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


@check("plant.own_output", "Power made on site is not negative.", "MW", when=has_plants)
def own_output(e: Evidence) -> Excess:
    """Ask for at least 0."""
    return at_most(-e["own_output"], 0.0)


@check("plant.within_plant", "No more is made than what stands can.", "MW", when=has_plants)
def within_plant(e: Evidence) -> Excess:
    """Multiply what stands by what is available."""
    most = (_standing(e, "plant") * e["plant_available"]).transpose("plant", "year", "slice")
    return at_most(e["own_output"], most)


def _battery_mw(e: Evidence) -> xr.DataArray:
    return _standing(e, "store") * e["store_available"]


@check("store.store_charge", "Charging is not negative.", "MW", when=has_stores)
def store_charge(e: Evidence) -> Excess:
    """Ask for at least 0."""
    return at_most(-e["store_charge"], 0.0)


@check("store.store_charge_most", "A battery charges with no more than its power.", "MW", when=has_stores)
def store_charge_most(e: Evidence) -> Excess:
    """Compare with the power that stands."""
    return at_most(e["store_charge"], _battery_mw(e))


@check("store.store_discharge", "Discharging is not negative.", "MW", when=has_stores)
def store_discharge(e: Evidence) -> Excess:
    """Ask for at least 0."""
    return at_most(-e["store_discharge"], 0.0)


@check("store.store_discharge_most", "A battery gives no more than its power.", "MW", when=has_stores)
def store_discharge_most(e: Evidence) -> Excess:
    """Compare with the power that stands."""
    return at_most(e["store_discharge"], _battery_mw(e))


@check("store.store_energy", "What is stored is not negative.", "MWh", when=has_stores)
def store_energy(e: Evidence) -> Excess:
    """Ask for at least 0."""
    return at_most(-e["store_energy"], 0.0)


@check("store.store_energy_most", "A battery stores no more than its energy.", "MWh", when=has_stores)
def store_energy_most(e: Evidence) -> Excess:
    """Multiply what stands by its hours."""
    return at_most(e["store_energy"], (_battery_mw(e) * e["store_hours"]).transpose("store", "year", "slice"))


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


@check("supply.exported", "What leaves over the connection is not negative.", "MW", when=has_exports)
def exported(e: Evidence) -> Excess:
    """Ask for at least 0."""
    return at_most(-e["exported"], 0.0)


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
