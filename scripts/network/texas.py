"""Turn the public synthetic Texas system into a case of nodal siting: network, candidates, hours and case file.

    pip download powersimdata==0.5.5 --no-deps
    python scripts/network/texas.py --wheel powersimdata-0.5.5-py3-none-any.whl
    grid-opt run outputs/texas/texas.toml

The system is the Texas interconnection of the synthetic United States network of Texas A&M (TAMU; about 2,000 buses,
not the real grid), which the wheel of powersimdata 0.5.5 (MIT) carries, data CC BY 4.0: Y. Xu et al., "U.S. Test System
with High Spatial and Temporal Resolution for Renewable Integration Studies", IEEE PES GM 2020. Without ``--wheel`` the
installed package is looked for (``pip install powersimdata==0.5.5 --no-deps``). The same wheel gives the same bytes.

What the system does not say comes from the project's own tables, or is an ASSUMPTION:

* Loads are those of the system's peak. They follow the demand of the project's zones TX_HOU, TX_N, TX_S and TX_W in
  the hours that :mod:`grid_opt.inputs.hours` generates (seed 2026), scaled so that the highest hour equals the loads.
  ASSUMPTION.
* Wind and sun follow the same hours' capacity factors. Thermal plants are 0.92 available, hydro 0.2. ASSUMPTION.
* Every generator may run, from 0 to its maximum: the file's status and minima are those of one dispatched hour.
* 24 hours stand for a year: in every calendar quarter the hours are ordered by load less wind and sun, and six groups
  of them (1, 9, 20, 30, 30 and 10 %) become their mean.
* Candidates are the three strongest substations of each of the eight areas, at least 40 km apart: the most MW into the
  substation's high-voltage bus with the largest branch out. Each has the bundled headroom of its region. ASSUMPTION.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from grid_opt.atomic import write_text  # noqa: E402
from grid_opt.inputs.hours import generate_hours  # noqa: E402
from grid_opt.inputs.tables import read_table  # noqa: E402

SEED = 2026
INSIDE = "powersimdata/network/usa_tamu/data"
TABLES = ("bus", "plant", "gencost", "branch", "zone", "sub", "bus2sub")
REGION_OF_AREA = {
    "Far West": "TX_W", "West": "TX_W", "North": "TX_N", "North Central": "TX_N", "East": "TX_N",
    "South Central": "TX_S", "South": "TX_S", "Coast": "TX_HOU",
}  # fmt: skip
"""Region of the project whose hours and prices stand for an area of the system."""
THERMAL_AVAILABLE, HYDRO_AVAILABLE = 0.92, 0.2
GROUPS = (0.01, 0.09, 0.20, 0.30, 0.30, 0.10)
QUARTER_HOURS = (2160, 2184, 2208, 2208)
PER_AREA, APART_KM, HIGH_KV = 3, 40.0, 100.0
CASE = Path(__file__).with_name("texas.toml")


@dataclass(frozen=True)
class System:
    """The tables of the Texas interconnection."""

    bus: pd.DataFrame
    plant: pd.DataFrame
    branch: pd.DataFrame


def read_system(wheel: Path | None) -> System:
    """Read the interconnection from a wheel, or from the installed package."""
    raw = {name: _read(wheel, name) for name in TABLES}
    place = raw["bus2sub"].merge(raw["sub"][["sub_id", "name", "lat", "lon"]], on="sub_id")
    zones = raw["zone"][raw["zone"]["interconnect"] == "Texas"]
    bus = raw["bus"][raw["bus"]["interconnect"] == "Texas"]
    bus = bus.merge(place[["bus_id", "sub_id", "name", "lat", "lon"]], on="bus_id")
    bus = bus.merge(zones[["zone_id", "zone_name"]], on="zone_id")
    bus["region"] = bus["zone_name"].map(REGION_OF_AREA)
    plant = raw["plant"][raw["plant"]["interconnect"] == "Texas"]
    plant = plant.merge(raw["gencost"][["plant_id", "c2", "c1", "c0"]], on="plant_id")
    plant = plant.merge(bus[["bus_id", "region"]], on="bus_id")
    branch = raw["branch"][(raw["branch"]["interconnect"] == "Texas") & (raw["branch"]["status"] == 1)]
    return System(bus.sort_values("bus_id"), plant.sort_values("plant_id"), branch.sort_values("branch_id"))


def _read(wheel: Path | None, name: str) -> pd.DataFrame:
    if wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            return pd.read_csv(io.BytesIO(archive.read(f"{INSIDE}/{name}.csv")))
    found = importlib.util.find_spec("powersimdata")
    if found is None or not found.submodule_search_locations:
        sys.exit("powersimdata is not installed; name its wheel with --wheel (see the head of this file)")
    return pd.read_csv(Path(found.submodule_search_locations[0]) / INSIDE.partition("/")[2] / f"{name}.csv")


def matpower_text(system: System) -> str:
    """Return the network as a MATPOWER case; every generator is online and its minimum zero."""
    bus = [
        [int(b.bus_id), int(b.type), b.Pd, 0, b.Gs, 0, 1, 1, 0, b.baseKV, 1, 1.1, 0.9]
        for b in system.bus.itertuples()
    ]  # fmt: skip
    gen = [[int(g.bus_id), 0, 0, 0, 0, 1, 100, 1, g.Pmax, 0] for g in system.plant.itertuples()]
    branch = [
        [int(e.from_bus_id), int(e.to_bus_id), e.r, e.x, 0, e.rateA, 0, 0, e.ratio, e.angle, 1, -360, 360]
        for e in system.branch.itertuples()
    ]  # fmt: skip
    cost = [[2, 0, 0, 3, g.c2, g.c1, g.c0] for g in system.plant.itertuples()]
    lines = [
        "function mpc = texas",
        "% Synthetic Texas interconnection of Texas A&M, from powersimdata 0.5.5, CC BY 4.0; made by texas.py",
        "mpc.version = '2';",
        "mpc.baseMVA = 100;",
    ]
    for name, rows in (("bus", bus), ("gen", gen), ("branch", branch), ("gencost", cost)):
        body = "\n".join("\t".join(f"{cell:.10g}" for cell in row) + ";" for row in rows)
        lines.append(f"mpc.{name} = [\n{body}\n];")
    return "\n".join(lines) + "\n"


def buses_text(system: System) -> str:
    """Return where every bus is, and which series its load follows."""
    table = pd.DataFrame(
        {
            "bus": system.bus["bus_id"].astype(int),
            "latitude_deg": system.bus["lat"].round(4),
            "longitude_deg": system.bus["lon"].round(4),
            "load_series": "load_" + system.bus["region"],
        }
    )
    return str(table.to_csv(index=False))


def generators_text(system: System) -> str:
    """Return which series the availability of every generator follows, by the generator's row in the case."""
    kind = {"wind": "wind_", "solar": "solar_"}
    follows = [
        kind[g.type] + g.region if g.type in kind else "hydro" if g.type == "hydro" else "thermal"
        for g in system.plant.itertuples()
    ]
    rows = np.arange(1, len(follows) + 1)
    return str(pd.DataFrame({"generator": rows, "series": follows}).to_csv(index=False))


