"""Contracts, plant and batteries count on the ledgers and towards shares as far as they make power in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import linprog

from grid_opt.config import Case
from grid_opt.errors import InfeasibleError
from grid_opt.verify import CHECKS
from grid_opt.verify.evidence import Evidence
from tests.test_carbon import YEAR_MWH, one_region, sound
from tests.tiny import SEASON_HOURS, objective, solve_tiny, tiny_world
from tests.tiny_carbon import FOOTPRINTS
from tests.tiny_supply import RICH_SUPPLY, Contract, Own, rich_sources, supply_case, supply_world

SIGNED = {"contracts": ["financial"], "most_contracted_share": 10.0}


def site(supply: dict[str, Any], sources: dict[str, Any], **sections: Any) -> tuple[Case, xr.Dataset]:
    """Return the campus of 40 MW in one region, with sources of power."""
    case, world = one_region(supply=supply, **sections)
    return case, supply_world(case, world, **sources)


def test_a_contract_matches_only_the_hours_in_which_it_makes_power() -> None:
    """Power before noon alone: 32 MW of it match 40 % of 40 MW all day, and more than 50 % cannot be matched."""
    morning = tuple(float(n % 2 == 0) for n in range(8))
    wind = Contract("wind", "Z0", most=200.0, strike=70.0, price=50.0, production=morning)
    case, world = site(SIGNED, {"contracts": [wind]}, carbon={"hourly_share": {2026: 0.4}})
    plan = sound(solve_tiny(case, world).plan)
    assert float(plan["ppa_mw"].sum()) == pytest.approx(32.0)
    quarters = [(1 + case.finance.real_discount_rate) ** -((q + 0.5) / 4) for q in range(12)]
    paid = sum(32.0 * SEASON_HOURS[q % 4] / 2 * 20.0 * quarters[q] for q in range(12))
    assert float(plan["cost_settlement"].sum()) == pytest.approx(paid)
    assert plan["matched_share"].values == pytest.approx(0.4)
    rate = 0.22 * 4380 * 40 + 0.44 * 4380 * 8  # what is left: all after noon, 8 MW before
    assert plan["scope2_hourly"].values == pytest.approx(rate)
    assert plan["scope2_location"].values == pytest.approx(0.3 * YEAR_MWH)
    assert plan["avoided"].values == pytest.approx(32.0 * 4380 * 0.6)
    more, _ = site(SIGNED, {"contracts": [wind]}, carbon={"hourly_share": {2026: 0.51}})
    with pytest.raises(InfeasibleError):
        solve_tiny(more, world)


def test_by_the_year_the_same_contract_covers_all_of_it() -> None:
    morning = tuple(float(n % 2 == 0) for n in range(8))
    wind = Contract("wind", "Z0", most=200.0, strike=70.0, price=50.0, production=morning)
    case, world = site(SIGNED, {"contracts": [wind]}, carbon={"annual_share": {2026: 1.0}})
    plan = sound(solve_tiny(case, world).plan)
    assert float(plan["ppa_mw"].sum()) == pytest.approx(80.0)
    assert plan["covered_share"].values == pytest.approx(1.0)
    assert plan["matched_share"].values == pytest.approx(0.5)
    assert plan["scope2_market"].values == pytest.approx(0.0, abs=1e-6)
    assert plan["scope2_hourly"].values == pytest.approx(0.22 * 4380 * 40)


def test_an_engine_on_site_moves_emissions_from_scope_2_to_scope_1() -> None:
    engine = Own("engine", "Z0", most=10.0, running=1.0, cost=1e3, fixed=0.0, emission=0.5)
    case, world = site({"onsite": ["engine"]}, {"own": [engine]})
    plan = sound(solve_tiny(case, world).plan)
    assert plan["scope1"].values == pytest.approx(10.0 * 8760 * 0.5)
    assert plan["scope2_location"].values == pytest.approx(30.0 * 8760 * 0.3)
    assert plan["scope2_market"].values == pytest.approx(30.0 * 8760 * 0.33)
    assert plan["matched_share"].values == pytest.approx(0.0)
    capped, _ = site(
        {"onsite": ["engine"]}, {"own": [engine]},
        carbon={"ledger": "market", "cap_t": {2026: 0.33 * YEAR_MWH}, "annual_certificates_gwh": 1e4},
    )  # fmt: skip
    plan = sound(solve_tiny(capped, world).plan)
    assert plan["scope1"].values == pytest.approx(10.0 * 8760 * 0.5)
    spoiled = plan.assign(emitted=0.9 * plan["scope1"])
    assert CHECKS["carbon.ledger_own"](Evidence(spoiled, compare_tables=False)).state == "broken"


@pytest.mark.parametrize("number", range(len(FOOTPRINTS)))
def test_plans_with_every_source_and_every_ledger_are_sound(number: int) -> None:
    asked = {name: dict(knobs) for name, knobs in FOOTPRINTS[number].items()}
    asked["carbon"] |= {"cap_t": {2027: 4e5}}
    case = supply_case(RICH_SUPPLY, **asked)
    world = tiny_world(case, seed=3)
    plan = sound(solve_tiny(case, supply_world(case, world, **rich_sources(world))).plan)
    assert float(plan["scope2_location"].sum()) > 0
    assert float((plan["carbon_free_share"] - plan["matched_share"]).min()) >= -1e-9


# --- one site around the clock: wind, sun, a battery and firm power, against a program of its own

SHARES = (0.8, 0.9, 0.95, 1.0)
HOURS = 6
WEIGHT = np.repeat(SEASON_HOURS, HOURS) / HOURS


def shapes(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what wind and sun give in six slices of a day of each calendar quarter."""
    rng = np.random.default_rng(seed)
    wind = np.clip(rng.uniform(0.05, 0.9, size=4 * HOURS), 0, 1)
    sun = np.tile([0.0, 0.1, 0.7, 0.8, 0.3, 0.0], 4) * np.repeat([0.6, 1.0, 1.0, 0.7], HOURS)
    return wind, sun


