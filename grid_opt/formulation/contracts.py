"""Sign long contracts for power: for its price, or for the energy itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.money import Hours
from grid_opt.units import USD_PER_MUSD

_HOURLY, _DELIVERED = ("ppa", "year", "slice"), ("wheeled", "year", "slice")


class Contracts:
    r"""Choose how many MW of each project the campus of each region signs for, once and for as long as it is offered.

    A project makes :math:`\gamma_{n,a,s}` MW per MW signed, after the weather or flat, while the contract is in force;
    it makes nothing where its price is below its floor. All of it is paid for at the strike. Then

    - a *financial* contract settles: the campus is paid the wholesale price at the project, or that of the hub of the
      project's zone where the offer says so, and buys its own power;
    - under a *physical* one the campus takes what it wants and pays to bring it from project to campus; what it does
      not take is sold at the project for the wholesale price less a margin, or not made where that would cost money.

    The price against which the strike is settled, :math:`\psi`, is that of project or hub, or what the sale brings. No
    more is signed than a project has left, nor over the plan more energy than the region draws, so that a contract
    hedges a load. Nothing here can grow without bound at any price.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, hours: Hours) -> None:
        self.build, self.hours = build, hours
        self.signed_at = build.mapping(_by_region(world, world["ppa"].values.tolist()), symbol=r"\mathcal{N}")
        self.clean_at = build.mapping(
            _by_region(world, world["ppa"].values[world["ppa_clean"].values > 0].tolist()), symbol=r"\mathcal{N}^{C}"
        )
        self.most = build.parameter(
            "contracts.most", world["ppa_most"], ("ppa",), symbol=r"\overline{K}", unit="MW",
            meaning="nameplate that the project has left",
        )  # fmt: skip
        self.production = build.parameter(
            "contracts.production", world["ppa_production"], _HOURLY, symbol=r"\gamma", unit="1",
            meaning="production per nameplate while the contract is in force",
        )  # fmt: skip
        self.mw = build.variable(
            "contracts.ppa_mw", ("ppa",), symbol="k", unit="MW", domain="nonnegative",
            bounds=lambda n: (0, self.most[n]), meaning="nameplate under a long contract",
        )  # fmt: skip
        self._projects(world)
        self._settle(world)
        self.wheeled_at: Mapping[Index, Any] | None = None
        if "physical" in case.supply.contracts:
            self._deliver(world)

    def made_mw(self, contract: Index, year: Index, slice_: Index) -> Expression:
        """Return what a contract's project makes for it in a slice [MW]."""
        return self.production[contract, year, slice_] * self.mw[contract]

    def clean_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return carbon-free production under the contracts of a region [MW]."""
        return self.build.total(self.clean_at[region], lambda n: self.made_mw(n, year, slice_))

    def wheeled_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the energy that physical contracts deliver to a region in a slice [MW]."""
        if self.wheeled_at is None:
            return 0.0
        return self.build.total(self.wheeled_at[region], lambda e: self.delivered[e, year, slice_])

    def made_mwh(self, region: Index, year: Index) -> Expression:
        """Return what the contracts of a region make in a year of an operating year [MWh]."""
        weight = self.hours.weight
        return self.build.total(
            self.signed_at[region],
            lambda n: self.mw[n] * self.build.total("slice", lambda s: weight[s] * self.production[n, year, s]),
        )

    def _projects(self, world: xr.Dataset) -> None:
        build = self.build
        names, offers = world["ppa"].values.tolist(), world["ppa_offer"].values.tolist()
        same = {n: [m for m, other in zip(names, offers, strict=True) if other == mine]
                for n, mine in zip(names, offers, strict=True)}  # fmt: skip
        of_project = build.mapping(same, symbol=r"\mathcal{N}^{P}")
        build.constraint(
            "contracts.project", ("ppa",),
            lambda n: build.total(of_project[n], lambda m: self.mw[m]) <= self.most[n],
            unit="MW", meaning="All regions together sign for no more than the project has left.",
            where=lambda n: len(same[n]) > 1 and n == same[n][0],
        )  # fmt: skip

    def _settle(self, world: xr.Dataset) -> None:
        build, hours = self.build, self.hours
        strike = build.parameter(
            "contracts.strike", world["ppa_strike"] / USD_PER_MUSD, ("ppa", "year", "season"), symbol=r"\pi^{K}",
            unit="million USD/MWh", meaning="strike",
        )  # fmt: skip
        paid = build.parameter(
            "contracts.paid", settled_against(world) / USD_PER_MUSD, _HOURLY, symbol=r"\psi",
            unit="million USD/MWh", meaning="price at the project or its hub, or what a sale there brings",
        )  # fmt: skip
        build.cost(
            "contracts.settlement", ("ppa", "year"),
            lambda n, a: self.mw[n] * hours.over_year(
                a, lambda s: (strike[n, a, hours.season_of[s]] - paid[n, a, s]) * self.production[n, a, s]
            ),
            meaning="Strike of long contracts, less the price at the project or its hub, or what a sale there brings.",
        )  # fmt: skip

    def _deliver(self, world: xr.Dataset) -> None:
        build, hours, made = self.build, self.hours, self.production
        self.wheeled_at = build.mapping(_by_region(world, world["wheeled"].values.tolist()), symbol=r"\mathcal{E}")
        forgone = build.parameter(
            "contracts.forgone_sale", world["wheeled_sale"] / USD_PER_MUSD, _DELIVERED, symbol=r"\pi^{S}",
            unit="million USD/MWh", meaning="what a MWh brings at the project that is not delivered",
        )  # fmt: skip
        basis = build.parameter(
            "contracts.basis", world["ppa_basis"] / USD_PER_MUSD, ("ppa",), symbol=r"\beta", unit="million USD/MWh",
            meaning="cost of bringing a MWh from project to campus",
        )  # fmt: skip
        self.delivered = build.variable(
            "contracts.delivered_ppa", _DELIVERED, symbol="d", unit="MW", domain="nonnegative",
            bounds=lambda e, a, s: (0, made[e, a, s] * self.most[e]),
            meaning="power of a physical contract that the campus takes",
        )  # fmt: skip
        build.constraint(
            "contracts.delivery", _DELIVERED,
            lambda e, a, s: self.delivered[e, a, s] <= self.made_mw(e, a, s),
            unit="MW", meaning="No more is delivered than the project makes.",
            where=lambda e, a, s: made[e, a, s] > 0,
        )  # fmt: skip
        build.cost(
            "contracts.wheeling", ("wheeled", "year"),
            lambda e, a: hours.over_year(a, lambda s: (forgone[e, a, s] + basis[e]) * self.delivered[e, a, s]),
            meaning="What delivered energy would have brought at the project, and the basis.",
        )  # fmt: skip


def _by_region(world: xr.Dataset, chosen: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {r: [] for r in world["region"].values.tolist()}
    for n, r in zip(world["ppa"].values.tolist(), world["ppa_region"].values.tolist(), strict=True):
        if n in chosen:
            found[r].append(n)
    return found


def settled_against(world: xr.Dataset) -> xr.DataArray:
    """Return what the strike is settled against [USD/MWh]: the price at project or hub, or what a sale brings."""
    price = (world["ppa_price"] - world["ppa_hub_basis"]).transpose(*_HOURLY)
    if "wheeled" not in world.dims:
        return price
    found, names = price.copy(deep=True), world["ppa"].values.tolist()
    for e in world["wheeled"].values.tolist():
        found.values[names.index(e)] = world["wheeled_sale"].sel(wheeled=e).values
    return found
