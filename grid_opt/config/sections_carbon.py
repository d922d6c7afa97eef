"""The sections of a case that say what its emissions and its water may be, and what they cost.

The other sections are in :mod:`grid_opt.config.sections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from grid_opt.config.field_types import integer_keys
from grid_opt.config.knobs import Knobs, knob

Ledger = Literal["location", "market", "hourly"]
AmountByYear = Annotated[
    dict[int, Annotated[float, Field(ge=0, le=1e9)]],
    BeforeValidator(integer_keys),
]
ShareByYear = Annotated[dict[int, Annotated[float, Field(ge=0, le=1)]], BeforeValidator(integer_keys)]
Stress = Annotated[int, Field(ge=1, le=5)]
ByStress = Annotated[dict[Stress, Annotated[float, Field(ge=0, le=1e9)]], BeforeValidator(integer_keys)]


def _asked(steps: Mapping[int, float]) -> bool:
    return any(value > 0 for value in steps.values())


class Carbon(Knobs):
    """What emissions may be and cost, and how much of the load carbon-free power must match.

    Figures by year rule from the named year until the next one; before the first there is none.
    """

    ledger: Ledger = knob(
        "location",
        "Ledger that price and cap are on: 'location' takes the grid's average rate, hour by hour; 'market' counts "
        "contracts and certificates by the year and takes the residual mix for the rest; 'hourly' counts them in the "
        "hour and the region of the load. Each with what own plant emits. All three are told of every plan.",
    )
    count: bool = knob(False, "Whether the model counts emissions even where nothing prices or caps those of a year.")
    price_usd_per_t: AmountByYear = knob({}, "Price of a tonne of CO2 from each named year on.", unit="USD/t")
    cap_t: AmountByYear = knob({}, "Most emissions of a year from each named year on.", unit="t")
    annual_share: ShareByYear = knob(
        {},
        "Least share of a year's load at the meter that the carbon-free output of contracts and own plant, and "
        "certificates, of the same year match.",
        unit="1",
    )
    hourly_share: ShareByYear = knob(
        {},
        "Least share of a year's load that carbon-free output and hourly certificates match in the same hour and "
        "region (24/7).",
        unit="1",
    )
    scope: Literal["portfolio", "region"] = knob(
        "portfolio", "Whether the shares are of all campuses together ('portfolio') or of each region by itself."
    )
    grid_counts: bool = knob(
        False,
        "Whether the hourly share counts the grid's own carbon-free share of the load that is left. Others may hold "
        "its certificates.",
    )
    annual_certificates_gwh: float = knob(
        0.0, "Most energy attribute certificates that may be bought for a year.", unit="GWh", ge=0, le=1e6
    )
    annual_certificate_usd_per_mwh: float = knob(
        3.0,
        "Price of an energy attribute certificate. ASSUMPTION: of the order of voluntary national wind certificates.",
        unit="USD/MWh",
        ge=0,
        le=1000,
    )
    hourly_certificates_mw: float = knob(
        0.0,
        "Most hourly certificates that may be bought for a region in an hour when its grid is all carbon-free; in "
        "other hours in proportion to the grid's carbon-free share.",
        unit="MW",
        ge=0,
        le=1e5,
    )
    hourly_certificate_usd_per_mwh: float = knob(
        12.0,
        "Price of an hourly certificate. ASSUMPTION: no public price; several times an annual one.",
        unit="USD/MWh",
        ge=0,
        le=1000,
    )

    @property
    def on_ledger(self) -> bool:
        """Whether price or cap rest on the ledger, or the case asks to count."""
        return self.count or _asked(self.price_usd_per_t) or bool(self.cap_t)

    @property
    def shares_annual(self) -> bool:
        """Whether a share of the year's load must be covered."""
        return _asked(self.annual_share)

    @property
    def shares_hourly(self) -> bool:
        """Whether a share of the load must be matched hour by hour."""
        return _asked(self.hourly_share)

    @property
    def asks(self) -> bool:
        """Whether the case asks anything of emissions or of carbon-free power."""
        return self.on_ledger or self.shares_annual or self.shares_hourly

    @property
    def buys_annual(self) -> bool:
        """Whether certificates of the year may be bought, and anything asks for them."""
        asked = self.shares_annual or (self.on_ledger and self.ledger == "market")
        return asked and self.annual_certificates_gwh > 0

    @property
    def buys_hourly(self) -> bool:
        """Whether hourly certificates may be bought, and anything asks for them; they count by the year too."""
        asked = self.shares_annual or self.shares_hourly or (self.on_ledger and self.ledger != "location")
        return asked and self.hourly_certificates_mw > 0


class Water(Knobs):
    """How campuses are cooled, and what their water may be and costs."""

    cooling: str = knob(
        "hybrid",
        "Class of cooling of all campuses, a row of data/cooling.csv: dry, hybrid or evaporative. The power usage "
        "effectiveness of data/regions.csv is not changed by it.",
        min_length=1,
        max_length=64,
    )
    count: bool = knob(False, "Whether the model counts water even where nothing prices or caps that of a year.")
    price_usd_per_m3: ByStress = knob(
        {},
        "Price of a cubic metre consumed, by the water stress of the region (1 low to 5 extremely high), from each "
        "named one on.",
        unit="USD/m3",
    )
    cap_m3: ByStress = knob(
        {},
        "Most water consumed in a year by all regions of each named water stress or a higher one.",
        unit="m3",
    )

    @property
    def counts(self) -> bool:
        """Whether price or cap rest on water, or the case asks to count."""
        return self.count or _asked(self.price_usd_per_m3) or bool(self.cap_m3)


def in_force(steps: Mapping[int, float], at: int) -> float | None:
    """Return the figure that rules at a year or stress: that of the last one named up to it, ``None`` before."""
    named = [one for one in sorted(steps) if one <= at]
    return steps[named[-1]] if named else None
