"""Recompute a re-dispatch from its file alone, without a solver: balances, limits, bills, and what it says of the plan.

The rules of operation and the bills are those of a plan, over 8,760 hours; the checks of this module's own table are of
what only a re-dispatch has. Given the plan, it is also asked whether that plan's choices were run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

import grid_opt.verify as whole
from grid_opt.errors import InputError
from grid_opt.plan.io import digest, open_plan
from grid_opt.plan.redispatch import open_redispatch
from grid_opt.plan.schema import cost_terms_of
from grid_opt.verify.check import Condition, Excess, Registered, Report, Rule, at_most, equal, equal_money
from grid_opt.verify.evidence import Evidence, NotMadeError
from grid_opt.verify.operation import drawn_mw
from grid_opt.verify.supply import supplied_mw, to_regions
from grid_opt.verify.totals import RECOMPUTED

REDISPATCH_CHECKS: Final[dict[str, Registered]] = {}
"""Every check that only a re-dispatch has, by its name."""

PLAN: Final = "plan"
"""Where the plan is kept among what checks share."""

_OF_OPERATION: Final = (
    "time.", "operation.", "plant.", "store.", "battery.store_usable", "battery.aged_energy", "service.",
    "supply.export", "supply.within_connection", "contracts.deliver", "resilience.", "carbon.", "certificates.",
    "matching.", "water.",
)  # fmt: skip
"""Beginnings of the names of a plan's checks that its operation must pass in any hours."""
_NOT_AS_IN_A_PLAN: Final = ("operation.power_balance", "service.ported", "service.port_once")
_MISSED: Final = {"carbon.cap": "over_carbon", "water.cap": "over_water", "matching.annual": "short_annual",
                  "matching.hourly": "short_hourly"}  # fmt: skip
"""Limits that may be missed at a penalty, and what says by how much."""
_HOURLY_TERMS: Final = ("energy", "rider", "lost_compute", "settlement", "wheeling", "forward_premium", "own_running",
                        "store_wear_cost", "export_revenue")  # fmt: skip
_NOTHING = 1e-6


def check(name: str, meaning: str, unit: str, *, when: Condition | None = None) -> Callable[[Rule], Rule]:
    """Enter a rule into :data:`REDISPATCH_CHECKS`."""

    def register(rule: Rule) -> Rule:
        REDISPATCH_CHECKS[name] = Registered(name, meaning, unit, rule, when)
        return rule

    return register


def verify_redispatch(
    result: str | Path | xr.Dataset, plan: str | Path | xr.Dataset | None = None, case_folder: str | Path | None = None
) -> Report:
    """Run every check on a re-dispatch, given as a file or in memory, and on its plan where that is given.

    Raises: InputError when a file is of another kind or damaged. What is wrong in it is found, not raised.
    """
    evidence = Evidence(
        result if isinstance(result, xr.Dataset) else open_redispatch(result),
        compare_tables=False,
        case_folder=None if case_folder is None else Path(case_folder),
        from_file=not isinstance(result, xr.Dataset),
    )
    evidence.shared[PLAN] = plan if plan is None or isinstance(plan, xr.Dataset) else open_plan(plan)
    found = [whole.CHECKS[name](evidence) for name in _names(evidence)]
    found += [REDISPATCH_CHECKS[name](evidence) for name in sorted(REDISPATCH_CHECKS)]
    report = Report(tuple(found), tuple(evidence.warnings))
    missed = [f"could not be made: {', '.join(names)}: {reason}" for reason, names in report.not_made.items()]
    return replace(report, warnings=(*report.warnings, *missed))


def plan_beside(path: str | Path) -> Path | None:
    """Return the plan that a re-dispatch was made of, if it still lies in the folder above or beside it."""
    attrs = open_redispatch(path).attrs
    wanted, name = attrs.get("plan_sha256"), Path(str(attrs.get("plan_file", "plan.nc"))).name
    for folder in (Path(path).resolve().parent.parent, Path(path).resolve().parent):
        candidate = folder / name
        try:
            if candidate.is_file() and digest(open_plan(candidate)) == wanted:
                return candidate
        except InputError:
            continue
    return None


def _names(e: Evidence) -> list[str]:
    """Return the checks of a plan that hold of its operation: rules that are kept, and its bills."""
    names = [n for n in sorted(whole.CHECKS) if n.startswith(_OF_OPERATION) and n not in _NOT_AS_IN_A_PLAN]
    for start, slack in _MISSED.items():
        amount = float(e.plan[slack].sum()) if slack in e.plan else 0.0
        if amount > _NOTHING:
            unit = e.plan[slack].attrs.get("units", "")
            e.warnings.append(f"{start} is missed by {amount:,.6g} {unit} in all, at a penalty")
            names = [n for n in names if not n.startswith(start)]
    try:
        terms = cost_terms_of(e.case)
    except Exception:  # a case that cannot be read is found by every check
        return names
    return names + sorted(f"cost.{term}" for term, spec in terms.items() if "year" in spec.dims)


@check("redispatch.power_balance", "Power bought, supplied otherwise or lacking covers IT, cooling and losses.", "MW")
def power_balance(e: Evidence) -> Excess:
    """Follow the power from the computers back to the market."""
    season = xr.DataArray(e["slice_season"].values.astype(int), dims="slice", coords={"slice": e.plan["slice"]})
    cooled = (drawn_mw(e) - e["curtailment"]) * e["pue"].sel(season=season).drop_vars("season")
    needed = (cooled + cooled * e["loss"]).transpose("region", "year", "slice")
    found = e["purchase"] + e["unserved_power"]
    if e.case.supply.has_sources:
        found = found + supplied_mw(e)
    return equal(found.transpose("region", "year", "slice"), needed, e["purchase"])


