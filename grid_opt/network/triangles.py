r"""Solve with one factorised symmetric matrix for many right-hand sides at once.

The factors :math:`P B P^\top = L D L^\top` are those of SuperLU. Its own solve takes one right-hand side after the
other; here the unknowns are ordered by level (no unknown needs another one of its level), so that each level is one
sparse product for all right-hand sides. On a network of 10,000 buses that is several times faster, see
``scripts/bench/network_factors.py``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from grid_opt.network.elements import Numbers, Places

_RESIDUAL = 1e-6


class SymmetricSolver:
    """The factors of a sparse symmetric matrix.

    Errors: RuntimeError when the matrix is singular, or so near to it that a test solve is wrong.
    """

    def __init__(self, matrix: sp.csc_array) -> None:
        size = matrix.shape[0]
        factors: Any = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        lower = sp.csr_array(factors.L)
        level = _levels(lower)
        order = np.argsort(level, kind="stable")
        turned = sp.csr_array(lower[order][:, order])
        turned_up = sp.csr_array(turned.T)
        edges = [0, *(np.flatnonzero(np.diff(level[order])) + 1).tolist(), size]
        blocks = list(pairwise(edges))
        self._forward = [(a, b, sp.csr_array(turned[a:b, :a])) for a, b in blocks if a > 0]
        self._backward = [(a, b, sp.csr_array(turned_up[a:b, b:])) for a, b in reversed(blocks) if b < size]
        self._rows = np.argsort(factors.perm_r)[order]
        self._columns = np.argsort(factors.perm_c)[order]
        self._pivots = factors.U.diagonal()[order][:, None]
        self._test(matrix)

    def _test(self, matrix: sp.csc_array) -> None:
        wanted = np.cos(np.arange(matrix.shape[0], dtype=float))[:, None]
        right = np.asarray(matrix @ wanted)
        found = self.solve(right)
        wrong = np.abs(matrix @ found - right).max(initial=0.0)
        if not wrong <= _RESIDUAL * np.abs(right).max(initial=0.0):
            raise RuntimeError("the matrix is nearly singular")

    def solve(self, right: Numbers) -> Numbers:
        """Return the solutions (unknown, case) for right-hand sides (unknown, case)."""
        found = np.ascontiguousarray(right[self._rows])
        for a, b, part in self._forward:
            found[a:b] -= part @ found[:a]
        found /= self._pivots
        for a, b, part in self._backward:
            found[a:b] -= part @ found[b:]
        result = np.empty_like(found)
        result[self._columns] = found
        return result


def _levels(lower: sp.csr_array) -> Places:
    """Return the level of every unknown: one more than the highest level among those that it needs."""
    start, column = lower.indptr.tolist(), lower.indices.tolist()
    level = [0] * (len(start) - 1)
    for row in range(len(level)):
        level[row] = 1 + max((level[j] for j in column[start[row] : start[row + 1]] if j != row), default=-1)
    return np.array(level, dtype=np.int64)
