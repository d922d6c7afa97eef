"""Read a network from a file, by what its name ends with."""

from __future__ import annotations

from pathlib import Path

from grid_opt.errors import InputError
from grid_opt.network.elements import Topology
from grid_opt.network.matpower import read_matpower
from grid_opt.network.pypsa import read_pypsa


def read_file(path: str | Path) -> Topology:
    """Read a MATPOWER case (``.m``) or a PyPSA network (``.nc``, ``.h5``).

    Errors: InputError naming the file and what is wrong in it.
    """
    file = Path(path)
    if file.suffix in (".nc", ".h5"):
        return read_pypsa(file)
    if file.suffix == ".m" or not file.exists():
        return read_matpower(file)
    raise InputError(
        "this kind of file is not read", file=file, expected="a .m case, a PyPSA .nc or .h5, or a folder with links.csv"
    )
