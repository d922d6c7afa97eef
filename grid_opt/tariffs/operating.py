"""Lay the slices of operating years, and a declared peak day for each month, over the calendar months of a plan.

A plan runs some operating years; each stands for one or more calendar years. A tariff bills calendar months, of real
workdays and weekend days, schedules in force, and delivery years. So every calendar year gets its twelve months, and
their slots point to the load of the operating year that stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from grid_opt.tariffs.clock import Calendar, Floats, Ints, days_by_kind
from grid_opt.tariffs.months import MONTHS_PER_YEAR
from grid_opt.tariffs.periods import HOURS

PEAK_HOURS = MONTHS_PER_YEAR * HOURS
"""Numbers of the load of an operating year that its twelve declared peak days have."""
_MONTHS_PER_QUARTER = 3
_MIDDLE = 15


@dataclass(frozen=True)
class Slices:
    """The slices of any operating year: calendar quarter 1 to 4, hour of day (UTC), hours that each stands for.

    Where every day of the year has its own slices, ``month`` (1 to 12) is theirs; else a slice is of no one month.
    """

    season: Ints
    hour: Ints
    weight_h: Floats
    month: Ints | None = None

    def of_month(self, index: int) -> Ints:
        """Return the slices that stand in a month (0 to 11): its own, or else all of its quarter."""
        if self.month is not None:
            return np.flatnonzero(self.month == index + 1)
        return np.flatnonzero(self.season == index // _MONTHS_PER_QUARTER + 1)


@dataclass(frozen=True)
class Layout:
    """Where the load of each operating year lies: its slices, then twelve peak days of 24 local hours."""

    slices: int
    years: tuple[int, ...]

    @property
    def step(self) -> int:
        """Numbers of the load of one operating year."""
        return self.slices + PEAK_HOURS

    @property
    def size(self) -> int:
        """Length of the load."""
        return self.step * len(self.years)

    def peak_day(self, number: int, month: int) -> int:
        """Return where the peak day of a month (0 to 11) of an operating year begins."""
        return number * self.step + self.slices + HOURS * month

    def place(self, source: Ints) -> tuple[Ints, Ints]:
        """Return the number of the operating year, and the place within its load, of numbers of the load."""
        number, within = np.divmod(source, self.step)
        return number, within


def operating_calendar(
    stands_for: Sequence[tuple[int, int]], layout: Layout, slices: Slices, timezone: str, holidays: str
) -> Calendar:
    r"""Lay the load of operating years over calendar years; ``stands_for`` pairs each with its operating year's number.

    A slice of :math:`w_s` hours in a quarter stands in each of its three months for
    :math:`24\, w_s / \sum_{s'} w_{s'}` hours of every workday and every weekend day of the month, which are counted in
    the real calendar. Where every day has its own slices, each stands in its own month alone. Its local hour is that of
    the month's middle, daylight saving included. The declared peak day of a month stands on workdays and weekends
    alike, has no energy, and is where coincident peaks are measured.
    """
    columns: list[tuple[Floats, ...]] = []
    for calendar_year, number in stands_for:
        for index in range(MONTHS_PER_YEAR):
            columns += _month(12 * calendar_year + index, number, layout, slices, timezone, holidays)
    first = MONTHS_PER_YEAR * stands_for[0][0]
    month, source, hour, workday, weight_h, key = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Calendar(
        months=tuple(range(first, first + MONTHS_PER_YEAR * len(stands_for))),
        month=month.astype(np.int64) - first,
        workday=workday > 0,
        hour=hour.astype(np.int64),
        weight_h=weight_h,
        source=source.astype(np.int64),
        day_key=key.astype(np.int64),
        size=layout.size,
    )


def local_hours(month: int, hour_utc: Ints, timezone: str) -> Ints:
    """Return the local hour of hours of the day in UTC, by the clock of the month's middle."""
    middle = datetime(month // 12, month % 12 + 1, _MIDDLE, 12, tzinfo=ZoneInfo(timezone))
    offset = middle.utcoffset()
    assert offset is not None
    return np.asarray((hour_utc + int(offset.total_seconds() // 3600)) % HOURS, dtype=np.int64)


def _month(
    month: int, number: int, layout: Layout, slices: Slices, timezone: str, holidays: str
) -> list[tuple[Floats, ...]]:
    index = month % 12
    mine = slices.of_month(index)
    share = HOURS * slices.weight_h[mine] / slices.weight_h[mine].sum()
    local = local_hours(month, slices.hour[mine], timezone)
    work, free = days_by_kind(month, holidays)
    clock, none = np.arange(HOURS), np.zeros(HOURS)
    found = []
    for workday, days in ((1, work), (0, free)):
        same = np.ones(len(mine))
        found.append((month * same, number * layout.step + mine, local, workday * same, days * share, -same))
        peak = layout.peak_day(number, index) + clock
        found.append((month + none, peak, clock, workday + none, none, 100 * (index + 1) + none))
    return [tuple(np.asarray(column, dtype=np.float64) for column in part) for part in found]
