"""What the GeoPackage says of itself: fields with units, styles, and that GDAL and QGIS open it without complaint."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import xarray as xr

from grid_opt.plan.io import open_plan
from grid_opt.report import frames
from grid_opt.report.fields import GEOMETRY, field_of
from grid_opt.report.geopackage import write_geopackage
from grid_opt.report.layers import layers_of
from grid_opt.report.qgis_styles import qml, sld, styles_of
from grid_opt.report.tables import tables_of
from tests.plan_fixture import OUTLINES, plan_by_hand

pytest_plugins = ["tests.plan_plugin"]

PLACES = {"regions", "headroom", "prices", "links", "sites", "sites_by_quarter"}
SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def plan() -> xr.Dataset:
    return plan_by_hand()


@pytest.fixture(scope="module")
def geopackage(plan: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpkg") / "plan.gpkg"
    write_geopackage(plan, path, OUTLINES)
    return path


# --- layers


def test_campuses_by_quarter_have_their_dates(plan: xr.Dataset, geopackage: Path) -> None:
    found = gpd.read_file(geopackage, layer="sites_by_quarter")
    power = frames.it_mw(plan)
    assert len(found) == int((power > 0).sum())
    for row in found.to_dict("records"):
        assert row["it_mw"] == float(power.sel(region=row["region"], quarter=row["quarter"]))
    assert found.groupby("region")["added_it_mw"].sum().to_dict() == {"EAST": 30.0, "WEST": 30.0}
    second = found[found["quarter"] == "2026Q2"].iloc[0]
    assert (str(second["from_time"]), str(second["until_time"])) == (
        "2026-04-01 00:00:00+00:00",
        "2026-06-30 23:59:59+00:00",
    )


def test_headroom_and_prices_are_those_of_the_plan(plan: xr.Dataset, geopackage: Path) -> None:
    room = gpd.read_file(geopackage, layer="headroom").set_index("region")
    assert room["headroom_mw_2026q2"].to_dict() == {"EAST": 25.0, "WEST": 15.0}
    assert room.loc["EAST", "headroom_left_mw_2026q4"] == pytest.approx(40.0 - 1.2 * 30.0)
    price = gpd.read_file(geopackage, layer="prices").set_index("region")
    for region in ("EAST", "WEST"):
        mean = np.average(plan["price"].sel(region=region, year=2027), weights=plan["slice_weight"])
        assert price.loc[region, "wholesale_usd_per_mwh_2027"] == pytest.approx(mean)
    sites = gpd.read_file(geopackage, layer="sites").set_index("region")
    assert price["all_in_price_usd_per_mwh"].to_dict() == pytest.approx(sites["all_in_price_usd_per_mwh"].to_dict())


def test_zones_say_what_the_plan_makes_of_them(plan: xr.Dataset) -> None:
    small = plan.copy(deep=True)
    small["halls"][1] = 0.0
    small["headroom"][1] = 5.0
    status = layers_of(small, OUTLINES)["regions"].set_index("region")["status"]
    assert status.to_dict() == {"EAST": "built", "MID": "no candidate", "SOUTH": "no candidate", "WEST": "too small"}


# --- fields


def test_every_field_has_meaning_and_unit(geopackage: Path) -> None:
    with sqlite3.connect(geopackage) as base:
        told = pd.read_sql("SELECT * FROM gpkg_data_columns", base).set_index(["table_name", "column_name"])
        assert base.execute("SELECT count(*) FROM gpkg_extensions WHERE extension_name = 'gpkg_schema'").fetchone() == (
            2,
        )
        for layer, _kind in pyogrio.list_layers(geopackage):
            columns = [row[1] for row in base.execute(f"PRAGMA table_info({layer})")]
            for column in set(columns) - {"fid", "geom"}:
                if layer != "layer_styles":
                    assert told.loc[(layer, column), "description"]
    table = pyogrio.read_dataframe(geopackage, layer="fields").set_index(["layer", "field"])
    assert table.loc[("links", "flow_summer_mw"), "unit"] == "MW"
    assert table.loc[("sites", "cost_energy_musd"), "unit"] == "million USD"
    assert table.loc[("prices", "wholesale_usd_per_mwh_2026"), "unit"] == "USD/MWh"
    assert told.loc[("headroom", "headroom_shadow_usd_per_mw_2026q1"), "title"].endswith(
        "2026Q1 would save, present value [USD/MW]"
    )
    assert len(table) == len(told)


def unexplained(plan: xr.Dataset) -> list[str]:
    """Return the fields of a plan's layers and tables that have no meaning, and the numbers that have no unit."""
    found = []
    for name, table in (layers_of(plan) | tables_of(plan)).items():
        for column in map(str, table.columns):
            told, number = field_of(column), pd.api.types.is_numeric_dtype(table[column])
            if not told.meaning or (number and not told.unit and column not in (GEOMETRY, "quantity")):
                found.append(f"{name}: {column}")
    return found


def test_no_field_of_a_plan_is_without_a_meaning(quick_plan: Path) -> None:
    assert unexplained(open_plan(quick_plan)) == []
    with pytest.raises(KeyError, match="nonsense"):
        field_of("nonsense")


