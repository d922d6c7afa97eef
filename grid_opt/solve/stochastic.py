"""Move between the program of all scenarios and those of each: columns, choices made ahead, and recourse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from grid_opt.formulation.extensive import Extensive, Scenario, Shares, build_extensive, choices_of, release
from grid_opt.plan.first_stage import KINDS, ROOTS, FirstStage, kinds_of
from grid_opt.solve.extract import counted, layout
from grid_opt.solve.highs import Answer, Options
from grid_opt.solve.regions import UNPLACED
from grid_opt.solve.search import search
from grid_opt.solve.standard_form import Array, Layout, Matrix, Numbers, to_matrix
from grid_opt.solve.tighten import tightened

_NOTHING = 1e-6
"""MW below which nothing is requested, ordered or signed."""


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

    def keeping(self, first: FirstStage) -> Matrix:
        """Return the program in which what is chosen ahead is what ``first`` says of it."""
        lower, upper = self.matrix.col_lower.copy(), self.matrix.col_upper.copy()
        for kind, columns in self.columns.items():
            if kind not in first:
                continue
            shares = self.shares.get(kind)
            for label, column in columns.items():
                wanted = first.get(kind, label)
                if self.matrix.integer[column]:
                    lower[column] = upper[column] = round(wanted)
                    continue
                wanted = 0.0 if wanted < _NOTHING else wanted
                share = 1.0 if shares is None else shares[label]
                upper[column] = min(upper[column], wanted)
                lower[column] = max(lower[column], min(share * wanted, upper[column]))
        return replace(self.matrix, col_lower=lower, col_upper=upper)

    def recourse(
        self,
        first: FirstStage,
        options: Options,
        stage: Callable[[str], None] = lambda text: None,
        known: Array | None = None,
    ) -> tuple[Matrix, Answer]:
        """Plan the scenario with what was chosen ahead; return the program of that, and its answer."""
        program = self.keeping(first)
        return program, search(tightened(program), self.counts, None, options, stage, known)


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
        where[mine], counts[mine], hourly[mine] = found.places, part.counts, found.hourly
    return Joint(matrix, parts, own, roots, Layout(where, hourly), counts)


def solve_joint(
    joint: Joint,
    options: Options,
    stage: Callable[[str], None],
    known: Array | None = None,
    *,
    by_region: bool = False,
) -> Answer:
    """Search for the best plan of all scenarios at once."""
    how = joint.layout if by_region else None
    return search(tightened(joint.matrix), joint.counts, how, options, stage, known)


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
