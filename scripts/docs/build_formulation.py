"""Write docs/formulation.md by running the model's own rules on symbols (``--check`` only compares)."""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from grid_opt.config import Case  # noqa: E402
from grid_opt.config.sections_tradeoff import CRITERIA  # noqa: E402
from grid_opt.formulation import (  # noqa: E402
    bills,
    campus,
    capital,
    carbon,
    certificates,
    connection,
    contracts,
    fleet,
    forwards,
    goal,
    matching,
    network,
    nodal,
    onsite,
    operation,
    own_dispatch,
    relief,
    resilience,
    risk,
    service,
    store_energy,
    supply,
    tariff,
    tradeoff,
    upgrades,
    water,
)
from grid_opt.formulation.block import DIMENSIONS, Declaration  # noqa: E402
from grid_opt.formulation.extensive import print_risk  # noqa: E402
from grid_opt.formulation.model import print_formulas  # noqa: E402
from grid_opt.formulation.tex_builder import TexBuilder  # noqa: E402
from grid_opt.inputs.tradeoff import with_criteria  # noqa: E402
from tests.tiny import tiny_case, tiny_world  # noqa: E402
from tests.tiny_carbon import FOOTPRINT_BLOCKS, FOOTPRINTS  # noqa: E402
from tests.tiny_fleet import fleet_case, fleet_tiny_world  # noqa: E402
from tests.tiny_menu import menu_world, rich_offers, rich_upgrades  # noqa: E402
from tests.tiny_nodal import nodal_world  # noqa: E402
from tests.tiny_supply import RICH_SUPPLY, rich_sources, supply_world  # noqa: E402
from tests.tiny_tariffs import by_size, charges, named, tariffs_world  # noqa: E402

PAGE = ROOT / "docs" / "formulation.md"
BLOCKS = {
    "campus": campus.Campus,
    "connection": connection.Connection,
    "relief": relief.Relief,
    "capacity": relief.Relief,
    "upgrade": upgrades.Upgrades,
    "network": network.Network,
    "fleet": fleet.Fleet,
    "service": service.Service,
    "resilience": resilience.Resilience,
    "onsite": onsite.OnSite,
    "battery": store_energy.StoreEnergy,
    "supply": supply.Supply,
    "contracts": contracts.Contracts,
    "forwards": forwards.Forwards,
    "plant": own_dispatch.Plants,
    "store": own_dispatch.Stores,
    "operation": operation.Operation,
    "certificates": certificates.Certificates,
    "matching": matching.Matching,
    "carbon": carbon.Carbon,
    "water": water.Water,
    "tradeoff": tradeoff.Tradeoff,
    "capital": capital.Capital,
    "budget": capital.Capital,
    "tariff": tariff.Tariffs,
    "bills": bills.Bills,
    "nodal": nodal.Dispatch,
    "base": nodal.Overload,
    "plan": goal.Goal,
    "risk": risk.Risk,
}
PARTS = {
    "budget": "Outlay limits of the capital block.\n",
    "capacity": "Capacity that is bought, beside what the relief block covers.\n",
}
"""Blocks of declarations that are made by another block."""

HEAD = """# Formulation

This page is generated: `scripts/docs/build_formulation.py` runs the rules that build the model on symbols and
prints what they say. A test compares it with the code, so it cannot drift. Do not edit it.

What is minimized stands at the end of a plan's blocks; `risk` joins the plans of several scenarios, each with all of
these blocks. Cost terms are in million USD of present value. A case that pays tariffs has the
block `tariff` in place of `capacity` and of `bills.energy`, `bills.rider`, `bills.delivery` and `bills.capacity`. A
case with a fleet has the blocks `fleet` and `service`; one without has `operation.utilization` and the hardware terms
of `capital`. A case without a menu of offers has, of the blocks `connection`, `relief`, `capacity` and `upgrade`,
only `connection.headroom`. The blocks `onsite`, `battery`, `supply`, `contracts`, `forwards`, `plant` and `store` are
those of sources that a case admits under `[supply]`; without any, their terms drop out of the power balance, of
capacity and of outlays. `certificates`, `matching`, `carbon` and `water` are there where a case asks something of
them; of the three ledgers of `carbon` it has one; `tradeoff` is there where criteria beside money are limited or
weighed. One whose campuses stand at buses of a network has `nodal` in place of `network` and `bills.energy`; `base`
is the dispatch without campuses, solved before it with the constraints of `nodal` for no new load and limits that may
be exceeded. Upper-case letters with a calligraphic hand are sets; an index set's own letter in upper case, as in
$n_{r,Q}$, is its last element. A variable one step before the first quarter is zero.

| dimension | index | set |
|---|---|---|
"""


