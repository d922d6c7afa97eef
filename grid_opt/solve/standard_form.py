"""Turn the Pyomo model into arrays, and refuse any number that a solver would silently mishandle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from grid_opt.errors import SolverError

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

LARGEST_COEFFICIENT = 1e15
"""HiGHS drops matrix entries of this size and beyond without a word; so does Pyomo's interface to it."""


@dataclass(frozen=True)
class Matrix:
    r"""A mixed-integer program as arrays: minimize :math:`c^\top x + c_0`, :math:`l \le A x \le u`, bounds on x.

    ``rows`` and ``columns`` are the Pyomo constraint and variable objects in the order of the arrays.
    """

    cost: Array
    offset: float
    rows_matrix: sp.csr_array
    row_lower: Array
    row_upper: Array
    col_lower: Array
    col_upper: Array
    integer: npt.NDArray[np.bool_]
    rows: list[Any]
    columns: list[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.row_lower), len(self.col_lower)


@dataclass(frozen=True)
class Layout:
    """How a program may be taken apart: for every column the number of its region, and whether it is one of hours."""

    places: Numbers
    hourly: Flags


def part(matrix: Matrix, rows: Numbers, columns: Numbers) -> Matrix:
    """Return some rows of a program with some of its columns, without its offset."""
    return Matrix(
        cost=matrix.cost[columns],
        offset=0.0,
        rows_matrix=sp.csr_array(matrix.rows_matrix[rows][:, columns]),
        row_lower=matrix.row_lower[rows],
        row_upper=matrix.row_upper[rows],
        col_lower=matrix.col_lower[columns],
        col_upper=matrix.col_upper[columns],
        integer=matrix.integer[columns],
        rows=[matrix.rows[i] for i in rows.tolist()],
        columns=[matrix.columns[j] for j in columns.tolist()],
    )


def slackened(matrix: Matrix, rows: Numbers, weight: Array) -> Matrix:
    """Return the program in which some rows may be broken: by how much, times a weight of each, is what is minimized.

    What each row lacks, then what it has too much, are the last columns.
    """
    count, width = len(rows), matrix.shape[1]
    one = sp.csr_array((np.ones(count), (rows, np.arange(count))), shape=(matrix.shape[0], count))
    names = [f"slack of row {i}" for i in rows.tolist()]
    return replace(
        matrix,
        cost=np.concatenate([np.zeros(width), weight, weight]),
        offset=0.0,
        rows_matrix=sp.csr_array(sp.hstack([matrix.rows_matrix, one, -one], format="csr")),
        col_lower=np.concatenate([matrix.col_lower, np.zeros(2 * count)]),
        col_upper=np.concatenate([matrix.col_upper, np.full(2 * count, np.inf)]),
        integer=np.concatenate([matrix.integer, np.zeros(2 * count, dtype=bool)]),
        columns=[*matrix.columns, *names, *names],
    )


def narrowed(matrix: Matrix, which: Flags, low: Array, high: Array) -> Matrix:
    """Return the program with some columns between other bounds as well, as far as their own allow."""
    upper = np.where(which, np.minimum(matrix.col_upper, high), matrix.col_upper)
    lower = np.where(which, np.clip(low, matrix.col_lower, upper), matrix.col_lower)
    return replace(matrix, col_lower=lower, col_upper=upper)


def fix_integers(matrix: Matrix, x: Array, *, free: npt.NDArray[np.bool_] | None = None) -> Matrix:
    """Return the linear program in which the integers of ``x`` are fixed and their domains relaxed.

    A mixed-integer program has no duals; this program has. Those in ``free`` may take fractions, so that what limits
    them has a price at all.
    """
    fixed = matrix.integer if free is None else matrix.integer & ~free
    value = np.round(x)
    return replace(
        matrix,
        col_lower=np.where(fixed, value, matrix.col_lower),
        col_upper=np.where(fixed, value, matrix.col_upper),
        integer=np.zeros_like(matrix.integer),
    )


