"""Say in words what holds every region back: size, pace, shares, headroom, the network."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.inputs.offers import most_hosted
from grid_opt.plan.explanation import Reason, explanation_of
from grid_opt.plan.summary import BINDING_USD_PER_MW, BUILT_MW
from grid_opt.report import frames
from grid_opt.report.words import plain

_SAME = 1e-6


def by_quarter(plan: xr.Dataset) -> dict[str, list[list[str]]]:
    """Return what binds in every region, one list of sentences for each quarter."""
    quarters = [str(one) for one in plan["quarter"].values]
    found: dict[str, list[list[str]]] = {str(region): [[] for _ in quarters] for region in plan["region"].values}
    for region, at, said in (*_headroom(plan), *_pace(plan)):
        found[region][at].append(said)
    return found


def at_the_end(plan: xr.Dataset) -> dict[str, list[str]]:
    """Return what can be told of every region over the whole plan, as sentences."""
    campus = frames.case_of(plan).campus
    power = frames.it_mw(plan)
    last = frames.last_quarter(plan)
    hosts, first = frames.hostable_mw(plan), first_fit(plan)
    least = max(campus.min_campus_mw, campus.hall_mw)
    region_cap, market_cap = _shares(plan)
    markets = {str(r): str(m) for r, m in zip(plan["region"].values, plan["region_market"].values, strict=True)}
    built = {str(r): float(power.sel(region=r)[-1]) for r in plan["region"].values}
    in_market = {m: sum(mw for r, mw in built.items() if markets[r] == m) for m in set(markets.values())}
    why = _explained(plan)
    found: dict[str, list[str]] = {}
    for region, mw in built.items():
        said = found.setdefault(region, [])
        if mw > BUILT_MW:
            if mw + campus.hall_mw > campus.max_campus_mw + _SAME:
                said.append(f"The campus is as large as one may be: {campus.max_campus_mw:,.0f} MW IT.")
            if mw + campus.hall_mw > region_cap + _SAME:
                said.append(f"It carries the largest share that one region may: {100 * campus.max_region_share:.0f} %.")
            if mw + campus.hall_mw > hosts[region] + _SAME:
                said.append(f"Headroom and offers hold no further hall by {last}.")
        elif hosts[region] + _SAME < least:
            said.append(
                f"No campus fits: headroom and offers hold {hosts[region]:,.0f} MW IT by {last}, "
                f"the smallest campus has {least:,.0f} MW."
            )
        else:
            said.append(
                f"Not chosen: it could hold up to {min(hosts[region], campus.max_campus_mw):,.0f} MW IT by {last}"
                + (f", a smallest campus from {first[region]} on" if first[region] else "")
                + ("." if region in why else "; this plan does better elsewhere.")
            )
        said += why.get(region, [])
        if in_market[markets[region]] + campus.hall_mw > market_cap + _SAME and in_market[markets[region]] > BUILT_MW:
            said.append(f"Its market carries the largest share that one may: {100 * campus.max_market_share:.0f} %.")
    return found


def in_short(plan: xr.Dataset) -> dict[str, str]:
    """Return for every region, in a few sentences, what binds in some quarter and what over the whole plan."""
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    worth: dict[str, list[tuple[int, float]]] = {}
    for region, at, usd in _worth_of_headroom(plan):
        worth.setdefault(region, []).append((at, usd))
    found = {}
    for region, said in at_the_end(plan).items():
        kept = list(said)
        if region in worth:
            when = ", ".join(quarters[at] for at, _ in worth[region])
            most = max(usd for _, usd in worth[region])
            kept.insert(0, f"Headroom binds in {when}; one MW more would save up to ${most:,.0f}.")
        found[region] = " ".join(kept)
    return found


LONGEST = 1200
"""Most characters of what an explanation says of a region."""


def _explained(plan: xr.Dataset) -> dict[str, list[str]]:
    """Return what `grid-opt explain` found of regions, where the plan carries it: what they save, or would cost."""
    found = explanation_of(plan)
    if found is None:
        return {}
    return {one.region: [plain(one.words, LONGEST)] for one in found.reasons if one.words and not _fits_nothing(one)}


def _fits_nothing(reason: Reason) -> bool:
    """Return whether the words would only say again that no campus fits."""
    return reason.state == "impossible" and not reason.chosen and not any(t.amount is not None for t in reason.turns)


def first_fit(plan: xr.Dataset) -> dict[str, str]:
    """Return the first quarter in which headroom and offers hold the smallest campus; empty text where none does."""
    campus = frames.case_of(plan).campus
    least = np.ceil(max(campus.min_campus_mw, campus.hall_mw) / campus.hall_mw - 1e-9) * campus.hall_mw
    enough = (most_hosted(plan) >= least * plan["pue_peak"] * (1 - 1e-9)).transpose("region", "quarter").values
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    return {
        str(region): quarters[int(row.argmax())] if row.any() else ""
        for region, row in zip(plan["region"].values, enough, strict=True)
    }


def _shares(plan: xr.Dataset) -> tuple[float, float]:
    """Return the most IT power that one region, and one market, may carry by their shares of the target [MW]."""
    case = frames.case_of(plan)
    hall_mw, campus = case.campus.hall_mw, case.campus
    left = float(plan["target"].values[-1]) - case.committed_mw(frames.last_quarter(plan))
    if left <= 0:
        return np.inf, np.inf
    halls = np.ceil(left / (hall_mw * case.counted_per_it_mw) - _SAME)
    region, market = (
        hall_mw * float(np.ceil(share * halls - _SAME)) for share in (campus.max_region_share, campus.max_market_share)
    )
    return region, market


def _headroom(plan: xr.Dataset) -> list[tuple[str, int, str]]:
    return [
        (region, at, f"Headroom binds: one MW more would save ${usd:,.0f}.")
        for region, at, usd in _worth_of_headroom(plan)
    ]


def _worth_of_headroom(plan: xr.Dataset) -> list[tuple[str, int, float]]:
    """Return region, number of the quarter, and what one MW more of headroom would save there then [USD]."""
    if "dual_headroom" not in plan:
        return []
    worth = np.nan_to_num(plan["dual_headroom"].transpose("region", "quarter").values)
    regions = [str(region) for region in plan["region"].values]
    return [(regions[r], int(q), float(worth[r, q])) for r, q in np.argwhere(worth > BINDING_USD_PER_MW)]


def _pace(plan: xr.Dataset) -> list[tuple[str, int, str]]:
    most = frames.case_of(plan).campus.max_halls_per_quarter
    halls = plan["halls"].transpose("region", "quarter").values.astype(float)
    new = np.diff(halls, axis=1, prepend=0.0)
    regions = [str(region) for region in plan["region"].values]
    return [
        (regions[r], int(q), f"It grows as fast as one campus may: {most} halls a quarter.")
        for r, q in np.argwhere(new > most - 0.5)
    ]
