"""Say to which campuses contracts may deliver energy: those whose tariff bills energy at the wholesale price.

A utility that bills energy at rates of its own sells it bundled with its delivery; nobody else may. So an offer of
energy for a campus there is left out, and said to be. A tariff that changes, by date or by size, counts as bundled
where any of its schedules that is in force while the plan runs is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import xarray as xr

from grid_opt.config import Case
from grid_opt.inputs.tariff_terms import Horizon
from grid_opt.inputs.tariffs import tariffs_of
from grid_opt.tariffs.delivery import closed_schedules

LEFT_OUT = "deliveries_left_out_json"
"""Attribute of a world: offers of energy for campuses that cannot take it, and why, by ``offer@region``."""


def without_access(case: Case, world: xr.Dataset) -> dict[str, str]:
    """Return, by region, why no contract can deliver there; regions where one can are not in it."""
    if not case.tariffs.charge:
        return {}
    tariffs, months = tariffs_of(world), Horizon(case).months
    closed = {name: closed_schedules(tariff, months) for name, tariff in tariffs.items()}
    named = zip(world["region"].values.tolist(), world["region_tariff"].values.tolist(), strict=True)
    return {region: _why(str(name), closed[name]) for region, name in named if closed[name]}


def _why(tariff: str, schedules: list[str]) -> str:
    return f"tariff {tariff}, schedule{'s' if len(schedules) > 1 else ''} {', '.join(schedules)}"


def left_out(world: xr.Dataset) -> Mapping[str, str]:
    """Return why offers of energy were left out for want of retail access, by ``offer@region``."""
    found: dict[str, str] = json.loads(str(world.attrs.get(LEFT_OUT, "{}")))
    return found
