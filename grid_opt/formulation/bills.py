"""Pay for running the halls: energy, delivery, capacity, upkeep, and compute that was shed."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index, Rule
from grid_opt.formulation.calendar import operating_weights, quarter_of_season
from grid_opt.formulation.operation import Operation
from grid_opt.formulation.ports import Accredited, Adequacy, Capacity
from grid_opt.units import KW_PER_MW, MONTHS_PER_QUARTER, QUARTERS_PER_YEAR, USD_PER_MUSD


class Bills:
    """Charge every region its bill of every operating year, discounted quarter by quarter.

    Energy is bought by the hour at wholesale, but where campuses stand at buses of a network: there the dispatch of its
    generators is charged instead (block ``nodal``). Delivery is billed on the design-day facility load, which is what
    the utility plans for, and capacity on the part of it that coincides with the peak and nothing else covers.
    """

    def __init__(
        self,
        build: Builder,
        case: Case,
        world: xr.Dataset,
        operation: Operation,
        capacity: Capacity,
        adequacy: Adequacy | None = None,
        accredited: Accredited | None = None,
        *,
        flat: bool = True,
    ) -> None:
        self.build, self.operation, self.capacity = build, operation, capacity
        self.adequacy, self.accredited, self.flat = adequacy, accredited, flat
        self.weight = build.parameter(
            "bills.operating_weight", operating_weights(case), ("year", "season"), symbol="D", unit="1",
            meaning="present value of one USD paid in the calendar quarter of the operating year",
        )  # fmt: skip
        self.quarter_of = build.mapping(quarter_of_season(case), symbol="q")
        self._hourly(case, world)
        self._standing(case, world)

    def _hourly(self, case: Case, world: xr.Dataset) -> None:
        build, operation = self.build, self.operation
        hours = build.parameter(
            "bills.slice_weight", world["slice_weight"], ("slice",), symbol="w", unit="h",
            meaning="hours of the year that the slice stands for",
        )  # fmt: skip
        value = build.parameter(
            "bills.value_of_lost_compute", case.flexibility.value_of_lost_compute_usd_per_mwh / USD_PER_MUSD,
            symbol=r"\nu", unit="million USD/MWh", meaning="worth of the compute that one MWh of IT power feeds",
        )  # fmt: skip
        season_of = operation.season_of

        def hourly(a: Index, rate: Rule) -> Expression:
            """Sum a rate [million USD/h] over the year, weighted and discounted."""
            return build.total("slice", lambda s: self.weight[a, season_of[s]] * hours[s] * rate(s))

        over = ("region", "year")
        if self.flat:
            self._flat_energy(case, world, hourly)
        build.cost(
            "bills.lost_compute", over, lambda r, a: hourly(a, lambda s: value * operation.curtailment[r, a, s]),
            meaning="Worth of the compute that was shed.",
        )  # fmt: skip

    def _flat_energy(self, case: Case, world: xr.Dataset, hourly: Callable[[Index, Rule], Expression]) -> None:
        """Charge wholesale energy and the flat rider, where no tariff does."""
        build, operation, over = self.build, self.operation, ("region", "year")
        rider = build.parameter(
            "bills.rider_rate", world["delivery_rider"] / (1 + world["loss"]) / USD_PER_MUSD, ("region",),
            symbol=r"\pi^{D}", unit="million USD/MWh",
            meaning="delivery charge per MWh bought: the rider per metered MWh, less delivery losses",
        )  # fmt: skip
        if not case.is_nodal:
            price = build.parameter(
                "bills.price", world["price"] / USD_PER_MUSD, ("region", "year", "slice"), symbol=r"\pi",
                unit="million USD/MWh", meaning="wholesale price",
            )  # fmt: skip
            build.cost(
                "bills.energy", over,
                lambda r, a: hourly(a, lambda s: price[r, a, s] * operation.purchase[r, a, s]),
                meaning="Energy bought at wholesale.",
            )  # fmt: skip
        build.cost(
            "bills.rider", over, lambda r, a: hourly(a, lambda s: rider[r] * operation.metered_mw(r, a, s)),
            meaning="Delivery charges and riders per MWh.",
        )  # fmt: skip

    def _standing(self, case: Case, world: xr.Dataset) -> None:
        build, capacity = self.build, self.capacity
        upkeep = build.parameter(
            "bills.upkeep", case.costs.fixed_om_usd_per_kw_year * KW_PER_MW / QUARTERS_PER_YEAR / USD_PER_MUSD,
            symbol=r"\mu", unit="million USD/MW", meaning="fixed operation and maintenance for a quarter per MW of IT",
        )  # fmt: skip

        def quarterly(a: Index, rate: Rule) -> Expression:
            """Sum a rate [million USD per calendar quarter] over the year, discounted."""
            return build.total("season", lambda c: self.weight[a, c] * rate(c))

        def stands(r: Index, a: Index, c: Index) -> Expression:
            return capacity.it_mw(r, self.quarter_of[a, c])

        if self.flat:
            self._flat_demand(case, world, quarterly, stands)
        build.cost(
            "bills.fixed_om", ("region", "year"), lambda r, a: quarterly(a, lambda c: upkeep * stands(r, a, c)),
            meaning="Staff, spares and upkeep.",
        )  # fmt: skip

    def _flat_demand(
        self, case: Case, world: xr.Dataset, quarterly: Callable[[Index, Rule], Expression], stands: Rule
    ) -> None:
        """Charge the flat demand charge and the capacity obligation, where no tariff does."""
        build = self.build
        pue = build.parameter(
            "bills.pue_peak", world["pue_peak"], ("region",), symbol=r"\hat\eta", unit="1",
            meaning="facility power per IT power on the design day",
        )  # fmt: skip
        demand = build.parameter(
            "bills.demand_charge", MONTHS_PER_QUARTER * world["delivery_demand_charge"] / USD_PER_MUSD, ("region",),
            symbol=r"\delta", unit="million USD/MW", meaning="demand charge for three months",
        )  # fmt: skip
        obligation = build.parameter(
            "bills.capacity_charge", world["capacity_charge"] / USD_PER_MUSD, ("region", "year", "season"),
            symbol=r"\kappa", unit="million USD/MW", meaning="capacity obligation for the calendar quarter",
        )  # fmt: skip
        coincident = case.connection.coincident_share

        def obligated(r: Index, a: Index, c: Index) -> Expression:
            """Return the load for which capacity is bought; all that coincides where nothing else covers it [MW]."""
            if self.adequacy is not None:
                return self.adequacy.obligated_mw(r, self.quarter_of[a, c])
            own = 0.0 if self.accredited is None else self.accredited.accredited_mw(r, self.quarter_of[a, c])
            return coincident * pue[r] * stands(r, a, c) - own

        over = ("region", "year")
        build.cost(
            "bills.delivery", over,
            lambda r, a: quarterly(a, lambda c: demand[r] * pue[r] * stands(r, a, c)),
            meaning="Demand charges on the design-day load.",
        )  # fmt: skip
        build.cost(
            "bills.capacity", over,
            lambda r, a: quarterly(a, lambda c: obligation[r, a, c] * obligated(r, a, c)),
            meaning="Capacity obligation on the coincident load that relief and own supply do not cover.",
        )  # fmt: skip