def declarations() -> dict[str, Declaration]:
    """Print cases in which every block and budget is present: one kind of accelerator, a fleet, and at buses."""
    limits = {"total_musd": 1.0, "annual_musd": {2026: 1.0}, "present_value_musd": 1.0}
    case = tiny_case(grid={"network": True}, budget=limits)
    chosen = fleet_case(grid={"network": True}, budget=limits, fleet={"region_loss": True})
    at_buses, world = nodal_world()
    world = nodal.unwatched(world)
    found = print_formulas(at_buses, world)
    base = TexBuilder()
    nodal.compose_base(base, at_buses, world)
    found |= {name: one for name, one in base.declarations.items() if name.startswith("base.")}
    menu = {"menu": True, "upgrades": True}
    case, chosen = (with_knobs(one, connection=menu, supply=RICH_SUPPLY) for one in (case, chosen))
    for one, make in ((case, tiny_world), (chosen, fleet_tiny_world)):
        plain = make(one)
        plain = supply_world(one, plain, **rich_sources(plain))
        world = menu_world(one, rich_offers(plain), plain, upgrades=rich_upgrades(one))
        found |= print_formulas(one, world)
        paying = with_knobs(one, tariffs={"charge": True})
        tariffs = [by_size(), *(named(parts, name) for name, parts in charges().items())]
        regions = world["region"].values.tolist()
        found |= print_formulas(paying, tariffs_world(paying, dict(zip(regions, tariffs, strict=False)), world))
    for asked in FOOTPRINTS:
        one = with_knobs(tiny_case(), supply=RICH_SUPPLY, **asked)
        plain = tiny_world(one)
        printed = print_formulas(one, supply_world(one, plain, **rich_sources(plain)))
        found |= {name: d for name, d in printed.items() if name.split(".")[0] in FOOTPRINT_BLOCKS}
    return found | trade_offs() | print_risk()


def trade_offs() -> dict[str, Declaration]:
    """Print a case that limits and weighs every criterion; that its objective has weights is told in words."""
    asked = dict.fromkeys(CRITERIA, 1.0)
    one = with_knobs(
        fleet_case(objective={"goal": "least_cost"}), carbon={"count": True}, water={"count": True},
        tradeoff={"most": asked, "weights": asked, "references": [["Z0"]]},
    )  # fmt: skip
    printed = print_formulas(one, with_criteria(one, fleet_tiny_world(one)))
    return {name: d for name, d in printed.items() if name.startswith("tradeoff.")}


def with_knobs(case: Case, **sections: dict[str, object]) -> Case:
    """Return the case with some knobs of some sections changed."""
    values = case.model_dump()
    return Case.model_validate(values | {name: values[name] | knobs for name, knobs in sections.items()})


def page() -> str:
    """Return the page."""
    lines = [HEAD + "\n".join(f"| {d} | ${i}$ | $\\mathcal{{{s}}}$ |" for d, (i, s) in DIMENSIONS.items())]
    found = declarations()
    for block, source in BLOCKS.items():
        mine = [d for n, d in found.items() if n.split(".")[0] == block]
        lines.append(f"\n## {block}\n")
        if block in PARTS:
            lines.append(PARTS[block])
        else:
            lines.append(inspect.cleandoc(source.__doc__ or "").replace(":math:`", "$`").replace("``", "`") + "\n")
        lines += _section(mine)
    return _inline_math("\n".join(lines)) + "\n"


def _inline_math(text: str) -> str:
    """Turn ``:math:`x``` of a docstring, already begun with a dollar sign, into ``$x$``."""
    head, *rest = text.split("$`")
    return head + "".join("$" + part.replace("`", "$", 1) for part in rest)


def _section(mine: list[Declaration]) -> list[str]:
    lines: list[str] = []
    for kind, title in (("parameter", "Data"), ("variable", "Variables")):
        rows = [d for d in mine if d.kind == kind]
        if rows:
            lines += [f"\n**{title}**\n", "| symbol | name | over | unit | meaning |", "|---|---|---|---|---|"]
            lines += [f"| ${_shown(d)}$ | `{d.name}` | {', '.join(d.dims)} | {d.unit} | {d.meaning} |" for d in rows]
    for kind, title in (("constraint", "Constraints"), ("cost", "Cost terms"), ("objective", "Objective")):
        rows = [d for d in mine if d.kind == kind]
        if rows:
            lines.append(f"\n**{title}**\n")
        for d in rows:
            over = f" for every {', '.join(d.dims)}" if d.dims else ""
            lines += [f"`{d.name}` [{d.unit}]{over}. {d.meaning}\n", f"$$ {d.formula} $$\n"]
    return lines


def _shown(d: Declaration) -> str:
    if d.kind == "variable":
        return d.formula
    letters = ",".join(DIMENSIONS[dim][0] for dim in d.dims)
    return f"{d.symbol}_{{{letters}}}" if letters else d.symbol


def main() -> None:
    """Write the page, or say that it is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if the page is not current")
    if parser.parse_args().check:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == page() else "docs/formulation.md is out of date")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
