"""The still map: a picture of the plan in which nothing covers anything else."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import rgb_to_hsv, to_rgb
from matplotlib.image import imread
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.plan.io import write_plan
from grid_opt.report import labels, map_panel, map_static, style
from grid_opt.report.geopackage import write_geopackage
from grid_opt.report.labels import Box, Circle
from grid_opt.report.map_static import write_map
from tests.plan_fixture import OUTLINES, plan_by_hand


def as_map(plan: xr.Dataset, path: Path) -> None:
    write_map(plan, path, outlines=OUTLINES)


@pytest.fixture(scope="module")
def plan() -> xr.Dataset:
    return plan_by_hand()


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
    assert "1 site in service through 2026Q1" in words
    assert "10 MW IT = 12 MW towards the 10 MW target (at PUE 1.25); draws up to 12 MW from the grid" in words
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
    write_geopackage(bare, tmp_path / "plan.gpkg", OUTLINES)
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


def test_the_legend_tells_only_what_the_map_shows(plan: xr.Dataset) -> None:
    binds, small = "its limit binds, more saves money", "candidate without headroom for a campus by 2026Q4"
    shown = _words(map_static.draw(plan, "2026Q4", OUTLINES))
    assert binds not in shown
    assert small not in shown
    tight = plan.copy(deep=True)
    tight["link_flow"][0, -1, :] = 40.0
    tight["dual_link"][0, -1, :] = 1e5
    tight["headroom"][1, :] = 13.0  # one hall of the two that a campus needs
    shown = _words(map_static.draw(tight, "2026Q4", OUTLINES))
    assert binds in shown
    assert small in shown


def test_only_flows_of_some_size_are_drawn() -> None:
    scale = map_panel.Scale.fitting(np.array([130.0]), np.array([-60.0, 2.9]))
    assert scale.least_flow_mw == pytest.approx(3.0)
    assert scale.diameter(map_panel.round_up(130.0)) >= scale.full_diameter


@pytest.mark.parametrize(
    ("value", "above"), [(1.0, 1.0), (130.0, 150.0), (50.0, 50.0), (61.0, 80.0), (99.0, 100.0), (0.3, 0.3), (8.1, 10.0)]
)
def test_the_area_legend_covers_the_largest_site(value: float, above: float) -> None:
    assert map_panel.round_up(value) == pytest.approx(above)


def test_a_price_has_no_color_of_a_site() -> None:
    for shade in style.PRICE_COLORS:
        assert rgb_to_hsv(to_rgb(shade))[1] < 0.1, shade
    for color in (*style.REGION_COLORS, style.ALERT):
        assert rgb_to_hsv(to_rgb(color))[1] > 0.3, color


def _words(figure: mpl.figure.Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


def test_the_map_command_draws_the_outlines_of_the_plan(plan: xr.Dataset, tmp_path: Path) -> None:
    as_map(plan, tmp_path / "run.png")
    write_plan(plan, OUTLINES, tmp_path / "plan.nc")
    result = CliRunner().invoke(app, ["map", str(tmp_path / "plan.nc")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "map.png").read_bytes() == (tmp_path / "run.png").read_bytes()


def test_crowded_labels_touch_nothing() -> None:
    rng = np.random.default_rng(3)
    circles = [Circle(rng.uniform(300, 900), rng.uniform(300, 900), radius) for radius in rng.uniform(5, 40, 14)]
    sizes = [(width, 36.0) for width in rng.uniform(90, 220, 14)]
    page = Box(0.0, 0.0, 1300.0, 1100.0)
    boxes = labels.place(circles, sizes, page)
    for box, (width, height) in zip(boxes, sizes, strict=True):
        assert box.outside(page) == 0.0
        assert (box.x1 - box.x0, box.y1 - box.y0) == pytest.approx((width, height))
        assert all(box.gap(circle) >= 0.0 for circle in circles)
    assert all(a.overlap(b) == 0.0 for a, b in itertools.combinations(boxes, 2))


def test_a_label_leaves_a_flow_free_where_there_is_room() -> None:
    circle, size, page = Circle(500.0, 500.0, 20.0), (150.0, 36.0), Box(0.0, 0.0, 1000.0, 1000.0)
    line = [Circle(500.0 + 10 * step, 500.0, 3.0) for step in range(30)]
    (beside,) = labels.place([circle], [size], page)
    assert beside.x0 > circle.x
    (moved,) = labels.place([circle], [size], page, dots=line)
    assert all(moved.gap(dot) >= 0.0 for dot in line)


def test_spread_keeps_the_order_and_the_gap() -> None:
    moved = labels.spread([1.0, 1.1, 1.2, 9.9], 2.0, 0.0, 10.0)
    assert all(b - a >= 2.0 - 1e-9 for a, b in itertools.pairwise(moved))
    assert min(moved) >= 0.0
    assert max(moved) <= 10.0
    assert labels.spread([5.0], 2.0, 0.0, 10.0) == [5.0]
