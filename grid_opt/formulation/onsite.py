"""Build plant and batteries on site, when equipment and permits allow, and pay for them."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import capital_weights, standing_weights
from grid_opt.formulation.campus import Campus
from grid_opt.units import QUARTERS_PER_YEAR, USD_PER_MUSD

_DATED, _OVER = ("own", "quarter"), ("region", "quarter")


class OnSite:
    r"""Decide how many MW of each technology are in service at each campus through each quarter.

    Technologies with a unit size come in whole units, the others in any size. A unit is ordered in the first quarter
    of its table at the earliest; equipment and permits are waited for side by side, then it is built, so that
    :math:`\overline{o}` is 0 before that. What is built stays. The credit, :math:`\chi`, is that of the quarter of
    entry into service: construction began so many quarters before it, and counts when it began in time or, where the
    law says so, when service began in time. The energy of batteries is the block ``store``.

    MW on site take away from the load for which capacity is bought, no more than there is. They add nothing to what the
    grid connects: a campus that starts before its connection does so under an offer with supply of its own (block
    ``connection``). And they answer no call: what stands behind calls is the block ``relief``, which is paid for there.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, campus: Campus) -> None:
        self.build = build
        names, regions = world["own"].values.tolist(), world["region"].values.tolist()
        region_of = dict(zip(names, world["own_region"].values.tolist(), strict=True))
        self.names_at = {r: [d for d in names if region_of[d] == r] for r in regions}
        self.own_at = build.mapping(self.names_at, symbol=r"\mathcal{D}")
        self.has_own: Mapping[Index, bool] = {r: r in set(region_of.values()) for r in regions}
        self.most = build.parameter(
            "onsite.most", world["own_most"], _DATED, symbol=r"\overline{o}", unit="MW",
            meaning="most MW in service through the quarter, 0 before it can be ready",
        )  # fmt: skip
        self.mw = build.variable(
            "onsite.own_mw", _DATED, symbol="o", unit="MW", domain="nonnegative",
            bounds=lambda d, q: (0, self.most[d, q]), meaning="MW on site in service through the quarter",
        )  # fmt: skip
        self._units(world)
        at = build.mapping(region_of, symbol="r")
        build.constraint(
            "onsite.campus", _DATED, lambda d, q: self.mw[d, q] <= self.most[d, q] * campus.site[at[d], q],
            unit="MW", meaning="Plant stands where a campus does.", where=lambda d, q: self.most[d, q] > 0,
        )  # fmt: skip
        build.constraint(
            "onsite.lasting", _DATED, lambda d, q: self.mw[d, q] >= build.before(self.mw, d, q),
            unit="MW", meaning="What is built stays.", where=lambda d, q: self.most[d, q] > 0,
        )  # fmt: skip
        self._accredit(case, world, campus)
        self._costs(case, world)

    def _units(self, world: xr.Dataset) -> None:
        build = self.build
        size = dict(zip(world["own"].values.tolist(), world["own_unit"].values.tolist(), strict=True))
        unit = build.parameter(
            "onsite.unit", world["own_unit"], ("own",), symbol="U", unit="MW",
            meaning="size of a unit; 0 where any size will do",
        )  # fmt: skip
        fits = build.parameter(
            "onsite.most_units", most_units(world), _DATED, symbol=r"\overline{u}", unit="1", meaning="most whole units"
        )
        units = build.variable(
            "onsite.own_units", _DATED, symbol="u", unit="1", domain="count",
            bounds=lambda d, q: (0, fits[d, q]), meaning="whole units in service through the quarter",
        )  # fmt: skip
        build.constraint(
            "onsite.whole", _DATED, lambda d, q: self.mw[d, q] == unit[d] * units[d, q],
            unit="MW", meaning="Technologies with a unit size come in whole units.",
            where=lambda d, q: size[d] > 0 and self.most[d, q] > 0,
        )  # fmt: skip

    def _accredit(self, case: Case, world: xr.Dataset, campus: Campus) -> None:
        build, has = self.build, self.has_own
        self.worth = worth = build.parameter(
            "onsite.accredited", world["own_accredited"], ("own",), symbol=r"\alpha^{O}", unit="1",
            meaning="capacity obligation that a MW takes away, at most",
        )  # fmt: skip
        share = build.parameter(
            "onsite.coincident", case.connection.coincident_share * world["pue_peak"], ("region",),
            symbol=r"\hat\eta^{C}", unit="1", meaning="coincident facility power per IT power",
        )  # fmt: skip
        may = build.mapping({r: float(here) for r, here in has.items()}, symbol=r"\chi^{O}")
        self.accredited = build.variable(
            "onsite.own_capacity", _OVER, symbol="m^{O}", unit="MW", domain="nonnegative",
            bounds=lambda r, q: (0, None if may[r] else 0), meaning="capacity obligation that own supply takes away",
        )  # fmt: skip
        build.constraint(
            "onsite.accredited_most", _OVER,
            lambda r, q: self.accredited[r, q] <= build.total(self.own_at[r], lambda d: worth[d] * self.mw[d, q]),
            unit="MW", meaning="No more obligation is taken away than own supply is accredited with.",
            where=lambda r, q: has[r],
        )  # fmt: skip
        build.constraint(
            "onsite.accredited_load", _OVER,
            lambda r, q: self.accredited[r, q] <= share[r] * campus.it_mw(r, q),
            unit="MW", meaning="Nor than there is.", where=lambda r, q: has[r],
        )  # fmt: skip

    def accredited_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the capacity obligation that own supply takes away [MW]."""
        return self.accredited[region, quarter]

    def _new(self, own: Index, quarter: Index) -> Expression:
        return self.mw[own, quarter] - self.build.before(self.mw, own, quarter)

    def _costs(self, case: Case, world: xr.Dataset) -> None:
        build = self.build
        self.price = build.parameter(
            "onsite.price", world["own_cost"] / USD_PER_MUSD, ("own",), symbol="K^{O}", unit="million USD/MW",
            meaning="overnight cost, before the credit; of a battery that of its power",
        )  # fmt: skip
        self.credit = build.parameter(
            "onsite.credit", world["own_credit"], _DATED, symbol=r"\chi", unit="1",
            meaning="share of the cost that a credit pays for service from the quarter on",
        )  # fmt: skip
        self.weight = weight = build.parameter(
            "onsite.weight", own_weights(case, world), _DATED, symbol="A^{O}", unit="1",
            meaning="present value per USD of what enters service in the quarter",
        )  # fmt: skip
        upkeep = build.parameter(
            "onsite.upkeep", world["own_fixed"] / QUARTERS_PER_YEAR / USD_PER_MUSD, ("own",), symbol=r"\mu^{O}",
            unit="million USD/MW", meaning="fixed operation and maintenance for a quarter",
        )  # fmt: skip
        self.standing = standing = build.parameter(
            "onsite.standing", standing_weights(case), ("quarter",), symbol="W^{S}", unit="1",
            meaning="present value of one USD a quarter while the quarter's capacity runs",
        )  # fmt: skip
        build.cost(
            "onsite.own_capex", _DATED,
            lambda d, q: weight[d, q] * (1 - self.credit[d, q]) * self.price[d] * self._new(d, q),
            meaning="Plant, and power of batteries, on site, less tax credits.",
        )  # fmt: skip
        build.cost(
            "onsite.own_upkeep", _DATED, lambda d, q: standing[q] * upkeep[d] * self.mw[d, q],
            meaning="Their fixed operation and maintenance.",
        )  # fmt: skip

    def outlay(self, region: Index, quarter: Index) -> Expression:
        """Return the overnight money spent on what enters service in the quarter, less credits [million USD]."""
        return self.build.total(
            self.own_at[region], lambda d: (1 - self.credit[d, quarter]) * self.price[d] * self._new(d, quarter)
        )


def most_units(world: xr.Dataset) -> xr.DataArray:
    """Return the most whole units (own, quarter); 0 where any size will do."""
    unit = world["own_unit"]
    whole = (world["own_most"] / unit.where(unit > 0, 1.0) + 1e-9) // 1
    return whole.where(unit > 0, 0.0).transpose(*_DATED)


def own_weights(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return the present value per USD of overnight cost by quarter of entry into service, by the life of each."""
    by_life = {life: capital_weights(case, life) for life in sorted(set(world["own_life"].values.tolist()))}
    parts = [by_life[life].values for life in world["own_life"].values.tolist()]
    coords = {"own": world["own"].values, "quarter": list(case.quarters)}
    return xr.DataArray(parts, coords=coords, dims=_DATED)
