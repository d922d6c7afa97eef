"""Check the dispatch of a network and its lines: balance, flows, outages, and that no dispatch is cheaper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, none_of, stack
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books
from grid_opt.verify.power_flow import Numbers, PowerFlow, existing_load, power_flow, put_in

FLOW_MW = 2e-3
"""By how much a flow may exceed its limit: what HiGHS's tolerances of thousands of injections add up to."""
MOST_RESOLVED = 1_000_000
"""Buses times outages up to which every outage is solved again; above it, those of the watched limits are."""


def is_nodal(e: Evidence) -> bool:
    """Whether campuses stand at the buses of a network."""
    return e.case.is_nodal


def has_outages(e: Evidence) -> bool:
    """Whether outages are part of the case."""
    return is_nodal(e) and e.case.nodal.n_1


def _within(e: Evidence, name: str, most: xr.DataArray) -> Excess:
    value = e[name]
    most = most.broadcast_like(value).transpose(*value.dims)
    return stack(at_most(-value, 0.0), at_most(value, most))


def _both(now: Excess, before: Excess) -> Excess:
    """Join what was found of the plan's dispatch with what was found of the one without campuses."""
    return stack(now, before, "dispatch", ("with campuses", "without"))


@check("nodal.dispatch", "No step gives more than is available, or less than nothing.", "MW", when=is_nodal)
def dispatch(e: Evidence) -> Excess:
    """Compare every step with what is available, with campuses and without."""
    available = e["step_available"]
    return _both(_within(e, "dispatch", available), _within(e, "base_dispatch", available))


@check("nodal.shed", "No more existing load is shed than there is.", "MW", when=is_nodal)
def shed(e: Evidence) -> Excess:
    """Compare what is shed with the load of the area, with campuses and without."""
    load = e["shed"].copy(data=_by_area(e))
    return _both(_within(e, "shed", load), _within(e, "base_shed", load))


def _by_area(e: Evidence) -> Numbers:
    """Return the load of every area [MW], (area, year, slice), bus by bus."""
    total = {str(one): 0.0 for one in e.labels("area")}
    for area, mw in zip(e["bus_area"].values.tolist(), e["bus_load"].values.tolist(), strict=True):
        total[str(area)] += mw
    peak = np.array([total[str(one)] for one in e.labels("area")])
    return np.asarray(peak[:, None, None] * e["area_factor"].values)


@check("nodal.balance", "In every island generation meets what is drawn.", "MW", when=is_nodal)
def balance(e: Evidence) -> Excess:
    """Add up what is put in at all buses of an island, with campuses and without."""
    return _both(_unbalanced(e, *PLANS[0]), _unbalanced(e, *PLANS[1]))


PLANS = (("dispatch", "shed", True), ("base_dispatch", "base_shed", False))
"""The dispatch of the plan and the one without campuses: arrays, and whether campuses draw."""


def _unbalanced(e: Evidence, made: str, cut: str, campuses: bool) -> Excess:
    net, load = put_in(e, made, cut, campuses=campuses), existing_load(e)
    islands = e["bus_island"].values.astype(str)
    names = [str(one) for one in e.labels("island")]
    left = np.array([net[islands == one].sum(axis=0) for one in names])
    size = np.array([np.abs(load[islands == one]).sum(axis=0) for one in names])
    found = _by_snapshot(e, left, "island", names)
    return equal(found, 0.0, found.copy(data=size.reshape(found.shape)))


def _by_snapshot(e: Evidence, values: Numbers, dim: str, labels: list[str]) -> xr.DataArray:
    shape = (len(labels), e.plan.sizes["year"], e.plan.sizes["slice"])
    coords = {dim: labels, "year": e.plan["year"].values, "slice": e.plan["slice"].values}
    return xr.DataArray(values.reshape(shape), coords=coords, dims=(dim, "year", "slice"))


@dataclass(frozen=True)
class Flows:
    """What is put in at the buses and the flows that it causes, with campuses and without."""

    net: PowerFlow
    put_in: Numbers
    put_in_before: Numbers
    now: Numbers
    before: Numbers


def flows_of(e: Evidence) -> Flows:
    """Return the flows of the plan, solved once for all checks."""
    if "flows" not in e.shared:
        net = power_flow(e)
        now, before = (put_in(e, made, cut, campuses=campuses) for made, cut, campuses in PLANS)
        e.shared["flows"] = Flows(net, now, before, net.flows(now), net.flows(before))
    found: Flows = e.shared["flows"]
    return found


def _beyond(net: PowerFlow, now: Numbers, before: Numbers, rating: float) -> Numbers:
    """Return by how much flows are beyond their limits, or beyond what they were without campuses, if that is more."""
    low, high = net.limits(rating)
    return np.maximum(now - np.maximum(high, before), np.minimum(low, before) - now)


@check("nodal.within_limit", "Every branch is within its limits, or not further over them than without campuses.",
       "MW", when=is_nodal)  # fmt: skip
def within_limit(e: Evidence) -> Excess:
    """Solve for the angles of every hour and compare the flow of every branch with its limits."""
    flows = flows_of(e)
    over = _beyond(flows.net, flows.now, flows.before, 1.0)
    return Excess(_by_snapshot(e, over, "branch", [str(one) for one in e.labels("branch")]), FLOW_MW)


