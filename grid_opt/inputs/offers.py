"""Turn the tables of the interconnection menu into the arrays of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from grid_opt.config import Case, quarter_ordinal
from grid_opt.errors import InputError
from grid_opt.inputs.headroom import committed_load, headroom_at
from grid_opt.inputs.schema_offers import MENU, UPGRADE
from grid_opt.units import HOURS_PER_YEAR, KW_PER_MW, USD_PER_MUSD

Floats = NDArray[np.float64]
Tables = Mapping[str, pd.DataFrame]

_ROUNDING = 1e-9
_REGIMES = {"below": -1.0, "any": 0.0, "from": 1.0}


@dataclass(frozen=True)
class Instance:
    """One offer in one region: a row of offers.csv where it applies, with its MW by quarter."""

    label: str
    region: str
    row: Any
    cap: tuple[float, ...]

    @property
    def on_headroom(self) -> bool:
        """Whether its MW are those of the region's headroom."""
        return str(self.row.mw_rule) == "headroom"

    @property
    def ahead(self) -> int:
        """Quarters by which the headroom it opens is ahead of its time."""
        return int(self.row.ahead_quarters)


def offer_world(case: Case, world: xr.Dataset, tables: Tables) -> xr.Dataset:
    """Add the menu of offers, and the upgrades that a case admits, to its world.

    Offers that no quarter of the plan can use, that calls exceed what the case allows, or that another offer of the
    same region betters in every respect are left out: they could never be taken.

    Raises:
        InputError: no offer is left for any region.
    """
    regions = world["region"].values.tolist()
    aheads = sorted({0} | {int(n) for n in tables["offers"]["ahead_quarters"]})
    hosting = {n: headroom_at(tables["headroom"], regions, case, n) for n in aheads}
    reliefs = [str(f) for f in tables["relief"]["relief"] if f in case.connection.relief]
    every = _instances(case, world, tables)
    every = [_while_it_gains(one, every, hosting, regions) for one in every]
    chosen = [one for one in every if _useful(one, case, world, hosting, tables, reliefs)]
    chosen = [one for one in chosen if not any(_better(two, one) for two in chosen)]
    if not chosen:
        raise InputError(
            "no offer is left for any region",
            file=case.source,
            field="connection",
            expected="at least one offer of offers.csv that the case admits",
            fix="admit more connection.kinds, or raise connection.max_curtailment_fraction_of_energy",
        )
    parts = _arrays(chosen, case, world, tables, reliefs, hosting)
    coords = {"offer": [one.label for one in chosen], "ahead": sorted(hosting), "relief": reliefs or ["none"]}
    found = world.assign_coords(coords).assign({n: (MENU[n].dims, np.asarray(v)) for n, v in parts.items()})
    declared = dict(MENU)
    if case.connection.upgrades:
        found, declared = _with_upgrades(found, tables["upgrades"]), {**MENU, **UPGRADE}
    for name, array in declared.items():
        found[name].attrs = {"units": array.unit, "long_name": array.meaning}
    return found


def regions_of(applies_to: str, zones: pd.DataFrame, regions: list[str]) -> list[str]:
    """Return the regions that a text such as ``all -ERCOT -VA_E`` names: regions and markets, "-" leaves out."""
    market = dict(zip(zones["zone"], zones["market"], strict=True))
    tokens = applies_to.split()

    def named(region: str, names: list[str]) -> bool:
        return region in names or market[region] in names or "all" in names

    wanted = [t for t in tokens if not t.startswith("-")]
    unwanted = [t[1:] for t in tokens if t.startswith("-")]
    return [r for r in regions if named(r, wanted) and not named(r, unwanted)]


def service_quarters(row: Any, calendar: pd.DataFrame, delay: int) -> tuple[int, int]:
    """Return the first and last quarter of service of an offer, numbered; delays of connections put off the first."""
    dates = dict(zip(calendar["rule"], calendar["quarter"], strict=True))
    first = last = None
    if row.request_quarter:
        first = quarter_ordinal(row.request_quarter) + int(row.lead_quarters) + delay
    if row.starts_with:
        rule = quarter_ordinal(dates[row.starts_with])
        first = rule if first is None else max(first, rule)
    if row.last_quarter:
        last = quarter_ordinal(row.last_quarter)
    if row.ends_with:
        rule = quarter_ordinal(dates[row.ends_with]) - 1
        last = rule if last is None else min(last, rule)
    return 0 if first is None else first, 10**6 if last is None else last


