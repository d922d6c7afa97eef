"""Lay out why each region was chosen or not, where that was asked (`grid-opt explain`), as a table."""

from __future__ import annotations

import math

import pandas as pd
import xarray as xr

from grid_opt.plan.explanation import Reason, explanation_of

_MONEY = "million USD"
_TURNS = {
    "headroom": "turns_with_headroom_mw",
    "sooner": "turns_with_quarters_sooner",
    "price": "turns_with_price_cut_usd_per_mwh",
}
_AMOUNTS = ("difference", "at_least", "at_most", "estimate")


def has_reasons(plan: xr.Dataset) -> bool:
    """Return whether a plan carries an explanation."""
    return explanation_of(plan) is not None


def why_table(plan: xr.Dataset) -> pd.DataFrame:
    """Return one row per region that was explained, in the order of the explanation.

    What a case that asks for the most tokens gains or loses is no money: its differences are told in words alone.
    """
    found = explanation_of(plan)
    reasons = () if found is None else found.reasons
    money = found is not None and found.unit == _MONEY
    return pd.DataFrame([_row(reason, money=money) for reason in reasons], columns=list(_COLUMNS))


_COLUMNS = (
    "region", "name", "market", "chosen", "told_by", *(f"{name}_musd" for name in _AMOUNTS), "first_fit",
    *_TURNS.values(), "why",
)  # fmt: skip


def _row(reason: Reason, *, money: bool) -> dict[str, object]:
    amounts = {f"{name}_musd": _number(getattr(reason, name) if money else None) for name in _AMOUNTS}
    turns = {_TURNS[turn.lever]: _number(turn.amount) for turn in reason.turns}
    return {
        "region": reason.region, "name": reason.name, "market": reason.market, "chosen": int(reason.chosen),
        "told_by": reason.method if reason.state == "priced" else reason.state, **amounts,
        "first_fit": reason.first_fit, **dict.fromkeys(_TURNS.values(), math.nan), **turns, "why": reason.words,
    }  # fmt: skip


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
