"""List what a plan file holds beside the world it was made from: decisions, bills, duals and provenance.

The inputs of a plan are declared in :mod:`grid_opt.inputs.schema`. ``verify`` checks a file against both.
"""

from __future__ import annotations

from typing import Final

from grid_opt.config.case import Case
from grid_opt.plan.schema_footprint import (
    FOOTPRINT_COSTS,
    FOOTPRINT_DECISIONS,
    FOOTPRINT_DUALS,
    LEDGERS,
    footprint_costs,
    footprint_decisions,
)
from grid_opt.plan.schema_tradeoff import TRADEOFF_DECISIONS, tradeoff_decisions
from grid_opt.plan.spec import Spec

FORMAT_NAME: Final = "grid-opt plan"
"""Value of the global attribute ``plan_format``, by which a plan file is known."""

FORMAT_VERSION: Final = 1
"""Raised when an older grid-opt could no longer read a newer file rightly."""

MONEY: Final = "USD"
"""Unit of every cost array: present value in real USD of the price base year."""


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

_WHEN = ("year", "season", "block")
FLEET_DECISIONS: Final[dict[str, Spec]] = {
    "systems": Spec(("accelerator", "region", "quarter"), "1", "Systems in service through the quarter"),
    "bought": Spec(("accelerator", "region", "quarter"), "1", "Systems that enter service in the quarter"),
    "delivered": Spec(("accelerator", "quarter"), "1", "Systems delivered in the quarter"),
    "waiting": Spec(("accelerator", "quarter"), "1", "Systems that wait through the quarter for a hall"),
    "ported": Spec(("software", "class", "vintage"), "1", "Class runs on the software from the quarter on (1) or not"),
    "serving": Spec(
        ("stream", "accelerator", "region", *_WHEN), "1", "Systems busy with the stream, mean of the block"
    ),
    "unserved": Spec(("stream", *_WHEN), "million tokens/s", "Output wanted that is not served"),
    "deferred": Spec(("stream", *_WHEN), "million tokens/s", "Output served at another time of the day, net"),
    "it_load": Spec(("region", *_WHEN), "MW", "IT power that serving takes, idle systems included"),
}
"""The decisions of a case that chooses its computers."""

LOSS_DECISIONS: Final[dict[str, Spec]] = {
    "backup": Spec(
        ("lost", "stream", "accelerator", "region", "year", "season"), "1",
        "Systems that serve the protected stream while a region is lost",
    ),
}  # fmt: skip
"""The further decision of a case that must survive the loss of a region."""

_HOURLY = ("year", "slice")
NODAL_DECISIONS: Final[dict[str, Spec]] = {
    "dispatch": Spec(("step", *_HOURLY), "MW", "Power taken of the step"),
    "shed": Spec(("area", *_HOURLY), "MW", "Existing load that is not served"),
    "base_dispatch": Spec(("step", *_HOURLY), "MW", "Power taken of the step in the dispatch without campuses"),
    "base_shed": Spec(("area", *_HOURLY), "MW", "Existing load not served in the dispatch without campuses"),
    "watch_branch": Spec(("watch",), "", "Branch whose limit is watched"),
    "watch_outage": Spec(("watch",), "", "Branch that is out; none in the base case"),
    "watch_sign": Spec(("watch",), "1", "Direction of the limit: 1 from start to end, -1 the other way"),
    "watch_year": Spec(("watch",), "year", "Operating year of the limit"),
    "watch_slice": Spec(("watch",), "1", "Slice of the limit"),
    "watch_limit": Spec(("watch",), "MW", "Limit of the flow in its direction, or that flow without campuses if more"),
}
"""The further decisions of a case whose campuses stand at buses, and the limits of lines that its model has."""

