"""Describe a fleet on offer: which accelerators a buyer can have when, at what price, on which software."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from grid_opt.compute.figures import DATE, Certainty, Figure, check_units
from grid_opt.config.field_types import Quarter
from grid_opt.config.knobs import KnobError, Knobs
from grid_opt.config.quarters import quarter_ordinal

Systems = Annotated[float, Field(ge=0, le=1e7)]
Share = Annotated[float, Field(ge=0, le=1)]


def in_force(dated: dict[str, float], quarter: str) -> float:
    """Return the value named last up to a quarter; 0 before the first."""
    due = [name for name in dated if quarter_ordinal(name) <= quarter_ordinal(quarter)]
    return dated[max(due, key=quarter_ordinal)] if due else 0.0


class Member(Knobs):
    """One accelerator on offer to the buyer of this plan."""

    deliveries: dict[Quarter, Systems] = Field(
        min_length=1, description="Most systems delivered in a quarter, from the named quarter on"
    )
    take_or_pay: dict[Quarter, Systems] = Field(
        default={}, description="Systems that must be taken in a quarter, from the named quarter on"
    )
    deliveries_source: str = Field(min_length=1, description="Where the deliveries come from")
    deliveries_certainty: Certainty = Field(description="H high, M medium, L low")
    deliveries_date: str = Field(pattern=DATE, description="Year, or year and month, of the statement")
    price_decline: Figure = Field(description="Yearly fall of the real price of a system")
    racks: Figure = Field(description="Racks that a system takes on the floor")
    liquid_share: Share = Field(description="Share of a system's heat that leaves by water; the rest leaves by air")
    liquid_source: str = Field(min_length=1, description="Where that share comes from")
    software: str = Field(min_length=1, description="Software stack that it runs")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        check_units({"price_decline": (self.price_decline, "1/year"), "racks": (self.racks, "racks")})
        for quarter in sorted({*self.deliveries, *self.take_or_pay}, key=quarter_ordinal):
            least, most = in_force(self.take_or_pay, quarter), in_force(self.deliveries, quarter)
            if least > most:
                raise KnobError(
                    "more must be taken than is delivered",
                    field=f"take_or_pay.{quarter}",
                    value=least,
                    expected=f"at most {most:g} systems",
                )
        return self


class Software(Knobs):
    """A software stack: what it takes to move a class of requests onto it, and how fast that goes."""

    porting_musd: float = Field(ge=0, le=1e5, description="Engineering to port one class, once [million USD]")
    first_share: Share = Field(description="Share of a class that it can serve in the quarter in which porting ends")
    share_per_quarter: Share = Field(description="Share that it gains in every quarter after")
    source: str = Field(min_length=1, description="Where these come from")
    certainty: Certainty = Field(description="H high, M medium, L low")
    date: str = Field(pattern=DATE, description="Year, or year and month, of the source")

    @property
    def needs_porting(self) -> bool:
        """Whether anything must be ported at all: a stack that serves everything at once for nothing is home."""
        return self.porting_musd > 0 or self.first_share < 1

    def ready(self, quarters_since: int) -> float:
        """Return the share of a class [1] served so many quarters after porting; 0 before."""
        if quarters_since < 0:
            return 0.0
        return min(1.0, self.first_share + self.share_per_quarter * quarters_since)


class Vendor(Knobs):
    """How far the plan may depend on one vendor."""

    least_share: Share = Field(default=0.0, description="Least share of the IT power of all systems at the end")
    most_share: Share = Field(default=1.0, description="Most of it")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least_share > self.most_share:
            raise KnobError(
                "the least share is above the most",
                field="least_share",
                value=self.least_share,
                expected=f"at most most_share = {self.most_share:g}",
            )
        return self


class CoSiting(Knobs):
    """A rule that systems of one kind need some of another in the same region."""

    system: str = Field(min_length=1, description="Accelerator that needs the other")
    needs: str = Field(min_length=1, description="Accelerator that must stand beside it")
    per_system: float = Field(gt=0, le=1e4, description="Systems of the other for each of the first")
    reason: str = Field(min_length=1, description="Why")


class FleetOffer(Knobs):
    """All accelerators on offer, their software and the buyer's rules of choice."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Short name; equal to the file's name")
    title: str = Field(min_length=1, description="Name in reports")
    price_year: int = Field(ge=2020, le=2040, description="Year for which the accelerators' files give prices")
    members: dict[str, Member] = Field(min_length=1, description="Accelerators by name, or by path of a TOML file")
    software: dict[str, Software] = Field(min_length=1, description="Software stacks by name")
    vendors: dict[str, Vendor] = Field(default={}, description="Shares by vendor, as the accelerators name them")
    co_siting: tuple[CoSiting, ...] = Field(default=(), strict=False, description="Rules of standing together")

    @model_validator(mode="after")
    def _names_meet(self) -> Self:
        for name, member in self.members.items():
            if member.software not in self.software:
                raise KnobError(
                    "no such software stack",
                    field=f"members.{name}.software",
                    value=member.software,
                    expected=f"one of {', '.join(self.software)}",
                )
        for number, rule in enumerate(self.co_siting):
            for field, name in (("system", rule.system), ("needs", rule.needs)):
                if name not in self.members:
                    raise KnobError(
                        "no such accelerator in this fleet",
                        field=f"co_siting.{number}.{field}",
                        value=name,
                        expected=f"one of {', '.join(self.members)}",
                    )
        if sum(vendor.least_share for vendor in self.vendors.values()) > 1 + 1e-9:
            raise KnobError("the least shares of all vendors are more than all", field="vendors", expected="at most 1")
        return self