def around_the_clock(share: float, seed: int) -> tuple[Case, xr.Dataset]:
    """Return a site that must match a share of its load hour by hour, without the grid's help."""
    supply = {"contracts": ["financial"], "onsite": ["battery"], "most_contracted_share": 10.0}
    case, world = one_region(supply=supply, carbon={"hourly_share": {2026: share}})
    at = np.repeat(np.arange(4), HOURS)
    world = world.isel(slice=2 * at).assign_coords(slice=np.arange(4 * HOURS))
    world["slice_weight"] = world["slice_weight"].copy(data=WEIGHT)
    world["slice_hour"] = world["slice_hour"].copy(data=np.tile(np.arange(HOURS) * 4, 4))
    wind, sun = shapes(seed)
    firm = 90.0
    sources = {
        "contracts": [
            Contract("wind", "Z0", most=500.0, strike=62.0, price=50.0, production=tuple(wind)),
            Contract("sun", "Z0", technology="solar", most=500.0, strike=58.0, price=50.0, production=tuple(sun)),
            Contract("firm", "Z0", technology="geothermal", most=500.0, strike=firm, price=50.0, production=1.0),
        ],
        "own": [Own("battery", "Z0", most=200.0, cost=6e5, fixed=5e3, hours=4.0, accredited=0.0, wear=0.5)],
    }
    world["headroom"] = xr.full_like(world["headroom"], 1000.0)
    return case, supply_world(case, world, **sources)


