"""Recompute every limit and every bill of a plan from the plan file alone, without a solver.

Nothing is shared with the formulation, so that a mistake there cannot hide here. The checks are listed in
``docs/verification.md``.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from grid_opt.plan.io import open_plan

# Importing a module of checks enters them into CHECKS.
from grid_opt.verify import bills, capital, contents, network, operation, siting, totals  # noqa: F401
from grid_opt.verify.check import CHECKS, Check, Report
from grid_opt.verify.evidence import Evidence

__all__ = ["CHECKS", "Check", "Report", "verify"]


def verify(plan: str | Path | xr.Dataset, *, compare_tables: bool = True) -> Report:
    """Run every check on a plan, given as a file or in memory.

    ``compare_tables`` makes the inputs of the case again from the installed tables, which takes a few
    seconds, and compares them with those in the plan.

    Raises: InputError when the file is no plan or is damaged. A plan that is wrong or incomplete does not
    raise: its report has failed checks.
    """
    dataset = plan if isinstance(plan, xr.Dataset) else open_plan(plan)
    evidence = Evidence(dataset, compare_tables=compare_tables)
    checks = tuple(CHECKS[name](evidence) for name in sorted(CHECKS))
    return Report(checks, tuple(evidence.warnings))
