"""What holds of every bill, what every bundled tariff has, and what a bad tariff is told."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid_opt.errors import InputError
from grid_opt.resources import data_dir, models_dir
from grid_opt.tariffs.bill import Bill, bill
from grid_opt.tariffs.charges import Cited
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.definitions import bundled_tariffs, load_tariff, tariff_from_toml, tariff_to_toml
from grid_opt.tariffs.schema import Tariff
from tests.tariff_fixture import CITED, EAST, demand_rate, flat_rate, hours, load, schedule, tariff

INDEX = hours("2026-02-01", "2026-05-01")
RATE = st.floats(2.0, 30.0)
SHARE = st.floats(0.0, 1.0)


@st.composite
def parts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the charges of a schedule, none of them negative, rising from tier to tier or not."""
    window = [{"months": [2, 4], "days": "workday", "hours": [[draw(st.integers(0, 11)), draw(st.integers(12, 24))]]}]
    on_energy = {"windows": window, "usd_per_mwh": draw(RATE)}
    tiers = [{"upto_mwh": 9_000.0, "usd_per_mwh": draw(RATE)}, {"usd_per_mwh": draw(RATE)}]
    steps = [{"upto_mw": 15.0, "usd_per_kw_month": draw(RATE)}, {"usd_per_kw_month": draw(RATE)}]
    peaks = {"program": "p", "declared": ["02-10T15", "03-11T15", "04-07T15"], "without_history": "same_year"}
    return {
        "energy": {"energy": {**CITED, "periods": {"on": on_energy, "off": {"tiers": tiers}}}},
        "demand": {"demand": {
            **CITED, "periods": {"all": {"tiers": steps}}, "least_mw": draw(st.floats(0.0, 5.0)),
            "ratchet": {**CITED, "share": draw(SHARE), "lookback_months": draw(st.integers(1, 3))},
            "minimum_take": {**CITED, "share": draw(SHARE), "ramp": [draw(SHARE)], "years": 2},
        }},
        "coincident": {"cp": {**CITED, **peaks, "usd_per_kw_year": draw(RATE), "charged": "next_year"}},
        "capacity": {"cap": {**CITED, **peaks, "zone": "Z", "factor": 1.1, "usd_per_mw_day": {"2025/26": draw(RATE)}}},
        "rider": {"rider": {**CITED, "usd_per_mwh": draw(RATE)}},
        "fixed": {"fixed": {**CITED, "usd_per_month": draw(RATE)}},
        "minimum_bill": {"least": {**CITED, "usd_per_month": draw(RATE) * 1e4}},
    }  # fmt: skip


@st.composite
def loads(draw: st.DrawFn) -> pd.Series[float]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return pd.Series(rng.uniform(0.0, 40.0, len(INDEX)), index=INDEX)


@settings(max_examples=25, deadline=None)
@given(parts(), loads(), st.integers(0, 2**32 - 1), st.floats(0.0, 50.0))
def test_more_load_is_never_a_smaller_bill(
    charges: dict[str, Any], used: pd.Series[float], seed: int, c: float
) -> None:
    rng = np.random.default_rng(seed)
    more = used + rng.uniform(0.0, 20.0, len(used)) * (rng.random(len(used)) < 0.1)
    t, context = tariff(**charges), Context(contract_mw=c)
    small, large = bill(t, used, context).months(), bill(t, more, context).months()
    assert (large >= small - 1e-6 * small.abs()).all()


@settings(max_examples=15, deadline=None)
@given(parts(), loads(), st.floats(0.5, 3.0))
def test_prices_times_k_are_bills_times_k(charges: dict[str, Any], used: pd.Series[float], k: float) -> None:
    context = Context(contract_mw=30.0)
    scaled = bill(tariff(**times(charges, k)), used, context)
    assert np.allclose(scaled.months(), k * bill(tariff(**charges), used, context).months(), rtol=1e-12)


