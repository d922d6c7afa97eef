"""Read the network of a plan at buses into plain tables: lines with flow, loading and worth; candidates with prices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.network.siting import NO_LIMIT_MW, Response
from grid_opt.report import frames


def lines(plan: xr.Dataset, quarter: str | None = None) -> pd.DataFrame:
    """Return one row per branch for the operating year of ``quarter`` (default: the last one); index ``branch``.

    ``loading`` is the largest share of its limit that the branch carries in any hour of the year, all branches in
    service; ``flow_mw`` is the flow then, positive from ``from_bus`` to ``to_bus``, and ``flow_without_mw`` that of the
    dispatch without campuses. ``worth_usd_per_mw_year`` is what one MW more of its limits would save in the year,
    outages included.
    """
    year = frames.price_year(plan, quarter)
    at = list(plan["year"].values.tolist()).index(year)
    count = plan.sizes["slice"]
    here = plan.isel(year=[at])
    response = Response.of(here)

    def flows(made: str, cut: str, bought: str | None) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        parts = [here[name].values.reshape(-1, count).astype(float) for name in (made, cut)]
        drawn = None if bought is None else here[bought].values.reshape(-1, count).astype(float)
        return response.flows(parts[0], parts[1], drawn)

    now, before = flows("dispatch", "shed", "purchase"), flows("base_dispatch", "base_shed", None)
    high, low = plan["branch_high"].values[:, None], -plan["branch_low"].values[:, None]
    limit = np.where(now >= 0, high, low)
    use = np.where(limit < NO_LIMIT_MW, np.abs(now) / np.maximum(limit, 1e-9), 0.0)
    hour = use.argmax(axis=1)
    row = np.arange(len(hour))
    return pd.DataFrame(
        {
            "from_bus": _texts(plan["branch_from"]),
            "to_bus": _texts(plan["branch_to"]),
            "limit_mw": np.where(limit[row, hour] < NO_LIMIT_MW, limit[row, hour], np.nan),
            "flow_mw": now[row, hour],
            "flow_without_mw": before[row, hour],
            "loading": use[row, hour],
            "hour": plan["slice"].values[hour],
            "worth_usd_per_mw_year": _worth(plan, year),
        },
        index=pd.Index(_texts(plan["branch"]), name="branch"),
    )


def _worth(plan: xr.Dataset, year: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return what one MW more of every branch would save in a year [USD/MW]."""
    found = np.zeros(plan.sizes["branch"])
    if "dual_limit" not in plan:
        return found + np.nan
    number = {name: k for k, name in enumerate(_texts(plan["branch"]))}
    hours = dict(zip(plan["slice"].values.tolist(), plan["slice_weight"].values.tolist(), strict=True))
    rows = zip(
        _texts(plan["watch_branch"]), plan["watch_year"].values.tolist(), plan["watch_slice"].values.tolist(),
        plan["dual_limit"].values.tolist(), strict=True,
    )  # fmt: skip
    for branch, of, slice_, usd in rows:
        if of == year:
            found[number[branch]] += usd * hours[slice_]
    return found


def candidates(plan: xr.Dataset, quarter: str | None = None) -> pd.DataFrame:
    """Return one row per candidate bus: facts, headroom, campus, and its mean local price; index ``region``."""
    table = frames.regions(plan, quarter).drop(columns=["candidate", "interconnect"])
    return table.rename(columns={"wholesale_usd_per_mwh": "local_price_usd_per_mwh"})


def _texts(array: xr.DataArray) -> list[str]:
    return [str(item) for item in array.values]
