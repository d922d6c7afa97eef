"""Gather everything that the model may know of the world into one labelled dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.compute.definitions import load_accelerator
from grid_opt.config import Case, nearest
from grid_opt.errors import InputError
from grid_opt.inputs.basis import at_place, basis_of, measured_basis
from grid_opt.inputs.contracts import Market
from grid_opt.inputs.environment import footprint_world
from grid_opt.inputs.fleet import fleet_world
from grid_opt.inputs.headroom import headroom_at
from grid_opt.inputs.hours import generate_hours
from grid_opt.inputs.hours_file import read_hours
from grid_opt.inputs.hours_tables import bundled_state
from grid_opt.inputs.nodal import System, read_system
from grid_opt.inputs.offers import offer_world
from grid_opt.inputs.outlook import outlook_factor
from grid_opt.inputs.remembered import Kept
from grid_opt.inputs.schema import WorldArray
from grid_opt.inputs.schema_fleet import declared_arrays
from grid_opt.inputs.supply import supply_world
from grid_opt.inputs.tables import check_tables, read_tables
from grid_opt.inputs.tariffs import capacity_table, region_tariffs, tariff_world
from grid_opt.inputs.timeslices import choose_slices
from grid_opt.inputs.tradeoff import with_criteria
from grid_opt.network.zones import free_limits
from grid_opt.units import DAYS_PER_QUARTER, KW_PER_MW, USD_PER_MUSD

SEASONS = (1, 2, 3, 4)
STRESS = ("summer", "winter")
_DAYS_BEFORE_JUNE_IN_Q2 = 61
"""April and May: capacity delivery years run from June to May."""


def build_world(case: Case) -> xr.Dataset:
    """Read the tables, generate or read the hours, and return the world of a case.

    The arrays, their dimensions, units, bounds and meanings are listed in :mod:`grid_opt.inputs.schema`.

    Raises:
        InputError: a table, an hour or the case's choice of regions is not sound; the message names the place.
    """
    tables = read_tables(case.tables_dir)
    check_tables(tables)
    system = read_system(case, tables) if case.is_nodal else None
    if system is not None:
        tables = system.tables
    regions = choose_regions(case, tables)
    parts: dict[str, Any] = {
        **_zone_arrays(tables["zones"]),
        **_region_arrays(tables, regions),
        **_dated_arrays(tables, regions, case),
    }
    coords: dict[str, Any] = {
        "zone": tables["zones"]["zone"].tolist(),
        "region": regions,
        "quarter": list(case.quarters),
        "year": list(case.years),
        "season": list(SEASONS),
        "stress": list(STRESS),
    }
    market: Market | None = None
    if system is not None:
        arrays, more, attrs = system.arrays, system.coords, _nodal_notes(case, system)
    else:
        arrays, more, attrs, market = _zonal_arrays(case, tables, regions)
    parts |= arrays
    if not case.has_fleet:
        accelerator = load_accelerator(case.compute.accelerator, case.resolve("."))
        parts["hardware_price"] = USD_PER_MUSD * accelerator.hardware_musd_per_mw
    declared = declared_arrays(case)
    world = xr.Dataset({name: (declared[name].dims, value) for name, value in parts.items()}, coords=coords | more)
    for name in parts:
        world[name].attrs = {"units": declared[name].unit, "long_name": declared[name].meaning}
    world.attrs |= attrs
    world.attrs["price_base_year"] = case.finance.price_base_year
    world = footprint_world(case, world, tables)
    if case.connection.menu:
        world = offer_world(case, world, tables)
    if case.tariffs.charge:
        tariffs = region_tariffs(tables["region_tariffs"], regions)
        world = tariff_world(case, world, tariffs, capacity_table(tables["capacity_prices"]))
    if case.supply.has_sources and market is not None:
        world = supply_world(case, world, tables, market)
    if case.has_fleet:
        world = fleet_world(case, world)
    _check_bounds(world, declared_arrays(case))
    return with_criteria(case, world)


def _zonal_arrays(
    case: Case, tables: dict[str, pd.DataFrame], regions: list[str]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], Market]:
    """Return what only a world of zones has: arrays of links, surplus and prices, labels, notes, and its market."""
    zones = tables["zones"]
    slices, note = _slices(case, zones, regions)
    arrays = {
        **_link_arrays(tables["links"], case),
        "surplus": _surplus(tables["surplus"], zones["zone"].tolist(), case),
        "redispatch": case.grid.redispatch_share * zones[[f"base_output_{stress}_mw" for stress in STRESS]].to_numpy(),
        **_prices(slices, tables, regions, case),
    }
    correction = slices["price"].attrs["largest_correction_usd_per_mwh"]
    attrs = {"hours_source": note, "largest_price_correction_usd_per_mwh": correction}
    labels = {"link": _link_ids(tables["links"]), "slice": slices["slice"].values}
    return arrays, labels, attrs, _market(slices, tables, case)


def _slices(case: Case, zones: pd.DataFrame, regions: list[str]) -> tuple[xr.Dataset, str]:
    """Return the slices of a case, and where their hours come from."""
    if case.hours_path is not None or case.tables_dir is not None:  # files that may change from case to case
        return _chosen(case, zones, regions)
    slices, note = _SLICES(case, zones, regions, bundled_state())
    return slices.copy(deep=True), note


def _chosen(case: Case, zones: pd.DataFrame, regions: list[str], _state: object = None) -> tuple[xr.Dataset, str]:
    hours, note = _hours(case, zones, regions)
    return choose_slices(
        hours, regions, case.energy.days, case.energy.extreme_days, case.energy.extra_day_numbers
    ), note  # fmt: skip


_SLICES = Kept(_chosen)


def _nodal_notes(case: Case, system: System) -> dict[str, Any]:
    count = len(system.coords["slice"])
    return {
        "hours_source": f"read from {case.nodal_paths['hours'].name}: {count} hours stand for a year",
        "network_notes": json.dumps(list(system.notes)),
    }


def choose_regions(case: Case, tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return the candidate regions of a case, in the order of the regions table.

    Raises:
        InputError: a region is unknown, or has no row in the regions table, or none is left.
    """
    known = tables["regions"]["region"].tolist()
    zones = set(tables["zones"]["zone"].tolist())
    asked: Sequence[str] = known if case.regions.include == "candidate40" else case.regions.include
    for field, names in (("regions.include", asked), ("regions.exclude", case.regions.exclude)):
        for name in names:
            if name not in known:
                close = nearest(name, known)
                what = "has no row in regions.csv" if name in zones else "is not a known region"
                raise InputError(
                    f"{name!r} {what}",
                    file=case.source,
                    row=case.row(field, name),
                    field=field,
                    value=name,
                    expected="a region of regions.csv" + (f"; the nearest name is {close!r}" if close else ""),
                    fix="correct the name, or add the region to the tables",
                )
    chosen = [r for r in known if r in set(asked) - set(case.regions.exclude)]
    if not chosen:
        raise InputError(
            "every region is excluded",
            file=case.source,
            field="regions.exclude",
            expected="at least one region left to build in",
            fix="shorten regions.exclude",
        )
    return chosen


