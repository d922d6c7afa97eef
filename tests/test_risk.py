"""Stochastic programs equal what enumeration of their first stages finds; the risk behaves as a risk must."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import xarray as xr

from grid_opt.formulation.extensive import Scenario, delivered, granted, print_risk
from grid_opt.formulation.model import build_model
from grid_opt.plan.first_stage import FirstStage, Room, first_stage_of
from grid_opt.solve import mpi_sppy
from grid_opt.solve.answer import audit
from grid_opt.solve.highs import solve
from grid_opt.solve.kernel import REPRICED
from grid_opt.solve.standard_form import to_matrix
from grid_opt.solve.stochastic import solve_joint
from grid_opt.study.stochastic.measure import Measure
from grid_opt.study.stochastic.tries import Tries
from grid_opt.verify.risk import RISK_CHECKS
from tests.tiny import solve_tiny
from tests.tiny_menu import Offer, menu_case, menu_world
from tests.tiny_risk import EXACT, Risky, every_siting, risky, risky_case, worlds_of
from tests.tiny_supply import Contract, Own, supply_case, supply_world

CHANCES = (0.5, 0.3, 0.2)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
NEAR = 1e-6


@pytest.fixture(scope="module")
def worlds() -> dict[str, xr.Dataset]:
    return worlds_of(risky_case())


@pytest.fixture(scope="module")
def program(worlds: dict[str, xr.Dataset]) -> Risky:
    return risky(risky_case(), worlds, CHANCES, confidence=0.8)


@pytest.fixture(scope="module")
def enumerated(program: Risky, worlds: dict[str, xr.Dataset]) -> list[tuple[FirstStage, list[float]]]:
    return [(first, program.costs(first)) for first in every_siting(worlds["calm"])]


@pytest.fixture(scope="module")
def solved(program: Risky) -> dict[float, tuple[float, FirstStage, list[float]]]:
    found = {}
    for weight in WEIGHTS:
        answer, first = replace(program, weight=weight).solve()
        found[weight] = (answer.objective, first, program.costs(first))
    return found


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_first_stage_is_the_best_of_all(
    weight: float, program: Risky, enumerated: list[tuple[FirstStage, list[float]]], solved: dict[float, Any]
) -> None:
    measure = replace(program, weight=weight).measure
    best = min(measure(costs) for _, costs in enumerated)
    objective, _, costs = solved[weight]
    assert objective == pytest.approx(best, rel=NEAR)
    assert measure(costs) == pytest.approx(best, rel=NEAR)


def test_the_weight_of_the_tail_changes_where_campuses_stand(solved: dict[float, Any]) -> None:
    assert solved[0.0][1].of["sites"] != solved[1.0][1].of["sites"]


def test_the_tail_never_grows_and_the_mean_never_falls_with_the_weight(
    program: Risky, solved: dict[float, Any]
) -> None:
    measure = program.measure
    for one, two in pairwise(WEIGHTS):
        before, after = solved[one][2], solved[two][2]
        assert measure.tail(after) <= measure.tail(before) * (1 + NEAR)
        assert measure.expected(after) >= measure.expected(before) * (1 - NEAR)


def test_without_weight_the_tail_has_no_rows_and_the_whole_tail_is_the_mean(
    program: Risky, solved: dict[float, Any]
) -> None:
    whole, _ = replace(program, weight=1.0, confidence=0.0).solve()
    assert whole.objective == pytest.approx(solved[0.0][0], rel=NEAR)
    assert program.measure.expected(solved[0.0][2]) == pytest.approx(solved[0.0][0], rel=NEAR)


def test_scenarios_known_ahead_cost_less_and_one_of_them_kept_costs_more(
    worlds: dict[str, xr.Dataset], program: Risky, solved: dict[float, Any]
) -> None:
    case = risky_case()
    plans = [solve_tiny(case, world).plan for world in worlds.values()]
    waits = [float(plan.attrs["objective"]) for plan in plans]
    kept = program.costs(first_stage_of(plans[0], ("sites",)))
    for weight in WEIGHTS:
        measure = replace(program, weight=weight).measure
        assert measure(waits) <= solved[weight][0] * (1 + NEAR)
        assert measure(kept) >= solved[weight][0] * (1 - NEAR)
    assert program.measure.expected(waits) < solved[0.0][0]


def test_one_scenario_is_the_deterministic_plan(worlds: dict[str, xr.Dataset]) -> None:
    case = risky_case()
    for weight in (0.0, 0.7):
        answer, first = risky(case, {"dry": worlds["dry"]}, (1.0,), weight=weight).solve()
        planned = solve_tiny(case, worlds["dry"]).plan
        assert answer.objective == pytest.approx(float(planned.attrs["objective"]), rel=NEAR)
        assert first.of == first_stage_of(planned, ("sites",)).of


def test_order_and_names_of_scenarios_change_nothing(worlds: dict[str, xr.Dataset], solved: dict[float, Any]) -> None:
    turned = {f"new {name}": worlds[name] for name in ("storm", "calm", "dry")}
    answer, first = risky(risky_case(), turned, (0.2, 0.5, 0.3), weight=0.75, confidence=0.8).solve()
    assert answer.objective == pytest.approx(solved[0.75][0], rel=NEAR)
    assert first.of == solved[0.75][1].of


def test_a_scenario_that_comes_twice_is_one_with_both_probabilities(
    worlds: dict[str, xr.Dataset], solved: dict[float, Any]
) -> None:
    twice = {"calm": worlds["calm"], "again": worlds["calm"], "dry": worlds["dry"], "storm": worlds["storm"]}
    answer, _ = risky(risky_case(), twice, (0.4, 0.1, 0.3, 0.2), weight=0.75, confidence=0.8).solve()
    assert answer.objective == pytest.approx(solved[0.75][0], rel=NEAR)


def test_recourse_is_the_model_with_its_sites_fixed(worlds: dict[str, xr.Dataset], program: Risky) -> None:
    chosen = {"Z0": 0.0, "Z1": 1.0, "Z2": 1.0, "Z3": 0.0}
    costs = program.costs(FirstStage({"sites": chosen}))
    for world, cost in zip(worlds.values(), costs, strict=True):
        model = build_model(risky_case(), world)
        for region, value in chosen.items():
            model.component("campus.site")[region, "2026Q4"].fix(value)
        assert solve(to_matrix(model.pyomo), EXACT).objective == pytest.approx(cost, rel=NEAR)


def test_measures_by_hand() -> None:
    measure = Measure((0.5, 0.3, 0.2), 0.25, 0.8)
    costs = [10.0, 20.0, 60.0]
    assert measure.expected(costs) == pytest.approx(23.0)
    assert (measure.value_at_risk(costs), measure.tail(costs)) == (20.0, pytest.approx(60.0))
    assert measure(costs) == pytest.approx(0.75 * 23 + 0.25 * 60)
    # The worst half: 60 with 0.2, and 20 with 0.3 of it.
    assert replace(measure, confidence=0.5).tail(costs) == pytest.approx((0.2 * 60 + 0.3 * 20) / 0.5)


def _offers(most: float) -> list[Offer]:
    return [Offer("firm", "Z0", cap=(0.0, most, most, most), shared=0.0), Offer("firm", "Z1", shared=0.0, rent=9e4)]


def test_a_scenario_grants_at_least_its_share_of_a_request() -> None:
    case = menu_case(campus={"max_campus_mw": 40.0, "max_halls_per_quarter": 4})
    base = tiny_case_world(case)
    worlds = {name: menu_world(case, _offers(most), base) for name, most in (("all", 40.0), ("half", 20.0))}
    program = risky(case, worlds, (0.5, 0.5), stage=("connections",))
    _, first = program.solve()
    requests = first.of["requests"]
    for part, share in zip(program.parts, (1.0, 0.5), strict=True):
        _, answer = part.recourse(first, EXACT)
        assert answer.x is not None
        has = answer.x[part.columns["requests"]["firm@Z0"]]
        assert share * requests["firm@Z0"] - NEAR <= has <= requests["firm@Z0"] + NEAR
        assert answer.x[part.columns["requests"]["firm@Z1"]] == pytest.approx(requests["firm@Z1"], abs=NEAR)


def tiny_case_world(case: Any) -> xr.Dataset:
    return worlds_of(case)["calm"]


def test_equipment_and_contracts_are_the_same_in_every_scenario() -> None:
    case = supply_case({"contracts": ["financial"], "onsite": ["engine"]})
    base = worlds_of(case)
    more: dict[str, Any] = {
        "contracts": [Contract("wind", "Z0", price=45.0), Contract("sun", "Z1", price=25.0)],
        "own": [Own("engine", r, unit=5.0) for r in ("Z0", "Z1")],
    }
    worlds = {name: supply_world(case, base[name], **more) for name in ("calm", "storm")}
    program = risky(case, worlds, (0.5, 0.5), stage=("sites", "equipment", "contracts"), weight=0.5)
    answer, first = program.solve()
    assert program.measure(program.costs(first)) <= answer.objective * (1 + NEAR)
    assert {"orders", "contracts"} <= set(first.of)
    part, joint = program.parts[0], program.joined()
    units = {part.matrix.columns[c].name for c in np.flatnonzero(part.decisive)}
    assert all("own_units" in name and "2026Q4" in name for name in units) and len(units) == 2
    assert not joint.counts[joint.at[0][part.decisive]].any(), "what is ordered comes in whole units"
    free, _ = replace(program, stage=("sites",)).solve()
    assert free.objective <= answer.objective * (1 + NEAR)  # what is decided later costs no more


def test_every_rule_of_the_risk_has_a_check() -> None:
    declared = {name for name, one in print_risk().items() if one.kind in ("constraint", "objective")}
    assert declared <= set(RISK_CHECKS)
    assert all(one.unit and one.meaning for one in print_risk().values())


def test_mpi_sppy_finds_the_same(worlds: dict[str, xr.Dataset], solved: dict[float, Any], program: Risky) -> None:
    pytest.importorskip("mpisppy")
    chances = dict(zip(worlds, CHANCES, strict=True))

    def make(name: str) -> Scenario:
        return Scenario(name, chances[name], worlds[name], build_model(risky_case(), worlds[name]))

    tree = mpi_sppy.Tree(make, list(worlds), ("sites",), 0.75, 0.8, granted(worlds), delivered(worlds))
    objective, root = mpi_sppy.extensive_form(tree)
    assert objective == pytest.approx(solved[0.75][0], rel=NEAR)
    wanted = {f"risk__sited[{r}]": v for r, v in solved[0.75][1].of["sites"].items()}
    assert {name: round(value) for name, value in root.items() if name in wanted} == wanted
    hedged = mpi_sppy.progressive_hedging(replace(tree, weight=0.0), rounds=25, rho=50.0)
    assert hedged.bound <= solved[0.0][0] * (1 + NEAR)
    costs = program.costs(FirstStage({"sites": {r: float(np.round(v)) for r, v in hedged.first.of["sites"].items()}}))
    assert program.measure.expected(costs) >= solved[0.0][0] * (1 - NEAR)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_region_by_region_with_the_hours_left_out_the_optimum_is_the_same(
    weight: float, program: Risky, solved: dict[float, Any]
) -> None:
    joint = replace(program, weight=weight).joined()
    seen = joint.whole_of([part.recourse(FirstStage(), EXACT)[1].x for part in program.parts])
    answer = solve_joint(joint, EXACT, lambda text: None, by_region=True, seen=seen)
    assert answer.x is not None and answer.status == "optimal"
    assert answer.objective == pytest.approx(solved[weight][0], rel=NEAR)
    assert answer.bound <= solved[weight][0] * (1 + NEAR)
    assert audit(joint.matrix, answer.x) == pytest.approx(answer.objective, rel=NEAR)


def test_a_search_begins_with_a_plan_of_all_that_is_known(program: Risky, solved: dict[float, Any]) -> None:
    joint = replace(program, weight=0.5).joined()
    plans = [part.recourse(solved[0.5][1], EXACT)[1].x for part in program.parts]
    told: list[str] = []
    loose = replace(EXACT, gap=0.2)
    answer = solve_joint(joint, loose, told.append, joint.whole_of(plans), by_region=True)
    assert answer.objective == pytest.approx(solved[0.5][0], rel=NEAR) and answer.detail == REPRICED


def test_what_stands_in_the_way_of_a_first_stage_are_the_fewest_campuses_it_lacks(
    program: Risky, enumerated: list[tuple[FirstStage, list[float]]]
) -> None:
    nothing = FirstStage({"sites": dict.fromkeys(enumerated[0][0].of["sites"], 0.0)})
    for number, part in enumerate(program.parts):
        can = [sum(first.of["sites"].values()) for first, costs in enumerated if np.isfinite(costs[number])]
        off = part.in_the_way(nothing, EXACT)
        assert len(off) == min(can) > 0
        assert {(kind, decided, there) for kind, _, decided, there in off} == {("sites", 0.0, 1.0)}


def test_tries_weigh_what_enumeration_does(program: Risky, enumerated: list[tuple[FirstStage, list[float]]]) -> None:
    measure = replace(program, weight=0.5).measure
    parts = {part.name: part for part in program.parts}
    alone = {name: part.recourse(FirstStage(), EXACT)[1] for name, part in parts.items()}
    tries = Tries(parts, measure, alone, lambda name: EXACT, lambda text: None)
    for first, costs in enumerated:
        tried = tries.of("one", first)
        assert (
            tried.weighed == pytest.approx(measure(costs), rel=NEAR) or not np.isfinite([tried.weighed, *costs]).all()
        )
        assert set(tried.refused) == {name for name, cost in zip(parts, costs, strict=True) if not np.isfinite(cost)}
        assert all("campus in" in one.reason and one.infeasible for one in tried.refused.values())


@pytest.mark.parametrize("leader", ["calm", "dry", "storm"])
def test_a_scenario_that_leads_decides_as_if_it_were_known_and_the_others_follow(
    leader: str, program: Risky, enumerated: list[tuple[FirstStage, list[float]]]
) -> None:
    measure = replace(program, weight=0.5).measure
    parts = {part.name: part for part in program.parts}
    alone = {name: part.recourse(FirstStage(), EXACT)[1] for name, part in parts.items()}
    tries = Tries(parts, measure, alone, lambda name: EXACT, lambda text: None)
    tried = tries.led_by(leader)
    costs = next(costs for first, costs in enumerated if first.of == tried.first.of)
    assert tried.weighed == pytest.approx(measure(costs), rel=NEAR)
    assert tried.solved[leader][1].objective == pytest.approx(alone[leader].objective, rel=NEAR)
    assert tried.told() == {"whose": leader, "objective_musd": tried.weighed, "refused": {}}


def test_a_follower_has_what_the_leader_leaves_open_of_a_request() -> None:
    case = menu_case(campus={"max_campus_mw": 40.0, "max_halls_per_quarter": 4})
    base = tiny_case_world(case)
    worlds = {name: menu_world(case, _offers(most), base) for name, most in (("all", 40.0), ("half", 20.0))}
    parts = risky(case, worlds, (0.5, 0.5), stage=("connections",)).parts
    one, half = parts
    column = half.columns["requests"]["firm@Z0"]
    x = np.zeros(half.matrix.shape[1])
    x[column] = 10.0
    room = half.narrowed(Room(), x)
    assert room.get("requests", "firm@Z0") == (10.0, 20.0), "half of a request can be given: of 10 to 20 MW"
    allowed = one.within(room)
    at = one.columns["requests"]["firm@Z0"]
    assert (allowed.col_lower[at], allowed.col_upper[at]) == (10.0, 20.0)
    x = np.zeros(one.matrix.shape[1])
    x[at] = 15.0
    room = one.narrowed(room, x)
    assert room.get("requests", "firm@Z0") == (15.0, 15.0) and room.least().get("requests", "firm@Z0") == 15.0


def test_all_begin_anew_with_the_nearest_where_one_cannot_follow() -> None:
    case = menu_case(campus={"max_campus_mw": 40.0, "max_halls_per_quarter": 4})
    base = menu_world(case, _offers(40.0), tiny_case_world(case))
    worlds = {"few": base, "many": base.assign(target=1.3 * base["target"])}
    program = risky(case, worlds, (0.5, 0.5), stage=("connections",))
    parts = {part.name: part for part in program.parts}
    alone = {name: part.recourse(FirstStage(), EXACT)[1] for name, part in parts.items()}
    told: list[str] = []
    tried = Tries(parts, program.measure, alone, lambda name: EXACT, told.append).led_by("few")
    assert any("many cannot follow few" in line for line in told)
    assert not tried.refused and np.isfinite(tried.weighed)
    best, _ = program.solve()
    assert best.objective <= tried.weighed * (1 + NEAR)
    costs = program.costs(tried.first)
    assert program.measure(costs) == pytest.approx(tried.weighed, rel=NEAR)
