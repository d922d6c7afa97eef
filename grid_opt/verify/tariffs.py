"""Check what a plan pays by tariff: its bills, their present value, and the decisions that they hang on."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.resources import models_dir
from grid_opt.verify.check import Excess, at_most, check, equal_money, not_negative, stack
from grid_opt.verify.evidence import Evidence, NotMadeError
from grid_opt.verify.ledger import worth_today
from grid_opt.verify.supply import has_wheeled, metered_mw, wheeled_mw
from grid_opt.verify.tariff_bills import Account, accounts, all_lines
from grid_opt.verify.tariff_calendar import later

BOOKED = {
    "energy": ("energy", "indexed"), "rider": ("rider",), "delivery": ("demand", "coincident", "fixed", "minimum_bill"),
    "capacity": ("capacity",), "collateral": ("collateral", "exit_fee"),
}  # fmt: skip
"""Kinds of charges of every cost term."""


def pays(e: Evidence) -> bool:
    """Say whether the case pays tariffs."""
    return e.case.tariffs.charge


def _with_menu(e: Evidence) -> bool:
    return pays(e) and e.case.connection.menu


def _with_reserve(e: Evidence) -> bool:
    return pays(e) and (e.case.connection.menu or bool(e.case.supply.onsite))


def _with_deliveries(e: Evidence) -> bool:
    return pays(e) and has_wheeled(e)


def recomputed(part: str) -> Callable[[Evidence], xr.DataArray]:
    """Return what works out a cost term [USD]: every line of every bill, worth less the later it falls."""

    def total(e: Evidence) -> xr.DataArray:
        regions, years = [str(r) for r in e.labels("region")], [int(a) for a in e.labels("year")]
        found = np.zeros((len(regions), len(years)))
        for n, region in enumerate(regions):
            account = accounts(e)[region]
            for (month, kind, _, _), usd, held in all_lines(e)[region]:
                if kind in BOOKED[part]:
                    a = account.operating.get(int(month[:4]), account.years[-1][1])
                    found[n, years.index(a)] += usd * (_holding(e, month) if held else _worth(e, month))
        coords = {"region": e.plan["region"], "year": e.plan["year"]}
        return xr.DataArray(found, coords=coords, dims=("region", "year"))

    return total


def _worth(e: Evidence, month: str) -> float:
    books = accounts(e)[str(e.labels("region")[0])].books
    year, season = int(month[:4]), (int(month[5:7]) + 2) // 3
    when = books.years if year > books.final_year else books.middle(year, season)
    return worth_today(books.rate, when)


def _holding(e: Evidence, month: str) -> float:
    """Return what it costs to hold one USD through a third of the month's quarter."""
    return (_worth(e, month) - _worth(e, later(month, 3))) / 3.0


def recomputed_peak_shedding(e: Evidence) -> xr.DataArray:
    """Return the worth of compute shed at peaks [USD]: so many hours for every declared hour that is billed."""
    value = e.case.flexibility.value_of_lost_compute_usd_per_mwh / e["pue_peak"]
    quarters = [str(q) for q in e.labels("quarter")]
    rows = []
    for region in e.labels("region"):
        hours = dict.fromkeys(quarters, 0.0)
        account = accounts(e)[str(region)]
        for year, _ in account.years:
            for number in range(1, 13):
                month = f"{year}-{number:02d}"
                hours[account.quarter(month)] += len(set(_billed_hours(account.tariff, month))) * _worth(e, month)
        rows.append(list(hours.values()))
    declared = xr.DataArray(rows, coords={"region": e.plan["region"], "quarter": e.plan["quarter"]},
                            dims=("region", "quarter"))  # fmt: skip
    return value * declared * e.case.tariffs.hours_per_peak * e["peak_shed"]


def _billed_hours(tariff: Mapping[str, Any], month: str) -> Iterator[str]:
    """List the declared hours of a month that any schedule bills in it, or a year later."""
    for one in tariff["schedules"].values():
        for when, wanted in ((month, "same_month"), (later(month, 12), "next_year")):
            if one["first_month"] <= when <= (one["last_month"] or "9999-12"):
                charges = [c for c in one["coincident"].values() if c["charged"] == wanted]
                charges += list(one["capacity"].values()) if wanted == "next_year" else []
                for charge in charges:
                    yield from (text for text in charge["declared"] if text[:2] == month[5:7])


