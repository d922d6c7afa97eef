"""Every check passes a sound plan and fails one spoiled for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from grid_opt.inputs.schema_environment import FOOTPRINT
from grid_opt.inputs.schema_offers import MENU, UPGRADE
from grid_opt.inputs.schema_supply import SUPPLY
from grid_opt.inputs.schema_tariffs import DELIVERED, TARIFF
from grid_opt.plan.io import open_plan, write_plan
from grid_opt.plan.schema import DUALS, MENU_COSTS, SUPPLY_COSTS, TARIFF_COSTS, UPGRADE_COSTS
from grid_opt.plan.schema_footprint import FOOTPRINT_COSTS, LEDGERS
from grid_opt.verify import CHECKS, verify
from tests.plan_fixture import OUTLINES, plan_by_hand, with_tables

pytest_plugins = ["tests.plan_plugin"]

Mutation = Callable[[xr.Dataset], "xr.Dataset | None"]


def put(name: str, value: float | str, **at: object) -> Mutation:
    """Write ``value`` at one place (everywhere without one)."""

    def mutate(ds: xr.Dataset) -> None:
        array = ds[name].astype(float if isinstance(value, float) else str)
        if at:
            array.loc[at] = value
        else:
            array[...] = value
        ds[name] = array.assign_attrs(ds[name].attrs)

    return mutate


def scale(name: str, factor: float) -> Mutation:
    def mutate(ds: xr.Dataset) -> None:
        ds[name] = (ds[name] * factor).assign_attrs(ds[name].attrs)

    return mutate


def attribute(name: str, value: object) -> Mutation:
    def mutate(ds: xr.Dataset) -> None:
        ds.attrs[name] = value

    return mutate


def case(old: str, new: str) -> Mutation:
    """Change the case, so that the plan no longer keeps it."""

    def mutate(ds: xr.Dataset) -> None:
        assert old in ds.attrs["case_toml"]
        ds.attrs["case_toml"] = ds.attrs["case_toml"].replace(old, new)

    return mutate


def relabel(dim: str, labels: list[object]) -> Mutation:
    return lambda ds: ds.assign_coords({dim: labels})


def rename_unit(ds: xr.Dataset) -> None:
    ds["purchase"].attrs["units"] = "kW"


def shift_angles(ds: xr.Dataset) -> None:
    """Turn all angles alike: flows stay, only the reference moves."""
    ds["angle"] = (ds["angle"] + 0.1).assign_attrs(ds["angle"].attrs)


def loop_flow(ds: xr.Dataset) -> None:
    """Send 1 MW around the loop: every zone still balances."""
    for link, sign in (("EAST>MID", 1.0), ("MID>WEST", 1.0), ("EAST>WEST", -1.0)):
        ds["link_flow"].loc[{"link": link}] += sign


def unknown_digest(ds: xr.Dataset) -> None:
    ds.attrs["content_sha256"] = "0" * 64


def unequal_days(ds: xr.Dataset) -> None:
    """Move an hour's weight from the first calendar quarter to the second: the year keeps its 8760 hours."""
    ds["slice_weight"].loc[{"slice": 0}] -= 1.0
    ds["slice_weight"].loc[{"slice": 24}] += 1.0


ONE = {"region": "EAST", "quarter": "2026Q2"}
NODE = {"zone": "MID", "quarter": "2026Q3", "stress": "summer"}
LINE = {"link": "EAST>MID", "quarter": "2026Q3", "stress": "summer"}
HOUR = {"region": "WEST", "year": 2027, "slice": 5}

