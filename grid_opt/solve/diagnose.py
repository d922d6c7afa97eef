"""Explain in a planner's words why a case has no plan, and the smallest changes that would give it one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from grid_opt.config import Case, add_quarters, quarter_ordinal, with_overrides
from grid_opt.errors import InfeasibleError, InputError, InterruptedRunError
from grid_opt.solve.answer import Answer, Options
from grid_opt.solve.beyond import (
    DATES,
    INVESTED,
    Limit,
    limits_of,
    loosened,
    moves,
    names_beyond,
    set_to,
    without_costs,
)
from grid_opt.solve.elastic import Kind, elastic, first_solution
from grid_opt.solve.highs import solve
from grid_opt.solve.limits import Key, Program, Trial, deliverable_mw, hostable_mw, impose, investment
from grid_opt.solve.loosen import kinds, number
from grid_opt.solve.standard_form import Array, Matrix

Rebuild = Callable[[Case], Matrix]
"""Build the program of another case over the same world, but for the arrays that follow from the case."""

_PATIENCE_S = 90.0
"""Longest search for repairs in all."""
_PATIENCE_EACH_S = 15.0
"""Longest search for one repair, and for one proof."""
_PATIENCE_PAIRS_S = 30.0
"""Longest search for pairs, after the kinds alone."""
_SHARE_EACH = 0.2
"""Share of the time of a case's own search that one solve of its whole program may take here."""
_GAP = 1e-4
"""A change is called smallest within this share of it."""
_MOST_PAIRS = 3
_TARGETS = "campus.tranche"
_GRID = ("connection.headroom", "network.zone_balance")
_SHOWN_MOVES = 12
_SMALL = 1e-6


@dataclass(frozen=True)
class Repair:
    """A change that makes the case feasible, proven by solving the changed program.

    ``trial`` carries the changed case and the MW added to tables. ``smallest`` says that no smaller change of the
    same limits does, in halls, MW or million USD, or, of several limits beyond those, that none alone could be
    stricter; without it the search stopped at its time limit. ``size`` is the change relative to the limits as they
    are.
    """

    constraints: tuple[str, ...]
    words: str
    trial: Trial
    smallest: bool
    size: float
    whole: bool = True
    """Whether the operation is known to follow; it is left out of the program of investments."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """Return the ``section.key=value`` overrides that apply what the repair does to knobs."""
        knobs = (move.partition(" (now ")[0] for move in self.trial.moves if " = " in move)
        return tuple(knob.replace(" = ", "=") for knob in knobs)

    def __str__(self) -> str:
        moves = ", ".join(self.trial.moves[:_SHOWN_MOVES])
        left = len(self.trial.moves) - _SHOWN_MOVES
        more = f" and {left} more" if left > 0 else ""
        doubt = "" if self.smallest else " [at most: less may do, the search was cut short]"
        doubt += "" if self.whole else " [proven for campuses, systems and grid; the operation was not solved]"
        return f"{self.words}: {moves}{more}{doubt}"

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "words": str(self), "constraints": list(self.constraints), "moves": list(self.trial.moves),
            "overrides": list(self.overrides), "smallest": self.smallest, "operation_solved": self.whole,
        }  # fmt: skip


class _Search:
    """Solve within the time that is left, and stop when the user asks."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.end = time.monotonic() + _PATIENCE_S
        self.each = _PATIENCE_EACH_S
        self.cut_short = False

    def shorten(self, seconds: float) -> None:
        """Leave at most so much time for the rest."""
        self.end = min(self.end, time.monotonic() + seconds)

    def lengthen(self, seconds: float) -> None:
        """Give whole programs the time of a search of their own, and each solve a share of it."""
        self.end = time.monotonic() + max(_PATIENCE_S, seconds)
        self.each = max(_PATIENCE_EACH_S, _SHARE_EACH * seconds)

    @property
    def over(self) -> bool:
        """Return whether the time is up."""
        return time.monotonic() >= self.end

    def solve(self, matrix: Matrix, start: Array | None = None) -> Answer:
        """Solve, for a share of the time that is left."""
        stop = getattr(self.options, "stop", None)
        if stop is not None and stop.is_set():
            raise InterruptedRunError("interrupted while looking for the limits in conflict; nothing was written")
        limit = max(0.1, min(self.each, self.options.time_limit_s, self.end - time.monotonic()))
        answer = solve(matrix, replace(self.options, gap=_GAP, time_limit_s=limit, progress=None), start)
        if answer.interrupted:
            raise InterruptedRunError("interrupted while looking for the limits in conflict; nothing was written")
        self.cut_short |= answer.x is None and answer.status != "infeasible"
        return answer


