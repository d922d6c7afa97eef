"""Derive emissions.csv and emission_shapes.csv: what a MWh of the grid emits, on average and at the margin.

The level of the average is measured, its change projected::

    average(region, year) = eGRID2023(state) * Cambium(area, year) / Cambium(area, 2024)

The marginal level is the mean over the hours of the long-run marginal rate of Cambium, which has 2026, 2028 and 2030:
2030 stands for the later years. What is left for those who hold no certificates, and the carbon-free share, follow::

    residual    = average / (1 - CLAIMED_SHARE)
    carbon free = max(0, 1 - average / fossil),    fossil = emissions per MWh of fossil output of the balancing area

Shapes are means by calendar quarter and hour of the day, UTC, over the mean of the year: average and carbon-free
share from the hourly output by fuel of eight balancing areas in 2022, marginal from the hours of Cambium.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from shared_inputs import Row, SharedInputs, market_name, number

EMISSION_COLUMNS = (
    "region",
    "year",
    "average_kg_per_mwh",
    "marginal_kg_per_mwh",
    "residual_kg_per_mwh",
    "carbon_free_fraction",
)
HOURS = tuple(f"h{hour:02d}" for hour in range(24))
SHAPE_COLUMNS = ("shape", "quantity", "quarter", *HOURS)

YEARS = (2026, 2028, 2030, 2032, 2034)
BASE_YEAR = 2024
MARGINAL_YEARS = (2026, 2028, 2030)
CARBON_FREE = ("WND", "SUN", "WAT", "NUC")
FUELS = (*CARBON_FREE, "OIL", "NG", "COL", "OTH")
QUARTER_DAYS = (90, 91, 92, 92)

# ASSUMPTION: share of all output whose attributes others have claimed; no residual mix is public for the whole country.
CLAIMED_SHARE = 0.05
# ASSUMPTION: where a market has no hourly output by fuel of its own, that of the area most like it stands for it: SPP
# has ERCOT's wind, ISO-NE lies beside NYISO, the Southeast beside SOCO.
BALANCING_AREA = {
    "CAISO": "CISO",
    "ERCOT": "ERCO",
    "ISO-NE": "NYIS",
    "MISO": "MISO",
    "NYISO": "NYIS",
    "NorthernGrid": "BPAT",
    "PJM": "PJM",
    "SERTP": "SOCO",
    "SPP": "ERCO",
    "WestConnect": "AZPS",
}
# The Great Basin and the Rockies are no hydro system: their hours are those of the Southwest.
NOT_HYDRO = {"NV_LV": "AZPS", "NV_N": "AZPS", "UT": "AZPS"}
# Standard time of the areas of Cambium, hours behind UTC. Its hours are local standard time: their dip at noon says so.
HOURS_BEHIND_UTC = {
    **dict.fromkeys(("CAMX", "NWPP"), 8),
    **dict.fromkeys(("AZNM", "RMPA"), 7),
    **dict.fromkeys(("ERCT", "MROE", "MROW", "SPNO", "SPSO", "SRMV", "SRMW", "SRSO", "SRTV"), 6),
    **dict.fromkeys(("FRCC", "NEWE", "NYST", "RFCE", "RFCM", "RFCW", "SRVC"), 5),
}


def balancing_area(region: str, market: str) -> str:
    """Return the balancing area whose hours of output stand for the region."""
    return NOT_HYDRO.get(region, BALANCING_AREA[market])


def output(shared: SharedInputs) -> pd.DataFrame:
    """Return total and carbon-free output [MWh] and emissions [kg] of every hour of 2022, by area and time UTC.

    Hours with a gap in any fuel, or that report no output, are left out.
    """
    frame = pd.read_parquet(shared.path("cf/eia930_2022_fuelmix_ci_by_ba.parquet"))
    frame["time"] = pd.to_datetime(frame["timestamp"])
    frame = frame.dropna(subset=[*FUELS, "avg_CI"])
    fuels = frame[list(FUELS)].clip(lower=0.0)
    found = frame[["ba", "time"]].assign(total=fuels.sum(axis=1), clean=fuels[list(CARBON_FREE)].sum(axis=1))
    found["kg"] = frame["avg_CI"] * found["total"]
    return found[found["total"] > 0]


def fossil_rates(shared: SharedInputs) -> pd.Series:
    """Return what a MWh of fossil output emitted in 2022, by balancing area [kg/MWh]."""
    sums = output(shared).groupby("ba")[["total", "clean", "kg"]].sum()
    rates: pd.Series = sums["kg"] / (sums["total"] - sums["clean"])
    return rates


def _average(shared: SharedInputs) -> pd.DataFrame:
    """Return the average rate by region and year [kg/MWh]."""
    annual = shared.table("emissions/cambium_gea_annual_co2e_kg_per_mwh.csv", index="year")
    regions = shared.candidates()
    trend = {year: annual.loc[year] / annual.loc[BASE_YEAR] for year in YEARS}
    rows = {
        region: {year: fact["egrid2023_state_kg_mwh"] * trend[year][f"{fact['gea']}c"] for year in YEARS}
        for region, fact in regions.iterrows()
    }
    return pd.DataFrame(rows).T


def _marginal_hours(shared: SharedInputs) -> pd.DataFrame:
    """Return the hourly long-run marginal rates, local standard time [kg/MWh]; columns are (year, area)."""
    hours = pd.read_parquet(shared.path("emissions/cambium_gea_hourly_co2e_2024_2030.parquet"))
    hours.columns = pd.MultiIndex.from_tuples([(int(c[:4]), c[5:]) for c in hours.columns])
    return hours


def emission_rows(shared: SharedInputs) -> list[Row]:
    """Return the 200 rows of emissions.csv."""
    average, fossil = _average(shared), fossil_rates(shared)
    marginal = _marginal_hours(shared).mean()
    rows: list[Row] = []
    for region, fact in shared.candidates().iterrows():
        area = balancing_area(str(region), market_name(fact["market"]))
        for year in YEARS:
            level = average.loc[region, year]
            rows.append(
                {
                    "region": str(region),
                    "year": str(year),
                    "average_kg_per_mwh": number(level, 1),
                    "marginal_kg_per_mwh": number(marginal[min(year, MARGINAL_YEARS[-1]), fact["gea"]], 1),
                    "residual_kg_per_mwh": number(level / (1.0 - CLAIMED_SHARE), 1),
                    "carbon_free_fraction": number(max(0.0, 1.0 - level / fossil[area]), 3),
                }
            )
    return rows


def _relative(means: pd.Series) -> dict[int, list[float]]:
    """Return means by (quarter, hour) over their mean of the year, by quarter."""
    table = means.unstack()
    weights = np.array(QUARTER_DAYS, dtype=float)
    yearly = float((table.mean(axis=1).to_numpy() * weights).sum() / weights.sum())
    return {int(quarter): (values / yearly).tolist() for quarter, values in table.iterrows()}


def shape_rows(shared: SharedInputs) -> list[Row]:
    """Return the rows of emission_shapes.csv: shape, quantity, calendar quarter, 24 hours UTC."""
    found: list[tuple[str, str, dict[int, list[float]]]] = []
    for area, hours in output(shared).groupby("ba"):
        by = [hours["time"].dt.quarter, hours["time"].dt.hour]
        sums = hours[["total", "clean", "kg"]].groupby(by).sum()
        found.append((str(area), "average", _relative(sums["kg"] / sums["total"])))
        found.append((str(area), "carbon_free", _relative(sums["clean"] / sums["total"])))
    local = _marginal_hours(shared)[list(MARGINAL_YEARS)]
    start = pd.date_range("2023-01-01", periods=len(local), freq="h")
    for area in sorted(set(local.columns.get_level_values(1))):
        mean = pd.Series(local.xs(area, axis=1, level=1).mean(axis=1).to_numpy(), index=start)
        hour = (start.hour + HOURS_BEHIND_UTC[area]) % 24
        found.append((area, "marginal", _relative(mean.groupby([start.quarter, hour]).mean())))
    return [
        {"shape": shape, "quantity": quantity, "quarter": str(quarter)}
        | {name: number(value, 3) for name, value in zip(HOURS, values, strict=True)}
        for shape, quantity, quarters in found
        for quarter, values in quarters.items()
    ]
