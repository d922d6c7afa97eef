"""Write linear expressions as plain lists of numbers: what the rules of the blocks need of a modelling language."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

NUMBERS: Final[Any] = frozenset({int, float, bool, np.float64, np.int64, np.bool_})
"""Types that multiply an expression, or are added to it."""


class Linear:
    """A sum of multiples of columns, and a constant.

    ``columns`` and ``values`` are in step; a column may come more than once. Expressions share their lists, so that
    none is ever changed. A multiple by 0 is the number 0: what does not count is not there.
    """

    __slots__ = ("columns", "constant", "values")
    __array_ufunc__ = None  # else a number of numpy would take an expression for an array
    __hash__ = object.__hash__

    def __init__(self, columns: list[int], values: list[float], constant: float = 0.0) -> None:
        self.columns, self.values, self.constant = columns, values, constant

    def __add__(self, other: Any) -> Linear:
        if other.__class__ in NUMBERS:
            return Linear(self.columns, self.values, self.constant + other)
        if other.__class__ is not Linear:
            return NotImplemented
        return Linear(self.columns + other.columns, self.values + other.values, self.constant + other.constant)

    __radd__ = __add__

    def __neg__(self) -> Linear:
        return Linear(self.columns, [-one for one in self.values], -self.constant)

    def __sub__(self, other: Any) -> Linear:
        if other.__class__ in NUMBERS:
            return Linear(self.columns, self.values, self.constant - other)
        if other.__class__ is not Linear:
            return NotImplemented
        values = self.values + [-one for one in other.values]
        return Linear(self.columns + other.columns, values, self.constant - other.constant)

    def __rsub__(self, other: Any) -> Linear:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Linear | float:
        if other.__class__ not in NUMBERS:
            return NotImplemented
        if other == 0:
            return 0.0
        return Linear(self.columns, [other * one for one in self.values], other * self.constant)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Linear | float:
        return self.__mul__(1.0 / other)

    def __le__(self, other: Any) -> Row:
        return _row(self, other, None, 0.0)

    def __ge__(self, other: Any) -> Row:
        if other.__class__ in NUMBERS:
            return _row(self, other, 0.0, None)
        return _row(other, self, None, 0.0)

    def __eq__(self, other: object) -> Row:  # type: ignore[override]
        return _row(self, other, 0.0, 0.0)


class Row:
    """An expression between two bounds, ``None`` where there is none."""

    __slots__ = ("body", "lower", "upper")

    def __init__(self, body: Linear, lower: float | None, upper: float | None) -> None:
        self.body, self.lower, self.upper = body, lower, upper

    def __bool__(self) -> bool:
        raise TypeError("a row is neither true nor false before it is solved")


def _row(left: Linear, right: Any, lower: float | None, upper: float | None) -> Row:
    """Return the row ``left - right`` between its bounds, which may be moved by a number on the right."""
    if right.__class__ in NUMBERS:
        return Row(left, None if lower is None else right, None if upper is None else right)
    if right.__class__ is not Linear:
        raise TypeError(f"a row compares expressions and numbers, not {type(right).__name__}")
    return Row(left - right, lower, upper)


def total(terms: Any) -> Linear | float:
    """Return a sum of expressions and numbers; a number where no expression is among them."""
    columns: list[int] = []
    values: list[float] = []
    constant: float = 0.0
    found = False
    for term in terms:
        if term.__class__ in NUMBERS:
            constant += term
        else:
            found = True
            columns += term.columns
            values += term.values
            constant += term.constant
    return Linear(columns, values, constant) if found else constant
