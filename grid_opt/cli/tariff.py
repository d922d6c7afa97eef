"""Commands of tariffs: list, show and bill them, and import one of the Utility Rate Database."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grid_opt.cli.common import JsonOption, print_json, print_path, reporting, tell
from grid_opt.errors import InputError

if TYPE_CHECKING:
    from grid_opt.tariffs.bill import Bill
    from grid_opt.tariffs.schema import Tariff

app = typer.Typer(
    help="Tariffs of large loads: what is charged, and what a load pays.", no_args_is_help=True, rich_markup_mode=None
)
TariffArgument = Annotated[str, typer.Argument(metavar="TARIFF", help="A bundled name, or the path of a TOML file.")]
_KEY_VALUE = "a month and MW, such as 2026-07=180"


class Before(StrEnum):
    """What was before the load."""

    nothing = "nothing"
    same = "same"


@app.command("list")
def list_tariffs(as_json: JsonOption = False) -> None:
    """List the bundled tariffs, where they apply, and the sizes at which another schedule begins."""
    with reporting(as_json):
        from grid_opt.study.tariffs import size_limits  # noqa: PLC0415
        from grid_opt.tariffs.definitions import bundled_tariffs, load_tariff  # noqa: PLC0415

        found = [load_tariff(name) for name in bundled_tariffs()]
        if as_json:
            rows = [
                {
                    "name": t.name, "title": t.title, "utility": t.utility, "market": t.market,
                    "regions": t.regions, "size_limits_mw": size_limits(t),
                }
                for t in found
            ]  # fmt: skip
            print_json({"tariffs": rows, "exit_code": 0})
            return
        for t in found:
            tell(f"{t.name:<24}{t.market:<14}{t.title}")
            tell(f"{'':<24}{'':<14}{', '.join(t.regions) or 'no candidate region'}")


@app.command("show")
def show(tariff: TariffArgument, as_json: JsonOption = False) -> None:
    """Show every charge of a tariff with its figures, source and certainty."""
    with reporting(as_json):
        from grid_opt.study.tariffs import describe, size_limits  # noqa: PLC0415
        from grid_opt.tariffs.definitions import load_tariff  # noqa: PLC0415

        found = load_tariff(tariff)
        if as_json:
            values = found.model_dump()
            print_json(
                {"tariff": values, "charges": describe(found), "size_limits_mw": size_limits(found), "exit_code": 0}
            )
            return
        _print_tariff(found)


def _print_tariff(tariff: Tariff) -> None:
    from grid_opt.config.toml_text import toml_literal  # noqa: PLC0415
    from grid_opt.study.tariffs import describe, in_force, size_limits  # noqa: PLC0415

    tell(f"{tariff.title}\n  {tariff.utility}, {tariff.market}; clock of {tariff.timezone}")
    tell(f"  default for: {', '.join(tariff.regions) or 'no candidate region'}")
    if tariff.notes:
        tell(f"  notes: {tariff.notes}")
    rows = describe(tariff)
    for name, schedule in tariff.schedules.items():
        tell(f"\n{name}: {schedule.title} ({in_force(schedule)})")
        tell(f"  {schedule.source} [{schedule.certainty}, {schedule.date}]")
        for row in (row for row in rows if row["schedule"] == name):
            tell(f"  {row['kind']} {row['charge']}")
            for key, value in row["terms"].items():
                tell(f"    {key} = {toml_literal(value)}")
            tell(f"    {row['source']} [{row['certainty']}, {row['date']}]")
            if row["needs_binaries"]:
                tell(f"    a model needs binaries: {row['needs_binaries']}")
    if limits := size_limits(tariff):
        tell(f"\nanother schedule begins at {', '.join(f'{mw:g}' for mw in limits)} MW of contract demand")


@app.command("bill")
def bill(
    tariff: TariffArgument,
    load: Annotated[
        Path | None,
        typer.Option("--load", metavar="FILE", help="CSV: time, load_mw, maybe price_usd_per_mwh and delivered_mw."),
    ] = None,
    mw: Annotated[float | None, typer.Option("--mw", min=0, help="A flat load [MW].")] = None,
    year: Annotated[
        int | None, typer.Option("--year", min=2000, max=2099, help="Year billed [default: all of FILE; flat: 2026].")
    ] = None,
    contract_mw: Annotated[
        float | None, typer.Option("--contract-mw", min=0, help="Contract demand [default: the highest load].")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="MONTH", help="Start of service [default: the first month].")
    ] = None,
    leaves: Annotated[
        str | None, typer.Option("--leaves", metavar="MONTH", help="First month without service [default: stays].")
    ] = None,
    before: Annotated[
        Before, typer.Option("--before", help="Demand before: nothing, or the same as in the first twelve months.")
    ] = Before.nothing,
    peak: Annotated[
        list[str] | None, typer.Option("--peak", metavar="MONTH=MW", help="Highest demand of an earlier month.")
    ] = None,
    price: Annotated[float | None, typer.Option("--price", help="Flat wholesale price [USD/MWh].")] = None,
    delivered_mw: Annotated[
        float | None,
        typer.Option("--delivered-mw", min=0, help="A flat part of the load that contracts with others deliver [MW]."),
    ] = None,
    wrap: Annotated[bool, typer.Option("--wrap", help="Fill the local year from the other end of FILE.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the lines of the bill as CSV.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the lines of the bill as CSV.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bill a load month by month, line by line.

    Times of FILE are UTC or carry an offset; months, days and hours are by the tariff's local clock. Capacity prices
    are those of data/capacity_prices.csv.
    """
    with reporting(as_json):
        from grid_opt.atomic import write_text  # noqa: PLC0415
        from grid_opt.report.csv_text import to_csv  # noqa: PLC0415
        from grid_opt.study.tariffs import bill_year  # noqa: PLC0415
        from grid_opt.tariffs.context import Context  # noqa: PLC0415
        from grid_opt.tariffs.definitions import load_tariff  # noqa: PLC0415

        if as_csv and as_json:
            raise InputError("text of two kinds", field="--csv", expected="--csv or --json, not both")
        found = load_tariff(tariff)
        context = Context(
            contract_mw=contract_mw, start=start, leaves=leaves, before=before.value, peaks_mw=_peaks(peak or [])
        )
        done = bill_year(found, context, mw=mw, file=load, year=year, price=price, delivered_mw=delivered_mw, wrap=wrap)
        text = to_csv(done.lines)
        if out is not None:
            write_text(out, text)
        if as_json:
            _print_bill_json(done, out)
        elif as_csv:
            tell(text, nl=False)
        else:
            _print_bill(done, out)