def times(part: Any, k: float) -> Any:
    """Multiply every price of a part of a tariff."""
    if isinstance(part, dict):
        found = {}
        for key, value in part.items():
            price = key.startswith("usd") and not isinstance(value, dict)
            prices = key.startswith("usd") and isinstance(value, dict)
            found[key] = value * k if price else {y: v * k for y, v in value.items()} if prices else times(value, k)
        return found
    return [times(item, k) for item in part] if isinstance(part, list) else part


@settings(max_examples=10, deadline=None)
@given(parts(), st.floats(1.0, 40.0))
def test_months_of_a_flat_load_add_up(charges: dict[str, Any], mw: float) -> None:
    """Where nothing looks back, a quarter costs what its months cost one by one."""
    charges["demand"]["demand"]["ratchet"]["share"] = 0.0
    for kind in ("coincident", "capacity"):
        charges[kind] = {name: c | {"without_history": "contract"} for name, c in charges[kind].items()}
    t, context = tariff(**charges), Context(contract_mw=30.0, start="2026-02")
    edges = ["2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"]
    apart = [bill(t, load(mw, a, b), context).usd for a, b in pairwise(edges)]
    assert bill(t, load(mw, edges[0], edges[-1]), context).usd == pytest.approx(sum(apart), rel=1e-12)


def test_a_flat_month_split_in_two_meters_adds_up_without_tiers() -> None:
    t = tariff(energy={"e": flat_rate(40.0)}, demand={"d": demand_rate(9.0)})

    def month(mw: float) -> Bill:
        return bill(t, load(mw, "2026-01-01", "2026-02-01"))

    assert month(70.0).usd == pytest.approx(month(30.0).usd + month(40.0).usd, rel=1e-12)


def test_the_order_of_charges_changes_nothing() -> None:
    used = pd.Series(np.linspace(5.0, 40.0, len(INDEX)), index=INDEX)
    charges = {"energy": {"a": flat_rate(30.0), "b": flat_rate(7.0)}, "demand": {"c": demand_rate(5.0)}}
    turned = {"demand": charges["demand"], "energy": dict(reversed(charges["energy"].items()))}
    assert bill(tariff(**charges), used).usd == pytest.approx(bill(tariff(**turned), used).usd, rel=1e-14)


# -- bundled -------------------------------------------------------------------------------------------------------


def test_every_candidate_region_has_one_default_tariff() -> None:
    with (data_dir() / "regions.csv").open(encoding="utf-8", newline="") as file:
        regions = Counter(row["region"] for row in csv.DictReader(file))
    assert Counter(region for name in bundled_tariffs() for region in load_tariff(name).regions) == regions


def cited(part: Any) -> list[Cited]:
    """Gather everything with a source in a tariff."""
    found = [part] if isinstance(part, Cited) else []
    if isinstance(part, dict):
        return found + [item for value in part.values() for item in cited(value)]
    fields = type(part).model_fields if hasattr(type(part), "model_fields") else {}
    return found + [item for field in fields for item in cited(getattr(part, field))]


