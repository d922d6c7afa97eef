"""Build the Pyomo model from what the blocks declare."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyomo.environ as pyo
import xarray as xr

from grid_opt.formulation.block import Declaration, Domain, Expression, Index, Rule

_DOMAINS = {
    "binary": pyo.Binary,
    "integer": pyo.NonNegativeIntegers,
    "count": pyo.NonNegativeIntegers,
    "nonnegative": pyo.NonNegativeReals,
    "real": pyo.Reals,
}


def lookup(value: Any, dims: tuple[str, ...]) -> Any:
    """Turn a labelled array into a dict of plain floats.

    Rules look numbers up a hundred thousand times; a dict of floats is about ten times faster than ``.sel``.
    """
    if not dims:
        return float(value)
    array = value.transpose(*dims) if isinstance(value, xr.DataArray) else None
    if array is None:
        return value
    labels = [array.coords[d].values.tolist() for d in dims]
    keys: Iterable[Any] = labels[0] if len(dims) == 1 else itertools.product(*labels)
    return dict(zip(keys, array.values.ravel().tolist(), strict=True))


class PyomoBuilder:
    """Collect the blocks' declarations into one :class:`pyomo.environ.ConcreteModel`.

    Variables, constraints and cost expressions become components named like the declaration with ``__`` for the
    dot, indexed by the labels of their dimensions.
    """

    def __init__(self, labels: Mapping[str, Sequence[Index]]) -> None:
        self.declarations: dict[str, Declaration] = {}
        self.model = pyo.ConcreteModel("grid-opt")
        self._labels = {dim: list(values) for dim, values in labels.items()}
        self._costs: dict[str, Any] = {}

    def index(self, dim: str) -> list[Index]:
        """Return the labels of a dimension."""
        return self._labels[dim]

    def last(self, dim: str) -> Index:
        """Return the last label of a dimension."""
        return self._labels[dim][-1]

    def _declare(self, declaration: Declaration) -> None:
        if declaration.name in self.declarations:
            raise ValueError(f"{declaration.name} is declared twice")
        self.declarations[declaration.name] = declaration

    def _component(self, name: str, component: Any) -> Any:
        self.model.add_component(name.replace(".", "__"), component)
        return component

    def component(self, name: str) -> Any:
        """Return the Pyomo component behind a declaration."""
        return self.model.component(name.replace(".", "__"))

    def parameter(
        self, name: str, value: Any, dims: tuple[str, ...] = (), *, symbol: str, unit: str, meaning: str
    ) -> Any:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("parameter", name, dims, unit, meaning, symbol))
        return lookup(value, dims)

    def mapping(self, value: Mapping[Any, Any], *, symbol: str) -> Mapping[Any, Any]:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        del symbol
        return value

    def _sets(self, dims: tuple[str, ...]) -> list[list[Index]]:
        return [self._labels[d] for d in dims]

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
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("variable", name, dims, unit, meaning, symbol, domain))
        rule = None if bounds is None else (lambda _m, *index: bounds(*index))
        return self._component(name, pyo.Var(*self._sets(dims), domain=_DOMAINS[domain], bounds=rule))

    def constraint(
        self, name: str, dims: tuple[str, ...], rule: Rule, *, unit: str, meaning: str, where: Rule | None = None
    ) -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("constraint", name, dims, unit, meaning))

        def guarded(_model: Any, *index: Index) -> Any:
            at = index[: len(dims)]  # Pyomo passes the index None to a scalar constraint
            if where is not None and not where(*at):
                return pyo.Constraint.Skip
            relation = rule(*at)
            if isinstance(relation, bool):  # every variable dropped out: a number compared with a number
                return pyo.Constraint.Feasible if relation else pyo.Constraint.Infeasible
            return relation

        self._component(name, pyo.Constraint(*self._sets(dims), rule=guarded))

    def cost(self, name: str, dims: tuple[str, ...], rule: Rule, *, meaning: str, unit: str = "million USD") -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("cost", name, dims, unit, meaning))
        term = pyo.Expression(*self._sets(dims), rule=lambda _m, *index: rule(*index))
        self._costs[name] = self._component(name, term)

    def costs(self, but: tuple[str, ...] = ()) -> Expression:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        return pyo.quicksum(e for name, term in self._costs.items() if name not in but for e in term.values())

    def cost_values(self, name: str) -> dict[Any, float]:
        """Return a cost term by index, at the values that the variables have."""
        return {index: float(pyo.value(term)) for index, term in self.component(name).items()}

    def objective(self, rule: Callable[[], Expression], *, unit: str, meaning: str) -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("objective", "plan.objective", (), unit, meaning))
        self.model.objective = pyo.Objective(expr=rule())

    def total(self, over: Any, term: Rule) -> Expression:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        members = self._labels[over] if isinstance(over, str) else over
        return pyo.quicksum(term(i) for i in members)

    def before(self, variable: Any, *index: Index) -> Expression:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        *head, label = index
        steps = self._labels["quarter"]
        position = steps.index(label)
        return 0.0 if position == 0 else variable[(*head, steps[position - 1])]
