"""Every check of tariffs fails on a plan spoiled for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.plan.io import open_plan, write_plan
from grid_opt.verify import CHECKS, verify
from grid_opt.verify.evidence import Evidence
from tests.plan_fixture import OUTLINES, plan_by_hand
from tests.test_verify import ONLY_WITH_TARIFFS
from tests.test_verify_fleet import Mutation, add
from tests.test_verify_menu import both, knob, times
from tests.tiny import solve_tiny, tiny_world
from tests.tiny_menu import RICH_THRESHOLD, menu_case, menu_world, rich_offers
from tests.tiny_tariffs import by_size, charges, named, tariffs_world

pytest_plugins = ["tests.plan_plugin"]

CHARGES = charges()


@pytest.fixture(scope="module")
def paying_plan() -> xr.Dataset:
    """A sound plan of three regions: with peaks and calls, with a size limit, and with falling tiers."""
    case = menu_case(
        tariffs={"charge": True, "hours_per_peak": 1.0},
        flexibility={"max_curtailment_fraction": 0.25},
        campus={"max_campus_mw": 40.0},
        demand={"targets_mw": {"2026Q2": 20.0, "2026Q3": 60.0, "2026Q4": 90.0}},
    )
    world = tiny_world(case, regions=3, seed=3)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    world["headroom"][:] = np.array([[0.0, 0.0, 12.0, 25.0], [20.0, 40.0, 40.0, 40.0], [0.0, 12.0, 12.0, 13.0]])
    world = menu_world(case, rich_offers(), world, RICH_THRESHOLD)
    four = {**CHARGES["four peaks of the year"], **{k: v for k, v in CHARGES["letter"].items() if k == "collateral"}}
    tariffs = {
        "Z0": named(four, "four"), "Z1": by_size(25.0).model_copy(update={"name": "sized"}),
        "Z2": named(CHARGES["falling tiers"], "falling"),
    }  # fmt: skip
    plan = solve_tiny(case, tariffs_world(case, tariffs, world)).plan
    report = verify(plan, compare_tables=False)
    assert {check.name for check in report.failed} <= {"time.slice_days", "plan.provenance"}, report.failed
    assert float(plan["kept_off"].max()) > 1 and float(plan["peak_shed"].max()) > 0.1
    assert float(plan["above"].max()) == 1 and float(plan["beyond"].max()) > 1
    assert float(plan["size_shared"].max()) == 1
    return plan


def reworded(old: str, new: str) -> Mutation:
    """Change the text of the tariffs in the plan."""

    def mutate(plan: xr.Dataset) -> None:
        assert old in plan.attrs["tariffs_json"]
        plan.attrs["tariffs_json"] = plan.attrs["tariffs_json"].replace(old, new)

    return mutate


def forget_a_line(plan: xr.Dataset) -> None:
    usd = plan["bill_usd"].copy()
    usd[int(np.argmax(usd.values))] = 0.0
    plan["bill_usd"] = usd


LAST = {"quarter": "2026Q4"}
MUTATIONS: dict[str, Mutation] = {
    "tariff.lines": forget_a_line,
    "tariff.amounts": times("bill_rate", 1.01),
    "tariff.peak_shed": add("peak_shed", -99.0, region="Z0", **LAST),
    "tariff.kept_off": add("kept_off", -99.0, region="Z0", **LAST),
    "tariff.kept_most": add("kept_off", 50.0, region="Z1", **LAST),
    "tariff.peak_limit": add("peak_shed", 90.0, region="Z0", **LAST),
    "tariff.design_day": times("purchase", 1.6),
    "tariff.above": add("above", 0.5),
    "tariff.reaches": add("size_mw", 40.0),
    "tariff.stays_below": times("above", 0.0),
    "tariff.same_size": times("large", 0.0),
    "tariff.billed": add("billed", -1e5),
    "tariff.bounds": times("billed", 0.5),
    "tariff.falls": add("falls", 0.5),
    "tariff.beyond": add("beyond", -1e6),
    "tariff.beyond_most": times("fall_most", 0.0),
    "tariff.beyond_rest": add("beyond", 1e5),
    "cost.collateral": add("cost_collateral", 1e5, region="Z0", year=2027),
    "cost.peak_shedding": knob("tariffs.hours_per_peak=2.0"),
    "cost.energy": reworded('"usd_per_mwh": 25.0', '"usd_per_mwh": 26.0'),
    "cost.rider": reworded('"usd_per_mwh": 3.0', '"usd_per_mwh": 3.5'),
    "cost.delivery": reworded('"usd_per_kw_year": 60.0', '"usd_per_kw_year": 61.0'),
    "cost.capacity": both(reworded('"factor": 1.0', '"factor": 1.1')),
    "relief.shed_limit": add("peak_shed", 20.0, region="Z0", **LAST),
}  # fmt: skip
SHARED = {"cost.energy", "cost.rider", "cost.delivery", "cost.capacity", "relief.shed_limit"}
"""Checks of all cases, that work by tariff here."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_check_fails_on_a_plan_spoiled_for_it(name: str, paying_plan: xr.Dataset) -> None:
    assert CHECKS[name](Evidence(paying_plan, compare_tables=False)).state == "holds"
    spoiled = paying_plan.copy(deep=True)
    MUTATIONS[name](spoiled)
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "broken"


