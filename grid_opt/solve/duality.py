r"""What columns that are left out cost at least, by any prices of their rows.

Columns :math:`x_k` that fall into separate programs :math:`k`, and hang on columns :math:`z` that stay,

.. math:: Q_k(z) = \min\{c_k^\top x_k : \; l \le A_k x_k + A_{zk} z \le u, \; \underline x \le x_k \le \overline x\},

cost, for any prices :math:`\lambda` of the rows and with :math:`d = c_k - A_k^\top \lambda`,

.. math:: Q_k(z) \ge \sum_i \lambda_i (b_i - A_{zi} z) + \sum_j d_j \beta_j,

:math:`b_i` being :math:`l_i` where :math:`\lambda_i > 0` and :math:`u_i` where it is negative, :math:`\beta_j` the
lower bound of a column where :math:`d_j > 0` and its upper one where negative: weak duality. With :math:`c_k = 0` and
0 in the place of :math:`Q_k` it says which :math:`z` leave room for any :math:`x_k`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from grid_opt.solve.standard_form import Array, Matrix, Numbers

_TINY = 1e-9
"""Entries of a cut that HiGHS would drop."""
_ROUNDING = 1e-8
"""Part of a price that rounding may leave where it should be 0."""


@dataclass(frozen=True)
class Separate:
    """Separate programs: rows and columns of a whole one, the program that each is of, and how many there are.

    ``inner`` holds the entries of those rows in those columns, ``outer`` those in the columns that stay.
    """

    whole: Matrix
    rows: Numbers
    columns: Numbers
    inner: sp.csr_array
    outer: sp.csr_array
    of_row: Numbers
    of_column: Numbers
    count: int

    def cuts(self, price: Array, cost: Array) -> tuple[sp.csr_array, Array]:
        """Return ``cuts`` and ``least``, by program: its cost is ``least - cuts @ z`` or more, at costs of columns.

        ``least`` is minus infinity where the prices prove nothing.
        """
        matrix = self.whole
        side = np.where(price > 0, matrix.row_lower[self.rows], matrix.row_upper[self.rows])
        price = np.where(np.isfinite(side), price, 0.0)
        reduced = cost - self.inner.T @ price
        end = np.where(reduced > 0, matrix.col_lower[self.columns], matrix.col_upper[self.columns])
        # What has no such end is rounding where it is small, and no bound at all where it is not.
        small = np.abs(reduced) <= _ROUNDING * (1.0 + np.abs(cost))
        at_end = np.where(
            np.isfinite(end), reduced * np.where(np.isfinite(end), end, 0.0), np.where(small, 0.0, -np.inf)
        )
        paid = price * np.where(price == 0.0, 0.0, side)
        least: Array = np.bincount(self.of_row, paid, minlength=self.count).astype(float)
        least += np.bincount(self.of_column, at_end, minlength=self.count)
        by_program = sp.csr_array(
            (price, (self.of_row, np.arange(len(self.rows)))), shape=(self.count, len(self.rows))
        )  # fmt: skip
        cuts = sp.csr_array(by_program @ self.outer)
        cuts.data[np.abs(cuts.data) <= _TINY] = 0.0
        cuts.eliminate_zeros()
        return cuts, least
