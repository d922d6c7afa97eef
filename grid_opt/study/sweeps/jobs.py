"""Run one case in a process of its own, within limits of time and memory, and say what came of it.

A job works in a folder of its own under ``work``. Taking that folder away ends the job, wherever its process is: that
is how an interrupted or resumed sweep calls back what it once started, over a shared file system as on one machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from grid_opt.study.sweeps.manifest import State

WORKER: Final = "grid_opt.study.sweeps.worker"
OUTCOME: Final = "outcome.json"
LOG: Final = "process.log"
RESULTS: Final = "results"
LOOK_EVERY_S: Final = 0.1
_LAST_LINES = 5
_BYTES_PER_MB = 1e6


@dataclass(frozen=True)
class Job:
    """What a process needs to run one case, with paths of the machine that it runs on."""

    digest: str
    case_file: str
    base_folder: str
    tables: str | None
    work: str
    seconds: float | None = None
    memory_mb: float | None = None
    start: str | None = None

    def to_json(self) -> str:
        """Write the job for its process."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    digest: str
    work: str
    state: State
    reason: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0


def supervise(job: Job) -> Outcome:
    """Run a job in a new process and return what came of it; never raises for what the case does."""
    start = time.monotonic()
    job = replace(job, work=f"{job.work}-{uuid.uuid4().hex[:8]}")  # no attempt writes where another one may still
    work = Path(job.work)
    work.mkdir(parents=True)
    with (work / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER, job.to_json()],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    peak, ended_for = 0.0, ""
    try:
        while process.poll() is None:
            ended_for, peak = _over(job, process.pid, time.monotonic() - start, peak)
            if ended_for:
                end(process)
                break
            time.sleep(LOOK_EVERY_S)
    except BaseException:
        end(process)
        raise
    seconds = time.monotonic() - start
    if ended_for:
        return Outcome(job.digest, job.work, "killed", ended_for, seconds, peak)
    return _told(job, process.returncode, seconds, peak)


def _over(job: Job, process: int, seconds: float, peak: float) -> tuple[str, float]:
    """Return why a process must end, if it must, and the most memory that it was seen to have [MB]."""
    peak = max(peak, resident_mb(process))
    if not Path(job.work).is_dir():
        return "called back by the sweep", peak
    if job.seconds is not None and seconds > job.seconds:
        return f"ran longer than the limit of {job.seconds:g} s", peak
    if job.memory_mb is not None and peak > job.memory_mb:
        return f"took {peak:,.0f} MB of memory, more than the limit of {job.memory_mb:,.0f} MB", peak
    return "", peak


def resident_mb(process: int) -> float:
    """Return the resident memory of a process [MB]; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / _BYTES_PER_MB
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0 if Path("/proc/self/statm").exists() else _resident_by_ps(process)


def _resident_by_ps(process: int) -> float:
    asked = ["ps", "-o", "rss=", "-p", str(process)]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout
        return float(told.strip() or 0) * 1024 / _BYTES_PER_MB
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0.0


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session of its own, with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _told(job: Job, code: int, seconds: float, peak: float) -> Outcome:
    """Return what the process wrote of itself, or what its end says where it wrote nothing."""
    work = Path(job.work)
    try:
        told: dict[str, Any] = json.loads((work / OUTCOME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Outcome(job.digest, job.work, "killed", _end_in_words(code, work), seconds, peak)
    return Outcome(job.digest, job.work, told["state"], told["reason"], seconds, max(peak, told["peak_mb"]))


def _end_in_words(code: int, work: Path) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = str(-code)
        why = " (no memory left?)" if name == "SIGKILL" else ""
        return f"its process was ended by signal {name}{why}"
    with contextlib.suppress(OSError):
        lines = (work / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if lines:
            return f"its process ended with code {code}: {' | '.join(lines[-_LAST_LINES:])}"
    return f"its process ended with code {code} and told nothing"