@pytest.mark.parametrize("name", bundled_tariffs())
def test_a_bundled_tariff_is_sound_and_says_what_it_assumes(name: str) -> None:
    t = load_tariff(name)
    assert len(cited(t)) >= 4
    for item in cited(t):
        assert item.certainty != "L" or "ASSUMPTION" in item.source or "general knowledge" in item.source
        assert item.certainty != "H" or "ASSUMPTION" not in item.source
    text = (models_dir() / "tariffs" / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# Figures by the certainty")
    assert tariff_from_toml(tariff_to_toml(t), f"{name}.toml") == t


@pytest.mark.parametrize("name", bundled_tariffs())
@pytest.mark.parametrize("year", [2026, 2028])
def test_a_bundled_tariff_bills_a_plan_year_plausibly(name: str, year: int) -> None:
    from grid_opt.study.tariffs import bill_year

    done = bill_year(load_tariff(name), Context(contract_mw=100.0), mw=100.0, year=year, price=40.0)
    hours_of_year = 8784 if year == 2028 else 8760
    assert done.energy_mwh.sum() == pytest.approx(100.0 * hours_of_year)
    assert len(done.months()) == 12
    # Energy at 40, and 8 to 50 USD/MWh of delivery, capacity and riders on top of it.
    assert 48.0 < done.usd / done.energy_mwh.sum() < 90.0


def test_capacity_prices_agree_with_the_table_of_the_model() -> None:
    from grid_opt.study.tariffs import capacity_prices

    known, compared = capacity_prices(), 0
    for name in bundled_tariffs():
        for made in load_tariff(name).schedules.values():
            for charge in made.capacity.values():
                assert any(zone == charge.zone for zone, _ in known), charge.zone
                for year, price in charge.usd_per_mw_day.items():
                    if (charge.zone, year) in known:
                        assert price == known[charge.zone, year]
                        compared += 1
    assert compared >= 8


# -- bad tariffs ---------------------------------------------------------------------------------------------------


ON_PEAK = {"windows": [{"months": [6], "hours": [[14, 20]]}], "usd_per_mwh": 80.0}
CAPACITY = {
    **CITED, "program": "p", "declared": ["07-01T16"], "without_history": "none", "zone": "Z", "factor": 1.0,
    "usd_per_mw_day": {"2026/27": 329.17},
}  # fmt: skip
GOOD = tariff_to_toml(
    tariff(
        energy={"e": {**CITED, "periods": {"on": ON_PEAK, "off": {"usd_per_mwh": 30.0}}}},
        demand={"d": demand_rate(10.0, minimum_take={**CITED, "share": 0.85, "ramp": [0.5], "years": 12})},
        capacity={"c": CAPACITY},
    )
)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("usd_per_mwh = 80.0", "usd_per_mwh = 0.08", "schedules.only.energy.e.periods.on.usd_per_mwh"),
        ("usd_per_mwh = 80.0", 'usd_per_mwh = "80"', "schedules.only.energy.e.periods.on.usd_per_mwh"),
        ("usd_per_mwh = 80.0", "usd_per_mwh = nan", "schedules.only.energy.e.periods.on.usd_per_mwh"),
        ("usd_per_mwh = 80.0", "usd_per_kwh = 0.08", "schedules.only.energy.e.periods.on.usd_per_kwh"),
        ("usd_per_kw_month = 10.0", "usd_per_kw_month = 329.17", "demand.d.periods.all.usd_per_kw_month"),
        ("usd_per_kw_month = 10.0", "usd_per_kw_month = -1.0", "demand.d.periods.all.usd_per_kw_month"),
        ('"2026/27" = 329.17', '"2026/27" = 0.329', "capacity.c.usd_per_mw_day.2026/27"),
        ('"2026/27" = 329.17', '"2026/27" = 120000.0', "capacity.c.usd_per_mw_day.2026/27"),
        ('"2026/27" = 329.17', '"2026/28" = 329.17', "capacity.c.usd_per_mw_day"),
        ("months = [6]", "months = [13]", "windows"),
        ("hours = [[14, 20]]", "hours = [[14, 14]]", "windows.0.hours"),
        ("usd_per_mwh = 30.0", 'usd_per_mwh = 30.0\nwindows = [{ days = "workday" }]', "periods.off.windows"),
        ("usd_per_mwh = 30.0", "usd_per_mwh = 30.0\nwindows = [{ months = [1] }]", "energy.e.periods"),
        ('first_month = "2025-01"', 'first_month = "2025-13"', "schedules.only.first_month"),
        ('first_month = "2025-01"', 'first_month = "2025-01"\nlast_month = "2024-12"', "schedules.only.last_month"),
        ('first_month = "2025-01"', 'first_month = "2025-01"\nfrom_mw = 9.0\nbelow_mw = 5.0', "only.below_mw"),
        ("share = 0.85", "share = 85.0", "minimum_take.share"),
        ("years = 12", "years = 12.5", "minimum_take.years"),
        ("ramp = [0.5]", "ramp = [0.5, 0.6, 0.7]", "minimum_take.ramp"),
        ('declared = ["07-01T16"]', 'declared = ["07-32T16"]', "capacity.c.declared"),
        ('declared = ["07-01T16"]', 'declared = ["07-01T16", "07-01T16"]', "capacity.c.declared"),
        (f'timezone = "{EAST}"', 'timezone = "America/Columbus"', "timezone"),
        ('holidays = "nerc"', 'holidays = "some"', "holidays"),
        ("usd_per_kw_month = 10.0", "tiers = [{ usd_per_kw_month = 1.0 }, { usd_per_kw_month = 2.0 }]", "tiers.0"),
        ("usd_per_kw_month = 10.0",
         "tiers = [{ upto_mw = 9.0, usd_per_kw_month = 1.0 }, { upto_mw = 5.0, usd_per_kw_month = 2.0 }, "
         "{ usd_per_kw_month = 3.0 }]", "tiers.1.upto_mw"),
        ("usd_per_kw_month = 10.0", "", "periods.all.usd_per_kw_month"),
    ],
)  # fmt: skip
def test_a_bad_tariff_is_told_its_file_field_and_row(tmp_path: Path, old: str, new: str, field: str) -> None:
    years = ("years = 12", "years = 2") if "0.7" in new else ("", "")
    assert GOOD.count(old) == 1, old
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace(old, new).replace(*years), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        load_tariff(str(path))
    told = refused.value
    assert str(path) in str(told) and told.field is not None and field in told.field and told.row is not None
    assert told.expected is not None


