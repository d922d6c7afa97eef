"""Gather the measures of all cases of a sweep in one data cube, with the dimensions of the sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.atomic import replacing, write_text
from grid_opt.errors import InputError
from grid_opt.plan.units import CF_UNITS
from grid_opt.report.csv_text import to_csv
from grid_opt.study.sweeps.cases import shown
from grid_opt.study.sweeps.manifest import CODES, MEANINGS, Manifest
from grid_opt.study.sweeps.measures import FILE as MEASURES
from grid_opt.study.sweeps.measures import read_measures

CUBE: Final = "cube.nc"
TABLE: Final = "cases.csv"
_TEXTS: Final = {"label": "Case", "state": "What came of the case", "reason": "Why it has no plan, or no closer one",
                 "run": "Run that answers the case: folder under runs"}  # fmt: skip


def gather(manifest: Manifest, folder: Path) -> xr.Dataset:
    """Return the cube: every measure by the dimensions of the sweep, missing where a case has no plan.

    A grid has one dimension for every axis, and before them one for the scenarios where there are any; other designs
    have the dimension ``case``, along which the axes are coordinates.
    """
    parts = {
        digest: read_measures(folder / run.folder / MEASURES)
        for digest, run in manifest.runs.items()
        if MEASURES in run.files
    }
    flat = _stack([parts.get(entry.run) for entry in manifest.cases])
    for name, meaning in _TEXTS.items():
        texts = [_text(manifest, name, n) for n in range(len(manifest.cases))]
        flat[name] = ("case", np.array(texts, dtype=object), {"long_name": meaning})
    codes = [int(CODES[manifest.run_of(entry).state]) for entry in manifest.cases]
    flat["exit_code"] = ("case", np.array(codes, dtype=np.int32), {"long_name": "Exit code of the case by itself"})
    flat["state"].attrs["flag_meanings"] = "; ".join(f"{key}: {value}" for key, value in MEANINGS.items())
    cube = _shaped(flat, manifest)
    cube.attrs = {
        "Conventions": "CF-1.11",
        "title": manifest.title or manifest.name,
        "source": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        "sweep": manifest.name,
        "method": manifest.method,
        "currency": "USD",
    }
    return cube


def _text(manifest: Manifest, name: str, n: int) -> str:
    entry = manifest.cases[n]
    run = manifest.run_of(entry)
    return {"label": entry.label, "state": run.state, "reason": run.reason, "run": run.id}[name]


def _stack(parts: Sequence[xr.Dataset | None]) -> xr.Dataset:
    """Put the measures of all cases one behind the other; labels that a case lacks are missing there."""
    labels: dict[str, dict[Any, int]] = {}
    specs: dict[str, xr.DataArray] = {}
    for part in parts:
        for name, array in ({} if part is None else part.data_vars).items():
            specs.setdefault(str(name), array)
            for dim in array.dims:
                at = labels.setdefault(str(dim), {})
                for label in array[dim].values.tolist():
                    at.setdefault(label, len(at))
    found = {}
    for name, spec in specs.items():
        shape = [len(parts), *(len(labels[str(dim)]) for dim in spec.dims)]
        values = np.full(shape, math.nan)
        for n, part in enumerate(parts):
            if part is not None and name in part:
                places = [[labels[str(d)][label] for label in part[name][d].values.tolist()] for d in spec.dims]
                values[np.ix_([n], *places)] = part[name].values[np.newaxis]
        found[name] = (("case", *spec.dims), values, dict(spec.attrs))
    return xr.Dataset(found, coords={dim: _coordinate(list(at)) for dim, at in labels.items()})


def _coordinate(values: Sequence[Any]) -> Any:
    """Return labels as a coordinate: numbers where all are numbers, else texts."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values)
    return np.array([shown(value) for value in values], dtype=object)


