r"""Solve the DC power flow of a plan's network from its arrays alone: angles by a sparse solve, nothing of the model's.

With the susceptances on the diagonal of b and the incidence A, angles solve
:math:`A^\top b A\,\theta = P + A^\top b\,\varphi` with one angle of every island set to zero, and flows are
:math:`f = b\,(A\theta - \varphi)`. An outage is a network without that branch, solved again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from grid_opt.verify.evidence import Evidence

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_AT_ONCE = 128
_CUT = 1e-9
"""What is left of a transfer between the ends of a branch, other than by the branch, below which its outage cuts."""
_DOUBTFUL = 1e-3
"""Below this the network's parts are counted to tell."""
NO_LIMIT_MW = 1e6


class PowerFlow:
    """The network of a plan, factorised once; flows are (branch, snapshot), snapshots year by year."""

    def __init__(self, e: Evidence) -> None:
        self.buses = [str(one) for one in e.labels("bus")]
        place = {name: k for k, name in enumerate(self.buses)}
        self.start = np.array([place[str(b)] for b in e["branch_from"].values.tolist()], dtype=np.int64)
        self.end = np.array([place[str(b)] for b in e["branch_to"].values.tolist()], dtype=np.int64)
        self.susceptance, self.shift = e["branch_susceptance"].values, e["branch_shift"].values
        self.high, self.low = e["branch_high"].values, e["branch_low"].values
        islands = e["bus_island"].values.astype(str).tolist()
        self.free = np.array([k for k, name in enumerate(self.buses) if name != islands[k]], dtype=np.int64)
        count = len(self.start)
        row = np.arange(count)
        self.ends = sp.csr_array(
            (np.concatenate([np.ones(count), -np.ones(count)]),
             (np.concatenate([row, row]), np.concatenate([self.start, self.end]))),
            shape=(count, len(self.buses)),
        )  # fmt: skip
        self._whole = self._factors(np.ones(count, dtype=bool))

    def _factors(self, alive: npt.NDArray[np.bool_]) -> Any:
        weight = np.where(alive, self.susceptance, 0.0)
        matrix = sp.csc_array(self.ends.T @ sp.diags_array(weight) @ self.ends)[self.free][:, self.free]
        if len(self.free) == 0:
            return None
        return splu(sp.csc_array(matrix), permc_spec="MMD_AT_PLUS_A")

    def _flows(self, factors: Any, alive: npt.NDArray[np.bool_], put_in: Numbers) -> Numbers:
        weight = np.where(alive, self.susceptance, 0.0)[:, None]
        pushed = weight * self.shift[:, None]
        angles = np.zeros(put_in.shape)
        if factors is not None:
            angles[self.free] = factors.solve(np.ascontiguousarray((put_in + self.ends.T @ pushed)[self.free]))
        return np.asarray(weight * (self.ends @ angles) - pushed)

    def limits(self, rating: float) -> tuple[Numbers, Numbers]:
        """Return the least and largest flow of every branch, its ratings times a factor, (branch, 1)."""
        high = np.where(self.high >= NO_LIMIT_MW, np.inf, rating * self.high)
        low = np.where(self.low <= -NO_LIMIT_MW, -np.inf, rating * self.low)
        return low[:, None], high[:, None]

    def flows(self, put_in: Numbers) -> Numbers:
        """Return the flows that injections (bus, snapshot) cause."""
        return self._flows(self._whole, np.ones(len(self.start), dtype=bool), put_in)

    def without(self, branch: int, put_in: Numbers) -> Numbers:
        """Return the flows once a branch is out, by solving the network that is left."""
        alive = np.ones(len(self.start), dtype=bool)
        alive[branch] = False
        return self._flows(self._factors(alive), alive, put_in)

    def answer_to(self, branches: Places) -> Numbers:
        """Return the angles (bus, branch) when 1 MW is sent from each branch's start to its end."""
        sent = np.zeros((len(self.buses), len(branches)))
        sent[self.start[branches], np.arange(len(branches))] = 1.0
        sent[self.end[branches], np.arange(len(branches))] -= 1.0
        angles = np.zeros(sent.shape)
        if self._whole is not None:
            angles[self.free] = self._whole.solve(np.ascontiguousarray(sent[self.free]))
        return angles

    def cuts(self, branch: int) -> bool:
        """Whether the network is in more parts without the branch than with it."""
        alive = np.arange(len(self.start)) != branch
        return self._parts(alive) > self._parts(np.ones(len(self.start), dtype=bool))

    def _parts(self, alive: npt.NDArray[np.bool_]) -> int:
        shape = (len(self.buses), len(self.buses))
        joined = sp.coo_array((np.ones(int(alive.sum())), (self.start[alive], self.end[alive])), shape=shape)
        return int(connected_components(joined, directed=False)[0])

    def shares(self) -> Iterator[tuple[Places, Numbers]]:
        """Return, outage by outage, the share of its flow that each branch takes over: (outages, (branch, outage)).

        1 MW more sent between the ends of the outaged branch, of which it carries p itself, makes it carry nothing when
        1 / (1 - p) times its flow is sent. Outages that cut the network in two are left out.
        """
        for first in range(0, len(self.start), _AT_ONCE):
            outages = np.arange(first, min(first + _AT_ONCE, len(self.start)))
            moved = self.susceptance[:, None] * (self.ends @ self.answer_to(outages))
            left = 1.0 - moved[outages, np.arange(len(outages))]
            doubtful = np.abs(left) < _DOUBTFUL
            kept = np.array([not (doubt and self.cuts(int(k))) for k, doubt in zip(outages, doubtful, strict=True)])
            kept &= np.abs(left) > _CUT
            share = moved[:, kept] / left[kept]
            share[outages[kept], np.arange(int(kept.sum()))] = 0.0
            yield outages[kept], share


def power_flow(e: Evidence) -> PowerFlow:
    """Return the network of the plan, made ready once for all checks."""
    if "power_flow" not in e.shared:
        e.shared["power_flow"] = PowerFlow(e)
    found: PowerFlow = e.shared["power_flow"]
    return found


def existing_load(e: Evidence) -> Numbers:
    """Return the load of every bus before any of it is shed [MW], (bus, snapshot), shunts left out."""
    factor = e["area_factor"].values.reshape(e.plan.sizes["area"], -1)
    return np.asarray(e["bus_load"].values[:, None] * factor[_areas(e)])


def _areas(e: Evidence) -> Places:
    number = {str(one): k for k, one in enumerate(e.labels("area"))}
    return np.array([number[str(one)] for one in e["bus_area"].values.tolist()], dtype=np.int64)


def put_in(e: Evidence, dispatch: str, shed: str, *, campuses: bool) -> Numbers:
    """Return what generation puts in at every bus, less what is drawn there [MW], (bus, snapshot)."""
    place = {str(one): k for k, one in enumerate(e.labels("bus"))}
    load = existing_load(e)
    area = _areas(e)
    total = np.zeros((e.plan.sizes["area"], load.shape[1]))
    np.add.at(total, area, load)
    cut = e[shed].values.reshape(e.plan.sizes["area"], -1)
    served = 1.0 - np.divide(cut, total, out=np.zeros_like(total), where=total != 0)
    found = -load * served[area] - e["bus_shunt"].values[:, None]
    for bus, mw in zip(e["step_bus"].values.tolist(), e[dispatch].values.reshape(-1, load.shape[1]), strict=True):
        found[place[str(bus)]] += mw
    if campuses:
        for region, mw in zip(e.labels("region"), e["purchase"].values.reshape(-1, load.shape[1]), strict=True):
            found[place[str(region)]] -= mw
    return np.asarray(found)
