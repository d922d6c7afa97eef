"""Let a run tell whoever started it what it is doing."""

from __future__ import annotations

from typing import Protocol

from grid_opt.solve.answer import Progress


class Listener(Protocol):
    """Receive the news of a run: stages as they begin, and the search as it goes on."""

    def stage(self, text: str) -> None:
        """Hear that a stage of the run began."""
        ...

    def search(self, news: Progress) -> None:
        """Hear how far the search is."""
        ...


def search_line(news: Progress) -> str:
    """Write one plain line: time, incumbent, bound, gap."""
    incumbent = f"{news.incumbent:,.1f}" if abs(news.incumbent) < 1e15 else "none yet"
    bound = f"{news.bound:,.1f}" if abs(news.bound) < 1e15 else "none yet"
    gap = f"{100 * news.gap:.3f} %" if news.gap < 1e3 else "open"
    return f"{news.seconds:6.1f} s  incumbent {incumbent}  bound {bound} {news.unit}  gap {gap}  nodes {news.nodes}"


class Log:
    """Keep the news as plain lines for ``run.log``, and pass it on to a listener."""

    def __init__(self, listener: Listener | None) -> None:
        self.lines: list[str] = []
        self._listener = listener

    def stage(self, text: str) -> None:
        """Log a stage and pass it on."""
        self.lines.append(text)
        if self._listener is not None:
            self._listener.stage(text)

    def search(self, news: Progress) -> None:
        """Log a line of the search and pass it on."""
        self.lines.append(search_line(news))
        if self._listener is not None:
            self._listener.search(news)

    def text(self) -> str:
        """Return the log."""
        return "\n".join(self.lines) + "\n"