def find_repairs(matrix: Matrix, options: Options, case: Case, rebuild: Rebuild | None = None) -> list[Repair]:
    """Return, for every kind of limit that alone can mend the case, its smallest proven change, smallest first.

    Where none can alone, or only lower targets can, pairs are tried, and then more at once. The operation is left
    out: it follows any investment. ``rebuild`` is asked once, for when regions would be ready whose construction
    ends after the horizon; without it, they are taken never to be.

    Raises:
        InterruptedRunError: the user stopped the search.
    """
    program, search = _program(matrix, case, rebuild), _Search(options)
    return [] if _sound(program, search) else _find(program, search)


def _sound(program: Program, search: _Search) -> bool:
    """Return whether the investment alone has a plan: then no limit known here is at fault."""
    return search.solve(program.matrix).x is not None


def _find(program: Program, search: _Search) -> list[Repair]:
    every = kinds(program)
    found = [repair for kind in every if (repair := _mend(program, [kind], search)) is not None]
    if all(repair.constraints == (_TARGETS,) for repair in found):
        others = [kind for kind in every if kind.constraint != _TARGETS]
        found += _pairs(program, others, search)
        found += [] if found else _together(program, others, search)
    return sorted(found, key=lambda repair: (len(repair.constraints), not repair.smallest, repair.size))


def _pairs(program: Program, every: list[Kind], search: _Search) -> list[Repair]:
    """Return some pairs of kinds that mend the case together: one of the grid's, one of any."""
    found: list[Repair] = []
    search.shorten(_PATIENCE_PAIRS_S)
    for pair in itertools.combinations(every, 2):
        if search.over or len(found) >= _MOST_PAIRS:
            break
        if pair[0].constraint in _GRID or pair[1].constraint in _GRID:
            repair = _mend(program, list(pair), search)
            found += [] if repair is None or len(repair.constraints) == 1 else [repair]
    return found


def _together(program: Program, every: list[Kind], search: _Search) -> list[Repair]:
    """Return one change of as few kinds together as are found by leaving out one after the other."""
    best = _mend(program, every, search)
    for kind in list(every) if best else []:
        fewer = [other for other in every if other is not kind]
        repair = _mend(program, fewer, search) if fewer else None
        if repair is not None:
            every, best = fewer, repair
    return [] if best is None else [best]


def _program(matrix: Matrix, case: Case, rebuild: Rebuild | None) -> Program:
    """Return the investment program; with ``rebuild``, it knows who is ready in the quarters after the horizon."""
    program = Program(investment(matrix), case)
    sites = program.row("campus.site_lead")
    if rebuild is None or not sites or program.matrix.row_upper[list(sites.values())].all():
        return program
    count, start = len(case.quarters), case.campus.earliest_start
    if quarter_ordinal(start) < count:
        return program
    early = with_overrides(case, [f"campus.earliest_start={add_quarters(start, -count)}"])
    later = Program(investment(rebuild(early)), early)
    ready = {region: tuple(later.ready(region, n) for n in range(count)) for region, _ in sites}
    return replace(program, later_ready=ready)


