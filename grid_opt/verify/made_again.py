"""Compare the arrays of a plan's inputs with those made again, element by element, from the rows of tables."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import xarray as xr

from grid_opt.inputs.schema import WorldArray
from grid_opt.verify.check import Condition, Excess, check
from grid_opt.verify.evidence import Evidence

SAME_NUMBER = 1e-9
"""How far a number may be from the one made again, relative to its size and at least to 1."""

Maker = Callable[..., float | str]
"""Makes one element again from the evidence and the labels of its place."""


def check_made_again(name: str, declared: WorldArray, maker: Maker, *, when: Condition | None = None) -> None:
    """Enter the check that every element of an array is what the maker gives; names must be the same to the letter."""

    def rule(e: Evidence) -> Excess:
        labels = [e.labels(dim) for dim in declared.dims]
        again = np.array([maker(e, *key) for key in product(*labels)]).reshape([len(one) for one in labels])
        found = e[name]
        if declared.unit:
            allowed = SAME_NUMBER * np.maximum(1.0, abs(again))
            return Excess(found.copy(data=abs(found.values - again)), found.copy(data=allowed))
        other = found.values.astype(str) != again.astype(str)
        coords = {d: e.plan[d] for d in declared.dims}
        return Excess(xr.DataArray(other.astype(float), dims=declared.dims, coords=coords), 0.5)

    check(f"tables.{name}", f"`{name}` is what tables and case give.", declared.unit or "1", when=when)(rule)
