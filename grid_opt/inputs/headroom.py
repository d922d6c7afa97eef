"""Date the headroom of regions, and take off what committed blocks use of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grid_opt.config import Case, quarter_ordinal

Floats = NDArray[np.float64]


def headroom_at(table: pd.DataFrame, regions: list[str], case: Case, ahead: int = 0) -> Floats:
    """Return dated headroom (region, quarter) [MW], scaled and delayed as the case asks, less what is committed.

    Quarters before the table's first have no headroom; quarters after its last keep the last value. ``ahead`` gives
    the headroom of so many quarters later.
    """
    wide = table.pivot_table(index="region", columns="quarter", values="headroom_mw", aggfunc="first").loc[regions]
    listed = np.array([quarter_ordinal(q) for q in wide.columns])
    order = np.argsort(listed)
    values = wide.to_numpy()[:, order]
    asked = np.array([quarter_ordinal(q) for q in case.quarters]) + ahead - case.grid.connection_delay_quarters
    position = np.searchsorted(listed[order], asked, side="right") - 1
    found = np.where(position >= 0, values[:, np.maximum(position, 0)], 0.0)
    left: Floats = np.maximum(0.0, case.grid.headroom_scale * found - committed_load(regions, case))
    return left


def committed_load(places: list[str], case: Case) -> Floats:
    """Return what committed blocks take of the headroom and the network of places (place, quarter) [MW]."""
    load = np.zeros((len(places), len(case.quarters)))
    for block in case.connection.committed.values():
        if block.takes_headroom and block.region in places:
            load[places.index(block.region)] += [block.mw(quarter) for quarter in case.quarters]
    return load
