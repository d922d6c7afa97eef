"""Make small cases whose campuses choose among offers of grid service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.inputs.schema_offers import MENU, UPGRADE
from tests.tiny import tiny_case, tiny_world

RELIEF = ("compute", "battery", "engine")
FIXED = (0.0, 200e3, 150e3)
ENERGY = (0.0, 25.0, 50.0)
ACCREDITED = (1.0, 0.5, 0.9)


@dataclass(frozen=True)
class Offer:
    """One offer of a tiny menu; MW by quarter, money in USD per MW."""

    product: str
    region: str
    cap: tuple[float, ...] = (100.0,) * 4
    kind: str = "firm"
    shared: float = 1.0
    ahead: float = 0.0
    least: float = 0.0
    lasting: float = 0.0
    regime: float = 0.0
    firm: float = 1.0
    own: float = 0.0
    study: float = 0.0
    upgrade: float = 0.0
    security: float = 0.0
    rent: float = 0.0
    hours: float = 0.0
    hours_own: float = 0.0
    fits: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def label(self) -> str:
        """Its name in the world."""
        return f"{self.product}@{self.region}"


def menu_case(**sections: dict[str, Any]) -> Case:
    """Return a tiny case with a menu; each keyword replaces knobs of one section."""
    connection = {"menu": True, "max_curtailment_fraction_of_energy": 0.01} | sections.pop("connection", {})
    return tiny_case(connection=connection, **sections)


def firm_everywhere(world: xr.Dataset) -> list[Offer]:
    """Return firm service on the headroom of every region, at no price."""
    return [Offer("firm", r) for r in world["region"].values.tolist()]


def menu_world(
    case: Case,
    offers: list[Offer],
    world: xr.Dataset | None = None,
    threshold: dict[str, float] | None = None,
    upgrades: dict[str, list[Any]] | None = None,
    relief: tuple[str, ...] = RELIEF,
) -> xr.Dataset:
    """Add a menu to a tiny world; headroom of later quarters is that of the world, its last value kept."""
    world = tiny_world(case) if world is None else world
    regions, quarters = world["region"].values.tolist(), list(case.quarters)
    aheads = sorted({0} | {int(o.ahead) for o in offers})
    headroom, last = world["headroom"].values, len(quarters) - 1
    at = [RELIEF.index(f) for f in relief]
    lost = case.flexibility.value_of_lost_compute_usd_per_mwh / world["pue_peak"].values
    study = np.zeros((len(offers), len(quarters)))
    for j, o in enumerate(offers):
        study[j, int(np.argmax(np.array(o.cap) > 0))] = o.study
    values: dict[str, Any] = {
        "offer_product": [o.product for o in offers], "offer_region": [o.region for o in offers],
        "offer_kind": [o.kind for o in offers], "offer_on_headroom": [o.shared for o in offers],
        "offer_ahead": [o.ahead for o in offers], "offer_cap": [o.cap for o in offers],
        "offer_least": [o.least for o in offers], "offer_lasting": [o.lasting for o in offers],
        "offer_regime": [o.regime for o in offers],
        "region_threshold": [(threshold or {}).get(r, 0.0) for r in regions],
        "offer_firm": [o.firm for o in offers], "offer_own_supply": [o.own for o in offers], "offer_study": study,
        "offer_upgrade": [o.upgrade for o in offers], "offer_security": [o.security for o in offers],
        "offer_rent": [o.rent for o in offers],
        "call_hours": [[o.hours if f == "compute" else o.hours_own for o in offers] for f in relief],
        "relief_fits": np.array([[[o.fits[f]] * len(quarters) for o in offers] for f in at]),
        "relief_fixed": [FIXED[f] for f in at],
        "relief_call_cost": np.array([ENERGY[f] + (lost if f == 0 else 0 * lost) for f in at]),
        "relief_accredited": [ACCREDITED[f] for f in at],
        "hosting": np.stack([headroom[:, [min(q + n, last) for q in range(last + 1)]] for n in aheads], axis=1),
        "committed_load": np.zeros((world.sizes["zone"], len(quarters))),
    }  # fmt: skip
    declared, coords = dict(MENU), {"offer": [o.label for o in offers], "ahead": aheads, "relief": list(relief)}
    if upgrades is not None:
        values, declared = values | {k: v for k, v in upgrades.items() if k != "upgrade"}, declared | UPGRADE
        coords["upgrade"] = upgrades["upgrade"]
    found = world.assign_coords(coords)
    found = found.assign({n: (declared[n].dims, np.asarray(v)) for n, v in values.items()})
    for name in values:
        found[name].attrs = {"units": declared[name].unit, "long_name": declared[name].meaning}
    return found


def rich_offers(world: xr.Dataset | None = None) -> list[Offer]:
    """Return a menu in which every rule has something to rule, for those of regions Z0, Z1 and Z2 that there are."""
    regions = ["Z0", "Z1", "Z2"] if world is None else world["region"].values.tolist()
    offers = [
        Offer("firm", "Z0", lasting=1.0, upgrade=1e5, security=5e4),
        Offer("soon", "Z0", kind="conditional", ahead=2.0, firm=0.25, hours=100.0, hours_own=40.0),
        Offer("small", "Z1", cap=(24.9,) * 4, regime=-1.0),
        Offer("large", "Z1", cap=(0.0, 60.0, 60.0, 60.0), regime=1.0, study=2e5, security=4e4),
        Offer("lease", "Z1", cap=(4.0, 8.0, 12.0, 12.0), kind="lease", shared=0.0, rent=9e3, lasting=1.0),
        Offer("firm", "Z2"),
        Offer("beside", "Z2", cap=(0.0, 0.0, 15.0, 15.0), kind="behind_the_meter", shared=0.0, own=1.0, rent=3e4,
              lasting=1.0),
        Offer("block", "Z2", cap=(0.0, 12.0, 12.0, 12.0), kind="interim", shared=0.0, least=11.0, study=1e5, firm=0.0,
              hours=80.0, hours_own=20.0, fits=(1.0, 0.0, 1.0)),
    ]  # fmt: skip
    return [offer for offer in offers if offer.region in regions]


RICH_THRESHOLD = {"Z1": 25.0}


def rich_upgrades(case: Case) -> dict[str, list[Any]]:
    """Return one upgrade of a region and one of a link."""
    ready = [[float(n >= first) for n in range(len(case.quarters))] for first in (1, 2)]
    return {
        "upgrade": ["station", "line"], "upgrade_target": ["region", "link"], "upgrade_place": ["Z2", "Z0>Z1"],
        "upgrade_forward": [20.0, 25.0], "upgrade_reverse": [0.0, 25.0], "upgrade_cost": [3e6, 2e6],
        "upgrade_ready": ready,
    }  # fmt: skip
