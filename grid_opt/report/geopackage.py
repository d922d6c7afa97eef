"""Write the plan as a GeoPackage that opens in QGIS: sites, regions, links, the build-out by quarter, and the fleet.

Units stand in the names of the fields. Coordinates are EPSG:5070 (CONUS Albers, meters). Each layer carries a
title and a description. The case text and the provenance of the plan are a table of their own: as metadata of
the file, GDAL would copy them into a ``plan.gpkg.aux.xml`` beside it whenever somebody looks.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import xarray as xr
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError
from shapely.geometry import LineString

from grid_opt.atomic import replacing
from grid_opt.plan.bill_summary import bill_lines
from grid_opt.plan.contract_summary import contract_table
from grid_opt.plan.footprint_summary import footprint_table, has_ledgers
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.schema import PROVENANCE
from grid_opt.plan.supply_summary import supply_tables
from grid_opt.report import fleet_frames, frames, nodal_frames
from grid_opt.report.places import CRS, bus_points, zone_outlines, zone_points

FIXED_TIME = "2000-01-01T00:00:00.000Z"
"""Stands where the format asks for a time of writing, so that the same plan gives the same bytes."""

FIXED_COUNT = (1).to_bytes(4, "big")
"""Stands in the file header where SQLite counts the changes made to a file."""
COUNTERS = (24, 92)
"""Where it does so: the change counter, and the count for which the version beside it is valid."""

CARRIED = (
    *PROVENANCE, "accelerator_json", "workload_json", "fleet_json", "service_json", "accelerators_json",
    "workloads_json", "hours_source", "price_base_year", "warnings",
)  # fmt: skip
"""What the table of provenance tells, where a plan has it."""

DESCRIPTIONS = {
    "sites": "Built campuses: first quarter, MW, IT MW in service by quarter, present value of costs, systems at the "
    "end of the build-out",
    "regions": "Zones of the network; facts and shadow prices of candidate regions at the last quarter",
    "links": "Links: limits for new flows; flow (positive from from_zone to to_zone) and utilization at the "
    "stress hours of the last quarter",
    "lines": "Branches of the network: limit; flow and loading in the hour of the largest loading in the last "
    "quarter's year, flow without campuses then; worth of one MW more of the limit in the year, outages included",
    "candidates": "Candidate buses: headroom, campus, mean local price in the last quarter's year",
    "build_out": "Halls and MW in service through every quarter, by built region",
    "fleet": "Systems in service and bought, by accelerator, region and quarter",
    "contracts": "Grid service under contract through every quarter: offer, MW, what may be called, relief behind it",
    "power_contracts": "Long contracts for power: project, MW, energy of the last operating year, cost",
    "forward_blocks": "Blocks of power bought ahead, by operating year and calendar quarter",
    "onsite": "Plant and batteries on site through every quarter; energy, emissions and cost on the last one",
    "carbon_and_water": "Emissions on every ledger, carbon-free shares, certificates and water, by region and year",
    "bills": "Bills by tariff: every line of every month, by region; amounts in USD, not discounted",
    "requests": "Output tokens of a year by stream of requests, accelerator, region and operating year",
    "provenance": "The case, its inputs by SHA-256, the programs, and how good the plan is proven to be",
}


def write_geopackage(plan: xr.Dataset, path: str | Path, outlines: Outlines | None = None) -> None:
    """Write ``plan`` to a GeoPackage 1.3 at ``path``, whole or not at all.

    ``outlines`` are rings of longitude and latitude by zone; by default the bundled ones.

    Raises: OSError when the disk is full or the folder is missing.
    """
    layers = layers_of(plan, outlines)
    with replacing(path) as part, _fixed_clock():
        try:
            _write_layers(part, layers)
            _settle(part)
        except (DataSourceError, DataLayerError, FieldError, FeatureError, sqlite3.Error) as error:
            reason = str(error).splitlines()[0]
            raise OSError(None, f"cannot write the file, is the disk full? ({reason})", str(path)) from error
    Path(f"{path}.aux.xml").unlink(missing_ok=True)  # what GDAL noted of an earlier file


def _write_layers(part: Path, layers: dict[str, gpd.GeoDataFrame | pd.DataFrame]) -> None:
    for number, (name, layer) in enumerate(layers.items()):
        pyogrio.write_dataframe(
            layer,
            part,
            layer=name,
            driver="GPKG",
            append=number > 0,
            dataset_options={"VERSION": "1.3"} if number == 0 else None,
            layer_options={"IDENTIFIER": name, "DESCRIPTION": DESCRIPTIONS[name], "FID": "fid"},
            nan_as_null=True,
        )


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
    if has_ledgers(plan):
        tables |= {"carbon_and_water": footprint_table(plan)}
    if "bill_usd" in plan:
        tables |= {"bills": bill_lines(plan)}
    sites = sites.reset_index()
    common = {
        "sites": gpd.GeoDataFrame(sites, geometry=[points[region] for region in sites["region"]], crs=CRS),
        **tables,
        "provenance": _provenance(plan),
    }
    if "bus" in plan.dims:
        return _network_layers(plan, points) | common
    links = frames.links(plan).reset_index()
    regions = frames.regions(plan)
    lines = [LineString([points[a], points[b]]) for a, b in zip(links["from_zone"], links["to_zone"], strict=True)]
    return {
        "regions": gpd.GeoDataFrame(regions.reset_index(), geometry=list(zone_outlines(plan, outlines)), crs=CRS),
        "links": gpd.GeoDataFrame(links, geometry=lines, crs=CRS),
        **common,
    }


def _network_layers(plan: xr.Dataset, points: gpd.GeoSeries) -> dict[str, gpd.GeoDataFrame | pd.DataFrame]:
    """Return the layers of a plan at the buses of a network: its lines and the candidate buses."""
    buses, lines = bus_points(plan), nodal_frames.lines(plan).reset_index()
    drawn = [LineString([buses[a], buses[b]]) for a, b in zip(lines["from_bus"], lines["to_bus"], strict=True)]
    table = nodal_frames.candidates(plan).reset_index()
    return {
        "lines": gpd.GeoDataFrame(lines, geometry=drawn, crs=CRS),
        "candidates": gpd.GeoDataFrame(table, geometry=[points[one] for one in table["region"]], crs=CRS),
    }


def _provenance(plan: xr.Dataset) -> pd.DataFrame:
    """Return the provenance as rows of key and value; the same from memory and from the file of the plan."""
    known = {key: plan.attrs[key] for key in sorted(CARRIED) if key in plan.attrs}
    texts = [json.dumps(value) if isinstance(value, list | dict) else str(value) for value in known.values()]
    return pd.DataFrame({"key": list(known), "value": texts})


@contextlib.contextmanager
def _fixed_clock() -> Iterator[None]:
    """Make GDAL write the same time into every file, and put its clock back afterwards."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_TIME})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _settle(part: Path) -> None:
    """Drop free pages, and what the header tells of how often the file was changed."""
    with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as base:
        base.execute("VACUUM")
    with part.open("r+b") as header:
        for place in COUNTERS:
            header.seek(place)
            header.write(FIXED_COUNT)
