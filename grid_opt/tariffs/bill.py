r"""Bill a load by a tariff: month by month, line by line.

A line is a charge of a month, or a tier of it: ``usd = quantity * rate``. Quantities are in MWh and MW, rates in USD
per MWh or MW, so 8.79 USD/(kW month) stands as 8,790 USD/MW. Nothing is rounded. The arithmetic of every charge is with
its class in :mod:`grid_opt.tariffs.charges`. The order: the contract demand of a month (given, or the highest load that
is billed) chooses the schedule; its terms are computed; least bills add what the month's other charges lack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from grid_opt.errors import InputError
from grid_opt.tariffs.clock import Calendar, Floats, RepresentativeDays, hourly_calendar, representative_calendar
from grid_opt.tariffs.compile import compile_terms
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.delivery import check_delivered
from grid_opt.tariffs.months import month_text, year_of
from grid_opt.tariffs.schema import Tariff
from grid_opt.tariffs.terms import Highest, Linear, Term, Terms, cost_of_blocks

COLUMNS = {
    "month": "calendar month by the tariff's clock",
    "schedule": "schedule in force",
    "kind": "kind of charge",
    "charge": "charge, as the tariff names it",
    "part": "period of the charge, or step of a cash flow",
    "quantity": "what is billed [unit]",
    "unit": "unit of the quantity",
    "rate_usd": "rate [USD/unit]; of hourly prices, the mean",
    "usd": "cost [USD]",
    "cash": "whether it is money that comes back and no cost",
    "detail": "how it was measured",
}


@dataclass(frozen=True)
class Bill:
    """Lines of a bill, and what should be known of it."""

    tariff: str
    lines: pd.DataFrame
    energy_mwh: pd.Series[float]
    """Energy of every month that is billed [MWh]."""
    notes: tuple[str, ...]

    @property
    def usd(self) -> float:
        """Cost of all months [USD]; deposits do not count."""
        return float(self.lines.loc[~self.lines["cash"], "usd"].sum())

    def months(self) -> pd.Series[float]:
        """Return the cost of every month [USD]; deposits do not count."""
        return self.lines[~self.lines["cash"]].groupby("month")["usd"].sum()

    def charges(self) -> pd.Series[float]:
        """Return the cost of every kind of charge and charge over all months [USD]; deposits do not count."""
        return self.lines[~self.lines["cash"]].groupby(["kind", "charge"], sort=False)["usd"].sum()


def bill(tariff: Tariff, load_mw: pd.Series[float], context: Context | None = None) -> Bill:
    """Bill an hourly load [MW], indexed by the start of each hour; times without an offset are UTC.

    Raises :class:`InputError` for a load that is no load, months that are not whole, and prices that are not there.
    """
    if not isinstance(load_mw.index, pd.DatetimeIndex):
        raise InputError("the load is not indexed by time", field="load_mw", expected="a pandas DatetimeIndex")
    calendar = hourly_calendar(load_mw.index, tariff.timezone, tariff.holidays)
    return bill_on(tariff, calendar, np.asarray(load_mw, dtype=np.float64), context or Context())


def bill_representative(
    tariff: Tariff, year: int, days: RepresentativeDays, load_mw: Floats, context: Context | None = None
) -> Bill:
    """Bill a year of representative days; ``load_mw`` [MW] has a row of 24 local hours for each.

    How months are made of days is told at :func:`grid_opt.tariffs.clock.representative_calendar`.
    """
    calendar = representative_calendar(year, days, tariff.holidays)
    return bill_on(tariff, calendar, np.asarray(load_mw, dtype=float).ravel(), context or Context())


def bill_on(tariff: Tariff, calendar: Calendar, load_mw: Floats, context: Context) -> Bill:
    """Bill a load that lies on a calendar."""
    _check_load(calendar, load_mw)
    check_delivered(context.delivered_mw, load_mw)
    x = load_mw[calendar.source]
    highest = float(x.max())
    terms = compile_terms(
        tariff, calendar, context, lambda month: tariff.schedule_for(month, context.contract_in(month, highest))
    )
    notes = []
    if context.contract_mw is None:
        notes.append(f"contract demand taken as the highest load, {highest:g} MW")
    if context.start is None:
        notes.append(f"service taken to start in {month_text(calendar.months[0])}, the first month billed")
    contract = {month: context.contract_in(month, highest) for month in _months_of(terms)}
    lines = evaluate(terms, x, contract)
    return Bill(tariff.name, lines, _energy(calendar, x, lines), tuple(notes))


def evaluate(terms: Terms, x: Floats, contract_mw: Mapping[int, float], at_peaks: Floats | None = None) -> pd.DataFrame:
    """Compute the lines of all terms for the load ``x`` [MW] of every slot and the contract demand of every month.

    ``at_peaks`` is the load of every slot by which all but demand is billed, where it is another.
    """
    rows: list[tuple[object, ...]] = []
    for term in terms.terms:
        highest = isinstance(term.quantity, Highest)
        rows += _rows(term, x if highest or at_peaks is None else at_peaks, contract_mw)
    lines = pd.DataFrame(rows, columns=list(COLUMNS))
    costs = lines[~lines["kind"].isin(("collateral", "exit_fee"))].groupby("month")["usd"].sum()
    lacking = []
    for least in terms.least:
        month = month_text(least.month)
        lack = max(0.0, least.usd - float(costs.get(month, 0.0)))
        detail = f"least bill {least.usd:,.2f} USD"
        lacking.append((month, least.schedule, "minimum_bill", least.charge, "", 1.0, "1", lack, lack, False, detail))
    if lacking:
        lines = pd.concat([lines, pd.DataFrame(lacking, columns=list(COLUMNS))], ignore_index=True)
        lines = lines.sort_values("month", kind="stable", ignore_index=True)
    lines["cash"] = lines["cash"].astype(bool)
    lines.attrs["columns"] = COLUMNS
    return lines


def amount(term: Term, x: Floats, contract_mw: Mapping[int, float]) -> float:
    """Return the quantity of a term, in its unit."""
    quantity = term.quantity
    contract = quantity.contract * contract_mw[quantity.contract_month] if quantity.contract else 0.0
    if isinstance(quantity, Linear):
        return float(quantity.weights @ x[quantity.slots]) + contract + quantity.constant
    highest = [c.share * float(x[c.slots].max()) for c in quantity.candidates if len(c.slots)]
    return max(contract, quantity.constant, *highest, 0.0)


def _rows(term: Term, x: Floats, contract_mw: Mapping[int, float]) -> Iterator[tuple[object, ...]]:
    quantity = amount(term, x, contract_mw)
    head = (month_text(term.month), term.schedule, term.kind, term.charge, term.part)
    if term.prices is not None:
        assert isinstance(term.quantity, Linear)
        usd = float((term.quantity.weights * term.prices) @ x[term.quantity.slots])
        mean = usd / quantity if quantity else float(term.prices.mean())
        yield (*head, quantity, term.unit, mean, usd, term.cash, term.detail)
        return
    for part, rate in cost_of_blocks(quantity, term.blocks):
        yield (*head, part, term.unit, rate, part * rate, term.cash, term.detail or _why(term, x, contract_mw))


def _why(term: Term, x: Floats, contract_mw: Mapping[int, float]) -> str:
    """Say what set the billing demand, where it was not the month's own."""
    if not isinstance(term.quantity, Highest):
        return ""
    total = amount(term, x, contract_mw)
    own, *earlier = term.quantity.candidates
    if len(own.slots) and float(x[own.slots].max()) >= total:
        return "highest of the month"
    if term.quantity.contract and term.quantity.contract * contract_mw[term.quantity.contract_month] >= total:
        return f"minimum take, {term.quantity.contract:g} of the contract"
    for candidate in earlier:
        if len(candidate.slots) and candidate.share * float(x[candidate.slots].max()) >= total:
            return f"ratchet, {candidate.share:g} of {month_text(candidate.month)}"
    return "least demand or recorded earlier demand"