def _mend(program: Program, chosen: list[Kind], search: _Search) -> Repair | None:
    """Loosen some kinds as little as possible, turn that into knobs, and prove it; ``None`` where that fails."""
    if search.over:
        return None
    answer = search.solve(elastic(program, chosen), first_solution(program, chosen))
    if answer.x is None:
        return None
    columns, at = program.matrix.shape[1], program.matrix.shape[1]
    trial, size, used = Trial(program.case), 0.0, []
    for kind in chosen:
        values = answer.x[at : at + len(kind.slacks)]
        at += len(kind.slacks)
        amounts: dict[Key, float] = {s.key: float(v) for s, v in zip(kind.slacks, values, strict=True)}
        if sum(amounts.values()) <= _SMALL:
            continue
        used.append(kind)
        size += sum(amounts.values()) / kind.scale
        try:
            trial = kind.settle(trial, amounts)
        except InputError:
            return None  # the knob's own bounds forbid the value
    if not _worth_saying(trial) or search.solve(impose(program, trial), answer.x[:columns]).x is None:
        return None
    words = ", and ".join(kind.words for kind in used)
    return Repair(tuple(kind.constraint for kind in used), words, trial, answer.status == "optimal", size)


def _worth_saying(trial: Trial) -> bool:
    """Return whether anything changed, and anything is still to be built."""
    return bool(trial.moves) and trial.case.target_mw(trial.case.quarters[-1]) > 0


def explain_infeasible(
    matrix: Matrix, options: Options, case: Case, rebuild: Rebuild | None = None, whole: Rebuild | None = None
) -> InfeasibleError:
    """Return the error that says what is short and which proven changes give a plan.

    ``rebuild`` builds the program of another case as far as investments go, ``whole`` all of it. Without them, limits
    on dates, and those that rule the operation, are named but not loosened.

    Raises:
        InterruptedRunError: the user stopped the search.
    """
    program, search = _program(matrix, case, rebuild), _Search(options)
    if _sound(program, search):
        short = f"Campuses, systems and grid alone allow a plan; what forbids it lies in {_beyond(case)}."
        search.lengthen(options.time_limit_s)
        limits = [limit for limit in limits_of(case) if limit.constraint not in DATES]
        repairs = [] if whole is None else _loosened(limits, case, whole, search)
        return _error(short, repairs, search, "These limits were looked at one by one; several may conflict at once.")
    repairs = _find(program, search)
    if rebuild is not None:
        dates = [limit for limit in limits_of(case) if limit.constraint in DATES]
        repairs += _loosened(dates, case, lambda new: investment(rebuild(new)), search)
    if whole is not None and names_beyond(case):
        search.lengthen(options.time_limit_s)
        repairs = _confirmed(repairs, whole, search)
        money = [limit for limit in limits_of(case) if limit.constraint in INVESTED]
        repairs += _loosened(money, case, whole, search)
    short = _shortage(program) or "No plan meets every limit."
    return _error(short, repairs, search, _SEVERAL)


_SEVERAL = (
    "No change of these limits was found that gives a plan: several conflict at once.\n"
    "Loosen the targets and the grid headroom together, then tighten one at a time."
)


def _error(short: str, repairs: list[Repair], search: _Search, none: str) -> InfeasibleError:
    lines = [short]
    if repairs:
        lines.append("Loosening any one of these gives a plan:")
        lines += [f"  - {repair}" for repair in repairs]
    else:
        lines.append(none)
    notes = []
    if search.cut_short or search.over:
        notes.append("The search was cut short by its time limit; other changes may do as well.")
    told = [repair.to_dict() for repair in repairs]
    return InfeasibleError("\n".join([*lines, *notes]), shortage=short, repairs=told, notes=notes)


def _loosened(limits: list[Limit], case: Case, rebuild: Rebuild, search: _Search) -> list[Repair]:
    """Return the smallest loosening of every limit that mends the case alone; of all together where none does."""
    found = [repair for limit in limits if (repair := _repair([limit], case, rebuild, search)) is not None]
    if found or len(limits) < 2 or search.over:
        return found
    joint = _repair(limits, case, rebuild, search)
    return [] if joint is None else [joint]


