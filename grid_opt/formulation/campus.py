"""Open campuses and energize whole halls until every tranche target is met."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from grid_opt.config import Case, quarter_ordinal
from grid_opt.formulation.block import Builder, Expression, Index


class Campus:
    """Decide in which quarter each region opens a campus and how many halls serve through each quarter.

    A hall is energized at the start of its quarter and serves all of it; so does a tranche. ``site`` and ``halls`` are
    cumulative: a campus that is open stays open and a hall that is energized stays.
    Cumulative variables keep the linear relaxation tight and let one branch decide all later quarters.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset) -> None:
        self.build = build
        over = ("region", "quarter")
        self.hall = build.parameter(
            "campus.hall_mw", case.campus.hall_mw, symbol="P", unit="MW", meaning="IT nameplate of one hall"
        )
        self.site = build.variable(
            "campus.site", over, symbol="y", unit="1", domain="binary", meaning="campus is open through the quarter"
        )
        self.halls = build.variable(
            "campus.halls", over, symbol="n", unit="1", domain="integer",
            meaning="halls in service through the quarter",
        )  # fmt: skip
        self._timing(case, world)
        self._size(case)
        self._targets(case, world)

    def it_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the IT nameplate in service in ``region`` through ``quarter`` [MW]."""
        return self.hall * self.halls[region, quarter]

    def new_sites(self, region: Index, quarter: Index) -> Expression:
        """Return 1 if the campus opens in ``quarter``, else 0."""
        return self.site[region, quarter] - self.build.before(self.site, region, quarter)

    def new_halls(self, region: Index, quarter: Index) -> Expression:
        """Return the halls energized in ``quarter``."""
        return self.halls[region, quarter] - self.build.before(self.halls, region, quarter)

    def _timing(self, case: Case, world: xr.Dataset) -> None:
        build, over = self.build, ("region", "quarter")
        ready = build.parameter(
            "campus.ready", construction_ready(case, world), over, symbol=r"\rho", unit="1",
            meaning="1 from the first quarter in which construction can be finished, else 0",
        )  # fmt: skip
        ramp = build.parameter(
            "campus.max_halls_per_quarter", case.campus.max_halls_per_quarter, symbol=r"\overline{\Delta n}", unit="1",
            meaning="most halls that one campus energizes in a quarter",
        )  # fmt: skip
        build.constraint(
            "campus.site_monotone", over, lambda r, q: self.site[r, q] >= build.before(self.site, r, q),
            unit="1", meaning="A campus that is open stays open.",
        )  # fmt: skip
        build.constraint(
            "campus.halls_monotone", over, lambda r, q: self.halls[r, q] >= build.before(self.halls, r, q),
            unit="1", meaning="A hall that is energized stays energized.",
        )  # fmt: skip
        build.constraint(
            "campus.site_lead", over, lambda r, q: self.site[r, q] <= ready[r, q],
            unit="1", meaning="No campus opens before its construction can be finished.",
        )  # fmt: skip
        build.constraint(
            "campus.ramp", over, lambda r, q: self.new_halls(r, q) <= ramp,
            unit="1", meaning="A campus energizes no more halls in a quarter than crews can commission.",
        )  # fmt: skip

    def _size(self, case: Case) -> None:
        build, end = self.build, self.build.last("quarter")
        largest = build.parameter(
            "campus.max_mw", case.campus.max_campus_mw, symbol=r"\overline{P}", unit="MW",
            meaning="largest campus (IT)",
        )  # fmt: skip
        smallest = build.parameter(
            "campus.min_mw", case.campus.min_campus_mw, symbol=r"\underline{P}", unit="MW",
            meaning="smallest campus at the end of the horizon (IT)",
        )  # fmt: skip
        most = build.parameter(
            "campus.most_sites", case.campus.max_sites, symbol=r"\overline{N}", unit="1", meaning="most campuses"
        )
        build.constraint(
            "campus.campus_max", ("region", "quarter"),
            lambda r, q: self.it_mw(r, q) <= largest * self.site[r, q],
            unit="MW", meaning="Halls stand only on an open campus, up to its largest size.",
        )  # fmt: skip
        build.constraint(
            "campus.campus_min", ("region",), lambda r: self.it_mw(r, end) >= smallest * self.site[r, end],
            unit="MW", meaning="A campus that is opened reaches its smallest size by the end of the horizon.",
        )  # fmt: skip
        build.constraint(
            "campus.first_hall", ("region", "quarter"), lambda r, q: self.halls[r, q] >= self.site[r, q],
            unit="1", meaning="A campus opens with its first hall.",
        )  # fmt: skip
        build.constraint(
            "campus.max_sites", (), lambda: build.total("region", lambda r: self.site[r, end]) <= most,
            unit="1", meaning="No more campuses than the owner can run.",
        )  # fmt: skip

    def _targets(self, case: Case, world: xr.Dataset) -> None:
        build, end = self.build, self.build.last("quarter")
        needed = build.parameter(
            "campus.halls_needed", halls_needed(case, world), ("quarter",), symbol="N", unit="1",
            meaning="whole halls that meet the cumulative tranche target",
        )  # fmt: skip
        region_share = build.parameter(
            "campus.region_halls", halls_share(case, world, case.campus.max_region_share), symbol=r"\overline{n}^{R}",
            unit="1", meaning="most halls in one region: its largest share of the halls needed at the end, rounded up",
        )  # fmt: skip
        market_share = build.parameter(
            "campus.market_halls", halls_share(case, world, case.campus.max_market_share), symbol=r"\overline{n}^{M}",
            unit="1", meaning="most halls in one market: its largest share of the halls needed at the end, rounded up",
        )  # fmt: skip
        members, committed = (
            build.mapping(regions_by_market(world), symbol=r"\mathcal{R}"),
            set(case.committed_quarters),
        )
        build.constraint(
            "campus.tranche", ("quarter",),
            lambda q: build.total("region", lambda r: self.halls[r, q]) >= needed[q],
            unit="1", meaning="Every committed tranche is in service through its quarter, in whole halls.",
            where=lambda q: q in committed,
        )  # fmt: skip
        if case.objective.goal != "least_cost":
            build.constraint(
                "campus.programme", (),
                lambda: build.total("region", lambda r: self.halls[r, end]) <= needed[end],
                unit="1", meaning="No more halls are built than the final target asks for.",
            )  # fmt: skip
        build.constraint(
            "campus.region_share", ("region",), lambda r: self.halls[r, end] <= region_share,
            unit="1", meaning="No region holds more than its share of the halls needed at the end.",
        )  # fmt: skip
        build.constraint(
            "campus.market_share", ("market",),
            lambda m: build.total(members[m], lambda r: self.halls[r, end]) <= market_share,
            unit="1", meaning="No market holds more than its share of the halls needed at the end.",
        )  # fmt: skip


_ROUNDING = 1e-9
"""Halls by which a target may be missed for the sake of rounding: a few watts."""


def halls_needed(case: Case, world: xr.Dataset) -> xr.DataArray:
    r"""Return the whole halls that meet the target of each quarter, :math:`\lceil T_q / (\beta P) \rceil`.

    Committed blocks count towards the target, so only the rest asks for halls.
    """
    hall = case.counted_per_it_mw * case.campus.hall_mw
    committed = [case.committed_mw(quarter) for quarter in world["quarter"].values.tolist()]
    left = np.maximum(0.0, world["target"] - committed)
    needed: xr.DataArray = xr.apply_ufunc(np.ceil, left / hall - _ROUNDING)
    return needed


def halls_share(case: Case, world: xr.Dataset, share: float) -> float:
    """Return a share of the halls needed at the end, rounded up: so a small plan may stand somewhere at all."""
    return math.ceil(share * float(halls_needed(case, world)[-1]) - _ROUNDING)


def regions_by_market(world: xr.Dataset) -> dict[str, list[str]]:
    """Return the candidate regions of every market, markets in alphabetical order."""
    markets: dict[str, list[str]] = {}
    for region, market in zip(world["region"].values.tolist(), world["region_market"].values.tolist(), strict=True):
        markets.setdefault(market, []).append(region)
    return dict(sorted(markets.items()))


def construction_ready(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return 1 where a campus begun at the earliest start can stand by the quarter, else 0."""
    start = quarter_ordinal(case.campus.earliest_start)
    numbers = xr.DataArray(
        [quarter_ordinal(q) for q in world["quarter"].values.tolist()], coords={"quarter": world["quarter"]}
    )
    ready: xr.DataArray = (numbers >= start + world["site_lead_quarters"]).astype(float)
    return ready.transpose("region", "quarter")
