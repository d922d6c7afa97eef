r"""Bound what a MW of a battery can be worth, with the energy beside it and the quarters of its building that pay best.

What shifting power between the hours of year :math:`a` earns is the value of a linear program of that year, with
power :math:`P_c` and usable energy :math:`U_c` of calendar quarter :math:`c` on its right-hand sides. Its prices at one
battery bound it for every other:

.. math:: v_a(P, U) \le \sum_c \alpha_{ac} P_c + \lambda_{ac} U_c .

A small program, the master, chooses power and energy quarter by quarter and pays for them, against such bounds of the
years; where it would build, the years are asked again for their prices (Benders, Numerische Mathematik 4, 1962). It
ends when nothing pays, when the battery that it would build does pay, or with the bound that it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import linprog

from grid_opt.config import Case
from grid_opt.errors import SolverError
from grid_opt.inputs.present_worth import SEASONS, Floats, capital_weight, money_weights, worth_of_hours
from grid_opt.units import QUARTERS_PER_YEAR

_ROUNDS = 12
_ROUNDING_USD = 1e-3


def battery_worth(case: Case, world: xr.Dataset, store: str, saved: Floats, capacity: Floats) -> float:
    """Return a bound of what a MW of a battery can be worth [USD]: the sum of its MW, whenever they are built, is 1.

    ``saved`` is what a MWh given on site saves (year, slice) [USD/MWh], ``capacity`` what a MW off the obligation does
    (quarter) [USD].
    """
    year = _Years(case, world, store, saved)
    master = _Master.of(case, world, store, capacity)
    power, usable = np.ones_like(year.shape), master.fullest()
    for hours in (world["store_least_hours"], world["store_most_hours"]):
        master.bound(year, power, float(hours.sel(store=store)) * usable)
    bound = np.inf
    for _ in range(_ROUNDS):
        bound, power, usable, believed = master.best()
        if bound <= 0:
            break
        earned = master.bound(year, power, usable)
        if bound - believed + earned > 0 or believed - earned <= _ROUNDING_USD:
            break
    return bound


class _Years:
    """What a battery earns in every operating year, and what more power and energy would."""

    def __init__(self, case: Case, world: xr.Dataset, store: str, saved: Floats) -> None:
        self.saved, self.worth = saved, worth_of_hours(case, world)
        self.wear = float(world["store_wear"].sel(store=store))
        self.there = float(world["store_available"].sel(store=store))
        self.season = world["slice_season"].values.astype(int) - 1
        self.shape = np.zeros((len(saved), len(SEASONS)))
        count, one_way = world.sizes["slice"], float(world["store_efficiency"].sel(store=store))
        before, length = _days(case, world)
        here = sp.identity(count, format="csr")
        earlier = sp.csr_array((np.ones(count), (np.arange(count), before)), shape=(count, count))
        through = sp.diags_array(length)
        self.balance = sp.hstack([-one_way * through, through / one_way, here - earlier]).tocsr()

    def prices(self, a: int, power: Floats, usable: Floats) -> tuple[Floats, Floats]:
        """Return what a MW and a usable MWh more would earn in every calendar quarter of a year [USD].

        The columns are what goes in, comes out and is stored.
        """
        count, worth = len(self.season), self.worth[a]
        most_mw, most_mwh = power[self.season], usable[self.season]
        bounds = np.stack([np.zeros(3 * count), np.concatenate([most_mw, most_mw, most_mwh])], axis=1)
        scale = float(worth.mean())
        cost = np.concatenate([self.saved[a] * worth, (self.wear - self.saved[a]) * worth, np.zeros(count)]) / scale
        found = linprog(cost, A_eq=self.balance, b_eq=np.zeros(count), bounds=bounds, method="highs-ds")
        if found.status != 0:
            raise SolverError(f"the arbitrage of a battery could not be bounded: {found.message}")
        each = -found.upper.marginals * scale * self.there
        of_power, of_energy = each[:count] + each[count : 2 * count], each[2 * count :]
        return self._by_season(of_power), self._by_season(of_energy)

    def _by_season(self, each: Floats) -> Floats:
        return np.array([each[self.season == c].sum() for c in range(len(SEASONS))])


@dataclass
class _Master:
    """Power and energy that are new in every quarter, what they answer for, what the years earn; and what that costs.

    The columns are new MW, new MWh and MW off the obligation by quarter, and what every year earns.
    """

    cost: Floats
    rows: list[Floats]
    power: Floats
    """MW of every calendar quarter (year x season) by the columns."""
    usable: Floats
    """MWh likewise."""
    upper: Floats
    right: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, case: Case, world: xr.Dataset, store: str, capacity: Floats) -> _Master:
        """Return the program of a battery without a bound on what the years earn."""
        quarters, years = list(case.quarters), len(case.years)
        n, at = len(quarters), {name: world[name].sel(own=store).values for name in ("own_most", "own_credit")}
        ready, size = at["own_most"] > 0, 3 * len(quarters) + years
        after = np.array([quarters.index(case.capacity_quarter(a, c)) for a in case.years for c in SEASONS])
        so_far = np.tril(np.ones((n, n)))
        power, usable = np.zeros((len(after), size)), np.zeros((len(after), size))
        power[:, :n] = so_far[after]
        left = world["store_left"].sel(store=store).transpose("year", "season", "quarter").values.reshape(-1, n)
        usable[:, n : 2 * n] = left
        least, most = (float(world[f"store_{k}_hours"].sel(store=store)) for k in ("least", "most"))
        share, hours = (float(one) for one in (world["own_accredited"].sel(own=store), _hours(world, store)))
        rows = [np.hstack(one) for one in _duration_rows(so_far, least, most, share, np.zeros((n, years)))]
        if hours > 0:
            answered = np.zeros((len(after), size))
            answered[np.arange(len(after)), 2 * n + after] = hours
            rows += [answered - usable]
        table = np.vstack(rows)
        return cls(
            cost=_costs(case, world, store, after, capacity),
            rows=list(table),
            power=power,
            usable=usable,
            upper=np.concatenate([np.tile(np.where(ready, np.inf, 0.0), 2), np.full(n + years, np.inf)]),
            right=[0.0] * len(table),
        )  # fmt: skip

    @property
    def years(self) -> int:
        """Count the operating years."""
        return len(self.power) // len(SEASONS)

    def fullest(self) -> Floats:
        """Return the most that can be used of a MWh in every calendar quarter (year, season)."""
        return np.asarray(self.usable.max(axis=1).reshape(self.years, len(SEASONS)))

    def bound(self, year: _Years, power: Floats, usable: Floats) -> float:
        """Bound what the years earn by the prices at a battery (year, season), and return what that one earns."""
        earned = 0.0
        for a in range(self.years):
            of_power, of_energy = year.prices(a, power[a], usable[a])
            mine = slice(a * len(SEASONS), (a + 1) * len(SEASONS))
            row = -(of_power @ self.power[mine] + of_energy @ self.usable[mine])
            row[len(row) - self.years + a] += 1.0
            self.rows.append(row)
            self.right.append(0.0)
            earned += float(of_power @ power[a] + of_energy @ usable[a])
        return earned

    def best(self) -> tuple[float, Floats, Floats, float]:
        """Return what the best battery is worth by the bounds, its power and usable energy, and what it is let earn."""
        n = (len(self.cost) - self.years) // 3
        one = np.concatenate([np.ones(n), np.zeros(len(self.cost) - n)])
        limits = np.stack([np.zeros(len(self.cost)), self.upper], axis=1)
        limits[len(self.cost) - self.years :, 0] = -np.inf
        scale = 1e-3
        found = linprog(self.cost * scale, A_ub=np.array(self.rows), b_ub=np.array(self.right), A_eq=one[None, :],
                        b_eq=[1.0], bounds=limits, method="highs-ds")  # fmt: skip
        if found.status != 0:
            raise SolverError(f"the worth of a battery could not be bounded: {found.message}")
        shape = (self.years, len(SEASONS))
        power, usable = (np.maximum(0.0, part @ found.x).reshape(shape) for part in (self.power, self.usable))
        return -float(found.fun) / scale, power, usable, float(found.x[len(self.cost) - self.years :].sum())


def _hours(world: xr.Dataset, store: str) -> float:
    return float(world["store_accredited_hours"].sel(store=store))


def _duration_rows(so_far: Floats, least: float, most: float, share: float, earned: Floats) -> list[list[Floats]]:
    """Return the rows, each at most 0, of least and most energy by power, and of power behind what is accredited."""
    nothing, each = np.zeros_like(so_far), np.eye(len(so_far))
    return [
        [least * so_far, -so_far, nothing, earned],
        [-most * so_far, so_far, nothing, earned],
        [-share * so_far, nothing, each, earned],
    ]


def _costs(case: Case, world: xr.Dataset, store: str, after: NDArray[np.int64], capacity: Floats) -> Floats:
    """Return what every column of the master costs [USD]."""
    quarters, own = len(case.quarters), world.sel(own=store, store=store)
    weight = [capital_weight(case, float(own["own_life"]), q) for q in range(quarters)]
    paid = np.array(weight) * (1.0 - own["own_credit"].values)
    stands = np.array([money_weights(case).ravel()[after >= q].sum() for q in range(quarters)]) / QUARTERS_PER_YEAR
    new_mw = paid * float(own["own_cost"]) + stands * float(own["own_fixed"])
    new_mwh = paid * float(own["store_cost"]) + stands * float(own["store_fixed"])
    return np.concatenate([new_mw, new_mwh, -capacity, -np.ones(len(case.years))])


def _days(case: Case, world: xr.Dataset) -> tuple[NDArray[np.int64], Floats]:
    """Return the position of the slice before each, the last one of its day before the first, and hours in the day."""
    day = world["slice_day"].values
    length = np.array([24.0 / np.sum(day == one) for one in day])
    before = np.arange(len(day)) - 1
    for one in [None] if case.supply.store_across_days else np.unique(day).tolist():
        mine = np.arange(len(day)) if one is None else np.flatnonzero(day == one)
        before[mine[0]] = mine[-1]
    return before.astype(np.int64), length
