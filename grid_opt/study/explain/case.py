"""Explain a case: solve it, and where it has no plan, write down what conflicts and what would mend it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from grid_opt.atomic import write_text
from grid_opt.config import Case
from grid_opt.errors import InfeasibleError
from grid_opt.plan.explanation import FILE
from grid_opt.study.cases import resolve_case
from grid_opt.study.progress import Listener
from grid_opt.study.run import run


def plan_of(
    case: str | Path | Case,
    *,
    overrides: Sequence[str] = (),
    hours_file: str | Path | None = None,
    out: str | Path | None = None,
    progress: Listener | None = None,
) -> tuple[Path, Path]:
    """Solve a case into its folder (default ``outputs/<case>``); return the plan file and the folder of the case file.

    Where the case has no plan, ``explain.json`` in that folder tells the conflict and its repairs.

    Raises:
        InfeasibleError: no plan meets every limit; written down before it is raised.
        InputError, SolverError: as :func:`grid_opt.study.run.run` does.
    """
    asked = resolve_case(case, overrides, hours_file)
    folder = Path(out) if out is not None else Path("outputs") / asked.name
    try:
        result = run(asked, out=folder, progress=progress)
    except InfeasibleError as error:
        folder.mkdir(parents=True, exist_ok=True)
        told = {"format": "grid-opt conflict", "version": 1, "case": asked.name, **error.to_dict()}
        write_text(folder / FILE, json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        raise
    return result.folder / "plan.nc", asked.resolve(".")
