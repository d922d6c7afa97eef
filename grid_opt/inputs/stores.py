r"""Turn the rows of batteries into the arrays of the world: what their energy costs, and what of it can be used when.

A battery ages twice over, and either way counts once. **Time** takes :math:`f^T` of the energy installed every year,
used or not. That is no decision, so it is a number: of energy installed in quarter :math:`q'` the share

.. math:: \chi^{E} \, (1 - f^T a), \qquad a \text{ its age in the middle of the calendar quarter, in years}

can be used, with :math:`\chi^E` the share that may be used of new energy. At the end of its life a battery is renewed,
as it is paid for, and its age begins again. The long-run year stands for several: its share is their mean, by present
value.

**Use** takes :math:`f^C` of the energy installed with every full cycle, whatever the size: a MWh discharged takes
:math:`f^C / (\eta^B \chi^E)` MWh. That much is put in again at the price of energy, which makes it a cost by the MWh
discharged (wear) and leaves the energy as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case, quarter_ordinal
from grid_opt.inputs.contracts import SEASONS, Floats
from grid_opt.units import KW_PER_MW, QUARTERS_PER_YEAR


def store_arrays(
    case: Case, world: xr.Dataset, years: Mapping[int, Mapping[int, float]], stores: list[tuple[Any, str]]
) -> dict[str, Any]:
    """Return the arrays of batteries, given as rows of the table with their regions.

    ``years`` has the calendar years of every operating year, with their shares of its present value.
    """
    regions = world["region"].values.tolist()
    multiplier = dict(zip(regions, world["construction_multiplier"].values.tolist(), strict=True))
    return {
        "store_least_hours": [float(row.least_storage_h) for row, _ in stores],
        "store_most_hours": [float(row.most_storage_h) for row, _ in stores],
        "store_left": [left_of(case, row, years) for row, _ in stores],
        "store_cost": [KW_PER_MW * float(row.usd_per_kwh) * multiplier[r] for row, r in stores],
        "store_fixed": [KW_PER_MW * float(row.usd_per_kwh_year) for row, _ in stores],
        "store_accredited_hours": [float(row.accredited_h) for row, _ in stores],
        "store_efficiency": [one_way(row) for row, _ in stores],
        "store_available": [float(row.availability_fraction) for row, _ in stores],
        "store_wear": [float(row.usd_per_mwh) + made_good(row) * multiplier[r] for row, r in stores],
    }


def one_way(row: Any) -> float:
    """Return the share of energy that is left of each way, in and out."""
    return float(np.sqrt(row.round_trip_fraction))


def made_good(row: Any) -> float:
    """Return what it costs to put in again the energy that a MWh discharged takes, before the multiplier [USD/MWh]."""
    taken = float(row.fade_per_cycle) / (one_way(row) * float(row.usable_fraction))
    return taken * KW_PER_MW * float(row.usd_per_kwh)


def left_of(case: Case, row: Any, years: Mapping[int, Mapping[int, float]]) -> Floats:
    """Return the share that can be used of energy installed in every quarter (quarter, year, season); 0 before."""
    installed = np.array([quarter_ordinal(q) for q in case.quarters])
    left = np.zeros((len(installed), len(years), len(SEASONS)))
    for a, (year, mine) in enumerate(years.items()):
        for c, season in enumerate(SEASONS):
            stands = installed <= quarter_ordinal(case.capacity_quarter(year, season))
            shares = sum(w * _share(row, quarter_ordinal(f"{y}Q{season}") - installed) for y, w in mine.items())
            left[:, a, c] = np.where(stands, shares, 0.0)
    return left


def _share(row: Any, quarters: Floats) -> Floats:
    """Return the share that can be used of energy that was installed so many quarters before, in mid-quarter."""
    age = (quarters + 0.5) / QUARTERS_PER_YEAR % float(row.life_years)
    return np.asarray(float(row.usable_fraction) * (1.0 - float(row.fade_per_year) * age))
