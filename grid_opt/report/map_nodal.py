"""Draw a plan at the buses of a network: lines, those whose limits cost money, candidates by local price, and sites."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from grid_opt.plan.geometry import Outlines
from grid_opt.report import frames, map_panel, nodal_frames, style
from grid_opt.report.map_sites import draw_sites, path_of, sites_on
from grid_opt.report.places import all_outlines, bus_points, zone_points

MAP_BOX = (0.008, 0.05, 0.705, 0.825)
BINDING_USD_PER_MW_YEAR = 1000.0
"""Worth of a limit above which its line is drawn as one that holds the system back."""
_MARGIN = 0.06
_COLORS = ("#fdf3d1", "#f6d38a", "#e9a45f", "#c9713f", "#8f4a2b")


def draw(plan: xr.Dataset, quarter: str, outlines: Outlines | None = None) -> Figure:
    """Return the finished figure of what is in service through ``quarter``."""
    figure = style.new_figure(13.2, 7.4)
    axes = figure.add_axes(MAP_BOX)
    buses, points = bus_points(plan), zone_points(plan)
    table = nodal_frames.candidates(plan, quarter)
    norm, colors = _scale_of(table["local_price_usd_per_mwh"])
    _draw_land(axes, all_outlines(outlines), buses)
    _draw_lines(axes, nodal_frames.lines(plan, quarter), buses)
    _draw_candidates(axes, table, points, norm, colors)
    scale = map_panel.Scale.fitting(frames.it_mw(plan).values, np.zeros(1))
    shown = map_panel.region_colors(plan)
    draw_sites(axes, sites_on(plan, quarter), points, scale=scale, colors=shown, dots=_dots(points))
    map_panel.draw_scale_bar(axes, km=100)
    map_panel.draw_heading(figure, plan, quarter)
    map_panel.draw_build_out(figure, plan, quarter)
    _draw_legend(figure, norm, colors, frames.price_year(plan, quarter), scale)
    map_panel.draw_provenance(figure, plan)
    return figure


def _scale_of(price: pd.Series) -> tuple[BoundaryNorm, LinearSegmentedColormap]:
    low, high = float(price.min()), float(price.max())
    if high - low < 1.0:
        low, high = low - 1.0, high + 1.0
    steps = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    colors = LinearSegmentedColormap.from_list("local price", _COLORS)
    return BoundaryNorm(steps, colors.N), colors


def _draw_land(axes: Any, outlines: gpd.GeoSeries, buses: gpd.GeoSeries) -> None:
    """Draw the outlines around the network, and fit the map to the network."""
    x0, y0, x1, y1 = buses.total_bounds
    pad = _MARGIN * max(x1 - x0, y1 - y0, 1.0)
    near = outlines.cx[x0 - 4 * pad : x1 + 4 * pad, y0 - 4 * pad : y1 + 4 * pad]
    shapes = [path_of(shape) for shape in near]
    axes.add_collection(PathCollection(shapes, facecolors=style.LAND, edgecolors="#d9dde2", linewidths=0.8, zorder=1))
    axes.set_xlim(x0 - pad, x1 + pad)
    axes.set_ylim(y0 - pad, y1 + pad)
    axes.set_aspect("equal", anchor="C")
    axes.set_axis_off()


def _draw_lines(axes: Any, lines: pd.DataFrame, buses: gpd.GeoSeries) -> None:
    """Draw every line, those in red whose limits cost money; transformers within a substation have no length."""
    place = {bus: (point.x, point.y) for bus, point in buses.items()}
    binds = (lines["worth_usd_per_mw_year"] > BINDING_USD_PER_MW_YEAR).to_numpy()
    ends = [(place[a], place[b]) for a, b in zip(lines["from_bus"], lines["to_bus"], strict=True)]
    rating = lines["limit_mw"].fillna(lines["limit_mw"].max()).to_numpy(dtype=float)
    width = 0.25 + 1.15 * np.sqrt(rating / max(float(np.nanmax(rating, initial=1.0)), 1.0))
    for chosen, color, order, more in ((~binds, "#9aa5b1", 2, 0.0), (binds, style.ALERT, 3, 0.7)):
        kept = np.flatnonzero(chosen)
        segments = LineCollection(
            [ends[k] for k in kept], linewidths=width[kept] + more, alpha=0.85, color=color, zorder=order
        )
        axes.add_collection(segments)


def _draw_candidates(
    axes: Any, table: pd.DataFrame, points: gpd.GeoSeries, norm: BoundaryNorm, colors: LinearSegmentedColormap
) -> None:
    for region, price in table["local_price_usd_per_mwh"].items():
        axes.plot(
            points[region].x, points[region].y, marker="s", markersize=6.5, markeredgecolor=style.INK,
            markeredgewidth=0.7, markerfacecolor=to_hex(colors(norm(price))), zorder=5,
        )  # fmt: skip


def _dots(points: gpd.GeoSeries) -> list[tuple[float, float, float]]:
    return [(point.x, point.y, 5.0) for point in points]


def _draw_legend(
    figure: Figure, norm: BoundaryNorm, colors: LinearSegmentedColormap, year: int, scale: map_panel.Scale
) -> None:
    """Explain the squares, the circles and the lines."""
    x, y, width, height = map_panel.LEGEND_BOX
    wide, high = width * figure.get_figwidth() * 72, height * figure.get_figheight() * 72
    canvas = figure.add_axes(map_panel.LEGEND_BOX)
    canvas.set(xlim=(0, wide), ylim=(0, high))
    canvas.set_axis_off()
    map_panel.write_title(canvas, high - 6, f"Candidate: mean local price {year}, USD/MWh")
    bar = figure.add_axes((x + 0.001, y + height * (1 - 32 / high), width * 0.6, height * 13 / high))
    figure.colorbar(ScalarMappable(norm, colors), cax=bar, orientation="horizontal", spacing="proportional")
    bar.tick_params(labelsize=8.5, length=0)
    bar.xaxis.set_major_formatter("{x:g}")
    bar.set_frame_on(False)
    map_panel.explain_circles(canvas, high - 76, scale)
    map_panel.write_title(canvas, high - 146, "Line: width by rating")
    for k, (color, words) in enumerate(
        (("#9aa5b1", "within its limits"),
         (style.ALERT, f"one MW more of it saves over ${BINDING_USD_PER_MW_YEAR:,.0f} in {year}"))
    ):  # fmt: skip
        canvas.plot([2, 28], [high - 165 - 18 * k] * 2, color=color, linewidth=2.0, clip_on=False)
        canvas.text(34, high - 165 - 18 * k, words, va="center", fontsize=8.5, color=style.MUTED)
