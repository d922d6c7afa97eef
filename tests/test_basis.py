"""The price of a place is that of its hub and a basis: hedges at the hub fix the one and leave the other open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from grid_opt.config import load_case
from grid_opt.inputs.basis import at_place, basis_of, hub_price, in_peak, measured_basis
from grid_opt.inputs.tables import inputs_sha256
from grid_opt.inputs.world import build_world, hours_of
from grid_opt.plan.supply_summary import hub_and_basis, summarize_supply
from grid_opt.report.tables import tables_of
from grid_opt.tariffs.bill import bill
from grid_opt.tariffs.context import Context
from grid_opt.verify import CHECKS, verify
from grid_opt.verify.evidence import Evidence
from tests.tariff_fixture import CITED, cost, load, tariff
from tests.test_supply import DRAWN, hall_case, musd, one_hall
from tests.test_verify_fleet import Mutation, add
from tests.tiny import solve_tiny
from tests.tiny_supply import Block, Contract, supply_world

HOURS = 8760.0


def priced(hub: float, basis: float) -> xr.Dataset:
    """Return one hall that pays a hub's price and a basis, the same in every hour."""
    world = one_hall(hall_case({"forwards": True}), price=hub + basis)
    world["basis"] = xr.full_like(world["basis"], basis)
    return world


def hedged_plan(hub: float, basis: float, share: float = 1.0) -> xr.Dataset:
    """Return the plan of a hall that must fix the price of a share of its energy; its block costs 42 USD/MWh."""
    case = hall_case({"forwards": True, "least_hedged_share": share})
    world = supply_world(case, priced(hub, basis), blocks=[Block("flat", "Z0")])
    world["forward_price"] = xr.full_like(world["forward_price"], 42.0)
    world["forward_most"] = xr.full_like(world["forward_most"], share * DRAWN)  # no more, however good the price
    return solve_tiny(case, world).plan


# --- invoices by hand


@pytest.mark.parametrize("hub", [30.0, 40.0, 80.0])
@pytest.mark.parametrize("basis", [0.0, 6.0, -9.0])
def test_a_hedge_of_all_load_pays_its_price_and_the_basis_whatever_the_hub_does(hub: float, basis: float) -> None:
    plan = hedged_plan(hub, basis)
    mwh = DRAWN * HOURS  # 9.064 MW in every hour
    assert musd(plan, "energy") == pytest.approx(mwh * (hub + basis) / 1e6, abs=1e-9)
    assert musd(plan, "forward_premium") == pytest.approx(mwh * (42 - hub) / 1e6, abs=1e-9)
    assert musd(plan, "energy") + musd(plan, "forward_premium") == pytest.approx(mwh * (42 + basis) / 1e6, abs=1e-9)
    at_hub, above = hub_and_basis(plan)
    assert float(at_hub.sum()) == pytest.approx(mwh * hub) and float(above.sum()) == pytest.approx(mwh * basis)


def test_what_is_not_hedged_follows_the_hub() -> None:
    low, high = (hedged_plan(hub, 6.0, share=0.5) for hub in (30.0, 80.0))
    paid = [musd(plan, "energy") + musd(plan, "forward_premium") for plan in (low, high)]
    assert paid[1] - paid[0] == pytest.approx(0.5 * DRAWN * HOURS * 50 / 1e6, abs=1e-9)


def test_an_invoice_of_hub_basis_and_a_block() -> None:
    """January: 744 h of 100 MW by an indexed tariff, and a block of 80 MW at 42 USD/MWh that settles at the hub."""
    t = tariff(indexed={"wholesale": {**CITED, "multiplier": 1.0, "adder_usd_per_mwh": 2.0}})
    used = load(100.0, "2026-01-01", "2026-02-01")
    hub = np.where(np.arange(len(used)) < 372, 30.0, 70.0)  # half the month each
    b = bill(t, used, Context(wholesale_usd_per_mwh=hub + 6.0))
    # 37,200 MWh at 30 + 6 + 2, 37,200 MWh at 70 + 6 + 2
    assert cost(b, "2026-01", "wholesale") == 4_315_200.00
    # 80 MW x 372 h: 12 paid for every MWh of the first half, 28 received in the second
    block = 80.0 * 372 * (42.0 - 30.0) + 80.0 * 372 * (42.0 - 70.0)
    assert block == -476_160.00
    # together: 59,520 MWh at 42, 14,880 MWh at the hub's mean of 50, and basis and adder on all 74,400 MWh
    assert cost(b, "2026-01", "wholesale") + block == 59_520 * 42.0 + 14_880 * 50.0 + 74_400 * 8.0


