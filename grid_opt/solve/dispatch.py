"""Run a plan through the hours of one operating year, and say what every hour cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import xarray as xr

from grid_opt.config import Case
from grid_opt.errors import SolverError
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.contracts import settled_against
from grid_opt.formulation.dispatch import build_dispatch
from grid_opt.formulation.model import Model
from grid_opt.inputs.basis import hub_price
from grid_opt.solve.answer import Options
from grid_opt.solve.extract import as_array, store
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import Array, Matrix, to_matrix
from grid_opt.units import USD_PER_MUSD

HOURLY: Final = ("region", "year", "slice")
_HOME: Final = {"plant": "own", "store": "own", "wheeled": "ppa"}
"""Dimensions whose place is that of another, whose ``<dim>_region`` tells it."""
_SAME = 1e-6
"""Relative agreement of two sums of the same money."""


@dataclass(frozen=True)
class Dispatched:
    """How a plan runs through one operating year.

    ``variables`` are those of operation by short name, ``shortfalls`` what was missed at a penalty, ``costs`` every
    cost term [USD, present value], ``hourly`` the part of them that power of the hour costs, (region, year, slice).
    """

    variables: dict[str, xr.DataArray]
    shortfalls: dict[str, xr.DataArray]
    costs: dict[str, xr.DataArray]
    hourly: xr.DataArray
    objective_usd: float
    rows: int
    columns: int
    seconds: float


def dispatch(case: Case, world: xr.Dataset, plan: xr.Dataset, options: Options) -> Dispatched:
    """Run a plan in the years and slices of a world at least cost.

    ``plan`` has the plan's variables by the labels of ``world``. The program is linear, but for tiers of falling rates.

    Raises:
        SolverError: the program was not solved to optimality. It always has a solution, so none is a failure.
    """
    began = time.monotonic()
    model = build_dispatch(case, world, plan)
    matrix = to_matrix(model.pyomo)
    answer = solve(matrix, options)
    if answer.x is None or answer.status != "optimal":
        years = ", ".join(map(str, world["year"].values.tolist()))
        raise SolverError(f"the dispatch of {years} ended '{answer.detail}', though it always has a solution")
    store(matrix, answer.x, model)
    variables, shortfalls = _variables(model, world)
    costs = _costs(model, world)
    rows, columns = matrix.shape
    return Dispatched(
        variables=variables,
        shortfalls=shortfalls,
        costs=costs,
        hourly=_hourly(model, matrix, answer.x, world) + _of_contracts(case, world, plan, costs),
        objective_usd=answer.objective * USD_PER_MUSD,
        rows=rows,
        columns=columns,
        seconds=time.monotonic() - began,
    )


def _variables(model: Model, world: xr.Dataset) -> tuple[dict[str, xr.DataArray], dict[str, xr.DataArray]]:
    """Return the variables of operation, and those of missed rows, by short name."""
    pinned = set(getattr(model.builder, "pinned", ()))
    found: tuple[dict[str, xr.DataArray], dict[str, xr.DataArray]] = ({}, {})
    for name, declared in model.declarations.items():
        if declared.kind == "variable" and name not in pinned:
            values = model.component(name).extract_values()
            part = found[1] if name.startswith("recourse.") else found[0]
            part[declared.short_name] = as_array(values, declared, world)
    return found


def _costs(model: Model, world: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the cost terms of operating years [USD]; the others are the plan's."""
    found = {}
    for name, declared in model.declarations.items():
        if declared.kind == "cost" and "year" in declared.dims:
            values = {k: pyo.value(e) for k, e in model.component(name).items()}
            array = as_array(values, declared, world)
            found[declared.short_name] = (array * USD_PER_MUSD).assign_attrs(array.attrs | {"units": "USD"})
    return found


