"""Check the plan's totals and what it says of itself: costs, objective, bound, gap, status."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import xarray as xr

from grid_opt.plan.schema import FORGONE, PROVENANCE, STATUSES, cost_terms_of, specs
from grid_opt.verify import bills, capital, footprint_money, nodal, offer_money, supply_money, tariffs, tokens, tradeoff
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


def _either(flat: Callable[[Evidence], xr.DataArray], part: str) -> Callable[[Evidence], xr.DataArray]:
    """Choose how a term is worked out: by tariff where the case pays them, else by flat rates."""
    by_tariff = tariffs.recomputed(part)
    return lambda e: by_tariff(e) if tariffs.pays(e) else flat(e)


RECOMPUTED: dict[str, Callable[[Evidence], xr.DataArray]] = {
    "site_capex": capital.recomputed_site,
    "shell_capex": capital.recomputed_shell,
    "hardware_capex": capital.recomputed_hardware,
    "fixed_om": bills.recomputed_fixed_om,
    "energy": _either(bills.recomputed_energy, "energy"),
    "generation": nodal.recomputed_generation,
    "lost_load": nodal.recomputed_lost_load,
    "rider": _either(bills.recomputed_rider, "rider"),
    "delivery": _either(bills.recomputed_delivery, "delivery"),
    "capacity": _either(bills.recomputed_capacity, "capacity"),
    "collateral": tariffs.recomputed("collateral"),
    "peak_shedding": tariffs.recomputed_peak_shedding,
    "lost_compute": bills.recomputed_lost_compute,
    "study_cost": offer_money.recomputed_study,
    "works_cost": offer_money.recomputed_works,
    "security": offer_money.recomputed_security,
    "rent": offer_money.recomputed_rent,
    "relief_fixed_cost": offer_money.recomputed_relief,
    "call_energy_cost": offer_money.recomputed_calls,
    "upgrade_cost": offer_money.recomputed_upgrades,
    "certificate_cost": footprint_money.recomputed_certificates,
    "carbon_cost": footprint_money.recomputed_carbon,
    "water_cost": footprint_money.recomputed_water,
    "settlement": supply_money.recomputed_settlement,
    "wheeling": supply_money.recomputed_wheeling,
    "forward_premium": supply_money.recomputed_forwards,
    "own_capex": supply_money.recomputed_own,
    "own_upkeep": supply_money.recomputed_upkeep,
    "own_running": supply_money.recomputed_running,
    "store_capex": supply_money.recomputed_cells,
    "store_upkeep": supply_money.recomputed_cells_upkeep,
    "store_wear_cost": supply_money.recomputed_wear,
    "export_revenue": supply_money.recomputed_exports,
    "idle_hardware": capital.recomputed_idle,
    "porting": tokens.recomputed_porting,
    "unserved_penalty": tokens.recomputed_penalty,
    FORGONE: tokens.recomputed_forgone,
}
"""Every cost term and what recomputes it [USD]."""


def _agrees(term: str, e: Evidence) -> Excess:
    """Compare the stored term with the recomputed one, region by region and period by period."""
    return equal_money(e.usd(f"cost_{term}"), RECOMPUTED[term](e))


def _in_case(term: str, e: Evidence) -> bool:
    return term in cost_terms_of(e.case)


for _term in RECOMPUTED:
    _words = specs()[f"cost_{_term}"].long_name
    check(f"cost.{_term}", f"{_words}: as the books say.", "USD", when=partial(_in_case, _term))(
        partial(_agrees, _term)
    )


@check("total.terms", "The plan has exactly the known cost terms.", "1")
def terms(e: Evidence) -> Excess:
    """Compare the names of the cost arrays with those recomputed; a further one would go unchecked."""
    found = {str(n).removeprefix("cost_") for n in e.plan.data_vars if str(n).startswith("cost_")}
    known = cost_terms_of(e.case)
    names = sorted(found | set(known))
    wrong = [float((name in found) != (name in known)) for name in names]
    return Excess(xr.DataArray(wrong, dims="term", coords={"term": names}), 0.5)


def money_usd(e: Evidence, but: tuple[str, ...] = ()) -> float:
    """Add up every recomputed bill of the case [USD]."""
    return math.fsum(float(RECOMPUTED[term](e).sum()) for term in cost_terms_of(e.case) if term not in but)


@check("total.objective", "The objective is what the goal of the case says, recomputed.", "1")
def objective(e: Evidence) -> Excess:
    """Add up every recomputed bill; where the most tokens are asked for, the share served, and a trace of money."""
    wanted = money_usd(e) / 1e6
    if e.case.objective.goal == "most_tokens":
        budget = e.case.budget.present_value_musd or math.nan
        wanted = 1e6 * (tokens.missed_share(e) - 1.0) + 1e3 * wanted / budget
    elif e.case.tradeoff.weights:
        wanted = tradeoff.weighed_musd(e, wanted)
    return Excess(whole_plan(abs(e.number("objective") - wanted)), MONEY_RELATIVE * max(1.0, abs(wanted)))


@check("total.bound", "The proven bound is not above the objective.", "1")
def bound(e: Evidence) -> Excess:
    """Compare bound and objective."""
    stated, limit = e.number("objective"), e.number("bound")
    return Excess(whole_plan(limit - stated), MONEY_RELATIVE * max(1.0, abs(stated)))


@check("budget.present_value_budget", "All costs together stay within the budget.", "USD",
       when=lambda e: e.case.budget.present_value_musd is not None)  # fmt: skip
def present_value_budget(e: Evidence) -> Excess:
    """Add up every recomputed bill but the worth of tokens that are not served."""
    assert e.case.budget.present_value_musd is not None
    spent, limit = money_usd(e, but=(FORGONE,)), 1e6 * e.case.budget.present_value_musd
    return Excess(whole_plan(spent - limit), max(MONEY_USD, MONEY_RELATIVE * limit))


SAME_GAP = 1e-9
"""By how much the stated gap may differ from the one worked out from objective and bound."""


@check("total.gap", "The gap is the distance of objective and bound.", "1")
def gap(e: Evidence) -> Excess:
    """Recompute (objective - bound) / |objective|."""
    stated, limit = e.number("objective"), e.number("bound")
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
