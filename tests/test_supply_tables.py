"""What a plan with sources beside wholesale tells: tables that add up, the terminal; and what screening keeps."""

from __future__ import annotations

import io

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from grid_opt.config import load_case, quarter_ordinal
from grid_opt.inputs.onsite import credit, ready_quarter
from grid_opt.inputs.tables import read_tables
from grid_opt.inputs.world import build_world
from grid_opt.plan.summary import summarize
from grid_opt.plan.supply_summary import sources_mw, supply_bill, supply_tables, used_mw
from grid_opt.report.layers import layers_of
from grid_opt.report.tables import tables_of
from grid_opt.report.terminal import print_summary
from tests.test_geopackage import unexplained
from tests.test_verify_supply import plan  # noqa: F401 -- a fixture
from tests.tiny import objective, solve_tiny

pytest_plugins = ["tests.plan_plugin"]

ON_SITE = ("own_capex", "own_upkeep", "own_running", "store_capex", "store_upkeep", "store_wear_cost")
COSTS = ("settlement", "wheeling", "forward_premium", *ON_SITE, "export_revenue")


def test_tables_add_up_to_the_plan(plan: xr.Dataset) -> None:  # noqa: F811
    tables = supply_tables(plan)
    assert tables["power_contracts"]["contract_mw"].sum() == pytest.approx(float(plan["ppa_mw"].sum()))
    assert tables["power_contracts"]["cost_musd"].sum() * 1e6 == pytest.approx(
        float(plan["cost_settlement"].sum() + plan["cost_wheeling"].sum())
    )
    assert tables["forward_blocks"]["block_mw"].sum() == pytest.approx(float(plan["forward_mw"].sum()))
    last = tables["onsite"].query("quarter == '2026Q4'")
    assert last["own_mw"].sum() == pytest.approx(float(plan["own_mw"].isel(quarter=-1).sum()))
    assert last["own_mwh"].sum() == pytest.approx(float(plan["store_capacity"].isel(quarter=-1).sum()))
    made = (plan["own_output"].isel(year=-1) * plan["slice_weight"]).sum()
    given = (plan["store_discharge"].isel(year=-1) * plan["slice_weight"]).sum()
    assert last["given_mwh"].sum() == pytest.approx(float(made + given))
    spent = sum(float(plan[f"cost_{n}"].sum()) for n in ON_SITE)
    assert last["cost_musd"].sum() * 1e6 == pytest.approx(spent)
    assert tables_of(plan)["costs"]["cost_musd"].sum() == pytest.approx(plan.attrs["objective"])
    assert {"power_contracts", "forward_blocks", "onsite"} <= set(tables_of(plan))


def test_sources_cover_what_the_campuses_use(plan: xr.Dataset) -> None:  # noqa: F811
    season = plan["slice_season"].values.astype(int)
    running = plan["halls"].sel(quarter="2026Q4", drop=True) * 10.0 * 0.8
    needed = running * plan["pue"].sel(season=xr.DataArray(season, dims="slice")).drop_vars("season")
    used = used_mw(plan).isel(year=-1)
    assert np.allclose(used.transpose("region", "slice").values, needed.transpose("region", "slice").values, atol=1e-6)
    assert set(sources_mw(plan)) == {"wholesale", "physical_contracts", "made_on_site", "batteries", "exported"}


def test_the_summary_and_the_terminal_tell_of_supply(plan: xr.Dataset) -> None:  # noqa: F811
    found = summarize(plan)
    bill = supply_bill(plan)
    assert bill is not None
    assert float(bill.sum()) == pytest.approx(sum(float(plan[f"cost_{n}"].sum()) for n in COSTS))
    assert found["supply"]["cost_musd"] * 1e6 == pytest.approx(float(bill.sum()))
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(found, console)
    text = console.export_text()
    for words in ("Energy at the meter", "Long contracts for power", "On site at the end", "Engines", "Solar"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100


def test_layers_hold_the_tables(plan: xr.Dataset) -> None:  # noqa: F811
    corner = [[[(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]]]
    layers = layers_of(plan, dict.fromkeys(plan["zone"].values.tolist(), corner))
    assert layers["onsite"].equals(supply_tables(plan)["onsite"])


def test_screening_leaves_out_what_no_optimum_has() -> None:
    """The optimum is the same with everything on offer; what was signed and built was kept."""
    knobs = [
        'regions.include=["TX_N", "TX_W", "OK"]', "demand.targets_mw={ 2027Q4 = 60.0 }", "campus.max_sites=3",
        'supply.contracts=["financial", "physical"]', 'supply.onsite=["gas_turbine", "engine", "solar", "battery"]',
        "tariffs.charge=false",
        "supply.forwards=true", "solve.gap=0.0000001", "campus.max_region_share=1.0", "campus.max_market_share=1.0",
    ]  # fmt: skip
    costs, sizes = [], []
    for screen in ("true", "false"):
        case = load_case("quick", [*knobs, f"supply.screen={screen}"])
        world = build_world(case)
        sizes.append(world.sizes["own"] + world.sizes["ppa"] + world.sizes["forward"])
        costs.append(objective(case, world))
    assert sizes[0] < 0.6 * sizes[1]
    assert costs[0] == pytest.approx(costs[1], rel=1e-6)


def test_a_later_turbine_moves_out_of_the_plan() -> None:
    """Cheap gas brings turbines in where they could be had at once; eight quarters later they are not in the plan."""
    knobs = [
        'regions.include=["TX_N", "TX_W"]', "demand.targets_mw={ 2027Q4 = 60.0 }", "campus.max_sites=2",
        'supply.onsite=["gas_turbine"]', "supply.gas_price_scale=0.2", "campus.max_region_share=1.0",
        "campus.max_market_share=1.0",
    ]  # fmt: skip
    built, costs = [], []
    for delay in (-10, -2):
        case = load_case("quick", [*knobs, f"supply.delay_quarters={{ gas_turbine = {delay} }}"])
        found = solve_tiny(case, build_world(case)).plan
        built.append(float(found["own_mw"].max()))
        costs.append(found.attrs["objective"])
    assert built[0] >= 50.0 and built[1] == 0.0
    assert costs[0] < costs[1]


@pytest.mark.parametrize("delay", range(-2, 12))
def test_credits_of_the_bundled_technologies_end_at_their_dates(delay: int) -> None:
    """Every quarter later may lose a credit and never finds one, and none is paid before a unit can serve."""
    rows = {row.technology: row for row in read_tables(None)["onsite_technologies"].itertuples(index=False)}
    case, later = (
        load_case("quick", [f"supply.delay_quarters={{ solar = {d}, battery = {d}, fuel_cell = {d} }}"])
        for d in (delay, delay + 1)
    )
    for name in ("solar", "battery"):  # their credits have an end; that of fuel cells begins with 2026 and has none
        assert credit(rows[name], ready_quarter(later, rows[name])) <= credit(
            rows[name], ready_quarter(case, rows[name])
        )
    # solar: started by 2026Q2, or in service by 2027Q4; without delay it starts in 2027Q1 and serves in 2027Q4
    in_service = ready_quarter(case, rows["solar"])
    assert in_service == quarter_ordinal("2027Q4") + delay
    assert credit(rows["solar"], in_service) == (0.3 if delay <= 0 else 0.0)


def test_the_quick_plan_tells_of_its_supply(quick_supply_plan: xr.Dataset) -> None:
    assert unexplained(quick_supply_plan) == []
    found = summarize(quick_supply_plan)["supply"]
    assert found["power_contracts"] and found["onsite_mw_by_technology"]
