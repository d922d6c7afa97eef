"""Make small cases whose campuses have sources of power beside wholesale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.config.sections_supply import STORES
from grid_opt.inputs.basis import hub_price
from grid_opt.inputs.schema_supply import supply_arrays
from grid_opt.inputs.supply import with_sales
from tests.tiny import SEASON_HOURS, tiny_case, tiny_world

QUARTERS = 4
QUICK_SOURCES = (
    "tariffs.charge=false",
    'supply.contracts=["financial", "physical"]',
    'supply.onsite=["engine", "fuel_cell", "solar", "battery"]',
)
"""Overrides that give the bundled case `quick` sources of every kind."""


@dataclass(frozen=True)
class Contract:
    """One long contract; price, production and price at the project are the same in every slice or given by slice."""

    offer: str
    region: str
    physical: bool = False
    technology: str = "wind"
    most: float = 30.0
    strike: float = 30.0
    production: float | tuple[float, ...] = 0.4
    price: float | tuple[float, ...] = 35.0
    basis: float = 0.0
    force: float = 1.0
    above_hub: float | tuple[float, ...] = 0.0


@dataclass(frozen=True)
class Block:
    """One forward block; its price by premium [USD/MWh] over the hub's mean of its hours."""

    block: str
    region: str
    premium: float = 2.0
    yearly: bool = False
    inside: tuple[float, ...] = (1.0,) * 8
    most: float = 100.0


@dataclass(frozen=True)
class Own:
    """One technology on site; money in USD per MW, and per MWh of a battery's energy.

    A battery has ``hours`` of energy, or as many as are worth it between these and ``most_hours``; of new energy
    ``usable`` may be used, less ``fade`` every year. ``backing`` hours stand behind every MW accredited.
    """

    technology: str
    region: str
    unit: float = 0.0
    most: float = 20.0
    ready: int = 0
    cost: float = 1e6
    credit: tuple[float, ...] = (0.0,) * QUARTERS
    fixed: float = 1e4
    life: float = 20.0
    accredited: float = 0.5
    running: float = 30.0
    available: float | tuple[float, ...] = 1.0
    emission: float = 0.5
    hours: float = 4.0
    most_hours: float | None = None
    energy_cost: float = 0.0
    energy_fixed: float = 0.0
    usable: float = 1.0
    fade: float = 0.0
    backing: float = 0.0
    one_way: float = 0.9
    wear: float = 1.0

    @property
    def label(self) -> str:
        """Its name in the world."""
        return f"{self.technology}@{self.region}"


def supply_case(supply: dict[str, Any], **sections: dict[str, Any]) -> Case:
    """Return a tiny case with sources of power; each keyword replaces knobs of one section."""
    return tiny_case(supply=supply, **sections)


