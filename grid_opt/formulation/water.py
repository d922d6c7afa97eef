"""Count the water that cooling consumes, price it, and keep it under a cap where it is scarce."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.config.sections_carbon import in_force
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.certificates import YEARLY
from grid_opt.formulation.operation import Operation
from grid_opt.units import USD_PER_MUSD


class Water:
    r"""Count the water of a year by the IT power that runs, :math:`V_{r,a} = \sum_s w_s\, \omega_{r,c(s)}\, x_{r,a,s}`.

    A litre per kWh is a cubic metre per MWh. Price and cap go by the water stress of the region: a cap on a stress is
    on all regions of that stress or a higher one together.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, operation: Operation) -> None:
        self.build, self.case = build, case
        hours = build.parameter(
            "water.hours", world["slice_weight"], ("slice",), symbol="w", unit="h",
            meaning="hours of the year that the slice stands for",
        )  # fmt: skip
        intensity = build.parameter(
            "water.intensity", world["water_intensity"], ("region", "season"), symbol=r"\omega", unit="m3/MWh",
            meaning="water consumed per IT energy",
        )  # fmt: skip
        self.consumed = build.variable(
            "water.consumed", YEARLY, symbol="V", unit="m3", domain="nonnegative", meaning="water consumed in the year"
        )
        season_of = operation.season_of

        def used(r: Index, a: Index) -> Expression:
            return build.total("slice", lambda s: intensity[r, season_of[s]] * hours[s] * operation.running_mw(r, a, s))

        build.constraint(
            "water.balance", YEARLY, lambda r, a: self.consumed[r, a] == used(r, a),
            unit="m3", meaning="Cooling consumes water by the power that runs.",
        )  # fmt: skip
        self._limits(world)

    def _limits(self, world: xr.Dataset) -> None:
        build, water = self.build, self.case.water
        if any(price > 0 for price in water.price_usd_per_m3.values()):
            price = build.parameter(
                "water.price",
                water_price(self.case, world) * operating_weights(self.case).mean("season") / USD_PER_MUSD, YEARLY,
                symbol=r"\pi^{V}", unit="million USD/m3", meaning="price of a cubic metre, present value",
            )  # fmt: skip
            build.cost(
                "water.water_cost", YEARLY, lambda r, a: price[r, a] * self.consumed[r, a],
                meaning="Price of the water consumed.",
            )  # fmt: skip
        if water.cap_m3:
            at_least = build.mapping(regions_by_stress(world), symbol=r"\mathcal{R}")
            cap = build.parameter(
                "water.cap",
                xr.DataArray([water.cap_m3.get(int(n), 0.0) for n in world["basin"].values],
                             coords={"basin": world["basin"].values}, dims=("basin",)),
                ("basin",), symbol=r"\overline{V}", unit="m3", meaning="most water of a year in regions so stressed",
            )  # fmt: skip
            build.constraint(
                "water.cap_stress", ("basin", "year"),
                lambda n, a: build.total(at_least[n], lambda r: self.consumed[r, a]) <= cap[n],
                unit="m3", meaning="Regions of a water stress or a higher one consume no more than its cap.",
                where=lambda n, a: n in water.cap_m3 and len(at_least[n]) > 0,
            )  # fmt: skip


def water_price(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return the price of a cubic metre by region [USD/m3]."""
    stress = world["water_stress"]
    values = [in_force(case.water.price_usd_per_m3, int(level)) or 0.0 for level in stress.values]
    return xr.DataArray(values, coords={"region": stress["region"]}, dims=("region",))


def regions_by_stress(world: xr.Dataset) -> dict[int, list[str]]:
    """Return, for each water stress, the regions of that stress or a higher one."""
    stress = dict(zip(world["region"].values.tolist(), world["water_stress"].values.tolist(), strict=True))
    return {int(n): [r for r, level in stress.items() if level >= n] for n in world["basin"].values}
