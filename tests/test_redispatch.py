"""A plan run through other hours than its own: what it costs there, by hand, and that its own days cost what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import Case
from grid_opt.finance import quarter_discount_factor
from grid_opt.inputs.full_year import one_year, restrict
from grid_opt.plan.redispatch import open_redispatch, write_redispatch
from grid_opt.study import plan_case as plan_case_module
from grid_opt.study.redispatch.account import summary
from grid_opt.study.redispatch.compare import day_table
from grid_opt.study.redispatch.run import run_plan, with_campus
from grid_opt.study.redispatch.years import Effort
from grid_opt.verify.redispatch import REDISPATCH_CHECKS, verify_redispatch
from tests.tiny import SEASON_HOURS, solve_tiny, tiny_case, tiny_world
from tests.tiny_carbon import FOOTPRINTS
from tests.tiny_fleet import fleet_case, fleet_tiny_world
from tests.tiny_menu import RICH_THRESHOLD, menu_case, menu_world, rich_offers
from tests.tiny_supply import RICH_SUPPLY, day_world, rich_sources, supply_case, supply_world
from tests.tiny_tariffs import charges, named, tariffs_case, tariffs_world

NOT_WHOLE_DAYS = {"time.slice_days"}
"""Tiny days have fewer than 24 slices."""
SHORT = {"horizon": {"long_run_until_year": 2026}}


def solved(case: Case, world: xr.Dataset) -> xr.Dataset:
    """Return the plan of a tiny case, whose fleet is in no file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_case_module, "definition_texts", lambda case, here: {})
        return solve_tiny(case, world).plan


def own_days(case: Case, world: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Return a plan and what running it through its own days says."""
    plan = solved(case, world)
    days = len(np.unique(plan["slice_day"].values))
    return plan, run_plan(case, plan, case, plan, np.arange(days))[0]


def failures(result: xr.Dataset, plan: xr.Dataset) -> list[str]:
    report = verify_redispatch(result, plan)
    assert not report.not_made.get("the plan was not given")
    return [f"{c.name}: {c.violation} at {c.place}" for c in report.failed if c.name not in NOT_WHOLE_DAYS]


def roomy(world: xr.Dataset) -> xr.Dataset:
    """Let campuses open anywhere from the first quarter on."""
    world["headroom"] = xr.full_like(world["headroom"], 30.0)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    return world


def rich_menu() -> tuple[Case, xr.Dataset]:
    case = menu_case(grid={"network": True}, **SHORT)
    world = roomy(tiny_world(case, 3, 1))
    world["surplus"] = xr.full_like(world["surplus"], 60.0)
    return case, menu_world(case, rich_offers(), world, RICH_THRESHOLD)


def rich_supply(**supply: Any) -> tuple[Case, xr.Dataset]:
    case = supply_case(RICH_SUPPLY | supply, **SHORT)
    world = day_world(case, 2, 3)
    return case, supply_world(case, world, **rich_sources(world))


def fleet(**sections: Any) -> tuple[Case, xr.Dataset]:
    case = fleet_case(**sections)
    return case, fleet_tiny_world(case)


def tariff_of(name: str) -> tuple[Case, xr.Dataset]:
    case = tariffs_case(flexibility={"max_curtailment_fraction": 0.2})
    offered = {"Z0": named(charges()[name], "a"), "Z1": named(charges()["ratchet"], "b")}
    return case, tariffs_world(case, offered, roomy(tiny_world(case, 2)))


def wild_prices() -> tuple[Case, xr.Dataset]:
    case = tiny_case(**SHORT)
    world = tiny_world(case)
    world["price"].values[:] = np.random.default_rng(5).choice([-120.0, -5.0, 20.0, 900.0, 9000.0], world["price"].shape)
    return case, world


def footprint(number: int) -> tuple[Case, xr.Dataset]:
    knobs = FOOTPRINTS[number]
    case = supply_case(RICH_SUPPLY | {"least_hedged_share": 0.0}, horizon={"long_run_until_year": 2028}, **knobs)
    world = day_world(case, 2, 3)
    return case, supply_world(case, world, **rich_sources(world))


CASES = {
    "wild prices": wild_prices,
    "sources of every kind": rich_supply,
    "a menu and a network": rich_menu,
    "a fleet": fleet,
    "most tokens": lambda: fleet(objective={"goal": "most_tokens"}, budget={"present_value_musd": 900.0}),
    "a lost region": lambda: fleet(fleet={"members": "tiny", "busiest_share": 1.0, "region_loss": True}),
    **{f"tariff of {name}": lambda name=name: tariff_of(name)
       for name in ("rising tiers", "falling tiers", "fixed and least", "time of use")},
    **{f"footprint {n}": lambda n=n: footprint(n) for n in range(len(FOOTPRINTS))},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_its_own_days_cost_what_the_plan_says(name: str) -> None:
    plan, result = own_days(*CASES[name]())
    terms = [str(t) for t in result["term"].values]
    booked = sum(float(plan[f"cost_{t}"].sum()) for t in terms)
    assert float(result["term_usd"].sum()) == pytest.approx(booked, rel=1e-6, abs=1.0)
    assert float(result["term_usd_representative"].sum()) == pytest.approx(booked, rel=1e-6, abs=1.0)
    assert float(abs(result["day_usd"] - result["day_usd_representative"]).max()) <= 1.0
    assert failures(result, plan) == []
