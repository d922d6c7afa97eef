r"""Derive the power flow before there is any new load: ``base_flow`` of links.csv and ``base_output`` of zones.csv.

At the hour of each interconnection's largest load of 2024 in summer (June to September) and in winter (December to
February), the DC optimal power flow of the 90 zones::

    minimize    sum over zones and technologies of (c0 p + (c1 - c0) p^2 / (2 P))
    subject to  sum of p in the zone - load = flows out; 0 <= p <= P = capacity * available(k);
                AC flows follow angles; flows within the limits of links.csv

Within a technology the first MW costs ``c0`` and the last ``c1`` [USD/MWh]. Capacity is that of the plants of the
synthetic network of the United States (the fleet of about 2020 with its places), each counted in the zone whose
outline it lies in. Where an interconnection has less than its load and an operating reserve, what was built since is
spread over its zones by load: it changes the balance of no zone against another. Flows outside the United States,
and what the years from 2024 on change, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from shared_inputs import DATA, MONTHS, STRESSES, SharedInputs

from grid_opt.network.elements import Costs, Generators, text_array
from grid_opt.network.zones import whole_limits, zonal_topology
from grid_opt.solve.opf import solve_opf

# ASSUMPTION: the share of nameplate at the stress hour (evening in summer, morning in winter). Coal is that of about
# 2020 of which 62 % is left; the rest is as in table_surplus.py.
AVAILABLE = {
    "summer": {
        "ng": 0.85, "coal": 0.53, "nuclear": 0.95, "hydro": 0.60, "wind": 0.15, "wind_offshore": 0.30, "solar": 0.15,
        "dfo": 0.80, "geothermal": 0.90, "other": 0.60,
    },
    "winter": {
        "ng": 0.75, "coal": 0.50, "nuclear": 0.95, "hydro": 0.50, "wind": 0.25, "wind_offshore": 0.45, "solar": 0.02,
        "dfo": 0.70, "geothermal": 0.90, "other": 0.60,
    },
}  # fmt: skip
# ASSUMPTION (general knowledge): what the first and the last MW of a technology in a zone cost [USD/MWh].
COST = {
    "ng": (22.0, 38.0), "coal": (24.0, 34.0), "nuclear": (8.0, 8.0), "hydro": (3.0, 3.0), "wind": (0.0, 0.0),
    "wind_offshore": (0.0, 0.0), "solar": (0.0, 0.0), "dfo": (150.0, 250.0), "geothermal": (5.0, 5.0),
    "other": (25.0, 40.0), "built since": (20.0, 45.0), "not served": (2000.0, 2000.0),
}  # fmt: skip
# ASSUMPTION: what an interconnection keeps ready beyond its load.
OPERATING_RESERVE = 0.03
_NOTHING_MW = 1.0
# Technologies whose output an operator can lower at will; "built since" is mostly solar and wind and is left out.
DISPATCHABLE = ("ng", "coal", "hydro", "dfo", "other")


@dataclass(frozen=True)
class Stress:
    """Load and available generation of the zones at one stress hour [MW]; rows in the order of ``zones``."""

    load: pd.Series
    available: pd.DataFrame


def capacity_mw(shared: SharedInputs) -> pd.DataFrame:
    """Return the plants' capacity [MW] by zone and technology."""
    bus = pd.read_parquet(shared.path("network/tamu_bus.parquet")).set_index("bus_id")[["lat", "lon"]]
    plants = pd.read_parquet(shared.path("network/tamu_plant.parquet")).join(bus, on="bus_id")
    places = gpd.GeoDataFrame(plants, geometry=gpd.points_from_xy(plants["lon"], plants["lat"]), crs="EPSG:4326")
    outlines = gpd.read_file(DATA / "zones.geojson")[["zone", "geometry"]]
    # The nearest zone takes plants on the coast and at sea; inside an outline the distance is zero.
    found = gpd.sjoin_nearest(places.to_crs("EPSG:5070"), outlines.to_crs("EPSG:5070"))
    found = found[~found.index.duplicated()]
    table = found.pivot_table(index="zone", columns="type", values="Pmax", aggfunc="sum")
    return table.reindex(sorted(outlines["zone"])).fillna(0.0)


