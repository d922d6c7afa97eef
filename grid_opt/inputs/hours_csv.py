"""Read hourly CSV files: long (a row per time and location) and wide (a column per zone)."""

from __future__ import annotations

import csv
import gzip
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grid_opt.errors import InputError
from grid_opt.inputs.hours_latent import Floats
from grid_opt.inputs.hours_place import ZoneSeries
from grid_opt.inputs.tables import read_utf8

# names as written by gridstatus, isodata and the ISOs' own exports, in lower case with single spaces
TIME_NAMES = (
    "time", "interval start", "interval start utc", "interval start local", "timestamp", "datetime",
    "utc hour", "datetime beginning utc", "utc hour beginning", "hour beginning", "time utc",
)  # fmt: skip
END_NAMES = ("interval end", "hour ending", "interval end utc", "datetime ending utc", "hour end")
ZONE_NAMES = ("zone", "region", "location", "hub", "settlement point", "location name", "pnode name", "node")
VALUE_NAMES = {
    "price": (
        "price",
        "lmp",
        "spp",
        "settlement point price",
        "total lmp rt",
        "total lmp da",
        "price usd per mwh",
    ),
    "demand": ("demand", "load", "demand mw", "load mw"),
    "wind_cf": ("wind cf",),
    "solar_cf": ("solar cf",),
}


def read_csv_series(path: Path, zones: Sequence[str]) -> list[ZoneSeries]:
    """Return the hours of the zones found in a CSV file, long or wide.

    Long: a time column, a location column whose values are zone ids (a column ``zone`` goes before all
    others), and a price column [USD/MWh]; columns demand [MW], wind_cf and solar_cf [1] may be there too.
    Wide: a time column, and one price column per zone, named by its id. Times with an
    offset are converted to UTC; times without one are taken as UTC. Other columns are left alone.
    """
    frame = _read_text(path)
    names = {_plain(column): str(column) for column in reversed(list(frame.columns))}
    time_column = _time_column(path, names)
    zone_column = next((names[n] for n in ZONE_NAMES if n in names), None)
    values = {v: next((names[n] for n in known if n in names), None) for v, known in VALUE_NAMES.items()}
    if zone_column is not None and values["price"] is not None:
        columns = {variable: column for variable, column in values.items() if column}
        return _long(path, frame, (time_column, zone_column), columns, zones)
    found = [zone for zone in zones if zone in frame.columns]
    if not found:
        raise InputError(
            "neither a long table (time, zone, price) nor a wide one (time, and a column per zone)",
            file=path,
            row=1,
            field="header",
            value=", ".join(map(str, frame.columns)),
            expected="Interval Start, Location, LMP; or time, zone, price; or time and zone ids",
            fix="rename the columns",
        )
    time = _times(path, frame, time_column)
    rows = np.arange(2, len(frame) + 2)
    return [
        ZoneSeries(zone, time, {"price": _numbers(path, frame, zone)}, rows, {"time": time_column, "price": zone})
        for zone in found
    ]


LOAD_NAMES = ("load mw", "load", "demand mw", "demand", "mw")
DELIVERED_NAMES = ("delivered mw", "delivered")


@dataclass(frozen=True)
class LoadHours:
    """A load by time: MW, and where the file has them prices [USD/MWh] and the MW of it that contracts deliver."""

    times: pd.DatetimeIndex
    mw: Floats
    price: Floats | None
    delivered_mw: Floats | None

    def at(self, times: pd.DatetimeIndex, rows: NDArray[np.int64]) -> LoadHours:
        """Return the hours of some rows under other times."""
        price, delivered = (None if one is None else one[rows] for one in (self.price, self.delivered_mw))
        return LoadHours(times, self.mw[rows], price, delivered)


def read_load_csv(path: Path) -> LoadHours:
    """Read a load from a CSV file: times (UTC, or with an offset), MW, prices and deliveries if they are there.

    Raises :class:`InputError` naming the row and column of a cell that is no time, no number, a negative load, or more
    delivered than is used.
    """
    frame = _read_text(path)
    names = {_plain(column): str(column) for column in reversed(list(frame.columns))}
    times = pd.DatetimeIndex(_times(path, frame, _time_column(path, names))).tz_localize("UTC")
    load = next((names[n] for n in LOAD_NAMES if n in names), None)
    if load is None:
        raise InputError(
            "no column with the load",
            file=path,
            row=1,
            field="header",
            value=", ".join(names.values()),
            expected="a column named load_mw [MW]",
            fix="name the column of the load load_mw",
        )
    mw = _numbers(path, frame, load)
    bad = np.flatnonzero(~(mw >= 0) | ~np.isfinite(mw))
    if len(bad):
        row, value = int(bad[0]) + 2, frame[load].iloc[int(bad[0])]
        raise InputError("not a load", file=path, row=row, field=load, value=value, expected="MW, 0 or more")
    price = next((names[n] for n in VALUE_NAMES["price"] if n in names), None)
    return LoadHours(
        times, mw, None if price is None else _numbers(path, frame, price), _delivered(path, frame, names, mw)
    )


