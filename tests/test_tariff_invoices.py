"""Invoices computed by hand. Each test reads as one: what was metered, what a unit costs, what is due, to the cent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from grid_opt.errors import InputError
from grid_opt.tariffs.bill import bill
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.definitions import load_tariff
from tests.tariff_fixture import CITED, at, cost, demand_rate, flat_rate, load, schedule, tariff


def test_ratchet() -> None:
    t = tariff(demand={"demand": demand_rate(10.0, ratchet={**CITED, "share": 0.8, "lookback_months": 2})})
    used = load(100.0, "2026-01-01", "2026-07-01")
    at(used, "2026-02-10 15:00", 150.0)
    b = bill(t, used)
    # January: 100 MW = 100,000 kW x 10.00. February: 150,000 kW x 10.00.
    assert cost(b, "2026-01", "demand") == 1_000_000.00
    assert cost(b, "2026-02", "demand") == 1_500_000.00
    # March and April look back on February: 80 % of 150,000 kW = 120,000 kW x 10.00.
    assert cost(b, "2026-03", "demand") == cost(b, "2026-04", "demand") == 1_200_000.00
    # May looks back on March and April, metered at 100,000 kW: its own 100,000 kW decide.
    assert cost(b, "2026-05", "demand") == 1_000_000.00
    told = b.lines.set_index("month")["detail"]
    assert told["2026-03"] == "ratchet, 0.8 of 2026-02" and told["2026-05"] == "highest of the month"


def test_ratchet_on_a_recorded_peak_and_on_a_year_that_repeats() -> None:
    ratchet = {**CITED, "share": 0.95, "lookback_months": 11, "of_months": [6, 7, 8, 9]}
    t = tariff(demand={"demand": demand_rate(9.53, ratchet=ratchet)})
    used = load(80.0, "2026-01-01", "2027-01-01")
    at(used, "2026-08-05 16:00", 100.0)
    # A new customer pays for January what it used: 80,000 kW x 9.53.
    assert cost(bill(t, used), "2026-01", "demand") == 762_400.00
    # With 120 MW on record for August 2025: 95 % of 120,000 kW = 114,000 kW x 9.53; a peak of October does not count.
    known = Context(peaks_mw={"2025-08": 120.0, "2025-10": 500.0})
    assert cost(bill(t, used, known), "2026-01", "demand") == 1_086_420.00
    # In a year like the one before: 95 % of the 100,000 kW of August = 95,000 kW x 9.53, in July as in January.
    same = bill(t, used, Context(before="same"))
    assert cost(same, "2026-01", "demand") == cost(same, "2026-07", "demand") == 905_350.00
    assert cost(same, "2026-08", "demand") == 953_000.00


def test_tiers_of_energy_and_demand() -> None:
    energy = {**CITED, "periods": {"all": {"tiers": [
        {"upto_mwh": 10_000.0, "usd_per_mwh": 50.0}, {"upto_mwh": 30_000.0, "usd_per_mwh": 40.0}, {"usd_per_mwh": 35.0},
    ]}}}  # fmt: skip
    demand = {**CITED, "periods": {"all": {"tiers": [
        {"upto_mw": 20.0, "usd_per_kw_month": 5.0}, {"usd_per_kw_month": 8.0},
    ]}}}  # fmt: skip
    b = bill(tariff(energy={"energy": energy}, demand={"demand": demand}), load(50.0, "2026-01-01", "2026-02-01"))
    # 744 h x 50 MW = 37,200 MWh: 10,000 x 50 + 20,000 x 40 + 7,200 x 35 = 500,000 + 800,000 + 252,000.
    assert cost(b, "2026-01", "energy") == 1_552_000.00
    # 20,000 kW x 5 + 30,000 kW x 8 = 100,000 + 240,000.
    assert cost(b, "2026-01", "demand") == 340_000.00
    assert b.usd == pytest.approx(1_892_000.00)
    assert list(b.lines["quantity"]) == [10_000.0, 20_000.0, 7_200.0, 20.0, 30.0]


def test_minimum_take_of_85_percent_with_a_ramp() -> None:
    take = {**CITED, "share": 0.85, "ramp": [0.5, 0.75], "years": 4}
    t = tariff(demand={"delivery": demand_rate(6.5, minimum_take=take)})
    used = load(60.0, "2026-01-01", "2031-01-01")
    at(used, "2027-05-04 12:00", 190.0)
    b = bill(t, used, Context(contract_mw=200.0, start="2026-07"))
    # Not served before July 2026.
    assert b.lines["month"].min() == "2026-07"
    # First year: 85 % x 50 % x 200 MW = 85,000 kW x 6.50, though 60,000 kW were used.
    assert cost(b, "2026-07", "delivery") == cost(b, "2027-04", "delivery") == 552_500.00
    # May 2027: 190,000 kW were used, more than the minimum.
    assert cost(b, "2027-05", "delivery") == 1_235_000.00
    # Second year: 85 % x 75 % x 200 MW = 127,500 kW x 6.50. Third: 85 % x 200 MW = 170,000 kW x 6.50.
    assert cost(b, "2027-07", "delivery") == 828_750.00
    assert cost(b, "2028-07", "delivery") == cost(b, "2030-06", "delivery") == 1_105_000.00
    # The duty ends after four years: 60,000 kW x 6.50.
    assert cost(b, "2030-07", "delivery") == 390_000.00


def peaks(**more: object) -> dict[str, object]:
    hours = ["06-25T16", "07-20T16", "08-20T16", "09-05T16"]
    return {**CITED, "program": "4CP", "declared": hours, "without_history": "none", **more}


def test_four_coincident_peaks_are_billed_in_the_year_after() -> None:
    t = tariff("America/Chicago", coincident={"transmission": peaks(usd_per_kw_year=72.0, charged="next_year")})
    used = load(100.0, "2026-01-01", "2028-01-01", "America/Chicago")
    for day, mw in (("06-25", 20.0), ("07-20", 20.0), ("08-20", 20.0), ("09-05", 100.0)):
        at(used, f"2026-{day} 16:00", mw, "America/Chicago")
    b = bill(t, used)
    # 2026: nothing is known of 2025. 2027: (20 + 20 + 20 + 100) / 4 = 40 MW = 40,000 kW x 72 / 12 a month.
    assert cost(b, "2026-12", "transmission") == 0.00
    assert cost(b, "2027-01", "transmission") == cost(b, "2027-12", "transmission") == 240_000.00
    # The peaks that came true were others: at 5 pm of three days the load was 100 MW; the fourth was met.
    true = ("2026-06-25T17", "2026-07-20T17", "2026-08-20T17", "2026-08-20T16")
    other = bill(t, used, Context(peak_hours={"4CP": true}))
    # (100 + 100 + 100 + 20) / 4 = 80 MW = 80,000 kW x 6.
    assert cost(other, "2027-05", "transmission") == 480_000.00
    # On record for 2025: 55 MW = 55,000 kW x 6.
    known = bill(t, used, Context(coincident_mw={("4CP", 2025): 55.0}))
    assert cost(known, "2026-03", "transmission") == 330_000.00


def test_without_history_as_the_tariff_says() -> None:
    used = load(100.0, "2026-01-01", "2027-01-01", "America/Chicago")
    at(used, "2026-07-20 16:00", 20.0, "America/Chicago")
    # The contract of 150 MW x 6; this year's (100 + 20 + 100 + 100) / 4 = 80 MW x 6; nothing.
    for rule, usd in (("contract", 900_000.00), ("same_year", 480_000.00), ("none", 0.00)):
        charge = peaks(usd_per_kw_year=72.0, charged="next_year") | {"without_history": rule}
        b = bill(tariff("America/Chicago", coincident={"t": charge}), used, Context(contract_mw=150.0))
        assert cost(b, "2026-02", "t") == usd, rule
    charge = peaks(usd_per_kw_year=72.0, charged="next_year")
    b = bill(tariff("America/Chicago", coincident={"t": charge}), used, Context(before="same"))
    assert cost(b, "2026-02", "t") == 480_000.00


def test_capacity_changes_with_the_delivery_year_in_june() -> None:
    charge = {
        **CITED, "program": "5CP", "declared": ["07-08T17", "07-16T17"], "without_history": "contract",
        "zone": "PJM_DOM", "factor": 1.1, "usd_per_mw_day": {"2025/26": 444.26},
    }  # fmt: skip
    used = load(100.0, "2026-01-01", "2028-01-01")
    at(used, "2026-07-08 17:00", 60.0)
    market = {("PJM_DOM", "2026/27"): 329.17, ("PJM_DOM", "2027/28"): 333.44}
    b = bill(tariff(capacity={"capacity": charge}), used, Context(contract_mw=120.0, capacity_usd_per_mw_day=market))
    # May 2026, 31 days of 2025/26: 120 MW of contract x 1.1 x 444.26 x 31.
    assert cost(b, "2026-05", "capacity") == round(132 * 444.26 * 31, 2) == 1_817_911.92
    # June 2026, 30 days of 2026/27; the peaks of 2025 are not known, so the contract again: 132 x 329.17 x 30.
    assert cost(b, "2026-06", "capacity") == 1_303_513.20
    assert cost(b, "2027-05", "capacity") == round(132 * 329.17 * 31, 2)
    # June 2027: the peaks of 2026, (60 + 100) / 2 = 80 MW x 1.1 x 333.44 x 30.
    assert cost(b, "2027-06", "capacity") == 880_281.60
    with pytest.raises(InputError, match="2026/27"):
        bill(tariff(capacity={"capacity": charge}), used)


def time_of_use() -> dict[str, object]:
    windows = [{"days": "workday", "hours": [[7, 23]]}]
    return {**CITED, "periods": {"on": {"windows": windows, "usd_per_mwh": 60.0}, "off": {"usd_per_mwh": 25.0}}}


def test_time_of_use_in_the_months_of_daylight_saving() -> None:
    t = tariff(energy={"energy": time_of_use()})
    b = bill(t, load(10.0, "2026-03-01", "2026-04-01"))
    # March 2026 has 22 workdays of 16 hours on peak = 352 h, and 31 x 24 - 1 = 743 h in all, so 391 h off peak.
    assert cost(b, "2026-03", "energy", "on") == 3_520 * 60.00
    assert cost(b, "2026-03", "energy", "off") == 3_910 * 25.00
    b = bill(t, load(10.0, "2026-11-01", "2026-12-01"))
    # November 2026 has 21 workdays but for Thanksgiving = 20, so 320 h, and 30 x 24 + 1 = 721 h in all.
    assert cost(b, "2026-11", "energy", "on") == 3_200 * 60.00
    assert cost(b, "2026-11", "energy", "off") == 4_010 * 25.00
    # Without holidays Thanksgiving is a workday: 336 h.
    b = bill(tariff(holidays="none", energy={"energy": time_of_use()}), load(10.0, "2026-11-01", "2026-12-01"))
    assert cost(b, "2026-11", "energy", "on") == 3_360 * 60.00


def test_the_night_over_midnight_and_a_demand_by_period() -> None:
    night = [{"hours": [[22, 6]]}]
    demand = {
        **CITED,
        "periods": {"night": {"windows": night, "usd_per_kw_month": 2.0}, "day": {"usd_per_kw_month": 9.0}},
    }
    used = load(30.0, "2026-01-01", "2026-02-01")
    at(used, "2026-01-07 05:00", 50.0)
    at(used, "2026-01-07 06:00", 40.0)
    b = bill(tariff(demand={"demand": demand}), used)
    # At night, until 6: 50,000 kW x 2. By day, from 6: 40,000 kW x 9.
    assert cost(b, "2026-01", "demand", "night") == 100_000.00
    assert cost(b, "2026-01", "demand", "day") == 360_000.00


def test_a_threshold_and_a_date_change_the_schedule() -> None:
    t = tariff(schedules={
        "old": schedule(last_month="2026-12", demand={"demand": demand_rate(8.0)}),
        "small": schedule(first_month="2027-01", below_mw=25.0, demand={"demand": demand_rate(9.0)}),
        "large": schedule(first_month="2027-01", from_mw=25.0, demand={"demand": demand_rate(
            9.0, minimum_take={**CITED, "share": 0.85, "years": 14})}),
    })  # fmt: skip
    used = load(20.0, "2026-12-01", "2027-03-01")
    b = bill(t, used, Context(contract_mw={"2026-01": 24.9, "2027-02": 40.0}))
    # December 2026, old: 20,000 kW x 8. January 2027, 24.9 MW, small: 20,000 kW x 9.
    assert cost(b, "2026-12", "demand") == 160_000.00 and cost(b, "2027-01", "demand") == 180_000.00
    # February 2027, 40 MW, large: 85 % of 40,000 kW = 34,000 kW x 9.
    assert cost(b, "2027-02", "demand") == 306_000.00
    assert list(b.lines["schedule"]) == ["old", "small", "large"]


def test_index_with_adder() -> None:
    used = load(10.0, "2026-02-01", "2026-03-01")
    prices = np.full(len(used), 30.0)
    prices[:2] = (-20.0, 1_000.0)
    used.iloc[1] = 4.0
    charge = {**CITED, "multiplier": 1.05, "adder_usd_per_mwh": 2.5}
    t = tariff(indexed={"energy": charge}, rider={"credit": {**CITED, "usd_per_mwh": -1.25}})
    b = bill(t, used, Context(wholesale_usd_per_mwh=prices))
    # 10 MWh x (1.05 x -20 + 2.5) = -185; 4 MWh x (1,050 + 2.5) = 4,210; 670 h x 10 MWh x (31.50 + 2.50) = 227,800.
    assert cost(b, "2026-02", "energy") == 231_825.00
    # 10 + 4 + 6,700 = 6,714 MWh x -1.25.
    assert cost(b, "2026-02", "credit") == -8_392.50
    with pytest.raises(InputError, match="wholesale"):
        bill(t, used)


def test_collateral_is_posted_carried_and_returned() -> None:
    cash = {**CITED, "usd_per_kw": 100.0, "form": "cash", "fraction_per_year": 0.03, "years": 2}
    letter = {**CITED, "usd_per_kw": 8.0, "form": "letter_of_credit", "fraction_per_year": 0.015, "years": 1}
    t = tariff(collateral={"deposit": cash, "letter": letter})
    b = bill(t, load(10.0, "2026-01-01", "2029-01-01"), Context(contract_mw=50.0, start="2026-03"))
    # 50,000 kW x 100 = 5,000,000 paid in March 2026, back in March 2028; 3 % / 12 of it received each month until then.
    assert cost(b, "2026-03", "deposit", "posted") == 5_000_000.00
    assert cost(b, "2028-03", "deposit", "returned") == -5_000_000.00
    assert cost(b, "2026-03", "deposit", "interest") == cost(b, "2028-02", "deposit", "interest") == -12_500.00
    # 50,000 kW x 8 = 400,000 promised by a bank for 1.5 % / 12 a month, twelve times.
    letters = b.lines[b.lines["charge"] == "letter"]
    assert len(letters) == 12 and letters["usd"].round(2).eq(500.00).all()
    # Deposits are no cost: 24 x -12,500 + 12 x 500.
    assert b.usd == pytest.approx(-294_000.00)


def test_collateral_of_a_schedule_that_comes_and_goes() -> None:
    deposit = {"deposit": {**CITED, "usd_per_kw": 100.0, "form": "cash", "fraction_per_year": 0.0, "years": 10}}
    demand = {"d": demand_rate(1.0)}
    t = tariff(schedules={
        "before": schedule(last_month="2026-03", demand=demand),
        "with": schedule(first_month="2026-04", last_month="2026-08", demand=demand, collateral=deposit),
        "after": schedule(first_month="2026-09", demand=demand),
    })  # fmt: skip
    b = bill(t, load(10.0, "2026-01-01", "2027-01-01"), Context(contract_mw={"2026-01": 30.0, "2026-06": 50.0}))
    # Posted in April on 30,000 kW x 100, raised by 20,000 kW x 100 with the contract, and all returned in September.
    cash = b.lines[b.lines["cash"]].set_index("month")["usd"].to_dict()
    assert cash == {"2026-04": 3_000_000.00, "2026-06": 2_000_000.00, "2026-09": -5_000_000.00}
    # A load that ends in June says nothing of a return.
    b = bill(t, load(10.0, "2026-01-01", "2026-07-01"), Context(contract_mw=30.0))
    assert list(b.lines.loc[b.lines["cash"], "part"]) == ["posted"]


def test_leaving_early() -> None:
    take = {**CITED, "share": 0.85, "ramp": [0.5, 0.75], "years": 3}
    t = tariff(
        demand={"delivery": demand_rate(6.0, minimum_take=take)},
        collateral={"deposit": {**CITED, "usd_per_kw": 100.0, "form": "cash", "fraction_per_year": 0.0, "years": 10}},
        exit_fee={"exit": {**CITED, "months_of_minimum": 36, "usd_per_kw": 2.0}},
    )
    used = load(100.0, "2026-01-01", "2028-01-01")
    b = bill(t, used, Context(contract_mw=100.0, leaves="2027-03"))
    assert (
        b.lines["month"].max() == "2027-03" and not (b.lines[b.lines["month"] == "2027-03"]["kind"] == "demand").any()
    )
    # Leaving after the load that is billed is no matter of this bill.
    later = bill(t, load(100.0, "2026-01-01", "2027-01-01"), Context(contract_mw=100.0, leaves="2027-01"))
    assert later.lines["month"].max() == "2026-12"
    # 22 of 36 months are left: 10 of the second year at 63,750 kW x 6, 12 of the third at 85,000 kW x 6.
    assert cost(b, "2027-03", "exit", "delivery.all") == 10 * 382_500.00 + 12 * 510_000.00
    assert cost(b, "2027-03", "exit", "contract") == 200_000.00
    assert cost(b, "2027-03", "deposit", "returned") == -10_000_000.00


def test_fixed_charges_and_the_least_bill_of_a_leap_february() -> None:
    t = tariff(
        energy={"energy": flat_rate(40.0)},
        fixed={"customer": {**CITED, "usd_per_month": 500.0, "usd_per_day": 10.0}},
        minimum_bill={"least": {**CITED, "usd_per_month": 50_000.0}},
    )
    b = bill(t, load(1.0, "2028-02-01", "2028-04-01"))
    # February 2028: 29 x 24 = 696 MWh x 40 = 27,840; 500 + 29 x 10 = 790; 50,000 - 28,630 = 21,370 are lacking.
    assert cost(b, "2028-02", "energy") == 27_840.00 and cost(b, "2028-02", "customer") == 790.00
    assert cost(b, "2028-02", "least") == 21_370.00
    assert b.months().round(2).to_dict() == {"2028-02": 50_000.00, "2028-03": 50_000.00}
    assert cost(bill(t, load(10.0, "2028-02-01", "2028-03-01")), "2028-02", "least") == 0.00


def test_aep_ohio_by_hand() -> None:
    used = load(100.0, "2027-06-01", "2027-08-01")
    b = bill(load_tariff("aep_ohio_dct"), used, Context(
        contract_mw=200.0, start="2025-08", wholesale_usd_per_mwh=np.full(len(used), 42.0)))  # fmt: skip
    # June 2027, second year: 85 % x 65 % x 200 MW = 110,500 kW x 6.50. July: the same year until 31 July.
    assert cost(b, "2027-06", "delivery") == cost(b, "2027-07", "delivery") == 718_250.00
    # 720 h x 100 MW = 72,000 MWh x 42.00, and x 3.50 of riders.
    assert cost(b, "2027-06", "wholesale") == 3_024_000.00 and cost(b, "2027-06", "riders") == 252_000.00
    # Capacity 2027/28 on the contract: 200 MW x 333.44 x 30 days.
    assert cost(b, "2027-06", "capacity") == 2_000_640.00
    # Letter of credit: 200,000 kW x 150 = 30,000,000 x 2 % / 12.
    assert cost(b, "2027-06", "security") == 50_000.00
    assert b.months().round(2)["2027-06"] == 718_250 + 3_024_000 + 252_000 + 2_000_640 + 50_000


def test_dominion_before_and_after_gs5() -> None:
    used = load(90.0, "2026-12-01", "2027-02-01")
    b = bill(load_tariff("dominion_gs5"), used, Context(
        contract_mw=120.0, wholesale_usd_per_mwh=np.zeros(len(used))))  # fmt: skip
    # December 2026, GS-4: 90,000 kW x 8.77; capacity 120 MW x 329.17 x 31.
    assert cost(b, "2026-12", "transmission_distribution") == 789_300.00
    assert cost(b, "2026-12", "capacity") == 1_224_512.40
    # January 2027, GS-5: 85 % of 120,000 kW = 102,000 kW x 8.77; 60 % is 72,000 kW, so the 90,000 kW used x 10.01.
    assert cost(b, "2027-01", "transmission_distribution") == 894_540.00
    assert cost(b, "2027-01", "generation") == 900_900.00


def test_ercot_before_and_after_the_successor_of_4cp() -> None:
    used = load(75.0, "2026-01-01", "2029-01-01", "America/Chicago")
    for day in ("06-25", "07-20", "08-20", "09-05"):
        for year in (2026, 2027, 2028):
            at(used, f"{year}-{day} 16:00", 0.0, "America/Chicago")
    b = bill(load_tariff("ercot_tsp"), used, Context(wholesale_usd_per_mwh=np.zeros(len(used))))
    # Who avoids the four peaks of 2026 pays no transmission in 2027.
    assert cost(b, "2027-01", "transmission") == 0.00
    # From 2028 on each month has its own peak: 75,000 kW x 70 / 12, but nothing in the four months that were avoided.
    assert cost(b, "2028-01", "transmission") == 437_500.00
    assert cost(b, "2028-07", "transmission") == 0.00


def test_quarter_hours_are_billed_as_energy_and_as_demand() -> None:
    index = pd.date_range("2026-01-01T05:00Z", "2026-02-01T05:00Z", freq="15min", inclusive="left")
    used = pd.Series(10.0, index=index)
    used.iloc[7] = 30.0
    b = bill(tariff(energy={"energy": flat_rate(40.0)}, demand={"demand": demand_rate(5.0)}), used)
    # 744 h x 10 MW + 0.25 h x 20 MW = 7,445 MWh x 40; 30,000 kW x 5.
    assert cost(b, "2026-01", "energy") == 297_800.00 and cost(b, "2026-01", "demand") == 150_000.00