def stress_hour(shared: SharedInputs, capacity: pd.DataFrame, stress: str) -> Stress:
    """Return what the zones draw and could generate when their interconnection draws most."""
    area = shared.facts()["interconnect"]
    hours = pd.read_parquet(shared.path("derived/region_load_hourly_2024_z90.parquet"))
    season = hours[hours.index.month.isin(MONTHS[stress])]
    load = pd.Series(0.0, index=area.index)
    for _, zones in area.groupby(area):
        mine = season[zones.index]
        load[zones.index] = mine.iloc[int(mine.sum(axis=1).to_numpy().argmax())].to_numpy(dtype=float)
    available = capacity.loc[area.index] * pd.Series(AVAILABLE[stress])
    have, need = available.sum(axis=1).groupby(area).sum(), (1.0 + OPERATING_RESERVE) * load.groupby(area).sum()
    added = load / area.map(load.groupby(area).sum()) * area.map((need - have).clip(lower=0.0))
    return Stress(load, available.assign(**{"built since": added, "not served": load}))


@dataclass(frozen=True)
class BaseCase:
    """The power flow before there is any new load, one column by stress hour [MW].

    ``flow`` has a row by link, positive from from_zone to to_zone; ``output`` has the dispatchable output by zone.
    """

    flow: pd.DataFrame
    output: pd.DataFrame


def base_case(shared: SharedInputs, links: pd.DataFrame) -> BaseCase:
    """Return the power flow; ``links`` has the columns of links.csv up to the susceptance, and the answer its rows."""
    capacity, zones = capacity_mw(shared), shared.facts().rename_axis("zone").reset_index()
    places = pd.DataFrame({"zone": zones["zone"], "longitude_deg": zones["lon"], "latitude_deg": zones["lat"]})
    nothing = pd.DataFrame({"zone": zones["zone"], "surplus_mw": 0.0})
    empty = zonal_topology(places, links, nothing, whole_limits(links))
    flows, outputs = {}, {}
    for stress in STRESSES:
        hour = stress_hour(shared, capacity, stress)
        generators, costs = _generators(hour.available)
        net = replace(
            empty,
            buses=replace(empty.buses, load_mw=hour.load.to_numpy()),
            generators=generators,
            generator_costs=costs,
        )
        answer = solve_opf(net, "matpower")
        if answer.status != "optimal":
            raise SystemExit(f"The zones have no power flow at the {stress} stress hour: {answer.reason}")
        alternating = (links["kind"] == "AC").to_numpy()
        flow = np.zeros(len(links))
        flow[alternating], flow[~alternating] = answer.flow_mw, answer.dc_mw
        flows[stress] = flow
        owner, technology = zip(*(name.split(" ", 1) for name in generators.name.tolist()), strict=True)
        output = pd.Series(np.where(np.isin(technology, DISPATCHABLE), answer.dispatch_mw, 0.0))
        outputs[stress] = output.groupby(list(owner)).sum().reindex(zones["zone"], fill_value=0.0)
    return BaseCase(pd.DataFrame(flows, index=links.index), pd.DataFrame(outputs))


def _generators(available: pd.DataFrame) -> tuple[Generators, Costs]:
    """Return a generator for every zone and technology that has some capacity, with its rising cost."""
    names, bus, most, cost = [], [], [], []
    for place, (zone, row) in enumerate(available.iterrows()):
        for technology, mw in row.items():
            if mw >= _NOTHING_MW:
                first, last = COST[str(technology)]
                names.append(f"{zone} {technology}")
                bus.append(place)
                most.append(mw)
                cost.append((0.0, first, (last - first) / (2.0 * mw)))
    count = len(names)
    generators = Generators(
        name=text_array(names), bus=np.array(bus, dtype=np.int64), p_min_mw=np.zeros(count),
        p_max_mw=np.array(most), online=np.ones(count, dtype=bool),
    )  # fmt: skip
    return generators, replace(Costs.none(count), quadratic=np.array(cost))
