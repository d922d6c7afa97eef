"""The network commands: what they print and write, and what they say of bad networks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from grid_opt.cli.app import app
from grid_opt.resources import data_dir
from tests import grids
from tests.grids import branch, bus, dcline, generator, linear, piecewise, quadratic


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["network", *arguments], env={"TERM": "dumb"})


def test_opf_as_json(tmp_path: Path) -> None:
    path = grids.write(tmp_path, **grids.triangle(rate=50))
    result = call("opf", str(path), "--convention", "matpower", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and found["status"] == "optimal" and found["exit_code"] == 0
    assert found["objective"] == pytest.approx(2000)
    assert found["dispatch"] == pytest.approx({"1 (bus 1)": 50, "2 (bus 2)": 50})
    assert found["flows"] == pytest.approx({"1 (1-2)": 0, "2 (2-3)": 50, "3 (1-3)": 50}, abs=1e-6)
    assert found["prices"] == pytest.approx({"1": 10, "2": 30, "3": 50})


def test_opf_as_text(tmp_path: Path) -> None:
    result = call("opf", str(grids.write(tmp_path, **grids.triangle(rate=50))))
    assert result.exit_code == 0 and "2,000.0000 USD/h" in result.stdout and "3 (1-3)" in result.stdout


def test_infeasible_has_its_code(tmp_path: Path) -> None:
    tables = grids.triangle()
    tables["bus"][2] = bus(3, load=500)
    result = call("opf", str(grids.write(tmp_path, **tables)), "--json")
    assert result.exit_code == 3 and json.loads(result.stdout)["status"] == "infeasible"
    assert "infeasible" in result.stderr
    assert call("hosting", str(tmp_path / "tiny.m"), "--json").exit_code == 3


def test_hosting_is_printed_and_written(tmp_path: Path) -> None:
    path, out = grids.write(tmp_path, **grids.triangle(rate=50)), tmp_path / "hosting.csv"
    result = call("hosting", str(path), "--n-1", "--out", str(out))
    assert result.exit_code == 0 and "written" in result.stdout and "exact at 3 of 3" in result.stdout
    table = pd.read_csv(out)
    assert list(table["bus"]) == [1, 2, 3] and {"hosting_mw", "at_most_mw", "base_mw", "limited_by"} <= set(table)
    found = json.loads(call("hosting", str(path), "--bus", "3", "--json").stdout)
    assert found["hosting"][0]["hosting_mw"] == pytest.approx(50, abs=1e-3)


def test_a_map_needs_coordinates(tmp_path: Path) -> None:
    path = grids.write(tmp_path, **grids.triangle())
    result = call("hosting", str(path), "--out", str(tmp_path / "h.gpkg"))
    assert result.exit_code == 2 and "coordinates" in result.stderr and not (tmp_path / "h.gpkg").exists()
    assert call("hosting", str(path), "--out", str(tmp_path / "h.txt")).exit_code == 2


def test_zone_tables_make_a_map(tmp_path: Path) -> None:
    out = tmp_path / "zones.gpkg"
    result = call("hosting", str(data_dir()), "--out", str(out), "--stress", "winter", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and found["exact_buses"] == 90 == len(found["hosting"])
    layer = gpd.read_file(out)
    assert len(layer) == 90 and layer.crs == "EPSG:4326" and layer["hosting_mw"].max() > 0
    assert call("hosting", str(data_dir()), "--year", "1999").exit_code == 2
    assert call("hosting", str(data_dir()), "--link-share", "0").exit_code == 2


def test_a_link_to_no_zone_is_refused(tmp_path: Path) -> None:
    for name in ("zones.csv", "links.csv", "surplus.csv"):
        shutil.copy(data_dir() / name, tmp_path / name)
    text = (tmp_path / "links.csv").read_text(encoding="utf-8").replace("AL,FL_N", "AL,ATLANTIS", 1)
    (tmp_path / "links.csv").write_text(text, encoding="utf-8")
    result = call("hosting", str(tmp_path))
    assert result.exit_code == 2 and "ATLANTIS" in result.stderr


BAD: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "zero reactance": ({"branch": [branch(1, 2), branch(2, 3), branch(1, 3, x=0.0)]}, ("3 (1-3)", "reactance")),
    "missing bus": ({"branch": [branch(1, 2), branch(2, 4)]}, ("bus 4", "T_BUS", "2 of mpc.branch")),
    "generator at no bus": ({"gen": [generator(1, 9), generator(8, 9)]}, ("bus 8", "GEN_BUS")),
    "negative rating": ({"branch": [branch(1, 2, rate=-5), branch(2, 3)]}, ("1 (1-2)", "negative")),
    "reversed power": ({"gen": [generator(1, 10, low=20), generator(2, 9)]}, ("1 (bus 1)", "Pmin <= Pmax")),
    "reversed angles": ({"branch": [branch(1, 2, angles=(20, -20)), branch(2, 3)]}, ("1 (1-2)", "angmin <= angmax")),
    "duplicate bus": ({"bus": [bus(1, kind=3), bus(2), bus(2), bus(3)]}, ("bus 2", "twice")),
    "not a number": ({"bus": [bus(1, kind=3), bus(2), bus(3, load=float("nan"))]}, ("bus 3", "load_mw", "finite")),
    "infinite": ({"gen": [generator(1, float("inf")), generator(2, 9)]}, ("1 (bus 1)", "p_max_mw")),
    "text": ({"branch": [branch(1, 2), branch(2, 3, x="oops")]}, ("2 of mpc.branch", "oops")),
    "no reference": ({"bus": [bus(1), bus(2), bus(3, load=100)]}, ("bus 1", "reference")),
    "island": ({"branch": [branch(1, 2)]}, ("bus 3", "without a generator")),
    "itself": ({"branch": [branch(1, 2), branch(2, 3), branch(3, 3)]}, ("3 (3-3)",)),
    "negative tap": ({"branch": [branch(1, 2, tap=-1), branch(2, 3)]}, ("1 (1-2)", "tap")),
    "concave": ({"gencost": [quadratic(-1), linear(1)]}, ("1 of mpc.gencost", "convex")),
    "concave lines": ({"gencost": [piecewise(0, 0, 10, 100, 20, 150), linear(1)]}, ("convex",)),
    "few costs": ({"gencost": [linear(1)]}, ("gencost", "1 rows for 2")),
    "lossy": ({"dcline": [dcline(1, 3, 0, 9, fraction=1.5)]}, ("1 (1-3)", "loss_fraction")),
    "ragged": ({"bus": [bus(1, kind=3), [*bus(2), 7], bus(3)]}, ("2 of mpc.bus", "cells")),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_networks_are_refused_by_name(tmp_path: Path, what: str) -> None:
    changed, words = BAD[what]
    result = call("opf", str(grids.write(tmp_path, **(grids.triangle() | changed))), "--json")
    assert result.exit_code == 2, result.output
    assert "tiny.m" in result.stderr
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "mpc.bus"),
        (b"hello\n", "hello"),
        (b"\x00\xff\x01binary", "binary"),
        (b"function mpc = x\nmpc.version = '1';\nmpc.baseMVA = 100;\nmpc.bus = [1 2 3];\n", "version"),
        (
            b"function mpc = x\nmpc.version = '2';\nmpc.baseMVA = -1;\nmpc.bus=[1 1];mpc.gen=[];mpc.branch=[];\n",
            "mpc.bus",
        ),
    ],
)
def test_files_that_are_no_cases(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "odd.m"
    path.write_bytes(content)
    result = call("opf", str(path))
    assert result.exit_code == 2 and "odd.m" in result.stderr and word in result.stderr


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert "does not exist" in call("opf", str(tmp_path / "none.m")).stderr
    assert call("opf", str(tmp_path)).exit_code == 2
    (tmp_path / "case.raw").write_text("0", encoding="utf-8")
    assert call("opf", str(tmp_path / "case.raw")).exit_code == 2


def test_statements_are_refused_rather_than_ignored(tmp_path: Path) -> None:
    path = grids.write(tmp_path, **grids.triangle())
    path.write_text(path.read_text(encoding="utf-8") + "mpc.branch(:, 4) = 2 * mpc.branch(:, 4);\n", encoding="utf-8")
    result = call("opf", str(path))
    assert result.exit_code == 2 and "statements" in result.stderr


def test_rows_on_one_line_commas_and_comments_are_read(tmp_path: Path) -> None:
    plain = grids.write(tmp_path, **grids.triangle(rate=50))
    body = plain.read_text(encoding="utf-8").replace(";\n1", "; 1").replace("\t", ", ")
    body = body.replace(
        "mpc.bus = [", "%{\nmpc.bus = [1 2 3];\n%}\nmpc.bus_name = {'a % b'; 'c'};\nmpc.bus = [ % first\n"
    )
    (tmp_path / "dense.m").write_text(body + "% the end\n", encoding="utf-8")
    one, other = (json.loads(call("opf", str(p), "--json").stdout) for p in (plain, tmp_path / "dense.m"))
    assert one["objective"] == other["objective"] and one["prices"] == other["prices"]
