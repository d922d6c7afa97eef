"""The kinds of limit that a planner can loosen: how much each must give way, and what that means for its knob."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from grid_opt.config import Case, add_quarters, quarter_ordinal, with_overrides
from grid_opt.solve.elastic import Amounts, Kind, Link, Slack
from grid_opt.solve.limits import Key, Program, Trial, headroom_rows, needed, shared_halls, upgraded_rows

_ROUNDING = 1e-9
_FRACTION = 1e-4
"""Finest part of a hall that shares of a target are told apart by; well above the solver's tolerance."""
_LARGEST_MW = 5000.0
_MOST_SCALE = 1000.0
"""Largest ``fleet.delivery_scale``."""
_LATER = 1e-3
"""Preference for adding MW a step later, per step: among equal amounts the latest is reported."""


def kinds(program: Program) -> list[Kind]:
    """Return every kind of limit that the program has."""
    makers = (_targets, _headroom, _headroom_scale, _surplus, _link_share, _largest, _smallest, _pace, _start, _sites)
    found = [make(program) for make in makers]
    found += [_share(program, "region"), _share(program, "market"), _annual(program), _total(program)]
    found += [_deliveries(program), _filled(program)]
    return [kind for kind in found if kind.slacks]


def number(value: float) -> str:
    """Write a knob's value without needless digits."""
    return f"{value:.12g}"


def round_up(value: float, places: int) -> float:
    """Round up to some decimal places, forgiving what the solver's tolerance may have added."""
    return float(math.ceil(value * 10**places - 1e-6) / 10**places)


def _moved(trial: Trial, values: Mapping[str, tuple[str, str]]) -> Trial:
    """Return the trial with knobs set; ``values`` gives the new and the old value by dotted name."""
    case = with_overrides(trial.case, [f"{knob}={new}" for knob, (new, _) in values.items()])
    moves = tuple(f"{knob} = {new} (now {old})" for knob, (new, old) in values.items())
    return replace(trial, case=case, moves=trial.moves + moves)


def _whole_knob(
    program: Program, constraint: str, words: str, most: float, settle: Callable[[Trial, int], Trial], size: float = 1.0
) -> Kind:
    """Return a kind with one slack shared by all rows of a constraint, in whole steps of ``size`` per row unit."""
    entries = {i: size * program.loosening(i) for i in program.row(constraint).values()}
    slacks = (Slack((), entries, most),) if entries and most >= 1 else ()
    return Kind(constraint, words, slacks, lambda trial, amounts: settle(trial, round(amounts[()])), max(1.0, most))


def _targets(program: Program) -> Kind:
    """Lower named targets, in halls; the halls that shares are of fall with the last one."""
    case, halls = program.case, needed(program.case)
    named, filled = list(case.demand.targets_mw), program.row("fleet.filled")
    hall_filled = case.fleet.filled_share * case.campus.hall_mw
    rules = {q: max((t for t in named if quarter_ordinal(t) <= quarter_ordinal(q)), key=quarter_ordinal, default="")
             for q in case.quarters}  # fmt: skip
    slacks, final = [], halls[case.quarters[-1]]
    row_upper: dict[int, float] = {}
    for target in named:
        entries = {i: 1.0 for (q,), i in program.row("campus.tranche").items() if rules[q] == target}
        entries |= {i: hall_filled for (q,), i in filled.items() if rules[q] == target}
        if target == named[-1]:
            entries |= dict.fromkeys(program.row("campus.programme").values(), 1.0)
            for constraint, share in _shares(case).items():
                for i in program.row(constraint).values():
                    entries[i] = share
                    row_upper[i] = share * final + 1.0 - _FRACTION
        slacks.append(Slack((target,), entries, float(halls[target])))
    links = tuple(
        Link({}, {n + 1: 1.0, n: -1.0}, float(halls[b] - halls[a]))
        for n, (a, b) in enumerate(itertools.pairwise(named))
    )

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        hall, values = case.counted_per_it_mw * case.campus.hall_mw, {}
        for target in named:
            if (fewer := round(amounts[target,])) > 0:
                most = hall * max(0, halls[target] - fewer) + case.committed_mw(target)  # what so few halls meet
                least = max(0.0, case.demand.targets_mw[target] - hall * fewer)  # what the systems were counted for
                mw = math.floor((least if filled else most) * 1000 + 1e-6) / 1000
                values[f"demand.targets_mw.{target}"] = (number(mw), f"{number(case.demand.targets_mw[target])} MW")
        return _moved(trial, values)

    words, scale = "lower the targets", max(1.0, final)
    return Kind("campus.tranche", words, tuple(slacks), settle, scale, links, row_upper, nothing_built=True)


