"""Buy energy attribute certificates, of the year or of the hour, as far as the case offers them."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import operating_weights
from grid_opt.inputs.environment import at_slices
from grid_opt.units import MWH_PER_GWH, USD_PER_MUSD

YEARLY = ("region", "year")
HOURLY = ("region", "year", "slice")


class Certificates:
    r"""Buy certificates at a price, up to a volume.

    A certificate of the year, :math:`B`, is for a MWh of any hour of it. An hourly one, :math:`b`, is for a MWh made in
    the hour on the grid of the region; of those there are as many as the case says where all of the grid is
    carbon-free, and in other hours in proportion to its carbon-free share. It counts by the year too.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset) -> None:
        self.build, self.by_year, self.by_hour = build, case.carbon.buys_annual, case.carbon.buys_hourly
        self.hours = build.parameter(
            "certificates.hours", world["slice_weight"], ("slice",), symbol="w", unit="h",
            meaning="hours of the year that the slice stands for",
        )  # fmt: skip
        if self.by_hour:
            self._hourly(case, world)
        if self.by_year:
            self._annual(case)
        if self.by_hour or self.by_year:
            self._pay(case)

    def certified_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the hourly certificates bought for a slice [MW]."""
        return self.granular[region, year, slice_] if self.by_hour else 0.0

    def certified_gwh(self, region: Index, year: Index) -> Expression:
        """Return the certificates of the year bought [GWh], hourly ones aside."""
        return self.certificates[region, year] if self.by_year else 0.0

    def _hourly(self, case: Case, world: xr.Dataset) -> None:
        build = self.build
        most = build.parameter(
            "certificates.granular_most",
            case.carbon.hourly_certificates_mw * at_slices(world["grid_carbon_free"], world), HOURLY,
            symbol=r"\overline{b}", unit="MW",
            meaning="most hourly certificates: the case's MW times the carbon-free share of the grid in the hour",
        )  # fmt: skip
        self.granular = build.variable(
            "certificates.granular", HOURLY, symbol="b", unit="MW", domain="nonnegative",
            bounds=lambda r, a, s: (0, most[r, a, s]), meaning="hourly certificates bought",
        )  # fmt: skip

    def _annual(self, case: Case) -> None:
        build = self.build
        limit = build.parameter(
            "certificates.most", case.carbon.annual_certificates_gwh, symbol=r"\overline{B}", unit="GWh",
            meaning="most certificates of a year",
        )  # fmt: skip
        self.certificates = build.variable(
            "certificates.certificates", YEARLY, symbol="B", unit="GWh", domain="nonnegative",
            meaning="certificates of the year bought",
        )  # fmt: skip
        build.constraint(
            "certificates.limit", ("year",),
            lambda a: build.total("region", lambda r: self.certificates[r, a]) <= limit,
            unit="GWh", meaning="No more certificates are bought than there are for sale.",
        )  # fmt: skip

    def _pay(self, case: Case) -> None:
        build, carbon = self.build, case.carbon
        worth = build.parameter(
            "certificates.worth", operating_weights(case).mean("season"), ("year",), symbol=r"\bar D", unit="1",
            meaning="present value of one USD paid evenly over the operating year",
        )  # fmt: skip
        annual = build.parameter(
            "certificates.annual_price", carbon.annual_certificate_usd_per_mwh * MWH_PER_GWH / USD_PER_MUSD,
            symbol=r"\pi^{B}", unit="million USD/GWh", meaning="price of a certificate of the year",
        )  # fmt: skip
        hourly = build.parameter(
            "certificates.hourly_price", carbon.hourly_certificate_usd_per_mwh / USD_PER_MUSD,
            symbol=r"\pi^{b}", unit="million USD/MWh", meaning="price of an hourly certificate",
        )  # fmt: skip

        def spent(r: Index, a: Index) -> Expression:
            by_hour = hourly * build.total("slice", lambda s: self.hours[s] * self.certified_mw(r, a, s))
            by_year = annual * self.certified_gwh(r, a)
            return worth[a] * ((by_year if self.by_year else 0.0) + (by_hour if self.by_hour else 0.0))

        build.cost("certificates.certificate_cost", YEARLY, spent, meaning="Certificates bought.")
