"""Check that a plan holds what it must, as it was written, and that its prices can be made again."""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr

from grid_opt import __version__
from grid_opt.config.case import Case
from grid_opt.errors import GridOptError
from grid_opt.inputs.schema import WORLD
from grid_opt.plan.io import DIGEST, digest
from grid_opt.plan.schema import cost_terms_of, decisions_of, specs
from grid_opt.plan.schema_footprint import LEDGERS
from grid_opt.verify.capital import hardware_usd_per_mw
from grid_opt.verify.check import Excess, check, none_of, whole_plan
from grid_opt.verify.evidence import Evidence, NotMadeError, declared_dims
from grid_opt.verify.made_again import SAME_NUMBER

_MONEY_UNITS = {"USD", "million USD"}


def expected_names(e: Evidence) -> list[str]:
    """Return every array that the plan of this case must hold."""
    return [*e.inputs, *decisions_of(e.case), *LEDGERS, *(f"cost_{term}" for term in cost_terms_of(e.case))]


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
        if name not in e.plan.variables or e.plan[name].dtype.kind in "OUS" or e.plan[name].size == 0:
            continue  # names have none, and what is empty cannot be told from names
        wanted = specs()[name].unit if name in specs() else e.inputs[name].unit
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
    for name, declared in e.inputs.items():
        if declared.unit:
            values = e[name].values
            low = -np.inf if declared.lower is None else declared.lower
            high = np.inf if declared.upper is None else declared.upper
            wrong[name] = float(np.sum(~(np.isfinite(values) & (values >= low) & (values <= high))))
    return _by_variable(wrong)


@check("inputs.hardware_price", "The price of computers is that of the accelerator.", "USD/MW",
       when=lambda e: not e.case.has_fleet)  # fmt: skip
def hardware_price(e: Evidence) -> Excess:
    """Work out the price of one MW of IT from the price and the power of one system."""
    if e.accelerator_differs:
        e.warnings.append(f"the accelerator {e.accelerator.name} is defined otherwise here than in the plan")
    found, again = e["hardware_price"], hardware_usd_per_mw(e)
    return Excess(abs(found - again), SAME_NUMBER * max(1.0, abs(again)))


@check("plan.digest", "The content is as grid-opt wrote it.", "1",
       when=lambda e: e.from_file or DIGEST in e.plan.attrs)  # fmt: skip
def content_digest(e: Evidence) -> Excess:
    """Recompute the digest of labels, values and provenance. Every file has one; a plan in memory may not."""
    return none_of(whole_plan(float(digest(e.plan) != e.attribute(DIGEST))))


GENERATED = tuple(name for name in WORLD if name == "price" or name.startswith("slice_"))
"""Inputs that the generator of hours, the outlook and the choice of days make together."""


@check("inputs.reproducible", "Prices, slices and fleet are those that case, tables and definitions give.", "1")
def reproducible(e: Evidence) -> Excess:
    """Make the world of the case again and compare its prices and slices with those in the plan."""
    _require_comparable(e)
    try:
        again = e.made[1] if e.made is not None and e.made[0] == e.case else _world_again(e.case)
    except GridOptError as error:
        raise NotMadeError(f"the world of the case cannot be made again: {_first_line(error)}") from error
    return _differences(e, again)


def _world_again(case: Case) -> xr.Dataset:
    from grid_opt.inputs.world import build_world  # noqa: PLC0415 - heavy, and only this check needs it

    return build_world(case)


def _installed(case: Case) -> dict[str, str]:
    """Return the SHA-256 of every table, and of the file of hours, as they are here."""
    from grid_opt.inputs.tables import inputs_sha256  # noqa: PLC0415 - as above

    found = inputs_sha256(case.tables_dir)
    named = [*([] if case.hours_path is None else [case.hours_path]), *case.nodal_paths.values()]
    for path in named:
        if not path.is_file():
            raise NotMadeError(f"the case's file {path.name} is not at hand")
        found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _require_comparable(e: Evidence) -> None:
    """Raise NotMadeError where the world made again could differ without anything being wrong with the plan."""
    e.tables.require_folder()
    read = str(e.plan.attrs.get("hours_source", "")).startswith("read")
    if read and e.case.energy.hours_file is None and not e.case.is_nodal:
        raise NotMadeError("the plan was made with hours from a file that its case does not name")
    writer = e.json("versions").get("grid-opt")
    if writer not in (None, __version__):
        raise NotMadeError(f"the plan was written by grid-opt {writer}, this is {__version__}")
    used = e.json("inputs_sha256")
    try:
        installed = _installed(e.case)
    except (GridOptError, OSError) as error:
        raise NotMadeError(f"a file of the case is not at hand: {_first_line(error)}") from error
    changed = sorted(name for name, sha in installed.items() if used.get(name) != sha)
    if changed:
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise NotMadeError(f"tables have changed since the plan was made: {', '.join(changed[:5])}{more}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _differences(e: Evidence, world: xr.Dataset) -> Excess:
    """Return the largest difference of every generated input, relative to its size, labeled with its place."""
    wrong = {}
    declared = e.inputs
    of_fleet = [name for name in declared if name not in WORLD and declared[name].unit]
    for name in (*(one for one in GENERATED if one in declared), *of_fleet):
        dims = declared[name].dims
        found, fresh = e[name], world[name].transpose(*dims)
        fresh = fresh.sel({dim: e.labels(dim) for dim in dims}) if _same_labels(e, world, dims) else fresh[..., :0]
        if fresh.shape != found.shape:
            wrong[f"{name}: other labels"] = np.inf
            continue
        if fresh.size == 0:
            continue
        values = fresh.values.astype(float)
        apart = abs(found.values - values) / np.maximum(1.0, abs(values))
        apart = np.where(np.isnan(apart), np.inf, apart)
        at = np.unravel_index(int(np.argmax(apart)), apart.shape)
        place = ", ".join(f"{d} {found[d].values[i]}" for d, i in zip(dims, at, strict=True))
        wrong[f"{name} at {place}"] = float(apart[at])
    return _by_variable(wrong, SAME_NUMBER)


def _same_labels(e: Evidence, world: xr.Dataset, dims: tuple[str, ...]) -> bool:
    return all(sorted(world[dim].values.tolist()) == sorted(e.labels(dim)) for dim in dims)
