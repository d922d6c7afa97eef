"""Check hourly series that a user hands over and place them on the standard year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grid_opt.errors import InputError
from grid_opt.inputs.hours_latent import HOURS_PER_YEAR, Floats, Ints

_DAYS_BEFORE_MONTH = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_LOCAL_TIME_HINT = (
    "give UTC or times with their offset (2024-03-10T02:00:00-06:00): local clock time repeats an hour in "
    "autumn and lacks one in spring; if the file mixes markets (day-ahead, real-time), keep one"
)


@dataclass(frozen=True)
class ZoneSeries:
    """Hours of one zone as found in a file: times (UTC), values by variable, and file rows if it has rows.

    ``columns`` says what the file calls "time" and the variables, where it has other names for them.
    """

    zone: str
    time: NDArray[np.datetime64]
    values: Mapping[str, Floats]
    rows: Ints | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """Return what the file calls the time or a variable."""
        return self.columns.get(name, name)


@dataclass(frozen=True)
class _Bounds:
    lower: float
    upper: float
    hint: str


BOUNDS = {
    "price": _Bounds(-5000.0, 25000.0, "prices are in USD/MWh"),
    "demand": _Bounds(0.0, 500000.0, "demand is in MW"),
    "wind_cf": _Bounds(0.0, 1.0, "capacity factors are fractions 0..1, not percent"),
    "solar_cf": _Bounds(0.0, 1.0, "capacity factors are fractions 0..1, not percent"),
}


def place(path: Path, series: ZoneSeries) -> dict[str, Floats]:
    """Return the variables of one zone on the 8760 hours of the standard year.

    Hours are placed by month, day and hour, so any twelve months in a row serve (a local year that ends a
    few hours into the next year in UTC, too); 29 February is left out. Raises InputError for a step other
    than one hour, a repeated or missing hour, more than one year, a value that is not finite or out of
    bounds, and a unit slip.
    """
    time = series.time.astype("datetime64[s]")
    _check_step(path, series, time)
    _check_repeats(path, series, time)
    slot, keep = _standard_hour(time)
    order = np.flatnonzero(keep)
    filled = np.bincount(slot[order], minlength=HOURS_PER_YEAR)
    if filled.max() > 1:
        raise InputError(
            f"zone {series.zone} has more than one year of hours ({len(time)} of them)",
            file=path,
            field=series.column("time"),
            value=f"{time.min()} to {time.max()}",
            expected="one year: 8760 hours, or 8784 with 29 February",
            fix="cut the file to twelve months",
        )
    _check_gaps(path, series, time, filled)
    out = {}
    for name, values in series.values.items():
        if name != "price" and np.isnan(values).all():
            continue  # a column without any value is a variable that the file does not have for this zone
        _check_values(path, series, name, values, order)
        placed = np.empty(HOURS_PER_YEAR)
        placed[slot[order]] = values[order]
        if name == "price":
            _check_price_unit(path, series, placed)
        out[name] = placed
    return out


def _standard_hour(time: NDArray[np.datetime64]) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the hour of the standard year of each time, and which times are kept (not 29 February)."""
    month = time.astype("datetime64[M]").astype(int) % 12
    day = (time.astype("datetime64[D]") - time.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
    hour = (time - time.astype("datetime64[D]")).astype(int) // 3600
    keep = ~((month == 1) & (day == 28))
    slot = (_DAYS_BEFORE_MONTH[month] + day) * 24 + hour
    return np.asarray(slot, dtype=np.int64), np.asarray(keep)


def _row(series: ZoneSeries, at: int) -> int | str:
    return f"{series.time[at].astype('datetime64[m]')}" if series.rows is None else int(series.rows[at])


def _check_step(path: Path, series: ZoneSeries, time: NDArray[np.datetime64]) -> None:
    steps = np.diff(np.unique(time)).astype(int)
    if not len(steps):
        raise InputError(
            f"zone {series.zone} has {len(time)} hours", file=path, field=series.column("time"), expected="8760 hours"
        )
    minutes = round(float(np.median(steps)) / 60, 2)
    off = np.flatnonzero(time.astype("datetime64[h]") != time)
    if minutes == 60 and not len(off):
        return
    problem = f"zone {series.zone} has steps of {minutes:g} minutes"
    if minutes == 60:
        problem = f"zone {series.zone} has hours that do not begin on the hour"
    raise InputError(
        problem,
        file=path,
        row=_row(series, int(off[0]) if len(off) else 0),
        field=series.column("time"),
        value=str(time[off[0]]) if len(off) else None,
        expected="hourly values, stamped with the beginning of the hour",
        fix="average them to hours first, for example with pandas: frame.resample('h').mean()",
    )


def _check_repeats(path: Path, series: ZoneSeries, time: NDArray[np.datetime64]) -> None:
    order = np.argsort(time, kind="stable")
    repeats = np.flatnonzero(time[order][1:] == time[order][:-1])
    if len(repeats):
        first, second = int(order[repeats[0]]), int(order[repeats[0] + 1])
        raise InputError(
            f"zone {series.zone} has the hour {time[first]} twice ({len(repeats)} repeated hours in all)",
            file=path,
            row=_row(series, second),
            field=series.column("time"),
            value=str(time[second]),
            expected="every hour once",
            fix=_LOCAL_TIME_HINT,
        )


def _check_gaps(path: Path, series: ZoneSeries, time: NDArray[np.datetime64], filled: Ints) -> None:
    missing = np.flatnonzero(filled == 0)
    if not len(missing):
        return
    start = time.min().astype("datetime64[Y]")
    year = int(start.astype(int)) + 1970
    day, hour = divmod(int(missing[0]), 24)
    month = int(np.searchsorted(_DAYS_BEFORE_MONTH, day, side="right"))
    name = f"{year}-{month:02d}-{day - _DAYS_BEFORE_MONTH[month - 1] + 1:02d}T{hour:02d}:00"
    if np.datetime64(name) < time.min() and len(missing) < HOURS_PER_YEAR // 2:
        name = f"{name} or a year later"
    earlier = np.flatnonzero(time < np.datetime64(name[:16]))
    before = int(earlier[np.argmax(time[earlier])]) if len(earlier) else int(np.argmin(time))
    raise InputError(
        f"zone {series.zone} lacks {len(missing)} of 8760 hours, the first is {name} UTC",
        file=path,
        row=_row(series, before),
        field=series.column("time"),
        value=f"{time[before].astype('datetime64[m]')} is the hour {'before' if len(earlier) else 'after'} the gap",
        expected="a value for every hour of one year",
        fix="fill the gap or take another year; if the times are local clock time, " + _LOCAL_TIME_HINT,
    )


def _check_values(path: Path, series: ZoneSeries, name: str, values: Floats, order: Ints) -> None:
    bounds = BOUNDS[name]
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(values[order]) | (values[order] < bounds.lower) | (values[order] > bounds.upper)
    if bad.any():
        at = int(order[np.flatnonzero(bad)[0]])
        what = "outside the bounds" if np.isfinite(values[at]) else "not a finite number"
        raise InputError(
            f"{name} of zone {series.zone} at {series.time[at].astype('datetime64[m]')} is {what}",
            file=path,
            row=_row(series, at),
            field=series.column(name),
            value=values[at],
            expected=f"a number from {bounds.lower:g} to {bounds.upper:g}; {bounds.hint}",
            fix="correct or fill this hour",
        )


def _check_price_unit(path: Path, series: ZoneSeries, price: Floats) -> None:
    mean = float(price.mean())
    if 1.5 <= mean <= 1000.0:
        return
    fix = "multiply by 1000 if these are USD/kWh" if mean < 1.5 else "divide: these may be USD/GWh or cents per MWh"
    raise InputError(
        f"the mean price of zone {series.zone} is {mean:.4g}, which is no wholesale price in USD/MWh",
        file=path,
        row=None if series.rows is None else f"{series.rows.min()} to {series.rows.max()}",
        field=series.column("price"),
        value=mean,
        expected="USD/MWh; a yearly mean from 1.5 to 1000, mostly 20 to 80",
        fix=fix,
    )
