"""Read days of the standard year, which has no 29 February."""

from __future__ import annotations

import datetime
import re

import numpy as np
import numpy.typing as npt

DAYS_PER_YEAR = 365
_ANY_PLAIN_YEAR = 2023
_DAY = re.compile(r"(\d\d)-(\d\d)")


def day_number(text: str) -> int:
    """Return the day of the standard year, from 0, of a month and day such as ``01-17``; -1 for anything else."""
    found = _DAY.fullmatch(text)
    if found is None:
        return -1
    try:
        return datetime.date(_ANY_PLAIN_YEAR, int(found[1]), int(found[2])).timetuple().tm_yday - 1
    except ValueError:
        return -1


def months_of(numbers: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Return the months, 1 to 12, of days of the standard year, from 0."""
    ends = np.cumsum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    return np.asarray(np.searchsorted(ends, numbers, side="right") + 1, dtype=np.int64)


def day_text(number: int) -> str:
    """Return the month and day of a day of the standard year."""
    return f"{datetime.date(_ANY_PLAIN_YEAR, 1, 1) + datetime.timedelta(days=int(number)):%m-%d}"
