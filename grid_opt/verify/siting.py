"""Check campuses, targets, connections and budgets row by row."""

from __future__ import annotations

import math

import xarray as xr

from grid_opt.verify.capital import outlay_usd
from grid_opt.verify.check import Excess, at_most, check, equal, money_rounding
from grid_opt.verify.connection import by_region, gained_headroom
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import quarter_count
from grid_opt.verify.offer_money import connection_outlay
from grid_opt.verify.supply_money import own_outlay


@check("campus.site", "A campus is open (1) or not (0).", "1")
def site(e: Evidence) -> Excess:
    """Ask for 0 or 1."""
    value = e["site"]
    nearest = value.round().clip(0, 1)
    return equal(value, nearest)


@check("campus.halls", "Halls are whole and not negative.", "1")
def halls(e: Evidence) -> Excess:
    """Ask for a whole number of at least 0."""
    value = e["halls"]
    return equal(value, value.round().clip(min=0))


@check("campus.site_monotone", "A campus that is open stays open.", "1")
def site_monotone(e: Evidence) -> Excess:
    """Ask that no campus close."""
    return at_most(e.before(e["site"]), e["site"])


@check("campus.halls_monotone", "A hall that is in service stays in service.", "1")
def halls_monotone(e: Evidence) -> Excess:
    """Ask that no hall go dark."""
    return at_most(e.before(e["halls"]), e["halls"])


@check("campus.campus_max", "Halls stand only on an open campus, up to its largest size.", "MW")
def campus_max(e: Evidence) -> Excess:
    """Compare the IT power with the largest campus where one is open, else with 0."""
    return at_most(e.it_mw, e.case.campus.max_campus_mw * e["site"])


@check("campus.campus_min", "A campus reaches its smallest size by the end of the horizon.", "MW")
def campus_min(e: Evidence) -> Excess:
    """Compare the IT power in the last quarter with the smallest campus."""
    end = {"quarter": e.last_quarter}
    return at_most(e.case.campus.min_campus_mw * e["site"].sel(end), e.it_mw.sel(end))


@check("campus.first_hall", "A campus opens with its first hall.", "1")
def first_hall(e: Evidence) -> Excess:
    """Ask for a hall wherever a campus is open."""
    return at_most(e["site"], e["halls"])


@check("campus.ramp", "A campus gets no more halls in a quarter than crews can commission.", "1")
def ramp(e: Evidence) -> Excess:
    """Compare every quarter's new halls with the most allowed."""
    new = e["halls"] - e.before(e["halls"])
    return at_most(new, float(e.case.campus.max_halls_per_quarter), e["halls"])


@check("campus.site_lead", "No campus opens before its construction can be finished.", "1")
def site_lead(e: Evidence) -> Excess:
    """Count the quarters since the earliest start and compare them with the construction time."""
    start = e.case.campus.earliest_start
    passed = xr.DataArray(
        [quarter_count(start, str(q)) for q in e.labels("quarter")], coords={"quarter": e.plan["quarter"]}
    )
    too_early = passed < e["site_lead_quarters"]
    return at_most(e["site"].where(too_early, 0.0), 0.0)


@check("campus.max_sites", "No more campuses than the owner can run.", "1")
def max_sites(e: Evidence) -> Excess:
    """Count the campuses in the last quarter."""
    return at_most(e["site"].sel(quarter=e.last_quarter).sum("region"), float(e.case.campus.max_sites))


WHOLE = 1e-9
"""Halls by which a number of halls may be beyond a whole number for the sake of rounding."""


def halls_allowed(e: Evidence, share: float) -> float:
    """Return the whole halls that a share of the halls of the final target comes to, rounded up."""
    left = float(e["target"].sel(quarter=e.last_quarter)) - e.committed_mw(e.last_quarter)
    needed = max(0, math.ceil(left / e.counted_mw_per_hall - WHOLE))
    return float(math.ceil(share * needed - WHOLE))


@check("campus.region_share", "No region holds more than its share of the halls of the final target.", "1")
def region_share(e: Evidence) -> Excess:
    """Compare every region's halls in the last quarter with its share, in whole halls."""
    return at_most(e["halls"].sel(quarter=e.last_quarter), halls_allowed(e, e.case.campus.max_region_share))


