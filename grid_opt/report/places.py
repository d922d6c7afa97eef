"""Put the zones of a plan on the map plane: points and outlines in EPSG:5070."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import xarray as xr
from shapely.geometry import MultiPolygon, Polygon

from grid_opt.inputs.geography import read_outlines
from grid_opt.plan.geometry import Outlines

CRS = "EPSG:5070"
"""CONUS Albers, equal-area, meters."""


def zone_points(plan: xr.Dataset) -> gpd.GeoSeries:
    """Return the point of each zone of ``plan`` [m]; index ``zone``."""
    points = gpd.points_from_xy(plan["zone_lon"].values, plan["zone_lat"].values, crs="EPSG:4326")
    return gpd.GeoSeries(points, index=_zones(plan)).to_crs(CRS)


def zone_outlines(plan: xr.Dataset, outlines: Outlines | None = None) -> gpd.GeoSeries:
    """Return the outline of each zone of ``plan`` [m], nothing where a zone has none; index ``zone``.

    ``outlines`` are rings of longitude and latitude by zone, such as a plan file carries; by default the
    bundled ones. Rings come out in one order and direction, whichever they had.
    """
    return all_outlines(outlines).reindex(_zones(plan))


def all_outlines(outlines: Outlines | None = None) -> gpd.GeoSeries:
    """Return every outline that is known [m], by zone; see :func:`zone_outlines`."""
    if outlines is None:
        known = read_outlines().set_index("zone").geometry
    else:
        shapes = [MultiPolygon([Polygon(one[0], one[1:]) for one in parts]) for parts in outlines.values()]
        known = gpd.GeoSeries(shapes, index=list(outlines), crs="EPSG:4326")
    parts = [(MultiPolygon([shape]) if isinstance(shape, Polygon) else shape).normalize() for shape in known]
    return gpd.GeoSeries(parts, index=known.index, crs=known.crs).to_crs(CRS)


def bus_points(plan: xr.Dataset) -> gpd.GeoSeries:
    """Return the point of each bus of the network of ``plan`` [m]; index ``bus``."""
    points = gpd.points_from_xy(plan["bus_lon"].values, plan["bus_lat"].values, crs="EPSG:4326")
    return gpd.GeoSeries(points, index=pd.Index([str(bus) for bus in plan["bus"].values], name="bus")).to_crs(CRS)


def _zones(plan: xr.Dataset) -> pd.Index[str]:
    return pd.Index([str(zone) for zone in plan["zone"].values], name="zone")
