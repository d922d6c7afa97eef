"""Check that the loss of any one region leaves systems for what the protected classes are served."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, stack
from grid_opt.verify.evidence import Evidence
from grid_opt.verify.service import at_quarters, by_stream, output


def survives(e: Evidence) -> bool:
    """Whether the case asks for it."""
    return e.case.has_fleet and e.case.fleet.region_loss


def _protected(e: Evidence) -> xr.DataArray:
    return by_stream(e, e["class_protected"]) > 0


@check("resilience.backup", "Protected requests go where they may go, and not to the lost region.", "1", when=survives)
def backup(e: Evidence) -> Excess:
    """Ask for at least 0, and for 0 where no request may go."""
    lost, regions = e.labels("lost"), e.labels("region")
    gone = xr.DataArray(
        np.array([[x == r for r in regions] for x in lost]),
        coords={"lost": e.plan["lost"], "region": e.plan["region"]}, dims=("lost", "region"),
    )  # fmt: skip
    able = (by_stream(e, e["tokens_per_system"]) > 0) & (e["stream_reach"] == 1) & _protected(e) & ~gone
    systems = e["backup"]
    return stack(at_most(-systems, 0.0), at_most(systems.where(~able, 0.0), 0.0))


@check("resilience.served", "Protected requests that are served still are when a region is lost.", "million tokens/s",
       when=survives)  # fmt: skip
def served(e: Evidence) -> Excess:
    """Compare what comes out in every region's loss with what comes out otherwise, in every block's busiest hour."""
    out = (e["backup"] * by_stream(e, e["tokens_per_system"]) / 1e6).sum(("accelerator", "region"))
    usual = (output(e).sum(("accelerator", "region")) * e["stream_peak"]).where(_protected(e), 0.0)
    order = ("lost", "stream", "year", "season", "block")
    usual, out = xr.broadcast(usual, out)
    return at_most(usual.transpose(*order), out.transpose(*order))


@check("resilience.capacity", "When a region is lost, the systems that take over stand in the others.", "1",
       when=survives)  # fmt: skip
def capacity(e: Evidence) -> Excess:
    """Count the systems that serve or prefill, and compare them with those that stand."""
    used = e["backup"].sum("stream")
    beside = (e["backup"] * by_stream(e, e["pool_systems"])).sum("stream")
    machines = [str(name) for name in e.labels("accelerator")]
    for name, helper in zip(machines, e["accelerator_pool"].values.tolist(), strict=True):
        if helper:
            used.loc[{"accelerator": str(helper)}] += beside.sel(accelerator=name)
    standing, used = xr.broadcast(at_quarters(e, e["systems"]), used)
    order = ("lost", "accelerator", "region", "year", "season")
    return at_most(used.transpose(*order), standing.transpose(*order))
