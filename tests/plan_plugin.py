"""Fixtures of plans, for test modules that say ``pytest_plugins = ["tests.plan_plugin"]``."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from tests.plan_fixture import plan_by_hand


@pytest.fixture
def hand_plan() -> xr.Dataset:
    """A fresh plan made by hand."""
    return plan_by_hand()


@pytest.fixture(scope="session")
def quick_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan file of the quick case, solved once."""
    from grid_opt.study.run import run

    return run("quick", out=tmp_path_factory.mktemp("quick")).folder / "plan.nc"
