"""Plans that pay tariffs: what they pay is what the library bills, and they are what enumeration finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from grid_opt.config import Case
from grid_opt.plan.bill_summary import bill_lines
from grid_opt.study.plan_case import Planned
from grid_opt.tariffs.schema import Tariff
from grid_opt.verify import verify
from tests.tariff_fixture import CITED, schedule, tariff
from tests.test_brute_force import QUARTERS, _payment, trajectories
from tests.tiny import solve_tiny, tiny_world
from tests.tiny_menu import firm_everywhere, menu_world
from tests.tiny_tariffs import INDEXED, bill_of_run, by_size, charges, named, tariffs_case, tariffs_world, worth_of

CHARGES = charges()
ROUNDED = {"time.slice_days", "plan.provenance"}


def other_costs(case: Case, world: xr.Dataset, r: int, run: tuple[int, ...]) -> float:
    """Return all but the utility's bills of a build-out [million USD, present value]."""
    d, total = case.finance.real_discount_rate, 0.0
    build, hardware = float(world["construction_multiplier"][r]), float(world["hardware_price"]) / 1e6
    for quarter in range(4 * (case.horizon.long_run_until_year - 2025)):
        n = run[min(quarter, QUARTERS - 1)]
        site, shell = case.costs.site_fixed_musd * (n > 0), case.costs.shell_usd_per_kw * n * 10.0 / 1000
        due = build * (site + shell) * _payment(d, case.costs.shell_life_years)
        due += hardware * n * 10.0 * _payment(d, case.costs.hardware_life_years)
        due += case.costs.fixed_om_usd_per_kw_year * n * 10.0 / 1000 / 4
        total += due * (1 + d) ** (-(quarter + 0.5) / 4)
    return total


def cheapest(case: Case, world: xr.Dataset, tariffs: dict[str, Tariff]) -> float:
    """Return the least cost over all build-outs of all regions that meet the targets [million USD]."""
    names, costs = list(tariffs), []
    runs = [list(trajectories(case, world, r)) for r in range(len(names))]
    for r, name in enumerate(names):
        costs.append([
            other_costs(case, world, r, run) + worth_of(case, bill_of_run(case, world, r, run, tariffs[name]))
            if any(run) else 0.0
            for run in runs[r]
        ])  # fmt: skip
    total = np.array(costs[0])
    halls = np.array(runs[0], dtype=float)
    for r in range(1, len(names)):
        total = (total[:, None] + np.array(costs[r])[None, :]).ravel()
        halls = (halls[:, None, :] + np.array(runs[r], dtype=float)[None, :, :]).reshape(-1, QUARTERS)
    meets = (10.0 * halls >= world["target"].values - 1e-9).all(axis=1)
    return float(total[meets].min())


def solved(case: Case, tariffs: dict[str, Tariff], seed: int) -> tuple[xr.Dataset, Planned]:
    world = tiny_world(case, regions=len(tariffs), seed=seed)
    world["headroom"] = (world["headroom"] + 24.0).assign_attrs(world["headroom"].attrs)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    world = tariffs_world(case, tariffs, world)
    return world, solve_tiny(case, world)


def bills_as_the_library_has_them(case: Case, world: xr.Dataset, plan: xr.Dataset, tariffs: dict[str, Tariff]) -> None:
    """Compare every line of the plan's bills with the library's own bill of the same build-out, to the cent."""
    mine = bill_lines(plan)
    assert len(mine)
    for r, (name, one) in enumerate(tariffs.items()):
        run = tuple(int(n) for n in plan["halls"].sel(region=name).values.round())
        here = mine[mine["region"] == name]
        if not any(run):
            assert here.empty
            continue
        key = ["month", "kind", "charge", "part"]
        theirs = bill_of_run(case, world, r, run, one).lines.groupby(key)["usd"].sum()
        ours = here.groupby(key)["amount_usd"].sum()
        apart = ours.sub(theirs, fill_value=0.0).abs()
        assert apart.max() < 0.005, apart.sort_values().tail(3)


