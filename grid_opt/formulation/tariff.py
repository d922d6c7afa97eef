"""Charge the tariffs of the regions: what is linear in the load as rates, the rest as billed quantities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index, Rule
from grid_opt.formulation.campus import Campus
from grid_opt.formulation.connection import Connection
from grid_opt.formulation.ports import Accredited, Metered, Reserve
from grid_opt.formulation.tariff_meters import readings
from grid_opt.formulation.tariff_sets import (
    falls_of,
    least_pue,
    lines_of,
    measured,
    named,
    nonzero,
    nonzero_in_years,
    numbers,
    some,
)
from grid_opt.inputs.offers import BELOW_MW
from grid_opt.units import USD_PER_MUSD

_OVER, _YEARLY, _SIZED = ("region", "quarter"), ("region", "year"), ("size", "quarter")


class Tariffs:
    r"""Bill every campus by the tariff of its region, month by month, at present value.

    All months of all calendar years are billed; what several of them bill alike is one quantity at the sum of its
    rates.

    - *Demand* of a month is the load of its declared peak day, :math:`P\,n_{r,q}` times the PUE of that day: the
      computers may draw their nameplate on it at any hour. No slice draws more, so no slice needs a row.
    - *Coincident peaks* and capacity obligations are measured at the declared hours of those days, less what relief
      and own supply keep off them, :math:`k`, and what compute is shed there, :math:`x^P`. Relief is paid for all hours
      of its calls, of which the peaks are some; plant and batteries on site count as far as they are accredited; shed
      compute is paid for so many hours around every peak hour.
    - *Contract demand* is what is contracted with the grid (without a menu of offers, the design-day load). Its size
      chooses the schedule: :math:`z` says which limits of size it reaches.
    - *Energy* is paid as the meter shows it, by period and tier, or at the wholesale price with delivery losses. Energy
      that a contract delivers comes over the meter as well: the wholesale price alone is not paid on it.

    What is not linear in these is a billed quantity :math:`B`, bounded from below by every row of it: ratchets, minimum
    takes, contracts without a history of peaks, tiers of rising rates, least bills. A row that holds only for campuses
    opened in some quarters, or contracts of some sizes, is lifted by the most that it can be, :math:`\overline{B}`,
    where its condition fails. Only tiers of falling rates and limits of size take binaries.
    """

    def __init__(
        self,
        build: Builder,
        case: Case,
        world: xr.Dataset,
        campus: Campus,
        bought: Metered,
        connection: Connection | None = None,
        reserve: Reserve | None = None,
        own: Accredited | None = None,
    ) -> None:
        self.build, self.campus, self.bought, self.connection = build, campus, bought, connection
        self.pue = build.parameter(
            "tariff.pue_peak", world["pue_peak"], ("region",), symbol=r"\hat\eta", unit="1",
            meaning="facility power per IT power on the design day",
        )  # fmt: skip
        self._peaks(case, world, reserve, own)
        self._sizes(world)
        self._lines(world)
        self._falls(world)
        self._energy(world)
        self._standing(world)

    def contracted(self, region: Index, quarter: Index) -> Expression:
        """Return the contract demand [MW]."""
        if self.connection is not None:
            return self.connection.counted_mw(region, quarter)
        return self.pue[region] * self.campus.it_mw(region, quarter)

    def shed_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the compute that is shed at declared peak hours [MW at the meter]."""
        return self.shed[region, quarter]

    def _kept(self, region: Index, quarter: Index) -> Expression:
        """Return what is kept off the declared peaks [MW]."""
        shed = self.shed[region, quarter]
        return shed if self.kept is None else self.kept[region, quarter] + shed

    def _peaks(self, case: Case, world: xr.Dataset, reserve: Reserve | None, own: Accredited | None) -> None:
        build = self.build
        hours = build.parameter(
            "tariff.peak_hours", world["peak_hours"], _OVER, symbol="h^{P}", unit="h",
            meaning="declared peak hours that are billed while the quarter's capacity runs, at present value",
        )  # fmt: skip
        billed = measured(world)
        self.kept: Any = None
        if reserve is not None or own is not None:
            self.kept = build.variable(
                "tariff.kept_off", _OVER, symbol="k", unit="MW", domain="nonnegative",
                bounds=lambda r, q: (0, None if hours[r, q] else 0),
                meaning="load that relief and own supply keep off the declared peaks of the quarter",
            )  # fmt: skip
            build.constraint(
                "tariff.kept_most", _OVER, lambda r, q: self.kept[r, q]
                <= (0.0 if reserve is None else reserve.standby_mw(r, q))
                + (0.0 if own is None else own.accredited_mw(r, q)),
                unit="MW", meaning="No more is kept off the peaks than relief and own supply can.",
                where=lambda r, q: billed[r, q],
            )  # fmt: skip
        self.shed = build.variable(
            "tariff.peak_shed", _OVER, symbol="x^{P}", unit="MW", domain="nonnegative",
            bounds=lambda r, q: (0, None if hours[r, q] else 0),
            meaning="load at the meter whose compute is shed at the declared peaks of the quarter",
        )  # fmt: skip
        least = build.parameter(
            "tariff.peak_load", case.connection.coincident_share * least_pue(case, world), _OVER,
            symbol=r"\underline{\eta}^{P}", unit="1", meaning="least facility power per IT power at a declared peak",
        )  # fmt: skip
        build.constraint(
            "tariff.peak_limit", _OVER, lambda r, q: self._kept(r, q) <= least[r, q] * self.campus.it_mw(r, q),
            unit="MW", meaning="No more is kept off the peaks than the load.", where=lambda r, q: billed[r, q],
        )  # fmt: skip
        value = build.parameter(
            "tariff.shed_value", case.flexibility.value_of_lost_compute_usd_per_mwh / world["pue_peak"] / USD_PER_MUSD,
            ("region",), symbol=r"\nu^{P}", unit="million USD/MWh", meaning="worth of the compute that one MWh runs",
        )  # fmt: skip
        around = build.parameter(
            "tariff.hours_per_peak", case.tariffs.hours_per_peak, symbol="g", unit="1",
            meaning="hours of shedding for each declared peak hour",
        )  # fmt: skip
        build.cost(
            "tariff.peak_shedding", _OVER, lambda r, q: value[r] * around * hours[r, q] * self.shed[r, q],
            meaning="Worth of the compute that is shed at declared peaks.",
        )  # fmt: skip

    def may_shed(self, world: xr.Dataset) -> dict[str, bool]:
        """Return the regions in which shedding at a peak can save anything."""
        billed, quarters = measured(world), world["quarter"].values.tolist()
        return {r: any(billed[r, q] for q in quarters) for r in world["region"].values.tolist()}

    def _sizes(self, world: xr.Dataset) -> None:
        build, campus = self.build, self.campus
        may = build.parameter(
            "tariff.size_may", world["size_may"], _SIZED, symbol=r"\overline{z}^{T}", unit="1",
            meaning="1 where a contract may be that large",
        )  # fmt: skip
        self.above = build.variable(
            "tariff.above", _SIZED, symbol="z^{T}", unit="1", domain="binary", bounds=lambda h, q: (0, may[h, q]),
            meaning="1 where the contract reaches the size at which another schedule begins",
        )  # fmt: skip
        size = build.parameter(
            "tariff.size", world["size_mw"], ("size",), symbol=r"\tau^{T}", unit="MW",
            meaning="contract demand at which another schedule begins",
        )  # fmt: skip
        small = build.parameter(
            "tariff.size_below", world["size_mw"] - BELOW_MW, ("size",), symbol=r"\tau^{T-}", unit="MW",
            meaning="largest contract demand below it",
        )  # fmt: skip
        region_of = build.mapping(named(world, "size", "size_region"), symbol="r")
        most = build.parameter(
            "tariff.most_contract", world["most_contract"], _OVER, symbol=r"\overline{C}^{T}", unit="MW",
            meaning="largest contract demand",
        )  # fmt: skip
        build.constraint(
            "tariff.reaches", _SIZED,
            lambda h, q: self.contracted(region_of[h], q) >= size[h] * self.above[h, q],
            unit="MW", meaning="A contract that reaches a size is of that size or more.",
            where=lambda h, q: may[h, q] > 0,
        )  # fmt: skip
        build.constraint(
            "tariff.stays_below", _SIZED,
            lambda h, q: self.contracted(region_of[h], q)
            <= small[h] * campus.site[region_of[h], q] + (most[region_of[h], q] - small[h]) * self.above[h, q],
            unit="MW", meaning="A contract that does not reach it stays below.", where=lambda h, q: may[h, q] > 0,
        )  # fmt: skip
        connection = self.connection
        if connection is not None:
            shared = numbers(world, "size", "size_shared")
            build.constraint(
                "tariff.same_size", _SIZED, lambda h, q: self.above[h, q] == connection.large[region_of[h], q],
                unit="1", meaning="Where the menu changes at the same size, both are one decision.",
                where=lambda h, q: shared[h] > 0 and may[h, q] > 0,
            )  # fmt: skip

    def _lines(self, world: xr.Dataset) -> None:
        build, campus = self.build, self.campus
        self.billed = build.variable(
            "tariff.billed", ("line",), symbol="B", unit="MW", domain="nonnegative",
            meaning="billed quantity: MW, MWh of a tier, or million USD of a least bill",
        )  # fmt: skip
        line_of = named(world, "bound", "bound_line")
        place = named(world, "line", "line_region")
        line = build.mapping(line_of, symbol="n")
        region = build.mapping({i: place[n] for i, n in line_of.items()}, symbol="r")
        sums = {}
        for name, symbol, unit, meaning in (
            ("load", "a", "1", "share of the quarter's IT power in the bound"),
            ("relief", "a^{K}", "1", "share of what is kept off its peaks"),
            ("contract", "a^{C}", "1", "share of its contract demand"),
            ("site", "a^{Y}", "MW", "amount where a campus is open in it"),
            ("opened", "o", "1", "whether being open in it lifts the bound (1) or calls for it (-1)"),
        ):  # fmt: skip
            array = world[f"bound_{name}"]
            weight = build.parameter(f"tariff.bound_{name}", array, ("bound", "quarter"), symbol=symbol, unit=unit,
                                     meaning=meaning)  # fmt: skip
            within = build.mapping(nonzero(array, "bound"), symbol=rf"\mathcal{{Q}}^{{{name[0].upper()}}}")
            sums[name] = (weight, within)
        one = {}
        for name, symbol, unit, meaning in (
            ("shift", "s", "MW", "end of the tier before"),
            ("most", r"\overline{B}", "MW", "most that the bound can be"),
            ("off", r"\omega", "1", "1 where the bound holds only once a campus has opened by some quarter"),
        ):
            one[name] = build.parameter(f"tariff.bound_{name}", world[f"bound_{name}"], ("bound",), symbol=symbol,
                                        unit=unit, meaning=meaning)  # fmt: skip
        metered = readings(build, world, self.bought, self.billed)
        quarter = build.mapping(named(world, "bound", "bound_quarter"), symbol="q")
        reaches = build.mapping(some(world, "bound_from"), symbol=r"\mathcal{H}^{+}")
        stays = build.mapping(some(world, "bound_below"), symbol=r"\mathcal{H}^{-}")

        def total(name: str, i: Index, of: Rule) -> Expression:
            weight, within = sums[name]
            return build.total(within[i], lambda q: weight[i, q] * of(region[i], q))

        def lifted(i: Index) -> Expression:
            """Return 0 where the conditions of a bound hold, else 1 or more."""
            return (
                one["off"][i]
                + total("opened", i, lambda r, q: campus.site[r, q])
                + build.total(reaches[i], lambda h: 1 - self.above[h, quarter[i]])
                + build.total(stays[i], lambda h: self.above[h, quarter[i]])
            )

        build.constraint(
            "tariff.bounds", ("bound",),
            lambda i: self.billed[line[i]]
            >= total("load", i, campus.it_mw)
            + total("relief", i, self._kept)
            + total("contract", i, self.contracted)
            + total("site", i, lambda r, q: campus.site[r, q])
            + metered(i)
            - one["shift"][i]
            - one["most"][i] * lifted(i),
            unit="MW", meaning="A billed quantity is not below any of its rows whose conditions hold.",
        )  # fmt: skip

    def _falls(self, world: xr.Dataset) -> None:
        build, over = self.build, ("fall",)
        line = build.mapping(named(world, "fall", "fall_line"), symbol="n")
        start = build.parameter(
            "tariff.fall_from", world["fall_from"], over, symbol=r"\underline{F}", unit="MW",
            meaning="quantity from which the rate is lower",
        )  # fmt: skip
        most = build.parameter(
            "tariff.fall_most", world["fall_most"], over, symbol=r"\overline{F}", unit="MW",
            meaning="most that the quantity can be",
        )  # fmt: skip
        self.beyond = build.variable(
            "tariff.beyond", over, symbol="e", unit="MW", domain="nonnegative",
            meaning="quantity at the lower rate",
        )  # fmt: skip
        self.falls = build.variable(
            "tariff.falls", over, symbol="y^{F}", unit="1", domain="binary",
            meaning="1 where the quantity reaches the lower rate",
        )  # fmt: skip
        build.constraint(
            "tariff.beyond_most", over, lambda f: self.beyond[f] <= (most[f] - start[f]) * self.falls[f],
            unit="MW", meaning="Nothing is at the lower rate unless the quantity reaches it.",
        )  # fmt: skip
        build.constraint(
            "tariff.beyond_rest", over, lambda f: self.beyond[f] <= self.billed[line[f]] - start[f] * self.falls[f],
            unit="MW", meaning="Only what is beyond the tier before is at the lower rate.",
        )  # fmt: skip

    def _energy(self, world: xr.Dataset) -> None:
        build = self.build
        self.line_rate = build.parameter(
            "tariff.line_rate", world["line_rate"] / USD_PER_MUSD, ("line", "year"), symbol=r"\beta",
            unit="million USD/MW", meaning="paid in the year per unit of the billed quantity",
        )  # fmt: skip
        self.fall_rate = build.parameter(
            "tariff.fall_rate", world["fall_rate"] / USD_PER_MUSD, ("fall", "year"), symbol=r"\beta^{F}",
            unit="million USD/MW", meaning="saved in the year per unit at the lower rate",
        )  # fmt: skip
        beside = self._beside_wholesale(world)
        bought = self.bought

        def energy(rate: Mapping[Index, Expression], r: Index, a: Index, s: Index) -> Expression:
            return rate[r, a, s] * bought.bought_mw(r, a, s) + beside(r, a, s)

        def rider(rate: Mapping[Index, Expression], r: Index, a: Index, s: Index) -> Expression:
            return rate[r, a, s] * bought.metered_mw(r, a, s)

        for part, symbol, flow, meaning in (
            ("energy", r"\pi^{E}", energy, "Energy by the tariff: at wholesale prices with losses, or at its rates."),
            ("rider", r"\pi^{D}", rider, "Riders of the tariff on all energy."),
        ):
            rate = build.parameter(
                f"tariff.{part}_rate", world[f"tariff_{part}"] / (1 + world["loss"]) / USD_PER_MUSD,
                ("region", "year", "slice"), symbol=symbol, unit="million USD/MW",
                meaning="present value of what a MW over the grid in the slice costs, over its hours",
            )  # fmt: skip

            tiers = self._booked(world, part, part[0].upper())

            def paid(
                r: Index, a: Index, rate: Mapping[Index, Expression] = rate, tiers: Rule = tiers, mine: Any = flow
            ) -> Expression:
                return build.total("slice", lambda s: mine(rate, r, a, s)) + tiers(r, a)

            build.cost(f"tariff.{part}", _YEARLY, paid, meaning=meaning)

    def _beside_wholesale(self, world: xr.Dataset) -> Rule:
        """Return what is paid for energy, the wholesale price aside, on what contracts deliver in a slice."""
        if "tariff_delivered" not in world:
            return lambda r, a, s: 0.0
        rate = self.build.parameter(
            "tariff.delivered_rate", world["tariff_delivered"] / (1 + world["loss"]) / USD_PER_MUSD,
            ("region", "year", "slice"), symbol=r"\pi^{B}", unit="million USD/MW",
            meaning="present value of what a MW delivered in the slice costs beside its contract, over its hours",
        )  # fmt: skip
        return lambda r, a, s: rate[r, a, s] * self.bought.delivered_mw(r, a, s)

    def _booked(self, world: xr.Dataset, part: str, letter: str) -> Rule:
        """Return what the billed quantities that are booked under a cost term cost, by region and year."""
        build = self.build
        lines = build.mapping(lines_of(world, part), symbol=rf"\mathcal{{N}}^{{{letter}}}")
        falls = build.mapping(falls_of(world, part), symbol=rf"\mathcal{{F}}^{{{letter}}}")

        def paid(r: Index, a: Index) -> Expression:
            highest = build.total(lines[r, a], lambda n: self.line_rate[n, a] * self.billed[n])
            return highest - build.total(falls[r, a], lambda f: self.fall_rate[f, a] * self.beyond[f])

        return paid

    def _standing(self, world: xr.Dataset) -> None:
        build = self.build
        rates, within = {}, {}
        of = (
            ("load", "P", "million USD/MW", "paid in the year per MW of IT power of the quarter"),
            ("relief", "K", "million USD/MW", "saved in the year per MW kept off the quarter's peaks"),
            ("contract", "C", "million USD/MW", "paid in the year per MW of contract of the quarter"),
            ("site", "Y", "million USD", "paid in the year for a campus that is open in the quarter"),
        )
        for part, own, meaning in (
            ("delivery", "D", "Demand, coincident-peak and fixed charges, and what is lacking to least bills."),
            ("capacity", "O", "Capacity obligation of the tariff."),
            ("collateral", "S", "Cost of the security that the tariff asks for, and exit fees."),
        ):
            for name, letter, unit, told in of:
                array = world[f"tariff_{name}"].sel(part=part).drop_vars("part")
                rates[name] = build.parameter(
                    f"tariff.{part}_{name}", array / USD_PER_MUSD, ("region", "year", "quarter"),
                    symbol=rf"\pi^{{{own}{letter}}}", unit=unit, meaning=told,
                )  # fmt: skip
                within[name] = build.mapping(nonzero_in_years(array), symbol=rf"\mathcal{{Q}}^{{{own}{letter}}}")
            booked = self._booked(world, part, own)
            build.cost(f"tariff.{part}", _YEARLY, self._paid(dict(rates), dict(within), booked), meaning=meaning)

    def _paid(self, rates: Mapping[str, Any], within: Mapping[str, Any], booked: Rule) -> Rule:
        build, campus = self.build, self.campus
        amounts = {
            "load": campus.it_mw, "contract": self.contracted, "site": lambda r, q: campus.site[r, q],
            "relief": lambda r, q: -self._kept(r, q),
        }  # fmt: skip

        def paid(r: Index, a: Index) -> Expression:
            total = booked(r, a)
            for name, amount in amounts.items():
                rate, when = rates[name], within[name]
                total = total + build.total(
                    when[r, a], lambda q, rate=rate, amount=amount: rate[r, a, q] * amount(r, q)
                )
            return total

        return paid
