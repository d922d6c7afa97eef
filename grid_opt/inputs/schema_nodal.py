"""List the tables of a case whose candidates are buses, and the arrays of its world beside those of all cases."""

from __future__ import annotations

from grid_opt.inputs.schema import WORLD, WorldArray, text
from grid_opt.inputs.schema_columns import QUARTER_PATTERN, Column, Table

CANDIDATES = Table(
    "candidates",
    ("bus", "from_quarter"),
    (
        Column("bus", "str", "", "bus of the network", identifier=True),
        Column("name", "str", "", "name of the place"),
        Column("like", "str", "", "bundled region whose attributes the bus has", identifier=True),
        Column("from_quarter", "str", "", "quarter from which the headroom is there", pattern=QUARTER_PATTERN),
        Column("headroom_mw", "float", "MW", "facility load that can be connected from then on", 0, 1e5),
    ),
    "one row per bus and quarter from which more is there",
    "Buses at which a campus may stand.",
)

BUSES = Table(
    "buses",
    ("bus",),
    (
        Column("bus", "str", "", "bus of the network", identifier=True),
        Column("latitude_deg", "float", "degrees_north", "latitude of the bus", -90, 90),
        Column("longitude_deg", "float", "degrees_east", "longitude of the bus", -180, 180),
        Column("load_series", "str", "", "series of the hours that its load follows", identifier=True),
    ),
    "one row per bus",
    "Places of buses, and how their loads vary.",
)

GENERATORS = Table(
    "generators",
    ("generator",),
    (
        Column("generator", "str", "", "generator: its row in mpc.gen from 1, or its name", identifier=True),
        Column("series", "str", "", "series of the hours that its availability follows", identifier=True),
    ),
    "one row per generator that is not always available",
    "How the availability of generators varies.",
)

_OF_ZONES = (
    "surplus", "redispatch", "link_from", "link_to", "link_kind", "link_base_flow", "link_forward", "link_reverse",
    "link_susceptance",
)  # fmt: skip
_OF_DAYS = ("price", "region_hub", "basis", "slice_day", "slice_hour", "slice_source_day")

NODAL: dict[str, WorldArray] = {
    "bus_lat": WorldArray(("bus",), "degrees_north", "latitude of the bus", -90, 90),
    "bus_lon": WorldArray(("bus",), "degrees_east", "longitude of the bus", -180, 180),
    "bus_load": WorldArray(("bus",), "MW", "load of the bus at a factor of 1", -1e6, 1e6),
    "bus_shunt": WorldArray(("bus",), "MW", "draw of shunts at 1 p.u.", -1e6, 1e6),
    "bus_area": text("bus", "area of load that the bus is in"),
    "bus_island": text("bus", "island that the bus is in, by its reference bus"),
    "branch_from": text("branch", "bus where the branch starts"),
    "branch_to": text("branch", "bus where the branch ends"),
    "branch_susceptance": WorldArray(("branch",), "MW/rad", "flow per angle difference", -1e9, 1e9),
    "branch_shift": WorldArray(("branch",), "rad", "phase shift", -13, 13),
    "branch_low": WorldArray(("branch",), "MW", "least flow; -1e6 for no limit", -1e6, 1e6),
    "branch_high": WorldArray(("branch",), "MW", "largest flow; 1e6 for no limit", -1e6, 1e6),
    "step_bus": text("step", "bus of the offered step"),
    "step_cost": WorldArray(("step",), "USD/MWh", "cost of the step", -1e5, 1e6),
    "step_available": WorldArray(("step", "slice"), "MW", "power of the step that is available", 0, 1e6),
    "area_factor": WorldArray(("area", "year", "slice"), "1", "load relative to that of the network", 0, 1e4),
}
"""The arrays that only a world of buses has."""


def nodal_arrays() -> dict[str, WorldArray]:
    """Return the declarations of every array that a world of buses holds."""
    return {name: array for name, array in WORLD.items() if name not in (*_OF_ZONES, *_OF_DAYS)} | NODAL
