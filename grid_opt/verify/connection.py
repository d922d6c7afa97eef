"""Check contracts for grid service: their MW, dates and sizes, the relief behind them, and upgrades."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, not_negative, stack
from grid_opt.verify.evidence import Evidence

HOURS_OF_YEAR = 8760.0
UNDER_MW = 0.1
"""By how much a campus must be under a threshold to be below it."""
NOT_COUNTED = ("lease", "behind_the_meter")
"""Kinds that do not make a campus larger in the eyes of a rule."""


def has_menu(e: Evidence) -> bool:
    """Whether campuses choose among offers."""
    return e.case.connection.menu


def buys_capacity(e: Evidence) -> bool:
    """Say whether campuses buy capacity for what relief does not cover; by tariff it is billed at peaks."""
    return has_menu(e) and not e.case.tariffs.charge


def has_upgrades(e: Evidence) -> bool:
    """Whether the network may be upgraded."""
    return e.case.connection.menu and e.case.connection.upgrades


def has_stress(e: Evidence) -> bool:
    """Whether offers meet a network."""
    return e.case.connection.menu and e.case.grid.network


def _offers(e: Evidence, region: str, chosen: xr.DataArray | None = None) -> list[int]:
    """Return the positions of a region's offers, all or those that are chosen."""
    at = e["offer_region"].values.astype(str) == region
    if chosen is not None:
        at &= chosen.values.astype(bool)
    return [int(j) for j in np.flatnonzero(at)]


def by_region(e: Evidence, power: xr.DataArray, chosen: xr.DataArray | None = None) -> xr.DataArray:
    """Add up an array over the offers of every region, (region, ...)."""
    rows = [power.isel(offer=_offers(e, str(r), chosen)).sum("offer") for r in e.labels("region")]
    return xr.concat(rows, dim=e.plan["region"], coords="minimal", compat="override")


def _of_offers(e: Evidence, array: xr.DataArray) -> xr.DataArray:
    """Return, for every offer, what its region has."""
    wanted = xr.DataArray(e["offer_region"].values.astype(str), dims="offer", coords={"offer": e.plan["offer"]})
    return array.sel(region=wanted).drop_vars("region").transpose("offer", ...)


def _whole(value: xr.DataArray, most: xr.DataArray | float = 1.0) -> Excess:
    return stack(equal(value, value.round().clip(0, 1)), at_most(value, most))


@check("connection.contract", "Contracts stay within the MW and the dates of their offers.", "MW", when=has_menu)
def contract(e: Evidence) -> Excess:
    """Ask for a value between 0 and the most under the offer in the quarter."""
    return stack(at_most(-e["contract"], 0.0), at_most(e["contract"], e["offer_cap"]))


@check("connection.load", "The campus at its design day stays within its contracts.", "MW", when=has_menu)
def load(e: Evidence) -> Excess:
    """Add up all contracts of a region and compare them with the facility power."""
    return at_most(e.facility_mw, by_region(e, e["contract"]).transpose("region", "quarter"))


def gained_headroom(e: Evidence) -> xr.DataArray:
    """Return the headroom that upgrades give every region [MW], (region, quarter)."""
    found = xr.zeros_like(e["headroom"])
    if has_upgrades(e):
        rows = zip(e["upgrade_target"].values, e["upgrade_place"].values, strict=True)
        for u, (target, place) in enumerate(rows):
            if target == "region":
                found.loc[{"region": place}] += e["upgrade_forward"].values[u] * e["built"].values[u]
    return found


@check("connection.ahead", "Contracts on headroom stay within the headroom that is open to them.", "MW", when=has_menu)
def ahead(e: Evidence) -> Excess:
    """For every lead, add up the contracts that reach no further ahead, and compare them with that headroom."""
    leads = [int(n) for n in e.labels("ahead")]
    rows = []
    for n in leads:
        inside = (e["offer_on_headroom"] > 0) & (e["offer_ahead"] <= n)
        used = by_region(e, e["contract"], inside)
        rows.append(used - e["hosting"].sel(ahead=n, drop=True) * e["site"] - gained_headroom(e))
    amount = xr.concat(rows, dim=xr.DataArray(leads, dims="ahead", name="ahead"), coords="minimal", compat="override")
    # A region without an offer of that lead has no such limit: what reaches less far is limited by its own lead.
    reached = [
        [
            any(int(e["offer_ahead"].values[j]) == n for j in _offers(e, str(r), e["offer_on_headroom"] > 0))
            for n in leads
        ]
        for r in e.labels("region")
    ]
    has = xr.DataArray(reached, dims=("region", "ahead"), coords={"region": e.plan["region"], "ahead": leads})
    size = by_region(e, e["contract"])
    return at_most(amount.where(has, 0.0).transpose("region", "ahead", "quarter"), 0.0, size)


