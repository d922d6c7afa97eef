"""Say what is minimized, and keep the present value of all costs within a budget."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder
from grid_opt.formulation.service import Service
from grid_opt.formulation.tradeoff import Tradeoff

COST_WEIGHT = 1e-3
"""Weight of the share of the budget spent beside the share of the tokens served, where the most tokens are asked."""

MILLIONTHS = 1e6
"""Shares of tokens are counted in millionths: a solver's tolerances are blind to smaller coefficients."""

NO_OUTLAY = ("service.forgone",)
"""Cost terms that are no money spent: the worth of what is not served."""


class Goal:
    r"""Minimize costs and the worth of tokens forgone; or, under a budget, serve the largest share of the tokens.

    The worth of all tokens wanted is a constant, so that minimizing costs plus the worth of those not served is
    maximizing the net present value of those that are. Where the most tokens are asked for, every token of every year
    counts the same, and a thousandth of the weight is on money, so that none is spent for nothing. The objective
    is then less the share served, in millionths, so that a gap is one of tokens served.

    A trade-off adds its criteria by their weights to the costs, and may give these a weight, too.
    """

    def __init__(
        self, build: Builder, case: Case, world: xr.Dataset, service: Service | None, tradeoff: Tradeoff | None = None
    ) -> None:
        limit = case.budget.present_value_musd
        if limit is not None:
            budget = build.parameter(
                "budget.present_value", limit, symbol=r"\overline{C}", unit="million USD",
                meaning="most present value of all costs",
            )  # fmt: skip
            build.constraint(
                "budget.present_value_budget", (), lambda: build.costs(but=NO_OUTLAY) <= budget,
                unit="million USD", meaning="All costs together stay within the budget.",
            )  # fmt: skip
        if case.objective.goal != "most_tokens":
            self._money(build, case, tradeoff)
            return
        assert service is not None and limit is not None  # a case is refused otherwise
        share = build.parameter(
            "goal.cost_weight", cost_weight(limit), symbol=r"\epsilon", unit="1e-6/million USD",
            meaning="weight of money beside tokens: the whole budget weighs as a thousandth of them",
        )  # fmt: skip
        build.objective(
            lambda: MILLIONTHS * (service.missed_share(world) - 1) + share * build.costs(), unit="1e-6",
            meaning="Less the share of all tokens wanted that is served, and a trace of the costs.",
        )  # fmt: skip

    @staticmethod
    def _money(build: Builder, case: Case, tradeoff: Tradeoff | None) -> None:
        if tradeoff is None or not case.tradeoff.weighs:
            build.objective(build.costs, unit="million USD", meaning="All costs, present value.")
            return
        weight = build.parameter(
            "tradeoff.cost_weight", case.tradeoff.cost_weight, symbol=r"\omega^{C}", unit="1",
            meaning="weight of the costs beside the criteria",
        )  # fmt: skip
        build.objective(
            lambda: weight * build.costs() + tradeoff.weighed(), unit="million USD",
            meaning="All costs, present value, and the criteria of a trade-off, by their weights.",
        )  # fmt: skip


def cost_weight(budget_musd: float) -> float:
    """Return the weight of one million USD where the most tokens are asked for [1e-6/million USD]."""
    return MILLIONTHS * COST_WEIGHT / budget_musd
