"""A plan run through other hours than its own costs what a pencil says; its own days cost what the plan says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.config import Case, case_to_toml, load_case, with_overrides
from grid_opt.errors import InputError
from grid_opt.finance import quarter_discount_factor
from grid_opt.inputs.full_year import one_year, restrict
from grid_opt.plan.redispatch import open_redispatch, write_redispatch
from grid_opt.study import plan_case as plan_case_module
from grid_opt.study.redispatch.account import summary
from grid_opt.study.redispatch.compare import day_table
from grid_opt.study.redispatch.run import redispatch, run_plan, with_campus
from grid_opt.study.redispatch.years import Effort
from grid_opt.study.run import run
from grid_opt.verify.redispatch import REDISPATCH_CHECKS, verify_redispatch
from tests.tiny import SEASON_HOURS, solve_tiny, tiny_case, tiny_world
from tests.tiny_carbon import FOOTPRINTS
from tests.tiny_fleet import fleet_case, fleet_tiny_world
from tests.tiny_menu import RICH_THRESHOLD, menu_case, menu_world, rich_offers
from tests.tiny_supply import RICH_SUPPLY, day_world, rich_sources, supply_case, supply_world
from tests.tiny_tariffs import charges, named, tariffs_case, tariffs_world

NOT_WHOLE_DAYS = {"time.slice_days"}
"""Tiny days have fewer than 24 slices."""
SHORT = {"horizon": {"long_run_until_year": 2026}}


def solved(case: Case, world: xr.Dataset) -> xr.Dataset:
    """Return the plan of a tiny case, whose fleet is in no file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_case_module, "definition_texts", lambda case, here: {})
        return solve_tiny(case, world).plan


