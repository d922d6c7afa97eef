"""Derive headroom.csv: facility MW that the grid will connect for this one customer, by region and quarter.

One open rule for all regions (no public table of large-load headroom exists)::

    date(r)     = 2024Q1 + lead_time_years(r)                             a position in the queue already held
    headroom    = (4 MW + 0.07 % of zone peak) * quarters since date      from the date on, the date itself counted

What can be had earlier, below a threshold or on other terms is in offers.csv. Every constant is an ASSUMPTION; they
are set so that the bundled tranche schedule can be met, but not by a few regions alone.
"""

from __future__ import annotations

from shared_inputs import Row, SharedInputs, number

COLUMNS = ("region", "quarter", "headroom_mw")
QUARTERS = tuple(f"{year}Q{q}" for year in (2026, 2027, 2028) for q in (1, 2, 3, 4))

# ASSUMPTION: the customer (or the land owner it buys from) asked for service in this quarter.
REQUEST = "2024Q1"
# ASSUMPTION: what this customer gets every quarter after its date: a fixed block and a share of the zone's
# peak load.
FIRM_BLOCK_MW, FIRM_SHARE_OF_PEAK = 4.0, 0.0007


def quarter_number(quarter: str) -> int:
    """Return a running number of a quarter such as "2026Q1"."""
    year, season = quarter.split("Q")
    return 4 * int(year) + int(season) - 1


def headroom_mw(peak_mw: float, lead_years: float, quarter: str) -> float:
    """Return the headroom [MW] of a region by the rule of this module."""
    date = quarter_number(REQUEST) + round(4 * lead_years)
    served = max(0, quarter_number(quarter) - date + 1)
    return served * (FIRM_BLOCK_MW + FIRM_SHARE_OF_PEAK * peak_mw)


def headroom_rows(shared: SharedInputs) -> list[Row]:
    """Return the 480 rows of headroom.csv."""
    return [
        {
            "region": str(region),
            "quarter": quarter,
            "headroom_mw": number(headroom_mw(fact["load_peak_mw_2024"], fact["lead_time_years"], quarter), 1),
        }
        for region, fact in shared.candidates().iterrows()
        for quarter in QUARTERS
    ]
