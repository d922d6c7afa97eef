"""The fleet in the model: enumeration to the cent, prices against re-solving, and rules by hand."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import Case
from grid_opt.study.plan_case import Planned, plan_case
from grid_opt.study.progress import Log
from grid_opt.verify import verify
from tests.tiny_fleet import fleet_case, fleet_tiny_world

CENT = 1e-8
Run = tuple[tuple[int, int], ...]


@pytest.fixture(autouse=True)
def _without_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny fleet has arrays only: there are no definition files to carry in the plan."""
    monkeypatch.setattr("grid_opt.study.plan_case.definition_texts", lambda case, here: {})


def planned(case: Case, world: xr.Dataset) -> Planned:
    return plan_case(case, world, {"tiny": "0"}, Log(None))


def assert_sound(plan: xr.Dataset) -> None:
    """Let the verifier look; a tiny world has two slices a day, which is all that it may find."""
    assert {check.name for check in verify(plan, compare_tables=False).failed} <= {"time.slice_days"}


def best(case: Case, world: xr.Dataset) -> float:
    return float(planned(case, world).plan.attrs["objective"])


def _runs() -> Iterator[Run]:
    """Yield every run of cumulative (fast, plain) systems in one hall that holds two."""
    states = [(a, b) for a in range(3) for b in range(3) if a + b <= 2]
    for run in itertools.product(states, repeat=4):
        if all(p[0] <= n[0] and p[1] <= n[1] for p, n in itertools.pairwise(run)):
            yield run


def _disc(case: Case, quarter: int) -> float:
    return float((1 + case.finance.real_discount_rate) ** -((quarter + 0.5) / 4))


def _payment(case: Case, life: float) -> float:
    step = (1 + case.finance.real_discount_rate) ** -0.25
    return float((1 - step) / (1 - step ** (4 * life)))


def _standing(case: Case, world: xr.Dataset, r: int, run: Run) -> float:
    """Add up what the hall and the systems of one region cost, power apart [million USD]."""
    total, multiplier = 0.0, float(world["construction_multiplier"][r])
    for q, (fast, plain) in enumerate(run):
        if fast + plain:
            owned = multiplier * (case.costs.site_fixed_musd + case.costs.shell_usd_per_kw * 10e3 / 1e6)
            facility = 10 * float(world["pue_peak"][r])
            bill = 3 * facility * float(world["delivery_demand_charge"][r])
            bill += facility * float(world["capacity_charge"][r, 0, q])
            bill += case.costs.fixed_om_usd_per_kw_year * 10e3 / 4
            total += _disc(case, q) * (owned * _payment(case, case.costs.shell_life_years) + bill / 1e6)
        for g, count in enumerate((fast, plain)):
            before = run[q - 1][g] if q else 0
            price = float(world["system_price"][g, q]) / 1e6 * _payment(case, 5)
            total += (count - before) * price * sum(_disc(case, later) for later in range(q, 4))
    return total


def _usd_per_mw(world: xr.Dataset, r: int, q: int) -> float:
    """Return what one MW of IT through a calendar quarter pays for energy [USD]."""
    at = world["slice_season"].values == q + 1
    hours, price = world["slice_weight"].values[at], world["price"].values[r, 0, at]
    metered = float(world["pue"][r, q])
    rider = float(world["delivery_rider"][r]) * metered * hours.sum()
    return float(metered * (1 + float(world["loss"][r])) * (hours * price).sum() + rider)


