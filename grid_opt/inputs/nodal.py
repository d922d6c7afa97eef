"""Read a case whose candidates are buses: the network, its hours, and tables in which those buses are regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grid_opt.config import Case
from grid_opt.errors import InputError
from grid_opt.inputs.nodal_hours import read_series
from grid_opt.inputs.schema_nodal import BUSES, CANDIDATES, GENERATORS
from grid_opt.inputs.tables import read_csv_table
from grid_opt.network.checks import check_network
from grid_opt.network.convention import lines_of
from grid_opt.network.elements import Names, Numbers, Topology
from grid_opt.network.islands import active, find_islands
from grid_opt.network.offers import Offers, offers_of
from grid_opt.network.reading import read_file
from grid_opt.network.siting import NO_LIMIT_MW

_LOAD = "load"
"""Series that loads follow which name none."""
_FULL = "1"
"""Series of 1 in every hour."""
_LEAST_MW = 1e-9


@dataclass(frozen=True)
class System:
    """A network with its hours, and the project's tables with every candidate bus as a region of its own.

    ``notes`` say what was decided in reading, and what a dispatch without unit commitment leaves out.
    """

    tables: dict[str, pd.DataFrame]
    coords: dict[str, Any]
    arrays: dict[str, Any]
    notes: tuple[str, ...]


def read_system(case: Case, tables: dict[str, pd.DataFrame]) -> System:
    """Read everything that the section ``nodal`` of a case names.

    Errors: InputError naming file, row and field for a bus, generator or series that is not there, weights that do not
    add up, a network that cannot be right, and one with DC lines, which the dispatch of a siting case does not know.
    """
    paths = case.nodal_paths
    whole = read_file(paths["network"])
    check_network(whole)
    net = active(whole)
    _refuse_dc_lines(net)
    series = read_series(paths["hours"])
    buses, listed = _buses(case, net, whole, set(series.shares))
    offers = offers_of(net, case.nodal.cost_steps)
    follows = _generators(net, whole, paths.get("generators"), set(series.shares))
    areas, area_of = _areas(net, buses)
    factor = {name: series.of(name) for name in listed}
    coords = {
        "bus": net.buses.name, "branch": net.branches.name, "area": [label for label, _ in areas],
        "island": sorted(set(_island_names(net))), "slice": np.arange(len(series.weight_h)),
    }  # fmt: skip
    steps, labels = _step_arrays(net, offers, series.table(follows))
    coords["step"] = labels
    growth = np.array([_growth(case, year) for year in case.years])
    arrays = {
        **_network_arrays(case, net), **steps,
        "bus_lat": buses["latitude_deg"].to_numpy(), "bus_lon": buses["longitude_deg"].to_numpy(),
        "bus_area": area_of,
        "area_factor": np.array([growth[:, None] * factor[name][None, :] for _, name in areas]),
        "slice_weight": series.weight_h, "slice_season": series.season,
    }  # fmt: skip
    return System(_as_regions(case, net, buses, tables), coords, arrays, _notes(case, net, offers))


def _refuse_dc_lines(net: Topology) -> None:
    if len(net.dc_lines):
        raise InputError(
            f"DC line {net.dc_lines.name[0]} is online", file=net.source, row=f"DC line {net.dc_lines.name[0]}",
            expected="a network of AC branches where campuses are sited",
            fix="take it offline, and give what it brings as a generator or a load of its buses",
        )  # fmt: skip


def _growth(case: Case, year: int) -> float:
    """Return the factor on all load in an operating year: the mean of its years by their present value."""
    rate, nodal = case.finance.real_discount_rate, case.nodal
    calendar = case.represented_years(year)
    worth = np.array([(1.0 + rate) ** (year - one) for one in calendar])
    factor = np.array([(1.0 + nodal.load_growth) ** (one - case.years[0]) for one in calendar])
    return float(nodal.load_scale * np.sum(worth * factor) / worth.sum())


def _buses(case: Case, net: Topology, whole: Topology, series: set[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return place and load series of every bus, in the order of the network, and the series in use."""
    table = pd.DataFrame(
        {"latitude_deg": net.buses.latitude, "longitude_deg": net.buses.longitude, "load_series": _LOAD},
        index=net.buses.name,
    )
    path = case.nodal_paths.get("buses")
    if path is not None:
        given = read_csv_table(path, BUSES).set_index("bus")
        _refuse_unknown(given["load_series"], series, path, "load_series", case)
        strange = given.index[~given.index.isin(whole.buses.name)]
        if len(strange):
            raise InputError(
                "there is no such bus", file=path, row=f"bus {strange[0]}", field="bus", value=strange[0],
                expected=f"a bus of {net.source}",
            )  # fmt: skip
        known = given.index.intersection(table.index)
        table.loc[known] = given.loc[known, table.columns]
    lost = table.index[table[["latitude_deg", "longitude_deg"]].isna().any(axis=1)]
    if len(lost):
        raise InputError(
            f"bus {lost[0]} has no place", file=path or net.source, row=f"bus {lost[0]}", field="latitude_deg",
            expected="latitude and longitude of every bus that is online", fix="give it a row in nodal.buses",
        )  # fmt: skip
    drawing = np.abs(net.buses.load_mw) > 0
    used = sorted(set(table["load_series"].to_numpy()[drawing].tolist()))
    if _LOAD in used and _LOAD not in series:
        bus = table.index[drawing & (table["load_series"] == _LOAD).to_numpy()][0]
        raise InputError(
            f"the hours have no column {_LOAD!r} for the load of bus {bus}", file=case.nodal_paths["hours"],
            field=_LOAD, expected="a column of loads relative to those of the network",
            fix="add the column, or name another one in nodal.buses",
        )  # fmt: skip
    return table, used