# --- styles


def test_every_layer_with_places_has_a_default_style(geopackage: Path) -> None:
    with sqlite3.connect(geopackage) as base:
        rows = base.execute("SELECT f_table_name, styleQML, styleSLD, useAsDefault FROM layer_styles").fetchall()
    assert {row[0] for row in rows} == PLACES
    for _name, as_qml, as_sld, default in rows:
        ET.fromstring(as_qml)
        ET.fromstring(as_sld)
        assert default == 1


def test_the_classes_of_a_style_cover_all_values(plan: xr.Dataset) -> None:
    layers = layers_of(plan, OUTLINES)
    for name, made in styles_of(layers).items():
        values = layers[name][made.field].dropna()
        if made.by_words:
            assert set(values) <= {one.value for one in made.classes}
        else:
            assert all(any(one.low <= value <= one.high for one in made.classes) for value in values)
            assert all(a.high == b.low for a, b in zip(made.classes, made.classes[1:], strict=False))
        assert qml(made).count("<symbol ") == sld(name, made).count("<Rule>") == len(made.classes)


def test_a_plan_of_nothing_is_written(plan: xr.Dataset, tmp_path: Path) -> None:
    empty = plan.copy(deep=True)
    for name in ("halls", "site", "purchase", "curtailment", "link_flow"):
        empty[name] = xr.zeros_like(plan[name])
    write_geopackage(empty, tmp_path / "plan.gpkg", OUTLINES)
    assert pyogrio.read_info(tmp_path / "plan.gpkg", layer="sites")["features"] == 0
    with sqlite3.connect(tmp_path / "plan.gpkg") as base:
        names = {row[0] for row in base.execute("SELECT f_table_name FROM layer_styles")}
    assert names == PLACES - {"sites", "sites_by_quarter"}


# --- other programs


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="ogrinfo (Debian: gdal-bin) is not installed")
def test_ogrinfo_lists_every_layer_without_a_warning(geopackage: Path) -> None:
    run = subprocess.run(
        ["ogrinfo", "-ro", "-so", "-al", str(geopackage)], capture_output=True, text=True, check=True, timeout=60
    )
    listed = {line.removeprefix("Layer name: ") for line in run.stdout.splitlines() if line.startswith("Layer name")}
    assert listed == {name for name, _kind in pyogrio.list_layers(geopackage)}
    assert run.stderr == ""
    assert "warning" not in run.stdout.lower()
    assert [entry.name for entry in geopackage.parent.iterdir()] == ["plan.gpkg"]


_IN_QGIS = """
import json, sys
from qgis.core import QgsApplication, QgsMapRendererSequentialJob, QgsMapSettings, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
app = QgsApplication([], False)
app.initQgis()
found, layers = {}, []
for name in sys.argv[2:]:
    layer = QgsVectorLayer(f"{sys.argv[1]}|layername={name}", name, "ogr")
    _, styled = layer.loadDefaultStyle()
    found[name] = {
        "valid": layer.isValid(), "styled": styled, "renderer": layer.renderer().type(), "crs": layer.crs().authid(),
        "legend": [item.label() for item in layer.renderer().legendSymbolItems()],
        "labels": layer.labelsEnabled(), "dated": layer.temporalProperties().isActive(),
    }
    layers.append(layer)
settings = QgsMapSettings()
settings.setLayers(layers)
settings.setOutputSize(QSize(300, 200))
settings.setDestinationCrs(layers[0].crs())
settings.setExtent(layers[0].extent())
job = QgsMapRendererSequentialJob(settings)
job.start()
job.waitForFinished()
image = job.renderedImage()
colors = {image.pixelColor(x, y).name() for x in range(0, 300, 3) for y in range(0, 200, 3)}
print(json.dumps({"layers": found, "colors": len(colors), "errors": [e.message for e in job.errors()]}))
"""


def _qgis_is_here() -> bool:
    asked = [SYSTEM_PYTHON, "-c", "import qgis.core"]
    return Path(SYSTEM_PYTHON).exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _qgis_is_here(), reason="PyQGIS (Debian: python3-qgis) is not installed")
def test_qgis_opens_the_layers_in_their_default_style(geopackage: Path) -> None:
    names = ["regions", "headroom", "prices", "links", "sites", "sites_by_quarter"]
    run = subprocess.run(
        [SYSTEM_PYTHON, "-c", _IN_QGIS, str(geopackage), *names], capture_output=True, text=True, check=True,
        timeout=120, env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": ""},
    )  # fmt: skip
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["errors"] == []
    assert told["colors"] > 4
    for name in names:
        layer = told["layers"][name]
        assert layer["valid"] and layer["styled"] and layer["crs"] == "EPSG:5070", name
        assert layer["renderer"] == ("categorizedSymbol" if name == "regions" else "graduatedSymbol")
        assert len(layer["legend"]) > 1
    assert told["layers"]["links"]["legend"][0] == "no flow"
    assert told["layers"]["sites"]["labels"]
    assert [name for name in names if told["layers"][name]["dated"]] == ["sites_by_quarter"]
