r"""Cut the cost of every generator into steps of constant cost per MWh, the way power is offered to a market.

A convex cost :math:`c(p)` becomes the line through its values at :math:`0 = e_0 < e_1 < \dots < e_K = \overline p`:
the step from :math:`e_{k-1}` to :math:`e_k` costs :math:`(c(e_k) - c(e_{k-1})) / (e_k - e_{k-1})` per MWh. It is exact
at the ends of the steps, and between them above a square by at most a quarter of :math:`c_2` times the step squared. As
costs rise from step to step, a linear program fills them in order. The cost of standing by, :math:`c(0)`, is the same
whatever the dispatch and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from grid_opt.errors import InputError
from grid_opt.network.elements import Costs, Numbers, Places, Topology

_LEAST_MW = 1e-6


@dataclass(frozen=True)
class Offers:
    """Steps (offer,): whose they are, from which MW of the generator's output, how wide [MW], at what cost [USD/MWh].

    ``curvature_usd_per_h`` is the most by which the steps overstate the cost of all generators together.
    """

    generator: Places
    start_mw: Numbers
    width_mw: Numbers
    usd_per_mwh: Numbers
    curvature_usd_per_h: float


def offers_of(net: Topology, steps: int) -> Offers:
    """Return the steps of every generator of an active network; a curved cost has ``steps`` of equal size.

    Generators without a maximum above zero offer nothing. A minimum above zero is not held: a linear program does not
    switch generators off. Errors: InputError for a minimum below zero.
    """
    low, high = net.generators.p_min_mw, net.generators.p_max_mw
    if (low < 0).any():
        at = int(np.argmax(low < 0))
        raise InputError(
            f"generator {net.generators.name[at]} can draw power", file=net.source, field="p_min_mw",
            value=float(low[at]), expected="at least 0 MW in a network for siting",
            fix="give what it draws as load of its bus",
        )  # fmt: skip
    costs = net.generator_costs
    rows = [
        (unit, start, end)
        for unit in np.flatnonzero(high > _LEAST_MW).tolist()
        for start, end in _steps(costs, unit, float(high[unit]), steps)
    ]
    unit = np.array([row[0] for row in rows], dtype=np.int64)
    start, end = (np.array([row[k] for row in rows], dtype=float) for k in (1, 2))
    rise = _values(costs, unit, end) - _values(costs, unit, start)
    bent = costs.quadratic[unit, 2] * (end - start) ** 2 / 4
    return Offers(unit, start, end - start, rise / (end - start), float(bent.sum()))


def _steps(costs: Costs, unit: int, high: float, steps: int) -> list[tuple[float, float]]:
    """Return the ends of one generator's steps: equal ones under a square, and the kinks between lines."""
    ends = {0.0, high}
    if costs.quadratic[unit, 2] != 0:
        ends |= set(np.linspace(0.0, high, steps + 1).tolist())
    mine = costs.line_of == unit
    ends |= {kink for kink in _kinks(costs.line_at_zero[mine], costs.line_slope[mine]) if 0 < kink < high}
    ordered = sorted(ends)
    kept = [ordered[0]]
    for end in ordered[1:]:
        if end - kept[-1] > _LEAST_MW or end == high:
            kept.append(end)
    return list(pairwise(kept))


def _kinks(at_zero: Numbers, slope: Numbers) -> list[float]:
    """Return where one line of a convex piecewise cost takes over from the one before it."""
    order = np.argsort(slope, kind="stable")
    a, b = at_zero[order], slope[order]
    rising = np.diff(b) > 0
    found: list[float] = (-np.diff(a)[rising] / np.diff(b)[rising]).tolist()
    return found


def _values(costs: Costs, unit: Places, power: Numbers) -> Numbers:
    """Return the cost of the named generators at their powers [USD/h]."""
    smooth = costs.quadratic[unit, 0] + power * (costs.quadratic[unit, 1] + power * costs.quadratic[unit, 2])
    lined = np.zeros(len(unit))
    for row, (one, p) in enumerate(zip(unit.tolist(), power.tolist(), strict=True)):
        mine = np.flatnonzero(costs.line_of == one)
        if len(mine):
            lined[row] = float(np.max(costs.line_at_zero[mine] + costs.line_slope[mine] * p))
    return np.asarray(smooth + lined)
