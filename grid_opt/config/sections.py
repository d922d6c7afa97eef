"""The sections of a case: every knob of a run with its unit, default, bounds and meaning.

The reference page ``docs/reference/case.md`` and the JSON schema beside it are generated from this file.
Money is in real USD of ``finance.price_base_year``; power is in MW; quarters are calendar quarters, UTC.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator, model_validator

from grid_opt.config.days import day_number
from grid_opt.config.field_types import (
    NonNegative,
    Quarter,
    ZoneIds,
    refuse_spoiled_zones,
)
from grid_opt.config.knobs import KnobError, Knobs, knob
from grid_opt.config.quarters import parse_quarter, quarter_ordinal

_DEFAULT_TARGETS_MW = {
    "2026Q2": 20.0,
    "2026Q4": 100.0,
    "2027Q2": 200.0,
    "2027Q4": 375.0,
    "2028Q2": 550.0,
    "2028Q4": 750.0,
}


_SHORTEST_QUARTER_DAYS = 90
_EVERY_DAY = 365


class Demand(Knobs):
    """The compute power that must be on, and by when."""

    power_basis: Literal["it", "facility"] = knob(
        "facility",
        "What the targets count: 'it' is the power of the computers; 'facility' is power at the meter, "
        "turned into computers by `reference_pue`, the same wherever they stand. Counting each site's own "
        "facility power would reward hot sites: the worse the PUE, the fewer computers would be asked for.",
    )
    reference_pue: float = knob(
        1.15,
        "Facility power per IT power by which facility targets are turned into IT power: 26 kW of IT and "
        "30 kW at the meter per wafer-scale system. Without effect where power_basis is 'it'.",
        unit="1",
        ge=1,
        le=2,
    )
    targets_mw: dict[Quarter, NonNegative] = knob(
        _DEFAULT_TARGETS_MW,
        "Cumulative power that must be energized by the end of each named quarter. A quarter that is not "
        "named carries the value before it; before the first it is 0. ASSUMPTION: the announcement gives "
        "750 MW through 2028 in tranches; the dates between are ours.",
        unit="MW",
        min_length=1,
    )
    commitments: Literal["every", "final", "none"] = knob(
        "final",
        "Which targets must be met: 'every' one by its quarter, the 'final' one alone, or 'none'. Where computers are "
        "chosen for the worth of their tokens, the final target is also the most that is built.",
    )
    utilization_fraction: float = knob(
        0.85,
        "Average power drawn as a share of the IT power installed, where one accelerator fills the halls "
        "(fleet.members = 'none').",
        unit="1",
        gt=0,
        le=1,
    )

    @field_validator("targets_mw")
    @classmethod
    def _never_falls(cls, targets: dict[str, float]) -> dict[str, float]:
        in_time = dict(sorted(targets.items(), key=lambda item: quarter_ordinal(item[0])))
        before, reached = "", 0.0
        for quarter, target in in_time.items():
            if target < reached:
                raise KnobError(
                    f"the cumulative target falls from {reached:g} MW in {before} to {target:g} MW",
                    field=quarter,
                    value=target,
                    expected=f"at least {reached:g} MW; targets are cumulative",
                )
            before, reached = quarter, target
        return in_time


class Horizon(Knobs):
    """The quarters in which capacity is built, and the years that it is then run."""

    first_quarter: Quarter = knob("2026Q1", "First quarter of the plan; the first of a calendar year.")
    last_quarter: Quarter = knob("2028Q4", "Last quarter of the plan; the last of a calendar year.")
    long_run_until_year: int = knob(
        2035,
        "Last calendar year that the plan is run for. The years after the last quarter are carried by one "
        "weighted long-run year; the plan's own last year here means that there is none.",
        unit="year",
        ge=2000,
        le=2070,
    )

    @model_validator(mode="after")
    def _in_order(self) -> Horizon:
        first_year, first_season = parse_quarter(self.first_quarter)
        last_year, last_season = parse_quarter(self.last_quarter)
        if first_season != 1:
            raise KnobError(
                "the horizon starts inside a calendar year",
                field="first_quarter",
                value=self.first_quarter,
                expected=f"the first quarter of a year, such as {first_year}Q1",
            )
        if last_season != 4:
            raise KnobError(
                "the horizon ends inside a calendar year",
                field="last_quarter",
                value=self.last_quarter,
                expected=f"the last quarter of a year, such as {last_year}Q4",
            )
        if last_year < first_year:
            raise KnobError(
                "the horizon ends before it starts",
                field="last_quarter",
                value=self.last_quarter,
                expected=f"a quarter after {self.first_quarter}",
            )
        if self.long_run_until_year < last_year:
            raise KnobError(
                "the long run ends before the plan does",
                field="long_run_until_year",
                value=self.long_run_until_year,
                expected=f"{last_year} or later",
            )
        return self


class Regions(Knobs):
    """The zones in which a campus may stand."""

    include: Literal["candidate40"] | ZoneIds = knob(
        "candidate40", "'candidate40' for the 40 candidate regions, or a list of zone ids (data/zones.csv)."
    )
    exclude: ZoneIds = knob((), "Zone ids to leave out of `include`.")

    @field_validator("include", mode="before")
    @classmethod
    def _name_or_list(cls, value: Any) -> Any:
        if isinstance(value, str) and value != "candidate40":
            raise KnobError(
                "neither 'candidate40' nor a list",
                value=value,
                expected='\'candidate40\', or a list of zone ids such as ["TX_N", "OH_S"]',
            )
        if isinstance(value, list | tuple) and not value:
            raise KnobError("no region to build in", value=[], expected="at least one zone id")
        return refuse_spoiled_zones(value)


class Campus(Knobs):
    """How campuses are built: in whole halls, within a size, at a pace, and spread over regions."""

    hall_mw: float = knob(10.0, "IT power of one hall.", unit="MW", gt=0, le=1000)
    min_campus_mw: float = knob(30.0, "Least IT power of a campus at the end of the plan.", unit="MW", ge=0, le=5000)
    max_campus_mw: float = knob(250.0, "Most IT power of a campus.", unit="MW", gt=0, le=5000)
    max_halls_per_quarter: int = knob(
        4, "Most halls that one campus energizes in a quarter.", unit="halls", ge=1, le=1000
    )
    earliest_start: Quarter = knob(
        "2025Q1",
        "Quarter in which construction could start at the earliest; a region's first hall follows after its "
        "construction time (data/regions.csv, site_lead_quarters).",
    )
    max_sites: int = knob(10, "Most campuses, at one per region.", unit="campuses", ge=1, le=1000)
    hall_racks: float = knob(
        400.0, "Racks that one hall has floor space for. ASSUMPTION: 25 kW of IT a rack in a hall of 10 MW.",
        unit="racks", gt=0, le=1e5,
    )  # fmt: skip
    hall_liquid_share: float = knob(
        1.0, "Share of a hall's IT power whose heat its water loops can take.", unit="1", ge=0, le=1
    )
    hall_air_share: float = knob(
        0.3, "Share of a hall's IT power whose heat its air handlers can take. ASSUMPTION.", unit="1", ge=0, le=1
    )
    max_region_share: float = knob(
        0.34, "Largest share of the final target that one region may carry.", unit="1", gt=0, le=1
    )
    max_market_share: float = knob(
        0.5, "Largest share of the final target that one power market may carry.", unit="1", gt=0, le=1
    )

    @model_validator(mode="after")
    def _sizes_meet(self) -> Campus:
        if self.min_campus_mw > self.max_campus_mw:
            raise KnobError(
                "the smallest campus is larger than the largest",
                field="min_campus_mw",
                value=self.min_campus_mw,
                expected=f"at most max_campus_mw = {self.max_campus_mw:g}",
            )
        largest = int(self.max_campus_mw / self.hall_mw * (1 + 1e-12)) * self.hall_mw
        if largest == 0 or largest < self.min_campus_mw * (1 - 1e-12):
            raise KnobError(
                f"no whole number of halls of {self.hall_mw:g} MW lies between {self.min_campus_mw:g} and "
                f"{self.max_campus_mw:g} MW",
                field="hall_mw",
                value=self.hall_mw,
                expected="a hall that fits min_campus_mw..max_campus_mw a whole number of times",
            )
        return self


class Grid(Knobs):
    """What the grid connects and carries."""

    network: bool = knob(
        True,
        "Whether new load beyond a zone's own surplus must be carried over the 90-zone network at the summer "
        "and winter stress hours (DC power flow).",
    )
    link_available_share: float = knob(
        0.2,
        "Share of what base flows leave free on each link (data/links.csv) that this load's flows may use: a fifth is "
        "for this one customer, as of the surplus (data/surplus.csv). ASSUMPTION.",
        unit="1",
        ge=0,
        le=1,
    )
    redispatch_share: float = knob(
        0.01,
        "Share of the output before there is any new load (data/zones.csv) that operators lower in a zone where that "
        "relieves a link, so that surplus elsewhere can serve new load: for this one customer, a fifth of 5 %. What it "
        "costs shows in prices and is not counted again. ASSUMPTION.",
        unit="1",
        ge=0,
        le=1,
    )
    base_flow_scale: float = knob(
        1.0,
        "Factor on the flows that links carry before there is any new load (data/links.csv).",
        unit="1",
        ge=0,
        le=10,
    )
    headroom_scale: float = knob(1.0, "Factor on all hosting headroom (data/headroom.csv).", unit="1", ge=0, le=100)
    connection_delay_quarters: int = knob(
        0,
        "Quarters by which every connection comes later than data/headroom.csv says.",
        unit="quarters",
        ge=0,
        le=40,
    )


class Energy(Knobs):
    """The hours of a year and the prices in them."""

    days: int = knob(
        24,
        "Representative days in a year, equally many for each calendar quarter; 365 means every hour.",
        unit="days",
        ge=4,
        le=365,
    )
    extreme_days: int = knob(
        2,
        "Further days of each calendar quarter, taken for their high prices or their high demand net of wind and sun.",
        unit="days per calendar quarter",
        ge=0,
        le=10,
    )
    extra_days: list[str] = knob(
        [],
        "Further days that stand for themselves, as month and day such as '01-17': those on which `grid-opt "
        "redispatch` found a plan wrong. Without effect at 365 days.",
    )
    seed: int = knob(2026, "Seed of the generated hours: the same seed gives the same hours.", ge=0, le=2**31 - 1)
    outlook: Literal["gas", "wholesale", "flat"] = knob(
        "gas",
        "How prices move after the base level of 2023-2024: 'gas' follows the gas price outlook, 'wholesale' "
        "the wholesale outlook, 'flat' stays.",
    )
    gas_elasticity: float = knob(
        0.6,
        "Per cent by which power prices move when gas moves one per cent (outlook 'gas').",
        unit="1",
        ge=0,
        le=1.5,
    )
    fuel_linked_ceiling_usd_per_mwh: float = knob(
        250.0,
        "Part of a price, from zero up to this, that moves with the outlook. What lies above is scarcity, set by "
        "market rules; what lies below zero is subsidy. ASSUMPTION.",
        unit="USD/MWh",
        ge=0,
        le=1e5,
    )
    price_scale: float = knob(1.0, "Factor on all wholesale prices.", unit="1", ge=0, le=100)
    basis_scale: float = knob(
        1.0,
        "Factor on the basis of data/basis.csv, what the price of a zone is above that of its hub; the hub stays. At 0 "
        "every load pays its hub's price. Without effect in a case of buses.",
        unit="1",
        ge=-20,
        le=20,
    )
    hours_file: str | None = knob(
        None,
        "Real hours to take instead of the generated ones (NetCDF or CSV, UTC), relative to the case file.",
        min_length=1,
    )

    @property
    def extra_day_numbers(self) -> tuple[int, ...]:
        """The further days as days of the standard year, from 0."""
        return tuple(sorted(day_number(text) for text in self.extra_days))

    @model_validator(mode="after")
    def _extra_days_are_days(self) -> Energy:
        for text in self.extra_days:
            if day_number(text) < 0 or self.extra_days.count(text) > 1:
                raise KnobError(
                    "this is no day of the standard year, or it is named twice",
                    field="extra_days",
                    value=text,
                    expected="month and day as MM-DD, each once, such as '07-21'; the standard year has no 02-29",
                )
        return self

    @model_validator(mode="after")
    def _days_fit_the_quarters(self) -> Energy:
        quarters = [(int(text[:2]) - 1) // 3 for text in self.extra_days]
        fullest = max(quarters.count(quarter) for quarter in range(4))
        most = 4 * (_SHORTEST_QUARTER_DAYS - self.extreme_days - fullest)
        if self.days != _EVERY_DAY and (self.days % 4 or self.days > most):
            raise KnobError(
                "these days cannot be shared among four calendar quarters",
                field="days",
                value=self.days,
                expected=f"a multiple of 4 up to {most}, or {_EVERY_DAY} for every hour",
                fix=f"use {min(most, 4 * round(self.days / 4))}",
            )
        return self


class Flexibility(Knobs):
    """How far compute may be turned down, and what that is worth."""

    max_curtailment_fraction: float = knob(
        0.25,
        "Largest share of the average IT power that may be turned down in an hour.",
        unit="1",
        ge=0,
        le=1,
    )
    value_of_lost_compute_usd_per_mwh: float = knob(
        1400.0,
        "Value of the compute lost with one MWh of IT energy. About 12 million USD of hardware and hosting "
        "for a MW-year, by 8760 h.",
        unit="USD/MWh",
        ge=0,
        le=1e6,
    )


class Data(Knobs):
    """Where tables of one's own are."""

    tables_dir: str | None = knob(
        None,
        "Folder, relative to the case file, whose tables replace the bundled ones of the same name.",
        min_length=1,
    )


class Solve(Knobs):
    """How hard the solver tries."""

    gap: float = knob(
        0.005, "Relative distance between plan and bound at which the search stops.", unit="1", ge=0, le=1
    )
    time_limit_s: float = knob(300.0, "Longest search; the best plan found by then is kept.", unit="s", gt=0, le=1e6)
    strategy: Literal["auto", "monolith", "decomposition"] = knob(
        "auto",
        "How sites are searched: 'monolith' hands the solver the whole program at once; 'decomposition' solves its "
        "relaxation region by region, searches where that builds, and closes the other regions with proof; 'auto' "
        "decomposes where the case has more than five regions. Both prove the same gap.",
    )
    threads: int = knob(
        2, "Threads of the solver; with two or more, better plans are looked for beside the proof.", ge=1, le=256
    )
    seed: int = knob(0, "Seed of the solver's own random choices.", ge=0, le=2**31 - 1)
