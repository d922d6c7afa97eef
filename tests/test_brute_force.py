"""The model's optimum equals enumeration by code that knows neither Pyomo nor the model's cost coefficients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import linprog

from grid_opt.config import Case, quarter_ordinal
from grid_opt.errors import InfeasibleError
from tests.tiny import objective, tiny_case, tiny_world

QUARTERS = 4


def trajectories(case: Case, world: xr.Dataset, r: int) -> Iterator[tuple[int, ...]]:
    """Yield every run of cumulative halls that region ``r`` may build, the empty one included."""
    campus = case.campus
    most = int(campus.max_campus_mw // campus.hall_mw)
    opens = quarter_ordinal(campus.earliest_start) + float(world["site_lead_quarters"][r])
    for run in itertools.product(range(most + 1), repeat=QUARTERS):
        steps = np.diff((0, *run))
        if (steps < 0).any() or (steps > campus.max_halls_per_quarter).any():
            continue
        facility = np.array(run) * campus.hall_mw * float(world["pue_peak"][r])
        if (facility > world["headroom"][r].values + 1e-9).any():
            continue
        if any(n > 0 and quarter_ordinal(q) < opens for n, q in zip(run, case.quarters, strict=True)):
            continue
        if 0 < run[-1] * campus.hall_mw < campus.min_campus_mw:
            continue
        yield run


def cost_of(case: Case, world: xr.Dataset, r: int, run: tuple[int, ...]) -> float:
    """Add up the bills of one region [million USD], month by month of money, as an accountant would."""
    d, mw = case.finance.real_discount_rate, case.campus.hall_mw
    hardware = float(world["hardware_price"]) / 1e6
    build = float(world["construction_multiplier"][r])
    total = 0.0
    for calendar in range(2026, case.horizon.long_run_until_year + 1):
        for season in (1, 2, 3, 4):
            t = (4 * (calendar - 2026) + season - 1 + 0.5) / 4
            present = (1 + d) ** -t
            n = run[season - 1] if calendar == 2026 else run[-1]
            site = case.costs.site_fixed_musd * (n > 0)
            shell = case.costs.shell_usd_per_kw * n * mw / 1000
            due = build * (site + shell) * _payment(d, case.costs.shell_life_years)
            due += hardware * n * mw * _payment(d, case.costs.hardware_life_years)
            due += case.costs.fixed_om_usd_per_kw_year * n * mw / 1000 / 4
            total += present * due
            total += present * _utility_bill(case, world, r, calendar, season, n * mw) / 1e6
    return total


def _payment(d: float, life: float) -> float:
    """Return the quarterly payment that is worth one USD when the first of 4 * life payments is made."""
    return 1 / sum((1 + d) ** (-k / 4) for k in range(int(4 * life)))


def _utility_bill(case: Case, world: xr.Dataset, r: int, calendar: int, season: int, it_mw: float) -> float:
    """Return one calendar quarter's bill [USD]; compute is shed in hours dearer than it is worth."""
    year = calendar if calendar == 2026 else 2027
    region = world.isel(region=r).sel(year=year)
    peak = float(region["pue_peak"]) * it_mw
    bill = peak * (3 * float(region["delivery_demand_charge"]) + float(region["capacity_charge"].sel(season=season)))
    metered = (1 + float(region["loss"])) * float(region["pue"].sel(season=season))
    for s in region["slice"].values[region["slice_season"].values == season]:
        price = float(region["price"].sel(slice=s)) + float(region["delivery_rider"]) / (1 + float(region["loss"]))
        lost = case.flexibility.value_of_lost_compute_usd_per_mwh
        drawn = case.demand.utilization_fraction * it_mw
        shed = case.flexibility.max_curtailment_fraction * drawn if metered * price > lost else 0.0
        bill += float(region["slice_weight"].sel(slice=s)) * (metered * price * (drawn - shed) + lost * shed)
    return bill


