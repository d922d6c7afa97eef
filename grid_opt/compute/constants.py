"""The few constants of the efficiency model: named, bounded, and stored with how they were found.

``models/compute/constants.toml`` holds them; ``scripts/compute/refit.py`` fits those marked ``fitted`` to the points
marked ``fit`` in ``models/compute/points.csv``, and a test checks that it finds the stored values again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from grid_opt.config.knobs import KnobError, Knobs
from grid_opt.config.reading import parse_toml, read_text, validate
from grid_opt.config.toml_text import key_rows
from grid_opt.errors import InputError
from grid_opt.resources import models_dir


class Constant(Knobs):
    """One constant with the bounds that it may not leave."""

    value: float = Field(ge=0, description="Value")
    low: float = Field(ge=0, description="Least that is physical")
    high: float = Field(gt=0, description="Most that is physical")
    unit: str = Field(min_length=1, description="Unit")
    fitted: bool = Field(description="Whether it was fitted; otherwise it was set from a source")
    meaning: str = Field(min_length=1, description="What it stands for, and its source where it was set")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise KnobError(
                "outside its own bounds", field="value", value=self.value, expected=f"{self.low:g} to {self.high:g}"
            )
        return self


class Constants(Knobs):
    """All constants of the model, by name."""

    bandwidth_share: Constant
    imbalance: Constant
    hopper_share: Constant
    blackwell_fp8_share: Constant
    blackwell_fp4_share: Constant
    attention_share: Constant
    link_share: Constant
    network_share: Constant
    layer_us: Constant
    latent_layer_us: Constant
    expert_layer_us: Constant
    collective_us: Constant
    peer_us: Constant
    network_us: Constant
    sequence_us: Constant
    prefill_use: Constant
    unpack_share: Constant
    draft_cost: Constant
    memory_share: Constant
    wafer_layer_us: Constant
    wafer_use: Constant
    wafer_hop_us: Constant
    wafer_load_use: Constant
    wafer_expert_skew: Constant
    wafer_memory_share: Constant
    software_per_year: Constant
    first_stack_gain: Constant
    first_stack_months: Constant

    def numbers(self) -> Numbers:
        """Return the plain values."""
        return Numbers(**{name: getattr(self, name).value for name in type(self).model_fields})


@dataclass(frozen=True)
class Numbers:
    """The values of :class:`Constants`, for arithmetic."""

    bandwidth_share: float
    imbalance: float
    hopper_share: float
    blackwell_fp8_share: float
    blackwell_fp4_share: float
    attention_share: float
    link_share: float
    network_share: float
    layer_us: float
    latent_layer_us: float
    expert_layer_us: float
    collective_us: float
    peer_us: float
    network_us: float
    sequence_us: float
    prefill_use: float
    unpack_share: float
    draft_cost: float
    memory_share: float
    wafer_layer_us: float
    wafer_use: float
    wafer_hop_us: float
    wafer_load_use: float
    wafer_expert_skew: float
    wafer_memory_share: float
    software_per_year: float
    first_stack_gain: float
    first_stack_months: float

    def but(self, **values: float) -> Numbers:
        """Return a copy with other values."""
        return replace(self, **values)


def constants_path() -> Path:
    """Return where the constants are stored."""
    return models_dir() / "compute" / "constants.toml"


def load_constants(path: Path | None = None) -> Constants:
    """Read the constants. Raises :class:`InputError` naming file, line and field."""
    path = path or constants_path()
    text = read_text(path)
    return validate(Constants, parse_toml(text, path), file=path, rows=key_rows(text))


@cache
def stored_numbers() -> Numbers:
    """Return the stored values; read once."""
    return load_constants().numbers()


def software_factor(year: int | None, numbers: Numbers | None = None) -> float:
    """Return how much more the same machine serves in a year than in 2026 [1].

    ``(1 + software_per_year) ** (year - 2026)``; 1 where no year is given. One benchmark gained 2.77 times in six
    months, others nothing in a year: take the bounds of the constant as its uncertainty. Raises
    :class:`InputError` for a year before 2024 or after 2035.
    """
    if year is None:
        return 1.0
    if not 2024 <= year <= 2035:
        raise InputError("no software factor for this year", field="year", value=year, expected="2024 to 2035")
    gain = (numbers or stored_numbers()).software_per_year
    return float((1.0 + gain) ** (year - 2026))


def maturity_factor(months: float | None, numbers: Numbers | None = None) -> float:
    """Return what a young software stack yields relative to a mature one [1].

    ``months`` since the model was first supported on that kind of accelerator; None is mature. The gain that is still
    to come shrinks evenly, in proportion: ``first_stack_gain ** (months / first_stack_months - 1)``, at most 1. Raises
    :class:`InputError` for months below 0.
    """
    if months is None:
        return 1.0
    if not 0 <= months <= 600:
        raise InputError("out of range", field="stack_months", value=months, expected="0 to 600 months")
    c = numbers or stored_numbers()
    return float(c.first_stack_gain ** min(months / c.first_stack_months - 1.0, 0.0))
