"""Write what a tariff bills in each month of a plan, for every quarter in which service may start and every size.

A quantity is the highest of its rows, and a row is linear in what the plan decides: the load of a month's declared peak
day, the load at declared peak hours, the contract demand, and the campus being open. Which rows hold may depend on when
service started (ramps of a minimum take, history of peaks, years of a collateral) and on the size of the contract
(schedules). Both are compiled case by case with :mod:`grid_opt.tariffs.compile`, so that a model and a bill cannot
differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from grid_opt.config import Case
from grid_opt.errors import InputError
from grid_opt.tariffs.cash import exit_terms
from grid_opt.tariffs.charges import peak_hour
from grid_opt.tariffs.clock import Calendar
from grid_opt.tariffs.compile import compile_terms
from grid_opt.tariffs.context import Context
from grid_opt.tariffs.months import MONTHS_PER_YEAR, delivery_year, month_text, year_of
from grid_opt.tariffs.operating import PEAK_HOURS, Layout, Slices, operating_calendar
from grid_opt.tariffs.periods import HOURS, Block, one_rate
from grid_opt.tariffs.schema import Tariff
from grid_opt.tariffs.setting import Setting
from grid_opt.tariffs.terms import Highest, LeastBill, Linear, Term, Terms
from grid_opt.units import KW_PER_MW, MONTHS_PER_QUARTER, QUARTERS_PER_YEAR

Key = tuple[int, str, str, str]
"""Running number of the month, kind, charge, and part of a charge."""
Combo = tuple[int, int]
"""Number of the quarter in which service starts, and level of size: how many size limits the contract reaches."""
Capacity = Mapping[tuple[str, str], float]

METERED = ("energy", "indexed", "rider")
BOOKED = {
    "energy": "energy", "indexed": "energy", "rider": "rider", "demand": "delivery", "coincident": "delivery",
    "fixed": "delivery", "minimum_bill": "delivery", "capacity": "capacity", "collateral": "collateral",
    "exit_fee": "collateral",
}  # fmt: skip
"""Cost term that each kind of charge is booked under."""
_THIN = Slices(np.arange(1, 5), np.full(4, 12), np.array([2160.0, 2184.0, 2208.0, 2208.0]))


@dataclass(frozen=True)
class Row:
    """A sum: shares of peak days, of loads at peak hours, of contracts, each by quarter; and a constant while open."""

    day: tuple[tuple[str, int, float], ...] = ()
    """(quarter, month 0 to 11, share) of the load of a declared peak day."""
    peak: tuple[tuple[str, int, float], ...] = ()
    """The same of the load at declared peak hours."""
    contract: tuple[tuple[str, float], ...] = ()
    constant: float = 0.0
    """[MW, or 1], where the campus is open."""


@dataclass(frozen=True)
class Charge:
    """What is billed in one case: the highest of rows, at the rates of tiers."""

    rows: tuple[Row, ...]
    blocks: tuple[Block, ...]
    single: bool
    """Whether it is one sum, and no highest of several."""


@dataclass(frozen=True)
class Metered:
    """Energy of a month: hours of every slice, and the rate, or multiplier of the price and adder."""

    hours: tuple[float, ...]
    blocks: tuple[Block, ...]
    multiplier: float = 0.0


@dataclass(frozen=True)
class Horizon:
    """Quarters and years of a plan, as tariffs see them."""

    case: Case

    @cached_property
    def stands_for(self) -> tuple[tuple[int, int], ...]:
        """Every calendar year with the number of the operating year that stands for it."""
        return tuple((y, n) for n, a in enumerate(self.case.years) for y in self.case.represented_years(a))

    @cached_property
    def _number(self) -> dict[int, int]:
        return dict(self.stands_for)

    @cached_property
    def months(self) -> range:
        """Running numbers of all months."""
        years = [y for y, _ in self.stands_for]
        return range(MONTHS_PER_YEAR * years[0], MONTHS_PER_YEAR * (years[-1] + 1))

    def operating(self, month: int) -> int:
        """Return the number of the operating year of a month; after the horizon that of its end."""
        return self._number.get(year_of(month), self.stands_for[-1][1])

    def quarter(self, month: int) -> str:
        """Return the quarter whose capacity runs in a month."""
        return self._quarters[self.operating(month), month % MONTHS_PER_YEAR]

    def quarter_at(self, number: int, month_of_year: int) -> str:
        """Return the quarter whose capacity runs in a month (0 to 11) of an operating year by its number."""
        return self._quarters[number, month_of_year]

    @cached_property
    def _quarters(self) -> dict[tuple[int, int], str]:
        case = self.case
        return {
            (n, m): case.capacity_quarter(a, m // MONTHS_PER_QUARTER + 1)
            for n, a in enumerate(case.years)
            for m in range(MONTHS_PER_YEAR)
        }

    @cached_property
    def starts(self) -> list[int]:
        """First months of the quarters in which service may start."""
        return [MONTHS_PER_YEAR * int(q[:4]) + MONTHS_PER_QUARTER * (int(q[5]) - 1) for q in self.case.quarters]

    def possible(self, month: int) -> list[int]:
        """Return the numbers of the quarters from which on service may have been by a month."""
        return [n for n, first in enumerate(self.starts) if first <= month]

    def worth(self, month: int) -> float:
        """Return the present value of one USD paid in the calendar quarter of a month, in its middle."""
        quarter = (month - self.months[0]) // MONTHS_PER_QUARTER
        return float((1 + self.case.finance.real_discount_rate) ** (-(quarter + 0.5) / QUARTERS_PER_YEAR))

    @property
    def worth_at_end(self) -> float:
        """Return the present value of one USD paid when the horizon ends."""
        years = len(self.months) / MONTHS_PER_YEAR
        return float((1 + self.case.finance.real_discount_rate) ** -years)

    def holding(self, month: int) -> float:
        """Return what holding one USD through a third of the month's quarter costs: its worth less that later."""
        later = month + MONTHS_PER_QUARTER
        after = self.worth(later) if later in self.months else self.worth_at_end
        return (self.worth(month) - after) / MONTHS_PER_QUARTER


