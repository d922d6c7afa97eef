"""What would have to be otherwise in one region: more headroom, an earlier date, or cheaper power."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.config import Case, add_quarters, quarter_ordinal
from grid_opt.errors import InputError
from grid_opt.formulation.campus import construction_ready
from grid_opt.inputs.headroom import headroom_at
from grid_opt.inputs.offers import offer_world
from grid_opt.inputs.schema_fleet import declared_arrays
from grid_opt.inputs.schema_offers import MENU, UPGRADE
from grid_opt.inputs.schema_tariffs import DELIVERED, TARIFF
from grid_opt.inputs.tables import inputs_sha256, read_tables
from grid_opt.inputs.tariffs import capacity_table, region_tariffs, tariff_world

Lever = Literal["headroom", "sooner", "price"]
LEVERS: tuple[Lever, ...] = ("headroom", "sooner", "price")
UNITS: Mapping[Lever, str] = {"headroom": "MW", "sooner": "quarters", "price": "USD/MWh"}
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Change:
    """One region with more headroom [MW], ready so many quarters sooner, or with a lower price [USD/MWh]."""

    lever: Lever
    region: str
    amount: float


def stored_world(case: Case, plan: xr.Dataset) -> xr.Dataset:
    """Return what a plan file holds of the world that its case was solved over."""
    return plan[[name for name in declared_arrays(case) if name in plan]]


def tables_of(case: Case, plan: xr.Dataset) -> Tables:
    """Return the tables of a plan's case, as far as a change of a region must be carried through them.

    Raises:
        InputError: a table is not the one that the plan was made from.
    """
    if not (case.connection.menu or case.tariffs.charge):
        return {}
    known = json.loads(str(plan.attrs["inputs_sha256"]))
    for name, found in inputs_sha256(case.tables_dir).items():
        if name.startswith("hours/") or known.get(name) == found:
            continue
        raise InputError(
            "this table is not the one that the plan was made from",
            file=name, expected=f"SHA-256 {known.get(name, 'of a file that the plan did not read')}", value=found,
            fix="run the case anew, or give the folder of its case file with --case-folder",
        )  # fmt: skip
    return read_tables(case.tables_dir)


def changed(case: Case, world: xr.Dataset, tables: Tables, change: Change) -> xr.Dataset:
    """Return the world with one region changed, and with everything anew that follows from what was changed.

    * ``headroom``: so many MW more from the quarter of :func:`counts_from` on, at the dates of the connection as they
      are;
    * ``sooner``: headroom and construction so many quarters earlier; MW that an offer has of its own keep their dates;
    * ``price``: wholesale lower by so much in every hour of every year. Blocks bought ahead follow; long contracts do
      not.

    Offers of grid service and tariffs are derived again from ``tables``.
    """
    edit = {"headroom": _more_headroom, "sooner": _sooner, "price": _cheaper}[change.lever]
    found, headroom = edit(case, world.copy(), tables, change)
    if case.connection.menu and change.lever != "price":
        regions = found["region"].values.tolist()
        found["headroom"] = found["headroom"].copy(data=headroom_at(headroom, regions, case))
        bare = found.drop_vars([name for name in (*MENU, *UPGRADE, *_MENU_DIMS) if name in found.variables])
        found = offer_world(case, bare, {**tables, "headroom": headroom})
    if case.tariffs.charge and not _pays_the_same(world, found):
        names = region_tariffs(tables["region_tariffs"], found["region"].values.tolist())
        bare = found.drop_vars([name for name in (*TARIFF, *DELIVERED) if name in found])
        found = tariff_world(case, bare, names, capacity_table(tables["capacity_prices"]))
    return found


_MENU_DIMS = ("offer", "ahead", "relief", "upgrade")


def _pays_the_same(old: xr.Dataset, new: xr.Dataset) -> bool:
    """Return whether nothing that tariffs are made of differs: prices, offers, and without a menu the headroom."""
    names = ("price", "offer_cap", "offer_kind", "offer_region", "offer_regime") if "offer" in new.dims else (
        "price", "headroom",
    )  # fmt: skip
    return all(old[name].shape == new[name].shape and bool((old[name].values == new[name].values).all())
               for name in names)  # fmt: skip


def counts_from(case: Case, world: xr.Dataset, region: str) -> str | None:
    """Return the first quarter with headroom, else the first in which a campus could stand; ``None``: neither."""
    quarters = list(case.quarters)
    has = world["headroom"].sel(region=region).values > 0
    ready = construction_ready(case, world).sel(region=region).values > 0
    for wanted in (has, ready):
        if wanted.any():
            return quarters[int(np.argmax(wanted))]
    return None


_Edited = tuple[xr.Dataset, pd.DataFrame]


def _more_headroom(case: Case, world: xr.Dataset, tables: Tables, change: Change) -> _Edited:
    start = counts_from(case, world, change.region) or case.quarters[-1]
    after = [q for q in case.quarters if quarter_ordinal(q) >= quarter_ordinal(start)]
    headroom = world["headroom"].copy(deep=True)
    headroom.loc[{"region": change.region, "quarter": after}] += change.amount
    world["headroom"] = headroom
    return world, _rows_raised(case, tables, change, start) if tables else pd.DataFrame()


def _rows_raised(case: Case, tables: Tables, change: Change, start: str) -> pd.DataFrame:
    """Return headroom.csv with MW added from a quarter on: the table's own, before delay and scale of the case."""
    table = tables["headroom"]
    first = add_quarters(start, -case.grid.connection_delay_quarters)
    mine = table[table["region"] == change.region].sort_values("quarter")
    if first not in set(mine["quarter"]):
        before = mine[mine["quarter"].map(quarter_ordinal) < quarter_ordinal(first)]["headroom_mw"]
        row = {"region": change.region, "quarter": first, "headroom_mw": before.iloc[-1] if len(before) else 0.0}
        mine = pd.concat([mine, pd.DataFrame([row])], ignore_index=True)
    late = mine["quarter"].map(quarter_ordinal) >= quarter_ordinal(first)
    more = change.amount / case.grid.headroom_scale if case.grid.headroom_scale else 0.0
    mine = mine.assign(headroom_mw=mine["headroom_mw"] + more * late)
    return _put_back(table, mine, change.region)


