"""Turn the tables of emissions and water into the arrays of the world that ledgers are kept with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from grid_opt.config import Case, nearest
from grid_opt.errors import InputError
from grid_opt.inputs.schema_environment import FOOTPRINT, HOURS, SEASONS

Floats = NDArray[np.float64]
Tables = Mapping[str, pd.DataFrame]

STRESSES = (1, 2, 3, 4, 5)


def footprint_world(case: Case, world: xr.Dataset, tables: Tables) -> xr.Dataset:
    """Add emission rates, carbon-free shares, water consumption and water stress to a world.

    Raises:
        InputError: the case names a class of cooling that cooling.csv does not have.
    """
    regions = world["region"].values.tolist()
    places = tables["environment"].set_index("region").loc[regions]
    level = {name: _by_year(tables["emissions"], name, regions, case) for name in _LEVELS}
    shape = {
        quantity: _shapes(tables["emission_shapes"], quantity, places[column].tolist())
        for quantity, column in _SHAPE_OF.items()
    }
    arrays = {
        "emission_average": _hourly(level["average_kg_per_mwh"], shape["average"]),
        "emission_marginal": _hourly(level["marginal_kg_per_mwh"], shape["marginal"]),
        "emission_residual": _hourly(level["residual_kg_per_mwh"], shape["average"]),
        "residual_mix": level["residual_kg_per_mwh"],
        "grid_carbon_free": np.minimum(1.0, _hourly(level["carbon_free_fraction"], shape["carbon_free"])),
        "water_intensity": _water(case, places, tables["cooling"]),
        "water_stress": places["water_stress"].to_numpy(dtype=float),
    }
    found = world.assign_coords(hour=list(range(len(HOURS))))
    if case.water.cap_m3:
        found = found.assign_coords(basin=list(STRESSES))
    found = found.assign({name: (FOOTPRINT[name].dims, values) for name, values in arrays.items()})
    for name, array in FOOTPRINT.items():
        found[name].attrs = {"units": array.unit, "long_name": array.meaning}
    return found


_LEVELS = ("average_kg_per_mwh", "marginal_kg_per_mwh", "residual_kg_per_mwh", "carbon_free_fraction")
_SHAPE_OF = {"average": "average_shape", "carbon_free": "average_shape", "marginal": "marginal_shape"}


def _by_year(table: pd.DataFrame, column: str, regions: list[str], case: Case) -> Floats:
    """Return a column by region and operating year: the mean over the calendar years that a year stands for."""
    wide = table.pivot_table(index="region", columns="year", values=column, aggfunc="first").loc[regions]
    known = [int(one) for one in wide.columns]
    years = [list(case.represented_years(year)) for year in case.years]
    return np.array([[np.mean(np.interp(each, known, row)) for each in years] for row in wide.to_numpy()])


def _shapes(table: pd.DataFrame, quantity: str, names: list[str]) -> Floats:
    """Return the shapes of the regions, (region, season, hour)."""
    rows = table[table["quantity"] == quantity].set_index(["shape", "quarter"])
    return np.array(
        [[rows.loc[(name, season), list(HOURS)].to_numpy(dtype=float) for season in SEASONS] for name in names]
    )


def _hourly(level: Floats, shape: Floats) -> Floats:
    found: Floats = level[:, :, None, None] * shape[:, None, :, :]
    return found


def _water(case: Case, places: pd.DataFrame, cooling: pd.DataFrame) -> Floats:
    """Return what the case's class of cooling consumes, (region, season) [L/kWh]."""
    known = cooling["cooling"].tolist()
    if case.water.cooling not in known:
        close = nearest(case.water.cooling, known)
        raise InputError(
            f"{case.water.cooling!r} is no class of cooling",
            file=case.source,
            row=case.row("water.cooling"),
            field="water.cooling",
            value=case.water.cooling,
            expected=f"a row of cooling.csv: {', '.join(known)}",
            fix=f"did you mean {close!r}?" if close else "correct the name, or add a row to the table",
        )
    row = cooling.set_index("cooling").loc[case.water.cooling]
    cool, warm = float(str(row["cool_l_per_kwh"])), float(str(row["warm_l_per_kwh"]))
    share = places[[f"warm_q{season}" for season in SEASONS]].to_numpy(dtype=float)
    found: Floats = cool + (warm - cool) * share
    return found


def at_slices(array: xr.DataArray, world: xr.Dataset) -> xr.DataArray:
    """Return an array by season and hour at the slices of a world; slices without an hour take the mean of the day."""
    season = {"season": xr.DataArray(world["slice_season"].values.astype(int), dims="slice")}
    if "slice_hour" in world:
        season["hour"] = xr.DataArray(world["slice_hour"].values.astype(int), dims="slice")
    else:
        array = array.mean("hour")
    found: xr.DataArray = array.sel(season).drop_vars(["season", "hour"], errors="ignore")
    return found.assign_coords(slice=world["slice"])
