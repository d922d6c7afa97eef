"""The process of a case: ``python -m grid_opt.study.sweeps.worker JOB`` with the job as JSON.

Without ``JOB`` it stays, and runs the jobs that it is handed line by line. What it then keeps from case to case is only
what inputs of equal content give again (see :mod:`grid_opt.inputs.remembered`), so that a case comes out the same
whichever ran before it. What the solution of a case taught (:mod:`grid_opt.solve.learnt`) is written beside its plan
instead, and comes with the plan to the cases that begin with it, whichever process they run in.

It solves and verifies the case, measures its plan, and writes what came of it beside them. It ends by itself when the
process that started it is gone, so that a killed sweep leaves nothing behind that computes.
"""

from __future__ import annotations

import contextlib
import gc
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
from grid_opt.inputs.remembered import remember
from grid_opt.study.sweeps.cases import with_tables
from grid_opt.study.sweeps.jobs import LOG, OUTCOME, RESULTS, Job
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
    """Run the job that the command line carries, or those that are handed over."""
    threading.Thread(target=_end_when_orphaned, args=(os.getppid(),), daemon=True).start()
    if len(sys.argv) > 1:
        answer(Job(**json.loads(sys.argv[1])))
        return
    remember()
    for number, line in enumerate(sys.stdin):
        job = Job(**json.loads(line))
        _log_into(Path(job.work) / LOG)
        _forget_peak()
        answer(job, inputs_twice=number == 0)
        gc.collect()  # before the next case: a model is a great web of objects that hold each other


def answer(job: Job, *, inputs_twice: bool = True) -> None:
    """Solve the case of a job and write what came of it."""
    state, reason = solve(job, inputs_twice=inputs_twice)
    told = {"state": state, "reason": reason, "peak_mb": _peak_mb()}
    write_text(Path(job.work) / OUTCOME, json.dumps(told))


def _log_into(path: Path) -> None:
    """Let all that is printed from now on, by libraries too, go into the log of a job."""
    sys.stdout.flush()
    sys.stderr.flush()
    with path.open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)


def solve(job: Job, *, inputs_twice: bool = True) -> tuple[State, str]:
    """Solve, verify and measure the case of a job; return its state and, where it has no plan, why.

    A process that stays makes the inputs of its first case twice, to verify that they come out the same.
    """
    from grid_opt.solve.learnt import FILE, Memory, read_learnt  # noqa: PLC0415
    from grid_opt.study.run import run  # noqa: PLC0415 - heavy, and what it raises is told like all else
    from grid_opt.study.sweeps.measures import measure, write_measures  # noqa: PLC0415

    try:
        text = Path(job.case_file).read_text(encoding="utf-8")
        case = case_from_toml(text, source=Path(job.base_folder) / Path(job.case_file).name)
        case = with_tables(case, None if job.tables is None else Path(job.tables))
        out = Path(job.work) / RESULTS
        memory = None
        if job.stay:
            memory = Memory(None if job.start is None else read_learnt(Path(job.start).with_name(FILE)))
        result = run(
            case, out=out, pictures=False, start=job.start, inputs_twice=inputs_twice, limit_prices=not job.stay,
            memory=memory,
        )  # fmt: skip
        warm = memory is not None and memory.begun
        write_measures(measure(result.plan, result.summary, warm=warm), out / "measures.json")
        if memory is not None and memory.after is not None:
            memory.after.write(out / FILE)
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


def _forget_peak() -> None:
    """Let the system count the most memory from now on, where it can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_mb() -> float:
    """Return the most memory that this process had [MB], as far as the system says."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    main()
