"""Say how an array of the plan is declared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spec:
    """Declare one array of the plan: its dimensions, its unit and what it means."""

    dims: tuple[str, ...]
    unit: str
    long_name: str
