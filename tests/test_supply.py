"""Sources beside wholesale cost what arithmetic by hand says, and are chosen as enumeration does."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import linprog

from grid_opt.config import Case
from grid_opt.errors import InfeasibleError
from tests.test_menu import present, running
from tests.tiny import objective, solve_tiny, tiny_world
from tests.tiny_supply import RICH_SUPPLY, Block, Contract, Own, day_world, rich_sources, supply_case, supply_world

LAST = 3


def one_hall(case: Case, price: float = 40.0, hours: int | None = None) -> xr.Dataset:
    """Return one region in which one hall of 10 MW runs from the first quarter on, with plain numbers."""
    world = tiny_world(case, regions=1) if hours is None else day_world(case, 1, hours=hours)
    for name, value in {
        "headroom": 40.0, "site_lead_quarters": 0.0, "construction_multiplier": 1.0, "pue": 1.1, "pue_peak": 1.2,
        "pue_stress": 1.2, "delivery_demand_charge": 5000.0, "delivery_rider": 1.5, "capacity_charge": 20000.0,
    }.items():  # fmt: skip
        world[name] = xr.full_like(world[name], value)
    if hours is None:
        world["price"] = xr.full_like(world["price"], price)
    return world


def hall_case(supply: dict[str, object], **sections: dict[str, object]) -> Case:
    """Return a case of one hall for one year and no interest."""
    base: dict[str, dict[str, object]] = {
        "demand": {"targets_mw": {"2026Q1": 10.0}},
        "horizon": {"long_run_until_year": 2026},
        "finance": {"real_discount_rate": 0.0},
        "campus": {"max_campus_mw": 10.0},
    }
    return supply_case(supply, **(base | sections))


def musd(plan: xr.Dataset, term: str) -> float:
    return float(plan[f"cost_{term}"].sum()) / 1e6


DRAWN = 0.8 * 10 * 1.1 * 1.03
"""MW at wholesale: drawn, cooled, delivered."""


# --- long contracts by hand


def test_a_contract_for_differences_pays_the_strike_and_gets_the_price_at_the_project() -> None:
    case = hall_case({"contracts": ["financial"]})
    world = supply_world(case, one_hall(case), [Contract("wind", "Z0", strike=30.0, price=35.0, most=5.0)])
    plan = solve_tiny(case, world).plan
    assert float(plan["ppa_mw"].sum()) == pytest.approx(5.0)  # it gains 5 USD/MWh: all that there is
    assert musd(plan, "settlement") == pytest.approx(5.0 * 0.4 * 8760 * (30 - 35) / 1e6, abs=1e-9)
    assert musd(plan, "energy") == pytest.approx(DRAWN * 8760 * 40 / 1e6, abs=1e-9)  # its own power is bought


def test_contracts_hedge_a_load_and_no_more() -> None:
    """However good the price, contracts make no more than the campus draws, or than the case's share of it."""
    for share in (1.0, 0.25):
        case = hall_case({"contracts": ["financial"], "most_contracted_share": share})
        world = supply_world(case, one_hall(case), [Contract("wind", "Z0", strike=1.0, most=500.0)])
        plan = solve_tiny(case, world).plan
        assert 0.4 * float(plan["ppa_mw"].sum()) == pytest.approx(share * DRAWN)


def test_a_physical_contract_delivers_where_it_saves_and_sells_the_rest() -> None:
    """In half the hours the campus's price is above basis and sale, in the others it is below."""
    case = hall_case({"contracts": ["physical"], "sale_margin_usd_per_mwh": 3.0})
    world = one_hall(case)
    world["price"] = world["price"].copy(data=np.tile([60.0, 10.0], 4)[None, None, :])
    wind = Contract("wind", "Z0", physical=True, strike=30.0, price=25.0, basis=2.0, production=0.5, most=8.0)
    plan = solve_tiny(case, supply_world(case, world, [wind])).plan
    assert float(plan["ppa_mw"].sum()) == pytest.approx(8.0)
    made, half = 4.0, 8760 / 2
    delivered = plan["delivered_ppa"].values[0, 0]
    assert delivered == pytest.approx(np.tile([made, 0.0], 4), abs=1e-9)
    # strike for all that is made; half is sold at 25 - 3, half delivered at 2
    paid = made * 8760 * 30 - made * half * (25 - 3) + made * half * 2
    assert musd(plan, "settlement") + musd(plan, "wheeling") == pytest.approx(paid / 1e6, abs=1e-9)
    bought = (DRAWN - made) * half * 60 + DRAWN * half * 10
    assert musd(plan, "energy") == pytest.approx(bought / 1e6, abs=1e-9)
    assert musd(plan, "rider") == pytest.approx(DRAWN / 1.03 * 8760 * 1.5 / 1e6, abs=1e-9)  # all comes over the grid


