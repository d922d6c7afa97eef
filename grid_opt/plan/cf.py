"""Dress a plan for the file, by CF-1.11 and ACDD-1.3, and undress it again.

In memory a plan speaks grid-opt's units (``USD/MWh``) and carries labels only. In the file every array also
has a unit that UDUNITS parses, its currency, its place (``coordinates``, ``geometry``) and its role. Nothing
is lost: ``undress(dress(plan))`` has the values, labels and units of ``plan``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt import __version__
from grid_opt.plan.geometry import CRS_NAME, Outlines, container, crs_variable, names
from grid_opt.plan.schema import FORMAT_NAME, FORMAT_VERSION, specs
from grid_opt.plan.units import CF_UNITS, cf_unit

GEOMETRY_DIMS: Final = ("region", "zone")
EPOCH: Final = np.datetime64("2000-01-01")
_TIME_UNITS: Final = "days since 2000-01-01 00:00:00"
_TIMES: Final = ("quarter_time", "quarter_time_bounds", "year_time", "year_time_bounds")
_PLACES: Final = ("region_lat", "region_lon")
_FILE_ONLY: Final = (
    "coordinates", "geometry", "grid_mapping", "bounds", "currency", "price_base_year", "unit_text",
    "coverage_content_type", "flag_values", "flag_meanings", "standard_name", "units_metadata",
)  # fmt: skip
_DIM_NAMES: Final = {
    "zone": "Zone of the network",
    "region": "Candidate region, by the zone that it is",
    "link": "Link between two zones, FROM>TO",
    "quarter": "Calendar quarter",
    "year": "Operating year; the last one may stand for several",
    "slice": "Representative hour",
    "stress": "Stress hour of the grid",
    "season": "Calendar quarter of the year",
    "hour": "Hour of the day, UTC",
    "basin": "Water stress, 1 low to 5 extremely high",
    "accelerator": "Kind of compute system",
    "beside": "Kind of compute system beside another",
    "software": "Software stack",
    "vendor": "Vendor of compute systems",
    "vintage": "Calendar quarter of a purchase or a port",
    "class": "Class of requests",
    "stream": "Requests of one class from users that the same regions can serve",
    "lost": "Region that is lost",
    "user": "Part of the country that users are in",
    "ppa": "Long contract for power: offer@region",
    "wheeled": "Long contract under which energy is delivered",
    "forward": "Block of power bought ahead: block@region",
    "own": "What may stand on site: technology@region",
    "plant": "Plant on site: technology@region",
    "store": "Battery on site: technology@region",
    "bus": "Bus of the network",
    "branch": "Branch of the network",
    "offer": "Offer of grid service in a region",
    "ahead": "Quarters by which an offer opens headroom ahead of its time",
    "relief": "Kind of relief that answers calls",
    "upgrade": "Upgrade of the network",
    "step": "Step of generation offered: its bus and a number, the cheapest first",
    "area": "Area of load: buses of one island whose loads vary alike",
    "island": "Island of the network, by its reference bus",
    "watch": "Limit of a branch that the model watches",
    "criterion": "Criterion of a trade-off",
    "reference": "Plan from which this one is to differ",
    "block": "Block of the day, hours of Eastern Standard Time",
    "day": "Day of the standard year that was run",
    "term": "Item of cost",
}
_KEYWORDS: Final = "data centers, energy planning, electricity prices, siting, power systems, mixed-integer programming"


def dress(plan: xr.Dataset, outlines: Outlines) -> xr.Dataset:
    """Return ``plan`` as it goes into the file.

    ``outlines`` has the polygons of the regions and, if known, of the zones.

    Raises: ValueError for a unit without a CF spelling.
    """
    base_year = _case(plan).get("finance", {}).get("price_base_year")
    shapes = [dim for dim in GEOMETRY_DIMS if dim in plan.dims and _all_known(plan, dim, outlines)]
    variables: dict[Hashable, xr.Variable] = {}
    for key in sorted(plan.variables, key=str):
        name, variable = str(key), plan.variables[key]
        attrs = _attrs(name, variable, base_year)
        if name not in plan.dims:
            attrs |= _placing(plan, name, variable, shapes)
        variables[key] = xr.Variable(variable.dims, _exact(name, variable), attrs)
    variables.update(_times(plan) | _places(plan))
    for dim in shapes:
        variables.update(container(dim, plan[dim].values.tolist(), outlines))
    if shapes:
        variables[CRS_NAME] = crs_variable()
    return xr.Dataset(variables, attrs=_global_attrs(plan, variables))


def undress(raw: xr.Dataset) -> xr.Dataset:
    """Return the plan of a dressed dataset: without geometry and calendar, in grid-opt's units."""
    extra = {*_TIMES, *_PLACES, CRS_NAME}
    for dim in GEOMETRY_DIMS:
        extra |= set(names(dim).values())
    plan = raw.drop_vars([name for name in raw.variables if name in extra]).copy()
    for name in plan.variables:
        attrs = plan[name].attrs
        kept = {key: value for key, value in attrs.items() if key not in _FILE_ONLY}
        if "unit_text" in attrs:
            kept["units"] = attrs["unit_text"]
        plan[name].attrs = kept
    return plan


