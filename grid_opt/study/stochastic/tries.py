"""Try first stages: plan every scenario with what one plan decides ahead, and say where that cannot be.

What a search for all scenarios finds is compared with the best of what plans for one future decide, and begins there.
Each try is a plan of all scenarios, so that there is one to show however long the search for a better takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from grid_opt.plan.first_stage import FirstStage, Room
from grid_opt.solve.answer import Answer, Options, relative_gap
from grid_opt.solve.standard_form import Array, Matrix
from grid_opt.solve.stochastic import Part
from grid_opt.study.stochastic.measure import Measure

Solved = tuple[Matrix, Answer]
_ANEW = 2
"""Times that scenarios begin anew because one cannot follow."""
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

    ``weighed`` [million USD] is infinite where one cannot keep it.
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
        return {"whose": self.whose, "objective_musd": self.weighed if found else None, "refused": refused}


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

    def of(self, whose: str, first: FirstStage, begin: Mapping[str, Array] | None = None) -> Try:
        """Plan every scenario with a first stage."""
        solved: dict[str, Solved] = {}
        refused: dict[str, Refused] = {}
        for name, part in self.parts.items():
            self.stage(f"{name}, with what {whose} decides ahead")
            program = part.keeping(first)
            answer = self._planned(name, program, None if begin is None else begin[name])
            if answer.x is not None:
                solved[name] = program, answer
            elif answer.status == "infeasible":
                refused[name] = Refused(self._why(name, first), infeasible=True)
            else:
                refused[name] = Refused(f"no plan was found: {answer.detail}", infeasible=False)
            if answer.interrupted:
                break
        return Try(whose, first, solved, refused, self._weighed(solved))

    def led_by(self, leader: str) -> Try:
        """Plan the scenarios one after the other, each with what those before it leave open of the first stage.

        The ``leader`` decides ahead as if it were known; the others follow, the dearest first. Where one cannot, all
        begin anew with what its nearest plan decides. A scenario that cannot follow even so ends the try.
        """
        tried, room, stopped = self._in_turn(leader, Room())
        for _ in range(_ANEW):
            if not stopped:
                break
            (name,) = tried.refused
            self.stage(f"{name} cannot follow {leader}: looking for the nearest that it can do")
            x = self.parts[name].nearest(room, self.options(name))
            if x is None:
                break
            tried, room, stopped = self._in_turn(leader, self.parts[name].narrowed(Room(), x))
        return tried

    def _in_turn(self, leader: str, room: Room) -> tuple[Try, Room, bool]:
        """Plan the scenarios in turn, within some room; return the room left, and whether one had no plan in it."""
        done, refused, stopped = dict[str, Answer](), dict[str, Refused](), False
        for name in sorted(self.parts, key=lambda one: (one != leader, -self.proven[one])):
            part = self.parts[name]
            if room.of:
                others = ", ".join(done) or "the nearest plan"
                self.stage(f"{name}, within what is left open by {others}")
            answer = self._planned(name, part.within(room), None)
            if answer.x is None:
                stopped = answer.status == "infeasible"
                why = "no plan does with what is left open" if stopped else answer.detail
                refused[name] = Refused(why, infeasible=stopped)
                break
            done[name], room = answer, part.narrowed(room, answer.x)
        first = room.least()
        solved = {name: (part.keeping(first), done[name]) for name, part in self.parts.items() if name in done}
        return Try(leader, first, solved, refused, self._weighed(solved)), room, stopped

    def _weighed(self, solved: Mapping[str, Solved]) -> float:
        """Return what the plans of all scenarios weigh; infinite where one is missing."""
        if len(solved) < len(self.parts):
            return math.inf
        return self.measure([solved[name][1].objective for name in self.parts])

    def _planned(self, name: str, program: Matrix, begin: Array | None) -> Answer:
        part, options, wait = self.parts[name], self.options(name), self.waits.get(name)
        if wait is not None and wait.x is not None and part.satisfies(program, wait.x):
            return wait
        answer = part.solve(program, options, known=wait.x if begin is None and wait is not None else begin)
        if answer.x is None:
            return answer
        bound = min(max(answer.bound, self.proven[name]), answer.objective)
        close = relative_gap(answer.objective, bound) <= options.gap
        return replace(answer, bound=bound, status="optimal" if close else answer.status)

    def _why(self, name: str, first: FirstStage) -> str:
        off = self.parts[name].in_the_way(first, self.options(name))
        if not off:
            return "no plan keeps this first stage"
        off.sort(key=lambda one: -abs(one[3] - one[2]))
        more = f", and {len(off) - _MOST_TOLD} more" if len(off) > _MOST_TOLD else ""
        told = "; ".join(_difference(*one) for one in off[:_MOST_TOLD])
        return f"no plan keeps this first stage; the nearest has {told}{more}"


def _difference(kind: str, label: str, decided: float, can: float) -> str:
    if kind in ("sites", "studies"):
        return f"{'a' if can > decided else 'no'} {_WORDS[kind]} {label}"
    return f"{can:,.1f} instead of {decided:,.1f} {_WORDS[kind]} {label}"