@check("connection.taken", "An offer is taken or not.", "1", when=has_menu)
def taken(e: Evidence) -> Excess:
    """Ask for 0 or 1."""
    return _whole(e["taken"])


def _is_choice(e: Evidence) -> xr.DataArray:
    return (e["offer_study"].max("quarter") > 0) | (e["offer_least"] > 0)


@check("connection.take", "Nothing is contracted under an offer that is not taken.", "MW", when=has_menu)
def take(e: Evidence) -> Excess:
    """Look at offers with a study or a least size."""
    held = e["contract"].where(_is_choice(e) & (e["taken"] < 0.5), 0.0)
    return at_most(held, 0.0, e["offer_cap"])


@check("connection.open", "Only an open campus contracts anything.", "MW", when=has_menu)
def open_campus(e: Evidence) -> Excess:
    """Ask for nothing under any offer where no campus is open."""
    shut = _of_offers(e, e["site"]) < 0.5
    return at_most(e["contract"].where(shut, 0.0), 0.0, e["offer_cap"])


@check("connection.least_size", "An offer that is taken reaches its least size.", "MW", when=has_menu)
def least_size(e: Evidence) -> Excess:
    """Look at the last quarter in which the offer is in force."""
    cap = e["offer_cap"].values
    last = [int(np.flatnonzero(row > 0)[-1]) if (row > 0).any() else -1 for row in cap]
    reached = e["contract"].isel(
        offer=xr.DataArray(range(len(last)), dims="offer"), quarter=xr.DataArray(last, dims="offer")
    )
    return at_most(e["offer_least"] * e["taken"], reached.drop_vars("quarter"))


def _counted(e: Evidence) -> xr.DataArray:
    kinds = e["offer_kind"]
    counts = kinds.copy(data=~np.isin(kinds.values.astype(str), NOT_COUNTED))
    return by_region(e, e["contract"], counts).transpose("region", "quarter")


@check("connection.large", "A campus is large or not.", "1", when=has_menu)
def large(e: Evidence) -> Excess:
    """Ask for 0 or 1, and for 0 where the region has no threshold."""
    return _whole(e["large"], xr.where(e["region_threshold"] > 0, 1.0, 0.0) + xr.zeros_like(e["large"]))  # type: ignore[no-untyped-call]


@check("connection.stay_small", "A small campus contracts less than the threshold.", "MW", when=has_menu)
def stay_small(e: Evidence) -> Excess:
    """Compare what counts with the threshold, where an offer for small campuses is on the menu."""
    small = by_region(e, (e["offer_regime"] < 0).astype(float)) > 0
    total = _counted(e).where(small & (e["large"] < 0.5), 0.0)
    return at_most(total, (e["region_threshold"] - UNDER_MW).clip(min=0.0) + xr.zeros_like(total))


@check("connection.be_large", "A large campus contracts at least the threshold.", "MW", when=has_menu)
def be_large(e: Evidence) -> Excess:
    """Compare what counts with the threshold."""
    return at_most(e["region_threshold"] * e["large"], _counted(e))


@check("connection.large_open", "Only an open campus is large.", "1", when=has_menu)
def large_open(e: Evidence) -> Excess:
    """Ask for a campus wherever one is said to be large."""
    return at_most(e["large"], e["site"])


@check("connection.large_lasts", "A campus that is large stays large.", "1", when=has_menu)
def large_lasts(e: Evidence) -> Excess:
    """Ask that no campus become small again."""
    return at_most(e.before(e["large"]), e["large"])


@check("connection.small_offer", "Offers for small campuses are closed to large ones.", "MW", when=has_menu)
def small_offer(e: Evidence) -> Excess:
    """Ask for nothing under them."""
    closed = (e["offer_regime"] < 0) & (_of_offers(e, e["large"]) > 0.5)
    return at_most(e["contract"].where(closed, 0.0), 0.0, e["offer_cap"])


@check("connection.large_offer", "Offers for large campuses are closed to small ones.", "MW", when=has_menu)
def large_offer(e: Evidence) -> Excess:
    """Ask for nothing under them."""
    closed = (e["offer_regime"] > 0) & (_of_offers(e, e["large"]) < 0.5)
    return at_most(e["contract"].where(closed, 0.0), 0.0, e["offer_cap"])


