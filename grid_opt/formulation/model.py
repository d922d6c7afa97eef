"""Compose the model: this file is its table of contents.

Minimize the goal of the case over

* :class:`~grid_opt.formulation.campus.Campus`: which campuses open when, with how many halls;
* :class:`~grid_opt.formulation.fleet.Fleet`: which systems stand in the halls, and
  :class:`~grid_opt.formulation.service.Service`: which requests they serve, those of
  :class:`~grid_opt.formulation.resilience.Resilience` even when a region is lost; or
  :class:`~grid_opt.formulation.one_kind.OneKind`, which fills the halls with one kind at a steady utilization;
* :class:`~grid_opt.formulation.connection.Connection`: which offers of grid service campuses contract, with
  :class:`~grid_opt.formulation.relief.Relief` behind those that may be called and
  :class:`~grid_opt.formulation.upgrades.Upgrades` of the network; or
  :class:`~grid_opt.formulation.connection.Headroom` alone;
* :class:`~grid_opt.formulation.network.Network`: what the network delivers at stress hours;
* :class:`~grid_opt.formulation.onsite.OnSite`: what plant and batteries stand on site,
  :class:`~grid_opt.formulation.store_energy.StoreEnergy`: how much energy those have, and
  :class:`~grid_opt.formulation.supply.Supply`: what they make and shift, what is contracted
  (:class:`~grid_opt.formulation.contracts.Contracts`) and bought ahead
  (:class:`~grid_opt.formulation.forwards.Forwards`);
* :class:`~grid_opt.formulation.operation.Operation`: hourly power of every region and year;
* :class:`~grid_opt.formulation.nodal.Dispatch`: generation and line limits of the network whose buses the regions are;
* :class:`~grid_opt.formulation.certificates.Certificates`, :class:`~grid_opt.formulation.matching.Matching`,
  :class:`~grid_opt.formulation.carbon.Carbon` and :class:`~grid_opt.formulation.water.Water`: carbon-free shares,
  emissions and water, where the case limits or prices them;
* :class:`~grid_opt.formulation.tariff.Tariffs`: what the tariffs of the regions bill;
* :class:`~grid_opt.formulation.tradeoff.Tradeoff`: criteria beside money, limited or weighed;
* :class:`~grid_opt.formulation.capital.Capital`, :class:`~grid_opt.formulation.bills.Bills` and
  :class:`~grid_opt.formulation.goal.Goal`: the other money, and what is minimized.

Blocks meet only here: the campus is handed to the others as their source of capacity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import xarray as xr
from pyomo.common.gc_manager import PauseGC

from grid_opt.config import Case
from grid_opt.formulation.array_builder import ArrayBuilder
from grid_opt.formulation.bills import Bills
from grid_opt.formulation.block import DIMENSIONS, Builder, Declaration
from grid_opt.formulation.campus import Campus, regions_by_market
from grid_opt.formulation.capital import Capital
from grid_opt.formulation.carbon import Carbon
from grid_opt.formulation.certificates import Certificates
from grid_opt.formulation.connection import Connection, Headroom
from grid_opt.formulation.fleet import Fleet
from grid_opt.formulation.goal import Goal
from grid_opt.formulation.matching import Matching
from grid_opt.formulation.network import Network, WholeLoad
from grid_opt.formulation.nodal import Dispatch, Generation, compose_base
from grid_opt.formulation.one_kind import OneKind, SteadyUse
from grid_opt.formulation.onsite import OnSite
from grid_opt.formulation.operation import FixedCapacity, Operation
from grid_opt.formulation.ports import Computers, Connected, Users
from grid_opt.formulation.pyomo_builder import PyomoBuilder
from grid_opt.formulation.relief import Relief
from grid_opt.formulation.resilience import Resilience
from grid_opt.formulation.service import Service
from grid_opt.formulation.store_energy import StoreEnergy
from grid_opt.formulation.supply import Supply
from grid_opt.formulation.tariff import Tariffs
from grid_opt.formulation.tex_builder import TexBuilder
from grid_opt.formulation.tradeoff import Tradeoff
from grid_opt.formulation.upgrades import Upgrades
from grid_opt.formulation.water import Water


@dataclass(frozen=True)
class Model:
    """A built model: the Pyomo model of record and everything its blocks declared about it."""

    pyomo: Any
    builder: PyomoBuilder

    @property
    def declarations(self) -> dict[str, Declaration]:
        """Every parameter, variable, constraint and cost term by its ``block.name``."""
        return self.builder.declarations

    def component(self, name: str) -> Any:
        """Return the Pyomo component behind a declaration."""
        return self.builder.component(name)


def compose(build: Builder, case: Case, world: xr.Dataset) -> None:
    """Declare the whole model to a builder."""
    campus = Campus(build, case, world)
    onsite = OnSite(build, case, world, campus) if case.supply.onsite else None
    energy = StoreEnergy(build, case, world, onsite) if onsite is not None and case.supply.stores else None
    upgrades = connection = relief = None
    connected: Connected
    if case.connection.menu:
        upgrades = Upgrades(build, case, world) if case.connection.upgrades else None
        connected = connection = Connection(build, case, world, campus, upgrades)
        relief = Relief(build, case, world, campus, connection)
        if not case.tariffs.charge:
            relief.buy_capacity(onsite)
    else:
        connected = Headroom(build, world, campus)
    if case.grid.network:
        load = WholeLoad(build, world, campus) if relief is None else relief.at_stress()
        Network(build, world, load, upgrades)
    service: Service | None = None
    computers: Computers
    users: Users
    if case.has_fleet:
        fleet = computers = Fleet(build, case, world, campus)
        service = users = Service(build, case, world, fleet)
        if case.fleet.region_loss:
            Resilience(build, world, fleet, service)
    else:
        computers, users = OneKind(build, case, world, campus), SteadyUse(build, case, world, campus)
    Capital(build, case, world, campus, computers, connection, onsite, energy)
    supply = Supply(build, case, world, users, connected, onsite, energy) if case.supply.has_sources else None
    operation = Operation(build, case, world, load=users, sources=supply)
    if supply is not None:
        supply.limit_draw(operation, campus)
    Bills(build, case, world, operation, campus, relief, onsite, flat=not case.tariffs.charge)
    tariffs: Tariffs | None = None
    if case.tariffs.charge:
        tariffs = Tariffs(build, case, world, campus, operation, connection, relief, onsite)
    limit_shedding(case, world, users, relief, tariffs)
    if case.is_nodal:
        Generation(build, case, world, Dispatch(build, world, load=operation))
    counted = footprint(build, case, world, operation)
    tradeoff = Tradeoff(build, case, world, campus, counted) if case.tradeoff.criteria else None
    if tradeoff is not None and service is not None:
        tradeoff.serve(service, world)
    Goal(build, case, world, service, tradeoff)


def footprint(build: Builder, case: Case, world: xr.Dataset, operation: Operation) -> dict[str, Any]:
    """Declare what the case asks of carbon and water; a case that asks nothing has no row of them.

    Return the variables, by region and year, of what is counted for a trade-off.
    """
    counted: dict[str, Any] = {}
    if case.carbon.asks:
        certificates = Certificates(build, case, world)
        if case.carbon.shares_annual or case.carbon.shares_hourly:
            Matching(build, case, world, operation, certificates, operation.sources)
        if case.carbon.on_ledger:
            counted["carbon"] = Carbon(build, case, world, operation, certificates, operation.sources).emitted
    if case.water.counts:
        counted["water"] = Water(build, case, world, operation).consumed
    return {name: variable for name, variable in counted.items() if name in case.tradeoff.criteria}


def limit_shedding(case: Case, world: xr.Dataset, users: Users, relief: Relief | None, tariffs: Tariffs | None) -> None:
    """Keep what is shed for calls and at declared peaks together within what the computers can turn down."""
    shed = [one.shed_mw for one in (relief, tariffs) if one is not None]
    may = dict.fromkeys(world["region"].values.tolist(), False)
    for some in (relief.may_shed() if relief else {}, tariffs.may_shed(world) if tariffs else {}):
        may |= {r: True for r, able in some.items() if able}
    if shed and any(may.values()):
        users.bound_shedding(case, world, lambda r, q: sum(one(r, q) for one in shed), lambda r: may[r])


def compose_operation(build: Builder, case: Case, world: xr.Dataset, it_mw: xr.DataArray) -> None:
    """Declare only the operation of the regions and years in ``world``, with capacity [MW] given as numbers.

    ``it_mw`` has dimensions (region, quarter); the computers draw a steady share of it. Restrict ``world`` with
    ``.sel(region=[...], year=[...])`` to solve a part: parts share nothing but this capacity, so their costs add up
    to the cost of the whole. Bills are by flat rates: what a tariff bills in one year may hang on another.
    """
    capacity = FixedCapacity(it_mw)
    operation = Operation(build, case, world, load=SteadyUse(build, case, world, capacity))
    Bills(build, case, world, operation, capacity)
    Goal(build, case, world, None)


def labels(world: xr.Dataset) -> dict[str, list[Any]]:
    """Return the labels of every dimension that the model is indexed by."""
    found = {d: world[d].values.tolist() for d in DIMENSIONS if d in world.dims}
    return found | {"market": list(regions_by_market(world))}


def build_model(case: Case, world: xr.Dataset) -> Model:
    """Build the MILP of a case over its world."""
    with PauseGC():  # hundreds of thousands of small objects, none of them garbage yet
        builder = PyomoBuilder(labels(world))
        compose(builder, case, world)
        return Model(builder.model, builder)


def build_arrays(case: Case, world: xr.Dataset) -> Model:
    """Build the MILP of a case over its world as arrays: the same blocks and rules, without Pyomo's expressions.

    The model returned has Pyomo's variables, but its rows and costs only as numbers: for whoever solves by arrays.
    """
    with PauseGC():
        builder = ArrayBuilder(labels(world))
        compose(builder, case, world)
        return Model(builder.model, builder)


def build_base(case: Case, world: xr.Dataset) -> Model:
    """Build the LP of the dispatch without campuses; see :func:`~grid_opt.formulation.nodal.compose_base`."""
    builder = PyomoBuilder(labels(world))
    compose_base(builder, case, world)
    builder.objective(builder.costs, unit="USD/h", meaning="All costs of the hours, each counted once.")
    return Model(builder.model, builder)


def build_operation(case: Case, world: xr.Dataset, it_mw: xr.DataArray) -> Model:
    """Build the LP of the operation alone; see :func:`compose_operation`."""
    builder = PyomoBuilder(labels(world))
    compose_operation(builder, case, world, it_mw)
    return Model(builder.model, builder)


def print_formulas(case: Case, world: xr.Dataset) -> dict[str, Declaration]:
    """Run the rules of every block on symbols; the declarations returned carry LaTeX in ``formula``."""
    builder = TexBuilder()
    compose(builder, case, world)
    return builder.declarations
