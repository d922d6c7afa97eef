"""Label a world with the criteria of a trade-off and the plans from which a new one is to differ."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case, nearest
from grid_opt.errors import InputError


def with_criteria(case: Case, world: xr.Dataset) -> xr.Dataset:
    """Return the world with the labels ``criterion`` and ``reference`` of a case, in place of those it has.

    Nothing else of a world hangs on a trade-off, so that one world serves for all points of a front.

    Raises:
        InputError: a reference names a region that is no candidate of the case.
    """
    world = world.drop_vars([name for name in ("criterion", "reference") if name in world.coords])
    regions = world["region"].values.tolist()
    for number, sites in enumerate(case.tradeoff.references):
        for site in sites:
            if site not in regions:
                raise InputError(
                    "a reference names a region that is no candidate", file=case.source,
                    field=f"tradeoff.references[{number}]", value=site, expected="a region of the case",
                    fix=f"did you mean {nearest(site, regions)!r}?" if nearest(site, regions) else None,
                )  # fmt: skip
    if case.tradeoff.criteria:
        world = world.assign_coords(criterion=list(case.tradeoff.criteria))
    if case.tradeoff.references:
        world = world.assign_coords(reference=list(range(1, len(case.tradeoff.references) + 1)))
    return world
