"""Keep every campus within the MW that the grid will connect by then."""

from __future__ import annotations

import xarray as xr

from grid_opt.formulation.block import Builder
from grid_opt.formulation.campus import Campus


class Connection:
    """Bound the facility load of a campus at its design day by the dated hosting headroom of its region.

    The headroom multiplies ``site``, not 1: with whole halls this is valid, and it is what keeps a campus in the
    linear relaxation from opening by a sliver.
    """

    def __init__(self, build: Builder, world: xr.Dataset, campus: Campus) -> None:
        over = ("region", "quarter")
        pue = build.parameter(
            "connection.pue_peak", world["pue_peak"], ("region",), symbol=r"\hat\eta", unit="1",
            meaning="facility power per IT power on the design day",
        )  # fmt: skip
        headroom = build.parameter(
            "connection.hosting", world["headroom"], over, symbol="H", unit="MW",
            meaning="facility load that the grid connects by the quarter",
        )  # fmt: skip
        build.constraint(
            "connection.headroom", over,
            lambda r, q: pue[r] * campus.it_mw(r, q) <= headroom[r, q] * campus.site[r, q],
            unit="MW", meaning="The campus at its design day stays within the dated headroom of its region.",
        )  # fmt: skip
