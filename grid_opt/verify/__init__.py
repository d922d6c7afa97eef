"""Recompute every limit and every bill of a plan from the plan file alone, without a solver.

Nothing is shared with the formulation, so that a mistake there cannot hide here. The checks are listed in
``docs/verification.md``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import xarray as xr

from grid_opt.config import Case
from grid_opt.plan.io import open_plan

# Importing a module of checks enters them into CHECKS.
from grid_opt.verify import (  # noqa: F401
    batteries,
    connection,
    contents,
    fleet,
    footprint,
    footprint_limits,
    footprint_prices,
    footprint_tables,
    network,
    nodal,
    nodal_prices,
    offer_tables,
    operation,
    prices,
    resilience,
    service,
    siting,
    supply_contracts,
    supply_onsite,
    supply_tables,
    tables,
    tariffs,
    totals,
    tradeoff,
)
from grid_opt.verify.check import CHECKS, Check, Report
from grid_opt.verify.evidence import Evidence

__all__ = ["CHECKS", "Check", "Report", "verify"]


def verify(
    plan: str | Path | xr.Dataset,
    case_folder: str | Path | None = None,
    *,
    compare_tables: bool = True,
    made: tuple[Case, xr.Dataset] | None = None,
) -> Report:
    """Run every check on a plan, given as a file or in memory.

    ``case_folder`` is where the case file was: the tables, hours and accelerator that a case names are looked for
    from there, or else from the working folder. ``compare_tables`` makes the inputs again from the tables, which
    takes a few seconds, and compares them with those in the plan; ``made``, a case and its world, spares making them
    again where the plan is of that case.

    Raises: InputError when the file is no plan or is damaged. A plan that is wrong or incomplete does not
    raise: its report has failed checks.
    """
    evidence = Evidence(
        plan if isinstance(plan, xr.Dataset) else open_plan(plan),
        compare_tables=compare_tables,
        case_folder=None if case_folder is None else Path(case_folder),
        from_file=not isinstance(plan, xr.Dataset),
        made=made,
    )
    report = Report(tuple(CHECKS[name](evidence) for name in sorted(CHECKS)))
    missed = [f"could not be made: {_shortened(names)}: {reason}" for reason, names in report.not_made.items()]
    return replace(report, warnings=(*evidence.warnings, *missed))


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
