"""Validate everything that a case reads, without solving it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.model import build_model
from grid_opt.inputs.geography import read_outlines
from grid_opt.inputs.world import build_world
from grid_opt.solve.standard_form import to_matrix
from grid_opt.study.plan_case import hash_inputs, model_size
from grid_opt.study.run import resolve_case

_SIZES = ("zone", "region", "link", "quarter", "year", "slice")
_LARGE_CORRECTION_USD_PER_MWH = 10.0
"""Shift of a representative day's prices above which spikes are no longer where they were."""


def check(
    case: str | Path | Case, *, overrides: Sequence[str] = (), hours_file: str | Path | None = None
) -> dict[str, Any]:
    """Return the sizes of the model and warnings for the planner.

    Raises:
        InputError: the case or anything it reads is not sound.
    """
    asked = resolve_case(case, overrides, hours_file)
    read_outlines(asked.tables_dir)
    world = build_world(asked)
    hash_inputs(asked)
    size = model_size(to_matrix(build_model(asked, world).pyomo))
    dims = {dim: int(world.sizes[dim]) for dim in _SIZES}
    return {"case": asked.name, **size, **dims, "warnings": list(warnings(asked, world))}


def warnings(case: Case, world: xr.Dataset) -> Iterator[str]:
    """Yield what a planner should know of the inputs before trusting a plan made from them."""
    yield f"hours are {world.attrs['hours_source']}"
    short = shortfall(case, world)
    if float(short.max()) > 0:
        worst = int(np.argmax(short.values))
        yield (
            f"the target of {world['quarter'].values[worst]} exceeds all headroom, in whole halls, by "
            f"{short.values[worst]:,.0f} MW: no plan exists"
        )
    empty = world["region"].values[(hostable_halls(case, world).max("quarter") < 1).values].tolist()
    if empty:
        yield f"the headroom never fits one hall in: {', '.join(empty)}"
    correction = float(world.attrs["largest_price_correction_usd_per_mwh"])
    if correction > _LARGE_CORRECTION_USD_PER_MWH:
        yield (
            f"representative days had to be shifted by up to {correction:,.0f} USD/MWh to keep the mean price of "
            "every quarter; more energy.days place spikes better"
        )
    if not case.grid.network:
        yield "grid.network is false: deliverability over the network is not checked"


def hostable_halls(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return the whole halls that fit the headroom by region and quarter."""
    fits: xr.DataArray = xr.apply_ufunc(np.floor, world["headroom"] / (world["pue_peak"] * case.campus.hall_mw) + 1e-9)
    return fits


def shortfall(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return by how much the target exceeds the headroom of all regions [MW], by quarter; negative is room left."""
    hall_mw = case.counted_per_it_mw * case.campus.hall_mw
    short: xr.DataArray = world["target"] - hall_mw * hostable_halls(case, world).sum("region")
    return short
