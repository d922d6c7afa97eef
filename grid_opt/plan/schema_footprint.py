"""Declare what a plan holds of carbon and water: ledgers always, decisions, costs and prices where a case asks."""

from __future__ import annotations

from typing import Final

from grid_opt.config.case import Case
from grid_opt.plan.spec import Spec

_YEARLY: Final = ("region", "year")
_HOURLY: Final = ("region", "year", "slice")


LEDGERS: Final[dict[str, Spec]] = {
    "scope1": Spec(_YEARLY, "t", "Scope 1: emissions of own plant"),
    "scope2_location": Spec(_YEARLY, "t", "Scope 2, location-based: grid power at the average rate of its hour"),
    "scope2_market": Spec(_YEARLY, "t", "Scope 2, market-based: what nothing covers by the year at the residual mix"),
    "scope2_hourly": Spec(_YEARLY, "t", "Scope 2, hourly matched: what nothing matches in its hour and region"),
    "avoided": Spec(
        _YEARLY, "t", "Consequential, no ledger: what contracted carbon-free output displaces, if it is new"
    ),
    "induced": Spec(_YEARLY, "t", "Consequential, no ledger: what the load brings about, at long-run marginal rates"),
    "facility_load": Spec(_YEARLY, "GWh", "Load at the meter"),
    "covered_share": Spec(_YEARLY, "1", "Share of the load covered by carbon-free power and certificates of the year"),
    "matched_share": Spec(_YEARLY, "1", "Share of the load matched by carbon-free power and certificates of the hour"),
    "carbon_free_share": Spec(_YEARLY, "1", "Share matched in the hour, the grid's own share of the rest included"),
    "water": Spec(_YEARLY, "m3", "Water consumed on site by cooling"),
}
"""The ledgers of every plan, by operating year: a long-run year is a mean year of those that it stands for."""

EMITTED: Final = {"emitted": Spec(_YEARLY, "t", "Emissions on the ledger of the case")}
CONSUMED: Final = {"consumed": Spec(_YEARLY, "m3", "Water that price and cap are on")}
UNCOVERED: Final = {
    "uncovered": Spec(_YEARLY, "GWh", "Load of the year that nothing covers, or more where nothing asks for less")
}
UNMATCHED: Final = {
    "unmatched": Spec(_HOURLY, "MW", "Load of the hour that nothing matches, or more where nothing asks for less")
}
UNCLAIMED: Final = {
    "unclaimed": Spec(_HOURLY, "MW", "Grid power of the hour that nothing covers, or more where nothing asks for less")
}
CERTIFICATES: Final = {"certificates": Spec(_YEARLY, "GWh", "Certificates of the year bought")}
GRANULAR: Final = {"granular": Spec(_HOURLY, "MW", "Hourly certificates bought")}

FOOTPRINT_DECISIONS: Final[dict[str, Spec]] = (
    EMITTED | CONSUMED | UNCOVERED | UNMATCHED | UNCLAIMED | CERTIFICATES | GRANULAR
)

CERTIFICATE_COST: Final = {"certificate_cost": Spec(_YEARLY, "USD", "Energy attribute certificates")}
CARBON_COST: Final = {"carbon_cost": Spec(_YEARLY, "USD", "Price of emissions on the ledger of the case")}
WATER_COST: Final = {"water_cost": Spec(_YEARLY, "USD", "Price of water consumed")}

FOOTPRINT_COSTS: Final[dict[str, Spec]] = CERTIFICATE_COST | CARBON_COST | WATER_COST

DIVISIBLE: Final = "_divisible"
"""Ends the name of a price for which sites are fixed and halls may be divided; else all that is built is fixed."""

_DUALS: Final[dict[str, Spec]] = {
    "dual_carbon": Spec(("year",), "USD/t", "Cost of one tonne less under the cap of the year"),
    "dual_carbon_horizon": Spec((), "USD/t", "Cost of one tonne less in all years of the plan, present value"),
    "dual_annual_share": Spec(("year",), "USD", "Cost of one more point of the portfolio's annual share"),
    "dual_hourly_share": Spec(("year",), "USD", "Cost of one more point of the portfolio's hourly share"),
    "dual_annual_share_region": Spec(_YEARLY, "USD", "Cost of one more point of the region's annual share"),
    "dual_hourly_share_region": Spec(_YEARLY, "USD", "Cost of one more point of the region's hourly share"),
    "dual_water": Spec(("basin", "year"), "USD/m3", "Cost of one cubic metre less under the cap of the stress"),
}

FOOTPRINT_DUALS: Final[dict[str, Spec]] = {
    **_DUALS,
    **{f"{n}{DIVISIBLE}": Spec(s.dims, s.unit, f"{s.long_name}, halls divisible") for n, s in _DUALS.items()},
}
"""Prices of one more unit of strictness; a point is a hundredth, its cost a present value."""


def _chosen(parts: list[tuple[bool, dict[str, Spec]]]) -> dict[str, Spec]:
    return {name: spec for asked, specs in parts if asked for name, spec in specs.items()}


def footprint_decisions(case: Case) -> dict[str, Spec]:
    """Return the decisions on carbon and water that the plan of a case holds."""
    carbon = case.carbon
    return _chosen(
        [
            (carbon.on_ledger, EMITTED),
            (carbon.shares_annual, UNCOVERED),
            (carbon.shares_hourly, UNMATCHED),
            (carbon.on_ledger and carbon.ledger == "hourly", UNCLAIMED),
            (carbon.buys_annual, CERTIFICATES),
            (carbon.buys_hourly, GRANULAR),
            (case.water.counts, CONSUMED),
        ]
    )


def footprint_costs(case: Case) -> dict[str, Spec]:
    """Return the cost terms of carbon and water that the plan of a case holds."""
    carbon, water = case.carbon, case.water
    return _chosen(
        [
            (carbon.buys_annual or carbon.buys_hourly, CERTIFICATE_COST),
            (any(price > 0 for price in carbon.price_usd_per_t.values()), CARBON_COST),
            (any(price > 0 for price in water.price_usd_per_m3.values()), WATER_COST),
        ]
    )
