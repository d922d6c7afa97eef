"""Put a fleet in short: systems, tokens by class, what they cost, and what they are worth."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr

from grid_opt.config.case import Case
from grid_opt.config.quarters import SEASONS_PER_YEAR
from grid_opt.finance import quarter_discount_factor
from grid_opt.plan.schema import FORGONE, cost_terms_of
from grid_opt.plan.supply_summary import used_mw
from grid_opt.units import KW_PER_MW, SECONDS_PER_HOUR, USD_PER_MUSD

MILLION: Final = 1e6
BINDING_USD: Final = 1.0
"""Worth of one more system above which a delivery counts as binding."""


def in_quarters(array: xr.DataArray, case: Case, seasons: xr.DataArray) -> xr.DataArray:
    """Return an array by quarter as one by operating year and season, the last quarter in the long-run year."""
    wanted = xr.DataArray(
        [[case.capacity_quarter(year, int(season)) for season in seasons.values] for year in case.years],
        dims=("year", "season"),
        coords={"year": list(case.years), "season": seasons.values},
    )
    return array.sel(quarter=wanted).drop_vars("quarter")


def demand(plan: xr.Dataset, case: Case) -> xr.DataArray:
    """Return the output wanted [million tokens/s], (stream, year, season, block)."""
    wanted = in_quarters(plan["stream_demand"], case, plan["season"]) / MILLION
    return wanted.transpose("stream", "year", "season", "block")


def served(plan: xr.Dataset) -> xr.DataArray:
    """Return the output served [million tokens/s], (stream, accelerator, region, year, season, block)."""
    rate = plan["tokens_per_system"].sel({"class": plan["stream_class"]}).drop_vars("class") / MILLION
    return plan["serving"] * rate


def seconds_worth(plan: xr.Dataset, case: Case) -> xr.DataArray:
    """Return the seconds of every block times the present value of a USD then [s], (year, season, block)."""
    rate, first = case.finance.real_discount_rate, case.years[0]
    factors = [
        [
            sum(
                quarter_discount_factor(rate, SEASONS_PER_YEAR * (calendar - first) + int(season) - 1)
                for calendar in case.represented_years(year)
            )
            for season in plan["season"].values
        ]
        for year in case.years
    ]
    weights = xr.DataArray(factors, dims=("year", "season"), coords={"year": plan["year"], "season": plan["season"]})
    return weights * plan["block_hours"] * SECONDS_PER_HOUR


def outlay_usd(plan: xr.Dataset, case: Case) -> float:
    """Return all money spent, present value [USD]: every cost but the worth of what is not served."""
    return sum(float(plan[f"cost_{term}"].sum()) for term in cost_terms_of(case) if term != FORGONE)


def worth_usd(plan: xr.Dataset, case: Case) -> float:
    """Return what the tokens served are worth, present value [USD]."""
    of_class = plan["class_worth"].sel({"class": plan["stream_class"]}).drop_vars("class")
    missed = (plan["unserved"] * of_class * seconds_worth(plan, case)).sum()
    return float((demand(plan, case) * of_class * seconds_worth(plan, case)).sum() - missed)


def summarize_fleet(plan: xr.Dataset, case: Case) -> dict[str, Any]:
    """Return systems, utilization, tokens by class and money as plain values."""
    spent, worth = outlay_usd(plan, case), worth_usd(plan, case)
    wanted, seconds = demand(plan, case), seconds_worth(plan, case)
    mtok = float(((wanted - plan["unserved"]) * seconds).sum())
    delivered = used_mw(plan) * plan["slice_weight"]
    yearly = _tokens_by_year(plan, wanted - plan["unserved"])
    kwh = KW_PER_MW * float(delivered.isel(year=-1).sum())
    return {
        "systems": _systems(plan, case),
        "classes": _classes(plan, case, wanted),
        "worth_musd": worth / USD_PER_MUSD,
        "costs_musd": spent / USD_PER_MUSD,
        "net_present_value_musd": (worth - spent) / USD_PER_MUSD,
        "usd_per_million_tokens": spent / mtok if mtok > 0 else None,
        "kwh_per_million_tokens": kwh / float(yearly[-1]) if yearly[-1] > 0 else None,
        "tokens_per_year": {str(y): MILLION * float(t) for y, t in zip(case.years, yearly, strict=True)},
        "ported": _ported(plan),
    }


def _tokens_by_year(plan: xr.Dataset, rate: xr.DataArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return million tokens in each operating year."""
    return np.asarray((rate * plan["block_hours"] * SECONDS_PER_HOUR).sum(("stream", "season", "block")).values)