def _hourly(model: Model, matrix: Matrix, x: Array, world: xr.Dataset) -> xr.DataArray:
    """Add up what the variables of every hour cost, by region [USD]: each at its coefficient in the objective.

    Penalties are no costs, and left out.
    """
    kinds = {
        name.replace(".", "__"): one.dims[0]
        for name, one in model.declarations.items()
        if one.kind == "variable" and one.dims[1:] == HOURLY[1:] and not name.startswith("recourse.")
    }
    places = {dim: _places(world, dim) for dim in set(kinds.values())}
    years = {year: n for n, year in enumerate(world["year"].values.tolist())}
    slices = {one: n for n, one in enumerate(world["slice"].values.tolist())}
    total = np.zeros((world.sizes["region"], len(years), len(slices)))
    paid = matrix.cost * x * USD_PER_MUSD
    for column in np.flatnonzero(paid).tolist():
        variable = matrix.columns[column]
        dim = kinds.get(variable.parent_component().local_name)
        if dim is not None:
            label, year, one = variable.index()
            total[places[dim][label], years[year], slices[one]] += paid[column]
    return _by_hour(total, world)


def _by_hour(values: Array, world: xr.Dataset) -> xr.DataArray:
    return xr.DataArray(values, coords={dim: world[dim].values for dim in HOURLY}, dims=HOURLY)


def _places(world: xr.Dataset, dim: str) -> dict[str, int]:
    """Return the number of the region of every label of a dimension."""
    at = {region: n for n, region in enumerate(world["region"].values.tolist())}
    if dim == "region":
        return at
    home = _HOME.get(dim, dim)
    regions = dict(zip(world[home].values.tolist(), world[f"{home}_region"].values.tolist(), strict=True))
    return {one: at[regions[one]] for one in world[dim].values.tolist()}


def _of_contracts(case: Case, world: xr.Dataset, plan: xr.Dataset, costs: dict[str, xr.DataArray]) -> xr.DataArray:
    """Return what long contracts and forward blocks settle in every hour, by region [USD].

    Raises:
        SolverError: the hours do not add up to the cost terms of the model.
    """
    total = _by_hour(np.zeros([world.sizes[dim] for dim in HOURLY]), world)
    season = xr.DataArray(world["slice_season"].values.astype(int), dims="slice", coords={"slice": world["slice"]})
    worth = operating_weights(case).sel(year=world["year"].values, season=season).drop_vars("season")
    worth = worth * world["slice_weight"]
    if case.supply.contracts:
        strike = world["ppa_strike"].sel(season=season).drop_vars("season")
        each = plan["ppa_mw"] * world["ppa_production"] * (strike - settled_against(world)) * worth
        total = total + _at_home(each, world, "ppa", costs["settlement"])
    if case.supply.forwards:
        home = xr.DataArray(world["forward_region"].values, dims="forward")
        spot = hub_price(world).sel(region=home).drop_vars("region")
        mw, price = (one.sel(season=season).drop_vars("season") for one in (plan["forward_mw"], world["forward_price"]))
        each = mw * world["forward_in"] * (price - spot) * worth
        total = total + _at_home(each, world, "forward", costs["forward_premium"])
    return total.transpose(*HOURLY)


def _at_home(each: xr.DataArray, world: xr.Dataset, dim: str, booked: xr.DataArray) -> xr.DataArray:
    """Add up hourly amounts of contracts within regions, once their sum over the year is what was booked."""
    off = float(abs(each.sum("slice") - booked).max()) if booked.size else 0.0
    if off > _SAME * max(1.0, float(abs(booked).max()) if booked.size else 0.0):
        raise SolverError(f"the hours of {dim} differ from the cost term by {off:,.2f} USD")
    places, regions = _places(world, dim), world["region"].values.tolist()
    mine = [[places[one] == r for one in world[dim].values.tolist()] for r in range(len(regions))]
    parts = [each.isel({dim: np.flatnonzero(rows)}).sum(dim) for rows in mine]
    return xr.concat(parts, dim=pd.Index(regions, name="region")).transpose(*HOURLY)
