"""Assemble the commands. Heavy libraries are imported inside the commands, so that help is immediate."""

from __future__ import annotations

from typing import Annotated

import typer

import grid_opt
from grid_opt.cli import (
    compute,
    doctor,
    explain,
    network,
    outputs,
    redispatch,
    runs,
    start,
    stochastic,
    sweep,
    tariff,
    tradeoffs,
)

_HELP = """\
Decide where, when and how AI-inference compute is built and powered.

Start with `grid-opt doctor`, then `grid-opt run quick`. Every command takes --json.

Exit codes: 0 done; 2 bad usage or bad input; 3 infeasible; 4 a plan without the asked gap;
5 no plan, solver failure or full disk; 6 verification failed; 130 interrupted.
"""

app = typer.Typer(
    name="grid-opt",
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich takes longer to load than all the rest of it
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"grid-opt {grid_opt.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Hold the options that stand before a command."""


app.command("run")(runs.run)
app.command("check")(runs.check)
app.command("verify")(runs.verify)
app.command("redispatch")(redispatch.redispatch)
app.command("sweep")(sweep.sweep)
app.command("batch")(sweep.batch)
app.command("resume")(sweep.resume)
app.command("sweep-report")(sweep.sweep_report)
app.command("pareto")(tradeoffs.pareto)
app.command("alternatives")(tradeoffs.alternatives)
app.command("stochastic")(stochastic.stochastic)
app.command("replay")(stochastic.replay)
app.command("explain")(explain.explain)
app.command("map")(outputs.draw_map)
app.command("report")(outputs.report)
app.command("compare")(outputs.compare)
app.command("export")(outputs.export)
app.command("new")(start.new)
app.command("doctor")(doctor.doctor)
app.add_typer(compute.app, name="compute")
app.add_typer(network.app, name="network")
app.add_typer(tariff.app, name="tariff")
