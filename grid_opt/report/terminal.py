"""Print the summary of a plan as tables that fit a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grid_opt.plan.summary import PROVEN_GAP
from grid_opt.report.terminal_footprint import footprint_section
from grid_opt.report.terminal_supply import supply_section
from grid_opt.report.words import money, plain, proof, short
from grid_opt.units import USD_PER_MUSD

WIDTH = 100
"""No line is longer, however wide the terminal is."""
MOST_OF_A_KIND = 4
COST_WORDS = {
    "site_capex": "Sites",
    "shell_capex": "Buildings and electrical shell",
    "hardware_capex": "Accelerators",
    "fixed_om": "Fixed operation and maintenance",
    "energy": "Wholesale energy",
    "generation": "Generation, above that without campuses",
    "lost_load": "Existing load lost, above that without campuses",
    "rider": "Delivery riders",
    "delivery": "Delivery demand charges",
    "capacity": "Capacity obligation",
    "lost_compute": "Compute lost to curtailment",
    "study_cost": "Studies for connections",
    "works_cost": "Works of the grid per kW",
    "security": "Security for connections",
    "rent": "Leases and supply beside the meter",
    "relief_fixed_cost": "Batteries and engines for calls",
    "call_energy_cost": "Answering calls",
    "collateral": "Security for tariffs, exit fees",
    "peak_shedding": "Compute shed at declared peaks",
    "upgrade_cost": "Upgrades of the network",
    "settlement": "Long contracts, less market prices",
    "wheeling": "Energy delivered by contracts",
    "forward_premium": "Blocks bought ahead, less market prices",
    "own_capex": "Plant and power of batteries, less credits",
    "own_upkeep": "Upkeep of plant and power of batteries",
    "own_running": "Fuel and running on site",
    "store_capex": "Energy of batteries, less credits",
    "store_upkeep": "Upkeep of energy of batteries",
    "store_wear_cost": "Wear of batteries",
    "export_revenue": "Own power sold",
    "certificate_cost": "Energy attribute certificates",
    "carbon_cost": "Price of emissions",
    "water_cost": "Price of water",
    "idle_hardware": "Systems that wait for a hall",
    "porting": "Moving requests to other software",
    "unserved_penalty": "Penalties for tokens not served",
}


def print_summary(summary: Mapping[str, Any], console: Console) -> None:
    """Print a summary made by :func:`grid_opt.plan.summary.summarize`.

    With the key ``verification`` (a verifier's report) the headline says what the verifier found. Names are
    printed as text: no markup, no control characters. Colors are the console's affair.
    """
    width = min(console.width, WIDTH)
    console.print()
    console.print(Text(short(summary["case"]["title"] or summary["case"]["name"], width), style="bold"))
    console.print(_headline(summary), width=width)
    console.print()
    for table in (
        _sites(summary),
        *_connections(summary),
        *supply_section(summary),
        *_fleet(summary),
        *footprint_section(summary),
        *bills_section(summary),
        _costs(summary),
        _limits(summary),
    ):
        if table is not None:
            console.print(table, width=width)
    notes = Table.grid(padding=(0, 1))
    for warning in summary.get("warnings", ()):
        notes.add_row(Text("Note:", style="yellow"), Text(plain(warning, 2000), overflow="fold"))
    if notes.row_count:
        console.print(notes, width=width)


def _headline(summary: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for label, words in facts(summary):
        table.add_row(label, words)
    return table


def facts(summary: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    """Yield the facts of the headline: label and words."""
    last = summary["quarters"][-1]
    count = len(summary["sites"])
    yield "Power", Text(summary["headline"].replace("; ", ";\n"))
    yield "Where", Text(f"{count} site{'s' if count != 1 else ''} in service through {last['quarter']}")
    total = money(summary["costs"]["total_musd"])
    yield "Cost", Text(f"{total} (present value, USD of {summary['price_base_year']})")
    yield "Proof", _proof(summary)
    price = summary["energy"]["all_in_usd_per_mwh"]
    yield "Electricity", Text(_number(price, "${:,.2f}/MWh at the meter, all-in"))
    yield from _tokens(summary.get("compute") or {})
    yield from _fleet_facts(summary.get("fleet"))
    yield "Verified", _verified(summary.get("verification"))


def _proof(summary: Mapping[str, Any]) -> Text:
    found = summary["objective"]
    gap = found["gap_fraction"]
    first, *rest = proof(found["goal"], summary["status"], gap, found["gap_usd"]).partition(";")
    good = summary["status"] == "optimal" or gap < PROVEN_GAP
    return Text(first, style="green" if good else "yellow") + Text("".join(rest), style="default")


def _tokens(compute: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    cost, amount = compute.get("usd_per_million_tokens"), compute.get("tokens_per_year")
    if not cost or not amount:
        return
    price = cost.get("central_throughput")
    low, high = cost.get("high_throughput"), cost.get("low_throughput")
    if price is None or low is None or high is None:
        return
    each = f"${price:,.3f} per million tokens (${low:,.3f} to ${high:,.3f}), all costs"
    yield "Tokens", Text(f"{amount['central']:.3g} a year; {each}")


def _fleet_facts(fleet: Mapping[str, Any] | None) -> Iterator[tuple[str, Text]]:
    if fleet is None:
        return
    worth, net = money(fleet["worth_musd"]), money(fleet["net_present_value_musd"])
    yield "Worth", Text(f"{worth} of tokens served, so {net} net present value")
    year, amount = list(fleet["tokens_per_year"].items())[-1]
    each = _number(fleet["usd_per_million_tokens"], "${:,.3f}")
    energy = _number(fleet["kwh_per_million_tokens"], "{:,.3f} kWh")
    yield "Tokens", Text(f"{amount:.3g} a year from {year}; {each} and {energy} per million, all costs")


def _verified(report: Mapping[str, Any] | None) -> Text:
    if report is None:
        return Text("not yet", style="yellow")
    if report["ok"]:
        text = Text(f"yes, {report.get('held', report['checked'])} checks hold", style="green")
        not_made = len(report.get("not_made", ()))
        return text + Text(f"; {not_made} could not be made", style="yellow") if not_made else text
    failed = list(report["failed"])
    names = plain(", ".join(map(str, failed)), 300)
    return Text(f"NO: {len(failed)} of {report['checked']} checks failed: {names}", style="bold red")


def _sites(summary: Mapping[str, Any]) -> Table:
    shown = _chosen_quarters([row["quarter"] for row in summary["quarters"]])
    table = _table("Sites: IT MW in service through the quarter")
    table.add_column("Region", no_wrap=True)
    table.add_column("Name", no_wrap=True, overflow="ellipsis")
    table.add_column("Market", no_wrap=True)
    table.add_column("Opens", no_wrap=True)
    for quarter in shown:
        table.add_column(quarter, justify="right", no_wrap=True)
    table.add_column("$/MWh", justify="right", no_wrap=True)
    for site in summary["sites"]:
        power = site["it_mw_by_quarter"]
        cells = [plain(site["region"], 12), short(site["name"], 30), plain(site["market"], 12)]
        cells += [site["opening_quarter"], *(f"{power[quarter]:,.0f}" for quarter in shown)]
        cells.append(_number(site["all_in_power_usd_per_mwh"], "{:,.2f}"))
        table.add_row(*map(Text, cells))
    by_quarter = {row["quarter"]: row for row in summary["quarters"]}
    table.add_section()
    for label, key, style in _totals(summary):
        numbers = [f"{by_quarter[quarter][key]:,.0f}" for quarter in shown]
        table.add_row("", label, "", "", *numbers, "", style=style)
    return table


def _totals(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return label, key and style of the rows below the sites: all, what of it counts, and the target."""
    rows = [("All", "it_mw", "bold"), ("Target", "target_mw", "dim")]
    if summary["power_basis"] != "it":
        rows.insert(1, ("Counts towards the target", "counted_mw", "bold"))
    return rows


def _chosen_quarters(quarters: Sequence[str]) -> list[str]:
    """Return the year ends that fit, the last quarter always."""
    ends = [quarter for quarter in quarters if quarter.endswith("Q4") and quarter != quarters[-1]]
    return [*ends[-3:], quarters[-1]]


def _fleet(summary: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the tables of a plan that chose its computers: systems, and classes of requests."""
    fleet = summary.get("fleet")
    if fleet is None:
        return
    shown = _chosen_quarters([row["quarter"] for row in summary["quarters"]])
    table = _table("Fleet: systems in service through the quarter, and their use in the last operating year")
    table.add_column("Accelerator", no_wrap=True, overflow="ellipsis")
    for quarter in shown:
        table.add_column(quarter, justify="right", no_wrap=True)
    table.add_column("IT MW", justify="right", no_wrap=True)
    table.add_column("Busy", justify="right", no_wrap=True)
    for row in fleet["systems"]:
        counts = [f"{row['systems_by_quarter'][quarter]:,}" for quarter in shown]
        busy = list(row["utilization_by_year"].values())[-1]
        share = _number(None if busy is None else 100 * busy, "{:,.0f} %")
        table.add_row(*map(Text, [short(row["title"], 40), *counts, f"{row['it_mw']:,.0f}", share]))
    yield table
    table = _table("Requests: share served by year; in the last one, by what, and the cost of a million more")
    table.add_column("Class", no_wrap=True, overflow="ellipsis")
    table.add_column("tok/s", justify="right", no_wrap=True, min_width=5)
    years = list(fleet["classes"][0]["served_share"])
    for year in years:
        table.add_column(year, justify="right", no_wrap=True, min_width=5)
    table.add_column("Mostly by", no_wrap=True, overflow="ellipsis", max_width=22)
    table.add_column("$/Mtok", justify="right", no_wrap=True, min_width=6)
    for row in fleet["classes"]:
        shares = [_number(None if s is None else 100 * s, "{:,.0f} %") for s in row["served_share"].values()]
        main = max(row["served_by"].items(), key=lambda item: item[1], default=None)
        by = "" if main is None else f"{main[0]} {100 * main[1]:.0f} %"
        more = (row["usd_per_million_tokens_more"] or {}).get(years[-1])
        cells = [short(row["title"], 26), f"{row['tok_s_user']:,.0f}", *shares, plain(by, 40), _number(more, "{:,.3f}")]
        table.add_row(*map(Text, cells))
    yield table


CONTRACT_WORDS = {
    "firm": "Firm", "conditional": "Conditional: headroom of later, called at need", "interim": "Interim",
    "contract_demand": "Contract demand beside generation", "co_located": "Beside generation",
    "behind_the_meter": "Behind the meter", "lease": "Leases of finished shells",
}  # fmt: skip
_RELIEF = {"compute": "shedding compute", "battery": "batteries", "engine": "engines"}


def _connections(summary: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the table of a plan with a menu of offers: MW under contract by kind, and what of them may be called."""
    found = summary.get("connections")
    if found is None:
        return
    shown = _chosen_quarters([row["quarter"] for row in summary["quarters"]])
    table = _table("Grid service: MW under contract through the quarter")
    table.add_column("Kind", no_wrap=True, overflow="ellipsis")
    for quarter in shown:
        table.add_column(quarter, justify="right", no_wrap=True, min_width=6)

    def row(label: str, mw: Mapping[str, float], style: str = "") -> None:
        table.add_row(Text(label), *(_number(mw[quarter], "{:,.1f}") for quarter in shown), style=style)

    for kind, mw in found["contract_mw_by_kind"].items():
        row(CONTRACT_WORDS.get(kind, plain(kind, 40)), mw)
    row("Of which may be called", found["callable_mw"], "bold")
    for kind, mw in found["relief_mw"].items():
        row(f"  answered by {_RELIEF.get(kind, plain(kind, 40))}", mw, "dim")
    yield table
    if found["upgrades"]:
        table = _table("Upgrades of the network")
        for column in ("Upgrade", "For", "From", "MW", "Million USD"):
            table.add_column(column, justify="right" if column in ("MW", "Million USD") else "left", no_wrap=True)
        for one in found["upgrades"]:
            cells = [plain(one["upgrade"], 40), plain(one["place"], 30), one["from_quarter"]]
            table.add_row(*map(Text, [*cells, f"{one['forward_mw']:,.0f}", f"{one['cost_musd']:,.1f}"]))
        yield table


def bills_section(summary: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the table of a plan that pays tariffs: what every region is billed by calendar year."""
    found = summary.get("bills")
    if not found:
        return
    years = sorted({year for one in found for year in one["usd_by_year"]})
    shown = years if len(years) <= 5 else [*years[:4], years[-1]]
    table = _table("Bills by tariff: million USD of the calendar year, not discounted")
    for column in ("Region", "Tariff"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for year in shown:
        table.add_column(year, justify="right", no_wrap=True, min_width=6)
    for one in found:
        cells = [f"{one['usd_by_year'].get(year, 0.0) / USD_PER_MUSD:,.1f}" for year in shown]
        table.add_row(Text(one["region"]), Text(plain(one["tariff"], 24)), *cells)
    yield table


def _costs(summary: Mapping[str, Any]) -> Table:
    costs = dict(summary["costs"])
    total, forgone = costs.pop("total_musd"), costs.pop("forgone_musd", None)
    table = _table(f"Costs: present value, million USD of {summary['price_base_year']}")
    table.add_column("Term", no_wrap=True)
    table.add_column("Million USD", justify="right", no_wrap=True)
    table.add_column("Share", justify="right", no_wrap=True)
    for key, cost in costs.items():
        term = key.removesuffix("_musd")
        share = f"{100 * cost / total:.1f} %" if total else "n/a"
        table.add_row(Text(COST_WORDS.get(term, plain(term, 40))), f"{cost:,.1f}", share)
    table.add_section()
    table.add_row("Total", f"{total:,.1f}", "", style="bold")
    if forgone is not None:
        table.add_row("Worth of tokens wanted and not served (no outlay)", f"{forgone:,.1f}", "", style="dim")
    return table


def _limits(summary: Mapping[str, Any]) -> Table | None:
    rows = list(limit_rows(summary["binding_limits"]))
    if not rows:
        return None
    table = _table("Limits that bind, and what one MW is worth")
    table.add_column("Limit", no_wrap=True)
    table.add_column("Where and when", no_wrap=True, overflow="ellipsis")
    table.add_column("USD per MW", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def limit_rows(limits: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Give the dearest limits of each kind, and say how many more there are."""
    kinds = {
        "tranche": ("Target, 1 MW less", ("quarter",)),
        "headroom": ("Headroom, 1 MW more", ("region", "quarter")),
        "links": ("Link, 1 MW more", ("link", "quarter", "stress")),
    }
    for kind, (label, keys) in kinds.items():
        found = limits.get(kind, ())
        for row in found[:MOST_OF_A_KIND]:
            place = plain(", ".join(str(row[key]) for key in keys), 50)
            yield label, place, _number(row.get("usd_per_mw"), "{:,.0f}")
        if len(found) > MOST_OF_A_KIND:
            yield "", f"and {len(found) - MOST_OF_A_KIND} more in summary.json", ""
    for row in limits.get("deliveries", ())[:MOST_OF_A_KIND]:
        place = plain(f"{row['accelerator']}, {row['quarter']}", 50)
        yield "Deliveries, 1 system more", place, _number(row["usd_per_system"], "{:,.0f} a system")
    yield "Network", plain(limits["network"], 50), ""


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)


def _number(value: float | None, form: str) -> str:
    return "n/a" if value is None else form.format(value)