def _shares(case: Case) -> dict[str, float]:
    return {"campus.region_share": case.campus.max_region_share, "campus.market_share": case.campus.max_market_share}


def _final_mw(program: Program) -> float:
    return max(1.0, program.case.target_mw(program.case.quarters[-1]))


def _headroom(program: Program) -> Kind:
    """Add MW of headroom to single regions, from a quarter on."""
    rows, quarters = headroom_rows(program), program.case.quarters
    last = len(quarters) - 1

    def loosened(region: str, first: int) -> dict[int, float]:
        """Return the rows of a region that headroom added from a quarter on loosens, those ahead of it included."""
        return {
            i: program.loosening(i)
            for (r, q), lead, i in rows
            if r == region and min(quarters.index(q) + lead, last) >= first
        }

    slacks = [
        Slack((region, quarter), loosened(region, n), whole=False, weight=1.0 + _LATER * (len(quarters) - n))
        for region in sorted({key[0] for key, _, _ in rows})
        for n, quarter in enumerate(quarters)
    ]

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        added, moves = _accumulated(amounts, [(q, (q,)) for q in quarters])
        return replace(trial, headroom=added, moves=trial.moves + moves)

    words = "connect more load (headroom.csv, as it stands after the knobs of [grid])"
    return Kind("connection.headroom", words, tuple(slacks), settle, _final_mw(program))


Accumulated = tuple[dict[Key, float], tuple[str, ...]]


def _accumulated(amounts: Amounts, steps: list[tuple[str | int, Key]]) -> Accumulated:
    """Sum amounts that stay once they are added; keys are (place, step), places may be tuples.

    Returns MW by place and step, rounded up, and the moves in words.
    """
    added: dict[Key, float] = {}
    moves = []
    for place in sorted({key[0] for key in amounts}, key=str):
        total = before = 0.0
        for step, tail in steps:
            total += amounts[place, step]
            level = round_up(total, 1)
            where = place if isinstance(place, tuple) else (place,)
            if level > 0:
                added[(where[0], *tail, *where[1:])] = level
            if level > before:
                moves.append(f"{' '.join(where)} by {level - before:,.1f} MW from {step} on")
            before = level
    return added, tuple(moves)


def _headroom_scale(program: Program) -> Kind:
    """Scale all headroom at once; not where committed blocks take a fixed part of it."""
    rows, site, scale = headroom_rows(program), program.columns["campus.site"], _grid(program, "scale")
    entries = {i: value for key, _, i in rows if (value := program.entry(i, site[key]))}
    shared = any(block.takes_headroom for block in program.case.connection.committed.values())
    slacks = (Slack((), entries, 100.0, whole=False),) if entries and scale and not shared else ()

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        new = number(round_up(scale * (1.0 + amounts[()]), 3))
        return _moved(trial, {"grid.headroom_scale": (new, number(scale))})

    return Kind("connection.headroom", "scale all headroom", slacks, settle, 1.0)


def _grid(program: Program, what: str) -> float:
    grid = program.case.grid
    return grid.headroom_scale if what == "scale" else grid.link_available_share


def _surplus(program: Program) -> Kind:
    """Let single zones spare more, from a year on."""
    rows, supply = program.row("network.zone_balance"), program.columns.get("network.zone_supply", {})
    years = sorted({int(q[:4]) for q in program.case.quarters})
    slacks = []
    for zone, stress in sorted({(key[0], key[2]) for key in rows}):
        mine = {key: i for key, i in rows.items() if (key[0], key[2]) == (zone, stress)}
        for n, year in enumerate(years):
            entries = {i: program.entry(i, supply[key]) for key, i in mine.items() if int(key[1][:4]) >= year}
            slacks.append(Slack(((zone, stress), year), entries, whole=False, weight=1.0 + _LATER * (len(years) - n)))

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        added, moves = _accumulated(amounts, [(year, (year,)) for year in years])
        return replace(trial, surplus=added, moves=trial.moves + moves)

    words = "have zones spare more at the stress hour (surplus.csv)"
    return Kind("network.zone_balance", words, tuple(slacks), settle, _final_mw(program))


