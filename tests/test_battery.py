"""Batteries have the energy that pays beside their power, and age, as arithmetic by hand and enumeration say."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import linprog

from grid_opt.config import Case, load_case
from grid_opt.inputs.store_screen import battery_worth
from grid_opt.inputs.stores import left_of
from grid_opt.inputs.supply_screen import capacity_worth, own_worth, screened
from grid_opt.inputs.world import build_world
from grid_opt.verify import CHECKS
from grid_opt.verify.evidence import Evidence
from tests.test_menu import present, running
from tests.test_supply import hall_case, musd, one_hall
from tests.tiny import objective, solve_tiny
from tests.tiny_supply import Own, supply_case, supply_world
from tests.tiny_tariffs import charges, named, tariffs_world

DAY = (10.0, 30.0, 60.0, 110.0)
"""USD/MWh in the four parts of six hours of a day."""
ONE_WAY, LOSS, RIDER = 0.9, 0.03, 1.5
BATTERY = Own("battery", "Z0", cost=1e4, fixed=0.0, most=2.0, hours=1.0, most_hours=20.0, accredited=0.0, wear=1.0,
              one_way=ONE_WAY)  # fmt: skip


def day_case(battery: Own, prices: tuple[float, ...] = DAY, **sections: dict[str, object]) -> tuple[Case, xr.Dataset]:
    """Return one hall for one year with a battery, every day with the same prices."""
    case = hall_case({"onsite": ["battery"]}, flexibility={"max_curtailment_fraction": 0.0}, **sections)
    world = one_hall(case, hours=len(prices))
    world["price"] = world["price"].copy(data=np.broadcast_to(np.tile(prices, 4), world["price"].shape))
    return case, supply_world(case, world, own=[battery])


def gain(bought: float, spared: float) -> float:
    """Return what a MWh stored earns [USD], bought at one price and given at another."""
    low, high = ((1 + LOSS) * price + RIDER for price in (bought, spared))
    return ONE_WAY * (high - 1.0) - low / ONE_WAY


FIRST, SECOND, THIRD = 365 * gain(10, 110), 365 * gain(30, 110), 365 * gain(30, 60)
"""What a MWh of energy earns in a year [USD], by the prices between which it is shifted."""
FILLED, GIVEN, BOTH = 6 * ONE_WAY, 6 / ONE_WAY, 12 * ONE_WAY
"""Hours of energy that a MW fills in one part of the day, empties in one, fills in two."""


@pytest.mark.parametrize(
    ("yearly", "hours"),
    [(1.05 * FIRST, 0.0), (0.95 * FIRST, FILLED), (1.05 * SECOND, FILLED), (0.95 * SECOND, GIVEN),
     (1.05 * THIRD, GIVEN), (0.95 * THIRD, BOTH)],
)  # fmt: skip
def test_energy_is_built_for_the_hours_that_pay(yearly: float, hours: float) -> None:
    """The next MWh is worth less where a part of the day is full. Over a life of 20 years it costs 20 times that."""
    case, world = day_case(replace(BATTERY, energy_cost=20 * yearly))
    plan = solve_tiny(case, world).plan
    mw = float(plan["own_mw"].max())
    assert mw == pytest.approx(2.0 if hours else 0.0, abs=1e-9)
    assert float(plan["store_capacity"].max()) == pytest.approx(hours * mw, abs=1e-9)
    assert musd(plan, "store_capex") == pytest.approx(hours * mw * yearly / 1e6, abs=1e-9)
    steps = ((FIRST, 0.0, FILLED), (SECOND, FILLED, GIVEN), (THIRD, GIVEN, BOTH))
    earned = mw * sum(each * max(0.0, min(hours, end) - begin) for each, begin, end in steps)
    case, world = day_case(replace(BATTERY, most=0.0))
    without = objective(case, world)
    saved = (earned - hours * mw * yearly - mw * 1e4 / 20) / 1e6
    assert without - float(plan.attrs["objective"]) == pytest.approx(saved, abs=1e-8)


def test_energy_costs_upkeep_and_only_its_usable_share_is_used() -> None:
    cheap = replace(BATTERY, energy_cost=1e4, energy_fixed=300.0, usable=0.8, hours=5.0, most_hours=5.0)
    plan = solve_tiny(*day_case(cheap)).plan
    assert float(plan["store_capacity"].max()) == pytest.approx(10.0)
    assert musd(plan, "store_upkeep") == pytest.approx(10.0 * 300.0 / 1e6)
    assert float(plan["store_usable"].max()) == pytest.approx(8.0)
    assert float(plan["store_energy"].max()) == pytest.approx(8.0)


def test_age_takes_energy_year_by_year_and_a_life_begins_anew() -> None:
    """Of 10 MWh of 2026Q1, with 6 % a year and a life of two years, so much is left in the middle of the quarters."""
    fading = replace(BATTERY, energy_cost=1e4, fade=0.06, hours=5.0, most_hours=5.0, life=2.0)
    plan = solve_tiny(*day_case(fading, horizon={"long_run_until_year": 2028})).plan
    usable = plan["store_usable"].values[0]
    assert usable[0] == pytest.approx([10 * (1 - 0.06 * (c + 0.5) / 4) for c in range(4)])
    later = [10 * (1 - 0.06 * (np.array([4 + c, c]) + 0.5) / 4).mean() for c in range(4)]  # 2027, and 2028 anew
    assert usable[1] == pytest.approx(later)
    assert float(plan["store_energy"].isel(year=0, slice=slice(12, 16)).max()) == pytest.approx(usable[0, 3])


def test_cells_are_added_when_they_are_needed() -> None:
    """Power stands for the capacity of all quarters, energy for the prices of the last two alone."""
    battery = replace(BATTERY, energy_cost=20 * 0.9 * FIRST, accredited=1.0, cost=2e5)
    case, world = day_case(battery)
    world["price"] = world["price"].copy(data=np.concatenate([np.full(8, 40.0), np.tile(DAY, 2)])[None, None, :])
    plan = solve_tiny(case, world).plan
    assert plan["own_mw"].values[0] == pytest.approx([2.0] * 4)
    assert plan["store_capacity"].values[0] == pytest.approx([2.0, 2.0, 2 * FILLED, 2 * FILLED])


def test_capacity_is_taken_away_by_power_with_energy_behind_it() -> None:
    """Dear capacity asks for eight usable hours a MW, of energy that has aged; without such a rule for one hour."""
    dear = replace(BATTERY, energy_cost=2e4, accredited=0.5, fade=0.04, cost=1e3)
    hours = {}
    for backing in (0.0, 16.0):
        case, world = day_case(replace(dear, backing=backing), prices=(40.0,) * 4)
        world["capacity_charge"] = xr.full_like(world["capacity_charge"], 60000.0)
        plan = solve_tiny(case, world).plan
        assert CHECKS["battery.accredited_energy"](Evidence(plan, compare_tables=False)).state == "holds"
        assert plan["own_capacity"].values[0] == pytest.approx([1.0] * 4)
        hours[backing] = plan["store_capacity"].values[0] / 2
    assert hours[0.0] == pytest.approx([1.0] * 4)
    needed = [8.0 / (1 - 0.04 * 0.125)]  # cells that are new in every quarter make good what the others lost
    for q in range(1, 4):
        new = np.diff([0.0, *needed])
        old = sum(one * (1 - 0.04 * (q - k + 0.5) / 4) for k, one in enumerate(new))
        needed.append(needed[-1] + (8.0 - old) / (1 - 0.04 * 0.125))
    assert hours[16.0] == pytest.approx(needed)


def test_across_days_a_battery_carries_energy_from_cheap_days_to_dear_ones() -> None:
    """Prices are the same all day, so that within a day nothing is earned."""
    earned = {}
    for across in (False, True):
        case = hall_case({"onsite": ["battery"], "store_across_days": across}, energy={"days": 365},
                         flexibility={"max_curtailment_fraction": 0.0})  # fmt: skip
        world = one_hall(case, hours=4)
        world["price"] = world["price"].copy(data=np.repeat([10.0, 110.0, 20.0, 90.0], 4)[None, None, :])
        battery = replace(BATTERY, hours=4.0, most_hours=4.0, energy_cost=1e3)
        plan = solve_tiny(case, supply_world(case, world, own=[battery])).plan
        assert CHECKS["store.store_balance"](Evidence(plan, compare_tables=False)).state == "holds"
        earned[across] = float(plan["store_discharge"].isel(year=0).sum())
        if across:
            full = 2.0 * 4.0
            assert earned[True] == pytest.approx(2 * full * ONE_WAY / 6)  # twice in the year, over parts of six hours
            assert float(plan["store_energy"].isel(year=0, slice=3)[0]) == pytest.approx(full)  # into the second day
    assert earned[False] == pytest.approx(0.0, abs=1e-9)


# --- enumeration


def by_hand(case: Case, world: xr.Dataset, own: Own, mw: tuple[float, ...]) -> float:
    """Return the least cost [USD] with given MW by quarter: energy of every quarter and hours in one linear program."""
    count, years = world.sizes["slice"], list(case.years)
    season, weight, day = world["slice_season"].values - 1, world["slice_weight"].values, world["slice_day"].values
    end = 4 * (case.horizon.long_run_until_year - 2026 + 1)
    d = case.finance.real_discount_rate
    payment = 1 / sum((1 + d) ** (-k / 4) for k in range(int(4 * own.life)))
    size = 4 + 4 * count * len(years)
    cost, rows, right, equal, same = np.zeros(size), [], [], [], []
    bounds: list[tuple[float, float | None]] = [(0, None)] * 4
    total = 0.0
    for q in range(4):
        owned = payment * sum(present(case, n) for n in range(q, end))
        new = mw[q] - (mw[q - 1] if q else 0.0)
        stands = sum(running(case, k) for k in range(q, 4)) / 4
        total += new * (own.cost * (1 - own.credit[q]) * owned + own.fixed * stands)
        cost[q] = own.energy_cost * (1 - own.credit[q]) * owned + own.energy_fixed * stands
        so_far = np.zeros(size)
        so_far[: q + 1] = 1.0
        rows += [-so_far, so_far]
        right += [-own.hours * mw[q], float(own.most_hours or own.hours) * mw[q]]
    left = world["store_left"].values[0]
    for a, year in enumerate(years):
        for s in range(count):
            c = int(season[s])
            at, q = 4 + 4 * (a * count + s), c if a == 0 else 3
            worth = sum(present(case, 4 * (y - 2026) + c) for y in case.represented_years(year)) * weight[s]
            spared = (1 + LOSS) * float(world["price"][0, a, s]) + RIDER
            cost[at : at + 4] = [spared * worth, (own.wear - spared) * worth, 0.0, 0.0]
            bounds += [(0, mw[q]), (0, mw[q]), (0, None), (0, 0)]
            row = np.zeros(size)
            row[at + 2] = 1.0
            row[:4] = -left[:, a, c]
            rows.append(row)
            right.append(0.0)
            mine = np.flatnonzero(day == day[s])
            before = 4 + 4 * (a * count + int(mine[list(mine).index(s) - 1]))
            row = np.zeros(size)
            row[at + 2] += 1.0
            row[before + 2] -= 1.0
            row[at : at + 2] += np.array([-own.one_way, 1 / own.one_way]) * 24 / len(mine)
            equal.append(row)
            same.append(0.0)
    found = linprog(cost, A_ub=np.array(rows), b_ub=right, A_eq=np.array(equal), b_eq=same, bounds=bounds)
    assert found.status == 0
    return total + float(found.fun)


@pytest.mark.parametrize("seed", [3, 8])
def test_optimum_equals_enumeration_over_units_with_energy_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    battery = Own(
        "battery", "Z0", unit=1.5, most=3.0, cost=float(rng.uniform(5e4, 2e5)), fixed=1e3, hours=2.0, most_hours=9.0,
        energy_cost=float(rng.uniform(3e4, 9e4)), energy_fixed=float(rng.uniform(100, 900)), usable=0.9, fade=0.02,
        one_way=0.92, wear=3.0, credit=(0.3, 0.3, 0.0, 0.0), accredited=0.0, life=12.0,
    )  # fmt: skip
    knobs: dict[str, Any] = {
        "demand": {"targets_mw": {"2026Q1": 10.0}}, "campus": {"max_campus_mw": 10.0},
        "flexibility": {"max_curtailment_fraction": 0.0},
    }  # fmt: skip
    case = supply_case({"onsite": ["battery"]}, **knobs)
    plain = one_hall(case, hours=4)
    plain["price"] = plain["price"].copy(data=np.random.default_rng(seed + 9).uniform(5, 150, plain["price"].shape))
    world = supply_world(case, plain, own=[battery])
    runs = [run for run in itertools.product((0.0, 1.5, 3.0), repeat=4) if list(run) == sorted(run)]
    costs = {run: by_hand(case, world, battery, run) / 1e6 for run in runs}
    best = min(costs, key=lambda run: costs[run])
    plan = solve_tiny(case, world).plan
    without = objective(supply_case({}, **knobs), plain)
    assert float(plan.attrs["objective"]) - without == pytest.approx(costs[best], abs=1e-8)
    assert plan["own_mw"].values[0] == pytest.approx(best)
    assert costs[best] < 0


# --- what the tables give


def test_the_table_gives_what_the_day_and_the_cycle_take() -> None:
    """The wear is the price of the cells that a MWh takes; at four hours the battery costs what its sources say."""
    case = load_case("quick", ["tariffs.charge=false", 'supply.onsite=["battery"]', "supply.screen=false",
                               'regions.include=["OK", "TX_N"]'])  # fmt: skip
    world = build_world(case).sel(store="battery@OK", own="battery@OK")
    local = float(world["construction_multiplier"].sel(region="OK"))
    assert float(world["store_wear"]) == pytest.approx(0.00003 * 318_000 * local / np.sqrt(0.85))
    assert float(world["own_cost"] + 4 * world["store_cost"]) == pytest.approx(1000 * (334 + 4 * 318) * local)
    left = world["store_left"]
    assert float(left.sel(quarter="2027Q3", year=2027, season=3)) == pytest.approx(1 - 0.01 * 0.125)
    assert float(left.sel(quarter="2027Q4", year=2027, season=3)) == 0.0


def test_a_life_that_ends_in_the_long_run_begins_anew() -> None:
    case = load_case("quick")
    row = type("Row", (), {"life_years": 3.0, "usable_fraction": 0.9, "fade_per_year": 0.1})
    years = {2028: {2028: 1.0}, 2029: {2029: 0.5, 2031: 0.3, 2032: 0.2}}
    left = left_of(case, row, years)[list(case.quarters).index("2027Q2")]
    ages = {2028: 0.875, 2029: 1.875, 2031: 0.875, 2032: 1.875}  # first quarters; the second life begins in 2030Q2
    share = {y: 0.9 * (1 - 0.1 * age) for y, age in ages.items()}
    assert left[0, 0] == pytest.approx(share[2028])
    assert left[1, 0] == pytest.approx(0.5 * share[2029] + 0.3 * share[2031] + 0.2 * share[2032])


# --- what is left out before the search


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_what_screening_says_a_battery_is_worth_is_what_it_saves(seed: int) -> None:
    """Where it pays, no bound is below what a plan saves by it; where it does not, no plan has it."""
    rng = np.random.default_rng(seed)
    battery = replace(
        BATTERY, cost=float(rng.uniform(1e5, 4e5)), fixed=1e3, most=1.0, fade=0.02, usable=0.95, accredited=0.4,
        energy_cost=float(rng.uniform(5e4, 2e5)), energy_fixed=500.0, backing=6.0, credit=(0.3, 0.0, 0.2, 0.0),
    )  # fmt: skip
    knobs: dict[str, Any] = {
        "flexibility": {"max_curtailment_fraction": 0.0}, "horizon": {"long_run_until_year": 2030},
        "finance": {"real_discount_rate": 0.07},
    }  # fmt: skip
    case = hall_case({"onsite": ["battery"]}, **knobs)
    plain = one_hall(case, hours=6)
    plain["price"] = plain["price"].copy(data=rng.uniform(5, 120, plain["price"].shape))
    world = supply_world(case, plain, own=[battery])
    saved = (1 + LOSS) * world["price"].transpose("region", "year", "slice").values[0] + RIDER
    worth = battery_worth(case, world, battery.label, saved, capacity_worth(case, world)[0])
    plan = solve_tiny(case, world).plan
    without = objective(hall_case({}, **knobs), plain)
    found = 1e6 * (without - float(plan.attrs["objective"]))
    assert (worth > 0) == (found > 1)
    assert max(worth, 0.0) >= found - 1


@pytest.mark.parametrize("kind", ["delivery year", "four peaks", "rising tiers"])
def test_what_plant_saves_by_tariff_is_never_more_than_screening_says(kind: str) -> None:
    """Peaks that outlast their year are bounded; tiers of energy are not, and all stays on offer there."""
    knobs: dict[str, Any] = {
        "flexibility": {"max_curtailment_fraction": 0.0}, "horizon": {"long_run_until_year": 2028},
        "tariffs": {"charge": True},
    }  # fmt: skip
    case = hall_case({"onsite": ["engine"]}, **knobs)
    plain = one_hall(case)
    of = {"Z0": named(charges()[kind], "one")}
    without = objective(hall_case({}, **knobs), tariffs_world(case, of, plain))
    built = set()
    for cost in (1e4, 1e6, 8e6):
        engine = Own("engine", "Z0", most=1.0, cost=cost, running=200.0, accredited=0.9, fixed=1e3)
        world = supply_world(case, tariffs_world(case, of, plain), own=[engine])
        worth = float(own_worth(case, world)[0])
        plan = solve_tiny(case, world).plan
        saved = 1e6 * (without - float(plan.attrs["objective"]))
        assert max(worth, 0.0) >= saved - 1
        assert worth > 0 or float(plan["own_mw"].max()) == 0.0
        assert screened(case, world).sizes["own"] == 1
        built.add(bool(worth > 0))
    assert built == ({True} if kind == "rising tiers" else {True, False})