def _case(plan: xr.Dataset) -> dict[str, Any]:
    try:
        return tomllib.loads(str(plan.attrs.get("case_toml", "")))
    except tomllib.TOMLDecodeError:
        return {}  # verify reports a case that cannot be read; a file can still be written


def _all_known(plan: xr.Dataset, dim: str, outlines: Outlines) -> bool:
    ids = plan[dim].values.tolist()
    return bool(ids) and all(one in outlines for one in ids)


def _attrs(name: str, variable: xr.Variable, base_year: int | None) -> dict[str, Any]:
    spec = specs().get(name)
    attrs = {key: value for key, value in variable.attrs.items() if key not in _FILE_ONLY}
    if spec is not None:
        attrs.setdefault("long_name", spec.long_name)
    attrs.setdefault("long_name", _DIM_NAMES.get(name, name.replace("_", " ").capitalize()))
    unit = str(attrs.pop("units", spec.unit if spec is not None else "1"))
    text = variable.dtype.kind in "OUS" and variable.size > 0  # no names at all are stored as no numbers
    unit = unit or ("" if text else "1")
    if not text:
        known = cf_unit(unit, name)
        attrs["units"] = known.text
        attrs["unit_text"] = unit
        if known.money:
            attrs["currency"] = "USD"
            if base_year is not None:
                attrs["price_base_year"] = np.int32(base_year)
    if name == "site":
        attrs |= {"flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "not_open open"}
    if name in ("zone_lat", "zone_lon"):  # a grid mapping wants exactly one variable of each standard name
        attrs["standard_name"] = {"degrees_north": "latitude", "degrees_east": "longitude"}[unit]
    attrs["coverage_content_type"] = "modelResult" if spec is not None else "auxiliaryInformation"
    if name in _DIM_NAMES:
        attrs["coverage_content_type"] = "coordinate"
    return attrs


def _placing(plan: xr.Dataset, name: str, variable: xr.Variable, shapes: list[str]) -> dict[str, Any]:
    """Name the coordinates that place a variable on the map and in time."""
    located = [d for d in GEOMETRY_DIMS if d in variable.dims and f"{d}_name" in plan.variables]
    coordinates = [f"{d}_name" for d in located if name != f"{d}_name"]
    coordinates += [f"{d}_{axis}" for d in located for axis in ("lat", "lon") if "zone_lat" in plan.variables]
    coordinates += [f"{d}_time" for d in ("quarter", "year") if d in variable.dims]
    if name in coordinates or variable.dtype.kind in "OUS":
        return {}
    attrs: dict[str, Any] = {"coordinates": " ".join(coordinates)} if coordinates else {}
    for dim in shapes:
        if dim in variable.dims:
            attrs |= {"geometry": names(dim)["geometry"], "grid_mapping": CRS_NAME}
            break
    return attrs


def _exact(name: str, variable: xr.Variable) -> npt.NDArray[Any]:
    """Return the values in a type that the file can hold without loss."""
    values = variable.values
    if values.dtype.kind in "OUS":
        return values.astype(object)
    if values.dtype.kind == "b":
        return values.astype(np.int8)
    if name in ("site", "halls", "systems", "ported"):
        # A value that is not whole must stay visible: verify is to find it.
        small = np.int8 if name in ("site", "ported") else np.int32
        whole = np.isfinite(values).all() and np.array_equal(values, np.round(values))
        fits = whole and np.abs(values).max(initial=0) <= np.iinfo(small).max
        return values.astype(small) if fits else values.astype(np.float64)
    return values.astype(np.float64) if values.dtype.kind == "f" else values.astype(np.int32)


def quarter_start(label: str) -> np.datetime64:
    """Return the first day of a calendar quarter such as ``"2026Q1"``."""
    year, number = label.split("Q")
    return np.datetime64(f"{int(year):04d}-{3 * int(number) - 2:02d}-01")


def _next_quarter(label: str) -> str:
    year, number = (int(part) for part in label.split("Q"))
    return f"{year + 1}Q1" if number == 4 else f"{year}Q{number + 1}"


def _times(plan: xr.Dataset) -> dict[Hashable, xr.Variable]:
    labels = [str(q) for q in plan["quarter"].values]
    found = _span("quarter", [(quarter_start(q), quarter_start(_next_quarter(q))) for q in labels])
    years = plan["year"].values.astype(int).tolist()
    until = int(_case(plan).get("horizon", {}).get("long_run_until_year", years[-1]))
    ends = [*(y + 1 for y in years[:-1]), max(until, years[-1]) + 1]
    first = [np.datetime64(f"{y:04d}-01-01") for y in years]
    return found | _span("year", [(a, np.datetime64(f"{b:04d}-01-01")) for a, b in zip(first, ends, strict=True)])


def _span(dim: str, spans: list[tuple[np.datetime64, np.datetime64]]) -> dict[Hashable, xr.Variable]:
    bounds = (np.array(spans) - EPOCH) / np.timedelta64(1, "D")
    attrs = {
        "units": _TIME_UNITS,
        "calendar": "standard",
        "units_metadata": "leap_seconds: none",
        "standard_name": "time",
        "long_name": f"Middle of the {dim}, or of the calendar years that it stands for",
        "bounds": f"{dim}_time_bounds",
        "coverage_content_type": "coordinate",
    }  # fmt: skip
    return {
        f"{dim}_time": xr.Variable((dim,), bounds.mean(axis=1), attrs),
        f"{dim}_time_bounds": xr.Variable((dim, "bounds"), bounds, {}),
    }


def _places(plan: xr.Dataset) -> dict[Hashable, xr.Variable]:
    """Repeat the coordinates of the zones for the regions, so that region arrays have a place."""
    if "zone_lat" not in plan.variables or "zone_lon" not in plan.variables:
        return {}
    zones = plan["zone"].values.tolist()
    at = [zones.index(region) for region in plan["region"].values.tolist()]
    kinds = {"lat": ("latitude", "degrees_north"), "lon": ("longitude", "degrees_east")}
    return {
        f"region_{axis}": xr.Variable(
            ("region",),
            plan[f"zone_{axis}"].values[at].astype(np.float64),
            {"units": unit, "long_name": f"{name.capitalize()} of the region",
             "coverage_content_type": "coordinate"},
        )
        for axis, (name, unit) in kinds.items()
    }  # fmt: skip


def _global_attrs(plan: xr.Dataset, variables: Mapping[Hashable, xr.Variable]) -> dict[str, Any]:
    case = _case(plan)
    title = str(case.get("title") or case.get("name") or "Plan")
    bounds = variables["quarter_time_bounds"].values
    dates = [str(EPOCH + np.timedelta64(int(day), "D")) for day in (bounds[0, 0], bounds[-1, 1])]
    attrs: dict[str, Any] = {
        "Conventions": "CF-1.11, ACDD-1.3",
        "plan_format": FORMAT_NAME,
        "plan_format_version": np.int32(FORMAT_VERSION),
        "title": f"Siting and power plan: {title}",
        "summary": "Where and when halls of AI-inference compute are energized, how the grid serves them, "
        "and what they cost: inputs, decisions, itemized costs and local prices of one run of grid-opt.",
        "keywords": _KEYWORDS,
        "id": str(case.get("name") or "plan"),
        "project": "grid-opt",
        "history": f"written by grid-opt {__version__}",
        "comment": "Money is real USD of the price base year, discounted where it says present value. "
        "Quarters and years are calendar ones, UTC; a slice is an hour of a representative day and stands "
        "for slice_weight hours.",
        "source": f"grid-opt {__version__}: mixed-integer linear program",
        "processing_level": "optimization result",
        "product_version": __version__,
        "standard_name_vocabulary": "CF Standard Name Table",
        "license": "The software is under Apache-2.0; each input table names its own licence in SOURCES.csv",
        "time_coverage_start": dates[0],
        "time_coverage_end": dates[1],
        "time_coverage_resolution": "P3M",
        "cdm_data_type": "Other",
    }
    for axis, key in (("lat", "zone_lat"), ("lon", "zone_lon")):
        if key in variables:
            degrees = variables[key].values
            attrs[f"geospatial_{axis}_min"] = float(degrees.min())
            attrs[f"geospatial_{axis}_max"] = float(degrees.max())
    own = {str(key): _plain(value) for key, value in plan.attrs.items()}
    derived = {*attrs, "content_sha256"}
    return attrs | {key: own[key] for key in sorted(own) if key not in derived}


def _plain(value: Any) -> Any:
    """Return an attribute in a type that NetCDF can hold, the same on every machine."""
    if isinstance(value, bool | np.bool_):
        return np.int8(value)
    if isinstance(value, int | np.integer):
        return np.int64(value)
    if isinstance(value, float | np.floating):
        return np.float64(value)
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True)


def planner_unit(text: str, attrs: Mapping[str, Any]) -> str:
    """Return grid-opt's name of a CF unit, for a file that another program rewrote without ``unit_text``."""
    money = "currency" in attrs
    return next((name for name, unit in CF_UNITS.items() if name and unit.text == text and unit.money == money), text)
