"""Make the menu of offers again from the rows of its tables, offer by offer, and compare it with the plan's.

Nothing is shared with the code that made it: dates are counted quarter by quarter, names are split anew.
"""

from __future__ import annotations

from functools import partial

import xarray as xr

from grid_opt.inputs.schema_offers import MENU, UPGRADE
from grid_opt.verify.check import Excess, check
from grid_opt.verify.connection import HOURS_OF_YEAR, UNDER_MW, has_menu, has_upgrades
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import quarter_count
from grid_opt.verify.made_again import SAME_NUMBER, Maker, check_made_again
from grid_opt.verify.table_files import Row
from grid_opt.verify.tables import KILOWATTS, headroom

MILLION = 1e6


def _row(e: Evidence, offer: str) -> Row:
    return e.tables.row("offers", offer=offer.partition("@")[0])


def _region(offer: str) -> str:
    return offer.partition("@")[2]


def _number(row: Row, column: str) -> float:
    return float(row[column] or 0)


def _later(quarter: str, count: int) -> str:
    number = 4 * int(quarter[:4]) + int(quarter[5]) - 1 + count
    return f"{number // 4}Q{number % 4 + 1}"


def _starts(e: Evidence, row: Row) -> list[str]:
    """List the quarters before which there is no service."""
    found = []
    if row["request_quarter"]:
        wait = int(float(row["lead_quarters"])) + e.case.grid.connection_delay_quarters
        found.append(_later(row["request_quarter"], wait))
    if row["starts_with"]:
        found.append(e.tables.row("calendar", rule=row["starts_with"])["quarter"])
    return found


def _ends(e: Evidence, row: Row) -> list[str]:
    """List the quarters after which there is none."""
    found = [row["last_quarter"]] if row["last_quarter"] else []
    if row["ends_with"]:
        found.append(_later(e.tables.row("calendar", rule=row["ends_with"])["quarter"], -1))
    return found


def cap(e: Evidence, offer: str, quarter: str) -> float:
    """Return the most MW under the offer in the quarter.

    An offer ahead of its time is closed while a firm one, no dearer in anything, has the same headroom.
    """
    row, most = _row(e, offer), _asked(e, offer, quarter)
    lead = int(_number(row, "ahead_quarters"))
    if row["mw_rule"] == "headroom" and lead:
        region = _region(offer)
        gained = hosting(e, region, lead, quarter) - hosting(e, region, 0, quarter)
        if gained <= SAME_NUMBER and any(_asked(e, f"{o}@{region}", quarter) >= most for o in _instead(e, row, region)):
            return 0.0
    return most


def _instead(e: Evidence, row: Row, region: str) -> list[str]:
    """List the firm offers on the headroom of their time that ask no more of the same campuses."""
    market = e.tables.row("zones", zone=region)["market"]
    found = []
    for firm in e.tables.rows("offers"):
        names = firm["applies_to"].split()
        there = bool({region, market, "all"} & set(names)) and not {f"-{region}", f"-{market}"} & set(names)
        plain = firm["mw_rule"] == "headroom" and not _number(firm, "ahead_quarters") and firm["firm_share"] == "1"
        easy = not _number(firm, "lasting") and not _number(firm, "least_mw")
        money = ("study_musd", "upgrade_usd_per_kw", "security_usd_per_kw", "rent_usd_per_kw_month")
        cheap = all(_number(firm, name) <= _number(row, name) for name in money)
        open_ = firm["regime"] in ("any", row["regime"]) and firm["kind"] in e.case.connection.kinds
        if there and plain and easy and cheap and open_:
            found.append(firm["offer"])
    return found


