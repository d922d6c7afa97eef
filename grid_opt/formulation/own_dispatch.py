"""Run plant and batteries on site hour by hour."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.money import Hours
from grid_opt.formulation.onsite import OnSite
from grid_opt.formulation.operation import quarter_of
from grid_opt.formulation.store_energy import StoreEnergy
from grid_opt.units import USD_PER_MUSD

HOURS_PER_DAY = 24


class Plants:
    """Let plant on site make power: as much of what stands as is available, or as the sun gives; less is no cost."""

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, onsite: OnSite, hours: Hours) -> None:
        self.build, self.hours, over = build, hours, ("plant", "year", "slice")
        self.at = build.mapping(by_region(world, "plant"), symbol=r"\mathcal{G}")
        emission = dict(zip(world["plant"].values.tolist(), world["plant_emission"].values.tolist(), strict=True))
        clean = {r: [g for g in mine if emission[g] == 0] for r, mine in by_region(world, "plant").items()}
        self.clean_at = build.mapping(clean, symbol=r"\mathcal{G}^{C}")
        self.emission = build.parameter(
            "plant.emission", world["plant_emission"], ("plant",), symbol=r"\epsilon", unit="t/MWh",
            meaning="carbon dioxide emitted",
        )  # fmt: skip
        when = build.mapping(quarter_of(case, world), symbol="q")
        available = build.parameter(
            "plant.available", world["plant_available"], ("plant", "slice"), symbol=r"\gamma^{O}", unit="1",
            meaning="output per MW that can be had",
        )  # fmt: skip
        running = build.parameter(
            "plant.running", world["plant_running"] / USD_PER_MUSD, ("plant", "year"), symbol=r"\pi^{F}",
            unit="million USD/MWh", meaning="fuel and other running cost",
        )  # fmt: skip
        self.output = build.variable(
            "plant.own_output", over, symbol="x^{G}", unit="MW", domain="nonnegative",
            bounds=lambda g, a, s: (0, available[g, s] * onsite.most[g, when[a, s]]), meaning="power made on site",
        )  # fmt: skip
        build.constraint(
            "plant.within_plant", over,
            lambda g, a, s: self.output[g, a, s] <= available[g, s] * onsite.mw[g, when[a, s]],
            unit="MW", meaning="No more is made than what stands can.",
            where=lambda g, a, s: available[g, s] * onsite.most[g, when[a, s]] > 0,
        )  # fmt: skip
        build.cost(
            "plant.own_running", ("plant", "year"),
            lambda g, a: hours.over_year(a, lambda s: running[g, a] * self.output[g, a, s]),
            meaning="Fuel and other running cost of plant on site.",
        )  # fmt: skip

    def made_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the power made in a region in a slice [MW]."""
        return self.build.total(self.at[region], lambda g: self.output[g, year, slice_])

    def clean_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the part of it that emits nothing [MW]."""
        return self.build.total(self.clean_at[region], lambda g: self.output[g, year, slice_])

    def emitted_t(self, region: Index, year: Index) -> Expression:
        """Return what plant in a region emits in an operating year [t CO2]."""
        build, weight = self.build, self.hours.weight
        return build.total(
            self.at[region],
            lambda g: build.total("slice", lambda s: self.emission[g] * weight[s] * self.output[g, year, s]),
        )


class Stores:
    r"""Let batteries on site shift power.

    What is stored after a slice is what was stored before it, plus what goes in less losses, less what comes out and
    its losses, for as many hours, :math:`\Delta`, as the slice has in its day. The slice before the first of a
    representative day is its last, so that a day ends as it began; where the case has every hour, days may follow one
    another and the year closes on itself. A battery charges only within the connection of its campus.

    How much energy it has and what of that can be used is decided in :class:`StoreEnergy`. Its wear is what each
    MWh discharged takes of its cells, which is put in again.
    """

    def __init__(
        self, build: Builder, case: Case, world: xr.Dataset, onsite: OnSite, energy: StoreEnergy, hours: Hours
    ) -> None:
        self.build, self.onsite, self.over = build, onsite, ("store", "year", "slice")
        self.energy, self.season_of = energy, hours.season_of
        self.when = build.mapping(quarter_of(case, world), symbol="q")
        self._mine = by_region(world, "store")
        self.at = build.mapping(self._mine, symbol=r"\mathcal{H}")
        self.available = build.parameter(
            "store.store_available", world["store_available"], ("store",), symbol=r"\gamma^{B}", unit="1",
            meaning="share of power and energy that is available",
        )  # fmt: skip
        self.charge = self._power("store.store_charge", "x^{+}", "power that charges batteries")
        self.discharge = self._power("store.store_discharge", "x^{-}", "power that batteries give")
        self._energy(case, world)
        wear = build.parameter(
            "store.wear", world["store_wear"] / USD_PER_MUSD, ("store",), symbol=r"\pi^{W}", unit="million USD/MWh",
            meaning="wear per MWh discharged: cells put in again, and other running cost",
        )  # fmt: skip
        build.cost(
            "store.store_wear_cost", ("store", "year"),
            lambda h, a: hours.over_year(a, lambda s: wear[h] * self.discharge[h, a, s]),
            meaning="Wear of batteries by what they give.",
        )  # fmt: skip

    def _most(self, store: Index, year: Index, slice_: Index) -> Expression:
        return self.available[store] * self.onsite.most[store, self.when[year, slice_]]

    def _standing(self, store: Index, year: Index, slice_: Index) -> Expression:
        return self.available[store] * self.onsite.mw[store, self.when[year, slice_]]

    def _power(self, name: str, symbol: str, meaning: str) -> Expression:
        """Declare a power within that of the battery."""
        build = self.build
        power = build.variable(
            name, self.over, symbol=symbol, unit="MW", domain="nonnegative",
            bounds=lambda h, a, s: (0, self._most(h, a, s)), meaning=meaning,
        )  # fmt: skip
        build.constraint(
            f"{name}_most", self.over, lambda h, a, s: power[h, a, s] <= self._standing(h, a, s),
            unit="MW", meaning="No more than the battery's power.", where=lambda h, a, s: self._most(h, a, s) > 0,
        )  # fmt: skip
        return power

    def _energy(self, case: Case, world: xr.Dataset) -> None:
        build = self.build
        kept = build.parameter(
            "store.store_efficiency", world["store_efficiency"], ("store",), symbol=r"\eta^{B}", unit="1",
            meaning="share of what is taken that is stored, and of what leaves the store that is given",
        )  # fmt: skip
        spent = build.parameter(
            "store.store_spent", 1.0 / world["store_efficiency"], ("store",), symbol=r"\tau", unit="1",
            meaning="energy that leaves the store for each MWh given",
        )  # fmt: skip
        length = build.parameter(
            "store.slice_length", slice_length(world), ("slice",), symbol=r"\Delta", unit="h",
            meaning="hours that the slice has in its day",
        )  # fmt: skip
        before = build.mapping(slice_before(case, world), symbol="s^{-}")
        self.stored = build.variable(
            "store.store_energy", self.over, symbol="e", unit="MWh", domain="nonnegative",
            bounds=lambda h, a, s: (0, self.energy.most_hours[h] * self._most(h, a, s)),
            meaning="energy stored at the end of the slice",
        )  # fmt: skip
        build.constraint(
            "store.store_energy_most", self.over,
            lambda h, a, s: self.stored[h, a, s] <= self.available[h] * self.energy.usable[h, a, self.season_of[s]],
            unit="MWh", meaning="No more than can be used of the battery's energy.",
            where=lambda h, a, s: self._most(h, a, s) > 0,
        )  # fmt: skip
        build.constraint(
            "store.store_balance", self.over,
            lambda h, a, s: self.stored[h, a, s]
            == self.stored[h, a, before[s]]
            + length[s] * (kept[h] * self.charge[h, a, s] - spent[h] * self.discharge[h, a, s]),
            unit="MWh", meaning="What is stored follows from what goes in and comes out.",
            where=lambda h, a, s: self._most(h, a, s) > 0 or self._most(h, a, before[s]) > 0,
        )  # fmt: skip

    def net_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return what batteries give in a slice, less what they take [MW]."""
        return self.build.total(
            self.at[region], lambda h: self.discharge[h, year, slice_] - self.charge[h, year, slice_]
        )

    def charges(self, region: Index, year: Index, slice_: Index) -> bool:
        """Return whether a battery of the region may stand in the slice."""
        return any(self._most(h, year, slice_) > 0 for h in self._mine[region])

    def given_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return what batteries give in a slice [MW]."""
        return self.build.total(self.at[region], lambda h: self.discharge[h, year, slice_])


def by_region(world: xr.Dataset, dim: str) -> dict[str, list[str]]:
    """Return the labels of ``plant`` or ``store`` in every region."""
    mine = set(world[dim].values.tolist()) if dim in world.dims else set()
    found: dict[str, list[str]] = {r: [] for r in world["region"].values.tolist()}
    for d, r in zip(world["own"].values.tolist(), world["own_region"].values.tolist(), strict=True):
        if d in mine:
            found[r].append(d)
    return found


def slice_length(world: xr.Dataset) -> xr.DataArray:
    """Return the hours that every slice has in its day [h]: as many as the others of the day."""
    day = world["slice_day"].values
    _, number, count = np.unique(day, return_inverse=True, return_counts=True)
    return xr.DataArray(HOURS_PER_DAY / count[number], coords={"slice": world["slice"].values}, dims=("slice",))


def slice_before(case: Case, world: xr.Dataset) -> dict[int, int]:
    """Return the slice before each: the last of the day before its first, or of the year where batteries span days."""
    names, day = world["slice"].values.tolist(), world["slice_day"].values
    found: dict[int, int] = {}
    for one in [None] if case.supply.store_across_days else np.unique(day).tolist():
        mine = [s for s, d in zip(names, day.tolist(), strict=True) if one is None or d == one]
        found |= dict(zip(mine, [mine[-1], *mine[:-1]], strict=True))
    return found
