"""Validate everything that a case reads, without solving it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grid_opt.config import Case
from grid_opt.formulation.model import build_model
from grid_opt.formulation.nodal import unwatched
from grid_opt.inputs.geography import read_outlines
from grid_opt.inputs.world import build_world
from grid_opt.solve.standard_form import to_matrix
from grid_opt.study.cases import resolve_case
from grid_opt.study.plan_case import hash_inputs, model_size
from grid_opt.study.warnings import warnings

_SIZES = ("zone", "region", "link", "bus", "branch", "offer", "ppa", "forward", "own", "quarter", "year", "slice")


def check(
    case: str | Path | Case, *, overrides: Sequence[str] = (), hours_file: str | Path | None = None
) -> dict[str, Any]:
    """Return the sizes of the model and warnings for the planner.

    Raises:
        InputError: the case or anything it reads is not sound.
    """
    asked = resolve_case(case, overrides, hours_file)
    read_outlines(asked.tables_dir)
    world = build_world(asked)
    hash_inputs(asked)
    size = model_size(to_matrix(build_model(asked, unwatched(world) if asked.is_nodal else world).pyomo))
    dims = {dim: int(world.sizes[dim]) for dim in _SIZES if dim in world.sizes}
    return {"case": asked.name, **size, **dims, "warnings": list(warnings(asked, world))}
