"""Derive basis.csv: how far the price of every zone is above that of the hub at which forwards of it trade.

Statistics of hourly real-time prices of 2023 and 2024: the mean difference between zone and hub by calendar quarter
and by hours of the day. Only these means are committed.
"""

from __future__ import annotations

import pandas as pd
from shared_inputs import Row, SharedInputs, market_name, number

YEARS = (2023, 2024)
SEASONS = (1, 2, 3, 4)
PEAK_HOURS = range(6, 22)
"""Hours of the day, by the sun, that forwards call peak; the model cuts days in the same way."""
COLUMNS = (
    "zone",
    "hub",
    *(f"peak_q{c}_usd_per_mwh" for c in SEASONS),
    *(f"offpeak_q{c}_usd_per_mwh" for c in SEASONS),
)

HUB_OF_MARKET: dict[str, dict[str, float]] = {
    "ERCOT": {"ERCOT.North": 1.0},
    "MISO": {"MISO.Indiana Hub": 1.0},
    "SPP": {"SPP.South Hub": 1.0},
    "ISO-NE": {"ISONE.Internal Hub": 1.0},
    "PJM": {"PJM.RTO": 1.011},
    "NYISO": {"NYISO.G - Hudson Valley": 1.0},
    "CAISO": {"CAISO.SP-15": 1.0},
}
"""The series that stands for the most traded hub of a market, and a factor on it. PJM Western Hub is given by its
ratio to the RTO of May to July 2025. ASSUMPTION: the choice of the hub where a market has several."""
HUB_OF_ZONE: dict[str, dict[str, float]] = {
    "CA_N": {"CAISO.NP-15": 1.0},
    "NY_W": {"NYISO.A - West": 1.0},
    "NY_NYC": {"NYISO.J - New York City": 1.0},
    "NY_LI": {"NYISO.J - New York City": 1.0},
}
NAMES = {
    "ERCOT.North": "ERCOT North",
    "MISO.Indiana Hub": "MISO Indiana",
    "SPP.South Hub": "SPP South",
    "ISONE.Internal Hub": "ISO-NE Internal",
    "PJM.RTO": "PJM Western",
    "NYISO.G - Hudson Valley": "NYISO Zone G",
    "NYISO.A - West": "NYISO Zone A",
    "NYISO.J - New York City": "NYISO Zone J",
    "CAISO.SP-15": "CAISO SP15",
    "CAISO.NP-15": "CAISO NP15",
}


def _hub(zone: str, market: str, price_hub: str) -> tuple[str, dict[str, float]]:
    """Return the name of a zone's hub and the series, with factors, that its price is made of.

    ASSUMPTION: outside the markets, the observed hub whose pattern the zone takes stands for the hub of its trade
    (Mid-C, Palo Verde, Into Southern), of which no public hourly series was found.
    """
    series = HUB_OF_ZONE.get(zone) or HUB_OF_MARKET.get(market)
    if series is not None:
        return NAMES[next(iter(series))], series
    first, _, rest = price_hub.partition(" 0.5/0.5 ")
    return f"{market} proxy", {first: 0.5, rest: 0.5} if rest else {first: 1.0}


def _means(difference: pd.Series, longitude_deg: float) -> dict[str, str]:
    """Return the mean difference of every calendar quarter, in peak hours and in the others, by the sun."""
    local = difference.index + pd.Timedelta(hours=round(longitude_deg / 15.0))
    peak = local.hour.isin(list(PEAK_HOURS))
    found = {}
    for c in SEASONS:
        now = difference.index.quarter == c
        found[f"peak_q{c}_usd_per_mwh"] = number(float(difference[now & peak].mean()), 2)
        found[f"offpeak_q{c}_usd_per_mwh"] = number(float(difference[now & ~peak].mean()), 2)
    return found


def basis_rows(shared: SharedInputs) -> list[Row]:
    """Return the rows of basis.csv, one for each of the 90 zones."""
    zones = pd.concat([pd.read_parquet(shared.path(f"derived/region_lmp_hourly_{y}_z90.parquet")) for y in YEARS])
    years = [pd.read_parquet(shared.path(f"lmp/rt_lmp_8760_{y}_filled.parquet")) for y in YEARS]
    hubs = pd.concat([year.rename(columns={"PJM.RTO_modelled": "PJM.RTO"}) for year in years])
    if not zones.index.equals(hubs.index):
        raise SystemExit("The hours of zones and of hubs differ: no basis can be taken.")
    rows: list[Row] = []
    for zone, fact in shared.facts().iterrows():
        name, series = _hub(str(zone), market_name(fact["market"]), str(fact["price_hub"]))
        hub = sum(factor * hubs[one].astype(float) for one, factor in series.items())
        rows.append({"zone": str(zone), "hub": name, **_means(zones[zone].astype(float) - hub, float(fact["lon"]))})
    return rows