def test_every_check_has_a_mutation() -> None:
    """That of the place of deliveries is in tests/test_delivered.py."""
    assert set(MUTATIONS) - SHARED == ONLY_WITH_TARIFFS - {"inputs.tariffs", "tariff.retail_access"}


def test_a_tariff_that_is_not_that_of_its_file_is_found(quick_plan: Path) -> None:
    plan = open_plan(quick_plan)
    check = CHECKS["inputs.tariffs"]
    assert check(Evidence(plan)).state == "holds"
    stated = json.loads(plan.attrs["tariffs_json"])
    stated["ercot_tsp"]["schedules"]["four_peaks"]["coincident"]["transmission"]["usd_per_kw_year"] = 7.0
    assert check(Evidence(plan.assign_attrs(tariffs_json=json.dumps(stated)))).state == "broken"
    renamed = plan.copy(deep=True)
    renamed["region_tariff"] = renamed["region_tariff"].where(renamed["region"] != "OK", "pjm_wires")
    assert check(Evidence(renamed)).state == "broken"


@pytest.mark.usefixtures("world_made_once")
def test_the_arrays_of_tariffs_are_made_again(quick_plan: Path) -> None:
    plan = open_plan(quick_plan)
    assert CHECKS["inputs.reproducible"](Evidence(plan)).state == "holds"
    for name in ("tariff_load", "line_rate", "bound_load", "tariff_energy", "most_contract"):
        spoiled = plan.copy(deep=True)
        spoiled[name] = (spoiled[name] * 1.001).assign_attrs(spoiled[name].attrs)
        assert CHECKS["inputs.reproducible"](Evidence(spoiled)).state == "broken", name


def test_bills_are_exported_line_by_line(quick_plan: Path, tmp_path: Path) -> None:
    out = tmp_path / "bills.csv"
    done = CliRunner().invoke(app, ["export", str(quick_plan), "--format", "bills", "--out", str(out)])
    assert done.exit_code == 0, done.output
    table, plan = pd.read_csv(out, keep_default_na=False), open_plan(quick_plan)
    assert list(table.columns)[:4] == ["region", "tariff", "month", "schedule"]
    assert len(table) == plan.sizes["entry"]
    assert table["amount_usd"].sum() == pytest.approx(float(plan["bill_usd"].sum()))
    built = plan["region"].values[plan["site"].max("quarter").values > 0.5]
    assert set(table["region"]) == set(built) and table["month"].max() == "2032-12"
    # What is paid each month, discounted in the middle of its quarter, is what the plan costs.
    year, season = table["month"].str[:4].astype(int), (table["month"].str[5:].astype(int) - 1) // 3
    worth = 1.07 ** (-(4 * (year - 2026) + season + 0.5) / 4)
    paid = table.assign(usd=table["amount_usd"] * worth)[table["is_deposit"] == 0].groupby("kind")["usd"].sum()
    assert paid["indexed"] == pytest.approx(float(plan["cost_energy"].sum()), rel=1e-9)
    assert paid["rider"] == pytest.approx(float(plan["cost_rider"].sum()), rel=1e-9)


def test_a_plan_by_flat_rates_has_no_bills(tmp_path: Path) -> None:
    path = tmp_path / "plan.nc"
    write_plan(plan_by_hand(), OUTLINES, path)
    done = CliRunner().invoke(app, ["export", str(path), "--format", "bills"], env={"TERM": "dumb"})
    assert done.exit_code == 2 and "tariffs.charge" in done.output
    assert not (tmp_path / "bills.csv").exists()
