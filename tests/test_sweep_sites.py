"""How often sites are chosen, and where they switch: counted by hand on made-up sweeps."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from grid_opt.report import style, sweep_charts
from grid_opt.study.sweeps import sites
from grid_opt.study.sweeps.design import BASE
from grid_opt.study.sweeps.manifest import Entry, Manifest

NONE = math.nan


def made_up(method: str, places: list[dict[str, Any]], mw: list[list[float]]) -> tuple[Manifest, xr.Dataset]:
    """Return the account and the cube of a sweep whose plans have the given MW in regions A and B at the end."""
    axes = {name: list(dict.fromkeys(p[name] for p in places if name in p)) for p in places for name in p}
    labels = [", ".join(f"{k}={v}" for k, v in place.items()) or BASE for place in places]
    entries = [
        Entry(label=label, place=place, scenario="", run="r") for label, place in zip(labels, places, strict=True)
    ]
    manifest = Manifest("sweep", "made", "Made up", method, axes, [], {}, {}, entries, {})
    power = np.array(mw, dtype=float)[:, :, None] * np.array([0.5, 1.0])
    gaps = np.arange(len(mw)) / 1000
    if method != "grid":
        flat = {"it_mw": (("case", "region", "quarter"), power), "gap": ("case", gaps)}
        return manifest, xr.Dataset(flat, coords={"region": ["A", "B"]})
    shape = [len(values) for values in axes.values()]
    found = {
        "it_mw": ((*axes, "region", "quarter"), power.reshape([*shape, 2, 2])),
        "gap": (tuple(axes), gaps.reshape(shape)),
    }
    return manifest, xr.Dataset(found, coords={**axes, "region": ["A", "B"]})


def test_sites_switch_between_neighbors_of_a_grid() -> None:
    places = [{"price": p, "late": q} for p, q in product([3.0, 1.0, 2.0], [0, 1])]
    mw = [[0, 30], [NONE, NONE], [20, 0], [20, 10], [20, 10], [20, 10]]  # of prices 3, 1, 2
    manifest, cube = made_up("grid", places, mw)
    power = sites.final_power(manifest, cube)
    assert power["A"].tolist()[2:] == [20.0] * 4 and np.isnan(power.iloc[1]).all()
    found = sites.switches(manifest, cube, power)
    assert found.drop(columns="larger_gap").to_numpy().tolist() == [
        ["price", "1", "2", "late=0", "B", "enters", 0.0, 10.0],
        ["price", "2", "3", "late=0", "A", "leaves", 20.0, 0.0],
        ["late", "0", "1", "price=1", "B", "enters", 0.0, 10.0],
    ]
    assert found["larger_gap"].tolist() == [0.004, 0.004, 0.003]


def test_sites_of_a_tornado_are_compared_with_the_base() -> None:
    places: list[dict[str, Any]] = [{}, {"price": 0.5}, {"gas": "dear"}]
    manifest, cube = made_up("tornado", places, [[10, 0], [0, 10], [10, 0]])
    found = sites.switches(manifest, cube, sites.final_power(manifest, cube))
    assert found[["axis", "from", "to", "region", "change"]].to_numpy().tolist() == [
        ["price", BASE, "0.5", "A", "leaves"],
        ["price", BASE, "0.5", "B", "enters"],
    ]


def test_how_often_is_of_the_plans_that_there_are() -> None:
    power = pd.DataFrame({"A": [0.0, NONE, 20.0, 40.0], "B": [0.0, NONE, 0.0, 0.0], "C": [10.0, NONE, 10.0, 10.0]})
    found = sites.chosen(power)
    assert found["region"].tolist() == ["C", "A"], "B is never chosen"
    assert found[["plans", "of_plans", "least_mw", "mean_mw", "most_mw"]].to_numpy().tolist() == [
        [3, 3, 10.0, 10.0, 10.0],
        [2, 3, 20.0, 30.0, 40.0],
    ]
    assert found["share"].tolist() == pytest.approx([1.0, 2 / 3])


def test_lines_go_through_every_plan() -> None:
    table = pd.DataFrame({"price": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"], "objective": [5.0, 7.0, NONE]})
    with style.look():
        figure = sweep_charts.parallel(table, ["price", "kind"], {"objective": "million USD"}, "Made up <b>")
    lines = [line.get_ydata() for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert [list(map(float, line)) for line in lines] == [[0.0, 0.25, 0.0], [1.0, 0.75, 1.0]]
    assert "2 of 3 cases" in figure.axes[0].get_title(loc="left")
    with style.look():
        assert sweep_charts.parallel(table.tail(1), ["price"], {"objective": "x"}, "No plan").axes
