"""Write the bills for certificates, emissions and water once more."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.evidence import Evidence
from grid_opt.verify.footprint import Values, certificates_mwh, hours, in_force, kept_again, scope2, yearly
from grid_opt.verify.ledger import Books, worth_today


def _paid_evenly(e: Evidence) -> Values:
    """Return what 1 USD paid evenly over each operating year is worth."""
    books = Books.of(e.case)
    return np.array([sum(books.bill(int(a), season) for season in (1, 2, 3, 4)) / 4 for a in e.labels("year")])


def recomputed_certificates(e: Evidence) -> xr.DataArray:
    """Return what certificates cost [USD]."""
    carbon, h = e.case.carbon, hours(e)
    annual = certificates_mwh(e) * carbon.annual_certificate_usd_per_mwh
    hourly = h.over_year(h.granular) * carbon.hourly_certificate_usd_per_mwh
    return yearly(e, (annual + hourly) * _paid_evenly(e))


def paid_price(e: Evidence, year: int) -> float:
    """Return the price of a tonne in an operating year [USD/t]: the mean of its calendar years, later ones for less."""
    books = Books.of(e.case)
    due = {each: worth_today(books.rate, each - year) for each in books.calendar_years(year)}
    paid = sum(w * (in_force(e.case.carbon.price_usd_per_t, each) or 0.0) for each, w in due.items())
    return paid / sum(due.values())


def recomputed_carbon(e: Evidence) -> xr.DataArray:
    """Return the price of the ledger, kept again [USD]."""
    prices = np.array([paid_price(e, int(a)) for a in e.labels("year")])
    return yearly(e, (scope2(e, e.case.carbon.ledger) + hours(e).own_t) * prices * _paid_evenly(e))


def recomputed_water(e: Evidence) -> xr.DataArray:
    """Return the price of the water [USD]."""
    prices = e.case.water.price_usd_per_m3
    each = np.array([in_force(prices, int(level)) or 0.0 for level in e["water_stress"].values])
    return yearly(e, kept_again(e, "water") * each[:, None] * _paid_evenly(e))
