"""Bring the solver's numbers back as labelled arrays, and price what was scarce."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyomo.environ as pyo
import xarray as xr

from grid_opt.errors import SolverError
from grid_opt.formulation.block import Declaration
from grid_opt.formulation.model import Model
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.by_hours import ByHours
from grid_opt.solve.highs import solve
from grid_opt.solve.regions import EVERYWHERE, UNPLACED
from grid_opt.solve.standard_form import Array, Layout, Matrix, families, fix_integers
from grid_opt.units import USD_PER_MUSD

_NETWORK = {"zone", "link", "bus", "branch", "generator", "dc_line"}
"""Dimensions of the network that joins the regions."""
_HOURS = {"slice", "stress"}
"""Dimensions of hours: of the year, and of stress on the network."""
_AGREE = 1e-6
"""Relative agreement asked of two solves of the same thing."""


def polish(matrix: Matrix, answer: Answer, options: Options, apart: ByHours | None = None) -> Answer:
    """Re-solve the linear program with integers fixed: exact operation, and the duals of operation.

    Where it is taken ``apart``, its hours are left out, and their prices are those with all else fixed.

    Raises:
        SolverError: the linear program disagrees with the incumbent it came from.
    """
    assert answer.x is not None
    program, quiet = fix_integers(matrix, answer.x), options.quietly(600.0)
    linear = solve(program, quiet) if apart is None else apart.solve(program, quiet, local=True)
    if linear.x is None or linear.status != "optimal":
        raise SolverError(f"the linear program with integers fixed ended '{linear.detail}'")
    if linear.objective > answer.objective + _AGREE * abs(answer.objective):
        raise SolverError(
            f"with integers fixed the objective is {linear.objective:.6f}, but HiGHS said {answer.objective:.6f}"
        )
    return linear


def _solve(program: Matrix, options: Options, apart: ByHours | None) -> Answer:
    return solve(program, options) if apart is None else apart.solve(program, options)


def price_siting(matrix: Matrix, x: Array, options: Options, apart: ByHours | None = None) -> Answer | None:
    """Return the answer, with its duals, of the program in which sites are fixed and halls may be fractions.

    A campus may stand empty there: else the first hall of a fixed site would leave a target nothing to ask for, and
    its price would be zero. ``None`` where that program was not solved to optimality: a price is reported exactly or
    not at all.
    """
    first = np.array([name == "campus.first_hall" for name in families(matrix)])
    program = fix_integers(matrix, x, free=~np.array([v.is_binary() for v in matrix.columns]))
    program = replace(
        program,
        row_lower=np.where(first, -np.inf, program.row_lower),
        row_upper=np.where(first, np.inf, program.row_upper),
    )
    relaxed = _solve(program, options.quietly(120.0), apart)
    return relaxed if relaxed.status == "optimal" else None


def price_fleet(
    matrix: Matrix, x: Array, model: Model, options: Options, apart: ByHours | None = None
) -> Answer | None:  # fmt: skip
    """Return the answer, with its duals, of the program in which campuses are fixed and systems may be fractions.

    ``None`` where that program was not solved to optimality.
    """
    relaxed = _solve(fix_integers(matrix, x, free=counted(matrix, model)), options.quietly(120.0), apart)
    return relaxed if relaxed.status == "optimal" else None


def counted(matrix: Matrix, model: Model) -> npt.NDArray[np.bool_]:
    """Return which columns count many alike things, such as systems."""
    names = {name.replace(".", "__") for name, one in model.declarations.items() if one.domain == "count"}
    return np.array([column.parent_component().local_name in names for column in matrix.columns])


def layout(matrix: Matrix, model: Model) -> Layout:
    """Return how a program may be taken apart: the region of every column, and which columns are hours.

    Columns of the network, which joins regions, are ``EVERYWHERE``; those of other dimensions ``UNPLACED``.
    """
    number = {region: n for n, region in enumerate(model.builder.index("region"))}
    dims = {name.replace(".", "__"): one.dims for name, one in model.declarations.items()}

    def place(column: Any) -> int:
        over, index = dims[column.parent_component().local_name], column.index()
        if "region" in over:
            return number[index[over.index("region")] if len(over) > 1 else index]
        return EVERYWHERE if _NETWORK & set(over) else UNPLACED

    return Layout(
        np.array([place(column) for column in matrix.columns], dtype=np.int64),
        np.array([bool(_HOURS & set(dims[column.parent_component().local_name])) for column in matrix.columns]),
    )


def store(matrix: Matrix, x: Array, model: Model) -> None:
    """Put the numbers of ``x`` on the variables of the Pyomo model, integers made whole."""
    for variable in model.pyomo.component_data_objects(pyo.Var):
        variable.set_value(max(0.0, variable.lb or 0.0), skip_validation=True)
    whole = np.where(matrix.integer, np.round(x), x)
    inside = np.clip(whole, matrix.col_lower, matrix.col_upper)
    for variable, value in zip(matrix.columns, inside.tolist(), strict=True):
        variable.set_value(value + 0.0, skip_validation=True)  # + 0.0 turns -0.0 into 0.0


def as_array(values: dict[Any, float], declaration: Declaration, world: xr.Dataset) -> xr.DataArray:
    """Turn numbers by index into an array with the declared dimensions and the labels of the world."""
    dims = declaration.dims
    index = [world[d].values.tolist() for d in dims]
    if len(dims) == 1:
        data = np.array([values[label] for label in index[0]])
    else:
        count = math.prod(len(labels) for labels in index)
        data = np.fromiter((values[key] for key in itertools.product(*index)), dtype=float, count=count)
    array = xr.DataArray(data.reshape([len(i) for i in index]), coords=dict(zip(dims, index, strict=True)), dims=dims)
    return array.assign_attrs(units=declaration.unit, long_name=declaration.meaning)


def variables(model: Model, world: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return every decision variable under its short name."""
    found = {}
    for name, declared in model.declarations.items():
        if declared.kind == "variable":
            values = model.component(name).extract_values()
            found[declared.short_name] = as_array(values, declared, world)
    return found