def to_matrix(model: Any) -> Matrix:
    """Compile a linear Pyomo model with one objective.

    Raises:
        SolverError: a coefficient, cost or right-hand side is NaN, infinite or too large; the message names it.
    """
    form = LinearStandardFormCompiler().write(model, mixed_form=True)
    matrix = sp.csr_array(form.A)
    matrix.sum_duplicates()
    rhs = np.asarray(form.rhs, dtype=float)
    sense = np.array([bound for _, bound in form.rows], dtype=int)
    columns = list(form.columns)
    bounds = [v.bounds for v in columns]
    result = Matrix(
        cost=np.asarray(form.c.todense(), dtype=float).reshape(-1) if form.c.shape[0] else np.zeros(len(columns)),
        offset=float(form.c_offset[0]) if len(form.c_offset) else 0.0,
        rows_matrix=matrix,
        row_lower=np.where(sense == 1, -np.inf, rhs),
        row_upper=np.where(sense == -1, np.inf, rhs),
        col_lower=np.array([-np.inf if lo is None else lo for lo, _ in bounds], dtype=float),
        col_upper=np.array([np.inf if up is None else up for _, up in bounds], dtype=float),
        integer=np.array([not v.is_continuous() for v in columns], dtype=bool),
        rows=[row for row, _ in form.rows],
        columns=columns,
    )
    return guarded(result, rhs)


def guarded(matrix: Matrix, rhs: Array) -> Matrix:
    """Return a program without what rounding leaves of terms that cancel.

    Raises:
        SolverError: a number of it is none that a solver can use; the message names it.
    """
    _drop_residue(matrix.rows_matrix)
    _guard(matrix, rhs)
    return matrix


_RESIDUE = 1e-12


def _drop_residue(matrix: sp.csr_array) -> None:
    """Remove what rounding leaves of terms of a row that cancel, as of a sum of differences over quarters."""
    entry = np.where(np.isfinite(matrix.data), np.abs(matrix.data), 0.0)  # the guard names those that are not
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    largest = np.zeros(matrix.shape[0])
    np.maximum.at(largest, row, entry)
    matrix.data[np.isfinite(matrix.data) & (entry <= _RESIDUE * largest[row])] = 0.0
    matrix.eliminate_zeros()


def _guard(matrix: Matrix, rhs: Array) -> None:
    def sound(values: Array) -> npt.NDArray[np.bool_]:
        return np.isfinite(values) & (np.abs(values) < LARGEST_COEFFICIENT)

    bad_cost = ~sound(matrix.cost)
    if bad_cost.any():
        j = int(np.argmax(bad_cost))
        raise SolverError(f"cost of {matrix.columns[j].name} is {matrix.cost[j]}, not a number a solver can use")
    bad_rhs = ~sound(rhs)
    if bad_rhs.any():
        i = int(np.argmax(bad_rhs))
        raise SolverError(f"right-hand side of {matrix.rows[i].name} is {rhs[i]}, not a number a solver can use")
    entries = matrix.rows_matrix
    bad_entry = ~sound(entries.data)
    if bad_entry.any():
        k = int(np.argmax(bad_entry))
        i = int(np.searchsorted(entries.indptr, k, side="right") - 1)
        j = int(entries.indices[k])
        raise SolverError(
            f"coefficient of {matrix.columns[j].name} in {matrix.rows[i].name} is {entries.data[k]}, "
            "not a number a solver can use"
        )
    if np.isnan(matrix.col_lower).any() or np.isnan(matrix.col_upper).any():
        j = int(np.argmax(np.isnan(matrix.col_lower) | np.isnan(matrix.col_upper)))
        raise SolverError(f"a bound of {matrix.columns[j].name} is not a number")


def families(matrix: Matrix) -> list[str]:
    """Return, for every row, the ``block.name`` of the constraint that it belongs to."""
    return [row.parent_component().local_name.replace("__", ".") for row in matrix.rows]


def submatrix(matrix: Matrix, keep: npt.NDArray[np.bool_]) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Return the rows where ``keep`` holds with the columns that they use, costs zero, and those columns' numbers."""
    used = np.unique(matrix.rows_matrix[keep].indices).astype(np.int64)
    return replace(part(matrix, np.flatnonzero(keep), used), cost=np.zeros(len(used))), used
