"""Declare every bundled input table: its columns, units, physical bounds, keys and meaning.

The reader, the data dictionary and the tests all work from these declarations; nothing else knows a column.
"""

from __future__ import annotations

from grid_opt.inputs.schema_columns import (
    DELIVERY_YEAR_PATTERN,
    PER_KWH,
    PER_KWH_TIMES_1000,
    QUARTER_PATTERN,
    Column,
    Table,
    ident,
    power,
    price,
    pue,
    share,
    text,
    year,
)
from grid_opt.inputs.schema_environment import ENVIRONMENT_TABLES
from grid_opt.inputs.schema_offers import CALENDAR, OFFERS, RELIEF, UPGRADES
from grid_opt.inputs.schema_supply import FORWARD_BLOCKS, ONSITE, PPA_OFFERS
from grid_opt.inputs.schema_tariffs import REGION_TARIFFS

__all__ = ["OUTLINE_FILE", "SOURCES", "SOURCES_FILE", "STRESSES", "TABLES", "Column", "Table"]

STRESSES = ("summer", "winter")
CENSUS_DIVISIONS = (
    "East_North_Central",
    "East_South_Central",
    "Mid_Atlantic",
    "Mountain",
    "New_England",
    "Pacific",
    "South_Atlantic",
    "West_North_Central",
    "West_South_Central",
)

_PROFILE = "id of the capacity-factor statistics (an IPM region) that stand for the zone"

ZONES = Table(
    "zones",
    ("zone",),
    (
        ident("zone", "zone of the 90-zone set z90; a node of the network"),
        text("name", "plain name"),
        text("state", "two-letter state", pattern=r"[A-Z]{2}"),
        text("market", "wholesale market, or the planning region where there is none"),
        text("interconnect", "AC interconnection", choices=("eastern", "western", "texas")),
        Column("latitude_deg", "float", "degrees_north", "population-weighted center", 24.0, 50.0),
        Column("longitude_deg", "float", "degrees_east", "population-weighted center", -125.0, -66.0),
        power("peak_mw", "peak hourly load in 2024", 50.0),
        power("load_mean_mw", "mean load in 2024", 20.0),
        share("reserve_margin_fraction", "planning reserve on top of the peak", 0.0, 0.6),
        share(
            "load_growth_fraction",
            "growth of load from 2024 to 2028 in total, large loads left out",
            -0.3,
            1.0,
        ),
        text("census_division", "census division of the state, for the gas outlook", choices=CENSUS_DIVISIONS),
        Column("is_candidate", "int", "1", "1 for a candidate region, 0 for a node only", 0, 1),
        text("price_hub", "trading hub or hubs whose hourly pattern the zone takes"),
        Column("hub_factor", "float", "1", "zone price over hub price", 0.3, 3.0),
        price("price_level_usd_per_mwh", "mean real-time price of 2023 and 2024", 5.0, 300.0),
        text("wind_profile", f"{_PROFILE}; empty where no profile overlaps the zone", optional=True),
        text("solar_profile", _PROFILE),
        *(
            power(
                f"base_output_{stress}_mw",
                f"output that operators can lower, at the {stress} stress hour before there is any new load",
                0.0,
                200_000.0,
            )
            for stress in STRESSES
        ),
    ),
    "one row per zone, 90 as bundled",
    "The nodes of the network: the 90 zones of the contiguous United States.",
)

REGIONS = Table(
    "regions",
    ("region",),
    (
        ident("region", "candidate region; the id of its zone"),
        text("capacity_zone", "zone of capacity_prices whose price the region pays"),
        pue("pue_q1", "mean power usage effectiveness, January to March"),
        pue("pue_q2", "mean power usage effectiveness, April to June"),
        pue("pue_q3", "mean power usage effectiveness, July to September"),
        pue("pue_q4", "mean power usage effectiveness, October to December"),
        pue("pue_summer_peak", "power usage effectiveness at the summer stress hour"),
        pue("pue_winter_peak", "power usage effectiveness at the winter stress hour"),
        Column("construction_multiplier", "float", "1", "building cost relative to the US mean", 0.5, 3.0),
        Column("site_lead_quarters", "int", "quarters", "from breaking ground to the first hall", 0, 40),
        share("loss_fraction", "losses from hub to meter as a share of metered energy", 0.0, 0.2),
        Column(
            "demand_charge_usd_per_kw_month",
            "float",
            "USD/(kW month)",
            "delivery charge on the monthly peak; low confidence",
            0.05,
            60.0,
            below="looks like USD/(W month); multiply by 1000",
            above="looks like USD/(MW month) or USD/(kW year); divide by 1000 or by 12",
            zero_allowed=True,
        ),
        Column(
            "rider_usd_per_mwh",
            "float",
            "USD/MWh",
            "riders, ancillary services and supplier margin on energy",
            0.2,
            60.0,
            below=PER_KWH,
            above=PER_KWH_TIMES_1000,
            zero_allowed=True,
        ),
        share(
            "reserve_obligation_fraction",
            "capacity to hold on top of the peak, in the terms of its price",
            0,
            0.6,
        ),
    ),
    "one row per candidate region, 40 as bundled: the zones with is_candidate = 1",
    "What a campus in a candidate region needs to know about climate, cost and charges.",
)

