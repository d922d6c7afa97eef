"""Draw correlated, persistent Gaussian series and map them to given marginals.

Memory. Each series is a sum of independent components with variance shares w_c,

    z_i(t) = sum_c sqrt(w_ic) y_ic(t),   sum_c w_ic = 1.

A plain component is a first-order autoregression with time constant tau_c,
y(t) = phi y(t-1) + sqrt(1 - phi^2) e(t), phi = exp(-1/tau_c), autocorrelation exp(-lag/tau_c)
(white noise for tau = 0). A component with a period T turns two such series u, v:
y(t) = u(t) cos(2 pi t/T) + v(t) sin(2 pi t/T), autocorrelation exp(-lag/tau) cos(2 pi lag/T); it
carries the memory of the same hour yesterday.

Correlation. In every component, y_ic = sum_k l_ik f_kc + sqrt(1 - sum_k l_ik^2) e_ic with common
factors f: a Gaussian copula with a factor correlation matrix.

Marginals. Ranks of z within a group of hours (a month, a season) become probabilities
p = (rank - 1/2)/n and these become values by linear interpolation in a table of quantiles; so every
seed has the marginals of the table, and only when and where values fall together differs.

Sources: G. E. P. Box, G. M. Jenkins, Time Series Analysis (1970), chapter 3 (AR); R. B. Nelsen, An
Introduction to Copulas (2006), section 2.3; M. Cario, B. Nelson, Autoregressive to anything,
Operations Research Letters 19 (1996) (a Gaussian autoregression mapped to a marginal).

All arithmetic is elementwise (no BLAS, no LAPACK), so results agree between machines to the last
few bits, which rounding then removes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS_PER_YEAR = 8760
_BLOCK = 256

COMPONENTS: Mapping[str, tuple[float, float]] = {
    "w_white": (0.0, 0.0),
    "w_3h": (3.0, 0.0),
    "w_12h": (12.0, 0.0),
    "w_48h": (48.0, 0.0),
    "w_240h": (240.0, 0.0),
    "w_1500h": (1500.0, 0.0),
    "w_daily": (96.0, 24.0),
    "w_halfday": (96.0, 12.0),
}
"""Memory components: name -> (time constant [h], period [h] or 0)."""

PRICE_PROBABILITIES: tuple[float, ...] = (
    0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85,
    0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998, 1.0,
)  # fmt: skip
"""Probabilities of the price quantile tables; dense in the upper tail, where prices spike."""

SHORT_PROBABILITIES: tuple[float, ...] = (
    0.0, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 1.0,
)  # fmt: skip
"""Probabilities of the quantile tables of demand, wind and solar."""


def memory_paths(rng: np.random.Generator, series: int) -> list[Floats]:
    """Draw `series` unit-variance paths of every memory component; a list of shapes (8760, series)."""
    waves = [2 if period else 1 for _, period in COMPONENTS.values()]
    paths = rng.standard_normal((HOURS_PER_YEAR, sum(waves) * series))
    tau = np.repeat([tau for tau, _ in COMPONENTS.values()], waves)
    phi = np.repeat(np.where(tau > 0, np.exp(-1.0 / np.maximum(tau, 1e-9)), 0.0), series)
    # the first hour is drawn from the stationary distribution, so there is nothing to burn in
    paths[1:] *= np.sqrt(1.0 - phi * phi)
    carried = np.empty(paths.shape[1])
    for t in range(1, HOURS_PER_YEAR):
        np.multiply(phi, paths[t - 1], out=carried)
        paths[t] += carried
    hour = np.arange(HOURS_PER_YEAR, dtype=float)[:, None]
    out, start = [], 0
    for _, period in COMPONENTS.values():
        path = paths[:, start : start + series]
        start += series
        if period:
            angle = (2.0 * np.pi / period) * hour
            path = path * np.cos(angle) + paths[:, start : start + series] * np.sin(angle)
            start += series
        out.append(path)
    return out


def correlated_series(rng: np.random.Generator, loadings: Floats, weights: Floats) -> Floats:
    """Draw persistent standard normal series with common factors.

    ``loadings`` (series, factor) and ``weights`` (series, component, columns as COMPONENTS, rows sum
    to 1) are dimensionless. Returns shape (8760, series).
    """
    count, factors = loadings.shape
    own = np.sqrt(np.maximum(0.0, 1.0 - (loadings * loadings).sum(axis=1)))
    by_factor = np.ascontiguousarray(loadings.T)
    out = np.zeros((HOURS_PER_YEAR, count))
    paths = memory_paths(rng, factors + count)
    # in blocks of hours that fit the processor's cache
    for start in range(0, HOURS_PER_YEAR, _BLOCK):
        rows = slice(start, min(start + _BLOCK, HOURS_PER_YEAR))
        part = np.empty((rows.stop - start, count))
        for c, path in enumerate(paths):
            mixed = path[rows, factors:] * own
            for k in range(factors):
                np.multiply(path[rows, k : k + 1], by_factor[k], out=part)
                mixed += part
            mixed *= np.sqrt(weights[:, c])
            out[rows] += mixed
    return out


def ranks_to_probabilities(values: Floats, group: Ints, within: NDArray[np.bool_] | None = None) -> Floats:
    """Turn values (8760, series) into probabilities (rank - 1/2)/n by their ranks within groups of hours.

    Hours outside the mask ``within`` (8760, series) get 0.5 and do not count.
    """
    out = np.full(values.shape, 0.5)
    for g in np.unique(group):
        rows = np.flatnonzero(group == g)
        for i in range(values.shape[1]):
            at = rows if within is None else rows[within[rows, i]]
            order = np.argsort(values[at, i], kind="stable")
            out[at[order], i] = (np.arange(len(at)) + 0.5) / max(len(at), 1)
    return out


def apply_quantiles(probability: Floats, group: Ints, table: Floats, grid: tuple[float, ...]) -> Floats:
    """Map probabilities (8760, series) to values by quantile tables (series, group, grid)."""
    out = np.empty_like(probability)
    for g in np.unique(group):
        at = group == g
        for i in range(probability.shape[1]):
            out[at, i] = np.interp(probability[at, i], grid, table[i, g])
    return out
