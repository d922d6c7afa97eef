"""Regrets, savings and what would turn them equal what forcing, leaving out and changing by hand gives."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.config import Case, case_from_toml
from grid_opt.errors import InputError
from grid_opt.formulation.model import build_model
from grid_opt.plan.explanation import FILE, Explanation, explanation_of, read_explanation, with_explanation
from grid_opt.plan.io import open_plan, write_plan
from grid_opt.report import binding
from grid_opt.solve.answer import Options
from grid_opt.solve.extract import counted, layout
from grid_opt.solve.highs import solve
from grid_opt.solve.parted import PartedRelaxation
from grid_opt.solve.search import search
from grid_opt.solve.standard_form import to_matrix
from grid_opt.solve.tighten import tightened
from grid_opt.solve.whatif import Standing, WholeRelaxation, around
from grid_opt.study.explain.asker import Asker, know
from grid_opt.study.explain.conduct import Limits, explain_plan
from grid_opt.study.explain.examine import bound, examine
from grid_opt.study.explain.few import few_regions
from grid_opt.study.explain.levers import Change, changed, stored_world, tables_of
from grid_opt.study.explain.turning import Scale, turning_point
from tests.tiny import objective, solve_tiny, tiny_case, tiny_world

pytest_plugins = ["tests.plan_plugin"]
CLOSE = 1e-5
"""Million USD."""


def _world(case: Case) -> xr.Dataset:
    """Z0 is the best place; Z1 lacks headroom, Z2 is late, Z3 has dear power, and Z4 holds nothing at all."""
    world = tiny_world(case, 5, 3)
    world["region_market"] = world["region_market"].copy(data=["M0"] * 5)
    for name in ("construction_multiplier", "loss", "delivery_demand_charge", "pue", "pue_stress", "pue_peak"):
        world[name] = xr.full_like(world[name], float(world[name].values.flat[0]))
    world["capacity_charge"] = xr.zeros_like(world["capacity_charge"])
    world["site_lead_quarters"] = world["site_lead_quarters"].copy(data=[2.0] * 5)
    world["headroom"] = world["headroom"].copy(
        data=[[50.0] * 4, [12.0] * 4, [0.0, 0.0, 0.0, 50.0], [50.0] * 4, [0.0] * 4]
    )
    price = np.full(world["price"].shape, 40.0)
    price[1], price[2], price[3], price[4] = 38.0, 36.0, 55.0, 70.0
    world["price"] = world["price"].copy(data=price)
    return world


def _case() -> Case:
    return tiny_case(
        campus={"min_campus_mw": 20.0, "max_campus_mw": 40.0, "max_sites": 2}, costs={"site_fixed_musd": 8.0}
    )


@pytest.fixture(scope="module")
def tiny_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    case = _case()
    path = tmp_path_factory.mktemp("explained") / "plan.nc"
    write_plan(solve_tiny(case, _world(case)).plan, {}, path)
    return path


@pytest.fixture(scope="module")
def explained(tiny_plan: Path) -> Explanation:
    return explain_plan(tiny_plan, limits=Limits(seconds=60.0, overall=200.0, workers=1)).explanation


def _forced(case: Case, world: xr.Dataset, region: str) -> float:
    """Return the optimal cost with a campus forced in, by a bound on the Pyomo variable."""
    model = build_model(case, world)
    model.component("campus.site")[region, case.quarters[-1]].setlb(1)
    answer = solve(to_matrix(model.pyomo), Options(gap=0.0))
    return answer.objective if answer.x is not None else float("inf")


def test_forcing_a_region_in_gives_its_regret(explained: Explanation, tiny_plan: Path) -> None:
    case = _case()
    world, plan = _world(case), open_plan(tiny_plan)
    z = float(plan.attrs["objective"])
    rejected = [one for one in explained.reasons if not one.chosen]
    assert {one.region for one in rejected} == {"Z1", "Z2", "Z3", "Z4"} and explained.complete
    for one in rejected:
        regret = _forced(case, world, one.region) - z
        if np.isinf(regret):
            assert one.state == "impossible" and "No campus fits" in one.words
            continue
        assert one.method == "re-solved"
        assert one.difference == pytest.approx(regret, abs=CLOSE)
        assert one.at_least is not None and one.at_most is not None
        assert one.at_least - CLOSE <= regret <= one.at_most + CLOSE
        assert sum(one.cost_changes_musd.values()) == pytest.approx(regret, abs=1e-3)
        assert one.it_mw_changes[one.region] >= 20.0 and f"${regret:,.1f} million worse" in one.words


def test_leaving_a_region_out_gives_its_saving(explained: Explanation, tiny_plan: Path) -> None:
    case = _case()
    world = _world(case)
    z = float(open_plan(tiny_plan).attrs["objective"])
    chosen = [one for one in explained.reasons if one.chosen]
    assert [one.region for one in chosen] == ["Z0"]
    without = objective(case, world.isel(region=[1, 2, 3, 4]))
    assert chosen[0].difference == pytest.approx(without - z, abs=CLOSE)
    assert "In its place: Z3 +20 MW, Z2 +20 MW" in chosen[0].words


def _by_hand(case: Case, world: xr.Dataset, lever: str, region: str, amount: float) -> xr.Dataset:
    found = world.copy(deep=True)
    here = {"region": region}
    if lever == "headroom":
        has = world["headroom"].sel(here).values
        start = int(np.argmax(has > 0)) if (has > 0).any() else 0
        found["headroom"].loc[here | {"quarter": list(case.quarters[start:])}] += amount
    elif lever == "price":
        found["price"].loc[here] -= amount
    else:
        row, steps = world["headroom"].sel(here).values, round(amount)
        found["headroom"].loc[here] = np.concatenate([row[steps:], [row[-1]] * steps])
        found["site_lead_quarters"].loc[here] -= steps
    return found


def test_what_turns_the_decision_does_and_less_does_not(explained: Explanation, tiny_plan: Path) -> None:
    case = _case()
    world = _world(case)
    z = float(open_plan(tiny_plan).attrs["objective"])
    step = {"headroom": 1.0, "sooner": 1.0, "price": 0.5}
    turns = {(one.region, turn.lever): turn for one in explained.reasons for turn in one.turns}
    assert len(turns) == 12 and all(turn.method == "re-solved" for turn in turns.values() if turn.amount is not None)
    for (region, lever), turn in turns.items():
        most = turn.tried if turn.amount is None else turn.amount
        at = _forced(case, _by_hand(case, world, lever, region, most), region)
        assert (at <= z + CLOSE) == (turn.amount is not None), (region, turn)
        if turn.amount is not None:
            assert turn.smallest
            less = _forced(case, _by_hand(case, world, lever, region, turn.amount - step[lever]), region)
            assert less > z - CLOSE, (region, turn)
    assert turns["Z1", "headroom"].amount is not None and turns["Z3", "price"].amount is not None
    assert turns["Z2", "sooner"].amount is not None and turns["Z4", "sooner"].amount is None
    words = {one.region: one.words for one in explained.reasons}
    assert "MW more headroom from 2026Q1 on (solved again)" in words["Z1"]
    assert "instead of $55.0/MWh (solved again)" in words["Z3"] and "earlier (solved again)" in words["Z2"]


def test_bounds_alone_bracket_the_regret(explained: Explanation, tiny_plan: Path) -> None:
    found = explain_plan(tiny_plan, limits=Limits(overall=60.0, workers=2, solve_again=False)).explanation
    exact = {one.region: one for one in explained.reasons}
    assert len(found.reasons) == 5 and {one.method for one in found.reasons} == {"relaxation"}
    for one in found.reasons:
        known = exact[one.region]
        assert one.state == known.state and one.difference is None
        if one.state == "priced":
            assert known.difference is not None and one.at_least is not None
            assert one.at_least <= known.difference + CLOSE and "relaxation estimates" in one.words


def test_a_search_without_time_says_what_it_does_not_know(tiny_plan: Path) -> None:
    found = explain_plan(tiny_plan, regions=["Z3"], limits=Limits(seconds=0.1, overall=0.0, workers=1))
    assert not found.explanation.complete and not found.explanation.reasons and not found.interrupted


def test_a_user_can_stop(tiny_plan: Path) -> None:
    stop = threading.Event()
    asker = Asker(know(tiny_plan), 1, 60.0, stop)
    known = bound(asker, "Z3")
    stop.set()
    reason = examine(asker, known, 5.0)
    assert reason.region == "Z3" and reason.words


@pytest.mark.parametrize("bend", [lambda x: 10 - x, lambda x: 10 - x * x / 8, lambda x: 100 / (1 + x), lambda x: 5.0])
def test_turning_points_are_found_in_few_steps(bend) -> None:  # type: ignore[no-untyped-def]
    calls = []

    def value(x: float) -> float:
        calls.append(x)
        return float(bend(x))

    found = turning_point(value, 3.0, Scale(1.0, 40.0), 1e18, 5.0, at_zero=bend(0.0))
    exact = next((x for x in range(1, 41) if bend(x) <= 3.0), None)
    assert found.amount == exact and found.known and len(calls) <= 8
    failing = turning_point(lambda x: float("inf") if x < 7 else 0.0, 3.0, Scale(1.0, 40.0), 1e18, 1.0)
    assert failing.amount == 7.0
    assert not turning_point(lambda x: float("nan"), 3.0, Scale(1.0, 40.0), 1e18, 1.0).known


def test_quick_a_change_of_nothing_changes_nothing(quick_plan: Path) -> None:
    plan = open_plan(quick_plan)
    case = case_from_toml(plan.attrs["case_toml"])
    world, tables = stored_world(case, plan), tables_of(case, plan)
    old = to_matrix(build_model(case, world).pyomo)
    for lever in ("headroom", "sooner"):
        new = to_matrix(build_model(case, changed(case, world, tables, Change(lever, "GA_N", 0.0))).pyomo)
        assert new.shape == old.shape and abs(new.rows_matrix - old.rows_matrix).max() == 0.0
        for name in ("cost", "row_lower", "row_upper", "col_lower", "col_upper"):
            np.testing.assert_array_equal(getattr(new, name), getattr(old, name))
    more = changed(case, world, tables, Change("headroom", "GA_N", 30.0))
    np.testing.assert_allclose((more["headroom"] - world["headroom"]).sel(region="GA_N")[-2:], 30.0)
    assert float((more["headroom"] - world["headroom"]).sum()) == 60.0  # 2027Q3 and 2027Q4
    late = changed(case, world, tables, Change("sooner", "GA_N", 2))
    assert float(late["headroom"].sel(region="GA_N", quarter="2027Q1")) == float(
        world["headroom"].sel(region="GA_N", quarter="2027Q3")
    )


def test_tables_of_another_plan_are_refused(quick_plan: Path) -> None:
    plan = open_plan(quick_plan)
    case = case_from_toml(plan.attrs["case_toml"])
    plan.attrs["inputs_sha256"] = json.dumps(json.loads(plan.attrs["inputs_sha256"]) | {"headroom.csv": "0" * 64})
    with pytest.raises(InputError, match=r"headroom\.csv"):
        tables_of(case, plan)


def test_quick_forcing_reproduces_the_regret_within_the_gap(quick_plan: Path) -> None:
    known = know(quick_plan)
    asker = Asker(known, 2, 60.0)
    asker.options = replace(asker.options, gap=1e-3)
    first = bound(asker, "GA_N")
    found = asker.solve_again("GA_N", "in", asker.near(first.relaxed), first.relaxed.objective, 60.0)
    assert found.answer.status == "optimal" and found.it_mw_changes["GA_N"] >= 20.0
    model = build_model(known.case, known.plan)
    model.component("campus.site")["GA_N", "2027Q4"].setlb(1)
    matrix = to_matrix(model.pyomo)
    again = search(tightened(matrix), counted(matrix, model), None, Options(gap=1e-3, time_limit_s=60.0))
    assert again.status == "optimal"
    width = 1e-3 * again.objective
    assert abs(found.answer.objective - again.objective) <= width
    assert found.answer.bound <= again.objective + 1e-6 and again.bound <= found.answer.objective + 1e-6
    assert first.reason.at_least is not None
    assert first.reason.at_least <= again.objective - known.objective + width


def test_pages_say_the_regret_when_it_is_known(explained: Explanation, tiny_plan: Path) -> None:
    before = binding.at_the_end(open_plan(tiny_plan))
    assert before["Z3"][0].endswith("this plan does better elsewhere.")
    result = CliRunner().invoke(app, ["explain", str(tiny_plan), "--bounds", "--workers", "1", "-q"])
    assert result.exit_code == 0 and "Not chosen: what forcing each region in would cost" in result.output
    plan = with_explanation(open_plan(tiny_plan), tiny_plan)
    said = " ".join(binding.at_the_end(plan)["Z3"])
    assert "does better elsewhere" not in said and "forced in, the plan is about $" in said
    assert explanation_of(plan) == read_explanation(tiny_plan.with_name(FILE))
    other = open_plan(tiny_plan)
    other["halls"] = other["halls"] + 0.0 * other["halls"] + 1.0
    assert explanation_of(with_explanation(other, tiny_plan)) is None  # of another plan
    tiny_plan.with_name(FILE).write_text("{}")
    assert explanation_of(with_explanation(open_plan(tiny_plan), tiny_plan)) is None
    with pytest.raises(InputError, match="no explanation of a plan"):
        read_explanation(tiny_plan.with_name(FILE))
    tiny_plan.with_name(FILE).unlink()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--region", "Z9"], "'Z9' is no region of this plan"),
        (["--set", "solve.gap=0"], "a plan is explained as it is"),
    ],
)
def test_bad_questions_are_refused(tiny_plan: Path, more: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["explain", str(tiny_plan), "--bounds", "--json", *more])
    assert result.exit_code == 2 and said in json.loads(result.stdout)["error"]


def test_one_region_as_json(tiny_plan: Path, tmp_path: Path) -> None:
    words = [
        "explain",
        str(tiny_plan),
        "--region",
        "Z3",
        "--bounds",
        "--workers",
        "1",
        "--json",
        "--out",
        str(tmp_path),
    ]
    result = CliRunner().invoke(app, [*words, "-q"])
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and [one["region"] for one in told["reasons"]] == ["Z3"]
    assert told["written"] == str(tmp_path / FILE) and read_explanation(tmp_path / FILE).unit == "million USD"


def test_the_relaxation_region_by_region_is_a_bound_of_the_same() -> None:
    case = _case()
    model = build_model(case, _world(case))
    matrix = tightened(to_matrix(model.pyomo))
    whole = WholeRelaxation(matrix, Options())
    parted = PartedRelaxation(matrix, layout(matrix, model), Options())
    assert parted.base.objective == pytest.approx(whole.base.objective, rel=1e-6)
    for region in ("Z0", "Z2", "Z3"):
        exact, found = whole.ask(region, "in"), parted.ask(region, "in")
        assert parted.base.objective - CLOSE <= found.objective <= exact.objective + CLOSE
        out = parted.ask(region, "out")
        assert out.objective == pytest.approx(whole.ask(region, "out").objective, rel=1e-6)
    for region in ("Z1", "Z4"):
        assert whole.ask(region, "in").status == parted.ask(region, "in").status == "infeasible"


def test_a_region_by_itself_is_the_same_in_a_world_of_few(quick_plan: Path) -> None:
    plan = open_plan(quick_plan)
    case = case_from_toml(plan.attrs["case_toml"])
    world, tables = stored_world(case, plan), tables_of(case, plan)
    model = build_model(case, world)
    matrix = tightened(to_matrix(model.pyomo))
    parted = PartedRelaxation(matrix, layout(matrix, model), Options(gap=case.solve.gap))
    for region in ("GA_N", "TX_W"):
        asked = parted.ask(region, "in")
        told = {}
        for lever, amount in (("headroom", 0.0), ("headroom", 40.0), ("price", 10.0)):
            few = changed(case, few_regions(world, region), tables, Change(lever, region, amount))  # type: ignore[arg-type]
            assert few.sizes["region"] < world.sizes["region"]
            own = build_model(case, few)
            program = to_matrix(own.pyomo)
            told[lever, amount] = parted.ask_other(region, program, layout(program, own))
        assert asked.status == told["headroom", 0.0].status
        if asked.status == "optimal":
            assert told["headroom", 0.0].objective == pytest.approx(asked.objective, abs=1e-3)
            assert told["headroom", 40.0].objective <= asked.objective + 1e-3
            assert told["price", 10.0].objective < asked.objective


def test_a_large_plan_is_told_by_estimates_or_by_name_solved_again(tiny_plan: Path, tmp_path: Path) -> None:
    """The same program region by region, as large cases are solved: levers by estimates, and plans near the known."""
    case, z, path = _case(), float(open_plan(tiny_plan).attrs["objective"]), tmp_path / "plan.nc"
    large = case.model_copy(update={"solve": case.solve.model_copy(update={"strategy": "decomposition"})})
    write_plan(solve_tiny(large, _world(large)).plan, {}, path)
    found = explain_plan(path, limits=Limits(seconds=20.0, overall=60.0, workers=1)).explanation
    assert found.complete and {one.method for one in found.reasons} == {"relaxation"}
    assert all(turn.method == "relaxation" for one in found.reasons for turn in one.turns)
    assert "name regions with --region" in " ".join(found.notes)
    again = explain_plan(path, regions=["Z3", "Z0"], limits=Limits(seconds=20.0, overall=60.0, workers=1)).explanation
    exact = {"Z3": _forced(_case(), _world(_case()), "Z3") - z, "Z0": None}
    for one in again.reasons:
        assert one.method == "re-solved" and one.difference is not None
        if (known := exact[one.region]) is not None:
            assert one.difference == pytest.approx(known, abs=CLOSE)
            assert one.at_least is not None and one.at_least <= known + CLOSE


def test_what_is_near_a_plan_moves_few_halls() -> None:
    case = _case()
    matrix = to_matrix(build_model(case, _world(case)).pyomo)
    quarters = case.quarters
    site = {(r, q): float(r == "Z0") for r in ("Z0", "Z1", "Z2", "Z3", "Z4") for q in quarters}
    plan = Standing(site, {key: 2.0 * open_ for key, open_ in site.items()})
    near = around(matrix, plan, {"Z3"}, 1)
    for column, low, high in zip(near.columns, near.col_lower, near.col_upper, strict=True):
        name, (region, *_) = column.parent_component().local_name, column.index()
        if name == "campus__halls" and region == "Z0":
            assert (low, high) == (1.0, 3.0)
        elif name == "campus__site" and region in ("Z0", "Z1"):
            assert low == high == float(region == "Z0")
        elif name == "campus__site" and region == "Z3":
            assert (low, high) == (0.0, 1.0)
