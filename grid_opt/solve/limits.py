"""The investment program and its limits: impose the limits of another case on it, without building it anew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr

from grid_opt.config import Case, quarter_ordinal
from grid_opt.formulation.campus import halls_needed, halls_share
from grid_opt.solve.standard_form import Array, Matrix, families, submatrix

Key = tuple[Any, ...]

INVESTMENT = ("campus", "fleet", "connection", "onsite", "relief", "upgrade", "network", "budget")
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Trial:
    """A case with other knobs, and MW added to two tables: headroom (region, quarter), surplus (zone, year, stress)."""

    case: Case
    headroom: Mapping[Key, float] = field(default_factory=dict)
    surplus: Mapping[Key, float] = field(default_factory=dict)
    moves: tuple[str, ...] = ()
    """What was changed, one change each, as a planner would write it."""


@dataclass(frozen=True)
class Program:
    """The part of a model that decides on campuses and systems, with the case that it was built from.

    ``later_ready`` says, by region, in which quarters after the horizon construction could be finished (0 or 1),
    as far as that is known; quarters that it lacks count as not ready.
    """

    matrix: Matrix
    case: Case
    later_ready: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @cached_property
    def rows(self) -> dict[str, dict[Key, int]]:
        """Row numbers by constraint and index."""
        return _numbered(self.matrix.rows)

    @cached_property
    def columns(self) -> dict[str, dict[Key, int]]:
        """Column numbers by variable and index."""
        return _numbered(self.matrix.columns)

    def row(self, constraint: str) -> dict[Key, int]:
        """Return the rows of a constraint by index; none where the case lacks it."""
        return self.rows.get(constraint, {})

    def entry(self, row: int, column: int) -> float:
        """Return one coefficient."""
        return float(self.matrix.rows_matrix[row, column])

    def loosening(self, row: int) -> float:
        """Return the coefficient by which a positive slack loosens an inequality."""
        return -1.0 if np.isfinite(self.matrix.row_upper[row]) else 1.0

    def ready(self, region: str, ahead: int) -> float:
        """Return 1 where construction is finished ``ahead`` quarters after the first one, else 0."""
        quarters = self.case.quarters
        if ahead < len(quarters):
            return float(self.matrix.row_upper[self.row("campus.site_lead")[region, quarters[ahead]]])
        later = self.later_ready.get(region, ())
        last = self.ready(region, len(quarters) - 1)
        return max(last, later[ahead - len(quarters)] if ahead - len(quarters) < len(later) else 0.0)


def investment(matrix: Matrix) -> Matrix:
    """Return the rows and columns that decide on campuses and systems; the operation follows any of them."""
    part, _ = submatrix(matrix, np.array([name.split(".")[0] in INVESTMENT for name in families(matrix)]))
    return part


def _numbered(components: list[Any]) -> dict[str, dict[Key, int]]:
    found: dict[str, dict[Key, int]] = {}
    for number, component in enumerate(components):
        index = component.index()
        key = () if index is None else index if isinstance(index, tuple) else (index,)
        found.setdefault(component.parent_component().local_name.replace("__", "."), {})[key] = number
    return found


def needed(case: Case) -> dict[str, int]:
    """Return the whole halls that the targets of a case need, by quarter."""
    return {q: int(n) for q, n in zip(case.quarters, halls_needed(case, _targets(case)).values, strict=True)}


def shared_halls(case: Case, share: float) -> int:
    """Return the most halls in a region or market that may carry ``share`` of the final target."""
    return int(halls_share(case, _targets(case), share))


def _targets(case: Case) -> xr.Dataset:
    target = ("quarter", [case.target_mw(q) for q in case.quarters])
    return xr.Dataset({"target": target}, coords={"quarter": list(case.quarters)})


def impose(program: Program, trial: Trial) -> Matrix:
    """Return the program with the limits of another case, and with MW added to the tables, exactly as if rebuilt.

    Exact for the knobs that :mod:`grid_opt.solve.diagnose` moves; for ``campus.earliest_start``, regions of which
    it is not known when they are ready count as not ready.
    """
    edit = _Edit(program)
    edit.right_hand_sides(trial.case)
    edit.coefficients(trial)
    edit.bounds(trial)
    return edit.done()


class _Edit:
    """Collect changes to a program's arrays."""

    def __init__(self, program: Program) -> None:
        self.program, matrix = program, program.matrix
        self.row_lower, self.row_upper = matrix.row_lower.copy(), matrix.row_upper.copy()
        self.col_lower, self.col_upper = matrix.col_lower.copy(), matrix.col_upper.copy()
        self._added: list[tuple[int, int, float]] = []

    def right_hand_sides(self, case: Case) -> None:
        """Impose the limits that are plain numbers."""
        row, campus = self.program.row, case.campus
        halls = needed(case)
        for (quarter,), i in row("campus.tranche").items():
            self.row_lower[i] = halls[quarter]
        uppers = {
            "campus.region_share": shared_halls(case, campus.max_region_share),
            "campus.market_share": shared_halls(case, campus.max_market_share),
            "campus.programme": halls[case.quarters[-1]],
            "campus.max_sites": campus.max_sites,
            "campus.ramp": campus.max_halls_per_quarter,
            "budget.total_budget": case.budget.total_musd,
        }
        for constraint, value in uppers.items():
            for i in row(constraint).values():
                self.row_upper[i] = value
        for (year,), i in row("budget.annual_budget").items():
            self.row_upper[i] = case.budget.annual_musd[year]
        self._fleet(case)
        sooner = quarter_ordinal(self.program.case.campus.earliest_start) - quarter_ordinal(campus.earliest_start)
        position = {quarter: n for n, quarter in enumerate(case.quarters)}
        for (region, quarter), i in row("campus.site_lead").items() if sooner else ():
            self.row_upper[i] = self.program.ready(region, position[quarter] + sooner)

    def _fleet(self, case: Case) -> None:
        """Impose deliveries [systems] and how much of a committed target holds systems [MW]."""
        row, now = self.program.row, self.program.case.fleet.delivery_scale
        factor = case.fleet.delivery_scale / now if now else 1.0
        for i in row("fleet.deliveries").values():
            self.row_upper[i] *= factor
        for i in row("fleet.take_or_pay").values():
            self.row_lower[i] *= factor
        for (quarter,), i in row("fleet.filled").items():
            self.row_lower[i] = case.target_mw(quarter) * case.fleet.filled_share / case.counted_per_it_mw

    def coefficients(self, trial: Trial) -> None:
        """Impose the limits that multiply ``site``: campus sizes [MW] and headroom [MW]."""
        program, new, old = self.program, trial.case, self.program.case
        site = program.columns["campus.site"]
        last = program.case.quarters[-1]
        larger = new.campus.max_campus_mw - old.campus.max_campus_mw
        smaller = old.campus.min_campus_mw - new.campus.min_campus_mw
        for (region, quarter), i in program.row("campus.campus_max").items():
            self._add(i, site[region, quarter], program.loosening(i) * larger)
        for (region,), i in program.row("campus.campus_min").items():
            self._add(i, site[region, last], program.loosening(i) * smaller)
        growth = new.grid.headroom_scale / old.grid.headroom_scale - 1.0 if old.grid.headroom_scale else 0.0
        for (region, quarter), lead, i in headroom_rows(program):
            more = trial.headroom.get((region, _later(program.case, quarter, lead)), 0.0)
            scaled = growth * program.entry(i, site[region, quarter]) if growth else 0.0
            self._add(i, site[region, quarter], scaled + program.loosening(i) * more)

    def bounds(self, trial: Trial) -> None:
        """Impose the limits that are bounds of variables: what zones can spare and links carry [MW]."""
        program, new, old = self.program, trial.case.grid, self.program.case.grid
        for (zone, quarter, stress), j in program.columns.get("network.zone_supply", {}).items():
            self.col_upper[j] += trial.surplus.get((zone, int(quarter[:4]), stress), 0.0)
        if new.link_available_share != old.link_available_share:
            for j in program.columns.get("network.link_flow", {}).values():
                self.col_lower[j] *= new.link_available_share / old.link_available_share
                self.col_upper[j] *= new.link_available_share / old.link_available_share
            for i in upgraded_rows(program):
                self.row_upper[i] *= new.link_available_share / old.link_available_share

    def _add(self, row: int, column: int, value: float) -> None:
        if value:
            self._added.append((row, column, value))

    def done(self) -> Matrix:
        """Return the changed program."""
        matrix = self.program.matrix
        entries = matrix.rows_matrix
        if self._added:
            rows, columns, values = zip(*self._added, strict=True)
            entries = sp.csr_array(entries + sp.coo_array((values, (rows, columns)), shape=matrix.shape))
        return replace(
            matrix,
            rows_matrix=entries,
            row_lower=self.row_lower,
            row_upper=self.row_upper,
            col_lower=self.col_lower,
            col_upper=self.col_upper,
        )


