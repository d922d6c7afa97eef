"""Lay the hours of a load over the months, workdays and hours by which a tariff bills them.

A calendar is a list of slots. A slot belongs to one month, is a workday or not, has an hour of the local day and a
weight [h], and points to one number of the load. Of a whole year every hour is a slot of weight 1. Of a year of
representative days every hour of a day stands in several months, so several slots point to it; charges are computed
from slots, and so are the same functions of the load in both.

Local time is that of the tariff's zone, daylight saving included: the day on which clocks go forward has 23 hours and
the day on which they go back 25, and months are by the local clock. Saturdays, Sundays and the tariff's holidays are
weekend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grid_opt.errors import InputError
from grid_opt.tariffs.months import days_of, month_text, nerc_holidays, year_of
from grid_opt.tariffs.periods import HOURS, Mask

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_STEPS_MIN = (15, 30, 60)
_SATURDAY = 5


@dataclass(frozen=True)
class Calendar:
    """Slots of a load, ordered by month."""

    months: tuple[int, ...]
    """Running numbers of the months, without a gap."""
    month: Ints
    """Index of the month of each slot."""
    workday: NDArray[np.bool_]
    hour: Ints
    weight_h: Floats
    source: Ints
    """Place in the load that the slot points to."""
    day_key: Ints
    """100 * month + day of a real day; 100 * month of a declared peak day; -1 of any other representative day."""
    size: int
    """Length of the load."""

    @cached_property
    def _bounds(self) -> Ints:
        return np.searchsorted(self.month, np.arange(len(self.months) + 1))

    @cached_property
    def _marked(self) -> dict[tuple[int, bytes], Ints]:
        """Slots found before: a plan is compiled for every start of service, and each asks for the same ones."""
        return {}

    @cached_property
    def _peaks(self) -> dict[tuple[int, int, int], Ints]:
        """The same of peak hours."""
        return {}

    def index(self, month: int) -> int | None:
        """Return the index of a month, or ``None`` where the calendar does not have it."""
        index = month - self.months[0]
        return index if 0 <= index < len(self.months) else None

    def slots(self, index: int) -> Ints:
        """Return the slots of the month of an index."""
        return np.arange(self._bounds[index], self._bounds[index + 1])

    def within(self, index: int, mask: Mask, of_index: int | None = None) -> Ints:
        """Return the slots of a month that a mask marks; by the mask's row of the month ``of_index`` if given."""
        row = mask[self.months[index if of_index is None else of_index] % 12]
        key = (index, row.tobytes())
        if key not in self._marked:
            slots = self.slots(index)
            self._marked[key] = slots[row[1 - self.workday[slots].astype(np.int64), self.hour[slots]]]
        return self._marked[key]

    def peak_slots(self, month: int, day: int, hour: int) -> Ints:
        """Return the slots of an hour of a real day, or of the declared peak day of the month; none if not there."""
        index = self.index(month)
        if index is None:
            return np.zeros(0, dtype=np.int64)
        if (month, day, hour) not in self._peaks:
            slots = self.slots(index)
            number, key = 100 * (month % 12 + 1), self.day_key[slots]
            here = (self.hour[slots] == hour) & ((key == number) | (key == number + day))
            self._peaks[month, day, hour] = slots[here]
        return self._peaks[month, day, hour]


def hourly_calendar(times: pd.DatetimeIndex, timezone: str, holidays: str) -> Calendar:
    """Lay real hours out: ``times`` are starts of steps of 15, 30 or 60 minutes; without an offset they are UTC.

    Raises :class:`InputError` where steps are missing, doubled or uneven, or a local month is not whole.
    """
    utc = times.tz_localize("UTC") if times.tz is None else times.tz_convert("UTC")
    step = _step_minutes(utc)
    local = utc.tz_convert(timezone)
    ordinal = np.asarray(local.year, dtype=np.int64) * 12 + np.asarray(local.month, dtype=np.int64) - 1
    _refuse_part_months(local, ordinal, step, timezone)
    free = {day for year in sorted(set(local.year)) for day in (nerc_holidays(int(year)) if holidays == "nerc" else ())}
    is_free = np.isin(
        local.tz_localize(None).to_numpy().astype("datetime64[D]"), np.array(sorted(free), "datetime64[D]")
    )
    return Calendar(
        months=tuple(range(int(ordinal[0]), int(ordinal[-1]) + 1)),
        month=ordinal - ordinal[0],
        workday=(np.asarray(local.dayofweek) < _SATURDAY) & ~is_free,
        hour=np.asarray(local.hour, dtype=np.int64),
        weight_h=np.full(len(local), step / 60.0),
        source=np.arange(len(local)),
        day_key=100 * np.asarray(local.month, dtype=np.int64) + np.asarray(local.day, dtype=np.int64),
        size=len(local),
    )


def local_year(year: int, timezone: str) -> pd.DatetimeIndex:
    """Return the hours of a calendar year by a local clock, in UTC: 8760, or 8784 of a leap year."""
    start = pd.Timestamp(year, 1, 1, tz=timezone).tz_convert("UTC")
    end = pd.Timestamp(year + 1, 1, 1, tz=timezone).tz_convert("UTC")
    return pd.date_range(start, end, freq="h", inclusive="left")


