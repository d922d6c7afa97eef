"""The section of a case that says which power campuses may contract or make for themselves.

The other sections are in :mod:`grid_opt.config.sections`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from grid_opt.config.knobs import KnobError, Knobs, knob
from grid_opt.config.sections_connection import once_each

Settlement = Literal["financial", "physical"]
Technology = Literal["gas_turbine", "engine", "fuel_cell", "solar", "battery"]
SETTLEMENTS: tuple[str, ...] = get_args(Settlement)
TECHNOLOGIES: tuple[str, ...] = get_args(Technology)
STORES = ("battery",)
"""Technologies that shift power in time and make none."""

Delay = Annotated[int, Field(ge=-40, le=80)]


class Supply(Knobs):
    """Which power campuses may contract or make for themselves, beside what they buy at wholesale."""

    contracts: Annotated[tuple[Settlement, ...], Field(strict=False)] = knob(
        SETTLEMENTS,
        "Settlements of the long contracts (PPAs) of data/ppa_offers.csv that may be signed: 'financial' (a contract "
        "for differences) or 'physical' (energy delivered to campuses that pay for energy at the wholesale price, at "
        "flat rates or by tariff). Empty for none.",
    )
    most_contracted_share: float = knob(
        1.0,
        "Most energy under long contracts over the plan as a share of what the campuses of a region draw. ASSUMPTION: "
        "contracts hedge a load, they are no business of their own.",
        unit="1",
        ge=0,
        le=10,
    )
    sale_margin_usd_per_mwh: float = knob(
        3.0,
        "What a MWh that is sold back at wholesale brings less than the price of its hour. ASSUMPTION.",
        unit="USD/MWh",
        ge=0,
        le=1000,
    )
    forwards: bool = knob(
        True, "Whether blocks of data/forward_blocks.csv may be bought ahead, at a premium on the expected price."
    )
    least_hedged_share: float = knob(
        0.0,
        "Least share of every year's energy in a region whose price is fixed by long contracts and forward blocks.",
        unit="1",
        ge=0,
        le=1,
    )
    onsite: Annotated[tuple[Technology, ...], Field(strict=False)] = knob(
        TECHNOLOGIES, "Technologies of data/onsite_technologies.csv that campuses may build on site. Empty for none."
    )
    delay_quarters: dict[Technology, Delay] = knob(
        {}, "Quarters by which technologies on site are ready later (negative: sooner) than their table says."
    )
    gas_price_scale: float = knob(
        1.0, "Factor on the price of gas burnt on site; wholesale prices keep theirs (energy.outlook).", unit="1",
        gt=0, le=100,
    )  # fmt: skip
    export_share: float = knob(
        0.0,
        "Most own power that leaves over the campus's connection, as a share of its MW. 0: what is not used is not "
        "made. ASSUMPTION: service for load does not include the right to feed in.",
        unit="1",
        ge=0,
        le=1,
    )
    store_across_days: bool = knob(
        False,
        "Whether batteries may carry energy from day to day. It needs energy.days = 365; otherwise a battery ends "
        "every representative day as it began it.",
    )
    screen: bool = knob(
        True,
        "Whether offers that cannot pay for themselves in any hour of the plan are left out before the search. It "
        "changes no optimum where money is all that counts; where [carbon] asks something, none is left out.",
    )

    @field_validator("contracts", "onsite")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        once_each(values)
        return values

    @model_validator(mode="after")
    def _hedges_exist(self) -> Supply:
        if self.least_hedged_share > 0 and not (self.forwards or self.contracts):
            raise KnobError(
                "nothing may be bought ahead",
                field="least_hedged_share",
                value=self.least_hedged_share,
                expected="0 without contracts and forwards",
                fix="set supply.forwards = true, or name settlements in supply.contracts",
            )
        return self

    @property
    def plants(self) -> tuple[str, ...]:
        """Technologies on site that make power."""
        return tuple(one for one in self.onsite if one not in STORES)

    @property
    def stores(self) -> tuple[str, ...]:
        """Technologies on site that shift it."""
        return tuple(one for one in self.onsite if one in STORES)

    @property
    def delivers(self) -> bool:
        """Whether contracts may deliver energy to campuses."""
        return "physical" in self.contracts

    @property
    def exports(self) -> bool:
        """Whether own power may leave over the campus's connection."""
        return bool(self.onsite) and self.export_share > 0

    @property
    def has_sources(self) -> bool:
        """Whether campuses have any source beside wholesale."""
        return bool(self.contracts or self.forwards or self.onsite)
