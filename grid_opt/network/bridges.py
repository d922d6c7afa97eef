"""Find the branches whose outage cuts the network in two."""

from __future__ import annotations

import numpy as np

from grid_opt.network.elements import Flags, Places


def find_bridges(start: Places, end: Places, buses: int) -> Flags:
    """Return which branches are bridges of the graph (branch,); of parallel branches none is.

    Depth-first search with low links, without recursion: linear in the size of the network.
    Source: R. Tarjan, "A note on finding the bridges of a graph", Inf. Proc. Letters 2(6), 1974.
    """
    neighbors, first = _adjacency(start, end, buses)
    found = np.zeros(len(start), dtype=bool)
    order = [-1] * buses
    low = [0] * buses
    clock = 0
    for root in range(buses):
        if order[root] >= 0:
            continue
        order[root] = low[root] = clock
        clock += 1
        stack = [(root, -1, first[root])]
        while stack:
            bus, by, at = stack.pop()
            if at < first[bus + 1]:
                stack.append((bus, by, at + 1))
                other, branch = neighbors[at]
                if branch == by:  # the very branch that led here; a parallel one is a way back
                    continue
                if order[other] < 0:
                    order[other] = low[other] = clock
                    clock += 1
                    stack.append((other, branch, first[other]))
                else:
                    low[bus] = min(low[bus], order[other])
            elif stack:
                parent = stack[-1][0]
                low[parent] = min(low[parent], low[bus])
                found[by] = low[bus] > order[parent]
    return found


def _adjacency(start: Places, end: Places, buses: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Return (neighbor, branch) of every bus one after the other, and where those of each bus begin."""
    near = np.concatenate([start, end])
    far = np.concatenate([end, start])
    branch = np.tile(np.arange(len(start)), 2)
    order = np.argsort(near, kind="stable")
    first = np.searchsorted(near[order], np.arange(buses + 1)).tolist()
    return list(zip(far[order].tolist(), branch[order].tolist(), strict=True)), first
