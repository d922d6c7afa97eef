"""Move between the program of all scenarios and those of each: columns, choices made ahead, and recourse."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from grid_opt.formulation.extensive import Extensive, Scenario, Shares, build_extensive, choices_of, release
from grid_opt.plan.first_stage import KINDS, ROOTS, FirstStage, Room, kinds_of
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.extract import counted, layout
from grid_opt.solve.highs import solve
from grid_opt.solve.kernel import search_sites
from grid_opt.solve.recourse import Recourse
from grid_opt.solve.regions import UNPLACED
from grid_opt.solve.search import search
from grid_opt.solve.standard_form import Array, Layout, Matrix, Numbers, fix_integers, slackened, to_matrix
from grid_opt.solve.tighten import tightened

_NOTHING = 1e-6
"""MW below which nothing is requested, ordered or signed."""
_PER_SITE = 30.0
"""MW that a campus or a study too many or too few counts as, where the nearest first stage is looked for."""
_NEAR_S, _NEAR_GAP = 30.0, 0.1
"""Longest search for it, and its gap: it is only told."""
_OFF = 0.05
"""Least difference in MW, or in campuses, that is told."""


class Part:
    """A scenario with its program as arrays, and the columns of what is chosen ahead by kind and label."""

    def __init__(self, scenario: Scenario, stage: Sequence[str], given: Shares, had: Shares) -> None:
        self.scenario, self.matrix = scenario, to_matrix(scenario.model.pyomo)
        self.name, self.world, self.model = scenario.name, scenario.world, scenario.model
        self.stage = tuple(stage)
        choices = choices_of([scenario], stage, given, had)
        at = numbered(self.matrix)
        self.columns: dict[str, dict[str, int]] = {
            kind: {label: at[id(v)] for (_, label), v in getattr(choices, kind).items() if id(v) in at}
            for kind in kinds_of(stage)
        }
        self.shares = {
            "requests": {label: share for (_, label), share in choices.granted.items()},
            "orders": {label: share for (_, label), share in choices.delivered.items()},
        }

    @cached_property
    def counts(self) -> npt.NDArray[np.bool_]:
        """Which columns count many alike things."""
        return counted(self.matrix, self.model)

    @cached_property
    def decisive(self) -> npt.NDArray[np.bool_]:
        """Which columns say what is chosen ahead in units: units of equipment ordered, of which no fraction is one."""
        chosen = np.zeros(self.matrix.shape[1], dtype=bool)
        chosen[[column for _, _, column in self._chosen()]] = True
        entries = self.matrix.rows_matrix
        in_units = (self.matrix.row_lower == self.matrix.row_upper) & (np.diff(entries.indptr) == 2)
        rows = sp.csr_array(entries[np.flatnonzero(in_units)])
        rows.data = np.ones_like(rows.data)
        beside: npt.NDArray[np.bool_] = rows.T @ (rows @ chosen.astype(float)) > 0
        return beside & self.matrix.integer

    def keeping(self, first: FirstStage) -> Matrix:
        """Return the program in which what is chosen ahead is what ``first`` says of it."""
        return self.within(self.exactly(first))

    def exactly(self, first: FirstStage) -> Room:
        """Return the room that a first stage leaves to the scenario: none, of the kinds that it holds."""
        return Room(
            {
                kind: {label: (first.get(kind, label), first.get(kind, label)) for label in columns}
                for kind, columns in self.columns.items()
                if kind in first
            }
        )

    def within(self, room: Room) -> Matrix:
        """Return the program in which something within the ``room`` left can have been chosen ahead."""
        lower, upper = self.matrix.col_lower.copy(), self.matrix.col_upper.copy()
        for kind, label, column in self._chosen():
            least, most = (0.0 if end < _NOTHING else end for end in room.get(kind, label))
            if self.matrix.integer[column]:
                least, most = round(least), most if np.isinf(most) else round(most)
            upper[column] = min(upper[column], most)
            lower[column] = max(lower[column], min(self._share(kind, label) * least, upper[column]))
        return replace(self.matrix, col_lower=lower, col_upper=upper)

    def narrowed(self, room: Room, x: Array) -> Room:
        """Return what of the room is left where the scenario does what its plan ``x`` does.

        What it has of a request or an order is at most that, and at least the share of it that it can have.
        """
        found = {kind: dict(some) for kind, some in room.of.items()}
        for kind, label, column in self._chosen():
            least, most = room.get(kind, label)
            has, share = (0.0 if x[column] < _NOTHING else float(x[column])), self._share(kind, label)
            has = round(has) if self.matrix.integer[column] else has
            least = max(least, has)
            found.setdefault(kind, {})[label] = least, max(least, min(most, has / share if share > 0 else np.inf))
        return Room(found)

    def _chosen(self) -> Iterator[tuple[str, str, int]]:
        return ((kind, label, column) for kind, mine in self.columns.items() for label, column in mine.items())

    def _share(self, kind: str, label: str) -> float:
        return self.shares[kind][label] if kind in self.shares else 1.0

    def satisfies(self, program: Matrix, x: Array) -> bool:
        """Return whether a plan of the scenario chooses ahead what a program with closer bounds allows."""
        over = np.maximum(program.col_lower - x, x - program.col_upper)
        return float(max((over[column] for _, _, column in self._chosen()), default=0.0)) <= _NOTHING

    def recourse(
        self,
        first: FirstStage,
        options: Options,
        stage: Callable[[str], None] = lambda text: None,
        known: Array | None = None,
    ) -> tuple[Matrix, Answer]:
        """Plan the scenario with what was chosen ahead; return the program of that, and its answer."""
        program = self.keeping(first)
        return program, self.solve(program, options, stage, known)

    def solve(
        self,
        program: Matrix,
        options: Options,
        stage: Callable[[str], None] = lambda text: None,
        known: Array | None = None,
    ) -> Answer:
        """Solve the program of the scenario with some of its bounds closer."""
        return search(tightened(program), self.counts, None, options, stage, known)

    def nearest(self, room: Room, options: Options) -> Array | None:
        """Return a plan that leaves the room of what can have been chosen ahead by little, in MW.

        Systems may be fractions in it. ``None`` where none was found in a short time.
        """
        kept, (height, width) = self.within(room), self.matrix.shape
        chosen = np.array(sorted(column for _, _, column in self._chosen()))
        count = len(chosen)
        pick = sp.csr_array((np.ones(count), (np.arange(count), chosen)), shape=(count, width))
        bound = replace(
            self.matrix,
            rows_matrix=sp.csr_array(sp.vstack([self.matrix.rows_matrix, pick], format="csr")),
            row_lower=np.concatenate([self.matrix.row_lower, kept.col_lower[chosen]]),
            row_upper=np.concatenate([self.matrix.row_upper, kept.col_upper[chosen]]),
            integer=self.matrix.integer & ~self.counts,
            rows=[*self.matrix.rows, *(f"decided ahead {c}" for c in chosen.tolist())],
        )
        weight = np.where(self.matrix.integer[chosen], _PER_SITE, 1.0)
        # An offset, so that the gap is one of something.
        near = replace(slackened(bound, height + np.arange(count), weight), offset=1.0)
        x = solve(tightened(near), replace(options.quietly(_NEAR_S), gap=_NEAR_GAP, stop=options.stop)).x
        return None if x is None else x[:width]

    def in_the_way(self, first: FirstStage, options: Options) -> list[tuple[str, str, float, float]]:
        """Return what plans of the scenario must do otherwise: kind, label, as decided ahead, and as they can at best.

        It is how the plan nearest to ``first`` differs from it; empty where none was found in a short time.
        """
        room, kept = self.exactly(first), self.keeping(first)
        x = self.nearest(room, options)
        if x is None:
            return []
        moved = np.maximum(kept.col_lower - x, x - kept.col_upper) > _OFF
        return [
            (kind, label, first.get(kind, label), float(x[column]))
            for kind, label, column in self._chosen()
            if kind in first and moved[column]
        ]


@dataclass(frozen=True)
class Joint:
    """The program of all scenarios as arrays, and where the columns of each are in it."""

    matrix: Matrix
    parts: Sequence[Part]
    at: Sequence[Numbers]
    roots: Mapping[str, Mapping[str, int]]
    layout: Layout
    counts: npt.NDArray[np.bool_]

    def part_of(self, number: int, x: Array) -> Array:
        """Return the columns of one scenario."""
        found: Array = x[self.at[number]]
        return found

    def whole_of(self, xs: Sequence[Array]) -> Array:
        """Put the columns of all scenarios together; those that join them are zero."""
        x = np.zeros(self.matrix.shape[1])
        for at, mine in zip(self.at, xs, strict=True):
            x[at] = mine
        return x

    def first_stage(self, x: Array) -> FirstStage:
        """Return what is chosen ahead."""
        return FirstStage(
            {
                kind: {label: float(x[c]) if x[c] > _NOTHING else 0.0 for label, c in mine.items()}
                for kind, mine in self.roots.items()
            }
        )


def join(
    parts: Sequence[Part], stage: Sequence[str], weight: float, confidence: float, given: Shares, had: Shares
) -> Joint:
    """Make the program of all scenarios. Their models are their own again afterwards.

    Raises:
        SolverError: a number in it is none that a solver can use.
    """
    scenarios = [part.scenario for part in parts]
    extensive = build_extensive(scenarios, stage, weight, confidence, given, had)
    try:
        matrix = to_matrix(extensive.pyomo)
        at = numbered(matrix)
        own = [np.array([at[id(v)] for v in part.matrix.columns], dtype=np.int64) for part in parts]
        roots = _roots(extensive, at)
    finally:
        release(extensive, scenarios)
    where = np.full(matrix.shape[1], UNPLACED, dtype=np.int64)
    hourly, counts = np.zeros(matrix.shape[1], dtype=bool), np.zeros(matrix.shape[1], dtype=bool)
    for part, mine in zip(parts, own, strict=True):
        found = layout(part.matrix, part.model)
        where[mine], hourly[mine] = found.places, found.hourly
        counts[mine] = part.counts & ~part.decisive
    return Joint(matrix, parts, own, roots, Layout(where, hourly), counts)


def solve_joint(
    joint: Joint,
    options: Options,
    stage: Callable[[str], None],
    known: Array | None = None,
    *,
    by_region: bool = False,
    seen: Array | None = None,
) -> Answer:
    """Search for the best plan of all scenarios at once.

    With ``by_region`` the hours are left out and regions are the parts; systems and whatever else is counted in large
    numbers may then be fractions in the answer: what is decided ahead follows from it, and each scenario with that is
    planned by itself. Its bound holds for whole ones, too.

    Args:
        joint: the program of all scenarios.
        options: asked gap, limit of time, listener.
        stage: hears what is done next.
        known: a plan to begin with, of which the whole numbers are kept.
        by_region: take the program apart.
        seen: a plan of the scenarios, each by itself, with a first stage in common or none: what its hours cost is
            known from the start.

    Raises:
        SolverError: HiGHS failed, or an answer of its does not satisfy the program.
    """
    program = tightened(joint.matrix)
    if not by_region:
        return search(program, joint.counts, None, options, stage, known)
    began, options = time.monotonic(), replace(options, interior=True)
    recourse = Recourse(program, joint.layout.hourly, options)
    for one in (seen, known):
        if one is not None:
            recourse.learn(one)
    master = recourse.master
    fractions = replace(master, integer=master.integer & ~recourse.joined(joint.counts, False))
    start = None
    if known is not None:
        stage("what is known, as a plan of all scenarios")
        fixed = fix_integers(fractions, recourse.joined(known, 0.0))
        start = recourse.solve(fixed, options.quietly(options.time_limit_s))
    spent = time.monotonic() - began
    left = replace(options, time_limit_s=max(1.0, options.time_limit_s - spent))
    places = recourse.joined(joint.layout.places, UNPLACED)
    answer = search_sites(recourse.with_cuts(fractions), places, left, stage, start=lambda: start, recourse=recourse)
    x = None if answer.x is None else recourse.complete(answer.x)
    return replace(answer, x=x, row_dual=None, reduced_cost=None, seconds=answer.seconds + spent)


def numbered(matrix: Matrix) -> dict[int, int]:
    """Return the numbers of the columns by the identity of their variables."""
    return {id(variable): number for number, variable in enumerate(matrix.columns)}


def _roots(extensive: Extensive, at: Mapping[int, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for kind in KINDS:
        component: Any = extensive.root(ROOTS[kind])
        if component is not None:
            found[kind] = {str(label): at[id(v)] for label, v in component.items() if id(v) in at}
    return found
