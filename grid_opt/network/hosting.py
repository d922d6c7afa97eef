r"""Say how much new load the network carries at each bus, by a fast and safe bound.

**Hosting capacity** of a bus is the largest new load there, and nowhere else, at which all other load is still served,
by redispatch of generators and DC lines within their limits, with every branch within its limits. With ``n_1`` also
every branch after the outage of any single other branch, at the same dispatch (preventive security), against the same
limits. Outages of bridges, which cut the network in two, are not looked at. Nor are pairs of branch and outage that
are over their limit already in the cheapest dispatch without new load; they are counted.

This module bounds it from below without a linear program per bus: from the cheapest dispatch, generators of the bus's
island take up the new load in proportion to the room they have left, :math:`\alpha_g \propto \overline P_g - p_g`.
Every flow is then linear in the load, :math:`f_l + d\,(\sum_g \alpha_g H_{l,n(g)} - H_{l,n})` with the PTDF H, and the
largest d follows from one division per limit. What it finds can be carried; better redispatch may carry more. The exact
answer is :mod:`grid_opt.solve.hosting`'s. From above, the bus's own branches and the room of the island bound it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grid_opt.network.elements import DcLines, Generators, Numbers, Places
from grid_opt.network.factors import BLOCK, Factors
from grid_opt.network.islands import find_islands

TOLERANCE_MW = 1e-6
"""Limits that are exceeded by less are met: the accuracy of the dispatch that HiGHS returns."""
_NONE = -1
_CHUNK = 20_000
"""Pairs of branch and outage that are compared at once; times a block of buses they take 20 MB."""


@dataclass(frozen=True)
class Base:
    """The dispatch [MW] (generator,) from which new load is served, its flows [MW] (branch,) and DC flows."""

    dispatch_mw: Numbers
    flow_mw: Numbers
    dc_mw: Numbers


@dataclass
class Bounds:
    """Hosting found so far [MW] (bus,), and what limits it: a branch, an outage (-1: none), or neither (generation)."""

    mw: Numbers
    branch: Places
    outage: Places

    def raise_to(self, other: Bounds, buses: Places) -> None:
        """Take over larger numbers of other bounds from below, at the first of these buses and so on."""
        more = other.mw > self.mw[buses]
        at = buses[more]
        self.mw[at], self.branch[at], self.outage[at] = other.mw[more], other.branch[more], other.outage[more]

    def lower(self, buses: Places, mw: Numbers, branch: Places, outage: Places) -> None:
        """Take over smaller numbers at these buses."""
        less = mw < self.mw[buses]
        at = buses[less]
        self.mw[at], self.branch[at], self.outage[at] = np.maximum(mw[less], 0.0), branch[less], outage[less]


@dataclass(frozen=True)
class Pairs:
    """Pairs of a branch and an outage, with the share of the outaged flow that the branch takes over."""

    branch: Places
    outage: Places
    share: Numbers

    def __len__(self) -> int:
        return len(self.branch)


def room_mw(factors: Factors, base: Base) -> Numbers:
    """Return what the generators of a bus's island can still raise [MW] (bus,)."""
    net = factors.net
    of_bus = find_islands(net).of_bus
    left = np.maximum(net.generators.p_max_mw - base.dispatch_mw, 0.0)
    return np.asarray(np.bincount(of_bus[net.generators.bus], weights=left, minlength=of_bus.max() + 1)[of_bus])


def at_most_mw(factors: Factors) -> Numbers:
    """Return what the bus's own generators, branches and DC lines can bring it at most, less its load [MW] (bus,)."""
    net, lines = factors.net, factors.lines
    count = len(net.buses)
    into = (
        (net.branches.end, lines.high_mw), (net.branches.start, -lines.low_mw),
        (net.generators.bus, net.generators.p_max_mw),
        (net.dc_lines.end, (1 - net.dc_lines.loss_fraction) * net.dc_lines.p_max_mw - net.dc_lines.loss_mw),
        (net.dc_lines.start, -net.dc_lines.p_min_mw),
    )  # fmt: skip
    found = -net.demand_mw
    for place, most in into:
        found = found + np.bincount(place, weights=most, minlength=count)
    supply = np.sum(net.generators.p_max_mw) - np.sum(net.demand_mw)
    return np.maximum(np.minimum(found, supply), 0.0)


