"""Match the load of campuses with carbon-free power: by the year, and hour by hour."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.config.sections_carbon import in_force
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.operation import Operation
from grid_opt.formulation.ports import Sources
from grid_opt.inputs.environment import at_slices
from grid_opt.units import MWH_PER_GWH, USD_PER_MUSD

YEARLY = ("region", "year")
HOURLY = ("region", "year", "slice")


class Matching:
    r"""Say how much load is left when carbon-free power has matched what it can, and keep that small enough.

    Load is that at the meter, :math:`\ell_{r,a,s}`. Carbon-free power is the output :math:`g_{r,a,s}` of contracts and
    own plant that counts for the region, less what batteries lose. What is left of the load is

    .. math:: u_{r,a,s} = \max(0, \ell_{r,a,s} - g_{r,a,s} - b_{r,a,s})

    hour by hour, with hourly certificates :math:`b`, and :math:`U_{r,a}` likewise by the year, with certificates of the
    year on top. Both are bounded from below only: where nothing asks for little to be left, more may be. Asking for a
    share of the load to be matched is asking that no more than the rest be left, which is linear and needs one row an
    hour. Where the grid counts, the part of what is left that its own carbon-free power serves is not left.
    """

    def __init__(
        self, build: Builder, case: Case, world: xr.Dataset, operation: Operation, sources: Sources | None = None
    ) -> None:
        self.build, self.case, self.operation, self.sources = build, case, operation, sources
        self.hours = build.parameter(
            "matching.hours", world["slice_weight"], ("slice",), symbol="w", unit="h",
            meaning="hours of the year that the slice stands for",
        )  # fmt: skip
        self._certificates(world)
        if case.carbon.asks_annual:
            self._by_year()
        if case.carbon.asks_hourly:
            self._by_hour(world)

    def load_gwh(self, region: Index, year: Index) -> Expression:
        """Return the load of a year at the meter [GWh]."""
        return self._yearly(lambda s: self.operation.facility_mw(region, year, s))

    def _yearly(self, power: Expression) -> Expression:
        return self.build.total("slice", lambda s: self.hours[s] * power(s)) * (1 / MWH_PER_GWH)

    def _clean_mw(self, r: Index, a: Index, s: Index) -> Expression:
        """Return the carbon-free power that counts in a slice, certificates aside [MW]."""
        if self.sources is None:
            return 0.0
        return self.sources.clean_mw(r, a, s) + self.sources.stored_mw(r, a, s)

    def _hourly_certificates(self, r: Index, a: Index, s: Index) -> Expression:
        return self.granular[r, a, s] if self.case.carbon.buys_hourly else 0.0

    def _certificates(self, world: xr.Dataset) -> None:
        build, carbon = self.build, self.case.carbon
        if carbon.buys_hourly:
            most = build.parameter(
                "matching.granular_most", carbon.hourly_certificates_mw * at_slices(world["grid_carbon_free"], world),
                HOURLY, symbol=r"\overline{b}", unit="MW",
                meaning="most hourly certificates: the case's MW times the carbon-free share of the grid in the hour",
            )  # fmt: skip
            self.granular = build.variable(
                "matching.granular", HOURLY, symbol="b", unit="MW", domain="nonnegative",
                bounds=lambda r, a, s: (0, most[r, a, s]), meaning="hourly certificates bought",
            )  # fmt: skip
        if carbon.buys_annual:
            limit = build.parameter(
                "matching.certificates_most", carbon.annual_certificates_gwh, symbol=r"\overline{B}", unit="GWh",
                meaning="most certificates of a year",
            )  # fmt: skip
            self.certificates = build.variable(
                "matching.certificates", YEARLY, symbol="B", unit="GWh", domain="nonnegative",
                meaning="certificates of the year bought",
            )  # fmt: skip
            build.constraint(
                "matching.certificate_limit", ("year",),
                lambda a: build.total("region", lambda r: self.certificates[r, a]) <= limit,
                unit="GWh", meaning="No more certificates are bought than there are for sale.",
            )  # fmt: skip
        if carbon.buys_annual or carbon.buys_hourly:
            self._pay()

    def _pay(self) -> None:
        build, carbon = self.build, self.case.carbon
        worth = build.parameter(
            "matching.worth", operating_weights(self.case).mean("season"), ("year",), symbol=r"\bar D", unit="1",
            meaning="present value of one USD paid evenly over the operating year",
        )  # fmt: skip
        each = {
            kind: build.parameter(
                f"matching.{kind}_price", price * MWH_PER_GWH / USD_PER_MUSD, symbol=symbol, unit="million USD/GWh",
                meaning=f"price of {kind} certificates",
            )
            for kind, price, symbol in (
                ("annual", carbon.annual_certificate_usd_per_mwh, r"\pi^{B}"),
                ("hourly", carbon.hourly_certificate_usd_per_mwh, r"\pi^{b}"),
            )
        }  # fmt: skip

        def spent(r: Index, a: Index) -> Expression:
            by_year = each["annual"] * self.certificates[r, a] if carbon.buys_annual else 0.0
            by_hour = self._yearly(lambda s: self.granular[r, a, s]) * each["hourly"] if carbon.buys_hourly else 0.0
            return worth[a] * (by_year + by_hour)

        build.cost("matching.certificate_cost", YEARLY, spent, meaning="Certificates bought.")

    def _by_year(self) -> None:
        build, carbon = self.build, self.case.carbon
        self.uncovered = build.variable(
            "matching.uncovered", YEARLY, symbol="U", unit="GWh", domain="nonnegative",
            meaning="load of the year that neither contracts, own plant nor certificates cover",
        )  # fmt: skip

        def left(r: Index, a: Index) -> Expression:
            clean = self._yearly(lambda s: self._clean_mw(r, a, s) + self._hourly_certificates(r, a, s))
            bought = self.certificates[r, a] if carbon.buys_annual else 0.0
            return self.load_gwh(r, a) - clean - bought

        build.constraint(
            "matching.cover", YEARLY, lambda r, a: self.uncovered[r, a] >= left(r, a),
            unit="GWh", meaning="Carbon-free power and certificates cover no more load than there is of them.",
        )  # fmt: skip
        self._share("annual", carbon.annual_share, lambda r, a: self.uncovered[r, a], "covered by the year")

    def _by_hour(self, world: xr.Dataset) -> None:
        build, carbon = self.build, self.case.carbon
        self.unmatched = build.variable(
            "matching.unmatched", HOURLY, symbol="u", unit="MW", domain="nonnegative",
            meaning="load that carbon-free power and hourly certificates do not match in the same hour",
        )  # fmt: skip
        build.constraint(
            "matching.match", HOURLY,
            lambda r, a, s: self.unmatched[r, a, s]
            >= self.operation.facility_mw(r, a, s) - self._clean_mw(r, a, s) - self._hourly_certificates(r, a, s),
            unit="MW", meaning="Carbon-free power matches load only in its hour and region.",
        )  # fmt: skip
        counted = at_slices(world["grid_carbon_free"], world) * float(carbon.grid_counts)
        fossil = build.parameter(
            "matching.grid_rest", 1.0 - counted, HOURLY, symbol=r"\psi", unit="1",
            meaning="share of what is left that counts as not carbon-free: 1, or that of the grid where it counts",
        )  # fmt: skip
        self._share(
            "hourly", carbon.hourly_share,
            lambda r, a: self._yearly(lambda s: fossil[r, a, s] * self.unmatched[r, a, s]), "matched hour by hour",
        )  # fmt: skip

    def _share(self, kind: str, steps: dict[int, float], left: Expression, words: str) -> None:
        """Declare the least share of a kind, of every region or of all together."""
        build, case = self.build, self.case
        if not any(share > 0 for share in steps.values()):
            return
        shares = {year: least_share(case, steps, year) for year in case.years}
        most = build.parameter(
            f"matching.{kind}_rest",
            xr.DataArray([1.0 - share for share in shares.values()], coords={"year": list(shares)}, dims=("year",)),
            ("year",), symbol=rf"(1 - \sigma^{{{kind}}})", unit="1", meaning=f"largest share of load not {words}",
        )  # fmt: skip
        meaning = f"Enough of the year's load is {words}."
        if case.carbon.scope == "region":
            build.constraint(
                f"matching.{kind}_region", YEARLY, lambda r, a: left(r, a) <= most[a] * self.load_gwh(r, a),
                unit="GWh", meaning=meaning, where=lambda r, a: shares[a] > 0,
            )  # fmt: skip
            return
        build.constraint(
            f"matching.{kind}_portfolio", ("year",),
            lambda a: build.total("region", lambda r: left(r, a))
            <= most[a] * build.total("region", lambda r: self.load_gwh(r, a)),
            unit="GWh", meaning=meaning, where=lambda a: shares[a] > 0,
        )  # fmt: skip


def least_share(case: Case, steps: dict[int, float], year: int) -> float:
    """Return the share asked for in an operating year: the largest of those of its calendar years."""
    return max(in_force(steps, each) or 0.0 for each in case.represented_years(year))
