"""Gather what campuses pay by tariff: the tariffs of a case's regions, and the arrays of the world made from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.config import Case
from grid_opt.config.days import DAYS_PER_YEAR, months_of
from grid_opt.errors import InputError
from grid_opt.inputs.offers import UNCOUNTED
from grid_opt.inputs.remembered import Kept
from grid_opt.inputs.schema_tariffs import DELIVERED, PARTS, TARIFF, tariff_arrays
from grid_opt.inputs.table_checks import FIRST_ROW
from grid_opt.inputs.tariff_lines import Bound, Lines, Place, Reducer, size_label
from grid_opt.inputs.tariff_terms import TariffTerms
from grid_opt.tariffs.clock import Floats
from grid_opt.tariffs.definitions import bundled_tariffs, load_tariff, tariff_path
from grid_opt.tariffs.operating import Slices
from grid_opt.tariffs.schema import Tariff
from grid_opt.units import MONTHS_PER_QUARTER

SUMMER = (5, 6, 7, 8, 9, 10)
"""Months whose declared peak day is hot. ASSUMPTION: May to October; the others' is the day of the winter peak."""
MONTHS = tuple(range(1, 13))


def region_tariffs(table: pd.DataFrame, regions: list[str]) -> dict[str, Tariff]:
    """Return the tariff of every region.

    Raises :class:`InputError` naming the row of the table for a region without a row or an unknown tariff, and the file
    of the tariff with its field for one that is not sound.
    """
    folder = Path(str(table.attrs.get("file", "region_tariffs.csv"))).parent
    rows = {str(r): (n, str(t)) for n, (r, t) in enumerate(zip(table["region"], table["tariff"], strict=True))}
    found: dict[str, Tariff] = {}
    read: dict[str, Tariff] = {}
    for region in regions:
        if region not in rows:
            raise InputError(
                f"no tariff for {region}", file=table.attrs.get("file"), field="region", expected="a row per region",
                fix="add the row, or set tariffs.charge = false",
            )  # fmt: skip
        number, name = rows[region]
        if name not in read:
            read[name] = _read(name, folder, table, number + FIRST_ROW)
        found[region] = read[name]
    return found


def _read(name: str, folder: Path, table: pd.DataFrame, row: int) -> Tariff:
    if name in bundled_tariffs() or (folder / name).is_file():
        return load_tariff(name, folder)
    try:
        return load_tariff(name, folder)
    except InputError as error:
        raise InputError(
            f"there is no tariff called {name!r}", file=table.attrs.get("file"), row=row, field="tariff", value=name,
            expected=f"one of {', '.join(bundled_tariffs())}, or a TOML file beside the table", fix=error.fix,
        ) from error  # fmt: skip


def tariff_files(table: pd.DataFrame) -> list[Path]:
    """Return the files of the tariffs of a table, bundled or beside it."""
    folder = Path(str(table.attrs.get("file", "region_tariffs.csv"))).parent
    return [tariff_path(name, folder) for name in sorted(set(table["tariff"].astype(str)))]


