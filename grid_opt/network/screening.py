r"""Find every branch over its limit, in the base case and after every single outage, without trying all pairs.

After the outage of branch k, branch l carries :math:`f_l + d_{lk} f_k` with the LODF d. Only the entries of at least
:data:`SMALL` are kept. Any other cannot move a flow by more than ``SMALL`` times the largest flow, and only one branch
is out; so a branch that is further than that from its limit needs only the entries kept, and the few that are nearer
have their whole row looked at. Nothing is left out, and memory stays that of a sparse matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from grid_opt.network.elements import Numbers, Places
from grid_opt.network.factors import BLOCK, Factors

SMALL = 1e-3
NO_OUTAGE = -1
_SINGULAR = 1e-9
VIOLATED_MW = 1e-4
"""Limits exceeded by less are met: the accuracy of flows that are sums over thousands of injections."""


@dataclass(frozen=True)
class Pairs:
    """Limits of a branch in one direction after an outage (-1: none), each in one snapshot; arrays (pair,).

    ``sign`` is 1 for the limit from start to end, -1 for the other way; ``limit_mw`` is of the flow in that direction.
    """

    branch: Places
    outage: Places
    sign: Places
    snapshot: Places
    limit_mw: Numbers
    over_mw: Numbers

    def __len__(self) -> int:
        return len(self.branch)

    def keys(self) -> list[tuple[int, int, int, int]]:
        """Return (branch, outage, sign, snapshot) of every pair."""
        columns = (self.branch, self.outage, self.sign, self.snapshot)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def combine(self, flow: Numbers, share: Numbers) -> Numbers:
        """Return what the pairs make of numbers (branch, ...), ``share`` being their LODF: (pair, ...)."""
        found = flow[self.branch] + share[:, None] * flow[np.maximum(self.outage, 0)]
        return np.asarray(self.sign[:, None] * found)

    def in_snapshot(self, flow: Numbers, share: Numbers) -> Numbers:
        """Return the pairs' flows in their direction [MW] (pair,), of flows (branch, snapshot)."""
        lost = flow[np.maximum(self.outage, 0), self.snapshot]
        return np.asarray(self.sign * (flow[self.branch, self.snapshot] + share * lost))

    def take(self, which: Places) -> Pairs:
        """Return some of the pairs."""
        return Pairs(
            self.branch[which], self.outage[which], self.sign[which], self.snapshot[which], self.limit_mw[which],
            self.over_mw[which],
        )  # fmt: skip


def join(parts: list[Pairs]) -> Pairs:
    """Return pairs one after another."""
    names = ("branch", "outage", "sign", "snapshot", "limit_mw", "over_mw")
    if not parts:
        none, numbers = np.zeros(0, dtype=np.int64), np.zeros(0)
        return Pairs(none, none, none, none, numbers, numbers)
    return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass
