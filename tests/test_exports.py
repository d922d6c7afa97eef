"""GeoParquet, GeoJSON, workbook and IAMC: they say what the plan says, by their rules, and hostile text stays text."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr
from rich.console import Console
from shapely.geometry import shape
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.plan.io import write_plan
from grid_opt.plan.summary import summarize
from grid_opt.report import frames, tables
from grid_opt.report.geopackage import write_geopackage
from grid_opt.report.gis_files import write_geojson, write_geoparquet
from grid_opt.report.iamc import COLUMNS, COUNTRY, iamc_table, write_iamc
from grid_opt.report.layers import layers_of
from grid_opt.report.map_html import write_map_html
from grid_opt.report.report_html import write_report
from grid_opt.report.terminal import print_summary
from grid_opt.report.workbook import write_workbook
from grid_opt.report.workbook_pen import MOST_CHARACTERS, clean, number_format
from tests.plan_fixture import OUTLINES, plan_by_hand

PLACES = {"regions", "headroom", "prices", "links", "sites", "sites_by_quarter"}
HOSTILE = (
    "=cmd()|'/c calc'!A1 <img src=x onerror=alert(1)> </script><script>alert(1)</script> "
    "\x1b[31m\u202eevil\u202c\x07 [red]" + "x" * 10_000
)


@pytest.fixture(scope="module")
def plan() -> xr.Dataset:
    return plan_by_hand()


@pytest.fixture(scope="module")
def hostile() -> xr.Dataset:
    """A plan in which every text that a user may write is hostile: names, markets, states, kinds, title and notes."""
    found = plan_by_hand()
    for name in ("region_name", "region_market", "zone_name", "zone_market", "zone_state", "zone_interconnect"):
        found[name] = (found[name].dims, [HOSTILE for _ in found[name].values], found[name].attrs)
    title = json.dumps(HOSTILE[:200].replace("\x1b", "").replace("\x07", "").replace("\u202e", ""))
    case = str(found.attrs["case_toml"]).replace('title = "Two campuses by hand"', f"title = {title}")
    return found.assign_attrs(
        case_toml=case, hours_source=HOSTILE, warnings=json.dumps([HOSTILE]), title=HOSTILE, solver_status=HOSTILE
    )


# --- GeoParquet


def test_geoparquet_has_every_layer_by_the_standard(plan: xr.Dataset, tmp_path: Path) -> None:
    paths = write_geoparquet(plan, tmp_path / "out", OUTLINES)
    layers = layers_of(plan, OUTLINES)
    assert {path.stem for path in paths} == set(layers)
    for path in paths:
        told = pq.read_metadata(path).metadata
        assert (b"geo" in told) == (path.stem in PLACES)
        if path.stem in PLACES:
            geo = json.loads(told[b"geo"])
            assert geo["version"] == "1.1.0"
            assert geo["columns"]["geometry"]["crs"]["id"] == {"authority": "EPSG", "code": 5070}
            read = gpd.read_parquet(path)
            assert read.geometry.geom_equals(layers[path.stem].geometry).all()
        else:
            read = pd.read_parquet(path)
        assert list(read.columns) == list(layers[path.stem].columns)


# --- GeoJSON


def rings(geometry: dict[str, Any]) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
    for polygon in geometry["coordinates"]:
        yield from ((k, np.array(ring)) for k, ring in enumerate(polygon))


def area(ring: np.ndarray[Any, Any]) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


def test_geojson_is_as_rfc_7946_wants_it(plan: xr.Dataset, tmp_path: Path) -> None:
    paths = write_geojson(plan, tmp_path / "out", OUTLINES)
    assert {path.name for path in paths} == {f"{name}.geojson" for name in PLACES} | {"fields.csv"}
    for path in paths[:-1]:
        read = json.loads(path.read_text(encoding="utf-8"))
        assert read["type"] == "FeatureCollection"
        assert "crs" not in read
        for feature in read["features"]:
            west, south, east, north = shape(feature["geometry"]).bounds
            assert -105 < west <= east < -70 and 25 < south <= north < 50
    zones = json.loads((tmp_path / "out" / "regions.geojson").read_text(encoding="utf-8"))["features"]
    found = {feature["properties"]["region"]: feature for feature in zones}
    for feature in zones:
        for k, ring in rings(feature["geometry"]):
            assert (area(ring) > 0) == (k == 0), "outer rings run counterclockwise, holes clockwise"
            assert ring[0].tolist() == ring[-1].tolist()
    assert shape(found["EAST"]["geometry"]).bounds == pytest.approx((-80, 40, -78, 42), abs=1e-5)
    assert found["EAST"]["properties"]["it_mw"] == 30.0
    assert found["MID"]["properties"]["headroom_mw"] is None
    told = pd.read_csv(tmp_path / "out" / "fields.csv")
    assert set(told["layer"]) == PLACES


# --- workbook


def sheets_of(path: Path) -> dict[str, pd.DataFrame]:
    found: dict[str, pd.DataFrame] = pd.read_excel(path, sheet_name=None, engine="openpyxl", keep_default_na=False)
    return found


def test_the_workbook_has_the_tables_with_units_sources_and_provenance(plan: xr.Dataset, tmp_path: Path) -> None:
    write_workbook(plan, tmp_path / "plan.xlsx")
    read, wanted = sheets_of(tmp_path / "plan.xlsx"), tables.tables_of(plan)
    assert list(read) == ["contents", *wanted, "fields", "assumptions", "provenance"]
    for name, table in wanted.items():
        assert len(read[name]) == len(table)
    sites = read["sites"].set_index("region")
    assert sites["it_mw [MW]"].to_dict() == {"EAST": 30.0, "WEST": 30.0}
    assert read["costs"]["cost_musd [million USD]"].sum() == pytest.approx(plan.attrs["objective"])
    assert read["prices"]["wholesale_usd_per_mwh [USD/MWh]"].tolist() == pytest.approx(
        frames.prices(plan)["wholesale_usd_per_mwh"].tolist()
    )
    first = read["assumptions"].iloc[0]
    assert first["assumption"] and first["origin"] and first["table"]
    told = read["provenance"]
    case = "\n".join(told.loc[told["key"] == "case_toml", "value"].astype(str))
    assert 'name = "by_hand"' in case
    assert {"objective", "gap", "inputs_sha256", "versions"} <= set(told["key"])
    meanings = read["fields"].set_index(["table", "field"])
    assert meanings.loc[("sites", "it_mw"), "unit"] == "MW"


def test_no_cell_of_the_workbook_is_a_formula(hostile: xr.Dataset, tmp_path: Path) -> None:
    write_workbook(hostile, tmp_path / "plan.xlsx")
    with zipfile.ZipFile(tmp_path / "plan.xlsx") as packed:
        for name in packed.namelist():
            if "worksheets/sheet" in name:
                assert b"<f" not in re.sub(rb"<formula", b"", packed.read(name)), name
                for link in re.findall(rb"<hyperlink [^>]*>", packed.read(name)):
                    assert b"location=" in link and b"r:id" not in link, "a link leads to a sheet, and nowhere else"
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    found = 0
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n"), (sheet.title, cell.coordinate)
                if isinstance(cell.value, str):
                    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", cell.value)
                    if cell.value.startswith("=cmd()"):
                        found += 1
                        assert cell.quotePrefix
    assert found >= 2


def test_the_contents_lead_to_every_sheet_and_show_the_build_out(plan: xr.Dataset, tmp_path: Path) -> None:
    write_workbook(plan, tmp_path / "plan.xlsx")
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    cover = book["contents"]
    assert cover["A1"].value == plan.attrs.get("title", "grid-opt plan")
    links = {cell.value: cell.hyperlink.location for (cell,) in cover["A1:A60"] if cell.hyperlink}
    assert links == {name: f"'{name}'!A1" for name in book.sheetnames[1:]}
    rows = {cell.value: cover.cell(cell.row, 2).value for (cell,) in cover["A1:A60"] if cell.hyperlink}
    assert rows["sites"] == 2 and rows["build_out"] == 8
    beside = {cell.value: cell for row in cover["E1:I12"] for cell in row if cell.value is not None}
    assert [cover.cell(beside["EAST"].row, column).value for column in range(6, 10)] == [10.0, 20.0, 30.0, 30.0]
    assert len(cover._charts) == 1
    for sheet in book.worksheets[1:]:
        assert sheet.freeze_panes is not None and sheet.print_title_rows == "$1:$1", sheet.title
        assert all(7 < dimension.width <= 62 for dimension in sheet.column_dimensions.values()), sheet.title
    assert book["build_out"]["B1"].comment.text.startswith("Calendar quarter")


@pytest.mark.parametrize(
    ("name", "unit", "values", "form"),
    [
        ("it_mw", "MW", [10.0, 20.0], "#,##0"), ("it_mw", "MW", [10.25], "#,##0.0"), ("year", "yr", [2026.0], "0"),
        ("covered_share", "1", [0.25], "0.0%"), ("binds_summer", "1", [1.0], "0"), ("cost_musd", "million USD", [3.5],
        "#,##0.00"), ("purchase_mwh", "MWh", [94046.5], "#,##0"), ("tokens_per_year", "tokens/yr", [2e16], "0.000E+00"),
        ("cost_musd", "million USD", [0.0123], "#,##0.0000"),
    ],
)  # fmt: skip
def test_numbers_are_shown_by_their_unit(name: str, unit: str, values: list[float], form: str) -> None:
    assert number_format(name, unit, values).split(";")[0] == form


def test_a_number_that_its_column_would_show_as_zero_is_shown(plan: xr.Dataset, tmp_path: Path) -> None:
    small = plan.copy(deep=True)
    small["cost_rider"].values[0] = 12.0, 0.0  # USD, in a column of million USD
    write_workbook(small, tmp_path / "plan.xlsx")
    cells = {row[0].value: row for row in openpyxl.load_workbook(tmp_path / "plan.xlsx")["sites"].iter_rows()}
    heads = [cell.value for cell in cells["region"]]
    assert cells["EAST"][heads.index("cost_rider_musd [million USD]")].number_format == "0.0E+00"


def test_a_cell_holds_what_it_can() -> None:
    assert clean("a\x1b\u202eb\nc") == "a  b c"
    assert len(clean("x" * 40_000)) == MOST_CHARACTERS


# --- IAMC

TEMPLATE = {
    r"Capacity\|Data Centers": "GW",
    r"Capacity Additions\|Data Centers": "GW/yr",
    r"Final Energy\|Commercial\|Electricity\|Data Centers(\|[A-Z][A-Za-z ]+)?": "EJ/yr",
    r"Price\|Secondary Energy\|Electricity": "USD_2024/GJ",
    r"Emissions\|CO2\|Energy\|Demand\|Commercial\|Data Centers": "Mt CO2/yr",
    r"Emissions\|CO2\|Energy\|Supply\|Electricity\|Data Centers\|[A-Z][A-Za-z -]+": "Mt CO2/yr",
    r"Water Consumption\|Data Centers": "km3/yr",
    r"Share\|Carbon-Free Energy\|Data Centers\|(Annual|Hourly)": "%",
    r"Output Tokens\|Data Centers": "trillion tokens/yr",
    r"Discounted Cost\|Data Centers\|[^|]+": "million USD_2024",
    r"Forgone Value\|Data Centers\|Tokens": "million USD_2024",
}
"""Every name that is written, and its unit; levels above ``Data Centers`` are those of the common definitions."""


def test_the_variables_are_in_the_form_of_the_consortium(plan: xr.Dataset, tmp_path: Path) -> None:
    write_iamc(plan, tmp_path / "iamc.csv")
    read = pd.read_csv(tmp_path / "iamc.csv")
    years = [str(year) for year in plan["year"].values]
    assert list(read.columns) == [*COLUMNS, *years]
    assert not read.duplicated(list(COLUMNS)).any()
    assert read[years].notna().any(axis=1).all()
    assert set(read["scenario"]) == {"by_hand"}
    assert set(read["region"]) <= {COUNTRY, f"{COUNTRY}|EAST", f"{COUNTRY}|WEST"}
    for row in read.to_dict("records"):
        units = [unit for pattern, unit in TEMPLATE.items() if re.fullmatch(pattern, row["variable"])]
        assert units == [row["unit"]], row["variable"]
    assert read.groupby("variable")["unit"].nunique().max() == 1


def test_the_variables_are_those_of_the_plan(plan: xr.Dataset) -> None:
    table = iamc_table(plan).set_index(["region", "variable"])
    assert table.loc[(COUNTRY, "Capacity|Data Centers"), ["2026", "2027"]].tolist() == [0.06, 0.06]
    assert table.loc[(COUNTRY, "Capacity Additions|Data Centers"), ["2026", "2027"]].tolist() == [0.06, 0.0]
    load = "Final Energy|Commercial|Electricity|Data Centers"
    mwh = float((plan["purchase"] / (1 + plan["loss"]) * plan["slice_weight"]).sel(year=2026).sum())
    assert table.loc[(COUNTRY, load), "2026"] == pytest.approx(mwh * 3.6e-9)
    parts = [name for region, name in table.index if region == COUNTRY and name.startswith(f"{load}|")]
    assert sum(table.loc[(COUNTRY, name), "2026"] for name in parts) == pytest.approx(mwh * 3.6e-9)
    sums = table.drop(COUNTRY, level="region")["2027"].groupby("variable").sum()
    for name, value in sums.items():
        if not str(name).startswith(("Price", "Share")):
            assert table.loc[(COUNTRY, name), "2027"] == pytest.approx(value), name
    costs = [name for region, name in table.index if region == COUNTRY and name.startswith("Discounted Cost")]
    total = sum(table.loc[(COUNTRY, name), ["2026", "2027"]].sum() for name in costs)
    assert total == pytest.approx(plan.attrs["objective"])
    hours = plan["slice_weight"]
    paid = np.average(plan["price"].sel(region="EAST", year=2026), weights=hours) / 3.6
    price = table["2026"].xs("Price|Secondary Energy|Electricity", level="variable")
    assert price[f"{COUNTRY}|EAST"] == pytest.approx(paid)
    assert price[f"{COUNTRY}|WEST"] < price[COUNTRY] < price[f"{COUNTRY}|EAST"]


# --- all of them


FORMATS = {
    "geoparquet": "geoparquet/sites.parquet", "geojson": "geojson/sites.geojson", "xlsx": "plan.xlsx",
    "iamc": "iamc.csv",
}  # fmt: skip


def test_the_command_writes_every_format_and_the_same_bytes_again(plan: xr.Dataset, tmp_path: Path) -> None:
    write_plan(plan, OUTLINES, tmp_path / "plan.nc")
    for format_, name in FORMATS.items():
        digests = set()
        for _ in range(2):
            run = CliRunner().invoke(app, ["export", str(tmp_path / "plan.nc"), "--format", format_, "--json"])
            assert run.exit_code == 0, run.output
            assert Path(json.loads(run.stdout)["written"]) == tmp_path / name.split("/")[0]
            digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        assert len(digests) == 1, format_


def test_a_full_disk_leaves_the_earlier_file(plan: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("plan.xlsx", "iamc.csv", "regions.parquet", "regions.geojson"):
        (tmp_path / name).write_bytes(b"earlier")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for write, target in ((write_workbook, "plan.xlsx"), (write_iamc, "iamc.csv")):
        with pytest.raises(OSError, match="No space left"):
            write(plan, tmp_path / target)
    for write_all in (write_geoparquet, write_geojson):
        with pytest.raises(OSError, match="No space left"):
            write_all(plan, tmp_path, OUTLINES)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "iamc.csv", "plan.xlsx", "regions.geojson", "regions.parquet",
    ]  # fmt: skip
    assert all(path.read_bytes() == b"earlier" for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("package", "format_", "extra"), [("xlsxwriter", "xlsx", "[report]"), ("pyarrow", "geoparquet", "[parquet]")]
)
def test_without_the_extra_the_message_names_it(
    plan: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, format_: str, extra: str
) -> None:
    write_plan(plan, OUTLINES, tmp_path / "plan.nc")
    module = "workbook" if format_ == "xlsx" else "gis_files"
    monkeypatch.setattr(f"grid_opt.report.{module}.importlib.util.find_spec", lambda name: None)
    run = CliRunner().invoke(app, ["export", str(tmp_path / "plan.nc"), "--format", format_])
    assert run.exit_code == 2
    assert extra in run.output


def test_hostile_text_stays_text_in_every_format(hostile: xr.Dataset, tmp_path: Path) -> None:
    write_geopackage(hostile, tmp_path / "plan.gpkg", OUTLINES)
    with sqlite3.connect(tmp_path / "plan.gpkg") as base:
        assert set(base.execute("SELECT name, market, state FROM regions").fetchall()) == {(HOSTILE,) * 3}
    write_geojson(hostile, tmp_path / "geojson", OUTLINES)
    read = json.loads((tmp_path / "geojson" / "sites.geojson").read_text(encoding="utf-8"))
    assert {feature["properties"]["name"] for feature in read["features"]} == {HOSTILE}
    write_geoparquet(hostile, tmp_path / "parquet", OUTLINES)
    assert set(gpd.read_parquet(tmp_path / "parquet" / "sites.parquet")["name"]) == {HOSTILE}
    write_iamc(hostile.assign_coords(region=[HOSTILE, "WEST"]), tmp_path / "iamc.csv")
    cells = pd.read_csv(tmp_path / "iamc.csv", dtype=str, keep_default_na=False)
    assert not cells.iloc[:, :5].apply(lambda column: column.str.match(r"\s*[=+\-@]")).any().any()
    assert not (tmp_path / "iamc.csv").read_bytes().count(b"\x1b")
    for path in tables.write_csv(hostile, tmp_path / "csv"):
        assert not re.search(r"(?m)(^|,)\"?=cmd", path.read_text(encoding="utf-8")), path.name
    write_map_html(hostile, tmp_path / "map.html", OUTLINES)
    certificate = {"ok": True, "checked": 1, "held": 1, "failed": [], "not_made": [], "not_in_case": [], "checks": []}
    certificate |= {"warnings": [HOSTILE]}
    write_report(hostile, tmp_path / "report.html", certificate, OUTLINES)
    for name in ("map.html", "report.html"):
        page = (tmp_path / name).read_text(encoding="utf-8")
        for wrong in ("<img src=x", "<script>alert", "\x1b", "\u202e", "x" * 5_000):
            assert wrong not in page, (name, wrong)
    console = Console(file=io.StringIO(), width=120)
    print_summary(summarize(hostile), console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "\x1b" not in shown and "\u202e" not in shown and "\x07" not in shown
