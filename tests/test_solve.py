"""The hand-over loses nothing, and the solver is never trusted blindly."""

from __future__ import annotations

import os
import signal

import highspy
import numpy as np
import pyomo.environ as pyo
import pytest
import scipy.sparse as sp

from grid_opt.errors import InterruptedRunError, SolverError
from grid_opt.finance import (
    annuity_present_value,
    cash_flow_present_value,
    discount_factor,
    quarter_discount_factor,
    quarterly_payment,
)
from grid_opt.formulation.model import build_model
from grid_opt.solve import canary, highs
from grid_opt.solve.answer import Answer, Options, Progress, UnsoundAnswerError, audit, relative_gap
from grid_opt.solve.highs import Session, solve
from grid_opt.solve.lanes import side_by_side
from grid_opt.solve.standard_form import Matrix, to_matrix
from grid_opt.study.interrupt import interruptible
from grid_opt.study.plan_case import plan_case
from grid_opt.study.progress import Log
from grid_opt.study.second import solve_with_scip
from tests.tiny import objective, tiny_case, tiny_world


def _line(coefficient: float = 1.0, cost: float = 1.0, rhs: float = 1.0) -> pyo.ConcreteModel:
    model = pyo.ConcreteModel()
    model.x = pyo.Var([1, 2], domain=pyo.NonNegativeReals)
    model.c = pyo.Constraint(expr=coefficient * model.x[1] + model.x[2] >= rhs)
    model.o = pyo.Objective(expr=cost * model.x[1] + 2 * model.x[2])
    return model


@pytest.mark.parametrize("spoiled", ["coefficient", "cost", "rhs"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 2e15])
def test_numbers_that_a_solver_would_drop_are_refused_by_name(spoiled: str, value: float) -> None:
    try:
        model = _line(**{spoiled: value})
    except ValueError:
        return  # Pyomo itself refuses the number
    with pytest.raises((SolverError, ValueError)) as error:
        to_matrix(model)
    assert "number" in str(error.value) or "x[1]" in str(error.value) or "c" in str(error.value)


def test_a_status_comes_before_values() -> None:
    model = pyo.ConcreteModel()
    model.x = pyo.Var(domain=pyo.Reals)
    model.y = pyo.Var(domain=pyo.NonNegativeIntegers)
    model.c = pyo.Constraint(expr=model.x + model.y >= 1)
    model.o = pyo.Objective(expr=model.x - 2 * model.y)
    answer = solve(to_matrix(model), Options())
    assert answer.status == "unbounded"
    assert answer.x is None


def test_audit_refuses_points_that_break_the_model() -> None:
    matrix = to_matrix(_line())
    assert audit(matrix, np.array([1.0, 0.0])) == 1.0
    with pytest.raises(SolverError, match="breaks c"):
        audit(matrix, np.array([0.5, 0.0]))
    with pytest.raises(SolverError, match="bounds"):
        audit(matrix, np.array([2.0, -1.0]))


def test_canaries_pass_and_a_dead_one_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(passed for _, passed, _ in canary.check_solver())
    monkeypatch.setattr(canary, "solve", lambda *_: Answer("optimal", "Optimal", objective=0.0))
    with pytest.raises(SolverError, match="known answer"):
        canary.trust_solver.__wrapped__(2)


def test_foreign_use_of_the_solver_in_the_process_does_no_harm() -> None:
    """Pyomo's own interface runs HiGHS with another number of threads; we must not inherit its scheduler."""
    assert canary.check_solver()[0][1]
    highspy.Highs.resetGlobalScheduler(True)
    pyo.SolverFactory("appsi_highs").solve(_line())
    assert all(passed for _, passed, _ in canary.check_solver())


def test_gap_is_relative_and_infinite_without_a_plan() -> None:
    assert relative_gap(100.0, 99.0) == pytest.approx(0.01)
    assert relative_gap(float("inf"), 3.0) == float("inf")
    assert relative_gap(0.0, 0.0) == 0.0


@pytest.mark.parametrize("seed", [0, 1])
def test_our_hand_over_agrees_with_pyomos_own(seed: int) -> None:
    case = tiny_case(grid={"network": True})
    world = tiny_world(case, 6, seed)
    model = build_model(case, world).pyomo
    highspy.Highs.resetGlobalScheduler(True)  # Pyomo's interface does not do it, and asks for other threads
    pyo.SolverFactory("appsi_highs").solve(model)
    assert objective(case, world) == pytest.approx(pyo.value(model.objective), rel=1e-7)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_second_solver_finds_the_same_optimum(seed: int) -> None:
    pytest.importorskip("pyscipopt", reason="the extra second-solver is not installed")
    case = tiny_case(grid={"network": True}, budget={"total_musd": 2100.0})
    world = tiny_world(case, 6, seed)
    found, bound, _ = solve_with_scip(case, world)
    ours = objective(case, world)
    assert found == pytest.approx(ours, abs=1e-4)
    assert bound <= ours + 1e-4


