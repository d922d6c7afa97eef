r"""A program that is sooner bounded than the one it stands for, and bounds it.

Two things are changed, and neither takes away a plan:

1. Columns that cost nothing, as flows at stress hours are, only say what the others may be. They are left out, and each
   separate program of theirs is stood for by one row, that which its prices in the relaxation make of it
   (:mod:`~grid_opt.solve.duality`). The relaxation's bound stays as it is, for those are its own prices; between whole
   numbers a bound may be lower than with all flows.
2. Sums of whole numbers are columns of their own: the halls of all regions in a quarter. They are whole numbers, too,
   but hardly one in the relaxation; cuts and branches on them say more than those on the halls of one region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from grid_opt.solve.duality import Separate
from grid_opt.solve.hour_sets import separate
from grid_opt.solve.standard_form import Array, Flags, Matrix, Numbers, part


@dataclass(frozen=True)
class Eased:
    """A program that bounds another: which of the other's columns it begins with, and the sums at its end."""

    program: Matrix
    kept: Numbers
    sums: sp.csr_array
    width: int

    def of(self, x: Array) -> Array:
        """Return the point of this program for one of the other."""
        return np.concatenate([x[self.kept], self.sums @ x[self.kept]])

    def back(self, x: Array) -> Array:
        """Return a point of the other, with 0 for what is left out: a plan but for that."""
        whole = np.zeros(self.width)
        whole[self.kept] = x[: len(self.kept)]
        return whole


def eased(program: Matrix, free: Flags, prices: Array, sums: Sequence[Sequence[int]]) -> Eased:
    """Return a program that bounds another.

    Args:
        program: the other.
        free: columns that may be left out; those that cost something or are whole numbers are not.
        prices: of its rows, in its relaxation.
        sums: lists of columns of whole numbers that get a column for their sum.
    """
    free = free & (program.cost == 0.0) & ~program.integer
    left_out, kept = np.flatnonzero(free), np.flatnonzero(~free)
    rows = np.flatnonzero(np.diff(sp.csr_array(program.rows_matrix[:, left_out]).indptr))
    entries = sp.csr_array(program.rows_matrix[rows])
    inner, outer = sp.csr_array(entries[:, left_out]), sp.csr_array(entries[:, kept])
    count, of_row, of_column = separate(inner)
    programs = Separate(program, rows, left_out, inner, outer, of_row, of_column, count)
    cuts, least = programs.cuts(prices[rows], np.zeros(len(left_out)))
    says = np.flatnonzero(np.isfinite(least) & (np.diff(cuts.indptr) > 0))
    stays = part(program, np.setdiff1d(np.arange(program.shape[0]), rows), kept)
    with_cuts = replace(
        stays,
        offset=program.offset,
        rows_matrix=sp.csr_array(sp.vstack([stays.rows_matrix, cuts[says]], format="csr")),
        row_lower=np.concatenate([stays.row_lower, least[says]]),
        row_upper=np.concatenate([stays.row_upper, np.full(len(says), np.inf)]),
        rows=[*stays.rows, *(f"room for what is free {k}" for k in says.tolist())],
    )
    place = np.full(program.shape[1], -1)
    place[kept] = np.arange(len(kept))
    of = np.repeat(np.arange(len(sums)), [len(some) for some in sums])
    columns = place[np.concatenate([np.asarray(some, dtype=np.int64) for some in sums]) if sums else []]
    adding = sp.csr_array((np.ones(len(columns)), (of, columns)), shape=(len(sums), len(kept)))
    return Eased(_with_sums(with_cuts, adding), kept, adding, program.shape[1])


def _with_sums(program: Matrix, sums: sp.csr_array) -> Matrix:
    """Return a program with a column of whole numbers for every row of ``sums``."""
    count, height = sums.shape[0], program.shape[0]
    if not count:
        return program
    beside = sp.csr_array(sp.hstack([sums, -sp.eye_array(count)], format="csr"))
    above = sp.hstack([program.rows_matrix, sp.csr_array((height, count))], format="csr")
    names = [f"sum {k}" for k in range(count)]
    return replace(
        program,
        cost=np.concatenate([program.cost, np.zeros(count)]),
        rows_matrix=sp.csr_array(sp.vstack([above, beside], format="csr")),
        row_lower=np.concatenate([program.row_lower, np.zeros(count)]),
        row_upper=np.concatenate([program.row_upper, np.zeros(count)]),
        col_lower=np.concatenate([program.col_lower, sums @ program.col_lower]),
        col_upper=np.concatenate([program.col_upper, sums @ program.col_upper]),
        integer=np.concatenate([program.integer, np.ones(count, dtype=bool)]),
        rows=[*program.rows, *names],
        columns=[*program.columns, *names],
    )
