"""Describe the charges of a schedule: what is measured, what a unit of it costs, and where that is from.

Each class says its arithmetic. Load is :math:`x_t` [MW] in the hour t of :math:`w_t` hours (1, or the weight of a
representative hour), :math:`C` is the contract demand [MW], m a calendar month by the tariff's local clock. The power
factor is not modeled: demand is in kW, and kVA or kvar charges cannot be written.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from grid_opt.config.field_types import DATE, Certainty
from grid_opt.config.knobs import KnobError, Knobs
from grid_opt.tariffs.months import DeliveryYear
from grid_opt.tariffs.periods import DemandPeriod, EnergyPeriod, Mask, MonthNumber, period_masks

Share = Annotated[float, Field(ge=0, le=1)]
CapacityPrice = Annotated[float, Field(ge=0, le=2000)]
_COMMON_YEAR = 2023
_PEAK_HOUR = re.compile(r"(?P<month>\d{2})-(?P<day>\d{2})T(?P<hour>\d{2})")


def peak_hour(text: str, year: int = _COMMON_YEAR) -> tuple[int, int, int]:
    """Return month, day and hour of a local hour written ``07-18T16`` (the hour from 4 to 5 pm), in a year.

    Raises: ValueError when there is no such hour.
    """
    match = _PEAK_HOUR.fullmatch(text)
    if match is None or not 0 <= int(match["hour"]) < 24:
        raise ValueError(text)
    day = date(year, int(match["month"]), int(match["day"]))
    return day.month, day.day, int(match["hour"])


def _checked_peak_hour(value: str) -> str:
    try:
        peak_hour(value)
    except ValueError:
        raise KnobError("not an hour of the year", value=value, expected="month, day, hour like 07-18T16") from None
    return value


PeakHour = Annotated[str, AfterValidator(_checked_peak_hour)]


class Cited(Knobs):
    """Something with a source."""

    source: str = Field(min_length=1, description="Where the figures come from; ASSUMPTION where they are one")
    certainty: Certainty = Field(description="H high, M medium, L low")
    date: str = Field(pattern=DATE, description="Year, or year and month, of the source")


class EnergyCharge(Cited):
    r"""Energy by time-of-use period and tier.

    The energy of period p in month m is :math:`E_{mp} = \sum_{t \in (m,p)} w_t x_t` [MWh]; its cost is the sum over
    tiers b of rate times the part of :math:`E_{mp}` within the tier. Tiers begin anew in every period and month.
    """

    periods: dict[str, EnergyPeriod] = Field(min_length=1, description="Periods by name; together every hour once")

    @model_validator(mode="after")
    def _covers_the_year(self) -> Self:
        period_masks(self.periods, every_hour=True)
        return self

    @cached_property
    def masks(self) -> dict[str, Mask]:
        """The hours of every period."""
        return period_masks(self.periods, every_hour=True)


class IndexedCharge(Cited):
    r"""Energy at a wholesale price: :math:`\sum_{t \in m} w_t x_t (a \pi_t + b)` with multiplier a and adder b.

    What contracts with others deliver of the load pays the adder alone (:mod:`grid_opt.tariffs.delivery`).
    """

    multiplier: float = Field(ge=0, le=5, description="Times the wholesale price; losses are included here [1]")
    adder_usd_per_mwh: float = Field(default=0.0, ge=-500, le=500, description="Added to it [USD/MWh]")


class Rider(Cited):
    r"""A rider on all energy of the month: rate times :math:`\sum_{t \in m} w_t x_t`; negative where it is a credit."""

    usd_per_mwh: float = Field(ge=-200, le=200, description="Rate [USD/MWh]")


class Ratchet(Cited):
    """Earlier demand that is billed again.

    :math:`s` times the highest demand of the look-back months counts as demand of the month. In an earlier month the
    demand is taken over the days and hours that the period has in the month that is billed.
    """

    share: Share = Field(description="Share of the earlier demand [1]")
    lookback_months: int = Field(ge=1, le=60, description="Months before the month of the bill")
    of_months: tuple[MonthNumber, ...] = Field(
        default=tuple(range(1, 13)), strict=False, min_length=1, description="Only their demand counts (summer: 6 to 9)"
    )


class MinimumTake(Cited):
    r"""Contract demand that is billed whether used or not: :math:`s\, r_n C` in the n-th year of service.

    :math:`r_n` is the share of the contract that counts in year n, and 1 after the ramp. The duty ends after ``years``.
    """

    share: Share = Field(description="Share of the contract demand [1]")
    ramp: tuple[Share, ...] = Field(
        default=(), strict=False, description="Share of the contract that counts in each year from the start of service"
    )
    years: int = Field(ge=1, le=40, description="Years from the start of service, ramp included, that the duty lasts")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.ramp) > self.years:
            raise KnobError(
                "the ramp is longer than the duty", field="ramp", value=len(self.ramp), expected=f"{self.years} or less"
            )
        return self

    def share_in(self, months_served: int) -> float:
        """Return the share of the contract that is billed so many months after the start of service [1]."""
        year = months_served // 12
        if months_served < 0 or year >= self.years:
            return 0.0
        return self.share * (self.ramp[year] if year < len(self.ramp) else 1.0)


class DemandCharge(Cited):
    r"""Monthly demand by period and tier, with ratchet and minimum take.

    :math:`D_{mp} = \max_{t \in (m,p)} x_t`; the billing demand [MW] is
    :math:`B_{mp} = \max(D_{mp},\; s^R \max_{k \in R(m)} D_{kp},\; s\, r_n C,\; \underline D)`,
    and its cost the sum over tiers of rate times the part of :math:`B_{mp}` within the tier.
    """

    periods: dict[str, DemandPeriod] = Field(min_length=1, description="Periods by name; every month in one or more")
    least_mw: float = Field(default=0.0, ge=0, le=1e5, description="Least billing demand [MW]")
    ratchet: Ratchet | None = Field(default=None, description="Earlier demand that is billed again")
    minimum_take: MinimumTake | None = Field(default=None, description="Contract demand that is billed in any case")

    @model_validator(mode="after")
    def _covers_the_year(self) -> Self:
        period_masks(self.periods, every_hour=False)
        return self

    @cached_property
    def masks(self) -> dict[str, Mask]:
        """The hours of every period."""
        return period_masks(self.periods, every_hour=False)


class _Peaks(Cited):
    program: str = Field(min_length=1, description="Name under which peak hours and earlier peaks are handed over")
    declared: tuple[PeakHour, ...] = Field(
        strict=False,
        min_length=1,
        description="Peak hours to expect, by the local clock; used where none are handed over",
    )
    without_history: Literal["contract", "none", "same_year"] = Field(
        description="Billed where the year before is not known: contract (demand), none, or (peaks of) same_year"
    )

    @cached_property
    def hours(self) -> tuple[tuple[int, int, int], ...]:
        """Month, day and hour of every declared peak hour."""
        return tuple(peak_hour(text) for text in self.declared)

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        if len(set(self.declared)) < len(self.declared):
            raise KnobError("an hour is declared twice", field="declared", expected="each peak hour once")
        return self


class CoincidentCharge(_Peaks):
    r"""Demand at the hours in which the system peaks.

    ``next_year``: the mean load at the peak hours of a calendar year is billed in the twelve months of the charge year
    that begins in the year after, a twelfth of the yearly rate a month:
    :math:`\rho / 12 \cdot \frac1n \sum_{h \in P(y-1)} x_h`. ``same_month``: the mean at the month's own peak hours.
    """

    usd_per_kw_year: float = Field(ge=0, le=500, description="Rate; a twelfth is billed each month [USD/(kW year)]")
    charged: Literal["next_year", "same_month"] = Field(
        description="When the demand at the peaks is billed: next_year or same_month"
    )
    charge_year_starts: MonthNumber = Field(default=1, description="First month of the charge year, for next_year")

    @model_validator(mode="after")
    def _a_peak_every_month(self) -> Self:
        missing = set(range(1, 13)) - {peak_hour(text)[0] for text in self.declared}
        if self.charged == "same_month" and missing:
            raise KnobError(
                "a month without a peak hour", field="declared", value=min(missing), expected="an hour in every month"
            )
        return self


class CapacityCharge(_Peaks):
    r"""A capacity obligation by zone and delivery year, June to May.

    The mean load at the peak hours of a calendar year y, times a factor for reserves, is the obligation from June of
    y + 1 to May of y + 2; a month of :math:`d_m` days costs
    :math:`d_m\, \kappa_z\, f\, \frac1n \sum_{h \in P(y)} x_h` with the price :math:`\kappa_z` of the delivery
    year [USD/(MW day)].
    """

    zone: str = Field(min_length=1, description="Capacity zone whose price is paid")
    factor: float = Field(ge=0, le=3, description="Obligation per MW at the peaks, reserves included [1]")
    usd_per_mw_day: dict[DeliveryYear, CapacityPrice] = Field(
        default={}, description="Prices by delivery year; a year that is not here is taken from the market's prices"
    )

    @model_validator(mode="after")
    def _no_slip(self) -> Self:
        for year, price in self.usd_per_mw_day.items():
            if 0 < price < 1:
                raise KnobError(
                    "too small for a price per MW and day",
                    field=f"usd_per_mw_day.{year}",
                    value=price,
                    expected="USD/(MW day): 0, or 1 or more",
                    fix=f"per kW and day, write {1000 * price:g}; per kW and month, {12000 * price / 365:.2f}",
                )
        return self


class FixedCharge(Cited):
    """A charge for every month of service, and for every day of it."""

    usd_per_month: float = Field(default=0.0, ge=0, le=1e8, description="Charge [USD/month]")
    usd_per_day: float = Field(default=0.0, ge=0, le=1e7, description="Charge [USD/day]")


class MinimumBill(Cited):
    """The least bill of a month: what the other charges lack is added. Collateral and exit fees do not count."""

    usd_per_month: float = Field(default=0.0, ge=0, le=1e9, description="Least bill [USD/month]")
    usd_per_day: float = Field(default=0.0, ge=0, le=1e8, description="Least bill for every day of the month [USD/day]")


class Collateral(Cited):
    """Security for the contract: posted when the schedule begins to hold, returned after some years or when it ends.

    It follows the contract demand of each month.
    ``cash``: the amount is paid and comes back, and the utility pays interest a month, a twelfth of the yearly rate.
    ``letter_of_credit``: no money moves but the bank's fee, the cost of carry, a twelfth of the yearly rate a month.
    """

    usd_per_kw: float = Field(gt=0, le=1e5, description="Amount per kW of contract demand [USD/kW]")
    form: Literal["cash", "letter_of_credit"] = Field(
        description="cash, a deposit, or letter_of_credit, a bank's promise"
    )
    fraction_per_year: float = Field(ge=0, le=0.5, description="Interest received, or fee paid [1/year]")
    years: int = Field(ge=1, le=40, description="Years until it is returned")


class ExitFee(Cited):
    """What leaving before the end of the minimum take costs, paid in the first month without service.

    The minimum demand charges of the next ``months_of_minimum`` months of the duty, or of what is left of it if less,
    at the rates of the schedule in force; and an amount per kW of contract demand.
    """

    months_of_minimum: int = Field(default=0, ge=0, le=480, description="Months of minimum demand charges")
    usd_per_kw: float = Field(default=0.0, ge=0, le=1e5, description="Amount per kW of contract demand [USD/kW]")
