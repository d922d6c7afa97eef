"""Count tokens and their worth once more: those forgone, penalties, porting, and the share that is missed."""

from __future__ import annotations

import xarray as xr

from grid_opt.verify.evidence import Evidence
from grid_opt.verify.ledger import Books, quarter_count, worth_today
from grid_opt.verify.service import by_stream, wanted


def _missed_mtok(e: Evidence) -> xr.DataArray:
    """Return the million tokens missed in every block of every calendar quarter, (stream, year, season, block)."""
    return e["unserved"] * e["block_hours"] * 3600.0


def _worth(e: Evidence, usd_per_mtok: xr.DataArray) -> xr.DataArray:
    """Return what the tokens missed come to at a price [USD, present value], (stream, year)."""
    books = Books.of(e.case)
    rows = [[books.bill(int(year), season) for season in (1, 2, 3, 4)] for year in e.labels("year")]
    today = xr.DataArray(rows, coords={"year": e.plan["year"], "season": [1, 2, 3, 4]}, dims=("year", "season"))
    usd = _missed_mtok(e).sum("block") * by_stream(e, usd_per_mtok) * today
    return usd.sum("season").transpose("stream", "year")


def recomputed_forgone(e: Evidence) -> xr.DataArray:
    """Return the worth of the tokens missed [USD], (stream, year)."""
    return _worth(e, e["class_worth"])


def recomputed_penalty(e: Evidence) -> xr.DataArray:
    """Return the penalties for the tokens missed [USD], (stream, year)."""
    return _worth(e, e["class_penalty"])


def recomputed_porting(e: Evidence) -> xr.DataArray:
    """Return what moving classes to other software costs [USD], (software, class); paid in the middle of a quarter."""
    books = Books.of(e.case)
    today = [
        worth_today(books.rate, quarter_count(books.first_quarter, str(q)) / 4 + 1 / 8) for q in e.labels("vintage")
    ]
    factor = xr.DataArray(today, coords={"vintage": e.plan["vintage"]}, dims="vintage")
    return ((e["ported"] * factor).sum("vintage") * e["porting_cost"] * 1e6).transpose("software", "class")


def missed_share(e: Evidence) -> float:
    """Return the share of all tokens wanted over all years that is missed [1]."""
    books = Books.of(e.case)
    years = xr.DataArray(
        [float(len(books.calendar_years(int(y)))) for y in e.labels("year")], coords={"year": e.plan["year"]}
    )
    all_wanted = float((wanted(e) * e["block_hours"] * 3600.0 * years).sum())
    return float((_missed_mtok(e) * years).sum()) / all_wanted if all_wanted else 0.0
