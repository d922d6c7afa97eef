r"""Take off a bill the wholesale energy that a customer's own contracts deliver over the meter.

Of the load :math:`x_t` a part :math:`d_t` is delivered under contracts with others. The wholesale price is not paid on
it: a line of the bill gives back :math:`\sum_{t \in m} w_t d_t a \pi_t`. All that is billed beside the wholesale price
stays on the whole load: the adder of the index, riders, energy at rates, demand, peaks and capacity.

That needs retail access: a schedule that bills no energy at a wholesale price has nothing to give back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from grid_opt.errors import InputError
from grid_opt.tariffs.clock import Floats
from grid_opt.tariffs.months import month_text
from grid_opt.tariffs.periods import one_rate
from grid_opt.tariffs.schema import Schedule, Tariff
from grid_opt.tariffs.setting import Setting
from grid_opt.tariffs.terms import Term, constant

DELIVERED = "delivered"
"""Part of an indexed charge that gives back the wholesale price of what contracts deliver."""
_ROUNDING_MW = 1e-6


def has_access(schedule: Schedule) -> bool:
    """Say whether a schedule bills energy at the wholesale price, so that others may deliver it."""
    return any(charge.multiplier > 0 for charge in schedule.indexed.values())


def closed_schedules(tariff: Tariff, months: Iterable[int]) -> list[str]:
    """Return the schedules in force in any of some months, at any size, under which no contract can deliver."""
    first, last = min(months), max(months)
    in_force = {name: one for name, one in tariff.schedules.items() if one.first <= last and one.last >= first}
    return [name for name, one in in_force.items() if not has_access(one)]


def delivered_terms(setting: Setting, schedule: Schedule, name: str, index: int) -> Iterator[Term]:
    """Write what is given back in a month for the energy that contracts deliver.

    Raises :class:`InputError` where something is delivered under a schedule without a wholesale price.
    """
    delivered, prices = setting.context.delivered_mw, setting.context.wholesale_usd_per_mwh
    if delivered is None:
        return
    calendar = setting.calendar
    slots = calendar.slots(index)
    mwh = calendar.weight_h[slots] * delivered[calendar.source[slots]]
    if not mwh.any():
        return
    if not has_access(schedule):
        raise InputError(
            f"energy is delivered in {month_text(calendar.months[index])} to a customer who is billed at other rates",
            file=setting.tariff.name,
            field=f"schedules.{name}.indexed",
            expected="energy at a wholesale price, of which a delivery takes the place",
        )
    for charge, indexed in schedule.indexed.items():
        if indexed.multiplier == 0:
            continue
        assert prices is not None  # the indexed charge itself has asked for them
        mean = float(mwh @ prices[calendar.source[slots]]) / float(mwh.sum())
        back = one_rate(-indexed.multiplier * mean)
        detail = f"delivered under contracts: no {indexed.multiplier:g} x wholesale"
        quantity = constant(float(mwh.sum()))
        yield Term(calendar.months[index], name, "indexed", charge, DELIVERED, quantity, "MWh", back, detail=detail)


def check_delivered(delivered: Floats | None, load_mw: Floats) -> None:
    """Refuse deliveries that are not of the load, with the place of the first such hour."""
    if delivered is None:
        return
    if len(delivered) != len(load_mw):
        raise InputError(
            "deliveries have another length than the load", field="delivered_mw", value=len(delivered),
            expected=f"{len(load_mw)}",
        )  # fmt: skip
    bad = ~((delivered >= 0) & (delivered <= load_mw + _ROUNDING_MW))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise InputError(
            "no more can be delivered than is used", field=f"delivered_mw[{at}]", value=delivered[at],
            expected=f"0 to {load_mw[at]:g} MW",
        )  # fmt: skip
