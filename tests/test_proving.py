"""What stands for a program while it is bounded keeps all of its plans, and its relaxation's bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from grid_opt.solve.answer import Options
from grid_opt.solve.highs import solve
from grid_opt.solve.proving import Eased, eased
from grid_opt.solve.standard_form import Array, Matrix

_WHOLE, _FREE = 5, 6
"""Whole numbers that cost something, and columns in two separate programs that cost nothing."""


def _program(seed: int) -> Matrix:
    """Return a program with a plan: rows that join whole numbers and free columns hold at a point that is drawn."""
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(4, _FREE // 2)), rng.normal(size=(4, _FREE // 2))
    free = np.block([[one, np.zeros_like(one)], [np.zeros_like(other), other], [np.zeros((2, _FREE))]])
    entries = np.hstack([rng.integers(-3, 4, size=(10, _WHOLE)).astype(float), free])
    point = np.concatenate([rng.integers(0, 5, _WHOLE), rng.uniform(-1, 1, _FREE)])
    at = entries @ point
    columns = _WHOLE + _FREE
    return Matrix(
        cost=np.concatenate([rng.uniform(-1, 3, _WHOLE), np.zeros(_FREE)]),
        offset=7.0,
        rows_matrix=sp.csr_array(entries),
        row_lower=np.where(rng.random(10) < 0.7, at - rng.uniform(0, 1, 10), -np.inf),
        row_upper=np.where(rng.random(10) < 0.7, at + rng.uniform(0, 1, 10), np.inf),
        col_lower=np.concatenate([np.zeros(_WHOLE), np.full(_FREE, -1.0)]),
        col_upper=np.concatenate([np.full(_WHOLE, 6.0), np.full(_FREE, 1.0)]),
        integer=np.arange(columns) < _WHOLE,
        rows=[f"row {k}" for k in range(10)],
        columns=[f"column {k}" for k in range(columns)],
    )


def _linear(matrix: Matrix) -> Matrix:
    return replace(matrix, integer=np.zeros_like(matrix.integer))


def _eased(matrix: Matrix, prices: Array) -> Eased:
    return eased(matrix, ~matrix.integer, prices, [[0, 1], [2, 3, 4]])


@pytest.mark.parametrize("seed", range(12))
def test_its_relaxation_is_that_of_the_program_and_its_bound_one_of_all_plans(seed: int) -> None:
    matrix = _program(seed)
    linear, known = solve(_linear(matrix), Options()), solve(matrix, Options(gap=0.0))
    assert linear.row_dual is not None and known.x is not None
    stands = _eased(matrix, linear.row_dual)
    assert stands.program.shape[1] == _WHOLE + 2, "free columns are gone, and two sums are there"
    assert solve(_linear(stands.program), Options()).objective == pytest.approx(linear.objective, abs=1e-6)
    for proving in (False, True):
        assert solve(stands.program, Options(gap=0.0, proving=proving)).objective <= known.objective + 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_every_plan_stays_whatever_the_prices(seed: int) -> None:
    matrix = _program(seed)
    known = solve(matrix, Options(gap=0.0))
    assert known.x is not None
    for scale in (0.0, 1.0, 10.0):
        stands = _eased(matrix, np.random.default_rng(seed).normal(scale=scale, size=10))
        x = stands.of(known.x)
        fixed = replace(_linear(stands.program), col_lower=x, col_upper=x)
        assert solve(fixed, Options()).objective == pytest.approx(known.objective, abs=1e-6)
        np.testing.assert_allclose(stands.back(x), np.where(matrix.integer, known.x, 0.0))


def test_sums_are_whole_and_add_up() -> None:
    stands = _eased(_program(1), np.zeros(10))
    assert stands.of(np.arange(11.0))[-2:].tolist() == [1.0, 9.0]
    assert stands.program.integer[-2:].all()
    assert stands.program.col_upper[-2:].tolist() == [12.0, 18.0]


def test_a_program_without_free_columns_and_sums_is_itself() -> None:
    matrix = _program(2)
    stands = eased(matrix, np.zeros(11, dtype=bool), np.ones(10), [])
    assert stands.program.shape == matrix.shape
    assert solve(stands.program, Options(gap=0.0)).objective == solve(matrix, Options(gap=0.0)).objective