def test_an_unknown_key_is_told_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace("usd_per_kw_month = 10.0", "usd_per_kw_mouth = 10.0"), encoding="utf-8")
    with pytest.raises(InputError, match="did you mean 'usd_per_kw_month'"):
        load_tariff(str(path))
    with pytest.raises(InputError, match="did you mean 'aep_ohio_dct'"):
        load_tariff("aep_ohio_dtc")


def two(**second: Any) -> Tariff:
    one = schedule(last_month="2026-06", demand={"d": demand_rate(1.0)})
    return tariff(schedules={"one": one, "two": schedule(demand={"d": demand_rate(2.0)}, **second)})


def test_schedules_neither_overlap_nor_leave_a_month_out() -> None:
    for bad, field in (("2026-06", "schedules.two"), ("2026-08", "schedules.two.first_month")):
        with pytest.raises(InputError) as refused:
            two(first_month=bad)
        assert refused.value.field == field
    assert two(first_month="2026-07").schedule_for(2026 * 12 + 6, 5.0) == "two"
    # Other sizes may be in force for the same months; a size that nobody serves is told when it is billed.
    t = tariff(schedules={
        "small": schedule(below_mw=25.0, demand={"d": demand_rate(1.0)}),
        "large": schedule(from_mw=50.0, demand={"d": demand_rate(1.0)}),
    })  # fmt: skip
    with pytest.raises(InputError, match="no schedule serves 30 MW in 2026-01"):
        bill(t, load(30.0, "2026-01-01", "2026-02-01"))


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (load(1.0, "2026-01-01", "2026-01-31"), "2026-01 is not whole"),
        (load(1.0, "2026-01-02", "2026-02-01"), "2026-01 is not whole"),
        (load(1.0, "2026-01-01", "2026-02-01").drop(INDEX[0] - pd.Timedelta(days=9)), "missing"),
        (load(-1.0, "2026-01-01", "2026-02-01"), "not a load"),
        (load(float("nan"), "2026-01-01", "2026-02-01"), "not a load"),
        (load(1.0, "2026-01-01", "2026-02-01")[::-1], "go up"),
        (load(1.0, "2026-01-01", "2026-02-01").reset_index(drop=True), "DatetimeIndex"),
    ],
)
def test_a_load_that_is_none_is_refused(used: pd.Series[float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        bill(tariff(energy={"e": flat_rate(30.0)}), used)
