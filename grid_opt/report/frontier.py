"""Draw frontiers of accelerators as a picture or a page that needs nothing else, and export them as CSV or NetCDF."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grid_opt.atomic import replacing, write_bytes, write_text
from grid_opt.compute.frontier import Curve, columns
from grid_opt.compute.operating import Points
from grid_opt.errors import InputError
from grid_opt.report.csv_text import to_csv
from grid_opt.report.words import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS: tuple[tuple[str, str, Callable[[Curve], Any]], ...] = (
    ("Throughput of a MW at the meter", "output tokens/s per MW", lambda curve: curve.tok_s_per_mw),
    ("Energy", "J per output token (IT)", lambda curve: curve.points.joule_per_token),
    ("Cost to an owner", "USD per million output tokens", lambda curve: curve.points.usd_per_mtok),
    ("Chain of calls", "s", lambda curve: curve.chain_s),
)
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
"""Okabe and Ito's colors, told apart by color-blind readers."""
DASHES = ("-", "--", ":", "-.")
UNITS = {
    "tok_s_user": "s-1",
    "output_tok_s_per_device": "s-1",
    "total_tok_s_per_device": "s-1",
    "output_tok_s_per_system": "s-1",
    "step_ms": "ms",
    "drawn_kw": "kW",
    "provisioned_kw": "kW",
    "utility_kw": "kW",
    "joule_per_token": "J",
    "tok_s_per_mw": "s-1 MW-1",
    "chain_s": "s",
}


def check_target(path: Path) -> Path:
    """Return the path if its ending says what to write. Raises :class:`InputError` otherwise."""
    if path.suffix not in (".png", ".html", ".csv", ".nc"):
        raise InputError(
            "unknown kind of file", field="out", value=path, expected="a name ending in .png, .html, .csv or .nc"
        )
    return path


def write_frontier(curves: list[Curve], path: Path) -> None:
    """Write the frontiers in the format that the file's name asks for; a whole file or none."""
    writers = {".png": _write_png, ".html": _write_html, ".csv": _write_csv, ".nc": _write_netcdf}
    writers[check_target(path).suffix](curves, path)


def draw(curves: list[Curve]) -> Figure:
    """Draw one panel each for throughput per MW, energy, cost and the time of a chain."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 9.5), layout="constrained")
    machines = list(dict.fromkeys(item.accelerator.name for item in curves))
    works = list(dict.fromkeys(item.workload.name for item in curves))
    axes = figure.subplots(2, 2)
    for axis, (title, label, values) in zip(axes.flat, PANELS, strict=True):
        for item in curves:
            axis.plot(
                item.floors,
                values(item),
                color=COLORS[machines.index(item.accelerator.name) % len(COLORS)],
                linestyle=DASHES[works.index(item.workload.name) % len(DASHES)],
                linewidth=2,
                label=plain(item.label if len(works) > 1 else item.accelerator.title, 60),
            )
        axis.set(title=title, ylabel=label, xlabel="at least so many tokens/s per user", xscale="log", yscale="log")
        axis.grid(True, which="major", color="#dddddd")
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    only = f" of {plain(curves[0].workload.title, 60)}" if len(works) == 1 else ""
    figure.suptitle(f"Frontiers{only}, at full load and provisioned power: model, see docs/compute.md for its errors")
    return figure


def _write_png(curves: list[Curve], path: Path) -> None:
    content = io.BytesIO()
    draw(curves).savefig(content, format="png", dpi=130)
    write_bytes(path, content.getvalue())


def _write_html(curves: list[Curve], path: Path) -> None:
    picture = io.StringIO()
    draw(curves).savefig(picture, format="svg", metadata={"Date": None})
    svg = picture.getvalue()
    svg = svg[svg.index("<svg") :].replace(
        "<svg ", '<svg role="img" aria-label="Frontiers" style="max-width:100%;height:auto" ', 1
    )
    shown = ("accelerator", "workload", "tok_s_user", "tok_s_per_mw", "joule_per_token", "usd_per_mtok", "chain_s")
    head = "".join(f"<th>{html.escape(name)}</th>" for name in shown)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(_cell(row[name]))}</td>" for name in shown) + "</tr>"
        for item in curves
        for row in item.rows()
    )
    style = (
        "body{font:15px/1.5 sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{padding:.15rem .6rem;text-align:right}"
        "td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}tr:nth-child(even){background:#f4f4f4}"
    )
    write_text(
        path,
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Frontiers of accelerators</title>'
        f"<style>{style}</style></head><body><h1>Frontiers of accelerators</h1>\n{svg}\n"
        f"<h2>Points</h2><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></body></html>\n",
    )


def _cell(value: float | str) -> str:
    return plain(value, 60) if isinstance(value, str) else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _write_csv(curves: list[Curve], path: Path) -> None:
    import pandas as pd  # noqa: PLC0415

    table = pd.DataFrame([row for item in curves for row in item.rows()], columns=columns())
    write_text(path, to_csv(table))


def _write_netcdf(curves: list[Curve], path: Path) -> None:
    import xarray as xr  # noqa: PLC0415

    names = [field.name for field in fields(Points)]
    arrays = {name: np.stack([getattr(item.points, name) for item in curves]) for name in names}
    arrays["tok_s_per_mw"] = np.stack([item.tok_s_per_mw for item in curves])
    arrays["chain_s"] = np.stack([item.chain_s for item in curves])
    data = xr.Dataset(
        {
            name: (("curve", "floor"), values, {"units": UNITS.get(name, "1"), "long_name": name.replace("_", " ")})
            for name, values in arrays.items()
        },
        coords={
            "floor": ("floor", curves[0].floors, {"units": "s-1", "long_name": "least tokens per second and user"}),
            "accelerator": ("curve", [item.accelerator.name for item in curves]),
            "workload": ("curve", [item.workload.name for item in curves]),
        },
        attrs={"Conventions": "CF-1.11", "title": "Frontiers of accelerators", "usd_per_mtok_currency": "USD"},
    )
    with replacing(path) as part:
        data.to_netcdf(part)
