"""Derive capacity_prices.csv, gas_outlook.csv and wholesale_outlook.csv."""

from __future__ import annotations

import pandas as pd
from shared_inputs import Row, SharedInputs, number

CAPACITY_COLUMNS = ("capacity_zone", "delivery_year", "usd_per_mw_day")
GAS_COLUMNS = ("census_division", "year", "usd_per_mmbtu")
WHOLESALE_COLUMNS = ("zone", "year", "usd_per_mwh")
DELIVERY_YEARS = ("2025/26", "2026/27", "2027/28", "2028/29")
YEARS = tuple(range(2023, 2036))
DAYS_PER_MONTH = 365 / 12


def _per_day(usd_per_kw_month: float) -> float:
    """Convert a capacity price from USD/kW-month to USD/MW-day."""
    return usd_per_kw_month * 1000 / DAYS_PER_MONTH


# Typed from published auction results; what is not published is an ASSUMPTION, marked on its line.
CAPACITY_USD_PER_MW_DAY: dict[str, tuple[float, float, float, float]] = {
    # PJM base residual auctions: RTO; in 2026/27 and 2027/28 at the cap everywhere.
    "PJM": (269.92, 329.17, 333.44, 325.0),
    "PJM_DOM": (444.26, 329.17, 333.44, 325.0),
    # MISO 2025/26 annualized, unverified (only the summer price of 666.50 is cited). ASSUMPTION: later
    # years the same.
    "MISO_NC": (217.0, 217.0, 217.0, 217.0),
    "MISO_S": (212.0, 212.0, 212.0, 212.0),
    # ISO-NE: 2.59 USD/kW-month for 2026/27, 3.58 for 2027/28. ASSUMPTION: 2025/26 as 2026/27, 2028/29 as
    # 2027/28.
    "ISONE": (_per_day(2.59), _per_day(2.59), _per_day(3.58), _per_day(3.58)),
    # ASSUMPTION: upstate New York near 4 USD/kW-month; no results were found.
    "NYISO": (_per_day(4.0),) * 4,
    # ASSUMPTION: California resource adequacy near 7 USD/kW-month, falling as storage is built.
    "CAISO": (_per_day(8.0), _per_day(7.0), _per_day(6.5), _per_day(6.0)),
    # ASSUMPTION: bilateral capacity where there is no auction; between a depreciated plant and a new one.
    "SPP": (90.0, 100.0, 110.0, 120.0),
    "SERTP": (110.0, 120.0, 130.0, 140.0),
    "WestConnect": (150.0, 150.0, 150.0, 150.0),
    "NorthernGrid": (150.0, 150.0, 150.0, 150.0),
    # No capacity market.
    "ERCOT": (0.0, 0.0, 0.0, 0.0),
}


def capacity_rows(_shared: SharedInputs) -> list[Row]:
    """Return the rows of capacity_prices.csv."""
    return [
        {"capacity_zone": zone, "delivery_year": year, "usd_per_mw_day": number(price, 2)}
        for zone, prices in CAPACITY_USD_PER_MW_DAY.items()
        for year, price in zip(DELIVERY_YEARS, prices, strict=True)
    ]


def gas_rows(shared: SharedInputs) -> list[Row]:
    """Return the rows of gas_outlook.csv: gas for power plants by census division [2025 USD/MMBtu]."""
    gas = shared.table("tariffs/ng_AEO_2026_baseline.csv", index="year")
    return [
        {"census_division": division, "year": str(year), "usd_per_mmbtu": number(gas.loc[year, division], 3)}
        for division in sorted(gas.columns)
        for year in YEARS
    ]


def wholesale_by_zone(shared: SharedInputs) -> pd.DataFrame:
    """Return the smoothed wholesale price [USD/MWh], rows zones, columns years.

    Balancing areas are averaged to zones by population; single years are erratic, so each year is the mean
    of itself and its two neighbors.
    """
    county = shared.table("geometry/county_zone_crosswalk.csv")
    weight = county.groupby(["z90", "z134"])["population"].sum()
    area = shared.table("tariffs/dgen_atb23_mid_wholesale_by_ba.csv", index="ba")
    area.columns = [int(year) for year in area.columns]
    smooth = area.T.rolling(3, center=True).mean().T[list(YEARS)] * 1000.0
    zones = {}
    for zone, share in weight.groupby(level="z90"):
        by_area = share.droplevel("z90")
        zones[zone] = smooth.loc[by_area.index].mul(by_area, axis=0).sum() / by_area.sum()
    return pd.DataFrame(zones).T.sort_index()


def wholesale_rows(shared: SharedInputs) -> list[Row]:
    """Return the rows of wholesale_outlook.csv."""
    price = wholesale_by_zone(shared)
    missing = set(shared.facts().index) - set(price.index)
    if missing:
        raise SystemExit(f"No wholesale outlook for the zones {sorted(missing)}.")
    return [
        {"zone": str(zone), "year": str(year), "usd_per_mwh": number(price.loc[zone, year], 2)}
        for zone in price.index
        for year in YEARS
    ]
