"""Rebuild every bundled table: ``python scripts/data/build_tables.py --shared ../shared``.

``--check`` writes nothing and fails when a committed table differs from a rebuild.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import table_basis
import table_carbon
import table_environment
import table_headroom
import table_links
import table_prices
import table_queue
import table_regions
import table_surplus
import table_zones
from shared_inputs import DATA, DEFAULT_SHARED, Row, SharedInputs, csv_text

Builder = Callable[[SharedInputs], list[Row]]

TABLES: dict[str, tuple[Sequence[str], Builder]] = {
    "zones.csv": (table_zones.COLUMNS, table_zones.zone_rows),
    "regions.csv": (table_regions.COLUMNS, table_regions.region_rows),
    "links.csv": (table_links.COLUMNS, table_links.link_rows),
    "headroom.csv": (table_headroom.COLUMNS, table_headroom.headroom_rows),
    "surplus.csv": (table_surplus.COLUMNS, table_surplus.surplus_rows),
    "capacity_prices.csv": (table_prices.CAPACITY_COLUMNS, table_prices.capacity_rows),
    "gas_outlook.csv": (table_prices.GAS_COLUMNS, table_prices.gas_rows),
    "wholesale_outlook.csv": (table_prices.WHOLESALE_COLUMNS, table_prices.wholesale_rows),
    "ppa_offers.csv": (table_queue.columns(), table_queue.offer_rows),
    "basis.csv": (table_basis.COLUMNS, table_basis.basis_rows),
    "emissions.csv": (table_carbon.EMISSION_COLUMNS, table_carbon.emission_rows),
    "emission_shapes.csv": (table_carbon.SHAPE_COLUMNS, table_carbon.shape_rows),
    "environment.csv": (table_environment.COLUMNS, table_environment.environment_rows),
}


def print_statistics(rows: dict[str, list[Row]]) -> None:
    """Print the totals that a reader of the tables wants to see first."""
    headroom = pd.DataFrame(rows["headroom.csv"]).astype({"headroom_mw": float})
    print("headroom, MW over all regions by quarter:")
    print(headroom.groupby("quarter")["headroom_mw"].sum().round(0).to_string())
    last = headroom[headroom["quarter"] == "2028Q4"].set_index("region")["headroom_mw"]
    print(f"regions below 250 MW in 2028Q4: {(last < 250).sum()} of {len(last)}")
    surplus = pd.DataFrame(rows["surplus.csv"]).astype({"surplus_mw": float})
    grouped = surplus.groupby(["year", "stress"])["surplus_mw"]
    print("surplus, MW by year and stress:")
    print(grouped.agg(total="sum", median="median", empty=lambda s: (s < 1).sum()).to_string())


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or check the tables; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=DEFAULT_SHARED, help="folder of the source files")
    parser.add_argument("--check", action="store_true", help="only compare the committed tables with a rebuild")
    options = parser.parse_args(arguments)
    shared = SharedInputs(options.shared)
    rows = {name: build(shared) for name, (_, build) in TABLES.items()}
    stale = []
    for name, (columns, _) in TABLES.items():
        text = csv_text(columns, rows[name])
        path = DATA / name
        if not options.check:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {name}: {len(rows[name])} rows")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"These tables differ from a rebuild: {', '.join(stale)}. Run scripts/data/build_tables.py.")
        return 1
    if not options.check:
        print_statistics(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