def _market_split(rows: int = 5, columns: int = 40) -> Matrix:
    """Return a market split problem, small to write and long to solve (Cornuejols and Dawande, 1999)."""
    weights = np.random.default_rng(1).integers(0, 100, size=(rows, columns)).astype(float)
    half = np.floor(weights.sum(axis=1) / 2)
    slack = np.hstack([np.eye(rows), -np.eye(rows)])
    return Matrix(
        cost=np.concatenate([np.zeros(columns), np.ones(2 * rows)]),
        offset=0.0,
        rows_matrix=sp.csr_array(np.hstack([weights, slack])),
        row_lower=half,
        row_upper=half,
        col_lower=np.zeros(columns + 2 * rows),
        col_upper=np.concatenate([np.ones(columns), np.full(2 * rows, 1e4)]),
        integer=np.concatenate([np.ones(columns, bool), np.zeros(2 * rows, bool)]),
        rows=[f"market {i}" for i in range(rows)],
        columns=[f"column {j}" for j in range(columns + 2 * rows)],
    )


def test_interrupt_keeps_the_incumbent() -> None:
    """Ctrl-C reaches HiGHS through its callbacks: the plan found so far comes back, marked as interrupted."""
    matrix = _market_split()
    sent: list[float] = []

    def stop_when_there_is_a_plan(news: Progress) -> None:
        if not sent and news.incumbent < 1e15:
            sent.append(news.incumbent)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with interruptible() as stop:
        answer = solve(matrix, Options(gap=0.0, time_limit_s=300.0, progress=stop_when_there_is_a_plan, stop=stop))
    assert signal.getsignal(signal.SIGINT) is before
    assert answer.interrupted and answer.status == "feasible"
    assert answer.x is not None and answer.objective <= sent[0] + 1e-6
    assert answer.bound < answer.objective


@pytest.mark.parametrize("moment", ["solving", "pricing"])
def test_interrupt_at_any_stage_keeps_the_plan(moment: str) -> None:
    """Once a search has begun, Ctrl-C ends it; after it, the plan is finished all the same."""
    case = tiny_case(grid={"network": True})
    world = tiny_world(case, 6, 1)

    class Interrupting(Log):
        def stage(self, text: str) -> None:
            super().stage(text)
            if text.startswith(moment):
                os.kill(os.getpid(), signal.SIGINT)

    with interruptible() as stop:
        try:
            planned = plan_case(case, world, {}, Interrupting(None), stop)
        except InterruptedRunError:
            assert moment == "solving"  # stopped before there was any plan
        else:
            assert planned.plan.attrs["objective"] == pytest.approx(objective(case, world), rel=0.05)
        assert stop.is_set()


def test_a_time_limit_keeps_the_incumbent() -> None:
    answer = solve(_market_split(), Options(gap=0.0, time_limit_s=1.0))
    assert answer.status == "feasible" and answer.x is not None and not answer.interrupted
    assert answer.gap > 0


def test_a_search_ends_when_it_is_told_to_and_was_not_interrupted() -> None:
    heard: list[tuple[float, float]] = []

    def until(incumbent: float, bound: float) -> bool:
        heard.append((incumbent, bound))
        return np.isfinite(incumbent)

    answer = solve(_market_split(), Options(gap=0.0, time_limit_s=300.0, until=until))
    assert answer.status == "feasible" and answer.x is not None and not answer.interrupted
    assert answer.gap > 0 and all(bound <= incumbent for incumbent, bound in heard)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_what_is_done_side_by_side_comes_back_in_order(threads: int) -> None:
    used: list[int] = []

    def work(item: int, options: Options) -> int:
        used.append(options.threads)
        return item * item

    assert side_by_side(work, range(7), Options(threads=threads)) == [n * n for n in range(7)]
    assert used == [1] * 7


def test_finance_by_hand() -> None:
    assert discount_factor(0.1, 2) == pytest.approx(1 / 1.21)
    assert quarterly_payment(0.0, 5) == 0.05
    assert quarterly_payment(0.21, 0.5) == pytest.approx(1 / (1 + 1.21**-0.25))  # two payments, one at once
    assert annuity_present_value(0.0, 5, 0, 20) == pytest.approx(1.0)
    assert cash_flow_present_value(0.0, 5, 0, 40) == pytest.approx(2 - (1 - 4.875 / 5))
    assert cash_flow_present_value(0.0, 20, 0, 40) == pytest.approx(1 - (1 - 9.875 / 20))


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.07, 0.2])
@pytest.mark.parametrize("life", [5, 20])
@pytest.mark.parametrize("start", [0, 7])
def test_serving_exactly_its_life_costs_what_buying_it_does(rate: float, life: int, start: int) -> None:
    served = annuity_present_value(rate, life, start, start + 4 * life)
    assert served == pytest.approx(quarter_discount_factor(rate, start))
    bought = cash_flow_present_value(rate, life, start, start + 4 * life)
    assert bought == pytest.approx(served, rel=0.03)  # bought mid-quarter, it outlives the horizon by half a quarter


def test_an_answer_that_breaks_the_program_is_found_anew_without_its_basis(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = to_matrix(_line(rhs=4.0))
    read, calls = highs._read, list[Matrix]()

    def broken(engine: object, matrix: Matrix) -> Answer:
        calls.append(matrix)
        if len(calls) == 1:
            raise UnsoundAnswerError("breaks a row")
        return read(engine, matrix)

    monkeypatch.setattr(highs, "_read", broken)
    assert Session(matrix, Options()).solve().objective == pytest.approx(4.0) and len(calls) == 2
    monkeypatch.setattr(highs, "_read", lambda engine, matrix: (_ for _ in ()).throw(UnsoundAnswerError("again")))
    with pytest.raises(SolverError, match="again"):
        Session(matrix, Options()).solve()
