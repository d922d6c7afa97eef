"""Check deliverability on the zonal network, and solve the DC power flow once more from the injections."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, none_of, stack
from grid_opt.verify.connection import has_upgrades, link_gain
from grid_opt.verify.evidence import Evidence


def has_network(e: Evidence) -> bool:
    """Whether the case asks for the network."""
    return e.case.grid.network


@check("network.zone_supply", "A zone gives no more than it can spare and lowers no more than it may.", "MW",
       when=has_network)  # fmt: skip
def zone_supply(e: Evidence) -> Excess:
    """Ask for a value between what may be lowered, below zero, and the zone's surplus."""
    supply = e["zone_supply"]
    return stack(at_most(-supply, e["redispatch"], supply), at_most(supply, e["surplus"]))


@check("network.link_flow", "Every link stays within its limits in both directions.", "MW", when=has_network)
def link_flow(e: Evidence) -> Excess:
    """Ask for a flow between the reverse and the forward limit, with what upgrades add to them."""
    flow = e["link_flow"]
    reverse, forward = e["link_reverse"] + link_gain(e, "reverse"), e["link_forward"] + link_gain(e, "forward")
    return stack(at_most(-flow, reverse, flow), at_most(flow, forward, flow))


@check("network.upgraded_forward", "A link with upgrades carries forward what it and they allow.", "MW",
       when=lambda e: has_network(e) and has_upgrades(e))  # fmt: skip
def upgraded_forward(e: Evidence) -> Excess:
    """Compare the forward flow of the links that upgrades are for with their limit and the upgrades built."""
    return at_most(e["link_flow"], e["link_forward"] + link_gain(e, "forward"), e["link_flow"])


@check("network.upgraded_reverse", "A link with upgrades carries in reverse what it and they allow.", "MW",
       when=lambda e: has_network(e) and has_upgrades(e))  # fmt: skip
def upgraded_reverse(e: Evidence) -> Excess:
    """Compare the reverse flow with the reverse limit and the upgrades built."""
    return at_most(-e["link_flow"], e["link_reverse"] + link_gain(e, "reverse"), e["link_flow"])


@check("network.angle", "Every zone has an angle.", "1", when=has_network)
def angle(e: Evidence) -> Excess:
    """Ask for finite numbers; an angle has no bounds."""
    value = e["angle"]
    return none_of(value.copy(data=~np.isfinite(value.values)))


@check("network.angle_reference", "One zone of every synchronous area has angle zero.", "rad", when=has_network)
def angle_reference(e: Evidence) -> Excess:
    """Look at the alphabetically first zone of every area."""
    references = [min(area) for area in synchronous_areas(e)]
    return equal(e["angle"].sel(zone=references), 0.0)


@check("network.zone_balance", "What a zone spares, less the new load there, leaves over its links.", "MW",
       when=has_network)  # fmt: skip
def zone_balance(e: Evidence) -> Excess:
    """Book every flow out of the zone where it starts and into the zone where it ends."""
    net_out = _net_out(e, np.ones(e.plan.sizes["link"], dtype=bool))
    return equal(e["zone_supply"], new_load_mw(e) + net_out, net_out)


@check("network.dc_flow", "Flow on an AC link follows the difference of voltage angles.", "MW", when=has_network)
def dc_flow(e: Evidence) -> Excess:
    """Compare every AC flow with susceptance times angle difference."""
    ac = e["link_kind"].values == "AC"
    start, end = _ends(e)
    angles = e["angle"].values
    susceptance = e["link_susceptance"].values[:, None, None]
    follows = e["link_flow"].copy(data=susceptance * (angles[start] - angles[end]))
    keep = {"link": ac}
    larger = e["link_flow"].copy(data=susceptance * np.maximum(abs(angles[start]), abs(angles[end])))
    return equal(e["link_flow"].isel(keep), follows.isel(keep), larger.isel(keep))


@check("network.nodal_solve", "AC flows are those that the injections cause.", "MW", when=has_network)
def nodal_solve(e: Evidence) -> Excess:
    """Solve the DC power flow from supply, load and back-to-back flows, and compare the flows."""
    ac = e["link_kind"].values == "AC"
    injected = (e["zone_supply"] - new_load_mw(e) - _net_out(e, ~ac)).values
    zones = [str(z) for z in e.labels("zone")]
    start, end = _ends(e)
    susceptance = np.where(ac, e["link_susceptance"].values, 0.0)
    matrix = np.zeros((len(zones), len(zones)))
    np.add.at(matrix, (start, start), susceptance)
    np.add.at(matrix, (end, end), susceptance)
    np.add.at(matrix, (start, end), -susceptance)
    np.add.at(matrix, (end, start), -susceptance)
    angles = np.zeros((len(zones), injected[0].size))
    flat = injected.reshape(len(zones), -1)
    for area in synchronous_areas(e):
        free = [zones.index(z) for z in area if z != min(area)]
        if free:
            angles[free] = np.linalg.solve(matrix[np.ix_(free, free)], flat[free])
    flows = (susceptance[:, None] * (angles[start] - angles[end])).reshape(e["link_flow"].shape)
    stored = e["link_flow"].isel(link=ac)
    # Rounding in one injection spreads over the area, so the area's load sets the size of the row.
    size = xr.full_like(stored, float(abs(injected).max(initial=0.0)))
    return equal(stored, stored.copy(data=flows[ac]), size)


def new_load_mw(e: Evidence) -> xr.DataArray:
    """Return the load that the network carries to every zone at the stress hours [MW], (zone, quarter, stress).

    Relief and supply beside the meter keep some of the facility load off it; committed blocks may add to it.
    """
    load = (e["pue_stress"] * e.it_mw).transpose("region", "quarter", "stress")
    if e.case.connection.menu:
        load = load - e["called"]
    zones = [str(z) for z in e.labels("zone")]
    values = np.zeros((len(zones), *load.shape[1:]))
    for row, region in enumerate(e.labels("region")):
        values[zones.index(str(region))] += load.values[row]
    if e.case.connection.menu:
        values += e["committed_load"].values[:, :, None]
    return e["zone_supply"].copy(data=values)


def synchronous_areas(e: Evidence) -> list[set[str]]:
    """Return the zones that AC links join, by joining two areas for every link between them."""
    area_of = {str(z): {str(z)} for z in e.labels("zone")}
    kinds = e["link_kind"].values.tolist()
    for start, end, kind in zip(e["link_from"].values.tolist(), e["link_to"].values.tolist(), kinds, strict=True):
        if kind == "AC" and area_of[start] is not area_of[end]:
            joined = area_of[start] | area_of[end]
            for zone in joined:
                area_of[zone] = joined
    return list({id(area): area for area in area_of.values()}.values())


def _ends(e: Evidence) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the positions of the zones where links start and end."""
    position = {str(z): i for i, z in enumerate(e.labels("zone"))}
    start = np.array([position[z] for z in e["link_from"].values.tolist()], dtype=np.int64)
    end = np.array([position[z] for z in e["link_to"].values.tolist()], dtype=np.int64)
    return start, end


def _net_out(e: Evidence, chosen: npt.NDArray[np.bool_]) -> xr.DataArray:
    """Return what leaves every zone over the chosen links [MW], (zone, quarter, stress)."""
    start, end = _ends(e)
    flow = e["link_flow"].values
    net = np.zeros(e["zone_supply"].shape)
    np.add.at(net, start[chosen], flow[chosen])
    np.subtract.at(net, end[chosen], flow[chosen])
    return e["zone_supply"].copy(data=net)
