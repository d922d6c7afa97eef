"""Declare what a plan holds of a trade-off."""

from __future__ import annotations

from typing import Final

from grid_opt.config.case import Case
from grid_opt.plan.spec import Spec

REACHED: Final = {"reached": Spec(("criterion",), "1", "What the plan comes to by the criterion, in its own unit")}
LATE: Final = {"late": Spec(("quarter",), "MW", "IT power of the final target that is not in service")}

TRADEOFF_DECISIONS: Final[dict[str, Spec]] = REACHED | LATE


def tradeoff_decisions(case: Case) -> dict[str, Spec]:
    """Return the decisions on a trade-off that the plan of a case holds."""
    asked = case.tradeoff.criteria
    return (REACHED if asked else {}) | (LATE if "waiting" in asked else {})