def every_plan(case: Case, world: xr.Dataset) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return of every combination of regional build-outs its costs and whether it is allowed, but for the network.

    Both have a dimension for each region; the third gives the halls of each build-out of each region, by quarter.
    """
    n = world.sizes["region"]
    runs = [list(trajectories(case, world, r)) for r in range(n)]
    costs = [np.array([cost_of(case, world, r, run) for run in runs[r]]) for r in range(n)]
    halls = [np.array(runs[r], dtype=float) for r in range(n)]
    counted = case.campus.hall_mw * (1.0 if case.demand.power_basis == "it" else case.demand.reference_pue)
    shape = [len(c) for c in costs]

    def spread(r: int, values: np.ndarray) -> np.ndarray:
        return values.reshape([-1 if k == r else 1 for k in range(n)])

    cost = sum((spread(r, costs[r]) for r in range(n)), np.zeros(shape))
    allowed = np.ones(shape, dtype=bool)
    final = world["target"].values[-1]
    for q in range(QUARTERS):
        built = sum(spread(r, halls[r][:, q] * counted) for r in range(n))
        allowed &= np.broadcast_to(built >= world["target"].values[q] - 1e-9, shape)
    allowed &= np.broadcast_to(sum(spread(r, halls[r][:, -1] > 0) for r in range(n)) <= case.campus.max_sites, shape)
    last = [halls[r][:, -1] for r in range(n)]
    needed = np.ceil(final / counted - 1e-9)
    for r in range(n):
        allowed &= spread(r, last[r] <= np.ceil(case.campus.max_region_share * needed - 1e-9))
    for market in set(world["region_market"].values.tolist()):
        inside = [r for r in range(n) if world["region_market"].values[r] == market]
        held = sum(spread(r, last[r]) for r in inside)
        allowed &= np.broadcast_to(held <= np.ceil(case.campus.max_market_share * needed - 1e-9), shape)
    if case.budget.total_musd is not None:
        spent = sum(spread(r, np.array([_outlay(case, world, r, run) for run in runs[r]])) for r in range(n))
        allowed &= np.broadcast_to(spent <= case.budget.total_musd + 1e-9, shape)
    return cost, allowed, halls


def brute_force(case: Case, world: xr.Dataset) -> float:
    """Return the least cost over every combination of regional build-outs, infinite if none is allowed."""
    cost, allowed, halls = every_plan(case, world)
    n, shape = world.sizes["region"], cost.shape
    for flat in np.argsort(np.where(allowed, cost, np.inf), axis=None):
        place = np.unravel_index(flat, shape)
        if not allowed[place]:
            return float("inf")
        if not case.grid.network or deliverable(case, world, np.array([halls[r][place[r]] for r in range(n)])):
            return float(cost[place])
    return float("inf")


def _outlay(case: Case, world: xr.Dataset, r: int, run: tuple[int, ...]) -> float:
    hardware = float(world["hardware_price"]) / 1e6
    build = float(world["construction_multiplier"][r])
    mw = run[-1] * case.campus.hall_mw
    shell = build * case.costs.shell_usd_per_kw / 1000
    return build * case.costs.site_fixed_musd * (run[-1] > 0) + (shell + hardware) * mw


def deliverable(case: Case, world: xr.Dataset, halls: np.ndarray) -> bool:
    """Ask scipy whether supply within surplus and flow within limits exist, every quarter and stress hour."""
    zones = world["zone"].values.tolist()
    start = [zones.index(z) for z in world["link_from"].values]
    end = [zones.index(z) for z in world["link_to"].values]
    n, m, b = len(zones), len(start), world["link_susceptance"].values
    for q, k in itertools.product(range(QUARTERS), range(2)):
        load = halls[:, q] * case.campus.hall_mw * world["pue_stress"].values[:, k]
        flow = np.zeros((m, 2 * n))  # columns: supply, angle
        flow[range(m), [n + i for i in start]] += b
        flow[range(m), [n + j for j in end]] -= b
        balance = np.hstack([np.eye(n), np.zeros((n, n))])
        for e in range(m):
            balance[start[e]] -= flow[e]
            balance[end[e]] += flow[e]
        limits = np.concatenate([world["link_forward"].values[:, k], world["link_reverse"].values[:, k]])
        bounds = [(0, s) for s in world["surplus"].values[:, q, k]] + [(0, 0)] + [(None, None)] * (n - 1)
        found = linprog(
            np.zeros(2 * n), A_ub=np.vstack([flow, -flow]), b_ub=limits, A_eq=balance, b_eq=load, bounds=bounds
        )
        if found.status != 0:
            return False
    return True


CASES = {
    "plain": tiny_case(),
    "facility power": tiny_case(demand={"power_basis": "facility", "reference_pue": 1.4}),
    "diversified": tiny_case(campus={"max_region_share": 0.5, "max_market_share": 0.75, "max_sites": 3}),
    "whole campuses": tiny_case(campus={"min_campus_mw": 20.0}, costs={"site_fixed_musd": 100.0}),
    "dear power": tiny_case(flexibility={"value_of_lost_compute_usd_per_mwh": 45.0}),
    "on the network": tiny_case(grid={"network": True}),
    "on a budget": tiny_case(budget={"total_musd": 2050.0}),
    "out of money": tiny_case(budget={"total_musd": 1900.0}),
}
SEEDS = (0, 1, 3)


@cache
def best(name: str, seed: int) -> float:
    """Return what enumeration finds for a case in a world."""
    return brute_force(CASES[name], tiny_world(CASES[name], regions=6, seed=seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CASES)
def test_optimum_equals_enumeration(name: str, seed: int) -> None:
    case = CASES[name]
    world = tiny_world(case, regions=6, seed=seed)
    expected = best(name, seed)
    if np.isinf(expected):
        with pytest.raises(InfeasibleError):
            objective(case, world)
    else:
        assert objective(case, world) == pytest.approx(expected, abs=1e-8)  # a cent in million USD


def test_every_limit_bites_somewhere() -> None:
    """Guard the test above: each limit changes the optimum of some instance, so it is really compared."""
    assert all(np.isinf(best("out of money", seed)) for seed in SEEDS)
    for name in set(CASES) - {"plain"}:
        assert any(best(name, seed) != best("plain", seed) for seed in SEEDS), name
