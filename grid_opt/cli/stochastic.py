"""Commands that plan for scenarios: one first stage for all of them, and a first stage replayed in others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from grid_opt.cli.common import JsonOption, make_console, print_json, print_path, reporting, tell
from grid_opt.cli.runs import HoursOption, PlanArgument, SetOption
from grid_opt.cli.tradeoffs import OutOption, QuietOption, print_rows, progress_line

StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of a bundled stochastic study, or a study file (TOML).")
]
CaseOption = Annotated[
    str | None, typer.Option("--case", metavar="CASE", help="Base case instead of the one that the file names.")
]


def stochastic(
    file: StudyArgument,
    case: CaseOption = None,
    set_: SetOption = None,
    hours: HoursOption = None,
    out: OutOption = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Validate everything and print the scenarios.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Decide what cannot wait before the scenario is known: expected cost, tail, and what knowing would be worth."""
    with reporting(as_json):
        from grid_opt.study.stochastic import study  # noqa: PLC0415

        with progress_line(quiet) as line:
            if dry:
                rows = study.dry_run(file, case=case, overrides=set_ or (), hours=hours, progress=line)
            else:
                found = study.stochastic(file, case=case, overrides=set_ or (), hours=hours, out=out, progress=line)
        code = _print_dry(rows, as_json) if dry else _print_found(found, quiet, as_json)
    raise typer.Exit(code)


def _print_dry(rows: list[dict[str, Any]], as_json: bool) -> int:
    if as_json:
        print_json({"scenarios": rows, "exit_code": 0})
    else:
        print_rows(rows)
        tell(f"{len(rows)} scenarios; nothing was run")
    return 0


def _print_found(found: dict[str, Any], quiet: bool, as_json: bool) -> int:
    if as_json:
        print_json(found)
    else:
        from grid_opt.report.terminal_risk import print_stochastic  # noqa: PLC0415

        if not quiet:
            print_stochastic(found, make_console())
        report = found["verification"]
        said = f"verified: {report['held']} checks of the study hold, and every plan passes its own"
        if not report["ok"]:
            said = f"verification FAILED: {', '.join(report['failed'])}"
        tell(said, err=not report["ok"])
        if found["exit_code"] == 4:
            tell("the plans are feasible, but a search ended before the asked gap was reached (exit 4)", err=True)
        print_path("results", found["folder"])
    return int(found["exit_code"])


def replay(
    plan: PlanArgument,
    file: StudyArgument,
    case: CaseOption = None,
    set_: SetOption = None,
    hours: HoursOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of results [default: replay beside the plan].")
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Keep what a plan decides ahead in every scenario of a study, and tell what that costs."""
    with reporting(as_json):
        from grid_opt.study.stochastic import study  # noqa: PLC0415

        with progress_line(quiet) as line:
            found = study.replay(plan, file, case=case, overrides=set_ or (), hours=hours, out=out, progress=line)
        if as_json:
            print_json(found)
        else:
            if not quiet:
                print_rows(found["scenarios"])
            if found["expected_cost_musd"] is None:
                tell("what the plan decides ahead cannot be kept in every scenario", err=True)
            else:
                mean, tail = found["expected_cost_musd"], found["conditional_value_at_risk_musd"]
                tell(f"expected cost {mean:,.2f} million USD, conditional value at risk {tail:,.2f}")
            print_path("results", found["folder"])
    raise typer.Exit(int(found["exit_code"]))
