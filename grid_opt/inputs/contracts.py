"""Turn the tables of long contracts and forward blocks into the arrays of the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grid_opt.config import Case, quarter_ordinal
from grid_opt.errors import InputError
from grid_opt.inputs.basis import in_peak
from grid_opt.inputs.offers import regions_of
from grid_opt.inputs.schema_supply import AS_PRODUCED, HUB, SHAPED
from grid_opt.units import QUARTERS_PER_YEAR

Floats = NDArray[np.float64]
Tables = Mapping[str, pd.DataFrame]

SEASONS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Market:
    """Prices and weather of every zone in the slices of the operating years."""

    price: Callable[[str], Floats]
    """Wholesale price of a zone (year, slice) [USD/MWh]."""
    basis: Callable[[str], Floats]
    """What that is above the price of the zone's hub (slice) [USD/MWh]."""
    factor: Callable[[str, str], Floats]
    """Capacity factor of wind or solar in a zone (slice)."""
    hour: Floats
    """Hour of the day of the slices, UTC."""
    season: NDArray[np.int64]
    """Calendar quarter of the slices."""
    weight: Floats
    """Hours that the slices stand for."""
    years: dict[int, dict[int, float]]
    """The calendar years of every operating year, with their shares of its present value."""


def peak(market: Market, longitude_deg: float) -> Floats:
    """Return 1 in the slices of the peak block at a longitude, else 0."""
    return in_peak(market.hour, longitude_deg)


# --- long contracts


def contract_arrays(
    case: Case, regions: list[str], tables: Tables, market: Market, closed: Mapping[str, str]
) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """Return the arrays of the offers that regions may sign, the label of each (``offer@region``), and those left out.

    ``closed`` says, by region, why no energy can be delivered there; physical offers are left out for these regions,
    with that reason.

    Raises:
        InputError: no offer with an admitted settlement is for any region of the case, or none can be delivered, or one
            makes power from wind where there is none.
    """
    table, found = tables["ppa_offers"], []
    shut: dict[str, str] = {}
    rows: list[Any] = list(table.itertuples(index=False))
    for number, row in enumerate(rows, start=2):
        if row.settlement not in case.supply.contracts or not in_force(row, market.years).any():
            continue
        mine = regions_of(str(row.deliverable_to), tables["zones"], regions)
        if mine and row.technology == "wind" and not market.factor("wind", str(row.project_zone)).any():
            raise _windless(table, number, row)
        shut |= {f"{row.offer}@{r}": closed[r] for r in mine if row.settlement == "physical" and r in closed}
        found += [(row, r) for r in mine if f"{row.offer}@{r}" not in shut]
    for settlement in case.supply.contracts:
        if not any(row.settlement == settlement for row, _ in found):
            raise _none_for_sale(table, settlement, shut)
    longitude = dict(zip(tables["zones"]["zone"], tables["zones"]["longitude_deg"], strict=True))
    force = np.array([in_force(row, market.years) for row, _ in found])
    price = np.array([market.price(str(row.project_zone)) for row, _ in found])
    made = np.array([_profile(row, market, float(longitude[row.project_zone])) for row, _ in found])
    floor = np.array([row.floor_usd_per_mwh for row, _ in found])
    stays = ~(price < np.where(np.isnan(floor), -np.inf, floor)[:, None, None])
    arrays = {
        "ppa_offer": [row.offer for row, _ in found],
        "ppa_region": [r for _, r in found],
        "ppa_technology": [row.technology for row, _ in found],
        "ppa_physical": [float(row.settlement == "physical") for row, _ in found],
        "ppa_clean": [float(row.technology != SHAPED) for row, _ in found],
        "ppa_most": [float(row.most_mw) for row, _ in found],
        "ppa_in_force": force,
        "ppa_strike": np.array([strike(row, market.years) for row, _ in found]),
        "ppa_basis": [float(row.basis_usd_per_mwh) for row, _ in found],
        "ppa_price": price,
        "ppa_hub_basis": np.array(
            [float(row.settles_at == HUB) * market.basis(str(row.project_zone)) for row, _ in found]
        ),
        "ppa_production": made[:, None, :] * stays * force[:, :, market.season - 1],
    }
    return arrays, [f"{row.offer}@{r}" for row, r in found], shut


def _none_for_sale(table: pd.DataFrame, settlement: str, shut: Mapping[str, str]) -> InputError:
    file = str(table.attrs.get("file", "ppa_offers.csv"))
    if settlement == "physical" and shut:
        return InputError(
            "every offer of energy is for a campus to which nobody but its utility may deliver",
            file=file,
            field="deliverable_to",
            value=", ".join(sorted(shut)[:5]) + (" and others" if len(shut) > 5 else ""),
            expected="a row for a region whose tariff bills energy at the wholesale price in all its schedules; not "
            + "; ".join(sorted(set(shut.values()))[:3]),
            fix="take 'physical' out of supply.contracts, add a row, or give the region another tariff",
        )
    return InputError(
        f"no {settlement} offer is for any region of this case while it operates",
        file=file,
        field="deliverable_to",
        expected="a row for one of the case's regions",
        fix=f"take {settlement!r} out of supply.contracts, or add a row",
    )


