"""Plain numbers for the roofline, in SI units, out of accelerators, workloads and the wishes of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grid_opt.compute.accelerators import Accelerator, Precision
from grid_opt.compute.constants import Numbers
from grid_opt.compute.workloads import Architecture
from grid_opt.errors import InputError

Speculative = Literal["on", "off", "best"]
Prefill = Literal["shared", "pool", "decode", "best"]
BYTES = {"fp16": 2.0, "fp8": 1.0, "fp4": 4.5 / 8}
"""Bytes of a weight; 4-bit numbers share an 8-bit scale among 16 (NVFP4)."""


@dataclass(frozen=True)
class Device:
    """A GPU or a wafer in SI units; ``flops`` and ``flops_attention`` are dense peaks.

    ``unpacks`` says that the device lacks the weights' format: it unpacks them and computes in 16 bits."""

    family: str
    memory: float
    bandwidth: float
    flops: float
    unpacks: bool
    flops_attention: float
    link: float
    scale_up: int
    scale_out: float
    step_factor: float = 1.0

    def share(self, number_format: Precision, c: Numbers) -> float:
        """Return the share of dense arithmetic that this family reaches in a number format [1]."""
        if self.family == "hopper":
            return c.hopper_share * (c.unpack_share if self.unpacks else 1.0)
        return c.blackwell_fp4_share if number_format == "fp4" else c.blackwell_fp8_share


@dataclass(frozen=True)
class Model:
    """A transformer in plain numbers: parameters, not billions; the dense part and the routed experts apart."""

    dense: float
    routed: float
    active: float
    number_bytes: float
    number_format: Precision
    layers: int
    expert_layers: int
    experts: int
    experts_active: int
    hidden: int
    heads: int
    latent: bool
    cache_splits: int
    cached_numbers: float
    cache_number_bytes: float
    local_layers: int
    window: int
    attention_flop: float
    prompt_attention_flop: float
    acceptance: float

    @property
    def awake_share(self) -> float:
        """Share of the experts of a layer that one token wakes [1]: k / E; a dense model wakes all."""
        return self.experts_active / self.experts if self.experts else 1.0

    @property
    def parameters(self) -> float:
        """All parameters."""
        return self.dense + self.routed

    @property
    def weight_bytes(self) -> float:
        """Bytes of one copy of the weights."""
        return self.parameters * self.number_bytes

    def seen(self, context: float) -> float:
        """Return context tokens summed over layers: all in global layers, at most the window in local ones."""
        return (self.layers - self.local_layers) * context + self.local_layers * min(context, self.window or context)

    def cache_bytes(self, context: float) -> float:
        """Return bytes of the cache of one sequence."""
        return self.seen(context) * self.cached_numbers * self.cache_number_bytes


@dataclass(frozen=True)
class Case:
    """What is asked of a replica: lengths [tokens], drafting, prefill, devices at most or exactly."""

    input_tokens: float
    output_tokens: float
    cached_share: float = 0.0
    speculative: Speculative = "best"
    prefill: Prefill = "best"
    devices: int | None = None
    exactly: int | None = None

    @property
    def context(self) -> float:
        """Mean tokens in the cache while answering: the prompt and half of the answer."""
        return self.input_tokens + self.output_tokens / 2

    @property
    def fresh_input(self) -> float:
        """Tokens of a prompt that must be prefilled, what is cached from earlier calls left out."""
        return self.input_tokens * (1.0 - self.cached_share)

    def context_flop(self, model: Model) -> float:
        """Return attention FLOP of one decoded position."""
        return model.seen(self.context) * model.attention_flop

    def prompt_flop(self, model: Model) -> float:
        """Return attention FLOP of a prompt position, which sees half of the fresh prompt and all of the rest."""
        return model.seen(self.input_tokens - self.fresh_input / 2) * model.prompt_attention_flop


def model_numbers(architecture: Architecture, precision: Precision | None, wafer: bool) -> Model:
    """Turn an architecture into plain numbers.

    A wafer keeps its cache in 16 bits, and its weights too unless the model is usually served in 4.
    """
    usual: Precision = "fp16" if wafer and architecture.precision != "fp4" else architecture.precision
    chosen = precision or usual
    routed = architecture.routed_b
    return Model(
        dense=(architecture.parameters_b - routed) * 1e9,
        routed=routed * 1e9,
        active=architecture.active_b * 1e9,
        number_bytes=BYTES[chosen],
        number_format=chosen,
        layers=architecture.layers,
        expert_layers=architecture.expert_layers,
        experts=architecture.experts,
        experts_active=architecture.experts_active,
        hidden=architecture.hidden,
        heads=architecture.heads,
        latent=bool(architecture.latent),
        cache_splits=1 if architecture.latent else architecture.kv_heads,
        cached_numbers=architecture.cached_numbers,
        cache_number_bytes=2.0 if wafer else architecture.kv_bits / 8,
        local_layers=architecture.local_layers,
        window=architecture.window,
        attention_flop=architecture.attention_flop,
        prompt_attention_flop=architecture.prompt_attention_flop,
        acceptance=architecture.draft_acceptance,
    )


def device_numbers(accelerator: Accelerator, model: Model) -> Device:
    """Turn an accelerator's engine into SI units.

    A format that it lacks is computed in 16 bits; attention over an 8-bit cache runs in 8 bits.

    Raises :class:`InputError` where the engine is missing or not supported.
    """
    engine = accelerator.engine
    if engine is None:
        raise InputError(
            f"the accelerator {accelerator.name} has no [engine]; its throughput cannot be computed",
            field="engine",
            expected="a section [engine] as in the bundled accelerators",
        )
    if not engine.supported:
        raise InputError(
            f"the accelerator {accelerator.name} is not supported by the efficiency model: {engine.reason}",
            field="engine.supported",
            value=False,
        )
    peaks = {name: figure.value * 1e15 for name, figure in engine.pflops.items()}
    if "fp16" not in peaks:
        raise InputError("the 16-bit arithmetic is missing", field="engine.pflops.fp16", expected="a figure in PFLOP/s")
    return Device(
        family=engine.family,
        memory=engine.memory_gb.value * 1e9,
        bandwidth=engine.bandwidth_tb_s.value * 1e12,
        flops=peaks.get(model.number_format, peaks["fp16"]),
        unpacks=model.number_format not in peaks,
        flops_attention=peaks.get("fp8", peaks["fp16"]) if model.cache_number_bytes <= 1.0 else peaks["fp16"],
        link=engine.link_gb_s.value * 1e9,
        scale_up=engine.scale_up_devices,
        scale_out=engine.scale_out_gb_s.value * 1e9 if engine.scale_out_gb_s else 0.0,
        step_factor=engine.step_factor.value if engine.step_factor else 1.0,
    )