def slopes(factors: Factors, base: Base) -> Iterator[tuple[Places, Numbers]]:
    """Return how flows answer to new load at a bus, by blocks: (buses, (branch, bus) [1])."""
    net = factors.net
    of_bus = find_islands(net).of_bus
    left = np.maximum(net.generators.p_max_mw - base.dispatch_mw, 0.0)
    island = of_bus[net.generators.bus]
    total = np.bincount(island, weights=left, minlength=of_bus.max() + 1)
    made = np.zeros((len(net.buses), len(total)))
    np.add.at(made, (net.generators.bus, island), left / np.where(total > 0, total, 1.0)[island])
    raised = factors.respond(made)  # (branch, island)
    for first in range(0, len(net.buses), BLOCK):
        buses = np.arange(first, min(first + BLOCK, len(net.buses)))
        yield buses, raised[:, of_bus[buses]] - factors.ptdf_columns(buses)


def bound_hosting(factors: Factors, base: Base) -> Bounds:
    """Return the bound without outages."""
    count = len(factors.net.buses)
    found = Bounds(room_mw(factors, base), np.full(count, _NONE), np.full(count, _NONE))
    low, high = factors.lines.low_mw, factors.lines.high_mw
    branch = np.arange(len(low))
    for buses, slope in slopes(factors, base):
        _tighten(found, buses, base.flow_mw, slope, (low, high), (branch, np.full(len(branch), _NONE)))
    return found


def follow_pattern(factors: Factors, base: Base, solved: Base, bus: int, mw: float, others: Places) -> Bounds:
    """Return what other buses of the island host if the redispatch that serves one bus serves them; without outages.

    From the dispatch ``base`` to ``solved`` generators and DC lines take up ``mw`` of new load at ``bus``. Per MW of
    load at another bus they do the same, and the flows differ by what the load's own place makes of it. The answer has
    one entry per bus of ``others``.
    """
    net = factors.net
    slope = ((solved.flow_mw - base.flow_mw) / mw + factors.ptdf_columns(np.array([bus]))[:, 0])[:, None]
    room = min(
        _furthest(base.dispatch_mw, (solved.dispatch_mw - base.dispatch_mw) / mw, net.generators),
        _furthest(base.dc_mw, (solved.dc_mw - base.dc_mw) / mw, net.dc_lines),
    )
    count, branch = len(others), np.arange(len(slope))
    found = Bounds(np.full(count, room), np.full(count, _NONE), np.full(count, _NONE))
    limits = factors.lines.low_mw, factors.lines.high_mw
    names = branch, np.full(len(branch), _NONE)
    _tighten(found, np.arange(count), base.flow_mw, slope - factors.ptdf_columns(others), limits, names)
    return found


def _furthest(now: Numbers, step: Numbers, limits: Generators | DcLines) -> float:
    """Return how many steps these elements can go within their limits."""
    left = np.where(step > 0, limits.p_max_mw - now, now - limits.p_min_mw)
    moving = np.abs(step) > TOLERANCE_MW
    steps = np.maximum(left[moving], 0.0) / np.abs(step[moving])
    return float(steps.min(initial=np.inf))


def bound_hosting_n_1(factors: Factors, base: Base, without: Bounds) -> tuple[Bounds, int]:
    """Return the bound with every outage that is no bridge, and how many pairs are over their limit already.

    First the worst pair of every outage is brought within its limit at every bus, then every pair that can still be
    over its limit at some bus. Which can is decided by intervals: with the least and largest flow of each branch over
    all buses at their present bound, a pair whose interval stays within the limits holds everywhere.
    """
    found = Bounds(without.mw.copy(), without.branch.copy(), without.outage.copy())
    _apply(factors, base, found, _suspects(factors, base, _reach(factors, base, found), worst_only=True)[0])
    pairs, already = _suspects(factors, base, _reach(factors, base, found), worst_only=False)
    _apply(factors, base, found, pairs)
    return found, already


