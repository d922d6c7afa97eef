"""Derive environment.csv: whose hours of emissions a region has, how often it is warm, and how scarce water is.

How much of a quarter is warm enough for cooling to use water follows from its cooling degree-days::

    warm(quarter) = min(1, LINEAR * d + SQUARE * d^2),    d = CDD(quarter) / days(quarter)

with the two coefficients fitted, without intercept, to the hours above WARM_C at the stations whose hours are at hand.
The degree-days are those behind the power usage effectiveness of regions.csv, so that heat and water agree.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from shared_inputs import Row, SharedInputs, market_name, number
from table_carbon import balancing_area
from table_regions import CDD_BASE_C, QUARTER_DAYS, climate

COLUMNS = (
    "region",
    "average_shape",
    "marginal_shape",
    "warm_q1",
    "warm_q2",
    "warm_q3",
    "warm_q4",
    "water_stress",
)

WARM_C = 21.0
"""ASSUMPTION: dry bulb above which coolers are wetted [C]."""


def _by_quarter(hours: pd.DataFrame) -> pd.DataFrame:
    """Return CDD per day and the share of warm hours, by (station, quarter), from dry-bulb hours [C]."""
    daily = (hours.resample("D").mean() - CDD_BASE_C).clip(lower=0.0)
    heat = daily.groupby(daily.index.quarter).mean().T.stack()
    warm = (hours > WARM_C).groupby(hours.index.quarter).mean().T.stack()
    return pd.DataFrame({"cdd_per_day": heat, "warm": warm})


def warm_law(shared: SharedInputs) -> tuple[float, float, float]:
    """Return the linear and the square coefficient, and the share of variance that they explain."""
    city = pd.read_parquet(shared.path("temperature/city_temp_hourly_2013_2016.parquet"))
    city.index = pd.DatetimeIndex(city.index).tz_localize(None)
    typical = pd.read_parquet(shared.path("temperature/epw_drybulb_wetbulb_8760.parquet")).filter(like="|db")
    typical.index = pd.date_range("2023-01-01", periods=len(typical), freq="h")
    points = pd.concat([_by_quarter(city.select_dtypes("number")), _by_quarter(typical)])
    heat, warm = points["cdd_per_day"].to_numpy(), points["warm"].to_numpy()
    powers = np.stack([heat, heat**2], axis=1)
    linear, square = np.linalg.lstsq(powers, warm, rcond=None)[0].tolist()
    left = warm - np.clip(powers @ np.array([linear, square]), 0.0, 1.0)
    return linear, square, 1.0 - float((left**2).sum() / ((warm - warm.mean()) ** 2).sum())


def environment_rows(shared: SharedInputs) -> list[Row]:
    """Return the 40 rows of environment.csv."""
    weather = climate(shared)
    linear, square, _ = warm_law(shared)
    top = -linear / (2 * square) if square < 0 else np.inf
    rows: list[Row] = []
    for region, fact in shared.candidates().iterrows():
        heat = [min(top, weather.loc[region, f"q{q}"] / QUARTER_DAYS[q - 1]) for q in (1, 2, 3, 4)]
        rows.append(
            {
                "region": str(region),
                "average_shape": balancing_area(str(region), market_name(fact["market"])),
                "marginal_shape": str(fact["gea"]),
                **{f"warm_q{q}": number(min(1.0, linear * d + square * d**2), 3) for q, d in enumerate(heat, start=1)},
                "water_stress": number(fact["wri2019_stress_1to5"], 0),
            }
        )
    return rows
