"""Write a plan to one NetCDF file and read it back.

The file is flat, dimensional NetCDF-4 by CF-1.11 and ACDD-1.3 (``docs/plan-format.md``). It is written whole
or not at all, carries no clock, and the same plan gives the same bytes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt.atomic import replacing
from grid_opt.errors import InputError
from grid_opt.plan.cf import GEOMETRY_DIMS, dress, undress
from grid_opt.plan.geometry import Outlines, read_container
from grid_opt.plan.schema import FORMAT_NAME, FORMAT_VERSION, PROVENANCE

DIGEST = "content_sha256"
"""Global attribute with the SHA-256 of the labels, values and provenance, by which later edits are seen."""

_DIGESTED = (
    "accelerator_json", "workload_json", "fleet_json", "service_json", "accelerators_json", "workloads_json",
    "hours_source",
)  # fmt: skip
"""Attributes beside the provenance that tell what a plan was made from; not every plan carries them."""

_FILTERS = {"zlib": True, "complevel": 4, "shuffle": True, "fletcher32": True}
"""Lossless compression; the checksum makes damage an error on reading instead of a wrong number."""

_AS_STORED: dict[str, Any] = {"mask_and_scale": False, "decode_times": False, "decode_coords": False}
"""Keep every attribute where it is; only characters are joined to strings."""

_EXPECTED = "a plan file written by grid-opt (plan.nc)"
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def write_plan(plan: xr.Dataset, outlines: Outlines, path: str | Path) -> None:
    """Write ``plan`` to ``path``, whole or not at all.

    ``outlines`` gives the polygons of the regions, and of all zones where known, as rings of longitude and
    latitude by id; it may be empty.

    Raises: ValueError for a unit without a CF spelling; OSError, naming ``path``, when it cannot be written.
    """
    write_dressed(dress(plan, outlines), path)


def write_dressed(dressed: xr.Dataset, path: str | Path) -> None:
    """Write what is dressed for the file, with its digest, whole or not at all; :func:`write_plan` says what raises."""
    dressed.attrs[DIGEST] = digest(dressed)
    with replacing(path) as part:
        try:
            dressed.to_netcdf(part, engine="netcdf4", format="NETCDF4", encoding=_encoding(dressed))
        except RuntimeError as error:  # all that the HDF5 library says, whatever the system refused
            full = shutil.disk_usage(part.parent).free < dressed.nbytes
            code = errno.ENOSPC if full else errno.EIO
            raise OSError(code, os.strerror(code), str(part)) from error


def open_plan(path: str | Path) -> xr.Dataset:
    """Read a plan into memory, in grid-opt's units (``attrs["units"]``).

    Raises: InputError for a missing file, one that is no plan, one that is cut short or damaged, and one of a
    newer format.
    """
    plan = undress(_read(path))
    plan.encoding.clear()
    return plan


def read_outlines(path: str | Path) -> dict[str, list[list[npt.NDArray[np.float64]]]]:
    """Return the outlines that a plan file carries, by zone or region id; empty when it has none.

    Raises: InputError as :func:`open_plan` does.
    """
    raw = _read(path)
    found: dict[str, list[list[npt.NDArray[np.float64]]]] = {}
    for dim in GEOMETRY_DIMS:
        found |= read_container(raw, dim)
    return found


def digest(plan: xr.Dataset) -> str:
    """Return the SHA-256 of the labels, values and provenance of a plan, in memory or dressed for the file.

    Compression, the order of variables, and attributes that say nothing about the plan do not change it.
    """
    total = hashlib.sha256()
    for name in sorted(str(key) for key in undress(plan).variables):
        variable = plan.variables[name]
        total.update(f"{name}{variable.dims}{variable.shape}".encode())
        if variable.dtype.kind in "OUS":
            total.update("\0".join(str(v) for v in variable.values.ravel()).encode())
        else:
            total.update(np.ascontiguousarray(variable.values, dtype="<f8").tobytes())
    for name in sorted({*PROVENANCE, *_DIGESTED}):
        value = plan.attrs.get(name)
        total.update(f"{name}={value if isinstance(value, str) else _number(value)}".encode())
    return total.hexdigest()


def _number(value: Any) -> str:
    return "" if value is None else repr(float(value))


def _encoding(dressed: xr.Dataset) -> dict[Any, dict[str, Any]]:
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in dressed.variables.items():
        if variable.dtype.kind in "OUS":
            # As characters: CF allows no string variable with the name of its dimension, and characters are
            # covered by the checksum. xarray shows them as strings all the same.
            length = {"char_dim_name": f"{name}_length"} if variable.size else {}  # nothing has no length
            encoding[name] = {"dtype": "S1", **length, **_FILTERS}
            continue
        missing = variable.dtype.kind == "f" and bool(np.isnan(variable.values).any())
        encoding[name] = {"_FillValue": np.nan if missing else None}
        if variable.ndim:
            encoding[name] |= _FILTERS
    return encoding


def _read(path: str | Path) -> xr.Dataset:
    return read_checked(path, FORMAT_NAME, _EXPECTED)


def read_checked(path: str | Path, format_name: str, expected: str) -> xr.Dataset:
    """Read a file of a format as it is stored; :func:`open_plan` says what raises."""
    path = Path(path)
    _check_signature(path)
    try:
        with xr.open_dataset(path, engine="netcdf4", **_AS_STORED) as opened:
            raw = opened.load()
    except (OSError, RuntimeError, ValueError, KeyError, UnicodeDecodeError, AttributeError) as error:
        raise InputError(
            "the plan file is damaged or cut short",
            file=path,
            value=str(error).splitlines()[0],
            expected=expected,
            fix="copy the file again, or write it again",
        ) from error
    _check_format(raw, path, format_name, expected)
    return raw


def _check_signature(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            start = stream.read(len(_HDF5_SIGNATURE))
    except OSError as error:
        raise InputError(
            f"cannot read the plan file: {error.strerror}",
            file=path,
            expected=_EXPECTED,
            fix="give the path of a plan.nc, which `grid-opt run` writes",
        ) from error
    if start != _HDF5_SIGNATURE:
        raise InputError(
            "this is not a plan file",
            file=path,
            value=start,
            expected=_EXPECTED + ", which is NetCDF-4",
            fix="give the path of a plan.nc, which `grid-opt run` writes",
        )


def _check_format(raw: xr.Dataset, path: Path, format_name: str, expected: str) -> None:
    if raw.attrs.get("plan_format") != format_name:
        raise InputError(
            "this NetCDF file is not a plan" if format_name == FORMAT_NAME else "this NetCDF file is of another kind",
            file=path,
            field="plan_format",
            value=raw.attrs.get("plan_format", "(no such attribute)"),
            expected=f"{format_name!r}",
            fix=f"give the path of {expected}",
        )
    version = raw.attrs.get("plan_format_version")
    whole = isinstance(version, int | np.integer)
    if not isinstance(version, int | np.integer) or int(version) > FORMAT_VERSION:
        raise InputError(
            "the plan was written by a newer grid-opt" if whole else "the plan does not say its format version",
            file=path,
            field="plan_format_version",
            value=version,
            expected=f"a whole number up to {FORMAT_VERSION}",
            fix="upgrade grid-opt, or write the plan again with this version",
        )
