"""Lay a plan out as the layers that a GIS opens: places with their facts on the map plane, and plain tables.

Units stand in the names of the fields; :mod:`grid_opt.report.fields` says what each of them means. Coordinates are
EPSG:5070 (CONUS Albers, meters). What changes with time stands in fields by quarter or year, one feature for each
place; only ``sites_by_quarter`` has a feature for every quarter, with its dates, for a time slider.
"""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from shapely.geometry import LineString

from grid_opt.plan.bill_summary import bill_lines
from grid_opt.plan.contract_summary import contract_table
from grid_opt.plan.footprint_summary import footprint_table, has_ledgers
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.schema import PROVENANCE
from grid_opt.plan.summary import BUILT_MW
from grid_opt.plan.supply_summary import supply_tables
from grid_opt.report import fleet_frames, frames, nodal_frames
from grid_opt.report.fields import GEOMETRY, field_of
from grid_opt.report.places import CRS, bus_points, zone_outlines, zone_points
from grid_opt.report.why_frames import has_reasons, why_table

CARRIED = (
    *PROVENANCE, "accelerator_json", "workload_json", "fleet_json", "service_json", "accelerators_json",
    "workloads_json", "hours_source", "price_base_year", "warnings",
)  # fmt: skip
"""What the table of provenance tells, where a plan has it."""

DESCRIPTIONS = {
    "sites": "Built campuses: first quarter, MW, IT MW in service by quarter, present value of costs, systems at the "
    "end of the build-out",
    "sites_by_quarter": "Built campuses in every quarter: MW in service and added, with the dates of the quarter",
    "headroom": "Candidate regions: what headroom and offers of the grid hold, and what is left, by quarter",
    "prices": "Candidate regions: mean and shadow price of energy by operating year, all-in price where built",
    "regions": "Zones of the network; facts and shadow prices of candidate regions at the last quarter",
    "links": "Links: limits for new flows; flow (positive from from_zone to to_zone) and utilization at the "
    "stress hours of the last quarter",
    "lines": "Branches of the network: limit; flow and loading in the hour of the largest loading in the last "
    "quarter's year, flow without campuses then; worth of one MW more of the limit in the year, outages included",
    "candidates": "Candidate buses: headroom, campus, mean local price in the last quarter's year",
    "link_flows": "Links in every quarter: flow, utilization and what binds at the stress hours",
    "why": "What forcing every region in would cost, or leaving it out, and what would turn that (grid-opt explain)",
    "build_out": "Halls and MW in service through every quarter, by built region",
    "fleet": "Systems in service and bought, by accelerator, region and quarter",
    "contracts": "Grid service under contract through every quarter: offer, MW, what may be called, relief behind it",
    "power_contracts": "Long contracts for power: project, MW, energy of the last operating year, cost",
    "forward_blocks": "Blocks of power bought ahead, by operating year and calendar quarter",
    "onsite": "Plant and batteries on site through every quarter; energy, emissions and cost on the last one",
    "carbon_and_water": "Emissions on every ledger, carbon-free shares, certificates and water, by region and year",
    "bills": "Bills by tariff: every line of every month, by region; amounts in USD, not discounted",
    "requests": "Output tokens of a year by stream of requests, accelerator, region and operating year",
    "fields": "What every field of every layer means, and its unit",
    "provenance": "The case, its inputs by SHA-256, the programs, and how good the plan is proven to be",
}


