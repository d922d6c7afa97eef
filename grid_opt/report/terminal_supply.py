"""Print what a plan has beside wholesale: contracts, what stands on site, and the energy of every source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from grid_opt.report.words import plain

SOURCE_WORDS = {
    "wholesale": "Bought at wholesale", "physical_contracts": "Delivered under contracts",
    "made_on_site": "Made on site", "batteries": "Batteries, less charging", "exported": "Sold",
}  # fmt: skip
_TECHNOLOGIES = {
    "gas_turbine": "Gas turbines", "engine": "Engines", "fuel_cell": "Fuel cells", "solar": "Solar",
    "battery": "Batteries",
}  # fmt: skip
MWH_PER_GWH = 1000.0


def supply_section(summary: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the tables of a plan with sources beside wholesale."""
    found = summary.get("supply")
    if found is None:
        return
    yield _energy(found)
    if found["power_contracts"]:
        yield _contracts(found["power_contracts"])
    if found["onsite"]:
        yield _onsite(found["onsite"])


def _table(title: str, *columns: tuple[str, bool]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name, number in columns:
        table.add_column(name, justify="right" if number else "left", no_wrap=True, overflow="ellipsis")
    return table


def _energy(found: Mapping[str, Any]) -> Table:
    years = list(next(iter(found["energy_mwh_by_year"].values())))
    table = _table("Energy at the meter, GWh in the year", ("Source", False), *((year, True) for year in years))

    def row(label: str, mwh: Mapping[str, float], style: str = "") -> None:
        table.add_row(Text(label), *(f"{mwh[year] / MWH_PER_GWH:,.1f}" for year in years), style=style)

    for name, mwh in found["energy_mwh_by_year"].items():
        row(SOURCE_WORDS[name], mwh)
    if found["forward_mwh_by_year"]:
        row("Bought ahead in blocks", found["forward_mwh_by_year"], "dim")
    return table


def _contracts(rows: list[dict[str, Any]]) -> Table:
    table = _table(
        "Long contracts for power; cost is the strike less what the market pays",
        ("Project", False), ("For", False), ("Settled", False), ("MW", True), ("GWh a year", True),
        ("Million USD", True),
    )  # fmt: skip
    for one in sorted(rows, key=lambda row: -row["contract_mw"]):
        cells = [plain(one["offer"], 26), plain(one["region"], 10), one["settlement"], f"{one['contract_mw']:,.1f}"]
        cells += [f"{one['made_mwh'] / MWH_PER_GWH:,.1f}", f"{one['cost_musd']:,.1f}"]
        table.add_row(*map(Text, cells))
    return table


def _onsite(rows: list[dict[str, Any]]) -> Table:
    table = _table(
        "On site at the end of the build-out",
        ("What", False), ("Where", False), ("MW", True), ("MWh", True), ("Units", True), ("GWh a year", True),
        ("kt CO2 a year", True), ("Million USD", True),
    )  # fmt: skip
    for one in sorted(rows, key=lambda row: -row["own_mw"]):
        units = f"{one['own_units']:,.0f}" if one["own_units"] else ""
        energy = f"{one['own_mwh']:,.1f}" if one["own_mwh"] else ""
        cells = [_TECHNOLOGIES[one["technology"]], plain(one["region"], 10), f"{one['own_mw']:,.1f}", energy, units]
        cells += [f"{one['given_mwh'] / MWH_PER_GWH:,.1f}", f"{one['emitted_t'] / 1e3:,.1f}"]
        table.add_row(*map(Text, [*cells, f"{one['cost_musd']:,.1f}"]))
    return table
