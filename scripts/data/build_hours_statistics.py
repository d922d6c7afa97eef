"""Build the small statistics tables of data/hours from real hours.

Reads hourly prices, load and capacity factors from the shared reference folder and keeps only
statistics: normal-score locations and scales, quantiles, memory weights, factor loadings. The real
hours themselves are never copied. What each table means is told in grid_opt/inputs/hours.py.

    python scripts/data/build_hours_statistics.py [--shared ../shared] [--out data/hours]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from hours_fitting import (
    autocorrelation,
    factor_loadings,
    memory_weights,
    month_hour_mean,
    normal_scores,
    pairwise_correlation,
    season_hour_std,
    slower,
)

from grid_opt.inputs.hours import hub_and_load_series
from grid_opt.inputs.hours_latent import COMPONENTS, PRICE_PROBABILITIES, SHORT_PROBABILITIES

PRICE_YEARS = (2023, 2024)
ALL_YEARS = (2021, 2022, 2023, 2024)
FACTORS = {"weather": 24, "wind": 16, "solar": 16}
TUNING_SEEDS = (11, 12, 13, 14, 15, 16)
TUNING_ROUNDS = 7
HOURS = [f"h{h:02d}" for h in range(24)]
Array = np.ndarray


def calendar(index: pd.DatetimeIndex) -> tuple[Array, Array, Array]:
    """Return month 1..12, hour 0..23 and calendar quarter 1..4 of each time."""
    return index.month.to_numpy(), index.hour.to_numpy(), index.quarter.to_numpy()


def read_prices(shared: Path, year: int) -> pd.DataFrame:
    frame = pd.read_parquet(shared / f"data/lmp/rt_lmp_8760_{year}_filled.parquet")
    return frame.rename(columns={"PJM.RTO_modelled": "PJM.RTO"})


def used_years(hub: str, years: tuple[int, ...]) -> tuple[int, ...]:
    """PJM is real in 2024 only; the years before are a regression on neighbors, so they are left out."""
    return tuple(y for y in years if y >= 2024) if hub == "PJM.RTO" else years


def stack(frames: dict[int, pd.DataFrame], hub: str, years: tuple[int, ...]) -> pd.Series:
    return pd.concat([frames[y][hub] for y in used_years(hub, years)])


def wide(
    keys: tuple[str, str], ids: list[str], tables: dict[str, Array], columns: list[str], digits: int
) -> pd.DataFrame:
    """Lay tables (group x column) of every id under one another; `keys` names the id and the group."""
    name, group = keys
    frames = []
    for i in ids:
        frame = pd.DataFrame(np.round(tables[i], digits) + 0.0, columns=columns)
        frame.insert(0, group, range(1, len(frame) + 1))
        frame.insert(0, name, i)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


Q_PRICE = [f"q{p:g}" for p in PRICE_PROBABILITIES]
Q_SHORT = [f"q{p:g}" for p in SHORT_PROBABILITIES]


def quantiles(values: Array, group: Array, count: int, probabilities: tuple[float, ...]) -> Array:
    return np.array([np.quantile(values[group == g + 1], probabilities) for g in range(count)])


class Tables:
    """Collect the tables and write them."""

    def __init__(self) -> None:
        self.frames: dict[str, pd.DataFrame] = {}
        self.memory: list[pd.DataFrame] = []
        self.factors: list[pd.DataFrame] = []

    def add_memory(self, variable: str, ids: list[str], weights: Array) -> None:
        self.memory.append(memory_frame(variable, ids, weights))

    def add_factors(self, variable: str, ids: list[str], loading: Array) -> None:
        names = [f"f{k:02d}" for k in range(1, loading.shape[1] + 1)]
        frame = pd.DataFrame(np.round(loading, 3) + 0.0, columns=names)
        self.factors.append(frame.assign(variable=variable, id=ids)[["variable", "id", *names]])

    def write(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.frames["memory"] = pd.concat(self.memory, ignore_index=True)
        self.frames["factors"] = pd.concat(self.factors, ignore_index=True).fillna(0.0)
        for name, frame in self.frames.items():
            frame.to_csv(out / f"{name}.csv", index=False, lineterminator="\n", float_format="%g")


def scored(
    series: pd.Series, tables: dict[str, dict[str, Array]], key: str, probabilities: tuple[float, ...]
) -> tuple[pd.Series, Array]:
    """Store location, scale and quantiles of one series; return its standardized scores and their memory."""
    month, hour, season = calendar(pd.DatetimeIndex(series.index))
    values = series.to_numpy(dtype=float)
    score = normal_scores(values, month)
    location = month_hour_mean(score, month, hour)
    rest = score - location[month - 1, hour]
    scale = season_hour_std(rest, season, hour)
    rest /= scale[season - 1, hour]
    tables["location"][key] = location
    tables["scale"][key] = scale
    tables["quantiles"][key] = quantiles(values, month, 12, probabilities)
    return pd.Series(rest, index=series.index), memory_weights(autocorrelation(rest.reshape(-1, 8760)))


def prices(shared: Path, out: Tables) -> tuple[dict[str, pd.Series], Array, list[str]]:
    frames = {y: read_prices(shared, y) for y in PRICE_YEARS}
    hubs = list(frames[2024].columns)
    tables: dict[str, dict[str, Array]] = {"location": {}, "scale": {}, "quantiles": {}}
    scores, weights = {}, []
    for hub in hubs:
        scores[hub], memory = scored(stack(frames, hub, PRICE_YEARS), tables, hub, PRICE_PROBABILITIES)
        weights.append(memory)
    out.frames["price_location"] = wide(("hub", "month"), hubs, tables["location"], HOURS, 2)
    out.frames["price_scale"] = wide(("hub", "season"), hubs, tables["scale"], HOURS, 2)
    out.frames["price_quantiles"] = wide(("hub", "month"), hubs, tables["quantiles"], Q_PRICE, 1)
    out.add_memory("price", hubs, np.array(weights))
    return scores, np.array(weights), hubs


def statistics(values: Array) -> dict[str, float]:
    """Reference statistics of a matrix year x 8760 of prices."""
    flat = values.ravel()
    day = values.reshape(-1, 24)

    def lag(n: int) -> float:
        return float(np.mean([np.corrcoef(row[n:], row[:-n])[0, 1] for row in values]))

    return {
        "mean": flat.mean(),
        "p05": np.quantile(flat, 0.05),
        "p95": np.quantile(flat, 0.95),
        "p995": np.quantile(flat, 0.995),
        "negative_share": (flat < 0).mean(),
        "daily_spread": np.median(day.max(axis=1) - day.min(axis=1)),
        "ac1": lag(1),
        "ac24": lag(24),
    }


def references(shared: Path, out: Tables) -> None:
    frames = {y: read_prices(shared, y) for y in ALL_YEARS}
    hubs = list(frames[2024].columns)
    rows = []
    for label, years in (("2023-2024", PRICE_YEARS), ("2021-2024", ALL_YEARS)):
        for hub in hubs:
            real = stack(frames, hub, years).to_numpy(dtype=float).reshape(-1, 8760)
            row = {k: round(float(v), 4 if "share" in k or "ac" in k else 2) for k, v in statistics(real).items()}
            rows.append({"years": label, "hub": hub, **row})
    out.frames["price_reference"] = pd.DataFrame(rows)
    pooled = pairwise_correlation({h: stack(frames, h, PRICE_YEARS) for h in hubs})
    frame = pd.DataFrame(np.round(pooled, 2), columns=hubs)
    frame.insert(0, "hub", hubs)
    out.frames["price_correlation"] = frame


def load(shared: Path, out: Tables) -> tuple[dict[str, pd.Series], Array, list[str]]:
    frames = [pd.read_parquet(shared / f"data/derived/region_load_hourly_{y}_z90.parquet") for y in PRICE_YEARS]
    frames = [f[~((f.index.month == 2) & (f.index.day == 29))] for f in frames]
    relative = pd.concat([f / f.mean() for f in frames])
    month, hour, season = calendar(pd.DatetimeIndex(relative.index))
    zones = list(relative.columns)
    shape, quant, scores, weights = {}, {}, {}, []
    for zone in zones:
        values = relative[zone].to_numpy(dtype=float)
        shape[zone] = month_hour_mean(values, month, hour)
        ratio = values / shape[zone][month - 1, hour]
        quant[zone] = quantiles(ratio, season, 4, SHORT_PROBABILITIES)
        score = normal_scores(ratio, season)
        scores[zone] = pd.Series(score, index=relative.index)
        weights.append(memory_weights(autocorrelation(score.reshape(-1, 8760))))
    out.frames["demand_shape"] = wide(("zone", "month"), zones, shape, HOURS, 3)
    out.frames["demand_quantiles"] = wide(("zone", "season"), zones, quant, Q_SHORT, 3)
    out.add_memory("demand", zones, np.array(weights))
    return scores, np.array(weights), zones


def read_cf(shared: Path, kind: str) -> pd.DataFrame:
    """Capacity factors of weather year 2012 without its leap day, on the hours of 2023."""
    frame = pd.read_parquet(shared / f"data/cf/ipm_{kind}_cf_2012_8784.parquet")
    leap = (31 + 28) * 24
    frame = pd.concat([frame.iloc[:leap], frame.iloc[leap + 24 :]])
    frame.index = pd.date_range("2023-01-01", periods=8760, freq="h", tz="UTC")
    return frame.clip(0.0, 1.0)


def wind(shared: Path, out: Tables) -> None:
    frame = read_cf(shared, "wind")
    ids = sorted(frame.columns)
    tables: dict[str, dict[str, Array]] = {"location": {}, "scale": {}, "quantiles": {}}
    scores, weights = {}, []
    for key in ids:
        scores[key], memory = scored(frame[key], tables, key, SHORT_PROBABILITIES)
        weights.append(memory)
    out.frames["wind_location"] = wide(("profile", "month"), ids, tables["location"], HOURS, 1)
    out.frames["wind_scale"] = wide(("profile", "season"), ids, tables["scale"], HOURS, 1)
    out.frames["wind_quantiles"] = wide(("profile", "month"), ids, tables["quantiles"], Q_SHORT, 3)
    out.add_memory("wind", ids, np.array(weights))
    loading = factor_loadings(pairwise_correlation(scores), np.array(weights), FACTORS["wind"])
    out.add_factors("wind", ids, loading)


def solar(shared: Path, out: Tables) -> None:
    frame = read_cf(shared, "solarpv")
    ids = sorted(frame.columns)
    month, hour, season = calendar(pd.DatetimeIndex(frame.index))
    shape, quant, scores, weights = {}, {}, {}, []
    for key in ids:
        values = frame[key].to_numpy(dtype=float)
        table = month_hour_mean(values, month, hour)
        table[table < 0.002] = 0.0
        shape[key] = table
        expected = table[month - 1, hour]
        day = expected > 0.05
        ratio = np.where(day, values / np.maximum(expected, 0.05), 1.0)
        quant[key] = quantiles(ratio[day], season[day], 4, SHORT_PROBABILITIES)
        score = np.zeros(8760)
        score[day] = normal_scores(ratio[day], season[day])
        scores[key] = pd.Series(np.where(day, score, np.nan), index=frame.index)
        weights.append(memory_weights(autocorrelation(score.reshape(1, -1), day.reshape(1, -1))))
    out.frames["solar_shape"] = wide(("profile", "month"), ids, shape, HOURS, 3)
    out.frames["solar_quantiles"] = wide(("profile", "season"), ids, quant, Q_SHORT, 2)
    out.add_memory("solar", ids, np.array(weights))
    correlation = np.nan_to_num(pairwise_correlation(scores), nan=0.0)
    out.add_factors("solar", ids, factor_loadings(correlation, np.array(weights), FACTORS["solar"]))


def memory_frame(variable: str, ids: list[str], weights: Array) -> pd.DataFrame:
    frame = pd.DataFrame(np.round(weights, 3), columns=list(COMPONENTS))
    return frame.assign(variable=variable, id=ids)[["variable", "id", *COMPONENTS]]


def generated(folder: Path, hubs: list[str]) -> tuple[Array, Array, Array]:
    """Return median daily spread, spread of the mean day, and price correlation of generated years."""
    spreads, means, correlations = [], [], []
    for seed in TUNING_SEEDS:
        frame = pd.DataFrame(hub_and_load_series(seed, folder.parent)[0])[hubs].to_numpy()
        day = frame.reshape(365, 24, -1)
        spreads.append(np.median(day.max(axis=1) - day.min(axis=1), axis=0))
        means.append(day.mean(axis=0))
        correlations.append(np.corrcoef(frame.T))
    return np.mean(spreads, axis=0), np.std(np.mean(means, axis=0), axis=0), np.mean(correlations, axis=0)


def mean_day_spread(shared: Path, hubs: list[str]) -> Array:
    """Standard deviation over the 24 hours of the mean day of real prices [USD/MWh]."""
    frames = {y: read_prices(shared, y) for y in PRICE_YEARS}
    days = [stack(frames, hub, PRICE_YEARS).to_numpy(dtype=float).reshape(-1, 24).mean(axis=0) for hub in hubs]
    return np.array([day.std() for day in days])


def build(shared: Path, folder: Path) -> None:
    """Compute all tables, then tune memory and correlation of prices on generated years.

    The mapping to prices distorts what the normal scores fixed: a heavy tail lowers correlation, and a
    month whose two years differ widens the days. So the fast share of the memory is scaled until the
    daily spread agrees, the seasonal mean of the scores until the mean day does, and the correlation
    of scores is moved by the remaining error of the correlation of prices: a damped fixed-point
    iteration of a few rounds.
    """
    out = Tables()
    price_scores, price_weights, hubs = prices(shared, out)
    load_scores, load_weights, zones = load(shared, out)
    wind(shared, out)
    solar(shared, out)
    references(shared, out)
    reference = out.frames["price_reference"].query("years == '2023-2024'").set_index("hub")
    spread, pearson = (
        reference.loc[hubs, "daily_spread"].to_numpy(),
        out.frames["price_correlation"][hubs].to_numpy(),
    )
    joint = {f"price {k}": v for k, v in price_scores.items()} | {f"demand {k}": v for k, v in load_scores.items()}
    target = pairwise_correlation(joint).copy()
    n, other = len(hubs), (list(out.memory), list(out.factors))
    keep, swing = np.ones(n), np.ones(n)
    location, mean_day = out.frames["price_location"], mean_day_spread(shared, hubs)
    for round_number in range(TUNING_ROUNDS):
        tuned = slower(price_weights, keep)
        loading = factor_loadings(target, np.vstack([tuned, load_weights]), FACTORS["weather"])
        out.memory, out.factors = list(other[0]), list(other[1])
        out.memory[0] = memory_frame("price", hubs, tuned)
        out.add_factors("price", hubs, loading[:n])
        out.add_factors("demand", zones, loading[n:])
        factor = dict(zip(hubs, swing, strict=True))
        out.frames["price_location"] = location.assign(
            **{h: (location[h] * location["hub"].map(factor)).round(2) + 0.0 for h in HOURS}
        )
        out.write(folder)
        made_spread, made_mean_day, made_pearson = generated(folder, hubs)
        error = pearson - made_pearson
        print(
            f"round {round_number}: daily spread error {np.abs(made_spread / spread - 1).mean():.3f}, "
            f"correlation error {np.median(np.abs(error)):.3f}, worst {np.abs(error).max():.3f}"
        )
        keep = np.clip(keep * (spread / made_spread) ** 1.5, 0.25, 1.6)
        swing = np.clip(swing * np.clip(mean_day / made_mean_day, 0.9, 1.1) ** 0.5, 0.7, 1.15)
        target[:n, :n] = np.clip(target[:n, :n] + 0.6 * error, -0.98, 0.999)
        np.fill_diagonal(target, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("data/hours"))
    arguments = parser.parse_args()
    build(arguments.shared, arguments.out)


if __name__ == "__main__":
    main()
