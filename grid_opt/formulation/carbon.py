"""Count emissions on the ledger of the case, price them, and keep them under the cap of each year."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.config.sections_carbon import in_force
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.matching import HOURLY, YEARLY, Matching
from grid_opt.formulation.operation import Operation
from grid_opt.formulation.ports import Sources
from grid_opt.inputs.environment import at_slices
from grid_opt.units import KG_PER_T, USD_PER_MUSD


class Carbon:
    r"""Count a year's emissions by one of three rules, and let the case price and cap them.

    * ``location``: grid power at the meter times the average rate of its hour;
    * ``market``: the load that neither contracts, own plant nor certificates cover by the year, times the residual mix;
    * ``hourly``: the load that they do not match in the same hour and region, times the residual rate of the hour;

    and with each of them what own plant emits. The model has the one ledger that the case names; the other two are
    kept beside it when the plan is made. In the long-run year, which stands for several, a price is their mean by
    present value and a cap the smallest of theirs.
    """

    def __init__(
        self,
        build: Builder,
        case: Case,
        world: xr.Dataset,
        operation: Operation,
        matching: Matching | None,
        sources: Sources | None = None,
    ) -> None:
        self.build, self.case, self.operation, self.sources = build, case, operation, sources
        self.emitted = build.variable(
            "carbon.emitted", YEARLY, symbol="E", unit="t", domain="nonnegative",
            meaning="emissions of the year on the ledger of the case",
        )  # fmt: skip
        if case.carbon.ledger == "location":
            self._by_location(world)
        else:
            assert matching is not None  # the case asks for it
            (self._by_contracts if case.carbon.ledger == "market" else self._by_hour)(world, matching)
        self._limits()

    def _own_t(self, r: Index, a: Index) -> Expression:
        return 0.0 if self.sources is None else self.sources.emitted_t(r, a)

    def _hours(self, world: xr.Dataset) -> dict[Index, float]:
        found: dict[Index, float] = self.build.parameter(
            "carbon.hours", world["slice_weight"], ("slice",), symbol="w", unit="h",
            meaning="hours of the year that the slice stands for",
        )  # fmt: skip
        return found

    def _by_location(self, world: xr.Dataset) -> None:
        build, hours = self.build, self._hours(world)
        rate = build.parameter(
            "carbon.rate", at_slices(world["emission_average"], world) / (1 + world["loss"]) / KG_PER_T, HOURLY,
            symbol=r"\epsilon", unit="t/MWh",
            meaning="average emissions of grid power at the meter, by MWh bought, losses on the way included",
        )  # fmt: skip
        build.constraint(
            "carbon.ledger_location", YEARLY,
            lambda r, a: self.emitted[r, a]
            == build.total("slice", lambda s: rate[r, a, s] * hours[s] * self.operation.grid_mw(r, a, s))
            + self._own_t(r, a),
            unit="t", meaning="Grid power emits what the grid emits on average in its hour.",
        )  # fmt: skip

    def _by_contracts(self, world: xr.Dataset, matching: Matching) -> None:
        build = self.build
        rate = build.parameter(
            "carbon.residual_mix", world["residual_mix"], YEARLY, symbol=r"\bar\epsilon^{R}", unit="t/GWh",
            meaning="mean emissions of grid power whose certificates nobody holds",
        )  # fmt: skip
        build.constraint(
            "carbon.ledger_market", YEARLY,
            lambda r, a: self.emitted[r, a] == rate[r, a] * matching.uncovered[r, a] + self._own_t(r, a),
            unit="t", meaning="What nothing covers by the year emits the residual mix.",
        )  # fmt: skip

    def _by_hour(self, world: xr.Dataset, matching: Matching) -> None:
        build, hours = self.build, self._hours(world)
        rate = build.parameter(
            "carbon.residual_rate", at_slices(world["emission_residual"], world) / KG_PER_T, HOURLY,
            symbol=r"\epsilon^{R}", unit="t/MWh",
            meaning="emissions of grid power whose certificates nobody holds, by hour",
        )  # fmt: skip
        build.constraint(
            "carbon.ledger_hourly", YEARLY,
            lambda r, a: self.emitted[r, a]
            == build.total("slice", lambda s: rate[r, a, s] * hours[s] * matching.unmatched[r, a, s])
            + self._own_t(r, a),
            unit="t", meaning="What nothing matches in its hour emits the residual rate of the hour.",
        )  # fmt: skip

    def _limits(self) -> None:
        build, case = self.build, self.case
        if any(price > 0 for price in case.carbon.price_usd_per_t.values()):
            price = build.parameter(
                "carbon.price", carbon_price(case) * operating_weights(case).mean("season") / USD_PER_MUSD, ("year",),
                symbol=r"\pi^{E}", unit="million USD/t", meaning="price of a tonne, present value",
            )  # fmt: skip
            build.cost(
                "carbon.carbon_cost", YEARLY, lambda r, a: price[a] * self.emitted[r, a],
                meaning="Price of the emissions on the ledger.",
            )  # fmt: skip
        if case.carbon.cap_t:
            caps = {year: carbon_cap(case, year) for year in case.years}
            cap = build.parameter(
                "carbon.cap",
                xr.DataArray([c if c is not None else 0.0 for c in caps.values()], coords={"year": list(caps)},
                             dims=("year",)),
                ("year",), symbol=r"\overline{E}", unit="t", meaning="most emissions of the year",
            )  # fmt: skip
            build.constraint(
                "carbon.cap_year", ("year",),
                lambda a: build.total("region", lambda r: self.emitted[r, a]) <= cap[a],
                unit="t", meaning="All campuses together emit no more than the cap of the year.",
                where=lambda a: caps[a] is not None,
            )  # fmt: skip


def carbon_price(case: Case) -> xr.DataArray:
    """Return the price of a tonne by operating year [USD/t]: the mean of its calendar years by their present value."""
    rate, prices = case.finance.real_discount_rate, []
    for year in case.years:
        worth = {each: (1.0 + rate) ** (year - each) for each in case.represented_years(year)}
        paid = sum(w * (in_force(case.carbon.price_usd_per_t, each) or 0.0) for each, w in worth.items())
        prices.append(paid / sum(worth.values()))
    return xr.DataArray(prices, coords={"year": list(case.years)}, dims=("year",))


def carbon_cap(case: Case, year: int) -> float | None:
    """Return the cap of an operating year [t]: the smallest of its calendar years; ``None`` where there is none."""
    caps = [in_force(case.carbon.cap_t, each) for each in case.represented_years(year)]
    return min((cap for cap in caps if cap is not None), default=None)
