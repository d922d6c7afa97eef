"""Serve requests: route them to regions within their latency, on systems that are fast enough for them."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from grid_opt.config import Case
from grid_opt.finance import quarter_discount_factor
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import operating_weights, quarter_of_season
from grid_opt.formulation.fleet import Fleet, members_of
from grid_opt.units import SECONDS_PER_HOUR, USD_PER_MUSD

MILLION = 1e6
_WHEN = ("year", "season", "block")
_STREAM = ("stream", *_WHEN)


class Service:
    """Decide how many systems of which kind serve which requests where, by calendar quarter and block of the day.

    A stream is requests of one class from users that the same regions can serve. Output, power and the prefill beside
    a system follow from the efficiency model at the class's speed; a system that cannot reach it serves none. Demand
    and power are level within a block, but systems are counted for the block's busiest hour. Hours are not shifted
    between regions: routing is by block, so that the hourly operation stays local.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, fleet: Fleet) -> None:
        self.build, self.case, self.fleet = build, case, fleet
        self.kind = build.mapping(
            dict(zip(world["stream"].values.tolist(), world["stream_class"].values.tolist(), strict=True)), symbol="w"
        )
        self.quarter_of = build.mapping(quarter_of_season(case), symbol="q")
        self.rate = build.parameter(
            "service.tokens", world["tokens_per_system"] / MILLION, ("accelerator", "class", "year"), symbol="Y",
            unit="million tokens/s", meaning="output of a busy system at the speed of the class",
        )  # fmt: skip
        self.wanted = build.parameter(
            "service.demand", world["stream_demand"] / MILLION, ("stream", "quarter", "block"), symbol="D^{T}",
            unit="million tokens/s", meaning="output wanted, mean of the block",
        )  # fmt: skip
        self.reach = build.parameter(
            "service.reach", world["stream_reach"], ("stream", "region"), symbol=r"\varrho", unit="1",
            meaning="1 where the region is within the latency of the stream",
        )  # fmt: skip
        self._variables(case, world)
        self._demand(world)
        self._capacity(case, world)
        self._software(case, world)
        self._power(world)
        self._worth(case, world)

    def drawn_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the IT power that the computers want in a slice [MW]."""
        return self.it_load[region, year, self.season_of[slice_], self.block_of[slice_]]

    def needed(self, stream: Index, year: Index, season: Index, block: Index) -> Expression:
        """Return the output wanted [million tokens/s]; the last quarter's in the long-run year."""
        return self.wanted[stream, self.quarter_of[year, season], block]

    def output(self, stream: Index, machine: Index, region: Index, *when: Index) -> Expression:
        """Return the output for a stream of the systems of a kind in a region [million tokens/s]."""
        return self.rate[machine, self.kind[stream], when[0]] * self.serving[stream, machine, region, *when]

    def served(self, stream: Index, *when: Index) -> Expression:
        """Return the output for a stream of all systems [million tokens/s]."""
        return self.build.total(
            "accelerator", lambda g: self.build.total("region", lambda r: self.output(stream, g, r, *when))
        )

    def may_serve(self, stream: Index, machine: Index, region: Index, year: Index) -> Expression:
        """Return whether a stream may be served there: within its latency, at its speed."""
        return self.reach[stream, region] * self.fits[machine, self.kind[stream], year]

    def missed_share(self, world: xr.Dataset) -> Expression:
        """Return the share of all tokens wanted over the horizon that is not served [1]."""
        build = self.build
        weight = build.parameter(
            "service.token_weight", token_weights(self.case, world), ("year", "season", "block"), symbol="W^{T}",
            unit="1/(million tokens/s)", meaning="share of all tokens wanted that one unit of output gives",
        )  # fmt: skip
        return build.total(
            "stream",
            lambda i: build.total(
                "year",
                lambda a: build.total(
                    "season",
                    lambda c: build.total("block", lambda b: weight[a, c, b] * self.unserved[i, a, c, b]),
                ),
            ),
        )

    def bound_shedding(
        self,
        case: Case,
        world: xr.Dataset,
        shed_mw: Callable[[Index, Index], Expression],
        where: Callable[[Index], bool],
    ) -> None:
        """Keep what is shed, by region and quarter at the meter [MW], within the work that may be turned down.

        Of that, work for protected classes is none: only systems busy with others are turned down, to idle.
        """
        build, kept = self.build, world["class_protected"]
        kinds = dict(zip(world["class"].values.tolist(), kept.values.tolist(), strict=True))
        of = list(zip(world["stream"].values.tolist(), world["stream_class"].values.tolist(), strict=True))
        able = (world["tokens_per_system"] > 0).any("year").to_series().to_dict()
        soft = build.mapping(
            {g: [i for i, w in of if kinds[w] == 0 and able[g, w]] for g in world["accelerator"].values.tolist()},
            symbol=r"\mathcal{I}",
        )
        share = build.parameter(
            "service.sheddable", case.flexibility.max_curtailment_fraction * world["pue"], ("region", "season"),
            symbol=r"\phi^{R}", unit="1", meaning="facility power that may be shed per IT power at work",
        )  # fmt: skip

        def at_work(r: Index, a: Index, c: Index, b: Index) -> Expression:
            return build.total(
                "accelerator",
                lambda g: build.total(
                    soft[g], lambda i: self.lift[g, self.kind[i], a] * self.serving[i, g, r, a, c, b]
                ),
            )

        build.constraint(
            "service.shed_limit", ("region", *_WHEN),
            lambda r, a, c, b: shed_mw(r, self.quarter_of[a, c]) <= share[r, c] * at_work(r, a, c, b),
            unit="MW", meaning="Of the compute at work, what is not protected may be turned down for calls.",
            where=lambda r, a, c, b: where(r),
        )  # fmt: skip

    def _variables(self, case: Case, world: xr.Dataset) -> None:
        build = self.build
        deferrable = world["class_deferrable"].sel({"class": world["stream_class"].values}).values
        share = build.parameter(
            "service.deferrable", xr.DataArray(deferrable, coords={"stream": world["stream"].values}, dims="stream"),
            ("stream",), symbol=r"\delta^{T}", unit="1",
            meaning="share of a block's output that may be served at another time of the day",
        )  # fmt: skip
        able = world["tokens_per_system"] > 0
        self.fits = build.mapping(able.to_series().to_dict(), symbol=r"\phi")

        def room(i: Index, g: Index, r: Index, a: Index, c: Index, b: Index) -> tuple[float, Expression]:
            """Leave no room where the latency is too long or the speed out of reach."""
            del c, b
            return 0, None if self.may_serve(i, g, r, a) else 0

        self.serving = build.variable(
            "service.serving", ("stream", "accelerator", "region", *_WHEN), symbol="v", unit="1",
            domain="nonnegative", bounds=room, meaning="systems busy with the stream, mean of the block",
        )  # fmt: skip
        self.unserved = build.variable(
            "service.unserved", _STREAM, symbol="e", unit="million tokens/s", domain="nonnegative",
            meaning="output wanted that is not served",
        )  # fmt: skip
        self.deferred = build.variable(
            "service.deferred", _STREAM, symbol="z", unit="million tokens/s", domain="real",
            meaning="output served at another time of the day; negative: served here for another time",
            bounds=lambda i, a, c, b: (None if share[i] else 0, share[i] * self.needed(i, a, c, b)),
        )  # fmt: skip
        self.it_load = build.variable(
            "service.it_load", ("region", *_WHEN), symbol="P^{T}", unit="MW", domain="nonnegative",
            meaning="IT power that serving takes, idle systems included",
        )  # fmt: skip
        self.ported = build.variable(
            "service.ported", ("software", "class", "vintage"), symbol="j", unit="1", domain="binary",
            meaning="1 where the class runs on the software from the quarter on",
        )  # fmt: skip
        slices = world["slice"].values.tolist()
        blocks, numbers = world["block"].values.tolist(), world["slice_block"].values.astype(int).tolist()
        self.block_of = build.mapping(dict(zip(slices, [blocks[n] for n in numbers], strict=True)), symbol="b")
        self.season_of = build.mapping(
            dict(zip(slices, world["slice_season"].values.astype(int).tolist(), strict=True)), symbol="c"
        )

    def _demand(self, world: xr.Dataset) -> None:
        build = self.build
        self.hours = build.parameter(
            "service.block_hours", world["block_hours"], ("season", "block"), symbol="h", unit="h",
            meaning="hours of the calendar quarter in the block",
        )  # fmt: skip

        build.constraint(
            "service.balance", _STREAM,
            lambda i, a, c, b: self.served(i, a, c, b) + self.unserved[i, a, c, b] + self.deferred[i, a, c, b]
            == self.needed(i, a, c, b),
            unit="million tokens/s", meaning="What is wanted is served, put off to another hour, or not served.",
        )  # fmt: skip
        build.constraint(
            "service.deferral", ("stream", "year", "season"),
            lambda i, a, c: build.total("block", lambda b: self.hours[c, b] * self.deferred[i, a, c, b]) == 0,
            unit="million tokens/s h", meaning="What is put off is served on the same day.",
        )  # fmt: skip

    def _capacity(self, case: Case, world: xr.Dataset) -> None:
        build = self.build
        self.pool = build.parameter(
            "service.pool", world["pool_systems"], ("accelerator", "class", "year"), symbol=r"\pi^{G}", unit="1",
            meaning="systems that prefill for one busy system",
        )  # fmt: skip
        self.peak = build.parameter(
            "service.peak", world["stream_peak"], ("stream", "block"), symbol=r"\hat{p}", unit="1",
            meaning="busiest hour of the block by its mean",
        )  # fmt: skip
        busiest = build.parameter(
            "service.busiest", case.fleet.busiest_share, symbol=r"\beta^{T}", unit="1",
            meaning="share of the systems that may be busy in the busiest hour",
        )  # fmt: skip
        helped = members_of(world, "accelerator_pool")
        self.prefills_for = build.mapping(
            {g: helped.get(g, []) for g in world["accelerator"].values.tolist()}, symbol=r"\mathcal{H}"
        )

        def busy(g: Index, r: Index, *when: Index) -> Expression:
            own = build.total("stream", lambda i: self.peak[i, when[2]] * self.serving[i, g, r, *when])
            others = build.total(
                self.prefills_for[g],
                lambda h: build.total(
                    "stream",
                    lambda i: (
                        self.peak[i, when[2]] * self.pool[h, self.kind[i], when[0]] * self.serving[i, h, r, *when]
                    ),
                ),
            )
            return own + others

        build.constraint(
            "service.capacity", ("accelerator", "region", *_WHEN),
            lambda g, r, a, c, b: busy(g, r, a, c, b)
            <= busiest * self.fleet.systems[g, r, self.quarter_of[a, c]],
            unit="1", meaning="Systems that serve or prefill stand in the region, with some to spare.",
        )  # fmt: skip

    def _software(self, case: Case, world: xr.Dataset) -> None:
        build = self.build
        ready = build.parameter(
            "service.ready", world["software_ready"], ("software", "vintage", "quarter"), symbol=r"\rho^{O}", unit="1",
            meaning="share of a class that the software serves if ported in the vintage",
        )  # fmt: skip
        self.porting = build.parameter(
            "service.porting_cost", world["porting_cost"], ("software",), symbol="K^{O}", unit="million USD",
            meaning="engineering to port one class",
        )  # fmt: skip
        runs_on = members_of(world, "accelerator_software")
        members = build.mapping(
            {o: runs_on.get(o, []) for o in world["software"].values.tolist()}, symbol=r"\mathcal{G}"
        )
        strange = needs_porting(world)

        def on_stack(o: Index, i: Index, *when: Index) -> Expression:
            return build.total(members[o], lambda g: build.total("region", lambda r: self.output(i, g, r, *when)))

        build.constraint(
            "service.software", ("software", *_STREAM),
            lambda o, i, a, c, b: on_stack(o, i, a, c, b)
            <= self.needed(i, a, c, b) * build.total(
                "vintage", lambda v: ready[o, v, self.quarter_of[a, c]] * self.ported[o, self.kind[i], v]
            ),
            unit="million tokens/s", meaning="Software serves no more of a stream than it was made ready for.",
            where=lambda o, i, a, c, b: o in strange,
        )  # fmt: skip
        build.constraint(
            "service.port_once", ("software", "class"),
            lambda o, w: build.total("vintage", lambda v: self.ported[o, w, v]) <= 1,
            unit="1", meaning="A class is ported once.",
        )  # fmt: skip

    def _power(self, world: xr.Dataset) -> None:
        build = self.build
        idle = build.parameter(
            "service.idle_mw", world["system_idle_mw"], ("accelerator",), symbol="k^{0}", unit="MW",
            meaning="IT power of an idle system",
        )  # fmt: skip
        self.lift = build.parameter(
            "service.lift_mw", busy_lift(world), ("accelerator", "class", "year"), symbol="k^{+}", unit="MW",
            meaning="power that a busy system draws above idle, with that of the systems that prefill for it",
        )  # fmt: skip

        def load(r: Index, a: Index, c: Index, b: Index) -> Expression:
            standing = build.total("accelerator", lambda g: idle[g] * self.fleet.systems[g, r, self.quarter_of[a, c]])
            working = build.total(
                "accelerator",
                lambda g: build.total(
                    "stream", lambda i: self.lift[g, self.kind[i], a] * self.serving[i, g, r, a, c, b]
                ),
            )
            return standing + working

        build.constraint(
            "service.load", ("region", *_WHEN), lambda r, a, c, b: self.it_load[r, a, c, b] == load(r, a, c, b),
            unit="MW", meaning="Power follows the work, between idle and full.",
        )  # fmt: skip

    def _worth(self, case: Case, world: xr.Dataset) -> None:
        build, over = self.build, ("stream", "year")
        weight = build.parameter(
            "service.operating_weight", operating_weights(case), ("year", "season"), symbol="D", unit="1",
            meaning="present value of one USD paid in the calendar quarter of the operating year",
        )  # fmt: skip
        worth = build.parameter(
            "service.worth", world["class_worth"] / USD_PER_MUSD, ("class", "year"), symbol=r"\omega",
            unit="million USD/million tokens", meaning="worth of a million tokens",
        )  # fmt: skip
        penalty = build.parameter(
            "service.penalty", world["class_penalty"] / USD_PER_MUSD, ("class",), symbol=r"\omega^{-}",
            unit="million USD/million tokens", meaning="paid for a million tokens not served",
        )  # fmt: skip
        seconds = build.parameter(
            "service.seconds", SECONDS_PER_HOUR, symbol=r"3600", unit="s/h", meaning="seconds of an hour"
        )
        discount = build.parameter(
            "service.discount",
            xr.DataArray(
                [quarter_discount_factor(case.finance.real_discount_rate, n) for n in range(len(case.quarters))],
                coords={"vintage": list(case.quarters)}, dims=("vintage",),
            ),
            ("vintage",), symbol="D^{V}", unit="1", meaning="present value of one USD paid in the quarter",
        )  # fmt: skip

        def missed(i: Index, a: Index) -> Expression:
            return build.total(
                "season",
                lambda c: build.total(
                    "block", lambda b: weight[a, c] * seconds * self.hours[c, b] * self.unserved[i, a, c, b]
                ),
            )

        if case.objective.goal == "net_value":
            build.cost(
                "service.forgone", over, lambda i, a: worth[self.kind[i], a] * missed(i, a),
                meaning="Worth of the tokens that are wanted and not served.",
            )  # fmt: skip
        build.cost(
            "service.unserved_penalty", over, lambda i, a: penalty[self.kind[i]] * missed(i, a),
            meaning="Penalties for tokens that are not served.",
        )  # fmt: skip
        build.cost(
            "service.porting", ("software", "class"),
            lambda o, w: build.total("vintage", lambda v: discount[v] * self.porting[o] * self.ported[o, w, v]),
            meaning="Engineering to move classes of requests to other software.",
        )  # fmt: skip


