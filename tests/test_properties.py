"""Metamorphic properties: how the optimum must move when the question moves."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid_opt.config import Case
from grid_opt.errors import InfeasibleError
from grid_opt.formulation.model import build_operation
from grid_opt.solve.answer import Options
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import to_matrix
from tests.tiny import objective, solve_tiny, tiny_case, tiny_world

few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
seeds = st.integers(min_value=0, max_value=10_000)
CLOSE = 1e-6
"""Million USD: one dollar."""


def cost(case: Case, world: xr.Dataset) -> float:
    """Return the optimal cost, infinite where no plan exists."""
    try:
        return objective(case, world)
    except InfeasibleError:
        return float("inf")


@few
@given(seed=seeds, more=st.sampled_from([10.0, 20.0, 30.0]))
def test_a_higher_target_never_costs_less(seed: int, more: float) -> None:
    low = tiny_case(grid={"network": True})
    high = tiny_case(grid={"network": True}, demand={"targets_mw": {"2026Q2": 20.0, "2026Q4": 40.0 + more}})
    assert cost(high, tiny_world(high, 4, seed)) >= cost(low, tiny_world(low, 4, seed)) - CLOSE


@few
@given(seed=seeds, gone=st.integers(min_value=0, max_value=3))
def test_a_region_more_never_costs_more(seed: int, gone: int) -> None:
    case = tiny_case()
    world = tiny_world(case, 4, seed)
    fewer = world.isel(region=[r for r in range(4) if r != gone])
    assert cost(case, world) <= cost(case, fewer) + CLOSE


LOOSER: dict[str, dict[str, dict[str, object]]] = {
    "more sites": {"campus": {"max_sites": 5}},
    "larger campuses": {"campus": {"max_campus_mw": 40.0}},
    "smaller campuses": {"campus": {"min_campus_mw": 0.0}},
    "earlier start": {"campus": {"earliest_start": "2024Q3"}},
    "larger share": {"campus": {"max_region_share": 1.0}},
    "larger market share": {"campus": {"max_market_share": 1.0}},
    "faster ramp": {"campus": {"max_halls_per_quarter": 3}},
    "more shedding": {"flexibility": {"max_curtailment_fraction": 0.5}},
    "no network": {"grid": {"network": False}},
    "larger budget": {"budget": {"total_musd": 2500.0}},
}
TIGHT: dict[str, dict[str, object]] = {
    "campus": {
        "max_sites": 3, "max_campus_mw": 20.0, "min_campus_mw": 10.0, "max_halls_per_quarter": 1,
        "max_region_share": 0.5, "max_market_share": 0.75,
    },
    "grid": {"network": True},
    "flexibility": {"value_of_lost_compute_usd_per_mwh": 45.0},
    "budget": {"total_musd": 2080.0},
}  # fmt: skip


@cache
def tight_cost(seed: int) -> float:
    """Return the cost of the tight case, which is that of every looser one to be compared with."""
    return cost(tiny_case(**TIGHT), tiny_world(tiny_case(**TIGHT), 5, seed))


@pytest.mark.parametrize("limit", LOOSER)
@pytest.mark.parametrize("seed", [1, 3, 8])
def test_a_looser_limit_never_costs_more(limit: str, seed: int) -> None:
    loose = {name: TIGHT.get(name, {}) | LOOSER[limit].get(name, {}) for name in {*TIGHT, *LOOSER[limit]}}
    world = tiny_world(tiny_case(**TIGHT), 5, seed)
    assert cost(tiny_case(**loose), world) <= tight_cost(seed) + CLOSE


def test_the_tight_case_is_feasible_somewhere() -> None:
    """Guard the test above against comparing infinity with infinity only."""
    assert any(np.isfinite(tight_cost(seed)) for seed in (1, 3, 8))


@few
@given(seed=seeds, mw=st.floats(min_value=1.0, max_value=100.0))
def test_more_headroom_never_costs_more(seed: int, mw: float) -> None:
    case = tiny_case()
    world = tiny_world(case, 4, seed)
    assert cost(case, world.assign(headroom=world["headroom"] + mw)) <= cost(case, world) + CLOSE


@few
@given(seed=seeds, factor=st.floats(min_value=0.1, max_value=10.0))
def test_prices_times_k_give_energy_cost_times_k(seed: int, factor: float) -> None:
    """Of given halls without shedding: there the purchase does not depend on price."""
    case = tiny_case(flexibility={"max_curtailment_fraction": 0.0})
    world = tiny_world(case, 3, seed)
    it_mw = xr.full_like(world["headroom"], 20.0)

    def energy(priced: xr.Dataset) -> float:
        model = build_operation(case, priced, it_mw)
        matrix = to_matrix(model.pyomo)
        answer = solve(matrix, Options())
        assert answer.x is not None
        bought = {id(v): x for v, x in zip(matrix.columns, answer.x.tolist(), strict=True)}
        for variable in matrix.columns:
            variable.set_value(bought[id(variable)], skip_validation=True)
        return sum(float(term()) for term in model.component("bills.energy").values())

    scaled = world.assign(price=world["price"] * factor)
    assert energy(scaled) == pytest.approx(factor * energy(world), rel=1e-9)


@few
@given(seed=seeds, order=st.permutations(range(4)))
def test_renaming_and_reordering_regions_changes_nothing(seed: int, order: list[int]) -> None:
    case = tiny_case(grid={"network": True}, campus={"max_market_share": 0.75})
    world = tiny_world(case, 4, seed)
    names = {f"Z{i}": f"REGION_{(7 * i) % 5}{i}" for i in range(4)}
    renamed = world.isel(region=order, zone=order).assign_coords(
        region=[names[r] for r in world["region"].values[order]], zone=[names[z] for z in world["zone"].values[order]]
    )
    for end in ("link_from", "link_to"):
        renamed[end] = ("link", [names[z] for z in world[end].values.tolist()])
    assert cost(case, renamed) == pytest.approx(cost(case, world), abs=CLOSE)


def test_a_constrained_pocket_fills_no_further_than_its_links_carry() -> None:
    """The cheapest region has no surplus and links of 10 MW in all: it holds one hall at most, others the rest."""
    case = tiny_case(grid={"network": True}, demand={"targets_mw": {"2026Q4": 40.0}})
    world = tiny_world(case, 3, seed=0)
    world["headroom"] = xr.full_like(world["headroom"], 100.0)
    world["site_lead_quarters"] = xr.zeros_like(world["site_lead_quarters"])
    world["price"] = xr.ones_like(world["price"]) * xr.DataArray([5.0, 50.0, 60.0], dims="region")
    world["surplus"] = xr.ones_like(world["surplus"]) * xr.DataArray([0.0, 200.0, 200.0], dims="zone")
    free = solve_tiny(tiny_case(demand={"targets_mw": {"2026Q4": 40.0}}), world).plan
    assert float(free["halls"].sel(region="Z0", quarter="2026Q4")) == 2
    world["link_forward"] = xr.full_like(world["link_forward"], 7.0)
    world["link_reverse"] = xr.full_like(world["link_reverse"], 7.0)
    held = solve_tiny(case, world).plan
    assert float(held["halls"].sel(region="Z0", quarter="2026Q4")) == 1
    into = held["link_flow"].sel(quarter="2026Q4", stress="summer")
    received = float(into.sel(link="Z2>Z0") - into.sel(link="Z0>Z1"))
    assert received == pytest.approx(10 * float(world["pue_stress"].sel(region="Z0", stress="summer")), abs=1e-6)
