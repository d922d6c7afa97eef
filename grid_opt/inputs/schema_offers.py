"""Declare the tables of the interconnection menu, and the arrays of the world that they become."""

from __future__ import annotations

from grid_opt.config.sections_connection import OFFER_KINDS, RELIEF_KINDS
from grid_opt.inputs.schema import WorldArray
from grid_opt.inputs.schema import text as text_array
from grid_opt.inputs.schema_columns import (
    QUARTER_PATTERN,
    Column,
    Table,
    ident,
    power,
    share,
    text,
)

LADDER_PATTERN = rf"{QUARTER_PATTERN}:[01](\.\d+)?( {QUARTER_PATTERN}:[01](\.\d+)?)*"
REGIMES = ("any", "below", "from")
MW_RULES = ("headroom", "own")

_SOURCE = text("source", "where the row's figures are from")
_ASSUMPTION = text(
    "assumption", 'empty, or "ASSUMPTION: ..." for what no source fixes', pattern=r"(ASSUMPTION: .+)?", optional=True
)


def _quarter(name: str, meaning: str) -> Column:
    return text(name, meaning, pattern=QUARTER_PATTERN, optional=True)


def _hours(name: str, meaning: str, *, optional: bool = False) -> Column:
    return Column(name, "float", "h", meaning, 0, 8760, optional=optional)


OFFERS = Table(
    "offers",
    ("offer",),
    (
        ident("offer", "name of the offer"),
        text("applies_to", 'a region, a market (as in zones.csv), or "all"'),
        text("kind", "kind of service", choices=OFFER_KINDS),
        text(
            "mw_rule",
            '"headroom": MW of headroom.csv, shared with all other offers on it; "own": MW given here, beside it',
            choices=MW_RULES,
        ),
        Column("ahead_quarters", "int", "quarters", "headroom of so many quarters later is open already", 0, 40),
        Column("mw", "float", "MW", "own MW in each region; 0 where the rule is headroom", 0, 20_000),
        share("share_of_peak", "own MW on top, as a share of the zone's peak load"),
        power("least_mw", "least MW that is contracted by the end of the offer where it is taken", 0, 20_000),
        power("most_mw", "most MW for one customer in one region", 0, 20_000),
        text("ladder", "share of the MW from each named quarter on", pattern=LADDER_PATTERN, optional=True),
        _quarter("request_quarter", "quarter in which the request, or the queue position, was entered"),
        Column("lead_quarters", "int", "quarters", "from request to service; 0 without a request", 0, 80),
        text("starts_with", "rule of calendar.csv before which there is no service", optional=True),
        _quarter("last_quarter", "last quarter of service"),
        text("ends_with", "rule of calendar.csv with which service ends", optional=True),
        text(
            "regime",
            '"below" or "from": only for campuses whose contracts without leases are below, or at least, the threshold',
            choices=REGIMES,
        ),
        power("threshold_mw", "size of a campus at which the rules change; 0 where any size will do", 0, 5_000),
        Column("study_musd", "float", "million USD", "paid once for the study", 0, 100),
        Column(
            "upgrade_usd_per_kw", "float", "USD/kW", "network works paid for each kW contracted", 0, 5_000,
            above="looks like USD/MW; divide by 1000",
        ),
        Column(
            "security_usd_per_kw", "float", "USD/kW", "posted for each kW while it is contracted, then returned", 0,
            5_000, above="looks like USD/MW; divide by 1000",
        ),
        Column(
            "rent_usd_per_kw_month", "float", "USD/(kW month)",
            "paid for each kW contracted on top of what its hall, grid service and energy cost elsewhere in the tables",
            0, 1_000, above="looks like USD/(MW month); divide by 1000",
        ),
        share("firm_share", "share of the MW that is never called"),
        _hours("call_hours", "hours a year in which all the rest may be called"),
        _hours("call_hours_own_supply", "the same for the part that own supply stands behind"),
        Column(
            "call_energy_fraction", "float", "1", "most energy of calls as a share of a year's energy of the MW", 0, 1,
            above="looks like a percentage; divide by 100", optional=True,
        ),
        _hours("notice_h", "notice before a call"),
        _hours("longest_call_h", "longest single call"),
        share("own_supply_share", "share of the MW that generation beside the meter carries at the stress hours"),
        Column("lasting", "int", "1", "1 where contracted MW stay to the end, 0 where they may be handed back", 0, 1),
        _SOURCE,
        _ASSUMPTION,
    ),
    "one row per offer",
    "The menu of interconnection products: for whom, how many MW, from when to when, on what terms.",
)  # fmt: skip

CALENDAR = Table(
    "calendar",
    ("rule",),
    (
        ident("rule", "name of the rule"),
        text("quarter", "first quarter in which it holds", pattern=QUARTER_PATTERN),
        text("applies_to", 'a market, a region, or "all"'),
        text("title", "what changes"),
        _SOURCE,
        _ASSUMPTION,
    ),
    "one row per dated rule",
    "Dates inside the horizon at which rules change; offers refer to them.",
)