def _refuse_unknown(named: pd.Series, series: set[str], path: Path, field: str, case: Case) -> None:
    for row, name in named.items():
        if name not in series:
            raise InputError(
                "the hours have no such series", file=path, row=f"{named.index.name} {row}", field=field, value=name,
                expected=f"a column of {case.nodal_paths['hours'].name}: {', '.join(sorted(series))}",
            )  # fmt: skip


def _generators(net: Topology, whole: Topology, path: Path | None, series: set[str]) -> list[str]:
    """Return the series of every active generator. The table names them, or counts their rows from 1."""
    names = whole.generators.name.tolist()
    found = dict.fromkeys(names, _FULL)
    if path is not None:
        table = read_csv_table(path, GENERATORS)
        for row, (given, name) in enumerate(zip(table["generator"], table["series"], strict=True), start=2):
            counted = int(given) - 1 if given.isdecimal() else -1
            key = given if given in found else names[counted] if 0 <= counted < len(names) else None
            if key is None:
                raise InputError(
                    "there is no such generator", file=path, row=row, field="generator", value=given,
                    expected=f"a generator of {whole.source}: its name, or its row from 1 to {len(names)}",
                )  # fmt: skip
            if name not in series:
                raise InputError(
                    "the hours have no such series", file=path, row=row, field="series", value=name,
                    expected=f"one of {', '.join(sorted(series))}",
                )  # fmt: skip
            found[key] = name
    return [found[name] for name in net.generators.name.tolist()]