def _link_share(program: Program) -> Kind:
    """Free a larger share of every link."""
    flows, share = program.columns.get("network.link_flow", {}), _grid(program, "links")
    most = 1.0 / share - 1.0 if share else 0.0
    upgraded = {i: -float(program.matrix.row_upper[i]) for i in upgraded_rows(program)}
    slacks = (Slack((), upgraded, most, whole=False),) if flows and most > 0 else ()
    low, high = program.matrix.col_lower, program.matrix.col_upper
    flows = {key: j for key, j in flows.items() if np.isfinite(high[j])}  # those with upgrades have rows
    links = [Link({j: 1.0}, {0: -float(high[j])}, float(high[j])) for j in flows.values()] if slacks else []
    links += [Link({j: -1.0}, {0: float(low[j])}, -float(low[j])) for j in flows.values()] if slacks else []

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        new = number(min(1.0, round_up(share * (1.0 + amounts[()]), 4)))
        return _moved(trial, {"grid.link_available_share": (new, number(share))})

    widened = dict.fromkeys(flows.values(), 1.0 + most)
    words = "free more of the links"
    return Kind("network.link_limit", words, slacks, settle, 1.0, tuple(links), widened=widened)


def _largest(program: Program) -> Kind:
    hall, now = program.case.campus.hall_mw, program.case.campus.max_campus_mw
    halls = math.floor(now / hall + _ROUNDING)

    def settle(trial: Trial, more: int) -> Trial:
        return _moved(trial, {"campus.max_campus_mw": (number(hall * (halls + more)), f"{number(now)} MW")})

    most = math.floor(_LARGEST_MW / hall + _ROUNDING) - halls
    kind = _whole_knob(program, "campus.campus_max", "allow larger campuses", most, settle, hall)
    site, built = program.columns["campus.site"], program.columns["campus.halls"]
    open_only = tuple(Link({built[key]: 1.0, site[key]: -float(halls + most)}, {}, 0.0) for key in built)
    return replace(kind, links=open_only, scale=float(halls))


def _smallest(program: Program) -> Kind:
    hall, now = program.case.campus.hall_mw, program.case.campus.min_campus_mw
    halls = math.ceil(now / hall - _ROUNDING)

    def settle(trial: Trial, fewer: int) -> Trial:
        return _moved(trial, {"campus.min_campus_mw": (number(hall * (halls - fewer)), f"{number(now)} MW")})

    return _whole_knob(program, "campus.campus_min", "allow smaller campuses", halls, settle, hall)


def _pace(program: Program) -> Kind:
    now = program.case.campus.max_halls_per_quarter

    def settle(trial: Trial, more: int) -> Trial:
        return _moved(trial, {"campus.max_halls_per_quarter": (str(now + more), str(now))})

    return _whole_knob(program, "campus.ramp", "commission faster", 1000 - now, settle)


def _sites(program: Program) -> Kind:
    now = program.case.campus.max_sites

    def settle(trial: Trial, more: int) -> Trial:
        return _moved(trial, {"campus.max_sites": (str(now + more), str(now))})

    regions = len({key[0] for key in program.columns["campus.site"]})
    return _whole_knob(program, "campus.max_sites", "allow more campuses", regions - now, settle)


def _start(program: Program) -> Kind:
    """Begin construction earlier, by as many quarters as the plan has at most; slack n: by n quarters or more."""
    quarters, now = program.case.quarters, program.case.campus.earliest_start
    entries: list[dict[int, float]] = [{} for _ in quarters]
    for (region, quarter), i in program.row("campus.site_lead").items():
        position = quarters.index(quarter)
        ready = [sooner for sooner in range(len(quarters) + 1) if program.ready(region, position + sooner)]
        if ready and ready[0]:
            entries[ready[0] - 1][i] = program.loosening(i)
    slacks = tuple(Slack((n + 1,), rows, 1.0) for n, rows in enumerate(entries)) if any(entries) else ()
    links = tuple(Link({}, {n + 1: 1.0, n: -1.0}, 0.0) for n in range(len(slacks) - 1))

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        sooner = sum(round(amount) for amount in amounts.values())
        return _moved(trial, {"campus.earliest_start": (add_quarters(now, -sooner), now)})

    return Kind("campus.site_lead", "begin construction earlier", slacks, settle, float(len(quarters)), links)


