"""Energy that contracts deliver to campuses that pay tariffs: what is billed on it, and where it may be delivered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import linprog

from grid_opt.config import Case, load_case
from grid_opt.errors import InputError
from grid_opt.inputs.contracts import Market, contract_arrays
from grid_opt.inputs.retail import without_access
from grid_opt.inputs.supply_screen import screened
from grid_opt.inputs.tables import read_tables
from grid_opt.plan.bill_summary import bill_lines
from grid_opt.tariffs.bill import bill
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.delivery import closed_schedules
from grid_opt.tariffs.schema import Tariff
from grid_opt.verify import CHECKS, verify
from grid_opt.verify.evidence import Evidence
from tests.tariff_fixture import CITED, cost, demand_rate, flat_rate, load, schedule, tariff
from tests.test_bad_input import call
from tests.test_brute_force import trajectories
from tests.test_menu import present
from tests.test_supply import DRAWN, hall_case, one_hall
from tests.test_tariff_bad_input import folder
from tests.test_tariff_plan import ROUNDED, other_costs
from tests.test_verify_fleet import Mutation, add
from tests.test_verify_menu import both, times
from tests.test_verify_tariffs import reworded
from tests.tiny import objective, solve_tiny, tiny_world
from tests.tiny_supply import Contract, supply_world
from tests.tiny_tariffs import INDEXED, bill_of_run, by_size, charges, named, tariffs_case, tariffs_world, worth_of

__all__ = ["folder"]

CHARGES = charges()
WHOLESALE = {"indexed": {"wholesale": {**CITED, "multiplier": 1.0, "adder_usd_per_mwh": 2.0}}}
RIDER = {"rider": {"r": {**CITED, "usd_per_mwh": 3.0}}}
BUNDLED = {"energy": {"e": flat_rate(55.0)}}


def sound(plan: xr.Dataset) -> None:
    report = verify(plan, compare_tables=False)
    assert {check.name for check in report.failed} <= ROUNDED, report.failed


# --- invoices by hand


def test_an_invoice_with_energy_delivered_by_others() -> None:
    index = {"wholesale": {**CITED, "multiplier": 1.1, "adder_usd_per_mwh": 2.0}}
    t = tariff(indexed=index, **RIDER, demand={"d": demand_rate(10.0)}, minimum_bill={
        "least": {**CITED, "usd_per_month": 4_000_000.0}})  # fmt: skip
    used = load(100.0, "2026-01-01", "2026-03-01")
    context = Context(
        wholesale_usd_per_mwh=np.full(len(used), 50.0), delivered_mw=np.where(used.index < "2026-02-01T05", 40.0, 0.0)
    )
    b = bill(t, used, context)
    # January: 744 h x 100 MW = 74,400 MWh at 1.1 x 50 + 2 = 57.00; 29,760 MWh of it delivered, at 55.00 given back.
    assert cost(b, "2026-01", "wholesale", "") == 4_240_800.00
    assert cost(b, "2026-01", "wholesale", "delivered") == -1_636_800.00
    # All 74,400 MWh pay the rider, all 100,000 kW the demand charge; the sum lacks 172,800.00 to the least bill.
    assert cost(b, "2026-01", "r") == 223_200.00 and cost(b, "2026-01", "d") == 1_000_000.00
    assert cost(b, "2026-01", "least") == 172_800.00
    # February: nothing is delivered, and no line says so.
    assert set(b.lines[b.lines["month"] == "2026-02"]["part"]) == {"", "all"}
    delivered = b.lines[b.lines["part"] == "delivered"]
    assert (delivered["quantity"].item(), delivered["rate_usd"].item()) == pytest.approx((29_760.0, -55.0))


@pytest.mark.parametrize(
    ("parts", "mw", "field"),
    [(WHOLESALE, 120.0, "delivered_mw[0]"), (WHOLESALE, -1.0, "delivered_mw[0]"),
     (BUNDLED, 40.0, "schedules.only.indexed")],
)  # fmt: skip
def test_deliveries_that_cannot_be_are_refused(parts: dict[str, Any], mw: float, field: str) -> None:
    used = load(100.0, "2026-01-01", "2026-02-01")
    context = Context(wholesale_usd_per_mwh=np.full(len(used), 50.0), delivered_mw=np.full(len(used), mw))
    with pytest.raises(InputError) as error:
        bill(tariff(**parts), used, context)
    assert error.value.field == field
    with pytest.raises(InputError, match="another length"):
        bill(tariff(**WHOLESALE), used, Context(delivered_mw=np.zeros(3)))


def paying_hall(parts: dict[str, Any], **supply: Any) -> tuple[Case, xr.Dataset]:
    """Return one hall that pays a tariff for one year without interest; its price is 60 and 10 USD/MWh by turns."""
    case = hall_case(
        {"contracts": ["physical"], **supply}, tariffs={"charge": True}, flexibility={"max_curtailment_fraction": 0.0}
    )
    world = one_hall(case)
    world["price"] = world["price"].copy(data=np.tile([60.0, 10.0], 4)[None, None, :])
    return case, tariffs_world(case, {"Z0": named(parts, "one")}, world)


WIND = Contract("wind", "Z0", physical=True, strike=30.0, price=25.0, basis=2.0, production=0.5, most=8.0)


def test_a_plan_pays_wholesale_on_what_it_buys_and_the_rest_on_what_is_metered() -> None:
    """The contract makes 4 MW; it delivers in half the hours, at 60 USD/MWh, and sells at 25 - 3 in the others."""
    case, world = paying_hall(WHOLESALE | RIDER | {"demand": {"d": demand_rate(10.0)}})
    plan = solve_tiny(case, supply_world(case, world, [WIND])).plan
    sound(plan)
    assert plan["delivered_ppa"].values[0, 0] == pytest.approx(np.tile([4.0, 0.0], 4), abs=1e-9)
    lines = bill_lines(plan).set_index(["month", "kind", "part"])["amount_usd"]
    # January: 372 h each at 60 and 10 USD/MWh, 3 % of losses; 8.8 MW at the meter in all hours, whoever sells them.
    meter = DRAWN / 1.03
    assert lines["2026-01", "indexed", ""] == pytest.approx(372 * meter * (70 * 1.03 + 2 * 2.0), abs=0.005)
    assert lines["2026-01", "indexed", "delivered"] == pytest.approx(-372 * 4.0 * 60.0, abs=0.005) == -89_280.00
    assert lines["2026-01", "rider", ""] == pytest.approx(744 * meter * 3.0, abs=0.005)
    assert lines["2026-01", "demand", "all"] == pytest.approx(12_000 * 10.0, abs=0.005)  # the declared day, as before
    year = float(plan["cost_energy"].sum())
    half = 8760 / 2
    assert year == pytest.approx(half * ((DRAWN - 4) * 60 + DRAWN * 10) + 8760 * meter * 2.0, abs=0.01)
    assert float(plan["cost_rider"].sum()) == pytest.approx(8760 * meter * 3.0, abs=0.01)
    paid = 4 * 8760 * 30 - 4 * half * (25 - 3) + 4 * half * 2
    assert float(plan["cost_settlement"].sum() + plan["cost_wheeling"].sum()) == pytest.approx(paid, abs=0.01)


def test_a_contract_at_the_price_of_every_hour_changes_no_cost_and_spares_no_rider() -> None:
    """Half the energy must have a fixed price; the project makes it at the campus's own price, without basis."""
    parts = {"indexed": {"wholesale": {**CITED, "multiplier": 1.0}}} | RIDER
    hedged, _ = paying_hall(parts, least_hedged_share=0.5)
    plain = one_hall(hedged, price=40.0)
    world = tariffs_world(hedged, {"Z0": named(parts, "one")}, plain)
    twin = Contract("twin", "Z0", physical=True, strike=40.0, price=40.0, production=1.0, most=30.0)
    plan = solve_tiny(hedged, supply_world(hedged, world, [twin])).plan
    sound(plan)
    assert float(plan["delivered_ppa"].max()) == pytest.approx(0.5 * DRAWN)  # a sale would lose the margin
    alone = hall_case({}, tariffs={"charge": True}, flexibility={"max_curtailment_fraction": 0.0})
    without = solve_tiny(alone, tariffs_world(alone, {"Z0": named(parts, "one")}, plain)).plan
    assert plan.attrs["objective"] == pytest.approx(without.attrs["objective"], abs=1e-9)
    assert float(plan["cost_rider"].sum()) == pytest.approx(float(without["cost_rider"].sum()), rel=1e-9)


