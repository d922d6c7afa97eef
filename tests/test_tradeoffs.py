"""Fronts and alternatives equal what enumeration finds; both resume, and refuse what makes no sense."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.config import Case, with_overrides
from grid_opt.errors import ExitCode, InfeasibleError, InputError, SolverError
from grid_opt.inputs.tradeoff import with_criteria
from grid_opt.inputs.world import build_world
from grid_opt.study.cases import resolve_case
from grid_opt.study.plan_case import plan_case
from grid_opt.study.progress import Log
from grid_opt.study.tradeoffs.alternatives import _Search, alternatives, share_of
from grid_opt.study.tradeoffs.fronts import dominates, on_front, require_consistent
from grid_opt.study.tradeoffs.pareto import Ranges, Solved, _counting, _criteria, _Grid, _payoff, pareto
from grid_opt.study.tradeoffs.points import Point, gravest, measured
from tests.test_brute_force import every_plan
from tests.tiny import tiny_case, tiny_world

REGIONS = 4


class Enumerable:
    """Solve the variants of a tiny case, whose plans can all be listed."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case, self.world = case, tiny_world(case, regions=REGIONS, seed=seed)
        self.solved = 0
        self.failing = "none"

    def solve(self, label: str, changes: Mapping[str, Any], known: xr.Dataset | None = None) -> Point:
        """Solve a variant as a study does, but for the files."""
        case = with_overrides(self.case, [f"tradeoff.{key}={json.dumps(value)}" for key, value in changes.items()])
        self.solved += 1
        if label == self.failing:
            return Point(label, Path(label), ExitCode.NO_PLAN, "no plan within the time limit")
        try:
            plan = plan_case(case, with_criteria(case, self.world), {}, Log(None), known=known).plan
        except InfeasibleError as error:
            return Point(label, Path(label), ExitCode.INFEASIBLE, str(error))
        return Point(label, Path(label), ExitCode.DONE, "", plan)


def walked(program: Any, ranges: Ranges, ends: list[Point], points: int) -> list[Solved]:
    """Return what is found for so many limits of each criterion."""
    grid = _Grid(program, ranges, ends)
    grid.walk(points)
    assert not grid.missed
    return grid.found


LATE: dict[str, Any] = {
    "power_basis": "it", "commitments": "final", "targets_mw": {"2026Q4": 40.0}, "utilization_fraction": 0.8,
}  # fmt: skip


@cache
def listed(seed: int) -> np.ndarray:
    """Return costs, waiting, concentration and the sites (one column a region) of every allowed plan."""
    final = tiny_case(demand={**LATE, "commitments": "every"})
    cost, allowed, halls = every_plan(final, tiny_world(final, regions=REGIONS, seed=seed))
    rows = []
    for place in map(tuple, np.argwhere(allowed)):
        mw = 10.0 * np.array([halls[r][n] for r, n in enumerate(place)])
        waiting = np.maximum(0.0, 40.0 - mw.sum(axis=0)).sum()
        rows.append([cost[place], waiting, mw[:, -1].max(), *(mw[:, -1] > 0)])
    return np.array(rows, dtype=float)


@pytest.mark.parametrize("of", [("waiting",), ("waiting", "concentration")])
def test_a_front_is_that_of_enumeration(of: tuple[Any, ...]) -> None:
    program: Any = Enumerable(_counting(tiny_case(demand=LATE), of), seed=0)
    ranges, ends = _payoff(program, of)
    points = 5 if len(of) == 1 else 3
    found = walked(program, ranges, ends, points)
    every = listed(0)
    values = every[:, : 1 + len(of)]
    assert len(found) > 1
    least = values[:, 1:].min(axis=0)
    np.testing.assert_allclose(ranges.best, least, atol=1e-4)
    np.testing.assert_allclose(ends[0].objective, values[:, 0].min(), rtol=1e-7)
    for one in found:
        within = values[(values[:, 1:] <= one.limits).all(axis=1)]
        np.testing.assert_allclose(one.cost, within[:, 0].min(), rtol=2e-6)
        assert one.bound <= within[:, 0].min() * (1 + 1e-9)
        assert one.gap <= 2e-6
    front = np.array([one.values for one in found])[on_front(np.array([one.values for one in found]))]
    for mine, other in itertools.product(front, values):
        better = other[0] < mine[0] * (1 - 2e-6) and (other[1:] <= mine[1:] + 1e-6).all()
        assert not better, (mine, other)


