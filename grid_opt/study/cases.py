"""Turn what a user calls a case into one, without the libraries that solve it, so that a typo is told at once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from grid_opt.config import Case, load_case, with_overrides


def resolve_case(case: str | Path | Case, overrides: Sequence[str] = (), hours_file: str | Path | None = None) -> Case:
    """Return the case itself, or load it by bundled name or path; then apply ``key=value`` overrides.

    ``hours_file``, relative to the working folder, becomes the case's own ``energy.hours_file``, so that a plan
    remembers where its hours came from.

    Raises:
        InputError: there is no such case, or it is not sound.
    """
    if isinstance(case, Case):
        asked = with_overrides(case, overrides) if overrides else case
    else:
        asked = load_case(case, overrides)
    if hours_file is None:
        return asked
    path = os.path.relpath(hours_file, asked.resolve("."))  # a plan carries no path of the machine it was made on
    return with_overrides(asked, [f"energy.hours_file={json.dumps(Path(path).as_posix())}"])