MUTATIONS: dict[str, Mutation] = {
    "campus.site": put("site", 0.5, **ONE),
    "campus.halls": put("halls", 1.5, **ONE),
    "campus.site_monotone": put("site", 0.0, **ONE),
    "campus.halls_monotone": put("halls", 0.0, region="EAST", quarter="2026Q3"),
    "campus.campus_max": put("halls", 11.0, region="EAST", quarter="2026Q4"),
    "campus.campus_min": case("min_campus_mw = 20.0", "min_campus_mw = 40.0"),
    "campus.first_hall": put("halls", 0.0, region="WEST", quarter="2026Q2"),
    "campus.ramp": put("halls", 3.0, **ONE),
    "campus.site_lead": put("site_lead_quarters", 6.0, region="WEST"),
    "campus.max_sites": case("max_sites = 2", "max_sites = 1"),
    "campus.region_share": case("max_region_share = 0.6", "max_region_share = 0.3"),
    "campus.market_share": lambda ds: ds.assign(region_market=ds["region_market"].copy(data=["PJM", "PJM"])),
    "campus.tranche": put("halls", 2.0, region="WEST", quarter="2026Q4"),
    "campus.target": put("target", 69.0, quarter="2026Q4"),
    "connection.headroom": put("headroom", 20.0, **ONE),
    "budget.annual_budget": case("2026 = 3500.0", "2026 = 2900.0"),
    "budget.total_budget": case("total_musd = 4000.0", "total_musd = 2900.0"),
    "network.zone_supply": put("surplus", 0.1, **NODE),
    "network.link_flow": put("link_forward", 0.1),
    "network.angle": put("angle", np.nan, **NODE),
    "network.angle_reference": shift_angles,
    "network.zone_balance": put("zone_supply", 1.0, **NODE),
    "network.dc_flow": put("angle", 0.5, **NODE),
    "network.nodal_solve": loop_flow,
    "operation.purchase": put("purchase", -1.0, **HOUR),
    "operation.curtailment": put("curtailment", -1.0, **HOUR),
    "operation.curtailment_limit": put("curtailment", 9.0, **HOUR),
    "operation.power_balance": put("purchase", 20.0, **HOUR),
    "time.slice_weights": put("slice_weight", 91.5, slice=30),
    "time.slice_seasons": unequal_days,
    "time.slice_days": put("slice_hour", 5.0, slice=4),
    "time.calendar": relabel("year", [2026, 2028]),
    "cost.site_capex": scale("cost_site_capex", 1.00001),
    "cost.shell_capex": scale("cost_shell_capex", 1.00001),
    "cost.hardware_capex": case("hardware_life_years = 1.0", "hardware_life_years = 1.5"),
    "cost.fixed_om": scale("cost_fixed_om", 1.00001),
    "cost.energy": put("price", 41.0, **HOUR),
    "cost.rider": put("delivery_rider", 5.0, region="WEST"),
    "cost.delivery": scale("delivery_demand_charge", 1.01),
    "cost.capacity": put("capacity_charge", 1.0, region="WEST", year=2027, season=2),
    "cost.lost_compute": scale("cost_lost_compute", 1.00001),
    "total.terms": lambda ds: ds.assign(cost_gifts=ds["cost_rider"]),
    "total.objective": attribute("objective", 1234.0),
    "total.bound": attribute("bound", 1e6),
    "total.gap": attribute("gap", 1e-3),
    "total.status": attribute("status", "splendid"),
    "plan.provenance": attribute("inputs_sha256", "null"),
    "plan.duals": put("dual_power", 55.0, **HOUR),
    "plan.digest": unknown_digest,
    "inputs.dims": lambda ds: ds.drop_vars("loss"),
    "inputs.units": rename_unit,
    "inputs.labels": relabel("zone", ["EAST", "MID", "MID", "WEST"]),
    "inputs.finite": put("pue", 0.9, region="EAST", season=1),
    "inputs.hardware_price": scale("hardware_price", 1.001),
    "inputs.reproducible": put("slice_source_day", 11.0, slice=3),
    "tables.labels": relabel("zone", ["EAST", "MID", "NORTH", "WEST"]),
    "tables.zone_name": put("zone_name", "Eden", zone="EAST"),
    "tables.zone_market": put("zone_market", "NYISO", zone="MID"),
    "tables.zone_state": put("zone_state", "NM", zone="WEST"),
    "tables.zone_interconnect": put("zone_interconnect", "western", zone="WEST"),
    "tables.zone_lat": put("zone_lat", 40.0, zone="EAST"),
    "tables.zone_lon": put("zone_lon", -80.0, zone="EAST"),
    "tables.surplus": put("surplus", 31.0, zone="EAST", quarter="2026Q4", stress="winter"),
    "tables.link_from": put("link_from", "SOUTH", link="MID>WEST"),
    "tables.link_to": put("link_to", "SOUTH", link="MID>WEST"),
    "tables.link_kind": put("link_kind", "B2B", link="MID>WEST"),
    "tables.link_forward": put("link_forward", 80.0, link="EAST>MID", stress="winter"),
    "tables.link_reverse": put("link_reverse", 80.0, link="EAST>MID", stress="winter"),
    "tables.redispatch": put("redispatch", 2.5, zone="EAST", stress="summer"),
    "tables.link_base_flow": put("link_base_flow", 11.0, link="EAST>MID", stress="winter"),
    "tables.link_susceptance": put("link_susceptance", 1001.0, link="EAST>MID"),
    "tables.region_name": put("region_name", "Eden", region="EAST"),
    "tables.region_market": put("region_market", "MISO", region="EAST"),
    "tables.region_hub": put("region_hub", "Elsewhere", region="EAST"),
    "tables.basis": put("basis", -1.0, region="EAST", slice=40),
    "tables.headroom": case("link_available_share = 0.5", "link_available_share = 0.5\nconnection_delay_quarters = 1"),
    "tables.pue": put("pue", 1.11, region="EAST", season=1),
    "tables.pue_stress": put("pue_stress", 1.21, region="EAST", stress="summer"),
    "tables.pue_peak": put("pue_peak", 1.1, region="EAST"),
    "tables.site_lead_quarters": put("site_lead_quarters", 3.0, region="EAST"),
    "tables.construction_multiplier": put("construction_multiplier", 1.11, region="EAST"),
    "tables.loss": put("loss", 0.0501, region="EAST"),
    "tables.delivery_demand_charge": put("delivery_demand_charge", 8.0, region="EAST"),
    "tables.delivery_rider": put("delivery_rider", 4.1, region="EAST"),
    "tables.capacity_charge": put("capacity_charge", 1.2 * 92 * 200, region="EAST", year=2026, season=1),
    **{f"ledger.{name}": put(name, 12345.0, region="WEST", year=2027) for name in LEDGERS},
    **{f"tables.{name}": scale(name, 1.01) for name in FOOTPRINT},
}

