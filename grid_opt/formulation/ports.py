"""Say what blocks offer one another: the only roads between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import xarray as xr

from grid_opt.config import Case
from grid_opt.formulation.block import Expression, Index


class Capacity(Protocol):
    """The one thing that operation and networks may know of investment: how many MW stand where, and when.

    A whole model passes the campus block; a part of it that is solved alone passes fixed numbers
    (:class:`~grid_opt.formulation.operation.FixedCapacity`).
    """

    def it_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the IT nameplate in service in ``region`` through ``quarter`` [MW]."""
        ...


class Load(Protocol):
    """What the computers draw, be it a share of their nameplate or what serving requests takes."""

    def drawn_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the IT power that the computers want in a slice [MW]."""
        ...


class Accredited(Protocol):
    """What own supply counts for where capacity is bought."""

    def accredited_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the capacity obligation that own supply takes away [MW]."""
        ...


class Sources(Accredited, Protocol):
    """Power that campuses have beside what they buy at wholesale: contracts, plant and batteries on site.

    A case without any hands ``None`` instead. Every method may return the number 0 where nothing is offered.
    """

    def supplied_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return what takes the place of wholesale purchases in a slice, delivery losses included [MW].

        Energy of physical contracts, and own supply net of charging and of what is sold over the campus's connection.
        """
        ...

    def wheeled_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the part of it that comes over the grid: physical contracts, delivery losses included [MW].

        What a campus draws from the grid is what it buys at wholesale plus this.
        """
        ...

    def clean_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return carbon-free production that counts for a region in a slice [MW], batteries aside.

        Production under contracts deliverable to the region, physical or financial, and own carbon-free output.
        """
        ...

    def contracted_clean_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the part of it that is made under contracts [MW]."""
        ...

    def stored_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return what batteries give in a slice, less what they take [MW]: negative while they charge."""
        ...

    def emitted_t(self, region: Index, year: Index) -> Expression:
        """Return what own plant emits in an operating year [t CO2], scope 1."""
        ...


class Connected(Protocol):
    """How many MW the grid connection of a campus carries."""

    def contracted(self, region: Index, quarter: Index) -> Expression:
        """Return the most that the campus draws from the grid at its meter [MW]."""
        ...


class Bought(Protocol):
    """What the campuses draw from the network, delivery losses included."""

    def bought_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the power bought in ``region`` in a slice [MW]."""
        ...


class Metered(Bought, Protocol):
    """What comes over the meter: some of it may be delivered under contracts, and is not bought at wholesale."""

    def delivered_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the power that contracts deliver, delivery losses included [MW]; 0 where none may."""
        ...

    def metered_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return both together [MW]."""
        ...


class Computers(Protocol):
    """What the computers of a region cost, whoever chose them."""

    def outlay(self, region: Index, quarter: Index) -> Expression:
        """Return the overnight money spent on computers that enter service in the quarter [million USD]."""
        ...


class StressLoad(Protocol):
    """What the network must carry to a campus when the system is tight."""

    def stress_mw(self, region: Index, quarter: Index, stress: Index) -> Expression:
        """Return the facility load at the stress hour [MW]."""
        ...


class Adequacy(Protocol):
    """For how much of its load a campus must buy capacity."""

    def obligated_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the peak load for which capacity is bought [MW]."""
        ...


class Reserve(Protocol):
    """What stands ready to take load off the grid at its declared peaks."""

    def standby_mw(self, region: Index, quarter: Index) -> Expression:
        """Return the load that it can take off the grid in the quarter [MW at the meter]."""
        ...


class Users(Load, Protocol):
    """The computers of all campuses: what they draw, and how far they can be turned down when the grid calls."""

    def bound_shedding(
        self,
        case: Case,
        world: xr.Dataset,
        shed_mw: Callable[[Index, Index], Expression],
        where: Callable[[Index], bool],
    ) -> None:
        """Keep what is shed, by region and quarter at the meter [MW], within what they can turn down."""
        ...