def _peaks(texts: list[str]) -> dict[str, float]:
    from grid_opt.tariffs.context import ordinal_of  # noqa: PLC0415

    found = {}
    for text in texts:
        month, _, mw = text.partition("=")
        ordinal_of(month, "--peak")
        try:
            found[month] = float(mw)
        except ValueError:
            raise InputError("not a demand", field="--peak", value=text, expected=_KEY_VALUE) from None
        if not 0 <= found[month] < 1e6:
            raise InputError("not a demand", field="--peak", value=text, expected=_KEY_VALUE)
    return found


def _print_bill(done: Bill, out: Path | None) -> None:
    tell(f"{done.tariff}: USD by month and charge")
    energy = float(done.energy_mwh.sum())
    costs = done.charges()
    rows = {" ".join(map(str, key)): float(usd) for key, usd in zip(costs.index, costs, strict=True)} | {
        "all": done.usd
    }
    width = max(len(name) for name in rows) + 2
    tell(f"{'':<{width}}{'USD':>18}{'USD/MWh':>10}")
    for name, usd in rows.items():
        tell(f"{name:<{width}}{usd:>18,.2f}" + (f"{usd / energy:>10,.2f}" if energy else f"{'-':>10}"))
    if delivered := _delivered_mwh(done):
        tell(f"\n{delivered:,.1f} MWh of {energy:,.1f} are delivered under contracts with others")
    tell("\nmonth          USD")
    for month, usd in done.months().items():
        tell(f"{month}{usd:>18,.2f}")
    for row in done.lines[done.lines["cash"]].itertuples():
        tell(f"cash: {row.month} {row.charge} {row.part} {row.usd:,.2f}")
    for note in done.notes:
        tell(f"note: {note}")
    if out is not None:
        print_path("written", out)


def _delivered_mwh(done: Bill) -> float:
    """Return the energy on the lines that give back wholesale energy [MWh]; those of one hour are told once."""
    lines = done.lines[(done.lines["kind"] == "indexed") & (done.lines["part"] == "delivered")]
    return float(lines.groupby(["month", "charge"])["quantity"].sum().groupby("month").max().sum())


def _print_bill_json(done: Bill, out: Path | None) -> None:
    rows = [{str(key): value for key, value in row.items()} for row in done.lines.to_dict("records")]
    print_json(
        {
            "tariff": done.tariff,
            "usd": done.usd,
            "energy_mwh": float(done.energy_mwh.sum()),
            "delivered_mwh": _delivered_mwh(done),
            "months": {str(month): usd for month, usd in done.months().items()},
            "lines": rows,
            "columns": done.lines.attrs["columns"],
            "notes": list(done.notes),
            "written": None if out is None else str(out),
            "exit_code": 0,
        }
    )


@app.command("import")
def import_rate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A rate of OpenEI's Utility Rate Database, as JSON.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The TOML file to write; its name names it.")],
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="Local clock; the database has none. America/Chicago.")
    ],
    market: Annotated[str, typer.Option("--market", help="Market or operator; the database has none.")] = "unknown",
    first_month: Annotated[
        str | None, typer.Option("--first-month", metavar="MONTH", help="In force from [default: the startdate].")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn a rate of the Utility Rate Database into a tariff file.

    What the file cannot say is refused, or named in its notes and below.
    """
    with reporting(as_json):
        from grid_opt.atomic import write_text  # noqa: PLC0415
        from grid_opt.tariffs.definitions import tariff_to_toml  # noqa: PLC0415
        from grid_opt.tariffs.urdb import import_urdb  # noqa: PLC0415

        if out.exists() and not overwrite:
            raise InputError("the file is there already", field="--out", value=out, fix="--overwrite, or another name")
        found = import_urdb(
            file, name=out.name.removesuffix(".toml"), timezone=timezone, market=market, first_month=first_month
        )
        write_text(out, tariff_to_toml(found, f"Imported from {file.name}."))
        notes = [note for note in found.notes.splitlines() if note]
        if as_json:
            print_json({"written": str(out), "notes": notes, "exit_code": 0})
            return
        for note in notes:
            tell(f"note: {note}")
        print_path("written", out)
