"""Write collateral and exit fees as cash flows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from grid_opt.tariffs.charges import Collateral, ExitFee
from grid_opt.tariffs.months import MONTHS_PER_YEAR
from grid_opt.tariffs.periods import Block, one_rate, period_masks
from grid_opt.tariffs.schema import Schedule
from grid_opt.tariffs.setting import Setting
from grid_opt.tariffs.terms import Term, of_contract
from grid_opt.units import KW_PER_MW


def cash_terms(setting: Setting, schedule: Schedule, name: str, month: int) -> Iterator[Term]:
    """Write the cash flows of a month: collateral posted, returned and carried, and the fee of leaving."""
    for charge, collateral in schedule.collateral.items():
        yield from _collateral(setting, collateral, name, charge, month)
    if month == setting.leaves:
        for charge, fee in schedule.exit_fee.items():
            yield from _exit(setting, schedule, fee, name, charge)


def _collateral(setting: Setting, collateral: Collateral, name: str, charge: str, month: int) -> Iterator[Term]:
    posted = setting.start
    returned = posted + MONTHS_PER_YEAR * collateral.years
    returned = returned if setting.leaves is None else min(returned, setting.leaves)
    usd_per_mw = collateral.usd_per_kw * KW_PER_MW
    amount = of_contract(1.0, posted)
    if collateral.form == "cash":
        for when, step, sign in ((posted, "posted", 1.0), (returned, "returned", -1.0)):
            if month == when:
                blocks = one_rate(sign * usd_per_mw)
                yield Term(month, name, "collateral", charge, step, amount, "MW", blocks, cash=True)
    if posted <= month < returned and collateral.fraction_per_year:
        sign, step = (-1.0, "interest") if collateral.form == "cash" else (1.0, "letter of credit")
        rate = sign * usd_per_mw * collateral.fraction_per_year / MONTHS_PER_YEAR
        yield Term(month, name, "collateral", charge, step, amount, "MW", one_rate(rate))


def _exit(setting: Setting, schedule: Schedule, fee: ExitFee, name: str, charge: str) -> Iterator[Term]:
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
        masks = period_masks(demand.periods, every_hour=False)
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
