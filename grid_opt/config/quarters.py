"""Count in calendar quarters, written ``2026Q1``."""

from __future__ import annotations

import re

_PATTERN = re.compile(r"(?P<year>[0-9]{4})Q(?P<season>[1-4])")
SEASONS_PER_YEAR = 4


def parse_quarter(quarter: str) -> tuple[int, int]:
    """Split a quarter into its calendar year and its number 1..4.

    Raises ``ValueError`` for anything not written like ``2026Q1``.
    """
    match = _PATTERN.fullmatch(quarter)
    if match is None:
        raise ValueError(f"{quarter!r} is not a calendar quarter; write it like 2026Q1")
    return int(match["year"]), int(match["season"])


def quarter_ordinal(quarter: str) -> int:
    """Number a quarter on one line of integers, so that the next quarter is one more."""
    year, season = parse_quarter(quarter)
    return SEASONS_PER_YEAR * year + season - 1


def quarter_from_ordinal(ordinal: int) -> str:
    """Write the quarter with this ordinal; the inverse of :func:`quarter_ordinal`."""
    year, season = divmod(ordinal, SEASONS_PER_YEAR)
    return f"{year:04d}Q{season + 1}"


def add_quarters(quarter: str, count: int) -> str:
    """Step ``count`` quarters forward, or backward when negative."""
    return quarter_from_ordinal(quarter_ordinal(quarter) + count)


def quarter_range(first: str, last: str) -> tuple[str, ...]:
    """List the quarters from ``first`` to ``last``, both included."""
    return tuple(quarter_from_ordinal(n) for n in range(quarter_ordinal(first), quarter_ordinal(last) + 1))