def headroom_rows(program: Program) -> list[tuple[tuple[str, str], int, int]]:
    """Return every row that headroom limits: region and quarter, how many quarters it looks ahead, its number."""
    now = [(key, 0, i) for key, i in program.row("connection.headroom").items()]
    ahead = program.row("connection.ahead").items()
    return now + [((region, quarter), int(lead), i) for (region, lead, quarter), i in ahead]


def upgraded_rows(program: Program) -> list[int]:
    """Return the rows that limit links with upgrades; the others are limited by bounds."""
    return [i for which in ("forward", "reverse") for i in program.row(f"network.upgraded_{which}").values()]


def _later(case: Case, quarter: str, lead: int) -> str:
    """Return the quarter so many later, at most the last: beyond it headroom stays as it is then."""
    return case.quarters[min(case.quarters.index(quarter) + lead, len(case.quarters) - 1)]


def hosted_mw(program: Program, region: str, quarter: str) -> float:
    """Return an upper bound of the facility load that the grid takes from a region by then [MW].

    With a menu of offers that is the largest headroom that any of them opens, with upgrades, and the MW of their own.
    """
    site, built = program.columns["campus.site"], program.columns.get("upgrade.built", {})
    rows = [i for key, _, i in headroom_rows(program) if key == (region, quarter)]
    opened = [abs(program.entry(i, site[region, quarter])) for i in rows]
    if "connection.load" not in program.rows:
        return opened[0]
    gained = [sum(abs(program.entry(i, j)) for j in built.values()) for i in rows]
    on_headroom = {j for i in rows for j in program.matrix.rows_matrix[[i]].indices.tolist()}
    mine = program.matrix.rows_matrix[[program.row("connection.load")[region, quarter]]].indices.tolist()
    contracts = set(program.columns["connection.contract"].values()).intersection(mine)
    beside = sum(float(program.matrix.col_upper[j]) for j in contracts - on_headroom)
    return max([a + b for a, b in zip(opened, gained, strict=True)], default=0.0) + beside


