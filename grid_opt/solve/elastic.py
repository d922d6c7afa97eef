"""Give limits slack: the investment program with further columns by which chosen limits give way, at a cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from grid_opt.solve.limits import Key, Program, Trial
from grid_opt.solve.standard_form import Array, Matrix

Amounts = Mapping[Key, float]
Terms = Mapping[int, float]


@dataclass(frozen=True)
class Slack:
    """One amount by which a limit gives way: its coefficients by row, its largest value, its weight."""

    key: Key
    entries: Terms
    most: float = np.inf
    whole: bool = True
    weight: float = 1.0


@dataclass(frozen=True)
class Link:
    """A row over program columns and slack positions: the sum stays at or below ``upper``."""

    columns: Terms
    slacks: Terms
    upper: float


@dataclass(frozen=True)
class Kind:
    """One kind of limit: its slacks, and how their amounts become new values of its knobs.

    ``settle`` raises :class:`~grid_opt.errors.InputError` when the case refuses the value. ``scale`` is the usual
    size of the amounts together, in their unit, for weighing kinds against each other.
    """

    constraint: str
    words: str
    slacks: tuple[Slack, ...]
    settle: Callable[[Trial, Amounts], Trial]
    scale: float
    links: tuple[Link, ...] = ()
    row_upper: Terms = field(default_factory=dict)
    widened: Mapping[int, float] = field(default_factory=dict)
    nothing_built: bool = False
    """Whether building nothing, with every slack at its largest, satisfies every row: a first solution."""


def elastic(program: Program, chosen: list[Kind]) -> Matrix:
    """Return the program with the slacks of some kinds as further columns, to be kept as small as possible."""
    matrix = program.matrix
    (height, width), count = matrix.shape, sum(len(kind.slacks) for kind in chosen)
    row_upper, col_lower, col_upper = matrix.row_upper.copy(), matrix.col_lower.copy(), matrix.col_upper.copy()
    cost, at, entries, links = [], 0, [], []
    for kind in chosen:
        for row, value in kind.row_upper.items():
            row_upper[row] = value
        for column, factor in kind.widened.items():
            col_lower[column] *= factor
            col_upper[column] *= factor
        links += [(link, at) for link in kind.links]
        for slack in kind.slacks:
            entries += [(row, at, value) for row, value in slack.entries.items() if value]
            cost.append(slack.weight if len(chosen) == 1 else slack.weight / kind.scale)
            at += 1
    slacks = [slack for kind in chosen for slack in kind.slacks]
    below = [(n, j, v) for n, (link, _) in enumerate(links) for j, v in link.columns.items() if v]
    below += [(n, width + first + k, v) for n, (link, first) in enumerate(links) for k, v in link.slacks.items() if v]
    top = sp.hstack([matrix.rows_matrix, _sparse(entries, (height, count))])
    return replace(
        matrix,
        cost=np.concatenate([np.zeros(width), cost]),
        rows_matrix=sp.csr_array(sp.vstack([top, _sparse(below, (len(links), width + count))])),
        row_lower=np.concatenate([matrix.row_lower, np.full(len(links), -np.inf)]),
        row_upper=np.concatenate([row_upper, [link.upper for link, _ in links]]),
        col_lower=np.concatenate([col_lower, np.zeros(count)]),
        col_upper=np.concatenate([col_upper, [slack.most for slack in slacks]]),
        integer=np.concatenate([matrix.integer, np.array([slack.whole for slack in slacks], dtype=bool)]),
        rows=[*matrix.rows, *("link between slacks" for _ in links)],
        columns=[*matrix.columns, *(f"slack {slack.key}" for slack in slacks)],
    )


def first_solution(program: Program, chosen: list[Kind]) -> Array | None:
    """Return a point that satisfies the elastic program, where one is known beforehand."""
    if len(chosen) != 1 or not chosen[0].nothing_built:
        return None
    return np.concatenate([np.zeros(program.matrix.shape[1]), [slack.most for slack in chosen[0].slacks]])


def _sparse(entries: list[tuple[int, int, float]], shape: tuple[int, int]) -> sp.coo_array:
    if not entries:
        return sp.coo_array(shape)
    rows, columns, values = zip(*entries, strict=True)
    return sp.coo_array((np.array(values, dtype=float), (rows, columns)), shape=shape)