@check("tariff.lines", "Every line of every bill is what the tariff says of the plan's load.", "USD", when=pays)
def lines(e: Evidence) -> Excess:
    """Compare the amounts of the plan's bills with those worked out, line by line; deposits are no cost."""
    stated: dict[str, float] = defaultdict(float)
    names = ("region", "month", "kind", "charge", "part")
    columns = [e.plan[f"bill_{name}"].values.tolist() for name in names]
    for *where, usd, cash in zip(*columns, e["bill_usd"].values, e["bill_cash"].values, strict=True):
        if cash < 0.5:
            stated[" ".join(str(k) for k in where)] += float(usd)
    found: dict[str, float] = defaultdict(float)
    for region, some in all_lines(e).items():
        for key, usd, held in some:
            if not held:
                found[" ".join((region, *key))] += usd
    label = sorted(set(stated) | set(found)) or ["none"]
    coords = {"line": label}
    return equal_money(
        xr.DataArray([stated.get(k, 0.0) for k in label], dims="line", coords=coords),
        xr.DataArray([found.get(k, 0.0) for k in label], dims="line", coords=coords),
    )


@check("tariff.amounts", "An amount of a bill is its quantity times its rate.", "USD", when=pays)
def amounts(e: Evidence) -> Excess:
    """Multiply every line."""
    return equal_money(e["bill_usd"], e["bill_quantity"] * e["bill_rate"])


not_negative("tariff.peak_shed", "Compute shed at peaks is not negative.", "MW", when=pays)
not_negative("tariff.kept_off", "What relief keeps off peaks is not negative.", "MW", when=_with_reserve)


@check("tariff.kept_most", "No more is kept off the peaks than relief and own supply can.", "MW",
       when=_with_reserve)  # fmt: skip
def kept_most(e: Evidence) -> Excess:
    """Add up the relief behind calls, the supply beside the meter and the accredited plant of every region."""
    most = e["own_capacity"] if e.case.supply.onsite else xr.zeros_like(e["kept_off"])
    if e.case.connection.menu:
        ready = e["backing"].sum("relief").where(e["offer_firm"] < 1.0, 0.0) + e["contract"] * e["offer_own_supply"]
        place = e["offer_region"].values
        rows = [ready.isel(offer=np.flatnonzero(place == r)).sum("offer") for r in e.labels("region")]
        most = most + xr.concat(rows, dim=e.plan["region"])
    return at_most(e["kept_off"], most.transpose("region", "quarter"))


@check("tariff.peak_limit", "No more is kept off the peaks than the load.", "MW", when=pays)
def peak_limit(e: Evidence) -> Excess:
    """Compare with the least load of a declared peak day while the capacity of the quarter runs."""
    rows = []
    for region in e.labels("region"):
        account, least = accounts(e)[str(region)], dict.fromkeys([str(q) for q in e.labels("quarter")], np.inf)
        for year, _ in account.years:
            for month in (f"{year}-{number:02d}" for number in range(1, 13)):
                quarter = account.quarter(month)
                least[quarter] = min(least[quarter], account.demand(month))
        rows.append(list(least.values()))
    load = xr.DataArray(rows, coords={"region": e.plan["region"], "quarter": e.plan["quarter"]},
                        dims=("region", "quarter"))  # fmt: skip
    off = e["peak_shed"] + (e["kept_off"] if _with_reserve(e) else 0.0)
    return at_most(off, e.case.connection.coincident_share * load)


@check(
    "tariff.design_day", "No slice draws more than the declared peak day by which demand is billed.", "MW", when=pays
)
def design_day(e: Evidence) -> Excess:
    """Compare the meter in every slice with the least declared peak day of its quarter."""
    metered = metered_mw(e) / (1.0 + e["loss"])
    season = e["slice_season"].values.astype(int)
    limits = np.empty(metered.shape)
    for n, region in enumerate(e.labels("region")):
        account = accounts(e)[str(region)]
        for a, year in enumerate(e.labels("year")):
            first = account.books.calendar_years(int(year))[0]
            day = [min(account.demand(f"{first}-{3 * c + k:02d}") for k in (1, 2, 3)) for c in range(4)]
            limits[n, a] = np.array(day)[season - 1]
    return at_most(metered, xr.DataArray(limits, coords=metered.coords, dims=metered.dims))


@check("tariff.retail_access", "Contracts deliver only where the tariff bills energy at the wholesale price, "
       "throughout.", "1", when=_with_deliveries)  # fmt: skip
def retail_access(e: Evidence) -> Excess:
    """Look for a schedule in force in any month, for any size, without energy at a multiple of the wholesale price."""
    region = dict(zip(map(str, e.labels("ppa")), map(str, e["ppa_region"].values), strict=True))
    wrong = {str(label): float(_is_closed(accounts(e)[region[str(label)]])) for label in e.labels("wheeled")}
    return Excess(xr.DataArray(list(wrong.values()), dims="wheeled", coords={"wheeled": list(wrong)}), 0.5)


