"""Write the plan in the form of the Integrated Assessment Modeling Consortium: variables by region, years as columns.

The columns are model, scenario, region, variable, unit, and one for every operating year; the last of them stands for
the long run. Names and units are those of the consortium's common definitions where they have one (``Final
Energy|Commercial|Electricity``, ``Price|Secondary Energy|Electricity``, ``Emissions|CO2|Energy``). Amounts are those of
the campuses of the plan and not of a whole region, so they stand one level deeper, under ``Data Centers``. Money is in
USD of the plan's price base year, where the definitions have those of 2010. Regions are ``United States`` and the
regions of the plan within it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.plan.footprint_summary import has_ledgers
from grid_opt.plan.schema import FORGONE
from grid_opt.plan.supply_summary import sources_mw, used_mw
from grid_opt.report import fleet_frames, frames
from grid_opt.report.csv_text import to_csv
from grid_opt.report.terminal import COST_WORDS
from grid_opt.report.words import plain

COLUMNS: Final = ("model", "scenario", "region", "variable", "unit")
COUNTRY: Final = "United States"
CAMPUSES: Final = "Data Centers"
_LOAD: Final = f"Final Energy|Commercial|Electricity|{CAMPUSES}"
_EJ_PER_MWH: Final = 3.6e-9
_GJ_PER_MWH: Final = 3.6
_GW_PER_MW: Final = 1e-3
_MT_PER_T: Final = 1e-6
_KM3_PER_M3: Final = 1e-9
_TRILLION: Final = 1e12
_SOURCES: Final = {
    "wholesale": "Wholesale", "physical_contracts": "Physical Contracts", "made_on_site": "On Site",
    "batteries": "Batteries", "exported": "Exported",
}  # fmt: skip
_EMISSIONS: Final = {
    "scope1": f"Emissions|CO2|Energy|Demand|Commercial|{CAMPUSES}",
    **{
        name: f"Emissions|CO2|Energy|Supply|Electricity|{CAMPUSES}|{words}"
        for name, words in {
            "scope2_location": "Location-Based", "scope2_market": "Market-Based", "scope2_hourly": "Hourly Matched",
            "induced": "Marginal",
        }.items()
    },
}  # fmt: skip


@dataclass(frozen=True)
class Variable:
    """One variable: its values by (region, year), and its value for the country where the regions do not add up."""

    name: str
    unit: str
    values: xr.DataArray
    country: xr.DataArray | None = None


def write_iamc(plan: xr.Dataset, path: str | Path) -> None:
    """Write ``plan`` as one CSV file of variables, whole or not at all. Raises: OSError when it cannot be written."""
    write_text(path, to_csv(iamc_table(plan)))


def iamc_table(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per variable and region; a region in which a variable is nothing in every year has no row."""
    case = frames.case_of(plan)
    years = [str(int(year)) for year in plan["year"].values]
    model = f"grid-opt {_version(plan)}".strip()
    rows = []
    for one in _variables(plan, case.finance.price_base_year):
        values = one.values.transpose("region", "year").values.astype(float)
        whole = np.nansum(values, axis=0) if one.country is None else one.country.values.astype(float)
        places = [(COUNTRY, whole)]
        places += [(f"{COUNTRY}|{plain(r, 60)}", row) for r, row in zip(plan["region"].values, values, strict=True)]
        rows += [
            [model, plain(case.name, 120), place, one.name, one.unit, *(float(f"{value:.10g}") for value in row)]
            for place, row in places
            if np.isfinite(row).any() and (place == COUNTRY or np.nanmax(np.abs(row)) > 0.0)
        ]
    return pd.DataFrame(rows, columns=[*COLUMNS, *years])


def _variables(plan: xr.Dataset, base_year: int) -> Iterator[Variable]:
    yield from _power(plan)
    yield from _energy(plan)
    yield from _prices(plan, base_year)
    if has_ledgers(plan):
        yield from _footprint(plan)
    if "systems" in plan:
        yield from _tokens(plan)
    yield from _costs(plan, base_year)


