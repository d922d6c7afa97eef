r"""Plan campuses at the buses of a network, with line limits added to the model only when a dispatch breaks them.

1. **Without campuses**: the cheapest dispatch of every hour by itself, overloads at a penalty. It says what the system
   costs anyway, and which branches are over their limits already.
2. **Campuses as fractions**: the linear relaxation, solved again and again with the limits that its flows break.
3. **Whole campuses**: the mixed-integer program with these limits, again until no limit is broken.

After each solve every branch is looked at in the base case and after every outage, in every hour
(:mod:`grid_opt.network.screening`). A model with some of the limits is a relaxation of that with all, so its bound is a
bound; a plan that breaks none of them is a plan of the whole. What was added is data of the world (``watch_*``), from
which the model of record is built with the same limits as constraints of its block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr

from grid_opt.config import Case
from grid_opt.errors import SolverError
from grid_opt.formulation.model import Model, build_model
from grid_opt.formulation.nodal import unwatched
from grid_opt.network.elements import Numbers
from grid_opt.network.screening import Pairs, join
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.extract import polish
from grid_opt.solve.highs import Session, solve
from grid_opt.solve.nodal_base import Stage, without_campuses
from grid_opt.solve.nodal_grid import MET_MW, Columns, Grid, names_of, with_rows
from grid_opt.solve.standard_form import Array, Matrix, fix_integers, to_matrix

_MOST_ROUNDS = 60
_LIMIT_S = 120.0
_MOST_SHORT = 5
_LEAST_SHORT_MW = 0.01
_AGREE = 1e-6
"""Relative agreement asked of the model of record and of the program of the search."""


@dataclass(frozen=True)
class Sited:
    """A plan at the buses: the world with its watched limits, the model of record, and its linear program solved.

    ``answer`` is of the mixed-integer program, ``linear`` of the model of record with whole numbers fixed. ``rounds``
    counts the solves of each kind that it took until no limit was broken. Without a plan, ``shortage`` names the limits
    of lines that stand in the way, if any do.
    """

    world: xr.Dataset
    model: Model
    matrix: Matrix
    answer: Answer
    linear: Answer | None
    rounds: dict[str, int]
    shortage: tuple[str, ...] = ()


class Siting:
    """The program of campuses and dispatch, and the limits that are added to it."""

    def __init__(self, grid: Grid, base_flow: Numbers, seeds: Pairs, options: Options, stage: Stage) -> None:
        self._grid, self._before, self._options, self._stage = grid, base_flow, options, stage
        model = build_model(grid.case, grid.world)
        self.matrix = to_matrix(model.pyomo)
        self._integer = self.matrix.integer
        self._columns = Columns.of(model, self.matrix)
        self.pairs = join([])
        share = grid.screen.lodf(seeds.branch, seeds.outage)
        self._seeds = replace(seeds, limit_mw=np.maximum(seeds.limit_mw, seeds.in_snapshot(base_flow, share)))
        self.rounds = {"relaxation": 0, "whole": 0, "record": 0}

    def relax(self) -> Answer:
        """Solve the linear relaxation with every limit that its flows break; return the last answer.

        Errors: SolverError when limits go on being broken.
        """
        relaxed = replace(self.matrix, integer=np.zeros_like(self._integer))
        session = Session(relaxed, self._options.quietly(self._options.time_limit_s))
        broken = self._seeds
        while True:
            self._watch(broken)
            if len(broken):
                session.add_rows(*self._rows(broken))
            answer = session.solve()
            self.matrix = replace(session.matrix, integer=self._integer)
            self.rounds["relaxation"] += 1
            if answer.x is None or answer.status != "optimal":
                return answer
            broken = self.broken(answer.x, self._columns)
            number = self.rounds["relaxation"]
            self._stage(f"limits of lines, round {number}: {len(self.pairs):,} watched, {len(broken):,} broken")
            if len(broken) == 0:
                return answer
            self._count_rounds("relaxation")

    def whole(self) -> Answer:
        """Solve the mixed-integer program until its plan, dispatched anew within all limits, is within the asked gap.

        A plan whose flows break limits is dispatched anew with its campuses fixed. Where that costs more than the gap
        allows, or cannot be done, the search goes on with the limits. Without a plan the answer has none.
        """
        seconds, bound, start = 0.0, -np.inf, None
        while True:
            options = replace(self._options, time_limit_s=max(1.0, self._options.time_limit_s - seconds))
            answer = solve(self.matrix, options, start)
            self.rounds["whole"] += 1
            seconds, bound = seconds + answer.seconds, max(bound, answer.bound)
            if answer.x is None:
                return replace(answer, seconds=seconds)
            dispatched = self._dispatched(answer)
            if dispatched is answer:  # no limit was broken: what HiGHS says of the plan holds
                return replace(answer, seconds=seconds)
            over = answer.interrupted or seconds >= self._options.time_limit_s
            if dispatched is not None:
                found = replace(dispatched, bound=min(bound, dispatched.objective), seconds=seconds)
                good = found.gap <= self._options.gap + _AGREE
                if good or over:
                    return replace(found, status="optimal" if good else "feasible")
                start = found.x
            elif over:
                return replace(answer, x=None, status="no_plan", seconds=seconds)
            self._count_rounds("whole")

    def _dispatched(self, answer: Answer) -> Answer | None:
        """Return a plan with its campuses as they are and its flows within all limits; none where there is none."""
        assert answer.x is not None
        broken = self.broken(answer.x, self._columns)
        if len(broken) == 0:
            return answer
        self._stage(f"the plan breaks {len(broken):,} limits of lines: dispatching it anew within them")
        session = Session(fix_integers(self.matrix, answer.x), self._options.quietly(_LIMIT_S))
        found = answer
        while len(broken):
            self._watch(broken)
            self.matrix = with_rows(self.matrix, *self._rows(broken))
            session.add_rows(*self._rows(broken))
            solved = session.solve()
            if solved.x is None:
                return None
            found = replace(answer, x=solved.x, objective=solved.objective)
            broken = self.broken(solved.x, self._columns)
        return found

    def record(self, answer: Answer) -> Sited:
        """Build the model of record with the watched limits, and solve it with the whole numbers of a plan fixed.

        Its dispatch may be another one of the same cost, and break a further limit; then that is watched as well. The
        program of the search is solved in the same way first, which is the same linear program, row for row, and
        quicker to change. Errors: SolverError when the two programs disagree.
        """
        assert answer.x is not None
        while True:
            linear = polish(self.matrix, answer, self._options)
            assert linear.x is not None
            broken = self.broken(linear.x, self._columns)
            self.rounds["record"] += 1
            if len(broken) == 0:
                break
            self._count_rounds("record")
            self._watch(broken)
            self.matrix = with_rows(self.matrix, *self._rows(broken))
        self._stage(f"building the model of record with {len(self.pairs):,} limits of lines")
        value = {_key(column): number for column, number in zip(self.matrix.columns, answer.x.tolist(), strict=True)}
        world = self._grid.watching(self.pairs)
        model = build_model(self._grid.case, world)
        matrix = to_matrix(model.pyomo)
        same = replace(answer, x=np.array([value[_key(column)] for column in matrix.columns]))
        final = polish(matrix, same, self._options)
        assert final.x is not None
        broken = self.broken(final.x, Columns.of(model, matrix))
        if len(broken):
            self._watch(broken)
            self.matrix = with_rows(self.matrix, *self._rows(broken))
            return self.record(answer)
        self._require_equal(linear, final)
        return Sited(world, model, matrix, same, final, self.rounds)

    @staticmethod
    def _require_equal(search: Answer, record: Answer) -> None:
        """Refuse a model of record whose optimum is not that of the rows that were added as numbers."""
        if abs(search.objective - record.objective) > _AGREE * max(1.0, abs(search.objective)):
            raise SolverError(
                f"the model of record costs {record.objective:.6f}, the program of the search {search.objective:.6f}"
            )

    def shortage(self) -> tuple[str, ...]:
        """Name the limits of lines that are exceeded least, in all, by the campuses that the targets ask for.

        Empty where campuses could not be built even if lines had no limits.
        """
        rows, lower, upper, names = self._rows(self.pairs)
        first = len(self.matrix.row_lower) - sum(isinstance(row, str) for row in self.matrix.rows)
        free = replace(
            self.matrix, rows_matrix=self.matrix.rows_matrix[:first], row_lower=self.matrix.row_lower[:first],
            row_upper=self.matrix.row_upper[:first], rows=self.matrix.rows[:first],
            cost=np.zeros_like(self.matrix.cost), offset=0.0,
        )  # fmt: skip
        whole, count = with_rows(free, rows, lower, upper, names), len(self.pairs)
        slack = sp.vstack([sp.csr_array((first, count)), -sp.eye_array(count, format="csr")])
        elastic = replace(
            whole, rows_matrix=sp.csr_array(sp.hstack([whole.rows_matrix, slack], format="csr")),
            cost=np.append(whole.cost, np.ones(count)), integer=np.append(whole.integer, np.zeros(count, dtype=bool)),
            col_lower=np.append(whole.col_lower, np.zeros(count)),
            col_upper=np.append(whole.col_upper, np.full(count, np.inf)), columns=[*whole.columns, *names],
        )  # fmt: skip
        answer = solve(elastic, self._options.quietly(_LIMIT_S))
        if answer.x is None:
            return ()
        over = answer.x[-count:] if count else np.zeros(0)
        worst = [k for k in np.argsort(-over).tolist() if over[k] > _LEAST_SHORT_MW]
        return tuple(f"{over[k]:,.1f} MW on {self._grid.named(self.pairs, k)}" for k in worst[:_MOST_SHORT])

    def broken(self, x: Array, columns: Columns) -> Pairs:
        """Return the worst broken limit of every branch in every hour at a solution."""
        flow = self._grid.response.flows(*columns.values(x))
        found = self._grid.screen.violated(flow, self._before)
        known = set(self.pairs.keys())
        new = [k for k, key in enumerate(found.keys()) if key not in known or found.over_mw[k] > MET_MW]
        return found.take(np.array(new, dtype=np.int64))

    def _rows(self, pairs: Pairs) -> tuple[sp.csr_array, Numbers, Numbers, list[str]]:
        rows, upper = self._grid.rows(self._columns, pairs, len(self.matrix.col_lower))
        names = names_of(pairs)
        return rows, np.full(len(pairs), -np.inf), upper, names

    def _watch(self, pairs: Pairs) -> None:
        self.pairs = join([self.pairs, pairs])

    def _count_rounds(self, kind: str) -> None:
        if self.rounds[kind] >= _MOST_ROUNDS:
            raise SolverError(f"limits of lines were still broken after {_MOST_ROUNDS} solves of the {kind}")


def _key(column: Any) -> tuple[str, Any]:
    """Name a column by its variable and index, the same in every model that is built of a case."""
    return column.parent_component().local_name, column.index()


def site(case: Case, world: xr.Dataset, options: Options, stage: Stage) -> Sited:
    """Plan campuses and dispatch of a case whose regions are buses; ``linear`` is missing where there is no plan.

    Errors: SolverError when HiGHS fails, or limits go on being broken.
    """
    grid = Grid.of(case, world)
    before, binding = without_campuses(grid, options, stage)
    siting = Siting(grid, before, binding, options, stage)
    relaxed = siting.relax()
    answer = relaxed if relaxed.status in ("infeasible", "unbounded") else siting.whole()
    if answer.x is None:
        plain = unwatched(grid.world)
        model = build_model(case, plain)
        shortage = siting.shortage() if answer.status == "infeasible" else ()
        return Sited(plain, model, to_matrix(model.pyomo), answer, None, siting.rounds, shortage)
    stage(f"certified: no limit of {len(before):,} branches is broken in {grid.snapshots:,} hours, "
          f"{len(grid.screen.outages):,} outages each; {len(siting.pairs):,} limits are in the model")  # fmt: skip
    return siting.record(answer)
