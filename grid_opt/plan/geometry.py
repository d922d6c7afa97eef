"""Store polygons in a dataset as CF geometry containers, and read them back.

A container (CF-1.11, section 7.5) lists the nodes of all polygons one after another and says how many
belong to each polygon and to each ring. Polygons come in as plain rings of longitude and latitude, so that
no geometry library is needed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

Ring: TypeAlias = "Sequence[Sequence[float]] | npt.NDArray[np.float64]"
"""Points (longitude, latitude) in degrees; the last repeats the first."""
Polygon: TypeAlias = "Sequence[Ring]"
"""An outer ring and then its holes."""
Outlines: TypeAlias = "Mapping[str, Sequence[Polygon]]"
"""The polygons of every region or zone, by its id."""

CRS_NAME = "crs"


def names(dim: str) -> dict[str, str]:
    """Return the names of the variables that hold the geometry of ``dim``."""
    parts = ("geometry", "node_count", "part_node_count", "interior_ring", "node_lon", "node_lat")
    return {part: f"{dim}_{part}" for part in parts}


def container(dim: str, ids: Sequence[str], outlines: Outlines) -> dict[str, xr.Variable]:
    """Return the variables of a CF geometry container for the instances ``ids`` of dimension ``dim``.

    Outer rings are turned anticlockwise and holes clockwise, and every ring is closed, as CF asks.

    Raises: KeyError for an id without an outline; ValueError for a ring with fewer than three corners.
    """
    rings: list[npt.NDArray[np.float64]] = []
    holes: list[int] = []
    nodes_of: list[int] = []
    for one in ids:
        before = len(rings)
        for polygon in outlines[one]:
            for position, ring in enumerate(polygon):
                rings.append(_oriented(ring, hole=position > 0, owner=one))
                holes.append(int(position > 0))
        nodes_of.append(sum(len(ring) for ring in rings[before:]))
    nodes = np.concatenate(rings)
    name = names(dim)
    part, node = f"{dim}_part", f"{dim}_node"
    degrees = {"lon": "degrees_east", "lat": "degrees_north"}
    long = {"lon": "longitude", "lat": "latitude"}
    variables = {
        name["geometry"]: xr.Variable((), np.int32(0), _container_attrs(name, any(holes), dim)),
        name["node_count"]: _counts(dim, nodes_of, f"Nodes of the outline of each {dim}"),
        name["part_node_count"]: _counts(part, [len(r) for r in rings], f"Nodes of each ring of a {dim}"),
    }
    if any(holes):
        meaning = "1 for a hole, 0 for an outer ring"
        variables[name["interior_ring"]] = _counts(part, holes, meaning)
    for column, axis in enumerate(("lon", "lat")):
        attrs = {
            "units": degrees[axis],
            "long_name": f"{long[axis].capitalize()} of the nodes of the outline",
            "axis": "X" if axis == "lon" else "Y",
        }
        variables[name[f"node_{axis}"]] = xr.Variable((node,), np.ascontiguousarray(nodes[:, column]), attrs)
    return variables


def crs_variable() -> xr.Variable:
    """Return the grid mapping of plain longitude and latitude on WGS 84 (EPSG:4326)."""
    return xr.Variable(
        (),
        np.int32(0),
        {
            "grid_mapping_name": "latitude_longitude",
            "long_name": "WGS 84, EPSG:4326",
            "semi_major_axis": 6378137.0,
            "inverse_flattening": 298.257223563,
            "longitude_of_prime_meridian": 0.0,
        },
    )


def read_container(raw: xr.Dataset, dim: str) -> dict[str, list[list[npt.NDArray[np.float64]]]]:
    """Return the outlines that :func:`container` stored, by id; empty when the file has none for ``dim``."""
    name = names(dim)
    if name["geometry"] not in raw:
        return {}
    nodes = np.column_stack([raw[name["node_lon"]].values, raw[name["node_lat"]].values])
    sizes = raw[name["part_node_count"]].values.tolist()
    holes = raw[name["interior_ring"]].values.tolist() if name["interior_ring"] in raw else [0] * len(sizes)
    rings = [nodes[start:end] for start, end in pairwise([0, *np.cumsum(sizes).tolist()])]
    found: dict[str, list[list[npt.NDArray[np.float64]]]] = {}
    queue = list(zip(rings, holes, strict=True))
    for one, total in zip(raw[dim].values.tolist(), raw[name["node_count"]].values.tolist(), strict=True):
        polygons: list[list[npt.NDArray[np.float64]]] = []
        left = total
        while left > 0:
            ring, hole = queue.pop(0)
            left -= len(ring)
            if hole:
                polygons[-1].append(ring)
            else:
                polygons.append([ring])
        found[str(one)] = polygons
    return found


def _oriented(ring: Ring, *, hole: bool, owner: str) -> npt.NDArray[np.float64]:
    points = np.asarray(ring, dtype=np.float64)[:, :2]
    if not np.array_equal(points[0], points[-1]):
        points = np.concatenate([points, points[:1]])
    if len(points) < 4:
        raise ValueError(f"the outline of {owner} has a ring with fewer than three corners")
    x, y = points[:, 0] - points[0, 0], points[:, 1] - points[0, 1]
    twice_area = float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    clockwise = twice_area < 0
    return points if clockwise == hole else points[::-1]


def _counts(dim: str, values: Sequence[int], meaning: str) -> xr.Variable:
    attrs = {"units": "1", "long_name": meaning, "coverage_content_type": "auxiliaryInformation"}
    return xr.Variable((dim,), np.asarray(values, dtype=np.int32), attrs)


def _container_attrs(name: Mapping[str, str], has_holes: bool, dim: str) -> dict[str, Any]:
    attrs = {
        "geometry_type": "polygon",
        "node_count": name["node_count"],
        "part_node_count": name["part_node_count"],
        "node_coordinates": f"{name['node_lon']} {name['node_lat']}",
        "grid_mapping": CRS_NAME,
        "long_name": f"Outline of each {dim}",
    }
    if has_holes:
        attrs["interior_ring"] = name["interior_ring"]
    return attrs


def from_geojson(geometry: Mapping[str, Any]) -> list[Polygon]:
    """Return the polygons of a GeoJSON geometry, such as ``shape.__geo_interface__`` of any geometry library.

    Raises: ValueError for a geometry that is no area.
    """
    if geometry["type"] == "Polygon":
        return [geometry["coordinates"]]
    if geometry["type"] == "MultiPolygon":
        return list(geometry["coordinates"])
    raise ValueError(f"an outline must be a Polygon or a MultiPolygon, not a {geometry['type']}")