class Screen:
    """Limits of the branches of a network, and what every outage that leaves it connected does to them.

    ``outage_rating`` multiplies the limits after an outage. Without ``n_1`` there are no outages.
    """

    factors: Factors
    n_1: bool = True
    outage_rating: float = 1.0
    _rows: dict[int, Numbers] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        lines = self.factors.lines
        self._limit = np.stack([lines.high_mw, -lines.low_mw])  # (direction, branch)

    @cached_property
    def outages(self) -> Places:
        """The outages that are looked at: every branch but the bridges."""
        if not self.n_1:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(~self.factors.is_bridge & (np.abs(self._remaining) > _SINGULAR))

    @cached_property
    def _large(self) -> sp.coo_array:
        """The entries of the LODF that are looked at for every branch."""
        count = len(self.factors.net.branches)
        rows, columns, values = [], [], []
        for first in range(0, len(self.outages), BLOCK):
            part = self.outages[first : first + BLOCK]
            block = self.factors.lodf_columns(part)
            block[part, np.arange(len(part))] = 0.0  # the outaged branch carries nothing
            at = np.nonzero(np.abs(block) >= SMALL)
            rows.append(at[0])
            columns.append(part[at[1]])
            values.append(block[at])
        none = [np.zeros(0, dtype=np.int64)]
        place = (np.concatenate(rows or none), np.concatenate(columns or none))
        return sp.coo_array((np.concatenate(values or [np.zeros(0)]), place), shape=(count, count))

    @cached_property
    def _remaining(self) -> Numbers:
        r""":math:`1 - \psi_{kk}` (branch,): what of a transfer between a branch's ends goes another way."""
        count = len(self.factors.net.branches)
        found = np.ones(count)
        for first in range(0, count, BLOCK):
            part = np.arange(first, min(first + BLOCK, count))
            found[part] = 1.0 - self.factors.transfers(part)[part, np.arange(len(part))]
        return found

    def whole_row(self, branch: int) -> Numbers:
        """Return the LODF of a branch for every outage (branch,), 0 for itself and for bridges."""
        if branch not in self._rows:
            moved = self.factors.incidence @ self.factors.ptdf_rows(np.array([branch]))[0]
            row = np.zeros(len(moved))
            row[self.outages] = moved[self.outages] / self._remaining[self.outages]
            row[branch] = 0.0
            self._rows[branch] = row
        return self._rows[branch]

    def rating(self, branch: Places, outage: Places, sign: Places) -> Numbers:
        """Return the limits of pairs in their direction [MW] (pair,)."""
        limit = self._limit[np.where(sign > 0, 0, 1), branch]
        return np.asarray(limit * np.where(outage >= 0, self.outage_rating, 1.0))

    def lodf(self, branch: Places, outage: Places) -> Numbers:
        """Return the LODF of pairs (pair,), 0 where there is no outage."""
        found = [0.0 if k < 0 else self.whole_row(b)[k] for b, k in zip(branch.tolist(), outage.tolist(), strict=True)]
        return np.array(found, dtype=float)

    def violated(self, flow_mw: Numbers, before_mw: Numbers | None = None) -> Pairs:
        """Return the worst violated pair of every branch, direction and snapshot at flows (branch, snapshot).

        Where a flow ``before_mw`` was over the limit already, that flow is the limit: it may stay, and not grow.
        """
        parts = []
        for snapshot in range(flow_mw.shape[1]):
            before = None if before_mw is None else before_mw[:, snapshot]
            parts += self._in_snapshot(flow_mw[:, snapshot], before, snapshot)
        return join(parts)

    def _in_snapshot(self, flow: Numbers, before: Numbers | None, snapshot: int) -> list[Pairs]:
        reach = SMALL * float(np.abs(flow).max(initial=0.0))
        large, parts = self._large, []
        moved = flow[large.row] + large.data * flow[large.col]
        for direction, sign in enumerate((1, -1)):
            limit = self._limit[direction]
            after = limit * self.outage_rating
            own = np.arange(len(flow))
            groups = [self._over(own, np.full(len(flow), NO_OUTAGE), np.zeros(len(flow)), sign, flow, before)]
            if self.n_1:
                near = np.flatnonzero(sign * flow + reach > after)
                at = np.flatnonzero(sign * moved > after[large.row])
                groups.append(self._over(large.row[at], large.col[at], large.data[at], sign, flow, before))
                for branch in near.tolist():
                    row = self.whole_row(branch)
                    mine = np.full(len(self.outages), branch)
                    groups.append(self._over(mine, self.outages, row[self.outages], sign, flow, before))
            found = _worst_of_each(groups)
            if found is not None:
                ones = np.ones(len(found[0]), dtype=np.int64)
                parts.append(Pairs(found[0], found[1], sign * ones, snapshot * ones, found[2], found[3]))
        return parts

    def _over(
        self, branch: Places, outage: Places, share: Numbers, sign: int, flow: Numbers, before: Numbers | None
    ) -> tuple[Places, Places, Numbers, Numbers]:
        """Return branch, outage, limit and excess of those pairs that are over their limit."""
        lost = np.maximum(outage, 0)
        limit = self.rating(branch, outage, np.full(len(branch), sign))
        if before is not None:
            limit = np.maximum(limit, sign * (before[branch] + share * before[lost]))
        over = sign * (flow[branch] + share * flow[lost]) - limit
        at = np.flatnonzero((over > VIOLATED_MW) & (branch != outage))
        return branch[at], outage[at], limit[at], over[at]


def _worst_of_each(
    groups: list[tuple[Places, Places, Numbers, Numbers]],
) -> tuple[Places, Places, Numbers, Numbers] | None:
    """Return, of all pairs over their limit, the worst one of every branch."""
    branch, outage, limit, over = (np.concatenate([group[k] for group in groups]) for k in range(4))
    if len(branch) == 0:
        return None
    order = np.lexsort((outage, -over, branch))
    first = order[np.unique(branch[order], return_index=True)[1]]
    return branch[first].astype(np.int64), outage[first].astype(np.int64), limit[first], over[first]