def hours_of(case: Case, regions: list[str]) -> tuple[xr.Dataset, str]:
    """Return all hours of the year from which a case chooses its days, and where they come from."""
    return _hours(case, read_tables(case.tables_dir)["zones"], regions)


def _hours(case: Case, zones: pd.DataFrame, regions: list[str]) -> tuple[xr.Dataset, str]:
    path = case.hours_path
    read = None if path is None else read_hours(path, regions)  # first, so that a bad file is refused at once
    generated = generate_hours(zones, case.energy.seed, case.tables_dir)
    if path is None or read is None:
        return generated, f"generated, seed {case.energy.seed}"
    filled = [name for name in ("demand", "wind_cf", "solar_cf") if name not in read]
    hours = read.assign({name: generated[name].sel(zone=read["zone"].values) for name in filled})
    note = f"read from {path.name}"
    return hours, note + (f"; {', '.join(filled)} generated, seed {case.energy.seed}" if filled else "")


def _zone_arrays(zones: pd.DataFrame) -> dict[str, Any]:
    columns = {
        "zone_name": "name", "zone_market": "market", "zone_state": "state", "zone_interconnect": "interconnect",
        "zone_lat": "latitude_deg", "zone_lon": "longitude_deg",
    }  # fmt: skip
    return {name: zones[column].to_numpy() for name, column in columns.items()}


def _link_ids(links: pd.DataFrame) -> list[str]:
    return (links["from_zone"] + ">" + links["to_zone"]).tolist()


def _link_arrays(links: pd.DataFrame, case: Case) -> dict[str, Any]:
    share = case.grid.link_available_share
    scale = case.grid.base_flow_scale
    forward, reverse = zip(*(free_limits(links, stress, share, scale) for stress in STRESS), strict=True)
    return {
        "link_from": links["from_zone"].to_numpy(),
        "link_to": links["to_zone"].to_numpy(),
        "link_kind": links["kind"].to_numpy(),
        "link_base_flow": scale * links[[f"base_flow_{stress}_mw" for stress in STRESS]].to_numpy(),
        "link_forward": np.transpose(forward),
        "link_reverse": np.transpose(reverse),
        "link_susceptance": links["susceptance_mw_per_rad"].to_numpy(),
    }


