"""Draw what a sweep found: a tornado, a heat map over two axes, and where the megawatts go in every case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from grid_opt.report import style
from grid_opt.report.words import plain

LEAST, MOST = "#44aa99", "#cc6677"
MOST_COLUMNS: Final = 48
"""Cases that a heat map by region shows one by one; of more it shows how often a region is built in."""
_BUILT_MW = 1e-6
_DARK = 0.55
_LONGEST = 40
"""Characters of a label of a plan or case."""
_MOST_MARKS = 6
"""Values of an axis that are all written beside its line, if each is ``_APART`` of its height from the next."""
_APART = 0.05


@dataclass(frozen=True)
class Bar:
    """One end of a bar of a tornado: the axis, its value, and the result there."""

    axis: str
    value: str
    result: float


def tornado(base: float, bars: Sequence[Bar], unit: str, title: str) -> Figure:
    """Return the bars of every axis from the base, the widest on top."""
    axes = list(dict.fromkeys(bar.axis for bar in bars))
    ends = {axis: sorted((b for b in bars if b.axis == axis), key=lambda b: b.result) for axis in axes}
    axes.sort(key=lambda axis: max(ends[axis][-1].result, base) - min(ends[axis][0].result, base))
    figure = style.new_figure(9.0, 1.6 + 0.5 * len(axes))
    plot = figure.add_axes((0.24, 0.9 / (1.6 + 0.5 * len(axes)), 0.66, 1 - 1.6 / (1.6 + 0.5 * len(axes))))
    for row, axis in enumerate(axes):
        for bar in sorted(ends[axis], key=lambda b: -abs(b.result - base)):
            change = bar.result - base
            plot.barh(row, change, color=MOST if change > 0 else LEAST, height=0.62)
        for bar in dict.fromkeys((ends[axis][0], ends[axis][-1])):
            change = bar.result - base
            side = "left" if change > 0 else "right"
            plot.annotate(f" {_label(bar.value)} ", (change, row), ha=side, va="center", color=style.INK, fontsize=8)
    plot.axvline(0, color=style.INK, linewidth=0.9)
    plot.set_yticks(range(len(axes)), [_label(axis) for axis in axes])
    plot.margins(x=0.16)
    plot.set_xlabel(f"change from the base of {base:,.6g} {unit}")
    _finish(figure, plot, title)
    return figure


def heat_map(values: xr.DataArray, unit: str, title: str) -> Figure:
    """Return a result over two axes, (rows, columns); a case without a plan is an empty cell."""
    rows, columns = (str(dim) for dim in values.dims)
    high = 1.7 + 0.42 * values.sizes[rows]
    figure = style.new_figure(max(6.0, 2.4 + 0.85 * values.sizes[columns]), high)
    plot = figure.add_axes((0.17, 0.85 / high, 0.78, 1 - 1.5 / high))
    _cells(plot, values.values, "{:,.4g}")
    plot.set_xticks(range(values.sizes[columns]), [_short(v) for v in values[columns].values.tolist()])
    plot.set_yticks(range(values.sizes[rows]), [_short(v) for v in values[rows].values.tolist()])
    plot.set_xlabel(_label(columns))
    plot.set_ylabel(_label(rows))
    _finish(figure, plot, f"{_title(title)} [{unit}]")
    return figure


def regrets(table: pd.DataFrame, unit: str, title: str) -> Figure:
    """Return the regret of plans (rows) under cases (columns); a plan that cannot stand in a case has none there.

    Of more than ``MOST_COLUMNS`` cases those with the largest regrets are shown.
    """
    if table.shape[1] > MOST_COLUMNS:
        table = table[table.max().nlargest(MOST_COLUMNS).index]
    rows, columns = ([_label(label) for label in labels] for labels in (table.index, table.columns))
    left, below = (0.35 + 0.078 * max(map(len, labels), default=4) for labels in (rows, columns))
    high, wide = 0.8 + below + 0.36 * len(rows), max(7.0, left + 0.4 + 0.62 * len(columns))
    figure = style.new_figure(wide, high)
    plot = figure.add_axes((left / wide, below / high, (wide - left - 0.3) / wide, 0.36 * len(rows) / high))
    _cells(plot, table.to_numpy(), "{:,.4g}", missing="cannot")
    plot.set_xticks(range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor")
    plot.set_yticks(range(len(rows)), rows)
    _finish(figure, plot, "")
    head = f"{_title(title)}: regret [{unit}]"
    figure.text(0.15 / wide, 1 - 0.3 / high, head, fontsize=11, fontweight="bold", color=style.INK)
    how = "the campuses of a plan (row) when a case (column) comes true, above that case's own plan"
    figure.text(0.15 / wide, 1 - 0.52 / high, how, fontsize=8, color=style.MUTED)
    return figure


def where(power: pd.DataFrame, title: str) -> Figure:
    """Return the IT power through the last quarter by region (rows) and case (columns), or how often it is built in.

    ``power`` is in MW; a case without a plan is missing.
    """
    solved = power.dropna(axis=1, how="all")
    power = power.loc[solved.max(axis=1) > _BUILT_MW]
    power = power.loc[power.mean(axis=1).sort_values(ascending=False).index]
    if power.shape[1] > MOST_COLUMNS or power.empty:
        return how_often(power, title)
    labels = max((len(str(label)) for label in power.columns), default=4)
    below = 0.6 + 0.055 * min(labels, 48)
    high = 0.9 + below + 0.32 * len(power)
    figure = style.new_figure(max(6.0, 2.0 + 0.42 * power.shape[1]), high)
    plot = figure.add_axes((0.14, below / high, 0.82, 1 - (below + 0.6) / high))
    _cells(plot, power.to_numpy(), "{:.0f}", hide_zero=True)
    plot.set_xticks(range(power.shape[1]), [plain(label, 48) for label in power.columns], rotation=60, ha="right")
    plot.set_yticks(range(len(power)), [_label(region) for region in power.index])
    _finish(figure, plot, f"{_title(title)}: IT MW through the last quarter")
    return figure


def how_often(power: pd.DataFrame, title: str) -> Figure:
    """Return the share of plans that build in every region; ``power`` as in :func:`where`."""
    power = power.dropna(axis=1, how="all")
    power = power.loc[power.max(axis=1) > _BUILT_MW] if power.shape[1] else power
    share = (power > _BUILT_MW).mean(axis=1).sort_values() if power.shape[1] else pd.Series(dtype=float)
    high = 1.4 + 0.3 * max(1, len(share))
    figure = style.new_figure(8.0, high)
    plot = figure.add_axes((0.16, 0.7 / high, 0.78, 1 - 1.3 / high))
    plot.barh(range(len(share)), 100 * share.to_numpy(), color=style.REGION_COLORS[4], height=0.7)
    plot.set_yticks(range(len(share)), [_label(region) for region in share.index])
    plot.set_xlim(0, 100)
    plot.set_xlabel(f"% of {power.shape[1]} plans that build there")
    _finish(figure, plot, f"{_title(title)}: how often each site is chosen")
    return figure


def parallel(table: pd.DataFrame, axes: Sequence[str], measures: Mapping[str, str], title: str) -> Figure:
    """Return one line for each case through its place on every axis and its results, darker for a higher first result.

    ``table`` has a row for each case; ``measures`` are columns of results and what stands below them. A case without
    a plan, or without a place on some axis, has no line.
    """
    columns = [*axes, *measures]
    whole = table[columns].dropna()
    scales = [_scale_of(whole[column]) for column in columns]
    figure = style.new_figure(max(7.0, 1.5 * len(columns) + 1.6), 5.4)
    plot = figure.add_axes((0.06, 0.2, 0.86, 0.66))
    first = len(axes)
    ramp = LinearSegmentedColormap.from_list("result", ("#b9d7ea", "#2a6fa8", "#0b2f57"))
    heights = np.array([scale.heights for scale in scales]).reshape(len(columns), -1)
    for k in np.argsort(heights[first]) if len(whole) else ():
        plot.plot(range(len(columns)), heights[:, k], color=ramp(heights[first, k]), linewidth=1.1, alpha=0.75)
    for x, (column, scale) in enumerate(zip(columns, scales, strict=True)):
        plot.axvline(x, color=style.FAINT if x < first else style.MUTED, linewidth=1.0, zorder=1)
        for height, label in scale.ticks:
            look: dict[str, Any] = {"boxstyle": "round,pad=0.1", "facecolor": style.PAPER, "edgecolor": "none"}
            plot.text(x + 0.03, height, label, fontsize=7.5, va="center", color=style.INK, bbox={**look, "alpha": 0.8})
        plot.text(x, -0.07, _label(measures.get(column, column)), ha="center", va="top", fontsize=8.5, color=style.INK)
    plot.set(xlim=(-0.3, len(columns) - 0.55), ylim=(-0.03, 1.03), xticks=[], yticks=[])
    for side in ("left", "bottom"):
        plot.spines[side].set_visible(False)
    _finish(figure, plot, f"{_title(title)}: {len(whole)} of {len(table)} cases, one line each")
    return figure


@dataclass(frozen=True)
class _Scale:
    """Where the values of a column stand on its line, from 0 to 1, and what is written there."""

    heights: npt.NDArray[np.float64]
    ticks: tuple[tuple[float, str], ...]


def _scale_of(values: pd.Series) -> _Scale:
    """Return numbers from their least to their largest, texts one above the other in the order in which they come."""
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype=float)
        low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 0.0)
        if high <= low:
            return _Scale(np.full(len(numbers), 0.5), ((0.5, f"{low:,.5g}"),))
        few = np.unique(numbers)
        apart = float(np.diff(few).min()) / (high - low)
        marks = few if len(few) <= _MOST_MARKS and apart > _APART else np.linspace(low, high, 5)
        heights = (marks - low) / (high - low)
        ticks = tuple((float(height), f"{mark:,.5g}") for height, mark in zip(heights, marks, strict=True))
        return _Scale((numbers - low) / (high - low), ticks)
    names = list(dict.fromkeys(str(value) for value in values))
    places = {name: (k + 0.5) / len(names) for k, name in enumerate(names)}
    return _Scale(
        np.array([places[str(value)] for value in values]), tuple((h, plain(n, 24)) for n, h in places.items())
    )


def _cells(
    plot: Axes, values: npt.NDArray[np.float64], form: str, hide_zero: bool = False, missing: str = "no plan"
) -> None:
    """Color the cells and write their numbers into them."""
    image = plot.imshow(values, aspect="auto", cmap="YlGnBu")
    shades = np.asarray(image.norm(np.nan_to_num(values)), dtype=float)
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            text, color = "" if hide_zero else missing, style.MUTED
        else:
            text = "" if hide_zero and value <= _BUILT_MW else form.format(value)
            color = style.PAPER if shades[row, column] > _DARK else style.INK
        plot.text(column, row, text, ha="center", va="center", color=color, fontsize=7.5)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else plain(value, 24)


def _label(value: object) -> str:
    return plain(value, _LONGEST)


def _title(title: str) -> str:
    return plain(title, 80)


def _finish(figure: Figure, plot: Axes, title: str) -> None:
    for side in ("top", "right"):
        plot.spines[side].set_visible(False)
    plot.tick_params(length=0)
    plot.set_title(plain(title, 140), loc="left", color=style.INK, fontsize=11, fontweight="bold")
