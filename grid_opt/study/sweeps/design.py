"""Combine the values of axes to cases: grids, lists, tornados and samples."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from grid_opt.errors import InputError
from grid_opt.study.sweeps.schema import SAMPLED, Axis, Design, Sweep

Floats = npt.NDArray[np.float64]
BASE = "base"
_EXTRA = "pip install 'grid-opt[sweep]'"


@dataclass(frozen=True)
class Point:
    """One case of a sweep before it is made: its place on the axes that move, and its scenario."""

    place: Mapping[str, Any] = field(default_factory=dict)
    scenario: str = BASE
    label: str = ""


def points_of(sweep: Sweep, whole: frozenset[str]) -> list[Point]:
    """Return the points of a sweep in order; ``whole`` names the axes that take whole numbers only."""
    method = sweep.design.method
    if method in ("grid", "scenarios"):
        return _grid(sweep, whole)
    if method == "list":
        lists = {name: axis.values or [] for name, axis in sweep.axes.items()}
        return [Point(dict(zip(lists, row, strict=True))) for row in zip(*lists.values(), strict=True)]
    if method == "tornado":
        found = [Point({}, label=BASE)]
        for name, axis in sweep.axes.items():
            found += [Point({name: value}) for value in axis.values or [axis.low, axis.high]]
        return found
    unit = unit_samples(sweep.design, len(sweep.axes))
    names = list(sweep.axes)
    return [
        Point({name: spread_out(sweep.axes[name], float(u), name in whole) for name, u in zip(names, row, strict=True)})
        for row in unit
    ]


def _grid(sweep: Sweep, whole: frozenset[str]) -> list[Point]:
    worlds = [BASE, *sweep.scenarios]
    values = {name: grid_values(axis, name in whole) for name, axis in sweep.axes.items()}
    return [
        Point(dict(zip(values, row, strict=True)), scenario)
        for scenario in worlds
        for row in itertools.product(*values.values())
    ]


def grid_values(axis: Axis, whole: bool) -> list[Any]:
    """Return the values of an axis of a grid: those listed, or equidistant ones."""
    if axis.values is not None:
        return axis.values
    assert axis.steps is not None
    found = [spread_out(axis, n / (axis.steps - 1), False) for n in range(axis.steps)]
    if not whole:
        return found
    return list(dict.fromkeys(round(value) for value in found))


def spread_out(axis: Axis, unit: float, whole: bool) -> Any:
    """Return the value of an axis at a place from 0 to 1: within its range, or among its values."""
    if axis.values is not None:
        return axis.values[min(int(unit * len(axis.values)), len(axis.values) - 1)]
    assert axis.low is not None and axis.high is not None
    if whole:
        steps = round(axis.high) - round(axis.low) + 1
        return round(axis.low) + min(int(unit * steps), steps - 1)
    if axis.spread == "log":
        return float(math.exp(math.log(axis.low) + unit * (math.log(axis.high) - math.log(axis.low))))
    return float(axis.low + unit * (axis.high - axis.low))


def unit_samples(design: Design, dimensions: int) -> Floats:
    """Return the samples of a design in the unit cube, one row a case.

    Raises:
        InputError: SALib, which the method needs, is not installed.
    """
    assert design.method in SAMPLED
    if design.method == "latin_hypercube":
        return _latin_hypercube(design, dimensions)
    sample = _salib(design.method)
    problem = unit_problem([f"x{n}" for n in range(dimensions)])
    if design.method == "sobol":
        found = sample.sample(problem, design.samples, calc_second_order=False, seed=design.seed)
    else:
        found = sample.sample(problem, design.samples, num_levels=design.levels, seed=design.seed)
    return np.asarray(found, dtype=float)


def _latin_hypercube(design: Design, dimensions: int) -> Floats:
    """Return samples of which every axis has exactly one in each of as many equal intervals."""
    rng = np.random.default_rng(design.seed)
    found = np.empty((design.samples, dimensions))
    for axis in range(dimensions):
        found[:, axis] = (rng.permutation(design.samples) + rng.random(design.samples)) / design.samples
    return found


def unit_problem(names: Sequence[str]) -> dict[str, Any]:
    """Return the problem of SALib that has the unit cube for its ranges."""
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def _salib(method: str) -> Any:
    try:
        from SALib.sample import morris, sobol  # noqa: PLC0415 - an extra
    except ImportError:
        raise needs_salib(method) from None
    return sobol if method == "sobol" else morris


def needs_salib(method: str) -> InputError:
    """Make the error of a method whose library is not installed."""
    return InputError(f"the method {method!r} needs SALib, which is not installed", field="design.method",
                      value=method, expected="grid-opt with its extra 'sweep'", fix=_EXTRA)  # fmt: skip
