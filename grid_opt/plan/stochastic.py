"""Read the file of a stochastic study, which stands beside the plans of its scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import xarray as xr

from grid_opt.errors import InputError

FILE: Final = "stochastic.nc"
KIND: Final = "grid-opt stochastic study"
"""Value of the global attribute ``study_format`` of such a file."""
SEARCH: Final = "the search"
"""Whose first stage it is that was found for all scenarios at once, among those that were tried."""


def is_stochastic(path: Path) -> bool:
    """Return whether a path is the folder of a stochastic study."""
    return path.is_dir() and (path / FILE).is_file()


def open_stochastic(folder: str | Path) -> xr.Dataset:
    """Read what a stochastic study found.

    Raises: InputError when the folder has no such file, or a damaged one.
    """
    path = Path(folder) / FILE
    expected = "a folder written by grid-opt stochastic"
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as opened:
            found = opened.load()
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        told = (str(error).splitlines() or ["no message"])[0]
        raise InputError("the study cannot be read", file=path, value=told, expected=expected) from error
    if found.attrs.get("study_format") != KIND:
        raise InputError("this file is of another kind", file=path, field="study_format",
                         value=found.attrs.get("study_format", "(no such attribute)"), expected=expected)  # fmt: skip
    return found
