"""A region by itself with its hours behind cuts: what is proven of it is true, and what it adds to a bound is, too."""

from __future__ import annotations

import numpy as np
import pytest

from grid_opt.formulation.model import build_model
from grid_opt.solve import hour_programs, regions
from grid_opt.solve.answer import Options
from grid_opt.solve.extract import layout
from grid_opt.solve.highs import solve
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.regions import UNPLACED, Regions, Relaxed
from grid_opt.solve.search import search
from grid_opt.solve.sites import sites_of
from grid_opt.solve.standard_form import Layout, Matrix, to_matrix
from tests.tiny import tiny_world
from tests.tiny_supply import RICH_SUPPLY, rich_sources, supply_case, supply_world

OPTIONS = Options(gap=0.0)
_FEW = 2
"""Regions with which the relaxation begins: fewer than it needs."""
_SEEDS = (4, 5, 7, 10)
"""Worlds that have plans, and regions whose hours need cuts at other prices than those of the relaxation."""


@pytest.fixture(autouse=True)
def hours_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every set of hours be kept in HiGHS, but for some that have to make room."""
    monkeypatch.setattr(hour_programs, "LARGE", 1)
    monkeypatch.setattr(hour_programs, "_HELD", 400)


def _program(seed: int) -> tuple[Matrix, Layout]:
    case = supply_case(RICH_SUPPLY)
    world = tiny_world(case, 8, seed)
    model = build_model(case, supply_world(case, world, **rich_sources(world)))
    matrix = to_matrix(model.pyomo)
    return matrix, layout(matrix, model)


def _relaxed(matrix: Matrix, where: Layout) -> tuple[Regions, Relaxed]:
    """Return regions with cuts in the place of hours, and their relaxation."""
    recourse = Recourse(matrix, where.hourly, OPTIONS)
    places = recourse.joined(where.places, UNPLACED)
    found = Regions(recourse.master, places, sites_of(recourse.master, places), recourse)
    return found, found.relaxation(OPTIONS, _FEW)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("seed", _SEEDS)
def test_a_region_costs_behind_cuts_what_it_costs_with_its_hours(
    seed: int, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    with_hours, relaxed = _relaxed(*_program(seed))
    behind, again = _relaxed(*_program(seed))
    assert again.answer.objective == pytest.approx(relaxed.answer.objective)
    monkeypatch.setattr(regions, "_MANY", 0)
    behind._behind.update(behind.sites)
    prices, rounding = factor * relaxed.prices, 2e-5 * abs(relaxed.answer.objective)
    for r in behind.sites:
        for whole, opened in ((False, False), (True, False), (False, True), (True, True)):
            monkeypatch.setattr(regions, "_MANY", 10**9)
            true = with_hours.worth(r, prices, OPTIONS, whole=whole, opened=opened)
            monkeypatch.setattr(regions, "_MANY", 0)
            found = behind.worth(r, prices, OPTIONS, whole=whole, opened=opened)
            assert found.status == true.status
            if true.status == "infeasible":  # there is no room for a campus
                assert opened
                continue
            assert found.bound <= true.objective + 1e-7 * abs(relaxed.answer.objective)
            assert found.bound == pytest.approx(true.bound, abs=rounding)
            assert found.objective == pytest.approx(true.objective, abs=rounding), "with its hours at what they cost"
    assert factor == 1.0 or any(behind._cuts.values())


@pytest.mark.parametrize("seed", _SEEDS)
def test_whole_numbers_of_regions_behind_cuts_add_to_a_bound_of_all_plans(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """By weak duality: what is counted of each region in turn, one with whole numbers after the other."""
    monkeypatch.setattr(regions, "_MANY", 0)
    matrix, where = _program(seed)
    best = solve(matrix, OPTIONS)
    found, relaxed = _relaxed(matrix, where)
    floor = relaxed.answer.bound
    for r in found.sites:
        linear = found.worth(r, relaxed.prices, OPTIONS).bound
        floor += max(0.0, found.worth(r, relaxed.prices, OPTIONS, whole=True).bound - linear)
    assert relaxed.answer.bound <= floor <= best.objective + 1e-7 * abs(best.objective)


def test_what_was_counted_in_a_bound_is_told_again_however_many_cuts_there_are() -> None:
    found, relaxed = _relaxed(*_program(4))
    for r in found.sites:
        first = found.worth(r, relaxed.prices, OPTIONS)
        found.worth(r, relaxed.prices, OPTIONS, whole=True)
        assert found.worth(r, relaxed.prices, OPTIONS) is first
        assert found.worth(r, relaxed.prices.copy(), OPTIONS) is not first


@pytest.mark.parametrize("seed", range(6))
def test_the_search_with_all_hours_behind_cuts_finds_the_same_optimum(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(regions, "_MANY", 0)
    matrix, where = _program(seed)
    known = solve(matrix, OPTIONS)
    answer = search(matrix, np.zeros(matrix.shape[1], dtype=bool), where, OPTIONS)
    assert answer.status == known.status
    if known.x is not None:
        assert answer.objective == pytest.approx(known.objective, rel=1e-7)
        assert answer.bound <= known.objective * (1 + 1e-9)


def test_out_of_time_nothing_is_claimed_of_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "_MANY", 0)
    found, relaxed = _relaxed(*_program(4))
    found._linear.clear()
    monkeypatch.setattr(regions, "_CUTS_S", 0.0)
    found._behind.update(found.sites)
    assert {found.worth(r, relaxed.prices, OPTIONS).bound for r in found.sites} == {-np.inf}


def test_what_regions_found_by_themselves_is_told_to_the_program_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "_MANY", 0)
    found, relaxed = _relaxed(*_program(4))
    found._behind.update(found.sites)
    points = {r: found.worth(r, 0.5 * relaxed.prices, OPTIONS, whole=True, opened=r == 0).x for r in found.sites}
    before, cuts = found.matrix.shape[0], sum(wanted.sum() for some in found._cuts.values() for _, wanted in some)
    assert cuts > 0
    found.learn({r: x for r, x in points.items() if x is not None})
    assert found.matrix.shape[0] >= before + cuts
    assert not any(found._cuts.values())
