"""Begin a search from the plan of another case: what it decides, at the new prices."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.formulation.model import Model
from grid_opt.solve.standard_form import Array, Matrix, Numbers


def numbers_of(plan: xr.Dataset, matrix: Matrix, model: Model) -> Array:
    """Return all numbers of a plan on the columns of a program; 0 for what the plan does not know."""
    return _on_columns(plan, matrix, model, np.arange(matrix.shape[1]))


def decisions_of(plan: xr.Dataset, matrix: Matrix, model: Model) -> Array:
    """Return the whole numbers of a plan on the columns of a program.

    What the plan does not know, such as a region or offer that only the program has, is 0; columns that may be
    fractions are 0 too, for they are to be found anew.

    Args:
        plan: a plan of any case.
        matrix: the program, in the order of whose columns the numbers come.
        model: the model that the program was made from.
    """
    return np.round(_on_columns(plan, matrix, model, np.flatnonzero(matrix.integer)))


def _on_columns(plan: xr.Dataset, matrix: Matrix, model: Model, columns: Numbers) -> Array:
    known: dict[str, dict[object, float]] = {}
    x = np.zeros(matrix.shape[1])
    for number in columns.tolist():
        column = matrix.columns[number]
        name = column.parent_component().local_name.replace("__", ".", 1)
        if name not in known:
            known[name] = _values(plan, model.declarations[name].short_name, model.declarations[name].dims)
        index = column.index()
        x[number] = known[name].get(index if isinstance(index, tuple) else (index,), 0.0)
    return x


def _values(plan: xr.Dataset, name: str, dims: tuple[str, ...]) -> dict[object, float]:
    """Return the numbers of a plan's variable by index; none where the plan has no such variable."""
    if name not in plan or set(plan[name].dims) != set(dims):
        return {}
    series = plan[name].transpose(*dims).to_series()
    keys = series.index.to_flat_index().tolist()
    return {k if isinstance(k, tuple) else (k,): float(v) for k, v in zip(keys, series.to_numpy(), strict=True)}
