"""Search under a budget by putting a price on money, where the row that adds up all costs stifles the solver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from grid_opt.solve.answer import Answer, Options, Progress
from grid_opt.solve.highs import solve
from grid_opt.solve.limits import INVESTMENT
from grid_opt.solve.standard_form import Array, Matrix, families, fix_integers, submatrix

ROW = "budget.present_value_budget"
DENSE = 50_000
"""Entries of a row from which on the simplex method was measured to lose its way."""
_FIRST, _PRICES = 0.01, 9
"""First price of money, as a share of the objective by the budget, and how many prices are tried at most."""
_SHARE = 0.1
"""Share of the asked gap within which the best price is found."""
_STARTS, _SPARE = 4, 0.01
"""How often whole campuses are looked for; each time leaves so much more of the budget for what they cost extra."""
_NEAR_GAP, _NEAR_S = 0.05, 60.0
"""How close to nearest whole campuses must be, and the longest search for them: near is enough."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Priced:
    """A program without its budget row: what each column spends [million USD], and how much may be spent."""

    free: Matrix
    spends: Array
    budget: float

    def at(self, price: float) -> Matrix:
        """Return the linear relaxation in which spending costs ``price`` and the budget is refunded."""
        return replace(
            self.free,
            cost=self.free.cost + price * self.spends,
            offset=self.free.offset - price * self.budget,
            integer=np.zeros_like(self.free.integer),
        )

    def spent(self, x: Array) -> float:
        """Return what a plan spends."""
        return float(self.spends @ x)


def dense_budget(matrix: Matrix) -> int | None:
    """Return the number of the budget's row where it is too dense to search with, else ``None``."""
    rows = [i for i, name in enumerate(families(matrix)) if name == ROW]
    dense = [i for i in rows if np.diff(matrix.rows_matrix.indptr)[i] >= DENSE]
    return dense[0] if dense else None


def search_priced(matrix: Matrix, row: int, options: Options, stage: Callable[[str], None]) -> Answer:
    r"""Find a plan within the budget of a row, with a bound by Lagrangian relaxation (Geoffrion, 1974).

    For any price :math:`\lambda \ge 0` of money, :math:`\min_x (c + \lambda r)^\top x - \lambda B` over the linear
    relaxation without the row :math:`r^\top x \le B` is a bound of the program. The price that makes it largest is
    bracketed by what its relaxation spends. Whole campuses nearest to a relaxation that keeps the budget, with the best
    operation that the budget allows them, are the plan.

    Raises:
        SolverError: HiGHS failed, or an answer of its does not satisfy the program.
    """
    keep = np.ones(matrix.shape[0], dtype=bool)
    keep[row] = False
    priced = Priced(
        replace(
            matrix,
            rows_matrix=sp.csr_array(matrix.rows_matrix[keep]),
            row_lower=matrix.row_lower[keep],
            row_upper=matrix.row_upper[keep],
            rows=[one for one, flag in zip(matrix.rows, keep, strict=True) if flag],
        ),
        matrix.rows_matrix[[row]].toarray().ravel(),
        float(matrix.row_upper[row]),
    )
    return _Search(matrix, priced, options, stage).run()