def test_a_contract_that_settles_at_the_hub_leaves_the_project_its_basis() -> None:
    """The project is paid 35 where it stands and its hub 41: the campus gets 41 for what it pays 30."""
    case = hall_case({"contracts": ["financial"]})
    at_project = Contract("wind", "Z0", strike=30.0, price=35.0, most=5.0)
    gains = []
    for above in (0.0, -6.0):
        world = supply_world(case, one_hall(case), [replace(at_project, above_hub=above)])
        plan = solve_tiny(case, world).plan
        assert float(plan["ppa_mw"].sum()) == pytest.approx(5.0)
        gains.append(-musd(plan, "settlement"))
    assert gains == pytest.approx([5 * 0.4 * HOURS * 5 / 1e6, 5 * 0.4 * HOURS * 11 / 1e6], abs=1e-9)


# --- the table, and the knob


def test_the_basis_is_that_of_quarter_and_hours_by_the_sun() -> None:
    zones = pd.DataFrame({"zone": ["A", "B"], "longitude_deg": [-75.0, -120.0]})  # 5 and 8 hours behind
    table = pd.DataFrame({"zone": ["A", "B"], "hub": ["H", "H"],
                          **{f"peak_q{c}_usd_per_mwh": [1.0 * c, 10.0 * c] for c in (1, 2, 3, 4)},
                          **{f"offpeak_q{c}_usd_per_mwh": [-1.0 * c, -10.0 * c] for c in (1, 2, 3, 4)}})  # fmt: skip
    slices = xr.Dataset({"slice_season": ("slice", [1, 1, 2, 4]), "slice_hour": ("slice", [10, 11, 13, 14])})
    # A: 05, 06, 08 and 09 h; B: 02, 03, 05 and 06 h; peak from 06 h on
    assert measured_basis(table, zones, ["A", "B"], slices).tolist() == [[-1, 1, 2, 4], [-10, -10, -20, 40]]
    assert in_peak(np.array([2.0, 3.0]), -75.0).tolist() == [1.0, 0.0]  # 21 and 22 h of the day before


@pytest.mark.parametrize(("scale", "place", "basis"), [(1.0, 40.0, 6.0), (0.0, 34.0, 0.0), (2.5, 49.0, 15.0)])
def test_a_wider_basis_moves_the_place_and_not_the_hub(scale: float, place: float, basis: float) -> None:
    case = load_case("quick", [f"energy.basis_scale={scale}"])
    own, measured = np.full((1, 1, 2), 40.0), np.full((1, 2), 6.0)
    assert at_place(case, own, measured) == pytest.approx(place) and basis_of(case, measured) == pytest.approx(basis)
    assert at_place(case, own, measured)[0] - basis_of(case, measured) == pytest.approx(34.0)


KNOBS = ("supply.forwards=true", 'supply.contracts=["financial"]', "supply.screen=false", "tariffs.charge=false")


@pytest.fixture(scope="module")
def worlds() -> dict[float, xr.Dataset]:
    """The world of quick with no basis, with that of the table, and with three times as much."""
    cases = {scale: load_case("quick", [*KNOBS, f"energy.basis_scale={scale}"]) for scale in (0.0, 1.0, 3.0)}
    hours = hours_of(cases[1.0], list(cases[1.0].regions.include))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grid_opt.inputs.world._hours", lambda case, zones, regions: hours)  # the same for all, made once
        return {scale: build_world(case) for scale, case in cases.items()}


