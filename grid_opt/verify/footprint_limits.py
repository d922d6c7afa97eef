"""Check what a case asks of certificates, carbon-free shares, emissions and water, on ledgers kept once more."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, not_negative, stack
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.footprint import (
    KILO,
    SAME,
    at_hours,
    certificates_mwh,
    each_year,
    hours,
    kept_again,
    scope2,
    yearly,
)

# --- certificates


@check("certificates.granular", "Hourly certificates are as many as the grid has carbon-free power.", "MW",
       when=lambda e: e.case.carbon.buys_hourly)  # fmt: skip
def granular(e: Evidence) -> Excess:
    """Ask for at least 0 and at most the case's MW times the carbon-free share of the hour."""
    bought = e["granular"]
    most = bought.copy(data=e.case.carbon.hourly_certificates_mw * at_hours(e, "grid_carbon_free"))
    return stack(at_most(-bought, 0.0), at_most(bought, most))


not_negative(
    "certificates.certificates", "Certificates are bought, never sold.", "GWh", when=lambda e: e.case.carbon.buys_annual
)


@check("certificates.limit", "No more certificates are bought than there are for sale.", "GWh",
       when=lambda e: e.case.carbon.buys_annual)  # fmt: skip
def certificate_limit(e: Evidence) -> Excess:
    """Add up those of every year."""
    return at_most(e["certificates"].sum("region"), e.case.carbon.annual_certificates_gwh)


# --- shares


def _annual(e: Evidence) -> bool:
    return any(share > 0 for share in e.case.carbon.annual_share.values())


def _hourly(e: Evidence) -> bool:
    return any(share > 0 for share in e.case.carbon.hourly_share.values())


def _of(scope: str, asked: object, e: Evidence) -> bool:
    return bool(asked(e)) and e.case.carbon.scope == scope  # type: ignore[operator]


not_negative("matching.uncovered", "Load that nothing covers is not negative.", "GWh", when=_annual)


@check("matching.cover", "Carbon-free power and certificates cover no more load than there is of them.", "GWh",
       when=_annual)  # fmt: skip
def cover(e: Evidence) -> Excess:
    """Compare what is said to be left with load less carbon-free power and certificates."""
    h = hours(e)
    left = yearly(e, (h.over_year(h.left) - certificates_mwh(e)) / KILO)
    return at_most(left, e["uncovered"], yearly(e, h.over_year(h.load) / KILO))


not_negative("matching.unmatched", "Load that nothing matches is not negative.", "MW", when=_hourly)


@check("matching.match", "Carbon-free power matches load only in its hour and region.", "MW", when=_hourly)
def match(e: Evidence) -> Excess:
    """Compare what is said to be left in every hour with load less carbon-free power and hourly certificates."""
    stated = e["unmatched"]
    return at_most(stated.copy(data=hours(e).left), stated, stated.copy(data=hours(e).load))


def _left_gwh(e: Evidence, kind: str) -> xr.DataArray:
    """Return the load left over by what the plan really has, not by what it says is left [GWh]."""
    h = hours(e)
    if kind == "annual":
        return yearly(e, np.maximum(0.0, h.over_year(h.left) - certificates_mwh(e)) / KILO)
    counted = at_hours(e, "grid_carbon_free") if e.case.carbon.grid_counts else 0.0
    return yearly(e, h.over_year(np.maximum(0.0, h.left) * (1.0 - counted)) / KILO)


def _keeps_share(kind: str, by_region: bool, e: Evidence) -> Excess:
    """Compare what is left of the load with what the share leaves."""
    h = hours(e)
    steps = e.case.carbon.annual_share if kind == "annual" else e.case.carbon.hourly_share
    asked = [max(share or 0.0 for share in shares) for shares in each_year(e, steps).values()]
    most = 1.0 - xr.DataArray(asked, coords={"year": e.plan["year"]}, dims=("year",))
    load, left = yearly(e, h.over_year(h.load) / KILO), _left_gwh(e, kind)
    if not by_region:
        load, left = load.sum("region"), left.sum("region")
    return at_most(left, (load * most).transpose(*left.dims), load)


for _kind, _asked, _words in (("annual", _annual, "covered by the year"), ("hourly", _hourly, "matched hour by hour")):
    for _scope in ("portfolio", "region"):
        check(f"matching.{_kind}_{_scope}", f"Enough of the load is {_words}, {_scope} by {_scope}."
              if _scope == "region" else f"Enough of the load of all campuses is {_words}.", "GWh",
              when=partial(_of, _scope, _asked))(partial(_keeps_share, _kind, _scope == "region"))  # fmt: skip


