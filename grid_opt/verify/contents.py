"""Check that a plan holds what it must, as it was written, and that its inputs are the installed ones."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt import __version__
from grid_opt.config.case import Case
from grid_opt.errors import GridOptError
from grid_opt.inputs.schema import WORLD
from grid_opt.plan.io import DIGEST, digest
from grid_opt.plan.schema import COSTS, DECISIONS, NETWORK_DECISIONS, specs
from grid_opt.verify.check import Excess, check, none_of, whole_plan
from grid_opt.verify.evidence import Evidence, declared_dims

SAME_NUMBER = 1e-9
"""Relative difference at which a number made again from the same tables counts as the same."""

_MONEY_UNITS = {"USD", "million USD"}


def expected_names(e: Evidence) -> list[str]:
    """Return every array that the plan of this case must hold."""
    decisions = [n for n in DECISIONS if e.case.grid.network or n not in NETWORK_DECISIONS]
    return [*WORLD, *decisions, *(f"cost_{term}" for term in COSTS)]


def _by_variable(wrong: dict[str, float], tolerance: float = 0.5) -> Excess:
    names = list(wrong)
    return Excess(xr.DataArray(list(wrong.values()), dims="variable", coords={"variable": names}), tolerance)


@check("inputs.dims", "Every array is there, with its dimensions.", "1")
def dims(e: Evidence) -> Excess:
    """Compare every array with its declaration."""
    wrong = {}
    for name in expected_names(e):
        wanted = declared_dims(name) or ()
        there = name in e.plan.variables
        wrong[name] = float(not there or set(e.plan[name].dims) != set(wanted))
    return _by_variable(wrong)


@check("inputs.units", "Every array is in its unit.", "1")
def units(e: Evidence) -> Excess:
    """Compare every unit with its declaration; money may be counted in USD or in million USD."""
    wrong = {}
    for name in expected_names(e):
        if name not in e.plan.variables or e.plan[name].dtype.kind in "OUS":
            continue
        wanted = specs()[name].unit if name in specs() else WORLD[name].unit
        found = str(e.plan[name].attrs.get("units", ""))
        wrong[name] = float(found != wanted and not {found, wanted} <= _MONEY_UNITS)
    return _by_variable(wrong)


@check("inputs.labels", "No label of a dimension is there twice.", "1")
def labels(e: Evidence) -> Excess:
    """Count repeated labels."""
    names = sorted({dim for name in expected_names(e) for dim in declared_dims(name) or ()})
    repeated = {dim: float(len(found) - len(set(found))) for dim in names for found in [e.labels(dim)]}
    return Excess(xr.DataArray(list(repeated.values()), dims="dimension", coords={"dimension": names}), 0.5)


@check("inputs.finite", "Every input is a finite number within its physical bounds.", "1")
def finite(e: Evidence) -> Excess:
    """Count the values of every input that are not."""
    wrong = {}
    for name, declared in WORLD.items():
        if declared.unit:
            values = e[name].values
            low = -np.inf if declared.lower is None else declared.lower
            high = np.inf if declared.upper is None else declared.upper
            wrong[name] = float(np.sum(~(np.isfinite(values) & (values >= low) & (values <= high))))
    return _by_variable(wrong)


@check("plan.digest", "The content is as grid-opt wrote it.", "1", when=lambda e: DIGEST in e.plan.attrs)
def content_digest(e: Evidence) -> Excess:
    """Recompute the digest of labels, values and provenance."""
    return none_of(whole_plan(float(digest(e.plan) != e.plan.attrs[DIGEST])))


@check("inputs.match", "The inputs are those that the case and the installed tables give.", "1",
       when=lambda e: e.compare_tables)  # fmt: skip
def match(e: Evidence) -> Excess:
    """Make the world of the case again and compare every array with the one in the plan.

    Where the tables are not those that the plan was made from, or a file of the case is not at hand,
    nothing can be compared, and a warning says so.
    """
    if e.accelerator_differs:
        e.warnings.append(f"the accelerator {e.accelerator.name} is defined otherwise here than in the plan")
    reason = _why_not_comparable(e)
    if reason is None:
        try:
            return _differences(e, _world_again(e.case))
        except GridOptError as error:
            reason = f"the world of the case cannot be made again: {str(error).splitlines()[0]}"
    e.warnings.append(f"inputs not compared: {reason}")
    return none_of(whole_plan(0.0))


def _world_again(case: Case) -> xr.Dataset:
    from grid_opt.inputs.world import build_world  # noqa: PLC0415 - heavy, and only this check needs it

    return build_world(case)


def _installed_tables(case: Case) -> dict[str, str]:
    from grid_opt.inputs.tables import inputs_sha256  # noqa: PLC0415 - as above

    return inputs_sha256(case.tables_dir)


def _why_not_comparable(e: Evidence) -> str | None:
    if str(e.plan.attrs.get("hours_source", "")).startswith("read") and e.case.energy.hours_file is None:
        return "the plan was made with hours from a file that its case does not name"
    writer = e.json("versions").get("grid-opt")
    if writer not in (None, __version__):
        return f"the plan was written by grid-opt {writer}, this is {__version__}"
    used = e.json("inputs_sha256")
    try:
        installed = _installed_tables(e.case)
    except GridOptError as error:
        return f"a file of the case is not at hand: {str(error).splitlines()[0]}"
    changed = sorted(name for name, sha in installed.items() if used.get(name) != sha)
    if not changed:
        return None
    return f"tables have changed since the plan was made: {', '.join(changed[:5])}" + (
        f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    )


def _differences(e: Evidence, world: xr.Dataset) -> Excess:
    """Return the largest difference of every input, labelled with its place."""
    wrong = {}
    for name, declared in WORLD.items():
        fresh, found = world[name].transpose(*declared.dims), e[name]
        if fresh.shape != found.shape or any(world[dim].values.tolist() != e.labels(dim) for dim in declared.dims):
            wrong[f"{name}: other labels"] = np.inf
            continue
        if declared.unit:
            values = fresh.values.astype(float)
            apart = abs(found.values - values) / np.maximum(1.0, abs(values))
            apart = np.where(np.isnan(apart), np.inf, apart)
        else:
            apart = (found.values.astype(str) != fresh.values.astype(str)).astype(float)
        at = np.unravel_index(int(np.argmax(apart)), apart.shape)
        place = ", ".join(f"{d} {found[d].values[i]}" for d, i in zip(declared.dims, at, strict=True))
        wrong[f"{name} at {place}"] = float(apart[at])
    return _by_variable(wrong, SAME_NUMBER)
