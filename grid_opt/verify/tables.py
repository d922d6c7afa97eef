"""Make every input of the plan again from the cells of the tables and the knobs of the case.

Nothing is shared with the code that made them: rows are looked up one by one, dates are counted day by day.
Prices and time slices are the exception; :mod:`grid_opt.verify.contents` lets the generator make them again.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial

import xarray as xr

from grid_opt.inputs.schema import WORLD
from grid_opt.verify.check import Excess, check
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books, quarter_count, worth_today
from grid_opt.verify.made_again import Maker, check_made_again
from grid_opt.verify.table_files import Row

KILOWATTS = 1000.0
SEASONS = [1, 2, 3, 4]
STRESS = ["summer", "winter"]


def _zone(e: Evidence, zone: str) -> Row:
    if not e.case.is_nodal:
        return e.tables.row("zones", zone=zone)
    bus = e.labels("bus").index(zone)
    place = {f"{axis}itude_deg": str(float(e[name][bus])) for axis, name in (("lat", "bus_lat"), ("long", "bus_lon"))}
    like = candidate(e, zone)[0]
    return e.tables.row("zones", zone=like["like"]) | {"name": like["name"]} | place


def _region(e: Evidence, region: str) -> Row:
    return e.tables.row("regions", region=candidate(e, region)[0]["like"] if e.case.is_nodal else region)


def candidate(e: Evidence, bus: str) -> list[Row]:
    """Return the rows of a bus in the table of candidates."""
    return [row for row in e.tables.rows_at(e.case.nodal_paths["candidates"]) if row["bus"] == bus]


def _hub(e: Evidence, region: str) -> Row:
    return e.tables.row("basis", zone=region)


def _link(e: Evidence, link: str) -> Row:
    start, _, end = link.partition(">")
    return e.tables.row("links", from_zone=start, to_zone=end)


def _nearest(wanted: int, known: list[int]) -> int:
    return min(known, key=lambda year: abs(year - wanted))


def surplus(e: Evidence, zone: str, quarter: str, stress: str) -> float:
    """Return what the zone spares in the quarter's year, or the nearest year of the table [MW]."""
    mine = {
        int(row["year"]): float(row["surplus_mw"])
        for row in e.tables.rows("surplus")
        if row["zone"] == zone and row["stress"] == stress
    }
    return mine[_nearest(int(quarter[:4]), list(mine))]


def headroom(e: Evidence, region: str, quarter: str, *, committed: bool = True) -> float:
    """Return the row of the table that is latest in force, every row coming into force late by the delay [MW].

    Unless told otherwise, less what committed blocks take of it.
    """
    grid, latest, in_force = e.case.grid, -1, 0.0
    if e.case.is_nodal:
        rows = [row | {"quarter": row["from_quarter"]} for row in candidate(e, region)]
    else:
        rows = [row for row in e.tables.rows("headroom") if row["region"] == region]
    for row in rows:
        age = quarter_count(row["quarter"], quarter) - grid.connection_delay_quarters
        if age >= 0 and (latest < 0 or age < latest):
            latest, in_force = age, float(row["headroom_mw"])
    taken = 0.0
    for block in e.case.connection.committed.values():
        if committed and block.takes_headroom and block.region == region:
            taken += max((mw for when, mw in block.facility_mw.items() if when <= quarter), default=0.0)
    return max(0.0, in_force * grid.headroom_scale - taken)


def redispatch(e: Evidence, zone: str, stress: str) -> float:
    """Return the output that operators lower where that relieves a link [MW]."""
    return float(_zone(e, zone)[f"base_output_{stress}_mw"]) * e.case.grid.redispatch_share


def base_flow(e: Evidence, link: str, stress: str) -> float:
    """Return what a link carries before there is any new load [MW]."""
    return float(_link(e, link)[f"base_flow_{stress}_mw"]) * e.case.grid.base_flow_scale


def link_limit(e: Evidence, link: str, stress: str, column: str, sign: int) -> float:
    """Return what is left of a link's limit for the new load [MW], where base flow in its direction counts as used."""
    left = float(_link(e, link)[column]) - sign * base_flow(e, link, stress)
    return max(0.0, left) * e.case.grid.link_available_share


def pue_peak(e: Evidence, region: str) -> float:
    """Return the worse of the two stress hours, for which the campus is designed."""
    return max(pue_stress(e, region, stress) for stress in STRESS)


def pue_stress(e: Evidence, region: str, stress: str) -> float:
    """Return the power usage effectiveness at the stress hour."""
    return float(_region(e, region)[f"pue_{stress}_peak"])


def pue(e: Evidence, region: str, season: int) -> float:
    """Return the mean power usage effectiveness of the calendar quarter."""
    return float(_region(e, region)[f"pue_q{season}"])


def demand_charge(e: Evidence, region: str) -> float:
    """Return the demand charge [USD/MW/month]; the table has it per kW."""
    return float(_region(e, region)["demand_charge_usd_per_kw_month"]) * KILOWATTS


