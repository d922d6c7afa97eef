r"""Keep what the relaxation of one case taught for that of the next: where to cut, and with which basis to begin.

Nothing that is kept is part of a program, or of a proof. It is

- the **points** at which cuts of hours were found that still told something in the end: of every set of hours, what the
  columns that it hangs on came to. The next case solves its own hours there, with its own costs and limits, and the
  prices that come back give its own cuts (:mod:`~grid_opt.solve.recourse`). For any prices of rows such a cut holds by
  weak duality, whatever point they were found at; so a point of another case gives valid cuts like any other, only that
  they tell most where that case's answer was. The *prices* of the old case would give valid cuts too, but poor ones: at
  them, hours whose power is dearer cost what they did, and hours whose power is cheaper have no bound at all;
- the last **basis** of the regions that were solved together, and so which they were. A basis is where the simplex
  method begins, not where it ends: an answer counts when HiGHS says that it is optimal and it satisfies the rows that
  were passed (:mod:`~grid_opt.solve.highs`), and the bound is checked against all other regions as ever.

So what was kept of a case that has nothing in common with the next one costs time and changes nothing else. Columns and
rows are told apart by what they are called, not by their numbers: prices of power and gas change which offers are
screened out, and with them the number of every column. Names are hashed: where two have the same hash, a basis or a
point is worse, which is all that can come of it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from grid_opt.atomic import write_bytes
from grid_opt.errors import InputError
from grid_opt.solve.highs import BASIC, NONBASIC, UPPER, Basis
from grid_opt.solve.standard_form import Array, Flags, Numbers

Hashes = npt.NDArray[np.uint64]
Statuses = npt.NDArray[np.int8]

FILE: Final = "learnt.npz"
_ALIKE = 0.9
"""Share of columns and of rows, of a basis or of the program that is to begin with it, that both must have: the rest is
guessed."""


@dataclass(frozen=True)
class Learnt:
    """What one case leaves to the next: the statuses of the columns and rows of a basis, and points to cut at.

    Points are of sets of hours, named by the columns that those hang on; ``ends`` says where in ``at`` each ends.
    """

    columns: Hashes
    column_status: Statuses
    rows: Hashes
    row_status: Statuses
    sets: Hashes
    ends: Numbers
    at: Array

    def write(self, path: Path) -> None:
        """Write it into a file, atomically."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{one.name: getattr(self, one.name) for one in fields(self)})
        write_bytes(path, buffer.getvalue())


def read_learnt(path: Path) -> Learnt | None:
    """Read what a case left, ``None`` where it left nothing.

    Raises:
        InputError: the file holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return Learnt(**{one.name: file[one.name] for one in fields(Learnt)})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"not what a case left to others: {error}", file=path, fix="take the file away") from None


class Memory:
    """What a search begins with from another case, if anything, and what it leaves.

    ``cuts`` counts those made where the other case had cuts, and ``begun`` says whether its basis was begun with.
    ``point`` is the last answer of the relaxation.
    """

    def __init__(self, before: Learnt | None = None) -> None:
        self.before = before
        self.after: Learnt | None = None
        self.point: Array | None = None
        self.cuts, self.begun = 0, False
        self._latest = None if before is None else (_Statuses(before.columns, before.column_status),
                                                    _Statuses(before.rows, before.row_status))  # fmt: skip

    def used(self, columns: Hashes) -> Flags:
        """Return which columns were basic, or at their upper bounds, in the last basis: what the answer made use of."""
        if self._latest is None:
            return np.zeros(len(columns), dtype=bool)
        found: Flags = np.isin(self._latest[0].of(columns, NONBASIC), (BASIC, UPPER))
        return found

    def basis(self, columns: Hashes, rows: Hashes) -> Basis | None:
        """Return the last basis for a program with such columns and rows; ``None`` where that was of another one."""
        if self._latest is None:
            return None
        if min(kept.alike(names) for kept, names in zip(self._latest, (columns, rows), strict=True)) < _ALIKE:
            return None
        self.begun |= self.point is None  # later it is a basis of this case itself
        of_columns, of_rows = self._latest
        return Basis(of_columns.of(columns, NONBASIC), of_rows.of(rows, BASIC))

    def keep(self, columns: Hashes, rows: Hashes, basis: Basis, point: Array) -> None:
        """Take note of the basis that a program with such columns and rows ended with, and of the whole's answer."""
        self.point = point
        self._latest = _Statuses(columns, basis.columns), _Statuses(rows, basis.rows)

    def leave(self, sets: Hashes, ends: Numbers, at: Array) -> None:
        """Leave the last basis, and points, to other cases."""
        assert self._latest is not None
        columns, rows = self._latest
        self.after = Learnt(columns.names, columns.status, rows.names, rows.status, sets, ends, at)


