"""Buy blocks of power ahead, at a premium on what waiting is expected to cost."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.money import Hours
from grid_opt.inputs.basis import hub_price
from grid_opt.units import USD_PER_MUSD

_OVER = ("forward", "year", "season")


class Forwards:
    """Choose the MW of blocks bought ahead: flat or peak, by the calendar quarter or by the year.

    A block settles in money: its price is paid and the price of the region's hub in its hours received, so that what it
    costs on expectation is the premium. It is bought where the case asks that some of the energy have its price fixed.

    The campus itself pays the price of its own place, :math:`\\pi = \\pi^{H} + b`. With a block of all its load it pays
    the price of the block and the basis :math:`b`, whatever the hub does: a hedge leaves the basis open.
    """

    def __init__(self, build: Builder, world: xr.Dataset, hours: Hours) -> None:
        self.build = build
        most = build.parameter(
            "forwards.most", world["forward_most"], _OVER, symbol=r"\overline{Y}", unit="MW",
            meaning="most MW of the block in the region",
        )  # fmt: skip
        in_block = block_hours(world)
        self.block_hours = build.parameter(
            "forwards.hours", in_block, ("forward", "season"), symbol="h^{Y}", unit="h",
            meaning="hours of the block in the calendar quarter",
        )  # fmt: skip
        premium = build.parameter(
            "forwards.premium", (world["forward_price"] * in_block - spot_usd(world)) / USD_PER_MUSD, _OVER,
            symbol=r"\rho", unit="million USD/MW", meaning="price of the block less those of the hub, over its hours",
        )  # fmt: skip
        self.mw = build.variable(
            "forwards.forward_mw", _OVER, symbol="m^{Y}", unit="MW", domain="nonnegative",
            bounds=lambda y, a, c: (0, most[y, a, c]), meaning="MW of the block bought ahead",
        )  # fmt: skip
        regions = world["region"].values.tolist()
        blocks = list(zip(world["forward"].values.tolist(), world["forward_region"].values.tolist(), strict=True))
        self.at = build.mapping({r: [y for y, mine in blocks if mine == r] for r in regions}, symbol=r"\mathcal{Y}")
        yearly = dict(zip(world["forward"].values.tolist(), world["forward_yearly"].values.tolist(), strict=True))
        last = build.last("season")
        build.constraint(
            "forwards.yearly", _OVER, lambda y, a, c: self.mw[y, a, c] == self.mw[y, a, last],
            unit="MW", meaning="A block that is bought by the year is the same in all its quarters.",
            where=lambda y, a, c: yearly[y] > 0 and c != last,
        )  # fmt: skip
        build.cost(
            "forwards.forward_premium", ("forward", "year"),
            lambda y, a: build.total("season", lambda c: hours.worth[a, c] * premium[y, a, c] * self.mw[y, a, c]),
            meaning="Blocks bought ahead, less the price of the hub in their hours.",
        )  # fmt: skip

    def fixed_mwh(self, region: Index, year: Index) -> Expression:
        """Return the energy of a year whose price blocks fix [MWh]."""
        build = self.build
        return build.total(
            self.at[region],
            lambda y: build.total("season", lambda c: self.block_hours[y, c] * self.mw[y, year, c]),
        )


def block_hours(world: xr.Dataset) -> xr.DataArray:
    """Return the hours of every block in every calendar quarter (forward, season) [h]."""
    return _by_season(world, (world["forward_in"] * world["slice_weight"]).transpose("forward", "slice"))


def spot_usd(world: xr.Dataset) -> xr.DataArray:
    """Return what a MW in the hours of every block costs at the hub (forward, year, season) [USD]."""
    price = hub_price(world).sel(region=xr.DataArray(world["forward_region"].values, dims="forward"))
    each = (price.drop_vars("region") * world["forward_in"] * world["slice_weight"]).transpose(
        "forward", "year", "slice"
    )
    return _by_season(world, each)


def _by_season(world: xr.Dataset, hourly: xr.DataArray) -> xr.DataArray:
    season = world["slice_season"].values.astype(int)
    parts = [np.asarray(hourly.values[..., season == c].sum(axis=-1)) for c in world["season"].values.tolist()]
    coords = {d: hourly[d].values for d in hourly.dims[:-1] if d in hourly.coords} | {"season": world["season"].values}
    if "forward" not in hourly.coords:
        coords["forward"] = world["forward"].values
    return xr.DataArray(np.stack(parts, axis=-1), coords=coords, dims=(*hourly.dims[:-1], "season"))
