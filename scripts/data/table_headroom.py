"""Derive headroom.csv: facility MW that the grid will connect for this one customer, by region and quarter.

One open rule for all regions (no public table of large-load headroom exists)::

    early(r, q) = clip(0.10 % of zone peak, 3, 30 MW) * ramp(q)        powered shells and leases, 40 % to
    100 % in 2026 date(r)     = 2024Q1 + lead_time_years(r)                          a position in the queue
    already held firm(r, q)  = (4 MW + 0.07 % of zone peak) * quarters since date   from the date on, the
    date itself counted headroom    = early + firm

and in ERCOT no more than 74 MW in one region before 2028Q1: from 75 MW a load waits for the batch study.
Every constant is an ASSUMPTION; they are set so that the bundled tranche schedule can be met, but not by a
few regions alone.
"""

from __future__ import annotations

from shared_inputs import Row, SharedInputs, market_name, number

COLUMNS = ("region", "quarter", "headroom_mw")
QUARTERS = tuple(f"{year}Q{q}" for year in (2026, 2027, 2028) for q in (1, 2, 3, 4))

# ASSUMPTION: capacity that one customer can lease in finished or powered shells, as a share of the zone's
# peak load.
EARLY_SHARE_OF_PEAK, EARLY_MIN_MW, EARLY_MAX_MW = 0.0010, 3.0, 30.0
# ASSUMPTION: how much of it is free in the first quarters; all of it from 2026Q4.
EARLY_RAMP = {"2026Q1": 0.4, "2026Q2": 0.7, "2026Q3": 0.85}
# ASSUMPTION: the customer (or the land owner it buys from) asked for service in this quarter.
REQUEST = "2024Q1"
# ASSUMPTION: what this customer gets every quarter after its date: a fixed block and a share of the zone's
# peak load.
FIRM_BLOCK_MW, FIRM_SHARE_OF_PEAK = 4.0, 0.0007
# 75 MW and more need the ERCOT batch study, whose quoted study years start in 2028.
ERCOT_CAP_MW, ERCOT_CAP_BEFORE = 74.0, "2028Q1"


def quarter_number(quarter: str) -> int:
    """Return a running number of a quarter such as "2026Q1"."""
    year, season = quarter.split("Q")
    return 4 * int(year) + int(season) - 1


def headroom_mw(peak_mw: float, lead_years: float, market: str, quarter: str) -> float:
    """Return the headroom [MW] of a region by the rule of this module."""
    early = min(max(EARLY_SHARE_OF_PEAK * peak_mw, EARLY_MIN_MW), EARLY_MAX_MW) * EARLY_RAMP.get(quarter, 1.0)
    date = quarter_number(REQUEST) + round(4 * lead_years)
    served = max(0, quarter_number(quarter) - date + 1)
    total = early + served * (FIRM_BLOCK_MW + FIRM_SHARE_OF_PEAK * peak_mw)
    return min(total, ERCOT_CAP_MW) if market == "ERCOT" and quarter < ERCOT_CAP_BEFORE else total


def headroom_rows(shared: SharedInputs) -> list[Row]:
    """Return the 480 rows of headroom.csv."""
    return [
        {
            "region": str(region),
            "quarter": quarter,
            "headroom_mw": number(
                headroom_mw(fact["load_peak_mw_2024"], fact["lead_time_years"], market_name(fact["market"]), quarter),
                1,
            ),
        }
        for region, fact in shared.candidates().iterrows()
        for quarter in QUARTERS
    ]
