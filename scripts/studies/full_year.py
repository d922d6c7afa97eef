"""Add the days that a plan has wrong, solve again, and say by how much the difference to the full year falls.

    python scripts/studies/full_year.py quick --add 4 --rounds 3 --out outputs/full_year

Each round runs the case, runs its plan through all 8,760 hours, and adds the days on which it was most wrong. The table
at the end is Markdown; ``rounds.csv`` in the folder has the same figures. The last row is the plan of all 365 days, if
asked for with ``--every-day``: what adding days comes near to.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
from pathlib import Path
from typing import Any

import grid_opt as go
from grid_opt.atomic import write_text
from grid_opt.config import Case, with_overrides
from grid_opt.study.redispatch.run import default_workers, with_days

COLUMNS = ("days", "plan_musd", "full_year_musd", "difference_percent", "daily_error_percent", "sites", "run_s")


class Progress:
    """Print what is going on to stderr."""

    def stage(self, text: str) -> None:
        """Print a stage."""
        print(f"  {text}", file=sys.stderr, flush=True)

    def search(self, news: object) -> None:
        """Say nothing of the search."""


def one_round(case: Case, folder: Path, add: int) -> tuple[dict[str, Any], list[str]]:
    """Run a case and its full year; return a row of the table and the days to add."""
    began = time.monotonic()
    done = go.run(case, out=folder, progress=Progress(), pictures=False)
    took = time.monotonic() - began
    year = go.redispatch(folder / "plan.nc", add_days=add, workers=default_workers(), progress=Progress())
    total = sum(float(done.plan[n].sum()) for n in done.plan.data_vars if str(n).startswith("cost_")) / 1e6
    halls = done.plan["halls"].isel(quarter=-1).to_series()
    sites = ", ".join(f"{region} {round(count)}" for region, count in halls.items() if count > 0.5)
    row = {
        "days": len(done.plan["slice"]) // 24,
        "plan_musd": round(total, 3),
        "full_year_musd": round(total + year.summary["difference_usd"] / 1e6, 3),
        "difference_percent": round(year.summary["difference_percent"], 3),
        "daily_error_percent": round(year.summary["daily_error_percent"], 2),
        "sites": sites,
        "run_s": round(took, 1),
    }
    return row, year.summary["add_days"]


def main() -> None:
    """Run the rounds that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", help="name of a bundled case, or the path of a case file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one knob of the case")
    parser.add_argument("--add", type=int, default=4, help="days added each round")
    parser.add_argument("--rounds", type=int, default=3, help="how often days are added")
    parser.add_argument("--every-day", action="store_true", help="also solve with all 365 days")
    parser.add_argument("--out", type=Path, default=Path("outputs/full_year"), help="folder of results")
    asked = parser.parse_args()
    case, rows = go.load_case(asked.case, asked.set), []
    for number in range(asked.rounds + 1):
        row, worst = one_round(case, asked.out / f"round_{number}", asked.add)
        rows.append(row)
        case = with_days(case, worst)
    if asked.every_day:
        every = with_overrides(case, ["energy.days=365", "energy.extra_days=[]"])
        rows.append(one_round(every, asked.out / "every_day", 0)[0])
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(asked.out / "rounds.csv", text.getvalue())
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for row in rows:
        print("| " + " | ".join(str(row[name]) for name in COLUMNS) + " |")


if __name__ == "__main__":
    main()
