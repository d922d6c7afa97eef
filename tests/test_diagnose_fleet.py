"""What a fleet lacks is told in numbers, and the repairs work as a planner would apply them, no larger than needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import Case, with_overrides
from grid_opt.formulation.model import build_model
from grid_opt.solve.answer import Options
from grid_opt.solve.diagnose import explain_infeasible, find_repairs
from grid_opt.solve.highs import solve
from grid_opt.solve.limits import Program, Trial, impose, investment
from grid_opt.solve.standard_form import Matrix, to_matrix
from tests.tiny_fleet import fleet_case, fleet_tiny_world

DUTY: dict[str, Any] = {"commitments": "every", "targets_mw": {"2026Q3": 10.0, "2026Q4": 20.0}}
FEW = np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
MANY = np.full((2, 4), 8.0)


def _case(**fleet: Any) -> Case:
    return fleet_case(demand=DUTY, fleet={"filled_share": 0.9, **fleet})


def _matrix(case: Case, world: xr.Dataset) -> Matrix:
    return to_matrix(build_model(case, world).pyomo)


def _fresh(world: xr.Dataset, old: Case, new: Case) -> xr.Dataset:
    scale = new.fleet.delivery_scale / old.fleet.delivery_scale
    return world.assign(
        target=("quarter", [new.target_mw(q) for q in new.quarters]),
        deliveries_most=world["deliveries_most"] * scale,
        deliveries_least=world["deliveries_least"] * scale,
    )


def _feasible(case: Case, world: xr.Dataset) -> bool:
    matrix = _matrix(case, world)
    answer = solve(replace(matrix, cost=np.zeros_like(matrix.cost)), Options())
    assert answer.status in ("optimal", "infeasible")
    return answer.x is not None


def _less(override: str) -> str:
    knob, value = override.split("=")
    step = {"fleet.delivery_scale": -2e-4, "fleet.filled_share": 2e-4}.get(knob, 10.0)  # targets: one hall
    return f"{knob}={float(value) + step}"


def test_too_few_systems_are_told_and_mended() -> None:
    case = _case()
    world = fleet_tiny_world(case, deliveries_most=FEW)
    assert not _feasible(case, world)
    repairs = find_repairs(_matrix(case, world), Options(), case)
    assert {repair.constraints for repair in repairs} == {("fleet.deliveries",), ("fleet.filled",), ("campus.tranche",)}
    for repair in repairs:
        assert repair.smallest
        new = with_overrides(case, repair.overrides)
        assert _feasible(new, _fresh(world, case, new)), str(repair)
        for override in repair.overrides:
            less = with_overrides(new, [_less(override)])
            assert not _feasible(less, _fresh(world, case, less)), f"{repair}: {less.fleet} does too"

    text = str(explain_infeasible(_matrix(case, world), Options(), case))
    assert "asks for systems of 18 MW IT; vendors deliver 10 MW by then" in text
    # Two of 5 MW are delivered and four are needed, for systems are whole: 20 MW for the 18 asked.
    assert "fleet.delivery_scale = 2 (now 1)" in text
    assert "fleet.filled_share = 0.5 (now 0.9)" in text


def test_imposing_other_limits_equals_building_anew() -> None:
    case = _case()
    world = fleet_tiny_world(case, deliveries_most=MANY, deliveries_least=MANY / 4)
    program = Program(investment(_matrix(case, world)), case)
    scaled = with_overrides(case, ["fleet.delivery_scale=0.5", "demand.targets_mw.2026Q4=10.0"])
    imposed = impose(program, Trial(scaled))
    rebuilt = investment(_matrix(scaled, _fresh(world, case, scaled)))
    assert np.array_equal(imposed.row_upper, rebuilt.row_upper)
    assert np.array_equal(imposed.row_lower, rebuilt.row_lower)
    assert (imposed.rows_matrix != rebuilt.rows_matrix).nnz == 0


@pytest.mark.parametrize(("fleet", "named"), [({}, "the hourly operation"), ({"region_loss": True}, "region_loss")])
def test_what_the_search_leaves_out_is_named(fleet: dict[str, Any], named: str) -> None:
    case = _case(**fleet)
    text = str(explain_infeasible(_matrix(case, fleet_tiny_world(case, deliveries_most=MANY)), Options(), case))
    assert "Campuses, systems and grid alone allow a plan" in text
    assert named in text
