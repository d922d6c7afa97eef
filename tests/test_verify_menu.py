"""Every check of a menu of offers fails on a plan spoiled for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import case_from_toml, case_to_toml, with_overrides
from grid_opt.plan.io import open_plan
from grid_opt.verify import CHECKS, verify
from grid_opt.verify.evidence import Evidence
from tests.test_menu import solve_fleet
from tests.test_verify import ONLY_WITH_MENU
from tests.test_verify_fleet import Mutation, add
from tests.tiny import solve_tiny, tiny_world
from tests.tiny_fleet import fleet_case, fleet_tiny_world
from tests.tiny_menu import (
    RICH_THRESHOLD,
    Offer,
    firm_everywhere,
    menu_case,
    menu_world,
    rich_offers,
    rich_upgrades,
)

pytest_plugins = ["tests.plan_plugin"]


@pytest.fixture(scope="module")
def menu_plan() -> xr.Dataset:
    """A sound plan in which every rule of a menu has something to rule."""
    case = menu_case(
        connection={"upgrades": True},
        grid={"network": True},
        campus={"max_campus_mw": 40.0},
        demand={"targets_mw": {"2026Q2": 20.0, "2026Q3": 60.0, "2026Q4": 90.0}},
    )
    world = tiny_world(case, regions=3, seed=3)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    world["headroom"][:] = np.array([[0.0, 0.0, 12.0, 25.0], [20.0, 40.0, 40.0, 40.0], [0.0, 12.0, 12.0, 13.0]])
    world["surplus"] = xr.full_like(world["surplus"], 40.0)
    world = menu_world(case, rich_offers(), world, RICH_THRESHOLD, upgrades=rich_upgrades(case))
    plan = solve_tiny(case, world).plan
    report = verify(plan, compare_tables=False)
    assert {check.name for check in report.failed} <= {"time.slice_days", "plan.provenance"}, report.failed
    assert float(plan["backing"].sum()) > 1 and float(plan["large"].max()) == 1
    return plan


def times(name: str, factor: float) -> Mutation:
    def mutate(plan: xr.Dataset) -> None:
        plan[name] = (plan[name] * factor).assign_attrs(plan[name].attrs)

    return mutate


def knob(*overrides: str) -> Mutation:
    """Change the case, so that the plan no longer keeps it."""

    def mutate(plan: xr.Dataset) -> None:
        case = with_overrides(case_from_toml(plan.attrs["case_toml"]), list(overrides))
        plan.attrs["case_toml"] = case_to_toml(case)

    return mutate


def both(*mutations: Mutation) -> Mutation:
    def mutate(plan: xr.Dataset) -> None:
        for each in mutations:
            each(plan)

    return mutate


LAST = {"quarter": "2026Q4"}
MUTATIONS: dict[str, Mutation] = {
    "connection.contract": add("contract", -1e3, offer="firm@Z0", **LAST),
    "connection.load": times("contract", 0.5),
    "connection.ahead": times("hosting", 0.2),
    "connection.taken": add("taken", 0.5, offer="large@Z1"),
    "connection.take": times("taken", 0.0),
    "connection.open": times("site", 0.0),
    "connection.least_size": both(add("taken", 1.0, offer="block@Z2"), times("contract", 0.1)),
    "connection.large": add("large", 1.0, region="Z0", **LAST),
    "connection.stay_small": both(times("large", 0.0), add("contract", 30.0, offer="small@Z1", **LAST)),
    "connection.be_large": add("region_threshold", 100.0),
    "connection.large_open": times("site", 0.0),
    "connection.large_lasts": add("large", 1.0, region="Z1", quarter="2026Q1"),
    "connection.small_offer": both(add("large", 1.0, region="Z1"), add("contract", 5.0, offer="small@Z1", **LAST)),
    "connection.large_offer": both(times("large", 0.0), add("contract", 5.0, offer="large@Z1", **LAST)),
    "connection.lasting": add("contract", 20.0, offer="firm@Z0", quarter="2026Q3"),
    "connection.added": add("added", -99.0, offer="firm@Z0", **LAST),
    "connection.additions": times("added", 0.5),
    "relief.backing": times("relief_fits", 0.0),
    "relief.backed": times("backing", 0.9),
    "relief.energy": knob("connection.max_curtailment_fraction_of_energy=0.0001"),
    "relief.shed_limit": knob("flexibility.max_curtailment_fraction=0.0"),
    "relief.called": add("called", -99.0, region="Z0", stress="summer", **LAST),
    "relief.called_most": add("called", 1.0, region="Z1", stress="summer", **LAST),
    "relief.called_load": add("called", 500.0, region="Z0", stress="summer", **LAST),
    "capacity.capacity_bought": add("capacity_bought", -99.0, region="Z0", **LAST),
    "capacity.adequacy": times("capacity_bought", 0.5),
    "upgrade.built": add("built", 1.0, upgrade="station", quarter="2026Q1"),
    "upgrade.lasting": both(add("built", 1.0), add("built", -2.0, upgrade="line", **LAST)),
    "network.upgraded_forward": add("link_flow", 500.0, link="Z0>Z1"),
    "network.upgraded_reverse": add("link_flow", -500.0, link="Z0>Z1"),
    "cost.study_cost": times("offer_study", 1.01),
    "cost.works_cost": times("offer_upgrade", 1.01),
    "cost.security": times("offer_security", 1.01),
    "cost.rent": add("offer_rent", 1e3),
    "cost.relief_fixed_cost": add("relief_fixed", 1e4),
    "cost.call_energy_cost": add("call_hours", 1.0),
    "cost.upgrade_cost": add("cost_upgrade_cost", 100.0, upgrade="line", **LAST),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_check_fails_on_a_plan_spoiled_for_it(name: str, menu_plan: xr.Dataset) -> None:
    spoiled = menu_plan.copy(deep=True)
    MUTATIONS[name](spoiled)
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "broken"


def test_headroom_is_checked_under_a_menu_too(menu_plan: xr.Dataset) -> None:
    spoiled = menu_plan.copy(deep=True)
    spoiled["headroom"] = (spoiled["headroom"] * 0.5).assign_attrs(spoiled["headroom"].attrs)
    assert CHECKS["connection.headroom"](Evidence(spoiled, compare_tables=False)).state == "broken"


def test_work_for_protected_classes_stands_behind_no_call() -> None:
    case = fleet_case(connection={"menu": True}, flexibility={"max_curtailment_fraction": 0.25})
    world = fleet_tiny_world(
        case, regions=1, class_worth=np.full((2, 1), 400.0), class_protected=np.zeros(2),
        deliveries_most=np.full((2, 4), 3.0), stream_demand=np.full((2, 4, 1), 5e6),
    )  # fmt: skip
    world["headroom"][:] = np.array([[0.0, 0.0, 0.0, 40.0]])
    soon = Offer("soon", "Z0", ahead=2.0, firm=0.0, hours=80.0, hours_own=80.0)
    plan = solve_fleet(case, menu_world(case, [*firm_everywhere(world), soon], world))
    check = CHECKS["service.shed_limit"]
    assert check(Evidence(plan, compare_tables=False)).state == "holds"
    plan["class_protected"] = xr.ones_like(plan["class_protected"]).assign_attrs(plan["class_protected"].attrs)
    assert check(Evidence(plan, compare_tables=False)).state == "broken"


@pytest.fixture(scope="module")
def quick_menu(quick_plan: Path) -> xr.Dataset:
    return open_plan(quick_plan)


TABLES = sorted(name for name in ONLY_WITH_MENU if name.startswith("tables.") and "upgrade_" not in name)


@pytest.mark.parametrize("name", TABLES)
def test_an_input_that_is_not_that_of_the_tables_is_found(name: str, quick_menu: xr.Dataset) -> None:
    assert CHECKS[name](Evidence(quick_menu)).state == "holds"
    array = name.removeprefix("tables.")
    spoiled = quick_menu.copy(deep=True)
    if array == "offers":
        spoiled = spoiled.assign_coords(offer=["ercot_batch@OK", *spoiled["offer"].values.tolist()[1:]])
    elif spoiled[array].dtype.kind in "OUS":
        values = spoiled[array].values.astype(object)
        values[0] = "other"
        spoiled[array] = (spoiled[array].dims, values, spoiled[array].attrs)
    else:
        spoiled[array] = (spoiled[array] + 1.0).assign_attrs(spoiled[array].attrs)
    assert CHECKS[name](Evidence(spoiled)).state == "broken"


def test_every_check_has_a_mutation() -> None:
    upgrades = {name for name in ONLY_WITH_MENU if name.startswith("tables.upgrade_")}
    assert {*MUTATIONS, *TABLES, "service.shed_limit"} == ONLY_WITH_MENU - upgrades


def test_upgrades_are_those_of_the_table(quick_menu: xr.Dataset) -> None:
    from grid_opt.inputs.world import build_world

    case = with_overrides(case_from_toml(quick_menu.attrs["case_toml"]), ["connection.upgrades=true"])
    plan = build_world(case).assign_attrs(quick_menu.attrs | {"case_toml": case_to_toml(case)})
    for name in ("target", "place", "forward", "reverse", "cost", "ready"):
        check = CHECKS[f"tables.upgrade_{name}"]
        assert check(Evidence(plan)).state == "holds"
        spoiled, array = plan.copy(deep=True), f"upgrade_{name}"
        texts = spoiled[array].dtype.kind in "OUS"
        values = np.array(["other"] * spoiled.sizes["upgrade"]) if texts else spoiled[array].values + 1.0
        spoiled[array] = (spoiled[array].dims, values, spoiled[array].attrs)
        assert check(Evidence(spoiled)).state == "broken"
