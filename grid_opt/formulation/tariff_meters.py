"""Read the meters of tariffs: energy of a month by its hours, and what other charges count towards a least bill."""

from __future__ import annotations

from typing import Any

import xarray as xr

from grid_opt.formulation.block import Builder, Expression, Index, Rule
from grid_opt.formulation.ports import Metered
from grid_opt.formulation.tariff_sets import named, nonzero, numbers, some


def readings(build: Builder, world: xr.Dataset, flow: Metered, billed: Any) -> Rule:
    """Return what adds up the meter readings of a bound, less other billed quantities that count towards a least bill.

    A reading weighs what is bought in every slice. Where contracts may deliver, it weighs that too: alike in a tier of
    energy, without the wholesale price in a least bill.
    """
    reads = build.mapping(some(world, "bound_meter"), symbol=r"\mathcal{W}")
    place = build.mapping(named(world, "meter", "meter_region"), symbol="r")
    years = {m: int(a) for m, a in numbers(world, "meter", "meter_year").items()}
    year = build.mapping(years, symbol="a")
    flows = [_weighed(build, world, "meter_weight", "w^{M}", r"\mathcal{S}", flow.bought_mw)]
    if "meter_delivered" in world:
        flows.append(_weighed(build, world, "meter_delivered", "w^{D}", r"\mathcal{S}^{D}", flow.delivered_mw))
    ties: dict[str, list[str]] = {i: [] for i in world["bound"].values.tolist()}
    for tie, bound in named(world, "tie", "tie_bound").items():
        ties[bound].append(tie)
    counts = build.mapping(ties, symbol=r"\mathcal{T}")
    rate = build.parameter(
        "tariff.tie_rate", world["tie_rate"], ("tie",), symbol=r"\rho", unit="million USD/MW",
        meaning="rate at which a billed quantity counts towards a least bill",
    )  # fmt: skip
    other = build.mapping(named(world, "tie", "tie_line"), symbol="n")

    def metered(i: Index) -> Expression:
        power = build.total(reads[i], lambda m: sum(of(m, place[m], year[m]) for of in flows))
        return power - build.total(counts[i], lambda t: rate[t] * billed[other[t]])

    return metered


def _weighed(build: Builder, world: xr.Dataset, name: str, symbol: str, slices: str, power: Rule) -> Rule:
    """Return what adds up a power over the slices of a meter, by its weights."""
    loss = world["loss"].sel(region=world["meter_region"].astype(str)).drop_vars("region")
    weight = build.parameter(
        f"tariff.{name}", world[name] / (1 + loss), ("meter", "slice"), symbol=symbol, unit="h",
        meaning="hours of the slice in the reading, less losses; of a least bill, less its cost in million USD/MW",
    )  # fmt: skip
    within = build.mapping(nonzero(world[name], "meter"), symbol=slices)
    return lambda m, r, a: build.total(within[m], lambda s: weight[m, s] * power(r, a, s))
