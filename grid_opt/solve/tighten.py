"""Bound halls by what contracts for grid service can hold, before the search: the solver does not see it by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grid_opt.solve.standard_form import Array, Matrix, families

_IN_ORDER = ("connection.headroom", "connection.ahead", "connection.load")
"""Rows to draw conclusions from: headroom bounds contracts, contracts bound the load."""
_ROUNDING = 1e-9


def tightened(matrix: Matrix) -> Matrix:
    """Return the same program with upper bounds that its rows of connections imply.

    Every point of the old program is one of the new: from ``a x <= u`` with all other columns where they make the
    left side least, each column with a positive coefficient has an upper bound, whole where it is an integer. In many
    regions and quarters no whole hall fits, so that halls, and the computers in them, drop out of the search.
    """
    upper = matrix.col_upper.copy()
    names = np.array(families(matrix))
    for family in _IN_ORDER:
        for row in np.flatnonzero(names == family).tolist():
            _tighten(matrix, row, upper)
    return replace(matrix, col_upper=upper)


def _tighten(matrix: Matrix, row: int, upper: Array) -> None:
    entries = matrix.rows_matrix
    span = slice(entries.indptr[row], entries.indptr[row + 1])
    columns, values, limit = entries.indices[span], entries.data[span], matrix.row_upper[row]
    if not np.isfinite(limit):
        values, limit = -values, -matrix.row_lower[row]
    if not np.isfinite(limit):
        return
    least = np.where(values > 0, values * matrix.col_lower[columns], values * upper[columns])
    if not np.isfinite(least).all():
        return
    for column, value, own in zip(columns.tolist(), values.tolist(), least.tolist(), strict=True):
        if value > 0:
            most = (limit - (least.sum() - own)) / value
            if matrix.integer[column]:
                most = np.floor(most + _ROUNDING)
            upper[column] = max(matrix.col_lower[column], min(upper[column], most))
