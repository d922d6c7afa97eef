"""Look up, once more, how far the prices of zones are above those of their hubs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grid_opt.verify.check import Excess, check
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.made_again import SAME_NUMBER

Values = npt.NDArray[np.float64]


def in_peak(e: Evidence, zone: str) -> Values:
    """Return 1 from 06 to 22 h by the sun of the zone, every 15 degrees an hour."""
    shift = round(float(e.tables.row("zones", zone=zone)["longitude_deg"]) / 15.0)
    local = [(int(hour) + shift) % 24 for hour in e["slice_hour"].values]
    return np.array([float(6 <= hour < 22) for hour in local])


def basis(e: Evidence, zone: str) -> Values:
    """Look up the basis of a zone slice by slice, at the scales of the case [USD/MWh]."""
    row, energy = e.tables.row("basis", zone=zone), e.case.energy
    names = [
        f"{'peak' if on else 'offpeak'}_q{int(season)}_usd_per_mwh"
        for on, season in zip(in_peak(e, zone), e["slice_season"].values, strict=True)
    ]
    return np.array([float(row[name]) * energy.price_scale * energy.basis_scale for name in names])


@check("tables.basis", "`basis` is that of the table, at the scales of the case.", "USD/MWh",
       when=lambda e: not e.case.is_nodal)  # fmt: skip
def region_basis(e: Evidence) -> Excess:
    """Look up the basis of every region in every slice."""
    found = e["basis"]
    again = found.copy(data=np.array([basis(e, str(region)) for region in e.labels("region")]))
    return Excess(abs(found - again), SAME_NUMBER * abs(again).clip(min=1.0))
