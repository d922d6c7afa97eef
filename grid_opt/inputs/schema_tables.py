"""Declare every bundled input table: its columns, units, physical bounds, keys and meaning.

The reader, the data dictionary and the tests all work from these declarations; nothing else knows a column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["str", "float", "int"]

QUARTER_PATTERN = r"20\d\dQ[1-4]"
DELIVERY_YEAR_PATTERN = r"20\d\d/\d\d"
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


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``lower`` and ``upper`` are physical bounds, both allowed values; ``below`` and ``above`` are what a
    value outside them probably is. ``zero_allowed`` lets 0 pass under a positive ``lower`` (no capacity
    market, no such charge). ``optional`` lets a cell be empty. ``identifier`` refuses texts that
    spreadsheets and pandas read as missing.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    lower: float | None = None
    upper: float | None = None
    below: str = ""
    above: str = ""
    zero_allowed: bool = False
    optional: bool = False
    identifier: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True)
class Table:
    """One CSV file: its key columns (unique together), its columns and how many rows it should have."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: str
    meaning: str

    @property
    def file(self) -> str:
        """Return the file name."""
        return f"{self.name}.csv"

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)


_PERCENT = "looks like a percentage; divide by 100"
_KILOWATT = "looks like kW; divide by 1000"
_PER_KWH = "looks like USD/kWh; multiply by 1000"
_PER_KWH_TIMES_1000 = "looks like USD/GWh or cents/MWh; divide until it is USD/MWh"


def _text(name: str, meaning: str, *, choices: Iterable[str] = (), pattern: str = "", optional: bool = False) -> Column:
    return Column(name, "str", "", meaning, choices=tuple(choices), pattern=pattern, optional=optional)


def _id(name: str, meaning: str) -> Column:
    return Column(name, "str", "", meaning, identifier=True)


def _share(name: str, meaning: str, lower: float = 0.0, upper: float = 1.0) -> Column:
    return Column(name, "float", "1", meaning, lower, upper, above=_PERCENT)


def _power(name: str, meaning: str, lower: float = 0.0, upper: float = 200_000.0) -> Column:
    return Column(name, "float", "MW", meaning, lower, upper, above=_KILOWATT)


def _price(name: str, meaning: str, lower: float, upper: float) -> Column:
    return Column(name, "float", "USD/MWh", meaning, lower, upper, below=_PER_KWH, above=_PER_KWH_TIMES_1000)


def _pue(name: str, meaning: str) -> Column:
    return Column(
        name,
        "float",
        "1",
        meaning,
        1.0,
        2.5,
        below="facility power over IT power is never below 1",
        above=_PERCENT,
    )


def _year(lower: int, upper: int) -> Column:
    return Column("year", "int", "yr", "calendar year", lower, upper)


_PROFILE = "id of the capacity-factor statistics (an IPM region) that stand for the zone"