def capacity_table(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return capacity prices by zone and delivery year [USD/(MW day)]."""
    keys = zip(table["capacity_zone"].astype(str), table["delivery_year"].astype(str), strict=True)
    return dict(zip(keys, table["usd_per_mw_day"].astype(float), strict=True))


def slices_of(world: xr.Dataset) -> Slices:
    """Return the slices of any operating year; each is of one month where every day of the year has its own."""
    day = world["slice_source_day"].values.astype(np.int64)
    return Slices(
        world["slice_season"].values.astype(np.int64),
        world["slice_hour"].values.astype(np.int64),
        world["slice_weight"].values.astype(float),
        months_of(day) if len(np.unique(day)) == DAYS_PER_YEAR else None,
    )


def design_pue(world: xr.Dataset) -> Floats:
    """Return facility power per IT power on the declared peak day of every month, (region, month).

    That of the stress hour of its half of the year, and never below the mean of its quarter: so no hour of the quarter
    draws more than the computers could on the declared day.
    """
    stress = world["pue_stress"].transpose("region", "stress")
    columns = []
    for month in MONTHS:
        peak = stress.sel(stress="summer" if month in SUMMER else "winter").values
        mean = world["pue"].sel(season=(month - 1) // MONTHS_PER_QUARTER + 1).values
        columns.append(np.maximum(peak, mean))
    return np.stack(columns, axis=1)


def most_contract(world: xr.Dataset) -> xr.DataArray:
    """Return the largest contract demand (region, quarter) [MW]: all offers together; without a menu the headroom."""
    if "offer" not in world.dims:
        return world["headroom"].transpose("region", "quarter")
    rows = []
    kinds, at = world["offer_kind"].values.tolist(), world["offer_region"].values.tolist()
    for region in world["region"].values.tolist():
        mine = [n for n, (k, r) in enumerate(zip(kinds, at, strict=True)) if r == region and k not in UNCOUNTED]
        rows.append(world["offer_cap"].transpose("offer", "quarter").values[mine].sum(axis=0))
    return xr.DataArray(np.array(rows), coords={"region": world["region"], "quarter": world["quarter"]},
                        dims=("region", "quarter"))  # fmt: skip


def most_it(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return the largest campus (region, quarter) [MW of IT power]."""
    if "offer" not in world.dims:
        most = world["headroom"] / world["pue_peak"]
    else:
        cap, at = world["offer_cap"].transpose("offer", "quarter").values, world["offer_region"].values
        sums = np.array([cap[at == r].sum(axis=0) for r in world["region"].values])
        most = xr.DataArray(sums, coords={"region": world["region"], "quarter": world["quarter"]},
                            dims=("region", "quarter")) / world["pue_peak"]  # fmt: skip
    return most.clip(max=case.campus.max_campus_mw).transpose("region", "quarter")


_TERMS = Kept(TariffTerms)
"""What tariffs bill hangs on no price and on few knobs: a sweep compiles it once."""


def tariff_world(
    case: Case, world: xr.Dataset, tariffs: Mapping[str, Tariff], known: Mapping[tuple[str, str], float]
) -> xr.Dataset:
    """Add to a world what its regions pay by tariff."""
    regions, quarters = world["region"].values.tolist(), list(case.quarters)
    contract, it, pue = most_contract(world), most_it(case, world), design_pue(world)
    slices, lines = slices_of(world), Lines()
    made: dict[str, TariffTerms] = {}
    for n, region in enumerate(regions):
        tariff = tariffs[region]
        if tariff.name not in made:
            made[tariff.name] = _TERMS(case, tariff, slices, dict(known))
        place = Place(
            region=region,
            design_pue=dict(enumerate(pue[n].tolist())),
            contract_per_it=None if "offer" in world.dims else float(world["pue_peak"].values[n]),
            coincident_share=case.connection.coincident_share,
            most_it=dict(zip(quarters, it.values[n].tolist(), strict=True)),
            most_contract=dict(zip(quarters, contract.values[n].tolist(), strict=True)),
            price=price_at_meter(world, region),
        )
        Reducer(made[tariff.name], place, lines).reduce()
    values = {
        "region_tariff": [tariffs[r].name for r in regions], "design_pue": pue, "most_it": it.values,
        "most_contract": contract.values,
        "peak_hours": [[made[tariffs[r].name].peak_hours.get(q, 0.0) for q in quarters] for r in regions],
        **_rates(lines, regions, case, len(slices.season)),
    }  # fmt: skip
    sized, sizes = _sizes(made, tariffs, regions, contract, world)
    written, labels = _lines(lines, case, len(slices.season), {r: n for n, r in enumerate(regions)}, it, contract, pue)
    values |= sized | written
    coords = {"month": list(MONTHS), "part": list(PARTS), "size": sizes, **labels}
    found = world.assign_coords({d: np.array(v) if v else np.array([], dtype="<U1") for d, v in coords.items()})
    declared = tariff_arrays(case)
    found = found.assign({name: (array.dims, np.asarray(values[name])) for name, array in declared.items()})
    for name, array in declared.items():
        found[name].attrs = {"units": array.unit, "long_name": array.meaning}
    definitions = {t.name: t.model_dump(mode="json") for t in tariffs.values()}
    prices = {f"{zone} {year}": usd for (zone, year), usd in sorted(known.items())}
    return found.assign_attrs(tariffs_json=json.dumps(definitions, sort_keys=True),
                              capacity_usd_per_mw_day_json=json.dumps(prices, sort_keys=True))  # fmt: skip


def tariffs_of(plan: xr.Dataset) -> dict[str, Tariff]:
    """Return the tariffs that a world or a plan carries, by name."""
    return {name: Tariff.model_validate(one) for name, one in json.loads(plan.attrs["tariffs_json"]).items()}


def prices_of(plan: xr.Dataset) -> dict[tuple[str, str], float]:
    """Return the capacity prices that a world or a plan carries, by zone and delivery year [USD/(MW day)]."""
    prices = json.loads(plan.attrs["capacity_usd_per_mw_day_json"])
    return {(key.rpartition(" ")[0], key.rpartition(" ")[2]): usd for key, usd in prices.items()}


def price_at_meter(world: xr.Dataset, region: str) -> Floats:
    """Return the wholesale price with delivery losses, (operating year, slice) [USD/MWh]."""
    here = world["price"].sel(region=region).transpose("year", "slice").values
    return np.asarray(here * (1.0 + float(world["loss"].sel(region=region))))


def _rates(lines: Lines, regions: list[str], case: Case, slices: int) -> dict[str, Floats]:
    at, quarters = {r: n for n, r in enumerate(regions)}, {q: n for n, q in enumerate(case.quarters)}
    shape = (len(PARTS), len(regions), len(case.years), len(quarters))
    found = {f"tariff_{name}": np.zeros(shape) for name in lines.rates}
    for name, rates in lines.rates.items():
        sign = -1.0 if name == "relief" else 1.0
        for (part, region, a, q), usd in rates.items():
            found[f"tariff_{name}"][PARTS.index(part), at[region], a, quarters[q]] += sign * usd
    for name, part, metered in (
        ("tariff_energy", "energy", lines.metered), ("tariff_rider", "rider", lines.metered),
        ("tariff_delivered", "energy", lines.delivered),
    ):  # fmt: skip
        found[name] = np.zeros((len(regions), len(case.years), slices))
        for (booked, region, a), paid in metered.items():
            if booked == part:
                found[name][at[region], a] = paid
    return found


def _sizes(
    made: Mapping[str, TariffTerms], tariffs: Mapping[str, Tariff], regions: list[str], most: xr.DataArray,
    world: xr.Dataset,
) -> tuple[dict[str, Any], list[str]]:  # fmt: skip
    labels, where, mw, shared, may = [], [], [], [], []
    for n, region in enumerate(regions):
        for limit in made[tariffs[region].name].limits:
            reach = (most.values[n] >= limit).astype(float)
            if reach.any():
                labels.append(size_label(region, limit))
                where.append(region)
                mw.append(limit)
                shared.append(_is_threshold(world, region, limit))
                may.append(reach)
    return {
        "size_region": where, "size_mw": np.array(mw, dtype=float), "size_shared": np.array(shared, dtype=float),
        "size_may": np.array(may, dtype=float).reshape(len(labels), most.sizes["quarter"]),
    }, labels  # fmt: skip


def _is_threshold(world: xr.Dataset, region: str, limit: float) -> float:
    """Say whether a limit is where the offers of the region change too, so that one binary serves both."""
    if "offer" not in world.dims or float(world["region_threshold"].sel(region=region)) != limit:
        return 0.0
    here = world["offer_region"].values == region
    return float((world["offer_regime"].values[here] < 0).any())


def _lines(
    lines: Lines, case: Case, slices: int, at: Mapping[str, int], it: xr.DataArray, contract: xr.DataArray, pue: Floats
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    labels = list(lines.lines.values())
    rate = np.zeros((len(labels), len(case.years)))
    for (label, a), usd in lines.line_rates.items():
        rate[labels.index(label), a] = usd
    bounds = [(label, n, b) for (_, _, some), label in lines.lines.items() for n, b in enumerate(some)]
    names = {(label, n): f"{label}.{n + 1}" for label, n, _ in bounds}
    ties = [(names[label, n], line, rate) for label, n, b in bounds for line, rate in b.ties]
    values: dict[str, Any] = {
        "line_region": [key[0] for key in lines.lines], "line_part": [key[1] for key in lines.lines],
        "line_what": [lines.what[label] for label in labels], "line_rate": rate,
        **_bounds([(label, b) for label, _, b in bounds], lines, case, at, it, contract, pue),
        "meter_region": [key[0] for key in lines.meters],
        "meter_year": np.array([case.years[key[1]] for key in lines.meters], dtype=float),
        "meter_weight": np.array([key[2] for key in lines.meters], dtype=float).reshape(len(lines.meters), slices),
        "meter_delivered": np.array([key[3] for key in lines.meters], dtype=float).reshape(len(lines.meters), slices),
        **_falls(lines, case, {key[1]: most for key, most in _line_most(bounds, lines, at, it, contract, pue).items()}),
        "tie_bound": [bound for bound, _, _ in ties],
        "tie_line": [line for _, line, _ in ties],
        "tie_rate": np.array([rate for *_, rate in ties], dtype=float),
    }  # fmt: skip
    coords = {
        "line": labels, "bound": list(names.values()), "meter": list(lines.meters.values()),
        "fall": [f"{label} {upto:g}" for label, upto in lines.falls], "tie": [str(n) for n in range(len(ties))],
    }  # fmt: skip
    return {n: (v if len(v) else _empty(n, case, slices)) for n, v in values.items()}, coords


def _empty(name: str, case: Case, slices: int) -> Any:
    sizes = {"quarter": len(case.quarters), "year": len(case.years), "slice": slices}
    array = {**TARIFF, **DELIVERED}[name]
    shape = tuple(sizes.get(d, 0) for d in array.dims)
    return np.zeros(shape) if array.unit else np.zeros(shape, dtype="<U1")


def _most(bound: Bound, lines: Lines, region: str, at: Mapping[str, int], it: xr.DataArray, contract: xr.DataArray,
          pue: Floats) -> float:  # fmt: skip
    """Return the most that a bound can be, its shift left out."""
    n, quarters = at[region], it["quarter"].values.tolist()
    most = sum(max(c, 0.0) * float(it.values[n, quarters.index(q)]) for q, c in bound.load)
    most += sum(max(c, 0.0) * float(contract.values[n, quarters.index(q)]) for q, c in bound.contract)
    most += sum(max(c, 0.0) for _, c in bound.site)
    if bound.meter:
        bought, delivered = next(key[2:] for key, label in lines.meters.items() if label == bound.meter)
        weight = sum(max(w, d, 0.0) for w, d in zip(bought, delivered, strict=True))
        most += float(pue[n].max() * it.values[n].max() * weight)
    return most


def _line_most(
    bounds: list[tuple[str, int, Bound]], lines: Lines, at: Mapping[str, int], it: xr.DataArray, contract: xr.DataArray,
    pue: Floats,
) -> dict[tuple[str, str], float]:  # fmt: skip
    region_of = {label: key[0] for key, label in lines.lines.items()}
    found: dict[tuple[str, str], float] = {}
    for label, _, bound in bounds:
        most = _most(bound, lines, region_of[label], at, it, contract, pue)
        found["", label] = max(found.get(("", label), 0.0), most)
    return found


def _falls(lines: Lines, case: Case, most: Mapping[str, float]) -> dict[str, Any]:
    rate = np.zeros((len(lines.falls), len(case.years)))
    for n, rates in enumerate(lines.falls.values()):
        for a, usd in rates.items():
            rate[n, a] = usd
    return {
        "fall_line": [label for label, _ in lines.falls],
        "fall_from": np.array([upto for _, upto in lines.falls], dtype=float),
        "fall_most": np.array([max(most[label], upto) for label, upto in lines.falls], dtype=float),
        "fall_rate": rate,
    }


def _bounds(
    bounds: list[tuple[str, Bound]], lines: Lines, case: Case, at: Mapping[str, int], it: xr.DataArray,
    contract: xr.DataArray, pue: Floats,
) -> dict[str, Any]:  # fmt: skip
    quarters = {q: n for n, q in enumerate(case.quarters)}
    region_of = {label: key[0] for key, label in lines.lines.items()}
    arrays = {name: np.zeros((len(bounds), len(quarters))) for name in ("load", "relief", "contract", "site", "opened")}
    off = np.zeros(len(bounds))
    for n, (_, bound) in enumerate(bounds):
        for name in ("load", "relief", "contract", "site"):
            for q, coefficient in getattr(bound, name):
                arrays[name][n, quarters[q]] = coefficient
        condition = bound.condition
        if condition.upto:
            off[n] = 1.0
            arrays["opened"][n, quarters[condition.upto]] -= 1.0
        if condition.after:
            arrays["opened"][n, quarters[condition.after]] += 1.0
    most = [max(_most(b, lines, region_of[label], at, it, contract, pue) - b.shift, 0.0) for label, b in bounds]
    return {
        "bound_line": [label for label, _ in bounds],
        **{f"bound_{name}": array for name, array in arrays.items()},
        "bound_off": off,
        "bound_shift": np.array([b.shift for _, b in bounds], dtype=float),
        "bound_most": np.array(most, dtype=float),
        "bound_meter": [b.meter for _, b in bounds],
        "bound_from": [b.condition.reaches for _, b in bounds],
        "bound_below": [b.condition.below for _, b in bounds],
        "bound_quarter": [b.quarter for _, b in bounds],
    }
