r"""State how a branch turns into a line of the DC model; two conventions are in use.

``matpower``: :math:`f = \frac{1}{x\,\tau}(\theta_i - \theta_j - \varphi)`. A limit of the angle difference that is 0
or a full turn away is none.

``powermodels``: :math:`f = \frac{x}{r^2 + x^2}(\theta_i - \theta_j)`; taps and shifts are left out, and
:math:`\theta_i - \theta_j` stays within 60 degrees where the file sets no limit below 90.

Sources: MATPOWER ``makeBdc.m``, ``makeAang.m``; PowerModels.jl v0.19 ``form/dcp.jl``, ``core/data.jl``
(``correct_voltage_angle_differences!``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grid_opt.network.elements import Branches, Numbers, Topology

Convention = Literal["powermodels", "matpower"]
_PAD = 1.0472
"""The limit [rad] that PowerModels sets where a case has none."""
_QUARTER, _FULL = np.pi / 2, 2 * np.pi


@dataclass(frozen=True)
class Lines:
    r"""Branches of the DC model: :math:`f = b\,(\theta_i - \theta_j - \varphi)`, :math:`-\underline F \le f`, ...

    ``susceptance`` [MW/rad], ``shift`` [rad], ``low_mw`` and ``high_mw``: least and largest flow within the ratings
    and within the limits of the angle difference, which are limits of the flow since the flow follows the angle.
    """

    susceptance: Numbers
    shift: Numbers
    low_mw: Numbers
    high_mw: Numbers


def lines_of(net: Topology, convention: Convention) -> Lines:
    """Return the branches of an active network in a convention; arrays (branch,)."""
    rows = net.branches
    if convention == "matpower":
        susceptance = net.base_mva / (rows.x * rows.tap)
        shift, (low, high) = rows.shift, _limits_matpower(rows)
    else:
        susceptance = net.base_mva * rows.x / (rows.r**2 + rows.x**2)
        shift, (low, high) = np.zeros(len(rows)), _limits_powermodels(rows)
    at_low, at_high = susceptance * (low - shift), susceptance * (high - shift)
    return Lines(
        susceptance,
        shift,
        np.maximum(-rows.reverse_mw, np.minimum(at_low, at_high)),
        np.minimum(rows.forward_mw, np.maximum(at_low, at_high)),
    )


def _limits_matpower(rows: Branches) -> tuple[Numbers, Numbers]:
    """Return the limits of the angle difference [rad], infinite where there is none."""
    low, high = rows.angle_min, rows.angle_max
    free_low = np.isnan(low) | (low == 0) | (low <= -_FULL)
    free_high = np.isnan(high) | (high == 0) | (high >= _FULL)
    return np.where(free_low, -np.inf, low), np.where(free_high, np.inf, high)


def _limits_powermodels(rows: Branches) -> tuple[Numbers, Numbers]:
    missing = np.isnan(rows.angle_min) | np.isnan(rows.angle_max)
    low = np.where(missing | (rows.angle_min <= -_QUARTER), -_PAD, rows.angle_min)
    high = np.where(missing | (rows.angle_max >= _QUARTER), _PAD, rows.angle_max)
    both_zero = (low == 0) & (high == 0)
    return np.where(both_zero, -_PAD, low), np.where(both_zero, _PAD, high)
