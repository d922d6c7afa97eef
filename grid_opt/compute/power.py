"""Power and hourly cost of a system: provisioned against drawn, IT against utility."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid_opt.compute.accelerators import Accelerator
from grid_opt.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Power:
    """Power [kW] and cost [USD/h] of one system of ``devices``; ``it_kw`` is what a hall must hold for it."""

    devices: int
    idle_kw: float
    load_kw: float
    it_kw: float
    utility_kw: float
    usd_per_hour: float

    def drawn(self, busy: Array | float) -> Array:
        """Return IT power [kW] at a share of time in which memory or arithmetic work: idle + (load - idle) * busy."""
        return np.asarray(self.idle_kw + (self.load_kw - self.idle_kw) * np.clip(busy, 0.0, 1.0))


def power_of(accelerator: Accelerator) -> Power:
    """Collect the figures. Raises :class:`InputError` naming the one that is missing."""
    for name in ("idle_kw", "load_kw", "usd_per_hour"):
        if getattr(accelerator, name) is None:
            raise InputError(
                f"the accelerator {accelerator.name} lacks a figure that power and cost need",
                field=name,
                expected="a figure with value, unit, source, certainty and date",
            )
    assert accelerator.idle_kw is not None and accelerator.load_kw is not None and accelerator.usd_per_hour is not None
    return Power(
        devices=accelerator.devices_per_system,
        idle_kw=accelerator.idle_kw.value,
        load_kw=accelerator.load_kw.value,
        it_kw=accelerator.it_kw.value,
        utility_kw=accelerator.utility_kw.value,
        usd_per_hour=accelerator.usd_per_hour.value,
    )
