"""Print the ledgers of carbon and water, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from grid_opt.plan.schema_footprint import DIVISIBLE

LEDGER_ROWS = (
    ("scope1_t", "Scope 1, own plant [t CO2]", 1.0, "{:,.0f}"),
    ("scope2_location_t", "Scope 2, location-based [t CO2]", 1.0, "{:,.0f}"),
    ("scope2_market_t", "Scope 2, market-based by the year [t CO2]", 1.0, "{:,.0f}"),
    ("scope2_hourly_t", "Scope 2, matched by the hour [t CO2]", 1.0, "{:,.0f}"),
    ("covered_share", "Carbon-free by the year [%]", 100.0, "{:,.1f}"),
    ("matched_share", "Carbon-free by the hour [%]", 100.0, "{:,.1f}"),
    ("carbon_free_share", "  the grid's own share included [%]", 100.0, "{:,.1f}"),
    ("certificates_gwh", "Certificates of the year [GWh]", 1.0, "{:,.1f}"),
    ("hourly_certificates_gwh", "Hourly certificates [GWh]", 1.0, "{:,.1f}"),
    ("induced_t", "Consequential, no ledger: brought about [t CO2]", 1.0, "{:,.0f}"),
    ("avoided_t", "  displaced by contracts, if new [t CO2]", 1.0, "{:,.0f}"),
    ("water_m3", "Water, 1000 m3", 1e-3, "{:,.1f}"),
)
_ONLY_WHERE_ANY = {"scope1_t", "certificates_gwh", "hourly_certificates_gwh", "avoided_t"}
_PRICES = {
    "dual_carbon": "A tonne less under the cap",
    "dual_annual_share": "A point more by the year",
    "dual_hourly_share": "A point more by the hour",
    "dual_annual_share_region": "A point more by the year",
    "dual_hourly_share_region": "A point more by the hour",
    "dual_water": "A cubic metre less under the cap",
}
_MOST_PRICES = 12


def footprint_section(summary: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the ledgers by operating year, and the prices of more strictness."""
    found = summary.get("footprint")
    if found is None:
        return
    years = found["by_year"]
    table = _table("Carbon and water of all campuses, by operating year")
    table.add_column("Ledger", no_wrap=True)
    for year in years:
        table.add_column(year, justify="right", no_wrap=True)
    for key, label, scale, form in LEDGER_ROWS:
        values = [row[key] for row in years.values()]
        if key in _ONLY_WHERE_ANY and not any(values):
            continue
        named = f"scope2_{found['constrained_ledger']}_t" == key
        cells = ["n/a" if value is None else form.format(scale * value) for value in values]
        table.add_row(Text(label), *cells, style="bold" if named else "")
    yield table
    rows = [
        (f"{label}{words}", one)
        for name, label in _PRICES.items()
        for ending, words in (("", ""), (DIVISIBLE, ", halls divisible"))
        for one in found["prices"].get(f"{name}{ending}", ())
    ]
    if rows:
        yield _prices(rows)


def _prices(rows: list[tuple[str, Mapping[str, Any]]]) -> Table:
    table = _table("What more strictness would cost")
    for column, side in (("One more", "left"), ("Where and when", "left"), ("Cost", "right")):
        table.add_column(column, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for label, one in rows[:_MOST_PRICES]:
        at = {dim: value for dim, value in one.items() if dim not in ("value", "unit")}
        place = ", ".join(f"stress {value}" if dim == "basin" else str(value) for dim, value in at.items())
        money = one["unit"] == "USD"
        cost = f"{one['value'] / 1e6:,.3f} million USD" if money else f"{one['value']:,.2f} {one['unit']}"
        table.add_row(Text(label), Text(place), Text(cost))
    if len(rows) > _MOST_PRICES:
        table.add_row("", f"and {len(rows) - _MOST_PRICES} more in summary.json", "")
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