def token_weights(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return the hours of every block, times the years that it stands for, by all tokens wanted (year, season, block).

    Per million tokens/s of output: 1 / (sum of weight * demand) is the share that it gives.
    """
    years = xr.DataArray(
        [float(len(case.represented_years(a))) for a in case.years], coords={"year": list(case.years)}, dims=("year",)
    )
    weight = (years * world["block_hours"]).transpose("year", "season", "block")
    quarter = xr.DataArray(
        [[case.capacity_quarter(a, int(c)) for c in world["season"].values] for a in case.years],
        coords={"year": list(case.years), "season": world["season"].values}, dims=("year", "season"),
    )  # fmt: skip
    demand = world["stream_demand"].sum("stream").sel(quarter=quarter).drop_vars("quarter") / MILLION
    total = float((weight * demand).sum())
    return weight / total if total > 0 else weight * 0.0


def needs_porting(world: xr.Dataset) -> set[str]:
    """Return the software that does not serve all of a class at once and for nothing."""
    first = world["quarter"].values[0]
    ready = world["software_ready"].sel(vintage=first, quarter=first)
    home = (ready >= 1) & (world["porting_cost"] == 0)
    return set(world["software"].values[~home.values].tolist())


def busy_lift(world: xr.Dataset) -> xr.DataArray:
    """Return what a busy system draws above idle, with the share of the systems that prefill for it [MW]."""
    own = world["system_busy_mw"] - world["system_idle_mw"]
    machines = world["accelerator"].values.tolist()
    helper = (world["system_full_mw"] - world["system_idle_mw"]).values
    pools = world["accelerator_pool"].values.tolist()
    lift = [float(helper[machines.index(name)]) if name else 0.0 for name in pools]
    beside = world["pool_systems"] * xr.DataArray(lift, coords={"accelerator": machines}, dims=("accelerator",))
    return (own.where(world["tokens_per_system"] > 0, 0.0) + beside).transpose("accelerator", "class", "year")
