r"""Prove, from prices, that no dispatch serves the campuses at less cost.

Energy prices and worths of watched limits that satisfy three conditions prove a dispatch to be the cheapest: no worth
is negative; a limit with a worth is met exactly; and every step below the price at its bus is used in full, every
step above it not at all. The price at a bus is :math:`\lambda - \sum_p \mu_p \Phi_p`, with the effect of the bus
on each watched flow solved for here.

Source: Boyd, Vandenberghe, "Convex Optimization", section 5.5 (complementary slackness).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, check
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books
from grid_opt.verify.nodal import FLOW_MW, flows_of, is_nodal
from grid_opt.verify.power_flow import Numbers, Places, PowerFlow, power_flow

WORTH_USD = 5.0
"""What a condition on a price may be off by, in present value per MW of a slice: HiGHS works in million USD to 1e-7."""
POWER_MW = 1e-4


def _has_prices(e: Evidence) -> bool:
    return is_nodal(e) and all(name in e.plan.variables for name in ("dual_energy", "dual_limit", "local_price"))


def _hours_worth(e: Evidence) -> Numbers:
    """Return the hours of every snapshot times the present value of 1 USD then [h], (snapshot)."""
    books = Books.of(e.case)
    seasons, hours = e["slice_season"].values.astype(int).tolist(), e["slice_weight"].values
    rows = [[books.bill(int(year), season) for season in seasons] * hours for year in e.labels("year")]
    return np.array(rows).ravel()


class _Watched:
    """Watched limits by position, and what each bus does to their flows."""

    def __init__(self, e: Evidence) -> None:
        net = power_flow(e)
        number = {str(one): k for k, one in enumerate(e.labels("branch"))} | {"none": -1}
        self.branch, self.outage = (
            np.array([number[str(one)] for one in e[f"watch_{name}"].values.tolist()], dtype=np.int64)
            for name in ("branch", "outage")
        )
        self.sign = e["watch_sign"].values
        years, slices = e.labels("year"), e.labels("slice")
        self.snapshot = np.array(
            [
                years.index(int(a)) * len(slices) + slices.index(int(s))
                for a, s in zip(e["watch_year"].values.tolist(), e["watch_slice"].values.tolist(), strict=True)
            ],
            dtype=np.int64,
        )
        self._angles(net)

    def _angles(self, net: PowerFlow) -> None:
        named = np.unique(np.concatenate([self.branch, self.outage[self.outage >= 0]])).astype(np.int64)
        angles = net.answer_to(named)  # symmetric: what a bus does to a branch is what the branch does to the bus
        effect = net.susceptance[named][:, None] * angles.T
        own = np.searchsorted(named, self.branch)
        lost = np.searchsorted(named, np.maximum(self.outage, named[:1] if len(named) else 0))
        self.share = np.zeros(len(self.branch))
        out = self.outage >= 0
        through = effect[lost, net.start[self.outage]] - effect[lost, net.end[self.outage]]
        moved = effect[own, net.start[self.outage]] - effect[own, net.end[self.outage]]
        self.share[out] = moved[out] / (1.0 - through[out])
        self.effect = self.sign[:, None] * (effect[own] + self.share[:, None] * effect[lost])

    def flow(self, flows: Numbers) -> Numbers:
        """Return the watched flows in their direction [MW]."""
        lost = flows[np.maximum(self.outage, 0), self.snapshot]
        return np.asarray(self.sign * (flows[self.branch, self.snapshot] + self.share * lost))


def bus_prices(e: Evidence) -> Numbers:
    """Return the price of energy at every bus and snapshot [USD/MWh] from energy prices and the worths of limits."""
    if "bus_prices" not in e.shared:
        watched = _watched(e)
        number = {str(one): k for k, one in enumerate(e.labels("island"))}
        island: Places = np.array([number[str(one)] for one in e["bus_island"].values.tolist()], dtype=np.int64)
        energy = e["dual_energy"].values.reshape(len(number), -1)[island]
        congestion = np.zeros(energy.shape)
        np.add.at(congestion.T, watched.snapshot, watched.effect * e["dual_limit"].values[:, None])
        e.shared["bus_prices"] = energy - congestion
    found: Numbers = e.shared["bus_prices"]
    return found


def _watched(e: Evidence) -> _Watched:
    if "watched" not in e.shared:
        e.shared["watched"] = _Watched(e)
    found: _Watched = e.shared["watched"]
    return found


def _snapshots(e: Evidence, values: Numbers, dim: str) -> xr.DataArray:
    shape = (e.plan.sizes[dim], e.plan.sizes["year"], e.plan.sizes["slice"])
    coords = {name: e.plan[name].values for name in (dim, "year", "slice")}
    return xr.DataArray(np.broadcast_to(values, (shape[0], shape[1] * shape[2])).reshape(shape), coords=coords,
                        dims=(dim, "year", "slice"))  # fmt: skip


@check("nodal.local_price", "Local prices are the price of energy less what the bus adds to limits that cost money.",
       "USD/MWh", when=_has_prices)  # fmt: skip
def local_price(e: Evidence) -> Excess:
    """Add up, for every candidate, what it does to each watched limit times the limit's worth."""
    place = {str(one): k for k, one in enumerate(e.labels("bus"))}
    again = bus_prices(e)[[place[str(one)] for one in e.labels("region")]]
    found = e["local_price"]
    apart = found.copy(data=abs(found.values - again.reshape(found.shape)))
    return Excess(apart, _snapshots(e, WORTH_USD / _hours_worth(e)[None, :], "region"))


