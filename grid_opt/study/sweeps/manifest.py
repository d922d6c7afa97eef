"""Keep the account of a sweep: its cases, and what came of every run, in one file with a checksum.

``manifest.json`` is written whole, by whoever holds the lock of the folder, after every run that ends. A run counts as
ended only by its record here, and its results only while their checksums are those of the record: a file that merely
exists says nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from grid_opt.atomic import write_text
from grid_opt.errors import ExitCode, InputError

FILE: Final = "manifest.json"
FORMAT: Final = 1
State = Literal["pending", "done", "gap", "infeasible", "bad_input", "failed", "unverified", "killed"]
ANSWERED: Final = frozenset({"done", "gap", "infeasible"})
"""States that ``resume`` leaves as they are; whatever else ended is tried again."""

MEANINGS: Final[dict[str, str]] = {
    "pending": "not run yet",
    "done": "solved to the asked gap and verified",
    "gap": "a verified plan, but the search ended before the asked gap",
    "infeasible": "no plan meets every limit",
    "bad_input": "an input was refused",
    "failed": "the solver or the program failed",
    "unverified": "the plan failed its verification",
    "killed": "ended for its time or memory, or by the system",
}
CODES: Final[dict[str, ExitCode]] = {
    "done": ExitCode.DONE,
    "gap": ExitCode.GAP_NOT_REACHED,
    "infeasible": ExitCode.INFEASIBLE,
    "bad_input": ExitCode.BAD_INPUT,
    "failed": ExitCode.NO_PLAN,
    "unverified": ExitCode.VERIFICATION_FAILED,
    "killed": ExitCode.NO_PLAN,
    "pending": ExitCode.INTERRUPTED,
}
_GRAVEST_FIRST = ("unverified", "failed", "killed", "bad_input", "infeasible", "gap", "pending")


@dataclass
class Run:
    """One program to solve, however many cases share it, and what came of it."""

    digest: str
    case_sha256: str
    base_folder: str
    tables: str | None = None
    state: State = "pending"
    reason: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
    attempts: int = 0
    files: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the short name, which its files have."""
        return self.digest[:16]

    @property
    def folder(self) -> str:
        """Return the folder of its results, within that of the sweep."""
        return f"runs/{self.id}"


@dataclass
class Entry:
    """One case of the sweep: where it stands on the axes, and which run answers it."""

    label: str
    run: str
    scenario: str
    place: dict[str, Any]


@dataclass
class Manifest:
    """The account of a sweep."""

    kind: Literal["sweep", "batch"]
    name: str
    title: str
    method: str
    axes: dict[str, list[Any]]
    scenarios: list[str]
    limits: dict[str, float | None]
    versions: dict[str, str]
    cases: list[Entry]
    runs: dict[str, Run]
    reuse: bool = False

    def run_of(self, entry: Entry) -> Run:
        """Return the run that answers a case."""
        return self.runs[entry.run]

    def counts(self) -> dict[str, int]:
        """Return how many cases are in which state, in the order of the states, those with none left out."""
        found = Counter(self.run_of(entry).state for entry in self.cases)
        return {state: found[state] for state in get_args(State) if found[state]}

    def exit_code(self) -> ExitCode:
        """Return the code of the gravest state of any case."""
        counts = self.counts()
        return next((CODES[state] for state in _GRAVEST_FIRST if counts.get(state)), ExitCode.DONE)

    def write(self, folder: Path) -> None:
        """Write the account into the folder of the sweep, whole or not at all."""
        content = asdict(self)
        text = json.dumps({"format": FORMAT, "sha256": _sha256(content), **content}, indent=1, allow_nan=False)
        write_text(folder / FILE, text + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Read the account of a sweep. Raises :class:`InputError` when there is none, or it was edited or damaged."""
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("there is no sweep in this folder", file=path, fix="name its folder, or start it anew",
                         expected="a folder written by grid-opt sweep or batch") from None  # fmt: skip
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"the account of the sweep cannot be read: {error}", file=path, fix=_ANEW) from None
    version, sha256 = (content.pop(key, None) if isinstance(content, dict) else None for key in ("format", "sha256"))
    if version != FORMAT:
        raise InputError("the account of the sweep is of another version of grid-opt", file=path, field="format",
                         value=version, expected=str(FORMAT), fix=_ANEW)  # fmt: skip
    if sha256 != _sha256(content):
        raise InputError("the account of the sweep was edited or damaged", file=path, field="sha256", value=sha256,
                         expected=_sha256(content), fix=_ANEW)  # fmt: skip
    content["cases"] = [Entry(**entry) for entry in content["cases"]]
    content["runs"] = {key: Run(**run) for key, run in content["runs"].items()}
    return Manifest(**content)


_ANEW = "start the sweep anew in another folder"


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a folder, by name."""
    return {path.name: file_sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}


def is_whole(run: Run, folder: Path) -> bool:
    """Whether the results of a run are what its record says."""
    there = folder / run.folder
    return there.is_dir() and checksums(there) == run.files if run.files else True


def unanswered(manifest: Manifest, folder: Path) -> Sequence[Run]:
    """Return the runs that have no answer, or whose results are not whole."""
    return [run for run in manifest.runs.values() if run.state not in ANSWERED or not is_whole(run, folder)]
