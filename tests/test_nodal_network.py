"""The parts of nodal siting: offers, screening, several islands, overloads that are there already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grid_opt.config import load_case
from grid_opt.inputs.world import build_world
from grid_opt.network.factors import Factors
from grid_opt.network.islands import active
from grid_opt.network.offers import offers_of
from grid_opt.network.screening import Screen
from grid_opt.plan.summary import summarize
from grid_opt.study.plan_case import Planned, hash_inputs, plan_case
from grid_opt.study.progress import Log
from grid_opt.verify import verify
from tests import grids
from tests.tiny_nodal import nodal_world, tables, write


def test_offers_are_exact_at_the_ends_of_their_steps(tmp_path: Path) -> None:
    net = grids.network(tmp_path, **tables())
    offers, costs = offers_of(net, 3), net.generator_costs
    assert np.bincount(offers.generator).tolist() == [3, 1, 2]
    for unit in range(3):
        mine = offers.generator == unit
        order = np.argsort(offers.start_mw[mine])
        slope, width = offers.usd_per_mwh[mine][order], offers.width_mw[mine][order]
        assert (np.diff(slope) > 0).all()
        power = np.zeros(3)
        at_zero = costs.at(power)[unit]
        for end, cost in zip(np.cumsum(width), np.cumsum(slope * width), strict=True):
            power[unit] = end
            assert costs.at(power)[unit] - at_zero == pytest.approx(cost)
    step = 260 / 3
    assert offers.curvature_usd_per_h == pytest.approx(3 * 0.02 * step**2 / 4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rating", [1.0, 1.3])
def test_screening_finds_what_trying_all_pairs_finds(seed: int, rating: float, tmp_path: Path) -> None:
    net = active(grids.random_network(tmp_path, seed, buses=12))
    factors = Factors(net, "matpower")
    draw = np.random.default_rng(seed)
    put_in = draw.normal(0, 120, size=(len(net.buses), 5))
    put_in[0] -= put_in.sum(axis=0)
    flow = np.column_stack([factors.flows(column) for column in put_in.T])
    before = flow * draw.uniform(0.6, 1.1, size=flow.shape)
    found = Screen(factors, True, rating).violated(flow, before)
    expected: dict[tuple[int, int, int], float] = {}
    shares = {-1: np.zeros(len(net.branches))}
    for k in np.flatnonzero(~factors.is_bridge).tolist():
        shares[k] = factors.lodf_columns(np.array([k]))[:, 0]
    for t in range(5):
        for k, share in shares.items():
            for sign in (1, -1):
                limit = (factors.lines.high_mw if sign > 0 else -factors.lines.low_mw) * (rating if k >= 0 else 1.0)
                most = np.maximum(limit, sign * (before[:, t] + share * before[k, t]))
                over = sign * (flow[:, t] + share * flow[k, t]) - most
                for branch in np.flatnonzero(over > 1e-4).tolist():
                    if branch != k:
                        key = (branch, sign, t)
                        expected[key] = max(expected.get(key, 0.0), float(over[branch]))
    got = {(b, s, t): o for (b, _, s, t), o in zip(found.keys(), found.over_mw.tolist(), strict=True)}
    assert expected and got == pytest.approx(expected)


def planned(folder: Path, scale: float) -> Planned:
    case = load_case(write(folder, scale=scale))
    return plan_case(case, build_world(case), hash_inputs(case), Log(None))


def test_overloads_that_are_there_already_may_stay_and_not_grow(tmp_path: Path) -> None:
    plan = planned(tmp_path, scale=0.5).plan
    report = verify(plan, tmp_path)
    assert report.ok, report.failed
    high = plan["branch_high"].sel(branch=plan["watch_branch"]).values
    raised = plan["watch_limit"].values > high + 1e-3
    assert raised.any() and summarize(plan)["nodal"]["limits_over_rating_without_campuses"] == raised.sum()
    assert any("exceeded by the dispatch without campuses already" in text for text in summarize(plan)["warnings"])


def test_islands_have_prices_and_balances_of_their_own(tmp_path: Path) -> None:
    case = write(tmp_path)
    both = tables()
    both["bus"] += [grids.bus(7, kind=3, load=30), grids.bus(8, load=10)]
    both["gen"].append(grids.generator(7, 120))
    both["gencost"].append(grids.linear(8))
    both["branch"] += [grids.branch(7, 8, 0.1, 60), grids.branch(7, 8, 0.1, 60)]
    grids.write(tmp_path, **both)
    with (tmp_path / "buses.csv").open("a", encoding="utf-8") as file:
        file.write("7,31,-99,load\n8,31.1,-99.1,load\n")
    with (tmp_path / "candidates.csv").open("a", encoding="utf-8") as file:
        file.write("8,Far,TX_W,2026Q1,60\n")
    asked = load_case(case)
    plan = plan_case(asked, build_world(asked), hash_inputs(asked), Log(None)).plan
    assert plan.sizes["island"] == 2 and plan.sizes["area"] == 2
    assert float(plan["halls"].sel(region="8", quarter="2026Q4")) == 3  # the cheap island, up to its largest campus
    assert plan["local_price"].sel(region="8").values == pytest.approx(8.0)
    assert verify(plan, tmp_path).ok


def test_phase_shifters_taps_and_shunts_are_in_the_flows(tmp_path: Path) -> None:
    case, shifted = write(tmp_path), tables(0.8)
    shifted["branch"][1] = grids.branch(1, 3, 0.10, 104, shift=4.0, tap=0.97)
    shifted["bus"][3] = grids.bus(4, load=80, shunt=6.0)
    grids.write(tmp_path, **shifted)
    asked = load_case(case)
    plan = plan_case(asked, build_world(asked), hash_inputs(asked), Log(None)).plan
    assert verify(plan, tmp_path).ok
    plain, world = nodal_world(0.8)
    assert plan.attrs["objective"] != pytest.approx(
        plan_case(plain, world, {}, Log(None)).plan.attrs["objective"], rel=1e-9
    )


def test_headroom_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    rows = "3,A,TX_S,2026Q4,60\n4,B,TX_W,2026Q1,15\n4,B,TX_W,2026Q3,40\n5,C,TX_N,2026Q4,60\n"
    case = load_case(write(tmp_path, changes={"candidates.csv": "bus,name,like,from_quarter,headroom_mw\n" + rows}))
    world = build_world(case)
    assert world["headroom"].sel(region="4").values.tolist() == [15, 15, 40, 40]
    assert world["headroom"].sel(region="3").values.tolist() == [0, 0, 0, 60]
    plan = plan_case(case, world, hash_inputs(case), Log(None)).plan
    assert plan["halls"].sel(region="4").values.tolist()[1] == 1
    assert plan["halls"].sel(region="3").values[:3].sum() == 0
    assert verify(plan, tmp_path).ok