def _power(plan: xr.Dataset) -> Iterator[Variable]:
    """Give what is in service at the end of every year; after the build-out, what stands then."""
    by_quarter = frames.it_mw(plan) * _GW_PER_MW
    labels = [str(quarter) for quarter in plan["quarter"].values]
    ends = [max(k for k, label in enumerate(labels) if int(label[:4]) <= year) for year in plan["year"].values]
    at_end = by_quarter.isel(quarter=ends).drop_vars("quarter").rename(quarter="year").assign_coords(year=plan["year"])
    yield Variable(f"Capacity|{CAMPUSES}", "GW", at_end)
    yield Variable(f"Capacity Additions|{CAMPUSES}", "GW/yr", at_end - at_end.shift(year=1, fill_value=0.0))


def _energy(plan: xr.Dataset) -> Iterator[Variable]:
    hours = plan["slice_weight"]
    yield Variable(_LOAD, "EJ/yr", (used_mw(plan) * hours).sum("slice") * _EJ_PER_MWH)
    for name, mw in sources_mw(plan).items():
        yield Variable(f"{_LOAD}|{_SOURCES[name]}", "EJ/yr", (mw * hours).sum("slice") * _EJ_PER_MWH)


def _prices(plan: xr.Dataset, base_year: int) -> Iterator[Variable]:
    """Give mean prices; that of the country is weighted by what the campuses use."""
    unit = f"USD_{base_year}/GJ"
    weights = (used_mw(plan) * plan["slice_weight"]).sum("slice")
    price = frames.energy_price(plan).weighted(plan["slice_weight"]).mean("slice") / _GJ_PER_MWH
    known = price.notnull() & (weights > 0)
    total = weights.where(known).sum("region")
    country = (price * weights).where(known).sum("region") / total.where(total > 0)
    yield Variable("Price|Secondary Energy|Electricity", unit, price, country)


def _footprint(plan: xr.Dataset) -> Iterator[Variable]:
    for name, variable in _EMISSIONS.items():
        yield Variable(variable, "Mt CO2/yr", plan[name] * _MT_PER_T)
    yield Variable(f"Water Consumption|{CAMPUSES}", "km3/yr", plan["water"] * _KM3_PER_M3)
    load = plan["facility_load"].sum("region")
    for name, words in {"covered_share": "Annual", "matched_share": "Hourly"}.items():
        country = (plan[name] * plan["facility_load"]).sum("region") / load.where(load > 0) * 100.0
        yield Variable(f"Share|Carbon-Free Energy|{CAMPUSES}|{words}", "%", plan[name] * 100.0, country)


def _tokens(plan: xr.Dataset) -> Iterator[Variable]:
    table = fleet_frames.requests(plan).groupby(["region", "year"])["tokens_per_year"].sum()
    found = table.to_xarray().reindex(region=plan["region"].values, year=plan["year"].values, fill_value=0.0)
    yield Variable(f"Output Tokens|{CAMPUSES}", "trillion tokens/yr", found / _TRILLION)


def _costs(plan: xr.Dataset, base_year: int) -> Iterator[Variable]:
    """Give present values of costs by the year in which they fall; those of no region belong to the country alone."""
    table = frames.costs(plan)
    years = [int(year) for year in plan["year"].values]
    table["year"] = [int(period[:4]) if period else years[0] for period in table["period"]]
    for term, rows in table.groupby("term", sort=False):
        sums = rows.groupby(["region", "year"])["cost_musd"].sum().to_xarray()
        sums = sums.reindex(year=years, fill_value=0.0)
        regional = sums.reindex(region=plan["region"].values, fill_value=0.0)
        words = COST_WORDS.get(str(term), plain(str(term), 40))
        name = f"Discounted Cost|{CAMPUSES}|{words}" if term != FORGONE else f"Forgone Value|{CAMPUSES}|Tokens"
        yield Variable(name, f"million USD_{base_year}", regional, sums.sum("region"))


def _version(plan: xr.Dataset) -> str:
    versions = json.loads(str(plan.attrs.get("versions", "{}")))
    return plain(versions.get("grid_opt", versions.get("grid-opt", "")), 40)
