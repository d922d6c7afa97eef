r"""Speed and throughput of a model on wafers: a pipeline through layers that lie beside their weights.

Weights and cache stay in the wafers' memory, and each layer owns area in proportion to its weights. So the time of a
layer follows the parameters per wafer, :math:`N/W`, not the size of the model. A token's pass takes

.. math:: T = L (a + \kappa\, 2 (N/W) / F) + (W-1) t_{hop}, \qquad \text{speed} = \tau / T

and users follow each other through the layers. The busiest part of the wafers is taken for

.. math:: o = \kappa_{load} \frac{2}{F} \max\left(\frac{N_d}{W-A}, \frac{N_e\, (k/E)\, s}{A}\right)

by one position, with :math:`A` wafers' area for experts (at least what stores them) and :math:`s` the skew of their
load. So :math:`U` users need :math:`U\, p\, o` per step, :math:`p = q` positions, and prompt positions too if prefill
stays on the wafers. Speed falls below :math:`\tau/T` only beyond :math:`U = T/(p\,o)`, and capacity ends at the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid_opt.compute.constants import Numbers
from grid_opt.compute.gpu import accepted_tokens
from grid_opt.compute.setting import Case, Device, Model

Array = NDArray[np.float64]
_DRAFTED = 4  # positions per pass when speculating
_FREE_SHARE = 0.1  # memory for the cache that the smallest replica keeps, as a share of the weights
MOST_WAFERS = 512  # of a replica; the largest that is known has 23
_LARGEST = 2.0  # replicas beyond twice the smallest are extrapolation: no such deployment is published


@dataclass(frozen=True)
class Replicas:
    """Replicas of a model, one per entry: wafers, time of a pass [s], occupancy per position [s], users that fit."""

    wafers: Array
    q: Array
    accepted: Array
    pass_s: Array
    busy_s: Array
    most_users: Array


def fewest_wafers(device: Device, model: Model, c: Numbers) -> int:
    """Return the wafers whose memory holds the weights and a tenth as much cache."""
    return int(np.ceil((1.0 + _FREE_SHARE) * model.weight_bytes / (c.wafer_memory_share * device.memory)))


def replicas(device: Device, model: Model, case: Case, c: Numbers, shared: bool) -> Replicas:
    """List replicas from the smallest to twice that, or of ``case.devices`` wafers alone; with and without drafts."""
    least = fewest_wafers(device, model, c)
    top = min(int(np.ceil(_LARGEST * least)), MOST_WAFERS)
    asked = case.exactly or case.devices
    sizes = [asked] if asked else list(range(least, top + 1))
    positions = {"off": (1,), "on": (_DRAFTED,), "best": (1, _DRAFTED)}[case.speculative]
    sizes = sizes or [MOST_WAFERS]
    wafers = np.repeat(np.array(sizes, dtype=float), len(positions))
    q = np.tile(np.array(positions, dtype=float), len(sizes))
    accepted = accepted_tokens(q, model.acceptance)
    flops = device.flops_attention
    layer_s = c.wafer_layer_us * 1e-6 + c.wafer_use * 2.0 * model.parameters / wafers / flops
    pass_s = model.layers * layer_s + (wafers - 1) * c.wafer_hop_us * 1e-6
    prompt = accepted * case.fresh_input / case.output_tokens if shared else 0.0
    busy = (q + prompt) * c.wafer_load_use * 2.0 / flops * _busiest(model, wafers, device, c)
    free = c.wafer_memory_share * wafers * device.memory - model.weight_bytes
    return Replicas(wafers, q, accepted, pass_s, busy, np.maximum(free, 0.0) / model.cache_bytes(case.context))


def users_at(plan: Replicas, floors: Array, software: float) -> Array:
    """Return the most users of each replica at each floor, [V, replicas]; NaN where the pass alone is too slow.

    Users beyond ``pass_s / busy_s`` add no throughput, so no more are taken than that.
    """
    wanted = plan.accepted * software / floors[:, None]
    users = np.minimum(plan.pass_s / plan.busy_s, plan.most_users)
    reached = (plan.pass_s <= wanted) & (plan.most_users >= 1.0)
    return np.where(reached, np.maximum(users, 1.0), np.nan)


def step_seconds(plan: Replicas, users: Array) -> Array:
    """Return the time between two steps of a user [s]: the pass, or the queue where it is longer."""
    return np.asarray(np.maximum(plan.pass_s, users * plan.busy_s))


def _busiest(model: Model, wafers: Array, device: Device, c: Numbers) -> Array:
    """Return parameters that one token uses per wafer of the busiest part, with the best area for the experts."""
    if not model.experts:
        return model.parameters / wafers
    load = model.routed * model.awake_share * c.wafer_expert_skew
    stored = model.routed * model.number_bytes / (c.wafer_memory_share * device.memory)
    area = np.minimum(np.maximum(wafers * load / (model.dense + load), stored), 0.99 * wafers)
    return np.asarray(np.maximum(model.dense / (wafers - area), load / area))