def test_one_project_serves_all_regions_together() -> None:
    case = supply_case({"contracts": ["financial"]})
    world = tiny_world(case, regions=3, seed=1)
    world["headroom"] = xr.full_like(world["headroom"], 40.0)
    offers = [Contract("wind", r, strike=1.0, most=7.0) for r in world["region"].values.tolist()]
    plan = solve_tiny(case, supply_world(case, world, offers)).plan
    assert float(plan["ppa_mw"].sum()) == pytest.approx(7.0)


@pytest.mark.parametrize("price", [-500.0, -50.0, 0.0, 500.0])
def test_no_price_makes_the_case_unbounded(price: float) -> None:
    knobs = RICH_SUPPLY | {"least_hedged_share": 0.0, "export_share": 1.0}
    case = hall_case(knobs, flexibility={"max_curtailment_fraction": 0.0})
    world = one_hall(case, hours=4)
    world["price"] = xr.full_like(world["price"], price)
    sources = rich_sources(world)
    sources["contracts"] = [replace(c, price=price, strike=abs(price) + 1 if c.physical else 1.0)
                            for c in sources["contracts"]]  # fmt: skip
    plan = solve_tiny(case, supply_world(case, world, **sources)).plan
    assert np.isfinite(plan.attrs["objective"])
    assert float(plan["exported"].max()) <= float(plan["headroom"].max())


# --- blocks


def test_blocks_are_bought_for_the_share_that_is_asked_and_cost_their_premium() -> None:
    case = hall_case({"forwards": True, "least_hedged_share": 0.5})
    world = supply_world(case, one_hall(case), blocks=[Block("flat", "Z0", premium=2.0)])
    plan = solve_tiny(case, world).plan
    assert musd(plan, "forward_premium") == pytest.approx(0.5 * DRAWN * 8760 * 2.0 / 1e6, abs=1e-9)


def test_a_block_by_the_year_is_the_same_in_all_quarters_and_the_cheaper_kind_is_bought() -> None:
    case = hall_case({"forwards": True, "least_hedged_share": 0.5})
    yearly, quarterly = Block("year", "Z0", premium=1.0, yearly=True), Block("quarter", "Z0", premium=2.0)
    world = supply_world(case, one_hall(case), blocks=[yearly, quarterly])
    plan = solve_tiny(case, world).plan
    assert plan["forward_mw"].sel(forward="year@Z0").values.ravel() == pytest.approx([0.5 * DRAWN] * 4)
    assert float(plan["forward_mw"].sel(forward="quarter@Z0").sum()) == pytest.approx(0.0)


# --- on site, by hand


def test_an_engine_of_two_units_by_hand() -> None:
    """Power costs 200 at wholesale, so two units of 4 MW run all year; there is room for no third."""
    case = hall_case({"onsite": ["engine"]})
    engine = Own("engine", "Z0", unit=4.0, most=8.0, cost=1e6, fixed=1.2e4, running=30.0, accredited=0.9)
    plan = solve_tiny(case, supply_world(case, one_hall(case, price=200.0), own=[engine])).plan
    assert float(plan["own_units"].sel(quarter="2026Q1").sum()) == 2.0
    by_hand = {
        "own_capex": 8e6 / 20 / 1e6,  # 8 MW over 20 years, one of them
        "own_upkeep": 8 * 1.2e4 / 1e6,
        "own_running": 8 * 8760 * 30 / 1e6,
        "energy": (DRAWN - 1.03 * 8) * 8760 * 200 / 1e6,  # a MW inside spares 1.03 MW of purchases
        "rider": (DRAWN / 1.03 - 8) * 8760 * 1.5 / 1e6,
        "capacity": 4 * 20000 * (12 - 0.9 * 8) / 1e6,  # four quarters, 12 MW on the design day
    }
    assert {n: musd(plan, n) for n in by_hand} == pytest.approx(by_hand, abs=1e-9)
    assert float(plan["own_capacity"].sel(quarter="2026Q4").sum()) == pytest.approx(0.9 * 8)


