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


class Bought(Protocol):
    """What the campuses draw from the network, delivery losses included."""

    def bought_mw(self, region: Index, year: Index, slice_: Index) -> Expression:
        """Return the power bought in ``region`` in a slice [MW]."""
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
