"""Run one case in a process, within limits of time and memory, and say what came of it.

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
import threading
import time
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from grid_opt.study.sweeps.manifest import State

WORKER: Final = "grid_opt.study.sweeps.worker"
OUTCOME: Final = "outcome.json"
LOG: Final = "process.log"
RESULTS: Final = "results"
LOOK_EVERY_S: Final = 0.1
FIT_TO_STAY: Final[frozenset[State]] = frozenset({"done", "gap", "infeasible", "bad_input"})
"""States of a case after which its process may run another one."""
MOST_CASES: Final = 25
"""Cases after which a process that stays is replaced all the same: what leaks, leaks no further."""
_LAST_LINES = 5
_BYTES_PER_MB = 1e6


@dataclass(frozen=True)
class Job:
    """What a process needs to run one case, with paths of the machine that it runs on.

    ``stay`` lets it run in the process of the case before, if that had as many ``threads``.
    """

    digest: str
    case_file: str
    base_folder: str
    tables: str | None
    work: str
    seconds: float | None = None
    memory_mb: float | None = None
    start: str | None = None
    threads: int = 0
    stay: bool = False

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
    struck: bool = False
    """Whether its process was ended by a signal that nobody here sent."""


class Crew:
    """Run jobs, each in a new process, or, where a job says so, in that of the last job of the same thread.

    A process stays only after a case that ended in an answer. It is taken away after :data:`MOST_CASES`.
    """

    def __init__(self) -> None:
        self._mine = threading.local()
        self._staying: set[_Staying] = set()

    def supervise(self, job: Job) -> Outcome:
        """Run a job and return what came of it; never raises for what the case does."""
        start = time.monotonic()
        job = replace(job, work=f"{job.work}-{uuid.uuid4().hex[:8]}")  # no attempt writes where another one may still
        work = Path(job.work)
        work.mkdir(parents=True)
        with (work / LOG).open("wb") as log:
            process = self._begun(job, log)
        peak, ended_for = 0.0, ""
        try:
            while process.poll() is None and not (job.stay and (work / OUTCOME).exists()):
                ended_for, peak = _over(job, process.pid, time.monotonic() - start, peak)
                if ended_for:
                    self._end(process)
                    break
                time.sleep(LOOK_EVERY_S)
        except BaseException:
            self._end(process)
            raise
        seconds = time.monotonic() - start
        if ended_for:
            return Outcome(job.digest, job.work, "killed", ended_for, seconds, peak)
        told = _told(job, process.returncode, seconds, peak)
        if told.state not in FIT_TO_STAY:
            self._end(process)
        return told

    def dismiss(self) -> None:
        """End the processes that stayed."""
        for one in list(self._staying):
            self._end(one.process)

    def _begun(self, job: Job, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Return the process that runs a job from now on."""
        if not job.stay:
            return _started([job.to_json()], subprocess.DEVNULL, log)
        mine: _Staying | None = getattr(self._mine, "staying", None)
        if mine is not None and mine.takes(job) and mine.given(job):
            return mine.process
        if mine is not None:
            self._end(mine.process)
        mine = _Staying(_started([], subprocess.PIPE, log), job.threads)
        self._mine.staying = mine
        self._staying.add(mine)
        mine.given(job)
        return mine.process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        end(process)
        self._staying = {one for one in self._staying if one.process is not process}


@dataclass(eq=False)
class _Staying:
    """A process that stays: how many threads its cases have, and how many it was given."""

    process: subprocess.Popen[bytes]
    threads: int
    cases: int = 0

    def takes(self, job: Job) -> bool:
        """Whether it may run another job."""
        return self.process.poll() is None and self.threads == job.threads and self.cases < MOST_CASES

    def given(self, job: Job) -> bool:
        """Give it a job; return whether it was there to take it."""
        assert self.process.stdin is not None
        self.cases += 1
        try:
            self.process.stdin.write(job.to_json().encode() + b"\n")
            self.process.stdin.flush()
        except OSError:  # it ended: whoever waits for it learns how
            return False
        return True


def _started(arguments: list[str], stdin: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", WORKER, *arguments],
        stdin=stdin, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


_CREW = Crew()


def supervise(job: Job) -> Outcome:
    """Run a job with the crew of this process; see :meth:`Crew.supervise`."""
    return _CREW.supervise(job)


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


def _told(job: Job, code: int | None, seconds: float, peak: float) -> Outcome:
    """Return what the process wrote of itself, or what its end says where it wrote nothing."""
    work = Path(job.work)
    try:
        told: dict[str, Any] = json.loads((work / OUTCOME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        why = _end_in_words(code or 0, work)
        return Outcome(job.digest, job.work, "killed", why, seconds, peak, struck=(code or 0) < 0)
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
