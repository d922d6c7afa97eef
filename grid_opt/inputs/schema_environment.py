"""Declare the tables of emissions and water, and the arrays of the world that they become."""

from __future__ import annotations

from grid_opt.inputs.schema import WorldArray
from grid_opt.inputs.schema_columns import Column, Table, ident, share, text, year

HOURS = tuple(f"h{hour:02d}" for hour in range(24))
QUANTITIES = ("average", "carbon_free", "marginal")
SEASONS = (1, 2, 3, 4)
MOST_KG_PER_MWH = 2000.0
"""Beyond it there is no grid: lignite alone emits about 1,200."""

_TONNES = "looks like t/MWh or kg/kWh; multiply by 1000"
_GRAMS = "looks like g/MWh or lb/GWh; divide until it is kg/MWh"


def _rate(name: str, meaning: str) -> Column:
    return Column(name, "float", "kg/MWh", meaning, 3.0, MOST_KG_PER_MWH, _TONNES, _GRAMS, zero_allowed=True)


def _consumption(name: str, meaning: str) -> Column:
    return Column(name, "float", "L/kWh", meaning, 0.0, 10.0, above="looks like L/MWh; divide by 1000")


EMISSIONS = Table(
    "emissions",
    ("region", "year"),
    (
        ident("region", "candidate region"),
        year(2020, 2100),
        _rate("average_kg_per_mwh", "CO2 of all output over all output, mean of the year"),
        _rate(
            "marginal_kg_per_mwh", "CO2 that a MWh more of steady load brings about in the long run, mean of the year"
        ),
        _rate("residual_kg_per_mwh", "average without the output whose certificates are sold"),
        share("carbon_free_fraction", "carbon-free output over all output, mean of the year"),
    ),
    "one row per candidate region and named year; between years figures are interpolated, beyond them kept",
    "What the grid of a region emits per MWh, and how much of it is carbon-free.",
)

EMISSION_SHAPES = Table(
    "emission_shapes",
    ("shape", "quantity", "quarter"),
    (
        ident("shape", "name of the shape: a balancing area, or an area of the marginal rates"),
        text("quantity", "what varies so", choices=QUANTITIES),
        Column("quarter", "int", "1", "calendar quarter", 1, 4),
        *(Column(name, "float", "1", f"{name[1:]}:00 UTC, over the mean of the year", 0.0, 24.0) for name in HOURS),
    ),
    "four rows per shape and quantity",
    "How emissions and the carbon-free share vary over the hours of a day, by calendar quarter.",
)

ENVIRONMENT = Table(
    "environment",
    ("region",),
    (
        ident("region", "candidate region"),
        ident("average_shape", "shape of emission_shapes.csv for average rate and carbon-free share"),
        ident("marginal_shape", "shape of emission_shapes.csv for the marginal rate"),
        *(
            share(f"warm_q{c}", f"share of the hours of calendar quarter {c} in which coolers are wetted")
            for c in SEASONS
        ),
        Column("water_stress", "int", "1", "water stress: 1 low, 2, 3, 4 high, 5 extremely high", 1, 5),
    ),
    "one row per candidate region, 40 as bundled",
    "Whose hours of emissions a region has, how often it is warm, and how scarce water is.",
)

COOLING = Table(
    "cooling",
    ("cooling",),
    (
        ident("cooling", "class of cooling"),
        _consumption("cool_l_per_kwh", "water consumed per kWh of IT energy while coolers are not wetted"),
        _consumption("warm_l_per_kwh", "water consumed per kWh of IT energy while they are"),
        text("source", "where the row's figures are from"),
        text("assumption", 'empty, or "ASSUMPTION: ..."', pattern=r"(ASSUMPTION: .+)?", optional=True),
    ),
    "one row per class of cooling",
    "What classes of cooling consume.",
)

ENVIRONMENT_TABLES = (EMISSIONS, EMISSION_SHAPES, ENVIRONMENT, COOLING)

_BY_HOUR = ("region", "year", "season", "hour")

FOOTPRINT: dict[str, WorldArray] = {
    "emission_average": WorldArray(_BY_HOUR, "kg/MWh", "average CO2 of grid power by hour of the day, UTC", 0, 5e4),
    "emission_marginal": WorldArray(_BY_HOUR, "kg/MWh", "CO2 that a MWh more brings about in the long run", 0, 5e4),
    "emission_residual": WorldArray(_BY_HOUR, "kg/MWh", "average CO2 without certificates sold, by hour", 0, 5e4),
    "residual_mix": WorldArray(("region", "year"), "kg/MWh", "average CO2 without certificates sold, mean of the year",
                               0, MOST_KG_PER_MWH),
    "grid_carbon_free": WorldArray(_BY_HOUR, "1", "carbon-free share of grid power by hour of the day, UTC", 0, 1),
    "water_intensity": WorldArray(("region", "season"), "L/kWh", "water consumed per IT energy", 0, 10),
    "water_stress": WorldArray(("region",), "1", "water stress: 1 low to 5 extremely high", 1, 5),
}  # fmt: skip
"""The arrays of every world that its ledgers of carbon and water are kept with."""
