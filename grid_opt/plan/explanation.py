"""What is known of why a plan stands where it stands: read from and written to ``explain.json``.

The file lies beside the plan that it explains and names that plan's digest, so that it is never read for another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from grid_opt.atomic import write_text
from grid_opt.errors import InputError

FILE = "explain.json"
ATTRIBUTE = "explanation_json"
"""Attribute by which a plan in memory carries its explanation; it is no part of the plan file."""

_FORMAT, _VERSION = "grid-opt explanation", 1

Method = Literal["re-solved", "re-solved, gap open", "relaxation", "not known"]
"""How a difference was found. ``re-solved``: both plans proven to the asked gap. ``relaxation``: from bounds alone."""
State = Literal["priced", "impossible", "not known"]


@dataclass(frozen=True)
class Turn:
    """What would make a region that was not chosen as good as the plan, or that nothing of the kind does.

    ``amount`` in ``unit`` of the lever, or ``None`` where not even ``tried`` does. ``method``: the program with the
    change was solved again, whole or as its relaxation, and costs no more than the plan, or than the plan's own
    relaxation. ``smallest`` says that less was tried and does not.
    """

    lever: str
    unit: str
    amount: float | None
    tried: float
    method: Method
    smallest: bool
    words: str


@dataclass(frozen=True)
class Reason:
    """What it costs to force a region in that was not chosen, or to leave one out that was.

    ``difference`` is by how much the best plan found costs more than the plan; the true one lies between ``at_least``
    and ``at_most``, both proven. ``estimate`` is the same difference between two relaxations, proven by nothing, and
    often nearer than the bounds. All in the unit of the explanation.
    """

    region: str
    name: str
    market: str
    chosen: bool
    state: State
    method: Method
    difference: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    estimate: float | None = None
    first_fit: str = ""
    hosted_mw: float = 0.0
    least_mw: float = 0.0
    it_mw_changes: Mapping[str, float] = field(default_factory=dict)
    cost_changes_musd: Mapping[str, float] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    seconds: float = 0.0
    words: str = ""


@dataclass(frozen=True)
class Explanation:
    """Why these regions and not those, for one plan. ``complete``: all that was asked was answered in time."""

    case: str
    plan_sha256: str
    unit: str
    objective: float
    bound: float
    reasons: tuple[Reason, ...]
    complete: bool
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"format": _FORMAT, "version": _VERSION, **asdict(self)}


def write_explanation(found: Explanation, path: str | Path) -> None:
    """Write an explanation as JSON, whole or not at all."""
    write_text(path, json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_explanation(path: str | Path) -> Explanation:
    """Read an explanation.

    Raises:
        InputError: the file is none, or of another version.
    """
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
        if raw.pop("format") != _FORMAT or raw.pop("version") != _VERSION:
            raise ValueError("of another format or version")
        return _from_dict(raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"this is no explanation of a plan: {error}", file=path, expected="explain.json of `grid-opt explain`",
            fix="run `grid-opt explain` on the plan again",
        ) from error  # fmt: skip


def _from_dict(raw: dict[str, Any]) -> Explanation:
    reasons = tuple(
        Reason(**{**one, "turns": tuple(Turn(**turn) for turn in one.get("turns", ()))}) for one in raw["reasons"]
    )
    return Explanation(**{**raw, "reasons": reasons, "notes": tuple(raw.get("notes", ()))})


def with_explanation(plan: xr.Dataset, plan_path: str | Path) -> xr.Dataset:
    """Return a plan with the explanation that lies beside its file, where one does and is of this very plan."""
    path = Path(plan_path).with_name(FILE)
    if not path.is_file():
        return plan
    from grid_opt.plan.io import digest  # noqa: PLC0415 - the NetCDF library, where there is a file to be judged

    try:
        found = read_explanation(path)
    except InputError:
        return plan  # of an infeasible case, or of another version: the plan can be shown without it
    if found.plan_sha256 != digest(plan):
        return plan
    return plan.assign_attrs({ATTRIBUTE: json.dumps(found.to_dict())})


def explanation_of(plan: xr.Dataset) -> Explanation | None:
    """Return the explanation that a plan in memory carries, or ``None``."""
    text = plan.attrs.get(ATTRIBUTE)
    if text is None:
        return None
    raw = json.loads(str(text))
    return _from_dict({key: value for key, value in raw.items() if key not in ("format", "version")})