def test_the_tightest_limits_that_any_plan_keeps_are_reached() -> None:
    program: Any = Enumerable(_counting(tiny_case(demand=LATE), ["waiting"]), seed=0)
    ranges, ends = _payoff(program, ("waiting",))
    last = walked(program, ranges, ends, 4)[-1]
    assert last.criteria[0] == pytest.approx(listed(0)[:, 1].min(), abs=1e-4)


def test_limits_for_which_no_plan_was_found_in_time_are_told() -> None:
    program: Any = Enumerable(_counting(tiny_case(demand=LATE), ["waiting"]), seed=0)
    ranges, ends = _payoff(program, ("waiting",))
    program.failing = f"at most waiting {ranges.worst[0]:,.6g} MW quarters"
    grid = _Grid(program, ranges, ends)
    grid.walk(3)
    assert [point.label for point in grid.missed] == [program.failing] and len(grid.found) >= 1
    assert gravest([*grid.missed, *(one.point for one in grid.found)]) == ExitCode.NO_PLAN


def test_alternatives_are_those_of_enumeration() -> None:
    program: Any = Enumerable(tiny_case(demand=LATE), seed=0)
    first = program.solve("first", {})
    search = _Search(program, first, within=0.05, distance=1)
    while len(search.found) < 4 and search.find():
        pass
    every, sites = listed(0), listed(0)[:, 3:]
    cheap = every[:, 0] <= search.limit
    names = program.world["region"].values.tolist()
    chosen = [np.array([float(r in first.sites) for r in names])]
    assert len(search.found) > 2
    for one in search.found[1:]:
        apart = np.min([np.abs(sites - other).sum(axis=1) for other in chosen], axis=0)
        farthest = apart[cheap].max()
        assert one.differs == farthest and one.proven
        as_far = cheap & (apart >= farthest)
        assert one.point.objective == pytest.approx(every[as_far, 0].min(), rel=1e-7)
        chosen.append(np.array([float(r in one.point.sites) for r in names]))


def test_the_weight_of_a_criterion_moves_the_plan() -> None:
    case = _counting(tiny_case(demand=LATE), ["carbon"])
    program: Any = Enumerable(case, seed=3)
    free, tight = program.solve("free", {}), program.solve("tight", {"cost_weight": 1e-4, "weights.carbon": 10.0})
    assert free.plan is not None and tight.plan is not None
    before, after = (measured(plan, ["carbon"])["carbon"] for plan in (free.plan, tight.plan))
    assert after < before and tight.cost > free.cost


def test_dominance_is_by_more_than_rounding() -> None:
    assert dominates(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    assert not dominates(np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-9]))
    assert not dominates(np.array([0.5, 2.0]), np.array([1.0, 1.0]))
    assert on_front(np.array([[1.0, 3.0], [1.0, 3.0], [2.0, 3.0], [3.0, 1.0]])).tolist() == [True, False, False, True]


def test_a_bound_that_a_plan_refutes_is_found() -> None:
    limits, witnesses = np.array([[5.0]]), np.array([[4.0], [6.0]])
    require_consistent(limits, [10.0], witnesses, [10.0, 1.0], ["one"])
    with pytest.raises(SolverError, match="one: all plans"):
        require_consistent(limits, [10.0], witnesses, [9.0, 1.0], ["one"])


SMALL = [
    "regions.include=['OK','TX_N','TX_W']", "solve.gap=0.0005", "horizon.long_run_until_year=2028",
    "demand.targets_mw={'2027Q4'=60.0}", "campus.max_sites=2", "tariffs.charge=false", "connection.menu=false",
    "grid.network=false", "campus.max_region_share=1.0", "campus.max_market_share=1.0",
]  # fmt: skip


@cache
def small_world() -> xr.Dataset:
    """Return the one world of all small cases."""
    return build_world(resolve_case("quick", SMALL))