def _windless(table: pd.DataFrame, number: int, row: Any) -> InputError:
    return InputError(
        "there is no wind profile for this zone",
        file=str(table.attrs.get("file", "ppa_offers.csv")),
        row=number,
        field="project_zone",
        value=row.project_zone,
        expected="a zone with wind",
        fix="move the project, or give hours with wind_cf of the zone",
    )


def _profile(row: Any, market: Market, longitude_deg: float) -> Floats:
    """Return the production per nameplate in every slice, before its floor."""
    if row.technology in AS_PRODUCED:
        return market.factor(str(row.technology), str(row.project_zone))
    flat = np.full(len(market.hour), float(row.capacity_factor))
    return flat * peak(market, longitude_deg) if row.technology == SHAPED else flat


def _served(row: Any, year: int, season: int) -> bool:
    now = QUARTERS_PER_YEAR * year + season - 1
    return quarter_ordinal(str(row.first_quarter)) <= now <= quarter_ordinal(str(row.last_quarter))


def in_force(row: Any, years: Mapping[int, Mapping[int, float]]) -> Floats:
    """Return the share of the calendar years, by present value, in which the contract is in force (year, season)."""
    return np.array(
        [[sum(w for y, w in mine.items() if _served(row, y, c)) for c in SEASONS] for mine in years.values()]
    )


def strike(row: Any, years: Mapping[int, Mapping[int, float]]) -> Floats:
    """Return the strike [USD/MWh] (year, season), mean by present value over the years in which it is in force.

    It changes on every anniversary of the first quarter. Where the contract is not in force it is 0.
    """
    first = quarter_ordinal(str(row.first_quarter))
    prices = np.zeros((len(years), len(SEASONS)))
    for i, mine in enumerate(years.values()):
        for j, c in enumerate(SEASONS):
            on = {y: w for y, w in mine.items() if _served(row, y, c)}
            ages = {y: (QUARTERS_PER_YEAR * y + c - 1 - first) // QUARTERS_PER_YEAR for y in on}
            worth = sum(w * (1.0 + row.real_escalator_fraction) ** ages[y] for y, w in on.items())
            prices[i, j] = float(row.price_usd_per_mwh) * worth / sum(on.values()) if on else 0.0
    return prices


# --- forward blocks


def forward_arrays(case: Case, regions: list[str], tables: Tables, market: Market) -> tuple[dict[str, Any], list[str]]:
    """Return the arrays of the blocks that may be bought ahead in every region, and the label of each.

    Raises:
        InputError: no block is for any region of the case.
    """
    table, zones = tables["forward_blocks"], tables["zones"]
    longitude = dict(zip(zones["zone"], zones["longitude_deg"], strict=True))
    rows: list[Any] = list(table.itertuples(index=False))
    found = [(row, r) for row in rows for r in regions_of(str(row.applies_to), zones, regions)]
    if not found:
        raise InputError(
            "no block is for any region of this case",
            file=str(table.attrs.get("file", "forward_blocks.csv")),
            field="applies_to",
            expected="a row for one of the case's regions",
            fix="set supply.forwards = false, or add a row",
        )
    flat = np.ones(len(market.hour))
    inside = np.array([peak(market, float(longitude[r])) if row.hours == "peak" else flat for row, r in found])
    hub = {r: market.price(r) - market.basis(r) for _, r in found}
    expected = np.array([_expected(hub[r], one, market) for (_, r), one in zip(found, inside, strict=True)])
    share = np.array([row.premium_fraction for row, _ in found])[:, None, None]
    added = np.array([row.premium_usd_per_mwh for row, _ in found])[:, None, None]
    arrays = {
        "forward_block": [row.block for row, _ in found],
        "forward_region": [r for _, r in found],
        "forward_yearly": [float(row.period == "year") for row, _ in found],
        "forward_in": inside,
        "forward_most": np.array([float(row.most_mw) * _traded(row, market) for row, _ in found]),
        "forward_price": expected + share * np.abs(expected) + added,
    }
    return arrays, [f"{row.block}@{r}" for row, r in found]


def _expected(price: Floats, inside: Floats, market: Market) -> Floats:
    """Return the mean price of the hub in the block's hours (year, season) [USD/MWh]."""
    hours = market.weight * inside
    of_season = np.array([hours * (market.season == c) for c in SEASONS])
    return np.asarray(price @ of_season.T / of_season.sum(axis=1))


def _traded(row: Any, market: Market) -> Floats:
    """Return 1 where the block is traded (year, season), else 0; in the long run where it is in all of its years."""
    last = quarter_ordinal(str(row.last_quarter)) if row.last_quarter else 10**6
    return np.array(
        [
            [float(all(QUARTERS_PER_YEAR * y + c - 1 <= last for y in mine)) for c in SEASONS]
            for mine in market.years.values()
        ]
    )
