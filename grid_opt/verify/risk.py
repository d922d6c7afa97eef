"""Recompute a stochastic study from its files alone: the plans of its scenarios, what they share, how it is weighed.

Every plan is verified by itself as any plan is; the checks of this table are of what joins them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from grid_opt.plan.stochastic import open_stochastic
from grid_opt.verify import risk_stage  # noqa: F401 - enters its checks
from grid_opt.verify.check import MONEY_RELATIVE, Excess, Report, none_of
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.risk_study import (
    FOLDERS,
    KEPT,
    MUSD,
    PLANS,
    RISK_CHECKS,
    STUDY,
    WAITS,
    by_plan,
    check,
    costs_in,
    names_of,
    of_each,
    plans_of,
    read_plans,
)


def verify_stochastic(folder: str | Path, case_folder: str | Path | None = None) -> Report:
    """Run every check on the folder of a stochastic study, and all checks of a plan on each of its plans.

    ``case_folder`` is where the files of the base case are; by default where they were, seen from the folder.

    Raises: InputError when the file of the study is missing or damaged. What is wrong in it is found, not raised.
    """
    here = Path(folder)
    table = open_stochastic(here)
    place = Path(case_folder) if case_folder is not None else here / str(table.attrs.get("case_folder", "."))
    evidence = Evidence(table, compare_tables=False, from_file=True)
    warnings: list[str] = []
    evidence.shared[STUDY] = read_plans(here, table, place, warnings)
    return Report(tuple(RISK_CHECKS[name](evidence) for name in sorted(RISK_CHECKS)), tuple(warnings))


def _money(stated: xr.DataArray, wanted: xr.DataArray) -> Excess:
    """Ask for two amounts [million USD] to agree to one part in a million; infinite ones to be so both."""
    same = np.isinf(stated.values) & (stated.values == wanted.values)
    with np.errstate(invalid="ignore"):
        off = np.where(same, 0.0, np.abs(stated.values - wanted.values))
    size = np.where(np.isfinite(wanted.values), np.maximum(1.0, np.abs(wanted.values)), 1.0)
    return Excess(wanted.copy(data=off), wanted.copy(data=MONEY_RELATIVE * size))


@check("study.plans", "Every plan that the study names is there, as it was written.", "1")
def plans(e: Evidence) -> Excess:
    """Compare digests; the scenarios themselves must all have a plan."""
    missing = {f"{PLANS}/{name}": 1.0 for name in names_of(e) if name not in plans_of(e).of[PLANS]}
    missing |= {f"{WAITS}/{name}": 1.0 for name in names_of(e) if name not in plans_of(e).of[WAITS]}
    return none_of(by_plan({**plans_of(e).changed, **missing}))


@check("study.verified", "Every plan passes its own verification.", "1")
def verified(e: Evidence) -> Excess:
    """Count the checks that fail in each plan."""
    return Excess(by_plan(plans_of(e).failed), 0.5)


@check("study.one_case", "All plans of a scenario are of the same case and inputs.", "1")
def one_case(e: Evidence) -> Excess:
    """Compare what the plans say that they were made from."""
    found = {}
    for name in names_of(e):
        made = {
            (str(plan.attrs.get("case_toml")), str(plan.attrs.get("inputs_sha256")))
            for folder in FOLDERS
            for plan in [plans_of(e).of[folder].get(name)]
            if plan is not None
        }
        found[name] = float(len(made) > 1)
    return none_of(by_plan(found))


@check("risk.probability", "Probabilities are above zero and add up to one.", "1")
def probability(e: Evidence) -> Excess:
    """Add them up."""
    p = e["probability"]
    wrong = of_each(e, np.where(p.values > 0, 0.0, 1.0).tolist())
    total = abs(float(p.sum()) - 1.0)
    return Excess(xr.concat([wrong, of_each(e, [total] * p.size)], dim="rule"), 1e-6)


def _weights(e: Evidence) -> tuple[float, float]:
    return e.number("weight"), e.number("confidence")


def _tail(costs: xr.DataArray, p: xr.DataArray, confidence: float) -> float:
    """Return the least of Rockafellar and Uryasev's function over the costs, one of which is always a minimum."""
    if not np.isfinite(costs.values).all():
        return math.inf
    beyond = np.maximum(0.0, costs.values[None, :] - costs.values[:, None])
    return float((costs.values + beyond @ p.values / (1.0 - confidence)).min())


def _weighed(e: Evidence, values: Sequence[float]) -> float:
    weight, confidence = _weights(e)
    costs, p = of_each(e, values), e["probability"]
    mean = math.fsum((p * costs).values.tolist())
    if weight == 0.0 or not math.isfinite(mean):
        return mean
    return (1.0 - weight) * mean + weight * _tail(costs, p, confidence)


def _value(e: Evidence, name: str) -> xr.DataArray:
    return xr.DataArray(float(e[name]))


for _name, _folder, _words in (
    ("cost", PLANS, "with the stochastic first stage"), (WAITS, WAITS, "by itself"),
    ("kept", KEPT, "with the reference's first stage"),
):  # fmt: skip

    def _stated(e: Evidence, name: str = _name, folder: str = _folder) -> Excess:
        return _money(e[name], of_each(e, costs_in(e, folder)))

    check(f"risk.{_name}", f"A scenario {_words} costs what its plan adds up to.", MUSD)(_stated)


