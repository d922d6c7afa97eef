"""The model says what its page says: golden rows, generated formulas, hand arithmetic, parts that add up."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pyomo.core.expr.visitor import identify_variables

from grid_opt.config.sections_tradeoff import CRITERIA
from grid_opt.formulation.extensive import Scenario, build_extensive, delivered, granted, print_risk
from grid_opt.formulation.model import Model, build_base, build_model, build_operation
from grid_opt.formulation.risk import STAGES
from grid_opt.inputs.tradeoff import with_criteria
from grid_opt.solve.answer import Options
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import to_matrix
from tests.tiny import SEASON_HOURS, objective, solve_tiny, tiny_case, tiny_world
from tests.tiny_carbon import FOOTPRINT_BLOCKS, FOOTPRINTS
from tests.tiny_fleet import fleet_case, fleet_tiny_world
from tests.tiny_menu import (
    RICH_THRESHOLD,
    Offer,
    firm_everywhere,
    menu_case,
    menu_world,
    rich_offers,
    rich_upgrades,
)
from tests.tiny_nodal import watched_world
from tests.tiny_supply import RICH_SUPPLY, Contract, rich_sources, supply_case, supply_world
from tests.tiny_tariffs import by_size, charges, named, tariffs_world

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "rows.txt"
ALL_BLOCKS = {"grid": {"network": True}, "budget": {"total_musd": 3000.0, "annual_musd": {2026: 2500.0}}}


def _whole_model() -> Model:
    case = tiny_case(**ALL_BLOCKS)
    return build_model(case, tiny_world(case))


def _fleet_model() -> Model:
    case = fleet_case(demand={"commitments": "final"}, fleet={"region_loss": True})
    pairs, shares = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([0.2, 0.2])
    world = fleet_tiny_world(
        case, co_siting=pairs, vendor_most=shares + 0.6, vendor_least=shares, porting_cost=np.array([5.0, 0.0]),
        deliveries_least=np.full((2, 4), 1.0), deliveries_most=np.full((2, 4), 4.0),
    )  # fmt: skip
    return build_model(case, world)


def _menu_model() -> Model:
    case = menu_case(**ALL_BLOCKS, connection={"upgrades": True})
    world = menu_world(case, rich_offers(), threshold=RICH_THRESHOLD, upgrades=rich_upgrades(case))
    return build_model(case, world)


def _fleet_menu_model() -> Model:
    case = fleet_case(connection={"menu": True}, flexibility={"max_curtailment_fraction": 0.25})
    world = fleet_tiny_world(case)
    offers = [*firm_everywhere(world), Offer("soon", "Z0", ahead=1.0, firm=0.0, hours=80.0)]
    return build_model(case, menu_world(case, offers, world))


def _supply_model() -> Model:
    case = supply_case(RICH_SUPPLY, connection={"menu": True}, **ALL_BLOCKS)
    world = tiny_world(case)
    world = menu_world(case, rich_offers(), world, threshold=RICH_THRESHOLD)
    return build_model(case, supply_world(case, world, **rich_sources(world)))


def _footprint_model(asked: dict[str, Any]) -> Model:
    case = supply_case(RICH_SUPPLY, **asked)
    world = tiny_world(case)
    return build_model(case, supply_world(case, world, **rich_sources(world)))


SUPPLY_BLOCKS = (
    "onsite", "battery", "supply", "contracts", "forwards", "plant", "store", "capacity", "operation", "budget",
)  # fmt: skip


def _paying_model() -> Model:
    case = menu_case(tariffs={"charge": True})
    kinds = charges()
    tariffs = {"Z0": named(kinds["four peaks"], "four"), "Z1": by_size(25.0), "Z2": named(kinds["falling tiers"], "f")}
    return build_model(case, tariffs_world(case, tariffs, menu_world(case, rich_offers(), threshold=RICH_THRESHOLD)))


def _delivered_model() -> Model:
    """Campuses that pay indexed tariffs, two of them with least bills, take energy under physical contracts."""
    case = menu_case(tariffs={"charge": True}, supply={"contracts": ["physical"]})
    world = menu_world(case, rich_offers(), threshold=RICH_THRESHOLD)
    kinds = charges()
    tariffs = {"Z0": named(kinds["four peaks"], "four"), "Z1": named(kinds["fixed and least"], "least"),
               "Z2": named(kinds["fixed and least"], "least")}  # fmt: skip
    hydro = [Contract("hydro", r, physical=True, technology="hydro", basis=2.0) for r in tariffs]
    return build_model(case, tariffs_world(case, tariffs, supply_world(case, world, hydro)))


DELIVERED_BLOCKS = ("tariff", "contracts", "supply")


def _tradeoff_model() -> Model:
    asked = {"most": dict.fromkeys(CRITERIA, 50.0), "weights": dict.fromkeys(CRITERIA, 0.5), "references": [["Z0"]]}
    case = fleet_case(objective={"goal": "least_cost"}, carbon={"count": True}, water={"count": True}, tradeoff=asked)
    return build_model(case, with_criteria(case, fleet_tiny_world(case)))


class _Risk:
    """Two scenarios of one world in one program, as far as its rows are looked up by name."""

    def __init__(self) -> None:
        case = supply_case(RICH_SUPPLY, connection={"menu": True})
        world = menu_world(case, rich_offers(), tiny_world(case), threshold=RICH_THRESHOLD)
        world = supply_world(case, world, **rich_sources(world))
        futures = {name: build_model(case, world) for name in ("calm", "storm")}
        worlds = dict.fromkeys(futures, world)
        scenarios = [Scenario(name, 0.5, world, model) for name, model in futures.items()]
        self.component = build_extensive(
            scenarios, STAGES, 0.25, 0.75, granted(worlds), delivered(worlds)
        ).builder.component


MENU_BLOCKS = ("connection", "relief", "capacity", "upgrade", "network", "budget", "bills")


def golden_rows() -> str:
    """Write one row of every constraint and one entry of every cost term, with its numbers."""
    one_kind, fleet = _whole_model(), _fleet_model()
    named = {name: (one_kind, declared) for name, declared in one_kind.declarations.items()}
    named |= {
        n: (fleet, d) for n, d in fleet.declarations.items() if n.split(".")[0] in ("fleet", "service", "resilience")
    }
    at_buses, world = watched_world()
    nodal, base = build_model(at_buses, world), build_base(at_buses, world)
    named |= {n: (nodal, d) for n, d in nodal.declarations.items() if n.startswith("nodal.")}
    named |= {n: (base, d) for n, d in base.declarations.items() if n.startswith("base.")}
    menu, both = _menu_model(), _fleet_menu_model()
    named |= {f"{n} with a menu": (menu, d) for n, d in menu.declarations.items() if n.split(".")[0] in MENU_BLOCKS}
    named |= {n: (both, d) for n, d in both.declarations.items() if n == "service.shed_limit"}
    rich = _supply_model()
    named |= {f"{n} with supply": (rich, d) for n, d in rich.declarations.items() if n.split(".")[0] in SUPPLY_BLOCKS}
    for asked in FOOTPRINTS:
        footprint = _footprint_model(asked)
        named |= {n: (footprint, d) for n, d in footprint.declarations.items() if n.split(".")[0] in FOOTPRINT_BLOCKS}
    paying = _paying_model()
    named |= {n: (paying, d) for n, d in paying.declarations.items() if n.startswith("tariff.")}
    delivered = _delivered_model()
    named |= {
        f"{n} with deliveries": (delivered, d)
        for n, d in delivered.declarations.items()
        if n.split(".")[0] in DELIVERED_BLOCKS
    }
    weighed = _tradeoff_model()
    named |= {n: (weighed, d) for n, d in weighed.declarations.items() if n.startswith("tradeoff.")}
    risk = _Risk()
    named |= {n: (risk, d) for n, d in print_risk().items() if d.kind == "constraint" and n != "risk.tail"}
    lines = []
    for model, declared in named.values():
        if declared.kind not in ("constraint", "cost"):
            continue
        component = model.component(declared.name)
        rows = [r for r in component.values() if next(identify_variables(r.expr), None) is not None]
        if not rows:
            continue  # a row that only a software or rule of another kind has
        row = rows[len(rows) // 2]  # in the middle: the first quarter has no quarter before it
        text = re.sub(r"\d+\.\d{4,}", lambda m: f"{float(m[0]):.6g}", str(row.expr))
        lines.append(f"{row.local_name}: {text}")
    return "\n".join(lines) + "\n"


def test_golden_row_of_every_constraint_and_cost() -> None:
    assert golden_rows() == GOLDEN.read_text(encoding="utf-8")


def test_formulation_page_is_current() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "docs" / "build_formulation.py"))["page"]
    assert page() == (ROOT / "docs" / "formulation.md").read_text(encoding="utf-8")


def test_formulas_and_model_declare_the_same() -> None:
    case = tiny_case(**ALL_BLOCKS)
    from grid_opt.formulation.model import print_formulas

    printed = print_formulas(case, tiny_world(case))
    built = _whole_model().declarations
    assert list(printed) == list(built)
    for name, declared in built.items():
        assert (printed[name].dims, printed[name].unit) == (declared.dims, declared.unit)
        if declared.kind in ("constraint", "cost"):
            assert printed[name].formula


def test_no_coefficient_is_extreme() -> None:
    matrix = to_matrix(_whole_model().pyomo)
    sizes = np.abs(matrix.rows_matrix.data)
    assert sizes.min() >= 1e-3 and sizes.max() <= 1e6


def _musd(plan: xr.Dataset, term: str) -> float:
    """Return a cost term in million USD."""
    return float(plan[f"cost_{term}"].sum()) / 1e6


def _one_region() -> tuple[xr.Dataset, object]:
    case = tiny_case(
        demand={"targets_mw": {"2026Q4": 10.0}},
        horizon={"long_run_until_year": 2026},
        finance={"real_discount_rate": 0.0},
    )
    world = tiny_world(case, regions=1)
    for name, value in {
        "headroom": 40.0, "site_lead_quarters": 4.0, "construction_multiplier": 1.0, "pue": 1.1, "pue_peak": 1.2,
        "pue_stress": 1.2, "delivery_demand_charge": 5000.0, "delivery_rider": 1.5, "capacity_charge": 20000.0,
        "price": 40.0,
    }.items():  # fmt: skip
        world[name] = xr.full_like(world[name], value)
    return world, case


def test_one_hall_for_one_quarter_by_hand() -> None:
    """One 10 MW hall in the last quarter of a one-year horizon without discounting, every bill by hand."""
    world, case = _one_region()
    plan = solve_tiny(case, world).plan
    megawatts = 0.8 * 10 * 1.1 * 1.03  # drawn, cooled, delivered: 9.064 MW
    by_hand = {
        "site_capex": 20.0 / 20 / 4,  # 20 million USD over 20 years, one quarter of it
        "shell_capex": 11_000 * 10_000 / 1e6 / 20 / 4,  # 110 million USD over 20 years
        "hardware_capex": 10_000 / 26 * 1.0 / 5 / 4,  # 384.6 systems at 1.0 million USD over 5 years
        "fixed_om": 350 * 10_000 / 1e6 / 4,
        "energy": megawatts * 2208 * 40 / 1e6,  # 2208 hours in October to December
        "rider": megawatts / 1.03 * 2208 * 1.5 / 1e6,
        "delivery": 3 * 5000 * 12 / 1e6,  # three months, 12 MW on the design day
        "capacity": 20_000 * 12 / 1e6,
        "lost_compute": 0.0,
    }
    assert {n: _musd(plan, n) for n in by_hand} == pytest.approx(by_hand, abs=1e-9)
    assert plan.attrs["objective"] == pytest.approx(sum(by_hand.values()), abs=1e-9)
    assert float(plan["dual_power"].sel(year=2026).isel(slice=-1, region=0)) == pytest.approx(40 + 1.5 / 1.03)


def test_scarce_headroom_has_the_price_of_the_next_best_region() -> None:
    """Two regions alike but for price: one MW more headroom in the cheap one saves the difference of their costs."""
    case = tiny_case(demand={"targets_mw": {"2026Q1": 30.0}}, costs={"site_fixed_musd": 0.0})
    world = tiny_world(case, regions=2, seed=5)
    for name in ("pue", "pue_stress", "pue_peak", "construction_multiplier", "delivery_demand_charge"):
        world[name] = xr.full_like(world[name], 1.1 if "pue" in name else 1.0)
    world["capacity_charge"] = xr.zeros_like(world["capacity_charge"])
    world["site_lead_quarters"] = xr.zeros_like(world["site_lead_quarters"])
    world["price"] = xr.ones_like(world["price"]) * xr.DataArray([30.0, 50.0], dims="region")
    world["headroom"] = xr.ones_like(world["headroom"]) * xr.DataArray([11.0, 40.0], dims="region")
    plan = solve_tiny(case, world).plan
    assert plan["halls"].isel(quarter=-1).values.tolist() == [1.0, 2.0]
    energy = plan["cost_energy"].sum("year") + plan["cost_rider"].sum("year")
    saved_by_hall = float(energy[1] / 2 - energy[0])
    assert float(plan["dual_headroom"].sum()) == pytest.approx(saved_by_hall / 11.0, rel=1e-6)


def test_operation_of_parts_adds_up_to_the_whole() -> None:
    """Investment and operation meet only in capacity: each region and year can be solved by itself."""
    case = tiny_case(flexibility={"value_of_lost_compute_usd_per_mwh": 45.0})
    world = tiny_world(case, regions=4, seed=2)
    plan = solve_tiny(case, world).plan
    it_mw = plan["halls"] * case.campus.hall_mw
    bills = ("energy", "rider", "lost_compute", "delivery", "capacity", "fixed_om")
    whole = sum(_musd(plan, b) for b in bills)
    parts = 0.0
    for region in world["region"].values.tolist():
        for year in case.years:
            part = build_operation(case, world.sel(region=[region], year=[year]), it_mw.sel(region=[region]))
            parts += solve(to_matrix(part.pyomo), Options()).objective
    assert parts == pytest.approx(whole, rel=1e-9)


def test_season_hours_of_the_fixture_are_those_of_the_year() -> None:
    assert sum(SEASON_HOURS) == 8760


def test_cash_flow_mode_costs_the_same_as_spending_and_renewing() -> None:
    """One hall for ten years of a ten-year horizon: hardware is bought twice, the shell keeps half its worth."""
    world, _ = _one_region()
    case = tiny_case(
        demand={"targets_mw": {"2026Q1": 10.0}},
        horizon={"long_run_until_year": 2035},
        finance={"real_discount_rate": 0.0, "capex_mode": "cash_flow"},
    )
    long_world = world.reindex(year=[2026, 2027], method="nearest").assign(target=("quarter", [10.0] * 4))
    plan = solve_tiny(case, long_world).plan
    hardware = 10_000 / 26 * 1.0
    left = 1 - (10 - 5.125) / 5  # bought at 0.125 and 5.125 years; the horizon ends at 10
    assert _musd(plan, "hardware_capex") == pytest.approx(hardware * (2 - left))
    assert _musd(plan, "shell_capex") == pytest.approx(110.0 * (1 - (1 - 9.875 / 20)))
    assert objective(case, long_world) == pytest.approx(plan.attrs["objective"])


if __name__ == "__main__":  # python -m tests.test_formulation rewrites the golden rows
    GOLDEN.write_text(golden_rows(), encoding="utf-8")
