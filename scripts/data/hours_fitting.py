"""Fit the parameters of the hour generator: normal scores, memory weights, factor loadings."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from scipy.stats import norm, rankdata

from grid_opt.inputs.hours_latent import COMPONENTS

Array = np.ndarray
LAGS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 18, 20, 22, 24, 30, 36, 42, 48, 72, 96, 120, 144, 168, 240, 336])


def normal_scores(values: Array, group: Array) -> Array:
    """Map values to standard normal scores by their rank within each group."""
    out = np.zeros(len(values))
    for g in np.unique(group):
        at = group == g
        out[at] = norm.ppf((rankdata(values[at]) - 0.5) / at.sum())
    return out


def month_hour_mean(values: Array, month: Array, hour: Array) -> Array:
    table = np.zeros((12, 24))
    for m in range(12):
        for h in range(24):
            table[m, h] = values[(month == m + 1) & (hour == h)].mean()
    return table


def season_hour_std(values: Array, season: Array, hour: Array) -> Array:
    table = np.zeros((4, 24))
    for s in range(4):
        for h in range(24):
            table[s, h] = values[(season == s + 1) & (hour == h)].std()
    return table


def autocorrelation(series: Array, mask: Array | None = None) -> Array:
    """Autocorrelation at LAGS over rows of years; pairs with a masked end are left out."""
    good = np.ones_like(series, dtype=bool) if mask is None else mask
    variance = (series[good] ** 2).mean()
    out = []
    for lag in LAGS:
        pair = good[:, lag:] & good[:, :-lag]
        product = series[:, lag:] * series[:, :-lag]
        out.append(product[pair].mean() / variance if pair.sum() > 500 else np.nan)
    return np.array(out)


def kernel(name: str, lag: Array) -> Array:
    tau, period = COMPONENTS[name]
    decay = np.exp(-lag / tau) if tau > 0 else np.zeros_like(lag, dtype=float)
    return decay * (np.cos(2 * np.pi * lag / period) if period else 1.0)


def memory_weights(acf: Array) -> Array:
    """Fit variance shares of the components to an autocorrelation by non-negative least squares."""
    have = ~np.isnan(acf)
    design = np.column_stack([kernel(name, LAGS.astype(float))[have] for name in COMPONENTS])
    weight = np.where(LAGS <= 3, 3.0, 1.0)[have]
    rows = np.vstack([design * weight[:, None], 10.0 * np.ones(len(COMPONENTS))])
    share, _ = nnls(rows, np.append(acf[have] * weight, 10.0))
    return np.asarray(share / share.sum())


def factor_loadings(correlation: Array, weights: Array, count: int) -> Array:
    """Fit `count` common factors to a correlation matrix by iterated principal factors.

    The components weigh differently in different series, which lowers the correlation of their
    sums by sum_c sqrt(w_ic w_jc); the target is raised by as much first.
    """
    root = np.sqrt(weights)
    target = np.clip(correlation / np.clip(root @ root.T, 0.3, 1.0), -0.999, 0.999)
    np.fill_diagonal(target, 1.0)
    communal = np.full(len(target), 0.9)
    loading = np.zeros((len(target), count))
    for _ in range(60):
        reduced = target.copy()
        np.fill_diagonal(reduced, communal)
        value, vector = np.linalg.eigh(reduced)
        order = np.argsort(value)[::-1][:count]
        loading = vector[:, order] * np.sqrt(np.clip(value[order], 0.0, None))
        communal = np.clip((loading**2).sum(axis=1), 0.0, 0.998)
    size = np.sqrt((loading**2).sum(axis=1))
    loading *= np.minimum(1.0, np.sqrt(0.998) / np.maximum(size, 1e-9))[:, None]
    sign = np.sign(loading.sum(axis=0))
    return np.asarray(loading * np.where(sign == 0, 1.0, sign))


def pairwise_correlation(series: dict[str, pd.Series]) -> Array:
    frame = pd.DataFrame(series)
    return frame.corr(min_periods=1000).to_numpy()


def slower(weights: Array, keep: Array) -> Array:
    """Keep a share of the fast variance (under a day) of each series; give the rest to the slow."""
    fast = np.array([period == 0 and tau <= 12 for tau, period in COMPONENTS.values()])
    out = np.where(fast, weights * keep[:, None], weights)
    slow = np.where(fast, 0.0, np.maximum(out, 0.002))
    out += slow / slow.sum(axis=1, keepdims=True) * (1.0 - out.sum(axis=1, keepdims=True))
    out = np.maximum(out, 0.0)
    return np.asarray(out / out.sum(axis=1, keepdims=True))
