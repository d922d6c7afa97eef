"""Write the report of a plan file: verify it, and lay out what it says together with what the verifier found."""

from __future__ import annotations

from pathlib import Path

from grid_opt.plan.explanation import with_explanation
from grid_opt.plan.io import open_plan, read_outlines
from grid_opt.report.report_html import write_report
from grid_opt.verify import Report, verify


def report(
    plan: str | Path, out: str | Path | None = None, *, case_folder: str | Path | None = None
) -> tuple[Path, Report]:
    """Verify the plan in a file and write its report (default: ``report.html`` beside it); return path and finding.

    ``case_folder`` is the folder of the case file, from which tables and hours of its own are found.

    Raises:
        InputError: the file is no plan, or the extra ``report`` is not installed.
        OSError: the report cannot be written.
    """
    plan = Path(plan)
    target = Path(out) if out is not None else plan.with_name("report.html")
    opened = with_explanation(open_plan(plan), plan)
    found = verify(plan, case_folder=None if case_folder is None else Path(case_folder))
    write_report(opened, target, found.to_dict(), read_outlines(plan) or None)
    return target, found
