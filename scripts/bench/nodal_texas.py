"""Make the synthetic Texas case, run it as a user would, and say how long each step took and what came out.

    python scripts/bench/nodal_texas.py --wheel powersimdata-0.5.5-py3-none-any.whl --markdown

``--markdown`` puts the table into docs/networks.md. Without ``--wheel`` the installed package powersimdata is used.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
PAGE = ROOT / "docs" / "networks.md"
BEGIN, END = "<!-- texas: begin -->", "<!-- texas: end -->"


class Clock:
    """Note when each stage of a run began."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.stages: list[tuple[float, str]] = []

    def stage(self, text: str) -> None:
        self.stages.append((time.monotonic() - self.began, text))

    def search(self, news: Any) -> None:
        del news

    def at(self, start: str) -> float:
        """Return when the first stage that begins so began [s]."""
        return next(when for when, text in self.stages if text.startswith(start))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="the wheel of powersimdata 0.5.5")
    parser.add_argument("--markdown", action="store_true", help="put the table into docs/networks.md")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, str(ROOT / "scripts" / "network" / "texas.py"), "--out", str(folder)]
        subprocess.run([*command, *(["--wheel", str(asked.wheel)] if asked.wheel else [])], check=True)
        text = measure(folder)
    print(text)
    if asked.markdown:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN, 1)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")
    return 0


def measure(folder: Path) -> str:
    """Run the case and return the report."""
    from grid_opt.study.run import run  # noqa: PLC0415 -- the clock starts after the imports

    clock = Clock()
    result = run(folder / "texas.toml", out=folder / "out", progress=clock)
    whole = time.monotonic() - clock.began
    nodal, objective = result.summary["nodal"], result.summary["objective"]
    sites = ", ".join(f"{s['name']} {s['it_mw']:,.0f} MW IT" for s in result.summary["sites"])
    ends = [clock.at(step) for step in ("dispatching", "building the model of record", "writing", "drawing")]
    found = next(float(m[1]) for _, t in clock.stages if (m := re.match(r"Optimal after ([\d.]+) s", t)))
    first = clock.at("limits of lines")
    certified = clock.at("certified")
    rows = {
        "read files and tables": ends[0],
        "dispatch without campuses, every hour": first - ends[0],
        "linear relaxation, until no limit is broken": certified - first - found,
        "mixed-integer program": found,
        "model of record, prices": ends[2] - certified,
        "write and verify the plan": ends[3] - ends[2],
        "GeoPackage and map": whole - ends[3],
        "all": whole,
    }
    costs, candidates = result.summary["costs"], len(nodal["local_price_usd_per_mwh"])
    years = len(nodal["lost_load_mwh_by_year"])
    lines = [
        f"The Texas case: {nodal['buses']:,} buses, {nodal['branches']:,} branches, {candidates} candidates, "
        f"{nodal['hours']} hours in each of {years} operating years, N-1. Gap "
        f"{100 * objective['gap_fraction']:.2f} % of {objective['value']:,.0f} million USD, of which generation "
        f"{costs['generation_musd']:,.0f}; {nodal['watched_limits']:,} limits in the model, "
        f"{nodal['limits_over_rating_without_campuses']:,} of them over their rating without campuses too. {sites}. "
        f"{result.report.closing.capitalize()}. {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}.",
        "",
        "| step | seconds |",
        "|---|---:|",
        *(f"| {step} | {seconds:,.0f} |" for step, seconds in rows.items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