def _reach(factors: Factors, base: Base, found: Bounds) -> tuple[Numbers, Numbers]:
    """Return the least and the largest flow of every branch over all buses, each with its load as found so far."""
    low, high = base.flow_mw.copy(), base.flow_mw.copy()
    for buses, slope in slopes(factors, base):
        change = slope * found.mw[buses]
        np.minimum(low, base.flow_mw + change.min(axis=1), out=low)
        np.maximum(high, base.flow_mw + change.max(axis=1), out=high)
    return low, high


def _suspects(factors: Factors, base: Base, reach: tuple[Numbers, Numbers], *, worst_only: bool) -> tuple[Pairs, int]:
    """Return the pairs that may be over their limit at some bus, and how many are over it without new load."""
    least, most = reach
    low, high = factors.lines.low_mw - TOLERANCE_MW, factors.lines.high_mw + TOLERANCE_MW
    parts, already = [], 0
    for outages, share in factors.lodf_blocks():
        kept = ~np.isnan(share[0])
        outages, share = outages[kept], share[:, kept]  # noqa: PLW2901 -- bridges are left out
        if len(outages) == 0:
            continue
        now = base.flow_mw[:, None] + share * base.flow_mw[outages]
        sound = (now >= low[:, None]) & (now <= high[:, None])
        sound[outages, np.arange(len(outages))] = True  # the outaged branch carries nothing
        already += int((~sound).sum())
        ends = share * least[outages], share * most[outages]
        over = np.maximum(
            most[:, None] + np.maximum(*ends) - high[:, None], low[:, None] - least[:, None] - np.minimum(*ends)
        )
        over[~sound] = -np.inf
        over[outages, np.arange(len(outages))] = -np.inf
        if worst_only:
            row, column = over.argmax(axis=0), np.arange(len(outages))
            chosen = over[row, column] > 0
            row, column = row[chosen], column[chosen]
        else:
            row, column = np.nonzero(over > 0)
        parts.append(Pairs(row, outages[column], share[row, column]))
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Pairs(none, none, np.zeros(0)), already
    return Pairs(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("branch", "outage", "share"))), already


def _apply(factors: Factors, base: Base, found: Bounds, pairs: Pairs) -> None:
    """Lower the bounds until these pairs are within their limits at every bus."""
    now = base.flow_mw[pairs.branch] + pairs.share * base.flow_mw[pairs.outage]
    low, high = factors.lines.low_mw[pairs.branch], factors.lines.high_mw[pairs.branch]
    for buses, slope in slopes(factors, base):
        for first in range(0, len(pairs), _CHUNK):
            part = slice(first, first + _CHUNK)
            moved = slope[pairs.branch[part]] + pairs.share[part, None] * slope[pairs.outage[part]]
            _tighten(found, buses, now[part], moved, (low[part], high[part]), (pairs.branch[part], pairs.outage[part]))


def _tighten(
    found: Bounds, buses: Places, flow: Numbers, slope: Numbers, limits: tuple[Numbers, Numbers],
    names: tuple[Places, Places],
) -> None:  # fmt: skip
    """Lower the bounds of some buses to where the first of these flows meets its limit."""
    if len(flow) == 0:
        return
    low, high = limits
    up, down = np.maximum(high - flow, 0.0)[:, None], np.maximum(flow - low, 0.0)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(slope > 0, up, down) / np.abs(slope)
    most[np.abs(slope) < 1e-12] = np.inf  # the branch does not feel this load
    worst = most.argmin(axis=0)
    found.lower(buses, most[worst, np.arange(len(buses))], names[0][worst], names[1][worst])