def hostable_mw(program: Program) -> dict[str, float]:
    """Return by quarter what all regions together can host, counted as targets are [MW].

    Of the limits, those of a single campus count: headroom and offers, construction time, largest size and pace.
    """
    case, total = program.case, np.zeros(len(program.case.quarters))
    columns = program.columns
    for region in sorted({key[0] for key in columns["campus.halls"]}):
        room = np.zeros(len(case.quarters))
        for n, quarter in enumerate(case.quarters):
            i = (program.row("connection.load") or program.row("connection.headroom"))[region, quarter]
            per_hall = abs(program.entry(i, columns["campus.halls"][region, quarter]))
            connected = hosted_mw(program, region, quarter) / per_hall
            largest = case.campus.max_campus_mw / case.campus.hall_mw
            room[n] = math.floor(min(connected, largest) + _ROUNDING)
        room = np.minimum.accumulate(room[::-1])[::-1]  # halls stay: what a later quarter cannot hold, none can
        total += _paced(room, program, region)
    hall = case.counted_per_it_mw * case.campus.hall_mw
    return {quarter: hall * float(n) for quarter, n in zip(case.quarters, total, strict=True)}


def _paced(room: Array, program: Program, region: str) -> Array:
    """Return the most halls by quarter, begun when construction is finished and added at the largest pace."""
    reached, built = np.zeros(len(room)), 0.0
    for n, most in enumerate(room):
        built = min(most, built + program.case.campus.max_halls_per_quarter) if program.ready(region, n) else 0.0
        reached[n] = built
    return reached


def deliverable_mw(program: Program) -> dict[str, float]:
    """Return by committed quarter the IT power of all systems that vendors can have delivered [MW]."""
    case, columns, power = program.case, program.columns.get("fleet.systems", {}), program.row("fleet.hall_power")
    each = {g: program.entry(power[r, q], j) for (g, r, q), j in columns.items()}
    most = {key: float(program.matrix.row_upper[i]) for key, i in program.row("fleet.deliveries").items()}
    ordinal = {quarter: n for n, quarter in enumerate(case.quarters)}
    return {
        quarter: sum(each[g] * number for (g, q), number in most.items() if ordinal[q] <= ordinal[quarter])
        for (quarter,) in program.row("fleet.filled")
    }