def ladder_shares(text: str, quarters: list[int]) -> list[float]:
    """Return the share of an offer's MW in force by quarter: 1 without a ladder."""
    if not text:
        return [1.0] * len(quarters)
    steps = [part.split(":") for part in text.split()]
    named = sorted((quarter_ordinal(quarter), float(share)) for quarter, share in steps)
    return [next((share for when, share in reversed(named) if when <= q), 0.0) for q in quarters]


def _instances(case: Case, world: xr.Dataset, tables: Tables) -> list[Instance]:
    """Return every offer in every region that it applies to, with its MW by quarter."""
    zones, quarters = tables["zones"], [quarter_ordinal(q) for q in case.quarters]
    peak = dict(zip(zones["zone"], zones["peak_mw"], strict=True))
    delay, found = case.grid.connection_delay_quarters, []
    rows: list[Any] = list(tables["offers"].itertuples(index=False))
    for row in rows:
        if row.kind not in case.connection.kinds:
            continue
        first, last = service_quarters(row, tables["calendar"], delay)
        shares = ladder_shares(str(row.ladder), [q - (0 if row.mw_rule == "headroom" else delay) for q in quarters])
        most = float(row.most_mw) if row.regime != "below" else min(float(row.most_mw), below(float(row.threshold_mw)))
        for region in regions_of(str(row.applies_to), zones, world["region"].values.tolist()):
            own = float(row.mw) + float(row.share_of_peak) * float(peak[region])
            mw = most if row.mw_rule == "headroom" else min(most, own)
            cap = tuple(mw * share if first <= q <= last else 0.0 for q, share in zip(quarters, shares, strict=True))
            found.append(Instance(f"{row.offer}@{region}", region, row, cap))
    return found


UNCOUNTED = ("lease", "behind_the_meter")
"""Kinds that are no service of the grid in the campus's own name: they do not count towards a threshold or a tariff."""

BELOW_MW = 0.1
"""By how much a campus below a threshold stays below it: 74.9 MW where the rules change at 75 MW."""


def below(threshold_mw: float) -> float:
    """Return the largest contract of a campus that is below a threshold [MW]."""
    return threshold_mw - BELOW_MW


def call_hours(row: Any, relief: str) -> float:
    """Return the hours a year in which the part of an offer that is not firm may be called, by what answers.

    A limit on the energy of calls is worth as many hours of the part that is called.
    """
    hours = float(row.call_hours if relief == "compute" else row.call_hours_own_supply)
    called = 1.0 - float(row.firm_share)
    if not np.isnan(row.call_energy_fraction) and called > 0:
        hours = min(hours, float(row.call_energy_fraction) * HOURS_PER_YEAR / called)
    return hours


def energy_share(row: Any, relief: str) -> float:
    """Return the share of a year's energy under the offer that its calls take."""
    return (1.0 - float(row.firm_share)) * call_hours(row, relief) / HOURS_PER_YEAR


def _while_it_gains(
    one: Instance, every: list[Instance], hosting: Mapping[int, Floats], regions: list[str]
) -> Instance:
    """Close an offer that is ahead of its time in the quarters in which firm service of today has all the same MW.

    Nobody would be called for what is firm at no price on the same headroom.
    """
    if not one.on_headroom or not one.ahead:
        return one
    r = regions.index(one.region)
    same = [0.0] * len(one.cap)
    for two in every:
        if two.region == one.region and two.on_headroom and not two.ahead and _is_free_for(two.row, one.row):
            same = [max(a, b) for a, b in zip(same, two.cap, strict=True)]
    gained = hosting[one.ahead][r] - hosting[0][r]
    cap = tuple(
        0.0 if gain <= _ROUNDING and firm >= mw else mw for mw, firm, gain in zip(one.cap, same, gained, strict=True)
    )
    return replace(one, cap=cap)


def _is_free_for(firm: Any, other: Any) -> bool:
    """Return whether an offer is firm, at no price beyond that of another, and open to the same campuses."""
    if firm.firm_share < 1 or firm.lasting or firm.least_mw > 0 or firm.regime not in ("any", other.regime):
        return False
    names = ("study_musd", "upgrade_usd_per_kw", "security_usd_per_kw", "rent_usd_per_kw_month")
    return all(getattr(firm, name) <= getattr(other, name) for name in names)


