"""List what a plan file holds beside the world it was made from: decisions, bills, duals and provenance.

The inputs of a plan are declared in :mod:`grid_opt.inputs.schema`. ``verify`` checks a file against both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FORMAT_NAME: Final = "grid-opt plan"
"""Value of the global attribute ``plan_format``, by which a plan file is known."""

FORMAT_VERSION: Final = 1
"""Raised when an older grid-opt could no longer read a newer file rightly."""

MONEY: Final = "USD"
"""Unit of every cost array: present value in real USD of the price base year."""


@dataclass(frozen=True)
class Spec:
    """Declare one array of the plan: its dimensions, its unit and what it means."""

    dims: tuple[str, ...]
    unit: str
    long_name: str


DECISIONS: Final[dict[str, Spec]] = {
    "site": Spec(("region", "quarter"), "1", "Campus open through the quarter (1) or not (0)"),
    "halls": Spec(("region", "quarter"), "1", "Halls in service through the quarter, cumulative"),
    "zone_supply": Spec(
        ("zone", "quarter", "stress"), "MW", "Surplus generation of the zone used for the new load at stress"
    ),
    "link_flow": Spec(
        ("link", "quarter", "stress"), "MW", "Flow on the link at stress caused by the new load, FROM to TO"
    ),
    "angle": Spec(("zone", "quarter", "stress"), "rad", "Voltage angle change caused by the new load"),
    "purchase": Spec(("region", "year", "slice"), "MW", "Wholesale power bought"),
    "curtailment": Spec(("region", "year", "slice"), "MW", "IT power curtailed"),
}
"""The decision variables. Those of the network are absent when the case has no network."""

NETWORK_DECISIONS: Final = ("zone_supply", "link_flow", "angle")

COSTS: Final[dict[str, Spec]] = {
    "site_capex": Spec(("region", "quarter"), MONEY, "Cost of opening sites"),
    "shell_capex": Spec(("region", "quarter"), MONEY, "Cost of the building and electrical shell"),
    "hardware_capex": Spec(("region", "quarter"), MONEY, "Cost of the accelerators"),
    "fixed_om": Spec(("region", "year"), MONEY, "Fixed operation and maintenance"),
    "energy": Spec(("region", "year"), MONEY, "Wholesale energy"),
    "rider": Spec(("region", "year"), MONEY, "Volumetric delivery riders"),
    "delivery": Spec(("region", "year"), MONEY, "Delivery demand charges"),
    "capacity": Spec(("region", "year"), MONEY, "Capacity obligation"),
    "lost_compute": Spec(("region", "year"), MONEY, "Value of the compute lost to curtailment"),
}
"""The cost terms; the plan stores each as ``cost_<term>``. Their sum is the objective."""

POWER_COSTS: Final = ("energy", "rider", "delivery", "capacity")
"""The terms that make up the all-in price of delivered power."""

DUALS: Final[dict[str, Spec]] = {
    "dual_power": Spec(("region", "year", "slice"), "USD/MWh", "Local price of power; missing where nothing is bought"),
    "dual_headroom": Spec(("region", "quarter"), "USD/MW", "Value of one more MW of hosting headroom"),
    "dual_target": Spec(("quarter",), "USD/MW", "Cost of one more MW in the target that the case names"),
    "dual_link": Spec(("link", "quarter", "stress"), "USD/MW", "Value of one more MW of link limit"),
    "dual_surplus": Spec(("zone", "quarter", "stress"), "USD/MW", "Value of one more MW that the zone can spare"),
}
"""Prices of the linear program with whole numbers fixed; a plan without them is still a plan."""

PROVENANCE: Final[dict[str, str]] = {
    "case_toml": "the complete case, as TOML text",
    "inputs_sha256": "JSON object: name of each input file, and its SHA-256",
    "versions": "JSON object: name of each program that matters, and its version",
    "seed": "seed of the solver",
    "threads": "threads of the solver",
    "solver_status": "what the solver said",
    "status": "optimal (gap as asked) or feasible (gap larger than asked)",
    "objective_musd": "objective, million USD, present value",
    "bound_musd": "proven lower bound of the objective, million USD",
    "gap": "(objective - bound) / |objective|",
}
"""Global attributes that every plan carries."""

STATUSES: Final = ("optimal", "feasible")


def specs() -> dict[str, Spec]:
    """Return every array that the model adds to the world, by its name in the file."""
    return {**DECISIONS, **{f"cost_{name}": spec for name, spec in COSTS.items()}, **DUALS}
