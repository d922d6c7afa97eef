"""State the shadow prices of a plan in the units of a planner."""

from __future__ import annotations

import xarray as xr

from grid_opt.config.case import Case
from grid_opt.formulation.calendar import operating_weights
from grid_opt.formulation.goal import cost_weight
from grid_opt.formulation.model import Model
from grid_opt.solve.answer import Answer
from grid_opt.solve.extract import as_array, column_values, row_values
from grid_opt.solve.standard_form import Array, Matrix
from grid_opt.units import SECONDS_PER_HOUR, USD_PER_MUSD


def power_price(case: Case, matrix: Matrix, row_dual: Array, model: Model, world: xr.Dataset) -> xr.DataArray:
    r"""Return the local price of power [USD/MWh] by region, year and slice.

    The dual of the power balance is money of the whole horizon per MW in the slice; divided by the hours that
    the slice stands for and by their discount weight, :math:`\mu / (w_s D_{a,c(s)})`, it is a price. It is missing
    (NaN) where the region has no halls: nothing is bought there, and any price up to the market's is a dual.
    """
    dual = row_values("operation.power_balance", matrix, row_dual, model, world) / usd_weight(case)
    weight = operating_weights(case).sel(season=world["slice_season"]).drop_vars("season")
    price = dual * USD_PER_MUSD / (world["slice_weight"] * weight)
    bought = model.component("operation.purchase").extract_values()
    live = as_array(bought, model.declarations["operation.purchase"], world) > 0
    return (
        price.where(live)
        .transpose("region", "year", "slice")
        .assign_attrs(units="USD/MWh", long_name="local price of power (dual of the power balance, integers fixed)")
    )


def usd_weight(case: Case) -> float:
    """Return what one million USD weighs in the objective: 1, but where the most tokens are asked for or a trade-off
    gives the costs a weight of their own.
    """
    if case.objective.goal != "most_tokens":
        return case.tradeoff.cost_weight
    assert case.budget.present_value_musd is not None
    return cost_weight(case.budget.present_value_musd)


def fleet_prices(
    case: Case, matrix: Matrix, relaxed: Answer, model: Model, world: xr.Dataset
) -> dict[str, xr.DataArray]:
    r"""Return what one more system is worth, and what a million tokens cost, with campuses fixed.

    ``dual_deliveries`` (accelerator, quarter) [USD]: saved by one more system delivered. ``dual_tokens`` (stream, year,
    season, block) [USD/Mtok]: cost of serving a million tokens more; the dual of the balance [million USD per million
    tokens/s] over the seconds of the block and their present value. ``dual_latency`` (stream, region, year, season,
    block) [USD/Mtok]: saved by each million tokens that a region beyond the stream's latency would serve, by the
    reduced cost of the best accelerator there.
    """
    assert relaxed.row_dual is not None and relaxed.reduced_cost is not None
    note = "(dual with campuses fixed and systems divisible)"
    seconds = operating_weights(case) * world["block_hours"] * SECONDS_PER_HOUR
    deliveries = -USD_PER_MUSD * row_values("fleet.deliveries", matrix, relaxed.row_dual, model, world)
    tokens = USD_PER_MUSD * row_values("service.balance", matrix, relaxed.row_dual, model, world) / seconds
    saved = -USD_PER_MUSD * column_values("service.serving", matrix, relaxed.reduced_cost, model, world)
    rate = world["tokens_per_system"].sel({"class": world["stream_class"]}).drop_vars("class") / USD_PER_MUSD
    per_token = (saved / rate.where(rate > 0)).max("accelerator") / seconds
    latency = per_token.where(world["stream_reach"] == 0, 0.0).fillna(0.0).clip(min=0.0)
    return {
        "dual_deliveries": deliveries.assign_attrs(units="USD", long_name=f"worth of one more system {note}"),
        "dual_tokens": tokens.transpose("stream", "year", "season", "block").assign_attrs(
            units="USD/Mtok", long_name=f"cost of a million tokens more {note}"
        ),
        "dual_latency": latency.transpose("stream", "region", "year", "season", "block").assign_attrs(
            units="USD/Mtok", long_name=f"worth of admitting the region for a million tokens {note}"
        ),
    }


def siting_prices(
    case: Case, matrix: Matrix, relaxed: Answer, model: Model, world: xr.Dataset
) -> dict[str, xr.DataArray]:
    """Return what one MW more or less of headroom, target or link limit is worth [USD/MW, present value].

    ``dual_headroom`` (region, quarter): saved by one MW more headroom. ``dual_target`` (quarter): cost of one MW
    more target, at the quarters for which the case names one; it rules until the next. ``dual_link`` (link, quarter,
    stress): saved by one MW more limit on the link. ``dual_surplus`` (zone, quarter, stress): saved by one MW more that
    the zone can spare.
    """
    assert relaxed.row_dual is not None and relaxed.reduced_cost is not None
    note = "(dual with sites fixed and halls divisible)"
    headroom = -USD_PER_MUSD * row_values("connection.headroom", matrix, relaxed.row_dual, model, world)
    site = as_array(model.component("campus.site").extract_values(), model.declarations["campus.site"], world)
    headroom = headroom * (site > 0.5)  # headroom multiplies the site: where none stands, more of it is worth nothing
    hall_mw = case.counted_per_it_mw * case.campus.hall_mw
    by_quarter = row_values("campus.tranche", matrix, relaxed.row_dual, model, world)
    target = USD_PER_MUSD / hall_mw * _by_named_target(case, by_quarter)
    found = {
        "dual_headroom": headroom.assign_attrs(units="USD/MW", long_name=f"worth of one MW more headroom {note}"),
        "dual_target": target.assign_attrs(units="USD/MW", long_name=f"cost of one MW more target {note}"),
    }
    bounded = {"dual_link": ("network.link_flow", "link limit"), "dual_surplus": ("network.zone_supply", "surplus")}
    for name, (variable, limit) in bounded.items():
        if variable in model.declarations:
            worth = USD_PER_MUSD * abs(column_values(variable, matrix, relaxed.reduced_cost, model, world))
            found[name] = worth.assign_attrs(units="USD/MW", long_name=f"worth of one MW more {limit} {note}")
    return found


def _by_named_target(case: Case, by_quarter: xr.DataArray) -> xr.DataArray:
    """Add up, at the quarter of every named target, the prices of the quarters that it rules."""
    found = xr.zeros_like(by_quarter)
    named: str | None = None
    for quarter in case.quarters:
        named = quarter if quarter in case.demand.targets_mw else named
        if named is not None:
            found.loc[named] += by_quarter.sel(quarter=quarter)
    return found