def _serving(case: Case, world: xr.Dataset, runs: tuple[Run, ...], q: int) -> float:
    """Serve the dearest tokens first, each with the cheapest power that is left [million USD, undiscounted].

    Right as long as only the fast systems serve the quick class and both serve the slow one: every split of the fast
    systems between the classes is tried.
    """
    hours, worth = float(world["block_hours"][q, 0]), world["class_worth"].values[:, 0]
    energy = [_usd_per_mw(world, r, q) / 1e6 for r in range(len(runs))]
    mtok = hours * 3600.0
    total = sum(energy[r] * (2.0 * run[q][0] + 1.0 * run[q][1]) for r, run in enumerate(runs))
    penalty = world["class_penalty"].values
    demand = world["stream_demand"].values[:, q, 0] / 1e6
    # offers: gain of a system-hour by class and kind; fractional assignment of two classes to systems by enumeration
    fast = sorted(((2.5 * energy[r], run[q][0]) for r, run in enumerate(runs)), key=lambda o: o[0])
    plain = sorted(((2.5 * energy[r], run[q][1]) for r, run in enumerate(runs)), key=lambda o: o[0])
    value = [mtok * (worth[w] + penalty[w]) / 1e6 for w in range(2)]
    lost = sum(value[w] * demand[w] for w in range(2))
    first = min(demand[0], 3.0 * sum(n for _, n in fast))
    points = {0.0, first, *np.clip([3.0 * n for n in np.cumsum([n for _, n in fast])], 0, first)}
    rest = np.cumsum([0, *(n for _, n in plain)]) * 2.0
    points |= {float(np.clip(3.0 * sum(n for _, n in fast) - max(0.0, demand[1] - p), 0, first)) for p in rest}
    gains = []
    for quick in points:
        offers = [(cost / 3.0, 3.0 * n) for cost, n in fast]
        gain, offers = _fill(offers, quick, value[0])
        slow = sorted(offers + [(cost / 2.0, 2.0 * n) for cost, n in plain], key=lambda o: o[0])
        more, _ = _fill(slow, demand[1], value[1])
        gains.append(gain + more)
    return total + lost - max(gains)


def _fill(offers: list[tuple[float, float]], amount: float, value: float) -> tuple[float, list[tuple[float, float]]]:
    """Take the cheapest offers up to an amount, while they are worth it; return the gain and what is left."""
    gain, left = 0.0, []
    for cost, size in offers:
        taken = min(size, amount) if value > cost else 0.0
        gain += taken * (value - cost)
        amount -= taken
        left.append((cost, size - taken))
    return gain, left


def enumerated(case: Case, world: xr.Dataset) -> float:
    """Return the least cost over every choice of systems in two regions."""
    runs = list(_runs())
    most = np.cumsum(world["deliveries_most"].values, axis=1)
    alone = [[_standing(case, world, r, run) for run in runs] for r in range(2)]
    least = float("inf")
    cache: dict[tuple[tuple[int, int], tuple[int, int], int], float] = {}
    for (i, one), (j, two) in itertools.product(enumerate(runs), enumerate(runs)):
        if any(one[q][g] + two[q][g] > most[g, q] for q in range(4) for g in range(2)):
            continue
        wait = _waiting(case, world, (one, two))
        total = alone[0][i] + alone[1][j] + wait
        for q in range(4):
            key = (one[q], two[q], q)
            if key not in cache:
                cache[key] = _serving(case, world, (one, two), q)
            total += _disc(case, q) * cache[key]
        least = min(least, total)
    return least


def _waiting(case: Case, world: xr.Dataset, runs: tuple[Run, Run]) -> float:
    """Take every system as late as deliveries allow, and pay for those that wait [million USD]."""
    total = 0.0
    for g in range(2):
        bought = [sum(r[q][g] - (r[q - 1][g] if q else 0) for r in runs) for q in range(4)]
        need = 0
        for q in (3, 2, 1):
            need = max(0, need + bought[q] - int(world["deliveries_most"][g, q]))
            fall = 1 - (1 - float(world["system_decline"][g])) ** 0.25
            price = float(world["system_price"][g, q - 1]) / 1e6
            total += need * price * (_payment(case, 5) + fall) * _disc(case, q - 1)
    return total


@pytest.mark.parametrize("seed", range(6))
def test_optimum_equals_enumeration(seed: int) -> None:
    case = fleet_case()
    world = fleet_tiny_world(case, seed=seed)
    result = planned(case, world)
    assert result.plan.attrs["objective"] == pytest.approx(enumerated(case, world), abs=CENT * 1e3, rel=1e-9)
    assert_sound(result.plan)


@pytest.mark.parametrize("seed", range(3))
def test_price_of_a_delivery_is_what_one_more_system_saves(seed: int) -> None:
    """Where worth is linear in systems: one region, demand that no number of systems meets, nothing kept waiting."""
    case = fleet_case(demand={"targets_mw": {"2026Q4": 10.0}}, campus={"hall_mw": 50.0, "max_campus_mw": 50.0,
                      "min_campus_mw": 0.0})  # fmt: skip
    most = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    demand = np.full((2, 4, 1), 60e6)
    world = fleet_tiny_world(case, regions=1, seed=seed, deliveries_most=most, stream_demand=demand)
    world["headroom"] = xr.full_like(world["headroom"], 100.0)
    plan = planned(case, world).plan
    more = world.assign(deliveries_most=world["deliveries_most"] + np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]]))
    saved = (plan.attrs["objective"] - best(case, more)) * 1e6
    assert float(plan["systems"].sum()) > 0
    assert float(plan["dual_deliveries"].sel(accelerator="fast", quarter="2026Q1")) == pytest.approx(saved, rel=1e-6)


