"""Frontiers: what accelerators give per MW and dollar along the speed per user, and how long a chain of calls takes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grid_opt.compute.accelerators import Accelerator
from grid_opt.compute.definitions import bundled_definitions, load_accelerator, load_workload
from grid_opt.compute.operating import Points, Wishes, operate
from grid_opt.compute.workloads import Chain, Workload
from grid_opt.errors import InputError

Array = NDArray[np.float64]
FLOORS = np.geomspace(10.0, 3000.0, 60)
"""Tokens/s per user at which frontiers are computed."""
CHAIN = Chain(model="-", steps=50, first_token_s=0.2, tool_s=0.5)
CHAIN_OUTPUT = 500.0


@dataclass(frozen=True)
class Curve:
    """The frontier of one accelerator with one workload; arrays [V] are NaN beyond its reach.

    ``tok_s_per_mw`` counts output tokens/s per MW at the meter (facility), at full load and provisioned power.
    """

    accelerator: Accelerator
    workload: Workload
    floors: Array
    points: Points
    tok_s_per_mw: Array
    chain_s: Array

    @property
    def label(self) -> str:
        """Name in a legend."""
        return f"{self.accelerator.title}: {self.workload.title}"

    def rows(self) -> list[dict[str, float | str]]:
        """Return the reachable points as rows of a table."""
        found: list[dict[str, float | str]] = []
        for index in np.flatnonzero(np.isfinite(self.points.tok_s_user)):
            row: dict[str, float | str] = {
                "accelerator": self.accelerator.name,
                "workload": self.workload.name,
                "floor_tok_s_user": float(self.floors[index]),
            }
            row |= self.points.row(int(index))
            row |= {"tok_s_per_mw": float(self.tok_s_per_mw[index]), "chain_s": float(self.chain_s[index])}
            found.append(row)
        return found


def curve(
    accelerator: Accelerator,
    workload: Workload,
    floors: Array = FLOORS,
    wishes: Wishes | None = None,
    base: Path | None = None,
) -> Curve:
    """Compute a frontier. Raises :class:`InputError` as :func:`grid_opt.compute.operating.operate` does."""
    points = operate(accelerator, workload, floors, wishes, base=base)
    per_mw = points.output_tok_s_per_system / points.utility_kw * 1e3
    return Curve(accelerator, workload, floors, points, per_mw, chain_seconds(workload, points.tok_s_user))


def chain_seconds(workload: Workload, tok_s_user: Array | float) -> Array:
    """Return the time of a chain [s]: ``steps * (first_token_s + output_tokens / tok_s_user + tool_s)``.

    A workload without a chain is asked for 50 steps of 500 tokens, 0.2 s to the first token and tools of 0.5 s.
    """
    chain = workload.chain or CHAIN
    answer = workload.output_tokens if workload.chain else CHAIN_OUTPUT
    return np.asarray(chain.steps * (chain.first_token_s + answer / np.asarray(tok_s_user) + chain.tool_s))


def supported_accelerators() -> list[str]:
    """Names of the bundled accelerators that the model supports."""
    return [name for name in bundled_definitions("accelerator") if _supported(load_accelerator(name))]


def curves(
    accelerators: list[str], workloads: list[str], wishes: Wishes | None = None, base: Path | None = None
) -> list[Curve]:
    """Compute the frontiers of every pair; no names mean all bundled ones that the model supports.

    A pair whose model does not fit is left out unless both were named. Raises :class:`InputError` for bad definitions.
    """
    found = []
    for name in accelerators or supported_accelerators():
        for workload in workloads or bundled_definitions("workload"):
            try:
                found.append(
                    curve(load_accelerator(name, base), load_workload(workload, base), wishes=wishes, base=base)
                )
            except InputError:
                if accelerators and workloads:
                    raise
    return found


def columns() -> list[str]:
    """Names of the columns of :meth:`Curve.rows`."""
    own = ["accelerator", "workload", "floor_tok_s_user"]
    return own + [field.name for field in fields(Points)] + ["tok_s_per_mw", "chain_s"]


def _supported(accelerator: Accelerator) -> bool:
    return accelerator.engine is not None and accelerator.engine.supported
