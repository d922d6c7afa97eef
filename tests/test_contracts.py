"""What a plan with a menu of offers tells: contracts, relief and upgrades as tables, on the terminal, and compared."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from grid_opt.plan.contract_summary import contract_table, summarize_contracts, upgrade_table
from grid_opt.plan.summary import summarize
from grid_opt.report.tables import tables_of
from grid_opt.report.terminal import print_summary
from tests.test_verify_menu import menu_plan  # noqa: F401 -- a fixture

ROOT = Path(__file__).resolve().parents[1]


def test_contracts_add_up_to_the_plan(menu_plan: xr.Dataset) -> None:  # noqa: F811
    table = contract_table(menu_plan)
    assert table["contract_mw"].sum() == pytest.approx(float(menu_plan["contract"].sum()))
    called = (menu_plan["contract"] * (1 - menu_plan["offer_firm"])).sum()
    assert table["callable_mw"].sum() == pytest.approx(float(called)) and float(called) > 1
    relief = table[[name for name in table if str(name).startswith("relief_")]].to_numpy().sum()
    assert relief == pytest.approx(float(menu_plan["backing"].sum()))
    one = table.iloc[0]
    offers = menu_plan["offer"].where(menu_plan["offer_region"] == one["region"], drop=True)
    assert one["offer"] in menu_plan["offer_product"].sel(offer=offers.values).values
    pd_tables = tables_of(menu_plan)
    assert pd_tables["contracts"].equals(table)


def test_upgrades_built_are_listed_with_their_first_quarter(menu_plan: xr.Dataset) -> None:  # noqa: F811
    table = upgrade_table(menu_plan)
    assert len(table) == int((menu_plan["built"].max("quarter") > 0.5).sum())
    for row in table.to_dict("records"):
        built = menu_plan["built"].sel(upgrade=row["upgrade"])
        assert float(built.sel(quarter=row["from_quarter"])) == pytest.approx(1.0)


def test_the_summary_and_the_terminal_tell_of_grid_service(menu_plan: xr.Dataset) -> None:  # noqa: F811
    found = summarize_contracts(menu_plan)
    last = str(menu_plan["quarter"].values[-1])
    by_kind = sum(mw[last] for mw in found["contract_mw_by_kind"].values())
    assert by_kind == pytest.approx(float(menu_plan["contract"].sel(quarter=last).sum()))
    console = Console(width=100, record=True, file=io.StringIO())
    print_summary(summarize(menu_plan), console)
    text = console.export_text()
    assert "Grid service: MW under contract" in text and "Of which may be called" in text
    assert max(map(len, text.splitlines())) <= 100


def _study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("curtailment", ROOT / "scripts" / "studies" / "curtailment.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_study_counts_the_quarters_that_service_at_call_gains(menu_plan: xr.Dataset) -> None:  # noqa: F811
    """The same plan one quarter later is the plan that waits for firm service."""
    late = menu_plan.copy()
    halls = menu_plan["halls"].transpose(..., "quarter")
    late["halls"] = halls.copy(data=np.concatenate([0 * halls.values[..., :1], halls.values[..., :-1]], axis=-1))
    step = 10.0
    study = _study()
    before, after = study.reached(late, step), study.reached(menu_plan, step)
    table = study.compare({0.0: late, 0.01: menu_plan}, step)
    assert table["it_mw"].tolist() == sorted(after)
    order = {str(quarter): n for n, quarter in enumerate(menu_plan["quarter"].values)}
    for row in table.to_dict("records"):
        if row["it_mw"] in before:
            assert row["sooner_0.01"] == 1 == order[before[row["it_mw"]]] - order[after[row["it_mw"]]]
        else:
            assert row["at_0"] == "never" and row["sooner_0.01"] == ""
    assert (table["sooner_0.01"] == 1).any()