# --- what is planned, against enumeration and a linear program written by hand

KINDS: dict[str, dict[str, Any]] = {
    "ratchet": CHARGES["ratchet"],
    "delivery year": CHARGES["delivery year"],
    "tiers beside the index": INDEXED | {"energy": CHARGES["rising tiers"]["energy"]},
}
OFFER = Contract("solar", "Z0", physical=True, strike=12.0, price=24.0, basis=3.0, production=0.4, most=8.0)


def delivering_case(**sections: dict[str, Any]) -> Case:
    supply = {"contracts": ["physical"], "most_contracted_share": 10.0}
    return tariffs_case(supply=supply | sections.pop("supply", {}), **sections)


def delivering_world(case: Case, tariffs: dict[str, Tariff], contracts: list[Contract], seed: int = 0) -> xr.Dataset:
    world = tiny_world(case, regions=len(tariffs), seed=seed)
    world["headroom"] = xr.full_like(world["headroom"], 40.0)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    return supply_world(case, tariffs_world(case, tariffs, world), contracts)


def by_hand(case: Case, world: xr.Dataset, run: tuple[int, ...], of: Tariff) -> float:
    """Return the cost of a build-out of Z0 with all of the contract, delivered where that saves [million USD]."""
    sale, made = OFFER.price - case.supply.sale_margin_usd_per_mwh, 0.4 * OFFER.most
    price, season = world["price"].values[0], world["slice_season"].values.astype(int) - 1
    open_ = np.array([[run[c] > 0 for c in season], [run[-1] > 0] * len(season)])
    delivered = np.where(open_ & (1.1 * price > sale + OFFER.basis), made, 0.0)
    worth = np.array([[sum(present(case, 4 * (y - 2026) + c) for y in years) for c in season]
                      for years in ([2026], range(2027, 2031))])  # fmt: skip
    hours = worth * world["slice_weight"].values
    contract = float((hours * ((OFFER.strike - sale) * made + (sale + OFFER.basis) * delivered)).sum())
    billed = worth_of(case, bill_of_run(case, world, 0, run, of, delivered))
    return other_costs(case, world, 0, run) + billed + contract / 1e6


