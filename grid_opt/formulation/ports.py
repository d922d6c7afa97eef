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