def test_latency_keeps_requests_away_and_has_a_price() -> None:
    case = fleet_case()
    reach = np.array([[1.0, 0.0], [1.0, 1.0]])
    world = fleet_tiny_world(case, seed=3, stream_reach=reach, deliveries_most=np.full((2, 4), 4.0))
    plan = planned(case, world).plan
    assert float(plan["serving"].sel(stream="quick").isel(region=1).sum()) == 0.0
    assert float(plan["dual_latency"].where(plan["stream_reach"] == 1, 0.0).max()) == 0.0
    assert float(plan["dual_latency"].min()) >= 0.0
    assert best(case, world.assign(stream_reach=xr.ones_like(world["stream_reach"]))) <= plan.attrs["objective"] + CENT


def test_a_pool_stands_beside_the_systems_that_it_prefills_for() -> None:
    case = fleet_case()
    pool = np.zeros((2, 2, 1))
    pool[0] = 1.0
    world = fleet_tiny_world(
        case, seed=1, pool_systems=pool, deliveries_most=np.full((2, 4), 4.0), class_worth=np.full((2, 1), 50.0)
    )
    plan = planned(case, world).plan
    assert_sound(plan)
    fast, plain = plan["serving"].sel(accelerator="fast").sum("stream"), plan["systems"].sel(accelerator="plain")
    assert float(fast.sum()) > 0
    assert (fast.max(("year", "block")).values <= plain.isel(quarter=[0, 1, 2, 3]).values + 1e-6).all()


def test_software_is_ready_only_after_porting() -> None:
    case = fleet_case()
    ready = np.zeros((2, 4, 4))
    for v in range(4):
        for q in range(v, 4):
            ready[0, v, q] = min(1.0, 0.25 * (q - v + 1))
            ready[1, v, q] = 1.0
    world = fleet_tiny_world(
        case, seed=2, software_ready=ready, porting_cost=np.array([1.0, 0.0]),
        deliveries_most=np.full((2, 4), 4.0), class_worth=np.full((2, 1), 50.0),
    )  # fmt: skip
    plan = planned(case, world).plan
    assert_sound(plan)
    assert float(plan["cost_porting"].sum()) > 0
    quick = (plan["serving"].sel(stream="quick", accelerator="fast").sum("region") * 3.0).values.ravel()
    wanted = world["stream_demand"].sel(stream="quick").values.ravel() / 1e6
    assert (quick <= np.array([0.25, 0.5, 0.75, 1.0]) * wanted + 1e-6).all()


def test_work_that_can_wait_moves_to_cheaper_hours() -> None:
    case = fleet_case(service={"load_blocks": 2})
    world = fleet_tiny_world(case, seed=4)
    two = {
        "stream_demand": np.repeat(world["stream_demand"].values, 2, axis=2), "stream_peak": np.ones((2, 2)),
        "block_hours": np.repeat(world["block_hours"].values / 2, 2, axis=1), "slice_block": np.tile([0.0, 1.0], 4),
        "class_deferrable": np.array([0.0, 0.5]), "deliveries_most": np.full((2, 4), 4.0),
    }  # fmt: skip
    world = fleet_tiny_world(case, seed=4).drop_dims("block").assign_coords(block=["00-12", "12-24"])
    from grid_opt.inputs.schema_fleet import FLEET

    world = world.assign({n: (FLEET[n].dims, v, {"units": FLEET[n].unit}) for n, v in two.items()})
    plan = planned(case, world).plan
    assert_sound(plan)
    stiff = world.assign(class_deferrable=xr.zeros_like(world["class_deferrable"]))
    assert plan.attrs["objective"] <= best(case, stiff) + CENT


@pytest.mark.parametrize("mode", ["annuity", "cash_flow"])
def test_a_life_that_ends_frees_its_place(mode: str) -> None:
    case = fleet_case(finance={"capex_mode": mode})
    world = fleet_tiny_world(case, seed=5, system_life=np.array([2.0, 2.0]), deliveries_most=np.full((2, 4), 2.0),
                             class_worth=np.full((2, 1), 50.0))  # fmt: skip
    plan = planned(case, world).plan
    assert_sound(plan)
    assert float(plan["bought"].sum()) > float(plan["systems"].isel(quarter=-1).sum())