def _delivered(path: Path, frame: pd.DataFrame, names: dict[str, str], mw: Floats) -> Floats | None:
    """Return the MW that contracts deliver, where the file has them; never more than the load of their row."""
    column = next((names[n] for n in DELIVERED_NAMES if n in names), None)
    if column is None:
        return None
    delivered = _numbers(path, frame, column)
    bad = np.flatnonzero(~((delivered >= 0) & (delivered <= mw)))
    if len(bad):
        row, value = int(bad[0]) + 2, frame[column].iloc[int(bad[0])]
        raise InputError(
            "no more can be delivered than is used",
            file=path,
            row=row,
            field=column,
            value=value,
            expected=f"MW from 0 to the load of the row, {mw[bad[0]]:g}",
            fix="correct the cell, or the load beside it",
        )
    return delivered


def _read_text(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # pandas would drop surplus cells of a row with only a warning
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(f"not a whole gzip file: {error}", file=path, fix="compress it again") from None
    except pd.errors.EmptyDataError:
        raise InputError("the file is empty", file=path, expected="a CSV table with a header") from None
    except UnicodeDecodeError as error:
        if not path.name.endswith(".gz"):
            read_utf8(path)  # refuses it, and knows the line
        raise InputError("not UTF-8 text", file=path, value=str(error), fix="save the file as UTF-8 CSV") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        row, cells = _longer_row(path)
        raise InputError(
            "rows have more cells than the header",
            file=path,
            row=row,
            value=cells or str(error),
            expected="as many cells in each row as in the header",
            fix="write numbers without thousands commas",
        ) from None
    if frame.empty:
        raise InputError("the table has no rows", file=path, expected="8760 hours")
    return frame


def _longer_row(path: Path) -> tuple[int | None, str]:
    """Return the line and the text of the first row with more cells than the header."""
    if path.name.endswith(".gz"):
        return None, ""
    width = 0
    for line, cells in enumerate(csv.reader(read_utf8(path).splitlines()), start=1):
        width = width or len(cells)
        if len(cells) > width:
            return line, ",".join(cells)
    return None, ""


def _plain(name: object) -> str:
    return " ".join(str(name).replace("_", " ").lower().split())


def _time_column(path: Path, names: dict[str, str]) -> str:
    for name in TIME_NAMES:
        if name in names:
            return names[name]
    ends = [names[n] for n in END_NAMES if n in names]
    raise InputError(
        "times of the end of an hour only" if ends else "no time column",
        file=path,
        row=1,
        field=ends[0] if ends else "header",
        value=", ".join(names.values()),
        expected="a column named time or Interval Start, the beginning of each hour",
        fix=_fix_for_time(ends, list(names.values())),
    )


def _fix_for_time(ends: Sequence[str], columns: Sequence[str]) -> str:
    if ends:
        return "subtract one hour and name the column time"
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        return "save the table with commas between the cells"
    return "name the time column time"


def _times(path: Path, frame: pd.DataFrame, column: str) -> NDArray[np.datetime64]:
    text = frame[column].str.strip()
    time = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    bad = np.flatnonzero(time.isna().to_numpy())
    if len(bad):
        at = int(bad[0])
        raise InputError(
            "not a time",
            file=path,
            row=int(frame.index[at]) + 2,
            field=column,
            value=text.iloc[at],
            expected="ISO 8601, like 2024-07-01T15:00:00Z or 2024-07-01 10:00:00-05:00",
        )
    return np.asarray(time.dt.tz_localize(None).to_numpy(), dtype="datetime64[s]")


def _numbers(path: Path, frame: pd.DataFrame, column: str) -> Floats:
    text = frame[column].fillna("").str.strip()
    numbers = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)
    nan_text = text.str.lower().isin(["nan", "+nan", "-nan"]).to_numpy()
    bad = np.flatnonzero(np.isnan(numbers) & ~nan_text)
    if len(bad):
        at = int(bad[0])
        raise InputError(
            "the cell is empty" if not text.iloc[at] else "not a number",
            file=path,
            row=int(frame.index[at]) + 2,
            field=column,
            value=text.iloc[at],
            expected="a number with a decimal point and no thousands comma",
            fix="write 1234.5 for 1,234.5" if "," in text.iloc[at] else "fill or correct this hour",
        )
    return np.asarray(numbers)


def _long(
    path: Path,
    frame: pd.DataFrame,
    keys: tuple[str, str],
    values: dict[str, str],
    zones: Sequence[str],
) -> list[ZoneSeries]:
    """Split a long table by zone; ``keys`` are its time and its location column."""
    location = frame[keys[1]].str.strip()
    # rows of other locations are not needed, so their cells are not judged
    frame = frame[location.isin(list(zones))]
    if frame.empty:
        _no_zone_found(path, keys[1], sorted(set(location)), zones)
    rows = frame.index.to_numpy(dtype=np.int64) + 2
    time = _times(path, frame, keys[0])
    numbers = {name: _numbers(path, frame, column) for name, column in values.items()}
    ids = location[frame.index].to_numpy()
    names = {"time": keys[0], **values}
    out = []
    for zone in zones:
        at = np.flatnonzero(ids == zone)
        if len(at):
            out.append(ZoneSeries(zone, time[at], {n: v[at] for n, v in numbers.items()}, rows[at], names))
    return out


def _no_zone_found(path: Path, column: str, found: list[str], zones: Sequence[str]) -> None:
    raise InputError(
        "no location is a zone of the case",
        file=path,
        field=column,
        value=", ".join(found),
        expected=f"zone ids: {', '.join(list(zones)[:12])}{', ...' if len(zones) > 12 else ''}",
        fix="add a column named zone that says which zone each location stands for",
    )
