"""Declare the tables of contracts, forward blocks and plant on site, and the arrays of the world that they become."""

from __future__ import annotations

from grid_opt.config import Case
from grid_opt.config.sections_supply import SETTLEMENTS, TECHNOLOGIES
from grid_opt.inputs.schema import WorldArray
from grid_opt.inputs.schema import text as text_array
from grid_opt.inputs.schema_columns import QUARTER_PATTERN, Column, Table, ident, power, share, text

PROFILES = ("wind", "solar", "nuclear", "hydro", "geothermal", "shaped")
AS_PRODUCED = ("wind", "solar")
SHAPED = "shaped"
"""Not counted as carbon-free: what firms it comes from the market."""
HUB = "hub"
PLACES = ("project", HUB)
BLOCKS = ("flat", "peak")
PERIODS = ("quarter", "year")

_SOURCE = text("source", "where the row's figures are from")
_ASSUMPTION = text(
    "assumption", 'empty, or "ASSUMPTION: ..." for what no source fixes', pattern=r"(ASSUMPTION: .+)?", optional=True
)
_CENTS = "looks like cents/MWh; divide by 100"


def _quarter(name: str, meaning: str, *, optional: bool = False) -> Column:
    return text(name, meaning, pattern=QUARTER_PATTERN, optional=optional)


def _quarters(name: str, meaning: str) -> Column:
    return Column(name, "int", "quarters", meaning, 0, 80)


PPA_OFFERS = Table(
    "ppa_offers",
    ("offer",),
    (
        ident("offer", "name of the offer"),
        text("technology", "what the project makes power from; shaped: a portfolio firmed to peak hours",
             choices=PROFILES),
        ident("project_zone", "zone of the network that the project stands in"),
        text("deliverable_to", 'regions and markets (as in zones.csv), or "all", whose campuses may sign; "-" leaves '
             "out"),
        text("settlement", "financial: a contract for differences at the project's price; physical: energy delivered",
             choices=SETTLEMENTS),
        text("settles_at", "whose price the strike is settled against: the project's own, or that of the hub of its "
             "zone (basis.csv), so that what lies between is the seller's", choices=PLACES),
        Column("price_usd_per_mwh", "float", "USD/MWh", "strike in the first year of delivery", 0, 1000, above=_CENTS),
        Column("real_escalator_fraction", "float", "1/year",
               "yearly change of the strike above inflation; a strike fixed in nominal dollars falls by inflation",
               -0.1, 0.1, above="looks like a percentage; divide by 100"),
        _quarter("first_quarter", "first quarter of delivery"),
        _quarter("last_quarter", "last quarter of delivery"),
        power("most_mw", "nameplate that the project has left to sell; of a new one no more than queue_mw", 0, 20_000),
        Column("queue_mw", "float", "MW", "what stands in the interconnection queue of its zone and technology by the "
               "end of the year of first_quarter; empty where nothing is still to be built", 0, 1e6, optional=True),
        share("capacity_factor", "production per nameplate where it is the same in every hour of the profile; 0 for "
              "wind and solar, which follow the weather of the project's zone"),
        Column("basis_usd_per_mwh", "float", "USD/MWh", "paid to bring a delivered MWh from project to campus; 0 "
               "for financial ones", 0, 500, above=_CENTS),
        Column("floor_usd_per_mwh", "float", "USD/MWh", "price at the project below which it does not produce; empty "
               "where it always does", -2000, 1000, optional=True),
        _SOURCE,
        _ASSUMPTION,
    ),
    "one row per offer",
    "Offers of long contracts for power (PPAs): whose power, to whom, at what price, from when to when, how much.",
)  # fmt: skip

FORWARD_BLOCKS = Table(
    "forward_blocks",
    ("block",),
    (
        ident("block", "name of the block"),
        text("applies_to", 'a region, a market (as in zones.csv), or "all"; "-" leaves out'),
        text("hours", "flat: every hour; peak: 06 to 22 h of every day, by the sun", choices=BLOCKS),
        text("period", "whether MW are bought by the calendar quarter or by the year", choices=PERIODS),
        share("premium_fraction", "how much more than the hub's expected price of its hours it costs, as a share of "
              "that", 0, 5),
        Column("premium_usd_per_mwh", "float", "USD/MWh", "and how much more on top", -100, 500, above=_CENTS),
        _quarter("last_quarter", "last quarter for which it is traded", optional=True),
        power("most_mw", "most MW in one region at a time", 0, 20_000),
        _SOURCE,
        _ASSUMPTION,
    ),
    "one row per block",
    "Blocks of power that may be bought ahead at the hub of a region, and what that costs more than waiting.",
)  # fmt: skip

