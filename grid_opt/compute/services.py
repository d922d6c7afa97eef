"""Describe what is asked of a fleet: classes of requests, the places of their users, and the net between."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from grid_opt.compute.figures import DATE, Certainty
from grid_opt.config.field_types import Quarter
from grid_opt.config.knobs import KnobError, Knobs

Tokens = Annotated[float, Field(ge=0, le=1e15)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
HOURS_OF_DAY = 24
EARTH_KM = 6371.0
FIBRE_KM_PER_MS = 299.792 / 1.468
"""Light in glass: the vacuum's speed by the group index of standard single-mode fibre (ITU-T G.652, about 1.468)."""


class Users(Knobs):
    """The users of one part of the country, taken to be at one place."""

    share: float = Field(gt=0, le=1, description="Share of all users")
    latitude_deg: float = Field(ge=-90, le=90, description="Latitude")
    longitude_deg: float = Field(ge=-180, le=180, description="Longitude")
    utc_offset_hours: int = Field(ge=-12, le=14, description="Standard time less UTC [h]")
    source: str = Field(min_length=1, description="Where the share comes from")
    date: str = Field(pattern=DATE, description="Year, or year and month, of the source")


class Net(Knobs):
    """What a request takes to travel there and back."""

    fixed_ms: float = Field(ge=0, le=1000, description="Access and switching, there and back [ms]")
    route_factor: float = Field(ge=1, le=5, description="Length of the fibre by the great-circle distance")
    source: str = Field(min_length=1, description="Where these come from")
    certainty: Certainty = Field(description="H high, M medium, L low")

    def round_trip_ms(self, users: Users, latitude_deg: float, longitude_deg: float) -> float:
        r"""Return the round-trip time [ms] to a place: :math:`t_0 + 2 f d / v`, d along the great circle."""
        a, b = math.radians(users.latitude_deg), math.radians(latitude_deg)
        east = math.radians(longitude_deg - users.longitude_deg)
        half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(east / 2) ** 2
        distance = 2 * EARTH_KM * math.asin(math.sqrt(half))
        return self.fixed_ms + 2 * self.route_factor * distance / FIBRE_KM_PER_MS


class ServiceClass(Knobs):
    """Requests that want one model, at one speed, within one latency, for one price."""

    title: str = Field(min_length=1, description="Name in reports")
    workload: str = Field(min_length=1, description="Workload that is served: a file in models/workloads, or a path")
    tok_s_user: float = Field(gt=0, le=1e5, description="Least output speed of a user [tokens/s]")
    latency_ms: float = Field(gt=0, le=1e5, description="Longest round-trip time between user and region [ms]")
    usd_per_mtok: float = Field(ge=0, le=1e6, description="Worth of a million output tokens, prompt included [USD]")
    worth_decline: float = Field(ge=0, lt=1, description="Yearly fall of that worth, real [1/year]")
    worth_year: int = Field(ge=2020, le=2040, description="Year of that worth")
    penalty_usd_per_mtok: float = Field(default=0.0, ge=0, le=1e6, description="Paid for a million not served [USD]")
    deferrable_share: float = Field(
        default=0.0, ge=0, le=1, description="Share of a block's tokens that may be served at another time of the day"
    )
    protected: bool = Field(default=False, description="Whether it must survive the loss of a region")
    tok_s: dict[Quarter, Tokens] = Field(
        min_length=1, description="Mean demand over the day [output tokens/s], from the named quarter on"
    )
    day: tuple[Weight, ...] = Field(
        strict=False,
        min_length=HOURS_OF_DAY,
        max_length=HOURS_OF_DAY,
        description="Weight of every hour of the day, in the users' standard time, from midnight",
    )
    source: str = Field(min_length=1, description="Where demand, speed, latency and worth come from")
    certainty: Certainty = Field(description="H high, M medium, L low")
    date: str = Field(pattern=DATE, description="Year, or year and month, of the source")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not sum(self.day) > 0:
            raise KnobError("no hour of the day has any weight", field="day", expected="24 weights, some above 0")
        return self

    def worth(self, year: int) -> float:
        """Return what a million output tokens are worth in a year [USD]."""
        return float(self.usd_per_mtok * (1.0 - self.worth_decline) ** (year - self.worth_year))


class ServiceDemand(Knobs):
    """All that is asked of the fleet."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Short name; equal to the file's name")
    title: str = Field(min_length=1, description="Name in reports")
    net: Net = Field(description="How long requests travel")
    users: dict[str, Users] = Field(min_length=1, description="Users by part of the country")
    classes: dict[str, ServiceClass] = Field(min_length=1, description="Classes of requests by name")

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        total = math.fsum(users.share for users in self.users.values())
        if abs(total - 1.0) > 1e-6:
            raise KnobError("the shares of the users do not add up", field="users", value=total, expected="1 in all")
        return self
