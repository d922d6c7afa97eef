"""Pay for campuses, shells and hardware, within the budgets."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import capital_weights
from grid_opt.formulation.campus import Campus
from grid_opt.formulation.connection import Connection
from grid_opt.formulation.onsite import OnSite
from grid_opt.formulation.ports import Computers
from grid_opt.formulation.store_energy import StoreEnergy
from grid_opt.units import KW_PER_MW, USD_PER_MUSD


class Capital:
    """Charge overnight costs of site and shell to the quarter in which a campus opens or a hall is energized.

    They carry the construction multiplier of the region; computers, charged elsewhere, cost the same everywhere.
    Budgets hold in outlay: overnight money, undiscounted, in the calendar year in which the asset enters service.
    """

    def __init__(
        self,
        build: Builder,
        case: Case,
        world: xr.Dataset,
        campus: Campus,
        computers: Computers,
        connection: Connection | None = None,
        onsite: OnSite | None = None,
        energy: StoreEnergy | None = None,
    ) -> None:
        self.build, self.campus, self.computers, self.connection = build, campus, computers, connection
        self.onsite, self.energy = onsite, energy
        self.multiplier = build.parameter(
            "capital.construction_multiplier", world["construction_multiplier"], ("region",), symbol=r"\chi", unit="1",
            meaning="regional multiplier of construction cost",
        )  # fmt: skip
        self.site_cost = build.parameter(
            "capital.site_cost", case.costs.site_fixed_musd, symbol="K^{S}", unit="million USD",
            meaning="overnight cost of opening a campus",
        )  # fmt: skip
        self.shell_cost = build.parameter(
            "capital.shell_cost", case.costs.shell_usd_per_kw * KW_PER_MW / USD_PER_MUSD, symbol="K^{B}",
            unit="million USD/MW", meaning="overnight cost of shell, power and cooling per MW of IT",
        )  # fmt: skip
        self._costs(case)
        if case.budget.annual_musd or case.budget.total_musd is not None:
            self._budgets(case)

    def _costs(self, case: Case) -> None:
        build, campus, over = self.build, self.campus, ("region", "quarter")
        shell_life = build.parameter(
            "capital.shell_weight", capital_weights(case, case.costs.shell_life_years), ("quarter",), symbol="A^{B}",
            unit="1", meaning="present value per USD of a shell energized in the quarter",
        )  # fmt: skip
        build.cost(
            "capital.site_capex", over,
            lambda r, q: shell_life[q] * self.multiplier[r] * self.site_cost * campus.new_sites(r, q),
            meaning="Land, substation and works of a campus.",
        )  # fmt: skip
        build.cost(
            "capital.shell_capex", over,
            lambda r, q: shell_life[q] * self.multiplier[r] * self.shell_cost * campus.hall * campus.new_halls(r, q),
            meaning="Shell, power and cooling of the halls.",
        )  # fmt: skip

    def outlay(self, region: Index, quarter: Index) -> Expression:
        """Return the overnight money spent on what enters service in the quarter [million USD]."""
        campus, local = self.campus, self.multiplier[region]
        site = local * self.site_cost * campus.new_sites(region, quarter)
        shell = local * self.shell_cost * campus.hall * campus.new_halls(region, quarter)
        works = 0.0 if self.connection is None else self.connection.outlay(region, quarter)
        own = 0.0 if self.onsite is None else self.onsite.outlay(region, quarter)
        cells = 0.0 if self.energy is None else self.energy.outlay(region, quarter)
        return site + shell + self.computers.outlay(region, quarter) + works + own + cells

    def _budgets(self, case: Case) -> None:
        build = self.build
        quarters_of = build.mapping(
            {a: [q for q in case.quarters if q.startswith(f"{a}Q")] for a in case.years}, symbol=r"\mathcal{Q}"
        )
        annual = build.parameter(
            "budget.annual", {int(a): v for a, v in case.budget.annual_musd.items()}, ("year",), symbol="W",
            unit="million USD", meaning="most capital outlay in the calendar year",
        )  # fmt: skip
        total = build.parameter(
            "budget.total", float("inf") if case.budget.total_musd is None else case.budget.total_musd,
            symbol=r"\overline{W}", unit="million USD", meaning="most capital outlay in all",
        )  # fmt: skip

        def spent(q: Index) -> Expression:
            upgrades = None if self.connection is None else self.connection.upgrades
            shared = 0.0 if upgrades is None else upgrades.outlay(q)
            return build.total("region", lambda r: self.outlay(r, q)) + shared

        build.constraint(
            "budget.annual_budget", ("year",),
            lambda a: build.total(quarters_of[a], spent) <= annual[a],
            unit="million USD", meaning="Capital outlay stays within the budget of the year.",
            where=lambda a: a in annual,
        )  # fmt: skip
        build.constraint(
            "budget.total_budget", (), lambda: build.total("quarter", spent) <= total,
            unit="million USD", meaning="Capital outlay stays within the budget of the whole build-out.",
            where=lambda: total < float("inf"),
        )  # fmt: skip
