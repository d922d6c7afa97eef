"""Measure the pages, maps and exports of a plan of 90 regions and 12 quarters, in megabytes and seconds.

No bundled case has so many candidate regions, so a solved plan is widened: its regions are repeated, with whatever is
built in them, until there are as many as asked for, each at a zone of its own. The plan is larger than any that a case
of this size would build (campuses in twenty regions or more), and its limits do not hold; only its size matters here.

    grid-opt run us_750mw
    python scripts/bench/pages.py outputs/us_750mw/plan.nc
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from grid_opt.plan.geometry import Outlines
from grid_opt.plan.io import open_plan, read_outlines
from grid_opt.report.geopackage import write_geopackage
from grid_opt.report.gis_files import write_geojson, write_geoparquet
from grid_opt.report.iamc import write_iamc
from grid_opt.report.map_html import write_map_html
from grid_opt.report.map_static import write_map
from grid_opt.report.report_html import write_report
from grid_opt.report.workbook import write_workbook
from grid_opt.verify import verify

SECONDS = 10.0
MEGABYTES = {"map.html": 2.0, "report.html": 6.0}
"""What a page may take at most; the others have no limit of size."""


@dataclass(frozen=True)
class Measured:
    """What an output took."""

    name: str
    megabytes: float
    seconds: float

    @property
    def ok(self) -> bool:
        return self.seconds < SECONDS and self.megabytes < MEGABYTES.get(self.name, float("inf"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path, help="a plan of zones, such as outputs/us_750mw/plan.nc")
    parser.add_argument("--regions", type=int, default=90)
    asked = parser.parse_args(arguments)
    found = verify(asked.plan).to_dict()
    plan, outlines = widened(open_plan(asked.plan), asked.regions), read_outlines(asked.plan) or None
    campuses = int((plan["site"][:, -1] > 0.5).sum())
    print(f"{plan.sizes['region']} regions, {plan.sizes['quarter']} quarters, {campuses} campuses")
    print("| output | MB | seconds | limit |\n|---|---:|---:|---|")
    every = measured(plan, outlines, found)
    for one in every:
        limit = f"{MEGABYTES[one.name]:g} MB, {SECONDS:g} s" if one.name in MEGABYTES else f"{SECONDS:g} s"
        print(f"| `{one.name}` | {one.megabytes:.2f} | {one.seconds:.1f} | {limit}{'' if one.ok else ': PASSED'} |")
    return 0 if all(one.ok for one in every) else 1


def widened(plan: xr.Dataset, regions: int) -> xr.Dataset:
    """Return the plan with its regions repeated until there are ``regions``, at zones that had none."""
    known = [str(label) for label in plan["region"].values]
    spare = [str(zone) for zone in plan["zone"].values if str(zone) not in set(known)]
    if regions - len(known) > len(spare):
        raise SystemExit(f"the plan has {len(known)} regions and {len(spare)} zones more: ask for fewer than {regions}")
    wide = plan.isel(region=[k % len(known) for k in range(regions)])
    return wide.assign_coords(region=(known + spare)[:regions])


def measured(plan: xr.Dataset, outlines: Outlines | None, verification: dict[str, object]) -> list[Measured]:
    """Write every output of a plan once, and return what it took."""
    writers: dict[str, Callable[[Path], object]] = {
        "map.html": lambda path: write_map_html(plan, path, outlines),
        "report.html": lambda path: write_report(plan, path, verification, outlines),
        "map.png": lambda path: write_map(plan, path, outlines=outlines),
        "plan.gpkg": lambda path: write_geopackage(plan, path, outlines),
        "plan.xlsx": lambda path: write_workbook(plan, path),
        "iamc.csv": lambda path: write_iamc(plan, path),
        "geojson": lambda path: write_geojson(plan, path, outlines),
        "geoparquet": lambda path: write_geoparquet(plan, path, outlines),
    }
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, write in writers.items():
            path, start = Path(folder) / name, time.perf_counter()
            write(path)
            seconds = time.perf_counter() - start
            files = [path] if path.is_file() else list(path.iterdir())
            found.append(Measured(name, sum(file.stat().st_size for file in files) / 1e6, seconds))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
