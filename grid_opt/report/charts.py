"""Draw the charts of the report with Altair, each finished as an SVG that needs no script (extra: ``report``)."""

from __future__ import annotations

import base64
import importlib.util
from typing import Any

import pandas as pd

from grid_opt.report import style

EXTRA = ("altair", "vl_convert")
"""Packages of the extra ``report`` that the charts need."""
INSTALL = "pip install 'grid-opt[report]'"
_FONT = "DejaVu Sans, Segoe UI, Helvetica, Arial, sans-serif"
WIDTH, HEIGHT = 720, 250
OTHER = "#b8c0c8"


def available() -> bool:
    """Say whether the packages are installed that the charts need."""
    return all(importlib.util.find_spec(name) is not None for name in EXTRA)


def picture(chart: Any) -> str:
    """Return a finished chart as the address of an image that carries its SVG within it."""
    import vl_convert  # noqa: PLC0415  # an extra, and slow to load

    drawn = vl_convert.vegalite_to_svg(_styled(chart).to_dict())
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode('utf-8')).decode()}"


def stack(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    color: str,
    order: list[str],
    title: str,
    palette: list[str] | None = None,
    line: str = "",
    line_title: str = "",
) -> Any:
    """Return stacked bars over ordered ``x``; the column ``line``, where named, is drawn as steps over them."""
    alt = _altair()
    axis = alt.X(f"{x}:O", title=None, sort=None, axis=alt.Axis(labelAngle=0 if table[x].nunique() < 14 else -60))
    ranks = {name: k for k, name in enumerate(order)}
    bars = (
        alt.Chart(table.assign(_rank=table[color].map(ranks)))
        .mark_bar(stroke="white", strokeWidth=0.6)
        .encode(x=axis, y=alt.Y(f"sum({y}):Q", title=title), color=_colors(order, palette, color), order="_rank:Q")
    )
    if not line:
        return bars.properties(width=WIDTH, height=HEIGHT)
    steps = table.groupby(x, sort=False)[line].first().reset_index()
    over = alt.Chart(steps).mark_line(interpolate="step", color=style.INK, strokeWidth=1.8)
    label = alt.Chart(steps.tail(1)).mark_text(align="right", dy=-8, color=style.INK).encode(text=alt.value(line_title))
    places = {"x": axis, "y": alt.Y(f"{line}:Q")}
    return alt.layer(bars, over.encode(**places), label.encode(**places)).properties(width=WIDTH, height=HEIGHT)


def lying_stack(
    table: pd.DataFrame, *, x: str, y: str, color: str, order: list[str], rows: list[str], title: str
) -> Any:
    """Return lying stacked bars, one for each of ``rows``."""
    alt = _altair()
    ranks = {name: k for k, name in enumerate(order)}
    bars = alt.Chart(table.assign(_rank=table[color].map(ranks))).mark_bar(stroke="white", strokeWidth=0.6)
    return bars.encode(
        y=alt.Y(f"{y}:N", sort=rows, title=None, axis=alt.Axis(labelLimit=220)),
        x=alt.X(f"sum({x}):Q", title=title),
        color=_colors(order, None, color),
        order="_rank:Q",
    ).properties(width=WIDTH - 120, height=max(30 * len(rows), 60))


def hours(table: pd.DataFrame, *, panels: list[str], order: list[str], palette: list[str]) -> Any:
    """Return power by hour of the day, stacked by region, above the price then; one column for each day of ``panels``.

    Columns of ``table``: day, hour, name, mw, usd_per_mwh.
    """
    alt = _altair()
    columns = []
    high, low = (float(table.assign(mw=part).groupby(["day", "hour"])["mw"].sum().abs().max())
                 for part in (table["mw"].clip(lower=0.0), table["mw"].clip(upper=0.0)))  # fmt: skip
    prices = table.groupby(["day", "hour"], sort=False)["usd_per_mwh"].first().reset_index()
    ranks = {name: k for k, name in enumerate(order)}
    clock = alt.X("hour:Q", title="Hour of the day, UTC", axis=alt.Axis(values=list(range(0, 25, 6)), grid=False))
    for k, day in enumerate(panels):
        mine = table[table["day"] == day].assign(_rank=lambda one: one["name"].map(ranks))
        width = int(WIDTH / len(panels)) - 20
        power = alt.Chart(mine, title=day).mark_area(interpolate="step").encode(
            x=alt.X("hour:Q", title=None, axis=alt.Axis(labels=False, ticks=False, grid=False)),
            y=alt.Y("mw:Q", stack=True, title="MW" if k == 0 else None, scale=alt.Scale(domain=[-low, high])),
            color=_colors(order, palette, "name"),
            order="_rank:Q",
        ).properties(width=width, height=170)  # fmt: skip
        paid = prices[prices["day"] == day]
        price = alt.Chart(paid).mark_line(interpolate="step", color="#b06d1c", strokeWidth=2).encode(
            x=clock, y=alt.Y("usd_per_mwh:Q", title="USD/MWh" if k == 0 else None)
        ).properties(width=width, height=90)  # fmt: skip
        columns.append(alt.vconcat(power, price, spacing=6))
    return alt.hconcat(*columns, spacing=18)


def dots(table: pd.DataFrame, *, x: str, y: str, rows: list[str], color: str, order: list[str], title: str) -> Any:
    """Return one row of dots per name, told apart by ``color``."""
    alt = _altair()
    marks = alt.Chart(table).mark_point(filled=True, size=75, opacity=0.9, stroke="white", strokeWidth=0.5)
    return marks.encode(
        y=alt.Y(f"{y}:N", sort=rows, title=None, axis=alt.Axis(labelLimit=240, grid=True)),
        x=alt.X(f"{x}:Q", title=title),
        color=alt.Color(
            f"{color}:N", scale=alt.Scale(domain=order, range=["#5d9bc7", "#0b4378", "#b06d1c"]), title=None
        ),
        shape=alt.Shape(f"{color}:N", scale=alt.Scale(domain=order), title=None),
    ).properties(width=WIDTH - 160, height=max(19 * len(rows), 60))


def _colors(order: list[str], palette: list[str] | None, field: str) -> Any:
    alt = _altair()
    colors = palette or [style.REGION_COLORS[k % len(style.REGION_COLORS)] for k in range(len(order))]
    scale = alt.Scale(domain=order, range=colors)
    return alt.Color(f"{field}:N", scale=scale, title=None, legend=alt.Legend(symbolType="square", labelLimit=330))


def _styled(chart: Any) -> Any:
    return (
        chart.configure(font=_FONT, background="white", padding=6)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=style.MUTED, titleColor=style.MUTED, titleFontWeight="normal", labelFontSize=11,
            titleFontSize=11, gridColor="#e6eaee", domainColor=style.FAINT, tickColor=style.FAINT,
        )
        .configure_legend(labelLimit=330, labelFontSize=11.5, labelColor=style.INK)
        .configure_title(fontSize=12, color=style.INK, anchor="start")
    )  # fmt: skip


def _altair() -> Any:
    import altair  # noqa: PLC0415  # an extra, and slow to load

    return altair
