"""Write the plan as tidy CSV tables for spreadsheets, units in the column names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.errors import InputError
from grid_opt.plan.bill_summary import bill_lines
from grid_opt.plan.contract_summary import contract_table, upgrade_table
from grid_opt.plan.footprint_summary import footprint_table, has_ledgers
from grid_opt.plan.supply_summary import supply_tables
from grid_opt.report import fleet_frames, frames, nodal_frames
from grid_opt.report.csv_text import to_csv
from grid_opt.report.terminal import COST_WORDS
from grid_opt.report.why_frames import has_reasons, why_table
from grid_opt.report.words import plain


def write_csv(plan: xr.Dataset, folder: str | Path) -> list[Path]:
    """Write every table of ``plan`` to ``folder`` and return their paths.

    Tables: ``sites``, ``build_out``, ``costs`` (present value), ``energy``, ``prices``, ``carbon_and_water``, ``links``
    (``lines`` at the buses of a network), ``link_flows`` by quarter; with an explanation ``why``, with a menu of offers
    also ``contracts`` (and ``upgrades``), with sources beside wholesale ``power_contracts``, ``forward_blocks`` and
    ``onsite``, with tariffs ``bills``, with a fleet ``fleet``, ``deliveries``, ``requests`` and ``unserved``. UTF-8,
    comma, decimal point, full precision, one header line. The folder is made when it is missing.

    Raises: OSError, naming the file, when the disk is full or the folder is read-only.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables_of(plan).items():
        path = folder / f"{name}.csv"
        write_text(path, to_csv(table))
        written.append(path)
    return written


def write_bills(plan: xr.Dataset, path: str | Path) -> None:
    """Write the bills of ``plan``, month by month and line by line, as one CSV file.

    Raises: InputError for a plan that pays no tariffs; OSError when the file cannot be written.
    """
    if "bill_usd" not in plan:
        raise InputError(
            "the plan has no bills: its case does not pay tariffs", field="tariffs.charge", value=False,
            expected="true", fix="run the case with --set tariffs.charge=true",
        )  # fmt: skip
    write_text(Path(path), to_csv(bill_lines(plan)))


def tables_of(plan: xr.Dataset) -> dict[str, pd.DataFrame]:
    """Return the tables by name; those of the fleet only where the plan chose its computers."""
    of_fleet = {
        "fleet": fleet_frames.fleet,
        "deliveries": fleet_frames.deliveries,
        "requests": fleet_frames.requests,
        "unserved": fleet_frames.unserved,
    }
    found = {
        "sites": frames.sites(plan).reset_index(),
        "build_out": frames.build_out(plan),
        "costs": _costs(plan),
        "energy": frames.energy(plan),
        "prices": frames.prices(plan),
        **({"contracts": contract_table(plan)} if "contract" in plan else {}),
        **({"bills": bill_lines(plan)} if "bill_usd" in plan else {}),
        **({"upgrades": upgrade_table(plan)} if "built" in plan else {}),
        **supply_tables(plan),
        **({"carbon_and_water": footprint_table(plan)} if has_ledgers(plan) else {}),
        **({"lines": nodal_frames.lines(plan).reset_index()} if "bus" in plan.dims else {}),
        **({"links": frames.links(plan).reset_index()} if "link" in plan.dims else {}),
        **({"link_flows": frames.link_flows(plan)} if "link_flow" in plan else {}),
        **({"why": why_table(plan)} if has_reasons(plan) else {}),
    }
    return found | ({name: make(plan) for name, make in of_fleet.items()} if "systems" in plan else {})


def _costs(plan: xr.Dataset) -> pd.DataFrame:
    """Return every cost that is not zero, its term also in words."""
    table = frames.costs(plan).query("cost_musd != 0")
    table.insert(3, "cost", [COST_WORDS.get(str(term), plain(term, 40)) for term in table["term"]])
    return table