def _region_arrays(tables: dict[str, pd.DataFrame], regions: list[str]) -> dict[str, Any]:
    table = tables["regions"].set_index("region").loc[regions]
    zones = tables["zones"].set_index("zone").loc[regions]
    stress = table[["pue_summer_peak", "pue_winter_peak"]].to_numpy()
    return {
        "region_name": zones["name"].to_numpy(),
        "region_market": zones["market"].to_numpy(),
        "pue": table[[f"pue_q{c}" for c in SEASONS]].to_numpy(),
        "pue_stress": stress,
        "pue_peak": stress.max(axis=1),
        "site_lead_quarters": table["site_lead_quarters"].to_numpy(dtype=float),
        "construction_multiplier": table["construction_multiplier"].to_numpy(),
        "loss": table["loss_fraction"].to_numpy(),
        "delivery_demand_charge": table["demand_charge_usd_per_kw_month"].to_numpy() * KW_PER_MW,
        "delivery_rider": table["rider_usd_per_mwh"].to_numpy(),
    }


def _dated_arrays(tables: dict[str, pd.DataFrame], regions: list[str], case: Case) -> dict[str, Any]:
    return {
        "target": np.array([case.target_mw(q) for q in case.quarters]),
        "headroom": headroom_at(tables["headroom"], regions, case),
        "capacity_charge": _capacity_charge(tables, regions, case),
    }


def _surplus(table: pd.DataFrame, zones: list[str], case: Case) -> Any:
    """Return what zones can spare (zone, quarter, stress) [MW]; years beyond the table keep its nearest year."""
    wide = table.pivot_table(index="zone", columns=["year", "stress"], values="surplus_mw", aggfunc="first").loc[zones]
    years = sorted(table["year"].unique().tolist())
    asked = [min(max(int(q[:4]), years[0]), years[-1]) for q in case.quarters]
    columns = [[wide[(year, stress)].to_numpy() for stress in STRESS] for year in asked]
    return np.transpose(np.array(columns), (2, 0, 1))


def _capacity_charge(tables: dict[str, pd.DataFrame], regions: list[str], case: Case) -> Any:
    """Return the price of the capacity obligation (region, year, season) [USD/MW for the calendar quarter].

    A delivery year runs from June to May: the first quarter and April and May belong to the one that began the
    year before. Years beyond the table keep its nearest delivery year; the long-run year is the mean of the
    years that it represents, by their present value.
    """
    prices = tables["capacity_prices"]
    regional = tables["regions"].set_index("region").loc[regions]
    result = np.zeros((len(regions), len(case.years), len(SEASONS)))
    for i, region in enumerate(regions):
        facts = regional.loc[region]
        mine = prices[prices["capacity_zone"] == facts["capacity_zone"]]
        by_year = {int(d[:4]): float(p) for d, p in zip(mine["delivery_year"], mine["usd_per_mw_day"], strict=True)}
        carried = 1.0 + float(str(facts["reserve_obligation_fraction"]))
        for j, weights in enumerate(_year_weights(case)):
            bills = [weight * np.array(_quarterly_capacity(by_year, year)) for year, weight in weights.items()]
            result[i, j] = carried * np.sum(bills, axis=0)
    return result


def _quarterly_capacity(usd_per_mw_day: dict[int, float], year: int) -> list[float]:
    first, last = min(usd_per_mw_day), max(usd_per_mw_day)
    before = usd_per_mw_day[min(max(year - 1, first), last)]
    after = usd_per_mw_day[min(max(year, first), last)]
    old_days = (DAYS_PER_QUARTER[0], _DAYS_BEFORE_JUNE_IN_Q2, 0, 0)
    return [old * before + (days - old) * after for old, days in zip(old_days, DAYS_PER_QUARTER, strict=True)]


def _prices(slices: xr.Dataset, tables: dict[str, pd.DataFrame], regions: list[str], case: Case) -> dict[str, Any]:
    """Return prices (region, year, slice) and the basis (region, slice) [USD/MWh], and what describes the slices."""
    names = ("slice_weight", "slice_season", "slice_day", "slice_hour", "slice_source_day")
    price, basis = place_prices(slices, tables, regions, case)
    return {
        "price": price,
        "basis": basis,
        "region_hub": tables["basis"].set_index("zone").loc[regions, "hub"].to_numpy(),
        **{name: slices[name].values for name in names},
    }


