"""Tell which plans are on a front: those that no other one beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from grid_opt.errors import SolverError

Floats = npt.NDArray[np.float64]

SAME = 1e-6
"""Relative difference below which two values of a criterion are the same."""


def no_worse(one: Floats, other: Floats) -> npt.NDArray[np.bool_]:
    """Return, value by value, whether one is at most the other, but for rounding."""
    return np.asarray(one <= other + SAME * np.maximum(1.0, abs(other)))


def dominates(one: Floats, other: Floats) -> bool:
    """Return whether one point is no worse by any criterion and better by some; less is better."""
    return bool(no_worse(one, other).all() and not no_worse(other, one).all())


def on_front(values: Floats) -> npt.NDArray[np.bool_]:
    """Return which points (rows) no other dominates; of equal ones the first."""
    keep = np.ones(len(values), dtype=bool)
    for n, mine in enumerate(values):
        beaten = any(dominates(other, mine) for m, other in enumerate(values) if m != n)
        again = any(no_worse(values[m], mine).all() and no_worse(mine, values[m]).all() for m in range(n))
        keep[n] = not beaten and not again
    return keep


def require_consistent(
    limits: Floats, bounds: Sequence[float], witnesses: Floats, costs: Sequence[float], labels: Sequence[str]
) -> None:
    """Make sure that no plan found anywhere costs less than what is proven of all plans within the limits it keeps.

    ``limits`` has a row of limits for each proven bound of the costs, ``witnesses`` a row of criteria for each plan.

    Raises:
        SolverError: a bound is wrong, or a plan is.
    """
    for n, (most, bound) in enumerate(zip(limits, bounds, strict=True)):
        for criteria, cost in zip(witnesses, costs, strict=True):
            if (criteria <= most).all() and cost < bound - SAME * max(1.0, abs(bound)):
                raise SolverError(
                    f"{labels[n]}: all plans within its limits are proven to cost {bound:,.6g} million USD at least, "
                    f"but there is one of {cost:,.6g}"
                )
