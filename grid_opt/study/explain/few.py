"""Restrict a world to one region and the few without which the model could not be stated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr

_PARTS: Mapping[str, str] = {"plant": "own", "store": "own", "wheeled": "ppa"}
"""Dimensions whose labels are some of those of another."""
_NAMED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "bound": (("bound_line", "line"), ("bound_meter", "meter")),
    "fall": (("fall_line", "line"),),
    "tie": (("tie_line", "line"),),
}
"""Dimensions whose labels each name one of another dimension."""


def few_regions(world: xr.Dataset, region: str) -> xr.Dataset:
    """Return a world of one region and, of every kind of thing that regions have, a region that has one.

    Offers, contracts, plant and lines of bills go with their regions. What is left says of the region what the whole
    world does, so that the rows and columns of its own are the same in the program of both.
    """
    every = {str(d): _regions_of(world, str(d)) for d in world.dims}
    of = {d: regions for d, regions in every.items() if regions is not None and len(regions)}
    kept = [region]
    while lacking := [d for d, regions in of.items() if not np.isin(regions, kept).any()]:
        has = {r: sum(bool((of[d] == r).any()) for d in lacking) for r in world["region"].values.tolist()}
        kept.append(max(has, key=lambda r: (has[r], r)))
    few = world.sel(region=[r for r in world["region"].values.tolist() if r in kept])
    return few.isel({d: np.flatnonzero(np.isin(regions, kept)) for d, regions in of.items()})


def _regions_of(world: xr.Dataset, dim: str) -> npt.NDArray[np.str_] | None:
    """Return the region of every label of a dimension; ``None`` where its labels are of no region."""
    own = f"{dim}_region"
    if own in world and world[own].dims == (dim,):
        return world[own].values.astype(str)
    if dim in _PARTS and _PARTS[dim] in world.dims:
        return _looked_up(world, _PARTS[dim], world[dim].values.astype(str))
    found = None
    for name, other in _NAMED.get(dim, ()):
        if name in world and other in world.dims:
            regions = _looked_up(world, other, world[name].values.astype(str))
            found = regions if found is None else np.where(found == "", regions, found)
    return found


def _looked_up(world: xr.Dataset, dim: str, labels: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    """Return the regions of some labels of a dimension, nothing for one that it does not have."""
    regions = _regions_of(world, dim)
    known = {} if regions is None else dict(zip(world[dim].values.tolist(), regions.tolist(), strict=True))
    return np.array([known.get(label, "") for label in labels.tolist()], dtype=str)