@check("risk.proven", "What is proven of a scenario is what its plans say, and no more than they cost.", MUSD)
def proven(e: Evidence) -> Excess:
    """Compare bounds with those of the plans, and with the costs of every plan of the scenario."""
    rows = []
    for name, folder in (("wait_and_see_bound", WAITS), ("kept_bound", KEPT)):
        for scenario in names_of(e):
            stated, plan = float(e[name].sel(scenario=scenario)), plans_of(e).of[folder].get(scenario)
            said = stated if plan is None else float(plan.attrs["bound"])
            cost = costs_in(e, PLANS if folder == WAITS else KEPT)[names_of(e).index(scenario)]
            size = max(1.0, abs(said)) if math.isfinite(said) else 1.0
            off = 0.0 if stated == said else abs(stated - said) / size
            rows.append(max(off, 0.0 if plan is None else (stated - cost) / size))
    return Excess(xr.DataArray(rows, dims="row"), MONEY_RELATIVE)


@check("risk.expected_cost", "The expected cost is the mean of the scenarios' costs.", MUSD)
def expected_cost(e: Evidence) -> Excess:
    """Weigh costs by probabilities."""
    return _money(
        _value(e, "expected_cost"), xr.DataArray(float((e["probability"] * of_each(e, costs_in(e, PLANS))).sum()))
    )


@check("risk.tail", "The conditional value at risk is the mean cost of the worst scenarios.", MUSD)
def tail(e: Evidence) -> Excess:
    """Minimize Rockafellar and Uryasev's function by trying every cost."""
    costs = of_each(e, costs_in(e, PLANS))
    return _money(_value(e, "tail_cost"), xr.DataArray(_tail(costs, e["probability"], _weights(e)[1])))


@check("risk.at_risk", "The scenarios stay within the value at risk with the confidence, and not within less.", "1")
def at_risk(e: Evidence) -> Excess:
    """Add up the probability of costs up to the value at risk, and of costs below it."""
    costs, p, at = np.array(costs_in(e, PLANS)), e["probability"].values, float(e["value_at_risk"])
    room = MONEY_RELATIVE * max(1.0, abs(at))
    confidence = _weights(e)[1]
    within, below = float(p[costs <= at + room].sum()), float(p[costs < at - room].sum())
    return Excess(xr.DataArray([confidence - within, below - confidence], dims="side"), 1e-9)


@check("risk.objective", "The objective is expected cost and conditional value at risk by their weights.", MUSD)
def objective(e: Evidence) -> Excess:
    """Weigh the scenarios' costs."""
    return _money(_value(e, "objective"), xr.DataArray(_weighed(e, costs_in(e, PLANS))))


@check("risk.bound", "The proven bound is not above the objective.", MUSD)
def bound(e: Evidence) -> Excess:
    """Compare bound and objective."""
    stated, limit = float(e["objective"]), float(e["bound"])
    return Excess(xr.DataArray(limit - stated), MONEY_RELATIVE * max(1.0, abs(stated)))


@check("risk.vss", "The value of the stochastic solution is what keeping the reference costs more.", MUSD)
def vss(e: Evidence) -> Excess:
    """Weigh the costs and bounds of the plans that keep the reference's first stage, and take the difference."""
    kept, least = _weighed(e, costs_in(e, KEPT)), _least(e, "kept_bound")
    mine, limit = float(e["objective"]), float(e["bound"])
    return _interval(e, "vss", (kept - mine, max(0.0, least - mine), kept - limit))


@check("risk.evpi", "The value of perfect information is what the scenarios cost less if they are known.", MUSD)
def evpi(e: Evidence) -> Excess:
    """Weigh the costs and bounds of the scenarios by themselves, and take the difference."""
    waits, least = _weighed(e, costs_in(e, WAITS)), _least(e, "wait_and_see_bound")
    mine, limit = float(e["objective"]), float(e["bound"])
    return _interval(e, "evpi", (mine - waits, max(0.0, limit - waits), mine - least))


def _least(e: Evidence, name: str) -> float:
    bounds = e[name].values.tolist()
    return -math.inf if -math.inf in bounds else _weighed(e, bounds)


def _interval(e: Evidence, name: str, wanted: tuple[float, float, float]) -> Excess:
    sides = [float(e[n]) for n in (name, f"{name}_least", f"{name}_most")]
    labels = {"side": ["value", "least", "most"]}
    found = _money(*(xr.DataArray(list(v), coords=labels, dims="side") for v in (sides, wanted)))
    size = max(1.0, abs(float(e["objective"])))  # a difference of large amounts carries their rounding
    return Excess(found.amount, 2 * MONEY_RELATIVE * size)


@check("risk.it_mw", "The IT power of the study is that of its plans.", "MW")
def it_mw(e: Evidence) -> Excess:
    """Multiply halls by their size."""
    rows = []
    for folder in (PLANS, WAITS):
        for name, plan in plans_of(e).of[folder].items():
            own = Evidence(plan, compare_tables=False)
            stated = e[f"{folder}_it_mw"].sel(scenario=name).drop_vars("scenario")
            rows.append(
                float(abs(stated.transpose("region", "quarter") - own.it_mw.transpose("region", "quarter")).max())
            )
    return Excess(xr.DataArray(rows, dims="plan"), 1e-6)
