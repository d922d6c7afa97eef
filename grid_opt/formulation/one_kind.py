"""Fill every hall with one kind of accelerator that serves at a steady utilization."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import capital_weights
from grid_opt.formulation.campus import Campus
from grid_opt.formulation.operation import quarter_of
from grid_opt.formulation.ports import Capacity
from grid_opt.units import USD_PER_MUSD


class OneKind:
    """Buy the computers that fill a hall when it is energized; the same price everywhere, whole halls at a time."""

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, campus: Campus) -> None:
        self.campus = campus
        self.price = build.parameter(
            "capital.hardware_cost", float(world["hardware_price"]) / USD_PER_MUSD, symbol="K^{H}",
            unit="million USD/MW", meaning="overnight cost of compute hardware per MW of IT",
        )  # fmt: skip
        weight = build.parameter(
            "capital.hardware_weight", capital_weights(case, case.costs.hardware_life_years), ("quarter",),
            symbol="A^{H}", unit="1", meaning="present value per USD of hardware installed in the quarter",
        )  # fmt: skip
        build.cost(
            "capital.hardware_capex", ("region", "quarter"), lambda r, q: weight[q] * self.outlay(r, q),
            meaning="Compute hardware in the halls.",
        )  # fmt: skip

    def outlay(self, region: Index, quarter: Index) -> Expression:
        """Return the overnight money spent on computers that enter service in the quarter [million USD]."""
        return self.price * self.campus.hall * self.campus.new_halls(region, quarter)


class SteadyUse:
    """Let the computers draw the same share of their nameplate in every hour."""

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, capacity: Capacity) -> None:
        self.build, self.capacity = build, capacity
        self.quarter_of = build.mapping(quarter_of(case, world), symbol="q")
        self.used = build.parameter(
            "operation.utilization", case.demand.utilization_fraction, symbol="u", unit="1",
            meaning="average IT power drawn per nameplate",
        )  # fmt: skip

    def drawn_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the IT power that the computers want in a slice [MW]."""
        return self.used * self.capacity.it_mw(region, self.quarter_of[year, slice_])

    def bound_shedding(
        self,
        case: Case,
        world: xr.Dataset,
        shed_mw: Callable[[Index, Index], Expression],
        where: Callable[[Index], bool],
    ) -> None:
        """Keep what is shed, by region and quarter at the meter [MW], within what may be turned down in an hour."""
        share = self.build.parameter(
            "relief.sheddable",
            case.flexibility.max_curtailment_fraction * case.demand.utilization_fraction * world["pue_peak"],
            ("region",), symbol=r"\phi^{R}", unit="1", meaning="facility power that may be shed per IT nameplate",
        )  # fmt: skip
        self.build.constraint(
            "relief.shed_limit", ("region", "quarter"),
            lambda r, q: shed_mw(r, q) <= share[r] * self.capacity.it_mw(r, q),
            unit="MW", meaning="No more compute stands behind calls than may be turned down.",
            where=lambda r, q: where(r),
        )  # fmt: skip
