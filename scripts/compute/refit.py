"""Fit the constants marked ``fitted`` to the points marked ``fit``, and write them to models/compute/constants.toml.

Run from anywhere: ``python scripts/compute/refit.py``; ``--check`` compares with what is stored and writes nothing.
Errors are logarithms of model over measurement; a soft loss keeps a bad measurement from ruling. Leave-one-out errors
follow from the leverage of each point at the optimum, ``r / (1 - h)``, and go to models/compute/leave_one_out.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from grid_opt.atomic import write_text
from grid_opt.compute.calibration import Measured, compare, load_points
from grid_opt.compute.constants import Constants, Numbers, constants_path, load_constants
from grid_opt.compute.definitions import load_accelerator
from grid_opt.resources import models_dir

Array = NDArray[np.float64]
SOFT = 0.2
WORST = 3.0
SIGNIFICANT = 4


@dataclass(frozen=True)
class Fit:
    """Fitted values by name, the loss, and the leave-one-out error of every point as ln(model / measurement)."""

    values: dict[str, float]
    loss: float
    left_out: dict[str, float]


def fitted_names(constants: Constants) -> list[str]:
    """Return the names of the constants that are fitted."""
    return [name for name in type(constants).model_fields if getattr(constants, name).fitted]


def fitted_points() -> list[Measured]:
    """Return the points of the fit; those on accelerators with a ``step_factor`` only served to set that factor."""
    return [point for point in load_points() if point.group == "fit" and not _own_factor(point.accelerator)]


def _own_factor(accelerator: str) -> bool:
    engine = load_accelerator(accelerator).engine
    return engine is not None and engine.step_factor is not None


def residuals(points: list[Measured], numbers: Numbers) -> Array:
    """Return ln(model / measurement) of every point, between -3 and 3."""
    modeled = np.array([item.modeled for item in compare(points, numbers)])
    published = np.array([point.published for point in points])
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.log(modeled / published)
    return np.clip(np.where(np.isfinite(errors), errors, -WORST), -WORST, WORST)


def refit(constants: Constants, most: int = 40) -> Fit:
    """Fit from the stored values, within the bounds."""
    points = fitted_points()
    names, start = fitted_names(constants), constants.numbers()
    low = np.array([getattr(constants, name).low for name in names])
    high = np.array([getattr(constants, name).high for name in names])

    def numbers(x: Array) -> Numbers:
        return start.but(**dict(zip(names, (low + x * (high - low)).tolist(), strict=True)))

    first = (np.array([getattr(start, name) for name in names]) - low) / (high - low)
    found = least_squares(
        lambda x: residuals(points, numbers(x)), np.clip(first, 1e-6, 1 - 1e-6), bounds=(0, 1),
        loss="soft_l1", f_scale=SOFT, diff_step=1e-3, max_nfev=most, xtol=1e-5, ftol=1e-6,
    )  # fmt: skip
    values = low + found.x * (high - low)
    r = residuals(points, numbers(found.x))
    weight = 1.0 / np.sqrt(1.0 + (r / SOFT) ** 2)
    weighted = found.jac if found.jac.shape[0] == len(r) else np.zeros((len(r), len(names)))
    hat = weighted @ np.linalg.pinv(weighted)
    leverage = np.clip(np.diag(hat), 0.0, 0.95)
    out = {p.name: float(e / (1.0 - h)) for p, e, h, _ in zip(points, r, leverage, weight, strict=True)}
    return Fit(dict(zip(names, values.tolist(), strict=True)), float(found.cost), out)


def stored_loss() -> float:
    """Return the loss of the stored constants: 0.04 * sum(sqrt(1 + (r / 0.2)^2) - 1)."""
    r = residuals(fitted_points(), load_constants().numbers())
    return float(SOFT**2 * (np.sqrt(1.0 + (r / SOFT) ** 2) - 1.0).sum())


def written(text: str, values: dict[str, float]) -> str:
    """Return the text of the constants' file with other values."""
    for name, value in values.items():
        pattern = re.compile(rf"(\[{name}\]\nvalue = )\S+")
        text = pattern.sub(lambda m, v=value: f"{m[1]}{float(f'{v:.{SIGNIFICANT}g}')}", text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the stored values; write nothing")
    parser.add_argument("--most", type=int, default=40, help="most evaluations of the gradient")
    asked = parser.parse_args()
    constants = load_constants()
    fit = refit(constants, asked.most)
    for name, value in fit.values.items():
        print(f"{name:22}{getattr(constants, name).value:10.4g} -> {value:10.4g}")
    print(f"loss {stored_loss():.5f} -> {fit.loss:.5f}")
    if asked.check:
        return
    path = constants_path()
    write_text(path, written(path.read_text(encoding="utf-8"), fit.values))
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["name", "left_out_error"])
    rows.writerows([name, f"{np.expm1(error):.4f}"] for name, error in fit.left_out.items())
    write_text(models_dir() / "compute" / "leave_one_out.csv", table.getvalue())


if __name__ == "__main__":
    main()
