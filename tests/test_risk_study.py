"""A study runs from its file to a verified folder; bad files, spoiled studies and other plans are refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.config import Case, load_case, with_overrides
from grid_opt.errors import InputError
from grid_opt.plan.io import digest, open_plan
from grid_opt.plan.stochastic import FILE, open_stochastic
from grid_opt.study.progress import Log
from grid_opt.study.stochastic import conduct, loading
from grid_opt.study.stochastic import study as studies
from grid_opt.study.stochastic.loading import World, _refuse_unlike, bundled_studies, load_study
from grid_opt.study.stochastic.mean import mean_case
from grid_opt.study.sweeps import effects
from grid_opt.study.sweeps.cases import OneCase
from grid_opt.study.sweeps.loading import Source
from grid_opt.study.sweeps.schema import Change
from grid_opt.study.sweeps.tables import Overlays, cell_change
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.risk import RISK_CHECKS
from grid_opt.verify.risk_study import FOLDERS, STUDY, Plans

STUDY_TOML = """
name = "two"
title = "Two futures"
case = "quick"
weight = 0.4
confidence = 0.7
first_stage = ["sites", "connections"]
reference = "as_planned"

[base]
regions.include = ["GA_N", "TX_N"]
tariffs.charge = false
grid.network = false
campus.max_region_share = 1.0
campus.max_market_share = 1.0
demand.targets_mw = { 2026Q4 = 20.0, 2027Q2 = 20.0, 2027Q4 = 30.0 }

[scenarios.as_planned]
probability = 0.75

