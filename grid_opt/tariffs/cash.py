"""Write collateral and exit fees as cash flows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from grid_opt.tariffs.charges import Collateral, ExitFee
from grid_opt.tariffs.months import MONTHS_PER_YEAR
from grid_opt.tariffs.periods import Block, one_rate
from grid_opt.tariffs.schema import Schedule
from grid_opt.tariffs.setting import Setting
from grid_opt.tariffs.terms import Linear, Term, of_contract
from grid_opt.units import KW_PER_MW

Names = Mapping[int, str]
"""Schedule of every month that is served."""


def cash_terms(setting: Setting, names: Names) -> Iterator[Term]:
    """Write the cash flows of all months: collateral posted, carried and returned, and the fee of leaving."""
    for posted, end, name, charge in _spans(setting, names):
        yield from _collateral(setting, setting.tariff.schedules[name].collateral[charge], name, charge, posted, end)
    if (
        setting.leaves is not None
        and setting.leaves - 1 in names
        and setting.calendar.index(setting.leaves) is not None
    ):
        name = names[setting.leaves - 1]
        schedule = setting.tariff.schedules[name]
        for charge, fee in schedule.exit_fee.items():
            yield from exit_terms(setting, schedule, fee, name, charge)


def _spans(setting: Setting, names: Names) -> Iterator[tuple[int, int | None, str, str]]:
    """Find the months during which a schedule that asks for a collateral holds: posted, ended, schedule, charge.

    A schedule that holds from the first month of the calendar on is taken to hold since the start of service. The end
    is the first month under another schedule or without service; ``None`` where the calendar ends before.
    """
    months = sorted(names)
    for month in months:
        if names.get(month - 1) == names[month]:
            continue
        end = month
        while names.get(end) == names[month]:
            end += 1
        posted = setting.start if month == months[0] else month
        for charge in setting.tariff.schedules[names[month]].collateral:
            yield posted, end if end in names or end == setting.leaves else None, names[month], charge


def _collateral(
    setting: Setting, collateral: Collateral, name: str, charge: str, posted: int, end: int | None
) -> Iterator[Term]:
    due = posted + MONTHS_PER_YEAR * collateral.years
    returned = due if end is None else min(due, end)
    usd_per_mw = collateral.usd_per_kw * KW_PER_MW
    cash = collateral.form == "cash"
    rate = (-1.0 if cash else 1.0) * usd_per_mw * collateral.fraction_per_year / MONTHS_PER_YEAR
    for month in range(posted, returned + 1):
        if setting.calendar.index(month) is None:
            continue
        if cash:
            yield from _paid(setting, name, charge, usd_per_mw, (month, posted, returned))
        if month < returned and (rate or cash):
            step = "interest" if cash else "letter of credit"
            yield Term(month, name, "collateral", charge, step, of_contract(1.0, month), "MW", one_rate(rate))


def _paid(setting: Setting, name: str, charge: str, usd_per_mw: float, at: tuple[int, int, int]) -> Iterator[Term]:
    """Write what is paid in a month: the deposit at first, more or less as the contract changes, and its return."""
    month, posted, returned = at
    now, before = setting.context.change_of_contract(month)
    if month == returned:
        back = of_contract(1.0, month - 1 if month > setting.calendar.months[0] else month)
        yield Term(month, name, "collateral", charge, "returned", back, "MW", one_rate(-usd_per_mw), cash=True)
    elif month == posted:
        yield Term(
            month, name, "collateral", charge, "posted", of_contract(1.0, month), "MW", one_rate(usd_per_mw), cash=True
        )
    elif now != before:
        more = Linear(np.zeros(0, dtype=np.int64), np.zeros(0), constant=now - before)
        yield Term(month, name, "collateral", charge, "adjusted", more, "MW", one_rate(usd_per_mw), cash=True)


def exit_terms(setting: Setting, schedule: Schedule, fee: ExitFee, name: str, charge: str) -> Iterator[Term]:
    """Write the fee: of each share of the contract that is due, the rates of its months together."""
    month = setting.leaves
    assert month is not None
    if fee.usd_per_kw:
        blocks = one_rate(fee.usd_per_kw * KW_PER_MW)
        yield Term(month, name, "exit_fee", charge, "contract", of_contract(1.0, month), "MW", blocks)
    for demand_name, demand in schedule.demand.items():
        take = demand.minimum_take
        if take is None:
            continue
        masks = demand.masks
        count: dict[tuple[str, float], int] = defaultdict(int)
        for due in range(month, month + fee.months_of_minimum):
            share = take.share_in(due - setting.start)
            for part, mask in masks.items():
                if share > 0 and mask[due % MONTHS_PER_YEAR].any():
                    count[part, share] += 1
        for (part, share), months in count.items():
            blocks = tuple(Block(b.upto, months * b.usd) for b in demand.periods[part].blocks())
            yield Term(
                month, name, "exit_fee", charge, f"{demand_name}.{part}", of_contract(share, month), "MW", blocks,
                detail=f"{months} months of the minimum, {share:g} of the contract",
            )  # fmt: skip
