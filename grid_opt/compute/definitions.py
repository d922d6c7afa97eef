"""Read what is published about accelerators and workloads: power, price, speed and throughput.

Figures carry their range, unit, source, certainty and date. They live in ``models/accelerators``,
``models/workloads``, ``models/fleets`` and ``models/services``.
Throughput here is what was published for a pair of accelerator and workload; nothing is interpolated. What a
system can do where nothing is published is told by :mod:`grid_opt.compute.operating`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from grid_opt.compute.accelerators import Accelerator, Throughput
from grid_opt.compute.figures import Bound, Certainty, Figure
from grid_opt.compute.fleets import FleetOffer
from grid_opt.compute.services import ServiceDemand
from grid_opt.compute.workloads import Architecture, Kind, Workload
from grid_opt.config.reading import nearest, parse_toml, read_text, validate
from grid_opt.config.toml_text import key_rows
from grid_opt.errors import InputError
from grid_opt.resources import models_dir
from grid_opt.units import HOURS_PER_YEAR, SECONDS_PER_HOUR

__all__ = [
    "Accelerator",
    "Bound",
    "Certainty",
    "Figure",
    "FleetOffer",
    "ServiceDemand",
    "Throughput",
    "Workload",
    "architecture_of",
    "bundled_definitions",
    "definition_path",
    "load_accelerator",
    "load_fleet",
    "load_service",
    "load_workload",
    "output_tokens_per_s",
    "tokens_per_year",
]

D = TypeVar("D", Accelerator, Workload, FleetOffer, ServiceDemand)
_FIELD: dict[Kind, str] = {
    "accelerator": "compute.accelerator",
    "workload": "compute.workload",
    "fleet": "fleet.members",
    "service": "service.classes",
}
"""The knob of a case that names a definition of each kind."""


def load_accelerator(name: str, base: Path | None = None) -> Accelerator:
    """Read an accelerator by its bundled name, or from a TOML file (relative to ``base``).

    Raises :class:`InputError` naming the file, line and field, or the nearest name.
    """
    return _load(Accelerator, "accelerator", name, base)


def load_workload(name: str, base: Path | None = None) -> Workload:
    """Read a workload by its bundled name, or from a TOML file (relative to ``base``).

    Raises :class:`InputError` naming the file, line and field, or the nearest name.
    """
    return _load(Workload, "workload", name, base)


def load_fleet(name: str, base: Path | None = None) -> FleetOffer:
    """Read a fleet on offer by its bundled name, or from a TOML file (relative to ``base``).

    Raises :class:`InputError` naming the file, line and field, or the nearest name.
    """
    return _load(FleetOffer, "fleet", name, base)


def load_service(name: str, base: Path | None = None) -> ServiceDemand:
    """Read the classes of requests by their bundled name, or from a TOML file (relative to ``base``).

    Raises :class:`InputError` naming the file, line and field, or the nearest name.
    """
    return _load(ServiceDemand, "service", name, base)


def architecture_of(workload: Workload, base: Path | None = None) -> Architecture:
    """Return the model that a workload serves; of a chain, that of the workload whose model it calls.

    Raises :class:`InputError` where the workload has none.
    """
    if workload.architecture is not None:
        return workload.architecture
    if workload.chain is not None:
        called = load_workload(workload.chain.model, base)
        if called.architecture is not None:
            return called.architecture
    raise InputError(
        f"the workload {workload.name} has no model that could be computed",
        field="architecture",
        expected="a section [architecture], or a [chain] that calls a workload with one",
    )


def bundled_definitions(kind: Kind) -> tuple[str, ...]:
    """Names of the bundled definitions of a kind."""
    return tuple(sorted(path.name.removesuffix(".toml") for path in (models_dir() / f"{kind}s").glob("*.toml")))


def output_tokens_per_s(accelerator: Accelerator, workload: Workload, bound: Bound = "central") -> float:
    """Published output of one system on a workload [tokens/s], all users together.

    Raises :class:`InputError` where none is published, naming the pairs that are.
    """
    published = accelerator.throughput.get(workload.name)
    if published is None or published.output_tokens_per_s_per_system is None:
        known = [name for name, entry in accelerator.throughput.items() if entry.output_tokens_per_s_per_system]
        raise InputError(
            f"no aggregate throughput of {accelerator.name} is published for {workload.name}",
            field="compute.workload",
            value=workload.name,
            expected=f"for {accelerator.name}: {', '.join(known) or 'none is published'}",
            fix="choose another workload, or give an accelerator file of your own with the figure",
        )
    return published.output_tokens_per_s_per_system.at(bound)


def tokens_per_year(
    it_mw: float, accelerator: Accelerator, workload: Workload, utilization: float, bound: Bound = "central"
) -> float:
    """Output tokens that an amount of IT power gives in a standard year [tokens/year].

    ``systems = 1000 * it_mw / it_kw`` (a fraction of a system counts, so that the result is linear in MW),
    and ``tokens = systems * tokens_per_s * 3600 * 8760 * utilization``, with ``tokens_per_s`` the published
    output of a system at full load and ``utilization`` [1] the share of the year's full output that is used.
    ``it_mw`` [MW IT]. Raises :class:`InputError` where no throughput is published for the pair.
    """
    systems = it_mw * accelerator.systems_per_mw
    per_second = systems * output_tokens_per_s(accelerator, workload, bound)
    return per_second * SECONDS_PER_HOUR * HOURS_PER_YEAR * utilization


def definition_path(kind: Kind, name: str, base: Path | None = None) -> Path:
    """Find the file of a bundled name, or of a path relative to ``base``.

    Raises :class:`InputError` with the nearest name when there is neither.
    """
    known = bundled_definitions(kind)
    if name in known:
        return models_dir() / f"{kind}s" / f"{name}.toml"
    path = (base or Path()) / name
    if path.is_file():
        return path
    suggestion = nearest(name, known)
    raise InputError(
        f"there is no {kind} called {name!r}",
        field=_FIELD[kind],
        value=name,
        expected=f"one of {', '.join(known)}, or the path of a TOML file",
        fix=f"did you mean {suggestion!r}?" if suggestion else None,
    )


def _load(model: type[D], kind: Kind, name: str, base: Path | None) -> D:
    path = definition_path(kind, name, base)
    text = read_text(path)
    definition = validate(model, parse_toml(text, path), file=path, rows=key_rows(text))
    if path.parent == models_dir() / f"{kind}s" and definition.name != name:
        raise InputError("the name is not the file's", file=path, field="name", value=definition.name, expected=name)
    return definition
