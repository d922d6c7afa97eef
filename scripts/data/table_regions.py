"""Derive regions.csv: what a campus in each candidate region needs to know about climate, cost and charges.

Power usage effectiveness (PUE) of liquid-cooled AI halls, all in one place::

    PUE(quarter)     = 1.10 + 0.006 * CDD(quarter) / days(quarter)
    PUE(summer peak) = 1.10 + 0.005 * max(0, T99 - 18.33) + 0.003 * max(0, W99 - 20)
    PUE(winter peak) = PUE of the first quarter (or the fourth, if larger)

each clipped to 1.05..1.25. CDD are cooling degree-days over 18.33 C [C-day], T99 and W99 the 99th
percentile of dry bulb and wet bulb [C]. The floor and the range are those quoted for new liquid-cooled
sites; the slopes are an ASSUMPTION chosen so that the hottest region (Phoenix) comes near 1.25 at its peak.
Yearly degree-days are the station's, or the state normal where the station is poor; quarters share them as
the station's own hours do.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from shared_inputs import Row, SharedInputs, market_name, number

COLUMNS = (
    "region",
    "capacity_zone",
    "pue_q1",
    "pue_q2",
    "pue_q3",
    "pue_q4",
    "pue_summer_peak",
    "pue_winter_peak",
    "construction_multiplier",
    "site_lead_quarters",
    "loss_fraction",
    "demand_charge_usd_per_kw_month",
    "rider_usd_per_mwh",
    "reserve_obligation_fraction",
)

# The PUE law above. ASSUMPTION: floor and clip from the quoted range 1.1-1.25, slopes by judgment.
PUE_FLOOR, PUE_LOWER, PUE_UPPER = 1.10, 1.05, 1.25
PUE_PER_C_OF_CDD = 0.006
PUE_PER_C_DRY, PUE_PER_C_WET = 0.005, 0.003
CDD_BASE_C, WET_BASE_C = 18.33, 20.0
QUARTER_DAYS = (90, 91, 92, 92)
# ASSUMPTION (general knowledge): the station is poor and there is no fitting state normal: the normal of
# Nevada is that of Las Vegas; Texas, Utah and Wyoming have none. In C-day: Reno, Amarillo to Lubbock, Salt
# Lake City, Cheyenne.
CDD_OVERRIDE = {"NV_N": 450.0, "TX_PAN": 880.0, "UT": 650.0, "WY_E": 180.0}

# ASSUMPTION: quarters from breaking ground to the first energized hall, within the quoted 12-24 months;
# shorter where permits and contractors are quick. The wait for the grid is not in here: it sits in
# headroom.csv.
SITE_LEAD_QUARTERS = {
    "ERCOT": 5,
    "SPP": 5,
    "SERTP": 5,
    "MISO": 6,
    "PJM": 6,
    "WestConnect": 6,
    "NorthernGrid": 6,
    "NYISO": 7,
    "ISO-NE": 7,
    "CAISO": 8,
}
# ASSUMPTION: losses between the pricing hub and a meter at 69-230 kV; longer lines in the West and the
# Plains.
LOSS_FRACTION = {"SPP": 0.03, "WestConnect": 0.03, "NorthernGrid": 0.03}
LOSS_FRACTION_ELSEWHERE = 0.025
# The ERCOT postage stamp of about 65-75 USD/kW-year takes the place of a utility demand charge; middle, per
# month.
ERCOT_DEMAND_CHARGE = 70.0 / 12.0
# ASSUMPTION: energy riders, ancillary services and supplier margin on top of the wholesale price [USD/MWh].
RIDER_USD_PER_MWH = {
    "ERCOT": 2.5,
    "SPP": 2.5,
    "MISO": 3.0,
    "PJM": 3.5,
    "SERTP": 4.0,
    "WestConnect": 4.0,
    "NorthernGrid": 3.5,
    "NYISO": 6.0,
    "ISO-NE": 7.0,
    "CAISO": 8.0,
}
# ASSUMPTION: auction prices are per accredited MW and the PJM obligation in accredited MW is near the peak
# itself. ERCOT has no capacity obligation.
NO_RESERVE_ON_TOP = {"PJM", "ERCOT"}
MISO_SOUTH_STATES = {"AR", "LA", "MS", "TX"}


def capacity_zone(region: str, market: str, state: str) -> str:
    """Return the zone of capacity_prices.csv that a region pays."""
    if market == "PJM":
        return "PJM_DOM" if region == "VA_E" else "PJM"
    if market == "MISO":
        return "MISO_S" if state in MISO_SOUTH_STATES else "MISO_NC"
    return {"ISO-NE": "ISONE"}.get(market, market)


def _quarter_shares(hours: pd.DataFrame) -> pd.DataFrame:
    """Return for each station (columns of ``hours``, dry bulb [C], time index) its CDD share by quarter."""
    daily = hours.groupby([hours.index.year, hours.index.dayofyear]).mean()
    excess = (daily - CDD_BASE_C).clip(lower=0.0)
    year_day = pd.to_datetime([f"{y}-{d}" for y, d in daily.index], format="%Y-%j")
    total = excess.groupby(year_day.quarter).sum()
    return (total / total.sum()).T


def station_shares(shared: SharedInputs) -> pd.DataFrame:
    """Return the CDD share of the four quarters at every station of both temperature sources."""
    city = pd.read_parquet(shared.path("temperature/city_temp_hourly_2013_2016.parquet"))
    city.index = pd.DatetimeIndex(city.index).tz_localize(None)
    typical = pd.read_parquet(shared.path("temperature/epw_drybulb_wetbulb_8760.parquet")).filter(like="|db")
    typical.columns = [name.removesuffix("|db") for name in typical.columns]
    typical.index = pd.date_range("2023-01-01", periods=len(typical), freq="h")
    return pd.concat([_quarter_shares(city.select_dtypes("number")), _quarter_shares(typical)])


def climate(shared: SharedInputs) -> pd.DataFrame:
    """Return for each candidate: yearly CDD [C-day], the CDD of quarters q1..q4 [C-day], T99 and W99 [C]."""
    every, kept = shared.facts(), shared.candidates()
    shares = station_shares(shared)
    mean_share = shares.mean()
    good = every[every["temp_quality"] == "good"]
    slope, offset = np.polyfit(good["cdd18_c"], good["p99_temp_c"], 1)
    rows = {}
    for region, fact in kept.iterrows():
        poor = str(fact["temp_quality"]).startswith("poor")
        normal = CDD_OVERRIDE.get(str(region), fact["cdd18c_state_normal"])
        replaced = poor and not np.isnan(normal)
        cdd = normal if replaced else fact["cdd18_c"]
        # a far station's 99th percentile is as wrong as its degree-days: take the line through the good
        # stations
        dry = offset + slope * cdd if replaced else fact["p99_temp_c"]
        share = shares.loc[fact["temp_city"]] if fact["temp_city"] in shares.index and not replaced else mean_share
        rows[region] = {"cdd": cdd, "dry": dry, "wet": fact["p99_wetbulb_c"]} | {
            f"q{q}": cdd * share[q] for q in (1, 2, 3, 4)
        }
    return pd.DataFrame(rows).T


def _clip(pue: float) -> float:
    return min(PUE_UPPER, max(PUE_LOWER, pue))


def pue_columns(weather: pd.Series) -> dict[str, float]:
    """Return the six PUE columns of one region [1]."""
    quarters = {
        f"pue_q{q}": _clip(PUE_FLOOR + PUE_PER_C_OF_CDD * weather[f"q{q}"] / QUARTER_DAYS[q - 1]) for q in (1, 2, 3, 4)
    }
    dry = max(0.0, weather["dry"] - CDD_BASE_C)
    wet = max(0.0, weather["wet"] - WET_BASE_C)
    summer = _clip(PUE_FLOOR + PUE_PER_C_DRY * dry + PUE_PER_C_WET * wet)
    winter = max(quarters["pue_q1"], quarters["pue_q4"])
    return quarters | {"pue_summer_peak": max(summer, *quarters.values()), "pue_winter_peak": winter}


def region_rows(shared: SharedInputs) -> list[Row]:
    """Return the 40 rows of regions.csv."""
    weather = climate(shared)
    rows: list[Row] = []
    for region, fact in shared.candidates().iterrows():
        market = market_name(fact["market"])
        demand = ERCOT_DEMAND_CHARGE if market == "ERCOT" else fact["demand_charge_usd_kw_mo_lowconf"]
        reserve = 0.0 if market in NO_RESERVE_ON_TOP else fact["prm_nerc_2026"]
        # a data hall is heavy civil and mechanical work (as a gas plant) and electrical work (as storage
        # and solar): the mean of the two regional multipliers
        multiplier = (fact["capex_mult_gas_cc"] + fact["capex_mult_battery_pv"]) / 2
        rows.append(
            {
                "region": str(region),
                "capacity_zone": capacity_zone(str(region), market, fact["state"]),
                **{name: number(pue, 3) for name, pue in pue_columns(weather.loc[region]).items()},
                "construction_multiplier": number(multiplier, 3),
                "site_lead_quarters": str(SITE_LEAD_QUARTERS[market]),
                "loss_fraction": number(LOSS_FRACTION.get(market, LOSS_FRACTION_ELSEWHERE), 3),
                "demand_charge_usd_per_kw_month": number(demand, 2),
                "rider_usd_per_mwh": number(RIDER_USD_PER_MWH[market], 2),
                "reserve_obligation_fraction": number(reserve, 4),
            }
        )
    return rows
