"""Say in a planner's words why a region was chosen or not, and what would change that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from grid_opt.plan.explanation import Method, Reason, Turn
from grid_opt.report.terminal import COST_WORDS
from grid_opt.study.explain.levers import Lever

MONEY = "million USD"
_LABELS: Mapping[Method, str] = {
    "re-solved": "solved again", "re-solved, gap open": "solved again", "relaxation": "estimate",
    "not known": "not known",
}  # fmt: skip
_NAMES = {"headroom": "how much more headroom would do", "sooner": "how much earlier", "price": "at which price"}
_SMALL = 0.005
_NAMED = 3


def amount(value: float, unit: str) -> str:
    """Write a difference of objectives: money, or a share of the tokens where the most of them are asked for."""
    if unit == MONEY:
        return f"${value:,.1f} million" if abs(value) >= _SMALL else "nothing"
    return f"{1e-4 * value:,.4f} % of all tokens"


def explain(reason: Reason, unit: str) -> str:
    """Return the sentences of one region."""
    said = _chosen(reason, unit) if reason.chosen else _rejected(reason, unit)
    said += [] if reason.chosen else _turns(reason.turns)
    return " ".join(said)


def _chosen(reason: Reason, unit: str) -> list[str]:
    if reason.state == "impossible":
        return ["Needed: without it no plan meets every limit."]
    said = [_difference(reason, unit, "Without it the plan is", "Without it")]
    if instead := _power(reason.it_mw_changes, reason.region):
        said.append(f"In its place: {instead}.")
    return [*said, *_dearer(reason, unit)]


def _rejected(reason: Reason, unit: str) -> list[str]:
    if reason.state == "impossible":
        if reason.hosted_mw + 1e-6 < reason.least_mw:
            return [
                f"No campus fits: headroom and offers hold {reason.hosted_mw:,.0f} MW IT by the end of the plan, the "
                f"smallest campus has {reason.least_mw:,.0f} MW."
            ]
        return ["No plan that meets every limit has a campus here."]
    said = [_difference(reason, unit, "With a campus forced in, the plan is", "With a campus forced in")]
    if taken := _power({region: -mw for region, mw in reason.it_mw_changes.items()}, reason.region, "-"):
        said.append(f"Its {reason.it_mw_changes.get(reason.region, 0.0):,.0f} MW would come from: {taken}.")
    return [*said, *_dearer(reason, unit)]


def _difference(reason: Reason, unit: str, is_: str, then: str) -> str:
    if reason.state == "not known":
        return f"{then}, no plan was found in time, and no bound."
    proven = _proven(reason, unit)
    if reason.difference is None:
        about = amount(max(0.0, reason.estimate or 0.0), unit)
        return f"{is_} about {about} worse, as the relaxation estimates{proven}."
    if reason.difference < -_SMALL:
        return (
            f"{then}, solving again found a plan {amount(-reason.difference, unit)} better than this one, "
            "as its gap admits."
        )
    more = amount(max(0.0, reason.difference), unit)
    open_ = "" if reason.method == "re-solved" else "; the search was cut short"
    return f"{is_} {more} worse, solved again{proven}{open_}."


def _proven(reason: Reason, unit: str) -> str:
    low, high = reason.at_least, reason.at_most
    if low is not None and high is not None and amount(low, unit) != amount(high, unit):
        about = "" if reason.estimate is None else f"; the relaxation estimates {amount(reason.estimate, unit)}"
        return f" (proven: between {amount(low, unit)} and {amount(high, unit)}{about})"
    if high is None and low is not None and low > _SMALL:
        return f" (proven: at least {amount(low, unit)})"
    return ""


def _power(changes: Mapping[str, float], but: str, sign: str = "+") -> str:
    gains = sorted(((mw, r) for r, mw in changes.items() if mw > 0 and r != but), reverse=True)
    return ", ".join(f"{r} {sign}{mw:,.0f} MW" for mw, r in gains[:_NAMED])


def _dearer(reason: Reason, unit: str) -> list[str]:
    """Name what costs more, and what less, where the plan was solved again."""
    if unit != MONEY or not reason.cost_changes_musd:
        return []
    shown = [(term, musd) for term, musd in reason.cost_changes_musd.items() if abs(musd) >= 0.05][:_NAMED]
    named = [f"{_called(term)} {musd:+,.1f}" for term, musd in shown]
    return [f"Largest changes, million USD: {', '.join(named)}."] if named else []


def _called(term: str) -> str:
    words = COST_WORDS.get(term, term.replace("_", " "))
    return words[:1].lower() + words[1:]


def _turns(turns: Sequence[Turn]) -> list[str]:
    does = [turn for turn in turns if turn.amount is not None]
    fails = [turn for turn in turns if turn.amount is None and turn.method != "not known"]
    said = []
    if does:
        said.append(f"It would be as good as this plan with {_either([turn.words for turn in does])}.")
    if fails:
        said.append(f"Not even {' or '.join(turn.words for turn in fails)} would do.")
    if unknown := [_NAMES[turn.lever] for turn in turns if turn.method == "not known"]:
        said.append(f"Not known in time: {', '.join(unknown)}.")
    return said


def _either(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, or {parts[-1]}"


def turn_words(
    lever: Lever, found: float | None, tried: float, method: Method, smallest: bool, now: float, since: str
) -> str:
    """Return the words of one lever: the change that does, with how that is known, or the most that does not."""
    value = tried if found is None else found
    if lever == "headroom":
        said = f"{value:,.0f} MW more headroom from {since} on"
    elif lever == "sooner":
        said = f"{_quarters(value)} earlier"
    else:
        dearer = "" if smallest or found is None else " or a little dearer,"
        said = f"wholesale power at ${now - value:,.1f}/MWh{dearer} instead of ${now:,.1f}/MWh"
    if found is None:
        return said
    less = "" if smallest or lever == "price" else "at most "
    return f"{less}{said} ({_LABELS[method]})"


def _quarters(value: float) -> str:
    names = {1: "one quarter", 2: "two quarters", 3: "three quarters", 4: "four quarters"}
    number = round(value)
    return names.get(number, f"{number} quarters")


def finite(value: float) -> float | None:
    """Return a number that JSON can carry, or ``None``."""
    return float(value) if math.isfinite(value) else None
