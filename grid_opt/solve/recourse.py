r"""Leave the hours out of the search: what they cost is known by cuts, found where the search looks.

Once the capacities and loads :math:`z` of a region and calendar quarter are chosen, each hour, day of a battery or
stress hour of the network is a linear program of its own, with columns :math:`x_h` that occur nowhere else:

.. math:: Q(z) = \min\{c_h^\top x_h : \; l \le A_h x_h + A_z z \le u, \; \underline x \le x_h \le \overline x\}.

Any prices of its rows bound :math:`Q` from below by a linear function of :math:`z`
(:mod:`~grid_opt.solve.duality`), and those of its solution at some :math:`z` exactly there. So the hours are replaced
by one column for the cost of all hours that hang on the same capacities and loads, and by such cuts (Benders,
Numerische Mathematik 4, 1962; Van Slyke and Wets, SIAM Journal on Applied Mathematics 17, 1969). Where no :math:`x_h`
exists, the least sum by which rows are broken is positive, and the same inequality for that sum cuts :math:`z` off.

Where another row than the objective adds up what hours cost, as the tail of the costs of scenarios does, the column
that stands for them stands there, too (:mod:`~grid_opt.solve.cost_rows`).

Where another case had its cuts is where this one may begin to cut (:mod:`~grid_opt.solve.learnt`): at any :math:`z`,
the prices of this case's own hours give a cut that this case's own :math:`Q` is never below.

A program with cuts is a relaxation at all times: its bounds are bounds of the whole. Its plans are completed by the
hours they were chosen without, and cost what those cost.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.cost_rows import MIXED, costs_of, tails, with_costs
from grid_opt.solve.duality import Separate
from grid_opt.solve.highs import Session, solve
from grid_opt.solve.hour_programs import LACK, HourPrograms, Hours
from grid_opt.solve.hour_sets import components, same_links
from grid_opt.solve.learnt import Hashes, Links, Memory, hashed
from grid_opt.solve.standard_form import Array, Flags, Matrix, Numbers, fix_integers, part

T = TypeVar("T", bound=np.generic)
Cut = tuple[Hours, Flags]
"""Hours at some point, and the sets whose cuts there are wanted."""

_SETTLED, _SETTLED_GAP = 1e-8, 5e-4
"""Cost that cuts may miss, as a share of the objective, or so much of the asked gap: what a plan costs in the end is
what its hours cost, and as good as the best with its whole numbers but for that."""
_NEW = 1e-6
"""Share of the cost of hours that a cut must tell which is added unasked."""
_TELLS = 1e-3
"""Share of the cost of hours that a cut may miss at a solution for it to be worth making in another case."""
ROUNDS = 60
"""Most rounds of cuts for one program."""
_AGAIN = 3
"""Times that a search may be repeated because its plan costs more than its cuts told."""
_TOLD = 0.1
"""Share of the asked gap that the cuts may have missed."""


class Recourse:
    """A program whose hours are left out, and the cuts that stand for them so far.

    ``master`` is the program with cuts: the columns that stay, then the cost of every set of hours. Cuts are appended
    to its rows as they are found. ``whole`` is the program without cuts; where other rows than the objective add up
    what hours cost, it has columns for that, which are among those ``kept``.
    """

    def __init__(
        self, matrix: Matrix, hourly: Flags, options: Options, adding: Numbers | None = None,
        memory: Memory | None = None, *, priced: bool = False,
    ) -> None:  # fmt: skip
        """Leave the columns of ``hourly`` out of a program, where they fall into small programs that cost something.

        What costs nothing, such as flows at stress hours, only says what can be: many cuts would say little of it.
        ``adding`` are the rows that add up costs, those of the tail unless others are named. With ``memory``, cuts are
        made where another case had them. Where it is to be ``priced``, the prices that cuts were made of are kept.

        Raises:
            SolverError: HiGHS failed.
        """
        self._given, self._options, self._keeps = matrix, options.quietly(options.time_limit_s), priced
        self._adding = tails(matrix) if adding is None else adding
        hourly = hourly & ~matrix.integer
        while True:
            self._leave_out(hourly)
            endless = self._first_cuts()
            if not endless.any():
                break
            hourly = hourly.copy()
            hourly[self._columns[endless[self._of_column]]] = False
        self.memory, self._first = memory, self.size
        if memory is not None:
            columns, rows = self.master.columns[: self._stay], self.master.rows[: len(self._kept_rows)]
            self._row_names, of_columns = hashed(rows), hashed(columns)
            self._named = Links(self._links, of_columns)
            self._column_names = np.concatenate([of_columns, self._named.sets])
            self._recall(memory)

    @property
    def sets(self) -> int:
        """How many sets of hours are left out."""
        return int(self._links.shape[0])

    @property
    def size(self) -> int:
        """Rows of the program with the cuts found so far."""
        return len(self.master.row_lower)

    def joined(self, said: npt.NDArray[T], of_costs: object) -> npt.NDArray[T]:
        """Return what is said of every column of the whole for those of the program with cuts."""
        return np.concatenate([said[self.kept[: self._stay]], np.full(self.sets, of_costs, dtype=said.dtype)])

    def place(self, places: Numbers) -> None:
        """Say in ``places``, of the program with cuts, where hours are: where all that they hang on is, or nowhere."""
        of_link, place = np.repeat(np.arange(self.sets), np.diff(self._links.indptr)), places[self._links.indices]
        least, most = np.full(self.sets, len(places)), np.full(self.sets, -1)
        np.minimum.at(least, of_link, place)
        np.maximum.at(most, of_link, place)
        places[self._stay :] = np.where(least == most, most, -1)

    def behind(self, columns: Numbers, rows: Numbers) -> tuple[Numbers, Numbers]:
        """Return columns and rows of the whole for some of the program with cuts: hours for costs, no cuts.

        The first columns are those that stay, in the order given.
        """
        stay, priced = len(self.kept), len(self.kept) - self._stay
        mine = np.zeros(self.sets, dtype=bool)
        mine[columns[columns >= self._stay] - self._stay] = True
        inner = self._columns[mine[self._of_column]]
        outer_rows = self._kept_rows[rows[rows < len(self._kept_rows)]]
        of_costs = len(self._given.row_lower) + np.flatnonzero(mine[:priced])
        return (
            np.concatenate([self.kept[columns[columns < stay]], inner]),
            np.concatenate([outer_rows, self._rows[mine[self._of_row]], of_costs]),
        )

    def with_cuts(self, program: Matrix) -> Matrix:
        """Return a program, the one with cuts at some time but for costs, bounds and whole numbers, with all cuts."""
        have, master = len(program.row_lower), self.master
        if have == self.size:
            return program
        return replace(
            program,
            rows_matrix=sp.csr_array(sp.vstack([program.rows_matrix, master.rows_matrix[have:]], format="csr")),
            row_lower=np.concatenate([program.row_lower, master.row_lower[have:]]),
            row_upper=np.concatenate([program.row_upper, master.row_upper[have:]]),
            rows=[*program.rows, *master.rows[have:]],
        )

    def bounded_as(self, program: Matrix) -> Matrix:
        """Return the program with cuts with the bounds of one that hours were left out of."""
        master, rows = self.master, len(self._kept_rows)
        return replace(
            master,
            row_lower=np.concatenate([program.row_lower[self._kept_rows], master.row_lower[rows:]]),
            row_upper=np.concatenate([program.row_upper[self._kept_rows], master.row_upper[rows:]]),
            col_lower=self.joined(program.col_lower, -np.inf),
            col_upper=self.joined(program.col_upper, np.inf),
        )

    def dual_of(self, row_dual: Array) -> Array:
        """Return prices of the whole for those of the program with cuts, where it is ``priced``."""
        count, dual = len(self._kept_rows), np.zeros(self._given.shape[0])
        by_cut = sp.csr_array(sp.vstack(self._prices, format="csr"))[: len(row_dual) - count]
        dual[self._kept_rows], dual[self._rows] = row_dual[:count], by_cut.T @ row_dual[count:]
        return dual

    def solve(self, program: Matrix, options: Options, start: Array | None = None) -> Answer:
        """Solve a program with cuts; what is returned is a plan with its hours, at what they cost.

        With whole numbers, the plan found is settled: its whole numbers stay, the rest is found anew with whatever cuts
        it needs. Where it then costs much more than told, the search is repeated with those.

        Raises:
            SolverError: HiGHS failed.
        """
        if not program.integer.any():
            return self._settled(program, options)
        began, best, bound, nodes = time.monotonic(), Answer("no_plan", "no plan"), -np.inf, 0
        for _ in range(_AGAIN + 1):
            left = max(1.0, options.time_limit_s - (time.monotonic() - began))
            found = solve(self.with_cuts(program), replace(options, time_limit_s=left), start)
            bound, nodes = max(bound, found.bound), nodes + found.nodes
            if found.x is None:
                break
            settled = self._settled(fix_integers(program, found.x), options.quietly(options.time_limit_s))
            if settled.objective < best.objective:
                best, start = settled, settled.x
            missed = settled.objective - found.objective
            over = time.monotonic() - began >= options.time_limit_s or found.interrupted
            if over or missed <= _TOLD * options.gap * abs(found.objective) or best.objective <= options.target:
                break
        spent = time.monotonic() - began
        if best.x is None:
            return replace(found, objective=np.inf, x=None, bound=bound, nodes=nodes, seconds=spent)
        enough = best.objective - bound <= options.gap * abs(best.objective)
        return replace(
            best, status="optimal" if enough else "feasible", detail=found.detail, bound=min(bound, best.objective),
            nodes=nodes, seconds=spent, interrupted=found.interrupted, row_dual=None, reduced_cost=None,
        )  # fmt: skip

    def names(self, columns: Numbers, rows: Numbers) -> tuple[Hashes, Hashes]:
        """Return how other cases know some columns and rows, with ``memory``: cuts by the points they were made at."""
        of_rows = np.concatenate([self._row_names, *(self._named.names_of_points(*one) for one in self._points)])
        return self._column_names[columns], of_rows[rows]

    def leave(self, memory: Memory, *points: Array) -> None:
        """Leave to other cases where cuts were made that tell what hours cost, at the relaxation's answer or others."""
        if memory.point is None:  # it was stopped before
            return
        cuts, least = self.master.rows_matrix[len(self._kept_rows) :], self.master.row_lower[len(self._kept_rows) :]
        none = np.zeros(0, dtype=np.int64)
        of_cut = np.concatenate([none, *(sets for sets, _ in self._points)])
        tells = np.zeros(len(least), dtype=bool)
        for x in (memory.point, *points):
            tells |= cuts @ x - least <= _TELLS * (1.0 + np.abs(x[self._stay + of_cut]))
        tells[: self._first - len(self._kept_rows)] = False  # those are made in every case
        ends, numbers, before, last = [none], [np.zeros(0)], 0, 0
        for sets, at in self._points:
            mine = sets[tells[before : before + len(sets)]]
            end, number = self._named.of_points(mine, at)
            ends.append(end + last)
            numbers.append(number)
            before, last = before + len(sets), last + len(number)
        memory.leave(self._named.sets[of_cut[tells]], np.concatenate(ends), np.concatenate(numbers))

    def _recall(self, memory: Memory) -> None:
        """Cut where another case had cuts that told something, as this case's own hours say."""
        have = self.size
        for sets, at in () if memory.before is None else self._named.layers(memory.before):
            chosen = sets[~self._linear[sets]]
            rows = self._programs.rows(chosen)
            points = sp.csr_array((at, self._links.indices, self._links.indptr), shape=self._links.shape)
            moved = np.asarray((self._outer[rows] * points[self._of_row[rows]]).sum(axis=1))
            self._append(self._programs.at(chosen, moved, at), np.ones(len(chosen), dtype=bool))
        memory.cuts = self.size - have

    def cut(self, x: Array, share: float = _SETTLED) -> tuple[Array, bool]:
        """Add the cuts that a solution of the program with cuts breaks.

        Return it at what its hours cost, infinite where there are none, and whether the cuts told all of that but for
        a ``share`` of the objective.
        """
        stay = self._stay
        hours = self._at(x[:stay], x[stay:])
        missed = hours.cost - x[stay + hours.sets]
        enough = max(share, _SETTLED) * max(1.0, abs(float(self.master.cost @ x + self.master.offset)))
        lacking = hours.lack > LACK
        self._append(hours, lacking | (missed > 1e-2 * enough / max(1, self.sets)))
        true = x.copy()
        true[stay + hours.sets] = np.where(lacking, np.inf, x[stay + hours.sets] + np.maximum(missed, 0.0))
        return true, not lacking.any() and float(np.maximum(missed, 0.0).sum()) <= enough

    def missed(self, x: Array, columns: Numbers) -> tuple[Hours, Array]:
        """Solve the hours whose costs are among some columns at a solution of those; return what the cuts missed."""
        sets = columns[columns >= self._stay] - self._stay
        hours = self._priced(sets[~self._linear[sets]], x[: self._stay])
        return hours, hours.cost - x[self._stay + hours.sets]

    def take(self, cuts: Iterable[Cut]) -> None:
        """Add cuts that were found for some columns alone."""
        for hours, wanted in cuts:
            self._append(hours, wanted)

    def learn(self, x: Array) -> None:
        """Add the cuts of hours at a solution of the program that hours were left out of, or of one alike."""
        z = x[self.kept[: self._stay]]
        hours, told = self._at(z), self._told(z)
        self._append(hours, (hours.lack > LACK) | (hours.cost > told[hours.sets] + _NEW * np.abs(hours.cost)))

    def _told(self, z: Array) -> Array:
        """Return what the cuts tell of the cost of every set of hours."""
        cuts = sp.csr_array(self.master.rows_matrix[len(self._kept_rows) :])
        say = self.master.row_lower[len(self._kept_rows) :] - cuts[:, : self._stay] @ z
        costs = sp.coo_array(cuts[:, self._stay :])
        told = np.full(self.sets, -np.inf)
        np.maximum.at(told, costs.col, say[costs.row])
        return told

    def complete(self, x: Array) -> Array:
        """Return a solution of the whole for one of the program with cuts: with its hours."""
        return self.completed(x)[0]

    def completed(self, x: Array) -> tuple[Array, Numbers, Array]:
        """Return a solution of the whole, and the prices of some of its rows: those of hours, all else being given."""
        whole, hours = np.zeros(self._given.shape[1]), self._at(x[: self._stay])
        whole[self.kept[: self._stay]], whole[self._columns[hours.columns]] = x[: self._stay], hours.x
        return whole, self._rows[self._programs.rows(hours.sets)], hours.price

    def _settled(self, program: Matrix, options: Options) -> Answer:
        """Solve a linear program with cuts, and add cuts until it costs what they tell."""
        began, session = time.monotonic(), Session(self.with_cuts(program), options)
        for _ in range(ROUNDS):
            have, answer = self.size, session.solve()
            if answer.x is None or answer.status != "optimal":
                break
            true, told = self.cut(answer.x, _SETTLED_GAP * options.gap)
            if told or time.monotonic() - began >= options.time_limit_s:
                break
            session.add_rows(*self.cuts_from(have))
        if answer.x is None or answer.status != "optimal":
            return answer
        if not told and len(self.kept) > self._stay and np.isfinite(true).all():  # costs weigh in by other columns
            answer = solve(self._with_hours_at(program, true), options)
            if answer.x is None:
                return answer
            true = answer.x
        objective = float(self.master.cost @ true + self.master.offset)
        ended = time.monotonic() - began
        return replace(answer, x=true if np.isfinite(objective) else None, objective=objective, seconds=ended)

    def _with_hours_at(self, program: Matrix, true: Array) -> Matrix:
        """Return the program with all that hours hang on, and what they cost at least, as they are."""
        hang = np.zeros(len(true), dtype=bool)
        hang[self._links.indices] = True
        lower, upper = np.where(hang, true, program.col_lower), np.where(hang, true, program.col_upper)
        lower[self._stay :] = true[self._stay :]
        return replace(self.with_cuts(program), col_lower=lower, col_upper=upper)

    def cuts_from(self, have: int, columns: Numbers | None = None) -> tuple[sp.csr_array, Array, Array, list[str]]:
        """Return the rows, over some columns, with bounds and names, that were appended after the first ``have``."""
        master = self.master
        rows = master.rows_matrix[have:]
        rows = sp.csr_array(rows if columns is None else rows[:, columns])
        return rows, master.row_lower[have:], master.row_upper[have:], master.rows[have:]

    def _leave_out(self, hourly: Flags) -> None:
        """Take the program apart."""
        matrix = self._given
        while True:
            costs, hourly = costs_of(matrix, hourly, self._adding)
            bare = costs.bare(matrix)
            self._rows, self._columns, label_of_row, label = components(bare, hourly)
            adding = costs.of(self._columns, label)
            if not (adding == MIXED).any():
                break
            hourly[self._columns[adding[label] == MIXED]] = False
        stay = np.setdiff1d(np.arange(matrix.shape[1]), self._columns)
        self._kept_rows = np.setdiff1d(np.arange(matrix.shape[0]), self._rows)
        outer = sp.csr_array(matrix.rows_matrix[self._rows][:, stay])
        of_component, self._links, added = same_links(outer, label_of_row, adding)
        by_row, by_column = (np.argsort(of_component[one], kind="stable") for one in (label_of_row, label))
        self._rows, self._columns = self._rows[by_row], self._columns[by_column]
        self._of_row, self._of_column = of_component[label_of_row[by_row]], of_component[label[by_column]]
        self._outer = sp.csr_array(outer[by_row])
        inner = sp.csr_array(matrix.rows_matrix[self._rows][:, self._columns])
        self.whole = with_costs(matrix, costs, self._columns, self._of_column, added)
        separate = Separate(
            self.whole, self._rows, self._columns, inner, self._outer, self._of_row, self._of_column, self.sets
        )
        self._programs = HourPrograms(separate, costs.own[self._columns], self._options)
        priced = self.whole.shape[1] - matrix.shape[1]
        self._stay, self.kept = len(stay), np.concatenate([stay, matrix.shape[1] + np.arange(priced)])
        kept, told = part(self.whole, self._kept_rows, self.kept), self.sets - priced
        empty = sp.csr_array((len(self._kept_rows), told))
        self.master = replace(
            kept,
            offset=matrix.offset,
            cost=np.concatenate([kept.cost, np.ones(told)]),
            rows_matrix=sp.csr_array(sp.hstack([kept.rows_matrix, empty], format="csr")),
            col_lower=np.concatenate([kept.col_lower, np.full(told, -np.inf)]),
            col_upper=np.concatenate([kept.col_upper, np.full(told, np.inf)]),
            integer=np.concatenate([kept.integer, np.zeros(told, dtype=bool)]),
            columns=[*kept.columns, *(f"cost of hours {k}" for k in range(priced, self.sets))],
        )

    def _first_cuts(self) -> Flags:
        """Cut where everything is 1, or nothing; return the sets whose cost is not bounded from below by that."""
        self._idle, self._points = np.zeros(self.sets, dtype=bool), list[tuple[Numbers, Array]]()
        self._prices: list[sp.csr_array] = []  # of the rows that are left out, by cut
        # Sets that hang on one column and do twice as much where that is twice as much: one cut tells all of them.
        at_least_0 = (self.whole.col_lower[self.kept[: self._stay]] >= 0.0).astype(float)
        one_link = (np.diff(self._links.indptr) == 1) & (self._links @ at_least_0 == 1.0)
        self._linear, everything = one_link & self._programs.scalable(), np.arange(self.sets)
        one = self._priced(everything, np.ones(self._stay), again=False)
        self._append(one, np.isfinite(one.cost))
        self._linear &= np.isfinite(one.cost)
        # Where nothing can be done and no cut says that it pays to do anything, nothing is what is done at nothing.
        self._idle = self._programs.resting() & np.isfinite(one.cost) & (one.least >= -_SETTLED)
        none = self._priced(everything[~self._idle], np.zeros(self._stay), again=False)
        self._idle[none.sets] = (none.cost == 0.0) & (none.lack == 0.0)
        endless = ~np.isfinite(one.cost)
        self._append(none, np.isfinite(none.cost) & endless[none.sets])
        endless[none.sets] &= ~np.isfinite(none.cost)
        return endless & ~self._idle

    def _at(self, z: Array, told: Array | None = None) -> Hours:
        """Solve the hours at given capacities and loads; those that have none and then cost nothing are left aside.

        Where it is known what the cuts have ``told``, sets that one cut tells all of are left aside too.
        """
        idle = self._idle & (self._links @ (z != 0.0).astype(float) == 0)
        chosen = np.flatnonzero(~idle if told is None else ~(idle & (told >= 0.0)) & ~self._linear)
        return self._priced(chosen, z)

    def _priced(self, sets: Numbers, z: Array, *, again: bool = True) -> Hours:
        """Solve the hours of some sets at given capacities and loads."""
        return self._programs.at(sets, self._outer[self._programs.rows(sets)] @ z, z[self._links.indices], again=again)

    def _append(self, hours: Hours, wanted: Flags) -> None:
        """Append the cuts of some sets to the program."""
        sets, entries, least = hours.rows(wanted)
        if not len(sets):
            return
        self._points.append((sets, hours.at))
        if self._keeps:
            self._prices.append(self._programs.prices(hours, sets))
        master = self.master
        self.master = replace(
            master,
            rows_matrix=sp.csr_array(sp.vstack([master.rows_matrix, entries], format="csr")),
            row_lower=np.concatenate([master.row_lower, least]),
            row_upper=np.concatenate([master.row_upper, np.full(len(sets), np.inf)]),
            rows=[*master.rows, *(f"cut of hours {k}" for k in sets.tolist())],
        )
