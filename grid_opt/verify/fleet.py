"""Check the fleet: systems by vintage, in the halls, within deliveries, and by the buyer's rules of choice."""

from __future__ import annotations

import numpy as np
import xarray as xr

from grid_opt.verify.check import Excess, at_most, check, equal, not_negative, stack
from grid_opt.verify.evidence import Evidence


def has_fleet(e: Evidence) -> bool:
    """Whether the case chooses its computers."""
    return e.case.has_fleet


def has_least(e: Evidence) -> bool:
    """Whether some systems must be taken."""
    return has_fleet(e) and bool((e["deliveries_least"] > 0).any())


def has_pairs(e: Evidence) -> bool:
    """Whether some systems need others beside them."""
    return has_fleet(e) and bool((e["co_siting"] > 0).any())


def has_commitment(e: Evidence) -> bool:
    """Whether some target must hold systems."""
    return has_fleet(e) and e.case.demand.commitments != "none"


@check("fleet.systems", "Systems are whole and not negative.", "1", when=has_fleet)
def systems(e: Evidence) -> Excess:
    """Ask for a whole number of at least 0."""
    value = e["systems"]
    return equal(value, value.round().clip(min=0))


@check("fleet.bought", "No system leaves by being sold.", "1", when=has_fleet)
def bought(e: Evidence) -> Excess:
    """Ask for purchases of at least 0."""
    return at_most(-e["bought"], 0.0, e["systems"])


@check("fleet.vintages", "A system serves its life and no longer.", "1", when=has_fleet)
def vintages(e: Evidence) -> Excess:
    """Follow every purchase through the quarters of its life, and count what stands."""
    entered, lives = e["bought"].values, e["system_life"].values
    standing = np.zeros_like(entered)
    for g, life in enumerate(lives):
        for start in range(entered.shape[2]):
            standing[g, :, start : start + round(life)] += entered[g, :, start, None]
    return equal(e["systems"], e["systems"].copy(data=standing))


def _in_halls(e: Evidence, per_system: xr.DataArray) -> xr.DataArray:
    """Return what the systems of a region take together, (region, quarter)."""
    return (e["systems"] * per_system).sum("accelerator").transpose("region", "quarter")


@check("fleet.hall_power", "Systems stand in halls, within their power.", "MW", when=has_fleet)
def hall_power(e: Evidence) -> Excess:
    """Add up the IT power that systems are provided with."""
    return at_most(_in_halls(e, e["system_mw"]), e.it_mw)


@check("fleet.hall_floor", "Systems stand in halls, within their floor space.", "1", when=has_fleet)
def hall_floor(e: Evidence) -> Excess:
    """Count racks."""
    return at_most(_in_halls(e, e["system_racks"]), e.case.campus.hall_racks * e["halls"])


@check("fleet.hall_water", "The halls' water loops take the heat that leaves by water.", "MW", when=has_fleet)
def hall_water(e: Evidence) -> Excess:
    """Add up the heat that leaves by water."""
    heat = _in_halls(e, e["system_mw"] * e["system_liquid"])
    return at_most(heat, e.it_mw * e.case.campus.hall_liquid_share)


@check("fleet.hall_air", "The halls' air handlers take the heat that leaves by air.", "MW", when=has_fleet)
def hall_air(e: Evidence) -> Excess:
    """Add up the heat that does not leave by water."""
    heat = _in_halls(e, e["system_mw"]) - _in_halls(e, e["system_mw"] * e["system_liquid"])
    return at_most(heat, e.it_mw * e.case.campus.hall_air_share)


not_negative("fleet.delivered", "Deliveries are not negative.", "1", when=has_fleet)


@check("fleet.deliveries", "A vendor delivers no more than it can.", "1", when=has_fleet)
def deliveries(e: Evidence) -> Excess:
    """Compare deliveries with the most of the quarter."""
    return at_most(e["delivered"], e["deliveries_most"])


