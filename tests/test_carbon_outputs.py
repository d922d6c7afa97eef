"""What a plan tells of carbon and water is what its arrays say."""

from __future__ import annotations

import io
import json

import pytest
import xarray as xr
from rich.console import Console

from grid_opt.plan.footprint_summary import footprint_table, summarize_footprint
from grid_opt.plan.ledgers import with_ledgers
from grid_opt.plan.schema_footprint import LEDGERS
from grid_opt.plan.summary import summarize
from grid_opt.report.frames import case_of
from grid_opt.report.tables import tables_of
from grid_opt.report.terminal import print_summary
from tests.test_verify_footprint import plans  # noqa: F401 -- a fixture

pytest_plugins = ["tests.plan_plugin"]


def printed(plan: xr.Dataset) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(summarize(plan), console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 100
    return text


def test_the_table_has_every_ledger_with_its_unit(plans: dict[str, xr.Dataset]) -> None:  # noqa: F811
    for plan in plans.values():
        table = tables_of(plan)["carbon_and_water"]
        assert table.equals(footprint_table(plan))
        assert (table["facility_load_gwh"] > 0).all() and table.notna().all(axis=None)
        for column, name in (("scope2_market_t", "scope2_market"), ("water_m3", "water"), ("induced_t", "induced")):
            assert table[column].sum() == pytest.approx(float(plan[name].sum()))
    bought = footprint_table(plans["market"])
    assert bought["certificates_gwh"].sum() == pytest.approx(float(plans["market"]["certificates"].sum()))
    hours = (plans["hourly"]["granular"] * plans["hourly"]["slice_weight"]).sum() / 1e3
    assert footprint_table(plans["hourly"])["hourly_certificates_gwh"].sum() == pytest.approx(float(hours))
    assert bought["certificates_gwh"].sum() > 0 and float(hours) > 0


def test_the_summary_adds_tonnes_and_weighs_shares_by_load(plans: dict[str, xr.Dataset]) -> None:  # noqa: F811
    plan = plans["hourly"]
    found = summarize_footprint(plan, case_of(plan))
    assert found is not None and found["constrained_ledger"] == "hourly"
    json.dumps(found, allow_nan=False)
    year = found["by_year"]["2027"]
    load = plan["facility_load"].sel(year=2027)
    share = (plan["matched_share"].fillna(0.0).sel(year=2027) * load).sum() / load.sum()
    assert year["matched_share"] == pytest.approx(float(share))
    assert year["scope2_hourly_t"] == pytest.approx(float(plan["scope2_hourly"].sel(year=2027).sum()))
    point = {row["year"]: row["value"] for row in found["prices"]["dual_hourly_share"]}
    assert point == {int(a): pytest.approx(v) for a, v in plan["dual_hourly_share"].to_series().items() if v > 0}
    assert summarize(plans["market"])["footprint"]["constrained_ledger"] == "market"


def test_the_terminal_shows_all_ledgers_and_what_strictness_costs(plans: dict[str, xr.Dataset]) -> None:  # noqa: F811
    for plan in plans.values():
        text = printed(plan)
        for words in ("location-based [t CO2]", "market-based by the year", "matched by the hour", "Consequential"):
            assert words in text
    assert "A tonne less under the cap" in printed(plans["location"])
    dear = plans["hourly"].assign(dual_hourly_share=plans["hourly"]["dual_carbon"].assign_attrs(units="USD") + 2e6)
    assert "A point more by the hour" in printed(dear)
    assert "Energy attribute certificates" in printed(plans["market"])
    assert "Price of water" in printed(plans["location"])


def test_a_plan_of_an_earlier_version_without_ledgers_can_be_told(hand_plan: xr.Dataset) -> None:
    old = hand_plan.drop_vars(list(LEDGERS))
    assert summarize(old)["footprint"] is None
    assert "Carbon and water" not in printed(old)
    assert "carbon_and_water" not in tables_of(old)


def test_ledgers_made_anew_are_those_of_the_plan(hand_plan: xr.Dataset) -> None:
    """The fixture keeps them by hand, by another road than the code."""
    again = with_ledgers(hand_plan.drop_vars(list(LEDGERS)), case_of(hand_plan))
    for name in LEDGERS:
        xr.testing.assert_allclose(again[name], hand_plan[name], rtol=1e-12)
        assert again[name].attrs == hand_plan[name].attrs