class _Search:
    """Hold what is known while prices are tried: the best bound, and how much time is spent."""

    def __init__(self, matrix: Matrix, priced: Priced, options: Options, stage: Callable[[str], None]) -> None:
        self.matrix, self.priced, self.options, self.stage = matrix, priced, options, stage
        self.bound, self.seconds = -np.inf, 0.0

    def run(self) -> Answer:
        """Return the plan, or why there is none."""
        self.stage("pricing the budget: every relaxation gives a bound")
        cheapest = self._solve(replace(self.priced.at(0.0), cost=self.priced.spends, offset=0.0))
        if cheapest.status == "infeasible":
            return replace(cheapest, seconds=self.seconds)
        if cheapest.x is None or cheapest.status != "optimal":
            return self._without_plan(cheapest.detail)
        if cheapest.objective > self.priced.budget * (1 + _ROUNDING):
            detail = f"the least cost is {cheapest.objective:,.1f} million USD"
            return Answer("infeasible", detail, seconds=self.seconds)
        best = self._best_within(cheapest.x)
        self.stage("whole campuses near the best relaxation within the budget")
        for wanted in self._wanted(best, cheapest.x):
            plan = self._near(wanted)
            if plan is not None:
                found = replace(plan, bound=min(self.bound, plan.objective), seconds=self.seconds)
                return replace(found, status="optimal" if found.gap <= self.options.gap else "feasible")
        return self._without_plan("no plan of whole campuses near the relaxation keeps the budget")

    def _without_plan(self, detail: str) -> Answer:
        stopped = self.options.stop is not None and self.options.stop.is_set()
        return Answer("no_plan", detail, bound=self.bound, seconds=self.seconds, interrupted=stopped)

    def _solve(self, program: Matrix, gap: float = 0.0, most_s: float = np.inf) -> Answer:
        left = max(1.0, self.options.time_limit_s - self.seconds)
        answer = solve(program, replace(self.options, progress=None, gap=gap, time_limit_s=min(left, most_s)))
        self.seconds += answer.seconds
        return answer

    def _best_within(self, cheapest: Array) -> Array:
        """Try prices of money, first doubling, then halving; return the best relaxation that keeps the budget."""
        best, low, high = cheapest, 0.0, np.inf
        price = _FIRST * max(abs(float(self.matrix.cost @ cheapest)), 1.0) / self.priced.budget
        for _ in range(_PRICES):
            relaxed = self._solve(self.priced.at(price))
            if relaxed.x is None or relaxed.status != "optimal":
                break
            self.bound = max(self.bound, relaxed.objective)
            if self.options.progress is not None:
                self.options.progress(Progress(self.seconds, np.inf, self.bound, 0))
            if self.priced.spent(relaxed.x) <= self.priced.budget:
                best, high = relaxed.x, price
                value = float(self.matrix.cost @ best + self.matrix.offset)
                if value - self.bound <= _SHARE * self.options.gap * abs(value):
                    break
            else:
                low = price
            price = 2.0 * price if np.isinf(high) else (low + high) / 2
        return best

    def _wanted(self, best: Array, cheapest: Array) -> Iterator[Array]:
        """Mix the best relaxation with the cheapest, ever more of it, to leave money for whole campuses."""
        saved = self.priced.spent(best) - self.priced.spent(cheapest)
        for number in range(_STARTS):
            share = 0.0 if saved <= 0 else min(1.0, number * _SPARE * self.priced.budget / saved)
            yield (1 - share) * best + share * cheapest

    def _near(self, wanted: Array) -> Answer | None:
        """Return the plan of whole campuses nearest to ``wanted`` with the best operation within the budget."""
        inside = np.array([name.split(".")[0] in INVESTMENT and name != ROW for name in families(self.matrix)])
        part, kept = submatrix(self.matrix, inside)
        whole = np.flatnonzero(part.integer)
        near = self._solve(_distance(part, whole, wanted[kept]), _NEAR_GAP, _NEAR_S)
        if near.x is None:
            return None
        x = wanted.copy()
        x[kept[whole]] = np.round(near.x[whole])
        plan = self._solve(fix_integers(self.matrix, x))
        return plan if plan.status == "optimal" else None


def _distance(part: Matrix, whole: npt.NDArray[np.int64], wanted: Array) -> Matrix:
    """Return the program with only ``whole`` as integers, and the sum of their distances as its cost."""
    count, (rows, columns) = len(whole), part.shape
    pick = sp.csr_array((np.ones(count), (np.arange(count), whole)), shape=(count, columns))
    size = sp.eye_array(count, format="csr")
    target, keep = wanted[whole], np.zeros(columns, dtype=bool)
    keep[whole] = True
    entries = sp.vstack(
        [
            sp.hstack([part.rows_matrix, sp.csr_array((rows, count))]),
            sp.hstack([pick, -size]),  # x - d <= wanted
            sp.hstack([-pick, -size]),  # -x - d <= -wanted
        ]
    )
    return replace(
        part,
        cost=np.concatenate([np.zeros(columns), np.ones(count)]),
        rows_matrix=sp.csr_array(entries),
        row_lower=np.concatenate([part.row_lower, np.full(2 * count, -np.inf)]),
        row_upper=np.concatenate([part.row_upper, target, -target]),
        col_lower=np.concatenate([part.col_lower, np.zeros(count)]),
        col_upper=np.concatenate([part.col_upper, np.full(count, np.inf)]),
        integer=np.concatenate([keep, np.zeros(count, dtype=bool)]),
        rows=[*part.rows, *(["distance"] * (2 * count))],
        columns=[*part.columns, *(["distance"] * count)],
    )
