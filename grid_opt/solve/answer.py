"""Say what a solver is asked and what it answers, and audit an answer; no solver is known here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from grid_opt.errors import SolverError
from grid_opt.solve.standard_form import Array, Matrix

Status = Literal["optimal", "feasible", "infeasible", "unbounded", "no_plan"]
"""``optimal``: within the asked gap. ``feasible``: a plan, but stopped before. ``no_plan``: stopped with none."""


@dataclass(frozen=True)
class Progress:
    """One line of news from a running branch and bound: incumbent and bound in ``unit``."""

    seconds: float
    incumbent: float
    bound: float
    nodes: int
    unit: str = ""

    @property
    def gap(self) -> float:
        """Relative gap, infinite without an incumbent."""
        return relative_gap(self.incumbent, self.bound)


@dataclass(frozen=True)
class Options:
    """How to solve. Tolerances are HiGHS's defaults and cannot be set: tighter ones were measured to mislead.

    A search ends at its gap, at its limit of time, with a plan whose objective is at the ``target`` or below, or when
    ``until`` says so of its incumbent and bound; it is asked often, in whichever thread searches. With ``interior``,
    what no basis is known of is solved by interior points: sooner where several models are joined. With ``proving``, no
    time goes into plans: only the bound is raised.
    """

    gap: float = 1e-4
    time_limit_s: float = 600.0
    threads: int = 2
    seed: int = 0
    target: float = float("-inf")
    interior: bool = False
    proving: bool = False
    progress: Callable[[Progress], None] | None = field(default=None, compare=False)
    stop: threading.Event | None = field(default=None, compare=False)
    until: Callable[[float, float], bool] | None = field(default=None, compare=False)

    def quietly(self, time_limit_s: float) -> Options:
        """Return the options of a short solve that follows the search: no news, not to be stopped."""
        return replace(self, progress=None, stop=None, until=None, target=float("-inf"), time_limit_s=time_limit_s)


@dataclass(frozen=True)
class Answer:
    """What HiGHS found. ``x``, ``row_dual`` and ``reduced_cost`` are present only where the status allows."""

    status: Status
    detail: str
    objective: float = float("inf")
    bound: float = float("-inf")
    nodes: int = 0
    seconds: float = 0.0
    x: Array | None = None
    row_dual: Array | None = None
    reduced_cost: Array | None = None
    interrupted: bool = False

    @property
    def gap(self) -> float:
        """Relative gap between objective and bound."""
        return relative_gap(self.objective, self.bound)


class UnsoundAnswerError(SolverError):
    """Say that the solver gave an answer that does not satisfy the program that was passed."""


def relative_gap(incumbent: float, bound: float) -> float:
    """Return ``|incumbent - bound| / |incumbent|``, infinite where either is missing."""
    if not (np.isfinite(incumbent) and np.isfinite(bound)):
        return float("inf")
    distance = abs(incumbent - bound)
    return 0.0 if distance == 0.0 else distance / max(abs(incumbent), 1e-12)


def audit(matrix: Matrix, x: Array, tolerance: float = 1e-5) -> float:
    """Check a point against the arrays that were passed and return its objective.

    Raises:
        UnsoundAnswerError: the point breaks a row, a bound or integrality by more than ``tolerance``, relative to the
            size of the terms in the row. Ten times HiGHS's own tolerance: postsolve may lose a digit.
    """
    activity = matrix.rows_matrix @ x
    size = 1.0 + abs(matrix.rows_matrix) @ np.abs(x)
    broken = np.maximum(matrix.row_lower - activity, activity - matrix.row_upper) / size
    if broken.size and broken.max() > tolerance:
        row = matrix.rows[int(broken.argmax())]
        raise UnsoundAnswerError(f"HiGHS's answer breaks {getattr(row, 'name', row)} by {broken.max():.3g} (relative)")
    outside = np.maximum(matrix.col_lower - x, x - matrix.col_upper) / (1.0 + np.abs(x))
    if outside.size and outside.max() > tolerance:
        column = matrix.columns[int(outside.argmax())]
        raise UnsoundAnswerError(f"HiGHS's answer leaves the bounds of {getattr(column, 'name', column)}")
    fraction = np.abs(x - np.round(x))[matrix.integer]
    if fraction.size and fraction.max() > tolerance:
        raise UnsoundAnswerError(f"HiGHS's answer is off an integer by {fraction.max():.3g}")
    return float(matrix.cost @ x + matrix.offset)