RELIEF = Table(
    "relief",
    ("relief",),
    (
        text("relief", "what answers a call", choices=RELIEF_KINDS),
        Column(
            "usd_per_mw_year", "float", "USD/(MW year)", "to keep a MW ready for a year", 0, 2e6,
            above="looks like USD/(GW year); divide by 1000",
        ),
        Column("usd_per_mwh", "float", "USD/MWh", "for each MWh of calls, beside the worth of compute shed", 0, 5_000),
        _hours("start_h", "from the call to full relief"),
        _hours("longest_call_h", "longest call that it can answer"),
        text("first_quarter", "first quarter in which it can be ready", pattern=QUARTER_PATTERN),
        share("accredited_share", "MW of capacity obligation that a MW of it takes away"),
        _SOURCE,
        _ASSUMPTION,
    ),
    "one row per kind of relief: compute, battery, engine",
    "What may answer calls, and what it costs.",
)  # fmt: skip

UPGRADES = Table(
    "upgrades",
    ("upgrade",),
    (
        ident("upgrade", "name of the upgrade"),
        text("target", "what it widens", choices=("region", "link")),
        text("place", 'the region, or the link written "from>to" as in links.csv'),
        power("forward_mw", "MW of headroom, or of forward link limit, that this customer gains", 0, 20_000),
        power("reverse_mw", "MW of reverse link limit that this customer gains; 0 for a region", 0, 20_000),
        Column("cost_musd", "float", "million USD", "overnight cost, paid once for all", 0, 1e5),
        text("decision_quarter", "first quarter in which it can be ordered", pattern=QUARTER_PATTERN),
        Column("lead_quarters", "int", "quarters", "from order to service", 0, 80),
        _SOURCE,
        _ASSUMPTION,
    ),
    "one row per discrete upgrade",
    "Network upgrades that a campus, or several, may have built.",
)

OFFER_TABLES = (OFFERS.name, CALENDAR.name, RELIEF.name, UPGRADES.name)

_OFFER = ("offer",)
_DATED = ("offer", "quarter")

MENU: dict[str, WorldArray] = {
    "offer_product": text_array("offer", "row of offers.csv"),
    "offer_region": text_array("offer", "region that the offer is for"),
    "offer_kind": text_array("offer", "kind of service"),
    "offer_on_headroom": WorldArray(_OFFER, "1", "1 where the MW are those of the region's headroom", 0, 1),
    "offer_ahead": WorldArray(_OFFER, "quarters", "headroom of so many quarters later is open", 0, 40),
    "offer_cap": WorldArray(_DATED, "MW", "most MW under the offer through the quarter", 0, 1e5),
    "offer_least": WorldArray(_OFFER, "MW", "least MW by the end of the offer where it is taken", 0, 1e5),
    "offer_lasting": WorldArray(_OFFER, "1", "1 where contracted MW stay", 0, 1),
    "offer_regime": WorldArray(_OFFER, "1", "-1: below the threshold, 1: from the threshold on, 0: any size", -1, 1),
    "region_threshold": WorldArray(("region",), "MW", "campus size at which rules change; 0: none", 0, 1e5),
    "offer_firm": WorldArray(_OFFER, "1", "share of the MW that is never called", 0, 1),
    "offer_own_supply": WorldArray(_OFFER, "1", "share of the MW that generation beside the meter carries", 0, 1),
    "offer_study": WorldArray(_DATED, "USD", "study cost, in the first quarter of the offer", 0, 1e9),
    "offer_upgrade": WorldArray(_OFFER, "USD/MW", "network works for each MW contracted", 0, 1e7),
    "offer_security": WorldArray(_OFFER, "USD/MW", "security posted while contracted", 0, 1e7),
    "offer_rent": WorldArray(_OFFER, "USD/MW/month", "rent while contracted", 0, 1e6),
    "call_hours": WorldArray(("relief", "offer"), "h", "hours of calls a year, by what answers them", 0, 8760),
    "relief_fits": WorldArray(
        ("relief", "offer", "quarter"), "1", "1 where the relief starts in time, lasts long enough and is ready", 0, 1
    ),
    "relief_fixed": WorldArray(("relief",), "USD/MW", "to keep a MW of relief ready for a year", 0, 1e7),
    "relief_call_cost": WorldArray(("relief", "region"), "USD/MWh", "for each MWh of calls at the meter", 0, 1e5),
    "relief_accredited": WorldArray(("relief",), "1", "capacity obligation that a MW of relief takes away", 0, 1),
    "hosting": WorldArray(
        ("region", "ahead", "quarter"), "MW", "headroom of the region so many quarters later", 0, 1e6
    ),
    "committed_load": WorldArray(
        ("zone", "quarter"), "MW", "load of committed blocks that the network carries", 0, 1e6
    ),
}
"""The arrays of a world whose campuses choose among offers."""

UPGRADE: dict[str, WorldArray] = {
    "upgrade_target": text_array("upgrade", "region or link"),
    "upgrade_place": text_array("upgrade", "the region or the link"),
    "upgrade_forward": WorldArray(("upgrade",), "MW", "headroom or forward limit gained", 0, 1e5),
    "upgrade_reverse": WorldArray(("upgrade",), "MW", "reverse limit gained", 0, 1e5),
    "upgrade_cost": WorldArray(("upgrade",), "USD", "overnight cost", 0, 1e12),
    "upgrade_ready": WorldArray(("upgrade", "quarter"), "1", "1 from the first quarter of service on", 0, 1),
}
"""The further arrays of a world in which network upgrades may be built."""
