"""Buy whole systems of several kinds of accelerators and stand them in the halls."""

from __future__ import annotations

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import system_weights, waiting_cost
from grid_opt.formulation.campus import Campus
from grid_opt.units import USD_PER_MUSD

_OVER = ("region", "quarter")


class Fleet:
    """Decide how many systems of each accelerator serve in each region through each quarter.

    A system serves from the start of the quarter in which it enters a hall until its life ends; what then stands in
    its place is a new choice. Systems that outlive the build-out are renewed by their like, at the price of that time.
    Vendors deliver a limited number a quarter; what is delivered before there is a hall for it waits, at a cost.
    """

    def __init__(self, build: Builder, case: Case, world: xr.Dataset, campus: Campus) -> None:
        self.build, self.campus = build, campus
        over = ("accelerator", *_OVER)
        self.system_mw = build.parameter(
            "fleet.system_mw", world["system_mw"], ("accelerator",), symbol="k", unit="MW",
            meaning="IT power that a hall provides for a system",
        )  # fmt: skip
        self.price = build.parameter(
            "fleet.price", world["system_price"] / USD_PER_MUSD, ("accelerator", "quarter"), symbol="K^{G}",
            unit="million USD", meaning="price of a system bought in the quarter",
        )  # fmt: skip
        self.systems = build.variable(
            "fleet.systems", over, symbol="N", unit="1", domain="count",
            meaning="systems in service through the quarter",
        )  # fmt: skip
        self.bought = build.variable(
            "fleet.bought", over, symbol="b", unit="1", domain="nonnegative",
            meaning="systems that enter service in the quarter",
        )  # fmt: skip
        alive = build.mapping(vintages_alive(case, world), symbol=r"\mathcal{V}")
        build.constraint(
            "fleet.vintages", over,
            lambda g, r, q: self.systems[g, r, q] == build.total(alive[g, q], lambda v: self.bought[g, r, v]),
            unit="1", meaning="A system serves its life and no longer.",
        )  # fmt: skip
        self._halls(case, world)
        self._deliveries(case, world)
        self._rules(case, world)
        self._costs(case, world)

    def outlay(self, region: Index, quarter: Index) -> Expression:
        """Return the overnight money spent on systems that enter service in the quarter [million USD]."""
        return self.build.total("accelerator", lambda g: self.price[g, quarter] * self.bought[g, region, quarter])

    def _stand(self, factor: dict[Index, float] | Expression, region: Index, quarter: Index) -> Expression:
        return self.build.total("accelerator", lambda g: factor[g] * self.systems[g, region, quarter])

    def _halls(self, case: Case, world: xr.Dataset) -> None:
        build, campus = self.build, self.campus
        racks = build.parameter(
            "fleet.racks", world["system_racks"], ("accelerator",), symbol="a", unit="1", meaning="racks of a system"
        )
        floor = build.parameter(
            "fleet.hall_racks", case.campus.hall_racks, symbol=r"\overline{a}", unit="1",
            meaning="racks that a hall has floor space for",
        )  # fmt: skip
        water_mw = build.parameter(
            "fleet.water_mw", world["system_mw"] * world["system_liquid"], ("accelerator",), symbol="k^{W}",
            unit="MW", meaning="heat of a system that leaves by water",
        )  # fmt: skip
        air_mw = build.parameter(
            "fleet.air_mw", world["system_mw"] * (1 - world["system_liquid"]), ("accelerator",), symbol="k^{A}",
            unit="MW", meaning="heat of a system that leaves by air",
        )  # fmt: skip
        water = build.parameter(
            "fleet.water_share", case.campus.hall_liquid_share, symbol=r"\sigma^{W}", unit="1",
            meaning="share of a hall's power that its water loops cool",
        )  # fmt: skip
        air = build.parameter(
            "fleet.air_share", case.campus.hall_air_share, symbol=r"\sigma^{A}", unit="1",
            meaning="share of a hall's power that its air handlers cool",
        )  # fmt: skip
        build.constraint(
            "fleet.hall_power", _OVER, lambda r, q: self._stand(self.system_mw, r, q) <= campus.it_mw(r, q),
            unit="MW", meaning="Systems stand in halls, within their power.",
        )  # fmt: skip
        build.constraint(
            "fleet.hall_floor", _OVER, lambda r, q: self._stand(racks, r, q) <= floor * campus.halls[r, q],
            unit="1", meaning="Systems stand in halls, within their floor space.",
        )  # fmt: skip
        build.constraint(
            "fleet.hall_water", _OVER, lambda r, q: self._stand(water_mw, r, q) <= water * campus.it_mw(r, q),
            unit="MW", meaning="The heat that leaves by water is within what the halls' loops take.",
        )  # fmt: skip
        build.constraint(
            "fleet.hall_air", _OVER, lambda r, q: self._stand(air_mw, r, q) <= air * campus.it_mw(r, q),
            unit="MW", meaning="The heat that leaves by air is within what the halls' air handlers take.",
        )  # fmt: skip

    def _deliveries(self, case: Case, world: xr.Dataset) -> None:
        build, over = self.build, ("accelerator", "quarter")
        most = build.parameter(
            "fleet.most", world["deliveries_most"], over, symbol=r"\overline{d}", unit="1",
            meaning="most systems delivered in the quarter",
        )  # fmt: skip
        least = build.parameter(
            "fleet.least", world["deliveries_least"], over, symbol=r"\underline{d}", unit="1",
            meaning="systems that must be taken in the quarter",
        )  # fmt: skip
        self.delivered = build.variable(
            "fleet.delivered", over, symbol="d", unit="1", domain="nonnegative",
            meaning="systems delivered in the quarter",
        )  # fmt: skip
        self.waiting = build.variable(
            "fleet.waiting", over, symbol="s", unit="1", domain="nonnegative",
            meaning="systems that wait through the quarter for a hall",
        )  # fmt: skip
        build.constraint(
            "fleet.deliveries", over, lambda g, q: self.delivered[g, q] <= most[g, q],
            unit="1", meaning="A vendor delivers no more than it can.",
        )  # fmt: skip
        build.constraint(
            "fleet.take_or_pay", over, lambda g, q: self.delivered[g, q] >= least[g, q],
            unit="1", meaning="What was committed to a vendor is taken.", where=lambda g, q: least[g, q] > 0,
        )  # fmt: skip
        build.constraint(
            "fleet.stock", over,
            lambda g, q: self.waiting[g, q] == build.before(self.waiting, g, q) + self.delivered[g, q]
            - build.total("region", lambda r: self.bought[g, r, q]),
            unit="1", meaning="Systems that were delivered enter a hall or wait.",
        )  # fmt: skip

    def _rules(self, case: Case, world: xr.Dataset) -> None:
        build, end = self.build, self.build.last("quarter")
        ratio = build.parameter(
            "fleet.co_siting_ratio", world["co_siting"], ("accelerator", "beside"), symbol=r"\gamma", unit="1",
            meaning="systems of the second that each of the first needs in its region",
        )  # fmt: skip
        build.constraint(
            "fleet.co_siting", ("accelerator", "beside", *_OVER),
            lambda g, h, r, q: self.systems[h, r, q] >= ratio[g, h] * self.systems[g, r, q],
            unit="1", meaning="Systems that need others have them in the same region.",
            where=lambda g, h, r, q: ratio[g, h] > 0,
        )  # fmt: skip
        by_vendor = build.mapping(members_of(world, "accelerator_vendor"), symbol=r"\mathcal{G}")
        least = build.parameter(
            "fleet.vendor_least_share", world["vendor_least"], ("vendor",), symbol=r"\underline{\sigma}", unit="1",
            meaning="least share of a vendor in the IT power at the end",
        )  # fmt: skip
        most = build.parameter(
            "fleet.vendor_most_share", world["vendor_most"], ("vendor",), symbol=r"\overline{\sigma}", unit="1",
            meaning="most share of a vendor in the IT power at the end",
        )  # fmt: skip

        def power(members: object) -> Expression:
            return build.total(
                members, lambda g: self.system_mw[g] * build.total("region", lambda r: self.systems[g, r, end])
            )

        build.constraint(
            "fleet.vendor_most", ("vendor",), lambda u: power(by_vendor[u]) <= most[u] * power("accelerator"),
            unit="MW", meaning="No vendor has more than its share at the end.", where=lambda u: most[u] < 1,
        )  # fmt: skip
        build.constraint(
            "fleet.vendor_least", ("vendor",), lambda u: power(by_vendor[u]) >= least[u] * power("accelerator"),
            unit="MW", meaning="No vendor has less than its share at the end.", where=lambda u: least[u] > 0,
        )  # fmt: skip
        target = build.parameter(
            "fleet.target", world["target"] * case.fleet.filled_share / case.counted_per_it_mw, ("quarter",),
            symbol="T", unit="MW", meaning="IT power of the target that must hold systems",
        )  # fmt: skip
        committed = set(case.committed_quarters)
        build.constraint(
            "fleet.filled", ("quarter",),
            lambda q: build.total("region", lambda r: self._stand(self.system_mw, r, q)) >= target[q],
            unit="MW", meaning="A committed target holds systems, not empty floor.",
            where=lambda q: q in committed and target[q] > 0,
        )  # fmt: skip

    def _costs(self, case: Case, world: xr.Dataset) -> None:
        build = self.build
        weight = build.parameter(
            "fleet.weight", vintage_weights(case, world), ("accelerator", "quarter"), symbol="A^{G}", unit="1",
            meaning="present value per USD of a system's first price, renewals included",
        )  # fmt: skip
        idle = build.parameter(
            "fleet.waiting_cost", waiting_cost(case, world) / USD_PER_MUSD, ("accelerator", "quarter"),
            symbol="K^{I}", unit="million USD",
            meaning="present value of a system that waits through the quarter: payment and fall of its price",
        )  # fmt: skip
        build.cost(
            "fleet.hardware_capex", _OVER,
            lambda r, q: build.total(
                "accelerator", lambda g: weight[g, q] * self.price[g, q] * self.bought[g, r, q]
            ),
            meaning="Systems in the halls.",
        )  # fmt: skip
        build.cost(
            "fleet.idle_hardware", ("accelerator", "quarter"), lambda g, q: idle[g, q] * self.waiting[g, q],
            meaning="Systems that wait for a hall.",
        )  # fmt: skip


def vintages_alive(case: Case, world: xr.Dataset) -> dict[tuple[str, str], list[str]]:
    """Return the quarters whose purchases still serve, by accelerator and quarter."""
    quarters, machines = list(case.quarters), world["accelerator"].values.tolist()
    lives = dict(zip(machines, world["system_life"].values.astype(int).tolist(), strict=True))
    return {(g, q): quarters[max(0, n - lives[g] + 1) : n + 1] for g in machines for n, q in enumerate(quarters)}


def members_of(world: xr.Dataset, attribute: str) -> dict[str, list[str]]:
    """Return the accelerators by vendor or by software."""
    found: dict[str, list[str]] = {}
    for machine, value in zip(world["accelerator"].values.tolist(), world[attribute].values.tolist(), strict=True):
        found.setdefault(value, []).append(machine)
    return found


def vintage_weights(case: Case, world: xr.Dataset) -> xr.DataArray:
    """Return the present value per USD of first price (accelerator, quarter)."""
    rows = [
        system_weights(case, int(life), float(decline))
        for life, decline in zip(world["system_life"].values, world["system_decline"].values, strict=True)
    ]
    return xr.concat(rows, dim=world["accelerator"])
