"""Turn the table of technologies on site into the arrays of the world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.config import Case, quarter_ordinal
from grid_opt.errors import InputError
from grid_opt.inputs.contracts import Floats, Market, Tables
from grid_opt.inputs.offers import regions_of
from grid_opt.inputs.stores import store_arrays
from grid_opt.units import KW_PER_MW

GAS_2024_USD = 0.97466
"""USD of 2024 for one of 2025: deflator of ReEDS (ajsbergman/ReEDS 4af67ff9), 0.587507 / 0.602782. The outlook of gas
is in USD of 2025, all other amounts in those of 2024."""
KG_PER_T = 1000.0


def onsite_arrays(
    case: Case, world: xr.Dataset, tables: Tables, market: Market
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the arrays of what campuses may build on site, and the labels of ``own``, ``plant`` and ``store``.

    Raises:
        InputError: a technology that the case admits has no row, or none for any region of the case.
    """
    table = tables["onsite_technologies"]
    rows: dict[str, Any] = {str(row.technology): row for row in table.itertuples(index=False)}
    found: list[tuple[Any, str]] = []
    for technology in case.supply.onsite:
        at = regions_of(rows[technology].applies_to, tables["zones"], _regions(world)) if technology in rows else []
        if not at:
            raise InputError(
                f"{technology} is for no region of this case",
                file=str(table.attrs.get("file", "onsite_technologies.csv")),
                field="technology",
                value=technology,
                expected="a row that applies to one of the case's regions",
                fix=f"take {technology!r} out of supply.onsite, or add a row",
            )
        found += [(rows[technology], r) for r in at]
    plants = [(row, r) for row, r in found if row.technology in case.supply.plants]
    stores = [(row, r) for row, r in found if row.technology in case.supply.stores]
    arrays = _own_arrays(case, world, found)
    arrays |= _plant_arrays(case, tables, market, plants) if plants else {}
    arrays |= store_arrays(case, world, market.years, stores) if stores else {}
    named = {"own": found, "plant": plants, "store": stores}
    return arrays, {dim: [f"{row.technology}@{r}" for row, r in some] for dim, some in named.items() if some}


def _regions(world: xr.Dataset) -> list[str]:
    found: list[str] = world["region"].values.tolist()
    return found


def ready_quarter(case: Case, row: Any) -> int:
    """Return the first quarter, numbered, in which a unit can be in service.

    Equipment and permits are waited for side by side; construction needs both.
    """
    waits = max(int(row.equipment_lead_quarters), int(row.permit_lead_quarters)) + int(row.build_quarters)
    return quarter_ordinal(str(row.order_quarter)) + waits + case.supply.delay_quarters.get(row.technology, 0)


def credit(row: Any, quarter: int) -> float:
    """Return the share of its cost that a credit pays of a unit that enters service in a quarter, numbered."""
    start = quarter - int(row.build_quarters)
    if row.credit_starts_from and start < quarter_ordinal(row.credit_starts_from):
        return 0.0
    late = bool(row.credit_starts_by) and start > quarter_ordinal(row.credit_starts_by)
    in_time = bool(row.credit_in_service_by) and quarter <= quarter_ordinal(row.credit_in_service_by)
    return 0.0 if late and not in_time else float(row.credit_fraction)


def _own_arrays(case: Case, world: xr.Dataset, found: list[tuple[Any, str]]) -> dict[str, Any]:
    quarters = [quarter_ordinal(q) for q in case.quarters]
    multiplier = dict(zip(_regions(world), world["construction_multiplier"].values.tolist(), strict=True))
    return {
        "own_technology": [row.technology for row, _ in found],
        "own_region": [r for _, r in found],
        "own_unit": [float(row.unit_mw) for row, _ in found],
        "own_most": [[float(row.most_mw) * (q >= ready_quarter(case, row)) for q in quarters] for row, _ in found],
        "own_cost": [KW_PER_MW * float(row.usd_per_kw) * multiplier[r] for row, r in found],
        "own_credit": [[credit(row, q) for q in quarters] for row, _ in found],
        "own_fixed": [KW_PER_MW * float(row.usd_per_kw_year) for row, _ in found],
        "own_life": [float(row.life_years) for row, _ in found],
        "own_accredited": [float(row.accredited_fraction) for row, _ in found],
    }


def _plant_arrays(case: Case, tables: Tables, market: Market, plants: list[tuple[Any, str]]) -> dict[str, Any]:
    division = dict(zip(tables["zones"]["zone"], tables["zones"]["census_division"], strict=True))
    gas = {
        division: gas_price(tables["gas_outlook"], division, market.years)
        for division in sorted({division[r] for _, r in plants})
    }
    flat = np.ones(len(market.hour))
    weather = [market.factor("solar", r) if row.technology == "solar" else flat for row, r in plants]
    fuel = [
        (case.supply.gas_price_scale * gas[division[r]] + row.fuel_adder_usd_per_mmbtu) * row.mmbtu_per_mwh
        for row, r in plants
    ]
    return {
        "plant_available": [row.availability_fraction * one for (row, _), one in zip(plants, weather, strict=True)],
        "plant_running": [one + row.usd_per_mwh for (row, _), one in zip(plants, fuel, strict=True)],
        "plant_emission": [row.mmbtu_per_mwh * row.kg_co2_per_mmbtu / KG_PER_T for row, _ in plants],
    }


def gas_price(outlook: pd.DataFrame, division: str, years: Mapping[int, Mapping[int, float]]) -> Floats:
    """Return the price of gas by operating year [USD of 2024 per MMBtu]; the long run is a mean by present value."""
    mine = outlook[outlook["census_division"] == division]
    by_year = dict(zip(mine["year"].astype(int), mine["usd_per_mmbtu"].astype(float), strict=True))
    last = max(by_year)
    means = [sum(share * by_year[min(y, last)] for y, share in shares.items()) for shares in years.values()]
    return GAS_2024_USD * np.array(means)
