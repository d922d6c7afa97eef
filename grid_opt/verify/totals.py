"""Check the plan's totals and what it says of itself: costs, objective, bound, gap, status."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import xarray as xr

from grid_opt.plan.schema import COSTS, PROVENANCE, STATUSES
from grid_opt.verify import bills, capital
from grid_opt.verify.check import (
    FEASIBILITY,
    MONEY_RELATIVE,
    MONEY_USD,
    Excess,
    check,
    equal_money,
    none_of,
    whole_plan,
)
from grid_opt.verify.evidence import Evidence

RECOMPUTED: dict[str, Callable[[Evidence], xr.DataArray]] = {
    "site_capex": capital.recomputed_site,
    "shell_capex": capital.recomputed_shell,
    "hardware_capex": capital.recomputed_hardware,
    "fixed_om": bills.recomputed_fixed_om,
    "energy": bills.recomputed_energy,
    "rider": bills.recomputed_rider,
    "delivery": bills.recomputed_delivery,
    "capacity": bills.recomputed_capacity,
    "lost_compute": bills.recomputed_lost_compute,
}
"""Every cost term of the objective and what recomputes it [USD]."""


def _agrees(term: str, e: Evidence) -> Excess:
    """Compare the stored term with the recomputed one, region by region and period by period."""
    return equal_money(e.usd(f"cost_{term}"), RECOMPUTED[term](e))


for _term in RECOMPUTED:
    check(f"cost.{_term}", f"{COSTS[_term].long_name}: as the books say.", "USD")(partial(_agrees, _term))


@check("total.terms", "The plan has exactly the known cost terms.", "1")
def terms(e: Evidence) -> Excess:
    """Compare the names of the cost arrays with those recomputed; a further one would go unchecked."""
    found = {str(n).removeprefix("cost_") for n in e.plan.data_vars if str(n).startswith("cost_")}
    names = sorted(found | set(COSTS))
    wrong = [float((name in found) != (name in RECOMPUTED)) for name in names]
    return Excess(xr.DataArray(wrong, dims="term", coords={"term": names}), 0.5)


@check("total.objective", "The objective is the sum of all costs, recomputed.", "USD")
def objective(e: Evidence) -> Excess:
    """Add up every recomputed bill and compare it with the stated objective."""
    total = math.fsum(float(recompute(e).sum()) for recompute in RECOMPUTED.values())
    return equal_money(whole_plan(e.number("objective_musd") * 1e6), whole_plan(total))


@check("total.bound", "The proven bound is not above the objective.", "USD")
def bound(e: Evidence) -> Excess:
    """Compare bound and objective."""
    stated, limit = e.number("objective_musd") * 1e6, e.number("bound_musd") * 1e6
    return Excess(whole_plan(limit - stated), max(MONEY_USD, MONEY_RELATIVE * abs(stated)))


SAME_GAP = 1e-9
"""By how much the stated gap may differ from the one worked out from objective and bound."""


@check("total.gap", "The gap is the distance of objective and bound.", "1")
def gap(e: Evidence) -> Excess:
    """Recompute (objective - bound) / |objective|."""
    stated, limit = e.number("objective_musd"), e.number("bound_musd")
    # A bound a hair above the objective is rounding; it is no negative gap.
    wanted = max(0.0, stated - limit) / abs(stated) if stated else 0.0
    return Excess(whole_plan(abs(e.number("gap") - wanted)), SAME_GAP)


@check("total.status", "The status is known, and an optimal plan has the gap that was asked.", "1")
def status(e: Evidence) -> Excess:
    """Compare the status with the gap."""
    said = str(e.attribute("status"))
    unproven = said == "optimal" and not e.number("gap") <= e.case.solve.gap + FEASIBILITY
    return none_of(whole_plan(float(said not in STATUSES or unproven)))


@check("plan.provenance", "The plan says where it comes from.", "1")
def provenance(e: Evidence) -> Excess:
    """Look for every attribute of provenance, and for the sums of at least one input file."""
    missing = [float(name not in e.plan.attrs) for name in PROVENANCE]
    missing[list(PROVENANCE).index("inputs_sha256")] = float(not e.json("inputs_sha256"))
    return Excess(xr.DataArray(missing, dims="attribute", coords={"attribute": list(PROVENANCE)}), 0.5)
