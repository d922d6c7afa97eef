"""The outline is valid, shares its borders and keeps the areas; every bad outline is refused by name."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from grid_opt.errors import ExitCode, InputError
from grid_opt.inputs.geography import read_outlines
from grid_opt.inputs.tables import read_table
from grid_opt.resources import data_dir

# Real areas [km2] as dissolved from the Census 2023 counties before simplification.
REAL_AREA_KM2 = {
    "CA_N": 177870,
    "CT": 12930,
    "DE": 5228,
    "FL_SE": 22285,
    "KS": 213115,
    "LA": 122896,
    "MA": 21305,
    "MD": 27169,
    "ME": 85695,
    "MI_UP": 43944,
    "MT_C": 214933,
    "NJ": 20156,
    "NV_N": 265468,
    "NY_LI": 3848,
    "NY_NYC": 920,
    "RI": 2848,
    "TX_W": 209215,
    "WA_W": 65642,
}


@pytest.fixture(scope="module")
def bundled() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((data_dir() / "zones.geojson").read_text(encoding="utf-8"))
    return content


def refused(folder: Path, content: dict[str, Any] | str) -> InputError:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "zones.geojson").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_outlines(folder)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert caught.value.file == str(folder / "zones.geojson")
    return caught.value


def with_geometry(bundled: dict[str, Any], zone: str, geometry: object) -> dict[str, Any]:
    content = copy.deepcopy(bundled)
    feature = next(f for f in content["features"] if f["properties"]["zone"] == zone)
    feature["geometry"] = geometry
    return content


def test_every_zone_is_there_and_valid() -> None:
    outlines = read_outlines()
    assert list(outlines["zone"]) == list(read_table("zones")["zone"])
    assert outlines.crs.to_epsg() == 4326
    assert outlines.geometry.is_valid.all()
    assert "CT" in set(outlines["zone"])


def test_borders_are_shared() -> None:
    shapes = read_outlines().geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    joined = shapely.union_all(shapes)
    assert joined.area == pytest.approx(sum(shape.area for shape in shapes), rel=1e-9)
    country = max(shapely.get_parts(joined), key=lambda part: part.area)
    assert all(shapely.Polygon(hole).area < 0.02 for hole in shapely.get_rings(country)[1:])


def test_areas_are_kept() -> None:
    outlines = read_outlines().to_crs("EPSG:5070").set_index("zone")
    area = outlines.area / 1e6
    for zone, real in REAL_AREA_KM2.items():
        assert area[zone] == pytest.approx(real, rel=0.02), zone


def test_size_is_small() -> None:
    assert (data_dir() / "zones.geojson").stat().st_size < 120_000


def test_most_centers_lie_in_their_zone() -> None:
    zones, outlines = read_table("zones"), read_outlines()
    points = shapely.points(zones["longitude_deg"], zones["latitude_deg"])
    assert shapely.contains(outlines.geometry.to_numpy(), points).mean() > 0.9


def test_bow_tie(tmp_path: Path, bundled: dict[str, Any]) -> None:
    ring = [[-100.0, 40.0], [-99.0, 41.0], [-99.0, 40.0], [-100.0, 41.0], [-100.0, 40.0]]
    error = refused(tmp_path, with_geometry(bundled, "KS", {"type": "Polygon", "coordinates": [ring]}))
    assert "zone KS crosses itself (a bow-tie) at longitude -99.5000, latitude 40.5000" in str(error)
    assert error.field == "geometry"


def test_swapped_coordinates(tmp_path: Path, bundled: dict[str, Any]) -> None:
    ring = [[40.0, -100.0], [41.0, -100.0], [41.0, -99.0], [40.0, -100.0]]
    error = refused(tmp_path, with_geometry(bundled, "KS", {"type": "Polygon", "coordinates": [ring]}))
    assert "latitude and longitude look swapped" in str(error)
    assert "zone KS" in str(error.row)


def test_projected_coordinates(tmp_path: Path, bundled: dict[str, Any]) -> None:
    ring = [[0.0, 1e6], [1e5, 1e6], [1e5, 1.1e6], [0.0, 1e6]]
    error = refused(tmp_path, with_geometry(bundled, "KS", {"type": "Polygon", "coordinates": [ring]}))
    assert "not in the United States" in str(error)


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {"type": "Point", "coordinates": [-100.0, 40.0]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[-100.0, 40.0], [-99.0, 41.0]]]},
        {"type": "Blob", "coordinates": [1]},
        {"type": "Polygon", "coordinates": [[["a", "b"], ["c", "d"], ["e", "f"], ["a", "b"]]]},
    ],
)
def test_not_a_polygon(tmp_path: Path, bundled: dict[str, Any], geometry: object) -> None:
    assert refused(tmp_path, with_geometry(bundled, "KS", geometry)).field == "geometry"


def test_unknown_missing_and_duplicate_zone(tmp_path: Path, bundled: dict[str, Any]) -> None:
    content = copy.deepcopy(bundled)
    content["features"][3]["properties"]["zone"] = "ZZ"
    error = refused(tmp_path, content)
    assert ("unknown zone" in str(error), error.value) == (True, "ZZ")
    content["features"][3]["properties"] = {"name": "no zone"}
    assert "feature without a zone" in str(refused(tmp_path, content))
    gone = content["features"].pop(3)
    assert gone is not None
    error = refused(tmp_path, content)
    assert "missing zone: AZ_N" in str(error)
    content["features"].append(copy.deepcopy(content["features"][0]))
    error = refused(tmp_path, content)
    assert ("duplicate zone" in str(error), error.value) == (True, "AL")


@pytest.mark.parametrize("text", ["", "zone,wkt\n", "[1, 2]", '{"type": "Polygon"}', '{"features": [1]}'])
def test_not_geojson(tmp_path: Path, text: str) -> None:
    assert "not GeoJSON" in str(refused(tmp_path, text))
