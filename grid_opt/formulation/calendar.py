"""Place every operating hour in a quarter of the horizon, and weigh its money."""

from __future__ import annotations

import math

import xarray as xr

from grid_opt.config import Case
from grid_opt.finance import annuity_present_value, cash_flow_present_value, quarter_discount_factor
from grid_opt.units import QUARTERS_PER_YEAR

SEASONS = (1, 2, 3, 4)


def operating_weights(case: Case) -> xr.DataArray:
    r"""Return the present value of one USD paid in each calendar quarter of each operating year.

    Shape (year, season). A year of the build-out represents itself; the long-run year represents every year
    from the end of the build-out to the end of the horizon, so its weight is
    :math:`D_{a,c} = \sum_{Y \in a} (1 + d)^{-t(Y, c)}`.
    """
    rate, first = case.finance.real_discount_rate, case.years[0]
    values = [
        [
            math.fsum(
                quarter_discount_factor(rate, QUARTERS_PER_YEAR * (calendar - first) + season - 1)
                for calendar in case.represented_years(year)
            )
            for season in SEASONS
        ]
        for year in case.years
    ]
    return xr.DataArray(values, coords={"year": list(case.years), "season": list(SEASONS)}, dims=("year", "season"))


def capital_weights(case: Case, life_years: float) -> xr.DataArray:
    """Return the present value of one USD of overnight cost by the quarter in which the asset enters service.

    Shape (quarter). ``finance.capex_mode`` says how: level payments while the asset serves (``annuity``), or
    spending less residual value (``cash_flow``).
    """
    worth = annuity_present_value if case.finance.capex_mode == "annuity" else cash_flow_present_value
    rate, end = case.finance.real_discount_rate, quarters_to_horizon_end(case)
    values = [worth(rate, life_years, start, end) for start in range(len(case.quarters))]
    return xr.DataArray(values, coords={"quarter": list(case.quarters)}, dims=("quarter",))


def quarters_to_horizon_end(case: Case) -> int:
    """Return the number of quarters from the start of the first quarter to the end of the last represented year."""
    return QUARTERS_PER_YEAR * (case.represented_years(case.years[-1])[-1] - case.years[0] + 1)


def quarter_of_season(case: Case) -> dict[tuple[int, int], str]:
    """Return the quarter whose capacity serves each (year, season): the last quarter in the long-run year."""
    return {(a, c): case.capacity_quarter(a, c) for a in case.years for c in SEASONS}
