"""Check that the plans of a stochastic study have their first stage in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, Rule, at_most, equal
from grid_opt.verify.evidence import Evidence, MissingError
from grid_opt.verify.risk_study import KEPT, PLANS, check, plans_of, stage_of


def _decided(e: Evidence, kind: str, dim: str) -> list[tuple[str, xr.DataArray, dict[str, xr.Dataset]]]:
    """Return the first stages of a kind with the plans that must keep them: the stochastic one, and the reference's."""
    found = []
    for folder, name in ((PLANS, kind), (KEPT, f"reference_{kind}")):
        if name not in e.plan:
            raise MissingError(f"the study has no variable {name!r}")
        if e.plan[name].dims != (dim,):
            raise MissingError(f"variable {name!r} has dimensions {e.plan[name].dims}, not {(dim,)}")
        found.append((folder, e.plan[name].astype(float), plans_of(e).of[folder]))
    return found


def _asked(e: Evidence, group: str, dim: str) -> bool:
    """Return whether a group is in the first stage and its plans have choices of the kind."""
    return group in stage_of(e) and any(dim in plan.dims for plan in plans_of(e).of[PLANS].values())


Pair = tuple[xr.DataArray, xr.DataArray, xr.DataArray]
Reader = Callable[[xr.Dataset], tuple[xr.DataArray, xr.DataArray]]


def _pairs(e: Evidence, kind: str, dim: str, read: Reader) -> list[Pair]:
    """Return, for each plan, what it has, what was decided, and the share of that which it can give at most."""
    found = []
    for _, decided, plans in _decided(e, kind, dim):
        most: dict[str, float] = {}
        for plan in plans_of(e).of[PLANS].values():
            _, can = read(plan)
            for label, value in zip(can[dim].values.tolist(), can.values.tolist(), strict=True):
                most[label] = max(most.get(label, 0.0), value)
        for name, plan in plans.items():
            has, can = read(plan)
            labels = [f"{name}: {label}" for label in has[dim].values.tolist()]
            wanted = decided.reindex({dim: has[dim].values}, fill_value=0.0)
            best = np.array([most.get(label, 0.0) for label in has[dim].values.tolist()])
            share = np.where(best > 0, can.values / np.where(best > 0, best, 1.0), 1.0)
            found.append(
                tuple(xr.DataArray(v, coords={"of": labels}, dims="of") for v in (has.values, wanted.values, share))
            )
    return [(one[0], one[1], one[2]) for one in found]


def _of_reference(kind: str, dim: str, read: Reader) -> Rule:
    """Ask that the reference's first stage in the study be that of its plan."""

    def rule(e: Evidence) -> Excess:
        plan, stated = plans_of(e).reference, e.plan.get(f"reference_{kind}")
        if plan is None or stated is None or dim not in plan.dims:
            return _joined([])
        has, _ = read(plan)
        wanted = stated.astype(float).reindex({dim: has[dim].values}, fill_value=0.0)
        labels = [str(label) for label in has[dim].values]
        return equal(*(xr.DataArray(v.values, coords={"of": labels}, dims="of") for v in (has, wanted)))

    return rule


def _joined(excesses: list[Excess]) -> Excess:
    if not excesses:
        return Excess(xr.DataArray(np.zeros(0), dims="of"), 0.0)
    tolerances = [xr.zeros_like(one.amount) + one.tolerance for one in excesses]
    return Excess(xr.concat([one.amount for one in excesses], dim="of"), xr.concat(tolerances, dim="of"))


def _same(group: str, kind: str, dim: str, read: Reader) -> Rule:
    def rule(e: Evidence) -> Excess:
        if not _asked(e, group, dim):
            return _joined([])
        return _joined([equal(has, wanted) for has, wanted, _ in _pairs(e, kind, dim, read)])

    return rule


def _within(group: str, kind: str, dim: str, read: Reader, side: str) -> Rule:
    def rule(e: Evidence) -> Excess:
        if not _asked(e, group, dim):
            return _joined([])
        pairs = _pairs(e, kind, dim, read)
        if side == "most":
            return _joined([at_most(has, wanted) for has, wanted, _ in pairs])
        return _joined([at_most(share * wanted, has) for has, wanted, share in pairs])

    return rule


def _site(plan: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    site = plan["site"].isel(quarter=-1, drop=True).astype(float)
    return site, xr.ones_like(site)


def _request(plan: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the MW under contract, and those there are, in the last quarter in which each offer has any."""
    cap = plan["offer_cap"].transpose("offer", "quarter")
    order = xr.DataArray(np.arange(cap.sizes["quarter"]), dims="quarter", coords={"quarter": cap["quarter"]})
    last = order.where(cap > 0, -1).max("quarter").astype(int)
    at = xr.DataArray(last.values, coords={"offer": cap["offer"].values}, dims="offer")
    has = plan["contract"].transpose("offer", "quarter").isel(quarter=at).drop_vars("quarter", errors="ignore")
    return has, cap.isel(quarter=at).drop_vars("quarter", errors="ignore")


def _study_paid(plan: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return which of the offers with a study or a least size are taken."""
    choice = ((plan["offer_study"].max("quarter") > 0) | (plan["offer_least"] > 0)).values
    taken = plan["taken"].isel(offer=np.flatnonzero(choice)).astype(float)
    return taken, xr.ones_like(taken)


def _order(plan: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    last = {"quarter": -1}
    return plan["own_mw"].isel(last, drop=True), plan["own_most"].isel(last, drop=True)


def _contract(plan: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    return plan["ppa_mw"], xr.ones_like(plan["ppa_mw"])


_KINDS: Final[dict[str, tuple[str, str, Reader, str]]] = {
    "sites": ("sites", "region", _site, "1"),
    "requests": ("connections", "offer", _request, "MW"),
    "studies": ("connections", "offer", _study_paid, "1"),
    "orders": ("equipment", "own", _order, "MW"),
    "contracts": ("contracts", "ppa", _contract, "MW"),
}
"""Group, dimension, reader and unit of every kind of choice made ahead."""

_SAME: Final = {
    "risk.one_site": ("sites", "Campuses stand in the same regions in every scenario."),
    "risk.one_study": ("studies", "Offers with a study or a least size are taken in all scenarios or in none."),
    "risk.one_contract": ("contracts", "Long contracts are the same in every scenario."),
}
_WITHIN: Final = {
    "risk.requested_most": ("requests", "No scenario contracts more than was requested."),
    "risk.requested_least": ("requests", "Every scenario contracts the share of a request that it can give."),
    "risk.ordered_most": ("orders", "No scenario has more equipment on site at the end than was ordered."),
    "risk.ordered_least": ("orders", "Every scenario has the share of an order that it can have by then."),
}

for _name, (_kind, _words) in _SAME.items():
    _group, _dim, _read, _unit = _KINDS[_kind]
    check(_name, _words, _unit)(_same(_group, _kind, _dim, _read))
for _name, (_kind, _words) in _WITHIN.items():
    _group, _dim, _read, _unit = _KINDS[_kind]
    check(_name, _words, _unit)(_within(_group, _kind, _dim, _read, _name.rsplit("_", 1)[1]))
for _kind, (_, _dim, _read, _unit) in _KINDS.items():
    check(f"study.reference_{_kind}", f"What the reference decides ahead is what its plan does: {_kind}.", _unit)(
        _of_reference(_kind, _dim, _read)
    )