MENU_DECISIONS: Final[dict[str, Spec]] = {
    "contract": Spec(("offer", "quarter"), "MW", "MW under contract through the quarter"),
    "taken": Spec(("offer",), "1", "Offer with a study or a least size is taken (1) or not (0)"),
    "large": Spec(("region", "quarter"), "1", "Campus is of the threshold's size or larger (1) or not (0)"),
    "added": Spec(("offer", "quarter"), "MW", "MW for which works of the grid are paid in the quarter"),
    "backing": Spec(("relief", "offer", "quarter"), "MW", "Relief that stands behind the contract when it is called"),
    "capacity_bought": Spec(("region", "quarter"), "MW", "Peak load for which capacity is bought"),
}
"""The further decisions of a case whose campuses choose among offers of grid service."""

STRESS_DECISIONS: Final[dict[str, Spec]] = {
    "called": Spec(
        ("region", "quarter", "stress"), "MW", "Load that relief and own supply keep off the network at the stress hour"
    ),
}
"""The further decision where such a case has a network."""

UPGRADE_DECISIONS: Final[dict[str, Spec]] = {
    "built": Spec(("upgrade", "quarter"), "1", "Upgrade in service through the quarter (1) or not (0)"),
}
"""The further decision where such a case may build upgrades."""

CONTRACT_DECISIONS: Final[dict[str, Spec]] = {
    "ppa_mw": Spec(("ppa",), "MW", "Nameplate under a long contract"),
}
"""The further decision of a case whose campuses may sign long contracts."""

WHEELED_DECISIONS: Final[dict[str, Spec]] = {
    "delivered_ppa": Spec(("wheeled", *_HOURLY), "MW", "Power of a physical contract that the campus takes"),
}
"""The further decision where energy may be delivered under them."""

FORWARD_DECISIONS: Final[dict[str, Spec]] = {
    "forward_mw": Spec(("forward", "year", "season"), "MW", "MW of the block bought ahead"),
}
"""The further decision of a case in which blocks may be bought ahead."""

OWN_DECISIONS: Final[dict[str, Spec]] = {
    "own_mw": Spec(("own", "quarter"), "MW", "MW on site in service through the quarter"),
    "own_units": Spec(("own", "quarter"), "1", "Whole units in service through the quarter; 0 where any size will do"),
    "own_capacity": Spec(("region", "quarter"), "MW", "Capacity obligation that own supply takes away"),
}
"""The further decisions of a case whose campuses may build on site."""

PLANT_DECISIONS: Final[dict[str, Spec]] = {
    "own_output": Spec(("plant", *_HOURLY), "MW", "Power made on site"),
}
"""The further decision where they may build plant."""

STORE_DECISIONS: Final[dict[str, Spec]] = {
    "store_capacity": Spec(("store", "quarter"), "MWh", "Energy of batteries through the quarter, as installed"),
    "store_usable": Spec(("store", "year", "season"), "MWh", "Energy of a battery that can be used"),
    "store_charge": Spec(("store", *_HOURLY), "MW", "Power that charges batteries"),
    "store_discharge": Spec(("store", *_HOURLY), "MW", "Power that batteries give"),
    "store_energy": Spec(("store", *_HOURLY), "MWh", "Energy stored at the end of the slice"),
}
"""The further decisions where they may build batteries."""

EXPORT_DECISIONS: Final[dict[str, Spec]] = {
    "exported": Spec(("region", *_HOURLY), "MW", "Own power that leaves over the connection"),
}
"""The further decision where own power may be sold."""
TARIFF_DECISIONS: Final[dict[str, Spec]] = {
    "billed": Spec(("line",), "MW", "Billed quantity: MW, MWh of a tier, or million USD lacking to a least bill"),
    "above": Spec(("size", "quarter"), "1", "Contract reaches the size of another schedule (1) or not (0)"),
    "peak_shed": Spec(("region", "quarter"), "MW", "Load at the meter whose compute is shed at declared peaks"),
    "beyond": Spec(("fall",), "MW", "Quantity billed at a lower rate than that of the tier before"),
    "falls": Spec(("fall",), "1", "Quantity reaches the lower rate (1) or not (0)"),
}
"""The further decisions of a case that pays tariffs."""

