"""Fixtures of plans, for test modules that say ``pytest_plugins = ["tests.plan_plugin"]``."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from tests.plan_fixture import plan_by_hand
from tests.shared import kept_once, made_once


@pytest.fixture
def hand_plan() -> xr.Dataset:
    """A fresh plan made by hand."""
    return plan_by_hand()


@pytest.fixture(scope="session")
def quick_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan file of the quick case, solved once."""
    from grid_opt.study.run import run

    return made_once(tmp_path_factory, "quick", lambda folder: run("quick", out=folder)) / "plan.nc"


@pytest.fixture(scope="session")
def quick_supply_plan(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The quick case solved with every source, its plan as it is written."""
    from grid_opt.config import load_case
    from grid_opt.inputs.world import build_world
    from grid_opt.study.plan_case import hash_inputs, plan_case
    from grid_opt.study.progress import Log
    from tests.tiny_supply import QUICK_SOURCES

    def solved() -> xr.Dataset:
        case = load_case("quick", [*QUICK_SOURCES, "energy.days=4", "solve.gap=0.001"])
        return plan_case(case, build_world(case), hash_inputs(case), Log(None)).plan

    found: xr.Dataset = kept_once(tmp_path_factory, "quick_supply", solved)
    return found


@pytest.fixture
def world_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the world of a case again once, however many spoiled plans of it are compared with it."""
    from grid_opt.config import case_to_toml
    from grid_opt.verify import contents
    from grid_opt.verify.evidence import Evidence

    make, made = contents._world_again, dict[str, xr.Dataset]()

    def once(e: Evidence) -> xr.Dataset:
        key = case_to_toml(e.case)
        if key not in made:
            made[key] = make(e)
        return made[key]

    monkeypatch.setattr(contents, "_world_again", once)
