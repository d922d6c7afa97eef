"""Prices of all rows of a program whose hours were left out are a dual of it: they prove its objective."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grid_opt.formulation.model import build_model
from grid_opt.solve.answer import Answer, Options, audit
from grid_opt.solve.by_hours import ByHours
from grid_opt.solve.extract import counted, layout, polish, price_fleet, price_siting
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import Matrix, fix_integers, to_matrix
from tests.tiny import tiny_world
from tests.tiny_supply import RICH_SUPPLY, rich_sources, supply_case, supply_world

OPTIONS = Options(gap=0.0)


def _proven(program: Matrix, answer: Answer) -> float:
    """Return what prices of rows prove of the objective; of what has no end, nothing but rounding may be left."""
    assert answer.row_dual is not None and answer.reduced_cost is not None
    assert answer.reduced_cost == pytest.approx(program.cost - program.rows_matrix.T @ answer.row_dual)
    total = program.offset
    for price, low, high in (
        (answer.row_dual, program.row_lower, program.row_upper),
        (answer.reduced_cost, program.col_lower, program.col_upper),
    ):
        end = np.where(price > 0, low, high)
        endless = ~np.isfinite(end)
        assert np.abs(price[endless]).max(initial=0.0) < 1e-7
        total += float(price[~endless] @ end[~endless])
    return total


@pytest.mark.parametrize("seed", [4, 5, 7, 10])
def test_prices_of_a_program_taken_apart_prove_what_it_costs(seed: int) -> None:
    case = supply_case(RICH_SUPPLY)
    world = tiny_world(case, 8, seed)
    model = build_model(case, supply_world(case, world, **rich_sources(world)))
    matrix = to_matrix(model.pyomo)
    best = solve(matrix, OPTIONS)
    assert best.x is not None
    apart = ByHours(matrix, layout(matrix, model).hourly, OPTIONS)
    fixed = fix_integers(matrix, best.x)
    found, known = polish(matrix, best, OPTIONS, apart), polish(matrix, best, OPTIONS)
    assert found.objective == pytest.approx(known.objective)
    assert found.x is not None and audit(fixed, found.x) == pytest.approx(known.objective)
    assert _proven(fixed, apart.solve(fixed, OPTIONS)) == pytest.approx(known.objective)
    # At local prices nobody does otherwise in an hour: what runs between its bounds is worth what it costs.
    assert found.row_dual is not None
    hourly = layout(matrix, model).hourly & (matrix.cost != 0.0)
    between = hourly & (found.x > fixed.col_lower + 1e-6) & (found.x < fixed.col_upper - 1e-6)
    assert between.any()
    assert (fixed.cost - fixed.rows_matrix.T @ found.row_dual)[between] == pytest.approx(0.0, abs=1e-7)
    # Likewise where what is fixed changes: the same hours, other bounds.
    for one, other in (
        (price_siting(matrix, best.x, OPTIONS, apart), price_siting(matrix, best.x, OPTIONS)),
        (price_fleet(matrix, best.x, model, OPTIONS, apart), price_fleet(matrix, best.x, model, OPTIONS)),
    ):
        assert one is not None and other is not None
        assert one.objective == pytest.approx(other.objective)
    free = fix_integers(matrix, best.x, free=counted(matrix, model))
    again = price_fleet(matrix, best.x, model, OPTIONS, apart)
    assert again is not None and _proven(free, again) == pytest.approx(again.objective)


def test_a_program_without_a_solution_has_none_taken_apart() -> None:
    case = supply_case(RICH_SUPPLY)
    world = tiny_world(case, 8, 4)
    model = build_model(case, supply_world(case, world, **rich_sources(world)))
    matrix = to_matrix(model.pyomo)
    apart = ByHours(matrix, layout(matrix, model).hourly, OPTIONS)
    nowhere = replace(matrix, col_upper=np.where(matrix.integer, 0.0, matrix.col_upper))
    assert apart.solve(fix_integers(nowhere, np.zeros(matrix.shape[1])), OPTIONS).status == "infeasible"