def day_world(case: Case, regions: int = 1, seed: int = 0, hours: int = 4) -> xr.Dataset:
    """Return a tiny world whose days have so many slices, for batteries to shift power between."""
    world = tiny_world(case, regions, seed)
    rng = np.random.default_rng(seed + 7)
    at = np.repeat(np.arange(4), hours)
    picked = world.isel(slice=2 * at).assign_coords(slice=np.arange(4 * hours))
    picked["slice_weight"] = picked["slice_weight"].copy(data=np.repeat(SEASON_HOURS, hours) / hours)
    picked["slice_hour"] = picked["slice_hour"].copy(data=np.tile(np.arange(hours) * (24 // hours), 4))
    picked["price"] = picked["price"].copy(data=rng.uniform(5, 95, size=picked["price"].shape))
    return picked


def supply_world(
    case: Case,
    world: xr.Dataset,
    contracts: list[Contract] | None = None,
    blocks: list[Block] | None = None,
    own: list[Own] | None = None,
) -> xr.Dataset:
    """Add sources of power to a tiny world."""
    slices, years = world.sizes["slice"], len(case.years)
    parts: dict[str, Any] = {}
    coords: dict[str, list[str]] = {}
    if contracts:
        coords["ppa"] = [f"{c.offer}@{c.region}" for c in contracts]
        parts |= _contracts(contracts, slices, years)
    if blocks:
        coords["forward"] = [f"{b.block}@{b.region}" for b in blocks]
        parts |= _blocks(blocks, world, years)
    if own:
        coords["own"] = [o.label for o in own]
        parts |= _own(own)
        plants = [o for o in own if o.technology not in STORES]
        stores = [o for o in own if o.technology in STORES]
        if plants:
            coords["plant"] = [o.label for o in plants]
            parts |= {
                "plant_available": [np.broadcast_to(o.available, slices) for o in plants],
                "plant_running": [[o.running] * years for o in plants], "plant_emission": [o.emission for o in plants],
            }  # fmt: skip
        if stores:
            coords["store"] = [o.label for o in stores]
            parts |= {
                "store_least_hours": [o.hours for o in stores],
                "store_most_hours": [o.hours if o.most_hours is None else o.most_hours for o in stores],
                "store_left": [left(case, o) for o in stores], "store_cost": [o.energy_cost for o in stores],
                "store_fixed": [o.energy_fixed for o in stores],
                "store_accredited_hours": [o.backing for o in stores], "store_efficiency": [o.one_way for o in stores],
                "store_available": [1.0] * len(stores), "store_wear": [o.wear for o in stores],
            }  # fmt: skip
    declared = supply_arrays(case)
    found = world.assign_coords(coords).assign({n: (declared[n].dims, np.asarray(v)) for n, v in parts.items()})
    found = with_sales(case, found)
    for name, array in declared.items():
        found[name].attrs = {"units": array.unit, "long_name": array.meaning}
    return found


def left(case: Case, battery: Own) -> np.ndarray:
    """Return what can be used of energy of 2026 in its quarters, and in the years after it on average.

    Written out by hand: ages from the middle of one quarter to that of another, money of later years worth less.
    """
    found = np.zeros((QUARTERS, len(case.years), 4))
    worth = [(1 + case.finance.real_discount_rate) ** -y for y in range(case.horizon.long_run_until_year - 2026)]
    for q in range(QUARTERS):
        for c in range(4):
            if q <= c:
                found[q, 0, c] = battery.usable * (1 - battery.fade * (c - q + 0.5) / 4)
            for a in range(1, len(case.years)):
                ages = [((4 * (y + 1) + c - q + 0.5) / 4) % battery.life for y in range(len(worth))]
                share = [1 - battery.fade * age for age in ages]
                found[q, a, c] = battery.usable * float(np.dot(share, worth) / np.sum(worth))
    return found


def _contracts(contracts: list[Contract], slices: int, years: int) -> dict[str, Any]:
    shape = (years, slices)
    return {
        "ppa_offer": [c.offer for c in contracts], "ppa_region": [c.region for c in contracts],
        "ppa_technology": [c.technology for c in contracts], "ppa_physical": [float(c.physical) for c in contracts],
        "ppa_clean": [float(c.technology != "shaped") for c in contracts], "ppa_most": [c.most for c in contracts],
        "ppa_in_force": [np.full((years, 4), c.force) for c in contracts],
        "ppa_strike": [np.full((years, 4), c.strike) for c in contracts],
        "ppa_basis": [c.basis for c in contracts],
        "ppa_hub_basis": [np.broadcast_to(c.above_hub, slices) for c in contracts],
        "ppa_price": [np.broadcast_to(c.price, shape) for c in contracts],
        "ppa_production": [np.broadcast_to(c.production, shape) * c.force for c in contracts],
    }  # fmt: skip


def _blocks(blocks: list[Block], world: xr.Dataset, years: int) -> dict[str, Any]:
    season, weight = world["slice_season"].values, world["slice_weight"].values
    price = np.zeros((len(blocks), years, 4))
    for n, b in enumerate(blocks):
        spot = hub_price(world).sel(region=b.region).transpose("year", "slice").values
        for c in range(4):
            inside = np.array(b.inside) * weight * (season == c + 1)
            price[n, :, c] = (spot * inside).sum(axis=1) / inside.sum() + b.premium
    return {
        "forward_block": [b.block for b in blocks], "forward_region": [b.region for b in blocks],
        "forward_yearly": [float(b.yearly) for b in blocks], "forward_in": [b.inside for b in blocks],
        "forward_most": [np.full((years, 4), b.most) for b in blocks], "forward_price": price,
    }  # fmt: skip


def _own(own: list[Own]) -> dict[str, Any]:
    return {
        "own_technology": [o.technology for o in own], "own_region": [o.region for o in own],
        "own_unit": [o.unit for o in own],
        "own_most": [[o.most * (q >= o.ready) for q in range(QUARTERS)] for o in own],
        "own_cost": [o.cost for o in own], "own_credit": [o.credit for o in own], "own_fixed": [o.fixed for o in own],
        "own_life": [o.life for o in own], "own_accredited": [o.accredited for o in own],
    }  # fmt: skip


RICH_SUPPLY: dict[str, Any] = {
    "contracts": ["financial", "physical"], "forwards": True, "least_hedged_share": 0.5, "export_share": 0.5,
    "onsite": ["engine", "solar", "battery"],
}  # fmt: skip
"""Knobs under which every rule of supply has something to rule."""


def rich_sources(world: xr.Dataset) -> dict[str, list[Any]]:
    """Return sources of every kind, for those of regions Z0 and Z1 that there are."""
    slices = world.sizes["slice"]
    sun = tuple(float(n % 2) for n in range(slices))
    half = tuple(float(n % 2 == 0) for n in range(slices))
    engine = Own("engine", "Z0", unit=5.0, ready=1, cost=4e5, running=20.0, accredited=0.9)
    sources: dict[str, list[Any]] = {
        "contracts": [
            Contract("wind", "Z0", strike=25.0, most=6.0),
            Contract("wind", "Z1", strike=25.0, most=6.0),
            Contract("hydro", "Z0", physical=True, technology="hydro", strike=22.0, price=20.0, basis=2.0,
                     production=0.6),
        ],
        "blocks": [Block("flat", "Z0", inside=(1.0,) * slices, yearly=True),
                   Block("peak", "Z1", inside=half, premium=1.0),
                   Block("flat", "Z1", inside=(1.0,) * slices, premium=1.5)],
        "own": [engine, Own("solar", "Z0", most=8.0, cost=2e5, running=0.0, available=sun, emission=0.0,
                            credit=(0.3, 0.3, 0.0, 0.0)),
                Own("battery", "Z0", most=6.0, cost=2e5, fixed=1e3, hours=1.0, most_hours=8.0, energy_cost=2e4,
                    energy_fixed=2e2, usable=0.9, fade=0.02, backing=8.0), replace(engine, region="Z1", ready=2)],
    }  # fmt: skip
    here = world["region"].values.tolist()
    return {kind: [one for one in some if one.region in here] for kind, some in sources.items()}