def _areas(net: Topology, buses: pd.DataFrame) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the areas as (label, series) and the label of every bus: buses of one island that follow one series."""
    islands, series = _island_names(net), buses["load_series"].tolist()
    several = len(set(islands)) > 1
    labels = [f"{name} {island}" if several else name for name, island in zip(series, islands, strict=True)]
    drawing = np.abs(net.buses.load_mw) > 0
    series_of = {label: name for label, name, draws in zip(labels, series, drawing, strict=True) if draws}
    first = next(iter(sorted(series_of)), "")
    own = dict.fromkeys(islands, "")
    for label, island in zip(labels, islands, strict=True):
        own[island] = own[island] or (label if label in series_of else "")
    # a bus without load is in an area all the same: one of its island, where there is one
    area_of = [
        label if label in series_of else own[island] or first for label, island in zip(labels, islands, strict=True)
    ]
    return sorted(series_of.items()), area_of


def _island_names(net: Topology) -> list[str]:
    islands = find_islands(net)
    return [str(net.buses.name[islands.reference[k]]) for k in islands.of_bus.tolist()]


def _network_arrays(case: Case, net: Topology) -> dict[str, Any]:
    lines = lines_of(net, case.nodal.convention)
    scale, names = case.nodal.line_scale, net.buses.name
    return {
        "bus_load": net.buses.load_mw, "bus_shunt": net.buses.shunt_mw, "bus_island": _island_names(net),
        "branch_from": names[net.branches.start], "branch_to": names[net.branches.end],
        "branch_susceptance": lines.susceptance, "branch_shift": lines.shift,
        "branch_low": np.maximum(scale * lines.low_mw, -NO_LIMIT_MW),
        "branch_high": np.minimum(scale * lines.high_mw, NO_LIMIT_MW),
    }  # fmt: skip


def _step_arrays(net: Topology, offers: Offers, available: Numbers) -> tuple[dict[str, Any], Names]:
    """Return the steps, those of one bus and cost put together, and their labels: the bus and a number from 1.

    ``available`` is the share of its maximum that every generator has in every hour (generator, slice); what is missing
    is missing from its dearest steps.
    """
    most = net.generators.p_max_mw[:, None] * available
    left = np.clip(most[offers.generator] - offers.start_mw[:, None], 0.0, offers.width_mw[:, None])
    bus = net.generators.bus[offers.generator]
    frame = pd.DataFrame(left).assign(bus=bus, cost=np.round(offers.usd_per_mwh, 9))
    joined = frame.groupby(["bus", "cost"], sort=True).sum()
    joined = joined[joined.to_numpy().max(axis=1) > _LEAST_MW]
    at, cost = (joined.index.get_level_values(k).to_numpy() for k in (0, 1))
    number = pd.Series(at).groupby(at).cumcount().to_numpy() + 1
    labels = np.array([f"{name}/{k}" for name, k in zip(net.buses.name[at], number, strict=True)], dtype=np.str_)
    arrays = {"step_bus": net.buses.name[at], "step_cost": cost, "step_available": joined.to_numpy()}
    return arrays, labels


def _as_regions(
    case: Case, net: Topology, buses: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Return the project's tables with the candidate buses in place of the zones and regions that they are like."""
    path = case.nodal_paths["candidates"]
    table = read_csv_table(path, CANDIDATES)
    once = table.drop_duplicates("bus").set_index("bus")
    regional, zonal = (tables[name].set_index(key) for name, key in (("regions", "region"), ("zones", "zone")))
    _check_candidates(table, once, net, regional, path)
    regions, zones = regional.loc[once["like"]], zonal.loc[once["like"]]
    place = buses.loc[once.index]
    zones = zones.assign(
        name=once["name"].to_numpy(), latitude_deg=place["latitude_deg"].to_numpy(dtype=float),
        longitude_deg=place["longitude_deg"].to_numpy(dtype=float),
    )  # fmt: skip
    labels = once.index.to_numpy()
    return tables | {
        "regions": regions.set_axis(labels).rename_axis("region").reset_index(),
        "zones": zones.set_axis(labels).rename_axis("zone").reset_index(),
        "headroom": _in_every_quarter(table),
        **{name: _like(tables[name], once["like"]) for name in ("environment", "emissions")},
    }


def _like(table: pd.DataFrame, like: pd.Series) -> pd.DataFrame:
    """Return the rows of the regions that candidate buses are like, named after the buses."""
    named = like.rename("region").rename_axis("bus").reset_index()
    return named.merge(table, on="region").drop(columns="region").rename(columns={"bus": "region"})


def _in_every_quarter(table: pd.DataFrame) -> pd.DataFrame:
    """Return the headroom of every bus in each quarter that any of them names: what came last stays."""
    wide = table.pivot_table(index="bus", columns="from_quarter", values="headroom_mw", aggfunc="first", sort=True)
    full = wide.ffill(axis=1).fillna(0.0)
    return full.rename_axis("region").reset_index().melt("region", var_name="quarter", value_name="headroom_mw")


def _check_candidates(
    table: pd.DataFrame, once: pd.DataFrame, net: Topology, regional: pd.DataFrame, path: Path
) -> None:
    known = set(net.buses.name.tolist())
    for row, one in enumerate(table.to_dict("records"), start=2):
        bus, first = str(one["bus"]), once.loc[one["bus"]]
        wrong: tuple[str, str, str] | None = None
        if bus not in known:
            wrong = ("bus", "there is no such bus online", f"a bus of {net.source}")
        elif one["like"] not in regional.index:
            wrong = ("like", "this is no region of regions.csv", f"one of {', '.join(regional.index)}")
        elif one["name"] != first["name"] or one["like"] != first["like"]:
            field = "name" if one["name"] != first["name"] else "like"
            wrong = (field, f"bus {bus} has another {field} further up", f"{first[field]!r}, as there")
        if wrong is not None:
            raise InputError(wrong[1], file=path, row=row, field=wrong[0], value=one[wrong[0]], expected=wrong[2])


def _notes(case: Case, net: Topology, offers: Offers) -> tuple[str, ...]:
    low = np.maximum(net.generators.p_min_mw, 0.0)
    found = list(net.notes)
    if low.any():
        found.append(
            f"the least output of {int((low > 0).sum())} generators, {low.sum():,.0f} MW in all, is not held: the "
            "dispatch switches nothing on or off"
        )
    if offers.curvature_usd_per_h > 0:
        found.append(
            f"curved costs are offered in {case.nodal.cost_steps} steps, which overstate the cost of all generators "
            f"together by at most {offers.curvature_usd_per_h:,.0f} USD/h"
        )
    return tuple(found)
