"""Turn outlines and points of a plan into SVG: plain paths in a frame of 1000 units, equal-area (EPSG:5070)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import xarray as xr

from grid_opt.plan.geometry import Outlines
from grid_opt.report.places import all_outlines, bus_points, zone_outlines, zone_points

WIDTH = 1000.0
_PAD = 0.02


@dataclass(frozen=True)
class Shapes:
    """Hold what the map draws: its height, meters per unit, land without data, zones and points."""

    height: float
    meters_per_unit: float
    land: str
    coast: str
    outlines: list[str]
    points: list[tuple[float, float]]
    ends: list[tuple[float, float]]


def shapes_of(plan: xr.Dataset, outlines: Outlines | None = None) -> Shapes:
    """Return the shapes of a plan; places of a network without outlines get none, and are drawn as points."""
    points = zone_points(plan)
    if "bus" in plan.dims:
        buses = bus_points(plan)
        around = _box(buses.total_bounds, 0.06)
        near = all_outlines(outlines).cx[around[0] : around[2], around[1] : around[3]].clip(around)
        frame = _Frame.around(around)
        return Shapes(
            frame.height, frame.unit, " ".join(frame.path(shape) for shape in near), "", ["" for _ in points],
            frame.points(points), frame.points(buses),
        )  # fmt: skip
    shapes = zone_outlines(plan, outlines)
    known = shapes.dropna()
    frame = _Frame.around(_box(_joined(known, points), _PAD))
    drawn = ["" if shape is None else frame.path(shape) for shape in shapes]
    coast = frame.path(known.union_all()) if len(known) else ""
    placed = frame.points(points)
    return Shapes(frame.height, frame.unit, "", coast, drawn, placed, placed)


def _joined(shapes: gpd.GeoSeries, points: gpd.GeoSeries) -> Any:
    bounds = [series.total_bounds for series in (shapes, points) if len(series)]
    return [*np.min([one[:2] for one in bounds], axis=0), *np.max([one[2:] for one in bounds], axis=0)]


def _box(bounds: Any, share: float) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = map(float, bounds)
    pad = share * max(x1 - x0, y1 - y0, 1000.0)
    return x0 - pad, y0 - pad, x1 + pad, y1 + pad


@dataclass(frozen=True)
class _Frame:
    """Map meters to units: left edge, upper edge, meters per unit, height."""

    left: float
    top: float
    unit: float
    height: float

    @classmethod
    def around(cls, box: tuple[float, float, float, float]) -> _Frame:
        x0, y0, x1, y1 = box
        unit = (x1 - x0) / WIDTH
        return cls(x0, y1, unit, round((y1 - y0) / unit, 1))

    def at(self, x: float, y: float) -> tuple[float, float]:
        return round((x - self.left) / self.unit, 1), round((self.top - y) / self.unit, 1)

    def points(self, series: gpd.GeoSeries) -> list[tuple[float, float]]:
        return [self.at(point.x, point.y) for point in series]

    def path(self, shape: Any) -> str:
        """Return a polygon, or several, as path data with steps of a tenth of a unit from corner to corner."""
        parts = [part for part in getattr(shape, "geoms", [shape]) if part.geom_type == "Polygon"]
        return "".join(self._ring(ring.coords) for part in parts for ring in (part.exterior, *part.interiors))

    def _ring(self, corners: Any) -> str:
        xy = np.asarray(corners)[:-1, :2]
        tenths = np.rint((xy - [self.left, self.top]) / self.unit * [10.0, -10.0]).astype(int)
        steps = np.diff(tenths, axis=0)
        steps = steps[(steps != 0).any(axis=1)]
        start = f"M{_tenths(tenths[0, 0])} {_tenths(tenths[0, 1])}"
        return start + "l" + " ".join(f"{_tenths(dx)} {_tenths(dy)}" for dx, dy in steps.tolist()) + "z"


def _tenths(value: int) -> str:
    whole, rest = divmod(abs(int(value)), 10)
    return ("-" if value < 0 else "") + (f"{whole}.{rest}" if rest else f"{whole}")
