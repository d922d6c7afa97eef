"""The verifier makes the inputs of a plan again by itself, and says so where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray as xr

from grid_opt.inputs.tables import inputs_sha256
from grid_opt.plan.io import write_plan
from grid_opt.verify import CHECKS, Report, tables, verify
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books, level_payment, worth_today
from tests.plan_fixture import OUTLINES, QUARTERS, with_tables

pytest_plugins = ["tests.plan_plugin"]


def state_of(report: Report, name: str) -> tuple[str, str]:
    return next((c.state, c.place) for c in report.checks if c.name == name)


def test_changed_tables_are_a_warning(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    plan = with_tables(hand_plan, tmp_path)
    (tmp_path / "tables" / "headroom.csv").write_text("region,quarter,headroom_mw\n", encoding="utf-8")
    report = verify(plan, tmp_path)
    assert report.ok
    changed = "tables have changed since the plan was made: headroom.csv"
    assert state_of(report, "tables.headroom") == ("not made", changed)
    assert state_of(report, "inputs.reproducible") == ("not made", changed)
    assert state_of(report, "tables.pue")[0] == "holds"
    assert report.warnings == (f"could not be made: inputs.reproducible, tables.headroom: {changed}",)
    assert f"2 could not be made ({changed})" in report.closing
    assert report.to_dict()["not_made"] == ["inputs.reproducible", "tables.headroom"]


def test_tables_of_a_case_are_looked_for_from_its_folder(
    hand_plan: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = with_tables(hand_plan, tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    state, place = state_of(verify(plan), "tables.pue")
    assert state == "not made"
    assert "folder of tables 'tables' is not at hand" in place
    monkeypatch.chdir(tmp_path)
    assert state_of(verify(plan), "tables.pue")[0] == "holds"


def test_plan_that_does_not_name_its_tables_is_not_compared(hand_plan: xr.Dataset) -> None:
    state, place = state_of(verify(hand_plan), "tables.pue")
    assert (state, place) == ("not made", "the plan does not say which regions.csv it was made from")


def facts_of(plan: xr.Dataset) -> Evidence:
    """Give the bundled tables to the checks of a hand-made plan."""
    plan.attrs["inputs_sha256"] = json.dumps(inputs_sha256())
    return Evidence(plan)


def test_capacity_is_billed_by_delivery_year(hand_plan: xr.Dataset) -> None:
    """PJM's prices of 2025/26 and 2026/27, as data/capacity_prices.csv has them: April and May are of the old year."""
    e = facts_of(hand_plan)
    assert tables.capacity_price(e, "PJM", 2026, 2) == pytest.approx(61 * 269.92 + 30 * 329.17, rel=1e-12)
    assert tables.capacity_price(e, "PJM", 2024, 1) == pytest.approx(90 * 269.92, rel=1e-12)  # a leap year
    reserve = float(e.tables.row("regions", region="OH_S")["reserve_obligation_fraction"])
    assert e.tables.row("regions", region="OH_S")["capacity_zone"] == "PJM"
    charge = tables.capacity_charge(e, "OH_S", 2026, 2)
    assert charge == pytest.approx((1 + reserve) * (61 * 269.92 + 30 * 329.17), rel=1e-12)


