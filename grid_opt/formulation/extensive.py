"""Put the models of all scenarios into one: the extensive form of a two-stage stochastic program.

Every scenario is the model of its own case, a Pyomo block made by the same composition root; the block
:class:`~grid_opt.formulation.risk.Risk` joins them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr
from pyomo.common.gc_manager import PauseGC

from grid_opt.formulation.block import Declaration, Expression
from grid_opt.formulation.model import Model
from grid_opt.formulation.offer_sets import final_quarter, has_choice
from grid_opt.formulation.pyomo_builder import PyomoBuilder
from grid_opt.formulation.risk import CONNECTIONS, CONTRACTS, EQUIPMENT, SITES, At, Choices, Risk
from grid_opt.formulation.tex_builder import TexBuilder

Shares = Mapping[At, float]


@dataclass(frozen=True)
class Scenario:
    """A scenario: its name, its probability, its world, and its model."""

    name: str
    probability: float
    world: xr.Dataset
    model: Model


@dataclass(frozen=True)
class Extensive:
    """The model of all scenarios, and the variables of each that are chosen in the first stage."""

    pyomo: Any
    builder: PyomoBuilder
    choices: Choices

    def root(self, name: str) -> Any:
        """Return the component of the block ``risk`` of this name, or ``None`` where the program has none."""
        return self.builder.component(f"risk.{name}")


def granted(worlds: Mapping[str, xr.Dataset]) -> dict[At, float]:
    """Return what every scenario can give of an offer by its last quarter, as a share of the most that any gives."""
    most: dict[At, float] = {}
    for name, world in worlds.items():
        if "offer" not in world.dims:
            continue
        cap, final = world["offer_cap"].to_series().to_dict(), final_quarter(world)
        most |= {(name, j): float(cap[j, final[j]]) for j in world["offer"].values.tolist()}
    return _shares(most)


def delivered(worlds: Mapping[str, xr.Dataset]) -> dict[At, float]:
    """Return what every scenario can have of equipment on site at the end, as a share of the most that any can."""
    most: dict[At, float] = {}
    for name, world in worlds.items():
        if "own" in world.dims:
            last = world["own_most"].isel(quarter=-1)
            most |= {(name, str(d)): float(v) for d, v in zip(world["own"].values, last.values, strict=True)}
    return _shares(most)


def _shares(most: Mapping[At, float]) -> dict[At, float]:
    best: dict[str, float] = {}
    for (_, label), value in most.items():
        best[label] = max(best.get(label, 0.0), value)
    return {(name, label): value / best[label] if best[label] > 0 else 1.0 for (name, label), value in most.items()}


def choices_of(scenarios: Sequence[Scenario], stage: Sequence[str], given: Shares, had: Shares) -> Choices:
    """Return the variables of the groups of ``stage`` by scenario; ``given`` and ``had`` are the shares of them."""
    sites: dict[At, Expression] = {}
    requests: dict[At, Expression] = {}
    studies: dict[At, Expression] = {}
    orders: dict[At, Expression] = {}
    contracts: dict[At, Expression] = {}
    for one in scenarios:
        world, name, last = one.world, one.name, one.world["quarter"].values.tolist()[-1]
        has = one.model.declarations
        if SITES in stage:
            site = one.model.component("campus.site")
            sites |= {(name, r): site[r, last] for r in world["region"].values.tolist()}
        if CONNECTIONS in stage and "connection.contract" in has:
            contract, taken = one.model.component("connection.contract"), one.model.component("connection.taken")
            requests |= {(name, j): contract[j, q] for j, q in final_quarter(world).items()}
            studies |= {(name, j): taken[j] for j, may in has_choice(world).items() if may > 0}
        if EQUIPMENT in stage and "onsite.own_mw" in has:
            own = one.model.component("onsite.own_mw")
            orders |= {(name, d): own[d, last] for d in world["own"].values.tolist()}
        if CONTRACTS in stage and "contracts.ppa_mw" in has:
            signed = one.model.component("contracts.ppa_mw")
            contracts |= {(name, n): signed[n] for n in world["ppa"].values.tolist()}
    return Choices(sites, requests, {at: given[at] for at in requests}, studies, orders,
                   {at: had[at] for at in orders}, contracts)  # fmt: skip


def build_extensive(
    scenarios: Sequence[Scenario],
    stage: Sequence[str],
    weight: float,
    confidence: float,
    given: Shares,
    had: Shares,
) -> Extensive:
    """Join the models of scenarios in one, in which their own objectives are switched off.

    A model is a block of one program at a time; :func:`release` takes it out again.
    """
    with PauseGC():
        choices = choices_of(scenarios, stage, given, had)
        labels = {
            "scenario": [one.name for one in scenarios],
            "region": _labels(choices.sites),
            # Of all scenarios, also where this is the form of one of them alone: then they share the same variables.
            "offer": _labels(given) if choices.requests else [],
            "own": _labels(had) if choices.orders else [],
            "ppa": _labels(choices.contracts),
        }
        builder = PyomoBuilder(labels)
        for number, one in enumerate(scenarios):
            one.model.pyomo.objective.deactivate()
            builder.model.add_component(f"scenario_{number}", one.model.pyomo)
        chances = [one.probability for one in scenarios]
        probability = xr.DataArray(chances, coords={"scenario": labels["scenario"]}, dims="scenario")
        costs = {one.name: one.model.pyomo.objective.expr for one in scenarios}
        Risk(builder, choices, costs, probability, weight, confidence)
        return Extensive(builder.model, builder, choices)


def release(extensive: Extensive, scenarios: Sequence[Scenario]) -> None:
    """Take the models of the scenarios out of their joint one, each with its own objective again."""
    for one in scenarios:
        extensive.pyomo.del_component(one.model.pyomo)
        one.model.pyomo.objective.activate()


def _labels(variables: Mapping[At, object]) -> list[str]:
    return list(dict.fromkeys(label for _, label in variables))


def print_risk() -> dict[str, Declaration]:
    """Run the rules of the block on symbols, with every choice in the first stage and weight on the tail."""
    some: dict[At, Any] = {("", ""): 1.0}
    build: TexBuilder = TexBuilder()
    Risk(build, Choices(some, some, some, some, some, some, some), {}, xr.DataArray(0.0), 0.5, 0.95)
    found = build.declarations
    objective = found.pop("plan.objective")
    return found | {"risk.objective": _named(objective)}


def _named(declared: Declaration) -> Declaration:
    return Declaration("objective", "risk.objective", (), declared.unit, declared.meaning, formula=declared.formula)