BILLS: Final[dict[str, Spec]] = {
    "bill_region": Spec(("entry",), "", "Region that is billed"),
    "bill_month": Spec(("entry",), "", "Calendar month of the bill"),
    "bill_schedule": Spec(("entry",), "", "Schedule in force"),
    "bill_kind": Spec(("entry",), "", "Kind of charge"),
    "bill_charge": Spec(("entry",), "", "Charge, as the tariff names it"),
    "bill_part": Spec(("entry",), "", "Period of the charge, or step of a cash flow"),
    "bill_unit": Spec(("entry",), "", "Unit of the quantity"),
    "bill_detail": Spec(("entry",), "", "How it was measured"),
    "bill_quantity": Spec(("entry",), "1", "What is billed, in its unit"),
    "bill_rate": Spec(("entry",), "USD", "Rate per unit of the quantity; of hourly prices, the mean"),
    "bill_usd": Spec(("entry",), "USD", "Amount in the month, not discounted"),
    "bill_cash": Spec(("entry",), "1", "Money that comes back and no cost (1) or a cost (0)"),
}
"""The bills of a case that pays tariffs, line by line."""

STANDBY_DECISIONS: Final[dict[str, Spec]] = {
    "kept_off": Spec(("region", "quarter"), "MW", "Load that relief and own supply keep off declared peaks"),
}
"""The further decision where such a case has a menu of offers, or plant and batteries on site."""

FLAT_MENU_DECISIONS: Final = ("capacity_bought",)
"""Decisions of a menu that a case with tariffs does not have: capacity is billed at declared peaks there."""

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
"""The cost terms of every plan; it stores each as ``cost_<term>``."""

NODAL_COSTS: Final[dict[str, Spec]] = {
    "generation": Spec(("year",), MONEY, "Generation, above that of the dispatch without campuses"),
    "lost_load": Spec(("year",), MONEY, "Worth of existing load lost, above that of the dispatch without campuses"),
}
"""The terms that stand in place of wholesale energy where campuses stand at buses."""

FLEET_COSTS: Final[dict[str, Spec]] = {
    "idle_hardware": Spec(("accelerator", "quarter"), MONEY, "Systems that wait for a hall"),
    "porting": Spec(("software", "class"), MONEY, "Moving classes of requests to other software"),
    "unserved_penalty": Spec(("stream", "year"), MONEY, "Penalties for tokens that are not served"),
}
"""The further cost terms of a case that chooses its computers."""

MENU_COSTS: Final[dict[str, Spec]] = {
    "study_cost": Spec(("region", "quarter"), MONEY, "Studies for connections"),
    "works_cost": Spec(("region", "quarter"), MONEY, "Works of the grid paid by the kW contracted"),
    "security": Spec(("region", "quarter"), MONEY, "Time value of the security posted"),
    "rent": Spec(("region", "quarter"), MONEY, "Rent of leases and of supply beside the meter"),
    "relief_fixed_cost": Spec(("region", "quarter"), MONEY, "Batteries and engines that stand ready for calls"),
    "call_energy_cost": Spec(("region", "quarter"), MONEY, "Compute shed, fuel and losses when called"),
}
"""The further cost terms of a case with a menu of offers."""

TARIFF_COSTS: Final[dict[str, Spec]] = {
    "collateral": Spec(("region", "year"), MONEY, "Security that tariffs ask for, and exit fees"),
    "peak_shedding": Spec(("region", "quarter"), MONEY, "Value of the compute shed at declared peaks"),
}
"""The further cost terms of a case that pays tariffs."""

UPGRADE_COSTS: Final[dict[str, Spec]] = {
    "upgrade_cost": Spec(("upgrade", "quarter"), MONEY, "Upgrades of the network"),
}
"""The further cost term where upgrades may be built."""

