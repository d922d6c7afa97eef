"""Put the plans of a study side by side: labelled arrays, and rows for tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.config import Case
from grid_opt.config.sections_tradeoff import MEANINGS, UNITS, Criterion
from grid_opt.report.csv_text import to_csv
from grid_opt.study.sweeps.cases import versions

if TYPE_CHECKING:
    from grid_opt.study.tradeoffs.pareto import Solved


def attributes(case: Case, title: str) -> dict[str, Any]:
    """Return what a file of plans side by side says of itself."""
    return {
        "Conventions": "CF-1.11",
        "title": f"{case.title or case.name}: {title}",
        "source": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "currency": "USD",
        "price_base_year": case.finance.price_base_year,
    }


def front_of(case: Case, names: Sequence[Criterion], front: Sequence[Solved]) -> xr.Dataset:
    """Return the front by (point, ...): costs, what is proven of them, criteria, limits, and sites."""
    found = xr.Dataset(coords={"point": np.arange(1, len(front) + 1)}, attrs=attributes(case, "Pareto front"))

    def add(name: str, values: Sequence[float], unit: str, meaning: str) -> None:
        found[name] = ("point", np.asarray(values, dtype=float), {"units": unit, "long_name": meaning})

    add("cost", [one.cost for one in front], "million USD", MEANINGS["cost"])
    add("cost_bound", [one.bound for one in front], "million USD", "least costs proven of all plans within the limits")
    add("gap", [one.gap for one in front], "1", "relative distance of cost and cost_bound")
    for n, name in enumerate(names):
        add(name, [one.criteria[n] for one in front], UNITS[name], MEANINGS[name])
        add(f"{name}_limit", [one.limits[n] for one in front], UNITS[name], f"most allowed: {MEANINGS[name]}")
    power = [one.point.site_mw(case) for one in front]
    found["it_mw"] = xr.concat(power, dim="point").transpose("point", "region").reset_coords(drop=True)
    found["it_mw"].attrs = {"units": "MW", "long_name": "IT power in service through the last quarter"}
    found["exit_code"] = ("point", np.array([int(one.point.exit_code) for one in front], dtype=np.int32))
    found["plan"] = ("point", np.array([f"points/{one.point.folder.name}" for one in front], dtype=object),
                     {"long_name": "Folder of the plan"})  # fmt: skip
    return found


def rows_of(found: xr.Dataset) -> list[dict[str, Any]]:
    """Return one row per plan: every figure of it, and its sites with their IT MW."""
    (dim,) = found["cost"].dims
    flat = [name for name, array in found.data_vars.items() if array.dims == (dim,)]
    rows = []
    for label in found[dim].values:
        one = found.sel({dim: label})
        power = one["it_mw"].to_series()
        row: dict[str, Any] = {str(dim): int(label)}
        row |= {str(name): one[name].item() for name in flat}
        row["sites"] = ", ".join(f"{region} {mw:.0f}" for region, mw in power[power > 0].items())
        rows.append(row)
    return rows


def table_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as CSV."""
    return to_csv(pd.DataFrame(rows))
