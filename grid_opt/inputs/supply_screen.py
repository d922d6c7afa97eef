r"""Leave out, before the search, offers of power that cannot pay for themselves in the plan.

Prices do not react to the plan, so that what a MW of an offer can earn is bounded whatever else is decided: it takes
the place of a purchase at the price and rider of its hour, or is sold for less. An offer whose bound is below its cost
from every quarter on is in no optimal plan. So that every dimension keeps a label, the best of each kind stays.

The bounds, by region, year and slice, with the price :math:`\pi`, rider and losses:

- own plant: its running cost against :math:`v = (1 + \lambda) \pi` plus the rider (with tariffs, what the tariff
  bills for energy), with every MW used;
- a battery: the best arbitrage between the hours of every day at :math:`v`, with the energy, and the quarters, that pay
  best (:mod:`grid_opt.inputs.store_screen`);
- capacity: the price of all that is accredited (with tariffs, what a MW off the declared peaks saves; of peaks that
  outlast their year, what it can take off the highest row of every billed quantity);
- a long contract: its strike against the price at the project or its hub, or what delivery saves: the wholesale price
  of the campus (with tariffs, what they make of it; riders and the like are spared by nobody), or what own power earns
  outside that a delivery sets free.

Where a tariff has tiers of energy or a least bill, nothing here bounds what is saved on site, and all of that stays.
What contracts deliver is metered: it moves no tier and no peak, and a least bill can only take back what it saves, or
pay for what it costs. The bounds hold as long as a campus draws from the grid in the hour and its connection is not
full. What pays only together, a battery that lives on the surplus of plant beside it, may be missed: ``supply.screen
= false`` admits everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from grid_opt.config import Case, quarter_ordinal
from grid_opt.inputs.basis import hub_price
from grid_opt.inputs.offers import most_hosted
from grid_opt.inputs.present_worth import SEASONS, Floats, capital_weight, money_weights, worth_of_hours
from grid_opt.inputs.store_screen import battery_worth
from grid_opt.units import QUARTERS_PER_YEAR

Flags = NDArray[np.bool_]
_ROUNDING_USD = 1e-6


def screened(case: Case, world: xr.Dataset) -> xr.Dataset:
    """Return the world without offers of power that no optimal plan has."""
    here = _regions_with_campus(case, world)
    if case.supply.contracts:
        worth = np.where(here[_at(world, "ppa_region")], contract_worth(case, world), -np.inf)
        world = world.isel(ppa=_kept(worth, world["ppa_physical"].values, case.supply.least_hedged_share > 0))
    if case.supply.forwards:
        worth = np.where(here[_at(world, "forward_region")], forward_worth(case, world), -np.inf)
        world = world.isel(forward=_kept(worth, np.zeros(len(worth)), case.supply.least_hedged_share > 0))
    if case.supply.onsite:
        worth = np.where(here[_at(world, "own_region")], own_worth(case, world), -np.inf)
        is_store = np.isin(world["own_technology"].values, case.supply.stores)
        world = world.isel(own=_kept(worth, is_store.astype(float), False))
        left = set(world["own"].values.tolist())
        for dim in ("plant", "store"):
            if dim in world.dims:
                world = world.isel({dim: [one in left for one in world[dim].values.tolist()]})
    return world


def _kept(worth: Floats, kind: Floats, every: bool) -> Flags:
    """Return what is kept: all that may pay (all with a campus where ``every``), and the best of every kind."""
    kept = (worth > -np.inf) & ((worth > -_ROUNDING_USD) | every)
    for one in np.unique(kind):
        mine = np.flatnonzero(kind == one)
        if not kept[mine].any():
            kept[mine[int(np.argmax(worth[mine]))]] = True
    return kept


def _at(world: xr.Dataset, name: str) -> NDArray[np.int64]:
    regions = world["region"].values.tolist()
    return np.array([regions.index(r) for r in world[name].values.tolist()], dtype=np.int64)


def _regions_with_campus(case: Case, world: xr.Dataset) -> Flags:
    """Return the regions in which the smallest campus can be built, and connected, at some time."""
    smallest = max(case.campus.min_campus_mw, case.campus.hall_mw) * world["pue_peak"].values
    most = most_hosted(world).transpose("region", "quarter").values.max(axis=1)
    first = quarter_ordinal(case.campus.earliest_start) + world["site_lead_quarters"].values
    return np.asarray((most >= smallest * (1 - 1e-9)) & (first <= quarter_ordinal(case.quarters[-1])))


def contract_worth(case: Case, world: xr.Dataset) -> Floats:
    """Return the most that a MW of every long contract can be worth [USD, present value]."""
    season = world["slice_season"].values.astype(int)
    paid = world["ppa_strike"].transpose("ppa", "year", "season").values[:, :, season - 1]
    above_hub = world["ppa_hub_basis"].transpose("ppa", "slice").values[:, None, :]
    gained = world["ppa_price"].transpose("ppa", "year", "slice").values - above_hub
    physical = world["ppa_physical"].values > 0
    if physical.any():
        at_campus = _spared_by_delivery(case, world)[_at(world, "ppa_region")]
        delivered = at_campus - world["ppa_basis"].values[:, None, None]
        sold = np.maximum(0.0, gained - case.supply.sale_margin_usd_per_mwh)
        gained[physical] = np.maximum(delivered, sold)[physical]
    made = world["ppa_production"].transpose("ppa", "year", "slice").values
    return np.asarray(((gained - paid) * made * worth_of_hours(case, world)).sum(axis=(1, 2)))


def _spared_by_delivery(case: Case, world: xr.Dataset) -> Floats:
    """Return the most that a delivered MWh, losses included, saves of a bill (region, year, slice) [USD/MWh].

    It takes the place of a purchase; or of own power, which then leaves over the connection, where that may be.
    """
    price = world["price"].transpose("region", "year", "slice").values
    loss = world["loss"].values[:, None, None]
    spared = price
    if case.tariffs.charge:
        rate = (world["tariff_energy"] - world["tariff_delivered"]).transpose("region", "year", "slice").values
        spared = rate / (1 + loss) / worth_of_hours(case, world)
        least = _hangs_on_lines(case, world)[:, None, None]
        spared = np.where(least, np.maximum(0.0, spared), spared)
    if case.supply.exports:
        spared = np.maximum(spared, (price - case.supply.sale_margin_usd_per_mwh) / (1 + loss))
    return np.asarray(spared)


def forward_worth(case: Case, world: xr.Dataset) -> Floats:
    """Return the most that a MW of every forward block can be worth in a calendar quarter [USD, present value]."""
    season = world["slice_season"].values.astype(int)
    price = hub_price(world).values[_at(world, "forward_region")]
    paid = world["forward_price"].transpose("forward", "year", "season").values[:, :, season - 1]
    gain = (price - paid) * world["forward_in"].values[:, None, :] * worth_of_hours(case, world)
    by_season = np.stack([gain[:, :, season == c].sum(axis=2) for c in SEASONS], axis=2)
    return np.asarray(by_season.max(axis=(1, 2)))


def own_worth(case: Case, world: xr.Dataset) -> Floats:
    """Return the most that a MW on site can be worth, over the quarters of its entry into service [USD]."""
    saved, hours = _saved(case, world), world["slice_weight"].values
    season, money = world["slice_season"].values.astype(int), money_weights(case)
    region = _at(world, "own_region")
    hang, capacity = _hangs_on_lines(case, world)[region], capacity_worth(case, world)[region]
    own = {name: world[f"own_{name}"].values for name in ("most", "accredited", "fixed", "life", "cost", "credit")}
    plants = {label: n for n, label in enumerate(_labels(world, "plant"))}
    plant = {name: world[f"plant_{name}"].values for name in (("running", "available") if plants else ())}
    worth = np.zeros(world.sizes["own"])
    for i, name in enumerate(world["own"].values.tolist()):
        if not (own["most"][i] > 0).any():
            worth[i] = -np.inf
        elif hang[i]:
            worth[i] = np.inf
        elif name in plants:
            n = plants[name]
            earned = np.maximum(0.0, saved[region[i]] - plant["running"][n][:, None]) * plant["available"][n]
            by_season = np.stack([(earned * hours)[:, season == c].sum(axis=1) for c in SEASONS], axis=1)
            mine = {name: values[i] for name, values in own.items()}
            worth[i] = _best_entry(case, mine, by_season * money, capacity[i])
        else:
            worth[i] = battery_worth(case, world, name, saved[region[i]], capacity[i])
    return worth


def capacity_worth(case: Case, world: xr.Dataset) -> Floats:
    """Return what a MW off the obligation saves while the capacity of every quarter runs (region, quarter) [USD]."""
    quarters = list(case.quarters)
    if case.tariffs.charge:
        relief = world["tariff_relief"].sum(("part", "year")).transpose("region", "quarter")
        return np.asarray(relief.values + _off_lines(world), dtype=np.float64)
    each = world["capacity_charge"].transpose("region", "year", "season").values * money_weights(case)
    worth = np.zeros((len(each), len(quarters)))
    for a, year in enumerate(case.years):
        for c in SEASONS:
            worth[:, quarters.index(case.capacity_quarter(year, c))] += each[:, a, c - 1]
    return worth


def _off_lines(world: xr.Dataset) -> Floats:
    """Return the most that a MW off the peaks of every quarter takes off billed quantities (region, quarter) [USD].

    A quantity is the highest of its rows, so that it falls by no more than the row that falls most.
    """
    relief = -world["bound_relief"].transpose("bound", "quarter").values
    number = {line: n for n, line in enumerate(world["line"].values.tolist())}
    falls = np.zeros((len(number), relief.shape[1]))
    line_of = np.array([number[line] for line in world["bound_line"].values.tolist()], dtype=np.int64)
    np.maximum.at(falls, line_of, relief)
    rate = np.maximum(0.0, world["line_rate"].sum("year").values)
    total = np.zeros((world.sizes["region"], relief.shape[1]))
    np.add.at(total, _at(world, "line_region"), rate[:, None] * falls)
    return total


def _hangs_on_lines(case: Case, world: xr.Dataset) -> Flags:
    """Return the regions whose tariff bills energy by more than a rate, so that nothing bounds a saving."""
    regions = np.array(world["region"].values.tolist())
    if not case.tariffs.charge:
        return np.zeros(len(regions), dtype=bool)
    place = dict(zip(world["line"].values.tolist(), world["line_region"].values.tolist(), strict=True))
    more = world["bound_meter"].values != ""
    hang = {place[line] for line, flag in zip(world["bound_line"].values.tolist(), more.tolist(), strict=True) if flag}
    return np.isin(regions, sorted(hang))


def _labels(world: xr.Dataset, dim: str) -> list[str]:
    found: list[str] = world[dim].values.tolist() if dim in world.dims else []
    return found


def _saved(case: Case, world: xr.Dataset) -> Floats:
    """Return what a MWh made on site saves (region, year, slice) [USD/MWh]: a purchase with its losses and rider."""
    if case.tariffs.charge:
        billed = (world["tariff_energy"] + world["tariff_rider"]).transpose("region", "year", "slice").values
        return np.asarray(billed / worth_of_hours(case, world))
    loss, rider = world["loss"].values[:, None, None], world["delivery_rider"].values[:, None, None]
    return np.asarray((1 + loss) * world["price"].transpose("region", "year", "slice").values + rider)


def _best_entry(case: Case, own: Mapping[str, Any], earned: Floats, capacity: Floats) -> float:
    """Return the most that a MW of plant is worth, over the quarters in which it can enter service."""
    money, quarters = money_weights(case), list(case.quarters)
    upkeep = float(own["fixed"]) / QUARTERS_PER_YEAR * money
    after = np.array([[quarters.index(case.capacity_quarter(a, c)) for c in SEASONS] for a in case.years])
    running, best = earned - upkeep, -np.inf
    for q in np.flatnonzero(own["most"] > 0):
        weight = capital_weight(case, float(own["life"]), int(q))
        cost = float(own["cost"]) * (1 - float(own["credit"][q]))
        off_peaks = float((float(own["accredited"]) * capacity)[q:].sum())
        best = max(best, float(running[after >= q].sum()) + off_peaks - weight * cost)
    return best
