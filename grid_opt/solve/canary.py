"""Solve two tiny programs with known answers before trusting the solver with a large one.

Their shape is that of a defect once seen in a HiGHS release: big-M links over set packing. A solver that gets
these wrong is refused before it can place a megawatt.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import scipy.sparse as sp

from grid_opt.errors import SolverError
from grid_opt.solve.answer import Options
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import Array, Matrix

_BIG_M = 40.0
_VALUES = (9.0, 7.0, 8.0, 5.0, 6.0)
_FIXED = (30.0, 12.0, 22.0, 10.0, 9.0)
_CONFLICTS = ((0, 1), (1, 2), (2, 3), (3, 4), (0, 4))


def _siting_canary() -> tuple[Matrix, float]:
    """Maximize value of flow less opening cost; flow needs its site (big-M), neighbors exclude each other."""
    n = len(_VALUES)
    rows: list[Array] = []
    upper: list[float] = []
    for i in range(n):
        row = np.zeros(2 * n)
        row[i], row[n + i] = 1.0, -_BIG_M
        rows.append(row)
        upper.append(0.0)
    for i, j in _CONFLICTS:
        row = np.zeros(2 * n)
        row[n + i] = row[n + j] = 1.0
        rows.append(row)
        upper.append(1.0)
    capacity = np.concatenate([np.ones(n), np.zeros(n)])
    rows.append(capacity)
    upper.append(10.0)
    matrix = Matrix(
        cost=np.concatenate([-np.array(_VALUES), np.array(_FIXED)]),
        offset=0.0,
        rows_matrix=sp.csr_array(np.array(rows)),
        row_lower=np.full(len(rows), -np.inf),
        row_upper=np.array(upper),
        col_lower=np.zeros(2 * n),
        col_upper=np.concatenate([np.full(n, 7.0), np.ones(n)]),
        integer=np.concatenate([np.zeros(n, bool), np.ones(n, bool)]),
        rows=[f"row {i}" for i in range(len(rows))],
        columns=[f"column {i}" for i in range(2 * n)],
    )
    return matrix, _siting_by_hand()


def _siting_by_hand() -> float:
    """Enumerate the site choices: fill 10 units of flow, at most 7 a site, most valuable first."""
    best = 0.0
    for chosen in itertools.product((0, 1), repeat=len(_VALUES)):
        if any(chosen[i] and chosen[j] for i, j in _CONFLICTS):
            continue
        left, worth = 10.0, 0.0
        for i in sorted(range(len(_VALUES)), key=lambda k: -_VALUES[k]):
            flow = min(left, 7.0) if chosen[i] else 0.0
            left -= flow
            worth += _VALUES[i] * flow - _FIXED[i] * chosen[i]
        best = min(best, -worth)
    return best


def _dual_canary() -> tuple[Matrix, float]:
    """Buy 3 MW from a source at 20 with 2 MW and one at 50: the price of power is 50."""
    matrix = Matrix(
        cost=np.array([20.0, 50.0]),
        offset=0.0,
        rows_matrix=sp.csr_array(np.array([[1.0, 1.0]])),
        row_lower=np.array([3.0]),
        row_upper=np.array([3.0]),
        col_lower=np.zeros(2),
        col_upper=np.array([2.0, 9.0]),
        integer=np.zeros(2, bool),
        rows=["balance"],
        columns=["cheap", "dear"],
    )
    return matrix, 90.0


def check_solver(threads: int = 2) -> list[tuple[str, bool, str]]:
    """Return (name, passed, detail) of every canary."""
    results = []
    for name, (matrix, expected) in (("siting with big-M", _siting_canary()), ("price of power", _dual_canary())):
        answer = solve(matrix, Options(gap=0.0, time_limit_s=20.0, threads=threads))
        passed = answer.status == "optimal" and abs(answer.objective - expected) < 1e-6
        if answer.row_dual is not None:
            passed = passed and abs(answer.row_dual[0] - 50.0) < 1e-6
        results.append((name, bool(passed), f"{answer.status}, objective {answer.objective:g}, expected {expected:g}"))
    return results


@cache
def trust_solver(threads: int) -> None:
    """Run the canaries once per process and thread count; raise :class:`SolverError` if one dies."""
    for name, passed, detail in check_solver(threads):
        if not passed:
            raise SolverError(f"the installed HiGHS fails the known answer '{name}': {detail}")
