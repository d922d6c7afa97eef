"""Compose the model: this file is its table of contents.

Minimize the sum of all declared cost terms [million USD, present value] over

* :class:`~grid_opt.formulation.campus.Campus`: which campuses open when, with how many halls;
* :class:`~grid_opt.formulation.connection.Connection`: what the grid connects by then;
* :class:`~grid_opt.formulation.network.Network`: what the network delivers at stress hours;
* :class:`~grid_opt.formulation.operation.Operation`: hourly power of every region and year;
* :class:`~grid_opt.formulation.capital.Capital` and :class:`~grid_opt.formulation.bills.Bills`: the money.

Blocks meet only here: the campus is handed to the others as their source of capacity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import xarray as xr
from pyomo.common.gc_manager import PauseGC

from grid_opt.config import Case
from grid_opt.formulation.bills import Bills
from grid_opt.formulation.block import Builder, Declaration
from grid_opt.formulation.campus import Campus, regions_by_market
from grid_opt.formulation.capital import Capital
from grid_opt.formulation.connection import Connection
from grid_opt.formulation.network import Network
from grid_opt.formulation.operation import FixedCapacity, Operation
from grid_opt.formulation.pyomo_builder import PyomoBuilder
from grid_opt.formulation.tex_builder import TexBuilder


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
    Connection(build, world, campus)
    if case.grid.network:
        Network(build, world, campus)
    operation = Operation(build, case, world, campus)
    Capital(build, case, world, campus)
    Bills(build, case, world, operation)


def compose_operation(build: Builder, case: Case, world: xr.Dataset, it_mw: xr.DataArray) -> None:
    """Declare only the operation of the regions and years in ``world``, with capacity [MW] given as numbers.

    ``it_mw`` has dimensions (region, quarter). Restrict ``world`` with ``.sel(region=[...], year=[...])`` to
    solve a part: parts share nothing but this capacity, so their costs add up to the cost of the whole.
    """
    operation = Operation(build, case, world, FixedCapacity(it_mw))
    Bills(build, case, world, operation)


def labels(world: xr.Dataset) -> dict[str, list[Any]]:
    """Return the labels of every dimension that the model is indexed by."""
    dims = ("zone", "region", "link", "quarter", "year", "slice", "stress", "season")
    found = {d: world[d].values.tolist() for d in dims if d in world.dims}
    return found | {"market": list(regions_by_market(world))}


def build_model(case: Case, world: xr.Dataset) -> Model:
    """Build the MILP of a case over its world."""
    with PauseGC():  # hundreds of thousands of small objects, none of them garbage yet
        builder = PyomoBuilder(labels(world))
        compose(builder, case, world)
        return Model(builder.finish(), builder)


def build_operation(case: Case, world: xr.Dataset, it_mw: xr.DataArray) -> Model:
    """Build the LP of the operation alone; see :func:`compose_operation`."""
    builder = PyomoBuilder(labels(world))
    compose_operation(builder, case, world, it_mw)
    return Model(builder.finish(), builder)


def print_formulas(case: Case, world: xr.Dataset) -> dict[str, Declaration]:
    """Run the rules of every block on symbols; the declarations returned carry LaTeX in ``formula``."""
    builder = TexBuilder()
    compose(builder, case, world)
    return builder.declarations
