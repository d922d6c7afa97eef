"""Read real hours that take the place of generated ones: NetCDF, or CSV as the price clients write it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from grid_opt.errors import InputError
from grid_opt.inputs.hours import HOUR_VARIABLES, standard_time
from grid_opt.inputs.hours_csv import read_csv_series
from grid_opt.inputs.hours_latent import Floats
from grid_opt.inputs.hours_place import ZoneSeries, place

NETCDF_SUFFIXES = (".nc", ".nc4", ".cdf", ".netcdf")
CSV_SUFFIXES = (".csv", ".csv.gz", ".txt")
_NETCDF_NAMES = {
    "price": ("price", "lmp"),
    "demand": ("demand", "load"),
    "wind_cf": ("wind_cf",),
    "solar_cf": ("solar_cf",),
}


def read_hours(path: str | Path, zones: Sequence[str]) -> xr.Dataset:
    """Read one year of hours for some zones; times are UTC, or have an offset and are converted.

    NetCDF: variables price (or lmp), and if there demand (or load), wind_cf, solar_cf, with dims time
    and zone (or region). CSV: see :func:`grid_opt.inputs.hours_csv.read_csv_series`. Other zones of the
    file are left alone.

    Returns dims (time 8760, zone, in the order asked for): ``price`` [USD/MWh] and whichever of
    ``demand`` [MW], ``wind_cf``, ``solar_cf`` [1] the file has; the attribute ``missing_variables`` names
    the others, so that a caller who fills them can say so (``filled_from_generator``). A zone whose
    capacity factors are all empty gets 0 and is named in ``zones_without_wind`` (or ``_solar``). Raises
    InputError naming file, row, field and value for anything that is not one complete, finite, hourly
    year in USD/MWh.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("no such file", file=path, field="energy.hours_file", expected="a NetCDF or CSV file of hours")
    lower = path.name.lower()
    if lower.endswith(NETCDF_SUFFIXES):
        series = _read_netcdf(path, zones)
    elif lower.endswith(CSV_SUFFIXES):
        series = read_csv_series(path, zones)
    else:
        raise InputError(
            "unknown kind of file",
            file=path,
            field="energy.hours_file",
            value=path.suffix,
            expected=", ".join(NETCDF_SUFFIXES + CSV_SUFFIXES),
        )
    _require_zones(path, zones, [s.zone for s in series])
    placed = {s.zone: place(path, s) for s in series}
    return _dataset(path, zones, placed)


def _require_zones(path: Path, zones: Sequence[str], found: Sequence[str]) -> None:
    missing = [zone for zone in zones if zone not in found]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(zones)} zones have no hours in the file",
            file=path,
            field="zone",
            value=", ".join(missing),
            expected="hours for every region of the case",
            fix="add these zones to the file, or take them out of the case with regions.exclude",
        )


def _dataset(path: Path, zones: Sequence[str], placed: dict[str, dict[str, Floats]]) -> xr.Dataset:
    without = {name: [z for z in zones if name not in placed[z]] for name in HOUR_VARIABLES}
    have = [name for name, absent in without.items() if not absent or _may_be_absent(name, absent, zones)]
    zero = np.zeros(len(standard_time()))
    arrays = {n: (("time", "zone"), np.stack([placed[z].get(n, zero) for z in zones], axis=1)) for n in have}
    hours = xr.Dataset(arrays, coords={"time": standard_time(), "zone": list(zones)})
    for name in have:
        unit, meaning = HOUR_VARIABLES[name]
        hours[name].attrs = {"units": unit, "long_name": meaning}
    hours.attrs = {
        "source": path.name,
        "missing_variables": ",".join(name for name in HOUR_VARIABLES if name not in have),
        "zones_without_wind": ",".join(without["wind_cf"]) if "wind_cf" in have else "",
        "zones_without_solar": ",".join(without["solar_cf"]) if "solar_cf" in have else "",
    }
    return hours


def _may_be_absent(name: str, absent: Sequence[str], zones: Sequence[str]) -> bool:
    """Zones without any wind (or sun) count as 0, as they do in generated hours; demand must be whole."""
    return name in ("wind_cf", "solar_cf") and len(absent) < len(zones)


def _read_netcdf(path: Path, zones: Sequence[str]) -> list[ZoneSeries]:
    try:
        with xr.open_dataset(path) as opened:
            dataset = opened.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            "cannot be read as NetCDF", file=path, value=str(error), fix="write it anew, or hand over CSV"
        ) from None
    dataset = _renamed(path, dataset)
    time = dataset["time"].values
    if not np.issubdtype(time.dtype, np.datetime64):
        raise InputError(
            "time is not decoded as dates",
            file=path,
            field="time",
            value=time[:1],
            expected="CF time, like units 'hours since 2024-01-01', standard calendar",
        )
    found = [str(z) for z in dataset["zone"].values]
    doubled = sorted({z for z in found if found.count(z) > 1 and z in set(zones)})
    if doubled:
        raise InputError(
            "zones are listed twice",
            file=path,
            field="zone",
            value=", ".join(doubled),
            expected="each zone once",
        )
    names = [name for name in HOUR_VARIABLES if name in dataset]
    matrices = {n: dataset[n].transpose("time", "zone").values.astype(float) for n in names}
    index = {zone: k for k, zone in enumerate(found)}
    return [
        ZoneSeries(z, time.astype("datetime64[s]"), {n: m[:, index[z]] for n, m in matrices.items()})
        for z in zones
        if z in index
    ]


def _renamed(path: Path, dataset: xr.Dataset) -> xr.Dataset:
    """Rename dims and variables to the names used here and check that they are there."""
    if "zone" not in dataset.dims and "region" in dataset.dims:
        dataset = dataset.rename({"region": "zone"})
    for name in ("time", "zone"):
        if name not in dataset.coords:
            raise InputError(
                f"no coordinate named {name}",
                file=path,
                field=name,
                value=", ".join(str(c) for c in dataset.coords),
                expected="dims and coordinates time and zone (or region)",
            )
    for name, known in _NETCDF_NAMES.items():
        there = next((k for k in known if k in dataset), None)
        if there is None:
            continue
        if set(dataset[there].dims) != {"time", "zone"}:
            raise InputError(
                "has other dimensions than time and zone",
                file=path,
                field=there,
                value=", ".join(str(d) for d in dataset[there].dims),
                expected="time, zone",
            )
        dataset = dataset.rename({there: name}) if there != name else dataset
    if "price" not in dataset:
        raise InputError(
            "no price",
            file=path,
            field="price",
            value=", ".join(str(v) for v in dataset.data_vars),
            expected="a variable named price or lmp [USD/MWh]",
        )
    return dataset
