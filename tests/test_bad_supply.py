"""Bad tables and knobs of supply are refused by file, row, field and a way to mend them, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grid_opt.config import load_case
from grid_opt.study.warnings import idle_knobs
from tests.spoil import Spoil, cell, table
from tests.test_bad_input import call, contents, earlier_plan, folder

__all__ = ["earlier_plan", "folder"]

OFFERS, BLOCKS, OWN = (f"tables/{name}.csv" for name in ("ppa_offers", "forward_blocks", "onsite_technologies"))
BASIS = "tables/basis.csv"
CASE = "case.toml"
ROWS = {"gas_turbine": 2, "engine": 3, "fuel_cell": 4, "solar": 5, "battery": 6}


def own(technology: str, field: str, value: str) -> Spoil:
    return cell("onsite_technologies", field, value, ROWS[technology])


BAD: dict[str, tuple[Spoil, str, int, str, tuple[str, ...]]] = {
    "an offer that ends before it begins": (
        cell("ppa_offers", "last_quarter", "2026Q4"), OFFERS, 3, "last_quarter",
        ("ends before it begins", "first_quarter 2027Q1"),
    ),
    "an offer from an unknown zone": (
        cell("ppa_offers", "project_zone", "TX_Z"), OFFERS, 3, "project_zone", ("TX_Z", "did you mean TX_")
    ),
    "an offer to an unknown market": (
        cell("ppa_offers", "deliverable_to", "ERCOTT"), OFFERS, 3, "deliverable_to", ("did you mean ERCOT?",)
    ),
    "a wind farm with a capacity factor": (
        cell("ppa_offers", "capacity_factor", "0.4", 2), OFFERS, 2, "capacity_factor", ("follows the weather",)
    ),
    "a nuclear station without one": (
        cell("ppa_offers", "capacity_factor", "0", 11), OFFERS, 11, "capacity_factor", ("production of its own",)
    ),
    "a strike in cents": (
        cell("ppa_offers", "price_usd_per_mwh", "4210"), OFFERS, 3, "price_usd_per_mwh", ("cents/MWh; divide by 100",)
    ),
    "an escalator in percent": (
        cell("ppa_offers", "real_escalator_fraction", "2"), OFFERS, 3, "real_escalator_fraction", ("percentage",)
    ),
    "negative MW of a contract": (
        cell("ppa_offers", "most_mw", "-20"), OFFERS, 3, "most_mw", ("outside its physical bounds", "-20")
    ),
    "more on offer than waits in the queue": (
        cell("ppa_offers", "most_mw", "19000"), OFFERS, 3, "most_mw", ("waits to be connected", "queue_mw 13870")
    ),
    "a delivery that settles at a hub": (
        cell("ppa_offers", "settles_at", "hub", 4), OFFERS, 4, "settles_at", ("sold where it stands", "project")
    ),
    "a place of settlement that is none": (
        cell("ppa_offers", "settles_at", "node"), OFFERS, 3, "settles_at", ("project, hub",)
    ),
    "a basis in cents": (
        cell("basis", "peak_q3_usd_per_mwh", "-732"), BASIS, 3, "peak_q3_usd_per_mwh", ("outside its physical bounds",)
    ),
    "a basis of an unknown zone": (cell("basis", "zone", "TX_Z"), BASIS, 3, "zone", ("TX_Z", "did you mean TX_")),
    "a basis without delivery": (
        cell("ppa_offers", "basis_usd_per_mwh", "3"), OFFERS, 3, "basis_usd_per_mwh", ("nothing is delivered",)
    ),
    "an unknown settlement": (
        cell("ppa_offers", "settlement", "virtual"), OFFERS, 3, "settlement", ("financial, physical",)
    ),
    "an unknown block of hours": (cell("forward_blocks", "hours", "off"), BLOCKS, 3, "hours", ("flat, peak",)),
    "a block for nowhere": (
        cell("forward_blocks", "applies_to", "PJMM"), BLOCKS, 3, "applies_to", ("did you mean PJM?",)
    ),
    "an unknown technology": (
        own("engine", "technology", "steam"), OWN, 3, "technology", ("gas_turbine, engine, fuel_cell, solar, battery",)
    ),
    "a technology twice": (own("engine", "technology", "battery"), OWN, 6, "technology", ("duplicate", "row 3")),
    "USD per MW for USD per kW": (
        own("engine", "usd_per_kw", "1628000"), OWN, 3, "usd_per_kw", ("looks like USD/MW; divide by 1000",)
    ),
    "Btu per kWh for MMBtu per MWh": (
        own("gas_turbine", "mmbtu_per_mwh", "9447"), OWN, 2, "mmbtu_per_mwh", ("Btu/kWh; divide by 1000",)
    ),
    "a battery without hours": (
        own("battery", "least_storage_h", "0"), OWN, 6, "least_storage_h", ("stores energy", "above 0")
    ),
    "a battery with the most hours below the least": (
        own("battery", "most_storage_h", "1"), OWN, 6, "most_storage_h", ("below the least", "least_storage_h 2")
    ),
    "a battery of which nothing can be used": (
        own("battery", "usable_fraction", "0"), OWN, 6, "usable_fraction", ("stores energy", "above 0")
    ),
    "a battery that fades to nothing": (
        own("battery", "fade_per_year", "0.07"), OWN, 6, "fade_per_year", ("nothing is left", "15 years", "0.0667")
    ),
    "a fade in percent": (
        own("battery", "fade_per_year", "2"), OWN, 6, "fade_per_year", ("percentage; divide by 100",)
    ),
    "a fade by the cycle in percent": (
        own("battery", "fade_per_cycle", "0.3"), OWN, 6, "fade_per_cycle", ("percentage; divide by 100",)
    ),
    "USD per MWh of energy for USD per kWh": (
        own("battery", "usd_per_kwh", "318000"), OWN, 6, "usd_per_kwh", ("looks like USD/MWh; divide by 1000",)
    ),
    "an engine that stores": (own("engine", "most_storage_h", "4"), OWN, 3, "most_storage_h", ("stores no energy",)),
    "solar with energy to keep up": (
        own("solar", "usd_per_kwh_year", "1"), OWN, 5, "usd_per_kwh_year", ("stores no energy",)
    ),
    "a battery that burns gas": (own("battery", "mmbtu_per_mwh", "8"), OWN, 6, "mmbtu_per_mwh", ("burns no fuel",)),
    "solar that burns gas": (own("solar", "mmbtu_per_mwh", "8"), OWN, 5, "mmbtu_per_mwh", ("solar burns no fuel",)),
    "a unit larger than the campus takes": (
        own("gas_turbine", "unit_mw", "300"), OWN, 2, "unit_mw", ("not one unit fits", "200")
    ),
    "a credit that ends before it begins": (
        own("solar", "credit_starts_from", "2027Q1"), OWN, 5, "credit_starts_by", ("2026Q2", "2027Q1")
    ),
    "a date of service that saves nothing": (
        own("fuel_cell", "credit_in_service_by", "2027Q4"), OWN, 4, "credit_in_service_by", ("credit_starts_by",)
    ),
    "a lead time in parts of quarters": (
        own("engine", "equipment_lead_quarters", "2.5"), OWN, 3, "equipment_lead_quarters", ("not a whole number",)
    ),
    "a missing column": (
        table("onsite_technologies", lambda f: f.drop(columns="life_years")), OWN, 1, "life_years", ("missing column",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_of_supply_are_refused_where_they_stand(name: str, folder: Path, earlier_plan: Path) -> None:
    spoil, file, row, field, words = BAD[name]
    spoil(folder)
    before, plan = contents(folder), contents(earlier_plan)
    told = call("check", str(folder / CASE), "--json")
    assert told.exit_code == 2, told.output
    answer = json.loads(told.stdout)
    assert (answer["file"], answer["row"], answer["field"]) == (str(folder / file), row, field)
    for word in words:
        assert word in answer["error"]
    assert "to fix:" in answer["error"]
    ran = call("run", str(folder / CASE), "--quiet", "--out", str(earlier_plan))
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert (contents(folder), contents(earlier_plan)) == (before, plan)


KNOBS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "an unknown technology": (('supply.onsite=["steam"]',), "supply.onsite", ("steam", "gas_turbine")),
    "a technology twice": (('supply.onsite=["solar", "solar"]',), "supply.onsite", ("more than once",)),
    "an unknown settlement": (('supply.contracts=["virtual"]',), "supply.contracts", ("financial",)),
    "a share in percent": (("supply.export_share=50",), "supply.export_share", ("1",)),
    "hedges without anything to hedge with": (
        ("supply.least_hedged_share=0.5",), "supply.least_hedged_share", ("nothing may be bought ahead",)
    ),
    "days that do not follow one another": (
        ("supply.store_across_days=true",), "supply.store_across_days", ("energy.days = 365",)
    ),
    "a delay of an unknown technology": (
        ("supply.delay_quarters={ turbine = 8 }",), "supply.delay_quarters", ("turbine",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOBS)
def test_bad_knobs_of_supply_are_refused(name: str) -> None:
    overrides, field, words = KNOBS[name]
    told = call("check", "quick", *(part for text in overrides for part in ("--set", text)), "--json")
    assert told.exit_code == 2, told.output
    answer = json.loads(told.stdout)
    assert answer["field"].startswith(field)
    for word in words:
        assert word in answer["error"]


def test_a_kind_without_any_offer_is_refused(folder: Path) -> None:
    table("ppa_offers", lambda f: f[f["settlement"] == "physical"])(folder)
    told = call("check", str(folder / CASE), "--set", 'supply.contracts=["financial"]', "--json")
    answer = json.loads(told.stdout)
    assert (told.exit_code, answer["field"]) == (2, "deliverable_to")
    assert "no financial offer" in answer["error"]


def test_wind_where_there_is_none_is_refused(folder: Path) -> None:
    cell("ppa_offers", "project_zone", "GA_S", 2)(folder)
    told = call("check", str(folder / CASE), "--set", 'supply.contracts=["financial"]', "--json")
    answer = json.loads(told.stdout)
    assert (told.exit_code, answer["row"], answer["field"]) == (2, 2, "project_zone")


def test_knobs_that_change_nothing_are_told() -> None:
    idle = [
        "supply.onsite=[]", "supply.delay_quarters={ engine = 2 }", "supply.export_share=0.5",
        "carbon.annual_certificates_gwh=5.0", "tariffs.charge=false", "tariffs.leave_at_end=true",
    ]  # fmt: skip
    told = list(idle_knobs(load_case("quick", idle)))
    assert len(told) == 4
    for word, line in zip(("engine", "export_share", "annual_certificates_gwh", "leave_at_end"), told, strict=True):
        assert word in line and "changes nothing" in line
    assert not list(idle_knobs(load_case("quick"))) and not list(idle_knobs(load_case("us_750mw")))
