r"""Dispatch the generators of a power network hour by hour, together with the campuses at its buses.

Lines enter only where they matter. ``world`` lists the *watched* limits: a branch, in one direction, in the base case
or after the outage of another branch, in one hour of one year. :mod:`grid_opt.solve.nodal` adds a limit to the list
when a dispatch breaks it, until none breaks any that is not in it; so the model with the watched limits has the optimum
of the one with all.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.ports import Bought
from grid_opt.network.elements import Numbers
from grid_opt.network.screening import NO_OUTAGE as NONE
from grid_opt.network.screening import Pairs, Screen
from grid_opt.network.siting import Response, area_islands, load_mw
from grid_opt.units import USD_PER_MUSD

WATCHED = ("watch_branch", "watch_outage", "watch_sign", "watch_year", "watch_slice", "watch_limit")
NO_OUTAGE = "none"
LEAST = 1e-9
"""Sensitivities below this are left out, as HiGHS would do: on 70 GW they move a flow by less than 100 W."""


class Excess(Protocol):
    """A block that lets flows exceed their limits, for a price."""

    def over_mw(self, branch: Index, year: Index, slice_: Index) -> Expression:
        """Return by how much the branch may be over its limits [MW]."""
        ...


class Dispatch:
    r"""Meet all load in every hour from the steps that generators offer, with every watched limit kept.

    Offers are steps of generators' costs, whose power is available as the hour has it. Where supply falls short,
    existing consumers of an area are shed in proportion to their load. Power put in at a bus spreads over the network
    by the DC model. With the PTDF H and the LODF d, the flow on branch e after the outage of branch k, in direction
    :math:`\pm`, rises by :math:`\Phi = \pm (H_{e} + d_{ek} H_{k})` per MW put in. What existing load, shunts and phase
    shifters make of it is taken off the limit beforehand.

    A limit is the rating; where the dispatch without campuses is over it already, it is the flow in that dispatch. So
    no campus may add to an overload, and the dispatch without campuses is always allowed.

    Source: Wood, Wollenberg, Sheblé, "Power Generation, Operation, and Control", 3rd ed., chapter 8.
    """

    def __init__(
        self, build: Builder, world: xr.Dataset, load: Bought | None = None, excess: Excess | None = None
    ) -> None:
        over = ("year", "slice")
        available = build.parameter(
            "nodal.available", world["step_available"], ("step", "slice"), symbol=r"\overline{\gamma}", unit="MW",
            meaning="power of a step of generation that is available in the hour",
        )  # fmt: skip
        drawn = load_mw(world)
        demand = build.parameter(
            "nodal.load", drawn, ("area", *over), symbol="L", unit="MW", meaning="load of existing consumers"
        )
        self.dispatch = build.variable(
            "nodal.dispatch", ("step", *over), symbol=r"\gamma", unit="MW", domain="real",
            meaning="power taken of a step of generation", bounds=lambda j, a, s: (0, available[j, s]),
        )  # fmt: skip
        self.shed = build.variable(
            "nodal.shed", ("area", *over), symbol=r"\sigma", unit="MW", domain="real",
            meaning="existing load that is not served", bounds=lambda t, a, s: (0, demand[t, a, s]),
        )  # fmt: skip
        self._balance(build, world, demand, load)
        self._limits(build, world, load, excess)

    def _balance(self, build: Builder, world: xr.Dataset, demand: Any, load: Bought | None) -> None:
        island = dict(zip(world["bus"].values.tolist(), world["bus_island"].values.tolist(), strict=True))
        islands = world["island"].values.tolist()
        steps = _members(islands, world["step"].values, [island[b] for b in world["step_bus"].values.tolist()])
        areas = _members(islands, list(area_islands(world)), list(area_islands(world).values()))
        regions = _members(islands, world["region"].values, [island[r] for r in world["region"].values.tolist()])
        drawn = xr.DataArray(
            [world["bus_shunt"].values[world["bus_island"].values == one].sum() for one in islands],
            coords={"island": islands}, dims=("island",),
        )  # fmt: skip
        shunt = build.parameter("nodal.shunt", drawn, ("island",), symbol=r"L^{0}", unit="MW", meaning="draw of shunts")
        steps_at = build.mapping(steps, symbol=r"\mathcal{J}")
        areas_at = build.mapping(areas, symbol=r"\mathcal{T}")
        regions_at = build.mapping(regions, symbol=r"\mathcal{R}")

        def balance(y: Index, a: Index, s: Index) -> object:
            made = build.total(steps_at[y], lambda j: self.dispatch[j, a, s])
            cut = build.total(areas_at[y], lambda t: self.shed[t, a, s])
            existing = build.total(areas_at[y], lambda t: demand[t, a, s])
            new = 0 if load is None else build.total(regions_at[y], lambda r: load.bought_mw(r, a, s))
            # All that varies stands on the left, so that the dual is the cost of one MW more drawn, with that sign.
            return made + cut - new == existing + shunt[y]

        build.constraint(
            "nodal.balance", ("island", "year", "slice"), balance, unit="MW",
            meaning="Generation meets what existing consumers and campuses draw; the dual is the price of energy.",
        )  # fmt: skip

    def _limits(self, build: Builder, world: xr.Dataset, load: Bought | None, excess: Excess | None) -> None:
        watched = Watched(world)
        phi = r"\Phi"
        step = build.parameter(
            "nodal.by_step", watched.at_steps, ("watch", "step"), symbol=f"{phi}^{{J}}", unit="1",
            meaning="rise of the watched flow per MW of a step of generation",
        )  # fmt: skip
        area = build.parameter(
            "nodal.by_area", watched.at_areas, ("watch", "area"), symbol=f"{phi}^{{T}}", unit="1",
            meaning="rise of the watched flow per MW shed in an area",
        )  # fmt: skip
        region = build.parameter(
            "nodal.by_region", watched.at_regions, ("watch", "region"), symbol=f"{phi}^{{R}}", unit="1",
            meaning="rise of the watched flow per MW put in at a candidate bus",
        )  # fmt: skip
        room = build.parameter(
            "nodal.room", watched.room, ("watch",), symbol=r"\beta", unit="MW",
            meaning="limit of the watched flow, less the flow that existing load, shunts and phase shifters cause",
        )  # fmt: skip
        labels = world["watch"].values.tolist()
        of: dict[str, Any] = {
            name: build.mapping(dict(zip(labels, world[f"watch_{name}"].values.tolist(), strict=True)), symbol=symbol)
            for name, symbol in (("branch", "e"), ("year", "a"), ("slice", "s"))
        }

        def within(f: Index) -> object:
            a, s = of["year"][f], of["slice"][f]
            made = build.total("step", lambda j: step[f, j] * self.dispatch[j, a, s])
            cut = build.total("area", lambda t: area[f, t] * self.shed[t, a, s])
            new = 0 if load is None else build.total("region", lambda r: region[f, r] * load.bought_mw(r, a, s))
            flow = made + cut - new if load is not None else made + cut
            return flow <= (room[f] if excess is None else room[f] + excess.over_mw(of["branch"][f], a, s))

        build.constraint(
            "nodal.within_limit", ("watch",), within, unit="MW",
            meaning="A watched flow stays within its limit, or where it was over it without campuses, as it was.",
        )  # fmt: skip


class Generation:
    """Charge what serving the campuses adds to the cost of generation, and to the load that is lost.

    The cost of the cheapest dispatch without campuses is taken off: it is the same whatever is built. What is left is
    what the campuses' energy costs the system, losses to congestion included.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, dispatch: Dispatch) -> None:
        season = dict(
            zip(world["slice"].values.tolist(), world["slice_season"].values.astype(int).tolist(), strict=True)
        )
        season_of = build.mapping(season, symbol="c")
        weight = build.parameter(
            "nodal.operating_weight", operating_weights(case), ("year", "season"), symbol="D", unit="1",
            meaning="present value of one USD paid in the calendar quarter of the operating year",
        )  # fmt: skip
        hours = build.parameter(
            "nodal.slice_weight", world["slice_weight"], ("slice",), symbol="w", unit="h",
            meaning="hours of the year that the slice stands for",
        )  # fmt: skip
        cost = build.parameter(
            "nodal.step_cost", world["step_cost"] / USD_PER_MUSD, ("step",), symbol=r"\pi^{J}",
            unit="million USD/MWh", meaning="cost of a step of generation",
        )  # fmt: skip
        lost = build.parameter(
            "nodal.value_of_lost_load", case.nodal.value_of_lost_load_usd_per_mwh / USD_PER_MUSD, symbol=r"\pi^{T}",
            unit="million USD/MWh", meaning="worth of energy that existing consumers lose",
        )  # fmt: skip
        before = costs_without_campuses(case, world)
        base_cost = build.parameter(
            "nodal.generation_before", before["generation"], ("year",), symbol="K^{J}", unit="million USD",
            meaning="cost of generation in the cheapest dispatch without campuses",
        )  # fmt: skip
        base_lost = build.parameter(
            "nodal.lost_load_before", before["lost_load"], ("year",), symbol="K^{T}", unit="million USD",
            meaning="worth of the load lost in that dispatch",
        )  # fmt: skip

        def yearly(a: Index, rate: Any) -> Expression:
            return build.total("slice", lambda s: weight[a, season_of[s]] * hours[s] * rate(s))

        build.cost(
            "nodal.generation", ("year",),
            lambda a: yearly(a, lambda s: build.total("step", lambda j: cost[j] * dispatch.dispatch[j, a, s]))
            - base_cost[a],
            meaning="Generation, above that of the cheapest dispatch without campuses.",
        )  # fmt: skip
        build.cost(
            "nodal.lost_load", ("year",),
            lambda a: yearly(a, lambda s: build.total("area", lambda t: lost * dispatch.shed[t, a, s])) - base_lost[a],
            meaning="Worth of existing load lost, above that of the dispatch without campuses.",
        )  # fmt: skip


