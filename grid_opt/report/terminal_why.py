"""Show on a terminal why a plan stands where it stands, and what would mend a case that has no plan."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grid_opt.plan.explanation import Explanation, Reason
from grid_opt.report.words import plain, short

_MONEY = "million USD"


def print_explanation(found: Explanation, console: Console) -> None:
    """Print the regions chosen with what they save, the others with their regret, and the sentences of each."""
    for chosen in (True, False):
        some = [reason for reason in found.reasons if reason.chosen == chosen]
        if some:
            console.print(_table(some, found.unit, chosen))
    for reason in found.reasons:
        console.print(Text(f"{plain(reason.region, 24)}: ", style="bold") + Text(plain(reason.words, 1200)))
    for note in found.notes:
        console.print(Text(f"Note: {plain(note, 400)}", style="dim"))


def _table(reasons: list[Reason], unit: str, chosen: bool) -> Table:
    what = "Chosen: what each region saves" if chosen else "Not chosen: what forcing each region in would cost"
    title = f"{what}, {unit if unit == _MONEY else '% of all tokens'}"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Region", no_wrap=True)
    table.add_column("Name", no_wrap=True, overflow="ellipsis")
    table.add_column("Saving" if chosen else "Regret", justify="right", no_wrap=True)
    for heading in ("Estimate", "At least", "At most"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Known by", no_wrap=True)
    for reason in reasons:
        table.add_row(*map(Text, _cells(reason, unit, chosen)))
    return table


def _cells(reason: Reason, unit: str, chosen: bool) -> Iterator[str]:
    yield plain(reason.region, 12)
    yield short(reason.name, 28)
    if reason.state == "impossible":
        yield from ("needed" if chosen else "none fits", "", "", "", reason.method)
    else:
        for value in (reason.difference, reason.estimate, reason.at_least, reason.at_most):
            yield _number(value, unit)
        yield reason.method


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:,.1f}" if unit == _MONEY else f"{1e-4 * value:,.4f}"
