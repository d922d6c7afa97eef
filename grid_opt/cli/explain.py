"""The command that says why: why these regions, why not those, and what makes a case infeasible."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grid_opt.cli.common import JsonOption, make_console, print_json, print_path, reporting, tell
from grid_opt.cli.runs import CaseFolderOption, HoursOption, SetOption
from grid_opt.errors import ExitCode, InputError

if TYPE_CHECKING:
    from grid_opt.cli.progress import ProgressLine

PlanOrCase = Annotated[
    str,
    typer.Argument(metavar="PLAN.nc|CASE", help="A plan written by `grid-opt run`, or a case, which is solved first."),
]
RegionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--region", metavar="R", help="Explain this region only, solving again. May be repeated [default: all]."
    ),
]


def explain(
    what: PlanOrCase,
    region: RegionOption = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="Longest search for one region, beside its relaxation.")
    ] = 120.0,
    overall: Annotated[float, typer.Option("--overall", min=1.0, help="Longest search in all.")] = 600.0,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes at a time.")] = 2,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Examine by the relaxation alone; solve nothing again.")
    ] = False,
    set_: SetOption = None,
    hours: HoursOption = None,
    case_folder: CaseFolderOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of explain.json [default: the plan's, or outputs/<case>]."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say why a plan stands where it stands, and why not elsewhere; or what makes a case infeasible."""
    with reporting(as_json):
        from grid_opt.cli.progress import ProgressLine  # noqa: PLC0415

        line = None if quiet else ProgressLine()
        limits = (seconds, overall, workers, not bounds)
        try:
            code = _explain(what, region or [], limits, set_ or [], hours, case_folder, out, line, as_json)
        finally:
            if line is not None:
                line.close()
    raise typer.Exit(int(code))


def _explain(
    what: str, regions: list[str], limits: tuple[float, float, int, bool], overrides: list[str], hours: Path | None,
    case_folder: Path | None, out: Path | None, line: ProgressLine | None, as_json: bool,
) -> ExitCode:  # fmt: skip
    if what.endswith(".nc"):
        if overrides or hours is not None:
            raise InputError(
                "a plan is explained as it is", field="--set" if overrides else "--hours",
                value=", ".join(overrides) or str(hours), expected="neither with a plan",
                fix="run the changed case, and explain its plan",
            )  # fmt: skip
        plan, folder = Path(what), case_folder
    else:
        plan, folder = _solved(what, overrides, hours, out, line, as_json)
    from grid_opt.plan.explanation import FILE, write_explanation  # noqa: PLC0415
    from grid_opt.report.terminal_why import print_explanation  # noqa: PLC0415
    from grid_opt.study.explain.conduct import Limits, explain_plan  # noqa: PLC0415

    found = explain_plan(plan, regions=regions, limits=Limits(*limits), case_folder=folder, progress=line)
    target = (out if out is not None else plan.parent) / FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    write_explanation(found.explanation, target)
    code = ExitCode.INTERRUPTED if found.interrupted else ExitCode.DONE
    if as_json:
        print_json({**found.explanation.to_dict(), "written": str(target), "exit_code": int(code)})
        return code
    print_explanation(found.explanation, make_console())
    print_path("written", target)
    if target.parent == plan.parent:
        tell("`grid-opt map` and `grid-opt report` show it on their pages from now on")
    return code


def _solved(
    case: str, overrides: list[str], hours: Path | None, out: Path | None, line: ProgressLine | None, as_json: bool
) -> tuple[Path, Path]:
    """Solve a case; return its plan, and the folder of its file."""
    from grid_opt.study.cases import resolve_case  # noqa: PLC0415

    del as_json
    asked = resolve_case(case, overrides, hours)
    from grid_opt.study.explain.case import plan_of  # noqa: PLC0415

    return plan_of(asked, out=out, progress=line)
