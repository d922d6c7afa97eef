"""Infeasible cases are explained by changes that work as a planner would apply them, no larger than needed."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import Case, add_quarters, with_overrides
from grid_opt.errors import InfeasibleError, InterruptedRunError
from grid_opt.formulation.model import build_model
from grid_opt.solve import diagnose
from grid_opt.solve.answer import Options
from grid_opt.solve.diagnose import Repair, explain_infeasible, find_repairs
from grid_opt.solve.highs import solve
from grid_opt.solve.limits import Program, Trial, impose, investment
from grid_opt.solve.loosen import smallest_share
from grid_opt.solve.standard_form import Matrix, to_matrix
from tests.tiny import tiny_case, tiny_world


@dataclass(frozen=True)
class Conflict:
    """A tiny case without a plan, and a knob or table that must be among its repairs."""

    expected: str
    sections: dict[str, dict[str, Any]]
    world: dict[str, float] = field(default_factory=dict)
    seed: int = 1
    regions: int = 4


FREE = {"headroom": 60.0, "site_lead_quarters": 2.0}
LATE = {"headroom": 60.0, "site_lead_quarters": 9.0}
WANT = {"2026Q2": 20.0, "2026Q4": 60.0}

CONFLICTS = {
    "target above all headroom": Conflict("demand.targets_mw.2026Q4", {"demand": {"targets_mw": {"2026Q4": 500.0}}}),
    "a target that rules three quarters": Conflict(
        "demand.targets_mw.2026Q2", {"demand": {"targets_mw": {"2026Q2": 70.0}}, "campus": {"max_sites": 3}}, FREE
    ),
    "facility targets": Conflict(
        "demand.targets_mw.2026Q4",
        {"demand": {"targets_mw": {"2026Q2": 21.0, "2026Q4": 150.0}, "power_basis": "facility", "reference_pue": 1.15},
         "campus": {"max_market_share": 0.5, "max_region_share": 0.3}}, FREE,
    ),
    "headroom": Conflict("headroom", {"demand": {"targets_mw": {"2026Q4": 30.0}}}, {"headroom": 11.0}),
    "headroom scale": Conflict("grid.headroom_scale", {"demand": {"targets_mw": WANT}}, {"headroom": 11.0}, seed=2),
    "pace": Conflict(
        "campus.max_halls_per_quarter",
        {"demand": {"targets_mw": {"2026Q1": 60.0}}, "campus": {"max_halls_per_quarter": 1}}, FREE,
    ),
    "construction time": Conflict("campus.earliest_start", {"demand": {"targets_mw": WANT}}, LATE),
    "sites": Conflict("campus.max_sites", {"demand": {"targets_mw": WANT}, "campus": {"max_sites": 1}}, FREE),
    "region share": Conflict(
        "campus.max_region_share", {"demand": {"targets_mw": WANT}, "campus": {"max_region_share": 0.15}}, FREE
    ),
    "market share": Conflict(
        "campus.max_market_share", {"demand": {"targets_mw": WANT}, "campus": {"max_market_share": 0.3}}, FREE
    ),
    "total budget": Conflict("budget.total_musd", {"budget": {"total_musd": 1500.0}}),
    "yearly budget": Conflict("budget.annual_musd.2026", {"budget": {"annual_musd": {2026: 1400.0}}}, seed=3),
    "largest campus": Conflict(
        "campus.max_campus_mw", {"demand": {"targets_mw": {"2026Q4": 90.0}}, "campus": {"max_sites": 3}}, FREE
    ),
    "smallest campus": Conflict(
        "campus.min_campus_mw",
        {"demand": {"targets_mw": {"2026Q4": 40.0}},
         "campus": {"min_campus_mw": 20.0, "max_region_share": 0.25, "max_campus_mw": 40.0}}, FREE,
    ),
    "network pocket": Conflict(
        "surplus", {"grid": {"network": True, "link_available_share": 0.2}, "demand": {"targets_mw": {"2026Q4": 40.0}}},
        {**FREE, "surplus": 5.0, "link_forward": 2.0, "link_reverse": 2.0},
    ),
    "links": Conflict(
        "grid.link_available_share",
        {"grid": {"network": True, "link_available_share": 0.1}, "demand": {"targets_mw": {"2026Q4": 20.0}},
         "campus": {"max_sites": 1}},
        {**FREE, "surplus": 10.0, "link_forward": 2.0, "link_reverse": 2.0},
    ),
    "nothing alone helps": Conflict(
        "headroom", {"demand": {"targets_mw": {"2026Q4": 80.0}}}, {"headroom": 11.0, "site_lead_quarters": 8.0}
    ),
}  # fmt: skip


def _world(conflict: Conflict, case: Case) -> xr.Dataset:
    world = tiny_world(case, conflict.regions, conflict.seed)
    for name, value in conflict.world.items():
        world[name] = xr.full_like(world[name], value)
    return world


def _fresh(world: xr.Dataset, old: Case, new: Case) -> xr.Dataset:
    """Return the world with the arrays that follow from the knobs of a case."""
    links = new.grid.link_available_share / old.grid.link_available_share
    return world.assign(
        target=("quarter", [new.target_mw(q) for q in new.quarters]),
        headroom=world["headroom"] * new.grid.headroom_scale / old.grid.headroom_scale,
        link_forward=world["link_forward"] * links,
        link_reverse=world["link_reverse"] * links,
    )


def _matrix(case: Case, world: xr.Dataset) -> Matrix:
    return to_matrix(build_model(case, world).pyomo)


def _feasible(case: Case, world: xr.Dataset) -> bool:
    matrix = _matrix(case, world)
    answer = solve(replace(matrix, cost=np.zeros_like(matrix.cost)), Options())
    assert answer.status in ("optimal", "infeasible")
    return answer.x is not None


def _apply(repair: Repair, case: Case, world: xr.Dataset) -> tuple[Case, xr.Dataset]:
    new = with_overrides(case, _overrides(str(repair)))
    changed = _fresh(world, case, new).copy(deep=True)
    for (region, quarter), mw in repair.trial.headroom.items():
        changed["headroom"].loc[{"region": region, "quarter": quarter}] += mw
    for (zone, year, stress), mw in repair.trial.surplus.items():
        quarters = [q for q in case.quarters if int(q[:4]) == year]
        changed["surplus"].loc[{"zone": zone, "quarter": quarters, "stress": stress}] += mw
    return new, changed


def _overrides(text: str) -> list[str]:
    return [f"{knob}={value}" for knob, value in re.findall(r"([a-z_]+\.[a-z_]+[.\dQ]*) = (\S+) \(now", text)]


def _smaller(override: str, case: Case) -> str:
    """Return a slightly smaller change of a knob than the one proposed."""
    knob, value = override.split("=")
    hall = case.campus.hall_mw
    steps = {
        "campus.max_sites": -1, "campus.max_halls_per_quarter": -1, "campus.max_campus_mw": -hall,
        "campus.min_campus_mw": hall, "campus.max_region_share": -0.01, "campus.max_market_share": -0.01,
        "grid.headroom_scale": -0.002, "grid.link_available_share": -0.0003, "budget.total_musd": -0.3,
    }  # fmt: skip
    if knob == "campus.earliest_start":
        return f"{knob}={add_quarters(value, 1)}"
    if knob.startswith("demand.targets_mw"):
        return f"{knob}={float(value) + 0.01}"
    step = -0.3 if knob.startswith("budget.annual") else steps[knob]
    return f"{knob}={type(step)(float(value) + step) if isinstance(step, float) else int(value) + step}"


@pytest.mark.parametrize("name", CONFLICTS)
def test_every_repair_works_and_none_is_larger_than_needed(name: str) -> None:
    conflict = CONFLICTS[name]
    case = tiny_case(**conflict.sections)
    world = _world(conflict, case)
    assert not _feasible(case, world)
    repairs = find_repairs(_matrix(case, world), Options(), case, lambda c: _matrix(c, _fresh(world, case, c)))
    assert repairs and all(repair.smallest for repair in repairs)
    assert any(conflict.expected in f"{repair} {repair.words}" for repair in repairs), [str(r) for r in repairs]
    for repair in repairs:
        new, changed = _apply(repair, case, world)
        assert list(repair.overrides) == _overrides(str(repair))
        assert _feasible(new, changed), str(repair)
        if len(repair.constraints) > 1:
            continue
        for override in repair.overrides:
            less = with_overrides(new, [_smaller(override, case)])
            assert not _feasible(less, _fresh(world, case, less)), f"{repair}: {less} does too"


@pytest.mark.parametrize("name", CONFLICTS)
def test_imposing_a_case_is_the_same_as_building_it(name: str) -> None:
    conflict = CONFLICTS[name]
    case = tiny_case(**conflict.sections)
    world = _world(conflict, case)
    program = Program(investment(_matrix(case, world)), case)
    other = with_overrides(
        case,
        ["campus.max_sites=2", "campus.max_region_share=0.47", "campus.max_market_share=0.61", "campus.min_campus_mw=0"]
        + ["campus.max_campus_mw=70", "campus.max_halls_per_quarter=3", "grid.headroom_scale=1.7"]
        + ["grid.link_available_share=0.31", "campus.earliest_start=2024Q4"]
        + [f"demand.targets_mw.{q}={0.4 * mw}" for q, mw in case.demand.targets_mw.items()]
        + ([] if case.budget.total_musd is None else ["budget.total_musd=777"])
        + [f"budget.annual_musd.{year}=555" for year in case.budget.annual_musd],
    )
    built = investment(_matrix(other, _fresh(world, case, other)))
    imposed = impose(replace(program, later_ready=_later(case, world)), Trial(other))
    assert abs(built.rows_matrix - imposed.rows_matrix).max() < 1e-9
    for array in ("row_lower", "row_upper", "col_lower", "col_upper"):
        np.testing.assert_allclose(getattr(imposed, array), getattr(built, array), rtol=1e-12, err_msg=array)


def _later(case: Case, world: xr.Dataset) -> dict[str, tuple[float, ...]]:
    program = diagnose._program(_matrix(case, world), case, lambda c: _matrix(c, _fresh(world, case, c)))
    return dict(program.later_ready)


def test_targets_say_their_new_value_in_their_own_unit() -> None:
    """14 halls asked for, 12 possible: 150 becomes 138 MW at the meter, whatever rounding up gave away."""
    case = tiny_case(
        demand={"targets_mw": {"2026Q4": 150.0}, "power_basis": "facility", "reference_pue": 1.15},
        campus={"max_sites": 6, "max_halls_per_quarter": 4},
    )
    world = _world(Conflict("", {}, FREE, regions=6), case)
    text = str(explain_infeasible(_matrix(case, world), Options(), case))
    assert "demand.targets_mw.2026Q4 = 138 (now 150 MW)" in text
    assert text.startswith("The target of 150 MW in 2026Q4 exceeds the 138 MW that all regions together can host")
    assert "Loosening any one of these gives a plan:\n  - " in text


def test_a_target_never_falls_below_zero() -> None:
    case = tiny_case(demand={"targets_mw": {"2026Q1": 15.0, "2026Q4": 20.0}})
    world = _world(Conflict("", {}, {"headroom": 60.0, "site_lead_quarters": 6.0}), case)
    text = str(explain_infeasible(_matrix(case, world), Options(), case))
    assert "demand.targets_mw.2026Q1 = 0 (now 15 MW)" in text
    assert "campus.earliest_start = 2024Q3 (now 2025Q1)" in text
    assert "-" not in re.sub(r"\n  - ", "", text.partition("plan:")[2])


def test_headroom_is_repaired_where_and_when_it_is_missing() -> None:
    case = tiny_case(demand={"targets_mw": {"2026Q4": 30.0}}, campus={"max_halls_per_quarter": 4})
    world = _world(Conflict("", {}, {"headroom": 10.0, "site_lead_quarters": 2.0, "pue_peak": 1.1}), case)
    repairs = find_repairs(_matrix(case, world), Options(), case)
    headroom = next(r for r in repairs if "headroom.csv" in r.words)
    assert sum(headroom.trial.headroom.values()) == pytest.approx(3.0)  # three campuses of 11 MW instead of 10
    assert {quarter for _, quarter in headroom.trial.headroom} == {"2026Q4"}
    assert all("by 1.0 MW from 2026Q4 on" in move for move in headroom.trial.moves)


@pytest.mark.parametrize(("halls", "target", "share"), [(2, 4, 0.26), (3, 4, 0.51), (66, 66, 0.99), (1, 66, 0.01)])
def test_shares_are_round_and_just_enough(halls: int, target: int, share: float) -> None:
    found = smallest_share(halls, target)
    assert found == pytest.approx(share)
    assert np.ceil(found * target - 1e-9) == halls
    assert np.ceil((halls - 1) / target * target - 1e-9) == halls - 1


def test_a_search_cut_short_says_at_most() -> None:
    repair = Repair(
        ("campus.max_sites",), "allow more campuses", Trial(tiny_case(), moves=("a = 1 (now 0)",)), False, 1.0
    )
    assert "at most" in str(repair)


def test_a_case_that_has_a_plan_gets_no_repairs() -> None:
    case = tiny_case()
    matrix = _matrix(case, tiny_world(case, 4, 1))
    assert find_repairs(matrix, Options(), case) == []
    assert "hourly operation" in str(explain_infeasible(matrix, Options(), case))


def test_the_user_can_stop_the_search() -> None:
    stop = threading.Event()
    stop.set()
    case = tiny_case(campus={"max_sites": 1})
    with pytest.raises(InterruptedRunError):
        explain_infeasible(_matrix(case, tiny_world(case, 4, 1)), Options(stop=stop), case)


def test_the_error_is_the_one_for_infeasible_cases() -> None:
    case = tiny_case(budget={"total_musd": 1500.0})
    error = explain_infeasible(_matrix(case, tiny_world(case, 4, 1)), Options(), case)
    assert isinstance(error, InfeasibleError)
    assert "budget.total_musd = " in str(error)
