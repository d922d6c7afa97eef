"""Say what every field of the plan's layers and tables means, and in which unit it is.

A field is known by its name: exactly, or by a pattern such as ``it_mw_2027q3`` whose variable part goes into the
sentence. The unit stands at the end of the name, as it does everywhere in grid-opt, unless a field says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from grid_opt.plan.schema_footprint import LEDGERS
from grid_opt.report.terminal import COST_WORDS
from grid_opt.report.words import plain

GEOMETRY, ROW = "geometry", "fid"

_ENDINGS = (
    ("_tokens_per_year", "tokens/yr"), ("tokens_per_year", "tokens/yr"), ("_usd_per_mw_year", "USD/(MW yr)"),
    ("_usd_per_mwh", "USD/MWh"), ("_usd_per_mw", "USD/MW"), ("_musd", "million USD"), ("_usd", "USD"), ("_mwh", "MWh"),
    ("_gwh", "GWh"), ("_mw", "MW"), ("_m3", "m3"), ("_t", "t"), ("_share", "1"),
)  # fmt: skip
"""Endings of names and the unit they tell, the longest first."""

_COUNTS = {
    "candidate": "1", "chosen": "1", "binds": "1", "utilization": "1", "loading": "1", "halls": "1", "systems": "1",
    "bought": "1", "most": "1", "delivered": "1", "waiting": "1", "year": "yr", "season": "1", "is_deposit": "1",
    "own_units": "1", "hour": "1", "turns_with_quarters_sooner": "1",
}  # fmt: skip
"""Numbers whose name tells no unit."""

_WORDS = {
    "region": "Region, by its identifier in regions.csv",
    "name": "Name of the region",
    "market": "Market of the region",
    "state": "State in which the middle of the zone lies",
    "interconnect": "Synchronous interconnection of the zone",
    "status": "What the plan makes of the zone: built, candidate, too small or no candidate",
    "candidate": "Whether a campus may be built here (1) or not (0)",
    "chosen": "Whether the plan builds here (1) or not (0)",
    "opens": "First quarter with a hall in service; empty where nothing is built",
    "it_mw": "IT power in service",
    "counted_mw": "Power that counts towards the targets",
    "peak_draw_mw": "Peak draw from the grid: IT power in full use at the highest PUE",
    "wholesale_usd_per_mwh": "Mean price of energy over the hours of the operating year",
    "local_price_usd_per_mwh": "Mean local price of energy over the hours of the operating year",
    "wholesale_paid_usd_per_mwh": "Mean price of energy, weighted by what is bought",
    "basis_paid_usd_per_mwh": "Part of it that is basis: what the region's price is above its hub's",
    "headroom_mw": "What headroom and offers of the grid hold, peak draw",
    "headroom_left_mw": "What headroom and offers of the grid hold beyond the campus, peak draw",
    "hostable_it_mw": "IT power in whole halls that headroom and offers hold in the last quarter",
    "headroom_shadow_usd_per_mw": "What one MW more of headroom in the quarter would save, present value",
    "power_shadow_usd_per_mwh": "What one MWh more of power would cost, mean over the hours of the operating year",
    "all_in_price_usd_per_mwh": "Energy, rider, delivery, capacity and supply over the energy used, both discounted",
    "link": "Link, from zone > to zone",
    "from_zone": "Zone at which a positive flow begins",
    "to_zone": "Zone at which a positive flow ends",
    "kind": "Kind, in the words of its input table",
    "tightest_hour": "Stress hour of the highest utilization",
    "flow_mw": "Flow at the tightest hour, positive from the first end to the second",
    "flow_without_mw": "Flow in that hour without campuses",
    "utilization": "Flow over the limit in its direction, at the tightest hour",
    "binds": "Whether the limit is full and one MW more would save money (1) or not (0)",
    "loading": "Largest share of its limit that the branch carries in any hour of the year",
    "limit_mw": "Limit in the direction of the flow",
    "worth_usd_per_mw_year": "What one MW more of its limits would save in the year, outages included",
    "branch": "Branch of the network",
    "from_bus": "Bus at which a positive flow begins",
    "to_bus": "Bus at which a positive flow ends",
    "hour": "Representative hour of the largest loading, by its number in the plan",
    "quarter": "Calendar quarter; what is in service counts through it",
    "from_time": "First moment of the quarter, UTC",
    "until_time": "Last second of the quarter, UTC",
    "added_it_mw": "IT power that enters service in the quarter",
    "year": "Operating year; the last one stands for the long run",
    "halls": "Halls in service",
    "accelerator": "Kind of system, by its identifier in models/accelerators",
    "systems": "Systems in service",
    "bought": "Systems that enter service in the quarter",
    "most": "Systems that the vendor delivers at most",
    "delivered": "Systems delivered in the quarter",
    "waiting": "Systems that wait through the quarter for a hall",
    "price_usd": "Price of one system",
    "worth_of_one_more_usd": "What one system more in the quarter would be worth, present value",
    "stream": "Requests of one class from one region of users",
    "class": "Class of requests",
    "users": "Region of users",
    "tokens_per_year": "Output tokens served in a year",
    "wanted_tokens_per_year": "Output tokens wanted in a year",
    "missed_tokens_per_year": "Output tokens wanted and not served in a year",
    "offer": "Offer, by its name in its input table",
    "contract_mw": "Power under contract",
    "callable_mw": "Power under contract that may be called",
    "technology": "Technology of the plant",
    "settlement": "Physical (delivered to the meter) or financial (against the market's price)",
    "made_mwh": "Energy made in the last operating year",
    "delivered_mwh": "Energy delivered in the last operating year",
    "cost_musd": "Cost, present value",
    "block": "Block of hours",
    "season": "Calendar quarter of the year, 1 to 4",
    "block_mw": "Power bought ahead in the block",
    "block_mwh": "Energy of the block",
    "price_usd_per_mwh": "Price of the block",
    "own_mw": "Power that stands on site",
    "own_mwh": "Energy of a battery, as installed; 0 for plant",
    "own_units": "Units that stand on site; 0 where any size will do",
    "given_mwh": "Energy given in the last operating year, on the row of the last quarter",
    "emitted_t": "CO2 emitted in the last operating year, on the row of the last quarter",
    "certificates_gwh": "Annual certificates bought",
    "hourly_certificates_gwh": "Hourly certificates bought",
    "tariff": "Tariff of the region, by its file in models/tariffs",
    "month": "Month that is billed",
    "schedule": "Schedule in force for the size of the contract",
    "charge": "Charge of the tariff",
    "part": "Part of the charge: period, tier or peak",
    "quantity": "What is billed, in the unit of the line",
    "unit": "Unit of the quantity; in the table of fields, of the field",
    "rate_usd_per_unit": "Rate for one unit",
    "amount_usd": "Amount, not discounted",
    "is_deposit": "Whether the amount is a deposit that comes back (1) or a cost (0)",
    "detail": "How the quantity was found",
    "item": "Accelerator, software or requests that the cost is for; empty where it is for all",
    "term": "Cost term, by its name in the plan",
    "cost": "The cost term in words",
    "period": "Quarter or operating year of the cost; empty where it has none",
    "purchase_mwh": "Energy bought at wholesale in a year",
    "curtailed_it_mwh": "IT energy not used, because compute was curtailed, in a year",
    "upgrade": "Upgrade of the network",
    "target": "What the upgrade widens: headroom or a link",
    "place": "Region or link that the upgrade widens",
    "from_quarter": "First quarter of service",
    "forward_mw": "What it adds, from the first end to the second",
    "reverse_mw": "What it adds in the other direction",
    "told_by": "How the difference is known: solved again, by the relaxation, impossible or not known",
    "difference_musd": "Worse than the plan with the region forced in (left out, where chosen), solved again",
    "at_least_musd": "What that difference is proven to be at least",
    "at_most_musd": "What that difference is proven to be at most",
    "estimate_musd": "What the relaxation estimates that difference to be",
    "first_fit": "First quarter in which headroom and offers hold a smallest campus; empty where none does",
    "turns_with_headroom_mw": "Headroom with which the region would be as good as the plan",
    "turns_with_quarters_sooner": "Quarters sooner with which the region would be as good as the plan",
    "turns_with_price_cut_usd_per_mwh": "Fall of the wholesale price with which it would be as good as the plan",
    "why": "The same in words",
    "key": "Name of a fact",
    "value": "The fact, as text",
    "layer": "Layer or table of this file",
    "field": "Field of the layer",
    "meaning": "What the field tells",
    "geometry": "Place on the map",
    **{f"{name}{end}": spec.long_name for name, spec in LEDGERS.items() for end in ("", "_t", "_gwh", "_m3")},
}

_PATTERNS = (
    (r"it_mw_(\d{4})q(\d)", "IT power in service through {0}Q{1}"),
    (r"headroom_mw_(\d{4})q(\d)", "What headroom and offers of the grid hold in {0}Q{1}, peak draw"),
    (r"headroom_left_mw_(\d{4})q(\d)", "What they hold beyond the campus in {0}Q{1}, peak draw"),
    (r"headroom_shadow_usd_per_mw_(\d{4})q(\d)", "What one MW more of headroom in {0}Q{1} would save, present value"),
    (r"wholesale_usd_per_mwh_(\d{4})", "Mean price of energy over the hours of {0}"),
    (r"power_shadow_usd_per_mwh_(\d{4})", "What one MWh more of power would cost, mean over the hours of {0}"),
    (r"cost_total_musd", "All costs of the region, present value"),
    (r"cost_sources_musd", "Plant and batteries on site and contracts for power of the region, present value"),
    (r"systems_(.+)", "Systems of {0} in service at the end of the build-out"),
    (r"relief_(.+)_mw", "Relief by {0} that stands ready for calls"),
    (r"base_flow_(.+)_mw", "Flow without campuses at the {0} stress hour"),
    (r"limit_forward_(.+)_mw", "Limit for new flow from the first end to the second, {0} stress hour"),
    (r"limit_reverse_(.+)_mw", "Limit for new flow in the other direction, {0} stress hour"),
    (r"flow_(.+)_mw", "Flow added at the {0} stress hour, positive from the first end to the second"),
    (r"utilization_(.+)", "Flow over the limit in its direction at the {0} stress hour"),
    (r"shadow_(.+)_usd_per_mw", "What one MW more of limit would save at the {0} stress hour, present value"),
    (r"binds_(.+)", "Whether the limit binds at the {0} stress hour (1) or not (0)"),
)
_COST = re.compile(r"cost_(.+)_musd")
_DATED = re.compile(r"_\d{4}(q\d)?$")


@dataclass(frozen=True)
class Field:
    """What a field tells, and its unit: empty for text, ``1`` for a plain number."""

    meaning: str
    unit: str

    @property
    def title(self) -> str:
        """Return both in one line."""
        return f"{self.meaning} [{self.unit}]" if self.unit not in ("", "1") else self.meaning


def field_of(name: str) -> Field:
    """Return what the field ``name`` tells.

    Raises: KeyError for a field that nobody has described; ``tests/test_geopackage.py`` lets none through.
    """
    return Field(_meaning(name), _unit(name))


def _meaning(name: str) -> str:
    if name in _WORDS:
        return _WORDS[name]
    for pattern, sentence in _PATTERNS:
        if found := re.fullmatch(pattern, name):
            return sentence.format(*(plain(part, 60) for part in found.groups()))
    if found := _COST.fullmatch(name):
        term = found[1]
        return f"{COST_WORDS.get(term, plain(term, 40))}, present value"
    raise KeyError(f"the field {name!r} has no meaning in grid_opt/report/fields.py")


def _unit(name: str) -> str:
    stem = _DATED.sub("", name)
    if stem in _COUNTS or stem.startswith(("binds_", "utilization_", "systems_")):
        return _COUNTS.get(stem, "1")
    if stem == "rate_usd_per_unit":
        return "USD/unit"
    return next((unit for ending, unit in _ENDINGS if stem.endswith(ending)), "")
