"""Measure a plan: the figures by which the cases of a sweep are compared, small enough to keep thousands of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.config.loading import case_from_toml
from grid_opt.errors import InputError
from grid_opt.plan.schema import cost_terms_of
from grid_opt.plan.summary import cost_usd, it_mw
from grid_opt.solve.kernel import REPRICED
from grid_opt.units import USD_PER_MUSD

FILE: Final = "measures.json"
_FOOTPRINT: Final = {
    "scope1_t": ("t", "Direct emissions of carbon dioxide"),
    "scope2_location_t": ("t", "Emissions of carbon dioxide of power, location-based"),
    "scope2_market_t": ("t", "Emissions of carbon dioxide of power, market-based by year"),
    "scope2_hourly_t": ("t", "Emissions of carbon dioxide of power, matched by hour"),
    "carbon_free_share": ("1", "Share of the load met by carbon-free power, hour by hour"),
    "water_m3": ("m3", "Water consumed"),
}
_TOLD: Final[dict[str, tuple[str, str]]] = {
    "objective": ("", "Value of the objective: costs as present value, or less the share of tokens served"),
    "bound": ("", "Proven lower bound of the objective"),
    "gap": ("1", "Relative distance between objective and bound"),
    "cost_total": ("million USD", "All outlays, present value"),
    "all_in_usd_per_mwh": ("USD/MWh", "All-in cost of a delivered MWh"),
    "usd_per_million_tokens": ("USD/Mtok", "All costs over tokens served"),
    "final_it_mw": ("MW", "IT power in service through the last quarter"),
    "sites": ("1", "Campuses in service through the last quarter"),
    "repriced": ("1", "1 where the plan is that of a case before, proven good enough in this one"),
    "warm": ("1", "1 where the relaxation began with the basis and the cuts that a case before ended with"),
}


def measure(plan: xr.Dataset, summary: Mapping[str, Any], *, warm: bool = False) -> xr.Dataset:
    """Return the measures of a plan: scalars, and arrays by region, quarter, year, accelerator and cost term.

    ``warm`` says whether its relaxation began with what another case learnt.
    """
    case = case_from_toml(str(plan.attrs["case_toml"]))
    power = it_mw(plan, case)
    found: dict[str, xr.DataArray] = {}

    def add(name: str, value: Any, unit: str, meaning: str) -> None:
        array = value if isinstance(value, xr.DataArray) else xr.DataArray(math.nan if value is None else float(value))
        found[name] = array.reset_coords(drop=True).astype(float).assign_attrs(units=unit, long_name=meaning)

    for name, value in (_scalars(plan, summary, power) | {"warm": warm}).items():
        unit, meaning = _TOLD[name]
        add(name, value, unit or str(plan.attrs["objective_unit"]), meaning)
    add("it_mw", power, "MW", "IT power in service through the quarter")
    bought = (plan["purchase"] * plan["slice_weight"]).sum("slice")
    add("bought_mwh", bought.transpose("region", "year"), "MWh", "Wholesale energy bought in the year")
    terms = list(cost_terms_of(case))
    money = [float(cost_usd(plan, term).sum()) / USD_PER_MUSD for term in terms]
    add("cost", xr.DataArray(money, dims="term", coords={"term": terms}), "million USD", "Present value of a cost term")
    add("tokens", _tokens(plan, summary), "1", "Tokens served in the year")
    if case.has_fleet:
        systems = plan["systems"].astype(float).sum("region").transpose("accelerator", "quarter")
        add("systems", systems, "1", "Systems in service through the quarter")
    for name, array in _footprint(plan, summary):
        add(name, array, *_FOOTPRINT[name])
    return xr.Dataset(found)


def _scalars(plan: xr.Dataset, summary: Mapping[str, Any], power: xr.DataArray) -> dict[str, Any]:
    part = summary["fleet"] or summary["compute"]
    per_token = part["usd_per_million_tokens"]
    if isinstance(per_token, Mapping):
        per_token = per_token["central_throughput"]
    return {
        "objective": plan.attrs["objective"],
        "bound": plan.attrs["bound"],
        "gap": plan.attrs["gap"],
        "cost_total": summary["costs"]["total_musd"],
        "all_in_usd_per_mwh": summary["energy"]["all_in_usd_per_mwh"],
        "usd_per_million_tokens": per_token,
        "final_it_mw": float(power.isel(quarter=-1).sum()),
        "sites": len(summary["sites"]),
        "repriced": plan.attrs["solver_status"] == REPRICED,
    }


def _tokens(plan: xr.Dataset, summary: Mapping[str, Any]) -> xr.DataArray:
    """Return tokens by operating year; without a fleet they are told for the last year only."""
    years = plan["year"].values
    values = np.full(len(years), np.nan)
    if summary["fleet"] is not None:
        told = summary["fleet"]["tokens_per_year"]
        values = np.array([told[str(year)] for year in years.tolist()], dtype=float)
    elif summary["compute"]["tokens_per_year"] is not None:
        values[-1] = summary["compute"]["tokens_per_year"]["central"]
    return xr.DataArray(values, dims="year", coords={"year": years})


def _footprint(plan: xr.Dataset, summary: Mapping[str, Any]) -> Iterator[tuple[str, xr.DataArray]]:
    told = summary.get("footprint")
    if told is None:
        return
    years = plan["year"].values
    for name in _FOOTPRINT:
        values = [told["by_year"][str(year)].get(name) for year in years.tolist()]
        numbers = [math.nan if value is None else float(value) for value in values]
        yield name, xr.DataArray(numbers, dims="year", coords={"year": years})


def write_measures(measures: xr.Dataset, path: Path) -> None:
    """Write measures as JSON, atomically; a figure that there is not becomes null."""
    content = measures.to_dict()
    write_text(path, json.dumps(_plain(content), allow_nan=False) + "\n")


def read_measures(path: Path) -> xr.Dataset:
    """Read measures. Raises :class:`InputError` for a file that holds none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = xr.Dataset.from_dict(content)
    except (OSError, ValueError, KeyError) as error:
        fix = "grid-opt resume DIR makes them anew"
        raise InputError(f"not the measures of a plan: {error}", file=path, fix=fix) from None
    return found.map(lambda array: array.astype(float), keep_attrs=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
