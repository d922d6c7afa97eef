r"""Time of one decoding step on GPUs, and the best layout and batch at a speed per user.

A replica of :math:`n` GPUs serves :math:`B` sequences. A step handles :math:`q` positions of each (:math:`q-1` of them
drafted), :math:`T = qB` in all, and, where prefill shares the GPUs, :math:`C` prompt positions so that prompts keep up
with answers: :math:`C = B\tau I/O` with :math:`\tau` tokens accepted per step. With :math:`X = T + C` the step takes

.. math:: t = (t_{mem} + t_{cmp} + t_{com} + t_{fix}) (1 + c_{draft}(q-1))

- :math:`t_{mem}`: dense weights, the experts that :math:`X` tokens wake, :math:`1-(1-k/E)^X` of them, and the cache,
  over :math:`n` times the bandwidth that is reached. Tensor parallel (TP) splits weights and cache heads; expert
  parallel (EP) splits experts and sequences and repeats the dense weights.
- :math:`t_{cmp}`: 2 FLOP per active parameter and position, and attention, over the arithmetic that is reached.
- :math:`t_{com}`: two all-reduces a layer (TP), or sending tokens to experts and back (EP), over the links.
- :math:`t_{fix}`: overheads per layer, per collective, per peer and per sequence.

The traffic and the arithmetic of experts grow by ``imbalance`` per doubling of :math:`n`. Prompt positions cost
:math:`1/u` of what they would at full use, on shared GPUs as in a pool (``prefill_use``). Sums, not maxima:
measurements show little overlap, but for one trick of EP over many servers: two half-batches in turn read the weights
twice and hide the exchange of the one behind the work of the other. The step then takes the longer of the two, where
that is less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grid_opt.compute.constants import Numbers
from grid_opt.compute.setting import Case, Device, Model

Array = NDArray[np.float64]
_TENSOR = (1, 2, 4, 8, 16)
_EXPERT = (2, 4, 8, 16, 32, 64, 144)
_DRAFTS = {"off": (1,), "on": (2, 3, 4), "best": (1, 2, 3, 4)}
PROMPT_CHUNK = 8192.0
"""Prompt positions that are prefilled together: the weights are read once for so many."""
_SERVERS_TO_OVERLAP = 4  # two half-batches in turn are published for layouts of 32 GPUs and more (DeepSeek, LMSYS)


@dataclass(frozen=True)
class Layouts:
    """Ways to lay a model over GPUs, one per entry: GPUs ``n``, expert-parallel or tensor-parallel, positions ``q``."""

    n: Array
    expert: NDArray[np.bool_]
    q: Array
    accepted: Array

    def __getitem__(self, index: NDArray[np.int_]) -> Layouts:
        return Layouts(self.n[index], self.expert[index], self.q[index], self.accepted[index])


def accepted_tokens(q: Array, acceptance: float) -> Array:
    r"""Return tokens gained per step with ``q`` positions: :math:`\tau = \sum_{i<q} p^i = (1-p^q)/(1-p)`."""
    return (1.0 - acceptance**q) / (1.0 - acceptance)


def layouts(device: Device, model: Model, case: Case, c: Numbers) -> Layouts:
    """List the layouts of a model on up to ``case.devices`` GPUs.

    Where the call sets no bound, a replica stays within the scale-up links, or takes the fewest GPUs beyond them
    that hold the model: so do published deployments, because the network beyond is many times slower.
    """
    most = case.devices or _within_links(device, model, case, c)
    tensor = [(n, False) for n in _TENSOR if n <= most and n <= model.heads]
    tensor = [(n, e) for n, e in tensor if n <= max(device.scale_up, 1) or device.scale_out > 0]
    expert = [(n, True) for n in _EXPERT if n <= most and n <= model.experts]
    expert = [(n, e) for n, e in expert if n <= device.scale_up or device.scale_out > 0]
    both = [(n, e) for n, e in tensor + expert if case.exactly in (None, n)]
    if not both and case.exactly:
        both = [(case.exactly, bool(model.experts))]
    rows = [(n, e, q) for n, e in both for q in _DRAFTS[case.speculative]]
    n = np.array([row[0] for row in rows], dtype=float)
    q = np.array([row[2] for row in rows], dtype=float)
    return Layouts(n, np.array([row[1] for row in rows]), q, accepted_tokens(q, model.acceptance))


def largest_layout(devices: int) -> int:
    """Return the GPUs of the largest layout on so many."""
    return max(n for n in (*_TENSOR, *_EXPERT) if n <= devices)


def _within_links(device: Device, model: Model, case: Case, c: Numbers) -> int:
    need = 1.1 * model.weight_bytes + model.cache_bytes(case.context)
    sizes = [device.scale_up, *(n for n in _EXPERT if n > device.scale_up)]
    return next((n for n in sizes if need <= c.memory_share * device.memory * n), sizes[-1])


def weight_bytes(model: Model, plan: Layouts) -> Array:
    """Return bytes of weights on each GPU: EP repeats the dense part, TP splits it."""
    dense = model.dense / np.where(plan.expert, 1.0, plan.n)
    return np.asarray((dense + model.routed / plan.n) * model.number_bytes)


def cache_bytes(model: Model, case: Case, plan: Layouts) -> Array:
    """Return bytes of cache that one sequence takes on each GPU, as a mean over all of the replica's GPUs."""
    split = np.where(plan.expert, plan.n, np.minimum(plan.n, model.cache_splits))
    return model.cache_bytes(case.context) / split


