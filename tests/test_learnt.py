"""What one case learnt makes the relaxation of the next one sooner, and nothing else of it: not even if it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import xarray as xr

from grid_opt.config import Case
from grid_opt.errors import InputError
from grid_opt.formulation.model import build_model
from grid_opt.solve.answer import Options
from grid_opt.solve.extract import counted, layout
from grid_opt.solve.highs import solve
from grid_opt.solve.learnt import Learnt, Links, Memory, hashed, read_learnt
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.regions import UNPLACED, Regions
from grid_opt.solve.search import search
from grid_opt.solve.sites import sites_of
from grid_opt.solve.standard_form import Layout, Matrix, to_matrix
from grid_opt.solve.tighten import tightened
from tests.test_recourse import shop
from tests.tiny import tiny_world
from tests.tiny_supply import RICH_SUPPLY, rich_sources, supply_case, supply_world

OPTIONS = Options(gap=0.0)
_SEEDS = (6, 7)
"""Worlds in which the targets can be met, and a quarter later, too."""
_FEW = 3
"""Regions with which the relaxation begins: fewer than it needs."""


def _world(case: Case, seed: int, regions: int = 10) -> xr.Dataset:
    world = tiny_world(case, regions, seed)
    return supply_world(case, world, **rich_sources(world))


def _program(case: Case, world: xr.Dataset) -> tuple[Matrix, Layout, np.ndarray]:
    model = build_model(case, world)
    matrix = to_matrix(model.pyomo)
    return tightened(matrix), layout(matrix, model), counted(matrix, model)


def _delayed(world: xr.Dataset) -> xr.Dataset:
    later = world["headroom"].shift(quarter=1, fill_value=0.0)
    return world.assign(headroom=later)


CHANGES: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "nothing": lambda world: world,
    "price": lambda world: world.assign(price=world["price"] * 1.05),
    "cheaper": lambda world: world.assign(price=world["price"] * 0.8),
    "gas": lambda world: world.assign(plant_running=world["plant_running"] * 1.3),
    "delay": _delayed,
}


def relaxed(matrix: Matrix, where: Layout, memory: Memory | None) -> tuple[float, Recourse]:
    """Return the bound of the relaxation, region by region, and what stands for the hours."""
    recourse = Recourse(matrix, where.hourly, OPTIONS, memory=memory)
    places = recourse.joined(where.places, UNPLACED)
    regions = Regions(recourse.master, places, sites_of(recourse.master, places), recourse)
    found = regions.relaxation(OPTIONS, _FEW)
    if memory is not None:
        recourse.leave(memory)
    return found.answer.bound, recourse


def linear(matrix: Matrix) -> float:
    """Return the objective of the relaxation, all of it at once."""
    return solve(replace(matrix, integer=np.zeros_like(matrix.integer)), OPTIONS).objective


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("change", CHANGES)
def test_the_bound_is_the_same_with_what_another_case_learnt(change: str, seed: int) -> None:
    case = supply_case(RICH_SUPPLY)
    world = _world(case, seed)
    before = Memory()
    relaxed(*_program(case, world)[:2], before)
    assert (before.cuts, before.begun) == (0, False)
    matrix, where, _ = _program(case, CHANGES[change](world))
    truth = linear(matrix)
    memory = Memory(before.after)
    bound, _ = relaxed(matrix, where, memory)
    anew, _ = relaxed(matrix, where, None)
    assert memory.begun and memory.cuts > 0
    assert bound == pytest.approx(anew, rel=1e-6) and bound == pytest.approx(truth, rel=2e-6)
    assert bound <= truth * (1 + 1e-9)


@pytest.mark.parametrize(("before", "after"), [(10, 8), (8, 10)])
def test_a_case_that_differs_in_its_regions_takes_what_they_have_in_common(before: int, after: int) -> None:
    case, first = supply_case(RICH_SUPPLY), Memory()
    relaxed(*_program(case, _world(case, 7, before))[:2], first)
    matrix, where, _ = _program(case, _world(case, 7, after))
    memory = Memory(first.after)
    bound, _ = relaxed(matrix, where, memory)
    assert memory.cuts > 0
    assert bound == pytest.approx(linear(matrix), rel=2e-6)


def test_what_is_of_another_program_is_dropped() -> None:
    matrix, hourly = shop()
    before = Memory()
    where = Layout(np.zeros(6, dtype=np.int64), hourly)
    lone = Recourse(matrix, hourly, OPTIONS, memory=before)
    places = lone.joined(where.places, UNPLACED)
    Regions(lone.master, places, {0: [0]}, lone).relaxation(OPTIONS)
    lone.leave(before)
    assert before.after is not None
    case = supply_case(RICH_SUPPLY)
    matrix, where, _ = _program(case, _world(case, 7))
    memory = Memory(before.after)
    bound, _ = relaxed(matrix, where, memory)
    assert (memory.cuts, memory.begun) == (0, False)
    assert bound == pytest.approx(linear(matrix), rel=2e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("what", ["basis", "points"])
def test_nothing_that_could_be_kept_makes_a_bound_wrong(what: str, seed: int) -> None:
    """Statuses that no basis has, or points where no hours can be, under the names of the case itself."""
    rng = np.random.default_rng(seed)
    case = supply_case(RICH_SUPPLY)
    matrix, where, _ = _program(case, _world(case, _SEEDS[seed % 2]))
    before = Memory()
    relaxed(matrix, where, before)
    wrong = before.after
    assert wrong is not None
    if what == "basis":
        columns, rows = (rng.integers(0, 5, size=len(a)).astype(np.int8) for a in (wrong.columns, wrong.rows))
        wrong = replace(wrong, column_status=columns, row_status=rows)
    else:
        many = np.concatenate([np.arange(len(wrong.sets))] * 3)
        sizes = np.diff(np.append(0, wrong.ends))[many]
        numbers = rng.uniform(-50.0, 200.0, size=sizes.sum())
        wrong = replace(wrong, sets=wrong.sets[many], ends=np.cumsum(sizes), at=numbers)
    memory = Memory(wrong)
    bound, _ = relaxed(matrix, where, memory)
    assert memory.begun == (what == "basis") and memory.cuts > 0
    assert bound == pytest.approx(linear(matrix), rel=2e-6)


@pytest.mark.parametrize("seed", _SEEDS)
def test_cuts_where_another_case_had_them_never_say_more_than_hours_cost(seed: int) -> None:
    """At the whole relaxation's answer, what cuts that another price of power left tell is at most what hours cost."""
    case = supply_case(RICH_SUPPLY)
    world = _world(case, seed)
    before = Memory()
    relaxed(*_program(case, world)[:2], before)
    matrix, where, _ = _program(case, CHANGES["cheaper"](world))
    recourse = Recourse(matrix, where.hourly, OPTIONS, memory=Memory(before.after))
    whole = solve(replace(matrix, integer=np.zeros_like(matrix.integer)), OPTIONS)
    assert whole.x is not None
    stay, count = recourse.kept, recourse.master.shape[1]
    lower, upper = recourse.master.col_lower.copy(), recourse.master.col_upper.copy()
    lower[: len(stay)] = upper[: len(stay)] = whole.x[stay]
    told = replace(recourse.master, col_lower=lower, col_upper=upper, integer=np.zeros(count, dtype=bool))
    assert solve(told, OPTIONS).objective <= whole.objective * (1 + 1e-9) + 1e-6


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_a_search_with_a_memory_finds_the_same_optimum(gap: float) -> None:
    case = supply_case(RICH_SUPPLY)
    world, options = _world(case, 6), Options(gap=gap)
    before = Memory()
    matrix, where, counts = _program(case, world)
    first = search(matrix, counts, where, options, memory=before)
    matrix, where, counts = _program(case, CHANGES["price"](world))
    truth = search(matrix, counts, None, OPTIONS)
    memory = Memory(before.after)
    warm = search(matrix, counts, where, options, known=first.x, memory=memory)
    assert memory.begun and memory.after is not None
    assert truth.objective * (1 - 1e-6) <= warm.objective <= truth.objective * (1 + gap) / (1 - gap) * (1 + 1e-6)
    assert warm.bound <= truth.objective * (1 + 1e-6) and warm.gap <= gap + 1e-6


