"""Read PyPSA networks into a topology: their first snapshot, with the capacities as they stand.

Lines and transformers become branches with PyPSA's own per-unit impedances (base 1 MVA), links become DC lines without
constant loss, loads and generators what they are. Storage and links with more than two ends have no place in a power
flow of one hour; they are left out and noted.

Source: PyPSA documentation, "Components" and "Power flow".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from grid_opt.errors import InputError
from grid_opt.network.elements import (
    Branches,
    Buses,
    Costs,
    DcLines,
    Generators,
    Numbers,
    Places,
    Topology,
    text_array,
)


def read_pypsa(path: str | Path) -> Topology:
    """Read a PyPSA network file (``.nc`` or ``.h5``).

    Errors: InputError when the package is missing, the file cannot be read, or an element is at no bus.
    """
    file = Path(path)
    network = _load(file)
    network.calculate_dependent_values()
    reader = _Reader(network, str(file))
    return Topology(
        source=str(file),
        base_mva=1.0,
        buses=reader.buses(),
        branches=reader.branches(),
        generators=reader.generators(),
        generator_costs=reader.costs("Generator", network.generators),
        dc_lines=reader.dc_lines(),
        dc_costs=reader.costs("Link", network.links),
        notes=reader.notes(),
    )


def _load(file: Path) -> Any:
    try:
        import pypsa  # noqa: PLC0415 -- an optional extra
    except ImportError as error:
        raise InputError(
            "reading PyPSA networks needs the package pypsa", file=file, fix="pip install 'grid-opt[pypsa]'"
        ) from error
    if not file.is_file():
        raise InputError("the file does not exist", file=file, fix="check the spelling of the path")
    try:
        return pypsa.Network(str(file))
    except Exception as error:  # whatever the libraries of the format raise on a file that is none
        raise InputError(
            f"this is no PyPSA network ({str(error).splitlines()[0] if str(error) else type(error).__name__})",
            file=file,
        ) from error


class _Reader:
    """A loaded network and where its buses are."""

    def __init__(self, network: Any, source: str) -> None:
        self._network, self._source = network, source
        self._place = {name: k for k, name in enumerate(network.buses.index.astype(str).tolist())}

    def _at(self, frame: Any, column: str, kind: str) -> Places:
        names = frame[column].astype(str).tolist()
        for element, name in zip(frame.index.tolist(), names, strict=True):
            if name not in self._place:
                raise InputError(
                    f"{kind} {element} is at a bus that is not there", file=self._source, row=f"{kind} {element}",
                    field=column, value=name, expected="the name of a bus",
                )  # fmt: skip
        return np.array([self._place[name] for name in names], dtype=np.int64)

    def _now(self, component: str, attribute: str, frame: Any) -> Numbers:
        """Return an attribute at the first snapshot, be it a constant or a series."""
        dense = self._network.get_switchable_as_dense(component, attribute)
        return np.asarray(dense.iloc[0].reindex(frame.index).to_numpy(dtype=float))

    def buses(self) -> Buses:
        """Return the buses with the load of the first snapshot; any may be the reference of its island."""
        n = self._network
        count = len(n.buses)
        load, shunt = np.zeros(count), np.zeros(count)
        drawn = n.loads[n.loads["active"]]
        sign = drawn["sign"].to_numpy(dtype=float)  # -1 for a load
        np.add.at(load, self._at(drawn, "bus", "load"), -sign * self._now("Load", "p_set", drawn))
        shunts = n.shunt_impedances[n.shunt_impedances["active"]]
        if len(shunts):
            np.add.at(shunt, self._at(shunts, "bus", "shunt"), shunts["g_pu"].to_numpy(dtype=float))
        x, y = (n.buses[axis].to_numpy(dtype=float) for axis in ("x", "y"))
        unknown = (x == 0) & (y == 0)  # what PyPSA puts where nobody gave a place
        return Buses(
            name=text_array(n.buses.index), load_mw=load, shunt_mw=shunt, reference=np.ones(count, dtype=bool),
            angle=np.zeros(count), online=np.ones(count, dtype=bool),
            longitude=np.where(unknown, np.nan, x), latitude=np.where(unknown, np.nan, y),
        )  # fmt: skip

    def branches(self) -> Branches:
        """Return lines and then transformers; PyPSA's effective reactance has the tap in it already."""
        parts = [
            (kind, self._network.components[name].static, component)
            for kind, name, component in (("line", "lines", "Line"), ("transformer", "transformers", "Transformer"))
        ]

        def joined(column: str, missing: float = 0.0) -> Numbers:
            found = [f[column].to_numpy(dtype=float) if column in f else np.full(len(f), missing) for _, f, _ in parts]
            return np.concatenate(found)

        count = sum(len(frame) for _, frame, _ in parts)
        share = [self._now(component, "s_max_pu", frame) for _, frame, component in parts]
        rating = joined("s_nom") * np.concatenate(share)
        none = np.full(count, np.nan)
        return Branches(
            name=text_array([f"{kind} {name}" for kind, frame, _ in parts for name in frame.index]),
            start=np.concatenate([self._at(frame, "bus0", kind) for kind, frame, _ in parts]),
            end=np.concatenate([self._at(frame, "bus1", kind) for kind, frame, _ in parts]),
            r=joined("r_pu_eff"), x=joined("x_pu_eff"), tap=np.ones(count), shift=np.deg2rad(joined("phase_shift")),
            forward_mw=rating, reverse_mw=rating, angle_min=none, angle_max=none,
            online=joined("active").astype(bool),
        )  # fmt: skip

    def generators(self) -> Generators:
        """Return the generators with their limits at the first snapshot."""
        frame = self._network.generators
        size = frame["p_nom"].to_numpy(dtype=float)
        return Generators(
            name=text_array(frame.index), bus=self._at(frame, "bus", "generator"),
            p_min_mw=size * self._now("Generator", "p_min_pu", frame),
            p_max_mw=size * self._now("Generator", "p_max_pu", frame), online=frame["active"].to_numpy(dtype=bool),
        )  # fmt: skip

    def dc_lines(self) -> DcLines:
        """Return the links of two ends. Negative power takes the loss at the same end, as PyPSA has it."""
        frame = self._network.links
        size = frame["p_nom"].to_numpy(dtype=float)
        loss = 1.0 - self._now("Link", "efficiency", frame)
        return DcLines(
            name=text_array(frame.index), start=self._at(frame, "bus0", "link"), end=self._at(frame, "bus1", "link"),
            p_min_mw=size * self._now("Link", "p_min_pu", frame),
            p_max_mw=size * self._now("Link", "p_max_pu", frame), loss_mw=np.zeros(len(frame)), loss_fraction=loss,
            online=frame["active"].to_numpy(dtype=bool) & ~self._many_ended(),
        )  # fmt: skip

    def _many_ended(self) -> Any:
        frame = self._network.links
        return (frame["bus2"].astype(str) != "").to_numpy() if "bus2" in frame else np.zeros(len(frame), dtype=bool)

    def costs(self, component: str, frame: Any) -> Costs:
        """Return marginal costs as polynomials of the second degree."""
        found = np.zeros((len(frame), 3))
        for place, attribute in ((1, "marginal_cost"), (2, "marginal_cost_quadratic")):
            found[:, place] = self._now(component, attribute, frame)
        return Costs(found, np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))

    def notes(self) -> tuple[str, ...]:
        """Return what was chosen or left out."""
        n = self._network
        said = [f"first of {len(n.snapshots)} snapshots", "capacities are p_nom and s_nom"]
        left_out = len(n.storage_units) + len(n.stores) + int(self._many_ended().sum())
        return (
            (*said, f"{left_out} storage units, stores and links of many ends are left out")
            if left_out
            else tuple(said)
        )
