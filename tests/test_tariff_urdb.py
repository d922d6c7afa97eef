"""A rate in the JSON form of the Utility Rate Database, made up, imported and billed by hand; and what is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from grid_opt.errors import InputError
from grid_opt.tariffs.bill import bill
from grid_opt.tariffs.definitions import tariff_from_toml, tariff_to_toml
from grid_opt.tariffs.schema import Tariff
from grid_opt.tariffs.urdb import import_urdb
from tests.tariff_fixture import at, cost, load

EXAMPLE = Path(__file__).with_name("urdb_example.json")
CENTRAL = "America/Chicago"
RECORD: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))["items"][0]


def imported(folder: Path, **changes: Any) -> Tariff:
    """Import the example with some keys changed, or removed where the value is ``None``."""
    record = {**copy.deepcopy(RECORD), **changes}
    path = folder / "rate.json"
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not None}), encoding="utf-8")
    return import_urdb(path, name="mine", timezone=CENTRAL, market="SPP")


def test_the_example_by_hand() -> None:
    found = import_urdb(EXAMPLE, name="example", timezone=CENTRAL, market="SPP")
    used = load(10.0, "2026-07-01", "2026-11-01", CENTRAL)
    at(used, "2026-07-15 16:00", 30.0, CENTRAL)
    b = bill(found, used)
    # July 2026: 23 weekdays (the 3rd and 4th are days as others: the database has no holidays) x 6 h from 2 to 8 pm x
    # 10 MW, and 20 MWh more: 1,400 MWh x 67. Off peak 744 - 138 = 606 h: 6,060 MWh: 5,000 x 33 + 1,060 x 29.
    assert cost(b, "2026-07", "energy", "period_1") == 93_800.00
    assert cost(b, "2026-07", "energy", "period_0") == 195_740.00
    # Fuel: 7,460 MWh x 1.50.
    assert cost(b, "2026-07", "fuel_adjustment") == 11_190.00
    # Flat demand in summer: 10,000 kW x 7.00 + 20,000 kW x 8.75.
    assert cost(b, "2026-07", "flat_demand") == 245_000.00
    # October at the rate of winter, on 60 % of the 30,000 kW of July: 18,000 kW x 4.50.
    assert cost(b, "2026-10", "flat_demand") == 81_000.00
    assert cost(b, "2026-07", "fixed") == 1_200.50
    # The least bill, 31 x 250 = 7,750, is exceeded.
    assert cost(b, "2026-07", "minimum") == 0.00


def test_what_is_not_represented_is_named() -> None:
    found = import_urdb(EXAMPLE, name="example", timezone=CENTRAL, market="SPP")
    for key in (
        "demandreactivepowercharge",
        "usenetmetering",
        "energycomments",
        "somethingnew",
        "15 minutes",
        "11 months",
    ):
        assert key in found.notes, key
    schedule = found.schedules["imported"]
    assert (schedule.first_month, schedule.last_month) == ("2025-01", "2026-12")
    assert (schedule.from_mw, schedule.below_mw) == (1.0, 60.0)
    assert found.market == "SPP" and found.holidays == "none"


def test_an_import_survives_its_file() -> None:
    found = import_urdb(EXAMPLE, name="example", timezone=CENTRAL, market="SPP")
    assert tariff_from_toml(tariff_to_toml(found, "Imported."), "example.toml") == found


def test_every_key_of_the_example_is_billed_or_named(tmp_path: Path) -> None:
    """Without one of its keys the example gives another tariff, or says so; keys that only describe may go."""
    whole = imported(tmp_path)
    describes = {"sector", "servicetype", "demandunits", "flatdemandunit", "minchargeunits", "fixedchargeunits"}
    for key in RECORD.keys() - describes - {"energyweekendschedule", "energyweekdayschedule", "startdate"}:
        assert imported(tmp_path, **{key: None}) != whole, key


def test_time_of_use_demand_and_lookback(tmp_path: Path) -> None:
    on_peak = [[0] * 8 + [1] * 12 + [0] * 4] * 12
    found = imported(
        tmp_path, demandratchetpercentage=None, flatdemandstructure=None, demandrateunit="kW",
        demandratestructure=[[{"rate": 1.0}], [{"rate": 12.0}]], demandweekdayschedule=on_peak,
        demandweekendschedule=[[0] * 24] * 12, lookbackpercent=0.5, lookbackrange=3, lookbackmonths=[False] * 12,
    )  # fmt: skip
    demand = found.schedules["imported"].demand["period_demand"]
    assert demand.ratchet is not None and (demand.ratchet.share, demand.ratchet.lookback_months) == (0.5, 3)
    used = load(10.0, "2026-01-01", "2026-03-01", CENTRAL)
    at(used, "2026-01-10 12:00", 40.0, CENTRAL)  # a Saturday
    b = bill(found, used)
    # The Saturday peak is off peak: 40,000 kW x 1; on peak 10,000 kW x 12. In February half of each, if more.
    assert cost(b, "2026-01", "period_demand") == 40_000.00 + 120_000.00
    assert cost(b, "2026-02", "period_demand") == 20_000.00 + 120_000.00
    summer = [False] * 5 + [True] * 4 + [False] * 3
    found = imported(
        tmp_path, demandratchetpercentage=None, lookbackpercent=0.6, lookbackrange=0, lookbackmonths=summer
    )
    ratchet = found.schedules["imported"].demand["flat_demand"].ratchet
    assert ratchet is not None and (ratchet.of_months, ratchet.share) == ((6, 7, 8, 9), 0.6)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"coincidentratestructure": [[{"rate": 5.0}]]}, "coincidentratestructure"),
        ({"energyratestructure": [[{"rate": 0.05, "unit": "kWh/kW"}]], "energyweekdayschedule": None,
          "energyweekendschedule": None}, "energyratestructure"),
        ({"flatdemandunit": "kVA"}, "flatdemandunit"),
        ({"flatdemandunit": "kW daily"}, "flatdemandunit"),
        ({"flatdemandmonths": [0] * 11}, "flatdemandmonths"),
        ({"flatdemandmonths": [0] * 11 + [2]}, "flatdemandmonths"),
        ({"energyweekdayschedule": [[0] * 24] * 11}, "energyweekdayschedule"),
        ({"energyweekdayschedule": [[7] * 24] * 12}, "energyweekdayschedule"),
        ({"energyratestructure": [[{"rate": "cheap"}], [{"rate": 0.1}]]}, "energyratestructure"),
        ({"demandratchetpercentage": [0.5] * 6 + [0.6] * 6}, "demandratchetpercentage"),
        ({"lookbackpercent": 0.5, "lookbackrange": 6}, "lookbackpercent"),
        ({"minchargeunits": "$/year"}, "minchargeunits"),
        ({"fixedchargeunits": "$/visit"}, "fixedchargeunits"),
        ({"startdate": None}, "startdate"),
        ({"startdate": "soon"}, "startdate"),
        ({"mincharge": "none"}, "mincharge"),
        ({"demandunits": "hp"}, "demandunits"),
        ({"flatdemandstructure": [[{"max": 50, "rate": 1}, {"max": 20, "rate": 2}, {"rate": 3}]],
          "flatdemandmonths": None}, "tiers.1"),
    ],
)  # fmt: skip
def test_what_cannot_be_billed_is_refused(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        imported(tmp_path, **changes)
    assert field in str(refused.value.field) and "rate.json" in str(refused.value.file)


@pytest.mark.parametrize(
    "key", sorted(RECORD.keys() | {"coincidentratestructure", "lookbackmonths", "lookbackpercent"})
)
def test_values_of_the_wrong_kind_are_refused_or_named(tmp_path: Path, key: str) -> None:
    for value in ("x", -3, [1], [["x"]], [[{"rate": "x"}]], {"a": 1}, True, float("nan"), [None] * 12, ["x"] * 12):
        try:
            imported(tmp_path, **{key: value})
        except InputError as refused:
            assert refused.field and "rate.json" in str(refused.file), (key, value)


def test_not_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "rate.json"
    for text in ('{"items": []}', "[]", '{"items": [{}, {}]}', "3", "{"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as refused:
            import_urdb(path, name="mine", timezone=CENTRAL, market="SPP")
        assert "rate.json" in str(refused.value.file)