def series_of(system: System, hours: xr.Dataset) -> pd.DataFrame:
    """Return every series for the 8760 hours."""
    regions = sorted(set(REGION_OF_AREA.values()))
    found = pd.DataFrame(index=range(hours.sizes["time"]))
    peak = system.bus.groupby("region")["Pd"].sum()
    for region in regions:
        demand = hours["demand"].sel(zone=region).values
        found[f"load_{region}"] = demand / demand.mean()
    highest = float(sum(peak[r] * found[f"load_{r}"] for r in regions).max())
    found *= peak.sum() / highest
    for region in regions:
        found[f"wind_{region}"] = hours["wind_cf"].sel(zone=region).values
        found[f"solar_{region}"] = hours["solar_cf"].sel(zone=region).values
    return found.assign(hydro=HYDRO_AVAILABLE, thermal=THERMAL_AVAILABLE)


def hours_text(system: System, series: pd.DataFrame) -> str:
    """Return 24 hours that stand for the year: six groups of every calendar quarter by load less wind and sun."""
    net = np.zeros(len(series))
    for region, mw in system.bus.groupby("region")["Pd"].sum().items():
        net += mw * series[f"load_{region}"].to_numpy()
    for kind in ("wind", "solar"):
        for region, mw in system.plant[system.plant["type"] == kind].groupby("region")["Pmax"].sum().items():
            net -= mw * series[f"{kind}_{region}"].to_numpy()
    rows, first = [], 0
    for season, count in enumerate(QUARTER_HOURS, start=1):
        order = first + np.argsort(-net[first : first + count], kind="stable")
        edges = np.round(np.cumsum([0.0, *GROUPS]) * count).astype(int)
        for a, b in pairwise(edges.tolist()):
            mean = series.iloc[order[a:b]].mean().round(4)
            rows.append({"season": season, "weight_h": int(b - a), **mean.to_dict()})
        first += count
    return str(pd.DataFrame(rows).to_csv(index=False))


