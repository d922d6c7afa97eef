"""Lay plans side by side: megawatts, dollars, tokens, sites and contracts, with what differs from the first."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import xarray as xr
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grid_opt.atomic import write_text
from grid_opt.plan.geometry import Outlines
from grid_opt.plan.summary import summarize
from grid_opt.report import frames
from grid_opt.report.csv_text import safe_text, to_csv
from grid_opt.report.map_difference import write_difference_map
from grid_opt.report.map_static import write_map
from grid_opt.report.page import asset, number, page, table, text
from grid_opt.report.terminal import CONTRACT_WORDS, COST_WORDS
from grid_opt.report.terminal_footprint import LEDGER_ROWS
from grid_opt.report.terminal_supply import SOURCE_WORDS
from grid_opt.report.words import plain, short

Value: TypeAlias = "float | str | None"
_NOTHING = 1e-9


@dataclass(frozen=True)
class Row:
    """One measure of every plan; numbers in ``unit``, or words where that is empty."""

    group: str
    measure: str
    unit: str
    values: tuple[Value, ...]
    digits: int = 1

    @property
    def differences(self) -> tuple[float | None, ...]:
        """Return how far every plan but the first is from the first; a site or term that is not there counts as 0."""
        if not self.unit:
            return tuple(None for _ in self.values[1:])
        first, *rest = self.values
        zero = self.group in ZERO_WHERE_MISSING
        base = _amount(first, zero)
        found = (_amount(value, zero) for value in rest)
        return tuple(None if base is None or value is None else value - base for value in found)


SITES, COSTS, CONTRACTS = "Sites at the end", "Costs, present value", "Grid service at the end"
ZERO_WHERE_MISSING = (SITES, COSTS, CONTRACTS)
"""Groups in which a plan without the row has none of it, rather than an unknown amount."""


@dataclass(frozen=True)
class Comparison:
    """Plans side by side: one label for each, the rows, and what makes them hard to compare."""

    labels: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        rows = [
            {
                "group": row.group, "measure": row.measure, "unit": row.unit or None, "values": list(row.values),
                "differences": list(row.differences),
            }
            for row in self.rows
        ]  # fmt: skip
        return {"plans": list(self.labels), "rows": rows, "notes": list(self.notes)}

    def to_table(self) -> pd.DataFrame:
        """Return one row per measure and one column per plan."""
        names = ["group", "measure", "unit", *map(safe_text, self.labels)]
        return pd.DataFrame([[row.group, row.measure, row.unit, *row.values] for row in self.rows], columns=names)


def compare(plans: Mapping[str, xr.Dataset]) -> Comparison:
    """Compare two plans or more, by their labels; the first is the one from which others differ."""
    found = [summarize(plan) for plan in plans.values()]
    rows = [
        row
        for part in (_proof, _power, _build_out, _money, _tokens, _sites, _contracts, _sources, _ledgers)
        for row in part(found)
        if any(value not in (None, "") and value != 0 for value in row.values)
    ]
    return Comparison(tuple(plans), tuple(rows), tuple(_notes(list(plans.values()), found)))


def labels_of(paths: Sequence[Path]) -> list[str]:
    """Return a short label for every plan file: its folder where the file is called ``plan.nc``; no two alike."""
    found: list[str] = []
    for path in paths:
        name = path.resolve().parent.name if path.name == "plan.nc" else path.stem
        base, label, count = plain(name, 40) or "plan", plain(name, 40) or "plan", 2
        while label in found:
            label, count = f"{base} ({count})", count + 1
        found.append(label)
    return found


# --- rows

_Summaries: TypeAlias = "list[dict[str, Any]]"


def _row(group: str, measure: str, unit: str, values: Sequence[Value], digits: int = 1) -> Row:
    return Row(group, measure, unit, tuple(values), digits)


def _proof(found: _Summaries) -> Iterator[Row]:
    yield _row("Plan", "Case", "", [plain(one["case"]["name"], 40) for one in found])
    yield _row("Plan", "Goal", "", [one["objective"]["goal"] for one in found])
    yield _row("Plan", "Proven gap", "%", [100 * one["objective"]["gap_fraction"] for one in found], 2)


def _power(found: _Summaries) -> Iterator[Row]:
    last = [one["quarters"][-1] for one in found]
    yield _row("Power at the end", "IT power in service", "MW", [row["it_mw"] for row in last])
    yield _row("Power at the end", "Counted towards the target", "MW", [row["counted_mw"] for row in last])
    yield _row("Power at the end", "Target", "MW", [row["target_mw"] for row in last])
    yield _row("Power at the end", "Peak draw from the grid", "MW", [row["peak_draw_mw"] for row in last])
    yield _row("Power at the end", "Campuses", "campuses", [float(len(one["sites"])) for one in found], 0)


def _build_out(found: _Summaries) -> Iterator[Row]:
    by = [{row["quarter"]: row["it_mw"] for row in one["quarters"]} for one in found]
    for quarter in sorted({quarter for one in by for quarter in one}):
        yield _row("IT power in service through", quarter, "MW", [one.get(quarter) for one in by], 0)


def _money(found: _Summaries) -> Iterator[Row]:
    costs = [{key.removesuffix("_musd"): value for key, value in one["costs"].items()} for one in found]
    yield _row(COSTS, "Total", "million USD", [one["total"] for one in costs])
    terms = dict.fromkeys(term for one in costs for term in one if term not in ("total", "forgone"))
    for term in terms:
        yield _row(COSTS, COST_WORDS.get(term, plain(term, 40)), "million USD", [one.get(term) for one in costs])
    fleets = [one["fleet"] or {} for one in found]
    yield _row("Worth", "Tokens served", "million USD", [one.get("worth_musd") for one in fleets])
    yield _row("Worth", "Net present value", "million USD", [one.get("net_present_value_musd") for one in fleets])
    yield _row("Worth", "Tokens wanted and not served", "million USD", [one.get("forgone") for one in costs])
    prices = [one["energy"]["all_in_usd_per_mwh"] for one in found]
    yield _row("Power", "All-in price at the meter", "USD/MWh", prices, 2)
    yield _row(
        "Power", "Bought in the last year", "MWh", [_last(one["energy"]["bought_mwh_by_year"]) for one in found], 0
    )


def _tokens(found: _Summaries) -> Iterator[Row]:
    amounts: list[Value] = []
    each: list[Value] = []
    for one in found:
        fleet, compute = one["fleet"], one["compute"] or {}
        year = _last(fleet["tokens_per_year"]) if fleet else (compute.get("tokens_per_year") or {}).get("central")
        amounts.append(None if year is None else year / 1e12)
        price = compute.get("usd_per_million_tokens") or {}
        each.append(fleet["usd_per_million_tokens"] if fleet else price.get("central_throughput"))
    yield _row("Tokens", "Served in the last year", "trillion tokens", amounts)
    yield _row("Tokens", "All costs per million", "USD", each, 4)
    energy = [(one["fleet"] or {}).get("kwh_per_million_tokens") for one in found]
    yield _row("Tokens", "Energy per million", "kWh", energy, 4)
    titles = dict.fromkeys(s["title"] for one in found for s in (one["fleet"] or {"systems": []})["systems"])
    for title in titles:
        counts = [
            next(
                (float(s["systems"]) for s in (one["fleet"] or {"systems": []})["systems"] if s["title"] == title), None
            )
            for one in found
        ]
        yield _row("Systems at the end", plain(title, 60), "systems", counts, 0)


def _sites(found: _Summaries) -> Iterator[Row]:
    by = [{site["region"]: site for site in one["sites"]} for one in found]
    names = {region: site["name"] for one in by for region, site in one.items()}
    order = sorted(names, key=lambda region: (-max(one.get(region, {"it_mw": 0.0})["it_mw"] for one in by), region))
    for region in order:
        label = f"{short(names[region], 30)} ({plain(region, 12)})"
        yield _row(SITES, label, "MW IT", [one[region]["it_mw"] if region in one else None for one in by], 0)
    for region in order:
        label = f"{short(names[region], 30)} ({plain(region, 12)})"
        opens = [one[region]["opening_quarter"] if region in one else "" for one in by]
        yield _row("Sites open in", label, "", list(opens))


def _contracts(found: _Summaries) -> Iterator[Row]:
    by: list[dict[str, float]] = []
    called: list[Value] = []
    for one in found:
        kinds = (one["connections"] or {}).get("contract_mw_by_kind", {})
        by.append({str(kind): float(_last(mw) or 0.0) for kind, mw in kinds.items()})
        called.append(_last(one["connections"]["callable_mw"]) if one["connections"] else None)
    for kind in sorted({kind for one in by for kind in one}):
        yield _row(CONTRACTS, CONTRACT_WORDS.get(kind, plain(kind, 40)), "MW", [one.get(kind) for one in by])
    yield _row(CONTRACTS, "Of which may be called", "MW", called)


def _sources(found: _Summaries) -> Iterator[Row]:
    by = [(one["supply"] or {}).get("energy_mwh_by_year", {}) for one in found]
    for name in dict.fromkeys(name for one in by for name in one):
        values = [_last(one[name]) if name in one else None for one in by]
        yield _row("Sources of power in the last year", SOURCE_WORDS.get(name, plain(name, 40)), "MWh", values, 0)


def _ledgers(found: _Summaries) -> Iterator[Row]:
    by = [list(one["footprint"]["by_year"].values())[-1] if one["footprint"] else {} for one in found]
    above = ""
    for key, label, scale, _ in LEDGER_ROWS:
        words, _, unit = label.strip().rpartition(" [") if "[" in label else label.rpartition(", ")
        words = f"{above}, {words}" if label.startswith(" ") else words
        above = words
        values = [None if one.get(key) is None else scale * one[key] for one in by]
        yield _row("Carbon and water in the last year", words, unit.rstrip("]"), values)


def _notes(plans: list[xr.Dataset], found: _Summaries) -> Iterator[str]:
    """Say what makes the plans hard to compare."""
    cases = [frames.case_of(plan) for plan in plans]
    facts: dict[str, list[Any]] = {
        "USD of different years": [case.finance.price_base_year for case in cases],
        "different discount rates": [case.finance.real_discount_rate for case in cases],
        "different years counted": [
            f"{case.years[0]} to {case.represented_years(case.years[-1])[-1]}" for case in cases
        ],
        "different goals": [case.objective.goal for case in cases],
        "different ways to count a target": [one["power_basis"] for one in found],
        "different hours": [str(plan.attrs.get("hours_source", "")) for plan in plans],
    }
    for words, values in facts.items():
        if len(set(values)) > 1:
            yield f"the plans have {words}: {plain('; '.join(str(value) for value in values), 200)}"


def _last(by: Mapping[str, float]) -> float | None:
    return list(by.values())[-1] if by else None


def _amount(value: Value, zero_where_missing: bool) -> float | None:
    if isinstance(value, str):
        return None
    return (0.0 if zero_where_missing else None) if value is None else float(value)


# --- what is shown


def print_comparison(found: Comparison, console: Console) -> None:
    """Print the tables, one for each group, with the difference where there are two plans."""
    two = len(found.labels) == 2
    for group, rows in _groups(found):
        printed = Table(title=group, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
        printed.add_column("", no_wrap=True, overflow="ellipsis")
        for label in (*found.labels, *(("Difference",) if two and _has_numbers(rows) else ())):
            printed.add_column(Text(short(label, 18)), justify="right", no_wrap=True)
        for row in rows:
            named = f"{row.measure}, {row.unit}" if row.unit not in ("", row.measure.lower()) else row.measure
            cells = [short(named, 52), *_texts(row)]
            cells += [_signed(row.differences[0], row.digits)] if two and row.unit else []
            printed.add_row(*map(Text, cells), style="bold" if row.measure == "Total" else "")
        console.print(printed)
    for note in found.notes:
        console.print(Text(f"Note: {note}"))


def write_comparison_csv(found: Comparison, path: str | Path) -> None:
    """Write one row per measure as CSV that no spreadsheet takes for formulas; numbers in full."""
    write_text(path, to_csv(found.to_table()))


def write_comparison_html(
    found: Comparison, plans: Sequence[xr.Dataset], path: str | Path, outlines: Sequence[Outlines | None]
) -> None:
    """Write the comparison as one page that opens offline, with a map of what differs and the map of every plan."""
    differs = _picture(lambda drawn: write_difference_map(found.labels, plans, drawn, outlines))
    pictures = _figure(differs, f"What differs from {found.labels[0]}") + "".join(
        _figure(_picture(partial(write_map, plan, outlines=rings)), label)
        for label, plan, rings in zip(found.labels, plans, outlines, strict=True)
    )
    notes = "".join(f"<li>{text(note, 400)}</li>" for note in found.notes)
    tables = "".join(_html_table(found, group, rows) for group, rows in _groups(found))
    title = " and ".join(found.labels) if len(found.labels) == 2 else f"{len(found.labels)} plans"
    body = (
        f"<header><h1>{text(title)} side by side</h1></header><main>"
        + (f'<ul class="warning">{notes}</ul>' if notes else "")
        + f"{tables}<h2>Maps</h2>{pictures}</main>"
    )
    write_text(path, page(f"{title} · comparison", body, styles=asset("page.css") + asset("report.css")))


def _html_table(found: Comparison, group: str, rows: list[Row]) -> str:
    extra = [f"{label} less {found.labels[0]}" for label in found.labels[1:]] if _has_numbers(rows) else []
    lines = [
        [
            row.measure, row.unit, *_texts(row),
            *(_signed(value, row.digits) if row.unit else "" for value in (row.differences if extra else ())),
        ]
        for row in rows
    ]  # fmt: skip
    return table(group, ["", "Unit", *found.labels, *extra], lines, words=(0, 1))


def _figure(picture: str, caption: str) -> str:
    return (
        f'<figure class="map"><img src="{picture}" alt="Map of {text(caption)}">'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def _picture(draw: Callable[[Path], None]) -> str:
    """Return what ``draw`` draws into a file as the address of an image that carries it."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "map.png"
        draw(drawn)
        return f"data:image/png;base64,{base64.b64encode(drawn.read_bytes()).decode()}"


def _groups(found: Comparison) -> Iterator[tuple[str, list[Row]]]:
    for group in dict.fromkeys(row.group for row in found.rows):
        yield group, [row for row in found.rows if row.group == group]


def _has_numbers(rows: Sequence[Row]) -> bool:
    return any(row.unit for row in rows)


def _texts(row: Row) -> list[str]:
    return [value if isinstance(value, str) else number(value, row.digits) for value in row.values]


def _signed(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return "0" if abs(value) < max(0.5 * 10.0**-digits, _NOTHING) else f"{value:+,.{digits}f}"
