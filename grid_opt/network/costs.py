"""Read the cost tables of MATPOWER, and refuse costs that a linear program cannot carry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grid_opt.errors import InputError
from grid_opt.network.elements import Costs, Numbers

_PIECEWISE, _POLYNOMIAL = 1, 2
_FIRST = 4
"""Column at which the coefficients or points of a cost begin."""
_SLACK = 1e-4
"""How much slopes may fall, relative to their size, before a cost counts as not convex: points are often rounded."""


def read_costs(table: Numbers, count: int, file: str | Path, name: str) -> Costs:
    """Return the costs of ``count`` elements; further rows are costs of reactive power and are left alone.

    Errors: InputError for missing rows, unknown models, numbers that are not finite, polynomials above the second
    degree, and costs that are not convex.
    """
    if len(table) < count:
        raise InputError(
            f"mpc.{name} has {len(table)} rows for {count} elements", file=file, field=f"mpc.{name}",
            expected="one row per element, in their order",
        )  # fmt: skip
    quadratic = np.zeros((count, 3))
    lines: list[tuple[int, float, float]] = []
    for row in range(count):
        reader = _Row(table[row], row, str(file), name)
        if reader.model == _POLYNOMIAL:
            quadratic[row] = reader.polynomial()
        else:
            lines += [(row, at_zero, slope) for at_zero, slope in reader.lines()]
    of, at_zero, slope = (np.array(column) for column in zip(*lines, strict=True)) if lines else (np.zeros(0),) * 3
    return Costs(quadratic, of.astype(np.int64), at_zero.astype(float), slope.astype(float))


class _Row:
    """One row of a cost table."""

    def __init__(self, cells: Numbers, row: int, file: str, name: str) -> None:
        self._place = {"file": file, "row": f"{row + 1} of mpc.{name}"}
        self.model = cells[0]
        if self.model not in (_PIECEWISE, _POLYNOMIAL):
            raise self._error("the cost model is unknown", "MODEL", cells[0], "1 (piecewise linear) or 2 (polynomial)")
        count = cells[3]
        width = int(count) * (2 if self.model == _PIECEWISE else 1) if np.isfinite(count) else -1
        if not 0 <= width <= len(cells) - _FIRST or count != int(count):
            raise self._error("NCOST does not fit the length of the row", "NCOST", count, "the number of coefficients")
        self.numbers = cells[_FIRST : _FIRST + width]
        if not np.isfinite(self.numbers).all():
            raise self._error("a cost is not a finite number", "COST", self.numbers, "finite numbers")

    def _error(self, problem: str, field: str, value: object, expected: str) -> InputError:
        return InputError(problem, field=field, value=value, expected=expected, **self._place)

    def polynomial(self) -> Numbers:
        """Return the coefficients of 1, p and p squared."""
        rising = self.numbers[::-1]
        if np.any(rising[3:] != 0):
            raise self._error(
                "the cost is a polynomial above the second degree", "COST", self.numbers,
                "at most a quadratic cost; give points of it as a piecewise linear cost",
            )  # fmt: skip
        found = np.zeros(3)
        found[: min(3, len(rising))] = rising[:3]
        if found[2] < 0:
            raise self._error("the cost is not convex", "COST", self.numbers, "a coefficient of p^2 of at least 0")
        return found

    def lines(self) -> list[tuple[float, float]]:
        """Return (value at zero, slope) of the lines through neighboring points."""
        x, y = self.numbers[0::2], self.numbers[1::2]
        if len(x) < 2 or np.any(np.diff(x) <= 0):
            raise self._error("the points of a cost do not rise in power", "COST", self.numbers, "x1 < x2 < ...")
        slope = np.diff(y) / np.diff(x)
        if np.any(np.diff(slope) < -_SLACK * (1 + np.abs(slope[1:]))):
            raise self._error("the cost is not convex", "COST", self.numbers, "slopes that do not fall")
        return list(zip((y[:-1] - slope * x[:-1]).tolist(), slope.tolist(), strict=True))
