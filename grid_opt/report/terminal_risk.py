"""Print what a stochastic study found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from grid_opt.plan.stochastic import SEARCH

KIND_WORDS: Final = {
    "sites": "campuses",
    "requests": "requests for grid service",
    "studies": "offers taken",
    "orders": "equipment ordered",
    "contracts": "contracts signed",
}


def print_stochastic(found: Mapping[str, Any], console: Console) -> None:
    """Print the scenarios by what they cost, what is decided now, and what deciding so is worth."""
    console.print(scenario_table(found))
    console.print(stage_table(found))
    for line in lines(found):
        console.print(Text(line))


def scenario_table(found: Mapping[str, Any]) -> Table:
    """Return one row per scenario: its cost with the common first stage, by itself, and with the reference's."""
    table = Table(
        box=SIMPLE_HEAD, pad_edge=False, title="Scenarios, million USD of present value", title_justify="left"
    )
    for n, heading in enumerate(
        ("scenario", "probability", "cost", "if known", "regret", "reference kept", "IT MW at the end")
    ):
        table.add_column(heading, justify="left" if n in (0, 6) else "right", overflow="fold")
    for row in found["scenarios"]:
        table.add_row(
            escape(row["scenario"]), f"{row['probability']:.3g}", musd(row["cost_musd"]),
            musd(row["wait_and_see_musd"]), musd(row["regret_musd"]), musd(row["reference_kept_musd"], "cannot"),
            escape(row["sites"]),
        )  # fmt: skip
    return table


def stage_table(found: Mapping[str, Any]) -> Table:
    """Return what is decided now, beside what a plan for the reference alone would decide."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="Decided now", title_justify="left")
    for n, heading in enumerate(("choice", "of", "for all scenarios", f"for {found['reference']} alone")):
        table.add_column(heading, justify="left" if n < 2 else "right", overflow="fold")
    mine, other = found["first_stage"], found["reference_first_stage"]
    for kind in mine:
        for label in dict.fromkeys([*mine[kind], *other.get(kind, {})]):
            values = (mine[kind].get(label), other.get(kind, {}).get(label))
            whole = kind in ("sites", "studies")
            table.add_row(KIND_WORDS[kind], escape(label), *(_decided(v, whole) for v in values))
    return table


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return the main findings, one a line."""
    worst = f"{100 * (1 - found['confidence']):.3g} %"
    unkept = {row["scenario"]: row["why_not_kept"] for row in found["scenarios"] if row["why_not_kept"]}
    worth = interval(found["value_of_stochastic_solution_musd"])
    planning = f"Planning for all scenarios rather than for {found['reference']} alone is worth {worth} million USD."
    if unkept:
        planning = f"What would be decided now for {found['reference']} alone cannot be kept in: {', '.join(unkept)}."
    return [
        f"Expected cost {musd(found['expected_cost_musd'])} million USD; mean of the worst {worst} "
        f"{musd(found['conditional_value_at_risk_musd'])}; weight of the tail {found['weight']:g}.",
        f"Weighed so {musd(found['objective_musd'])}, proven at least {musd(found['bound_musd'])}: "
        f"gap {100 * found['gap']:.2g} %.",
        planning,
        *(f"{name}: {why}." for name, why in unkept.items()),
        *_best_of_one(found),
        f"Knowing the scenario now would be worth {interval(found['value_of_perfect_information_musd'])} million USD.",
    ]


def _best_of_one(found: Mapping[str, Any]) -> list[str]:
    """Say what the best plan of all comes to in which one scenario leads, and which cannot lead."""
    tries = [one for one in found["tries"][1:] if one["whose"] != SEARCH]  # the first is the reference's
    led = [one for one in tries if one["objective_musd"] is not None]
    told = []
    if led:
        best = min(led, key=lambda one: float(one["objective_musd"]))
        more = best["objective_musd"] - found["objective_musd"]
        told.append(
            f"Where {best['whose']} decides as if it were known and the others follow, it comes to "
            f"{musd(best['objective_musd'])}: {musd(more)} million USD more than the plan for all."
        )
    refused = [f"{one['whose']} ({', '.join(one['refused'])})" for one in tries if one["refused"]]
    if refused:
        told.append(f"Scenarios that others cannot follow, and who cannot: {'; '.join(refused)}.")
    return told


def interval(value: Mapping[str, float | None]) -> str:
    """Write a value with the interval that is proven of it."""
    return f"{musd(value['value'])} (proven: {musd(value['least'])} to {musd(value['most'])})"


def musd(value: float | None, missing: str = "–") -> str:
    """Write an amount in million USD."""
    return missing if value is None else f"{value:,.2f}"


def _decided(value: float | None, whole: bool) -> str:
    if not value:
        return "–"
    return "yes" if whole else f"{value:,.1f} MW"