@check("nodal.watch_limit", "A watched limit is the rating, or the flow without campuses if that is more.", "MW",
       when=is_nodal)  # fmt: skip
def watch_limit(e: Evidence) -> Excess:
    """Compare every watched limit with the rating of its branch and with the flow in the dispatch without campuses."""
    watched, net = _watched(e), power_flow(e)
    rating = np.where(watched.sign > 0, net.high[watched.branch], -net.low[watched.branch])
    rating = rating * np.where(watched.outage >= 0, e.case.nodal.outage_rating, 1.0)
    again = np.maximum(rating, watched.flow(flows_of(e).before))
    return Excess(abs(e["watch_limit"] - again), FLOW_MW)


@check("nodal.limit_worth", "A limit that is worth something is met, and none is worth less than nothing.", "USD/MWh",
       when=_has_prices)  # fmt: skip
def limit_worth(e: Evidence) -> Excess:
    """Compare every watched flow with its limit; where there is room, the worth must be nothing."""
    watched, worth = _watched(e), e["dual_limit"]
    room = e["watch_limit"].values - watched.flow(flows_of(e).now)
    wrong = np.where(room > FLOW_MW, np.abs(worth.values), -worth.values)
    allowed = WORTH_USD / _hours_worth(e)[watched.snapshot]
    return Excess(worth.copy(data=wrong), worth.copy(data=allowed))


@check("nodal.merit_order", "Every step below the price at its bus is used in full, every dearer one not at all.",
       "USD/MWh", when=_has_prices)  # fmt: skip
def merit_order(e: Evidence) -> Excess:
    """Compare the cost of every step with the price at its bus; a step in part use must cost just that."""
    place = {str(one): k for k, one in enumerate(e.labels("bus"))}
    price = bus_prices(e)[[place[str(one)] for one in e["step_bus"].values.tolist()]]
    used = e["dispatch"].values.reshape(price.shape)
    available = np.repeat(e["step_available"].values[:, None, :], e.plan.sizes["year"], axis=1).reshape(price.shape)
    gain = price - e["step_cost"].values[:, None]
    left_out = np.where(available - used > POWER_MW, gain, -np.inf)
    too_dear = np.where(used > POWER_MW, -gain, -np.inf)
    wrong = np.maximum(left_out, too_dear)
    return Excess(_snapshots(e, wrong, "step"), _snapshots(e, WORTH_USD / _hours_worth(e)[None, :], "step"))


@check("nodal.shedding", "Load is shed only where energy costs what its loss is worth.", "USD/MWh", when=_has_prices)
def shedding(e: Evidence) -> Excess:
    """Compare the mean price of an area's load with the value of lost load."""
    price, load = bus_prices(e), e["bus_load"].values
    areas = e["bus_area"].values.astype(str)
    labels = [str(one) for one in e.labels("area")]
    mean = np.zeros((len(labels), price.shape[1]))
    for k, one in enumerate(labels):
        mine = areas == one
        mean[k] = load[mine] @ price[mine] / max(float(load[mine].sum()), POWER_MW)
    used = e["shed"].values.reshape(mean.shape)
    gain = mean - e.case.nodal.value_of_lost_load_usd_per_mwh
    whole = used >= existing(e, labels, areas) - POWER_MW
    wrong = np.maximum(np.where(whole, -np.inf, gain), np.where(used > POWER_MW, -gain, -np.inf))
    return Excess(_snapshots(e, wrong, "area"), _snapshots(e, WORTH_USD / _hours_worth(e)[None, :], "area"))


def existing(e: Evidence, labels: list[str], areas: Any) -> Numbers:
    """Return the load of every area [MW], (area, snapshot)."""
    peak = np.array([e["bus_load"].values[areas == one].sum() for one in labels])
    return np.asarray(peak[:, None] * e["area_factor"].values.reshape(len(labels), -1))