def _systems(plan: xr.Dataset, case: Case) -> list[dict[str, Any]]:
    standing = plan["systems"].astype(float)
    total = in_quarters(standing, case, plan["season"]).sum("region")
    hours = plan["block_hours"]
    busy = (plan["serving"].sum(("stream", "region")) * hours).sum(("season", "block"))
    pool = pooled(plan).sum("region")
    busy = busy + (pool * hours).sum(("season", "block"))
    possible = (total * hours).sum(("season", "block"))
    found = []
    for name in plan["accelerator"].values.tolist():
        by_quarter = standing.sel(accelerator=name).sum("region")
        mw = float(plan["system_mw"].sel(accelerator=name))
        share = busy.sel(accelerator=name) / possible.sel(accelerator=name).where(possible.sel(accelerator=name) > 0)
        found.append(
            {
                "accelerator": name,
                "title": str(plan["accelerator_title"].sel(accelerator=name).values),
                "vendor": str(plan["accelerator_vendor"].sel(accelerator=name).values),
                "systems": round(float(by_quarter[-1])),
                "it_mw": float(by_quarter[-1]) * mw,
                "systems_by_quarter": {
                    str(q): round(float(n)) for q, n in zip(plan["quarter"].values, by_quarter.values, strict=True)
                },
                "utilization_by_year": {
                    str(year): None if np.isnan(value) else float(value)
                    for year, value in zip(case.years, share.values, strict=True)
                },
            }
        )
    return found


def pooled(plan: xr.Dataset) -> xr.DataArray:
    """Return the systems that prefill for others, mean of the block, (accelerator, region, year, season, block)."""
    ratio = plan["pool_systems"].sel({"class": plan["stream_class"]}).drop_vars("class")
    beside = (plan["serving"] * ratio).sum("stream")
    found = xr.zeros_like(beside)
    for name, helper in zip(plan["accelerator"].values.tolist(), plan["accelerator_pool"].values.tolist(), strict=True):
        if helper:
            found.loc[{"accelerator": helper}] += beside.sel(accelerator=name)
    return found


def _classes(plan: xr.Dataset, case: Case, wanted: xr.DataArray) -> list[dict[str, Any]]:
    hours = plan["block_hours"]
    by_machine = (served(plan).sum("region") * hours).sum(("season", "block"))
    asked, missed = ((one * hours).sum(("season", "block")) for one in (wanted, plan["unserved"]))
    found = []
    for name in plan["class"].values.tolist():
        mine = plan["stream_class"].values == name
        want, miss = asked.isel(stream=mine).sum("stream"), missed.isel(stream=mine).sum("stream")
        last = by_machine.isel(stream=mine, year=-1).sum("stream")
        total = float(last.sum())
        found.append(
            {
                "class": name,
                "title": str(plan["class_title"].sel({"class": name}).values),
                "tok_s_user": float(plan["class_floor"].sel({"class": name})),
                "tokens_per_year": _years(case, (want - miss) * SECONDS_PER_HOUR * MILLION),
                "served_share": _years(case, 1.0 - miss / want.where(want > 0)),
                "served_by": {
                    str(g): float(share) / total
                    for g, share in zip(plan["accelerator"].values, last.values, strict=True)
                    if total > 0 and share > 1e-9 * total
                },
                "usd_per_million_tokens_more": _marginal(plan, case, wanted, mine),
            }
        )
    return found


def _years(case: Case, array: xr.DataArray) -> dict[str, float | None]:
    return {str(y): None if np.isnan(v) else float(v) for y, v in zip(case.years, array.values, strict=True)}


def _marginal(plan: xr.Dataset, case: Case, wanted: xr.DataArray, mine: Any) -> dict[str, float | None] | None:
    """Return what a million tokens more cost in each year, mean by demand; ``None`` in a plan without prices."""
    if "dual_tokens" not in plan:
        return None
    weight = (wanted * plan["block_hours"]).isel(stream=mine)
    mean = (plan["dual_tokens"].isel(stream=mine) * weight).sum(("stream", "season", "block")) / weight.sum(
        ("stream", "season", "block")
    )
    return _years(case, mean)


def _ported(plan: xr.Dataset) -> list[dict[str, str]]:
    found = []
    array = plan["ported"]
    for o, w, v in np.argwhere(array.values > 0.5):
        if float(plan["porting_cost"].values[o]) > 0 or float(plan["software_ready"].values[o, v, v]) < 1:
            found.append(
                {
                    "software": str(array["software"].values[o]),
                    "class": str(array["class"].values[w]),
                    "quarter": str(array["vintage"].values[v]),
                }
            )
    return found


def binding_deliveries(plan: xr.Dataset) -> list[dict[str, Any]]:
    """Return the deliveries of which one more system would be worth something, the dearest first."""
    if "dual_deliveries" not in plan:
        return []
    array = plan["dual_deliveries"]
    found = [
        {
            "accelerator": str(array["accelerator"].values[g]),
            "quarter": str(array["quarter"].values[q]),
            "usd_per_system": float(array.values[g, q]),
        }
        for g, q in np.argwhere(np.nan_to_num(array.values) > BINDING_USD)
    ]
    return sorted(found, key=lambda item: -item["usd_per_system"])
