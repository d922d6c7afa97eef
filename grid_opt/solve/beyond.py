"""Limits beyond campuses, systems and grid: carbon, water, hedges, budgets, dates; and how far each must give way.

These limits rule the operation, or dates that a program must be built anew for, so that the whole program is solved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from grid_opt.config import Case, add_quarters, quarter_ordinal, with_overrides
from grid_opt.errors import InputError
from grid_opt.solve.answer import Answer
from grid_opt.solve.loosen import number, round_up
from grid_opt.solve.standard_form import Matrix

Rebuild = Callable[[Case], Matrix]
"""Build the program of another case, with the arrays of its world that follow from the case."""
Solve = Callable[[Matrix], Answer]
"""Solve a program, within the time that is left."""
Values = Mapping[str, str]
"""New values of knobs, as they are written, by dotted name."""

_ROUNDS = 4
"""How often a limit is loosened along a line before it is given up: most rules are one line."""
_MOST = 1e9


@dataclass(frozen=True)
class Limit:
    """One kind of limit: its knobs with their values, and the values at each of ``steps`` steps, ever looser.

    The values of step 0 are those of now. A limit that is ``straight`` moves nothing but right-hand sides, each by the
    sum of what its knobs move, so that how far it must give way is found by one program; then ``steps`` is 1, and that
    step lifts it.
    """

    constraint: str
    words: str
    now: Values
    at: Callable[[int], Values]
    steps: int
    straight: bool = False
    places: int = 0
    unit: str = ""


def limits_of(case: Case) -> list[Limit]:
    """Return the limits of a case that the program of investments does not hold, and dates."""
    return [*_ledger_limits(case), *_shares(case), *_money(case), *_yes_or_no(case), *_dates(case)]


def names_beyond(case: Case) -> list[str]:
    """Name what a case asks for beyond campuses, systems and grid."""
    found = [limit for limit in limits_of(case) if limit.constraint not in DATES]
    return list(dict.fromkeys(_section(name) for limit in found for name in limit.now))


def _section(knob: str) -> str:
    return ".".join(knob.split(".")[:2])


INVESTED = ("budget.present_value_budget",)
"""Limits that investments alone can already break, though the operation counts in them, too."""
DATES = ("campus.tranche", "grid.delay")
"""Limits on dates: they are of the program of investments, and loosened by building it anew."""


def _ledger_limits(case: Case) -> Iterator[Limit]:
    for constraint, words, field, unit, values in (
        ("carbon.cap_year", "raise the caps on emissions", "carbon.cap_t", "t", case.carbon.cap_t),
        ("water.cap_stress", "raise the caps on water", "water.cap_m3", "m3", case.water.cap_m3),
    ):
        if values:
            yield _lifted(constraint, words, {f"{field}.{key}": value for key, value in values.items()}, unit)


def _lifted(constraint: str, words: str, now: Mapping[str, float], unit: str) -> Limit:
    """Return a limit whose knobs are right-hand sides, to be raised."""
    kept = {name: number(value) for name, value in now.items()}
    lifted = {name: number(_MOST) for name in now}
    return Limit(constraint, words, kept, lambda n: lifted if n else kept, 1, straight=True, unit=unit)


def _shares(case: Case) -> Iterator[Limit]:
    carbon, supply = case.carbon, case.supply
    for kind, words in (("annual", "match less of the year's load"), ("hourly", "match less of the load by the hour")):
        steps: Mapping[int, float] = getattr(carbon, f"{kind}_share")
        asked = {f"carbon.{kind}_share.{year}": value for year, value in steps.items() if value > 0}
        if asked:
            yield _falling(f"matching.{kind}_{carbon.scope}", words, asked)
    if supply.least_hedged_share > 0:
        asked = {"supply.least_hedged_share": supply.least_hedged_share}
        yield _falling("supply.hedged", "fix the price of less energy", asked)
        if supply.contracts and supply.most_contracted_share < 10:
            most = supply.most_contracted_share
            yield _rising("supply.contracted_most", "contract more energy", "supply.most_contracted_share", most, 10.0)


_STEP = 1e-3


def _falling(constraint: str, words: str, now: Mapping[str, float]) -> Limit:
    """Return a limit whose shares fall together, in thousandths of the largest, down to zero."""
    top = max(now.values())
    steps = math.ceil(top / _STEP - 1e-9)

    def at(n: int) -> Values:
        cap = max(0.0, math.floor((top - n * _STEP) / _STEP + 1e-6) * _STEP) if n else top
        return {name: number(round(min(value, cap), 6)) for name, value in now.items()}

    return Limit(constraint, words, {name: number(value) for name, value in now.items()}, at, steps)


def _rising(constraint: str, words: str, knob: str, now: float, most: float) -> Limit:
    steps = math.ceil((most - now) / _STEP - 1e-9)
    return Limit(
        constraint, words, {knob: number(now)}, lambda n: {knob: number(round(min(most, now + n * _STEP), 6))}, steps
    )


def _money(case: Case) -> Iterator[Limit]:
    limit = case.budget.present_value_musd
    if limit is not None:
        kind = "budget.present_value_budget"
        now = {"budget.present_value_musd": limit}
        lifted = replace(_lifted(kind, "raise the budget of all costs", now, "million USD"), places=1)
        top = {"budget.present_value_musd": number(1e7)}
        yield replace(lifted, at=lambda n: top if n else lifted.now)


def _yes_or_no(case: Case) -> Iterator[Limit]:
    if case.has_fleet and case.fleet.region_loss:
        values = ({"fleet.region_loss": "true"}, {"fleet.region_loss": "false"})
        yield Limit("resilience.served", "give up surviving the loss of a region", values[0], lambda n: values[n], 1)


def _dates(case: Case) -> Iterator[Limit]:
    delay = case.grid.connection_delay_quarters
    if delay > 0:
        knob = "grid.connection_delay_quarters"
        yield Limit(
            "grid.delay", "connect sooner", {knob: str(delay)}, lambda n: {knob: str(delay - n)}, delay, unit="quarters"
        )
    if case.demand.commitments != "every":
        return
    named, quarters = list(case.demand.targets_mw), list(case.quarters)
    for target in named:
        later = [q for q in quarters if quarter_ordinal(q) > quarter_ordinal(target)]
        nearest = next((q for q in named if quarter_ordinal(q) > quarter_ordinal(target)), None)
        most = len(later) if nearest is None else later.index(nearest)
        if most > 0:
            yield _later(case, target, most)


def _later(case: Case, target: str, most: int) -> Limit:
    """Return the date of one target: it comes up to ``most`` quarters later, the one before rules until then."""
    targets = case.demand.targets_mw
    earlier = [mw for q, mw in targets.items() if quarter_ordinal(q) < quarter_ordinal(target)]
    before, mw = (earlier[-1] if earlier else 0.0), targets[target]

    def at(n: int) -> Values:
        if not n:
            return {f"demand.targets_mw.{target}": number(mw)}
        moved = add_quarters(target, n)
        return {f"demand.targets_mw.{target}": number(before), f"demand.targets_mw.{moved}": number(mw)}

    words = f"have the {number(mw)} MW of {target} later"
    return Limit("campus.tranche", words, {f"demand.targets_mw.{target}": number(mw)}, at, most, unit="MW")


def set_to(case: Case, values: Values) -> Case | None:
    """Return the case with knobs set; ``None`` where it refuses them."""
    try:
        return with_overrides(case, [f"{name}={value}" for name, value in values.items()])
    except InputError:
        return None


def moves(limit: Limit, case: Case, values: Values) -> tuple[str, ...]:
    """Return what changes, one knob each, as a planner would write it."""
    unit = f" {limit.unit}" if limit.unit else ""
    found = []
    for name, value in values.items():
        old = limit.now.get(name)
        if old is None:  # a quarter that was not named carried the target before it
            found.append(f"{name} = {value} (now {number(case.target_mw(name.rpartition('.')[2]))}{unit})")
        elif value != old:
            found.append(f"{name} = {value} (now {old}{unit})")
    return tuple(found)


@dataclass(frozen=True)
class Loosened:
    """New values of a limit's knobs that give a plan; ``smallest``: a step less was proven to give none."""

    values: Values
    smallest: bool