def _sooner(case: Case, world: xr.Dataset, tables: Tables, change: Change) -> _Edited:
    steps = round(change.amount)
    lead = world["site_lead_quarters"].copy(deep=True)
    lead.loc[{"region": change.region}] -= steps
    headroom = world["headroom"].transpose("region", "quarter").copy(deep=True)
    row = headroom.sel(region=change.region).values
    headroom.loc[{"region": change.region}] = row[np.minimum(np.arange(len(row)) + steps, len(row) - 1)]
    world["site_lead_quarters"], world["headroom"] = lead, headroom
    if not tables:
        return world, pd.DataFrame()
    table = tables["headroom"]
    mine = table[table["region"] == change.region]
    moved = mine.assign(quarter=[add_quarters(str(q), -steps) for q in mine["quarter"]])
    return world, _put_back(table, moved, change.region)


def _cheaper(case: Case, world: xr.Dataset, tables: Tables, change: Change) -> _Edited:
    price = world["price"].copy(deep=True)
    price.loc[{"region": change.region}] -= change.amount
    world["price"] = price
    if case.supply.forwards and "forward_price" in world:
        here = world["forward_region"].values == change.region
        ahead = world["forward_price"].transpose("forward", "year", "season").copy(deep=True)
        ahead.values[here] -= change.amount
        world["forward_price"] = ahead
    return world, tables["headroom"] if tables else pd.DataFrame()


def _put_back(table: pd.DataFrame, rows: pd.DataFrame, region: str) -> pd.DataFrame:
    """Return a table with the rows of a region replaced, every region with a row for every quarter named."""
    found = pd.concat([table[table["region"] != region], rows[table.columns]], ignore_index=True)
    wide = found.pivot_table(index="region", columns="quarter", values="headroom_mw", aggfunc="first")
    quarters = [str(quarter) for quarter in wide.columns]
    quarters.sort(key=quarter_ordinal)
    wide = wide[quarters].ffill(axis=1).fillna(0.0)
    full = wide.reset_index().melt("region", var_name="quarter", value_name="headroom_mw")
    full.attrs = dict(table.attrs)
    return full
