"""Every check of a plan at buses fails on a plan spoiled for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import load_case
from grid_opt.inputs.world import build_world
from grid_opt.study.plan_case import hash_inputs, plan_case
from grid_opt.study.progress import Log
from grid_opt.verify import Report, verify
from tests.test_verify import ONLY_AT_BUSES
from tests.test_verify_fleet import Mutation, add, case
from tests.tiny_nodal import write

AT = {"year": 2026, "slice": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nodal")
    write(path, scale=0.8)
    return path


@pytest.fixture(scope="module")
def nodal_plan(folder: Path) -> xr.Dataset:
    asked = load_case(folder / "case.toml")
    plan = plan_case(asked, build_world(asked), hash_inputs(asked), Log(None)).plan
    report = verify(plan, folder)
    assert report.ok, report.failed
    assert report.warnings == ()
    return plan


def shift(name: str, amount: float, by: str, places: tuple[str, str]) -> Mutation:
    """Move an amount from one label to another at one hour, so that sums stay."""

    def mutate(plan: xr.Dataset) -> None:
        plan[name] = plan[name].copy(deep=True)
        for label, sign in zip(places, (-1.0, 1.0), strict=True):
            plan[name].loc[{by: label, **AT}] += sign * amount

    return mutate


def both(*mutations: Mutation) -> Mutation:
    def mutate(plan: xr.Dataset) -> None:
        for one in mutations:
            one(plan)

    return mutate


def watch_another(plan: xr.Dataset) -> None:
    plan["watch_branch"] = plan["watch_branch"].copy(data=["nowhere"] * plan.sizes["watch"])


def worth_without_need(plan: xr.Dataset) -> None:
    """Give every watched limit a worth, also those that have room."""
    plan["watch_limit"] = (plan["watch_limit"] + 50.0).assign_attrs(plan["watch_limit"].attrs)
    plan["dual_limit"] = (plan["dual_limit"] + 1.0).assign_attrs(plan["dual_limit"].attrs)


MUTATIONS: dict[str, Mutation] = {
    "nodal.dispatch": add("dispatch", -300.0, step="1/1", **AT),
    "nodal.shed": add("shed", -1.0, **AT),
    "nodal.balance": add("dispatch", 0.1, step="1/1", **AT),
    "nodal.within_limit": add("branch_high", -80.0, branch="7 (1-4)"),
    "nodal.outages": shift("dispatch", 20.0, "step", ("5/1", "1/3")),
    "nodal.outages_solved": shift("dispatch", 20.0, "step", ("5/1", "1/3")),
    "nodal.watch": watch_another,
    "nodal.watch_limit": add("watch_limit", 1.0),
    "nodal.local_price": add("local_price", 1.0, region="4", **AT),
    "nodal.limit_worth": worth_without_need,
    "nodal.merit_order": shift("dispatch", 5.0, "step", ("1/1", "5/2")),
    "nodal.shedding": both(add("shed", 5.0, **AT), add("dispatch", -5.0, step="5/1", **AT)),
    "cost.generation": add("step_cost", 1.0),
    "cost.lost_load": add("cost_lost_load", 1e6),
}


def test_every_check_at_buses_has_a_mutation() -> None:
    assert set(MUTATIONS) == ONLY_AT_BUSES


@pytest.mark.parametrize("name", list(MUTATIONS))
def test_check_fails_on_a_plan_spoiled_for_it(name: str, nodal_plan: xr.Dataset) -> None:
    spoiled = nodal_plan.copy(deep=True)
    MUTATIONS[name](spoiled)
    report = verify(spoiled, compare_tables=False)
    assert name in {check.name for check in report.failed}


INPUTS: dict[str, tuple[str, Mutation]] = {
    "another headroom": ("tables.headroom", add("headroom", 1.0, region="4")),
    "another region's PUE": ("tables.pue", add("pue", 0.01, region="3")),
    "another rating": ("inputs.reproducible", add("branch_high", 1.0, branch="2 (1-3)")),
    "dearer steps": ("inputs.reproducible", add("step_cost", 0.5, step="2/1")),
    "other hours": ("inputs.reproducible", add("area_factor", 0.01)),
    "other load": ("inputs.reproducible", add("bus_load", 1.0, bus="3")),
    "another growth": ("inputs.reproducible", case("load_growth = 0.02", "load_growth = 0.03")),
}


@pytest.mark.parametrize("name", list(INPUTS))
def test_inputs_are_compared_with_the_files(name: str, folder: Path, nodal_plan: xr.Dataset) -> None:
    check, mutate = INPUTS[name]
    spoiled = nodal_plan.copy(deep=True)
    mutate(spoiled)
    assert check in {one.name for one in verify(spoiled, folder).failed}


def test_files_that_changed_are_named(folder: Path, nodal_plan: xr.Dataset, tmp_path: Path) -> None:
    write(tmp_path, scale=0.8, changes={"candidates.csv": (folder / "candidates.csv").read_text() + "\n"})
    assert _not_made(verify(nodal_plan, tmp_path)) == {"tables have changed since the plan was made: candidates.csv"}


def test_files_that_are_not_at_hand_are_named(nodal_plan: xr.Dataset, tmp_path: Path) -> None:
    assert any(
        "not at hand" in reason or "cannot be read" in reason for reason in _not_made(verify(nodal_plan, tmp_path))
    )


def _not_made(report: Report) -> set[str]:
    assert report.ok, report.failed
    return set(report.not_made)


def test_every_declaration_at_buses_has_a_check() -> None:
    from grid_opt.formulation.model import print_formulas
    from grid_opt.formulation.nodal import unwatched
    from grid_opt.verify import CHECKS
    from tests.tiny_nodal import nodal_world

    asked, world = nodal_world()
    declared = print_formulas(asked, unwatched(world)).values()
    limits = {d.name for d in declared if d.kind in ("constraint", "variable")}
    costs = {f"cost.{d.short_name}" for d in declared if d.kind == "cost"}
    assert {"nodal.dispatch", "nodal.within_limit"} <= limits
    assert limits | costs <= set(CHECKS)
    assert not np.isnan(world["bus_load"]).any()