def _share(program: Program, what: str) -> Kind:
    """Let a region or a market carry more of the final target, in halls."""
    knob = f"campus.max_{what}_share"
    now: float = getattr(program.case.campus, f"max_{what}_share")
    final = needed(program.case)[program.case.quarters[-1]]

    def settle(trial: Trial, more: int) -> Trial:
        target = needed(trial.case)[trial.case.quarters[-1]]
        share = smallest_share(shared_halls(trial.case, now) + more, target)
        return _moved(trial, {knob: (number(share), number(now))})

    most = final - shared_halls(program.case, now)
    return _whole_knob(program, f"campus.{what}_share", f"allow more in one {what}", most, settle)


def smallest_share(halls: int, target: int) -> float:
    """Return the roundest small share of ``target`` halls that, rounded up, gives ``halls``."""
    for places in range(2, 12):
        share = float(math.floor((halls - 1) / target * 10**places + 1.0 + _ROUNDING) / 10**places)
        if (halls - 1) / target + _ROUNDING < share <= halls / target:
            return share
    return halls / target


def _annual(program: Program) -> Kind:
    rows, now = program.row("budget.annual_budget"), program.case.budget.annual_musd
    slacks = tuple(Slack((year,), {i: program.loosening(i)}, whole=False) for (year,), i in rows.items())

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        values = {}
        for (year,), more in amounts.items():
            if round_up(more, 1) > 0:
                new = number(round_up(now[year] + more, 1))
                values[f"budget.annual_musd.{year}"] = (new, f"{number(now[year])} million USD")
        return _moved(trial, values)

    return Kind("budget.annual_budget", "raise yearly budgets", slacks, settle, max(1.0, sum(now.values())))


def _total(program: Program) -> Kind:
    rows, now = program.row("budget.total_budget"), program.case.budget.total_musd or 0.0
    slacks = tuple(Slack((), {i: program.loosening(i)}, whole=False) for i in rows.values())

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        new = number(round_up(now + amounts[()], 1))
        return _moved(trial, {"budget.total_musd": (new, f"{number(now)} million USD")})

    return Kind("budget.total_budget", "raise the total budget", slacks, settle, max(1.0, now))


def _deliveries(program: Program) -> Kind:
    """Have every vendor deliver more, by one factor."""
    now, matrix = program.case.fleet.delivery_scale, program.matrix
    entries = {i: -float(matrix.row_upper[i]) for i in program.row("fleet.deliveries").values()}
    entries |= {i: -float(matrix.row_lower[i]) for i in program.row("fleet.take_or_pay").values()}
    entries = {i: value for i, value in entries.items() if value}
    slacks = (Slack((), entries, _MOST_SCALE / now - 1.0, whole=False),) if entries else ()

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        new = number(round_up(now * (1.0 + amounts[()]), 4))
        return _moved(trial, {"fleet.delivery_scale": (new, number(now))})

    return Kind("fleet.deliveries", "have more systems delivered", slacks, settle, 1.0)


def _filled(program: Program) -> Kind:
    """Let halls of a committed target stand emptier."""
    rows, now = program.row("fleet.filled"), program.case.fleet.filled_share
    entries = {i: float(program.matrix.row_lower[i]) for i in rows.values()}
    slacks = (Slack((), entries, 1.0, whole=False),) if entries else ()

    def settle(trial: Trial, amounts: Amounts) -> Trial:
        new = number(math.floor(now * (1.0 - amounts[()]) * 1e4 + 1e-6) / 1e4)
        return _moved(trial, {"fleet.filled_share": (new, number(now))})

    return Kind("fleet.filled", "leave more of the committed halls empty", slacks, settle, 1.0)
