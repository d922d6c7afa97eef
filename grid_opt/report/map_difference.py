"""Draw where plans differ from a first one: megawatts more and less, region by region, one map for each plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from grid_opt.plan.geometry import Outlines
from grid_opt.plan.summary import BUILT_MW
from grid_opt.report import frames, map_panel, style, words
from grid_opt.report.map_sites import draw_circles, path_of
from grid_opt.report.places import all_outlines, zone_points

MORE, LESS, SAME = "#2a6fa8", "#c9713f", "#8a94a0"
"""Blue and orange, which no color blindness confuses; gray where the same is built."""
_COLUMNS = 2
_WIDTH_IN, _HEIGHT_IN, _TOP_IN = 9.2, 6.1, 0.95
_TINT = 0.22


def difference_table(first: xr.Dataset, other: xr.Dataset) -> pd.DataFrame:
    """Return IT power at the end of the build-out of both plans and its difference [MW], by region built in either.

    ``opens`` says by how the first quarter differs: that of the other plan, and that of the first where it is another.
    """
    ends = [_at_end(plan) for plan in (first, other)]
    regions = sorted(set(ends[0].index) | set(ends[1].index))
    one, two = (end["it_mw"].reindex(regions, fill_value=0.0) for end in ends)
    when = [end["opens"].reindex(regions, fill_value="") for end in ends]
    names = ends[0]["name"].combine_first(ends[1]["name"]).reindex(regions)
    moved = [f"{a} → {b}" if a and b and a != b else (b or a) for a, b in zip(*when, strict=True)]
    found = pd.DataFrame(
        {"name": names, "first_mw": one, "other_mw": two, "difference_mw": two - one, "opens": moved},
        index=pd.Index(regions, name="region"),
    )
    order = found["difference_mw"].abs().sort_values(ascending=False, kind="stable").index
    return found.loc[order]


def _at_end(plan: xr.Dataset) -> pd.DataFrame:
    return frames.built(plan)[["name", "it_mw", "opens"]]


def write_difference_map(
    labels: Sequence[str], plans: Sequence[xr.Dataset], path: str | Path, outlines: Sequence[Outlines | None]
) -> None:
    """Write where the plans after the first differ from it, PNG or SVG by the suffix.

    ``outlines`` are rings of longitude and latitude by zone, for every plan; by default the bundled ones.

    Raises: ValueError for another suffix; OSError when it cannot be written.
    """
    with style.look():
        figure = draw_differences(labels, plans, outlines)
    style.save(figure, path, dpi=160)


def draw_differences(labels: Sequence[str], plans: Sequence[xr.Dataset], outlines: Sequence[Outlines | None]) -> Figure:
    """Return the finished figure: one map for every plan but the first, all in one scale."""
    tables = [difference_table(plans[0], other) for other in plans[1:]]
    columns = min(_COLUMNS, len(tables))
    rows = -(-len(tables) // columns)
    width, height = _WIDTH_IN * columns, _HEIGHT_IN * rows + _TOP_IN
    figure = style.new_figure(width, height)
    title = f"IT power at the end of the build-out: what differs from “{words.short(labels[0], 34)}”"
    figure.text(0.2 / width, 1 - 0.38 / height, title, fontsize=14, fontweight="bold")
    top = max(float(table["difference_mw"].abs().max()) if len(table) else 0.0 for table in tables)
    scale = map_panel.Scale(max(top, 1.0), 1.0)
    for k, (label, plan, table) in enumerate(zip(labels[1:], plans[1:], tables, strict=True)):
        left, below = k % columns * _WIDTH_IN, height - _TOP_IN - (k // columns + 1) * _HEIGHT_IN
        box = (left / width, below / height, _WIDTH_IN / width, (_HEIGHT_IN - 0.55) / height)
        points = pd.concat([zone_points(plans[0]), zone_points(plan)])
        axes = figure.add_axes(box)
        _draw_map(axes, table, points[~points.index.duplicated()], outlines[k + 1], scale, "bus" in plan.dims)
        head = (left + 0.2) / width, (below + _HEIGHT_IN - 0.4) / height
        figure.text(*head, words.short(label, 40), fontsize=11, fontweight="bold")
        figure.text(head[0], head[1] - 0.22 / height, _in_words(table), fontsize=9, color=style.MUTED)
    _draw_key(figure, width, height, scale)
    return figure


def _draw_map(
    axes: Any,
    table: pd.DataFrame,
    points: gpd.GeoSeries,
    outlines: Outlines | None,
    scale: map_panel.Scale,
    buses: bool,
) -> None:
    land = all_outlines(outlines).dropna()
    tints = {region: _color(mw) for region, mw in table["difference_mw"].items()}
    shapes = [path_of(shape) for shape in land]
    axes.add_collection(PathCollection(shapes, facecolors=style.LAND, edgecolors="#e4e7eb", linewidths=0.6, zorder=1))
    own = land[land.index.isin(table.index)]
    axes.add_collection(
        PathCollection(
            [path_of(shape) for shape in own], facecolors=[tints[region] for region in own.index], alpha=_TINT,
            edgecolors="none", zorder=1.5,
        )
    )  # fmt: skip
    coast = [path_of(land.union_all())]
    axes.add_collection(PathCollection(coast, facecolors="none", edgecolors="#9aa5b1", linewidths=0.6, zorder=2))
    x0, y0, x1, y1 = points.total_bounds if buses else land.total_bounds
    pad = 0.04 * max(x1 - x0, y1 - y0)
    axes.set(xlim=(x0 - pad, x1 + pad), ylim=(y0 - pad, y1 + pad))
    axes.set_aspect("equal")
    axes.set_axis_off()
    differs = table[table["difference_mw"].abs() > BUILT_MW]
    same = table.drop(differs.index)
    for region in same.index:
        dot: dict[str, Any] = {"markersize": 5, "markerfacecolor": SAME, "markeredgecolor": style.PAPER}
        axes.plot(points[region].x, points[region].y, marker="o", zorder=5, **dot)
    names = [
        f"{words.short(row['name'], 25)}\n{_signed(row['difference_mw'])} MW · {row['opens']}"
        for row in differs.to_dict("records")
    ]
    sizes, colors = differs["difference_mw"].abs(), {str(region): tints[region] for region in differs.index}
    draw_circles(axes, sizes, names, points, scale=scale, colors=colors)


def _color(difference_mw: float) -> str:
    if abs(difference_mw) <= BUILT_MW:
        return SAME
    return MORE if difference_mw > 0 else LESS


def _in_words(table: pd.DataFrame) -> str:
    """Say how many megawatts stand elsewhere, and how many there are more or less in all."""
    difference = table["difference_mw"]
    more, less = float(difference.clip(lower=0.0).sum()), float(difference.clip(upper=0.0).sum())
    if max(more, -less) <= BUILT_MW:
        return "the same IT power in every region"
    return f"{_signed(more)} MW and {_signed(less)} MW: {_signed(more + less)} MW in all"


def _signed(value: float) -> str:
    return "±0" if abs(value) < 0.5 else f"{value:+,.0f}".replace("-", "−")


def _draw_key(figure: Figure, width: float, height: float, scale: map_panel.Scale) -> None:
    """Explain colors and areas, with numbers and units."""
    canvas = figure.add_axes((0.0, 1 - _TOP_IN / height, 1.0, 0.5 / height))
    canvas.set(xlim=(0, 72 * width), ylim=(0, 36))
    canvas.set_axis_off()
    x = 20.0
    for color, text in ((MORE, "more"), (LESS, "less"), (SAME, "the same")):
        canvas.plot(x, 20, marker="o", markersize=9, markerfacecolor=color, markeredgecolor=style.PAPER)
        canvas.text(x + 9, 20, text, va="center", fontsize=9, color=style.MUTED)
        x += 56
    large = map_panel.round_number(scale.full_power_mw)
    look: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": style.MUTED}
    for power in (large / 5, large):
        canvas.plot(x + 20, 18, marker="o", markersize=scale.diameter(power), clip_on=False, **look)
        canvas.text(x + 42, 20, f"{power:,g} MW", va="center", fontsize=9, color=style.MUTED)
        x += 76
    note = "area: MW that differ · label: opens, before → after"
    canvas.text(x + 8, 20, note, va="center", fontsize=9, color=style.MUTED)
