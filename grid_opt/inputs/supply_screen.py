r"""Leave out, before the search, offers of power that cannot pay for themselves in the plan.

Prices do not react to the plan, so that what a MW of an offer can earn is bounded whatever else is decided: it takes
the place of a purchase at the price and rider of its hour, or is sold for less. An offer whose bound is below its cost
from every quarter on is in no optimal plan. So that every dimension keeps a label, the best of each kind stays.

The bounds, by region, year and slice, with the price :math:`\pi`, rider and losses:

- own plant: its running cost against :math:`v = (1 + \lambda) \pi` plus the rider (with tariffs, what the tariff
  bills for energy), with every MW used;
- a battery: the best arbitrage between the hours of every day at :math:`v`, a linear program of its own;
- capacity: the price of all that is accredited (with tariffs, what a MW off the declared peaks saves);
- a long contract: its strike against the price at the project or its hub, or what delivery saves: the wholesale price
  of the campus (with tariffs, what they make of it; riders and the like are spared by nobody), or what own power earns
  outside that a delivery sets free.

Where a tariff has tiers of energy, a least bill, or peaks that outlast their year, more than a rate is saved on site,
and all of that stays. What contracts deliver is metered: it moves no tier and no peak, and a least bill can only take
back what it saves, or pay for what it costs. The bounds hold as long as a campus draws from the grid in the hour and
its connection is not full. What pays only together, a battery that lives on the surplus of plant beside it, may be
missed: ``supply.screen = false`` admits everything.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import linprog

from grid_opt.config import Case, quarter_ordinal
from grid_opt.errors import SolverError
from grid_opt.inputs.basis import hub_price
from grid_opt.inputs.offers import most_hosted
from grid_opt.units import QUARTERS_PER_YEAR

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SEASONS = (1, 2, 3, 4)
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
    kept = np.isfinite(worth) & ((worth > -_ROUNDING_USD) | every)
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


def _worth_of_hours(case: Case, world: xr.Dataset) -> Floats:
    """Return the present value of one USD paid in each hour of every slice (year, slice) [h]."""
    of_season = money_weights(case)
    season = world["slice_season"].values.astype(int)
    return np.asarray(of_season[:, season - 1] * world["slice_weight"].values)


def money_weights(case: Case) -> Floats:
    """Return the present value of one USD paid in each calendar quarter of every operating year (year, season)."""
    first = case.years[0]

    def worth(year: int, season: int) -> float:
        numbers = [QUARTERS_PER_YEAR * (y - first) + season - 1 for y in case.represented_years(year)]
        return math.fsum(_discounted(case, n + 0.5) for n in numbers)

    return np.array([[worth(year, season) for season in SEASONS] for year in case.years])


def _discounted(case: Case, quarters: float) -> float:
    """Return the present value of one USD so many quarters after the start of the plan."""
    return float((1.0 + case.finance.real_discount_rate) ** (-quarters / QUARTERS_PER_YEAR))


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
    return np.asarray(((gained - paid) * made * _worth_of_hours(case, world)).sum(axis=(1, 2)))


def _spared_by_delivery(case: Case, world: xr.Dataset) -> Floats:
    """Return the most that a delivered MWh, losses included, saves of a bill (region, year, slice) [USD/MWh].

    It takes the place of a purchase; or of own power, which then leaves over the connection, where that may be.
    """
    price = world["price"].transpose("region", "year", "slice").values
    loss = world["loss"].values[:, None, None]
    spared = price
    if case.tariffs.charge:
        rate = (world["tariff_energy"] - world["tariff_delivered"]).transpose("region", "year", "slice").values
        spared = rate / (1 + loss) / _worth_of_hours(case, world)
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
    gain = (price - paid) * world["forward_in"].values[:, None, :] * _worth_of_hours(case, world)
    by_season = np.stack([gain[:, :, season == c].sum(axis=2) for c in SEASONS], axis=2)
    return np.asarray(by_season.max(axis=(1, 2)))


def own_worth(case: Case, world: xr.Dataset) -> Floats:
    """Return the most that a MW on site can be worth, over the quarters of its entry into service [USD]."""
    saved, hours = _saved(case, world), world["slice_weight"].values
    season, money = world["slice_season"].values.astype(int), money_weights(case)
    plants, region = _labels(world, "plant"), _at(world, "own_region")
    worth = np.zeros(world.sizes["own"])
    for i, name in enumerate(world["own"].values.tolist()):
        mine = saved[region[i]]
        if name in plants:
            gain = np.maximum(0.0, mine - world["plant_running"].sel(plant=name).values[:, None])
            earned = gain * world["plant_available"].sel(plant=name).values
        else:
            earned = _arbitrage(case, world, name, mine)
        by_season = np.stack([(earned * hours)[:, season == c].sum(axis=1) for c in SEASONS], axis=1)
        worth[i] = _best_entry(case, world, i, by_season * money)
    return np.where(_hangs_on_lines(case, world)[region] & np.isfinite(worth), np.inf, worth)


def _hangs_on_lines(case: Case, world: xr.Dataset) -> Flags:
    """Return the regions whose tariff bills energy or peaks by more than a rate, so that nothing bounds a saving."""
    regions = np.array(world["region"].values.tolist())
    if not case.tariffs.charge:
        return np.zeros(len(regions), dtype=bool)
    place = dict(zip(world["line"].values.tolist(), world["line_region"].values.tolist(), strict=True))
    more = (world["bound_relief"] != 0).any("quarter").values | (world["bound_meter"].values != "")
    hang = {place[line] for line, flag in zip(world["bound_line"].values.tolist(), more.tolist(), strict=True) if flag}
    return np.isin(regions, sorted(hang))


def _labels(world: xr.Dataset, dim: str) -> list[str]:
    found: list[str] = world[dim].values.tolist() if dim in world.dims else []
    return found


def _saved(case: Case, world: xr.Dataset) -> Floats:
    """Return what a MWh made on site saves (region, year, slice) [USD/MWh]: a purchase with its losses and rider."""
    if case.tariffs.charge:
        billed = (world["tariff_energy"] + world["tariff_rider"]).transpose("region", "year", "slice").values
        return np.asarray(billed / _worth_of_hours(case, world))
    loss, rider = world["loss"].values[:, None, None], world["delivery_rider"].values[:, None, None]
    return np.asarray((1 + loss) * world["price"].transpose("region", "year", "slice").values + rider)


def _arbitrage(case: Case, world: xr.Dataset, store: str, saved: Floats) -> Floats:
    """Return what a MW of a battery earns in every slice at best (year, slice) [USD/h].

    Its days are those of the block ``store``; the columns are what goes in, comes out and is stored.
    """
    count, one_way = world.sizes["slice"], float(world["store_efficiency"].sel(store=store))
    worth, wear = _worth_of_hours(case, world), float(world["store_wear"].sel(store=store))
    before, length = _days(case, world)
    here = sp.identity(count, format="csr")
    earlier = sp.csr_array((np.ones(count), (np.arange(count), before)), shape=(count, count))
    through = sp.diags_array(length)
    balance = sp.hstack([-one_way * through, through / one_way, here - earlier]).tocsr()
    power, energy = np.ones(2 * count), np.full(count, float(world["store_hours"].sel(store=store)))
    bounds = np.stack([np.zeros(3 * count), np.concatenate([power, energy])], axis=1)
    earned = np.zeros_like(saved)
    for a, value in enumerate(saved):
        cost = np.concatenate([value * worth[a], (wear - value) * worth[a], np.zeros(count)]) / worth[a].mean()
        found = linprog(cost, A_eq=balance, b_eq=np.zeros(count), bounds=bounds, method="highs-ds")
        if found.status != 0:
            raise SolverError(f"the arbitrage of {store} could not be bounded: {found.message}")
        earned[a] = value * (found.x[count : 2 * count] - found.x[:count]) - wear * found.x[count : 2 * count]
    return earned * float(world["store_available"].sel(store=store))


def _days(case: Case, world: xr.Dataset) -> tuple[NDArray[np.int64], Floats]:
    """Return the position of the slice before each, the last one of its day before the first, and hours in the day."""
    day = world["slice_day"].values
    length = np.array([24.0 / np.sum(day == one) for one in day])
    before = np.arange(len(day)) - 1
    for one in [None] if case.supply.store_across_days else np.unique(day).tolist():
        mine = np.arange(len(day)) if one is None else np.flatnonzero(day == one)
        before[mine[0]] = mine[-1]
    return before.astype(np.int64), length


def _best_entry(case: Case, world: xr.Dataset, i: int, earned: Floats) -> float:
    """Return the most that a MW is worth, over the quarters in which it can enter service; never: minus infinity."""
    money, quarters = money_weights(case), list(case.quarters)
    region, accredited = int(_at(world, "own_region")[i]), float(world["own_accredited"].values[i])
    charge = world["capacity_charge"].transpose("region", "year", "season").values[region]
    capacity = 0.0 if case.tariffs.charge else accredited * charge * money
    off_peak = np.zeros(len(quarters))
    if case.tariffs.charge:
        off_peak = world["tariff_relief"].sum(("part", "year")).transpose("region", "quarter").values[region]
    upkeep = float(world["own_fixed"].values[i]) / QUARTERS_PER_YEAR * money
    after = [[quarters.index(case.capacity_quarter(a, c)) for c in SEASONS] for a in case.years]
    running, best = earned + capacity - upkeep, -np.inf
    for q in np.flatnonzero(world["own_most"].values[i] > 0):
        weight = _capital_weight(case, float(world["own_life"].values[i]), int(q))
        cost = float(world["own_cost"].values[i]) * (1 - float(world["own_credit"].values[i, q]))
        saved = float(running[np.array(after) >= q].sum()) + accredited * float(off_peak[q:].sum())
        best = max(best, saved - weight * cost)
    return best


def _capital_weight(case: Case, life_years: float, start: int) -> float:
    """Return the present value of owning an asset of one USD from a quarter to the end of the horizon.

    As level payments, or as purchases at the end of every life, less what is left of the last one in a straight line.
    """
    end = QUARTERS_PER_YEAR * (case.represented_years(case.years[-1])[-1] - case.years[0] + 1)
    life = QUARTERS_PER_YEAR * life_years
    if case.finance.capex_mode == "annuity":
        step = _discounted(case, 1)
        repaid = life if step == 1.0 else (1.0 - _discounted(case, life)) / (1.0 - step)
        return math.fsum(_discounted(case, n + 0.5) for n in range(start, end)) / repaid
    spent, bought = 0.0, start + 0.5
    while bought < end:
        spent, bought = spent + _discounted(case, bought), bought + life
    return spent - (bought - end) / life * _discounted(case, end)
