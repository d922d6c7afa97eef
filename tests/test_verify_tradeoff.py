"""Every check of a trade-off fails on a plan spoiled for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import xarray as xr

from grid_opt.study import plan_case as module
from grid_opt.verify import CHECKS, verify
from grid_opt.verify.evidence import Evidence
from tests.test_carbon import HARMLESS
from tests.test_verify import ONLY_IN_TRADEOFFS
from tests.test_verify_fleet import Mutation, add
from tests.test_verify_menu import knob, times
from tests.tiny import solve_tiny, tiny_case, tiny_world
from tests.tiny_fleet import fleet_case, fleet_tiny_world


def sound(plan: xr.Dataset) -> xr.Dataset:
    """Return the plan, once nothing that matters fails."""
    report = verify(plan, compare_tables=False)
    assert {check.name for check in report.failed} <= HARMLESS, report.failed
    return plan


@pytest.fixture(scope="module")
def monkey() -> Iterator[pytest.MonkeyPatch]:
    """Patch for as long as the plans of this module are made."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def plans(monkey: pytest.MonkeyPatch) -> dict[str, xr.Dataset]:
    """A plan that every criterion but tokens limits or weighs, and a plan of a fleet with tokens."""
    asked: dict[str, Any] = {
        "most": {"carbon": 420.0, "waiting": 130.0, "alike": 2.0},
        "weights": {"carbon": 0.001, "water": 1e-3, "waiting": 0.01, "concentration": 0.01},
        "references": [["Z0", "Z1"], ["Z3"]],
    }
    late = {"power_basis": "it", "commitments": "final", "targets_mw": {"2026Q4": 40.0}, "utilization_fraction": 0.8}
    case = tiny_case(carbon={"count": True}, water={"count": True}, demand=late, tradeoff=asked)
    served = fleet_case(objective={"goal": "least_cost"}, tradeoff={"weights": {"tokens": 5.0}})
    monkey.setattr(module, "definition_texts", lambda case, here: {})
    return {
        "halls": sound(solve_tiny(case, tiny_world(case, regions=4, seed=3)).plan),
        "fleet": sound(solve_tiny(served, fleet_tiny_world(served)).plan),
    }


MUTATIONS: dict[str, tuple[str, Mutation]] = {
    "tradeoff.reached": ("halls", add("reached", -1e6, criterion="water")),
    "tradeoff.late": ("halls", add("late", -500.0, quarter="2026Q4")),
    "tradeoff.carbon": ("halls", times("emission_average", 1.01)),
    "tradeoff.tokens": ("fleet", add("reached", -0.1, criterion="tokens")),
    "tradeoff.waiting": ("halls", add("reached", -1.0, criterion="waiting")),
    "tradeoff.water": ("halls", times("water_intensity", 1.01)),
    "tradeoff.concentration": ("halls", add("reached", -1.0, criterion="concentration")),
    "tradeoff.alike": ("halls", add("reached", -4.0, criterion="alike")),
    "tradeoff.missing": ("halls", add("late", -1.0, quarter="2026Q1")),
    "tradeoff.limit": ("halls", knob("tradeoff.most.carbon=300.0")),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_check_fails_on_a_plan_spoiled_for_it(name: str, plans: dict[str, xr.Dataset]) -> None:
    kind, mutate = MUTATIONS[name]
    spoiled = plans[kind].copy(deep=True)
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "holds"
    mutate(spoiled)
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "broken"


def test_every_check_has_a_mutation() -> None:
    assert set(MUTATIONS) == ONLY_IN_TRADEOFFS


def test_the_objective_holds_the_weights(plans: dict[str, xr.Dataset]) -> None:
    for kind, change in (("halls", "tradeoff.weights.concentration=1.0"), ("fleet", "tradeoff.cost_weight=0.5")):
        spoiled = plans[kind].copy(deep=True)
        knob(change)(spoiled)
        assert CHECKS["total.objective"](Evidence(spoiled, compare_tables=False)).state == "broken"


def test_wrong_prices_of_a_tonne_are_found(plans: dict[str, xr.Dataset]) -> None:
    plan = plans["halls"]
    cheap = plan.assign(dual_carbon_horizon=plan["dual_carbon_horizon"] - 5.0)
    assert CHECKS["plan.strictness"](Evidence(cheap, compare_tables=False)).state == "broken"
    dear = plan.assign(dual_carbon_horizon=plan["dual_carbon_horizon"] + 50.0)
    assert CHECKS["plan.duals"](Evidence(dear, compare_tables=False)).state == "broken"
