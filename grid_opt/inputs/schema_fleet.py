"""List the arrays of the world that a case with a fleet has besides those of :mod:`grid_opt.inputs.schema`."""

from __future__ import annotations

from grid_opt.config import Case
from grid_opt.inputs.schema import WORLD, WorldArray, text
from grid_opt.inputs.schema_environment import FOOTPRINT
from grid_opt.inputs.schema_nodal import nodal_arrays
from grid_opt.inputs.schema_offers import MENU, UPGRADE
from grid_opt.inputs.schema_supply import supply_arrays
from grid_opt.inputs.schema_tariffs import tariff_arrays

ONE_KIND = ("hardware_price",)
"""Arrays that only a world without a fleet has."""

FLEET: dict[str, WorldArray] = {
    "accelerator_title": text("accelerator", "name of the system"),
    "accelerator_vendor": text("accelerator", "who makes it"),
    "accelerator_software": text("accelerator", "software stack that it runs"),
    "accelerator_pool": text("accelerator", "accelerator that prefills for it, or nothing"),
    "system_mw": WorldArray(("accelerator",), "MW", "IT power that a hall provides for a system", 1e-6, 100),
    "system_idle_mw": WorldArray(("accelerator",), "MW", "IT power of an idle system", 0, 100),
    "system_full_mw": WorldArray(("accelerator",), "MW", "IT power of a system that prefills all the time", 0, 100),
    "system_life": WorldArray(("accelerator",), "quarters", "quarters that a system serves", 1, 400),
    "system_decline": WorldArray(("accelerator",), "1/year", "yearly fall of the price of a system", 0, 1),
    "system_price": WorldArray(("accelerator", "quarter"), "USD", "price of a system bought in the quarter", 0, 1e10),
    "system_racks": WorldArray(("accelerator",), "1", "racks that a system takes on the floor", 0, 1e4),
    "system_liquid": WorldArray(("accelerator",), "1", "share of a system's heat that leaves by water", 0, 1),
    "deliveries_most": WorldArray(("accelerator", "quarter"), "1", "most systems delivered in the quarter", 0, 1e9),
    "deliveries_least": WorldArray(("accelerator", "quarter"), "1", "systems that must be taken", 0, 1e9),
    "tokens_per_system": WorldArray(
        ("accelerator", "class", "year"), "1/s", "output of a busy system at the speed of the class", 0, 1e12
    ),
    "system_busy_mw": WorldArray(
        ("accelerator", "class", "year"), "MW", "IT power of a system that is busy with the class", 0, 100
    ),
    "pool_systems": WorldArray(
        ("accelerator", "class", "year"), "1", "systems that prefill for one busy system", 0, 1e6
    ),
    "class_title": text("class", "name of the class"),
    "class_floor": WorldArray(("class",), "1/s", "least output speed of a user", 0, 1e6),
    "class_latency": WorldArray(("class",), "ms", "longest round-trip time", 0, 1e6),
    "class_protected": WorldArray(("class",), "1", "1 where the class must survive the loss of a region", 0, 1),
    "class_deferrable": WorldArray(("class",), "1", "share of a block that may be served at another time", 0, 1),
    "class_worth": WorldArray(("class", "year"), "USD/Mtok", "worth of a million output tokens", 0, 1e6),
    "class_penalty": WorldArray(("class",), "USD/Mtok", "paid for a million tokens not served", 0, 1e6),
    "stream_class": text("stream", "class of the requests"),
    "stream_users": text("stream", "parts of the country that they come from"),
    "stream_demand": WorldArray(("stream", "quarter", "block"), "1/s", "output tokens wanted, mean of block", 0, 1e15),
    "stream_peak": WorldArray(("stream", "block"), "1", "busiest hour of the block by its mean", 1, 24),
    "stream_reach": WorldArray(("stream", "region"), "1", "1 where the region is within the latency", 0, 1),
    "rtt": WorldArray(("user", "region"), "ms", "round-trip time between users and region", 0, 1e4),
    "user_share": WorldArray(("user",), "1", "share of all users", 0, 1),
    "block_hours": WorldArray(("season", "block"), "h", "hours of the calendar quarter in the block", 0, 2208),
    "slice_block": WorldArray(("slice",), "1", "number of the block that the slice lies in, from 0", 0, 23),
    "software_ready": WorldArray(
        ("software", "vintage", "quarter"), "1", "share of a class served if ported in the vintage", 0, 1
    ),
    "porting_cost": WorldArray(("software",), "million USD", "engineering to port one class", 0, 1e5),
    "vendor_least": WorldArray(("vendor",), "1", "least share of a vendor at the end", 0, 1),
    "vendor_most": WorldArray(("vendor",), "1", "most share of a vendor at the end", 0, 1),
    "co_siting": WorldArray(
        ("accelerator", "beside"), "1", "systems of the second that each of the first needs in its region", 0, 1e4
    ),
}


def declared_arrays(case: Case) -> dict[str, WorldArray]:
    """Return the declarations of every array that the world of a case holds."""
    if case.is_nodal:
        return nodal_arrays() | FOOTPRINT
    found = WORLD | FOOTPRINT
    if case.has_fleet:
        found = {name: array for name, array in found.items() if name not in ONE_KIND} | FLEET
    if case.connection.menu:
        found |= MENU | (UPGRADE if case.connection.upgrades else {})
    return found | tariff_arrays(case) | supply_arrays(case)
