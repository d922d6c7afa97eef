r"""Find what a case trades off: fronts of costs and other criteria, by the augmented epsilon-constraint method.

The least of each criterion by itself spans the ranges; then, for limits :math:`e_k` on a grid from the loosest to the
tightest, the costs are minimized with a trifle of weight on each criterion (AUGMECON2; Mavrotas and Florios, Applied
Mathematics and Computation 219, 2013). Where a plan keeps tighter limits of the innermost criterion, too, these are
passed over: it is the best plan for them as well. Where there is no plan, there is none for tighter ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.config import Case, with_overrides
from grid_opt.config.reading import nearest
from grid_opt.config.sections_tradeoff import CRITERIA, UNITS, Criterion
from grid_opt.errors import ExitCode, InfeasibleError, InputError, SolverError
from grid_opt.report import style
from grid_opt.report.tradeoff_charts import draw_front
from grid_opt.study.cases import resolve_case
from grid_opt.study.progress import Listener
from grid_opt.study.sweeps.cube import write_cube
from grid_opt.study.tradeoffs.fronts import Floats, on_front, require_consistent
from grid_opt.study.tradeoffs.points import Point, Points, gravest, measured, refuse_other_goals, study
from grid_opt.study.tradeoffs.tables import front_of, rows_of, table_text

FRONT, TABLE, PICTURE, SUMMARY = "front.nc", "front.csv", "front.png", "summary.json"
TRIFLE: Final = 1e-4
"""Weight of the costs where the least of a criterion is sought."""
_LOOSER: Final = 1e-6
"""Share by which a limit is loosened, for the rounding of a plan that reaches it exactly."""
_LEAST_GAP: Final = 1e-6


@dataclass(frozen=True)
class Ranges:
    """The criteria of a front beside the costs, each from its worst value that can be worth having to its best."""

    names: tuple[Criterion, ...]
    worst: Floats
    best: Floats
    weights: dict[Criterion, float]

    def limits(self, points: int) -> list[Floats]:
        """Return the limits of every criterion, the loosest first."""
        return [
            np.linspace(worst, best, points) if worst > best else np.array([worst])
            for worst, best in zip(self.worst, self.best, strict=True)
        ]


@dataclass(frozen=True)
class Solved:
    """A plan of the grid: its limits, its criteria, and what is proven of the costs of all plans within the limits."""

    point: Point
    limits: Floats
    criteria: Floats
    cost: float
    bound: float

    @property
    def gap(self) -> float:
        """Relative distance of the costs and what is proven of them."""
        return max(0.0, self.cost - self.bound) / abs(self.cost) if self.cost else 0.0

    @property
    def values(self) -> Floats:
        """The costs and the criteria."""
        return np.array([self.cost, *self.criteria])


def pareto(
    ref: str | Path | Case,
    of: Sequence[str] = ("cost", "carbon"),
    points: int = 8,
    *,
    overrides: Sequence[str] = (),
    hours_file: str | Path | None = None,
    out: str | Path | None = None,
    progress: Listener | None = None,
) -> dict[str, Any]:
    """Find the front of a case and write it into ``out`` (default ``outputs/<case>_pareto``).

    ``of`` names ``cost`` and one to three of ``carbon``, ``tokens``, ``waiting``, ``water`` and ``concentration``;
    ``points`` is the number of limits of each. The folder gets ``front.nc``, ``front.csv``, ``front.png``,
    ``summary.json`` and the plan of every point. Given again, the same call goes on where it was interrupted.

    Raises:
        InputError: the case or the criteria are refused.
        InfeasibleError: the case has no plan at all.
        SolverError: a program could not be solved.
    """
    case = resolve_case(ref, overrides, hours_file)
    names = _criteria(of)
    case = _counting(case, names)
    if not 2 <= points <= 1000:
        raise InputError("too few or too many points", field="--points", value=points, expected="2 to 1000")
    folder = Path(out) if out is not None else Path("outputs") / f"{case.name}_pareto"
    with study(folder, case, progress) as program:
        ranges, ends = _payoff(program, names)
        grid = _Grid(program, ranges, ends)
        grid.walk(points)
        return _finish(program, grid)


def _criteria(of: Sequence[str]) -> tuple[Criterion, ...]:
    known = ["cost", *(name for name in CRITERIA if name != "alike")]
    for name in of:
        if name not in known:
            close = nearest(name, known)
            raise InputError("there is no such criterion", field="--of", value=name, expected=", ".join(known),
                             fix=f"did you mean {close!r}?" if close else None)  # fmt: skip
    others = tuple(name for name in CRITERIA if name in of)
    if "cost" not in of or not 1 <= len(others) <= 3 or len(set(of)) != len(of):
        raise InputError("a front is of costs and other criteria", field="--of", value=",".join(of),
                         expected="cost and one to three others, each once: cost,carbon")  # fmt: skip
    return others


def _counting(case: Case, names: Sequence[Criterion]) -> Case:
    """Return the case with what is to be counted; refuse one that cannot be traded off so."""
    refuse_other_goals(case)
    if case.tradeoff.references or any(name in case.tradeoff.most for name in names):
        raise InputError("this case limits a criterion of the front", file=case.source, field="tradeoff.most",
                         value=", ".join(case.tradeoff.most), expected="limits of other criteria only")  # fmt: skip
    if "tokens" in names and case.objective.goal == "net_value":
        raise InputError(
            "the costs hold the worth of tokens that are not served, so that these would count twice",
            file=case.source, field="objective.goal", value="net_value", expected="'least_cost'",
            fix="--set 'objective.goal=\"least_cost\"'",
        )  # fmt: skip
    counts = [f"{name}.count=true" for name in ("carbon", "water") if name in names]
    return with_overrides(case, [*counts, *(f"tradeoff.weights.{name}=0.0" for name in names)])


def _payoff(program: Points, names: tuple[Criterion, ...]) -> tuple[Ranges, list[Point]]:
    """Return the ranges that the least costs and the least of each criterion span, and the plans at these ends."""
    first = program.solve("least cost", {})
    if first.plan is None:
        raise InfeasibleError(f"the case has no plan: {first.reason}; see grid-opt run")
    values = [measured(first.plan, names)]
    ends = [first]
    for name in names:
        scale = abs(first.cost) / max(values[0][name], 1e-9)
        end = program.solve(f"least {name}", {"cost_weight": TRIFLE, f"weights.{name}": scale})
        if end.plan is None:
            raise SolverError(f"the least {name} was not found: {end.reason}")
        ends.append(end)
        values.append(measured(end.plan, names))
    worst = np.array([max(value[name] for value in values) for name in names])
    best = np.array([min(value[name] for value in values) for name in names])
    best = np.where(worst - best <= _LOOSER * np.maximum(1.0, abs(worst)), worst, best)
    trifle = max(program.case.solve.gap, _LEAST_GAP) * abs(first.cost) / len(names)
    weights = {
        name: float(trifle / (w - b)) if w > b else trifle / max(1.0, abs(float(w)))
        for name, w, b in zip(names, worst, best, strict=True)
    }
    return Ranges(names, worst, best, weights), ends


class _Grid:
    """Go through the limits, and keep what was found, what was not, and the plans to begin with."""

    def __init__(self, program: Points, ranges: Ranges, ends: list[Point]) -> None:
        self.program, self.ranges, self.ends = program, ranges, ends
        self.found: list[Solved] = []
        self.missed: list[Point] = []

    def walk(self, points: int) -> None:
        """Solve for all limits, the innermost criterion from the loosest to the tightest."""
        *outer, inner = self.ranges.limits(points)
        for place in np.ndindex(*(len(limits) for limits in outer)):
            fixed = [limits[n] for limits, n in zip(outer, place, strict=True)]
            kept = np.inf
            for limit in inner:
                if limit >= kept:
                    continue  # the plan before keeps this limit, too
                point, loosened = self._at(np.array([*fixed, limit]))
                if point.exit_code == ExitCode.INFEASIBLE:
                    break
                if point.plan is None:
                    self.missed.append(point)
                    continue
                self.found.append(self._solved(point, loosened))
                kept = self.found[-1].criteria[-1]

    def _at(self, limits: Floats) -> tuple[Point, Floats]:
        """Return what came of some limits, begun with the cheapest plan that keeps them."""
        names = self.ranges.names
        loosened = limits + _LOOSER * np.maximum(1.0, abs(limits))
        told = ", ".join(f"{name} {limit:,.6g} {UNITS[name]}" for name, limit in zip(names, limits, strict=True))
        changes: dict[str, float] = {}
        for name, limit in zip(names, loosened.tolist(), strict=True):
            changes |= {f"most.{name}": limit, f"weights.{name}": self.ranges.weights[name]}
        return self.program.solve(f"at most {told}", changes, self._keeping(loosened)), loosened

    def _keeping(self, limits: Floats) -> xr.Dataset | None:
        """Return the cheapest plan so far that keeps some limits."""
        ends = [end.plan for end in self.ends if end.plan is not None]
        plans = ends + [one.point.plan for one in self.found if one.point.plan is not None]
        costs = [one.cost for one in self.ends] + [one.cost for one in self.found]
        best: xr.Dataset | None = None
        least = np.inf
        for plan, cost in zip(plans, costs, strict=True):
            criteria = np.array(list(measured(plan, self.ranges.names).values()))
            if cost < least and (criteria <= limits).all():
                best, least = plan, cost
        return best

    def _solved(self, point: Point, limits: Floats) -> Solved:
        assert point.plan is not None
        criteria = np.array(list(measured(point.plan, self.ranges.names).values()))
        weights = np.array([self.ranges.weights[name] for name in self.ranges.names])
        return Solved(point, limits, criteria, point.cost, point.bound - float(weights @ limits))


def _finish(program: Points, grid: _Grid) -> dict[str, Any]:
    """Filter, check and write what was found.

    Raises:
        SolverError: nothing was found, or what was found refutes a bound.
    """
    ranges, ends, found = grid.ranges, grid.ends, grid.found
    names, folder = ranges.names, program.folder
    if not found:
        raise SolverError(f"no plan was found within any limits: {grid.missed[0].reason}")
    plans = [one.plan for one in ends if one.plan is not None]
    witnesses = np.array([list(measured(plan, names).values()) for plan in plans] + [one.criteria for one in found])
    costs = [one.cost for one in ends] + [one.cost for one in found]
    require_consistent(
        np.array([one.limits for one in found]), [one.bound for one in found], witnesses, costs,
        [one.point.label for one in found],
    )  # fmt: skip
    kept = on_front(np.array([one.values for one in found]))
    front = [one for one, keep in zip(found, kept, strict=True) if keep]
    front.sort(key=lambda one: one.cost)
    cube = front_of(program.case, names, front)
    write_cube(cube, folder / FRONT)
    rows = rows_of(cube)
    write_text(folder / TABLE, table_text(rows))
    with style.look():
        figure = draw_front(cube, names, program.case.title or program.case.name)
    style.save(figure, folder / PICTURE)
    code = gravest([*ends, *grid.missed, *(one.point for one in found)])
    summary = {
        "case": program.case.name,
        "of": ["cost", *names],
        "folder": str(folder),
        "exit_code": int(code),
        "solved": program.solved,
        "reused": program.reused,
        "programs": len(ends) + len(found) + len(grid.missed),
        "without_plan": {one.label: one.reason for one in grid.missed},
        "left_out": len(found) - len(front),
        "largest_gap": max(one.gap for one in front),
        "ranges": {n: {"worst": float(w), "best": float(b), "unit": UNITS[n]}
                   for n, w, b in zip(names, ranges.worst, ranges.best, strict=True)},
        "front": rows,
    }  # fmt: skip
    write_text(folder / SUMMARY, json.dumps(summary, indent=2, sort_keys=True, allow_nan=False) + "\n")
    return summary
