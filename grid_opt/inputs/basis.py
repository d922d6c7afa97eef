r"""Tell the price where a campus stands from that of the hub at which forwards trade.

A campus pays the price of its own place in the grid. Markets quote what is bought ahead at a few hubs. What lies
between is the basis: :math:`\pi_{z,a,s} = \pi^{H}_{z,a,s} + b_{z,s}`, with the price :math:`\pi` where load or a
project of zone z stands, that of its hub :math:`\pi^{H}`, and the basis :math:`b` of the calendar quarter and of peak
or other hours.

The hours, generated or given, are prices of zones: they hold the basis as it was measured, :math:`\hat b`
(``basis.csv``). A case widens or narrows it by ``energy.basis_scale``, :math:`\sigma`, the hub staying as it is: with a
zone's own price :math:`\hat\pi`,

.. math:: b = \sigma \hat b, \qquad \pi^{H} = \hat\pi - \hat b, \qquad \pi = \hat\pi + (\sigma - 1)\, \hat b.

``energy.price_scale`` multiplies the basis as it does prices; no outlook does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from grid_opt.config import Case

Floats = NDArray[np.float64]

PEAK_HOURS = range(6, 22)
"""Hours of the day, by the sun, of peak blocks. Representative days have no weekday, so that every day has them."""
DEGREES_PER_HOUR = 15.0


def in_peak(hour: Floats, longitude_deg: float) -> Floats:
    """Return 1 in the hours of the peak block at a longitude, else 0; ``hour`` is that of the day in UTC."""
    local = (hour + round(longitude_deg / DEGREES_PER_HOUR)) % 24
    return np.isin(local, list(PEAK_HOURS)).astype(float)


def measured_basis(table: pd.DataFrame, zones: pd.DataFrame, names: list[str], slices: xr.Dataset) -> Floats:
    """Return the basis of zones as it was measured (zone, slice) [USD/MWh]."""
    rows = table.set_index("zone")
    longitude = dict(zip(zones["zone"], zones["longitude_deg"], strict=True))
    season = slices["slice_season"].values.astype(int)
    hour = slices["slice_hour"].values.astype(float)

    def of(zone: str) -> Floats:
        on, off = (
            rows.loc[zone, [f"{hours}_q{c}_usd_per_mwh" for c in (1, 2, 3, 4)]].to_numpy(dtype=float)[season - 1]
            for hours in ("peak", "offpeak")
        )
        return np.asarray(np.where(in_peak(hour, float(longitude[zone])) > 0, on, off))

    return np.array([of(zone) for zone in names])


def basis_of(case: Case, measured: Floats) -> Floats:
    """Return the basis of a case [USD/MWh]: what was measured, at the scale of prices and of its own."""
    return case.energy.basis_scale * case.energy.price_scale * measured


def at_place(case: Case, own: Floats, measured: Floats) -> Floats:
    """Return the prices where load stands (zone, year, slice), from the zone's own and the basis as measured."""
    return own + (case.energy.basis_scale - 1.0) * case.energy.price_scale * measured[:, None, :]


def hub_price(world: xr.Dataset) -> xr.DataArray:
    """Return the price of the hub of every region (region, year, slice) [USD/MWh]."""
    found: xr.DataArray = (world["price"] - world["basis"]).transpose("region", "year", "slice")
    return found
