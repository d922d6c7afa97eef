"""Tell a planner what to know of a case before trusting a plan made from it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.campus import construction_ready
from grid_opt.inputs.offers import most_hosted
from grid_opt.inputs.retail import left_out

_LARGE_CORRECTION_USD_PER_MWH = 10.0
"""Shift of a representative day's prices above which spikes are no longer where they were."""


def warnings(case: Case, world: xr.Dataset) -> Iterator[str]:
    """Yield what a planner should know of the inputs before trusting a plan made from them."""
    yield f"hours are {world.attrs['hours_source']}"
    short = shortfall(case, world)
    if float(short.max()) > 0:
        worst = int(np.argmax(short.values))
        yield (
            f"the target of {world['quarter'].values[worst]} exceeds all headroom, in whole halls, by "
            f"{short.values[worst]:,.0f} MW: no plan exists"
        )
    shut = world["region"].values[~hosts_a_campus(case, world)].tolist()
    if shut:
        yield f"headroom or construction time never lets a campus of the smallest size stand in: {', '.join(shut)}"
    if case.is_nodal:
        yield from json.loads(str(world.attrs.get("network_notes", "[]")))
        return
    correction = float(world.attrs["largest_price_correction_usd_per_mwh"])
    if correction > _LARGE_CORRECTION_USD_PER_MWH:
        yield (
            f"representative days had to be shifted by up to {correction:,.0f} USD/MWh to keep the mean price of "
            "every quarter; more energy.days place spikes better"
        )
    if left := int(world.attrs.get("power_offers_left_out", 0)):
        yield f"{left:,} offers of power can never pay and were left out; supply.screen = false admits them"
    yield from closed_to_delivery(world)
    if not case.grid.network:
        yield "grid.network is false: deliverability over the network is not checked"
    yield from idle_knobs(case)


def closed_to_delivery(world: xr.Dataset) -> Iterator[str]:
    """Yield which offers of energy were left out because the campus's tariff bills energy at rates of its own."""
    shut = left_out(world)
    if shut:
        pairs = ", ".join(
            f"{offer} to {region}" for offer, _, region in (label.partition("@") for label in sorted(shut))
        )
        why = "; ".join(sorted(set(shut.values())))
        yield (
            f"physical contracts left out, because nobody but the utility may deliver there: {len(shut):,} ({pairs}); "
            f"energy is not billed at the wholesale price throughout by {why}"
        )


def idle_knobs(case: Case) -> Iterator[str]:
    """Yield the knobs of supply, carbon and tariffs that are set and change nothing in the case."""
    supply, carbon = case.supply, case.carbon
    if absent := sorted(set(supply.delay_quarters) - set(supply.onsite)):
        yield f"supply.delay_quarters names {', '.join(absent)}, which supply.onsite does not admit: it changes nothing"
    if supply.export_share > 0 and not supply.onsite:
        yield "supply.export_share changes nothing: supply.onsite admits nothing whose power could be sold"
    for kind, bought in (
        ("annual_certificates_gwh", carbon.buys_annual),
        ("hourly_certificates_mw", carbon.buys_hourly),
    ):
        if getattr(carbon, kind) > 0 and not bought:
            yield f"carbon.{kind} changes nothing: no share, price or cap of the case counts such certificates"
    if case.tariffs.leave_at_end and not case.tariffs.charge:
        yield "tariffs.leave_at_end changes nothing while tariffs.charge is false"


def hostable_halls(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return the whole halls that fit headroom and offers by region and quarter, each campus taking all it can."""
    hall_mw = world["pue_peak"] * case.campus.hall_mw
    fits: xr.DataArray = xr.apply_ufunc(np.floor, most_hosted(world) / hall_mw + 1e-9)
    return fits.transpose("region", "quarter")


def hosts_a_campus(case: Case, world: xr.Dataset) -> npt.NDArray[np.bool_]:
    """Return, by region, whether the smallest campus fits its headroom and its construction time by the end."""
    fits = hostable_halls(case, world).isel(quarter=-1) * case.campus.hall_mw >= max(
        case.campus.min_campus_mw, case.campus.hall_mw
    )
    ready = construction_ready(case, world).isel(quarter=-1) > 0
    return np.asarray((fits & ready).values, dtype=bool)


def shortfall(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return by how much the target exceeds the headroom of all regions [MW], by quarter; negative is room left."""
    hall_mw = case.counted_per_it_mw * case.campus.hall_mw
    committed = [case.committed_mw(quarter) for quarter in case.quarters]
    short: xr.DataArray = world["target"] - committed - hall_mw * hostable_halls(case, world).sum("region")
    return short
