"""Write every region's bills once more, calendar quarter by quarter, and compare them with the plan's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books
from grid_opt.verify.offer_money import bought_capacity
from grid_opt.verify.supply import metered_mw

Bill = Callable[[int, int, int], float]
"""Amount [USD] for (position of the region, position of the year, calendar quarter), undiscounted."""


def _accounts(e: Evidence, bill: Bill) -> xr.DataArray:
    """Enter a bill per region and calendar quarter, and add up what they are worth [USD], (region, year)."""
    books = Books.of(e.case)
    regions, years = e.labels("region"), e.labels("year")
    totals = np.zeros((len(regions), len(years)))
    for a, year in enumerate(years):
        for season in (1, 2, 3, 4):
            worth = books.bill(int(year), season)
            for r in range(len(regions)):
                totals[r, a] += bill(r, a, season) * worth
    return xr.DataArray(totals, coords={"region": e.plan["region"], "year": e.plan["year"]}, dims=("region", "year"))


def _mwh(e: Evidence, power: xr.DataArray) -> Bill:
    """Return the MWh of ``power`` in a calendar quarter, as a bill of 1 USD/MWh."""
    mw, hours, seasons = power.values, e["slice_weight"].values, e["slice_season"].values.astype(int)
    return lambda r, a, season: float(np.sum((mw[r, a] * hours)[seasons == season]))


def recomputed_energy(e: Evidence) -> xr.DataArray:
    """Return the wholesale bills [USD]: every hour's purchase at every hour's price."""
    price = e["price"].values
    mw, hours, seasons = e["purchase"].values, e["slice_weight"].values, e["slice_season"].values.astype(int)

    def bill(r: int, a: int, season: int) -> float:
        chosen = seasons == season
        return float(np.sum(mw[r, a, chosen] * price[r, a, chosen] * hours[chosen]))

    return _accounts(e, bill)


def recomputed_rider(e: Evidence) -> xr.DataArray:
    """Return the riders [USD]: every MWh that the meter counts, at the region's rate.

    What comes over the grid, bought at wholesale or delivered under a contract, is what is metered and the losses on
    the way, a share of what is metered.
    """
    rate, loss, sent = e["delivery_rider"].values, e["loss"].values, _mwh(e, metered_mw(e))
    return _accounts(e, lambda r, a, season: rate[r] * sent(r, a, season) / (1.0 + loss[r]))


def recomputed_lost_compute(e: Evidence) -> xr.DataArray:
    """Return the worth of the compute shed [USD]: every MWh of IT energy at the case's value."""
    value, shed = e.case.flexibility.value_of_lost_compute_usd_per_mwh, _mwh(e, e["curtailment"])
    return _accounts(e, lambda r, a, season: value * shed(r, a, season))


def _billed_mw(e: Evidence, power: xr.DataArray) -> Callable[[int, int, int], float]:
    """Return the MW that stand in a calendar quarter of an operating year."""
    quarters = [str(q) for q in e.labels("quarter")]
    rows = [[quarters.index(q) for q in e.quarter_rows(int(year))] for year in e.labels("year")]
    values = power.transpose("region", "quarter").values
    return lambda r, a, season: float(values[r, rows[a][season - 1]])


def recomputed_delivery(e: Evidence) -> xr.DataArray:
    """Return the demand charges [USD]: three monthly bills a quarter on the design-day load."""
    monthly, load = e["delivery_demand_charge"].values, _billed_mw(e, e.facility_mw)
    return _accounts(e, lambda r, a, season: sum(monthly[r] * load(r, a, season) for _month in range(3)))


def recomputed_capacity(e: Evidence) -> xr.DataArray:
    """Return the capacity obligation [USD]: the quarter's price on the load for which capacity is bought."""
    price = e["capacity_charge"]
    seasons, load = [int(s) for s in e.labels("season")], _billed_mw(e, bought_capacity(e))
    return _accounts(e, lambda r, a, s: float(price.values[r, a, seasons.index(s)]) * load(r, a, s))


def recomputed_fixed_om(e: Evidence) -> xr.DataArray:
    """Return operation and maintenance [USD]: a quarter of the yearly rate on the IT nameplate."""
    per_mw, load = e.case.costs.fixed_om_usd_per_kw_year * 1000.0 / 4.0, _billed_mw(e, e.it_mw)
    return _accounts(e, lambda r, a, season: per_mw * load(r, a, season))