def test_points_are_those_of_columns_of_the_same_name_whatever_their_order() -> None:
    names = hashed([f"column {n}" for n in range(6)])
    links = sp.csr_array(np.array([[1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 1]], dtype=float))
    numbers = np.array([10.0, 20.0, 40.0, 30.0, 50.0, 60.0])
    there = Links(links, names)
    chosen = np.array([2, 0, 1, 0])
    ends, at = there.of_points(chosen, numbers)
    empty, none = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int8)
    learnt = Learnt(empty, none, empty, none, there.sets[chosen], ends, at)
    order = np.array([5, 3, 0, 4, 1, 2])  # the same links, in other places, of sets the other way round
    here = sp.csr_array(links.toarray()[::-1][:, order])
    layers = list(Links(here, names[order]).layers(learnt))
    assert [sets.tolist() for sets, _ in layers] == [[0, 1, 2], [2]]
    of_column = dict(zip(links.indices.tolist(), numbers.tolist(), strict=True))
    expected = np.array([of_column[int(order[j])] for j in here.indices])
    assert layers[0][1].tolist() == expected.tolist()
    again = Links(here, names[order]).names_of_points(np.array([2, 1]), expected)
    assert there.names_of_points(np.array([0, 1]), numbers).tolist() == again.tolist()


def test_it_is_written_and_read_and_nothing_else_is_taken_for_it(tmp_path: Path) -> None:
    case = supply_case(RICH_SUPPLY)
    before = Memory()
    relaxed(*_program(case, _world(case, 6))[:2], before)
    assert before.after is not None
    path = tmp_path / "learnt.npz"
    assert read_learnt(path) is None
    before.after.write(path)
    again = read_learnt(path)
    assert again is not None
    for name, array in vars(before.after).items():
        np.testing.assert_array_equal(getattr(again, name), array)
    for spoiled in (b"no arrays", b"", path.read_bytes()[:2000]):
        path.write_bytes(spoiled)
        with pytest.raises(InputError, match="not what a case left"):
            read_learnt(path)
