"""The process of one case: ``python -m grid_opt.study.sweeps.worker JOB`` with the job as JSON.

It solves and verifies the case, measures its plan, and writes what came of it beside them. It ends by itself when the
process that started it is gone, so that a killed sweep leaves nothing behind that computes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from grid_opt.atomic import write_text
from grid_opt.config.loading import case_from_toml
from grid_opt.errors import ExitCode, GridOptError
from grid_opt.study.sweeps.cases import with_tables
from grid_opt.study.sweeps.jobs import OUTCOME, RESULTS, Job
from grid_opt.study.sweeps.manifest import State

_STATES: Final[dict[ExitCode, State]] = {
    ExitCode.DONE: "done",
    ExitCode.GAP_NOT_REACHED: "gap",
    ExitCode.INFEASIBLE: "infeasible",
    ExitCode.BAD_INPUT: "bad_input",
    ExitCode.VERIFICATION_FAILED: "unverified",
    ExitCode.NO_PLAN: "failed",
    ExitCode.INTERRUPTED: "killed",
}
_LOOK_EVERY_S = 0.5
_ORPHANED = 113


def main() -> None:
    """Run the job that the command line carries."""
    job = Job(**json.loads(sys.argv[1]))
    threading.Thread(target=_end_when_orphaned, args=(os.getppid(),), daemon=True).start()
    state, reason = solve(job)
    told = {"state": state, "reason": reason, "peak_mb": _peak_mb()}
    write_text(Path(job.work) / OUTCOME, json.dumps(told))


def solve(job: Job) -> tuple[State, str]:
    """Solve, verify and measure the case of a job; return its state and, where it has no plan, why."""
    from grid_opt.study.run import run  # noqa: PLC0415 - heavy, and what it raises is told like all else
    from grid_opt.study.sweeps.measures import measure, write_measures  # noqa: PLC0415

    try:
        text = Path(job.case_file).read_text(encoding="utf-8")
        case = case_from_toml(text, source=Path(job.base_folder) / Path(job.case_file).name)
        case = with_tables(case, None if job.tables is None else Path(job.tables))
        out = Path(job.work) / RESULTS
        result = run(case, out=out, pictures=False, start=job.start)
        write_measures(measure(result.plan, result.summary), out / "measures.json")
    except GridOptError as error:
        return _STATES[error.exit_code], str(error)
    except MemoryError:
        return "failed", "there is not enough memory for this case"
    except Exception as error:  # recorded with its reason; the other cases go on
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        return "failed", f"internal error: {type(error).__name__}: {error}"
    return _STATES[result.exit_code], _why(result)


def _why(result: Any) -> str:
    if result.exit_code == ExitCode.VERIFICATION_FAILED:
        return str(result.report.closing)
    if result.exit_code == ExitCode.GAP_NOT_REACHED:
        gap = 100 * float(result.plan.attrs["gap"])
        return f"the search ended at a gap of {gap:.3g} %"
    return ""


def _end_when_orphaned(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(_ORPHANED)


def _peak_mb() -> float:
    """Return the most memory that this process had [MB], as far as the system says."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    main()
