"""Reduce the charges of a tariff to what a region's plan pays: rates of what is linear, and lines with their bounds.

A charge that is the same whenever service started and whatever the size, and whose quantity is one sum, is a rate of
a MW. Else its quantity is a *line*, bounded from below by each of its rows; a row that holds only for some starts or
sizes is lifted by the most that it can be where its condition fails. Rising tiers are further lines, shifted by the
end of the tier before; falling tiers are *falls*, which need a binary each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from grid_opt.errors import InputError
from grid_opt.inputs.tariff_terms import BOOKED, Charge, Combo, Key, Metered, Row, TariffTerms
from grid_opt.tariffs.clock import Floats
from grid_opt.tariffs.periods import Block, one_rate
from grid_opt.units import USD_PER_MUSD

Vector = tuple[tuple[str, float], ...]
"""Coefficients by quarter."""


@dataclass(frozen=True)
class Place:
    """What a region is to its tariff."""

    region: str
    design_pue: Mapping[int, float]
    """By month, 0 to 11."""
    contract_per_it: float | None
    """Contract per MW of IT power where it is no decision of its own."""
    coincident_share: float
    most_it: Mapping[str, float]
    most_contract: Mapping[str, float]
    price: Floats
    """Wholesale price at the meter, losses included, by operating year and slice [USD/MWh]."""


@dataclass(frozen=True)
class Condition:
    """When a bound holds: opened in no quarter up to ``after``, and by ``upto``; contract from and below sizes."""

    after: str = ""
    upto: str = ""
    reaches: str = ""
    below: str = ""


@dataclass(frozen=True)
class Bound:
    """One row, in numbers of a region."""

    load: Vector = ()
    relief: Vector = ()
    contract: Vector = ()
    site: Vector = ()
    shift: float = 0.0
    meter: str = ""
    ties: Vector = ()
    """Of a least bill: the lines that count towards it, with their rates in million USD."""
    condition: Condition = Condition()
    quarter: str = ""


@dataclass
class Lines:
    """What all regions pay; rates are present value by the number of the operating year in which they are paid."""

    rates: dict[str, dict[tuple[str, str, int, str], float]] = field(
        default_factory=lambda: {name: defaultdict(float) for name in ("load", "relief", "contract", "site")}
    )
    """By what (load, relief, contract, site): (cost term, region, operating year, quarter) to USD per MW."""
    metered: dict[tuple[str, str, int], Floats] = field(default_factory=dict)
    """(cost term, region, operating year) to USD per MW in every slice."""
    delivered: dict[tuple[str, str, int], Floats] = field(default_factory=dict)
    """The same per MW that a contract delivers: all but the wholesale price."""
    lines: dict[tuple[str, str, tuple[Bound, ...]], str] = field(default_factory=dict)
    what: dict[str, str] = field(default_factory=dict)
    line_rates: dict[tuple[str, int], float] = field(default_factory=lambda: defaultdict(float))
    falls: dict[tuple[str, float], dict[int, float]] = field(default_factory=dict)
    meters: dict[tuple[str, int, tuple[float, ...], tuple[float, ...]], str] = field(default_factory=dict)
    """(region, operating year, weights of what is bought, weights of what a contract delivers) to a label."""


class Reducer:
    """Reduce one tariff for one region into :class:`Lines`."""

    def __init__(self, terms: TariffTerms, place: Place, into: Lines) -> None:
        self.terms, self.place, self.into = terms, place, into
        self.horizon = terms.horizon
        self._combos: dict[int, frozenset[Combo]] = {}
        self._months: dict[int, list[tuple[str, object, float]]] = defaultdict(list)
        """By month, what it pays, for least bills: (rate, bound, USD) or (line, name, USD)."""

    def reduce(self) -> None:
        """Enter all charges."""
        for key, by_level in self.terms.metered.items():
            self._metered(key, by_level)
        charges, least = self.terms.charges
        for key, cases in charges.items():
            self._charge(key, cases)
        for (month, _), bills in least.items():
            self._least(month, {combo: bill.usd for combo, bill in bills.items()})

    def levels(self, quarter: str) -> list[int]:
        """Return the levels that a contract may reach in a quarter."""
        most = self.place.most_contract[quarter]
        return [level for level in self.terms.levels if self.terms.size_mw(level) <= most]

    def combos(self, month: int) -> frozenset[Combo]:
        """Return the cases that can be by a month."""
        if month not in self._combos:
            levels = self.levels(self.horizon.quarter(month))
            self._combos[month] = frozenset((s, level) for s in self.horizon.possible(month) for level in levels)
        return self._combos[month]

    def _conditions(self, month: int, held: Set[Combo], every: Set[Combo]) -> Iterator[Condition]:
        """Cut the cases in which a row holds into windows of starts at windows of levels."""
        if held == every:
            yield Condition()
            return
        starts, levels = sorted({s for s, _ in every}), sorted({level for _, level in every})
        by_level = {level: tuple(s for s, k in sorted(held) if k == level) for level in levels}
        for level_window, of_start in _runs(levels, lambda level: by_level[level]):
            for window, inside in _runs(starts, lambda s, mine=of_start: s in mine):
                if inside:
                    yield self._condition(window, level_window, starts, levels)

    def _condition(self, window: list[int], sizes: list[int], starts: list[int], levels: list[int]) -> Condition:
        quarters = self.horizon.case.quarters
        return Condition(
            after="" if window[0] == starts[0] else quarters[window[0] - 1],
            upto="" if window[-1] == starts[-1] else quarters[window[-1]],
            reaches="" if sizes[0] == levels[0] else self._size(sizes[0]),
            below="" if sizes[-1] == levels[-1] else self._size(sizes[-1] + 1),
        )

    def _size(self, level: int) -> str:
        return size_label(self.place.region, self.terms.size_mw(level))

    def _bound(self, row: Row, condition: Condition, month: int) -> Bound:
        place, quarter = self.place, self.horizon.quarter(month)
        load: dict[str, float] = defaultdict(float)
        relief: dict[str, float] = defaultdict(float)
        contract: dict[str, float] = defaultdict(float)
        for q, m, share in row.day:
            load[q] += share * place.design_pue[m]
        for q, m, share in row.peak:
            load[q] += share * place.coincident_share * place.design_pue[m]
            relief[q] -= share
        for q, share in row.contract:
            if place.contract_per_it is None:
                contract[q] += share
            else:
                load[q] += share * place.contract_per_it
        site = {quarter: row.constant} if row.constant else {}
        vectors = [_vector(one) for one in (load, relief, contract, site)]
        needed = self._needed(condition, vectors, quarter)
        return replace(_sums(vectors), condition=needed, quarter=quarter if needed != Condition() else "")

    @staticmethod
    def _needed(condition: Condition, vectors: Iterable[Vector], quarter: str) -> Condition:
        """Drop the condition of having opened by a quarter where the row is nothing for a campus that had not.

        A row of loads after its month (peaks of the same year) asks that the campus was open in the month.
        """
        last = max((q for vector in vectors for q, _ in vector), default="")
        if last > quarter and not condition.upto:
            condition = replace(condition, upto=quarter)
        plain = not (condition.after or condition.reaches or condition.below)
        return Condition() if plain and condition.upto and last <= condition.upto else condition

    def _charge(self, key: Key, cases: Mapping[Charge, list[Combo]]) -> None:
        month, kind, name, _ = key
        every = self.combos(month)
        held = [(charge, every.intersection(combos)) for charge, combos in cases.items()]
        by_blocks: dict[tuple[Block, ...], dict[Charge, Set[Combo]]] = defaultdict(dict)
        for charge, mine in sorted((one for one in held if one[1]), key=lambda one: min(one[1])):
            by_blocks[charge.blocks][charge] = mine
        for blocks, charges in by_blocks.items():
            quantities = [charges] if not all(c.single for c in charges) else [{c: held} for c, held in charges.items()]
            for one in quantities:
                bounds = self._bounds(month, one, every)
                if bounds:
                    self._enter(BOOKED[kind], f"{kind} {name}", bounds, blocks, month)

    def _bounds(self, month: int, charges: Mapping[Charge, Set[Combo]], every: Set[Combo]) -> tuple[Bound, ...]:
        held: dict[Row, set[Combo]] = defaultdict(set)
        for charge, combos in charges.items():
            for row in charge.rows:
                held[row] |= combos
        found = {
            self._bound(row, condition, month)
            for row, combos in held.items()
            for condition in self._conditions(month, combos, every)
        }
        return tuple(sorted((b for b in _not_dominated(found) if b.load or b.contract or b.site), key=repr))

    def _enter(self, part: str, what: str, bounds: tuple[Bound, ...], blocks: tuple[Block, ...], month: int) -> None:
        """Enter a quantity at its rates: that of the first tier on all of it, then more or less beyond each tier."""
        first = blocks[0].usd
        falling = _falls(blocks)
        linear = len(bounds) == 1 and bounds[0].condition == Condition() and not falling
        if linear and not bounds[0].meter:
            self._linear(part, bounds[0], first, month)
        elif first or falling:
            self._line(part, what, bounds, first, month)
        for earlier, later in pairwise(blocks):
            rise = later.usd - earlier.usd
            if rise > 0:
                beyond = tuple(replace(b, shift=b.shift + earlier.upto) for b in bounds)
                self._line(part, f"{what} beyond {earlier.upto:g}", beyond, rise, month)
            elif rise < 0:
                self._fall(part, what, bounds, earlier.upto, -rise, month)

    def _weight(self, month: int) -> float:
        inside = month in self.horizon.months
        return self.horizon.worth(month) if inside else self.horizon.worth_at_end

    def _linear(self, part: str, bound: Bound, usd: float, month: int) -> None:
        a = self.horizon.operating(month)
        for name in ("load", "relief", "contract", "site"):
            for q, coefficient in getattr(bound, name):
                self.into.rates[name][part, self.place.region, a, q] += coefficient * usd * self._weight(month)
        if part != "collateral":
            self._months[month].append(("bound", bound, usd))

    def _line(self, part: str, what: str, bounds: tuple[Bound, ...], usd: float, month: int) -> str:
        if usd < 0:
            raise InputError(
                "a charge whose quantity depends on the size or the start of service is negative",
                file=self.terms.tariff.name, field=what, value=usd, expected="0 or more in a plan",
            )  # fmt: skip
        key = (self.place.region, part, bounds)
        label = self.into.lines.setdefault(key, f"{self.place.region} {len(self.into.lines) + 1}")
        self.into.what.setdefault(label, what)
        self.into.line_rates[label, self.horizon.operating(month)] += usd * self._weight(month)
        if part != "collateral":
            self._months[month].append(("line", label, usd))
        return label

    def _fall(self, part: str, what: str, bounds: tuple[Bound, ...], upto: float, usd: float, month: int) -> None:
        label = self._line(part, what, bounds, 0.0, month)
        rates = self.into.falls.setdefault((label, upto), defaultdict(float))
        rates[self.horizon.operating(month)] += usd * self._weight(month)
        self._months[month].append(("fall", label, usd))

    def _metered(self, key: Key, by_level: Mapping[int, Metered]) -> None:
        month, kind, name, part = key
        levels = self.levels(self.horizon.quarter(month))
        some = next(iter(by_level.values()))
        free = Metered(some.hours, one_rate(0.0))
        mine = {level: by_level.get(level, free) for level in levels}
        base = min(one.blocks[0].usd for one in mine.values())
        if any(_falls(one.blocks) for one in mine.values()) or len({one.hours for one in mine.values()}) > 1:
            base = 0.0  # all of it is paid on lines: these may not exceed the energy for nothing, nor miss other hours
        multipliers = {one.multiplier for one in mine.values()}
        if len(multipliers) > 1:
            raise InputError(
                "energy at a wholesale price differs by the size of the contract",
                file=self.terms.tariff.name, field=f"indexed.{name}", expected="the same for all sizes in a plan",
            )  # fmt: skip
        a = self.horizon.operating(month)
        hours = np.array(some.hours)
        usd = hours * (base + multipliers.pop() * self.place.price[a])
        self._flow(BOOKED[kind], a, usd, hours * base, month)
        groups: dict[Metered, set[int]] = defaultdict(set)
        for level, one in mine.items():
            groups[one].add(level)
        for one, held in groups.items():
            extra = (Block(one.blocks[0].upto, one.blocks[0].usd - base), *(
                Block(b.upto, b.usd - base) for b in one.blocks[1:]))  # fmt: skip
            if any(block.usd for block in extra):
                self._energy_line(key, one.hours, extra, {(s, k) for s in self.horizon.possible(month) for k in held})
        del part

    def _flow(self, part: str, a: int, usd: Floats, of_delivered: Floats, month: int) -> None:
        """Enter rates of every slice: of what is bought, and of what a contract delivers."""
        key = (part, self.place.region, a)
        for kept, rate in ((self.into.metered, usd), (self.into.delivered, of_delivered)):
            paid = rate * self._weight(month)
            kept[key] = kept[key] + paid if key in kept else paid
        self._months[month].append(("flow", np.stack([usd, of_delivered]), 1.0))

    def _energy_line(self, key: Key, hours: tuple[float, ...], blocks: tuple[Block, ...], held: set[Combo]) -> None:
        month, kind, name, part = key
        meter = self._meter(month, hours, hours)
        every = self.combos(month)
        bounds = tuple(
            Bound(meter=meter, condition=c, quarter=self.horizon.quarter(month) if c != Condition() else "")
            for c in self._conditions(month, held & every, every)
        )
        self._enter(BOOKED[kind], f"{kind} {name} {part}".rstrip(), bounds, blocks, month)

    def _meter(self, month: int, weights: tuple[float, ...], of_delivered: tuple[float, ...]) -> str:
        meter = (self.place.region, self.horizon.operating(month), weights, of_delivered)
        return self.into.meters.setdefault(meter, f"{self.place.region} {len(self.into.meters) + 1}")

    def _least(self, month: int, usd: Mapping[Combo, float]) -> None:
        """Enter what the other charges of a month lack to its least bill, in million USD."""
        every = self.combos(month)
        if any(kind == "fall" for kind, _, _ in self._months[month]):
            raise InputError(
                "a least bill beside tiers of falling rates", file=self.terms.tariff.name, field="minimum_bill",
                expected="either of them in a plan",
            )  # fmt: skip
        for amount in sorted(set(usd.values())):
            held = {combo for combo, one in usd.items() if one == amount and combo in every}
            conditions = list(self._conditions(month, held, every))
            bounds = tuple(self._lack(month, amount, condition) for condition in conditions)
            if bounds:
                self._line("delivery", "minimum_bill", bounds, USD_PER_MUSD, month)

    def _lack(self, month: int, usd: float, condition: Condition) -> Bound:
        sums: dict[str, dict[str, float]] = {
            name: defaultdict(float) for name in ("load", "relief", "contract", "site")
        }
        flow: Floats | None = None
        counts: dict[str, float] = defaultdict(float)
        quarter = self.horizon.quarter(month)
        sums["site"][quarter] += usd / USD_PER_MUSD
        for kind, what, rate in self._months[month]:
            if kind == "bound":
                assert isinstance(what, Bound)
                for name, total in sums.items():
                    for q, coefficient in getattr(what, name):
                        total[q] -= coefficient * rate / USD_PER_MUSD
            elif kind == "line" and rate:
                counts[str(what)] += rate / USD_PER_MUSD
            elif kind == "flow":
                assert isinstance(what, np.ndarray)
                flow = -what / USD_PER_MUSD if flow is None else flow - what / USD_PER_MUSD
        of_delivered = 1 if self.horizon.case.supply.delivers else 0
        meter = "" if flow is None else self._meter(month, *(tuple(flow[n].tolist()) for n in (0, of_delivered)))
        vectors = [_vector(sums[name]) for name in ("load", "relief", "contract", "site")]
        ties = tuple(sorted(counts.items()))
        return replace(_sums(vectors), meter=meter, ties=ties, condition=condition, quarter=quarter)


def size_label(region: str, mw: float) -> str:
    """Name a size limit."""
    return f"{region} {mw:g} MW"


def _falls(blocks: tuple[Block, ...]) -> bool:
    return any(later.usd < earlier.usd for earlier, later in pairwise(blocks))


def _vector(values: Mapping[str, float]) -> Vector:
    return tuple((q, round(v, 12)) for q, v in sorted(values.items()) if abs(v) > 1e-12)


def _sums(vectors: list[Vector]) -> Bound:
    load, relief, contract, site = vectors
    return Bound(load=load, relief=relief, contract=contract, site=site)


def _runs(items: list[int], of: object) -> Iterator[tuple[list[int], object]]:
    """Cut a list into runs of items for which a function is alike."""
    assert callable(of)
    run: list[int] = []
    for item in items:
        if run and of(item) != of(run[0]):
            yield run, of(run[0])
            run = []
        run.append(item)
    if run:
        yield run, of(run[0])


def _not_dominated(bounds: set[Bound]) -> list[Bound]:
    """Drop every bound on a share of one quarter's load that is never above another: load never falls with time."""

    def simple(b: Bound) -> bool:
        only = not (b.relief or b.contract or b.site or b.meter or b.shift)
        return only and len(b.load) == 1 and b.load[0][1] > 0 and b.condition == Condition()

    plain = sorted((b for b in bounds if simple(b)), key=lambda b: (b.load[0][0], b.load[0][1]), reverse=True)
    kept, best = [b for b in bounds if not simple(b)], -1.0
    for bound in plain:
        if bound.load[0][1] > best:
            kept.append(bound)
            best = bound.load[0][1]
    return kept
