"""Put the ledgers of a plan side by side, by year and region: carbon by every rule, shares, certificates, and water."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.config.case import Case
from grid_opt.plan.schema_footprint import FOOTPRINT_DUALS, LEDGERS
from grid_opt.units import MWH_PER_GWH

_UNITS = {"t": "_t", "GWh": "_gwh", "m3": "_m3", "1": ""}
_NO_LOAD_GWH = 1e-9


def has_ledgers(plan: xr.Dataset) -> bool:
    """Whether the plan has them; one that an earlier grid-opt wrote may not."""
    return all(name in plan for name in LEDGERS)


def footprint_table(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per region with load and operating year: every ledger, and the certificates bought, with units."""
    names = {name: f"{name}{_UNITS[spec.unit]}" for name, spec in LEDGERS.items()}
    found = {names[name]: plan[name] for name in LEDGERS} | _bought(plan)
    table: pd.DataFrame = (
        xr.Dataset(found).reset_coords(drop=True).to_dataframe(dim_order=["region", "year"]).reset_index()
    )
    table["year"] = table["year"].astype("int64")  # a file may hold fewer bits
    return table[table["facility_load_gwh"] > _NO_LOAD_GWH].reset_index(drop=True)


def _bought(plan: xr.Dataset) -> dict[str, xr.DataArray]:
    nothing = xr.zeros_like(plan["facility_load"])
    hourly = (plan["granular"] * plan["slice_weight"]).sum("slice") / MWH_PER_GWH if "granular" in plan else nothing
    return {"certificates_gwh": plan.get("certificates", nothing), "hourly_certificates_gwh": hourly}


def summarize_footprint(plan: xr.Dataset, case: Case) -> dict[str, Any] | None:
    """Return the ledgers by year for all campuses together, and by region, and what more strictness would cost.

    Shares are of the load of all campuses; ``None`` where there is none. ``None`` for a plan without ledgers.
    """
    if not has_ledgers(plan):
        return None
    table = footprint_table(plan)
    return {
        "constrained_ledger": case.carbon.ledger if case.carbon.on_ledger else None,
        "by_year": {str(int(year)): _together(table[table["year"] == year]) for year in plan["year"].values},
        "by_region": [
            {key: (str(value) if key == "region" else _plain(value)) for key, value in row.items()}
            for row in table.to_dict("records")
        ],
        "prices": {name: _priced(plan[name]) for name in FOOTPRINT_DUALS if name in plan},
        "cooling": case.water.cooling,
    }


def _together(rows: pd.DataFrame) -> dict[str, float | None]:
    """Add up a year; shares are weighted by load."""
    load = float(rows["facility_load_gwh"].sum())
    found: dict[str, float | None] = {}
    for column in rows.columns.drop(["region", "year"]):
        if column.endswith("_share"):
            found[column] = float((rows[column] * rows["facility_load_gwh"]).sum()) / load if load > 0 else None
        else:
            found[column] = float(rows[column].sum())
    return found


def _priced(price: xr.DataArray) -> list[dict[str, Any]]:
    """List the prices above nothing with their places."""
    places = np.argwhere(np.nan_to_num(price.values) > 0)
    return [
        {str(d): _plain(price[d].values[i]) for d, i in zip(price.dims, at, strict=True)}
        | {"value": float(price.values[tuple(at)]), "unit": str(price.attrs.get("units", ""))}
        for at in places
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, str | np.str_):
        return str(value)
    number = float(value)
    if np.isnan(number):
        return None
    return int(number) if isinstance(value, int | np.integer) else number
