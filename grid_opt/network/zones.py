"""Turn the project's own zone tables into a topology, to ask what the zonal network carries at a stress hour."""

from __future__ import annotations

import numpy as np
import pandas as pd

from grid_opt.errors import InputError
from grid_opt.network.elements import (
    Branches,
    Buses,
    Costs,
    DcLines,
    Generators,
    Names,
    Numbers,
    Places,
    Topology,
    text_array,
)

_BASE_MVA = 100.0


Limits = tuple[Numbers, Numbers]
"""What links carry forward and in reverse [MW], in the order of their table."""


def free_limits(links: pd.DataFrame, stress: str, share: float, base_flow_scale: float = 1.0) -> Limits:
    """Return the ``share`` of what base flows at the stress hour leave free on every link, never below zero [MW].

    Base flow in a direction uses its limit up and frees as much in the other.
    """
    base = base_flow_scale * links[f"base_flow_{stress}_mw"].to_numpy(dtype=float)
    forward, reverse = whole_limits(links)
    return share * np.maximum(forward - base, 0.0), share * np.maximum(reverse + base, 0.0)


def whole_limits(links: pd.DataFrame) -> Limits:
    """Return the limits of the links as the table has them [MW]."""
    return links["forward_mw"].to_numpy(dtype=float), links["reverse_mw"].to_numpy(dtype=float)


def zonal_topology(
    zones: pd.DataFrame, links: pd.DataFrame, surplus: pd.DataFrame, limits: Limits, lowered: Numbers | None = None
) -> Topology:
    """Return zones as buses, AC links as branches, converters as DC lines, and surplus as generators of no cost.

    The tables are those of :mod:`grid_opt.inputs.tables`; ``surplus`` has one row per zone, for one year and stress
    hour. Existing load and generation are not in them: flows are those of new load, as in the plan, so ``limits`` are
    what is left for it (:func:`free_limits`), and ``lowered`` [MW] is output that operators lower to relieve links, by
    zone (default: none). The reference of an island is its first zone in the table.

    Errors: InputError when a link names a zone that is not there.
    """
    names = text_array(zones["zone"])
    count = len(names)
    ac = links["kind"].to_numpy() == "AC"
    forward, reverse = limits
    start, end = (_positions(links, column, names) for column in ("from_zone", "to_zone"))
    link = text_array(links["from_zone"] + ">" + links["to_zone"])
    susceptance = links["susceptance_mw_per_rad"].to_numpy(dtype=float)[ac]
    lines, converters, none = int(ac.sum()), int((~ac).sum()), np.full(int(ac.sum()), np.nan)
    spare = surplus.set_index("zone")["surplus_mw"].reindex(names).fillna(0.0).to_numpy(dtype=float)
    return Topology(
        source=str(links.attrs.get("file", "links.csv")),
        base_mva=_BASE_MVA,
        buses=Buses(
            name=names, load_mw=np.maximum(-spare, 0.0), shunt_mw=np.zeros(count), reference=np.ones(count, dtype=bool),
            angle=np.zeros(count), online=np.ones(count, dtype=bool),
            longitude=zones["longitude_deg"].to_numpy(dtype=float),
            latitude=zones["latitude_deg"].to_numpy(dtype=float),
        ),
        branches=Branches(
            name=link[ac], start=start[ac], end=end[ac], r=np.zeros(lines), x=_reactance(susceptance),
            tap=np.ones(lines), shift=np.zeros(lines), forward_mw=forward[ac], reverse_mw=reverse[ac],
            angle_min=none, angle_max=none, online=np.ones(lines, dtype=bool),
        ),
        generators=Generators(
            name=names, bus=np.arange(count), p_min_mw=np.zeros(count) if lowered is None else -lowered,
            p_max_mw=np.maximum(spare, 0.0),
            online=np.ones(count, dtype=bool),
        ),
        generator_costs=Costs.none(count),
        dc_lines=DcLines(
            name=link[~ac], start=start[~ac], end=end[~ac], p_min_mw=-reverse[~ac], p_max_mw=forward[~ac],
            loss_mw=np.zeros(converters), loss_fraction=np.zeros(converters),
            online=np.ones(converters, dtype=bool),
        ),
        dc_costs=Costs.none(converters),
        notes=("limits are what is left of the links for new load, which the surplus of the zones serves",),
    )  # fmt: skip


def _reactance(susceptance: Numbers) -> Numbers:
    """Return x [p.u.]; a susceptance of zero becomes a reactance of zero, which the check of networks refuses."""
    return np.where(susceptance == 0, 0.0, _BASE_MVA / np.where(susceptance == 0, 1.0, susceptance))


def _positions(links: pd.DataFrame, column: str, names: Names) -> Places:
    position = {name: place for place, name in enumerate(names.tolist())}
    for row, zone in enumerate(links[column].tolist()):
        if zone not in position:
            raise InputError(
                f"zone {zone} is not in zones.csv", file=links.attrs.get("file"), row=row + 2, field=column, value=zone,
                expected="a zone of zones.csv",
            )  # fmt: skip
    return np.array([position[zone] for zone in links[column].tolist()], dtype=np.int64)
