"""Siting at buses agrees with enumeration over full optimal power flows, and its lazy limits with all limits."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.model import build_model
from grid_opt.network.screening import Pairs
from grid_opt.solve.answer import Options
from grid_opt.solve.highs import solve
from grid_opt.solve.nodal import Grid, without_campuses
from grid_opt.solve.standard_form import fix_integers, to_matrix
from grid_opt.study.plan_case import Planned, plan_case
from grid_opt.study.progress import Log
from grid_opt.verify import verify
from tests.nodal_oracle import Hour, Lines, cheapest
from tests.test_brute_force import cost_of, trajectories
from tests.tiny_nodal import CANDIDATES, nodal_world, tables

VARIANTS: dict[str, tuple[float, tuple[str, ...]]] = {
    "roomy": (1.0, ()),
    "tight": (0.8, ()),
    "tight without outages": (0.8, ("nodal.n_1=false",)),
    "very tight": (0.7, ()),
    "outage ratings": (0.8, ("nodal.outage_rating=1.2",)),
    "narrow": (0.66, ("flexibility.value_of_lost_compute_usd_per_mwh=70.0",)),
}


@functools.cache
def planned(name: str) -> Planned:
    scale, overrides = VARIANTS[name]
    case, world = nodal_world(scale, *overrides)
    return plan_case(case, world, {"candidates.csv": "0" * 64}, Log(None))


def years_of(case: Case) -> dict[int, list[int]]:
    return {2026: [2026], 2027: list(range(2027, case.horizon.long_run_until_year + 1))}


def worth(case: Case, calendar: int, season: int) -> float:
    time = (4 * (calendar - 2026) + season - 1 + 0.5) / 4
    return float((1 + case.finance.real_discount_rate) ** -time)


def growth(case: Case, year: int) -> float:
    """Return the factor on load in an operating year: the mean of its calendar years, each by its present value."""
    weights = [(1 + case.finance.real_discount_rate) ** (year - one) for one in years_of(case)[year]]
    factors = [(1 + case.nodal.load_growth) ** (one - 2026) for one in years_of(case)[year]]
    return sum(w * f for w, f in zip(weights, factors, strict=True)) / sum(weights)


def hour_of(case: Case, world: xr.Dataset, scale: float, year: int, season: int) -> Hour:
    """Write the hour down from the tables of the case, not from its world."""
    load = np.array([row[2] for row in tables(scale)["bus"]], dtype=float)
    factor = {1: 0.8, 2: 0.9, 3: 1.0, 4: 0.7}[season] * growth(case, year)
    dry = {1: 1.0, 2: 0.4, 3: 0.7, 4: 1.0}[season]
    ends = np.linspace(0, 260, 4)
    curved = [(a, b, 15 + 0.02 * (a + b)) for a, b in itertools.pairwise(ends.tolist())]
    steps = [curved, [(0.0, 200.0, 38.0)], [(0.0, 20.0, 90.0), (20.0, 60.0, 105.0)]]
    most = np.array([260.0, 200.0 * dry, 60.0])
    return Hour(factor * load, [0, 1, 4], most, steps, case.nodal.value_of_lost_load_usd_per_mwh)


def brute_force(name: str) -> tuple[float, tuple[tuple[int, ...], ...]]:
    """Return the least cost over every combination of build-outs, each hour by its own power flow, and the best one."""
    scale, overrides = VARIANTS[name]
    case, world = nodal_world(scale, *overrides)
    quiet = world.assign(
        price=_zeros(world), delivery_rider=0.0 * world["delivery_rider"],
    )  # fmt: skip
    runs = [list(trajectories(case, world, r)) for r in range(len(CANDIDATES))]
    fixed = [[cost_of(case, quiet, r, run) for run in runs[r]] for r in range(len(CANDIDATES))]
    lines = Lines.of(tables(scale))
    spreads = [
        (1.0 if out is None else case.nodal.outage_rating, lines.spread(out)) for out in lines.states(case.nodal.n_1)
    ]

    @functools.cache
    def hourly(year: int, season: int, halls: tuple[int, ...]) -> float:
        region = world.sel(season=season)
        draws = []
        for r, count in enumerate(halls):
            per = float((1 + region["loss"][r]) * region["pue"][r])
            rider = float(region["delivery_rider"][r]) * per / (1 + float(region["loss"][r]))
            wanted = case.demand.utilization_fraction * case.campus.hall_mw * count
            value = case.flexibility.value_of_lost_compute_usd_per_mwh
            draws.append((int(CANDIDATES[r]) - 1, wanted, per, 0.25, value - rider, rider * wanted))
        asked = hour_of(case, world, scale, year, season)
        cost = cheapest(lines, spreads, asked, [d[:5] for d in draws])
        return cost + sum(d[5] for d in draws)

    best: float = float("inf")
    at: tuple[tuple[int, ...], ...] = ()
    hours = dict(zip((1, 2, 3, 4), world["slice_weight"].values.tolist(), strict=True))
    nothing = (0,) * len(CANDIDATES)
    built = sum(np.array(run)[_along(r)] for r, run in enumerate(runs)) * case.campus.hall_mw
    known = sum(np.array(cost)[_along(r)[:-1]] for r, cost in enumerate(fixed))
    allowed = (built >= world["target"].values - 1e-9).all(axis=-1)
    for place in np.argsort(np.where(allowed, known, np.inf), axis=None).tolist():
        chosen = np.unravel_index(place, allowed.shape)
        total = float(known[chosen])
        if not allowed[chosen] or total >= best:  # energy never costs less than nothing
            break
        build = [runs[r][k] for r, k in enumerate(chosen)]
        for year, calendar in years_of(case).items():
            for season in (1, 2, 3, 4):
                halls = tuple(run[season - 1] if year == 2026 else run[-1] for run in build)
                more = hourly(year, season, halls) - hourly(year, season, nothing)
                total += sum(worth(case, one, season) for one in calendar) * hours[season] * more / 1e6
        if total < best:
            best, at = total, tuple(build)
    return best, at


def _along(r: int) -> tuple[slice | None, ...]:
    """Return the index that puts the first of two axes at position ``r`` of the candidates, and the second last."""
    return (*(slice(None) if k == r else None for k in range(len(CANDIDATES))), slice(None))


def _zeros(world: xr.Dataset) -> xr.DataArray:
    shape = {d: world[d] for d in ("region", "year", "slice")}
    return xr.DataArray(np.zeros([len(v) for v in shape.values()]), coords=shape, dims=tuple(shape))


@pytest.mark.parametrize("name", VARIANTS)
def test_optimum_equals_enumeration(name: str) -> None:
    expected, best = brute_force(name)
    plan = planned(name).plan
    assert plan.attrs["objective"] == pytest.approx(expected, rel=1e-8)
    assert plan["halls"].sel(region=list(CANDIDATES)).values.astype(int).tolist() == [list(run) for run in best]


def test_every_variant_is_another_problem() -> None:
    """Guard the test above: limits, outages and ratings each change the cost, and the network changes the sites."""
    costs = {name: round(float(planned(name).plan.attrs["objective"]), 6) for name in VARIANTS}
    assert len(set(costs.values())) == len(VARIANTS), costs
    sites = {name: tuple(planned(name).plan["halls"].values[:, -1].tolist()) for name in VARIANTS}
    assert len(set(sites.values())) > 1, sites
    assert float(planned("narrow").plan["curtailment"].sum()) > 0


@pytest.mark.parametrize("name", ["tight", "very tight"])
def test_limits_added_when_broken_are_as_good_as_all_limits(name: str) -> None:
    scale, overrides = VARIANTS[name]
    case, world = nodal_world(scale, *overrides)
    grid = Grid.of(case, world)
    before, _ = without_campuses(grid, Options(threads=1), lambda text: None)
    outages = [-1, *grid.screen.outages.tolist()]
    keys = np.array(
        [
            (branch, outage, sign, snapshot)
            for branch, outage, sign, snapshot in itertools.product(
                range(world.sizes["branch"]), outages, (1, -1), range(grid.snapshots)
            )
            if branch != outage
        ]
    )
    parts = [keys[:, k] for k in range(4)]
    every = Pairs(*parts, grid.screen.rating(*parts[:3]), np.zeros(len(keys)))
    after = every.in_snapshot(before, grid.screen.lodf(every.branch, every.outage))
    every = Pairs(*parts, np.maximum(every.limit_mw, after), np.zeros(len(keys)))
    whole = solve(to_matrix(build_model(case, grid.watching(every)).pyomo), Options(gap=0.0, threads=1))
    plan = planned(name).plan
    assert plan.sizes["watch"] < len(keys) / 10
    assert plan.attrs["objective"] == pytest.approx(whole.objective, rel=1e-9)


@pytest.mark.parametrize("name", ["tight", "very tight"])
def test_no_branch_is_over_its_limit_once_any_other_is_really_out(name: str) -> None:
    plan, scale = planned(name).plan, VARIANTS[name][0]
    lines = Lines.of(tables(scale))
    number = {str(bus): k for k, bus in enumerate(plan["bus"].values.tolist())}
    for year, slice_ in itertools.product(plan["year"].values, plan["slice"].values):
        at = {"year": year, "slice": slice_}
        put_in = np.zeros(lines.buses)
        for step, bus in zip(plan["step"].values, plan["step_bus"].values.tolist(), strict=True):
            put_in[number[bus]] += float(plan["dispatch"].sel(step=step, **at))
        load = plan["bus_load"].values * float(plan["area_factor"].sel(at).item())
        put_in -= load * (1 - float(plan["shed"].sel(at).item()) / load.sum())
        for region in CANDIDATES:
            put_in[number[region]] -= float(plan["purchase"].sel(region=region, **at))
        assert put_in.sum() == pytest.approx(0.0, abs=1e-6)
        for out in lines.states(True):
            assert (np.abs(lines.spread(out) @ put_in) <= lines.limit + 1e-6).all()


@pytest.mark.parametrize("region", CANDIDATES)
def test_a_local_price_is_what_one_more_mwh_costs(region: str) -> None:
    """Draw a little more at the bus in all hours: the cost rises by the price of every hour."""
    plan, case = planned("tight").plan, nodal_world(VARIANTS["tight"][0])[0]
    step = 0.01
    shunt = plan["bus_shunt"].copy()
    shunt.loc[{"bus": region}] += step
    matrix = to_matrix(build_model(case, plan).pyomo)
    halls = {(r, q): v for (r, q), v in plan["halls"].to_series().items()}
    site = {(r, q): v for (r, q), v in plan["site"].to_series().items()}
    known = {"campus__halls": halls, "campus__site": site}
    x = np.array([known.get(c.parent_component().local_name, {}).get(c.index(), 0.0) for c in matrix.columns])
    more = to_matrix(build_model(case, plan.assign(bus_shunt=shunt)).pyomo)
    costs = [solve(fix_integers(m, x), Options(threads=1)).objective for m in (matrix, more)]
    weight = xr.DataArray(
        [[sum(worth(case, one, int(c)) for one in calendar) for c in plan["slice_season"].values]
         for calendar in years_of(case).values()], dims=("year", "slice"),
    ) * plan["slice_weight"].values  # fmt: skip
    expected = step * float((plan["local_price"].sel(region=region).values * weight.values).sum()) / 1e6
    assert costs[0] == pytest.approx(plan.attrs["objective"], rel=1e-9)
    assert costs[1] - costs[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_plans_verify(name: str) -> None:
    report = verify(planned(name).plan, compare_tables=False)
    assert report.ok, report.failed
    held = {check.name for check in report.checks if check.state == "holds"}
    assert {"nodal.merit_order", "nodal.within_limit", "nodal.local_price", "cost.generation"} <= held
    assert ("nodal.outages_solved" in held) == ("without outages" not in name)
