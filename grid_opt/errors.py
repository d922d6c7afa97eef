"""Name every way in which grid-opt refuses or fails, each with its exit code.

Exit codes: 0 done; 2 bad usage or bad input; 3 infeasible; 4 a feasible plan without the asked gap;
5 no plan or solver failure; 6 verification failed; 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path

_LONGEST_VALUE = 200


class ExitCode(IntEnum):
    """The exit codes of the command line, also carried by every error."""

    DONE = 0
    BAD_INPUT = 2
    INFEASIBLE = 3
    GAP_NOT_REACHED = 4
    NO_PLAN = 5
    VERIFICATION_FAILED = 6
    INTERRUPTED = 130


class GridOptError(Exception):
    """Base of every error that grid-opt raises on purpose."""

    exit_code: ExitCode = ExitCode.NO_PLAN


class InputError(GridOptError):
    """Refuse bad input, naming where it is, what was found, what was expected and how to mend it.

    ``row`` counts as a text editor does: the header of a CSV file is line 1.
    """

    exit_code = ExitCode.BAD_INPUT

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        row: int | str | None = None,
        field: str | None = None,
        value: object | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.row = row
        self.field = field
        self.value = value
        self.expected = expected
        self.fix = fix
        super().__init__(self._message())

    def _message(self) -> str:
        place = [
            f"file {self.file}" if self.file is not None else "",
            f"row {self.row}" if self.row is not None else "",
            f"field {self.field}" if self.field is not None else "",
        ]
        where = ", ".join(part for part in place if part)
        lines = [f"{where}: {self.problem}" if where else self.problem]
        if self.value is not None:
            lines.append(f"  found:    {_shown(self.value)}")
        if self.expected is not None:
            lines.append(f"  expected: {self.expected}")
        if self.fix is not None:
            lines.append(f"  to fix:   {self.fix}")
        return "\n".join(lines)


def _shown(value: object) -> str:
    """Write a value so that text (in quotes) and numbers (without) can be told apart, in at most 200 characters."""
    plain = value.tolist() if hasattr(value, "tolist") else value  # numpy, without importing it
    text = repr(str(plain) if isinstance(plain, Path) else plain)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 4]} ..."


class InfeasibleError(GridOptError):
    """Say that no plan meets every limit, and which limits conflict.

    ``repairs`` are the changes proven to give a plan, as plain values: ``words``, ``moves``, ``overrides``,
    ``smallest``, ``constraints``. ``shortage`` says what is short, ``notes`` what the search left out.
    """

    exit_code = ExitCode.INFEASIBLE

    def __init__(
        self,
        message: str,
        *,
        shortage: str = "",
        repairs: Sequence[Mapping[str, object]] = (),
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.shortage, self.repairs, self.notes = shortage, tuple(repairs), tuple(notes)

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        repairs = [dict(repair) for repair in self.repairs]
        return {"conflict": str(self), "shortage": self.shortage, "repairs": repairs, "notes": list(self.notes)}


class SolverError(GridOptError):
    """Say that the solver failed, lied, or returned no plan."""

    exit_code = ExitCode.NO_PLAN


class VerificationError(GridOptError):
    """Say that a plan breaks a limit or that its bills do not add up."""

    exit_code = ExitCode.VERIFICATION_FAILED


class InterruptedRunError(GridOptError):
    """Say that the user interrupted a run before it had any plan."""

    exit_code = ExitCode.INTERRUPTED
