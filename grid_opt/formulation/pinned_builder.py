"""Build the model with every choice made ahead replaced by its number, so that only the running of it is left.

The blocks are the same and run unchanged. What a plan decided once (halls, systems, connections, contracts, plant and
batteries on site, relief) is handed to them as numbers where they asked for a variable; a row in which only numbers
are left is dropped, since ``verify`` has checked it in the plan. What is left is linear, but for tiers of falling
rates, and falls apart by operating year.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyomo.environ as pyo
import xarray as xr
from pyomo.core.expr.relational_expr import EqualityExpression

from grid_opt.formulation.block import Declaration, Domain, Expression, Index, Rule
from grid_opt.formulation.pyomo_builder import PyomoBuilder, lookup

AHEAD: Final = ("forwards.forward_mw",)
"""Choices that name an operating year and are made ahead all the same."""

ROUTING: Final = ("service.serving", "service.unserved", "service.deferred", "service.it_load", "resilience.backup")
"""Which requests are served where."""

OF_CHOICE: Final = ("budget.present_value_budget", "supply.contracted_most", "supply.hedged")
"""Rules of what may be chosen, which bind no operation: how much may be spent, signed or hedged."""


@dataclass(frozen=True)
class Recourse:
    """A way out of a row that the choices made ahead may leave no way to keep: what it is, and its penalty.

    ``price`` gives the penalty of one unit by the row's index [million USD].
    """

    name: str
    unit: str
    meaning: str
    price: Rule


def runs(name: str, dims: Sequence[str]) -> bool:
    """Return whether a variable is of the running of a plan: of an operating year, or of a bill."""
    return name not in AHEAD and ("year" in dims or tuple(dims) in {("line",), ("fall",)})


class PinnedBuilder(PyomoBuilder):
    """Collect the blocks' declarations into a model of operation; see the module.

    ``plan`` holds the numbers of what was chosen, by short name; ``kept`` names further variables that keep the
    plan's numbers. Rows named in ``recourse`` may be missed at a penalty, which is minimized with the costs.
    """

    def __init__(
        self,
        labels: Mapping[str, Sequence[Index]],
        plan: xr.Dataset,
        recourse: Mapping[str, Recourse],
        kept: Sequence[str] = (),
    ) -> None:
        super().__init__(labels)
        self.pinned: list[str] = []
        self._plan, self._recourse, self._kept = plan, dict(recourse), frozenset(kept)
        self._penalties: list[Expression] = []

    def variable(
        self,
        name: str,
        dims: tuple[str, ...],
        *,
        symbol: str,
        unit: str,
        meaning: str,
        domain: Domain,
        bounds: Rule | None = None,
    ) -> Any:
        """Return a variable of operation, or the numbers of what was chosen."""
        if runs(name, dims) and name not in self._kept:
            return super().variable(name, dims, symbol=symbol, unit=unit, meaning=meaning, domain=domain, bounds=bounds)
        declaration = Declaration("variable", name, dims, unit, meaning, symbol, domain)
        self._declare(declaration)
        self.pinned.append(name)
        return lookup(self._plan[declaration.short_name].astype(float), dims)

    def constraint(
        self, name: str, dims: tuple[str, ...], rule: Rule, *, unit: str, meaning: str, where: Rule | None = None
    ) -> None:
        """Declare the rows of a constraint that operation can keep or break."""
        if name in OF_CHOICE:
            return
        self._declare(Declaration("constraint", name, dims, unit, meaning))
        way_out = self._slack(name, dims)

        def guarded(_model: Any, *index: Index) -> Any:
            at = index[: len(dims)]
            if where is not None and not where(*at):
                return pyo.Constraint.Skip
            row = rule(*at)
            if not hasattr(row, "args"):  # numbers compared with numbers: checked in the plan
                return pyo.Constraint.Skip
            return row if way_out is None else way_out(row, at)

        self._component(name, pyo.Constraint(*self._sets(dims), rule=guarded))

    def _slack(self, name: str, dims: tuple[str, ...]) -> Callable[[Any, tuple[Index, ...]], Any] | None:
        one = self._recourse.get(name)
        if one is None:
            return None
        slack = super().variable(
            one.name, dims, symbol=r"\xi", unit=one.unit, meaning=one.meaning, domain="nonnegative"
        )

        def relaxed(row: Any, at: tuple[Index, ...]) -> Any:
            """Add to the side that falls short: the left of an equality, the right of an inequality."""
            left, right = row.args
            self._penalties.append(one.price(*at) * slack[at])
            return left + slack[at] == right if isinstance(row, EqualityExpression) else left <= right + slack[at]

        return relaxed

    def objective(self, rule: Callable[[], Expression], *, unit: str, meaning: str) -> None:
        """Minimize all costs and penalties, whatever the goal of the plan: what it serves is chosen, or costs."""
        del rule, unit, meaning
        self._declare(Declaration("objective", "plan.objective", (), "million USD", "All costs and penalties."))
        self.model.objective = pyo.Objective(expr=self.costs() + pyo.quicksum(self._penalties))
