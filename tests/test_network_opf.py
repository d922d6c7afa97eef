"""The DC optimal power flow: solved by hand, against published optima, and by its properties."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid_opt.network.matpower import read_matpower
from grid_opt.solve.opf import solve_opf
from tests import grids
from tests.grids import branch, bus, dcline, generator, linear, piecewise, quadratic

SUBSET = (
    "case3_lmbd", "case5_pjm", "case14_ieee", "case24_ieee_rts", "case30_as", "case39_epri", "case60_c",
    "case118_ieee", "case197_snem", "case240_pserc", "case500_goc", "case793_goc", "case1354_pegase",
    "case3_lmbd__api", "case24_ieee_rts__api", "case30_as__api", "case89_pegase__api", "case200_activ__api",
    "case588_sdet__api", "case1888_rte__api", "case3_lmbd__sad", "case5_pjm__sad", "case73_ieee_rts__sad",
    "case162_ieee_dtc__sad", "case240_pserc__sad", "case300_ieee__sad", "case500_goc__sad", "case588_sdet__sad",
    "case2000_goc__sad",
)  # fmt: skip


@pytest.mark.parametrize("name", SUBSET)
def test_published_optima(name: str, script: Callable[[str], ModuleType]) -> None:
    path = grids.pglib(name)
    published = script("network/pglib_table.py").published()[f"pglib_opf_{name}"].usd_per_h
    found = solve_opf(read_matpower(path), "powermodels")
    if published is None:
        assert found.status == "infeasible"
    else:
        assert found.objective == pytest.approx(published, rel=5e-5)
        assert found.bound <= found.objective <= found.bound * (1 + 2e-6)


def test_a_ring_by_hand(tmp_path: Path) -> None:
    # Equal reactances: of power from 1 to 3, two thirds take the direct branch, of power from 2 to 3 one third.
    # A limit of 50 MW there: 2/3 g1 + 1/3 g2 = 50 with g1 + g2 = 100 gives g1 = g2 = 50.
    found = solve_opf(grids.network(tmp_path, **grids.triangle(rate=50)), "matpower")
    assert found.dispatch_mw == pytest.approx([50, 50])
    assert found.flow_mw == pytest.approx([0, 50, 50], abs=1e-6)
    assert found.objective == pytest.approx(2000)
    # One MW more at bus 3: one MW less at bus 1 and two more at bus 2, 2 * 30 - 10.
    assert found.price == pytest.approx([10, 30, 50])


def test_prices_are_what_one_more_mw_costs(tmp_path: Path) -> None:
    net = grids.random_network(tmp_path, 9)
    before = solve_opf(net, "matpower")
    assert before.price.max() > before.price.min() + 1  # a limit binds
    for place in range(len(net.buses)):
        net.buses.load_mw[place] += 0.01
        after = solve_opf(net, "matpower")
        net.buses.load_mw[place] -= 0.01
        slope = (after.bound - before.bound) / 0.01
        assert slope == pytest.approx(before.price[place], rel=0.02, abs=0.05)


def test_both_conventions_by_hand(tmp_path: Path) -> None:
    # Two branches side by side: x = 0.1 and r = 0.1, x = 0.1 with a tap of 2.
    tables = {
        "bus": [bus(1, kind=3), bus(2, load=90)],
        "gen": [generator(1, 200)],
        "branch": [branch(1, 2), branch(1, 2, r=0.1, tap=2.0)],
        "gencost": [linear(10)],
    }
    net = grids.network(tmp_path, **tables)
    # powermodels: 1/0.1 = 10 against 0.1/0.02 = 5; matpower: 10 against 1/(0.1 * 2) = 5.
    for convention in ("powermodels", "matpower"):
        assert solve_opf(net, convention).flow_mw == pytest.approx([60, 30])  # type: ignore[arg-type]
    net.branches.tap[1] = 1.0
    assert solve_opf(net, "powermodels").flow_mw == pytest.approx([60, 30])
    assert solve_opf(net, "matpower").flow_mw == pytest.approx([45, 45])


def test_a_phase_shifter_by_hand(tmp_path: Path) -> None:
    tables = {
        "bus": [bus(1, kind=3), bus(2, load=100)],
        "gen": [generator(1, 200)],
        "branch": [branch(1, 2), branch(1, 2, shift=3.0)],
        "gencost": [linear(10)],
    }
    found = solve_opf(grids.network(tmp_path, **tables), "matpower")
    moved = 1000 * np.deg2rad(3.0) / 2  # MW/rad of one branch times half the shift
    assert found.flow_mw == pytest.approx([50 + moved, 50 - moved])
    assert found.angle[0] == 0 and found.angle[1] == pytest.approx(-(50 + moved) / 1000)
    assert solve_opf(grids.network(tmp_path, **tables), "powermodels").flow_mw == pytest.approx([50, 50])


def test_a_dc_line_by_hand(tmp_path: Path) -> None:
    # Bus 2 is an island of its own. It needs 47 MW: 0.9 p - 1 arrive, so p = 160/3 of at most 60.
    tables = {
        "bus": [bus(1, kind=3), bus(2, load=47, kind=3)],
        "gen": [generator(1, 200), generator(2, 100)],
        "branch": [branch(1, 2, status=0)],
        "gencost": [linear(10), linear(50)],
        "dcline": [dcline(1, 2, -20, 60, loss=1, fraction=0.1)],
        "dclinecost": [linear(3)],
    }
    found = solve_opf(grids.network(tmp_path, **tables), "matpower")
    assert found.dc_mw == pytest.approx([160 / 3])
    assert found.objective == pytest.approx(13 * 160 / 3)
    assert found.price == pytest.approx([10, 13 / 0.9])
    # Backwards the limit of 20 MW holds at bus 2, as in MATPOWER: 0.9 p - 1 >= -20.
    tables["gencost"] = [linear(90), linear(50)]
    tables["bus"][0] = bus(1, load=100, kind=3)
    found = solve_opf(grids.network(tmp_path, **tables), "matpower")
    assert found.dc_mw == pytest.approx([-19 / 0.9]) and found.dispatch_mw == pytest.approx([100 - 19 / 0.9, 67])
    tables["gencost"], tables["bus"][0] = [linear(10), linear(50)], bus(1, kind=3)
    tables["dcline"] = [dcline(1, 2, -20, 40, loss=1, fraction=0.1)]
    found = solve_opf(grids.network(tmp_path, **tables), "matpower")
    assert found.dispatch_mw == pytest.approx([40, 12]) and found.objective == pytest.approx(400 + 120 + 600)


def test_costs_by_hand(tmp_path: Path) -> None:
    # 0.1 p^2 against lines of slope 5 up to 20 MW and 15 beyond: equal marginal cost 15 at p = 75, the rest 25.
    tables = {
        "bus": [bus(1, load=90, kind=3, shunt=10)],
        "gen": [generator(1, 200), generator(1, 200), generator(1, 50, status=0)],
        "branch": [],
        "gencost": [quadratic(0.1, 0, 7), piecewise(0, 0, 20, 100, 120, 1600), linear(0, 1000)],
    }
    found = solve_opf(grids.network(tmp_path, **tables), "matpower")
    assert found.dispatch_mw == pytest.approx([75, 25], abs=0.2)
    assert found.objective == pytest.approx(0.1 * 75**2 + 7 + 100 + 5 * 15, rel=2e-6)
    assert found.price == pytest.approx([15], rel=0.01)


def test_a_dispatchable_load_is_served_while_it_pays(tmp_path: Path) -> None:
    tables = {
        "bus": [bus(1, kind=3)],
        "gen": [generator(1, 30), generator(1, 100), generator(1, 0, low=-50)],
        "branch": [],
        "gencost": [linear(10), linear(40), linear(20)],  # the load pays 20
    }
    found = solve_opf(grids.network(tmp_path, **tables), "matpower")
    assert found.dispatch_mw == pytest.approx([30, 0, -30]) and found.objective == pytest.approx(300 - 600)


def test_limits_of_angles(tmp_path: Path) -> None:
    # 100 MW/rad over 0.1 p.u. is 1000 MW/rad; 2 degrees let 34.9 MW through.
    third = branch(1, 3, angles=(-30, 2))
    found = solve_opf(grids.network(tmp_path, **grids.triangle(third=third)), "matpower")
    assert found.flow_mw[2] == pytest.approx(1000 * np.deg2rad(2))
    assert solve_opf(grids.network(tmp_path, **grids.triangle(third=branch(1, 3, angles=(0, 0))))).status == "optimal"


def test_what_is_offline_carries_and_makes_nothing(tmp_path: Path) -> None:
    tables = grids.triangle()
    tables["bus"] += [bus(9, load=500, kind=4)]
    tables["gen"] += [generator(9, 999), generator(3, 999, status=0)]
    tables["gencost"] += [linear(1), linear(1)]
    tables["branch"] += [branch(3, 9), branch(1, 3, x=1e-3, status=0)]
    found = solve_opf(grids.network(tmp_path, **tables), "matpower")
    assert found.objective == pytest.approx(1000) and len(found.flow_mw) == 3 and len(found.price) == 3


def test_islands_are_solved_apart(tmp_path: Path) -> None:
    tables = grids.triangle()
    tables["bus"] += [bus(7, load=20, kind=3), bus(8)]
    tables["gen"] += [generator(8, 50)]
    tables["gencost"] += [linear(100)]
    tables["branch"] += [branch(8, 7)]
    found = solve_opf(grids.network(tmp_path, **tables), "matpower")
    assert found.objective == pytest.approx(1000 + 2000)
    assert found.price == pytest.approx([10, 10, 10, 100, 100])


def test_too_little_generation_is_infeasible(tmp_path: Path) -> None:
    tables = grids.triangle()
    tables["bus"][2] = bus(3, load=500)
    found = solve_opf(grids.network(tmp_path, **tables))
    assert found.status == "infeasible" and "500.0 MW" in found.reason and "400.0 MW" in found.reason


def test_crossed_limits_are_infeasible_and_named(tmp_path: Path) -> None:
    third = branch(1, 3, rate=10, angles=(5, 20))  # 5 degrees ask for 87 MW
    found = solve_opf(grids.network(tmp_path, **grids.triangle(third=third)), "matpower")
    assert found.status == "infeasible" and "3 (1-3)" in found.reason


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_more_limits_cost_more_and_scaled_prices_scale(tmp_path: Path, seed: int) -> None:
    net = grids.random_network(tmp_path, seed)
    tight = solve_opf(net, "matpower")
    if tight.status == "infeasible":
        return
    net.generator_costs.quadratic[:] *= 3
    net.generator_costs.line_slope[:] *= 3
    net.generator_costs.line_at_zero[:] *= 3
    assert solve_opf(net, "matpower").objective == pytest.approx(3 * tight.objective, rel=5e-6)
    net.branches.forward_mw[:] = np.inf
    net.branches.reverse_mw[:] = np.inf
    assert solve_opf(net, "matpower").bound <= 3 * tight.objective * (1 + 5e-6)


def test_the_order_of_elements_changes_nothing(tmp_path: Path) -> None:
    tables = grids.triangle(rate=50)
    before = solve_opf(grids.network(tmp_path, **tables), "matpower")
    turned = {name: rows[::-1] for name, rows in tables.items()}
    after = solve_opf(grids.network(tmp_path, **turned), "matpower")
    assert after.objective == pytest.approx(before.objective)
    assert after.price == pytest.approx(before.price[::-1])
