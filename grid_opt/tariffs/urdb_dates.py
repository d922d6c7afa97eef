"""Read the dates of the Utility Rate Database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from grid_opt.errors import InputError


def month_and_rest(file: Path, key: str, value: object, *, day_before: bool = False) -> tuple[str, int]:
    """Return month (``2026-01``) and day of a date in seconds since 1970, or of the day before it.

    Twelve hours are taken off for the day before, so that midnight anywhere in the United States leads to it.
    The bulk download writes ``{"$date": milliseconds or ISO text}``; that is read too. The day is that in UTC.
    Raises :class:`InputError` naming the key.
    """
    raw = value.get("$date") if isinstance(value, dict) else value
    try:
        if isinstance(raw, str):
            moment = datetime.fromisoformat(raw.replace("Z", "+00:00"))
        elif isinstance(raw, int | float) and not isinstance(raw, bool):
            seconds = raw / 1000.0 if isinstance(value, dict) else float(raw)
            moment = datetime.fromtimestamp(seconds, tz=UTC)
        else:
            raise ValueError(raw)
    except (ValueError, OverflowError, OSError):
        raise InputError("not a date", file=file, field=key, value=value, expected="seconds since 1970") from None
    if day_before:
        moment -= timedelta(hours=12)
    return f"{moment.year:04d}-{moment.month:02d}", moment.day
