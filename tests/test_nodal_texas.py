"""The script of the Texas case makes the same sound files every time; needs the package that carries the system."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from grid_opt.config import load_case
from grid_opt.inputs.world import build_world

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("powersimdata") is None,
    reason="powersimdata carries the synthetic Texas: pip install powersimdata==0.5.5 --no-deps",
)


def test_the_case_is_whole_and_the_same_every_time(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    make = script("network/texas.py")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        make.main(["--out", str(folder)])
    names = sorted(path.name for path in folders[0].iterdir())
    assert names == sorted(["texas.m", "buses.csv", "generators.csv", "hours.csv", "candidates.csv", "texas.toml"])
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)
    case = load_case(folders[0] / "texas.toml")
    world = build_world(case)
    assert world.sizes["bus"] == 2000 and world.sizes["branch"] == 3206
    assert world.sizes["region"] == 24 and world.sizes["slice"] == 24
    assert float(world["slice_weight"].sum()) == 8760
    peak = (world["bus_load"].groupby(world["bus_area"]).sum().rename(bus_area="area") * world["area_factor"]).sum(
        "area"
    )
    assert 0.9 < float(peak.isel(year=0).max()) / float(world["bus_load"].sum()) <= 1.0
    assert float(world["step_available"].sum("step").min()) > 1.2 * float(peak.max())
    assert np.unique(world["region_market"].values).tolist() == ["ERCOT"]
