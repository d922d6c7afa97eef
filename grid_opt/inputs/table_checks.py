"""Check what no single table can: that the tables agree with each other and are complete."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import pandas as pd

from grid_opt.errors import InputError
from grid_opt.inputs.environment_checks import check_environment
from grid_opt.inputs.offer_checks import check_offers
from grid_opt.inputs.schema_tables import STRESSES
from grid_opt.inputs.supply_checks import check_supply

QUARTERS = tuple(f"{year}Q{season}" for year in (2026, 2027, 2028) for season in (1, 2, 3, 4))
SURPLUS_YEARS = (2026, 2027, 2028)
OUTLOOK_YEARS = tuple(range(2023, 2036))
DELIVERY_YEARS = ("2025/26", "2026/27", "2027/28", "2028/29")
FIRST_ROW = 2
_WHOLE_MW = 0.5
"""What rounding to whole MW may add to a flow."""

Tables = Mapping[str, pd.DataFrame]


def check_tables(tables: Tables) -> None:
    """Refuse tables that do not fit together.

    ``tables`` holds every table by name, as :func:`grid_opt.inputs.tables.read_tables` returns them.
    Errors: InputError naming the file, the row and the field, or the missing region and quarter.
    """
    zones = tables["zones"]["zone"]
    regions = tables["regions"]["region"]
    _known(tables, "regions", "region", zones, "zones")
    _known(tables, "links", "from_zone", zones, "zones")
    _known(tables, "links", "to_zone", zones, "zones")
    _known(tables, "headroom", "region", regions, "regions")
    _known(tables, "region_tariffs", "region", regions, "regions")
    _known(tables, "surplus", "zone", zones, "zones")
    _known(tables, "wholesale_outlook", "zone", zones, "zones")
    _known(tables, "basis", "zone", zones, "zones")
    _known(tables, "regions", "capacity_zone", tables["capacity_prices"]["capacity_zone"], "capacity_prices")
    _known(tables, "zones", "census_division", tables["gas_outlook"]["census_division"], "gas_outlook")
    _complete(tables, "headroom", {"region": regions, "quarter": QUARTERS})
    _complete(tables, "environment", {"region": regions})
    _complete(tables, "emissions", {"region": regions, "year": sorted(set(tables["emissions"]["year"]))})
    _complete(tables, "region_tariffs", {"region": regions})
    _complete(tables, "surplus", {"zone": zones, "year": SURPLUS_YEARS, "stress": STRESSES})
    _complete(tables, "wholesale_outlook", {"zone": zones, "year": OUTLOOK_YEARS})
    _complete(tables, "basis", {"zone": zones})
    _complete(tables, "gas_outlook", {"census_division": zones_divisions(tables), "year": OUTLOOK_YEARS})
    _complete(
        tables,
        "capacity_prices",
        {"capacity_zone": tables["regions"]["capacity_zone"], "delivery_year": DELIVERY_YEARS},
    )
    _unbroken(tables, "surplus", ("zone", "stress"), "year")
    _unbroken(tables, "wholesale_outlook", ("zone",), "year")
    _unbroken(tables, "gas_outlook", ("census_division",), "year")
    _unbroken(tables, "capacity_prices", ("capacity_zone",), "delivery_year")
    _candidates(tables)
    _loads(tables)
    _links(tables)
    _monotone(tables)
    check_offers(tables)
    check_environment(tables)
    check_supply(tables)


def zones_divisions(tables: Tables) -> list[str]:
    """Return the census divisions that the zones name."""
    return sorted(set(tables["zones"]["census_division"]))


def _file(tables: Tables, name: str) -> str:
    return str(tables[name].attrs.get("file", f"{name}.csv"))


def _known(tables: Tables, name: str, column: str, known: Iterable[str], where: str) -> None:
    """Refuse an id that its home table does not have."""
    names = list(dict.fromkeys(known))
    for index, value in enumerate(tables[name][column]):
        if value not in names:
            near = difflib.get_close_matches(value, names, n=1)
            raise InputError(
                f"unknown {column}",
                file=_file(tables, name),
                row=index + FIRST_ROW,
                field=column,
                value=value,
                expected=f"an id that {where}.csv has",
                fix=f"did you mean {near[0]}?" if near else f"add it to {where}.csv or remove the row",
            )


def _complete(tables: Tables, name: str, parts: Mapping[str, Iterable[object]]) -> None:
    """Refuse a table that lacks a combination of its keys, naming the first one that is missing."""
    keys = list(parts)
    present = set(zip(*(tables[name][key] for key in keys), strict=True))
    for wanted in product(*(dict.fromkeys(part) for part in parts.values())):
        if wanted not in present:
            raise InputError(
                f"missing {keys[-1]}: there is no row for {', '.join(str(part) for part in wanted)}",
                file=_file(tables, name),
                row=_nearest_row(tables[name], dict(zip(keys, wanted, strict=True))),
                field=" x ".join(keys),
                expected=f"a row for every {' x '.join(keys)}",
                fix="add the row after this one",
            )


def _unbroken(tables: Tables, name: str, keys: tuple[str, ...], column: str) -> None:
    """Refuse rows beyond the required years that leave years out: between years of a table nothing is made up."""
    table = tables[name]
    for key, years in table[column].astype(str).str[:4].astype(int).groupby([table[k] for k in keys], sort=False):
        there, last = set(years), int(years.max())
        missing = next((year for year in range(int(years.min()), last) if year not in there), None)
        if missing is not None:
            raise InputError(
                f"{', '.join(map(str, key))} leaves out {missing}",
                file=_file(tables, name),
                row=int(years[years == last].index[-1]) + FIRST_ROW,
                field=column,
                value=table[column][int(years[years == last].index[-1])],
                expected=f"a row for each year up to {last}",
                fix=f"add the rows from {missing} on, or remove this one",
            )


def _nearest_row(table: pd.DataFrame, wanted: Mapping[str, Any]) -> int:
    """Return the last row that shares the most leading keys with ``wanted`` and does not come after it."""
    rows = table.assign(row=range(FIRST_ROW, len(table) + FIRST_ROW))
    for key, value in wanted.items():
        same = rows[rows[key] == value]
        if same.empty:
            earlier = rows[rows[key] < value]
            rows = rows if earlier.empty else earlier
            break
        rows = same
    return int(rows["row"].iloc[-1])


def _candidates(tables: Tables) -> None:
    """Refuse a candidate zone without a row of regions, and a region whose zone is no candidate."""
    flags = dict(zip(tables["zones"]["zone"], tables["zones"]["is_candidate"], strict=True))
    for index, region in enumerate(tables["regions"]["region"]):
        if flags[region] != 1:
            raise InputError(
                "the zone of this region is not a candidate",
                file=_file(tables, "regions"),
                row=index + FIRST_ROW,
                field="region",
                value=region,
                expected="is_candidate = 1 in zones.csv",
                fix="set is_candidate to 1 or remove the row",
            )
    have = set(tables["regions"]["region"])
    missing = sorted(zone for zone, flag in flags.items() if flag == 1 and zone not in have)
    if missing:
        raise InputError(
            f"a candidate zone has no row: {', '.join(missing)}",
            file=_file(tables, "regions"),
            field="region",
            expected="a row for every zone with is_candidate = 1",
            fix="add the row or set is_candidate to 0",
        )


def _loads(tables: Tables) -> None:
    """Refuse a mean load above the peak load."""
    zones = tables["zones"]
    for index, (mean, peak) in enumerate(zip(zones["load_mean_mw"], zones["peak_mw"], strict=True)):
        if mean > peak:
            raise InputError(
                "the mean load is above the peak load",
                file=_file(tables, "zones"),
                row=index + FIRST_ROW,
                field="load_mean_mw",
                value=mean,
                expected=f"at most peak_mw {peak:g}",
                fix="correct the mean or the peak; both are in MW",
            )


def _links(tables: Tables) -> None:
    """Refuse a link to itself, a pair that is there twice, and AC without susceptance or B2B with."""
    links = tables["links"]
    seen: dict[frozenset[str], int] = {}
    rows = zip(links["from_zone"], links["to_zone"], links["kind"], links["susceptance_mw_per_rad"], strict=True)
    for index, (start, end, kind, susceptance) in enumerate(rows):
        row, pair = index + FIRST_ROW, frozenset({start, end})
        problem = ""
        if start == end:
            problem = "the link joins a zone to itself"
        elif pair in seen:
            problem = f"duplicate link: the pair is already in row {seen[pair]}"
        elif (susceptance > 0) != (kind == "AC"):
            problem = "an AC link needs a susceptance above 0 and a B2B link needs 0"
        if problem:
            raise InputError(
                problem,
                file=_file(tables, "links"),
                row=row,
                field="from_zone, to_zone",
                value=f"{start} > {end} ({kind}, susceptance {susceptance:g})",
                expected="each pair of different zones once",
                fix="correct the row or remove it",
            )
        seen[pair] = row
    for stress in STRESSES:
        flows = zip(links[f"base_flow_{stress}_mw"], links["forward_mw"], links["reverse_mw"], strict=True)
        for index, (flow, forward, reverse) in enumerate(flows):
            if not -reverse - _WHOLE_MW <= flow <= forward + _WHOLE_MW:
                raise InputError(
                    "the link carries more than its limit already",
                    file=_file(tables, "links"),
                    row=index + FIRST_ROW,
                    field=f"base_flow_{stress}_mw",
                    value=flow,
                    expected=f"between {-reverse:g} (reverse_mw) and {forward:g} (forward_mw)",
                    fix="correct the flow or the limit; a flow from to_zone to from_zone is negative",
                )


def _monotone(tables: Tables) -> None:
    """Refuse cumulative headroom that falls with time."""
    table = tables["headroom"]
    latest: dict[str, tuple[str, float]] = {}
    order = table.assign(row=range(FIRST_ROW, len(table) + FIRST_ROW)).sort_values("quarter", kind="stable")
    for region, quarter, mw, row in zip(
        order["region"], order["quarter"], order["headroom_mw"], order["row"], strict=True
    ):
        before = latest.get(region)
        if before is not None and mw < before[1]:
            raise InputError(
                "headroom falls with time; it is cumulative",
                file=_file(tables, "headroom"),
                row=row,
                field="headroom_mw",
                value=f"{region} {quarter}: {mw:g}",
                expected=f"at least the {before[1]:g} of {before[0]}",
                fix="give the MW connected by the end of the quarter in total, not the addition",
            )
        latest[region] = (quarter, mw)
