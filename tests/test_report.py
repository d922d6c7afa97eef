"""The report: one page without scripts that opens offline and says what the plan and the verifier say."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.plan.io import write_plan
from grid_opt.plan.summary import summarize
from grid_opt.report import charts, report_charts
from grid_opt.report.report_html import report_page, write_report
from grid_opt.study.report import report
from grid_opt.verify import verify
from tests.chromium import Tab, browser, needs_chromium
from tests.plan_fixture import OUTLINES, plan_by_hand
from tests.test_map_html import hostile, large_plan

pytest_plugins = ["tests.plan_plugin"]
CHECK = {"name": "campus.a", "meaning": "It holds.", "unit": "MW", "state": "holds", "ok": True, "violation": 0.0,
         "tolerance": 1e-6, "place": ""}  # fmt: skip
CERTIFICATE = {"ok": True, "checked": 2, "held": 1, "failed": [], "not_in_case": ["b"], "not_made": [], "worst": None,
               "warnings": [], "checks": [CHECK]}  # fmt: skip


@pytest.fixture(scope="module")
def plan() -> xr.Dataset:
    return plan_by_hand()


@pytest.fixture(scope="module")
def page(plan: xr.Dataset) -> str:
    return report_page(plan, CERTIFICATE, OUTLINES)


def svgs(page: str) -> list[str]:
    return [base64.b64decode(found).decode() for found in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)]


def test_the_report_says_what_the_summary_says(plan: xr.Dataset, page: str) -> None:
    summary = summarize(plan)
    assert summary["headline"] in page
    assert f'<th scope="row">Total</th><td class="n">{summary["costs"]["total_musd"]:,.1f}</td>' in page
    assert "The plan holds." in page and "campus.a" in page
    for head in ("Build-out", "Costs", "Power by the hour", "What binds", "Assumptions and sources", "Provenance"):
        assert f"<h2>{head}</h2>" in page
    assert "<h2>Grid service</h2>" not in page, "this plan chose from no menu"
    assert page.count("<img ") == 5
    assert any("East" in drawn for drawn in svgs(page))


def test_the_report_has_no_script_and_names_no_other_place(page: str) -> None:
    assert "<script" not in page
    assert "script-src &#x27;none&#x27;" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert not re.search(r"<[^>]+\s(on\w+|style)=", page)


def test_a_plan_that_fails_says_so(plan: xr.Dataset) -> None:
    page = report_page(plan, {**CERTIFICATE, "ok": False, "failed": ["campus.a"]}, OUTLINES)
    assert "THE PLAN DOES NOT HOLD." in page
    assert "NO: 1 of 2 checks failed" in page


def test_how_sums_were_rounded_does_not_change_the_page(plan: xr.Dataset, page: str) -> None:
    noise = {**CHECK, "violation": 2.13e-14, "tolerance": 2e-6, "place": "quarter 2027Q1"}
    assert report_page(plan, {**CERTIFICATE, "checks": [noise]}, OUTLINES) == page
    assert report_page(plan, {**CERTIFICATE, "checks": [{**noise, "tolerance": None}]}, OUTLINES) == page
    for told in ({**noise, "violation": 1e-8}, {**CHECK, "state": "not made", "place": "no tables"}):
        other = report_page(plan, {**CERTIFICATE, "checks": [told]}, OUTLINES)
        assert str(told["place"]) in other


def test_the_hours_are_those_of_the_plan(plan: xr.Dataset) -> None:
    table, panels = report_charts.hours_table(plan, {"EAST": "East", "WEST": "West"})
    assert panels == ["Typical day, first quarter", "Typical day, third quarter", "Day of the dearest hour"]
    dear = table[(table["day"] == panels[2]) & (table["hour"] == 18)]
    assert dear["usd_per_mwh"].tolist() == [2500.0, 2500.0], "slice 90 is hour 18 of the last day"
    assert dear["mw"].tolist() == pytest.approx(plan["purchase"].values[:, -1, 90].tolist())
    first = table[(table["day"] == panels[0]) & (table["name"] == "East") & (table["hour"] < 24)]
    assert first["mw"].to_numpy() == pytest.approx(plan["purchase"].values[0, -1, :24])


def test_the_same_plan_gives_the_same_report(plan: xr.Dataset, page: str) -> None:
    assert report_page(plan, CERTIFICATE, OUTLINES) == page


def test_hostile_names_stay_text(plan: xr.Dataset) -> None:
    page = report_page(hostile(plan.copy(deep=True)), CERTIFICATE, OUTLINES)
    assert "<img src=x" not in page and "<script" not in page
    for drawn in svgs(page):
        assert "<img" not in drawn and "<script" not in drawn
    assert "\x1b" not in page and "\u202e" not in page


def test_a_plan_of_nothing_has_a_report(plan: xr.Dataset) -> None:
    empty = plan.copy(deep=True)
    for name in ("halls", "site", "purchase", "curtailment", "link_flow"):
        empty[name] = xr.zeros_like(plan[name])
    assert "Nothing is built." in report_page(empty, CERTIFICATE, OUTLINES)


def test_the_largest_plan_has_a_report_in_time(tmp_path: Path) -> None:
    plan, shapes = large_plan()
    plan = plan.copy(deep=True)
    plan["halls"][10:] = 0.0  # as many campuses as the default case may have
    plan["purchase"][10:] = 0.0
    start = time.perf_counter()
    write_report(plan, tmp_path / "report.html", CERTIFICATE, shapes)
    assert (tmp_path / "report.html").stat().st_size < 6_000_000
    assert time.perf_counter() - start < 20.0  # ten seconds on a machine that does nothing else


def test_the_command_verifies_and_writes(quick_plan: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["report", str(quick_plan), "--out", str(tmp_path / "r.html"), "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout) == {"written": str(tmp_path / "r.html"), "verified": True, "exit_code": 0}
    written = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<h2>Grid service</h2>" in written and "The plan holds." in written
    beside = quick_plan.with_name("report.html").read_text(encoding="utf-8")
    assert beside == written, "the run wrote the same"


def test_a_spoiled_plan_is_reported_as_one(plan: xr.Dataset, tmp_path: Path) -> None:
    spoiled = plan.copy(deep=True)
    spoiled["cost_energy"] = plan["cost_energy"] * 0.5
    write_plan(spoiled, OUTLINES, tmp_path / "plan.nc")
    assert not verify(tmp_path / "plan.nc").ok
    _, found = report(tmp_path / "plan.nc")
    assert not found.ok
    assert "THE PLAN DOES NOT HOLD." in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["report", str(tmp_path / "plan.nc")]).exit_code == 6


def test_without_the_extra_the_message_names_it(
    plan: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "EXTRA", ("no_such_package",))
    write_plan(plan, OUTLINES, tmp_path / "plan.nc")
    run = CliRunner().invoke(app, ["report", str(tmp_path / "plan.nc")])
    assert run.exit_code == 2
    assert "pip install 'grid-opt[report]'" in run.output
    assert not (tmp_path / "report.html").exists()


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser() as opened:
        yield opened


@needs_chromium
def test_the_report_opens_offline_without_complaint(tab: Tab, page: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    tab.call("Page.navigate", url=(tmp_path / "report.html").as_uri())
    tab.wait("document.readyState === 'complete' && document.images.length === 5")
    assert tab.ask("[...document.images].every(one => one.naturalWidth > 0)")
    assert tab.ask("document.body.scrollWidth <= window.innerWidth")
    assert tab.requests() == []
    assert tab.complaints() == []
