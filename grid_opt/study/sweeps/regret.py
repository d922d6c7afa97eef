r"""Price the plans of a sweep under every case: what does a plan cost when the world is another one?

The campuses of a plan and their halls by quarter are kept; systems, contracts, routing and operation are decided anew
for the case, by the same program. With :math:`v_{pc}` the least objective of case :math:`c` in which the campuses are
those of plan :math:`p`, and :math:`v_c` that of the case itself, the regret is :math:`v_{pc} - v_c \ge 0`. Both are
known between a bound and a solution, so the regret is told with the least and the most that it can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.errors import InputError
from grid_opt.formulation.model import Model, build_arrays
from grid_opt.inputs.world import build_world
from grid_opt.plan.io import open_plan
from grid_opt.solve.answer import Options
from grid_opt.solve.arrays import matrix_of
from grid_opt.solve.canary import trust_solver
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import Matrix
from grid_opt.study.sweeps.layout import case_of
from grid_opt.study.sweeps.manifest import Manifest

FILE: Final = "regret.csv"
PICTURE: Final = "regret.png"
_KEPT: Final = ("campus.site", "campus.halls")
_PLAN: Final = "plan.nc"
_SOLVED: Final = ("done", "gap")
_COLUMNS: Final = (
    "plan", "case", "state", "objective", "bound", "regret", "regret_least", "regret_most", "plan_of_cases",
)  # fmt: skip

Siting = dict[tuple[str, str, str], float]
"""Value of every decision that is kept, by its name, region and quarter; nothing where it is zero."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Kept:
    """The campuses of a plan: the label of the first case that has them, and how many have."""

    label: str
    siting: Siting
    of_cases: int


def regrets(manifest: Manifest, folder: Path, most: int, say: Say) -> pd.DataFrame:
    """Return what each of the ``most`` plans that come most often would cost under every case that has a plan.

    One row for each plan and case. ``state``: ``own`` (the case chose these campuses itself), ``priced``,
    ``impossible`` (these campuses meet not every limit of the case), or ``unknown`` (no answer in its time limit).

    Raises: InputError for cases at the buses of a network, whose dispatch is part of the plan.
    """
    labels: dict[str, str] = {}
    for entry in manifest.cases:
        labels.setdefault(entry.run, entry.label)
    solved = {digest: label for digest, label in labels.items() if manifest.runs[digest].state in _SOLVED}
    opened = {digest: open_plan(folder / manifest.runs[digest].folder / _PLAN) for digest in solved}
    sitings = {digest: siting_of(plan) for digest, plan in opened.items()}
    kept = _most_frequent(solved, sitings, most)
    rows = []
    for digest, label in solved.items():
        say(f"pricing {len(kept)} plans under {label}")
        own, case = opened[digest].attrs, case_of(manifest.runs[digest], folder)
        if case.is_nodal:
            raise InputError(
                "the plans of a network cannot be priced under other cases", field="--regret", value=label,
                expected="cases of regions", fix="leave --regret out",
            )  # fmt: skip
        model = build_arrays(case, build_world(case))
        matrix = matrix_of(model)
        options = Options(case.solve.gap, case.solve.time_limit_s, case.solve.threads, case.solve.seed)
        trust_solver(options.threads)
        for one in kept:
            if sitings[digest] == one.siting:
                found = ("own", float(own["objective"]), float(own["bound"]))
            else:
                found = _priced(matrix, model, one.siting, options)
            rows.append(_row(one, label, found, float(own["objective"]), float(own["bound"])))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def siting_of(plan: xr.Dataset) -> Siting:
    """Return the campuses of a plan and their halls, those that are not zero."""
    found: Siting = {}
    for name in _KEPT:
        array = plan[name.partition(".")[2]].transpose("region", "quarter")
        for region, quarter in np.argwhere(array.values > 0.5):
            at = str(array["region"].values[region]), str(array["quarter"].values[quarter])
            found[(name, *at)] = float(np.round(array.values[region, quarter]))
    return found


def _most_frequent(solved: dict[str, str], sitings: dict[str, Siting], most: int) -> list[Kept]:
    groups: dict[tuple[Any, ...], list[str]] = {}
    for digest in solved:
        groups.setdefault(tuple(sorted(sitings[digest].items())), []).append(digest)
    ordered = sorted(groups.values(), key=lambda group: -len(group))
    return [Kept(solved[group[0]], sitings[group[0]], len(group)) for group in ordered[:most]]


def with_siting(matrix: Matrix, model: Model, siting: Siting) -> Matrix | None:
    """Return the program in which the campuses are those of ``siting``; ``None`` where a limit of one forbids it."""
    wanted = dict(siting)
    lower, upper = matrix.col_lower.copy(), matrix.col_upper.copy()
    names = {id(data): (name, key) for name in _KEPT for key, data in model.component(name).items()}
    for n, column in enumerate(matrix.columns):
        name, (region, quarter) = names.get(id(column), ("", ("", "")))
        if name:
            value = wanted.pop((name, str(region), str(quarter)), 0.0)
            if not lower[n] <= value <= upper[n]:
                return None
            lower[n] = upper[n] = value
    return None if wanted else replace(matrix, col_lower=lower, col_upper=upper)


def _priced(matrix: Matrix, model: Model, siting: Siting, options: Options) -> tuple[str, float, float]:
    """Return state, objective and bound of the case with these campuses."""
    program = with_siting(matrix, model, siting)
    if program is None:
        return "impossible", np.nan, np.nan
    answer = solve(program, options)
    if answer.status == "infeasible":
        return "impossible", np.nan, np.nan
    if answer.x is None:
        return "unknown", np.nan, np.nan
    return "priced", answer.objective, answer.bound


def _row(one: Kept, label: str, found: tuple[str, float, float], own: float, own_bound: float) -> dict[str, Any]:
    state, objective, bound = found
    if state == "own":
        told = {"regret": 0.0, "regret_least": 0.0, "regret_most": max(own - own_bound, 0.0)}
    else:
        told = {
            "regret": objective - own,
            "regret_least": max(bound - own, 0.0) if np.isfinite(bound) else np.nan,
            "regret_most": max(objective - own_bound, 0.0) if np.isfinite(objective) else np.nan,
        }
    return {
        "plan": one.label, "case": label, "state": state, "objective": objective, "bound": bound, **told,
        "plan_of_cases": one.of_cases,
    }  # fmt: skip


def in_words(found: pd.DataFrame, unit: str) -> list[str]:
    """Say which plan has the least worst regret, and which plans some case does not admit."""
    rows = found.groupby("plan", sort=False)
    known = {str(plan): part for plan, part in rows if part["state"].isin(["own", "priced"]).all()}
    notes = []
    if known:
        worst = {plan: float(part["regret"].max()) for plan, part in known.items()}
        best = min(worst, key=lambda plan: worst[plan])
        notes.append(f"least worst regret: the plan of {best!s}, at most {worst[best]:,.6g} {unit} above the best plan")
    for plan, part in rows:
        out = part.loc[part["state"] == "impossible", "case"].tolist()
        if out:
            more = f" and {len(out) - 3} more" if len(out) > 3 else ""
            notes.append(f"the campuses of {plan} do not meet every limit of {'; '.join(out[:3])}{more}")
    return notes
