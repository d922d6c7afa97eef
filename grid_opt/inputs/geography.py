"""Read the outlines of the zones and refuse shapes that a map or an area could not trust."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import shape as to_shape

from grid_opt.errors import InputError
from grid_opt.inputs.schema_tables import OUTLINE_FILE, TABLES
from grid_opt.inputs.tables import input_path, read_table, read_utf8

LATITUDE = TABLES["zones"].column("latitude_deg")
LONGITUDE = TABLES["zones"].column("longitude_deg")
# outlines reach a little farther than the population centers that bound the columns of zones.csv
MARGIN_DEG = 2.0


def read_outlines(data_dir: Path | None = None) -> gpd.GeoDataFrame:
    """Return the outlines: columns ``zone`` and ``geometry``, EPSG:4326 [degrees], ordered as zones.csv.

    A ``zones.geojson`` in ``data_dir`` replaces the bundled one. Errors: InputError when the file is no
    GeoJSON, a zone is unknown, missing or there twice, a polygon crosses itself, or its coordinates are
    swapped or not in the United States.
    """
    path = input_path(OUTLINE_FILE, data_dir)
    wanted = [str(zone) for zone in read_table("zones", data_dir)["zone"]]
    shapes: dict[str, shapely.Geometry] = {}
    for number, feature in enumerate(_features(path), start=1):
        zone = _zone(path, number, feature, wanted)
        if zone in shapes:
            raise InputError(
                "duplicate zone",
                file=path,
                row=f"feature {number}",
                field="zone",
                value=zone,
                expected="each zone once",
                fix="remove one of its features, or join both to a MultiPolygon",
            )
        shapes[zone] = _outline(path, number, zone, feature)
    missing = [zone for zone in wanted if zone not in shapes]
    if missing:
        raise InputError(
            f"missing zone: {', '.join(missing)}",
            file=path,
            field="zone",
            expected="one feature for every zone of zones.csv",
            fix="add the outline of the zone",
        )
    return gpd.GeoDataFrame({"zone": wanted}, geometry=[shapes[zone] for zone in wanted], crs="EPSG:4326")


def _features(path: Path) -> list[dict[str, Any]]:
    """Return the features of a GeoJSON file."""
    try:
        content = json.loads(read_utf8(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"not GeoJSON: {error.msg}", file=path, row=error.lineno, expected="a GeoJSON FeatureCollection"
        ) from error
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        kind = content.get("type") if isinstance(content, dict) else type(content).__name__
        raise InputError("not GeoJSON", file=path, value=kind, expected="a GeoJSON FeatureCollection")
    return features


def _zone(path: Path, number: int, feature: dict[str, Any], wanted: list[str]) -> str:
    """Return the zone that a feature names."""
    properties = feature.get("properties")
    zone = properties.get("zone") if isinstance(properties, dict) else None
    if not isinstance(zone, str) or zone not in wanted:
        raise InputError(
            "a feature without a zone" if zone is None else "unknown zone",
            file=path,
            row=f"feature {number}",
            field="zone",
            value=zone,
            expected="the property zone, with an id of zones.csv",
        )
    return zone


def _outline(path: Path, number: int, zone: str, feature: dict[str, Any]) -> shapely.Geometry:
    """Return the checked polygon of a feature."""
    row = f"feature {number} (zone {zone})"
    try:
        outline = to_shape(feature.get("geometry"))
    except (
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        shapely.errors.ShapelyError,
    ) as error:
        raise InputError(
            "the geometry cannot be read",
            file=path,
            row=row,
            field="geometry",
            value=str(error),
            expected="a Polygon or MultiPolygon of closed rings of [longitude, latitude] points",
            fix="export the layer anew as GeoJSON, EPSG:4326",
        ) from error
    if outline.geom_type not in ("Polygon", "MultiPolygon") or outline.is_empty:
        raise InputError(
            "not a polygon",
            file=path,
            row=row,
            field="geometry",
            value="an empty geometry" if outline.is_empty else outline.geom_type,
            expected="a Polygon or MultiPolygon",
        )
    _check_place(path, row, outline)
    if not outline.is_valid:
        raise _crossing(path, row, zone, outline)
    return outline


def _check_place(path: Path, row: str, outline: shapely.Geometry) -> None:
    """Refuse coordinates that are swapped, not finite or not in the United States."""
    west, south, east, north = (float(bound) for bound in outline.bounds)
    if _fits(west, east, south, north):
        return
    swapped = _fits(south, north, west, east)
    raise InputError(
        "latitude and longitude look swapped" if swapped else "the outline is not in the United States",
        file=path,
        row=row,
        field="geometry",
        value=f"first number {west:g} to {east:g}, second number {south:g} to {north:g}",
        expected="[longitude, latitude] in degrees: -127 to -64, 22 to 52",
        fix="write each point as [longitude, latitude]" if swapped else "give degrees of EPSG:4326",
    )


def _fits(west: float, east: float, south: float, north: float) -> bool:
    bounds = (LONGITUDE.lower, LONGITUDE.upper, LATITUDE.lower, LATITUDE.upper)
    low_lon, high_lon, low_lat, high_lat = (math.nan if bound is None else bound for bound in bounds)
    inside_lon = low_lon - MARGIN_DEG <= west and east <= high_lon + MARGIN_DEG
    return inside_lon and low_lat - MARGIN_DEG <= south and north <= high_lat + MARGIN_DEG


def _crossing(path: Path, row: str, zone: str, outline: shapely.Geometry) -> InputError:
    """Return the refusal of an invalid polygon, with the point at which it breaks."""
    reason = shapely.is_valid_reason(outline)
    point = re.search(r"\[(\S+) (\S+?)\]", reason)
    place = f" at longitude {float(point[1]):.4f}, latitude {float(point[2]):.4f}" if point else ""
    words = "crosses itself (a bow-tie)" if reason.startswith("Self-intersection") else "is not valid"
    return InputError(
        f"the outline of zone {zone} {words}{place}",
        file=path,
        row=row,
        field="geometry",
        value=reason,
        expected="rings that do not cross or touch themselves",
        fix='mend it in QGIS with "Fix geometries"',
    )


def outline_rings(data_dir: Path | None = None) -> dict[str, list[list[npt.NDArray[np.float64]]]]:
    """Return the outlines as rings of (longitude, latitude) by zone: for each polygon its shell, then its holes."""
    outlines = read_outlines(data_dir)
    return {
        str(zone): [
            [shapely.get_coordinates(ring) for ring in (polygon.exterior, *polygon.interiors)]
            for polygon in shapely.get_parts(geometry)
        ]
        for zone, geometry in zip(outlines["zone"], outlines.geometry, strict=True)
    }
