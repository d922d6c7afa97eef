"""Try first stages: plan every scenario with what one plan decides ahead, and say where that cannot be.

What a search for all scenarios finds is compared with the best of what plans for one future decide, and begins there.
Each try is a plan of all scenarios, so that there is one to show however long the search for a better takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from grid_opt.plan.first_stage import FirstStage
from grid_opt.solve.highs import Answer, Options, relative_gap
from grid_opt.solve.standard_form import Array, Matrix
from grid_opt.solve.stochastic import Part
from grid_opt.study.stochastic.measure import Measure

Solved = tuple[Matrix, Answer]
_MOST_TOLD = 3
"""Differences that are told of a scenario that cannot keep a first stage."""
_WORDS = {
    "requests": "MW requested of",
    "orders": "MW ordered of",
    "contracts": "MW signed of",
    "sites": "campus in",
    "studies": "offer",
}


@dataclass(frozen=True)
class Refused:
    """A scenario that cannot keep a first stage, or for which no plan was found, and why."""

    reason: str
    infeasible: bool


@dataclass(frozen=True)
class Try:
    """A first stage with the plans of the scenarios that keep it; of all of them, or it is not for all.

    ``weighed`` [million USD] is infinite where one cannot keep it, or where it was seen to be no better than another.
    """

    whose: str
    first: FirstStage
    solved: Mapping[str, Solved]
    refused: Mapping[str, Refused]
    weighed: float

    def told(self) -> dict[str, object]:
        """Return it for JSON."""
        found = math.isfinite(self.weighed)
        refused = {name: one.reason for name, one in self.refused.items()}
        return {"whose": self.whose, "objective_musd": self.weighed if found else None, "refused": refused,
                "given_up": not found and not refused}  # fmt: skip


class Tries:
    """Plan scenarios with first stages that are given.

    ``waits`` are the plans of scenarios by themselves, where they are known: the search begins there, and none is
    better where it keeps the first stage as it is. ``options`` says how a scenario is solved, ``stage`` hears of it.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        measure: Measure,
        waits: Mapping[str, Answer],
        options: Callable[[str], Options],
        stage: Callable[[str], None],
    ) -> None:
        self.parts, self.measure, self.waits, self.options, self.stage = parts, measure, waits, options, stage
        self.proven = {name: waits[name].bound if name in waits else -math.inf for name in parts}

    def of(
        self,
        whose: str,
        first: FirstStage,
        begin: Mapping[str, Array] | None = None,
        *,
        below: float = math.inf,
        every: bool = True,
    ) -> Try:
        """Plan the scenarios with a first stage.

        Unless ``every`` one is asked for, a scenario that cannot keep it ends the try, and so does a weighed cost that
        will not be ``below`` another.
        """
        solved: dict[str, Solved] = {}
        refused: dict[str, Refused] = {}
        for name in self.parts if every else self._dearest_first():
            costs = [solved[one][1].objective if one in solved else self.proven[one] for one in self.parts]
            if not every and (refused or self.measure(costs) >= below):
                break
            self.stage(f"{name}, with what {whose} decides ahead")
            program, answer = self._planned(name, first, None if begin is None else begin[name])
            if answer.x is None:
                refused[name] = self._why(name, first, answer)
            else:
                solved[name] = program, answer
            if answer.interrupted:
                break
        done = len(solved) == len(self.parts)
        weighed = self.measure([solved[name][1].objective for name in self.parts]) if done else math.inf
        return Try(whose, first, {name: solved[name] for name in self.parts if name in solved}, refused, weighed)

    def _dearest_first(self) -> list[str]:
        """Return the scenarios, those first that are likely to refuse."""
        return sorted(self.parts, key=lambda name: -self.proven[name])

    def _planned(self, name: str, first: FirstStage, begin: Array | None) -> Solved:
        part, options, wait = self.parts[name], self.options(name), self.waits.get(name)
        if wait is not None and wait.x is not None and part.keeps(first, wait.x):
            return part.keeping(first), wait
        begin = begin if begin is not None or wait is None else wait.x
        program, answer = part.recourse(first, options, known=begin)
        if answer.x is None:
            return program, answer
        bound = min(max(answer.bound, self.proven[name]), answer.objective)
        close = relative_gap(answer.objective, bound) <= options.gap
        return program, replace(answer, bound=bound, status="optimal" if close else answer.status)

    def _why(self, name: str, first: FirstStage, answer: Answer) -> Refused:
        if answer.status != "infeasible":
            return Refused(f"no plan was found: {answer.detail}", infeasible=False)
        off = self.parts[name].in_the_way(first, self.options(name))
        if not off:
            return Refused("no plan keeps this first stage", infeasible=True)
        off.sort(key=lambda one: -abs(one[3] - one[2]))
        more = f", and {len(off) - _MOST_TOLD} more" if len(off) > _MOST_TOLD else ""
        told = "; ".join(_difference(*one) for one in off[:_MOST_TOLD])
        return Refused(f"no plan keeps this first stage; the nearest has {told}{more}", infeasible=True)


def _difference(kind: str, label: str, decided: float, can: float) -> str:
    if kind in ("sites", "studies"):
        return f"{'a' if can > decided else 'no'} {_WORDS[kind]} {label}"
    return f"{can:,.1f} instead of {decided:,.1f} {_WORDS[kind]} {label}"
