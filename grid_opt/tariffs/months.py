"""Count calendar months, delivery years and days, and keep the holidays that tariffs treat as weekends."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from grid_opt.config.knobs import KnobError

MONTHS_PER_YEAR = 12
JUNE = 6
_MONTH = re.compile(r"(?P<year>20\d{2})-(?P<month>0[1-9]|1[0-2])")
_DELIVERY_YEAR = re.compile(r"20(?P<first>\d{2})/(?P<second>\d{2})")
_SUNDAY = 6


def month_ordinal(text: str) -> int:
    """Return the running number of a month written ``2026-01``: 12 * year + month - 1.

    Raises: ValueError when the text is no month.
    """
    match = _MONTH.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return MONTHS_PER_YEAR * int(match["year"]) + int(match["month"]) - 1


def month_text(ordinal: int) -> str:
    """Write a running number as ``2026-01``."""
    year, index = divmod(ordinal, MONTHS_PER_YEAR)
    return f"{year}-{index + 1:02d}"


def year_of(ordinal: int) -> int:
    """Return the calendar year of a month."""
    return ordinal // MONTHS_PER_YEAR


def days_of(ordinal: int) -> int:
    """Return the number of days of a month; February of a leap year has 29."""
    year, index = divmod(ordinal, MONTHS_PER_YEAR)
    return calendar.monthrange(year, index + 1)[1]


def delivery_year(ordinal: int) -> str:
    """Return the capacity delivery year of a month, June to May, written ``2026/27``."""
    year, index = divmod(ordinal, MONTHS_PER_YEAR)
    first = year if index + 1 >= JUNE else year - 1
    return f"{first}/{(first + 1) % 100:02d}"


def nerc_holidays(year: int) -> frozenset[date]:
    """Return the six NERC holidays of a year.

    New Year's Day, Memorial Day (last Monday of May), Independence Day, Labor Day (first Monday of September),
    Thanksgiving (fourth Thursday of November), Christmas. One that falls on a Sunday is kept on the Monday after;
    one on a Saturday stays there.
    """
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 12, 25)]
    kept = {day + timedelta(days=1) if day.weekday() == _SUNDAY else day for day in fixed}
    memorial = date(year, 5, 31) - timedelta(days=date(year, 5, 31).weekday())
    labor = date(year, 9, 1) + timedelta(days=-date(year, 9, 1).weekday() % 7)
    thanksgiving = date(year, 11, 1) + timedelta(days=(3 - date(year, 11, 1).weekday()) % 7 + 21)
    return frozenset({*kept, memorial, labor, thanksgiving})


def _checked_month(value: str) -> str:
    try:
        month_ordinal(value)
    except ValueError:
        raise KnobError("not a calendar month", value=value, expected="a month written like 2026-01") from None
    return value


def _checked_delivery_year(value: str) -> str:
    match = _DELIVERY_YEAR.fullmatch(value)
    if match is None or (int(match["first"]) + 1) % 100 != int(match["second"]):
        raise KnobError("not a delivery year", value=value, expected="June to May, written like 2026/27")
    return value


Month = Annotated[str, Field(max_length=7), AfterValidator(_checked_month)]
DeliveryYear = Annotated[str, AfterValidator(_checked_delivery_year)]
