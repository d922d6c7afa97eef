"""Run the halls hour by hour: draw power, buy it, and shed compute where power costs more than compute is worth."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.ports import Load, Sources


class FixedCapacity:
    """Stand in for investment with numbers, so that the operation of a part can be built and solved alone."""

    def __init__(self, it_mw: xr.DataArray) -> None:
        self._it_mw = it_mw.transpose("region", "quarter").to_series().to_dict()

    def it_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the IT nameplate in service in ``region`` through ``quarter`` [MW]."""
        return self._it_mw[region, quarter]


class Operation:
    """Balance the power of every region in every slice of every operating year.

    It meets the computers in one place, :class:`~grid_opt.formulation.ports.Load`, and sources of power beside
    wholesale in another, :class:`~grid_opt.formulation.ports.Sources`. No constraint of its own joins two regions
    or two years: given the load and without such sources, the operation of any part can be solved by itself.
    """

    def __init__(
        self, build: Builder, case: Case, world: xr.Dataset, load: Load, sources: Sources | None = None
    ) -> None:
        self.sources = sources
        over = ("region", "year", "slice")
        self.load = load
        self.season_of = build.mapping(
            dict(zip(world["slice"].values.tolist(), world["slice_season"].values.astype(int).tolist(), strict=True)),
            symbol="c",
        )
        flexible = build.parameter(
            "operation.flexibility", case.flexibility.max_curtailment_fraction, symbol=r"\phi", unit="1",
            meaning="largest share of the IT power drawn that may be shed in an hour",
        )  # fmt: skip
        self.pue = pue = build.parameter(
            "operation.pue", world["pue"], ("region", "season"), symbol=r"\bar\eta", unit="1",
            meaning="mean facility power per IT power in the calendar quarter",
        )  # fmt: skip
        loss = build.parameter(
            "operation.loss", world["loss"], ("region",), symbol=r"\lambda", unit="1",
            meaning="delivery losses as a share of metered energy",
        )  # fmt: skip
        self.purchase = build.variable(
            "operation.purchase", over, symbol="p", unit="MW", domain="nonnegative",
            meaning="power bought at wholesale, delivery losses included",
        )  # fmt: skip
        self.curtailment = build.variable(
            "operation.curtailment", over, symbol="x", unit="MW", domain="nonnegative", meaning="IT power shed"
        )

        build.constraint(
            "operation.curtailment_limit", over,
            lambda r, a, s: self.curtailment[r, a, s] <= flexible * load.drawn_mw(r, a, s),
            unit="MW", meaning="No more compute is shed than its users tolerate.",
        )  # fmt: skip
        build.constraint(
            "operation.power_balance", over,
            lambda r, a, s: self.purchase[r, a, s] + self._supplied_mw(r, a, s)
            == (1 + loss[r]) * pue[r, self.season_of[s]] * (load.drawn_mw(r, a, s) - self.curtailment[r, a, s]),
            unit="MW", meaning="Power bought or supplied otherwise covers IT, cooling and delivery losses.",
        )  # fmt: skip

    def _supplied_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        return 0.0 if self.sources is None else self.sources.supplied_mw(region, year, slice_)

    def metered_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return what comes over the grid, delivery losses included [MW]: purchases and physical contracts."""
        return self.purchase[region, year, slice_] + self.delivered_mw(region, year, slice_)

    def delivered_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the power of physical contracts, delivery losses included [MW]; 0 where none may be signed."""
        return 0.0 if self.sources is None else self.sources.wheeled_mw(region, year, slice_)

    def bought_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the power bought in ``region`` in a slice [MW]."""
        return self.purchase[region, year, slice_]

    def running_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the IT power that runs in a slice [MW]."""
        return self.load.drawn_mw(region, year, slice_) - self.curtailment[region, year, slice_]

    def facility_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the load of the campus at its meter in a slice [MW], wherever its power comes from."""
        return self.pue[region, self.season_of[slice_]] * self.running_mw(region, year, slice_)


def quarter_of(case: Case, world: xr.Dataset) -> Mapping[tuple[int, int], str]:
    """Return the quarter whose capacity serves each (year, slice): the last quarter in the long-run year."""
    seasons = dict(zip(world["slice"].values.tolist(), world["slice_season"].values.tolist(), strict=True))
    years = world["year"].values.tolist()
    return {(a, s): case.capacity_quarter(a, int(c)) for a in years for s, c in seasons.items()}