ONSITE = Table(
    "onsite_technologies",
    ("technology",),
    (
        text("technology", "what is built", choices=TECHNOLOGIES),
        text("applies_to", 'a region, a market (as in zones.csv), or "all"; "-" leaves out'),
        Column("unit_mw", "float", "MW", "size of a unit; 0 where any size will do", 0, 1000),
        power("most_mw", "most MW at one campus", 0, 20_000),
        Column("usd_per_kw", "float", "USD/kW", "overnight cost before the regional multiplier", 0, 50_000,
               above="looks like USD/MW; divide by 1000"),
        Column("usd_per_kwh", "float", "USD/kWh", "overnight cost of a battery's energy, as installed; 0 for plant", 0,
               5_000, above="looks like USD/MWh; divide by 1000"),
        Column("least_storage_h", "float", "h", "least energy, as installed, per power of a battery; 0 for plant", 0,
               1000),
        Column("most_storage_h", "float", "h", "most of it; the same as the least where the ratio is fixed", 0, 1000),
        share("usable_fraction", "share of a new battery's energy that may be used (depth of discharge); 0 for plant"),
        Column("fade_per_year", "float", "1/year", "share of the energy installed that time takes every year, used or "
               "not (calendar fade)", 0, 0.5, above="looks like a percentage; divide by 100"),
        Column("fade_per_cycle", "float", "1/cycle", "share of it that a full cycle takes (cycle fade); it is made "
               "good, and paid as wear", 0, 0.01, above="looks like a percentage; divide by 100"),
        Column("usd_per_kw_year", "float", "USD/(kW year)", "fixed operation and maintenance, of power", 0, 2_000),
        Column("usd_per_kwh_year", "float", "USD/(kWh year)", "the same of a battery's energy, without making good "
               "what fades", 0, 500),
        Column("usd_per_mwh", "float", "USD/MWh", "running cost without fuel; for a battery per MWh discharged, "
               "without what cycles take", 0, 500, above=_CENTS),
        Column("mmbtu_per_mwh", "float", "MMBtu/MWh", "gas burnt, higher heating value; 0 without fuel", 0, 30,
               above="looks like Btu/kWh; divide by 1000"),
        Column("fuel_adder_usd_per_mmbtu", "float", "USD/MMBtu", "pipeline and firm delivery on top of "
               "gas_outlook.csv", 0, 50),
        Column("kg_co2_per_mmbtu", "float", "kg/MMBtu", "carbon dioxide from burning the fuel", 0, 200),
        share("availability_fraction", "mean output that is available of what the weather allows"),
        share("round_trip_fraction", "energy that comes out of a battery of what goes in; 0 for plant"),
        share("accredited_fraction", "MW of capacity obligation that a MW takes away, at most"),
        Column("accredited_h", "float", "h", "usable hours of a battery that stand behind every MW it takes away; 0 "
               "where none are asked, and for plant", 0, 1000),
        Column("life_years", "float", "yr", "life", 1, 100),
        _quarter("order_quarter", "first quarter in which it can be ordered"),
        _quarters("equipment_lead_quarters", "from order to delivery of the equipment"),
        _quarters("permit_lead_quarters", "from order to the last permit"),
        _quarters("build_quarters", "from start of construction, with equipment and permits there, to service"),
        share("credit_fraction", "share of the overnight cost that a tax credit pays"),
        _quarter("credit_starts_from", "construction that starts earlier has no credit", optional=True),
        _quarter("credit_starts_by", "construction that starts later has none, unless in service in time",
                 optional=True),
        _quarter("credit_in_service_by", "service by which a later start has it still", optional=True),
        _SOURCE,
        _ASSUMPTION,
    ),
    "one row per technology",
    "What may be built on site: cost, size, fuel, lead times, credits.",
)  # fmt: skip

_PPA, _HOURLY, _DATED = ("ppa",), ("ppa", "year", "slice"), ("ppa", "year", "season")
CONTRACT: dict[str, WorldArray] = {
    "ppa_offer": text_array("ppa", "row of ppa_offers.csv"),
    "ppa_region": text_array("ppa", "region whose campus may sign"),
    "ppa_technology": text_array("ppa", "what the project makes power from"),
    "ppa_physical": WorldArray(_PPA, "1", "1 where energy is delivered, 0 for a contract for differences", 0, 1),
    "ppa_clean": WorldArray(_PPA, "1", "1 where the power is carbon-free", 0, 1),
    "ppa_most": WorldArray(_PPA, "MW", "nameplate that the project has left, for all regions together", 0, 1e5),
    "ppa_in_force": WorldArray(
        _DATED, "1", "share of the years, by their present value, in which the contract is in force", 0, 1
    ),
    "ppa_strike": WorldArray(_DATED, "USD/MWh", "strike, mean over the years in which it is in force", 0, 1e4),
    "ppa_basis": WorldArray(_PPA, "USD/MWh", "paid to bring a delivered MWh from project to campus", 0, 1e3),
    "ppa_price": WorldArray(_HOURLY, "USD/MWh", "wholesale price at the project", -2e3, 2e4),
    "ppa_hub_basis": WorldArray(
        ("ppa", "slice"),
        "USD/MWh",
        "price at the project less that of the hub it settles at; 0 where at the project",
        -2e3,
        2e4,
    ),
    "ppa_production": WorldArray(_HOURLY, "1", "production per nameplate while in force", 0, 1),
}
"""The arrays of a world whose campuses may sign long contracts."""