def loosened(limit: Limit, case: Case, rebuild: Rebuild, solve: Solve) -> Loosened | None:
    """Return the smallest loosening of one limit that gives a plan; ``None`` where lifting it does not, or no time is
    left to find out."""
    lifted = set_to(case, limit.at(limit.steps))
    if lifted is None or solve(without_costs(rebuild(lifted))).x is None:
        return None
    if limit.straight:
        found = _along_a_line(limit, case, rebuild, solve)
        return found if found is not None else Loosened(limit.at(1), smallest=False)
    return _by_halves(limit, case, rebuild, solve)


def without_costs(matrix: Matrix) -> Matrix:
    """Return the program without costs: any plan will do."""
    return replace(matrix, cost=np.zeros_like(matrix.cost))


def _by_halves(limit: Limit, case: Case, rebuild: Rebuild, solve: Solve) -> Loosened:
    """Halve the steps between what gives no plan and what does: in the relaxation first, which no plan can beat."""

    def answer(n: int, relaxed: bool) -> Answer:
        new = set_to(case, limit.at(n))
        if new is None:
            return Answer("infeasible", "the case refuses the value")
        matrix = without_costs(rebuild(new))
        return solve(replace(matrix, integer=np.zeros_like(matrix.integer)) if relaxed else matrix)

    low, high = 0, limit.steps
    while high - low > 1:  # the relaxation: where it has no solution, no plan has
        middle = (low + high) // 2
        if answer(middle, relaxed=True).status == "infeasible":
            low = middle
        else:
            high = middle
    high, tried, proven = limit.steps, low + 1, True
    while tried < high:
        found = answer(tried, relaxed=False)
        if found.x is not None:
            high = tried
        else:
            low, proven = tried, proven and found.status == "infeasible"
        middle = (low + high) // 2
        tried = middle if middle > low else high
    return Loosened(limit.at(high), smallest=proven)


