"""Plans side by side: the numbers of their summaries, and what differs, wherever it is shown."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
import xarray as xr
from rich.console import Console
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.plan.io import write_plan
from grid_opt.plan.summary import summarize
from grid_opt.report import frames
from grid_opt.report.comparison import Comparison, Row, compare, labels_of, print_comparison
from grid_opt.report.map_difference import difference_table, draw_differences, write_difference_map
from tests.chromium import browser, needs_chromium
from tests.plan_fixture import OUTLINES, plan_by_hand
from tests.test_map_html import hostile


@pytest.fixture(scope="module")
def first() -> xr.Dataset:
    return plan_by_hand()


@pytest.fixture(scope="module")
def second() -> xr.Dataset:
    """The plan with one hall less in WEST from the third quarter on, and dearer energy."""
    other = plan_by_hand()
    other["halls"] = other["halls"].copy()
    other["halls"][1, 2:] = [1.0, 2.0]
    other["cost_energy"] = other["cost_energy"] * 1.5
    return other


@pytest.fixture(scope="module")
def found(first: xr.Dataset, second: xr.Dataset) -> Comparison:
    return compare({"base": first, "dear": second})


def row(found: Comparison, group: str, measure: str) -> Row:
    return next(one for one in found.rows if one.group == group and one.measure == measure)


def test_the_rows_are_those_of_the_summaries(found: Comparison, first: xr.Dataset, second: xr.Dataset) -> None:
    said = [summarize(plan) for plan in (first, second)]
    assert row(found, "Power at the end", "IT power in service").values == (60.0, 50.0)
    assert row(found, "Power at the end", "IT power in service").differences == (-10.0,)
    assert row(found, "IT power in service through", "2026Q3").values == (50.0, 40.0)
    energy = row(found, "Costs, present value", "Wholesale energy")
    assert energy.differences[0] == pytest.approx(0.5 * said[0]["costs"]["energy_musd"])
    total = row(found, "Costs, present value", "Total")
    assert total.values == tuple(one["costs"]["total_musd"] for one in said)
    assert row(found, "Sites at the end", "West (WEST)").differences == (-10.0,)
    assert row(found, "Sites open in", "East (EAST)").values == ("2026Q1", "2026Q1")
    assert row(found, "Tokens", "All costs per million").values[0] == pytest.approx(
        said[0]["compute"]["usd_per_million_tokens"]["central_throughput"]
    )


def test_a_site_that_only_one_plan_has_counts_as_nothing_in_the_other(first: xr.Dataset, second: xr.Dataset) -> None:
    without = second.copy(deep=True)
    without["halls"][1] = 0.0
    only = row(compare({"a": first, "b": without}), "Sites at the end", "West (WEST)")
    assert only.values == (30.0, None)
    assert only.differences == (-30.0,)


def test_it_says_what_is_hard_to_compare(first: xr.Dataset) -> None:
    other = first.assign_attrs(case_toml=str(first.attrs["case_toml"]).replace("= 2024", "= 2025"))
    assert compare({"a": first, "b": other}).notes == ("the plans have USD of different years: 2024; 2025",)
    assert compare({"a": first, "b": first}).notes == ()


def test_labels_are_short_and_differ() -> None:
    paths = [Path("x/late/plan.nc"), Path("y/late/plan.nc"), Path("z/other.nc")]
    assert labels_of(paths) == ["late", "late (2)", "other"]


def test_the_command_prints_and_writes_all_forms(first: xr.Dataset, second: xr.Dataset, tmp_path: Path) -> None:
    for name, plan in (("base", first), ("dear", second), ("third", first)):
        (tmp_path / name).mkdir()
        write_plan(plan, OUTLINES, tmp_path / name / "plan.nc")
    plans = [str(tmp_path / name / "plan.nc") for name in ("base", "dear", "third")]
    told = CliRunner().invoke(app, ["compare", *plans[:2]])
    assert told.exit_code == 0, told.output
    assert re.search(r"IT power in service, MW +60\.0 +50\.0 +-10\.0", told.output)
    extra = [
        "--csv",
        str(tmp_path / "c.csv"),
        "--html",
        str(tmp_path / "c.html"),
        "--map",
        str(tmp_path / "c.svg"),
        "--json",
    ]
    told = CliRunner().invoke(app, ["compare", *plans, *extra])
    assert told.exit_code == 0, told.output
    read = json.loads(told.stdout)
    assert read["plans"] == ["base", "dear", "third"]
    power = next(one for one in read["rows"] if one["measure"] == "IT power in service")
    assert power == {"group": "Power at the end", "measure": "IT power in service", "unit": "MW",
                     "values": [60.0, 50.0, 60.0], "differences": [-10.0, 0.0]}  # fmt: skip
    rows = list(csv.DictReader(io.StringIO((tmp_path / "c.csv").read_text(encoding="utf-8"))))
    assert [one["dear"] for one in rows if one["measure"] == "IT power in service"] == ["50.0"]
    assert read["written"] == [str(tmp_path / f"c.{kind}") for kind in ("csv", "html", "svg")]
    assert (tmp_path / "c.svg").read_bytes().startswith(b"<?xml")
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 4 and "<script" not in page
    assert '<th scope="row">West (WEST)</th><td>MW IT</td><td class="n">30</td><td class="n">20</td>' in page


def test_the_map_shows_what_differs(first: xr.Dataset, second: xr.Dataset, tmp_path: Path) -> None:
    table = difference_table(first, second)
    assert table["difference_mw"].to_dict() == {"WEST": -10.0, "EAST": 0.0}
    for column, plan in (("first_mw", first), ("other_mw", second)):
        assert table[column].sum() == float(frames.it_mw(plan)[:, -1].sum())
    gone = first.copy(deep=True)
    gone["halls"][1] = 0.0
    assert difference_table(gone, first).loc["WEST", ["difference_mw", "opens"]].tolist() == [30.0, "2026Q2"]
    figure = draw_differences(["a", "b", "c"], [first, second, first], [OUTLINES] * 3)
    texts = {text.get_text() for axes in figure.axes for text in axes.texts} | {t.get_text() for t in figure.texts}
    assert "West\n−10 MW · 2026Q2" in texts
    assert {"b", "c", "±0 MW and −10 MW: −10 MW in all", "the same IT power in every region"} <= texts
    for name in ("x.png", "y.png"):
        write_difference_map(["a", "b"], [first, second], tmp_path / name, [OUTLINES] * 2)
    assert (tmp_path / "x.png").read_bytes() == (tmp_path / "y.png").read_bytes()
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        write_difference_map(["a", "b"], [first, second], tmp_path / "x.pdf", [OUTLINES] * 2)


def test_one_plan_is_refused(first: xr.Dataset, tmp_path: Path) -> None:
    write_plan(first, OUTLINES, tmp_path / "plan.nc")
    told = CliRunner().invoke(app, ["compare", str(tmp_path / "plan.nc")])
    assert told.exit_code == 2
    assert "two plans or more" in told.output
    assert CliRunner().invoke(app, ["compare", str(tmp_path / "plan.nc"), str(tmp_path / "no.nc")]).exit_code == 2


def test_hostile_names_stay_text_everywhere(first: xr.Dataset, tmp_path: Path) -> None:
    bad = hostile(first.copy(deep=True))
    console = Console(file=io.StringIO(), width=120)
    print_comparison(compare({"=cmd()|<img>": bad, "b": first}), console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert "\x1b" not in printed and "\u202e" not in printed
    folder = tmp_path / "=cmd()<img src=x>"
    folder.mkdir()
    write_plan(bad, OUTLINES, folder / "plan.nc")
    extra = ["--csv", str(tmp_path / "c.csv"), "--html", str(tmp_path / "c.html")]
    told = CliRunner().invoke(app, ["compare", str(folder / "plan.nc"), str(folder / "plan.nc"), *extra])
    assert told.exit_code == 0, told.output
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page and "\u202e" not in page
    for line in csv.reader(io.StringIO((tmp_path / "c.csv").read_text(encoding="utf-8"))):
        assert not any(cell.startswith(("=", "@", "+")) for cell in line)


@needs_chromium
def test_the_page_opens_offline_without_complaint(first: xr.Dataset, tmp_path: Path) -> None:
    write_plan(first, OUTLINES, tmp_path / "plan.nc")
    plan = str(tmp_path / "plan.nc")
    assert CliRunner().invoke(app, ["compare", plan, plan, "--html", str(tmp_path / "c.html")]).exit_code == 0
    with browser() as tab:
        tab.call("Page.navigate", url=(tmp_path / "c.html").as_uri())
        tab.wait("document.readyState === 'complete' && document.images.length === 3")
        assert tab.ask("[...document.images].every(one => one.naturalWidth > 0)")
        assert tab.requests() == []
        assert tab.complaints() == []
