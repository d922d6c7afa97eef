"""Compose the operation of a plan alone: the whole model, with what the plan chose as numbers."""

from __future__ import annotations

from typing import Final

import xarray as xr
from pyomo.common.gc_manager import PauseGC

from grid_opt.config import Case
from grid_opt.formulation.block import Index, Rule
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.model import Model, compose, labels
from grid_opt.formulation.pinned_builder import ROUTING, PinnedBuilder, Recourse
from grid_opt.units import MWH_PER_GWH, USD_PER_MUSD

UNSERVED_USD_PER_MWH: Final = 50_000.0
"""Least penalty of load that no power reaches: twice the dearest hour that a file of hours may have; no cost."""

SHORT_USD_PER_MWH: Final = 10_000.0
OVER_USD_PER_T: Final = 10_000.0
OVER_USD_PER_M3: Final = 10_000.0
"""ASSUMPTION: penalties far above what a MWh, a tonne or a cubic metre can be had for. No costs: ways out."""

_FAR = 10.0


def keeps_routing(case: Case) -> bool:
    """Return whether requests stay where the plan serves them: where money does not decide what is served."""
    return case.objective.goal == "most_tokens" or case.budget.present_value_musd is not None


def build_dispatch(case: Case, world: xr.Dataset, plan: xr.Dataset) -> Model:
    """Build the linear program of running ``plan`` in the years and slices of ``world``.

    ``plan`` has the plan's variables by the labels of ``world``. Parts that share no year share nothing, so that their
    costs add up.
    """
    with PauseGC():
        kept = ROUTING if keeps_routing(case) else ()
        builder = PinnedBuilder(labels(world), plan, recourse(case, world), kept)
        compose(builder, case, world)
        return Model(builder.model, builder)


def recourse(case: Case, world: xr.Dataset) -> dict[str, Recourse]:
    """Return the rows that may be missed at a penalty, so that every plan can be run in every year."""
    weights = operating_weights(case)
    by_season = weights.to_series().to_dict()
    by_year = weights.mean("season").to_series().to_dict()
    names = world["slice"].values.tolist()
    seasons = dict(zip(names, world["slice_season"].values.astype(int).tolist(), strict=True))
    hours = dict(zip(names, world["slice_weight"].values.tolist(), strict=True))
    lacking = unserved_usd_per_mwh(world) / USD_PER_MUSD

    def energy(_region: Index, a: Index, s: Index) -> float:
        return float(lacking * by_season[a, seasons[s]] * hours[s])

    def of_year(usd: float) -> Rule:
        return lambda a: usd / USD_PER_MUSD * by_year[a]

    def of_part(usd: float) -> Rule:
        """Give the same for rows of a region, or of a water stress, and a year."""
        return lambda _part, a: usd / USD_PER_MUSD * by_year[a]

    found = {
        "operation.power_balance": Recourse("recourse.unserved_power", "MW", "load that no power reaches", energy),
        "carbon.cap_year": Recourse(
            "recourse.over_carbon", "t", "emissions beyond the cap of the year", of_year(OVER_USD_PER_T)
        ),
        "water.cap_stress": Recourse("recourse.over_water", "m3", "water beyond the cap", of_part(OVER_USD_PER_M3)),
    }
    usd_per_gwh = SHORT_USD_PER_MWH * MWH_PER_GWH
    for kind, words in (("annual", "by the year"), ("hourly", "hour by hour")):
        for scope, price in (("region", of_part(usd_per_gwh)), ("portfolio", of_year(usd_per_gwh))):
            meaning = f"load lacking to the share asked for {words}"
            found[f"matching.{kind}_{scope}"] = Recourse(f"recourse.short_{kind}", "GWh", meaning, price)
    return found


def unserved_usd_per_mwh(world: xr.Dataset) -> float:
    """Return the penalty of load that no power reaches: far above any price of the world [USD/MWh]."""
    return max(UNSERVED_USD_PER_MWH, _FAR * float(world["price"].max()))
