"""Deliver the new load over the zonal network at stress hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.ports import Capacity, StressLoad
from grid_opt.formulation.upgrades import Upgrades
from grid_opt.network.topology import incident_links, reference_zones


class WholeLoad:
    """Let the network carry all that the computers of a campus draw at the stress hour."""

    def __init__(self, build: Builder, world: xr.Dataset, capacity: Capacity) -> None:
        self.capacity = capacity
        self.pue = build.parameter(
            "network.pue_stress", world["pue_stress"], ("region", "stress"), symbol=r"\eta", unit="1",
            meaning="facility power per IT power at the stress hour",
        )  # fmt: skip

    def stress_mw(self, region: Index, quarter: Index, stress: Index) -> Expression:
        """Return the facility load at the stress hour [MW]."""
        return self.pue[region, stress] * self.capacity.it_mw(region, quarter)


class Network:
    r"""Carry what a zone cannot spare itself over links within their limits, at a summer and a winter stress hour.

    Linearized (DC) power flow on AC links, :math:`f = B\,(\theta_i - \theta_j)`, and controllable transport on
    back-to-back converters. Flows are those that the new load causes, which superposition allows: base flows
    (``links.csv``) leave the rest of every limit free, against their direction more than the limit, and a share of it
    (``grid.link_available_share``) is for this load. Where a link is full, operators lower some output behind it
    (redispatch, up to ``grid.redispatch_share``) and surplus elsewhere makes up for it. Upgrades, where the case admits
    them, widen the limits of their links.

    Source: Stott, Jardim, Alsac, "DC Power Flow Revisited", IEEE Trans. Power Systems 24(3), 2009.
    """

    def __init__(self, build: Builder, world: xr.Dataset, load: StressLoad, upgrades: Upgrades | None = None) -> None:
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
        bounded = build.mapping(  # a link with upgrades has rows for its limits
            {e: upgrades is None or not upgrades.on_link[e] for e in world["link"].values.tolist()}, symbol=r"\omega"
        )
        self.supply = build.variable(
            "network.zone_supply", at_zone, symbol="g", unit="MW", domain="real",
            meaning="generation that the zone spares for new load; below zero, output that is lowered",
            bounds=lambda z, q, k: (-lowered[z, k], surplus[z, q, k]),
        )  # fmt: skip
        self.flow = build.variable(
            "network.link_flow", on_link, symbol="f", unit="MW", domain="real",
            meaning="flow caused by the new load, from the first zone of the link to the second",
            bounds=lambda e, q, k: (-reverse[e, k], forward[e, k]) if bounded[e] else (None, None),
        )  # fmt: skip
        self.angle = build.variable(
            "network.angle", at_zone, symbol=r"\theta", unit="rad", domain="real", meaning="voltage angle"
        )
        self._balance(build, world, load)
        self._physics(build, world)
        if upgrades is not None:
            self._upgraded(build, upgrades, forward, reverse)

    def _upgraded(self, build: Builder, upgrades: Upgrades, forward: Any, reverse: Any) -> None:
        over, on_link = ("link", "quarter", "stress"), upgrades.on_link
        build.constraint(
            "network.upgraded_forward", over,
            lambda e, q, k: self.flow[e, q, k] <= forward[e, k] + upgrades.forward_mw(e, q),
            unit="MW", meaning="A link with upgrades carries forward what it and they allow.",
            where=lambda e, q, k: bool(on_link[e]),
        )  # fmt: skip
        build.constraint(
            "network.upgraded_reverse", over,
            lambda e, q, k: -self.flow[e, q, k] <= reverse[e, k] + upgrades.reverse_mw(e, q),
            unit="MW", meaning="And in reverse.", where=lambda e, q, k: bool(on_link[e]),
        )  # fmt: skip

    def _balance(self, build: Builder, world: xr.Dataset, load: StressLoad) -> None:
        out_of, into = incident_links(world)
        zone_links_out = build.mapping(out_of, symbol=r"\mathcal{L}^{-}")
        zone_links_in = build.mapping(into, symbol=r"\mathcal{L}^{+}")
        regions_at = build.mapping(_regions_at(world), symbol=r"\mathcal{R}")

        committed = build.parameter(
            "network.committed", committed_load(world), ("zone", "quarter"), symbol="d^{0}", unit="MW",
            meaning="load of committed blocks",
        )  # fmt: skip

        def balance(z: Index, q: Index, k: Index) -> object:
            drawn = build.total(regions_at[z], lambda r: load.stress_mw(r, q, k)) + committed[z, q]
            sent = build.total(zone_links_out[z], lambda e: self.flow[e, q, k])
            received = build.total(zone_links_in[z], lambda e: self.flow[e, q, k])
            return self.supply[z, q, k] - drawn == sent - received

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


def committed_load(world: xr.Dataset) -> xr.DataArray:
    """Return the load of committed blocks that the network carries (zone, quarter) [MW]; none without a menu."""
    if "committed_load" in world:
        return world["committed_load"]
    return xr.zeros_like(world["surplus"].isel(stress=0, drop=True))
