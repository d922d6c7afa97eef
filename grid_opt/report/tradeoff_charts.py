"""Draw what trades off: fronts of costs and other criteria, and the sites of plans that cost nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from grid_opt.config.sections_tradeoff import UNITS
from grid_opt.plan.geometry import Outlines
from grid_opt.report import style
from grid_opt.report.map_sites import path_of
from grid_opt.report.places import zone_outlines, zone_points
from grid_opt.report.words import plain

_COST, _BOUND = style.REGION_COLORS[0], style.REGION_COLORS[3]
_SAME, _NEW = style.REGION_COLORS[4], style.REGION_COLORS[3]
_WORDS: Final = {
    "carbon": "emissions of all years",
    "tokens": "tokens not served",
    "waiting": "power not yet in service",
    "water": "water of all years",
    "concentration": "largest region",
}
_MOST_NAMED: Final = 25
_FULL_POINTS: Final = 260.0
_BUILT_MW: Final = 1e-6


def draw_front(front: xr.Dataset, names: Sequence[str], title: str) -> Figure:
    """Return costs over each criterion, with what is proven of them, and the sites of every point."""
    wide = 5.2 * len(names) + 5.2
    figure = style.new_figure(wide, 4.9)
    share = 1.0 / (len(names) + 1)
    for n, name in enumerate(names):
        plot = figure.add_axes((share * n + 0.62 / wide, 0.14, share - 0.92 / wide, 0.68))
        _costs_over(plot, front, name, connect=len(names) == 1)
    plot = figure.add_axes((share * len(names) + 0.75 / wide, 0.14, share - 1.0 / wide, 0.68))
    _sites(plot, front)
    figure.text(
        0.12 / wide, 0.94, f"{plain(title, 80)}: what less of it costs", color=style.INK, fontsize=12, fontweight="bold"
    )
    return figure


def _costs_over(plot: Axes, front: xr.Dataset, name: str, connect: bool) -> None:
    x, cost = front[name].values, front["cost"].values
    order = np.argsort(x, kind="stable")
    if connect:
        plot.step(x[order], cost[order], where="post", color=style.FAINT, linewidth=1.2, zorder=1)
    plot.vlines(x, np.minimum(front["cost_bound"].values, cost), cost, color=_BOUND, linewidth=2.0, zorder=2,
                label="what is left to prove")  # fmt: skip
    plot.scatter(x, cost, s=34, color=_COST, zorder=3, label="plan")
    if len(x) <= _MOST_NAMED:
        for number, at, height in zip(front["point"].values, x, cost, strict=True):
            plot.annotate(str(number), (at, height), textcoords="offset points", xytext=(5, 5), fontsize=7.5,
                          color=style.MUTED)  # fmt: skip
    plot.set_xlabel(f"{_WORDS[name]} [{UNITS[name]}]")
    plot.set_ylabel("costs, present value [million USD]")
    plot.ticklabel_format(useOffset=False)
    plot.xaxis.set_major_locator(_few_ticks())
    plot.margins(0.09)
    plot.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    _clean(plot)


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    return MaxNLocator(6)


def _sites(plot: Axes, front: xr.Dataset) -> None:
    """Stack the IT power of the sites of every point."""
    power = front["it_mw"]
    built = [r for r in power["region"].values.tolist() if float(power.sel(region=r).max()) > _BUILT_MW]
    below = np.zeros(power.sizes["point"])
    for n, region in enumerate(built):
        mw = power.sel(region=region).values
        color = style.REGION_COLORS[n % len(style.REGION_COLORS)]
        hatch = ("", "////", "....", "xxxx")[(n // len(style.REGION_COLORS)) % 4]
        plot.bar(front["point"].values, mw, bottom=below, color=color, width=0.8, label=plain(region, 24), hatch=hatch,
                 edgecolor=style.PAPER, linewidth=0.4)  # fmt: skip
        below = below + mw
    plot.set_xlabel("point")
    plot.set_ylabel("IT power at the end [MW]")
    plot.xaxis.set_major_locator(_few_ticks())
    handles, labels = plot.get_legend_handles_labels()
    plot.legend(handles[::-1], labels[::-1], frameon=False, fontsize=7.5, ncols=1 + len(built) // 12,
                loc="center left", bbox_to_anchor=(1.0, 0.5), borderaxespad=0.2)  # fmt: skip
    box = plot.get_position()
    plot.set_position((box.x0, box.y0, 0.78 * box.width, box.height))
    _clean(plot)


def draw_alternatives(found: xr.Dataset, plan: xr.Dataset, outlines: Outlines | None, title: str) -> Figure:
    """Return one small map for every plan: sites that the first plan has, too, and those that it has not."""
    count = found.sizes["alternative"]
    columns = min(3, count)
    rows = -(-count // columns)
    wide, high = 4.4 * columns, 3.25 * rows + 0.8
    figure = style.new_figure(wide, high)
    shapes = zone_outlines(plan, outlines).dropna()
    points = zone_points(plan)
    first = found["it_mw"].isel(alternative=0)
    largest = max(1.0, float(found["it_mw"].max()))
    for n in range(count):
        row, column = divmod(n, columns)
        bottom = (0.35 + 3.25 * (rows - 1 - row)) / high
        plot = figure.add_axes((column / columns + 0.01, bottom, 1 / columns - 0.02, 2.55 / high))
        one = found.isel(alternative=n)
        _small_map(plot, shapes, points, one["it_mw"], first, largest)
        more = 100.0 * float(one["extra_share"])
        told = "the plan" if n == 0 else f"{int(one['differs'])} regions differ, costs {more:+.2f} %"
        plot.set_title(f"{n + 1}: {told}", loc="left", fontsize=9, color=style.INK)
    head = f"{plain(title, 80)}: plans that cost nearly the same"
    figure.text(0.1 / wide, 1 - 0.32 / high, head, color=style.INK, fontsize=12, fontweight="bold")
    figure.text(0.1 / wide, 0.1 / high, "area: IT power at the end", color=style.MUTED, fontsize=8)
    for at, color, words in ((0.30, _SAME, "site of plan 1, too"), (0.62, _NEW, "not a site of plan 1")):
        figure.text(at, 0.1 / high, f"\u25cf {words}", color=color, fontsize=8)
    return figure


def _small_map(plot: Axes, shapes: Any, points: Any, power: xr.DataArray, first: xr.DataArray, largest: float) -> None:
    land = [path_of(shape) for shape in shapes]
    plot.add_collection(PathCollection(land, facecolors="#e9ecef", edgecolors=style.PAPER, linewidths=0.5, zorder=1))
    if len(shapes):
        x0, y0, x1, y1 = shapes.total_bounds
        plot.set_xlim(x0, x1)
        plot.set_ylim(y0, y1)
    for region in power["region"].values.tolist():
        mw = float(power.sel(region=region))
        if mw <= _BUILT_MW:
            continue
        color = _SAME if float(first.sel(region=region)) > _BUILT_MW else _NEW
        at = points[region]
        plot.scatter([at.x], [at.y], s=_FULL_POINTS * mw / largest, color=color, edgecolors=style.PAPER, linewidths=0.6,
                     zorder=3)  # fmt: skip
        plot.annotate(f"{region} {mw:.0f}", (at.x, at.y), textcoords="offset points", xytext=(0, 9), ha="center",
                      fontsize=6.5, color=style.INK, zorder=4)  # fmt: skip
    plot.set_aspect("equal")
    plot.set_axis_off()


def _clean(plot: Axes) -> None:
    for side in ("top", "right"):
        plot.spines[side].set_visible(False)
    plot.tick_params(length=0)
