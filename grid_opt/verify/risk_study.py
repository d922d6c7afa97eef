"""Open a stochastic study for its checks: its file, and the plans that it names, each verified by itself."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import xarray as xr

import grid_opt.verify as whole
from grid_opt.errors import GridOptError
from grid_opt.plan.io import digest, open_plan
from grid_opt.verify.check import Registered, Rule
from grid_opt.verify.evidence import Evidence, MissingError

PLANS: Final = "scenarios"
WAITS: Final = "wait_and_see"
KEPT: Final = "reference_kept"
FOLDERS: Final = (WAITS, PLANS, KEPT)
RISK_CHECKS: Final[dict[str, Registered]] = {}
"""Every check that only a stochastic study has, by its name."""

STUDY: Final = "study"
_USD_PER_MUSD: Final = 1e6
MUSD: Final = "million USD"


@dataclass
class Plans:
    """The plans that the file of a study names, by folder and scenario, and what was found when they were opened."""

    of: dict[str, dict[str, xr.Dataset]] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    failed: dict[str, float] = field(default_factory=dict)
    reference: xr.Dataset | None = None


def check(name: str, meaning: str, unit: str) -> Callable[[Rule], Rule]:
    """Enter a rule into :data:`RISK_CHECKS`."""

    def register(rule: Rule) -> Rule:
        RISK_CHECKS[name] = Registered(name, meaning, unit, rule, None)
        return rule

    return register


def read_plans(here: Path, table: xr.Dataset, place: Path, warnings: list[str]) -> Plans:
    """Open and verify every plan that the study names; what is amiss is kept, and told in ``warnings``."""
    found = Plans()
    for folder in FOLDERS:
        found.of[folder] = {}
        files, sums = table.get(f"{folder}_plan"), table.get(f"{folder}_sha256")
        if files is None or sums is None:
            continue
        for name, file, said in zip(table["scenario"].values, files.values, sums.values, strict=True):
            if not str(file):
                continue
            at = f"{folder}/{name}"
            try:
                plan = open_plan(here / str(file))
            except GridOptError as error:
                found.changed[at] = 1.0
                warnings.append(f"{at}: {error}")
                continue
            found.of[folder][str(name)] = plan
            found.changed[at] = float(digest(plan) != str(said))
            # All plans of a scenario hold the same inputs; one comparison with the tables is enough.
            again = folder != WAITS and _same_inputs(plan, found.of[WAITS].get(str(name)))
            report = whole.verify(here / str(file), place, compare_tables=not again)
            found.failed[at] = float(len(report.failed))
            warnings += [f"{at}: {check.name} at {check.place} is broken" for check in report.failed]
            warnings += [] if again else [f"{at}: {text}" for text in report.warnings]
    _read_reference(here, table, place, found, warnings)
    return found


def _read_reference(here: Path, table: xr.Dataset, place: Path, found: Plans, warnings: list[str]) -> None:
    """Open the plan of the reference, which may be that of a scenario by itself, and verify it if it is not."""
    file, at = str(table.attrs.get("reference_plan", "")), "reference"
    try:
        found.reference = open_plan(here / file)
    except GridOptError as error:
        found.changed[at] = 1.0
        warnings.append(f"{at}: {error}")
        return
    found.changed[at] = float(digest(found.reference) != str(table.attrs.get("reference_sha256")))
    if not file.startswith(WAITS):
        report = whole.verify(here / file, place)
        found.failed[at] = float(len(report.failed))
        warnings += [f"{at}: {check.name} at {check.place} is broken" for check in report.failed]


def _same_inputs(plan: xr.Dataset, other: xr.Dataset | None) -> bool:
    """Return whether two plans are of the same case, and hold the same inputs, label by label."""
    if other is None or plan.attrs.get("case_toml") != other.attrs.get("case_toml"):
        return False
    if plan.attrs.get("inputs_sha256") != other.attrs.get("inputs_sha256"):
        return False
    try:
        inputs = Evidence(plan, compare_tables=False).inputs
        return all(plan[name].equals(other[name]) for name in inputs)
    except (GridOptError, MissingError, KeyError):
        return False


def plans_of(e: Evidence) -> Plans:
    """Return the plans of the study."""
    found: Plans = e.shared[STUDY]
    return found


def names_of(e: Evidence) -> list[str]:
    """Return the scenarios."""
    return [str(name) for name in e.plan["scenario"].values]


def of_each(e: Evidence, values: Sequence[float]) -> xr.DataArray:
    """Return one number per scenario."""
    return xr.DataArray(list(values), coords={"scenario": names_of(e)}, dims="scenario")


def by_plan(values: dict[str, float]) -> xr.DataArray:
    """Return one number per plan."""
    return xr.DataArray(list(values.values()), coords={"plan": list(values)}, dims="plan")


def stage_of(e: Evidence) -> list[str]:
    """Return the groups of choices in the first stage."""
    return [str(group) for group in json.loads(str(e.attribute("first_stage")))]


def costs_in(e: Evidence, folder: str) -> list[float]:
    """Add up the cost terms of the plans of a folder [million USD]; infinite where there is none."""
    found = []
    for name in names_of(e):
        plan = plans_of(e).of[folder].get(name)
        terms = [] if plan is None else [plan[t] for t in plan.data_vars if str(t).startswith("cost_")]
        found.append(math.inf if plan is None else math.fsum(float(t.sum()) for t in terms) / _USD_PER_MUSD)
    return found