def _repair(limits: list[Limit], case: Case, rebuild: Rebuild, search: _Search) -> Repair | None:
    """Lift all of some limits, then tighten one after the other as far as the others allow."""
    if search.over:
        return None
    lifted = {limit.constraint + limit.words: limit.at(limit.steps) for limit in limits}
    smallest, used = True, []
    for limit in limits:
        others = {n: v for key, values in lifted.items() if key != limit.constraint + limit.words
                  for n, v in values.items()}  # fmt: skip
        within = set_to(case, others)
        if within is not None and len(limits) > 1 and _has_plan(rebuild(within), search):
            lifted[limit.constraint + limit.words] = limit.now
            continue
        found = None if within is None else loosened(limit, within, rebuild, search.solve)
        if found is None:
            return None
        lifted[limit.constraint + limit.words] = found.values
        smallest = smallest and found.smallest
        if changes := moves(limit, case, found.values):
            used.append((limit, changes))
    new = set_to(case, {name: value for values in lifted.values() for name, value in values.items()})
    if new is None or not used:
        return None
    changes = tuple(change for _, some in used for change in some)
    words = ", and ".join(limit.words for limit, _ in used)
    constraints = tuple(limit.constraint for limit, _ in used)
    return Repair(constraints, words, Trial(new, moves=changes), smallest, float(len(changes)))


def _has_plan(matrix: Matrix, search: _Search) -> bool:
    return search.solve(without_costs(matrix)).x is not None


def _confirmed(repairs: list[Repair], whole: Rebuild, search: _Search) -> list[Repair]:
    """Return the repairs with which the whole program, operation and all, has a plan; those not solved say so."""
    found = []
    for repair in repairs:
        if repair.trial.headroom or repair.trial.surplus:
            found.append(replace(repair, whole=False))  # tables are not built anew
            continue
        program = whole(repair.trial.case)
        answer = search.solve(without_costs(program))
        if answer.x is not None:
            found.append(repair)
        elif answer.status != "infeasible":
            found.append(replace(repair, whole=False))
    return found


def _beyond(case: Case) -> str:
    """Name what the investment program leaves out."""
    return " or ".join([*names_beyond(case), "the hourly operation"])


def _shortage(program: Program) -> str | None:
    """Say what is short in plain numbers: places for halls, or systems to fill them."""
    return _too_few_halls(program) or _too_few_systems(program)


def _too_few_systems(program: Program) -> str | None:
    """Say by how much the systems asked for exceed what vendors deliver, at the quarter where that is worst."""
    asked = {q: float(program.matrix.row_lower[i]) for (q,), i in program.row("fleet.filled").items()}
    most = deliverable_mw(program)
    worst = max(asked, key=lambda q: asked[q] - most[q], default=None)
    if worst is None or asked[worst] - most[worst] <= _SMALL * asked[worst]:
        return None
    return (
        f"The target of {number(program.case.target_mw(worst))} MW in {worst} asks for systems of "
        f"{number(round(asked[worst], 3))} MW IT; vendors deliver {number(round(most[worst], 3))} MW by then."
    )


def _too_few_halls(program: Program) -> str | None:
    """Say by how much the targets exceed what all regions can host, at the quarter where that is worst."""
    case = program.case
    most = {q: mw + case.committed_mw(q) for q, mw in hostable_mw(program).items()}
    hall = case.counted_per_it_mw * case.campus.hall_mw
    short = {q: case.target_mw(q) - mw for q, mw in most.items()}
    worst = max(case.quarters, key=lambda q: short[q])
    if short[worst] <= _SMALL * hall:
        return None
    return (
        f"The target of {number(case.target_mw(worst))} MW in {worst} exceeds the {number(round(most[worst], 3))} MW "
        f"that all regions together can host by then (whole halls of {number(round(hall, 3))} MW; headroom, "
        "construction time, campus size and pace)."
    )
