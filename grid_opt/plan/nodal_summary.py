"""Put in short what a plan at the buses of a network says of the network: lines, overloads, prices, energy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt.config.case import Case

BINDING_USD_PER_MWH = 0.01
"""Price of a watched limit above which it counts as binding."""
_MOST = 20
_MET_MW = 1e-3
_LEAST_MWH = 0.5


def summarize_nodal(plan: xr.Dataset, case: Case) -> dict[str, Any]:
    """Return sizes, energy, local prices and lost load of a plan at buses.

    ``local_price_usd_per_mwh`` is by candidate and year the mean over all hours; ``paid`` what a site's own hours cost.
    """
    hours = plan["slice_weight"]
    years = [str(year) for year in plan["year"].values]
    mean = plan["local_price"].weighted(hours).mean("slice").transpose("region", "year")
    lost, before = (_mwh(plan, name).tolist() for name in ("shed", "base_shed"))
    binding = binding_limits(plan)
    return {
        "buses": int(plan.sizes["bus"]),
        "branches": int(plan.sizes["branch"]),
        "hours": int(plan.sizes["slice"]),
        "n_1": case.nodal.n_1,
        "watched_limits": int(plan.sizes["watch"]),
        "binding_limits": len(binding),
        "limits_over_rating_without_campuses": over_rating(plan, case),
        "solves": json.loads(str(plan.attrs.get("limit_rounds", "{}"))),
        "lost_load_mwh_by_year": dict(zip(years, lost, strict=True)),
        "lost_load_mwh_without_campuses_by_year": dict(zip(years, before, strict=True)),
        "local_price_usd_per_mwh": {
            str(region): dict(zip(years, row, strict=True))
            for region, row in zip(plan["region"].values.tolist(), mean.values.tolist(), strict=True)
        },
    }


def nodal_warnings(plan: xr.Dataset, case: Case) -> list[str]:
    """Return what a planner should know of the network's own state before trusting the plan."""
    found, count = [], over_rating(plan, case)
    if count:
        found.append(
            f"{count:,} limits of lines are exceeded by the dispatch without campuses already (of branch, outage and "
            "hour); the plan leaves them as they are and adds to none"
        )
    more = {
        str(year): float(mwh)
        for year, mwh in zip(plan["year"].values, _mwh(plan, "shed") - _mwh(plan, "base_shed"), strict=True)
        if mwh > _LEAST_MWH
    }
    if more:
        years = ", ".join(f"{mwh:,.0f} MWh in {year}" for year, mwh in more.items())
        found.append(f"existing consumers lose more load than without campuses: {years}")
    return found


def _mwh(plan: xr.Dataset, name: str) -> npt.NDArray[np.float64]:
    return np.asarray((plan[name].sum("area") * plan["slice_weight"]).sum("slice").transpose("year").values)


def over_rating(plan: xr.Dataset, case: Case) -> int:
    """Count the watched limits that are above the rating: the dispatch without campuses is over it already."""
    high, low = (plan[name].sel(branch=plan["watch_branch"]).values for name in ("branch_high", "branch_low"))
    rating = np.where(plan["watch_sign"].values > 0, high, -low)
    factor = np.where(plan["watch_outage"].values.astype(str) == "none", 1.0, case.nodal.outage_rating)
    return int(np.sum(plan["watch_limit"].values > rating * factor + _MET_MW))


def binding_limits(plan: xr.Dataset) -> list[dict[str, Any]]:
    """List the watched limits that have a price, the dearest in all hours of their years first."""
    if "dual_limit" not in plan:
        return []
    worth = plan["dual_limit"].values
    order = np.argsort(-worth, kind="stable")
    return [
        {
            "branch": str(plan["watch_branch"].values[k]),
            "outage": str(plan["watch_outage"].values[k]),
            "year": int(plan["watch_year"].values[k]),
            "slice": int(plan["watch_slice"].values[k]),
            "usd_per_mwh": float(worth[k]),
        }
        for k in order.tolist()
        if worth[k] > BINDING_USD_PER_MWH
    ]


def binding_lines(plan: xr.Dataset) -> dict[str, Any]:
    """Return the lines whose limits cost most over a year, and in words whether any does."""
    rows = binding_limits(plan)
    hours = dict(zip(plan["slice"].values.tolist(), plan["slice_weight"].values.tolist(), strict=True))
    by_line: dict[str, float] = {}
    for row in rows:
        by_line[row["branch"]] = by_line.get(row["branch"], 0.0) + row["usd_per_mwh"] * hours[row["slice"]]
    years = plan.sizes["year"]
    ranked = sorted(by_line.items(), key=lambda item: -item[1])[:_MOST]
    lines = [{"branch": name, "usd_per_mw_year": worth / years} for name, worth in ranked]
    words = f"{len(by_line)} lines bind; most of all {ranked[0][0]}" if ranked else "no limit of a line has a price"
    return {"lines": lines, "network": words}