@pytest.mark.parametrize("kind", CHARGES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_plan_pays_what_enumeration_and_the_library_say(kind: str, seed: int) -> None:
    case = tariffs_case()
    tariffs = {"Z0": named(CHARGES[kind], "one"), "Z1": named(CHARGES["time of use"], "two")}
    world, planned = solved(case, tariffs, seed)
    bills_as_the_library_has_them(case, world, planned.plan, tariffs)
    assert planned.plan.attrs["objective"] == pytest.approx(cheapest(case, world, tariffs), rel=1e-7)
    report = verify(planned.plan, compare_tables=False)
    assert {check.name for check in report.failed} <= ROUNDED, report.failed


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sizes_choose_schedules_as_enumeration_does(seed: int) -> None:
    case = tariffs_case()
    tariffs = {"Z0": by_size().model_copy(update={"name": "sized"}), "Z1": named(CHARGES["ratchet"], "two")}
    world, planned = solved(case, tariffs, seed)
    assert world.sizes["size"] == 1
    bills_as_the_library_has_them(case, world, planned.plan, tariffs)
    assert planned.plan.attrs["objective"] == pytest.approx(cheapest(case, world, tariffs), rel=1e-7)
    report = verify(planned.plan, compare_tables=False)
    assert {check.name for check in report.failed} <= ROUNDED, report.failed


def _energy(hours: list[list[int]], peak: float, rest: float) -> dict[str, Any]:
    window = {"windows": [{"hours": hours}], "usd_per_mwh": peak}
    return {"energy": {"e": {**CITED, "periods": {"peak": window, "rest": {"usd_per_mwh": rest}}}}}


BY_SIZE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "other hours of the peak": (_energy([[12, 20]], 90.0, 30.0), _energy([[0, 4], [12, 20]], 60.0, 45.0)),
    "a least bill for the small": (
        {
            **INDEXED,
            "rider": {"r": {**CITED, "usd_per_mwh": 3.0}},
            "minimum_bill": {"m": {**CITED, "usd_per_month": 6e5}},
        },
        {**INDEXED, "rider": {"r": {**CITED, "usd_per_mwh": 1.0}}},
    ),
    "a credit for the small": ({**INDEXED, "rider": {"r": {**CITED, "usd_per_mwh": -9.0}}}, INDEXED),
}


@pytest.mark.parametrize("kind", BY_SIZE)
def test_charges_on_energy_that_differ_by_size(kind: str) -> None:
    small, large = BY_SIZE[kind]
    of = tariff(schedules={"small": schedule(below_mw=18.0, **small), "large": schedule(from_mw=18.0, **large)})
    case = tariffs_case()
    tariffs = {"Z0": of.model_copy(update={"name": "one"}), "Z1": of.model_copy(update={"name": "two"})}
    world, planned = solved(case, tariffs, 0)
    bills_as_the_library_has_them(case, world, planned.plan, tariffs)
    assert planned.plan.attrs["objective"] == pytest.approx(cheapest(case, world, tariffs), rel=1e-7)
    report = verify(planned.plan, compare_tables=False)
    assert {check.name for check in report.failed} <= ROUNDED, report.failed


def test_what_is_linear_takes_no_lines_and_only_falling_tiers_take_binaries() -> None:
    case = tariffs_case()

    def sizes(kind: str) -> dict[str, int]:
        world = tariffs_world(case, {"Z0": named(CHARGES[kind], "one")})
        return {dim: world.sizes[dim] for dim in ("line", "bound", "meter", "fall", "size")}

    assert sizes("time of use") == {"line": 0, "bound": 0, "meter": 0, "fall": 0, "size": 0}
    assert sizes("rising tiers")["fall"] == 0 < sizes("rising tiers")["line"]
    assert sizes("falling tiers")["fall"] > 0


@pytest.mark.parametrize("kind", ["minimum take", "delivery year", "sizes"])
def test_a_contract_that_is_free_to_choose_costs_no_more_than_the_load(kind: str) -> None:
    of = by_size() if kind == "sizes" else named(CHARGES[kind], "one")
    tariffs = {"Z0": of, "Z1": named(CHARGES["ratchet"], "two")}
    flat, menu = tariffs_case(), tariffs_case(connection={"menu": True})
    world = tiny_world(flat, regions=2, seed=1)
    world["headroom"] = (world["headroom"] + 24.0).assign_attrs(world["headroom"].attrs)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    fixed = solve_tiny(flat, tariffs_world(flat, tariffs, world.copy()))
    offered = menu_world(menu, firm_everywhere(world), world.copy())
    free = solve_tiny(menu, tariffs_world(menu, tariffs, offered))
    assert free.plan.attrs["objective"] <= fixed.plan.attrs["objective"] + 1e-6
    if kind != "sizes":  # only another schedule can make it worth while to contract more than the load
        assert free.plan.attrs["objective"] == pytest.approx(fixed.plan.attrs["objective"], rel=1e-9)
    report = verify(free.plan, compare_tables=False)
    assert {check.name for check in report.failed} <= ROUNDED, report.failed


