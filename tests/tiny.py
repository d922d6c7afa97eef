"""Make small worlds and cases that can be solved by hand or by enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.inputs.schema import WORLD
from grid_opt.inputs.schema_environment import FOOTPRINT
from grid_opt.inputs.tradeoff import with_criteria
from grid_opt.study.plan_case import Planned, plan_case
from grid_opt.study.progress import Log

SEASON_HOURS = (2160.0, 2184.0, 2208.0, 2208.0)


def tiny_case(**sections: dict[str, Any]) -> Case:
    """Return a one-year case with 10 MW halls; each keyword replaces knobs of one section."""
    knobs: dict[str, dict[str, Any]] = {
        "objective": {"goal": "least_cost"},
        "fleet": {"members": "none"},
        "demand": {
            "power_basis": "it", "commitments": "every", "targets_mw": {"2026Q2": 20.0, "2026Q4": 40.0},
            "utilization_fraction": 0.8,
        },
        "horizon": {"first_quarter": "2026Q1", "last_quarter": "2026Q4", "long_run_until_year": 2028},
        "campus": {
            "hall_mw": 10.0, "min_campus_mw": 10.0, "max_campus_mw": 20.0, "max_halls_per_quarter": 2,
            "earliest_start": "2025Q1", "max_sites": 4, "max_region_share": 1.0, "max_market_share": 1.0,
        },
        "grid": {"network": False},
        "connection": {"menu": False},
        "supply": {"contracts": [], "forwards": False, "onsite": []},
        "tariffs": {"charge": False},
        "costs": {"site_fixed_musd": 20.0},
        "solve": {"gap": 0.0, "time_limit_s": 60.0},
    }  # fmt: skip
    for name, changes in sections.items():
        knobs[name] = knobs.get(name, {}) | changes
    return Case.model_validate({"name": "tiny", **knobs})


def tiny_world(case: Case, regions: int = 3, seed: int = 0) -> xr.Dataset:
    """Return a random but sound world: zones in a ring, two slices per calendar quarter, one region per zone."""
    rng = np.random.default_rng(seed)
    zones = [f"Z{i}" for i in range(regions)]
    links = [f"{a}>{b}" for a, b in zip(zones, zones[1:] + zones[:1], strict=True)] if regions > 2 else []
    ends = [link.split(">") for link in links]
    slices = np.arange(8)
    quarters, years = list(case.quarters), list(case.years)
    headroom = np.sort(rng.choice([0.0, 12.0, 24.0, 40.0], size=(regions, len(quarters))), axis=1)
    stress = np.round(rng.uniform(1.05, 1.25, size=(regions, 2)), 3)
    values: dict[str, Any] = {
        "zone_name": zones, "zone_market": [f"M{i % 2}" for i in range(regions)], "zone_state": ["XX"] * regions,
        "zone_interconnect": ["eastern"] * regions,
        "zone_lat": np.linspace(30, 45, regions), "zone_lon": np.linspace(-120, -75, regions),
        "surplus": rng.choice([0.0, 15.0, 60.0], size=(regions, len(quarters), 2)),
        "redispatch": np.zeros((regions, 2)),
        "link_from": [a for a, _ in ends], "link_to": [b for _, b in ends], "link_kind": ["AC"] * len(links),
        "link_base_flow": np.zeros((len(links), 2)), "link_forward": np.full((len(links), 2), 15.0),
        "link_reverse": np.full((len(links), 2), 10.0),
        "link_susceptance": rng.uniform(500, 2000, size=len(links)),
        "region_name": [f"Region {z}" for z in zones], "region_market": [f"M{i % 2}" for i in range(regions)],
        "headroom": headroom, "pue": rng.uniform(1.05, 1.2, size=(regions, 4)),
        "pue_stress": stress, "pue_peak": stress.max(axis=1),
        "site_lead_quarters": rng.integers(2, 6, size=regions).astype(float),
        "construction_multiplier": rng.uniform(0.9, 1.2, size=regions), "loss": np.full(regions, 0.03),
        "delivery_demand_charge": rng.uniform(4e3, 1e4, size=regions), "delivery_rider": np.full(regions, 1.5),
        "capacity_charge": rng.uniform(0, 3e4, size=(regions, len(years), 4)),
        "hardware_price": 1e9 / 26,  # one million USD and 26 kW a system
        "price": rng.uniform(20, 60, size=(regions, len(years), len(slices))),
        "region_hub": [f"Hub {i % 2}" for i in range(regions)],
        "basis": np.random.default_rng(2000 + seed).uniform(-6, 6, size=(regions, len(slices))),
        "slice_weight": np.repeat(SEASON_HOURS, 2) / 2, "slice_season": np.repeat([1, 2, 3, 4], 2),
        "slice_day": np.repeat([0, 1, 2, 3], 2), "slice_hour": np.tile([0, 12], 4),
        "slice_source_day": np.repeat([10, 100, 200, 300], 2),
        "target": [case.target_mw(q) for q in quarters],
    }  # fmt: skip
    values |= footprint(regions, len(years), seed)
    declared = WORLD | FOOTPRINT
    coords = {
        "zone": zones, "region": zones, "link": links, "quarter": quarters, "year": years, "slice": slices,
        "season": [1, 2, 3, 4], "stress": ["summer", "winter"], "hour": list(range(24)),
        **({"basin": [1, 2, 3, 4, 5]} if case.water.cap_m3 else {}),
    }  # fmt: skip
    world = xr.Dataset({n: (declared[n].dims, np.asarray(v)) for n, v in values.items()}, coords=coords)
    for name, array in declared.items():
        world[name].attrs = {"units": array.unit, "long_name": array.meaning}
    world.attrs = {
        "largest_price_correction_usd_per_mwh": 0.0,
        "hours_source": f"random, seed {seed}",
        "price_base_year": case.finance.price_base_year,
    }
    return with_criteria(case, world)


def footprint(regions: int, years: int, seed: int) -> dict[str, Any]:
    """Return random rates of emissions, carbon-free shares, water and its stress; they take no number from others."""
    rng = np.random.default_rng(1000 + seed)
    by_hour = (regions, years, 4, 24)
    average = rng.uniform(100, 900, size=by_hour)
    return {
        "emission_average": average, "emission_marginal": rng.uniform(100, 900, size=by_hour),
        "emission_residual": 1.1 * average, "residual_mix": 1.1 * average.mean(axis=(2, 3)),
        "grid_carbon_free": rng.uniform(0.1, 0.9, size=by_hour),
        "water_intensity": rng.uniform(0.1, 1.8, size=(regions, 4)),
        "water_stress": [float(1 + i % 5) for i in range(regions)],
    }  # fmt: skip


def solve_tiny(case: Case, world: xr.Dataset) -> Planned:
    """Solve a tiny case to a gap of zero."""
    return plan_case(case, world, {}, Log(None))


def objective(case: Case, world: xr.Dataset) -> float:
    """Return the optimal cost in million USD."""
    return float(solve_tiny(case, world).plan.attrs["objective"])