def test_the_most_tokens_under_a_budget() -> None:
    low, high = (
        fleet_case(objective={"goal": "most_tokens"}, budget={"present_value_musd": money}) for money in (60.0, 200.0)
    )
    changes = {"deliveries_most": np.full((2, 4), 4.0)}
    plans = [planned(case, fleet_tiny_world(case, seed=0, **changes)).plan for case in (low, high)]
    for plan in plans:
        assert_sound(plan)
    assert float(plans[1]["unserved"].sum()) < float(plans[0]["unserved"].sum())


def test_the_loss_of_a_region_leaves_enough_for_the_protected_class() -> None:
    """Three regions: with the rule, whatever the quick class is served fits on any two of them."""
    changes = {
        "deliveries_most": np.full((2, 4), 6.0), "class_worth": np.array([[4.0], [30.0]]),
        "stream_demand": np.repeat(np.array([[[3e6]], [[9e6]]]), 4, axis=1),
    }  # fmt: skip
    free, bound = fleet_case(), fleet_case(fleet={"region_loss": True})
    plans = [planned(case, fleet_tiny_world(case, regions=3, seed=7, **changes)).plan for case in (free, bound)]
    for plan in plans:
        assert_sound(plan)
    assert plans[1].attrs["objective"] >= plans[0].attrs["objective"] - CENT
    quick = (plans[1]["serving"].sel(stream="quick", accelerator="fast") * 3.0).sum("region").values.ravel()
    fast = plans[1]["systems"].sel(accelerator="fast")
    left = (fast.sum("region") - fast.max("region")).values
    assert quick.max() > 0 and (3.0 * left >= quick - 1e-6).all()


def test_vendor_shares_and_co_siting_hold() -> None:
    case = fleet_case()
    pairs = np.array([[0.0, 1.0], [0.0, 0.0]])
    world = fleet_tiny_world(
        case, seed=6, vendor_most=np.array([0.5, 1.0]), co_siting=pairs, deliveries_most=np.full((2, 4), 4.0),
        class_worth=np.full((2, 1), 50.0),
    )  # fmt: skip
    plan = planned(case, world).plan
    assert_sound(plan)
    fast, plain = (plan["systems"].sel(accelerator=name) for name in ("fast", "plain"))
    assert bool((plain >= fast).all()) and float(fast.sum()) > 0


def test_tables_and_summary_tell_of_the_fleet() -> None:
    """What is bought, served and missed stands in the tables and adds up; the terminal prints it."""
    from rich.console import Console

    from grid_opt.plan.summary import summarize
    from grid_opt.report.layers import layers_of
    from grid_opt.report.tables import tables_of
    from grid_opt.report.terminal import print_summary

    case = fleet_case()
    world = fleet_tiny_world(case, seed=1, deliveries_most=np.full((2, 4), 2.0))
    plan = planned(case, world).plan
    tables = tables_of(plan)
    assert tables["fleet"]["bought"].sum() == float(plan["bought"].sum()) > 0
    told = tables["unserved"]["wanted_tokens_per_year"] - tables["unserved"]["missed_tokens_per_year"]
    assert tables["requests"]["tokens_per_year"].sum() == pytest.approx(told.sum())
    assert tables["costs"]["cost_musd"].sum() == pytest.approx(plan.attrs["objective"])
    corner = [[[(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]]]
    layers = layers_of(plan, dict.fromkeys(plan["zone"].values.tolist(), corner))
    standing = layers["sites"][["systems_fast", "systems_plain"]].to_numpy().sum()
    assert standing == float(plan["systems"].isel(quarter=-1).sum()) > 0
    assert layers["requests"]["tokens_per_year"].sum() == pytest.approx(told.sum())
    summary = summarize(plan)
    spent, worth = summary["costs"]["total_musd"], summary["fleet"]["worth_musd"]
    assert summary["fleet"]["net_present_value_musd"] == pytest.approx(worth - spent)
    assert sum(row["it_mw"] for row in summary["fleet"]["systems"]) == 5.0 * float(plan["systems"][..., -1].sum())
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(summary, console)
    text = console.export_text()
    assert "net present value" in text and "Quick" in text and "Plain" in text
    assert max(map(len, text.splitlines())) <= 100
