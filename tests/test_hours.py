"""The hour generator: deterministic, calibrated, and plain about what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from grid_opt.errors import InputError
from grid_opt.inputs.hours import generate_hours, hub_and_load_series, hub_weights, standard_time, wind_series
from grid_opt.inputs.hours_latent import (
    COMPONENTS,
    apply_quantiles,
    correlated_series,
    memory_paths,
    ranks_to_probabilities,
)
from grid_opt.inputs.hours_tables import read_statistics
from grid_opt.inputs.tables import read_table

SEEDS = (2026, 7)
KNOWN = {"price": 32.16723, "TX_N max": 4781.15, "demand": 561682.6, "wind": 0.23602, "solar": 0.20768}
"""Sums of the year of seed 2026; they change when a statistics table is rebuilt."""


@pytest.fixture(scope="module")
def zones() -> pd.DataFrame:
    return read_table("zones")


@pytest.fixture(scope="module")
def hours(zones: pd.DataFrame) -> xr.Dataset:
    return generate_hours(zones, 2026)


@pytest.fixture(scope="module")
def hubs() -> list[pd.DataFrame]:
    return [pd.DataFrame(hub_and_load_series(seed)[0]) for seed in SEEDS]


def measured(hubs: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean over seeds of the measures of the reference table, by hub."""
    tables = []
    for run in hubs:
        value = run.to_numpy()
        day = value.reshape(365, 24, -1)
        columns = {
            "mean": value.mean(axis=0),
            "p05": np.quantile(value, 0.05, axis=0),
            "p95": np.quantile(value, 0.95, axis=0),
            "p995": np.quantile(value, 0.995, axis=0),
            "negative_share": (value < 0).mean(axis=0),
            "daily_spread": np.median(day.max(axis=1) - day.min(axis=1), axis=0),
            "ac1": [np.corrcoef(v[1:], v[:-1])[0, 1] for v in value.T],
            "ac24": [np.corrcoef(v[24:], v[:-24])[0, 1] for v in value.T],
        }
        tables.append(pd.DataFrame(columns, index=run.columns))
    return sum(tables[1:], tables[0]) / len(tables)


def assert_calibrated(made: pd.DataFrame, real: pd.DataFrame) -> None:
    """The bounds that docs/calibration.md shows to hold."""
    real = real.loc[made.index]
    relative = (made - real).abs() / real.abs()
    assert relative["mean"].max() < 0.02
    assert ((made["p05"] - real["p05"]).abs() / np.maximum(real["p05"].abs(), 10)).max() < 0.15
    assert relative["p95"].max() < 0.10
    assert relative["p995"].max() < 0.25
    assert (made["negative_share"] - real["negative_share"]).abs().max() < 0.02
    assert relative["daily_spread"].median() < 0.08
    assert relative["daily_spread"].max() < 0.25
    assert (made["ac1"] - real["ac1"]).abs().median() < 0.12
    assert (made["ac24"] - real["ac24"]).abs().median() < 0.08


def pairs(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.triu_indices(len(matrix), 1)]


def test_same_seed_same_bytes(zones: pd.DataFrame, hours: xr.Dataset) -> None:
    again = generate_hours(zones, 2026)
    for name in ("price", "demand", "wind_cf", "solar_cf"):
        assert again[name].values.tobytes() == hours[name].values.tobytes()


def test_known_values_of_a_seed(hours: xr.Dataset) -> None:
    # sums, not a hash: a last bit that differs between machines may move a rounding, not a year
    assert float(hours["price"].mean()) == pytest.approx(KNOWN["price"], abs=1e-3)
    assert float(hours["price"].sel(zone="TX_N").max()) == pytest.approx(KNOWN["TX_N max"], abs=0.02)
    assert float(hours["demand"].isel(time=4000).sum()) == pytest.approx(KNOWN["demand"], rel=1e-5)
    assert float(hours["wind_cf"].mean()) == pytest.approx(KNOWN["wind"], abs=1e-5)
    assert float(hours["solar_cf"].mean()) == pytest.approx(KNOWN["solar"], abs=1e-5)


def test_another_seed_is_another_year(hubs: list[pd.DataFrame]) -> None:
    assert abs(np.corrcoef(hubs[0]["PJM.RTO"], hubs[1]["PJM.RTO"])[0, 1]) < 0.6
    assert hubs[0]["PJM.RTO"].mean() == pytest.approx(hubs[1]["PJM.RTO"].mean(), rel=0.01)


