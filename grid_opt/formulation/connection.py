"""Keep every campus within the MW that its contracts for grid service give it by then."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from grid_opt.config import Case
from grid_opt.finance import discount_factor, quarter_discount_factor
from grid_opt.formulation.block import Builder, Expression, Index
from grid_opt.formulation.calendar import capital_weights, quarters_to_horizon_end, standing_weights
from grid_opt.formulation.campus import Campus
from grid_opt.formulation.offer_sets import (
    counted,
    final_quarter,
    has_choice,
    may_be_large,
    members,
    most_counted,
    named,
    numbers,
    on_headroom,
)
from grid_opt.formulation.upgrades import Upgrades
from grid_opt.inputs.offers import BELOW_MW
from grid_opt.units import MONTHS_PER_QUARTER, QUARTERS_PER_YEAR, USD_PER_MUSD

_AT, _DATED, _OVER = ("offer",), ("offer", "quarter"), ("region", "quarter")


class Headroom:
    """Bound the facility load of a campus at its design day by the dated hosting headroom of its region.

    This is all that limits a campus in a case without a menu of offers. The headroom multiplies ``site``, not 1: with
    whole halls this is valid, and it is what keeps a campus in the linear relaxation from opening by a sliver.
    """

    def __init__(self, build: Builder, world: xr.Dataset, campus: Campus) -> None:
        pue, self.headroom, self.campus = peak_pue(build, world), dated_headroom(build, world), campus
        build.constraint(
            "connection.headroom", _OVER,
            lambda r, q: pue[r] * campus.it_mw(r, q) <= self.contracted(r, q),
            unit="MW", meaning="The campus at its design day stays within the dated headroom of its region.",
        )  # fmt: skip

    def contracted(self, region: Index, quarter: Index) -> Expression:
        """Return the MW that the campus may draw: all the headroom of its region."""
        return self.headroom[region, quarter] * self.campus.site[region, quarter]


class Connection:
    r"""Choose, among dated offers of grid service, the MW that each campus contracts.

    An offer either draws on the headroom of its region, :math:`H`, which all such offers share, or has MW of its own.
    One that is *ahead* opens headroom of later quarters, at the price of being called: what is firm stays within the
    headroom of its time, and all together within that of later. Headroom and own MW multiply ``site``, not 1: that is
    valid with whole halls, and keeps a campus in the linear relaxation from opening by a sliver. Where the rules change
    at a size, ``large`` says on which side of it the campus is; offers for the other side are closed.

    Costs: the study once; works per kW when contracted; rent while contracted; and the time value of the security,
    which is posted when MW are contracted and returned when they are handed back, at the latest at the end.
    A case without a menu (``connection.menu``) has the row ``connection.headroom`` alone, with the load of the campus
    on its left and no upgrades.
    """

    def __init__(
        self, build: Builder, case: Case, world: xr.Dataset, campus: Campus, upgrades: Upgrades | None = None
    ) -> None:
        self.build, self.campus, self.upgrades = build, campus, upgrades
        self.region_of = build.mapping(named(world, "offer_region"), symbol="r")
        self.offers_at = build.mapping(members(world), symbol=r"\mathcal{J}")
        self.cap = build.parameter(
            "connection.cap", world["offer_cap"], _DATED, symbol=r"\overline{C}", unit="MW",
            meaning="most MW under the offer through the quarter",
        )  # fmt: skip
        self.contract = build.variable(
            "connection.contract", _DATED, symbol="C", unit="MW", domain="nonnegative",
            bounds=lambda j, q: (0, self.cap[j, q]), meaning="MW under contract through the quarter",
        )  # fmt: skip
        pue = peak_pue(build, world)
        build.constraint(
            "connection.load", _OVER,
            lambda r, q: pue[r] * campus.it_mw(r, q) <= self.contracted(r, q),
            unit="MW", meaning="The campus at its design day stays within its contracts.",
        )  # fmt: skip
        self._headroom(world)
        self._own(world)
        self._threshold(world)
        self._lasting(case, world)
        self._costs(case, world)

    def contracted(self, region: Index, quarter: Index) -> Expression:
        """Return the MW that the campus has under contract."""
        return self.build.total(self.offers_at[region], lambda j: self.contract[j, quarter])

    def counted_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the MW contracted with the grid, without leases and supply beside the meter."""
        return self.build.total(self.counted_at[region], lambda j: self.contract[j, quarter])

    def outlay(self, region: Index, quarter: Index) -> Expression:
        """Return the overnight money spent on works for new contracts in the quarter [million USD]."""
        return self.build.total(self.works_at[region], lambda j: self.works[j] * self.added[j, quarter])

    def _widened(self, region: Index, quarter: Index) -> Expression:
        return 0.0 if self.upgrades is None else self.upgrades.headroom_mw(region, quarter)

    def _may_widen(self, world: xr.Dataset) -> dict[str, bool]:
        """Return which offers are in a region whose headroom upgrades may widen."""
        regions = {} if self.upgrades is None else self.upgrades.on_region
        return {j: bool(regions.get(r)) for j, r in named(world, "offer_region").items()}

    def _headroom(self, world: xr.Dataset) -> None:
        build, site = self.build, self.campus.site
        now, ahead = on_headroom(world)
        firm_at = build.mapping(now, symbol=r"\mathcal{J}^{0}")
        ahead_at = build.mapping(ahead, symbol=r"\mathcal{J}^{H}")
        headroom = dated_headroom(build, world)
        later = build.parameter(
            "connection.later_headroom", world["hosting"], ("region", "ahead", "quarter"), symbol="H^{+}", unit="MW",
            meaning="facility load that the grid connects so many quarters later",
        )  # fmt: skip
        build.constraint(
            "connection.headroom", _OVER,
            lambda r, q: build.total(firm_at[r], lambda j: self.contract[j, q])
            <= headroom[r, q] * site[r, q] + self._widened(r, q),
            unit="MW", meaning="Contracts on the headroom of their time stay within it.",
            where=lambda r, q: bool(now[r]),
        )  # fmt: skip
        build.constraint(
            "connection.ahead", ("region", "ahead", "quarter"),
            lambda r, n, q: build.total(ahead_at[r, n], lambda j: self.contract[j, q])
            <= later[r, n, q] * site[r, q] + self._widened(r, q),
            unit="MW", meaning="With those that are ahead of their time, they stay within the headroom of later.",
            where=lambda r, n, q: n > 0 and bool(ahead[r, n]),
        )  # fmt: skip

    def _own(self, world: xr.Dataset) -> None:
        build = self.build
        shared, regime = numbers(world, "offer_on_headroom"), numbers(world, "offer_regime")
        widened = self._may_widen(world)
        choice = has_choice(world)
        may = build.parameter(
            "connection.may_take", choice, _AT, symbol=r"\overline{u}", unit="1",
            meaning="1 where an offer has a study or a least size, so that taking it is a decision of its own",
        )  # fmt: skip
        self.taken = build.variable(
            "connection.taken", _AT, symbol="u", unit="1", domain="binary",
            bounds=lambda j: (0, may[j]),
            meaning="1 where an offer with a study or a least size is taken",
        )  # fmt: skip
        least = build.parameter(
            "connection.least", world["offer_least"], _AT, symbol=r"\underline{C}", unit="MW",
            meaning="least MW by the end of the offer",
        )  # fmt: skip
        final = build.mapping(final_quarter(world), symbol="q")
        build.constraint(
            "connection.open", _DATED,
            lambda j, q: self.contract[j, q] <= self.cap[j, q] * self.campus.site[self.region_of[j], q],
            unit="MW", meaning="Only an open campus contracts anything.",
            where=lambda j, q: regime[j] == 0 and (shared[j] == 0 or widened[j]),  # headroom says so by itself
        )  # fmt: skip
        build.constraint(
            "connection.take", _DATED, lambda j, q: self.contract[j, q] <= self.cap[j, q] * self.taken[j],
            unit="MW", meaning="Nothing is contracted under an offer that is not taken.",
            where=lambda j, q: choice[j] > 0,
        )  # fmt: skip
        build.constraint(
            "connection.least_size", _AT, lambda j: self.contract[j, final[j]] >= least[j] * self.taken[j],
            unit="MW", meaning="An offer that is taken reaches its least size.", where=lambda j: least[j] > 0,
        )  # fmt: skip

    def _threshold(self, world: xr.Dataset) -> None:
        build, site, contract = self.build, self.campus.site, self.contract
        regime, open_ = numbers(world, "offer_regime"), may_be_large(world)
        may = build.parameter(
            "connection.may_be_large", open_, _OVER, symbol=r"\overline{z}", unit="1",
            meaning="1 where an offer is open to a campus of that size",
        )  # fmt: skip
        counted_at = self.counted_at = build.mapping(members(world, counted(world)), symbol=r"\mathcal{J}^{T}")
        threshold = build.parameter(
            "connection.threshold", world["region_threshold"], ("region",), symbol=r"\tau", unit="MW",
            meaning="size of a campus at which the rules change",
        )  # fmt: skip
        below_mw = world["region_threshold"] - BELOW_MW
        small = build.parameter(
            "connection.small", below_mw, ("region",), symbol=r"\tau^{-}", unit="MW",
            meaning="largest campus below the threshold",
        )  # fmt: skip
        beyond = build.parameter(
            "connection.beyond", most_counted(world) - below_mw, _OVER,
            symbol=r"\overline{\tau}", unit="MW", meaning="by how much all counted offers exceed that",
        )  # fmt: skip
        self.large = build.variable(
            "connection.large", _OVER, symbol="z", unit="1", domain="binary",
            bounds=lambda r, q: (0, may[r, q]), meaning="1 where the campus is of the threshold's size or larger",
        )  # fmt: skip
        has_below = {r: any(regime[j] < 0 for j in mine) for r, mine in members(world).items()}
        build.constraint(
            "connection.small_offer", _DATED,
            lambda j, q: contract[j, q]
            <= self.cap[j, q] * (site[self.region_of[j], q] - self.large[self.region_of[j], q]),
            unit="MW", meaning="Offers for small campuses are closed to large ones.", where=lambda j, q: regime[j] < 0,
        )  # fmt: skip
        build.constraint(
            "connection.large_offer", _DATED,
            lambda j, q: contract[j, q] <= self.cap[j, q] * self.large[self.region_of[j], q],
            unit="MW", meaning="Offers for large campuses are closed to small ones.", where=lambda j, q: regime[j] > 0,
        )  # fmt: skip
        build.constraint(
            "connection.stay_small", _OVER,
            lambda r, q: build.total(counted_at[r], lambda j: contract[j, q])
            <= small[r] * site[r, q] + beyond[r, q] * self.large[r, q],
            unit="MW", meaning="A small campus contracts less than the threshold.", where=lambda r, q: has_below[r],
        )  # fmt: skip
        build.constraint(
            "connection.be_large", _OVER,
            lambda r, q: build.total(counted_at[r], lambda j: contract[j, q]) >= threshold[r] * self.large[r, q],
            unit="MW", meaning="A large campus contracts at least the threshold.", where=lambda r, q: open_[r, q] > 0,
        )  # fmt: skip
        build.constraint(
            "connection.large_open", _OVER, lambda r, q: self.large[r, q] <= site[r, q],
            unit="1", meaning="Only an open campus is large.", where=lambda r, q: open_[r, q] > 0,
        )  # fmt: skip
        build.constraint(
            "connection.large_lasts", _OVER, lambda r, q: self.large[r, q] >= build.before(self.large, r, q),
            unit="1", meaning="A campus that is large stays large.", where=lambda r, q: open_[r, q] > 0,
        )  # fmt: skip

    def _lasting(self, case: Case, world: xr.Dataset) -> None:
        build = self.build
        cap = world["offer_cap"].to_series().to_dict()
        stays, works = numbers(world, "offer_lasting"), numbers(world, "offer_upgrade")
        build.constraint(
            "connection.lasting", _DATED,
            lambda j, q: self.contract[j, q] >= build.before(self.contract, j, q),
            unit="MW", meaning="What is contracted for good stays until the offer ends.",
            where=lambda j, q: stays[j] > 0 and cap[j, q] > 0 and q != case.quarters[0],
        )  # fmt: skip
        self.added = build.variable(
            "connection.added", _DATED, symbol=r"\Delta C", unit="MW", domain="nonnegative",
            meaning="MW for which works are paid in the quarter",
        )  # fmt: skip
        build.constraint(
            "connection.additions", _DATED,
            lambda j, q: self.added[j, q] >= self.contract[j, q] - build.before(self.contract, j, q),
            unit="MW", meaning="Works are paid for every MW that is contracted anew.", where=lambda j, q: works[j] > 0,
        )  # fmt: skip

    def _costs(self, case: Case, world: xr.Dataset) -> None:
        build, at = self.build, self.offers_at
        self.works_at = build.mapping(members(world, numbers(world, "offer_upgrade")), symbol=r"\mathcal{J}^{W}")
        money = {
            "study": ("offer_study", _DATED, "K^{Q}", "million USD", "study, in the first quarter of the offer"),
            "works": ("offer_upgrade", _AT, "K^{W}", "million USD/MW", "works for a MW that is contracted"),
            "bond": ("offer_security", _AT, "K^{S}", "million USD/MW", "security for a MW under contract"),
            "rate": ("offer_rent", _AT, "K^{R}", "million USD/MW", "rent for three months"),
        }  # fmt: skip
        of = {
            name: build.parameter(
                f"connection.{name}", world[array] * (MONTHS_PER_QUARTER if name == "rate" else 1) / USD_PER_MUSD,
                dims, symbol=symbol, unit=unit, meaning=meaning,
            )
            for name, (array, dims, symbol, unit, meaning) in money.items()
        }  # fmt: skip
        self.works = of["works"]
        life = capital_weights(case, case.costs.shell_life_years)
        weights = {
            "paid": (payment_weights(case), "D", "present value of one USD paid in the quarter"),
            "works_weight": (life, "A^{W}", "present value of one USD of works"),
            "standing": (standing_weights(case), "W^{S}", "present value of one USD in every quarter that it runs"),
            "held": (holding_weights(case), "W^{H}", "time value of one USD held through the quarter"),
        }  # fmt: skip
        per = {
            name: build.parameter(f"connection.{name}", array, ("quarter",), symbol=symbol, unit="1", meaning=meaning)
            for name, (array, symbol, meaning) in weights.items()
        }
        build.cost(
            "connection.study_cost", _OVER,
            lambda r, q: build.total(at[r], lambda j: per["paid"][q] * of["study"][j, q] * self.taken[j]),
            meaning="Studies for connections.",
        )  # fmt: skip
        build.cost(
            "connection.works_cost", _OVER,
            lambda r, q: build.total(
                self.works_at[r], lambda j: per["works_weight"][q] * self.works[j] * self.added[j, q]
            ),
            meaning="Works of the grid paid by the kW contracted.",
        )  # fmt: skip
        build.cost(
            "connection.security", _OVER,
            lambda r, q: build.total(at[r], lambda j: per["held"][q] * of["bond"][j] * self.contract[j, q]),
            meaning="Time value of the security posted.",
        )  # fmt: skip
        build.cost(
            "connection.rent", _OVER,
            lambda r, q: build.total(at[r], lambda j: per["standing"][q] * of["rate"][j] * self.contract[j, q]),
            meaning="Rent of leases and of supply beside the meter.",
        )  # fmt: skip


