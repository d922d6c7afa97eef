"""The bundled tables are right, and every bad table is refused by file, row and field."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from grid_opt.errors import ExitCode, InputError
from grid_opt.inputs.schema_tables import TABLES
from grid_opt.inputs.tables import check_tables, inputs_sha256, read_table, read_tables
from grid_opt.resources import data_dir


def lines_of(name: str) -> list[str]:
    return (data_dir() / f"{name}.csv").read_text(encoding="utf-8").splitlines()


def changed(folder: Path, name: str, field: str, value: str, row: int = 3) -> Path:
    """Write a copy of a bundled table with one cell changed; ``row`` counts the header as 1."""
    frame = pd.read_csv(data_dir() / f"{name}.csv", dtype=str, keep_default_na=False)
    frame.loc[row - 2, field] = value
    frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def refused(folder: Path, name: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read_table(name, folder)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert caught.value.file == str(folder / f"{name}.csv")
    return caught.value


def test_bundled_tables_fit_together() -> None:
    tables = read_tables()
    check_tables(tables)
    rows = {name: len(table) for name, table in tables.items()}
    assert rows == {
        "zones": 90,
        "regions": 40,
        "links": 195,
        "headroom": 480,
        "surplus": 540,
        "capacity_prices": 48,
        "gas_outlook": 117,
        "wholesale_outlook": 1170,
        "basis": 90,
        "offers": 12,
        "calendar": 14,
        "relief": 3,
        "upgrades": 4,
        "emissions": 200,
        "emission_shapes": 144,
        "environment": 40,
        "cooling": 3,
        "ppa_offers": 13,
        "forward_blocks": 4,
        "onsite_technologies": 5,
        "region_tariffs": 40,
    }


def test_kinds_are_those_declared() -> None:
    for name, table in TABLES.items():
        frame = read_table(name)
        assert list(frame.columns) == [column.name for column in table.columns]
        for column in table.columns:
            kind = frame[column.name].dtype.kind
            assert kind == {"float": "f", "int": "i"}.get(column.kind, kind), (name, column.name)


def test_three_interconnections_are_each_connected_by_ac_links() -> None:
    zones, links = read_table("zones"), read_table("links")
    group = {zone: zone for zone in zones["zone"]}

    def root(zone: str) -> str:
        while group[zone] != zone:
            zone = group[zone]
        return zone

    alternating = links[links["kind"] == "AC"]
    for start, end in zip(alternating["from_zone"], alternating["to_zone"], strict=True):
        group[root(start)] = root(end)
    parts = zones.assign(part=[root(zone) for zone in zones["zone"]]).groupby("part")["interconnect"].unique()
    assert sorted(str(part[0]) for part in parts) == ["eastern", "texas", "western"]


def test_ercot_stays_below_the_batch_study_before_2028() -> None:
    offers, rules = read_table("offers").set_index("offer"), read_table("calendar").set_index("rule")["quarter"]
    assert offers.loc["ercot_below_75", ["regime", "threshold_mw", "most_mw"]].tolist() == ["below", 75.0, 74.9]
    assert rules[offers.loc["ercot_batch", "starts_with"]] == "2028Q1"
    assert offers.loc["ercot_batch", "regime"] == "from"


def test_total_headroom_leaves_a_choice_but_not_every_choice() -> None:
    total = read_table("headroom").groupby("quarter")["headroom_mw"].sum()
    assert 2 * 375 < total["2027Q4"] < 4 * 375
    assert 3 * 750 < total["2028Q4"] < 6 * 750


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf", "1e999"])
def test_nan_and_infinity(tmp_path: Path, value: str) -> None:
    error = refused(changed(tmp_path, "zones", "price_level_usd_per_mwh", value, row=5), "zones")
    assert (error.row, error.field) == (5, "price_level_usd_per_mwh")
    assert "not a finite number" in str(error)


def test_thousands_comma(tmp_path: Path) -> None:
    error = refused(changed(tmp_path, "zones", "peak_mw", "19,239", row=2), "zones")
    assert (error.row, error.field, error.value) == (2, "peak_mw", "19,239")
    assert "thousands comma" in str(error)
    assert "write 19239" in str(error)


def test_thousands_comma_that_splits_the_row(tmp_path: Path) -> None:
    lines = lines_of("headroom")
    lines[1] = "AL,2026Q1,1,234.5"
    (tmp_path / "headroom.csv").write_text("\n".join(lines))
    error = refused(tmp_path, "headroom")
    assert error.row == 2
    assert "thousands comma" in str(error)


@pytest.mark.parametrize("value", ["twelve", "12 MW", "1_000", "0x10", "--3"])
def test_not_a_number(tmp_path: Path, value: str) -> None:
    error = refused(changed(tmp_path, "headroom", "headroom_mw", value), "headroom")
    assert (error.row, error.field, error.value) == (3, "headroom_mw", value)


@pytest.mark.parametrize(
    ("name", "field", "value", "hint"),
    [
        ("zones", "price_level_usd_per_mwh", "0.0312", "looks like USD/kWh; multiply by 1000"),
        ("wholesale_outlook", "usd_per_mwh", "0.034", "looks like USD/kWh; multiply by 1000"),
        ("regions", "rider_usd_per_mwh", "0.004", "looks like USD/kWh; multiply by 1000"),
        ("capacity_prices", "usd_per_mw_day", "0.32917", "looks like USD/(kW day); multiply by 1000"),
        ("zones", "reserve_margin_fraction", "15", "looks like a percentage; divide by 100"),
        ("regions", "demand_charge_usd_per_kw_month", "8500", "USD/(MW month)"),
        ("zones", "peak_mw", "19239000", "looks like kW; divide by 1000"),
        ("regions", "pue_q1", "0.9", "never below 1"),
    ],
)
def test_unit_slips(tmp_path: Path, name: str, field: str, value: str, hint: str) -> None:
    error = refused(changed(tmp_path, name, field, value), name)
    assert (error.row, error.field) == (3, field)
    assert hint in str(error)


def test_no_capacity_market_is_no_unit_slip(tmp_path: Path) -> None:
    frame = read_table("capacity_prices", changed(tmp_path, "capacity_prices", "usd_per_mw_day", "0"))
    assert frame["usd_per_mw_day"][1] == 0.0


def test_negative_power(tmp_path: Path) -> None:
    error = refused(changed(tmp_path, "surplus", "surplus_mw", "-5"), "surplus")
    assert (error.row, error.field, error.value) == (3, "surplus_mw", -5.0)


def test_duplicate_region(tmp_path: Path) -> None:
    error = refused(changed(tmp_path, "regions", "region", "AL"), "regions")
    assert (error.row, error.field, error.value) == (3, "region", "AL")
    assert "duplicate region" in str(error)
    assert "row 2" in str(error)


@pytest.mark.parametrize("value", ["NA", "NaN", "null", "None", "n/a", ""])
@pytest.mark.parametrize(("name", "field"), [("regions", "region"), ("zones", "zone"), ("links", "to_zone")])
def test_region_named_like_a_missing_value(tmp_path: Path, name: str, field: str, value: str) -> None:
    error = refused(changed(tmp_path, name, field, value), name)
    assert (error.row, error.field) == (3, field)
    assert "cannot be the name of a" in str(error)


def test_missing_column(tmp_path: Path) -> None:
    pd.read_csv(data_dir() / "headroom.csv").drop(columns="headroom_mw").to_csv(tmp_path / "headroom.csv", index=False)
    error = refused(tmp_path, "headroom")
    assert (error.row, error.field) == (1, "headroom_mw")
    assert "missing column" in str(error)


def test_misspelled_column_gets_the_nearest_name(tmp_path: Path) -> None:
    text = "\n".join(lines_of("headroom")).replace("headroom_mw", "headrom_mw")
    (tmp_path / "headroom.csv").write_text(text)
    error = refused(tmp_path, "headroom")
    assert (error.row, error.field) == (1, "headrom_mw")
    assert "did you mean headroom_mw?" in str(error)


def test_column_twice(tmp_path: Path) -> None:
    (tmp_path / "headroom.csv").write_text("region,quarter,headroom_mw,quarter\nAL,2026Q1,1,2026Q1\n")
    assert "there twice" in str(refused(tmp_path, "headroom"))


def test_swapped_latitude_and_longitude(tmp_path: Path) -> None:
    frame = pd.read_csv(data_dir() / "zones.csv", dtype=str, keep_default_na=False)
    frame.loc[1, ["latitude_deg", "longitude_deg"]] = frame.loc[1, ["longitude_deg", "latitude_deg"]].to_numpy()
    frame.to_csv(tmp_path / "zones.csv", index=False)
    error = refused(tmp_path, "zones")
    assert (error.row, error.field) == (3, "latitude_deg")
    assert "latitude and longitude look swapped" in str(error)


def test_empty_cell(tmp_path: Path) -> None:
    error = refused(changed(tmp_path, "headroom", "headroom_mw", ""), "headroom")
    assert (error.row, error.field) == (3, "headroom_mw")
    assert "empty cell" in str(error)


def test_bad_quarter_and_choice(tmp_path: Path) -> None:
    assert refused(changed(tmp_path, "headroom", "quarter", "2026-Q1"), "headroom").field == "quarter"
    error = refused(changed(tmp_path, "links", "kind", "HVDC"), "links")
    assert error.expected == "one of AC, B2B"


def test_short_row_and_broken_quote(tmp_path: Path) -> None:
    lines = lines_of("headroom")
    (tmp_path / "headroom.csv").write_text("\n".join([*lines[:4], "AL,2026Q4", *lines[5:]]))
    assert refused(tmp_path, "headroom").row == 5
    (tmp_path / "headroom.csv").write_text("\n".join([*lines[:4], 'AL,"2026Q4,3', *lines[5:]]))
    assert "not CSV" in str(refused(tmp_path, "headroom"))


def test_not_utf8(tmp_path: Path) -> None:
    text = (data_dir() / "zones.csv").read_bytes().replace(b"Alabama", "Álabama".encode("latin-1"), 1)
    (tmp_path / "zones.csv").write_bytes(text)
    error = refused(tmp_path, "zones")
    assert error.row == 2
    assert "UTF-8" in str(error)


def test_byte_order_mark_and_windows_line_ends_are_welcome(tmp_path: Path) -> None:
    text = (data_dir() / "headroom.csv").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "headroom.csv").write_bytes(b"\xef\xbb\xbf" + text)
    pd.testing.assert_frame_equal(read_table("headroom", tmp_path), read_table("headroom"))


def test_empty_file_and_header_only(tmp_path: Path) -> None:
    (tmp_path / "headroom.csv").write_text("")
    assert "empty" in str(refused(tmp_path, "headroom"))
    (tmp_path / "headroom.csv").write_text("region,quarter,headroom_mw\n")
    assert "no rows" in str(refused(tmp_path, "headroom"))


def test_missing_folder_unknown_table_and_misspelled_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_table("zones", tmp_path / "nowhere")
    with pytest.raises(InputError, match="did you mean zones"):
        read_table("zone")
    (tmp_path / "headrooms.csv").write_text("region,quarter,headroom_mw\nAL,2026Q1,1\n")
    with pytest.raises(InputError, match=r"rename it to headroom\.csv"):
        read_table("headroom", tmp_path)


def test_a_table_in_the_folder_replaces_the_bundled_one(tmp_path: Path) -> None:
    folder = changed(tmp_path, "headroom", "headroom_mw", "9.5", row=2)
    assert read_table("headroom", folder)["headroom_mw"][0] == 9.5
    assert len(read_table("zones", folder)) == 90
    hashes = inputs_sha256(folder)
    assert hashes["headroom.csv"] == hashlib.sha256((folder / "headroom.csv").read_bytes()).hexdigest()
    assert {name for name, value in inputs_sha256().items() if hashes[name] != value} == {"headroom.csv"}
    assert list(hashes) == sorted(hashes)
    assert "zones.geojson" in hashes


Spoil = Callable[[dict[str, pd.DataFrame]], None]


def drop(name: str, index: int) -> Spoil:
    def spoil(tables: dict[str, pd.DataFrame]) -> None:
        tables[name] = tables[name].drop(index=index).reset_index(drop=True)

    return spoil


def put(name: str, column: str, index: int, value: object) -> Spoil:
    def spoil(tables: dict[str, pd.DataFrame]) -> None:
        tables[name] = tables[name].copy()
        tables[name].loc[index, column] = value

    return spoil


def once_more(name: str, column: str, index: int, value: object) -> Spoil:
    """Repeat a row at the end, with another value."""

    def spoil(tables: dict[str, pd.DataFrame]) -> None:
        row = tables[name].iloc[[index]].assign(**{column: value})
        tables[name] = pd.concat([tables[name], row], ignore_index=True)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (once_more("gas_outlook", "year", 0, 2040), ["leaves out 2036", "row 119", "East_North_Central"]),
        (once_more("wholesale_outlook", "year", 0, 2037), ["leaves out 2036", "AL", "wholesale_outlook.csv"]),
        (once_more("capacity_prices", "delivery_year", 0, "2032/33"), ["leaves out 2029", "PJM", "row 50"]),
        (once_more("surplus", "year", 0, 2031), ["leaves out 2029", "AL, summer"]),
        (drop("headroom", 4), ["missing quarter", "AL, 2027Q1", "headroom.csv"]),
        (drop("surplus", 0), ["missing stress", "AL, 2026, summer", "surplus.csv"]),
        (drop("gas_outlook", 0), ["missing year", "East_North_Central, 2023"]),
        (drop("capacity_prices", 0), ["missing delivery_year", "PJM, 2025/26"]),
        (drop("wholesale_outlook", 12), ["missing year", "AL, 2035"]),
        (drop("regions", 0), ["unknown region", "headroom.csv"]),
        (put("regions", "region", 0, "AK"), ["unknown region", "row 2", "'AK'", "regions.csv"]),
        (put("links", "to_zone", 1, "GA_M"), ["unknown to_zone", "row 3", "did you mean GA_"]),
        (put("regions", "capacity_zone", 2, "PJN"), ["unknown capacity_zone", "row 4", "did you mean PJM"]),
        (put("headroom", "headroom_mw", 8, 0.0), ["falls with time", "row 10", "AL 2028Q1"]),
        (put("zones", "is_candidate", 0, 0), ["not a candidate", "row 2"]),
        (put("zones", "is_candidate", 1, 1), ["candidate zone has no row", "AR_MISO"]),
        (put("zones", "load_mean_mw", 0, 1e5), ["mean load is above the peak", "row 2"]),
        (put("links", "to_zone", 0, "AL"), ["joins a zone to itself", "row 2"]),
        (put("links", "susceptance_mw_per_rad", 0, 0.0), ["AC link needs a susceptance", "row 2"]),
    ],
)
def test_tables_that_do_not_fit_together(spoil: Spoil, words: list[str]) -> None:
    tables = read_tables()
    spoil(tables)
    with pytest.raises(InputError) as caught:
        check_tables(tables)
    for word in words:
        assert word in str(caught.value)


def test_a_pair_of_zones_only_once_whatever_its_direction() -> None:
    tables = read_tables()
    links = tables["links"].copy()
    links.loc[1, ["from_zone", "to_zone"]] = [links.loc[0, "to_zone"], links.loc[0, "from_zone"]]
    tables["links"] = links
    with pytest.raises(InputError, match="duplicate link: the pair is already in row 2"):
        check_tables(tables)
