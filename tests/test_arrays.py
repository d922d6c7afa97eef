"""The arrays that the rules of the blocks give straight away are those that their Pyomo model compiles to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest
import scipy.sparse as sp
import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.array_builder import ArrayBuilder
from grid_opt.formulation.linear import Linear, Row, total
from grid_opt.formulation.model import build_arrays, build_model
from grid_opt.inputs.world import build_world
from grid_opt.solve.arrays import matrix_of
from grid_opt.solve.extract import costs, store, variables
from grid_opt.solve.standard_form import part
from grid_opt.study.cases import resolve_case
from tests.tiny import tiny_case, tiny_world
from tests.tiny_fleet import fleet_case, fleet_tiny_world
from tests.tiny_menu import menu_case, menu_world, rich_offers
from tests.tiny_nodal import watched_world
from tests.tiny_supply import RICH_SUPPLY, rich_sources, supply_case, supply_world
from tests.tiny_tariffs import by_size, charges, named, tariffs_world

Posed = tuple[Case, xr.Dataset]


def _network() -> Posed:
    case = tiny_case(grid={"network": True})
    return case, tiny_world(case, 5, 1)


def _fleet() -> Posed:
    case = fleet_case()
    return case, fleet_tiny_world(case, 4, 1)


def _supply() -> Posed:
    case = supply_case(RICH_SUPPLY)
    world = tiny_world(case, 5, 1)
    return case, supply_world(case, world, **rich_sources(world))


def _tariffs() -> Posed:
    case, kinds = menu_case(tariffs={"charge": True}), charges()
    world = menu_world(case, rich_offers(), tiny_world(case, 3, 1))
    tariffs = {"Z0": named(kinds["four peaks"], "four"), "Z1": by_size(25.0), "Z2": named(kinds["falling tiers"], "f")}
    return case, tariffs_world(case, tariffs, world)


def _quick() -> Posed:
    case = resolve_case("quick", ["energy.days=4", "energy.extreme_days=0", "carbon.price_usd_per_t={2026=40.0}"])
    return case, build_world(case)


POSED: dict[str, Callable[[], Posed]] = {
    "network": _network, "fleet": _fleet, "supply": _supply, "tariffs": _tariffs, "nodal": watched_world,
    "quick": _quick,
}  # fmt: skip


@pytest.mark.parametrize("kind", POSED)
def test_both_roads_give_the_same_arrays(kind: str) -> None:
    case, world = POSED[kind]()
    model, plain = build_model(case, world), build_arrays(case, world)
    truth, found = matrix_of(model), matrix_of(plain)
    assert [row.name for row in found.rows] == [row.name for row in truth.rows]
    place = {column.name: n for n, column in enumerate(found.columns)}
    order = np.array([place.pop(column.name) for column in truth.columns])
    assert not place
    found = part(found, np.arange(len(found.rows)), order) if (order != np.arange(len(order))).any() else found
    found = replace(found, offset=matrix_of(plain).offset)
    assert (found.integer == truth.integer).all() and found.offset == pytest.approx(truth.offset, rel=1e-12)
    for name in ("cost", "col_lower", "col_upper"):
        np.testing.assert_allclose(getattr(found, name), getattr(truth, name), rtol=1e-11, atol=1e-13)
    # A row says the same with its sides changed; where one of them is all zeros, Pyomo may write it the other way.
    turned = np.where(_turned(found.rows_matrix, truth.rows_matrix), -1.0, 1.0)
    apart = abs(sp.csr_array(sp.diags_array(turned) @ found.rows_matrix) - truth.rows_matrix)
    assert apart.max() <= 1e-11 * abs(truth.rows_matrix).max()
    sides = np.sort([turned * found.row_lower, turned * found.row_upper], axis=0)
    np.testing.assert_allclose(sides, [truth.row_lower, truth.row_upper], rtol=1e-11, atol=1e-12)
    assert plain.declarations.keys() == model.declarations.keys()
    x = np.random.default_rng(1).uniform(0.0, 5.0, len(truth.columns))
    for one in (model, plain):
        store(truth if one is model else found, x, one)
    ours, theirs = (variables(one, world) | costs(one, world) for one in (plain, model))
    for name, array in theirs.items():
        xr.testing.assert_allclose(ours[name], array, rtol=1e-9, atol=1e-6)


def _turned(one: sp.csr_array, other: sp.csr_array) -> np.ndarray:
    return np.asarray(one.multiply(other).sum(axis=1)).ravel() < 0


def test_expressions_add_up_as_algebra_says() -> None:
    x, y = Linear([0], [1.0]), Linear([1], [1.0])
    one = 2 * (x - np.float64(3.0) * y + 1) / 4 - (5 - x)
    assert (one.columns, one.values, one.constant) == ([0, 1, 0], [0.5, -1.5, 1.0], -4.5)
    assert 0.0 * x == 0.0 and isinstance(0.0 * x, float), "what does not count is not there"
    assert total(iter([1.0, 2])) == 3.0 and total([x, 2.0, y]).constant == 2.0
    row = x + y <= 3.0
    assert isinstance(row, Row) and (row.lower, row.upper) == (None, 3.0)
    row = x <= y
    assert (row.body.values, row.lower, row.upper) == ([1.0, -1.0], None, 0.0)
    for wrong in (lambda: x * y, lambda: x + "1", lambda: bool(row), lambda: x <= "1"):
        with pytest.raises(TypeError):
            wrong()


def test_a_row_of_numbers_is_dropped_where_it_holds_and_refused_where_it_does_not() -> None:
    build = ArrayBuilder({"region": ["A", "B"]})
    x = build.variable("a.x", ("region",), symbol="x", unit="1", meaning="x", domain="nonnegative")
    build.constraint("a.fine", ("region",), lambda r: 0.0 * x[r] <= 1.0, unit="1", meaning="holds")
    assert not build.rows
    with pytest.raises(ValueError, match=r"a__never\[A\] can never hold"):
        build.constraint("a.never", ("region",), lambda r: 0.0 * x[r] >= 1.0, unit="1", meaning="never holds")
    assert [v.name for v in build.model.component_data_objects(pyo.Var)] == ["a__x[A]", "a__x[B]"]