def own_days(case: Case, world: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Return a plan and what running it through its own days says."""
    plan = solved(case, world)
    days = len(np.unique(plan["slice_day"].values))
    return plan, run_plan(case, plan, case, plan, np.arange(days))[0]


def failures(result: xr.Dataset, plan: xr.Dataset) -> list[str]:
    report = verify_redispatch(result, plan)
    assert not report.not_made.get("the plan was not given")
    return [f"{c.name}: {c.violation} at {c.place}" for c in report.failed if c.name not in NOT_WHOLE_DAYS]


def roomy(world: xr.Dataset) -> xr.Dataset:
    """Let campuses open anywhere from the first quarter on."""
    world["headroom"] = xr.full_like(world["headroom"], 30.0)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    return world


def rich_menu() -> tuple[Case, xr.Dataset]:
    case = menu_case(grid={"network": True}, **SHORT)
    world = roomy(tiny_world(case, 3, 1))
    world["surplus"] = xr.full_like(world["surplus"], 60.0)
    return case, menu_world(case, rich_offers(), world, RICH_THRESHOLD)


def rich_supply(**supply: Any) -> tuple[Case, xr.Dataset]:
    case = supply_case(RICH_SUPPLY | supply, demand={"targets_mw": {"2026Q2": 20.0, "2026Q4": 30.0}})
    world = roomy(day_world(case, 2, 4))
    return case, supply_world(case, world, **rich_sources(world))


def fleet(**sections: Any) -> tuple[Case, xr.Dataset]:
    case = fleet_case(**sections)
    return case, fleet_tiny_world(case, deliveries_most=np.full((2, 4), 2.0), class_worth=np.full((2, 1), 50.0))


def tariff_of(name: str) -> tuple[Case, xr.Dataset]:
    case = tariffs_case(flexibility={"max_curtailment_fraction": 0.2}, horizon={"long_run_until_year": 2027})
    offered = {"Z0": named(charges()[name], "a"), "Z1": named(charges()["ratchet"], "b")}
    return case, tariffs_world(case, offered, roomy(tiny_world(case, 2)))


def wild_prices() -> tuple[Case, xr.Dataset]:
    case = tiny_case(**SHORT)
    world = tiny_world(case)
    world["price"].values[:] = np.random.default_rng(5).choice(
        [-120.0, -5.0, 20.0, 900.0, 9000.0], world["price"].shape
    )
    return case, world


def footprint(number: int) -> tuple[Case, xr.Dataset]:
    case = tiny_case(horizon={"long_run_until_year": 2028}, **FOOTPRINTS[number])
    return case, roomy(tiny_world(case, 2, 3))


def matched() -> tuple[Case, xr.Dataset]:
    case = supply_case(RICH_SUPPLY | {"least_hedged_share": 0.0}, **FOOTPRINTS[2])
    world = roomy(day_world(case, 2, 3))
    return case, supply_world(case, world, **rich_sources(world))


CASES = {
    "wild prices": wild_prices,
    "a menu and a network": rich_menu,
    "most tokens": lambda: fleet(objective={"goal": "most_tokens"}, budget={"present_value_musd": 900.0}),
    "a lost region": lambda: fleet(fleet={"members": "tiny", "busiest_share": 1.0, "region_loss": True}),
    **{f"tariff of {name}": lambda name=name: tariff_of(name)
       for name in ("rising tiers", "falling tiers", "fixed and least")},
    "a price and cap of carbon and water": lambda: footprint(0),
    "shares of every region": lambda: footprint(1),
    "carbon-free power by the hour": matched,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_its_own_days_cost_what_the_plan_says(name: str) -> None:
    plan, result = own_days(*CASES[name]())
    assert float(plan["halls"].max()) > 0, "a plan that runs nothing tells nothing"
    terms = [str(t) for t in result["term"].values]
    booked = sum(float(plan[f"cost_{t}"].sum()) for t in terms)
    assert float(result["term_usd"].sum()) == pytest.approx(booked, rel=1e-6, abs=1.0)
    assert float(result["term_usd_representative"].sum()) == pytest.approx(booked, rel=1e-6, abs=1.0)
    assert float(abs(result["day_usd"] - result["day_usd_representative"]).max()) <= 1.0
    assert failures(result, plan) == []


# --- other hours than the plan's


def two_days_a_quarter(prices: np.ndarray, **sections: Any) -> tuple[Case, xr.Dataset, xr.Dataset]:
    """Return a case of one region, its world of a day in each quarter, and a year in which a second day follows each.

    ``prices`` are of the year, (8 days, 2 slices); the first day of each quarter stands for both.
    """
    demand = {"targets_mw": {"2026Q2": 10.0, "2026Q4": 20.0}}
    case = tiny_case(**({"flexibility": VALUE, "demand": demand} | SHORT | sections))
    world = roomy(tiny_world(case, 1, 2))
    year = world.isel(slice=np.repeat(np.arange(8).reshape(4, 2), 2, axis=0).ravel()).assign_coords(slice=np.arange(16))
    year["slice_weight"] = year["slice_weight"] / 2
    year["slice_day"] = ("slice", np.repeat(np.arange(8), 2), world["slice_day"].attrs)
    year["slice_source_day"] = ("slice", np.repeat([10, 11, 100, 101, 200, 201, 300, 301], 2))
    year["price"].values[:] = prices.reshape(-1)
    world["price"].values[:] = prices[::2].reshape(-1)
    return case, world, year


VALUE = {"max_curtailment_fraction": 0.25, "value_of_lost_compute_usd_per_mwh": 60.0}
STANDING = np.repeat(np.arange(4), 2)


def test_the_year_costs_what_a_pencil_says() -> None:
    prices = np.random.default_rng(3).uniform(-40.0, 160.0, (8, 2))
    case, world, year = two_days_a_quarter(prices)
    plan = solved(case, world)
    result, _ = run_plan(case, plan, case, year, STANDING)
    here = year.isel(region=0)
    usd = np.zeros(8)
    for s in range(16):
        quarter = int(here["slice_season"][s])
        mw = 0.8 * 10.0 * float(plan["halls"].sel(quarter=f"2026Q{quarter}")[0])
        used = 1.03 * float(here["pue"].sel(season=quarter))
        per_mwh = used * (prices.ravel()[s] + 1.5 / 1.03)
        shed = 0.25 if per_mwh > 60.0 else 0.0
        hours = SEASON_HOURS[quarter - 1] / 4
        worth = quarter_discount_factor(case.finance.real_discount_rate, quarter - 1)
        usd[s // 2] += worth * hours * mw * ((1 - shed) * per_mwh + shed * 60.0)
        assert float(result["curtailment"][0, 0, s]) == pytest.approx(shed * mw)
    assert result["day_usd"].values[0, 0] == pytest.approx(usd, rel=1e-9)
    table = day_table(result).set_index("day")
    assert table.loc["01-12", "stood_for_by"] == "01-11"
    assert table.loc["01-12", "representative_usd"] == pytest.approx(usd[0])
    assert table.loc["01-12", "difference_usd"] == pytest.approx(usd[1] - usd[0])
    assert failures(result, plan) == []
    told = summary(result, Effort(1, 1, 1.0, 1.0, 1))
    assert told["difference_usd"] == pytest.approx(usd.sum() - 2 * usd[::2].sum())
    assert told["daily_error_usd"] == pytest.approx(abs(usd[1::2] - usd[::2]).sum())
    assert sum(told["unserved_mwh"].values()) == 0.0


def test_a_cap_that_the_year_cannot_keep_is_missed_and_told() -> None:
    prices = np.full((8, 2), 30.0)
    case, world, year = two_days_a_quarter(prices, flexibility={"max_curtailment_fraction": 0.0},
                                           carbon={"cap_t": {2026: 60e3}})  # fmt: skip
    plan = solved(case, world)
    emitted = float(plan["emitted"].sum())
    assert 0 < emitted <= 60e3
    year["emission_average"] = 90e3 / emitted * year["emission_average"]
    result, _ = run_plan(case, plan, case, year, STANDING)
    assert float(result["over_carbon"].sum()) == pytest.approx(30e3, rel=1e-6)
    report = verify_redispatch(result, plan)
    assert any("carbon.cap is missed by 30,000" in text for text in report.warnings)
    assert float(result["term_usd"].sum()) == pytest.approx(float(result["term_usd_representative"].sum()), rel=1e-9)


def test_a_plan_without_computers_runs_and_costs_nothing() -> None:
    case = fleet_case()
    world = fleet_tiny_world(case, class_worth=np.full((2, 1), 1e-6))
    plan = solved(case, world)
    assert float(plan["halls"].max()) == 0.0
    result, _ = run_plan(case, plan, case, plan, np.arange(4))
    assert float(abs(result["day_usd"]).max()) == 0.0 and with_campus(plan) == ["Z0"]
    assert failures(result, plan) == []


def test_batteries_carry_energy_from_day_to_day_where_asked(supply_plan: xr.Dataset) -> None:
    case, _ = rich_supply()
    longer = with_overrides(case, ["energy.days=365", "supply.store_across_days=true"])
    across, _ = run_plan(case, supply_plan, longer, supply_plan, np.arange(4))
    assert failures(across, supply_plan) == []
    across.attrs["case_toml"] = case_to_toml(case)
    assert "store.store_balance" in {check.name for check in verify_redispatch(across, supply_plan).failed}


def test_load_that_no_power_reaches_is_told(supply_plan: xr.Dataset) -> None:
    case, _ = rich_supply()
    year = supply_plan.copy(deep=True)
    for name in ("headroom", "plant_available"):  # connections are lost, and plant stands still
        year[name] = xr.zeros_like(year[name])
    result, effort = run_plan(case, supply_plan, case, year, np.arange(4))
    lacking = (result["unserved_power"] * result["slice_weight"]).sum("slice")
    assert float(lacking.sel(region="Z0").min()) > 1000.0
    told = summary(result, effort)["unserved_mwh"]
    assert list(told.values()) == pytest.approx(lacking.sum("region").values.tolist())
    assert float(result["cost_energy"].sum()) < 1e9, "the penalty is no cost"
    assert [text.split(":")[0] for text in failures(result, supply_plan)] == ["redispatch.choices"]


def test_parts_keep_only_what_is_theirs() -> None:
    _, world = tariff_of("rising tiers")
    assert restrict(world, ["Z1"]).sizes["line"] == 0
    part = restrict(world, ["Z0"])
    assert part["region"].values.tolist() == ["Z0"] and set(part["line_region"].values.tolist()) == {"Z0"}
    assert set(part["bound_line"].values.tolist()) <= set(part["line"].values.tolist())
    of_year = one_year(part, 2027)
    assert of_year.sizes["meter"] and set(of_year["meter_year"].values.tolist()) == {2027.0}
    assert (abs(of_year["line_rate"]).sum("year") > 0).all()


# --- the verifier


@pytest.fixture(scope="module")
def supply_plan() -> xr.Dataset:
    """A plan with sources of every kind."""
    plan = solved(*rich_supply())
    assert float(plan["own_mw"].sel(own="battery@Z0").max()) > 0.1
    return plan


@pytest.fixture(scope="module")
def sound(supply_plan: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The same plan run through its own days, written and read back."""
    case, _ = rich_supply()
    result, _ = run_plan(case, supply_plan, case, supply_plan, np.arange(4))
    path = tmp_path_factory.mktemp("full") / "redispatch.nc"
    write_redispatch(result, path)
    found = open_redispatch(path)
    assert failures(found, supply_plan) == []
    return found


def spoil(name: str, amount: float) -> Any:
    def change(result: xr.Dataset) -> None:
        values = result[name].values.astype(float).copy()
        values[(0,) * values.ndim] += amount
        result[name] = (result[name].dims, values, result[name].attrs)

    return change


def other_plan(result: xr.Dataset) -> None:
    result.attrs["plan_sha256"] = "0" * 64


SPOILED = {
    "redispatch.power_balance": spoil("purchase", 1.0),
    "redispatch.unserved_power": spoil("unserved_power", -1.0),
    "redispatch.day_usd": spoil("day_usd", 100.0),
    "redispatch.hourly_usd": spoil("hourly_usd", 1e4),
    "redispatch.term_usd": spoil("term_usd", 1e4),
    "redispatch.choices": spoil("own_mw", 1.0),
    "redispatch.plan": other_plan,
    "redispatch.replay": spoil("term_usd_representative", 1e6),
    "redispatch.representative_days": spoil("day_usd_representative", 1e6),
    "cost.energy": spoil("purchase", 1.0),
    "operation.curtailment_limit": spoil("curtailment", 50.0),
    "plant.within_plant": spoil("own_output", 99.0),
    "store.store_balance": spoil("store_energy", 1.0),
    "battery.aged_energy": spoil("store_usable", 1.0),
    "contracts.delivery": spoil("delivered_ppa", 99.0),
    "supply.export_limit": spoil("exported", 99.0),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_file_is_rejected(name: str, sound: xr.Dataset, supply_plan: xr.Dataset) -> None:
    spoiled = sound.copy(deep=True)
    SPOILED[name](spoiled)
    assert name in {check.name for check in verify_redispatch(spoiled, supply_plan).failed}


def test_every_check_of_a_redispatch_has_a_spoiled_file_and_is_documented() -> None:
    assert set(REDISPATCH_CHECKS) <= set(SPOILED)
    page = (Path(__file__).resolve().parents[1] / "docs" / "full-year.md").read_text(encoding="utf-8")
    assert set(REDISPATCH_CHECKS) == set(re.findall(r"`(redispatch\.(?!nc|json|png)\w+)`", page))


# --- the command


SMALL = [
    "regions.include=['TX_N', 'OK']", "horizon.last_quarter='2026Q4'", "horizon.long_run_until_year=2026",
    "demand.targets_mw={2026Q4 = 50.0}", "campus.max_region_share=1.0", "campus.max_market_share=1.0",
]  # fmt: skip


@pytest.fixture(scope="module")
def small_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan file of one year of the quick case."""
    folder = tmp_path_factory.mktemp("small")
    return run("quick", overrides=SMALL, out=folder, pictures=False).folder / "plan.nc"


def test_the_command_runs_a_plan_through_its_year_and_names_days(small_plan: Path) -> None:
    words = ["redispatch", str(small_plan), "--add-days", "2", "--workers", "2", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    folder = small_plan.parent / "full_year"
    assert {path.name for path in folder.iterdir()} == {
        "redispatch.nc", "redispatch.json", "redispatch.png", "costs.csv", "days.csv", "with_days.toml",
    }  # fmt: skip
    assert told["workers"] == 2 and told["hours"] == 8760 and abs(told["replay_difference_usd"]) <= 1.0
    assert told["verification"]["not_made"] == [] and told["verification"]["ok"]
    days = pd.read_csv(folder / "days.csv")
    assert len(days) == 365 and set(told["add_days"]) == set(days["day"][:2])
    by_region = days[[f"difference_usd_{region}" for region in told["regions"]]].sum(axis=1)
    assert by_region.tolist() == pytest.approx(days["difference_usd"].tolist(), abs=0.1)
    assert days["full_usd"].sum() - days["representative_usd"].sum() == pytest.approx(told["difference_usd"], abs=10)
    case = load_case(folder / "with_days.toml")
    assert case.energy.extra_days == told["add_days"]
    again = CliRunner().invoke(app, ["verify", str(folder / "redispatch.nc")])
    assert again.exit_code == 0 and "could not be made" not in again.output
    plan = CliRunner().invoke(app, ["report", str(folder / "redispatch.nc")])
    assert plan.exit_code == 2 and "not a plan" in plan.output


def test_a_plan_of_other_tables_is_refused(small_plan: Path, tmp_path: Path) -> None:
    path = tmp_path / "plan.nc"
    shutil.copy(small_plan, path)
    with netCDF4.Dataset(path, "a") as opened:
        opened.inputs_sha256 = json.dumps(json.loads(opened.inputs_sha256) | {"regions.csv": "0" * 64})
    with pytest.raises(InputError, match=r"regions\.csv"):
        redispatch(path)
    with pytest.raises(InputError, match="--add-days"):
        redispatch(path, add_days=-1)
    assert not (tmp_path / "full_year").exists()
