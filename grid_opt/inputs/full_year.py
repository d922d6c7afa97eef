"""Give a plan the world of all 8,760 hours, of which its representative days are a choice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from grid_opt.config import Case, with_overrides
from grid_opt.inputs.timeslices import Ints, choose_slices
from grid_opt.inputs.world import build_world, hours_of

EVERY_DAY = 365
_REGION_OF = (
    ("offer", "offer"), ("ppa", "ppa"), ("forward", "forward"), ("own", "own"), ("size", "size"), ("line", "line"),
    ("meter", "meter"),
)  # fmt: skip
_SAME = (("wheeled", "ppa"), ("plant", "own"), ("store", "own"))
_PARTS = (("bound", "bound_line", "line"), ("fall", "fall_line", "line"), ("tie", "tie_bound", "bound"))


def full_year_case(case: Case, *, across_days: bool = False) -> Case:
    """Return the case with every hour of the year, and nothing screened out by what prices say of few days."""
    changes = [f"energy.days={EVERY_DAY}", "energy.extra_days=[]", "supply.screen=false"]
    return with_overrides(case, changes + (["supply.store_across_days=true"] if across_days else []))


def full_year_world(case: Case, plan: xr.Dataset) -> xr.Dataset:
    """Return the world of every hour, with the offers of power that the plan's world has.

    Raises:
        InputError: a table or the hours are not sound.
    """
    world = build_world(case)
    for dim in ("ppa", "wheeled", "forward", "own", "plant", "store"):
        if dim in world.dims:
            known = set(plan[dim].values.tolist()) if dim in plan.dims else set()
            world = world.isel({dim: np.flatnonzero([one in known for one in world[dim].values.tolist()])})
    return world


def standing_days(case: Case, regions: Sequence[str]) -> Ints:
    """Return, for every day of the year, the number of the representative day that stands for it; shape (365)."""
    hours, _ = hours_of(case, list(regions))
    slices = choose_slices(hours, regions, case.energy.days, case.energy.extreme_days, case.energy.extra_day_numbers)
    return np.asarray(slices["stood_for_by"].values, dtype=np.int64)


def restrict(world: xr.Dataset, regions: Sequence[str]) -> xr.Dataset:
    """Return the part of a world or plan that is about some regions; zones, links and requests stay."""
    mine = set(regions)
    chosen: dict[str, set[str]] = {"region": mine, "lost": mine}
    for dim, prefix in _REGION_OF:
        if dim in world.dims:
            pairs = zip(world[dim].values.tolist(), world[f"{prefix}_region"].values.tolist(), strict=True)
            chosen[dim] = {one for one, region in pairs if region in mine}
    for dim, like in _SAME:
        if dim in world.dims:
            chosen[dim] = chosen[like]
    for dim, parent, of in _PARTS:
        if dim in world.dims:
            pairs = zip(world[dim].values.tolist(), world[parent].values.tolist(), strict=True)
            chosen[dim] = {one for one, home in pairs if home in chosen[of]}
    rows = {
        dim: np.flatnonzero([one in keep for one in world[dim].values.tolist()])
        for dim, keep in chosen.items()
        if dim in world.dims
    }
    return world.isel(rows)