@check("fleet.take_or_pay", "What was committed to a vendor is taken.", "1", when=has_least)
def take_or_pay(e: Evidence) -> Excess:
    """Compare deliveries with the least of the quarter."""
    return at_most(e["deliveries_least"], e["delivered"])


@check("fleet.waiting", "No system enters a hall before it is delivered.", "1", when=has_fleet)
def waiting(e: Evidence) -> Excess:
    """Count everything delivered and everything that entered a hall, from the start to each quarter."""
    left = (e["delivered"] - e["bought"].sum("region")).cumsum("quarter")
    return at_most(-left, 0.0, e["delivered"].cumsum("quarter"))


@check("fleet.stock", "Systems that were delivered enter a hall or wait.", "1", when=has_fleet)
def stock(e: Evidence) -> Excess:
    """Compare what waits with all that was delivered less all that entered a hall."""
    came, went = e["delivered"].cumsum("quarter"), e["bought"].sum("region").cumsum("quarter")
    return equal(e["waiting"], came - went, came, went)


@check("fleet.co_siting", "Systems that need others have them in the same region.", "1", when=has_pairs)
def co_siting(e: Evidence) -> Excess:
    """Compare, for every rule, the systems that stand beside with those that are needed."""
    beside = e["systems"].rename(accelerator="beside")
    needed = e["systems"] * e["co_siting"]
    return at_most(needed, beside.where(e["co_siting"] > 0, np.inf), needed)


def _vendor_mw(e: Evidence) -> tuple[xr.DataArray, float]:
    """Return the IT power of every vendor's systems at the end [MW], and of all."""
    mw = (e["systems"].sel(quarter=e.last_quarter) * e["system_mw"]).sum("region").values
    of = e["accelerator_vendor"].values.tolist()
    totals = [sum(p for p, name in zip(mw.tolist(), of, strict=True) if name == v) for v in e.labels("vendor")]
    return xr.DataArray(totals, dims="vendor", coords={"vendor": e.plan["vendor"]}), float(mw.sum())


@check("fleet.vendor_most", "No vendor has more than its share at the end.", "MW", when=has_fleet)
def vendor_most(e: Evidence) -> Excess:
    """Compare every vendor's power with its share of all."""
    mine, total = _vendor_mw(e)
    return at_most(mine, e["vendor_most"] * total)


@check("fleet.vendor_least", "No vendor has less than its share at the end.", "MW", when=has_fleet)
def vendor_least(e: Evidence) -> Excess:
    """Compare every vendor's power with its share of all."""
    mine, total = _vendor_mw(e)
    return at_most(e["vendor_least"] * total, mine)


@check("fleet.filled", "A committed target holds systems, not empty floor.", "MW", when=has_commitment)
def filled(e: Evidence) -> Excess:
    """Compare the power of all systems with the target, as IT power, in the quarters that are committed."""
    per_it = e.counted_mw_per_hall / e.case.campus.hall_mw
    every = e.case.demand.commitments == "every"
    due = [every or str(q) == e.last_quarter for q in e.labels("quarter")]
    wanted = (e["target"] * e.case.fleet.filled_share / per_it).where(
        xr.DataArray(due, coords={"quarter": e.plan["quarter"]}), 0.0
    )
    return at_most(wanted, (e["systems"] * e["system_mw"]).sum(("accelerator", "region")))


@check("campus.programme", "No more halls are built than the final target asks for.", "1",
       when=lambda e: e.case.objective.goal != "least_cost")  # fmt: skip
def programme(e: Evidence) -> Excess:
    """Compare all halls at the end with the whole halls of the final target."""
    end = e.last_quarter
    most = np.ceil(float(e["target"].sel(quarter=end)) / e.counted_mw_per_hall - 1e-9)
    total = e["halls"].sel(quarter=end).sum("region")
    return stack(at_most(-total, 0.0), at_most(total, float(most)))
