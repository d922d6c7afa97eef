"""Representative days: weights add up, means are kept, extreme days are in, names do not matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from grid_opt.config import load_case
from grid_opt.errors import InputError
from grid_opt.inputs.hours import generate_hours, standard_time
from grid_opt.inputs.outlook import outlook_factor
from grid_opt.inputs.tables import read_table
from grid_opt.inputs.timeslices import DAYS_OF_SEASON, choose_slices

REGIONS = ["TX_N", "OH_N", "VA_E", "CA_N", "OK"]
HOUR_SEASON = np.repeat(np.repeat([1, 2, 3, 4], DAYS_OF_SEASON), 24)


@pytest.fixture(scope="module")
def hours() -> xr.Dataset:
    zones = read_table("zones")
    chosen = zones[zones["zone"].isin([*REGIONS, "NY_NYC", "WA_E", "FL_S"])]
    return generate_hours(chosen, 2026)


@pytest.mark.parametrize(("days", "extreme"), [(4, 0), (12, 1), (24, 3), (356, 1), (365, 1)])
def test_weights_add_up_to_the_last_hour(hours: xr.Dataset, days: int, extreme: int) -> None:
    slices = choose_slices(hours, REGIONS, days, extreme)
    weight, season = slices["slice_weight"].values, slices["slice_season"].values
    count = 365 if days == 365 else days + 4 * extreme
    assert slices.sizes["slice"] == 24 * count
    assert weight.sum() == 8760.0
    assert [weight[season == q].sum() for q in (1, 2, 3, 4)] == [24.0 * n for n in DAYS_OF_SEASON]
    assert (weight == np.round(weight)).all() and weight.min() >= 1
    np.testing.assert_array_equal(slices["slice_hour"].values, np.tile(np.arange(24), count))
    np.testing.assert_array_equal(slices["slice_day"].values, np.repeat(np.arange(count), 24))


@pytest.mark.parametrize(("days", "extreme"), [(4, 0), (12, 1), (40, 2)])
def test_mean_price_of_every_zone_and_quarter_is_kept(hours: xr.Dataset, days: int, extreme: int) -> None:
    slices = choose_slices(hours, REGIONS, days, extreme)
    weight, season = slices["slice_weight"].values, slices["slice_season"].values
    for q in (1, 2, 3, 4):
        at = season == q
        mean = (slices["price"].values[:, at] * weight[at]).sum(axis=1) / weight[at].sum()
        np.testing.assert_allclose(mean, hours["price"].values[q == HOUR_SEASON].mean(axis=0), rtol=0, atol=1e-9)


def test_slices_are_real_days_but_for_a_constant(hours: xr.Dataset) -> None:
    slices = choose_slices(hours, REGIONS, 12, 1)
    source = slices["slice_source_day"].values * 24 + slices["slice_hour"].values
    np.testing.assert_array_equal(slices["demand"].values, hours["demand"].values[source].T)
    shift = slices["price"].values - hours["price"].values[source].T
    for q in (1, 2, 3, 4):
        assert np.ptp(shift[:, slices["slice_season"].values == q], axis=1).max() < 1e-9
    assert slices["price"].attrs["largest_correction_usd_per_mwh"] == pytest.approx(np.abs(shift).max(), abs=0.01)


def test_every_hour_is_the_year_itself(hours: xr.Dataset) -> None:
    slices = choose_slices(hours, REGIONS, 365, 1)
    np.testing.assert_array_equal(slices["price"].values, hours["price"].values.T)
    np.testing.assert_array_equal(slices["slice_season"].values, HOUR_SEASON)


def test_days_are_in_time_order_and_in_their_quarter(hours: xr.Dataset) -> None:
    slices = choose_slices(hours, REGIONS, 12, 2)
    day = slices["slice_source_day"].values[::24]
    assert (np.diff(day) > 0).all()
    quarter = standard_time().quarter.to_numpy()[::24]
    np.testing.assert_array_equal(slices["slice_season"].values[::24], quarter[day])


def test_the_dearest_day_of_each_quarter_is_in_with_weight_one(hours: xr.Dataset) -> None:
    slices = choose_slices(hours, REGIONS, 12, 1)
    daily = hours["price"].sel(zone=REGIONS).mean("zone").values.reshape(365, 24).mean(axis=1)
    start = 0
    for length in DAYS_OF_SEASON:
        dearest = start + int(np.argmax(daily[start : start + length]))
        start += length
        at = slices["slice_source_day"].values == dearest
        assert at.sum() == 24
        assert (slices["slice_weight"].values[at] == 1).all()


def test_a_day_that_the_case_names_stands_for_itself(hours: xr.Dataset) -> None:
    plain, named = choose_slices(hours, REGIONS, 12, 1), choose_slices(hours, REGIONS, 12, 1, extra=(16, 201))
    apart = named.isel(slice=named["slice_source_day"].isin([16, 201]).values)
    assert apart.sizes["slice"] == 48 and (apart["slice_weight"] == 1.0).all()
    for slices in (plain, named):
        number, of = slices["stood_for_by"].values, slices["slice_source_day"].values[::24]
        np.testing.assert_array_equal(np.bincount(number), slices["slice_weight"].values[::24])
        np.testing.assert_array_equal(number[of], np.arange(len(of)))
    already = int(plain.attrs["extreme_source_days"].split(",")[0])
    assert choose_slices(hours, REGIONS, 12, 1, extra=(already,)).sizes == plain.sizes


@pytest.mark.parametrize("days", ["['02-29']", "['01-17', '01-17']", "['1-17']", "['13-01']"])
def test_what_is_no_day_is_refused(days: str) -> None:
    with pytest.raises(InputError) as refused:
        load_case("quick", [f"energy.extra_days={days}"])
    assert refused.value.field == "energy.extra_days"


def test_named_days_leave_room_for_the_others() -> None:
    with pytest.raises(InputError) as refused:
        load_case("quick", ["energy.days=356", "energy.extra_days=['01-17', '01-18']"])
    assert refused.value.field == "energy.days" and "352" in str(refused.value)


def test_days_named_for_their_error_lower_it(hours: xr.Dataset) -> None:
    price = hours["price"].sel(zone=REGIONS).values.reshape(365, 24, -1).mean(axis=1)

    def error(extra: tuple[int, ...]) -> np.ndarray:
        slices = choose_slices(hours, REGIONS, 12, 1, extra=extra)
        shown = slices["price"].sel(zone=REGIONS).values.reshape(len(REGIONS), -1, 24).mean(axis=2).T
        return np.abs(price - shown[slices["stood_for_by"].values]).sum(axis=1)

    before = error(())
    worst = tuple(np.argsort(-before)[:6].tolist())
    assert error(worst).sum() < 0.95 * before.sum()


def test_the_choice_is_deterministic_and_blind_to_names_and_order(hours: xr.Dataset) -> None:
    slices = choose_slices(hours, REGIONS, 12, 1)
    assert choose_slices(hours, REGIONS, 12, 1).identical(slices)
    renamed = hours.assign_coords(zone=[f"Z{k}" for k in range(hours.sizes["zone"], 0, -1)])
    names = dict(zip(hours["zone"].values.tolist(), renamed["zone"].values.tolist(), strict=True))
    shuffled = renamed.isel(zone=slice(None, None, -1))
    other = choose_slices(shuffled, [names[r] for r in reversed(REGIONS)], 12, 1)
    np.testing.assert_array_equal(other["slice_source_day"].values, slices["slice_source_day"].values)
    np.testing.assert_array_equal(other["slice_weight"].values, slices["slice_weight"].values)
    for zone, new in names.items():
        np.testing.assert_array_equal(other["price"].sel(zone=new).values, slices["price"].sel(zone=zone).values)


def test_more_days_come_closer_to_the_year(hours: xr.Dataset) -> None:
    def error(days: int) -> float:
        slices = choose_slices(hours, REGIONS, days, 0)
        weight = slices["slice_weight"].values
        out = 0.0
        for zone in REGIONS:
            price = slices["price"].sel(zone=zone).values
            order = np.argsort(price)
            share = (np.cumsum(weight[order]) - weight[order] / 2) / 8760
            real = np.sort(hours["price"].sel(zone=zone).values)
            made = np.interp((np.arange(8760) + 0.5) / 8760, share, price[order])
            out += float(np.abs(made - real).mean())
        return out

    assert error(120) < error(12) < error(4)


def test_zones_without_wind_and_sun_do_not_break_the_choice(hours: xr.Dataset) -> None:
    flat = hours.assign(wind_cf=hours["wind_cf"] * 0, solar_cf=hours["solar_cf"] * 0)
    assert choose_slices(flat, ["OH_N"], 8, 2)["slice_weight"].values.sum() == 8760


@pytest.mark.parametrize(
    ("days", "extreme", "field"),
    [
        (0, 1, "energy.days"),
        (-4, 1, "energy.days"),
        (10, 1, "energy.days"),
        (364, 1, "energy.days"),
        (366, 0, "energy.days"),
        (12, -1, "energy.extreme_days"),
        (12, 11, "energy.extreme_days"),
    ],
)
def test_a_bad_number_of_days_is_refused(hours: xr.Dataset, days: int, extreme: int, field: str) -> None:
    with pytest.raises(InputError) as caught:
        choose_slices(hours, REGIONS, days, extreme)
    assert caught.value.field == field
    assert caught.value.expected


def test_unknown_regions_are_refused(hours: xr.Dataset) -> None:
    with pytest.raises(InputError, match="ZZ"):
        choose_slices(hours, ["TX_N", "ZZ"], 12, 1)
    with pytest.raises(InputError):
        choose_slices(hours, [], 12, 1)
    with pytest.raises(InputError, match="8760"):
        choose_slices(hours.isel(time=slice(0, 100)), REGIONS, 12, 1)


YEARS = {2026: (2026,), 2028: (2028,), 2029: tuple(range(2029, 2036))}


def test_gas_outlook_by_hand() -> None:
    zones = pd.DataFrame({"zone": ["OH_N"], "census_division": ["East_North_Central"]})
    gas = read_table("gas_outlook")
    gas = gas[gas["census_division"] == "East_North_Central"].set_index("year")["usd_per_mmbtu"]
    base = (gas[2023] + gas[2024]) / 2
    factor = outlook_factor(zones, YEARS, "gas", 0.6)
    assert factor.dims == ("zone", "year")
    assert float(factor.sel(zone="OH_N", year=2026)) == pytest.approx((gas[2026] / base) ** 0.6)
    assert float(factor.sel(zone="OH_N", year=2029)) == pytest.approx(
        np.mean([(gas[y] / base) ** 0.6 for y in range(2029, 2036)])
    )
    assert float(outlook_factor(zones, YEARS, "gas", 0.0).max()) == 1.0


def test_wholesale_outlook_is_a_bounded_ratio() -> None:
    zones = read_table("zones")
    table = read_table("wholesale_outlook").set_index(["zone", "year"])["usd_per_mwh"]
    factor = outlook_factor(zones, YEARS, "wholesale")
    assert float(factor.min()) >= 0.5 and float(factor.max()) <= 2.0
    ratio = table["OH_N", 2026] / ((table["OH_N", 2023] + table["OH_N", 2024]) / 2)
    assert float(factor.sel(zone="OH_N", year=2026)) == pytest.approx(min(max(ratio, 0.5), 2.0))


def test_flat_outlook_is_one_and_needs_no_table() -> None:
    zones = pd.DataFrame({"zone": ["A", "NA"], "census_division": ["", ""]})
    assert (outlook_factor(zones, YEARS, "flat") == 1).all()


@pytest.mark.parametrize(
    ("outlook", "division", "years", "named"),
    [
        ("gass", "Pacific", YEARS, "energy.outlook"),
        ("gas", "Atlantis", YEARS, "usd_per_mmbtu"),
        ("gas", "Pacific", {2050: (2050,)}, "usd_per_mmbtu"),
        ("wholesale", "Pacific", YEARS, "usd_per_mwh"),
    ],
)
def test_a_bad_outlook_is_refused(outlook: str, division: str, years: dict[int, tuple[int, ...]], named: str) -> None:
    zones = pd.DataFrame({"zone": ["ZZ"], "census_division": [division]})
    with pytest.raises(InputError) as caught:
        outlook_factor(zones, years, outlook)
    assert caught.value.field == named