def test_what_is_not_connected_for_export_is_not_made() -> None:
    case = hall_case({"onsite": ["engine"], "export_share": 0.1})
    engine = Own("engine", "Z0", cost=1e5, running=30.0, most=30.0)
    plan = solve_tiny(case, supply_world(case, one_hall(case, price=200.0), own=[engine])).plan
    assert plan["exported"].values == pytest.approx(0.1 * 40.0)  # a tenth of 40 MW of headroom
    assert musd(plan, "export_revenue") == pytest.approx(-4.0 * 8760 * (200 - 3) / 1e6, abs=1e-9)
    assert plan["own_output"].values == pytest.approx(DRAWN / 1.03 + 4.0)
    assert float(plan["purchase"].sum()) == pytest.approx(0.0)


def test_a_battery_buys_cheap_hours_by_hand() -> None:
    """Two slices of 12 h: 6 MWh/h from 10 to 110 USD/MWh, four hours of energy, 0.9 each way."""
    case = hall_case({"onsite": ["battery"]})
    world = one_hall(case)
    world["price"] = world["price"].copy(data=np.tile([10.0, 110.0], 4)[None, None, :])
    battery = Own("battery", "Z0", cost=1e4, fixed=0.0, most=6.0, hours=4.0, one_way=0.9, wear=1.0, accredited=0.0)
    plan = solve_tiny(case, supply_world(case, world, own=[battery])).plan
    stored = 6.0 * 4.0
    give, take = 0.9 * stored / 12, stored / 0.9 / 12  # MW over 12 h
    assert plan["store_discharge"].values[0, 0] == pytest.approx(np.tile([0.0, give], 4), abs=1e-9)
    assert plan["store_charge"].values[0, 0] == pytest.approx(np.tile([take, 0.0], 4), abs=1e-9)
    half = 8760 / 2
    energy = ((DRAWN + 1.03 * take) * 10 + (DRAWN - 1.03 * give) * 110) * half / 1e6
    assert musd(plan, "energy") == pytest.approx(energy, abs=1e-9)
    assert musd(plan, "store_wear_cost") == pytest.approx(give * half / 1e6, abs=1e-9)


def test_a_battery_charges_within_the_connection() -> None:
    case = hall_case({"onsite": ["battery"]})
    world = one_hall(case)
    world["price"] = world["price"].copy(data=np.tile([10.0, 110.0], 4)[None, None, :])
    world["headroom"] = xr.full_like(world["headroom"], 12.0)
    battery = Own("battery", "Z0", cost=1e3, fixed=0.0, most=60.0, hours=12.0)
    plan = solve_tiny(case, supply_world(case, world, own=[battery])).plan
    assert float(plan["purchase"].max()) / 1.03 == pytest.approx(12.0)


# --- enumeration


