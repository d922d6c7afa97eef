"""Hold what all charges of a compilation share."""

from __future__ import annotations

from dataclasses import dataclass

from grid_opt.tariffs.clock import Calendar
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.schema import Tariff


@dataclass(frozen=True)
class Setting:
    """What all charges of a compilation share."""

    tariff: Tariff
    calendar: Calendar
    context: Context
    start: int
    """Running number of the first month of service."""
    leaves: int | None
    """Running number of the first month without service."""
