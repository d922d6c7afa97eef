"""Compare the model with published measurements, those that it was fitted to and those that it was not.

``models/compute/points.csv`` holds the points: how they were measured, and ``set``, ``fit`` or ``held`` (kept out).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, cast

import numpy as np

from grid_opt.compute.accelerators import Accelerator, Precision
from grid_opt.compute.constants import Numbers
from grid_opt.compute.definitions import load_accelerator, load_workload
from grid_opt.compute.operating import Wishes, fastest, operate, operating_point
from grid_opt.compute.setting import Prefill, Speculative
from grid_opt.compute.workloads import Workload
from grid_opt.config.reading import read_text
from grid_opt.errors import InputError
from grid_opt.resources import models_dir

LATE = "read after the model was frozen"
RUN = "InferenceX run"
Measure = Literal["output_tok_s_per_device", "tok_s_user"]


@dataclass(frozen=True)
class Measured:
    """One published point: the circumstances, the speed per user, and the published figure."""

    name: str
    group: Literal["fit", "held"]
    accelerator: str
    workload: str
    tok_s_user: float
    batch: float | None
    measure: Measure
    published: float
    wishes: Wishes
    date: str
    certainty: str
    source: str

    @property
    def late(self) -> bool:
        """Whether the point was read only after the model was frozen."""
        return self.source.endswith(LATE)

    @property
    def run(self) -> bool:
        """Whether layout and number of requests are known, so that no frontier is compared."""
        return self.source.startswith(RUN)


@dataclass(frozen=True)
class Compared:
    """A point with what the model says; ``modeled`` is NaN where the model does not reach the point at all."""

    point: Measured
    modeled: float

    @property
    def error(self) -> float:
        """Relative error [1]: modeled / published - 1."""
        return self.modeled / self.point.published - 1.0

    @property
    def factor(self) -> float:
        """Factor by which the two differ [1], at least 1; infinite where the model does not reach the point."""
        if not self.modeled > 0:
            return math.inf
        return math.exp(abs(math.log(self.modeled / self.point.published)))


@dataclass(frozen=True)
class Summary:
    """How well the model meets some points: errors as factors less 1 [1], and how many are off by more than two."""

    points: int
    median: float
    geometric_mean: float
    worst: float
    beyond_two: int


def points_path() -> Path:
    """Return where the published points are stored."""
    return models_dir() / "compute" / "points.csv"


def load_points(path: Path | None = None) -> list[Measured]:
    """Read the published points. Raises :class:`InputError` naming file, row and field."""
    path = path or points_path()
    rows = csv.DictReader(read_text(path).splitlines())
    return [_measured(row, path, number) for number, row in enumerate(rows, start=2)]


def compare(points: Iterable[Measured], numbers: Numbers | None = None) -> list[Compared]:
    """Compute every point; those on accelerators that the model does not support are left out."""
    return [Compared(point, _modeled(point, numbers)) for point in points if _supported(point.accelerator)]


def summarize(compared: Sequence[Compared]) -> Summary:
    """Return median, geometric mean and worst of the factors between model and measurement, each less 1."""
    factors = np.array([item.factor for item in compared])
    return Summary(
        points=len(factors),
        median=float(np.median(factors)) - 1.0,
        geometric_mean=float(np.exp(np.log(factors).mean())) - 1.0,
        worst=float(factors.max()) - 1.0,
        beyond_two=int((factors > 2.0).sum()),
    )


@cache
def _pair(accelerator: str, workload: str) -> tuple[Accelerator, Workload]:
    return load_accelerator(accelerator), load_workload(workload)


@cache
def _supported(name: str) -> bool:
    engine = load_accelerator(name).engine
    return engine is not None and engine.supported


def _modeled(point: Measured, numbers: Numbers | None) -> float:
    accelerator, workload = _pair(point.accelerator, point.workload)
    if point.batch is not None:
        one = operating_point(accelerator, workload, batch=point.batch, wishes=point.wishes, numbers=numbers)
        return one[point.measure]
    if point.measure == "tok_s_user":
        return fastest(accelerator, workload, point.wishes, numbers)
    points = operate(accelerator, workload, [point.tok_s_user], point.wishes, numbers)
    return float(points.output_tok_s_per_device[0])


def _measured(row: dict[str, str], path: Path, number: int) -> Measured:
    try:
        wishes = Wishes(
            precision=cast(Precision, row["precision"]),
            input_tokens=float(row["input_tokens"]),
            output_tokens=float(row["output_tokens"]),
            speculative=cast(Speculative, row["speculative"]),
            prefill=cast(Prefill, row["prefill"]),
            systems=int(row["systems"]) if row["systems"] else None,
            devices=int(row["devices"]) if row["devices"] else None,
            stack_months=float(row["stack_months"]) if row["stack_months"] else None,
        )
        return Measured(
            name=row["name"],
            group=cast(Literal["fit", "held"], row["set"]),
            accelerator=row["accelerator"],
            workload=row["workload"],
            tok_s_user=float(row["tok_s_user"]),
            batch=float(row["batch"]) if row["batch"] else None,
            measure=cast(Measure, row["measure"]),
            published=float(row["published"]),
            wishes=wishes,
            date=row["date"],
            certainty=row["certainty"],
            source=row["source"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not a published point: {error}", file=path, row=number) from None


def in_year(point: Measured, year: int) -> Measured:
    """Return the point with another year of software."""
    return replace(point, wishes=replace(point.wishes, year=year))
