"""Put a plan in short: sites, dates, money, energy and tokens, as plain values for JSON and the terminal."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import xarray as xr

from grid_opt.compute.definitions import (
    Accelerator,
    Bound,
    Workload,
    load_accelerator,
    load_workload,
    tokens_per_year,
)
from grid_opt.config.case import Case
from grid_opt.config.loading import case_from_toml
from grid_opt.config.quarters import SEASONS_PER_YEAR
from grid_opt.errors import InputError
from grid_opt.finance import quarter_discount_factor
from grid_opt.plan.bill_summary import summarize_bills
from grid_opt.plan.contract_summary import summarize_contracts
from grid_opt.plan.fleet_summary import binding_deliveries, summarize_fleet
from grid_opt.plan.footprint_summary import summarize_footprint
from grid_opt.plan.nodal_summary import binding_lines, nodal_warnings, summarize_nodal
from grid_opt.plan.schema import FORGONE, POWER_COSTS, cost_terms_of
from grid_opt.plan.supply_summary import summarize_supply, supply_bill, used_mw
from grid_opt.units import HOURS_PER_YEAR, USD_PER_MUSD

BUILT_MW: Final = 1e-6
"""Power above which a region counts as built."""
BINDING_USD_PER_MW: Final = 1.0
"""Price above which a limit counts as binding."""
PROVEN_GAP: Final = 1e-9
"""Gap below which a plan is the cheapest one, to all digits that its numbers have."""
BOUNDS: Final[tuple[Bound, ...]] = ("low", "central", "high")


def summarize(plan: xr.Dataset) -> dict[str, Any]:
    """Return the figures of a plan that a planner asks for first, as dicts, lists, numbers and text.

    Keys name their units. Money is real USD of the price base year, present value. Power of a site is IT power;
    ``counted_mw`` is what counts towards ``target_mw``, ``peak_draw_mw`` what the grid must be ready to deliver:
    IT power in full use at the highest PUE of the place. A figure that cannot be told is ``None``, and
    ``warnings`` says why.
    """
    case = case_from_toml(str(plan.attrs["case_toml"]))
    warnings = _warnings(plan, case)
    return {
        "headline": headline_of(plan, case),
        "case": {"name": case.name, "title": case.title, "description": case.description},
        "status": str(plan.attrs["status"]),
        "solver_status": str(plan.attrs["solver_status"]),
        "price_base_year": case.finance.price_base_year,
        "power_basis": case.demand.power_basis,
        "objective": _objective(plan, case),
        "sites": _sites(plan, case),
        "quarters": _quarters(plan, case),
        "costs": _costs(plan, case),
        "energy": _energy(plan, case),
        "compute": None if case.has_fleet else _compute(plan, case, warnings),
        "fleet": summarize_fleet(plan, case) if case.has_fleet else None,
        "nodal": summarize_nodal(plan, case) if case.is_nodal else None,
        "connections": summarize_contracts(plan) if case.connection.menu else None,
        "supply": summarize_supply(plan, case) if case.supply.has_sources else None,
        "footprint": summarize_footprint(plan, case),
        "bills": summarize_bills(plan) if case.tariffs.charge else None,
        "binding_limits": _binding(plan, case),
        "warnings": warnings,
        "inputs_sha256": _json(plan, "inputs_sha256"),
        "versions": _json(plan, "versions"),
    }


def headline_of(plan: xr.Dataset, case: Case, quarter: str | None = None) -> str:
    """Say in one line what power is in service through ``quarter`` (default: the last), and by which measure."""
    row = _quarters(plan, case)[-1]
    if quarter is not None:
        row = next(one for one in _quarters(plan, case) if one["quarter"] == quarter)
    power = f"{row['it_mw']:,.0f} MW IT"
    target = f"the {row['target_mw']:,.0f} MW target" if row["target_mw"] > 0 else "the target"
    if case.demand.power_basis == "it":
        counts = f"{power} towards {target}"
    else:
        counts = f"{power} = {row['counted_mw']:,.0f} MW towards {target} (at PUE {case.counted_per_it_mw:g})"
    return f"{counts}; draws up to {row['peak_draw_mw']:,.0f} MW from the grid"


def it_mw(plan: xr.Dataset, case: Case) -> xr.DataArray:
    """Return the IT nameplate in service through every quarter [MW], (region, quarter)."""
    return (plan["halls"].astype(float) * case.campus.hall_mw).transpose("region", "quarter")


def cost_usd(plan: xr.Dataset, term: str) -> xr.DataArray:
    """Return a cost term in USD, present value."""
    array = plan[f"cost_{term}"]
    return array * (USD_PER_MUSD if array.attrs.get("units") == "million USD" else 1.0)


def worth(plan: xr.Dataset, case: Case) -> xr.DataArray:
    """Return the hours of every slice times the present value of a USD then [h], (year, slice)."""
    first = case.years[0]
    rate = case.finance.real_discount_rate
    seasons = plan["slice_season"].values.astype(int)
    rows = []
    for year in case.years:
        by_season = {
            season: sum(
                quarter_discount_factor(rate, SEASONS_PER_YEAR * (calendar - first) + season - 1)
                for calendar in case.represented_years(year)
            )
            for season in (1, 2, 3, 4)
        }
        rows.append([by_season[int(season)] for season in seasons])
    factors = xr.DataArray(rows, dims=("year", "slice"), coords={"year": plan["year"], "slice": plan["slice"]})
    return factors * plan["slice_weight"]


def computed_mw(plan: xr.Dataset, case: Case) -> xr.DataArray:
    """Return the IT power that runs after curtailment [MW], (region, year, slice)."""
    seasons = plan["slice_season"].values.astype(int)
    quarters = [[case.capacity_quarter(year, int(season)) for season in seasons] for year in case.years]
    wanted = xr.DataArray(quarters, dims=("year", "slice"), coords={"year": plan["year"], "slice": plan["slice"]})
    standing = it_mw(plan, case).sel(quarter=wanted).drop_vars("quarter")
    return standing * case.demand.utilization_fraction - plan["curtailment"]


def _objective(plan: xr.Dataset, case: Case) -> dict[str, Any]:
    objective, bound, unit = float(plan.attrs["objective"]), float(plan.attrs["bound"]), plan.attrs["objective_unit"]
    return {
        "goal": case.objective.goal,
        "value": objective,
        "bound": bound,
        "unit": str(unit),
        "gap_usd": max(0.0, objective - bound) * USD_PER_MUSD if unit == "million USD" else None,
        "gap_fraction": float(plan.attrs["gap"]),
    }


def _sites(plan: xr.Dataset, case: Case) -> list[dict[str, Any]]:
    """List the campuses, the largest first."""
    power = it_mw(plan, case)
    draw = power * plan["pue_peak"]
    quarters = [str(q) for q in plan["quarter"].values]
    delivered = _delivered_mwh(plan, case)
    bill = xr.concat(power_bill(plan, case).values(), dim="term").sum("term")
    found = []
    for row, region in enumerate(plan["region"].values.tolist()):
        mw = power.values[row]
        if mw[-1] <= BUILT_MW:
            continue
        found.append(
            {
                "region": str(region),
                "name": str(plan["region_name"].values[row]),
                "market": str(plan["region_market"].values[row]),
                "opening_quarter": quarters[int(np.argmax(mw > BUILT_MW))],
                "it_mw": float(mw[-1]),
                "peak_draw_mw": float(draw.values[row, -1]),
                "it_mw_by_quarter": dict(zip(quarters, mw.tolist(), strict=True)),
                "peak_draw_mw_by_quarter": dict(zip(quarters, draw.values[row].tolist(), strict=True)),
                "all_in_power_usd_per_mwh": _ratio(float(bill.sel(region=region)), float(delivered.sel(region=region))),
            }
        )
    return sorted(found, key=lambda site: (-site["it_mw"], site["region"]))


def power_bill(plan: xr.Dataset, case: Case) -> dict[str, xr.DataArray]:
    """Return what delivered power costs by term [USD], present value, (region).

    At the buses of a network, energy is what is bought at its local price.
    """
    found = {term: cost_usd(plan, term).sum("year") for term in POWER_COSTS if f"cost_{term}" in plan}
    if "energy" not in found:
        spent = (plan["purchase"] * plan["local_price"] * worth(plan, case)).sum(("year", "slice"))
        found = {"energy": spent} | found
    beside = supply_bill(plan)
    return found if beside is None else found | {"supply": beside}


def _quarters(plan: xr.Dataset, case: Case) -> list[dict[str, Any]]:
    power = it_mw(plan, case)
    draw = (power * plan["pue_peak"]).sum("region").values
    total = power.sum("region").values
    counted = total * case.counted_per_it_mw
    return [
        {
            "quarter": str(quarter),
            "target_mw": float(plan["target"].values[i]),
            "counted_mw": float(counted[i]),
            "it_mw": float(total[i]),
            "peak_draw_mw": float(draw[i]),
        }
        for i, quarter in enumerate(plan["quarter"].values)
    ]


def _costs(plan: xr.Dataset, case: Case) -> dict[str, Any]:
    """Return every outlay; the worth of tokens forgone is none, and stands by itself after the total."""
    items = {f"{term}_musd": float(cost_usd(plan, term).sum()) / USD_PER_MUSD for term in cost_terms_of(case)}
    forgone = {key: items.pop(key) for key in [f"{FORGONE}_musd"] if key in items}
    return items | {"total_musd": sum(items.values())} | forgone


def _delivered_mwh(plan: xr.Dataset, case: Case) -> xr.DataArray:
    """Return the energy at the meter over the horizon [MWh], discounted like money, (region)."""
    return (used_mw(plan) * worth(plan, case)).sum(("year", "slice"))


def _energy(plan: xr.Dataset, case: Case) -> dict[str, Any]:
    """Return energy by operating year; a long-run year is a mean year of those that it stands for."""
    delivered = float(_delivered_mwh(plan, case).sum())
    prices = {term: float(usd.sum()) for term, usd in power_bill(plan, case).items()}
    by_year = (plan["purchase"] * plan["slice_weight"]).sum(("region", "slice"))
    shed = (plan["curtailment"] * plan["slice_weight"]).sum(("region", "slice"))
    years = [int(year) for year in plan["year"].values]
    return {
        "all_in_usd_per_mwh": _ratio(sum(prices.values()), delivered),
        **{f"{term}_usd_per_mwh": _ratio(usd, delivered) for term, usd in prices.items()},
        "bought_mwh_by_year": dict(zip(map(str, years), by_year.values.tolist(), strict=True)),
        "curtailed_it_mwh_by_year": dict(zip(map(str, years), shed.values.tolist(), strict=True)),
        "represented_years": {str(year): list(case.represented_years(year)) for year in years},
    }


def _compute(plan: xr.Dataset, case: Case, warnings: list[str]) -> dict[str, Any]:
    """Return systems, tokens of the last operating year, and the all-in cost of a million tokens."""
    accelerator, workload = definitions(plan, case)
    power = float(it_mw(plan, case).isel(quarter=-1).sum())
    running = computed_mw(plan, case)
    last_mwh = float((running.isel(year=-1) * plan["slice_weight"]).sum())
    discounted_mwh = float((running * worth(plan, case)).sum())
    total_usd = sum(float(cost_usd(plan, term).sum()) for term in cost_terms_of(case))
    found: dict[str, Any] = {
        "accelerator": accelerator.name,
        "accelerator_title": accelerator.title,
        "workload": workload.name,
        "workload_title": workload.title,
        "systems": int(power * accelerator.systems_per_mw + 1e-9),
        "it_mwh_per_year": last_mwh,
        "tokens_per_year": None,
        "usd_per_million_tokens": None,
    }
    try:
        per_mwh = {b: tokens_per_year(1.0, accelerator, workload, 1.0, b) / HOURS_PER_YEAR for b in BOUNDS}
    except InputError as error:
        warnings.append(error.problem)
        return found
    found["tokens_per_year"] = {b: last_mwh * tokens for b, tokens in per_mwh.items()}
    found["usd_per_million_tokens"] = {
        f"{b}_throughput": _ratio(total_usd * 1e6, discounted_mwh * tokens) for b, tokens in per_mwh.items()
    }
    return found


def definitions(plan: xr.Dataset, case: Case) -> tuple[Accelerator, Workload]:
    """Return accelerator and workload as the plan carries them, or else as installed."""
    own = plan.attrs
    accelerator = (
        Accelerator.model_validate_json(own["accelerator_json"])
        if "accelerator_json" in own
        else load_accelerator(case.compute.accelerator)
    )
    workload = (
        Workload.model_validate_json(own["workload_json"])
        if "workload_json" in own
        else load_workload(case.compute.workload)
    )
    return accelerator, workload


def _binding(plan: xr.Dataset, case: Case) -> dict[str, Any]:
    """List the limits that cost money, the dearest first; a full link that costs nothing is no limit.

    ``network`` says in words whether the network binds at all.
    """
    found: dict[str, Any] = {}
    for key, name in (("headroom", "dual_headroom"), ("tranche", "dual_target"), ("links", "dual_link")):
        found[key] = []
        if name not in plan:
            continue
        array = plan[name]
        for at in np.argwhere(np.nan_to_num(array.values) > BINDING_USD_PER_MW):
            place = {str(d): str(array[d].values[i]) for d, i in zip(array.dims, at, strict=True)}
            found[key].append(place | {"usd_per_mw": float(array.values[tuple(at)])})
        found[key].sort(key=lambda item: -item["usd_per_mw"])
    if case.has_fleet:
        found["deliveries"] = binding_deliveries(plan)
    if case.is_nodal:
        found |= binding_lines(plan)
    elif not case.grid.network:
        found["network"] = "not checked (grid.network = false)"
    elif "dual_link" not in plan:
        found["network"] = "not known: the plan has no prices of links"
    else:
        links = ", ".join(dict.fromkeys(item["link"] for item in found["links"]))
        found["network"] = f"limited by {links}" if links else "no link limit has a price at this plan"
    return found


def _warnings(plan: xr.Dataset, case: Case) -> list[str]:
    """Return what a planner should know of the result, and then what the check of the inputs said."""
    found, said = [], _input_warnings(plan)
    gap = float(plan.attrs["gap"])
    if plan.attrs["status"] != "optimal":
        found.append(f"the search ended before the asked gap: {100 * gap:.3f} %, not {100 * case.solve.gap:.3f} %")
    if not case.grid.network and not case.is_nodal and not any("grid.network" in text for text in said):
        found.append("deliverability on the network was not checked (grid.network = false)")
    if case.is_nodal:
        found += nodal_warnings(plan, case)
    if "dual_target" not in plan:
        found.append("prices of headroom and targets are not given")
    hours = str(plan.attrs.get("hours_source", ""))
    if hours.startswith("generated") and not any(hours in text for text in said):
        found.append(f"hourly prices are {hours}")
    return found + said


def _input_warnings(plan: xr.Dataset) -> list[str]:
    carried = plan.attrs.get("warnings", [])
    if isinstance(carried, str):
        try:
            carried = json.loads(carried)
        except ValueError:
            carried = [carried]
    return [str(text) for text in carried] if isinstance(carried, list | tuple) else [str(carried)]


def _ratio(amount: float, per: float) -> float | None:
    return amount / per if per > 0 else None


def _json(plan: xr.Dataset, name: str) -> Any:
    return json.loads(str(plan.attrs[name]))
