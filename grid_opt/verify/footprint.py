"""Keep the ledgers of carbon and water once more, hour by hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt
import xarray as xr

from grid_opt.plan.schema_footprint import LEDGERS
from grid_opt.verify.check import Excess, check
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books
from grid_opt.verify.operation import drawn_mw

Values = npt.NDArray[np.float64]

_YEARLY = ("region", "year")
_HOURLY = ("region", "year", "slice")
KILO = 1000.0
SAME = 1e-6
"""Relative difference at which figures of a ledger count as the same."""


@dataclass(frozen=True)
class Hours:
    """Power of every region, year and slice at the meter [MW], and the hours of the slices."""

    weight: Values
    running: Values
    load: Values
    drawn: Values
    contracts: Values
    own_clean: Values
    stored: Values
    granular: Values
    own_t: Values

    def over_year(self, power: Values) -> Values:
        """Return the energy of a power in a year [MWh], (region, year)."""
        found: Values = (power * self.weight).sum(axis=2)
        return found

    @property
    def unclaimed(self) -> Values:
        """Grid power less carbon-free contracts and hourly certificates [MW]; negative where they are more."""
        return self.drawn - self.contracts - self.granular

    @property
    def left(self) -> Values:
        """Load less carbon-free power and hourly certificates [MW]; negative where they are more."""
        return self.load - self.contracts - self.own_clean - self.stored - self.granular


def hours(e: Evidence) -> Hours:
    """Work out the powers of a plan once, from what its computers draw and from what its sources give."""
    if "footprint" not in e.shared:
        e.shared["footprint"] = _hours(e)
    return cast(Hours, e.shared["footprint"])


def _hours(e: Evidence) -> Hours:
    season = e["slice_season"].values.astype(int)
    weight = e["slice_weight"].values
    running = (drawn_mw(e) - e["curtailment"]).transpose(*_HOURLY).values
    cooling = e["pue"].values[:, season - 1][:, None, :]
    bought, nothing = e["purchase"].values, np.zeros_like(running)
    contracts, own_clean, stored, own_t = nothing.copy(), nothing.copy(), nothing.copy(), nothing[:, :, 0].copy()
    regions = [str(r) for r in e.labels("region")]
    supply = e.case.supply
    wheeled = nothing.copy()
    if supply.contracts:
        places = [regions.index(str(r)) for r in e["ppa_region"].values]
        for n, r in enumerate(places):
            if e["ppa_clean"].values[n] > 0:
                contracts[r] += e["ppa_mw"].values[n] * e["ppa_production"].values[n]
        if "physical" in supply.contracts:
            named = dict(zip(map(str, e.labels("ppa")), places, strict=True))
            for n, name in enumerate(e.labels("wheeled")):
                wheeled[named[str(name)]] += e["delivered_ppa"].values[n]
    home = {} if not supply.onsite else dict(zip(map(str, e.labels("own")), e["own_region"].values, strict=True))
    if supply.plants:
        for n, name in enumerate(e.labels("plant")):
            r, output, rate = (
                regions.index(str(home[str(name)])),
                e["own_output"].values[n],
                e["plant_emission"].values[n],
            )
            own_t[r] += rate * (output * weight).sum(axis=1)
            own_clean[r] += output if rate == 0 else 0.0
    if supply.stores:
        for n, name in enumerate(e.labels("store")):
            stored[regions.index(str(home[str(name)]))] += e["store_discharge"].values[n] - e["store_charge"].values[n]
    return Hours(
        weight=weight, running=running, load=running * cooling,
        drawn=(bought + wheeled) / (1.0 + e["loss"].values[:, None, None]),
        contracts=contracts, own_clean=own_clean, stored=stored,
        granular=e["granular"].values if e.case.carbon.buys_hourly else nothing, own_t=own_t,
    )  # fmt: skip


def at_hours(e: Evidence, name: str) -> Values:
    """Return an array by season and hour at every slice, (region, year, slice); without hours, the mean of the day."""
    array = e[name].values
    season = e["slice_season"].values.astype(int) - 1
    if "slice_hour" not in e.plan.variables:
        return np.asarray(array.mean(axis=3)[:, :, season])
    return np.asarray(array[:, :, season, e["slice_hour"].values.astype(int)])


def yearly(e: Evidence, values: Values) -> xr.DataArray:
    """Label numbers by region and year."""
    return xr.DataArray(values, coords={d: e.plan[d] for d in _YEARLY}, dims=_YEARLY)


def certificates_mwh(e: Evidence) -> Values:
    """Return the certificates of the year [MWh], (region, year)."""
    if e.case.carbon.buys_annual:
        return np.asarray(KILO * e["certificates"].values)
    return np.zeros((len(e.labels("region")), len(e.labels("year"))))


# --- ledgers


def scope2(e: Evidence, ledger: str) -> Values:
    """Return the scope 2 emissions of every region and year by one ledger [t]."""
    h = hours(e)
    if ledger == "location":
        return h.over_year(h.drawn * at_hours(e, "emission_average")) / KILO
    if ledger == "market":
        left = np.maximum(0.0, h.over_year(h.unclaimed) - certificates_mwh(e))
        return np.asarray(left * e["residual_mix"].values / KILO)
    return h.over_year(np.maximum(0.0, h.unclaimed) * at_hours(e, "emission_residual")) / KILO


def _shares(e: Evidence) -> dict[str, Values]:
    """Return the carbon-free shares; missing where there is no load."""
    h = hours(e)
    load = h.over_year(h.load)
    left = np.maximum(0.0, h.left)
    rest = 1.0 - at_hours(e, "grid_carbon_free")
    parts = {
        "covered_share": np.maximum(0.0, h.over_year(h.left) - certificates_mwh(e)),
        "matched_share": h.over_year(left),
        "carbon_free_share": h.over_year(left * rest),
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: np.where(load > 0, 1.0 - part / load, np.nan) for name, part in parts.items()}


def kept_again(e: Evidence, name: str) -> Values:
    """Return a ledger of the plan, kept once more."""
    if name.startswith("scope2_"):
        return scope2(e, name.removeprefix("scope2_"))
    return _shares(e)[name] if name.endswith("_share") else _others(e, name)


def _others(e: Evidence, name: str) -> Values:
    """Return what own plant emits, what the load brings about, the load itself, or its water."""
    h = hours(e)
    marginal = at_hours(e, "emission_marginal") / KILO
    losses = 1.0 + e["loss"].values[:, None, None]
    season = e["slice_season"].values.astype(int) - 1
    if name == "scope1":
        return h.own_t
    if name == "induced":
        return h.own_t + h.over_year(h.drawn * losses * marginal)
    if name == "avoided":
        return h.over_year(h.contracts * marginal)
    if name == "facility_load":
        return h.over_year(h.load) / KILO
    assert name == "water"
    return h.over_year(h.running * e["water_intensity"].values[:, season][:, None, :])


def _same(name: str, e: Evidence) -> Excess:
    """Compare a ledger with the one kept again, relative to its size; both may be missing where there is no load."""
    stored, again = e[name].values, kept_again(e, name)
    size = np.maximum(1.0 if LEDGERS[name].unit != "1" else 1e-3, np.nan_to_num(abs(again)))
    apart = np.where(np.isnan(stored) & np.isnan(again), 0.0, abs(stored - again))
    return Excess(yearly(e, apart), yearly(e, SAME * size))


for _name, _spec in LEDGERS.items():
    check(f"ledger.{_name}", f"{_spec.long_name}: as kept again.", _spec.unit)(partial(_same, _name))


# --- figures by year


def in_force(steps: Mapping[int, float], year: int) -> float | None:
    """Return the figure of the last year named up to a calendar year."""
    return next((steps[named] for named in sorted(steps, reverse=True) if named <= year), None)


def each_year(e: Evidence, steps: Mapping[int, float]) -> dict[int, list[float | None]]:
    """Return what rules in the calendar years of every operating year."""
    books = Books.of(e.case)
    return {int(a): [in_force(steps, year) for year in books.calendar_years(int(a))] for a in e.labels("year")}
