"""Solve the dispatch of a small network by another road: dense matrices, every outage written out, scipy's LP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lines:
    """Branches of a network of ``buses`` by position."""

    buses: int
    start: list[int]
    end: list[int]
    x: Numbers
    limit: Numbers

    @classmethod
    def of(cls, tables: dict[str, Any]) -> Lines:
        """Read them off the tables of a MATPOWER case whose buses are numbered from 1; a rating of 0 is none."""
        rows = tables["branch"]
        rate = np.array([row[5] for row in rows], dtype=float)
        return cls(
            len(tables["bus"]), [row[0] - 1 for row in rows], [row[1] - 1 for row in rows],
            np.array([row[3] for row in rows], dtype=float), np.where(rate == 0, np.inf, rate),
        )  # fmt: skip

    def spread(self, out: int | None) -> Numbers:
        """Return the flow on every branch per MW put in at every bus, with a branch out, by a pseudo-inverse."""
        count = len(self.x)
        ends = np.zeros((count, self.buses))
        ends[range(count), self.start] = 1.0
        ends[range(count), self.end] = -1.0
        b = 100.0 / self.x
        if out is not None:
            b[out] = 0.0
        return np.asarray(b[:, None] * (ends @ np.linalg.pinv(ends.T @ (b[:, None] * ends))))

    def states(self, n_1: bool) -> list[int | None]:
        """Return the base case, and every outage that leaves each bus joined to the first."""
        return [None, *(k for k in range(len(self.x)) if n_1 and self._joined(k))]

    def _joined(self, out: int) -> bool:
        seen = {0}
        for _ in range(self.buses):
            for k, (i, j) in enumerate(zip(self.start, self.end, strict=True)):
                if k != out and (i in seen or j in seen):
                    seen |= {i, j}
        return len(seen) == self.buses


@dataclass(frozen=True)
class Hour:
    """What an hour asks of the network: load (bus,), a generator's most (generator,), its (from, to, USD/MWh)."""

    load: Numbers
    at: list[int]
    most: Numbers
    steps: list[list[tuple[float, float, float]]]
    lost: float


def cheapest(
    lines: Lines, spreads: list[tuple[float, Numbers]], hour: Hour, draws: list[tuple[int, float, float, float, float]]
) -> float:
    """Return the least cost of an hour [USD/h], infinite where it cannot be served.

    ``spreads`` are, for the base case and every outage, the factor on limits and the flows per MW at every bus.
    ``draws`` are (bus, IT MW wanted, MW per IT MW, largest share shed, USD per MWh of IT shed).
    """
    offers = [
        (at, max(min(to, most) - start, 0.0), cost)
        for at, most, mine in zip(hour.at, hour.most, hour.steps, strict=True)
        for start, to, cost in mine
    ]
    total = float(hour.load.sum())
    place = np.zeros((lines.buses, len(offers) + 1 + len(draws)))
    for k, (at, _, _) in enumerate(offers):
        place[at, k] = 1.0
    place[:, len(offers)] = hour.load / total  # everybody loses the same share
    base = -hour.load.copy()
    for k, (bus, wanted, per, _, _) in enumerate(draws):
        place[bus, len(offers) + 1 + k] = per
        base[bus] -= wanted * per
    cost = [c for _, _, c in offers] + [hour.lost] + [worth for *_, worth in draws]
    upper = [mw for _, mw, _ in offers] + [total] + [share * wanted for _, wanted, _, share, _ in draws]
    known = np.isfinite(lines.limit)
    left = [sign * (flow @ place)[known] for _, flow in spreads for sign in (1.0, -1.0)]
    right = [
        rating * lines.limit[known] - sign * (flow @ base)[known] for rating, flow in spreads for sign in (1.0, -1.0)
    ]
    found = linprog(
        cost, A_ub=np.vstack(left), b_ub=np.concatenate(right), A_eq=[place.sum(axis=0)], b_eq=[-base.sum()],
        bounds=list(zip([0.0] * len(upper), upper, strict=True)),
    )  # fmt: skip
    return float(found.fun) if found.status == 0 else float("inf")
