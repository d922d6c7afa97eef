"""What a planner opens: GeoPackage, tables and the summary on the terminal."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import xarray as xr
from rich.console import Console
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.plan.io import write_plan
from grid_opt.plan.summary import cost_usd, summarize
from grid_opt.report import frames
from grid_opt.report.csv_text import safe_text, to_csv
from grid_opt.report.geopackage import write_geopackage
from grid_opt.report.map_static import write_map
from grid_opt.report.tables import tables_of, write_csv
from grid_opt.report.terminal import WIDTH, print_summary
from grid_opt.report.words import plain, short
from tests.plan_fixture import OUTLINES, plan_by_hand

HOSTILE = "=cmd()|'/c calc'!A1 <img onerror=x> $\\frac{a}{b}$ \x1b[31m\u202eevil\u202c [red]\nnext" + "x" * 10_000

Writer = Callable[[xr.Dataset, Path], object]


def as_map(plan: xr.Dataset, path: Path) -> None:
    write_map(plan, path, outlines=OUTLINES)


def as_geopackage(plan: xr.Dataset, path: Path) -> None:
    write_geopackage(plan, path, outlines=OUTLINES)


WRITERS: dict[str, Writer] = {"map.png": as_map, "map.svg": as_map, "plan.gpkg": as_geopackage}


@pytest.fixture(scope="module")
def plan() -> xr.Dataset:
    return plan_by_hand()


@pytest.fixture(scope="module")
def hostile_plan() -> xr.Dataset:
    plan = plan_by_hand()
    for name in ("region_name", "region_market", "zone_name", "zone_market"):
        values = plan[name].values.astype(object)
        values[0] = HOSTILE
        plan[name] = (plan[name].dims, values, plan[name].attrs)
    return plan


@pytest.fixture(scope="module")
def geopackage(plan: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpkg") / "plan.gpkg"
    as_geopackage(plan, path)
    return path


# --- all outputs


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_plan_gives_the_same_bytes(plan: xr.Dataset, tmp_path: Path, name: str) -> None:
    digests = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        WRITERS[name](plan, tmp_path / folder / name)
        digests.add(hashlib.sha256((tmp_path / folder / name).read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("name", WRITERS)
def test_a_failure_while_writing_leaves_the_earlier_file(
    plan: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(b"earlier")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        WRITERS[name](plan, tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"earlier"


@pytest.mark.parametrize("name", ["map.svg", "plan.gpkg"])
def test_hostile_names_are_written_as_text(hostile_plan: xr.Dataset, tmp_path: Path, name: str) -> None:
    WRITERS[name](hostile_plan, tmp_path / name)
    if name == "map.svg":
        assert "<img" not in (tmp_path / name).read_text(encoding="utf-8")


# --- GeoPackage


def test_the_geopackage_has_its_layers_in_albers(geopackage: Path) -> None:
    assert dict(pyogrio.list_layers(geopackage)) == {
        "sites": "Point",
        "sites_by_quarter": "Point",
        "regions": "MultiPolygon",
        "headroom": "MultiPolygon",
        "prices": "MultiPolygon",
        "links": "LineString",
        "link_flows": None,
        "build_out": None,
        "carbon_and_water": None,
        "provenance": None,
        "fields": None,
        "layer_styles": None,
    }
    for layer in ("sites", "sites_by_quarter", "regions", "headroom", "prices", "links"):
        assert pyogrio.read_info(geopackage, layer=layer)["crs"] == "EPSG:5070"
    with sqlite3.connect(geopackage) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (10300,)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert len(base.execute("SELECT DISTINCT last_change FROM gpkg_contents").fetchall()) == 1


def test_the_geopackage_says_what_the_plan_says(plan: xr.Dataset, geopackage: Path) -> None:
    sites = gpd.read_file(geopackage, layer="sites").set_index("region")
    assert sites["it_mw"].to_dict() == {"EAST": 30.0, "WEST": 30.0}
    assert sites["peak_draw_mw"].sum() == pytest.approx(float(frames.peak_draw_mw(plan)[:, -1].sum()))
    assert sites["opens"].to_dict() == {"EAST": "2026Q1", "WEST": "2026Q2"}
    assert sites["it_mw_2026q2"].to_dict() == {"EAST": 20.0, "WEST": 10.0}
    assert sites["cost_total_musd"].sum() == pytest.approx(plan.attrs["objective"])
    regions = gpd.read_file(geopackage, layer="regions").set_index("region")
    assert len(regions) == plan.sizes["zone"]
    assert regions["candidate"].sum() == plan.sizes["region"]
    assert regions.loc["EAST", "headroom_left_mw"] == pytest.approx(40.0 - 1.2 * 30.0)
    assert regions.loc["EAST", "hostable_it_mw"] == 30.0
    assert regions.loc["MID", ["headroom_mw", "wholesale_usd_per_mwh"]].isna().all()
    assert regions.geometry.is_valid.all()
    build_out = pyogrio.read_dataframe(geopackage, layer="build_out")
    assert (
        build_out.groupby("quarter")["it_mw"].sum().to_dict() == frames.it_mw(plan).sum("region").to_series().to_dict()
    )


def test_the_links_say_how_full_they_are(plan: xr.Dataset, geopackage: Path) -> None:
    links = gpd.read_file(geopackage, layer="links").set_index("link")
    flow = plan["link_flow"].sel(quarter="2026Q4", stress="summer").to_series()
    assert links["flow_summer_mw"].to_dict() == pytest.approx(flow.to_dict())
    use = np.where(flow >= 0, flow / links["limit_forward_summer_mw"], -flow / links["limit_reverse_summer_mw"])
    assert links["utilization_summer"].to_numpy() == pytest.approx(use)
    assert (links["utilization"] >= links["utilization_summer"] - 1e-12).all()
    assert set(links["tightest_hour"]) <= {"summer", "winter"}


def test_a_full_link_binds_where_more_would_save_money(plan: xr.Dataset) -> None:
    full = plan.drop_vars("dual_link", errors="ignore")
    full["link_forward"] = plan["link_forward"].copy(data=np.full((4, 2), 1e3))
    full["link_reverse"] = plan["link_reverse"].copy(data=np.full((4, 2), 1e3))
    full["link_flow"] = plan["link_flow"].copy(data=np.zeros((4, 4, 2)))
    full["link_flow"][0, -1, 1] = -1e3
    frame = frames.links(full)
    assert frame["binds"].tolist() == [1, 0, 0, 0]
    assert frame["tightest_hour"].iat[0] == "winter"
    assert frames.tightest_hour(frame) == "winter"
    full["dual_link"] = xr.zeros_like(full["link_flow"])
    assert frames.links(full)["binds"].sum() == 0
    full["dual_link"][0, -1, 1] = 2e5
    assert frames.links(full)["binds"].tolist() == [1, 0, 0, 0]


def test_a_hostile_name_survives_in_the_geopackage(hostile_plan: xr.Dataset, tmp_path: Path) -> None:
    as_geopackage(hostile_plan, tmp_path / "plan.gpkg")
    assert HOSTILE in gpd.read_file(tmp_path / "plan.gpkg", layer="sites")["name"].tolist()


def test_looking_at_the_geopackage_leaves_nothing_beside_it(plan: xr.Dataset, tmp_path: Path) -> None:
    path, stale = tmp_path / "plan.gpkg", tmp_path / "plan.gpkg.aux.xml"
    stale.write_text("<PAMDataset/>", encoding="utf-8")
    as_geopackage(plan, path)
    before = path.read_bytes()
    for layer, _kind in pyogrio.list_layers(path):
        pyogrio.read_info(path, layer=layer)
        pyogrio.read_dataframe(path, layer=layer)
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan.gpkg"]
    assert path.read_bytes() == before


def test_the_geopackage_tells_the_provenance(plan: xr.Dataset, geopackage: Path) -> None:
    told = pyogrio.read_dataframe(geopackage, layer="provenance").set_index("key")["value"]
    assert told["case_toml"] == plan.attrs["case_toml"]
    assert float(told["objective"]) == plan.attrs["objective"]


def test_the_header_counts_no_changes(geopackage: Path) -> None:
    header = geopackage.read_bytes()[:100]
    assert header[24:28] == header[92:96] == b"\0\0\0\1"


def test_the_file_of_a_plan_gives_the_bytes_that_the_run_gave(plan: xr.Dataset, tmp_path: Path) -> None:
    carrying = plan.assign_attrs(warnings=json.dumps(["hours are by hand"]))
    as_geopackage(carrying, tmp_path / "run.gpkg")
    write_plan(carrying, OUTLINES, tmp_path / "plan.nc")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "plan.nc"), "--format", "gpkg"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "plan.gpkg").read_bytes() == (tmp_path / "run.gpkg").read_bytes()


# --- tables


def test_the_all_in_price_pays_the_power_bill(plan: xr.Dataset) -> None:
    # The rider is a fixed price per metered MWh, so its cost tells the discounted energy.
    bill = {name: cost_usd(plan, name).sum("year").values for name in ("energy", "rider", "delivery", "capacity")}
    metered = bill["rider"] / plan["delivery_rider"].values
    price = frames.power_costs(plan)["all_in_price_usd_per_mwh"]
    assert price.to_numpy() * metered == pytest.approx(sum(bill.values()))


def test_the_tables_add_up_to_the_plan(plan: xr.Dataset, tmp_path: Path) -> None:
    paths = write_csv(plan, tmp_path / "tables")
    read = {path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in paths}
    assert set(read) == set(tables_of(plan))
    assert read["costs"]["cost_musd"].sum() == pytest.approx(plan.attrs["objective"])
    assert read["sites"]["it_mw"].sum() == 60.0
    bought = float((plan["purchase"] * plan["slice_weight"]).sum())
    assert read["energy"]["purchase_mwh"].sum() == pytest.approx(bought)
    assert len(read["prices"]) == plan.sizes["region"] * plan.sizes["year"]
    assert all(b"\r" not in path.read_bytes() for path in paths)


def test_no_cell_is_a_formula(hostile_plan: xr.Dataset, tmp_path: Path) -> None:
    for path in write_csv(hostile_plan, tmp_path):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in table.columns:
            cells = table[column]
            numbers = pd.to_numeric(cells, errors="coerce").notna()
            assert not cells[~numbers].str.match(r"\s*[=+\-@]").any(), (path.name, column)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1", "\n=1", "＝1", "\u200b=1"])
def test_a_formula_becomes_text(text: str) -> None:
    made = safe_text(text)
    assert made[0] == "'" and made[1:].strip() == text.strip(" \t\r\n\u200b") and made.isprintable()
    assert pd.read_csv(io.StringIO(to_csv(pd.DataFrame({text: [text]}))), dtype=str).loc[0].to_dict() == {made: made}


def test_a_name_stays_a_name() -> None:
    assert safe_text("NA") == "NA"
    assert safe_text("EAST>MID") == "EAST>MID"


def test_csv_keeps_numbers_and_empty_cells_and_loses_marks() -> None:
    table = pd.DataFrame({"mixed": [-1.5, "a\x1b[31m\u202eb", None, True, np.float64(-2.0), np.nan], "n": range(6)})
    assert to_csv(table) == "mixed,n\n-1.5,0\na [31m b,1\n,2\nTrue,3\n-2.0,4\n,5\n"
    assert to_csv(pd.DataFrame({"x": [1 / 3]}), "%.2f") == "x\n0.33\n"


def test_every_table_that_leaves_goes_through_one_door(root: Path) -> None:
    door = "csv_text.py"
    found = [path.name for path in (root / "grid_opt").rglob("*.py") if ".to_csv(" in path.read_text(encoding="utf-8")]
    assert found == [door]


# --- terminal


def test_names_are_cut_to_one_safe_line() -> None:
    line = plain(HOSTILE, 60)
    assert len(line) <= 60
    assert line.isprintable()
    assert short("Northern & Eastern Virginia (Dominion)", 30) == "Northern & Eastern Virginia"


def printed(summary: dict[str, Any], width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_summary(summary, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_summary_fits_and_says_the_headline(plan: xr.Dataset) -> None:
    report = {"ok": True, "checked": 45, "held": 41, "failed": [], "not_made": ["a", "b"]}
    summary = summarize(plan)
    counted = summary["quarters"][-1]["counted_mw"]
    text = printed(summary | {"verification": report})
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\x1b" not in text, "no colors where there is no terminal"
    for words in (
        "Two campuses by hand",
        f"60 MW IT = {counted:,.0f} MW towards the 70 MW target (at PUE 1.25);",
        "draws up to 75 MW from the grid",
        "2 sites in service through 2026Q4",
        "no link limit has a price at this plan",
        "yes, 41 checks hold; 2 could not be made",
    ):
        assert words in text
    assert f"{plan.attrs['objective']:,.1f}" in text
    assert "0.04 %" in text


def test_the_summary_says_what_failed_and_what_was_not_verified(plan: xr.Dataset) -> None:
    report = {"ok": False, "checked": 41, "failed": ["tranche", "energy_bill"]}
    assert "NO: 2 of 41 checks failed: tranche, energy_bill" in printed(summarize(plan) | {"verification": report})
    assert "not yet" in printed(summarize(plan))


def test_long_notes_wrap_and_nothing_is_lost(plan: xr.Dataset) -> None:
    warning = "the headroom never fits one hall in: " + ", ".join(f"REGION_{k}" for k in range(60))
    text = printed(summarize(plan.assign_attrs(warnings=json.dumps([warning]))))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert warning in " ".join(text.split())


def test_a_gap_of_nothing_is_a_proof(plan: xr.Dataset) -> None:
    text = printed(summarize(plan.assign_attrs(gap=1.8e-16, bound=plan.attrs["objective"])))
    assert "proven optimal" in text
    assert "cheaper by more" not in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_hostile_names_are_text_on_every_terminal(hostile_plan: xr.Dataset, width: int) -> None:
    text = printed(summarize(hostile_plan), width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "=cmd()" in text
