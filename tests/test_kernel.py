"""Searching a few regions first changes how soon a plan is found, never what is optimal or proven."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from grid_opt.config import Case
from grid_opt.formulation.model import build_model
from grid_opt.solve.answer import Answer, Options, Progress
from grid_opt.solve.extract import layout
from grid_opt.solve.highs import solve
from grid_opt.solve.kernel import Proven, search_sites
from grid_opt.solve.regions import UNPLACED, Numbers, Regions
from grid_opt.solve.sites import sites_of
from grid_opt.solve.standard_form import Array, Matrix, to_matrix
from grid_opt.solve.tighten import implied_bounds, tightened
from tests.tiny import tiny_case, tiny_world

_FEW = 2
"""Regions with which the relaxation begins: fewer than it needs."""


def _program(seed: int, case: Case | None = None) -> tuple[Matrix, Numbers]:
    case = tiny_case() if case is None else case
    model = build_model(case, tiny_world(case, 8, seed))
    matrix = to_matrix(model.pyomo)
    return matrix, layout(matrix, model).places


def _regions(matrix: Matrix, where: Numbers) -> Regions:
    return Regions(matrix, where, sites_of(matrix, where))


def _linear(matrix: Matrix) -> Matrix:
    return replace(matrix, integer=np.zeros_like(matrix.integer))


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_the_same_optimum_and_never_claims_a_bound_above_it(seed: int) -> None:
    matrix, where = _program(seed)
    known = solve(matrix, Options(gap=0.0))
    news: list[Progress] = []
    stages: list[str] = []
    answer = search_sites(matrix, where, Options(gap=0.0, progress=news.append), stages.append, _FEW)
    assert answer.status == known.status
    if known.x is None:
        return
    assert answer.objective == pytest.approx(known.objective, rel=1e-9)
    assert answer.bound <= answer.objective
    assert any("searching the" in text for text in stages), "some region stays closed in every one of these worlds"
    slack = 1e-6 * abs(known.objective)
    assert all(one.bound <= known.objective + slack and one.incumbent >= known.objective - slack for one in news)
    assert [one.seconds for one in news] == sorted(one.seconds for one in news)


@pytest.mark.parametrize("seed", range(6))
def test_the_relaxation_by_regions_is_the_relaxation(seed: int) -> None:
    matrix, where = _program(seed)
    known, regions = solve(_linear(matrix), Options()), _regions(matrix, where)
    found = regions.relaxation(Options(), _FEW)
    assert found.answer.status == known.status
    if known.x is None:
        return
    assert found.answer.objective == pytest.approx(known.objective, rel=1e-6)
    assert found.answer.bound <= known.objective * (1 + 1e-9)
    assert found.answer.bound == pytest.approx(known.objective, rel=2e-6)


def test_columns_without_a_region_go_with_the_one_they_share_rows_with() -> None:
    """Rows: x0 + u <= 1 in region 0 alone; x1 + w <= 1 in region 1; x0 + x1 <= 1 and w + t <= 1 join."""
    matrix, _ = _program(1)
    entries = np.array([[1.0, 0, 1, 0, 0], [0, 1, 0, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 1, 1]])
    small = replace(
        matrix, cost=np.zeros(5), rows_matrix=type(matrix.rows_matrix)(entries), row_lower=np.full(4, -np.inf),
        row_upper=np.ones(4), col_lower=np.zeros(5), col_upper=np.ones(5), integer=np.zeros(5, dtype=bool),
        rows=list("abcd"), columns=list("vwxyz"),
    )  # fmt: skip
    regions = Regions(small, np.array([0, 1, UNPLACED, UNPLACED, -2]), {0: [0], 1: [1]})
    assert regions.of_column.tolist() == [0, 1, 0, 1, UNPLACED]
    assert regions.of_row.tolist() == [0, 1, UNPLACED, UNPLACED]


@pytest.mark.parametrize("seed", range(4))
def test_what_opening_a_region_costs_is_never_more_than_it_does(seed: int) -> None:
    """Hold one campus after another open, and solve the whole."""
    matrix, where = _program(seed)
    regions = _regions(matrix, where)
    relaxed = regions.relaxation(Options(), _FEW)
    if relaxed.answer.x is None:
        pytest.skip("no plan in this world")
    for r, columns in regions.sites.items():
        lower = matrix.col_lower.copy()
        lower[columns[-1]] = 1.0
        known = solve(replace(matrix, col_lower=lower), Options(gap=0.0))
        free = min(0.0, regions.worth(r, relaxed.prices, Options()).bound)
        opened = regions.worth(r, relaxed.prices, Options(), whole=True, opened=True).bound
        assert relaxed.answer.bound - free + opened <= known.objective + 1e-5 * abs(relaxed.answer.objective)


@pytest.mark.parametrize("gap", [0.0, 0.02, 0.2])
def test_the_bound_holds_at_any_asked_gap(gap: float) -> None:
    for seed in range(4):
        matrix, where = _program(seed)
        known = solve(matrix, Options(gap=0.0))
        answer = search_sites(matrix, where, Options(gap=gap), first=_FEW)
        assert answer.status == known.status
        if known.x is not None:
            assert answer.bound <= known.objective * (1 + 1e-9) <= answer.objective * (1 + 2e-9)
            assert answer.gap <= gap + 1e-9


def _nearly(first: Answer, _proven: Proven, _effort: bool) -> float:
    return first.objective * (1 - 1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_regions_that_were_closed_in_hope_are_opened_again(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that is made of the best may leave less to the proof than was hoped; no plan is lost by that."""
    monkeypatch.setattr("grid_opt.solve.kernel._HOPED", 1e9)
    opened = 0
    for seed in range(4):
        matrix, where = _program(seed)
        known = solve(matrix, Options(gap=0.0))
        stages: list[str] = []
        options = Options(gap=1e-6, threads=threads)
        answer = search_sites(matrix, where, options, stages.append, _FEW, enough=_nearly)
        assert answer.status == known.status
        if known.x is not None:
            assert answer.objective == pytest.approx(known.objective, rel=2e-6)
            assert answer.bound <= known.objective * (1 + 1e-9)
        opened += len({text for text in stages if text.startswith("bounding")}) > 1
    assert opened, "in some of these worlds more regions are bounded than at first"