def _step_minutes(utc: pd.DatetimeIndex) -> int:
    if len(utc) < 2:
        raise InputError("too few hours to bill", field="time", value=len(utc), expected="whole months")
    minutes = np.diff(utc.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)) / 60.0
    step = float(minutes.min())
    if step not in _STEPS_MIN:
        raise InputError(
            "the times do not go up by a step that can be billed",
            field="time",
            value=f"{step:g} minutes after {utc[int(minutes.argmin())]}",
            expected="60, 30 or 15 minutes, every time once and in order",
        )
    if (minutes != step).any():
        at = int(np.flatnonzero(minutes != step)[0])
        raise InputError(
            f"hours are missing after {utc[at]}", field="time", value=f"{minutes[at]:g} minutes", expected=f"{step:g}"
        )
    if utc[0].minute % int(step):
        raise InputError("the steps do not begin on the hour", field="time", value=utc[0], expected="whole steps")
    return int(step)


def _refuse_part_months(local: pd.DatetimeIndex, ordinal: Ints, step: int, timezone: str) -> None:
    for month in (int(ordinal[0]), int(ordinal[-1])):
        start = pd.Timestamp(year_of(month), month % 12 + 1, 1, tz=timezone)
        after = pd.Timestamp(year_of(month + 1), (month + 1) % 12 + 1, 1, tz=timezone)
        whole = round((after - start).total_seconds() / 60 / step)
        found = int((ordinal == month).sum())
        if found != whole:
            raise InputError(
                f"the month {month_text(month)} is not whole by the clock of {timezone}",
                field="time",
                value=f"{found} steps, {local[0]} to {local[-1]}",
                expected=f"{whole} steps",
                fix="give whole local months; `grid-opt tariff bill --wrap` takes the lacking hours from the other end",
            )


@dataclass(frozen=True)
class RepresentativeDays:
    """Days that stand for a year, with the peak days declared for its months."""

    quarter: Sequence[int]
    """Calendar quarter of each day, 1 to 4."""
    weight_days: Sequence[float]
    """Days of the quarter that each stands for; 0 of a day that is there for its peak only."""
    peak_of: Sequence[Sequence[int]]
    """Months whose peaks each day shows; none of an ordinary day."""


def representative_calendar(year: int, days: RepresentativeDays, holidays: str) -> Calendar:
    r"""Lay representative days over the months of a year; the load is of shape (days * 24), by the local clock.

    A day d of weight :math:`n_d` in a quarter stands in each of its three months m for
    :math:`n_d / \sum_{d'} n_{d'}` of the month's workdays and of its weekend days, which are counted in the real
    calendar: so the energy of a quarter is that of its days by weight, and each month has its own number of days of
    each kind. The demand of a month is the highest load of any day of the quarter that has weight, or of a peak day
    declared for the month, which counts as a workday and carries no energy by that. Coincident peaks are measured on
    the declared peak days only, at the tariff's hours; without one in such a month the bill is refused.

    What is lost: days of a quarter are the same in its three months, a kind of day has no load of its own, and clocks
    do not change. :func:`grid_opt.tariffs.bill.representative_errors` measures it.
    """
    _check_days(days)
    parts: list[tuple[Floats, ...]] = []
    total = [sum(w for q, w in zip(days.quarter, days.weight_days, strict=True) if q == k) for k in (1, 2, 3, 4)]
    for index in range(12):
        kinds = days_by_kind(12 * year + index, holidays)
        for day, (quarter, weight) in enumerate(zip(days.quarter, days.weight_days, strict=True)):
            if quarter == index // 3 + 1 and weight > 0:
                for workday, number in ((1, kinds[0]), (0, kinds[1])):
                    parts.append(_one_day(index, day, workday, weight / total[quarter - 1] * number, -1))
            if index + 1 in days.peak_of[day]:
                parts.append(_one_day(index, day, 1, 0.0, 100 * (index + 1)))
    month, source, hour, workday_, weight_h, key = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Calendar(
        months=tuple(range(12 * year, 12 * year + 12)),
        month=month.astype(np.int64),
        workday=workday_ > 0,
        hour=hour.astype(np.int64),
        weight_h=weight_h,
        source=source.astype(np.int64),
        day_key=key.astype(np.int64),
        size=HOURS * len(days.quarter),
    )


def _one_day(month: int, day: int, workday: int, days: float, key: int) -> tuple[Floats, ...]:
    hour = np.arange(HOURS, dtype=float)
    same = np.ones(HOURS)
    return month * same, HOURS * day + hour, hour, workday * same, days * same, key * same


def days_by_kind(month: int, holidays: str) -> tuple[int, int]:
    """Return the workdays and the weekend days of a month."""
    year, free = year_of(month), nerc_holidays(year_of(month)) if holidays == "nerc" else frozenset()
    days = [date(year, month % 12 + 1, day + 1) for day in range(days_of(month))]
    work = sum(day.weekday() < _SATURDAY and day not in free for day in days)
    return work, len(days) - work


def _check_days(days: RepresentativeDays) -> None:
    if not len(days.quarter) == len(days.weight_days) == len(days.peak_of):
        raise InputError(
            "the representative days are not described alike",
            field="peak_of",
            value=f"{len(days.quarter)} quarters, {len(days.weight_days)} weights, {len(days.peak_of)} lists of months",
            expected="one of each for every day",
        )
    for quarter in (1, 2, 3, 4):
        if not any(q == quarter and w > 0 for q, w in zip(days.quarter, days.weight_days, strict=True)):
            raise InputError(f"no representative day in quarter {quarter}", field="quarter", expected="one or more")