def _fits(row: Any, relief: Any) -> bool:
    """Return whether a kind of relief starts within the notice and lasts as long as a call."""
    return bool(relief.start_h <= row.notice_h and relief.longest_call_h >= row.longest_call_h)


def _useful(
    one: Instance, case: Case, world: xr.Dataset, hosting: Mapping[int, Floats], tables: Tables, reliefs: list[str]
) -> bool:
    """Return whether an offer can give a campus anything in the plan."""
    open_quarters = np.array(one.cap) > 0
    if not open_quarters.any():
        return False
    if one.on_headroom:
        r = world["region"].values.tolist().index(one.region)
        gained = hosting[one.ahead][r] - (hosting[0][r] if one.ahead else 0.0)
        if not (gained[open_quarters] > _ROUNDING).any():
            return False
    if one.row.firm_share >= 1.0:
        return True
    allowed = case.connection.max_curtailment_fraction_of_energy + _ROUNDING
    rows: list[Any] = [one for one in tables["relief"].itertuples(index=False) if one.relief in reliefs]
    return any(_fits(one.row, relief) and energy_share(one.row, relief.relief) <= allowed for relief in rows)


_LESS_IS_BETTER = (
    "study_musd", "upgrade_usd_per_kw", "security_usd_per_kw", "rent_usd_per_kw_month", "call_hours",
    "call_hours_own_supply", "least_mw", "lasting", "longest_call_h",
)  # fmt: skip
_MORE_IS_BETTER = ("firm_share", "notice_h", "own_supply_share", "ahead_quarters")


def _better(two: Instance, one: Instance) -> bool:
    """Return whether a second offer on the same headroom is as good in every respect and better in one."""
    same = one.region == two.region and one.on_headroom and two.on_headroom and one.label != two.label
    a, b = one.row, two.row
    if not same or (a.regime, a.threshold_mw) != (b.regime, b.threshold_mw):
        return False
    if not np.isnan(a.call_energy_fraction) or not np.isnan(b.call_energy_fraction):
        return False
    costs = [getattr(a, name) - getattr(b, name) for name in _LESS_IS_BETTER]
    worth = [getattr(b, name) - getattr(a, name) for name in _MORE_IS_BETTER]
    mw = [y - x for x, y in zip(one.cap, two.cap, strict=True)]
    gains = [*costs, *worth, *mw]
    if min(gains) < 0:
        return False
    return max(gains) > 0 or two.label < one.label


def _arrays(
    chosen: list[Instance],
    case: Case,
    world: xr.Dataset,
    tables: Tables,
    reliefs: list[str],
    hosting: Mapping[int, Floats],
) -> dict[str, Any]:
    rows, regions = [one.row for one in chosen], world["region"].values.tolist()
    threshold = dict.fromkeys(regions, 0.0)
    for one in chosen:
        if one.row.regime != "any":
            threshold[one.region] = float(one.row.threshold_mw)
    cap = np.array([one.cap for one in chosen])
    opens = np.zeros_like(cap)
    opens[np.arange(len(chosen)), (cap > 0).argmax(axis=1)] = 1.0

    def column(name: str, factor: float = 1.0) -> Floats:
        return factor * np.array([float(getattr(row, name)) for row in rows])

    return {
        "offer_product": [row.offer for row in rows],
        "offer_region": [one.region for one in chosen],
        "offer_kind": [row.kind for row in rows],
        "offer_on_headroom": [float(one.on_headroom) for one in chosen],
        "offer_ahead": column("ahead_quarters"),
        "offer_cap": cap,
        "offer_least": column("least_mw"),
        "offer_lasting": column("lasting"),
        "offer_regime": [_REGIMES[row.regime] for row in rows],
        "region_threshold": [threshold[r] for r in regions],
        "offer_firm": column("firm_share"),
        "offer_own_supply": column("own_supply_share"),
        "offer_study": column("study_musd", USD_PER_MUSD)[:, None] * opens,
        "offer_upgrade": column("upgrade_usd_per_kw", KW_PER_MW),
        "offer_security": column("security_usd_per_kw", KW_PER_MW),
        "offer_rent": column("rent_usd_per_kw_month", KW_PER_MW),
        "hosting": np.stack([hosting[n] for n in sorted(hosting)], axis=1),
        "committed_load": committed_load(world["zone"].values.tolist(), case),
        **_relief_arrays(rows, case, world, tables["relief"], reliefs),
    }


