"""Print the blocks' declarations as LaTeX by running their own rules on symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from grid_opt.formulation.block import DIMENSIONS, Declaration, Domain, Expression, Index, Rule

_SUM, _PRODUCT, _ATOM = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Symbol:
    """A piece of a formula that answers to arithmetic with a longer piece of the formula."""

    tex: str
    rank: int = _ATOM

    def _in(self, rank: int) -> str:
        return self.tex if self.rank >= rank else rf"\left({self.tex}\right)"

    def __add__(self, other: Any) -> Symbol:
        if _is_zero(other):
            return self
        return Symbol(f"{self.tex} + {_as(other).tex}", _SUM)

    def __radd__(self, other: Any) -> Symbol:
        return self if _is_zero(other) else _as(other) + self

    def __sub__(self, other: Any) -> Symbol:
        return self if _is_zero(other) else Symbol(f"{self.tex} - {_as(other)._in(_PRODUCT)}", _SUM)

    def __rsub__(self, other: Any) -> Symbol:
        return _as(other) - self

    def __mul__(self, other: Any) -> Symbol:
        return Symbol(rf"{self._in(_PRODUCT)}\,{_as(other)._in(_PRODUCT)}", _PRODUCT)

    def __rmul__(self, other: Any) -> Symbol:
        return _as(other) * self

    def __neg__(self) -> Symbol:
        return Symbol(f"-{self._in(_PRODUCT)}", _SUM)

    def __le__(self, other: Any) -> Symbol:
        return Symbol(rf"{self.tex} \le {_as(other).tex}", _SUM)

    def __ge__(self, other: Any) -> Symbol:
        return Symbol(rf"{self.tex} \ge {_as(other).tex}", _SUM)

    def __eq__(self, other: object) -> Any:
        return Symbol(f"{self.tex} = {_as(other).tex}", _SUM)

    __hash__ = None  # type: ignore[assignment]


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and value == 0


def _as(value: Any) -> Symbol:
    if isinstance(value, Symbol):
        return value
    return Symbol(f"{value:g}", _ATOM if value >= 0 else _SUM)


@dataclass(frozen=True)
class Indexed:
    """A symbol that takes indices: printed as subscripts, or as arguments where it is a function."""

    symbol: str
    function: bool = False

    def __getitem__(self, key: Any) -> Symbol:
        parts = key if isinstance(key, tuple) else (key,)
        inside = ",".join(_as(part).tex for part in parts)
        return Symbol(f"{self.symbol}({inside})" if self.function else f"{self.symbol}_{{{inside}}}")


class TexBuilder:
    """Collect the same declarations as the model, with ``formula`` filled.

    The numbers that a block hands in are never looked at.
    """

    def __init__(self) -> None:
        self.declarations: dict[str, Declaration] = {}

    def index(self, dim: str) -> list[Index]:
        """Return the one symbolic index of a dimension."""
        return [Symbol(DIMENSIONS[dim][0])]

    def last(self, dim: str) -> Index:
        """Return the symbol of the last element of a dimension."""
        return Symbol(DIMENSIONS[dim][1])

    def _declare(self, declaration: Declaration) -> None:
        self.declarations[declaration.name] = declaration

    def parameter(
        self, name: str, value: Any, dims: tuple[str, ...] = (), *, symbol: str, unit: str, meaning: str
    ) -> Any:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        del value
        self._declare(Declaration("parameter", name, dims, unit, meaning, symbol))
        return Indexed(symbol) if dims else Symbol(symbol)

    def mapping(self, value: Mapping[Any, Any], *, symbol: str) -> Any:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        del value
        return Indexed(symbol, function=not symbol.startswith(r"\mathcal"))  # a family of sets takes subscripts

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
        variable: Any = Indexed(symbol) if dims else Symbol(symbol)
        at = [self.index(d)[0] for d in dims]
        lower, upper = bounds(*at) if bounds is not None else (None, None)
        formula = variable[tuple(at)] if dims else variable
        if lower is not None:
            formula = Symbol(rf"{_as(lower).tex} \le {formula.tex}")
        if upper is not None:
            formula = formula <= upper
        whole = r"\mathbb{Z}_{\ge 0}"
        kinds = {"binary": r"\{0, 1\}", "integer": whole, "count": whole, "nonnegative": r"\mathbb{R}_{\ge 0}"}
        said = domain in kinds and (upper is None or domain != "nonnegative")
        text = formula.tex + rf" \in {kinds[domain]}" if said else formula.tex
        self._declare(Declaration("variable", name, dims, unit, meaning, symbol, domain, text))
        return variable

    def _formula(self, dims: tuple[str, ...], rule: Rule) -> str:
        result = rule(*(self.index(d)[0] for d in dims))
        return _as(result).tex

    def constraint(
        self, name: str, dims: tuple[str, ...], rule: Rule, *, unit: str, meaning: str, where: Rule | None = None
    ) -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        del where
        formula = self._formula(dims, rule)
        self._declare(Declaration("constraint", name, dims, unit, meaning, formula=formula))

    def cost(self, name: str, dims: tuple[str, ...], rule: Rule, *, meaning: str, unit: str = "million USD") -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        declared = Declaration("cost", name, dims, unit, meaning)
        self._declare(replace(declared, formula=self._formula(dims, rule)))

    def costs(self, but: tuple[str, ...] = ()) -> Expression:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        left_out = rf"_{{\text{{but {', '.join(but)}}}}}" if but else ""
        return Symbol(rf"\text{{costs}}{left_out}")

    def objective(self, rule: Callable[[], Expression], *, unit: str, meaning: str) -> None:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        self._declare(Declaration("objective", "plan.objective", (), unit, meaning, formula=_as(rule()).tex))

    def total(self, over: Any, term: Rule) -> Expression:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        if isinstance(over, str):
            letter, members = DIMENSIONS[over]
            domain = rf"{letter} \in \mathcal{{{members}}}"
        else:
            letter, domain = _bound_letter(over)
        return Symbol(rf"\sum_{{{domain}}} {_as(term(Symbol(letter)))._in(_PRODUCT)}", _PRODUCT)

    def before(self, variable: Indexed, *index: Index) -> Expression:
        """See :class:`~grid_opt.formulation.block.Builder`."""
        *head, label = index
        return variable[(*head, Symbol(f"{label.tex} - 1"))]


def _bound_letter(members: Symbol) -> tuple[str, str]:
    """Read the running index off a set's symbol: ``R_z`` runs over ``r``."""
    head = members.tex.removeprefix(r"\mathcal{")[:1]
    letters: Iterable[tuple[str, str]] = DIMENSIONS.values()
    letter = next(small for small, big in letters if big == head)
    return letter, rf"{letter} \in {members.tex}"
