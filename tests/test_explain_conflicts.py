"""Limits beyond campuses and grid that conflict are named, and every repair proposed makes the case feasible."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.config import Case, with_overrides
from grid_opt.errors import InfeasibleError
from grid_opt.formulation.model import build_model
from grid_opt.plan.explanation import FILE
from grid_opt.solve.answer import Options
from grid_opt.solve.highs import solve
from grid_opt.solve.standard_form import to_matrix
from tests.tiny import solve_tiny, tiny_case, tiny_world
from tests.tiny_supply import Block, supply_case, supply_world


@dataclass(frozen=True)
class Seeded:
    """A case that has no plan, the knob that its repairs must name, and a slightly smaller change that fails."""

    named: str
    case: Callable[[], Case]
    world: Callable[[Case], xr.Dataset] = lambda case: tiny_world(case, 3, 1)
    less: dict[str, float] = field(default_factory=dict)


FREE = {"site_lead_quarters": 2.0, "headroom": 60.0}


def _free(case: Case, regions: int = 3) -> xr.Dataset:
    world = tiny_world(case, regions, 1)
    for name, value in FREE.items():
        world[name] = xr.full_like(world[name], value)
    return world


def _carbon(**knobs: Any) -> Callable[[], Case]:
    return lambda: tiny_case(carbon=knobs)


def _hedged(case: Case) -> xr.Dataset:
    return supply_world(case, _free(case, 1), blocks=[Block("flat", "Z0", most=5.0)])


def _late(case: Case) -> xr.Dataset:
    world = _free(case)
    world["headroom"].loc[{"quarter": ["2026Q1", "2026Q2"]}] = 0.0
    return world


CERTIFICATES = {"annual_certificates_gwh": 60.0}
SEEDED = {
    "a cap on emissions": Seeded("carbon.cap_t.2027", _carbon(cap_t={2027: 50e3}), _free, {"carbon.cap_t.2027": -50.0}),
    "two caps on emissions": Seeded("carbon.cap_t.2026", _carbon(cap_t={2026: 10e3, 2027: 40e3}), _free),
    "a cap by the market's ledger": Seeded(
        "carbon.cap_t.2026", _carbon(ledger="market", cap_t={2026: 5e3}, **CERTIFICATES), _free
    ),
    "a share of the year": Seeded(
        "carbon.annual_share.2026", _carbon(annual_share={2026: 0.9}, **CERTIFICATES), _free,
        {"carbon.annual_share.2026": 1e-3},
    ),
    "a share of the year, region by region": Seeded(
        "carbon.annual_share.2026", _carbon(annual_share={2026: 0.9}, scope="region", **CERTIFICATES), _free
    ),
    "a share by the hour": Seeded(
        "carbon.hourly_share.2026", _carbon(hourly_share={2026: 0.95}, hourly_certificates_mw=15.0), _free,
        {"carbon.hourly_share.2026": 1e-3},
    ),
    "a share with the grid counted": Seeded(
        "carbon.hourly_share.2026", _carbon(hourly_share={2026: 0.97}, grid_counts=True), _free
    ),
    "a cap on water": Seeded("water.cap_m3.1", lambda: tiny_case(water={"cap_m3": {1: 20e3}}), _free,
                             {"water.cap_m3.1": -20.0}),
    "a share to be hedged": Seeded(
        "supply.least_hedged_share",
        lambda: supply_case({"forwards": True, "least_hedged_share": 0.9}, campus={"max_campus_mw": 40.0}), _hedged,
        {"supply.least_hedged_share": 1e-3},
    ),
    "a budget of all costs": Seeded(
        "budget.present_value_musd", lambda: tiny_case(budget={"present_value_musd": 300.0}), _free,
        {"budget.present_value_musd": -0.3},
    ),
    "a target before there is headroom": Seeded(
        "demand.targets_mw.2026Q3", lambda: tiny_case(demand={"targets_mw": {"2026Q1": 20.0, "2026Q4": 40.0}}), _late
    ),
    "two limits at once": Seeded(
        "carbon.cap_t.2026", lambda: tiny_case(carbon={"cap_t": {2026: 5e3}}, water={"cap_m3": {1: 10e3}}), _free
    ),
}  # fmt: skip


def _feasible(case: Case, world: xr.Dataset) -> bool:
    matrix = to_matrix(
        build_model(case, world.assign(target=("quarter", [case.target_mw(q) for q in case.quarters]))).pyomo
    )
    answer = solve(matrix, Options(gap=1.0))
    assert answer.status in ("optimal", "infeasible")
    return answer.x is not None


@pytest.mark.parametrize("name", SEEDED)
def test_every_conflict_is_named_and_every_repair_gives_a_plan(name: str) -> None:
    seeded = SEEDED[name]
    case = seeded.case()
    world = seeded.world(case)
    with pytest.raises(InfeasibleError) as caught:
        solve_tiny(case, world)
    error = caught.value
    assert error.repairs and seeded.named in str(error), str(error)
    assert error.shortage and "[at most" not in str(error).partition(seeded.named)[0]
    for repair in error.repairs:
        overrides = [str(one) for one in repair["overrides"]]  # type: ignore[attr-defined]
        if overrides:
            assert _feasible(with_overrides(case, overrides), world), repair["words"]
    for knob, step in seeded.less.items():
        mine = next(r for r in error.repairs if any(str(o).startswith(knob) for o in r["overrides"]))  # type: ignore[attr-defined]
        assert mine["smallest"]
        overrides = [str(one) for one in mine["overrides"]]  # type: ignore[attr-defined]
        value = float(next(o for o in overrides if o.startswith(knob)).partition("=")[2])
        assert not _feasible(with_overrides(case, [*overrides, f"{knob}={value + step}"]), world), mine["words"]


def test_a_case_without_a_plan_is_explained_in_a_file(tmp_path: Path) -> None:
    words = ["explain", "quick", "--set", 'regions.include=["TX_N"]', "--set", "tariffs.charge=false", "--json", "-q"]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path)])
    told = json.loads((tmp_path / FILE).read_text())
    assert result.exit_code == 3 and told["format"] == "grid-opt conflict" and told["case"] == "quick"
    assert told["shortage"].startswith("The target of 150 MW in 2027Q4 exceeds the 115 MW")
    assert "campus.max_campus_mw=140" in told["repairs"][0]["overrides"]
    assert json.loads(result.stdout)["repairs"] == told["repairs"]