def _relief_arrays(
    rows: list[Any], case: Case, world: xr.Dataset, table: pd.DataFrame, reliefs: list[str]
) -> dict[str, Any]:
    """Return what may answer calls; a case that admits nothing has one kind, "none", that never fits."""
    quarters, pue = [quarter_ordinal(q) for q in case.quarters], world["pue_peak"].values
    known: dict[str, Any] = {str(row.relief): row for row in table.itertuples(index=False)}
    fits = np.zeros((max(1, len(reliefs)), len(rows), len(quarters)))
    hours, call_cost = np.zeros(fits.shape[:2]), np.zeros((fits.shape[0], len(pue)))
    fixed, accredited = np.zeros(fits.shape[0]), np.zeros(fits.shape[0])
    for f, name in enumerate(reliefs):
        relief = known[name]
        ready = np.array([float(q >= quarter_ordinal(relief.first_quarter)) for q in quarters])
        lost = case.flexibility.value_of_lost_compute_usd_per_mwh if name == "compute" else 0.0
        fixed[f], accredited[f] = relief.usd_per_mw_year, relief.accredited_share
        call_cost[f] = relief.usd_per_mwh + lost / pue
        for j, row in enumerate(rows):
            hours[f, j] = call_hours(row, name)
            fits[f, j] = ready * float(_fits(row, relief))
    return {
        "call_hours": hours,
        "relief_fits": fits,
        "relief_fixed": fixed,
        "relief_call_cost": call_cost,
        "relief_accredited": accredited,
    }


def _with_upgrades(world: xr.Dataset, table: pd.DataFrame) -> xr.Dataset:
    quarters = [quarter_ordinal(q) for q in world["quarter"].values.tolist()]
    known = {"region": set(world["region"].values.tolist()), "link": set(world["link"].values.tolist())}
    keep = [place in known[target] for target, place in zip(table["target"], table["place"], strict=True)]
    rows = table[keep]
    if rows.empty:
        raise InputError(
            "no upgrade is for a region or link of this case",
            file=str(table.attrs.get("file", "upgrades.csv")),
            field="place",
            expected="a row for one of the case's regions or links",
            fix="set connection.upgrades = false, or add a row",
        )
    first = [quarter_ordinal(q) + int(n) for q, n in zip(rows["decision_quarter"], rows["lead_quarters"], strict=True)]
    parts = {
        "upgrade_target": rows["target"].to_numpy(),
        "upgrade_place": rows["place"].to_numpy(),
        "upgrade_forward": rows["forward_mw"].to_numpy(),
        "upgrade_reverse": rows["reverse_mw"].to_numpy(),
        "upgrade_cost": USD_PER_MUSD * rows["cost_musd"].to_numpy(),
        "upgrade_ready": np.array([[float(q >= start) for q in quarters] for start in first]),
    }
    found = world.assign_coords(upgrade=rows["upgrade"].tolist())
    return found.assign({name: (UPGRADE[name].dims, value) for name, value in parts.items()})


def most_hosted(world: xr.Dataset) -> xr.DataArray:
    """Return an upper bound of what a campus may contract by region and quarter [MW]: headroom ahead and own MW.

    Without a menu it is the headroom.
    """
    if "offer_cap" not in world:
        return world["headroom"]
    regions, leads = world["region"].values.tolist(), world["ahead"].values.tolist()
    cap, later = world["offer_cap"].transpose("offer", "quarter").values, world["hosting"].values
    ladders = {0: world["headroom"].values} | {n: later[:, i] for i, n in enumerate(leads) if n > 0}
    beside, ladder = np.zeros((len(regions), cap.shape[1])), np.zeros((len(regions), cap.shape[1]))
    offers = (world[name].values.tolist() for name in ("offer_region", "offer_on_headroom", "offer_ahead"))
    for j, (region, shared, ahead) in enumerate(zip(*offers, strict=True)):
        r = regions.index(region)
        if shared:
            ladder[r] = np.maximum(ladder[r], np.where(cap[j] > 0, ladders[int(ahead)][r], 0.0))
        else:
            beside[r] += cap[j]
    return xr.DataArray(
        beside + ladder, coords={"region": regions, "quarter": world["quarter"].values}, dims=("region", "quarter")
    )
