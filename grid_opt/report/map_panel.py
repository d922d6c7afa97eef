"""Draw what stands beside the still map: heading, build-out chart, legend, scale bar and provenance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from grid_opt.plan.schema import FORGONE
from grid_opt.plan.summary import BUILT_MW, headline_of
from grid_opt.report import frames, style, words
from grid_opt.report.labels import spread

CHART_BOX = (0.730, 0.535, 0.106, 0.312)
LEGEND_BOX = (0.712, 0.06, 0.28, 0.40)
SCALE_KM = 500
LEAST_FLOW_SHARE = 0.05
"""Share of the largest flow below which a flow is not drawn."""


@dataclass(frozen=True)
class Scale:
    """Turn power into the area of a circle and flow into the width of a line."""

    full_power_mw: float
    full_flow_mw: float
    full_diameter: float = 34.0
    full_width: float = 6.0

    @classmethod
    def fitting(cls, power_mw: np.ndarray[Any, Any], flow_mw: np.ndarray[Any, Any]) -> Scale:
        """Return the scale in which the largest site and the largest flow are drawn at full size."""
        return cls(max(float(power_mw.max(initial=0.0)), 1.0), max(float(np.abs(flow_mw).max(initial=0.0)), 1.0))

    @property
    def least_flow_mw(self) -> float:
        """Return the smallest flow that is drawn [MW]."""
        return max(1.0, LEAST_FLOW_SHARE * self.full_flow_mw)

    def diameter(self, power_mw: float) -> float:
        """Return the diameter of a circle [points] whose area is proportional to ``power_mw``."""
        return self.full_diameter * float(np.sqrt(power_mw / self.full_power_mw))

    def line_width(self, flow_mw: float) -> float:
        """Return the width of a line [points], proportional to the flow and never too thin to be seen."""
        return max(0.5, self.full_width * abs(flow_mw) / self.full_flow_mw)


def round_number(value: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50, ... that is not above ``value``."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9)))


def round_up(value: float) -> float:
    """Return the smallest of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, ... that is not below ``value``."""
    power = 10.0 ** np.floor(np.log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return float(min(step * power for step in steps if step * power >= value * (1 - 1e-9)))


def region_colors(plan: xr.Dataset) -> dict[str, str]:
    """Return one color per built region, in the order in which they open."""
    palette = style.REGION_COLORS
    return {str(region): palette[k % len(palette)] for k, region in enumerate(frames.built(plan).index)}


def draw_heading(figure: Figure, plan: xr.Dataset, quarter: str) -> None:
    """Write the case title, the headline of the power, and below it sites and present value of cost."""
    case = frames.case_of(plan)
    count = int((frames.it_mw(plan).sel(quarter=quarter) > BUILT_MW).sum())
    total = frames.costs(plan).query(f"term != {FORGONE!r}")["cost_musd"].sum()  # what is forgone is no outlay
    parts = [
        f"{count} site{'s' if count != 1 else ''} in service through {quarter}",
        f"whole plan {words.money(total)} (present value, USD of {case.finance.price_base_year})",
    ]
    figure.text(0.022, 0.952, words.plain(case.title or case.name, 84), fontsize=17, fontweight="bold")
    figure.text(0.022, 0.915, headline_of(plan, case, quarter), fontsize=11)
    figure.text(0.022, 0.886, " · ".join(parts), fontsize=9.5, color=style.MUTED)


def draw_build_out(figure: Figure, plan: xr.Dataset, quarter: str) -> None:
    """Draw IT power in service by quarter, stacked by region, against the IT power that the target asks for."""
    axes = figure.add_axes(CHART_BOX)
    power = frames.it_mw(plan)
    pue = frames.case_of(plan).counted_per_it_mw
    quarters = [str(label) for label in plan["quarter"].values]
    upto = quarters.index(quarter) + 1
    colors = region_colors(plan)
    bottom = np.zeros(len(quarters))
    middles: dict[str, tuple[float, float]] = {}
    for region, color in colors.items():
        height = power.sel(region=region).values
        axes.bar(
            range(upto),
            height[:upto],
            bottom=bottom[:upto],
            color=color,
            width=0.82,
            linewidth=0.5,
            edgecolor="w",
        )
        middles[region] = (float(bottom[upto - 1] + height[upto - 1] / 2), float(height[upto - 1]))
        bottom += height
    target = plan["target"].values / pue
    axes.stairs(target, np.arange(len(quarters) + 1) - 0.5, color=style.INK, linewidth=1.4, baseline=None)
    _finish_chart(axes, quarters, max(float(target.max()), float(bottom.max())))
    figure.text(LEGEND_BOX[0], 0.888, "IT power in service by region, MW", fontsize=9.5, fontweight="bold")
    key: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
    axes.plot([0.0, 0.13], [1.055, 1.055], color=style.INK, linewidth=1.4, **key)
    asked = "target" if pue == 1.0 else f"target, at PUE {pue:g}"
    axes.text(0.17, 1.055, asked, va="center", fontsize=8.5, color=style.MUTED, **key)
    _name_segments(axes, plan, {key: value for key, value in middles.items() if value[1] > BUILT_MW}, upto - 0.59)


def _finish_chart(axes: Any, quarters: list[str], top: float) -> None:
    axes.set_xlim(-0.6, len(quarters) - 0.4)
    axes.set_ylim(0, 1.04 * top)
    starts = [k for k, label in enumerate(quarters) if label.endswith("Q1")] or [0]
    axes.set_xticks([k - 0.5 for k in starts], labels=[])
    for k, label in enumerate(quarters):
        if label.endswith("Q1"):
            span = sum(other[:4] == label[:4] for other in quarters)
            axes.text(
                k - 0.5 + span / 2,
                -0.025 * top,
                label[:4],
                ha="center",
                va="top",
                fontsize=8.5,
                color=style.MUTED,
            )
    axes.tick_params(axis="x", length=9, width=0.8, color=style.FAINT)
    axes.tick_params(axis="y", length=0, labelsize=8.5)
    axes.grid(axis="y", color=style.FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _name_segments(axes: Any, plan: xr.Dataset, middles: dict[str, tuple[float, float]], right: float) -> None:
    names = frames.built(plan)["name"]
    keys = sorted(middles, key=lambda key: middles[key][0])
    low, high = axes.get_ylim()
    gap = (high - low) * 0.074
    heights = spread([middles[key][0] for key in keys], gap, low + gap / 2, high - gap / 4)
    colors = region_colors(plan)
    points_per_quarter = 72 * axes.figure.get_figwidth() * CHART_BOX[2] / len(plan["quarter"])
    edge = len(plan["quarter"]) - 0.4
    elbow = edge + 7 / points_per_quarter
    for key, height in zip(keys, heights, strict=True):
        middle, power = middles[key]
        line = [right, edge, elbow], [middle, middle, height]
        axes.plot(*line, color=colors[key], linewidth=0.9, clip_on=False)
        where: dict[str, Any] = {
            "xy": (elbow, height),
            "textcoords": "offset points",
            "va": "center",
            "fontsize": 8.2,
        }
        where["annotation_clip"] = False
        axes.annotate(f"{power:,.0f}", xytext=(24, 0), ha="right", fontweight="bold", **where)
        axes.annotate(words.short(names[key], 24), xytext=(28, 0), **where)


def draw_legend(
    figure: Figure,
    norm: BoundaryNorm,
    colors: Colormap,
    title: str,
    *,
    scale: Scale,
    hour: str,
    binds: bool,
    too_small_by: str,
) -> None:
    """Explain fill, circles and lines, each with numbers and units, and nothing that the map does not show.

    ``hour`` is the stress hour of the flows, ``too_small_by`` the quarter by which hatched candidates host
    nothing; empty text where there are none. ``binds`` tells whether the limit of a link does.
    """
    x, y, width, height = LEGEND_BOX
    wide, high = width * figure.get_figwidth() * 72, height * figure.get_figheight() * 72
    canvas = figure.add_axes(LEGEND_BOX)
    canvas.set(xlim=(0, wide), ylim=(0, high))
    canvas.set_axis_off()
    write_title(canvas, high - 6, title)
    bar = figure.add_axes((x + 0.001, y + height * (1 - 32 / high), width * 0.6, height * 13 / high))
    figure.colorbar(ScalarMappable(norm, colors), cax=bar, orientation="horizontal", spacing="proportional")
    bar.tick_params(labelsize=8.5, length=0)
    bar.xaxis.set_major_formatter("{x:g}")
    bar.set_frame_on(False)
    for spine in bar.spines.values():
        spine.set_visible(False)
    swatch: Any = {"facecolor": style.LAND, "edgecolor": style.FAINT, "linewidth": 0.6}
    canvas.add_patch(Rectangle((0.66 * wide, high - 32), 16, 13, **swatch))
    canvas.text(0.66 * wide + 21, high - 26, "no candidate", va="center", fontsize=8.5, color=style.MUTED)
    if too_small_by:
        canvas.add_patch(Rectangle((1, high - 65), 16, 13, **swatch))
        hatch: Any = {"facecolor": "none", "edgecolor": style.HATCH, "linewidth": 0.0, "hatch": style.HATCH_PATTERN}
        canvas.add_patch(Rectangle((1, high - 65), 16, 13, **hatch))
        why = f"candidate without headroom for a campus by {too_small_by}"
        canvas.text(22, high - 59, why, va="center", fontsize=8.5, color=style.MUTED)
    explain_circles(canvas, high - 90, scale)
    _explain_lines(canvas, high - 160, scale, hour, binds)


def write_title(canvas: Any, y: float, title: str) -> None:
    """Write the title of a part of the legend."""
    canvas.text(0, y, title, fontsize=9.5, fontweight="bold", va="center")


def explain_circles(canvas: Any, y: float, scale: Scale) -> None:
    """Explain the circles of the sites."""
    write_title(canvas, y, "Site: area shows IT MW; label, its first quarter")
    top = round_up(scale.full_power_mw)
    x = 2.0
    for power in (top / 10, top / 2, top):
        size = scale.diameter(power)
        look = {"markersize": size, "markerfacecolor": "#9aa5b1", "markeredgecolor": "#ffffff"}
        canvas.plot(x + size / 2, y - 30, marker="o", clip_on=False, **look)
        canvas.text(x + size + 4, y - 30, f"{power:,g} MW", va="center", fontsize=8.5, color=style.MUTED)
        x += size + 62


def _explain_lines(canvas: Any, y: float, scale: Scale, hour: str, binds: bool) -> None:
    if not hour or scale.full_flow_mw <= 1.0:
        return
    write_title(canvas, y, f"Link: flow added at the {words.plain(hour, 12)} stress hour")
    top = round_number(scale.full_flow_mw)
    for k, flow in enumerate((top / 10, top / 2, top)):
        x = 2.0 + 84 * k
        width = scale.line_width(flow)
        canvas.plot([x, x + 26], [y - 19, y - 19], color=style.LINE, linewidth=width, alpha=0.65, clip_on=False)
        canvas.text(x + 32, y - 19, f"{flow:,g} MW", va="center", fontsize=8.5, color=style.MUTED)
    if not binds:
        return
    canvas.plot([2, 28], [y - 37, y - 37], color=style.ALERT, linewidth=2.5, clip_on=False)
    canvas.text(34, y - 37, "its limit binds, more saves money", va="center", fontsize=8.5, color=style.MUTED)


def draw_scale_bar(axes: Any, km: float = SCALE_KM) -> None:
    """Draw a bar of so many km (500) in the lower left corner of the map."""
    x0, x1 = axes.get_xlim()
    y0, y1 = axes.get_ylim()
    x, y = x0 + 0.035 * (x1 - x0), y0 + 0.045 * (y1 - y0)
    length, tick = 1000.0 * km, 50.0 * km
    axes.plot([x, x, x + length, x + length], [y + tick, y, y, y + tick], color=style.MUTED, linewidth=1.0)
    axes.text(x + length / 2, y + 1.4 * tick, f"{km:g} km", ha="center", va="bottom", fontsize=8.5, color=style.MUTED)


def draw_provenance(figure: Figure, plan: xr.Dataset) -> None:
    """Write where the picture comes from and how far the plan is proven."""
    versions = json.loads(str(plan.attrs.get("versions", "{}")))
    goal = frames.case_of(plan).objective.goal
    made_by = " ".join(["grid-opt", str(versions.get("grid_opt", versions.get("grid-opt", "")))]).strip()
    parts = [
        f"Plan: {words.proof(goal, str(plan.attrs['status']), float(plan.attrs['gap']))}",
        f"hourly prices: {words.plain(plan.attrs.get('hours_source', 'see the plan'), 60)}",
        "sources of the inputs: data/SOURCES.csv",
        "Albers equal-area projection (EPSG:5070)",
        made_by,
    ]
    figure.text(0.022, 0.022, " · ".join(parts), fontsize=8, color=style.MUTED)
