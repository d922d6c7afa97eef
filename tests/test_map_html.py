"""The map for the browser: one file that opens offline, and shows names as text and the numbers of the plan."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.plan.io import write_plan
from grid_opt.report import binding, frames
from grid_opt.report.map_html import map_page, write_map_html
from tests.chromium import Tab, browser, needs_chromium
from tests.plan_fixture import OUTLINES, plan_by_hand

HOSTILE = (
    "<img src=x onerror=alert(1)></script><script>alert(2)</script>=cmd() \x1b[31m\u202eevil\u202c & \"'" + "x" * 10_000
)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


def hostile(plan: xr.Dataset) -> xr.Dataset:
    """Make every text of a plan hostile that is no label."""
    for name, variable in list(plan.data_vars.items()):
        if variable.dtype.kind in "OU" and not str(name).startswith("link_"):
            values = variable.values.astype(object)
            values[...] = HOSTILE
            plan[name] = (variable.dims, values, variable.attrs)
    case = str(plan.attrs["case_toml"]).replace('"Two campuses by hand"', json.dumps(HOSTILE[:190]))
    assert HOSTILE[:20] in case
    return plan.assign_attrs(case_toml=case, hours_source=HOSTILE)


@pytest.fixture(scope="module")
def plan() -> xr.Dataset:
    return plan_by_hand()


@pytest.fixture(scope="module")
def page(plan: xr.Dataset) -> str:
    return map_page(plan, OUTLINES)


def test_the_page_holds_what_the_plan_says(plan: xr.Dataset, page: str) -> None:
    data = data_of(page)
    assert data["quarters"] == plan["quarter"].values.tolist()
    places = {place["id"]: place for place in data["places"]}
    assert set(places) == set(plan["zone"].values.tolist())
    assert places["EAST"]["it"] == [10, 20, 30, 30]
    assert places["WEST"]["opens"] == "2026Q2"
    assert "it" not in places["MID"], "no candidate"
    layers = {layer["key"]: layer for layer in data["layers"]}
    order = [place["id"] for place in data["places"]]
    left = frames.regions(plan, "2026Q3")["headroom_left_mw"]
    assert layers["left"]["values"][2][order.index("EAST")] == pytest.approx(left["EAST"])
    assert layers["price"]["values"][0][order.index("MID")] is None
    for layer in layers.values():
        assert len(layer["colors"]) == len(layer["steps"]) - 1
    flow = plan["link_flow"].sel(stress="summer", quarter="2026Q4").values
    assert data["links"]["frames"]["summer"][3]["flow"] == pytest.approx(flow.tolist(), abs=0.06)
    assert places["EAST"]["binds"][2] == ["Headroom binds: one MW more would save $100.", "It grows as fast as one "
                                          "campus may: 1 halls a quarter."]  # fmt: skip


def test_the_reasons_are_those_of_the_numbers(plan: xr.Dataset) -> None:
    whole = binding.at_the_end(plan)
    assert whole["EAST"] == ["Headroom and offers hold no further hall by 2026Q4."]
    unbuilt = plan.copy()
    unbuilt["halls"] = xr.zeros_like(plan["halls"])
    assert (
        "Not chosen: it could hold up to 30 MW IT by 2026Q4, a smallest campus from 2026Q2 on"
        in (binding.at_the_end(unbuilt)["EAST"][0])
    )
    unbuilt["headroom"] = xr.full_like(plan["headroom"], 15.0)
    assert binding.at_the_end(unbuilt)["EAST"] == [
        "No campus fits: headroom and offers hold 10 MW IT by 2026Q4, the smallest campus has 20 MW."
    ]


def test_the_same_plan_gives_the_same_bytes(plan: xr.Dataset, page: str) -> None:
    assert map_page(plan, OUTLINES) == page


def test_the_tables_say_it_without_a_script(page: str) -> None:
    assert '<th scope="row">EAST</th><td>East</td><td>PJM</td><td>2026Q1</td><td class="n">10</td>' in page
    assert "Headroom binds in 2026Q3; one MW more would save up to $100." in page


def test_nothing_in_the_page_names_another_place(page: str) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write", page)
    assert not re.search(r"<[^>]+\son\w+=|<[^>]+\sstyle=", page), "no handlers and no styles in tags"


def test_hostile_names_stay_text(plan: xr.Dataset) -> None:
    page = map_page(hostile(plan.copy(deep=True)), OUTLINES)
    assert "<img" not in page
    assert page.count("<script") == 2
    assert "\x1b" not in page and "\u202e" not in page
    assert len(page) < 500_000
    assert "=cmd()" in data_of(page)["places"][0]["name"]


def test_a_failure_while_writing_leaves_the_earlier_file(
    plan: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "map.html").write_text("earlier")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_map_html(plan, tmp_path / "map.html", OUTLINES)
    assert (tmp_path / "map.html").read_text() == "earlier"


def test_the_command_writes_both_maps_or_what_is_asked(plan: xr.Dataset, page: str, tmp_path: Path) -> None:
    write_plan(plan, OUTLINES, tmp_path / "plan.nc")
    run = CliRunner().invoke(app, ["map", str(tmp_path / "plan.nc"), "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["all_written"] == [str(tmp_path / "map.png"), str(tmp_path / "map.html")]
    assert (tmp_path / "map.html").read_text(encoding="utf-8") == page
    run = CliRunner().invoke(app, ["map", str(tmp_path / "plan.nc"), "--out", str(tmp_path / "a.html")])
    assert run.exit_code == 0, run.output
    assert (tmp_path / "a.html").exists()
    for wrong in (["--out", str(tmp_path / "a.pdf")], ["--format", "png", "--out", str(tmp_path / "a.html")]):
        run = CliRunner().invoke(app, ["map", str(tmp_path / "plan.nc"), *wrong])
        assert run.exit_code == 2
        assert "to fix:" in run.output


def large_plan(zones: int = 90, quarters: int = 12) -> tuple[xr.Dataset, dict[str, Any]]:
    """Return a plan of as many candidates and quarters as the largest case, made of the small one."""
    small = plan_by_hand()
    ids = [f"Z{k:02d}" for k in range(zones)]
    pick = {"zone": [k % 4 for k in range(zones)], "region": [k % 2 for k in range(zones)],
            "quarter": [k % 4 for k in range(quarters)], "link": [k % 4 for k in range(195)]}  # fmt: skip
    large = small.isel(pick)
    labels = [f"{2026 + k // 4}Q{1 + k % 4}" for k in range(quarters)]
    rng = np.random.default_rng(5)
    large = large.assign_coords(zone=ids, region=ids, quarter=labels, link=[f"L{k}" for k in range(195)])
    ends = rng.integers(0, zones, (2, 195))
    for name, row in zip(("link_from", "link_to"), ends, strict=True):
        large[name] = ("link", [ids[k] for k in row], {})
    large["link_flow"] = (("link", "quarter", "stress"), rng.normal(0, 20, (195, quarters, 2)), {})
    lon, lat = rng.uniform(-122, -72, zones), rng.uniform(28, 47, zones)
    large["zone_lon"], large["zone_lat"] = ("zone", lon), ("zone", lat)
    case = str(small.attrs["case_toml"]).replace('last_quarter = "2026Q4"', f'last_quarter = "{labels[-1]}"')
    case = case.replace('["EAST", "WEST"]', json.dumps(ids))
    turn = np.linspace(0, 2 * np.pi, 120)[:-1]
    shapes = {
        zone: [[np.column_stack([x + np.cos(turn), y + np.sin(turn)]).tolist()]]
        for zone, x, y in zip(ids, lon, lat, strict=True)
    }
    years = large.reindex(year=[2026, 2027, 2028], method="nearest")
    return years.assign_attrs(case_toml=case), shapes


def test_the_largest_plan_is_small_and_soon_written(tmp_path: Path) -> None:
    plan, shapes = large_plan()
    start = time.perf_counter()
    write_map_html(plan, tmp_path / "map.html", shapes)
    assert time.perf_counter() - start < 10.0
    assert (tmp_path / "map.html").stat().st_size < 2_000_000


# --- in a real browser, offline


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser() as opened:
        yield opened


@pytest.fixture
def opened(tab: Tab, plan: xr.Dataset, tmp_path: Path) -> Tab:
    tab.events.clear()
    write_map_html(plan, tmp_path / "map.html", OUTLINES)
    tab.open(tmp_path / "map.html")
    return tab


def circles(tab: Tab) -> int:
    count: int = tab.ask("document.querySelectorAll('#campuses circle').length")
    return count


@needs_chromium
def test_the_page_opens_without_request_or_complaint(opened: Tab) -> None:
    assert circles(opened) == 2
    assert opened.ask("document.querySelectorAll('path.place').length") == 4
    assert opened.requests() == []
    assert opened.complaints() == []


@needs_chromium
def test_the_policy_forbids_what_is_not_in_the_page(opened: Tab) -> None:
    opened.ask("(() => { const s = document.createElement('script'); s.textContent = 'window.bad = 1';"
               "document.body.append(s); const i = new Image(); i.src = 'https://example.org/x.png'; })()")  # fmt: skip
    assert opened.ask("window.bad === undefined")
    assert any("Content Security Policy" in said for said in opened.complaints())


@needs_chromium
def test_the_slider_moves_by_keys_through_the_quarters(opened: Tab) -> None:
    assert opened.ask("document.getElementById('quarter').textContent") == "2026Q4"
    opened.ask("document.getElementById('slider').focus()")
    opened.press("Home")
    opened.wait("document.getElementById('quarter').textContent === '2026Q1'")
    assert circles(opened) == 1
    assert opened.ask("document.getElementById('slider').getAttribute('aria-valuetext')").startswith("2026Q1, 10 MW")
    opened.press("ArrowRight")
    opened.wait("document.getElementById('quarter').textContent === '2026Q2'")
    assert circles(opened) == 2
    assert "2026Q2: 30 MW IT" in opened.ask("document.getElementById('headline').textContent")
    assert opened.complaints() == []


@needs_chromium
def test_the_layers_change_colors_and_legend(opened: Tab) -> None:
    def colors() -> list[str]:
        found: list[str] = opened.ask("[...document.querySelectorAll('path.place')].map(p => p.getAttribute('fill'))")
        return found

    seen = set()
    count = opened.ask("document.querySelectorAll('#layer option').length - 1")
    for k in range(count):
        opened.choose("#layer", str(k))
        legend = opened.ask("document.getElementById('legend').textContent")
        assert opened.ask(f"JSON.parse(document.getElementById('data').textContent).layers[{k}].unit") in legend
        seen.add(tuple(colors()))
    assert len(seen) > 2
    opened.choose("#layer", "-1")
    assert len(set(colors())) == 1
    opened.click("#show-campuses")
    assert circles(opened) == 0
    assert opened.ask("document.querySelectorAll('#flows line').length") > 0
    opened.click("#show-links")
    assert opened.ask("document.querySelectorAll('#flows line').length") == 0
    assert opened.complaints() == []


@needs_chromium
def test_a_click_shows_the_card_of_a_region(opened: Tab) -> None:
    opened.choose("#region", "0")
    card = opened.ask("document.getElementById('facts').textContent")
    for words in ("East", "EAST · OH, PJM", "Power, all-in at the meter", "What binds", "Headroom and offers hold"):
        assert words in card
    opened.click("#campuses circle:last-child")
    assert "IT power in service" in opened.ask("document.getElementById('facts').textContent")
    opened.click("path.place:nth-of-type(3)")
    assert "Not a candidate" in opened.ask("document.getElementById('facts').textContent")
    opened.click("#in")
    assert opened.ask("document.getElementById('map').viewBox.baseVal.width") < 1000
    opened.click("#home")
    assert opened.ask("document.getElementById('map').viewBox.baseVal.width") == 1000
    assert opened.complaints() == []


@needs_chromium
def test_hostile_names_are_text_in_the_browser(tab: Tab, plan: xr.Dataset, tmp_path: Path) -> None:
    tab.events.clear()
    write_map_html(hostile(plan.copy(deep=True)), tmp_path / "map.html", OUTLINES)
    tab.open(tmp_path / "map.html")
    for k in range(4):
        tab.choose("#region", str(k))
    assert tab.ask("document.querySelectorAll('img').length") == 0
    assert tab.ask("document.getElementById('facts').textContent").startswith("<img src=x onerror=alert(1)>")
    assert "<img src=x" in tab.ask("document.querySelector('h1').textContent")
    assert tab.ask("document.body.scrollWidth <= window.innerWidth")
    assert tab.requests() == []
    assert tab.complaints() == []
