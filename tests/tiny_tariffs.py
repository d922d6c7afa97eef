"""Make small cases that pay tariffs, and bill any build-out of a region with the library of tariffs alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.inputs.tariffs import tariff_world
from grid_opt.tariffs.bill import Bill, bill_on
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.operating import Layout, Slices, operating_calendar
from grid_opt.tariffs.schema import Tariff
from tests.tariff_fixture import CITED, demand_rate, flat_rate, schedule, tariff
from tests.tiny import tiny_case, tiny_world

PRICES = {("ZONE", "2025/26"): 100.0, ("ZONE", "2026/27"): 300.0, ("ZONE", "2027/28"): 200.0}
INDEXED = {"indexed": {"wholesale": {**CITED, "multiplier": 1.1, "adder_usd_per_mwh": 2.0}}}
PEAKS = ["06-24T16", "07-08T16", "08-12T17", "09-02T16"]


def tariffs_case(**sections: dict[str, Any]) -> Case:
    """Return a tiny case that pays tariffs, whose computers cannot be turned down unless a keyword says so."""
    knobs: dict[str, dict[str, Any]] = {
        "tariffs": {"charge": True},
        "flexibility": {"max_curtailment_fraction": 0.0},
        "horizon": {"first_quarter": "2026Q1", "last_quarter": "2026Q4", "long_run_until_year": 2030},
    }
    for name, changes in sections.items():
        knobs[name] = knobs.get(name, {}) | changes
    return tiny_case(**knobs)


def tariffs_world(
    case: Case, tariffs: Mapping[str, Tariff], world: xr.Dataset | None = None, seed: int = 0
) -> xr.Dataset:
    """Add tariffs by region to a tiny world; a slice of each quarter is at 5 and one at 17 UTC."""
    world = tiny_world(case, regions=len(tariffs), seed=seed) if world is None else world
    world["slice_hour"] = ("slice", np.tile([5, 17], 4), world["slice_hour"].attrs)
    return tariff_world(case, world, tariffs, PRICES)


def charges() -> dict[str, dict[str, Any]]:
    """Return one tariff for every way of charging, as the parts of its schedules."""
    take = {**CITED, "share": 0.85, "ramp": [0.3, 0.6], "years": 3}
    four = {**CITED, "program": "4CP", "declared": PEAKS, "usd_per_kw_year": 60.0, "charged": "next_year"}
    obligation = {**CITED, "program": "5CP", "declared": ["07-08T16", "02-10T07"], "zone": "ZONE", "factor": 1.1}
    security = {**CITED, "usd_per_kw": 150.0, "fraction_per_year": 0.02, "years": 2}
    peak_window = {"windows": [{"months": [6, 7, 8, 9], "days": "workday", "hours": [[12, 20]]}]}
    return {
        "ratchet": {**INDEXED, "demand": {"d": demand_rate(
            9.0, ratchet={**CITED, "share": 0.95, "lookback_months": 11, "of_months": [6, 7, 8, 9]})}},
        "rising tiers": {
            "energy": {"e": {**CITED, "periods": {"all": {"tiers": [
                {"upto_mwh": 6000.0, "usd_per_mwh": 30.0}, {"usd_per_mwh": 55.0}]}}}},
            "demand": {"d": {**CITED, "periods": {"all": {"tiers": [
                {"upto_mw": 15.0, "usd_per_kw_month": 5.0}, {"usd_per_kw_month": 12.0}]}}}}},
        "falling tiers": {
            "energy": {"e": {**CITED, "periods": {"all": {"tiers": [
                {"upto_mwh": 5000.0, "usd_per_mwh": 60.0}, {"upto_mwh": 9000.0, "usd_per_mwh": 45.0},
                {"usd_per_mwh": 25.0}]}}}}},
        "time of use": {
            "energy": {"e": {**CITED, "periods": {
                "peak": {**peak_window, "usd_per_mwh": 90.0}, "rest": {"usd_per_mwh": 30.0}}}},
            "demand": {"d": {**CITED, "periods": {
                "peak": {**peak_window, "usd_per_kw_month": 14.0}, "rest": {"usd_per_kw_month": 3.0}}}}},
        "minimum take": {**INDEXED, "demand": {"d": demand_rate(9.0, minimum_take=take, least_mw=12.0)}},
        "four peaks": {**INDEXED, "coincident": {"cp": {**four, "without_history": "none"}}},
        "four peaks of the year": {**INDEXED, "coincident": {"cp": {**four, "without_history": "same_year"}}},
        "delivery year": {**INDEXED, "capacity": {"cap": {**obligation, "without_history": "contract"}}},
        "fixed and least": {
            **INDEXED, "fixed": {"f": {**CITED, "usd_per_month": 9e4, "usd_per_day": 100.0}},
            "demand": {"d": demand_rate(8.0)}, "minimum_bill": {"m": {**CITED, "usd_per_month": 6.5e5}}},
        "letter": {**INDEXED, "collateral": {"c": {**security, "form": "letter_of_credit"}}},
        "deposit": {**INDEXED, "collateral": {"c": {**security, "form": "cash"}}},
    }  # fmt: skip


def by_size(limit_mw: float = 18.0) -> Tariff:
    """Return a tariff whose terms change at a size, and for the large also with a date."""
    obligation = {**CITED, "program": "5CP", "declared": ["07-08T16"], "zone": "ZONE", "factor": 1.0}
    take = {**CITED, "share": 0.8, "ramp": [0.4], "years": 4}
    small = {**INDEXED, "rider": {"r": {**CITED, "usd_per_mwh": 3.0}}, "demand": {"d": demand_rate(6.0)}}
    large = {
        **INDEXED, "rider": {"r": {**CITED, "usd_per_mwh": 1.0}}, "demand": {"d": demand_rate(9.0, minimum_take=take)},
        "capacity": {"cap": {**obligation, "without_history": "contract"}},
    }  # fmt: skip
    return tariff(schedules={
        "small": schedule(below_mw=limit_mw, **small),
        "large": schedule(from_mw=limit_mw, last_month="2026-10", **large),
        "larger": schedule(from_mw=limit_mw, first_month="2026-11", **large | {"demand": {"d": demand_rate(7.5)}}),
    })  # fmt: skip


def named(parts: dict[str, Any], name: str) -> Tariff:
    """Return a tariff of one schedule, with a name."""
    return tariff(**parts).model_copy(update={"name": name})


def bill_of_run(
    case: Case, world: xr.Dataset, r: int, run: tuple[int, ...], of: Tariff, delivered_mw: Any = None
) -> Bill:
    """Bill a build-out of halls by quarter with the library: by its contract of each month, from its own start.

    ``delivered_mw`` is what contracts deliver in the slices of both years, losses included.
    """
    region, calendar_years = world.isel(region=r), [(2026, 0), *((y, 1) for y in range(2027, 2031))]
    layout = Layout(world.sizes["slice"], (2026, 2027))
    slices = Slices(
        *(world[n].values.astype(int) for n in ("slice_season", "slice_hour")), world["slice_weight"].values
    )
    calendar = operating_calendar(calendar_years, layout, slices, of.timezone, of.holidays)
    load, price, delivered = np.zeros(layout.size), np.zeros(layout.size), np.zeros(layout.size)
    for number in (0, 1):
        for s, season in enumerate(world["slice_season"].values.astype(int)):
            it = 10.0 * (run[season - 1] if number == 0 else run[-1])
            at = number * layout.step + s
            load[at] = it * case.demand.utilization_fraction * float(region["pue"].sel(season=season))
            price[at] = float(region["price"][number, s]) * (1 + float(region["loss"]))
            delivered[at] = 0.0 if delivered_mw is None else delivered_mw[number, s] / (1 + float(region["loss"]))
        for month in range(12):
            it = 10.0 * (run[month // 3] if number == 0 else run[-1])
            stress = float(region["pue_stress"].sel(stress="summer" if 4 <= month <= 9 else "winter"))
            day = layout.peak_day(number, month)
            load[day : day + 24] = it * max(stress, float(region["pue"].sel(season=month // 3 + 1)))
    first = next(q for q in range(4) if run[q])
    contract = {f"2026-{3 * q + 1:02d}": 10.0 * run[q] * float(region["pue_peak"]) for q in range(first, 4)}
    known = {("ZONE", f"{y}/{y - 1999}"): PRICES.get(("ZONE", f"{y}/{y - 1999}"), 200.0) for y in range(2025, 2031)}
    context = Context(
        contract_mw={"2025-12": 0.0} | contract, start=f"2026-{3 * first + 1:02d}", capacity_usd_per_mw_day=known,
        wholesale_usd_per_mwh=price, delivered_mw=delivered,
    )  # fmt: skip
    return bill_on(of, calendar, load, context)


def worth_of(case: Case, bill: Bill) -> float:
    """Return the present value of a bill [million USD]: costs, and deposits, which come back at the end at last."""
    d, total, held = case.finance.real_discount_rate, 0.0, 0.0
    for month, usd, cash in bill.lines[["month", "usd", "cash"]].itertuples(index=False):
        quarter = 4 * (int(month[:4]) - 2026) + (int(month[5:]) - 1) // 3
        total += usd * (1 + d) ** (-(quarter + 0.5) / 4)
        held += usd if cash else 0.0
    return (total - held * (1 + d) ** -5.0) / 1e6


__all__ = ["bill_of_run", "by_size", "charges", "flat_rate", "named", "tariffs_case", "tariffs_world", "worth_of"]
