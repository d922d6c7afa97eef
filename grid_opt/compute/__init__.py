"""What a megawatt of compute yields: published figures of accelerators and workloads, and a model between them.

The model is in :mod:`grid_opt.compute.operating`, which needs numpy; this package itself does not import it.
"""

from __future__ import annotations

from grid_opt.compute.definitions import (
    Accelerator,
    Figure,
    FleetOffer,
    ServiceDemand,
    Throughput,
    Workload,
    bundled_definitions,
    definition_path,
    load_accelerator,
    load_fleet,
    load_service,
    load_workload,
    output_tokens_per_s,
    tokens_per_year,
)

__all__ = [
    "Accelerator",
    "Figure",
    "FleetOffer",
    "ServiceDemand",
    "Throughput",
    "Workload",
    "bundled_definitions",
    "definition_path",
    "load_accelerator",
    "load_fleet",
    "load_service",
    "load_workload",
    "output_tokens_per_s",
    "tokens_per_year",
]
