"""Whichever strategy searches, the optimum is the same, and what each proves encloses what the other found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from grid_opt.config import Case
from grid_opt.formulation.model import Model, build_model
from grid_opt.solve.extract import counted, places
from grid_opt.solve.highs import Options
from grid_opt.solve.search import search
from grid_opt.solve.standard_form import to_matrix
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
    tight, counts, options = tightened(matrix), counted(matrix, model), Options(gap=0.0, time_limit_s=60.0)
    monolith = search(matrix, counts, None, options)
    parts = search(tight, counts, places(matrix, model), options)
    assert parts.status == monolith.status
    if monolith.x is None:
        return
    size = 1.0 + abs(monolith.objective)
    assert abs(parts.objective - monolith.objective) <= 1e-6 * size
    assert parts.bound <= monolith.objective + 1e-6 * size and monolith.bound <= parts.objective + 1e-6 * size
    assert parts.x is not None and (np.abs(parts.x - np.round(parts.x))[matrix.integer] <= 1e-5).all()


def test_the_strategy_is_chosen_by_the_number_of_regions() -> None:
    assert decomposes(Case(), 40) and not decomposes(Case(), 8)
    named_one = Case.model_validate({"solve": {"strategy": "decomposition"}})
    assert decomposes(named_one, 2)
    assert not decomposes(Case.model_validate({"solve": {"strategy": "monolith"}}), 40)