def _months_of(terms: Terms) -> set[int]:
    return {term.month for term in terms.terms} | {
        term.quantity.contract_month for term in terms.terms if term.quantity.contract
    }


def _energy(calendar: Calendar, x: Floats, lines: pd.DataFrame) -> pd.Series[float]:
    mwh = np.bincount(calendar.month, weights=calendar.weight_h * x, minlength=len(calendar.months))
    by_month = pd.Series(mwh, index=[month_text(month) for month in calendar.months])
    return by_month[by_month.index.isin(lines["month"])]


def _check_load(calendar: Calendar, load_mw: Floats) -> None:
    if len(load_mw) != calendar.size:
        raise InputError(
            "the load has another length", field="load_mw", value=len(load_mw), expected=f"{calendar.size}"
        )
    bad = ~np.isfinite(load_mw) | (load_mw < 0)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise InputError(
            "not a load", field=f"load_mw[{at}]", value=load_mw[at], expected="MW, 0 or more, in every hour"
        )


def representative_errors(
    tariff: Tariff, load_mw: pd.Series[float], days: RepresentativeDays, day_load_mw: Floats, context: Context
) -> pd.DataFrame:
    """Compare the bill of representative days with that of the whole year, charge by charge [USD and share].

    ``load_mw`` is one calendar year by the tariff's clock. The contract demand, if the context gives none, is the
    highest load of the whole year in both. Wholesale prices, where the tariff needs them, must be flat: what days do to
    prices is not measured here.
    """
    times = pd.DatetimeIndex(load_mw.index)
    first = year_of(hourly_calendar(times, tariff.timezone, tariff.holidays).months[0])
    contract = context.contract_mw if context.contract_mw is not None else float(load_mw.max())
    both = replace(context, contract_mw=contract)
    reduced = both
    if both.wholesale_usd_per_mwh is not None:
        if np.ptp(both.wholesale_usd_per_mwh) > 0:
            raise InputError("the price is not flat", field="wholesale_usd_per_mwh", expected="one price in all hours")
        reduced = replace(both, wholesale_usd_per_mwh=np.full(day_load_mw.size, both.wholesale_usd_per_mwh[0]))
    whole = bill(tariff, load_mw, both).charges()
    found = bill_representative(tariff, first, days, day_load_mw, reduced).charges()
    table = pd.DataFrame({"whole_year_usd": whole, "representative_usd": found}).fillna(0.0)
    table.loc[("all", ""), :] = table.sum()
    table["error"] = table["representative_usd"] / table["whole_year_usd"].where(table["whole_year_usd"] != 0) - 1
    return table
