"""Choose whose plan each case of a sweep begins with: that of the nearest case before it, in an order that spreads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grid_opt.study.sweeps.manifest import Entry, Manifest

Floats = npt.NDArray[np.float64]


def lineage(manifest: Manifest) -> dict[str, str | None]:
    """Return the digest of every run, in the order in which they run, with that of the run whose plan it begins with.

    The first case is the first. Every next one is that which is farthest from all before it, and begins with the plan
    of the nearest of those (Gonzalez, Theoretical Computer Science 38, 1985): corners come first, and what lies between
    them finds a plan close by. All of this follows from the account alone, so that a sweep that was killed and resumed
    gives every case the plan to begin with that it would have had. Without reuse all begin with none, as they come.
    """
    digests = list(manifest.runs)
    if not manifest.reuse:
        return dict.fromkeys(digests)
    where = {entry.run: entry for entry in reversed(manifest.cases)}  # of equal cases, the first
    points = _points([where[digest] for digest in digests])
    first = digests.index(manifest.cases[0].run)
    near, parent = _apart(points, first), np.full(len(digests), first)
    found: dict[str, str | None] = {digests[first]: None}
    near[first] = -1.0
    for _ in range(len(digests) - 1):
        new = int(np.argmax(near))
        found[digests[new]] = digests[parent[new]]
        apart = _apart(points, new)
        nearer = (apart < near) & (near >= 0.0)
        near[nearer], parent[nearer] = apart[nearer], new
        near[new] = -1.0
    return found


def _apart(points: Floats, one: int) -> Floats:
    """Return how far all points are from one."""
    found: Floats = np.abs(points - points[one]).sum(axis=1)
    return found


def _points(entries: Sequence[Entry]) -> Floats:
    """Return the place of every case: numbers from 0 to 1 over their range, and 0 or 1 for every other value."""
    columns = []
    for axis in dict.fromkeys(name for entry in entries for name in entry.place):
        columns += _axis([entry.place.get(axis) for entry in entries])
    columns += _axis([entry.scenario for entry in entries])
    return np.array(columns, dtype=float).reshape(len(columns), len(entries)).T


def _axis(values: Sequence[Any]) -> list[Floats]:
    numbers = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in numbers):
        low, high = min(numbers, default=0.0), max(numbers, default=0.0)
        # A tornado's base lies on no axis: there, it is where all of them are as in the case.
        return [np.array([-1.0 if v is None else (v - low) / ((high - low) or 1.0) for v in values], dtype=float)]
    kinds = list(dict.fromkeys(map(repr, values)))
    half = 0.5 if len(kinds) > 1 else 0.0  # two that differ are 1 apart
    return [np.array([half * (repr(v) == kind) for v in values], dtype=float) for kind in kinds]
