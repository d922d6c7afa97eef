"""Ledgers, carbon prices, caps, shares, certificates and water do to tiny plans what can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from grid_opt.config import Case
from grid_opt.errors import InfeasibleError, InputError
from grid_opt.formulation.model import build_model
from grid_opt.plan.schema_footprint import LEDGERS
from grid_opt.verify import verify
from tests.tiny import objective, solve_tiny, tiny_case, tiny_world

HARMLESS = {"time.slice_days", "plan.provenance"}
"""What tiny worlds lack: whole days, and files that they were made from."""
LOSS = 0.03


def one_region(**sections: Any) -> tuple[Case, xr.Dataset]:
    """Return one campus of 40 MW in one region with plain figures: nothing to decide but power and certificates.

    Power costs 50 USD/MWh; the grid emits 400 kg/MWh before noon and 200 after, the residual mix 10 % more; half of it
    is carbon-free before noon and a quarter after. 80 % of 40 MW run, at a PUE of 1.25: 40 MW at the meter.
    """
    sections.setdefault("campus", {})
    sections["campus"] = {"max_campus_mw": 40.0, "max_halls_per_quarter": 4} | sections["campus"]
    sections.setdefault("demand", {"targets_mw": {"2026Q1": 40.0}})
    sections.setdefault("flexibility", {"max_curtailment_fraction": 0.0})
    case = tiny_case(**sections)
    world = tiny_world(case, regions=1)
    plain = {"pue": 1.25, "headroom": 100.0, "site_lead_quarters": 0.0, "price": 50.0}
    world = world.assign({name: xr.full_like(world[name], value) for name, value in plain.items()})
    morning = (world["hour"] < 12).astype(float)
    rate = 200.0 + 200.0 * morning
    arrays = {
        "emission_average": rate, "emission_residual": 1.1 * rate, "emission_marginal": 600.0 + 0.0 * rate,
        "grid_carbon_free": 0.25 + 0.25 * morning,
    }  # fmt: skip
    for name, values in arrays.items():
        world[name] = (values + xr.zeros_like(world[name])).transpose(*world[name].dims).assign_attrs(world[name].attrs)
    world["residual_mix"] = xr.full_like(world["residual_mix"], 330.0)
    world["water_intensity"] = xr.full_like(world["water_intensity"], 0.5)
    return case, world


def sound(plan: xr.Dataset) -> xr.Dataset:
    """Return the plan when the verifier finds nothing wrong with it."""
    report = verify(plan, compare_tables=False)
    assert {check.name for check in report.failed} <= HARMLESS, report.failed
    return plan


YEAR_MWH = 40.0 * 8760


def worth(case: Case, year: int) -> float:
    """Return what a USD paid evenly over an operating year is worth: 2026 alone, or 2027 and 2028."""
    d = case.finance.real_discount_rate
    calendar = [2026] if year == 2026 else [2027, 2028]
    return sum((1 + d) ** -(y - 2026 + (q + 0.5) / 4) for y in calendar for q in range(4)) / 4


# --- ledgers


def test_ledgers_of_a_flat_load_are_what_a_calculator_says() -> None:
    case, world = one_region()
    plan = sound(solve_tiny(case, world).plan).sel(region="Z0", year=2026)
    assert float(plan["facility_load"]) == pytest.approx(YEAR_MWH / 1e3)
    assert float(plan["scope2_location"]) == pytest.approx(YEAR_MWH * 0.3)
    assert float(plan["scope2_market"]) == pytest.approx(YEAR_MWH * 0.33)
    assert float(plan["scope2_hourly"]) == pytest.approx(YEAR_MWH * 0.33)
    assert float(plan["induced"]) == pytest.approx(YEAR_MWH * (1 + LOSS) * 0.6)  # losses on the way count here
    assert float(plan["water"]) == pytest.approx(32.0 * 8760 * 0.5)
    assert float(plan["carbon_free_share"]) == pytest.approx(0.375)
    assert float(plan["scope1"]) == float(plan["matched_share"]) == float(plan["covered_share"]) == 0.0


def test_ledgers_agree_with_pandas() -> None:
    """Keep the ledgers of a plan with certificates once more, from a table of hours and sums by group."""
    shares = {"hourly_share": {2026: 0.5}, "annual_share": {2026: 0.6}}
    case3 = tiny_case(carbon={**shares, "hourly_certificates_mw": 100.0, "annual_certificates_gwh": 50.0})
    rich = tiny_world(case3, regions=3, seed=2)
    rich["headroom"] = xr.full_like(rich["headroom"], 60.0)
    rich["site_lead_quarters"] = xr.full_like(rich["site_lead_quarters"], 0.0)
    plan = sound(solve_tiny(case3, rich).plan)
    table = plan[["purchase", "granular"]].to_dataframe().reset_index()
    for name in ("slice_weight", "slice_season", "slice_hour"):
        table[name] = table["slice"].map(plan[name].to_series())
    for name in ("emission_average", "emission_residual", "emission_marginal", "grid_carbon_free"):
        rates = plan[name].to_series()
        keys = zip(table["region"], table["year"], table["slice_season"], table["slice_hour"], strict=True)
        table[name] = [rates[key] for key in keys]
    table["loss"] = table["region"].map(plan["loss"].to_series())
    table["mwh"] = table["purchase"] * table["slice_weight"] / (1 + table["loss"])
    table["certified"] = table["granular"] * table["slice_weight"]
    table["bare"] = (table["mwh"] - table["certified"]).clip(lower=0)
    parts = pd.DataFrame(
        {
            "scope2_location": table["mwh"] * table["emission_average"] / 1e3,
            "scope2_hourly": table["bare"] * table["emission_residual"] / 1e3,
            "induced": table["mwh"] * (1 + table["loss"]) * table["emission_marginal"] / 1e3,
            "load": table["mwh"], "bare": table["bare"], "certified": table["certified"],
            "rest": table["bare"] * (1 - table["grid_carbon_free"]),
        }
    )  # fmt: skip
    sums = parts.groupby([table["region"], table["year"]]).sum()
    covered = sums["certified"] + 1e3 * plan["certificates"].to_series()
    sums["scope2_market"] = (sums["load"] - covered).clip(lower=0) * plan["residual_mix"].to_series() / 1e3
    sums["matched_share"] = 1 - sums["bare"] / sums["load"]
    sums["carbon_free_share"] = 1 - sums["rest"] / sums["load"]
    sums["covered_share"] = np.minimum(1.0, covered / sums["load"])
    for name in ("scope2_location", "scope2_market", "scope2_hourly", "induced"):
        assert sums[name].to_numpy() == pytest.approx(plan[name].to_series().loc[sums.index].to_numpy(), rel=1e-9)
    for name in ("matched_share", "carbon_free_share", "covered_share"):
        told = plan[name].to_series().loc[sums.index]
        assert sums[name].dropna().to_numpy() == pytest.approx(told.dropna().to_numpy(), abs=1e-9)


# --- prices and caps


def test_a_carbon_price_is_paid_on_the_ledger_it_names() -> None:
    case, world = one_region()
    free = objective(case, world)
    for ledger, kg in (("location", 300.0), ("market", 330.0), ("hourly", 330.0)):
        priced, _ = one_region(carbon={"ledger": ledger, "price_usd_per_t": {2026: 100.0, 2028: 200.0}})
        plan = sound(solve_tiny(priced, world).plan)
        d = case.finance.real_discount_rate
        later = (100.0 + 200.0 / (1 + d)) / (1 + 1 / (1 + d))  # 2027 and 2028 are one operating year
        paid = YEAR_MWH * kg / 1e3 * (100.0 * worth(case, 2026) + later * worth(case, 2027)) / 1e6
        assert float(plan.attrs["objective"]) == pytest.approx(free + paid, rel=1e-9)
        assert float(plan["cost_carbon_cost"].sum()) == pytest.approx(1e6 * paid)


@pytest.mark.parametrize("ledger", ["location", "market", "hourly"])
def test_what_costs_nothing_and_limits_nothing_changes_nothing(ledger: str) -> None:
    case = tiny_case(carbon={"ledger": ledger, "price_usd_per_t": {2026: 0.0}, "annual_share": {2026: 0.0}})
    plain = tiny_case()
    world = tiny_world(plain, seed=3)
    names = {d.name for d in build_model(case, world).declarations.values()}
    assert names == {d.name for d in build_model(plain, world).declarations.values()}
    assert objective(case, world) == objective(plain, world)


@pytest.mark.parametrize("ledger", ["location", "market", "hourly"])
def test_a_cap_at_the_free_optimum_does_not_bind(ledger: str) -> None:
    plain = tiny_case()
    world = tiny_world(plain, seed=3)
    free = solve_tiny(plain, world).plan
    emitted = free[f"scope2_{ledger}"].sum("region")
    caps = {2026: float(emitted[0]) * (1 + 1e-9), 2027: float(emitted[1]) * (1 + 1e-9)}
    capped = sound(solve_tiny(tiny_case(carbon={"ledger": ledger, "cap_t": caps}), world).plan)
    assert float(capped.attrs["objective"]) == pytest.approx(float(free.attrs["objective"]), rel=1e-9)


def test_the_price_of_a_cap_is_what_a_tonne_costs_to_avoid() -> None:
    """Where nothing else can give way, a tonne is avoided by shedding compute at its worth."""
    case, world = one_region(flexibility={"max_curtailment_fraction": 0.5})
    free = solve_tiny(case, world).plan["scope2_location"].sum("region").values
    caps = {2026: 0.95 * free[0], 2027: 0.9 * free[1]}
    tight, _ = one_region(carbon={"cap_t": caps}, flexibility={"max_curtailment_fraction": 0.5})
    plan = sound(solve_tiny(tight, world).plan)
    assert plan["emitted"].sum("region").values == pytest.approx(list(caps.values()))
    rider = float(world["delivery_rider"][0]) / (1 + LOSS)
    saved_usd = 1400.0 - 1.25 * (1 + LOSS) * (50.0 + rider)  # a MWh of compute, less the power that it would take
    avoided_t = 1.25 * 0.4  # before noon, when the grid is dirtiest
    # Money of late quarters is worth less: the last sheds first, and has room for 8 % of the year but not for 10 %.
    quarters = [(1 + case.finance.real_discount_rate) ** -((q + 0.5) / 4) for q in range(4)]
    late = [quarters[3] / np.mean(quarters), quarters[2] / np.mean(quarters)]
    assert plan["dual_carbon"].values == pytest.approx([saved_usd / avoided_t * share for share in late], rel=1e-6)
    looser = {year: cap + 1.0 for year, cap in caps.items()}
    again, _ = one_region(carbon={"cap_t": looser}, flexibility={"max_curtailment_fraction": 0.5})
    gain = float(plan.attrs["objective"]) - objective(again, world)
    told = sum(float(plan["dual_carbon"].sel(year=a)) * worth(case, a) for a in (2026, 2027)) / 1e6
    assert gain == pytest.approx(told, rel=1e-6)


def test_no_plan_meets_a_cap_below_what_must_run() -> None:
    case, world = one_region(carbon={"cap_t": {2026: 1000.0}})
    with pytest.raises(InfeasibleError, match=r"carbon\.cap_t"):
        solve_tiny(case, world)


# --- shares and certificates


def test_an_hourly_share_is_met_with_the_certificates_of_every_hour() -> None:
    """30 MW for sale are 15 before noon and 7.5 after, of 40 MW: 28.125 % can be matched, no more."""
    offer = {"hourly_certificates_mw": 30.0, "hourly_certificate_usd_per_mwh": 20.0}
    case, world = one_region(carbon={"hourly_share": {2026: 0.28125}, **offer})
    plan = sound(solve_tiny(case, world).plan)
    bought = plan["granular"].sel(region="Z0").transpose("year", "slice").values
    assert bought == pytest.approx(np.where(world["slice_hour"].values < 12, 15.0, 7.5) + 0 * bought)
    cost = 0.28125 * YEAR_MWH * 20.0 * (worth(case, 2026) + worth(case, 2027))
    assert float(plan["cost_certificate_cost"].sum()) == pytest.approx(cost)
    more, _ = one_region(carbon={"hourly_share": {2026: 0.2813}, **offer})
    with pytest.raises(InfeasibleError, match=r"carbon\.hourly_share"):
        solve_tiny(more, world)


def test_one_more_point_of_a_share_costs_what_is_told() -> None:
    offer = {"hourly_certificates_mw": 60.0, "hourly_certificate_usd_per_mwh": 20.0}
    case, world = one_region(carbon={"hourly_share": {2026: 0.20}, **offer})
    plan = sound(solve_tiny(case, world).plan)
    point = 0.01 * YEAR_MWH * 20.0
    assert plan["dual_hourly_share"].values == pytest.approx([point * worth(case, a) for a in (2026, 2027)])
    more, _ = one_region(carbon={"hourly_share": {2026: 0.21}, **offer})
    gain = objective(more, world) - float(plan.attrs["objective"])
    assert gain == pytest.approx(float(plan["dual_hourly_share"].sum()) / 1e6, rel=1e-6)


def test_the_grid_counts_only_where_the_case_says_so() -> None:
    """The grid's own share is 50 % before noon and 25 % after, 37.5 % of the load; certificates make it more."""
    offer = {"hourly_certificates_mw": 40.0, "hourly_certificate_usd_per_mwh": 20.0}
    case, world = one_region(carbon={"hourly_share": {2026: 0.375}, "grid_counts": True, **offer})
    plan = sound(solve_tiny(case, world).plan)
    assert float(plan["granular"].sum()) == pytest.approx(0.0)
    assert plan["carbon_free_share"].values == pytest.approx(0.375)
    more, _ = one_region(carbon={"hourly_share": {2026: 0.45}, "grid_counts": True, **offer})
    plan = sound(solve_tiny(more, world).plan)
    # a certificate after noon takes the place of power that is 75 % fossil, one before noon of power that is half
    bought = plan["granular"].sel(region="Z0", year=2026).values
    assert bought[world["slice_hour"].values < 12] == pytest.approx(0.0)
    assert float((bought * world["slice_weight"]).sum()) * 0.75 == pytest.approx(0.075 * YEAR_MWH)


