"""Whichever strategy searches, the optimum is the same, and what each proves encloses what the other found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from grid_opt.config import Case
from grid_opt.formulation.model import Model, build_model
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.extract import counted, layout, store, variables
from grid_opt.solve.kernel import REPRICED, Ended
from grid_opt.solve.search import _Made, _Search, search
from grid_opt.solve.standard_form import Array, Flags, Matrix, to_matrix
from grid_opt.solve.start import decisions_of
from grid_opt.solve.tighten import tightened
from grid_opt.study.plan_case import decomposes
from tests.tiny import tiny_case, tiny_world
from tests.tiny_fleet import fleet_case, fleet_tiny_world
from tests.tiny_menu import menu_case, menu_world, rich_offers
from tests.tiny_supply import RICH_SUPPLY, rich_sources, supply_case, supply_world
from tests.tiny_tariffs import by_size, charges, named, tariffs_world

_REGIONS = 5


def _halls(seed: int) -> Model:
    case = tiny_case()
    return build_model(case, tiny_world(case, 8, seed))


def _network(seed: int) -> Model:
    case = tiny_case(grid={"network": True})
    return build_model(case, tiny_world(case, _REGIONS, seed))


def _menu(seed: int) -> Model:
    case = menu_case()
    return build_model(case, menu_world(case, rich_offers(), tiny_world(case, _REGIONS, seed), {"Z0": 25.0}))


def _fleet(seed: int) -> Model:
    case = fleet_case()
    return build_model(case, fleet_tiny_world(case, 4, seed))


def _supply(seed: int) -> Model:
    case = supply_case(RICH_SUPPLY)
    world = tiny_world(case, _REGIONS, seed)
    return build_model(case, supply_world(case, world, **rich_sources(world)))


def _tariffs(seed: int) -> Model:
    case, kinds = menu_case(tariffs={"charge": True}), charges()
    world = menu_world(case, rich_offers(), tiny_world(case, 3, seed))
    tariffs = {"Z0": named(kinds["four peaks"], "four"), "Z1": by_size(25.0), "Z2": named(kinds["falling tiers"], "f")}
    return build_model(case, tariffs_world(case, tariffs, world))


KINDS: dict[str, Callable[[int], Model]] = {
    "halls": _halls, "network": _network, "menu": _menu, "fleet": _fleet, "supply": _supply, "tariffs": _tariffs,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", KINDS)
def test_both_strategies_find_the_same_optimum(kind: str, seed: int) -> None:
    model = KINDS[kind](seed)
    matrix = to_matrix(model.pyomo)
    tight, counts = tightened(matrix), counted(matrix, model)
    options = Options(gap=0.0, time_limit_s=60.0, threads=1 + seed % 2)
    monolith = search(matrix, counts, None, options)
    parts = search(tight, counts, layout(matrix, model), options)
    assert parts.status == monolith.status
    if monolith.x is None:
        return
    size = 1.0 + abs(monolith.objective)
    assert abs(parts.objective - monolith.objective) <= 1e-6 * size
    assert parts.bound <= monolith.objective + 1e-6 * size and monolith.bound <= parts.objective + 1e-6 * size
    assert parts.x is not None and (np.abs(parts.x - np.round(parts.x))[matrix.integer] <= 1e-5).all()


def test_the_strategy_is_chosen_by_the_number_of_regions() -> None:
    assert decomposes(Case(), 40) and not decomposes(Case(), 5)
    named_one = Case.model_validate({"solve": {"strategy": "decomposition"}})
    assert decomposes(named_one, 2)
    assert not decomposes(Case.model_validate({"solve": {"strategy": "monolith"}}), 40)


@pytest.mark.parametrize("seed", range(4))
def test_a_known_plan_is_repriced_and_never_worse_than_asked(seed: int) -> None:
    """Plan at one price of power, then begin with that plan at another: the same optimum, at any asked gap."""
    case = tiny_case()
    world = tiny_world(case, 8, seed)
    dearer = world.assign(price=world["price"] * 1.3)
    known = build_model(case, world)
    matrix = to_matrix(known.pyomo)
    before = search(tightened(matrix), counted(matrix, known), layout(matrix, known), Options(gap=0.0))
    if before.x is None:
        return
    store(matrix, before.x, known)
    plan = world.assign(variables(known, world))
    model = build_model(case, dearer)
    matrix = to_matrix(model.pyomo)
    truth = search(matrix, counted(matrix, model), None, Options(gap=0.0))
    decisions = decisions_of(plan, matrix, model)
    assert (decisions[matrix.integer] == np.round(before.x)[matrix.integer]).all()
    for where in (layout(matrix, model), None):
        for gap in (0.0, 0.3):
            told: list[str] = []
            found = search(tightened(matrix), counted(matrix, model), where, Options(gap=gap), told.append, decisions)
            assert found.status == "optimal" and found.gap <= gap + 1e-9
            assert found.bound <= truth.objective * (1 + 1e-9) <= found.objective * (1 + 2e-9)
            assert any("known plan comes to" in text for text in told)
            if gap and where is not None:
                assert found.detail == REPRICED and found.nodes == 0


def test_a_known_plan_that_is_none_of_this_case_is_left_aside() -> None:
    case = tiny_case()
    world = tiny_world(case, 8, 1)
    model = build_model(case, world)
    matrix = to_matrix(model.pyomo)
    told: list[str] = []
    nothing = np.zeros(matrix.shape[1])  # builds nothing, and so misses every target
    counts, where = counted(matrix, model), layout(matrix, model)
    found = search(tightened(matrix), counts, where, Options(gap=0.0), told.append, nothing)
    truth = search(matrix, counts, None, Options(gap=0.0))
    assert found.objective == pytest.approx(truth.objective, rel=1e-9)
    assert "the known plan is none of this case: searching anew" in told


@pytest.mark.parametrize("seed", range(4))
def test_whole_systems_are_found_when_there_was_no_time_for_effort(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that ends while it makes a better plan with whole systems has one all the same."""
    model = _fleet(seed)
    matrix = to_matrix(model.pyomo)
    counts, where = counted(matrix, model), layout(matrix, model)
    truth = search(matrix, counts, None, Options(gap=0.0))
    program, made = tightened(matrix), _Made(_Search(Options(gap=0.0), lambda text: None), matrix, counts)
    first = search(replace(program, integer=program.integer & ~counts), np.zeros_like(counts), where, Options(gap=0.0))
    asked: list[bool] = []
    whole = _Search.whole

    def hurried(
        self: _Search, matrix: Matrix, counts: Flags, x: Array, limit_s: float, until: Ended, *, effort: bool
    ) -> Answer:  # fmt: skip
        asked.append(effort)
        none = Answer("no_plan", "Time limit reached")
        return none if effort else whole(self, matrix, counts, x, limit_s, until, effort=False)

    monkeypatch.setattr(_Search, "whole", hurried)
    bound = made.enough(first, lambda: first.bound, effort=True)
    assert asked == [True, False]
    assert np.isfinite(bound) and bound >= truth.objective * (1 - 1e-9), "a plan with whole systems was found"
    made.of(first, lambda: first.bound)
    assert asked == [True, False], "it is made once"
