"""Examine one region: first by the relaxation, then by solving again, then for what would turn the decision."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from grid_opt.inputs.offers import most_hosted
from grid_opt.plan.explanation import Method, Reason, Turn
from grid_opt.solve.whatif import Side
from grid_opt.study.explain.asker import Asker, Relaxed
from grid_opt.study.explain.levers import LEVERS, UNITS, Change, Lever, counts_from
from grid_opt.study.explain.turning import Found, first_guess, mean_price, scale_of, turning_point
from grid_opt.study.explain.words import explain, finite, turn_words

_SOLVE_SHARE, _ESTIMATE_SHARE = 0.6, 0.5
"""Shares of a region's time: for solving again; and, of what is then left, for estimates before they are checked."""


_TIGHT = 1e-4
"""Gap up to which a plan that was not found better is one that is not."""


@dataclass(frozen=True)
class Bound:
    """What the relaxation says of a region: its reason so far, and what solving again can start from."""

    reason: Reason
    relaxed: Relaxed
    relaxed_plan: float


def bound(asker: Asker, region: str) -> Bound:
    """Examine a region by the relaxation alone."""
    base = asker.relaxed_plan
    began, known = time.monotonic(), asker.known
    chosen = region in known.sites
    side: Side = "out" if chosen else "in"
    relaxed = asker.relax(region, side)
    reason = _blank(asker, region, chosen)
    if math.isinf(relaxed.objective):
        reason = replace(reason, state="impossible", method="relaxation")
    elif math.isfinite(relaxed.objective) and math.isfinite(base):
        reason = replace(
            reason, state="priced", method="relaxation", at_least=max(0.0, relaxed.objective - known.objective),
            estimate=max(0.0, relaxed.objective - base),
        )  # fmt: skip
    reason = replace(reason, seconds=time.monotonic() - began)
    return Bound(replace(reason, words=explain(reason, known.unit)), relaxed, base)


def _blank(asker: Asker, region: str, chosen: bool) -> Reason:
    plan, campus = asker.known.plan, asker.case.campus
    hosted = most_hosted(plan).sel(region=region).transpose("quarter").values / float(
        plan["pue_peak"].sel(region=region)
    )
    halls = np.floor(hosted / campus.hall_mw + 1e-9) * campus.hall_mw
    least = math.ceil(max(campus.min_campus_mw, campus.hall_mw) / campus.hall_mw - 1e-9) * campus.hall_mw
    fits = np.flatnonzero(halls >= least - 1e-6)
    return Reason(
        region=region, name=str(plan["region_name"].sel(region=region).values),
        market=str(plan["region_market"].sel(region=region).values), chosen=chosen, state="not known",
        method="not known", first_fit=str(plan["quarter"].values[fits[0]]) if len(fits) else "",
        hosted_mw=float(hosted[-1]), least_mw=float(least),
    )  # fmt: skip


def examine(asker: Asker, known: Bound, seconds: float, *, again: bool = True) -> Reason:
    """Examine a region by solving again, and for a region not chosen by trying what would turn that.

    Without ``again`` nothing is solved again, and what would turn the decision is an estimate.
    """
    began = time.monotonic()
    reason = known.reason
    if again and reason.state != "impossible":
        reason = _solved(asker, known, _SOLVE_SHARE * seconds if not reason.chosen else seconds)
    if not reason.chosen:
        each = _shared(began + seconds)
        turns = tuple(_turn(asker, known, reason, lever, left, again=again) for lever, left in each)
        reason = replace(reason, turns=turns)
    reason = replace(reason, seconds=known.reason.seconds + time.monotonic() - began)
    return replace(reason, words=explain(reason, asker.known.unit))


def _solved(asker: Asker, known: Bound, seconds: float) -> Reason:
    """Return the reason with what solving again found: a plan, a better bound, or that there is none."""
    reason, told = known.reason, asker.known
    side: Side = "out" if reason.chosen else "in"
    least = max(known.relaxed.objective if math.isfinite(known.relaxed.objective) else -math.inf, told.bound)
    found = asker.solve_again(reason.region, side, asker.near(known.relaxed), least, seconds)
    answer = found.answer
    if answer.status == "infeasible":
        return replace(reason, state="impossible", method="re-solved", at_least=None, estimate=None)
    floor = finite(max(answer.bound, least))
    at_least = None if floor is None else max(0.0, floor - told.objective)
    if answer.x is None:
        return replace(reason, at_least=at_least)
    most = max(0.0, answer.objective - told.bound)
    method: Method = "re-solved" if answer.status == "optimal" else "re-solved, gap open"
    return replace(
        reason, state="priced", method=method, difference=answer.objective - told.objective,
        at_least=None if at_least is None else min(at_least, most), at_most=most,
        it_mw_changes=found.it_mw_changes, cost_changes_musd=found.cost_changes_musd,
    )  # fmt: skip


def _shared(end: float) -> list[tuple[Lever, float]]:
    """Return the levers, each with the moment by which it must be done: they share the time that is left."""
    now = time.monotonic()
    each = max(0.0, end - now) / len(LEVERS)
    return [(lever, now + each * (n + 1)) for n, lever in enumerate(LEVERS)]


def _turn(asker: Asker, known: Bound, reason: Reason, lever: Lever, end: float, *, again: bool) -> Turn:
    """Find the amount of a lever at which the region wins: in the relaxation first, then by solving again."""
    case, world = asker.case, asker.base.world
    scale, now = scale_of(lever, case, world, reason.region), mean_price(world, reason.region)
    near, region = asker.near(known.relaxed), reason.region

    def relaxed(amount: float) -> float:
        left = end - time.monotonic()
        if asker.stopped:
            return math.nan
        return asker.relax_changed(Change(lever, region, amount), near, left).objective

    def solved(amount: float) -> float:
        left = end - time.monotonic()
        if asker.stopped:
            return math.nan
        change = Change(lever, region, amount)
        found = asker.solve_again(region, "in", near, -math.inf, left, change, enough=asker.known.objective)
        if found.answer.status == "infeasible":
            return math.inf
        return found.answer.objective if found.answer.x is not None else math.nan

    half = time.monotonic() + (_ESTIMATE_SHARE if again else 1.0) * (end - time.monotonic())
    guess = first_guess(lever, case)
    first = turning_point(relaxed, known.relaxed_plan, scale, half, guess, at_zero=known.relaxed.objective)
    found, method = first, _how(first, "relaxation")
    if again and (reason.state == "impossible" or reason.difference is not None) and first.known:
        zero = math.inf if reason.difference is None else asker.known.objective + reason.difference
        second = turning_point(solved, asker.known.objective, scale, end, first.amount or scale.most, at_zero=zero)
        exact = case.solve.gap <= _TIGHT
        if second.known and (exact or second.amount is not None):  # within a wide gap, not found is not "none"
            found, method = replace(second, smallest=second.smallest and exact), "re-solved"
    since = counts_from(case, world, region) or case.quarters[-1]
    words = turn_words(lever, found.amount, found.tried, method, found.smallest, now, since)
    return Turn(lever, UNITS[lever], found.amount, found.tried, method, found.smallest, words)


def _how(found: Found, method: Method) -> Method:
    return method if found.known else "not known"