def largest_batch(device: Device, model: Model, case: Case, plan: Layouts, c: Numbers) -> Array:
    """Return the sequences that a replica's memory holds beside the weights; below 1 where the model does not fit."""
    free = c.memory_share * device.memory - weight_bytes(model, plan)
    return np.asarray(np.maximum(free, 0.0) / cache_bytes(model, case, plan))


def step_seconds(
    device: Device, model: Model, case: Case, plan: Layouts, batch: Array, c: Numbers, shared: bool
) -> tuple[Array, Array]:
    """Return the time of a step [s], and the part of it in which memory and arithmetic are at work [s].

    ``batch`` broadcasts against the layouts; ``shared`` says whether prefill runs on the same GPUs.
    """
    n, q = plan.n, plan.q
    decode = q * batch
    per_token = case.fresh_input / case.output_tokens / c.prefill_use if shared else 0.0
    prompt = batch * plan.accepted * per_token
    tokens = decode + prompt
    skew = _skew(plan, c)
    reach = device.bandwidth * c.bandwidth_share

    def memory_seconds(parts: float) -> Array:
        """Seconds to read weights once for each of ``parts`` of the batch and chunk of prompts, and the cache once."""
        awake = 1.0 - (1.0 - model.awake_share) ** (decode / parts)
        dense = model.dense * model.number_bytes / np.where(plan.expert, 1.0, n)
        experts = model.routed * model.number_bytes / n * skew
        chunks = prompt / PROMPT_CHUNK
        weights = dense * (parts + chunks) + experts * (parts * awake + chunks)
        return np.asarray((weights + batch * cache_bytes(model, case, plan)) / reach)

    attention = decode * case.context_flop(model) + prompt * case.prompt_flop(model)
    flop_s = seconds_of_arithmetic(device, model, tokens, c, skew)
    flop_s = flop_s + attention / (device.flops_attention * c.attention_share)
    work = memory_seconds(1.0) + flop_s / n
    host = c.sequence_us * 1e-6 * batch / np.where(plan.expert, n, 1.0)
    layers = layer_seconds(model, c)
    latency = _latency_seconds(device, model, plan, c)
    exchange = _exchange_seconds(device, model, plan, tokens, c)
    step = work + layers + host + exchange + latency
    halves = np.maximum(memory_seconds(2.0) + flop_s / n + 2.0 * layers + host, exchange + 2.0 * latency)
    wide = plan.expert & (n >= _SERVERS_TO_OVERLAP * device.scale_up)
    step = np.where(wide, np.minimum(step, halves), step)
    return step * (1.0 + c.draft_cost * (q - 1.0)) * device.step_factor, work * device.step_factor


def layer_seconds(model: Model, c: Numbers) -> float:
    """Return the time of a pass through the layers that neither traffic nor arithmetic explains [s]."""
    attention = c.layer_us + (c.latent_layer_us if model.latent else 0.0)
    return 1e-6 * (model.layers * attention + model.expert_layers * c.expert_layer_us)


def seconds_of_arithmetic(device: Device, model: Model, tokens: Array, c: Numbers, skew: Array | float = 1.0) -> Array:
    """Return GPU-seconds of the matrix products of ``tokens`` positions: 2 FLOP per active parameter.

    The busiest of the GPUs that share the experts has ``skew`` times the mean of their work.
    """
    routed = model.routed * model.awake_share
    work = 2.0 * (model.active - routed + routed * np.asarray(skew))
    return np.asarray(tokens * work / (device.flops * device.share(model.number_format, c)))


