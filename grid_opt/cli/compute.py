"""Commands of the efficiency model: one operating point, the calibration table, frontiers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grid_opt.cli.common import JsonOption, print_json, print_path, reporting, tell
from grid_opt.errors import InfeasibleError, InputError

if TYPE_CHECKING:
    from grid_opt.compute.frontier import Curve
    from grid_opt.compute.operating import Wishes

app = typer.Typer(
    help="What a megawatt of each accelerator yields at a speed per user.", no_args_is_help=True, rich_markup_mode=None
)
_KEYS = (
    ("tok_s_user", "tokens/s per user", ",.1f"),
    ("output_tok_s_per_device", "output tokens/s per device", ",.1f"),
    ("total_tok_s_per_device", "tokens/s per device, prompts counted", ",.1f"),
    ("output_tok_s_per_system", "output tokens/s per system", ",.0f"),
    ("step_ms", "time of a step [ms]", ",.2f"),
    ("batch", "sequences in a replica", ",.1f"),
    ("devices_per_replica", "devices in a replica", ",.0f"),
    ("drawn_kw", "power drawn by a system [kW IT]", ",.2f"),
    ("provisioned_kw", "power provided for a system [kW IT]", ",.2f"),
    ("utility_kw", "the same at the meter [kW]", ",.2f"),
    ("joule_per_token", "energy per output token [J]", ",.3f"),
    ("usd_per_mtok", "cost of a million output tokens [USD]", ",.3f"),
)
_SHOWN = (20.0, 50.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0, 2000.0)


class Choice(StrEnum):
    """Whether tokens are drafted."""

    on = "on"
    off = "off"
    best = "best"


class Where(StrEnum):
    """Where prompts are prefilled."""

    shared = "shared"
    pool = "pool"
    decode = "decode"
    best = "best"


class Digits(StrEnum):
    """Number formats of the weights."""

    fp16 = "fp16"
    fp8 = "fp8"
    fp4 = "fp4"


InputTokens = Annotated[float | None, typer.Option("--input-tokens", help="Mean prompt [default: the workload's].")]
OutputTokens = Annotated[float | None, typer.Option("--output-tokens", help="Mean answer [default: the workload's].")]
PrecisionOption = Annotated[Digits | None, typer.Option("--precision", help="Weights [default: the workload's].")]
SpeculativeOption = Annotated[Choice, typer.Option("--speculative", help="Draft tokens; best: whichever gives more.")]
PrefillOption = Annotated[
    Where,
    typer.Option(
        "--prefill", help="shared: on the same devices; pool: on devices of their own, counted; decode: not counted."
    ),
]
SystemsOption = Annotated[
    int | None,
    typer.Option("--systems", help="Systems that a replica may span; with --batch, and of wafers, does span."),
]
YearOption = Annotated[int | None, typer.Option("--year", help="Year of the software [default: as measured, 2026].")]

StackOption = Annotated[
    float | None,
    typer.Option("--stack-months", help="Months since the model was first supported there [default: a mature stack]."),
]


@app.command("point")
def point(
    accelerator: Annotated[str, typer.Argument(help="A bundled name, or the path of a TOML file.")],
    workload: Annotated[str, typer.Argument(help="A bundled name, or the path of a TOML file.")],
    tok_s_user: Annotated[float | None, typer.Option("--tok-s-user", help="Least tokens/s per user.")] = None,
    batch: Annotated[float | None, typer.Option("--batch", help="Sequences in a replica.")] = None,
    systems: SystemsOption = None,
    devices: Annotated[int | None, typer.Option("--devices", help="Devices in a replica, exactly.")] = None,
    input_tokens: InputTokens = None,
    output_tokens: OutputTokens = None,
    precision: PrecisionOption = None,
    speculative: SpeculativeOption = Choice.off,
    prefill: PrefillOption = Where.shared,
    year: YearOption = None,
    stack_months: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute one operating point: at a speed, at a batch, or of most output per device.

    By default nothing is drafted and prompts share the devices, as in most published measurements; `best` takes
    whichever gives more.
    """
    with reporting(as_json):
        from grid_opt.compute.definitions import load_accelerator, load_workload  # noqa: PLC0415
        from grid_opt.compute.operating import operating_point  # noqa: PLC0415

        wishes = _wishes(
            precision, input_tokens, output_tokens, speculative, prefill, systems, devices, year, stack_months
        )
        with _naming(accelerator, workload):
            machine, work = load_accelerator(accelerator), load_workload(workload)
            found = operating_point(machine, work, tok_s_user=tok_s_user, batch=batch, wishes=wishes)
        if as_json:
            print_json({"accelerator": machine.name, "workload": work.name, **found, "exit_code": 0})
            return
        tell(f"{machine.title}, {work.title}")
        for key, label, style in _KEYS:
            tell(f"  {label:<40}{found[key]:>14{style}}")


