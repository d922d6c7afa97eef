"""Draw what a stochastic study found: what scenarios cost, what is decided now, and what stands at the end."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from grid_opt.report import style
from grid_opt.report.words import plain

_PLAN, _WAIT, _KEPT = style.REGION_COLORS[0], style.REGION_COLORS[4], style.REGION_COLORS[1]
_BUILT_MW = 1e-6


def draw_risk(table: xr.Dataset) -> Figure:
    """Return the costs of the scenarios with mean and tail, the distribution, and the sites beside those by itself."""
    rows = table.sizes["scenario"]
    figure = style.new_figure(11.0, 4.6 + 0.42 * rows)
    title = f"{plain(table.attrs['title'], 90)}: one first stage for {rows} scenario{'s' if rows > 1 else ''}"
    figure.text(0.03, 0.955, title, color=style.INK, fontsize=13, fontweight="bold")
    _costs(figure.add_axes((0.17, 0.56, 0.46, 0.33)), table)
    _distribution(figure.add_axes((0.71, 0.56, 0.27, 0.33)), table)
    _power(figure.add_axes((0.17, 0.09, 0.68, 0.33)), table)
    return figure


def _costs(plot: Axes, table: xr.Dataset) -> None:
    """Put one row per scenario: known ahead, with the common first stage, with that of the reference."""
    names = _names(table)
    rows = np.arange(len(names))
    for values, color, words, mark in (
        (table["wait_and_see"].values, _WAIT, "if it were known", "D"),
        (table["cost"].values, _PLAN, "decided for all", "o"),
        (table["kept"].values, _KEPT, f"decided for {plain(table.attrs['reference'], 30)} alone", "s"),
    ):
        there = np.isfinite(values)
        plot.scatter(values[there], rows[there], s=44, color=color, marker=mark, label=words, zorder=3)
    least, most = table["wait_and_see"].values, table["cost"].values
    plot.hlines(rows, least, most, color=style.FAINT, linewidth=3, zorder=1)
    plot.axvline(float(table["expected_cost"]), color=style.MUTED, linewidth=0.9, linestyle="--")
    for row, value in zip(rows, table["kept"].values, strict=True):
        if not np.isfinite(value):
            plot.annotate(" not kept", (1.0, row), xycoords=("axes fraction", "data"), ha="left", va="center",
                          color=_KEPT, fontsize=8, annotation_clip=False)  # fmt: skip
    labels = [f"{name} ({p:.0%})" for name, p in zip(names, table["probability"].values, strict=True)]
    plot.set_yticks(rows, labels)
    plot.set_ylim(len(names) - 0.4, -0.6)
    plot.margins(x=0.12)
    plot.set_xlabel("cost, present value [million USD]; dashed: expected")
    plot.ticklabel_format(axis="x", useOffset=False)
    plot.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, handletextpad=0.2)
    _clean(plot)


def _distribution(plot: Axes, table: xr.Dataset) -> None:
    """Draw the probability that costs exceed an amount, with the value at risk and the mean of the tail."""
    for name, color in (("wait_and_see", _WAIT), ("cost", _PLAN)):
        order = np.argsort(table[name].values, kind="stable")
        values, p = table[name].values[order], table["probability"].values[order]
        x = np.concatenate([values[:1], values])
        y = np.concatenate([[1.0], 1.0 - np.cumsum(p)]).clip(min=0.0)
        plot.step(x, y, where="post", color=color, linewidth=1.6)
    for name, words, height in (("expected_cost", "mean", 0.93), ("tail_cost", "tail", 0.78)):
        plot.axvline(float(table[name]), color=style.MUTED, linewidth=0.9, linestyle="--")
        plot.annotate(f" {words} {float(table[name]):,.0f} ", (float(table[name]), height), fontsize=8, ha="right",
                      color=style.INK, xycoords=("data", "axes fraction"),
                      bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6})  # fmt: skip
    plot.set_ylim(0, 1.02)
    plot.margins(x=0.1)
    plot.xaxis.set_major_locator(MaxNLocator(4))
    plot.ticklabel_format(axis="x", useOffset=False)
    plot.set_xlabel("cost [million USD]")
    plot.set_title("probability of costing more", loc="left", fontsize=9, color=style.MUTED)
    _clean(plot)


def _power(plot: Axes, table: xr.Dataset) -> None:
    """Stack the IT power at the end by region: for all scenarios, and below each the plan by itself."""
    names = _names(table)
    plans, waits = (table[name].isel(quarter=-1) for name in ("scenarios_it_mw", "wait_and_see_it_mw"))
    regions = [r for r in plans["region"].values.tolist()
               if max(float(plans.sel(region=r).max()), float(waits.sel(region=r).max())) > _BUILT_MW]  # fmt: skip
    for power, shift, alpha in ((plans, -0.2, 1.0), (waits, 0.2, 0.55)):
        left = np.zeros(len(names))
        for n, region in enumerate(regions):
            mw = power.sel(region=region).values
            color = style.REGION_COLORS[n % len(style.REGION_COLORS)]
            plot.barh(np.arange(len(names)) + shift, mw, left=left, color=color, height=0.36, alpha=alpha,
                      label=plain(region, 30) if shift < 0 else None, edgecolor=style.PAPER, linewidth=0.5)  # fmt: skip
            left = left + mw
    plot.set_yticks(np.arange(len(names)), names)
    plot.set_ylim(len(names) - 0.4, -0.6)
    plot.set_xlabel("IT power at the end [MW]; above: one first stage for all, below, paler: if it were known")
    plot.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    _clean(plot)


def _names(table: xr.Dataset) -> list[str]:
    return [plain(name, 30) for name in table["scenario"].values]


def _clean(plot: Axes) -> None:
    for side in ("top", "right"):
        plot.spines[side].set_visible(False)
    plot.grid(axis="x", color=style.FAINT, linewidth=0.4)
    plot.set_axisbelow(True)
