"""The page of power networks is what its scripts make of the code, and PyPSA networks mean what they mean there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from grid_opt.errors import InputError
from grid_opt.solve.opf import solve_opf
from grid_opt.study.networks import read_network


def test_the_formulas_are_those_of_the_rules(root: Path, script: Callable[[str], ModuleType]) -> None:
    page = (root / "docs" / "networks.md").read_text(encoding="utf-8")
    assert page == script("docs/build_networks.py").page(), "run `make docs`"
    assert r"f_{e} = B_{e}" in page and r"y_{w(h)} \ge a_{h} + s_{h}" in page


def test_the_table_of_published_optima_is_there(root: Path) -> None:
    page = (root / "docs" / "networks.md").read_text(encoding="utf-8")
    found = re.search(r"(\d+) of (\d+) cases agree within 5e-05", page)
    assert found is not None and int(found[2]) - int(found[1]) == page.count("| refused: ") == 4
    assert "| case118_ieee | 118 | 9.3101e+04 |" in page and "| case10000_goc | 10,000 |" in page


def test_a_pypsa_network(tmp_path: Path) -> None:
    pypsa: Any = pytest.importorskip("pypsa", reason="pypsa is an extra: pip install '.[pypsa]'")
    n = pypsa.Network()
    for k, place in enumerate([(-97, 30), (-98, 31), (-99, 32), (-100, 33)], 1):
        n.add("Bus", f"b{k}", v_nom=230.0, x=place[0], y=place[1])
    for one, other, limit in ((1, 2, 500.0), (2, 3, 500.0), (1, 3, 50.0)):
        n.add("Line", f"l{one}{other}", bus0=f"b{one}", bus1=f"b{other}", x=52.9, s_nom=limit)
    n.add("Generator", "g1", bus="b1", p_nom=200.0, marginal_cost=10.0)
    n.add("Generator", "g2", bus="b2", p_nom=200.0, marginal_cost=30.0)
    n.add("Load", "d3", bus="b3", p_set=100.0)
    n.add("Link", "k", bus0="b3", bus1="b4", p_nom=30.0, efficiency=0.9)
    n.add("Load", "d4", bus="b4", p_set=9.0)
    n.export_to_netcdf(tmp_path / "n.nc")
    net = read_network(tmp_path / "n.nc")
    found = solve_opf(net, "matpower")
    # 110 MW reach bus 3; 2/3 g1 + 1/3 g2 = 50 gives 40 and 70, at PyPSA's own prices.
    assert found.dispatch_mw == pytest.approx([40, 70]) and found.objective == pytest.approx(2500)
    assert found.price == pytest.approx([10, 30, 50, 50 / 0.9]) and net.has_places


def test_no_pypsa_network(tmp_path: Path) -> None:
    (tmp_path / "n.nc").write_text("nothing", encoding="utf-8")
    with pytest.raises(InputError, match=r"n\.nc"):
        read_network(tmp_path / "n.nc")