@check("connection.lasting", "What is contracted for good stays until the offer ends.", "MW", when=has_menu)
def lasting(e: Evidence) -> Excess:
    """Compare each contract with the one before, where the offer is still in force."""
    stays = (e["offer_lasting"] > 0) & (e["offer_cap"] > 0)
    before = e.before(e["contract"])
    return at_most(before.where(stays, 0.0), e["contract"].where(stays, 0.0), before)


not_negative("connection.added", "Works are not negative.", "MW", when=has_menu)


@check("connection.additions", "Works are paid for every MW that is contracted anew.", "MW", when=has_menu)
def additions(e: Evidence) -> Excess:
    """Compare the MW paid for with the growth of each contract, where there are works to pay."""
    new = (e["contract"] - e.before(e["contract"])).where(e["offer_upgrade"] > 0, 0.0)
    return at_most(new, e["added"], e["contract"])


def _may_be_called(e: Evidence) -> xr.DataArray:
    return (1.0 - e["offer_firm"]) * e["contract"]


@check("relief.backing", "Relief is ready, starts within the notice and lasts as long as a call.", "MW", when=has_menu)
def backing(e: Evidence) -> Excess:
    """Ask for at least 0, and for 0 where the relief does not fit."""
    value = e["backing"]
    return stack(at_most(-value, 0.0), at_most(value.where(e["relief_fits"] < 0.5, 0.0), 0.0, value))


@check("relief.backed", "Relief stands behind all MW that may be called.", "MW", when=has_menu)
def backed(e: Evidence) -> Excess:
    """Add up the kinds of relief."""
    return at_most(_may_be_called(e), e["backing"].sum("relief"))


@check("relief.energy", "Calls of a year take no more energy than the case allows.", "MWh", when=has_menu)
def energy(e: Evidence) -> Excess:
    """Add up the MWh of calls a year and compare them with the allowed share of a year's energy of the contract."""
    called = (e["call_hours"] * e["backing"]).sum("relief").transpose("offer", "quarter")
    share = e.case.connection.max_curtailment_fraction_of_energy
    firm = e["offer_firm"] >= 1.0
    return at_most(called.where(~firm, 0.0), share * HOURS_OF_YEAR * e["contract"], called)


def _shed(e: Evidence) -> xr.DataArray:
    """Return the compute that stands behind calls [MW at the meter], (region, quarter)."""
    kinds = [str(f) for f in e.labels("relief")]
    if "compute" not in kinds:
        return xr.zeros_like(e.it_mw)
    held = e["backing"].sel(relief="compute", drop=True).where(e["offer_firm"] < 1.0, 0.0)
    return by_region(e, held).transpose("region", "quarter")


def _may_shed(e: Evidence) -> bool:
    return e.case.connection.menu or e.case.tariffs.charge


def _shed_in_all(e: Evidence) -> xr.DataArray:
    """Return the compute that stands behind calls and that is shed at declared peaks [MW at the meter]."""
    calls = _shed(e) if e.case.connection.menu else xr.zeros_like(e.it_mw)
    return calls + (e["peak_shed"] if e.case.tariffs.charge else 0.0)


@check("relief.shed_limit", "No more compute stands behind calls than may be turned down.", "MW",
       when=lambda e: _may_shed(e) and not e.case.has_fleet)  # fmt: skip
def shed_limit(e: Evidence) -> Excess:
    """Compare it with the tolerated share of the power in use, at the meter."""
    in_use = e.facility_mw * e.case.demand.utilization_fraction
    return at_most(_shed_in_all(e), e.case.flexibility.max_curtailment_fraction * in_use)


@check("service.shed_limit", "Of the compute at work, what is not protected may be turned down for calls.", "MW",
       when=lambda e: _may_shed(e) and e.case.has_fleet)  # fmt: skip
def work_limit(e: Evidence) -> Excess:
    """Add up, block by block, what systems draw above idle for classes that are not protected."""
    protected = dict(zip([str(w) for w in e.labels("class")], e["class_protected"].values.tolist(), strict=True))
    kinds = [str(w) for w in e["stream_class"].values]
    above_idle = _above_idle(e)
    work: xr.DataArray = xr.zeros_like(e["it_load"])
    for i, kind in enumerate(kinds):
        if not protected[kind]:
            rate = above_idle.sel({"class": kind}, drop=True)
            work = work + (e["serving"].isel(stream=i, drop=True) * rate).sum("accelerator")
    most = e.case.flexibility.max_curtailment_fraction * work * e["pue"]
    shed, rows = _shed_in_all(e), []
    for year in e.labels("year"):
        quarters = e.quarter_rows(int(year))
        seasons = [shed.sel(quarter=q, drop=True) for q in quarters]
        rows.append(xr.concat(seasons, dim=xr.DataArray([1, 2, 3, 4], dims="season", name="season")))
    needed = xr.concat(rows, dim=e.plan["year"])
    wanted = needed + xr.zeros_like(most)
    return at_most(wanted.transpose(*e["it_load"].dims), most.transpose(*e["it_load"].dims), e["it_load"])