SPOILED_PRICES: dict[str, Mutation] = {
    "missing power price": put("dual_power", np.nan, **HOUR),
    "worth less than nothing": put("dual_link", -1.0, **LINE),
    "headroom without a campus": put("dual_headroom", 100.0, region="WEST", quarter="2026Q1"),
    "target that is not named": put("dual_target", 100.0, quarter="2026Q3"),
    "no number": put("dual_target", np.nan, quarter="2026Q1"),
}


@pytest.fixture
def same_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let prices and slices made again be those of the hand-made plan, which no generator made."""
    monkeypatch.setattr("grid_opt.verify.contents._world_again", lambda case: plan_by_hand())


@pytest.mark.parametrize("mode", ["annuity", "cash_flow"])
@pytest.mark.usefixtures("same_tables")
def test_sound_plan_passes(mode: str, tmp_path: Path) -> None:
    report = verify(with_tables(plan_by_hand(mode), tmp_path), tmp_path)
    assert report.ok, report.failed
    assert report.warnings == ()
    assert {check.name for check in report.checks} == set(CHECKS)
    absent = {check.name for check in report.checks if check.state != "holds"}
    assert absent == {"plan.digest", *ABSENT}  # the digest is in no file
    assert report.closing == f"verified: {len(CHECKS) - len(absent)} checks hold, {len(absent)} not in this case"


ONLY_WITH_FLEET = {
    *(name for name in CHECKS if name.startswith(("fleet.", "service.", "resilience.")) and "shed" not in name),
    "campus.programme", "budget.present_value_budget",
    *(f"cost.{term}" for term in ("idle_hardware", "porting", "unserved_penalty", "forgone")),
}  # fmt: skip
"""Checks of a case that chooses its computers: tests/test_verify_fleet.py spoils plans for them."""

ONLY_AT_BUSES = {"cost.generation", "cost.lost_load", *(name for name in CHECKS if name.startswith("nodal."))}
"""Checks of a case whose campuses stand at buses: tests/test_verify_nodal.py spoils plans for them."""

ONLY_WITH_MENU = {
    *(n for n in CHECKS if n.startswith(("connection.", "relief.", "capacity.", "upgrade.", "network.upgraded"))),
    *(f"cost.{term}" for term in {**MENU_COSTS, **UPGRADE_COSTS}),
    *(f"tables.{name}" for name in {**MENU, **UPGRADE}), "tables.offers", "service.shed_limit",
} - {"connection.headroom"}  # fmt: skip
"""Checks of a case with a menu of offers: tests/test_verify_menu.py spoils plans for them."""

ONLY_WITH_FOOTPRINT = {
    *(n for n in CHECKS if n.startswith(("certificates.", "matching.", "carbon.", "water."))), "plan.strictness",
    *(f"cost.{term}" for term in FOOTPRINT_COSTS),
}  # fmt: skip
"""Checks of a case that asks something of carbon or water: tests/test_verify_footprint.py spoils plans for them."""

_OF_SUPPLY = ("contracts.", "forwards.", "onsite.", "battery.", "plant.", "store.", "supply.")
ONLY_WITH_SUPPLY = {
    *(n for n in CHECKS if n.startswith(_OF_SUPPLY)),
    *(f"cost.{term}" for term in SUPPLY_COSTS), *(f"tables.{name}" for name in SUPPLY if name != "ppa_price"),
    "tables.supply",
}  # fmt: skip
"""Checks of a case with sources of power beside wholesale: tests/test_verify_supply.py spoils plans for them."""

ONLY_WITH_TARIFFS = {
    *(n for n in CHECKS if n.startswith("tariff.")), *(f"cost.{term}" for term in TARIFF_COSTS), "inputs.tariffs",
}  # fmt: skip
"""Checks of a case that pays tariffs: tests/test_verify_tariffs.py spoils plans for them."""

ONLY_IN_TRADEOFFS = {name for name in CHECKS if name.startswith("tradeoff.")}
"""Checks of a case with criteria beside money: tests/test_verify_tradeoff.py spoils plans for them."""

ABSENT = (
    ONLY_WITH_FLEET | ONLY_AT_BUSES | ONLY_WITH_MENU | ONLY_WITH_SUPPLY | ONLY_WITH_FOOTPRINT | ONLY_WITH_TARIFFS
    | ONLY_IN_TRADEOFFS
)  # fmt: skip


def test_every_check_has_a_mutation() -> None:
    assert set(MUTATIONS) == set(CHECKS) - ABSENT


@pytest.mark.parametrize("name", list(MUTATIONS))
@pytest.mark.usefixtures("same_tables")
def test_check_fails_on_a_plan_spoiled_for_it(name: str, tmp_path: Path) -> None:
    spoiled = with_tables(plan_by_hand(), tmp_path)
    spoiled = MUTATIONS[name](spoiled) or spoiled
    report = verify(spoiled, tmp_path)
    failed = {check.name for check in report.failed}
    assert name in failed
    assert not report.ok
    assert report.worst.name in failed
    assert report.worst.name in report.closing


@pytest.mark.parametrize("name", list(SPOILED_PRICES))
def test_local_prices_are_checked(name: str, hand_plan: xr.Dataset) -> None:
    SPOILED_PRICES[name](hand_plan)
    assert [check.name for check in verify(hand_plan, compare_tables=False).failed] == ["plan.duals"]


def test_worst_violation_names_its_place(hand_plan: xr.Dataset) -> None:
    put("halls", 2.0, region="WEST", quarter="2026Q4")(hand_plan)
    checks = {check.name: check for check in verify(hand_plan, compare_tables=False).checks}
    tranche = checks["campus.tranche"]
    assert tranche.place == "quarter 2026Q4"
    assert tranche.unit == "MW"
    assert tranche.violation == pytest.approx(70 - 1.25 * 50)
    assert checks["operation.power_balance"].place.startswith("region WEST, year ")


NEEDED = sorted({str(name) for name in plan_by_hand().variables} - set(DUALS))


@pytest.mark.parametrize("name", NEEDED)
def test_missing_variable_is_a_failed_check_that_names_it(name: str) -> None:
    report = verify(plan_by_hand().drop_vars(name), compare_tables=False)
    assert not report.ok
    assert any(name in check.place for check in report.failed)


@pytest.mark.parametrize("name", ["case_toml", "objective", "bound", "gap", "status", "versions"])
def test_missing_attribute_is_a_failed_check(name: str) -> None:
    spoiled = plan_by_hand()
    del spoiled.attrs[name]
    report = verify(spoiled, compare_tables=False)
    assert any(name in check.place for check in report.failed)


def test_text_that_is_no_case_is_a_failed_check(hand_plan: xr.Dataset) -> None:
    hand_plan.attrs["case_toml"] = "[demand\n"
    assert not verify(hand_plan, compare_tables=False).ok


def test_plan_without_network_needs_no_flows(hand_plan: xr.Dataset) -> None:
    hand_plan.attrs["case_toml"] = hand_plan.attrs["case_toml"].replace("[grid]", "[grid]\nnetwork = false")
    report = verify(hand_plan.drop_vars(["zone_supply", "link_flow", "angle"]), compare_tables=False)
    assert report.ok, report.failed
    assert {c.place for c in report.checks if c.name.startswith("network.")} == {"not in this case"}
    assert f"{8 + len(ABSENT)} not in this case" in report.closing  # and the digest of a file


def test_an_infinite_value_never_holds(hand_plan: xr.Dataset) -> None:
    put("purchase", np.inf, region="EAST")(hand_plan)
    broken = {check.name for check in verify(hand_plan).failed}
    assert "operation.power_balance" in broken, "its rounding, a part of the largest term, is infinite as well"


@pytest.mark.usefixtures("same_tables")
def test_order_of_labels_does_not_matter(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    turned = with_tables(hand_plan, tmp_path).isel(region=[1, 0], zone=[3, 0, 2, 1], link=[2, 0, 3, 1])
    turned = turned.assign({name: turned[name].transpose() for name in ("halls", "purchase", "zone_supply")})
    report = verify(turned, tmp_path)
    assert report.ok, report.failed
    assert report.warnings == ()


def test_costs_in_million_usd_are_the_same_costs(hand_plan: xr.Dataset) -> None:
    hand_plan["cost_energy"] = (hand_plan["cost_energy"] / 1e6).assign_attrs(units="million USD")
    assert verify(hand_plan, compare_tables=False).ok


def test_report_is_json(hand_plan: xr.Dataset) -> None:
    put("halls", np.nan, **ONE)(hand_plan)
    text = json.dumps(verify(hand_plan, compare_tables=False).to_dict(), allow_nan=False)
    assert json.loads(text)["ok"] is False


def test_spoiled_file_fails(hand_plan: xr.Dataset, tmp_path: Path) -> None:
    import netCDF4

    path = tmp_path / "plan.nc"
    write_plan(hand_plan, OUTLINES, path)
    assert verify(path, compare_tables=False).ok
    with netCDF4.Dataset(path, "a") as file:
        file["halls"][1, 3] = 2
    report = verify(path, compare_tables=False)
    failed = {check.name for check in report.failed}
    assert {"campus.tranche", "plan.digest"} <= failed


def test_real_plan_passes(quick_plan: Path) -> None:
    report = verify(quick_plan)
    assert report.ok, report.failed
    assert report.warnings == ()


def test_real_plan_spoiled_fails_where_it_was_spoiled(quick_plan: Path) -> None:
    spoiled = open_plan(quick_plan)
    spoiled["price"][2, 1, 7] += 0.5
    report = verify(spoiled)
    place = f"region {spoiled.region.values[2]}, year {spoiled.year.values[1]}"
    checks = {check.name: check for check in report.failed}
    assert place in checks["inputs.reproducible"].place
    used = float(spoiled["purchase"][2, 1, 7]) > 0
    assert ("cost.energy" in checks) == used


def test_every_constraint_has_a_check() -> None:
    from grid_opt.config import load_case
    from grid_opt.formulation.model import print_formulas
    from grid_opt.inputs.world import build_world

    knobs = ["budget.total_musd=1e5", "budget.annual_musd={2026=1e5}", "connection.upgrades=true"]
    knobs += ["tariffs.charge=false", "supply.forwards=true"]
    knobs += ['supply.contracts=["financial","physical"]', 'supply.onsite=["engine","battery"]']
    knobs += ["supply.least_hedged_share=0.1", "supply.export_share=0.1"]
    case_ = load_case("quick", knobs)
    declared = print_formulas(case_, build_world(case_)).values()
    limits = {d.name for d in declared if d.kind in ("constraint", "variable")}
    costs = {f"cost.{d.short_name}" for d in declared if d.kind == "cost"}
    assert len(limits) > 20
    assert limits | costs <= set(CHECKS)


def test_verifier_shares_nothing_with_the_model() -> None:
    import subprocess
    import sys

    code = (
        "import sys, grid_opt.verify\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('pyomo', 'highspy') or m.startswith(\n"
        "       ('grid_opt.formulation', 'grid_opt.solve', 'grid_opt.finance'))]\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_manual_lists_every_check(root: Path) -> None:
    page = (root / "docs" / "verification.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert listed == set(CHECKS)


def test_manual_lists_every_array(root: Path) -> None:
    from grid_opt.inputs.schema import WORLD
    from grid_opt.inputs.schema_fleet import FLEET
    from grid_opt.inputs.schema_nodal import NODAL
    from grid_opt.plan.schema import PROVENANCE, specs

    page = (root / "docs" / "plan-format.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    every = {**specs(), **WORLD, **FLEET, **NODAL, **MENU, **UPGRADE, **SUPPLY, **FOOTPRINT, **TARIFF, **DELIVERED}
    for name, declared in every.items():
        row = next(line for line in rows if line.startswith(f"| `{name}` "))
        assert f"| {', '.join(declared.dims)} | {declared.unit or 'text'} |" in row
    assert all(any(line.startswith(f"| `{name}` ") for line in rows) for name in PROVENANCE)