def layers_of(plan: xr.Dataset, outlines: Outlines | None = None) -> dict[str, gpd.GeoDataFrame | pd.DataFrame]:
    """Return the layers by name, in the order in which they are written."""
    points = zone_points(plan)
    sites, tables = frames.sites(plan), {"build_out": frames.build_out(plan)}
    if "systems" in plan:
        sites = sites.join(fleet_frames.standing(plan))
        tables |= {"fleet": fleet_frames.fleet(plan), "requests": fleet_frames.requests(plan)}
    if "contract" in plan:
        tables |= {"contracts": contract_table(plan)}
    tables |= supply_tables(plan)
    if "link_flow" in plan:
        tables |= {"link_flows": frames.link_flows(plan)}
    if has_reasons(plan):
        tables |= {"why": why_table(plan)}
    if has_ledgers(plan):
        tables |= {"carbon_and_water": footprint_table(plan)}
    if "bill_usd" in plan:
        tables |= {"bills": bill_lines(plan)}
    sites = sites.reset_index()
    yearly = frames.sites_by_quarter(plan)
    common = {
        "sites": gpd.GeoDataFrame(sites, geometry=[points[region] for region in sites["region"]], crs=CRS),
        "sites_by_quarter": gpd.GeoDataFrame(yearly, geometry=[points[one] for one in yearly["region"]], crs=CRS),
        **tables,
        "provenance": _provenance(plan),
    }
    layers = (_network_layers(plan, points) if "bus" in plan.dims else _zone_layers(plan, points, outlines)) | common
    return layers | {"fields": _fields(layers)}


def _zone_layers(plan: xr.Dataset, points: gpd.GeoSeries, outlines: Outlines | None) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers of a plan in zones: their outlines, those of the candidates, and the links."""
    links = frames.links(plan).reset_index()
    regions, shapes = _with_status(plan).reset_index(), zone_outlines(plan, outlines)
    lines = [LineString([points[a], points[b]]) for a, b in zip(links["from_zone"], links["to_zone"], strict=True)]
    return {
        "regions": gpd.GeoDataFrame(regions, geometry=list(shapes), crs=CRS),
        "headroom": _at(frames.headroom(plan), shapes),
        "prices": _at(frames.prices_by_year(plan), shapes),
        "links": gpd.GeoDataFrame(links, geometry=lines, crs=CRS),
    }


def _with_status(plan: xr.Dataset) -> pd.DataFrame:
    """Return the table of zones with one word for what the plan makes of each."""
    regions, campus = frames.regions(plan), frames.case_of(plan).campus
    small = regions["hostable_it_mw"] < max(campus.min_campus_mw, campus.hall_mw)
    words = [regions["it_mw"] > BUILT_MW, regions["candidate"] == 0, small]
    regions.insert(4, "status", np.select(words, ["built", "no candidate", "too small"], "candidate"))
    return regions


def _at(table: pd.DataFrame, places: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Put a table by region at its places."""
    return gpd.GeoDataFrame(table.reset_index(), geometry=[places[region] for region in table.index], crs=CRS)


def _fields(layers: dict[str, gpd.GeoDataFrame | pd.DataFrame]) -> pd.DataFrame:
    """Return what every field of the layers means, and its unit, one row for each."""
    own = {"fields": pd.DataFrame(columns=["layer", "field", "unit", "meaning"])}
    rows = [
        (name, str(column), field_of(str(column)).unit, field_of(str(column)).meaning)
        for name, layer in (layers | own).items()
        for column in layer.columns
        if column != GEOMETRY
    ]
    return pd.DataFrame(rows, columns=["layer", "field", "unit", "meaning"])


def _network_layers(plan: xr.Dataset, points: gpd.GeoSeries) -> dict[str, gpd.GeoDataFrame | pd.DataFrame]:
    """Return the layers of a plan at the buses of a network: its lines and the candidate buses."""
    buses, lines = bus_points(plan), nodal_frames.lines(plan).reset_index()
    drawn = [LineString([buses[a], buses[b]]) for a, b in zip(lines["from_bus"], lines["to_bus"], strict=True)]
    table = nodal_frames.candidates(plan).reset_index()
    return {
        "lines": gpd.GeoDataFrame(lines, geometry=drawn, crs=CRS),
        "candidates": gpd.GeoDataFrame(table, geometry=[points[one] for one in table["region"]], crs=CRS),
        "headroom": _at(frames.headroom(plan), points),
        "prices": _at(frames.prices_by_year(plan), points),
    }


def _provenance(plan: xr.Dataset) -> pd.DataFrame:
    """Return the provenance as rows of key and value; the same from memory and from the file of the plan."""
    known = {key: plan.attrs[key] for key in sorted(CARRIED) if key in plan.attrs}
    texts = [json.dumps(value) if isinstance(value, list | dict) else str(value) for value in known.values()]
    return pd.DataFrame({"key": list(known), "value": texts})