def test_an_annual_share_is_met_with_the_cheaper_certificates_first() -> None:
    offers = {
        "annual_certificates_gwh": 100.0, "annual_certificate_usd_per_mwh": 2.0,
        "hourly_certificates_mw": 40.0, "hourly_certificate_usd_per_mwh": 9.0,
    }  # fmt: skip
    case, world = one_region(carbon={"annual_share": {2026: 0.4}, **offers})
    plan = sound(solve_tiny(case, world).plan)
    assert plan["certificates"].values == pytest.approx(100.0)
    missing = 0.4 * YEAR_MWH / 1e3 - 100.0
    hourly = (plan["granular"] * plan["slice_weight"]).sum("slice") / 1e3
    assert hourly.values == pytest.approx(missing)
    assert plan["covered_share"].values == pytest.approx(0.4)
    each = (100.0 * 2.0 + missing * 9.0) * 1e3
    assert float(plan["cost_certificate_cost"].sum()) == pytest.approx(each * (worth(case, 2026) + worth(case, 2027)))


def test_certificates_lower_the_market_ledger_and_not_that_of_the_location() -> None:
    carbon = {"price_usd_per_t": {2026: 40.0}, "annual_certificates_gwh": 1e4, "annual_certificate_usd_per_mwh": 10.0}
    case, world = one_region(carbon={"ledger": "market", **carbon})
    plan = sound(solve_tiny(case, world).plan)  # 40 USD/t * 0.33 t/MWh is more than 10 USD/MWh
    assert plan["scope2_market"].values == pytest.approx(0.0, abs=1e-6)
    assert plan["scope2_location"].values == pytest.approx(0.3 * YEAR_MWH)
    assert plan["certificates"].values == pytest.approx(YEAR_MWH / 1e3)
    cheap, _ = one_region(carbon={"ledger": "market", **carbon, "price_usd_per_t": {2026: 30.0}})
    assert float(solve_tiny(cheap, world).plan["certificates"].sum()) == pytest.approx(0.0)