class _Statuses:
    """The statuses of columns, or of rows, in a basis, by name."""

    def __init__(self, names: Hashes, status: Statuses) -> None:
        self.names, self.status = names, status
        self._order = np.argsort(names)

    def known(self, names: Hashes) -> Flags:
        """Return which of some names are among these."""
        found: Flags = np.isin(names, self.names)
        return found

    def alike(self, names: Hashes) -> float:
        """Return the share of some names, or of these where they are fewer, that both have."""
        return float(self.known(names).sum() / max(1, min(len(names), len(self.names))))

    def of(self, names: Hashes, otherwise: int) -> Statuses:
        """Return the statuses of some names: for those that are not among these, another one."""
        at = np.minimum(np.searchsorted(self.names, names, sorter=self._order), len(self.names) - 1)
        return np.where(self.known(names), self.status[self._order[at]], np.int8(otherwise))


def hashed(named: Sequence[Any]) -> Hashes:
    """Return a hash of the name of every column or row of a program, the same in every process."""
    names = [one if isinstance(one, str) else f"{one.parent_component().local_name}{one.index()!r}" for one in named]
    found: Hashes = pd.util.hash_array(np.array(names, dtype=object), categorize=False)
    return found


class Links:
    """Sets of hours by name: that of all columns that each hangs on, whatever their order; and the points of each."""

    def __init__(self, links: sp.csr_array, columns: Hashes) -> None:
        """Name sets by their ``links``, a row for every set, over ``columns`` with such names."""
        self._starts, names = links.indptr, columns[links.indices]
        self._order = np.lexsort((names, np.repeat(np.arange(links.shape[0]), np.diff(links.indptr))))
        self._names = names[self._order]
        self.sets = self._summed(_mixed(self._names))

    def of_points(self, sets: Numbers, at: Array) -> tuple[Numbers, Array]:
        """Return where the points of some sets end, one after the other, and their numbers, in an order of names.

        ``at`` has the number of every link of every set.
        """
        return np.cumsum(np.diff(self._starts)[sets]), at[self._order[self._spans(sets)]]

    def names_of_points(self, sets: Numbers, at: Array) -> Hashes:
        """Return a name for the point of each of some sets: that of the set, and the numbers there."""
        bits = (at + 0.0)[self._order].view(np.uint64)  # of two zeros, the one
        found: Hashes = (self.sets + self._summed(_mixed(bits ^ self._names)) * np.uint64(3))[sets]
        return found

    def layers(self, learnt: Learnt) -> Iterator[tuple[Numbers, Array]]:
        """Yield sets with the numbers of every link, until all points of theirs that were kept have come.

        Points of sets that hang on other columns than any here are left out.
        """
        order, begins = np.argsort(self.sets), np.append(0, learnt.ends)[:-1]
        points = np.flatnonzero(np.isin(learnt.sets, self.sets))
        mine = order[np.searchsorted(self.sets, learnt.sets[points], sorter=order)]
        fits = np.diff(self._starts)[mine] == (learnt.ends - begins)[points]
        points, mine = points[fits], mine[fits]
        while len(points):
            sets, first = np.unique(mine, return_index=True)
            chosen, numbers = points[first], np.zeros(len(self._order))
            numbers[self._order[self._spans(sets)]] = learnt.at[_spans(begins[chosen], learnt.ends[chosen])]
            yield sets, numbers
            points, mine = np.delete(points, first), np.delete(mine, first)

    def _spans(self, sets: Numbers) -> Numbers:
        return _spans(self._starts[sets], self._starts[sets + 1])

    def _summed(self, numbers: Hashes) -> Hashes:
        """Return the sum of the numbers of every set's links."""
        total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(numbers, dtype=np.uint64)])
        found: Hashes = total[self._starts[1:]] - total[self._starts[:-1]]
        return found


def _spans(begins: Numbers, ends: Numbers) -> Numbers:
    """Return the numbers from each beginning to before its end, one after the other."""
    size = ends - begins
    return np.repeat(ends - np.cumsum(size), size) + np.arange(size.sum())


def _mixed(numbers: Hashes) -> Hashes:
    """Return numbers mixed, so that sums of them tell sets apart (the finalizer of SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = numbers ^ (numbers >> np.uint64(31))
    return mixed