def prefill_seconds(device: Device, model: Model, case: Case, c: Numbers) -> float:
    """Return GPU-seconds to prefill one token of a prompt on GPUs of its own, in the best layout that holds the model.

    Arithmetic, attention, exchange between the GPUs, and for each chunk of a prompt the weights once and the fixed
    times of the layers; over the share of time that such a pool is at work.
    """
    plan = layouts(device, model, replace(case, devices=None, exactly=None, speculative="off"), c)
    plan = plan[np.flatnonzero(largest_batch(device, model, case, plan, c) >= 1.0)]
    if not len(plan.n):
        return float("inf")
    skew = _skew(plan, c)
    chunk = PROMPT_CHUNK * np.where(plan.expert, plan.n, 1.0)
    flop_s = seconds_of_arithmetic(device, model, np.array(1.0), c, skew)
    flop_s = flop_s + case.prompt_flop(model) / (device.flops_attention * c.attention_share)
    read = (weight_bytes(model, plan) + (skew - 1.0) * model.routed * model.number_bytes / plan.n) / (
        device.bandwidth * c.bandwidth_share
    )
    fixed = layer_seconds(model, c) + _latency_seconds(device, model, plan, c)
    exchange = _exchange_seconds(device, model, plan, np.array(1.0), c)
    best = float(np.min(flop_s + plan.n * (exchange + (read + fixed) / chunk)))
    return best / c.prefill_use * device.step_factor


def _skew(plan: Layouts, c: Numbers) -> Array:
    """Return how much more the busiest GPU has to do for the experts than the mean."""
    return np.asarray(1.0 + c.imbalance * np.log2(plan.n))


def _latency_seconds(device: Device, model: Model, plan: Layouts, c: Numbers) -> Array:
    """Return the latency of a step's collectives: two all-reduces a layer (TP), or the exchange with peers (EP)."""
    n = plan.n
    inside = np.where(
        plan.expert, model.expert_layers * c.peer_us * np.log2(n), 2.0 * model.layers * c.collective_us * (n > 1)
    )
    return np.asarray(1e-6 * (inside + np.where(n > device.scale_up, model.layers * c.network_us, 0.0)))


def _exchange_seconds(device: Device, model: Model, plan: Layouts, tokens: Array, c: Numbers) -> Array:
    """Return seconds of collectives of a step.

    TP: two all-reduces a layer of 16-bit activations, ``8 (1-1/n) X d`` bytes. EP: 1 byte out and 2 back for each of k
    experts, ``3 k d X / n`` bytes a layer and GPU, the share beyond the scale-up links over the network: low-latency
    kernels send a token to each of its experts.
    """
    n = plan.n
    inside = np.minimum(device.scale_up / n, 1.0)
    scale_up, network = device.link * c.link_share, max(device.scale_out, 1.0) * c.network_share
    tensor = 8.0 * (1.0 - 1.0 / n) * tokens * model.hidden * model.layers
    copies = 3.0 * model.experts_active * model.hidden * tokens / n * model.expert_layers
    expert = copies * (inside * (1.0 - 1.0 / n) / scale_up + (1.0 - inside) / network)
    return np.where(plan.expert, expert, tensor / np.where(n > device.scale_up, network, scale_up))


def best_batches(
    device: Device, model: Model, case: Case, plan: Layouts, floors: Array, c: Numbers, shared: bool, software: float
) -> Array:
    """Return the largest batch of each layout at which users still get each floor; NaN where one user does not.

    ``floors`` [V] in tokens/s; the answer is [V, layouts]. The speed falls with the batch, so bisection in log B.
    """
    most = largest_batch(device, model, case, plan, c)
    low = np.zeros((len(floors), len(plan.n)))
    high = np.broadcast_to(np.log(np.maximum(most, 1.0)), low.shape).copy()
    wanted = plan.accepted * software / floors[:, None]

    def too_slow(log_batch: Array) -> NDArray[np.bool_]:
        return step_seconds(device, model, case, plan, np.exp(log_batch), c, shared)[0] > wanted

    never = too_slow(low) | (most < 1.0)
    full = ~too_slow(high)
    answer = high.copy()
    for _ in range(28):
        middle = (low + high) / 2
        slow = too_slow(middle)
        high = np.where(slow, middle, high)
        low = np.where(slow, low, middle)
    return np.where(never, np.nan, np.exp(np.where(full, answer, low)))
