"""Find the separate programs that columns of hours fall into, and which of them hang on the same other columns."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from grid_opt.solve.standard_form import Flags, Matrix, Numbers

LARGEST = 2000
"""Columns of the largest separate program that is left out; what joins more, such as a cap over the year, is a limit of
the plan rather than of its hours."""


def components(matrix: Matrix, hourly: Flags) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return the rows and columns to leave out, and the number of the separate program that each belongs to."""
    while True:
        columns = np.flatnonzero(hourly)
        entries = sp.csr_array(matrix.rows_matrix[:, columns])
        rows = np.flatnonzero(np.diff(entries.indptr))
        entries = sp.csr_array(entries[rows])
        count, of_row, of_column = separate(entries)
        costs = np.bincount(of_column, np.abs(matrix.cost[columns]), minlength=count)
        stay = (np.bincount(of_column, minlength=count) > LARGEST) | (costs == 0.0)
        if not stay.any():
            return rows, columns, of_row, of_column
        hourly = hourly.copy()
        hourly[columns[stay[of_column]]] = False


def same_links(outer: sp.csr_array, label: Numbers, adding: Numbers) -> tuple[Numbers, sp.csr_array, Numbers]:
    """Put separate programs with the same links in one set, where the same row adds up their costs (-1: none does).

    Return the set of every program, which columns link a set, and the row of each; sets that have one come first.
    """
    row = np.repeat(label, np.diff(outer.indptr))
    links = sp.csr_array((np.ones(len(row)), (row, outer.indices)), shape=(len(adding), outer.shape[1]))
    links.sum_duplicates()
    links.sort_indices()
    links.data[:] = 1.0  # however many rows a column stands in
    known: dict[tuple[int, bytes], int] = {}
    first: list[int] = []
    found = np.zeros(len(adding), dtype=np.int64)
    for one in np.argsort(adding < 0, kind="stable").tolist():
        key = (int(adding[one]), links.indices[links.indptr[one] : links.indptr[one + 1]].tobytes())
        if key not in known:
            known[key] = len(first)
            first.append(one)
        found[one] = known[key]
    return found, sp.csr_array(links[first]), adding[first]


def separate(entries: sp.csr_array) -> tuple[int, Numbers, Numbers]:
    """Return how many separate programs some entries make, and of which every row and every column is."""
    height, width = entries.shape
    if not entries.nnz:
        return 0, np.zeros(height, dtype=np.int64), np.zeros(width, dtype=np.int64)
    ones = sp.csr_array((np.ones(entries.nnz), entries.indices, entries.indptr), shape=entries.shape)
    count, label = connected_components(sp.block_array([[None, ones], [ones.T, None]], format="csr"), directed=False)
    return int(count), label[:height].astype(np.int64), label[height:].astype(np.int64)
