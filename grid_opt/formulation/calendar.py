"""Place every operating hour in a quarter of the horizon, and weigh its money."""

from __future__ import annotations

import math

import xarray as xr

from grid_opt.config import Case
from grid_opt.finance import (
    annuity_present_value,
    cash_flow_present_value,
    falling_annuity,
    falling_cash_flow,
    quarter_discount_factor,
    quarterly_payment,
)
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


def standing_weights(case: Case) -> xr.DataArray:
    """Return the present value of one USD a quarter for as long as the capacity of each quarter runs.

    Shape (quarter). The capacity of a quarter runs in it; that of the last one also in every quarter of the long run.
    """
    weights, quarters = operating_weights(case), list(case.quarters)
    values = dict.fromkeys(quarters, 0.0)
    for (year, season), quarter in quarter_of_season(case).items():
        values[quarter] += float(weights.sel(year=year, season=season))
    return xr.DataArray(list(values.values()), coords={"quarter": quarters}, dims=("quarter",))


def system_weights(case: Case, life_quarters: int, decline: float) -> xr.DataArray:
    """Return the present value of one USD of a system's first price by the quarter in which it enters service.

    Shape (quarter). A system whose life ends within the build-out serves its life and is gone; one that outlives it
    is renewed by its like at the fallen price to the end of the horizon.
    """
    worth = falling_annuity if case.finance.capex_mode == "annuity" else falling_cash_flow
    rate, horizon, built = case.finance.real_discount_rate, quarters_to_horizon_end(case), len(case.quarters)
    ends = [start + life_quarters if start + life_quarters <= built else horizon for start in range(built)]
    values = [worth(rate, life_quarters, decline, start, min(end, horizon)) for start, end in enumerate(ends)]
    return xr.DataArray(values, coords={"quarter": list(case.quarters)}, dims=("quarter",))


def waiting_cost(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return what one system that waits through a quarter for its hall costs [USD, present value].

    Shape (accelerator, quarter): its level payment, and the fall of its price until the next quarter.
    """
    rate = case.finance.real_discount_rate
    payment = xr.DataArray(
        [quarterly_payment(rate, float(life) / QUARTERS_PER_YEAR) for life in world["system_life"].values],
        coords={"accelerator": world["accelerator"].values},
        dims=("accelerator",),
    )
    fall = 1.0 - (1.0 - world["system_decline"]) ** (1.0 / QUARTERS_PER_YEAR)
    discount = xr.DataArray(
        [quarter_discount_factor(rate, q) for q in range(len(case.quarters))],
        coords={"quarter": list(case.quarters)},
        dims=("quarter",),
    )
    return world["system_price"] * (payment + fall) * discount
