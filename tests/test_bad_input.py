"""Every bad input is refused on the command line by file, row, field and a way to mend it, and nothing is written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from grid_opt.cli.app import app
from grid_opt.errors import InputError
from grid_opt.inputs.schema_tables import TABLES
from grid_opt.resources import data_dir, models_dir
from tests.spoil import Spoil, both, case_text, cell, hours, outline, put, raw, swapped, table, write

NO_TERMINAL = {"TERM": "dumb"}


@dataclass(frozen=True)
class Bad:
    """One way to spoil a case folder, and where and how it must be refused."""

    spoil: Spoil
    file: str
    row: int | str | None
    field: str
    words: tuple[str, ...]
    set_: tuple[str, ...] = ()


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=NO_TERMINAL)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a case folder with tables of its own: the quick case, sound as it is."""
    quick = (models_dir() / "cases" / "quick.toml").read_text(encoding="utf-8")
    (tmp_path / "case.toml").write_text(quick + '\n[data]\ntables_dir = "tables"\n', encoding="utf-8")
    (tmp_path / "tables").mkdir()
    return tmp_path


@pytest.fixture
def earlier_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with the files of an earlier run, which must stay as they are."""
    out = tmp_path_factory.mktemp("earlier")
    for name in ("plan.nc", "plan.gpkg", "map.png", "map.html", "summary.json", "run.log"):
        (out / name).write_text(f"{name} of an earlier run")
    return out


def line_of(text: str) -> int:
    """Return the line of the case file on which ``text`` stands."""
    quick = (models_dir() / "cases" / "quick.toml").read_text(encoding="utf-8")
    return next(i for i, line in enumerate(quick.splitlines(), start=1) if text in line)


ZONES, HOURS, CASE = "tables/zones.csv", "hours.csv", "case.toml"
PRICE_LEVEL = "price_level_usd_per_mwh"
BOW_TIE = [[-100.0, 40.0], [-99.0, 41.0], [-99.0, 40.0], [-100.0, 41.0], [-100.0, 40.0]]
TURNED = [[40.0, -100.0], [41.0, -100.0], [41.0, -99.0], [40.0, -100.0]]
KANSAS = json.loads((data_dir() / "zones.geojson").read_text(encoding="utf-8"))["features"]
KANSAS_ROW = f"feature {[f['properties']['zone'] for f in KANSAS].index('KS') + 1} (zone KS)"
LAST_LINE = len((models_dir() / "cases" / "quick.toml").read_text(encoding="utf-8").splitlines()) + 3

BAD = {
    # prices
    "nan price": Bad(cell("zones", PRICE_LEVEL, "NaN", 5), ZONES, 5, PRICE_LEVEL, ("not a finite number", "'NaN'")),
    "infinite price": Bad(cell("zones", PRICE_LEVEL, "inf"), ZONES, 3, PRICE_LEVEL, ("not a finite number",)),
    "nan price in an hour": Bad(hours(put("OK", 43, "nan")), HOURS, 43, "OK", ("not a finite number", "OK at")),
    "infinite price in an hour": Bad(hours(put("OK", 43, "inf")), HOURS, 43, "OK", ("not a finite number", "inf")),
    "infinite price in a long file": Bad(
        hours(put("LMP", 43, "-inf"), long=True), HOURS, 43, "LMP", ("not a finite number", "-inf")
    ),
    "infinite outlook": Bad(
        cell("gas_outlook", "usd_per_mmbtu", "1e999"), "tables/gas_outlook.csv", 3, "usd_per_mmbtu", ("not a finite",)
    ),
    # units
    "$/kWh as price level": Bad(
        cell("zones", PRICE_LEVEL, "0.0312"), ZONES, 3, PRICE_LEVEL, ("0.0312\n", "USD/kWh; multiply by 1000")
    ),
    "$/kWh in the hours": Bad(
        hours(lambda f: f.assign(OK=f["OK"] / 1000)), HOURS, "2 to 8761", "OK", ("0.03", "multiply by 1000")
    ),
    "$/kWh in long hours": Bad(
        hours(lambda f: f.assign(LMP=f["LMP"] / 1000), long=True), HOURS, "2 to 8761", "LMP", ("USD/kWh",)
    ),
    "$/kW-day of capacity": Bad(
        cell("capacity_prices", "usd_per_mw_day", "0.27"), "tables/capacity_prices.csv", 3, "usd_per_mw_day",
        ("USD/(kW day); multiply by 1000",),
    ),
    "$/MW-month of demand": Bad(
        cell("regions", "demand_charge_usd_per_kw_month", "8500"), "tables/regions.csv", 3,
        "demand_charge_usd_per_kw_month", ("8500", "USD/(MW month)", "divide by 1000"),
    ),
    "$/kWh of outlook": Bad(
        cell("wholesale_outlook", "usd_per_mwh", "0.04"), "tables/wholesale_outlook.csv", 3, "usd_per_mwh",
        ("USD/kWh; multiply by 1000",),
    ),
    "kW of headroom": Bad(
        cell("headroom", "headroom_mw", "77000"), "tables/headroom.csv", 3, "headroom_mw", ("kW; divide by 1000",)
    ),
    # names
    "duplicate region": Bad(
        cell("regions", "region", "AL"), "tables/regions.csv", 3, "region", ("duplicate region", "remove this row")
    ),
    "duplicate zone": Bad(cell("zones", "zone", "AL"), ZONES, 3, "zone", ("duplicate zone", "or row 2")),
    "a region named NA": Bad(
        cell("regions", "region", "NA"), "tables/regions.csv", 3, "region", ('"NA" cannot be the name', "N_A")
    ),
    "a region named NA in the case": Bad(
        case_text('"GA_N"', '"NA"'), CASE, line_of('"GA_N"'), "regions.include", ("missing value", "'NA'")
    ),
    "unknown region in the case": Bad(
        case_text('"GA_N"', '"GA_M"'), CASE, line_of('"GA_N"'), "regions.include", ("'GA_M'", "the nearest name is")
    ),
    "a region of the case twice": Bad(
        case_text('"GA_N"', '"OK"'), CASE, line_of('"GA_N"'), "regions.include", ("OK is named more than once",)
    ),
    "a link to an unknown zone": Bad(
        cell("links", "to_zone", "GA_NN"), "tables/links.csv", 3, "to_zone", ("'GA_NN'", "did you mean GA_N?")
    ),
    # numbers
    "thousands comma": Bad(cell("zones", "peak_mw", "19,239"), ZONES, 3, "peak_mw", ("write 19239",)),
    "thousands comma that splits a row": Bad(
        raw("headroom.csv", lambda b: b.replace(b"AL,2026Q1,0", b"AL,2026Q1,1,234.5")), "tables/headroom.csv", 2,
        "headroom_mw", ("4 cells", "thousands comma"),
    ),
    "thousands comma that splits an hour": Bad(
        both(
            hours(lambda f: f),
            lambda folder: (folder / HOURS).write_text((folder / HOURS).read_text().replace("30.0,", "3,0.0,", 1)),
        ),
        HOURS, 2, "", ("more cells than the header", "without thousands commas"),
    ),
    "thousands comma in an hour": Bad(hours(put("OK", 9, "1,234.5")), HOURS, 9, "OK", ("'1,234.5'", "write 1234.5")),
    "negative link limit": Bad(
        cell("links", "reverse_mw", "-5"), "tables/links.csv", 3, "reverse_mw", ("-5.0", "a number in MW from 0")
    ),
    "days that are no multiple of 4": Bad(
        case_text("\ndays = 4", "\ndays = 6"), CASE, line_of("days = 4"), "energy.days", ("a multiple of 4", "use 8")
    ),
    # hours
    "missing hour": Bad(
        hours(lambda f: f.drop(index=100)), HOURS, 101, "time", ("lacks 1 of 8760", "2023-01-05T04:00", "fill the gap")
    ),
    "missing hour in a long file": Bad(
        hours(lambda f: f.drop(index=8760 + 100), long=True), HOURS, 8861, "Interval Start", ("lacks 1 of 8760",)
    ),
    "first hour missing": Bad(hours(lambda f: f.drop(index=0)), HOURS, 2, "time", ("lacks 1", "T00:00")),
    "duplicate hour": Bad(
        hours(lambda f: pd.concat([f, f.iloc[[77]]])), HOURS, 8762, "time", ("2023-01-04T05:00:00 twice", "offset")
    ),
    "an hours file that is not there": Bad(
        case_text("[energy]", '[energy]\nhours_file = "none.csv"'), CASE, line_of("[energy]") + 1, "energy.hours_file",
        ("none.csv does not exist", "'none.csv'"),
    ),
    # keys
    "typo in a key": Bad(
        case_text("max_sites", "max_sitse"), CASE, line_of("max_sites"), "campus.max_sitse",
        ("did you mean 'max_sites'",),
    ),
    "typo in a section": Bad(
        case_text("[campus]", "[campsu]"), CASE, line_of("[campus]"), "campsu", ("did you mean 'campus'",)
    ),
    "typo in --set": Bad(
        lambda _: None, "--set", None, "campus.hal_mw", ("did you mean 'hall_mw'",), ("campus.hal_mw=12",)
    ),
    "thousands comma in --set": Bad(
        lambda _: None, "--set", None, "campus.max_campus_mw", ("'1,000'", "without quotes, spaces or thousands"),
        ("campus.max_campus_mw=1,000",),
    ),
    "tables_dir that is not there, by --set": Bad(
        lambda _: None, "--set", None, "data.tables_dir", ("does not exist", "'nowhere'"), ("data.tables_dir=nowhere",)
    ),
    "an accelerator that is not there": Bad(
        lambda _: None, "", None, "compute.accelerator", ("'cs4'", "cs3"), ("compute.accelerator=cs4",)
    ),
    "--set without a value": Bad(lambda _: None, "--set", None, "campus.hall_mw", ("key=value",), ("campus.hall_mw",)),
    # shapes
    "bow-tie": Bad(
        outline("KS", BOW_TIE), "tables/zones.geojson", KANSAS_ROW, "geometry", ("(a bow-tie)", "-99.5000", "QGIS")
    ),
    "swapped outline": Bad(
        outline("KS", TURNED), "tables/zones.geojson", KANSAS_ROW, "geometry", ("swapped", "[longitude, latitude]")
    ),
    "swapped center": Bad(table("zones", swapped), ZONES, 3, "latitude_deg", ("swapped", "exchange the two columns")),
    "an outline less": Bad(
        raw("zones.geojson", lambda b: json.dumps({"features": json.loads(b)["features"][1:]}).encode()),
        "tables/zones.geojson", None, "zone", ("missing zone: ", "add the outline"),
    ),
    # tables
    "a quarter of headroom less": Bad(
        table("headroom", lambda f: f.drop(index=4)), "tables/headroom.csv", 5, "region x quarter",
        ("no row for AL, 2027Q1", "add the row after"),
    ),
    "not UTF-8": Bad(
        raw("zones.csv", lambda b: b.replace(b"Alabama", "Álabama".encode("latin-1"), 1)), ZONES, 2, "",
        ("not UTF-8", "CSV UTF-8"),
    ),
    "an empty table": Bad(raw("links.csv", lambda _: b""), "tables/links.csv", 1, "", ("the file is empty", "remove")),
    "a header only": Bad(
        raw("links.csv", lambda b: b.splitlines(keepends=True)[0]), "tables/links.csv", 1, "", ("no rows", "remove")
    ),
    "a column less": Bad(
        table("headroom", lambda f: f.drop(columns="headroom_mw")), "tables/headroom.csv", 1, "headroom_mw",
        ("missing column", "add the column"),
    ),
    "a column more": Bad(
        table("headroom", lambda f: f.assign(note="x")), "tables/headroom.csv", 1, "note",
        ("unknown column", "remove the column"),
    ),
    "tables_dir that is not there": Bad(
        case_text('"tables"', '"tabels"'), CASE, LAST_LINE, "data.tables_dir", ("tabels does not exist", "leave")
    ),
    "a misspelled table": Bad(
        write("tables/Headrooms.CSV", b"region,quarter,headroom_mw\nAL,2026Q1,1\n"),
        "tables/Headrooms.CSV", None, "", ("would be ignored", "rename it to headroom.csv"),
    ),
    "a table with semicolons": Bad(
        raw("headroom.csv", lambda b: b.replace(b",", b";")), "tables/headroom.csv", 1, "region;quarter;headroom_mw",
        ("unknown column", "commas between the cells"),
    ),
    "misspelled statistics of hours": Bad(
        write("tables/hours/price_scales.csv", b""),
        "tables/hours/price_scales.csv", None, "", ("would be ignored", "did you mean price_scale.csv?"),
    ),
    "a hub without statistics": Bad(
        cell("zones", "price_hub", "MISO.Arkansas"), ZONES, 3, "price_hub", ("'MISO.Arkansas'", "MISO.Arkansas Hub?")
    ),
    "a case file that is not UTF-8": Bad(
        write(CASE, b"# 750 MW\n# \xff\n"), CASE, 2, "", ("UTF-8",)
    ),
    "a key of the case twice": Bad(
        case_text("max_sites = 5", "max_sites = 5\nmax_sites = 6"), CASE, line_of("max_sites") + 1, "",
        ("the key is there twice",),
    ),
    "a knob that is not finite": Bad(
        case_text("max_campus_mw = 100.0", "max_campus_mw = nan"), CASE, line_of("max_campus_mw"),
        "campus.max_campus_mw", ("nan\n", "a finite number"),
    ),
    "a number in quotes": Bad(
        case_text("max_campus_mw = 100.0", 'max_campus_mw = "100"'), CASE, line_of("max_campus_mw"),
        "campus.max_campus_mw", ("'100'\n", "without quotes"),
    ),
    "hours that are no gzip file": Bad(
        both(write("hours.csv.gz", b"time,OK"), case_text("[energy]", '[energy]\nhours_file = "hours.csv.gz"')),
        "hours.csv.gz", None, "", ("not a whole gzip file",),
    ),
    "statistics of hours that are not finite": Bad(
        raw("hours/price_scale.csv", lambda b: b.replace(b"0.97,", b"inf,", 1)), "tables/hours/price_scale.csv", 2,
        "h00", ("not a finite number",),
    ),
    "statistics of hours that are empty": Bad(
        raw("hours/price_scale.csv", lambda _: b""), "tables/hours/price_scale.csv", 1, "", ("the file is empty",)
    ),
    "statistics of hours that are not UTF-8": Bad(
        raw("hours/memory.csv", lambda b: b.replace(b"CAISO", b"CAIS\xd6")), "tables/hours/memory.csv", 2, "",
        ("not UTF-8",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_where_it_stands_and_nothing_is_written(
    name: str, folder: Path, earlier_plan: Path
) -> None:
    bad = BAD[name]
    bad.spoil(folder)
    before, plan = contents(folder), contents(earlier_plan)
    case = [str(folder / "case.toml"), *(part for text in bad.set_ for part in ("--set", text))]

    told = call("check", *case, "--json")
    assert told.exit_code == 2, told.output
    answer: dict[str, Any] = json.loads(told.stdout)
    file = bad.file if bad.file in ("--set", "") else str(folder / bad.file)
    assert (answer.get("file", ""), answer.get("row"), answer.get("field", "")) == (file, bad.row, bad.field)
    for word in bad.words:
        assert word in answer["error"]
    assert "to fix:" in answer["error"]
    assert "np." not in answer["error"]

    ran = call("run", *case, "--quiet", "--out", str(earlier_plan))
    assert ran.exit_code == 2
    assert ran.stderr == f"error: {answer['error']}\n"
    assert ran.stdout == ""
    assert contents(earlier_plan) == plan
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["negative link limit", "missing hour", "unknown region in the case"])
def test_a_refused_run_makes_no_folder(name: str, folder: Path) -> None:
    BAD[name].spoil(folder)
    assert call("run", str(folder / "case.toml"), "--quiet", "--out", str(folder / "new")).exit_code == 2
    assert not (folder / "new").exists()


def test_the_case_folder_is_sound_before_it_is_spoiled(folder: Path) -> None:
    for name in (table_.file for table_ in TABLES.values()):
        shutil.copy(data_dir() / name, folder / "tables" / name)
    hours(lambda frame: frame)(folder)
    told = call("check", str(folder / "case.toml"))
    assert told.exit_code == 0, told.output
    assert "read from hours.csv" in told.stdout


def test_a_target_above_all_headroom_is_infeasible_in_megawatts(folder: Path, earlier_plan: Path) -> None:
    case_text("2027Q4 = 150.0", "2027Q4 = 90000.0")(folder)
    plan = contents(earlier_plan)
    checked = call("check", str(folder / "case.toml"))
    assert checked.exit_code == 0, checked.output
    assert re.search(r"the target of 2027Q4 exceeds .*headroom.* by [\d,]+ MW", checked.stdout)
    told = call("run", str(folder / "case.toml"), "--quiet", "--out", str(earlier_plan))
    assert told.exit_code == 3, told.output
    assert re.search(r"target of 90000 MW in 2027Q4 exceeds the [\d,.]+ MW that all regions", told.stderr)
    assert re.search(r"demand.targets_mw.2027Q4 = [\d,.]+ \(now 90000 MW\)", told.stderr)
    assert contents(earlier_plan) == plan


def test_a_real_process_exits_2_with_one_message_and_no_traceback(folder: Path) -> None:
    BAD["nan price"].spoil(folder)
    command = [sys.executable, "-m", "grid_opt", "run", "case.toml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(re.findall("error:", done.stderr)) == 1
    assert not any(path.is_file() for path in folder.glob("outputs/**/*"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("12", "'12'"),
        (12, "12"),
        (12.5, "12.5"),
        (np.float64("nan"), "nan"),
        (np.int64(3), "3"),
        (Path("a") / "b.csv", repr(str(Path("a") / "b.csv"))),
        (b"\xff", r"b'\xff'"),
        (False, "False"),
    ],
)
def test_numbers_and_text_can_be_told_apart(value: object, shown: str) -> None:
    assert str(InputError("no good", value=value)) == f"no good\n  found:    {shown}"


def test_a_long_value_is_cut() -> None:
    line = str(InputError("no good", value="x" * 1000)).splitlines()[1]
    assert len(line) < 220
    assert line.endswith(" ...")
