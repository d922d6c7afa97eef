"""Compose the optimal power flow of a network in the DC model: transmission and what generation costs.

Minimize the cost of generation [USD/h] over dispatch and flows. The blocks speak the vocabulary of
:mod:`grid_opt.formulation.block`, so that ``docs/networks.md`` prints the same rules that build the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from pyomo.common.gc_manager import PauseGC

from grid_opt.formulation.block import Builder, Declaration, Expression, Index
from grid_opt.formulation.model import Model
from grid_opt.formulation.pyomo_builder import PyomoBuilder
from grid_opt.formulation.tex_builder import TexBuilder
from grid_opt.network.convention import Lines
from grid_opt.network.elements import Costs, Flags, Numbers, Places, Topology

USD_PER_H = "USD/h"
CRAD_PER_RAD = 100.0
"""Angles are in hundredths of a radian: in radians the rows of the flows are so badly scaled that HiGHS was seen to
end with status 'Unknown' on infeasible networks of 240 buses."""


@dataclass(frozen=True)
class Grid:
    """What the blocks need to know: an active network, its branches in a convention, and its reference buses.

    ``reach`` [rad] (bus,) is how far the angle of a bus can be from that of its reference at all.
    """

    net: Topology
    lines: Lines
    is_reference: Flags
    reach: Numbers


@dataclass(frozen=True)
class Cuts:
    r"""Lines below the curved costs: ``cost(curve) >= at_zero + slope * power(curve)``, arrays (cut,).

    ``generator`` and ``dc_line`` list the elements with a curved cost; curves are numbered through both.
    """

    generator: Places
    dc_line: Places
    curve: Places
    at_zero: Numbers
    slope: Numbers


class NewLoad(Protocol):
    """A block that draws further power at a bus."""

    def new_load(self, n: Index) -> Expression:
        """Return the power drawn at a bus [MW]."""
        ...


class Transmission:
    r"""Carry power over branches by the DC model and over DC lines at will, balanced at every bus.

    A branch carries :math:`f = b\,(\theta_i - \theta_j - \varphi)`; its limits are those of its rating and of the
    angle difference between its ends, since the flow follows the angle. Shunts draw as at a voltage of 1 p.u.
    Generators of negative power are dispatchable loads. A DC line delivers :math:`(1 - l_1)\,p - l_0`.

    Source: Stott, Jardim, Alsac, "DC Power Flow Revisited", IEEE Trans. Power Systems 24(3), 2009.
    """

    def __init__(self, build: Builder, grid: Grid, extra: NewLoad | None = None) -> None:
        net = grid.net
        self.power = _bounded(
            build, "opf.dispatch", "generator", (net.generators.p_min_mw, net.generators.p_max_mw),
            ("p", r"\underline{P}", r"\overline{P}"), "power of a generator",
        )  # fmt: skip
        self.dc_power = _bounded(
            build, "opf.dc_flow", "dc_line", (net.dc_lines.p_min_mw, net.dc_lines.p_max_mw),
            ("u", r"\underline{U}", r"\overline{U}"), "power that a DC line takes at its start",
        )  # fmt: skip
        self.flow = _bounded(
            build, "opf.flow", "branch", (grid.lines.low_mw, grid.lines.high_mw),
            ("f", r"\underline{F}", r"\overline{F}"), "flow on a branch, from its start to its end",
        )  # fmt: skip
        reach = build.parameter(
            "opf.reach", _numbered(grid.reach * CRAD_PER_RAD), ("bus",), symbol=r"\overline{\theta}", unit="crad",
            meaning="most that the limits of the branches on a path to the reference let the angle differ; implied",
        )  # fmt: skip
        self.angle = build.variable(
            "opf.angle", ("bus",), symbol=r"\theta", unit="crad", domain="real",
            meaning="voltage angle, in hundredths of a radian", bounds=lambda n: (-reach[n], reach[n]),
        )  # fmt: skip
        self._physics(build, grid)
        self._balance(build, net, extra)

    def _physics(self, build: Builder, grid: Grid) -> None:
        rows = grid.net.branches
        susceptance = build.parameter(
            "opf.susceptance", _numbered(grid.lines.susceptance / CRAD_PER_RAD), ("branch",), symbol="B",
            unit="MW/crad",
            meaning="flow per angle difference, by the convention asked for",
        )  # fmt: skip
        shift = build.parameter(
            "opf.shift", _numbered(grid.lines.shift * CRAD_PER_RAD), ("branch",), symbol=r"\varphi", unit="crad",
            meaning="phase shift (0 in the convention powermodels)",
        )  # fmt: skip
        start = build.mapping(_numbered(rows.start), symbol="i")
        end = build.mapping(_numbered(rows.end), symbol="j")
        reference = grid.is_reference.tolist()
        build.constraint(
            "opf.ohm", ("branch",),
            lambda e: self.flow[e] == susceptance[e] * (self.angle[start[e]] - self.angle[end[e]] - shift[e]),
            unit="MW", meaning="Flow on a branch follows the difference of voltage angles.",
        )  # fmt: skip
        build.constraint(
            "opf.reference", ("bus",), lambda n: self.angle[n] == 0, unit="crad",
            meaning="One bus of every island has angle zero.", where=lambda n: reference[n],
        )  # fmt: skip

    def _balance(self, build: Builder, net: Topology, extra: NewLoad | None) -> None:
        count = len(net.buses)
        demand = build.parameter(
            "opf.demand", _numbered(net.demand_mw), ("bus",), symbol="L", unit="MW",
            meaning="load and shunt conductance at a bus",
        )  # fmt: skip
        kept = build.parameter(
            "opf.dc_kept", _numbered(1.0 - net.dc_lines.loss_fraction), ("dc_line",), symbol=r"\kappa", unit="1",
            meaning="share of its power that a DC line delivers, 1 less the loss per power",
        )  # fmt: skip
        lost = build.parameter(
            "opf.dc_loss", _numbered(net.dc_lines.loss_mw), ("dc_line",), symbol=r"\ell", unit="MW",
            meaning="constant loss of a DC line",
        )  # fmt: skip
        generators = build.mapping(_members(net.generators.bus, count), symbol=r"\mathcal{G}")
        leaving = build.mapping(_members(net.branches.start, count), symbol=r"\mathcal{E}^{-}")
        entering = build.mapping(_members(net.branches.end, count), symbol=r"\mathcal{E}^{+}")
        dc_leaving = build.mapping(_members(net.dc_lines.start, count), symbol=r"\mathcal{D}^{-}")
        dc_entering = build.mapping(_members(net.dc_lines.end, count), symbol=r"\mathcal{D}^{+}")

        def balance(n: Index) -> object:
            made = build.total(generators[n], lambda g: self.power[g])
            brought = build.total(dc_entering[n], lambda d: kept[d] * self.dc_power[d] - lost[d])
            taken = build.total(dc_leaving[n], lambda d: self.dc_power[d])
            sent = build.total(leaving[n], lambda e: self.flow[e])
            received = build.total(entering[n], lambda e: self.flow[e])
            drawn = demand[n] if extra is None else demand[n] + extra.new_load(n)
            # All that varies stands on the left, so that the dual is the cost of one MW more drawn, with that sign.
            return made + brought - taken - sent + received == drawn

        build.constraint(
            "opf.balance", ("bus",), balance, unit="MW",
            meaning="What is made at a bus and comes in over its branches is drawn there or leaves; "
            "the dual is the price of power at the bus.",
        )  # fmt: skip


class GenerationCost:
    r"""Charge for generation and DC lines [USD/h]: a constant, a linear part, and a curved part from below.

    The curved part (a square, or the lines of a piecewise linear cost) is a variable above lines that touch the
    curve: :math:`c_2 p^2 \ge c_2 (2 \hat p\,p - \hat p^2)`. Tangents are added at the dispatch found until the lines
    and the curves differ by less than a millionth of the cost; every cost must be convex.
    """

    def __init__(self, build: Builder, grid: Grid, cuts: Cuts, flows: Transmission) -> None:
        self.curve_cost = build.variable(
            "opf.curve_cost", ("curve",), symbol="y", unit=USD_PER_H, domain="real", meaning="curved part of a cost"
        )
        _linear_cost(build, "generation", "generator", grid.net.generator_costs, flows.power, "generation")
        _linear_cost(build, "dc", "dc_line", grid.net.dc_costs, flows.dc_power, "the use of DC lines")
        build.cost(
            "opf.curved_cost", ("curve",), lambda w: self.curve_cost[w], meaning="curved part of the costs",
            unit=USD_PER_H,
        )  # fmt: skip
        units, lines = len(cuts.generator), len(cuts.dc_line)
        generator = {w: [g] for w, g in enumerate(cuts.generator.tolist())} | {units + w: [] for w in range(lines)}
        dc_line = {w: [] for w in range(units)} | {units + w: [d] for w, d in enumerate(cuts.dc_line.tolist())}
        of_generator = build.mapping(generator, symbol=r"\mathcal{G}")
        of_dc_line = build.mapping(dc_line, symbol=r"\mathcal{D}")
        curve = build.mapping(_numbered(cuts.curve), symbol="w")
        at_zero = build.parameter(
            "opf.cut_at_zero", _numbered(cuts.at_zero), ("cut",), symbol="a", unit=USD_PER_H,
            meaning="value at no power of a line that touches a curve",
        )  # fmt: skip
        slope = build.parameter(
            "opf.cut_slope", _numbered(cuts.slope), ("cut",), symbol="s", unit="USD/MWh", meaning="slope of that line"
        )

        def touch(h: Index) -> object:
            made = build.total(of_generator[curve[h]], lambda g: flows.power[g])
            sent = build.total(of_dc_line[curve[h]], lambda d: flows.dc_power[d])
            return self.curve_cost[curve[h]] >= at_zero[h] + slope[h] * (made + sent)

        build.constraint("opf.cut", ("cut",), touch, unit=USD_PER_H, meaning="A curved cost lies above its tangents.")


class HostedLoad:
    """Draw as much new load as the network carries at one bus alone.

    New load stands on the right of the balance, :math:`L_n + x_n`. The weight is -1 at the studied bus and 0 elsewhere,
    where new load is also bounded by zero.
    """

    def __init__(self, build: Builder, grid: Grid) -> None:
        count = len(grid.net.buses)
        weight = build.parameter(
            "opf.studied",
            dict.fromkeys(range(count), 0.0),
            ("bus",),
            symbol="v",
            unit="1",
            meaning="-1 at the studied bus",
        )
        self._load = _bounded(
            build, "opf.new_load", "bus", (np.zeros(count), np.zeros(count)),
            ("x", r"\underline{X}", r"\overline{X}"), "new load at a bus",
        )  # fmt: skip
        build.cost(
            "opf.hosted",
            ("bus",),
            lambda n: weight[n] * self._load[n],
            meaning="new load, to be made large",
            unit="MW",
        )

    def new_load(self, n: Index) -> Expression:
        """Return the new load of a bus [MW]."""
        return self._load[n]


def compose_opf(build: Builder, grid: Grid, cuts: Cuts) -> None:
    """Declare the optimal power flow."""
    flows = Transmission(build, grid)
    GenerationCost(build, grid, cuts, flows)


def compose_hosting(build: Builder, grid: Grid) -> None:
    """Declare the largest new load: the same transmission, with new load and without the cost of generation."""
    Transmission(build, grid, HostedLoad(build, grid))


def build_opf(grid: Grid, cuts: Cuts) -> Model:
    """Build the program of an optimal power flow."""
    with PauseGC():
        builder = PyomoBuilder(labels(grid, cuts))
        compose_opf(builder, grid, cuts)
        builder.objective(builder.costs, unit="USD/h", meaning="All costs of an hour.")
        return Model(builder.model, builder)


def build_hosting(grid: Grid) -> Model:
    """Build the program of the largest new load; which bus is studied is set by its weight and bounds."""
    with PauseGC():
        builder = PyomoBuilder(labels(grid, None))
        compose_hosting(builder, grid)
        builder.objective(builder.costs, unit="USD/h", meaning="All costs of an hour.")
        return Model(builder.model, builder)


def print_opf(grid: Grid, cuts: Cuts) -> dict[str, Declaration]:
    """Run the rules on symbols; the declarations returned carry LaTeX in ``formula``."""
    builder = TexBuilder()
    compose_opf(builder, grid, cuts)
    HostedLoad(builder, grid)
    return builder.declarations


def labels(grid: Grid, cuts: Cuts | None) -> dict[str, list[Any]]:
    """Return the labels of every dimension: positions in the arrays of the network."""
    curves = 0 if cuts is None else len(cuts.generator) + len(cuts.dc_line)
    sizes = {
        "bus": len(grid.net.buses),
        "branch": len(grid.net.branches),
        "generator": len(grid.net.generators),
        "dc_line": len(grid.net.dc_lines),
        "curve": curves,
        "cut": 0 if cuts is None else len(cuts.curve),
    }
    return {dim: list(range(size)) for dim, size in sizes.items()}


def _numbered(values: Any) -> dict[int, Any]:
    return dict(enumerate(values.tolist()))


def _members(place: Places, count: int) -> dict[int, list[int]]:
    """Return, for each of ``count`` buses, the numbers of the elements that stand there."""
    found: dict[int, list[int]] = {n: [] for n in range(count)}
    for number, bus in enumerate(place.tolist()):
        found[bus].append(number)
    return found


def _bounded(
    build: Builder, name: str, dim: str, limits: tuple[Numbers, Numbers], symbols: tuple[str, str, str], meaning: str
) -> Mapping[Index, Expression]:
    """Declare a variable [MW] between two parameters."""
    own, below, above = symbols
    low = build.parameter(
        f"{name}_min", _numbered(limits[0]), (dim,), symbol=below, unit="MW", meaning=f"least {meaning}"
    )
    high = build.parameter(
        f"{name}_max", _numbered(limits[1]), (dim,), symbol=above, unit="MW", meaning=f"most {meaning}"
    )
    found: Mapping[Index, Expression] = build.variable(
        name, (dim,), symbol=own, unit="MW", domain="real", meaning=meaning, bounds=lambda k: (low[k], high[k])
    )
    return found


def _linear_cost(build: Builder, name: str, dim: str, costs: Costs, power: Any, what: str) -> None:
    """Declare the constant and linear part of the costs of a kind of element; constants count when it is online."""
    constant, slope = (_numbered(costs.quadratic[:, k]) for k in (0, 1))
    mark = "" if name == "generation" else r"\mathrm{dc}"
    c0 = build.parameter(
        f"opf.{name}_c0", constant, (dim,), symbol=f"c^{{{mark}0}}", unit=USD_PER_H, meaning=f"constant cost of {what}"
    )
    c1 = build.parameter(
        f"opf.{name}_c1", slope, (dim,), symbol=f"c^{{{mark}1}}", unit="USD/MWh", meaning=f"linear cost of {what}"
    )
    build.cost(
        f"opf.{name}_cost", (dim,), lambda k: c0[k] + c1[k] * power[k], meaning=f"constant and linear cost of {what}",
        unit=USD_PER_H,
    )  # fmt: skip