def limits_of(tariff: Tariff) -> list[float]:
    """Return the contract demands at which another schedule begins [MW]."""
    ends = {s.from_mw for s in tariff.schedules.values()} | {s.most_mw for s in tariff.schedules.values()}
    return sorted(end for end in ends if 0 < end < np.inf)


def prices_known(tariff: Tariff, horizon: Horizon, known: Capacity) -> dict[tuple[str, str], float]:
    """Fill the capacity prices: a delivery year that nobody has priced keeps the nearest of its zone or tariff."""
    found = dict(known)
    wanted = sorted({delivery_year(month) for month in horizon.months})
    for schedule in tariff.schedules.values():
        for charge in schedule.capacity.values():
            mine = {y: p for (z, y), p in known.items() if z == charge.zone} | dict(charge.usd_per_mw_day)
            for year in wanted if mine else ():
                nearest = min(mine, key=lambda y: (abs(int(y[:4]) - int(year[:4])), y))
                found.setdefault((charge.zone, year), mine[nearest])
    return found


def _key(term: Term) -> Key:
    """Return what tells a term from all others: fees of leaving have one for every share of the contract due."""
    exit_share = f", {term.quantity.contract:g} of the contract" if term.kind == "exit_fee" else ""
    return term.month, term.kind, term.charge, term.part + exit_share


def _by_charge(cases: Mapping[Combo, Charge]) -> dict[Charge, list[Combo]]:
    found: dict[Charge, list[Combo]] = defaultdict(list)
    for combo, charge in cases.items():
        found[charge].append(combo)
    return found