def place_prices(slices: xr.Dataset, tables: dict[str, pd.DataFrame], names: list[str], case: Case) -> tuple[Any, Any]:
    """Return what load in zones pays (zone, year, slice), and how much that is above the hub's price (zone, slice)."""
    measured = measured_basis(tables["basis"], tables["zones"], names, slices)
    own = zone_prices(slices, tables["zones"], names, case)
    return at_place(case, own, measured), basis_of(case, measured)


def zone_prices(slices: xr.Dataset, zones: pd.DataFrame, names: list[str], case: Case) -> Any:
    r"""Return wholesale prices of zones as the hours have them (zone, year, slice) [USD/MWh].

    Fuel moves the part of a price that fuel makes: with the outlook's factor :math:`f` and the ceiling
    :math:`\bar p`, :math:`p' = p + (f - 1) \min(\max(p, 0), \bar p)`. Scarcity prices are set by rule and
    negative ones by subsidy; neither rises with gas.
    """
    base = slices["price"].sel(zone=names)
    fuel = base.clip(0.0, case.energy.fuel_linked_ceiling_usd_per_mwh)
    price = (base + (_outlook(zones, names, case) - 1.0) * fuel) * case.energy.price_scale
    return price.transpose("zone", "year", "slice").values


def _market(slices: xr.Dataset, tables: dict[str, pd.DataFrame], case: Case) -> Market:
    """Return what contracts and plant may know of any zone: its prices and its weather in the slices."""
    known = slices["zone"].values.tolist()
    prices, basis = (dict(zip(known, one, strict=True)) for one in place_prices(slices, tables, known, case))

    def require(zone: str) -> None:
        if zone not in known:
            raise InputError(
                f"the hours have no zone {zone}",
                file=case.hours_path,
                field="zone",
                value=zone,
                expected="hours of every zone in which a project of ppa_offers.csv stands",
                fix="add the zone to the file of hours, or take the project out of the table",
            )

    def price(zone: str) -> Any:
        require(zone)
        return prices[zone]

    def above_hub(zone: str) -> Any:
        require(zone)
        return basis[zone]

    def factor(technology: str, zone: str) -> Any:
        require(zone)
        return slices[f"{technology}_cf"].sel(zone=zone).values

    return Market(
        price=price,
        basis=above_hub,
        factor=factor,
        hour=slices["slice_hour"].values.astype(float),
        season=slices["slice_season"].values.astype(np.int64),
        weight=slices["slice_weight"].values.astype(float),
        years=dict(zip(case.years, _year_weights(case), strict=True)),
    )


def _outlook(zones: pd.DataFrame, names: list[str], case: Case) -> xr.DataArray:
    """Return the price factor (zone, year); the long-run year is the mean of its years by their present value."""
    calendar = {y: (y,) for year in case.years for y in case.represented_years(year)}
    energy = case.energy
    factor = outlook_factor(zones, calendar, energy.outlook, energy.gas_elasticity, case.tables_dir)
    mine = factor.sel(zone=names)
    parts = [(mine.sel(year=list(weights)) * list(weights.values())).sum("year") for weights in _year_weights(case)]
    return xr.concat(parts, dim=pd.Index(list(case.years), name="year"))


def _year_weights(case: Case) -> list[dict[int, float]]:
    """Return, for every operating year, its calendar years with their shares of its present value."""
    found = []
    for year in case.years:
        worth = {y: (1.0 + case.finance.real_discount_rate) ** (year - y) for y in case.represented_years(year)}
        total = sum(worth.values())
        found.append({y: w / total for y, w in worth.items()})
    return found


def _check_bounds(world: xr.Dataset, declared: Mapping[str, WorldArray]) -> None:
    """Refuse any number of the world outside the bounds of its declaration, naming its place."""
    for name, array in declared.items():
        if array.lower is None and array.upper is None:
            continue
        values = world[name]
        low = -np.inf if array.lower is None else array.lower
        high = np.inf if array.upper is None else array.upper
        bad = ~((values >= low) & (values <= high))
        if bool(bad.any()):
            where = np.unravel_index(int(np.argmax(bad.values)), bad.shape)
            place = {d: world[d].values[i] for d, i in zip(values.dims, where, strict=True)}
            raise InputError(
                f"{array.meaning} is out of bounds at {place}",
                field=name,
                value=float(values.values[where]),
                expected=f"between {low:g} and {high:g} {array.unit}",
                fix="correct the input table it is made from",
            )
