"""Campuses choose among offers as enumeration does, at thresholds, under calls, and with upgrades."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import linprog

from grid_opt.config import Case
from grid_opt.errors import InfeasibleError
from tests.test_brute_force import cost_of, trajectories
from tests.tiny import objective, solve_tiny, tiny_world
from tests.tiny_fleet import fleet_case, fleet_tiny_world
from tests.tiny_menu import (
    RICH_THRESHOLD,
    Offer,
    firm_everywhere,
    menu_case,
    menu_world,
    rich_offers,
)

QUARTERS = 4
LAST = 3


# --- enumeration: sites x halls by quarter x offers taken x quarter from which a campus is large


def present(case: Case, quarter: int) -> float:
    """Return the worth of one USD paid in the middle of a quarter, counted from 0."""
    return float((1 + case.finance.real_discount_rate) ** -((quarter + 0.5) / 4))


def running(case: Case, quarter: int) -> float:
    """Return the worth of one USD a quarter while a quarter's contracts run: the last one's to the end."""
    end = 4 * (case.horizon.long_run_until_year - 2026 + 1)
    return sum(present(case, n) for n in (range(quarter, end) if quarter == LAST else [quarter]))


def bought_forever(case: Case, quarter: int) -> float:
    """Return the worth of paying one USD of works off in 20 years, from a quarter to the end."""
    d, end = case.finance.real_discount_rate, 4 * (case.horizon.long_run_until_year - 2026 + 1)
    payment = 1 / sum((1 + d) ** (-k / 4) for k in range(int(4 * case.costs.shell_life_years)))
    return payment * sum(present(case, n) for n in range(quarter, end))


def held(case: Case, quarter: int) -> float:
    """Return what a USD posted in a quarter and returned in the next costs; the last comes back at the end."""
    years = case.horizon.long_run_until_year - 2026 + 1
    back = (1 + case.finance.real_discount_rate) ** -years if quarter == LAST else present(case, quarter + 1)
    return present(case, quarter) - float(back)


class Menu:
    """The linear program of one region's contracts, its columns by hand: contract, works, relief, capacity."""

    def __init__(self, case: Case, world: xr.Dataset, r: int) -> None:
        name = str(world["region"].values[r])
        self.case, self.r = case, r
        self.world = {str(one): world[one].values for one in world.variables}
        self.offers = [j for j in range(world.sizes["offer"]) if world["offer_region"].values[j] == name]
        self.k, self.f = len(self.offers), world.sizes["relief"]
        self.width = QUARTERS * (2 * self.k + self.f * self.k + 1)
        self.cost = self._prices()

    def c(self, j: int, q: int) -> int:
        return q * self.k + j

    def a(self, j: int, q: int) -> int:
        return QUARTERS * self.k + q * self.k + j

    def b(self, f: int, j: int, q: int) -> int:
        return 2 * QUARTERS * self.k + (q * self.k + j) * self.f + f

    def m(self, q: int) -> int:
        return self.width - QUARTERS + q

    def value(self, name: str, j: int) -> float:
        return float(self.world[name][self.offers[j]])

    def _prices(self) -> np.ndarray:
        case, world, cost = self.case, self.world, np.zeros(self.width)
        for q, j in itertools.product(range(QUARTERS), range(self.k)):
            cost[self.c(j, q)] = 3 * self.value("offer_rent", j) * running(case, q)
            cost[self.c(j, q)] += self.value("offer_security", j) * held(case, q)
            cost[self.a(j, q)] = self.value("offer_upgrade", j) * bought_forever(case, q)
            for f in range(self.f):
                hours = float(world["call_hours"][f, self.offers[j]])
                yearly = float(world["relief_fixed"][f])
                yearly += hours * float(world["relief_call_cost"][f, self.r])
                cost[self.b(f, j, q)] = yearly / 4 * running(case, q)
        for q in range(QUARTERS):
            charge = world["capacity_charge"][self.r]
            cost[self.m(q)] = charge[0, q] * present(case, q)
            if q == LAST:
                years = range(1, case.horizon.long_run_until_year - 2026 + 1)
                cost[self.m(q)] += sum(charge[1, s] * present(case, 4 * y + s) for y in years for s in range(4))
        return cost / 1e6

    def cheapest(self, run: tuple[int, ...], taken: tuple[bool, ...], large_from: int) -> float:
        """Return the least cost of connecting a run of halls [million USD], infinite where that cannot be."""
        facility = np.array(run) * self.case.campus.hall_mw * float(self.world["pue_peak"][self.r])
        self.rows: list[np.ndarray] = []
        self.right: list[float] = []
        self.upper = np.full(self.width, np.inf)
        for q in range(QUARTERS):
            self._size(q, float(facility[q]), q >= large_from)
            for j in range(self.k):
                self._offer(q, j, run[q] > 0, taken[j], q >= large_from)
            self._relief(q, float(facility[q]))
        for j in range(self.k):
            if taken[j] and self.value("offer_least", j):
                final = int(np.flatnonzero(self.cap(j) > 0)[-1])
                self.at_most({self.c(j, final): -1.0}, -self.value("offer_least", j))
        bounds = [(0, None if u == np.inf else u) for u in self.upper]
        found = linprog(self.cost, A_ub=np.array(self.rows), b_ub=np.array(self.right), bounds=bounds)
        if found.status != 0:
            return float("inf")
        studies = self.world["offer_study"][self.offers]
        paid = sum(taken[j] * studies[j, q] * present(self.case, q) for j in range(self.k) for q in range(QUARTERS))
        return float(found.fun) + float(paid) / 1e6

    def at_most(self, terms: dict[int, float], limit: float) -> None:
        row = np.zeros(self.width)
        for at, value in terms.items():
            row[at] += value
        self.rows.append(row)
        self.right.append(limit)

    def cap(self, j: int) -> np.ndarray:
        found: np.ndarray = self.world["offer_cap"][self.offers[j]]
        return found

    def _size(self, q: int, facility: float, large: bool) -> None:
        """Cover the load, stay within headroom, and keep to the side of the threshold."""
        every, ahead = range(self.k), [self.value("offer_ahead", j) for j in range(self.k)]
        self.at_most({self.c(j, q): -1.0 for j in every}, -facility)
        for n in range(3):
            mine = [j for j in every if self.value("offer_on_headroom", j) and ahead[j] <= n]
            if any(ahead[j] == n for j in mine):
                later = float(self.world["headroom"][self.r, min(q + n, LAST)])
                self.at_most({self.c(j, q): 1.0 for j in mine}, later * (facility > 0))
        threshold = float(self.world["region_threshold"][self.r])
        kinds = [str(self.world["offer_kind"][j]) for j in self.offers]
        counted = [j for j in every if kinds[j] not in ("lease", "behind_the_meter")]
        if large:
            self.at_most({self.c(j, q): -1.0 for j in counted}, -threshold)
        elif any(self.value("offer_regime", j) < 0 for j in every):
            self.at_most({self.c(j, q): 1.0 for j in counted}, (threshold - 0.1) * (facility > 0))

    def _offer(self, q: int, j: int, here: bool, taken: bool, large: bool) -> None:
        """Keep to the terms of one offer."""
        regime = self.value("offer_regime", j)
        closed = not taken or (regime < 0 and large) or (regime > 0 and not large)
        self.upper[self.c(j, q)] = 0.0 if closed else self.cap(j)[q] * here
        before = {self.c(j, q - 1): -1.0} if q else {}
        self.at_most({self.c(j, q): 1.0, self.a(j, q): -1.0, **before}, 0.0)
        if q and self.value("offer_lasting", j) and self.cap(j)[q] > 0:
            self.at_most({self.c(j, q): -1.0, self.c(j, q - 1): 1.0}, 0.0)
        may, kinds = 1 - self.value("offer_firm", j), range(self.f)
        self.at_most({self.c(j, q): may, **{self.b(f, j, q): -1.0 for f in kinds}}, 0.0)
        budget = 8760 * self.case.connection.max_curtailment_fraction_of_energy
        hours = [float(self.world["call_hours"][f, self.offers[j]]) for f in kinds]
        self.at_most({self.c(j, q): -budget, **{self.b(f, j, q): hours[f] for f in kinds}}, 0.0)
        for f in kinds:
            fits = self.world["relief_fits"][f, self.offers[j], q] and may > 0
            self.upper[self.b(f, j, q)] = np.inf if fits else 0.0

    def _relief(self, q: int, facility: float) -> None:
        """Shed no more than may be, and buy capacity for what nothing else covers."""
        share = self.case.flexibility.max_curtailment_fraction * self.case.demand.utilization_fraction
        self.at_most({self.b(0, j, q): 1.0 for j in range(self.k)}, share * facility)
        cover = {self.c(j, q): -self.value("offer_own_supply", j) for j in range(self.k)}
        for f, j in itertools.product(range(self.f), range(self.k)):
            cover[self.b(f, j, q)] = -float(self.world["relief_accredited"][f])
        self.at_most({self.m(q): -1.0, **cover}, -facility)

    def choices(self) -> Iterator[tuple[tuple[bool, ...], int]]:
        """Yield which offers are taken, and from which quarter on the campus is large (4: never)."""
        studies = self.world["offer_study"][self.offers]
        options = [
            (False, True) if self.value("offer_least", j) or studies[j].any() else (True,) for j in range(self.k)
        ]
        regimes = [self.value("offer_regime", j) for j in range(self.k)]
        for taken in itertools.product(*options):
            grows = any(on and regime > 0 for on, regime in zip(taken, regimes, strict=True))
            yield from ((taken, size) for size in (range(QUARTERS + 1) if grows else [QUARTERS]))


