"""Choose, among the billed quantities that cost the same, the least: those that the bills have."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.solve.standard_form import Array, Matrix


def least_billed(matrix: Matrix, x: Array, world: xr.Dataset) -> Array:
    r"""Return ``x`` with every billed quantity that counts towards a least bill as low as its rows allow.

    Where a month's bill is below its least, a quantity :math:`B` billed at a rate and what is lacking to the least bill
    add up to the same: the optimum may raise the one and lower the other. The invoice does not. The cost does not
    change, only under which term it is booked.
    """
    if world.sizes.get("tie", 0) == 0:
        return x
    line_of = dict(zip(world["bound"].values.tolist(), world["bound_line"].values.tolist(), strict=True))
    least = {line_of[bound] for bound in world["tie_bound"].values.tolist()}
    counted = set(world["tie_line"].values.tolist()) - set(world["fall_line"].values.tolist())
    columns = {
        c.index(): j for j, c in enumerate(matrix.columns) if c.parent_component().local_name == "tariff__billed"
    }
    rows: dict[str, list[int]] = {line: [] for line in columns}
    for i, row in enumerate(matrix.rows):
        if row.parent_component().local_name == "tariff__bounds":
            rows[line_of[row.index()]].append(i)
    tidy = x.copy()
    for line in (*sorted(counted), *sorted(least)):
        if line in columns:
            tidy[columns[line]] = _least(matrix, tidy, columns[line], rows[line])
    return tidy


def _least(matrix: Matrix, x: Array, column: int, rows: list[int]) -> float:
    """Return the least value of a column that its rows allow, all else as it is."""
    found = 0.0
    for i in rows:
        entries = matrix.rows_matrix[[i]]
        own = float(entries[:, [column]].toarray()[0, 0])
        rest = float((entries @ x)[0]) - own * float(x[column])
        limit = matrix.row_lower[i] if own > 0 else matrix.row_upper[i]
        if np.isfinite(limit):
            found = max(found, (float(limit) - rest) / own)
    return found
