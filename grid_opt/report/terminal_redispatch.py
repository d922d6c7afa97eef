"""Print what the full year says of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grid_opt.report.terminal import COST_WORDS
from grid_opt.units import USD_PER_MUSD

_SHOWN_DAYS = 5
_SHOWN_MUSD = 0.0005


def print_redispatch(found: Mapping[str, Any], console: Console) -> None:
    """Print the costs by item, the regions, and the days on which the plan is most wrong."""
    console.print(_items(found))
    console.print(_regions(found))
    console.print(_days(found))
    for line in lines(found):
        console.print(Text(line))


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return the main findings, one a line."""
    off, share = found["difference_usd"] / USD_PER_MUSD, found["difference_percent"]
    told = [
        f"Full year less representative days: {off:+,.3f} million USD, {share:+.2f} % of operation, "
        f"{found['difference_percent_of_plan']:+.3f} % of the plan.",
        f"Day by day the plan is off by {found['daily_error_percent']:.1f} % of the cost of power, signs aside.",
        f"Its own days, run again, differ from the plan by {found['replay_difference_usd']:,.2f} USD.",
    ]
    unserved = sum(found["unserved_mwh"].values())
    told.append(f"Load that no power reaches: {unserved:,.3f} MWh.")
    told += [f"Missed at a penalty: {name} by {amount:,.6g}." for name, amount in found["shortfalls"].items() if amount]
    if found.get("add_days"):
        told.append("Days to add: " + ", ".join(found["add_days"]))
    told.append(
        f"{found['rows']:,} rows and {found['columns']:,} columns in {found['seconds']:.0f} s, "
        f"{found['workers']} process{'es' if found['workers'] > 1 else ''}, "
        f"{found['peak_memory_mb'] / 1024:.1f} GB of memory at most."
    )
    return told


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for n, heading in enumerate(headings):
        table.add_column(heading, justify="left" if n == 0 else "right")
    return table


def _musd(usd: float, *, signed: bool = False) -> str:
    return f"{usd / USD_PER_MUSD:+,.3f}" if signed else f"{usd / USD_PER_MUSD:,.3f}"


def _items(found: Mapping[str, Any]) -> Table:
    table = _table("million USD, present value", "full year", "representative", "difference")
    for term, one in found["costs_usd"].items():
        if max(abs(one["full_year"]), abs(one["representative"])) >= _SHOWN_MUSD * USD_PER_MUSD:
            words = {"forgone": "Worth of tokens not served (no outlay)"}.get(term, COST_WORDS.get(term, term))
            table.add_row(Text(words), _musd(one["full_year"]), _musd(one["representative"]),
                          _musd(one["difference"], signed=True))  # fmt: skip
    return table


def _regions(found: Mapping[str, Any]) -> Table:
    table = _table("power by region, million USD", "full year", "representative", "difference", "by day, signs aside",
                   "highest month by declared")  # fmt: skip
    for region, one in found["by_region"].items():
        table.add_row(
            Text(region), _musd(one["power_usd"]), _musd(one["power_usd_representative"]),
            _musd(one["difference_usd"], signed=True), _musd(one["daily_error_usd"]),
            f"{100 * one['highest_month_share_of_declared']:.0f} %",
        )  # fmt: skip
    return table


def _days(found: Mapping[str, Any]) -> Table:
    table = _table("days most wrong, million USD", "stood for by", "full year", "representative", "signs aside")
    for one in found["worst_days"][:_SHOWN_DAYS]:
        table.add_row(one["day"], one["stood_for_by"], _musd(one["full_usd"]), _musd(one["representative_usd"]),
                      _musd(one["error_usd"]))  # fmt: skip
    return table