def peak_pue(build: Builder, world: xr.Dataset) -> Mapping[Index, Expression]:
    """Declare the PUE that connections are made for."""
    found: Mapping[Index, Expression] = build.parameter(
        "connection.pue_peak", world["pue_peak"], ("region",), symbol=r"\hat\eta", unit="1",
        meaning="facility power per IT power on the design day",
    )  # fmt: skip
    return found


def dated_headroom(build: Builder, world: xr.Dataset) -> Mapping[Index, Expression]:
    """Declare the headroom."""
    found: Mapping[Index, Expression] = build.parameter(
        "connection.hosting", world["headroom"], _OVER, symbol="H", unit="MW",
        meaning="facility load that the grid connects by the quarter",
    )  # fmt: skip
    return found


def _by_quarter(case: Case, values: list[float]) -> xr.DataArray:
    return xr.DataArray(values, coords={"quarter": list(case.quarters)}, dims=("quarter",))


def payment_weights(case: Case) -> xr.DataArray:
    """Return the present value of one USD paid in the quarter."""
    rate = case.finance.real_discount_rate
    return _by_quarter(case, [quarter_discount_factor(rate, n) for n in range(len(case.quarters))])


def holding_weights(case: Case) -> xr.DataArray:
    """Return what holding one USD through a quarter costs: what it is worth then, less what it is a quarter later.

    After the last quarter it is held to the end of the horizon.
    """
    rate, count = case.finance.real_discount_rate, len(case.quarters)
    worth = [quarter_discount_factor(rate, n) for n in range(count)]
    worth.append(discount_factor(rate, quarters_to_horizon_end(case) / QUARTERS_PER_YEAR))
    return _by_quarter(case, [worth[n] - worth[n + 1] for n in range(count)])
