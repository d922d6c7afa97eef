"""Solve separate programs of hours at given capacities and loads: at least cost, or with the least that they lack."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from grid_opt.errors import SolverError
from grid_opt.solve.duality import Separate
from grid_opt.solve.highs import Options, solve
from grid_opt.solve.standard_form import Array, Matrix, Numbers, slackened

_PRECISE = 1e3
"""Factor by which costs are larger while hours are solved: HiGHS's tolerance of prices is absolute."""


@dataclass(frozen=True)
class HourPrograms:
    """Sets of hours as separate programs, what their columns cost, and how to solve them.

    ``moved`` is, by row, what the columns that stay put into it. Answers are written over all columns, sets and rows.
    """

    separate: Separate
    own: Array
    options: Options

    def cheapest(self, sets: Numbers, moved: Array, x: Array, cost: Array, price: Array) -> bool:
        """Solve some sets at least cost into ``x``, ``cost`` and ``price``; return whether they can be solved."""
        rows, columns, program = self._program(sets, moved)
        answer = solve(replace(program, cost=_PRECISE * program.cost), self.options)
        if answer.status == "infeasible":
            return False
        if answer.status != "optimal" or answer.x is None or answer.row_dual is None:
            raise SolverError(f"the cost of hours was not found: HiGHS ended with {answer.detail!r}")
        x[columns], price[rows] = answer.x, answer.row_dual / _PRECISE
        of_column, count = self.separate.of_column[columns], self.separate.count
        cost[sets] = np.bincount(of_column, program.cost * answer.x, minlength=count)[sets]
        return True

    def least_lack(self, sets: Numbers, moved: Array, x: Array, lack: Array, price: Array) -> None:
        """Solve some sets with rows broken by the least sum."""
        rows, columns, program = self._program(sets, moved)
        elastic = slackened(program, np.arange(len(rows)), np.ones(len(rows)))
        answer = solve(elastic, self.options)
        if answer.status != "optimal" or answer.x is None or answer.row_dual is None:
            raise SolverError(f"what hours lack was not found: HiGHS ended with {answer.detail!r}")
        broken = answer.x[len(columns) :].reshape(2, len(rows)).sum(axis=0)
        of_row, count = self.separate.of_row[rows], self.separate.count
        size = np.bincount(of_row, np.abs(moved[rows]), minlength=count)
        x[columns], price[rows] = answer.x[: len(columns)], np.clip(answer.row_dual, -1.0, 1.0)
        lack[sets] = (np.bincount(of_row, broken, minlength=count) / (1.0 + size))[sets]

    def _program(self, sets: Numbers, moved: Array) -> tuple[Numbers, Numbers, Matrix]:
        """Return rows and columns, by their numbers among those left out, and the program of some sets."""
        alone, mine = self.separate, np.zeros(self.separate.count, dtype=bool)
        mine[sets] = True
        rows, columns = np.flatnonzero(mine[alone.of_row]), np.flatnonzero(mine[alone.of_column])
        at_rows, at_columns, matrix = alone.rows[rows], alone.columns[columns], alone.whole
        program = Matrix(
            cost=self.own[columns],
            offset=0.0,
            rows_matrix=sp.csr_array(alone.inner[rows][:, columns]),
            row_lower=matrix.row_lower[at_rows] - moved[rows],
            row_upper=matrix.row_upper[at_rows] - moved[rows],
            col_lower=matrix.col_lower[at_columns],
            col_upper=matrix.col_upper[at_columns],
            integer=np.zeros(len(columns), dtype=bool),
            rows=rows.tolist(),
            columns=columns.tolist(),
        )
        return rows, columns, program