def test_a_zone_is_the_same_whatever_other_zones_are_asked_for(zones: pd.DataFrame, hours: xr.Dataset) -> None:
    some = generate_hours(zones[zones["zone"].isin(["TX_N", "OH_N"])].iloc[::-1], 2026)
    for name in ("price", "demand", "wind_cf", "solar_cf"):
        np.testing.assert_array_equal(some[name].sel(zone="TX_N").values, hours[name].sel(zone="TX_N").values)


def test_shape_units_and_rounding(zones: pd.DataFrame, hours: xr.Dataset) -> None:
    assert dict(hours.sizes) == {"time": 8760, "zone": len(zones)}
    assert hours["price"].attrs["units"] == "USD MWh-1"
    assert all(hours[name].attrs["long_name"] for name in hours.data_vars)
    assert np.isfinite(hours.to_array().values).all()
    for name, digits in (("price", 2), ("demand", 1), ("wind_cf", 4), ("solar_cf", 4)):
        np.testing.assert_array_equal(hours[name].values, np.round(hours[name].values, digits))


def test_levels_of_the_zone_table_are_met(zones: pd.DataFrame, hours: xr.Dataset) -> None:
    table = zones.set_index("zone")
    price = hours["price"].mean("time").to_series()
    demand = hours["demand"].mean("time").to_series()
    np.testing.assert_allclose(price, table["price_level_usd_per_mwh"], atol=0.01)
    np.testing.assert_allclose(demand, table["load_mean_mw"], rtol=1e-3)
    peak = hours["demand"].max("time").to_series() / table["peak_mw"]
    assert peak.between(0.9, 1.5).all()


def test_capacity_factors_are_fractions_and_nights_are_dark(hours: xr.Dataset) -> None:
    for name in ("wind_cf", "solar_cf"):
        assert float(hours[name].min()) >= 0 and float(hours[name].max()) <= 1
    by_hour = hours["solar_cf"].groupby("time.hour").max()
    assert float(by_hour.sel(hour=[7, 8], zone=["NY_W", "CA_S", "TX_W"]).max()) == 0.0
    assert float(by_hour.sel(hour=18, zone="TX_W")) > 0.5


def test_zones_without_wind_are_named(zones: pd.DataFrame, hours: xr.Dataset) -> None:
    empty = zones.loc[zones["wind_profile"] == "", "zone"].tolist()
    assert hours.attrs["zones_without_wind"] == ",".join(empty)
    assert float(hours["wind_cf"].sel(zone=empty).sum()) == 0.0
    assert hours.attrs["zones_without_solar"] == ""


def test_prices_have_the_bundled_statistics(hubs: list[pd.DataFrame]) -> None:
    reference = read_statistics("price_reference")
    real = reference[reference["years"] == "2023-2024"].set_index("hub").drop(columns="years")
    assert_calibrated(measured(hubs).drop(index="ERCOT.Panhandle"), real)


def test_prices_have_the_bundled_correlation(hubs: list[pd.DataFrame]) -> None:
    real = read_statistics("price_correlation").set_index("hub")
    made = np.mean([run[real.columns].corr().to_numpy() for run in hubs], axis=0)
    error = np.abs(pairs(made) - pairs(real.to_numpy(dtype=float)))
    assert np.median(error) < 0.05
    assert np.quantile(error, 0.9) < 0.15


def test_wind_has_the_bundled_quantiles() -> None:
    made = wind_series(2026)
    table = read_statistics("wind_quantiles")
    for profile in ("ERC_WEST", "WEC_CALN", "MIS_IA"):
        real = table[table["profile"] == profile]
        month = standard_time().month.to_numpy()
        for m in (1, 7):
            middle = float(real.loc[real["month"] == m, "q0.5"].iloc[0])
            assert np.median(made[profile][month == m]) == pytest.approx(middle, abs=0.01)


def test_prices_rise_with_demand(hours: xr.Dataset) -> None:
    for zone in ("PA_E", "OK", "CA_N"):
        price, demand = hours["price"].sel(zone=zone), hours["demand"].sel(zone=zone)
        assert np.corrcoef(price, demand)[0, 1] > 0.1


def test_prices_match_real_hours(hubs: list[pd.DataFrame], root: Path, script: Callable[[str], ModuleType]) -> None:
    folder = root.parent / "shared" / "data" / "lmp"
    if not folder.is_dir():
        pytest.skip("real hours are not on this machine")
    frames = [pd.read_parquet(folder / f"rt_lmp_8760_{year}_filled.parquet") for year in (2023, 2024)]
    names = [name for name in frames[1].columns if name in frames[0].columns and name != "ERCOT.Panhandle"]
    real = measured([pd.concat([f[names] for f in frames]).iloc[i * 8760 : (i + 1) * 8760] for i in (0, 1)])
    pooled = pd.concat([f[names] for f in frames])
    for key, share in (("p05", 0.05), ("p95", 0.95), ("p995", 0.995)):
        real[key] = pooled.quantile(share)
    days = pooled.to_numpy().reshape(-1, 24, len(names))
    real["daily_spread"] = np.median(days.max(axis=1) - days.min(axis=1), axis=0)
    assert_calibrated(measured([run[names] for run in hubs]), real)


