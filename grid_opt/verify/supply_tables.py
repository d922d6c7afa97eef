"""Make contracts, blocks and technologies again from the rows of their tables, and compare them with the plan's.

Nothing is shared with the code that made them. Prices and weather are those that the generator makes again
(:mod:`grid_opt.verify.contents`); here they are taken as the plan has them.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import xarray as xr

from grid_opt.inputs.schema_supply import CONTRACT, FORWARD, OWN, PLANT, STORE, SUPPLY
from grid_opt.verify.basis import basis, in_peak
from grid_opt.verify.check import Excess, check
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import quarter_count
from grid_opt.verify.made_again import SAME_NUMBER, Maker, check_made_again
from grid_opt.verify.supply import has_contracts, has_forwards, has_own, has_plants, has_stores, has_wheeled
from grid_opt.verify.supply_money import present_years
from grid_opt.verify.table_files import Row
from grid_opt.verify.tables import KILOWATTS

DEFLATED = 0.97466
"""USD of 2024 for one of 2025, in which the outlook of gas is."""


def _table(dim: str) -> tuple[str, str]:
    return {"ppa": ("ppa_offers", "offer"), "forward": ("forward_blocks", "block")}.get(
        dim, ("onsite_technologies", "technology")
    )


def _row(e: Evidence, dim: str, label: str) -> Row:
    table, key = _table(dim)
    return e.tables.row(table, **{key: label.partition("@")[0]})


def _number(row: Row, column: str) -> float:
    return float(row[column] or 0)


def _cell(dim: str, column: str, factor: float, e: Evidence, label: str) -> float:
    return factor * _number(_row(e, dim, label), column)


def _said(dim: str, column: str, e: Evidence, label: str) -> str:
    return _row(e, dim, label)[column]


def _is(dim: str, column: str, wanted: str, e: Evidence, label: str) -> float:
    return float(_row(e, dim, label)[column] == wanted)


def _place(e: Evidence, label: str) -> str:
    return label.partition("@")[2]


def in_force(e: Evidence, label: str, year: int, season: int) -> float:
    """Add up the shares of the calendar years in which the quarter lies within the contract."""
    row, name = _row(e, "ppa", label), "{}Q{}"
    return sum(
        w for y, w in present_years(e)[int(year)].items()
        if row["first_quarter"] <= name.format(y, season) <= row["last_quarter"]
    )  # fmt: skip


def strike(e: Evidence, label: str, year: int, season: int) -> float:
    """Average the strikes of those years; it moves on every anniversary of the first quarter."""
    row = _row(e, "ppa", label)
    total = weight = 0.0
    for y, w in present_years(e)[int(year)].items():
        quarter = f"{y}Q{season}"
        if row["first_quarter"] <= quarter <= row["last_quarter"]:
            age = quarter_count(row["first_quarter"], quarter) // 4
            total += w * _number(row, "price_usd_per_mwh") * (1.0 + _number(row, "real_escalator_fraction")) ** age
            weight += w
    return total / weight if weight else 0.0


def forward_most(e: Evidence, label: str, year: int, season: int) -> float:
    """Return what the market has, where the block is traded in all the years."""
    row = _row(e, "forward", label)
    last = row["last_quarter"] or "9999Q4"
    on = all(f"{y}Q{season}" <= last for y in present_years(e)[int(year)])
    return _number(row, "most_mw") * on


def own_most(e: Evidence, label: str, quarter: str) -> float:
    """Return the most MW from the quarter on in which equipment, permits, works and delays are over."""
    row = _row(e, "own", label)
    wait = max(_number(row, "equipment_lead_quarters"), _number(row, "permit_lead_quarters"))
    wait += _number(row, "build_quarters") + e.case.supply.delay_quarters.get(row["technology"], 0)  # type: ignore[call-overload]
    return _number(row, "most_mw") if quarter_count(row["order_quarter"], quarter) >= wait else 0.0


def built(dim: str, column: str, e: Evidence, label: str) -> float:
    """Return an overnight cost per kW or kWh at the region, per MW or MWh."""
    region = e.tables.row("regions", region=_place(e, label))
    return KILOWATTS * _number(_row(e, dim, label), column) * float(region["construction_multiplier"])


def store_left(e: Evidence, label: str, quarter: str, year: int, season: int) -> float:
    """Return what can be used of energy installed in a quarter: less every year, anew with every life; none before."""
    row = _row(e, "store", label)
    if quarter > e.quarter_rows(int(year))[int(season) - 1]:
        return 0.0
    life, total = _number(row, "life_years"), 0.0
    for y, w in present_years(e)[int(year)].items():
        age = (quarter_count(quarter, f"{y}Q{season}") + 0.5) / 4.0
        while age >= life:
            age -= life
        total += w * (1.0 - age * _number(row, "fade_per_year"))
    return total * _number(row, "usable_fraction")


def store_wear(e: Evidence, label: str) -> float:
    """Return the running cost and the price of the energy that a MWh discharged takes.

    The MWh leaves a store that loses on the way; it is so much of a full cycle of what can be used.
    """
    row = _row(e, "store", label)
    leaves = 1.0 / math.sqrt(_number(row, "round_trip_fraction"))
    taken = _number(row, "fade_per_cycle") * leaves / _number(row, "usable_fraction")
    return _number(row, "usd_per_mwh") + taken * built("store", "usd_per_kwh", e, label)


def own_credit(e: Evidence, label: str, quarter: str) -> float:
    """Return the credit of what enters service in the quarter: for when its works began, or for when it serves."""
    row = _row(e, "own", label)
    build = int(_number(row, "build_quarters"))
    if row["credit_starts_from"] and quarter_count(row["credit_starts_from"], quarter) < build:
        return 0.0
    in_time = not row["credit_starts_by"] or quarter_count(row["credit_starts_by"], quarter) <= build
    served = bool(row["credit_in_service_by"]) and quarter <= row["credit_in_service_by"]
    return _number(row, "credit_fraction") if in_time or served else 0.0


def plant_running(e: Evidence, label: str, year: int) -> float:
    """Return fuel and running cost: gas of the division and the years, with what brings it to the site."""
    row = _row(e, "plant", label)
    division = e.tables.row("zones", zone=_place(e, label))["census_division"]
    gas = {int(r["year"]): float(r["usd_per_mmbtu"]) for r in e.tables.rows("gas_outlook")
           if r["census_division"] == division}  # fmt: skip
    mean = sum(w * gas[min(y, max(gas))] for y, w in present_years(e)[int(year)].items())
    fuel = mean * DEFLATED * e.case.supply.gas_price_scale + _number(row, "fuel_adder_usd_per_mmbtu")
    return fuel * _number(row, "mmbtu_per_mwh") + _number(row, "usd_per_mwh")


def emission(e: Evidence, label: str) -> float:
    """Return tonnes per MWh from the fuel burnt."""
    row = _row(e, "plant", label)
    return _number(row, "kg_co2_per_mmbtu") * _number(row, "mmbtu_per_mwh") / 1e3


MAKERS: dict[str, Maker] = {
    "ppa_offer": partial(_said, "ppa", "offer"),
    "ppa_region": _place,
    "ppa_technology": partial(_said, "ppa", "technology"),
    "ppa_physical": partial(_is, "ppa", "settlement", "physical"),
    "ppa_clean": lambda e, label: 1.0 - _is("ppa", "technology", "shaped", e, label),
    "ppa_most": partial(_cell, "ppa", "most_mw", 1.0),
    "ppa_in_force": in_force,
    "ppa_strike": strike,
    "ppa_basis": partial(_cell, "ppa", "basis_usd_per_mwh", 1.0),
    "forward_block": partial(_said, "forward", "block"),
    "forward_region": _place,
    "forward_yearly": partial(_is, "forward", "period", "year"),
    "forward_most": forward_most,
    "own_technology": partial(_said, "own", "technology"),
    "own_region": _place,
    "own_unit": partial(_cell, "own", "unit_mw", 1.0),
    "own_most": own_most,
    "own_cost": partial(built, "own", "usd_per_kw"),
    "own_credit": own_credit,
    "own_fixed": partial(_cell, "own", "usd_per_kw_year", KILOWATTS),
    "own_life": partial(_cell, "own", "life_years", 1.0),
    "own_accredited": partial(_cell, "own", "accredited_fraction", 1.0),
    "plant_running": plant_running,
    "plant_emission": emission,
    "store_least_hours": partial(_cell, "store", "least_storage_h", 1.0),
    "store_most_hours": partial(_cell, "store", "most_storage_h", 1.0),
    "store_left": store_left,
    "store_cost": partial(built, "store", "usd_per_kwh"),
    "store_fixed": partial(_cell, "store", "usd_per_kwh_year", KILOWATTS),
    "store_accredited_hours": partial(_cell, "store", "accredited_h", 1.0),
    "store_efficiency": lambda e, label: _cell("store", "round_trip_fraction", 1.0, e, label) ** 0.5,
    "store_available": partial(_cell, "store", "availability_fraction", 1.0),
    "store_wear": store_wear,
}
"""Every array that the tables and the case decide, and what makes one element of it."""

_WHEN = ((CONTRACT, has_contracts), (FORWARD, has_forwards), (OWN, has_own), (PLANT, has_plants), (STORE, has_stores))


for _name, _maker in MAKERS.items():
    _condition = next(when for arrays, when in _WHEN if _name in arrays)
    check_made_again(_name, SUPPLY[_name], _maker, when=_condition)


def _apart(found: xr.DataArray, wanted: xr.DataArray) -> Excess:
    """Compare two arrays, relative to their size and at least to 1."""
    again = wanted.transpose(*found.dims)
    return Excess(abs(found - again), SAME_NUMBER * abs(again).clip(min=1.0))


@check("tables.wheeled_sale", "`wheeled_sale` is the price at the project less the margin, and never below 0.",
       "USD/MWh", when=has_wheeled)  # fmt: skip
def wheeled_sale(e: Evidence) -> Excess:
    """Take the margin off the price of every project whose energy may be delivered."""
    labels = [str(n) for n, physical in zip(e.labels("ppa"), e["ppa_physical"].values, strict=True) if physical]
    price = e["ppa_price"].sel(ppa=labels).rename(ppa="wheeled").assign_coords(wheeled=labels)
    return _apart(e["wheeled_sale"].sel(wheeled=labels), (price - e.case.supply.sale_margin_usd_per_mwh).clip(min=0.0))


@check("tables.forward_in", "`forward_in` marks the hours of the block.", "1", when=has_forwards)
def forward_in(e: Evidence) -> Excess:
    """Mark every hour of flat blocks, and the hours of the day of the others."""
    rows = [
        in_peak(e, _place(e, label)) if _row(e, "forward", label)["hours"] == "peak" else np.ones(e.plan.sizes["slice"])
        for label in map(str, e.labels("forward"))
    ]
    found = e["forward_in"]
    return _apart(found, found.copy(data=np.array(rows)))


@check("tables.forward_price", "`forward_price` is the hub's mean price in the block's hours and the premium.",
       "USD/MWh", when=has_forwards)  # fmt: skip
def forward_price(e: Evidence) -> Excess:
    """Average the prices of the hub in the hours of every block, quarter by quarter."""
    found, hours = e["forward_price"], e["slice_weight"].values
    season, regions = e["slice_season"].values.astype(int), [str(r) for r in e.labels("region")]
    again = np.zeros(found.shape)
    for n, label in enumerate(map(str, e.labels("forward"))):
        row, place = _row(e, "forward", label), _place(e, label)
        price = e["price"].values[regions.index(place)] - basis(e, place)
        for k, c in enumerate(e.labels("season")):
            weight = hours * e["forward_in"].values[n] * (season == int(c))
            mean = (price * weight).sum(axis=1) / weight.sum()
            again[n, :, k] = mean + abs(mean) * _number(row, "premium_fraction") + _number(row, "premium_usd_per_mwh")
    return _apart(found, found.copy(data=again))


@check("tables.ppa_hub_basis", "`ppa_hub_basis` is the basis of the project's zone where it settles at the hub.",
       "USD/MWh", when=has_contracts)  # fmt: skip
def ppa_hub_basis(e: Evidence) -> Excess:
    """Look up the basis of every project that settles at a hub; of the others there is none."""
    found = e["ppa_hub_basis"]
    again = np.zeros(found.shape)
    for n, label in enumerate(map(str, e.labels("ppa"))):
        row = _row(e, "ppa", label)
        if row["settles_at"] == "hub":
            again[n] = basis(e, row["project_zone"])
    return _apart(found, found.copy(data=again))


@check("tables.ppa_production", "Projects make no more than is in force, nothing below their floor, flat ones their "
       "share.", "1", when=has_contracts)  # fmt: skip
def ppa_production(e: Evidence) -> Excess:
    """Compare with the share in force; what follows the weather is compared when it is made again."""
    found, price = e["ppa_production"], e["ppa_price"].values
    season = e["slice_season"].values.astype(int)
    beyond = np.zeros(found.shape)
    for n, label in enumerate(map(str, e.labels("ppa"))):
        row = _row(e, "ppa", label)
        force = e["ppa_in_force"].values[n][:, [e.labels("season").index(int(c)) for c in season]]
        most = force * (price[n] >= float(row["floor_usd_per_mwh"])) if row["floor_usd_per_mwh"] else force
        values = found.values[n]
        if row["technology"] in ("wind", "solar"):
            beyond[n] = np.maximum(values - most, -values)
        else:
            shape = in_peak(e, row["project_zone"]) if row["technology"] == "shaped" else 1.0
            beyond[n] = abs(values - most * shape * _number(row, "capacity_factor"))
    return Excess(found.copy(data=beyond), SAME_NUMBER)


@check("tables.plant_available", "`plant_available` is the availability of the table, or less where the sun is weak.",
       "1", when=has_plants)  # fmt: skip
def plant_available(e: Evidence) -> Excess:
    """Compare with the table; what follows the weather is compared when it is made again."""
    found = e["plant_available"]
    beyond = np.zeros(found.shape)
    for n, label in enumerate(map(str, e.labels("plant"))):
        row, values = _row(e, "plant", label), found.values[n]
        apart = values - _number(row, "availability_fraction")
        beyond[n] = np.maximum(apart, -values) if row["technology"] == "solar" else abs(apart)
    return Excess(found.copy(data=beyond), SAME_NUMBER)


@check("tables.supply", "Contracts, blocks and technologies are rows that apply there and that the case admits.", "1",
       when=lambda e: e.case.supply.has_sources)  # fmt: skip
def rows_apply(e: Evidence) -> Excess:
    """Look for the region, its market or "all" among the names that a row applies to, and among those left out."""
    wrong: dict[str, float] = {}
    admitted = {"ppa": ("settlement", e.case.supply.contracts), "own": ("technology", e.case.supply.onsite)}
    for dim, column, has in (
        ("ppa", "deliverable_to", has_contracts(e)),
        ("forward", "applies_to", has_forwards(e)),
        ("own", "applies_to", has_own(e)),
    ):
        for label in map(str, e.labels(dim)) if has else ():
            row, region = _row(e, dim, label), _place(e, label)
            market, names = e.tables.row("zones", zone=region)["market"], row[column].split()
            inside = bool({region, market, "all"} & set(names)) and region in e.labels("region")
            outside = bool({f"-{region}", f"-{market}"} & set(names))
            kind, allowed = admitted.get(dim, (column, (row[column],)))
            wrong[f"{dim} {label}"] = float(not inside or outside or row[kind] not in allowed)
    for dim, admits in (("plant", e.case.supply.plants), ("store", e.case.supply.stores)):
        mine = {str(one) for one in e.labels("own") if str(one).partition("@")[0] in admits} if admits else set()
        wrong[dim] = float(mine != set(map(str, e.labels(dim))) if admits else False)
    return Excess(xr.DataArray(list(wrong.values()), dims="row", coords={"row": list(wrong)}), 0.5)
