"""Say what blocks offer one another: the only roads between them."""

from __future__ import annotations

from typing import Protocol

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
