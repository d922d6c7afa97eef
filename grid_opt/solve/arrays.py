"""Hand over the arrays of a model that was built as arrays: the same that its Pyomo model compiles to."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from grid_opt.formulation.array_builder import ArrayBuilder
from grid_opt.formulation.model import Model
from grid_opt.solve.standard_form import Array, Matrix, guarded, to_matrix


def matrix_of(model: Model) -> Matrix:
    """Return the program of a model, however it was built.

    Raises:
        SolverError: a coefficient, cost or right-hand side is NaN, infinite or too large; the message names it.
    """
    return _arrays(model.builder) if isinstance(model.builder, ArrayBuilder) else to_matrix(model.pyomo)


def _arrays(built: ArrayBuilder) -> Matrix:
    count, order = len(built.variables), built.order()
    right, sense = np.array(built.right, dtype=float), np.array(built.senses, dtype=int)
    entries = sp.csr_array(
        (np.array(built.values), np.array(built.columns), np.array(built.starts)), shape=(len(right), count)
    )
    entries.sum_duplicates()
    entries.eliminate_zeros()
    cost = np.bincount(np.asarray(built.goal.columns, dtype=np.int64), built.goal.values, minlength=count)
    used = (np.bincount(entries.indices, minlength=count) > 0) | (cost != 0.0)
    order = order[used[order]]
    columns = [built.variables[j] for j in order.tolist()]
    return guarded(
        Matrix(
            cost=cost[order],
            offset=float(built.goal.constant),
            rows_matrix=sp.csr_array(entries[:, order]),
            row_lower=np.where(sense == 1, -np.inf, right),
            row_upper=np.where(sense == -1, np.inf, right),
            col_lower=_ends([variable.lb for variable in columns], -np.inf),
            col_upper=_ends([variable.ub for variable in columns], np.inf),
            integer=np.array([not variable.is_continuous() for variable in columns], dtype=bool),
            rows=list(built.rows),
            columns=columns,
        ),
        right,
    )


def _ends(bounds: list[float | None], free: float) -> Array:
    return np.array([free if one is None else one for one in bounds], dtype=float)
