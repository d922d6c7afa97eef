"""Tell the bills of a plan: as a table of every line, and in short by region and year."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr

COLUMNS = ("region", "month", "schedule", "kind", "charge", "part", "quantity", "unit", "rate", "usd", "cash", "detail")
_WRITTEN = {"rate": "rate_usd_per_unit", "usd": "amount_usd", "cash": "is_deposit"}


def bill_lines(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per line of a bill, in order of region and month.

    Columns: ``region``, ``tariff``, ``month``, ``schedule``, ``kind``, ``charge``, ``part``, ``quantity``, ``unit``,
    ``rate_usd_per_unit``, ``amount_usd`` (not discounted), ``is_deposit`` (1: money that comes back, and no cost),
    ``detail``.
    """
    table = pd.DataFrame({name: plan[f"bill_{name}"].values for name in COLUMNS})
    tariff = dict(zip(plan["region"].values.tolist(), plan["region_tariff"].values.tolist(), strict=True))
    table.insert(1, "tariff", table["region"].map(tariff))
    table["cash"] = table["cash"].astype(int)
    return table.sort_values(["region", "month"], kind="stable", ignore_index=True).rename(columns=_WRITTEN)


def summarize_bills(plan: xr.Dataset) -> list[dict[str, Any]]:
    """Return, for every region that is billed, its tariff, schedules, and bill of every year by kind [USD]."""
    table = bill_lines(plan)
    cost = table[table["is_deposit"] == 0].assign(year=lambda t: t["month"].str[:4])
    found = []
    for region, rows in cost.groupby("region", sort=True):
        years = {
            str(year): {str(k): float(v) for k, v in some.groupby("kind", sort=True)["amount_usd"].sum().items()}
            for year, some in rows.groupby("year", sort=True)
        }
        found.append({
            "region": str(region), "tariff": str(rows["tariff"].iloc[0]),
            "schedules": [str(s) for s in dict.fromkeys(rows["schedule"])],
            "usd_by_year": {year: sum(kinds.values()) for year, kinds in years.items()}, "usd_by_year_and_kind": years,
        })  # fmt: skip
    return found