CONTRACT_COSTS: Final[dict[str, Spec]] = {
    "settlement": Spec(("ppa", "year"), MONEY, "Long contracts: strike less the price at project or hub, or of a sale"),
}
WHEELED_COSTS: Final[dict[str, Spec]] = {
    "wheeling": Spec(("wheeled", "year"), MONEY, "Sales forgone for energy that is delivered, and its basis"),
}
FORWARD_COSTS: Final[dict[str, Spec]] = {
    "forward_premium": Spec(("forward", "year"), MONEY, "Blocks bought ahead, less the hub's price of their hours"),
}
OWN_COSTS: Final[dict[str, Spec]] = {
    "own_capex": Spec(("own", "quarter"), MONEY, "Plant, and power of batteries, on site, less tax credits"),
    "own_upkeep": Spec(("own", "quarter"), MONEY, "Upkeep of plant, and of power of batteries, on site"),
}
PLANT_COSTS: Final[dict[str, Spec]] = {
    "own_running": Spec(("plant", "year"), MONEY, "Fuel and other running cost of plant on site"),
}
STORE_COSTS: Final[dict[str, Spec]] = {
    "store_capex": Spec(("store", "quarter"), MONEY, "Energy of batteries, less tax credits"),
    "store_upkeep": Spec(("store", "quarter"), MONEY, "Upkeep of energy of batteries"),
    "store_wear_cost": Spec(("store", "year"), MONEY, "Wear of batteries"),
}
EXPORT_COSTS: Final[dict[str, Spec]] = {
    "export_revenue": Spec(("region", "year"), MONEY, "Own power sold, a negative cost"),
}
"""The further cost terms of a case with sources of power beside wholesale, by what it has."""

FORGONE: Final = "forgone"
"""The term that is no outlay: what tokens wanted and not served would have been worth."""

VALUE_COSTS: Final[dict[str, Spec]] = {
    FORGONE: Spec(("stream", "year"), MONEY, "Worth of the tokens that are wanted and not served"),
}
"""The further term where the goal is net value."""

POWER_COSTS: Final = ("energy", "rider", "delivery", "capacity", "collateral")
"""The terms that make up the all-in price of delivered power; those of sources beside wholesale add."""

DUALS: Final[dict[str, Spec]] = {
    "dual_power": Spec(("region", "year", "slice"), "USD/MWh", "Local price of power; missing where nothing is bought"),
    "dual_headroom": Spec(("region", "quarter"), "USD/MW", "Value of one more MW of hosting headroom"),
    "dual_target": Spec(("quarter",), "USD/MW", "Cost of one more MW in the target that the case names"),
    "dual_link": Spec(("link", "quarter", "stress"), "USD/MW", "Value of one more MW of link limit"),
    "dual_deliveries": Spec(("accelerator", "quarter"), MONEY, "Value of one more system delivered"),
    "dual_tokens": Spec(("stream", *_WHEN), "USD/Mtok", "Cost of serving a million tokens more"),
    "dual_latency": Spec(
        ("stream", "region", *_WHEN), "USD/Mtok", "Value of a million tokens from a region beyond the latency"
    ),
    "dual_energy": Spec(("island", *_HOURLY), "USD/MWh", "Price of energy at the reference bus of the island"),
    "dual_limit": Spec(("watch",), "USD/MWh", "Value of one more MW of the watched limit, in its hour"),
    "local_price": Spec(("region", *_HOURLY), "USD/MWh", "Local price of energy at the candidate bus"),
    "dual_surplus": Spec(("zone", "quarter", "stress"), "USD/MW", "Value of one more MW that the zone can spare"),
    **FOOTPRINT_DUALS,
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
    "objective": "objective: all costs, present value; or less the share of tokens served",
    "bound": "proven lower bound of the objective",
    "objective_unit": "million USD, or 1e-6 (of all tokens wanted) where the most tokens were asked for",
    "gap": "(objective - bound) / |objective|",
}
"""Global attributes that every plan carries."""

STATUSES: Final = ("optimal", "feasible")


_Specs = dict[str, Spec]


