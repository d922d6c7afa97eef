"""Show how a run is getting on: one line that renews itself on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING, TextIO

from grid_opt.cli.common import visible

if TYPE_CHECKING:
    from grid_opt.solve.answer import Progress

_LINE_EVERY_S = 10.0


class ProgressLine:
    """Print the news of a run to ``stream`` (stderr, so that stdout stays clean)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._last_s = -math.inf
        self._open = False

    def stage(self, text: str) -> None:
        """Say that a stage of the run began."""
        self.close()
        self._stream.write(f"{visible(text)}\n")
        self._stream.flush()

    def search(self, news: Progress) -> None:
        """Say how far the search is: on a terminal at every news, elsewhere every ten seconds."""
        from grid_opt.study.progress import search_line  # noqa: PLC0415

        if self._live:
            self._stream.write(f"\r{search_line(news)}\x1b[K")
            self._open = True
        elif news.seconds - self._last_s >= _LINE_EVERY_S:
            self._last_s = news.seconds
            self._stream.write(search_line(news) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """End the line that renews itself, keeping what it last said."""
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False