@check("redispatch.unserved_power", "Load that no power reaches is not negative.", "MW")
def unserved_power(e: Evidence) -> Excess:
    """Ask for at least 0."""
    return at_most(-e["unserved_power"], 0.0)


@check("redispatch.day_usd", "The money of a day is that of its hours.", "USD")
def day_usd(e: Evidence) -> Excess:
    """Add up the hours of every day."""
    number = e["slice_day"].values.astype(int)
    hourly = e["hourly_usd"].transpose("region", "year", "slice").values
    again = np.stack([hourly[:, :, number == d].sum(axis=2) for d in np.unique(number)], axis=2)
    stated = e["day_usd"].transpose("region", "year", "day")
    return equal_money(stated, stated.copy(data=again))


@check("redispatch.hourly_usd", "The money of all hours of a year is what their power costs, item by item.", "USD",
       when=lambda e: not _has_tiers(e))  # fmt: skip
def hourly_usd(e: Evidence) -> Excess:
    """Work out the items that are paid by the hour anew, by region and year."""
    terms = cost_terms_of(e.case)
    again = xr.zeros_like(e["hourly_usd"].sum("slice"))
    for term in _HOURLY_TERMS:
        if term in terms:
            amount = RECOMPUTED[term](e)
            dim = next(str(d) for d in amount.dims if d != "year")
            again = again + (amount if dim == "region" else to_regions(e, amount, dim)).transpose("region", "year")
    return equal_money(e["hourly_usd"].sum("slice"), again)


def _has_tiers(e: Evidence) -> bool:
    """Whether some energy is billed by tier, or certificates by the hour: then not all of it hangs on one hour."""
    tiers = "line_part" in e.plan and bool({"energy", "rider"} & set(e.plan["line_part"].values.tolist()))
    return tiers or e.case.carbon.buys_hourly or e.case.is_nodal


@check("redispatch.term_usd", "The table of costs has every item, year by year.", "USD")
def term_usd(e: Evidence) -> Excess:
    """Add up every item anew."""
    table = e["term_usd"].transpose("term", "year")
    known = {term for term, spec in cost_terms_of(e.case).items() if "year" in spec.dims}
    labels = [str(t) for t in table["term"].values]
    if set(labels) != known:
        raise ValueError(f"the table has other items than the case: {', '.join(sorted(set(labels) ^ known))}")
    rows = [RECOMPUTED[t](e).sum([d for d in RECOMPUTED[t](e).dims if d != "year"]).values for t in labels]
    return equal_money(table, table.copy(data=np.array(rows)))


def _plan(e: Evidence) -> xr.Dataset:
    plan = e.shared.get(PLAN)
    if plan is None:
        raise NotMadeError("the plan was not given")
    assert isinstance(plan, xr.Dataset)
    return plan


@check("redispatch.choices", "What was chosen ahead is what the plan chose.", "1")
def choices(e: Evidence) -> Excess:
    """Compare every array that both files have and no operation changes, by its labels."""
    plan, wrong = _plan(e), {}
    for name in sorted(map(str, plan.data_vars)):
        if name not in e.plan or name.startswith("cost_") or plan[name].dtype.kind not in "biuf":
            continue
        if {"slice", "line", "bound", "meter", "fall", "tie", "entry"} & set(plan[name].dims) or not plan[name].dims:
            continue
        if "year" in plan[name].dims and name != "forward_mw":
            continue
        labels = {d: e.plan[d].values for d in plan[name].dims if d in e.plan.coords}
        theirs, ours = plan[name].sel(labels).astype(float), e.plan[name].transpose(*plan[name].dims).astype(float)
        size = max(1.0, float(abs(theirs).max())) if theirs.size else 1.0
        wrong[name] = float(abs(theirs.values - ours.values).max()) / size if theirs.size else 0.0
    return Excess(xr.DataArray(list(wrong.values()), dims="variable", coords={"variable": list(wrong)}), 1e-9)


@check("redispatch.plan", "The file names the plan that was run.", "1")
def the_plan(e: Evidence) -> Excess:
    """Compare the digest of the plan."""
    return Excess(xr.DataArray(float(digest(_plan(e)) != e.attribute("plan_sha256"))), 0.5)


@check("redispatch.replay", "The plan's own days, run again, cost what the plan says.", "USD")
def replay(e: Evidence) -> Excess:
    """Compare the sum of all items of all years with the plan's; single items may trade places where both are best."""
    plan, table = _plan(e), e["term_usd_representative"]
    stated = math.fsum(float(plan[f"cost_{t}"].sum()) for t in map(str, table["term"].values))
    return equal_money(xr.DataArray(float(table.sum())), xr.DataArray(stated))


@check(
    "redispatch.representative_days", "The money of the days that stand for others is that of the plan's hours.", "USD"
)
def representative_days(e: Evidence) -> Excess:
    """Ask that the hours of all days, each as its representative, cost no other sum than the items paid by the hour."""
    if _has_tiers(e):
        raise NotMadeError("some energy is billed by tier or certified by the hour")
    table = e["term_usd_representative"]
    items = [t for t in map(str, table["term"].values) if t in _HOURLY_TERMS]
    booked = table.sel(term=items).sum("term")
    return equal_money(e["day_usd_representative"].sum(("region", "day")), booked)