[scenarios.dear]
probability = 0.25
set.energy.price_scale = 2.0
"""


@pytest.fixture(scope="module", autouse=True)
def _worlds_are_built_once() -> Iterator[None]:
    """Keep the worlds of the studies between runs; the verifier makes its own."""
    kept: dict[str, xr.Dataset] = {}
    build = effects.build_world

    def once(case: Case) -> xr.Dataset:
        key = repr(case.model_dump())
        if key not in kept:
            kept[key] = build(case)
        return kept[key].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(effects, "build_world", once)
        yield


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("risk")
    (place / "two.toml").write_text(STUDY_TOML, encoding="utf-8")
    done = CliRunner().invoke(app, ["stochastic", str(place / "two.toml"), "--out", str(place / "out"), "--json", "-q"])
    assert done.exit_code == 0, done.output
    return place / "out", json.loads(done.stdout)


def test_a_study_writes_what_it_found(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = ran
    assert summary["verification"]["ok"] and not summary["verification"]["failed"]
    table = open_stochastic(folder)
    costs, chances = table["cost"].values, table["probability"].values
    assert summary["expected_cost_musd"] == pytest.approx(float(costs @ chances))
    assert summary["conditional_value_at_risk_musd"] == pytest.approx(
        float((0.25 * costs.max() + 0.05 * costs.min()) / 0.3)
    )
    for name in ("value_of_stochastic_solution_musd", "value_of_perfect_information_musd"):
        value = summary[name]
        assert value["least"] >= 0 and value["least"] - 1e-6 <= value["value"] <= value["most"] + 1e-6
    assert table["bound"] <= table["objective"]
    for name in ("report.html", "risk.png", "scenarios.csv", "summary.json", "study.toml", "run.log"):
        assert (folder / name).stat().st_size > 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Two futures" in page and "<script" not in page
    plans = [open_plan(folder / "scenarios" / name / "plan.nc") for name in ("as_planned", "dear")]
    assert (plans[0]["site"].isel(quarter=-1) == plans[1]["site"].isel(quarter=-1)).all()
    np.testing.assert_allclose(plans[0]["contract"].isel(quarter=-1), plans[1]["contract"].isel(quarter=-1), atol=1e-6)


def test_a_plan_replayed_in_its_own_scenarios_costs_what_it_did(
    ran: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, summary = ran
    # The plans of the study are verified above, and its scenarios checked.
    monkeypatch.setattr(loading, "check_effects", lambda *_: None)
    monkeypatch.setattr(studies, "verify", lambda *_: type("Report", (), {"ok": True}))
    plan = folder / "scenarios" / "dear" / "plan.nc"
    found = studies.replay(plan, folder / "study.toml", out=tmp_path / "replay")
    for row, before in zip(found["scenarios"], summary["scenarios"], strict=True):
        assert row["cost_musd"] == pytest.approx(before["cost_musd"], rel=2e-5)  # the gap of the bundled case
    assert found["objective_musd"] == pytest.approx(summary["objective_musd"], rel=2e-5)
    assert json.loads((tmp_path / "replay" / "replay.json").read_text(encoding="utf-8")) == found


def test_a_study_given_again_keeps_the_plans_of_its_scenarios_and_no_others(
    ran: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, _ = ran
    monkeypatch.setattr(loading, "check_effects", lambda *_: None)
    monkeypatch.setattr(conduct, "plan_case", _not_again)
    shutil.copytree(folder / "wait_and_see", tmp_path / "out" / "wait_and_see")
    study = folder.parent / "two.toml"

    def at_work(*overrides: str) -> conduct.Conduct:
        ready = loading.prepare(study, folder / "tables", lambda text: None, overrides)
        return conduct.Conduct(ready, tmp_path / "out", Log(None), Event())

    again = at_work()
    again.wait_and_see()
    table = open_stochastic(folder)
    costs = [again.found.waits[str(name)].cost for name in table["scenario"].values]
    np.testing.assert_array_equal(costs, table["wait_and_see"].values)
    with pytest.raises(PlannedAgainError):
        at_work("energy.basis_scale=1.1").wait_and_see()
    plan = tmp_path / "out" / "wait_and_see" / "as_planned" / "plan.nc"
    plan.write_bytes(plan.read_bytes()[:-4000])
    with pytest.raises(PlannedAgainError):
        at_work().wait_and_see()


class PlannedAgainError(Exception):
    """Say that something was planned that need not be."""


def _not_again(*_: Any) -> None:
    raise PlannedAgainError


def test_a_plan_is_replayed_on_hours_of_another_year(
    ran: tuple[Path, dict[str, Any]], root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hours = root.parent / "shared" / "data" / "derived" / "region_hourly_z90.nc"
    if not hours.is_file():
        pytest.skip(f"real hours are not at hand: {hours.name}")
    folder, summary = ran
    monkeypatch.setattr(loading, "check_effects", lambda *_: None)
    plan = folder / "scenarios" / "dear" / "plan.nc"
    found = studies.replay(plan, folder / "study.toml", hours=hours, out=tmp_path / "replay")
    assert found["exit_code"] == 0, "all scenarios can keep it, and every plan is verified"
    kept = open_plan(tmp_path / "replay" / "replayed" / "dear" / "plan.nc")
    given = open_plan(plan)
    assert hours.name in json.loads(kept.attrs["inputs_sha256"])
    assert not np.allclose(kept["price"], given["price"])
    assert (kept["site"].isel(quarter=-1) == given["site"].isel(quarter=-1)).all()
    assert found["expected_cost_musd"] != pytest.approx(summary["expected_cost_musd"], rel=1e-4)


def test_what_a_command_asks_for_goes_before_the_base_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(STUDY_TOML, encoding="utf-8")
    asked = ["demand.targets_mw={ 2026Q4 = 10.0, 2027Q4 = 40.0 }", "regions.include=['TX_N', 'GA_N']"]
    ready = loading.prepare(tmp_path / "two.toml", tmp_path / "tables", lambda text: None, asked)
    for one in ready.futures.values():
        assert dict(one.case.demand.targets_mw) == {"2026Q4": 10.0, "2027Q4": 40.0}
        assert not one.case.tariffs.charge, "what was not asked for is as the file says"
        assert list(one.case.regions.include) == ["TX_N", "GA_N"]


def _evidence(folder: Path) -> Evidence:
    """Return the study as the checks see it, with equipment and contracts that it has not, in all plans alike."""
    table = open_stochastic(folder)
    plans = Plans()
    for name in FOLDERS:
        plans.of[name] = {}
        for scenario, file, said in zip(
            table["scenario"].values, table[f"{name}_plan"].values, table[f"{name}_sha256"].values, strict=True
        ):
            plan = open_plan(folder / str(file))
            plans.changed[f"{name}/{scenario}"] = float(digest(plan) != str(said))
            plans.failed[f"{name}/{scenario}"] = 0.0
            plans.of[name][str(scenario)] = _richer(plan)
    plans.reference = plans.of["wait_and_see"]["as_planned"]
    extra = {"orders": ("own", [5.0]), "contracts": ("ppa", [7.0])}
    table = table.assign(extra | {f"reference_{kind}": value for kind, value in extra.items()})
    table = table.assign_coords(own=["engine"], ppa=["wind"])
    table.attrs["first_stage"] = json.dumps(["sites", "connections", "equipment", "contracts"])
    found = Evidence(table, compare_tables=False)
    found.shared[STUDY] = plans
    return found


def _richer(plan: xr.Dataset) -> xr.Dataset:
    quarters = plan.sizes["quarter"]
    return plan.assign_coords(own=["engine"], ppa=["wind"]).assign(
        own_mw=(("own", "quarter"), np.full((1, quarters), 5.0)),
        own_most=(("own", "quarter"), np.full((1, quarters), 10.0)),
        ppa_mw=("ppa", [7.0]),
    )


def _plus(name: str, amount: float = 1.0) -> Callable[[Evidence], None]:
    def spoil(e: Evidence) -> None:
        e.plan = e.plan.assign({name: e.plan[name].astype(float) + amount})

    return spoil


def _in_plan(name: str, amount: float) -> Callable[[Evidence], None]:
    def spoil(e: Evidence) -> None:
        plans = e.shared[STUDY].of["scenarios"]
        plans["dear"] = plans["dear"].assign({name: plans["dear"][name].astype(float) + amount})

    return spoil


def _at_reference(name: str, amount: float) -> Callable[[Evidence], None]:
    def spoil(e: Evidence) -> None:
        plans: Plans = e.shared[STUDY]
        assert plans.reference is not None
        plans.reference = plans.reference.assign({name: plans.reference[name].astype(float) + amount})

    return spoil


def _set(field: str, value: float) -> Callable[[Evidence], None]:
    def spoil(e: Evidence) -> None:
        getattr(e.shared[STUDY], field)["scenarios/dear"] = value

    return spoil


def _other_case(e: Evidence) -> None:
    plans = e.shared[STUDY].of["scenarios"]
    plans["dear"] = plans["dear"].assign_attrs(case_toml="another")


SPOILS: dict[str, Callable[[Evidence], None]] = {
    "study.plans": _set("changed", 1.0),
    "study.verified": _set("failed", 2.0),
    "study.one_case": _other_case,
    "study.reference_sites": _at_reference("site", 1.0),
    "study.reference_requests": _at_reference("contract", 1.0),
    "study.reference_studies": _at_reference("taken", 1.0),
    "study.reference_orders": _at_reference("own_mw", 1.0),
    "study.reference_contracts": _at_reference("ppa_mw", 1.0),
    "risk.probability": _plus("probability", 0.1),
    "risk.cost": _plus("cost"),
    "risk.wait_and_see": _plus("wait_and_see"),
    "risk.kept": _plus("kept"),
    "risk.proven": _plus("wait_and_see_bound"),
    "risk.expected_cost": _plus("expected_cost"),
    "risk.tail": _plus("tail_cost"),
    "risk.at_risk": _plus("value_at_risk", -1000.0),
    "risk.objective": _plus("objective"),
    "risk.bound": _plus("bound", 50.0),
    "risk.vss": _plus("vss"),
    "risk.evpi": _plus("evpi_most"),
    "risk.it_mw": _plus("scenarios_it_mw"),
    "risk.one_site": _in_plan("site", 1.0),
    "risk.requested_most": _in_plan("contract", 1.0),
    "risk.requested_least": _plus("requests"),
    "risk.one_study": _in_plan("taken", 1.0),
    "risk.ordered_most": _in_plan("own_mw", 1.0),
    "risk.ordered_least": _in_plan("own_mw", -1.0),
    "risk.one_contract": _in_plan("ppa_mw", 1.0),
}


@pytest.fixture(scope="module")
def sound(ran: tuple[Path, dict[str, Any]]) -> Evidence:
    return _evidence(ran[0])


def _copy(sound: Evidence) -> Evidence:
    plans: Plans = sound.shared[STUDY]
    found = Evidence(sound.plan, compare_tables=False)
    of = {folder: dict(some) for folder, some in plans.of.items()}
    found.shared[STUDY] = Plans(of, dict(plans.changed), dict(plans.failed), plans.reference)
    return found


def test_every_check_has_a_spoil_and_holds_before_it(sound: Evidence) -> None:
    assert set(SPOILS) == set(RISK_CHECKS)
    assert [name for name, one in RISK_CHECKS.items() if not one(_copy(sound)).ok] == []


@pytest.mark.parametrize("name", SPOILS)
def test_a_spoiled_study_is_found_out(name: str, sound: Evidence) -> None:
    spoiled = _copy(sound)
    SPOILS[name](spoiled)
    assert not RISK_CHECKS[name](spoiled).ok


def test_every_check_is_documented(root: Path) -> None:
    page = (root / "docs" / "risk.md").read_text(encoding="utf-8")
    assert set(RISK_CHECKS) == set(re.findall(r"`((?:risk|study)\.(?!png|toml)\w+)`", page))


def test_another_folder_is_no_study(tmp_path: Path, ran: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(InputError):
        open_stochastic(tmp_path)
    (tmp_path / FILE).write_bytes((ran[0] / "scenarios" / "dear" / "plan.nc").read_bytes())
    with pytest.raises(InputError, match="another kind"):
        open_stochastic(tmp_path)


BAD: dict[str, tuple[str, str, str]] = {
    "no probability": ("probability = 0.25\n", "", "scenarios.dear.probability"),
    "probabilities add up to more": ("probability = 0.25", "probability = 0.5", "scenarios.dear.probability"),
    "a probability below zero": ("probability = 0.25", "probability = -0.25", "scenarios.dear.probability"),
    "a weight above one": ("weight = 0.4", "weight = 1.4", "weight"),
    "a confidence of one": ("confidence = 0.7", "confidence = 1.0", "confidence"),
    "an unknown group": ('"connections"]', '"wires"]', "first_stage"),
    "a group twice": ('"connections"]', '"sites"]', "first_stage"),
    "an unknown reference": ('reference = "as_planned"', 'reference = "dread"', "reference"),
    "an unknown knob": ("energy.price_scale", "energy.prise_scale", "scenarios.dear.set.energy.prise_scale"),
    "a value that the case refuses": ("price_scale = 2.0", "price_scale = -2.0", "scenarios.dear.set.energy"),
    "an unknown key": ("weight = 0.4", "wait = 0.4", "wait"),
    "no case of that name": ('case = "quick"', 'case = "quack"', "case"),
    "a name that means something else": ("scenarios.dear]", "scenarios.mean]", "scenarios.mean"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_at_its_place(what: str, tmp_path: Path) -> None:
    old, new, field = BAD[what]
    assert old in STUDY_TOML
    (tmp_path / "bad.toml").write_text(STUDY_TOML.replace(old, new), encoding="utf-8")
    done = CliRunner().invoke(
        app, ["stochastic", str(tmp_path / "bad.toml"), "--json", "-q", "--out", str(tmp_path / "out")]
    )
    found = json.loads(done.stdout)
    assert done.exit_code == 2, done.output
    assert found["field"].startswith(field) and found["file"].endswith("bad.toml")
    assert not (tmp_path / "out").exists()


def test_scenarios_of_other_quarters_are_refused() -> None:
    case = load_case("quick")
    one = xr.Dataset(coords={"region": ["A"], "quarter": ["2026Q1"], "year": [2026], "season": [1]})
    two = one.assign_coords(quarter=["2026Q2"])
    with pytest.raises(InputError, match="another quarter"):
        _refuse_unlike({"one": World(case, one), "two": World(case, two)}, Source("file.toml"))


def test_the_mean_of_knobs_and_cells(tmp_path: Path) -> None:
    case, source = load_case("quick"), Source("file.toml")
    change = Change(table="regions", column="rider_usd_per_mwh", change="shift", where={"region": ["TX_N"]})
    cell = cell_change(change, 4.0, source, "here.value")
    overlays = Overlays(case.tables_dir, source)
    folder = overlays.write([cell], tmp_path)
    shifted = with_overrides(case, ["energy.price_scale=3.0", "grid.connection_delay_quarters=2"])
    shifted = with_overrides(shifted, [f'data.tables_dir="{folder}"'])
    keys = ("energy.price_scale", "grid.connection_delay_quarters")
    made = [OneCase("a", case, {}), OneCase("b", shifted, {}, cells=(cell,), keys=keys)]
    mean = mean_case([case, shifted], made, [0.75, 0.25], source, tmp_path)
    assert mean.energy.price_scale == pytest.approx(1.5)
    assert mean.grid.connection_delay_quarters == 0  # half a quarter, rounded to the even one
    from grid_opt.inputs.tables import read_tables

    before, after = (read_tables(one.tables_dir)["regions"].set_index("region") for one in (case, mean))
    gained = after["rider_usd_per_mwh"] - before["rider_usd_per_mwh"]
    assert gained["TX_N"] == pytest.approx(1.0) and abs(gained.drop("TX_N")).max() == 0
    words = with_overrides(case, ['energy.outlook="flat"'])
    with pytest.raises(InputError, match="no mean"):
        mean_case([case, words], [OneCase("a", case, {}), OneCase("b", words, {}, keys=("energy.outlook",))],
                  [0.5, 0.5], source, tmp_path)  # fmt: skip


@pytest.mark.parametrize("name", bundled_studies())
def test_bundled_studies_are_sound(name: str) -> None:
    study, _ = load_study(name)
    assert study.name == name and study.title and len(study.scenarios) >= 3
