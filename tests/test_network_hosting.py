"""Hosting capacity: by hand, and against one solve after the other with the load at the bus and the branch out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from grid_opt.errors import InfeasibleError, InputError
from grid_opt.network.convention import lines_of
from grid_opt.network.elements import Topology
from grid_opt.network.factors import Factors
from grid_opt.network.islands import active
from grid_opt.solve.opf import solve_opf
from grid_opt.study.networks import study_hosting
from tests import grids
from tests.grids import branch, bus, dcline, generator, linear


def serves(net: Topology, at: int, load: float) -> bool:
    """Whether the network carries this much new load, by a solve of its own."""
    more = net.buses.load_mw.copy()
    more[at] += load
    return solve_opf(replace(net, buses=replace(net.buses, load_mw=more)), "matpower").status == "optimal"


def largest_by_bisection(net: Topology, at: int) -> float:
    low, high = 0.0, 1000.0
    while high - low > 0.02:
        middle = (low + high) / 2
        low, high = (middle, high) if serves(net, at, middle) else (low, middle)
    return low


def largest_by_dense_program(net: Topology, at: int) -> float:
    """Solve for the new load with every outage written out: a dense linear program of another library."""
    live = active(net)
    factors, lines = Factors(live), lines_of(live, "matpower")
    flow = solve_opf(live, "matpower").flow_mw
    ptdf = factors.ptdf_columns(np.arange(len(live.buses)))
    to_bus = np.zeros((len(live.buses), len(live.generators)))
    to_bus[live.generators.bus, np.arange(len(live.generators))] = 1
    constant = factors.flows(-live.demand_mw)
    moves = np.column_stack([ptdf @ to_bus, -ptdf[:, at]])
    rows, upper = [moves, -moves], [lines.high_mw - constant, constant - lines.low_mw]
    for outage in np.flatnonzero(~factors.is_bridge):
        share = factors.lodf_columns(np.array([outage]))[:, 0]
        after = flow + share * flow[outage]
        watched = (after <= lines.high_mw + 1e-6) & (after >= lines.low_mw - 1e-6)
        watched[outage] = False
        combined = (moves + share[:, None] * moves[outage])[watched]
        fixed = (constant + share * constant[outage])[watched]
        rows += [combined, -combined]
        upper += [lines.high_mw[watched] - fixed, fixed - lines.low_mw[watched]]
    left, right = np.concatenate(rows), np.concatenate(upper)
    finite = np.isfinite(right)
    count = len(live.generators)
    bounds = [*zip(live.generators.p_min_mw, live.generators.p_max_mw, strict=True), (0, None)]
    balance = np.append(np.ones(count), -1)[None]
    found = linprog(
        np.append(np.zeros(count), -1), left[finite], right[finite], balance, [live.demand_mw.sum()], bounds=bounds
    )
    assert found.status == 0
    return float(found.x[-1])


def test_a_ring_by_hand(tmp_path: Path) -> None:
    # Branch 1-3 carries 2/3 of what bus 1 sends and 1/3 of what bus 2 sends to bus 3, at most 50 MW.
    # New load d at bus 3: 2/3 g1 + 1/3 g2 <= 50 with g1 + g2 = 100 + d: up to g1 = 0, g2 = 150.
    # At bus 2: 2/3 g1 + 1/3 (g2 - d) <= 50 with the same sum gives g1 <= 50, and g2 = 200: d = 150.
    # At bus 1: 2/3 (g1 - d) + 1/3 g2 <= 50 holds with both generators at 200: d = 300.
    study = study_hosting(grids.network(tmp_path, **grids.triangle(rate=50)), "matpower")
    at = study.table.set_index("bus")
    assert at["hosting_mw"]["3"] == pytest.approx(50, abs=1e-3)
    assert at["limited_by"]["3"] == "branch 3 (1-3)" and at["limited_by"]["1"] == "generation"
    assert at["hosting_mw"]["2"] == pytest.approx(150, abs=1e-2)
    assert at["hosting_mw"]["1"] == pytest.approx(300, abs=3e-2)
    assert study.exact == 3


def test_n_1_by_hand(tmp_path: Path) -> None:
    # Two equal branches of 80 MW carry 30 MW to bus 2: 130 more in the base case, 50 more with one of them out.
    tables = {
        "bus": [bus(1, kind=3), bus(2, load=30)],
        "gen": [generator(1, 500)],
        "branch": [branch(1, 2, rate=80), branch(2, 1, rate=80)],
        "gencost": [linear(10)],
    }
    table = study_hosting(grids.network(tmp_path, **tables), "matpower", n_1=True).table.set_index("bus")
    assert table["base_mw"]["2"] == pytest.approx(130, abs=1e-3)
    assert table["hosting_mw"]["2"] == pytest.approx(50, abs=1e-3)
    assert "after outage of" in table["limited_by"]["2"]
    assert table["hosting_mw"]["1"] == pytest.approx(470, abs=1e-3)


def test_a_dc_line_brings_power(tmp_path: Path) -> None:
    tables = {
        "bus": [bus(1, kind=3), bus(2, load=10, kind=3)],
        "gen": [generator(1, 500)],
        "branch": [],
        "gencost": [linear(10)],
        "dcline": [dcline(1, 2, 0, 60, fraction=0.1)],
    }
    table = study_hosting(grids.network(tmp_path, **tables), "matpower").table.set_index("bus")
    assert table["hosting_mw"]["2"] == pytest.approx(0.9 * 60 - 10, abs=1e-3)


@pytest.mark.parametrize("seed", [0, 7, 8, 9])
def test_base_case_against_brute_force(tmp_path: Path, seed: int) -> None:
    net = grids.random_network(tmp_path, seed)
    table = study_hosting(net, "matpower").table
    assert table["exact"].all()
    for place in (0, 1, 3, 4, len(table) - 1):
        assert table["hosting_mw"][place] == pytest.approx(largest_by_bisection(net, place), abs=0.05)


@pytest.mark.parametrize("seed", [0, 1, 5, 7, 8, 9])
def test_n_1_against_a_dense_program(tmp_path: Path, seed: int) -> None:
    net = grids.random_network(tmp_path, seed)
    bounded = study_hosting(net, "matpower", n_1=True, solves=0).table
    table = study_hosting(net, "matpower", n_1=True).table
    assert table["exact"].all()
    for place in range(len(table)):
        wanted = largest_by_dense_program(net, place)
        assert table["hosting_mw"][place] == pytest.approx(wanted, rel=1e-4, abs=2e-3)
        assert bounded["hosting_mw"][place] <= wanted + 1e-3
        assert bounded["at_most_mw"][place] >= wanted - 1e-3


def test_bounds_hold_the_exact_answer_on_a_published_network() -> None:
    from grid_opt.network.matpower import read_matpower

    net = read_matpower(grids.pglib("case118_ieee"))
    for n_1 in (False, True):
        few, all_ = (study_hosting(net, "matpower", n_1=n_1, solves=solves).table for solves in (15, 1000))
        assert all_["exact"].all()
        assert (few["hosting_mw"] <= all_["hosting_mw"] + 1e-3 + 1e-4 * all_["hosting_mw"]).all()
        assert (few["at_most_mw"] >= all_["at_most_mw"] - 1e-3 - 1e-4 * all_["hosting_mw"]).all()
    assert (all_["hosting_mw"] <= all_["base_mw"] + 1e-3).all()


def test_hosting_of_named_buses_only(tmp_path: Path) -> None:
    net = grids.network(tmp_path, **grids.triangle(rate=50))
    assert names(study_hosting(net, "matpower", buses=("3",)).table["bus"]) == ["3"]
    with pytest.raises(InputError, match="no such bus"):
        study_hosting(net, "matpower", buses=("4",))


def names(column: Sequence[object]) -> list[str]:
    return [str(name) for name in column]


def test_a_network_that_cannot_serve_its_own_load_hosts_nothing(tmp_path: Path) -> None:
    tables = grids.triangle()
    tables["bus"][2] = bus(3, load=500)
    with pytest.raises(InfeasibleError):
        study_hosting(grids.network(tmp_path, **tables), "matpower")