@check("campus.market_share", "No market holds more than its share of the halls of the final target.", "1")
def market_share(e: Evidence) -> Excess:
    """Add up every market's halls in the last quarter and compare them with its share, in whole halls."""
    final = e["halls"].sel(quarter=e.last_quarter).values.tolist()
    totals: dict[str, float] = {}
    for market, halls_there in zip(e["region_market"].values.tolist(), final, strict=True):
        totals[market] = totals.get(market, 0.0) + halls_there
    held = xr.DataArray(list(totals.values()), dims="market", coords={"market": list(totals)})
    return at_most(held, halls_allowed(e, e.case.campus.max_market_share))


@check("campus.tranche", "Every committed tranche is in service in its quarter.", "MW",
       when=lambda e: e.case.demand.commitments != "none")  # fmt: skip
def tranche(e: Evidence) -> Excess:
    """Compare the power of all regions with the cumulative target, in the quarters in which it is a duty.

    Committed blocks count towards it.
    """
    committed = xr.DataArray(
        [e.committed_mw(str(q)) for q in e.labels("quarter")], dims="quarter", coords={"quarter": e.plan["quarter"]}
    )
    found = at_most(e["target"], e.counted_mw.sum("region") + committed)
    if e.case.demand.commitments == "every":
        return found
    end = {"quarter": [e.last_quarter]}
    assert isinstance(found.tolerance, xr.DataArray)
    return Excess(found.amount.sel(end), found.tolerance.sel(end))


@check("connection.headroom", "The campus at its design day stays within the dated headroom of its region.", "MW")
def headroom(e: Evidence) -> Excess:
    """Compare the design-day facility power with the headroom where a campus is open, else with 0.

    With a menu of offers, compare instead the contracts on the headroom of their time.
    """
    if not e.case.connection.menu:
        return at_most(e.facility_mw, e["headroom"] * e["site"])
    now = (e["offer_on_headroom"] > 0) & (e["offer_ahead"] == 0)
    used = by_region(e, e["contract"], now).transpose("region", "quarter")
    return at_most(used, e["headroom"] * e["site"] + gained_headroom(e))


def _money_limit(spent: xr.DataArray, limit: xr.DataArray | float) -> Excess:
    return Excess(spent - limit, money_rounding(spent))


@check("budget.annual_budget", "No calendar year's outlay is above its budget.", "USD",
       when=lambda e: bool(e.case.budget.annual_musd))  # fmt: skip
def annual_budget(e: Evidence) -> Excess:
    """Add up the overnight cost of what enters service in every calendar year that has a budget."""
    limits = e.case.budget.annual_musd
    by_year = dict.fromkeys(limits, 0.0)
    spent = outlay_usd(e).sum("region") + connection_outlay(e) + own_outlay(e)
    for quarter, amount in zip(e.labels("quarter"), spent.values.tolist(), strict=True):
        year = int(str(quarter)[:4])
        if year in by_year:
            by_year[year] += amount
    coords = {"year": list(by_year)}
    return _money_limit(
        xr.DataArray(list(by_year.values()), dims="year", coords=coords),
        xr.DataArray([1e6 * limits[year] for year in by_year], dims="year", coords=coords),
    )


@check("budget.total_budget", "The whole outlay is within the budget.", "USD",
       when=lambda e: e.case.budget.total_musd is not None)  # fmt: skip
def total_budget(e: Evidence) -> Excess:
    """Add up the overnight cost of everything that enters service."""
    assert e.case.budget.total_musd is not None
    return _money_limit(
        outlay_usd(e).sum() + connection_outlay(e).sum() + own_outlay(e).sum(), 1e6 * e.case.budget.total_musd
    )


@check("campus.target", "The targets are those of the case.", "MW")
def target(e: Evidence) -> Excess:
    """Carry every named target forward to the quarters that the case does not name."""
    named = e.case.demand.targets_mw
    value, found = 0.0, []
    for quarter in e.labels("quarter"):
        value = named.get(str(quarter), value)
        found.append(value)
    wanted = xr.DataArray(found, coords={"quarter": e.plan["quarter"]})
    return equal(e["target"], wanted)
