"""Bill every campus once more: each charge of each month from the tariff's own text and the load of the plan.

Nothing here is shared with the package of tariffs. A line is (month, kind, charge, part) and an amount in USD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books
from grid_opt.verify.supply import metered_mw, wheeled_mw
from grid_opt.verify.tariff_calendar import (
    day_kinds,
    days_in,
    delivery_year,
    later,
    local_hour,
    month_name,
    months_between,
    period_of,
    periods_in,
    tiered,
    tiers,
)

KW = 1000.0
_MONTH_OF_DAY = [day.month for number in range(1, 13) for day in days_in(2023, number)]
"""Months of the days of a year without a 29th of February."""
HOT = (5, 6, 7, 8, 9, 10)
NO_CONTRACT = ("lease", "behind_the_meter")
_HAIR = 1e-3
"""MW by which a contract may miss a size limit for rounding; sizes below a limit stay a tenth of a MW away from it."""

Line = tuple[str, str, str, str]
Amounts = Iterator[tuple[Line, float, bool]]
"""Line, amount [USD], and whether it is no bill but a deposit that is held through the month."""


@dataclass
class Account:
    """One campus and its utility."""

    e: Evidence
    region: str

    @cached_property
    def tariff(self) -> dict[str, Any]:
        """The tariff of the region, as the plan carries it."""
        name = str(self.e["region_tariff"].sel(region=self.region).item())
        found: dict[str, Any] = self.e.json("tariffs_json")[name]
        return found

    @cached_property
    def books(self) -> Books:
        """Calendar and interest."""
        return Books.of(self.e.case)

    @cached_property
    def years(self) -> list[tuple[int, int]]:
        """Every calendar year with the operating year that stands for it."""
        return [(y, int(a)) for a in self.e.labels("year") for y in self.books.calendar_years(int(a))]

    @cached_property
    def operating(self) -> dict[int, int]:
        """Operating year of every calendar year."""
        return dict(self.years)

    @cached_property
    def start(self) -> str | None:
        """First month of service, or nothing where no campus opens."""
        open_ = self.e["site"].sel(region=self.region).values > 0.5
        if not open_.any():
            return None
        quarter = str(self.e.labels("quarter")[int(np.argmax(open_))])
        return month_name(int(quarter[:4]), 3 * int(quarter[5]) - 2)

    @cached_property
    def _quarters(self) -> dict[int, list[str]]:
        return {year: self.e.quarter_rows(a) for year, a in self.years}

    def quarter(self, month: str) -> str:
        """Name the quarter whose capacity runs in a month; after the horizon that of its end."""
        rows = self._quarters.get(int(month[:4]))
        return self.e.last_quarter if rows is None else rows[(int(month[5:7]) - 1) // 3]

    @cached_property
    def _by_quarter(self) -> dict[str, dict[str, float]]:
        e, quarters = self.e, [str(q) for q in self.e.labels("quarter")]
        it = e.it_mw.sel(region=self.region)
        if e.case.connection.menu:
            mine = (e["offer_region"].values == self.region) & ~np.isin(e["offer_kind"].values, NO_CONTRACT)
            contract = e["contract"].isel(offer=np.flatnonzero(mine)).sum("offer")
        else:
            contract = it * e["pue_peak"].sel(region=self.region)
        off = e["peak_shed"].sel(region=self.region)
        if e.case.connection.menu or e.case.supply.onsite:
            off = off + e["kept_off"].sel(region=self.region)
        arrays = {"it": it, "contract": contract, "off": off}
        return {n: {q: float(a.sel(quarter=q)) for q in quarters} for n, a in arrays.items()}

    def contract(self, month: str) -> float:
        """Return the contract demand of a month [MW]."""
        return self._by_quarter["contract"][self.quarter(month)]

    @cached_property
    def _pue(self) -> list[float]:
        """The PUE of the declared peak day, January first."""
        at_stress, mean = (self.e[name].sel(region=self.region) for name in ("pue_stress", "pue"))
        days = {stress: float(at_stress.sel(stress=stress)) for stress in ("summer", "winter")}
        season = [float(mean.sel(season=number)) for number in (1, 2, 3, 4)]
        return [max(days["summer" if n in HOT else "winter"], season[(n - 1) // 3]) for n in range(1, 13)]

    def pue(self, month: str) -> float:
        """Return the PUE of the declared peak day of a month."""
        return self._pue[int(month[5:7]) - 1]

    def demand(self, month: str) -> float:
        """Return the load of the declared peak day of a month [MW]; before the plan there is none."""
        if int(month[:4]) not in self.operating:
            return 0.0
        return self._by_quarter["it"][self.quarter(month)] * self.pue(month)

    def at_peak(self, month: str) -> float:
        """Return the load at the declared peak hours of a month [MW]."""
        coincident = self.e.case.connection.coincident_share * self.demand(month)
        return coincident - self._by_quarter["off"][self.quarter(month)]

    def schedule(self, month: str, contract: float) -> str:
        """Name the schedule that bills a contract in a month."""
        for name, one in self.tariff["schedules"].items():
            if one["first_month"] > month or (one["last_month"] or "9999-12") < month:
                continue
            if one["from_mw"] <= contract + _HAIR and contract + _HAIR < (one["below_mw"] or np.inf):
                return str(name)
        raise ValueError(f"no schedule serves {contract:g} MW in {month}")

    @cached_property
    def _metered(self) -> dict[int, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        return self._at_the_meter(metered_mw(self.e))

    @cached_property
    def _delivered(self) -> dict[int, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        return self._at_the_meter(wheeled_mw(self.e))

    def _at_the_meter(self, power: xr.DataArray) -> dict[int, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        """Take the losses of delivery off what comes over the grid [MW], by operating year."""
        here, loss = power.sel(region=self.region), float(self.e["loss"].sel(region=self.region))
        return {int(a): here.sel(year=a).values / (1.0 + loss) for a in self.e.labels("year")}

    def hours_of(self, month: str) -> dict[tuple[str, int], float]:
        """Return the hours of a month that every slice stands for, by kind of day and slice."""
        year, number = int(month[:4]), int(month[5:7])
        weight, season = self.e["slice_weight"].values, self.e["slice_season"].values.astype(int)
        mine = np.flatnonzero(season == (number - 1) // 3 + 1)
        day = self.e["slice_source_day"].values.astype(int)
        if len(set(day.tolist())) == len(_MONTH_OF_DAY):  # every day of the year has a month of its own
            mine = mine[[_MONTH_OF_DAY[d] == number for d in day[mine].tolist()]]
        whole = float(weight[mine].sum())
        kinds = day_kinds(year, number, self.tariff["holidays"])
        return {(k, int(s)): 24.0 * n * float(weight[s]) / whole for k, n in kinds.items() for s in mine}

    def lines(self) -> Amounts:
        """Write every line of every month, and the fees of leaving."""
        if self.start is None:
            return
        last = ""
        for year, _ in self.years:
            for number in range(1, 13):
                last = month_name(year, number)
                if last >= self.start:
                    yield from self._month(last)
        if self.e.case.tariffs.leave_at_end:
            yield from self._leaving(later(last, 1))

    def _month(self, month: str) -> Amounts:
        name = self.schedule(month, self.contract(month))
        one = self.tariff["schedules"][name]
        total = 0.0
        for kind, write in (
            ("energy", self._energy), ("indexed", self._indexed), ("rider", self._rider), ("demand", self._demand),
            ("coincident", self._coincident), ("capacity", self._capacity), ("fixed", self._fixed),
        ):  # fmt: skip
            for charge, terms in one[kind].items():
                for part, usd in write(month, terms):
                    total += usd
                    yield (month, kind, charge, part), usd, False
        for charge, terms in one["collateral"].items():
            yield from self._collateral(month, name, charge, terms)
        for charge, terms in one["minimum_bill"].items():
            least = terms["usd_per_month"] + terms["usd_per_day"] * len(days_in(int(month[:4]), int(month[5:7])))
            yield (month, "minimum_bill", charge, ""), max(0.0, least - total), False

    def _mw(self, month: str) -> Any:
        return self._metered[self.operating[int(month[:4])]]

    def _energy(self, month: str, terms: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        year, number = int(month[:4]), int(month[5:7])
        hour = self.e["slice_hour"].values.astype(int)
        mwh: dict[str, float] = {}
        for (kind, s), hours in self.hours_of(month).items():
            local = local_hour(int(hour[s]), year, number, self.tariff["timezone"])
            name = period_of(terms["periods"], number, kind, local)
            if name is not None:
                mwh[name] = mwh.get(name, 0.0) + hours * float(self._mw(month)[s])
        for name, used in mwh.items():
            yield name, tiered(used, tiers(terms["periods"][name], "usd_per_mwh", "tiers", "upto_mwh", 1.0))

    def _indexed(self, month: str, terms: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        year = self.operating[int(month[:4])]
        price = self.e["price"].sel(region=self.region, year=year).values
        up = 1.0 + float(self.e["loss"].sel(region=self.region))
        usd, given_back, delivered = 0.0, 0.0, self._delivered[year]
        for (_, s), hours in self.hours_of(month).items():
            wholesale = terms["multiplier"] * float(price[s]) * up
            usd += hours * float(self._mw(month)[s]) * (wholesale + terms["adder_usd_per_mwh"])
            given_back += hours * float(delivered[s]) * wholesale
        yield "", usd
        if given_back:
            yield "delivered", -given_back

    def _rider(self, month: str, terms: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        mwh = sum(hours * float(self._mw(month)[s]) for (_, s), hours in self.hours_of(month).items())
        yield "", terms["usd_per_mwh"] * mwh

    def _share(self, take: Mapping[str, Any] | None, month: str) -> float:
        """Return the share of the contract that a minimum take bills."""
        assert self.start is not None
        if take is None:
            return 0.0
        year = months_between(self.start, month) // 12
        if year >= take["years"]:
            return 0.0
        return float(take["share"]) * (take["ramp"][year] if year < len(take["ramp"]) else 1.0)

    def _demand(self, month: str, terms: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        found = [
            self.demand(month),
            terms["least_mw"],
            self._share(terms["minimum_take"], month) * self.contract(month),
        ]
        ratchet = terms["ratchet"]
        if ratchet is not None:
            for back in range(1, ratchet["lookback_months"] + 1):
                earlier = later(month, -back)
                if int(earlier[5:7]) in ratchet["of_months"]:
                    found.append(ratchet["share"] * self.demand(earlier))
        for name in periods_in(terms["periods"], int(month[5:7])):
            yield name, tiered(max(found), tiers(terms["periods"][name], "usd_per_kw_month", "tiers", "upto_mw", KW))

    def _peaks(self, terms: Mapping[str, Any], year: int, only: int | None = None) -> list[str]:
        months = [int(text[:2]) for text in terms["declared"]]
        return [month_name(year, m) for m in months if only in (None, m)]

    def _mean(self, months: list[str]) -> float:
        return sum(self.at_peak(m) for m in months) / len(months)

    def _of_last_year(self, month: str, terms: Mapping[str, Any], starts: int) -> float:
        """Return the mean load at the peaks of the year before the charge year, or what stands for it [MW]."""
        year, number = int(month[:4]), int(month[5:7])
        measured = self._peaks(terms, (year if number >= starts else year - 1) - 1)
        assert self.start is not None
        if all(m >= self.start and int(m[:4]) in self.operating for m in measured):
            return self._mean(measured)
        if terms["without_history"] == "contract":
            return self.contract(month)
        return 0.0 if terms["without_history"] == "none" else self._mean(self._peaks(terms, year))

    def _coincident(self, month: str, terms: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        if terms["charged"] == "same_month":
            mw = self._mean(self._peaks(terms, int(month[:4]), int(month[5:7])))
        else:
            mw = self._of_last_year(month, terms, terms["charge_year_starts"])
        yield "", mw * terms["usd_per_kw_year"] * KW / 12.0

    def capacity_price(self, terms: Mapping[str, Any], wanted: str) -> float:
        """Return the price of a delivery year: the tariff's own, the market's, or that of the nearest year priced."""
        market = {
            key.rpartition(" ")[2]: float(usd)
            for key, usd in self.e.json("capacity_usd_per_mw_day_json").items()
            if key.rpartition(" ")[0] == terms["zone"]
        }
        known = market | {y: float(usd) for y, usd in terms["usd_per_mw_day"].items()}
        return float(known[min(known, key=lambda y: (abs(int(y[:4]) - int(wanted[:4])), y))])

    def _capacity(self, month: str, terms: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        year, number = int(month[:4]), int(month[5:7])
        price = self.capacity_price(terms, delivery_year(year, number))
        yield "", self._of_last_year(month, terms, 6) * len(days_in(year, number)) * price * terms["factor"]

    def _fixed(self, month: str, terms: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        days = len(days_in(int(month[:4]), int(month[5:7])))
        yield "", terms["usd_per_month"] + terms["usd_per_day"] * days

    def posted(self, month: str, name: str) -> str:
        """Return since when a schedule has held for a contract of the size of the month."""
        first, contract = month, self.contract(month)
        while first > str(self.start) and self.schedule(later(first, -1), contract) == name:
            first = later(first, -1)
        return first

    def _collateral(self, month: str, name: str, charge: str, terms: Mapping[str, Any]) -> Amounts:
        first = self.posted(month, name)
        served = months_between(first, month)
        usd = terms["usd_per_kw"] * KW
        cash = terms["form"] == "cash"
        contract = self.contract(month)
        if served < 12 * terms["years"]:
            rate = (-1.0 if cash else 1.0) * terms["fraction_per_year"] / 12.0
            if rate or cash:
                yield (
                    (month, "collateral", charge, "interest" if cash else "letter of credit"),
                    contract * usd * rate,
                    False,
                )
            if cash:
                yield (month, "collateral", charge, "held"), contract * usd, True

    def _leaving(self, month: str) -> Amounts:
        contract = self.contract(month)
        one = self.tariff["schedules"][self.schedule(later(month, -1), contract)]
        for charge, fee in one["exit_fee"].items():
            if fee["usd_per_kw"]:
                yield (month, "exit_fee", charge, "contract"), fee["usd_per_kw"] * KW * contract, False
            for of, terms in one["demand"].items():
                for ahead in range(fee["months_of_minimum"]):
                    due = later(month, ahead)
                    share = self._share(terms["minimum_take"], due)
                    for part in periods_in(terms["periods"], int(due[5:7])) if share > 0 else ():
                        ends = tiers(terms["periods"][part], "usd_per_kw_month", "tiers", "upto_mw", KW)
                        yield (month, "exit_fee", charge, f"{of}.{part}"), tiered(share * contract, ends), False


def accounts(e: Evidence) -> dict[str, Account]:
    """Open an account for every region, once."""
    if "tariff_accounts" not in e.shared:
        e.shared["tariff_accounts"] = {str(r): Account(e, str(r)) for r in e.labels("region")}
    found: dict[str, Account] = e.shared["tariff_accounts"]
    return found


def all_lines(e: Evidence) -> dict[str, list[tuple[Line, float, bool]]]:
    """Return every line of every region, worked out once."""
    if "tariff_lines" not in e.shared:
        e.shared["tariff_lines"] = {region: list(account.lines()) for region, account in accounts(e).items()}
    found: dict[str, list[tuple[Line, float, bool]]] = e.shared["tariff_lines"]
    return found
