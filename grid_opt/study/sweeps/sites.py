"""Say of a sweep how often every region is built in, and between which values of an axis the sites change."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.plan.summary import BUILT_MW
from grid_opt.study.sweeps.cases import shown
from grid_opt.study.sweeps.design import BASE
from grid_opt.study.sweeps.manifest import Manifest

CHOSEN: Final = "chosen.csv"
SWITCHES: Final = "switches.csv"
_SWITCH_COLUMNS: Final = ("axis", "from", "to", "at", "region", "change", "mw_from", "mw_to", "larger_gap")


def final_power(manifest: Manifest, cube: xr.Dataset) -> pd.DataFrame:
    """Return the IT power through the last quarter [MW], one row per case in their order, one column per region.

    A case without a plan is a row of missing numbers.
    """
    power = cube["it_mw"].isel(quarter=-1)
    dims = [dim for dim in power.dims if dim != "region"]
    values = power.transpose(*dims, "region").values.reshape(len(manifest.cases), -1)
    has_plan = np.isfinite(values).any(axis=1)
    values = np.where(has_plan[:, None] & ~np.isfinite(values), 0.0, values)  # a region that this case does not have
    return pd.DataFrame(values, columns=power["region"].values.tolist())


def chosen(power: pd.DataFrame) -> pd.DataFrame:
    """Return how many of the plans build in every region, and how much they build there: the most chosen first.

    Columns: ``region``, ``plans``, ``of_plans``, ``share``, and, over the plans that build there, ``least_mw``,
    ``mean_mw`` and ``most_mw``.
    """
    plans = power.dropna(how="all")
    built = plans.where(plans > BUILT_MW)
    count = built.notna().sum()
    found = pd.DataFrame(
        {
            "region": power.columns,
            "plans": count.to_numpy(),
            "of_plans": len(plans),
            "share": count.to_numpy() / max(len(plans), 1),
            "least_mw": built.min().to_numpy(),
            "mean_mw": built.mean().to_numpy(),
            "most_mw": built.max().to_numpy(),
        }
    )
    found = found.sort_values(["plans", "mean_mw", "region"], ascending=[False, False, True], kind="stable")
    return found[found["plans"] > 0].reset_index(drop=True)


def switches(manifest: Manifest, cube: xr.Dataset, power: pd.DataFrame) -> pd.DataFrame:
    """Return every region that enters or leaves the plan from one value of an axis to the next.

    In a grid neighbors are cases that differ in one axis of numbers alone, by one step; in a tornado every case is a
    neighbor of the base. ``larger_gap`` is the larger proven gap of the two plans: a change of sites that moves the
    objective by less may be an accident of the search. Columns: see ``_SWITCH_COLUMNS``; ``at`` names the other axes.
    """
    gaps = cube["gap"].values.ravel() if "gap" in cube else np.full(len(power), np.nan)
    rows = []
    for axis, before, after in _neighbors(manifest):
        one, two = power.iloc[before], power.iloc[after]
        if one.isna().all() or two.isna().all():
            continue
        place = manifest.cases[after].place
        where = {name: value for name, value in place.items() if name != axis}
        if manifest.scenarios:
            where = {"scenario": manifest.cases[after].scenario, **where}
        for region in power.columns[(one > BUILT_MW) != (two > BUILT_MW)]:
            rows.append(
                {
                    "axis": axis,
                    "from": shown(manifest.cases[before].place.get(axis, BASE)),
                    "to": shown(place[axis]),
                    "at": ", ".join(f"{name}={shown(value)}" for name, value in where.items()),
                    "region": region,
                    "change": "enters" if two[region] > BUILT_MW else "leaves",
                    "mw_from": float(one[region]),
                    "mw_to": float(two[region]),
                    "larger_gap": float(np.nanmax([gaps[before], gaps[after]])),
                }
            )
    return pd.DataFrame(rows, columns=list(_SWITCH_COLUMNS))


def _neighbors(manifest: Manifest) -> Iterator[tuple[str, int, int]]:
    """Give axis and the numbers of two cases that are one step of it apart."""
    if manifest.method == "tornado":
        base = next(n for n, entry in enumerate(manifest.cases) if entry.label == BASE)
        for n, entry in enumerate(manifest.cases):
            yield from ((axis, base, n) for axis in entry.place)
    if manifest.method != "grid":
        return
    for axis, values in manifest.axes.items():
        if not all(_is_number(value) for value in values):
            continue
        lines: dict[str, list[tuple[float, int]]] = {}
        for n, entry in enumerate(manifest.cases):
            others = repr((entry.scenario, {k: v for k, v in entry.place.items() if k != axis}))
            lines.setdefault(others, []).append((float(entry.place[axis]), n))
        for line in lines.values():
            yield from ((axis, before, after) for (_, before), (_, after) in pairwise(sorted(line)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
