"""Terms as a linear program sees them, calendars of representative days, and how far their bills are off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from grid_opt.config.days import months_of
from grid_opt.errors import InputError
from grid_opt.tariffs.bill import amount, bill, bill_representative, representative_errors
from grid_opt.tariffs.clock import RepresentativeDays, hourly_calendar, local_year, representative_calendar
from grid_opt.tariffs.compile import compile_terms
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.definitions import load_tariff
from grid_opt.tariffs.months import delivery_year, month_ordinal, nerc_holidays
from grid_opt.tariffs.operating import Layout, Slices, operating_calendar
from grid_opt.tariffs.terms import Highest, Linear, Term, needs_binaries
from tests.tariff_fixture import CITED, EAST, cost, demand_rate, flat_rate, hours, load, tariff


def rising(first: float, second: float) -> dict[str, Any]:
    tiers = [{"upto_mw": 20.0, "usd_per_kw_month": first}, {"usd_per_kw_month": second}]
    return {**CITED, "periods": {"all": {"tiers": tiers}}, "ratchet": {**CITED, "share": 0.9, "lookback_months": 2}}


def cheapest(terms: tuple[Term, ...], x: np.ndarray[Any, np.dtype[np.float64]], contract: float) -> float:
    """Return the least cost [USD] by linear programs: q above each candidate, tiers that fill up to q."""
    total = 0.0
    for term in terms:
        widths = np.diff([0.0, *(block.upto for block in term.blocks)])
        rows, least = [], []
        if isinstance(term.quantity, Highest):
            for candidate in term.quantity.candidates:
                least.append(candidate.share * x[candidate.slots].max())
            least += [term.quantity.contract * contract, term.quantity.constant]
        else:
            assert isinstance(term.quantity, Linear)
            least.append(term.quantity.weights @ x[term.quantity.slots] + term.quantity.constant)
        rows = [[-1.0] * len(widths)] * len(least)
        found = linprog(
            [b.usd for b in term.blocks],
            rows,
            [-v for v in least],
            bounds=[(0, None if np.isinf(w) else w) for w in widths],
        )
        assert found.status == 0
        total += found.fun
    return total


@pytest.mark.parametrize(("rates", "exact"), [((5.0, 8.0), True), ((8.0, 5.0), False)])
def test_a_linear_program_charges_what_needs_no_binaries(rates: tuple[float, float], exact: bool) -> None:
    t = tariff(demand={"d": rising(*rates)}, energy={"e": flat_rate(30.0)})
    rng = np.random.default_rng(1)
    used = pd.Series(
        rng.uniform(5.0, 40.0, len(hours("2026-01-01", "2026-04-01"))), index=hours("2026-01-01", "2026-04-01")
    )
    calendar = hourly_calendar(pd.DatetimeIndex(used.index), EAST, "nerc")
    terms = compile_terms(t, calendar, Context(contract_mw=50.0), lambda month: "only").terms
    assert all((needs_binaries(term) is None) == (exact or term.kind != "demand") for term in terms)
    billed = bill(t, used, Context(contract_mw=50.0)).usd
    by_program = cheapest(terms, used.to_numpy(), 50.0)
    assert (by_program == pytest.approx(billed, rel=1e-9)) == exact
    assert by_program <= billed * (1 + 1e-9)


def test_coefficients_are_the_energy_of_every_hour() -> None:
    t = load_tariff("ercot_tsp")
    times = local_year(2026, t.timezone)
    calendar = hourly_calendar(times, t.timezone, t.holidays)
    context = Context(contract_mw=50.0, wholesale_usd_per_mwh=np.linspace(10.0, 90.0, len(times)))
    terms = compile_terms(t, calendar, context, lambda month: "four_peaks").terms
    x = np.linspace(1.0, 50.0, len(times))
    for term in terms:
        assert isinstance(term.quantity, Linear) and needs_binaries(term) is None
        by_hour = term.quantity.coefficients(calendar)
        assert by_hour @ x == pytest.approx(amount(term, x, {}), rel=1e-12)


def test_dates() -> None:
    assert delivery_year(month_ordinal("2026-05")) == "2025/26" and delivery_year(month_ordinal("2026-06")) == "2026/27"
    # 2027: 4 July is a Sunday, kept on Monday; Christmas is a Saturday and stays.
    assert nerc_holidays(2027) == {
        date(2027, 1, 1), date(2027, 5, 31), date(2027, 7, 5), date(2027, 9, 6), date(2027, 11, 25), date(2027, 12, 25),
    }  # fmt: skip
    assert len(local_year(2028, EAST)) == 8784 and len(local_year(2026, EAST)) == 8760
    assert nerc_holidays(2026) >= {date(2026, 5, 25), date(2026, 9, 7), date(2026, 11, 26)}


def test_naive_times_are_utc_and_offsets_are_heeded() -> None:
    t = tariff(energy={"e": flat_rate(30.0)})
    utc = load(1.0, "2026-01-01", "2026-02-01")
    naive = utc.copy()
    naive.index = pd.DatetimeIndex(utc.index).tz_localize(None)
    eastern = utc.copy()
    eastern.index = pd.DatetimeIndex(utc.index).tz_convert("Asia/Tokyo")
    assert bill(t, utc).usd == bill(t, naive).usd == bill(t, eastern).usd


def test_peak_hours_and_prices_that_are_none_are_refused() -> None:
    used = load(10.0, "2026-01-01", "2027-01-01", "America/Chicago")
    prices = np.full(len(used), 30.0)
    bad_hour = Context(wholesale_usd_per_mwh=prices, peak_hours={"ERCOT 4CP": ("26-07-18 16",)})
    bad_price = Context(wholesale_usd_per_mwh=np.where(np.arange(len(used)) == 3, np.nan, prices))
    late = Context(wholesale_usd_per_mwh=prices, start="2027-01")
    for context, field in (
        (bad_hour, "peak_hours.ERCOT 4CP"),
        (bad_price, "wholesale_usd_per_mwh[3]"),
        (late, "start"),
    ):
        with pytest.raises(InputError) as refused:
            bill(load_tariff("ercot_tsp"), used, context)
        assert refused.value.field == field


# -- representative days -------------------------------------------------------------------------------------------

FOUR = RepresentativeDays(quarter=(1, 2, 3, 4), weight_days=(90.0, 91.0, 92.0, 92.0), peak_of=((), (), (), ()))


def test_a_quarter_keeps_its_energy_and_months_their_days() -> None:
    calendar = representative_calendar(2026, FOUR, "nerc")
    weights = np.bincount(calendar.source, weights=calendar.weight_h, minlength=calendar.size)
    assert weights == pytest.approx(np.repeat([90.0, 91.0, 92.0, 92.0], 24))
    by_month = np.bincount(calendar.month, weights=calendar.weight_h)
    assert by_month == pytest.approx([24.0 * n for n in (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)])
    work = np.bincount(calendar.month, weights=calendar.weight_h * calendar.workday) / 24
    assert work[[10, 11]] == pytest.approx([20, 22])  # November less Thanksgiving; December less Christmas


def test_an_invoice_of_representative_days() -> None:
    on = {"windows": [{"days": "workday", "hours": [[7, 23]]}], "usd_per_mwh": 60.0}
    peaks = {
        **CITED, "program": "p", "declared": ["07-20T16", "08-12T16"], "without_history": "same_year",
        "usd_per_kw_year": 12.0, "charged": "next_year",
    }  # fmt: skip
    t = tariff(
        energy={"e": {**CITED, "periods": {"on": on, "off": {"usd_per_mwh": 25.0}}}},
        demand={"d": demand_rate(10.0)},
        coincident={"cp": peaks},
    )
    days = RepresentativeDays(
        quarter=(1, 2, 3, 3, 4, 3), weight_days=(90, 91, 46, 46, 92, 0), peak_of=((), (), (), (), (), (7, 8))
    )
    mw = np.repeat([[10.0], [10.0], [20.0], [30.0], [10.0], [50.0]], 24, axis=1)
    mw[5, 16] = 26.0
    b = bill_representative(t, 2026, days, mw, Context(contract_mw=50.0))
    # July 2026 has 23 workdays, as the 4th is a Saturday and stays: 368 h on peak at the mean of 20 and 30 MW, 25 MW:
    # 9,200 MWh x 60; 744 - 368 = 376 h x 25 MW = 9,400 MWh x 25. The peak day carries no energy.
    assert cost(b, "2026-07", "e", "on") == 552_000.00 and cost(b, "2026-07", "e", "off") == 235_000.00
    # Demand: of July and August the declared peak day, 50,000 kW; of September the higher of two days, 30,000 kW.
    assert cost(b, "2026-07", "d") == cost(b, "2026-08", "d") == 500_000.00 and cost(b, "2026-09", "d") == 300_000.00
    # Coincident peaks at 4 pm of the peak days: (26 + 26) / 2 = 26,000 kW x 1 a month.
    assert cost(b, "2026-01", "cp") == 26_000.00
    without = RepresentativeDays(days.quarter, days.weight_days, ((),) * 6)
    with pytest.raises(InputError, match="peak day declared"):
        bill_representative(t, 2026, without, mw, Context(contract_mw=50.0))


def test_every_hour_of_a_whole_year_is_billed_in_its_own_month() -> None:
    day = np.repeat(np.arange(365), 24)
    season = np.repeat(np.repeat([1, 2, 3, 4], [90, 91, 92, 92]), 24)
    slices = Slices(season, np.tile(np.arange(24), 365), np.ones(8760), months_of(day))
    layout = Layout(8760, (2027, 2028))
    calendar = operating_calendar([(2027, 0), (2028, 1)], layout, slices, "America/New_York", "nerc")
    february = [28, 29]  # of 2027 and 2028
    for index, days in enumerate(d for n in february for d in [31, n, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]):
        mine = calendar.month == index
        _, within = layout.place(calendar.source[mine])
        used = within[within < 8760]
        assert set(months_of(day[used]).tolist()) == {index % 12 + 1}
        assert calendar.weight_h[mine].sum() == pytest.approx(24 * days)


def test_days_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="quarter 4"):
        representative_calendar(2026, RepresentativeDays((1, 2, 3), (90, 91, 92), ((), (), ())), "nerc")
    with pytest.raises(InputError, match="described alike"):
        representative_calendar(2026, RepresentativeDays((1, 2, 3, 4), (90, 91, 92), ((),)), "nerc")


@pytest.mark.parametrize("name", ["ercot_tsp", "aep_ohio_dct", "georgia_power", "spp_hill"])
def test_a_flat_load_is_billed_alike_by_days_and_by_hours(name: str) -> None:
    t = load_tariff(name)
    times = local_year(2026, t.timezone)
    months = tuple((3 * q + 1, 3 * q + 2, 3 * q + 3) for q in range(4))
    days = RepresentativeDays(FOUR.quarter, FOUR.weight_days, months)
    context = Context(contract_mw=100.0, before="same", wholesale_usd_per_mwh=np.full(len(times), 40.0),
                      capacity_usd_per_mw_day=PRICES)  # fmt: skip
    errors = representative_errors(t, pd.Series(100.0, index=times), days, np.full((4, 24), 100.0), context)
    assert errors["error"].abs().max() < 1e-9


PRICES = {(zone, year): 100.0 for zone in ("SPP", "SERTP") for year in ("2025/26", "2026/27")}


def test_the_error_of_representative_days_is_that_of_the_page(root: Any, script: Callable[[str], ModuleType]) -> None:
    build = script("docs/build_tariffs.py")
    assert build.page_text() == (root / "docs" / "tariffs.md").read_text(encoding="utf-8"), "run `make docs`"
    errors = build.measured_errors()
    # Energy is kept but for what a month's share of its quarter is; demand is that of the peak days.
    assert errors[("all", "")].abs().max() < 0.02
