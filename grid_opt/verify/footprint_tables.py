"""Make the rates of emissions, the carbon-free shares and the water again from the rows of their tables."""

from __future__ import annotations

from collections.abc import Callable

from grid_opt.inputs.schema_environment import FOOTPRINT
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books
from grid_opt.verify.made_again import check_made_again
from grid_opt.verify.table_files import Row
from grid_opt.verify.tables import candidate


def _place(e: Evidence, region: str) -> Row:
    return e.tables.row("environment", region=_home(e, region))


def _home(e: Evidence, region: str) -> str:
    """Return the region of the tables that a region of the plan is, or at a bus is like."""
    return str(candidate(e, region)[0]["like"]) if e.case.is_nodal else region


def _between(known: dict[int, float], year: int) -> float:
    """Return the figure of a year: on the line between the named years around it, or that of the nearest one."""
    before = max((y for y in known if y <= year), default=min(known))
    after = min((y for y in known if y >= year), default=max(known))
    if before == after:
        return known[before]
    return known[before] + (known[after] - known[before]) * (year - before) / (after - before)


def level(e: Evidence, region: str, year: int, column: str) -> float:
    """Return the mean of a column over the calendar years of an operating year."""
    key = f"emissions of {region}"
    if key not in e.shared:
        e.shared[key] = [row for row in e.tables.rows("emissions") if row["region"] == _home(e, region)]
    known = {int(row["year"]): float(row[column]) for row in e.shared[key]}
    years = Books.of(e.case).calendar_years(year)
    return sum(_between(known, each) for each in years) / len(years)


def shape(e: Evidence, region: str, season: int, hour: int, quantity: str, column: str) -> float:
    """Return how the hour of a calendar quarter compares with the mean of the year."""
    if "shapes" not in e.shared:
        rows = e.tables.rows("emission_shapes")
        e.shared["shapes"] = {(row["shape"], row["quantity"], int(row["quarter"])): row for row in rows}
    return float(e.shared["shapes"][_place(e, region)[column], quantity, season][f"h{hour:02d}"])


def _rate(column: str, quantity: str, by: str) -> Callable[..., float]:
    def make(e: Evidence, region: str, year: int, season: int, hour: int) -> float:
        return level(e, region, year, column) * shape(e, region, season, hour, quantity, by)

    return make


def carbon_free(e: Evidence, region: str, year: int, season: int, hour: int) -> float:
    """Return the carbon-free share of the grid in an hour, never above all of it."""
    return min(1.0, _rate("carbon_free_fraction", "carbon_free", "average_shape")(e, region, year, season, hour))


def water(e: Evidence, region: str, season: int) -> float:
    """Return what the case's class of cooling consumes, warm hours apart from cool ones [L/kWh]."""
    row, warm = e.tables.row("cooling", cooling=e.case.water.cooling), float(_place(e, region)[f"warm_q{season}"])
    return warm * float(row["warm_l_per_kwh"]) + (1.0 - warm) * float(row["cool_l_per_kwh"])


MAKERS: dict[str, Callable[..., float]] = {
    "emission_average": _rate("average_kg_per_mwh", "average", "average_shape"),
    "emission_marginal": _rate("marginal_kg_per_mwh", "marginal", "marginal_shape"),
    "emission_residual": _rate("residual_kg_per_mwh", "average", "average_shape"),
    "residual_mix": lambda e, region, year: level(e, region, year, "residual_kg_per_mwh"),
    "grid_carbon_free": carbon_free,
    "water_intensity": water,
    "water_stress": lambda e, region: float(_place(e, region)["water_stress"]),
}
"""Every array of carbon and water, and what makes one element of it."""


for _name, _maker in MAKERS.items():
    check_made_again(_name, FOOTPRINT[_name], _maker)
