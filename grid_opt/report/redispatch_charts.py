"""Draw what the full year says of a plan: its days, the prices that it pays, and the items of its cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from grid_opt.config.days import day_text
from grid_opt.report import style
from grid_opt.report.terminal import COST_WORDS
from grid_opt.report.words import plain
from grid_opt.units import USD_PER_MUSD

FULL, STANDS = "#332288", "#e69f00"
_NAMED_DAYS = 8
_ROOM_DAYS = 14
_NOTHING_MUSD = 1e-6
_MONTHS = "JFMAMJJASOND"
_MONTH_STARTS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def write_chart(result: xr.Dataset, path: str | Path) -> None:
    """Write the picture of a re-dispatch as PNG or SVG."""
    with style.look():
        style.save(chart(result), path, dpi=150)


def chart(result: xr.Dataset) -> Figure:
    """Return cost by day, the duration curve of the price paid in the last year, and differences by item."""
    figure = style.new_figure(10.0, 7.2)
    figure.text(0.06, 0.955, "The full year of the plan", color=style.INK, fontsize=14, fontweight="bold")
    count = len(np.unique(result["day_stood_for_by"].values))
    words = f"{result.sizes['slice']:,} hours beside the {count} representative days that the plan was made with"
    figure.text(0.06, 0.925, words, color=style.MUTED, fontsize=9.5)
    _days(figure.add_axes((0.08, 0.55, 0.88, 0.31)), result)
    _durations(figure.add_axes((0.08, 0.08, 0.36, 0.34)), result)
    _items(figure.add_axes((0.68, 0.08, 0.28, 0.34)), result)
    return figure


def _title(plot: Axes, text: str, shift: float = 0.0) -> None:
    plot.set_title(text, loc="left", x=shift, color=style.INK, fontsize=10)
    for side in ("top", "right"):
        plot.spines[side].set_visible(False)


def _days(plot: Axes, result: xr.Dataset) -> None:
    source = result["day_source"].values.astype(int)
    full = result["day_usd"].sum(("region", "year")).values / USD_PER_MUSD
    stood = result["day_usd_representative"].sum(("region", "year")).values / USD_PER_MUSD
    error = abs(result["day_usd"] - result["day_usd_representative"]).sum(("region", "year")).values
    plot.step(source, stood, where="mid", color=STANDS, linewidth=1.2, label="the day that stands for it")
    plot.plot(source, full, color=FULL, linewidth=1.0, label="the day itself")
    named: list[int] = []
    for n in np.argsort(-error, kind="stable")[:_NAMED_DAYS].tolist():
        if error[n] <= 0 or any(abs(source[n] - source[m]) < _ROOM_DAYS for m in named):
            continue  # its name would lie on another's
        named.append(n)
        top = (source[n], max(full[n], stood[n]))
        plot.annotate(day_text(source[n]), top, xytext=(0, 5), textcoords="offset points", ha="center",
                      color=style.INK, fontsize=7.5)  # fmt: skip
    plot.set_xticks([start + 15 for start in _MONTH_STARTS], list(_MONTHS))
    plot.tick_params(axis="x", length=0)
    plot.set_xlim(-1, 366)
    low, high = min(0.0, full.min(), stood.min()), max(full.max(), stood.max())
    plot.set_ylim(low - 0.05 * (high - low), high + 0.3 * (high - low) + _NOTHING_MUSD)
    plot.grid(axis="y", color=style.FAINT, linewidth=0.5)
    plot.legend(frameon=False, fontsize=8.5, loc="upper right", ncols=2)
    _title(
        plot, "Cost of power by day, all campuses and years [million USD, present value]; the days most wrong by name"
    )


def _durations(plot: Axes, result: xr.Dataset) -> None:
    year = int(result["year"].values[-1])
    for name, color, words in (
        ("price_paid_representative", STANDS, "representative days"), ("price_paid", FULL, "all hours"),
    ):  # fmt: skip
        if name in result:
            values = np.sort(result[name].sel(year=year).values)[::-1]
            values = values[np.isfinite(values)]
            share = 100.0 * (np.arange(len(values)) + 0.5) / max(1, len(values))
            plot.plot(share, values, color=color, linewidth=1.3, label=words)
    plot.set_yscale("symlog", linthresh=100.0)
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.0f}"))
    plot.set_xlabel("share of the hours [%], dearest first")
    plot.grid(color=style.FAINT, linewidth=0.5)
    plot.legend(frameon=False, fontsize=8.5)
    _title(plot, f"Wholesale price paid in {year} [USD/MWh]")


def _items(plot: Axes, result: xr.Dataset) -> None:
    off = (result["term_usd"] - result["term_usd_representative"]).sum("year") / USD_PER_MUSD
    names, values = off["term"].values.tolist(), off.values
    shown = [n for n in np.argsort(abs(values)).tolist() if abs(values[n]) >= 0.005][-8:]
    if not shown:
        plot.text(0.5, 0.5, "no difference", ha="center", color=style.MUTED)
        plot.set_axis_off()
        return
    for row, n in enumerate(shown):
        plot.barh(row, values[n], color="#cc6677" if values[n] > 0 else "#44aa99", height=0.6)
        plot.annotate(f" {values[n]:+,.2f} ", (values[n], row), ha="left" if values[n] > 0 else "right", va="center",
                      color=style.INK, fontsize=8)  # fmt: skip
    plot.axvline(0, color=style.INK, linewidth=0.8)
    plot.set_yticks(range(len(shown)), [COST_WORDS.get(names[n], plain(names[n], 40)) for n in shown])
    plot.margins(x=0.35)
    _title(plot, "Full year less representative days [million USD]", shift=-0.62)
