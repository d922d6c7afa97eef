"""Commands that solve, check and verify."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grid_opt.cli.common import JsonOption, make_console, print_json, print_path, reporting, tell
from grid_opt.errors import ExitCode

if TYPE_CHECKING:
    from grid_opt.verify import Report

DEFAULT_CASE = "us_750mw"

CaseArgument = Annotated[str, typer.Argument(help="Name of a bundled case, or the path of a case file (TOML).")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one knob, e.g. campus.hall_mw=12. May be repeated."),
]
HoursOption = Annotated[
    Path | None,
    typer.Option("--hours", metavar="FILE", help="Real hours (NetCDF or CSV, UTC) instead of generated ones."),
]
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN.nc", help="A plan written by `grid-opt run`.")]

CaseFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--case-folder",
        metavar="DIR",
        help="Folder of the case file, from which tables and hours of its own are found [default: the working folder].",
    ),
]


def run(
    case: CaseArgument = DEFAULT_CASE,
    set_: SetOption = None,
    hours: HoursOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of results [default: outputs/<case>].")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option("--time-limit", metavar="SECONDS", help="Longest search; the best plan by then is kept."),
    ] = None,
    gap: Annotated[
        float | None,
        typer.Option("--gap", metavar="SHARE", help="Stop within this share of the bound, e.g. 0.005."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", metavar="PLAN.nc", help="Begin with a plan of a case that is much the same."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no summary.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Solve a case, verify the plan, and write the plan folder."""
    with reporting(as_json):
        from grid_opt.cli.progress import ProgressLine  # noqa: PLC0415
        from grid_opt.study.cases import resolve_case  # noqa: PLC0415

        overrides = [*(set_ or ())]
        overrides += [] if time_limit is None else [f"solve.time_limit_s={time_limit}"]
        overrides += [] if gap is None else [f"solve.gap={gap}"]
        asked = resolve_case(case, overrides, hours)  # before the libraries that solve it are loaded
        from grid_opt.study.run import run as run_case  # noqa: PLC0415

        gc.collect()
        gc.freeze()  # half a million objects of the libraries, which stay: not to be looked through time and again
        line = None if quiet else ProgressLine()
        try:
            result = run_case(asked, out=out, progress=line, start=start)
        finally:
            if line is not None:
                line.close()
        if as_json:
            print_json(
                {
                    "exit_code": int(result.exit_code),
                    "folder": str(result.folder),
                    "summary": result.summary,
                    "verification": result.report.to_dict(),
                }
            )
        elif not quiet:
            from grid_opt.report.terminal import print_summary  # noqa: PLC0415

            print_summary(result.summary, make_console())
        if not as_json:
            _say_how_it_ended(int(result.exit_code), result.report)
            print_path("results", result.folder)
    raise typer.Exit(int(result.exit_code))


