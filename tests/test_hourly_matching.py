"""The study of matching one site around the clock agrees with the same problem written in PyPSA."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

SHARES = (0.8, 0.9, 1.0)


@pytest.fixture(scope="module")
def study() -> ModuleType:
    import importlib.util
    import sys

    file = Path(__file__).resolve().parents[1] / "scripts" / "studies" / "hourly_matching.py"
    spec = importlib.util.spec_from_file_location("scripts_hourly_matching", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table(study: ModuleType) -> pd.DataFrame:
    pytest.importorskip("pypsa", reason="pypsa is an extra: pip install '.[pypsa]'")
    found: pd.DataFrame = study.study(SHARES, 4, compare=True)
    return found


def test_the_case_of_the_study_is_sound(study: ModuleType, tmp_path: Path) -> None:
    study.write_offers(tmp_path)
    _, world = study.site(0.95, 4, tmp_path)  # its tables are checked, and it needs no pypsa
    assert [label.partition("@")[0] for label in world["ppa"].values.tolist()] == [name for name, *_ in study.OFFERS]


def test_every_point_agrees_with_pypsa(table: pd.DataFrame) -> None:
    assert float(table["difference"].max()) < 1e-6
    assert list(table["share"]) == list(SHARES)


def test_more_matching_costs_more_and_ends_with_firm_power(table: pd.DataFrame) -> None:
    assert list(table["usd_per_mwh"]) == sorted(table["usd_per_mwh"])
    assert table["firm_mw"].iloc[-1] > 80 > table["firm_mw"].iloc[0]
    assert (table["battery_mw"] > 0).all()


def test_the_curve_is_drawn(study: ModuleType, table: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("curve.png", "curve.svg"):
        study.draw(table, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000


def test_the_page_shows_points_of_the_study(root: Path, script: Callable[[str], ModuleType]) -> None:
    page = (root / "docs" / "supply.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| (\d+) % \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| below 1e-6 \|", page)
    assert [float(row[0]) / 100 for row in rows] == list(script("studies/hourly_matching.py").SHARES)
    costs = [float(row[1]) for row in rows]
    assert costs == sorted(costs) and np.allclose([float(r[2]) for r in rows], [float(r[3]) for r in rows], rtol=1e-4)
