"""Weigh the costs of scenarios: their mean, the value at risk, and the mean of the tail beyond it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Measure:
    """How the costs of scenarios are weighed: ``weight`` on the tail of 1 - ``confidence``, the rest on the mean."""

    probabilities: tuple[float, ...]
    weight: float
    confidence: float

    def expected(self, costs: Sequence[float]) -> float:
        """Return the mean cost."""
        return math.fsum(p * c for p, c in zip(self.probabilities, costs, strict=True))

    def value_at_risk(self, costs: Sequence[float]) -> float:
        """Return the least cost that the scenarios stay within with the confidence."""
        reached = 0.0
        for cost, p in sorted(zip(costs, self.probabilities, strict=True)):
            reached += p
            if reached >= self.confidence - _ROUNDING:
                return cost
        return max(costs)

    def tail(self, costs: Sequence[float]) -> float:
        """Return the conditional value at risk: the mean cost of the worst 1 - confidence of the probability."""
        at = self.value_at_risk(costs)
        beyond = math.fsum(p * max(0.0, c - at) for p, c in zip(self.probabilities, costs, strict=True))
        return at + beyond / (1.0 - self.confidence)

    def __call__(self, costs: Sequence[float]) -> float:
        """Return the weighed cost: what a stochastic plan minimizes."""
        if self.weight == 0.0 or not all(map(math.isfinite, costs)):
            return self.expected(costs)
        return (1.0 - self.weight) * self.expected(costs) + self.weight * self.tail(costs)
