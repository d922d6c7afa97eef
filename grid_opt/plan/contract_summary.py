"""Put in short which grid service a plan contracts, how much of it may be called, and what then answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

_NOTHING_MW = 1e-6


def contract_table(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per contract and quarter: region, offer, kind, MW, MW that may be called, MW of relief by kind.

    Columns: ``region``, ``offer`` (row of offers.csv), ``kind``, ``quarter``, ``contract_mw``, ``callable_mw``,
    ``relief_<kind>_mw``. Quarters without MW have no row.
    """
    backing = plan["backing"].transpose("relief", "offer", "quarter")
    found = xr.Dataset(
        {
            "contract_mw": plan["contract"],
            "callable_mw": plan["contract"] * (1.0 - plan["offer_firm"]),
            **{f"relief_{kind}_mw": backing.sel(relief=kind, drop=True) for kind in backing["relief"].values.tolist()},
        }
    )
    table: pd.DataFrame = found.reset_coords(drop=True).to_dataframe(dim_order=["offer", "quarter"]).reset_index()
    for place, name in enumerate(("region", "product", "kind")):
        named = dict(zip(plan["offer"].values.tolist(), plan[f"offer_{name}"].values.tolist(), strict=True))
        table.insert(place, name, table["offer"].map(named))
    table = table.drop(columns="offer").rename(columns={"product": "offer"})
    return table[table["contract_mw"] > _NOTHING_MW].reset_index(drop=True)


def upgrade_table(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per upgrade of the network that is built: what it widens, its first quarter of service, its cost.

    Columns: ``upgrade``, ``target``, ``place``, ``from_quarter``, ``forward_mw``, ``reverse_mw``, ``cost_musd``.
    """
    built = plan["built"].transpose("upgrade", "quarter").values > 0.5
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    table = pd.DataFrame(
        {
            "upgrade": plan["upgrade"].values.astype(str),
            "target": plan["upgrade_target"].values.astype(str),
            "place": plan["upgrade_place"].values.astype(str),
            "from_quarter": [quarters[int(row.argmax())] for row in built],
            "forward_mw": plan["upgrade_forward"].values,
            "reverse_mw": plan["upgrade_reverse"].values,
            "cost_musd": plan["upgrade_cost"].values / 1e6,
        }
    )
    return table.iloc[np.flatnonzero(built.any(axis=1))].reset_index(drop=True)


def summarize_contracts(plan: xr.Dataset) -> dict[str, Any]:
    """Return contracts by offer, MW by kind and quarter, what may be called and what answers, and upgrades built."""
    table, quarters = contract_table(plan), [str(quarter) for quarter in plan["quarter"].values]
    relief = [str(kind) for kind in plan["relief"].values]

    def by_quarter(rows: pd.DataFrame, column: str) -> dict[str, float]:
        sums = rows.groupby("quarter")[column].sum()
        return {quarter: float(sums.get(quarter, 0.0)) for quarter in quarters}

    return {
        "contracts": [
            {
                "region": str(region), "offer": str(offer), "kind": str(rows["kind"].iloc[0]),
                "contract_mw_by_quarter": by_quarter(rows, "contract_mw"),
                "callable_mw_by_quarter": by_quarter(rows, "callable_mw"),
            }
            for (region, offer), rows in table.groupby(["region", "offer"], sort=True)
        ],
        "contract_mw_by_kind": {
            str(kind): by_quarter(rows, "contract_mw") for kind, rows in table.groupby("kind", sort=True)
        },
        "callable_mw": by_quarter(table, "callable_mw"),
        "relief_mw": {kind: by_quarter(table, f"relief_{kind}_mw") for kind in relief},
        "upgrades": upgrade_table(plan).to_dict("records") if "built" in plan else [],
    }  # fmt: skip
