"""Choose, among the flows that serve the same campuses at the same cost, those that travel least."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from grid_opt.errors import SolverError
from grid_opt.solve.answer import Options
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import Array, Matrix, families, submatrix


def least_flow(matrix: Matrix, x: Array, options: Options) -> Array:
    r"""Return ``x`` with zone supply, angles and flows replaced by those of least total flow.

    Moving power over the network costs nothing in the model, so its optimum is silent on which zone supplies
    which campus, and flows may even run in circles through converters. With all else fixed, this linear program
    settles it: minimize :math:`\sum_{l,q,k} |f_{lqk}|` subject to every network constraint. The cost of the plan
    does not change.

    Raises:
        SolverError: the program has no solution, although ``x`` is one.
    """
    network = np.array([name.startswith("network.") for name in families(matrix)])
    if not network.any():
        return x
    part, kept = submatrix(matrix, network)
    owner = [column.parent_component().local_name for column in part.columns]
    decided = np.array([not name.startswith("network__") for name in owner])
    flows = np.flatnonzero([name == "network__link_flow" for name in owner])
    count, (rows, columns) = len(flows), part.shape
    pick = sp.csr_array((np.ones(count), (np.arange(count), flows)), shape=(count, columns))
    size = sp.eye_array(count, format="csr")
    entries = sp.vstack(
        [
            sp.hstack([part.rows_matrix, sp.csr_array((rows, count))]),
            sp.hstack([pick, -size]),  # f - u <= 0
            sp.hstack([-pick, -size]),  # -f - u <= 0
        ]
    )
    program = replace(
        part,
        cost=np.concatenate([np.zeros(columns), np.ones(count)]),
        rows_matrix=sp.csr_array(entries),
        row_lower=np.concatenate([part.row_lower, np.full(2 * count, -np.inf)]),
        row_upper=np.concatenate([part.row_upper, np.zeros(2 * count)]),
        col_lower=np.concatenate([np.where(decided, x[kept], part.col_lower), np.zeros(count)]),
        col_upper=np.concatenate([np.where(decided, x[kept], part.col_upper), np.full(count, np.inf)]),
        integer=np.zeros(columns + count, dtype=bool),
        rows=[*part.rows, *(["size of a flow"] * (2 * count))],
        columns=[*part.columns, *(["size of a flow"] * count)],
    )
    answer = solve(program, options.quietly(120.0))
    if answer.x is None or answer.status != "optimal":
        raise SolverError(f"the linear program of least flow ended '{answer.detail}'")
    tidy = x.copy()
    tidy[kept] = answer.x[:columns]
    return tidy
