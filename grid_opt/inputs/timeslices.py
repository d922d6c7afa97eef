"""Choose representative days of a year, so that few hours stand for 8760.

Per calendar quarter q, of D_q days (90, 91, 92, 92): first the extreme days are set apart, each with
weight 1; then the others are clustered into ``days/4`` groups by Ward's hierarchical clustering
(deterministic), each represented by its medoid, a real day; its weight n is the number of days in the
group. So sum_d n_d = D_q and the hours sum to 8760 exactly, all in whole numbers.

Features of a day: 24 hourly prices of every candidate region (clipped at the region's 1st and 99th
percentile, so that a few spikes do not decide alone; all regions together weigh as much as 1), the sum
of demand over zones (0.7), and the mean capacity factors of wind (0.4) and solar (0.3) over zones that
have any. Columns are put in an order that depends on their values only: renaming or reordering regions
changes nothing.

Extreme days, in turn: the day with the highest price averaged over regions and hours; the day with
the highest demand net of renewables; and again. Then the days that the case names, such as those on which a
re-dispatch of the full year found a plan wrong: each stands for itself alone. Demand net of renewables takes
wind as 10 % and solar as 4 % of yearly demand (ASSUMPTION: close to their shares of US generation in 2023,
EIA), spread by the mean capacity factor.

Price correction: in each quarter and zone a constant is added to the prices of the chosen hours,

    p'_{z,s} = p_{z,s} + ( mean over all hours of q - sum_s w_s p_{z,s} / sum_s w_s ),

so a constant load pays in every quarter what it would pay over all hours, while differences between
hours (what a flexible load can gain) stay those of real days.

Source: M. Hoffmann et al., A review on time series aggregation methods for energy system models, Energies
13 (2020) 641; the library is tsam (FZJ-IEK3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import tsam
import xarray as xr
from numpy.typing import NDArray

from grid_opt.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAYS_OF_SEASON = (90, 91, 92, 92)
FEATURE_WEIGHTS = {"price": 1.0, "demand": 0.7, "wind": 0.4, "solar": 0.3}
WIND_SHARE, SOLAR_SHARE = 0.10, 0.04
SERIES = ("price", "demand", "wind_cf", "solar_cf")


@dataclass(frozen=True)
class ChosenDays:
    """Days of the year (0..364), in order, and how many days each of them stands for."""

    day: Ints
    weight: Ints
    extreme: NDArray[np.bool_]
    stands_for: Ints
    """For each day of the year, the number of the chosen day that stands for it."""


def cluster_days(features: pd.DataFrame, weights: dict[str, float], count: int) -> tuple[Ints, Ints, Ints]:
    """Cluster days into `count` groups with tsam; the only place that knows the library.

    ``features`` has 24 rows per day and one column per attribute. Returns the medoid day of each
    group, the number of days in it, and the number of the group of every day.
    """
    indexed = features.set_index(pd.date_range("2023-01-01", periods=len(features), freq="h"))
    result = tsam.aggregate(
        indexed,
        count,
        cluster=tsam.ClusterConfig(method="hierarchical", representation="medoid"),
        weights=weights,
        preserve_column_means=False,
    )
    assignment = np.asarray(result.cluster_assignments, dtype=np.int64)
    centers = np.asarray(result.clustering.cluster_centers, dtype=np.int64)
    group = np.empty(count, dtype=np.int64)
    group[assignment[centers]] = np.arange(count)
    sizes = np.bincount(assignment, minlength=count)[assignment[centers]].astype(np.int64)
    return centers, sizes, group[assignment]


def choose_slices(
    hours: xr.Dataset, regions: Sequence[str], days: int, extreme_days: int, extra: Sequence[int] = ()
) -> xr.Dataset:
    """Choose the slices of a year (see the module for the method).

    ``hours`` has dims (time 8760, zone) with price [USD/MWh], demand [MW], wind_cf, solar_cf [1].
    ``days`` is the number of clustered days over the year, a positive multiple of 4, or 365 for every
    hour (then ``extreme_days``, the extra days per calendar quarter, has nothing to add, nor have the days
    ``extra``, 0..364, which stand for themselves).

    Returns dim ``slice`` (24 per chosen day, in time order) with slice_weight [h], slice_season 1..4,
    slice_day, slice_hour 0..23 UTC, slice_source_day 0..364, and price, demand, wind_cf, solar_cf
    (zone, slice); and, by day of the year, stood_for_by, the slice_day that stands for it.

    Raises InputError for a bad number of days or an unknown region.
    """
    _check(hours, regions, days, extreme_days)
    if days == 365:
        chosen = ChosenDays(np.arange(365), np.ones(365, dtype=np.int64), np.zeros(365, dtype=bool), np.arange(365))
    else:
        chosen = _choose_days(hours, regions, days // 4, extreme_days, frozenset(extra))
    slices = _slices(hours, chosen)
    slices.attrs = {
        "method": "every hour" if days == 365 else "Ward clustering, medoid days, price means kept by addition",
        "days": days,
        "extreme_days_per_quarter": 0 if days == 365 else extreme_days,
        "extreme_source_days": ",".join(str(d) for d in chosen.day[chosen.extreme]),
    }
    return _keep_price_means(slices, hours)


def _check(hours: xr.Dataset, regions: Sequence[str], days: int, extreme_days: int) -> None:
    if hours.sizes.get("time") != 8760:
        raise InputError(
            "hours must cover a standard year",
            field="time",
            value=hours.sizes.get("time"),
            expected="8760 hours",
        )
    missing = [r for r in regions if r not in set(hours["zone"].values.tolist())]
    if missing or not len(regions):
        raise InputError(
            "regions without hours", field="regions", value=", ".join(missing), expected="zones of the hours"
        )
    if not 0 <= extreme_days <= 10:
        raise InputError(
            "out of range",
            field="energy.extreme_days",
            value=extreme_days,
            expected="0 to 10 days per calendar quarter",
        )
    most = 4 * (DAYS_OF_SEASON[0] - extreme_days)
    if days != 365 and (days <= 0 or days % 4 or days > most):
        raise InputError(
            "number of representative days does not fit four calendar quarters",
            field="energy.days",
            value=days,
            expected=f"a multiple of 4 from 4 to {most}, or 365 for every hour",
            fix=f"use {min(most, max(4, 4 * round(days / 4)))}",
        )


def _by_day(values: Floats) -> Floats:
    """Reshape (8760, n) into (day, hour, n)."""
    return np.asarray(values).reshape(365, 24, -1)


def _choose_days(
    hours: xr.Dataset, regions: Sequence[str], clusters: int, extreme_days: int, extra: frozenset[int]
) -> ChosenDays:
    features, weights = _features(hours, regions)
    price = _by_day(np.sort(hours["price"].sel(zone=list(regions)).values, axis=1)).mean(axis=(1, 2))
    scores = (price, _net_demand(hours))
    day: list[int] = []
    weight: list[int] = []
    extreme: list[bool] = []
    stands_for = np.empty(365, dtype=np.int64)
    start = 0
    for length in DAYS_OF_SEASON:
        pool = list(range(start, start + length))
        start += length
        apart = _extremes(pool, scores, extreme_days)
        apart += sorted(extra.intersection(pool).difference(apart))
        rest = [d for d in pool if d not in set(apart)]
        rows = (np.asarray(rest)[:, None] * 24 + np.arange(24)).ravel()
        medoids, sizes, group = cluster_days(features.iloc[rows], weights, clusters)
        stands_for[apart] = np.arange(len(apart)) + len(day)
        stands_for[rest] = group + len(apart) + len(day)
        day += apart + [rest[m] for m in medoids]
        weight += [1] * len(apart) + [int(n) for n in sizes]
        extreme += [True] * len(apart) + [False] * len(medoids)
    order = np.argsort(day)
    place = np.argsort(order)
    return ChosenDays(np.array(day)[order], np.array(weight)[order], np.array(extreme)[order], place[stands_for])


def _extremes(pool: list[int], scores: tuple[Floats, ...], count: int) -> list[int]:
    chosen: list[int] = []
    for k in range(count):
        score = scores[k % len(scores)]
        chosen.append(max((d for d in pool if d not in chosen), key=lambda d: (score[d], -d)))
    return chosen


def _mean_cf(values: Floats) -> Floats:
    """Average (8760, zone) capacity factors over the zones that have any; (8760,)."""
    have = np.nan_to_num(values).max(axis=0) > 0
    return np.asarray(np.sort(values[:, have], axis=1).mean(axis=1) if have.any() else np.zeros(len(values)))


def _net_demand(hours: xr.Dataset) -> Floats:
    """Mean demand net of renewables of each day, relative to mean demand [1]; (365,)."""
    demand = np.sort(hours["demand"].values, axis=1).sum(axis=1)
    net = demand / demand.mean()
    for name, share in (("wind_cf", WIND_SHARE), ("solar_cf", SOLAR_SHARE)):
        cf = _mean_cf(hours[name].values)
        net = net - share * (cf / cf.mean() if cf.mean() > 0 else 0.0)
    return np.asarray(net.reshape(365, 24).mean(axis=1))


def _features(hours: xr.Dataset, regions: Sequence[str]) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the attributes of every hour and their weights; values decide the order of columns."""
    price = hours["price"].sel(zone=list(regions)).values
    price = np.clip(price, np.quantile(price, 0.01, axis=0), np.quantile(price, 0.99, axis=0))
    order = np.lexsort(price[:: 24 * 7 + 1])
    columns: dict[str, Floats] = {f"price{k:03d}": price[:, i] for k, i in enumerate(order)}
    # squared distances add up over columns: 1/sqrt(n) gives all regions together the weight of one column
    weights = dict.fromkeys(columns, FEATURE_WEIGHTS["price"] / float(np.sqrt(len(regions))))
    columns["demand"] = np.sort(hours["demand"].values, axis=1).sum(axis=1)
    columns["wind"] = _mean_cf(hours["wind_cf"].values)
    columns["solar"] = _mean_cf(hours["solar_cf"].values)
    for name in ("demand", "wind", "solar"):
        if np.ptp(columns[name]) > 0:
            weights[name] = FEATURE_WEIGHTS[name]
        else:
            del columns[name]
    return pd.DataFrame(columns), weights


