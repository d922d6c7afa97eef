"""Describe a workload: a model by its architecture, the lengths of prompts and answers, and chains of calls."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from grid_opt.compute.accelerators import Precision
from grid_opt.compute.figures import DATE, Certainty
from grid_opt.config.knobs import KnobError, Knobs


class Architecture(Knobs):
    """A transformer in the numbers that its traffic and arithmetic follow from."""

    parameters_b: float = Field(gt=0, description="Parameters [billion]")
    active_b: float = Field(gt=0, description="Parameters that one token uses [billion]")
    layers: int = Field(ge=1, description="Layers")
    hidden: int = Field(ge=1, description="Width of the residual stream")
    heads: int = Field(ge=1, description="Query heads")
    kv_heads: int = Field(ge=1, description="Key and value heads; of latent attention, 1")
    head_dim: int = Field(ge=1, description="Width of a head")
    latent: int = Field(default=0, ge=0, description="Width of the cached latent of MLA; 0 for grouped attention")
    local_layers: int = Field(default=0, ge=0, description="Layers whose attention sees only a window")
    window: int = Field(default=0, ge=0, description="That window [tokens]")
    experts: int = Field(default=0, ge=0, description="Routed experts in a layer; 0 for a dense model")
    experts_active: int = Field(default=0, ge=0, description="Routed experts that a token uses")
    expert_layers: int = Field(default=0, ge=0, description="Layers with experts")
    expert_hidden: int = Field(default=0, ge=0, description="Inner width of an expert (three matrices)")
    precision: Precision = Field(description="Number format that it is usually served in")
    kv_bits: int = Field(default=8, ge=4, le=32, description="Bits of a cached number on GPUs")
    draft_acceptance: float = Field(
        default=0.7, ge=0, lt=1, description="Chance that a drafted token is accepted, given those before it"
    )
    source: str = Field(min_length=1, description="Where the numbers come from")
    certainty: Certainty = Field(description="H high, M medium, L low")
    date: str = Field(pattern=DATE, description="Year, or year and month, of the source")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.active_b > self.parameters_b:
            raise KnobError("more active parameters than there are", field="active_b", value=self.active_b)
        if self.local_layers > self.layers:
            raise KnobError("more layers than there are", field="local_layers", value=self.local_layers)
        if self.expert_layers > self.layers:
            raise KnobError("more layers than there are", field="expert_layers", value=self.expert_layers)
        if self.experts_active > self.experts:
            raise KnobError("more experts than there are", field="experts_active", value=self.experts_active)
        if self.routed_b >= self.parameters_b:
            raise KnobError(
                "the experts alone hold more than all parameters",
                field="expert_hidden",
                value=self.expert_hidden,
                expected="expert_layers * experts * 3 * hidden * expert_hidden below parameters_b",
            )
        return self

    @property
    def routed_b(self) -> float:
        """Parameters of all routed experts [billion]: layers * experts * 3 matrices of hidden x expert_hidden."""
        return self.expert_layers * self.experts * 3 * self.hidden * self.expert_hidden / 1e9

    @property
    def cached_numbers(self) -> float:
        """Numbers cached per token and layer: 2 * kv_heads * head_dim, or the latent of MLA."""
        return self.latent or 2 * self.kv_heads * self.head_dim

    @property
    def attention_flop(self) -> float:
        """FLOP per query token, context token and layer in decoding: scores and values, 2 FLOP a product.

        Grouped attention: 4 * heads * head_dim. MLA attends in its latent: about 4 * heads * latent.
        """
        return 4.0 * self.heads * (self.latent or self.head_dim)

    @property
    def prompt_attention_flop(self) -> float:
        """The same in prefill, where MLA expands its latent: 4 * heads * head_dim."""
        return 4.0 * self.heads * self.head_dim


class Chain(Knobs):
    """An agent's chain: calls of one model that must follow each other, with tools between them."""

    model: str = Field(min_length=1, description="Workload whose model is called")
    steps: int = Field(ge=1, description="Calls in sequence")
    first_token_s: float = Field(ge=0, description="Time to the first token of a call [s]")
    tool_s: float = Field(ge=0, description="Time of a tool after a call [s]")


class Workload(Knobs):
    """A model that is served, with the mean lengths that its published throughput was measured at."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Short name; equal to the file's name")
    title: str = Field(min_length=1, description="Name in reports")
    input_tokens: float = Field(gt=0, le=1e7, description="Mean prompt length [tokens]")
    output_tokens: float = Field(gt=0, le=1e7, description="Mean answer length [tokens]")
    cached_share: float = Field(
        default=0.0, ge=0, le=1, description="Share of the prompt whose keys and values are kept from earlier calls"
    )
    source: str = Field(min_length=1, description="Where the lengths come from")
    certainty: Certainty = Field(description="H high, M medium, L low")
    architecture: Architecture | None = Field(default=None, description="The model that is served")
    chain: Chain | None = Field(default=None, description="A chain of calls of another workload's model")

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if self.architecture is not None and self.chain is not None:
            raise KnobError(
                "a chain has the architecture of the model that it calls",
                field="chain.model",
                value=self.chain.model,
                expected="either [architecture] or [chain]",
            )
        return self


Kind = Literal["accelerator", "workload", "fleet", "service"]
