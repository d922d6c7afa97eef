"""Lay the fleet of a plan out as tables: systems where and when, requests served where and by what."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from grid_opt.plan.fleet_summary import MILLION, demand, served
from grid_opt.report.frames import case_of
from grid_opt.units import SECONDS_PER_HOUR

_NOTHING = 1e-9


def fleet(plan: xr.Dataset) -> pd.DataFrame:
    """Return the systems in service by accelerator, region and quarter, with those bought and their IT power."""
    found = xr.Dataset(
        {
            "systems": plan["systems"].astype("int64"),
            "bought": plan["bought"].round().astype("int64"),
            "it_mw": plan["systems"] * plan["system_mw"],
        }
    )
    table = _long(found, ["accelerator", "region", "quarter"])
    return table[table["systems"] > 0].reset_index(drop=True)


def standing(plan: xr.Dataset) -> pd.DataFrame:
    """Return the systems in service at the end of the build-out, one column by accelerator; index ``region``."""
    found = plan["systems"].isel(quarter=-1).transpose("region", "accelerator").astype("int64")
    names = [f"systems_{name}" for name in found["accelerator"].values.tolist()]
    return pd.DataFrame(found.values, index=pd.Index(found["region"].values.tolist(), name="region"), columns=names)


def deliveries(plan: xr.Dataset) -> pd.DataFrame:
    """Return what every vendor delivers and what waits, with prices and the worth of one more system."""
    found = {
        "most": plan["deliveries_most"], "delivered": plan["delivered"], "waiting": plan["waiting"],
        "price_usd": plan["system_price"],
    }  # fmt: skip
    if "dual_deliveries" in plan:
        found["worth_of_one_more_usd"] = plan["dual_deliveries"]
    return _long(xr.Dataset(found), ["accelerator", "quarter"])


def requests(plan: xr.Dataset) -> pd.DataFrame:
    """Return the output tokens of a year by stream, accelerator, region and operating year."""
    seconds = plan["block_hours"] * SECONDS_PER_HOUR
    tokens = (served(plan) * seconds).sum(("season", "block")) * MILLION
    table = _long(tokens.to_dataset(name="tokens_per_year"), ["stream", "accelerator", "region", "year"])
    some = table["tokens_per_year"] > _NOTHING * float(table["tokens_per_year"].max())
    table.insert(1, "class", table["stream"].map(_by_stream(plan, "stream_class")))
    table.insert(2, "users", table["stream"].map(_by_stream(plan, "stream_users")))
    return table.loc[some].reset_index(drop=True)


def unserved(plan: xr.Dataset) -> pd.DataFrame:
    """Return the output tokens of a year wanted and missed by stream and operating year."""
    seconds = plan["block_hours"] * SECONDS_PER_HOUR
    wanted, missed = (
        (one * seconds).sum(("season", "block")) * MILLION for one in (demand(plan, case_of(plan)), plan["unserved"])
    )
    found = xr.Dataset({"wanted_tokens_per_year": wanted, "missed_tokens_per_year": missed})
    return _long(found, ["stream", "year"])


def _long(arrays: xr.Dataset, order: list[str]) -> pd.DataFrame:
    """Return arrays as one table with a row for every combination of labels."""
    table: pd.DataFrame = arrays.reset_coords(drop=True).to_dataframe(dim_order=order).reset_index()
    return table


def _by_stream(plan: xr.Dataset, name: str) -> dict[str, str]:
    return {str(stream): str(value) for stream, value in zip(plan["stream"].values, plan[name].values, strict=True)}
