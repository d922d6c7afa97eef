"""Read from a plan what was decided before the future was known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import xarray as xr

KINDS: Final = ("sites", "requests", "studies", "orders", "contracts")
"""What a first stage holds: regions with a campus, MW requested by offer, offers taken, MW ordered, MW signed."""

OF_STAGE: Final[dict[str, tuple[str, ...]]] = {
    "sites": ("sites",),
    "connections": ("requests", "studies"),
    "equipment": ("orders",),
    "contracts": ("contracts",),
}
"""The kinds of choices that each group of a stochastic study names."""

ROOTS: Final = {"sites": "sited", "requests": "requested", "studies": "studied", "orders": "ordered",
                "contracts": "signed"}  # fmt: skip
"""What the block ``risk`` calls the variables of each kind."""

DIMS: Final = {"sites": "region", "requests": "offer", "studies": "offer", "orders": "own", "contracts": "ppa"}
UNITS: Final = {"sites": "1", "requests": "MW", "studies": "1", "orders": "MW", "contracts": "MW"}
MEANINGS: Final = {
    "sites": "1 where a campus is decided on before the scenario is known",
    "requests": "MW requested of the offer before the scenario is known",
    "studies": "1 where the offer is taken before the scenario is known",
    "orders": "MW of equipment on site ordered before the scenario is known",
    "contracts": "nameplate under long contracts signed before the scenario is known",
}


@dataclass(frozen=True)
class FirstStage:
    """What is decided now, by kind and label; a kind that is not in the first stage is absent."""

    of: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def get(self, kind: str, label: str) -> float:
        """Return what was decided of a label; nothing of one that is not known."""
        return float(self.of.get(kind, {}).get(label, 0.0))

    def __contains__(self, kind: str) -> bool:
        return kind in self.of


@dataclass(frozen=True)
class Room:
    """Between what the first stage may be yet: least and most by kind and label; what is not there is open."""

    of: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)

    def get(self, kind: str, label: str) -> tuple[float, float]:
        """Return the least and the most of a label."""
        return self.of.get(kind, {}).get(label, (0.0, np.inf))

    def least(self) -> FirstStage:
        """Return the first stage that decides the least."""
        return FirstStage({kind: {label: low for label, (low, _) in some.items()} for kind, some in self.of.items()})


def kinds_of(stage: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of choices in some groups."""
    return tuple(kind for group in stage for kind in OF_STAGE[group])


def first_stage_of(plan: xr.Dataset, stage: Sequence[str]) -> FirstStage:
    """Return the first stage of a plan, as far as it has choices of the kind."""
    found: dict[str, dict[str, float]] = {}
    arrays = {
        "sites": lambda: plan["site"].isel(quarter=-1),
        "requests": lambda: at_last_cap(plan, plan["contract"]),
        "studies": lambda: plan["taken"],
        "orders": lambda: plan["own_mw"].isel(quarter=-1),
        "contracts": lambda: plan["ppa_mw"],
    }
    for kind in kinds_of(stage):
        dim = DIMS[kind]
        if dim not in plan.dims:
            continue
        array = arrays[kind]()
        found[kind] = {str(k): float(v) for k, v in zip(plan[dim].values, array.values, strict=True)}
    return FirstStage(found)


def at_last_cap(plan: xr.Dataset, array: xr.DataArray) -> xr.DataArray:
    """Return an array over (offer, quarter) in the last quarter in which each offer is in force."""
    cap = plan["offer_cap"].transpose("offer", "quarter").values > 0
    last = cap.shape[1] - 1 - np.argmax(cap[:, ::-1], axis=1)
    values = array.transpose("offer", "quarter").values[np.arange(len(last)), last]
    return xr.DataArray(values, coords={"offer": plan["offer"].values}, dims="offer")