def test_an_infeasible_relaxation_settles_it() -> None:
    matrix, where = _program(1)
    rows = np.array([row.parent_component().local_name == "campus__tranche" for row in matrix.rows])
    asked = replace(matrix, row_lower=np.where(rows, 1e3, matrix.row_lower))
    answer = search_sites(asked, where, Options(), first=_FEW)
    assert answer.status == "infeasible" and answer.x is None


def test_where_the_few_regions_hold_no_plan_all_are_searched() -> None:
    """Regions hold 1.5 halls each and six are asked for: the relaxation fills fewer regions than whole halls need."""
    case = tiny_case(demand={"targets_mw": {"2026Q4": 60.0}}, campus={"min_campus_mw": 10.0, "max_sites": 7})
    world = tiny_world(case, 8, 1)
    world["headroom"] = world["headroom"] * 0.0 + 18.0
    world["site_lead_quarters"] = world["site_lead_quarters"] * 0.0 + 1.0
    model = build_model(case, world)
    matrix = to_matrix(model.pyomo)
    stages: list[str] = []
    answer = search_sites(matrix, layout(matrix, model).places, Options(gap=0.0), stages.append)
    assert answer.objective == pytest.approx(solve(matrix, Options(gap=0.0)).objective, rel=1e-9)
    assert stages[-1] == "searching 8 of 8 regions"


def test_it_can_be_stopped_before_there_is_a_plan() -> None:
    stop = threading.Event()
    stop.set()
    answer = search_sites(*_program(1), Options(stop=stop))
    assert answer.x is None or answer.interrupted


# --- tightening


@pytest.mark.parametrize("seed", range(6))
def test_tightening_keeps_every_plan_and_raises_the_relaxation(seed: int) -> None:
    matrix, _ = _program(seed)
    tight = tightened(matrix)
    known = solve(matrix, Options(gap=0.0))
    assert solve(tight, Options(gap=0.0)).status == known.status
    if known.x is None:
        return
    assert solve(tight, Options(gap=0.0)).objective == pytest.approx(known.objective, rel=1e-9)
    loose, close = solve(_linear(matrix), Options()).objective, solve(_linear(tight), Options()).objective
    assert loose * (1 - 1e-9) <= close <= known.objective * (1 + 1e-9)


def test_a_coefficient_is_the_least_that_says_the_same() -> None:
    """n <= 25 z with room for six halls, and a row that calls for two of them where z is open."""
    matrix, _ = _program(1)
    entries = type(matrix.rows_matrix)(np.array([[1.0, -25.0], [1.0, 0.0], [-1.0, 9.0]]))
    small = replace(
        matrix, cost=np.zeros(2), rows_matrix=entries, row_lower=np.full(3, -np.inf),
        row_upper=np.array([0.0, 6.4, 7.0]), col_lower=np.zeros(2), col_upper=np.array([np.inf, 1.0]),
        integer=np.ones(2, dtype=bool), rows=list("abc"), columns=list("nz"),
    )  # fmt: skip
    lower, upper = implied_bounds(small)
    assert lower.tolist() == [0.0, 0.0] and upper.tolist() == [6.0, 1.0]
    tight = tightened(small)
    assert tight.rows_matrix.toarray().tolist() == [[1.0, -6.0], [1.0, 0.0], [-1.0, 2.0]]
    assert tight.row_upper.tolist() == [0.0, 6.4, 0.0]


def test_a_region_whose_worth_is_not_known_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the bound without such a region is not known either; it is not endless."""
    stages: list[str] = []
    worth = Regions.worth

    def out_of_time(self: Regions, region: int, prices: Array, options: Options, **how: bool) -> Answer:
        found = worth(self, region, prices, options, **how)
        late = any(text.startswith("proving what it costs") for text in stages) and not any(how.values())
        return replace(found, bound=-np.inf) if late else found

    monkeypatch.setattr(Regions, "worth", out_of_time)
    asked = []
    for seed in range(6):
        matrix, where = _program(seed)
        known = solve(matrix, Options(gap=0.0))
        stages.clear()
        answer = search_sites(matrix, where, Options(gap=0.0), stages.append, _FEW)
        if known.x is not None:
            assert answer.bound <= known.objective * (1 + 1e-9) <= answer.objective * (1 + 2e-9)
        asked += [text for text in stages if text.startswith("bounding")]
    assert set(asked) == {"bounding 8 of 8 regions"}
