"""Draw the sites of a plan on a map: circles by power, with labels that keep out of each other's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.path import Path as PlotPath
from matplotlib.patheffects import withStroke

from grid_opt.plan.summary import BUILT_MW
from grid_opt.report import frames, map_panel, style, words
from grid_opt.report.labels import Box, Circle, place


def path_of(shape: Any) -> PlotPath:
    """Return the outline of a polygon or of several, holes included."""
    rings = [ring for part in getattr(shape, "geoms", [shape]) for ring in (part.exterior, *part.interiors)]
    return PlotPath.make_compound_path(*[PlotPath(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings])


def sites_on(plan: xr.Dataset, quarter: str) -> pd.DataFrame:
    """Return name, opening quarter and IT power [MW] of the sites in service through ``quarter``, largest first."""
    sites = frames.built(plan)
    power = frames.it_mw(plan).sel(quarter=quarter, region=list(sites.index)).values
    sites = sites[["name", "opens"]].assign(power_mw=power)
    return sites[sites["power_mw"] > BUILT_MW].sort_values("power_mw", ascending=False, kind="stable")


def draw_sites(
    axes: Any,
    sites: pd.DataFrame,
    points: gpd.GeoSeries,
    *,
    scale: map_panel.Scale,
    colors: dict[str, str],
    dots: list[tuple[float, float, float]],
) -> None:
    """Draw the sites as circles with their labels, which keep away from one another and from ``dots``."""
    labels = [
        f"{words.short(row['name'], 27)}\n{row['power_mw']:,.0f} MW IT · {row['opens']}"
        for row in sites.to_dict("records")
    ]
    draw_circles(axes, sites["power_mw"], labels, points, scale=scale, colors=colors, dots=dots)


def draw_circles(
    axes: Any,
    power_mw: pd.Series,
    labels: Sequence[str],
    points: gpd.GeoSeries,
    *,
    scale: map_panel.Scale,
    colors: Mapping[str, str],
    dots: Sequence[tuple[float, float, float]] = (),
) -> None:
    """Draw circles of areas by ``power_mw`` (above 0, by region) with their labels; see :func:`draw_sites`."""
    for region, power in power_mw.items():
        axes.plot(
            points[region].x, points[region].y, marker="o", markersize=scale.diameter(power),
            markerfacecolor=colors[str(region)], markeredgecolor="#ffffff", markeredgewidth=1.1, zorder=6,
        )  # fmt: skip
    axes.apply_aspect()
    pixels_per_point = axes.figure.dpi / 72.0
    to_page, to_map = axes.transData.transform, axes.transData.inverted().transform
    texts = [_label(axes, label) for label in labels]
    circles = []
    for region, power in power_mw.items():
        x, y = to_page((points[region].x, points[region].y))
        circles.append(Circle(float(x), float(y), scale.diameter(power) / 2 * pixels_per_point))
    sizes = []
    for text in texts:
        extent = text.get_window_extent(axes.figure.canvas.get_renderer())
        sizes.append((extent.width + 3 * pixels_per_point, extent.height + 2 * pixels_per_point))
    page = Box(*axes.get_window_extent().extents)
    at = to_page(np.array([dot[:2] for dot in dots]).reshape(-1, 2))
    marks = [Circle(float(x), float(y), dot[2] * pixels_per_point) for (x, y), dot in zip(at, dots, strict=True)]
    boxes = place(circles, sizes, page, dots=marks)
    for text, circle, box in zip(texts, circles, boxes, strict=True):
        _settle(text, circle, box, to_map)
        if box.gap(circle) > 9 * pixels_per_point:
            _draw_leader(axes, circle, box)


def _label(axes: Any, label: str) -> Any:
    halo = [withStroke(linewidth=3.2, foreground="#ffffff", alpha=0.9)]
    return axes.text(0, 0, label, fontsize=8.6, linespacing=1.2, va="center", path_effects=halo, zorder=9)


def _settle(text: Any, circle: Circle, box: Box, to_map: Any) -> None:
    """Move ``text`` into ``box``, its lines flush with the side that faces ``circle``."""
    x, side = box.center[0], "center"
    if box.x0 > circle.x:
        x, side = box.x0, "left"
    elif box.x1 < circle.x:
        x, side = box.x1, "right"
    text.set(position=to_map((x, box.center[1])), horizontalalignment=side, multialignment=side)


def _draw_leader(axes: Any, circle: Circle, box: Box) -> None:
    nearest = np.clip([circle.x, circle.y], [box.x0, box.y0], [box.x1, box.y1])
    direction = nearest - [circle.x, circle.y]
    rim = np.array([circle.x, circle.y]) + direction * circle.radius / np.hypot(*direction)
    ends = axes.transData.inverted().transform([rim, nearest])
    axes.plot(ends[:, 0], ends[:, 1], color=style.INK, linewidth=0.7, alpha=0.8, zorder=8)
