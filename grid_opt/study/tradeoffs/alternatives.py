"""Find plans that cost nearly the same and stand elsewhere: modelling to generate alternatives.

What a model leaves out may favor another plan than the cheapest (Brill, Management Science 25, 1979; Brill, Chang and
Hopkins, Management Science 28, 1982). The distance of two plans is the number of regions in which one has a campus at
the end and the other has not: the Hamming distance of their sites. Starting with the cheapest plan, the next one is
always one of those farthest from all before it, by the least distance to any, that cost at most the asked share more;
and of these the cheapest. For a distance ``d`` that is an ordinary program, the least costs with at most
:math:`|R| - d` regions alike; costs rise with ``d``, so that the largest ``d`` within the slack is found by bisection,
and a program whose bound is beyond the slack proves that none is farther.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.config import Case, case_from_toml
from grid_opt.errors import ExitCode, InfeasibleError, InputError
from grid_opt.plan.io import open_plan
from grid_opt.report import style
from grid_opt.report.tradeoff_charts import draw_alternatives
from grid_opt.study.cases import resolve_case
from grid_opt.study.progress import Listener
from grid_opt.study.sweeps.cube import write_cube
from grid_opt.study.tradeoffs.points import Point, Points, gravest, refuse_other_goals, study
from grid_opt.study.tradeoffs.tables import attributes, rows_of, table_text
from grid_opt.verify import verify

TABLE_NC, TABLE, PICTURE, SUMMARY = "alternatives.nc", "alternatives.csv", "alternatives.png", "summary.json"
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Alternative:
    """A plan, by how many regions it differs from the nearest one before it, and whether that is proven the most."""

    point: Point
    differs: int
    proven: bool


def share_of(text: str) -> float:
    """Read a share, as ``2%`` or ``0.02``.

    Raises:
        InputError: it is none.
    """
    try:
        share = float(text[:-1]) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise InputError("this is no share of the costs", field="--within", value=text, expected="such as 2% or 0.02")
    return share


def alternatives(
    ref: str | Path | Case,
    within: float = 0.02,
    count: int = 5,
    *,
    distance: int = 1,
    overrides: Sequence[str] = (),
    hours_file: str | Path | None = None,
    case_folder: str | Path | None = None,
    out: str | Path | None = None,
    progress: Listener | None = None,
) -> dict[str, Any]:
    """Find ``count`` plans of a case, the cheapest among them, and write them into ``out``.

    ``ref`` is a case or a plan file; of a plan, its costs are what the others may exceed by the share ``within``. Each
    two plans differ in ``distance`` regions at least. The folder (default ``outputs/<case>_alternatives``) gets
    ``alternatives.nc``, ``alternatives.csv``, ``alternatives.png``, ``summary.json`` and every plan. Given again, the
    same call goes on where it was interrupted.

    Raises:
        InputError: the case or the plan is refused.
        InfeasibleError: the case has no plan.
        SolverError: a program could not be solved.
    """
    if count < 1 or distance < 1:
        field, value = ("--count", count) if count < 1 else ("--distance", distance)
        raise InputError("this asks for nothing", field=field, value=value, expected="1 or more")
    given = None
    if isinstance(ref, str | Path) and str(ref).endswith(".nc"):
        case, given = _given(Path(ref), overrides, case_folder)
    else:
        case = resolve_case(ref, overrides, hours_file)
    refuse_other_goals(case)
    folder = Path(out) if out is not None else Path("outputs") / f"{case.name}_alternatives"
    with study(folder, case, progress) as program:
        first = given or program.solve("the cheapest plan", {})
        if first.plan is None:
            raise InfeasibleError(f"the case has no plan: {first.reason}; see grid-opt run")
        search = _Search(program, first, within, distance)
        while len(search.found) < count and search.find():
            pass
        return _finish(program, search, within)


def _given(path: Path, overrides: Sequence[str], case_folder: str | Path | None) -> tuple[Case, Point]:
    """Return the case of a plan file, and the plan, once it is verified."""
    if overrides:
        raise InputError("a plan has its case", field="--set", value=overrides[0], expected="no --set with a plan",
                         fix="run the changed case, or name a case instead of the plan")  # fmt: skip
    plan, here = open_plan(path), Path(case_folder) if case_folder is not None else Path()
    case = case_from_toml(str(plan.attrs["case_toml"]), source=here / "case.toml")
    report = verify(path, case_folder=here)
    if not report.ok:
        raise InputError("this plan fails its verification", file=path, value=report.closing, expected="a sound plan")
    done = str(plan.attrs["status"]) == "optimal"
    code = ExitCode.DONE if done else ExitCode.GAP_NOT_REACHED
    return case, Point("the plan", path.parent, code, "", plan)


class _Search:
    """Hold the plans found so far while farther ones are sought."""

    def __init__(self, program: Points, first: Point, within: float, distance: int) -> None:
        self.program, self.least = program, distance
        self.limit = first.objective + within * abs(first.objective)
        self.regions = 0 if first.plan is None else first.plan.sizes["region"]
        self.found = [Alternative(first, 0, True)]
        self.tried: list[Point] = []
        self.most = self.regions  # no plan to come is farther than the one before it

    def find(self) -> bool:
        """Add the cheapest of the farthest plans; return whether there is one."""
        sets = [one.point.sites for one in self.found]
        largest = min(len(sites) for sites in sets) + self.program.case.campus.max_sites
        low, high = self.least - 1, min(self.most, self.regions, largest)
        best: Point | None = None
        proven = self.found[-1].proven
        at = self.least
        while low < high:
            point, beyond = self._at(at, sets)
            if point is not None:
                best, low = point, max(at, nearest_distance(point, sets))
            else:
                high, proven = at - 1, beyond
            at = (low + high + 1) // 2
        if best is None:
            return False
        self.most = high
        self.found.append(Alternative(best, nearest_distance(best, sets), proven))
        return True

    def _at(self, distance: int, sets: Sequence[tuple[str, ...]]) -> tuple[Point | None, bool]:
        """Return the cheapest plan so far away, if within the slack; and else whether there is proven to be none."""
        label = f"plan {len(self.found) + 1}: {distance} regions or more from those before"
        asked = {"references": [list(one) for one in sets], "most.alike": float(self.regions - distance)}
        point = self.program.solve(label, asked)
        if point.exit_code == ExitCode.NO_PLAN:
            self.tried.append(point)
        if point.plan is None:
            return None, point.exit_code == ExitCode.INFEASIBLE
        self.tried.append(point)
        if point.objective <= self.limit * (1.0 + _ROUNDING):
            return point, False
        return None, point.bound > self.limit


def nearest_distance(point: Point, sets: Sequence[tuple[str, ...]]) -> int:
    """Return in how many regions the sites of a plan differ from those of the nearest of some sets."""
    return min(len(set(point.sites) ^ set(sites)) for sites in sets)


def _finish(program: Points, search: _Search, within: float) -> dict[str, Any]:
    """Write what was found."""
    case, folder = program.case, program.folder
    found = _table(case, search)
    write_cube(found, folder / TABLE_NC)
    rows = rows_of(found)
    write_text(folder / TABLE, table_text(rows))
    first = search.found[0].point.plan
    assert first is not None
    with style.look():
        figure = draw_alternatives(found, first, program.outlines, case.title or case.name)
    style.save(figure, folder / PICTURE)
    code = gravest([*(one.point for one in search.found), *search.tried])
    summary = {
        "case": case.name,
        "within": within,
        "folder": str(folder),
        "exit_code": int(code),
        "solved": program.solved,
        "reused": program.reused,
        "limit_musd": search.limit,
        "alternatives": rows,
        "distances": found["distance"].values.tolist(),
    }
    write_text(folder / SUMMARY, json.dumps(summary, indent=2, sort_keys=True, allow_nan=False) + "\n")
    return summary


def _table(case: Case, search: _Search) -> xr.Dataset:
    """Return the plans by (alternative, ...): costs, sites, and the distances of each two."""
    plans, base = search.found, search.found[0].point.objective
    numbers = np.arange(1, len(plans) + 1)
    table = xr.Dataset(coords={"alternative": numbers, "other": numbers}, attrs=attributes(case, "alternatives"))

    def add(name: str, values: Sequence[float], unit: str, meaning: str) -> None:
        table[name] = ("alternative", np.asarray(values), {"units": unit, "long_name": meaning})

    add("cost", [one.point.objective for one in plans], "million USD", "all costs of the case, present value")
    add("cost_bound", [one.point.bound for one in plans], "million USD", "least costs proven of all plans as far away")
    add("extra_share", [(one.point.objective - base) / abs(base) for one in plans], "1",
        "costs beyond those of the first plan, as a share of these")  # fmt: skip
    add("differs", [one.differs for one in plans], "1", "regions in which it differs from the nearest plan before it")
    add("farthest", [float(one.proven) for one in plans], "1", "1 where no plan within the slack is proven farther")
    add("exit_code", [float(one.point.exit_code) for one in plans], "1", "exit code of the plan by itself")
    power = [one.point.site_mw(case) for one in plans]
    table["it_mw"] = xr.concat(power, dim="alternative").transpose("alternative", "region").reset_coords(drop=True)
    table["it_mw"].attrs = {"units": "MW", "long_name": "IT power in service through the last quarter"}
    apart = [[len(set(a.point.sites) ^ set(b.point.sites)) for b in plans] for a in plans]
    table["distance"] = (("alternative", "other"), np.array(apart, dtype=float),
                         {"units": "1", "long_name": "Regions with a campus in one of two plans only"})  # fmt: skip
    names = [one.point.folder.name for one in plans]
    table["plan"] = ("alternative", np.array(names, dtype=object), {"long_name": "Folder of the plan under points"})
    return table
