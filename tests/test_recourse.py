"""Hours that are left out of a program: their cuts never say too much, and say all where it was asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from grid_opt.solve import hour_programs, hour_sets, recourse
from grid_opt.solve.answer import Answer, Options, audit
from grid_opt.solve.highs import solve
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.regions import UNPLACED, Regions
from grid_opt.solve.standard_form import Array, Flags, Matrix, Numbers

OPTIONS = Options(gap=0.0)
INF = np.inf


def program(
    cost: list[float],
    rows: list[list[float]],
    lower: list[float],
    upper: list[float],
    most: list[float],
    whole: int = 0,
) -> Matrix:
    """Return a program of columns from 0 to ``most``, the first ``whole`` of them whole."""
    return Matrix(
        cost=np.array(cost),
        offset=0.0,
        rows_matrix=sp.csr_array(np.array(rows, dtype=float)),
        row_lower=np.array(lower),
        row_upper=np.array(upper),
        col_lower=np.zeros(len(cost)),
        col_upper=np.array(most),
        integer=np.arange(len(cost)) < whole,
        rows=[f"row {i}" for i in range(len(rows))],
        columns=[f"column {j}" for j in range(len(cost))],
    )


def shop(most_halls: float = 9.0, line: float = INF) -> tuple[Matrix, Flags]:
    """Return whole halls and MW of sun, and two hours in which a hall draws 2 MW.

    Columns: halls (worth 10), sun (costs 3 a MW), and by hour power bought and sun used. The sun gives 1.0 and 0.5 MW
    per MW; power costs 4 and 1; no more than ``line`` is bought in an hour.
    """
    rows = [
        [2, 0, -1, -1, 0, 0],  # hour 1: bought + used = 2 halls
        [0, 1.0, 0, -1, 0, 0],
        [2, 0, 0, 0, -1, -1],
        [0, 0.5, 0, 0, 0, -1],
    ]
    matrix = program([-11.0, 3.0, 4.0, 0.0, 1.0, 0.0], rows, [0, 0, 0, 0], [0, INF, 0, INF],
                     [most_halls, 20.0, line, INF, line, INF], whole=1)  # fmt: skip
    return matrix, np.array([False, False, True, True, True, True])


def hours_cost(matrix: Matrix, hourly: Flags, z: Array) -> float:
    """Return what the hours cost at given other columns, by the whole program with those fixed."""
    fixed = matrix.col_lower.copy(), matrix.col_upper.copy()
    for bound in fixed:
        bound[~hourly] = z
    lone = replace(
        matrix, col_lower=fixed[0], col_upper=fixed[1], integer=np.zeros_like(matrix.integer),
        cost=np.where(hourly, matrix.cost, 0.0),
    )  # fmt: skip
    return solve(lone, OPTIONS).objective


def least_told(parted: Recourse, z: Array) -> float:
    """Return the least cost of hours that the cuts allow at ``z``; infinite where they cut it off."""
    master, stay = parted.master, len(parted.kept)
    fixed = replace(
        master,
        cost=np.where(np.arange(len(master.cost)) < stay, 0.0, master.cost),
        offset=0.0,
        col_lower=np.concatenate([z, master.col_lower[stay:]]),
        col_upper=np.concatenate([z, master.col_upper[stay:]]),
        integer=np.zeros_like(master.integer),
    )
    return solve(fixed, OPTIONS).objective


def test_one_hour_is_bought_as_far_as_the_sun_does_not_cover_it() -> None:
    matrix, hourly = shop()
    parted = Recourse(matrix, hourly, OPTIONS)
    assert parted.sets == 1, "both hours hang on halls and sun"
    assert parted.kept.tolist() == [0, 1]
    answer = parted.solve(parted.master, OPTIONS)
    # A MW of sun saves 4.0 + 0.5 for 3.0 until it covers hour 1, and 0.5 from there on. So 2 MW for every hall, which
    # costs 6 and leaves 1 MW of hour 2 to be bought: a hall nets 11 - 6 - 1 = 4, and 9 of them 36.
    assert answer.status == "optimal" and answer.objective == pytest.approx(-36.0)
    assert answer.x is not None
    whole = parted.complete(answer.x)
    assert whole == pytest.approx([9, 18, 0, 18, 9, 9])
    assert audit(matrix, whole) == pytest.approx(-36.0)


@pytest.mark.parametrize("seed", range(4))
def test_cuts_never_say_more_than_the_hours_cost_and_all_where_they_were_asked(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, hourly = shop()
    parted = Recourse(matrix, hourly, OPTIONS)
    asked = rng.uniform(0.0, [9.0, 20.0], size=(5, 2))
    for z in asked:
        parted.cut(np.concatenate([z, np.full(parted.sets, -1e3)]))
    for z in [*asked, *rng.uniform(0.0, [9.0, 20.0], size=(20, 2))]:
        assert least_told(parted, z) <= hours_cost(matrix, hourly, z) + 1e-7
    for z in asked:
        assert least_told(parted, z) == pytest.approx(hours_cost(matrix, hourly, z))


def test_what_no_hour_can_do_is_cut_off_and_nothing_else() -> None:
    matrix, hourly = shop(line=6.0)
    parted = Recourse(matrix, hourly, OPTIONS)
    _, told = parted.cut(np.array([9.0, 0.0, 0.0]))
    assert not told, "18 MW are not bought over a line of 6"
    assert least_told(parted, np.array([9.0, 0.0])) == INF
    for z in ([3.0, 0.0], [5.0, 8.0], [9.0, 20.0], [0.0, 20.0]):
        there = hours_cost(matrix, hourly, np.array(z))
        assert least_told(parted, np.array(z)) <= there + 1e-7 < INF or there == INF
    truth, answer = solve(matrix, OPTIONS), parted.solve(parted.master, OPTIONS)
    assert answer.objective == pytest.approx(truth.objective)


@pytest.mark.parametrize("seed", range(8))
def test_random_programs_have_the_same_optimum_with_their_hours_left_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outer, sets, hours = 4, 3, 5
    count = outer + sets * hours
    rows, lower = [], []
    for s in range(sets):
        linked = rng.choice(outer, size=2, replace=False)
        for _ in range(4):
            row = np.zeros(count)
            row[linked] = rng.uniform(-2, 2, size=2)
            row[outer + s * hours : outer + (s + 1) * hours] = rng.uniform(0, 2, size=hours)
            rows.append(row.tolist())
            lower.append(float(rng.uniform(-3, 3)))
    rows.append([1.0] * outer + [0.0] * (count - outer))
    lower.append(2.0)
    cost = [*rng.uniform(-1, 2, size=outer), *rng.uniform(0.1, 2, size=count - outer)]
    most = [5.0] * outer + rng.choice([3.0, INF], size=count - outer).tolist()
    matrix = program(cost, rows, lower, [INF] * len(rows), most, whole=2)
    hourly = np.arange(count) >= outer
    truth = solve(matrix, OPTIONS)
    parted = Recourse(matrix, hourly, OPTIONS)
    assert parted.sets in (1, 2, 3), "those with the same links are together"
    answer = parted.solve(parted.master, OPTIONS)
    assert (answer.x is None) == (truth.x is None)
    if truth.x is not None and answer.x is not None:
        assert answer.objective == pytest.approx(truth.objective, abs=1e-6)
        assert answer.bound <= truth.objective + 1e-6
        assert audit(matrix, parted.complete(answer.x)) == pytest.approx(answer.objective, abs=1e-5)


def test_what_joins_many_hours_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hour_sets, "LARGEST", 3)
    matrix, hourly = shop()
    capped = replace(
        matrix,
        rows_matrix=sp.csr_array(sp.vstack([matrix.rows_matrix, sp.csr_array([[0, 0, 1.0, 0, 1.0, 0]])])),
        row_lower=np.append(matrix.row_lower, -INF),
        row_upper=np.append(matrix.row_upper, 7.0),
        rows=[*matrix.rows, "cap"],
    )
    parted = Recourse(capped, hourly, OPTIONS)
    assert parted.sets == 0 and parted.master.shape == capped.shape
    assert parted.solve(parted.master, OPTIONS).objective == pytest.approx(solve(capped, OPTIONS).objective)


def test_hours_whose_cost_has_no_least_stay() -> None:
    """Selling without limit is stopped by a row of other columns only: no cut bounds it before that is known."""
    rows = [[1.0, -1.0, 0.0], [1.0, 0.0, 1.0]]
    matrix = program([1.0, -2.0, 0.5], rows, [0.0, 3.0], [INF, INF], [5.0, INF, INF])
    truth = solve(matrix, OPTIONS)
    parted = Recourse(matrix, np.array([False, True, True]), OPTIONS)
    answer: Answer = parted.solve(parted.master, OPTIONS)
    assert answer.objective == pytest.approx(truth.objective)


def test_a_search_that_the_cuts_misled_is_repeated() -> None:
    matrix, hourly = shop()
    parted = Recourse(matrix, hourly, OPTIONS)
    before = parted.size
    answer = parted.solve(parted.master, OPTIONS)
    assert parted.size > before
    assert answer.objective - answer.bound <= 1e-6 * abs(answer.objective)


def test_regions_keep_what_may_be_a_fraction_when_cuts_are_added() -> None:
    matrix, hourly = shop()
    parted = Recourse(matrix, hourly, OPTIONS)
    fractions = replace(parted.master, integer=np.zeros_like(parted.master.integer))
    regions = Regions(fractions, parted.joined(np.array([0, 0, 0, 0, 0, 0]), UNPLACED), {0: [0]}, parted)
    before = parted.size
    regions.solve(fractions, OPTIONS)
    assert parted.size > before and regions.matrix.shape[0] == parted.size
    assert not regions.matrix.integer.any()


def two_shops(weight: float, *, tail: float = 5.0) -> tuple[Matrix, Flags, Numbers]:
    """Return two futures of the shop, the second with power three times as dear, that share halls and sun.

    Half of what is weighed is the mean of the futures by 1 - ``weight``, the rest the worse of the two: ``tail`` is one
    over its probability. The last columns are the value at risk and what each costs beyond it; the last rows say so.
    """
    shop_, flags = shop(line=30.0)
    count = shop_.shape[1]
    dear = np.where(flags, 3.0, 1.0) * shop_.cost
    entries = sp.block_diag([shop_.rows_matrix, shop_.rows_matrix, np.zeros((0, 3))]).toarray()
    same = np.zeros((2, 2 * count + 3))
    same[[0, 1], [0, 1]], same[[0, 1], [count, count + 1]] = 1.0, -1.0
    tails = np.zeros((2, 2 * count + 3))
    tails[0, :count], tails[1, count : 2 * count] = shop_.cost, dear
    tails[:, -3], tails[0, -2], tails[1, -1] = -1.0, -1.0, -1.0
    tails[1] *= -1.0  # written the other way round, the row says the same
    half = 0.5 * (1.0 - weight)
    matrix = program(
        [*(half * shop_.cost), *(half * dear), weight, 0.5 * tail * weight, 0.5 * tail * weight],
        [*entries.tolist(), *same.tolist(), *tails.tolist()],
        [*shop_.row_lower, *shop_.row_lower, 0.0, 0.0, -INF, 0.0],
        [*shop_.row_upper, *shop_.row_upper, 0.0, 0.0, 0.0, INF],
        [*shop_.col_upper, *shop_.col_upper, 1e4, INF, INF],
    )
    lower = matrix.col_lower.copy()
    lower[-3] = -1e4
    integer = np.zeros(2 * count + 3, dtype=bool)
    integer[[0, count]] = True
    hourly = np.concatenate([flags, flags, [False] * 3])
    return replace(matrix, col_lower=lower, integer=integer), hourly, np.array([10, 11])


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.7, 1.0])
def test_hours_are_left_out_where_a_tail_adds_up_what_they_cost(weight: float) -> None:
    matrix, hourly, tails = two_shops(weight)
    truth = solve(matrix, OPTIONS)
    parted = Recourse(matrix, hourly, OPTIONS, tails)
    assert parted.sets == 2 and parted.master.shape[1] == matrix.shape[1] - hourly.sum() + 2
    answer = parted.solve(parted.master, OPTIONS)
    assert answer.objective == pytest.approx(truth.objective)
    assert answer.bound <= truth.objective + 1e-6
    assert answer.x is not None
    assert audit(matrix, parted.complete(answer.x)) == pytest.approx(truth.objective)


def test_the_columns_of_costs_change_nothing_in_the_whole() -> None:
    matrix, hourly, tails = two_shops(0.7)
    parted = Recourse(matrix, hourly, OPTIONS, tails)
    assert parted.whole.shape == (matrix.shape[0] + 2, matrix.shape[1] + 2)
    assert solve(parted.whole, OPTIONS).objective == pytest.approx(solve(matrix, OPTIONS).objective)
    assert (parted.kept >= matrix.shape[1]).sum() == 2, "what hours cost is among the columns that stay"


@pytest.mark.parametrize("what", ["another cost", "both sides", "a gain"])
def test_hours_stay_where_the_row_does_not_weigh_what_they_cost(what: str) -> None:
    matrix, hourly, tails = two_shops(0.7)
    cost, upper, entries = matrix.cost.copy(), matrix.row_upper.copy(), matrix.rows_matrix.copy()
    lower = matrix.row_lower.copy()
    if what == "another cost":
        cost[2] *= 1.5
    elif what == "both sides":
        lower[10] = -1e3
    else:  # the row is better kept where hours cost more
        entries = sp.csr_array(entries)
        entries.data[entries.indptr[10] : entries.indptr[11]][:4] *= -1.0
    changed = replace(matrix, cost=cost, row_lower=lower, row_upper=upper, rows_matrix=entries)
    parted = Recourse(changed, hourly, OPTIONS, tails)
    assert parted.sets < 2 or what == "another cost"
    assert set(np.flatnonzero(hourly[:6])) - set(np.arange(6)[~np.isin(np.arange(6), parted.kept)])
    assert parted.solve(parted.master, OPTIONS).objective == pytest.approx(solve(changed, OPTIONS).objective)


def test_a_search_cut_short_counts_what_hours_cost_in_the_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recourse, "ROUNDS", 1)
    matrix, hourly, tails = two_shops(0.7)
    parted = Recourse(matrix, hourly, OPTIONS, tails)
    answer = parted.solve(replace(parted.master, integer=np.zeros_like(parted.master.integer)), OPTIONS)
    assert answer.x is not None
    whole = parted.complete(answer.x)
    assert audit(replace(matrix, integer=np.zeros_like(matrix.integer)), whole) == pytest.approx(answer.objective)


def test_hours_that_only_scale_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load in two rows of the same hour is one load: its hours cost so much a MW, and one cut says all."""
    rows = [[2.0, -1.0, -1.0], [0.5, 0.0, -1.0]]  # bought + shed = 2 a hall, of which a quarter at most is shed
    matrix = program([-20.0, 4.0, 9.0], rows, [0.0, 0.0], [0.0, INF], [9.0, INF, INF], whole=1)
    parted = Recourse(matrix, np.array([False, True, True]), OPTIONS)
    asked: list[int] = []
    solved = hour_programs.HourPrograms.at
    monkeypatch.setattr(
        hour_programs.HourPrograms, "at", lambda self, sets, *some, **how: (
            asked.append(len(sets)), solved(self, sets, *some, **how)
        )[1]
    )  # fmt: skip
    answer = parted.solve(parted.master, OPTIONS)
    assert answer.objective == pytest.approx(solve(matrix, OPTIONS).objective)
    assert set(asked) == {0}


