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
            chosen[dim] = _labels(world, dim, [region in mine for region in world[f"{prefix}_region"].values.tolist()])
    for dim, like in _SAME:
        if dim in world.dims:
            chosen[dim] = chosen[like]
    return _select(world, chosen)


def one_year(world: xr.Dataset, year: int) -> xr.Dataset:
    """Return the part of a world or plan that is about one operating year: what is billed in others is left out."""
    mine = world.sel(year=[year])
    if "line" not in world.dims:
        return mine
    paid = (abs(mine["line_rate"]).sum("year") > 0).values
    return _select(
        mine,
        {
            "line": _labels(world, "line", paid.tolist()),
            "meter": _labels(world, "meter", (world["meter_year"].values == year).tolist()),
        },
    )


def _labels(world: xr.Dataset, dim: str, flags: Sequence[bool]) -> set[str]:
    return {one for one, flag in zip(world[dim].values.tolist(), flags, strict=True) if flag}


def _select(world: xr.Dataset, chosen: dict[str, set[str]]) -> xr.Dataset:
    """Keep the chosen labels, and of bounds, tiers and ties those of the lines that are kept."""
    keep = dict(chosen)
    for dim, parent, of in _PARTS:
        if dim in world.dims:
            homes = world[parent].values.tolist()
            keep[dim] = _labels(world, dim, [home in keep[of] for home in homes])
    if "tie" in world.dims:  # both ends of a tie
        ends = zip(world["tie"].values.tolist(), world["tie_line"].values.tolist(), strict=True)
        keep["tie"] &= {tie for tie, line in ends if line in keep["line"]}
    rows = {
        dim: np.flatnonzero([one in labels for one in world[dim].values.tolist()])
        for dim, labels in keep.items()
        if dim in world.dims
    }
    return world.isel(rows)
