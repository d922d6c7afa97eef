"""Put a re-dispatch into one dataset, and its main numbers into one summary."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from grid_opt.config import Case, case_to_toml
from grid_opt.plan.io import digest
from grid_opt.plan.ledgers import with_ledgers
from grid_opt.plan.schema import decisions_of
from grid_opt.solve.dispatch import Dispatched
from grid_opt.study.redispatch.compare import Days, by_day, by_hour, hour_table, paid_prices, peaks, terms
from grid_opt.study.redispatch.years import Effort

NOT_MONEY_OF_POWER = ("forgone",)
"""Terms that are no money paid."""
_SHARES = 1e-9


def account(
    case: Case, world: xr.Dataset, plan: xr.Dataset, full: Dispatched, few_world: xr.Dataset, few: Dispatched,
    standing: NDArray[np.int64], origin: xr.Dataset,
) -> xr.Dataset:  # fmt: skip
    """Return the world of all hours with the plan's choices, how it ran, what that cost, and what was said of it.

    ``world``, ``plan`` and ``few_world`` have the regions with campuses only; ``standing`` gives for every day of the
    world the day of ``few_world`` that stands for it; ``origin`` is the whole plan.
    """
    chosen = {name: plan[name] for name in decisions_of(case) if _ahead(name, plan, full)}
    found = world.assign(chosen).assign(full.variables).assign(full.shortfalls)
    found = found.assign({f"cost_{name}": array for name, array in full.costs.items()})
    days, few_days = Days.of(world), Days.of(few_world)
    true, stood = by_day(few, few_days, full, days, standing)
    by_region_day = ("region", "year", "day")
    money = {"units": "USD"}
    found = found.assign(
        hourly_usd=full.hourly.assign_attrs(money, long_name="Cost of power of the hour"),
        day_usd=(by_region_day, true, money | {"long_name": "Cost of power of the day"}),
        day_usd_representative=(
            by_region_day, stood, money | {"long_name": "Cost of power of the day that stands for it"}
        ),
        day_source=(("day",), days.source, {"units": "1", "long_name": "Day of the standard year, from 0"}),
        day_stood_for_by=(
            ("day",), few_days.source[standing], {"units": "1", "long_name": "Representative day, of the standard year"}
        ),
        term_usd=terms(full).assign_attrs(money, long_name="Cost of the item in all hours"),
        term_usd_representative=terms(few).assign_attrs(money, long_name="Cost of the item in representative days"),
    )  # fmt: skip
    found = found.assign_coords(day=np.arange(len(days.source)))
    hours = by_hour(few, few_days, full, days, standing)
    if len(hours):
        off = money | {"long_name": "Cost of power of the hour above that of the hour that stands for it"}
        found["hour_difference_usd"] = (("slice",), hours, off)
        paid, stood_paid = paid_prices(world, full, few_world, few, standing)
        found["price_paid"] = paid.assign_attrs(units="USD/MWh", long_name="Mean wholesale price paid")
        found["price_paid_representative"] = stood_paid.assign_attrs(
            units="USD/MWh", long_name="Mean wholesale price paid in the hour that stands for it"
        )
    reached, declared = peaks(case, world, full, plan)
    found["peak_reached"] = reached.assign_attrs(units="MW", long_name="Highest draw of the month at the meter")
    found["peak_declared"] = declared.assign_attrs(units="MW", long_name="Design-day load of the month")
    return with_ledgers(found, case).assign_attrs(_provenance(case, origin, few))


def _ahead(name: str, plan: xr.Dataset, full: Dispatched) -> bool:
    """Return whether the plan has an array of what was chosen ahead, which no operation changes."""
    return name in plan and name not in full.variables and not {"slice", "entry"} & set(plan[name].dims)


def _provenance(case: Case, plan: xr.Dataset, few: Dispatched) -> dict[str, Any]:
    kept = {key: value for key, value in plan.attrs.items() if key.endswith("_json") or key in _KEPT}
    return kept | {
        "case_toml": case_to_toml(case),
        "plan_case_toml": plan.attrs["case_toml"],
        "plan_sha256": digest(plan),
        "plan_total_usd": sum(float(plan[name].sum()) for name in plan.data_vars if str(name).startswith("cost_")),
        "replay_difference_usd": replay_difference(plan, few),
    }


_KEPT = ("inputs_sha256", "versions", "hours_source", "price_base_year", "seed", "threads")


def replay_difference(plan: xr.Dataset, few: Dispatched) -> float:
    """Return by how much the plan's own days cost more when they are run again [USD]; to rounding this is 0."""
    booked = sum(float(plan[f"cost_{name}"].sum()) for name in few.costs)
    return sum(float(array.sum()) for array in few.costs.values()) - booked


