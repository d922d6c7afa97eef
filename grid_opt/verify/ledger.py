"""Keep accounts as an accountant would: dated entries, each worth less the later it falls.

Nothing here is shared with the model. Time is counted in years from the start of the plan's first quarter;
the money of a quarter falls in its middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grid_opt.config.case import Case


def quarter_count(start: str, end: str) -> int:
    """Count the quarters from ``start`` to ``end``: 1 from ``"2025Q4"`` to ``"2026Q1"``."""
    years = int(end[:4]) - int(start[:4])
    return 4 * years + int(end[5]) - int(start[5])


def worth_today(rate: float, years: float) -> float:
    """Return the present value of 1 USD that is due after ``years``."""
    return 1.0 / float((1.0 + rate) ** years)


def level_payment(rate: float, life: float) -> float:
    """Return the payment per quarter that repays 1 USD over ``life`` years with interest.

    The first falls due when the asset enters service, and each further one a quarter later. So many USD as all
    payments of 1 USD are worth on that day can be repaid by them; the payment for one USD is its inverse. A life
    that ends inside a quarter leaves a last payment that is worth its part of the quarter.
    """
    whole = int(4 * life + 1e-9)
    repaid = sum(worth_today(rate, number / 4) for number in range(whole))
    part = max(0.0, 4 * life - whole)
    if part > 1e-9:
        share = part if rate == 0 else (1 - worth_today(rate, part / 4)) / (1 - worth_today(rate, 1 / 4))
        repaid += share * worth_today(rate, whole / 4)
    return 1.0 / repaid


@dataclass(frozen=True)
class Books:
    """The calendar and the interest of one case."""

    first_quarter: str
    last_quarter: str
    final_year: int
    rate: float
    annuity: bool

    @classmethod
    def of(cls, case: Case) -> Books:
        """Open the books of a case."""
        return cls(
            first_quarter=case.horizon.first_quarter,
            last_quarter=case.horizon.last_quarter,
            final_year=max(case.horizon.long_run_until_year, int(case.horizon.last_quarter[:4])),
            rate=case.finance.real_discount_rate,
            annuity=case.finance.capex_mode == "annuity",
        )

    @property
    def years(self) -> float:
        """Length of the whole horizon [yr]."""
        return (quarter_count(self.first_quarter, f"{self.final_year}Q4") + 1) / 4

    def calendar_years(self, operating_year: int) -> list[int]:
        """List the calendar years that an operating year stands for."""
        last_built = int(self.last_quarter[:4])
        if operating_year <= last_built:
            return [operating_year]
        return list(range(last_built + 1, self.final_year + 1))

    def middle(self, year: int, season: int) -> float:
        """Return when the middle of a calendar quarter is [yr]."""
        return quarter_count(self.first_quarter, f"{year}Q{season}") / 4 + 1 / 8

    def quarters_from(self, quarter: str) -> Iterator[tuple[int, int]]:
        """Walk through (year, season) from ``quarter`` to the end of the horizon."""
        year, season = int(quarter[:4]), int(quarter[5])
        while year <= self.final_year:
            yield year, season
            year, season = (year + 1, 1) if season == 4 else (year, season + 1)

    def bill(self, operating_year: int, season: int) -> float:
        """Return what 1 USD billed in a calendar quarter of an operating year is worth over all its years."""
        return sum(worth_today(self.rate, self.middle(y, season)) for y in self.calendar_years(operating_year))

    def asset(self, quarter: str, life: float) -> float:
        """Return the present value of owning an asset of 1 USD from ``quarter`` to the end of the horizon."""
        entries = self._payments(quarter, life) if self.annuity else self._purchases(quarter, life)
        return sum(amount * worth_today(self.rate, when) for when, amount in entries)

    def system(self, quarter: str, life: int, fall: float) -> float:
        """Return the present value of owning a system of 1 USD bought in ``quarter``, life in quarters.

        It is gone after its life where that ends with the build-out or before; else its like follows, whose price has
        fallen by ``fall`` a year, to the end of the horizon.
        """
        start = quarter_count(self.first_quarter, quarter)
        built = quarter_count(self.first_quarter, self.last_quarter) + 1
        end = start + life if start + life <= built else round(4 * self.years)
        total, price = 0.0, 1.0
        for bought in range(start, end, life):
            price = float((1 - fall) ** ((bought - start) / 4))
            served = range(bought, min(bought + life, end))
            if self.annuity:
                payment = price * level_payment(self.rate, life / 4)
                total += sum(payment * worth_today(self.rate, q / 4 + 1 / 8) for q in served)
            else:
                total += price * worth_today(self.rate, bought / 4 + 1 / 8)
                total -= price * (life - len(served)) / life * worth_today(self.rate, end / 4)
        return total

    def wait(self, quarter: str, life: int, fall: float) -> float:
        """Return the present value of letting a system of 1 USD wait through ``quarter``."""
        number = quarter_count(self.first_quarter, quarter)
        fallen = float(1 - (1 - fall) ** 0.25)
        return (level_payment(self.rate, life / 4) + fallen) * worth_today(self.rate, number / 4 + 1 / 8)

    def _payments(self, quarter: str, life: float) -> Iterator[tuple[float, float]]:
        """Pay the level payment in every quarter of service, renewals at the same price included."""
        payment = level_payment(self.rate, life)
        for year, season in self.quarters_from(quarter):
            yield self.middle(year, season), payment

    def _purchases(self, quarter: str, life: float) -> Iterator[tuple[float, float]]:
        """Buy, buy again at the end of every life, and get back the unexpired part, straight line."""
        bought = self.middle(int(quarter[:4]), int(quarter[5]))
        yield bought, 1.0
        while bought + life < self.years:
            bought += life
            yield bought, 1.0
        unexpired = bought + life - self.years
        yield self.years, -unexpired / life