@check(
    "nodal.outages", "So it is after the outage of any branch that leaves the network whole.", "MW", when=has_outages
)
def outages(e: Evidence) -> Excess:
    """Shift every outaged branch's flow to the others, and look at the worst of them, for every outage and hour."""
    flows, names = flows_of(e), [str(one) for one in e.labels("branch")]
    low, high = flows.net.limits(e.case.nodal.outage_rating)
    worst = np.full((len(names), flows.now.shape[1]), -np.inf)
    for out, share in flows.net.shares():
        for hour in range(flows.now.shape[1]):
            now = share * flows.now[out, hour]
            now += flows.now[:, [hour]]
            over = np.maximum(now - high, low - now)
            over[out, np.arange(len(out))] = -np.inf  # the outaged branch carries nothing
            for branch, k in np.argwhere(over > FLOW_MW).tolist():  # few: those over their limits without campuses too
                before = flows.before[branch, hour] + share[branch, k] * flows.before[out[k], hour]
                over[branch, k] = max(
                    now[branch, k] - max(high[branch, 0], before), min(low[branch, 0], before) - now[branch, k]
                )
            worst[out, hour] = over.max(axis=0, initial=-np.inf)
    looked_at = np.isfinite(worst).any(axis=1)
    kept = [name for name, one in zip(names, looked_at, strict=True) if one]
    return Excess(_by_snapshot(e, worst[looked_at], "branch", kept).rename(branch="outage"), FLOW_MW)


@check("nodal.outages_solved", "Flows after an outage are those of the network solved without the branch.", "MW",
       when=has_outages)  # fmt: skip
def outages_solved(e: Evidence) -> Excess:
    """Take branches out, solve the network that is left, and compare every flow with its limits.

    In networks where buses times outages are a million at most, every outage in every hour; else the outages of watched
    limits, each in the hours in which it is watched and in that of its largest flow.
    """
    flows, rating = flows_of(e), e.case.nodal.outage_rating
    names = [str(one) for one in e.labels("branch")]
    places, worst = [], []
    for k, hours in _hours_solved(e, flows, names).items():
        if flows.net.cuts(k):
            continue
        both = flows.net.without(k, np.hstack([flows.put_in[:, hours], flows.put_in_before[:, hours]]))
        now, before = np.hsplit(both, 2)
        over = _beyond(flows.net, now, before, rating)
        over[k] = -np.inf
        places.append(f"{names[k]} in the worst of {len(hours)} hours")
        worst.append(float(over.max()))
    return Excess(xr.DataArray(worst, dims="outage", coords={"outage": places}), FLOW_MW)


def _hours_solved(e: Evidence, flows: Flows, names: list[str]) -> dict[int, list[int]]:
    """Return the outages that are solved again, and the snapshots of each."""
    count = flows.now.shape[1]
    if len(names) * len(flows.net.buses) <= MOST_RESOLVED:
        return {k: list(range(count)) for k in range(len(names))}
    number = {name: k for k, name in enumerate(names)}
    years, slices = e.labels("year"), e.labels("slice")
    rows = (e[f"watch_{name}"].values.tolist() for name in ("outage", "year", "slice"))
    found: dict[int, set[int]] = {}
    for outage, year, slice_ in zip(*rows, strict=True):
        if str(outage) in number:
            snapshot = years.index(int(year)) * len(slices) + slices.index(int(slice_))
            found.setdefault(number[str(outage)], set()).add(snapshot)
    return {k: sorted(hours | {int(np.abs(flows.now[k]).argmax())}) for k, hours in found.items()}


@check("nodal.watch", "Watched limits are those of branches of the network, in hours of the plan.", "1", when=is_nodal)
def watch(e: Evidence) -> Excess:
    """Count the rows that name what is not there, or that look at a branch after its own outage."""
    branches = {str(one) for one in e.labels("branch")}
    rows = zip(*(e[f"watch_{name}"].values.tolist() for name in ("branch", "outage", "sign", "year", "slice")),
               strict=True)  # fmt: skip
    wrong = [
        float(
            str(branch) not in branches or str(outage) not in branches | {"none"} or branch == outage
            or sign not in (1, -1) or int(year) not in e.labels("year") or int(slice_) not in e.labels("slice")
        )
        for branch, outage, sign, year, slice_ in rows
    ]  # fmt: skip
    return none_of(xr.DataArray(np.array(wrong) > 0, dims="watch", coords={"watch": e.plan["watch"]}))


def recomputed(e: Evidence, hourly_usd: Callable[[str], Numbers], now: str, before: str) -> xr.DataArray:
    """Return the present value of an hourly cost [USD/h] (year, slice), above that without campuses, by year [USD]."""
    books = Books.of(e.case)
    more = hourly_usd(now) - hourly_usd(before)
    hours, seasons = e["slice_weight"].values, e["slice_season"].values.astype(int)
    totals = [
        sum(
            books.bill(int(year), season) * float(np.sum((more[a] * hours)[seasons == season]))
            for season in (1, 2, 3, 4)
        )
        for a, year in enumerate(e.labels("year"))
    ]
    return xr.DataArray(totals, coords={"year": e.plan["year"]}, dims=("year",))


def recomputed_generation(e: Evidence) -> xr.DataArray:
    """Return the cost of generation above that of the dispatch without campuses [USD], (year)."""
    cost = e["step_cost"].values[:, None, None]
    return recomputed(e, lambda name: np.asarray((e[name].values * cost).sum(axis=0)), "dispatch", "base_dispatch")


def recomputed_lost_load(e: Evidence) -> xr.DataArray:
    """Return the worth of the load lost above that without campuses [USD], (year)."""
    value = e.case.nodal.value_of_lost_load_usd_per_mwh
    return recomputed(e, lambda name: np.asarray(value * e[name].values.sum(axis=0)), "shed", "base_shed")
