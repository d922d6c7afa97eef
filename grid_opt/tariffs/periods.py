"""Split the hours of the year into rate periods, and a quantity into tiers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from grid_opt.config.knobs import KnobError, Knobs
from grid_opt.units import KW_PER_MW

Mask = NDArray[np.bool_]
"""Of shape (12, 2, 24): month of the year, workday or weekend, hour of the local day."""

DAY_KINDS = ("workday", "weekend")
HOURS = 24
MonthNumber = Annotated[int, Field(ge=1, le=12)]
HourPair = Annotated[tuple[Annotated[int, Field(ge=0, le=23)], Annotated[int, Field(ge=1, le=24)]], Field(strict=False)]
EnergyRate = Annotated[float, Field(ge=-500, le=3000)]
DemandRate = Annotated[float, Field(ge=0, le=100)]
_SLIP_USD_PER_MWH = 0.2


class Window(Knobs):
    """Some hours of some days of some months, by the local clock."""

    months: tuple[MonthNumber, ...] = Field(
        default=tuple(range(1, 13)), strict=False, min_length=1, description="Months of the year, 1 to 12"
    )
    days: Literal["all", "workday", "weekend"] = Field(
        default="all", description="all, workday, or weekend (Saturday, Sunday, and the holidays of the tariff)"
    )
    hours: tuple[HourPair, ...] = Field(
        default=((0, 24),),
        strict=False,
        min_length=1,
        description="Pairs of start and end of the local day; [14, 20] is 2 to 8 pm, [22, 6] runs over midnight",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for pair in self.hours:
            if pair[0] == pair[1]:
                raise KnobError("the window has no hours", field="hours", value=list(pair), expected="start and end")
        return self

    def mask(self) -> Mask:
        """Mark the hours of the window."""
        hours = np.zeros(HOURS, dtype=bool)
        clock = np.arange(HOURS)
        for start, end in self.hours:
            hours |= (clock >= start) & (clock < end) if start < end else (clock >= start) | (clock < end)
        days = np.array([self.days in ("all", kind) for kind in DAY_KINDS])
        months = np.isin(np.arange(1, 13), self.months)
        marked: Mask = months[:, None, None] & days[None, :, None] & hours[None, None, :]
        return marked


@dataclass(frozen=True)
class Block:
    """A tier of a charge: the marginal rate [USD per unit] from the end of the tier before up to ``upto`` [unit]."""

    upto: float
    usd: float


def one_rate(usd: float) -> tuple[Block, ...]:
    """Charge one rate for every unit."""
    return (Block(math.inf, usd),)


class EnergyTier(Knobs):
    """A tier of the energy of a period in a month."""

    upto_mwh: float | None = Field(default=None, gt=0, le=1e9, description="End of the tier; the last has none [MWh]")
    usd_per_mwh: EnergyRate = Field(description="Rate of the energy within the tier [USD/MWh]")


class DemandTier(Knobs):
    """A tier of the billing demand of a period."""

    upto_mw: float | None = Field(default=None, gt=0, le=1e6, description="End of the tier; the last has none [MW]")
    usd_per_kw_month: DemandRate = Field(description="Rate of the demand within the tier [USD/(kW month)]")


class _Period(Knobs):
    windows: tuple[Window, ...] = Field(
        default=(),
        strict=False,
        description="When it applies; without any, whenever no other period of the charge does",
    )


class EnergyPeriod(_Period):
    """The energy rate of a time-of-use period."""

    usd_per_mwh: EnergyRate | None = Field(default=None, description="Rate of all its energy [USD/MWh]")
    tiers: tuple[EnergyTier, ...] = Field(default=(), strict=False, description="Rates by tier, instead of one rate")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _either(self.usd_per_mwh, self.tiers, "usd_per_mwh")
        _in_order([tier.upto_mwh for tier in self.tiers], "upto_mwh")
        for name, rate in [("usd_per_mwh", self.usd_per_mwh), *((f"tiers.{i}.usd_per_mwh", t.usd_per_mwh)
                                                                for i, t in enumerate(self.tiers))]:  # fmt: skip
            if rate is not None and 0 < abs(rate) < _SLIP_USD_PER_MWH:
                raise KnobError(
                    "too small for a rate per MWh",
                    field=name,
                    value=rate,
                    expected=f"USD/MWh: 0, or {_SLIP_USD_PER_MWH:g} or more",
                    fix=f"a rate of {rate:g} USD/kWh is {rate * KW_PER_MW:g} here; a small adder belongs into a rider",
                )
        return self

    def blocks(self) -> tuple[Block, ...]:
        """Return the tiers [MWh, USD/MWh]."""
        if self.usd_per_mwh is not None:
            return one_rate(self.usd_per_mwh)
        return tuple(Block(t.upto_mwh if t.upto_mwh is not None else math.inf, t.usd_per_mwh) for t in self.tiers)


class DemandPeriod(_Period):
    """The demand rate of a period."""

    usd_per_kw_month: DemandRate | None = Field(default=None, description="Rate of all of it [USD/(kW month)]")
    tiers: tuple[DemandTier, ...] = Field(default=(), strict=False, description="Rates by tier, instead of one rate")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _either(self.usd_per_kw_month, self.tiers, "usd_per_kw_month")
        _in_order([tier.upto_mw for tier in self.tiers], "upto_mw")
        return self

    def blocks(self) -> tuple[Block, ...]:
        """Return the tiers [MW, USD/(MW month)]."""
        if self.usd_per_kw_month is not None:
            return one_rate(self.usd_per_kw_month * KW_PER_MW)
        return tuple(
            Block(t.upto_mw if t.upto_mw is not None else math.inf, t.usd_per_kw_month * KW_PER_MW) for t in self.tiers
        )


def _either(rate: float | None, tiers: tuple[Knobs, ...], name: str) -> None:
    if (rate is None) == (not tiers):
        raise KnobError(
            "a period has one rate or tiers, and not both",
            field=name,
            value=rate,
            expected=f"either {name} or tiers",
        )


def _in_order(ends: list[float | None], name: str) -> None:
    for number, end in enumerate(ends):
        last = number == len(ends) - 1
        if last != (end is None):
            raise KnobError(
                "the last tier is open" if last else "only the last tier is open",
                field=f"tiers.{number}.{name}",
                value=end,
                expected="no limit" if last else "a limit",
            )
        before = ends[number - 1] if number else 0.0
        if end is not None and before is not None and end <= before:
            raise KnobError(
                "the tiers are not in order",
                field=f"tiers.{number}.{name}",
                value=end,
                expected=f"more than {before:g}, where the tier before ends",
            )


def period_masks(
    periods: Mapping[str, EnergyPeriod] | Mapping[str, DemandPeriod], *, every_hour: bool
) -> dict[str, Mask]:
    """Mark the hours of every period of a charge.

    Raises :class:`KnobError` where two periods overlap, two have no windows, a month has no rate, or, with
    ``every_hour``, an hour has none. The field is relative to the charge.
    """
    masks: dict[str, Mask] = {}
    taken = np.zeros((12, 2, HOURS), dtype=np.int64)
    open_ended: list[str] = []
    for number, (name, period) in enumerate(periods.items(), start=1):
        mask = np.zeros(taken.shape, dtype=bool)
        for window in period.windows:
            mask |= window.mask()
        clash = mask & (taken > 0)
        if clash.any():
            _refuse_overlap(name, list(periods)[int(taken[clash][0]) - 1], clash)
        taken[mask] = number
        masks[name] = mask
        if not period.windows:
            open_ended.append(name)
    if len(open_ended) > 1:
        raise KnobError("two periods without windows", field=f"periods.{open_ended[1]}.windows", expected="one at most")
    for name in open_ended:
        masks[name] = taken == 0
        taken[taken == 0] = len(periods) + 1
    _refuse_gaps(taken, every_hour)
    return masks


def _refuse_overlap(name: str, other: str, clash: Mask) -> None:
    month, kind, hour = (int(axis[0]) for axis in np.nonzero(clash))
    raise KnobError(
        f"overlaps the period {other}",
        field=f"periods.{name}.windows",
        value=f"month {month + 1}, {DAY_KINDS[kind]}, hour {hour}",
        expected="every hour in one period",
    )


def _refuse_gaps(taken: NDArray[np.int64], every_hour: bool) -> None:
    without = (taken == 0) if every_hour else (taken == 0).all(axis=(1, 2), keepdims=True)
    if without.any():
        month, kind, hour = (int(axis[0]) for axis in np.nonzero(without))
        where = f"month {month + 1}, {DAY_KINDS[kind]}, hour {hour}" if every_hour else f"month {month + 1}"
        raise KnobError(
            "an hour without a rate" if every_hour else "a month without a rate",
            field="periods",
            value=where,
            expected="a rate for all of the year",
            fix="add a period without windows for the rest; where nothing is charged, its rate is 0",
        )
