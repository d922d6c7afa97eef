"""Build the arrays of the model straight from what the blocks declare, a few times faster than through expressions.

The blocks and their rules are those of the Pyomo model, run on plain lists of numbers
(:mod:`~grid_opt.formulation.linear`) in the place of Pyomo's expressions: nothing is kept from another case and nothing
is written twice. Variables are Pyomo's own, so that everything that reads a plan from a model reads it from this one;
rows and costs are only numbers. That both roads give the same arrays is tested on every kind of case.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo
from pyomo.core.base.component_namer import index_repr

from grid_opt.formulation.block import Declaration, Domain, Expression, Index, Rule
from grid_opt.formulation.linear import NUMBERS, Linear, Row, total
from grid_opt.formulation.pyomo_builder import PyomoBuilder

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
_FEASIBLE = 1e-6
"""Rounding allowed in a row in which nothing but numbers is left, per unit of its size."""


class _Columns(dict[Any, int]):
    """The columns of a variable by index, each handed out as an expression."""

    def __getitem__(self, index: Any) -> Any:
        return Linear([dict.__getitem__(self, index)], [1.0])


class _Constraint:
    """The rows of one constraint, by index."""

    def __init__(self, local_name: str) -> None:
        self.local_name = local_name
        self.rows: dict[Any, Named] = {}

    def items(self) -> Iterable[tuple[Any, Named]]:
        """Return the index of every row, and the row."""
        return self.rows.items()

    def values(self) -> Iterable[Named]:
        """Return the rows."""
        return self.rows.values()


class Named:
    """One row: which constraint it is of, and where."""

    __slots__ = ("_index", "_parent")

    def __init__(self, parent: _Constraint, index: Any) -> None:
        self._parent, self._index = parent, index

    def parent_component(self) -> _Constraint:
        """Return the constraint."""
        return self._parent

    def index(self) -> Any:
        """Return its index there."""
        return self._index

    @property
    def name(self) -> str:
        """The name that the row would have in Pyomo."""
        if self._index is None:
            return self._parent.local_name
        return f"{self._parent.local_name}{index_repr(self._index)}"


class ArrayBuilder(PyomoBuilder):
    """Collect the blocks' declarations into arrays; see the module.

    ``variables`` are those of Pyomo, by the numbers that ``columns`` of the rows have; ``order`` says in which order
    they come in the program: as they are met in the objective and the rows.
    """

    def __init__(self, labels: Mapping[str, Sequence[Index]]) -> None:
        super().__init__(labels)
        self.variables: list[Any] = []
        self.rows: list[Named] = []
        self.senses, self.right, self.starts = array("b"), array("d"), array("q", [0])
        self.columns, self.values = array("q"), array("d")
        self.goal = Linear([], [])
        self._rows: dict[str, _Constraint] = {}
        self._terms: dict[str, dict[Any, Linear]] = {}

    def component(self, name: str) -> Any:
        """Return the variable of Pyomo, or the rows, behind a declaration."""
        return self._rows[name] if name in self._rows else super().component(name)

    def cost_values(self, name: str) -> dict[Any, float]:
        """Return a cost term by index, at the values that the variables have."""
        of = self.variables
        return {
            index: term.constant
            + sum(value * of[column].value for value, column in zip(term.values, term.columns, strict=True))
            for index, term in self._terms[name].items()
        }

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
        made = super().variable(name, dims, symbol=symbol, unit=unit, meaning=meaning, domain=domain, bounds=bounds)
        first = len(self.variables)
        self.variables += made.values()
        columns = _Columns(zip(made.keys(), range(first, len(self.variables)), strict=True))
        return columns if dims else columns[None]

    def constraint(
        self, name: str, dims: tuple[str, ...], rule: Rule, *, unit: str, meaning: str, where: Rule | None = None
    ) -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("constraint", name, dims, unit, meaning))
        mine = self._rows[name] = _Constraint(name.replace(".", "__"))
        for at in self._places(dims):
            if where is not None and not where(*at):
                continue
            found = rule(*at)
            named = Named(mine, _index(at))
            if found.__class__ is Row and found.body.columns:
                mine.rows[named.index()] = named
                self._enter(found, named)
            elif not _holds(found):
                raise ValueError(f"the row {named.name} can never hold, whatever is chosen")

    def cost(self, name: str, dims: tuple[str, ...], rule: Rule, *, meaning: str, unit: str = "million USD") -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("cost", name, dims, unit, meaning))
        self._terms[name] = {_index(at): _linear(rule(*at)) for at in self._places(dims)}

    def costs(self, but: tuple[str, ...] = ()) -> Expression:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        return total(one for name, terms in self._terms.items() if name not in but for one in terms.values())

    def objective(self, rule: Callable[[], Expression], *, unit: str, meaning: str) -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("objective", "plan.objective", (), unit, meaning))
        self.goal = _linear(rule())

    def total(self, over: Any, term: Rule) -> Expression:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        return total(map(term, self._labels[over] if isinstance(over, str) else over))

    def order(self) -> Numbers:
        """Return the numbers of the variables in the order of the program: whole variables as they are first met."""
        count = len(self.variables)
        of = np.empty(count, dtype=np.int64)
        starts = [0]
        for number, variable in enumerate(self._of_pyomo()):
            starts.append(starts[-1] + len(variable))
            of[starts[-2] : starts[-1]] = number
        met = np.concatenate([np.asarray(self.goal.columns, dtype=np.int64), np.frombuffer(self.columns, np.int64)])
        kinds, first = np.unique(of[met], return_index=True)
        ordered = kinds[np.argsort(first)]
        return np.concatenate([np.arange(starts[n], starts[n + 1]) for n in ordered.tolist()] or [np.arange(0)])

    def _of_pyomo(self) -> Iterator[Any]:
        yield from self.model.component_objects(pyo.Var)

    def _places(self, dims: tuple[str, ...]) -> Iterator[tuple[Index, ...]]:
        """Yield every index of some dimensions, in Pyomo's order."""
        if not dims:
            yield ()
            return
        first, *others = dims
        for label in self._labels[first]:
            for rest in self._places(tuple(others)):
                yield (label, *rest)

    def _enter(self, row: Row, named: Named) -> None:
        """Append a row, or two where it has two different bounds."""
        body = row.body
        if row.lower is not None and row.lower == row.upper:
            sides = [(0, row.upper)]
        else:
            sides = [(sense, bound) for sense, bound in ((1, row.upper), (-1, row.lower)) if bound is not None]
        for sense, bound in sides:
            assert bound is not None
            self.rows.append(named)
            self.senses.append(sense)
            self.right.append(bound - body.constant)
            self.columns.extend(body.columns)
            self.values.extend(body.values)
            self.starts.append(len(self.columns))


def _index(at: tuple[Index, ...]) -> Any:
    """Return an index as Pyomo has it."""
    return at if len(at) > 1 else at[0] if at else None


def _linear(found: Any) -> Linear:
    return Linear([], [], float(found)) if found.__class__ in NUMBERS else found


def _holds(found: Any) -> bool:
    """Whether a row without any column holds."""
    if found.__class__ is not Row:
        return bool(found)
    value = found.body.constant
    low = -np.inf if found.lower is None else found.lower
    high = np.inf if found.upper is None else found.upper
    rounding = _FEASIBLE * max(1.0, abs(value))
    return bool(low - rounding <= value <= high + rounding)
