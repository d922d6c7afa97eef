"""Find the smallest change of one region at which forcing it in costs no more than the plan."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.study.explain.levers import Lever

_EQUAL = 1e-7
"""Relative difference up to which two objectives are the same."""
_NEAR_ENOUGH = 0.02
"""The search ends when less than this share of the amount is left between what does and what does not."""


@dataclass(frozen=True)
class Scale:
    """The amounts of a lever that are tried: whole steps, up to the most that is asked."""

    step: float
    most: float

    @property
    def steps(self) -> int:
        """How many steps the largest amount has."""
        return math.floor(self.most / self.step + 1e-9)


@dataclass(frozen=True)
class Found:
    """The smallest amount that does, ``None`` where the most does not; ``smallest``: one step less, or nearly, fails.

    ``known`` is false where time ended before anything was learnt.
    """

    amount: float | None
    tried: float
    smallest: bool
    known: bool


def scale_of(lever: Lever, case: Case, world: xr.Dataset, region: str) -> Scale:
    """Return what may be asked of a region: a largest campus of headroom, two years, or power for nothing."""
    if lever == "headroom":
        pue = float(world["pue_peak"].sel(region=region))
        return Scale(1.0, math.ceil(case.campus.max_campus_mw * pue))
    if lever == "sooner":
        return Scale(1.0, float(min(8, len(case.quarters))))
    return Scale(0.5, max(0.0, math.floor(2 * mean_price(world, region)) / 2))


def mean_price(world: xr.Dataset, region: str) -> float:
    """Return the mean wholesale price of a region over the hours of its last operating year [USD/MWh]."""
    price = world["price"].sel(region=region).isel(year=-1)
    return float((price * world["slice_weight"]).sum() / world["slice_weight"].sum())


def turning_point(
    value: Callable[[float], float], target: float, scale: Scale, end: float, guess: float,
    *, at_zero: float = math.nan,
) -> Found:  # fmt: skip
    """Return the smallest amount at which ``value`` is at most ``target``, taking it to fall with the amount.

    ``value`` may be infinite (no solution) or not a number (not solved in time: nothing is concluded); ``at_zero`` is
    its value without a change. ``guess`` is tried first. Then come amounts where the straight line through the last
    two values meets the target; once something does, also the middle between what fails and what does, in turn.
    """
    bar = target + _EQUAL * max(1.0, abs(target))
    if scale.steps < 1:
        return Found(None, 0.0, smallest=True, known=True)
    span = _Span(bar, scale.steps, [(0, at_zero)])
    tried = int(np.clip(math.ceil(guess / scale.step - 1e-9), 1, scale.steps))
    while time.monotonic() < end:
        found = value(tried * scale.step)
        if math.isnan(found):
            break
        span.learn(tried, found)
        if span.low == scale.steps:
            return Found(None, scale.most, smallest=True, known=True)
        if span.narrow:
            return Found(span.high * scale.step, span.high * scale.step, smallest=True, known=True)
        tried = span.next()
    if not span.does:
        return Found(None, span.low * scale.step, smallest=False, known=False)
    return Found(span.high * scale.step, span.high * scale.step, smallest=False, known=True)


class _Span:
    """What fails and what does so far, in steps: the answer lies above ``low`` and at most at ``high``."""

    def __init__(self, bar: float, most: int, points: list[tuple[int, float]]) -> None:
        self.bar, self.points = bar, points
        self.low, self.high, self.does, self._turn = 0, most, False, 0

    @property
    def narrow(self) -> bool:
        """Whether nothing worth trying is left between what fails and what does."""
        return self.does and self.high - self.low <= max(1, _NEAR_ENOUGH * self.high)

    def learn(self, steps: int, value: float) -> None:
        """Take note of a value."""
        self.points.append((steps, value))
        if value <= self.bar:
            self.high, self.does = steps, True
        else:
            self.low = steps

    def next(self) -> int:
        """Return the steps to try next."""
        self._turn += 1
        straight = self._straight()
        if not self.does:
            return self.high if straight is None else int(np.clip(straight, min(2 * self.low, self.high), self.high))
        middle = (self.low + self.high) // 2
        if straight is not None and self._turn % 2:
            middle = straight
        return int(np.clip(middle, self.low + 1, self.high - 1))

    def _straight(self) -> int | None:
        """Return where the line through the last two values meets the bar; ``None`` where it does not fall."""
        known = [(n, v) for n, v in self.points if math.isfinite(v)]
        if len(known) < 2:
            return None
        (a, at_a), (b, at_b) = sorted(known[-2:])
        if a == b or at_a - at_b <= _EQUAL * max(1.0, abs(self.bar)):
            return None
        meets = a + (at_a - self.bar) * (b - a) / (at_a - at_b)
        return math.ceil(min(meets, 1e9) - 1e-9)


def first_guess(lever: Lever, case: Case) -> float:
    """Return the amount that is tried first: a smallest campus of headroom, a quarter, or five dollars."""
    return {"headroom": max(case.campus.min_campus_mw, case.campus.hall_mw), "sooner": 1.0, "price": 5.0}[lever]
