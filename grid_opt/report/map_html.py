"""Draw the plan as a map for the browser: one file that opens offline, moves through the quarters and answers clicks.

The outlines of the zones are the base map: plain SVG in EPSG:5070, drawn by a script of our own, for without a network
there are no tiles that a map library could show (docs/adr/0016-pages-that-open-offline.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.schema import FORGONE
from grid_opt.plan.summary import BUILT_MW, headline_of
from grid_opt.report import binding, frames, map_panel, style, words
from grid_opt.report.page import asset, number, page, rounded, table, text
from grid_opt.report.web_layers import cards_of, flows_of, layers_of
from grid_opt.report.web_shapes import Shapes, shapes_of


def write_map_html(plan: xr.Dataset, path: str | Path, outlines: Outlines | None = None) -> None:
    """Write the map of ``plan`` as one HTML file at ``path``, whole or not at all.

    ``outlines`` are rings of longitude and latitude by zone; by default the bundled ones.

    Raises: OSError when the disk is full or the folder is missing.
    """
    write_text(path, map_page(plan, outlines))


def map_page(plan: xr.Dataset, outlines: Outlines | None = None) -> str:
    """Return the map of ``plan`` as the text of an HTML file."""
    case = frames.case_of(plan)
    shapes = shapes_of(plan, outlines)
    body = "\n".join([_header(plan), asset("map_frame.html"), _tables(plan), _footer(plan)])
    return page(
        f"{words.plain(case.title or case.name, 80)} · map",
        body,
        styles=asset("page.css") + asset("map.css"),
        scripts=[asset("map.js")],
        data=_data(plan, shapes),
    )


def _data(plan: xr.Dataset, shapes: Shapes) -> dict[str, Any]:
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    cards, flows = cards_of(plan), flows_of(plan)
    case = frames.case_of(plan)
    total = frames.it_mw(plan).sum("region").values
    colors = map_panel.region_colors(plan)
    flows["ends"] = [[*shapes.ends[a], *shapes.ends[b]] for a, b in flows["ends"]]
    return {
        "quarters": quarters,
        "height": shapes.height,
        "km_per_unit": shapes.meters_per_unit / 1000.0,
        "land": shapes.land,
        "coast": shapes.coast,
        "places": [
            {"path": outline, "x": x, "y": y, "color": colors.get(str(place), ""), **card}
            for place, outline, (x, y), card in zip(
                plan["zone"].values, shapes.outlines, shapes.points, cards, strict=True
            )
        ],
        "layers": [layer.to_dict() for layer in layers_of(plan)],
        "links": flows,
        "total": rounded(total.tolist(), 1),
        "target": rounded((plan["target"].values / case.counted_per_it_mw).tolist(), 1),
        "headlines": [headline_of(plan, case, quarter) for quarter in quarters],
        "ink": style.INK,
    }


def _header(plan: xr.Dataset) -> str:
    case = frames.case_of(plan)
    total = frames.costs(plan).query(f"term != {FORGONE!r}")["cost_musd"].sum()
    count = int((frames.it_mw(plan).isel(quarter=-1) > BUILT_MW).sum())
    facts = f"{count} campus{'es' if count != 1 else ''} · whole plan {words.money(total)} (present value, USD of "
    facts += f"{case.finance.price_base_year})"
    return (
        f"<header><h1>{text(case.title or case.name, 120)}</h1>"
        f'<p id="headline" aria-live="polite">{text(headline_of(plan, case), 300)}</p>'
        f'<p class="muted">{text(facts, 300)}</p></header>'
    )


def _tables(plan: xr.Dataset) -> str:
    """Return the tables below the map, for screen readers and for print."""
    quarters = [str(quarter) for quarter in plan["quarter"].values]
    sites = frames.sites(plan)
    power = frames.it_mw(plan)
    built = [
        [
            region, row["name"], row["market"], row["opens"],
            *(number(mw) for mw in power.sel(region=region).values.tolist()),
            number(row["peak_draw_mw"]), number(row["all_in_price_usd_per_mwh"], 2), number(row["cost_total_musd"], 1),
        ]
        for region, row in zip(sites.index, sites.to_dict("records"), strict=True)
    ]  # fmt: skip
    sums = [number(float(sites[name].sum()), digits) for name, digits in (("peak_draw_mw", 0), ("cost_total_musd", 1))]
    built.append(["All", "", "", "", *(number(mw) for mw in power.sum("region").values.tolist()), sums[0], "", sums[1]])
    campuses = table(
        "Campuses: IT power in service through each quarter, MW",
        ["Region", "Name", "Market", "Opens", *quarters, "Peak draw, MW", "Power, USD/MWh", "Cost, million USD"],
        built, words=(0, 1, 2, 3),
        note="Power is all-in at the meter; costs are present values of what belongs to the region.",
    )  # fmt: skip
    return f'<section id="tables">{campuses}{_candidates(plan)}</section>'


def _candidates(plan: xr.Dataset) -> str:
    last = frames.last_quarter(plan)
    regions = frames.regions(plan).query("candidate == 1")
    first, said = binding.first_fit(plan), binding.in_short(plan)
    rows = [
        [
            region, row["name"], row["market"], first[region] or "none", number(row["it_mw"]),
            number(row["headroom_mw"]), number(row["headroom_left_mw"]), number(row["wholesale_usd_per_mwh"], 2),
            said[region],
        ]
        for region, row in zip(regions.index, regions.to_dict("records"), strict=True)
    ]  # fmt: skip
    heads = [
        "Region", "Name", "Market", "Smallest campus fits from", f"IT MW {last}", f"Headroom {last}, MW", "Left, MW",
        f"Mean price {frames.price_year(plan)}, USD/MWh", "What holds it back",
    ]  # fmt: skip
    return table("Candidate regions", heads, rows, words=(0, 1, 2, 3, len(heads) - 1), longest=1600)


def _footer(plan: xr.Dataset) -> str:
    versions = json.loads(str(plan.attrs.get("versions", "{}")))
    goal = frames.case_of(plan).objective.goal
    proof = words.proof(goal, str(plan.attrs["status"]), float(plan.attrs["gap"]))
    parts = [
        f"Plan: {proof}",
        f"hourly prices: {words.plain(plan.attrs.get('hours_source', 'see the plan'), 60)}",
        "sources of the inputs: data/SOURCES.csv",
        "Albers equal-area projection (EPSG:5070)",
        f"grid-opt {versions.get('grid_opt', versions.get('grid-opt', ''))}".strip(),
    ]
    return f"<footer>{text(' · '.join(parts), 500)}</footer>"
