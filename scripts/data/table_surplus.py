"""Derive surplus.csv: what each zone can spare at its summer and winter stress hour, by year.

::

    capacity(y, k) = peak * (1 + margin) * (1 + excess - retired * (y - 2024)) * (1 - derate(k))
                     + sum over technologies of queue(y) * built * accredited(k)
    need(y, k)     = peak * season(k) * (1 + margin) * (1 + (growth + large loads) * (y - 2024) / 4)
    surplus        = share for one customer * max(0, capacity - need)

``peak`` is the zone's 2024 peak load, ``margin`` its planning reserve, ``growth`` the AEO growth from 2024
to 2028, ``season`` the peak of the season relative to the year. A zone is taken to have held its margin in
2024, with its base imports, which run inside the part of the link limits that a case keeps for existing
flows.
"""

from __future__ import annotations

import pandas as pd
from shared_inputs import MONTHS, STRESSES, Row, SharedInputs, market_name, number
from table_zones import RESERVE_MARGIN_FILL

COLUMNS = ("zone", "year", "stress", "surplus_mw")
YEARS = (2026, 2027, 2028)

# ASSUMPTION: accredited capacity above the reserve requirement in 2024, by market (least in PJM, whose
# auctions clear short).
EXCESS_2024 = {
    "PJM": 0.015,
    "MISO": 0.025,
    "ERCOT": 0.060,
    "SPP": 0.035,
    "SERTP": 0.045,
    "NYISO": 0.030,
    "ISO-NE": 0.060,
    "CAISO": 0.050,
    "WestConnect": 0.040,
    "NorthernGrid": 0.035,
    "FRCC": 0.050,
}
# ASSUMPTION: capacity that retires every year, as a share of what is needed.
RETIRED_PER_YEAR = 0.004
# ASSUMPTION: growth from 2024 to 2028 by large loads other than ours, on top of AEO, as a share of the 2024
# peak.
OTHER_LARGE_LOADS = {
    "PJM": 0.060,
    "ERCOT": 0.080,
    "SERTP": 0.050,
    "MISO": 0.035,
    "SPP": 0.035,
    "WestConnect": 0.050,
    "NorthernGrid": 0.040,
    "NYISO": 0.020,
    "ISO-NE": 0.010,
    "CAISO": 0.020,
    "FRCC": 0.015,
}
# ASSUMPTION: Northern Virginia, Columbus and Chicago take more of them than the rest of PJM.
OTHER_LARGE_LOADS_ZONE = {
    "VA_E": 0.16,
    "OH_S": 0.10,
    "IL_PJM": 0.08,
    "TX_N": 0.10,
    "GA_N": 0.09,
    "AZ_S": 0.08,
}
# ASSUMPTION: the share of the queue's deployment limit that is built in time.
BUILT = {
    "gas": 0.35,
    "pv": 0.25,
    "wind-ons": 0.25,
    "wind-ofs": 0.10,
    "battery": 0.25,
    "nuclear": 0.30,
    "hydro": 0.30,
}
# ASSUMPTION: the share of nameplate that counts at the stress hour (evening in summer, morning in winter).
ACCREDITED = {
    "summer": {
        "gas": 0.85,
        "pv": 0.15,
        "wind-ons": 0.15,
        "wind-ofs": 0.30,
        "battery": 0.50,
        "nuclear": 0.95,
        "hydro": 0.60,
    },
    "winter": {
        "gas": 0.75,
        "pv": 0.02,
        "wind-ons": 0.25,
        "wind-ofs": 0.45,
        "battery": 0.40,
        "nuclear": 0.95,
        "hydro": 0.50,
    },
}
# ASSUMPTION: what is left after growth, reserves and the large loads above is wanted by others too; this
# customer's part.
SHARE_FOR_ONE_CUSTOMER = 0.20
# ASSUMPTION: share of the fleet lost at the winter stress hour to cold, fuel limits and dark hours.
DERATE = {"summer": 0.0, "winter": 0.08}
# ASSUMPTION: a cold snap lifts the winter peak above the month-by-hour mean that the load shape carries,
# relative to what a heat wave does in summer; never above the yearly peak unless the shape itself peaks in
# winter.
WINTER_UPLIFT = 1.10


def season_ratios(shared: SharedInputs) -> pd.DataFrame:
    """Return each zone's seasonal peak as a share of its yearly peak [1], columns summer and winter."""
    shape = shared.table("derived/z90_month_hour_load_shape.csv")
    highest = shape.set_index(["id", "month"]).max(axis=1).unstack("month")
    yearly = highest.max(axis=1)
    summer = highest[list(MONTHS["summer"])].max(axis=1) / yearly
    winter = highest[list(MONTHS["winter"])].max(axis=1) / yearly
    lifted = (winter * WINTER_UPLIFT).clip(upper=1.0)
    return pd.DataFrame({"summer": summer, "winter": lifted})


def queue_mw(shared: SharedInputs) -> pd.DataFrame:
    """Return the cumulative queue [MW], rows (zone, technology), columns the years as text."""
    return shared.table("queue/reeds_interconnection_queue_mw_z90.csv").set_index(["z90", "tg"])


def surplus_rows(shared: SharedInputs) -> list[Row]:
    """Return the 540 rows of surplus.csv."""
    facts, season, queue = shared.facts(), season_ratios(shared), queue_mw(shared)
    rows: list[Row] = []
    for zone, fact in facts.iterrows():
        market = market_name(fact["market"])
        margin = facts.loc[RESERVE_MARGIN_FILL.get(str(zone), zone), "prm_nerc_2026"]
        firm_peak = fact["load_peak_mw_2024"] * (1 + margin)
        growth = fact["aeo2026_load_growth_2024_28"] + OTHER_LARGE_LOADS_ZONE.get(str(zone), OTHER_LARGE_LOADS[market])
        for year in YEARS:
            for stress in STRESSES:
                fleet = 1 + EXCESS_2024[market] - RETIRED_PER_YEAR * (year - 2024)
                added = sum(
                    queue.loc[(zone, tech), str(year)] * BUILT[tech] * share
                    for tech, share in ACCREDITED[stress].items()
                    if (zone, tech) in queue.index
                )
                capacity = firm_peak * fleet * (1 - DERATE[stress]) + added
                need = firm_peak * season.loc[zone, stress] * (1 + growth * (year - 2024) / 4)
                rows.append(
                    {
                        "zone": str(zone),
                        "year": str(year),
                        "stress": stress,
                        "surplus_mw": number(SHARE_FOR_ONE_CUSTOMER * max(0.0, capacity - need), 1),
                    }
                )
    return rows
