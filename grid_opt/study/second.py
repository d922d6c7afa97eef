"""Solve a plan's own model with a second, unrelated solver and compare the optima."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import Any

import xarray as xr

from grid_opt.config import Case, case_from_toml
from grid_opt.errors import GridOptError, SolverError
from grid_opt.formulation.model import build_model
from grid_opt.plan.io import open_plan

_AGREE = 1e-6
"""Relative difference that two solvers may show between optima, each proven to its gap."""


class MissingSecondSolverError(GridOptError):
    """Say that the optional second solver is not installed."""


def second_solver(plan_path: str | Path, time_limit_s: float = 900.0) -> dict[str, Any]:
    """Rebuild the model from the plan file alone, solve it with SCIP, and compare.

    The model goes to SCIP as an MPS file by Pyomo's own writer, so that neither our hand-over nor HiGHS has a
    part in the answer.

    Returns:
        objective, bound (of SCIP), plan_objective, difference, solver, agrees. The two agree
        when the interval between bound and objective of each meets the other's.

    Raises:
        MissingSecondSolverError: PySCIPOpt is not installed (extra ``second-solver``).
        SolverError: SCIP found no plan in the time limit.
    """
    plan = open_plan(plan_path)
    case = case_from_toml(str(plan.attrs["case_toml"]))
    objective, bound, name = solve_with_scip(case, plan, time_limit_s)
    ours, our_bound = float(plan.attrs["objective"]), float(plan.attrs["bound"])
    slack = _AGREE * max(1.0, abs(ours))
    return {
        "solver": name,
        "objective": objective,
        "bound": bound,
        "plan_objective": ours,
        "difference": ours - objective,
        "agrees": bool(bound <= ours + slack and our_bound <= objective + slack),
    }


def solve_with_scip(case: Case, world: xr.Dataset, time_limit_s: float = 900.0) -> tuple[float, float, str]:
    """Return SCIP's objective and bound [million USD] of a case over its world, and SCIP's name and version."""
    try:
        scip = importlib.import_module("pyscipopt")
    except ImportError as error:
        raise MissingSecondSolverError(
            "the second solver is not installed; add it with: pip install 'grid-opt[second-solver]'"
        ) from error
    model = build_model(case, world)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.mps"
        model.pyomo.write(str(path))
        problem = scip.Model()
        problem.hideOutput()
        problem.readProblem(str(path))
    problem.setParam("limits/gap", case.solve.gap)
    problem.setParam("limits/time", time_limit_s)
    problem.optimize()
    if problem.getNSols() == 0:
        raise SolverError(f"SCIP ended with status {problem.getStatus()!r} and no plan")
    return float(problem.getObjVal()), float(problem.getDualbound()), f"SCIP {problem.version()}"
