"""The summary says what the arrays say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from grid_opt.plan.io import open_plan, write_plan
from grid_opt.plan.schema import COSTS
from grid_opt.plan.summary import summarize
from tests.plan_fixture import OUTLINES, RATE

pytest_plugins = ["tests.plan_plugin"]

EAST_MW = np.array([10.0, 20.0, 30.0, 30.0])
WEST_MW = np.array([0.0, 10.0, 20.0, 30.0])


def test_summary_is_plain_json(hand_plan: xr.Dataset) -> None:
    text = json.dumps(summarize(hand_plan), allow_nan=False)
    assert json.loads(text)["case"]["name"] == "by_hand"


def test_sites(hand_plan: xr.Dataset) -> None:
    west = next(s for s in summarize(hand_plan)["sites"] if s["region"] == "WEST")
    assert west["name"] == "West"
    assert west["market"] == "ERCOT"
    assert west["opening_quarter"] == "2026Q2"
    assert west["it_mw_by_quarter"] == dict(zip(["2026Q1", "2026Q2", "2026Q3", "2026Q4"], WEST_MW, strict=True))
    assert west["it_mw"] == 30.0
    assert west["peak_draw_mw"] == pytest.approx(39.0)


def test_quarters_against_targets(hand_plan: xr.Dataset) -> None:
    found = summarize(hand_plan)["quarters"]
    assert [q["target_mw"] for q in found] == [10.0, 30.0, 30.0, 70.0]
    assert [q["counted_mw"] for q in found] == pytest.approx(1.25 * (EAST_MW + WEST_MW))
    assert [q["peak_draw_mw"] for q in found] == pytest.approx(EAST_MW * 1.2 + WEST_MW * 1.3)
    assert [q["it_mw"] for q in found] == pytest.approx(EAST_MW + WEST_MW)


def test_costs_add_up_to_the_objective(hand_plan: xr.Dataset) -> None:
    found = summarize(hand_plan)
    assert set(found["costs"]) == {f"{term}_musd" for term in COSTS} | {"total_musd"}
    assert found["costs"]["total_musd"] == pytest.approx(found["objective"]["value"])
    stated = found["objective"]
    assert stated["gap_usd"] == pytest.approx((stated["value"] - stated["bound"]) * 1e6)


def test_energy_bought(hand_plan: xr.Dataset) -> None:
    bought = summarize(hand_plan)["energy"]["bought_mwh_by_year"]
    hours = hand_plan["slice_weight"].values
    assert bought["2026"] == pytest.approx((hand_plan["purchase"].values[:, 0] * hours).sum())
    assert list(bought) == ["2026", "2027"]


def test_all_in_price_is_bills_over_discounted_energy(hand_plan: xr.Dataset) -> None:
    factor = (1 + RATE) ** -((np.arange(12) + 0.5) / 4)
    worth = np.stack([factor[:4], factor[4:8] + factor[8:]])
    weight = worth[:, hand_plan["slice_season"].values - 1] * hand_plan["slice_weight"].values
    meter = hand_plan["purchase"].values / np.array([1.05, 1.03])[:, None, None]
    bills = sum(float(hand_plan[f"cost_{t}"].sum()) for t in ("energy", "rider", "delivery", "capacity"))
    found = summarize(hand_plan)["energy"]
    assert found["all_in_usd_per_mwh"] == pytest.approx(bills / (meter * weight).sum())
    parts = [found[f"{t}_usd_per_mwh"] for t in ("energy", "rider", "delivery", "capacity")]
    assert sum(parts) == pytest.approx(found["all_in_usd_per_mwh"])


def test_tokens(hand_plan: xr.Dataset) -> None:
    found = summarize(hand_plan)["compute"]
    shed = 0.25 * 92 / 8760  # slice 90: one hour of every day of the fourth calendar quarter
    systems = 60.0 * 1000 / 26.0
    tokens = systems * 33500 * 3600 * 8760 * 0.8 * (1 - shed)
    assert found["systems"] == int(systems)
    assert found["tokens_per_year"]["central"] == pytest.approx(tokens)
    price = found["usd_per_million_tokens"]
    assert price["low_throughput"] > price["central_throughput"] > price["high_throughput"]
    assert price["low_throughput"] * 13500 == pytest.approx(price["high_throughput"] * 80000)


def test_unpublished_throughput_is_a_warning(hand_plan: xr.Dataset) -> None:
    hand_plan.attrs["case_toml"] += '\n[compute]\nworkload = "gpt-oss-120b"\n'
    found = summarize(hand_plan)
    assert found["compute"]["tokens_per_year"] is None
    assert any("no aggregate throughput" in warning for warning in found["warnings"])


def test_binding_limits(hand_plan: xr.Dataset) -> None:
    found = summarize(hand_plan)["binding_limits"]
    assert found["headroom"] == [{"region": "EAST", "quarter": "2026Q3", "usd_per_mw": 100.0}]
    assert found["tranche"] == [{"quarter": "2026Q4", "usd_per_mw": 2.5e6}]
    assert found["links"] == []
    assert found["network"] == "no link limit has a price at this plan"


def test_links_that_bind_are_named_once(hand_plan: xr.Dataset) -> None:
    hand_plan["dual_link"][1, 2:, :] = 500.0
    assert summarize(hand_plan)["binding_limits"]["network"] == "limited by MID>WEST"
    assert "not known" in summarize(hand_plan.drop_vars("dual_link"))["binding_limits"]["network"]
    case = hand_plan.attrs["case_toml"]
    hand_plan.attrs["case_toml"] = case.replace("[grid]\n", "[grid]\nnetwork = false\n")
    assert "not checked" in summarize(hand_plan)["binding_limits"]["network"]


def test_a_missing_price_is_no_limit(hand_plan: xr.Dataset) -> None:
    hand_plan["dual_target"][:3] = np.nan
    hand_plan["dual_power"][0] = np.nan
    found = summarize(hand_plan)
    assert found["binding_limits"]["tranche"] == [{"quarter": "2026Q4", "usd_per_mw": 2.5e6}]
    json.dumps(found, allow_nan=False)


def test_the_headline_tells_every_measure_of_power(hand_plan: xr.Dataset) -> None:
    said = "60 MW IT = 75 MW towards the 70 MW target (at PUE 1.25); draws up to 75 MW from the grid"
    assert summarize(hand_plan)["headline"] == said
    hand_plan.attrs["case_toml"] = hand_plan.attrs["case_toml"].replace('"facility"', '"it"')
    assert summarize(hand_plan)["headline"] == "60 MW IT towards the 70 MW target; draws up to 75 MW from the grid"


@pytest.mark.parametrize(
    "carried", ['["hours are generated, seed 7", "a second"]', ["hours are generated, seed 7", "a second"]]
)
def test_warnings_of_the_inputs_are_carried_and_not_said_twice(hand_plan: xr.Dataset, carried: object) -> None:
    hand_plan.attrs |= {"hours_source": "generated, seed 7", "warnings": carried}
    assert summarize(hand_plan)["warnings"] == ["hours are generated, seed 7", "a second"]


def test_warnings_that_are_no_list_are_one_warning(hand_plan: xr.Dataset) -> None:
    hand_plan.attrs["warnings"] = "[not json"
    assert summarize(hand_plan)["warnings"] == ["[not json"]


def test_unproven_plan_warns(hand_plan: xr.Dataset) -> None:
    hand_plan.attrs |= {"status": "feasible", "gap": 0.01}
    assert any("before the asked gap" in warning for warning in summarize(hand_plan)["warnings"])


def test_summary_of_the_file_is_that_of_the_plan(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    write_plan(hand_plan, OUTLINES, tmp_path / "plan.nc")
    assert summarize(open_plan(tmp_path / "plan.nc")) == summarize(hand_plan)


def test_real_plan(quick_plan: Path) -> None:
    found = summarize(open_plan(quick_plan))
    assert found["status"] == "optimal"
    assert found["quarters"][-1]["counted_mw"] >= 150
    assert 20 < found["energy"]["all_in_usd_per_mwh"] < 200
    assert json.dumps(found, allow_nan=False)