def check(
    case: CaseArgument = DEFAULT_CASE,
    set_: SetOption = None,
    hours: HoursOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate a case and everything it reads, without solving; print sizes and warnings."""
    with reporting(as_json):
        from grid_opt.study.cases import resolve_case  # noqa: PLC0415

        asked = resolve_case(case, set_ or (), hours)
        from grid_opt.study.check import check as check_case  # noqa: PLC0415

        found = check_case(asked)
        if as_json:
            print_json({**found, "exit_code": 0})
            return
        for name, value in found.items():
            if name != "warnings":
                tell(f"{name:<12} {value:>12,}" if isinstance(value, int) else f"{name:<12} {value!s:>12}")
        for warning in found.get("warnings", ()):
            tell(f"warning: {warning}")
        tell("the case is valid")


def verify(
    plan: PlanArgument,
    second_solver: Annotated[
        bool,
        typer.Option("--second-solver", help="Solve the case again with SCIP and compare (extra: second-solver)."),
    ] = False,
    case_folder: CaseFolderOption = None,
    every: Annotated[bool, typer.Option("--all", help="Print every check, not only those that fail.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Recompute every input, limit, bill and total of a plan, of a re-dispatch, or of a stochastic study's folder."""
    with reporting(as_json):
        from grid_opt.plan.redispatch import is_redispatch  # noqa: PLC0415
        from grid_opt.plan.stochastic import is_stochastic  # noqa: PLC0415
        from grid_opt.verify import verify as verify_plan  # noqa: PLC0415

        if is_stochastic(plan):
            report = _verify_stochastic(plan, second_solver, case_folder)
        elif is_redispatch(plan):
            report = _verify_redispatch(plan, second_solver, case_folder)
        else:
            report = verify_plan(plan, case_folder=case_folder)
        second: dict[str, Any] | None = None
        if second_solver:
            from grid_opt.study.second import second_solver as solve_again  # noqa: PLC0415

            second = solve_again(plan)
        agrees = second is None or bool(second["agrees"])
        code = ExitCode.DONE if report.ok and agrees else ExitCode.VERIFICATION_FAILED
        if as_json:
            told = {} if second is None else {"second_solver": second}
            print_json({**report.to_dict(), **told, "exit_code": int(code)})
        else:
            _print_report(report, every)
            if second is not None:
                _print_second(second)
    raise typer.Exit(int(code))


def _verify_redispatch(path: Path, second_solver: bool, case_folder: Path | None) -> Report:
    from grid_opt.errors import InputError  # noqa: PLC0415
    from grid_opt.verify.redispatch import plan_beside, verify_redispatch  # noqa: PLC0415

    if second_solver:
        raise InputError(
            "a re-dispatch is not solved again", field="--second-solver", expected="a plan",
            fix="verify the plan with --second-solver, and the re-dispatch without",
        )  # fmt: skip
    return verify_redispatch(path, plan_beside(path), case_folder)


def _verify_stochastic(folder: Path, second_solver: bool, case_folder: Path | None) -> Report:
    from grid_opt.errors import InputError  # noqa: PLC0415
    from grid_opt.verify.risk import verify_stochastic  # noqa: PLC0415

    if second_solver:
        raise InputError(
            "a stochastic study is not solved again", field="--second-solver", expected="a plan",
            fix="verify a plan of the study with --second-solver, and the folder without",
        )  # fmt: skip
    return verify_stochastic(folder, case_folder)


def _say_how_it_ended(code: int, report: Report) -> None:
    if code == ExitCode.VERIFICATION_FAILED:
        tell(f"verification FAILED: {_one_line(report.worst)}", err=True)
        return
    tell(report.closing)
    if code == ExitCode.GAP_NOT_REACHED:
        tell("the plan is feasible, but the search ended before the asked gap was reached (exit 4)", err=True)
    elif code == ExitCode.INTERRUPTED:
        tell("interrupted: this is the best plan found until then (exit 130)", err=True)


def _one_line(check: Any) -> str:
    """Describe one check; ``None`` where there is none."""
    if check is None:
        return "no check was made"
    off = f"off by {check.violation:.6g} {check.unit}, allowed {check.tolerance:.3g}"
    return f"{check.name} at {check.place}: {off}"


def _print_report(report: Report, every: bool) -> None:
    """Print what fails, what could not be made and the closing line; ``every`` adds the table of all checks."""
    if every:
        _print_checks(report)
    else:
        for check in report.failed:
            tell(f"BROKEN: {_one_line(check)}")
    for warning in report.warnings:
        tell(f"note: {warning}")
    tell(report.closing, err=not report.ok)


def _print_checks(report: Report) -> None:
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for heading in ("check", "worst violation", "allowed", "unit", "where", ""):
        table.add_column(heading, justify="right" if heading in {"worst violation", "allowed"} else "left")
    for check in report.checks:
        made = check.state in {"holds", "broken"}
        table.add_row(
            escape(check.name),
            f"{check.violation:.3g}" if made else "",
            f"{check.tolerance:.3g}" if made else "",
            escape(check.unit),
            escape(check.place) if made else "",
            "[bold red]BROKEN[/]" if check.state == "broken" else check.state,
        )
    make_console().print(table)


def _print_second(second: dict[str, Any]) -> None:
    verdict = "agrees" if second["agrees"] else "DISAGREES"
    tell(
        f"second solver ({second['solver']}) {verdict}: {second['objective']:,.6f} million USD, "
        f"{second['difference']:+.6f} from the plan"
    )
