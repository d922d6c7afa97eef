"""Show how far a sweep is: a live table on a terminal, a line for every case that ends elsewhere."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, TextIO

from grid_opt.cli.common import visible

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from grid_opt.study.sweeps.conduct import Status
    from grid_opt.study.sweeps.manifest import Run

_MINUTE, _HOUR = 60.0, 3600.0
_MOST_LINES = 12


class SweepProgress:
    """Print the news of a sweep to ``stream`` (stderr, so that stdout stays clean)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live: Live | None = None

    def say(self, text: str) -> None:
        """Print a stage."""
        self.close()
        self._stream.write(f"{visible(text)}\n")
        self._stream.flush()

    def update(self, status: Status) -> None:
        """Renew the live table; elsewhere say nothing."""
        if not self._stream.isatty():
            return
        if self._live is None:
            from rich.console import Console  # noqa: PLC0415
            from rich.live import Live  # noqa: PLC0415

            self._live = Live(console=Console(file=self._stream), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(table_of(status), refresh=True)

    def ended(self, label: str, run: Run, status: Status) -> None:
        """Print what came of a run, and how long the rest may take."""
        line = f"{run.state:<10} {run.seconds:7.1f} s  {label}"
        if run.reason:
            line += f": {run.reason.splitlines()[0][:160]}"
        line = visible(line)
        if self._live is not None:
            self._live.console.print(line, markup=False, highlight=False)
            return
        self._stream.write(f"{line}  [{headline(status)}]\n")
        self._stream.flush()

    def close(self) -> None:
        """End the live table."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def headline(status: Status) -> str:
    """Say in one line how far a sweep is and how long it may still take."""
    ended = status.cases - status.counts.get("pending", 0)
    return f"{ended} of {status.cases} cases, {time_left(status)}"


def time_left(status: Status) -> str:
    """Say how long a sweep may still take, with its range as soon as there is one."""
    if status.left_s is None:
        return "time left not known before a case has ended"
    likely, low, high = status.left_s
    if not status.left and not status.running:
        return "none left"
    if math.isinf(high):
        return f"about {span(likely)} left, from one case only"
    return f"about {span(likely)} left ({span(low)} to {span(high)})"


def span(seconds: float) -> str:
    """Write a time in its fitting unit."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


def table_of(status: Status) -> Table:
    """Return the live table: counts by state, what runs and since when, and the time left."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for label, seconds in status.running[:_MOST_LINES]:
        table.add_row(span(seconds), f"running  {escape(label)}")
    if len(status.running) > _MOST_LINES:
        table.add_row("", f"... and {len(status.running) - _MOST_LINES} more")
    counts = ", ".join(f"{count} {state}" for state, count in status.counts.items())
    table.add_row(span(status.seconds), f"{counts}; on {escape(status.where)}")
    table.add_row("", headline(status))
    return table
