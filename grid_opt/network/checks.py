"""Refuse a network whose numbers cannot be right, naming the element, the field and what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grid_opt.errors import InputError
from grid_opt.network.elements import DcLines, Flags, Generators, Numbers, Table, Topology

_HALF_TURN = np.pi


@dataclass(frozen=True)
class Check:
    """One condition on the elements of a kind: where it is broken, of which field, and what to say then."""

    kind: str
    table: Table
    broken: Flags
    field: str
    values: Numbers
    problem: str
    expected: str
    fix: str | None = None


def check_network(net: Topology) -> None:
    """Raise InputError for the first element that is wrong; offline ones need no reactance and no order of limits.

    Checked are names that occur twice, numbers that are not finite (ratings may be infinite, angle limits missing),
    reactances of zero, taps that are not positive, negative ratings, reversed limits of power and angle, losses.
    """
    kinds = {"bus": net.buses, "branch": net.branches, "generator": net.generators, "DC line": net.dc_lines}
    for kind, table in kinds.items():
        _check_names(kind, table, net.source)
    for check in (*_finite(net), *_branch_checks(net), *_limit_checks(net)):
        if check.broken.any():
            at = int(np.argmax(check.broken))
            name = check.table.name[at]
            raise InputError(
                f"{check.kind} {name}: {check.problem}", file=net.source, row=f"{check.kind} {name}",
                field=check.field, value=float(check.values[at]), expected=check.expected, fix=check.fix,
            )  # fmt: skip


def _check_names(kind: str, table: Table, source: str) -> None:
    names, count = np.unique(table.name, return_counts=True)
    if (count > 1).any():
        name = names[int(np.argmax(count > 1))]
        raise InputError(
            f"{kind} {name} is there {count.max()} times", file=source, row=f"{kind} {name}", field="name",
            expected="every name once", fix="rename or remove one of them",
        )  # fmt: skip


def _finite(net: Topology) -> Iterator[Check]:
    fields = {
        "bus": (net.buses, ("load_mw", "shunt_mw", "angle")),
        "branch": (net.branches, ("r", "x", "tap", "shift")),
        "generator": (net.generators, ("p_min_mw", "p_max_mw")),
        "DC line": (net.dc_lines, ("p_min_mw", "p_max_mw", "loss_mw", "loss_fraction")),
    }
    for kind, (table, names) in fields.items():
        for field in names:
            values = getattr(table, field)
            yield Check(kind, table, ~np.isfinite(values), field, values, "not a finite number", "a finite number")
    for field in ("forward_mw", "reverse_mw"):
        values = getattr(net.branches, field)
        yield Check("branch", net.branches, np.isnan(values), field, values, "not a number", "a rating [MW]")


def _branch_checks(net: Topology) -> Iterator[Check]:
    rows = net.branches
    yield Check(
        "branch", rows, rows.online & (rows.x == 0), "x", rows.x,
        "the reactance is zero, which the DC model divides by", "a reactance other than zero [p.u.]",
        "give the reactance of the line, or merge its two buses",
    )  # fmt: skip
    yield Check("branch", rows, rows.tap <= 0, "tap", rows.tap, "the tap ratio is not positive", "above 0 [1]")
    same = rows.start == rows.end
    yield Check("branch", rows, same, "end", rows.end.astype(float), "it ends at the bus it starts from", "another bus")
    for field in ("forward_mw", "reverse_mw"):
        values = getattr(rows, field)
        yield Check(
            "branch", rows, values < 0, field, values, "the limit is negative", "at least 0 MW",
            "give the limit without a sign",
        )  # fmt: skip
    crossed = rows.angle_min > rows.angle_max
    yield Check(
        "branch", rows, crossed, "angle_min", np.rad2deg(rows.angle_min), "the limits of the angle are reversed",
        "angmin <= angmax [degrees]", "swap the two",
    )  # fmt: skip
    yield Check(
        "branch", rows, np.abs(rows.shift) > 2 * _HALF_TURN, "shift", np.rad2deg(rows.shift),
        "the phase shift is more than a turn", "degrees between -360 and 360",
    )  # fmt: skip


def _limit_checks(net: Topology) -> Iterator[Check]:
    kinds: tuple[tuple[str, Generators | DcLines], ...] = (("generator", net.generators), ("DC line", net.dc_lines))
    for kind, table in kinds:
        low, high = table.p_min_mw, table.p_max_mw
        yield Check(
            kind, table, table.online & (low > high), "p_min_mw", low, "the limits of power are reversed",
            "Pmin <= Pmax [MW]", "swap the two",
        )  # fmt: skip
    lines = net.dc_lines
    lossy = (lines.loss_fraction < 0) | (lines.loss_fraction >= 1)
    yield Check("DC line", lines, lossy, "loss_fraction", lines.loss_fraction, "no share of the power", "0 <= l1 < 1")
