"""Hold what a bill needs to know beside the tariff and the load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from grid_opt.errors import InputError
from grid_opt.tariffs.clock import Floats
from grid_opt.tariffs.months import month_ordinal, month_text


@dataclass(frozen=True)
class Context:
    """A customer and a market.

    Contract demand, start and end of service, what was before the load, and prices that the tariff refers to.
    """

    contract_mw: float | Mapping[str, float] | None = None
    """Contract demand [MW], or by month ``2026-01`` from which it holds; ``None``: the highest load that is billed."""
    start: str | None = None
    """First month of service; ``None``: the first month that is billed."""
    leaves: str | None = None
    """First month without service; ``None``: the customer stays."""
    before: Literal["nothing", "same"] = "nothing"
    """What was before the load where no history says so: no demand, or the same as in its first twelve months."""
    peaks_mw: Mapping[str, float] = field(default_factory=dict)
    """Highest demand of earlier months [MW], for ratchets."""
    coincident_mw: Mapping[tuple[str, int], float] = field(default_factory=dict)
    """Mean demand at the peaks of a program in an earlier calendar year [MW], by (program, year)."""
    peak_hours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Peak hours that came true, by program, local, written ``2026-07-18T16``; they replace the declared ones."""
    capacity_usd_per_mw_day: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Capacity prices by (zone, delivery year ``2026/27``) [USD/(MW day)]."""
    wholesale_usd_per_mwh: Floats | None = None
    """Wholesale price of every hour of the load [USD/MWh]."""
    delivered_mw: Floats | None = None
    """Part of the load of every hour that others' contracts bring over the meter [MW]; ``None``: nothing."""

    def contract_in(self, month: int, highest_mw: float) -> float:
        """Return the contract demand of a month [MW]; the one named last up to it, the first before that."""
        if self.contract_mw is None:
            return highest_mw
        if not isinstance(self.contract_mw, Mapping):
            return self.contract_mw
        if not self.contract_mw:
            raise InputError("no contract demand is given", field="contract_mw", expected="MW by month")
        by_month = {ordinal_of(name, "contract_mw"): mw for name, mw in self.contract_mw.items()}
        due = [name for name in by_month if name <= month]
        return by_month[max(due) if due else min(by_month)]

    def change_of_contract(self, month: int) -> tuple[float, float]:
        """Return the contract demand of a month and of the month before [MW]; alike where it is not given by month."""
        if not isinstance(self.contract_mw, Mapping):
            return 0.0, 0.0
        return self.contract_in(month, 0.0), self.contract_in(month - 1, 0.0)

    def earlier_peak(self, month: int) -> float | None:
        """Return the recorded demand of an earlier month [MW], or ``None``."""
        return self.peaks_mw.get(month_text(month)) if self.peaks_mw else None


def ordinal_of(text: str, name: str) -> int:
    """Return the running number of a month given by a user. Raises :class:`InputError` naming the field."""
    try:
        return month_ordinal(text)
    except ValueError:
        raise InputError("not a calendar month", field=name, value=text, expected="a month like 2026-01") from None
