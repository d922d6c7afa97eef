"""List every array of the world: dimensions, unit, bounds and meaning.

This is the boundary of the model. A number that is not finite, or outside the bounds given here, does not get in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorldArray:
    """One array of the world. Text arrays have neither unit nor bounds."""

    dims: tuple[str, ...]
    unit: str
    meaning: str
    lower: float | None = None
    upper: float | None = None


def text(dim: str, meaning: str) -> WorldArray:
    """Declare an array of names."""
    return WorldArray((dim,), "", meaning)


WORLD: dict[str, WorldArray] = {
    "zone_name": text("zone", "name of the zone"),
    "zone_market": text("zone", "power market or utility area"),
    "zone_state": text("zone", "state"),
    "zone_interconnect": text("zone", "synchronous interconnection"),
    "zone_lat": WorldArray(("zone",), "degrees_north", "latitude of the population center", 17, 72),
    "zone_lon": WorldArray(("zone",), "degrees_east", "longitude of the population center", -180, -60),
    "surplus": WorldArray(
        ("zone", "quarter", "stress"),
        "MW",
        "generation that the zone can spare for new load at the stress hour",
        0,
        1e6,
    ),
    "redispatch": WorldArray(
        ("zone", "stress"), "MW", "output that the zone lowers where that lets others serve new load", 0, 1e6
    ),
    "link_from": text("link", "zone where the link starts"),
    "link_to": text("link", "zone where the link ends"),
    "link_kind": text("link", "AC line or back-to-back converter (B2B)"),
    "link_base_flow": WorldArray(("link", "stress"), "MW", "flow before there is any new load", -1e6, 1e6),
    "link_forward": WorldArray(("link", "stress"), "MW", "limit available to new flow, forward", 0, 1e6),
    "link_reverse": WorldArray(("link", "stress"), "MW", "limit available to new flow, reverse", 0, 1e6),
    "link_susceptance": WorldArray(("link",), "MW/rad", "flow per angle difference of an AC link", 0, 1e7),
    "region_name": text("region", "name of the candidate region"),
    "region_market": text("region", "power market or utility area"),
    "headroom": WorldArray(("region", "quarter"), "MW", "facility load that the grid connects by the quarter", 0, 1e6),
    "pue": WorldArray(("region", "season"), "1", "mean power usage effectiveness in the calendar quarter", 1, 3),
    "pue_stress": WorldArray(("region", "stress"), "1", "power usage effectiveness at the stress hour", 1, 3),
    "pue_peak": WorldArray(("region",), "1", "power usage effectiveness on the design day", 1, 3),
    "site_lead_quarters": WorldArray(("region",), "quarters", "construction time to the first hall", 0, 80),
    "construction_multiplier": WorldArray(("region",), "1", "regional multiplier of construction cost", 0.2, 5),
    "loss": WorldArray(("region",), "1", "delivery losses as a share of metered energy", 0, 0.5),
    "delivery_demand_charge": WorldArray(("region",), "USD/MW/month", "demand charge on the design-day load", 0, 2e5),
    "delivery_rider": WorldArray(("region",), "USD/MWh", "delivery charges per MWh", 0, 500),
    "capacity_charge": WorldArray(
        ("region", "year", "season"), "USD/MW", "capacity obligation for the calendar quarter", 0, 1e6
    ),
    "hardware_price": WorldArray((), "USD/MW", "price of the computers that fill one MW of IT", 0, 1e9),
    "price": WorldArray(("region", "year", "slice"), "USD/MWh", "wholesale price where campuses stand", -2e3, 2e4),
    "region_hub": text("region", "hub at which power for the region trades ahead"),
    "basis": WorldArray(("region", "slice"), "USD/MWh", "what that price is above the hub's", -2e3, 2e4),
    "slice_weight": WorldArray(("slice",), "h", "hours of the year that the slice stands for", 0, 8760),
    "slice_season": WorldArray(("slice",), "1", "calendar quarter of the slice", 1, 4),
    "slice_day": WorldArray(("slice",), "1", "number of the representative day", 0, 365),
    "slice_hour": WorldArray(("slice",), "h", "hour of the day, UTC", 0, 23),
    "slice_source_day": WorldArray(
        ("slice",), "1", "day of the year that the representative day was taken from", 0, 364
    ),
    "target": WorldArray(("quarter",), "MW", "cumulative tranche target", 0, 1e6),
}
