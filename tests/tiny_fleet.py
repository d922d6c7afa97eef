"""Make small cases with a fleet: two kinds of systems, two classes of requests, one block of the day."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.inputs.schema_fleet import FLEET
from tests.tiny import tiny_case, tiny_world

FAST, PLAIN = "fast", "plain"
SYSTEM_MW = {FAST: 5.0, PLAIN: 5.0}


def fleet_case(**sections: dict[str, Any]) -> Case:
    """Return a one-year case whose fleet comes from :func:`fleet_tiny_world`; no target is a duty."""
    base: dict[str, dict[str, Any]] = {
        "objective": {"goal": "net_value"},
        "fleet": {"members": "tiny", "busiest_share": 1.0},
        "service": {"load_blocks": 1},
        "demand": {"commitments": "none", "targets_mw": {"2026Q4": 20.0}},
        "campus": {"max_campus_mw": 10.0, "hall_air_share": 1.0, "earliest_start": "2024Q1"},
        "horizon": {"long_run_until_year": 2026},
        "flexibility": {"max_curtailment_fraction": 0.0},
    }
    for name, changes in sections.items():
        base[name] = base.get(name, {}) | changes
    return tiny_case(**base)


def fleet_tiny_world(case: Case, regions: int = 2, seed: int = 0, **changes: Any) -> xr.Dataset:
    """Return a tiny world with a fleet; ``changes`` replace arrays of the fleet by name."""
    rng = np.random.default_rng(seed + 100)
    world = tiny_world(case, regions, seed)
    world["headroom"] = xr.full_like(world["headroom"], 40.0)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 8.0)
    quarters, years, blocks = list(case.quarters), list(case.years), ["00-24"]
    machines, classes, nq, ny = [FAST, PLAIN], ["quick", "slow"], len(case.quarters), len(case.years)
    reach = np.ones((2, regions))
    values: dict[str, Any] = {
        "accelerator_title": ["Fast", "Plain"], "accelerator_vendor": ["A", "B"],
        "accelerator_software": ["own", "usual"], "accelerator_pool": [PLAIN, ""],
        "system_mw": [5.0, 5.0], "system_idle_mw": [2.0, 1.0], "system_full_mw": [4.5, 4.0],
        "system_life": [20.0, 20.0], "system_decline": [0.05, 0.1],
        "system_price": np.outer([150e6, 100e6], 0.97 ** np.arange(nq)), "system_racks": [10.0, 10.0],
        "system_liquid": [1.0, 0.0],
        "deliveries_most": rng.integers(0, 3, size=(2, nq)).astype(float), "deliveries_least": np.zeros((2, nq)),
        "tokens_per_system": np.broadcast_to(np.array([[3e6, 3e6], [0.0, 2e6]])[:, :, None], (2, 2, ny)),
        "system_busy_mw": np.broadcast_to(np.array([[4.5, 4.5], [0.0, 3.5]])[:, :, None], (2, 2, ny)),
        "pool_systems": np.zeros((2, 2, ny)),
        "class_title": ["Quick", "Slow"], "class_floor": [500.0, 20.0], "class_latency": [50.0, 500.0],
        "class_protected": [1.0, 0.0], "class_deferrable": [0.0, 0.0],
        "class_worth": rng.uniform(1.0, 4.0, size=(2, ny)), "class_penalty": [0.1, 0.0],
        "stream_class": classes, "stream_users": ["all", "all"],
        "stream_demand": np.sort(rng.uniform(0, 6e6, size=(2, nq, 1)), axis=1), "stream_peak": np.ones((2, 1)),
        "stream_reach": reach, "rtt": np.full((1, regions), 20.0), "user_share": [1.0],
        "block_hours": [[2160.0], [2184.0], [2208.0], [2208.0]], "slice_block": np.zeros(8),
        "software_ready": np.array([[[float(q >= v) for q in range(nq)] for v in range(nq)]] * 2),
        "porting_cost": [0.0, 0.0], "vendor_least": [0.0, 0.0], "vendor_most": [1.0, 1.0],
        "co_siting": np.zeros((2, 2)),
    }  # fmt: skip
    coords = {
        "accelerator": machines, "beside": machines, "class": classes, "stream": classes, "user": ["all"],
        "block": blocks, "software": ["own", "usual"], "vintage": quarters, "vendor": ["A", "B"], "year": years,
        "lost": world["region"].values.tolist(),
    }  # fmt: skip
    world = world.drop_vars("hardware_price").assign_coords(coords)
    world = world.assign({n: (FLEET[n].dims, np.array(v)) for n, v in (values | changes).items()})
    for name, array in FLEET.items():
        world[name].attrs = {"units": array.unit, "long_name": array.meaning}
    return world