def brute_force(case: Case, world: xr.Dataset) -> float:
    """Return the least cost over every combination of build-outs and offers that meets the targets."""
    free = world.assign(headroom=xr.full_like(world["headroom"], 1e6), capacity_charge=0 * world["capacity_charge"])
    lists = []
    for r in range(world.sizes["region"]):
        menu, best = Menu(case, world, r), []
        for run in trajectories(case, free, r):
            connect = min(menu.cheapest(run, *choice) for choice in menu.choices()) if any(run) else 0.0
            best.append((run, cost_of(case, free, r, run) + connect))
        lists.append([one for one in best if np.isfinite(one[1])])
    target, final = world["target"].values, float("inf")
    for plan in itertools.product(*lists):
        built = np.sum([run for run, _ in plan], axis=0) * case.campus.hall_mw
        if (built >= target - 1e-9).all() and sum(any(run) for run, _ in plan) <= case.campus.max_sites:
            final = min(final, sum(cost for _, cost in plan))
    return final


CASES = {
    "plain": menu_case(),
    "no calls": menu_case(connection={"max_curtailment_fraction_of_energy": 0.0}),
    "few calls": menu_case(connection={"max_curtailment_fraction_of_energy": 0.0025}),
    "dear compute": menu_case(flexibility={"value_of_lost_compute_usd_per_mwh": 90000.0}),
    "nothing to shed": menu_case(flexibility={"max_curtailment_fraction": 0.0}),
}
SEEDS = (1, 3)