LINKS = Table(
    "links",
    ("from_zone", "to_zone"),
    (
        ident("from_zone", "zone at the sending end of the forward direction"),
        ident("to_zone", "zone at the receiving end of the forward direction"),
        text("kind", "AC interface or back-to-back converter", choices=("AC", "B2B")),
        power("forward_mw", "transfer limit from from_zone to to_zone", 0.0, 50_000.0),
        power("reverse_mw", "transfer limit from to_zone to from_zone", 0.0, 50_000.0),
        Column("voltage_kv", "float", "kV", "voltage class of an AC interface", 60, 1200, optional=True),
        Column("length_miles", "float", "mile", "length of an AC interface", 1, 2000, optional=True),
        Column("susceptance_mw_per_rad", "float", "MW/rad", "susceptance of an AC interface, 0 for B2B", 0, 1e6),
        *(
            power(
                f"base_flow_{stress}_mw",
                f"flow before there is any new load at the {stress} stress hour, positive from from_zone to to_zone",
                -50_000.0,
                50_000.0,
            )
            for stress in STRESSES
        ),
    ),
    "one row per pair of zones that are joined, 195 as bundled; each pair once, whatever its direction",
    "Interfaces between zones with their two-way limits, and what flows on them already.",
)

HEADROOM = Table(
    "headroom",
    ("region", "quarter"),
    (
        ident("region", "candidate region"),
        text("quarter", "calendar quarter", pattern=QUARTER_PATTERN),
        power("headroom_mw", "cumulative facility MW that the grid connects for this customer", 0.0, 20_000.0),
    ),
    "every region x quarter 2026Q1..2028Q4, 480 as bundled; never falling with time",
    "Dated hosting headroom of the candidate regions.",
)

SURPLUS = Table(
    "surplus",
    ("zone", "year", "stress"),
    (
        ident("zone", "zone"),
        year(2026, 2028),
        text("stress", "season of the stress hour", choices=STRESSES),
        power(
            "surplus_mw",
            "generation that the zone can spare for this customer at the stress hour",
            0,
            100_000.0,
        ),
    ),
    "every zone x year 2026..2028 x stress, 540 as bundled",
    "What each zone can spare at its stress hour, after growth and reserves.",
)

CAPACITY_PRICES = Table(
    "capacity_prices",
    ("capacity_zone", "delivery_year"),
    (
        ident("capacity_zone", "capacity zone, named by regions"),
        text("delivery_year", "June to May", pattern=DELIVERY_YEAR_PATTERN),
        Column(
            "usd_per_mw_day",
            "float",
            "USD/(MW day)",
            "price of accredited capacity",
            1.5,
            3000.0,
            below="looks like USD/(kW day); multiply by 1000",
            above="looks like USD/(MW month) or USD/(MW year); divide by 30.4 or by 365",
            zero_allowed=True,
        ),
    ),
    "every capacity zone x delivery year 2025/26..2028/29, 48 as bundled",
    "Capacity obligation prices by delivery year.",
)

GAS_OUTLOOK = Table(
    "gas_outlook",
    ("census_division", "year"),
    (
        text("census_division", "census division", choices=CENSUS_DIVISIONS),
        year(2023, 2035),
        Column(
            "usd_per_mmbtu",
            "float",
            "USD/MMBtu",
            "gas for power plants, in 2025 USD",
            0.5,
            50.0,
            below="looks like USD/therm or USD/cubic foot; multiply by 10 or by 1000",
            above="looks like cents/MMBtu; divide by 100",
        ),
    ),
    "every census division x year 2023..2035, 117 as bundled",
    "Outlook of the gas price for power plants; used as a ratio between years.",
)

WHOLESALE_OUTLOOK = Table(
    "wholesale_outlook",
    ("zone", "year"),
    (
        ident("zone", "zone"),
        year(2023, 2035),
        price("usd_per_mwh", "modeled wholesale price, three-year mean", 1.5, 500.0),
    ),
    "every zone x year 2023..2035, 1170 as bundled",
    "Outlook of the wholesale price; used as a ratio between years.",
)

BASIS = Table(
    "basis",
    ("zone",),
    (
        ident("zone", "zone"),
        text("hub", "hub at which power for the zone trades ahead"),
        *(
            Column(
                f"{hours}_q{c}_usd_per_mwh",
                "float",
                "USD/MWh",
                f"price of the zone less that of the hub, mean over {said} hours of calendar quarter {c}",
                -200.0,
                200.0,
                below=PER_KWH_TIMES_1000,
                above=PER_KWH_TIMES_1000,
            )
            for hours, said in (("peak", "peak (06 to 22 h by the sun)"), ("offpeak", "the other"))
            for c in (1, 2, 3, 4)
        ),
    ),
    "one row per zone, 90 as bundled",
    "Basis: how far the price of every zone is above that of its hub.",
)

SOURCES = Table(
    "SOURCES",
    ("table", "column"),
    (
        text("table", "file under data/"),
        text("column", "column of that file, or of the features of an outline"),
        text("origin", "who published the figures, or which script derived them from what"),
        text("licence", "terms of the origin"),
        text("unit", "unit as in the schema", optional=True),
        text("date", "vintage of the figures"),
        text("method", "how the value came about"),
        text("assumption", 'empty, or "ASSUMPTION: ..."', pattern=r"(ASSUMPTION: .+)?", optional=True),
    ),
    "one row per table and column",
    "Where every column comes from.",
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        ZONES,
        REGIONS,
        LINKS,
        HEADROOM,
        SURPLUS,
        CAPACITY_PRICES,
        GAS_OUTLOOK,
        WHOLESALE_OUTLOOK,
        BASIS,
        OFFERS,
        CALENDAR,
        RELIEF,
        UPGRADES,
        *ENVIRONMENT_TABLES,
        PPA_OFFERS,
        FORWARD_BLOCKS,
        ONSITE,
        REGION_TARIFFS,
    )
}
OUTLINE_FILE = "zones.geojson"
SOURCES_FILE = "SOURCES.csv"
