"""A plan file keeps everything, is the same every time, and says clearly when it is no good."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import netCDF4
import numpy as np
import pytest
import xarray as xr

from grid_opt.errors import InputError
from grid_opt.inputs.schema import WORLD
from grid_opt.plan.cf import _DIM_NAMES
from grid_opt.plan.geometry import from_geojson
from grid_opt.plan.io import open_plan, read_outlines, write_plan
from grid_opt.plan.schema import NODAL_DECISIONS
from grid_opt.verify import verify
from tests.plan_fixture import OUTLINES

pytest_plugins = ["tests.plan_plugin"]


@pytest.fixture
def path(hand_plan: xr.Dataset, tmp_path: Path) -> Path:
    file = tmp_path / "plan.nc"
    write_plan(hand_plan, OUTLINES, file)
    return file


def test_what_was_written_is_read(hand_plan: xr.Dataset, path: Path) -> None:
    found = open_plan(path)
    assert set(found.variables) == set(hand_plan.variables)
    for name, variable in hand_plan.variables.items():
        assert found[name].dims == variable.dims
        np.testing.assert_array_equal(found[name].values, variable.values)
        if variable.attrs.get("units"):
            assert found[name].attrs["units"] == variable.attrs["units"]
            assert found[name].attrs["long_name"] == variable.attrs["long_name"]
    for name, value in hand_plan.attrs.items():
        assert found.attrs[name] == value


def test_same_plan_same_bytes(hand_plan: xr.Dataset, path: Path) -> None:
    again = path.with_name("again.nc")
    write_plan(hand_plan, OUTLINES, again)
    assert again.read_bytes() == path.read_bytes()


def test_same_bytes_in_another_process(path: Path, root: Path) -> None:
    code = (
        "import sys\n"
        "from grid_opt.plan.io import write_plan\n"
        "from tests.plan_fixture import OUTLINES, plan_by_hand\n"
        "write_plan(plan_by_hand(), OUTLINES, sys.argv[1])\n"
    )
    other = path.with_name("other.nc")
    subprocess.run([sys.executable, "-c", code, str(other)], check=True, cwd=root)
    assert hashlib.sha256(other.read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()


def test_reading_and_writing_again_changes_nothing(path: Path) -> None:
    again = path.with_name("again.nc")
    write_plan(open_plan(path), read_outlines(path), again)
    assert again.read_bytes() == path.read_bytes()


def test_order_of_arrays_and_attributes_does_not_matter(hand_plan: xr.Dataset, path: Path) -> None:
    turned = hand_plan[sorted(hand_plan.data_vars, reverse=True)]
    turned.attrs = dict(reversed(list(hand_plan.attrs.items())))
    again = path.with_name("again.nc")
    write_plan(turned, OUTLINES, again)
    assert again.read_bytes() == path.read_bytes()


def test_xarray_alone_reads_labels_times_and_units(path: Path) -> None:
    with xr.open_dataset(path) as found:
        assert int(found["halls"].sel(region="WEST", quarter="2026Q3")) == 2
        assert found["price"].attrs["units"] == "MW-1 h-1"
        assert found["price"].attrs["currency"] == "USD"
        assert found["price"].attrs["price_base_year"] == 2024
        assert found["purchase"].attrs["units"] == "MW"
        first = found["quarter_time_bounds"].values[0]
        assert str(first[0]).startswith("2026-01-01") and str(first[1]).startswith("2026-04-01")
        last = found["year_time_bounds"].values[-1]
        assert str(last[0]).startswith("2027-01-01") and str(last[1]).startswith("2029-01-01")


def test_geometry_container(path: Path) -> None:
    with netCDF4.Dataset(path) as file:
        container = file["region_geometry"]
        assert container.geometry_type == "polygon"
        assert file["halls"].geometry == "region_geometry"
        assert file["surplus"].geometry == "zone_geometry"
        assert file["region_node_count"][:].tolist() == [10, 10]
        assert file["region_part_node_count"][:].tolist() == [5, 5, 5, 5]
        assert file["region_interior_ring"][:].tolist() == [0, 1, 0, 0]
        assert container.node_coordinates == "region_node_lon region_node_lat"


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


def test_outlines_come_back_closed_and_oriented(path: Path) -> None:
    found = read_outlines(path)
    assert set(found) == {"EAST", "MID", "SOUTH", "WEST"}
    ((outer, hole),) = found["EAST"]
    assert _area(outer) == pytest.approx(4.0)
    assert _area(hole) == pytest.approx(-0.25)
    assert [len(polygon) for polygon in found["WEST"]] == [1, 1]
    for polygons in found.values():
        for polygon in polygons:
            for ring in polygon:
                np.testing.assert_array_equal(ring[0], ring[-1])


def test_plan_without_outlines(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    write_plan(hand_plan, {}, tmp_path / "plan.nc")
    assert read_outlines(tmp_path / "plan.nc") == {}
    assert verify(tmp_path / "plan.nc", compare_tables=False).ok


def test_geojson_geometries() -> None:
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
    assert from_geojson({"type": "Polygon", "coordinates": [ring]}) == [[ring]]
    assert from_geojson({"type": "MultiPolygon", "coordinates": [[ring], [ring]]}) == [[ring], [ring]]
    with pytest.raises(ValueError, match="LineString"):
        from_geojson({"type": "LineString", "coordinates": ring})


def test_fractions_of_halls_stay_visible(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    hand_plan["halls"][0, 1] = 2.0000001
    write_plan(hand_plan, OUTLINES, tmp_path / "plan.nc")
    assert float(open_plan(tmp_path / "plan.nc")["halls"][0, 1]) == 2.0000001


def test_missing_prices_come_back_missing(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    hand_plan["dual_power"][1, 0] = np.nan
    write_plan(hand_plan, OUTLINES, tmp_path / "plan.nc")
    assert bool(np.isnan(open_plan(tmp_path / "plan.nc")["dual_power"][1, 0]).all())


def test_unknown_unit_is_refused(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    hand_plan["price"].attrs["units"] = "doubloons"
    with pytest.raises(ValueError, match="price has the unit 'doubloons'"):
        write_plan(hand_plan, OUTLINES, tmp_path / "plan.nc")
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_one_clear_line(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"plan\.nc") as raised:
        write_plan(hand_plan, OUTLINES, tmp_path / "nowhere" / "plan.nc")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("free", "reason"), [(0, "No space left"), (10**12, "Input/output error")])
def test_failed_write_keeps_the_old_file(
    hand_plan: xr.Dataset, path: Path, monkeypatch: pytest.MonkeyPatch, free: int, reason: str
) -> None:
    before = path.read_bytes()

    def fail(*args: object, **kwargs: object) -> None:
        Path(str(args[1])).write_bytes(b"half")
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
    with pytest.raises(OSError, match=reason) as raised:
        write_plan(hand_plan, OUTLINES, path)
    assert raised.value.filename == str(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["plan.nc"]


def _refused(path: Path) -> InputError:
    with pytest.raises(InputError) as raised:
        open_plan(path)
    error = raised.value
    assert error.file == str(path)
    assert error.expected and error.fix
    return error


def test_missing_file(tmp_path: Path) -> None:
    assert "No such file" in _refused(tmp_path / "none.nc").problem


def test_folder(tmp_path: Path) -> None:
    _refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"CDF\x01 classic", b'{"json": 1}'])
def test_not_a_plan_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.nc"
    path.write_bytes(content)
    assert _refused(path).problem == "this is not a plan file"


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.7, 0.999])
def test_truncated_file(path: Path, keep: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert "damaged or cut short" in _refused(path).problem


def test_other_netcdf_file(tmp_path: Path) -> None:
    path = tmp_path / "weather.nc"
    xr.Dataset({"wind": ("time", [1.0, 2.0])}).to_netcdf(path)
    assert "is not a plan" in _refused(path).problem


@pytest.mark.parametrize("version", [99, "one"])
def test_newer_format(path: Path, version: object) -> None:
    with netCDF4.Dataset(path, "a") as file:
        file.setncattr("plan_format_version", version)
    error = _refused(path)
    assert error.field == "plan_format_version"


FLIPS = """
import sys
from pathlib import Path
from types import SimpleNamespace
import xarray as xr
from grid_opt.errors import InputError
from grid_opt.plan.io import DIGEST, digest, open_plan
source, count = Path(sys.argv[1]), int(sys.argv[2])
content = source.read_bytes()
sound = open_plan(source)
target = source.with_name("flipped.nc")
for number in range(count):
    flipped = bytearray(content)
    flipped[number * len(content) // count] ^= 0xFF
    target.write_bytes(flipped)
    try:
        found = open_plan(target)
    except InputError as error:
        assert error.fix
        print("refused")
        continue
    same = all(n in found and found[n].variable.equals(sound[n].variable) for n in sound.variables)
    seen = digest(found) != found.attrs.get(DIGEST)
    print("harmless" if same else "seen" if seen else "silent")
"""


def test_no_flipped_byte_goes_unseen(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FLIPS, str(path), "150"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert len(found) == 150
    assert "silent" not in found
    assert "refused" in found


CHECKER = """
import functools, os, sys
from compliance_checker.cf import util
sys.path.insert(0, os.path.dirname(sys.executable))
from cchecker import main

for name in ("get_auxiliary_coordinate_variables", "get_time_variable", "get_time_variables", "get_axis_variables",
             "get_z_variable", "get_z_variables", "get_latitude_variables", "get_longitude_variables",
             "get_lon_variable", "get_lat_variable", "get_climatology_variable", "get_geophysical_variables"):
    asked = functools.lru_cache(None)(getattr(util, name))
    setattr(util, name, asked)
sys.exit(main())
"""
"""Run the checker; what it asks of an unchanging file thousands of times is answered once."""


def _findings(path: Path, suite: str, folder: Path) -> dict[str, object]:
    report = folder / "report.json"
    subprocess.run(
        [sys.executable, "-c", CHECKER, "-t", suite, "-c", "strict", "-f", "json", "-o", report, path],
        check=False,
        capture_output=True,
    )
    found: dict[str, object] = json.loads(report.read_text())[suite]
    return found


def _high(found: dict[str, object]) -> list[str]:
    results = found["high_priorities"]
    assert isinstance(results, list)
    return [m for r in results if r["value"][0] != r["value"][1] for m in r["msgs"]]


def test_cf_checker_has_no_high_priority_finding(quick_plan: Path, tmp_path: Path) -> None:
    assert _high(_findings(quick_plan, "cf:1.11", tmp_path)) == []


def test_acdd_checker_misses_only_names_that_do_not_exist(quick_plan: Path, tmp_path: Path) -> None:
    # The CF table has no standard name for MW of computers or USD, and CF forbids others.
    assert set(_high(_findings(quick_plan, "acdd:1.3", tmp_path))) <= {"standard_name"}


def test_hand_made_plan_is_cf_too(path: Path, tmp_path: Path) -> None:
    assert _high(_findings(path, "cf:1.11", tmp_path)) == []


def test_every_dimension_of_the_world_says_what_it_is() -> None:
    used = {dim for array in (*WORLD.values(), *NODAL_DECISIONS.values()) for dim in array.dims}
    assert used <= set(_DIM_NAMES), used - set(_DIM_NAMES)