class Overload:
    """Let branches be over their limits at a penalty: the dispatch without campuses, as the system is.

    A branch pays for the most by which it is over, be it in the base case or after any outage.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset) -> None:
        self._over = build.variable(
            "base.overload", ("branch", "year", "slice"), symbol=r"\omega", unit="MW", domain="nonnegative",
            meaning="most by which a branch is over its limits in the dispatch without campuses",
        )  # fmt: skip
        penalty = build.parameter(
            "base.overload_penalty", case.nodal.overload_penalty_usd_per_mwh, symbol=r"\pi^{E}", unit="USD/MWh",
            meaning="what one MW over a limit counts",
        )  # fmt: skip
        build.cost(
            "base.overload_cost", ("branch", "year", "slice"), lambda e, a, s: penalty * self._over[e, a, s],
            meaning="Penalty for overloads that the system has already.", unit="USD/h",
        )  # fmt: skip

    def over_mw(self, branch: Index, year: Index, slice_: Index) -> Expression:
        """Return by how much the branch may be over its limits [MW]."""
        return self._over[branch, year, slice_]


class HourlyCost:
    """Charge the dispatch without campuses by the hour [USD/h]."""

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, dispatch: Dispatch) -> None:
        cost = build.parameter(
            "base.step_cost", world["step_cost"], ("step",), symbol=r"c^{J}", unit="USD/MWh",
            meaning="cost of a step of generation",
        )  # fmt: skip
        lost = build.parameter(
            "base.value_of_lost_load", case.nodal.value_of_lost_load_usd_per_mwh, symbol="c^{T}", unit="USD/MWh",
            meaning="worth of energy that existing consumers lose",
        )  # fmt: skip
        over = ("year", "slice")
        build.cost(
            "base.generation", ("step", *over), lambda j, a, s: cost[j] * dispatch.dispatch[j, a, s],
            meaning="Generation in the dispatch without campuses.", unit="USD/h",
        )  # fmt: skip
        build.cost(
            "base.lost_load", ("area", *over), lambda t, a, s: lost * dispatch.shed[t, a, s],
            meaning="Load lost in the dispatch without campuses.", unit="USD/h",
        )  # fmt: skip


def compose_base(build: Builder, case: Case, world: xr.Dataset) -> None:
    """Declare the dispatch without campuses; restrict ``world`` to single hours to solve it part by part."""
    overload = Overload(build, case, world)
    dispatch = Dispatch(build, world, excess=overload)
    HourlyCost(build, case, world, dispatch)


class Watched:
    """The watched limits of a world as numbers: what moves their flows, and how much room the load leaves them."""

    def __init__(self, world: xr.Dataset) -> None:
        watch, response = {"watch": world["watch"].values}, Response.of(world)
        screen, pairs = Screen(response.factors), pairs_of(world)
        share = screen.lodf(pairs.branch, pairs.outage)

        def over(dim: str, flow: Numbers) -> xr.DataArray:
            values = pairs.combine(flow, share)
            values[np.abs(values) < LEAST] = 0.0
            return xr.DataArray(values, coords=watch | {dim: world[dim].values}, dims=("watch", dim))

        self.at_steps = over("step", response.offers)
        self.at_areas = over("area", response.areas)
        self.at_regions = over("region", response.regions)
        room = pairs.limit_mw - pairs.in_snapshot(response.alone, share)
        self.room = xr.DataArray(room, coords=watch, dims=("watch",))


def pairs_of(world: xr.Dataset) -> Pairs:
    """Return the watched limits of a world by position."""
    branch = {str(name): k for k, name in enumerate(world["branch"].values.tolist())}
    years, slices = ({int(label): k for k, label in enumerate(world[dim].values.tolist())} for dim in ("year", "slice"))
    columns = [world[name].values.tolist() for name in WATCHED]
    rows = [
        (
            branch[str(e)],
            NONE if str(k) == NO_OUTAGE else branch[str(k)],
            sign,
            years[a] * len(slices) + slices[s],
            limit,
        )
        for e, k, sign, a, s, limit in zip(*columns, strict=True)
    ]
    whole = np.array([row[:4] for row in rows], dtype=np.int64).reshape(-1, 4)
    limit = np.array([row[4] for row in rows], dtype=float)
    return Pairs(whole[:, 0], whole[:, 1], whole[:, 2], whole[:, 3], limit, np.zeros(len(rows)))


def unwatched(world: xr.Dataset) -> xr.Dataset:
    """Return a world with no watched limit, and a dispatch without campuses of nothing: where the search begins."""
    kinds: tuple[Any, ...] = ("<U4", "<U4", np.int64, np.int64, np.int64, np.float64)
    empty = {name: (("watch",), np.zeros(0, dtype=kind)) for name, kind in zip(WATCHED, kinds, strict=True)}
    zero = xr.zeros_like(world["step_available"]).expand_dims(year=world["year"].values)
    base = {
        "base_dispatch": zero.transpose("step", "year", "slice"),
        "base_shed": xr.zeros_like(world["area_factor"]).transpose("area", "year", "slice"),
    }
    bare = world.drop_dims("watch", errors="ignore")
    return bare.assign(base).assign_coords(watch=np.array([], dtype=np.int64)).assign(empty)


def costs_without_campuses(case: Case, world: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the yearly cost of the dispatch without campuses [million USD, present value], (year)."""
    weight = operating_weights(case).sel(season=world["slice_season"].astype(int)).drop_vars("season")
    hours = (weight * world["slice_weight"]).transpose("year", "slice") / USD_PER_MUSD
    lost = case.nodal.value_of_lost_load_usd_per_mwh
    return {
        "generation": ((world["base_dispatch"] * world["step_cost"]).sum("step") * hours).sum("slice"),
        "lost_load": ((world["base_shed"] * lost).sum("area") * hours).sum("slice"),
    }


def _members(of: list[str], labels: Any, groups: list[str]) -> dict[str, list[Any]]:
    """Return the labels of every group."""
    found: dict[str, list[Any]] = {one: [] for one in of}
    for label, group in zip(list(labels), groups, strict=True):
        found[str(group)].append(label.item() if isinstance(label, np.generic) else label)
    return found
