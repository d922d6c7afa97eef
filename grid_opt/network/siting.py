"""Read the network of a siting case off the arrays of its world, and turn dispatch and load into flows.

A world (or plan) holds the network as plain arrays over buses, branches and steps of generation; here they become a DC
model again.
A *snapshot* is one hour of one operating year: number ``slices * year + slice``, both counted from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from grid_opt.network.elements import Branches, Buses, Costs, Generators, Numbers, Places, Topology, no_dc_lines
from grid_opt.network.factors import Factors

_ALL = slice(None)
NO_LIMIT_MW = 1e6
"""Stands for no limit of a branch where numbers must be finite."""


def factors_of(world: xr.Dataset) -> Factors:
    """Return the factorised DC model of the network of a world."""
    return Factors(topology_of(world), "matpower")


def topology_of(world: xr.Dataset) -> Topology:
    """Return the network of a world as a topology whose branches have its susceptances, shifts and limits."""
    place = Positions(world, "bus")
    buses, branches = world.sizes["bus"], world.sizes["branch"]
    none, missing = np.zeros(0), np.full(branches, np.nan)
    islands = world["bus_island"].values.astype(str)
    names = world["bus"].values.astype(str)
    return Topology(
        source="world",
        base_mva=1.0,
        buses=Buses(
            name=names, load_mw=np.zeros(buses), shunt_mw=np.zeros(buses), reference=names == islands,
            angle=np.zeros(buses), online=np.ones(buses, dtype=bool), longitude=world["bus_lon"].values,
            latitude=world["bus_lat"].values,
        ),
        branches=Branches(
            name=world["branch"].values.astype(str), start=place(world["branch_from"]), end=place(world["branch_to"]),
            r=np.zeros(branches), x=1.0 / world["branch_susceptance"].values.astype(float), tap=np.ones(branches),
            shift=world["branch_shift"].values.astype(float),
            forward_mw=world["branch_high"].values.astype(float), reverse_mw=-world["branch_low"].values.astype(float),
            angle_min=missing, angle_max=missing, online=np.ones(branches, dtype=bool),
        ),
        generators=Generators(
            name=np.zeros(0, dtype=np.str_), bus=np.zeros(0, dtype=np.int64), p_min_mw=none, p_max_mw=none,
            online=np.zeros(0, dtype=bool),
        ),
        generator_costs=Costs.none(0),
        dc_lines=no_dc_lines(),
        dc_costs=Costs.none(0),
    )  # fmt: skip


class Positions:
    """Turn labels of a dimension into positions."""

    def __init__(self, world: xr.Dataset, dim: str) -> None:
        self._place = {str(label): k for k, label in enumerate(world[dim].values.tolist())}

    def __call__(self, labels: xr.DataArray) -> Places:
        """Return the position of every label."""
        return np.array([self._place[str(label)] for label in labels.values.tolist()], dtype=np.int64)


def load_mw(world: xr.Dataset) -> xr.DataArray:
    """Return the load of existing consumers [MW], (area, year, slice)."""
    return (area_peak(world) * world["area_factor"]).transpose("area", "year", "slice")


def area_peak(world: xr.Dataset) -> xr.DataArray:
    """Return the load of every area at a factor of 1 [MW]."""
    at = Positions(world, "area")(world["bus_area"])
    peak = np.bincount(at, weights=world["bus_load"].values, minlength=world.sizes["area"])
    return xr.DataArray(peak, coords={"area": world["area"]}, dims=("area",))


def area_shares(world: xr.Dataset) -> Numbers:
    """Return the share of every bus in the load of its area (bus, area) [1]."""
    at = Positions(world, "area")(world["bus_area"])
    peak = area_peak(world).values
    share = np.zeros((world.sizes["bus"], world.sizes["area"]))
    weight = world["bus_load"].values.astype(float)
    share[np.arange(len(at)), at] = np.divide(weight, peak[at], out=np.zeros_like(weight), where=peak[at] > 0)
    return share


def area_islands(world: xr.Dataset) -> dict[str, str]:
    """Return the island of every area."""
    pairs = zip(world["bus_area"].values.tolist(), world["bus_island"].values.tolist(), strict=True)
    return {str(area): str(island) for area, island in pairs}


@dataclass(frozen=True)
class Response:
    """How the flow on every branch of a world rises per MW of each of its steps of generation, areas and candidates.

    ``offers`` (branch, step), ``areas`` (branch, area) per MW served less, ``regions`` (branch, region) per MW put in,
    ``alone`` (branch, snapshot) [MW]: the flows of existing load, shunts and phase shifters without any generation,
    balanced at the references of the islands.
    """

    factors: Factors
    offers: Numbers
    areas: Numbers
    regions: Numbers
    alone: Numbers

    @classmethod
    def of(cls, world: xr.Dataset) -> Response:
        """Factorise the network of a world and solve for every bus that matters."""
        factors, bus, shares = factors_of(world), Positions(world, "bus"), area_shares(world)
        offered, where = np.unique(bus(world["step_bus"]), return_inverse=True)
        areas = factors.respond(shares)
        load = load_mw(world).values.reshape(world.sizes["area"], -1)
        fixed = factors.flows(-world["bus_shunt"].values.astype(float))
        return cls(
            factors, factors.ptdf_columns(offered)[:, where], areas,
            factors.ptdf_columns(bus(world["region"])), fixed[:, None] - areas @ load,
        )  # fmt: skip

    def flows(
        self, dispatch: Numbers, shed: Numbers, bought: Numbers | None = None, at: Places | slice = _ALL
    ) -> Numbers:
        """Return the flows [MW] (branch, snapshot) of a dispatch (step, snapshot) and so on, in some snapshots."""
        found = self.offers @ dispatch + self.areas @ shed + self.alone[:, at]
        return np.asarray(found if bought is None else found - self.regions @ bought)