def _above_idle(e: Evidence) -> xr.DataArray:
    """Return what a system busy with a class draws above idle, with the share of those that prefill for it [MW]."""
    names = [str(g) for g in e.labels("accelerator")]
    rows = []
    for g, name in enumerate(names):
        at = {"accelerator": name}
        able = e["tokens_per_system"].sel(at, drop=True) > 0
        own = (e["system_busy_mw"].sel(at, drop=True) - float(e["system_idle_mw"].sel(at))).where(able, 0.0)
        helper = str(e["accelerator_pool"].values[g])
        if helper:
            full = float(e["system_full_mw"].sel(accelerator=helper)) - float(
                e["system_idle_mw"].sel(accelerator=helper)
            )
            own = own + e["pool_systems"].sel(at, drop=True) * full
        rows.append(own)
    return xr.concat(rows, dim=e.plan["accelerator"])


def _supplied(e: Evidence) -> xr.DataArray:
    """Return what generation beside the meter carries [MW], (region, quarter)."""
    return by_region(e, e["offer_own_supply"] * e["contract"]).transpose("region", "quarter")


def _standing(e: Evidence, factor: xr.DataArray | float = 1.0) -> xr.DataArray:
    """Return the relief behind offers that may be called, each kind times its factor [MW], (region, quarter)."""
    held = (factor * e["backing"].where(e["offer_firm"] < 1.0, 0.0)).sum("relief")
    return by_region(e, held).transpose("region", "quarter")


not_negative("relief.called", "What is kept off the network is not negative.", "MW", when=has_stress)


@check("relief.called_most", "No more is kept off the network than relief and own supply can.", "MW", when=has_stress)
def called_most(e: Evidence) -> Excess:
    """Compare it with relief and generation beside the meter."""
    able = (_standing(e) + _supplied(e)) + xr.zeros_like(e["called"])
    return at_most(e["called"], able.transpose(*e["called"].dims))


@check("relief.called_load", "No more is kept off the network than the load.", "MW", when=has_stress)
def called_load(e: Evidence) -> Excess:
    """Compare it with the facility power at the stress hour."""
    return at_most(e["called"], (e["pue_stress"] * e.it_mw).transpose(*e["called"].dims))


not_negative("capacity.capacity_bought", "Capacity is bought, never sold.", "MW", when=buys_capacity)


@check("capacity.adequacy", "Capacity bought, relief and own supply cover the coincident load.", "MW",
       when=buys_capacity)  # fmt: skip
def adequacy(e: Evidence) -> Excess:
    """Add up all of them and compare them with the load at the hour that capacity is for."""
    cover = e["capacity_bought"] + _standing(e, e["relief_accredited"]) + _supplied(e)
    if e.case.supply.onsite:
        cover = cover + e["own_capacity"]
    return at_most(e.case.connection.coincident_share * e.facility_mw, cover)


@check("upgrade.built", "An upgrade is in service or not, and not before it can be.", "1", when=has_upgrades)
def built(e: Evidence) -> Excess:
    """Ask for 0 or 1, and for 0 before its lead time has passed."""
    return _whole(e["built"], e["upgrade_ready"])


@check("upgrade.lasting", "An upgrade that is built stays.", "1", when=has_upgrades)
def upgrade_lasting(e: Evidence) -> Excess:
    """Ask that none disappear."""
    return at_most(e.before(e["built"]), e["built"])


def link_gain(e: Evidence, which: str) -> xr.DataArray:
    """Return what upgrades add to the limits of every link [MW], (link, quarter)."""
    links, quarters = e.labels("link"), e.labels("quarter")
    found = xr.DataArray(
        np.zeros((len(links), len(quarters))), dims=("link", "quarter"),
        coords={"link": e.plan["link"], "quarter": e.plan["quarter"]},
    )  # fmt: skip
    if has_upgrades(e):
        rows = zip(e["upgrade_target"].values, e["upgrade_place"].values, strict=True)
        for u, (target, place) in enumerate(rows):
            if target == "link":
                found.loc[{"link": place}] += e[f"upgrade_{which}"].values[u] * e["built"].values[u]
    return found