def _asked(e: Evidence, offer: str, quarter: str) -> float:
    """Return the most MW that a row gives in the quarter, whatever else is on the menu."""
    row = _row(e, offer)
    if any(quarter < start for start in _starts(e, row)) or any(quarter > end for end in _ends(e, row)):
        return 0.0
    most = _number(row, "most_mw")
    if row["regime"] == "below":
        most = min(most, _number(row, "threshold_mw") - UNDER_MW)
    if row["mw_rule"] == "headroom":
        return most
    peak = float(e.tables.row("zones", zone=_region(offer))["peak_mw"])
    return min(most, _number(row, "mw") + _number(row, "share_of_peak") * peak) * _step(e, row, quarter)


def _step(e: Evidence, row: Row, quarter: str) -> float:
    """Return the share of the MW that the ladder has reached; delays of connections hold it back."""
    if not row["ladder"]:
        return 1.0
    now, reached = _later(quarter, -e.case.grid.connection_delay_quarters), 0.0
    for part in sorted(row["ladder"].split()):
        when, _, share = part.partition(":")
        reached = float(share) if when <= now else reached
    return reached


def hours(e: Evidence, relief: str, offer: str) -> float:
    """Return the hours of calls a year; own supply may be called for fewer, and energy may be what is limited."""
    row = _row(e, offer)
    if relief not in e.case.connection.relief:
        return 0.0
    found = _number(row, "call_hours" if relief == "compute" else "call_hours_own_supply")
    called = 1.0 - _number(row, "firm_share")
    if row["call_energy_fraction"] and called > 0:
        found = min(found, _number(row, "call_energy_fraction") * HOURS_OF_YEAR / called)
    return found


def fits(e: Evidence, relief: str, offer: str, quarter: str) -> float:
    """Return 1 where relief is ready, starts within the notice and lasts as long as the longest call."""
    if relief not in e.case.connection.relief:
        return 0.0
    row, kind = _row(e, offer), e.tables.row("relief", relief=relief)
    in_time = _number(kind, "start_h") <= _number(row, "notice_h")
    lasts = _number(kind, "longest_call_h") >= _number(row, "longest_call_h")
    return float(in_time and lasts and quarter >= kind["first_quarter"])


def _of_relief(column: str, e: Evidence, relief: str) -> float:
    return _number(e.tables.row("relief", relief=relief), column) if relief in e.case.connection.relief else 0.0


def call_cost(e: Evidence, relief: str, region: str) -> float:
    """Return what a MWh of calls costs at the meter: fuel and losses, or the worth of the compute that it fed."""
    if relief not in e.case.connection.relief:
        return 0.0
    lost = 0.0
    if relief == "compute":
        facts = e.tables.row("regions", region=region)
        cooling = max(float(facts["pue_summer_peak"]), float(facts["pue_winter_peak"]))
        lost = e.case.flexibility.value_of_lost_compute_usd_per_mwh / cooling
    return _of_relief("usd_per_mwh", e, relief) + lost


def threshold(e: Evidence, region: str) -> float:
    """Return the size at which an offer on the region's menu says that rules change."""
    sizes = [_number(_row(e, o), "threshold_mw") for o in map(str, e.labels("offer")) if _region(o) == region]
    return max(sizes, default=0.0)


def study(e: Evidence, offer: str, quarter: str) -> float:
    """Return the study cost in the first quarter in which the offer is in force, else 0 [USD]."""
    first = next((q for q in map(str, e.labels("quarter")) if cap(e, offer, q) > 0), None)
    return MILLION * _number(_row(e, offer), "study_musd") if quarter == first else 0.0


def hosting(e: Evidence, region: str, lead: int, quarter: str) -> float:
    """Return the headroom of so many quarters later, less what committed blocks take now [MW]."""
    return max(0.0, headroom(e, region, _later(quarter, int(lead)), committed=False) - committed(e, region, quarter))


def committed(e: Evidence, place: str, quarter: str) -> float:
    """Return the load of the committed blocks that use the grid of a place [MW]."""
    total = 0.0
    for block in e.case.connection.committed.values():
        if block.takes_headroom and block.region == place:
            total += max((mw for when, mw in block.facility_mw.items() if when <= quarter), default=0.0)
    return total


