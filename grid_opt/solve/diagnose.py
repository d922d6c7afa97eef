"""Explain in a planner's words why a case has no plan, and the smallest changes that would give it one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from grid_opt.config import Case, add_quarters, quarter_ordinal, with_overrides
from grid_opt.errors import InfeasibleError, InputError, InterruptedRunError
from grid_opt.solve.elastic import Kind, elastic, first_solution
from grid_opt.solve.highs import Answer, Options, solve
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
    same limits does, in halls, MW or million USD; without it the search stopped at its time limit. ``size`` is the
    change relative to the limits as they are.
    """

    constraints: tuple[str, ...]
    words: str
    trial: Trial
    smallest: bool
    size: float

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
        return f"{self.words}: {moves}{more}{doubt}"


class _Search:
    """Solve within the time that is left, and stop when the user asks."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.end = time.monotonic() + _PATIENCE_S
        self.cut_short = False

    def shorten(self, seconds: float) -> None:
        """Leave at most so much time for the rest."""
        self.end = min(self.end, time.monotonic() + seconds)

    @property
    def over(self) -> bool:
        """Return whether the time is up."""
        return time.monotonic() >= self.end

    def solve(self, matrix: Matrix, start: Array | None = None) -> Answer:
        """Solve, for a share of the time that is left."""
        stop = getattr(self.options, "stop", None)
        if stop is not None and stop.is_set():
            raise InterruptedRunError("interrupted while looking for the limits in conflict; nothing was written")
        limit = max(0.1, min(_PATIENCE_EACH_S, self.options.time_limit_s, self.end - time.monotonic()))
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


def explain_infeasible(matrix: Matrix, options: Options, case: Case, rebuild: Rebuild | None = None) -> InfeasibleError:
    """Return the error that says what is short and which proven changes give a plan.

    Raises:
        InterruptedRunError: the user stopped the search.
    """
    program, search = _program(matrix, case, rebuild), _Search(options)
    if _sound(program, search):
        return InfeasibleError(
            f"Campuses, systems and grid alone allow a plan; what forbids it lies in {_beyond(case)}."
        )
    repairs = _find(program, search)
    lines = [_shortage(program) or "No plan meets every limit."]
    if repairs:
        lines.append("Loosening any one of these gives a plan:")
        lines += [f"  - {repair}" for repair in repairs]
    else:
        lines.append("No change of these limits was found that gives a plan: several conflict at once.")
        lines.append("Loosen the targets and the grid headroom together, then tighten one at a time.")
    if search.cut_short or search.over:
        lines.append("The search was cut short by its time limit; other changes may do as well.")
    return InfeasibleError("\n".join(lines))


def _beyond(case: Case) -> str:
    """Name what the investment program leaves out."""
    found = [
        *(["fleet.region_loss"] if case.has_fleet and case.fleet.region_loss else []),
        *(["supply.least_hedged_share"] if case.supply.least_hedged_share > 0 else []),
        *_asked_of_footprint(case),
        *(["budget.present_value_musd"] if case.budget.present_value_musd is not None else []),
        "the hourly operation",
    ]
    return " or ".join(found)


def _asked_of_footprint(case: Case) -> list[str]:
    """Name the limits on carbon and water that the case has."""
    carbon = case.carbon
    limits = {
        "carbon.cap_t": bool(carbon.cap_t),
        "carbon.annual_share": carbon.shares_annual,
        "carbon.hourly_share": carbon.shares_hourly,
        "water.cap_m3": bool(case.water.cap_m3),
    }
    return [name for name, asked in limits.items() if asked]


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