ZONES = Table(
    "zones",
    ("zone",),
    (
        _id("zone", "zone of the 90-zone set z90; a node of the network"),
        _text("name", "plain name"),
        _text("state", "two-letter state", pattern=r"[A-Z]{2}"),
        _text("market", "wholesale market, or the planning region where there is none"),
        _text("interconnect", "AC interconnection", choices=("eastern", "western", "texas")),
        Column("latitude_deg", "float", "degrees_north", "population-weighted center", 24.0, 50.0),
        Column("longitude_deg", "float", "degrees_east", "population-weighted center", -125.0, -66.0),
        _power("peak_mw", "peak hourly load in 2024", 50.0),
        _power("load_mean_mw", "mean load in 2024", 20.0),
        _share("reserve_margin_fraction", "planning reserve on top of the peak", 0.0, 0.6),
        _share(
            "load_growth_fraction",
            "growth of load from 2024 to 2028 in total, large loads left out",
            -0.3,
            1.0,
        ),
        _text("census_division", "census division of the state, for the gas outlook", choices=CENSUS_DIVISIONS),
        Column("is_candidate", "int", "1", "1 for a candidate region, 0 for a node only", 0, 1),
        _text("price_hub", "trading hub or hubs whose hourly pattern the zone takes"),
        Column("hub_factor", "float", "1", "zone price over hub price", 0.3, 3.0),
        _price("price_level_usd_per_mwh", "mean real-time price of 2023 and 2024", 5.0, 300.0),
        _text("wind_profile", f"{_PROFILE}; empty where no profile overlaps the zone", optional=True),
        _text("solar_profile", _PROFILE),
        *(
            _power(
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
        _id("region", "candidate region; the id of its zone"),
        _text("capacity_zone", "zone of capacity_prices whose price the region pays"),
        _pue("pue_q1", "mean power usage effectiveness, January to March"),
        _pue("pue_q2", "mean power usage effectiveness, April to June"),
        _pue("pue_q3", "mean power usage effectiveness, July to September"),
        _pue("pue_q4", "mean power usage effectiveness, October to December"),
        _pue("pue_summer_peak", "power usage effectiveness at the summer stress hour"),
        _pue("pue_winter_peak", "power usage effectiveness at the winter stress hour"),
        Column("construction_multiplier", "float", "1", "building cost relative to the US mean", 0.5, 3.0),
        Column("site_lead_quarters", "int", "quarters", "from breaking ground to the first hall", 0, 40),
        _share("loss_fraction", "losses from hub to meter as a share of metered energy", 0.0, 0.2),
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
            below=_PER_KWH,
            above=_PER_KWH_TIMES_1000,
            zero_allowed=True,
        ),
        _share(
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
        _id("from_zone", "zone at the sending end of the forward direction"),
        _id("to_zone", "zone at the receiving end of the forward direction"),
        _text("kind", "AC interface or back-to-back converter", choices=("AC", "B2B")),
        _power("forward_mw", "transfer limit from from_zone to to_zone", 0.0, 50_000.0),
        _power("reverse_mw", "transfer limit from to_zone to from_zone", 0.0, 50_000.0),
        Column("voltage_kv", "float", "kV", "voltage class of an AC interface", 60, 1200, optional=True),
        Column("length_miles", "float", "mile", "length of an AC interface", 1, 2000, optional=True),
        Column("susceptance_mw_per_rad", "float", "MW/rad", "susceptance of an AC interface, 0 for B2B", 0, 1e6),
        *(
            _power(
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
        _id("region", "candidate region"),
        _text("quarter", "calendar quarter", pattern=QUARTER_PATTERN),
        _power("headroom_mw", "cumulative facility MW that the grid connects for this customer", 0.0, 20_000.0),
    ),
    "every region x quarter 2026Q1..2028Q4, 480 as bundled; never falling with time",
    "Dated hosting headroom of the candidate regions.",
)

SURPLUS = Table(
    "surplus",
    ("zone", "year", "stress"),
    (
        _id("zone", "zone"),
        _year(2026, 2028),
        _text("stress", "season of the stress hour", choices=STRESSES),
        _power(
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
        _id("capacity_zone", "capacity zone, named by regions"),
        _text("delivery_year", "June to May", pattern=DELIVERY_YEAR_PATTERN),
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
        _text("census_division", "census division", choices=CENSUS_DIVISIONS),
        _year(2023, 2035),
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
        _id("zone", "zone"),
        _year(2023, 2035),
        _price("usd_per_mwh", "modeled wholesale price, three-year mean", 1.5, 500.0),
    ),
    "every zone x year 2023..2035, 1170 as bundled",
    "Outlook of the wholesale price; used as a ratio between years.",
)

SOURCES = Table(
    "SOURCES",
    ("table", "column"),
    (
        _text("table", "file under data/"),
        _text("column", "column of that file, or of the features of an outline"),
        _text("origin", "who published the figures, or which script derived them from what"),
        _text("licence", "terms of the origin"),
        _text("unit", "unit as in the schema", optional=True),
        _text("date", "vintage of the figures"),
        _text("method", "how the value came about"),
        _text("assumption", 'empty, or "ASSUMPTION: ..."', pattern=r"(ASSUMPTION: .+)?", optional=True),
    ),
    "one row per table and column",
    "Where every column comes from.",
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (ZONES, REGIONS, LINKS, HEADROOM, SURPLUS, CAPACITY_PRICES, GAS_OUTLOOK, WHOLESALE_OUTLOOK)
}
OUTLINE_FILE = "zones.geojson"
SOURCES_FILE = "SOURCES.csv"
