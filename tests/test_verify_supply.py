"""Every check of sources beside wholesale fails on a plan spoiled for it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import case_to_toml, load_case
from grid_opt.inputs.schema_supply import SUPPLY
from grid_opt.inputs.tables import inputs_sha256
from grid_opt.inputs.world import build_world
from grid_opt.verify import CHECKS, verify
from grid_opt.verify.evidence import Evidence
from tests.test_verify import ONLY_WITH_SUPPLY
from tests.test_verify_fleet import Mutation, add
from tests.test_verify_menu import both, knob, times
from tests.tiny import solve_tiny
from tests.tiny_supply import QUICK_SOURCES, RICH_SUPPLY, day_world, rich_sources, supply_case, supply_world

pytest_plugins = ["tests.plan_plugin"]


def rich_plan(**sections: dict[str, object]) -> xr.Dataset:
    case = supply_case(
        RICH_SUPPLY, demand={"targets_mw": {"2026Q2": 20.0, "2026Q4": 30.0}},
        budget={"total_musd": 3000.0, "annual_musd": {2026: 3000.0}}, **sections,
    )  # fmt: skip
    world = day_world(case, 2, seed=4)
    world["headroom"] = xr.full_like(world["headroom"], 30.0)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    return solve_tiny(case, supply_world(case, world, **rich_sources(world))).plan


@pytest.fixture(scope="module")
def plan() -> xr.Dataset:
    """A sound plan in which every rule of supply has something to rule."""
    found = rich_plan()
    report = verify(found, compare_tables=False)
    assert {check.name for check in report.failed} <= {"time.slice_days", "plan.provenance"}, report.failed
    for name in ("ppa_mw", "delivered_ppa", "forward_mw", "own_output", "store_discharge", "exported", "own_capacity"):
        assert float(found[name].sum()) > 0.1, name
    hours = found["store_capacity"].values[0, -1] / found["own_mw"].sel(own="battery@Z0").values[-1]
    assert 1.0 < hours < 8.0  # neither bound
    return found


LAST = {"quarter": "2026Q4"}
MUTATIONS: dict[str, Mutation] = {
    "contracts.ppa_mw": times("ppa_most", 0.1),
    "contracts.project": both(add("ppa_most", -1.0, ppa="wind@Z0"), add("ppa_most", -1.0, ppa="wind@Z1")),
    "contracts.delivered_ppa": add("delivered_ppa", -99.0),
    "contracts.delivery": add("delivered_ppa", 99.0),
    "supply.contracted_most": knob("supply.most_contracted_share=0.05"),
    "supply.hedged": times("forward_mw", 0.5),
    "forwards.forward_mw": add("forward_mw", -99.0),
    "forwards.yearly": add("forward_mw", 1.0, forward="flat@Z0", season=2),
    "onsite.own_mw": times("own_most", 0.0),
    "onsite.own_units": add("own_units", 0.5, own="engine@Z0", **LAST),
    "onsite.whole": add("own_units", 1.0, own="engine@Z0", **LAST),
    "onsite.campus": times("site", 0.0),
    "onsite.lasting": add("own_mw", -2.0, own="solar@Z0", **LAST),
    "onsite.own_capacity": add("own_capacity", -99.0),
    "onsite.accredited_most": times("own_accredited", 0.5),
    "onsite.accredited_load": knob("connection.coincident_share=0.01"),
    "plant.own_output": add("own_output", -99.0),
    "plant.within_plant": add("own_output", 99.0),
    "battery.store_capacity": add("store_capacity", -999.0),
    "battery.store_usable": add("store_usable", -999.0),
    "battery.least_energy": times("store_least_hours", 50.0),
    "battery.most_energy": times("store_most_hours", 0.1),
    "battery.energy_lasting": add("store_capacity", 99.0, quarter="2026Q2"),
    "battery.aged_energy": times("store_left", 0.99),
    "battery.accredited_energy": times("store_accredited_hours", 1.1),
    "store.store_charge": add("store_charge", -99.0),
    "store.store_charge_most": add("store_charge", 99.0),
    "store.store_discharge": add("store_discharge", -99.0),
    "store.store_discharge_most": add("store_discharge", 99.0),
    "store.store_energy": add("store_energy", -999.0),
    "store.store_energy_most": times("store_usable", 0.1),
    "store.store_balance": times("store_efficiency", 0.9),
    "supply.exported": add("exported", -99.0),
    "supply.export_made": add("exported", 9.0),
    "supply.export_limit": knob("supply.export_share=0.001"),
    "supply.within_connection": add("headroom", -20.0),
    "operation.power_balance": add("own_output", 0.1, plant="engine@Z0"),
    "budget.total_budget": times("own_cost", 1e4),
    "budget.annual_budget": times("own_cost", 1e4),
    "cost.settlement": times("ppa_strike", 1.01),
    "cost.wheeling": add("ppa_basis", 1.0),
    "cost.forward_premium": add("forward_price", 1.0),
    "cost.own_capex": add("own_credit", 0.01),
    "cost.own_upkeep": times("own_fixed", 1.1),
    "cost.own_running": times("plant_running", 1.01),
    "cost.store_capex": add("store_cost", 1e3),
    "cost.store_upkeep": times("store_fixed", 1.1),
    "cost.store_wear_cost": times("store_wear", 1.1),
    "cost.export_revenue": knob("supply.sale_margin_usd_per_mwh=2.0"),
    "cost.rider": add("delivered_ppa", 1.0),
    "cost.capacity": add("own_capacity", 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_check_fails_on_a_plan_spoiled_for_it(name: str, plan: xr.Dataset) -> None:
    assert CHECKS[name](Evidence(plan, compare_tables=False)).state == "holds"
    spoiled = plan.copy(deep=True)
    MUTATIONS[name](spoiled)
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "broken"


def test_obligations_are_covered_with_a_menu_too() -> None:
    """With a menu of offers, own supply stands in the row of the capacity that is bought."""
    from tests.tiny_menu import firm_everywhere, menu_world

    case = supply_case(RICH_SUPPLY, connection={"menu": True}, demand={"targets_mw": {"2026Q4": 30.0}})
    world = day_world(case, 2, seed=4)
    world["headroom"] = xr.full_like(world["headroom"], 30.0)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    world = menu_world(case, firm_everywhere(world), world)
    found = solve_tiny(case, supply_world(case, world, **rich_sources(world))).plan
    report = verify(found, compare_tables=False)
    assert {check.name for check in report.failed} <= {"time.slice_days", "plan.provenance"}, report.failed
    assert float(found["own_capacity"].sum()) > 0.1
    add("own_capacity", -0.1, **LAST)(found)
    assert CHECKS["capacity.adequacy"](Evidence(found, compare_tables=False)).state == "broken"


OVERRIDES = (
    *QUICK_SOURCES,
    "supply.forwards=true", "supply.screen=false", "supply.delay_quarters={ engine = 1 }",
    "supply.gas_price_scale=1.5",
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> xr.Dataset:
    """The world of the quick case with sources of every kind, with the attributes that a plan has."""
    import json

    case = load_case("quick", OVERRIDES)
    sums = json.dumps(inputs_sha256())
    return build_world(case).assign_attrs(case_toml=case_to_toml(case), inputs_sha256=sums)


TABLES = sorted(name for name in ONLY_WITH_SUPPLY if name.startswith("tables."))


@pytest.mark.parametrize("name", TABLES)
def test_an_input_that_is_not_that_of_the_tables_is_found(name: str, world: xr.Dataset) -> None:
    assert CHECKS[name](Evidence(world)).state == "holds"
    array = name.removeprefix("tables.")
    spoiled = world.copy(deep=True)
    if array == "supply":
        spoiled = spoiled.assign_coords(ppa=["nuclear_il@OK", *spoiled["ppa"].values.tolist()[1:]])
    elif spoiled[array].dtype.kind in "OUS":
        values = spoiled[array].values.astype(object)
        values[0] = "other"
        spoiled[array] = (spoiled[array].dims, values, spoiled[array].attrs)
    else:
        spoiled[array] = (spoiled[array] + 1.0).assign_attrs(spoiled[array].attrs)
    assert CHECKS[name](Evidence(spoiled)).state == "broken"


def test_every_check_has_a_mutation() -> None:
    assert {*MUTATIONS, *TABLES} >= ONLY_WITH_SUPPLY
    seen = {name.removeprefix("tables.") for name in TABLES}
    assert set(SUPPLY) - seen == {"ppa_price"}  # a price of the market: made again with all prices


@pytest.mark.usefixtures("world_made_once")
def test_weather_and_prices_of_projects_are_made_again(quick_supply_plan: xr.Dataset) -> None:
    check = CHECKS["inputs.reproducible"]
    assert check(Evidence(quick_supply_plan)).state == "holds"
    for name in ("ppa_production", "ppa_price", "plant_available"):
        spoiled = quick_supply_plan.copy(deep=True)
        spoiled[name] = (spoiled[name] * 0.99).assign_attrs(spoiled[name].attrs)
        assert check(Evidence(spoiled)).state == "broken"


def test_the_quick_plan_is_verified_from_its_tables(quick_supply_plan: xr.Dataset) -> None:
    report = verify(quick_supply_plan)
    assert report.ok, report.failed
    assert not report.not_made
    assert np.isfinite(quick_supply_plan.attrs["objective"])
