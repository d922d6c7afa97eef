r"""Find what hours cost where the objective does not say it: in rows that add up the costs of a scenario.

With weight on the tail of several scenarios, the costs :math:`c_h^\top x_h` of the hours of a scenario stand in one
more row, which adds up all that the scenario costs and is at most some other columns, and in the objective as a
multiple :math:`\alpha \ge 0` of the same:

.. math::
    \min\; c^\top z + \alpha\, c_h^\top x_h \quad\text{with}\quad a^\top z + c_h^\top x_h \le b, \quad
    l \le A_h x_h + A_z z \le u.

Let a column :math:`g` be the cost of the hours in both places, :math:`g = c_h^\top x_h`. Then the hours stand in rows
of their own alone, and may be left out for :math:`g \ge Q(z)`, with :math:`Q(z)` the least they can cost: a solution
with hours is one without, as its :math:`g = c_h^\top x_h \ge Q(z)`. From one without, with some :math:`g \ge Q(z)`,
hours that cost :math:`Q(z)` give one with hours that keeps the row, in which a smaller number stands in the place of
:math:`g`, at an objective that is no larger, as :math:`\alpha \ge 0`. It needs the row to be limited on the side only
that costs press against, and the same :math:`c_h` but for the factor in both places; hours for which that does not hold
stay. All of it holds set by set, so that every set of hours has a column of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from grid_opt.solve.standard_form import Array, Flags, Matrix, Numbers

TAIL = "risk__tail"
"""Name of the rows that add up what a scenario costs."""
NOWHERE, MIXED = -1, -2
"""Rows of hours whose costs the objective alone adds up, and of hours whose costs several rows add up."""
_SAME = 1e-9
"""Relative rounding within which costs in a row and in the objective are multiples of each other."""


@dataclass(frozen=True)
class Costs:
    """What every column of hours costs and which row adds it up; by row: which way, and how the objective weighs it."""

    own: Array
    row: Numbers
    sign: dict[int, float]
    weight: dict[int, float]

    def bare(self, matrix: Matrix) -> Matrix:
        """Return the program in which the hours cost what they do in the objective, and stand in no row of costs."""
        return replace(matrix, cost=self.own, rows_matrix=_without(matrix.rows_matrix, self.row))

    def of(self, columns: Numbers, label: Numbers) -> Numbers:
        """Return the row that adds up the costs of the columns of each separate program."""
        cost_something = self.own[columns] != 0.0
        row, label = self.row[columns[cost_something]], label[cost_something]
        count = int(label.max(initial=-1)) + 1
        least, most = np.full(count, np.iinfo(np.int64).max), np.full(count, NOWHERE)
        np.minimum.at(least, label, row)
        np.maximum.at(most, label, row)
        return np.where(least < most, MIXED, most)


def tails(matrix: Matrix) -> Numbers:
    """Return the rows that add up what a scenario costs, of a program made by the block of the risk."""
    named = (not isinstance(row, str) and row.parent_component().local_name == TAIL for row in matrix.rows)
    return np.flatnonzero(np.fromiter(named, dtype=bool, count=len(matrix.rows)))


def costs_of(matrix: Matrix, hourly: Flags, adding: Numbers) -> tuple[Costs, Flags]:
    """Return what hours cost, given the rows that add up costs, and which of them may be left out so."""
    own, row, hourly = matrix.cost.copy(), np.full(matrix.shape[1], NOWHERE), hourly.copy()
    found = Costs(own, row, {}, {})
    for i in adding.tolist():
        span = slice(matrix.rows_matrix.indptr[i], matrix.rows_matrix.indptr[i + 1])
        columns, entries = matrix.rows_matrix.indices[span], matrix.rows_matrix.data[span]
        mine = hourly[columns]
        columns, entries = columns[mine], entries[mine]
        above, below = np.isfinite(matrix.row_upper[i]), np.isfinite(matrix.row_lower[i])
        sign = 1.0 if above else -1.0
        weight = float(np.median(sign * matrix.cost[columns] / entries)) if len(columns) else 0.0
        fits = np.abs(matrix.cost[columns] - weight * sign * entries) <= _SAME * np.abs(weight * entries)
        fits &= (row[columns] == NOWHERE) & (above != below) & (weight >= 0.0)
        hourly[columns[~fits]] = False
        own[columns[fits]], row[columns[fits]] = sign * entries[fits], i
        found.sign[i], found.weight[i] = sign, weight
    twice = ~hourly & (row != NOWHERE)  # in two such rows: they stay, and cost what they do
    own[twice], row[twice] = matrix.cost[twice], NOWHERE
    return found, hourly


def with_costs(matrix: Matrix, costs: Costs, columns: Numbers, of_column: Numbers, row_of_set: Numbers) -> Matrix:
    """Return a program with a column for the cost of every set of hours that a row adds up, and a row that says so.

    ``columns`` are those of the hours, ``of_column`` their sets, ``row_of_set`` the rows that add up their costs; sets
    that have one come first. The new columns and rows are at the end, in the order of the sets.
    """
    count = int((row_of_set >= 0).sum())
    if not count:
        return matrix
    height, width = matrix.shape
    out = np.full(width, NOWHERE)
    out[columns] = np.where(row_of_set[of_column] >= 0, costs.row[columns], NOWHERE)
    sets, places = np.arange(count), row_of_set[:count].tolist()
    signs = np.array([costs.sign[i] for i in places])
    beside = sp.csr_array((signs, (places, sets)), shape=(height, count))
    paid = out[columns] >= 0
    of_hours = sp.csr_array((costs.own[columns[paid]], (of_column[paid], columns[paid])), shape=(count, width))
    entries = sp.block_array(
        [[_without(matrix.rows_matrix, out), beside], [of_hours, -sp.eye_array(count, format="csr")]], format="csr"
    )
    weights, free, none = np.array([costs.weight[i] for i in places]), np.full(count, np.inf), np.zeros(count)
    names = [f"cost of hours {k}" for k in range(count)]
    return replace(
        matrix,
        cost=np.concatenate([np.where(out >= 0, 0.0, matrix.cost), weights]),
        rows_matrix=sp.csr_array(entries),
        row_lower=np.concatenate([matrix.row_lower, none]),
        row_upper=np.concatenate([matrix.row_upper, none]),
        col_lower=np.concatenate([matrix.col_lower, -free]),
        col_upper=np.concatenate([matrix.col_upper, free]),
        integer=np.concatenate([matrix.integer, np.zeros(count, dtype=bool)]),
        rows=[*matrix.rows, *names],
        columns=[*matrix.columns, *names],
    )


def _without(entries: sp.csr_array, row_of_column: Numbers) -> sp.csr_array:
    """Return the entries but for those of columns in the row that adds up their costs."""
    found = sp.csr_array(entries, copy=True)
    row = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
    found.data[row_of_column[found.indices] == row] = 0.0
    found.eliminate_zeros()
    return found
