"""A price on money bounds what any plan within a budget serves, and whole campuses near it make a plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grid_opt.config import Case
from grid_opt.formulation.model import build_model
from grid_opt.solve import search as searching
from grid_opt.solve.answer import Options
from grid_opt.solve.budget import ROW, search_priced
from grid_opt.solve.extract import counted
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import Matrix, families, to_matrix
from tests.tiny_fleet import fleet_case, fleet_tiny_world


def _case(money: float) -> Case:
    return fleet_case(objective={"goal": "most_tokens"}, budget={"present_value_musd": money})


def _program(money: float, seed: int) -> tuple[Matrix, np.ndarray, int]:
    case = _case(money)
    model = build_model(case, fleet_tiny_world(case, 3, seed, deliveries_most=np.full((2, 4), 4.0)))
    matrix = to_matrix(model.pyomo)
    return matrix, counted(matrix, model), families(matrix).index(ROW)


def _silent(_text: str) -> None:
    return None


@pytest.mark.parametrize("money", [30.0, 60.0, 200.0])
@pytest.mark.parametrize("seed", range(3))
def test_bound_and_plan_enclose_the_optimum_and_the_budget_holds(money: float, seed: int) -> None:
    matrix, counts, row = _program(money, seed)
    fractions = replace(matrix, integer=matrix.integer & ~counts)
    known = solve(fractions, Options(gap=0.0))
    found = search_priced(fractions, row, Options(gap=0.001), _silent)
    slack = 1e-6 * (1 + abs(known.objective))
    assert found.x is not None and found.status in ("optimal", "feasible")
    assert found.bound <= known.objective + slack and found.objective >= known.objective - slack
    spent = float((matrix.rows_matrix[[row]] @ found.x)[0])
    assert spent <= matrix.row_upper[row] * (1 + 1e-9)
    assert found.status == ("optimal" if found.gap <= 0.001 else "feasible")


def test_the_whole_search_ends_with_whole_systems_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grid_opt.solve.budget.DENSE", 1)
    matrix, counts, _row = _program(200.0, 0)
    answer = searching.search(matrix, counts, None, Options(gap=0.05))
    known = solve(matrix, Options(gap=0.0))
    assert answer.x is not None
    np.testing.assert_allclose(answer.x[counts], np.round(answer.x[counts]), atol=1e-6)
    assert answer.bound <= known.objective + 1e-6 <= answer.objective + 2e-6


def test_a_budget_below_the_least_cost_is_infeasible() -> None:
    matrix, counts, row = _program(60.0, 0)
    fractions = replace(matrix, integer=matrix.integer & ~counts)
    lower = matrix.row_upper.copy()
    lower[row] = -1.0
    answer = search_priced(replace(fractions, row_upper=lower), row, Options(), _silent)
    assert answer.status == "infeasible" and "least cost" in answer.detail