def _of_supply(case: Case) -> list[tuple[bool, _Specs, _Specs]]:
    """Return the decisions and cost terms of sources of power, and whether the case has them."""
    supply = case.supply
    return [
        (bool(supply.contracts), CONTRACT_DECISIONS, CONTRACT_COSTS),
        ("physical" in supply.contracts, WHEELED_DECISIONS, WHEELED_COSTS),
        (supply.forwards, FORWARD_DECISIONS, FORWARD_COSTS),
        (bool(supply.onsite), OWN_DECISIONS, OWN_COSTS),
        (bool(supply.plants), PLANT_DECISIONS, PLANT_COSTS),
        (bool(supply.stores), STORE_DECISIONS, STORE_COSTS),
        (supply.exports, EXPORT_DECISIONS, EXPORT_COSTS),
    ]


SUPPLY_DECISIONS: Final[dict[str, Spec]] = {
    **CONTRACT_DECISIONS, **WHEELED_DECISIONS, **FORWARD_DECISIONS, **OWN_DECISIONS, **PLANT_DECISIONS,
    **STORE_DECISIONS, **EXPORT_DECISIONS,
}  # fmt: skip
SUPPLY_COSTS: Final[dict[str, Spec]] = {
    **CONTRACT_COSTS, **WHEELED_COSTS, **FORWARD_COSTS, **OWN_COSTS, **PLANT_COSTS, **STORE_COSTS, **EXPORT_COSTS,
}  # fmt: skip


def specs() -> dict[str, Spec]:
    """Return every array that a model may add to the world, by its name in the file."""
    terms = {**COSTS, **NODAL_COSTS, **MENU_COSTS, **UPGRADE_COSTS, **SUPPLY_COSTS, **FLEET_COSTS, **VALUE_COSTS}
    terms |= {**FOOTPRINT_COSTS, **TARIFF_COSTS}
    return {
        **DECISIONS,
        **NODAL_DECISIONS,
        **FLEET_DECISIONS,
        **LOSS_DECISIONS,
        **MENU_DECISIONS,
        **STRESS_DECISIONS,
        **UPGRADE_DECISIONS,
        **FOOTPRINT_DECISIONS,
        **TRADEOFF_DECISIONS,
        **LEDGERS,
        **SUPPLY_DECISIONS,
        **TARIFF_DECISIONS,
        **STANDBY_DECISIONS,
        **BILLS,
        **{f"cost_{name}": spec for name, spec in terms.items()},
        **DUALS,
    }


def decisions_of(case: Case) -> dict[str, Spec]:
    """Return the decisions that the plan of a case holds."""
    found = {n: spec for n, spec in DECISIONS.items() if case.grid.network or n not in NETWORK_DECISIONS}
    found |= NODAL_DECISIONS if case.is_nodal else {}
    found |= FLEET_DECISIONS if case.has_fleet else {}
    found |= footprint_decisions(case) | tradeoff_decisions(case)
    if case.connection.menu:
        found |= MENU_DECISIONS | (STRESS_DECISIONS if case.grid.network else {})
        found |= UPGRADE_DECISIONS if case.connection.upgrades else {}
    for has, decisions, _ in _of_supply(case):
        found |= decisions if has else {}
    if case.tariffs.charge:
        found = {n: spec for n, spec in found.items() if n not in FLAT_MENU_DECISIONS}
        found |= TARIFF_DECISIONS | BILLS | (STANDBY_DECISIONS if case.has_reserve else {})
    return found | (LOSS_DECISIONS if case.has_fleet and case.fleet.region_loss else {})


def cost_terms_of(case: Case) -> dict[str, Spec]:
    """Return the cost terms that the plan of a case holds. Their sum is the objective where it is money."""
    found = COSTS | (FLEET_COSTS if case.has_fleet else {})
    if case.is_nodal:
        found = {name: spec for name, spec in found.items() if name != "energy"} | NODAL_COSTS
    if case.connection.menu:
        found |= MENU_COSTS | (UPGRADE_COSTS if case.connection.upgrades else {})
    for has, _, costs in _of_supply(case):
        found |= costs if has else {}
    found = found | footprint_costs(case)
    if case.tariffs.charge:
        found |= TARIFF_COSTS
    return found | (VALUE_COSTS if case.objective.goal == "net_value" else {})
