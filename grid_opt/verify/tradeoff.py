"""Check what a trade-off asks of a plan: every criterion measured once more, and its limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from grid_opt.verify import tokens
from grid_opt.verify.check import Excess, at_most, check, not_negative, whole_plan
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.footprint import hours, kept_again, scope2, yearly
from grid_opt.verify.siting import halls_allowed

_OPEN = 0.5


def _asked(e: Evidence) -> list[str]:
    """Return the criteria that the case limits or weighs."""
    named = set(e.case.tradeoff.most) | set(e.case.tradeoff.weights)
    return [name for name in RECOMPUTED if name in named]


def _all_years(e: Evidence, amount: xr.DataArray) -> float:
    """Add up a yearly amount over regions and the calendar years that each year stands for."""
    by_year = amount.sum("region").values.tolist()
    years = [int(label) for label in e.labels("year")]
    return math.fsum(len(e.case.represented_years(y)) * one for y, one in zip(years, by_year, strict=True))


def _carbon_kt(e: Evidence) -> float:
    return _all_years(e, yearly(e, scope2(e, e.case.carbon.ledger) + hours(e).own_t)) / 1000.0


def _carbon_most_kt(e: Evidence) -> float:
    return _all_years(e, e["emitted"]) / 1000.0


def _water(e: Evidence) -> float:
    return _all_years(e, yearly(e, kept_again(e, "water"))) / 1000.0


def _late_mw(e: Evidence) -> xr.DataArray:
    """Return the IT power of the whole halls of the final target less what is in service [MW]."""
    full = e.case.campus.hall_mw * halls_allowed(e, 1.0)
    return (full - e.it_mw.sum("region")).clip(min=0.0)


def _final_sites(e: Evidence) -> dict[str, bool]:
    final = e["site"].sel(quarter=e.last_quarter)
    return {str(r): bool(v > _OPEN) for r, v in zip(e.labels("region"), final.values.tolist(), strict=True)}


def agreements(e: Evidence) -> list[int]:
    """Count, for every reference, the regions with a campus at the end in both it and the plan, or in neither."""
    mine = _final_sites(e)
    return [sum(mine[r] == (r in sites) for r in mine) for sites in e.case.tradeoff.references]


RECOMPUTED: dict[str, Callable[[Evidence], float]] = {
    "carbon": _carbon_kt,
    "tokens": lambda e: 100.0 * tokens.missed_share(e),
    "waiting": lambda e: float(_late_mw(e).sum()),
    "water": _water,
    "concentration": lambda e: float(e.it_mw.sel(quarter=e.last_quarter).max()),
    "alike": lambda e: float(max(agreements(e))),
}
"""Every criterion and what recomputes it, in its unit."""


def weighed_musd(e: Evidence, money_musd: float) -> float:
    """Return the objective of a trade-off: the money and the criteria, recomputed, by their weights [million USD].

    Emissions on a ledger may be stated as more than they are where they weigh nothing; what is stated is weighed.
    """
    weights = e.case.tradeoff.weights
    parts = [weights[name] * _stated(e, name) for name in _asked(e) if name in weights]
    return e.case.tradeoff.cost_weight * money_musd + math.fsum(parts)


def _stated(e: Evidence, name: str) -> float:
    return _carbon_most_kt(e) if name == "carbon" else RECOMPUTED[name](e)


def _in_case(name: str, e: Evidence) -> bool:
    return name in _asked(e)


def _reached(name: str, e: Evidence) -> Excess:
    """Compare what the plan says it comes to with what it comes to."""
    return at_most(whole_plan(RECOMPUTED[name](e)), whole_plan(float(e["reached"].sel(criterion=name))))


not_negative("tradeoff.reached", "No criterion is below zero.", "1", when=lambda e: bool(_asked(e)))
not_negative("tradeoff.late", "No power is late by less than nothing.", "MW", when=partial(_in_case, "waiting"))

for _name, (_meaning, _unit) in {
    "carbon": ("Emissions of all years are no more than stated.", "kt"),
    "tokens": ("The share of all tokens wanted that is not served is no more than stated.", "%"),
    "waiting": ("What is late, all quarters together, is no more than stated.", "MW"),
    "water": ("Water of all years is no more than stated.", "1000 m3"),
    "concentration": ("No region holds more at the end than stated.", "MW"),
    "alike": ("No reference agrees with the sites at the end in more regions than stated.", "1"),
}.items():
    check(f"tradeoff.{_name}", _meaning, _unit, when=partial(_in_case, _name))(partial(_reached, _name))


@check("tradeoff.missing", "What is not in service is late.", "MW", when=partial(_in_case, "waiting"))
def missing(e: Evidence) -> Excess:
    """Compare what is late with the final target less what is in service."""
    return at_most(_late_mw(e), e["late"])


@check("tradeoff.limit", "No more by a criterion than is allowed.", "1",
       when=lambda e: bool(e.case.tradeoff.most))  # fmt: skip
def limit(e: Evidence) -> Excess:
    """Compare every criterion, measured once more, with the most that the case allows."""
    names = [name for name in _asked(e) if name in e.case.tradeoff.most]
    found = np.array([RECOMPUTED[name](e) for name in names])
    most = np.array([e.case.tradeoff.most[name] for name in names])
    return at_most(*(xr.DataArray(values, dims="criterion", coords={"criterion": names}) for values in (found, most)))
