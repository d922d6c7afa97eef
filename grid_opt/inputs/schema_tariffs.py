"""Declare the table of tariffs by region, and the arrays of the world that tariffs become.

Arrays ``tariff_*`` say what a MW costs by all charges that are linear in the load; the others describe *lines*: billed
quantities that are the highest of several, each a *bound* from below. All money is present value: a long-run year pays
the bills of all calendar years that it stands for.
"""

from __future__ import annotations

from grid_opt.config import Case
from grid_opt.inputs.schema import WorldArray
from grid_opt.inputs.schema import text as text_array
from grid_opt.inputs.schema_columns import Table, ident, text

REGION_TARIFFS = Table(
    "region_tariffs",
    ("region",),
    (
        ident("region", "candidate region"),
        text("tariff", "bundled tariff (models/tariffs), or a TOML file, found from the folder of this table"),
        text("source", "where it is from that this tariff is paid there"),
        text(
            "assumption", 'empty, or "ASSUMPTION: ..." for what no source fixes', pattern=r"(ASSUMPTION: .+)?",
            optional=True,
        ),
    ),
    "one row per region",
    "The tariff that campuses of each region pay.",
)  # fmt: skip

PARTS = ("energy", "rider", "delivery", "capacity", "collateral")
"""What charges are booked under: a cost term of the plan each."""

_BIG = 1e12
_RATE = ("part", "region", "year", "quarter")

TARIFF: dict[str, WorldArray] = {
    "region_tariff": text_array("region", "tariff that campuses of the region pay"),
    "design_pue": WorldArray(
        ("region", "month"), "1", "facility power per IT power on the declared peak day of the month", 1, 3
    ),
    "peak_hours": WorldArray(
        ("region", "quarter"), "h", "declared peak hours that are billed while the capacity of the quarter runs, each "
        "by the present value of one USD paid then", 0, 1e4,
    ),
    "most_it": WorldArray(("region", "quarter"), "MW", "largest campus (IT) that can be connected", 0, 1e6),
    "most_contract": WorldArray(("region", "quarter"), "MW", "largest contract demand", 0, 1e6),
    "tariff_energy": WorldArray(
        ("region", "year", "slice"), "USD/MW", "paid for energy per MW at the meter, over the hours of the slice",
        -_BIG, _BIG,
    ),
    "tariff_rider": WorldArray(
        ("region", "year", "slice"), "USD/MW", "paid in riders per MW at the meter, over the hours of the slice",
        -_BIG, _BIG,
    ),
    "tariff_load": WorldArray(_RATE, "USD/MW", "paid in the year per MW of IT power of the quarter", -_BIG, _BIG),
    "tariff_relief": WorldArray(_RATE, "USD/MW", "saved in the year per MW kept off the quarter's peaks", -_BIG, _BIG),
    "tariff_contract": WorldArray(_RATE, "USD/MW", "paid in the year per MW of contract of the quarter", -_BIG, _BIG),
    "tariff_site": WorldArray(_RATE, "USD", "paid in the year for a campus that is open in the quarter", -_BIG, _BIG),
    "size_region": text_array("size", "region whose tariff changes at the size"),
    "size_mw": WorldArray(("size",), "MW", "contract demand at which another schedule begins", 0, 1e5),
    "size_shared": WorldArray(("size",), "1", "1 where it is the threshold of the region's offers", 0, 1),
    "size_may": WorldArray(("size", "quarter"), "1", "1 where a contract may be that large", 0, 1),
    "line_region": text_array("line", "region of the billed quantity"),
    "line_part": text_array("line", "cost term that it is booked under"),
    "line_what": text_array("line", "kind and name of the charge"),
    "line_rate": WorldArray(("line", "year"), "USD/MW", "paid in the year per unit of the quantity", -_BIG, _BIG),
    "bound_line": text_array("bound", "billed quantity that it bounds from below"),
    "bound_load": WorldArray(("bound", "quarter"), "1", "per MW of IT power of the quarter", -_BIG, _BIG),
    "bound_relief": WorldArray(("bound", "quarter"), "1", "per MW kept off the quarter's peaks", -_BIG, _BIG),
    "bound_contract": WorldArray(("bound", "quarter"), "1", "per MW of contract of the quarter", -_BIG, _BIG),
    "bound_site": WorldArray(("bound", "quarter"), "MW", "where a campus is open in the quarter", -_BIG, _BIG),
    "bound_meter": text_array("bound", "meter reading that it has, or nothing"),
    "bound_shift": WorldArray(("bound",), "MW", "end of the tier before", 0, _BIG),
    "bound_most": WorldArray(("bound",), "MW", "most that the bound can be", 0, _BIG),
    "bound_off": WorldArray(("bound",), "1", "1 where the bound holds only under a condition on the opening", 0, 1),
    "bound_opened": WorldArray(
        ("bound", "quarter"), "1", "whether the campus being open in the quarter lifts (1) or calls for (-1) it", -1, 1
    ),
    "bound_from": text_array("bound", "size that the contract must reach for it to hold, or nothing"),
    "bound_below": text_array("bound", "size that the contract must stay below for it to hold, or nothing"),
    "bound_quarter": text_array("bound", "quarter whose contract decides"),
    "meter_region": text_array("meter", "region of the reading"),
    "meter_year": WorldArray(("meter",), "1", "operating year of the reading", 1900, 2200),
    "meter_weight": WorldArray(("meter", "slice"), "h", "hours, or money per MW, of the slice in it", -_BIG, _BIG),
    "fall_line": text_array("fall", "billed quantity whose rate falls"),
    "fall_from": WorldArray(("fall",), "MW", "quantity from which it is lower", 0, _BIG),
    "fall_most": WorldArray(("fall",), "MW", "most that the quantity can be", 0, _BIG),
    "fall_rate": WorldArray(("fall", "year"), "USD/MW", "saved in the year per unit beyond", 0, _BIG),
    "tie_bound": text_array("tie", "least bill towards which a charge counts"),
    "tie_line": text_array("tie", "billed quantity of that charge"),
    "tie_rate": WorldArray(("tie",), "1", "its rate, by the unit of the least bill", 0, _BIG),
}  # fmt: skip
"""The further arrays of a case that pays tariffs."""

DELIVERED: dict[str, WorldArray] = {
    "tariff_delivered": WorldArray(
        ("region", "year", "slice"), "USD/MW", "paid for energy, the wholesale price aside, per MW at the meter that a "
        "contract delivers, over the hours of the slice", -_BIG, _BIG,
    ),
    "meter_delivered": WorldArray(
        ("meter", "slice"), "h", "hours, or money per MW, of the slice in it for what a contract delivers", -_BIG, _BIG
    ),
}  # fmt: skip
"""The further arrays where contracts deliver energy to campuses that pay tariffs."""


def tariff_arrays(case: Case) -> dict[str, WorldArray]:
    """Return the declarations of what the world of a case holds of its tariffs."""
    if not case.tariffs.charge:
        return {}
    return TARIFF | (DELIVERED if case.supply.delivers else {})
