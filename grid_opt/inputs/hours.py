"""Generate a standard year of hourly prices, demand, wind and solar for every zone.

The generator draws one year that has the statistics of real years without being one of them.
It is seeded and deterministic: PCG64, elementwise arithmetic, rounded outputs.

Standard year: 8760 h UTC, 365 days, no leap day; its time stamps carry the year 2023, which only
names months and hours.

Let m(t), h(t), s(t) be month, hour of day (UTC) and calendar quarter, z_i(t) persistent standard
normal series with common factors (see ``hours_latent``), G_m the mapping "rank within month m,
then quantile".

- Price of hub i [USD/MWh] (anamorphosis: a Gaussian series with a seasonal mean, mapped to marginals):

      p_i(t) = Q_{i,m}( rank_m( a_{i,m,h} + b_{i,s,h} z_i(t) ) ),

  a, b: mean and standard deviation of the normal scores of real prices at that month and hour; Q:
  quantiles of real prices in that month, 2023 and 2024 pooled. Months keep their level, spikes and
  negative hours; a carries the daily shape, b the hours that vary most. Hubs of one market share their
  scarcity (see ``scarcity_together``). Price of a zone = mean of its hubs by their weights x
  ``hub_factor``, scaled so that the yearly mean is ``price_level_usd_per_mwh``.
- Wind of profile i [1]: the same formula with quantiles of capacity factors of weather year 2012.
- Demand of zone i [MW]: load_mean x shape_{i,m,h} x R_{i,s}(rank_s(z_i)), R: quantiles of the ratio of
  load to its month-hour mean; scaled so that the mean is ``load_mean_mw``. Residuals of price and
  demand share their common factors, so a cold snap moves both.
- Solar of profile i [1]: shape_{i,m,h} x C_{i,s}(rank_s(z_i) over daylight hours), C: quantiles of the
  ratio of output to its month-hour mean; zero where the shape is zero, never above 1. Wind and
  solar are of another weather year than price and load and are drawn independently of them.

Sources: ``data/SOURCES.csv``; how well it does: ``docs/calibration.md``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from grid_opt.errors import InputError
from grid_opt.inputs.hours_latent import (
    PRICE_PROBABILITIES,
    SHORT_PROBABILITIES,
    Floats,
    Ints,
    apply_quantiles,
    correlated_series,
    ranks_to_probabilities,
)
from grid_opt.inputs.hours_tables import HOUR_COLUMNS, bundled_state, flat, grouped, table_path
from grid_opt.inputs.table_checks import FIRST_ROW

STANDARD_YEAR = 2023
_MIXED_HUB = re.compile(r"^(?P<first>.+?) (?P<a>0?\.\d+|[01])/(?P<b>0?\.\d+|[01]) (?P<second>.+)$")
_SCARCITY_SHARE = {"ERCOT": 1.0}
_SCARCITY_SHARE_ELSEWHERE = 0.4
_SCARCITY_RAMP = (1.0, 2.0)
_STREAMS = {"weather": 1, "wind": 2, "solar": 3}
HOUR_VARIABLES = {
    "price": ("USD MWh-1", "wholesale energy price at the base level, before any outlook"),
    "demand": ("MW", "electricity demand of the zone"),
    "wind_cf": ("1", "capacity factor of wind"),
    "solar_cf": ("1", "capacity factor of utility-scale solar"),
}


def standard_time() -> pd.DatetimeIndex:
    """Return the 8760 hours (beginning, UTC, without time zone marker) of the standard year."""
    return pd.date_range(f"{STANDARD_YEAR}-01-01", periods=8760, freq="h")


def _calendar() -> tuple[Ints, Ints, Ints]:
    """Return month 0..11, hour 0..23 and season 0..3 of every hour of the standard year."""
    time = standard_time()
    month = time.month.to_numpy().astype(np.int64) - 1
    return month, time.hour.to_numpy().astype(np.int64), month // 3


def _generator(seed: int, stream: str) -> np.random.Generator:
    # one stream per variable: a change of one variable leaves the others as they were
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, _STREAMS[stream]])))


def _scored(latent: Floats, kind: str, grid: Sequence[float], folder: Path | None) -> tuple[list[str], Floats]:
    """Map latent series to values with monthly marginals and month-hour means; shape (8760, id)."""
    month, hour, season = _calendar()
    ids, location = grouped(f"{kind}_location", "month", HOUR_COLUMNS, folder)
    _, scale = grouped(f"{kind}_scale", "season", HOUR_COLUMNS, folder)
    _, quantile = grouped(f"{kind}_quantiles", "month", [f"q{p:g}" for p in grid], folder)
    score = location[:, month, hour].T + scale[:, season, hour].T * latent
    if kind == "price":
        score = scarcity_together(score, [hub.split(".")[0] for hub in ids])
    return ids, apply_quantiles(ranks_to_probabilities(score, month), month, quantile, tuple(grid))


def scarcity_together(score: Floats, markets: Sequence[str]) -> Floats:
    """Let the hubs of a market move together when the market is short.

    A Gaussian copula has no tail dependence, but scarcity is shared: wholly in ERCOT, an energy-only
    market whose scarcity price is set for all hubs at once (real correlation between hubs: 0.98 and
    more), by 0.4 elsewhere (ASSUMPTION: chosen so that correlation within markets comes out). With M
    the mean score of the market's hubs (to unit variance), c the share of the market, and s a ramp
    from 0 at M = 1 to c at M = 2, score_i <- (1 - s) score_i + s M. Marginals do not change, they come
    from ranks.
    ``score`` has shape (8760, hub).
    """
    out = score.copy()
    start, full = _SCARCITY_RAMP
    for market in sorted(set(markets)):
        at = [i for i, name in enumerate(markets) if name == market]
        mean = score[:, at].mean(axis=1)
        mean = mean / mean.std()
        share = _SCARCITY_SHARE.get(market, _SCARCITY_SHARE_ELSEWHERE)
        ramp = share * np.clip((mean - start) / (full - start), 0.0, 1.0)[:, None]
        if len(at) > 1:
            out[:, at] = (1.0 - ramp) * score[:, at] + ramp * mean[:, None]
    return out


def hub_and_load_series(seed: int, folder: Path | None = None) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return hub prices [USD/MWh] and zone demand relative to its mean [1], each (8760,) by id; not to be changed."""
    return _draw_hub_and_load(seed, folder) if _has_tables(folder) else _hub_and_load(seed, bundled_state())


