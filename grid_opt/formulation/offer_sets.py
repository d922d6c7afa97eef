"""Tell, of the menu of offers in a world, which belong together and what is open to whom."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from grid_opt.inputs.offers import UNCOUNTED


def numbers(world: xr.Dataset, name: str) -> dict[str, float]:
    """Return an array of numbers by offer."""
    return dict(zip(world["offer"].values.tolist(), world[name].values.tolist(), strict=True))


def named(world: xr.Dataset, name: str) -> dict[str, str]:
    """Return a text array by offer."""
    return {str(j): str(v) for j, v in zip(world["offer"].values, world[name].values, strict=True)}


def members(world: xr.Dataset, chosen: Mapping[str, float] | None = None) -> dict[str, list[str]]:
    """Return the offers of every region, all or those for which ``chosen`` is not zero."""
    found: dict[str, list[str]] = {r: [] for r in world["region"].values.tolist()}
    for j, r in named(world, "offer_region").items():
        if chosen is None or chosen[j]:
            found[r].append(j)
    return found


def on_headroom(world: xr.Dataset) -> tuple[dict[str, list[str]], dict[tuple[str, int], list[str]]]:
    """Return the offers on the headroom of their time by region, and by region and lead those up to that lead.

    A lead that no offer of the region has is empty: its limit is that of a smaller one.
    """
    shared, ahead = numbers(world, "offer_on_headroom"), numbers(world, "offer_ahead")
    mine = members(world, shared)
    now = {r: [j for j in some if ahead[j] == 0] for r, some in mine.items()}
    leads = world["ahead"].values.tolist()
    later = {
        (r, n): [j for j in some if ahead[j] <= n] if any(ahead[j] == n for j in some) else []
        for r, some in mine.items()
        for n in leads
    }
    return now, later


def has_choice(world: xr.Dataset) -> dict[str, float]:
    """Return which offers have a study or a least size, so that taking them is a decision of its own."""
    study = world["offer_study"].max("quarter")
    return {
        j: float(a > 0 or b > 0)
        for j, a, b in zip(world["offer"].values.tolist(), study.values, world["offer_least"].values, strict=True)
    }


def counted(world: xr.Dataset) -> dict[str, float]:
    """Return 1 for offers that count towards a threshold, else 0."""
    return {j: float(kind not in UNCOUNTED) for j, kind in named(world, "offer_kind").items()}


def most_counted(world: xr.Dataset) -> xr.DataArray:
    """Return the most MW that count towards a threshold, by region and quarter; at least the threshold."""
    counts, at = counted(world), members(world)
    cap = world["offer_cap"]
    rows = [cap.sel(offer=[j for j in at[r] if counts[j]]).sum("offer") for r in world["region"].values.tolist()]
    total = xr.concat(rows, dim=world["region"], coords="minimal").transpose("region", "quarter")
    return total.where(total >= world["region_threshold"], world["region_threshold"]).transpose("region", "quarter")


def may_be_large(world: xr.Dataset) -> dict[tuple[str, str], float]:
    """Return where and when a campus may be of the threshold's size: when an offer for it is open, or one for any."""
    regime, counts, cap = numbers(world, "offer_regime"), counted(world), world["offer_cap"].to_series().to_dict()
    found = {}
    for r, mine in members(world).items():
        large = [j for j in mine if regime[j] > 0]
        small = [j for j in mine if regime[j] < 0]
        other = [j for j in mine if regime[j] == 0 and counts[j]] if small else []
        for q in world["quarter"].values.tolist():
            found[r, q] = float(any(cap[j, q] > 0 for j in large + other))
    return found


def final_quarter(world: xr.Dataset) -> dict[str, str]:
    """Return the last quarter in which every offer is in force."""
    quarters = world["quarter"].values.tolist()
    last = [int(np.flatnonzero(row > 0)[-1]) for row in world["offer_cap"].transpose("offer", "quarter").values]
    return dict(zip(world["offer"].values.tolist(), [quarters[n] for n in last], strict=True))
