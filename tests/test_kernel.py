"""Searching a few regions first changes how soon a plan is found, never what is optimal or proven."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from grid_opt.formulation.model import build_model
from grid_opt.solve.highs import Options, Progress, solve
from grid_opt.solve.kernel import search_sites
from grid_opt.solve.standard_form import Matrix, to_matrix
from tests.tiny import tiny_case, tiny_world


def _program(seed: int) -> Matrix:
    case = tiny_case()
    return to_matrix(build_model(case, tiny_world(case, 8, seed)).pyomo)


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_the_same_optimum_and_never_claims_a_bound_above_it(seed: int) -> None:
    matrix = _program(seed)
    known = solve(matrix, Options(gap=0.0))
    news: list[Progress] = []
    stages: list[str] = []
    answer = search_sites(matrix, Options(gap=0.0, progress=news.append), stages.append)
    assert answer.status == known.status
    if known.x is None:
        return
    assert answer.objective == pytest.approx(known.objective, rel=1e-9)
    assert answer.bound <= answer.objective
    assert any("searching the" in text for text in stages), "some region stays closed in every one of these worlds"
    slack = 1e-6 * abs(known.objective)
    assert all(one.bound <= known.objective + slack and one.incumbent >= known.objective - slack for one in news)
    assert [one.seconds for one in news] == sorted(one.seconds for one in news)


def test_an_infeasible_relaxation_settles_it() -> None:
    matrix = _program(1)
    rows = np.array([row.parent_component().local_name == "campus__tranche" for row in matrix.rows])
    answer = search_sites(replace(matrix, row_lower=np.where(rows, 1e3, matrix.row_lower)), Options())
    assert answer.status == "infeasible" and answer.x is None


def test_where_the_few_regions_hold_no_plan_all_are_searched() -> None:
    """Regions hold 1.5 halls each and six are asked for: the relaxation fills fewer regions than whole halls need."""
    case = tiny_case(demand={"targets_mw": {"2026Q4": 60.0}}, campus={"min_campus_mw": 10.0, "max_sites": 7})
    world = tiny_world(case, 8, 1)
    world["headroom"] = world["headroom"] * 0.0 + 18.0
    world["site_lead_quarters"] = world["site_lead_quarters"] * 0.0 + 1.0
    matrix = to_matrix(build_model(case, world).pyomo)
    stages: list[str] = []
    answer = search_sites(matrix, Options(gap=0.0), stages.append)
    assert answer.objective == pytest.approx(solve(matrix, Options(gap=0.0)).objective, rel=1e-9)
    assert stages[-1] == "searching all 8 regions"


def test_it_can_be_stopped_before_there_is_a_plan() -> None:
    stop = threading.Event()
    stop.set()
    answer = search_sites(_program(1), Options(stop=stop))
    assert answer.x is None or answer.interrupted