@app.command("table")
def table(as_json: JsonOption = False) -> None:
    """Print the model against every published point, as on the calibration page."""
    with reporting(as_json):
        from grid_opt.compute.calibration import compare, load_points, summarize  # noqa: PLC0415

        found = compare(load_points())
        groups = {group: [item for item in found if item.point.group == group] for group in ("fit", "held")}
        if as_json:
            rows = [
                {
                    "name": item.point.name,
                    "set": item.point.group,
                    "measure": item.point.measure,
                    "published": item.point.published,
                    "modeled": item.modeled,
                    "error": item.error,
                }
                for item in found
            ]
            print_json({"points": rows, **{g: vars(summarize(items)) for g, items in groups.items()}, "exit_code": 0})
            return
        for group, title in (("fit", "Fitted"), ("held", "Held out")):
            tell(f"{title}\n{'':<58}{'published':>12}{'model':>12}{'error':>8}")
            for item in groups[group]:
                row = f"{item.point.published:>12,.1f}{item.modeled:>12,.1f}{item.error:>+8.0%}"
                tell(f"{item.point.name:<58}{row}")
            s = summarize(groups[group])
            tell(
                f"{s.points} points: median error {s.median:.1%}, geometric mean {s.geometric_mean:.1%}, "
                f"{s.beyond_two} off by more than a factor of two\n"
            )


@app.command("frontier")
def frontier(
    accelerator: Annotated[
        list[str] | None, typer.Option("--accelerator", "-a", help="[default: all supported]")
    ] = None,
    workload: Annotated[list[str] | None, typer.Option("--workload", "-w", help="[default: gpt-oss-120b]")] = None,
    out: Annotated[
        list[Path] | None, typer.Option("--out", metavar="FILE", help="Write FILE.png, .html, .csv or .nc; repeatable.")
    ] = None,
    input_tokens: InputTokens = None,
    output_tokens: OutputTokens = None,
    precision: PrecisionOption = None,
    speculative: SpeculativeOption = Choice.best,
    prefill: PrefillOption = Where.best,
    year: YearOption = None,
    stack_months: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trace tokens/s per MW, energy, cost and chain time along the speed per user; print, plot, export."""
    with reporting(as_json):
        from grid_opt.compute.frontier import curves  # noqa: PLC0415
        from grid_opt.report.frontier import check_target, write_frontier  # noqa: PLC0415

        targets = [check_target(path) for path in out or []]
        wishes = _wishes(precision, input_tokens, output_tokens, speculative, prefill, None, None, year, stack_months)
        with _naming(*(accelerator or ["the accelerators"])[:1], *(workload or ["gpt-oss-120b"])[:1]):
            found = curves(list(accelerator or []), list(workload or ["gpt-oss-120b"]), wishes)
        for target in targets:
            write_frontier(found, target)
        if as_json:
            rows = [row for item in found for row in item.rows()]
            print_json({"points": rows, "written": [str(target) for target in targets], "exit_code": 0})
            return
        _print_frontier(found)
        for target in targets:
            print_path("written", target)


def _print_frontier(found: list[Curve]) -> None:
    """Print lines of fixed width, which no terminal breaks into cells."""
    import numpy as np  # noqa: PLC0415

    tell("Output tokens/s per MW at the meter, at full load, at so many tokens/s per user or more\n")
    tell(f"{'':<34}" + "".join(f"{speed:>12,.0f}" for speed in _SHOWN))
    for item in found:
        known = np.isfinite(item.tok_s_per_mw)
        cells = []
        for speed in _SHOWN:
            reached = (item.floors[known] >= speed).any()
            value = np.interp(np.log(speed), np.log(item.floors[known]), item.tok_s_per_mw[known]) if reached else 0.0
            cells.append(f"{value:>12,.0f}" if reached else f"{'-':>12}")
        tell(f"{item.accelerator.name + ', ' + item.workload.name:<34}" + "".join(cells))


def _wishes(
    precision: Digits | None,
    input_tokens: float | None,
    output_tokens: float | None,
    speculative: Choice,
    prefill: Where,
    systems: int | None,
    devices: int | None,
    year: int | None,
    stack_months: float | None,
) -> Wishes:
    from grid_opt.compute.operating import Wishes  # noqa: PLC0415

    return Wishes(
        precision=precision.value if precision else None,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        speculative=speculative.value,
        prefill=prefill.value,
        systems=systems,
        devices=devices,
        year=year,
        stack_months=stack_months,
    )


@contextmanager
def _naming(accelerator: str, workload: str) -> Iterator[None]:
    """Name the file in an error that a definition caused; options have no file."""
    try:
        yield
    except InputError as error:
        options = {"tok_s_user", "batch", "input_tokens", "output_tokens", "systems", "devices", "year", "stack_months"}
        if error.file is not None or error.field is None or error.field in options:
            raise
        name = workload if error.field.startswith(("architecture", "chain")) else accelerator
        raise InputError(
            error.problem,
            file=name,
            field=error.field,
            value=error.value,
            expected=error.expected,
            fix=error.fix,
        ) from None
    except InfeasibleError as error:
        raise InfeasibleError(f"file {accelerator} with {workload}, {error}") from None