# --- emissions


def _on(ledger: str, e: Evidence) -> bool:
    return _priced_or_capped(e) and e.case.carbon.ledger == ledger


def _priced_or_capped(e: Evidence) -> bool:
    carbon = e.case.carbon
    return carbon.count or bool(carbon.cap_t) or any(price > 0 for price in carbon.price_usd_per_t.values())


not_negative("carbon.emitted", "Emissions are not negative.", "t", when=_priced_or_capped)


def _at_least_as_kept(ledger: str, e: Evidence) -> Excess:
    """Compare the emissions that are priced and capped with the ledger and own plant."""
    again = yearly(e, scope2(e, ledger) + hours(e).own_t)
    return equal(e["emitted"], again) if ledger == "location" else at_most(again, e["emitted"])


for _ledger, _meaning in {
    "location": "Grid power emits what the grid emits on average in its hour.",
    "market": "What nothing covers by the year emits the residual mix.",
    "hourly": "What nothing covers in its hour emits the residual rate of the hour.",
}.items():
    check(f"carbon.ledger_{_ledger}", _meaning, "t", when=partial(_on, _ledger))(partial(_at_least_as_kept, _ledger))


@check("carbon.ledger_own", "No contract and no certificate covers what own plant emits.", "t",
       when=lambda e: _on("market", e) and e.case.supply.has_sources)  # fmt: skip
def ledger_own(e: Evidence) -> Excess:
    """Compare emissions with those of own plant alone."""
    return at_most(yearly(e, hours(e).own_t), e["emitted"])


not_negative("carbon.unclaimed", "Grid power that nothing covers is not negative.", "MW", when=partial(_on, "hourly"))


@check("carbon.claim", "Contracts and hourly certificates cover grid power only in their hour and region.", "MW",
       when=partial(_on, "hourly"))  # fmt: skip
def claim(e: Evidence) -> Excess:
    """Compare what is said to be left in every hour with grid power less contracts and hourly certificates."""
    stated = e["unclaimed"]
    return at_most(stated.copy(data=hours(e).unclaimed), stated, stated.copy(data=hours(e).drawn))


@check("carbon.cap_year", "All campuses together emit no more than the cap of the year.", "t",
       when=lambda e: bool(e.case.carbon.cap_t))  # fmt: skip
def cap_year(e: Evidence) -> Excess:
    """Add up the ledger of the case, kept again, and compare it with the smallest cap of the year's calendar years."""
    caps = [
        min((c for c in caps if c is not None), default=np.inf) for caps in each_year(e, e.case.carbon.cap_t).values()
    ]
    limit = xr.DataArray(caps, coords={"year": e.plan["year"]}, dims=("year",))
    total = yearly(e, scope2(e, e.case.carbon.ledger) + hours(e).own_t).sum("region")
    named = np.isfinite(limit.values)
    return at_most(total[named], limit[named])


# --- water


def _counts_water(e: Evidence) -> bool:
    water = e.case.water
    return water.count or bool(water.cap_m3) or any(price > 0 for price in water.price_usd_per_m3.values())


not_negative("water.consumed", "Water consumed is not negative.", "m3", when=_counts_water)


@check("water.balance", "Cooling consumes water by the power that runs.", "m3", when=_counts_water)
def water_balance(e: Evidence) -> Excess:
    """Compare with every hour's IT power at the consumption of its calendar quarter."""
    return equal(e["consumed"], yearly(e, kept_again(e, "water")))


@check("water.cap_stress", "Regions of a water stress or a higher one consume no more than its cap.", "m3",
       when=lambda e: bool(e.case.water.cap_m3))  # fmt: skip
def cap_stress(e: Evidence) -> Excess:
    """Add up the water of the regions so stressed, for every cap and year."""
    used, stress = yearly(e, kept_again(e, "water")), e["water_stress"].values
    rows = [used.values[stress >= level].sum(axis=0) - cap for level, cap in e.case.water.cap_m3.items()]
    caps = [max(1.0, cap) for cap in e.case.water.cap_m3.values()]
    amount = xr.DataArray(np.array(rows), coords={"basin": list(e.case.water.cap_m3), "year": e.plan["year"]},
                          dims=("basin", "year"))  # fmt: skip
    return Excess(amount, SAME * xr.DataArray(caps, coords={"basin": list(e.case.water.cap_m3)}, dims=("basin",)))
