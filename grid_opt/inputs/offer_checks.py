"""Check that the tables of the interconnection menu agree with each other and say what can be meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from grid_opt.config import quarter_ordinal
from grid_opt.errors import InputError

FIRST_ROW = 2
Tables = Mapping[str, pd.DataFrame]


def check_offers(tables: Tables) -> None:
    """Refuse offers, rules, relief and upgrades that do not fit together.

    Errors: InputError naming the file, the row, the field, the value, what was expected and how to mend it.
    """
    known_places = places(tables)
    for number, row in rows(tables, "calendar"):
        require_known(tables, "calendar", number, "applies_to", row.applies_to, known_places)
    thresholds: dict[str, tuple[int, float]] = {}
    for number, row in rows(tables, "offers"):
        for token in row.applies_to.split():
            require_known(tables, "offers", number, "applies_to", token.removeprefix("-"), known_places)
        _dates(tables, number, row)
        _mw(tables, number, row)
        _terms(tables, number, row)
        _threshold(tables, number, row, thresholds)
    links = set(tables["links"]["from_zone"] + ">" + tables["links"]["to_zone"])
    for number, row in rows(tables, "upgrades"):
        known = set(tables["regions"]["region"]) if row.target == "region" else links
        require_known(tables, "upgrades", number, "place", row.place, known)
        if row.forward_mw + row.reverse_mw <= 0:
            raise refusal(tables, "upgrades", number, "forward_mw", row.forward_mw, "the upgrade adds nothing",
                          "some MW forward or in reverse", "give the MW that it adds, or remove the row")  # fmt: skip


def rows(tables: Tables, name: str) -> Iterator[tuple[int, Any]]:
    """Return the rows of a table with their line numbers."""
    return enumerate(tables[name].itertuples(index=False), start=FIRST_ROW)


def places(tables: Tables) -> set[str]:
    """Return every name that a row may apply to: regions, markets and "all"."""
    zones = tables["zones"]
    return {"all"} | set(tables["regions"]["region"]) | set(zones["market"])


def refusal(
    tables: Tables, name: str, row: int, field: str, value: object, problem: str, expected: str, fix: str
) -> InputError:
    """Return the error for a cell, with what was expected and how to mend it."""
    file = str(tables[name].attrs.get("file", f"{name}.csv"))
    return InputError(problem, file=file, row=row, field=field, value=value, expected=expected, fix=fix)


def require_known(tables: Tables, name: str, row: int, field: str, value: str, known: set[str]) -> None:
    """Refuse a name that the other tables do not know, with the nearest one that they do."""
    if value in known:
        return
    near = difflib.get_close_matches(value, sorted(known), n=1, cutoff=0.5)
    raise refusal(
        tables, name, row, field, value, f"unknown {field}", "a name that the other tables know",
        f"did you mean {near[0]}?" if near else "correct the name",
    )  # fmt: skip


def _dates(tables: Tables, number: int, row: Any) -> None:
    rules = dict(zip(tables["calendar"]["rule"], tables["calendar"]["quarter"], strict=True))
    for field in ("starts_with", "ends_with"):
        if getattr(row, field):
            require_known(tables, "offers", number, field, getattr(row, field), set(rules))
    if row.lead_quarters and not row.request_quarter:
        raise refusal(
            tables, "offers", number, "lead_quarters", row.lead_quarters, "a lead time without a request to count from",
            "request_quarter filled in, or lead_quarters 0", "give the quarter in which the request was entered",
        )  # fmt: skip
    starts = [quarter_ordinal(rules[row.starts_with])] if row.starts_with else []
    starts += [quarter_ordinal(row.request_quarter) + row.lead_quarters] if row.request_quarter else []
    ends = [quarter_ordinal(row.last_quarter)] if row.last_quarter else []
    ends += [quarter_ordinal(rules[row.ends_with]) - 1] if row.ends_with else []
    if starts and ends and min(ends) < max(starts):
        raise refusal(
            tables, "offers", number, "last_quarter", row.last_quarter or row.ends_with,
            "the offer ends before it begins", "an end no earlier than request and rule allow", "correct the dates",
        )  # fmt: skip


def _mw(tables: Tables, number: int, row: Any) -> None:
    own = row.mw + row.share_of_peak
    if row.mw_rule == "headroom" and (own > 0 or row.ladder):
        field = "ladder" if row.ladder else "mw"
        raise refusal(
            tables, "offers", number, field, getattr(row, field), "an offer on the headroom has no MW of its own",
            "mw 0, share_of_peak 0 and no ladder", 'set mw_rule to "own", or clear the cells',
        )  # fmt: skip
    if row.mw_rule == "own" and own <= 0:
        raise refusal(tables, "offers", number, "mw", row.mw, "an offer with MW of its own has none",
                     "mw or share_of_peak above 0", "give the MW in each region")  # fmt: skip
    if row.mw_rule == "own" and row.ahead_quarters > 0:
        raise refusal(
            tables, "offers", number, "ahead_quarters", row.ahead_quarters, "MW of its own are not ahead of headroom",
            "0 where mw_rule is own", "date the MW with a ladder or a request",
        )  # fmt: skip
    if row.least_mw > row.most_mw:
        raise refusal(tables, "offers", number, "least_mw", row.least_mw, "the least MW are above the most",
                     f"at most most_mw {row.most_mw:g}", "correct one of them")  # fmt: skip


def _terms(tables: Tables, number: int, row: Any) -> None:
    if row.firm_share < 1 and row.call_hours <= 0:
        raise refusal(
            tables, "offers", number, "call_hours", row.call_hours, "MW that are not firm can be called",
            "hours a year above 0", "give the hours, or set firm_share to 1",
        )  # fmt: skip
    if row.firm_share >= 1 and row.call_hours + row.call_hours_own_supply > 0:
        raise refusal(
            tables, "offers", number, "call_hours", row.call_hours, "firm MW are never called",
            "0 hours where firm_share is 1", "lower firm_share, or set the hours to 0",
        )  # fmt: skip
    if row.call_hours_own_supply > row.call_hours:
        raise refusal(
            tables, "offers", number, "call_hours_own_supply", row.call_hours_own_supply,
            "load with supply of its own is called longer than load without",
            f"at most call_hours {row.call_hours:g}", "correct one of them",
        )  # fmt: skip


def _threshold(tables: Tables, number: int, row: Any, seen: dict[str, tuple[int, float]]) -> None:
    """Refuse a regime without a threshold, the reverse, and two thresholds in one region."""
    from grid_opt.inputs.offers import regions_of  # noqa: PLC0415 - offers are read after they are checked

    if (row.regime == "any") != (row.threshold_mw == 0):
        raise refusal(
            tables, "offers", number, "threshold_mw", row.threshold_mw, "a regime goes with a threshold",
            'MW above 0 for "below" and "from", 0 for "any"', "correct regime or threshold_mw",
        )  # fmt: skip
    if row.regime == "any":
        return
    for region in regions_of(row.applies_to, tables["zones"], tables["regions"]["region"].tolist()):
        earlier = seen.setdefault(region, (number, row.threshold_mw))
        if earlier[1] != row.threshold_mw:
            raise refusal(
                tables, "offers", number, "threshold_mw", row.threshold_mw,
                f"{region} has another threshold in row {earlier[0]}", f"{earlier[1]:g} MW, one threshold in a region",
                "use one threshold, or let the offers apply to different regions",
            )  # fmt: skip
