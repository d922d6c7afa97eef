"""Put contracts, blocks bought ahead, and plant on site together: what a campus has beside wholesale."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.contracts import Contracts
from grid_opt.formulation.forwards import Forwards
from grid_opt.formulation.money import Hours
from grid_opt.formulation.onsite import OnSite
from grid_opt.formulation.operation import Operation, quarter_of
from grid_opt.formulation.own_dispatch import Plants, Stores
from grid_opt.formulation.ports import Capacity, Connected, Load
from grid_opt.formulation.store_energy import StoreEnergy
from grid_opt.units import MONTHS_PER_QUARTER, USD_PER_MUSD

GWH_PER_MWH = 1e-3
_OVER = ("region", "year", "slice")


class Supply:
    r"""Offer the power balance all sources beside wholesale, and keep them within load and connection.

    Losses of delivery fall on what comes over the grid. A MW made on site spares them, and so takes the place of
    :math:`1 + \lambda` MW of purchases; a MW that leaves over the connection is sold at the wholesale price less a
    margin, never more than is made on site, nor than the case's share of the connection. Purchases and exports of the
    same slice would lose the margin, so that none is made for its own sake.
    """

    def __init__(
        self,
        build: Builder,
        case: Case,
        world: xr.Dataset,
        load: Load,
        connected: Connected,
        onsite: OnSite | None,
        energy: StoreEnergy | None,
    ) -> None:
        self.build, self.case, self.world, self.load, self.onsite = build, case, world, load, onsite
        self.hours = hours = Hours(build, case, world)
        self.connected = connected
        self.loss = build.parameter(
            "supply.loss", world["loss"], ("region",), symbol=r"\lambda", unit="1",
            meaning="delivery losses as a share of metered energy",
        )  # fmt: skip
        self.pue = build.parameter(
            "supply.pue", world["pue"], ("region", "season"), symbol=r"\bar\eta", unit="1",
            meaning="mean facility power per IT power in the calendar quarter",
        )  # fmt: skip
        self.when = build.mapping(quarter_of(case, world), symbol="q")
        self.contracts = Contracts(build, case, world, hours) if case.supply.contracts else None
        self.forwards = Forwards(build, world, hours) if case.supply.forwards else None
        self.plants: Plants | None = None
        self.stores: Stores | None = None
        if onsite is not None:
            self.plants = Plants(build, case, world, onsite, hours) if case.supply.plants else None
            self.stores = None if energy is None else Stores(build, case, world, onsite, energy, hours)
            if case.supply.exports:
                self._export(world, onsite)
        self._within_load(world)

    # --- what other blocks ask for

    def supplied_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return what takes the place of wholesale purchases in a slice, delivery losses included [MW]."""
        at = (region, year, slice_)
        delivered = self.wheeled_mw(*at)
        if self.onsite is None:
            return delivered
        inside = self.own_mw(*at) - self.exported[at] if self.case.supply.exports else self.own_mw(*at)
        return delivered + (1 + self.loss[region]) * inside

    def own_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return what is made on site, and given by batteries less what they take [MW]."""
        made = 0.0 if self.plants is None else self.plants.made_mw(region, year, slice_)
        return made + self.stored_mw(region, year, slice_)

    def wheeled_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the power of physical contracts, delivery losses included [MW]."""
        return 0.0 if self.contracts is None else self.contracts.wheeled_mw(region, year, slice_)

    def clean_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return carbon-free production that counts for a region in a slice [MW], batteries aside."""
        own = 0.0 if self.plants is None else self.plants.clean_mw(region, year, slice_)
        return self.contracted_clean_mw(region, year, slice_) + own

    def contracted_clean_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the part of it that is made under contracts [MW]."""
        return 0.0 if self.contracts is None else self.contracts.clean_mw(region, year, slice_)

    def stored_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return what batteries give in a slice, less what they take [MW]."""
        return 0.0 if self.stores is None else self.stores.net_mw(region, year, slice_)

    def emitted_t(self, region: Index, year: Index) -> Expression:
        """Return what own plant emits in an operating year [t CO2]."""
        return 0.0 if self.plants is None else self.plants.emitted_t(region, year)

    def accredited_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the capacity obligation that own supply takes away [MW]."""
        return 0.0 if self.onsite is None else self.onsite.accredited_mw(region, quarter)

    # --- limits

    def limit_draw(self, operation: Operation, capacity: Capacity) -> None:
        """Keep what a campus with batteries draws from the grid within its connection, once purchases are known.

        Where a tariff bills demand, that is the demand of the declared peak days: charging must not raise it unbilled.
        """
        if self.stores is None:
            return
        build, season_of, most = self.build, self.hours.season_of, self.connected.contracted
        if self.case.tariffs.charge:
            design = build.parameter(
                "supply.design_pue", design_pue(self.world), ("region", "season"), symbol=r"\eta^{D}", unit="1",
                meaning="least facility power per IT power on the declared peak days of the calendar quarter",
            )  # fmt: skip

            def limit(r: Index, a: Index, s: Index) -> Expression:
                return design[r, season_of[s]] * capacity.it_mw(r, self.when[a, s])

        else:

            def limit(r: Index, a: Index, s: Index) -> Expression:
                return most(r, self.when[a, s])

        build.constraint(
            "supply.within_connection", _OVER,
            lambda r, a, s: operation.metered_mw(r, a, s) <= (1 + self.loss[r]) * limit(r, a, s),
            unit="MW", meaning="No more is drawn from the grid than is connected, charging included.",
            where=self.stores.charges,
        )  # fmt: skip

    def _export(self, world: xr.Dataset, onsite: OnSite) -> None:
        build, case, hours = self.build, self.case, self.hours
        share = build.parameter(
            "supply.export_share", case.supply.export_share, symbol=r"\sigma^{E}", unit="1",
            meaning="own power that may leave over the connection, as a share of its MW",
        )  # fmt: skip
        revenue = build.parameter(
            "supply.sale_price", (world["price"] - case.supply.sale_margin_usd_per_mwh) / USD_PER_MUSD, _OVER,
            symbol=r"\pi^{E}", unit="million USD/MWh", meaning="wholesale price less the margin of a sale",
        )  # fmt: skip
        may = build.mapping({r: float(here) for r, here in onsite.has_own.items()}, symbol=r"\chi^{O}")
        self.exported = build.variable(
            "supply.exported", _OVER, symbol="v", unit="MW", domain="nonnegative",
            bounds=lambda r, a, s: (0, None if may[r] else 0), meaning="own power that leaves over the connection",
        )  # fmt: skip
        build.constraint(
            "supply.export_made", _OVER,
            lambda r, a, s: self.exported[r, a, s] <= self._given_mw(r, a, s),
            unit="MW", meaning="No more leaves than is made or given on site.", where=lambda r, a, s: may[r] > 0,
        )  # fmt: skip
        build.constraint(
            "supply.export_limit", _OVER,
            lambda r, a, s: self.exported[r, a, s] <= share * self.connected.contracted(r, self.when[a, s]),
            unit="MW", meaning="Nor than the connection takes.", where=lambda r, a, s: may[r] > 0,
        )  # fmt: skip
        build.cost(
            "supply.export_revenue", ("region", "year"),
            lambda r, a: hours.over_year(a, lambda s: -revenue[r, a, s] * self.exported[r, a, s]),
            meaning="Own power sold, at the wholesale price less the margin: a negative cost.",
        )  # fmt: skip

    def _given_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        made = 0.0 if self.plants is None else self.plants.made_mw(region, year, slice_)
        return made + (0.0 if self.stores is None else self.stores.given_mw(region, year, slice_))

    def _drawn_mwh(self, region: Index, year: Index) -> Expression:
        """Return what the computers of a region want in a year, with cooling and delivery losses [MWh]."""
        hours = self.hours
        return self.build.total(
            "slice",
            lambda s: (
                hours.weight[s]
                * ((1 + self.loss[region]) * self.pue[region, hours.season_of[s]] * self.load.drawn_mw(region, year, s))
            ),
        )

    def _within_load(self, world: xr.Dataset) -> None:
        """Declare that contracts hedge a load, and how much of it at least."""
        build, case, contracts = self.build, self.case, self.contracts
        if contracts is not None:
            count = build.parameter(
                "supply.years", _years(case), ("year",), symbol="Y", unit="1",
                meaning="calendar years that the operating year stands for",
            )  # fmt: skip
            most = build.parameter(
                "supply.most_contracted", case.supply.most_contracted_share, symbol=r"\overline{\sigma}", unit="1",
                meaning="most energy under long contracts by what the campuses of the region draw",
            )  # fmt: skip
            signs = {r: r in set(world["ppa_region"].values.tolist()) for r in world["region"].values.tolist()}
            build.constraint(
                "supply.contracted_most", ("region",),
                lambda r: build.total("year", lambda a: GWH_PER_MWH * count[a] * contracts.made_mwh(r, a))
                <= most * build.total("year", lambda a: GWH_PER_MWH * count[a] * self._drawn_mwh(r, a)),
                unit="GWh", meaning="Over the plan long contracts make no more than the campuses of the region draw.",
                where=lambda r: signs[r],
            )  # fmt: skip
        if case.supply.least_hedged_share > 0:
            self._hedge()

    def _hedge(self) -> None:
        build = self.build
        least = build.parameter(
            "supply.least_hedged", self.case.supply.least_hedged_share, symbol=r"\underline{\sigma}", unit="1",
            meaning="least share of a year's energy whose price is fixed",
        )  # fmt: skip

        def fixed(r: Index, a: Index) -> Expression:
            long_ = 0.0 if self.contracts is None else self.contracts.made_mwh(r, a)
            return long_ + (0.0 if self.forwards is None else self.forwards.fixed_mwh(r, a))

        build.constraint(
            "supply.hedged", ("region", "year"),
            lambda r, a: GWH_PER_MWH * fixed(r, a) >= least * (GWH_PER_MWH * self._drawn_mwh(r, a)),
            unit="GWh", meaning="Long contracts and blocks fix the price of so much of the year's energy.",
        )  # fmt: skip


def design_pue(world: xr.Dataset) -> xr.DataArray:
    """Return the least PUE of a declared peak day in each calendar quarter, (region, season)."""
    by_month = world["design_pue"]
    season = xr.DataArray((by_month["month"].values - 1) // MONTHS_PER_QUARTER + 1, dims="month", name="season")
    return by_month.groupby(season).min("month").transpose("region", "season")


def _years(case: Case) -> xr.DataArray:
    counts = [float(len(case.represented_years(a))) for a in case.years]
    return xr.DataArray(counts, coords={"year": list(case.years)}, dims=("year",))