@pytest.mark.parametrize("held", [1, 10_000])
@pytest.mark.parametrize("line", [INF, 6.0])
def test_hours_that_are_kept_cost_what_they_do_when_solved_anew(
    held: int, line: float, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Also where there are none in between, and where there is no room for all that are to be kept."""
    rng, (matrix, hourly) = np.random.default_rng(3), shop(line=line)
    points = [*rng.uniform(0.0, [9.0, 20.0], size=(8, 2)), np.array([9.0, 0.0]), np.array([2.0, 1.0])]
    anew, kept = Recourse(matrix, hourly, OPTIONS), Recourse(matrix, hourly, OPTIONS)
    for z in points:
        monkeypatch.setattr(hour_programs, "LARGE", 10_000)
        true, told = anew.cut(np.append(z, -1e3))
        monkeypatch.setattr(hour_programs, "LARGE", 1)
        monkeypatch.setattr(hour_programs, "_HELD", held)
        found, also = kept.cut(np.append(z, -1e3))
        assert found == pytest.approx(true, abs=1e-9) and told == also
        assert found[-1] == pytest.approx(hours_cost(matrix, hourly, z), abs=1e-9)


def test_sets_by_turns_cost_what_they_do_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one, hourly = shop()
    three = replace(
        one, cost=np.tile(one.cost, 3), rows_matrix=sp.csr_array(sp.block_diag([one.rows_matrix] * 3)),
        row_lower=np.tile(one.row_lower, 3), row_upper=np.tile(one.row_upper, 3),
        col_lower=np.tile(one.col_lower, 3), col_upper=np.tile(one.col_upper, 3), integer=np.tile(one.integer, 3),
        rows=one.rows * 3, columns=one.columns * 3,
    )  # fmt: skip
    monkeypatch.setattr(hour_programs, "_TOGETHER", 5)
    parted = Recourse(three, np.tile(hourly, 3), OPTIONS)
    assert parted.sets == 3
    answer = parted.solve(parted.master, OPTIONS)
    assert answer.objective == pytest.approx(-108.0)
    assert answer.x is not None and audit(three, parted.complete(answer.x)) == pytest.approx(-108.0)
