"""A case whose tariffs are not sound is refused by file and field, with exit code 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from grid_opt.cli.app import app
from grid_opt.resources import data_dir, models_dir

OWN = (models_dir() / "tariffs" / "ercot_tsp.toml").read_text(encoding="utf-8").replace('"ercot_tsp"', '"mine"')
PERIODS = """
[schedules.four_peaks.demand.d]
source = "made up"
certainty = "L"
date = "2026"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a case of two regions of Texas, one of which pays a tariff of its own."""
    quick = (models_dir() / "cases" / "quick.toml").read_text(encoding="utf-8")
    quick = quick.replace('include = ["GA_N", "IL_PJM", "MN_S", "OH_S", "OK", "TX_N", "TX_W", "VA_E"]',
                          'include = ["TX_N", "OK"]')  # fmt: skip
    (tmp_path / "case.toml").write_text(quick + '\n[data]\ntables_dir = "tables"\n', encoding="utf-8")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "mine.toml").write_text(OWN, encoding="utf-8")
    frame = pd.read_csv(data_dir() / "region_tariffs.csv", dtype=str, keep_default_na=False)
    frame.loc[frame["region"] == "TX_N", "tariff"] = "mine.toml"
    frame.to_csv(tmp_path / "tables" / "region_tariffs.csv", index=False)
    return tmp_path


def own(old: str, new: str) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        path = folder / "tables" / "mine.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


def named(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        path = folder / "tables" / "region_tariffs.csv"
        change(pd.read_csv(path, dtype=str, keep_default_na=False)).to_csv(path, index=False)

    return spoil


def more(text: str) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        path = folder / "tables" / "mine.toml"
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    return spoil


TABLE, FILE = "region_tariffs.csv", "mine.toml"
AT = "schedules.four_peaks.demand.d"
BAD = {
    "an unknown tariff": (
        named(lambda f: f.replace("spp_hill", "spp_hil")), TABLE, "tariff", ("no tariff called 'spp_hil'", "'spp_hill'")
    ),
    "a file that is not there": (
        named(lambda f: f.replace("mine.toml", "other.toml")), TABLE, "tariff", ("no tariff called 'other.toml'",)
    ),
    "a region without a tariff": (
        named(lambda f: f[f["region"] != "TX_N"]), TABLE, "region", ("missing region", "TX_N"),
    ),
    "an unknown region": (
        named(lambda f: f.replace("TX_N", "TX_NN")), TABLE, "region", ("unknown region", "TX_NN")
    ),
    "overlapping periods": (
        more(PERIODS + "[schedules.four_peaks.demand.d.periods.a]\nusd_per_kw_month = 5.0\n"
             "windows = [{months = [1, 2]}]\n"
             "[schedules.four_peaks.demand.d.periods.b]\nusd_per_kw_month = 6.0\nwindows = [{months = [2, 3]}]\n"),
        FILE, f"{AT}.periods.b.windows", ("overlaps the period a", "month 2"),
    ),
    "a month without a rate": (
        more(PERIODS + "[schedules.four_peaks.demand.d.periods.a]\nusd_per_kw_month = 5.0\n"
             "windows = [{months = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}]\n"),
        FILE, f"{AT}.periods", ("a month without a rate", "month 12"),
    ),
    "tiers out of order": (
        more(PERIODS + "[schedules.four_peaks.demand.d.periods.a]\ntiers = [{upto_mw = 50.0, usd_per_kw_month = 5.0}, "
             "{upto_mw = 20.0, usd_per_kw_month = 6.0}, {usd_per_kw_month = 7.0}]\n"),
        FILE, f"{AT}.periods.a.tiers.1.upto_mw", ("not in order",),
    ),
    "USD per MW for USD per kW": (
        more(PERIODS + "[schedules.four_peaks.demand.d.periods.a]\nusd_per_kw_month = 8790.0\n"),
        FILE, f"{AT}.periods.a.usd_per_kw_month", ("8790",),
    ),
    "it ends before it starts": (
        own('last_month = "2027-12"', 'last_month = "2023-12"'), FILE, "schedules.four_peaks.last_month",
        ("ends before it starts",),
    ),
    "no schedule in a month of the plan": (
        own('first_month = "2024-01"', 'first_month = "2026-04"'), "mine", "schedules",
        ("no schedule serves 0 MW in 2026-01",),
    ),
    "no schedule for a size": (
        own('first_month = "2028-01"', 'first_month = "2028-01"\nfrom_mw = 30.0'), "mine", "schedules",
        ("no schedule serves 0 MW in 2028-01",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_broken_tariff_is_refused_where_it_stands(name: str, folder: Path) -> None:
    spoil, file, field, words = BAD[name]
    spoil(folder)
    told = CliRunner().invoke(app, ["check", str(folder / "case.toml"), "--json"], env={"TERM": "dumb"})
    assert told.exit_code == 2, told.output
    answer = json.loads(told.stdout)
    assert Path(answer["file"]).name == file and field in answer["field"], answer
    for word in words:
        assert word in answer["error"]


def test_the_folder_is_sound_and_its_tariff_is_paid(folder: Path) -> None:
    told = CliRunner().invoke(app, ["check", str(folder / "case.toml"), "--json"], env={"TERM": "dumb"})
    assert told.exit_code == 0, told.output
    # Without tariffs the broken file is not read.
    own('last_month = "2027-12"', 'last_month = "2023-12"')(folder)
    flat = ["check", str(folder / "case.toml"), "--set", "tariffs.charge=false", "--json"]
    assert CliRunner().invoke(app, flat, env={"TERM": "dumb"}).exit_code == 0
