"""Explain in a planner's words why a case has no plan, and the smallest change that would give it one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from grid_opt.errors import InfeasibleError
from grid_opt.solve.highs import Options, solve
from grid_opt.solve.standard_form import Array, Matrix, families, submatrix

REPAIRS: dict[str, tuple[str, str]] = {
    "campus.tranche": ("lower the tranche targets (demand.targets_mw)", "MW"),
    "connection.headroom": ("raise the grid headroom (table headroom.csv, grid.headroom_scale)", "MW"),
    "network.zone_balance": ("deliver more over the network (surplus.csv, grid.link_available_share)", "MW"),
    "campus.campus_max": ("allow larger campuses (campus.max_campus_mw)", "MW"),
    "campus.campus_min": ("allow smaller campuses (campus.min_campus_mw)", "MW"),
    "campus.ramp": ("commission faster (campus.max_halls_per_quarter)", "halls"),
    "campus.site_lead": ("open campuses earlier (campus.earliest_start)", "campus-quarters"),
    "campus.max_sites": ("allow more campuses (campus.max_sites)", "campuses"),
    "campus.region_share": ("allow more in one region (campus.max_region_share)", "MW"),
    "campus.market_share": ("allow more in one market (campus.max_market_share)", "MW"),
    "budget.annual_budget": ("raise the yearly budget (budget.annual_musd)", "million USD"),
    "budget.total_budget": ("raise the total budget (budget.total_musd)", "million USD"),
}
"""The limits that a planner can move, by constraint: the words for moving it and the unit of the move."""

_INVESTMENT = ("campus", "connection", "network", "budget")
_SMALL = 1e-6


@dataclass(frozen=True)
class Repair:
    """The smallest change of one kind of limit that makes the case feasible."""

    constraint: str
    words: str
    amount: float
    unit: str
    places: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        where = ", ".join(f"{place} by {amount:,.1f}" for place, amount in self.places[:4])
        more = f" and {len(self.places) - 4} more" if len(self.places) > 4 else ""
        return f"{self.words}: {self.amount:,.1f} {self.unit} in all ({where}{more})"


def _with_slack(matrix: Matrix, rows: Array) -> Matrix:
    """Add to each of ``rows`` one column that helps it up and one that helps it down, at a cost of 1 per unit."""
    count, (height, width) = len(rows), matrix.shape
    up = sp.csr_array((np.ones(count), (rows, np.arange(count))), shape=(height, count))
    entries = sp.csr_array(sp.hstack([matrix.rows_matrix, up, -up]))
    lower = np.concatenate([np.isfinite(matrix.row_lower[rows]), np.isfinite(matrix.row_upper[rows])])
    return replace(
        matrix,
        cost=np.concatenate([np.zeros(width), np.ones(2 * count)]),
        rows_matrix=entries,
        col_lower=np.concatenate([matrix.col_lower, np.zeros(2 * count)]),
        col_upper=np.concatenate([matrix.col_upper, np.where(lower, np.inf, 0.0)]),
        integer=np.concatenate([matrix.integer, np.zeros(2 * count, bool)]),
        columns=[*matrix.columns, *([None] * (2 * count))],
    )


def find_repairs(matrix: Matrix, options: Options, hall_mw: float) -> list[Repair]:
    """Return, for every kind of limit that alone can mend the case, the smallest move of it.

    ``hall_mw`` is what one hall counts towards a target [MW]. The operation is left out: it follows any investment.
    """
    names = families(matrix)
    investment, _ = submatrix(matrix, np.array([name.split(".")[0] in _INVESTMENT for name in names]))
    family = families(investment)
    repairs = []
    for constraint, (words, unit) in REPAIRS.items():
        rows = np.array([i for i, name in enumerate(family) if name == constraint], dtype=int)
        if not rows.size:
            continue
        elastic = _with_slack(investment, rows)
        answer = solve(elastic, replace(options, gap=1e-3, time_limit_s=15.0, progress=None))
        if answer.x is None:
            continue
        slack = answer.x[investment.shape[1] :]
        moved = slack[: rows.size] + slack[rows.size :]
        moved *= hall_mw if constraint == "campus.tranche" else 1.0
        places = sorted(
            ((_place(investment.rows[i]), float(m)) for i, m in zip(rows, moved, strict=True) if m > _SMALL),
            key=lambda item: -item[1],
        )
        repairs.append(Repair(constraint, words, float(moved.sum()), unit, tuple(places)))
    return repairs


def _place(row: object) -> str:
    index = row.index()  # type: ignore[attr-defined]
    if index is None:
        return "the whole plan"
    return " ".join(str(i) for i in index) if isinstance(index, tuple) else str(index)


def explain_infeasible(matrix: Matrix, options: Options, hall_mw: float) -> InfeasibleError:
    """Return the error that names the limits in conflict and the smallest repairs."""
    repairs = find_repairs(matrix, options, hall_mw)
    if not repairs:
        return InfeasibleError(
            "No plan meets every limit, and no single kind of limit can mend it: several conflict at once.\n"
            "Loosen the tranche targets and the grid headroom together, then tighten one at a time."
        )
    names = ", ".join(repair.constraint for repair in repairs)
    lines = [f"No plan meets every limit. These limits conflict: {names}.", "Any one of these changes gives a plan:"]
    return InfeasibleError("\n".join([*lines, *(f"  - {repair}" for repair in repairs)]))