def _along_a_line(limit: Limit, case: Case, rebuild: Rebuild, solve: Solve) -> Loosened | None:
    """Give right-hand sides slack that costs its share of the knob, and prove what the knobs then are."""
    values = {name: float(value) for name, value in limit.now.items()}
    smallest = True
    for _ in range(_ROUNDS):
        here = set_to(case, {name: number(value) for name, value in values.items()})
        if here is None:
            return None
        matrix = rebuild(here)
        answer = solve(_elastic(matrix, here, values, rebuild))
        if answer.x is None:
            return None
        smallest = smallest and answer.status == "optimal"
        slack = answer.x[-len(values) :]
        for (name, value), more in zip(list(values.items()), slack.tolist(), strict=True):
            if more > 1e-9:
                values[name] = min(_MOST, round_up(value + more * _unit(value), limit.places))
        written = {name: number(value) for name, value in values.items()}
        new = set_to(case, written)
        if new is None:
            return None
        if solve(without_costs(rebuild(new))).x is not None:
            return Loosened(written, smallest)
        smallest = False
    return None


def _unit(value: float) -> float:
    """Return what one unit of slack is of a knob: its own size, so that all are weighed alike."""
    return max(1.0, value)


def _elastic(matrix: Matrix, case: Case, values: Mapping[str, float], rebuild: Rebuild) -> Matrix:
    """Return the program with one slack a knob, by which its right-hand sides give way; their sum is the cost."""
    columns = []
    for name, value in values.items():
        probe = set_to(case, {name: number(value + _unit(value))})
        assert probe is not None
        other = rebuild(probe)
        bounded = np.isfinite(matrix.row_upper)
        gained = np.zeros(len(bounded))
        gained[bounded] = other.row_upper[bounded] - matrix.row_upper[bounded]
        columns.append(sp.csr_array(-gained[:, None]))
    width, count = matrix.shape[1], len(columns)
    return replace(
        matrix,
        cost=np.concatenate([np.zeros(width), np.ones(count)]),
        rows_matrix=sp.csr_array(sp.hstack([matrix.rows_matrix, *columns])),
        col_lower=np.concatenate([matrix.col_lower, np.zeros(count)]),
        col_upper=np.concatenate([matrix.col_upper, np.full(count, np.inf)]),
        integer=np.concatenate([matrix.integer, np.zeros(count, dtype=bool)]),
        columns=[*matrix.columns, *(f"slack of {name}" for name in values)],
    )
