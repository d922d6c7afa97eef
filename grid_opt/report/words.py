"""Write names and amounts so that they fit and stay text."""

from __future__ import annotations

import unicodedata

from grid_opt.plan.summary import PROVEN_GAP
from grid_opt.units import USD_PER_MUSD


def plain(text: object, limit: int = 40) -> str:
    """Return ``text`` on one line, without control or direction marks, cut to ``limit`` characters."""
    kept = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in str(text)[: 8 * limit])
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def short(name: object, limit: int) -> str:
    """Return a name on one line that fits ``limit`` characters, giving up what is in brackets first."""
    line = plain(name, 10 * limit)
    if len(line) > limit and " (" in line[2:]:
        line = line[: line.index(" (", 2)]
    return plain(line, limit)


_BETTER = {
    "least_cost": "be cheaper", "net_value": "be better", "most_tokens": "serve more tokens",
}  # fmt: skip


def proof(goal: str, status: str, gap_fraction: float, gap_usd: float | None = None) -> str:
    """Say how good a plan is proven to be, for its goal."""
    if gap_fraction < PROVEN_GAP:
        return "proven optimal"
    amount = "" if gap_usd is None else f" ({money(gap_usd / USD_PER_MUSD)})"
    return f"{status}; no plan can {_BETTER[goal]} by more than {100.0 * gap_fraction:.2g} %{amount}"


def money(musd: float) -> str:
    """Return an amount of ``musd`` million USD in words that fit its size."""
    if abs(musd) >= 1000.0:
        return f"${musd / 1000:,.2f} billion"
    return f"${musd:,.1f} million"