def summary(result: xr.Dataset, effort: Effort) -> dict[str, Any]:
    """Return the main numbers of a re-dispatch as plain values."""
    full, few = result["term_usd"], result["term_usd_representative"]
    spent = [t for t in result["term"].values.tolist() if t not in NOT_MONEY_OF_POWER]
    true, stood = (float(one.sel(term=spent).sum()) for one in (full, few))
    day_error = float(abs(result["day_usd"] - result["day_usd_representative"]).sum())
    unserved = result["unserved_power"] * result["slice_weight"]
    return {
        "regions": result["region"].values.tolist(),
        "years": [int(y) for y in result["year"].values],
        "hours": int(result.sizes["slice"]),
        "representative_days": len(np.unique(result["day_stood_for_by"].values)),
        "operating_usd": true,
        "operating_usd_representative": stood,
        "difference_usd": true - stood,
        "difference_percent": _percent(true - stood, stood),
        "difference_percent_of_plan": _percent(true - stood, float(result.attrs["plan_total_usd"])),
        "replay_difference_usd": float(result.attrs["replay_difference_usd"]),
        "daily_error_usd": day_error,
        "daily_error_percent": _percent(day_error, float(abs(result["day_usd_representative"]).sum())),
        "costs_usd": _by_term(full, few),
        "by_region": _by_region(result),
        "unserved_mwh": {int(y): float(unserved.sel(year=y).sum()) for y in result["year"].values},
        "shortfalls": {name: float(result[name].sum()) for name in SHORTFALLS if name in result},
        "curtailed_mwh": {
            int(y): float((result["curtailment"] * result["slice_weight"]).sel(year=y).sum())
            for y in result["year"].values
        },
        "worst_hours": hour_table(result),
        "rows": effort.rows, "columns": effort.columns, "seconds": effort.seconds, "peak_memory_mb": effort.peak_mb,
        "workers": effort.workers,
    }  # fmt: skip


SHORTFALLS = ("over_carbon", "over_water", "short_annual", "short_hourly")
"""What was missed at a penalty beside load, by its name in the file."""


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if abs(whole) > _SHARES else 0.0


def _by_term(full: xr.DataArray, few: xr.DataArray) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for term in full["term"].values.tolist():
        years = {
            int(y): {
                "full_year": float(full.sel(term=term, year=y)),
                "representative": float(few.sel(term=term, year=y)),
            }
            for y in full["year"].values
        }
        total = {kind: sum(one[kind] for one in years.values()) for kind in ("full_year", "representative")}
        found[term] = {**total, "difference": total["full_year"] - total["representative"], "by_year": years}
    return found


def _by_region(result: xr.Dataset) -> dict[str, dict[str, float]]:
    full, stood = result["day_usd"], result["day_usd_representative"]
    found = {}
    for region in result["region"].values.tolist():
        true, said = (one.sel(region=region) for one in (full, stood))
        reached, declared = (result[name].sel(region=region) for name in ("peak_reached", "peak_declared"))
        ratio = (reached / declared.where(declared > 0)).max()
        found[region] = {
            "power_usd": float(true.sum()), "power_usd_representative": float(said.sum()),
            "difference_usd": float((true - said).sum()), "daily_error_usd": float(abs(true - said).sum()),
            "highest_month_share_of_declared": float(ratio) if bool(np.isfinite(ratio)) else 0.0,
        }  # fmt: skip
    return found


def cost_frame(found: dict[str, Any]) -> pd.DataFrame:
    """Return the costs of a summary as a table: item, year, full_year_usd, representative_usd, difference_usd."""
    rows = [
        {"item": term, "year": year, "full_year_usd": one["full_year"], "representative_usd": one["representative"],
         "difference_usd": one["full_year"] - one["representative"]}
        for term, by in found["costs_usd"].items() for year, one in by["by_year"].items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["item", "year", "full_year_usd", "representative_usd", "difference_usd"])


def text_of(found: dict[str, Any]) -> str:
    """Return a summary as JSON text."""
    return json.dumps(found, indent=2, sort_keys=True, allow_nan=False) + "\n"
