"""Match the load of campuses with carbon-free power: by the year, and hour by hour."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from grid_opt.config import Case
from grid_opt.config.sections_carbon import in_force
from grid_opt.formulation.block import Builder, Expression, Index, Rule
from grid_opt.formulation.certificates import HOURLY, YEARLY, Certificates
from grid_opt.formulation.operation import Operation
from grid_opt.formulation.ports import Sources
from grid_opt.inputs.environment import at_slices
from grid_opt.units import MWH_PER_GWH


class Matching:
    r"""Ask that carbon-free power match so much of the load, by the year or hour by hour.

    Load is that at the meter, :math:`\ell`. Carbon-free power is the output :math:`c` of contracts and own plant that
    counts for the region, with what batteries give less what they take, and certificates, :math:`b`. What is left of
    the load of an hour is :math:`u = \max(0, \ell - c - b)`, and :math:`U` is likewise that of a year, with the
    certificates of the year. Both are bounded from below only: where nothing asks for little to be left, more may be.
    Asking that a share be matched, :math:`\sum_s w_s \min(c, \ell) \ge \sigma \sum_s w_s \ell`, is asking that no more
    than the rest be left, which is linear and takes one row an hour. Where the grid counts, the part of what is left
    that its own carbon-free power serves is not left.
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
            "matching.hours", world["slice_weight"] / MWH_PER_GWH, ("slice",), symbol="w", unit="GWh/MW",
            meaning="thousands of hours of the year that the slice stands for",
        )  # fmt: skip
        if case.carbon.shares_annual:
            self._by_year()
        if case.carbon.shares_hourly:
            self._by_hour(world)

    def _yearly(self, power: Rule) -> Expression:
        """Return the energy of a power over the year [GWh]."""
        return self.build.total("slice", lambda s: self.hours[s] * power(s))

    def _load_gwh(self, region: Index, year: Index) -> Expression:
        return self._yearly(lambda s: self.operation.facility_mw(region, year, s))

    def _left_mw(self, r: Index, a: Index, s: Index) -> Expression:
        """Return the load of a slice less the carbon-free power in it [MW]."""
        left = self.operation.facility_mw(r, a, s) - self.bought.certified_mw(r, a, s)
        if self.sources is None:
            return left
        return left - self.sources.clean_mw(r, a, s) - self.sources.stored_mw(r, a, s)

    def _by_year(self) -> None:
        build = self.build
        self.uncovered = build.variable(
            "matching.uncovered", YEARLY, symbol="U", unit="GWh", domain="nonnegative",
            meaning="load of the year that neither contracts, own plant nor certificates cover",
        )  # fmt: skip
        build.constraint(
            "matching.cover", YEARLY,
            lambda r, a: self.uncovered[r, a]
            >= self._yearly(lambda s: self._left_mw(r, a, s)) - self.bought.certified_gwh(r, a),
            unit="GWh", meaning="Carbon-free power and certificates cover no more load than there is of them.",
        )  # fmt: skip
        self._share("annual", self.case.carbon.annual_share, lambda r, a: self.uncovered[r, a], "covered by the year")

    def _by_hour(self, world: xr.Dataset) -> None:
        build, carbon = self.build, self.case.carbon
        self.unmatched = build.variable(
            "matching.unmatched", HOURLY, symbol="u", unit="MW", domain="nonnegative",
            meaning="load that carbon-free power and hourly certificates do not match in the same hour",
        )  # fmt: skip
        build.constraint(
            "matching.match", HOURLY, lambda r, a, s: self.unmatched[r, a, s] >= self._left_mw(r, a, s),
            unit="MW", meaning="Carbon-free power matches load only in its hour and region.",
        )  # fmt: skip
        rest = build.parameter(
            "matching.grid_rest", 1.0 - at_slices(world["grid_carbon_free"], world) * float(carbon.grid_counts), HOURLY,
            symbol=r"\psi", unit="1",
            meaning="share of what is left that counts as not carbon-free: 1, or that of the grid where it counts",
        )  # fmt: skip
        self._share(
            "hourly", carbon.hourly_share,
            lambda r, a: self._yearly(lambda s: rest[r, a, s] * self.unmatched[r, a, s]), "matched hour by hour",
        )  # fmt: skip

    def _share(self, kind: str, steps: Mapping[int, float], left: Rule, words: str) -> None:
        """Declare the least share of a kind, of every region or of all together."""
        build, case = self.build, self.case
        shares = {year: least_share(case, steps, year) for year in case.years}
        most = build.parameter(
            f"matching.{kind}_rest",
            xr.DataArray([1.0 - share for share in shares.values()], coords={"year": list(shares)}, dims=("year",)),
            ("year",), symbol=rf"\rho^{{{kind[0].upper()}}}", unit="1",
            meaning=f"most of the load that need not be {words}: 1 less the share asked for",
        )  # fmt: skip
        meaning = f"Enough of the load is {words}."
        if case.carbon.scope == "region":
            build.constraint(
                f"matching.{kind}_region", YEARLY, lambda r, a: left(r, a) <= most[a] * self._load_gwh(r, a),
                unit="GWh", meaning=meaning, where=lambda r, a: shares[a] > 0,
            )  # fmt: skip
            return
        build.constraint(
            f"matching.{kind}_portfolio", ("year",),
            lambda a: build.total("region", lambda r: left(r, a))
            <= most[a] * build.total("region", lambda r: self._load_gwh(r, a)),
            unit="GWh", meaning=meaning, where=lambda a: shares[a] > 0,
        )  # fmt: skip


def least_share(case: Case, steps: Mapping[int, float], year: int) -> float:
    """Return the share asked for in an operating year: the largest of those of its calendar years."""
    return max(in_force(steps, each) or 0.0 for each in case.represented_years(year))
