"""A case that solves in a moment, sweeps over it, and one of them run once for all tests of a session."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from tests.shared import made_once

FAST = """
name = "fast"
[objective]
goal = "least_cost"
[fleet]
members = "none"
[demand]
power_basis = "facility"
commitments = "every"
targets_mw = { 2026Q4 = 20.0 }
[horizon]
first_quarter = "2026Q1"
last_quarter = "2026Q4"
long_run_until_year = 2028
[regions]
include = ["OK", "TX_N", "TX_W"]
[campus]
hall_mw = 10.0
min_campus_mw = 10.0
max_campus_mw = 100.0
max_sites = 3
max_region_share = 1.0
max_market_share = 1.0
[grid]
network = false
[connection]
menu = false
[tariffs]
charge = false
[supply]
contracts = []
forwards = false
onsite = []
[energy]
days = 4
extreme_days = 0
[solve]
gap = 0.00001
time_limit_s = 60.0
threads = 1
"""
FOUR = """
name = "four"
title = "Price and target"
case = "fast.toml"

[axes.price]
key = "energy.price_scale"
values = [1.0, 2.0]

[axes.target]
key = "demand.targets_mw.2026Q4"
values = [20.0, 900.0]
"""
"""Two prices by two targets, of which the larger cannot be met."""
PAIR = """
name = "pair"
case = "fast.toml"

[axes.target]
key = "demand.targets_mw.2026Q4"
values = [20.0, 900.0]
"""
"""Two targets, of which the larger cannot be met."""
THREE = """
name = "three"
case = "fast.toml"
reuse = true

[base.solve]
gap = 0.02
strategy = "decomposition"

[axes.price]
key = "energy.price_scale"
values = [1.0, 1.1, 3.0]
"""
"""Three prices, the others of which begin with the plan of the first."""
PATIENCE_S = 600.0


def write_sweep(folder: Path, text: str = FOUR, name: str = "four.toml") -> Path:
    """Write a sweep file and its base case."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fast.toml").write_text(FAST, encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the sweep of four cases, run without any disturbance."""
    return _swept(tmp_path_factory, FOUR, "undisturbed")


@pytest.fixture(scope="session")
def undisturbed_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the sweep of two cases, run without any disturbance."""
    return _swept(tmp_path_factory, PAIR, "undisturbed_pair")


def _swept(factory: pytest.TempPathFactory, text: str, name: str) -> Path:
    from grid_opt.study.sweeps.study import sweep

    def make(folder: Path) -> None:
        sweep(write_sweep(folder, text), out=folder / "out", workers=2)

    return made_once(factory, name, make) / "out"


def cube_of(folder: Path) -> xr.Dataset:
    """Return the cube of a sweep."""
    with xr.open_dataset(folder / "cube.nc") as opened:
        return opened.load()


def processes_with(*words: str) -> list[int]:
    """Return the processes of this machine whose command line has all words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if all(word in line for word in words):
                found.append(int(entry.name))
    return found


def wait_until(moment: Callable[[], bool], what: str) -> None:
    """Wait for a moment."""
    end = time.monotonic() + PATIENCE_S
    while not moment():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)
