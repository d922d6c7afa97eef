"""Tell what one system of a fleet serves of a class of requests, what it draws, and what must prefill for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grid_opt.compute.accelerators import Accelerator
from grid_opt.compute.definitions import load_accelerator
from grid_opt.compute.operating import Wishes, operate
from grid_opt.compute.power import power_of
from grid_opt.compute.workloads import Workload
from grid_opt.errors import InputError

FIT_FIELD = "architecture.parameters_b"
"""Field that the efficiency model names where a model fits on no system."""


@dataclass(frozen=True)
class Serving:
    """One system, busy all the time with one class: output [tokens/s], power [kW IT], prefill systems beside it.

    ``busy_kw`` is the power of the system itself; the systems of its prefill pool draw their own. All zero where the
    accelerator does not reach the speed, or does not hold the model.
    """

    tokens_per_s: float = 0.0
    busy_kw: float = 0.0
    pool_systems: float = 0.0


def serve(
    accelerator: Accelerator,
    workload: Workload,
    tok_s_user: float,
    year: int,
    *,
    pool: bool,
    base: Path | None = None,
) -> Serving:
    r"""Return what a system yields at a floor of tokens/s per user, with the software of a year.

    ``pool`` says whether the accelerator that prefills for this one may stand beside it; without it, a wafer prefills
    itself. With :math:`n` devices and :math:`m` pool devices a replica, each system needs
    :math:`(m / m_{sys}) / (n / n_{sys})` systems of the pool. GPUs prefill on their own kind, which is counted in
    their output.

    Raises :class:`InputError` for an accelerator without a supported engine or power figures.
    """
    own_kind = accelerator.kind == "gpu"
    wishes = Wishes(year=year, prefill="best" if own_kind or pool else "shared")
    try:
        points = operate(accelerator, workload, [tok_s_user], wishes, base=base)
    except InputError as error:
        if error.field == FIT_FIELD:
            return Serving()
        raise
    if np.isnan(points.tok_s_user[0]):
        return Serving()
    one = points.row(0)
    if own_kind or one["pool_devices_per_replica"] == 0.0:
        return Serving(one["output_tok_s_per_system"], one["drawn_kw"])
    assert accelerator.engine is not None
    helper = power_of(load_accelerator(accelerator.engine.prefill_pool, base))
    systems = one["devices_per_replica"] / accelerator.devices_per_system
    pool_systems = one["pool_devices_per_replica"] / helper.devices / systems
    return Serving(one["output_tok_s_per_system"], one["drawn_kw"] - pool_systems * helper.load_kw, pool_systems)
