"""Names that a planner wrote stay text, short and on one line, in the pictures of sweeps, fronts and alternatives."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text

from grid_opt.cli.sweep import _print_table as print_sweep
from grid_opt.cli.tradeoffs import print_rows
from grid_opt.report import style, sweep_charts, tradeoff_charts
from tests.plan_fixture import OUTLINES, plan_by_hand

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
