"""Deliver the new load over the zonal network at stress hours."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from grid_opt.formulation.block import Builder, Index
from grid_opt.formulation.ports import Capacity
from grid_opt.network.topology import incident_links, reference_zones


class Network:
    r"""Carry what a zone cannot spare itself over links within their limits, at a summer and a winter stress hour.

    Linearized (DC) power flow on AC links, :math:`f = B\,(\theta_i - \theta_j)`, and controllable transport on
    back-to-back converters. Flows are those that the new load causes, which superposition allows: base flows
    (``links.csv``) leave the rest of every limit free, against their direction more than the limit, and a share of it
    (``grid.link_available_share``) is for this load. Where a link is full, operators lower some output behind it
    (redispatch, up to ``grid.redispatch_share``) and surplus elsewhere makes up for it.

    Source: Stott, Jardim, Alsac, "DC Power Flow Revisited", IEEE Trans. Power Systems 24(3), 2009.
    """

    def __init__(self, build: Builder, world: xr.Dataset, capacity: Capacity) -> None:
        at_zone, on_link, limit = ("zone", "quarter", "stress"), ("link", "quarter", "stress"), ("link", "stress")
        surplus = build.parameter(
            "network.surplus", world["surplus"], at_zone, symbol="S", unit="MW",
            meaning="generation that the zone can spare for new load",
        )  # fmt: skip
        lowered = build.parameter(
            "network.redispatch", world["redispatch"], ("zone", "stress"), symbol=r"\underline{S}", unit="MW",
            meaning="output that operators lower where that relieves a link",
        )  # fmt: skip
        forward = build.parameter(
            "network.forward_limit", world["link_forward"], limit, symbol=r"\overline{F}", unit="MW",
            meaning="limit available to new flow, forward",
        )  # fmt: skip
        reverse = build.parameter(
            "network.reverse_limit", world["link_reverse"], limit, symbol=r"\underline{F}", unit="MW",
            meaning="limit available to new flow, reverse",
        )  # fmt: skip
        self.supply = build.variable(
            "network.zone_supply", at_zone, symbol="g", unit="MW", domain="real",
            meaning="generation that the zone spares for new load; below zero, output that is lowered",
            bounds=lambda z, q, k: (-lowered[z, k], surplus[z, q, k]),
        )  # fmt: skip
        self.flow = build.variable(
            "network.link_flow", on_link, symbol="f", unit="MW", domain="real",
            meaning="flow caused by the new load, from the first zone of the link to the second",
            bounds=lambda e, q, k: (-reverse[e, k], forward[e, k]),
        )  # fmt: skip
        self.angle = build.variable(
            "network.angle", at_zone, symbol=r"\theta", unit="rad", domain="real", meaning="voltage angle"
        )
        self._balance(build, world, capacity)
        self._physics(build, world)

    def _balance(self, build: Builder, world: xr.Dataset, capacity: Capacity) -> None:
        pue = build.parameter(
            "network.pue_stress", world["pue_stress"], ("region", "stress"), symbol=r"\eta", unit="1",
            meaning="facility power per IT power at the stress hour",
        )  # fmt: skip
        out_of, into = incident_links(world)
        zone_links_out = build.mapping(out_of, symbol=r"\mathcal{L}^{-}")
        zone_links_in = build.mapping(into, symbol=r"\mathcal{L}^{+}")
        regions_at = build.mapping(_regions_at(world), symbol=r"\mathcal{R}")

        def balance(z: Index, q: Index, k: Index) -> object:
            load = build.total(regions_at[z], lambda r: pue[r, k] * capacity.it_mw(r, q))
            sent = build.total(zone_links_out[z], lambda e: self.flow[e, q, k])
            received = build.total(zone_links_in[z], lambda e: self.flow[e, q, k])
            return self.supply[z, q, k] - load == sent - received

        build.constraint(
            "network.zone_balance", ("zone", "quarter", "stress"), balance, unit="MW",
            meaning="What a zone spares, less the new load there, leaves it over its links.",
        )  # fmt: skip

    def _physics(self, build: Builder, world: xr.Dataset) -> None:
        susceptance = build.parameter(
            "network.susceptance", world["link_susceptance"], ("link",), symbol="B", unit="MW/rad",
            meaning="flow per angle difference of an AC link",
        )  # fmt: skip
        links = world["link"].values.tolist()
        start = build.mapping(dict(zip(links, world["link_from"].values.tolist(), strict=True)), symbol="i")
        end = build.mapping(dict(zip(links, world["link_to"].values.tolist(), strict=True)), symbol="j")
        kind: Mapping[str, str] = dict(zip(links, world["link_kind"].values.tolist(), strict=True))
        references = reference_zones(world)
        build.constraint(
            "network.dc_flow", ("link", "quarter", "stress"),
            lambda e, q, k: self.flow[e, q, k]
            == susceptance[e] * (self.angle[start[e], q, k] - self.angle[end[e], q, k]),
            unit="MW", meaning="Flow on an AC link follows the difference of voltage angles.",
            where=lambda e, q, k: kind[e] == "AC",
        )  # fmt: skip
        build.constraint(
            "network.angle_reference", ("zone", "quarter", "stress"), lambda z, q, k: self.angle[z, q, k] == 0,
            unit="rad", meaning="One zone of every synchronous area has angle zero.",
            where=lambda z, q, k: z in references,
        )  # fmt: skip


def _regions_at(world: xr.Dataset) -> dict[str, list[str]]:
    """Return the candidate regions at every zone: itself or none."""
    candidates = set(world["region"].values.tolist())
    return {z: [z] if z in candidates else [] for z in world["zone"].values.tolist()}
