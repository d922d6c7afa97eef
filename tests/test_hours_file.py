"""Real hours from files: what is read, and how everything that is not one good year is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from grid_opt.errors import InputError
from grid_opt.inputs.hours_file import read_hours

ZONES = ["TX_N", "OH_N"]
YEAR = pd.date_range("2023-01-01", periods=8760, freq="h", tz="UTC")


def prices(time: pd.DatetimeIndex, factor: float = 1.0) -> np.ndarray:
    return np.round(factor * (30 + 10 * np.sin(time.hour.to_numpy() / 4) + time.dayofyear.to_numpy() / 50), 2)


def long_frame(time: pd.DatetimeIndex = YEAR) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"time": time, "zone": zone, "price": prices(time, 1 + k / 10)}) for k, zone in enumerate(ZONES)
    ]
    return pd.concat(parts, ignore_index=True)


def write(folder: Path, frame: pd.DataFrame, name: str = "hours.csv") -> Path:
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def refused(path: Path, zones: list[str] | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read_hours(path, ZONES if zones is None else zones)
    assert caught.value.file == str(path)
    return caught.value


def netcdf(folder: Path, **names: str) -> tuple[Path, xr.Dataset]:
    time = YEAR.tz_localize(None)
    data = np.stack([prices(YEAR), prices(YEAR, 1.1)], axis=1)
    dims = (names.get("time", "time"), names.get("zone", "region"))
    dataset = xr.Dataset(
        {
            names.get("price", "lmp"): (dims, data),
            "demand": (dims, data * 100),
            "wind_cf": (dims, data / 100),
            "solar_cf": (dims, data / 100),
        },
        coords={dims[0]: time, dims[1]: ZONES},
    )
    path = folder / "hours.nc"
    dataset.to_netcdf(path)
    return path, dataset


def test_long_csv_round_trip(tmp_path: Path) -> None:
    hours = read_hours(write(tmp_path, long_frame()), ZONES)
    assert dict(hours.sizes) == {"time": 8760, "zone": 2}
    np.testing.assert_array_equal(hours["price"].sel(zone="TX_N").values, prices(YEAR))
    np.testing.assert_array_equal(hours["price"].sel(zone="OH_N").values, prices(YEAR, 1.1))
    assert hours["price"].attrs["units"] == "USD MWh-1"
    assert hours.attrs["missing_variables"] == "demand,wind_cf,solar_cf"


def test_wide_csv_and_order_of_zones(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": YEAR.strftime("%Y-%m-%dT%H:%M:%SZ"), "TX_N": prices(YEAR), "OH_N": 50.0, "X": 1})
    hours = read_hours(write(tmp_path, frame), ["OH_N", "TX_N"])
    assert hours["zone"].values.tolist() == ["OH_N", "TX_N"]
    assert (hours["price"].sel(zone="OH_N") == 50).all()
    np.testing.assert_array_equal(hours["price"].sel(zone="TX_N").values, prices(YEAR))


def test_gridstatus_csv_of_a_local_leap_year(tmp_path: Path) -> None:
    # one local year of 2024: 8784 hours, offsets -06:00 and -05:00, its end lies in 2025 in UTC
    local = pd.date_range("2024-01-01", "2024-12-31 23:00", freq="h", tz="America/Chicago")
    utc = local.tz_convert("UTC")
    parts = [
        pd.DataFrame(
            {
                "Time": [t.isoformat(sep=" ") for t in local],
                "Interval Start": [t.isoformat(sep=" ") for t in local],
                "Interval End": [(t + pd.Timedelta("1h")).isoformat(sep=" ") for t in local],
                "Market": "REAL_TIME_HOURLY",
                "Location": zone,
                "Location Type": "Trading Hub",
                "LMP": prices(utc),
                "Energy": 1.0,
            }
        )
        for zone in [*ZONES, "HB_OTHER"]
    ]
    hours = read_hours(write(tmp_path, pd.concat(parts)), ZONES)
    expected = pd.Series(prices(utc), index=utc)
    expected = expected[~((utc.month == 2) & (utc.day == 29))]
    for text, position in (
        ("2024-07-01T15:00Z", 181 * 24 + 15),
        ("2025-01-01T03:00Z", 3),
        ("2024-03-01T00:00Z", 59 * 24),
    ):
        assert float(hours["price"].sel(zone="TX_N")[position]) == expected[pd.Timestamp(text)]


def test_demand_and_capacity_factors_of_a_long_csv(tmp_path: Path) -> None:
    frame = long_frame().assign(demand=1000, wind_cf=0.3)
    hours = read_hours(write(tmp_path, frame), ZONES)
    assert (hours["demand"] == 1000).all() and (hours["wind_cf"] == 0.3).all()
    assert hours.attrs["missing_variables"] == "solar_cf"


def test_only_the_zones_asked_for_are_judged(tmp_path: Path) -> None:
    frame = long_frame()
    frame["price"] = frame["price"].astype(object)
    frame.loc[frame["zone"] == "OH_N", "price"] = "broken"
    assert read_hours(write(tmp_path, frame), ["TX_N"]).sizes["zone"] == 1


def test_a_zone_named_na_is_a_zone(tmp_path: Path) -> None:
    frame = long_frame().replace({"zone": {"OH_N": "NA"}})
    assert read_hours(write(tmp_path, frame), ["NA"])["zone"].values.tolist() == ["NA"]


@pytest.mark.parametrize("names", [{}, {"zone": "zone", "price": "price"}])
def test_netcdf_round_trip(tmp_path: Path, names: dict[str, str]) -> None:
    path, dataset = netcdf(tmp_path, **names)
    hours = read_hours(path, ZONES[::-1])
    original = dataset[names.get("price", "lmp")].values
    np.testing.assert_array_equal(hours["price"].sel(zone="OH_N").values, original[:, 1])
    np.testing.assert_array_equal(hours["demand"].sel(zone="TX_N").values, original[:, 0] * 100)
    assert hours.attrs["missing_variables"] == ""


def test_the_fixture_of_real_hours(root: Path) -> None:
    path = root.parent / "shared" / "data" / "derived" / "region_hourly_z90.nc"
    if not path.is_file():
        pytest.skip("real hours are not on this machine")
    hours = read_hours(path, ["TX_N", "CA_N", "PA_E"])
    assert 20 < float(hours["price"].mean()) < 60
    assert float(hours["demand"].min()) > 0


def test_a_zone_without_any_wind_is_named_and_counts_as_zero(tmp_path: Path) -> None:
    path, dataset = netcdf(tmp_path)
    dataset["wind_cf"][:, 1] = np.nan
    dataset["demand"][:, 1] = np.nan
    dataset.to_netcdf(path.with_name("calm.nc"))
    hours = read_hours(path.with_name("calm.nc"), ZONES)
    assert hours.attrs["zones_without_wind"] == "OH_N"
    assert float(hours["wind_cf"].sel(zone="OH_N").max()) == 0.0
    assert hours.attrs["missing_variables"] == "demand"


Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def _set(column: str, row: int, value: object) -> Spoil:
    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    return spoil


@pytest.mark.parametrize(
    ("spoil", "field", "row", "words"),
    [
        (_set("price", 41, "nan"), "price", 43, "not a finite number"),
        (_set("price", 41, "inf"), "price", 43, "not a finite number"),
        (_set("price", 41, "1,234.5"), "price", 43, "thousands"),
        (_set("price", 41, ""), "price", 43, "empty"),
        (_set("price", 41, "abc"), "price", 43, "not a number"),
        (_set("price", 41, 99999.0), "price", 43, "outside the bounds"),
        (_set("time", 41, "yesterday"), "time", 43, "not a time"),
        (lambda f: f.drop(index=100), "time", None, "2023-01-05T04:00"),
        (lambda f: pd.concat([f, f.iloc[[77]]]), "time", 17522, "twice"),
        (lambda f: f.assign(price=f["price"] / 1000), "price", None, "USD/kWh"),
        (lambda f: f.assign(price=f["price"] * 1000), "price", None, "bounds"),
        (lambda f: f.assign(price=f["price"] * 100), "price", None, "cents"),
        (lambda f: f[f["zone"] == "TX_N"], "zone", None, "OH_N"),
        (lambda f: f.assign(zone="HB_" + f["zone"]), "zone", None, "column named zone"),
        (lambda f: f.assign(time=f["time"] + pd.Timedelta("30min")), "time", 2, "begin on the hour"),
        (lambda f: f.iloc[::3], "time", None, "180 minutes"),
        (lambda f: f.assign(time=f["time"].where(f.index != 5, f["time"].iloc[4])), "time", 7, "twice"),
        (lambda f: f.assign(wind_cf=30), "wind_cf", 2, "percent"),
        (lambda f: f.assign(demand=-1), "demand", 2, "outside the bounds"),
        (lambda f: f.head(0), None, None, "no rows"),
        (lambda f: f.rename(columns={"time": "when"}), "header", 1, "no time column"),
        (lambda f: f.rename(columns={"time": "Interval End"}), "Interval End", 1, "end of an hour"),
        (lambda f: f.rename(columns={"zone": "where", "price": "cost"}), "header", 1, "neither"),
    ],
)
def test_bad_csv_is_refused(tmp_path: Path, spoil: Spoil, field: str | None, row: int | None, words: str) -> None:
    error = refused(write(tmp_path, spoil(long_frame())))
    assert error.field == field
    if row is not None:
        assert error.row == row
    assert words in str(error)


def test_unquoted_thousands_comma(tmp_path: Path) -> None:
    path = write(tmp_path, long_frame())
    lines = path.read_text().splitlines()
    lines[10] = lines[10].rsplit(",", 1)[0] + ",1,234.5"
    path.write_text("\n".join(lines))
    assert "thousands" in str(refused(path))


def test_five_minute_prices_are_refused_with_the_way_out(tmp_path: Path) -> None:
    time = pd.date_range("2023-01-01", periods=8760, freq="5min", tz="UTC")
    error = refused(write(tmp_path, long_frame(time)))
    assert "5 minutes" in error.problem and "resample" in str(error.fix)


def test_local_clock_time_without_offset_is_refused(tmp_path: Path) -> None:
    local = pd.date_range("2023-01-01 06:00", periods=8760, freq="h", tz="UTC").tz_convert("America/Chicago")
    frame = long_frame(local)
    frame["time"] = [str(t)[:19] for t in frame["time"]]
    error = refused(write(tmp_path, frame))
    assert "2023-11-05T01:00" in error.problem and "offset" in str(error.fix)


def test_two_years_are_refused(tmp_path: Path) -> None:
    time = pd.date_range("2022-01-01", periods=2 * 8760, freq="h", tz="UTC")
    assert "more than one year" in refused(write(tmp_path, long_frame(time))).problem


def test_a_wide_csv_with_a_hole_names_row_and_zone(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": YEAR, "TX_N": prices(YEAR), "OH_N": prices(YEAR)})
    frame.loc[7, "OH_N"] = np.nan
    error = refused(write(tmp_path, frame))
    assert (error.field, error.row) == ("OH_N", 9)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("hours.csv", b"", "empty"),
        ("hours.csv", b"time,zone,price\n\xff\xfe\x00", "UTF-8"),
        ("hours.nc", b"not netcdf", "NetCDF"),
        ("hours.xlsx", b"x", "unknown kind"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert words in refused(path).problem


def test_a_missing_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.nc").field == "energy.hours_file"


def spoiled_netcdf(folder: Path, change: Callable[[xr.Dataset], xr.Dataset]) -> Path:
    path, dataset = netcdf(folder)
    other = path.with_name("spoiled.nc")
    change(dataset).to_netcdf(other)
    return other


def test_bad_netcdf_is_refused(tmp_path: Path) -> None:
    def nan(dataset: xr.Dataset) -> xr.Dataset:
        dataset["lmp"][5, 1] = np.nan
        return dataset

    error = refused(spoiled_netcdf(tmp_path, nan))
    assert (error.field, error.row) == ("price", "2023-01-01T05:00")
    cases: list[tuple[Callable[[xr.Dataset], xr.Dataset], str]] = [
        (lambda d: d.drop_vars("lmp"), "price"),
        (lambda d: d.isel(region=[0]), "zone"),
        (lambda d: d.isel(region=[0, 0, 1]), "zone"),
        (lambda d: d.isel(time=slice(0, 8000)), "time"),
        (lambda d: d.rename(time="hour"), "time"),
        (lambda d: d.assign(lmp=d["lmp"].expand_dims(scenario=2)), "lmp"),
        (lambda d: d.assign_coords(time=np.arange(8760)), "time"),
    ]
    for change, field in cases:
        assert refused(spoiled_netcdf(tmp_path, change)).field == field