def dispatch(case: Case, world: xr.Dataset, mw: np.ndarray) -> float:
    """Return the least running cost of one region [USD] for given MW on site, by a linear program written by hand.

    ``mw`` has (own, quarter): an engine, then a battery. The columns of a slice are purchase, output, charge,
    discharge and what is stored.
    """
    count, total = world.sizes["slice"], 0.0
    season, weight = world["slice_season"].values - 1, world["slice_weight"].values
    loss, rider = float(world["loss"][0]), float(world["delivery_rider"][0])
    one_way, deep = float(world["store_efficiency"][0]), float(world["store_most_hours"][0])
    wear, day = float(world["store_wear"][0]), world["slice_day"].values
    for a, year in enumerate(case.years):
        cost, rows, right, bounds = np.zeros(5 * count), [], [], []
        for s in range(count):
            c = int(season[s])
            worth = sum(present(case, 4 * (y - 2026) + c) for y in case.represented_years(year)) * weight[s]
            price, fuel = float(world["price"][0, a, s]), float(world["plant_running"][0, a])
            cost[5 * s : 5 * s + 5] = np.array([price + rider / (1 + loss), fuel, 0.0, wear, 0.0]) * worth
            q = c if year == 2026 else LAST
            need = 0.8 * 10 * float(world["pue"][0, c])
            row = np.zeros(5 * count)
            row[5 * s : 5 * s + 4] = [1 / (1 + loss), 1.0, -1.0, 1.0]
            rows.append(row)
            right.append(need)
            mine = np.flatnonzero(day == day[s])
            before = int(mine[list(mine).index(s) - 1])
            length = 24 / len(mine)
            row = np.zeros(5 * count)
            row[5 * s + 4] += 1.0
            row[5 * before + 4] -= 1.0
            row[5 * s + 2] -= length * one_way
            row[5 * s + 3] += length / one_way
            rows.append(row)
            right.append(0.0)
            e, b = mw[0, q], mw[1, q]
            bounds += [(0, (1 + loss) * 40.0), (0, e), (0, b), (0, b), (0, deep * b)]
        found = linprog(cost, A_eq=np.array(rows), b_eq=np.array(right), bounds=bounds)
        assert found.status == 0
        total += float(found.fun)
    return total


def own_money(case: Case, world: xr.Dataset, mw: np.ndarray) -> float:
    """Return what stands costs [USD]: level payments, upkeep, less the capacity that is not bought."""
    d, end = case.finance.real_discount_rate, 4 * (case.horizon.long_run_until_year - 2026 + 1)
    total = 0.0
    for i, q in itertools.product(range(2), range(4)):
        new = mw[i, q] - (mw[i, q - 1] if q else 0.0)
        life = int(4 * float(world["own_life"][i]))
        payment = 1 / sum((1 + d) ** (-k / 4) for k in range(life))
        owned = payment * sum(present(case, n) for n in range(q, end))
        total += new * float(world["own_cost"][i]) * (1 - float(world["own_credit"][i, q])) * owned
        total += mw[i, q] * float(world["own_fixed"][i]) / 4 * running(case, q)
    for q in range(4):
        spared = min(float(world["own_accredited"].values @ mw[:, q]), 10 * float(world["pue_peak"][0]))
        total -= spared * float(world["capacity_charge"][0, 0, q]) * present(case, q)
        if q == LAST:
            years = range(1, case.horizon.long_run_until_year - 2026 + 1)
            charge = world["capacity_charge"][0, 1].values
            total -= spared * sum(charge[s] * present(case, 4 * y + s) for y in years for s in range(4))
    return total


def enumerated(case: Case, world: xr.Dataset, sizes: tuple[tuple[float, ...], tuple[float, ...]]) -> float:
    """Return the least cost over every build-up of both technologies [million USD], beside a campus without any."""
    best = np.inf
    ready = [int(np.flatnonzero(row > 0)[0]) for row in world["own_most"].values]
    steps = [
        [run for run in itertools.product(one, repeat=4)
         if all(b >= a for a, b in itertools.pairwise(run)) and not any(run[: ready[i]])]
        for i, one in enumerate(sizes)
    ]  # fmt: skip
    seen: dict[tuple[tuple[float, ...], ...], float] = {}
    for runs in itertools.product(*steps):
        mw = np.array(runs)
        seen.setdefault(runs, dispatch(case, world, mw))
        best = min(best, seen[runs] + own_money(case, world, mw))
    return (best - dispatch(case, world, np.zeros((2, 4)))) / 1e6


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_optimum_on_site_equals_enumeration_over_units_and_quarters(seed: int) -> None:
    knobs = {"demand": {"targets_mw": {"2026Q1": 10.0}}, "campus": {"max_campus_mw": 10.0},
             "flexibility": {"max_curtailment_fraction": 0.0}}  # fmt: skip
    case = supply_case({"onsite": ["engine", "battery"]}, **knobs)
    rng = np.random.default_rng(seed)
    own = [
        Own("engine", "Z0", unit=4.0, most=8.0, ready=1, cost=float(rng.uniform(2e5, 1.2e6)), fixed=2e4,
            running=float(rng.uniform(25, 45)), accredited=0.9, credit=(0.0, 0.3, 0.3, 0.0)),
        Own("battery", "Z0", unit=3.0, most=6.0, ready=0, cost=float(rng.uniform(1e5, 9e5)), fixed=1e4, life=15.0,
            hours=8.0, credit=(0.3, 0.3, 0.0, 0.0)),
    ]  # fmt: skip
    plain = one_hall(case, hours=3)
    rng_price = np.random.default_rng(seed + 50)
    plain["price"] = plain["price"].copy(data=rng_price.uniform(5, 120, size=plain["price"].shape))
    world = supply_world(case, plain, own=own)
    without = objective(supply_case({}, **knobs), plain)
    expected = enumerated(case, world, ((0.0, 4.0, 8.0), (0.0, 3.0, 6.0)))
    assert objective(case, world) - without == pytest.approx(expected, abs=1e-8)  # a cent in million USD
    assert expected < 0


