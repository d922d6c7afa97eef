"""A case at buses from its files to its plan folder, and what is said of bad ones."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyogrio
import pytest
from matplotlib.text import Text
from typer.testing import CliRunner, Result

from grid_opt.cli.app import app
from grid_opt.plan.io import open_plan
from grid_opt.report import map_nodal, style
from grid_opt.report.map_html import write_map_html
from grid_opt.report.report_html import report_page
from grid_opt.report.tables import write_csv
from tests import grids
from tests.test_report import CERTIFICATE
from tests.tiny_nodal import CASE, HOURS, tables, write


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"TERM": "dumb"})


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    result = call("run", str(write(folder, scale=0.8)), "--out", str(folder / "out"), "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)["summary"]
    assert summary["nodal"]["watched_limits"] > 0 and summary["nodal"]["n_1"]
    assert summary["binding_limits"]["lines"]
    assert summary["costs"]["generation_musd"] > 0 and "energy_musd" not in summary["costs"]
    return folder / "out"


def test_the_folder_is_whole_and_verifies(run_folder: Path) -> None:
    assert {path.name for path in run_folder.iterdir()} >= {
        "plan.nc",
        "plan.gpkg",
        "map.png",
        "map.html",
        "summary.json",
        "run.log",
    }
    result = call("verify", str(run_folder / "plan.nc"), "--case-folder", str(run_folder.parent), "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0 and report["ok"] and not report["not_made"], report["not_made"]


def test_another_solver_agrees(run_folder: Path) -> None:
    pytest.importorskip("pyscipopt", reason="the second solver: pip install '.[second-solver]'")
    result = call("verify", str(run_folder / "plan.nc"), "--second-solver", "--case-folder", str(run_folder.parent))
    assert result.exit_code == 0, result.output


def test_the_layers_show_the_network(run_folder: Path) -> None:
    path = run_folder / "plan.gpkg"
    assert {name for name, _ in pyogrio.list_layers(path)} == {
        "lines",
        "candidates",
        "headroom",
        "prices",
        "sites",
        "sites_by_quarter",
        "build_out",
        "provenance",
        "carbon_and_water",
        "fields",
        "layer_styles",
    }
    lines = pyogrio.read_dataframe(path, layer="lines")
    plan = open_plan(run_folder / "plan.nc")
    assert len(lines) == plan.sizes["branch"]
    assert lines["loading"].max() <= 1 + 1e-6 and lines["worth_usd_per_mw_year"].max() > 0
    end = lines.set_index("branch").loc["8 (5-6)"]  # bus 6 draws all that comes over its line
    year = plan["year"].values[0]
    load = 5.0 * float(plan["area_factor"].sel(year=year).max())
    assert end["flow_mw"] == pytest.approx(load) and end["loading"] == pytest.approx(load / 30)
    candidates = pyogrio.read_dataframe(path, layer="candidates").set_index("region")
    mean = plan["local_price"].sel(year=year).weighted(plan["slice_weight"]).mean("slice")
    assert candidates.loc["4", "local_price_usd_per_mwh"] == pytest.approx(float(mean.sel(region="4")))


def test_tables_and_map_come_from_the_file(run_folder: Path, tmp_path: Path) -> None:
    plan = str(run_folder / "plan.nc")
    assert call("export", plan, "--format", "csv", "--out", str(tmp_path)).exit_code == 0
    assert len(pd.read_csv(tmp_path / "lines.csv")) == 8
    assert not (tmp_path / "links.csv").exists()
    assert call("map", plan, "--out", str(tmp_path / "map.png")).exit_code == 0
    assert (tmp_path / "map.png").read_bytes() == (run_folder / "map.png").read_bytes()


def test_same_case_same_plan(run_folder: Path, tmp_path: Path) -> None:
    assert call("run", str(run_folder.parent / "case.toml"), "--out", str(tmp_path), "--quiet").exit_code == 0
    assert (tmp_path / "plan.nc").read_bytes() == (run_folder / "plan.nc").read_bytes()


def test_a_case_is_checked_without_solving(tmp_path: Path) -> None:
    result = call("check", str(write(tmp_path)), "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and (found["bus"], found["branch"], found["region"]) == (6, 8, 3)
    assert any("is not held" in warning for warning in found["warnings"])


def test_lines_in_the_way_are_named(tmp_path: Path) -> None:
    """Only the end of a line of 30 MW is on offer for 40 MW of IT."""
    rows = {"candidates.csv": "bus,name,like,from_quarter,headroom_mw\n6,End,TX_N,2026Q1,60\n"}
    knobs = ("campus.max_campus_mw=40", "flexibility.max_curtailment_fraction=0.0")
    result = call("run", str(write(tmp_path, changes=rows)), *(word for knob in knobs for word in ("--set", knob)))
    assert result.exit_code == 3
    assert "overload lines" in result.output and "MW on branch 8 (5-6) in hour" in result.output
    assert not list(tmp_path.glob("outputs/*"))


def replaced(old: str, new: str) -> str:
    assert old in CASE
    return CASE.replace(old, new)


BAD: dict[str, tuple[dict[str, str], str, str]] = {
    "unknown bus": ({"candidates.csv": "bus,name,like,from_quarter,headroom_mw\n9,X,TX_N,2026Q1,60\n"}, "row 2", "bus"),
    "unknown region": (
        {"candidates.csv": "bus,name,like,from_quarter,headroom_mw\n3,X,TX,2026Q1,60\n"}, "row 2", "like"
    ),
    "two names": (
        {"candidates.csv": "bus,name,like,from_quarter,headroom_mw\n3,X,TX_N,2026Q1,60\n3,Y,TX_N,2026Q3,80\n"},
        "row 3", "name",
    ),
    "negative headroom": (
        {"candidates.csv": "bus,name,like,from_quarter,headroom_mw\n3,X,TX_N,2026Q1,-5\n"}, "row 2", "headroom_mw"
    ),
    "hours that do not add up": ({"hours.csv": HOURS.replace("2160", "2150")}, "hours.csv", "weight_h"),
    "hours that are no numbers": ({"hours.csv": HOURS.replace("0.4", "dry")}, "row 3", "dry"),
    "no load series": ({"hours.csv": HOURS.replace("load", "demand")}, "buses.csv", "load_series"),
    "unknown series": ({"generators.csv": "generator,series\n2,windy\n"}, "row 2", "series"),
    "unknown generator": ({"generators.csv": "generator,series\n7,dry\n"}, "row 2", "generator"),
    "a bus without a place": (
        {"buses.csv": "bus,latitude_deg,longitude_deg,load_series\n1,30,-100,load\n"}, "bus 2", "latitude_deg"
    ),
    "a strange bus": (
        {"buses.csv": "bus,latitude_deg,longitude_deg,load_series\n77,30,-100,load\n"}, "bus 77", "field bus"
    ),
    "a fleet": ({"case.toml": replaced('members = "none"', 'members = "us_market"')}, "case.toml", "fleet.members"),
    "the zonal network": ({"case.toml": replaced("network = false", "network = true")}, "case.toml", "grid.network"),
    "a network that is not there": ({"case.toml": replaced('"tiny.m"', '"huge.m"')}, "case.toml", "nodal.network"),
    "a candidate that is none": (
        {"case.toml": CASE + '\n[regions]\ninclude = ["6"]\n'}, "case.toml", "regions.include"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_by_its_place(name: str, tmp_path: Path) -> None:
    changes, place, field = BAD[name]
    result = call("check", str(write(tmp_path, changes=changes)))
    assert result.exit_code == 2, result.output
    assert place in result.output and field in result.output


def drawing(found: dict[str, list[list[float]]]) -> None:
    found["gen"][2] = grids.generator(5, 60, low=-20)


def direct(found: dict[str, list[list[float]]]) -> None:
    found["dcline"] = [grids.dcline(1, 5, 0, 50)]


@pytest.mark.parametrize(("change", "says"), [(drawing, "can draw power"), (direct, "is online")])
def test_networks_that_siting_does_not_know_are_refused(
    change: Callable[[dict[str, list[list[float]]]], None], says: str, tmp_path: Path
) -> None:
    case, found = write(tmp_path), tables()
    change(found)
    grids.write(tmp_path, **found)
    result = call("check", str(case))
    assert result.exit_code == 2 and says in result.output


def test_hostile_names_of_a_network_stay_text(run_folder: Path, tmp_path: Path) -> None:
    """A network's names come from a file of somebody else."""
    plan = open_plan(run_folder / "plan.nc")
    bad = "=cmd() <img src=x></script>\x1b[31m\u202e\n" + "x" * 10_000
    for name in ("region_name", "region_market", "zone_name", "zone_market"):
        plan[name] = plan[name].astype(object) + f" {bad}"
    plan.attrs["title"] = plan.attrs["network_notes"] = bad
    write_map_html(plan, tmp_path / "map.html")
    pages = {"map": (tmp_path / "map.html").read_text(encoding="utf-8"), "report": report_page(plan, CERTIFICATE)}
    for where, page in pages.items():
        for wrong in ("<img src=x", "\x1b", "\u202e", "x" * 5_000):
            assert wrong not in page, (where, wrong)
    with style.look():
        figure = map_nodal.draw(plan, str(plan["quarter"].values[-1]))
        figure.savefig(tmp_path / "map.svg")
        for said in (text.get_text() for text in figure.findobj(Text)):
            assert len(said) <= 200 and not any(char in said for char in "\x1b\u202e"), said[:200]
    for path in write_csv(plan, tmp_path / "csv"):
        for line in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))):
            assert not any(cell.startswith(("=", "@", "+")) for cell in line), path.name
