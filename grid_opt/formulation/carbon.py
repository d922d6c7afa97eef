"""Count emissions on the ledger of the case, price them, and keep them under the cap of each year."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.config.sections_carbon import in_force
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.certificates import HOURLY, YEARLY, Certificates
from grid_opt.formulation.operation import Operation
from grid_opt.formulation.ports import Sources
from grid_opt.inputs.environment import at_slices
from grid_opt.units import KG_PER_T, MWH_PER_GWH, USD_PER_MUSD


class Carbon:
    r"""Count a year's emissions by one of three rules, and let the case price and cap them.

    * ``location``: grid power at the meter, :math:`m`, times the average rate of its hour;
    * ``market``: what carbon-free contracts, :math:`k`, and certificates do not cover of it by the year, times the
      residual mix;
    * ``hourly``: what they do not cover in the same hour and region, :math:`v`, times the residual rate of the hour;

    and with each of them what own plant emits. Own carbon-free output lowers what is drawn from the grid and so counts
    under every rule. The model has the one ledger that the case names; the other two are kept beside it when the plan
    is made. In the long-run year, which stands for several, a price is their mean by present value and a cap the
    smallest of theirs. Under the rules that count contracts, :math:`E` is bounded from below only.
    """

    def __init__(
        self,
        build: Builder,
        case: Case,
        world: xr.Dataset,
        operation: Operation,
        certificates: Certificates,
        sources: Sources | None = None,
    ) -> None:
        self.build, self.case, self.operation, self.sources = build, case, operation, sources
        self.bought = certificates
        self.hours = build.parameter(
            "carbon.hours", world["slice_weight"], ("slice",), symbol="w", unit="h",
            meaning="hours of the year that the slice stands for",
        )  # fmt: skip
        self.meter = build.parameter(
            "carbon.meter", 1 / (1 + world["loss"]), ("region",), symbol=r"\mu", unit="1",
            meaning="power at the meter by power bought",
        )  # fmt: skip
        self.emitted = build.variable(
            "carbon.emitted", YEARLY, symbol="E", unit="t", domain="nonnegative",
            meaning="emissions of the year on the ledger of the case",
        )  # fmt: skip
        rules = {"location": self._by_location, "market": self._by_year, "hourly": self._by_hour}
        rules[case.carbon.ledger](world)
        self._limits()

    def _own_t(self, r: Index, a: Index) -> Expression:
        return 0.0 if self.sources is None else self.sources.emitted_t(r, a)

    def _drawn_mw(self, r: Index, a: Index, s: Index) -> Expression:
        """Return what is drawn from the grid, at the meter [MW]."""
        return self.meter[r] * self.operation.metered_mw(r, a, s)

    def _unclaimed_mw(self, r: Index, a: Index, s: Index) -> Expression:
        """Return it less what carbon-free contracts make, and less hourly certificates [MW]."""
        left = self._drawn_mw(r, a, s) - self.bought.certified_mw(r, a, s)
        if self.sources is None:
            return left
        return left - self.sources.contracted_clean_mw(r, a, s)

    def _by_location(self, world: xr.Dataset) -> None:
        build, hours = self.build, self.hours
        rate = build.parameter(
            "carbon.rate", at_slices(world["emission_average"], world) / KG_PER_T, HOURLY, symbol=r"\epsilon",
            unit="t/MWh", meaning="average emissions of grid power",
        )  # fmt: skip
        build.constraint(
            "carbon.ledger_location", YEARLY,
            lambda r, a: self.emitted[r, a]
            == build.total("slice", lambda s: rate[r, a, s] * hours[s] * self._drawn_mw(r, a, s)) + self._own_t(r, a),
            unit="t", meaning="Grid power emits what the grid emits on average in its hour.",
        )  # fmt: skip

    def _by_year(self, world: xr.Dataset) -> None:
        build, hours = self.build, self.hours
        rate = build.parameter(
            "carbon.residual_mix", world["residual_mix"] / KG_PER_T, YEARLY, symbol=r"\bar\epsilon^{R}", unit="t/MWh",
            meaning="mean emissions of grid power whose certificates nobody holds",
        )  # fmt: skip

        def uncovered(r: Index, a: Index) -> Expression:
            left = build.total("slice", lambda s: hours[s] * self._unclaimed_mw(r, a, s))
            return left - MWH_PER_GWH * self.bought.certified_gwh(r, a) if self.bought.by_year else left

        build.constraint(
            "carbon.ledger_market", YEARLY,
            lambda r, a: self.emitted[r, a] >= rate[r, a] * uncovered(r, a) + self._own_t(r, a),
            unit="t", meaning="What nothing covers by the year emits the residual mix.",
        )  # fmt: skip
        if self.sources is not None:
            build.constraint(
                "carbon.ledger_own", YEARLY, lambda r, a: self.emitted[r, a] >= self._own_t(r, a),
                unit="t", meaning="No contract and no certificate covers what own plant emits.",
            )  # fmt: skip

    def _by_hour(self, world: xr.Dataset) -> None:
        build, hours = self.build, self.hours
        rate = build.parameter(
            "carbon.residual_rate", at_slices(world["emission_residual"], world) / KG_PER_T, HOURLY,
            symbol=r"\epsilon^{R}", unit="t/MWh",
            meaning="emissions of grid power whose certificates nobody holds, by hour",
        )  # fmt: skip
        self.unclaimed = build.variable(
            "carbon.unclaimed", HOURLY, symbol="v", unit="MW", domain="nonnegative",
            meaning="grid power that neither contracts nor hourly certificates cover in the same hour",
        )  # fmt: skip
        build.constraint(
            "carbon.claim", HOURLY, lambda r, a, s: self.unclaimed[r, a, s] >= self._unclaimed_mw(r, a, s),
            unit="MW", meaning="Contracts and hourly certificates cover grid power only in their hour and region.",
        )  # fmt: skip
        build.constraint(
            "carbon.ledger_hourly", YEARLY,
            lambda r, a: self.emitted[r, a]
            >= build.total("slice", lambda s: rate[r, a, s] * hours[s] * self.unclaimed[r, a, s]) + self._own_t(r, a),
            unit="t", meaning="What nothing covers in its hour emits the residual rate of the hour.",
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
