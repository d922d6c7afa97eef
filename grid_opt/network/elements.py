"""Hold a power network as arrays, whatever file it came from.

Every kind of element is a set of equally long numpy arrays. Buses are referred to by their position. Powers are in
MW, angles in rad, impedances per unit of ``base_mva``. Offline elements stay in the arrays with ``online`` false;
:func:`grid_opt.network.islands.active` leaves them out, and every computation starts from what it returns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Table:
    """Arrays of one length, one entry per element."""

    name: Names

    def __len__(self) -> int:
        return len(self.name)

    def take(self, which: Flags | Places) -> Self:
        """Return the chosen elements, every array cut alike."""
        return type(self)(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


@dataclass(frozen=True)
class Buses(Table):
    """Buses with what they draw [MW]: load and shunt conductance at 1 p.u. ``longitude`` may be NaN (unknown).

    ``reference`` marks the buses that the file names as reference (slack); their angle is ``angle`` [rad].
    """

    load_mw: Numbers
    shunt_mw: Numbers
    reference: Flags
    angle: Numbers
    online: Flags
    longitude: Numbers
    latitude: Numbers


@dataclass(frozen=True)
class Branches(Table):
    """AC lines and transformers from bus ``start`` to bus ``end``; parallel ones are elements of their own.

    ``r``, ``x`` [p.u.], ``tap`` [1] at the start, ``shift`` [rad], ratings [MW] in both directions (infinite where the
    file sets none), limits of the angle difference [rad] as the file has them, NaN where it has none.
    """

    start: Places
    end: Places
    r: Numbers
    x: Numbers
    tap: Numbers
    shift: Numbers
    forward_mw: Numbers
    reverse_mw: Numbers
    angle_min: Numbers
    angle_max: Numbers
    online: Flags


@dataclass(frozen=True)
class Generators(Table):
    """Generators, and dispatchable loads as generators of negative power, with limits [MW]."""

    bus: Places
    p_min_mw: Numbers
    p_max_mw: Numbers
    online: Flags


@dataclass(frozen=True)
class DcLines(Table):
    r"""Controllable lines: ``p`` [MW] leaves ``start`` and :math:`(1 - l_1)\,p - l_0` arrives at ``end``."""

    start: Places
    end: Places
    p_min_mw: Numbers
    p_max_mw: Numbers
    loss_mw: Numbers
    loss_fraction: Numbers
    online: Flags


@dataclass(frozen=True)
class Costs:
    r"""Costs [USD/h] of the power p [MW] of equally many elements.

    :math:`c(p) = c_0 + c_1 p + c_2 p^2 + \max_k (a_k + b_k p)`, the last over the lines of a piecewise linear cost.
    ``quadratic`` (n, 3) holds :math:`c_0, c_1, c_2`; the lines are flat: ``line_of`` says whose they are.
    """

    quadratic: Numbers
    line_of: Places
    line_at_zero: Numbers
    line_slope: Numbers

    @classmethod
    def none(cls, count: int) -> Costs:
        """Return costs of zero."""
        empty = np.zeros(0)
        return cls(np.zeros((count, 3)), np.zeros(0, dtype=np.int64), empty, empty)

    @property
    def curved(self) -> Flags:
        """Where the cost is more than linear: a square or several lines."""
        found: Flags = np.asarray(self.quadratic[:, 2] != 0)
        found[self.line_of] = True
        return found

    def take(self, which: Flags) -> Costs:
        """Return the costs of the chosen elements."""
        position = np.cumsum(which) - 1
        kept = which[self.line_of]
        return Costs(
            self.quadratic[which], position[self.line_of[kept]], self.line_at_zero[kept], self.line_slope[kept]
        )

    def at(self, p: Numbers) -> Numbers:
        """Return the cost of every element at its power ``p`` [USD/h]."""
        smooth = self.quadratic[:, 0] + p * (self.quadratic[:, 1] + p * self.quadratic[:, 2])
        most = np.full(len(p), -np.inf)
        np.maximum.at(most, self.line_of, self.line_at_zero + self.line_slope * p[self.line_of])
        return np.asarray(smooth + np.where(np.isfinite(most), most, 0.0))


@dataclass(frozen=True)
class Topology:
    """A whole network. ``source`` is the file it came from; ``notes`` are things that the reader had to decide."""

    source: str
    base_mva: float
    buses: Buses
    branches: Branches
    generators: Generators
    generator_costs: Costs
    dc_lines: DcLines
    dc_costs: Costs
    notes: tuple[str, ...] = ()

    @property
    def demand_mw(self) -> Numbers:
        """What every bus draws: its load and its shunt [MW]."""
        return np.asarray(self.buses.load_mw + self.buses.shunt_mw)

    @property
    def has_places(self) -> bool:
        """Whether every bus has coordinates."""
        return bool(np.isfinite(self.buses.longitude).all() and np.isfinite(self.buses.latitude).all())


def text_array(values: Any) -> Names:
    """Return an array of str."""
    return np.array([str(v) for v in values], dtype=np.str_)


def no_dc_lines() -> DcLines:
    """Return the table of DC lines of a network that has none."""
    none, nowhere = np.zeros(0), np.zeros(0, dtype=np.int64)
    return DcLines(
        name=np.zeros(0, dtype=np.str_), start=nowhere, end=nowhere, p_min_mw=none, p_max_mw=none,
        loss_mw=none, loss_fraction=none, online=np.zeros(0, dtype=bool),
    )  # fmt: skip