def candidates(system: System) -> pd.DataFrame:
    """Return the strongest substations of every area, far enough apart, with their high-voltage bus."""
    bus = system.bus.set_index("bus_id")
    high = bus[bus["baseKV"] >= HIGH_KV].sort_values("baseKV", kind="stable").groupby("sub_id").tail(1)
    ends = pd.concat(
        [system.branch[["from_bus_id", "rateA"]].rename(columns={"from_bus_id": "bus_id"}),
         system.branch[["to_bus_id", "rateA"]].rename(columns={"to_bus_id": "bus_id"})]
    )  # fmt: skip
    into = ends.groupby("bus_id")["rateA"].agg(["sum", "max"])
    high = high.assign(secure_mw=(into["sum"] - into["max"]).reindex(high.index).fillna(0.0))
    chosen: list[int] = []
    for _, area in high.groupby("zone_name"):
        taken: list[int] = []
        for number in area.sort_values("secure_mw", ascending=False, kind="stable").index:
            near = (_km(high.loc[number], high.loc[other]) < APART_KM for other in (*chosen, *taken))
            if len(taken) < PER_AREA and not any(near):
                taken.append(int(number))
        chosen += taken
    return high.loc[sorted(chosen)]


def _km(one: pd.Series, two: pd.Series) -> float:
    east = (one["lon"] - two["lon"]) * np.cos(np.deg2rad(one["lat"]))
    return float(111.2 * np.hypot(one["lat"] - two["lat"], east))


def candidates_text(system: System) -> str:
    """Return the candidates with the bundled headroom of their region, one row for each quarter in which it rises."""
    headroom = read_table("headroom").sort_values("quarter")
    rows = []
    for number, bus in candidates(system).iterrows():
        before = 0.0
        for one in headroom[headroom["region"] == bus["region"]].itertuples():
            if one.headroom_mw != before:
                rows.append(
                    {
                        "bus": int(number),
                        "name": f"{bus['name'].title()} ({bus['zone_name']})",
                        "like": bus["region"],
                        "from_quarter": one.quarter,
                        "headroom_mw": one.headroom_mw,
                    }
                )
            before = one.headroom_mw
    return str(pd.DataFrame(rows).to_csv(index=False))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files into a folder, each whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel of powersimdata 0.5.5; default: the installed package")
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "texas", help="folder to write to")
    asked = parser.parse_args(arguments)
    system = read_system(asked.wheel)
    hours = generate_hours(read_table("zones"), SEED)
    asked.out.mkdir(parents=True, exist_ok=True)
    files = {
        "texas.m": matpower_text(system),
        "buses.csv": buses_text(system),
        "generators.csv": generators_text(system),
        "hours.csv": hours_text(system, series_of(system, hours)),
        "candidates.csv": candidates_text(system),
        "texas.toml": CASE.read_text(encoding="utf-8"),
    }
    for name, text in files.items():
        write_text(asked.out / name, text)
    print(f"wrote {', '.join(files)} to {asked.out}")


if __name__ == "__main__":
    main()