def test_a_delay_shifts_headroom(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    plan = with_tables(hand_plan, tmp_path)
    knobs = "connection_delay_quarters = 1\nheadroom_scale = 2.0"
    plan.attrs["case_toml"] = plan.attrs["case_toml"].replace("link_available_share = 0.5", knobs)
    e = Evidence(plan, case_folder=tmp_path)
    assert [tables.headroom(e, "EAST", q) for q in QUARTERS] == [0.0, 30.0, 50.0, 80.0]


@pytest.mark.parametrize("rate", [0.0, 0.07])
@pytest.mark.parametrize("life", [1.0, 2.25, 5.0])
def test_serving_exactly_its_life_costs_the_price(rate: float, life: float) -> None:
    """Level payments over one life are worth the price on the day that the asset enters service."""
    payment = level_payment(rate, life)
    worth = sum(payment * worth_today(rate, 1 / 8 + k / 4) for k in range(int(4 * life)))
    assert worth == pytest.approx(worth_today(rate, 1 / 8), rel=1e-12)
    books = Books("2026Q1", "2026Q4", 2027, rate, annuity=True)
    assert books.asset("2026Q1", 2.0) == pytest.approx(worth_today(rate, 1 / 8), rel=1e-12)
    assert books.asset("2026Q3", 1.5) == pytest.approx(worth_today(rate, 5 / 8), rel=1e-12)


def test_a_life_that_ends_inside_a_quarter_costs_between_its_neighbors() -> None:
    assert level_payment(0.07, 2.25) > level_payment(0.07, 2.35) > level_payment(0.07, 2.5)
    assert level_payment(0.0, 2.35) == pytest.approx(1 / 9.4, rel=1e-12)


def test_every_input_is_made_again() -> None:
    from grid_opt.inputs.schema import WORLD
    from grid_opt.verify.contents import GENERATED
    from grid_opt.verify.tables import MAKERS

    assert {*MAKERS, *GENERATED, "target", "hardware_price", "basis"} == set(WORLD)


def test_a_file_without_digest_fails(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    import netCDF4

    path = tmp_path / "plan.nc"
    write_plan(hand_plan, OUTLINES, path)
    with netCDF4.Dataset(path, "a") as file:
        file.delncattr("content_sha256")
    failed = verify(path, compare_tables=False).failed
    assert [check.name for check in failed] == ["plan.digest"]
    assert "content_sha256" in failed[0].place
    assert verify(hand_plan, compare_tables=False).ok  # in memory nothing was written yet


@pytest.mark.parametrize("name", ["accelerator_json", "hours_source", "case_toml"])
def test_what_a_plan_was_made_from_is_in_its_digest(name: str, hand_plan: xr.Dataset, tmp_path: Path) -> None:
    import netCDF4

    path = tmp_path / "plan.nc"
    write_plan(hand_plan, OUTLINES, path)
    with netCDF4.Dataset(path, "a") as file:
        file.setncattr(name, "another")
    assert "plan.digest" in {check.name for check in verify(path, compare_tables=False).failed}


def test_plan_that_carries_its_accelerator_needs_no_file(hand_plan: xr.Dataset) -> None:
    from grid_opt.compute.definitions import load_accelerator

    own = load_accelerator("cs3")
    hand_plan.attrs["accelerator_json"] = own.model_dump_json()
    hand_plan.attrs["case_toml"] += '\n[compute]\naccelerator = "none_such.toml"\n'
    report = verify(hand_plan)
    assert report.ok, report.failed
    dearer = own.model_copy(update={"price_musd": own.price_musd.model_copy(update={"value": 1.5})})
    hand_plan.attrs["accelerator_json"] = dearer.model_dump_json()
    hand_plan.attrs["case_toml"] = hand_plan.attrs["case_toml"].replace("none_such.toml", "cs3")
    report = verify(hand_plan)
    assert "cost.hardware_capex" in {check.name for check in report.failed}
    assert "defined otherwise" in report.warnings[0]


def test_hours_that_are_not_at_hand_are_a_warning(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    plan = with_tables(hand_plan, tmp_path)
    plan.attrs["case_toml"] = plan.attrs["case_toml"].replace("days = 4", 'days = 4\nhours_file = "own.nc"')
    state, place = state_of(verify(plan, tmp_path), "inputs.reproducible")
    assert state == "not made"
    assert "own.nc is not at hand" in place


def test_command_prints_what_matters(hand_plan: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from grid_opt.cli.app import app

    def call(*options: str) -> list[str]:
        result = CliRunner().invoke(app, ["verify", str(tmp_path / "plan.nc"), *options])
        assert result.exit_code == (6 if broken else 0)
        return str(result.output).splitlines()

    monkeypatch.setattr("grid_opt.verify.contents._world_again", lambda case: hand_plan)
    write_plan(with_tables(hand_plan, tmp_path), OUTLINES, tmp_path / "plan.nc")
    broken = False
    lines = call("--case-folder", str(tmp_path))
    from tests.test_verify import ABSENT

    absent = len(ABSENT)
    assert lines == [f"verified: {len(CHECKS) - absent} checks hold, {absent} not in this case"]
    assert len(call("--case-folder", str(tmp_path), "--all")) > len(CHECKS)
    monkeypatch.chdir(tmp_path.parent)
    lines = call()
    assert lines[0].startswith("note: could not be made: inputs.reproducible")
    assert "could not be made" in lines[-1] and lines[-1].startswith("verified: ")
    hand_plan["halls"][1, 3] = 2.0
    write_plan(with_tables(hand_plan, tmp_path / "again"), OUTLINES, tmp_path / "plan.nc")
    broken = True
    lines = call("--case-folder", str(tmp_path / "again"))
    assert any(line.startswith("BROKEN: campus.tranche at quarter 2026Q4") for line in lines)
    assert all(line.startswith("BROKEN: ") for line in lines[:-1])
    assert lines[-1].startswith("verification FAILED: ")