WHEELED: dict[str, WorldArray] = {"wheeled_sale": WorldArray(
    ("wheeled", "year", "slice"), "USD/MWh", "what a MWh that is not delivered brings at the project", 0, 2e4)
}  # fmt: skip
"""The further array where energy may be delivered."""

FORWARD: dict[str, WorldArray] = {
    "forward_block": text_array("forward", "row of forward_blocks.csv"),
    "forward_region": text_array("forward", "region at the price of whose hub it settles"),
    "forward_yearly": WorldArray(("forward",), "1", "1 where MW are bought by the year", 0, 1),
    "forward_in": WorldArray(("forward", "slice"), "1", "1 in the hours of the block", 0, 1),
    "forward_most": WorldArray(("forward", "year", "season"), "MW", "most MW", 0, 1e5),
    "forward_price": WorldArray(("forward", "year", "season"), "USD/MWh", "price of the block", -2e3, 2e4),
}
"""The arrays of a world in which blocks may be bought ahead."""

_OWN, _OWN_DATED = ("own",), ("own", "quarter")
OWN: dict[str, WorldArray] = {
    "own_technology": text_array("own", "row of onsite_technologies.csv"),
    "own_region": text_array("own", "region of the campus"),
    "own_unit": WorldArray(_OWN, "MW", "size of a unit; 0 where any size will do", 0, 1e4),
    "own_most": WorldArray(
        _OWN_DATED, "MW", "most MW in service through the quarter; 0 before it can be ready", 0, 1e5
    ),
    "own_cost": WorldArray(_OWN, "USD/MW", "overnight cost, without that of a battery's energy", 0, 1e9),
    "own_credit": WorldArray(_OWN_DATED, "1", "share of it that a credit pays for service from the quarter on", 0, 1),
    "own_fixed": WorldArray(_OWN, "USD/MW", "fixed operation and maintenance a year, likewise", 0, 1e7),
    "own_life": WorldArray(_OWN, "yr", "life", 1, 100),
    "own_accredited": WorldArray(_OWN, "1", "capacity obligation that a MW takes away, at most", 0, 1),
}
"""The arrays of a world whose campuses may build on site."""

PLANT: dict[str, WorldArray] = {
    "plant_available": WorldArray(("plant", "slice"), "1", "output per MW that can be had", 0, 1),
    "plant_running": WorldArray(("plant", "year"), "USD/MWh", "fuel and other running cost", 0, 1e4),
    "plant_emission": WorldArray(("plant",), "t/MWh", "carbon dioxide emitted", 0, 5),
}
"""The further arrays where plant may make power."""

_STORE = ("store",)
STORE: dict[str, WorldArray] = {
    "store_least_hours": WorldArray(_STORE, "h", "least energy, as installed, per MW of power", 0, 1000),
    "store_most_hours": WorldArray(_STORE, "h", "most energy, as installed, per MW of power", 0, 1000),
    "store_left": WorldArray(
        ("store", "quarter", "year", "season"), "1",
        "share of the energy installed in the quarter that can be used in a calendar quarter of an operating year",
        0, 1,
    ),
    "store_cost": WorldArray(_STORE, "USD/MWh", "overnight cost of energy, as installed", 0, 1e8),
    "store_fixed": WorldArray(_STORE, "USD/MWh", "fixed operation and maintenance of energy a year", 0, 1e7),
    "store_accredited_hours": WorldArray(
        _STORE, "h", "usable hours behind every MW of obligation taken away; 0 where none are asked", 0, 1000
    ),
    "store_efficiency": WorldArray(_STORE, "1", "share of energy that is left of each way, in and out", 0.01, 1),
    "store_available": WorldArray(_STORE, "1", "share of power and energy that is available", 0, 1),
    "store_wear": WorldArray(_STORE, "USD/MWh", "wear per MWh discharged", 0, 1e4),
}  # fmt: skip
"""The further arrays where batteries may shift it."""

SUPPLY: dict[str, WorldArray] = {**CONTRACT, **WHEELED, **FORWARD, **OWN, **PLANT, **STORE}


def supply_arrays(case: Case) -> dict[str, WorldArray]:
    """Return the declarations of what the world of a case holds of its sources of power."""
    supply = case.supply
    found = dict(CONTRACT) if supply.contracts else {}
    found |= WHEELED if "physical" in supply.contracts else {}
    found |= FORWARD if supply.forwards else {}
    found |= OWN if supply.onsite else {}
    found |= PLANT if supply.plants else {}
    return found | (STORE if supply.stores else {})