def _is_closed(account: Account) -> bool:
    first, last = f"{account.years[0][0]}-01", f"{account.years[-1][0]}-12"
    for one in account.tariff["schedules"].values():
        rules = one["first_month"] <= last and (one["last_month"] or "9999-12") >= first
        if rules and not any(terms["multiplier"] > 0.0 for terms in one["indexed"].values()):
            return True
    return False


def _contract_of_sizes(e: Evidence) -> xr.DataArray:
    quarters = [str(q) for q in e.labels("quarter")]
    values = [[accounts(e)[str(r)].contract(f"{q[:4]}-{3 * int(q[5]):02d}") for q in quarters]
              for r in e["size_region"].values]  # fmt: skip
    shape = (e.plan.sizes["size"], len(quarters))
    return xr.DataArray(np.array(values, dtype=float).reshape(shape), dims=("size", "quarter"),
                        coords={"size": e.plan["size"], "quarter": e.plan["quarter"]})  # fmt: skip


@check("tariff.above", "A contract is of one size or of the other.", "1", when=pays)
def above(e: Evidence) -> Excess:
    """Ask for 0 or 1, and for 0 where no contract can be so large."""
    found = e["above"]
    return stack(at_most(abs(found - found.round()), 0.0), at_most(found, e["size_may"]))


@check("tariff.reaches", "A contract that reaches a size is of that size or more.", "MW", when=pays)
def reaches(e: Evidence) -> Excess:
    """Compare the contract with the size."""
    return at_most(e["size_mw"] * e["above"], _contract_of_sizes(e))


BELOW_MW = 0.1
"""How far a contract below a size stays from it [MW]."""


@check("tariff.stays_below", "A contract that does not reach a size stays below.", "MW", when=pays)
def stays_below(e: Evidence) -> Excess:
    """Compare the contract with the size, less a tenth of a MW, where it may be so large at all."""
    contract = _contract_of_sizes(e)
    limit = (e["size_mw"] - BELOW_MW).where((e["above"] < 0.5) & (e["size_may"] > 0), np.inf)
    return at_most(contract, limit.transpose("size", "quarter").where(np.isfinite(limit), 1e9))


@check("tariff.same_size", "Where the menu of offers changes at the same size, both say the same.", "1",
       when=_with_menu)  # fmt: skip
def same_size(e: Evidence) -> Excess:
    """Compare both decisions."""
    regions = [str(r) for r in e.labels("region")]
    rows = [e["large"].values[regions.index(str(r))] for r in e["size_region"].values]
    large = xr.DataArray(np.array(rows).reshape(e["above"].shape), coords=e["above"].coords, dims=e["above"].dims)
    return at_most(abs(e["above"] - large) * e["size_shared"] * e["size_may"], 0.0)


def _rows_of_bounds(e: Evidence) -> xr.DataArray:
    """Return what every bound asks for, its condition counted, from the arrays of the plan."""
    regions = [str(r) for r in e.labels("region")]
    line = {str(n): str(r) for n, r in zip(e.labels("line"), e["line_region"].values, strict=True)}
    at = [regions.index(line[str(n)]) for n in e["bound_line"].values]
    contract = np.array([[accounts(e)[r].contract(f"{q[:4]}-{3 * int(q[5]):02d}") for q in e.labels("quarter")]
                         for r in regions])  # fmt: skip
    off = e["peak_shed"] + (e["kept_off"] if _with_reserve(e) else 0.0)
    site = e["site"].values
    total = (e["bound_load"].values * e.it_mw.values[at]).sum(axis=1)
    total = total + (e["bound_relief"].values * off.values[at]).sum(axis=1)
    total = total + (e["bound_contract"].values * contract[at]).sum(axis=1)
    total = total + (e["bound_site"].values * site[at]).sum(axis=1) - e["bound_shift"].values
    lifted = e["bound_off"].values + (e["bound_opened"].values * site[at]).sum(axis=1) + _size_lifts(e)
    total = total + _metered(e) - e["bound_most"].values * lifted
    return xr.DataArray(total, dims="bound", coords={"bound": e.plan["bound"]})


def _size_lifts(e: Evidence) -> Any:
    quarters = [str(q) for q in e.labels("quarter")]
    state = {str(h): row for h, row in zip(e.labels("size"), e["above"].values, strict=True)}
    lifts = []
    for size, other, quarter in zip(
        e["bound_from"].values.tolist(),
        e["bound_below"].values.tolist(),
        e["bound_quarter"].values.tolist(),
        strict=True,
    ):
        k = quarters.index(quarter) if quarter else 0
        lifts.append((1.0 - state[size][k] if size else 0.0) + (state[other][k] if other else 0.0))
    return np.array(lifts)