def capacity_price(e: Evidence, capacity_zone: str, year: int, season: int) -> float:
    """Add up the price of every day of a calendar quarter [USD/MW]; February 29 is no day of a standard year.

    Delivery years start on June 1. Days outside the table have the price of its nearest delivery year.
    """
    daily = {
        int(row["delivery_year"][:4]): float(row["usd_per_mw_day"])
        for row in e.tables.rows("capacity_prices")
        if row["capacity_zone"] == capacity_zone
    }
    total, day = 0.0, datetime.date(year, 3 * season - 2, 1)
    while day.year == year and (day.month + 2) // 3 == season:
        if (day.month, day.day) != (2, 29):
            total += daily[_nearest(year if day.month >= 6 else year - 1, list(daily))]
        day += datetime.timedelta(days=1)
    return total


def capacity_charge(e: Evidence, region: str, year: int, season: int) -> float:
    """Return what one MW of load pays for capacity in a calendar quarter of an operating year [USD/MW].

    An operating year that stands for several has the mean of their charges, later ones counting for less as
    money does.
    """
    facts, books = _region(e, region), Books.of(e.case)
    worth = {calendar: worth_today(books.rate, calendar - year) for calendar in books.calendar_years(year)}
    bill = sum(capacity_price(e, facts["capacity_zone"], y, season) * w for y, w in worth.items())
    to_hold = 1.0 + float(facts["reserve_obligation_fraction"])
    return to_hold * bill / sum(worth.values())


def _cell(find: Callable[[Evidence, str], Row], column: str, name: str) -> Maker:
    text = not WORLD[name].unit

    def make(e: Evidence, label: str) -> float | str:
        cell = find(e, label)[column]
        return cell if text else float(cell)

    return make


_CELLS = {
    "zone_name": (_zone, "name"),
    "zone_market": (_zone, "market"),
    "zone_state": (_zone, "state"),
    "zone_interconnect": (_zone, "interconnect"),
    "zone_lat": (_zone, "latitude_deg"),
    "zone_lon": (_zone, "longitude_deg"),
    "link_from": (_link, "from_zone"),
    "link_to": (_link, "to_zone"),
    "link_kind": (_link, "kind"),
    "link_susceptance": (_link, "susceptance_mw_per_rad"),
    "region_name": (_zone, "name"),
    "region_market": (_zone, "market"),
    "region_hub": (_hub, "hub"),
    "site_lead_quarters": (_region, "site_lead_quarters"),
    "construction_multiplier": (_region, "construction_multiplier"),
    "loss": (_region, "loss_fraction"),
    "delivery_rider": (_region, "rider_usd_per_mwh"),
}
"""Arrays that are a column of a table as it stands."""

MAKERS: dict[str, Maker] = {
    **{name: _cell(find, column, name) for name, (find, column) in _CELLS.items()},
    "surplus": surplus,
    "headroom": headroom,
    "redispatch": redispatch,
    "link_base_flow": base_flow,
    "link_forward": partial(link_limit, column="forward_mw", sign=1),
    "link_reverse": partial(link_limit, column="reverse_mw", sign=-1),
    "pue": pue,
    "pue_stress": pue_stress,
    "pue_peak": pue_peak,
    "delivery_demand_charge": demand_charge,
    "capacity_charge": capacity_charge,
}
"""Every input that the tables and the case decide, and what makes one element of it."""


def _holds(name: str, e: Evidence) -> bool:
    """Whether plans of the case hold the array."""
    return name in e.inputs


for _name, _maker in MAKERS.items():
    check_made_again(_name, WORLD[_name], _maker, when=partial(_holds, _name))


@check("tables.labels", "Zones, links and regions are those of the tables and of the case.", "1")
def table_labels(e: Evidence) -> Excess:
    """Count the labels that are too many or missing; the order of rows does not matter."""
    asked, of_zones = e.case.regions.include, not e.case.is_nodal
    if of_zones:
        known = {row["region"] for row in e.tables.rows("regions")}
    else:
        known = {row["bus"] for row in e.tables.rows_at(e.case.nodal_paths["candidates"])}
    regions = known if asked == "candidate40" else set(asked)
    wanted: dict[str, AbstractSet[object]] = {
        "zone": {row["zone"] for row in e.tables.rows("zones")} if of_zones else known,
        **({"link": {f"{row['from_zone']}>{row['to_zone']}" for row in e.tables.rows("links")}} if of_zones else {}),
        "region": regions - set(e.case.regions.exclude),
        "season": set(SEASONS),
        "stress": set(STRESS),
    }
    wrong = [float(len(labels ^ set(e.labels(dim)))) for dim, labels in wanted.items()]
    return Excess(xr.DataArray(wrong, dims="dimension", coords={"dimension": list(wanted)}), 0.5)
