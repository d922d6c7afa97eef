"""Put the formulas of the optimal power flow into docs/networks.md, printed by its own rules (``--check``: compare)."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from grid_opt.formulation import opf  # noqa: E402
from grid_opt.formulation.block import DIMENSIONS, Declaration  # noqa: E402
from grid_opt.network.convention import Lines  # noqa: E402
from grid_opt.network.elements import Branches, Buses, Costs, Generators, Topology, no_dc_lines  # noqa: E402

PAGE = ROOT / "docs" / "networks.md"
BEGIN, END = "<!-- formulas: begin -->", "<!-- formulas: end -->"
BLOCKS = (
    ("Transmission", opf.Transmission, ("dispatch", "dc_", "flow", "angle", "reach", "susceptance", "shift", "ohm",
                                        "reference", "demand", "balance")),
    ("Cost", opf.GenerationCost, ("generation_", "dc_c", "curve", "cut")),
    ("New load", opf.HostedLoad, ("studied", "new_load", "hosted")),
)  # fmt: skip


def formulas() -> dict[str, Declaration]:
    """Run the rules on symbols; the numbers of the network that they are handed are never looked at."""
    nowhere, none = np.zeros(0, dtype=np.int64), np.zeros(0)
    names, flags = np.zeros(0, dtype=np.str_), np.zeros(0, dtype=bool)
    net = Topology(
        "", 1.0, Buses(names, none, none, flags, none, flags, none, none),
        Branches(names, nowhere, nowhere, *[none] * 8, flags), Generators(names, nowhere, none, none, flags),
        Costs.none(0), no_dc_lines(), Costs.none(0),
    )  # fmt: skip
    grid = opf.Grid(net, Lines(none, none, none, none), flags, none)
    return opf.print_opf(grid, opf.Cuts(nowhere, nowhere, nowhere, none, none))


def section() -> str:
    """Return the text between the marks."""
    page = _page_script()
    found = formulas()
    lines = ["| dimension | index | set |", "|---|---|---|"]
    used = ("bus", "branch", "generator", "dc_line", "curve", "cut")
    lines += [f"| {d} | ${DIMENSIONS[d][0]}$ | $\\mathcal{{{DIMENSIONS[d][1]}}}$ |" for d in used]
    for title, block, starts in BLOCKS:
        mine = [d for d in found.values() if _owner(d.short_name) == starts]
        text = inspect.cleandoc(block.__doc__ or "").replace(":math:`", "$`").replace("``", "`")
        lines += [f"\n### {title}\n", text + "\n", *page._section(mine)]
    body: str = page._inline_math("\n".join(lines))
    return body


def _owner(name: str) -> tuple[str, ...]:
    """Return the block whose longest beginning of a name fits this one."""
    fits = [(len(start), starts) for _, _, starts in BLOCKS for start in starts if name.startswith(start)]
    return max(fits)[1]


def _page_script() -> ModuleType:
    """Return the script of the formulation page, whose way of printing declarations this page shares."""
    spec = importlib.util.spec_from_file_location("build_formulation", Path(__file__).with_name("build_formulation.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page() -> str:
    """Return the page with the section made anew."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{section()}\n{END}{rest.split(END, 1)[1]}"


def main() -> None:
    """Write the page, or say that it is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if the page is not current")
    if parser.parse_args().check:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == page() else "docs/networks.md is out of date")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
