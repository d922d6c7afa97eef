"""Describe a case: everything that a run is asked to do.

Money is in real USD of ``finance.price_base_year``; power is in MW; quarters are calendar quarters, UTC.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import PrivateAttr, model_validator

from grid_opt.config.knobs import KnobError, Knobs, knob
from grid_opt.config.quarters import parse_quarter, quarter_ordinal, quarter_range
from grid_opt.config.sections import (
    Campus,
    Data,
    Demand,
    Energy,
    Flexibility,
    Grid,
    Horizon,
    Regions,
    Solve,
)
from grid_opt.config.sections_carbon import Carbon, Water
from grid_opt.config.sections_compute import Compute, FleetChoice, Objective, Service
from grid_opt.config.sections_connection import Connection
from grid_opt.config.sections_money import Budget, Costs, Finance
from grid_opt.config.sections_nodal import Nodal
from grid_opt.config.sections_supply import Supply
from grid_opt.config.sections_tariffs import Tariffs
from grid_opt.config.sections_tradeoff import Tradeoff
from grid_opt.resources import models_dir

_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


class Case(Knobs):
    """Everything that a run is asked to do."""

    name: str = knob("case", "Short name; the folder of results is called so.", pattern=_NAME_PATTERN)
    title: str = knob("", "One line for maps and reports.", max_length=200)
    description: str = knob("", "What the case is for.", max_length=5000)
    demand: Demand = Demand()
    objective: Objective = Objective()
    horizon: Horizon = Horizon()
    regions: Regions = Regions()
    campus: Campus = Campus()
    grid: Grid = Grid()
    nodal: Nodal = Nodal()
    connection: Connection = Connection()
    supply: Supply = Supply()
    energy: Energy = Energy()
    carbon: Carbon = Carbon()
    water: Water = Water()
    tariffs: Tariffs = Tariffs()
    flexibility: Flexibility = Flexibility()
    finance: Finance = Finance()
    costs: Costs = Costs()
    budget: Budget = Budget()
    tradeoff: Tradeoff = Tradeoff()
    fleet: FleetChoice = FleetChoice()
    service: Service = Service()
    compute: Compute = Compute()
    data: Data = Data()
    solve: Solve = Solve()

    _source: Path | None = PrivateAttr(default=None)
    _rows: dict[str, int] = PrivateAttr(default_factory=dict)

    __hash__ = None  # type: ignore[assignment]  # its tables are dicts

    def __eq__(self, other: object) -> bool:
        """Compare the knobs only: a case is the same wherever its file lies."""
        return isinstance(other, Case) and self.model_dump() == other.model_dump()

    @model_validator(mode="after")
    def _dates_lie_in_the_horizon(self) -> Case:
        first, last = self.horizon.first_quarter, self.horizon.last_quarter
        inside = range(quarter_ordinal(first), quarter_ordinal(last) + 1)
        for quarter, target in self.demand.targets_mw.items():
            if quarter_ordinal(quarter) not in inside:
                raise KnobError(
                    "this target lies outside the horizon",
                    field=f"demand.targets_mw.{quarter}",
                    value=target,
                    expected=f"a quarter from {first} to {last}",
                )
        if quarter_ordinal(self.campus.earliest_start) > quarter_ordinal(last):
            raise KnobError(
                "construction starts after the horizon",
                field="campus.earliest_start",
                value=self.campus.earliest_start,
                expected=f"a quarter no later than {last}",
            )
        building_years = {parse_quarter(quarter)[0] for quarter in self.quarters}
        for year, limit in self.budget.annual_musd.items():
            if year not in building_years:
                raise KnobError(
                    "this budget lies outside the horizon",
                    field=f"budget.annual_musd.{year}",
                    value=limit,
                    expected=f"a year from {min(building_years)} to {max(building_years)}",
                )
        return self

    @model_validator(mode="after")
    def _goal_has_what_it_needs(self) -> Case:
        if not self.has_fleet and self.objective.goal != "least_cost":
            raise KnobError(
                "without a fleet there are no tokens to value",
                field="objective.goal",
                value=self.objective.goal,
                expected="'least_cost' where fleet.members = 'none'",
            )
        if self.objective.goal == "most_tokens" and self.budget.present_value_musd is None:
            raise KnobError(
                "the most tokens need a budget",
                field="budget.present_value_musd",
                value=None,
                expected="an amount in million USD, such as 30000",
            )
        return self

    @model_validator(mode="after")
    def _carbon_can_be_matched(self) -> Case:
        carbon = self.carbon
        first, final = self.years[0], self.represented_years(self.years[-1])[-1]
        for field in ("price_usd_per_t", "cap_t", "annual_share", "hourly_share"):
            for year, value in getattr(carbon, field).items():
                if not first <= year <= final:
                    raise KnobError(
                        "this year lies outside the plan",
                        field=f"carbon.{field}.{year}",
                        value=value,
                        expected=f"a year from {first} to {final}",
                        fix="name the year from which it rules, or the first one of the plan",
                    )
        buys = carbon.hourly_certificates_mw > 0 or bool(self.supply.contracts or self.supply.plants)
        nothing = (
            ("annual_share", not buys and carbon.annual_certificates_gwh == 0, "carbon.annual_certificates_gwh"),
            ("hourly_share", not buys and not carbon.grid_counts, "carbon.hourly_certificates_mw"),
        )
        for field, none, fix in nothing:
            share = max(getattr(carbon, field).values(), default=0.0)
            if none and share > 0:
                raise KnobError(
                    "nothing can match the load",
                    field=f"carbon.{field}",
                    value=share,
                    expected="0 where there are neither certificates nor sources of carbon-free power",
                    fix=f"raise {fix}" + (", or set carbon.grid_counts = true" if field == "hourly_share" else ""),
                )
        return self

    @model_validator(mode="after")
    def _supply_fits(self) -> Case:
        if self.supply.store_across_days and self.energy.days != 365:
            raise KnobError(
                "representative days do not follow one another",
                field="supply.store_across_days",
                value=True,
                expected="false, or energy.days = 365",
            )
        return self

    @model_validator(mode="after")
    def _nodal_fits(self) -> Case:
        if not self.is_nodal:
            return self
        why = "campuses stand at the buses of nodal.network"
        asked = (
            (self.has_fleet, "fleet.members", self.fleet.members, "'none': one accelerator fills the halls"),
            (self.connection.menu, "connection.menu", True, "false: nodal.candidates says what can be connected"),
            (self.supply.has_sources, "supply", "contracts, forwards or onsite", "none: a dispatch has no prices yet"),
            (self.tariffs.charge, "tariffs.charge", True, "false: the flat rates of the region that a bus is like"),
            (self.grid.network, "grid.network", True, "false: the lines of nodal.network take its place"),
            (
                self.energy.hours_file is not None, "energy.hours_file", self.energy.hours_file,
                "no such file: nodal.hours gives the hours",
            ),
        )  # fmt: skip
        for wrong, field, value, expected in asked:
            if wrong:
                raise KnobError(f"this does not go where {why}", field=field, value=value, expected=expected)
        return self

    @model_validator(mode="after")
    def _tradeoff_fits(self) -> Case:
        asked = self.tradeoff.criteria
        if not asked:
            return self
        needs = (
            (self.is_nodal, "nodal.network", self.nodal.network, "none: trade-offs are of campuses in regions"),
            (self.objective.goal == "most_tokens", "objective.goal", "most_tokens", "'least_cost' or 'net_value'"),
            ("carbon" in asked and not self.carbon.on_ledger, "carbon.count", False, "true, for 'carbon' counts them"),
            ("water" in asked and not self.water.counts, "water.count", False, "true, for 'water' counts it"),
            ("tokens" in asked and not self.has_fleet, "fleet.members", "none", "a fleet, for 'tokens' counts them"),
        )
        for wrong, field, value, expected in needs:
            if wrong:
                raise KnobError("the trade-off cannot be had so", field=field, value=value, expected=expected)
        return self

    @property
    def is_nodal(self) -> bool:
        """Whether campuses stand at the buses of a power network, whose dispatch is part of the plan."""
        return self.nodal.network is not None

    @property
    def nodal_paths(self) -> dict[str, Path]:
        """Files that the section ``nodal`` names, by their keys, found relative to the case file."""
        if not self.is_nodal:
            return {}
        named = {key: getattr(self.nodal, key) for key in ("network", "candidates", "hours", "buses", "generators")}
        return {key: self.resolve(path) for key, path in named.items() if path is not None}

    @property
    def has_reserve(self) -> bool:
        """Whether anything but shed compute can keep load off the peaks of a tariff."""
        return self.connection.menu or bool(self.supply.onsite)

    @property
    def has_fleet(self) -> bool:
        """Whether the plan chooses its computers; otherwise one accelerator fills the halls."""
        return self.fleet.members != "none"

    @property
    def committed_quarters(self) -> tuple[str, ...]:
        """Quarters in which a target must be met."""
        if self.demand.commitments == "none":
            return ()
        return self.quarters if self.demand.commitments == "every" else self.quarters[-1:]

    @property
    def quarters(self) -> tuple[str, ...]:
        """Quarters of the plan, in time order."""
        return quarter_range(self.horizon.first_quarter, self.horizon.last_quarter)

    @property
    def years(self) -> tuple[int, ...]:
        """Operating years: the plan's calendar years, then the first of the long run when there is one."""
        first, last = self._first_and_last_year
        end = last + 1 if self.horizon.long_run_until_year > last else last
        return tuple(range(first, end + 1))

    def represented_years(self, year: int) -> tuple[int, ...]:
        """List the calendar years that an operating year stands for; ``ValueError`` for any other year."""
        if year not in self.years:
            raise ValueError(f"{year} is not an operating year; these are: {self.years}")
        _, last = self._first_and_last_year
        return (year,) if year <= last else tuple(range(last + 1, self.horizon.long_run_until_year + 1))

    def capacity_quarter(self, year: int, season: int) -> str:
        """Name the quarter whose capacity runs in a calendar quarter (1..4) of an operating year."""
        _, last = self._first_and_last_year
        return f"{year}Q{season}" if year <= last else self.horizon.last_quarter

    @property
    def counted_per_it_mw(self) -> float:
        """MW that count towards a target per MW of IT power installed: 1, or the reference PUE."""
        return self.demand.reference_pue if self.demand.power_basis == "facility" else 1.0

    def target_mw(self, quarter: str) -> float:
        """Cumulative target [MW] of a quarter: the last one named up to then, 0 before the first."""
        due = [
            target
            for named, target in self.demand.targets_mw.items()
            if quarter_ordinal(named) <= quarter_ordinal(quarter)
        ]
        return due[-1] if due else 0.0

    def committed_mw(self, quarter: str) -> float:
        """Power of the committed blocks in a quarter, counted as targets are [MW]."""
        per_facility_mw = self.counted_per_it_mw / self.demand.reference_pue
        return per_facility_mw * sum(block.mw(quarter) for block in self.connection.committed.values())

    @property
    def source(self) -> Path | None:
        """File that the case was read from; ``None`` for a case made in Python."""
        return self._source

    def row(self, field: str, item: str | None = None) -> int | None:
        """Line of the case file that gives a dotted field, such as ``regions.include``, or an item of it."""
        return self._rows.get(f"{field}.{item}", self._rows.get(field))

    def resolve(self, path: str | Path) -> Path:
        """Find a file that the case names: relative to the case file; to the working folder for a bundled case."""
        own = self._source is not None and not self._source.is_relative_to(models_dir())
        return (self._source.parent if own and self._source is not None else Path()) / path

    @property
    def tables_dir(self) -> Path | None:
        """Folder of the case's own tables, found relative to the case file."""
        return None if self.data.tables_dir is None else self.resolve(self.data.tables_dir)

    @property
    def hours_path(self) -> Path | None:
        """File of real hours that the case names, found relative to the case file."""
        return None if self.energy.hours_file is None else self.resolve(self.energy.hours_file)

    @property
    def _first_and_last_year(self) -> tuple[int, int]:
        return parse_quarter(self.horizon.first_quarter)[0], parse_quarter(self.horizon.last_quarter)[0]