def _slices(hours: xr.Dataset, chosen: ChosenDays) -> xr.Dataset:
    count = len(chosen.day)
    season_of_day = np.repeat([1, 2, 3, 4], DAYS_OF_SEASON)
    rows = (chosen.day[:, None] * 24 + np.arange(24)).ravel()
    data: dict[str, tuple[tuple[str, ...], NDArray[np.generic]]] = {
        "slice_weight": (("slice",), np.repeat(chosen.weight, 24).astype(float)),
        "slice_season": (("slice",), np.repeat(season_of_day[chosen.day], 24)),
        "slice_day": (("slice",), np.repeat(np.arange(count), 24)),
        "slice_hour": (("slice",), np.tile(np.arange(24), count)),
        "slice_source_day": (("slice",), np.repeat(chosen.day, 24)),
    }
    for name in SERIES:
        data[name] = (("zone", "slice"), np.ascontiguousarray(hours[name].values[rows].T))
    data["stood_for_by"] = (("day",), chosen.stands_for)
    coords = {"slice": np.arange(24 * count), "zone": hours["zone"].values}
    slices = xr.Dataset(data, coords=coords)
    for name in SERIES:
        slices[name].attrs = dict(hours[name].attrs)
    attributes = {
        "slice_weight": ("h", "hours of the year that the slice stands for"),
        "slice_season": ("1", "calendar quarter of the slice"),
        "slice_day": ("1", "number of the representative day"),
        "slice_hour": ("h", "hour of day, UTC"),
        "slice_source_day": ("d", "day of the standard year that the slice was taken from, from 0"),
    }
    for name, (unit, meaning) in attributes.items():
        slices[name].attrs = {"units": unit, "long_name": meaning}
    return slices


def _keep_price_means(slices: xr.Dataset, hours: xr.Dataset) -> xr.Dataset:
    """Add to each zone's prices, quarter by quarter, what keeps their weighted mean; at 365 days nothing."""
    price = slices["price"].values.copy()
    weight, season = slices["slice_weight"].values, slices["slice_season"].values
    full = hours["price"].values
    hour_season = np.repeat(np.repeat([1, 2, 3, 4], DAYS_OF_SEASON), 24)
    largest = 0.0
    if weight.max() > 1:
        for quarter in (1, 2, 3, 4):
            at = season == quarter
            mean = (price[:, at] * weight[at]).sum(axis=1) / weight[at].sum()
            shift = full[hour_season == quarter].mean(axis=0) - mean
            price[:, at] += shift[:, None]
            largest = max(largest, float(np.abs(shift).max()))
    slices["price"] = (("zone", "slice"), price, dict(slices["price"].attrs))
    slices["price"].attrs["correction"] = "added per zone and calendar quarter to keep the mean over all hours"
    slices["price"].attrs["largest_correction_usd_per_mwh"] = round(largest, 2)
    return slices