@pytest.fixture
def one_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build the world of the small cases once, also where a plan is verified."""
    monkeypatch.setattr("grid_opt.study.tradeoffs.points.build_world", lambda case: small_world())
    monkeypatch.setattr("grid_opt.verify.contents._world_again", lambda case: small_world())


@pytest.mark.usefixtures("one_world")
def test_a_front_from_the_command_line_resumes(tmp_path: Path) -> None:
    sets = [part for one in SMALL for part in ("--set", one)]
    asked = ["--of", "cost,concentration", "--points", "2", *sets]
    command = ["pareto", "quick", *asked, "--out", str(tmp_path), "--json"]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["solved"] == told["programs"] >= 3 and told["largest_gap"] <= 0.0011
    with xr.open_dataset(tmp_path / "front.nc") as opened:
        front = opened.load()
    assert front["cost"].attrs["units"] == "1e6" and (front["cost_bound"] <= front["cost"] * (1 + 1e-6)).all()
    written = {path.name for path in tmp_path.iterdir()}
    assert {"front.nc", "front.csv", "front.png", "summary.json", "points"} <= written
    spoiled = sorted((tmp_path / "points").iterdir())[0]
    (spoiled / "summary.json").write_text("{}", encoding="utf-8")
    again = json.loads(CliRunner().invoke(app, command).stdout)
    assert (again["solved"], again["reused"]) == (1, told["solved"] - 1)
    assert again["front"] == told["front"]


@pytest.mark.usefixtures("one_world")
def test_alternatives_of_a_plan_resume(tmp_path: Path) -> None:
    found = alternatives("quick", 0.05, 2, overrides=SMALL, out=tmp_path / "a")
    plan = tmp_path / "a" / "points" / found["alternatives"][0]["plan"] / "plan.nc"
    again = alternatives("quick", 0.05, 2, overrides=SMALL, out=tmp_path / "a")
    assert again["solved"] == 0 and again["alternatives"] == found["alternatives"]
    one = alternatives(plan, 0.05, 1, out=tmp_path / "b")
    assert one["solved"] == 0 and one["alternatives"][0]["sites"] == found["alternatives"][0]["sites"]
    costs = [row["cost"] for row in found["alternatives"]]
    assert max(costs) <= found["limit_musd"] * (1 + 1e-9)
    apart = np.array(found["distances"])
    assert (apart[~np.eye(len(apart), dtype=bool)] >= 1).all()


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'carbon'"):
        _criteria(["cost", "carbn"])
    for of in (["cost"], ["carbon"], ["cost", "carbon", "carbon"]):
        with pytest.raises(InputError, match="a front is of costs"):
            _criteria(of)
    with pytest.raises(InputError, match="count twice"):
        pareto("us_750mw", ["cost", "tokens"], out=tmp_path / "a")
    with pytest.raises(InputError, match="limits a criterion"):
        pareto("quick", ["cost", "waiting"], overrides=["tradeoff.most.waiting=5.0"], out=tmp_path / "a")
    with pytest.raises(InputError, match="trade-off of its own"):
        alternatives("quick", overrides=["tradeoff.weights.waiting=5.0"], out=tmp_path / "a")
    with pytest.raises(InputError, match="no share"):
        share_of("two")
    assert share_of("2%") == share_of("0.02") == 0.02
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds no study"):
        pareto("quick", ["cost", "waiting"], out=tmp_path)


@pytest.mark.parametrize(
    ("override", "field"),
    [
        ("tradeoff.most.carbon=5.0", "carbon.count"),
        ("tradeoff.most.water=5.0", "water.count"),
        ("tradeoff.most.tokens=5.0", "fleet.members"),
        ("tradeoff.most.alike=5.0", "tradeoff.references"),
        ("tradeoff.cost_weight=0.5", "tradeoff.cost_weight"),
    ],
)
def test_a_case_whose_tradeoff_lacks_something_is_refused(override: str, field: str) -> None:
    with pytest.raises(InputError) as caught:
        with_overrides(tiny_case(), [override])
    assert caught.value.field == field


def test_a_reference_to_no_candidate_is_refused() -> None:
    case = tiny_case(tradeoff={"most": {"alike": 2.0}, "references": [["Z9"]]})
    with pytest.raises(InputError, match="no candidate"):
        tiny_world(case)
