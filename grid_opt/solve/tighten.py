r"""Tighten a mixed-integer program before the search: its relaxation gets closer to its plans, which all stay.

From :math:`\sum_k a_k x_k \le b`, with all other columns where they make the left side least, every column has a bound,
whole where the column is an integer. Bounds follow from bounds, row after row: what is connected bounds the halls, a
hall that stays bounds those before it, a ramp those after it. In many regions and quarters no whole hall fits, so that
halls, and the computers in them, drop out of the search.

Where :math:`a x + c z \le b` with a binary :math:`z` cannot bind at one of its two values, as the most that
:math:`a x` can be is less than :math:`b` asks there, the coefficient is larger than it need be: of a campus with room
for six halls, written as :math:`n \le 25 z`, a quarter is open in the relaxation when all of its halls stand, and a
quarter paid of what is fixed. The least coefficient is taken that says the same at 0 and 1 (Savelsbergh, ORSA Journal
on Computing 6, 1994).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from grid_opt.solve.standard_form import Array, Matrix

_ROUNDS = 8
"""Times that bounds are drawn from bounds; few programs change after the fifth."""
_WHOLE = 1e-6
"""Rounding that a whole number may lack: HiGHS's own tolerance of integers."""
_WORTH = 1e-6
"""Smallest share by which a coefficient is changed."""


def tightened(matrix: Matrix) -> Matrix:
    """Return a program with the same whole-number points, bounds drawn from its rows, and its least coefficients."""
    lower, upper = implied_bounds(matrix)
    whole = replace(
        matrix,
        col_lower=np.where(matrix.integer, lower, matrix.col_lower),
        col_upper=np.where(matrix.integer, upper, matrix.col_upper),
    )
    return _least_coefficients(whole, lower, upper)


def implied_bounds(matrix: Matrix) -> tuple[Array, Array]:
    """Return bounds (lower, upper) that every whole-number point of the program satisfies, of every column."""
    rows = _between_integers(matrix)
    entries = sp.csr_array(matrix.rows_matrix[rows])
    row = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr))
    column, value = entries.indices, entries.data
    least, most = matrix.row_lower[rows], matrix.row_upper[rows]
    lower, upper = matrix.col_lower.copy(), matrix.col_upper.copy()
    for _ in range(_ROUNDS):
        before = (lower.copy(), upper.copy())
        _draw(row, column, value, most, lower, upper)
        _draw(row, column, -value, -least, lower, upper)
        low, high = np.ceil(lower - _WHOLE), np.floor(upper + _WHOLE)
        lower[matrix.integer], upper[matrix.integer] = low[matrix.integer], high[matrix.integer]
        crossed = lower > upper  # rounding, or a program without any point, which the search is to find out
        lower[crossed], upper[crossed] = before[0][crossed], before[1][crossed]
        if np.array_equal(lower, before[0]) and np.array_equal(upper, before[1]):
            break
    return lower, upper


def _between_integers(matrix: Matrix) -> npt.NDArray[np.int64]:
    """Return the rows that share a column with a row of integers: the others tell little of them, and are many."""
    entries = sp.csr_array(matrix.rows_matrix, copy=True)
    entries.data = np.ones_like(entries.data)
    with_integers = entries @ matrix.integer.astype(float) > 0
    near = entries.T @ with_integers.astype(float) > 0
    found: npt.NDArray[np.int64] = np.flatnonzero(entries @ near.astype(float) > 0)
    return found


def _draw(
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int64],
    value: Array,
    most: Array,
    lower: Array,
    upper: Array,
) -> None:
    """Draw bounds from rows that are at most so much; ``lower`` and ``upper`` are changed in place."""
    own = np.where(value > 0, value * lower[column], value * upper[column])
    open_ended = ~np.isfinite(own)
    count = np.bincount(row, open_ended, minlength=len(most))
    total = np.bincount(row, np.where(open_ended, 0.0, own), minlength=len(most))
    others_known = (count[row] - open_ended == 0) & np.isfinite(most[row])
    left = most[row] - total[row] + np.where(open_ended, 0.0, own)
    bound = np.where(others_known, left / value, np.nan)
    up, down = others_known & (value > 0), others_known & (value < 0)
    np.minimum.at(upper, column[up], bound[up])
    np.maximum.at(lower, column[down], bound[down])


def _least_coefficients(matrix: Matrix, lower: Array, upper: Array) -> Matrix:
    """Return the program with the least coefficients of binaries, given bounds that its points satisfy."""
    binary = matrix.integer & (matrix.col_lower == 0.0) & (matrix.col_upper == 1.0)
    entries = sp.csr_array(matrix.rows_matrix, copy=True)
    row_lower, row_upper = matrix.row_lower.copy(), matrix.row_upper.copy()
    row = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr))
    one_sided = np.isfinite(row_lower) != np.isfinite(row_upper)
    for i in np.unique(row[binary[entries.indices]]).tolist():
        if not one_sided[i]:
            continue
        span = slice(entries.indptr[i], entries.indptr[i + 1])
        sign = 1.0 if np.isfinite(row_upper[i]) else -1.0
        columns, values = entries.indices[span], sign * entries.data[span]
        limit = row_upper[i] if sign > 0 else -row_lower[i]
        most = np.where(values > 0, values * upper[columns], values * lower[columns])
        if np.isfinite(most).all():
            values, limit = _row_tightened(values, limit, most, binary[columns])
            entries.data[span] = sign * values
            row_lower[i], row_upper[i] = (row_lower[i], limit) if sign > 0 else (-limit, row_upper[i])
    return replace(matrix, rows_matrix=entries, row_lower=row_lower, row_upper=row_upper)


def _row_tightened(values: Array, limit: float, most: Array, binary: npt.NDArray[np.bool_]) -> tuple[Array, float]:
    """Return the coefficients and limit of one row, of which ``most`` is the most that each term can be."""
    values, total = values.copy(), float(most.sum())
    for k in np.flatnonzero(binary).tolist():
        own = values[k]
        others = total - max(own, 0.0)
        if own < 0:  # loose where the binary is 1
            spare = limit - own - others
            if spare > _WORTH * abs(own) and others > limit:
                values[k] = own + spare
        else:  # loose where it is 0
            spare = limit - others
            if spare > _WORTH * abs(own) and total > limit:
                values[k], limit, total = own - spare, limit - spare, total - spare
    return values, limit
