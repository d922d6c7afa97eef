r"""Solve linear programs with very many hours, with the prices of all rows: the hours are left out, and told by cuts.

The dual of a program with cuts is one of the whole (Benders, Numerische Mathematik 4, 1962). Let cut :math:`k` of a set
of hours follow from prices :math:`\lambda_k` of its rows, and have price :math:`\mu_k \ge 0` itself. As the column for
the cost of the set is free and costs 1, :math:`\sum_k \mu_k = 1`. The rows of the hours then have the prices
:math:`\sum_k \mu_k \lambda_k`, and with the prices of the rows that stay these are feasible: the reduced cost of a
column that stays is what it is in the program with cuts, and those of the hours are means of those that made the cuts.
Their objective is that of the program with cuts, which is that of the hours' plan once all is told.

Of an hour in which a price may be one of several, that is a mean. Who asks what power costs in an hour, all else being
as it is, wants a price that goes with what is done in that hour: that of the hours' own program at the end.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grid_opt.solve.answer import Answer, Options, audit
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.standard_form import Flags, Matrix

MANY = 2_000_000
"""Columns of hours from which this is sooner than the whole: ten minutes for the simplex method, or more."""
_EXACT = 1e-7
"""Share of the objective that cuts may have missed where an answer is called optimal."""


class ByHours:
    """A linear program whose hours are left out, to be solved with other bounds of what stays.

    Raises:
        SolverError: HiGHS failed.
    """

    def __init__(self, matrix: Matrix, hourly: Flags, options: Options) -> None:
        relaxed = replace(matrix, integer=np.zeros_like(matrix.integer))
        self._recourse = Recourse(relaxed, hourly, options, adding=np.zeros(0, dtype=np.int64), priced=True)

    def solve(self, program: Matrix, options: Options, *, local: bool = False) -> Answer:
        """Solve the program with other bounds of rows and columns that are none of the hours.

        With ``local``, the prices of the hours' rows are those with all else fixed; reduced costs stay those of a dual.

        Raises:
            SolverError: HiGHS failed, or its answer does not satisfy the program.
        """
        parted = self._recourse
        answer = parted.solve(parted.bounded_as(program), replace(options, gap=0.0))
        if answer.x is None or answer.row_dual is None:
            return answer
        x, rows, price = parted.completed(answer.x)
        dual = parted.dual_of(answer.row_dual)
        reduced = program.cost - program.rows_matrix.T @ dual
        if local:
            dual[rows] = price
        objective = audit(program, x)
        told = objective - answer.bound <= _EXACT * max(1.0, abs(objective))
        return replace(
            answer, status="optimal" if told else "feasible", objective=objective, x=x,
            row_dual=dual if told else None, reduced_cost=reduced if told else None,
        )  # fmt: skip
