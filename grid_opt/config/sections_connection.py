"""The section of a case that says which connections may be taken, and what stands already.

The other sections are in :mod:`grid_opt.config.sections`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator

from grid_opt.config.field_types import NonNegative, Quarter
from grid_opt.config.knobs import KnobError, Knobs, knob
from grid_opt.config.quarters import quarter_ordinal

OfferKind = Literal[
    "firm", "conditional", "interim", "contract_demand", "co_located", "behind_the_meter", "lease"
]  # fmt: skip
ReliefKind = Literal["compute", "battery", "engine"]
OFFER_KINDS: tuple[str, ...] = get_args(OfferKind)
RELIEF_KINDS: tuple[str, ...] = get_args(ReliefKind)


def once_each(values: Sequence[str]) -> None:
    """Refuse a list that names something twice."""
    if len(set(values)) != len(values):
        repeated = next(value for value in values if list(values).count(value) > 1)
        raise KnobError(f"{repeated} is named more than once", value=list(values), expected="each only once")


class CommittedBlock(Knobs):
    """Power that is contracted elsewhere already: it counts towards the targets and is no decision."""

    place: str = knob("", "Where it stands, in words.", max_length=200)
    region: str = knob(
        "",
        "Zone of the network that it stands in; empty for a place outside the network.",
        max_length=24,
    )
    facility_mw: dict[Quarter, NonNegative] = knob(
        ..., "Cumulative facility power from each named quarter on.", unit="MW", min_length=1
    )
    takes_headroom: bool = knob(
        False,
        "Whether it uses the headroom and the network of its region; otherwise it has a connection of its own.",
    )
    source: str = knob(..., "Where the figures are from.", min_length=1, max_length=500)

    @field_validator("facility_mw")
    @classmethod
    def _never_falls(cls, steps: dict[str, float]) -> dict[str, float]:
        in_time = dict(sorted(steps.items(), key=lambda item: quarter_ordinal(item[0])))
        before = 0.0
        for quarter, mw in in_time.items():
            if mw < before:
                raise KnobError(
                    "the cumulative power of a block falls",
                    field=quarter,
                    value=mw,
                    expected=f"at least {before:g} MW; the figures are cumulative",
                )
            before = mw
        return in_time

    def mw(self, quarter: str) -> float:
        """Return its facility power through a quarter [MW]."""
        due = [mw for named, mw in self.facility_mw.items() if quarter_ordinal(named) <= quarter_ordinal(quarter)]
        return due[-1] if due else 0.0


BlockName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class Connection(Knobs):
    """Which connections a campus may take, how it answers calls, and what is committed already."""

    menu: bool = knob(
        True,
        "Whether campuses choose among the dated offers of data/offers.csv. Without it data/headroom.csv alone "
        "limits them: firm, at no price, whatever their size.",
    )
    kinds: Annotated[tuple[OfferKind, ...], Field(strict=False)] = knob(
        OFFER_KINDS, "Kinds of offers that may be taken.", min_length=1
    )
    max_curtailment_fraction_of_energy: float = knob(
        0.01,
        "Largest share of a year's energy under an offer that its calls may take. Offers whose calls take more are not "
        "taken: 0 leaves only those that are never called.",
        unit="1",
        ge=0,
        le=1,
    )
    relief: Annotated[tuple[ReliefKind, ...], Field(strict=False)] = knob(
        RELIEF_KINDS, "What may answer a call: shedding compute, a battery, engines on site (data/relief.csv)."
    )
    coincident_share: float = knob(
        1.0,
        "Share of the design-day load that is on at the hour for which capacity is bought. ASSUMPTION: a steady load "
        "is on.",
        unit="1",
        ge=0,
        le=1,
    )
    upgrades: bool = knob(False, "Whether the network upgrades of data/upgrades.csv may be built.")
    committed: dict[BlockName, CommittedBlock] = knob(
        {}, "Blocks that are contracted already, by name; they count towards the targets and cost nothing here."
    )

    @field_validator("kinds", "relief")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        once_each(values)
        return values
