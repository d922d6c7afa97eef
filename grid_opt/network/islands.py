"""Leave out what is offline, and find the islands of what remains with a reference bus each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from grid_opt.errors import InputError
from grid_opt.network.convention import Lines
from grid_opt.network.elements import Flags, Numbers, Places, Topology


def active(net: Topology) -> Topology:
    """Return the network without offline buses, elements that are offline themselves, and those at offline buses.

    Buses keep their order; ``start``, ``end`` and ``bus`` refer to the new positions.
    """
    alive = net.buses.online
    position = np.cumsum(alive) - 1
    branch = net.branches.online & alive[net.branches.start] & alive[net.branches.end]
    unit = net.generators.online & alive[net.generators.bus]
    dc = net.dc_lines.online & alive[net.dc_lines.start] & alive[net.dc_lines.end]
    branches, lines = net.branches.take(branch), net.dc_lines.take(dc)
    generators = net.generators.take(unit)
    return replace(
        net,
        buses=net.buses.take(alive),
        branches=replace(branches, start=position[branches.start], end=position[branches.end]),
        generators=replace(generators, bus=position[generators.bus]),
        generator_costs=net.generator_costs.take(unit),
        dc_lines=replace(lines, start=position[lines.start], end=position[lines.end]),
        dc_costs=net.dc_costs.take(dc),
    )


@dataclass(frozen=True)
class Islands:
    """The island of every bus (numbered from 0) and the reference bus of every island."""

    of_bus: Places
    reference: Places

    @property
    def is_reference(self) -> Flags:
        """Whether a bus is the reference of its island."""
        found = np.zeros(len(self.of_bus), dtype=bool)
        found[self.reference] = True
        return found


def find_islands(net: Topology) -> Islands:
    """Return the islands of an active network: buses joined by branches, DC lines not counted.

    The reference is the first bus that the file names as one. An island without one gets its first bus if nothing
    there draws or gives power; any other is refused. So is an island with demand that nothing can serve.

    Errors: InputError naming the island's first bus.
    """
    count = len(net.buses)
    ends = (net.branches.start, net.branches.end)
    joined = coo_array((np.ones(len(net.branches)), ends), shape=(count, count))
    number, of_bus = connected_components(joined, directed=False)
    order = np.lexsort((np.arange(count), ~net.buses.reference, of_bus))
    _, first = np.unique(of_bus[order], return_index=True)
    reference = order[first].astype(np.int64)
    islands = Islands(of_bus.astype(np.int64), reference)
    _check_served(net, islands, number)
    _check_references(net, islands, number)
    return islands


def _fed(net: Topology, islands: Islands, number: int) -> Flags:
    """Return the islands that have a generator or a DC line."""
    fed = np.zeros(number, dtype=bool)
    for places in (net.generators.bus, net.dc_lines.start, net.dc_lines.end):
        fed[islands.of_bus[places]] = True
    return fed


def _check_served(net: Topology, islands: Islands, number: int) -> None:
    demand = np.bincount(islands.of_bus, weights=np.abs(net.demand_mw), minlength=number)
    starved = ~_fed(net, islands, number) & (demand > 0)
    if starved.any():
        members = islands.of_bus == int(np.argmax(starved))
        bus = net.buses.name[int(np.argmax(members & (net.demand_mw != 0)))]
        raise InputError(
            f"bus {bus} draws power in an island of {members.sum()} buses without a generator or DC line",
            file=net.source, row=f"bus {bus}", field="load", value=float(net.demand_mw[members].sum()),
            expected="a way to serve the load of every island",
            fix="put the branch that joins the island online, or take its buses offline (type 4)",
        )  # fmt: skip


def _check_references(net: Topology, islands: Islands, number: int) -> None:
    named = net.buses.reference[islands.reference]
    demand = np.bincount(islands.of_bus, weights=np.abs(net.demand_mw), minlength=number)
    alive = _fed(net, islands, number) | (demand > 0)
    lost = alive & ~named
    if lost.any():
        members = islands.of_bus == int(np.argmax(lost))
        bus = net.buses.name[int(np.argmax(members))]
        raise InputError(
            f"the island of {members.sum()} buses that begins with bus {bus} has no reference bus",
            file=net.source, row=f"bus {bus}", field="reference", expected="one reference (slack) bus per island",
            fix="name a bus with a generator as reference (type 3 in MATPOWER), or join the island",
        )  # fmt: skip


def angle_reach(net: Topology, lines: Lines, islands: Islands) -> Numbers:
    r"""Return how far the angle of a bus can be from its reference's [rad], infinite where nothing limits it.

    A branch lets its ends differ by at most :math:`\max(|\underline f|, |\overline f|) / |b| + |\varphi|`; the sum
    along any path limits the angle, and the shortest path limits it best. Implied by the limits of the flows, these
    bounds change no solution; they keep the simplex method from wandering off on infeasible networks.
    """
    most = np.maximum(np.abs(lines.low_mw), np.abs(lines.high_mw)) / np.abs(lines.susceptance) + np.abs(lines.shift)
    count = len(net.buses)
    # Parallel branches are added up here, which is looser than their least and still a bound.
    length = csr_array((most + 1e-9, (net.branches.start, net.branches.end)), shape=(count, count))
    reach = dijkstra(length, directed=False, indices=islands.reference, min_only=True)
    return np.asarray(reach) * (1.0 + 1e-6) + 1e-6
