"""Set the full year beside the days that stood for it: money by item, by day, by hour and by region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from grid_opt.config import Case
from grid_opt.config.days import day_text, months_of
from grid_opt.plan.supply_summary import by_region
from grid_opt.solve.dispatch import Dispatched

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Days:
    """The days of a world of hours: the number of the day of every slice, and its day of the standard year, from 0."""

    of_slice: NDArray[np.int64]
    source: NDArray[np.int64]
    hours: Floats

    @classmethod
    def of(cls, world: xr.Dataset) -> Days:
        """Read the days of a world."""
        number = world["slice_day"].values.astype(np.int64)
        first = np.unique(number, return_index=True)[1]
        hours = np.bincount(number, weights=world["slice_weight"].values).astype(np.float64)
        return cls(number, world["slice_source_day"].values.astype(np.int64)[first], hours)

    def sums(self, hourly: xr.DataArray) -> Floats:
        """Add up an hourly amount by day, (region, year, day)."""
        at = hourly.transpose("region", "year", "slice").values
        ends = [at[:, :, self.of_slice == day].sum(axis=2) for day in range(len(self.source))]
        return np.stack(ends, axis=2)


def terms(run: Dispatched) -> xr.DataArray:
    """Return every cost term by operating year [USD], (term, year)."""
    rows = [array.sum([d for d in array.dims if d != "year"]).values for array in run.costs.values()]
    years = run.hourly["year"].values
    return xr.DataArray(
        np.array(rows), coords={"term": np.array(list(run.costs)), "year": years}, dims=("term", "year")
    )


def by_day(representative: Dispatched, few: Days, full: Dispatched, all_: Days, standing: NDArray[np.int64]) -> Any:
    """Return what the hours of every day cost, and what those of the day cost that stands for it [USD].

    Both have the shape (region, year, day). A representative day's money is that of all days it stands for; each of
    them has the share of its hours.
    """
    share = all_.hours / few.hours[standing]
    return all_.sums(full.hourly), few.sums(representative.hourly)[:, :, standing] * share


def by_hour(representative: Dispatched, few: Days, full: Dispatched, all_: Days, standing: NDArray[np.int64]) -> Floats:
    """Return by how much each hour costs more than the one that stands for it [USD], all regions and years together.

    Where the days of the two worlds have other numbers of slices there is no such hour, and the result is empty.
    """
    slices, days = len(all_.of_slice), len(all_.source)
    steps = slices // days
    if slices != steps * days or len(few.of_slice) != steps * len(few.source):
        return np.zeros(0)
    share = (all_.hours / few.hours[standing])[:, None]
    true = full.hourly.sum(("region", "year")).values.reshape(days, steps)
    stood = representative.hourly.sum(("region", "year")).values.reshape(len(few.source), steps)[standing] * share
    return np.asarray((true - stood).ravel())


def paid_prices(
    world: xr.Dataset, full: Dispatched, few_world: xr.Dataset, few: Dispatched, standing: NDArray[np.int64]
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the mean wholesale price paid in every hour, and in the hour that stands for it [USD/MWh], (year, slice).

    It is missing where nothing is bought.
    """

    def mean(of: xr.Dataset, run: Dispatched) -> xr.DataArray:
        bought = run.variables["purchase"]
        total = bought.sum("region")
        return ((of["price"] * bought).sum("region") / total.where(total > 0)).transpose("year", "slice")

    true, said = mean(world, full), mean(few_world, few)
    by_day = said.values.reshape(len(said["year"]), int(few_world["slice_day"].max()) + 1, -1)
    return true, true.copy(data=by_day[:, standing].reshape(true.shape))


def peaks(case: Case, world: xr.Dataset, run: Dispatched, plan: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the highest draw of every month at the meter, and what is billed as such [MW], (region, year, month)."""
    drawn = run.variables["purchase"]
    if "delivered_ppa" in run.variables:
        drawn = drawn + by_region(world, run.variables["delivered_ppa"], "wheeled")
    drawn = (drawn / (1.0 + world["loss"])).transpose("region", "year", "slice")
    month = months_of(world["slice_source_day"].values.astype(int))
    reached = np.zeros((*drawn.shape[:2], 12))
    for index in range(12):
        mine = drawn.values[:, :, month == index + 1]
        reached[:, :, index] = mine.max(axis=2) if mine.shape[2] else np.nan
    halls = plan["halls"].transpose("region", "quarter") * case.campus.hall_mw
    quarters = [[case.capacity_quarter(int(a), m // 3 + 1) for m in range(12)] for a in world["year"].values]
    at = xr.DataArray(quarters, dims=("year", "month"))
    design = world["design_pue"].values if "design_pue" in world else world["pue_peak"].values[:, None]
    declared = halls.sel(quarter=at).transpose("region", "year", "month").values * design[:, None, :]
    coords = {"region": world["region"].values, "year": world["year"].values, "month": np.arange(1, 13)}
    dims = ("region", "year", "month")
    return xr.DataArray(reached, coords=coords, dims=dims), xr.DataArray(declared, coords=coords, dims=dims)


def day_table(result: xr.Dataset) -> pd.DataFrame:
    """Return one row per day of the year, the worst first.

    Columns: ``day`` (MM-DD), ``stood_for_by`` (MM-DD of the representative day), ``full_usd`` and
    ``representative_usd`` (what the power of the day costs, all regions and years), ``difference_usd``, and
    ``error_usd``, the sum of the differences of regions and years without their signs; and
    ``difference_usd_<region>`` for each region.
    """
    full, stood = result["day_usd"], result["day_usd_representative"]
    table = pd.DataFrame({
        "day": [day_text(d) for d in result["day_source"].values],
        "stood_for_by": [day_text(d) for d in result["day_stood_for_by"].values],
        "full_usd": full.sum(("region", "year")).values,
        "representative_usd": stood.sum(("region", "year")).values,
    })  # fmt: skip
    table["difference_usd"] = table["full_usd"] - table["representative_usd"]
    table["error_usd"] = abs(full - stood).sum(("region", "year")).values
    for region in result["region"].values.tolist():
        table[f"difference_usd_{region}"] = (full - stood).sel(region=region).sum("year").values
    return table.sort_values(["error_usd", "day"], ascending=[False, True], ignore_index=True)


def hour_table(result: xr.Dataset, most: int = 20) -> list[dict[str, Any]]:
    """Return the hours whose cost differs most from that of the hour that stood for them."""
    if "hour_difference_usd" not in result:
        return []
    off = result["hour_difference_usd"].values
    worst = np.argsort(-abs(off), kind="stable")[:most]
    days = result["slice_source_day"].values.astype(int)
    hour = result["slice_hour"].values.astype(int)
    return [
        {"day": day_text(days[n]), "hour_utc": int(hour[n]), "difference_usd": float(off[n])}
        for n in worst.tolist()
        if abs(off[n]) > 0
    ]