def by_linprog(case: Case, world: xr.Dataset, share: float, seed: int) -> float:
    """Return what matching costs beyond the campus itself [million USD].

    Columns: MW of wind, sun, firm; of the battery by quarter; by year and slice bought, charged, given, stored, left.
    """
    wind, sun = shapes(seed)
    n, years = 4 * HOURS, (2026, 2027)
    made = np.stack([wind, sun, np.ones(n)])
    d = case.finance.real_discount_rate
    quarters = {2026: [0], 2027: [1, 2]}
    discount = {a: [sum((1 + d) ** -(y + (q + 0.5) / 4) for y in quarters[a]) for q in range(4)] for a in years}
    width = 7 + 5 * 2 * n
    cost, upper = np.zeros(width), np.full(width, np.inf)
    payment = 1 / sum((1 + d) ** (-k / 4) for k in range(80))
    paid = [(1 + d) ** -((q + 0.5) / 4) for q in range(12)]
    for q in range(4):  # what is added in a quarter is paid off from then on; upkeep runs while it stands
        later = sum(paid[q + 1 :]) if q < 3 else 0.0
        cost[3 + q] = 6e5 * payment * (sum(paid[q:]) - later) + 5e3 / 4 * (paid[q] if q < 3 else sum(paid[3:]))
    equal, equal_to, most, most_at = [], [], [], []
    losses, rider = 1.03, float(world["delivery_rider"][0]) / 1.03

    def at(kind: int, a: int, s: int) -> int:
        return 7 + (kind * 2 + a) * n + s

    def row(**terms: float) -> np.ndarray:
        found = np.zeros(width)
        for key, value in terms.items():
            found[int(key[1:])] += value
        return found

    for a, year in enumerate(years):
        left = np.zeros(width)
        for s in range(n):
            money = discount[year][s // HOURS] * WEIGHT[s]
            cost[:3] += money * made[:, s] * (np.array([62.0, 58.0, 90.0]) - 50.0)
            cost[at(0, a, s)] = money * (50.0 + rider)
            cost[at(2, a, s)] = money * 0.5
            bought, charged, given, stored, rest = (at(kind, a, s) for kind in range(5))
            equal.append(row(**{f"c{bought}": 1 / losses, f"c{given}": 1.0, f"c{charged}": -1.0}))
            equal_to.append(40.0)
            before = at(3, a, s - 1 if s % HOURS else s + HOURS - 1)
            balance = np.zeros(width)
            np.add.at(balance, [stored, before, charged, given], [1.0, -1.0, -4 * 0.9, 4 / 0.9])
            equal.append(balance)
            equal_to.append(0.0)
            for column, times in ((charged, 1.0), (given, 1.0), (stored, 4.0)):
                most.append(row(**{f"c{column}": 1.0, f"c{3 + (s // HOURS if year == 2026 else 3)}": -times}))
                most_at.append(0.0)
            short = np.zeros(width)
            short[:3] = -made[:, s]
            short[[given, charged, rest]] = [-1.0, 1.0, -1.0]
            most.append(short)
            most_at.append(-40.0)
            left[rest] = WEIGHT[s] / 1e3
        most.append(left)
        most_at.append((1 - share) * YEAR_MWH / 1e3)
    upper[:7] = [500.0] * 3 + [200.0] * 4
    most += [row(**{f"c{3 + q}": 1.0, f"c{4 + q}": -1.0}) for q in range(3)]
    most_at += [0.0] * 3
    found = linprog(
        cost / 1e6, A_ub=np.array(most), b_ub=most_at, A_eq=np.array(equal), b_eq=equal_to,
        bounds=[(0, None if u == np.inf else u) for u in upper],
    )  # fmt: skip
    assert found.status == 0, found.message
    return float(found.fun)


@pytest.mark.parametrize("seed", [1, 4])
def test_a_site_around_the_clock_costs_what_another_program_says(seed: int) -> None:
    costs = []
    for share in SHARES:
        case, world = around_the_clock(share, seed)
        plan = sound(solve_tiny(case, world).plan)
        power = ("energy", "rider", "settlement", "own_capex", "own_upkeep", "store_wear_cost")
        told = sum(float(plan[f"cost_{term}"].sum()) for term in power) / 1e6
        assert told == pytest.approx(by_linprog(case, world, share, seed), rel=1e-6), share
        assert float(plan["matched_share"].min()) >= share - 1e-9
        costs.append(float(plan.attrs["objective"]))
    assert costs == sorted(costs)
    assert float(plan["store_discharge"].sum()) > 0


def test_screening_keeps_what_only_carbon_asks_for() -> None:
    from grid_opt.config import load_case
    from grid_opt.inputs.world import build_world

    plainly = ["tariffs.charge=false", "connection.menu=false", "grid.network=false"]
    signed = ["supply.contracts=['financial']", "supply.screen=true", *plainly]
    plain = build_world(load_case("quick", signed)).sizes.get("ppa", 0)
    asked = build_world(load_case("quick", [*signed, "carbon.annual_share={2028=0.5}"])).sizes["ppa"]
    assert asked >= max(plain, 1)
    assert asked == build_world(load_case("quick", [signed[0], "supply.screen=false", *plainly])).sizes["ppa"]


def test_a_source_more_never_makes_matching_dearer() -> None:
    wind = Contract("wind", "Z0", most=200.0, strike=70.0, production=0.5)
    firm = Contract("firm", "Z0", technology="nuclear", most=200.0, strike=95.0, production=1.0)
    case, world = one_region(supply=SIGNED, carbon={"hourly_share": {2026: 0.45}})
    few = objective(case, supply_world(case, world, contracts=[firm]))
    assert objective(case, supply_world(case, world, contracts=[firm, wind])) <= few + 1e-9
