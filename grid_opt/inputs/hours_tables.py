"""Read the statistics tables of ``data/hours`` as arrays, with errors that name file, row and field."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from grid_opt.errors import InputError
from grid_opt.inputs.hours_latent import COMPONENTS, Floats
from grid_opt.inputs.tables import read_utf8
from grid_opt.resources import data_dir as bundled_data_dir

_USE_BUNDLED = "correct the file, or remove it to use the bundled one"
HOUR_COLUMNS = tuple(f"h{hour:02d}" for hour in range(24))


def table_path(name: str, folder: Path | None) -> Path:
    """Return the file of ``hours/<name>.csv``: the one in `folder` if it is there, else the bundled one."""
    if folder is not None and (folder / "hours" / f"{name}.csv").is_file():
        return folder / "hours" / f"{name}.csv"
    return bundled_data_dir() / "hours" / f"{name}.csv"


def bundled_state() -> tuple[tuple[str, int], ...]:
    """Return which bundled tables there are, and when each was changed: a key for what is drawn from them."""
    files = (bundled_data_dir() / "hours").glob("*.csv")
    return tuple(sorted((str(file), file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=64)
def _read(path: Path, modified_ns: int) -> pd.DataFrame:
    # ids such as "NA" must stay text; the time of change in the key keeps the cache honest
    text = read_utf8(path)
    try:
        return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        line = re.search(r"line (\d+)", str(error))
        raise InputError(
            f"the table cannot be read: {str(error).strip()}" if text.strip() else "the file is empty",
            file=path,
            row=int(line[1]) if line else 1,
            expected="a header line and rows of as many cells",
            fix=_USE_BUNDLED,
        ) from None


def read_statistics(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return one statistics table as a data frame; callers must not change it."""
    path = table_path(name, folder)
    if not path.is_file():
        raise InputError(
            "statistics table is missing",
            file=path,
            fix="rebuild with scripts/data/build_hours_statistics.py",
        )
    return _read(path, path.stat().st_mtime_ns)


def grouped(name: str, group: str, columns: Sequence[str], folder: Path | None) -> tuple[list[str], Floats]:
    """Return the ids (first column) and an array (id, group, column) of a table laid out in groups.

    Every id must have every group 1..n once, in order; every number must be finite.
    """
    frame = read_statistics(name, folder)
    path = table_path(name, folder)
    count = 12 if group == "month" else 4
    key = str(frame.columns[0])
    _require_columns(frame, [key, group, *columns], path)
    ids = frame[key].astype(str).tolist()
    expected = [g for _ in range(len(ids) // count) for g in range(1, count + 1)]
    repeated = [ids[row - row % count] for row in range(len(ids))]
    if len(ids) % count or frame[group].tolist() != expected or ids != repeated:
        raise InputError(
            f"rows are not {count} {group}s in order for each {key}",
            file=path,
            field=group,
            expected=f"{group} 1..{count} for each {key}, ids together",
            fix=_USE_BUNDLED,
        )
    values = _numbers(frame, columns, path)
    return ids[::count], values.reshape(len(ids) // count, count, len(columns))


def flat(name: str, variable: str, folder: Path | None) -> tuple[list[str], Floats]:
    """Return the ids and an array (id, column) of the rows of one variable of ``memory`` or ``factors``."""
    frame = read_statistics(name, folder)
    path = table_path(name, folder)
    columns = list(COMPONENTS) if name == "memory" else [str(c) for c in frame.columns[2:]]
    _require_columns(frame, ["variable", "id", *columns], path)
    values = _numbers(frame, columns, path)
    at = (frame["variable"] == variable).to_numpy()
    values = values[at]
    if name == "memory":
        values = values / values.sum(axis=1, keepdims=True)
    return frame.loc[at, "id"].astype(str).tolist(), values


def _require_columns(frame: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    for column in columns:
        if column not in frame.columns:
            raise InputError(
                "column is missing",
                file=path,
                row=1,
                field=column,
                expected=", ".join(columns[:6]) + ", ...",
                fix=_USE_BUNDLED,
            )


def _numbers(frame: pd.DataFrame, columns: Sequence[str], path: Path) -> Floats:
    numbers = frame[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        row, column = (int(x) for x in bad[0])
        raise InputError(
            "not a finite number",
            file=path,
            row=row + 2,
            field=columns[column],
            value=frame[columns[column]].iloc[row],
            expected="a finite number with a decimal point",
            fix=_USE_BUNDLED,
        )
    return np.asarray(numbers)
