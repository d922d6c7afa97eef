"""Say what a check is, collect all checks in one table, and report what they found.

A check is a function that recomputes one thing and returns an :class:`Excess`: by how much every row is
beyond its limit, and how much of that is rounding. :data:`CHECKS` holds them all by name;
``<block>.<constraint>`` and ``<block>.<variable>`` are the names that the formulation gives its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import xarray as xr

from grid_opt.verify.evidence import Evidence, MissingError, NotMadeError

FEASIBILITY: Final = 1e-6
"""Tolerance of a limit, per unit of the largest term in its row and at least per 1.

HiGHS accepts a row that is broken by 1e-7 (1e-6 for whole numbers) after scaling it; undoing the scaling can
enlarge that. A millionth of the row is ten times what is usual and still below a watt per MW.
"""

MONEY_RELATIVE: Final = 1e-6
MONEY_USD: Final = 1.0
"""Amounts of money may differ by 1 USD or one part in a million, whichever is more."""

State = Literal["holds", "broken", "not in this case", "not made"]
"""What became of a check. One that could not be made for want of its inputs is no failure, but a warning."""


@dataclass(frozen=True)
class Check:
    """What one check found: the worst row of one limit, bound or bill.

    ``violation`` and ``tolerance`` are in ``unit``; ``place`` names the worst row, for example
    ``region TX_N, quarter 2027Q1``, or says why the check was not made.
    """

    name: str
    meaning: str
    violation: float
    tolerance: float
    unit: str
    place: str
    state: State

    @property
    def ok(self) -> bool:
        """Whether nothing was found broken."""
        return self.state != "broken"

    @property
    def severity(self) -> float:
        """How many tolerances large the violation is."""
        if math.isnan(self.violation):
            return math.inf
        if self.tolerance > 0:
            return self.violation / self.tolerance
        return math.inf if self.violation > 0 else 0.0


@dataclass(frozen=True)
class Report:
    """All checks of one plan, in a fixed order, and remarks that are not failures."""

    checks: tuple[Check, ...]
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no check found anything broken. One that could not be made is no failure, but a warning."""
        return all(check.ok for check in self.checks)

    def count(self, state: State) -> int:
        """Count the checks of one state."""
        return sum(check.state == state for check in self.checks)

    @property
    def not_made(self) -> dict[str, list[str]]:
        """The checks that could not be made, by the reason why."""
        found: dict[str, list[str]] = {}
        for check in self.checks:
            if check.state == "not made":
                found.setdefault(check.place, []).append(check.name)
        return found

    @property
    def closing(self) -> str:
        """How the verification ended, in one line."""
        if not self.ok:
            worst = self.worst
            off = f"off by {worst.violation:.6g} {worst.unit}, allowed {worst.tolerance:.3g}"
            return f"verification FAILED: {len(self.failed)} checks; worst: {worst.name} at {worst.place}: {off}"
        parts = [f"{self.count('holds')} checks hold"]
        if absent := self.count("not in this case"):
            parts.append(f"{absent} not in this case")
        if self.not_made:
            parts.append(f"{self.count('not made')} could not be made ({'; '.join(self.not_made)})")
        return "verified: " + ", ".join(parts)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass, worst first."""
        return tuple(sorted((c for c in self.checks if not c.ok), key=lambda c: -c.severity))

    @property
    def worst(self) -> Check:
        """The check with the largest violation in terms of its tolerance, be it a failure or not."""
        return self.failed[0] if self.failed else max(self.checks, key=lambda check: check.severity)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON; a violation that is no number becomes ``null``."""
        return {
            "ok": self.ok,
            "checked": len(self.checks),
            "held": self.count("holds"),
            "failed": [check.name for check in self.failed],
            "not_in_case": [check.name for check in self.checks if check.state == "not in this case"],
            "not_made": [name for names in self.not_made.values() for name in names],
            "worst": _plain(self.worst),
            "warnings": list(self.warnings),
            "checks": [_plain(check) for check in self.checks],
        }


@dataclass(frozen=True)
class Excess:
    """By how much every row is beyond its limit (positive: broken), and the rounding allowed there."""

    amount: xr.DataArray
    tolerance: xr.DataArray | float


Rule = Callable[[Evidence], Excess]
Condition = Callable[[Evidence], bool]


