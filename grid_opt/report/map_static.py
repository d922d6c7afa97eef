"""Draw the plan as one still map: where the megawatts go, when they are on, and what power costs there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.collections import PathCollection
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from grid_opt.plan.geometry import Outlines
from grid_opt.report import frames, map_nodal, map_panel, style
from grid_opt.report.map_sites import draw_sites, path_of, sites_on
from grid_opt.report.places import zone_outlines, zone_points

WIDTH_IN, HEIGHT_IN = 13.2, 7.4
MAP_BOX = (0.008, 0.05, 0.705, 0.825)
DOTS_PER_LINK = 41


@dataclass(frozen=True)
class Fill:
    """Say how candidate regions are colored: by ``column``, in steps of ``norm``, explained by ``title``."""

    column: str
    title: str
    norm: BoundaryNorm
    colors: LinearSegmentedColormap


def write_map(plan: xr.Dataset, path: str | Path, quarter: str | None = None, outlines: Outlines | None = None) -> None:
    """Write the map of what is in service through ``quarter`` (default: the last), PNG or SVG by the suffix.

    ``outlines`` are rings of longitude and latitude by zone; by default the bundled ones.

    Raises: ValueError for a quarter outside the plan or another suffix; OSError when it cannot be written.
    """
    quarters = [str(label) for label in plan["quarter"].values]
    quarter = quarter or quarters[-1]
    if quarter not in quarters:
        raise ValueError(f"quarter {quarter!r} is not in the plan, which covers {quarters[0]} to {quarters[-1]}")
    with style.look():
        figure = draw(plan, quarter, outlines)
    style.save(figure, path)


def draw(plan: xr.Dataset, quarter: str, outlines: Outlines | None = None) -> Figure:
    """Return the finished figure of what is in service through ``quarter``."""
    if "bus" in plan.dims:
        return map_nodal.draw(plan, quarter, outlines)
    figure = style.new_figure(WIDTH_IN, HEIGHT_IN)
    regions = frames.regions(plan, quarter)
    shapes = zone_outlines(plan, outlines).dropna()
    points = zone_points(plan)
    links = frames.links(plan, quarter)
    hour = frames.tightest_hour(links)
    if hour:
        links = links.assign(flow_mw=links[f"flow_{hour}_mw"], binds=links[f"binds_{hour}"])
    campus = frames.case_of(plan).campus
    too_small = regions.index[regions["hostable_it_mw"] < max(campus.min_campus_mw, campus.hall_mw)]
    fill = _fill(regions.drop(too_small), frames.price_year(plan, quarter))

    axes = figure.add_axes(MAP_BOX)
    _draw_land(axes, shapes, regions, fill, too_small)
    scale = map_panel.Scale.fitting(frames.it_mw(plan).values, links["flow_mw"].to_numpy())
    shown = links[links["flow_mw"].abs() >= scale.least_flow_mw].sort_values("binds", kind="stable")
    dots = _draw_links(axes, shown, points, scale)
    colors = map_panel.region_colors(plan)
    draw_sites(axes, sites_on(plan, quarter), points, scale=scale, colors=colors, dots=dots)
    map_panel.draw_scale_bar(axes)
    map_panel.draw_heading(figure, plan, quarter)
    map_panel.draw_build_out(figure, plan, quarter)
    map_panel.draw_legend(
        figure, fill.norm, fill.colors, fill.title, scale=scale, hour=hour if len(shown) else "",
        binds=bool(shown["binds"].any()), too_small_by=frames.last_quarter(plan) if len(too_small) else "",
    )  # fmt: skip
    map_panel.draw_provenance(figure, plan)
    return figure


def _fill(regions: pd.DataFrame, year: int) -> Fill:
    column = "wholesale_usd_per_mwh"
    values = regions[column].dropna()
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    if high - low < 1.0:
        low, high = low - 1.0, high + 1.0
    steps = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    colors = LinearSegmentedColormap.from_list("price", style.PRICE_COLORS)
    return Fill(column, f"Mean wholesale price in {year}, USD/MWh", BoundaryNorm(steps, colors.N), colors)


def _draw_land(axes: Any, outlines: gpd.GeoSeries, regions: pd.DataFrame, fill: Fill, too_small: pd.Index[Any]) -> None:
    """Shade the candidates by price; hatch those in which even the smallest campus never finds its headroom."""
    values = regions[fill.column].drop(too_small).reindex(outlines.index)
    colors = [style.LAND if np.isnan(value) else to_hex(fill.colors(fill.norm(value))) for value in values]
    zones = [path_of(shape) for shape in outlines]
    axes.add_collection(PathCollection(zones, facecolors=colors, edgecolors="#ffffff", linewidths=0.7, zorder=1))
    hatched = [path_of(shape) for shape in outlines[outlines.index.isin(too_small)]]
    lines: dict[str, Any] = {
        "facecolors": "none",
        "edgecolors": style.HATCH,
        "linewidths": 0.0,
        "hatch": style.HATCH_PATTERN,
    }
    axes.add_collection(PathCollection(hatched, zorder=1.5, **lines))
    coast = [path_of(outlines.union_all())]
    axes.add_collection(PathCollection(coast, facecolors="none", edgecolors="#9aa5b1", linewidths=0.6, zorder=2))
    x0, y0, x1, y1 = outlines.total_bounds
    pad_x, pad_y = 0.02 * (x1 - x0), 0.02 * (y1 - y0)
    axes.set_xlim(x0 - pad_x, x1 + 2.2 * pad_x)
    axes.set_ylim(y0 - pad_y, y1 + pad_y)
    axes.set_aspect("equal", anchor="W")
    axes.set_axis_off()


def _draw_links(
    axes: Any, links: pd.DataFrame, points: gpd.GeoSeries, scale: map_panel.Scale
) -> list[tuple[float, float, float]]:
    """Draw the flows and return points along them, x [m], y [m] and half a width [points], to keep away from."""
    dots: list[tuple[float, float, float]] = []
    for row in links.to_dict("records"):
        start, end = points[row["from_zone"]], points[row["to_zone"]]
        if row["flow_mw"] < 0:
            start, end = end, start
        binds = bool(row["binds"])
        width = scale.line_width(row["flow_mw"])
        look: dict[str, Any] = {
            "color": style.ALERT if binds else style.LINE,
            "alpha": 0.95 if binds else 0.55 + 0.2 * width / scale.full_width,
            "zorder": 4 if binds else 3,
        }
        axes.plot([start.x, end.x], [start.y, end.y], linewidth=width, solid_capstyle="round", **look)
        angle = np.degrees(np.arctan2(end.y - start.y, end.x - start.x))
        middle = (start.x + end.x) / 2, (start.y + end.y) / 2
        arrow: dict[str, Any] = {
            "marker": (3, 0, angle - 90),
            "markersize": 4.5 + 1.2 * width,
            "markeredgewidth": 0,
        }
        axes.plot(middle[0], middle[1], **arrow, **look)
        for share in np.linspace(0.0, 1.0, DOTS_PER_LINK):
            x, y = start.x + share * (end.x - start.x), start.y + share * (end.y - start.y)
            dots.append((x, y, max(width / 2, (3.5 + 0.6 * width) * (abs(share - 0.5) < 0.05))))
    return dots
