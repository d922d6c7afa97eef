"""Say between which values of an axis a plan switches from one set of sites to another.

    python scripts/sweeps/switching.py outputs/energy_price

reads ``cube.nc`` of a sweep by grid, walks along every axis with the others held, and prints a line for every two
neighbors whose sites differ: what is given up, what is taken, and what the objective does.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

_BUILT_MW = 1e-6


@dataclass(frozen=True)
class Switch:
    """Two neighbors on an axis whose sites differ."""

    axis: str
    held: str
    between: tuple[str, str]
    given_up: tuple[str, ...]
    taken: tuple[str, ...]
    change: float

    def line(self, unit: str) -> str:
        """Write the switch as one line."""
        where = f" at {self.held}" if self.held else ""
        sites = ", ".join([*(f"-{site}" for site in self.given_up), *(f"+{site}" for site in self.taken)])
        return (
            f"{self.axis} {self.between[0]} -> {self.between[1]}{where}: {sites}; objective {self.change:+,.1f} {unit}"
        )


def switches(cube: xr.Dataset) -> Iterator[Switch]:
    """Yield every switch of a cube; a case without a plan has no sites to compare."""
    dims = [str(dim) for dim in cube["objective"].dims]
    built = (cube["it_mw"].isel(quarter=-1) > _BUILT_MW).transpose(*dims, "region")
    for axis in dims:
        others = [dim for dim in dims if dim != axis]
        for places in itertools.product(*(range(cube.sizes[dim]) for dim in others)):
            held = dict(zip(others, places, strict=True))
            told = ", ".join(f"{dim} {cube[dim].values[at]}" for dim, at in held.items())
            line, sites = cube["objective"].isel(held), built.isel(held)
            solved = [n for n in range(cube.sizes[axis]) if line.isel({axis: n}).notnull()]
            for first, second in itertools.pairwise(solved):
                before, after = (
                    set(sites["region"].values[sites.isel({axis: n}).values].tolist()) for n in (first, second)
                )
                if before != after:
                    values = (str(cube[axis].values[first]), str(cube[axis].values[second]))
                    change = float(line.isel({axis: second}) - line.isel({axis: first}))
                    gone, new = sorted(before - after), sorted(after - before)
                    yield Switch(axis, told, values, tuple(gone), tuple(new), change)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, compare, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of a sweep")
    folder = parser.parse_args(arguments).folder
    try:
        with xr.open_dataset(folder / "cube.nc") as opened:
            cube = opened.load()
    except FileNotFoundError:
        print(f"{folder / 'cube.nc'}: there is no cube; run the sweep first", file=sys.stderr)
        return 2
    if cube.attrs["method"] != "grid" or "objective" not in cube:
        print("switching points are those of a grid with plans; see cases.csv and the pictures")
        return 0
    found = list(switches(cube))
    unit = {"1e6": "million USD"}.get(cube["objective"].attrs["units"], cube["objective"].attrs["units"])
    for one in found:
        print(one.line(unit))
    if not found:
        print("the same sites in every case that has a plan")
    return 0


if __name__ == "__main__":
    sys.exit(main())