@dataclass(frozen=True)
class Registered:
    """A check in the table: called with the evidence it returns its finding, and it never raises."""

    name: str
    meaning: str
    unit: str
    rule: Rule
    when: Condition | None

    def __call__(self, evidence: Evidence) -> Check:
        """Run the check."""
        try:
            if self.when is not None and not self.when(evidence):
                return self._check(0.0, 0.0, "not in this case", "not in this case")
            with xr.set_options(arithmetic_join="exact"):  # type: ignore[no-untyped-call]
                return self._judge(self.rule(evidence))
        except NotMadeError as reason:
            return self._check(0.0, 0.0, str(reason), "not made")
        except MissingError as missing:
            return self._check(math.inf, 0.0, str(missing), "broken")
        except Exception as error:  # whatever a spoiled plan brings about is a finding, not a crash
            text = str(error).splitlines()
            why = f"cannot be recomputed: {type(error).__name__}: {text[0] if text else 'no message'}"
            return self._check(math.inf, 0.0, why, "broken")

    def _judge(self, excess: Excess) -> Check:
        amount = excess.amount
        if amount.size == 0:
            return self._check(0.0, 0.0, "no rows", "holds")
        beyond = np.where(np.isnan(amount.values), np.inf, amount.values)
        allowed = excess.tolerance
        if isinstance(allowed, xr.DataArray):
            allowed = allowed.broadcast_like(amount).transpose(*amount.dims)
        tolerance = np.broadcast_to(np.asarray(allowed, dtype=float), beyond.shape)
        tolerance = np.where(np.isnan(tolerance), 0.0, tolerance)
        with np.errstate(divide="ignore", invalid="ignore"):
            severity = np.where(tolerance > 0, beyond / tolerance, np.where(beyond > 0, np.inf, -np.inf))
        at = np.unravel_index(int(np.argmax(severity)), beyond.shape)
        violation = max(0.0, float(beyond[at]))
        state: State = "broken" if bool(np.any((beyond > tolerance) | np.isposinf(beyond))) else "holds"
        return self._check(violation, float(tolerance[at]), _place(amount, at), state)

    def _check(self, violation: float, tolerance: float, place: str, state: State) -> Check:
        return Check(self.name, self.meaning, violation, tolerance, self.unit, place, state)


CHECKS: Final[dict[str, Registered]] = {}
"""Every check by its name."""


def check(name: str, meaning: str, unit: str, *, when: Condition | None = None) -> Callable[[Rule], Rule]:
    """Enter a rule into :data:`CHECKS`. ``when`` tells whether the case asks for it at all."""

    def register(rule: Rule) -> Rule:
        if name in CHECKS:
            raise ValueError(f"the check {name} is registered twice")
        CHECKS[name] = Registered(name, meaning, unit, rule, when)
        return rule

    return register


def at_most(left: xr.DataArray, right: xr.DataArray | float, *terms: xr.DataArray) -> Excess:
    """Ask for ``left <= right``; ``terms`` are further parts of the row, for the size of its rounding."""
    amount = left - right
    return Excess(amount, _rounding(amount, left, right, *terms))


def not_negative(name: str, meaning: str, unit: str, *, when: Condition | None = None) -> None:
    """Enter the check that a variable of the plan, the last part of ``name``, is at least 0 everywhere."""
    variable = name.rpartition(".")[2]
    check(name, meaning, unit, when=when)(lambda e: at_most(-e[variable], 0.0))


def equal(left: xr.DataArray, right: xr.DataArray | float, *terms: xr.DataArray) -> Excess:
    """Ask for ``left == right``; ``terms`` as in :func:`at_most`."""
    amount = abs(left - right)
    return Excess(amount, _rounding(amount, left, right, *terms))


def equal_money(stored_usd: xr.DataArray, recomputed_usd: xr.DataArray) -> Excess:
    """Ask for two amounts [USD] to agree to 1 USD or one part in a million."""
    amount = abs(stored_usd - recomputed_usd)
    return Excess(amount, money_rounding(recomputed_usd))


def money_rounding(usd: xr.DataArray) -> xr.DataArray:
    """Return what is allowed for rounding of an amount [USD]."""
    return (MONEY_RELATIVE * abs(usd)).clip(min=MONEY_USD)


def none_of(broken: xr.DataArray) -> Excess:
    """Ask that a condition hold nowhere; the violation is 1 where it does."""
    return Excess(broken.astype(float), 0.5)


def stack(one: Excess, two: Excess, dim: str = "side", names: tuple[str, str] = ("lower", "upper")) -> Excess:
    """Join two questions about the same rows, such as a lower and an upper bound, into one."""
    labels = xr.DataArray(list(names), dims=dim, name=dim)
    tolerances = [
        t if isinstance(t, xr.DataArray) else xr.full_like(e.amount, t) for e in (one, two) for t in [e.tolerance]
    ]
    return Excess(
        xr.concat([one.amount, two.amount], dim=labels, coords="minimal", compat="override"),
        xr.concat(tolerances, dim=labels, coords="minimal", compat="override"),
    )


def _rounding(like: xr.DataArray, *terms: xr.DataArray | float) -> xr.DataArray:
    size = xr.ones_like(like, dtype=float)
    for term in terms:
        larger = abs(xr.zeros_like(size) + term)
        size = size.where(size >= larger, larger)
    return FEASIBILITY * size


def _place(amount: xr.DataArray, at: tuple[Any, ...]) -> str:
    names = []
    for dim, position in zip(amount.dims, at, strict=True):
        label: Any = amount.coords[dim].values[position] if dim in amount.coords else position
        names.append(f"{dim} {label}")
    return ", ".join(names) or "whole plan"


def _plain(check: Check) -> dict[str, Any]:
    values = asdict(check) | {"ok": check.ok}
    return {k: (None if isinstance(v, float) and not math.isfinite(v) else v) for k, v in values.items()}


def whole_plan(value: float) -> xr.DataArray:
    """Return one number as a row of its own."""
    return xr.DataArray(float(value))