def _shaped(flat: xr.Dataset, manifest: Manifest) -> xr.Dataset:
    if manifest.method != "grid":
        flat = flat.assign_coords(case=np.arange(1, len(manifest.cases) + 1))
        if manifest.scenarios:
            names = np.array([entry.scenario for entry in manifest.cases], dtype=object)
            flat = flat.assign_coords(scenario=("case", names))
        for name in manifest.axes:
            values = [entry.place.get(name) for entry in manifest.cases]
            flat = flat.assign_coords({name: ("case", _with_gaps(values))})
        return flat
    dims: dict[str, Sequence[Any]] = {"scenario": manifest.scenarios} if manifest.scenarios else {}
    dims = dims | manifest.axes
    shape = [len(values) for values in dims.values()]
    found = {
        str(name): ((*dims, *array.dims[1:]), array.values.reshape([*shape, *array.shape[1:]]), array.attrs)
        for name, array in flat.data_vars.items()
    }
    coords = {name: _coordinate(values) for name, values in dims.items()}
    return xr.Dataset(found, coords=coords | {str(name): coord for name, coord in flat.coords.items()})


def _with_gaps(values: Sequence[Any]) -> Any:
    """Return a coordinate along the cases; an axis that a case leaves at its base is missing there."""
    there = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in there):
        return np.array([math.nan if value is None else float(value) for value in values])
    return np.array(["" if value is None else shown(value) for value in values], dtype=object)


def write_cube(cube: xr.Dataset, path: Path) -> None:
    """Write the cube as NetCDF, whole or not at all, with units that CF knows."""
    dressed = cube.copy()
    for name, array in dressed.variables.items():
        unit = array.attrs.get("units")
        if unit in CF_UNITS:
            spelled = CF_UNITS[unit]
            currency = {"currency": "USD"} if spelled.money else {}
            dressed[name].attrs = {**array.attrs, "units": spelled.text, **currency}
    encoding = {
        str(name): {"zlib": True, "complevel": 4, "fletcher32": True}
        for name, array in dressed.variables.items()
        if array.dtype.kind == "f" and array.ndim
    }
    with replacing(path) as part:
        dressed.to_netcdf(part, engine="netcdf4", format="NETCDF4", encoding=encoding)


def table_of(manifest: Manifest, cube: xr.Dataset) -> pd.DataFrame:
    """Return one row per case: its place, what came of it, and its scalar measures."""
    dims = [str(dim) for dim in cube["label"].dims]
    scalars = [str(name) for name, array in cube.data_vars.items() if list(array.dims) == dims]
    last = {"tokens": "tokens_last_year"} if "tokens" in cube else {}
    rows = []
    flat = {name: cube[name].values.ravel() for name in scalars}
    flat |= {told: cube[name].isel(year=-1).transpose(*dims).values.ravel() for name, told in last.items()}
    for n, entry in enumerate(manifest.cases):
        run = manifest.run_of(entry)
        row: dict[str, Any] = {"label": entry.label}
        row |= {"scenario": entry.scenario} if manifest.scenarios else {}
        row |= {name: _cell(entry.place.get(name)) for name in manifest.axes}
        row |= {"state": run.state, "exit_code": int(CODES[run.state])}
        row |= {name: values[n] for name, values in flat.items() if name not in {*_TEXTS, "exit_code"}}
        row |= {"seconds": run.seconds, "peak_mb": run.peak_mb, "run": run.id, "reason": " ".join(run.reason.split())}
        rows.append(row)
    return pd.DataFrame(rows)


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float | str) else shown(value)


def write_tables(table: pd.DataFrame, folder: Path, parquet: bool) -> None:
    """Write the table of cases as CSV and, where asked, as Parquet.

    Raises:
        InputError: Parquet is asked for, and pyarrow is not installed.
    """
    write_text(folder / TABLE, to_csv(table))
    if parquet:
        require_parquet()
        texts = table.select_dtypes(exclude="number").columns
        with replacing(folder / "cases.parquet") as part:
            table.astype(dict.fromkeys(texts, "string")).to_parquet(part, index=False)


def require_parquet() -> None:
    """Refuse to promise Parquet without the library that writes it."""
    try:
        import pyarrow  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise InputError("Parquet needs pyarrow, which is not installed", field="--parquet",
                         expected="grid-opt with its extra 'parquet'",
                         fix="pip install 'grid-opt[parquet]'") from None  # fmt: skip
