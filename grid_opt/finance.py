r"""Discount money and spread capital cost over the time that an asset serves.

All rates are real and annual. Time ``t`` is in years from the start of the first quarter of the horizon, and a
quarter's money is discounted at its middle: quarter ``q`` (0, 1, 2, ...) has :math:`t_q = (q + 1/2) / 4`.

Source: the textbook formulas of engineering economics (annuity due, straight-line residual value).
"""

from __future__ import annotations

import math

from grid_opt.units import QUARTERS_PER_YEAR


def discount_factor(rate: float, years: float) -> float:
    r"""Return the present value :math:`(1 + d)^{-t}` of one USD paid ``years`` from now."""
    return float((1.0 + rate) ** -years)


def quarter_discount_factor(rate: float, quarter: int) -> float:
    """Return the discount factor at the middle of quarter number ``quarter``, counted from 0."""
    return discount_factor(rate, (quarter + 0.5) / QUARTERS_PER_YEAR)


def quarterly_payment(rate: float, life_years: float) -> float:
    r"""Return the level payment a quarter that repays one USD over the life of an asset [1/quarter].

    The first of :math:`n = 4L` payments falls due when the asset enters service (an annuity due), so with
    :math:`v = (1 + d)^{-1/4}` the payment is :math:`(1 - v) / (1 - v^n)`.
    """
    payments = QUARTERS_PER_YEAR * life_years
    if rate == 0.0:
        return 1.0 / payments
    step = discount_factor(rate, 1.0 / QUARTERS_PER_YEAR)
    return (1.0 - step) / (1.0 - discount_factor(rate, life_years))


def annuity_present_value(rate: float, life_years: float, start: int, end: int) -> float:
    r"""Return the present value of level payments per USD of overnight cost, for service from ``start`` to ``end``.

    .. math:: \frac{1 - v}{1 - v^{4L}} \sum_{q = q_0}^{q_1 - 1} (1 + d)^{-t_q}

    ``start`` and ``end`` number quarters from 0; ``end`` is the first quarter after the horizon. The asset is
    renewed at the same real price for as long as it serves, so payments go on beyond its life. Serving exactly its
    life costs what buying it at the start does.
    """
    due = math.fsum(quarter_discount_factor(rate, q) for q in range(start, end))
    return quarterly_payment(rate, life_years) * due


def cash_flow_present_value(rate: float, life_years: float, start: int, end: int) -> float:
    r"""Return the present value of spending overnight, renewing at end of life, less the residual value.

    Spending happens in the middle of quarter ``start`` and again every ``life_years``; at the end of the
    horizon the unexpired part of the last asset is credited in a straight line:

    .. math:: \sum_k (1 + d)^{-(t_{q_0} + kL)} - \Bigl(1 - \frac{T - (t_{q_0} + KL)}{L}\Bigr) (1 + d)^{-T}
    """
    horizon = end / QUARTERS_PER_YEAR
    spent_at = (start + 0.5) / QUARTERS_PER_YEAR
    value = 0.0
    while True:
        value += discount_factor(rate, spent_at)
        if spent_at + life_years >= horizon:
            break
        spent_at += life_years
    residual = max(0.0, 1.0 - (horizon - spent_at) / life_years)
    return value - residual * discount_factor(rate, horizon)


def falling_annuity(rate: float, life: int, decline: float, start: int, end: int) -> float:
    r"""Return the present value of level payments per USD of first price, when every renewal is cheaper than the last.

    Like :func:`annuity_present_value`, with the life of :math:`n` whole quarters, and with the payment of the asset
    that serves in quarter ``q`` following the price at which it was bought:
    :math:`(1 - \delta)^{\lfloor (q - q_0) / n \rfloor n / 4}`.
    """
    due = math.fsum(
        (1.0 - decline) ** ((q - start) // life * life / QUARTERS_PER_YEAR) * quarter_discount_factor(rate, q)
        for q in range(start, end)
    )
    return quarterly_payment(rate, life / QUARTERS_PER_YEAR) * due


def falling_cash_flow(rate: float, life: int, decline: float, start: int, end: int) -> float:
    """Return the present value of spending per USD of first price, when every renewal is cheaper than the last.

    Like :func:`cash_flow_present_value`, with service counted in whole quarters: of the last asset, bought in quarter
    ``b`` at the price ``p``, the unexpired part :math:`(b + n - q_1) / n` of ``p`` is credited at ``end``.
    """
    value, bought, price = 0.0, start, 1.0
    while True:
        value += price * quarter_discount_factor(rate, bought)
        if bought + life >= end:
            break
        bought += life
        price *= (1.0 - decline) ** (life / QUARTERS_PER_YEAR)
    unexpired = (bought + life - end) / life
    return value - price * unexpired * discount_factor(rate, end / QUARTERS_PER_YEAR)
