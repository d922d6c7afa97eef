"""What a planner opens: map, GeoPackage, tables and the summary on the terminal."""

from __future__ import annotations

import hashlib
import io
import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import pyogrio
import pytest
import xarray as xr
from matplotlib.image import imread
from rich.console import Console

from grid_opt.plan.summary import cost_usd, summarize
from grid_opt.report import frames, labels, map_static
from grid_opt.report.geopackage import write_geopackage
from grid_opt.report.labels import Box, Circle
from grid_opt.report.map_static import write_map
from grid_opt.report.tables import safe_text, tables_of, write_csv
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


# --- map


def test_the_map_is_a_picture_of_the_expected_size(plan: xr.Dataset, tmp_path: Path) -> None:
    as_map(plan, tmp_path / "map.png")
    picture = imread(tmp_path / "map.png")
    assert picture.shape == (1480, 2640, 4)
    colors = np.unique((picture[::4, ::4, :3] * 255).astype(int).reshape(-1, 3), axis=0)
    assert len(colors) > 100
    assert not any(b"tIME" in part for part in [(tmp_path / "map.png").read_bytes()])


def test_the_map_leaves_the_settings_of_the_user_alone(plan: xr.Dataset, tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 31.0, "lines.linewidth": 9.0}):
        before = dict(mpl.rcParams)
        as_map(plan, tmp_path / "changed.png")
        assert dict(mpl.rcParams) == before
    as_map(plan, tmp_path / "plain.png")
    assert (tmp_path / "changed.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_an_earlier_quarter_shows_only_what_is_on(plan: xr.Dataset) -> None:
    words = " | ".join(_words(map_static.draw(plan, "2026Q1", OUTLINES)))
    assert "10" in words
    assert "in 1 region by 2026Q1" in words
    assert "West" not in words


def test_an_unknown_quarter_or_suffix_is_refused(plan: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2031Q1"):
        write_map(plan, tmp_path / "map.png", quarter="2031Q1", outlines=OUTLINES)
    with pytest.raises(ValueError, match=r"\.pdf"):
        as_map(plan, tmp_path / "map.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_plan_without_network_or_shadow_prices_is_drawn(plan: xr.Dataset, tmp_path: Path) -> None:
    network = ["link_flow", "angle", "zone_supply"]
    bare = plan.drop_vars([*network, *(str(name) for name in plan if str(name).startswith("dual_"))])
    as_map(bare, tmp_path / "map.png")
    as_geopackage(bare, tmp_path / "plan.gpkg")
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_no_words_on_the_map_leave_the_page_or_cover_each_other(plan: xr.Dataset) -> None:
    figure = map_static.draw(plan, "2026Q4", OUTLINES)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    page = Box(0.0, 0.0, figure.bbox.width, figure.bbox.height)
    boxes = {}
    for text in figure.findobj(mpl.text.Text):
        if text.get_visible() and text.get_text().strip() and not text.get_text().isspace():
            boxes[f"{text.get_text()} {id(text)}"] = Box(*text.get_window_extent(renderer).extents)
    for words, box in boxes.items():
        assert box.outside(page) == 0.0, words
    for (one, first), (two, second) in itertools.combinations(boxes.items(), 2):
        assert first.overlap(second) == 0.0, (one, two)


def _words(figure: mpl.figure.Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


def test_crowded_labels_touch_nothing() -> None:
    rng = np.random.default_rng(3)
    circles = [Circle(*rng.uniform(300, 900, 2), radius) for radius in rng.uniform(5, 40, 14)]
    sizes = [(width, 36.0) for width in rng.uniform(90, 220, 14)]
    page = Box(0.0, 0.0, 1300.0, 1100.0)
    boxes = labels.place(circles, sizes, page)
    for box, (width, height) in zip(boxes, sizes, strict=True):
        assert box.outside(page) == 0.0
        assert (box.x1 - box.x0, box.y1 - box.y0) == pytest.approx((width, height))
        assert all(box.gap(circle) >= 0.0 for circle in circles)
    assert all(a.overlap(b) == 0.0 for a, b in itertools.combinations(boxes, 2))


def test_spread_keeps_the_order_and_the_gap() -> None:
    moved = labels.spread([1.0, 1.1, 1.2, 9.9], 2.0, 0.0, 10.0)
    assert all(b - a >= 2.0 - 1e-9 for a, b in itertools.pairwise(moved))
    assert min(moved) >= 0.0
    assert max(moved) <= 10.0
    assert labels.spread([5.0], 2.0, 0.0, 10.0) == [5.0]


def test_names_are_cut_to_one_safe_line() -> None:
    line = plain(HOSTILE, 60)
    assert len(line) <= 60
    assert line.isprintable()
    assert short("Northern & Eastern Virginia (Dominion)", 30) == "Northern & Eastern Virginia"


# --- GeoPackage


def test_the_geopackage_has_its_layers_in_albers(geopackage: Path) -> None:
    assert dict(pyogrio.list_layers(geopackage)) == {
        "sites": "Point",
        "regions": "MultiPolygon",
        "links": "LineString",
        "build_out": None,
    }
    for layer in ("sites", "regions", "links"):
        assert pyogrio.read_info(geopackage, layer=layer)["crs"] == "EPSG:5070"
    with sqlite3.connect(geopackage) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (10300,)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert len(base.execute("SELECT DISTINCT last_change FROM gpkg_contents").fetchall()) == 1


def test_the_geopackage_says_what_the_plan_says(plan: xr.Dataset, geopackage: Path) -> None:
    sites = gpd.read_file(geopackage, layer="sites").set_index("region")
    assert sites["it_mw"].to_dict() == {"EAST": 30.0, "WEST": 30.0}
    assert sites["facility_mw"].sum() == pytest.approx(float(frames.facility_mw(plan)[:, -1].sum()))
    assert sites["opens"].to_dict() == {"EAST": "2026Q1", "WEST": "2026Q2"}
    assert sites["it_mw_2026q2"].to_dict() == {"EAST": 20.0, "WEST": 10.0}
    assert sites["cost_total_musd"].sum() == pytest.approx(plan.attrs["objective_musd"])
    regions = gpd.read_file(geopackage, layer="regions").set_index("region")
    assert len(regions) == plan.sizes["zone"]
    assert regions["candidate"].sum() == plan.sizes["region"]
    assert regions.loc["EAST", "headroom_left_mw"] == pytest.approx(40.0 - 1.2 * 30.0)
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
    use = np.where(flow >= 0, flow / links["limit_forward_mw"], -flow / links["limit_reverse_mw"])
    assert links["utilization_summer"].to_numpy() == pytest.approx(use)
    assert (links["utilization"] >= links["utilization_summer"] - 1e-12).all()
    assert set(links["tightest_hour"]) <= {"summer", "winter"}


def test_a_full_link_binds_where_more_would_save_money(plan: xr.Dataset) -> None:
    full = plan.drop_vars("dual_link", errors="ignore")
    full["link_forward"] = plan["link_forward"].copy(data=np.full(4, 1e3))
    full["link_reverse"] = plan["link_reverse"].copy(data=np.full(4, 1e3))
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


# --- tables


def test_the_all_in_price_pays_the_power_bill(plan: xr.Dataset) -> None:
    # The rider is a fixed price per MWh, so its cost tells the discounted energy.
    bill = {name: cost_usd(plan, name).sum("year").values for name in ("energy", "rider", "delivery", "capacity")}
    bought = bill["rider"] / plan["delivery_rider"].values
    metered = bought / (1.0 + plan["loss"].values)
    price = frames.power_costs(plan)["all_in_price_usd_per_mwh"]
    assert price.to_numpy() * metered == pytest.approx(sum(bill.values()))


def test_the_tables_add_up_to_the_plan(plan: xr.Dataset, tmp_path: Path) -> None:
    paths = write_csv(plan, tmp_path / "tables")
    read = {path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in paths}
    assert set(read) == set(tables_of(plan))
    assert read["costs"]["cost_musd"].sum() == pytest.approx(plan.attrs["objective_musd"])
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


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1", "\n=1"])
def test_a_formula_becomes_text(text: str) -> None:
    assert safe_text(text) == "'" + text


def test_a_name_stays_a_name() -> None:
    assert safe_text("NA") == "NA"
    assert safe_text("EAST>MID") == "EAST>MID"


# --- terminal


def printed(summary: dict[str, Any], width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_summary(summary, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_summary_fits_and_says_the_headline(plan: xr.Dataset) -> None:
    report = {"ok": True, "checked": 41, "failed": []}
    summary = summarize(plan)
    counted = summary["quarters"][-1]["counted_mw"]
    text = printed(summary | {"verification": report})
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\x1b" not in text, "no colors where there is no terminal"
    for words in (
        "Two campuses by hand",
        f"{counted:,.0f} MW facility (60 MW IT, 75 MW facility at design PUE) at 2 sites by 2026Q4",
        "yes, 41 checks passed",
    ):
        assert words in text
    assert f"{plan.attrs['objective_musd']:,.1f}" in text
    assert "0.04 %" in text


def test_the_summary_says_what_failed_and_what_was_not_verified(plan: xr.Dataset) -> None:
    report = {"ok": False, "checked": 41, "failed": ["tranche", "energy_bill"]}
    assert "NO: 2 of 41 checks failed: tranche, energy_bill" in printed(summarize(plan) | {"verification": report})
    assert "not yet" in printed(summarize(plan))


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_hostile_names_are_text_on_every_terminal(hostile_plan: xr.Dataset, width: int) -> None:
    text = printed(summarize(hostile_plan), width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "=cmd()" in text