def rich_world(case: Case, seed: int) -> xr.Dataset:
    world = tiny_world(case, regions=3, seed=seed)
    world["site_lead_quarters"] = xr.full_like(world["site_lead_quarters"], 4.0)
    return menu_world(case, rich_offers(), world, RICH_THRESHOLD)


@functools.cache
def best_of(name: str, seed: int) -> float:
    return brute_force(CASES[name], rich_world(CASES[name], seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CASES)
def test_optimum_equals_enumeration_over_offers_sites_and_quarters(name: str, seed: int) -> None:
    case = CASES[name]
    world = rich_world(case, seed)
    expected = best_of(name, seed)
    if np.isinf(expected):
        with pytest.raises(InfeasibleError):
            objective(case, world)
    else:
        assert objective(case, world) == pytest.approx(expected, abs=1e-8)  # a cent in million USD


def test_every_rule_bites_somewhere() -> None:
    best = {name: [best_of(name, seed) for seed in SEEDS] for name in CASES}
    for name in set(CASES) - {"plain"}:
        assert best[name] != best["plain"], name


# --- a threshold


def at_the_threshold(security: float) -> xr.Dataset:
    """Ask for 76 MW where rules change at 75 MW: a campus from there on posts security; another region is dearer."""
    case = menu_case(
        demand={"targets_mw": {"2026Q4": 76.0}},
        campus={"hall_mw": 0.1, "min_campus_mw": 0.1, "max_campus_mw": 200.0, "max_halls_per_quarter": 1000},
    )
    world = tiny_world(case, regions=2, seed=1)
    for name in ("pue", "pue_stress", "pue_peak", "construction_multiplier"):
        world[name] = xr.full_like(world[name], 1.0)
    for name, value in {"headroom": 500.0, "site_lead_quarters": 4.0, "delivery_demand_charge": 5e3}.items():
        world[name] = xr.full_like(world[name], value)
    world["price"] = xr.full_like(world["price"], 1.0) * xr.DataArray([30.0, 60.0], dims="region")
    world["capacity_charge"] = xr.zeros_like(world["capacity_charge"])
    cap = (500.0,) * 4
    offers = [
        Offer("below", "Z0", cap=(74.9,) * 4, regime=-1.0),
        Offer("from", "Z0", cap=cap, regime=1.0, security=security),
        Offer("firm", "Z1", cap=cap),
    ]
    return solve_tiny(case, menu_world(case, offers, world, {"Z0": 75.0})).plan


def test_a_site_of_76_mw_becomes_one_of_74_9_where_the_regime_above_costs_more_than_the_last_mw() -> None:
    cheap, dear = at_the_threshold(security=1e4), at_the_threshold(security=3e6)
    there = {"region": "Z0", "quarter": "2026Q4"}
    assert float(cheap["halls"].sel(there)) * 0.1 == pytest.approx(76.0)
    assert float(cheap["large"].sel(there)) == 1.0
    assert float(dear["halls"].sel(there)) * 0.1 == pytest.approx(74.9)
    assert float(dear["large"].sel(there)) == 0.0
    assert float(dear["halls"].sel(region="Z1", quarter="2026Q4")) * 0.1 == pytest.approx(1.1)
    extra = float(cheap["cost_security"].sum()) / 1e6
    assert dear.attrs["objective"] - (cheap.attrs["objective"] - extra) > extra  # staying below was dearer than that


# --- calls bring energisation forward


def energised(case: Case, world: xr.Dataset) -> tuple[str | None, float]:
    plan = solve_fleet(case, world)
    open_ = plan["site"].sel(region="Z0").values > 0.5
    return (str(plan["quarter"].values[int(open_.argmax())]) if open_.any() else None, float(plan.attrs["objective"]))


def solve_fleet(case: Case, world: xr.Dataset) -> xr.Dataset:
    from grid_opt.study import plan_case as module
    from grid_opt.study.progress import Log

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "definition_texts", lambda case, here: {})
        return module.plan_case(case, world, {"tiny": "0"}, Log(None)).plan


