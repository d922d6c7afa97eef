"""Derive zones.csv: the 90 network nodes with their load, price level, climate-free facts and profile ids."""

from __future__ import annotations

import pandas as pd
from shared_inputs import STRESSES, Row, SharedInputs, market_name, number
from table_links import before_new_load

COLUMNS = (
    "zone",
    "name",
    "state",
    "market",
    "interconnect",
    "latitude_deg",
    "longitude_deg",
    "peak_mw",
    "load_mean_mw",
    "reserve_margin_fraction",
    "load_growth_fraction",
    "census_division",
    "is_candidate",
    "price_hub",
    "hub_factor",
    "price_level_usd_per_mwh",
    "wind_profile",
    "solar_profile",
    *(f"base_output_{stress}_mw" for stress in STRESSES),
)

# ASSUMPTION: El Paso has no NERC figure in the source; it takes that of its neighbor NM_W (both WECC
# Southwest).
RESERVE_MARGIN_FILL = {"TX_EP": "NM_W"}


def _best_profile(overlap: pd.DataFrame, available: set[str]) -> dict[str, str]:
    """Return for each zone the IPM region with a profile that covers most of its area."""
    kept = overlap[overlap["IPM_Region"].isin(available)]
    order = kept.sort_values(["zone", "share", "IPM_Region"], ascending=[True, False, True])
    best = order.groupby("zone").first()["IPM_Region"]
    return {str(zone): str(region) for zone, region in best.items()}


def zone_rows(shared: SharedInputs) -> list[Row]:
    """Return the 90 rows of zones.csv."""
    facts = shared.facts()
    overlap = shared.table("derived/z90_to_ipm_overlap.csv")
    wind = _best_profile(overlap, set(shared.table("derived/ipm_wind_cf_stats.csv").iloc[:, 0].astype(str)))
    solar = _best_profile(overlap, set(shared.table("derived/ipm_solarpv_cf_stats.csv").iloc[:, 0].astype(str)))
    division = shared.table("tariffs/state_groups.csv", index="st")["cendiv"]
    output = before_new_load(shared).output
    rows: list[Row] = []
    for zone, fact in facts.iterrows():
        margin = facts.loc[RESERVE_MARGIN_FILL.get(str(zone), zone), "prm_nerc_2026"]
        rows.append(
            {
                "zone": str(zone),
                "name": fact["name"],
                "state": fact["state"],
                "market": market_name(fact["market"]),
                "interconnect": fact["interconnect"],
                "latitude_deg": number(fact["lat"], 3),
                "longitude_deg": number(fact["lon"], 3),
                "peak_mw": number(fact["load_peak_mw_2024"], 0),
                "load_mean_mw": number(fact["load_mean_mw_2024"], 0),
                "reserve_margin_fraction": number(margin, 4),
                "load_growth_fraction": number(fact["aeo2026_load_growth_2024_28"], 4),
                "census_division": division[fact["state"]],
                "is_candidate": number(fact["candidate40"], 0),
                "price_hub": fact["price_hub"],
                "hub_factor": number(fact["hub_factor"], 3),
                "price_level_usd_per_mwh": number((fact["lmp_mean_2023"] + fact["lmp_mean_2024"]) / 2, 2),
                "wind_profile": wind.get(str(zone), ""),
                "solar_profile": solar[str(zone)],
                **{f"base_output_{stress}_mw": number(output.loc[zone, stress], 0) for stress in STRESSES},
            }
        )
    return rows
