"""Write a re-dispatch to one NetCDF file and read it back, as a plan is written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import netCDF4
import xarray as xr

from grid_opt.plan.cf import dress, undress
from grid_opt.plan.io import read_checked, write_dressed

FORMAT_NAME: Final = "grid-opt redispatch"
"""Value of the global attribute ``plan_format`` of such a file."""
EXPECTED: Final = "a file written by grid-opt redispatch (redispatch.nc)"


def write_redispatch(result: xr.Dataset, path: str | Path) -> None:
    """Write a re-dispatch to ``path``, whole or not at all.

    Raises: ValueError for a unit without a CF spelling; OSError, naming ``path``, when it cannot be written.
    """
    dressed = dress(result, {})
    dressed.attrs |= {
        "plan_format": FORMAT_NAME,
        "title": str(dressed.attrs["title"]).replace("Siting and power plan", "Full year of the plan"),
        "summary": "How a plan of grid-opt runs through all hours of its operating years: inputs, operation, costs by "
        "item, day and hour, and what the representative days of the plan said of them.",
    }
    write_dressed(dressed, path)


def open_redispatch(path: str | Path) -> xr.Dataset:
    """Read a re-dispatch into memory, in grid-opt's units.

    Raises: InputError for a missing file, another kind of file, one that is damaged, and one of a newer format.
    """
    found = undress(read_checked(path, FORMAT_NAME, EXPECTED))
    found.encoding.clear()
    return found


def is_redispatch(path: str | Path) -> bool:
    """Return whether a file says that it is a re-dispatch; false for whatever cannot be read."""
    try:
        with netCDF4.Dataset(path) as opened:
            return bool(getattr(opened, "plan_format", "") == FORMAT_NAME)
    except OSError:
        return False