@pytest.mark.parametrize(("hours", "brought"), [(87.0, 2), (90.0, 0)])
def test_one_per_cent_of_calls_brings_energisation_forward_exactly_where_the_menu_says_so(
    hours: float, brought: int
) -> None:
    found = []
    for allowed in (0.0, 0.01):
        case = fleet_case(
            connection={"menu": True, "max_curtailment_fraction_of_energy": allowed},
            flexibility={"max_curtailment_fraction": 0.25},
        )
        world = fleet_tiny_world(
            case, regions=1, class_worth=np.full((2, 1), 400.0), deliveries_most=np.full((2, 4), 3.0),
            stream_demand=np.full((2, 4, 1), 5e6),
        )  # fmt: skip
        world["headroom"] = xr.zeros_like(world["headroom"])
        world["headroom"][:, 3] = 40.0
        soon = Offer("soon", "Z0", ahead=2.0, firm=0.0, hours=hours, hours_own=hours)
        found.append(energised(case, menu_world(case, [*firm_everywhere(world), soon], world)))
    (late, dear), (early, cheap) = found
    assert late == "2026Q4"
    assert early == f"2026Q{4 - brought}"
    assert (cheap < dear - 1.0) == (brought > 0)  # a million USD at the least


def test_protected_classes_are_never_shed() -> None:
    """Where all work is protected, only battery and engine stand behind calls, whatever compute may be turned down."""
    shed = []
    for protected in (np.array([1.0, 1.0]), np.array([0.0, 0.0])):
        case = fleet_case(connection={"menu": True}, flexibility={"max_curtailment_fraction": 0.25})
        world = fleet_tiny_world(
            case, regions=1, class_worth=np.full((2, 1), 400.0), class_protected=protected,
            deliveries_most=np.full((2, 4), 3.0), stream_demand=np.full((2, 4, 1), 5e6),
        )  # fmt: skip
        world["headroom"][:] = np.array([[0.0, 0.0, 0.0, 40.0]])
        soon = Offer("soon", "Z0", ahead=2.0, firm=0.0, hours=80.0, hours_own=80.0)
        plan = solve_fleet(case, menu_world(case, [*firm_everywhere(world), soon], world))
        assert float(plan["backing"].sum()) > 0
        shed.append(float(plan["backing"].sel(relief="compute").sum()))
    assert shed[0] == pytest.approx(0.0, abs=1e-6)
    assert shed[1] > 0.1