def test_hubs_blocks_and_hub_settlements_do_not_feel_the_scale(worlds: dict[float, xr.Dataset]) -> None:
    none, one, three = worlds.values()
    for world in (none, three):
        np.testing.assert_allclose(hub_price(world), hub_price(one), atol=1e-9)
        np.testing.assert_allclose(world["forward_price"], one["forward_price"], atol=1e-9)
    assert float(abs(none["basis"]).max()) == 0.0 and float(abs(one["basis"]).max()) > 5.0
    np.testing.assert_allclose(
        three["price"] - one["price"], (2 * one["basis"]).broadcast_like(one["price"]), atol=1e-9
    )
    hub = [n for n, at in enumerate(one["ppa_offer"].values) if at == "shaped_tx"]
    settled = [(world["ppa_price"] - world["ppa_hub_basis"]).values[hub] for world in worlds.values()]
    assert hub
    np.testing.assert_allclose(settled[0], settled[1], atol=1e-9)
    np.testing.assert_allclose(settled[2], settled[1], atol=1e-9)


def test_every_zone_is_as_far_from_its_hub_as_prices_were(worlds: dict[float, xr.Dataset]) -> None:
    """Southern Minnesota lay 7.51 USD/MWh below Indiana at peak in the second quarter; northern Texas is the hub."""
    one = worlds[1.0]
    peak = in_peak(one["slice_hour"].values.astype(float), -93.462) * (one["slice_season"].values == 2)
    assert one["basis"].sel(region="MN_S").values[peak > 0] == pytest.approx(-7.51)
    assert float(abs(one["basis"].sel(region="TX_N")).max()) == 0.0
    assert dict(zip(one["region"].values, one["region_hub"].values, strict=True))["MN_S"] == "MISO Indiana"


# --- verified, told, refused


@pytest.fixture(scope="module")
def plan() -> xr.Dataset:
    """A sound plan with a block at the hub and a contract that settles there."""
    case = hall_case({"forwards": True, "contracts": ["financial"], "least_hedged_share": 0.8})
    contract = Contract("wind", "Z0", strike=30.0, most=5.0, above_hub=-3.0)
    found = solve_tiny(case, supply_world(case, priced(40.0, 6.0), [contract], [Block("flat", "Z0")])).plan
    report = verify(found, compare_tables=False)
    assert {check.name for check in report.failed} <= {"time.slice_days", "plan.provenance"}, report.failed
    return found


MUTATIONS: dict[str, Mutation] = {
    "cost.forward_premium": add("basis", 1.0),
    "cost.settlement": add("ppa_hub_basis", 1.0),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_check_fails_on_a_plan_spoiled_for_it(name: str, plan: xr.Dataset) -> None:
    spoiled = plan.copy(deep=True)
    MUTATIONS[name](spoiled)
    assert CHECKS[name](Evidence(plan, compare_tables=False)).state == "holds"
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "broken"


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_verifier_looks_the_basis_up_at_the_scale_of_the_case(
    scale: float, worlds: dict[float, xr.Dataset]
) -> None:
    import json

    from grid_opt.config import case_to_toml

    case = load_case("quick", [*KNOBS, f"energy.basis_scale={scale}"])
    attrs = {"case_toml": case_to_toml(case), "inputs_sha256": json.dumps(inputs_sha256())}
    right, wrong = (worlds[one].assign_attrs(attrs) for one in (scale, 4.0 - scale))
    for name in ("tables.basis", "tables.ppa_hub_basis", "tables.forward_price"):
        assert CHECKS[name](Evidence(right)).state == "holds", name
    assert CHECKS["tables.basis"](Evidence(wrong)).state == "broken"
    # a price of the place that does not follow the basis moves the hub, and so the price of every block
    left = right.assign(price=wrong["price"])
    assert CHECKS["tables.forward_price"](Evidence(left)).state == "broken"


def test_summary_and_tables_tell_hub_and_basis_apart(plan: xr.Dataset) -> None:
    case = hall_case({"forwards": True, "contracts": ["financial"], "least_hedged_share": 0.8})
    told = summarize_supply(plan, case)["wholesale_usd_per_mwh_by_year"]
    assert told["hub"]["2026"] == pytest.approx(40.0) and told["basis"]["2026"] == pytest.approx(6.0)
    energy = tables_of(plan)["energy"]
    assert energy["wholesale_paid_usd_per_mwh"].tolist() == pytest.approx([46.0])
    assert energy["basis_paid_usd_per_mwh"].tolist() == pytest.approx([6.0])
