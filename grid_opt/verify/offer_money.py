"""Keep the accounts of connections once more: studies, works, security, rent, relief and upgrades."""

from __future__ import annotations

import xarray as xr

from grid_opt.verify.connection import by_region, has_upgrades
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books, worth_today

QUARTERS = 4.0


def _worth(e: Evidence, values: list[float]) -> xr.DataArray:
    return xr.DataArray(values, dims="quarter", coords={"quarter": e.plan["quarter"]})


def _paid_once(e: Evidence) -> xr.DataArray:
    """Return what 1 USD paid in the middle of each quarter is worth."""
    books = Books.of(e.case)
    return _worth(
        e, [worth_today(books.rate, books.middle(int(str(q)[:4]), int(str(q)[5]))) for q in e.labels("quarter")]
    )


def _paid_while_it_runs(e: Evidence) -> xr.DataArray:
    """Return what 1 USD a quarter is worth, paid in every calendar quarter in which a quarter's contracts run."""
    books, last = Books.of(e.case), e.last_quarter
    totals = dict.fromkeys([str(q) for q in e.labels("quarter")], 0.0)
    for year, season in books.quarters_from(books.first_quarter):
        name = f"{year}Q{season}"
        totals[name if name in totals else last] += worth_today(books.rate, books.middle(year, season))
    return _worth(e, list(totals.values()))


def _owned(e: Evidence) -> xr.DataArray:
    books, life = Books.of(e.case), e.case.costs.shell_life_years
    return _worth(e, [books.asset(str(q), life) for q in e.labels("quarter")])


def _regional(e: Evidence, usd: xr.DataArray) -> xr.DataArray:
    return by_region(e, usd).transpose("region", "quarter")


def recomputed_study(e: Evidence) -> xr.DataArray:
    """Return the studies [USD]: paid once for every offer that is taken, when it first comes into force."""
    return _regional(e, e["taken"] * e["offer_study"] * _paid_once(e))


def works_usd(e: Evidence) -> xr.DataArray:
    """Return the overnight money for works of the grid [USD], (region, quarter)."""
    return _regional(e, e["offer_upgrade"] * e["added"])


def recomputed_works(e: Evidence) -> xr.DataArray:
    """Return the present value of those works [USD]; they live as long as the shell."""
    return works_usd(e) * _owned(e)


def recomputed_security(e: Evidence) -> xr.DataArray:
    """Return the time value of securities [USD]: what is posted goes out, what is returned comes back later.

    Entries stand by the quarter through which the money is held: out in its middle, back in the middle of the next; the
    last comes back at the end of the horizon.
    """
    books = Books.of(e.case)
    held = e["offer_security"] * e["contract"]
    out = _paid_once(e)
    end = worth_today(books.rate, books.years)
    back = _worth(e, [*out.values[1:].tolist(), end])
    return _regional(e, held * out - held * back)


def recomputed_rent(e: Evidence) -> xr.DataArray:
    """Return the rents [USD]: three monthly bills in every quarter that a contract runs."""
    monthly = e["offer_rent"] * e["contract"]
    return _regional(e, (monthly + monthly + monthly) * _paid_while_it_runs(e))


def _behind_calls(e: Evidence) -> xr.DataArray:
    return e["backing"].where(e["offer_firm"] < 1.0, 0.0)


def recomputed_relief(e: Evidence) -> xr.DataArray:
    """Return what relief costs that stands ready [USD]: a quarter of its yearly cost in every quarter."""
    yearly = (e["relief_fixed"] * _behind_calls(e)).sum("relief")
    return _regional(e, yearly / QUARTERS * _paid_while_it_runs(e))


def recomputed_calls(e: Evidence) -> xr.DataArray:
    """Return what answering calls costs [USD]: the hours of a year, a quarter of them in each quarter."""
    regions = [str(r) for r in e.labels("region")]
    at = xr.DataArray(
        [regions.index(str(r)) for r in e["offer_region"].values], dims="offer", coords={"offer": e.plan["offer"]}
    )
    each = e["relief_call_cost"].isel(region=at).drop_vars("region")
    mwh = e["call_hours"] * _behind_calls(e)
    return _regional(e, (mwh * each).sum("relief") / QUARTERS * _paid_while_it_runs(e))


def upgrade_usd(e: Evidence) -> xr.DataArray:
    """Return the overnight cost of the upgrades that enter service [USD], (upgrade, quarter)."""
    return e["upgrade_cost"] * (e["built"] - e.before(e["built"]))


def recomputed_upgrades(e: Evidence) -> xr.DataArray:
    """Return the present value of upgrades [USD]."""
    return upgrade_usd(e) * _owned(e)


def connection_outlay(e: Evidence) -> xr.DataArray:
    """Return all overnight money for connections by quarter [USD]: works, and upgrades once for all."""
    if not e.case.connection.menu:
        return xr.zeros_like(e["site"].sum("region"))
    total = works_usd(e).sum("region")
    return total + upgrade_usd(e).sum("upgrade") if has_upgrades(e) else total


def bought_capacity(e: Evidence) -> xr.DataArray:
    """Return the load for which capacity is bought [MW], (region, quarter)."""
    if e.case.connection.menu:
        return e["capacity_bought"]
    own = e["own_capacity"] if e.case.supply.onsite else 0.0
    return e.facility_mw * e.case.connection.coincident_share - own
