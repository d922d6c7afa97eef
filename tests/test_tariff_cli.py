"""The commands of tariffs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from grid_opt.cli.app import app
from grid_opt.tariffs.clock import local_year
from grid_opt.tariffs.definitions import bundled_tariffs, load_tariff

EXAMPLE = Path(__file__).with_name("urdb_example.json")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tariff", *arguments], env={"TERM": "dumb"})


def test_list_names_all() -> None:
    result = call("list")
    assert result.exit_code == 0 and all(name in result.stdout for name in bundled_tariffs())
    rows = {row["name"]: row for row in json.loads(call("list", "--json").stdout)["tariffs"]}
    assert rows["aep_ohio_dct"]["size_limits_mw"] == [25.0] and rows["aep_ohio_dct"]["regions"] == ["OH_S"]


def test_show_tells_figures_and_sources() -> None:
    result = call("show", "dominion_gs5")
    assert result.exit_code == 0
    for text in ("GS-5 (2027-01 to further notice, 25 MW and more)", "share = 0.6", "SCC order", "begins at 25 MW"):
        assert text in result.stdout
    found = json.loads(call("show", "dominion_gs5", "--json").stdout)
    assert found["tariff"]["schedules"]["gs5"]["demand"]["generation"]["minimum_take"]["share"] == 0.6
    assert {row["kind"] for row in found["charges"]} >= {"demand", "capacity", "collateral", "exit_fee"}


def test_a_flat_bill_in_three_forms(tmp_path: Path) -> None:
    asked = ("bill", "pjm_wires", "--mw", "100", "--year", "2027", "--price", "40", "--out", str(tmp_path / "bill.csv"))
    found = json.loads(call(*asked, "--json").stdout)
    assert found["energy_mwh"] == pytest.approx(876_000) and found["written"].endswith("bill.csv")
    table = pd.read_csv(tmp_path / "bill.csv")
    assert list(table.columns) == list(found["columns"]) and table["usd"].sum() == pytest.approx(found["usd"])
    assert table["usd"].tolist() == pytest.approx((table["quantity"] * table["rate_usd"]).tolist())
    printed = pd.read_csv(io.StringIO(call(*asked, "--csv").stdout))
    pd.testing.assert_frame_equal(printed, table)
    text = call(*asked).stdout
    # 100,000 kW x 8.79 x 12 months over 876,000 MWh.
    assert "10,548,000.00     12.04" in text and "note: contract demand taken as the highest load" in text


def write_load(path: Path, times: pd.DatetimeIndex, mw: object, **more: object) -> Path:
    pd.DataFrame({"time": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "load_mw": mw, **more}).to_csv(path, index=False)
    return path


def test_a_load_file_with_prices(tmp_path: Path) -> None:
    times = local_year(2026, "America/Chicago")
    path = write_load(tmp_path / "load.csv", times, 50.0, price_usd_per_mwh=30.0)
    found = json.loads(call("bill", "ercot_tsp", "--load", str(path), "--json").stdout)
    # 438,000 MWh x (30 + 2.5) + 50,000 kW x 70.
    assert found["usd"] == pytest.approx(438_000 * 32.5 + 3_500_000)


def test_a_year_of_utc_is_wrapped_into_the_local_one_when_asked(tmp_path: Path) -> None:
    times = pd.date_range("2026-01-01T00:00Z", "2027-01-01T00:00Z", freq="h", inclusive="left")
    path = write_load(tmp_path / "load.csv", times, range(len(times)))
    asked = ("bill", "ercot_tsp", "--load", str(path), "--price", "30", "--json")
    for words in ((), ("--year", "2026")):
        refused = call(*asked, *words)
        assert refused.exit_code == 2 and "--wrap" in refused.stderr, words
    found = json.loads(call(*asked, "--year", "2026", "--wrap").stdout)
    assert found["energy_mwh"] == sum(range(len(times)))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("bill", "ercot_tsp"), "--load FILE.csv or --mw"),
        (("bill", "ercot_tsp", "--mw", "10"), "wholesale"),
        (("bill", "ercot_tsp", "--mw", "10", "--price", "30", "--json", "--csv"), "not both"),
        (("bill", "ercot_tsp", "--mw", "10", "--price", "30", "--start", "2026"), "a month like 2026-01"),
        (("bill", "ercot_tsp", "--mw", "10", "--price", "30", "--peak", "2025-07"), "--peak"),
        (("bill", "ercot_tsp", "--mw", "10", "--price", "30", "--peak", "2025-07=-4"), "--peak"),
        (("bill", "ercot_tsp", "--mw", "10", "--price", "30", "--year", "2023"), "no schedule serves"),
        (("bill", "pjm_wires", "--mw", "10", "--price", "30", "--year", "2030"), "capacity price"),
        (("bill", "ercot_tsp", "--mw", "10", "--price", "30", "--leaves", "2025-07"), "leaves before"),
        (("bill", "ercot_tspp", "--mw", "10"), "did you mean 'ercot_tsp'"),
        (("show", "nowhere.toml"), "no tariff called"),
    ],
)
def test_bad_usage_is_told(words: tuple[str, ...], told: str) -> None:
    result = call(*words)
    assert result.exit_code == 2 and told in result.stderr


def test_a_bad_cell_is_told_its_row(tmp_path: Path) -> None:
    times = local_year(2026, "America/Chicago")
    mw = ["50"] * len(times)
    mw[7] = "-1"
    path = write_load(tmp_path / "load.csv", times, mw)
    result = call("bill", "ercot_tsp", "--load", str(path), "--price", "30")
    assert result.exit_code == 2 and "row 9" in result.stderr and "load_mw" in result.stderr
    path.write_text("time,power\n2026-01-01T00:00Z,1\n", encoding="utf-8")
    assert "name the column of the load load_mw" in call("bill", "ercot_tsp", "--load", str(path)).stderr


def test_the_example_of_the_page_runs(root: Path) -> None:
    page = (root / "docs" / "tariffs.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python")[1].split("```")[0], names)
    # HILL from February 2026: a letter of credit on 100 MW x 8,000 USD/MW at 2 % / 12, eleven times.
    lines = names["done"].lines
    assert lines.loc[lines["kind"] == "collateral", "usd"].sum() == pytest.approx(11 * 800_000 * 0.02 / 12)


def test_import_writes_a_tariff_and_names_what_is_not_in_it(tmp_path: Path) -> None:
    out = tmp_path / "coop.toml"
    asked = ("import", str(EXAMPLE), "--out", str(out), "--timezone", "America/Chicago", "--market", "SPP")
    result = call(*asked)
    assert result.exit_code == 0 and "reactive power is not billed" in result.stdout
    assert load_tariff(str(out)).name == "coop"
    assert call("bill", str(out), "--mw", "10", "--year", "2026").exit_code == 0
    assert call(*asked).exit_code == 2
    assert json.loads(call(*asked, "--overwrite", "--json").stdout)["notes"]
    assert call("import", str(EXAMPLE), "--out", str(tmp_path / "x.toml"), "--timezone", "Nowhere").exit_code == 2
    assert not (tmp_path / "x.toml").exists()


def test_what_contracts_deliver_is_a_column_of_the_load(tmp_path: Path) -> None:
    """Half the hours 20 MW of 50 come from others: they give back the wholesale price, and pay the rest."""
    times = local_year(2026, "America/Chicago")
    half = [20.0 * (n % 2) for n in range(len(times))]
    path = write_load(tmp_path / "load.csv", times, 50.0, price_usd_per_mwh=30.0, delivered_mw=half)
    found = json.loads(call("bill", "ercot_tsp", "--load", str(path), "--json").stdout)
    # 438,000 MWh x (30 + 2.5) + 50,000 kW x 70, less 4,380 h x 20 MW x 30
    assert found["usd"] == pytest.approx(438_000 * 32.5 + 3_500_000 - 87_600 * 30)
    assert found["delivered_mwh"] == pytest.approx(87_600)
    assert {row["part"] for row in found["lines"] if row["kind"] == "indexed"} == {"", "delivered"}
    assert "87,600.0 MWh of 438,000.0 are delivered" in call("bill", "ercot_tsp", "--load", str(path)).stdout
    flat = ("bill", "ercot_tsp", "--mw", "50", "--price", "30", "--delivered-mw", "10", "--json")
    assert json.loads(call(*flat).stdout)["usd"] == pytest.approx(found["usd"])
    # a year out of the file keeps every delivery at its hour
    same = json.loads(call("bill", "ercot_tsp", "--load", str(path), "--year", "2026", "--json").stdout)
    assert same["lines"] == found["lines"]


@pytest.mark.parametrize(
    ("cell", "told"),
    [("60", "MW from 0 to the load of the row, 50"), ("-1", "no more can be delivered"), ("much", "row 9")],
)
def test_a_bad_delivery_is_told_its_row(cell: str, told: str, tmp_path: Path) -> None:
    times = local_year(2026, "America/Chicago")
    delivered = ["5"] * len(times)
    delivered[7] = cell
    path = write_load(tmp_path / "load.csv", times, 50.0, delivered_mw=delivered)
    result = call("bill", "ercot_tsp", "--load", str(path), "--price", "30")
    assert result.exit_code == 2 and told in result.stderr
    assert "row 9" in result.stderr and "delivered_mw" in result.stderr and str(path.name) in result.stderr


def test_nobody_delivers_where_energy_is_sold_at_rates(tmp_path: Path) -> None:
    out = tmp_path / "rates.toml"
    made = call("import", str(EXAMPLE), "--out", str(out), "--timezone", "America/Chicago", "--market", "SPP")
    assert made.exit_code == 0
    refused = call("bill", str(out), "--mw", "10", "--year", "2026", "--delivered-mw", "5")
    assert refused.exit_code == 2 and "indexed" in refused.stderr