def test_memory_components_have_their_autocorrelation() -> None:
    paths = dict(zip(COMPONENTS, memory_paths(np.random.Generator(np.random.PCG64(1)), 40), strict=True))
    for name, (tau, period) in COMPONENTS.items():
        if tau > 300:
            continue
        for lag in (1, 6, 24):
            value = float(np.mean(paths[name][lag:] * paths[name][:-lag]))
            wave = np.cos(2 * np.pi * lag / period) if period else 1.0
            expected = np.exp(-lag / tau) * wave if tau > 0 else 0.0
            assert value == pytest.approx(expected, abs=0.06), (name, lag)


def test_factor_series_have_unit_variance_and_their_correlation() -> None:
    loadings = np.array([[0.9], [0.9], [0.0]])
    weights = np.zeros((3, len(COMPONENTS)))
    weights[:, 1] = 1.0
    series = correlated_series(np.random.Generator(np.random.PCG64(3)), loadings, weights)
    np.testing.assert_allclose(series.std(axis=0), 1.0, atol=0.05)
    made = np.corrcoef(series.T)
    assert made[0, 1] == pytest.approx(0.81, abs=0.03)
    assert made[0, 2] == pytest.approx(0.0, abs=0.06)


def test_ranks_and_quantiles_by_hand() -> None:
    values = np.array([[3.0], [1.0], [2.0], [9.0], [8.0]])
    group = np.array([0, 0, 0, 1, 1])
    probability = ranks_to_probabilities(values, group)
    np.testing.assert_allclose(probability[:, 0], [5 / 6, 1 / 6, 0.5, 0.75, 0.25])
    table = np.array([[[0.0, 12.0], [100.0, 200.0]]])
    np.testing.assert_allclose(apply_quantiles(probability, group, table, (0.0, 1.0))[:, 0], [10, 2, 6, 175, 125])


@pytest.mark.parametrize(
    ("entry", "weights"),
    [
        ("PJM.RTO", {"PJM.RTO": 1.0}),
        ("NYISO.J - New York City", {"NYISO.J - New York City": 1.0}),
        ("SPP.North Hub 0.5/0.5 CAISO.NP-15", {"SPP.North Hub": 0.5, "CAISO.NP-15": 0.5}),
        ("PJM.RTO 0.25/0.75 MISO.Texas Hub", {"PJM.RTO": 0.25, "MISO.Texas Hub": 0.75}),
    ],
)
def test_price_hub_entries(entry: str, weights: dict[str, float]) -> None:
    assert hub_weights(entry) == pytest.approx(weights)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price_hub", "PJM.RT0"),
        ("wind_profile", "NOWHERE"),
        ("solar_profile", "NOWHERE"),
        ("zone", "ZZ"),
        ("price_level_usd_per_mwh", -3.0),
        ("load_mean_mw", float("nan")),
    ],
)
def test_a_bad_zone_row_is_named(zones: pd.DataFrame, field: str, value: object) -> None:
    broken = zones.head(2).copy()
    broken[field] = broken[field].astype(object)
    broken.loc[1, field] = value
    with pytest.raises(InputError) as caught:
        generate_hours(broken, 1)
    assert caught.value.field == field
    assert caught.value.row == 3


def test_a_spoiled_statistics_table_is_named(zones: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "hours"
    folder.mkdir()
    frame = read_statistics("price_scale").copy()
    frame["h05"] = frame["h05"].astype(object)
    frame.loc[3, "h05"] = "n/a"
    frame.to_csv(folder / "price_scale.csv", index=False)
    with pytest.raises(InputError) as caught:
        generate_hours(zones.head(1), 1, tmp_path)
    assert (caught.value.field, caught.value.row, caught.value.value) == ("h05", 5, "n/a")


def test_statistics_rows_in_disorder_are_refused(zones: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "hours"
    folder.mkdir()
    read_statistics("wind_scale").iloc[1:].to_csv(folder / "wind_scale.csv", index=False)
    with pytest.raises(InputError, match="season"):
        generate_hours(zones.head(1), 1, tmp_path)
