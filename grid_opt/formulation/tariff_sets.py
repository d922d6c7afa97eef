"""Tell, of the arrays of tariffs in a world, which indices have anything, and what belongs to what."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Index
from grid_opt.units import MONTHS_PER_QUARTER


def least_pue(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return the least PUE of a declared peak day while the capacity of each quarter runs, (region, quarter)."""
    months: dict[str, set[int]] = {q: set() for q in case.quarters}
    for year in case.years:
        for month in range(1, 13):
            months[case.capacity_quarter(year, (month - 1) // MONTHS_PER_QUARTER + 1)].add(month)
    rows = [world["design_pue"].sel(month=sorted(months[q])).min("month") for q in case.quarters]
    return xr.concat(rows, dim=world["quarter"], coords="minimal").transpose("region", "quarter")


def measured(world: xr.Dataset) -> dict[tuple[str, str], bool]:
    """Return where something is billed at declared peaks."""
    hours = (world["peak_hours"] > 0).transpose("region", "quarter").values.tolist()
    regions, quarters = world["region"].values.tolist(), world["quarter"].values.tolist()
    return {(r, q): hours[n][k] for n, r in enumerate(regions) for k, q in enumerate(quarters)}


def named(world: xr.Dataset, dim: str, name: str) -> dict[str, str]:
    """Return a text array by the labels of its dimension."""
    return {str(k): str(v) for k, v in zip(world[dim].values, world[name].values, strict=True)}


def numbers(world: xr.Dataset, dim: str, name: str) -> dict[str, float]:
    """Return an array of numbers by the labels of its dimension."""
    return dict(zip(world[dim].values.tolist(), world[name].values.tolist(), strict=True))


def some(world: xr.Dataset, name: str) -> dict[str, list[str]]:
    """Return what a text array over bounds names, as sets of one or none."""
    return {i: [v] if v else [] for i, v in named(world, "bound", name).items()}


def nonzero(array: xr.DataArray, dim: str) -> dict[str, list[Index]]:
    """Return, by the labels of a dimension, those of the other at which an array is not zero."""
    (other,) = (d for d in array.dims if d != dim)
    labels, values = array[other].values.tolist(), array.transpose(dim, other).values
    return {i: [labels[n] for n in row.nonzero()[0]] for i, row in zip(array[dim].values.tolist(), values, strict=True)}


def nonzero_in_years(array: xr.DataArray) -> dict[tuple[str, int], list[str]]:
    """Return the quarters at which an array is not zero, by region and year."""
    quarters, values = array["quarter"].values.tolist(), array.transpose("region", "year", "quarter").values
    return {
        (r, a): [quarters[k] for k in values[n, m].nonzero()[0]]
        for n, r in enumerate(array["region"].values.tolist())
        for m, a in enumerate(array["year"].values.tolist())
    }


def lines_of(world: xr.Dataset, part: str) -> dict[tuple[str, int], list[str]]:
    """Return the lines booked under a term that cost anything, by region and year."""
    return _paid_in(world, part, "line_rate", {n: n for n in world["line"].values.tolist()})


def falls_of(world: xr.Dataset, part: str) -> dict[tuple[str, int], list[str]]:
    """Return the tiers of falling rates booked under a term, by region and year."""
    return _paid_in(world, part, "fall_rate", named(world, "fall", "fall_line"))


def _paid_in(world: xr.Dataset, part: str, rate: str, line_of: dict[str, str]) -> dict[tuple[str, int], list[str]]:
    years = world["year"].values.tolist()
    found: dict[tuple[str, int], list[str]] = {(r, a): [] for r in world["region"].values.tolist() for a in years}
    region, booked = named(world, "line", "line_region"), named(world, "line", "line_part")
    for name, usd in zip(line_of, world[rate].transpose(..., "year").values.tolist(), strict=True):
        for a, paid in zip(years, usd, strict=True):
            if paid and booked[line_of[name]] == part:
                found[region[line_of[name]], a].append(name)
    return found
