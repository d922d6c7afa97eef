"""Answer the calls of service that is not firm: shed compute, discharge batteries, run engines."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import standing_weights
from grid_opt.formulation.campus import Campus
from grid_opt.formulation.connection import Connection
from grid_opt.formulation.offer_sets import members
from grid_opt.formulation.ports import Accredited
from grid_opt.units import HOURS_PER_YEAR, QUARTERS_PER_YEAR, USD_PER_MUSD

_OVER, _AT = ("region", "quarter"), ("relief", "offer", "quarter")
COMPUTE = "compute"


class Relief:
    r"""Stand ready to take off the grid, whenever it calls, all MW that are not firm.

    Every MW that may be called has relief behind it: compute that is shed, a battery or an engine, as far as they start
    within the offer's notice and last as long as its calls. Each year all of it is called for the offer's hours,
    :math:`h`; that is the most that the grid may ask, and is what relief costs. Calls fall in the stress hours: there
    the network carries the load less what relief and supply beside the meter take off it.

    Capacity is bought for the coincident load less what relief and own supply are accredited with.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, campus: Campus, connection: Connection) -> None:
        self.build, self.case, self.world = build, case, world
        self.campus, self.connection = campus, connection
        firm = dict(zip(world["offer"].values.tolist(), world["offer_firm"].values.tolist(), strict=True))
        own = dict(zip(world["offer"].values.tolist(), world["offer_own_supply"].values.tolist(), strict=True))
        self._callable = {j: float(share < 1) for j, share in firm.items()}
        self.callable_at = build.mapping(members(world, self._callable), symbol=r"\mathcal{J}^{N}")
        self.supplied_at = build.mapping(members(world, own), symbol=r"\mathcal{J}^{G}")
        kinds = [f for f in world["relief"].values.tolist() if f == COMPUTE]
        self.sheds = build.mapping(dict.fromkeys(world["region"].values.tolist(), kinds), symbol=r"\mathcal{F}^{X}")
        fits = build.parameter(
            "relief.fits", world["relief_fits"], _AT, symbol=r"\varphi", unit="1",
            meaning="1 where relief is ready, starts in time and lasts long enough",
        )  # fmt: skip
        self.called_share = build.parameter(
            "relief.called_share", 1 - world["offer_firm"], ("offer",), symbol=r"\nu", unit="1",
            meaning="share of the MW that may be called",
        )  # fmt: skip
        self.own = build.parameter(
            "relief.own_supply", world["offer_own_supply"], ("offer",), symbol=r"\gamma^{S}", unit="1",
            meaning="share of the MW that generation beside the meter carries",
        )  # fmt: skip
        self.backing = build.variable(
            "relief.backing", _AT, symbol="b^{R}", unit="MW", domain="nonnegative",
            bounds=lambda f, j, q: (0, None if fits[f, j, q] else 0), meaning="relief that stands behind the contract",
        )  # fmt: skip
        self._duty(case)
        self._costs(case)

    def _behind(self, region: Index, quarter: Index, factor: Mapping[Index, Expression] | None = None) -> Expression:
        """Return the relief of a region [MW], each kind times its factor."""
        build = self.build
        return build.total(
            self.callable_at[region],
            lambda j: build.total(
                "relief",
                lambda f: self.backing[f, j, quarter] if factor is None else factor[f] * self.backing[f, j, quarter],
            ),
        )

    def _supplied(self, region: Index, quarter: Index) -> Expression:
        """Return what generation beside the meter carries [MW]."""
        return self.build.total(self.supplied_at[region], lambda j: self.own[j] * self.connection.contract[j, quarter])

    def _duty(self, case: Case) -> None:
        build, callable_, contract = self.build, self._callable, self.connection.contract
        self.hours = build.parameter(
            "relief.hours", self.world["call_hours"], ("relief", "offer"), symbol="h", unit="h",
            meaning="hours of calls a year",
        )  # fmt: skip
        most = build.parameter(
            "relief.most_hours", HOURS_PER_YEAR * case.connection.max_curtailment_fraction_of_energy, symbol="x",
            unit="h", meaning="energy that calls may take a year, as hours of the contracted MW",
        )  # fmt: skip
        build.constraint(
            "relief.backed", ("offer", "quarter"),
            lambda j, q: build.total("relief", lambda f: self.backing[f, j, q])
            >= self.called_share[j] * contract[j, q],
            unit="MW", meaning="Relief stands behind all MW that may be called.", where=lambda j, q: callable_[j] > 0,
        )  # fmt: skip
        build.constraint(
            "relief.energy", ("offer", "quarter"),
            lambda j, q: build.total("relief", lambda f: self.hours[f, j] * self.backing[f, j, q])
            <= most * contract[j, q],
            unit="MWh", meaning="Calls of a year take no more energy than the case allows.",
            where=lambda j, q: callable_[j] > 0,
        )  # fmt: skip

    def at_stress(self) -> Relief:
        """Declare what is called at the stress hours: all that relief and own supply can take off the network."""
        build, world, over = self.build, self.world, ("region", "quarter", "stress")
        helped = {r: float(bool(mine)) for r, mine in members(world, self._helping()).items()}
        may = build.mapping(helped, symbol=r"\chi^{R}")
        self.pue_stress = build.parameter(
            "relief.pue_stress", world["pue_stress"], ("region", "stress"), symbol=r"\eta", unit="1",
            meaning="facility power per IT power at the stress hour",
        )  # fmt: skip
        self.called = build.variable(
            "relief.called", over, symbol="c^{R}", unit="MW", domain="nonnegative",
            bounds=lambda r, q, k: (0, None if may[r] else 0),
            meaning="load that relief and own supply keep off the network at the stress hour",
        )  # fmt: skip
        build.constraint(
            "relief.called_most", over,
            lambda r, q, k: self.called[r, q, k] <= self._behind(r, q) + self._supplied(r, q),
            unit="MW", meaning="No more is kept off the network than relief and own supply can.",
            where=lambda r, q, k: helped[r] > 0,
        )  # fmt: skip
        build.constraint(
            "relief.called_load", over,
            lambda r, q, k: self.called[r, q, k] <= self.pue_stress[r, k] * self.campus.it_mw(r, q),
            unit="MW", meaning="Nor more than the load.", where=lambda r, q, k: helped[r] > 0,
        )  # fmt: skip
        return self

    def _helping(self) -> dict[str, float]:
        own = self.world["offer_own_supply"].values.tolist()
        names = self.world["offer"].values.tolist()
        return {j: self._callable[j] + share for j, share in zip(names, own, strict=True)}

    def stress_mw(self, region: Index, quarter: Index, stress: Index) -> Expression:
        """Return the load that the network must carry at the stress hour [MW]."""
        load = self.pue_stress[region, stress] * self.campus.it_mw(region, quarter)
        return load - self.called[region, quarter, stress]

    def standby_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the load that relief and own supply can take off the grid [MW]."""
        return self._behind(region, quarter) + self._supplied(region, quarter)

    def _shed(self, region: Index, quarter: Index) -> Expression:
        build = self.build
        return build.total(
            self.callable_at[region],
            lambda j: build.total(self.sheds[region], lambda f: self.backing[f, j, quarter]),
        )

    def shed_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the compute that may be shed when the grid calls [MW at the meter]."""
        return self._shed(region, quarter)

    def may_shed(self) -> dict[str, bool]:
        """Return the regions in which compute may stand behind calls."""
        able = COMPUTE in self.world["relief"].values.tolist()
        return {r: able and bool(mine) for r, mine in members(self.world, self._callable).items()}

    def buy_capacity(self, accredited_own: Accredited | None = None) -> None:
        """Declare the capacity that is bought, and that it covers the coincident load."""
        build = self.build
        share = build.parameter(
            "capacity.coincident", self.case.connection.coincident_share * self.world["pue_peak"], ("region",),
            symbol=r"\hat\eta^{C}", unit="1", meaning="coincident facility power per IT power",
        )  # fmt: skip
        accredited = build.parameter(
            "capacity.accredited", self.world["relief_accredited"], ("relief",), symbol=r"\alpha", unit="1",
            meaning="capacity that a MW of relief takes the place of",
        )  # fmt: skip
        self.bought = build.variable(
            "capacity.capacity_bought", _OVER, symbol="m", unit="MW", domain="nonnegative",
            meaning="peak load for which capacity is bought",
        )  # fmt: skip
        build.constraint(
            "capacity.adequacy", _OVER,
            lambda r, q: self.bought[r, q] + self._behind(r, q, accredited) + self._supplied(r, q)
            + (0.0 if accredited_own is None else accredited_own.accredited_mw(r, q))
            >= share[r] * self.campus.it_mw(r, q),
            unit="MW", meaning="Capacity bought, relief and own supply cover the coincident load.",
        )  # fmt: skip

    def obligated_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the peak load for which capacity is bought [MW]."""
        return self.bought[region, quarter]

    def _costs(self, case: Case) -> None:
        build, world = self.build, self.world
        standing = build.parameter(
            "relief.standing", standing_weights(case), ("quarter",), symbol="W^{S}", unit="1",
            meaning="present value of one USD a quarter while the quarter's capacity runs",
        )  # fmt: skip
        fixed = build.parameter(
            "relief.fixed", world["relief_fixed"] / QUARTERS_PER_YEAR / USD_PER_MUSD, ("relief",), symbol="K^{F}",
            unit="million USD/MW", meaning="cost of a MW of relief for a quarter",
        )  # fmt: skip
        call = build.parameter(
            "relief.call_cost", world["relief_call_cost"] / QUARTERS_PER_YEAR / USD_PER_MUSD, ("relief", "region"),
            symbol="K^{C}", unit="million USD/MWh", meaning="a quarter of the cost of a MWh that answers a call",
        )  # fmt: skip

        def over_relief(r: Index, q: Index, rate: object) -> Expression:
            assert callable(rate)
            return build.total(
                self.callable_at[r],
                lambda j: build.total("relief", lambda f: standing[q] * rate(f, j) * self.backing[f, j, q]),
            )

        build.cost(
            "relief.relief_fixed_cost", _OVER, lambda r, q: over_relief(r, q, lambda f, j: fixed[f]),
            meaning="Batteries and engines that stand ready for calls.",
        )  # fmt: skip
        build.cost(
            "relief.call_energy_cost", _OVER,
            lambda r, q: over_relief(r, q, lambda f, j: self.hours[f, j] * call[f, r]),
            meaning="Compute shed, fuel and losses when called.",
        )  # fmt: skip
