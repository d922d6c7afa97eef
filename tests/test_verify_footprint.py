"""Every check of carbon and water fails on a plan spoiled for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr

from grid_opt.verify import CHECKS, verify
from grid_opt.verify.evidence import Evidence
from tests.test_carbon import HARMLESS
from tests.test_verify import ONLY_WITH_FOOTPRINT
from tests.test_verify_fleet import Mutation, add
from tests.test_verify_menu import both, knob, times
from tests.tiny import solve_tiny, tiny_case, tiny_world

OFFERS = {"annual_certificates_gwh": 120.0, "hourly_certificates_mw": 25.0}


def solved(**sections: Any) -> xr.Dataset:
    """Return a sound plan of a case that asks for so much."""
    case = tiny_case(**sections)
    world = tiny_world(case, seed=3)
    plan = solve_tiny(case, world).plan
    report = verify(plan, compare_tables=False)
    assert {check.name for check in report.failed} <= HARMLESS, report.failed
    return plan


@pytest.fixture(scope="module")
def plans() -> dict[str, xr.Dataset]:
    """Plans on each ledger, with shares of every region and of all together, and water."""
    water = {"price_usd_per_m3": {1: 1.0, 3: 4.0}, "cap_m3": {1: 1e6, 2: 239e3}}
    priced = {"price_usd_per_t": {2026: 20.0, 2028: 60.0}}
    return {
        "location": solved(carbon={**priced, "cap_t": {2026: 66e3, 2027: 178e3}}, water=water),
        "market": solved(carbon={
            "ledger": "market", **priced, "cap_t": {2027: 150e3}, "annual_share": {2026: 0.2, 2028: 0.3},
            "hourly_share": {2027: 0.15}, "scope": "region", **OFFERS,
        }),
        "hourly": solved(carbon={
            "ledger": "hourly", **priced, "cap_t": {2027: 160e3}, "annual_share": {2026: 0.3},
            "hourly_share": {2026: 0.2}, **OFFERS,
        }),
    }  # fmt: skip


MUTATIONS: dict[str, tuple[str, Mutation]] = {
    "certificates.granular": ("hourly", add("granular", 30.0, slice=3)),
    "certificates.certificates": ("market", add("certificates", -500.0)),
    "certificates.limit": ("market", knob("carbon.annual_certificates_gwh=1.0")),
    "cost.certificate_cost": ("market", knob("carbon.annual_certificate_usd_per_mwh=3.1")),
    "matching.uncovered": ("market", add("uncovered", -1e6)),
    "matching.cover": ("market", times("certificates", 0.0)),
    "matching.annual_region": ("market", both(times("certificates", 0.0), times("granular", 0.0))),
    "matching.hourly_region": ("market", times("granular", 0.0)),
    "matching.annual_portfolio": ("hourly", both(times("certificates", 0.0), times("granular", 0.0))),
    "matching.hourly_portfolio": ("hourly", knob("carbon.hourly_share.2026=0.9")),
    "matching.unmatched": ("hourly", add("unmatched", -1e3, slice=2)),
    "matching.match": ("hourly", times("unmatched", 0.5)),
    "carbon.emitted": ("market", add("emitted", -1e9)),
    "carbon.ledger_location": ("location", times("emission_average", 1.01)),
    "carbon.ledger_market": ("market", times("residual_mix", 1.01)),
    "carbon.ledger_hourly": ("hourly", times("emission_residual", 1.01)),
    "carbon.unclaimed": ("hourly", add("unclaimed", -1e3, slice=2)),
    "carbon.claim": ("hourly", times("granular", 0.0)),
    "carbon.cap_year": ("location", knob("carbon.cap_t.2027=170000.0")),
    "cost.carbon_cost": ("location", knob("carbon.price_usd_per_t.2028=61.0")),
    "water.consumed": ("location", add("consumed", -1e9)),
    "water.balance": ("location", times("water_intensity", 1.01)),
    "water.cap_stress": ("location", knob("water.cap_m3.2=100000.0")),
    "cost.water_cost": ("location", knob("water.price_usd_per_m3.1=1.1")),
    "plan.strictness": ("hourly", add("dual_hourly_share", -1.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_check_fails_on_a_plan_spoiled_for_it(name: str, plans: dict[str, xr.Dataset]) -> None:
    kind, mutate = MUTATIONS[name]
    spoiled = plans[kind].copy(deep=True)
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "holds"
    mutate(spoiled)
    assert CHECKS[name](Evidence(spoiled, compare_tables=False)).state == "broken"


PRICES: dict[str, tuple[str, Callable[[xr.Dataset], xr.Dataset]]] = {
    "a price of a cap that leaves room": ("location", lambda p: p.assign(dual_water=p["dual_water"] + 1.0)),
    "a price below zero": ("location", lambda p: p.assign(dual_carbon=-abs(p["dual_carbon"]) - 1.0)),
    "a price of no limit": ("location", lambda p: p.assign(dual_annual_share=p["dual_carbon"] + 5.0)),
    "no price at all": ("hourly", lambda p: p.assign(dual_annual_share=p["dual_annual_share"] * float("nan"))),
}


@pytest.mark.parametrize("what", PRICES)
def test_wrong_prices_of_limits_are_found(what: str, plans: dict[str, xr.Dataset]) -> None:
    kind, spoil = PRICES[what]
    assert CHECKS["plan.strictness"](Evidence(spoil(plans[kind]), compare_tables=False)).state == "broken"


def test_the_price_of_power_holds_what_emissions_cost(plans: dict[str, xr.Dataset]) -> None:
    for kind, plan in plans.items():
        dear = plan.assign(dual_power=plan["dual_power"] + 1e4)
        assert CHECKS["plan.duals"](Evidence(dear, compare_tables=False)).state == "broken", kind
    cheap = plans["location"].assign(dual_power=plans["location"]["dual_power"] - 1.0)
    assert CHECKS["plan.duals"](Evidence(cheap, compare_tables=False)).state == "broken"


def test_every_check_has_a_mutation() -> None:
    assert set(MUTATIONS) | {"carbon.ledger_own"} == ONLY_WITH_FOOTPRINT