def _cell(column: str, factor: float, e: Evidence, offer: str) -> float:
    return factor * _number(_row(e, offer), column)


def _said(column: str, e: Evidence, offer: str) -> str:
    return _row(e, offer)[column]


def _is(column: str, wanted: dict[str, float], e: Evidence, offer: str) -> float:
    return wanted[_row(e, offer)[column]]


def _upgrade(column: str, factor: float, e: Evidence, upgrade: str) -> float | str:
    cell = e.tables.row("upgrades", upgrade=upgrade)[column]
    return cell if factor == 0 else factor * float(cell)


def ready(e: Evidence, upgrade: str, quarter: str) -> float:
    """Return 1 from the quarter on in which the upgrade can be in service."""
    row = e.tables.row("upgrades", upgrade=upgrade)
    return float(quarter_count(row["decision_quarter"], quarter) >= int(float(row["lead_quarters"])))


MAKERS: dict[str, Maker] = {
    "offer_product": partial(_said, "offer"),
    "offer_region": lambda e, offer: _region(offer),
    "offer_kind": partial(_said, "kind"),
    "offer_on_headroom": partial(_is, "mw_rule", {"headroom": 1.0, "own": 0.0}),
    "offer_ahead": partial(_cell, "ahead_quarters", 1.0),
    "offer_cap": cap,
    "offer_least": partial(_cell, "least_mw", 1.0),
    "offer_lasting": partial(_cell, "lasting", 1.0),
    "offer_regime": partial(_is, "regime", {"below": -1.0, "any": 0.0, "from": 1.0}),
    "region_threshold": threshold,
    "offer_firm": partial(_cell, "firm_share", 1.0),
    "offer_own_supply": partial(_cell, "own_supply_share", 1.0),
    "offer_study": study,
    "offer_upgrade": partial(_cell, "upgrade_usd_per_kw", KILOWATTS),
    "offer_security": partial(_cell, "security_usd_per_kw", KILOWATTS),
    "offer_rent": partial(_cell, "rent_usd_per_kw_month", KILOWATTS),
    "call_hours": hours,
    "relief_fits": fits,
    "relief_fixed": partial(_of_relief, "usd_per_mw_year"),
    "relief_call_cost": call_cost,
    "relief_accredited": partial(_of_relief, "accredited_share"),
    "hosting": hosting,
    "committed_load": committed,
    "upgrade_target": partial(_upgrade, "target", 0.0),
    "upgrade_place": partial(_upgrade, "place", 0.0),
    "upgrade_forward": partial(_upgrade, "forward_mw", 1.0),
    "upgrade_reverse": partial(_upgrade, "reverse_mw", 1.0),
    "upgrade_cost": partial(_upgrade, "cost_musd", MILLION),
    "upgrade_ready": ready,
}
"""Every array of the menu, and what makes one element of it."""

_DECLARED = {**MENU, **UPGRADE}


for _name, _maker in MAKERS.items():
    _when = has_menu if _name in MENU else has_upgrades
    check_made_again(_name, _DECLARED[_name], _maker, when=_when)


@check("tables.offers", "Every offer of the plan is a row of the table that applies there, of a kind that the case "
       "admits.", "1", when=has_menu)  # fmt: skip
def offers(e: Evidence) -> Excess:
    """Look for the region, its market or "all" among the names that a row applies to, and among those left out."""
    wrong = []
    for offer in map(str, e.labels("offer")):
        row, region = _row(e, offer), _region(offer)
        market = e.tables.row("zones", zone=region)["market"]
        names = row["applies_to"].split()
        inside = bool({region, market, "all"} & set(names))
        outside = bool({f"-{region}", f"-{market}", "-all"} & set(names))
        wrong.append(float(not inside or outside or row["kind"] not in e.case.connection.kinds))
    return Excess(xr.DataArray(wrong, dims="offer", coords={"offer": e.plan["offer"]}), 0.5)
