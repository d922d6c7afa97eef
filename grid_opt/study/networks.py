"""Read a network from whatever describes it, solve its power flow, and say what new load it hosts."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from grid_opt.errors import InfeasibleError, InputError
from grid_opt.inputs.tables import read_table
from grid_opt.network.convention import Convention
from grid_opt.network.elements import Places, Topology
from grid_opt.network.factors import Factors
from grid_opt.network.hosting import Base, Bounds, at_most_mw, bound_hosting, bound_hosting_n_1
from grid_opt.network.reading import read_file
from grid_opt.network.zones import free_limits, zonal_topology
from grid_opt.solve.answer import Options
from grid_opt.solve.hosting import Hosting, host
from grid_opt.solve.opf import PowerFlow, solve_opf

Stress = Literal["summer", "winter"]
_ALL_EXACT, _ALL_EXACT_N_1 = 1000, 300
"""Buses up to which every bus is solved for when nobody says how many: seconds to a minute on one core."""
_FEW = 100


@dataclass(frozen=True)
class ZoneChoice:
    """What to take of zone tables: year and stress hour, and the shares of what links have left and of output
    that operators lower."""

    year: int = 2028
    stress: Stress = "summer"
    share: float = 0.2
    redispatch: float = 0.01


def read_network(path: str | Path, zones: ZoneChoice | None = None) -> Topology:
    """Read a MATPOWER case (``.m``), a PyPSA network (``.nc``, ``.h5``), or a folder of the project's zone tables.

    Errors: InputError naming the file and what is wrong in it.
    """
    file = Path(path)
    if file.is_dir():
        return _read_zones(file, zones or ZoneChoice())
    return read_file(file)


def _read_zones(folder: Path, choice: ZoneChoice) -> Topology:
    if not (folder / "links.csv").is_file():
        raise InputError(
            "the folder holds no network", file=folder, expected="a folder with zones.csv, links.csv and surplus.csv"
        )
    zones, links, surplus = (read_table(name, folder) for name in ("zones", "links", "surplus"))
    mine = surplus[(surplus["year"] == choice.year) & (surplus["stress"] == choice.stress)]
    if mine.empty:
        years = ", ".join(str(year) for year in sorted(surplus["year"].unique().tolist()))
        raise InputError(
            "the surplus table has no such year", file=surplus.attrs.get("file"), field="year", value=choice.year,
            expected=f"one of {years}",
        )  # fmt: skip
    limits = free_limits(links, choice.stress, choice.share)
    lowered = choice.redispatch * zones[f"base_output_{choice.stress}_mw"].to_numpy(dtype=float)
    return zonal_topology(zones, links, mine, limits, lowered)


@dataclass(frozen=True)
class HostingStudy:
    """Hosting per bus as a table (see :func:`study_hosting` for its columns) and how it was found."""

    table: pd.DataFrame
    convention: Convention
    n_1: bool
    solved: int
    exact: int
    already_over: int
    bridges: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def has_places(self) -> bool:
        """Whether every bus has coordinates, so that a map can be drawn."""
        return bool(self.table[["longitude_deg", "latitude_deg"]].notna().all().all())


def study_hosting(
    net: Topology, convention: Convention, *, n_1: bool = False, buses: Sequence[str] = (), solves: int | None = None
) -> HostingStudy:
    """Return the hosting capacity of every bus, or of those named; :mod:`grid_opt.network.hosting` defines it.

    Columns: ``bus``, ``hosting_mw`` (what can be carried), ``at_most_mw`` (what cannot be exceeded), ``exact`` (the two
    are one), ``limited_by``; with ``n_1`` also ``base_mw``, the first of these without outages; coordinates [degrees].
    At most ``solves`` linear programs are spent, without outages and with them each: by default one for each bus named,
    or of a network of up to 1,000 buses (300 with outages), and 100 on larger ones. Buses that they do not settle keep
    proven bounds.

    Errors: InputError for a bad network or an unknown bus; InfeasibleError when the load of the network itself cannot
    be served.
    """
    began = time.monotonic()
    flow = solve_opf(net, convention)
    if flow.status != "optimal":
        raise InfeasibleError(f"{net.source}: the load of the network cannot be served as it is ({flow.reason})")
    factors = Factors(flow.net, convention)
    base = Base(flow.dispatch_mw, flow.flow_mw, flow.dc_mw)
    chosen = _chosen(flow.net, buses)
    found, already = _bracket(
        flow, factors, base, chosen, solves if buses == () or solves is not None else len(buses), n_1
    )
    return HostingStudy(
        table=_table(flow.net, found, chosen), convention=convention, n_1=n_1, solved=sum(h.solved for h in found),
        exact=int(found[-1].is_exact[chosen].sum()), already_over=already, bridges=int(factors.is_bridge.sum()),
        seconds=time.monotonic() - began, notes=net.notes,
    )  # fmt: skip


def _bracket(
    flow: PowerFlow, factors: Factors, base: Base, chosen: Places, solves: int | None, n_1: bool
) -> tuple[list[Hosting], int]:
    """Return the hosting without outages and, if asked for, with them, and the pairs over their limit already."""
    count = len(flow.net.buses)
    options = Options(threads=1)
    lower = bound_hosting(factors, base)
    found = [Hosting(copy.deepcopy(lower), np.maximum(at_most_mw(factors), lower.mw))]
    most = (count if count <= _ALL_EXACT else _FEW) if solves is None else solves
    host(flow.grid, factors, base, found[0], chosen, most, n_1=False, options=options)
    if not n_1:
        return found, 0
    secure, already = bound_hosting_n_1(factors, base, lower)
    found.append(Hosting(secure, np.maximum(found[0].upper_mw, secure.mw)))
    most = (count if count <= _ALL_EXACT_N_1 else _FEW) if solves is None else solves
    host(flow.grid, factors, base, found[1], chosen, most, n_1=True, options=options)
    return found, already


def _chosen(net: Topology, names: Sequence[str]) -> Places:
    position = {name: place for place, name in enumerate(net.buses.name.tolist())}
    for name in names:
        if name not in position:
            raise InputError("there is no such bus online", file=net.source, field="--bus", value=name)
    return np.array([position[name] for name in names] if names else range(len(position)), dtype=np.int64)


def _table(net: Topology, found: list[Hosting], chosen: Places) -> pd.DataFrame:
    last = found[-1]
    columns: dict[str, Any] = {
        "bus": net.buses.name[chosen],
        "hosting_mw": last.lower.mw[chosen],
        "at_most_mw": last.upper_mw[chosen],
        "exact": last.is_exact[chosen],
        "limited_by": [_limit(net, last.lower, int(bus)) for bus in chosen],
    }
    if len(found) > 1:
        columns["base_mw"] = found[0].lower.mw[chosen]
    places = {"longitude_deg": net.buses.longitude[chosen], "latitude_deg": net.buses.latitude[chosen]}
    return pd.DataFrame(columns | places)


def _limit(net: Topology, lower: Bounds, bus: int) -> str:
    """Say what holds back more load at a bus."""
    branch, outage = int(lower.branch[bus]), int(lower.outage[bus])
    if branch < 0:
        return "generation"
    after = f" after outage of {net.branches.name[outage]}" if outage >= 0 else ""
    return f"branch {net.branches.name[branch]}{after}"


def opf_answer(flow: PowerFlow) -> dict[str, Any]:
    """Return an optimal power flow as plain data: powers [MW], prices [USD/MWh] and costs [USD/h] by element."""
    net = flow.net
    return {
        "status": flow.status,
        "objective": flow.objective,
        "bound": flow.bound,
        "convention": flow.convention,
        "dispatch": _by_name(net.generators.name, flow.dispatch_mw),
        "flows": _by_name(net.branches.name, flow.flow_mw),
        "dc_flows": _by_name(net.dc_lines.name, flow.dc_mw),
        "prices": _by_name(net.buses.name, flow.price),
        "units": {"objective": "USD/h", "dispatch": "MW", "flows": "MW", "dc_flows": "MW", "prices": "USD/MWh"},
        "rounds": flow.rounds,
        "seconds": flow.seconds,
        "notes": list(net.notes),
    }


def _by_name(names: Any, values: Any) -> dict[str, float]:
    return dict(zip(names.tolist(), values.tolist(), strict=True))