@pytest.mark.parametrize("kind", [*KINDS, "sizes"])
def test_the_optimum_is_that_of_enumeration(kind: str) -> None:
    """The contract pays even if all is sold, so that every build-out signs all of it; what is delivered saves more."""
    case = delivering_case(demand={"targets_mw": {"2026Q3": 10.0}})
    of = by_size().model_copy(update={"name": "one"}) if kind == "sizes" else named(KINDS[kind], "one")
    world = delivering_world(case, {"Z0": of}, [OFFER], seed=3)
    plan = solve_tiny(case, world).plan
    sound(plan)
    assert float(plan["ppa_mw"].sum()) == pytest.approx(OFFER.most)
    assert 0 < float((plan["delivered_ppa"] > 1e-6).mean()) < 1
    runs = [run for run in trajectories(case, world, 0)
            if all(10.0 * n >= case.target_mw(q) for n, q in zip(run, case.quarters, strict=True))]  # fmt: skip
    assert len(runs) > 5
    assert plan.attrs["objective"] == pytest.approx(min(by_hand(case, world, run, of) for run in runs), rel=1e-8)


def test_a_least_bill_takes_back_what_a_delivery_saves() -> None:
    """A linear program by hand: what eight slices deliver, and what twelve months lack to their least bill."""
    least = 300_000.0
    parts = WHOLESALE | RIDER | {"minimum_bill": {"m": {**CITED, "usd_per_month": least}}}
    case, world = paying_hall(parts)
    world["price"] = world["price"].copy(data=np.array([70.0, 20, 60, 25, 50, 28, 65, 22])[None, None, :])
    world = tariffs_world(case, {"Z0": named(parts, "one")}, world)
    offer = Contract("wind", "Z0", physical=True, strike=15.0, price=23.0, basis=1.0, production=0.5, most=8.0)
    plan = solve_tiny(case, supply_world(case, world, [offer])).plan
    sound(plan)
    lacking = bill_lines(plan).query("kind == 'minimum_bill'")["amount_usd"]
    assert lacking.max() > 100 and lacking.min() == 0
    assert float(plan["delivered_ppa"].sum()) > 0
    # The months of 2026 have so many days; a slice is half of each of them. Columns: 8 deliveries, 12 lacks.
    days, price = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], world["price"].values[0, 0]
    saved = np.zeros((12, 8))
    fixed = np.zeros(12)
    for m, d in enumerate(days):
        for s in (2 * (m // 3), 2 * (m // 3) + 1):
            saved[m, s] = 12 * d * price[s]
            fixed[m] += 12 * d * (DRAWN * price[s] + DRAWN / 1.03 * (2.0 + 3.0))
    forgone = saved.sum(axis=0) / price * (23 - 3 + 1.0)
    found = linprog(
        np.concatenate([forgone - saved.sum(axis=0), np.ones(12)]), A_ub=np.hstack([saved, -np.eye(12)]),
        b_ub=fixed - least, bounds=[(0, 4.0)] * 8 + [(0, None)] * 12,
    )  # fmt: skip
    made = 4 * 8760 * (15 - (23 - 3))
    terms = ("energy", "rider", "delivery", "settlement", "wheeling")
    total = sum(float(plan[f"cost_{term}"].sum()) for term in terms)
    assert total == pytest.approx(fixed.sum() + found.fun + made, abs=0.05)


# --- where energy may be delivered


def changing(**later: Any) -> Tariff:
    """Return a tariff that bills at wholesale, and other terms from 2028 on."""
    return tariff(schedules={
        "first": schedule(last_month="2027-12", **WHOLESALE), "later": schedule(first_month="2028-01", **later),
    })  # fmt: skip


def test_contracts_deliver_only_where_energy_is_at_wholesale_throughout() -> None:
    plan = range(12 * 2026, 12 * 2031)
    free = {"indexed": {"wholesale": {**CITED, "multiplier": 0.0, "adder_usd_per_mwh": 50.0}}}
    cases = {
        "indexed": (tariff(**WHOLESALE), []), "indexed with delivery by the MWh": (tariff(**WHOLESALE, **BUNDLED), []),
        "bundled": (tariff(**BUNDLED), ["only"]), "no multiple of the price": (tariff(**free), ["only"]),
        "bundled later": (changing(**BUNDLED), ["later"]), "indexed later": (changing(**WHOLESALE), []),
        "by size": (tariff(schedules={
            "small": schedule(below_mw=20.0, **BUNDLED), "large": schedule(from_mw=20.0, **WHOLESALE),
        }), ["small"]),
    }  # fmt: skip
    for name, (one, closed) in cases.items():
        assert closed_schedules(one, plan) == closed, name
    assert closed_schedules(changing(**BUNDLED), range(12 * 2026, 12 * 2028)) == []  # the plan ends before
    case = delivering_case()
    tariffs = {"Z0": named(BUNDLED, "bundled"), "Z1": named(WHOLESALE, "open"),
               "Z2": changing(**BUNDLED).model_copy(update={"name": "closes"})}  # fmt: skip
    shut = without_access(case, tariffs_world(case, tariffs))
    assert shut == {"Z0": "tariff bundled, schedule only", "Z2": "tariff closes, schedule later"}
    assert without_access(hall_case({"contracts": ["physical"]}), tiny_world(case)) == {}


# --- what is left out before the search


@pytest.mark.parametrize("seed", range(6))
def test_what_is_left_out_is_in_no_optimum(seed: int) -> None:
    """Random offers under tariffs with multiples of the price, credits and least bills, with and without exports."""
    rng = np.random.default_rng(seed)
    index = {"w": {**CITED, "multiplier": float(rng.choice([0.5, 1.0, 1.3])), "adder_usd_per_mwh": -4.0}}
    least = {"minimum_bill": {"m": {**CITED, "usd_per_month": float(rng.uniform(1e5, 6e5))}}}
    tariffs = {"Z0": named({"indexed": index} | RIDER, "one"), "Z1": named({"indexed": index} | least, "two")}
    case = delivering_case(demand={"targets_mw": {"2026Q2": 20.0}})
    offers = [
        Contract(f"o{n}", f"Z{n % 2}", physical=True, strike=float(rng.uniform(15, 60)), basis=float(rng.uniform(0, 5)),
                 price=tuple(rng.uniform(-20, 60, size=8)), production=tuple(rng.uniform(0, 1, size=8)), most=3.0)
        for n in range(8)
    ]  # fmt: skip
    world = delivering_world(case, tariffs, offers, seed)
    world["price"] = world["price"].copy(data=rng.uniform(-30, 70, size=world["price"].shape))
    world = supply_world(case, tariffs_world(case, tariffs, world), offers)
    kept = screened(case, world).sizes["ppa"]
    assert kept < 8
    plan = solve_tiny(case, world).plan
    left = [n not in screened(case, world)["ppa"].values for n in world["ppa"].values]
    assert float(plan["ppa_mw"].values[left].sum()) == pytest.approx(0.0, abs=1e-6)
    few = [offer for offer, out in zip(offers, left, strict=True) if not out]
    assert objective(case, delivering_again(case, world, few)) == pytest.approx(plan.attrs["objective"], rel=1e-9)


def delivering_again(case: Case, world: xr.Dataset, offers: list[Contract]) -> xr.Dataset:
    plain = world.drop_dims(["ppa", "wheeled"])
    return supply_world(case, plain, offers)


# --- spoiled plans


@pytest.fixture(scope="module")
def delivered_plan() -> xr.Dataset:
    """A sound plan of a campus with a least bill and a rider that differs by size, to which a contract delivers."""
    sized = by_size(15.0)
    small, large = (sized.schedules[n].model_dump(exclude_defaults=True) for n in ("small", "larger"))
    small["minimum_bill"] = {"m": {**CITED, "usd_per_month": 6e5}}
    large["first_month"] = "2025-01"
    of = tariff(schedules={"small": small, "large": large}).model_copy(update={"name": "one"})
    case = delivering_case(demand={"targets_mw": {"2026Q1": 10.0, "2026Q3": 20.0}})
    plan = solve_tiny(case, delivering_world(case, {"Z0": of}, [OFFER], seed=3)).plan
    sound(plan)
    assert float(plan["delivered_ppa"].max()) > 1 and plan.sizes["meter"] > 0
    return plan


def unpaid_rider(plan: xr.Dataset) -> None:
    """Pay riders on what is bought alone, in the bills and in the cost."""
    wheeled = plan["delivered_ppa"].sum("wheeled")
    share = float((wheeled * plan["slice_weight"]).sum()) / float(
        ((plan["purchase"].sum("region") + wheeled) * plan["slice_weight"]).sum()
    )
    riders = plan["bill_kind"] == "rider"
    for name in ("bill_usd", "bill_quantity"):
        plan[name] = plan[name].where(~riders, plan[name] * (1 - share))
    plan["cost_rider"] = plan["cost_rider"] * (1 - share)


FEWER = {"year": 2027}
MUTATIONS: dict[str, Mutation] = {
    "contracts.delivery": add("delivered_ppa", 9.0),
    "contracts.delivered_ppa": add("delivered_ppa", -9.0),
    "operation.power_balance": add("delivered_ppa", 0.5, **FEWER),
    "tariff.retail_access": reworded('"multiplier": 1.1', '"multiplier": 0.0'),
    "tariff.design_day": add("delivered_ppa", 20.0),
    "tariff.bounds": add("delivered_ppa", 50.0),
    "tariff.lines": both(times("delivered_ppa", 0.5)),
    "cost.energy": times("delivered_ppa", 0.5),
    "cost.rider": unpaid_rider,
    "cost.wheeling": add("ppa_basis", 1.0),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_check_fails_on_a_plan_spoiled_for_it(name: str, delivered_plan: xr.Dataset) -> None:
    assert CHECKS[name](Evidence(delivered_plan, compare_tables=False)).state == "holds"
    spoiled = delivered_plan.copy(deep=True)
    MUTATIONS[name](spoiled)
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "broken"


def test_a_rider_that_is_not_paid_on_deliveries_breaks_the_bill(delivered_plan: xr.Dataset) -> None:
    spoiled = delivered_plan.copy(deep=True)
    unpaid_rider(spoiled)
    assert CHECKS["tariff.lines"](Evidence(spoiled, compare_tables=False)).state == "broken"


# --- cases with tables of their own


def test_offers_that_nobody_may_deliver_are_left_out_with_a_note(folder: Path) -> None:
    """The tariff of TX_N ceases to bill wholesale energy with its second schedule; that of OK does not."""
    path = folder / "tables" / "mine.toml"
    before, index, later = path.read_text(encoding="utf-8").partition("[schedules.many_peaks.indexed.wholesale]")
    path.write_text(before + index + later.replace("multiplier = 1.0", "multiplier = 0.0", 1), encoding="utf-8")
    told = call("check", str(folder / "case.toml"), "--set", 'supply.contracts=["physical"]', "--json")
    assert told.exit_code == 0, told.output
    (note,) = [note for note in json.loads(told.stdout)["warnings"] if "may deliver" in note]
    assert "there: 1 (solar_tx_n_delivered to TX_N)" in note
    assert note.endswith("throughout by tariff mine, schedule many_peaks")


def test_a_case_whose_tariffs_let_nobody_deliver_is_refused() -> None:
    case = load_case("quick", ['supply.contracts=["physical"]'])
    none = np.zeros(1)
    market = Market(
        lambda zone: none, lambda zone: none, lambda technology, zone: none, none, np.ones(1, dtype=np.int64), none,
        {year: {year: 1.0} for year in (2026, 2027, 2028, 2029)},
    )  # fmt: skip
    with pytest.raises(InputError, match="nobody but its utility may deliver") as error:
        contract_arrays(case, ["TX_N"], read_tables(None), market, {"TX_N": "tariff mine, schedule later"})
    assert error.value.field == "deliverable_to" and "solar_tx_n_delivered@TX_N" in str(error.value.value)
    assert "not tariff mine, schedule later" in str(error.value.expected)