@lru_cache(maxsize=2)
def _hub_and_load(seed: int, state: object) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Draw from the bundled tables once, for a run makes its inputs twice; ``state`` is that of the tables."""
    hubs, load = _draw_hub_and_load(seed, None)
    return _kept(hubs), _kept(load)


def _draw_hub_and_load(seed: int, folder: Path | None) -> tuple[dict[str, Floats], dict[str, Floats]]:
    month, hour, season = _calendar()
    hubs, hub_weights = flat("memory", "price", folder)
    zones, zone_weights = flat("memory", "demand", folder)
    _, hub_loadings = flat("factors", "price", folder)
    _, zone_loadings = flat("factors", "demand", folder)
    latent = correlated_series(
        _generator(seed, "weather"),
        np.vstack([hub_loadings, zone_loadings]),
        np.vstack([hub_weights, zone_weights]),
    )
    ids, price = _scored(latent[:, : len(hubs)], "price", PRICE_PROBABILITIES, folder)
    names, shape = grouped("demand_shape", "month", HOUR_COLUMNS, folder)
    columns = [f"q{p:g}" for p in SHORT_PROBABILITIES]
    _, quantile = grouped("demand_quantiles", "season", columns, folder)
    probability = ranks_to_probabilities(latent[:, len(hubs) :], season)
    load = shape[:, month, hour].T * apply_quantiles(probability, season, quantile, SHORT_PROBABILITIES)
    _same_ids(ids, hubs, "price", folder)
    _same_ids(names, zones, "demand", folder)
    return dict(zip(ids, price.T, strict=True)), dict(zip(names, load.T, strict=True))


def _has_tables(folder: Path | None) -> bool:
    return folder is not None and (folder / "hours").is_dir()


def _kept(series: dict[str, Floats]) -> dict[str, Floats]:
    """Return series that nobody can change, for they are kept for the next caller."""
    for array in series.values():
        array.setflags(write=False)
    return series


def wind_series(seed: int, folder: Path | None = None) -> dict[str, Floats]:
    """Return wind capacity factors [1] (8760,) by profile; not to be changed."""
    return _draw_wind(seed, folder) if _has_tables(folder) else _sun_and_wind(seed, bundled_state())[1]


@lru_cache(maxsize=2)
def _sun_and_wind(seed: int, state: object) -> tuple[dict[str, Floats], dict[str, Floats]]:
    return _kept(_draw_solar(seed, None)), _kept(_draw_wind(seed, None))


def _draw_wind(seed: int, folder: Path | None) -> dict[str, Floats]:
    profiles, weights = flat("memory", "wind", folder)
    _, loadings = flat("factors", "wind", folder)
    latent = correlated_series(_generator(seed, "wind"), loadings, weights)
    ids, cf = _scored(latent, "wind", SHORT_PROBABILITIES, folder)
    _same_ids(ids, profiles, "wind", folder)
    return dict(zip(ids, np.clip(cf, 0.0, 1.0).T, strict=True))


def _solar(seed: int, folder: Path | None) -> dict[str, Floats]:
    """Return solar capacity factors [1] (8760,) by profile; zero at night; not to be changed."""
    return _draw_solar(seed, folder) if _has_tables(folder) else _sun_and_wind(seed, bundled_state())[0]


def _draw_solar(seed: int, folder: Path | None) -> dict[str, Floats]:
    month, hour, season = _calendar()
    profiles, weights = flat("memory", "solar", folder)
    _, loadings = flat("factors", "solar", folder)
    ids, table = grouped("solar_shape", "month", HOUR_COLUMNS, folder)
    _same_ids(ids, profiles, "solar", folder)
    columns = [f"q{p:g}" for p in SHORT_PROBABILITIES]
    _, quantile = grouped("solar_quantiles", "season", columns, folder)
    latent = correlated_series(_generator(seed, "solar"), loadings, weights)
    shape = table[:, month, hour].T
    # below 0.05 the ratio of output to its mean says little: such hours keep their mean
    day = shape > 0.05
    probability = ranks_to_probabilities(latent, season, within=day)
    ratio = np.where(day, apply_quantiles(probability, season, quantile, SHORT_PROBABILITIES), 1.0)
    return dict(zip(ids, np.clip(shape * ratio, 0.0, 1.0).T, strict=True))


def _same_ids(ids: Sequence[str], expected: Sequence[str], variable: str, folder: Path | None) -> None:
    if list(ids) != list(expected):
        raise InputError(
            f"the {variable} statistics do not list the same ids in the same order as memory.csv",
            file=table_path("memory", folder),
            field="id",
            fix="rebuild all tables of data/hours together",
        )


def hub_weights(price_hub: str) -> dict[str, float]:
    """Read a price hub entry: ``"HUB"`` or ``"HUB_A 0.5/0.5 HUB_B"``; returns weights that sum to 1."""
    mixed = _MIXED_HUB.match(price_hub)
    if mixed is None:
        return {price_hub: 1.0}
    first, second = float(mixed["a"]), float(mixed["b"])
    return {mixed["first"]: first / (first + second), mixed["second"]: second / (first + second)}


def _require_known(known: Collection[str], key: str, place: tuple[str, int], field: str) -> None:
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        raise InputError(
            "there are no statistics of hours under this name",
            file=place[0],
            row=place[1],
            field=field,
            value=key,
            expected="one of the ids in data/hours/memory.csv",
            fix=f"did you mean {near[0]}?" if near else f"name one of {', '.join(sorted(known)[:5])}, ...",
        )


def _check_zones(rows: Sequence[Mapping[str, object]], folder: Path | None, file: str) -> None:
    """Refuse a zone without statistics or level before anything is drawn."""
    known = {kind: set(flat("memory", kind, folder)[0]) for kind in ("price", "demand", "wind", "solar")}
    for line, row in enumerate(rows, start=FIRST_ROW):
        zone, place = str(row["zone"]), (file, line)
        _require_known(known["demand"], zone, place, "zone")
        for hub in hub_weights(str(row["price_hub"])):
            _require_known(known["price"], hub, place, "price_hub")
        for kind in ("wind", "solar"):
            profile = row[f"{kind}_profile"]
            if not _is_empty(profile):
                _require_known(known[kind], str(profile), place, f"{kind}_profile")
        for field in ("hub_factor", "price_level_usd_per_mwh", "load_mean_mw"):
            number = float(str(row[field]))
            if not np.isfinite(number) or number <= 0:
                raise InputError("must be a positive number", file=file, row=line, field=field, value=row[field])


def _zone_price(row: dict[str, object], hubs: dict[str, Floats]) -> Floats:
    price = np.zeros(8760)
    for hub, weight in hub_weights(str(row["price_hub"])).items():
        price = price + weight * hubs[hub]
    price = price * float(str(row["hub_factor"]))
    return np.asarray(price * (float(str(row["price_level_usd_per_mwh"])) / price.mean()))


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value)) or str(value).strip() == ""


def generate_hours(zones: pd.DataFrame, seed: int, data_dir: Path | None = None) -> xr.Dataset:
    """Draw one standard year of hours for the zones of a table (see the module for the mathematics).

    ``zones`` needs the columns zone, price_hub, hub_factor, price_level_usd_per_mwh [USD/MWh],
    load_mean_mw [MW], wind_profile, solar_profile; an empty profile gives capacity factor 0, and
    the attribute ``zones_without_wind`` (or ``_solar``) names the zone. ``data_dir`` may hold
    ``hours/*.csv`` that replace bundled tables.

    Returns dims (time 8760, zone): ``price`` [USD/MWh, rounded to 0.01], ``demand`` [MW, 0.1],
    ``wind_cf``, ``solar_cf`` [1, 0.0001]. The same seed gives the same values for a zone whatever
    other zones are asked for. Raises InputError when a zone has no statistics.
    """
    rows = [{str(k): v for k, v in row.items()} for row in zones.to_dict("records")]
    _check_zones(rows, data_dir, str(zones.attrs.get("file", "zones.csv")))
    hubs, load = hub_and_load_series(seed, data_dir)
    wind, solar = wind_series(seed, data_dir), _solar(seed, data_dir)
    names = [str(row["zone"]) for row in rows]
    columns: dict[str, list[Floats]] = {name: [] for name in HOUR_VARIABLES}
    empty: dict[str, list[str]] = {"wind": [], "solar": []}
    for row, zone in zip(rows, names, strict=True):
        columns["price"].append(np.round(_zone_price(row, hubs), 2))
        shape = load[zone]
        mean = float(str(row["load_mean_mw"]))
        columns["demand"].append(np.round(shape * (mean / shape.mean()), 1))
        for kind, series in (("wind", wind), ("solar", solar)):
            profile = row[f"{kind}_profile"]
            if _is_empty(profile):
                empty[kind].append(zone)
                columns[f"{kind}_cf"].append(np.zeros(8760))
            else:
                columns[f"{kind}_cf"].append(np.round(series[str(profile)], 4))
    arrays = {name: (("time", "zone"), np.stack(parts, axis=1)) for name, parts in columns.items()}
    hours = xr.Dataset(arrays, coords={"time": standard_time(), "zone": names})
    return _described(hours, seed, empty)


def _described(hours: xr.Dataset, seed: int, empty: dict[str, list[str]]) -> xr.Dataset:
    for name, (unit, meaning) in HOUR_VARIABLES.items():
        hours[name].attrs = {"units": unit, "long_name": meaning}
    hours["time"].attrs = {"long_name": "beginning of the hour, UTC, standard year without leap day"}
    hours["zone"].attrs = {"long_name": "zone id"}
    hours.attrs = {
        "source": "grid_opt.inputs.hours.generate_hours",
        "seed": seed,
        "zones_without_wind": ",".join(empty["wind"]),
        "zones_without_solar": ",".join(empty["solar"]),
    }
    return hours
