"""Scale base-level prices (2023 and 2024) to the operating years by a stated outlook.

With base b = mean of the outlook's values of 2023 and 2024 and v_y its value of year y:

- ``gas``: factor = (v_y / b) ** elasticity with v the price of natural gas for electric power in the
  zone's census division [USD/MMBtu]. The elasticity says by how many percent the power price moves
  when gas moves by one percent.
- ``wholesale``: factor = v_y / b with v the modelled wholesale price of the zone [USD/MWh], clipped
  to 0.5..2, because the model is erratic in single zones and years.
- ``flat``: factor = 1.

An operating year that represents several calendar years gets the mean of their factors.
Tables: ``gas_outlook.csv``, ``wholesale_outlook.csv``; sources in ``data/SOURCES.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.errors import InputError
from grid_opt.inputs.hours_latent import Floats
from grid_opt.inputs.tables import read_table

BASE_YEARS = (2023, 2024)
WHOLESALE_BOUNDS = (0.5, 2.0)


@dataclass(frozen=True)
class _Source:
    """Where an outlook is read: table, its key column, its value column, and the key column of the zones."""

    table: str
    key: str
    value: str
    zone_key: str


_SOURCES = {
    "gas": _Source("gas_outlook", "census_division", "usd_per_mmbtu", "census_division"),
    "wholesale": _Source("wholesale_outlook", "zone", "usd_per_mwh", "zone"),
}
OUTLOOKS: tuple[str, ...] = (*_SOURCES, "flat")


def outlook_factor(
    zones: pd.DataFrame,
    years: Mapping[int, Sequence[int]],
    outlook: str,
    gas_elasticity: float = 0.6,
    data_dir: Path | None = None,
) -> xr.DataArray:
    """Return the factor [1] by which base prices are multiplied; dims (zone, year).

    ``zones`` has columns zone and census_division; ``years`` maps each operating year to the calendar
    years it represents, e.g. ``{2028: (2028,), 2029: range(2029, 2036)}``; ``gas_elasticity`` [1]
    counts for ``gas`` only. Raises InputError for an unknown outlook, and for a zone, division or
    year that the table lacks.
    """
    if outlook not in OUTLOOKS:
        raise InputError("unknown outlook", field="energy.outlook", value=outlook, expected=", ".join(OUTLOOKS))
    names = zones["zone"].astype(str).tolist()
    factor = np.ones((len(names), len(years)))
    if outlook != "flat":
        source = _SOURCES[outlook]
        keys = zones[source.zone_key].astype(str).tolist()
        values = _values(source, data_dir)
        for row, (zone, key) in enumerate(zip(names, keys, strict=True)):
            base = sum(_value(values, source, zone, key, year) for year in BASE_YEARS) / len(BASE_YEARS)
            for column, calendar_years in enumerate(years.values()):
                ratios = np.array([_value(values, source, zone, key, y) for y in calendar_years]) / base
                factor[row, column] = _shaped(ratios, outlook, gas_elasticity).mean()
    return xr.DataArray(
        factor,
        dims=("zone", "year"),
        coords={"zone": names, "year": [int(y) for y in years]},
        name="price_factor",
        attrs={
            "units": "1",
            "long_name": f"price relative to the mean of {BASE_YEARS[0]} and {BASE_YEARS[1]}",
            "outlook": outlook,
        },
    )


def _shaped(ratios: Floats, outlook: str, gas_elasticity: float) -> Floats:
    shaped = ratios**gas_elasticity if outlook == "gas" else np.clip(ratios, *WHOLESALE_BOUNDS)
    return np.asarray(shaped, dtype=float)


def _values(source: _Source, data_dir: Path | None) -> dict[tuple[str, int], float]:
    table = read_table(source.table, data_dir)
    rows = zip(table[source.key], table["year"], table[source.value], strict=True)
    return {(str(key), int(year)): float(value) for key, year, value in rows}


def _value(values: dict[tuple[str, int], float], source: _Source, zone: str, key: str, year: int) -> float:
    value = values.get((key, int(year)))
    if value is None or not np.isfinite(value) or value <= 0:
        raise InputError(
            f"no positive outlook value for zone {zone} in {year}",
            file=f"{source.table}.csv",
            row=f"of {key} and {year}",
            field=source.value,
            value=value,
            expected="one positive number for each year",
            fix="lower horizon.long_run_until_year, or use energy.outlook = 'flat'",
        )
    return value