def test_a_share_of_every_region_asks_more_than_one_of_all_together() -> None:
    def of(scope: str) -> float:
        carbon = {"hourly_share": {2026: 0.3}, "hourly_certificates_mw": 60.0, "scope": scope}
        case = tiny_case(carbon=carbon, campus={"max_region_share": 0.5}, grid={"headroom_scale": 1.0})
        world = tiny_world(case, seed=3)
        return float(sound(solve_tiny(case, world).plan).attrs["objective"])

    assert of("region") >= of("portfolio") - 1e-9


@settings(max_examples=8, deadline=None)
@given(st.floats(0.05, 0.6), st.floats(0.0, 0.2), st.sampled_from(["annual_share", "hourly_share"]))
def test_stricter_matching_never_costs_less(share: float, more: float, kind: str) -> None:
    def cost(asked: float) -> float:
        carbon = {kind: {2026: asked}, "hourly_certificates_mw": 60.0, "grid_counts": True}
        case = tiny_case(carbon=carbon)
        try:
            return objective(case, tiny_world(case, seed=3))
        except InfeasibleError:
            return float("inf")

    assert cost(share + more) >= cost(share) - 1e-7


# --- water


def test_water_is_paid_and_capped_by_the_stress_of_the_basin() -> None:
    case, world = one_region()
    world["water_stress"] = xr.full_like(world["water_stress"], 4.0)
    free = objective(case, world)
    used = 32.0 * 8760 * 0.5
    priced, _ = one_region(water={"price_usd_per_m3": {3: 2.0, 5: 9.0}})
    plan = sound(solve_tiny(priced, world).plan)
    paid = used * 2.0 * (worth(case, 2026) + worth(case, 2027)) / 1e6
    assert float(plan.attrs["objective"]) == pytest.approx(free + paid, rel=1e-9)
    lower, capped = one_region(water={"price_usd_per_m3": {5: 9.0}, "cap_m3": {5: 0.0, 2: used}})
    capped["water_stress"] = world["water_stress"]
    assert objective(lower, capped) == pytest.approx(free, rel=1e-9)  # the region is below stress 5, and at its cap
    dry, _ = one_region(water={"cap_m3": {4: 0.9 * used}}, flexibility={"max_curtailment_fraction": 0.5})
    plan = sound(solve_tiny(dry, capped).plan)
    assert plan["water"].sum("region").values == pytest.approx(0.9 * used)
    assert (plan["dual_water"].sel(basin=4) > 0).all() and float(plan["dual_water"].sel(basin=[1, 2, 3, 5]).sum()) == 0


