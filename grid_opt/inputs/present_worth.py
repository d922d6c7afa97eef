"""Say what money of later years is worth at the start of a plan, and what owning something costs until its end."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from grid_opt.config import Case
from grid_opt.units import QUARTERS_PER_YEAR

Floats = NDArray[np.float64]
SEASONS = (1, 2, 3, 4)


def worth_of_hours(case: Case, world: xr.Dataset) -> Floats:
    """Return the present value of one USD paid in each hour of every slice (year, slice) [h]."""
    of_season = money_weights(case)
    season = world["slice_season"].values.astype(int)
    return np.asarray(of_season[:, season - 1] * world["slice_weight"].values)


def money_weights(case: Case) -> Floats:
    """Return the present value of one USD paid in each calendar quarter of every operating year (year, season)."""
    first = case.years[0]

    def worth(year: int, season: int) -> float:
        numbers = [QUARTERS_PER_YEAR * (y - first) + season - 1 for y in case.represented_years(year)]
        return math.fsum(discounted(case, n + 0.5) for n in numbers)

    return np.array([[worth(year, season) for season in SEASONS] for year in case.years])


def discounted(case: Case, quarters: float) -> float:
    """Return the present value of one USD so many quarters after the start of the plan."""
    return float((1.0 + case.finance.real_discount_rate) ** (-quarters / QUARTERS_PER_YEAR))


def capital_weight(case: Case, life_years: float, start: int) -> float:
    """Return the present value of owning an asset of one USD from a quarter to the end of the horizon.

    As level payments, or as purchases at the end of every life, less what is left of the last one in a straight line.
    """
    end = QUARTERS_PER_YEAR * (case.represented_years(case.years[-1])[-1] - case.years[0] + 1)
    life = QUARTERS_PER_YEAR * life_years
    if case.finance.capex_mode == "annuity":
        step = discounted(case, 1)
        repaid = life if step == 1.0 else (1.0 - discounted(case, life)) / (1.0 - step)
        return math.fsum(discounted(case, n + 0.5) for n in range(start, end)) / repaid
    spent, bought = 0.0, start + 0.5
    while bought < end:
        spent, bought = spent + discounted(case, bought), bought + life
    return spent - (bought - end) / life * discounted(case, end)
