"""Give the blocks of the model one small vocabulary, spoken to a builder.

A block is a plain class. Its constructor receives a :class:`Builder` and declares index sets, parameters,
variables, constraints and cost terms, each with a symbol, a unit and a meaning. Two builders understand these
declarations: :class:`~grid_opt.formulation.pyomo_builder.PyomoBuilder` makes the model, and
:class:`~grid_opt.formulation.tex_builder.TexBuilder` runs the very same rules on symbols and prints them, so
that the formulation page of the manual cannot drift from the model. This module knows no technology.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Index = Any
"""One element of an index set: a str or int in a model, a symbol in a printed formula."""
Expression = Any
"""A number, a Pyomo expression, or a symbol."""
Rule = Callable[..., Expression]
Domain = Literal["binary", "integer", "count", "nonnegative", "real"]
"""``count`` is a whole number of many alike things: rounding it hardly costs, and a search may do so at its end."""

DIMENSIONS: dict[str, tuple[str, str]] = {
    "zone": ("z", "Z"),
    "region": ("r", "R"),
    "link": ("l", "L"),
    "market": ("m", "M"),
    "quarter": ("q", "Q"),
    "year": ("a", "A"),
    "slice": ("s", "S"),
    "stress": ("k", "K"),
    "season": ("c", "C"),
    "hour": ("h", "H"),
    "basin": ("n", "N"),
    "accelerator": ("g", "G"),
    "beside": ("h", "H"),
    "software": ("o", "O"),
    "vendor": ("u", "U"),
    "vintage": ("v", "V"),
    "class": ("w", "W"),
    "stream": ("i", "I"),
    "block": ("b", "B"),
    "lost": ("x", "X"),
    "offer": ("j", "J"),
    "step": ("j", "J"),
    "ahead": ("p", "P"),
    "relief": ("f", "F"),
    "upgrade": ("t", "T"),
    "ppa": ("n", "N"),
    "wheeled": ("e", "E"),
    "forward": ("y", "Y"),
    "own": ("d", "D"),
    "plant": ("g", "G"),
    "store": ("h", "H"),
    "bus": ("n", "N"),
    "branch": ("e", "E"),
    "generator": ("g", "G"),
    "dc_line": ("d", "D"),
    "curve": ("w", "W"),
    "cut": ("h", "H"),
    "area": ("t", "T"),
    "island": ("y", "Y"),
    "watch": ("f", "F"),
    "line": ("n", "N"),
    "bound": ("i", "I"),
    "size": ("h", "H"),
    "meter": ("w", "W"),
    "fall": ("f", "F"),
    "tie": ("t", "T"),
    "criterion": ("k", "K"),
    "reference": ("n", "N"),
    "scenario": (r"\omega", r"\Omega"),
}
"""Every dimension of the model: the letter of its index and of its set."""

Kind = Literal["parameter", "variable", "constraint", "cost", "objective"]


@dataclass(frozen=True)
class Declaration:
    """What a block said of one parameter, variable, constraint or cost term.

    ``name`` is ``block.name``; ``formula`` is LaTeX and only a printing builder fills it.
    """

    kind: Kind
    name: str
    dims: tuple[str, ...]
    unit: str
    meaning: str
    symbol: str = ""
    domain: Domain = "real"
    formula: str = ""

    @property
    def short_name(self) -> str:
        """The name without its block: what the plan file calls it."""
        return self.name.split(".", 1)[1]


class Builder(Protocol):
    """The vocabulary of a block. Every rule is called with one index per dimension and returns an expression."""

    declarations: dict[str, Declaration]

    def index(self, dim: str) -> Iterable[Index]:
        """Return the elements of a dimension."""
        ...

    def parameter(
        self, name: str, value: Any, dims: tuple[str, ...] = (), *, symbol: str, unit: str, meaning: str
    ) -> Any:
        """Declare data: returns the number for ``dims == ()``, else a mapping from index to number."""
        ...

    def mapping(self, value: Mapping[Any, Any], *, symbol: str) -> Mapping[Any, Any]:
        """Declare a function from indices to an index or a set, for example the quarter of a slice."""
        ...

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
        """Declare a decision variable. ``bounds(*index)`` gives (lower, upper); ``None`` leaves a side open."""
        ...

    def constraint(
        self, name: str, dims: tuple[str, ...], rule: Rule, *, unit: str, meaning: str, where: Rule | None = None
    ) -> None:
        """Declare a constraint for every index at which ``where`` holds (everywhere without it)."""
        ...

    def cost(self, name: str, dims: tuple[str, ...], rule: Rule, *, meaning: str, unit: str = "million USD") -> None:
        """Declare a cost term, by default present value in million USD."""
        ...

    def costs(self, but: tuple[str, ...] = ()) -> Expression:
        """Return the sum of every cost term declared so far, except those named."""
        ...

    def objective(self, rule: Callable[[], Expression], *, unit: str, meaning: str) -> None:
        """Declare what is minimized."""
        ...

    def total(self, over: Any, term: Rule) -> Expression:
        """Return the sum of ``term`` over a dimension (by name) or over a set given by a mapping."""
        ...

    def before(self, variable: Any, *index: Index) -> Expression:
        """Return the variable one step earlier along its last dimension, 0 before the first."""
        ...

    def last(self, dim: str) -> Index:
        """Return the last element of a dimension."""
        ...