def test_scarce_water_moves_campuses() -> None:
    case = tiny_case(campus={"max_region_share": 0.5})
    world = tiny_world(case, seed=3)
    world["headroom"] = xr.full_like(world["headroom"], 60.0)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 0.0)
    free = solve_tiny(case, world).plan
    dear = str(free["halls"].isel(quarter=-1).idxmax("region").values)
    world["water_stress"] = xr.where(world["region"] == dear, 5.0, 1.0).assign_attrs(world["water_stress"].attrs)
    strict = tiny_case(campus={"max_region_share": 0.5}, water={"cap_m3": {5: 0.0}})
    moved = sound(solve_tiny(strict, world.assign_coords(basin=[1, 2, 3, 4, 5])).plan)
    assert float(moved["halls"].sel(region=dear).sum()) == 0 < float(free["halls"].sel(region=dear).sum())


# --- bad input


@pytest.mark.parametrize(
    ("sections", "field"),
    [
        ({"carbon": {"cap_t": {2025: 10.0}}}, "carbon.cap_t.2025"),
        ({"carbon": {"hourly_share": {2026: 0.5}}}, "carbon.hourly_share"),
        ({"carbon": {"annual_share": {2026: 0.5}, "grid_counts": True}}, "carbon.annual_share"),
        ({"carbon": {"annual_share": {2026: 50.0}}}, "carbon.annual_share.2026"),
        ({"carbon": {"ledger": "marginal"}}, "carbon.ledger"),
        ({"water": {"cap_m3": {6: 1.0}}}, "water.cap_m3.6"),
        ({"water": {"cooling": "evaporativ"}}, "water.cooling"),
    ],
)
def test_bad_knobs_are_refused_with_their_field(sections: dict[str, Any], field: str) -> None:
    from grid_opt.config import case_from_toml
    from grid_opt.config.toml_text import toml_table
    from grid_opt.inputs.world import build_world

    wholesale = {"supply": {"contracts": [], "forwards": False, "onsite": []}}
    text = "\n".join(line for name, knobs in (wholesale | sections).items() for line in toml_table(name, knobs))
    with pytest.raises(InputError) as caught:
        build_world(case_from_toml(text))
    assert caught.value.exit_code == 2
    assert str(caught.value.field).startswith(field)


def test_every_plan_has_every_ledger() -> None:
    case, world = one_region()
    assert set(LEDGERS) <= set(solve_tiny(case, world).plan)


def test_at_buses_emissions_are_priced_by_the_region_that_a_bus_is_like() -> None:
    from grid_opt.study.plan_case import plan_case
    from grid_opt.study.progress import Log
    from tests.tiny_nodal import nodal_world

    case, _ = nodal_world(1.0, "carbon.price_usd_per_t.2026=50", "water.price_usd_per_m3.1=1.0")
    free, _ = nodal_world()
    plan = sound(plan_case(case, nodal_world(1.0)[1], {"a": "0" * 64}, Log(None)).plan)
    assert float(plan["cost_carbon_cost"].sum()) > 0 < float(plan["cost_water_cost"].sum())
    plain = plan_case(free, nodal_world(1.0)[1], {"a": "0" * 64}, Log(None)).plan
    assert plan.attrs["objective"] > plain.attrs["objective"]