# --- upgrades


def test_an_upgrade_is_built_where_it_pays_and_paid_once_for_all_offers() -> None:
    case = menu_case(
        connection={"upgrades": True},
        demand={"targets_mw": {"2026Q4": 40.0}},
        campus={"max_campus_mw": 40.0, "max_halls_per_quarter": 4},
    )
    built = []
    for cost in (1e6, 5e9):
        world = tiny_world(case, regions=2, seed=1)
        for name in ("pue", "pue_stress", "pue_peak", "construction_multiplier"):
            world[name] = xr.full_like(world[name], 1.0)
        same = {"headroom": 30.0, "site_lead_quarters": 4.0, "price": 40.0, "capacity_charge": 0.0}
        for name, value in (same | {"delivery_demand_charge": 5e3}).items():
            world[name] = xr.full_like(world[name], value)
        offers = [
            *firm_everywhere(world),
            Offer("twin", "Z0", cap=(15.0,) * 4),
        ]
        upgrades = {
            "upgrade": ["station"], "upgrade_target": ["region"], "upgrade_place": ["Z0"], "upgrade_forward": [30.0],
            "upgrade_reverse": [0.0], "upgrade_cost": [cost], "upgrade_ready": [[0.0, 1.0, 1.0, 1.0]],
        }  # fmt: skip
        plan = solve_tiny(case, menu_world(case, offers, world, upgrades=upgrades)).plan
        built.append(float(plan["built"].max()))
        assert float(plan["cost_upgrade_cost"].sum()) <= built[-1] * cost
        assert (float(plan["halls"].sel(region="Z0").max()) == 4.0) == (built[-1] == 1.0)
    assert built == [1.0, 0.0]
