r"""Compute how flows answer to power and to outages: PTDF and LODF by one sparse factorisation.

With incidence A (branch, bus), susceptances b and :math:`B = A^\top \mathrm{diag}(b)\, A`, one reference bus per
island struck out, flows are :math:`f = \mathrm{diag}(b)\,(A\theta - \varphi)` with
:math:`B\theta = P + A^\top \mathrm{diag}(b)\,\varphi`.

* PTDF (branch, bus): flow per MW put in at a bus and taken out at the reference of its island,
  :math:`\mathrm{diag}(b)\,A\,B^{-1}`.
* LODF (branch, outage): the share of an outaged branch's flow that another takes over,
  :math:`\frac{\psi_{lk}}{1 - \psi_{kk}}` with :math:`\psi_{lk} = b_l\,a_l^\top B^{-1} a_k`.

B is factorised once (:func:`scipy.sparse.linalg.splu`) and never inverted; columns and rows are made in blocks when
asked for, so that memory is that of a block.

A branch whose outage cuts its island in two (a bridge) has :math:`\psi_{kk} = 1` and no LODF. Bridges are found on the
graph, parallel branches counted, and not by looking for a small denominator.

Source: Guler, Gross, Liu, "Generalized Line Outage Distribution Factors", IEEE Trans. Power Systems 22(2), 2007.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from grid_opt.errors import InputError
from grid_opt.network.bridges import find_bridges
from grid_opt.network.convention import Convention, lines_of
from grid_opt.network.elements import Flags, Numbers, Places, Topology
from grid_opt.network.islands import find_islands
from grid_opt.network.triangles import SymmetricSolver

BLOCK = 128
"""Columns that are solved for at once: enough for speed, few enough for memory (10,000 branches: 10 MB)."""
_SINGULAR = 1e-9


class Factors:
    """The factorised DC model of an active network.

    Errors: InputError when the susceptance matrix of an island is singular.
    """

    def __init__(self, net: Topology, convention: Convention = "matpower") -> None:
        self.net = net
        self.lines = lines_of(net, convention)
        count, buses = len(net.branches), len(net.buses)
        row = np.arange(count)
        ends = (np.concatenate([row, row]), np.concatenate([net.branches.start, net.branches.end]))
        signs = np.concatenate([np.ones(count), -np.ones(count)])
        self.incidence = sp.csr_array((signs, ends), shape=(count, buses))
        self._flow = sp.csr_array(sp.diags_array(self.lines.susceptance) @ self.incidence)
        islands = find_islands(net)
        self._kept = np.flatnonzero(~islands.is_reference)
        self.is_bridge: Flags = find_bridges(net.branches.start, net.branches.end, buses)
        self._solver = self._factorise()

    def _factorise(self) -> SymmetricSolver | None:
        if len(self._kept) == 0:
            return None
        try:
            return SymmetricSolver(sp.csc_array(self.incidence[:, self._kept].T @ self._flow[:, self._kept]))
        except RuntimeError as error:
            raise InputError(
                "the susceptances of the network cancel out: its matrix is singular", file=self.net.source,
                field="x", expected="an invertible network", fix="look for negative reactances that cancel others",
            ) from error  # fmt: skip

    def _solve(self, injections: Numbers) -> Numbers:
        """Return angles (bus, case) for injections (bus, case), zero at the references."""
        angles = np.zeros(injections.shape)
        if self._solver is not None:
            angles[self._kept] = self._solver.solve(injections[self._kept])
        return angles

    def flows(self, injection_mw: Numbers) -> Numbers:
        """Return the flows [MW] (branch,) of injections [MW] (bus,), phase shifts included.

        Whatever an island's injections do not balance is taken out at its reference.
        """
        pushed = self.lines.susceptance * self.lines.shift
        angles = self._solve((injection_mw + self.incidence.T @ pushed)[:, None])[:, 0]
        return np.asarray(self._flow @ angles - pushed)

    def respond(self, injections: Numbers) -> Numbers:
        """Return the change of flows (branch, case) for changes of injections (bus, case)."""
        return np.asarray(self._flow @ self._solve(injections))

    def ptdf_columns(self, buses: Places) -> Numbers:
        """Return the PTDF (branch, chosen bus): flow per MW put in at a bus and taken out at its reference."""
        unit = np.zeros((len(self.net.buses), len(buses)))
        unit[buses, np.arange(len(buses))] = 1.0
        return self.respond(unit)

    def ptdf_rows(self, branches: Places) -> Numbers:
        """Return the PTDF (chosen branch, bus); B is symmetric, so that a row is one solve as well."""
        return self._solve(self._flow[branches].T.toarray()).T

    def ptdf_blocks(self, size: int = BLOCK) -> Iterator[tuple[Places, Numbers]]:
        """Return the whole PTDF by blocks of columns: (buses, (branch, bus) block)."""
        for part in _parts(len(self.net.buses), size):
            yield part, self.ptdf_columns(part)

    def transfers(self, branches: Places) -> Numbers:
        r"""Return :math:`\psi` (branch, chosen branch): flow per MW sent from the start of a branch to its end."""
        unit = self.incidence[branches].T.toarray()
        return self.respond(unit)

    def lodf_columns(self, outages: Places) -> Numbers:
        """Return the LODF (branch, outage): what each branch takes over of the outaged branch's flow.

        The outaged branch itself has -1. The column of a bridge is NaN: its outage leaves no connected island.
        """
        moved = self.transfers(outages)
        column = np.arange(len(outages))
        left = 1.0 - moved[outages, column]
        undefined = self.is_bridge[outages] | (np.abs(left) < _SINGULAR)
        found = moved / np.where(undefined, np.nan, left)
        found[outages, column] = np.where(undefined, np.nan, -1.0)
        return np.asarray(found)

    def lodf_blocks(self, size: int = BLOCK) -> Iterator[tuple[Places, Numbers]]:
        """Return the whole LODF by blocks of columns: (outages, (branch, outage) block)."""
        for part in _parts(len(self.net.branches), size):
            yield part, self.lodf_columns(part)


def _parts(count: int, size: int) -> Iterator[Places]:
    for first in range(0, count, size):
        yield np.arange(first, min(first + size, count))
