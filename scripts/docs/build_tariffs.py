"""Put the bundled tariffs and the errors of representative days into docs/tariffs.md (``--check``: compare)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from grid_opt.study.tariffs import in_force  # noqa: E402
from grid_opt.tariffs import charges, periods, schema  # noqa: E402
from grid_opt.tariffs.bill import representative_errors  # noqa: E402
from grid_opt.tariffs.clock import RepresentativeDays, local_year  # noqa: E402
from grid_opt.tariffs.context import Context  # noqa: E402
from grid_opt.tariffs.definitions import bundled_tariffs, load_tariff  # noqa: E402
from grid_opt.tariffs.schema import Schedule, Tariff  # noqa: E402

PAGE = ROOT / "docs" / "tariffs.md"
CITED = {"source": "made up", "certainty": "L", "date": "2026"}
YEAR, ZONE = 2026, "America/Chicago"


def page_text() -> str:
    """Return the page with its generated parts."""
    text = PAGE.read_text(encoding="utf-8")
    for name, body in (("errors", errors_table()), ("tariffs", tariffs_table()), ("keys", keys_table())):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, rest = text.split(begin)
        text = f"{head}{begin}\n{body}\n{end}{rest.split(end)[1]}"
    return text


def tariffs_table() -> str:
    """List the bundled tariffs: where, in force when, the terms that a source gives, and how sure those are."""
    lines = ["| tariff | regions | schedules | terms and their source |", "|---|---|---|---|"]
    for name in bundled_tariffs():
        found = load_tariff(name)
        schedules = "<br>".join(f"{made.title}: {in_force(made)}" for made in found.schedules.values())
        told = dict.fromkeys(
            f"{made.source} [{made.certainty}]" for s in found.schedules.values() for made in _terms(s)
        )
        link = f"[{name}](../models/tariffs/{name}.toml)"
        lines.append(f"| {link} | {', '.join(found.regions) or 'none'} | {schedules} | {'<br>'.join(told)} |")
    return "\n".join(lines)


KEYS = (
    ("(top)", schema.Tariff), ("schedules.NAME", schema.Schedule), ("energy.NAME.periods.NAME", periods.EnergyPeriod),
    ("demand.NAME.periods.NAME", periods.DemandPeriod), ("windows", periods.Window),
    ("tiers of energy", periods.EnergyTier),
    ("tiers of demand", periods.DemandTier), ("demand.NAME", charges.DemandCharge),
    ("demand.NAME.ratchet", charges.Ratchet), ("demand.NAME.minimum_take", charges.MinimumTake),
    ("indexed.NAME", charges.IndexedCharge), ("rider.NAME", charges.Rider),
    ("coincident.NAME", charges.CoincidentCharge),
    ("capacity.NAME", charges.CapacityCharge), ("fixed.NAME", charges.FixedCharge),
    ("minimum_bill.NAME", charges.MinimumBill), ("collateral.NAME", charges.Collateral),
    ("exit_fee.NAME", charges.ExitFee),
)  # fmt: skip


def keys_table() -> str:
    """List every key of a tariff file by section, with its meaning, from the schema itself."""
    lines = ["| section | key | meaning |", "|---|---|---|"]
    for section, model in KEYS:
        for key, field in model.model_fields.items():
            if key in charges.Cited.model_fields:
                continue
            default = (
                "" if field.is_required() or field.default in ({}, (), None, "") else f" (default {_short(field)})"
            )
            need = "; needed" if field.is_required() else ""
            lines.append(f"| `{section}` | `{key}` | {field.description}{default}{need} |")
    return "\n".join(lines)


def _short(field: Any) -> str:
    return "all" if isinstance(field.default, tuple) else f"{field.default}"


def _terms(schedule: Schedule) -> list[Any]:
    """Return what has terms of its own: the schedule, demand, minimum takes, ratchets, coincident peaks, collateral."""
    found: list[Any] = [schedule]
    for demand in schedule.demand.values():
        found += [part for part in (demand, demand.ratchet, demand.minimum_take) if part is not None]
    return [*found, *schedule.coincident.values(), *schedule.collateral.values()]


def shaped_tariff() -> Tariff:
    """Return a tariff with one charge of each kind that depends on the shape of the load."""
    windows = [{"months": [6, 7, 8, 9], "days": "workday", "hours": [[14, 20]]}]
    periods = {"on": {"windows": windows, "usd_per_mwh": 90.0}, "off": {"usd_per_mwh": 30.0}}
    ratchet = {**CITED, "share": 0.95, "lookback_months": 11, "of_months": [6, 7, 8, 9]}
    four = ("06-25T16", "07-20T16", "08-20T16", "09-05T16")
    schedule = {
        **CITED, "title": "Test", "first_month": "2025-01",
        "energy": {"time of use": {**CITED, "periods": periods}},
        "demand": {
            "monthly": {**CITED, "periods": {"all": {"usd_per_kw_month": 6.0}}},
            "with summer ratchet": {**CITED, "periods": {"all": {"usd_per_kw_month": 4.0}}, "ratchet": ratchet},
        },
        "coincident": {"four peaks": {**CITED, "program": "4CP", "declared": four, "without_history": "same_year",
                                      "usd_per_kw_year": 70.0, "charged": "next_year"}},
    }  # fmt: skip
    head = {"name": "test", "title": "Test", "utility": "U", "market": "M", "timezone": ZONE, "holidays": "nerc"}
    return Tariff.model_validate({**head, "schedules": {"only": schedule}})


def made_up_load() -> pd.Series[float]:
    """Return a year of 100 MW of computers and their cooling: PUE of 1.10, and 0.006 for each degree above 15."""
    local = local_year(YEAR, ZONE).tz_convert(ZONE)
    rng = np.random.default_rng(7)
    spells = np.zeros(366)
    for day in range(1, 366):
        spells[day] = 0.75 * spells[day - 1] + rng.normal(0.0, 2.5)
    day, hour = local.dayofyear.to_numpy(), local.hour.to_numpy()
    degrees = (
        15.0 - 13.0 * np.cos(2 * np.pi * (day - 20) / 365) + spells[day - 1] - 5.0 * np.cos(2 * np.pi * (hour - 4) / 24)
    )
    mw = 100.0 * (1.10 + 0.006 * np.clip(degrees - 15.0, 0.0, None))
    return pd.Series(mw, index=local.tz_convert("UTC"))


def chosen_days(
    load: pd.Series[float], per_quarter: int, peak_days: str
) -> tuple[RepresentativeDays, np.ndarray[Any, Any]]:
    """Choose real days: those nearest the means of so many groups of days by mean load, and the peak days.

    ``peak_days``: "month" declares the day of highest load of every month, "quarter" that of the quarter for all three.
    """
    local = load.tz_convert(ZONE)
    table = local.groupby([local.index.strftime("%m-%d"), local.index.hour]).mean().unstack().ffill(axis=1)
    month = table.index.str[:2].astype(int).to_numpy()
    quarters, weights, peaks, rows = [], [], [], []
    for quarter in range(1, 5):
        within = table[(month - 1) // 3 + 1 == quarter]
        for group in np.array_split(np.argsort(within.mean(axis=1).to_numpy(), kind="stable"), per_quarter):
            means = within.iloc[group].mean(axis=1)
            rows.append(within.loc[(means - means.mean()).abs().idxmin()].to_numpy())
            quarters.append(quarter)
            weights.append(float(len(group)))
            peaks.append(())
    spans = [(m,) for m in range(1, 13)] if peak_days == "month" else [(q, q + 1, q + 2) for q in (1, 4, 7, 10)]
    for span in spans:
        within = table[np.isin(month, span)]
        rows.append(within.loc[within.max(axis=1).idxmax()].to_numpy())
        quarters.append((span[0] - 1) // 3 + 1)
        weights.append(0.0)
        peaks.append(span)
    return RepresentativeDays(quarters, weights, peaks), np.array(rows)


def measured_errors() -> dict[tuple[str, str], pd.Series[float]]:
    """Return, for each charge, the error of the year's bill [share] by choice of days."""
    load = made_up_load()
    columns = {}
    for label, count, peaks in CHOICES:
        days, mw = chosen_days(load, count, peaks)
        columns[label] = representative_errors(shaped_tariff(), load, days, mw, Context(before="same"))["error"]
    table = pd.DataFrame(columns)
    return {(str(kind), str(charge)): table.loc[(kind, charge)] for kind, charge in table.index}


CHOICES = (
    ("12 days, a peak day a month", 3, "month"),
    ("4 days, a peak day a month", 1, "month"),
    ("12 days, a peak day a quarter", 3, "quarter"),
)


def errors_table() -> str:
    """Write the errors as a table."""
    lines = [f"| charge | {' | '.join(label for label, _, _ in CHOICES)} |", "|---|" + "---:|" * len(CHOICES)]
    for (kind, charge), errors in measured_errors().items():
        lines.append(f"| {' '.join((kind, charge)).strip()} | {' | '.join(f'{error:+.2%}' for error in errors)} |")
    return "\n".join(lines)


def main() -> int:
    """Write the page, or say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = page_text()
    if parser.parse_args().check:
        return int(text != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
