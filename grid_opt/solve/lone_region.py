r"""Bound what a region costs by itself with its hours behind cuts, where they are too many to be solved with it.

With :math:`T` cuts for its hours (:mod:`~grid_opt.solve.recourse`), the program of region :math:`r` at prices :math:`y`
of what is shared is a relaxation of the one with hours. So its least cost :math:`v_r^T(y)`, and any bound of it with
whole numbers, :math:`w_r^T(y)`, are bounds of every plan, after however many rounds of cuts. As cuts are only added,

.. math:: v_r^S(y) \le v_r^T(y) \le v_r(y) \quad\text{for}\quad S \subseteq T.

**What may be added to a bound of all plans.** That bound is :math:`b_0^\top y + \sum_r l_r`, where :math:`l_r` is what
was proven of region :math:`r` when it was made: for those that were solved together :math:`l_r = v_r^S(y)`, with the
cuts :math:`S` of then, as the prices of a linear program make its value the sum of these; for the others
:math:`l_r = \min(0, v)`, where :math:`v` is the worth that was returned. With :math:`w_r` in the place of :math:`l_r`
it is a bound again. It grows by :math:`w_r - l_r`, which is at least :math:`w_r - v` for any :math:`v` not below
:math:`l_r`: for :math:`v_r^T(y)` with the cuts :math:`T \supseteq S` of now, for :math:`v_r(y)`, and for a worth that
is remembered. It would not hold for a worth with fewer cuts than were counted. So the cuts that a region found are
kept, those of the program with all regions are only added to, and the worth of a region in the relaxation is found once
for the same prices. Likewise the bound less :math:`\min(0, v)` is no more than what is left of it without the region,
the bound less :math:`l_r`.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.highs import solve
from grid_opt.solve.hour_programs import LACK
from grid_opt.solve.recourse import ROUNDS, Cut, Recourse
from grid_opt.solve.standard_form import Matrix, Numbers

_WHOLE_S = 3.0
"""Longest search for whole numbers between two rounds of cuts; what it has proven by then counts."""


def bounded(
    recourse: Recourse, program: Matrix, columns: Numbers, cuts: list[Cut], options: Options, enough: float
) -> Answer:
    """Return the least that a region costs, with the cuts that takes; they are appended to those it has.

    The objective is what its plan costs with its hours, the ``bound`` what is proven of it.

    Args:
        recourse: what stands for the hours. Nothing is added to its program.
        program: the columns of the region, in the program with cuts, and the rows that have no others.
        columns: their numbers there.
        cuts: of the region's hours, beside those in the program.
        options: as of the whole program; the time limit is for all rounds.
        enough: cost of hours that the cuts may have missed in the end.

    Raises:
        SolverError: HiGHS failed.
    """
    began, best, x = time.monotonic(), Answer("no_plan", "no time"), np.zeros(recourse.master.shape[1])
    program = _with(program, columns, cuts)
    for _ in range(ROUNDS):
        left = options.time_limit_s - (time.monotonic() - began)
        if left <= 0.0:
            break
        limit = min(left, _WHOLE_S) if program.integer.any() else left
        answer = solve(program, replace(options, time_limit_s=limit))
        stopped = answer.interrupted
        if answer.x is None or stopped:
            proven = max(best.bound, answer.bound)
            return answer if answer.status == "infeasible" else replace(best, bound=proven, interrupted=stopped)
        x[columns] = answer.x
        hours, missed = recourse.missed(x, columns)
        costs = answer.objective + float(np.maximum(missed, 0.0).sum())
        bound, told = max(best.bound, answer.bound), costs - answer.objective <= enough
        status = answer.status if told else "feasible"
        best = replace(answer, status=status, objective=costs, bound=bound, row_dual=None, reduced_cost=None)
        if told:
            break
        cuts.append((hours, (hours.lack > LACK) | (missed > 1e-2 * enough / max(1, len(missed)))))
        program = _with(program, columns, cuts[-1:])
    return replace(best, seconds=time.monotonic() - began)


def _with(program: Matrix, columns: Numbers, cuts: list[Cut]) -> Matrix:
    """Return the program of some columns with more cuts."""
    for hours, wanted in cuts:
        _, entries, least = hours.rows(wanted)
        program = replace(
            program,
            rows_matrix=sp.csr_array(sp.vstack([program.rows_matrix, entries[:, columns]], format="csr")),
            row_lower=np.concatenate([program.row_lower, least]),
            row_upper=np.concatenate([program.row_upper, np.full(len(least), np.inf)]),
            rows=[*program.rows, *(["cut of hours"] * len(least))],
        )
    return program
