"""Describe a tariff: its schedules in force by date and by contract demand, and where it applies."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from grid_opt.config.knobs import KnobError, Knobs
from grid_opt.errors import InputError
from grid_opt.tariffs.charges import (
    CapacityCharge,
    Cited,
    CoincidentCharge,
    Collateral,
    DemandCharge,
    EnergyCharge,
    ExitFee,
    FixedCharge,
    IndexedCharge,
    MinimumBill,
    Rider,
)
from grid_opt.tariffs.months import Month, month_ordinal, month_text

FOREVER = 10**6
"""A month after all others."""


class Schedule(Cited):
    """All charges of a customer of some size during some months. Its source says where its terms come from."""

    title: str = Field(min_length=1, description="Name on the bill")
    first_month: Month = Field(description="First month in force")
    last_month: Month | None = Field(default=None, description="Last month in force; absent: until further notice")
    from_mw: float = Field(default=0.0, ge=0, le=1e5, description="Least contract demand that it serves [MW]")
    below_mw: float | None = Field(default=None, gt=0, le=1e5, description="Contract demand that is too large [MW]")
    energy: dict[str, EnergyCharge] = Field(default={}, description="Energy by period and tier")
    indexed: dict[str, IndexedCharge] = Field(default={}, description="Energy at a wholesale price")
    rider: dict[str, Rider] = Field(default={}, description="Riders on all energy")
    demand: dict[str, DemandCharge] = Field(default={}, description="Monthly demand")
    coincident: dict[str, CoincidentCharge] = Field(default={}, description="Demand at system peaks")
    capacity: dict[str, CapacityCharge] = Field(default={}, description="Capacity obligation")
    fixed: dict[str, FixedCharge] = Field(default={}, description="Charges per month")
    minimum_bill: dict[str, MinimumBill] = Field(default={}, description="Least bill of a month")
    collateral: dict[str, Collateral] = Field(default={}, description="Security for the contract")
    exit_fee: dict[str, ExitFee] = Field(default={}, description="Price of leaving early")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.last_month is not None and self.last < self.first:
            raise KnobError(
                "it ends before it starts",
                field="last_month",
                value=self.last_month,
                expected=f"{self.first_month} or later",
            )
        if self.below_mw is not None and self.below_mw <= self.from_mw:
            raise KnobError(
                "it serves no size at all",
                field="below_mw",
                value=self.below_mw,
                expected=f"more than {self.from_mw:g}",
            )
        return self

    @property
    def first(self) -> int:
        """Running number of the first month in force."""
        return month_ordinal(self.first_month)

    @property
    def last(self) -> int:
        """Running number of the last month in force."""
        return FOREVER if self.last_month is None else month_ordinal(self.last_month)

    @property
    def most_mw(self) -> float:
        """Contract demand from which it does not serve [MW]."""
        return math.inf if self.below_mw is None else self.below_mw

    def serves(self, month: int, contract_mw: float) -> bool:
        """Whether it is in force in a month for a contract demand [MW]."""
        return self.first <= month <= self.last and self.from_mw <= contract_mw < self.most_mw


class Tariff(Knobs):
    """A utility's schedules for large loads; in each month the contract demand decides which one is billed."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Short name; equal to the file's name")
    title: str = Field(min_length=1, description="Name in reports")
    utility: str = Field(min_length=1, description="Who bills")
    market: str = Field(min_length=1, description="Market or operator")
    timezone: str = Field(min_length=1, description="Local clock of the bill, such as America/New_York")
    holidays: Literal["nerc", "none"] = Field(
        description="Days billed as weekend: nerc, the six NERC holidays, or none"
    )
    regions: tuple[str, ...] = Field(default=(), strict=False, description="Candidate regions that it is a default for")
    notes: str = Field(default="", description="What to know, and what is left out")
    schedules: dict[str, Schedule] = Field(min_length=1, description="Schedules by name")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise KnobError(
                "no such time zone", field="timezone", value=self.timezone, expected="a name such as America/Chicago"
            ) from None
        self._refuse_overlap()
        self._refuse_gap()
        return self

    def _refuse_overlap(self) -> None:
        items = list(self.schedules.items())
        for number, (name, one) in enumerate(items):
            for other_name, other in items[:number]:
                in_time = one.first <= other.last and other.first <= one.last
                if in_time and one.from_mw < other.most_mw and other.from_mw < one.most_mw:
                    raise KnobError(
                        f"in force for the same months and sizes as {other_name}",
                        field=f"schedules.{name}",
                        value=f"from {one.first_month}, {one.from_mw:g} MW",
                        expected="one schedule for each month and contract demand",
                    )

    def _refuse_gap(self) -> None:
        """Refuse a month without a schedule between others that serve the same size."""
        for start in sorted({schedule.from_mw for schedule in self.schedules.values()}):
            named = [(n, s) for n, s in self.schedules.items() if s.from_mw <= start < s.most_mw]
            named.sort(key=lambda pair: pair[1].first)
            for (_, one), (name, other) in pairwise(named):
                if other.first > one.last + 1:
                    raise KnobError(
                        f"no schedule serves {start:g} MW in {month_text(one.last + 1)}",
                        field=f"schedules.{name}.first_month",
                        value=other.first_month,
                        expected=month_text(one.last + 1),
                    )

    def schedule_for(self, month: int, contract_mw: float) -> str:
        """Return the name of the schedule that is billed in a month (a running number) for a contract demand [MW].

        Raises :class:`InputError` where none is in force.
        """
        for name, schedule in self.schedules.items():
            if schedule.serves(month, contract_mw):
                return name
        offers = "; ".join(
            f"{n} from {s.first_month}{f' to {s.last_month}' if s.last_month else ''}, {s.from_mw:g} MW"
            + (f" to below {s.most_mw:g} MW" if s.below_mw else " and more")
            for n, s in self.schedules.items()
        )
        raise InputError(
            f"no schedule serves {contract_mw:g} MW in {month_text(month)}",
            file=self.name,
            field="schedules",
            value=f"{contract_mw:g} MW, {month_text(month)}",
            expected=offers,
        )
