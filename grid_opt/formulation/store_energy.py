"""Build the energy of batteries apart from their power, let it age, and pay for it."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.onsite import OnSite
from grid_opt.units import QUARTERS_PER_YEAR, USD_PER_MUSD

_DATED = ("store", "quarter")
_WHEN = ("year", "season")


class StoreEnergy:
    r"""Decide how many MWh each battery has, beside the MW that block ``onsite`` decides.

    What is installed stays, and may grow in any quarter, with the power or without it: cells added later
    (augmentation) and more cells than are needed at first (oversizing) are both such plans. Per MW there are no fewer
    and no more hours than the table allows; where both are the same, energy follows from power.

    **Time** takes a share of the energy installed every year. So what can be used in a calendar quarter is what every
    quarter installed times what is left of that, :math:`\rho`, a number known beforehand (0 for what is not yet
    installed). The rule is exact, for ageing by the calendar does not ask what else is done. **Use** takes more with
    every cycle; that is made good and is the wear per MWh of block ``store``, so that neither counts the other.

    A MW of capacity obligation is taken away only with so many hours of usable energy behind it. The rule is exact for
    one kind of battery at a campus; several would share their energy.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, onsite: OnSite) -> None:
        self.build, self.onsite = build, onsite
        self._mine = stores_at(world)
        self.at = build.mapping(self._mine, symbol=r"\mathcal{H}")
        self.when = build.mapping(
            {(a, c): case.capacity_quarter(a, c) for a in case.years for c in world["season"].values.tolist()},
            symbol="q",
        )
        self.most_hours = build.parameter(
            "battery.store_most_hours", world["store_most_hours"], ("store",), symbol=r"\overline{h}", unit="h",
            meaning="most energy, as installed, per power",
        )  # fmt: skip
        self.mwh = build.variable(
            "battery.store_capacity", _DATED, symbol="E", unit="MWh", domain="nonnegative",
            bounds=lambda h, q: (0, self._most(h, q)), meaning="energy in service through the quarter, as installed",
        )  # fmt: skip
        self._hours(world)
        self._age(world)
        self._accredit(world)
        self._costs(world)

    def _most(self, store: Index, quarter: Index) -> Expression:
        return self.most_hours[store] * self.onsite.most[store, quarter]

    def _hours(self, world: xr.Dataset) -> None:
        build, mw, may = self.build, self.onsite.mw, self._may
        least = build.parameter(
            "battery.store_least_hours", world["store_least_hours"], ("store",), symbol=r"\underline{h}", unit="h",
            meaning="least energy, as installed, per power",
        )  # fmt: skip
        build.constraint(
            "battery.least_energy", _DATED, lambda h, q: self.mwh[h, q] >= least[h] * mw[h, q],
            unit="MWh", meaning="A battery has no less energy than its power asks for.", where=may,
        )  # fmt: skip
        build.constraint(
            "battery.most_energy", _DATED, lambda h, q: self.mwh[h, q] <= self.most_hours[h] * mw[h, q],
            unit="MWh", meaning="Nor more than its power can use.", where=may,
        )  # fmt: skip
        build.constraint(
            "battery.energy_lasting", _DATED, lambda h, q: self.mwh[h, q] >= build.before(self.mwh, h, q),
            unit="MWh", meaning="What is installed stays.", where=may,
        )  # fmt: skip

    def _may(self, store: Index, quarter: Index) -> bool:
        return bool(self.onsite.most[store, quarter] > 0)

    def _age(self, world: xr.Dataset) -> None:
        build = self.build
        self.left = build.parameter(
            "battery.store_left", world["store_left"], ("store", "quarter", *_WHEN), symbol=r"\rho", unit="1",
            meaning="share of the energy installed in the quarter that can be used in the calendar quarter of the year",
        )  # fmt: skip
        self.usable = build.variable(
            "battery.store_usable", ("store", *_WHEN), symbol="U", unit="MWh", domain="nonnegative",
            bounds=lambda h, a, c: (0, self._most(h, self.when[a, c])), meaning="energy of a battery that can be used",
        )  # fmt: skip
        build.constraint(
            "battery.aged_energy", ("store", *_WHEN), lambda h, a, c: self.usable[h, a, c] == self._usable_mwh(h, a, c),
            unit="MWh", meaning="What can be used is what is left of all that was installed.",
            where=lambda h, a, c: self._may(h, self.when[a, c]),
        )  # fmt: skip

    def _usable_mwh(self, store: Index, year: Index, season: Index) -> Expression:
        return self.build.total("quarter", lambda q: self.left[store, q, year, season] * self._new(store, q))

    def _new(self, store: Index, quarter: Index) -> Expression:
        return self.mwh[store, quarter] - self.build.before(self.mwh, store, quarter)

    def _accredit(self, world: xr.Dataset) -> None:
        build, onsite = self.build, self.onsite
        names, hours = world["store"].values.tolist(), world["store_accredited_hours"].values.tolist()
        asks = dict(zip(names, hours, strict=True))
        behind = build.parameter(
            "battery.backing", {h: 1.0 / one if one > 0 else 0.0 for h, one in asks.items()}, ("store",),
            symbol=r"\beta", unit="1/h", meaning="obligation that a MWh that can be used stands behind",
        )  # fmt: skip
        plants = {r: [d for d in mine if d not in set(names)] for r, mine in onsite.names_at.items()}
        plants_at = build.mapping(plants, symbol=r"\mathcal{G}")
        build.constraint(
            "battery.accredited_energy", ("region", *_WHEN),
            lambda r, a, c: onsite.accredited[r, self.when[a, c]]
            <= build.total(plants_at[r], lambda d: onsite.worth[d] * onsite.mw[d, self.when[a, c]])
            + build.total(self.at[r], lambda h: behind[h] * self._usable_mwh(h, a, c)),
            unit="MW", meaning="Batteries take away no more obligation than their energy stands behind.",
            where=lambda r, a, c: bool(self._mine[r]) and all(asks[h] > 0 for h in self._mine[r]),
        )  # fmt: skip

    def _costs(self, world: xr.Dataset) -> None:
        build, onsite = self.build, self.onsite
        self.price = build.parameter(
            "battery.store_price", world["store_cost"] / USD_PER_MUSD, ("store",), symbol="K^{E}",
            unit="million USD/MWh", meaning="overnight cost of energy, before the credit",
        )  # fmt: skip
        upkeep = build.parameter(
            "battery.store_upkeep_rate", world["store_fixed"] / QUARTERS_PER_YEAR / USD_PER_MUSD, ("store",),
            symbol=r"\mu^{E}", unit="million USD/MWh",
            meaning="fixed operation and maintenance of energy for a quarter",
        )  # fmt: skip
        build.cost(
            "battery.store_capex", _DATED,
            lambda h, q: onsite.weight[h, q] * (1 - onsite.credit[h, q]) * self.price[h] * self._new(h, q),
            meaning="Energy of batteries, less tax credits.",
        )  # fmt: skip
        build.cost(
            "battery.store_upkeep", _DATED, lambda h, q: onsite.standing[q] * upkeep[h] * self.mwh[h, q],
            meaning="Fixed operation and maintenance of energy of batteries.",
        )  # fmt: skip

    def outlay(self, region: Index, quarter: Index) -> Expression:
        """Return the overnight money spent on energy that enters service in the quarter, less credits [million USD]."""
        return self.build.total(
            self.at[region],
            lambda h: (1 - self.onsite.credit[h, quarter]) * self.price[h] * self._new(h, quarter),
        )


def stores_at(world: xr.Dataset) -> dict[str, list[str]]:
    """Return the batteries of every region."""
    mine = set(world["store"].values.tolist())
    found: dict[str, list[str]] = {r: [] for r in world["region"].values.tolist()}
    for d, r in zip(world["own"].values.tolist(), world["own_region"].values.tolist(), strict=True):
        if d in mine:
            found[r].append(d)
    return found