class TariffTerms:
    """All that one tariff bills in the months of a plan, case by case."""

    def __init__(self, case: Case, tariff: Tariff, slices: Slices, known: Capacity) -> None:
        self.horizon, self.tariff, self.slices = Horizon(case), tariff, slices
        self.limits = limits_of(tariff)
        self.prices = prices_known(tariff, self.horizon, known)
        self._names: dict[tuple[int, int], str] = {}
        # Most charges are the same whenever service started.
        self._peaks_of: dict[tuple[bytes, bytes], tuple[tuple[str, int, float], ...]] = {}
        self._days_of: dict[tuple[tuple[float, bytes], ...], tuple[Row, ...]] = {}
        self._require_every_size()

    @property
    def levels(self) -> range:
        """Numbers of levels of size."""
        return range(len(self.limits) + 1)

    def size_mw(self, level: int) -> float:
        """Return the least contract demand of a level [MW]."""
        return self.limits[level - 1] if level else 0.0

    def _require_every_size(self) -> None:
        for month in self.horizon.months:
            for level in self.levels:
                self.schedule(month, level)

    def calendar(self, slices: Slices) -> tuple[Calendar, Layout]:
        """Lay slices over the months of the plan."""
        case = self.horizon.case
        layout = Layout(len(slices.season), tuple(case.years))
        stands_for = self.horizon.stands_for
        return operating_calendar(stands_for, layout, slices, self.tariff.timezone, self.tariff.holidays), layout

    @cached_property
    def _thin(self) -> tuple[Calendar, Layout]:
        return self.calendar(_THIN)

    def compiled(self, start: int, level: int) -> Terms:
        """Compile all but the energy for service from the start of a quarter on, at a level of size."""
        return self._compile(self._without_energy, self._thin, start, level)

    @cached_property
    def _without_energy(self) -> Tariff:
        schedules = {
            name: schedule.model_copy(update={kind: {} for kind in METERED})
            for name, schedule in self.tariff.schedules.items()
        }
        return self.tariff.model_copy(update={"schedules": schedules})

    def _compile(self, tariff: Tariff, lay: tuple[Calendar, Layout], start: int, level: int) -> Terms:
        size = lay[1].size
        first = month_text(self.horizon.starts[start])
        context = Context(start=first, capacity_usd_per_mw_day=self.prices, wholesale_usd_per_mwh=np.zeros(size))
        return compile_terms(tariff, lay[0], context, lambda month: self.schedule(month, level))

    def schedule(self, month: int, level: int) -> str:
        """Return the name of the schedule that is billed in a month at a level of size."""
        key = (month, level)
        if key not in self._names:
            self._names[key] = self.tariff.schedule_for(month, self.size_mw(level))
        return self._names[key]

    @cached_property
    def full(self) -> tuple[Calendar, Layout]:
        """The slices of the plan over its months, and where the load lies."""
        return self.calendar(self.slices)

    @cached_property
    def metered(self) -> dict[Key, dict[int, Metered]]:
        """The charges on energy of every month, by level; when service started is nothing to them."""
        found: dict[Key, dict[int, Metered]] = defaultdict(dict)
        lay = self.full
        for level in self.levels:
            for term in self._compile(self.tariff, lay, 0, level).terms:
                if term.kind in METERED:
                    found[term.month, term.kind, term.charge, term.part][level] = self._energy(term, lay[1])
        return found

    def _energy(self, term: Term, layout: Layout) -> Metered:
        assert isinstance(term.quantity, Linear)
        number = self.horizon.operating(term.month)
        weights = np.bincount(
            self.full[0].source[term.quantity.slots] - number * layout.step,
            weights=term.quantity.weights,
            minlength=layout.step,
        )
        hours = tuple(weights[: layout.slices].tolist())
        if term.kind != "indexed":
            return Metered(hours, term.blocks)
        indexed = self.tariff.schedules[term.schedule].indexed[term.charge]
        return Metered(hours, one_rate(indexed.adder_usd_per_mwh), indexed.multiplier)

    @cached_property
    def charges(self) -> tuple[dict[Key, dict[Charge, list[Combo]]], dict[tuple[int, str], dict[Combo, LeastBill]]]:
        """All charges but those on energy, each with the starts and levels that it is of; least bills by these."""
        found: dict[Key, dict[Combo, Charge]] = defaultdict(dict)
        least: dict[tuple[int, str], dict[Combo, LeastBill]] = defaultdict(dict)
        for start in range(len(self.horizon.starts)):
            for level in self.levels:
                terms = self.compiled(start, level)
                for term in (*terms.terms, *self.leaving(start, level)):
                    if not term.cash:
                        found[_key(term)][start, level] = self._charge(term)
                for bill in terms.least:
                    least[bill.month, bill.charge][start, level] = bill
        return {key: _by_charge(cases) for key, cases in found.items()}, least

    @cached_property
    def peak_hours(self) -> dict[str, float]:
        """Present value of one USD paid at every declared peak hour that is billed, by quarter of capacity."""
        found: dict[str, float] = defaultdict(float)
        for month in self.horizon.months:
            now = {self.schedule(month, level) for level in self.levels}
            then = {self.schedule(month + MONTHS_PER_YEAR, level) for level in self.levels}
            hours = {text for name in now for text in self._declared(name, later=False)}
            hours |= {text for name in then for text in self._declared(name, later=True)}
            count = sum(peak_hour(text)[0] - 1 == month % MONTHS_PER_YEAR for text in hours)
            found[self.horizon.quarter(month)] += count * self.horizon.worth(month)
        return dict(found)

    def _declared(self, name: str, *, later: bool) -> Iterator[str]:
        """Return the declared peak hours of a schedule that it bills in the year after, or in the same month."""
        schedule = self.tariff.schedules[name]
        for charge in schedule.coincident.values():
            if (charge.charged == "next_year") == later:
                yield from charge.declared
        if later:
            for obligation in schedule.capacity.values():
                yield from obligation.declared

    def leaving(self, start: int, level: int) -> Iterator[Term]:
        """Write the fees of leaving when the horizon ends, if the case asks for them."""
        if not self.horizon.case.tariffs.leave_at_end:
            return
        month = self.horizon.months[-1] + 1
        context = Context(capacity_usd_per_mw_day=self.prices)
        setting = Setting(self.tariff, self._thin[0], context, self.horizon.starts[start], month)
        name = self.schedule(month - 1, level)
        schedule = self.tariff.schedules[name]
        for charge, fee in schedule.exit_fee.items():
            yield from exit_terms(setting, schedule, fee, name, charge)

    def _charge(self, term: Term) -> Charge:
        quantity = term.quantity
        contract = ((self.horizon.quarter(quantity.contract_month), quantity.contract),) if quantity.contract else ()
        if isinstance(quantity, Linear):
            row = Row(peak=self._peaks(quantity), contract=contract, constant=quantity.constant)
            return Charge((row,), self._blocks(term), single=True)
        rows = [*self._days(quantity)]
        rows += [Row(contract=contract)] if contract else []
        rows += [Row(constant=quantity.constant)] if quantity.constant > 0 else []
        return Charge(tuple(rows), term.blocks, single=False)

    def _blocks(self, term: Term) -> tuple[Block, ...]:
        """Return the rates; of a deposit the interest and what holding the money costs, as worth in the month."""
        if term.kind != "collateral" or term.part != "interest":
            return term.blocks
        deposit = self.tariff.schedules[term.schedule].collateral[term.charge].usd_per_kw * KW_PER_MW
        held = deposit * self.horizon.holding(term.month) / self.horizon.worth(term.month)
        return tuple(replace(block, usd=block.usd + held) for block in term.blocks)

    def _peaks(self, quantity: Linear) -> tuple[tuple[str, int, float], ...]:
        key = (quantity.slots.tobytes(), quantity.weights.tobytes())
        if key not in self._peaks_of:
            calendar, layout = self._thin
            sums: dict[tuple[str, int], float] = defaultdict(float)
            for source, weight in zip(calendar.source[quantity.slots], quantity.weights, strict=True):
                number, month = self._month_of(int(source), layout)
                sums[self.horizon.quarter_at(number, month), month] += float(weight)
            self._peaks_of[key] = tuple((q, m, round(w, 12)) for (q, m), w in sums.items())
        return self._peaks_of[key]

    def _days(self, quantity: Highest) -> tuple[Row, ...]:
        key = tuple((candidate.share, candidate.slots.tobytes()) for candidate in quantity.candidates)
        if key not in self._days_of:
            self._days_of[key] = tuple(Row(day=(day,)) for day in sorted(self._shares_of_days(quantity)))
        return self._days_of[key]

    def _shares_of_days(self, quantity: Highest) -> set[tuple[str, int, float]]:
        calendar, layout = self._thin
        seen = set()
        for candidate in quantity.candidates:
            sources = calendar.source[candidate.slots]
            within = sources % layout.step - layout.slices
            places = sources[within >= 0] // layout.step * MONTHS_PER_YEAR + within[within >= 0] // HOURS
            for place in set(places.tolist()):
                number, month = divmod(place, MONTHS_PER_YEAR)
                seen.add((self.horizon.quarter_at(number, month), month, candidate.share))
        return seen

    @staticmethod
    def _month_of(source: int, layout: Layout) -> tuple[int, int]:
        number, within = divmod(source, layout.step)
        if within < layout.slices:
            raise InputError("a peak is billed that lies on no declared peak day", field="declared")
        return number, (within - layout.slices) % PEAK_HOURS // HOURS