def _metered(e: Evidence) -> Any:
    """Return the meter readings of bounds, less other billed quantities that count towards a least bill."""
    reading: dict[str, float] = {"": 0.0}
    flows = [(e["purchase"], "meter_weight")] + ([(wheeled_mw(e), "meter_delivered")] if has_wheeled(e) else [])
    for n, meter in enumerate(e.labels("meter")):
        region, year = str(e["meter_region"].values[n]), int(e["meter_year"].values[n])
        read = sum(float((mw.sel(region=region, year=year).values * e[w].values[n]).sum()) for mw, w in flows)
        reading[str(meter)] = read / (1.0 + float(e["loss"].sel(region=region)))
    counts: dict[str, float] = defaultdict(float)
    billed = dict(zip([str(n) for n in e.labels("line")], e["billed"].values.tolist(), strict=True))
    for bound, line, rate in zip(
        e["tie_bound"].values.tolist(), e["tie_line"].values.tolist(), e["tie_rate"].values, strict=True
    ):
        counts[bound] += float(rate) * billed[line]
    names = [str(b) for b in e.labels("bound")]
    return np.array([reading[m] - counts[b] for b, m in zip(names, e["bound_meter"].values.tolist(), strict=True)])


not_negative("tariff.billed", "No billed quantity is negative.", "MW", when=pays)


@check("tariff.bounds", "A billed quantity is not below any of its rows whose conditions hold.", "MW", when=pays)
def bounds(e: Evidence) -> Excess:
    """Work out every row from the plan's decisions."""
    value = dict(zip([str(n) for n in e.labels("line")], e["billed"].values.tolist(), strict=True))
    stated = xr.DataArray([value[str(n)] for n in e["bound_line"].values], dims="bound",
                          coords={"bound": e.plan["bound"]})  # fmt: skip
    return at_most(_rows_of_bounds(e), stated, e["bound_most"])


def _of_falls(e: Evidence) -> xr.DataArray:
    value = dict(zip([str(n) for n in e.labels("line")], e["billed"].values.tolist(), strict=True))
    return xr.DataArray([value[str(n)] for n in e["fall_line"].values], dims="fall", coords={"fall": e.plan["fall"]})


@check("tariff.falls", "A quantity reaches a lower rate or does not.", "1", when=pays)
def falls(e: Evidence) -> Excess:
    """Ask for 0 or 1."""
    return at_most(abs(e["falls"] - (e["falls"] > 0.5)), 0.0)


not_negative("tariff.beyond", "What is billed at a lower rate is not negative.", "MW", when=pays)


@check("tariff.beyond_most", "Nothing is billed at a lower rate unless the quantity reaches it.", "MW", when=pays)
def beyond_most(e: Evidence) -> Excess:
    """Compare with the most that there can be."""
    return at_most(e["beyond"], (e["fall_most"] - e["fall_from"]) * e["falls"])


@check("tariff.beyond_rest", "Only what is beyond the tier before is billed at the lower rate.", "MW", when=pays)
def beyond_rest(e: Evidence) -> Excess:
    """Compare with the quantity less the tier before."""
    return at_most(e["beyond"], _of_falls(e) - e["fall_from"] * e["falls"], _of_falls(e))


@check(
    "inputs.tariffs", "Every region pays the tariff that the table names, and it is as its file has it.", "1", when=pays
)
def definitions(e: Evidence) -> Excess:
    """Compare the tariffs in the plan with the table and with their files, value by value."""
    stated, wrong = e.json("tariffs_json"), {}
    for region, name in zip(e.labels("region"), e["region_tariff"].values.tolist(), strict=True):
        cell = e.tables.row("region_tariffs", region=str(region))["tariff"]
        written = _file(e, cell)
        wrong[str(region)] = float(written["name"] != name or not _within(written, stated.get(name)))
    return Excess(xr.DataArray(list(wrong.values()), dims="region", coords={"region": list(wrong)}), 0.5)


def _file(e: Evidence, cell: str) -> dict[str, Any]:
    bundled: Path = models_dir() / "tariffs" / f"{cell}.toml"
    path = bundled if bundled.is_file() else (e.tables.own or Path()) / cell
    if not path.is_file():
        raise NotMadeError(f"the tariff {cell} is not at hand")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _within(written: object, stated: object) -> bool:
    """Say whether all that a file says stands in the plan; the plan also has what the file leaves at its default."""
    if isinstance(written, dict):
        return isinstance(stated, dict) and all(_within(v, stated.get(k)) for k, v in written.items())
    if isinstance(written, list):
        return isinstance(stated, list) and len(written) == len(stated) and all(map(_within, written, stated))
    return bool(written == stated)
