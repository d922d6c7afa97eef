"""Names that a planner wrote stay text, short and on one line, in every picture and on the pages of studies."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.console import Console

from grid_opt.cli.sweep import _print_table as print_sweep
from grid_opt.cli.tradeoffs import print_rows
from grid_opt.compute.frontier import Curve, curves
from grid_opt.plan.explanation import ATTRIBUTE, Explanation, Reason, Turn, explanation_of
from grid_opt.report import frontier, redispatch_charts, risk_charts, style, sweep_charts, tradeoff_charts
from grid_opt.report.frontier import write_frontier
from grid_opt.report.map_html import write_map_html
from grid_opt.report.report_html import report_page
from grid_opt.report.risk_html import risk_page
from grid_opt.report.tables import write_csv
from grid_opt.report.terminal_why import print_explanation
from grid_opt.report.why_frames import why_table
from tests.plan_fixture import OUTLINES, plan_by_hand
from tests.test_report import CERTIFICATE

EVIL = "=cmd() <img src=x> $\\frac{a}{b}$ \x1b[31m\u202eevil\u202c\x07\n" + "x" * 10_000
OTHER = "$ " + EVIL


def figures() -> Iterator[Figure]:
    bars = [sweep_charts.Bar(EVIL, EVIL, 1.0), sweep_charts.Bar(EVIL, OTHER, 3.0)]
    yield sweep_charts.tornado(2.0, bars, "million USD", EVIL)
    grid = xr.DataArray(np.eye(2), {EVIL: ["a", EVIL], OTHER: [EVIL, "b"]}, (EVIL, OTHER))
    yield sweep_charts.heat_map(grid, "million USD", EVIL)
    table = pd.DataFrame(np.eye(2), index=[EVIL, "b"], columns=[EVIL, "d"])
    yield sweep_charts.regrets(table, "million USD", EVIL)
    yield sweep_charts.where(20.0 * table, EVIL)
    yield sweep_charts.how_often(table, EVIL)
    cases = pd.DataFrame({"price": [1.0, 2.0], "kind": [EVIL, OTHER], "cost": [1.0, 2.0]})
    yield sweep_charts.parallel(cases, ["price", "kind"], {"cost": "million USD"}, EVIL)
    plan = plan_by_hand()
    power = xr.DataArray([[10.0, 20.0], [30.0, 0.0]], {"region": plan["region"].values}, ("n", "region"))
    hostile = power.assign_coords(region=[EVIL, "WEST"])
    front = xr.Dataset(
        {"cost": ("point", [1.0, 2.0]), "cost_bound": ("point", [0.9, 2.0]), "carbon": ("point", [5.0, 4.0]),
         "it_mw": hostile.rename(n="point")},
        {"point": [1, 2]},
    )  # fmt: skip
    yield tradeoff_charts.draw_front(front, ["carbon"], EVIL)
    others = xr.Dataset({"it_mw": power.rename(n="alternative"), "extra_share": ("alternative", [0.0, 0.01]),
                         "differs": ("alternative", [0, 1])})  # fmt: skip
    yield tradeoff_charts.draw_alternatives(others, plan, OUTLINES, EVIL)
    yield redispatch_charts.chart(redispatched())
    yield risk_charts.draw_risk(risky())
    yield frontier.draw(hostile_curves())


def redispatched() -> xr.Dataset:
    """Return what the picture of a re-dispatch reads, with a cost term of a hostile name."""
    by_day = (("region", "year", "day"), np.array([[[1e6, 3e6]]]))
    by_term = (("term", "year"), np.array([[5e6]]))
    return xr.Dataset(
        {"day_source": ("day", [10, 200]), "day_stood_for_by": ("day", [10, 10]), "day_usd": by_day,
         "day_usd_representative": (by_day[0], 0.5 * by_day[1]), "term_usd": by_term,
         "term_usd_representative": (by_term[0], 0.5 * by_term[1]),
         "price_paid": (("region", "year", "slice"), np.full((1, 1, 48), 40.0))},
        {"year": [2028], "term": [EVIL], "slice": range(48)},
    )  # fmt: skip


def risky() -> xr.Dataset:
    """Return what the picture and the page of a stochastic study read."""
    one = ("scenario", [10.0, 12.0])
    mw = (("scenario", "region", "quarter"), np.full((2, 1, 1), 20.0))
    return xr.Dataset(
        {**dict.fromkeys(("wait_and_see", "cost", "kept"), one), "probability": ("scenario", [0.5, 0.5]),
         "expected_cost": 11.0, "tail_cost": 12.0, "scenarios_it_mw": mw, "wait_and_see_it_mw": mw,
         "wait_and_see_sites": (("region", "scenario"), np.ones((1, 2)))},
        {"scenario": [EVIL, OTHER], "region": [EVIL], "quarter": ["2028Q4"]},
        {"title": EVIL, "reference": EVIL, "study_toml": EVIL},
    )  # fmt: skip


def risk_summary() -> dict[str, Any]:
    """Return what the page of a stochastic study tells, every text of it hostile."""
    row = {"scenario": EVIL, "probability": 1.0, "sites": EVIL, "why_not_kept": EVIL,
           **dict.fromkeys(("cost_musd", "wait_and_see_musd", "regret_musd", "reference_kept_musd"), 1.0)}  # fmt: skip
    money = ("expected_cost_musd", "conditional_value_at_risk_musd", "objective_musd", "bound_musd")
    values = ("value_of_stochastic_solution_musd", "value_of_perfect_information_musd")
    worth = {name: {"value": 1.0, "least": 0.0, "most": 2.0} for name in values}
    return {
        "title": EVIL, "case": EVIL, "reference": EVIL, "confidence": 0.9, "weight": 0.5, "gap": 0.0,
        "scenarios": [row], "first_stage": {"sites": {EVIL: 1.0}}, "reference_first_stage": {},
        "first_stage_groups": [EVIL], **dict.fromkeys(money, 1.0), **worth,
        "verification": {"ok": False, "held": 1, "failed": [EVIL], "warnings": [EVIL]},
    }  # fmt: skip


def hostile_curves() -> list[Curve]:
    """Return a frontier whose accelerator and workload have hostile titles."""
    (one,) = curves(["b200_hgx"], ["deepseek-r1"])
    bad = {"title": EVIL, "name": EVIL}
    machine, work = one.accelerator.model_copy(update=bad), one.workload.model_copy(update=bad)
    return [replace(one, accelerator=machine, workload=work)]


def explained(plan: xr.Dataset) -> xr.Dataset:
    """Return a plan with an explanation in which every text is hostile."""
    regions = [str(region) for region in plan["region"].values]
    turn = Turn("headroom", EVIL, 3.0, 3.0, "relaxation", False, EVIL)
    reasons = [
        Reason(region, EVIL, EVIL, chosen, "priced", "relaxation", estimate=1.0, turns=(turn,), words=EVIL)
        for region, chosen in zip(regions, (True, False), strict=False)
    ]
    found = Explanation(EVIL, "", "million USD", 2.0, 1.0, tuple(reasons), True, (EVIL,))
    return plan.assign_attrs({ATTRIBUTE: json.dumps(found.to_dict())})


def assert_text(page: str, where: str) -> None:
    for wrong in ("<img src=x", "\x1b", "\u202e", "\x07", "x" * 5_000):
        assert wrong not in page, (where, wrong)


def test_hostile_explanations_stay_text_on_every_page(tmp_path: Path) -> None:
    plan = explained(plan_by_hand())
    assert_text(report_page(plan, CERTIFICATE, OUTLINES), "report")
    write_map_html(plan, tmp_path / "map.html", OUTLINES)
    assert_text((tmp_path / "map.html").read_text(encoding="utf-8"), "map")
    found = explanation_of(plan)
    assert found is not None
    console = Console(file=io.StringIO(), width=120)
    print_explanation(found, console)
    assert isinstance(console.file, io.StringIO)
    assert_text(console.file.getvalue().replace("<img src=x", ""), "terminal")
    table = why_table(plan)
    assert table["why"].str.startswith("=cmd()").all()
    paths = {path.stem: path for path in write_csv(plan, tmp_path / "csv")}
    for line in csv.reader(io.StringIO(paths["why"].read_text(encoding="utf-8"))):
        assert not any(cell.startswith(("=", "@", "+")) for cell in line)


def test_hostile_studies_stay_text_on_their_pages(tmp_path: Path) -> None:
    assert_text(risk_page(risky(), risk_summary(), b""), "risk")
    write_frontier(hostile_curves(), tmp_path / "frontier.html")
    assert_text((tmp_path / "frontier.html").read_text(encoding="utf-8"), "frontier")


def test_hostile_cells_are_text_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{EVIL: 1.0, "state": "done", "label": f"[red]{EVIL}"}]
    print_sweep(rows, lambda row: "")
    print_rows([{"label": f"[red]{EVIL}", "cost": 1.0}])
    told = capsys.readouterr().out
    assert "[red]=cmd()" in told
    assert not any(unicodedata.category(char)[0] == "C" for char in told if char != "\n")


@pytest.mark.filterwarnings("error:Glyph")
def test_hostile_names_stay_short_text_in_every_picture() -> None:
    with style.look():
        for figure in figures():
            figure.savefig(io.BytesIO(), format="svg")
            said = [text.get_text() for text in figure.findobj(Text)]
            assert any("cmd()" in words for words in said)
            for words in said:
                assert len(words) <= 160
                assert not any(unicodedata.category(char)[0] == "C" for char in words), words
