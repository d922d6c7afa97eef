"""Measure how time and memory of a run grow with the regions and with the days of a case.

Each point is a run of the default case in a fresh process, with so many of its candidate regions (those of most
headroom first) and so many representative days, until the gap of the case or its limit of time. Beyond the 40
candidates, all 90 zones are: those that are none in the tables take what is said of the nearest candidate, of their
own market where it has one, and keep their own prices, links and surplus. Growth is the slope of a line through the
logarithms: 1 is proportional.

    python scripts/bench/scaling.py --regions 10 20 40 90 --days 4 12 36 365 --markdown
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grid_opt.atomic import write_text
from grid_opt.config import load_case
from grid_opt.formulation.model import build_arrays
from grid_opt.inputs.tables import read_table
from grid_opt.inputs.world import build_world
from grid_opt.resources import data_dir
from grid_opt.solve.answer import Options
from grid_opt.solve.arrays import matrix_of
from grid_opt.solve.extract import counted, layout
from grid_opt.solve.search import search
from grid_opt.solve.tighten import tightened
from grid_opt.study.plan_case import decomposes

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- scaling: begin -->", "<!-- scaling: end -->"
MIDDLE_DAYS = 12


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regions", type=int, nargs="+", default=[10, 20, 40, 90], help="numbers of candidate regions")
    parser.add_argument("--days", type=int, nargs="+", default=[4, 12, 36, 365], help="numbers of representative days")
    parser.add_argument("--most", type=int, default=40, help="candidate regions at all those days (default: 40)")
    parser.add_argument("--markdown", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--point", type=int, nargs=2, metavar=("REGIONS", "DAYS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.point is not None:
        print(json.dumps(measure(*options.point)))
        return 0
    text = table(options.regions, options.days, options.most)
    print(text)
    if options.markdown:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN, 1)
        write_text(PAGE, f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")
    return 0


def table(regions: Sequence[int], days: Sequence[int], most: int) -> str:
    """Measure every number of regions at a middle number of days, and every number of days with so many regions."""
    points = [(n, MIDDLE_DAYS) for n in regions] + [(most, d) for d in days if d != MIDDLE_DAYS]
    found = {point: _fresh(*point) for point in points}
    lines = [
        "| regions | days | rows | columns | build, s | search, s | gap | peak MB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (n, d), one in found.items():
        gap = f"{one['gap']:.2%}" if one["gap"] is not None else "no plan"
        lines.append(f"| {n} | {d} | {one['rows']:,} | {one['columns']:,} | {one['build_s']:.1f} | "
                     f"{one['search_s']:.1f} | {gap} | {one['peak_mb']:,.0f} |")  # fmt: skip
    by_regions = [(n, found[n, MIDDLE_DAYS]) for n in regions]
    by_days = [(d, found[most, d]) for d in sorted({*days, MIDDLE_DAYS}) if (most, d) in found]
    for words, some in (("regions", by_regions), ("days", by_days)):
        told = ", ".join(f"{what} {_growth(some, name):.2f}" for what, name in
                         (("building", "build_s"), ("searching", "search_s"), ("memory", "peak_mb")))  # fmt: skip
        lines += ["", f"Growth with {words}: {told}."]
    return "\n".join(lines)


def _growth(some: Sequence[tuple[int, dict[str, Any]]], name: str) -> float:
    if len(some) < 2:
        return float("nan")
    size, value = np.log([n for n, _ in some]), np.log([max(one[name], 1e-3) for _, one in some])
    return float(np.polyfit(size, value, 1)[0])


def _fresh(regions: int, days: int) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), "--point", str(regions), str(days)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{regions} regions, {days} days failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{regions} regions, {days} days: {found}", file=sys.stderr)
    return found


def widen(folder: Path) -> None:
    """Write tables in which every zone is a candidate region."""
    zones = pd.read_csv(data_dir() / "zones.csv", dtype=str, keep_default_na=False)
    place = zones[["latitude_deg", "longitude_deg"]].astype(float).to_numpy()
    candidate = np.flatnonzero(zones["is_candidate"] == "1")
    like: dict[str, list[str]] = {}
    for n, zone in enumerate(zones["zone"]):
        own = candidate[zones["market"][candidate] == zones["market"][n]]
        among = own if len(own) else candidate
        nearest = among[np.argmin(((place[among] - place[n]) ** 2).sum(axis=1))]
        like.setdefault(zones["zone"][nearest], []).append(zone)
    zones.assign(is_candidate="1").to_csv(folder / "zones.csv", index=False)
    for file in sorted(data_dir().glob("*.csv")):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        if "region" in table.columns:
            wide = table.assign(region=table["region"].map(like)).explode("region")
            wide.to_csv(folder / file.name, index=False)


def measure(regions: int, days: int) -> dict[str, Any]:
    """Build and search one case."""
    with tempfile.TemporaryDirectory() as folder:
        tables = Path(folder) if regions > len(read_table("regions", None)) else None
        if tables is not None:
            widen(tables)
        headroom = read_table("headroom", tables)
        order = headroom.groupby("region")["headroom_mw"].max().sort_values(ascending=False, kind="stable").index
        knobs = [f"regions.include={json.dumps(sorted(order[:regions]))}", f"energy.days={days}"]
        case = load_case("us_750mw", knobs + ([] if tables is None else [f"data.tables_dir={json.dumps(folder)}"]))
        world = build_world(case)
    began = time.perf_counter()
    model = build_arrays(case, world)
    matrix = matrix_of(model)
    built = time.perf_counter()
    where = layout(matrix, model) if decomposes(case, regions) else None
    wanted = Options(gap=case.solve.gap, time_limit_s=case.solve.time_limit_s, threads=case.solve.threads)
    answer = search(tightened(matrix), counted(matrix, model), where, wanted)
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0**2 if sys.platform == "darwin" else 1024.0)
    return {
        "rows": matrix.shape[0], "columns": matrix.shape[1], "build_s": built - began, "search_s": ended - built,
        "gap": answer.gap if answer.x is not None else None, "peak_mb": peak,
    }  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