def _cost(parts: dict[str, Any], **sections: dict[str, Any]) -> xr.Dataset:
    case = tariffs_case(**sections)
    return solved(case, {"Z0": named(parts, "one")}, 0)[1].plan


def test_peaks_are_shed_where_that_is_cheaper_and_only_there() -> None:
    four = CHARGES["four peaks of the year"]
    flexible = {"flexibility": {"max_curtailment_fraction": 0.25}, "demand": {"targets_mw": {"2026Q4": 20.0}}}
    cheap = _cost(four, tariffs={"hours_per_peak": 1.0}, **flexible)
    dear = _cost(four, tariffs={"hours_per_peak": 400.0}, **flexible)
    assert float(cheap["peak_shed"].max()) > 1 and float(dear["peak_shed"].max()) == 0
    assert cheap.attrs["objective"] < dear.attrs["objective"]
    # At most a quarter of the power in use may be turned down.
    it = cheap["halls"] * 10.0
    assert bool((cheap["peak_shed"] <= 0.25 * 0.8 * it * cheap["pue_peak"] + 1e-6).all())
    for plan in (cheap, dear):
        report = verify(plan, compare_tables=False)
        assert {check.name for check in report.failed} <= ROUNDED, report.failed
    # By hand: 4 of 4 declared hours in each long-run year, billed a year later, 0.2 x 20 MW x PUE less of each.
    kept = bill_lines(cheap).query("month == '2029-01' and kind == 'coincident'")["amount_usd"].sum()
    whole = bill_lines(dear).query("month == '2029-01' and kind == 'coincident'")["amount_usd"].sum()
    shed = float(cheap["peak_shed"].sel(quarter="2026Q4").sum())
    assert whole - kept == pytest.approx(60_000.0 / 12 * shed, abs=0.01)


@pytest.mark.parametrize("ramp", [[], [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]])
def test_leaving_at_the_end_costs_what_is_left_of_the_minimum(ramp: list[float]) -> None:
    take = {**CHARGES["minimum take"]["demand"]["d"]["minimum_take"], "years": 20, "ramp": ramp}
    demand = {"d": {**CHARGES["minimum take"]["demand"]["d"], "minimum_take": take}}
    fee = {"exit": {**CHARGES["letter"]["collateral"]["c"], "months_of_minimum": 36, "usd_per_kw": 2.0}}
    for unwanted in ("form", "fraction_per_year", "years"):
        fee["exit"].pop(unwanted)
    parts = {"demand": demand, "exit_fee": fee, "energy": CHARGES["time of use"]["energy"]}
    small = {"demand": {"targets_mw": {"2026Q4": 20.0}}}
    stays, leaves = _cost(parts, **small), _cost(parts, tariffs={"leave_at_end": True}, **small)
    contract = float((leaves["halls"] * 10.0 * leaves["pue_peak"]).sel(quarter="2026Q4").sum())
    # 36 months of 85 % of the contract, by the ramp, at 9 USD/kW, and 2 USD/kW: all paid when the horizon ends, five
    # years on.
    opens = int((leaves["halls"] > 0.5).any("region").values.argmax())
    served = [20 * 3 - 3 * opens + ahead for ahead in range(36)]
    shares = [0.85 * (ramp[n // 12] if n // 12 < len(ramp) else 1.0) for n in served]
    usd = contract * 1000 * (sum(shares) * 9.0 + 2.0)
    paid = leaves.attrs["objective"] - stays.attrs["objective"]
    assert paid == pytest.approx(usd * 1.07**-5 / 1e6, rel=1e-6)
    report = verify(leaves, compare_tables=False)
    assert {check.name for check in report.failed} <= ROUNDED, report.failed
