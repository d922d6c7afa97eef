"""Write a small case of nodal siting into a folder: six buses, three candidates, one hour a calendar quarter."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case, load_case
from grid_opt.inputs.world import build_world
from grid_opt.network.screening import Pairs
from grid_opt.solve.answer import Options
from grid_opt.solve.nodal import Grid, without_campuses
from tests import grids

CANDIDATES = ("3", "4", "5")
HOURS = """season,weight_h,load,dry
1,2160,0.8,1.0
2,2184,0.9,0.4
3,2208,1.0,0.7
4,2208,0.7,1.0
"""
CASE = """
name = "tiny_nodal"

[objective]
goal = "least_cost"

[fleet]
members = "none"

[demand]
power_basis = "it"
commitments = "every"
utilization_fraction = 0.8

[demand.targets_mw]
2026Q2 = 10.0
2026Q4 = 40.0

[horizon]
first_quarter = "2026Q1"
last_quarter = "2026Q4"
long_run_until_year = 2028

[campus]
hall_mw = 10.0
min_campus_mw = 10.0
max_campus_mw = 30.0
max_halls_per_quarter = 2
max_sites = 3
max_region_share = 1.0
max_market_share = 1.0

[grid]
network = false

[supply]
contracts = []
forwards = false
onsite = []

[tariffs]
charge = false

[connection]
menu = false

[costs]
site_fixed_musd = 8.0

[nodal]
network = "tiny.m"
buses = "buses.csv"
generators = "generators.csv"
load_growth = 0.02

[solve]
gap = 0.0
time_limit_s = 60.0
threads = 1
"""


def tables(scale: float = 1.0) -> dict[str, Any]:
    """Return the network: cheap power at bus 1, dearer at 2, a dear unit at 5, and bus 6 at the end of one line."""
    return {
        "bus": [
            grids.bus(1, kind=3), grids.bus(2), grids.bus(3, load=70), grids.bus(4, load=80), grids.bus(5, load=40),
            grids.bus(6, load=5),
        ],
        "gen": [grids.generator(1, 260, low=20), grids.generator(2, 200), grids.generator(5, 60)],
        "gencost": [grids.quadratic(0.02, 15), grids.linear(38), grids.piecewise(0, 0, 20, 1800, 60, 6000)],
        "branch": [
            grids.branch(1, 2, 0.10, 150 * scale), grids.branch(1, 3, 0.10, 130 * scale),
            grids.branch(2, 4, 0.12, 130 * scale), grids.branch(3, 4, 0.08, 80 * scale),
            grids.branch(3, 5, 0.10, 75 * scale), grids.branch(4, 5, 0.10, 75 * scale),
            grids.branch(1, 4, 0.15, 110 * scale), grids.branch(5, 6, 0.20, 30),
        ],
    }  # fmt: skip


def write(folder: Path, *, scale: float = 1.0, changes: dict[str, str] | None = None) -> Path:
    """Write the case and return its file; ``changes`` replaces files by their names."""
    grids.write(folder, **tables(scale))
    places = "".join(f"{bus},{30 + bus / 10},{-100 + bus / 10},load\n" for bus in range(1, 7))
    rows = [
        f"{bus},Place {bus},{like},2026Q1,60\n" for bus, like in zip(CANDIDATES, ("TX_S", "TX_W", "TX_N"), strict=True)
    ]
    files = {
        "buses.csv": "bus,latitude_deg,longitude_deg,load_series\n" + places,
        "generators.csv": "generator,series\n2,dry\n",
        "hours.csv": HOURS,
        "candidates.csv": "bus,name,like,from_quarter,headroom_mw\n" + "".join(rows),
        "case.toml": CASE,
    } | (changes or {})
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "case.toml"


def watched_world() -> tuple[Case, xr.Dataset]:
    """Return a case and its world with one limit watched, after an outage, and a dispatch without campuses."""
    case, world = nodal_world()
    grid = Grid.of(case, world)
    without_campuses(grid, Options(threads=1), lambda text: None)
    one = [np.array([k]) for k in (2, 1, 1, 5)]
    return case, grid.watching(Pairs(*one, grid.screen.rating(*one[:3]), np.zeros(1)))


@functools.cache
def nodal_world(scale: float = 1.0, *overrides: str) -> tuple[Case, xr.Dataset]:
    """Return the case and its world."""
    with tempfile.TemporaryDirectory() as folder:
        case = load_case(write(Path(folder), scale=scale), overrides)
        return case, build_world(case)
