"""Every check of a fleet fails on a plan spoiled for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from grid_opt.verify import verify
from tests.test_verify import ONLY_WITH_FLEET
from tests.tiny_fleet import fleet_case, fleet_tiny_world

Mutation = Callable[[xr.Dataset], None]


@pytest.fixture(scope="module")
def fleet_plan() -> xr.Dataset:
    """A sound plan in which every rule of a fleet has something to rule."""
    from grid_opt.study import plan_case as module
    from grid_opt.study.progress import Log

    case = fleet_case(
        demand={"commitments": "final"},
        budget={"present_value_musd": 2000.0},
        service={"load_blocks": 2},
        fleet={"region_loss": True},
    )
    ready = np.zeros((2, 4, 4))
    for v in range(4):
        ready[1, v, v:] = 1.0
        ready[0, v, v:] = np.minimum(1.0, 0.6 + 0.2 * np.arange(4 - v))
    pool = np.zeros((2, 2, 1))
    pool[0] = 0.2
    reach = np.array([[1.0, 0.0], [1.0, 1.0]])
    world = fleet_tiny_world(
        case, seed=6, software_ready=ready, porting_cost=np.array([1.0, 0.0]), pool_systems=pool,
        stream_reach=reach, vendor_least=np.array([0.1, 0.1]), vendor_most=np.array([0.9, 0.9]),
        co_siting=np.array([[0.0, 0.5], [0.0, 0.0]]), deliveries_most=np.full((2, 4), 3.0),
        deliveries_least=np.array([[1.0, 0, 0, 0], [1.0, 0, 0, 0]]), class_worth=np.full((2, 1), 50.0),
    )  # fmt: skip
    from grid_opt.inputs.schema_fleet import FLEET

    two = {
        "stream_demand": np.repeat(world["stream_demand"].values, 2, axis=2), "stream_peak": np.ones((2, 2)),
        "block_hours": np.repeat(world["block_hours"].values / 2, 2, axis=1), "slice_block": np.tile([0.0, 1.0], 4),
        "class_deferrable": np.array([0.0, 0.5]),
    }  # fmt: skip
    world = world.drop_dims("block").assign_coords(block=["00-12", "12-24"])
    world = world.assign({n: (FLEET[n].dims, v, {"units": FLEET[n].unit}) for n, v in two.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "definition_texts", lambda case, here: {})
        plan = module.plan_case(case, world, {"tiny": "0"}, Log(None)).plan
    assert {check.name for check in verify(plan, compare_tables=False).failed} <= {"time.slice_days"}
    return plan


def add(name: str, amount: float, **at: object) -> Mutation:
    """Add to one place, or everywhere."""

    def mutate(plan: xr.Dataset) -> None:
        array = plan[name].astype(float).copy()
        if at:
            array.loc[at] += amount
        else:
            array = array + amount
        plan[name] = array.assign_attrs(plan[name].attrs)

    return mutate


def case(old: str, new: str) -> Mutation:
    def mutate(plan: xr.Dataset) -> None:
        assert old in plan.attrs["case_toml"]
        plan.attrs["case_toml"] = plan.attrs["case_toml"].replace(old, new)

    return mutate


FAST = {"accelerator": "fast"}
MUTATIONS: dict[str, Mutation] = {
    "fleet.systems": add("systems", 0.4, accelerator="plain"),
    "fleet.bought": add("bought", -9.0, **FAST),
    "fleet.vintages": add("systems", 1.0, quarter="2026Q4"),
    "fleet.hall_power": add("systems", 9.0),
    "fleet.hall_floor": add("system_racks", 1e3),
    "fleet.hall_water": case("hall_liquid_share = 1.0", "hall_liquid_share = 0.0"),
    "fleet.hall_air": case("hall_air_share = 1.0", "hall_air_share = 0.0"),
    "fleet.delivered": add("delivered", -9.0, **FAST),
    "fleet.deliveries": add("delivered", 9.0, **FAST),
    "fleet.take_or_pay": add("delivered", -1.0, **FAST, quarter="2026Q1"),
    "fleet.waiting": add("bought", 9.0, **FAST, quarter="2026Q1"),
    "fleet.stock": add("waiting", 1.0, **FAST, quarter="2026Q2"),
    "fleet.co_siting": add("co_siting", 99.0, accelerator="fast", beside="plain"),
    "fleet.vendor_most": add("vendor_most", -0.89),
    "fleet.vendor_least": add("vendor_least", 0.89),
    "fleet.filled": add("systems", -2.0),
    "campus.programme": add("halls", 9.0),
    "service.balance": add("unserved", 0.01),
    "service.serving": add("serving", 0.01, stream="quick", region="Z1"),
    "service.unserved": add("unserved", -99.0),
    "service.deferred": add("deferred", 0.5, stream="quick", block="00-12"),
    "service.deferral": add("deferred", 0.5, stream="slow", block="00-12"),
    "service.capacity": add("serving", 9.0, stream="slow"),
    "service.ported": add("ported", 0.5),
    "service.port_once": add("ported", 1.0),
    "service.software": add("software_ready", -0.6, software="own"),
    "service.it_load": add("it_load", -99.0),
    "service.load": add("it_load", 1.0),
    "resilience.backup": add("backup", 0.5, lost="Z0", region="Z0"),
    "resilience.served": add("class_protected", 1.0, **{"class": "slow"}),
    "resilience.capacity": add("backup", 9.0),
    "cost.idle_hardware": add("cost_idle_hardware", 1e6),
    "cost.porting": add("cost_porting", 1e6),
    "cost.unserved_penalty": add("cost_unserved_penalty", 1e6),
    "cost.forgone": add("cost_forgone", 1e6),
    "budget.present_value_budget": case("present_value_musd = 2000.0", "present_value_musd = 1.0"),
}


def test_every_check_of_a_fleet_has_a_mutation() -> None:
    assert set(MUTATIONS) == ONLY_WITH_FLEET


@pytest.mark.parametrize("name", list(MUTATIONS))
def test_check_fails_on_a_plan_spoiled_for_it(name: str, fleet_plan: xr.Dataset) -> None:
    spoiled = fleet_plan.copy(deep=True)
    MUTATIONS[name](spoiled)
    report = verify(spoiled, compare_tables=False)
    assert name in {check.name for check in report.failed}
