"""Tables and knobs of carbon and water are read as they are meant, and refused where they stand when they are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from grid_opt.config import load_case
from grid_opt.inputs.environment import at_slices
from grid_opt.inputs.world import build_world
from tests.spoil import Spoil, case_text, cell, table
from tests.test_bad_input import Bad, call, folder  # noqa: F401 -- folder is a fixture
from tests.tiny_nodal import nodal_world

EMISSIONS, SHAPES = "tables/emissions.csv", "tables/emission_shapes.csv"
ENVIRONMENT, COOLING, CASE = "tables/environment.csv", "tables/cooling.csv", "case.toml"


def without_last(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:-1]


def tenfold(frame: pd.DataFrame) -> pd.DataFrame:
    """Write one shape in percent: plausible numbers, another mean."""
    first = (frame["shape"] == frame["shape"][0]) & (frame["quantity"] == frame["quantity"][0])
    hours = [f"h{hour:02d}" for hour in range(24)]
    frame.loc[first, hours] = (frame.loc[first, hours].astype(float) * 10).astype(str)
    return frame


def asked(section: str, text: str) -> Spoil:
    return case_text("[energy]", f"[{section}]\n{text}\n\n[energy]")


BAD: dict[str, Bad] = {
    "tonnes for kilograms": Bad(
        cell("emissions", "average_kg_per_mwh", "0.34"), EMISSIONS, 3, "average_kg_per_mwh", ("t/MWh", "1000")
    ),
    "a rate in grams": Bad(
        cell("emissions", "marginal_kg_per_mwh", "340000"), EMISSIONS, 3, "marginal_kg_per_mwh", ("physical bounds",)
    ),
    "a share in percent": Bad(
        cell("emissions", "carbon_free_fraction", "42"), EMISSIONS, 3, "carbon_free_fraction", ("percentage",)
    ),
    "a year that one region lacks": Bad(
        table("emissions", without_last), EMISSIONS, 200, "region x year", ("WY_E, 2034",)
    ),
    "a shape that lacks a quarter": Bad(
        table("emission_shapes", without_last), SHAPES, 144, "quarter", ("lacks calendar quarter 4",)
    ),
    "a shape that is no ratio": Bad(table("emission_shapes", tenfold), SHAPES, 2, "h00..h23", ("a mean of 10.0",)),
    "a shape that is not there": Bad(
        cell("environment", "average_shape", "AZPX"), ENVIRONMENT, 3, "average_shape", ("did you mean AZPS?",)
    ),
    "stress beyond the scale": Bad(
        cell("environment", "water_stress", "6"), ENVIRONMENT, 3, "water_stress", ("1 to 5",)
    ),
    "litres per MWh": Bad(
        cell("cooling", "warm_l_per_kwh", "1200"), COOLING, 3, "warm_l_per_kwh", ("divide by 1000",)
    ),
    "no such class of cooling": Bad(
        asked("water", 'cooling = "hybird"'), CASE, 40, "water.cooling", ("did you mean 'hybrid'?",)
    ),
    "a cap before the plan": Bad(
        asked("carbon", "cap_t = { 2020 = 1e6 }"), CASE, 40, "carbon.cap_t.2020", ("a year from 2026 to 2032",)
    ),
    "nothing to match with": Bad(
        asked("carbon", "hourly_share = { 2028 = 0.5 }"), CASE, 40, "carbon.hourly_share",
        ("nothing can match the load", "carbon.grid_counts"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_where_it_stands(name: str, folder: Path) -> None:  # noqa: F811
    bad = BAD[name]
    bad.spoil(folder)
    told = call("check", str(folder / "case.toml"), "--json")
    assert told.exit_code == 2, told.output
    answer: dict[str, Any] = json.loads(told.stdout)
    assert answer["file"] == str(folder / bad.file)
    assert answer.get("field") == bad.field
    assert answer.get("row") == bad.row or bad.file == CASE
    assert "to fix:" in answer["error"]
    for word in bad.words:
        assert word in answer["error"]


def test_rates_are_interpolated_between_years_and_kept_beyond_them() -> None:
    case = load_case("quick", ["regions.include=['VA_E', 'OK']"])
    world = build_world(case)
    rows = pd.read_csv("data/emissions.csv").set_index(["region", "year"])["residual_kg_per_mwh"]
    told = world["residual_mix"].sel(region="VA_E")
    at = {year: float(rows["VA_E", year]) for year in (2026, 2028, 2030, 2032, 2034)}
    assert float(told.sel(year=2026)) == pytest.approx(at[2026])
    assert float(told.sel(year=2027)) == pytest.approx((at[2026] + at[2028]) / 2)
    long_run = [at[2028], (at[2028] + at[2030]) / 2, at[2030], (at[2030] + at[2032]) / 2, at[2032]]
    assert float(told.sel(year=2028)) == pytest.approx(np.mean(long_run))  # 2028 to 2032 are one operating year


def test_an_hour_has_the_mean_rate_times_its_shape() -> None:
    case = load_case("quick")
    world = build_world(case)
    rate = at_slices(world["emission_average"], world).sel(region="TX_W", year=2026)
    weights = world["slice_weight"]
    row = pd.read_csv("data/emissions.csv").set_index(["region", "year"]).loc[("TX_W", 2026)]
    assert float((rate * weights).sum() / weights.sum()) == pytest.approx(row["average_kg_per_mwh"], rel=2e-3)
    shapes = pd.read_csv("data/emission_shapes.csv").set_index(["shape", "quantity", "quarter"])
    at = int(np.flatnonzero((world["slice_season"].values == 3) & (world["slice_hour"].values == 19))[0])
    assert float(rate[at]) == pytest.approx(row["average_kg_per_mwh"] * shapes.loc[("ERCO", "average", 3), "h19"])


def test_sunny_hours_are_cleaner_where_there_is_sun() -> None:
    """Shapes are in UTC: Californian noon is 20 h, and the evening after sunset 3 h."""
    shapes = pd.read_csv("data/emission_shapes.csv").set_index(["shape", "quantity", "quarter"])
    for shape, quantity in (("CISO", "average"), ("CAMX", "marginal"), ("AZNM", "marginal")):
        summer = shapes.loc[(shape, quantity, 3)]
        assert summer["h20"] < 0.8 * summer["h03"], (shape, quantity)
    clean = shapes.loc[("CISO", "carbon_free", 3)]
    assert clean["h20"] > 1.2 * clean["h03"]


def test_cooling_takes_more_water_where_it_is_warm_and_none_when_dry() -> None:
    wet, dry = (build_world(load_case("quick", [f"water.cooling={kind}"])) for kind in ("evaporative", "dry"))
    assert float(dry["water_intensity"].max()) == 0.0
    summer = wet["water_intensity"].sel(season=3)
    assert float(summer.sel(region="TX_W")) > float(summer.sel(region="MN_S")) > 1.2


def test_buses_have_the_rates_of_the_regions_that_they_are_like() -> None:
    _, world = nodal_world()
    tables = pd.read_csv("data/emissions.csv").set_index(["region", "year"])["residual_kg_per_mwh"]
    for bus, like in (("3", "TX_S"), ("4", "TX_W")):
        assert float(world["residual_mix"].sel(region=bus, year=2026)) == pytest.approx(tables[like, 2026])
    assert "slice_hour" not in world
    told = at_slices(world["emission_average"], world).sel(region="3", year=2026)
    daily = world["emission_average"].sel(region="3", year=2026).mean("hour")
    assert told.values == pytest.approx(daily.sel(season=world["slice_season"].astype(int)).values)
