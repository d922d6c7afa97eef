"""Derive links.csv: the interfaces between zones, their limits and the susceptance of the AC ones.

A zone-to-zone interface is many lines. It is taken as ``n`` equal circuits of its voltage class in
parallel, ``n = limit / rating of one circuit`` (a real number: an interface of 1 MW stands for a thousandth
of a circuit; a whole circuit with a limit of 1 MW would tie the two angles together and block every
parallel path). Then ``susceptance = n V^2 / (x length)`` [MW/rad] with x the reactance per mile.
"""

from __future__ import annotations

import functools
import math

import pandas as pd
from shared_inputs import STRESSES, Row, SharedInputs, number
from table_base_flows import BaseCase, base_case

COLUMNS = (
    "from_zone",
    "to_zone",
    "kind",
    "forward_mw",
    "reverse_mw",
    "voltage_kv",
    "length_miles",
    "susceptance_mw_per_rad",
    *(f"base_flow_{stress}_mw" for stress in STRESSES),
)

# ASSUMPTION (general knowledge of overhead lines): positive-sequence reactance of one circuit [ohm/mile],
# by kV.
REACTANCE_OHM_PER_MILE = {138: 0.77, 161: 0.76, 230: 0.75, 345: 0.60, 500: 0.56, 765: 0.54}
# ASSUMPTION (general knowledge): what one circuit of a voltage class carries over a long distance [MW].
CIRCUIT_MW = {138: 200.0, 161: 250.0, 230: 450.0, 345: 1100.0, 500: 2200.0, 765: 3500.0}
# ASSUMPTION: a missing or very short distance is taken as this [miles], so that no reactance is zero.
MIN_LENGTH_MILES = 30.0


def susceptance(limit_mw: float, voltage_kv: float, length_miles: float) -> float:
    """Return the susceptance [MW/rad] from a limit [MW], a voltage [kV] and a length [miles]."""
    circuits = limit_mw / CIRCUIT_MW[round(voltage_kv)]
    reactance = REACTANCE_OHM_PER_MILE[round(voltage_kv)] * length_miles
    return circuits * voltage_kv**2 / reactance


def link_rows(shared: SharedInputs) -> list[Row]:
    """Return the rows of links.csv, AC interfaces first, then back-to-back ties."""
    rows = _interfaces(shared)
    for row, flow in zip(rows, before_new_load(shared).flow.to_dict("records"), strict=True):
        row |= {f"base_flow_{stress}_mw": number(flow[stress], 0) for stress in STRESSES}
    return rows


@functools.cache
def before_new_load(shared: SharedInputs) -> BaseCase:
    """Return the power flow of the interfaces before there is any new load."""
    numbers = ["forward_mw", "reverse_mw", "susceptance_mw_per_rad"]
    return base_case(shared, pd.DataFrame(_interfaces(shared)).astype(dict.fromkeys(numbers, float)))


def _interfaces(shared: SharedInputs) -> list[Row]:
    """Return the rows up to the susceptance."""
    rows: list[Row] = []
    facts = shared.table("derived/link_facts_z90.csv").sort_values(["type", "from", "to"])
    for _, fact in facts.iterrows():
        alternating = fact["type"] == "AC"
        miles = 0.0
        b = 0.0
        if alternating:
            given = float(fact["ac_miles"])
            miles = MIN_LENGTH_MILES if math.isnan(given) else max(given, MIN_LENGTH_MILES)
            # the larger direction: the smaller one is set by existing flows, not by the strength of the lines
            b = susceptance(max(fact["mw_forward"], fact["mw_reverse"]), fact["ac_kv"], miles)
        rows.append(
            {
                "from_zone": fact["from"],
                "to_zone": fact["to"],
                "kind": "AC" if alternating else "B2B",
                "forward_mw": number(fact["mw_forward"], 1),
                "reverse_mw": number(fact["mw_reverse"], 1),
                "voltage_kv": number(fact["ac_kv"], 0) if alternating else "",
                "length_miles": number(miles, 1) if alternating else "",
                "susceptance_mw_per_rad": number(b, 2),
            }
        )
    _check_connected(rows, shared)
    return rows


def _check_connected(rows: list[Row], shared: SharedInputs) -> None:
    """Stop unless each interconnection is one connected AC network."""
    facts = shared.facts()
    group = {str(zone): str(zone) for zone in facts.index}

    def root(zone: str) -> str:
        while group[zone] != zone:
            zone = group[zone]
        return zone

    for row in rows:
        if row["kind"] == "AC":
            group[root(row["from_zone"])] = root(row["to_zone"])
    for name, members in facts.groupby("interconnect"):
        if len({root(str(zone)) for zone in members.index}) != 1:
            raise SystemExit(f"The {name} interconnection is not connected by AC links.")
    if len({root(zone) for zone in group}) != facts["interconnect"].nunique():
        raise SystemExit("AC links join two interconnections.")