# --- what must happen when dates move


def dated(ready: int, credit: tuple[float, ...] = (0.0,) * 4) -> tuple[Case, xr.Dataset]:
    case = hall_case({"onsite": ["engine"]})
    engine = Own("engine", "Z0", unit=4.0, most=8.0, cost=1e6, running=30.0, ready=ready, credit=credit)
    return case, supply_world(case, one_hall(case, price=70.0), own=[engine])


def test_a_longer_lead_time_never_lowers_cost() -> None:
    costs = [objective(*dated(ready)) for ready in range(5)]
    assert all(later >= sooner - 1e-9 for sooner, later in itertools.pairwise(costs))
    assert costs[4] > costs[0] + 0.1


def test_plant_that_is_late_by_the_whole_plan_is_not_in_it() -> None:
    sooner, later = (solve_tiny(*dated(ready)).plan for ready in (0, 4))
    assert float(sooner["own_mw"].max()) == pytest.approx(8.0)
    assert float(later["own_mw"].max()) == 0.0


def test_a_credit_missed_is_a_credit_lost() -> None:
    """Ready in the third quarter: a credit until the second is worth nothing, one until the third its share."""
    none, missed, had = (objective(*dated(2, c)) for c in ((0.0,) * 4, (0.3, 0.3, 0.0, 0.0), (0.3, 0.3, 0.3, 0.0)))
    assert missed == pytest.approx(none)
    assert had == pytest.approx(none - 0.3 * 8e6 / 20 / 2 / 1e6)  # half a year of 20


def test_a_source_more_never_costs_more_and_none_changes_nothing() -> None:
    knobs: dict[str, object] = {"contracts": ["financial", "physical"], "onsite": ["engine", "solar", "battery"]}
    plain = one_hall(hall_case({}), hours=4)
    alone = objective(hall_case({}), plain)
    rich = hall_case(knobs)
    sources = rich_sources(plain) | {"blocks": None}
    assert objective(rich, supply_world(rich, plain, **sources)) <= alone + 1e-9
    nothing = [replace(one, most=0.0) for one in sources["contracts"]]
    unready = [replace(one, ready=9) for one in sources["own"]]
    assert objective(rich, supply_world(rich, plain, nothing, own=unready)) == pytest.approx(alone, abs=1e-9)


def test_an_infeasible_hedge_is_named() -> None:
    case = hall_case({"forwards": True, "least_hedged_share": 0.9})
    world = supply_world(case, one_hall(case), blocks=[Block("flat", "Z0", most=1.0)])
    with pytest.raises(InfeasibleError, match=r"supply\.least_hedged_share"):
        solve_tiny(case, world)


def test_a_budget_too_small_is_found_beside_plant_on_site() -> None:
    """What stands on site is no way around a budget for the campus."""
    case = hall_case({"onsite": ["engine"]}, budget={"total_musd": 100.0})
    engine = Own("engine", "Z0", credit=(0.3, 0.0, 0.3, 0.0))
    with pytest.raises(InfeasibleError, match=r"budget\.total_musd"):
        solve_tiny(case, supply_world(case, one_hall(case), own=[engine]))