def costs(model: Model, world: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return every cost term [USD, present value] as ``cost_<name>``."""
    found = {}
    for name, declared in model.declarations.items():
        if declared.kind == "cost":
            array = as_array(model.builder.cost_values(name), declared, world)
            found[f"cost_{declared.short_name}"] = (array * USD_PER_MUSD).assign_attrs(array.attrs | {"units": "USD"})
    return found


def row_values(name: str, matrix: Matrix, values: Array, model: Model, world: xr.Dataset) -> xr.DataArray:
    """Return one number per index of a constraint, 0 where the constraint has no row there."""
    component = model.component(name)
    index_of = {id(data): key for key, data in component.items()}
    declared = model.declarations[name]
    keys = pd.MultiIndex.from_product([world[d].values.tolist() for d in declared.dims]).to_flat_index()
    found: dict[Any, float] = {(k[0] if len(declared.dims) == 1 else k): 0.0 for k in keys}
    for row, value in zip(matrix.rows, values.tolist(), strict=True):
        key = index_of.get(id(row))
        if key is not None:
            found[key] = value + 0.0
    return as_array(found, declared, world)


def column_values(name: str, matrix: Matrix, values: Array, model: Model, world: xr.Dataset) -> xr.DataArray:
    """Return one number per index of a variable, 0 where the program has no such column."""
    declared = model.declarations[name]
    component = model.component(name)
    found = dict.fromkeys(component.keys(), 0.0)
    key_of = {id(data): key for key, data in component.items()}
    for column, value in zip(matrix.columns, values.tolist(), strict=True):
        key = key_of.get(id(column))
        if key is not None:
            found[key] = value + 0.0
    return as_array(found, declared, world)
