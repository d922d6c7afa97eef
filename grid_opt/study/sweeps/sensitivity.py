"""Say how much of the spread of a result each axis of a Sobol or Morris sweep accounts for."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from grid_opt.study.sweeps.design import Floats, needs_salib, unit_problem, unit_samples
from grid_opt.study.sweeps.schema import Design

FILE: Final = "sensitivity.csv"
MEASURES: Final = ("objective", "cost_total", "all_in_usd_per_mwh", "usd_per_million_tokens", "final_it_mw", "sites")
_MEANINGS: Final = {
    "S1": "share of the variance by the axis alone",
    "ST": "share of the variance by the axis and all that it interacts with",
    "mu": "mean of the elementary effects",
    "mu_star": "mean of the absolute elementary effects",
    "sigma": "standard deviation of the elementary effects",
}


def analyze(design: Design, names: list[str], values: npt.ArrayLike) -> pd.DataFrame:
    """Return the indices of one result over the samples of a design, in their order.

    Sobol: first-order index S1 and total index ST, by the estimators of Saltelli et al. (2010) and Jansen as in SALib.
    Morris: mu, mu* and sigma of the elementary effects per whole range of the axis. Columns: axis, index, value,
    confidence (half-width of 95 %), meaning.

    Raises:
        InputError: SALib is not installed.
    """
    try:
        from SALib.analyze import morris, sobol  # noqa: PLC0415 - an extra
    except ImportError:
        raise needs_salib(design.method) from None
    result = np.asarray(values, dtype=float)
    problem: dict[str, Any] = unit_problem(names)
    if design.method == "sobol":
        found = sobol.analyze(problem, result, calc_second_order=False, seed=design.seed)
        indices = {"S1": "S1_conf", "ST": "ST_conf"}
    else:
        samples: Floats = unit_samples(design, len(names))
        found = morris.analyze(problem, samples, result, num_levels=design.levels, seed=design.seed)
        indices = {"mu": None, "mu_star": "mu_star_conf", "sigma": None}  # type: ignore[dict-item]
    rows = [
        {
            "axis": axis,
            "index": index,
            "value": float(found[index][n]),
            "confidence": float(found[confidence][n]) if confidence else np.nan,
            "meaning": _MEANINGS[index],
        }
        for index, confidence in indices.items()
        for n, axis in enumerate(names)
    ]
    return pd.DataFrame(rows)


def sensitivity_of(table: pd.DataFrame, design: Design, names: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the indices of every measure of a table of cases, and in words which could not be told and why."""
    parts, notes = [], []
    for measure in MEASURES:
        if measure not in table:
            continue
        values = table[measure].to_numpy(dtype=float)
        missing = int(np.isnan(values).sum())
        if missing:
            notes.append(f"no sensitivity of {measure}: {missing} of {len(values)} cases have none")
        elif np.ptp(values) == 0:
            notes.append(f"no sensitivity of {measure}: it is {values[0]:g} in every case")
        else:
            parts.append(analyze(design, names, values).assign(measure=measure))
    columns = ["measure", "axis", "index", "value", "confidence", "meaning"]
    found = pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)
    return found.reset_index(drop=True), notes
