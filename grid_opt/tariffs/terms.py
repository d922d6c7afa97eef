r"""Write a bill as terms: piecewise-linear functions of quantities that are linear, or a maximum, in the load.

A term is one charge in one month. Its quantity is

- :class:`Linear`, :math:`q = \sum_s a_s x_s + c\,C + k`: energy, demand at declared peak hours, contract demand;
- :class:`Highest`, :math:`q = \max(\max_{i, s \in S_i} a_i x_s, c\,C, k)`: demand with ratchet and minimum take;

and its cost the sum over tiers of rate times the part of q within the tier, or, at hourly prices,
:math:`\sum_s a_s \pi_s x_s`. So a linear program that minimizes cost charges the term exactly: q of ``Highest`` is a
variable above each of its candidates, and tiers of rising rates fill themselves in order. :func:`needs_binaries` names
the terms for which that is not so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from grid_opt.tariffs.clock import Calendar, Floats, Ints
from grid_opt.tariffs.periods import Block

Unit = Literal["MWh", "MW", "1"]
Kind = Literal[
    "energy", "indexed", "rider", "demand", "coincident", "capacity", "fixed", "minimum_bill", "collateral", "exit_fee"
]


@dataclass(frozen=True)
class Linear:
    """A weighted sum of the load, a share of the contract demand, and a constant."""

    slots: Ints
    weights: Floats
    contract: float = 0.0
    """Coefficient of the contract demand of ``contract_month``."""
    contract_month: int = 0
    constant: float = 0.0

    def coefficients(self, calendar: Calendar) -> Floats:
        """Return the coefficient of every number of the load."""
        found = np.bincount(calendar.source[self.slots], weights=self.weights, minlength=calendar.size)
        return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class Candidate:
    """Highest load of some slots of a month, times a share."""

    share: float
    month: int
    slots: Ints


@dataclass(frozen=True)
class Highest:
    """The highest of several: shares of the highest loads of months, of the contract demand, and a constant."""

    candidates: tuple[Candidate, ...]
    contract: float = 0.0
    contract_month: int = 0
    constant: float = 0.0


@dataclass(frozen=True)
class Term:
    """One charge of one month."""

    month: int
    schedule: str
    kind: Kind
    charge: str
    part: str
    """Period of the charge, or step of a cash flow."""
    quantity: Linear | Highest
    unit: Unit
    blocks: tuple[Block, ...] = ()
    prices: Floats | None = None
    """USD/MWh of every slot of a linear quantity, instead of tiers."""
    cash: bool = False
    """Whether it is money that comes back (a deposit), and no cost of the month."""
    detail: str = ""


@dataclass(frozen=True)
class LeastBill:
    """The least sum of a month's charges [USD]."""

    month: int
    schedule: str
    charge: str
    usd: float


@dataclass(frozen=True)
class Terms:
    """All that is billed over a calendar."""

    calendar: Calendar
    terms: tuple[Term, ...]
    least: tuple[LeastBill, ...]


def linear(slots: Ints, weights: Floats) -> Linear:
    """Make a weighted sum of the load alone."""
    return Linear(slots, weights)


def constant(amount: float) -> Linear:
    """Make a quantity that is always the same."""
    return Linear(np.zeros(0, dtype=np.int64), np.zeros(0), constant=amount)


def of_contract(share: float, month: int) -> Linear:
    """Make a share of the contract demand of a month."""
    return Linear(np.zeros(0, dtype=np.int64), np.zeros(0), contract=share, contract_month=month)


def needs_binaries(term: Term) -> str | None:
    """Say why a linear program that minimizes cost cannot charge a term exactly, or return ``None`` where it can."""
    if isinstance(term.quantity, Highest) and any(block.usd < 0 for block in term.blocks):
        return "a maximum is paid for: it would be overstated"
    return falling(term.blocks)


def falling(blocks: tuple[Block, ...]) -> str | None:
    """Say that the rates fall from a tier to the next, or return ``None`` where they do not."""
    if any(later.usd < earlier.usd for earlier, later in pairwise(blocks)):
        return "the marginal rate falls from tier to tier: the cost is concave"
    return None


def cost_of_blocks(quantity: float, blocks: tuple[Block, ...]) -> list[tuple[float, float]]:
    """Return the parts of a quantity that fall into each tier, with their rates; a quantity below 0 is in the first."""
    parts, start = [], 0.0
    for number, block in enumerate(blocks):
        part = min(quantity, block.upto) - start
        if part > 0 or number == 0:
            parts.append((part, block.usd))
        start = block.upto if math.isfinite(block.upto) else start
    return parts
