r"""Leave out, before the search, offers of power that cannot pay for themselves in any hour of the plan.

Prices do not react to the plan, so that what a MW of an offer can earn is bounded whatever else is decided: it takes
the place of a purchase at the price and rider of its hour, or is sold for less. An offer whose bound is below its cost
from every quarter on is in no optimal plan. So that every dimension keeps a label, the best of each kind stays.

The bounds, by region, year and slice, with the price :math:`\pi`, rider and losses:

- own plant: its running cost against :math:`v = (1 + \lambda) \pi` plus the rider; where there are batteries, against
  the best hour of the day less their losses;
- a battery: the dearest hours of every day, as many as it can discharge in, against the cheapest hour;
- capacity: the price of all that is accredited;
- a long contract: its strike against the price at the project, or what delivery saves.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from grid_opt.config import Case
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
    """Return the regions in which the smallest campus fits what can be connected at some time."""
    smallest = max(case.campus.min_campus_mw, case.campus.hall_mw) * world["pue_peak"].values
    most = most_hosted(world).transpose("region", "quarter").values.max(axis=1)
    return np.asarray(most >= smallest * (1 - 1e-9))


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
    gained = world["ppa_price"].transpose("ppa", "year", "slice").values.copy()
    physical = world["ppa_physical"].values > 0
    if physical.any():
        at_campus = world["price"].transpose("region", "year", "slice").values[_at(world, "ppa_region")]
        delivered = at_campus - world["ppa_basis"].values[:, None, None]
        sold = np.maximum(0.0, gained - case.supply.sale_margin_usd_per_mwh)
        gained[physical] = np.maximum(delivered, sold)[physical]
    made = world["ppa_production"].transpose("ppa", "year", "slice").values
    return np.asarray(((gained - paid) * made * _worth_of_hours(case, world)).sum(axis=(1, 2)))


def forward_worth(case: Case, world: xr.Dataset) -> Floats:
    """Return the most that a MW of every forward block can be worth in a calendar quarter [USD, present value]."""
    season = world["slice_season"].values.astype(int)
    price = world["price"].transpose("region", "year", "slice").values[_at(world, "forward_region")]
    paid = world["forward_price"].transpose("forward", "year", "season").values[:, :, season - 1]
    gain = (price - paid) * world["forward_in"].values[:, None, :] * _worth_of_hours(case, world)
    by_season = np.stack([gain[:, :, season == c].sum(axis=2) for c in SEASONS], axis=2)
    return np.asarray(by_season.max(axis=(1, 2)))


def own_worth(case: Case, world: xr.Dataset) -> Floats:
    """Return the most that a MW on site can be worth, over the quarters of its entry into service [USD]."""
    hours, saved = _worth_of_hours(case, world), _saved(world)
    best, cheapest = _of_day(case, world, saved)
    season = world["slice_season"].values.astype(int)
    plants = _labels(world, "plant")
    region, worth = _at(world, "own_region"), np.zeros(world.sizes["own"])
    for i, name in enumerate(world["own"].values.tolist()):
        r = region[i]
        if name in plants:
            running = world["plant_running"].sel(plant=name).values[:, None]
            through = float((world["store_efficiency"].values ** 2).max()) if "store" in world.dims else 0.0
            gain = np.maximum(0.0, np.maximum(saved[r], through * best[r]) - running)
            earned = gain * world["plant_available"].sel(plant=name).values * hours
        else:
            earned = _arbitrage(case, world, name, saved[r], cheapest[r]) * hours
        by_season = np.stack([earned[:, season == c].sum(axis=1) for c in SEASONS], axis=1)
        worth[i] = _best_entry(case, world, i, by_season)
    return worth


def _labels(world: xr.Dataset, dim: str) -> list[str]:
    found: list[str] = world[dim].values.tolist() if dim in world.dims else []
    return found


def _saved(world: xr.Dataset) -> Floats:
    """Return what a MWh made on site saves (region, year, slice) [USD/MWh]: a purchase with its losses and rider."""
    loss, rider = world["loss"].values[:, None, None], world["delivery_rider"].values[:, None, None]
    return np.asarray((1 + loss) * world["price"].transpose("region", "year", "slice").values + rider)


def _of_day(case: Case, world: xr.Dataset, saved: Floats) -> tuple[Floats, Floats]:
    """Return the best and the cheapest hour of the day of every slice, or of the year where batteries span days."""
    day = np.zeros(world.sizes["slice"]) if case.supply.store_across_days else world["slice_day"].values
    best, cheapest = saved.copy(), saved.copy()
    for one in np.unique(day):
        mine = day == one
        best[:, :, mine] = saved[:, :, mine].max(axis=2, keepdims=True)
        cheapest[:, :, mine] = saved[:, :, mine].min(axis=2, keepdims=True)
    return best, cheapest


def _arbitrage(case: Case, world: xr.Dataset, store: str, saved: Floats, cheapest: Floats) -> Floats:
    """Return the most that a MW of a battery can earn in every slice (year, slice) [USD/h]."""
    one_way = float(world["store_efficiency"].sel(store=store))
    if "plant" in world.dims:
        cheapest = np.minimum(cheapest, 0.0)  # what would not be made otherwise
    spread = np.maximum(0.0, saved - cheapest / one_way**2 - float(world["store_wear"].sel(store=store)))
    if case.supply.store_across_days:
        return spread
    day, gain = world["slice_day"].values, np.zeros_like(spread)
    for one in np.unique(day):
        mine = np.flatnonzero(day == one)
        busy = math.ceil(len(mine) * one_way**2 / (1 + one_way**2))  # the rest of the day it charges
        order = np.argsort(-spread[:, mine], axis=1)[:, :busy]
        rows = np.arange(spread.shape[0])[:, None]
        gain[rows, mine[order]] = spread[rows, mine[order]]
    return gain * float(world["store_available"].sel(store=store))


def _best_entry(case: Case, world: xr.Dataset, i: int, earned: Floats) -> float:
    """Return the most that a MW is worth, over the quarters in which it can enter service; never: minus infinity."""
    money, quarters = money_weights(case), list(case.quarters)
    charge = world["capacity_charge"].transpose("region", "year", "season").values[_at(world, "own_region")[i]]
    capacity = float(world["own_accredited"].values[i]) * charge * money
    upkeep = float(world["own_fixed"].values[i]) / QUARTERS_PER_YEAR * money
    after = [[quarters.index(case.capacity_quarter(a, c)) for c in SEASONS] for a in case.years]
    running, best = earned + capacity - upkeep, -np.inf
    for q in np.flatnonzero(world["own_most"].values[i] > 0):
        weight = _capital_weight(case, float(world["own_life"].values[i]), int(q))
        cost = float(world["own_cost"].values[i]) * (1 - float(world["own_credit"].values[i, q]))
        best = max(best, float(running[np.array(after) >= q].sum()) - weight * cost)
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
