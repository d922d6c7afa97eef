"""Commands of power networks: the optimal power flow, and what new load the network hosts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grid_opt.cli.common import JsonOption, print_json, print_path, reporting, tell
from grid_opt.errors import ExitCode, InputError

if TYPE_CHECKING:
    import pandas as pd

    from grid_opt.solve.opf import PowerFlow
    from grid_opt.study.networks import HostingStudy, ZoneChoice

app = typer.Typer(
    help="Power networks: DC optimal power flow, and where new load fits.", no_args_is_help=True, rich_markup_mode=None
)
_SHOWN = 20
_LOADED = 0.999


class ConventionName(StrEnum):
    """How a branch becomes a line of the DC model."""

    powermodels = "powermodels"
    matpower = "matpower"


class StressName(StrEnum):
    """Stress hours of the zone tables."""

    summer = "summer"
    winter = "winter"


FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="MATPOWER case (.m), PyPSA network (.nc), or folder of zone tables.")
]
ConventionOption = Annotated[
    ConventionName,
    typer.Option("--convention", help="powermodels: b = x/(r^2+x^2), no taps or shifts; matpower: b = 1/(x tap)."),
]
YearOption = Annotated[int, typer.Option("--year", help="Zone tables: year of the surplus.")]
StressOption = Annotated[StressName, typer.Option("--stress", help="Zone tables: stress hour of the surplus.")]
ShareOption = Annotated[float, typer.Option("--link-share", help="Zone tables: share of the links' limits to use.")]


@app.command("opf")
def opf(
    file: FileArgument,
    convention: ConventionOption = ConventionName.powermodels,
    year: YearOption = 2028,
    stress: StressOption = StressName.summer,
    link_share: ShareOption = 0.2,
    as_json: JsonOption = False,
) -> None:
    """Find the cheapest dispatch that the network carries, and the price of power at every bus.

    The DC model of power flow; prices are the duals of the balance [USD/MWh]. Exit code 3 when no dispatch serves the
    load within all limits.
    """
    with reporting(as_json):
        from grid_opt.solve.opf import solve_opf  # noqa: PLC0415
        from grid_opt.study.networks import opf_answer, read_network  # noqa: PLC0415

        net = read_network(file, _zones(year, stress, link_share))
        flow = solve_opf(net, convention.value)
        code = ExitCode.DONE if flow.status == "optimal" else ExitCode.INFEASIBLE
        if flow.status != "optimal":
            reason = f"{file}: infeasible, no dispatch serves the load within all limits ({flow.reason})"
            tell(reason, err=True)
            solved: dict[str, object] = {"status": flow.status, "objective": None, "error": reason}
        else:
            solved = opf_answer(flow)
        if as_json:
            print_json({"file": str(file), **solved, "exit_code": int(code)})
        elif flow.status == "optimal":
            _print_flow(file, flow)
    if code is not ExitCode.DONE:
        raise typer.Exit(int(code))


@app.command("hosting")
def hosting(
    file: FileArgument,
    n_1: Annotated[
        bool, typer.Option("--n-1", help="Keep every branch within its limit after any one outage.")
    ] = False,
    bus: Annotated[
        list[str] | None, typer.Option("--bus", metavar="NAME", help="Only this bus. May be repeated.")
    ] = None,
    solves: Annotated[
        int | None,
        typer.Option(
            "--solves",
            min=0,
            help="Most linear programs [default: one a bus up to 1,000 buses (300 with --n-1), else 100].",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the table (.csv) or a map layer (.gpkg).")
    ] = None,
    convention: ConventionOption = ConventionName.matpower,
    year: YearOption = 2028,
    stress: StressOption = StressName.summer,
    link_share: ShareOption = 0.2,
    as_json: JsonOption = False,
) -> None:
    """Find the largest new load that the network carries at each bus alone.

    All other load stays served and generators are dispatched anew within their limits; with --n-1 every branch also
    stays within its limit after the outage of any one other, at the same dispatch. `hosting` can be carried, `at most`
    cannot be exceeded; where a linear program has settled a bus the two are one.
    """
    with reporting(as_json):
        from grid_opt.report.hosting import check_target, write_hosting  # noqa: PLC0415
        from grid_opt.study.networks import read_network, study_hosting  # noqa: PLC0415

        if out is not None:
            check_target(out)
        net = read_network(file, _zones(year, stress, link_share))
        study = study_hosting(net, convention.value, n_1=n_1, buses=tuple(bus or ()), solves=solves)
        if out is not None:
            write_hosting(study.table, out)
        if as_json:
            _print_hosting_json(file, study, out)
            return
        _print_hosting(file, study)
        if out is not None:
            print_path("written", out)


def _zones(year: int, stress: StressName, share: float) -> ZoneChoice:
    from grid_opt.study.networks import ZoneChoice  # noqa: PLC0415

    if not 0 < share <= 1:
        raise InputError("not a share", field="--link-share", value=share, expected="above 0 and at most 1")
    return ZoneChoice(year, stress.value, share)


def _print_flow(file: Path, flow: PowerFlow) -> None:
    import numpy as np  # noqa: PLC0415

    net, lines = flow.net, flow.grid.lines
    tell(f"{file}: optimal in the convention {flow.convention}")
    tell(f"  cost of generation  {flow.objective:>16,.4f} USD/h")
    tell(f"  generation          {flow.dispatch_mw.sum():>16,.2f} MW")
    tell(f"  load and shunts     {net.demand_mw.sum():>16,.2f} MW")
    low, middle, high = (float(f(flow.price)) for f in (np.min, np.median, np.max))
    tell(f"  prices              {low:,.3f} to {high:,.3f}, median {middle:,.3f} USD/MWh")
    full = (flow.flow_mw >= _LOADED * lines.high_mw) | (flow.flow_mw <= _LOADED * lines.low_mw)
    full &= np.abs(flow.flow_mw) > 0
    tell(f"  branches at a limit {int(full.sum()):>16,d} of {len(full):,d}")
    for number in np.flatnonzero(full)[:_SHOWN].tolist():
        tell(f"    {net.branches.name[number]:<30}{flow.flow_mw[number]:>12,.2f} MW")
    if full.sum() > _SHOWN:
        tell("    ... --json lists every flow")
    for note in net.notes:
        tell(f"  note: {note}")


def _print_hosting(file: Path, study: HostingStudy) -> None:
    secured = ", after any one outage" if study.n_1 else ""
    tell(f"{file}: largest new load at one bus alone{secured}; convention {study.convention}")
    table = study.table.sort_values("hosting_mw", ascending=False, kind="stable")
    tell(f"  {'bus':<14}{'hosting MW':>12}{'at most MW':>12}  limited by")
    for row in table.head(_SHOWN).itertuples():
        tell(f"  {row.bus:<14}{row.hosting_mw:>12,.1f}{row.at_most_mw:>12,.1f}  {row.limited_by}")
    if len(table) > _SHOWN:
        tell(f"  ... and {len(table) - _SHOWN:,d} more; --out FILE.csv writes all")
    tell(f"  exact at {study.exact:,d} of {len(table):,d} buses, by {study.solved:,d} linear programs")
    if study.n_1:
        tell(
            f"  not looked at: outages of {study.bridges:,d} branches that would cut the network in two, and "
            f"{study.already_over:,d} pairs of branch and outage that are over their limit without new load"
        )
    for note in study.notes:
        tell(f"  note: {note}")


def _print_hosting_json(file: Path, study: HostingStudy, out: Path | None) -> None:
    rows = _records(study.table)
    print_json(
        {
            "file": str(file),
            "status": "optimal",
            "convention": study.convention,
            "n_1": study.n_1,
            "hosting": rows,
            "units": {"hosting_mw": "MW", "at_most_mw": "MW", "base_mw": "MW"},
            "exact_buses": study.exact,
            "linear_programs": study.solved,
            "pairs_already_over": study.already_over,
            "outages_that_split": study.bridges,
            "seconds": study.seconds,
            "notes": list(study.notes),
            "written": None if out is None else str(out),
            "exit_code": 0,
        }
    )


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
