"""Check how requests are served: demand, latency, speed, software, systems in use, and the power that it takes."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import FEASIBILITY, Excess, at_most, check, equal, not_negative, stack
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.fleet import has_fleet

WHEN = ("year", "season", "block")


def at_quarters(e: Evidence, array: xr.DataArray) -> xr.DataArray:
    """Return an array by quarter as one by (year, season): what stands or is wanted then."""
    rows = [e.quarter_rows(int(year)) for year in e.labels("year")]
    coords = {"year": e.plan["year"], "season": [1, 2, 3, 4]}
    return array.sel(quarter=xr.DataArray(rows, dims=("year", "season"), coords=coords)).drop_vars("quarter")


def by_stream(e: Evidence, array: xr.DataArray) -> xr.DataArray:
    """Return an array by class as one by stream."""
    classes = [str(name) for name in e.labels("class")]
    at = [classes.index(name) for name in e["stream_class"].values.tolist()]
    found = array.isel({"class": xr.DataArray(at, dims="stream", coords={"stream": e.plan["stream"]})})
    return found.drop_vars("class")


def wanted(e: Evidence) -> xr.DataArray:
    """Return the output wanted [million tokens/s], (stream, year, season, block)."""
    return (at_quarters(e, e["stream_demand"]) / 1e6).transpose("stream", *WHEN)


def output(e: Evidence) -> xr.DataArray:
    """Return what the systems put out [million tokens/s], (stream, accelerator, region, year, season, block)."""
    return e["serving"] * by_stream(e, e["tokens_per_system"]) / 1e6


@check("service.balance", "What is wanted is served, put off, or not served.", "million tokens/s", when=has_fleet)
def balance(e: Evidence) -> Excess:
    """Add up what comes out of all systems, what is put off and what is missed."""
    out = output(e).sum(("accelerator", "region"))
    found = (out + e["deferred"] + e["unserved"]).transpose("stream", *WHEN)
    return equal(found, wanted(e))


@check("service.serving", "Only regions within the latency serve, on systems that reach the speed.", "1",
       when=has_fleet)  # fmt: skip
def serving(e: Evidence) -> Excess:
    """Ask for at least 0, and for 0 where a request may not go."""
    able = (by_stream(e, e["tokens_per_system"]) > 0) & (e["stream_reach"] == 1)
    busy = e["serving"]
    return stack(at_most(-busy, 0.0), at_most(busy.where(~able, 0.0), 0.0))


@check("service.unserved", "Neither less than nothing nor more than is wanted is missed.", "million tokens/s",
       when=has_fleet)  # fmt: skip
def unserved(e: Evidence) -> Excess:
    """Ask for a value between 0 and what is wanted, with what is served here for other hours."""
    missed = e["unserved"]
    return stack(at_most(-missed, 0.0, wanted(e)), at_most(missed, wanted(e) - e["deferred"].clip(max=0.0)))


@check("service.deferred", "No more is put off than can wait.", "million tokens/s", when=has_fleet)
def deferred(e: Evidence) -> Excess:
    """Compare what is put off with the share of the class that can wait; others put off nothing, nor serve it."""
    can_wait = by_stream(e, e["class_deferrable"])
    put_off = e["deferred"]
    early = (-put_off).where(can_wait == 0, 0.0)
    return stack(at_most(early, 0.0, wanted(e)), at_most(put_off, can_wait * wanted(e)))


@check("service.deferral", "What is put off is served on the same day.", "million tokens/s h", when=has_fleet)
def deferral(e: Evidence) -> Excess:
    """Add up over the hours of every calendar quarter's day."""
    moved = e["deferred"] * e["block_hours"]
    left = moved.sum("block").transpose("stream", "year", "season")
    return equal(left, 0.0, abs(moved).sum("block").transpose("stream", "year", "season"))


@check("service.capacity", "Systems that serve or prefill stand in the region, with some to spare.", "1",
       when=has_fleet)  # fmt: skip
def capacity(e: Evidence) -> Excess:
    """Count the systems in use in the busiest hour of every block, those that prefill for others included."""
    busy = e["serving"] * e["stream_peak"]
    beside = (busy * by_stream(e, e["pool_systems"])).sum("stream")
    used = busy.sum("stream")
    machines = [str(name) for name in e.labels("accelerator")]
    for name, helper in zip(machines, e["accelerator_pool"].values.tolist(), strict=True):
        if helper:
            used.loc[{"accelerator": str(helper)}] += beside.sel(accelerator=name)
    standing = at_quarters(e, e["systems"])
    order = ("accelerator", "region", *WHEN)
    most = (standing * e.case.fleet.busiest_share).broadcast_like(used).transpose(*order)
    return at_most(used.transpose(*order), most)


@check("service.ported", "A class runs on a software from one quarter on, or not at all.", "1", when=has_fleet)
def ported(e: Evidence) -> Excess:
    """Ask for 0 or 1."""
    value = e["ported"]
    return equal(value, value.round().clip(0, 1))


@check("service.port_once", "A class is ported once.", "1", when=has_fleet)
def port_once(e: Evidence) -> Excess:
    """Count the quarters."""
    return at_most(e["ported"].sum("vintage"), 1.0)


@check("service.software", "Software serves no more of a stream than it was made ready for.", "million tokens/s",
       when=has_fleet)  # fmt: skip
def software(e: Evidence) -> Excess:
    """Add up, for every software that must be ported, what its systems put out, and compare it with what is ready."""
    runs = e["accelerator_software"].values
    first = e.labels("quarter")[0]
    rows = []
    for name in e.labels("software"):
        at_once = float(e["software_ready"].sel(software=name, vintage=first, quarter=first))
        if at_once >= 1 and float(e["porting_cost"].sel(software=name)) == 0:
            continue
        out = output(e).isel(accelerator=np.flatnonzero(runs == name)).sum(("accelerator", "region"))
        share = (e["software_ready"] * e["ported"]).sel(software=name).sum("vintage")
        limit = by_stream(e, at_quarters(e, share)) * wanted(e)
        rows.append(at_most(out.transpose("stream", *WHEN), limit.transpose("stream", *WHEN)).amount)
    if not rows:
        return Excess(xr.DataArray(np.zeros(0), dims="row"), 0.0)
    amount = xr.concat(rows, dim="software", coords="minimal", compat="override")
    return Excess(amount, FEASIBILITY * wanted(e).clip(min=1.0))


not_negative("service.it_load", "Computers do not give power.", "MW", when=has_fleet)


@check("service.load", "Power follows the work, between idle and full.", "MW", when=has_fleet)
def load(e: Evidence) -> Excess:
    """Add up systems that idle, systems that serve, and systems that prefill."""
    standing = at_quarters(e, e["systems"])
    idle_mw, busy_mw = e["system_idle_mw"], by_stream(e, e["system_busy_mw"])
    total = (standing * idle_mw).sum("accelerator") + (e["serving"] * (busy_mw - idle_mw)).sum(
        ("accelerator", "stream")
    )
    machines = [str(name) for name in e.labels("accelerator")]
    for name, helper in zip(machines, e["accelerator_pool"].values.tolist(), strict=True):
        if helper:
            pool = (e["serving"] * by_stream(e, e["pool_systems"])).sel(accelerator=name).sum("stream")
            above = float(e["system_full_mw"].sel(accelerator=helper) - idle_mw.sel(accelerator=helper))
            total = total + pool * above
    return equal(e["it_load"], total.transpose("region", *WHEN))
