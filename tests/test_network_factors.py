"""PTDF and LODF: against a dense inverse, and against the power flow with the branch out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from grid_opt.network.bridges import find_bridges
from grid_opt.network.convention import Convention, lines_of
from grid_opt.network.elements import Topology
from grid_opt.network.factors import Factors
from grid_opt.network.islands import active, find_islands
from grid_opt.network.matpower import read_matpower
from tests import grids
from tests.grids import branch, bus


def without(net: Topology, outage: int) -> Topology:
    online = net.branches.online.copy()
    online[outage] = False
    return active(replace(net, branches=replace(net.branches, online=online)))


def balanced(net: Topology, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    draw = np.random.default_rng(seed).normal(size=len(net.buses)) * 50
    of_bus = find_islands(net).of_bus
    return draw - (np.bincount(of_bus, weights=draw) / np.bincount(of_bus))[of_bus]


@pytest.mark.parametrize("convention", ["matpower", "powermodels"])
def test_ptdf_is_that_of_a_dense_inverse(tmp_path: Path, convention: Convention) -> None:
    net = active(grids.random_network(tmp_path, 1))
    factors, lines = Factors(net, convention), lines_of(net, convention)
    a = factors.incidence.toarray()
    reduced = np.linalg.inv(a[:, 1:].T @ np.diag(lines.susceptance) @ a[:, 1:])
    dense = np.zeros((len(a), a.shape[1]))
    dense[:, 1:] = np.diag(lines.susceptance) @ a[:, 1:] @ reduced
    every, rows = np.arange(len(net.buses)), np.arange(len(net.branches))
    assert factors.ptdf_columns(every) == pytest.approx(dense, abs=1e-10)
    assert factors.ptdf_rows(rows) == pytest.approx(dense, abs=1e-10)
    blocks = np.concatenate([block for _, block in factors.ptdf_blocks(3)], axis=1)
    assert blocks == pytest.approx(dense, abs=1e-10)


@pytest.mark.parametrize("convention", ["matpower", "powermodels"])
@pytest.mark.parametrize("seed", range(4))
def test_lodf_is_the_flow_with_the_branch_out(tmp_path: Path, seed: int, convention: Convention) -> None:
    net = active(grids.random_network(tmp_path, seed))
    compare_outages(net, convention, range(len(net.branches)))


@pytest.mark.parametrize("name", ["case118_ieee", "case793_goc"])
def test_lodf_on_published_networks(name: str) -> None:
    net = active(read_matpower(grids.pglib(name)))
    compare_outages(net, "matpower", range(0, len(net.branches), max(1, len(net.branches) // 40)))


def compare_outages(net: Topology, convention: Convention, outages: range) -> None:
    """Hold the linear shares against a power flow of the network without the branch."""
    factors, injection = Factors(net, convention), balanced(net)
    flow = factors.flows(injection)
    for outage in outages:
        share = factors.lodf_columns(np.array([outage]))[:, 0]
        if factors.is_bridge[outage]:
            assert np.isnan(share).all()
            assert find_islands_count(without(net, outage)) == find_islands_count(net) + 1
            continue
        # A shifter's own push leaves with it; the rest of its flow is what the others take over.
        after = np.delete(flow + share * flow[outage], outage)
        again = Factors(without(net, outage), convention).flows(injection)
        assert after == pytest.approx(again, abs=1e-6)
        assert share[outage] == -1


def find_islands_count(net: Topology) -> int:
    every = replace(net, buses=replace(net.buses, reference=np.ones(len(net.buses), dtype=bool)))
    every = replace(every, buses=replace(every.buses, load_mw=0 * net.buses.load_mw, shunt_mw=0 * net.buses.load_mw))
    return len(find_islands(every).reference)


def test_islands_have_a_reference_each(tmp_path: Path) -> None:
    tables = grids.triangle()
    tables["bus"] += [bus(7, kind=3), bus(8), bus(9)]
    tables["branch"] += [branch(7, 8), branch(8, 7), branch(8, 9)]
    net = active(grids.network(tmp_path, **tables))
    factors = Factors(net)
    ptdf = factors.ptdf_columns(np.arange(6))
    assert (ptdf[:3, 3:] == 0).all() and (ptdf[3:, :3] == 0).all()
    assert ptdf[3:, 4] == pytest.approx([-0.5, 0.5, 0])  # from 8 to the reference 7, half on each
    assert factors.is_bridge.tolist() == [False] * 5 + [True]
    assert factors.lodf_columns(np.array([3]))[4, 0] == pytest.approx(-1)  # declared the other way round


def test_bridges_of_a_long_chain_need_no_deep_recursion() -> None:
    start = np.arange(20_000)
    assert find_bridges(start, start + 1, 20_001).all()


def test_a_network_without_branches_has_no_factors(tmp_path: Path) -> None:
    net = active(grids.network(tmp_path, bus=[bus(1, kind=3)], gen=[grids.generator(1, 10)], branch=[]))
    assert Factors(net).ptdf_columns(np.array([0])).shape == (0, 1)


def test_the_benchmark_compares_the_same_numbers(script: Callable[[str], ModuleType]) -> None:
    grids.pglib("case14_ieee")
    bench = script("bench/network_factors.py")
    found = {road: bench.measure("case14_ieee", road) for road in bench.ROADS}
    for key in ("ptdf_sum", "lodf_sum"):
        assert found["sparse"][key] == pytest.approx(found["dense"][key])
    assert "whole PTDF" in bench.to_markdown("case14_ieee", {k: v | {"peak_mb": 1.0} for k, v in found.items()})
