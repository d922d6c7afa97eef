"""Read the shape of the zonal network: which links meet a zone, and which zones swing together."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def incident_links(world: xr.Dataset) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the links that leave and that enter every zone, by the direction in which they are declared."""
    out_of: dict[str, list[str]] = {z: [] for z in world["zone"].values.tolist()}
    into: dict[str, list[str]] = {z: [] for z in out_of}
    for link, start, end in zip(
        world["link"].values.tolist(), world["link_from"].values.tolist(), world["link_to"].values.tolist(),
        strict=True,
    ):  # fmt: skip
        out_of[start].append(link)
        into[end].append(link)
    return out_of, into


def reference_zones(world: xr.Dataset) -> frozenset[str]:
    """Return the alphabetically first zone of every synchronous area: every component joined by AC links."""
    zones = world["zone"].values.tolist()
    number = {z: i for i, z in enumerate(zones)}
    ac = world["link_kind"].values == "AC"
    start = [number[z] for z in world["link_from"].values[ac].tolist()]
    end = [number[z] for z in world["link_to"].values[ac].tolist()]
    joined = coo_array((np.ones(len(start)), (start, end)), shape=(len(zones), len(zones)))
    _, area = connected_components(joined, directed=False)
    first: dict[int, str] = {}
    for zone, label in sorted(zip(zones, area.tolist(), strict=True)):
        first.setdefault(label, zone)
    return frozenset(first.values())
