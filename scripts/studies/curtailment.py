"""Say how much sooner a plan is energized, and what that saves, when service that may be called is allowed.

    python scripts/studies/curtailment.py quick --shares 0 0.0025 0.01 --out outputs/curtailment

runs the case once for every share of a year's energy that calls may take, each into a folder of its own, and compares
the plans with that of the first share: for every step of IT power the quarter in which it is reached, by how many
quarters sooner, and the objective. The knob is ``connection.max_curtailment_fraction_of_energy``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from grid_opt.errors import ExitCode, GridOptError
from grid_opt.plan.summary import it_mw
from grid_opt.report.frames import case_of
from grid_opt.study.run import run

_ROUNDING_MW = 1e-6


def reached(plan: xr.Dataset, step_mw: float) -> dict[float, str]:
    """Return the first quarter in which the IT power of all campuses reaches each multiple of a step [MW]."""
    power = it_mw(plan, case_of(plan)).sum("region")
    quarters, found, level = [str(quarter) for quarter in plan["quarter"].values], {}, step_mw
    for quarter, mw in zip(quarters, power.values.tolist(), strict=True):
        while level <= mw + _ROUNDING_MW:
            found[level] = quarter
            level += step_mw
    return found


def compare(plans: dict[float, xr.Dataset], step_mw: float) -> pd.DataFrame:
    """Return one row per step of IT power: the quarter by share, and the quarters sooner than at the first share."""
    by_share = {share: reached(plan, step_mw) for share, plan in plans.items()}
    first, *others = by_share
    order = {str(quarter): n for n, quarter in enumerate(plans[first]["quarter"].values)}
    rows = []
    for level in sorted({level for levels in by_share.values() for level in levels}):
        row: dict[str, object] = {"it_mw": level}
        row |= {f"at_{share:g}": levels.get(level, "never") for share, levels in by_share.items()}
        for share in others:
            before, after = by_share[first].get(level), by_share[share].get(level)
            known = before is not None and after is not None
            row[f"sooner_{share:g}"] = order[str(before)] - order[str(after)] if known else ""
        rows.append(row)
    return pd.DataFrame(rows)


def saving(base: xr.Dataset, plan: xr.Dataset) -> str:
    """Return by how much the objective fell, with what the bounds of the two plans prove about their optima."""
    found = float(base.attrs["objective"]) - float(plan.attrs["objective"])
    least = float(base.attrs["bound"]) - float(plan.attrs["objective"])
    most = float(base.attrs["objective"]) - float(plan.attrs["bound"])
    return f"{found:,.1f} (proven: {least:,.1f} to {most:,.1f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, compare, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", help="name of a bundled case, or path of a case file")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.01], help="the first is compared with")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a knob, as in `run`")
    parser.add_argument("--step-mw", type=float, default=20.0, help="step of IT power [MW]")
    parser.add_argument("--out", type=Path, default=Path("outputs/curtailment"), help="folder of the plans")
    options = parser.parse_args(arguments)
    plans: dict[float, xr.Dataset] = {}
    worst = ExitCode.DONE
    try:
        for share in options.shares:
            knobs = [*options.set, f"connection.max_curtailment_fraction_of_energy={share}"]
            result = run(options.case, overrides=knobs, out=options.out / f"share_{share:g}")
            plans[share], worst = result.plan, max(worst, result.exit_code)
    except GridOptError as error:
        print(f"at a share of {share:g}: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(compare(plans, options.step_mw).to_string(index=False))
    base = plans[options.shares[0]]
    for share, plan in plans.items():
        unit, gap = plan.attrs["objective_unit"], 100 * float(plan.attrs["gap"])
        told = f"share {share:g}: objective {plan.attrs['objective']:,.1f} {unit} (gap {gap:.2g} %)"
        print(told if plan is base else f"{told}; {saving(base, plan)} {unit} less")
    return int(worst)


if __name__ == "__main__":
    sys.exit(main())
