"""The plans of a sweep under other cases: against the same case solved with only those regions, and spoiled by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from grid_opt.config.loading import case_from_toml
from grid_opt.formulation.model import Model, build_model
from grid_opt.inputs.world import build_world
from grid_opt.report import style, sweep_charts
from grid_opt.solve.answer import Options
from grid_opt.solve.extract import store, variables
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import Matrix, to_matrix
from grid_opt.study.sweeps.regret import in_words, siting_of, with_siting
from tests.sweep_fixture import FAST

EXACT = Options(gap=1e-7, threads=1)


def built(regions: str = '["OK", "TX_N", "TX_W"]', price: float = 1.0) -> tuple[xr.Dataset, Model, Matrix]:
    text = FAST.replace('["OK", "TX_N", "TX_W"]', regions).replace("[energy]", f"[energy]\nprice_scale = {price}")
    case = case_from_toml(text)
    world = build_world(case)
    model = build_model(case, world)
    return world, model, to_matrix(model.pyomo)


def solved(world: xr.Dataset, model: Model, matrix: Matrix) -> tuple[float, xr.Dataset]:
    answer = solve(matrix, EXACT)
    assert answer.x is not None
    store(matrix, answer.x, model)
    return answer.objective, world.assign(variables(model, world))


def within(matrix: Matrix, model: Model, regions: str) -> Matrix:
    """Return the program in which no campus stands outside some regions."""
    sites = {id(data): key for key, data in model.component("campus.site").items()}
    out = [id(column) in sites and sites[id(column)][0] not in regions for column in matrix.columns]
    return replace(matrix, col_upper=np.where(out, 0.0, matrix.col_upper))


@pytest.fixture(scope="module")
def dear() -> tuple[xr.Dataset, Model, Matrix]:
    return built(price=2.0)


def test_a_plan_under_its_own_case_costs_what_it_costs(dear: tuple[xr.Dataset, Model, Matrix]) -> None:
    best, plan = solved(*dear)
    kept = with_siting(dear[2], dear[1], siting_of(plan))
    assert kept is not None
    assert solve(kept, EXACT).objective == pytest.approx(best, rel=1e-6)


def test_a_plan_from_elsewhere_costs_what_the_case_costs_without_other_regions(
    dear: tuple[xr.Dataset, Model, Matrix],
) -> None:
    best, _ = solved(*dear)
    found = []
    for pair in ('["OK", "TX_N"]', '["OK", "TX_W"]', '["TX_N", "TX_W"]'):
        world, model, matrix = built(pair)
        if solve(matrix, EXACT).x is None:
            continue  # these two have no headroom for the target
        _, elsewhere = solved(world, model, matrix)
        kept = with_siting(dear[2], dear[1], siting_of(elsewhere))
        assert kept is not None
        cost, alone = solve(kept, EXACT).objective, solve(within(dear[2], dear[1], pair), EXACT).objective
        assert cost >= alone * (1 - 1e-6), "no way to build in two regions is better than the best one"
        found.append(cost - best)
    assert len(found) >= 2 and min(found) >= -1e-6 * best
    assert max(found) > 0.01, "some two regions are worse ones"


def test_what_cannot_stand_is_told(dear: tuple[xr.Dataset, Model, Matrix]) -> None:
    _, model, matrix = dear
    assert with_siting(matrix, model, {("campus.site", "NOWHERE", "2026Q4"): 1.0}) is None
    for siting in ({("campus.halls", "OK", "2026Q4"): 99.0}, {}):
        kept = with_siting(matrix, model, siting)
        assert kept is None or solve(kept, EXACT).status == "infeasible"


def test_the_picture_says_where_a_plan_cannot_stand() -> None:
    table = pd.DataFrame([[0.0, math.nan], [12.5, 0.0]], index=["a" * 90, "b"], columns=["one", "two <b>"])
    with style.look():
        figure = sweep_charts.regrets(table, "million USD", "Made up")
    assert [text.get_text() for text in figure.axes[0].texts] == ["0", "cannot", "12.5", "0"]
    with style.look():
        wide = sweep_charts.regrets(pd.DataFrame(np.eye(60)), "million USD", "Made up")
    assert len(wide.axes[0].get_xticks()) == sweep_charts.MOST_COLUMNS


def test_the_words_name_the_plan_that_regrets_least() -> None:
    rows = [("a", "a", "own", 0.0), ("a", "b", "priced", 7.0), ("b", "a", "priced", 3.0), ("b", "b", "own", 0.0),
            ("c", "a", "impossible", math.nan), ("c", "b", "priced", 1.0)]  # fmt: skip
    told = in_words(pd.DataFrame(rows, columns=["plan", "case", "state", "regret"]), "million USD")
    assert told == [
        "least worst regret: the plan of b, at most 3 million USD above the best plan",
        "the campuses of c do not meet every limit of a",
    ]
